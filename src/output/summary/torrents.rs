//! The most active torrents with their home hosts, and the port mappings asked for.

use super::hosts::more;
use super::page::{Page, Paint};
use super::table::{Cell, Column, write_table};
use super::text::{bytes, count, counted, duration, fit, moment, percent, width};
use crate::event::{Mapping, NameTrust};
use crate::ledger::report::{MappingReport, Report, Role, ScrapeReport, TorrentHost, TorrentReport};
use crate::output::words;
use std::io;
use std::time::Duration;

/// Torrents shown, home hosts of each, and mappings.
const TORRENTS_MAX: usize = 10;
const HOSTS_MAX: usize = 5;
const MAPPINGS_MAX: usize = 20;

pub(super) fn write_torrents(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if report.torrents.is_empty() {
        return Ok(());
    }
    page.title(
        &format!("TORRENTS ({})", count(report.torrents.len() as u64)),
        "of home hosts, most active first",
    )?;
    for (i, torrent) in report.torrents.iter().take(TORRENTS_MAX).enumerate() {
        if i > 0 {
            page.blank()?;
        }
        write_torrent(page, torrent)?;
    }
    more(page, report.torrents.len(), TORRENTS_MAX, "torrents")
}

fn write_torrent(page: &mut Page<'_>, torrent: &TorrentReport) -> io::Result<()> {
    let hash = torrent.info_hash.to_string();
    match &torrent.name {
        Some((name, _, trust)) => {
            let note = match trust {
                NameTrust::Verified => "name verified",
                NameTrust::Claimed => "name claimed",
            };
            // The name gives way to the note, which says how far to believe it.
            let room = page.layout.width.saturating_sub(width(note) + 4);
            page.subject(&fit(name, room), note)?;
            page.entry("info-hash", &[hash], "", Paint::Plain)?;
        }
        None => page.subject(&hash, "name unknown")?,
    }
    if let Some(also) = torrent.also {
        page.entry("hybrid", &[format!("also {also}")], "", Paint::Plain)?;
    }
    if let Some(whole) = torrent.v2 {
        page.entry("v2 hash", &[whole.to_string()], "", Paint::Plain)?;
    }
    page.entry("about", &about(torrent), ", ", Paint::Plain)?;
    let rows: Vec<Vec<Cell>> = torrent.hosts.iter().take(HOSTS_MAX).map(row).collect();
    if !rows.is_empty() {
        write_table(page, &COLUMNS, &rows)?;
    }
    more(page, torrent.hosts.len(), HOSTS_MAX, "home hosts")
}

fn about(torrent: &TorrentReport) -> Vec<String> {
    let mut items = Vec::new();
    items.extend(torrent.size.map(bytes));
    items.extend(torrent.private.filter(|&private| private).map(|_| "private".to_owned()));
    if torrent.is_v2 && torrent.v2.is_none() {
        items.push("version 2 or hybrid".to_owned());
    }
    let peers = counted(torrent.peers, "peer seen", "peers seen");
    items.push(match torrent.peers_seeding {
        0 => peers,
        seeding => format!("{peers} ({} seeding)", count(seeding)),
    });
    if let Some((seeders, leechers, _)) = torrent.reported {
        let (seeders, leechers) = (count(seeders.into()), count(leechers.into()));
        items.push(format!("a tracker says {seeders} seeding and {leechers} not"));
    }
    items.extend(torrent.scrape.and_then(scraped));
    if torrent.hosts.len() > 1 {
        items.push(format!("{} home hosts", count(torrent.hosts.len() as u64)));
    }
    if torrent.across() > 0 {
        items.push(format!("{} from one of them to another", bytes(torrent.across())));
    }
    if let Some(why) = torrent.allowed {
        items.push(format!("allowed by {}", why.label()));
    }
    if !torrent.channels.is_empty() {
        let channels: Vec<&str> = torrent.channels.iter().map(|channel| channel.label()).collect();
        items.push(format!("known by {}", channels.join(" ")));
    }
    items
}

/// What a scrape of the DHT says; an estimate, of addresses.
fn scraped(scrape: ScrapeReport) -> Option<String> {
    let seeders = scrape.seeders.map(|n| format!("{} seeding", count(n.into())));
    let leechers = scrape.leechers.map(|n| format!("{} not", count(n.into())));
    let told: Vec<String> = seeders.into_iter().chain(leechers).collect();
    (!told.is_empty()).then(|| format!("the DHT says about {}", told.join(" and ")))
}

const fn column(title: &'static str, right: bool, cut_to: Option<usize>, leaves: u8) -> Column {
    Column { title, right, cut_to, leaves }
}

const COLUMNS: [Column; 7] = [
    column("HOME HOST", false, None, 0),
    column("ROLE", false, None, 0),
    column("HAS", false, Some(8), 0),
    column("DOWN", true, None, 0),
    column("UP", true, None, 0),
    column("RATIO", true, None, 2),
    column("PEERS", true, None, 1),
];

fn row(host: &TorrentHost) -> Vec<Cell> {
    let (role, paint) = match host.role {
        Role::Lookup => ("looked up only", Paint::Dim),
        Role::Member => ("member", Paint::Plain),
        Role::Leecher => ("leecher", Paint::Plain),
        Role::Seeder => ("seeder", Paint::Good),
    };
    vec![
        (host.address.to_string(), Paint::Subject),
        (role.to_owned(), paint),
        (progress(host), Paint::Plain),
        (bytes(host.downloaded), Paint::Plain),
        (bytes(host.uploaded), Paint::Plain),
        (ratio(host), Paint::Plain),
        (count(host.peers), Paint::Plain),
    ]
}

/// Sent for received, as measured.
fn ratio(host: &TorrentHost) -> String {
    host.ratio().map_or_else(|| "–".to_owned(), |n| format!("{}.{:02}", n / 1_000, n % 1_000 / 10))
}

/// What was measured, otherwise what the host claims, and how that is known. One that told its peers that it wants no more has
/// all it wants, whatever the share.
fn progress(host: &TorrentHost) -> String {
    match (host.measured, host.claimed) {
        (Some((have, of)), _) if host.is_upload_only() && of > 0 => {
            format!("{} (upload-only)", percent(have.into(), of.into()))
        }
        _ if host.is_upload_only() => "all wanted (upload-only)".to_owned(),
        (Some((0, 0)), _) => "all (measured)".to_owned(),
        (Some((have, of)), _) if of > 0 => format!("{} (measured)", percent(have.into(), of.into())),
        (Some((have, _)), _) => format!("{} (measured)", counted(have.into(), "piece", "pieces")),
        (None, Some((_, _, _, 0))) => "all (claimed)".to_owned(),
        (None, Some((_, _, _, left))) => format!("{} left (claimed)", bytes(left)),
        (None, None) => "–".to_owned(),
    }
}

const MAPPING_COLUMNS: [Column; 8] = [
    column("HOST", false, None, 0),
    column("PORTS", false, None, 0),
    column("BY", false, None, 0),
    column("ANSWER", false, Some(10), 0),
    column("FOR", true, None, 1),
    column("PEERS", true, None, 2),
    column("ROUTER", false, None, 4),
    column("AT (UTC)", false, None, 3),
];

pub(super) fn write_mappings(page: &mut Page<'_>, mappings: &[MappingReport]) -> io::Result<()> {
    if mappings.is_empty() {
        return Ok(());
    }
    page.title(
        &format!("PORT MAPPINGS ({})", count(mappings.len() as u64)),
        "asked of routers by home hosts",
    )?;
    let rows: Vec<Vec<Cell>> = mappings.iter().take(MAPPINGS_MAX).map(mapping_row).collect();
    write_table(page, &MAPPING_COLUMNS, &rows)?;
    more(page, mappings.len(), MAPPINGS_MAX, "mappings")
}

fn mapping_row(report: &MappingReport) -> Vec<Cell> {
    let Mapping { transport, internal_port, external_port, lifetime, host, answer, protocol } =
        report.mapping;
    let external = if external_port == 0 { "any".to_owned() } else { external_port.to_string() };
    let asker = match host.filter(|&host| host != report.host) {
        Some(other) => format!("{} for {other}", report.host),
        None => report.host.to_string(),
    };
    let (answer, paint) = match answer {
        Some(0) => ("granted".to_owned(), Paint::Good),
        Some(code) => (format!("refused ({code})"), Paint::Warning),
        None => ("none seen".to_owned(), Paint::Dim),
    };
    vec![
        (asker, Paint::Subject),
        (format!("{} {external} → {internal_port}", words::port_protocol(transport)), Paint::Plain),
        (protocol.to_owned(), Paint::Plain),
        (answer, paint),
        (
            if lifetime == 0 { "–".to_owned() } else { duration(Duration::from_secs(lifetime.into())) },
            Paint::Plain,
        ),
        (count(report.used_by), Paint::Plain),
        (report.router.to_string(), Paint::Plain),
        (moment(report.at), Paint::Plain),
    ]
}
