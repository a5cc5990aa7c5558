//! The disagreements with tshark in which ours is right, as rules with the reason.

use crate::reading::{ABSENT, Disagreement, Protocol, RECOGNISED, Readings};
use swarmscope::wire::{handshake, krpc};

/// A disagreement, with what a rule may look at.
pub struct Case<'a> {
    /// What differs.
    pub disagreement: &'a Disagreement,
    /// Payload of the packet as far as captured.
    pub payload: &'a [u8],
    /// Whether it was longer on the wire.
    pub cut: bool,
    /// Everything that tshark reads in the packet.
    pub theirs: &'a Readings,
}

/// Disagreements of one cause.
pub struct Rule {
    /// Why ours is right.
    pub reason: &'static str,
    /// Whether a disagreement is one of them.
    pub applies: fn(&Case<'_>) -> bool,
}

impl Case<'_> {
    fn is(&self, protocol: Protocol, field: &str) -> bool {
        self.disagreement.protocol == protocol && self.disagreement.field == field
    }

    fn only_ours(&self) -> bool {
        self.disagreement.theirs == ABSENT
    }

    fn tshark_complains(&self) -> bool {
        self.theirs.get(&self.disagreement.protocol).is_some_and(|reading| reading.complaint)
    }

    fn payload_has(&self, bytes: &[u8]) -> bool {
        self.payload.windows(bytes.len()).any(|window| window == bytes)
    }
}

/// The first rule that applies counts.
pub const KNOWN: &[Rule] = &[
    Rule {
        reason: "tshark takes an empty string of KRPC (`samples` of a node that stores nothing) for damage and reads no further",
        applies: |case| {
            case.disagreement.protocol == Protocol::Krpc
                && case.only_ours()
                && case.tshark_complains()
                && case.payload_has(b"0:")
        },
    },
    Rule {
        reason: "tshark takes the end of a KRPC error's list for the end of the message: `t` and `y` follow",
        applies: |case| {
            case.disagreement.protocol == Protocol::Krpc
                && case.only_ours()
                && case.payload.starts_with(b"d1:el")
                && (case.is(Protocol::Krpc, "kind") || case.is(Protocol::Krpc, "transaction id"))
        },
    },
    Rule {
        reason: "tshark knows KRPC by its first key, `a`, `e`, `ip` or `r`; dictionaries whose keys are not sorted are KRPC too",
        applies: |case| {
            case.is(Protocol::Krpc, RECOGNISED)
                && case.only_ours()
                && ![&b"d1:ad"[..], b"d1:el", b"d1:rd", b"d2:ip"]
                    .iter()
                    .any(|start| case.payload.starts_with(start))
        },
    },
    Rule {
        reason: "KRPC that the snap length cut is not read but recognised as such: what tshark shows may be half a value",
        applies: |case| {
            case.is(Protocol::Krpc, RECOGNISED)
                && !case.only_ours()
                && case.cut
                && krpc::may_be_cut(case.payload)
        },
    },
    Rule {
        reason: "a tracker's datagram that the snap length cut is not read: what tshark shows may be half a list",
        applies: |case| case.is(Protocol::Tracker, RECOGNISED) && !case.only_ours() && case.cut,
    },
    Rule {
        reason: "tshark drops a handshake in uTP that the snap length cut; the info-hash is there",
        applies: |case| {
            case.is(Protocol::Handshake, RECOGNISED)
                && case.only_ours()
                && case.cut
                && case.payload_has(handshake::MAGIC)
        },
    },
];
