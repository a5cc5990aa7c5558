//! The words everyone uses: time, addresses, networks, ids, hashing, escaping.
//!
//! This room imports nothing of the project and does no I/O. What belongs here is a value that at least three
//! other rooms pass around; anything with behaviour of its own belongs to a room of its own.

mod address;
mod hash;
mod ids;
mod network;
mod scrape;
mod short;
mod text;
mod time;

pub use address::{Address, Endpoint};
pub use hash::{HashKey, KeyedState};
pub use ids::{InfoHash, InfoHashV2, NodeId, PeerId, hex};
pub use network::{HomeNets, Network, NetworkError};
pub use scrape::{ScrapeFilter, scrape_estimate};
pub use short::{ShortMap, ShortSet};
pub use text::{Printable, printable};
pub use time::{Timestamp, TimestampError};

/// The transport protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

impl Transport {
    /// `TCP` or `UDP`, as Suricata EVE writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// Which side of a flow sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The side that sent the SYN; without one, the sender of the first packet seen.
    FromOriginator,
    /// The other side.
    FromResponder,
}

impl Direction {
    /// 0 for the originator, 1 for the responder.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::FromOriginator => 0,
            Self::FromResponder => 1,
        }
    }

    /// This side's of two values in the order of [`Direction::index`].
    #[must_use]
    pub fn of<T>(self, [originator, responder]: [T; 2]) -> T {
        match self {
            Self::FromOriginator => originator,
            Self::FromResponder => responder,
        }
    }

    /// The opposite direction.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::FromOriginator => Self::FromResponder,
            Self::FromResponder => Self::FromOriginator,
        }
    }
}
