// Drives the page in headless Chromium and says what does not hold. Exit status 0 when all of it does.
//
//   node check.mjs BASE [--mock] [--shots DIR]
//
// BASE is the address of a running `swarmscope watch`, or of the mock; with --mock also what needs its hostile names and its
// scenes. CHROMIUM names another browser.

import { chromium } from "playwright-core";
import { mkdirSync } from "node:fs";

const [base, ...options] = process.argv.slice(2);
const mock = options.includes("--mock");
const shots = options.includes("--shots") ? options[options.indexOf("--shots") + 1] : null;
const VIEWS = ["", "hosts", "torrents", "flows", "exposure", "alerts", "sensor"];
const WIDTHS = { wide: { width: 1400, height: 900 }, narrow: { width: 390, height: 844 } };

let failed = 0;
let checked = 0;

function hold(what, ok, detail = "") {
  checked += 1;
  if (ok) return;
  failed += 1;
  console.log(`FAILED: ${what}${detail ? ` (${detail})` : ""}`);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
if (shots) mkdirSync(shots, { recursive: true });

// A page that complains about every message of the console and every breach of the content security policy.
async function open(size, more = {}) {
  const context = await browser.newContext({ viewport: size, timezoneId: "Europe/Berlin", ...more });
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) page.complaints.push(message.text());
  });
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) page.complaints.push(`outside: ${request.url()}`);
  });
  await page.addInitScript(() => {
    window.breaches = [];
    document.addEventListener("securitypolicyviolation", (event) =>
      window.breaches.push(`${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  return page;
}

async function close(page, what) {
  hold(`${what}: the console is silent`, page.complaints.length === 0, page.complaints.join(" | ").slice(0, 400));
  const breaches = await page.evaluate(() => window.breaches);
  hold(`${what}: the content security policy holds`, breaches.length === 0, breaches.join(" | "));
  await page.context().close();
}

async function visit(page, hash) {
  await page.goto(`${base}/#/${hash}`);
  await page.waitForSelector("main[aria-busy=false]");
  await page.waitForFunction(() => !document.querySelector(".loading"));
}

async function shoot(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
}

// Nothing is wider than the window, and nothing sticks out of it unless its own box scrolls.
async function fits(page, what) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  hold(`${what}: no horizontal overflow`, wide <= 0, `${wide} px`);
  const boxes = await page.evaluate(() =>
    [...document.querySelectorAll(".table")]
      .filter((box) => box.scrollWidth > box.clientWidth + 1)
      .map((box) => `${box.querySelector("caption")?.textContent}: ${box.scrollWidth} of ${box.clientWidth}`),
  );
  hold(`${what}: no table scrolls sideways`, boxes.length === 0, boxes.join("; "));
}

// No heading is empty, and no number lost its meaning on the way.
async function sane(page, what) {
  const text = await page.evaluate(() => document.querySelector("main").innerText);
  hold(`${what}: has a heading`, await page.locator("main h1").first().isVisible());
  for (const bad of ["undefined", "NaN", "[object", "null"])
    hold(`${what}: does not say "${bad}"`, !text.includes(bad));
}

async function everyView() {
  for (const [name, size] of Object.entries(WIDTHS)) {
    for (const scheme of ["light", "dark"]) {
      const page = await open(size, { colorScheme: scheme });
      for (const view of VIEWS) {
        const what = `${view || "overview"} ${name} ${scheme}`;
        await visit(page, view);
        await sane(page, what);
        await fits(page, what);
        await shoot(page, `${view || "overview"}-${name}-${scheme}`);
      }
      await close(page, `${name} ${scheme}`);
    }
  }
}

// The page of the busiest host and of the busiest torrent, reached by their links.
async function details() {
  for (const [name, size] of Object.entries(WIDTHS)) {
    const page = await open(size, { colorScheme: name === "wide" ? "light" : "dark" });
    for (const view of ["hosts", "torrents"]) {
      await visit(page, view);
      const links = page.locator(`tbody a[href^="#/${view}/"]`);
      if (!(await links.count())) continue;
      await links.first().click();
      await page.waitForSelector(".crumbs");
      await sane(page, `one of ${view}, ${name}`);
      await fits(page, `one of ${view}, ${name}`);
      hold(
        `one of ${view}, ${name}: focus goes to the heading`,
        (await page.evaluate(() => document.activeElement.nodeName)) === "H1",
      );
      if (shots) await page.screenshot({ path: `${shots}/one-of-${view}-${name}.png`, fullPage: true });
    }
    await close(page, `details, ${name}`);
  }
}

async function unknown() {
  const page = await open(WIDTHS.wide);
  await visit(page, "no/such/view");
  hold("an unknown view says so", (await page.locator("main").innerText()).includes("No such view"));
  await close(page, "unknown view");
  const lost = await open(WIDTHS.wide);
  await visit(lost, "hosts/192.0.2.254");
  hold("an unknown host says so", (await lost.locator("main").innerText()).includes("Unknown host"));
  // The refusal itself (404) is the browser's own line in the console.
  lost.complaints = lost.complaints.filter((line) => !line.includes("404"));
  await close(lost, "unknown host");
}

async function byKeyboard() {
  const page = await open(WIDTHS.wide);
  await visit(page, "");
  await page.keyboard.press("Tab");
  hold("the first tab stop is the skip link", (await page.evaluate(() => document.activeElement.id)) === "skip");
  hold("the skip link shows", await page.evaluate(() => document.activeElement.getBoundingClientRect().top >= 0));
  await page.keyboard.press("Enter");
  hold("the skip link leads to the content", (await page.evaluate(() => document.activeElement.id)) === "main");
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement.id === "search");
  hold("/ leads to the search of hosts", page.url().includes("#/hosts"));
  await page.keyboard.type("no such host");
  await page.waitForSelector("main .empty");
  hold("a search stands in the address", page.url().includes("q=no+such+host"));
  hold("typing is not disturbed", (await page.inputValue("#search")) === "no such host");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !location.hash.includes("q="));
  hold("Escape leaves the search", (await page.evaluate(() => document.activeElement.id)) !== "search");
  await sorting(page);
  await close(page, "keyboard");
}

async function sorting(page) {
  await visit(page, "hosts");
  const header = page.locator("thead th", { hasText: "Host" });
  if (!(await header.count())) return;
  await header.locator("button").focus();
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  hold("the focus shows", ring !== "none", ring);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector('th[aria-sort="ascending"]'));
  hold("a table is sorted by its button", page.url().includes("sort=address"));
  hold("the button keeps the focus", (await page.evaluate(() => document.activeElement.className)) === "sort");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector('th[aria-sort="descending"]'));
}

async function themes() {
  const page = await open(WIDTHS.wide, { colorScheme: "light" });
  await visit(page, "");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground();
  hold("the page follows the system's colours", light !== dark);
  await page.click("#theme");
  hold("the button overrules the system", (await ground()) === light);
  await page.reload();
  await page.waitForSelector("main[aria-busy=false]");
  hold("the choice is kept", (await ground()) === light);
  await page.click("#theme");
  hold("the button leads on to dark", (await ground()) === dark);
  await close(page, "themes");
}

// Whether the sensor still sees packets: one that has read a capture to its end stands still.
async function movesOn() {
  const now = async () => (await (await fetch(`${base}/api/v1/overview`)).json()).now;
  const before = await now();
  await new Promise((done) => setTimeout(done, 4000));
  return (await now()) !== before;
}

async function updates() {
  const page = await open(WIDTHS.wide);
  await visit(page, "");
  await page.waitForFunction(() => document.querySelector("#live").textContent === "live", null, { timeout: 20000 });
  const before = await page
    .locator(".chart .line.in")
    .first()
    .getAttribute("d")
    .catch(() => null);
  if (before) {
    if (await movesOn()) {
      await page.waitForFunction((old) => document.querySelector(".chart .line.in").getAttribute("d") !== old, before, {
        timeout: 40000,
      });
    }
    await page.locator(".chart svg").first().focus();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    hold("the chart is read by keys", (await page.locator(".chart .when").first().innerText()).startsWith("at "));
  }
  await close(page, "updates");
}

const scene = (name) => fetch(`${base}/mock?scene=${name}`, { method: "POST" });

async function hostile() {
  for (const [name, size] of Object.entries(WIDTHS)) {
    const page = await open(size);
    for (const view of [
      "hosts",
      "torrents",
      "flows",
      "alerts",
      "torrents?q=script",
      "torrents/000a000a000a000a000a000a000a000a000a000a",
    ]) {
      await visit(page, view);
      await fits(page, `${view} with hostile names, ${name}`);
      const names = await page.evaluate(
        () =>
          document.querySelector("main").innerHTML.includes("<img") || Boolean(document.querySelector("main script")),
      );
      hold(`${view}: no markup from a name`, !names);
      if (view.startsWith("torrents")) await shoot(page, `hostile-${view.replace(/[^a-z]+/g, "-")}-${name}`);
    }
    hold("no script from a name ran", (await page.evaluate(() => window.hacked)) === undefined);
    await visit(page, "torrents?q=script");
    hold(
      "the name is shown as text",
      (await page.locator("tbody").innerText()).includes("<script>window.hacked = 1</script>"),
    );
    await visit(page, "torrents?q=holiday");
    const turned = await page.locator("tbody bdi").first().innerText();
    hold("turning marks are spelled out", turned.includes("\\u{202E}") && !turned.includes("\u202E"), turned);
    await close(page, `hostile, ${name}`);
  }
}

async function scenes() {
  const page = await open(WIDTHS.wide);
  await scene("empty");
  for (const view of VIEWS) {
    await visit(page, view);
    await sane(page, `${view || "overview"}, nothing seen`);
    if (["", "hosts"].includes(view)) await shoot(page, `empty-${view || "overview"}`);
  }
  await scene("sick");
  await visit(page, "");
  await page.waitForSelector(".strip.wrong");
  await shoot(page, "sick");
  await close(page, "scenes");
  await lost();
  await scene("normal");
}

// The sensor goes away while the page is open, and comes back.
async function lost() {
  await scene("normal");
  const page = await open(WIDTHS.wide);
  await visit(page, "hosts");
  await scene("lost");
  await page.waitForSelector(".banner", { timeout: 20000 });
  hold("what was known stays", (await page.locator("tbody tr").count()) > 0);
  await page.waitForFunction(() => document.querySelector("#live").textContent === "offline");
  await shoot(page, "lost");
  await page.evaluate(() => {
    location.hash = "#/torrents";
  });
  await page.waitForSelector("main .empty");
  await shoot(page, "lost-at-once");
  await scene("normal");
  await page.waitForSelector("main table", { timeout: 20000 });
  await page.waitForFunction(() => !document.querySelector(".banner"));
  page.complaints = page.complaints.filter((line) => !/ERR_EMPTY_RESPONSE|ERR_CONNECTION|ERR_INCOMPLETE/.test(line));
  await close(page, "sensor lost");
}

for (const part of [everyView, details, unknown, byKeyboard, themes, updates, ...(mock ? [hostile, scenes] : [])]) {
  try {
    await part();
  } catch (error) {
    hold(part.name, false, String(error).slice(0, 400));
  }
}
await browser.close();
console.log(`${checked} checks, ${failed} failed`);
process.exit(failed ? 1 : 0);
