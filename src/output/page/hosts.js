// The table of hosts: the API sorts, filters and pages.

const HOST_COLUMNS = [
  {
    key: "address",
    label: "Host",
    sort: "address",
    first: "asc",
    cell: (host) => [hostLink(host.address), h("span.sub", {}, clientNames(host, 1))],
  },
  { key: "state", label: "State", cell: stateBadge },
  { key: "in", label: "P2P in", num: true, level: 2, cell: (host) => bytes(p2pBytes(host).in) },
  { key: "out", label: "P2P out", num: true, level: 2, cell: (host) => bytes(p2pBytes(host).out) },
  {
    key: "bytes",
    label: "P2P",
    num: true,
    sort: "bytes",
    cell: (host) => bytes(p2pBytes(host).in + p2pBytes(host).out),
  },
  { key: "share", label: "of its traffic", num: true, level: 3, cell: (host) => share(p2pShare(host)) },
  { key: "peers", label: "Peers", num: true, level: 3, sort: "peers", cell: (host) => count(host.peers) },
  {
    key: "torrents",
    label: "Torrents",
    num: true,
    level: 3,
    sort: "torrents",
    cell: (host) => count((host.info_hashes || []).length),
  },
  { key: "flows", label: "Flows", num: true, level: 3, sort: "flows", cell: (host) => count(host.flows) },
  { key: "nat", label: "Reachable", level: 2, cell: (host) => natChips(host.nat) },
  { key: "exposure", label: "Exposure", level: 2, cell: (host) => exposureBadge(host.exposure) },
  { key: "last", label: "Last P2P", num: true, level: 1, sort: "last", cell: (host) => time(host.last) },
];

const hostsView = {
  title: () => "Hosts",
  async load({ query }) {
    const [list, ports] = await Promise.all([
      get("hosts", {
        q: query.q,
        state: query.state,
        sort: query.sort || "bytes",
        order: query.order || "desc",
        limit: PAGE,
        offset: query.offset,
      }),
      get("exposure", { limit: PORTS }),
    ]);
    const exposure = Map.groupBy(ports.items, (item) => item.host);
    return { ...list, items: list.items.map((host) => ({ ...host, exposure: exposure.get(host.address) })) };
  },
  draw({ query }, list) {
    const filtered = query.q || query.state;
    return [
      heading("Hosts", dim("home hosts with P2P traffic")),
      h(
        "div.toolbar",
        {},
        searchBox({ query }, "Search address or client"),
        choice(
          "State",
          query.state,
          [["", "All"], ...Object.entries(STATES).map(([word, [label]]) => [word, label])],
          (state) => ask({ state: state || null, offset: null }),
        ),
      ),
      list.items.length
        ? [
            table({
              caption: "Home hosts with P2P traffic",
              columns: HOST_COLUMNS,
              rows: list.items,
              rowKey: (host) => host.address,
              sort: query.sort || "bytes",
              order: query.order || "desc",
              resort: (sort, order) => ask({ sort, order, offset: null }),
            }),
            paging(list),
          ]
        : filtered
          ? empty("No host fits", "Nothing matches the search and the state. ", link("#/hosts", "Show all hosts"))
          : empty(
              "No hosts yet",
              "No host of the home networks has taken part in P2P since the start. ",
              link("#/sensor", "What the sensor sees"),
            ),
    ];
  },
};

// The names that a host's clients gave, each once.
function clientNames(host, most) {
  const names = [...new Set((host.clients || []).map((client) => client.name))];
  if (!names.length) return dim("no client named");
  return [
    names.slice(0, most).map((name, i) => [i ? ", " : "", net(name, 32)]),
    names.length > most ? ` +${names.length - most}` : null,
  ];
}

function p2pShare(host) {
  const all = (host.bytes_all_traffic?.in || 0) + (host.bytes_all_traffic?.out || 0);
  const sum = p2pBytes(host);
  return all ? Math.min(1, (sum.in + sum.out) / all) : NaN;
}
