// The world that the mock plays: made from what swarmscope said of the demo capture, the same every time but for the clock.

const HOUR = 3600e3;
const STATES = ["active", "active", "active", "quiet", "cleared", "recurred", "changed", "not-seen", "cannot-tell"];
const NAT = ["green", "yellow", "red", "unknown"];
const PORTS = ["open", "closed", "stealth", "forwarded-refused", "not-tested"];

// Names as an enemy would choose them.
export const HOSTILE = {
  markup: `<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">`,
  turned: "holiday \u202Egpj.exe\u202C \u0627\u0644\u0639\u0631\u0628\u064A\u0629 \u200F",
  long: `long ${"name of a torrent without an end ".repeat(320)}`,
  glued: "x".repeat(10000),
};

export function makeWorld(summary, events) {
  const shift = Date.now() - Date.parse(summary.coverage.last);
  const now = () => new Date().toISOString();
  const later = (value) =>
    JSON.parse(JSON.stringify(value), (key, v) =>
      typeof v === "string" && /^\d{4}-\d\d-\d\dT/.test(v) ? new Date(Date.parse(v) + shift).toISOString() : v,
    );
  const base = later(summary);
  const random = dice(7);
  const hosts = [...base.hosts.map((host, i) => dressed(host, i, random)), ...moreHosts(base.hosts, 130, random)];
  const torrents = [...base.torrents, ...moreTorrents(base.torrents, hosts, random)];
  const flows = moreFlows(later(events.filter((event) => event.event_type === "flow")), hosts, random);
  const exposure = hosts.flatMap((host) => host.exposure);
  hosts.forEach((host) => delete host.exposure);
  const alerts = someAlerts(hosts);
  const coverage = {
    ...base.coverage,
    files: [],
    limits: { "hosts table": 3 },
    skipped: { ...base.coverage.skipped, duplicate: 812 },
  };
  const dht = {
    messages: { find_node: { query: 210, response: 180 }, get_peers: { query: 96, response: 71 }, ping: { query: 12 } },
    hosts: [],
  };

  const overview = (scene) => ({
    swarmscope: base.swarmscope,
    now: now(),
    started: new Date(Date.now() - 5 * HOUR).toISOString(),
    sensor: {
      interfaces: [
        { name: "mirror0", up: scene !== "sick", linktype: "EN10MB" },
        { name: "mirror1", up: true, linktype: "EN10MB" },
      ],
      packets: 48_231_077,
      dropped: { kernel: scene === "sick" ? 48211 : 0, interface: 0, queue: 0 },
      lag_seconds: 0.21,
      healthy: scene !== "sick",
      problems:
        scene === "sick"
          ? ["mirror0 has no link since 12:03:11: nothing of it is seen", "48,211 packets were dropped by the kernel"]
          : [],
    },
    totals: base.totals,
    counts: {
      hosts: hosts.length,
      torrents: torrents.length,
      alerts_firing: alerts.filter((a) => !a.resolved).length,
      exposed_ports: exposure.filter((p) => p.state === "open").length,
    },
    rate: rates(1),
  });

  const host = (address) => {
    const found = hosts.find((item) => item.address === address);
    return (
      found && {
        host: found,
        torrents: torrents.filter((t) => t.hosts.some((part) => part.address === address)),
        flows: flows.filter((f) => f.src_ip === address || f.dest_ip === address).slice(0, 50),
        ports: exposure.filter((port) => port.host === address),
        rate: rates(0.2),
        alerts: alerts.filter((a) => a.host === address),
      }
    );
  };

  const torrent = (hash) => {
    const found = torrents.find((item) => item.info_hash === hash);
    return (
      found && {
        torrent: found,
        hosts: hosts.filter((host) => found.hosts.some((part) => part.address === host.address)),
      }
    );
  };

  const top = (by, k) => ({ by, items: clientBytes(hosts).slice(0, k) });
  const news = (turn) => ({
    ...(turn % 7 === 6
      ? {
          event_type: "torrent",
          p2p: { action: "first-seen", info_hash: torrents[turn % torrents.length].info_hash, host: hosts[0].address },
        }
      : flows[turn % flows.length]),
    timestamp: now(),
  });

  return {
    overview,
    host,
    torrent,
    top,
    news,
    hosts,
    torrents,
    flows,
    exposure,
    alerts,
    coverage,
    dht,
    hostKeys: {
      bytes: sumOf,
      address: (item) => item.address,
      peers: (item) => item.peers,
      torrents: (item) => item.info_hashes.length,
      last: (item) => item.last,
      flows: (item) => item.flows,
    },
    torrentKeys: { bytes: moved, name: (t) => t.name?.text || "", hosts: (t) => t.hosts.length, last: (t) => t.last },
    nothing: emptied(overview, coverage),
  };
}

function emptied(overview, coverage) {
  const none = { flows: [], kinds: {}, encryption: {}, malformed: [] };
  return {
    overview: () => ({
      ...overview("normal"),
      totals: none,
      counts: { hosts: 0, torrents: 0, alerts_firing: 0, exposed_ports: 0 },
      rate: { step_seconds: 10, points: [] },
    }),
    host: () => null,
    torrent: () => null,
    top: (by) => ({ by, items: [] }),
    hosts: [],
    torrents: [],
    flows: [],
    exposure: [],
    alerts: [],
    coverage,
    dht: { messages: {}, hosts: [] },
  };
}

// The same numbers every time.
function dice(seed) {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

const sumOf = (host) =>
  ["confirmed", "strong"].reduce((sum, grade) => sum + host.bytes[grade].in + host.bytes[grade].out, 0);
const moved = (torrent) => torrent.hosts.reduce((sum, part) => sum + part.bytes_down + part.bytes_up, 0);

function dressed(host, i, random) {
  const ports = [...new Set(host.listen_ports.map((p) => p.port))].slice(0, 3);
  return {
    ...host,
    state: STATES[i % STATES.length],
    nat: { tcp: NAT[i % 4], udp: NAT[(i + random(3)) % 4] },
    state_reason: STATES[i % STATES.length] === "cannot-tell" ? "its interface had no link for 12 minutes" : null,
    exposure: ports.map((port, n) => ({
      host: host.address,
      proto: n % 2 ? "udp" : "tcp",
      port,
      state: PORTS[(i + n) % PORTS.length],
      first: host.first,
      last: host.last,
      open_seconds: random(90000),
      sources: 1 + random(40),
      p2p_listen_port: n === 0,
      attempts: 3 + random(200),
      mapped: n === 0,
      forwarded: i % 2 === 0,
      scans: i % 3 === 0 ? [{ source: "198.51.100.9", ports: 9, at: host.first }] : [],
    })),
  };
}

function moreHosts(models, many, random) {
  return Array.from({ length: many }, (unused, i) => {
    const model = models[i % models.length];
    const scale = (sums, by) =>
      Object.fromEntries(
        Object.entries(sums).map(([key, v]) => [key, typeof v === "number" ? Math.round(v * by) : scale(v, by)]),
      );
    const by = (1 + random(4000)) / 40;
    const address =
      i % 9 === 8 ? `fd00:20::${(i + 16).toString(16)}` : `10.20.${Math.floor(i / 60)}.${10 + (i % 60) * 4}`;
    const clients =
      i === 5
        ? [{ name: HOSTILE.markup, source: "peer-id", first: model.first, last: model.last }]
        : i === 6
          ? [{ name: HOSTILE.glued, source: "user-agent", first: model.first, last: model.last }]
          : model.clients;
    const last = new Date(Date.parse(model.last) - random(40) * 90e3).toISOString();
    return dressed(
      {
        ...model,
        address,
        clients,
        first: new Date(Date.parse(model.first) - 4 * HOUR).toISOString(),
        bytes: scale(model.bytes, by),
        bytes_all_traffic: scale(model.bytes_all_traffic, by * 1.7),
        last,
        peers: 1 + random(400),
        flows: 1 + random(900),
      },
      i + 6,
      random,
    );
  });
}

function moreTorrents(models, hosts, random) {
  const names = [
    HOSTILE.markup,
    HOSTILE.turned,
    HOSTILE.long,
    HOSTILE.glued,
    "debian-13.2.0-amd64-netinst.iso",
    "A freely distributable recording of a concert (FLAC, 24 bit)",
    "\u05E9\u05D9\u05E2\u05D5\u05E8 2026",
    "archive-of-weather-data-2011-2025.tar.zst",
    null,
    "lecture-notes.zip",
  ];
  return Array.from({ length: 64 }, (unused, i) => {
    const text = names[i % names.length];
    const members = hosts.filter((host, n) => n % 11 === i % 11).slice(0, 1 + (i % 12));
    return {
      ...models[i % models.length],
      info_hash: (i + 10).toString(16).padStart(4, "0").repeat(10),
      also: i === 1 ? "d2".repeat(32) : null,
      name: text && { text, source: "metainfo", trust: i % 3 ? "verified" : "claimed" },
      size: 1e6 * (1 + random(9000)),
      pieces: 1400,
      private: i % 5 === 0,
      peers: random(500),
      hosts: members.map((host, n) => ({
        address: host.address,
        role: ["seeder", "leecher", "member", "lookup"][(i + n) % 4],
        first: host.first,
        last: host.last,
        claimed:
          n % 3 === 2 ? null : { event: "started", uploaded: 0, downloaded: 0, left: 1, completion: random(100) / 100 },
        measured: n % 2 ? null : { pieces: 980, of: 1400, completion: random(101) / 100 },
        bytes_down: random(9e8),
        bytes_up: random(2e8),
        peers: random(60),
      })),
    };
  });
}

function moreFlows(models, hosts, random) {
  const all = Array.from({ length: 12 }, (unused, n) =>
    models.map((flow) => ({
      ...flow,
      flow_id: flow.flow_id + n,
      timestamp: new Date(Date.parse(flow.timestamp) - n * 60e3).toISOString(),
    })),
  ).flat();
  all.forEach((flow, i) => {
    if (i >= 2 * models.length) flow.src_ip = hosts[i % hosts.length].address;
    flow.flow = { ...flow.flow, bytes_toclient: flow.flow.bytes_toclient * (1 + random(50)) };
    if (i % 6 === 1) flow.flow = { ...flow.flow, state: "established", reason: null };
    if (i === 4) flow.p2p = { ...flow.p2p, client: { src: HOSTILE.markup, dest: HOSTILE.glued } };
    if (i === 9) flow.p2p = { ...flow.p2p, client: { src: HOSTILE.turned, dest: null } };
  });
  return all.sort((a, b) => b.timestamp.localeCompare(a.timestamp));
}

function someAlerts(hosts) {
  const at = (minutes) => new Date(Date.now() - minutes * 60e3).toISOString();
  return [
    {
      rule: "bittorrent-upload-quota",
      severity: "warning",
      host: hosts[0].address,
      opened: at(44),
      resolved: null,
      summary: `${hosts[0].address} sent 5.2 GiB by BitTorrent in 24 h`,
      reasons: ["handshake", "mse-shape"],
    },
    {
      rule: "watched-infohash",
      severity: "critical",
      host: hosts[2].address,
      opened: at(12),
      resolved: null,
      summary: `${HOSTILE.markup} on a watched list`,
    },
    {
      rule: "dht-crawler",
      severity: "notice",
      host: hosts[4].address,
      opened: at(190),
      resolved: at(120),
      summary: "asked 2,400 addresses in a minute",
    },
  ];
}

function clientBytes(hosts) {
  const sums = new Map();
  for (const host of hosts) {
    const name = host.clients[0]?.name || "unknown";
    const old = sums.get(name) || { key: name, bytes: 0, flows: 0 };
    sums.set(name, { key: name, bytes: old.bytes + sumOf(host), flows: old.flows + host.flows });
  }
  return [...sums.values()].sort((a, b) => b.bytes - a.bytes);
}

// An hour of rates with a rhythm, and a gap of three minutes in which the sensor had no link.
function rates(size) {
  const end = Math.floor(Date.now() / 10e3) * 10e3;
  const points = Array.from({ length: 360 }, (unused, i) => {
    const t = end - (359 - i) * 10e3;
    const wave = Math.sin(t / 400e3) + Math.sin(t / 97e3) / 2 + Math.sin(t / 31e3) / 5;
    const p2p_in = size * Math.max(0, 3.4e6 + 2e6 * wave);
    const p2p_out = size * Math.max(0, 1.1e6 + 5e5 * Math.sin(t / 210e3) + 2e5 * wave);
    return { at: new Date(t).toISOString(), p2p_in, p2p_out, all: (p2p_in + p2p_out) * 2.6 };
  });
  return { step_seconds: 10, points: points.filter((point, i) => i < 200 || i > 218) };
}
