//! The Bloom filters of DHT scrapes (BEP 33).

use crate::base::Address;
use sha1::{Digest, Sha1};

/// 2,048 bits, two of them set by each address: `BFsd` holds a torrent's seeds, `BFpe` its other peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BloomFilter<'a>(pub &'a [u8; 256]);

impl<'a> BloomFilter<'a> {
    /// `None` unless 256 bytes.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// How many addresses the filter is likely to hold: 0 when empty, about 6,000 when almost full. A filter with all bits
    /// set counts as one with a single zero bit.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        const BITS: f64 = 2048.0;
        let zeros = self.0.iter().map(|byte| byte.count_zeros()).sum::<u32>();
        if zeros == 2048 {
            return 0.0;
        }
        (f64::from(zeros.max(1)) / BITS).ln() / (2.0 * (1.0 - 1.0 / BITS).ln())
    }

    /// Whether the address may be in it: always when it is, with the chance of both bits set by others when it is not.
    #[must_use]
    pub fn may_contain(&self, address: &Address) -> bool {
        bits(address)
            .into_iter()
            .all(|bit| self.0.get(bit / 8).is_some_and(|byte| byte & 1 << (bit % 8) != 0))
    }
}

/// Which two bits an address sets.
fn bits(address: &Address) -> [usize; 2] {
    let hash = match address.as_v4() {
        Some(v4) => Sha1::digest(v4),
        None => Sha1::digest(address.0),
    };
    let [a, b, c, d, ..] = <[u8; 20]>::from(hash);
    [[a, b], [c, d]].map(|pair| usize::from(u16::from_le_bytes(pair)) % 2048)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_where_it_was_put() {
        let address = |n: u8| Address::v4([192, 0, 2, n]);
        let mut filter = [0; 256];
        assert_eq!(BloomFilter(&filter).estimate().to_bits(), 0f64.to_bits());
        for n in 0..100 {
            for bit in bits(&address(n)) {
                filter[bit / 8] |= 1 << (bit % 8);
            }
        }
        assert!((0..100).all(|n| BloomFilter(&filter).may_contain(&address(n))));
        assert!((100..=255).filter(|&n| BloomFilter(&filter).may_contain(&address(n))).count() < 20);
        assert!((85.0..115.0).contains(&BloomFilter(&filter).estimate()));
        assert!(BloomFilter(&[0xff; 256]).estimate().is_finite());
    }
}
