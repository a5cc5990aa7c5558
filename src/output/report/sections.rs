//! Sections that a report of one host and that of a whole capture share.

use super::CANNOT_KNOW;
use super::document::{Block, Cell, Exposure, ExposureRow, Progress, Section, Table, Tone};
use crate::base::{Address, Timestamp, printable};
use crate::event::{Grade, NameTrust};
use crate::ledger::HostState;
use crate::ledger::report::{
    Coverage, NatStatus, PortReport, PortState, Report, Role, TorrentHost, TorrentReport,
};
use crate::output::summary::text::{bytes, count, counted, duration, moment, percent, span};
use crate::output::{summary, words};
use std::collections::BTreeMap;

/// Torrents, ports and mappings shown.
const TORRENTS_MAX: usize = 100;
const PORTS_MAX: usize = 60;
const BARS_MAX: usize = 24;
const MAPPINGS_MAX: usize = 60;
/// Longest name of a torrent, in bytes.
const NAME_MAX: usize = 160;

/// How grave a state is.
pub const fn state_tone(state: HostState) -> Tone {
    match state {
        HostState::Active | HostState::Recurred => Tone::Bad,
        HostState::Quiet | HostState::Changed | HostState::CannotTell => Tone::Warning,
        HostState::Cleared => Tone::Good,
        HostState::NotSeen => Tone::Plain,
    }
}

/// How a grade is shown.
pub const fn grade_tone(grade: Grade) -> Tone {
    match grade {
        Grade::Confirmed => Tone::Bad,
        Grade::Strong => Tone::Warning,
        Grade::Suspected => Tone::Plain,
    }
}

/// How a light of reachability is shown.
pub const fn nat_tone(status: NatStatus) -> Tone {
    match status {
        NatStatus::Green => Tone::Good,
        NatStatus::Yellow => Tone::Warning,
        NatStatus::Red => Tone::Bad,
        NatStatus::Unknown => Tone::Plain,
    }
}

const fn port_tone(state: PortState) -> Tone {
    match state {
        PortState::Open => Tone::Bad,
        PortState::ForwardedRefused => Tone::Warning,
        PortState::Closed | PortState::Stealth => Tone::Good,
        PortState::NotTested => Tone::Plain,
    }
}

const fn role_tone(role: Role) -> Tone {
    match role {
        Role::Lookup => Tone::Plain,
        Role::Member => Tone::Busy,
        Role::Leecher => Tone::Warning,
        Role::Seeder => Tone::Bad,
    }
}

/// A torrent as people call it.
fn name_of(torrent: &TorrentReport) -> Option<String> {
    torrent.name.as_ref().map(|(name, ..)| printable(name.as_bytes(), NAME_MAX))
}

/// The torrents, of one host or of all.
pub fn torrents(report: &Report, host: Option<Address>) -> Option<Section> {
    let of_host = |h: &TorrentHost| host.is_none_or(|host| h.address == host);
    let all: Vec<&TorrentReport> = report.torrents.iter().filter(|t| t.hosts.iter().any(of_host)).collect();
    if all.is_empty() {
        return None;
    }
    let mut columns = vec![("Torrent", false), ("Name is", false), ("Size", true)];
    if host.is_none() {
        columns.push(("Host", false));
    }
    columns.extend([
        ("Role", false),
        ("Has", true),
        ("Down", true),
        ("Up", true),
        ("Ratio", true),
        ("Peers", true),
        ("Seen (UTC)", false),
        ("Info-hash", false),
    ]);
    let mut rows = Vec::new();
    let mut bars = Vec::new();
    for torrent in all.iter().take(TORRENTS_MAX) {
        for h in torrent.hosts.iter().filter(|h| of_host(h)) {
            let trust = match &torrent.name {
                Some((_, channel, NameTrust::Verified)) => format!("verified ({})", channel.label()),
                Some((_, channel, NameTrust::Claimed)) => format!("claimed ({})", channel.label()),
                None => "unknown".to_owned(),
            };
            let mut row = vec![
                Cell::words(name_of(torrent).unwrap_or_else(|| "–".to_owned())),
                Cell::words(trust),
                Cell::number(torrent.size.map_or_else(|| "–".to_owned(), bytes)),
            ];
            if host.is_none() {
                row.push(Cell::code(h.address));
            }
            row.extend([
                Cell::chip(role(h.role), role_tone(h.role)),
                Cell::number(has(h, torrent.size)),
                Cell::number(bytes(h.downloaded)),
                Cell::number(bytes(h.uploaded)),
                Cell::number(ratio(h)),
                Cell::number(count(h.peers)),
                Cell::time(span(h.first, h.last)),
                Cell::code(torrent.info_hash),
            ]);
            rows.push(row);
            bars.extend(bar(torrent, h, host.is_none()));
        }
    }
    bars.truncate(BARS_MAX);
    let left_out = all.len().saturating_sub(TORRENTS_MAX) as u64;
    let mut blocks = Vec::new();
    if !bars.is_empty() {
        blocks.push(Block::Progress(bars));
    }
    blocks.push(Block::Table(Table { columns, rows, left_out }));
    let mut legend = "A lookup is no download. A name that is verified comes with data whose hash is the info-hash; one that is \
         claimed is what somebody said. What a host has was measured from pieces, or claimed to a tracker."
        .to_owned();
    if all.iter().flat_map(|t| &t.hosts).any(|h| of_host(h) && h.is_upload_only()) {
        legend.push_str(" One that is upload-only told its peers that it wants no more.");
    }
    blocks.push(Block::Text(legend));
    Some(Section { title: "Torrents", note: "what was shared, and how much of it", blocks })
}

fn bar(torrent: &TorrentReport, host: &TorrentHost, several: bool) -> Option<Progress> {
    let (done, source) = share(host, torrent.size)?;
    let name = name_of(torrent).unwrap_or_else(|| torrent.info_hash.to_string());
    let label = if several { format!("{name} – {}", host.address) } else { name };
    Some(Progress { label, done, source })
}

/// What a host has of a torrent, and how that is known.
fn share(host: &TorrentHost, size: Option<u64>) -> Option<((u64, u64), &'static str)> {
    match (host.measured, host.claimed, size) {
        (Some((0, 0)), ..) => Some(((1, 1), "measured")),
        (Some((have, of)), ..) if of > 0 && host.is_upload_only() => {
            Some(((have.into(), of.into()), "upload-only"))
        }
        (Some((have, of)), ..) if of > 0 => Some(((have.into(), of.into()), "measured")),
        (None, Some((.., 0)), _) => Some(((1, 1), "claimed")),
        (None, Some((.., left)), Some(size)) if size > 0 => {
            Some(((size.saturating_sub(left), size), "claimed"))
        }
        _ => None,
    }
}

fn has(host: &TorrentHost, size: Option<u64>) -> String {
    match share(host, size) {
        Some(((done, whole), source)) => format!("{} {source}", percent(done, whole)),
        None if host.is_upload_only() => "all wanted upload-only".to_owned(),
        None => "–".to_owned(),
    }
}

fn ratio(host: &TorrentHost) -> String {
    if host.downloaded == 0 {
        return "–".to_owned();
    }
    format!("{:.2}", host.uploaded as f64 / host.downloaded as f64)
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Lookup => "looked up only",
        Role::Member | Role::Leecher | Role::Seeder => role.label(),
    }
}

/// Ports as strangers found them, of one host or of all.
pub fn exposure(report: &Report, host: Option<Address>) -> Option<Section> {
    let ports: Vec<&PortReport> =
        report.exposure.iter().filter(|p| host.is_none_or(|host| p.host == host)).collect();
    if ports.is_empty() {
        return None;
    }
    let mut blocks = Vec::new();
    let stretches = ports.iter().flat_map(|p| &p.intervals);
    let from = stretches.clone().map(|i| i.first).chain(report.coverage.first).min();
    let to = stretches.map(|i| i.last).chain(report.coverage.last).max();
    let tried: Vec<ExposureRow> =
        ports.iter().filter(|p| !p.intervals.is_empty()).take(BARS_MAX).map(|p| plotted(p)).collect();
    if let (Some(from), Some(to), false) = (from, to, tried.is_empty()) {
        blocks.push(Block::Exposure(Exposure { from, to, rows: tried }));
    }
    let columns = vec![
        ("Port", false),
        ("State", false),
        ("Open for", true),
        ("Sources", true),
        ("Attempts", true),
        ("BitTorrent", false),
        ("What was seen (UTC)", false),
    ];
    let rows = ports.iter().take(PORTS_MAX).map(|p| port_row(p)).collect();
    let left_out = ports.len().saturating_sub(PORTS_MAX) as u64;
    blocks.push(Block::Table(Table { columns, rows, left_out }));
    let scans: Vec<String> = report
        .scans
        .iter()
        .filter(|s| host.is_none_or(|host| s.host == host))
        .take(BARS_MAX)
        .map(|s| format!("{} scanned {}: {} ports, {}", s.source, s.host, s.ports, span(s.first, s.last)))
        .collect();
    if !scans.is_empty() {
        blocks.push(Block::List(scans));
    }
    blocks.push(Block::Text(
        "A port is judged by attempts from outside the home networks that were seen to arrive. A port that nobody \
         tried is not tested, never closed."
            .to_owned(),
    ));
    Some(Section { title: "Exposure", note: "ports as strangers outside found them", blocks })
}

fn port_label(port: &PortReport) -> String {
    format!("{} {}/{}", port.host, words::port_protocol(port.transport), port.port)
}

fn plotted(port: &PortReport) -> ExposureRow {
    ExposureRow {
        label: port_label(port),
        state: Cell::chip(port.state.label(), port_tone(port.state)),
        stretches: port.intervals.iter().map(|i| (i.answer, i.first, i.last)).collect(),
    }
}

fn port_row(port: &PortReport) -> Vec<Cell> {
    let why = match (port.p2p, port.mapped) {
        (true, true) => "yes, mapped",
        (true, false) => "yes",
        (false, true) => "mapped",
        (false, false) => "–",
    };
    let skipped = port.intervals.len().saturating_sub(6);
    let mut seen: Vec<String> = port
        .intervals
        .iter()
        .skip(skipped)
        .map(|i| format!("{} {}", i.answer.label(), span(i.first, i.last)))
        .collect();
    if skipped > 0 {
        seen.insert(0, counted(skipped as u64, "earlier stretch", "earlier stretches"));
    }
    if seen.is_empty() {
        seen.push("no attempt seen".to_owned());
    }
    let open = if port.open_for.is_zero() { "–".to_owned() } else { duration(port.open_for) };
    vec![
        Cell::code(port_label(port)),
        Cell::chip(port.state.label(), port_tone(port.state)),
        Cell::number(open),
        Cell::number(count(port.sources)),
        Cell::number(count(port.attempts)),
        Cell::words(why),
        Cell::words(seen.join("; ")),
    ]
}

/// Mappings asked for, by one host or by all.
pub fn mappings(report: &Report, host: Option<Address>) -> Option<Section> {
    let all: Vec<_> = report.mappings.iter().filter(|m| host.is_none_or(|host| m.host == host)).collect();
    if all.is_empty() {
        return None;
    }
    let columns = vec![
        ("Host", false),
        ("Protocol", false),
        ("Inside", false),
        ("Outside", false),
        ("Lifetime", true),
        ("Answer", false),
        ("Router", false),
        ("At (UTC)", false),
    ];
    let rows = all
        .iter()
        .take(MAPPINGS_MAX)
        .map(|m| {
            let proto = words::port_protocol(m.mapping.transport);
            let answer = match m.mapping.answer {
                None => Cell::chip("asked", Tone::Plain),
                Some(0) => Cell::chip("granted", Tone::Warning),
                Some(code) => Cell::chip(format!("refused ({code})"), Tone::Good),
            };
            vec![
                Cell::code(m.mapping.host.unwrap_or(m.host)),
                Cell::words(m.mapping.protocol),
                Cell::code(format!("{proto}/{}", m.mapping.internal_port)),
                Cell::code(format!("{proto}/{}", m.mapping.external_port)),
                Cell::number(format!("{} s", count(m.mapping.lifetime.into()))),
                answer,
                Cell::code(m.router),
                Cell::time(moment(m.at)),
            ]
        })
        .collect();
    let left_out = all.len().saturating_sub(MAPPINGS_MAX) as u64;
    let blocks = vec![Block::Table(Table { columns, rows, left_out })];
    Some(Section { title: "Port mappings", note: "ports that were asked of a router", blocks })
}

/// What the sensor read and lost.
pub fn coverage(report: &Report) -> Section {
    let c = &report.coverage;
    let mut facts = vec![
        ("Packets", format!("{} ({} on the wire)", count(c.packets), bytes(c.bytes))),
        ("Decoded", format!("{} ({})", count(c.decoded), percent(c.decoded, c.packets))),
    ];
    if let (Some(first), Some(last)) = (c.first, c.last) {
        facts.push(("Time (UTC)", format!("{}, {}", span(first, last), duration(last.since(first)))));
    }
    facts.extend(lost(c));
    facts.push((
        "Flows",
        format!("{}, {} in one direction only", count(c.flows), percent(c.one_way_flows, c.flows)),
    ));
    facts.push(("Cut by the snap length", counted(c.cut_frames, "frame", "frames")));
    for (name, counts) in [("Skipped", &c.skipped), ("Tunnels", &c.tunnels), ("Limits reached", &c.limits)] {
        if !counts.is_empty() {
            facts.push((name, tally(counts)));
        }
    }
    for (file, offset, reason) in c.damage.iter().take(BARS_MAX) {
        facts.push(("Damaged", format!("{file} at byte {}: {reason}", count(*offset))));
    }
    let home = if c.home_nets_default { " (the default)" } else { "" };
    facts.push(("Home networks", format!("{}{home}", c.home_nets.join(", "))));
    let rows = facts.into_iter().map(|(name, value)| vec![Cell::words(name), Cell::words(value)]).collect();
    let mut blocks = vec![Block::Table(Table { columns: vec![("", false), ("", false)], rows, left_out: 0 })];
    let remarks = summary::remarks(report);
    if !remarks.is_empty() {
        blocks.push(Block::Heading("Remarkable".to_owned()));
        blocks.push(Block::List(remarks));
    }
    Section { title: "The sensor", note: "what was read, and what was lost", blocks }
}

fn lost(c: &Coverage) -> [(&'static str, String); 1] {
    let lost = c.kernel_dropped.saturating_add(c.queue_dropped);
    let text = if lost == 0 {
        "no packet".to_owned()
    } else {
        let of = c.packets.saturating_add(c.kernel_dropped);
        format!(
            "{} ({}): {} by the kernel, {} by a full queue",
            counted(lost, "packet", "packets"),
            percent(lost, of),
            count(c.kernel_dropped),
            count(c.queue_dropped)
        )
    };
    [("Lost by the sensor", text)]
}

fn tally(counts: &BTreeMap<&'static str, u64>) -> String {
    let parts: Vec<String> = counts.iter().map(|(name, n)| format!("{name} {}", count(*n))).collect();
    parts.join(", ")
}

/// What no report can know.
pub fn limits(report: &Report) -> Section {
    let mut blocks = vec![Block::List(CANNOT_KNOW.iter().map(|&s| s.to_owned()).collect())];
    let here = summary::limits_of_sight(&report.coverage);
    blocks.push(Block::Heading("In this capture".to_owned()));
    blocks.push(Block::List(here));
    Section { title: "What this cannot know", note: "the limits of listening", blocks }
}

/// A time, or a dash.
pub fn moment_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), moment)
}
