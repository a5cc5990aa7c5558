//! The disagreements with tshark in which ours is right, as rules with the reason.

use crate::reading::{Disagreement, Protocol, RECOGNISED, Readings};

/// A disagreement, with what a rule may look at.
pub struct Case<'a> {
    /// The name of the capture file.
    pub capture: &'a str,
    /// Number of the packet in it, from 1.
    pub number: u64,
    /// What differs.
    pub disagreement: &'a Disagreement,
    /// Payload of the packet as far as captured.
    pub payload: &'a [u8],
    /// Whether it was longer on the wire.
    pub cut: bool,
    /// Everything that ours reads in the packet.
    pub ours: &'a Readings,
}

/// Disagreements of one cause.
pub struct Rule {
    /// Why ours is right.
    pub reason: &'static str,
    /// Whether a disagreement is one of them.
    pub applies: fn(&Case<'_>) -> bool,
}

/// The first rule that applies counts.
pub const KNOWN: &[Rule] = &[];
