//! The report of one host as a JSON object; its members stand in `docs/report.md`.

use super::CANNOT_KNOW;
use super::case::CaseFile;
use super::collect::ReasonSum;
use super::evidence::Evidence;
use crate::base::hex;
use crate::event::Grade;
use crate::output::explain::flow_json;
use crate::output::{JsonWriter, json, notice};
use std::io::{self, Write};

/// Peers told.
const PEERS_MAX: usize = 100;

/// Writes the report of a host as one JSON object.
///
/// # Errors
/// Those of the output.
pub fn write_report_json(case: &CaseFile<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut w = JsonWriter::pretty();
    w.object(|w| members(w, case));
    out.write_all(w.text().as_bytes())?;
    out.write_all(b"\n")
}

fn members(w: &mut JsonWriter, case: &CaseFile<'_>) {
    let (collected, report) = (case.collected, case.report);
    let host = collected.host;
    w.key("swarmscope").string(env!("CARGO_PKG_VERSION"));
    w.key("host").plain(host);
    w.key("verdict").object(|w| {
        w.key("grade").optional(case.grade(), |w, grade| w.string(grade.label()));
        w.key("sentence").string(&case.verdict());
    });
    w.key("notice").optional(case.notice, |w, answer| w.object(|w| notice::members(w, answer)));
    w.key("known").optional(case.known(), |w, h| w.object(|w| json::host(w, h)));
    w.key("standing").object(|w| {
        json::standing(w, &collected.standing);
        w.key("quiet_for_seconds").seconds(case.quiet_for);
        w.key("evidence").array(|w| collected.standing.evidence.iter().for_each(|s| w.string(s)));
        w.key("states").array(|w| {
            for (at, state) in &collected.states {
                w.object(|w| {
                    w.key("at").plain(at);
                    w.key("state").string(state.label());
                });
            }
        });
    });
    w.key("timeline").object(|w| {
        w.key("step_seconds").number(collected.timeline.step_secs());
        w.key("steps").array(|w| {
            for (at, sums) in collected.timeline.steps() {
                w.object(|w| {
                    w.key("at").plain(at);
                    Grade::ALL.iter().zip(sums).for_each(|(grade, n)| w.key(grade.label()).number(n));
                });
            }
        });
    });
    let torrents = report.torrents.iter().filter(|t| t.hosts.iter().any(|h| h.address == host));
    w.key("torrents").array(|w| torrents.for_each(|t| w.object(|w| json::torrent(w, t))));
    w.key("peers").object(|w| {
        let peers = collected.top_peers();
        w.key("count").number(peers.len() as u64);
        w.key("top").array(|w| {
            for (address, peer) in peers.iter().take(PEERS_MAX) {
                w.object(|w| {
                    w.key("address").plain(address);
                    w.key("bytes").number(peer.bytes);
                    w.key("flows").number(peer.flows);
                    w.key("grade").optional(peer.grade, |w, grade| w.string(grade.label()));
                    w.key("last").plain(peer.last);
                });
            }
        });
    });
    let ports = report.exposure.iter().filter(|p| p.host == host);
    w.key("exposure").array(|w| ports.for_each(|p| w.object(|w| json::port(w, p, &report.scans))));
    let mappings = report.mappings.iter().filter(|m| m.host == host);
    w.key("port_mappings").array(|w| mappings.for_each(|m| w.object(|w| json::mapping(w, m))));
    w.key("reasons").array(|w| {
        for (reason, ReasonSum { flows, first }) in &collected.reasons {
            w.object(|w| {
                w.key("reason").string(reason.label());
                w.key("sentence").string(reason.sentence());
                w.key("flows").number(*flows);
                w.key("first").optional(*first, |w, (at, _)| w.plain(at));
                w.key("packet").optional(first.and_then(|(_, number)| number), JsonWriter::number);
            });
        }
    });
    w.key("flows").array(|w| collected.flows.iter().for_each(|f| w.object(|w| flow_json(w, f))));
    w.key("flows_left_out").number(collected.left_out);
    w.key("evidence").object(|w| evidence(w, case.evidence));
    w.key("coverage").object(|w| json::coverage(w, &report.coverage));
    w.key("cannot_know").array(|w| CANNOT_KNOW.iter().for_each(|sentence| w.string(sentence)));
}

fn evidence(w: &mut JsonWriter, evidence: &Evidence) {
    w.key("files").array(|w| {
        for file in &evidence.files {
            w.object(|w| {
                w.key("name").string(&file.name);
                w.key("bytes").number(file.bytes);
                w.key("sha256").plain(hex(&file.sha256));
            });
        }
    });
    w.key("chain_start").plain(hex(&evidence.start()));
    w.key("excerpts").array(|w| {
        for e in &evidence.excerpts {
            w.object(|w| {
                w.key("packet").number(e.proof.number);
                w.key("at").plain(e.at);
                w.key("captured_bytes").number(e.captured);
                w.key("wire_bytes").number(e.wire);
                w.key("in_sample").optional(e.in_sample, JsonWriter::number);
                w.key("sha256").plain(hex(&e.sha256));
                w.key("chain").plain(hex(&e.chain));
                w.key("shows").array(|w| {
                    for (flow, reason) in &e.proof.shows {
                        w.object(|w| {
                            w.key("flow").string(flow);
                            w.key("reason").string(reason.label());
                        });
                    }
                });
                w.key("hex").optional((!evidence.withheld).then_some(&e.bytes), |w, b| w.plain(hex(b)));
            });
        }
    });
    w.key("left_out").number(evidence.left_out);
    w.key("sample").optional(evidence.sample, |w, sample| {
        w.object(|w| {
            w.key("packets").number(sample.packets);
            w.key("bytes").number(sample.bytes);
            w.key("left_out").number(sample.left_out);
        });
    });
}
