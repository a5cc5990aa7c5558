// Draws one dashboard with Grafana's own panels: asks Prometheus what each panel asks, makes Grafana's data frames of the
// answers, and lays the panels out as the dashboard says. `draw.mjs` puts dashboard, time range and address into `window.draw`.

import React, { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import {
  FieldConfigOptionsRegistry,
  FieldType,
  applyFieldOverrides,
  createTheme,
  dateTime,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  renderLegendFormat,
  renderMarkdown,
  toDataFrame,
} from "@grafana/data";
import { BarGauge, BigValue, GlobalStyles, PanelChrome, ThemeContext, TimeSeries } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";

const { dashboard, prometheus, from, to, step, width, mode } = window.draw;
const theme = createTheme({ colors: { mode } });
const ROW = 38;
const GAP = 8;
const range = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: "now-5m", to: "now" } };

// What Grafana would fill in for the variables of the dashboards: everything that there is.
function filledIn(expression) {
  const values = { __rate_interval: "20s", __interval: `${step}s`, __range: `${to - from}s`, job: ".+", instance: ".+", host: ".+" };
  return expression.replace(/\$\{?(\w+)\}?/g, (whole, name) => values[name] ?? whole);
}

async function answer(target) {
  const instant = target.instant || target.format === "table";
  const when = instant ? `query?time=${to}` : `query_range?start=${from}&end=${to}&step=${step}`;
  const url = `${prometheus}/api/v1/${when}&query=${encodeURIComponent(filledIn(target.expr))}`;
  const reply = await (await fetch(url)).json();
  if (reply.status !== "success") throw new Error(`${target.expr}: ${reply.error}`);
  const series = reply.data.result;
  return target.format === "table" ? [table(series, target)] : series.map((one) => frame(one, target));
}

const time = (values) => ({ name: "Time", type: FieldType.time, values: values.map((value) => value[0] * 1000) });

function frame({ metric, value, values = [value] }, target) {
  const automatic = !target.legendFormat || target.legendFormat === "__auto";
  const labels = Object.entries(metric).map(([name, text]) => `${name}="${text}"`);
  const name = automatic ? labels.join(", ") || "Value" : renderLegendFormat(target.legendFormat, metric);
  const numbers = values.map((value) => Number(value[1]));
  const field = { name: "Value", type: FieldType.number, labels: metric, config: { displayNameFromDS: name }, values: numbers };
  return toDataFrame({ refId: target.refId, name, fields: [time(values), field] });
}

function table(series, target) {
  const names = [...new Set(series.flatMap((one) => Object.keys(one.metric)))].sort();
  const texts = names.map((name) => ({ name, type: FieldType.string, values: series.map((one) => one.metric[name] ?? "") }));
  const value = { name: "Value", type: FieldType.number, values: series.map((one) => Number(one.value[1])) };
  return toDataFrame({ refId: target.refId, fields: [time(series.map((one) => one.value)), ...texts, value] });
}

// The one transformation that the dashboards use; Grafana's own lives in its server's code.
function organized(frame, panel) {
  const options = panel.transformations?.find((one) => one.id === "organize")?.options;
  if (!options) return frame;
  const fields = frame.fields.filter((field) => !options.excludeByName[field.name]);
  return { ...frame, fields: fields.map((field) => ({ ...field, name: options.renameByName[field.name] ?? field.name })) };
}

const known = ["unit", "min", "max", "decimals", "displayName", "color", "thresholds", "mappings", "noValue", "links"];
const registry = new FieldConfigOptionsRegistry(() =>
  known.map((id) => ({
    id, path: id, name: id, description: "", settings: {}, isCustom: false,
    process: (value) => value, shouldApply: () => true, override: () => null, editor: () => null,
  })),
);

const LINE = {
  axisPlacement: "auto", drawStyle: "line", lineInterpolation: "linear", lineWidth: 1, fillOpacity: 0, showPoints: "never",
  pointSize: 5, stacking: { mode: "none", group: "A" }, spanNulls: false, thresholdsStyle: { mode: "off" },
  hideFrom: { viz: false, legend: false, tooltip: false },
};

// Units, colours and thresholds, as Grafana's server hands them to a panel.
function configured(panel, frames) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const steps = defaults.thresholds?.steps ?? [{ color: "green", value: null }];
  const thresholds = { mode: "absolute", ...defaults.thresholds, steps: steps.map((one) => ({ ...one, value: one.value ?? -Infinity })) };
  const fieldConfig = { defaults: { color: { mode: "palette-classic" }, ...defaults, thresholds }, overrides };
  const data = applyFieldOverrides({
    data: frames.map((one) => organized(one, panel)), fieldConfig, theme, timeZone: "utc", replaceVariables: (text) => text,
    fieldConfigRegistry: registry,
  });
  for (const field of data.flatMap((one) => one.fields))
    field.config.custom = { ...LINE, ...defaults.custom, ...field.config.custom };
  return data;
}

function Drawing({ panel, frames, width, height }) {
  const options = panel.options ?? {};
  const data = configured(panel, frames);
  if (panel.type === "timeseries")
    return (
      <TimeSeries frames={data} structureRev={1} timeRange={range} timeZone="utc" width={width} height={height}
        legend={options.legend} options={options}>{() => null}</TimeSeries>
    );
  if (panel.type === "table")
    return (
      <TableNG data={data[0]} width={width} height={height} structureRev={1} cellHeight={options.cellHeight} noHeader={false}
        showTypeIcons={false} fieldConfig={panel.fieldConfig} getActions={() => []} replaceVariables={(text) => text} />
    );
  const values = getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: (text) => text, theme, data,
    timeZone: "utc", sparkline: panel.type === "stat" && options.graphMode !== "none",
  });
  const part = width / Math.max(values.length, 1);
  if (panel.type === "stat")
    return (
      <div style={{ display: "flex" }}>
        {values.map((value, i) => (
          <BigValue key={i} value={value.display} count={values.length} width={part} height={height} theme={theme}
            sparkline={value.sparkline} colorMode={options.colorMode} graphMode={options.graphMode}
            justifyMode={options.justifyMode} textMode={options.textMode} />
        ))}
      </div>
    );
  if (panel.type === "bargauge") {
    const high = Math.min(Math.floor(height / Math.max(values.length, 1)) - GAP, 40);
    return (
      <div>
        {values.map((value, i) => (
          <div key={i} style={{ marginBottom: GAP }}>
            <BarGauge value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
              width={width} height={high} theme={theme} orientation={options.orientation} displayMode={options.displayMode}
              showUnfilled={options.showUnfilled} valueDisplayMode={options.valueMode} itemSpacing={GAP} lcdCellWidth={12}
              alignmentFactors={getDisplayValueAlignmentFactors(values)} />
          </div>
        ))}
      </div>
    );
  }
  throw new Error(`no panel for ${panel.type}`);
}

// A panel that fails is a failure of the drawing, told by `draw.mjs`.
class Guard extends React.Component {
  state = {};
  static getDerivedStateFromError = (error) => ({ error });
  componentDidCatch(error) {
    window.failed.push(`${this.props.title}: ${error.message}`);
  }
  render() {
    return this.state.error ? <pre>{String(this.state.error)}</pre> : this.props.children;
  }
}

function Panel({ panel }) {
  const [frames, setFrames] = useState();
  useEffect(() => {
    Promise.all((panel.targets ?? []).map(answer))
      .then((found) => setFrames(found.flat()))
      .catch((error) => window.failed.push(`${panel.title}: ${error.message}`))
      .finally(() => (window.drawn += 1));
  }, []);
  const { x, y, w, h } = panel.gridPos;
  const column = width / 24;
  const box = { position: "absolute", left: x * column + GAP / 2, top: y * ROW + GAP / 2, width: w * column - GAP, height: h * ROW - GAP };
  if (panel.type === "row")
    return <div style={{ ...box, font: "500 16px sans-serif", lineHeight: `${box.height}px`, color: theme.colors.text.primary }}>{panel.title}</div>;
  const inside = (width, height) => {
    if (panel.type === "text")
      return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderMarkdown(panel.options.content) }} />;
    if (!frames) return null;
    if (!frames.length || frames.every((one) => !one.length)) return <Nothing />;
    return <Guard title={panel.title}><Drawing panel={panel} frames={frames} width={width} height={height} /></Guard>;
  };
  return (
    <div style={box}>
      <PanelChrome title={panel.title} description={panel.description} width={box.width} height={box.height}>{inside}</PanelChrome>
    </div>
  );
}

const Nothing = () => (
  <div style={{ display: "grid", placeItems: "center", height: "100%", color: theme.colors.text.secondary }}>No data</div>
);

const height = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * ROW;
Object.assign(window, { failed: [], drawn: 0, wanted: dashboard.panels.length });
createRoot(document.getElementById("root")).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles isExtensionSidebarOpen={false} />
    <div style={{ position: "relative", width, height, background: theme.colors.background.canvas }}>
      {dashboard.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
    </div>
  </ThemeContext.Provider>,
);
