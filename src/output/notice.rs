//! What `notice` prints: which home host an abuse notice is about, and how well the sensor saw at that time.

use super::{JsonWriter, json};
use crate::ledger::Seen;
use crate::ledger::notice::{CLOCK_SKEW, Candidate, Claim, Confidence};
use crate::ledger::report::Coverage;
use std::io::{self, Write};

/// The answer to a notice.
#[derive(Clone, Copy, Debug)]
pub struct NoticeAnswer<'a> {
    /// What it claims.
    pub claim: &'a Claim,
    /// The hosts that it may be about, those that fit best first.
    pub candidates: &'a [Candidate],
    /// How well the sensor saw around that time; nothing if no packet came.
    pub seen: &'a Seen,
    /// What could be seen at all.
    pub coverage: &'a Coverage,
}

impl NoticeAnswer<'_> {
    /// Whether a host fits better than by chance.
    #[must_use]
    pub fn found(&self) -> bool {
        self.candidates.first().is_some_and(|c| c.confidence >= Confidence::Medium)
    }

    /// Whether the sensor would have seen it.
    #[must_use]
    pub fn saw_well(&self) -> bool {
        let sum = self.seen.sum;
        self.seen.watched
            && self.seen.loss() < 10
            && self.seen.blind.is_zero()
            && sum.evicted + sum.panics + sum.damage == 0
    }

    pub(super) fn conclusion(&self) -> &'static str {
        match (self.found(), self.saw_well(), self.candidates.is_empty()) {
            (true, ..) => "found",
            (false, true, true) => "no such activity seen",
            (false, true, false) => "no host fits well",
            (false, false, _) => "cannot tell",
        }
    }
}

/// Writes it for people.
///
/// # Errors
/// Those of the output.
pub fn write_notice(answer: &NoticeAnswer<'_>, out: &mut dyn Write) -> io::Result<()> {
    let NoticeAnswer { claim, candidates, seen, coverage } = answer;
    let port = claim.port.map_or_else(String::new, |port| format!(" port {port}"));
    writeln!(out, "{}: {}{port} at {}", answer.conclusion(), claim.address, claim.at)?;
    for candidate in *candidates {
        writeln!(out, "  {}, confidence {}", candidate.host, candidate.confidence.label())?;
        for sentence in &candidate.evidence {
            writeln!(out, "    {sentence}")?;
        }
    }
    let skew = CLOCK_SKEW.as_secs() / 60;
    let watched = if seen.watched { "watched" } else { "did not watch all of" };
    writeln!(out, "  the sensor {watched} the time from {skew} min before to {skew} min after")?;
    let (lost, packets) = (seen.sum.lost, seen.sum.packets);
    writeln!(
        out,
        "  it saw {packets} packets then, lost {lost}, and was blind for {} s",
        seen.blind.as_secs()
    )?;
    let (one_way, flows) = (coverage.one_way_flows, coverage.flows);
    writeln!(out, "  {one_way} of {flows} flows of the whole input were seen in one direction only")
}

/// Writes it as one JSON object.
///
/// # Errors
/// Those of the output.
pub fn write_notice_json(answer: &NoticeAnswer<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut w = JsonWriter::pretty();
    w.object(|w| {
        w.key("swarmscope").string(env!("CARGO_PKG_VERSION"));
        members(w, answer);
        w.key("coverage").object(|w| json::coverage(w, answer.coverage));
    });
    out.write_all(w.text().as_bytes())?;
    out.write_all(b"\n")
}

/// The members of the answer's object, its coverage left out.
pub(super) fn members(w: &mut JsonWriter, answer: &NoticeAnswer<'_>) {
    let NoticeAnswer { claim, candidates, seen, .. } = answer;
    w.key("conclusion").string(answer.conclusion());
    w.key("address").plain(claim.address);
    w.key("port").optional(claim.port, JsonWriter::number);
    w.key("at").plain(claim.at);
    w.key("info_hash").optional(claim.info_hash, |w, hash| w.plain(hash));
    w.key("clock_skew_seconds").seconds(CLOCK_SKEW);
    w.key("candidates").array(|w| {
        for candidate in *candidates {
            w.object(|w| {
                w.key("host").plain(candidate.host);
                w.key("confidence").string(candidate.confidence.label());
                w.key("evidence").array(|w| candidate.evidence.iter().for_each(|s| w.string(s)));
            });
        }
    });
    w.key("sensor").object(|w| {
        w.key("watched").boolean(seen.watched);
        w.key("packets").number(seen.sum.packets);
        w.key("lost").number(seen.sum.lost);
        w.key("blind_seconds").seconds(seen.blind);
    });
}
