//! Puts the bytes of one TCP direction in order (RFC 9293 section 3.4), in bounded memory.
//!
//! The first copy of a byte wins; a later copy that differs while both are held is counted as a conflict. Bytes that
//! cannot be waited for any longer become a [`Piece::Gap`], as do bytes that the snap length cut.

/// What comes out of an assembler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The next bytes in order.
    Data(&'a [u8]),
    /// This many bytes are missing here.
    Gap(u32),
}

/// Segments held for one direction at most; neighbours are joined, so this is reached by holes, not by small segments.
const MAX_HELD_SEGMENTS: usize = 64;
/// Bytes held for one direction at most.
const MAX_HELD_BYTES: usize = 48 * 1024;
/// How far ahead of the expected sequence number a segment may lie to be believed.
const MAX_AHEAD: u32 = 8 << 20;

#[derive(Debug)]
struct Held {
    seq: u32,
    bytes: Vec<u8>,
    /// Bytes after `bytes` that the snap length cut.
    missing: u32,
}

impl Held {
    fn end(&self) -> u32 {
        self.seq.wrapping_add(self.bytes.len() as u32).wrapping_add(self.missing)
    }
}

/// The assembler of one direction. Small where nothing ever came out of order, as on most connections.
#[derive(Debug, Default)]
pub struct Assembler {
    next: Option<u32>,
    waiting: Option<Box<Waiting>>,
}

/// What came out of order, and what became of it.
#[derive(Debug, Default)]
struct Waiting {
    held: Vec<Held>,
    held_bytes: usize,
    conflicts: u32,
    overflows: u32,
}

/// Signed distance from `a` to `b` on the sequence circle.
const fn ahead(b: u32, a: u32) -> i32 {
    b.wrapping_sub(a).cast_signed()
}

impl Assembler {
    /// An assembler that expects this sequence number next; without one it starts at the first segment pushed.
    #[must_use]
    pub const fn new(next: Option<u32>) -> Self {
        Self { next, waiting: None }
    }

    /// The sequence number expected next, once known.
    #[must_use]
    pub const fn next(&self) -> Option<u32> {
        self.next
    }

    /// Sets the expected sequence number if none is known yet.
    pub const fn start_at(&mut self, seq: u32) {
        if self.next.is_none() {
            self.next = Some(seq);
        }
    }

    /// Expects this sequence number next, whatever was expected before; what is held behind it is passed over.
    pub const fn start_anew(&mut self, seq: u32) {
        self.next = Some(seq);
    }

    /// Whether a segment that begins at `seq` is the next, and no other waits.
    #[must_use]
    pub fn is_next(&self, seq: u32) -> bool {
        self.next == Some(seq) && self.first_held().is_none()
    }

    /// Takes the next `len` bytes without a look at them, where [`Self::is_next`].
    pub fn pass(&mut self, len: u32) {
        self.next = self.next.map(|next| next.wrapping_add(len));
    }

    /// How often bytes that were held arrived a second time with another value.
    #[must_use]
    pub fn conflicts(&self) -> u32 {
        self.waiting.as_ref().map_or(0, |w| w.conflicts)
    }

    /// How often a gap was given up because the limits were reached.
    #[must_use]
    pub fn overflows(&self) -> u32 {
        self.waiting.as_ref().map_or(0, |w| w.overflows)
    }

    /// Bytes held out of order.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.waiting.as_ref().map_or(0, |w| w.held_bytes)
    }

    fn first_held(&self) -> Option<u32> {
        Some(self.waiting.as_ref()?.held.first()?.seq)
    }

    /// Takes a segment of `wire_len` payload bytes of which `payload` was captured, and hands out what is in order now.
    pub fn push(&mut self, seq: u32, payload: &[u8], wire_len: u32, mut out: impl FnMut(Piece<'_>)) {
        let payload = payload.get(..wire_len as usize).unwrap_or(payload);
        let cut = wire_len.saturating_sub(payload.len() as u32);
        let next = *self.next.get_or_insert(seq);
        let distance = ahead(seq, next);
        if distance > 0 {
            if distance.unsigned_abs() <= MAX_AHEAD {
                let waiting = self.waiting.get_or_insert_default();
                waiting.hold(seq, payload, cut);
                if waiting.held.len() > MAX_HELD_SEGMENTS || waiting.held_bytes > MAX_HELD_BYTES {
                    waiting.overflows += 1;
                    self.give_up_gap(&mut out);
                }
            }
            return;
        }
        let old = distance.unsigned_abs();
        let fresh = payload.get(old as usize..).unwrap_or_default();
        if self.first_held().is_some_and(|first| ahead(first, next) < fresh.len() as i32) {
            // It brings another copy of bytes that are held: theirs came first.
            self.waiting.get_or_insert_default().hold(next, fresh, cut);
        } else {
            self.deliver(old, payload, cut, &mut out);
        }
        self.drain(&mut out);
    }

    /// Hands out what is held, with gaps where bytes never came: the direction has ended.
    pub fn finish(&mut self, mut out: impl FnMut(Piece<'_>)) {
        while self.first_held().is_some() {
            self.give_up_gap(&mut out);
        }
    }

    /// Delivers a segment that begins `old` bytes before the expected number.
    fn deliver(&mut self, old: u32, payload: &[u8], cut: u32, out: &mut impl FnMut(Piece<'_>)) {
        let Some(next) = self.next else { return };
        let fresh = payload.get(old as usize..).unwrap_or_default();
        if !fresh.is_empty() {
            out(Piece::Data(fresh));
        }
        let beyond = old.saturating_sub(payload.len() as u32);
        let missing = cut.saturating_sub(beyond);
        if missing > 0 {
            out(Piece::Gap(missing));
        }
        self.next = Some(next.wrapping_add(fresh.len() as u32).wrapping_add(missing));
    }

    fn drain(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        while let (Some(next), Some(first)) = (self.next, self.first_held()) {
            let distance = ahead(first, next);
            let Some(waiting) = self.waiting.as_mut().filter(|_| distance <= 0) else { return };
            let held = waiting.held.remove(0);
            waiting.held_bytes -= held.bytes.len();
            self.deliver(distance.unsigned_abs(), &held.bytes, held.missing, out);
        }
    }

    fn give_up_gap(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        if let (Some(next), Some(first)) = (self.next, self.first_held()) {
            let gap = first.wrapping_sub(next);
            out(Piece::Gap(gap));
            self.next = Some(first);
        }
        self.drain(out);
    }
}

impl Waiting {
    /// Files a segment that lies ahead: trimmed to the bytes not held yet, joined to a direct predecessor.
    fn hold(&mut self, mut seq: u32, mut payload: &[u8], cut: u32) {
        // Compare with what is held, and keep only the parts that are new.
        let mut index = 0;
        while let Some(held) = self.held.get(index) {
            if payload.is_empty() {
                return;
            }
            let offset = ahead(held.seq, seq);
            if offset >= payload.len() as i32 {
                break; // wholly before this one
            }
            if ahead(held.end(), seq) <= 0 {
                index += 1;
                continue; // wholly behind this one
            }
            if offset > 0 {
                let (before, rest) = payload.split_at(offset.unsigned_abs() as usize);
                self.insert(index, seq, before, 0);
                seq = seq.wrapping_add(before.len() as u32);
                payload = rest;
                index = 0;
                continue;
            }
            let into = offset.unsigned_abs() as usize;
            let same = held.bytes.get(into..).unwrap_or_default();
            self.conflicts += same.iter().zip(payload).filter(|(a, b)| a != b).count().min(1) as u32;
            let covered = (ahead(held.end(), seq).unsigned_abs() as usize).min(payload.len());
            seq = seq.wrapping_add(covered as u32);
            payload = payload.get(covered..).unwrap_or_default();
            index += 1;
        }
        if !payload.is_empty() || cut > 0 {
            let at = self.held.iter().position(|h| ahead(h.seq, seq) > 0).unwrap_or(self.held.len());
            self.insert(at, seq, payload, cut);
        }
    }

    fn insert(&mut self, at: usize, seq: u32, bytes: &[u8], missing: u32) {
        self.held_bytes += bytes.len();
        let before = at.checked_sub(1).and_then(|i| self.held.get_mut(i));
        if let Some(before) = before.filter(|b| b.missing == 0 && b.end() == seq) {
            before.bytes.extend_from_slice(bytes);
            before.missing = missing;
            return;
        }
        let after =
            self.held.get_mut(at).filter(|a| missing == 0 && a.seq == seq.wrapping_add(bytes.len() as u32));
        if let Some(after) = after {
            after.bytes.splice(0..0, bytes.iter().copied());
            after.seq = seq;
            return;
        }
        self.held.insert(at.min(self.held.len()), Held { seq, bytes: bytes.to_vec(), missing });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn collect(segments: &[(u32, &[u8])], start: Option<u32>) -> (Vec<u8>, Vec<u32>, Assembler) {
        let (mut bytes, mut gaps) = (Vec::new(), Vec::new());
        let mut assembler = Assembler::new(start);
        let mut out = |piece: Piece<'_>| match piece {
            Piece::Data(d) => bytes.extend_from_slice(d),
            Piece::Gap(n) => gaps.push(n),
        };
        for (seq, payload) in segments {
            assembler.push(*seq, payload, payload.len() as u32, &mut out);
        }
        assembler.finish(&mut out);
        (bytes, gaps, assembler)
    }

    #[test]
    fn reversed_single_bytes_come_out_in_order() {
        let text: Vec<u8> = (0..=255).collect();
        let segments: Vec<(u32, &[u8])> =
            text.iter().enumerate().rev().map(|(i, _)| (1000 + i as u32, &text[i..=i])).collect();
        let (bytes, gaps, _) = collect(&segments, Some(1000));
        assert_eq!((bytes, gaps), (text, vec![]));
    }

    #[test]
    fn sequence_numbers_wrap() {
        let start = u32::MAX - 2;
        let (bytes, gaps, _) = collect(&[(start.wrapping_add(4), b"ef"), (start, b"abcd")], Some(start));
        assert_eq!((bytes.as_slice(), gaps.as_slice()), (&b"abcdef"[..], &[][..]));
    }

    #[test]
    fn the_first_copy_wins_and_a_conflict_is_counted() {
        let (bytes, _, assembler) = collect(&[(12, b"cd"), (12, b"XX"), (10, b"ab")], Some(10));
        assert_eq!((bytes.as_slice(), assembler.conflicts()), (&b"abcd"[..], 1));
    }

    #[test]
    fn the_first_copy_wins_over_the_segment_that_closes_the_gap_too() {
        let (bytes, gaps, assembler) = collect(&[(12, b"cd"), (10, b"abXXef"), (16, b"g")], Some(10));
        assert_eq!((bytes.as_slice(), gaps.as_slice()), (&b"abcdefg"[..], &[][..]));
        assert_eq!(assembler.conflicts(), 1);
    }

    #[test]
    fn cut_bytes_and_lost_segments_are_gaps() {
        let mut pieces = Vec::new();
        let mut assembler = Assembler::new(Some(0));
        assembler.push(0, b"abc", 10, |p| pieces.push(format!("{p:?}")));
        assembler.push(15, b"xyz", 3, |p| pieces.push(format!("{p:?}")));
        assembler.finish(|p| pieces.push(format!("{p:?}")));
        assert_eq!(pieces, ["Data([97, 98, 99])", "Gap(7)", "Gap(5)", "Data([120, 121, 122])"]);
    }

    #[test]
    fn memory_stays_bounded_when_a_hole_is_never_filled() {
        let mut assembler = Assembler::new(Some(0));
        for i in 0..10_000u32 {
            assembler.push(10 + i * 1_000, &[1; 900], 900, |_| {});
            assert!(assembler.held_bytes() <= MAX_HELD_BYTES + 900);
        }
        assert!(assembler.overflows() > 0);
    }

    proptest! {
        /// Against the obvious model: a map from offset to the first value that came for it.
        #[test]
        fn any_cut_order_and_repetition_gives_the_stream_back(
            text in prop::collection::vec(any::<u8>(), 1..400),
            cuts in prop::collection::vec((0usize..400, 1usize..60), 1..60),
            start: u32,
        ) {
            let mut order: Vec<(u32, &[u8])> = cuts
                .iter()
                .filter(|(at, _)| *at < text.len())
                .map(|&(at, len)| (start.wrapping_add(at as u32), &text[at..(at + len).min(text.len())]))
                .collect();
            order.extend((0..text.len()).step_by(7).rev().map(|at| {
                (start.wrapping_add(at as u32), &text[at..(at + 7).min(text.len())])
            }));
            let (bytes, gaps, assembler) = collect(&order, Some(start));
            prop_assert_eq!(bytes, text);
            prop_assert!(gaps.is_empty());
            prop_assert_eq!(assembler.conflicts(), 0);
            prop_assert_eq!(assembler.held_bytes(), 0);
        }

        #[test]
        fn hostile_numbers_never_panic(segments in prop::collection::vec((any::<u32>(), 0usize..50, any::<u16>()), 0..80)) {
            let mut assembler = Assembler::new(None);
            for (seq, len, wire) in segments {
                assembler.push(seq, &vec![7; len], u32::from(wire), |_| {});
            }
            assembler.finish(|_| {});
            prop_assert_eq!(assembler.held_bytes(), 0);
        }
    }
}
