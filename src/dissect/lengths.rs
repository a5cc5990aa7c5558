//! Length arithmetic of encrypted peer connections (R-MSE-6): RC4 adds no padding, so that requests (17 bytes), haves (9),
//! one-byte messages (5) and blocks (16,397) keep their lengths, and with them the arithmetic of the peer wire (BEP 3).
//!
//! Two patterns are looked for. Where one side only downloads, its writes are whole requests and the other side delivers
//! a block for each. Where both sides upload, small messages drown in blocks; but libtorrent then writes the 13-byte head
//! of a block apart from its 16,384 bytes now and then, and the way from one such head to the next is a whole number of
//! blocks and a few small messages.

use crate::base::Direction;

/// Writes looked at before the lengths are judged for good.
const WRITES_MAX: u16 = 2_048;
/// Without a single write of whole requests or a head of a block by then, there will be none.
const HOPELESS_AFTER: u16 = 96;
/// Writes of the asking side that must be sums of small messages, in percent.
const FIT_PERCENT: u32 = 90;
/// Writes of whole requests needed.
const FIT_MIN: u16 = 12;
/// A request (BEP 3): length, id, piece, offset, length.
const REQUEST: u16 = 17;
/// A have: length, id, piece.
const HAVE: u16 = 9;
/// The head of a piece message: length, id, piece, offset.
const HEAD: u32 = 13;
/// A piece message with the block of 16 KiB that all clients ask for.
const BLOCK: u32 = HEAD + 16_384;
/// Small messages (requests for what the other side has, haves) that travel with each block, in bytes, at most.
const SMALL_PER_BLOCK: u32 = 48;
/// Distances between heads that a chance would give once in 2^24.
const HEAD_BITS: u32 = 24;
/// The same for each direction alone, where both must show them.
const HEAD_BITS_EACH: u32 = 12;
/// Requests needed before they are compared with what was delivered.
const PAIRS_MIN: u32 = 24;
/// How far the delivered bytes may be from a block for each request, in percent.
const PAIR_SLACK_PERCENT: u64 = 15;

/// What the lengths say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The writes add up as peer messages do.
    pub fit: bool,
    /// The two directions agree: a block for each request, or whole blocks both ways.
    pub paired: bool,
    /// Which side must be unreadable for that to mean anything: the one that asks; `None` for both.
    pub asks: Option<Direction>,
}

/// What is remembered of one connection. No more than [`WRITES_MAX`] writes are counted, so that numbers of 16 bits do for
/// counts; sums of bytes stop at 4 GiB.
#[derive(Debug, Default)]
pub struct Lengths {
    sides: [Side; 2],
    writes: u16,
}

/// What one direction wrote.
#[derive(Debug, Default)]
struct Side {
    bytes: u32,
    /// The number after the last byte seen (TCP), so that a repeated segment counts once; whether there is one.
    next: u32,
    numbered: bool,
    /// Requests in all sums.
    asked: u32,
    /// Writes below a full segment, and those that are sums of few small messages.
    small: u16,
    sums: u16,
    /// Writes of nothing but requests, and the greatest common divisor of their lengths.
    requests: u16,
    divisor: u16,
    /// Writes of nothing but haves.
    haves: u16,
    /// From the first write of 13 bytes on.
    heads: Option<Box<Heads>>,
}

/// Writes of 13 bytes, and how well whole blocks lie between them.
#[derive(Debug)]
struct Heads {
    /// Bytes of the direction before the last one.
    last: u32,
    fits: u32,
    misfits: u32,
    /// How improbable the fitting distances are: the sum of -log2 of their chances, rounded down.
    bits: u32,
    /// Blocks and small bytes of the first fitting distance, and whether another had a different share.
    first: Option<(u64, u64)>,
    varied: bool,
}

impl Lengths {
    /// A segment or packet of a direction. `seq` is the TCP sequence number of its first byte.
    pub fn write(&mut self, from: Direction, seq: Option<u32>, len: u32) {
        if self.writes >= WRITES_MAX {
            return;
        }
        if let Some(side) = self.sides.get_mut(from.index())
            && side.is_new(seq, len)
        {
            self.writes += 1;
            side.write(len);
        }
    }

    /// What can be said by now.
    pub fn verdict(&self) -> Verdict {
        let [a, b] = &self.sides;
        for (direction, asks, delivers) in
            [(Direction::FromOriginator, a, b), (Direction::FromResponder, b, a)]
        {
            if asks.asks_of(delivers) {
                let paired = asks.is_paired_with(delivers);
                return Verdict { fit: true, paired, asks: Some(direction) };
            }
        }
        let bits = [a, b].map(|s| s.heads.as_ref().map_or(0, |heads| heads.bits()));
        Verdict {
            fit: bits.iter().sum::<u32>() >= HEAD_BITS,
            paired: bits.iter().all(|&b| b >= HEAD_BITS_EACH),
            asks: None,
        }
    }

    /// Whether more writes could still make them fit: some requests or heads must show early.
    pub fn is_open(&self) -> bool {
        let some = self.sides.iter().any(|s| s.requests > 0 || s.heads.is_some());
        self.writes < if some { WRITES_MAX } else { HOPELESS_AFTER } || self.verdict().fit
    }
}

impl Side {
    fn is_new(&mut self, seq: Option<u32>, len: u32) -> bool {
        let Some(seq) = seq else { return true };
        let end = seq.wrapping_add(len);
        let new = !self.numbered || end.wrapping_sub(self.next).wrapping_sub(1) < u32::MAX / 2;
        if new {
            (self.next, self.numbered) = (end, true);
        }
        new
    }

    fn write(&mut self, len: u32) {
        if len == HEAD {
            match &mut self.heads {
                Some(heads) => heads.at(self.bytes),
                none => *none = Some(Box::new(Heads::first(self.bytes))),
            }
        }
        self.bytes = self.bytes.saturating_add(len);
        if let Ok(len @ 1..1_200) = u16::try_from(len) {
            self.small += 1;
            if let Some(requests) = requests_in(len) {
                self.sums += 1;
                self.asked += u32::from(requests);
            }
            self.haves += u16::from(len <= 3 * HAVE && len.is_multiple_of(HAVE));
            if len.is_multiple_of(REQUEST) {
                self.requests += 1;
                self.divisor = gcd(self.divisor, len);
            }
        }
    }

    /// Whether this side asks and the other delivers as the peer wire does.
    fn asks_of(&self, delivers: &Self) -> bool {
        self.requests >= FIT_MIN
            // A protocol with one fixed length of request has another divisor, or is no multiple at all.
            && self.divisor == REQUEST
            && u32::from(self.sums) * 100 >= u32::from(self.small) * FIT_PERCENT
            // Haves go to every peer, however little is asked of it.
            && self.requests * 2 >= self.small.saturating_sub(self.haves)
            && delivers.bytes >= BLOCK * 4
            // A request of 17 bytes brings a block of 16,397: the flow is lopsided by hundreds.
            && delivers.bytes / self.bytes.max(1) >= 100
    }

    /// Whether the other side delivered a block for each request. Requests under way at the beginning and at the end of
    /// what was seen cancel out; the slack is for the rest.
    fn is_paired_with(&self, delivers: &Self) -> bool {
        let due = u64::from(self.asked) * u64::from(BLOCK);
        let slack = due * PAIR_SLACK_PERCENT / 100;
        self.asked >= PAIRS_MIN && u64::from(delivers.bytes).abs_diff(due) <= slack
    }
}

impl Heads {
    /// The first begins after this many bytes.
    const fn first(place: u32) -> Self {
        Self { last: place, fits: 0, misfits: 0, bits: 0, first: None, varied: false }
    }

    /// A further one begins after this many bytes.
    fn at(&mut self, place: u32) {
        let last = std::mem::replace(&mut self.last, place);
        let distance = u64::from(place.saturating_sub(last));
        let blocks = distance / u64::from(BLOCK);
        let small = distance % u64::from(BLOCK);
        let most = blocks * u64::from(SMALL_PER_BLOCK);
        if blocks > 0 && small <= most {
            self.fits += 1;
            let (of, first) = *self.first.get_or_insert((blocks, small));
            // Blocks of another fixed length leave the same remainder each; requests may, if there is one for each.
            self.varied |= small * of != first * blocks || small == blocks * u64::from(REQUEST);
            // A chance distance would leave any remainder.
            self.bits += (u64::from(BLOCK) / (most + 1)).checked_ilog2().unwrap_or(0);
        } else {
            self.misfits += 1;
        }
    }

    fn bits(&self) -> u32 {
        if self.varied && self.misfits * 4 <= self.fits { self.bits } else { 0 }
    }
}

/// How many requests a write of this length holds, when it can be requests (17) with a few haves (9) and one-byte
/// messages (5): the reading with the fewest of the latter.
fn requests_in(len: u16) -> Option<u16> {
    (0..=3u16)
        .flat_map(|nines| (0..=2u16).map(move |fives| nines * 9 + fives * 5))
        .filter_map(|others| len.checked_sub(others).filter(|rest| rest.is_multiple_of(REQUEST)))
        .max()
        .map(|rest| rest / REQUEST)
}

const fn gcd(mut a: u16, mut b: u16) -> u16 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{FromOriginator as A, FromResponder as B};

    /// A download: `requests` writes of whole requests, each answered by `per` bytes a request.
    fn download(asked: impl Fn(u32) -> u32, per: u32) -> Verdict {
        let mut lengths = Lengths::default();
        for i in 0..40 {
            let len = asked(i);
            lengths.write(A, None, len);
            let mut left = len.div_ceil(REQUEST.into()) * per;
            while left > 0 {
                let n = left.min(1_448);
                lengths.write(B, None, n);
                left -= n;
            }
        }
        lengths.verdict()
    }

    #[test]
    fn requests_answered_by_blocks_fit_and_pair() {
        let verdict = download(|i| 17 * (1 + i % 3), BLOCK);
        assert_eq!(verdict, Verdict { fit: true, paired: true, asks: Some(A) });
        let with_haves = download(|i| 17 * (1 + i % 3) + if i % 5 == 0 { 9 } else { 0 }, BLOCK);
        assert!(with_haves.fit && with_haves.paired);
    }

    #[test]
    fn haves_alone_do_not_hide_the_requests() {
        // A client that downloads from many tells each of every piece.
        let mut lengths = Lengths::default();
        for i in 0..40u32 {
            let asks = 17 * (1 + i % 3);
            for len in [asks, 9, 9, 18] {
                lengths.write(A, None, len);
            }
            (0..12 * (1 + i % 3)).for_each(|_| lengths.write(B, None, BLOCK / 12));
        }
        assert!(lengths.verdict().fit);
    }

    #[test]
    fn requests_answered_by_other_amounts_do_not_pair() {
        // Half a block each, as block storage with pages of 8 KiB would.
        assert!(!download(|i| 17 * (1 + i % 3), 8_192).paired);
        assert!(!download(|i| 17 * (1 + i % 3), 32_768).paired);
    }

    #[test]
    fn requests_of_one_fixed_length_are_another_protocol() {
        // SFTP's reads are 68 bytes as SSH packets, four times seventeen.
        for len in [34, 68, 136, 48, 28] {
            assert!(!download(|_| len, BLOCK).fit, "{len}");
        }
        assert!(!download(|i| 80 + i * 7, BLOCK).fit, "a web transfer");
    }

    /// Both sides upload: blocks with small messages between them, cut into segments, with a head now and then.
    fn exchange(block: u32, head: u32, small: u32) -> Verdict {
        let mut lengths = Lengths::default();
        for i in 0..10u32 {
            for from in [A, B] {
                lengths.write(from, None, head);
                let mut left = block - head + 4 * block + 5 * small + (i % 3) * small.min(9);
                while left > 0 {
                    let n = left.min(1_448);
                    lengths.write(from, None, n);
                    left -= n;
                }
            }
        }
        lengths.verdict()
    }

    #[test]
    fn heads_of_blocks_in_both_directions_fit() {
        assert_eq!(exchange(BLOCK, HEAD, REQUEST.into()), Verdict { fit: true, paired: true, asks: None });
    }

    #[test]
    fn other_blocks_with_heads_of_thirteen_bytes_do_not() {
        for block in [8_192, 8_192 + 13, 16_384, 16_384 + 16, 32_768 - 13, 65_536] {
            assert!(!exchange(block, HEAD, 0).fit, "{block}");
        }
        assert!(!exchange(BLOCK, 9, REQUEST.into()).fit, "HTTP/2 frames have heads of nine bytes");
    }

    #[test]
    fn a_repeated_segment_counts_once() {
        let mut side = Side::default();
        assert!(side.is_new(Some(u32::MAX - 5), 17));
        assert!(!side.is_new(Some(u32::MAX - 5), 17));
        assert!(side.is_new(Some(11), 17));
        assert!(!side.is_new(Some(u32::MAX - 5), 17));
    }

    #[test]
    fn sums_are_read_with_the_fewest_small_messages() {
        for (len, requests) in [(17, 1), (51, 3), (60, 3), (43, 2), (9, 0), (5, 0), (26, 1)] {
            assert_eq!(requests_in(len), Some(requests), "{len}");
        }
        assert_eq!(requests_in(25), None);
    }
}
