//! The Bloom filters of DHT scrapes (BEP 33).

use crate::base::{Address, ScrapeFilter, scrape_estimate};
use sha1::{Digest, Sha1};

/// 2,048 bits, two of them set by each address: `BFsd` holds a torrent's seeds, `BFpe` its other peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BloomFilter<'a>(pub &'a ScrapeFilter);

impl<'a> BloomFilter<'a> {
    /// `None` unless 256 bytes.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// How many addresses the filter is likely to hold; see [`scrape_estimate`].
    #[must_use]
    pub fn estimate(&self) -> f64 {
        scrape_estimate(self.0)
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
    use crate::base::hex;

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
    }

    /// The BEP's own example: its addresses, its filter, its estimate.
    #[test]
    fn the_example_of_the_bep_is_made_and_read() {
        let v4 = (0..=255).map(|n| Address::v4([192, 0, 2, n]));
        let v6 = (0..1_000u16).map(|n| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
            bytes[14..].copy_from_slice(&n.to_be_bytes());
            Address::v6(bytes)
        });
        let mut filter = [0; 256];
        for bit in v4.chain(v6).flat_map(|address| bits(&address)) {
            filter[bit / 8] |= 1 << (bit % 8);
        }
        assert_eq!(hex(&filter), EXAMPLE);
        assert!((BloomFilter(&filter).estimate() - 1_224.930_8).abs() < 0.000_1);
    }

    const EXAMPLE: &str = "f6c3f5eaa07ffd91bde89f777f26fb2bff37bdb8fb2bbaa2fd3ddde7bacfff75\
ee7ccbaefe5eedb1fbfaff67f6abff5e43ddbca3fd9b9ffdf4ffd3e9dff12d1b\
df59db53dbe9fa5b7ff3b8fdfcde1afb8bedd7be2f3ee71ebbbfe93bcdeefe14\
8246c2bc5dbff7e7efdcf24fd8dc7adffd8fffdfddfff7a4bbeedf5cb95ce81f\
c7fcff1ff4ffffdfe5f7fdcbb7fd79b3fa1fc77bfe07fff905b7b7ffc7fefeff\
e0b8370bb0cd3f5b7f2bd93feb4386cfdd6f7fd5bfaf2e9ebffffeecd67adbf7\
c67f17efd5d75eba6ffeba7fff47a91eb1bfbb53e8abfb5762abe8ff237279bf\
efbfeef5ffc5febfdfe5adffadfee1fb737ffffbfd9f6aeffeee76b6fd8f72ef";
}
