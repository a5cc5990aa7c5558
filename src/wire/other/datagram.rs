//! Signatures of whole UDP datagrams.

use super::{Guess, OtherProtocol, Ports, certain_if, maybe_if};
use crate::wire::fields::Fields;
use sha3::{Digest, Keccak256};

type Test = fn(&[u8], Ports) -> Guess;

/// Strong signatures stand before weak ones.
pub(super) const SIGNATURES: &[(OtherProtocol, Test)] = &[
    (OtherProtocol::Syncthing, |b, _| certain_if(b.starts_with(b"\x2e\xa7\xd9\x0b\x0a"))),
    (OtherProtocol::Resilio, |b, _| certain_if(b.starts_with(b"BSYNC\0"))),
    (OtherProtocol::Steam, steam),
    (OtherProtocol::LbryDht, lbry),
    (OtherProtocol::EthereumDiscovery, ethereum_discovery),
    (OtherProtocol::Kad, kad),
    (OtherProtocol::Gnutella, gnutella2),
    (OtherProtocol::DirectConnect, |b, _| maybe_if(b.starts_with(b"$SR ") || b.starts_with(b"URES "))),
    (OtherProtocol::Pando, |b, _| maybe_if(b.starts_with(b"UDPA") || b.starts_with(b"UDPR"))),
    (OtherProtocol::VuzeDht, vuze_dht),
    (OtherProtocol::Xunlei, xunlei),
];

/// A look at a few bytes that every signature above passes; nearly all other datagrams do not.
#[inline]
pub(super) fn may_be(bytes: &[u8]) -> bool {
    match bytes {
        [0x2e, 0xa7, ..]
        | [b'B', b'S', ..]
        | [0xff, 0xff, 0xff, 0xff, ..]
        | [b'd', b'i', ..]
        | [0xe4 | 0xe5, ..] => true,
        [b'G', b'N', ..] | [b'$', b'S', ..] | [b'U', b'R' | b'D', ..] | [_, _, b's', b'd', b'p', ..] => true,
        // Vuze's request has its action at the third word, the reply at the first.
        [0x80..=0xff, _, _, _, _, _, _, _, 0, 0, 4, _, ..]
        | [0, 0, 4, 1..=15, _, _, _, _, 0x80..=0xff, ..] => true,
        [0x32..=0x3b, 0, 0, 0, ..] => true,
        // Ethereum's type and list follow hash and signature.
        _ => matches!(bytes.get(97..99), Some([1..=6, 0xc0..=0xff])),
    }
}

/// In-home streaming discovery, on a port of its own; and the pings of Steam's relays.
fn steam(bytes: &[u8], ports: Ports) -> Guess {
    let discovery = bytes.starts_with(b"\xff\xff\xff\xff\x21\x4c\x5f\xa0");
    if discovery && ports.has(27_036) {
        return Guess::Certain;
    }
    maybe_if(discovery || bytes.get(2..8) == Some(b"sdping"))
}

/// Bencode with integer keys: 0 = type, 1 = message id, 2 = node id of 48 bytes.
fn lbry(bytes: &[u8], _: Ports) -> Guess {
    let [b'd', b'i', b'0', b'e', b'i', b'0'..=b'2', b'e', rest @ ..] = bytes else { return Guess::No };
    let node_id = rest.strip_prefix(b"i1e20:").and_then(|r| r.get(20..));
    if node_id.is_some_and(|r| r.starts_with(b"i2e48:")) { Guess::Certain } else { Guess::Maybe }
}

/// Hash, signature, type, RLP list. The hash covers everything after it.
fn ethereum_discovery(bytes: &[u8], _: Ports) -> Guess {
    let Some((hash, signed)) = bytes.split_first_chunk::<32>() else { return Guess::No };
    // Cheap tests first: hashing every datagram would be a gift to whoever floods us.
    let (kind, list) = (signed.get(65), signed.get(66));
    if bytes.len() > 1280 || !matches!((kind, list), (Some(1..=6), Some(0xc0..))) {
        return Guess::No;
    }
    certain_if(
        begins_as_its_kind(signed.get(65..).unwrap_or_default())
            && Keccak256::digest(signed).as_slice() == hash,
    )
}

/// Whether the list begins with what a packet of this type has first (discv4: Ping, Pong, FindNode, Neighbors, ENRRequest,
/// ENRResponse). One in 170 datagrams of cipher text comes as far as this, and a hash takes as long as thirty of them: to
/// look once more is 3 % of the instructions of a mixed trace.
fn begins_as_its_kind(typed: &[u8]) -> bool {
    let (kind, list) = match *typed {
        // RLP: the length of a short list is in its first byte; that of a long one in one to eight bytes after it.
        [kind, 0xc0..=0xf7, ref list @ ..] => (kind, list),
        [kind, long @ 0xf8..=0xff, ref rest @ ..] => {
            (kind, rest.get(usize::from(long - 0xf7)..).unwrap_or_default())
        }
        _ => return false,
    };
    match (kind, list.first()) {
        // A version, which is a small number; an expiration time.
        (1, Some(0..=0x7f)) | (5, Some(0..=0x88)) => true,
        // An endpoint, and a list of nodes.
        (2 | 4, Some(0xc0..)) => true,
        // A key of 64 bytes, a hash of 32.
        (3, Some(0xb8)) | (6, Some(0xa0)) => true,
        _ => false,
    }
}

/// Protocol byte and opcode; several opcodes have one size only.
fn kad(bytes: &[u8], _: Ports) -> Guess {
    let Some((&[protocol, opcode], rest)) = bytes.split_first_chunk::<2>() else { return Guess::No };
    let fits = match (protocol, opcode) {
        (0xe4, 0x01 | 0x60) => rest.is_empty(),
        (0xe4, 0x00 | 0x10 | 0x18) => rest.len() == 25,
        (0xe4, 0x61) => rest.len() == 2,
        (0xe4, 0x20 | 0x21) => rest.len() == 33,
        (0xe4 | 0xe5, 0x09 | 0x11 | 0x19 | 0x28 | 0x29) => rest.len() >= 16,
        (0xe4 | 0xe5, 0x33..=0x35 | 0x3b | 0x43..=0x45 | 0x4b) => rest.len() >= 16,
        _ => false,
    };
    maybe_if(fits)
}

/// `GND`, flags, sequence u16, part, count (0 in an acknowledgement).
fn gnutella2(bytes: &[u8], _: Ports) -> Guess {
    let [b'G', b'N', b'D', flags, _, _, part, count, ..] = *bytes else { return Guess::No };
    maybe_if(flags & 0xf4 == 0 && part > 0 && (count == 0 || part <= count))
}

/// Request: connection id with the top bit set, even action 1024 to 1036, transaction. Reply: odd action up to 1039
/// (or 1032, error), transaction, connection id.
fn vuze_dht(bytes: &[u8], _: Ports) -> Guess {
    let mut f = Fields(bytes);
    let (Ok(first), Ok(_), Ok(third), Ok(_)) = (f.u32(), f.u32(), f.u32(), f.u32()) else {
        return Guess::No;
    };
    let top = 1 << 31;
    let request = first & top != 0 && (1024..=1036).contains(&third) && third % 2 == 0 && bytes.len() >= 42;
    let reply = third & top != 0 && (first == 1032 || (1025..=1039).contains(&first) && first % 2 == 1);
    maybe_if(request || reply)
}

/// Little-endian version 0x32 to 0x3b: next to nothing, so well-known ports are left out.
fn xunlei(bytes: &[u8], Ports(sport, dport): Ports) -> Guess {
    let [0x32..=0x3b, 0, 0, 0, _, _, _, _, _, ..] = bytes else { return Guess::No };
    maybe_if(sport >= 1024 && dport >= 1024)
}
