// The rate over time: in above the line, out below it, gaps where the sensor saw nothing. The pointer, or the arrow keys
// once the chart has the focus, read single moments.

const CHART = { height: 220, left: 68, right: 10, top: 12, bottom: 24 };
// The moment being read, by chart, as milliseconds since the epoch.
const reading = new Map();

function rateChart(name, series, options = {}) {
  const points = (series?.points || []).map((p) => ({ ...p, t: Date.parse(p.at) })).filter((p) => Number.isFinite(p.t));
  if (points.length < 2) return empty("No rates yet", "The first points come after two steps of time.");
  const step = (series.step_seconds || 10) * 1000;
  const scale = scales(points, options.height || CHART.height);
  const at = nearest(points, reading.get(name));
  return h(
    "figure.chart",
    { "data-key": `chart-${name}` },
    readout(at || points[points.length - 1], Boolean(at)),
    drawing(name, points, step, scale, at),
  );
}

function drawing(name, points, step, scale, at) {
  const { width, height, x, y } = scale;
  const peak = (key) => rate(Math.max(...points.map((p) => p[key] || 0)));
  const hover = (t) => {
    reading.set(name, t);
    redraw();
  };
  return s(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      tabindex: "0",
      "aria-label":
        `P2P rate from ${clock(points[0].at)} to ${clock(points[points.length - 1].at)}: in at most ${peak("p2p_in")}, ` +
        `out at most ${peak("p2p_out")}. Arrow keys read single moments.`,
      onpointermove: (e) => {
        const box = e.currentTarget.getBoundingClientRect();
        hover(scale.time(((e.clientX - box.left) * width) / box.width));
      },
      onpointerleave: () => hover(undefined),
      onkeydown: (e) => readByKey(e, points, name, hover),
    },
    s(
      "g.grid",
      {},
      scale.ticks.map((v) => [
        s("line", { x1: CHART.left, x2: width - CHART.right, y1: y(v), y2: y(v), class: v === 0 ? "zero" : null }),
        s("text", { x: CHART.left - 8, y: y(v) + 4, "text-anchor": "end" }, v === 0 ? "0" : rate(Math.abs(v))),
      ]),
    ),
    s(
      "g.grid",
      {},
      timeTicks(points, width).map((t) =>
        s("text", { x: x(t), y: height - 6, "text-anchor": "middle" }, HOUR.format(t)),
      ),
    ),
    segments(points, step).map((part) => [
      s("path.area.in", { d: area(part, x, y, (p) => p.p2p_in || 0) }),
      s("path.line.in", { d: path(part, x, y, (p) => p.p2p_in || 0) }),
      s("path.area.out", { d: area(part, x, y, (p) => -(p.p2p_out || 0)) }),
      s("path.line.out", { d: path(part, x, y, (p) => -(p.p2p_out || 0)) }),
    ]),
    at
      ? s(
          "g.cross",
          {},
          s("line", { x1: x(at.t), x2: x(at.t), y1: CHART.top, y2: height - CHART.bottom }),
          s("circle.in", { cx: x(at.t), cy: y(at.p2p_in || 0), r: 3.5 }),
          s("circle.out", { cx: x(at.t), cy: y(-(at.p2p_out || 0)), r: 3.5 }),
        )
      : null,
  );
}

// What the chart says at one moment, in words and numbers.
function readout(point, chosen) {
  const part = point.all > 0 ? share((point.p2p_in + point.p2p_out) / point.all) : null;
  return h(
    "figcaption",
    {},
    h("span.key.in", {}, h("i"), "in ", h("b.num", {}, rate(point.p2p_in))),
    h("span.key.out", {}, h("i"), "out ", h("b.num", {}, rate(point.p2p_out))),
    Number.isFinite(point.all)
      ? h("span.key", {}, "all traffic ", h("b.num", {}, rate(point.all)), part ? dim(` P2P ${part}`) : null)
      : null,
    h("span.when", {}, chosen ? "at " : "now, ", time(point.at)),
  );
}

function readByKey(event, points, name, hover) {
  const way = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (event.key === "Escape") hover(undefined);
  if (way === undefined) return;
  event.preventDefault();
  const now = nearest(points, reading.get(name)) || points[points.length - 1];
  const to = Math.max(0, Math.min(points.length - 1, points.indexOf(now) + way));
  hover(points[to].t);
}

function scales(points, height) {
  const width = Math.max(280, Math.min(1360, chartWidth()));
  const up = Math.max(1, ...points.map((p) => p.p2p_in || 0));
  const down = Math.max(0, ...points.map((p) => p.p2p_out || 0));
  const tick = niceStep((up + down) / 4);
  const most = Math.ceil(up / tick) * tick;
  const least = -Math.ceil(down / tick) * tick;
  const [from, to] = [points[0].t, points[points.length - 1].t];
  const inner = { w: width - CHART.left - CHART.right, h: height - CHART.top - CHART.bottom };
  const ticks = [];
  for (let v = least; v <= most + tick / 2; v += tick) ticks.push(Math.abs(v) < tick / 2 ? 0 : v);
  return {
    width,
    height,
    ticks,
    x: (t) => round(CHART.left + (inner.w * (t - from)) / (to - from || 1)),
    y: (v) => round(CHART.top + (inner.h * (most - v)) / (most - least || 1)),
    time: (px) => from + ((px - CHART.left) / inner.w) * (to - from),
  };
}

// The room a chart has: the view's width less the card's edges.
const chartWidth = () => Math.floor(document.getElementById("main").clientWidth - (window.innerWidth < 700 ? 50 : 74));

const round = (n) => Math.round(n * 10) / 10;

// The next power of two: its multiples are round in the units that bytes() shows.
const niceStep = (rough) => 2 ** Math.ceil(Math.log2(Math.max(rough, 1)));

// Ticks on whole minutes that leave room for their labels.
function timeTicks(points, width) {
  const [from, to] = [points[0].t, points[points.length - 1].t];
  const wish = (to - from) / Math.max(3, Math.floor(width / 110));
  const steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400].map((n) => n * 1000);
  const step = steps.find((n) => n >= wish) || 86400e3;
  const ticks = [];
  const margin = ((to - from) * 24) / width;
  for (let t = Math.ceil((from + margin) / step) * step; t <= to - margin; t += step) ticks.push(t);
  return ticks;
}

// Runs of points without a gap; a gap is more than one and a half steps of nothing.
function segments(points, step) {
  const parts = [];
  let last = null;
  for (const point of points) {
    if (point.p2p_in === null && point.p2p_out === null) {
      last = null;
      continue;
    }
    if (!last || point.t - last.t > 1.5 * step) parts.push([]);
    parts[parts.length - 1].push(point);
    last = point;
  }
  return parts;
}

const path = (part, x, y, value) => part.map((p, i) => `${i ? "L" : "M"}${x(p.t)} ${y(value(p))}`).join("");
const area = (part, x, y, value) =>
  `${path(part, x, y, value)}L${x(part[part.length - 1].t)} ${y(0)}L${x(part[0].t)} ${y(0)}Z`;

function nearest(points, t) {
  if (t === undefined) return null;
  return points.reduce((best, p) => (Math.abs(p.t - t) < Math.abs(best.t - t) ? p : best));
}
