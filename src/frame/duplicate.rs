//! Recognises packets that a span port shows twice: the two directions of a routed flow, or one frame in two VLANs.
//!
//! The copies of a routed packet differ in TTL, MAC addresses, VLAN and IPv4 header checksum, and in nothing else.
//! A TCP retransmission, which must not be taken for a copy, has an IPv4 identification of its own.

use super::Segment;
use super::ip::Ip;
use super::transport::Parcel;
use super::view::View;
use crate::base::{HashKey, Timestamp};
use std::time::Duration;

/// Copies of one packet follow each other within this time.
const WINDOW: Duration = Duration::from_millis(10);
/// No sender retransmits a TCP segment within this time, so an identical one is a copy even without an IPv4 id.
const TCP_WINDOW: Duration = Duration::from_millis(1);
/// How many recent packets are remembered; a power of two.
const SLOTS: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct Seen {
    digest: u64,
    at: Timestamp,
    variation: u64,
}

/// When two packets of the same digest are one packet seen twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// A usable IPv4 identification: always.
    Identified,
    /// A TCP segment with payload and no identification: when its way differs, or at once.
    Segment,
    /// No identification: only when TTL, VLAN or MAC addresses differ, since applications do send the same datagram twice.
    OtherWay,
}

/// A direct-mapped table of the packets seen last. One that comes between a packet and its copy and takes the same place, which
/// the secret decides, hides the copy: with a hundred in between in one run of ten.
#[derive(Debug)]
pub(super) struct Duplicates {
    table: Box<[Seen; SLOTS]>,
    keys: [u64; 8],
}

impl Duplicates {
    pub(super) fn new(key: &HashKey) -> Self {
        let mut keys = [0; 8];
        keys.iter_mut().zip(1u64..).for_each(|(k, n)| *k = key.mix(&[n]) | 1);
        // A digest that no packet has in its slot: slot and digest are taken from the same bits.
        let never = Seen { digest: 0, at: Timestamp::MIN, variation: 0 };
        Self { table: Box::new([never; SLOTS]), keys }
    }

    /// Whether this TCP segment or UDP datagram was seen before. `variation` covers TTL, VLAN tags and MAC addresses.
    #[inline(always)]
    pub(super) fn is_copy(&mut self, parcel: &Parcel<'_>, at: Timestamp, variation: u64) -> bool {
        let [k0, k1, k2, k3, k4, k5, k6, k7] = self.keys;
        let ip = &parcel.ip;
        let [s0, s1] = halves(ip.src.0);
        let [d0, d1] = halves(ip.dst.0);
        // Products of independent words, so that they overlap in the pipeline.
        let mut digest = fold(s1 ^ k0, d1 ^ k1)
            ^ fold(parcel.header[0] ^ k2, parcel.header[1] ^ k3).rotate_left(17)
            ^ fold(parcel.header[2] ^ u64::from(parcel.payload.wire) << 32 ^ k4, u64::from(ip.id) ^ k5)
                .rotate_left(34);
        if ip.six {
            digest ^= fold(s0 ^ k6, d0 ^ k7).rotate_left(51);
        }
        if !parcel.summed {
            digest ^= self.bytes(parcel.payload.bytes);
        }
        let rule = match parcel.segment {
            _ if ip.id != 0 && !ip.six => Rule::Identified,
            Segment::Tcp(_) if parcel.payload.wire > 0 => Rule::Segment,
            _ => Rule::OtherWay,
        };
        self.seen(fold(digest ^ k7, k6), at, variation, rule)
    }

    /// The same for what is not looked into, fragments and ICMP messages: `ip`, its place in the datagram and its bytes
    /// identify it.
    pub(super) fn is_opaque_copy(
        &mut self,
        ip: &Ip,
        place: u64,
        view: View<'_>,
        at: Timestamp,
        variation: u64,
        rule: Rule,
    ) -> bool {
        let ([s0, s1], [d0, d1]) = (halves(ip.src.0), halves(ip.dst.0));
        let words = [s0, s1, d0, d1, u64::from(ip.id) << 32 | u64::from(view.wire), place];
        let start = self.bytes(view.bytes);
        let [k0, k1, ..] = self.keys;
        let digest = words.iter().fold(start, |h, w| fold(h ^ w ^ k0, k1));
        self.seen(fold(digest, k0), at, variation, rule)
    }

    #[inline(always)]
    fn seen(&mut self, digest: u64, at: Timestamp, variation: u64, rule: Rule) -> bool {
        let Some(slot) = self.table.get_mut((digest >> 54) as usize) else { return false };
        if slot.digest == digest {
            let apart = if at >= slot.at { at.since(slot.at) } else { slot.at.since(at) };
            let copy = apart <= WINDOW
                && match rule {
                    Rule::Identified => true,
                    Rule::Segment => variation != slot.variation || apart <= TCP_WINDOW,
                    Rule::OtherWay => variation != slot.variation,
                };
            if copy {
                return true;
            }
        }
        *slot = Seen { digest, at, variation };
        false
    }

    fn bytes(&self, bytes: &[u8]) -> u64 {
        let [k0, k1, k2, ..] = self.keys;
        let (words, rest) = bytes.as_chunks::<8>();
        let mut tail = [0; 8];
        tail.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let start = fold(u64::from_le_bytes(tail) ^ k1, bytes.len() as u64 ^ k2);
        words.iter().fold(start, |h, w| fold(h ^ u64::from_le_bytes(*w) ^ k0, k1))
    }
}

#[inline]
fn halves(a: [u8; 16]) -> [u64; 2] {
    let wide = u128::from_le_bytes(a);
    [wide as u64, (wide >> 64) as u64]
}

#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let wide = (a as u128).wrapping_mul(b as u128);
    (wide as u64) ^ (wide >> 64) as u64
}
