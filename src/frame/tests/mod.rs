//! The room as a whole, over built packets.

mod copies;
mod fragments;
mod hostile;
mod layers;

use super::*;
use crate::capture::{LinkType, RawPacket};
use std::time::Duration;

pub(super) const PAYLOAD: &[u8] = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";

pub(super) fn ends(six: bool) -> (Endpoint, Endpoint) {
    let (a, b) = if six {
        ("[2001:db8::5]:40754", "[2001:db8:1::7]:6881")
    } else {
        ("10.0.0.5:40754", "203.0.113.7:6881")
    };
    (a.parse().unwrap(), b.parse().unwrap())
}

pub(super) fn udp(six: bool) -> Vec<u8> {
    build::udp(ends(six).0, ends(six).1, PAYLOAD)
}

pub(super) fn tcp(six: bool) -> Vec<u8> {
    let header = Tcp { seq: 0x0102_0304, ack: 9, flags: Tcp::ACK | Tcp::URG, urgent: 3 };
    build::tcp(ends(six).0, ends(six).1, header, PAYLOAD)
}

pub(super) fn decoder() -> Decoder {
    Decoder::new(DecoderOptions { suppress_duplicates: true, key: HashKey::fixed(3, 5) })
}

/// What became of one packet, with nothing borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Frame {
        src: Endpoint,
        dst: Endpoint,
        segment: Segment,
        payload: Vec<u8>,
        payload_len: u32,
        wire_len: u32,
        path: Path,
    },
    Unreachable(Unreachable),
    Held,
    Duplicate,
    Skip(Skip),
}

pub(super) fn see(decoder: &mut Decoder, packet: &RawPacket<'_>) -> Seen {
    let seen = match decoder.decode(packet, 1) {
        Decoded::Held => Err(Seen::Held),
        Decoded::Duplicate => Err(Seen::Duplicate),
        Decoded::Skip(skip) => Err(Seen::Skip(skip)),
        Decoded::Unreachable(u) => Err(Seen::Unreachable(u)),
        Decoded::Frame(f) => {
            assert!(f.payload_len as usize >= f.payload.len());
            Ok((f.src, f.dst, f.segment, f.payload.to_vec(), f.payload_len, f.wire_len, f.path))
        }
    };
    match seen {
        Err(seen) => seen,
        Ok((src, dst, segment, payload, payload_len, wire_len, path)) => {
            let path = decoder.paths().get(path).unwrap().clone();
            Seen::Frame { src, dst, segment, payload, payload_len, wire_len, path }
        }
    }
}

/// What a fresh decoder makes of a whole packet.
pub(super) fn see_one(link: LinkType, bytes: &[u8]) -> Seen {
    see(&mut decoder(), &build::raw(Timestamp(0), link, bytes))
}

/// The path of a packet that must come out as the datagram of [`udp`] or the segment of [`tcp`].
#[track_caller]
pub(super) fn path_of(link: LinkType, bytes: &[u8]) -> Path {
    match see_one(link, bytes) {
        Seen::Frame { src, dst, payload, payload_len, wire_len, path, .. } => {
            assert_eq!((src, dst), ends(!src.address.is_v4()));
            assert_eq!((payload.as_slice(), payload_len as usize), (PAYLOAD, PAYLOAD.len()));
            assert_eq!(wire_len as usize, bytes.len());
            path
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn millis(n: u64) -> Timestamp {
    Timestamp::from_secs(1_000) + Duration::from_millis(n)
}

#[test]
fn the_pair_of_hosts_decides_the_worker() {
    let key = HashKey::random();
    let frame = |src: &str, dst: &str| Frame {
        at: Timestamp(0),
        number: 1,
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
        segment: Segment::Udp,
        payload: &[],
        payload_len: 0,
        wire_len: 60,
        path: PathId(0),
    };
    let mut used = std::collections::BTreeSet::new();
    for n in 0..64 {
        let there = shard(&frame(&format!("10.0.0.{n}:1"), "[2001:db8::1]:6881"), 3, &key);
        assert_eq!(there, shard(&frame("[2001:db8::1]:9", &format!("10.0.0.{n}:77")), 3, &key));
        assert_eq!(shard(&frame("10.0.0.1:1", "10.0.0.2:2"), 1, &key), 0);
        used.insert(there);
    }
    assert_eq!(used, (0..3).collect());
}

#[test]
fn unsupported_link_types_are_counted_and_named() {
    let mut decoder = decoder();
    for n in 0..100u16 {
        let packet = build::raw(Timestamp(0), LinkType(127 + n % 2 * n), &[1, 2, 3]);
        see(&mut decoder, &packet);
    }
    assert!(decoder.unsupported()[&LinkType(127)] >= 50);
    assert_eq!(link_name(LinkType(127)), Some("IEEE802_11_RADIOTAP"));
    for n in 1000..1100 {
        assert_eq!(
            see(&mut decoder, &build::raw(Timestamp(0), LinkType(n), &[])),
            Seen::Skip(Skip::UnsupportedLinktype)
        );
    }
    assert_eq!(decoder.unsupported().len(), 64);
    let counted: u64 = decoder.unsupported().values().sum();
    assert_eq!(counted + decoder.counters().unsupported_other + supported_among(), 200);
}

/// How many of the link types 127 to 226 in the test above are supported.
fn supported_among() -> u64 {
    (0..100u16).filter(|n| matches!(127 + n % 2 * n, 228 | 229)).count() as u64
}
