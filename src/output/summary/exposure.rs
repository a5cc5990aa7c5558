//! Which ports strangers could reach, and what came of it.

use super::page::{Page, Paint};
use super::table::{Cell, Column, write_table};
use super::text::{count, counted, duration, moment, short_span};
use crate::base::Transport;
use crate::event::Answer;
use crate::ledger::report::{HostReport, Interval, NatStatus, PortReport, PortState, Report, VisitReport};
use crate::ledger::{Place, Side};
use std::io;

/// Ports listed, intervals of a port, scanners listed.
const PORTS_MAX: usize = 40;
const INTERVALS_MAX: usize = 5;
const SCANS_MAX: usize = 10;
/// Ports whose other visitors are told.
const VISITED_MAX: usize = 10;

pub(super) fn write_exposure(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    // A port that nobody tried and nobody opened is no news of every host; that its port is not tested is one line.
    let telling = |p: &&PortReport| p.p2p && p.transport == Transport::Tcp || p.mapped || is_open(p);
    let ports: Vec<&PortReport> = report.exposure.iter().filter(telling).collect();
    if ports.is_empty() && report.scans.is_empty() {
        return Ok(());
    }
    page.title("EXPOSURE", "as strangers outside the home networks found it, times in UTC")?;
    page.paragraph(&place(&report.place), Paint::Dim)?;
    let rows: Vec<Vec<Cell>> = ports.iter().take(PORTS_MAX).map(|p| row(p, &report.hosts)).collect();
    write_table(page, &COLUMNS, &rows)?;
    super::hosts::more(page, ports.len(), PORTS_MAX, "ports")?;
    let visited: Vec<&PortReport> =
        report.exposure.iter().filter(|p| p.p2p && !p.visits.is_empty()).collect();
    for port in visited.iter().take(VISITED_MAX) {
        let answered = port.visits.iter().any(|v| v.answered > 0);
        page.point(&visits(port), if answered { Paint::Warning } else { Paint::Plain })?;
    }
    super::hosts::more(page, visited.len(), VISITED_MAX, "ports that strangers tried otherwise")?;
    for scan in report.scans.iter().take(SCANS_MAX) {
        let tried = counted(scan.ports, "port", "ports");
        page.point(
            &format!("{} tried {tried} of {} at {}", scan.source, scan.host, moment(scan.first)),
            Paint::Warning,
        )?;
    }
    super::hosts::more(page, report.scans.len(), SCANS_MAX, "scans")
}

const fn column(title: &'static str, right: bool, cut_to: Option<usize>, leaves: u8) -> Column {
    Column { title, right, cut_to, leaves }
}

const COLUMNS: [Column; 8] = [
    column("HOST", false, None, 0),
    column("PORT", true, None, 0),
    column("STATE", false, None, 0),
    column("OPEN FOR", true, None, 4),
    column("SOURCES", true, None, 3),
    column("WHY", false, None, 2),
    column("REACHABLE", false, None, 1),
    column("SEEN", false, Some(16), 0),
];

fn row(port: &PortReport, hosts: &[HostReport]) -> Vec<Cell> {
    let (transport, index) = match port.transport {
        Transport::Tcp => ("tcp", 0),
        Transport::Udp => ("udp", 1),
    };
    let host = hosts.iter().find(|h| h.address == port.host);
    let nat = host.and_then(|h| h.nat.get(index).copied()).unwrap_or_default();
    let why = match (port.p2p, port.mapped) {
        (true, true) => "BitTorrent, mapped",
        (true, false) => "BitTorrent",
        (false, true) => "mapped",
        (false, false) => "–",
    };
    let open = if port.open_for.is_zero() { "–".to_owned() } else { duration(port.open_for) };
    vec![
        (port.host.to_string(), Paint::Subject),
        (format!("{transport}/{}", port.port), Paint::Plain),
        (port.state.label().to_owned(), state_paint(port.state)),
        (open, Paint::Plain),
        (count(port.sources), Paint::Plain),
        (why.to_owned(), Paint::Plain),
        (nat.label().to_owned(), nat_paint(nat)),
        (story(&port.intervals), Paint::Plain),
    ]
}

/// Where the sensor stands: what it can say of ports depends on it.
fn place(place: &Place) -> String {
    let belief = match place.side {
        Side::Unknown => "Whether the sensor is inside or outside a NAT is not known",
        Side::Inside => "The sensor is inside the NAT",
        Side::Outside => "The sensor is outside the NAT, or there is none",
        Side::Mixed => "Some home hosts are behind a NAT, seen from inside; others are not",
    };
    if place.evidence.is_empty() {
        return format!("{belief}.");
    }
    format!("{belief}: {}.", place.evidence.join("; "))
}

/// What else strangers tried on a BitTorrent port, and whether the host talked back.
fn visits(port: &PortReport) -> String {
    let tell = |v: &VisitReport| {
        let times = counted(v.flows, "time", "times");
        let from = if v.sources < v.flows { format!(" from {}", count(v.sources)) } else { String::new() };
        let answered = match v.answered {
            0 => "not answered".to_owned(),
            n if n == v.flows => "answered".to_owned(),
            n => format!("answered {}", counted(n, "time", "times")),
        };
        format!("{} {times}{from} ({answered})", v.opens.label())
    };
    let told: Vec<String> = port.visits.iter().map(tell).collect();
    let transport = port.transport.name();
    format!("on {transport}/{} of {}, besides BitTorrent: {}", port.port, port.host, told.join(", "))
}

const fn is_open(port: &PortReport) -> bool {
    matches!(port.state, PortState::Open)
}

/// What was seen when, the latest last.
fn story(intervals: &[Interval]) -> String {
    if intervals.is_empty() {
        return "no attempt seen".to_owned();
    }
    let left_out = intervals.len().saturating_sub(INTERVALS_MAX);
    let tell = |i: &Interval| {
        let word = match i.answer {
            Answer::Silence => "unanswered",
            Answer::Filtered => "filtered",
            Answer::Refused => "refused",
            Answer::Accepted => "accepted",
        };
        format!("{word} {}", short_span(i.first, i.last))
    };
    let mut parts: Vec<String> = intervals.iter().skip(left_out).map(tell).collect();
    if left_out > 0 {
        parts.insert(0, "…".to_owned());
    }
    parts.join(", ")
}

const fn state_paint(state: PortState) -> Paint {
    match state {
        PortState::Open => Paint::Bad,
        PortState::ForwardedRefused => Paint::Warning,
        PortState::Closed | PortState::Stealth => Paint::Good,
        PortState::NotTested => Paint::Dim,
    }
}

const fn nat_paint(status: NatStatus) -> Paint {
    match status {
        NatStatus::Green => Paint::Good,
        NatStatus::Yellow => Paint::Warning,
        NatStatus::Red => Paint::Bad,
        NatStatus::Unknown => Paint::Dim,
    }
}
