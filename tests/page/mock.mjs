// Answers the HTTP API as `swarmscope watch` does, from what `swarmscope analyze` says of the demo capture, so that the page
// can be worked on and tested without a network: the demo's hosts, a hundred more made from them, and hostile names.
//
//   node mock.mjs PORT SUMMARY.json EVENTS.jsonl
//
// `POST /mock?scene=normal|empty|lost|sick` changes what it plays.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { makeWorld } from "./world.mjs";

const PAGE = fileURLToPath(new URL("../../src/output/page/", import.meta.url));
const CSP = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const [port, summaryFile, eventsFile] = process.argv.slice(2);
const summary = JSON.parse(readFileSync(summaryFile, "utf8"));
const events = readFileSync(eventsFile, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const world = makeWorld(summary, events);
const listeners = new Set();
let scene = "normal";

// The script is put together as src/output/page/mod.rs says.
function script() {
  const parts = [...readFileSync(`${PAGE}mod.rs`, "utf8").matchAll(/include_str!\("([a-z]+\.js)"\)/g)];
  return parts.map(([, name]) => readFileSync(PAGE + name, "utf8")).join("");
}

const FILES = {
  "/": ["text/html; charset=utf-8", () => readFileSync(`${PAGE}index.html`)],
  "/assets/app.css": ["text/css; charset=utf-8", () => readFileSync(`${PAGE}app.css`)],
  "/assets/icon.svg": ["image/svg+xml", () => readFileSync(`${PAGE}icon.svg`)],
  "/assets/app.js": ["text/javascript; charset=utf-8", script],
};

function send(response, status, type, body) {
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
  });
  response.end(body);
}

const json = (response, status, value) => send(response, status, "application/json", JSON.stringify(value));

function page(items, query) {
  const limit = Math.min(500, Number(query.get("limit") || 50));
  const offset = Number(query.get("offset") || 0);
  return { total: items.length, limit, offset, items: items.slice(offset, offset + limit) };
}

function sorted(items, query, keys) {
  const key = keys[query.get("sort")] || keys.bytes;
  const way = query.get("order") === "asc" ? 1 : -1;
  const compare = (a, b) =>
    typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return [...items].sort((a, b) => way * compare(key(a), key(b)));
}

function api(path, query) {
  const now = scene === "empty" ? world.nothing : world;
  const has = (text) =>
    String(text)
      .toLowerCase()
      .includes((query.get("q") || "").toLowerCase());
  const [room, id] = path.split("/").map(decodeURIComponent);
  switch (room) {
    case "overview":
      return now.overview(scene);
    case "hosts": {
      if (id) return now.host(id);
      const fits = now.hosts.filter(
        (host) =>
          has(host.address + host.clients.map((c) => c.name)) &&
          (!query.get("state") || host.state === query.get("state")),
      );
      return page(sorted(fits, query, world.hostKeys), query);
    }
    case "torrents":
      if (id) return now.torrent(id);
      return page(
        sorted(
          now.torrents.filter((t) => has(t.info_hash + (t.name?.text || ""))),
          query,
          world.torrentKeys,
        ),
        query,
      );
    case "flows": {
      const host = query.get("host");
      const is = (key, value) => !query.get(key) || [value].flat().includes(query.get(key));
      return page(
        now.flows.filter(
          (f) =>
            (!host || f.src_ip === host || f.dest_ip === host) &&
            is("kind", f.p2p.kinds) &&
            is("grade", f.p2p.grade) &&
            is("encryption", f.p2p.encryption) &&
            is("running", String(f.flow.state === "established" && !f.flow.reason)),
        ),
        query,
      );
    }
    case "exposure":
      return page(now.exposure, query);
    case "alerts":
      return page(now.alerts, query);
    case "dht":
      return now.dht;
    case "stats":
      return now.coverage;
    case "top":
      return now.top(query.get("by"), Number(query.get("k") || 20));
    default:
      return null;
  }
}

function stream(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  response.write(": hello\n\n");
  listeners.add(response);
  response.on("close", () => listeners.delete(response));
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://mock");
  if (url.pathname === "/mock" && request.method === "POST") {
    scene = url.searchParams.get("scene");
    return json(response, 200, { scene });
  }
  if (scene === "lost") return request.socket.destroy();
  const file = FILES[url.pathname];
  if (file) return send(response, 200, file[0], file[1]());
  if (url.pathname === "/api/v1/events") return stream(response);
  const answer = url.pathname.startsWith("/api/v1/") ? api(url.pathname.slice(8), url.searchParams) : null;
  return answer ? json(response, 200, answer) : json(response, 404, { error: `${url.pathname} is not known here` });
});

// News: one event about every second.
let turn = 0;
setInterval(() => {
  const event = world.news(turn++);
  for (const listener of listeners) {
    if (scene === "lost") listener.destroy();
    else if (scene !== "empty") listener.write(`event: ${event.event_type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
}, 1000);

server.listen(Number(port), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
