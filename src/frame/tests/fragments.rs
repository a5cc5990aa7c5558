//! Fragments in every order, doubled, contradictory, cut, wrapped.

use super::*;

fn big(six: bool) -> (Vec<u8>, Vec<u8>) {
    let payload: Vec<u8> = (0..100u8).collect();
    (build::udp(ends(six).0, ends(six).1, &payload), payload)
}

/// All orders of `0..n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    orders(n - 1)
        .into_iter()
        .flat_map(|order| {
            (0..n).map(move |at| {
                let mut order = order.clone();
                order.insert(at, n - 1);
                order
            })
        })
        .collect()
}

#[test]
fn every_order_gives_the_datagram_once() {
    for six in [false, true] {
        let (ip, want) = big(six);
        let frames: Vec<_> = build::fragments(&ip, 24, 9).iter().map(|f| build::vlan(&[5], f)).collect();
        assert_eq!(frames.len(), 5);
        let sum: usize = frames.iter().map(Vec::len).sum();
        for order in orders(5) {
            let mut decoder = decoder();
            for (n, &i) in order.iter().enumerate() {
                let packet = build::packet(millis(n as u64), &frames[i]);
                match see(&mut decoder, &packet) {
                    Seen::Held => assert!(n < 4),
                    Seen::Frame { payload, payload_len, wire_len, path, .. } => {
                        assert_eq!((n, &payload, payload_len, wire_len as usize), (4, &want, 100, sum));
                        assert_eq!(path.vlans, [5]);
                    }
                    other => panic!("{order:?}: {other:?}"),
                }
                if n < 4 {
                    // At once it is a span port's copy; after the window the datagram itself knows its parts.
                    for later in [n as u64, n as u64 + 1_000] {
                        assert_eq!(
                            see(&mut decoder, &build::packet(millis(later), &frames[i])),
                            Seen::Duplicate
                        );
                    }
                }
            }
            let c = decoder.counters();
            assert_eq!(
                (c.datagrams_joined, c.fragments_held, c.fragment_conflicts, c.duplicates),
                (1, 5, 0, 8)
            );
        }
    }
}

#[test]
fn the_first_copy_wins_and_the_contradiction_is_counted() {
    let (ip, want) = big(false);
    let mut forged = ip.clone();
    forged[60] ^= 0xff;
    let (good, bad) = (build::fragments(&ip, 40, 9), build::fragments(&forged, 40, 9));
    let wide = build::fragments(&forged, 72, 9);
    for (second, seen) in [(&bad[1], Seen::Skip(Skip::FragmentOverlap)), (&wide[1], Seen::Held)] {
        let mut decoder = decoder();
        for f in [&good[0], &good[1]] {
            assert_eq!(see(&mut decoder, &build::packet(millis(0), &build::ethernet(f))), Seen::Held);
        }
        assert_eq!(
            see(&mut decoder, &build::packet(millis(1), &build::ethernet(&wide[0]))),
            Seen::Skip(Skip::FragmentOverlap)
        );
        let got = see(&mut decoder, &build::packet(millis(2), &build::ethernet(second)));
        if let Seen::Frame { payload, .. } = got {
            assert_eq!(payload, want);
        } else {
            assert_eq!(got, seen);
            let Seen::Frame { payload, .. } =
                see(&mut decoder, &build::packet(millis(3), &build::ethernet(&good[2])))
            else {
                panic!()
            };
            assert_eq!(payload, want);
        }
        assert!(decoder.counters().fragment_conflicts > 0);
    }
}

#[test]
fn the_copy_wins_that_the_checksum_vouches_for() {
    for six in [false, true] {
        let (ip, want) = big(six);
        let mut forged = ip.clone();
        let transport = if six { 40 } else { 20 };
        forged[transport + 30] ^= 0xff;
        forged[transport + 31] ^= 0x0f;
        let join = |parts: [&Vec<u8>; 3]| {
            let mut decoder = decoder();
            let mut seen = Seen::Held;
            for (n, part) in parts.into_iter().enumerate() {
                seen = see(&mut decoder, &build::packet(millis(n as u64), &build::ethernet(part)));
            }
            assert_eq!(decoder.counters().fragment_conflicts, 1);
            let Seen::Frame { payload, .. } = seen else { panic!("{seen:?}") };
            payload
        };
        let (good, bad) = (build::fragments(&ip, 56, 9), build::fragments(&forged, 56, 9));
        let wide = |of: &[u8]| build::fragments(of, 24, 9);
        assert_eq!(join([&bad[0], &wide(&ip)[1], &good[1]]), want, "the later copy is the sender's");
        assert_eq!(join([&good[0], &wide(&forged)[1], &good[1]]), want, "the first copy is the sender's");
        let mut both = forged.clone();
        both[transport + 32] ^= 1;
        let neither = join([&bad[0], &wide(&both)[1], &good[1]]);
        assert_eq!(neither[22], want[22] ^ 0xff, "nobody vouches: the first copy wins");
        assert_eq!(neither[24], want[24], "nobody vouches: the first copy wins");
    }
}

#[test]
fn old_fragments_are_given_up() {
    let (ip, _) = big(false);
    let parts = build::fragments(&ip, 56, 9);
    let mut decoder = decoder();
    assert_eq!(see(&mut decoder, &build::packet(millis(0), &build::ethernet(&parts[0]))), Seen::Held);
    assert_eq!(see(&mut decoder, &build::packet(millis(30_001), &build::ethernet(&parts[1]))), Seen::Held);
    assert_eq!(decoder.counters().datagrams_expired, 1);
}

#[test]
fn a_snap_length_leaves_a_prefix_and_the_true_length() {
    let (ip, want) = big(true);
    let mut decoder = decoder();
    let parts: Vec<_> = build::fragments(&ip, 56, 9).iter().map(|f| build::ethernet(f)).collect();
    let mut seen = Seen::Held;
    for part in &parts {
        let mut packet = build::packet(millis(0), part);
        packet.data = &part[..part.len().min(90)];
        seen = see(&mut decoder, &packet);
    }
    let Seen::Frame { payload, payload_len, .. } = seen else { panic!("{seen:?}") };
    assert_eq!((payload.as_slice(), payload_len), (&want[..90 - 62 - 8], 100));
}

#[test]
fn fragments_join_inside_and_outside_of_tunnels_but_not_without_end() {
    let (ip, want) = big(false);
    let (a, b) = ("10.1.1.1".parse().unwrap(), "10.1.1.2".parse().unwrap());
    let once: Vec<_> = build::fragments(&ip, 56, 1).iter().map(|f| build::ip(a, b, 4, f)).collect();
    let twice: Vec<_> =
        once.iter().enumerate().flat_map(|(n, f)| build::fragments(f, 48, 100 + n as u32)).collect();
    let wrapped: Vec<_> = twice.iter().map(|f| build::ip(a, b, 4, f)).collect();
    let thrice: Vec<_> =
        wrapped.iter().enumerate().flat_map(|(n, f)| build::fragments(f, 40, 200 + n as u32)).collect();
    for (parts, whole) in [(&once, true), (&twice, true), (&thrice, false)] {
        let mut decoder = decoder();
        let seen: Vec<_> =
            parts.iter().map(|f| see(&mut decoder, &build::packet(millis(0), &build::ethernet(f)))).collect();
        let payload = seen.iter().find_map(|s| match s {
            Seen::Frame { payload, .. } => Some(payload),
            _ => None,
        });
        assert_eq!(payload, whole.then_some(&want), "{seen:?}");
        assert_eq!(seen.contains(&Seen::Skip(Skip::FragmentLimit)), !whole);
    }
}
