//! What `verify` prints: whether a host has stopped, the evidence for it, and what could be seen.

use super::{JsonWriter, json};
use crate::base::{Address, Timestamp};
use crate::ledger::report::Coverage;
use crate::ledger::{HostState, Standing};
use std::io::{self, Write};
use std::time::Duration;

/// A verdict on a host.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// The host.
    pub host: Address,
    /// How long it must be quiet.
    pub quiet_for: Duration,
    /// The state at the end.
    pub standing: &'a Standing,
    /// The states before, with the time from which on each was known.
    pub states: &'a [(Timestamp, HostState)],
    /// What could be seen.
    pub coverage: &'a Coverage,
}

/// Writes it for people.
///
/// # Errors
/// Those of the output.
pub fn write_verdict(verdict: &Verdict<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Verdict { host, standing, states, coverage, .. } = verdict;
    writeln!(out, "{host}: {}", standing.state.label())?;
    for sentence in &standing.evidence {
        writeln!(out, "  {sentence}")?;
    }
    if !standing.missing.is_empty() {
        let missing: Vec<&str> = standing.missing.iter().map(|m| m.label()).collect();
        writeln!(out, "  lacks: {}", missing.join(", "))?;
    }
    if let (Some(first), Some(last)) = (coverage.first, coverage.last) {
        writeln!(out, "  watched from {first} to {last}, {} packets", coverage.packets)?;
    }
    if states.len() > 1 {
        let states: Vec<String> =
            states.iter().map(|(at, state)| format!("{} {at}", state.label())).collect();
        writeln!(out, "  states: {}", states.join(", "))?;
    }
    writeln!(out, "  traffic inside VPN, Tor or TLS tunnels is not recognised")
}

/// Writes it as one JSON object.
///
/// # Errors
/// Those of the output.
pub fn write_verdict_json(verdict: &Verdict<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Verdict { host, quiet_for, standing, states, coverage } = verdict;
    let mut w = JsonWriter::pretty();
    w.object(|w| {
        w.key("swarmscope").string(env!("CARGO_PKG_VERSION"));
        w.key("host").plain(host);
        w.key("cleared").boolean(standing.state == HostState::Cleared);
        json::standing(w, standing);
        w.key("last").optional(standing.last, |w, at| w.plain(at));
        w.key("quiet_for_seconds").seconds(*quiet_for);
        w.key("evidence").array(|w| standing.evidence.iter().for_each(|sentence| w.string(sentence)));
        w.key("states").array(|w| {
            for (at, state) in *states {
                w.object(|w| {
                    w.key("at").plain(at);
                    w.key("state").string(state.label());
                });
            }
        });
        w.key("coverage").object(|w| json::coverage(w, coverage));
    });
    out.write_all(w.text().as_bytes())?;
    out.write_all(b"\n")
}
