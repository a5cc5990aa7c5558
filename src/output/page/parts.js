// The small parts that all views are put together from.

// Text from the network: isolated from its surroundings, unseen characters spelled out, cut to `most`, whole (within
// reason) in the title.
function net(text, most = 80) {
  const whole = spell(String(text).slice(0, 4096));
  const shown = cut(whole, most);
  return h("bdi", { title: shown === whole ? null : cut(whole, 600) }, shown);
}

const mono = (text) => h("span.mono", {}, text);
const time = (at) => (at ? h("time", { datetime: at, title: utc(at) }, clock(at)) : "–");
const link = (href, ...children) => h("a", { href }, children);

// An address breaks, if it must, between its groups only.
function address(text) {
  const groups = String(text).split(/(?<=:)/);
  return h(
    "span.mono.address",
    {},
    groups.map((group, i) => [i ? h("wbr") : null, group]),
  );
}

const socket = (ip, port) => [address(String(ip).includes(":") ? `[${ip}]` : ip), h("wbr"), mono(`:${port}`)];
const hostLink = (host) => h("a", { href: `#/hosts/${encodeURIComponent(host)}` }, address(host));
const dim = (...children) => h("span.dim", {}, children);

// A word with a colour and a mark that tells without colour.
function badge([word, meaning, tone]) {
  return h(`span.badge.${tone}`, { title: meaning }, word);
}

const worded = (table, word) => badge(table[word] || [word || "–", "", "void"]);
const stateBadge = (host) => worded(STATES, host.state || "active");
const gradeBadge = (grade) =>
  h(`span.grade.${grade in GRADES ? grade : "none"}`, { title: GRADES[grade] }, grade || "–");
const severityBadge = (severity) => badge([severity || "–", "", SEVERITIES[severity] || "dim"]);

// Reachability as clients show it, one chip a transport.
function natChips(nat) {
  if (!nat) return dim("–");
  return h(
    "span.chips",
    {},
    ["tcp", "udp"].map((transport) => {
      const [mark, meaning, tone] = NAT[nat[transport]] || NAT.unknown;
      const label = `${transport.toUpperCase()}: ${nat[transport] || "unknown"}, ${meaning}`;
      return h(`span.chip.${tone}`, { title: label, "aria-label": label }, `${transport.toUpperCase()} ${mark}`);
    }),
  );
}

// The ports of a host that answer in a way worth knowing, the worst first.
function exposureBadge(items) {
  const states = Object.keys(PORT_STATES);
  const worst = [...(items || [])].sort((a, b) => states.indexOf(a.state) - states.indexOf(b.state))[0];
  if (!worst) return worded(PORT_STATES, "not-tested");
  const same = items.filter((item) => item.state === worst.state);
  const [word, meaning, tone] = PORT_STATES[worst.state] || [worst.state, "", "void"];
  const ports = same
    .slice(0, 2)
    .map((item) => item.port)
    .join(", ");
  return badge([`${word} ${ports}${same.length > 2 ? ` +${same.length - 2}` : ""}`, meaning, tone]);
}

// How much of a torrent a host has: what it was seen to have, or else what it says. One that told its peers that it wants
// no more may have less than all.
function progress(part) {
  const measured = part.measured && part.measured.completion;
  const claimed = part.claimed && part.claimed.completion;
  const known = Number.isFinite(measured) ? measured : claimed;
  const seeds = part.upload_only === true && known !== 1;
  if (!Number.isFinite(known)) return dim(seeds ? "all it wants" : "unknown");
  const how = Number.isFinite(measured) ? "measured" : "claimed";
  const whole = Math.max(0, Math.min(1, known));
  return h(
    "span.progress",
    { title: `${how}: ${share(whole)}` },
    h(
      `span.track.${how}`,
      { role: "img", "aria-label": `${share(whole)} ${how}` },
      h("span.fill", { width: `${whole * 100}%` }),
    ),
    h("span.num", {}, share(whole)),
    seeds ? dim(" wants no more") : how === "claimed" ? dim(" claimed") : null,
  );
}

function torrentName(torrent, most = 70) {
  if (!torrent.name) return h("span.mono", { title: torrent.info_hash }, `${torrent.info_hash.slice(0, 12)}…`);
  const marks =
    torrent.name.trust === "verified"
      ? ["✓", "verified: the name comes with data whose hash is the info-hash"]
      : ["?", "claimed: somebody said so"];
  return h(
    "span.name",
    {},
    net(torrent.name.text, most),
    h(`span.trust.${torrent.name.trust}`, { title: marks[1] }, ` ${marks[0]}`),
  );
}

const torrentLink = (torrent, most) => h("a", { href: `#/torrents/${torrent.info_hash}` }, torrentName(torrent, most));

// The sum of a host's P2P bytes, suspicions left out.
function p2pBytes(host) {
  const sum = { in: 0, out: 0 };
  for (const grade of ["confirmed", "strong"]) {
    sum.in += host.bytes?.[grade]?.in || 0;
    sum.out += host.bytes?.[grade]?.out || 0;
  }
  return sum;
}

// Bars for a list of {key, value, label, href}.
function bars(items, unit) {
  const most = Math.max(1, ...items.map((item) => item.value));
  return h(
    "ol.bars",
    {},
    items.map((item) =>
      h(
        "li",
        { "data-key": item.key },
        h("span.what", {}, item.href ? link(item.href, item.label) : item.label),
        h("span.num", {}, unit(item.value)),
        h("span.bar", { "aria-hidden": "true" }, h("span.fill", { width: `${(100 * item.value) / most}%` })),
      ),
    ),
  );
}

// One bar of several shares, with its legend. Parts: [word, value, meaning].
function shares(parts, unit) {
  const total = parts.reduce((sum, [, value]) => sum + value, 0);
  if (!total) return dim("nothing yet");
  return h(
    "div.shares",
    {},
    h(
      "div.stack",
      { "aria-hidden": "true" },
      parts.map(([word, value]) => h(`span.of-${word}`, { width: `${(100 * value) / total}%` })),
    ),
    h(
      "ul.legend",
      {},
      parts
        .filter(([, value]) => value > 0)
        .map(([word, value, meaning]) =>
          h(
            "li",
            { title: meaning },
            h(`i.of-${word}`),
            word,
            " ",
            h("b.num", {}, unit(value)),
            " ",
            dim(share(value / total)),
          ),
        ),
    ),
  );
}

// A card with a heading of its own.
function card(title, props, ...children) {
  return h(
    "section.card",
    { class: props.class, "data-key": title },
    h("header", {}, h("h2", {}, title), props.aside),
    children,
  );
}

// A figure with its name. `tone` colours it.
function stat(name, value, props = {}) {
  const inside = [
    h("dt", {}, name),
    h("dd", { class: props.tone }, value),
    props.note ? h("dd.note", {}, props.note) : null,
  ];
  return h(
    "div.stat",
    { "data-key": name },
    props.href ? h("a", { href: props.href, "aria-label": `${name}: ${value}` }) : null,
    inside,
  );
}

// What stands where nothing is: a sentence of what that means, and one of what to do.
const empty = (title, ...text) => h("div.empty", {}, h("p.title", {}, title), h("p", {}, text));

function heading(title, ...extra) {
  return h("div.heading", {}, h("h1", { id: "title", tabindex: "-1" }, title), extra);
}

// A choice of one of several, shown as buttons. Choices: [value, label].
function choice(name, chosen, choices, pick) {
  return h(
    "div.choice",
    { role: "group", "aria-label": name },
    choices.map(([value, label]) =>
      h(
        "button",
        { type: "button", "aria-pressed": String((chosen || "") === value), onclick: () => pick(value) },
        label,
      ),
    ),
  );
}

function select(name, chosen, choices, pick) {
  return h(
    "label.select",
    {},
    h("span", {}, name),
    h(
      "select",
      { onchange: (e) => pick(e.target.value), value: null },
      choices.map(([value, label]) => h("option", { value, selected: (chosen || "") === value }, label)),
    ),
  );
}
