// Torrents, and one torrent with its home hosts.

const TORRENT_COLUMNS = [
  {
    key: "name",
    label: "Torrent",
    sort: "name",
    first: "asc",
    cell: (t) => [torrentLink(t, 70), t.name ? h("span.sub.mono", {}, `${t.info_hash.slice(0, 16)}…`) : null],
  },
  { key: "size", label: "Size", num: true, level: 2, cell: (t) => bytes(t.size ?? NaN) },
  { key: "hosts", label: "Hosts", num: true, sort: "hosts", cell: (t) => count((t.hosts || []).length) },
  { key: "allowed", label: "Allowed", level: 3, cell: (t) => dim(t.allowed ? `by ${t.allowed}` : "–") },
  { key: "peers", label: "Peers seen", num: true, level: 3, cell: (t) => count(t.peers) },
  { key: "bytes", label: "Moved", num: true, sort: "bytes", cell: (t) => bytes(torrentBytes(t)) },
  { key: "channels", label: "Seen in", level: 3, cell: (t) => dim((t.channels || []).join(", ")) },
  { key: "last", label: "Last", num: true, level: 2, sort: "last", cell: (t) => time(t.last) },
];

const torrentsView = {
  title: () => "Torrents",
  load: ({ query }) =>
    get("torrents", {
      q: query.q,
      sort: query.sort || "bytes",
      order: query.order || "desc",
      limit: PAGE,
      offset: query.offset,
    }),
  draw({ query }, list) {
    return [
      heading("Torrents", dim("that home hosts had to do with")),
      h("div.toolbar", {}, searchBox({ query }, "Search name or info-hash")),
      list.items.length
        ? [
            table({
              caption: "Torrents that home hosts had to do with",
              columns: TORRENT_COLUMNS,
              rows: list.items,
              rowKey: (t) => t.info_hash,
              sort: query.sort || "bytes",
              order: query.order || "desc",
              resort: (sort, order) => ask({ sort, order, offset: null }),
            }),
            paging(list),
          ]
        : query.q
          ? empty("No torrent fits", link("#/torrents", "Show all torrents"))
          : empty(
              "No torrents yet",
              "An info-hash shows in clear handshakes, in the DHT and in announces to trackers.",
            ),
    ];
  },
};

const torrentView = {
  title: ({ id }) => `Torrent ${id.slice(0, 12)}`,
  load: ({ id }) => get(`torrents/${encodeURIComponent(id)}`),
  missing: ({ id }) => [
    heading("Unknown torrent"),
    empty(
      "No home host had to do with this info-hash",
      mono(cut(spell(id), 80)),
      " ",
      link("#/torrents", "All torrents"),
    ),
  ],
  draw(route, { torrent }) {
    const parts = torrent.hosts || [];
    return [
      h("p.crumbs", {}, link("#/torrents", "Torrents")),
      heading(torrent.name ? net(torrent.name.text, 110) : "Torrent without a known name", trustNote(torrent.name)),
      h("p.hash", {}, mono(torrent.info_hash), torrent.also ? [" also ", mono(torrent.also)] : null),
      torrentFigures(torrent),
      card("Home hosts", { aside: plural(parts.length, "host") }, torrentHosts(parts, route)),
    ];
  },
};

function trustNote(name) {
  if (!name) return null;
  const verified = name.trust === "verified";
  return badge([
    verified ? "name verified" : "name claimed",
    verified ? "it comes with data whose hash is the info-hash" : `somebody said so: ${name.source}`,
    verified ? "good" : "dim",
  ]);
}

function torrentFigures(torrent) {
  const swarm = torrent.reported;
  const scrape = torrent.dht_scrape;
  return h(
    "dl.stats",
    {},
    stat("Size", bytes(torrent.size ?? NaN), { note: torrent.pieces ? plural(torrent.pieces, "piece") : null }),
    stat("Moved here", bytes(torrentBytes(torrent)), {
      note: torrent.bytes_inside ? `${bytes(torrent.bytes_inside)} from home host to home host` : null,
    }),
    torrent.allowed ? stat("Allowed", `by ${torrent.allowed}`) : null,
    stat("Peers seen", count(torrent.peers), {
      note: torrent.peers_seeding ? `${count(torrent.peers_seeding)} seeding` : null,
    }),
    stat("Swarm, as trackers say", swarm ? `${count(swarm.seeders ?? NaN)} / ${count(swarm.leechers ?? NaN)}` : "–", {
      note: "seeders / leechers",
    }),
    scrape
      ? stat("Swarm, as the DHT says", `${count(scrape.seeders ?? NaN)} / ${count(scrape.leechers ?? NaN)}`, {
          note: `seeders / leechers, estimated from ${plural(scrape.answers, "answer")}`,
        })
      : null,
    stat("Private", torrent.private === null ? "–" : torrent.private ? "yes" : "no"),
    stat("Seen in", (torrent.channels || []).join(", ") || "–"),
    stat("First", time(torrent.first)),
    stat("Last", time(torrent.last)),
  );
}

function torrentHosts(hosts, route) {
  return sortedTable(
    {
      caption: "Home hosts of this torrent",
      rows: hosts,
      rowKey: (part) => part.address,
      sort: "bytes_down",
      columns: [
        { key: "address", label: "Host", value: (part) => part.address, cell: (part) => hostLink(part.address) },
        { key: "role", label: "Role", value: (part) => part.role, cell: (part) => ROLES[part.role] || part.role },
        {
          key: "has",
          label: "Has",
          value: (part) => part.measured?.completion ?? part.claimed?.completion ?? -1,
          cell: progress,
        },
        {
          key: "bytes_down",
          label: "Down",
          num: true,
          value: (part) => part.bytes_down,
          cell: (part) => bytes(part.bytes_down),
        },
        {
          key: "bytes_up",
          label: "Up",
          num: true,
          level: 2,
          value: (part) => part.bytes_up,
          cell: (part) => bytes(part.bytes_up),
        },
        {
          key: "ratio",
          label: "Ratio",
          num: true,
          level: 3,
          value: (part) => part.ratio ?? -1,
          cell: (part) => (part.ratio == null ? "–" : part.ratio.toFixed(2)),
        },
        {
          key: "peers",
          label: "Peers",
          num: true,
          level: 3,
          value: (part) => part.peers,
          cell: (part) => count(part.peers),
        },
        {
          key: "last",
          label: "Last",
          num: true,
          level: 3,
          value: (part) => part.last,
          cell: (part) => time(part.last),
        },
      ],
    },
    route,
  );
}

const torrentBytes = (torrent) =>
  (torrent.hosts || []).reduce((sum, part) => sum + (part.bytes_down || 0) + (part.bytes_up || 0), 0);
