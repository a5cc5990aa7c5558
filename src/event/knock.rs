//! A stranger's attempt to reach a port of a home host, and what came of it.

use crate::base::{Address, Endpoint, Timestamp, Transport};

/// What became of an attempt, the least telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// Nothing came back.
    Silence,
    /// A filter on the way said that it forbids it, or a router that there is no way (ICMP).
    Filtered,
    /// The host refused: RST (RFC 9293 section 3.5.2), or ICMP port unreachable (RFC 1122 section 3.2.2.1).
    Refused,
    /// The host accepted: SYN-ACK, or an answer to the datagram.
    Accepted,
}

impl Answer {
    /// The fixed word of the output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Filtered => "filtered",
            Self::Refused => "refused",
            Self::Accepted => "accepted",
        }
    }
}

/// One attempt from outside the home networks.
#[derive(Clone, Copy, Debug)]
pub struct Knock {
    /// The home host and the port that was tried.
    pub target: Endpoint,
    /// TCP or UDP.
    pub transport: Transport,
    /// Who tried.
    pub source: Address,
    /// What came of it.
    pub answer: Answer,
    /// How often it was tried: a SYN that is sent again counts again. Zero for news of an attempt that was told before.
    pub attempts: u64,
    /// First and last packet of the attempt; of an accepted one the time of the answer.
    pub first: Timestamp,
    /// See `first`.
    pub last: Timestamp,
}
