//! The shape of a Message Stream Encryption exchange and of what follows it, from lengths and turns alone.
//!
//! MSE has no standard; the facts are those of its public description. Two keys of 96 bytes with up to 512 bytes of
//! padding open the exchange in strict turns; then come the initiator's 56 bytes with padding and initial payload (68, the
//! handshake) and the responder's answer. RC4 adds no padding, so later writes keep the lengths of peer messages.

use crate::base::Direction;
use crate::event::{Opaque, Opening};
use crate::wire::{handshake, mse};

/// Writes looked at before the lengths are judged for good.
const WRITES_MAX: u32 = 1_024;
/// Without a single write of whole requests by then, there will be none.
const HOPELESS_AFTER: u32 = 96;
/// Writes of the asking side that must be whole numbers of requests, in percent.
const FIT_PERCENT: u32 = 90;
/// Such writes needed.
const FIT_MIN: u32 = 12;

/// What is remembered of one connection.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Lengths of the bursts: originator, responder, originator, responder.
    bursts: [u32; 4],
    /// Bursts so far, counting the current one.
    turns: u8,
    last: Option<Direction>,
    /// Verdict on the first bytes of each direction.
    random: [Option<bool>; 2],
    lengths: Lengths,
}

impl Exchange {
    /// Bytes in order of a direction.
    pub fn bytes(&mut self, from: Direction, n: u64) {
        if self.last != Some(from) {
            self.turns = self.turns.saturating_add(1);
            self.last = Some(from);
        }
        if let Some(burst) = usize::from(self.turns).checked_sub(1).and_then(|i| self.bursts.get_mut(i)) {
            *burst = burst.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        }
    }

    /// The verdict of [`Exchange::opening`], once there is one.
    pub fn is_random(&self, from: Direction) -> Option<bool> {
        from.of(self.random)
    }

    /// The first bytes of a direction, as many as were kept.
    pub fn opening(&mut self, from: Direction, head: &[u8]) {
        let index = from.index();
        // The originator's bursts are the first and third, the responder's the second and fourth.
        let burst = self.bursts.get(index).map_or(head.len(), |&b| b as usize).min(mse::MAX_BURST);
        let first = head.get(..burst).unwrap_or(head);
        let too_long = self.turns > 1 && self.bursts.get(index).is_some_and(|&b| b as usize > mse::MAX_BURST);
        if let Some(random) = self.random.get_mut(index)
            && first.len() >= 48
        {
            let cut = first.len() < mse::KEY && burst >= mse::KEY;
            *random =
                Some(!too_long && if cut { mse::cut_looks_random(first) } else { mse::looks_random(first) });
        }
    }

    /// A segment or packet of a direction.
    pub fn write(&mut self, from: Direction, wire_len: u32) {
        self.lengths.write(from, wire_len);
    }

    /// Where the initiator's clear bytes begin when plaintext was selected.
    pub fn initiator_clear_from(&self) -> usize {
        (self.bursts[0] as usize).saturating_add(self.bursts[2] as usize)
    }

    /// Whether more packets could still make something of the stream.
    pub fn is_promising(&self) -> bool {
        self.shape() != Opening::Other || self.lengths.is_open()
    }

    /// What can be said.
    pub fn opaque(&self) -> Opaque {
        let opening = self.shape();
        Opaque {
            opening,
            bursts_fit: opening == Opening::BothSides && self.bursts_fit(),
            lengths_fit: self.lengths.fit(),
            ..Opaque::default()
        }
    }

    fn shape(&self) -> Opening {
        let range = mse::KEY as u32..=mse::MAX_BURST as u32;
        let [a, b, c, _] = self.bursts;
        // Two hashes, the encrypted header, up to 512 bytes of padding and at most a handshake as initial payload: more
        // would have to wait for the responder's answer.
        let third = mse::BURST3 as u32..=(mse::BURST3 + mse::MAX_PAD + handshake::LEN) as u32;
        match self.random {
            [Some(true), Some(true)]
                if range.contains(&a) && range.contains(&b) && (self.turns < 4 || third.contains(&c)) =>
            {
                Opening::BothSides
            }
            [Some(true), None] | [None, Some(true)] if self.turns == 1 && a >= mse::KEY as u32 => {
                Opening::OneSide
            }
            _ => Opening::Other,
        }
    }

    fn bursts_fit(&self) -> bool {
        let [_, _, c, d] = self.bursts;
        (124..=mse::MAX_BURST as u32 + 28).contains(&c) && d >= 14
    }
}

/// Length arithmetic (R-MSE-6): a downloader writes 17 bytes a request, alone or several at a time, with a few 5-byte and
/// 9-byte messages between, while the other side sends blocks of 16,397.
#[derive(Debug, Default)]
struct Lengths {
    /// By direction: writes below a full segment; those that are sums of few small messages; whole requests; bytes.
    small: [u32; 2],
    sums: [u32; 2],
    requests: [u32; 2],
    bytes: [u64; 2],
    writes: u32,
}

impl Lengths {
    fn write(&mut self, from: Direction, len: u32) {
        if self.writes >= WRITES_MAX {
            return;
        }
        self.writes += 1;
        let index = from.index();
        let bump = |counters: &mut [u32; 2]| {
            if let Some(n) = counters.get_mut(index) {
                *n += 1;
            }
        };
        if let Some(bytes) = self.bytes.get_mut(index) {
            *bytes += u64::from(len);
        }
        if (1..1_200).contains(&len) {
            bump(&mut self.small);
            if is_sum(len) {
                bump(&mut self.sums);
            }
            if len.is_multiple_of(17) {
                bump(&mut self.requests);
            }
        }
    }

    /// Whether one side asks and the other delivers as the peer wire does.
    fn fit(&self) -> bool {
        [(0, 1), (1, 0)].into_iter().any(|(asks, delivers)| {
            let get = |c: &[u32; 2], i: usize| c.get(i).copied().unwrap_or_default();
            let (small, sums, requests) =
                (get(&self.small, asks), get(&self.sums, asks), get(&self.requests, asks));
            let asked = self.bytes.get(asks).copied().unwrap_or_default();
            let delivered = self.bytes.get(delivers).copied().unwrap_or_default();
            requests >= FIT_MIN
                && sums * 100 >= small * FIT_PERCENT
                && requests * 2 >= small
                && delivered >= 16_397 * 4
                // A request of 17 bytes brings a block of 16,397: the flow is lopsided by hundreds.
                && delivered / asked.max(1) >= 100
        })
    }

    /// Whether more writes could still make them fit: some requests must show early.
    fn is_open(&self) -> bool {
        let some = self.requests.iter().any(|&n| n > 0);
        self.writes < if some { WRITES_MAX } else { HOPELESS_AFTER } || self.fit()
    }
}

/// Whether a write of this length can be a few requests (17), haves (9) and one-byte messages (5).
fn is_sum(len: u32) -> bool {
    (0..=3u32).any(|nines| {
        (0..=2u32).any(|fives| {
            let rest = len.checked_sub(nines * 9 + fives * 5);
            rest.is_some_and(|r| r % 17 == 0)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{FromOriginator as A, FromResponder as B};

    fn random(n: usize) -> Vec<u8> {
        // A fixed linear congruential generator: flat enough for the tests of randomness.
        let mut x = 0x1234_5678_9abc_def1u64;
        (0..n)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (x >> 56) as u8
            })
            .collect()
    }

    fn exchange(bursts: &[(Direction, u64)]) -> Opaque {
        let mut e = Exchange::default();
        for &(from, n) in bursts {
            e.bytes(from, n);
        }
        for from in [A, B] {
            if bursts.iter().any(|&(d, _)| d == from) {
                e.opening(from, &random(1_000));
            }
        }
        e.opaque()
    }

    #[test]
    fn a_whole_exchange_fits_and_a_wrong_turn_does_not() {
        let whole = exchange(&[(A, 300), (B, 200), (A, 124), (B, 82)]);
        assert_eq!((whole.opening, whole.bursts_fit), (Opening::BothSides, true));
        let long = exchange(&[(A, 300), (B, 2_000), (A, 124), (B, 82)]);
        assert_eq!(
            long.opening,
            Opening::Other,
            "the responder's burst is longer than a key and its padding"
        );
        let short = exchange(&[(A, 300), (B, 200), (A, 30), (B, 82)]);
        assert_eq!(short.opening, Opening::Other, "the third burst cannot hold two hashes");
    }

    #[test]
    fn requests_and_blocks_fit_and_a_web_transfer_does_not() {
        let mut peer = Exchange::default();
        let mut web = Exchange::default();
        for i in 0..40u32 {
            peer.write(A, 17 * (1 + i % 3));
            web.write(A, 80 + i * 7);
            for _ in 0..12 {
                peer.write(B, 1_448);
                web.write(B, 1_448);
            }
        }
        assert!(peer.opaque().lengths_fit);
        assert!(!web.opaque().lengths_fit);
    }
}
