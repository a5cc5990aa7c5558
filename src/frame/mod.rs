//! Takes link, VLAN, tunnel, IP and transport headers off, joins fragments, says which worker owns the result.
//!
//! It knows no flow and no protocol above TCP and UDP. Nothing here panics or allocates by a declared length.

use crate::base::{Endpoint, Timestamp, Transport};

/// A parsed TCP segment or UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Packet time.
    pub at: Timestamp,
    /// Ordinal of the packet in the run, from 1.
    pub number: u64,
    /// Sender.
    pub src: Endpoint,
    /// Receiver.
    pub dst: Endpoint,
    /// Transport header.
    pub segment: Segment,
    /// Captured payload bytes; fewer than `payload_len` when the snap length cut the packet.
    pub payload: &'a [u8],
    /// Payload length on the wire, in bytes.
    pub payload_len: u32,
    /// Length of the whole link frame on the wire, in bytes.
    pub wire_len: u32,
    /// Encapsulation and origin, see [`Paths`](crate::frame::Paths).
    pub path: PathId,
}

/// The transport header of a [`Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// RFC 768.
    Udp,
    /// RFC 9293.
    Tcp(Tcp),
}

impl Segment {
    /// Which transport.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp(_) => Transport::Tcp,
        }
    }
}

/// The fields of a TCP header that streams need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tcp {
    /// Sequence number of the first payload byte (of the SYN, on a SYN).
    pub seq: u32,
    /// Acknowledgement number; meaningful when [`Tcp::ACK`] is set.
    pub ack: u32,
    /// The flag byte.
    pub flags: u8,
    /// Urgent pointer; meaningful when [`Tcp::URG`] is set.
    pub urgent: u16,
}

impl Tcp {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Acknowledgement field is significant.
    pub const ACK: u8 = 0x10;
    /// Urgent pointer field is significant.
    pub const URG: u8 = 0x20;

    /// Whether all of these flags are set.
    #[must_use]
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// Index of an interned [`Path`](crate::frame::Path).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PathId(pub u16);
