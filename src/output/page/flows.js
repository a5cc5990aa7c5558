// Flows, newest first, each with its reasons as sentences when opened.

const flowsView = {
  title: () => "Flows",
  load: ({ query }) =>
    get("flows", {
      host: query.host,
      kind: query.kind,
      grade: query.grade,
      encryption: query.encryption,
      running: query.running,
      limit: PAGE,
      offset: query.offset,
    }),
  draw({ query }, list) {
    const words = (any, list) => [["", any], ...list.map((word) => [word, word])];
    const pick = (key) => (value) => ask({ [key]: value || null, offset: null });
    return [
      heading("Flows", dim("the latest, newest first")),
      h(
        "div.toolbar",
        {},
        select("Kind", query.kind, words("any", KINDS), pick("kind")),
        select("Grade", query.grade, words("any", Object.keys(GRADES)), pick("grade")),
        select("Encryption", query.encryption, words("any", Object.keys(ENCRYPTION)), pick("encryption")),
        choice(
          "Running",
          query.running,
          [
            ["", "All"],
            ["true", "Running"],
            ["false", "Ended"],
          ],
          pick("running"),
        ),
        query.host
          ? h(
              "button.filter",
              { type: "button", title: "Remove this filter", onclick: () => pick("host")("") },
              "host ",
              net(query.host, 40),
              " ✕",
            )
          : null,
      ),
      list.items.length
        ? [flowTable(list.items), paging(list)]
        : Object.keys(query).length
          ? empty("No flow fits", "Only the latest flows are kept. ", link("#/flows", "Show all"))
          : empty("No flows yet", "Labelled flows appear here while they run and when they end."),
    ];
  },
};

// The flows whose details are open, by id: they stay so while the table is drawn anew.
const openFlows = new Set();

function flowTable(flows) {
  if (!flows.length) return empty("No flow is kept any more", "Only the latest flows of all hosts are.");
  const columns = ["Time", "From", "To", "Carries", "Grade", "Encryption", "Sent", "Received"];
  const classes = ["", "", "", "level2", "level1", "level3", "num level2", "num level2"];
  return h(
    "div.table",
    {},
    h(
      "table.flows",
      {},
      h("caption.unseen", {}, "Flows, newest first"),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((label, i) => h("th", { scope: "col", class: classes[i] }, label)),
        ),
      ),
      h(
        "tbody",
        {},
        flows.map((flow) => flowRows(flow, classes)),
      ),
    ),
  );
}

function flowRows(flow, classes) {
  const { p2p } = flow;
  const open = openFlows.has(flow.flow_id);
  const toggle = () => {
    if (!openFlows.delete(flow.flow_id)) openFlows.add(flow.flow_id);
    redraw();
  };
  const cells = [
    h(
      "button.twist",
      { type: "button", "aria-expanded": String(open), title: "Reasons and details", onclick: toggle },
      h("i", { "aria-hidden": "true" }, open ? "▾" : "▸"),
      time(flow.timestamp),
    ),
    flowEnd(flow.src_ip, flow.src_port, p2p.client?.src),
    flowEnd(flow.dest_ip, flow.dest_port, p2p.client?.dest),
    [p2p.kinds.join(" + "), h("span.sub", {}, p2p.transport)],
    gradeBadge(p2p.grade),
    p2p.encryption,
    bytes(flow.flow.bytes_toserver),
    bytes(flow.flow.bytes_toclient),
  ];
  const row = h(
    "tr",
    { "data-key": `f${flow.flow_id}` },
    cells.map((cell, i) => h("td", { class: classes[i] || null }, cell)),
  );
  return open
    ? [row, h("tr.details", { "data-key": `d${flow.flow_id}` }, h("td", { colspan: "8" }, flowDetails(flow)))]
    : row;
}

// Home hosts have a page of their own; for the others, the flows that they share with home hosts.
function flowEnd(ip, port, client) {
  const to = encodeURIComponent(ip);
  const href = within(homeNets, ip) ? `#/hosts/${to}` : `#/flows?host=${to}`;
  return [h("a", { href }, socket(ip, port)), h("span.sub", {}, client ? net(client, 28) : null)];
}

function flowDetails(flow) {
  const { p2p } = flow;
  const counters = flow.flow;
  const line = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl.facts",
    {},
    line(
      "Why",
      h(
        "ul",
        {},
        p2p.reasons.map((reason) => h("li", {}, mono(reason), " ", REASONS[reason] || "")),
      ),
    ),
    line(
      "Proof",
      p2p.two_way
        ? "both directions: the sender was not forged"
        : "one direction only: a third party could have forged it",
    ),
    line("Grade", [gradeBadge(p2p.grade), " ", GRADES[p2p.grade] || ""]),
    line("Encryption", `${p2p.encryption}: ${ENCRYPTION[p2p.encryption] || ""}`),
    line("Packets", `${count(counters.pkts_toserver)} sent, ${count(counters.pkts_toclient)} received`),
    line("Ran", [
      time(counters.start),
      " to ",
      time(counters.end),
      `, ${counters.state}`,
      counters.reason ? ` (${counters.reason})` : "",
    ]),
    p2p.info_hashes.length
      ? line(
          "Torrents",
          p2p.info_hashes.slice(0, 8).map((hash) => [h("a.mono.cut", { href: `#/torrents/${hash}` }, hash), " "]),
        )
      : null,
    line("Community id", mono(flow.community_id)),
  );
}
