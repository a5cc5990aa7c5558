//! Choices that two peers make alike without talking: canonical peer priority (BEP 40) and the allowed-fast set (BEP 6).
//!
//! Whoever knows the two addresses can compute them too, and so check what a peer claims.

use super::node_id::crc32c;
use crate::base::{Endpoint, InfoHash};
use sha1::{Digest, Sha1};

/// How eagerly two peers connect to each other (BEP 40); the same seen from both. Of two addresses of different families
/// the IPv4-mapped form is compared.
#[must_use]
pub fn peer_priority(a: Endpoint, b: Endpoint) -> u32 {
    if a.address == b.address {
        let (low, high) = (a.port.min(b.port), a.port.max(b.port));
        return checksum_of_pair(&low.to_be_bytes(), &high.to_be_bytes());
    }
    match (a.address.as_v4(), b.address.as_v4()) {
        (Some(a), Some(b)) => masked(a, b, 2),
        _ => masked(a.address.0, b.address.0, 6),
    }
}

/// Keeps whole the first bytes, at least `kept_min` and otherwise one more than both have in common (so /16 and /24, or
/// /48 and /56), and every second bit of the rest.
fn masked<const N: usize>(mut a: [u8; N], mut b: [u8; N], kept_min: usize) -> u32 {
    let common = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let kept = kept_min.max(common.saturating_add(1));
    for side in [&mut a, &mut b] {
        side.iter_mut().skip(kept).for_each(|byte| *byte &= 0x55);
    }
    checksum_of_pair(a.min(b).as_slice(), a.max(b).as_slice())
}

fn checksum_of_pair(low: &[u8], high: &[u8]) -> u32 {
    crc32c(&[low, high].concat())
}

/// Hash rounds after which [`allowed_fast`] gives up: only torrents with fewer pieces than a few times `count` come near.
const ROUNDS_MAX: u32 = 1024;

/// The pieces that a peer may ask for while choked (BEP 6), in the order of the algorithm; defined for IPv4 only. At most
/// `count` and at most as many as the torrent has.
#[must_use]
pub fn allowed_fast(address: [u8; 4], info_hash: &InfoHash, pieces: u32, count: u8) -> Vec<u32> {
    let mut set = Vec::with_capacity(usize::from(count));
    let wanted = usize::from(count).min(usize::try_from(pieces).unwrap_or(usize::MAX));
    let [a, b, c, _] = address;
    let mut hash: [u8; 20] =
        Sha1::new().chain_update([a, b, c, 0]).chain_update(info_hash.0).finalize().into();
    for _ in 0..ROUNDS_MAX {
        for word in hash.chunks_exact(4) {
            if set.len() >= wanted {
                return set;
            }
            let number = word.try_into().map(u32::from_be_bytes).unwrap_or_default();
            let Some(index) = number.checked_rem(pieces) else { return set };
            if !set.contains(&index) {
                set.push(index);
            }
        }
        hash = Sha1::digest(hash).into();
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_is_the_same_from_both_sides() {
        for (a, b) in [
            ("192.0.2.1:1", "192.0.2.1:2"),
            ("192.0.2.1:1", "192.0.3.1:2"),
            ("[2001:db8::1]:1", "[2001:db8:0:100::1]:1"),
            ("[2001:db8::1]:1", "192.0.2.1:1"),
        ] {
            let (a, b) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(peer_priority(a, b), peer_priority(b, a));
        }
    }

    #[test]
    fn the_set_never_exceeds_the_torrent() {
        let hash = InfoHash([7; 20]);
        assert!(allowed_fast([192, 0, 2, 1], &hash, 0, 10).is_empty());
        assert_eq!(allowed_fast([192, 0, 2, 1], &hash, 1, 10), [0]);
        let mut all = allowed_fast([192, 0, 2, 1], &hash, 10, 10);
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }
}
