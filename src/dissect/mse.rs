//! The shape of a Message Stream Encryption exchange and of what follows it, from lengths and turns alone.
//!
//! MSE has no standard; the facts are those of its public description. Two keys of 96 bytes with up to 512 bytes of
//! padding open the exchange in strict turns; then come the initiator's 56 bytes with padding and initial payload (68, the
//! handshake) and the responder's answer. RC4 adds no padding, so later writes keep the lengths of peer messages.

use super::lengths::Lengths;
use crate::base::Direction;
use crate::event::{Opaque, Opening};
use crate::wire::{handshake, mse};

/// Bytes of each direction of a stream joined in the middle by which it is judged whether it can be read.
const SAMPLE: usize = 256;

/// What is remembered of one connection.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Lengths of the bursts: originator, responder, originator, responder. None that fits is as long as a number of 16 bits.
    bursts: [u16; 4],
    /// Bursts so far, counting the current one.
    turns: u8,
    last: Option<Direction>,
    /// Verdict on the first bytes of each direction.
    random: [Option<bool>; 2],
    lengths: Option<Box<Lengths>>,
    /// The first bytes of each direction of a stream that was joined in the middle.
    samples: Option<Box<[Vec<u8>; 2]>>,
    /// The first bytes of each direction while they do not tell yet what it is.
    heads: Option<Box<[Vec<u8>; 2]>>,
}

impl Exchange {
    /// Bytes in order of a direction.
    pub fn bytes(&mut self, from: Direction, n: u64) {
        if self.last != Some(from) {
            self.turns = self.turns.saturating_add(1);
            self.last = Some(from);
        }
        if let Some(burst) = usize::from(self.turns).checked_sub(1).and_then(|i| self.bursts.get_mut(i)) {
            *burst = burst.saturating_add(u16::try_from(n).unwrap_or(u16::MAX));
        }
    }

    /// Keeps the first bytes of a direction until more of them come.
    pub fn keep_head(&mut self, from: Direction, head: Vec<u8>) {
        if let Some(place) = self.heads.get_or_insert_default().get_mut(from.index()) {
            *place = head;
        }
    }

    /// Gives back the first bytes of a direction; none where none are kept.
    pub fn take_head(&mut self, from: Direction) -> Vec<u8> {
        let Some(heads) = &mut self.heads else { return Vec::new() };
        let head = heads.get_mut(from.index()).map(std::mem::take).unwrap_or_default();
        if heads.iter().all(Vec::is_empty) {
            self.heads = None;
        }
        head
    }

    /// Whether first bytes of either direction are kept.
    pub const fn keeps_heads(&self) -> bool {
        self.heads.is_some()
    }

    /// The verdict of [`Exchange::opening`], once there is one.
    pub fn is_random(&self, from: Direction) -> Option<bool> {
        from.of(self.random)
    }

    /// The first bytes of a direction, as many as were kept.
    pub fn opening(&mut self, from: Direction, head: &[u8]) {
        let index = from.index();
        // The originator's bursts are the first and third, the responder's the second and fourth.
        let burst = self.bursts.get(index).map_or(head.len(), |&b| usize::from(b)).min(mse::MAX_BURST);
        let first = head.get(..burst).unwrap_or(head);
        let too_long =
            self.turns > 1 && self.bursts.get(index).is_some_and(|&b| usize::from(b) > mse::MAX_BURST);
        if let Some(random) = self.random.get_mut(index)
            && first.len() >= 48
        {
            let cut = first.len() < mse::KEY && burst >= mse::KEY;
            *random =
                Some(!too_long && if cut { mse::cut_looks_random(first) } else { mse::looks_random(first) });
        }
    }

    /// A segment or packet of a direction. `seq` is the TCP sequence number of its first byte.
    pub fn write(&mut self, from: Direction, seq: Option<u32>, wire_len: u32) {
        self.lengths.get_or_insert_default().write(from, seq, wire_len);
    }

    /// Bytes of a direction of a stream that was joined in the middle: what looks random there cannot be read.
    pub fn sample(&mut self, from: Direction, bytes: &[u8]) {
        if let Some(sample) = self.samples.get_or_insert_default().get_mut(from.index()) {
            let room = SAMPLE.saturating_sub(sample.len());
            sample.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        }
    }

    /// Whether more bytes are needed to judge a stream that was joined in the middle.
    pub fn wants_sample(&self) -> bool {
        let more = |samples: &[Vec<u8>; 2]| samples.iter().any(|s| s.len() < SAMPLE);
        self.lengths_open() && self.samples.as_deref().is_none_or(more)
    }

    /// Where the initiator's clear bytes begin when plaintext was selected.
    pub fn initiator_clear_from(&self) -> usize {
        usize::from(self.bursts[0]) + usize::from(self.bursts[2])
    }

    /// Whether more packets could still make something of the stream.
    pub fn is_promising(&self) -> bool {
        self.shape() != Opening::Other || self.lengths_open()
    }

    fn lengths_open(&self) -> bool {
        self.lengths.as_ref().is_none_or(|lengths| lengths.is_open())
    }

    /// What can be said.
    pub fn opaque(&self) -> Opaque {
        let opening = self.shape();
        let lengths = self.lengths.as_ref().map_or_else(Default::default, |lengths| lengths.verdict());
        // Lengths are evidence about what cannot be read. A block protocol in clear is what its bytes say.
        let asking = |from| lengths.asks.is_none_or(|asks| asks == from);
        let both = [Direction::FromOriginator, Direction::FromResponder];
        let bursts_fit = opening == Opening::BothSides && self.bursts_fit();
        let seen = Opaque { opening, bursts_fit, ..Opaque::default() };
        // Randomness only matters to lengths that fit; to judge it for every stream was 9 % of a trace of tiny uTP flows.
        if !lengths.fit {
            return seen;
        }
        let unreadable = both.map(|d| if asking(d) { self.looks_random(d) } else { Some(true) });
        Opaque {
            lengths_fit: !unreadable.contains(&Some(false)),
            lengths_paired: lengths.paired && unreadable == [Some(true); 2],
            ..seen
        }
    }

    /// Whether a direction looks random, from its opening or from where it was joined; `None` where too little was seen.
    fn looks_random(&self, from: Direction) -> Option<bool> {
        self.is_random(from).or_else(|| {
            let sample = self.samples.as_ref()?.get(from.index()).filter(|s| s.len() >= mse::KEY)?;
            Some(mse::looks_random(sample))
        })
    }

    fn shape(&self) -> Opening {
        let range = mse::KEY as u16..=mse::MAX_BURST as u16;
        let [a, b, c, _] = self.bursts;
        // Two hashes, the encrypted header, up to 512 bytes of padding and at most a handshake as initial payload: more
        // would have to wait for the responder's answer.
        let third = mse::BURST3 as u16..=(mse::BURST3 + mse::MAX_PAD + handshake::LEN) as u16;
        match self.random {
            [Some(true), Some(true)]
                if range.contains(&a) && range.contains(&b) && (self.turns < 4 || third.contains(&c)) =>
            {
                Opening::BothSides
            }
            [Some(true), None] | [None, Some(true)] if self.turns == 1 && a >= mse::KEY as u16 => {
                Opening::OneSide
            }
            _ => Opening::Other,
        }
    }

    fn bursts_fit(&self) -> bool {
        let [_, _, c, d] = self.bursts;
        (124..=mse::MAX_BURST as u16 + 28).contains(&c) && d >= 14
    }
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
    fn the_lengths_of_a_clear_block_protocol_are_no_evidence() {
        let download = |asks: &[u8]| {
            let mut e = Exchange::default();
            e.sample(A, asks);
            for i in 0..40u32 {
                e.write(A, None, 17 * (1 + i % 3));
                for _ in 0..=(i % 3) {
                    (0..11).for_each(|_| e.write(B, None, 1_448));
                    e.write(B, None, 469);
                }
            }
            let opaque = e.opaque();
            (opaque.lengths_fit, opaque.lengths_paired)
        };
        assert_eq!(download(&random(300)), (true, true));
        assert_eq!(download(&random(40)), (true, false), "too little was seen to call it random");
        assert_eq!(download(&[7, 0, 0, 0, 0, 64].repeat(50)), (false, false));
    }
}
