//! DHT node ids: how near two are (BEP 5), and whether one belongs to its address (BEP 42).

use crate::base::{Address, NodeId};

/// How many leading bits two ids have in common, 0 to 160.
#[must_use]
pub fn shared_prefix(a: &[u8; 20], b: &[u8; 20]) -> u32 {
    let mut bits = 0;
    for (x, y) in a.iter().zip(b) {
        let differing = x ^ y;
        bits += differing.leading_zeros();
        if differing != 0 {
            break;
        }
    }
    bits
}

/// Whether the id is one that BEP 42 allows for a node at this address. Many clients ignore BEP 42 and NAT changes
/// addresses: a mismatch proves no malice. Addresses that are not global are exempt: any id passes.
#[must_use]
pub fn is_valid_for(id: &NodeId, address: &Address) -> bool {
    if is_exempt(address) {
        return true;
    }
    let [a, b, c, .., random] = id.0;
    let [x, y, z, _] = prefix_checksum(address, random).to_be_bytes();
    // The first 21 bits. The prose of BEP 42 disagrees with its test vectors about the third byte; these have 0xf8.
    (a, b, c & 0xf8) == (x, y, z & 0xf8)
}

/// The CRC-32C whose first 21 bits an id must share, for the id's last byte.
#[must_use]
pub fn prefix_checksum(address: &Address, random: u8) -> u32 {
    const MASK_V4: [u8; 4] = [0x03, 0x0f, 0x3f, 0xff];
    const MASK_V6: [u8; 8] = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff];
    fn masked<const N: usize>(bytes: &[u8], mask: [u8; N], random: u8) -> u32 {
        let mut out = mask;
        for (to, from) in out.iter_mut().zip(bytes) {
            *to &= from;
        }
        if let Some(first) = out.first_mut() {
            *first |= (random & 7) << 5;
        }
        crc32c(&out)
    }
    match address.as_v4() {
        Some(v4) => masked(&v4, MASK_V4, random),
        None => masked(&address.0, MASK_V6, random),
    }
}

/// Private, link-local and loopback addresses.
#[must_use]
pub fn is_exempt(address: &Address) -> bool {
    match address.to_ip() {
        std::net::IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
        std::net::IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

/// CRC-32C, Castagnoli (RFC 3720 appendix B.4).
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        let [low, ..] = crc.to_le_bytes();
        // The table has an entry for every byte.
        crc >> 8 ^ TABLE.get(usize::from(low ^ byte)).copied().unwrap_or_default()
    })
}

#[allow(clippy::indexing_slicing)] // evaluated by the compiler, which would refuse an index out of bounds
static TABLE: [u32; 256] = {
    const REVERSED_POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ REVERSED_POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn shared_bits_are_counted_from_the_left() {
        let mut b = [0; 20];
        assert_eq!(shared_prefix(&[0; 20], &b), 160);
        b[19] = 1;
        assert_eq!(shared_prefix(&[0; 20], &b), 159);
        b[1] = 0x10;
        assert_eq!(shared_prefix(&[0; 20], &b), 11);
        b[0] = 0x80;
        assert_eq!(shared_prefix(&[0; 20], &b), 0);
    }

    #[test]
    fn addresses_that_are_not_global_are_exempt() {
        for text in ["10.1.2.3", "127.0.0.1", "169.254.1.1", "fe80::1", "fd00::1", "::1"] {
            assert!(is_valid_for(&NodeId([0xaa; 20]), &text.parse().unwrap()), "{text}");
        }
    }
}
