//! ICMP (RFC 792) and ICMPv6 (RFC 4443) reports that a destination cannot be reached.

use super::ip::Ip;
use super::transport::ports;
use super::view::View;
use super::{PathId, Skip};
use crate::base::{Address, Endpoint, Timestamp, Transport};
use etherparse::LaxIpSlice;

/// A destination-unreachable message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Packet time.
    pub at: Timestamp,
    /// Ordinal of the packet in the run, from 1.
    pub number: u64,
    /// Who says so: the host itself or a router on the way.
    pub reporter: Address,
    /// Who is told, the sender of the quoted packet unless the message is forged.
    pub told: Address,
    /// What the code means.
    pub reason: Reason,
    /// The code as it was on the wire; its meaning differs between ICMP and ICMPv6.
    pub code: u8,
    /// The packet that could not be delivered, when the quote is long enough and is TCP or UDP.
    pub quote: Option<Quote>,
    /// Length of the whole link frame on the wire, in bytes.
    pub wire_len: u32,
    /// Encapsulation and origin.
    pub path: PathId,
}

/// The packet that an ICMP message quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quote {
    /// TCP or UDP.
    pub transport: Transport,
    /// Sender of the quoted packet.
    pub src: Endpoint,
    /// Whom it could not reach.
    pub dst: Endpoint,
}

/// Why a destination cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// No route.
    Network,
    /// The host does not answer on its link.
    Host,
    /// The host has not this transport.
    Protocol,
    /// Nothing listens on the port.
    Port,
    /// The packet was too large for a link and must not be fragmented. The destination is there.
    TooLarge,
    /// A filter forbids it.
    Prohibited,
    /// Any other code.
    Other,
}

impl Reason {
    const fn of(code: u8, six: bool) -> Self {
        match (six, code) {
            (false, 0 | 6 | 11) | (true, 0) => Self::Network,
            (false, 1 | 7 | 12) | (true, 3) => Self::Host,
            (false, 2) => Self::Protocol,
            (false, 3) | (true, 4) => Self::Port,
            (false, 4) => Self::TooLarge,
            (false, 9 | 10 | 13) | (true, 1 | 5 | 6) => Self::Prohibited,
            _ => Self::Other,
        }
    }
}

/// An ICMP message as far as it can be told without its packet.
pub(super) struct Message {
    pub(super) reason: Reason,
    pub(super) code: u8,
    pub(super) quote: Option<Quote>,
}

/// Reads an ICMP message; every kind but destination unreachable is skipped.
pub(super) fn parse(ip: &Ip, mut view: View<'_>) -> Result<Message, Skip> {
    const UNREACHABLE: u8 = 3;
    const UNREACHABLE6: u8 = 1;
    let wire = view.wire;
    let kind = *view.bytes.first().ok_or(super::transport::short(wire, 8))?;
    if kind != if ip.six { UNREACHABLE6 } else { UNREACHABLE } {
        return Err(Skip::Icmp);
    }
    let h = view.take::<8>().ok_or(super::transport::short(wire, 8))?;
    Ok(Message { reason: Reason::of(h[1], ip.six), code: h[1], quote: quote(view.bytes) })
}

fn quote(bytes: &[u8]) -> Option<Quote> {
    let (ip, _) = LaxIpSlice::from_slice(bytes).ok()?;
    let payload = ip.payload();
    // The length fields of a quote belong to a packet that is not here; later fragments have no ports.
    if payload.fragmented {
        return None;
    }
    let (transport, src, dst) = ports(payload.ip_number.0, payload.payload)?;
    Some(Quote {
        transport,
        src: Endpoint::new(ip.source_addr().into(), src),
        dst: Endpoint::new(ip.destination_addr().into(), dst),
    })
}
