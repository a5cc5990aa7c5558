// Draws dashboards into pictures, as a Grafana in front of this Prometheus would show them.
//
//   node draw.mjs http://127.0.0.1:9090 FOLDER DASHBOARD.json...
//
// Shows the last SECONDS (240); MODE is dark or light; ROWS (all) cuts the picture. Exit status 1 when a panel fails.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const [prometheus, folder, ...files] = process.argv.slice(2);
const { SECONDS = "240", MODE = "dark", ROWS = "" } = process.env;
const WIDTH = 1600;

const { outputFiles } = await build({
  entryPoints: ["page.jsx"],
  outdir: "none",
  write: false,
  bundle: true,
  minify: true,
  jsx: "transform",
  format: "iife",
  logLevel: "error",
  define: { "process.env.NODE_ENV": '"production"' },
  loader: Object.fromEntries([".svg", ".woff", ".woff2", ".ttf", ".png"].map((kind) => [kind, "dataurl"])),
  alias: { "react-custom-scrollbars-2": "./scrollbars.cjs" },
});
const built = Object.fromEntries(outputFiles.map((file) => [`/${basename(file.path)}`, file.contents]));

const page = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/page.css"><style>body { margin: 0 }</style>
<div id="root"></div><script src="/draw.js"></script><script src="/page.js"></script>`;
const kinds = { ".js": "text/javascript", ".css": "text/css" };

let draw = {};
const server = createServer((request, response) => {
  const path = request.url;
  const body = path === "/" ? page : path === "/draw.js" ? `window.draw = ${JSON.stringify(draw)}` : (built[path] ?? "");
  response.writeHead(200, { "content-type": kinds[path.slice(path.lastIndexOf("."))] ?? "text/html" }).end(body);
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let failures = 0;
for (const file of files) {
  const dashboard = JSON.parse(readFileSync(file, "utf8"));
  const to = Math.floor(Date.now() / 1000) - 2;
  const from = to - Number(SECONDS);
  draw = { dashboard, prometheus, from, to, step: Math.max(1, Math.round(Number(SECONDS) / 240)), width: WIDTH, mode: MODE };
  const tab = await browser.newPage({ viewport: { width: WIDTH, height: 900 } });
  const errors = [];
  tab.on("pageerror", (error) => errors.push(error.message));
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  // Rows and texts count as drawn at once; what asks Prometheus when it has its answer.
  await tab.waitForFunction(() => window.drawn >= window.wanted, null, { timeout: 60_000 });
  await tab.waitForTimeout(1_500);
  errors.push(...(await tab.evaluate(() => window.failed)));
  const name = basename(file, ".json");
  const size = await tab.evaluate(() => document.getElementById("root").firstElementChild.getBoundingClientRect().height);
  const height = ROWS ? Math.min(size, Number(ROWS) * 38) : size;
  await tab.setViewportSize({ width: WIDTH, height: Math.ceil(size) });
  await tab.waitForTimeout(500);
  await tab.screenshot({ path: `${folder}/${name}.png`, clip: { x: 0, y: 0, width: WIDTH, height } });
  const empty = await tab.getByText("No data", { exact: true }).count();
  console.log(`${name}: ${dashboard.panels.length} panels, ${empty} without data, ${errors.length} failed`);
  errors.forEach((error) => console.error(`  ${error}`));
  failures += errors.length;
  await tab.close();
}
await browser.close();
server.close();
process.exit(failures ? 1 : 0);
