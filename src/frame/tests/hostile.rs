//! Cut, padded, contradictory and random packets.

use super::layers::wraps;
use super::*;
use proptest::prelude::*;

const ETH: LinkType = LinkType::ETHERNET;

#[test]
fn every_prefix_of_everything_is_truncated_or_a_frame() {
    for ip in [udp(false), tcp(false), udp(true), tcp(true)] {
        for (name, link, bytes, _) in wraps(&ip) {
            for cut in 0..bytes.len() {
                let data = &bytes[..cut];
                let mut packet = build::raw(Timestamp(0), link, data);
                see(&mut decoder(), &packet);
                packet.wire_len = bytes.len() as u32;
                match see(&mut decoder(), &packet) {
                    Seen::Skip(Skip::TruncatedLink | Skip::TruncatedIp | Skip::TruncatedTransport) => {}
                    Seen::Frame { payload, payload_len, src, .. } => {
                        // A tunnel in UDP that was cut before its packet began is a datagram.
                        if src == ends(false).0 || src == ends(true).0 {
                            assert!(PAYLOAD.starts_with(&payload), "{name} {cut}");
                            assert_eq!(payload_len as usize, PAYLOAD.len(), "{name} {cut}");
                        }
                    }
                    // Without the EtherType of the inner frame nothing tells a pseudowire.
                    Seen::Skip(Skip::NotIp | Skip::BadHeader) if name.contains("mpls") => {}
                    other => panic!("{name} {cut}: {other:?}"),
                }
            }
        }
    }
}

/// Payload and its length on the wire.
fn payload_of(bytes: &[u8], wire_len: usize) -> (Vec<u8>, u32) {
    let mut packet = build::packet(Timestamp(0), bytes);
    packet.wire_len = wire_len as u32;
    match see(&mut decoder(), &packet) {
        Seen::Frame { payload, payload_len, .. } => (payload, payload_len),
        other => panic!("{other:?}"),
    }
}

#[test]
fn padding_is_not_payload_and_offload_lengths_are_the_packets() {
    for ip in [udp(false), tcp(false), udp(true), tcp(true)] {
        let six = ip[0] >> 4 == 6;
        let padded = [build::ethernet(&ip), vec![0xee; 30]].concat();
        assert_eq!(payload_of(&padded, padded.len()), (PAYLOAD.to_vec(), PAYLOAD.len() as u32));
        let mut zero = build::ethernet(&ip);
        let field = 14 + if six { 4 } else { 2 };
        zero[field..field + 2].fill(0);
        assert_eq!(payload_of(&zero, zero.len()), (PAYLOAD.to_vec(), PAYLOAD.len() as u32));
    }
    let (a, b) = ends(false);
    let huge = vec![7; 70_000];
    let bytes = build::ethernet(&build::tcp(a, b, Tcp::default(), &huge));
    assert_eq!(payload_of(&bytes, bytes.len()), (huge, 70_000));
    let empty = [build::ethernet(&build::tcp(a, b, Tcp::default(), &[])), vec![0; 6]].concat();
    assert_eq!(payload_of(&empty, 60), (vec![], 0));
}

#[test]
fn a_snap_length_is_told_from_a_lying_header() {
    for ip in [udp(false), tcp(false), udp(true), tcp(true)] {
        let bytes = build::ethernet(&ip);
        let kept = bytes.len() - 10;
        let start = PAYLOAD[..PAYLOAD.len() - 10].to_vec();
        assert_eq!(payload_of(&bytes[..kept], bytes.len()), (start.clone(), PAYLOAD.len() as u32));
        assert_eq!(payload_of(&bytes[..kept], kept), (start.clone(), start.len() as u32));
        let mut decoder = decoder();
        see(&mut decoder, &build::packet(Timestamp(0), &bytes[..kept]));
        assert_eq!(decoder.counters().ip_longer_than_wire, 1);
    }
}

#[test]
fn contradictory_transport_headers_are_bad() {
    let bad = Seen::Skip(Skip::BadHeader);
    let change = |ip: Vec<u8>, at: usize, value: u8| {
        let mut bytes = build::ethernet(&ip);
        bytes[at] = value;
        see_one(ETH, &bytes)
    };
    assert_eq!(change(tcp(false), 14 + 32, 0x40), bad, "data offset below 5");
    let (a, b) = ends(false);
    assert_eq!(change(build::tcp(a, b, Tcp::default(), b"x"), 14 + 32, 0xf0), bad, "beyond the segment");
    assert_eq!(change(udp(false), 14 + 25, 7), bad, "UDP length below 8");
    assert_eq!(change(udp(false), 14, 0x44), bad, "IPv4 header length below 5");
    assert!(matches!(change(udp(false), 14 + 25, 0), Seen::Frame { .. }), "UDP length 0");
    let Seen::Frame { payload, .. } = change(udp(false), 14 + 25, 8 + 4) else { panic!() };
    assert_eq!(payload, PAYLOAD[..4], "UDP length below that of IP");
    let mut short = build::ip(a.address, b.address, 6, &[0; 19]);
    short.extend([0; 30]);
    assert_eq!(see_one(ETH, &build::ethernet(&short)), bad);
    let sctp = build::ip(a.address, b.address, 132, &[0; 40]);
    assert_eq!(see_one(ETH, &build::ethernet(&sctp)), Seen::Skip(Skip::NotTcpOrUdp));
    assert_eq!(see_one(ETH, &build::ether(0x0806, &[0; 46])), Seen::Skip(Skip::NotIp));
    // Cut options hide the payload but not what is known of the segment.
    let mut bytes = build::ethernet(&tcp(false));
    bytes[14 + 32] = 0x80;
    assert_eq!(payload_of(&bytes[..14 + 44], bytes.len()), (vec![], PAYLOAD.len() as u32 - 12));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, link in 0u16..300, wire_len: u32) {
        let mut decoder = decoder();
        let mut packet = build::raw(Timestamp(0), LinkType(link), &bytes);
        see(&mut decoder, &packet);
        packet.wire_len = wire_len;
        see(&mut decoder, &packet);
    }

    #[test]
    fn mutated_packets_never_panic(
        six: bool, which: usize, stream: bool, cut: usize,
        flips in prop::collection::vec((any::<usize>(), any::<u8>()), 0..8), wire_len in 0u32..3000,
    ) {
        let ip = if stream { tcp(six) } else { udp(six) };
        let all = wraps(&ip);
        let (_, link, mut bytes, _) = all[which % all.len()].clone();
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut % 8);
        let mut decoder = decoder();
        let mut packet = build::raw(Timestamp(0), link, &bytes);
        see(&mut decoder, &packet);
        packet.wire_len = wire_len;
        see(&mut decoder, &packet);
    }

    #[test]
    fn mutated_fragments_never_panic(
        six: bool, parts in prop::collection::vec((0usize..4, any::<usize>(), any::<u8>(), any::<bool>()), 1..80),
    ) {
        let fragments = build::fragments(&build::udp(ends(six).0, ends(six).1, &[3; 100]), 32, 1);
        let mut decoder = decoder();
        for (n, (which, at, value, mutate)) in parts.into_iter().enumerate() {
            let mut bytes = build::ethernet(&fragments[which]);
            let at = 14 + at % 50;
            if mutate && at < bytes.len() {
                bytes[at] = value;
            }
            see(&mut decoder, &build::packet(millis(n as u64), &bytes));
        }
    }
}
