//! The decoder: owns what must be remembered between packets and says of each packet what it is.

use super::duplicate::{Duplicates, Rule};
use super::fragment::{Fragment, Fragments, Joined};
use super::icmp::{self, Unreachable};
use super::ip::{Header, Ip, Slot};
use super::link;
use super::ordinary;
use super::path::Paths;
use super::transport::Parcel;
use super::view::View;
use super::walk::{Arrival, Layer, Walk};
use super::{Frame, PathId, Skip};
use crate::base::{Endpoint, HashKey, Timestamp};
use crate::capture::{LinkType, RawPacket};
use std::collections::BTreeMap;

/// Settings of a [`Decoder`].
#[derive(Clone, Debug)]
pub struct DecoderOptions {
    /// Recognise packets that a span port shows twice. On by default.
    pub suppress_duplicates: bool,
    /// The secret of the duplicate table.
    pub key: HashKey,
}

impl Default for DecoderOptions {
    fn default() -> Self {
        Self { suppress_duplicates: true, key: HashKey::random() }
    }
}

/// What a packet is.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// A TCP segment or UDP datagram; of a fragmented one, when its last fragment came.
    Frame(Frame<'a>),
    /// An ICMP or ICMPv6 report that a destination cannot be reached.
    Unreachable(Unreachable),
    /// A fragment that is kept until its datagram is whole.
    Held,
    /// A copy of a packet that was seen just before.
    Duplicate,
    /// Nothing for the rooms above.
    Skip(Skip),
}

/// What the decoder counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets recognised as copies.
    pub duplicates: u64,
    /// Fragments that brought something new.
    pub fragments_held: u64,
    /// Datagrams that became whole.
    pub datagrams_joined: u64,
    /// Datagrams given up after 30 s of packet time. Counted when the next fragment of any datagram comes.
    pub datagrams_expired: u64,
    /// Datagrams given up for newer ones, at 4,096 of them or 8 MiB.
    pub datagrams_evicted: u64,
    /// Fragments refused: the 65th of a datagram and later, or fragments within fragments within fragments.
    pub fragment_limit: u64,
    /// Fragments that disagree with an earlier one about bytes or length.
    pub fragment_conflicts: u64,
    /// Packets whose IP header declares more bytes than were on the wire.
    pub ip_longer_than_wire: u64,
    /// Frames whose path got id 0 because 4,096 others were known.
    pub paths_refused: u64,
    /// Packets of link types beyond the 64 that are counted apart.
    pub unsupported_other: u64,
}

/// Turns raw packets into frames. One decoder sees all packets of a source, in order.
#[derive(Debug)]
pub struct Decoder {
    gate: Gate,
    fragments: Fragments,
    /// A joined datagram, and one that was fragmented within it.
    joined: [Vec<u8>; 2],
    unsupported: BTreeMap<LinkType, u64>,
}

/// Most link types that are counted apart.
const UNSUPPORTED_MAX: usize = 64;

impl Decoder {
    /// A decoder that has seen nothing yet.
    #[must_use]
    pub fn new(options: DecoderOptions) -> Self {
        Self {
            gate: Gate {
                duplicates: options.suppress_duplicates.then(|| Duplicates::new(&options.key)),
                paths: Paths::new(),
                counters: Counters::default(),
            },
            fragments: Fragments::default(),
            joined: [Vec::new(), Vec::new()],
            unsupported: BTreeMap::new(),
        }
    }

    /// Says what a packet is. `number` is its ordinal in the run.
    ///
    /// The payload of a frame borrows the packet, or this decoder when it was joined from fragments.
    #[inline]
    pub fn decode<'a>(&'a mut self, packet: &RawPacket<'a>, number: u64) -> Decoded<'a> {
        match self.decode_ordinary(packet, number) {
            Some(decoded) => decoded,
            None => self.decode_any(packet, number),
        }
    }

    /// The same of an ordinary packet alone, whose frame borrows nothing but the packet, so that several can be had at a
    /// time; `None` for any other, of which nothing is counted or remembered then.
    #[inline(always)]
    pub fn decode_ordinary<'a>(&mut self, packet: &RawPacket<'a>, number: u64) -> Option<Decoded<'a>> {
        if packet.link != LinkType::ETHERNET {
            return None;
        }
        let o = ordinary::parse(packet)?;
        let stamp = Stamp::new(packet, number, o.variation);
        Some(self.gate.parcel(&o.parcel, &stamp, |paths| paths.plain(packet.origin, o.vlan)))
    }

    /// Every path that frames came through so far.
    #[must_use]
    pub const fn paths(&self) -> &Paths {
        &self.gate.paths
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { paths_refused: self.gate.paths.refused(), ..self.gate.counters }
    }

    /// How many packets of each unsupported link type came, for at most 64 types; see [`link_name`](super::link_name).
    #[must_use]
    pub const fn unsupported(&self) -> &BTreeMap<LinkType, u64> {
        &self.unsupported
    }

    /// The same of any packet, on the road that [`Self::decode_ordinary`] spares most of them.
    #[inline(never)]
    pub fn decode_any<'a>(&'a mut self, packet: &RawPacket<'a>, number: u64) -> Decoded<'a> {
        let mut walk = Walk::new(View::new(packet.data, packet.wire_len), packet.origin);
        let opened = link::open(packet.link, &mut walk.view, &mut walk.variation);
        if matches!(opened, Err(Skip::UnsupportedLinktype)) {
            self.count_unsupported(packet.link);
        }
        let mut stamp = Stamp::new(packet, number, 0);
        let Self { gate, fragments, joined: [first, second], .. } = self;
        // At most two joins, one inside the other: each has a buffer that the frame may borrow.
        let mut buffers = [first, second].into_iter();
        let mut next = opened;
        loop {
            let arrival = next.and_then(|layer| walk.run(layer));
            stamp.variation = walk.variation;
            let (header, slot, view) = match arrival {
                Err(skip) => return Decoded::Skip(skip),
                Ok(Arrival::Parcel(parcel)) => {
                    gate.counters.ip_longer_than_wire += u64::from(walk.longer_than_wire);
                    return gate.parcel(&parcel, &stamp, |paths| paths.id(&walk.route));
                }
                Ok(Arrival::Icmp(ip, view)) => {
                    return gate.icmp(&ip, view, &stamp, |paths| paths.id(&walk.route));
                }
                Ok(Arrival::Fragment(header, slot, view)) => (header, slot, view),
            };
            if gate.is_fragment_copy(&header, slot, view, &stamp) {
                return Decoded::Duplicate;
            }
            let Some(buffer) = buffers.next() else {
                gate.counters.fragment_limit += 1;
                return Decoded::Skip(Skip::FragmentLimit);
            };
            let fragment = Fragment { header: &header, slot, view, at: stamp.at, wire_len: stamp.wire_len };
            let counters = &mut gate.counters;
            match fragments.add(fragment, buffer, counters) {
                Joined::Held => return Decoded::Held,
                Joined::Duplicate => {
                    counters.duplicates += 1;
                    return Decoded::Duplicate;
                }
                Joined::Skip(skip) => return Decoded::Skip(skip),
                Joined::Whole { number, payload_len, wire_len } => {
                    stamp.wire_len = wire_len;
                    walk.view = View { bytes: buffer, wire: payload_len };
                    next = Ok(Layer::Payload(Header { number, fragment: None, ..header }));
                }
            }
        }
    }

    #[cold]
    fn count_unsupported(&mut self, link: LinkType) {
        if self.unsupported.len() < UNSUPPORTED_MAX || self.unsupported.contains_key(&link) {
            *self.unsupported.entry(link).or_default() += 1;
        } else {
            self.gate.counters.unsupported_other += 1;
        }
    }
}

/// What is known of a packet before it is parsed, and what its copies differ in.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    at: Timestamp,
    number: u64,
    wire_len: u32,
    variation: u64,
}

impl Stamp {
    #[inline(always)]
    fn new(packet: &RawPacket<'_>, number: u64, variation: u64) -> Self {
        let wire_len = View::new(packet.data, packet.wire_len).wire;
        Self { at: packet.at, number, wire_len, variation }
    }
}

/// The last station of a packet: copies are turned back, the others are told where they came through.
#[derive(Debug)]
struct Gate {
    duplicates: Option<Duplicates>,
    paths: Paths,
    counters: Counters,
}

impl Gate {
    #[inline(always)]
    fn parcel<'a>(
        &mut self,
        parcel: &Parcel<'a>,
        stamp: &Stamp,
        path: impl FnOnce(&mut Paths) -> PathId,
    ) -> Decoded<'a> {
        if let Some(duplicates) = &mut self.duplicates
            && duplicates.is_copy(parcel, stamp.at, stamp.variation)
        {
            self.counters.duplicates += 1;
            return Decoded::Duplicate;
        }
        Decoded::Frame(Frame {
            at: stamp.at,
            number: stamp.number,
            src: Endpoint::new(parcel.ip.src, parcel.src_port),
            dst: Endpoint::new(parcel.ip.dst, parcel.dst_port),
            segment: parcel.segment,
            payload: parcel.payload.bytes,
            payload_len: parcel.payload.wire,
            wire_len: stamp.wire_len,
            path: path(&mut self.paths),
        })
    }

    fn icmp<'a>(
        &mut self,
        ip: &Ip,
        view: View<'_>,
        stamp: &Stamp,
        path: impl FnOnce(&mut Paths) -> PathId,
    ) -> Decoded<'a> {
        let message = match icmp::parse(ip, view) {
            Ok(message) => message,
            Err(skip) => return Decoded::Skip(skip),
        };
        let rule = if ip.id != 0 && !ip.six { Rule::Identified } else { Rule::OtherWay };
        if self.is_copy(ip, 0, view, stamp, rule) {
            return Decoded::Duplicate;
        }
        Decoded::Unreachable(Unreachable {
            at: stamp.at,
            number: stamp.number,
            reporter: ip.src,
            told: ip.dst,
            reason: message.reason,
            code: message.code,
            quote: message.quote,
            wire_len: stamp.wire_len,
            path: path(&mut self.paths),
        })
    }

    fn is_fragment_copy(&mut self, header: &Header, slot: Slot, view: View<'_>, stamp: &Stamp) -> bool {
        let place = u64::from(slot.offset) << 16 | u64::from(slot.more) << 8 | u64::from(header.number);
        self.is_copy(&header.ip, place, view, stamp, Rule::Identified)
    }

    /// Whether something that is told by addresses, id, `place` and bytes was seen before.
    fn is_copy(&mut self, ip: &Ip, place: u64, view: View<'_>, stamp: &Stamp, rule: Rule) -> bool {
        let Some(duplicates) = &mut self.duplicates else { return false };
        let copy = duplicates.is_opaque_copy(ip, place, view, stamp.at, stamp.variation, rule);
        self.counters.duplicates += u64::from(copy);
        copy
    }
}
