//! The report of one host: its model, and what is to be said of it.

use super::collect::Collected;
use super::document::{Block, Cell, Document, Section, Table, Tone};
use super::evidence::Evidence;
use super::sections::{self, grade_tone, moment_or_dash, nat_tone, state_tone};
use crate::event::Grade;
use crate::ledger::report::{HostBytes, HostReport, Report};
use crate::output::summary::text::{bytes, count, counted, duration, percent, span};
use crate::output::{NoticeAnswer, words};
use std::time::Duration;

/// Peers shown, and items of lists.
const PEERS_MAX: usize = 20;

/// All that is reported of one host.
#[derive(Clone, Copy, Debug)]
pub struct CaseFile<'a> {
    /// What was collected of it.
    pub collected: &'a Collected,
    /// What is known of all hosts.
    pub report: &'a Report,
    /// The packets that prove it.
    pub evidence: &'a Evidence,
    /// The notice that led to the host, where one did.
    pub notice: Option<&'a NoticeAnswer<'a>>,
    /// How long it must be quiet to be called cleared.
    pub quiet_for: Duration,
}

impl CaseFile<'_> {
    /// What is known of the host, where it took part in anything.
    #[must_use]
    pub fn known(&self) -> Option<&HostReport> {
        self.report.hosts.iter().find(|h| h.address == self.collected.host)
    }

    /// The best grade of its flows.
    #[must_use]
    pub fn grade(&self) -> Option<Grade> {
        self.collected.flows.iter().filter_map(|f| f.record.label.grade).max()
    }

    /// The verdict in a sentence.
    #[must_use]
    pub fn verdict(&self) -> String {
        let host = self.collected.host;
        let Some(known) = self.known() else {
            return match (self.grade(), self.collected.seen) {
                (Some(_), _) => format!(
                    "Traffic of {host} is suspected to be peer-to-peer, without proof. This accuses nobody."
                ),
                (None, true) => {
                    format!("No peer-to-peer traffic of {host} was recognised in what could be seen.")
                }
                (None, false) => format!("{host} was not seen at all."),
            };
        };
        let kinds: Vec<&str> = known.kinds.keys().map(|k| words::protocol(*k)).collect();
        let sum = sure(known);
        let proof = match self.grade() {
            Some(Grade::Confirmed) => "proven by bytes that parse as the protocol and as nothing else",
            _ => "shown by at least two independent facts, one of them about the very flow or port",
        };
        let caution = if known.claimed_only {
            " Only one direction was seen: a third party could have forged all of this."
        } else {
            ""
        };
        format!(
            "{host} took part in peer-to-peer traffic from {}, {proof}: {}, {} in and {} out, with {} ({}).{caution}",
            span(known.first, known.last),
            counted(known.flows, "flow", "flows"),
            bytes(sum.received),
            bytes(sum.sent),
            counted(known.peers, "peer", "peers"),
            kinds.join(", ")
        )
    }

    pub(super) fn document(&self) -> Document {
        let host = self.collected.host;
        let mut sections = vec![self.summary()];
        sections.extend(self.notice());
        sections.extend(self.traffic());
        sections.extend(sections::torrents(self.report, Some(host)));
        sections.extend(self.clients());
        sections.extend(self.peers());
        sections.extend(sections::exposure(self.report, Some(host)));
        sections.extend(sections::mappings(self.report, Some(host)));
        sections.extend(self.dht());
        sections.push(self.state());
        sections.extend(self.reasons());
        sections.push(self.proof());
        sections.push(sections::coverage(self.report));
        sections.push(sections::limits(self.report));
        let c = &self.report.coverage;
        let facts = vec![
            ("Host", Cell::code(host)),
            ("From (UTC)", Cell::words(moment_or_dash(c.first))),
            ("To (UTC)", Cell::words(moment_or_dash(c.last))),
            ("Made by", Cell::words(format!("swarmscope {}", env!("CARGO_PKG_VERSION")))),
        ];
        Document { title: format!("Peer-to-peer traffic of {host}"), facts, sections }
    }

    fn summary(&self) -> Section {
        let (tone, headline) = match (self.known(), self.grade()) {
            (Some(_), Some(grade)) => (grade_tone(grade), format!("Took part: {}", grade.label())),
            (Some(_), None) => (Tone::Bad, "Took part".to_owned()),
            (None, Some(_)) => (Tone::Plain, "Suspected only".to_owned()),
            (None, None) => (Tone::Plain, "Nothing found".to_owned()),
        };
        let mut blocks = vec![Block::Banner { tone, headline, points: vec![self.verdict()] }];
        if let Some(known) = self.known() {
            blocks.push(Block::Tiles(self.tiles(known)));
        }
        Section { title: "Verdict", note: "", blocks }
    }

    fn tiles(&self, known: &HostReport) -> Vec<(&'static str, String, String)> {
        let sum = sure(known);
        let all = known.all.received.saturating_add(known.all.sent);
        let p2p = sum.received.saturating_add(sum.sent);
        let moved = self.report.torrents.iter().flat_map(|t| &t.hosts).filter(|h| h.address == known.address);
        let (down, up) = moved
            .fold((0u64, 0u64), |(d, u), h| (d.saturating_add(h.downloaded), u.saturating_add(h.uploaded)));
        let [tcp, udp] = known.nat;
        vec![
            ("Received", bytes(sum.received), format!("{} of pieces", bytes(down))),
            ("Sent", bytes(sum.sent), format!("{} of pieces", bytes(up))),
            ("Share of its traffic", percent(p2p, all), format!("of {}", bytes(all))),
            ("Torrents", count(known.torrents.len() as u64), String::new()),
            ("Peers", count(known.peers), counted(known.flows, "flow", "flows")),
            ("Reachable", tcp.label().to_owned(), format!("by TCP; {} by UDP", udp.label())),
            ("State", self.collected.standing.state.label().to_owned(), "at the end".to_owned()),
        ]
    }

    fn notice(&self) -> Option<Section> {
        let answer = self.notice?;
        let claim = answer.claim;
        let port = claim.port.map_or_else(String::new, |port| format!(" port {port}"));
        let torrent = claim.info_hash.map_or_else(String::new, |hash| format!(", torrent {hash}"));
        let mut blocks = vec![Block::Text(format!(
            "The notice names {}{port} at {}{torrent}. Conclusion: {}.",
            claim.address,
            claim.at,
            answer.conclusion()
        ))];
        for candidate in answer.candidates {
            blocks.push(Block::Heading(format!(
                "{}: confidence {}",
                candidate.host,
                candidate.confidence.label()
            )));
            blocks.push(Block::List(candidate.evidence.clone()));
        }
        Some(Section { title: "The notice", note: "and whom it fits", blocks })
    }

    fn traffic(&self) -> Option<Section> {
        let known = self.known()?;
        let row = |name: Cell, sum: &HostBytes| {
            vec![name, Cell::number(bytes(sum.received)), Cell::number(bytes(sum.sent))]
        };
        let mut rows: Vec<Vec<Cell>> = Grade::ALL
            .iter()
            .filter_map(|g| Some(row(Cell::chip(g.label(), grade_tone(*g)), known.bytes.get(g)?)))
            .collect();
        rows.extend(known.transports.iter().map(|(name, sum)| row(Cell::words(format!("over {name}")), sum)));
        rows.extend(
            known
                .encryption
                .iter()
                .map(|(e, sum)| row(Cell::words(format!("encryption {}", e.label())), sum)),
        );
        for (who, (flows, sum)) in ["opened by others", "opened by itself"].into_iter().zip(&known.opened) {
            rows.push(row(Cell::words(format!("{who} ({})", counted(*flows, "flow", "flows"))), sum));
        }
        rows.push(row(Cell::words("all its traffic"), &known.all));
        let columns = vec![("Bytes", false), ("In", true), ("Out", true)];
        let mut blocks = Vec::new();
        if self.collected.timeline.steps().next().is_some() {
            blocks.push(Block::Timeline(self.collected.timeline.clone()));
        }
        blocks.push(Block::Table(Table { columns, rows, left_out: 0 }));
        Some(Section { title: "Traffic", note: "bytes of whole frames, as the host sees them", blocks })
    }

    fn clients(&self) -> Option<Section> {
        let known = self.known().filter(|k| !k.clients.is_empty() || !k.listens.is_empty())?;
        let rows = known
            .clients
            .iter()
            .map(|c| {
                vec![
                    Cell::words(&c.name),
                    Cell::words(words::client_source(c.source)),
                    Cell::words(c.engine.unwrap_or("–")),
                    Cell::time(span(c.first, c.last)),
                ]
            })
            .collect();
        let columns = vec![("Client", false), ("Named in", false), ("Engine", false), ("Seen (UTC)", false)];
        let mut blocks = vec![Block::Table(Table { columns, rows, left_out: 0 })];
        let mut points: Vec<String> = known
            .listens
            .iter()
            .take(PEERS_MAX)
            .map(|(port, channel, first, last)| {
                format!(
                    "It told others to reach it on port {port} ({}), {}.",
                    channel.label(),
                    span(*first, *last)
                )
            })
            .collect();
        points.extend(known.external.iter().take(PEERS_MAX).map(|(address, votes)| {
            format!("{} told it that it is seen at {address}.", counted(*votes, "message", "messages"))
        }));
        if known.client_conflict {
            points.push(
                "The named clients contradict one another: several clients, several users behind one address, or a \
                 false name."
                    .to_owned(),
            );
        }
        blocks.push(Block::List(points));
        let [tcp, udp] = known.nat;
        blocks.push(Block::Table(Table {
            columns: vec![("Reachable from outside", false), ("", false)],
            rows: [("TCP", tcp), ("UDP", udp)]
                .map(|(name, status)| vec![Cell::words(name), Cell::chip(status.label(), nat_tone(status))])
                .to_vec(),
            left_out: 0,
        }));
        Some(Section {
            title: "Clients and reachability",
            note: "what it runs, and where it can be reached",
            blocks,
        })
    }

    fn peers(&self) -> Option<Section> {
        let peers = self.collected.top_peers();
        if peers.is_empty() {
            return None;
        }
        let rows = peers.iter().take(PEERS_MAX).map(|(address, peer)| {
            let grade = peer.grade.unwrap_or(Grade::Suspected);
            vec![
                Cell::code(address),
                Cell::number(bytes(peer.bytes)),
                Cell::number(count(peer.flows)),
                Cell::chip(grade.label(), grade_tone(grade)),
                Cell::words(moment_or_dash(Some(peer.last))),
            ]
        });
        let columns =
            vec![("Peer", false), ("Bytes", true), ("Flows", true), ("Grade", false), ("Last (UTC)", false)];
        let left_out = peers.len().saturating_sub(PEERS_MAX) as u64;
        let blocks = vec![Block::Table(Table { columns, rows: rows.collect(), left_out })];
        Some(Section { title: "Peers", note: "those with most bytes first", blocks })
    }

    fn dht(&self) -> Option<Section> {
        let known = self.known().filter(|k| k.dht != [0; 4])?;
        let [queries, responses, errors, received] = known.dht;
        let mut points = vec![format!(
            "It asked {}, answered {} and refused {}; it received {}.",
            counted(queries, "query", "queries"),
            count(responses),
            count(errors),
            counted(received, "query", "queries")
        )];
        let purposes: Vec<String> = known
            .dht_exchange
            .purposes
            .iter()
            .map(|(purpose, n)| format!("{} {}", purpose.label(), count(*n)))
            .collect();
        if !purposes.is_empty() {
            points.push(format!("Its queries were for: {}.", purposes.join(", ")));
        }
        points.extend(known.node_ids.iter().take(PEERS_MAX).map(|(id, valid)| match valid {
            Some(true) => format!("Node {id}, valid for its address (BEP 42)."),
            Some(false) => format!("Node {id}, not valid for its address (BEP 42)."),
            None => format!("Node {id}."),
        }));
        Some(Section {
            title: "DHT",
            note: "what it did in the distributed hash table",
            blocks: vec![Block::List(points)],
        })
    }

    fn state(&self) -> Section {
        let standing = &self.collected.standing;
        let missing: Vec<&str> = standing.missing.iter().map(|m| m.label()).collect();
        let mut points = standing.evidence.clone();
        if !missing.is_empty() {
            points.push(format!("The all-clear lacks: {}.", missing.join(", ")));
        }
        let mut blocks = vec![Block::Banner {
            tone: state_tone(standing.state),
            headline: standing.state.label().to_owned(),
            points,
        }];
        if self.collected.states.len() > 1 {
            let rows = self
                .collected
                .states
                .iter()
                .map(|(at, state)| {
                    vec![
                        Cell::words(moment_or_dash(Some(*at))),
                        Cell::chip(state.label(), state_tone(*state)),
                    ]
                })
                .collect();
            let columns = vec![("From (UTC)", false), ("State", false)];
            blocks.push(Block::Table(Table { columns, rows, left_out: 0 }));
        }
        blocks.push(Block::Text(format!(
            "It is called cleared when it sent no peer-to-peer packet for {} and three times as long as it ever paused, \
             was alive, and the sensor would have seen it.",
            quiet_words(self.quiet_for)
        )));
        Section { title: "Has it stopped?", note: "its state at the end of the capture", blocks }
    }
}

fn quiet_words(time: Duration) -> String {
    match time.as_secs() {
        secs if secs.is_multiple_of(86_400) && secs > 86_400 => format!("{} days", secs / 86_400),
        secs if secs.is_multiple_of(3_600) => counted(secs / 3_600, "hour", "hours"),
        _ => duration(time),
    }
}

/// Bytes of grade strong or better.
fn sure(host: &HostReport) -> HostBytes {
    let mut sum = HostBytes::default();
    for (_, b) in host.bytes.iter().filter(|(grade, _)| **grade >= Grade::Strong) {
        sum.received = sum.received.saturating_add(b.received);
        sum.sent = sum.sent.saturating_add(b.sent);
    }
    sum
}
