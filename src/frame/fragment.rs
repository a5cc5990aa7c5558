//! Joins the fragments of IPv4 (RFC 791 section 3.2) and IPv6 (RFC 8200 section 4.5) datagrams.
//!
//! Where fragments overlap, which copy the receiver keeps depends on its system, and some keep neither. Here the first copy
//! wins, unless only the later ones make the transport checksum right: then those are what the sender meant. Copies that
//! disagree are counted.

use super::ip::{Header, Ip, Slot};
use super::view::View;
use super::{Counters, Skip, transport};
use crate::base::{Address, KeyedState, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Most fragments of one datagram.
const FRAGMENTS_MAX: u16 = 64;
/// Most later copies that are kept of one datagram.
const RIVALS_MAX: usize = FRAGMENTS_MAX as usize;
/// Most datagrams under way.
const DATAGRAMS_MAX: usize = 4096;
/// Most memory for datagrams under way, in bytes, bookkeeping included.
const MEMORY_MAX: usize = 8 << 20;
/// How long a datagram may be under way (RFC 791 suggests 15 s, RFC 8200 asks for 60 s).
const LIFETIME: Duration = Duration::from_secs(30);
/// Estimated bookkeeping of a datagram and of a piece, in bytes.
const DATAGRAM_COST: usize = 160;
const PIECE_COST: usize = 40;
/// The longest datagram payload there is.
const PAYLOAD_MAX: u32 = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: Address,
    dst: Address,
    id: u32,
    /// IPv6 fragments are told apart by their id alone: only the first one's next header counts.
    number: Option<u8>,
}

/// A stretch of a datagram. Stretches never overlap.
#[derive(Debug)]
struct Piece {
    start: u32,
    end: u32,
    /// Shorter than the stretch when the snap length cut the fragment.
    bytes: Box<[u8]>,
}

#[derive(Debug)]
struct Datagram {
    serial: u64,
    begun: Timestamp,
    /// Sorted by start.
    pieces: Vec<Piece>,
    /// Later copies that disagree with the pieces, in order of arrival.
    rivals: Vec<Piece>,
    /// From the last fragment.
    total: Option<u32>,
    /// Next header, from the first fragment.
    number: Option<u8>,
    fragments: u16,
    wire_len: u32,
    memory: usize,
}

/// A fragment and the packet that brought it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) header: &'a Header,
    pub(super) slot: Slot,
    pub(super) view: View<'a>,
    pub(super) at: Timestamp,
    /// Length of the link frame, in bytes.
    pub(super) wire_len: u32,
}

/// What a fragment led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// The datagram is not whole yet.
    Held,
    /// Nothing new was in it.
    Duplicate,
    /// It was refused.
    Skip(Skip),
    /// The datagram is whole and was written to the buffer.
    Whole {
        /// What its payload is.
        number: u8,
        /// Its length, of which the buffer has the part that was captured without a hole.
        payload_len: u32,
        /// Sum of the lengths of the link frames that brought it.
        wire_len: u32,
    },
}

/// Datagrams under way.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    datagrams: HashMap<Key, Datagram, KeyedState>,
    /// In order of their first fragment; entries of datagrams that became whole stay until they reach the front.
    ages: VecDeque<(u64, Key)>,
    serial: u64,
    memory: usize,
}

impl Fragments {
    /// Adds a fragment; when its datagram became whole, `into` is overwritten with it.
    pub(super) fn add(
        &mut self,
        fragment: Fragment<'_>,
        into: &mut Vec<u8>,
        counters: &mut Counters,
    ) -> Joined {
        let Fragment { header, slot, view, at, wire_len } = fragment;
        let start = u32::from(slot.offset);
        let Some(end) = start.checked_add(view.wire).filter(|&end| end <= PAYLOAD_MAX && end > start) else {
            return Joined::Skip(Skip::BadHeader);
        };
        if slot.more && !view.wire.is_multiple_of(8) {
            return Joined::Skip(Skip::BadHeader);
        }
        self.expire(at, counters);
        let key = Key {
            src: header.ip.src,
            dst: header.ip.dst,
            id: header.ip.id,
            number: (!header.ip.six).then_some(header.number),
        };
        self.make_room(view.bytes.len(), counters);
        let next_serial = self.serial;
        let datagram = self.datagrams.entry(key).or_insert_with(|| Datagram {
            serial: next_serial,
            begun: at,
            pieces: Vec::new(),
            rivals: Vec::new(),
            total: None,
            number: None,
            fragments: 0,
            wire_len: 0,
            memory: 0,
        });
        if datagram.fragments == 0 {
            self.serial = self.serial.wrapping_add(1);
            self.ages.push_back((next_serial, key));
            datagram.memory = DATAGRAM_COST;
            self.memory += DATAGRAM_COST;
        }
        if datagram.fragments >= FRAGMENTS_MAX {
            counters.fragment_limit += 1;
            return Joined::Skip(Skip::FragmentLimit);
        }
        let furthest = datagram.pieces.last().map_or(0, |p| p.end);
        let agrees = match datagram.total {
            Some(total) => end <= total && (slot.more || end == total),
            None => slot.more || end >= furthest,
        };
        if !agrees {
            counters.fragment_conflicts += 1;
            return Joined::Skip(Skip::FragmentOverlap);
        }
        let before = datagram.memory;
        let (fresh, conflict) = datagram.insert(start, end, view.bytes);
        counters.fragment_conflicts += u64::from(conflict);
        self.memory = self.memory.saturating_add(datagram.memory).saturating_sub(before);
        let completes_length = !slot.more && datagram.total.is_none();
        if !fresh && !completes_length {
            return if conflict { Joined::Skip(Skip::FragmentOverlap) } else { Joined::Duplicate };
        }
        datagram.fragments += 1;
        datagram.wire_len = datagram.wire_len.saturating_add(wire_len);
        if start == 0 {
            datagram.number.get_or_insert(header.number);
        }
        if !slot.more {
            datagram.total = Some(end);
        }
        counters.fragments_held += 1;
        let Some((payload_len, number)) = datagram.whole() else { return Joined::Held };
        let Some(done) = self.datagrams.remove(&key) else { return Joined::Held };
        self.memory = self.memory.saturating_sub(done.memory);
        counters.datagrams_joined += 1;
        done.write(&header.ip, number, payload_len, into);
        self.tidy();
        Joined::Whole { number, payload_len, wire_len: done.wire_len }
    }

    /// Drops datagrams that have been under way for too long.
    fn expire(&mut self, now: Timestamp, counters: &mut Counters) {
        while let Some((serial, key)) = self.ages.front() {
            match self.datagrams.get(key).filter(|d| d.serial == *serial) {
                Some(d) if now.since(d.begun) <= LIFETIME => break,
                Some(_) => counters.datagrams_expired += 1,
                None => {}
            }
            self.drop_front();
        }
    }

    /// Drops the oldest datagrams until another fragment fits.
    fn make_room(&mut self, len: usize, counters: &mut Counters) {
        // An overlapping fragment is cut into as many pieces as there are holes, and copies as there are pieces.
        let cost = len + DATAGRAM_COST + 2 * PIECE_COST * usize::from(FRAGMENTS_MAX);
        while self.datagrams.len() >= DATAGRAMS_MAX || self.memory + cost > MEMORY_MAX {
            if self.ages.is_empty() {
                break;
            }
            counters.datagrams_evicted += u64::from(self.drop_front());
        }
    }

    /// Removes the oldest entry; whether a datagram went with it.
    fn drop_front(&mut self) -> bool {
        let Some((serial, key)) = self.ages.pop_front() else { return false };
        if self.datagrams.get(&key).is_none_or(|d| d.serial != serial) {
            return false;
        }
        let gone = self.datagrams.remove(&key);
        self.memory = self.memory.saturating_sub(gone.map_or(0, |d| d.memory));
        true
    }

    /// One datagram that never becomes whole keeps the entries of all later ones in the queue: sweep them out.
    fn tidy(&mut self) {
        if self.ages.len() > 2 * DATAGRAMS_MAX {
            let datagrams = &self.datagrams;
            self.ages.retain(|(serial, key)| datagrams.get(key).is_some_and(|d| d.serial == *serial));
        }
    }
}

impl Datagram {
    /// Fills the holes in `start..end`; whether there was one, and whether what was there disagrees.
    fn insert(&mut self, start: u32, end: u32, bytes: &[u8]) -> (bool, bool) {
        let part = |from: u32, to: u32| {
            let to = (to.saturating_sub(start) as usize).min(bytes.len());
            bytes.get(from.saturating_sub(start) as usize..to).unwrap_or_default()
        };
        let (mut conflict, mut at) = (false, start);
        let (mut holes, mut rivals) = (Vec::new(), Vec::new());
        for piece in self.pieces.iter().filter(|p| p.start < end && p.end > start) {
            if piece.start > at {
                holes.push((at, piece.start));
            }
            let overlap = part(piece.start.max(start), piece.end.min(end));
            let skipped = start.saturating_sub(piece.start) as usize;
            let kept = piece.bytes.get(skipped..).unwrap_or_default();
            if overlap.iter().zip(kept).any(|(a, b)| a != b) {
                conflict = true;
                let bytes = overlap.into();
                rivals.push(Piece { start: piece.start.max(start), end: piece.end.min(end), bytes });
            }
            at = piece.end;
        }
        if at < end {
            holes.push((at, end));
        }
        for &(from, to) in &holes {
            let bytes: Box<[u8]> = part(from, to).into();
            self.memory += bytes.len() + PIECE_COST;
            let place = self.pieces.partition_point(|p| p.start < from);
            self.pieces.insert(place, Piece { start: from, end: to, bytes });
        }
        rivals.truncate(RIVALS_MAX.saturating_sub(self.rivals.len()));
        self.memory += rivals.iter().map(|r| r.bytes.len() + PIECE_COST).sum::<usize>();
        self.rivals.append(&mut rivals);
        (!holes.is_empty(), conflict)
    }

    /// Length and next header, when nothing is missing.
    fn whole(&self) -> Option<(u32, u8)> {
        let total = self.total?;
        let mut at = 0;
        for piece in &self.pieces {
            if piece.start != at {
                return None;
            }
            at = piece.end;
        }
        if at == total { Some((total, self.number?)) } else { None }
    }

    /// Writes the captured bytes up to the first hole that the snap length left, of the copies that the transport
    /// checksum vouches for: the first ones where it vouches for neither.
    fn write(&self, ip: &Ip, number: u8, payload_len: u32, into: &mut Vec<u8>) {
        self.write_first(into);
        let whole = into.len() == payload_len as usize;
        if self.rivals.is_empty() || !whole || transport::is_intact(ip, number, into) {
            return;
        }
        let mut last = into.clone();
        for rival in &self.rivals {
            let place = last.get_mut(rival.start as usize..).unwrap_or_default();
            place.iter_mut().zip(&rival.bytes).for_each(|(byte, &other)| *byte = other);
        }
        if transport::is_intact(ip, number, &last) {
            *into = last;
        }
    }

    fn write_first(&self, into: &mut Vec<u8>) {
        into.clear();
        for piece in &self.pieces {
            into.extend_from_slice(&piece.bytes);
            if piece.bytes.len() < piece.end.saturating_sub(piece.start) as usize {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ip::Ip;
    use super::*;

    fn header(id: u32) -> Header {
        let ip =
            Ip { src: Address::v4([10, 0, 0, 1]), dst: Address::v4([10, 0, 0, 2]), id, ttl: 64, six: false };
        Header { ip, number: 17, fragment: None, longer_than_wire: false }
    }

    fn add(
        f: &mut Fragments,
        c: &mut Counters,
        id: u32,
        offset: u16,
        more: bool,
        bytes: &[u8],
        secs: i64,
    ) -> Joined {
        let view = View { bytes, wire: bytes.len() as u32 };
        let (slot, at) = (Slot { offset, more }, Timestamp::from_secs(secs));
        f.add(Fragment { header: &header(id), slot, view, at, wire_len: 100 }, &mut Vec::new(), c)
    }

    #[test]
    fn caps_hold_and_the_oldest_goes() {
        let (mut f, mut c) = (Fragments::default(), Counters::default());
        for id in 0..10_000 {
            assert_eq!(add(&mut f, &mut c, id, 0, true, &[0; 8], 0), Joined::Held);
        }
        assert_eq!((f.datagrams.len(), c.datagrams_evicted), (DATAGRAMS_MAX, 10_000 - DATAGRAMS_MAX as u64));
        assert_eq!(add(&mut f, &mut c, 10_001, 0, true, &[0; 8], 31), Joined::Held);
        assert_eq!((f.datagrams.len(), c.datagrams_expired), (1, DATAGRAMS_MAX as u64));
        for id in 20_000..21_000 {
            add(&mut f, &mut c, id, 0, true, &[0; 16_000], 31);
            assert!(f.memory <= MEMORY_MAX);
            assert_eq!(f.memory, f.datagrams.values().map(|d| d.memory).sum::<usize>());
        }
        for n in 0..65u16 {
            let want = if n < 64 { Joined::Held } else { Joined::Skip(Skip::FragmentLimit) };
            assert_eq!(add(&mut f, &mut c, 7, n * 16, true, &[0; 8], 31), want);
        }
        assert_eq!(c.fragment_limit, 1);
    }

    #[test]
    fn one_stuck_datagram_does_not_grow_the_queue() {
        let (mut f, mut c) = (Fragments::default(), Counters::default());
        add(&mut f, &mut c, 0, 8, true, &[0; 8], 0);
        for id in 1..30_000 {
            add(&mut f, &mut c, id, 0, true, &[0; 8], 0);
            assert!(matches!(add(&mut f, &mut c, id, 8, false, &[0; 3], 0), Joined::Whole { .. }));
            assert!(f.ages.len() <= 2 * DATAGRAMS_MAX + 1);
        }
    }

    #[test]
    fn impossible_fragments_are_refused() {
        let (mut f, mut c) = (Fragments::default(), Counters::default());
        let bad = Joined::Skip(Skip::BadHeader);
        assert_eq!(add(&mut f, &mut c, 1, 65_528, false, &[0; 9], 0), bad);
        assert_eq!(add(&mut f, &mut c, 1, 0, true, &[0; 7], 0), bad);
        assert_eq!(add(&mut f, &mut c, 1, 0, true, &[], 0), bad);
        assert_eq!(add(&mut f, &mut c, 1, 16, true, &[0; 8], 0), Joined::Held);
        let conflict = Joined::Skip(Skip::FragmentOverlap);
        assert_eq!(add(&mut f, &mut c, 1, 0, false, &[0; 16], 0), conflict, "an end before what is there");
        assert_eq!(add(&mut f, &mut c, 1, 24, false, &[0; 4], 0), Joined::Held);
        assert_eq!(add(&mut f, &mut c, 1, 32, true, &[0; 8], 0), conflict, "beyond the end");
        assert_eq!(add(&mut f, &mut c, 1, 16, true, &[1; 8], 0), conflict, "other bytes");
        assert_eq!(add(&mut f, &mut c, 1, 16, true, &[0; 8], 0), Joined::Duplicate);
        assert_eq!(c.fragment_conflicts, 3);
        let whole = Joined::Whole { number: 17, payload_len: 28, wire_len: 300 };
        assert_eq!(add(&mut f, &mut c, 1, 0, true, &[0; 16], 0), whole);
    }
}
