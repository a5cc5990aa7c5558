//! What a report shows as proof: the reasons, the flows that carry them, the bytes of packets in their chain.

use super::case::CaseFile;
use super::collect::ReasonSum;
use super::document::{Block, Cell, Dump, Section, Table};
use super::evidence::{Excerpt, Sha256Digest};
use super::sections::{grade_tone, moment_or_dash};
use crate::base::hex;
use crate::event::Grade;
use crate::output::summary::text::{bytes, count, counted, span};
use crate::output::{Explained, words};

/// Flows shown.
const FLOWS_MAX: usize = 40;

impl CaseFile<'_> {
    pub(super) fn reasons(&self) -> Option<Section> {
        if self.collected.flows.is_empty() {
            return None;
        }
        let rows = self
            .collected
            .reasons
            .iter()
            .map(|(reason, ReasonSum { flows, first })| {
                let packet = first.and_then(|(_, number)| number).map_or("–".to_owned(), count);
                vec![
                    Cell::code(reason.label()),
                    Cell::words(reason.sentence()),
                    Cell::number(count(*flows)),
                    Cell::words(moment_or_dash(first.map(|(at, _)| at))),
                    Cell::number(packet),
                ]
            })
            .collect();
        let columns = vec![
            ("Reason", false),
            ("What was seen", false),
            ("Flows", true),
            ("First (UTC)", false),
            ("Packet", true),
        ];
        let mut blocks = vec![Block::Table(Table { columns, rows, left_out: 0 })];
        blocks.push(Block::Heading("Flows with most bytes".to_owned()));
        blocks.push(Block::Table(self.flows()));
        Some(Section { title: "Reasons", note: "why its flows carry their labels", blocks })
    }

    fn flows(&self) -> Table {
        let moved = |f: &Explained| f.record.sent.iter().map(|c| c.bytes).fold(0, u64::saturating_add);
        let mut flows: Vec<_> = self.collected.flows.iter().collect();
        flows.sort_by_key(|f| (std::cmp::Reverse(moved(f)), f.record.start, f.record.id()));
        let rows = flows
            .iter()
            .take(FLOWS_MAX)
            .map(|f| {
                let r = &f.record;
                let kinds: Vec<&str> = r.label.kinds.iter().map(words::protocol).collect();
                let grade = r.label.grade.unwrap_or(Grade::Suspected);
                vec![
                    Cell::code(format!("{}-{}", r.originator, r.responder)),
                    Cell::words(format!(
                        "{} ({})",
                        kinds.join(", "),
                        words::transport(r.transport, r.label.kinds)
                    )),
                    Cell::number(bytes(moved(f))),
                    Cell::chip(grade.label(), grade_tone(grade)),
                    Cell::words(because(f)),
                    Cell::words(span(r.start, r.end)),
                ]
            })
            .collect();
        let all = (flows.len() as u64).saturating_add(self.collected.left_out);
        Table {
            columns: vec![
                ("Flow", false),
                ("Protocol", false),
                ("Bytes", true),
                ("Grade", false),
                ("Because", false),
                ("Seen (UTC)", false),
            ],
            rows,
            left_out: all.saturating_sub(FLOWS_MAX as u64),
        }
    }

    pub(super) fn proof(&self) -> Section {
        let evidence = self.evidence;
        let mut blocks = Vec::new();
        let columns = vec![("File", false), ("Bytes", true), ("SHA-256", false)];
        let rows = evidence
            .files
            .iter()
            .map(|f| vec![Cell::words(&f.name), Cell::number(count(f.bytes)), Cell::code(hex(&f.sha256))])
            .collect();
        blocks.push(Block::Table(Table { columns, rows, left_out: 0 }));
        blocks.push(Block::Text(
            "Each packet below has the SHA-256 of its captured bytes, and a chain value over that and all before it: \
             the SHA-256 of the line PREVIOUS NUMBER TIME DIGEST, as in \
             echo \"PREVIOUS NUMBER TIME DIGEST\" | sha256sum. The chain begins with the SHA-256 of the digests of \
             the files above, in hexadecimal, one behind the other."
                .to_owned(),
        ));
        blocks.push(Block::Table(Table {
            columns: vec![("Chain", false), ("", false)],
            rows: vec![
                vec![Cell::words("begins with"), Cell::code(hex(&evidence.start()))],
                vec![Cell::words("ends with"), Cell::code(hex(&evidence.end()))],
            ],
            left_out: 0,
        }));
        if let Some(sample) = evidence.sample {
            blocks.push(Block::Text(format!(
                "A sample of {} ({}) was written beside this report; {} more of the same flows were left out.",
                counted(sample.packets, "packet", "packets"),
                bytes(sample.bytes),
                count(sample.left_out)
            )));
        }
        let mut previous = evidence.start();
        for excerpt in &evidence.excerpts {
            blocks.push(Block::Excerpt(dump(excerpt, &previous, evidence.withheld)));
            previous = excerpt.chain;
        }
        if evidence.left_out > 0 {
            let more = counted(evidence.left_out, "more packet shows", "more packets show");
            blocks.push(Block::Text(format!("{more} reasons.")));
        }
        Section { title: "Evidence", note: "the packets that show it", blocks }
    }
}

/// Why a flow carries its label: what its bytes are, or what adds up.
fn because(flow: &Explained) -> String {
    match flow.record.label.grade {
        Some(Grade::Confirmed) => {
            flow.record.label.reasons.iter().map(|r| r.label()).collect::<Vec<_>>().join(", ")
        }
        _ => flow.conclusion(),
    }
}

fn dump(excerpt: &Excerpt, previous: &Sha256Digest, withheld: bool) -> Dump {
    let shown = excerpt.bytes.len() as u64;
    let place = excerpt.in_sample.map_or_else(String::new, |n| format!(", packet {n} of the sample"));
    let note = if withheld {
        "The bytes are kept back, since they may hold names.".to_owned()
    } else if shown < excerpt.captured {
        format!(
            "The first {shown} of {} bytes captured; the digest covers all of them.",
            count(excerpt.captured)
        )
    } else if excerpt.captured < u64::from(excerpt.wire) {
        format!(
            "All {} bytes captured of {} on the wire.",
            count(excerpt.captured),
            count(excerpt.wire.into())
        )
    } else {
        format!("All {} bytes.", count(excerpt.captured))
    };
    let shows = excerpt.proof.shows.iter();
    Dump {
        title: format!("Packet {}, {}{place}", excerpt.proof.number, excerpt.at),
        proves: shows
            .map(|(flow, reason)| format!("{} [{}], flow {flow}", reason.sentence(), reason.label()))
            .collect(),
        facts: vec![
            ("SHA-256", hex(&excerpt.sha256)),
            ("Previous", hex(previous)),
            ("Chain", hex(&excerpt.chain)),
        ],
        bytes: excerpt.bytes.clone(),
        note,
    }
}
