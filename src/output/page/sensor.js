// Whether the sensor can be believed: interfaces, losses, what was not looked at, limits reached.

const sensorView = {
  title: () => "Sensor",
  async load() {
    const [now, coverage, dht] = await Promise.all([get("overview"), get("stats"), get("dht")]);
    return { now, coverage, dht };
  },
  draw(route, { now, coverage, dht }) {
    const { sensor } = now;
    return [
      heading("Sensor health", dim(`swarmscope ${now.swarmscope}`)),
      sensorStrip(sensor, now),
      h(
        "dl.stats",
        {},
        stat("Packets", count(coverage.packets)),
        stat("Volume", bytes(coverage.bytes)),
        stat("Flows", count(coverage.flows)),
        stat("Seen one way only", share(coverage.one_way_share ?? NaN), {
          tone: coverage.one_way_share > 0.5 ? "bad" : null,
        }),
        stat("Lag", seconds(sensor.lag_seconds)),
        stat("Panics caught", count(coverage.panics), { tone: coverage.panics ? "bad" : null }),
      ),
      h(
        "div.columns",
        {},
        card("Interfaces", {}, interfaceTable(sensor)),
        card(
          "Losses",
          { aside: share(droppedPackets(sensor) / (sensor.packets + droppedPackets(sensor) || 1)) },
          lossList(sensor),
        ),
        card("Not decoded", { aside: dim("every packet counts once") }, skippedList(coverage)),
        card("Limits reached", {}, countsTable(coverage.limits, "No limit was reached", "Limit", "Times")),
        card("Inside tunnels", {}, countsTable(coverage.tunnels, "No tunnel seen", "Tunnel", "Packets")),
        card("DHT messages", {}, countsTable(flat(dht.messages), "No DHT message seen", "Message", "Count")),
        card(
          "Home networks",
          { aside: coverage.home_nets_default ? dim("the default") : null },
          h(
            "ul.plain",
            {},
            (coverage.home_nets || []).map((name) => h("li.mono", {}, name)),
          ),
        ),
        card("Malformed messages", {}, malformedTable(now.totals.malformed || [])),
      ),
    ];
  },
};

function interfaceTable(sensor) {
  return table({
    caption: "Interfaces",
    rows: sensor.interfaces,
    rowKey: (face) => face.name,
    columns: [
      { label: "Interface", cell: (face) => mono(net(face.name, 30)) },
      {
        label: "State",
        cell: (face) => badge(face.up ? ["up", "has a link", "good"] : ["down", "no link: nothing is seen", "bad"]),
      },
      { label: "Link type", cell: (face) => face.linktype || "–" },
    ],
  });
}

function lossList(sensor) {
  const meaning = {
    kernel: "the capture ring was full",
    interface: "the network card was",
    queue: "the workers could not keep up",
  };
  return table({
    caption: "Packets lost",
    rows: Object.entries(sensor.dropped || {}),
    rowKey: ([where]) => where,
    columns: [
      { label: "Where", cell: ([where]) => [where, h("span.sub", {}, meaning[where])] },
      { label: "Packets", num: true, cell: ([, n]) => h("span", { class: n ? "bad" : null }, count(n)) },
    ],
  });
}

function skippedList(coverage) {
  const rows = Object.entries(coverage.skipped || {})
    .filter(([, n]) => n > 0)
    .sort((a, b) => b[1] - a[1]);
  if (!rows.length) return empty("Every packet was decoded", "");
  return bars(
    rows.map(([word, n]) => ({ key: word, value: n, label: SKIPS[word] || word })),
    count,
  );
}

function countsTable(counts, none, name, amount) {
  const rows = Object.entries(counts || {})
    .filter(([, n]) => n > 0)
    .sort((a, b) => b[1] - a[1]);
  if (!rows.length) return empty(none, "");
  return table({
    caption: name,
    rows,
    rowKey: ([word]) => word,
    columns: [
      { label: name, cell: ([word]) => net(word, 60) },
      { label: amount, num: true, cell: ([, n]) => count(n) },
    ],
  });
}

function malformedTable(items) {
  if (!items.length) return empty("None", "");
  return table({
    caption: "Malformed messages",
    rows: items,
    rowKey: (item) => `${item.kind}${item.reason}`,
    columns: [
      { label: "Protocol", cell: (item) => item.kind },
      { label: "Reason", cell: (item) => item.reason },
      { label: "Count", num: true, cell: (item) => count(item.count) },
    ],
  });
}

// {"get_peers": {"in": 3}} -> {"get_peers in": 3}.
function flat(object, before = "") {
  return Object.entries(object || {}).reduce(
    (all, [key, value]) => ({
      ...all,
      ...(typeof value === "number"
        ? { [`${before}${key}`]: value }
        : value && typeof value === "object"
          ? flat(value, `${before}${key} `)
          : {}),
    }),
    {},
  );
}
