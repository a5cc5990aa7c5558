// The frame around the views: routes in the address's hash, loading, live updates, theme, keys.

const ROUTES = [
  { path: /^\/?$/, nav: "Overview", href: "#/", view: overviewView },
  { path: /^\/hosts$/, nav: "Hosts", href: "#/hosts", view: hostsView },
  { path: /^\/hosts\/(.+)$/, view: hostView, under: "#/hosts" },
  { path: /^\/torrents$/, nav: "Torrents", href: "#/torrents", view: torrentsView },
  { path: /^\/torrents\/(.+)$/, view: torrentView, under: "#/torrents" },
  { path: /^\/flows$/, nav: "Flows", href: "#/flows", view: flowsView },
  { path: /^\/exposure$/, nav: "Exposure", href: "#/exposure", view: exposureView },
  { path: /^\/alerts$/, nav: "Alerts", href: "#/alerts", view: alertsView },
  { path: /^\/sensor$/, nav: "Sensor", href: "#/sensor", view: sensorView },
];

const lostView = {
  title: () => "Not found",
  load: async () => ({}),
  draw: () => [heading("No such view"), empty("This address leads nowhere", link("#/", "To the overview"))],
};

const POLL_MS = 5000;
const NEWS_PAUSE_MS = 2500;
const NEWS_MOST = 10;

// What is shown: `data` belongs to `route`; `error` says why it is missing or old.
const shown = { route: null, data: null, error: null, at: 0, streaming: false };
const news = [];
// As they were last told.
let homeNets = [];
let firing = 0;
let turn = 0;
let due = 0;
// Whether the search was asked for, from a view without one.
let searching = false;

function readRoute() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  for (const route of ROUTES) {
    const match = route.path.exec(path);
    if (match)
      return {
        ...route,
        raw: path,
        id: decoded(match[1] || ""),
        query: Object.fromEntries(new URLSearchParams(query)),
      };
  }
  return { view: lostView, raw: path, query: {} };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Asks for the same view with other parameters; null removes one.
function ask(change) {
  const route = readRoute();
  const query = Object.entries({ ...route.query, ...change }).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  const text = new URLSearchParams(query.map(([key, value]) => [key, String(value)])).toString();
  const hash = `#${route.raw || "/"}${text ? `?${text}` : ""}`;
  if (hash !== location.hash) location.replace(hash);
}

// Reads the API. Throws an object {status, message}; status 0 means that nothing answered.
async function get(path, query = {}) {
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(asked.map(([key, value]) => [key, String(value)])).toString();
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}${text ? `?${text}` : ""}`, {
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(15000),
    });
  } catch {
    throw { status: 0, message: "the sensor does not answer" };
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw { status: answer.status, message: String(body.error || answer.statusText) };
  return body;
}

async function navigate() {
  const route = readRoute();
  const elsewhere = !shown.route || shown.route.raw !== route.raw;
  if (elsewhere) {
    const first = !shown.route;
    Object.assign(shown, { route, data: null, error: null });
    reading.clear();
    redraw();
    window.scrollTo(0, 0);
    document.querySelector("#nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    await refresh();
    // Where a screen reader goes on reading; the first page keeps the browser's own start.
    if (searching) document.getElementById("search")?.focus();
    else if (!first) document.getElementById("title")?.focus({ preventScroll: true });
    searching = false;
  } else {
    shown.route = route;
    await refresh();
  }
}

// Loads what is shown, again; the answer to an older question is thrown away.
async function refresh() {
  const mine = ++turn;
  clearTimeout(due);
  const { route } = shown;
  try {
    const data = await route.view.load(route);
    if (mine !== turn) return;
    Object.assign(shown, { data, error: null, at: Date.now() });
  } catch (error) {
    if (mine !== turn) return;
    shown.error = Number.isInteger(error?.status) ? error : { status: -1, message: String(error) };
    if (shown.error.status === 404) shown.data = null;
  }
  redraw();
  if (!document.hidden) due = setTimeout(refresh, POLL_MS);
}

function redraw() {
  const { route, data, error } = shown;
  const fresh = h("main");
  fresh.append(...[content(route, data, error)].flat(Infinity).filter((node) => node));
  const main = document.getElementById("main");
  main.setAttribute("aria-busy", String(!data && !error));
  patch(main, fresh);
  document.title = `${route.view.title(route)} · swarmscope`;
  drawNav(route);
  drawBanner();
  drawLive();
}

function content(route, data, error) {
  if (!data && error && error.status === 404 && route.view.missing) return route.view.missing(route);
  if (!data && error) return [heading(cut(spell(route.view.title(route)), 60)), failure(error)];
  if (!data)
    return [heading(cut(spell(route.view.title(route)), 60)), h("div.loading", { role: "status" }, "Loading…")];
  return route.view.draw(route, data);
}

function failure(error) {
  const retry = h("button", { type: "button", onclick: refresh }, "Try again");
  switch (error.status) {
    case 0:
      return empty(
        "The sensor does not answer",
        "Is `swarmscope watch` still running? This page tries again every few seconds. ",
        retry,
      );
    case 401:
      return empty("Not signed in", "Load this page again and give name and password. ", retry);
    case 404:
      return empty("Not found", net(error.message, 200));
    default:
      return empty("The sensor could not answer", net(error.message, 200), " ", retry);
  }
}

function drawNav(route) {
  const here = route.under || route.href;
  firing = shown.data?.now?.counts?.alerts_firing ?? firing;
  const fresh = h(
    "nav",
    {},
    ROUTES.filter((item) => item.nav).map((item) =>
      h(
        "a",
        { href: item.href, "aria-current": item.href === here ? "page" : null },
        item.nav,
        item.nav === "Alerts" && firing ? h("span.count", { title: "firing" }, count(firing)) : null,
      ),
    ),
  );
  patch(document.getElementById("nav"), fresh);
}

// What is shown is old: said across the page, once there is something to be old.
function drawBanner() {
  const old = shown.data && shown.error;
  const why =
    old &&
    (shown.error.status === 0
      ? "Connection to the sensor lost"
      : `The sensor answered: ${spell(cut(shown.error.message, 120))}`);
  const fresh = h(
    "div",
    {},
    old
      ? h(
          "p.banner",
          {},
          h("b", {}, `${why}. `),
          "Shown is what was known at ",
          time(shown.at),
          ". Trying again every few seconds.",
        )
      : null,
  );
  patch(document.getElementById("banner"), fresh);
}

function drawLive() {
  const word = shown.error ? ["bad", "offline"] : shown.streaming ? ["good", "live"] : ["dim", "polling"];
  const note = {
    good: "News arrive as they happen",
    dim: "Asked every few seconds",
    bad: "The sensor does not answer",
  }[word[0]];
  patch(document.getElementById("live"), h("span", {}, h(`i.dot.${word[0]}`, { title: note }), word[1]));
}

// The stream of events: each is news for the overview and a reason to look again soon.
function listen() {
  const stream = new EventSource("/api/v1/events");
  let waiting = 0;
  const told = (message) => {
    if (message.type !== "stats") remember(message.data);
    if (waiting || document.hidden) return;
    waiting = setTimeout(() => {
      waiting = 0;
      refresh();
    }, NEWS_PAUSE_MS);
  };
  for (const type of ["flow", "torrent", "host", "alert", "stats"]) stream.addEventListener(type, told);
  stream.onopen = () => {
    shown.streaming = true;
    drawLive();
  };
  stream.onerror = () => {
    shown.streaming = false;
    drawLive();
    // The browser gives up for good after some refusals, such as 503 while all places are taken.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2 * POLL_MS);
  };
}

let newsSeen = 0;

function remember(text) {
  let event;
  try {
    event = JSON.parse(text);
  } catch {
    return;
  }
  newsSeen += 1;
  news.unshift({ ...event, key: `n${newsSeen}` });
  news.length = Math.min(news.length, NEWS_MOST);
}

const THEMES = ["auto", "light", "dark"];

function theme() {
  try {
    return THEMES.find((name) => name === localStorage.getItem("theme")) || "auto";
  } catch {
    return "auto";
  }
}

function setTheme(name) {
  if (name === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", name);
  try {
    localStorage.setItem("theme", name);
  } catch {
    /* Storage may be switched off; the choice then lasts as long as the page. */
  }
  const button = document.getElementById("theme");
  button.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[name];
  button.setAttribute("aria-label", `Colours: ${name}. Switch to ${after(name)}`);
  button.onclick = () => setTheme(after(name));
}

const after = (name) => THEMES[(THEMES.indexOf(name) + 1) % THEMES.length];

function keys(event) {
  const writing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.nodeName);
  if (event.key !== "/" || writing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const box = document.getElementById("search");
  if (box) box.select();
  else {
    searching = true;
    location.hash = "#/hosts";
  }
}

function start() {
  setTheme(theme());
  document.getElementById("skip").onclick = (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  };
  window.addEventListener("hashchange", navigate);
  window.addEventListener("keydown", keys);
  window.addEventListener("resize", () => {
    if (shown.data) redraw();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  get("stats")
    .then((coverage) => {
      homeNets = coverage.home_nets || [];
    })
    .catch(() => {});
  navigate();
  listen();
}

start();
