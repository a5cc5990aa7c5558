// What policy and exposure found: ports that answer the Internet, and alerts.

// Ports are counted and sorted here: as many as the API gives at once.
const PORTS = 1000;

const PORT_COLUMNS = [
  { key: "host", label: "Host", value: (item) => item.host, cell: (item) => hostLink(item.host) },
  {
    key: "port",
    label: "Port",
    value: (item) => item.port,
    cell: (item) => mono(`${item.port}/${item.proto}`),
  },
  {
    key: "state",
    label: "State",
    value: (item) => -Object.keys(PORT_STATES).indexOf(item.state),
    cell: (item) => [worded(PORT_STATES, item.state), h("span.sub", {}, portNotes(item))],
  },
  {
    key: "sources",
    label: "Asked by",
    num: true,
    level: 2,
    value: (item) => item.sources || 0,
    cell: (item) => plural(item.sources || 0, "address", "addresses"),
  },
  {
    key: "open",
    label: "Open for",
    num: true,
    level: 2,
    value: (item) => item.open_seconds || 0,
    cell: (item) => (item.open_seconds ? seconds(item.open_seconds) : "–"),
  },
  {
    key: "attempts",
    label: "Attempts",
    num: true,
    level: 3,
    value: (item) => item.attempts || 0,
    cell: (item) => count(item.attempts),
  },
  {
    key: "scans",
    label: "Scans",
    num: true,
    level: 3,
    value: (item) => (item.scans || []).length,
    cell: (item) => scansOf(item),
  },
  {
    key: "last",
    label: "Last",
    num: true,
    level: 2,
    value: (item) => item.last || "",
    cell: (item) => time(item.last),
  },
];

// What else is known of a port.
function portNotes(item) {
  const notes = [
    item.p2p_listen_port && "named to peers",
    item.mapped && "mapped by the host",
    item.forwarded && "forwarded",
    item.bittorrent_peers && plural(item.bittorrent_peers, "peer came in", "peers came in"),
    item.visits?.length && `also ${item.visits.map(visitNote).join(", ")}`,
  ];
  return cut(notes.filter(Boolean).join(", "), 200);
}

// What else strangers opened with, and whether the host talked back.
function visitNote(visit) {
  return `${visit.protocol} ×${visit.flows}${visit.answered ? " (answered)" : ""}`;
}

function scansOf(item) {
  const scans = item.scans || [];
  const text = scans
    .slice(0, 5)
    .map((scan) => `${scan.source}: ${plural(scan.ports, "port")}`)
    .join("\n");
  return scans.length ? h("span", { title: text }, count(scans.length)) : "–";
}

const exposureView = {
  title: () => "Exposure",
  load: ({ query }) => get("exposure", { limit: PORTS, offset: query.offset }),
  draw(route, list) {
    const states = Object.keys(PORT_STATES);
    const shown = route.query.state ? list.items.filter((item) => item.state === route.query.state) : list.items;
    const amount = (state) => list.items.filter((item) => item.state === state).length;
    return [
      heading("Exposure", dim("how ports of home hosts answer the Internet")),
      list.items.length
        ? [
            h(
              "div.toolbar",
              {},
              choice(
                "State",
                route.query.state,
                [
                  ["", `All ${count(list.items.length)}`],
                  ...states.filter(amount).map((state) => [state, `${PORT_STATES[state][0]} ${count(amount(state))}`]),
                ],
                (state) => ask({ state: state || null }),
              ),
            ),
            sortedTable(
              {
                caption: "Ports as seen from outside",
                rows: shown,
                rowKey: (item) => `${item.host}${item.proto}${item.port}`,
                columns: PORT_COLUMNS,
                sort: "state",
              },
              route,
            ),
            paging(list),
          ]
        : empty(
            "No port was tried from outside",
            "A port that nobody tries is not tested, which is not the same as closed. Connections from the Internet must cross the mirrored port to be seen.",
          ),
    ];
  },
};

const alertsView = {
  title: () => "Alerts",
  load: ({ query }) => get("alerts", { limit: PAGE, offset: query.offset }),
  draw(route, list) {
    return [
      heading("Alerts", dim("policy alerts, firing ones first")),
      list.items.length
        ? [
            sortedTable(
              {
                caption: "Policy alerts",
                rows: list.items,
                rowKey: (alert) => `${alert.rule}${alert.host}${alert.opened}`,
                columns: ALERT_COLUMNS,
                sort: "state",
              },
              route,
            ),
            paging(list),
          ]
        : empty("No alerts", "No policy rule has fired since the start."),
    ];
  },
};

// A reason's word, with its sentence for who points at it.
const why = (reason) => h("span.why", { title: REASONS[reason] || "" }, mono(reason), " ");

const ALERT_COLUMNS = [
  {
    key: "state",
    label: "State",
    value: (alert) => (alert.resolved ? 0 : 1),
    cell: (alert) => badge(alert.resolved ? ["resolved", "", "dim"] : ["firing", "", "bad"]),
  },
  {
    key: "severity",
    label: "Severity",
    level: 2,
    value: (alert) => alert.severity,
    cell: (alert) => severityBadge(alert.severity),
  },
  {
    key: "rule",
    label: "Rule",
    value: (alert) => alert.rule,
    cell: (alert) => [
      net(alert.rule, 60),
      alert.summary ? h("span.sub", {}, net(alert.summary, 160)) : null,
      alert.reasons?.length ? h("span.sub", {}, alert.reasons.map((reason) => why(reason))) : null,
    ],
  },
  {
    key: "host",
    label: "Host",
    value: (alert) => alert.host,
    cell: (alert) => (alert.host ? hostLink(alert.host) : dim("–")),
  },
  {
    key: "opened",
    label: "Opened",
    num: true,
    level: 2,
    value: (alert) => alert.opened || "",
    cell: (alert) => time(alert.opened),
  },
  {
    key: "resolved",
    label: "Resolved",
    num: true,
    level: 3,
    value: (alert) => alert.resolved || "",
    cell: (alert) => time(alert.resolved),
  },
];
