//! Puts the DATA packets of one direction of a uTP connection in order (BEP 29), in bounded memory.

use super::Piece;
use crate::base::Direction;

/// Packets held for one direction at most.
const MAX_HELD: usize = 64;
/// Bytes held for one direction at most.
const MAX_HELD_BYTES: usize = 64 * 1024;
/// How far ahead of the expected number a packet may lie to be believed.
const MAX_AHEAD: i16 = 2_048;

/// The orderer of one direction. uTP numbers packets, not bytes, so a lost packet is a gap of unknown length: it is
/// handed out as a gap of `u32::MAX`.
#[derive(Debug, Default)]
pub struct UtpOrder {
    next: Option<u16>,
    waiting: Option<Box<Waiting>>,
}

/// Packets that came too early: number, payload, bytes that the snap length cut.
#[derive(Debug, Default)]
struct Waiting {
    held: Vec<(u16, Vec<u8>, u32)>,
    held_bytes: usize,
}

const fn ahead(b: u16, a: u16) -> i16 {
    b.wrapping_sub(a).cast_signed()
}

impl UtpOrder {
    /// An orderer that expects this packet number next; without one it starts at the first packet pushed.
    #[must_use]
    pub const fn new(next: Option<u16>) -> Self {
        Self { next, waiting: None }
    }

    /// The packet number expected next, once known.
    #[must_use]
    pub const fn next(&self) -> Option<u16> {
        self.next
    }

    /// Takes DATA packet `seq` of `wire_len` payload bytes of which `payload` was captured.
    pub fn push(&mut self, seq: u16, payload: &[u8], wire_len: u32, mut out: impl FnMut(Piece<'_>)) {
        let cut = wire_len.saturating_sub(payload.len() as u32);
        let next = *self.next.get_or_insert(seq);
        let distance = ahead(seq, next);
        if !(0..=MAX_AHEAD).contains(&distance) {
            return;
        }
        if distance > 0 {
            let waiting = self.waiting.get_or_insert_default();
            if !waiting.held.iter().any(|(s, ..)| *s == seq) {
                waiting.held_bytes += payload.len();
                waiting.held.push((seq, payload.to_vec(), cut));
                if waiting.held.len() > MAX_HELD || waiting.held_bytes > MAX_HELD_BYTES {
                    self.give_up_gap(&mut out);
                }
            }
            return;
        }
        deliver(payload, cut, &mut out);
        self.next = Some(seq.wrapping_add(1));
        self.drain(&mut out);
    }

    /// Hands out what is held: the connection has ended.
    pub fn finish(&mut self, mut out: impl FnMut(Piece<'_>)) {
        while self.waiting.as_ref().is_some_and(|w| !w.held.is_empty()) {
            self.give_up_gap(&mut out);
        }
    }

    fn drain(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        while let (Some(next), Some(waiting)) = (self.next, self.waiting.as_mut()) {
            let Some(at) = waiting.held.iter().position(|(s, ..)| *s == next) else { return };
            let (seq, bytes, cut) = waiting.held.swap_remove(at);
            waiting.held_bytes -= bytes.len();
            deliver(&bytes, cut, out);
            self.next = Some(seq.wrapping_add(1));
        }
    }

    fn give_up_gap(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        let (Some(next), Some(waiting)) = (self.next, &self.waiting) else { return };
        if let Some(nearest) = waiting.held.iter().map(|(s, ..)| *s).min_by_key(|s| ahead(*s, next)) {
            out(Piece::Gap(u32::MAX));
            self.next = Some(nearest);
            self.drain(out);
        }
    }
}

/// The orderers of both directions. Small where nothing ever came out of order, as on most connections.
#[derive(Debug, Default)]
pub struct UtpOrders {
    next: [Option<u16>; 2],
    waiting: Option<Box<[Option<Box<Waiting>>; 2]>>,
}

impl UtpOrders {
    /// Begins a direction anew, as [`UtpOrder::new`] does.
    pub fn begin(&mut self, from: Direction, next: Option<u16>) {
        self.with(from, |order| *order = UtpOrder::new(next));
    }

    /// Takes a DATA packet of a direction, as [`UtpOrder::push`] does.
    pub fn push(
        &mut self,
        from: Direction,
        seq: u16,
        payload: &[u8],
        wire_len: u32,
        out: impl FnMut(Piece<'_>),
    ) {
        self.with(from, |order| order.push(seq, payload, wire_len, out));
    }

    /// Hands out what is held of a direction: the connection has ended.
    pub fn finish(&mut self, from: Direction, out: impl FnMut(Piece<'_>)) {
        self.with(from, |order| order.finish(out));
    }

    fn with(&mut self, from: Direction, act: impl FnOnce(&mut UtpOrder)) {
        let waiting = self.waiting.as_mut().and_then(|both| both.get_mut(from.index())?.take());
        let mut order = UtpOrder { next: from.of(self.next), waiting };
        act(&mut order);
        if let Some(next) = self.next.get_mut(from.index()) {
            *next = order.next;
        }
        if order.waiting.is_some()
            && let Some(place) = self.waiting.get_or_insert_default().get_mut(from.index())
        {
            *place = order.waiting;
        }
    }
}

fn deliver(payload: &[u8], cut: u32, out: &mut impl FnMut(Piece<'_>)) {
    if !payload.is_empty() {
        out(Piece::Data(payload));
    }
    if cut > 0 {
        out(Piece::Gap(cut));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shuffled_and_repeated_packets_come_out_in_order(
            start: u16,
            order in Just((0u16..40).collect::<Vec<_>>()).prop_shuffle(),
            repeats in prop::collection::vec(0usize..40, 0..20),
        ) {
            let mut all = order.clone();
            all.extend(repeats.iter().map(|&i| order[i]));
            let mut orderer = UtpOrder::new(Some(start));
            let mut seen = Vec::new();
            for n in all {
                orderer.push(start.wrapping_add(n), &[n as u8], 1, |p| match p {
                    Piece::Data(d) => seen.extend_from_slice(d),
                    Piece::Gap(_) => seen.push(255),
                });
            }
            prop_assert_eq!(seen, (0u8..40).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_directions_of_a_connection_wait_each_for_itself() {
        let (mut orders, mut seen) = (UtpOrders::default(), [Vec::new(), Vec::new()]);
        let both = [Direction::FromOriginator, Direction::FromResponder];
        for from in both {
            orders.begin(from, Some(0));
        }
        for n in (0..8).rev() {
            for (from, seen) in both.into_iter().zip(&mut seen) {
                let payload = [n as u8 + 10 * from.index() as u8];
                orders.push(from, n, &payload, 1, |p| seen.push(format!("{p:?}")));
            }
        }
        let expected = |first: u8| (first..first + 8).map(|n| format!("Data([{n}])")).collect::<Vec<_>>();
        assert_eq!(seen, [expected(0), expected(10)]);
        for from in both {
            orders.finish(from, |_| unreachable!("nothing is held any longer"));
        }
    }

    #[test]
    fn a_packet_that_never_comes_is_given_up_within_the_bound() {
        let mut orderer = UtpOrder::new(Some(0));
        let mut gaps = 0;
        for n in 1..1_000u16 {
            orderer.push(n, &[0; 1_000], 1_000, |p| gaps += u32::from(matches!(p, Piece::Gap(_))));
            let held = orderer.waiting.as_ref().map_or(0, |w| w.held_bytes);
            assert!(held <= MAX_HELD_BYTES + 1_000);
        }
        assert_eq!(gaps, 1);
    }
}
