//! uTP, the micro transport protocol (BEP 29), version 1.
//!
//! The header has no magic: a fifth byte in 256 begins one, so that [`recognise`] says `Maybe` and only a second fact
//! ([`answers`], or numbers and timestamps that go on as they must) makes a flow uTP. Version 0 of µTorrent 1.8 is gone
//! and cannot be told from noise without a clock; it is not read. Exclusions by port (CAPWAP, Teredo) are the caller's.

mod exclusions;
#[cfg(test)]
mod tests;

use super::{Guess, Malformed, handshake};
use std::ops::RangeInclusive;

/// Length of the header without extensions.
pub const HEADER: usize = 20;

/// The longest chain of extensions that is followed.
const MAX_EXTENSIONS: usize = 4;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 0: carries data.
    Data,
    /// 1: the sender's last.
    Fin,
    /// 2: acknowledges only.
    State,
    /// 3: the connection is gone.
    Reset,
    /// 4: opens a connection.
    Syn,
}

/// One packet; fields in wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is for.
    pub kind: Kind,
    /// Connection id: of the SYN and of everything the responder sends R, of what the initiator sends later R + 1.
    pub connection: u16,
    /// When it was sent, by the sender's clock, in microseconds modulo 2^32.
    pub timestamp_us: u32,
    /// One-way delay of the last packet received, in microseconds, clock offset included.
    pub difference_us: u32,
    /// Bytes the sender can still take.
    pub window: u32,
    /// Sequence number. SYN, DATA and FIN take one up; STATE tells the next to be sent.
    pub seq: u16,
    /// The last number received in order.
    pub ack: u16,
    /// Selective acknowledgement and the like.
    pub extensions: Extensions<'a>,
    /// Data as far as captured.
    pub payload: &'a [u8],
    /// Bytes of data on the wire.
    pub payload_len: usize,
}

/// Reads a datagram (R-UTP-1).
///
/// # Errors
/// `Magic` for another version or type or an unknown first extension, `Truncated` below 20 bytes or inside the
/// extensions, `Length` for data where there can be none or none where there must be, `Value` for a zero timestamp or a
/// SYN that tells a delay, `Tokens` for a fifth extension.
#[inline]
pub fn parse(datagram: &[u8]) -> Result<Packet<'_>, Malformed> {
    parse_cut(datagram, datagram.len())
}

/// As [`parse`], for a datagram of `wire_len` bytes of which the capture kept fewer.
///
/// # Errors
/// As [`parse`].
#[inline]
pub fn parse_cut(captured: &[u8], wire_len: usize) -> Result<Packet<'_>, Malformed> {
    if !begins_like_utp(captured) {
        return Err(if captured.len() < HEADER { Malformed::Truncated } else { Malformed::Magic });
    }
    let packet = read(captured, wire_len)?;
    let odd = packet.timestamp_us == 0 || packet.kind == Kind::Syn && packet.difference_us != 0;
    if odd { Err(Malformed::Value) } else { Ok(packet) }
}

/// As [`parse_cut`], for a flow that is known to be uTP: here extensions of any number, and a timestamp that happens to
/// be zero, are read.
///
/// # Errors
/// As [`parse`], but for the two tolerated.
pub fn parse_verified(captured: &[u8], wire_len: usize) -> Result<Packet<'_>, Malformed> {
    read(captured, wire_len)
}

/// Judges one datagram on its own (R-UTP-1, R-UTP-3): `Certain` only when a peer handshake begins its data (R-UTP-4).
#[inline]
#[must_use]
pub fn recognise(datagram: &[u8]) -> Guess {
    recognise_cut(datagram, datagram.len())
}

/// As [`recognise`], for a datagram of `wire_len` bytes of which the capture kept fewer.
#[inline]
#[must_use]
pub fn recognise_cut(captured: &[u8], wire_len: usize) -> Guess {
    if !begins_like_utp(captured) {
        return Guess::No;
    }
    match parse_cut(captured, wire_len) {
        Ok(packet) if packet.kind == Kind::Data && packet.payload.starts_with(handshake::MAGIC) => {
            Guess::Certain
        }
        Ok(_) if !exclusions::is_another(captured, wire_len) => Guess::Maybe,
        _ => Guess::No,
    }
}

/// The test that turns away all but one datagram in 3,277 of random data.
#[inline]
const fn begins_like_utp(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && matches!(bytes, [0x01 | 0x11 | 0x21 | 0x31 | 0x41, 0..=3, ..])
}

/// Whether `state`, seen in the other direction, answers `syn` (R-UTP-2): 2^-32 by chance.
#[must_use]
pub fn answers(syn: &Packet<'_>, state: &Packet<'_>) -> bool {
    syn.kind == Kind::Syn
        && state.kind == Kind::State
        && state.connection == syn.connection
        && state.ack == syn.seq
}

fn read(captured: &[u8], wire_len: usize) -> Result<Packet<'_>, Malformed> {
    let (&head, rest) = captured.split_first_chunk::<HEADER>().ok_or(Malformed::Truncated)?;
    // Five words, so that the layout of BEP 29 can be held beside them.
    let (&[first, timestamp, difference, window, numbers], _) =
        head.as_chunks::<4>().0.split_first_chunk::<5>().ok_or(Malformed::Truncated)?;
    let ([type_version, first_extension, c0, c1], [s0, s1, a0, a1]) = (first, numbers);
    let kind = match type_version {
        0x01 => Kind::Data,
        0x11 => Kind::Fin,
        0x21 => Kind::State,
        0x31 => Kind::Reset,
        0x41 => Kind::Syn,
        _ => return Err(Malformed::Magic),
    };
    let extensions = Extensions::read(first_extension, rest)?;
    let payload = rest.get(extensions.bytes.len()..).unwrap_or_default();
    let taken = HEADER.saturating_add(extensions.bytes.len());
    let payload_len = wire_len.max(captured.len()).saturating_sub(taken);
    let allowed: RangeInclusive<usize> = match kind {
        Kind::Data => 1..=usize::MAX,
        Kind::Fin => 0..=usize::MAX,
        Kind::State | Kind::Reset | Kind::Syn => 0..=0,
    };
    if !allowed.contains(&payload_len) {
        return Err(Malformed::Length);
    }
    Ok(Packet {
        kind,
        connection: u16::from_be_bytes([c0, c1]),
        timestamp_us: u32::from_be_bytes(timestamp),
        difference_us: u32::from_be_bytes(difference),
        window: u32::from_be_bytes(window),
        seq: u16::from_be_bytes([s0, s1]),
        ack: u16::from_be_bytes([a0, a1]),
        extensions,
        payload,
        payload_len,
    })
}

/// The validated chain of extensions, each `next u8, length u8, data`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions<'a> {
    first: u8,
    bytes: &'a [u8],
}

/// One extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension<'a> {
    /// 1: selective acknowledgement. The BEP asks for a multiple of 4 bytes; libtorrent sends as few as it needs.
    Sack(Sack<'a>),
    /// 2: extension bits, in SYNs of old µTorrent.
    Bits([u8; 8]),
    /// 3: why libtorrent closes, see its `close_reason.hpp`.
    CloseReason(u16),
    /// Any other number, or one of the above in an unknown length.
    Unknown {
        /// Its number.
        number: u8,
        /// Its data.
        data: &'a [u8],
    },
}

/// Which packets after the next missing one have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sack<'a>(pub &'a [u8]);

impl<'a> Sack<'a> {
    /// The sequence numbers received: the lowest bit of the first byte stands for `ack` + 2.
    pub fn received(&self, ack: u16) -> impl Iterator<Item = u16> + use<'a> {
        let bits = self.0.iter().flat_map(|&byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
        let numbers = std::iter::successors(Some(ack.wrapping_add(2)), |n| Some(n.wrapping_add(1)));
        numbers.zip(bits).filter_map(|(number, set)| set.then_some(number))
    }
}

impl<'a> Extensions<'a> {
    fn read(first: u8, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (mut number, mut rest, mut count) = (first, bytes, 0);
        while number != 0 {
            let (&[next, length], after) = rest.split_first_chunk::<2>().ok_or(Malformed::Truncated)?;
            if length == 0 {
                return Err(Malformed::Length);
            }
            if count == MAX_EXTENSIONS {
                return Err(Malformed::Tokens);
            }
            rest = after.get(usize::from(length)..).ok_or(Malformed::Truncated)?;
            (number, count) = (next, count + 1);
        }
        let taken = bytes.len().saturating_sub(rest.len());
        Ok(Self { first, bytes: bytes.get(..taken).unwrap_or_default() })
    }

    /// The extensions in order.
    pub fn iter(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        let (mut number, mut rest) = (self.first, self.bytes);
        std::iter::from_fn(move || {
            let this = (number != 0).then_some(number)?;
            let (&[next, length], after) = rest.split_first_chunk::<2>()?;
            let (data, after) = after.split_at_checked(usize::from(length))?;
            (number, rest) = (next, after);
            Some(match (this, data) {
                (1, mask) => Extension::Sack(Sack(mask)),
                (2, &[a, b, c, d, e, f, g, h]) => Extension::Bits([a, b, c, d, e, f, g, h]),
                (3, &[_, _, high, low]) => Extension::CloseReason(u16::from_be_bytes([high, low])),
                (number, data) => Extension::Unknown { number, data },
            })
        })
    }

    /// The selective acknowledgement, if there is one.
    #[must_use]
    pub fn sack(&self) -> Option<Sack<'a>> {
        self.iter().find_map(|e| if let Extension::Sack(sack) = e { Some(sack) } else { None })
    }

    /// The close reason, if there is one.
    #[must_use]
    pub fn close_reason(&self) -> Option<u16> {
        self.iter().find_map(|e| if let Extension::CloseReason(reason) = e { Some(reason) } else { None })
    }
}
