// The overview: what the network's P2P does now, who does most of it, and whether the sensor can be believed.

const overviewView = {
  title: () => "Overview",
  async load() {
    const [now, hosts, torrents, clients] = await Promise.all([
      get("overview"),
      get("hosts", { sort: "bytes", order: "desc", limit: 8 }),
      get("torrents", { sort: "bytes", order: "desc", limit: 8 }),
      get("top", { by: "client", k: 6 }),
    ]);
    return { now, hosts, torrents, clients };
  },
  draw(route, { now, hosts, torrents, clients }) {
    const quiet = !now.counts.hosts && !now.counts.torrents;
    return [
      heading("Overview"),
      sensorStrip(now.sensor, now),
      figures(now),
      card("P2P rate", {}, rateChart("all", now.rate)),
      quiet
        ? card(
            "Nothing found yet",
            {},
            empty(
              `No host of this network has taken part in P2P since ${clock(now.started)}.`,
              "Nothing found means nothing visible: see ",
              link("#/sensor", "what the sensor looks at"),
              ".",
            ),
          )
        : h(
            "div.columns",
            {},
            topHosts(hosts.items),
            topTorrents(torrents.items),
            nature(now.totals),
            topKinds(now.totals),
            topClients(clients.items),
            newsCard(),
          ),
    ];
  },
};

// One line on the sensor: interfaces, losses, lag, and what is wrong.
function sensorStrip(sensor, now) {
  const dropped = droppedPackets(sensor);
  const problems = sensor.problems || [];
  return h(
    "section.strip",
    { class: sensor.healthy ? "ok" : "wrong", "aria-label": "Sensor health" },
    h(
      "a.verdict",
      { href: "#/sensor" },
      h("i.dot"),
      sensor.healthy ? "Sensor healthy" : `Sensor: ${plural(Math.max(1, problems.length), "problem")}`,
    ),
    sensor.interfaces.map((face) =>
      h(
        "span",
        { title: face.linktype },
        h(`i.dot.${face.up ? "up" : "down"}`),
        net(face.name, 20),
        dim(face.up ? " up" : " down"),
      ),
    ),
    h("span", {}, dim("packets "), h("b.num", {}, count(sensor.packets))),
    h("span", { class: dropped ? "bad" : null }, dim("dropped "), h("b.num", {}, count(dropped))),
    h("span", {}, dim("lag "), h("b.num", {}, seconds(sensor.lag_seconds))),
    h("span", {}, dim("since "), time(now.started)),
    problems.map((text) => h("p.problem", {}, net(text, 200))),
  );
}

const droppedPackets = (sensor) => Object.values(sensor.dropped || {}).reduce((sum, n) => sum + n, 0);

function figures(now) {
  const points = now.rate?.points || [];
  const last = points[points.length - 1] || {};
  const { counts } = now;
  return h(
    "dl.stats",
    {},
    stat("P2P in", rate(last.p2p_in), { tone: "in" }),
    stat("P2P out", rate(last.p2p_out), { tone: "out" }),
    stat("Hosts", count(counts.hosts), { href: "#/hosts" }),
    stat("Torrents", count(counts.torrents), { href: "#/torrents" }),
    stat("Exposed ports", count(counts.exposed_ports), {
      href: "#/exposure",
      tone: counts.exposed_ports ? "bad" : null,
    }),
    stat("Alerts firing", count(counts.alerts_firing), { href: "#/alerts", tone: counts.alerts_firing ? "bad" : null }),
  );
}

function topHosts(items) {
  return card(
    "Most active hosts",
    { aside: link("#/hosts", "All hosts") },
    bars(
      items.map((host) => {
        const sum = p2pBytes(host);
        return {
          key: host.address,
          value: sum.in + sum.out,
          href: `#/hosts/${encodeURIComponent(host.address)}`,
          label: address(host.address),
        };
      }),
      bytes,
    ),
  );
}

function topTorrents(items) {
  if (!items.length)
    return card("Most active torrents", {}, empty("No torrent seen yet", "Encrypted transfers do not show theirs."));
  return card(
    "Most active torrents",
    { aside: link("#/torrents", "All torrents") },
    bars(
      items.map((torrent) => ({
        key: torrent.info_hash,
        value: torrentBytes(torrent),
        href: `#/torrents/${torrent.info_hash}`,
        label: torrentName(torrent, 42),
      })),
      bytes,
    ),
  );
}

// How sure the labels are and what is encrypted, in bytes.
function nature(totals) {
  const graded = { confirmed: 0, strong: 0, suspected: 0 };
  for (const sum of totals.flows) if (sum.family === "bittorrent") graded[sum.grade] += allBytes(sum);
  const encrypted = Object.entries(totals.encryption).map(([word, sum]) => [word, allBytes(sum), ENCRYPTION[word]]);
  return card(
    "How sure, how open",
    {},
    h("h3", {}, "BitTorrent bytes by grade"),
    shares(
      Object.entries(graded).map(([word, n]) => [word, n, GRADES[word]]),
      bytes,
    ),
    h("h3", {}, "by encryption"),
    shares(encrypted, bytes),
  );
}

const allBytes = (sum) => (sum.bytes_in || 0) + (sum.bytes_out || 0) + (sum.bytes_across || 0);

function topKinds(totals) {
  const items = Object.entries(totals.kinds).map(([kind, sum]) => ({
    key: kind,
    value: allBytes(sum),
    href: `#/flows?kind=${encodeURIComponent(kind)}`,
    label: kind,
  }));
  return card(
    "Protocols",
    { aside: dim("one flow can carry several") },
    bars(items.sort((a, b) => b.value - a.value).slice(0, 8), bytes),
  );
}

function topClients(items) {
  if (!items.length)
    return card("Clients", {}, empty("No client has named itself yet", "Encrypted and tracker-less ones rarely do."));
  return card(
    "Clients",
    { aside: dim("by bytes") },
    bars(
      items.map((item) => ({ key: item.key, value: item.bytes, label: net(item.key, 40) })),
      bytes,
    ),
  );
}

// The latest news, as they come over the event stream.
function newsCard() {
  const list = news.length
    ? h(
        "ol.news",
        {},
        news.map((event) => h("li", { "data-key": event.key }, time(event.timestamp), " ", newsLine(event))),
      )
    : empty("Waiting for news", "Flows that end, new torrents and changes of hosts appear here.");
  return card("Latest", {}, list);
}

function newsLine(event) {
  const p2p = event.p2p || {};
  switch (event.event_type) {
    case "flow":
      return [
        hostLink(event.src_ip),
        " → ",
        socket(event.dest_ip, event.dest_port),
        " ",
        (p2p.kinds || []).join(" + "),
        " ",
        dim(bytes((event.flow?.bytes_toserver || 0) + (event.flow?.bytes_toclient || 0))),
      ];
    case "torrent":
      return [
        p2p.host ? hostLink(p2p.host) : null,
        " new torrent ",
        h("a.mono", { href: `#/torrents/${p2p.info_hash}` }, `${String(p2p.info_hash).slice(0, 12)}…`),
      ];
    case "host":
      return [hostLink(p2p.address || event.src_ip), " ", worded(STATES, p2p.state || "active")];
    default:
      return [
        badge([p2p.action || event.event_type, "", p2p.action === "resolved" ? "dim" : "bad"]),
        " ",
        net(event.alert?.signature || "", 80),
      ];
  }
}
