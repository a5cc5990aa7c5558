//! Copies of span ports against retransmissions and applications that repeat themselves.

use super::*;

/// The two packets as one decoder sees them, `apart` milliseconds apart: whether the second is a copy.
fn is_copy(first: &[u8], second: &[u8], apart: u64) -> bool {
    let mut decoder = decoder();
    assert!(matches!(
        see(&mut decoder, &build::packet(millis(0), first)),
        Seen::Frame { .. } | Seen::Unreachable(_)
    ));
    match see(&mut decoder, &build::packet(millis(apart), second)) {
        Seen::Duplicate => {
            assert_eq!(decoder.counters().duplicates, 1);
            true
        }
        Seen::Frame { .. } | Seen::Unreachable(_) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_routed_packet_seen_twice_is_one() {
    for ip in [udp(false), tcp(false), udp(true), tcp(true)] {
        for id in [0, 77] {
            let before = build::with_id(ip.clone(), id);
            let after = build::with_ttl(before.clone(), 63);
            let mut other_macs = build::ethernet(&after);
            other_macs[5] = 9;
            assert!(is_copy(&build::ethernet(&before), &other_macs, 2));
            assert!(is_copy(&build::ethernet(&before), &build::ethernet(&after), 0));
            assert!(is_copy(&build::vlan(&[10], &before), &build::vlan(&[20], &before), 9));
            assert!(is_copy(&build::vlan(&[10], &before), &build::ethernet(&before), 9));
            assert!(!is_copy(&build::vlan(&[10], &before), &build::vlan(&[20], &before), 11), "too late");
        }
    }
}

#[test]
fn identical_packets_are_copies_only_where_nobody_sends_such() {
    for (ip, apart, copy) in [
        (build::with_id(udp(false), 7), 5, true),
        (build::with_id(tcp(false), 7), 5, true),
        (udp(false), 0, false),
        (udp(true), 0, false),
        (tcp(false), 1, true),
        (tcp(true), 1, true),
        (tcp(true), 2, false),
    ] {
        assert_eq!(is_copy(&build::ethernet(&ip), &build::ethernet(&ip), apart), copy, "{apart}");
    }
    let (a, b) = ends(true);
    let ack = build::ethernet(&build::tcp(a, b, Tcp { flags: Tcp::ACK, ..Tcp::default() }, &[]));
    assert!(!is_copy(&ack, &ack, 0), "duplicate acknowledgements are news");
}

#[test]
fn retransmissions_and_other_packets_are_not_copies() {
    let (a, b) = ends(false);
    let first = build::with_id(tcp(false), 7);
    let header = Tcp { seq: 0x0102_0304, ack: 9, flags: Tcp::ACK | Tcp::URG, urgent: 3 };
    let mut others = vec![build::with_id(first.clone(), 8)];
    for (seq, ack, flags, urgent) in [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 8, 0), (0, 0, 0, 1)] {
        let other = Tcp {
            seq: header.seq + seq,
            ack: header.ack + ack,
            flags: header.flags | flags,
            urgent: header.urgent + urgent,
        };
        others.push(build::with_id(build::tcp(a, b, other, PAYLOAD), 7));
    }
    others.push(build::with_id(build::tcp(b, a, header, PAYLOAD), 7));
    others.push(build::with_id(build::tcp(a, b, header, PAYLOAD.get(1..).unwrap()), 7));
    others.push(build::with_id(build::tcp(a, Endpoint::new(b.address, 1), header, PAYLOAD), 7));
    for other in others {
        assert!(!is_copy(&build::ethernet(&first), &build::ethernet(&other), 0));
    }
}

#[test]
fn without_a_checksum_the_payload_is_compared() {
    let (a, b) = ends(false);
    let unsummed = |payload: &[u8]| {
        let mut ip = build::with_id(build::udp(a, b, payload), 7);
        ip[26] = 0;
        ip[27] = 0;
        build::ethernet(&ip)
    };
    assert!(is_copy(&unsummed(b"same bytes"), &unsummed(b"same bytes"), 0));
    assert!(!is_copy(&unsummed(b"same bytes"), &unsummed(b"same bytez"), 0));
}

#[test]
fn suppression_can_be_switched_off() {
    let mut decoder =
        Decoder::new(DecoderOptions { suppress_duplicates: false, ..DecoderOptions::default() });
    let bytes = build::ethernet(&build::with_id(tcp(false), 7));
    for _ in 0..3 {
        assert!(matches!(see(&mut decoder, &build::packet(millis(0), &bytes)), Seen::Frame { .. }));
    }
}

#[test]
fn a_copy_that_took_a_tunnel_is_a_copy() {
    let ip = build::with_id(udp(false), 7);
    let vxlan = build::vxlan(1, &build::ethernet(&ip));
    let outer = build::udp("10.9.9.1:9".parse().unwrap(), "10.9.9.2:4789".parse().unwrap(), &vxlan);
    assert!(is_copy(&build::ethernet(&ip), &build::ethernet(&outer), 1));
}

#[test]
fn unreachable_reports_name_the_flow() {
    for six in [false, true] {
        let (a, b) = ends(six);
        let (kind, code) = if six { (1, 4) } else { (3, 3) };
        for (about, transport) in [(udp(six), Transport::Udp), (tcp(six), Transport::Tcp)] {
            let header = if six { 40 } else { 20 };
            for quoted in [header + 8, header + 3, 1000] {
                let bytes = build::ethernet(&build::icmp(b.address, a.address, kind, code, &about, quoted));
                let Seen::Unreachable(u) = see_one(LinkType::ETHERNET, &bytes) else { panic!() };
                assert_eq!(
                    (u.reporter, u.told, u.code, u.reason),
                    (b.address, a.address, code, Reason::Port)
                );
                assert_eq!(u.wire_len as usize, bytes.len());
                let want = Quote { transport, src: a, dst: b };
                assert_eq!(u.quote, (quoted >= header + 8).then_some(want), "{six} {quoted}");
                assert!(is_copy(&build::vlan(&[1], bytes.get(14..).unwrap()), &bytes, 1));
            }
        }
        let echo = build::icmp(b.address, a.address, if six { 128 } else { 8 }, 0, &[1; 40], 40);
        assert_eq!(see_one(LinkType::ETHERNET, &build::ethernet(&echo)), Seen::Skip(Skip::Icmp));
    }
}
