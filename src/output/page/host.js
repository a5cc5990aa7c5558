// One host: what it does, over time, with which torrents, peers, ports and clients, and why each label was given.

const hostView = {
  title: ({ id }) => id,
  load: ({ id }) => get(`hosts/${encodeURIComponent(id)}`),
  missing: ({ id }) => [
    heading("Unknown host"),
    empty(
      `${id} has not been seen with P2P traffic`,
      "Only home hosts have a page, and those that are long quiet make room for others. ",
      link("#/hosts", "All hosts"),
    ),
  ],
  draw({ id }, { host, torrents, flows, ports, rate: series, alerts }) {
    return [
      h("p.crumbs", {}, link("#/hosts", "Hosts")),
      heading(host.address, stateBadge(host), natChips(host.nat), h("span.dim", {}, clientNames(host, 3))),
      cautions(host, alerts),
      hostFigures(host),
      card("P2P rate of this host", {}, rateChart(id, series, { height: 180 })),
      card("Torrents", { aside: plural(torrents.length, "torrent") }, hostTorrents(host, torrents)),
      h(
        "div.columns",
        {},
        card("Why it is labelled", { aside: dim("latest flows") }, reasonList(flows)),
        card("Peers", { aside: dim("latest flows") }, peerTable(host, flows)),
        card("Ports seen from outside", {}, portTable(ports || [])),
        card("Clients and ports it named", {}, clientTable(host)),
        card("By grade and encryption", {}, hostNature(host)),
        card("DHT and outside addresses", {}, dhtFacts(host)),
      ),
      card(
        "Latest flows",
        { aside: link(`#/flows?host=${encodeURIComponent(host.address)}`, "All its flows") },
        flowTable(flows.slice(0, 12)),
      ),
    ];
  },
};

function cautions(host, alerts) {
  const notes = [];
  if (host.state_reason) notes.push(["", host.state_reason]);
  if (host.allowed) notes.push(["Allowed", `all that is known of it, by ${host.allowed}`]);
  if (host.claimed_only) notes.push(["Caution", "only one direction was seen: a third party could have forged it"]);
  if (host.client_conflict)
    notes.push(["Caution", "its clients contradict each other: several devices may share this address"]);
  for (const alert of (alerts || []).filter((item) => !item.resolved))
    notes.push(["Alert", alert.summary || alert.rule]);
  return notes.length
    ? h(
        "ul.notes",
        {},
        notes.map(([word, text]) => h("li", {}, word ? h("b", {}, `${word}: `) : null, net(text, 300))),
      )
    : null;
}

function hostFigures(host) {
  const sum = p2pBytes(host);
  return h(
    "dl.stats",
    {},
    stat("P2P in", bytes(sum.in), { tone: "in" }),
    stat("P2P out", bytes(sum.out), { tone: "out" }),
    stat("of its traffic", share(p2pShare(host))),
    stat("Peers", count(host.peers)),
    stat("Flows", count(host.flows)),
    stat("Others opened", count(host.opened_by?.others?.flows ?? NaN), {
      note: `${bytes(host.opened_by?.others?.in ?? NaN)} in, ${bytes(host.opened_by?.others?.out ?? NaN)} out`,
    }),
    stat("It opened", count(host.opened_by?.itself?.flows ?? NaN), {
      note: `${bytes(host.opened_by?.itself?.in ?? NaN)} in, ${bytes(host.opened_by?.itself?.out ?? NaN)} out`,
    }),
    stat("First P2P", time(host.first)),
    stat("Last P2P", time(host.last)),
  );
}

function hostTorrents(host, torrents) {
  if (!torrents.length) return empty("No torrent known", "Encrypted connections do not show which torrent they serve.");
  const part = (torrent) => (torrent.hosts || []).find((item) => item.address === host.address) || {};
  return table({
    caption: "Torrents of this host",
    rows: torrents,
    rowKey: (torrent) => torrent.info_hash,
    columns: [
      { label: "Torrent", cell: (torrent) => torrentLink(torrent, 60) },
      { label: "Role", cell: (torrent) => ROLES[part(torrent).role] || part(torrent).role },
      { label: "Has", cell: (torrent) => progress(part(torrent)) },
      { label: "Down", num: true, level: 2, cell: (torrent) => bytes(part(torrent).bytes_down) },
      { label: "Up", num: true, level: 2, cell: (torrent) => bytes(part(torrent).bytes_up) },
      { label: "Size", num: true, level: 3, cell: (torrent) => bytes(torrent.size ?? NaN) },
      { label: "Last", num: true, level: 3, cell: (torrent) => time(part(torrent).last) },
    ],
  });
}

// Each reason as a sentence, with the flows that carry it.
function reasonList(flows) {
  const tally = new Map();
  for (const flow of flows) {
    for (const reason of flow.p2p.reasons) {
      const seen = tally.get(reason) || { flows: 0, grades: new Set() };
      seen.flows += 1;
      seen.grades.add(flow.p2p.grade);
      tally.set(reason, seen);
    }
  }
  if (!tally.size) return empty("No labelled flow is kept any more", "Sums above remain.");
  const rows = [...tally].sort((a, b) => b[1].flows - a[1].flows);
  return h(
    "dl.reasons",
    {},
    rows.map(([reason, seen]) =>
      h(
        "div",
        { "data-key": reason },
        h("dt", {}, mono(reason), " ", dim(plural(seen.flows, "flow"))),
        h(
          "dd",
          {},
          REASONS[reason] || "",
          " ",
          [...seen.grades].map((grade) => [gradeBadge(grade), " "]),
        ),
      ),
    ),
  );
}

// The other ends of the latest flows, most bytes first.
function peerTable(host, flows) {
  const peers = new Map();
  for (const flow of flows) {
    const out = flow.src_ip === host.address;
    const other = out ? flow.dest_ip : flow.src_ip;
    const peer = peers.get(other) || { address: other, in: 0, out: 0, flows: 0, client: null };
    peer.flows += 1;
    peer.in += (out ? flow.flow.bytes_toclient : flow.flow.bytes_toserver) || 0;
    peer.out += (out ? flow.flow.bytes_toserver : flow.flow.bytes_toclient) || 0;
    peer.client = peer.client || (out ? flow.p2p.client?.dest : flow.p2p.client?.src);
    peers.set(other, peer);
  }
  if (!peers.size) return empty("No peers in the latest flows", "");
  const rows = [...peers.values()].sort((a, b) => b.in + b.out - (a.in + a.out)).slice(0, 12);
  return table({
    caption: "Peers of this host",
    rows,
    rowKey: (peer) => peer.address,
    columns: [
      {
        label: "Peer",
        cell: (peer) => [
          address(peer.address),
          h("span.sub", {}, peer.client ? net(peer.client, 30) : dim(plural(peer.flows, "flow"))),
        ],
      },
      { label: "In", num: true, cell: (peer) => bytes(peer.in) },
      { label: "Out", num: true, cell: (peer) => bytes(peer.out) },
    ],
  });
}

function portTable(ports) {
  if (!ports.length)
    return empty("Not tested", "Nobody outside tried a port of this host. That does not mean that it is closed.");
  return table({
    caption: "Ports of this host as seen from outside",
    rows: ports,
    rowKey: (item) => `${item.proto}${item.port}`,
    columns: PORT_COLUMNS.slice(1, 5),
  });
}

function clientTable(host) {
  const rows = [
    ...(host.clients || []).map((c) => ({
      what: net(c.name, 40),
      by: c.source,
      last: c.last,
      key: `c${c.name}${c.source}`,
    })),
    ...(host.listen_ports || []).map((p) => ({
      what: ["port ", mono(String(p.port))],
      by: p.channel,
      last: p.last,
      key: `p${p.port}${p.channel}`,
    })),
  ];
  if (!rows.length) return empty("It named none", "");
  return table({
    caption: "Clients and listening ports that this host named",
    rows,
    rowKey: (row) => cut(row.key, 200),
    columns: [
      { label: "What", cell: (row) => row.what },
      { label: "Said in", cell: (row) => row.by },
      { label: "Last", num: true, cell: (row) => time(row.last) },
    ],
  });
}

function hostNature(host) {
  const both = (sum) => (sum?.in || 0) + (sum?.out || 0);
  const parts = (sums, meanings) => Object.entries(sums || {}).map(([word, sum]) => [word, both(sum), meanings[word]]);
  return [
    h("h3", {}, "by grade"),
    shares(parts(host.bytes, GRADES), bytes),
    h("h3", {}, "by encryption"),
    shares(parts(host.encryption, ENCRYPTION), bytes),
  ];
}

function dhtFacts(host) {
  const dht = host.dht_messages || {};
  const line = (name, value) => h("div", { "data-key": name }, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl.facts",
    {},
    line("Part", host.dht?.part || "–"),
    (host.dht?.findings || []).map((found) =>
      line(
        `Suspected ${found.behaviour}`,
        `${count(found.count)} ${found.counts} (${count(found.threshold)} make one); looks alike: ${found.looks_alike}`,
      ),
    ),
    line("Queries asked", count(dht.queries)),
    line("Answers given", count(dht.responses)),
    line("Queries received", count(dht.queries_received)),
    (host.external_addresses || [])
      .slice(0, 4)
      .map((seen) =>
        line("Seen as", [address(seen.address), " ", dim(plural(seen.votes, "peer says so", "peers say so"))]),
      ),
    (host.node_ids || [])
      .slice(0, 4)
      .map((node) =>
        h(
          "div",
          { "data-key": node.node_id },
          h("dt", {}, "Node id"),
          h("dd.mono.cut", { title: node.node_id }, node.node_id),
        ),
      ),
  );
}
