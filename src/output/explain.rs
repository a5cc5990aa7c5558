//! Explanations: the chain of reasons of each flow's label, with times, packet numbers and points.

use super::{FlowContext, JsonWriter, words};
use crate::base::{Address, printable};
use crate::event::{Encryption, FlowRecord, Grade, Reason, Sighting};
use crate::ledger::report::HostReport;
use crate::ledger::{STRONG_FROM, SUSPECTED_FROM, points};
use std::io::{self, Write};

/// Longest file name shown, in bytes.
const FILE_MAX: usize = 512;
/// Items of a list of a host shown.
const ITEMS_MAX: usize = 16;

/// A flow to explain, and the file in which it begins.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The flow.
    pub record: FlowRecord,
    /// Name of its capture file.
    pub file: Option<String>,
}

impl Explained {
    /// A flow as the analysis told it.
    #[must_use]
    pub fn new(record: &FlowRecord, context: &FlowContext<'_>) -> Self {
        Self { record: record.clone(), file: context.file.map(str::to_owned) }
    }

    /// The reasons that were first seen in a packet whose number is known.
    pub(super) fn sights(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        let seen = |reason| self.record.trace.as_ref().and_then(|t| t.get(reason));
        // That a host took part at all shows in the packets of its other flows.
        let here = |s: &Sighting| s.reason != Reason::Participant;
        self.reasons()
            .into_iter()
            .filter_map(move |reason| Some((reason, seen(reason).filter(|s| here(s))?.number?)))
    }

    pub(super) fn reasons(&self) -> Vec<Reason> {
        let weighed = self.record.trace.as_ref().map(|t| t.weighed).unwrap_or_default();
        self.record.label.reasons.union(weighed).iter().collect()
    }

    /// Points are added up only where the bytes alone give no grade of their own.
    fn is_weighed(&self) -> bool {
        self.record.label.grade != Some(Grade::Confirmed)
            && self.record.trace.as_ref().is_some_and(|t| t.weighed != Default::default())
    }

    fn sum(&self) -> u32 {
        self.record.trace.as_ref().map_or(0, |t| t.points)
    }

    pub(super) fn conclusion(&self) -> String {
        let sum = self.sum();
        match (self.record.label.grade, self.is_weighed()) {
            (Some(grade), false) => format!("{}: the bytes themselves say so", grade.label()),
            (Some(Grade::Suspected), true) if sum >= STRONG_FROM => {
                format!("{sum} points, but no two independent facts with one about this flow or port: suspected")
            }
            (Some(grade), true) => format!(
                "{sum} points, strong from {STRONG_FROM}, suspected from {SUSPECTED_FROM}: {}",
                grade.label()
            ),
            (None, true) => {
                format!("{sum} points, suspected from {SUSPECTED_FROM}: nothing is claimed")
            }
            (None, false) => {
                "no peer-to-peer protocol was recognised, nor any of the forms of encrypted BitTorrent: nothing is claimed"
                    .to_owned()
            }
        }
    }
}

/// Writes explanations for people; `host` adds what is known of the host, `left_out` says how many flows were too many.
///
/// # Errors
/// Those of the output.
pub fn write_explanation(
    flows: &[Explained],
    host: Option<&HostReport>,
    left_out: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    if let Some(host) = host {
        write_host(host, out)?;
    }
    for flow in flows {
        write_flow(flow, out)?;
    }
    if left_out > 0 {
        writeln!(out, "and {left_out} more flows")?;
    }
    Ok(())
}

fn write_host(host: &HostReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "host {}: P2P from {} to {}", host.address, host.first, host.last)?;
    for (port, channel, first, _) in host.listens.iter().take(ITEMS_MAX) {
        writeln!(out, "  own port {port}, told by {} since {first}", channel.label())?;
    }
    for client in host.clients.iter().take(ITEMS_MAX) {
        let name = printable(client.name.as_bytes(), FILE_MAX);
        writeln!(out, "  client {name} ({})", words::client_source(client.source))?;
    }
    for torrent in host.torrents.iter().take(ITEMS_MAX) {
        writeln!(out, "  torrent {torrent}")?;
    }
    writeln!(out)
}

fn write_flow(flow: &Explained, out: &mut dyn Write) -> io::Result<()> {
    let r = &flow.record;
    let kinds: Vec<&str> = r.label.kinds.iter().map(words::protocol).collect();
    let what = if kinds.is_empty() { "no label".to_owned() } else { kinds.join(", ") };
    let transport = words::transport(r.transport, r.label.kinds);
    writeln!(out, "{}-{} {transport}: {what}", r.originator, r.responder)?;
    writeln!(out, "  from {} to {}", r.start, r.end)?;
    if let Some(file) = &flow.file {
        writeln!(out, "  in {}", printable(file.as_bytes(), FILE_MAX))?;
    }
    if r.label.encryption != Encryption::None {
        writeln!(out, "  encryption {}", r.label.encryption.label())?;
    }
    for reason in flow.reasons() {
        let seen = r.trace.as_ref().and_then(|t| t.get(reason));
        let at = seen.map_or_else(|| "at an unknown time".to_owned(), |s| s.at.to_string());
        let packet = seen.and_then(|s| s.number).map(|n| format!(" packet {n}")).unwrap_or_default();
        let weight = if flow.is_weighed() { format!(" (+{})", points(reason)) } else { String::new() };
        let by = seen.and_then(|s| s.told_by);
        let by = by.map(|(who, how)| format!(", by {who} ({})", how.label())).unwrap_or_default();
        writeln!(out, "  {at}{packet}: {}{by} [{}]{weight}", reason.sentence(), reason.label())?;
    }
    writeln!(out, "  => {}\n", flow.conclusion())
}

/// Writes the same as one JSON object.
///
/// # Errors
/// Those of the output.
pub fn write_explanation_json(
    flows: &[Explained],
    host: Option<&HostReport>,
    asked: Option<Address>,
    left_out: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut w = JsonWriter::pretty();
    w.object(|w| {
        w.key("swarmscope").string(env!("CARGO_PKG_VERSION"));
        w.key("host").optional(asked, |w, address| w.plain(address));
        w.key("known").optional(host, |w, h| w.object(|w| super::json::host(w, h)));
        w.key("flows").array(|w| flows.iter().for_each(|f| w.object(|w| flow_json(w, f))));
        w.key("flows_left_out").number(left_out);
    });
    out.write_all(w.text().as_bytes())?;
    out.write_all(b"\n")
}

pub(super) fn flow_json(w: &mut JsonWriter, flow: &Explained) {
    let r = &flow.record;
    w.key("flow_id").number(r.id());
    w.key("src").plain(r.originator);
    w.key("dest").plain(r.responder);
    w.key("transport").string(words::transport(r.transport, r.label.kinds));
    w.key("file").optional(flow.file.as_deref(), JsonWriter::string);
    w.key("start").plain(r.start);
    w.key("end").plain(r.end);
    w.key("kinds").array(|w| r.label.kinds.iter().for_each(|k| w.string(k.label())));
    w.key("encryption").string(r.label.encryption.label());
    w.key("grade").optional(r.label.grade, |w, g| w.string(g.label()));
    w.key("reasons").array(|w| {
        for reason in flow.reasons() {
            let seen = r.trace.as_ref().and_then(|t| t.get(reason));
            w.object(|w| {
                w.key("reason").string(reason.label());
                w.key("sentence").string(reason.sentence());
                w.key("first").optional(seen, |w, s| w.plain(s.at));
                w.key("packet").optional(seen.and_then(|s| s.number), JsonWriter::number);
                w.key("told_by").optional(seen.and_then(|s| s.told_by), |w, (who, how)| {
                    w.object(|w| {
                        w.key("address").plain(who);
                        w.key("channel").string(how.label());
                    });
                });
                w.key("points").number(if flow.is_weighed() { points(reason) } else { 0 });
            });
        }
    });
    w.key("points").number(if flow.is_weighed() { flow.sum() } else { 0 });
    w.key("strong_from").number(STRONG_FROM);
    w.key("suspected_from").number(SUSPECTED_FROM);
    w.key("conclusion").string(&flow.conclusion());
}
