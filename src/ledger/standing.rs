//! The words for whether a home host still takes part in peer-to-peer traffic, and what a verdict carries.

use crate::base::Timestamp;

/// The states of a home host, as the output contract names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostState {
    /// It sends peer-to-peer traffic.
    #[default]
    Active,
    /// It sent none for a while, but not for long enough.
    Quiet,
    /// It sent none for long enough, was alive, and the sensor would have seen it.
    Cleared,
    /// It sent none, but one remote took over a like volume: perhaps a tunnel.
    Changed,
    /// The host itself is not seen.
    NotSeen,
    /// The sensor cannot tell.
    CannotTell,
    /// It sends again after it was cleared.
    Recurred,
}

impl HostState {
    /// The words of rules and outputs.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("active", Self::Active),
        ("quiet", Self::Quiet),
        ("cleared", Self::Cleared),
        ("changed", Self::Changed),
        ("not-seen", Self::NotSeen),
        ("cannot-tell", Self::CannotTell),
        ("recurred", Self::Recurred),
    ];

    /// The fixed word of the output contract.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Quiet => "quiet",
            Self::Cleared => "cleared",
            Self::Changed => "changed",
            Self::NotSeen => "not-seen",
            Self::CannotTell => "cannot-tell",
            Self::Recurred => "recurred",
        }
    }
}

/// A condition of the all-clear that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Missing {
    /// It was not quiet for long enough.
    TooShort,
    /// Its port still accepts connections.
    PortAccepts,
    /// One remote took over a volume like that of its earlier peer-to-peer traffic.
    Tunnel,
    /// The sensor had not watched for all of the time.
    NotWatched,
    /// The sensor saw nothing at all for too long: an interface down, a stalled or interrupted capture.
    Gap,
    /// Too many packets were lost.
    Loss,
    /// Only one direction was seen.
    OneWay,
    /// A full table pushed flows or hosts out.
    TableFull,
    /// A panic cost a flow.
    Panic,
    /// Too many frames were cut by the snap length.
    Cut,
    /// A part of the input could not be read.
    Damaged,
    /// A filter hid packets.
    Filtered,
    /// It sent traffic that is suspected to be peer-to-peer, without proof.
    Suspected,
    /// It was seen too seldom.
    RarelySeen,
    /// It was not seen at all.
    NotSeen,
}

impl Missing {
    /// All of them, in order of weight.
    pub const ALL: [Self; 15] = [
        Self::TooShort,
        Self::PortAccepts,
        Self::Tunnel,
        Self::NotWatched,
        Self::Gap,
        Self::Loss,
        Self::OneWay,
        Self::TableFull,
        Self::Panic,
        Self::Cut,
        Self::Damaged,
        Self::Filtered,
        Self::Suspected,
        Self::RarelySeen,
        Self::NotSeen,
    ];

    /// The fixed word of the output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooShort => "too-short",
            Self::PortAccepts => "port-accepts",
            Self::Tunnel => "tunnel",
            Self::NotWatched => "not-watched",
            Self::Gap => "sensor-gap",
            Self::Loss => "packet-loss",
            Self::OneWay => "one-direction",
            Self::TableFull => "table-full",
            Self::Panic => "panic",
            Self::Cut => "cut-frames",
            Self::Damaged => "damaged-input",
            Self::Filtered => "filtered",
            Self::Suspected => "suspected-traffic",
            Self::RarelySeen => "rarely-seen",
            Self::NotSeen => "host-not-seen",
        }
    }

    /// Whether it means that the sensor cannot tell, whatever the host did.
    pub(super) const fn blinds(self) -> bool {
        !matches!(self, Self::TooShort | Self::PortAccepts | Self::Tunnel | Self::NotSeen)
    }
}

/// A verdict on a home host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub state: HostState,
    /// The last peer-to-peer packet that it sent.
    pub last: Option<Timestamp>,
    /// What the all-clear lacks, in order of weight; empty for a host that is active or cleared.
    pub missing: Vec<Missing>,
    /// What was seen, in sentences.
    pub evidence: Vec<String>,
}

impl Standing {
    /// Why it is in this state, in a sentence; nothing for a host that is simply active.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        (self.state != HostState::Active).then(|| self.evidence.first().map(String::as_str)).flatten()
    }
}
