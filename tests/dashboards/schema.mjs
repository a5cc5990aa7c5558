// Writes each dashboard as TypeScript literals of the types that Grafana publishes, and lets the compiler compare: a field
// that Grafana does not know, or a word that it does not allow, is an error with its place.
//
//   node schema.mjs DASHBOARD.json...

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

const PANELS = "@grafana/schema/dist/types/raw/composable";
const typed = (kind) => existsSync(`node_modules/${PANELS}/${kind}/panelcfg/x/types.gen.d.ts`);

// JSON has words and numbers where Grafana's types have enums: a word is as good as the enum's member of that value.
const LOOSE = `type Loose<T> =
  T extends string ? \`\${T}\` :
  T extends number ? (number extends T ? number : T | (\`\${T}\` extends \`\${infer N extends number}\` ? N : never)) :
  T extends boolean | null | undefined ? T :
  T extends (infer Item)[] ? Loose<Item>[] :
  T extends object ? { [Key in keyof T]?: Loose<T[Key]> } : T;
`;

function statements(name, dashboard) {
  const { panels, templating, annotations, ...top } = dashboard;
  const lines = [declare(`${name}_top`, "Dashboard", { ...top, annotations: { list: annotations.list.map(plain) } })];
  // Real exports have `definition`, which the published types forget.
  templating.list.forEach(({ definition, ...variable }, i) =>
    lines.push(declare(`${name}_variable${i}`, "VariableModel", variable)),
  );
  for (const { options, fieldConfig, targets, panels: inside, ...panel } of panels) {
    const place = `${name}_panel${panel.id}`;
    lines.push(declare(place, panel.type === "row" ? "RowPanel" : "Panel", panel));
    if (fieldConfig) {
      const { custom, ...defaults } = fieldConfig.defaults;
      lines.push(declare(`${place}_field`, 'Panel["fieldConfig"]', { ...fieldConfig, defaults }));
      if (custom && panel.type !== "table" && typed(panel.type))
        lines.push(declare(`${place}_custom`, `${panel.type}.FieldConfig`, custom));
    }
    if (options && typed(panel.type)) lines.push(declare(`${place}_options`, `${panel.type}.Options`, options));
  }
  return lines;
}

// What the data source adds to an annotation is not part of the schema.
const plain = ({ expr, step, tagKeys, textFormat, titleFormat, ...annotation }) => annotation;

const declare = (name, type, value) => `export const ${name}: Loose<${type}> = ${JSON.stringify(value)};`;

const files = process.argv.slice(2);
const dashboards = files.map((file) => [
  basename(file, ".json").replace(/\W/g, "_"),
  JSON.parse(readFileSync(file, "utf8")),
]);
const kinds = new Set(dashboards.flatMap(([, dashboard]) => dashboard.panels.map((panel) => panel.type)).filter(typed));
const imports = [
  'import type { Dashboard, Panel, RowPanel, VariableModel } from "@grafana/schema";',
  ...[...kinds].map(
    (kind) => `import type * as ${kind} from "../node_modules/${PANELS}/${kind}/panelcfg/x/types.gen";`,
  ),
];
mkdirSync("generated", { recursive: true });
writeFileSync(
  "generated/dashboards.ts",
  [...imports, LOOSE, ...dashboards.flatMap(([name, json]) => statements(name, json))].join("\n"),
);

const flags = [
  "--noEmit",
  "--strict",
  "--skipLibCheck",
  "--module",
  "esnext",
  "--moduleResolution",
  "bundler",
  "--target",
  "es2022",
];
try {
  execFileSync("node_modules/.bin/tsc", [...flags, "generated/dashboards.ts"], { stdio: "pipe" });
  console.log(
    `${files.length} dashboards fit Grafana's schema; panels with types of their own: ${[...kinds].join(", ")}`,
  );
} catch (error) {
  console.log(String(error.stdout).slice(0, 4000));
  process.exitCode = 1;
}
