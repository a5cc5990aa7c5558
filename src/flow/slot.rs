//! Where flows lie in memory: slots of 104 bytes in chunks that never move, and what the flags of a slot mean.

use super::key::Key;
use super::view::Flow;
use crate::base::{Direction, Endpoint, Timestamp, Transport};
use crate::frame::{Frame, Segment, Tcp};
use std::time::Duration;

pub(super) const USED: u16 = 1;
/// The originator is the higher endpoint.
pub(super) const ORIGINATOR_HI: u16 = 1 << 1;
pub(super) const PROBATION: u16 = 1 << 2;
/// `slot` indexes the states.
pub(super) const HAS_STATE: u16 = 1 << 3;
/// `slot` holds the originator's initial sequence number.
pub(super) const HAS_ISN: u16 = 1 << 4;
pub(super) const SYN_SEEN: u16 = 1 << 5;
pub(super) const FIN_SEEN: u16 = 1 << 6;
pub(super) const RST_SEEN: u16 = 1 << 7;
/// Touched since the clock hand passed.
pub(super) const RECENT: u16 = 1 << 8;
pub(super) const IS_UDP: u16 = 1 << 9;
/// The room above is done with the flow: `FlowTable::retire`.
pub(super) const RETIRED: u16 = 1 << 10;

pub(super) const SYN_ACK_SEEN: u16 = 1 << 11;
/// The responder reset the connection.
pub(super) const REFUSED: u16 = 1 << 12;

/// Both endpoints are IPv4 addresses.
pub(super) const IS_V4: u16 = 1 << 13;

/// What an IPv4 packet needs comes first: wherever a slot begins, that lies in two lines of the cache.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Slot {
    front: [u64; 2],
    pub(super) packets: [u32; 2],
    pub(super) slot: u32,
    pub(super) flags: u16,
    pub(super) path: u16,
    pub(super) last: i64,
    pub(super) bytes: [u64; 2],
    pub(super) payload: [u64; 2],
    pub(super) first: i64,
    back: [u64; 2],
    ports: [u16; 2],
    /// Milliseconds from the first packet to the SYN-ACK, where there was one.
    pub(super) answer_ms: u32,
}

const _: () =
    assert!(size_of::<Slot>() <= 104, "a flow without state and its share of the index stay below 128 bytes");

pub(super) const EMPTY: Slot = Slot {
    front: [0; 2],
    packets: [0; 2],
    slot: 0,
    flags: 0,
    path: 0,
    last: 0,
    bytes: [0; 2],
    payload: [0; 2],
    first: 0,
    back: [0; 2],
    ports: [0; 2],
    answer_ms: 0,
};

/// The flags that a key asks for.
#[inline(always)]
const fn kind(key: &Key) -> u16 {
    USED | if key.is_udp { IS_UDP } else { 0 } | if key.is_v4 { IS_V4 } else { 0 }
}

impl Slot {
    /// The slot of a flow of which no packet is counted yet.
    pub(super) fn new(key: &Key, flags: u16, frame: &Frame<'_>) -> Self {
        Self {
            front: key.front,
            back: key.back,
            ports: key.ports,
            flags: flags | kind(key),
            path: frame.path.0,
            first: frame.at.0,
            last: frame.at.0,
            ..EMPTY
        }
    }

    pub(super) const fn key(&self) -> Key {
        let (is_v4, is_udp) = (self.flags & IS_V4 != 0, self.flags & IS_UDP != 0);
        Key { front: self.front, back: self.back, ports: self.ports, is_v4, is_udp }
    }

    /// Originator and responder.
    #[inline]
    pub(super) fn ends(&self) -> [Endpoint; 2] {
        let [lo, hi] = self.key().ends();
        if self.flags & ORIGINATOR_HI == 0 { [lo, hi] } else { [hi, lo] }
    }

    #[inline]
    pub(super) const fn transport(&self) -> Transport {
        self.key().transport()
    }

    /// Whether this is the flow of that key.
    #[inline(always)]
    pub(super) fn is(&self, key: &Key) -> bool {
        let kind = self.flags & (USED | IS_UDP | IS_V4) ^ kind(key);
        let differ = |one: [u64; 2], other: [u64; 2]| one[0] ^ other[0] | one[1] ^ other[1];
        differ(self.front, key.front) | u64::from(kind) == 0
            && (key.is_v4 || (self.back == key.back && self.ports == key.ports))
    }

    /// Something of either line of the cache that an IPv4 packet needs.
    #[inline(always)]
    pub(super) const fn glance(&self) -> u64 {
        self.front[0] ^ self.payload[1]
    }

    /// Whether packets of one side only were seen.
    #[inline]
    pub(super) const fn is_one_way(&self) -> bool {
        let [one, other] = self.packets;
        one == 0 || other == 0
    }

    /// Counts a packet; tells which side sent it.
    #[inline]
    pub(super) fn count(&mut self, frame: &Frame<'_>, from_lo: bool) -> Direction {
        let originator = from_lo == (self.flags & ORIGINATOR_HI == 0);
        let side = usize::from(!originator);
        if self.packets != [0, 0] {
            self.flags = (self.flags & !PROBATION) | RECENT;
        }
        if let (Some(packets), Some(bytes), Some(payload)) =
            (self.packets.get_mut(side), self.bytes.get_mut(side), self.payload.get_mut(side))
        {
            *packets = packets.saturating_add(1);
            *bytes += u64::from(frame.wire_len);
            *payload += u64::from(frame.payload_len);
        }
        self.last = self.last.max(frame.at.0);
        if let Segment::Tcp(tcp) = frame.segment
            && tcp.flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) != 0
        {
            if tcp.has(Tcp::SYN) {
                if self.flags & (SYN_SEEN | HAS_STATE) == 0 {
                    self.slot = if tcp.has(Tcp::ACK) { tcp.ack.wrapping_sub(1) } else { tcp.seq };
                    self.flags |= HAS_ISN;
                }
                self.flags |= SYN_SEEN;
                if tcp.has(Tcp::ACK) && !originator && self.flags & SYN_ACK_SEEN == 0 {
                    self.flags |= SYN_ACK_SEEN;
                    let after = frame.at.since(Timestamp(self.first)).as_millis();
                    self.answer_ms = u32::try_from(after).unwrap_or(u32::MAX);
                }
            }
            if tcp.has(Tcp::FIN) {
                self.flags |= FIN_SEEN;
            }
            if tcp.has(Tcp::RST) {
                self.flags |= if originator { RST_SEEN } else { RST_SEEN | REFUSED };
            }
        }
        if originator { Direction::FromOriginator } else { Direction::FromResponder }
    }

    /// The flow as the room above sees it.
    pub(super) fn view(&self) -> Flow {
        let [originator, responder] = self.ends();
        let transport = self.transport();
        Flow {
            originator,
            responder,
            transport,
            path: self.path,
            packets: self.packets,
            bytes: self.bytes,
            payload: self.payload,
            first: Timestamp(self.first),
            last: Timestamp(self.last),
            midstream: transport == Transport::Tcp && self.flags & SYN_SEEN == 0,
            fin: self.flags & FIN_SEEN != 0,
            rst: self.flags & RST_SEEN != 0,
            syn_ack: (self.flags & SYN_ACK_SEEN != 0)
                .then(|| Timestamp(self.first) + Duration::from_millis(self.answer_ms.into())),
            refused: self.flags & REFUSED != 0,
        }
    }
}

/// Slots are allocated in chunks, so that growing never copies a flow nor doubles the memory for a moment.
pub(super) const CHUNK: usize = 4_096;

/// The slots, by number.
#[derive(Default)]
pub(super) struct Slab {
    chunks: Vec<Box<[Slot; CHUNK]>>,
    free: Vec<u32>,
    used: usize,
}

impl Slab {
    /// Slots in use.
    pub(super) const fn len(&self) -> usize {
        self.used
    }

    /// The number after that of the last slot there is memory for.
    #[inline]
    pub(super) const fn end(&self) -> u32 {
        (self.chunks.len() * CHUNK) as u32
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.end() as usize * size_of::<Slot>() + self.free.capacity() * size_of::<u32>()
    }

    #[inline]
    pub(super) fn get(&self, id: u32) -> &Slot {
        self.chunks.get(id as usize / CHUNK).and_then(|c| c.get(id as usize % CHUNK)).unwrap_or(&EMPTY)
    }

    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "an id comes from this table alone and chunks are never given back"
    )]
    pub(super) fn get_mut(&mut self, id: u32) -> &mut Slot {
        &mut self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    /// Puts a slot into use; gives its number.
    pub(super) fn add(&mut self, slot: Slot) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            let first = self.end();
            // By way of the heap: an array of this size does not belong on a stack.
            if let Ok(chunk) = vec![EMPTY; CHUNK].into_boxed_slice().try_into() {
                self.chunks.push(chunk);
            }
            self.free.extend((first + 1..first + CHUNK as u32).rev());
            first
        });
        *self.get_mut(id) = slot;
        self.used += 1;
        id
    }

    /// Takes a slot out of use.
    pub(super) fn remove(&mut self, id: u32) {
        self.get_mut(id).flags = 0;
        self.free.push(id);
        self.used -= 1;
    }
}
