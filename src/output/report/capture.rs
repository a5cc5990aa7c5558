//! The report of a whole capture: overview, hosts, torrents, exposure, alerts, and what the sensor saw.

use super::document::{Block, Cell, Document, Section, Table, Tone};
use super::html;
use super::sections::{self, grade_tone, moment_or_dash, nat_tone, state_tone};
use super::timeline::Timeline;
use crate::event::{Family, Grade};
use crate::ledger::report::{FlowSum, HostBytes, HostReport, PortState, Report};
use crate::output::summary::text::{bytes, count, counted, moment, percent, span};
use crate::output::{AlertLog, words};
use crate::policy::Severity;
use std::io::{self, Write};

/// Hosts and alerts shown.
const HOSTS_MAX: usize = 200;
const ALERTS_MAX: usize = 200;

/// What is reported of a capture.
#[derive(Clone, Copy, Debug)]
pub struct CaptureReport<'a> {
    /// What an analysis found.
    pub report: &'a Report,
    /// The alerts, where the capture was held against rules.
    pub alerts: Option<&'a AlertLog>,
    /// Peer-to-peer bytes over time.
    pub timeline: &'a Timeline,
}

/// Writes the report of a capture as one HTML page, with no outside assets and no script.
///
/// # Errors
/// Those of the output.
pub fn write_capture_html(capture: &CaptureReport<'_>, out: &mut dyn Write) -> io::Result<()> {
    html::write(&capture.document(), out)
}

impl CaptureReport<'_> {
    fn document(&self) -> Document {
        let c = &self.report.coverage;
        let mut sections = vec![self.overview()];
        sections.extend(self.alerts());
        sections.extend(self.hosts());
        sections.extend(sections::torrents(self.report, None));
        sections.extend(sections::exposure(self.report, None));
        sections.extend(sections::mappings(self.report, None));
        sections.extend(self.protocols());
        sections.push(sections::coverage(self.report));
        sections.push(sections::limits(self.report));
        let files = match c.files.as_slice() {
            [] => "–".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        let facts = vec![
            ("Read", Cell::words(files)),
            ("From (UTC)", Cell::words(moment_or_dash(c.first))),
            ("To (UTC)", Cell::words(moment_or_dash(c.last))),
            ("Made by", Cell::words(format!("swarmscope {}", env!("CARGO_PKG_VERSION")))),
        ];
        Document { title: "Peer-to-peer traffic of a network".to_owned(), facts, sections }
    }

    fn overview(&self) -> Section {
        let report = self.report;
        let hosts = report.hosts.len() as u64;
        let (tone, headline) = match hosts {
            0 => (Tone::Plain, "No host took part".to_owned()),
            n => (Tone::Bad, format!("{} took part", counted(n, "host", "hosts"))),
        };
        let sentence = if hosts == 0 {
            "No home host with peer-to-peer traffic of grade strong or better was found in what could be seen.".to_owned()
        } else {
            let active =
                report.hosts.iter().filter(|h| state_tone(h.standing.state) == Tone::Bad).count() as u64;
            format!(
                "{} of the home networks took part in peer-to-peer traffic, in {}; {} of them active at the end.",
                counted(hosts, "host", "hosts"),
                counted(report.torrents.len() as u64, "torrent", "torrents"),
                count(active)
            )
        };
        let sums = self.timeline.sums();
        let p2p = sums[0].saturating_add(sums[1]);
        let open = report.exposure.iter().filter(|p| p.state == PortState::Open).count() as u64;
        let c = &report.coverage;
        let lost = c.kernel_dropped.saturating_add(c.queue_dropped);
        let mut tiles = vec![
            ("Hosts", count(hosts), "with peer-to-peer traffic".to_owned()),
            ("Torrents", count(report.torrents.len() as u64), String::new()),
            ("Peer-to-peer bytes", bytes(p2p), format!("{} of all", percent(p2p, c.bytes))),
            ("Open ports", count(open), "as strangers saw them".to_owned()),
        ];
        if let Some(alerts) = self.alerts {
            let n = (alerts.records().len() as u64).saturating_add(alerts.left_out());
            tiles.push(("Alerts", count(n), String::new()));
        }
        tiles.push(("Lost", count(lost), counted(lost, "packet", "packets")));
        let mut blocks = vec![Block::Banner { tone, headline, points: vec![sentence] }, Block::Tiles(tiles)];
        if self.timeline.steps().next().is_some() {
            blocks.push(Block::Timeline(self.timeline.clone()));
        }
        Section { title: "Overview", note: "", blocks }
    }

    fn hosts(&self) -> Option<Section> {
        if self.report.hosts.is_empty() {
            return None;
        }
        let columns = vec![
            ("Host", false),
            ("State", false),
            ("Grade", false),
            ("In", true),
            ("Out", true),
            ("Peers", true),
            ("Torrents", true),
            ("Clients", false),
            ("TCP", false),
            ("UDP", false),
            ("Seen (UTC)", false),
        ];
        let rows = self.report.hosts.iter().take(HOSTS_MAX).map(host_row).collect();
        let left_out = self.report.hosts.len().saturating_sub(HOSTS_MAX) as u64;
        let blocks = vec![
            Block::Table(Table { columns, rows, left_out }),
            Block::Text("TCP and UDP tell how well the host can be reached from outside.".to_owned()),
        ];
        Some(Section { title: "Hosts", note: "those with most bytes first", blocks })
    }

    fn alerts(&self) -> Option<Section> {
        let alerts = self.alerts?;
        if alerts.records().len() == 0 {
            let blocks = vec![Block::Text("No alert opened.".to_owned())];
            return Some(Section { title: "Alerts", note: "by the rules that were given", blocks });
        }
        let columns = vec![
            ("Severity", false),
            ("Rule", false),
            ("Host", false),
            ("What", false),
            ("Opened (UTC)", false),
            ("Resolved (UTC)", false),
        ];
        let mut records: Vec<_> = alerts.records().collect();
        records.sort_by_key(|r| (std::cmp::Reverse(r.alert.severity()), r.alert.at));
        let rows = records
            .iter()
            .take(ALERTS_MAX)
            .map(|r| {
                let severity = r.alert.severity();
                let tone = match severity {
                    Severity::Info | Severity::Notice => Tone::Busy,
                    Severity::Warning => Tone::Warning,
                    Severity::Critical => Tone::Bad,
                };
                vec![
                    Cell::chip(severity.label(), tone),
                    Cell::code(&r.alert.rule.name),
                    r.alert.host().map_or_else(|| Cell::words("–"), Cell::code),
                    Cell::words(r.alert.summary()),
                    Cell::time(moment(r.alert.at)),
                    Cell::words(moment_or_dash(r.resolved)),
                ]
            })
            .collect();
        let left_out = (records.len().saturating_sub(ALERTS_MAX) as u64).saturating_add(alerts.left_out());
        let blocks = vec![Block::Table(Table { columns, rows, left_out })];
        Some(Section { title: "Alerts", note: "by the rules that were given", blocks })
    }

    fn protocols(&self) -> Option<Section> {
        let totals = &self.report.totals;
        if totals.flows.is_empty() {
            return None;
        }
        let row = |name: Vec<Cell>, sum: &FlowSum| {
            let mut row = name;
            row.extend([
                Cell::number(count(sum.flows)),
                Cell::number(bytes(sum.bytes_in)),
                Cell::number(bytes(sum.bytes_out)),
                Cell::number(bytes(sum.bytes_across)),
            ]);
            row
        };
        let columns = |first: &'static str, second: &'static str| {
            vec![
                (first, false),
                (second, false),
                ("Flows", true),
                ("In", true),
                ("Out", true),
                ("Across", true),
            ]
        };
        let graded = totals.flows.iter().map(|((family, grade), sum)| {
            let tone = if *family == Family::LookAlike { Tone::Plain } else { grade_tone(*grade) };
            row(vec![Cell::words(words::family(*family)), Cell::chip(grade.label(), tone)], sum)
        });
        let kinds = totals.kinds.iter().map(|(kind, sum)| {
            row(vec![Cell::words(words::protocol(*kind)), Cell::words(words::family(kind.family()))], sum)
        });
        let blocks = vec![
            Block::Table(Table { columns: columns("Family", "Grade"), rows: graded.collect(), left_out: 0 }),
            Block::Table(Table {
                columns: columns("Protocol", "Family"),
                rows: kinds.collect(),
                left_out: 0,
            }),
        ];
        Some(Section { title: "Traffic", note: "flows and bytes by grade and by protocol", blocks })
    }
}

fn host_row(host: &HostReport) -> Vec<Cell> {
    let sure = Grade::ALL.iter().filter(|g| **g >= Grade::Strong);
    let moved = |g: &&Grade| host.bytes.get(g).is_some_and(|b| b.received > 0 || b.sent > 0);
    let grade = sure.clone().find(moved).copied().unwrap_or(Grade::Suspected);
    let sum = sure.filter_map(|g| host.bytes.get(g)).fold(HostBytes::default(), |sum, b| HostBytes {
        received: sum.received.saturating_add(b.received),
        sent: sum.sent.saturating_add(b.sent),
    });
    let mut clients: Vec<&str> = host.clients.iter().map(|c| c.name.as_str()).collect();
    clients.sort_unstable();
    clients.dedup();
    let more = clients.len().saturating_sub(3);
    clients.truncate(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let state = host.standing.state;
    let [tcp, udp] = host.nat;
    vec![
        Cell::code(host.address),
        Cell::chip(state.label(), state_tone(state)),
        Cell::chip(grade.label(), grade_tone(grade)),
        Cell::number(bytes(sum.received)),
        Cell::number(bytes(sum.sent)),
        Cell::number(count(host.peers)),
        Cell::number(count(host.torrents.len() as u64)),
        Cell::words(format!("{}{more}", clients.join(", "))),
        Cell::chip(tcp.label(), nat_tone(tcp)),
        Cell::chip(udp.label(), nat_tone(udp)),
        Cell::time(span(host.first, host.last)),
    ]
}
