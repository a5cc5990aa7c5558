//! Takes link, VLAN, tunnel, IP and transport headers off, joins fragments, says which worker owns the result.
//!
//! It knows no flow and no protocol above TCP and UDP. Nothing here panics or allocates by a declared length.
//! Transport checksums are not verified here: span ports and offloading cards show wrong ones on good packets.
//!
//! An ordinary packet (Ethernet, at most one VLAN tag, IPv4 without options) takes the straight road of `ordinary`; all
//! others go through the bounded loop of `walk`. To add a link type, add an arm to `link`; to add an encapsulation,
//! add a [`Tunnel`], its header to `tunnel`, and the number that announces it to `walk`.

pub mod build;
mod decoder;
mod duplicate;
mod fragment;
mod icmp;
mod ip;
mod l2tp;
mod link;
mod ordinary;
mod path;
mod shim;
mod skip;
#[cfg(test)]
mod tests;
mod transport;
mod tunnel;
mod view;
mod walk;

pub use decoder::{Counters, Decoded, Decoder, DecoderOptions};
pub use icmp::{Quote, Reason, Unreachable};
pub use link::link_name;
pub use path::{Path, Paths, Tunnel};
pub use skip::Skip;

use crate::base::{Address, Endpoint, HashKey, Timestamp, Transport};

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
    /// Encapsulation and origin, see [`Paths`].
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

/// Which of `workers` owns the frame: both directions and all ports of two hosts stay together.
#[must_use]
pub fn shard(frame: &Frame<'_>, workers: usize, key: &HashKey) -> usize {
    if workers < 2 {
        return 0;
    }
    let (low, high) = if frame.src.address <= frame.dst.address {
        (frame.src.address, frame.dst.address)
    } else {
        (frame.dst.address, frame.src.address)
    };
    let half = |a: Address, shift: u32| (u128::from_be_bytes(a.0) >> shift) as u64;
    let hash = key.mix(&[half(low, 64), half(low, 0), half(high, 64), half(high, 0)]);
    ((u128::from(hash) * workers as u128) >> 64) as usize
}

/// Index of an interned [`Path`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PathId(pub u16);
