//! Home hosts: a table of all, then each in detail.

use super::coverage::found;
use super::page::{Page, Paint};
use super::table::{Cell, Column, write_table};
use super::text::{bytes, count, counted, moment, percent, short_span, span};
use crate::base::InfoHash;
use crate::event::{ClientSource, Encryption, Grade};
use crate::ledger::report::{HostBytes, HostReport, Report};
use crate::output::words;
use std::collections::BTreeMap;
use std::io;

/// Hosts listed in the table, and of those described in detail.
const LISTED_MAX: usize = 50;
const DESCRIBED_MAX: usize = 10;
/// Items of a list within a host's description.
const ITEMS_MAX: usize = 6;

pub(super) fn write_hosts(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if report.hosts.is_empty() {
        return write_none(page, report);
    }
    page.title(
        &format!("HOME HOSTS ({})", count(report.hosts.len() as u64)),
        "with BitTorrent or other P2P traffic, times in UTC",
    )?;
    let rows: Vec<Vec<Cell>> = report.hosts.iter().take(LISTED_MAX).map(row).collect();
    write_table(page, &COLUMNS, &rows)?;
    more(page, report.hosts.len(), LISTED_MAX, "hosts")?;
    let names: BTreeMap<InfoHash, &str> = report
        .torrents
        .iter()
        .filter_map(|torrent| Some((torrent.info_hash, torrent.name.as_ref()?.0.as_str())))
        .collect();
    for host in report.hosts.iter().take(DESCRIBED_MAX) {
        page.blank()?;
        write_host(page, host, &names)?;
    }
    if report.hosts.len() > DESCRIBED_MAX {
        page.blank()?;
    }
    more(page, report.hosts.len().min(LISTED_MAX), DESCRIBED_MAX, "hosts in detail")
}

/// Says where the rest is when a list was cut.
pub(super) fn more(page: &mut Page<'_>, all: usize, shown: usize, what: &str) -> io::Result<()> {
    if all <= shown {
        return Ok(());
    }
    page.paragraph(
        &format!("… and {} more {what}: --json has them all", count((all - shown) as u64)),
        Paint::Dim,
    )
}

fn write_none(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if !found(report, |grade| grade >= Grade::Strong) {
        return Ok(());
    }
    page.title("HOME HOSTS (0)", "")?;
    let nets = report.coverage.home_nets.join(", ");
    page.paragraph(
        &format!("BitTorrent traffic was recognised, but no host of the home networks ({nets}) takes part in it. If hosts of yours have other addresses, name their networks with --home-net."),
        Paint::Warning,
    )
}

const fn column(title: &'static str, right: bool, cut_to: Option<usize>, leaves: u8) -> Column {
    Column { title, right, cut_to, leaves }
}

const COLUMNS: [Column; 9] = [
    column("HOST", false, None, 0),
    column("IN", true, None, 0),
    column("OUT", true, None, 0),
    column("ENCRYPTED", true, None, 4),
    column("PEERS", true, None, 3),
    column("TORRENTS", true, None, 2),
    column("SEEN", false, None, 5),
    column("CLIENT", false, Some(12), 1),
    column("DOES", false, Some(14), 0),
];

fn row(host: &HostReport) -> Vec<Cell> {
    let sure = sure_bytes(host);
    let clients: Vec<String> = clients(host).into_iter().map(|(name, _)| name).collect();
    let client_paint = if host.client_conflict { Paint::Warning } else { Paint::Plain };
    let does: Vec<&str> = host.kinds.keys().map(|&kind| words::protocol(kind)).collect();
    vec![
        (host.address.to_string(), Paint::Subject),
        (bytes(sure.received), Paint::Plain),
        (bytes(sure.sent), Paint::Plain),
        (encrypted_share(host), Paint::Plain),
        (count(host.peers), Paint::Plain),
        (count(host.torrents.len() as u64), Paint::Plain),
        (short_span(host.first, host.last), Paint::Plain),
        (if clients.is_empty() { "–".to_owned() } else { clients.join(", ") }, client_paint),
        (does.join(", "), Paint::Plain),
    ]
}

fn write_host(page: &mut Page<'_>, host: &HostReport, names: &BTreeMap<InfoHash, &str>) -> io::Result<()> {
    page.subject(&host.address.to_string(), &format!("{} UTC", span(host.first, host.last)))?;
    let does: Vec<String> = host
        .kinds
        .iter()
        .map(|(&kind, &flows)| format!("{} ({})", words::protocol(kind), counted(flows, "flow", "flows")))
        .collect();
    if let Some(reason) = host.standing.reason() {
        let state = host.standing.state.label();
        page.sentence("state", &format!("{state}: {reason}"), Paint::Warning)?;
    }
    if let Some(why) = host.allowed {
        page.sentence("allowed", &format!("all that is known of it, by {}", why.label()), Paint::Plain)?;
    }
    page.entry("does", &does, ", ", Paint::Plain)?;
    page.entry("bytes", &byte_items(host), ", ", Paint::Plain)?;
    let transports: Vec<String> = host
        .transports
        .iter()
        .map(|(name, sum)| {
            format!("{} in {} out {}", transport_name(name), bytes(sum.received), bytes(sum.sent))
        })
        .collect();
    page.entry("over", &transports, ", ", Paint::Plain)?;
    page.entry("opened", &opened(host), ", ", Paint::Plain)?;
    let both =
        |name: &str, sum: &HostBytes| format!("{name} in {} out {}", bytes(sum.received), bytes(sum.sent));
    let moved = |sum: &HostBytes| sum.received > 0 || sum.sent > 0;
    let grades: Vec<String> = Grade::ALL
        .iter()
        .filter_map(|grade| {
            host.bytes.get(grade).filter(|sum| moved(sum)).map(|sum| both(grade.label(), sum))
        })
        .collect();
    page.entry("by grade", &some_of_many(grades), ", ", Paint::Plain)?;
    let encryption: Vec<String> = host
        .encryption
        .iter()
        .filter(|(_, sum)| moved(sum))
        .map(|(encryption, sum)| both(encryption_name(*encryption), sum))
        .collect();
    page.entry("encryption", &some_of_many(encryption), ", ", Paint::Plain)?;
    let paint = if host.client_conflict { Paint::Warning } else { Paint::Plain };
    let clients: Vec<String> =
        clients(host).into_iter().map(|(name, sources)| format!("{name} ({})", sources.join(", "))).collect();
    page.entry("client", &clients, ", ", paint)?;
    let listens: Vec<String> = listens(host)
        .into_iter()
        .map(|(port, channels)| format!("port {port} ({})", channels.join(", ")))
        .collect();
    page.entry("listens", &some(listens), ", ", Paint::Plain)?;
    let external: Vec<String> = host
        .external
        .iter()
        .map(|(address, votes)| format!("{address} (in {})", counted(*votes, "message", "messages")))
        .collect();
    page.entry("seen as", &some(external), ", ", Paint::Plain)?;
    let nodes: Vec<String> = host
        .node_ids
        .iter()
        .map(|(id, valid)| match valid {
            Some(true) => format!("{id} (valid, BEP 42)"),
            Some(false) => format!("{id} (invalid, BEP 42)"),
            None => id.to_string(),
        })
        .collect();
    page.entry("DHT node", &some(nodes), ", ", Paint::Plain)?;
    let [queries, responses, errors, received] = host.dht;
    if host.dht != [0; 4] {
        let text = format!(
            "{} asked, {} answered, {} refused; {} received",
            counted(queries, "query", "queries"),
            count(responses),
            count(errors),
            counted(received, "query", "queries")
        );
        page.sentence("DHT", &text, Paint::Plain)?;
        page.entry("DHT for", &dht_purposes(host), ", ", Paint::Plain)?;
        page.sentence("DHT part", host.dht_conduct.part.label(), Paint::Plain)?;
    }
    for finding in &host.dht_conduct.findings {
        let rule = finding.behaviour.rule();
        let text = format!(
            "suspected {}: {} {} ({} make one), at {}; looks alike: {}",
            rule.word,
            count(finding.count),
            rule.counts.replace('`', ""),
            count(rule.threshold),
            moment(finding.first),
            rule.look_alike
        );
        page.sentence("DHT rule", &text, Paint::Warning)?;
    }
    let torrents: Vec<String> = host
        .torrents
        .iter()
        .map(|hash| names.get(hash).map_or_else(|| hash.to_string(), |&name| name.to_owned()))
        .collect();
    page.entry("torrents", &some(torrents), ", ", Paint::Plain)?;
    if host.claimed_only {
        page.sentence(
            "caution",
            "only one direction was seen: a third party could have forged all of this",
            Paint::Warning,
        )?;
    }
    Ok(())
}

/// What its queries were for, and how they fared.
fn dht_purposes(host: &HostReport) -> Vec<String> {
    let exchange = &host.dht_exchange;
    let purposes = exchange.purposes.iter().map(|(purpose, n)| format!("{} {}", purpose.label(), count(*n)));
    let mean = exchange.mean_round_trip().map(|mean| format!("{} ms to an answer", mean.as_millis()));
    let unanswered = exchange.unanswered();
    let unanswered = (unanswered > 0).then(|| format!("{} without answer", count(unanswered)));
    purposes.chain(unanswered).chain(mean).collect()
}

/// How much came by connections that others opened, and by its own: whether it works without being reached.
fn opened(host: &HostReport) -> Vec<String> {
    let [others, itself] = host.opened;
    let tell = |who: &str, (flows, sum): (u64, HostBytes)| {
        let flows = counted(flows, "connection", "connections");
        format!("{flows} by {who}: in {} out {}", bytes(sum.received), bytes(sum.sent))
    };
    if others.0 + itself.0 == 0 {
        return Vec::new();
    }
    vec![tell("others", others), tell("itself", itself)]
}

/// The first few, and how many more there are.
fn some(mut items: Vec<String>) -> Vec<String> {
    let left = items.len().saturating_sub(ITEMS_MAX);
    if left > 0 {
        items.truncate(ITEMS_MAX);
        items.push(format!("and {left} more"));
    }
    items
}

/// A split is worth a line when it splits something.
fn some_of_many(parts: Vec<String>) -> Vec<String> {
    if parts.len() > 1 { parts } else { Vec::new() }
}

const fn encryption_name(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::None => "clear",
        other => other.label(),
    }
}

fn byte_items(host: &HostReport) -> Vec<String> {
    let sure = sure_bytes(host);
    let own = host.all.received.saturating_add(host.all.sent);
    let items = vec![
        format!("in {}", bytes(sure.received)),
        format!("out {}", bytes(sure.sent)),
        format!("{} of the host's traffic", percent(sure.received.saturating_add(sure.sent), own)),
        format!("{} encrypted", encrypted_share(host)),
    ];
    items
}

/// Bytes of grade strong or better.
fn sure_bytes(host: &HostReport) -> HostBytes {
    let mut sum = HostBytes::default();
    for (_, bytes) in host.bytes.iter().filter(|(grade, _)| **grade >= Grade::Strong) {
        sum.received = sum.received.saturating_add(bytes.received);
        sum.sent = sum.sent.saturating_add(bytes.sent);
    }
    sum
}

/// The share of the payload that is encrypted; an MSE handshake before clear payload does not count.
fn encrypted_share(host: &HostReport) -> String {
    let (mut hidden, mut all) = (0u64, 0u64);
    for (encryption, sum) in &host.encryption {
        let bytes = sum.received.saturating_add(sum.sent);
        all = all.saturating_add(bytes);
        if matches!(encryption, Encryption::Mse | Encryption::MseRc4) {
            hidden = hidden.saturating_add(bytes);
        }
    }
    percent(hidden, all)
}

/// Each client once, with the fields that name it.
fn clients(host: &HostReport) -> Vec<(String, Vec<&'static str>)> {
    let mut clients: Vec<(String, Vec<&'static str>)> = Vec::new();
    for client in &host.clients {
        let source = source_name(client.source);
        match clients.iter_mut().find(|(name, _)| *name == client.name) {
            Some((_, sources)) if sources.contains(&source) => {}
            Some((_, sources)) => sources.push(source),
            None => clients.push((client.name.clone(), vec![source])),
        }
    }
    clients
}

/// Each port once, with the ways by which it was told.
fn listens(host: &HostReport) -> BTreeMap<u16, Vec<&'static str>> {
    let mut ports: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for (port, channel, ..) in &host.listens {
        let channels = ports.entry(*port).or_default();
        if !channels.contains(&channel.label()) {
            channels.push(channel.label());
        }
    }
    ports
}

const fn source_name(source: ClientSource) -> &'static str {
    match source {
        ClientSource::PeerId => "peer id",
        ClientSource::Extended => "extended handshake",
        ClientSource::Krpc => "DHT",
        ClientSource::UserAgent => "user agent",
        ClientSource::Upnp => "UPnP",
    }
}

fn transport_name(word: &str) -> &str {
    match word {
        "tcp" => "TCP",
        "utp" => "uTP",
        "udp" => "UDP",
        other => other,
    }
}
