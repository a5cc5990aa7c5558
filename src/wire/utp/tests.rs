//! uTP packets of every type, cut and changed, and what only looks like them.

use super::*;
use proptest::prelude::*;

/// A packet with this first byte and first extension and these bytes after the header.
fn packet(first: u8, extension: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, extension, 0x3a, 0x51, 1, 2, 3, 4];
    bytes.extend(if first == 0x41 { [0; 4] } else { [0, 0, 5, 0x39] });
    bytes.extend([0, 0x10, 0, 0, 0x9c, 0x41, 0x12, 0x34]);
    bytes.extend(rest);
    bytes
}

#[test]
fn every_field_is_read() {
    let bytes = packet(0x01, 1, &[3, 4, 5, 0, 0, 0x80, 0, 4, 0, 0, 0, 10, b'h', b'i']);
    let p = parse(&bytes).unwrap();
    assert_eq!(
        (p.kind, p.connection, p.timestamp_us, p.difference_us),
        (Kind::Data, 0x3a51, 0x0102_0304, 1337)
    );
    assert_eq!((p.window, p.seq, p.ack), (0x0010_0000, 0x9c41, 0x1234));
    assert_eq!((p.payload, p.payload_len), (&b"hi"[..], 2));
    assert_eq!(p.extensions.close_reason(), Some(10));
    let received: Vec<u16> = p.extensions.sack().unwrap().received(p.ack).collect();
    assert_eq!(received, [0x1236, 0x1238, 0x1234 + 2 + 31]);
    assert_eq!(p.extensions.sack().unwrap().received(0xffff).collect::<Vec<_>>(), [1, 3, 32]);
}

#[test]
fn each_type_has_its_payload_rule() {
    for (first, empty, data) in [
        (0x01, false, true),
        (0x11, true, true),
        (0x21, true, false),
        (0x31, true, false),
        (0x41, true, false),
    ] {
        assert_eq!(parse(&packet(first, 0, &[])).is_ok(), empty, "{first:#x}");
        assert_eq!(parse(&packet(first, 0, b"x")).is_ok(), data, "{first:#x}");
    }
    for first in [0x00, 0x02, 0x51, 0x61, 0x80, 0xf1] {
        assert_eq!(recognise(&packet(first, 0, b"x")), Guess::No);
    }
    let mut syn = packet(0x41, 0, &[]);
    syn[11] = 1;
    assert_eq!(parse(&syn), Err(Malformed::Value));
}

#[test]
fn extensions_end_inside_the_datagram() {
    let whole = packet(0x21, 1, &[3, 4, 5, 0, 0, 0, 0, 4, 0, 0, 0, 1]);
    assert!(parse(&whole).is_ok());
    for n in 0..whole.len() {
        assert_eq!(parse(&whole[..n]), Err(Malformed::Truncated), "{n} bytes");
        assert_eq!(recognise(&whole[..n]), Guess::No);
    }
    assert_eq!(parse(&packet(0x21, 1, &[0, 0])), Err(Malformed::Length));
    assert!(parse(&packet(0x21, 1, &[1, 1, 9, 1, 1, 9, 1, 1, 9, 0, 1, 9])).is_ok());
    let five = packet(0x21, 1, &[1, 1, 9, 1, 1, 9, 1, 1, 9, 1, 1, 9, 0, 1, 9]);
    assert_eq!(parse(&five), Err(Malformed::Tokens));
    let unknown = packet(0x21, 9, &[0, 1, 7]);
    assert_eq!(parse(&unknown), Err(Malformed::Magic));
    let read = parse_verified(&unknown, unknown.len()).unwrap().extensions;
    assert_eq!(read.iter().collect::<Vec<_>>(), [Extension::Unknown { number: 9, data: &[7] }]);
}

#[test]
fn a_cut_packet_is_judged_by_its_length_on_the_wire() {
    let head = packet(0x01, 0, &[]);
    let p = parse_cut(&head, 1400).unwrap();
    assert_eq!((p.payload, p.payload_len), (&[][..], 1380));
    assert_eq!(parse_cut(&packet(0x21, 0, &[]), 24), Err(Malformed::Length));
    assert_eq!(recognise_cut(&head, 1400), Guess::Maybe);
}

#[test]
fn one_packet_is_certain_only_with_the_handshake_in_it() {
    let handshake = [&handshake::MAGIC[..], &[0; 48]].concat();
    assert_eq!(recognise(&packet(0x01, 0, &handshake)), Guess::Certain);
    assert_eq!(recognise(&packet(0x01, 1, &[&[0, 1, 1][..], &handshake].concat())), Guess::Certain);
    assert_eq!(recognise(&packet(0x01, 0, &handshake[1..])), Guess::Maybe);
    assert_eq!(recognise(&packet(0x11, 0, &handshake)), Guess::Maybe);
    assert_eq!(recognise(&packet(0x41, 0, &[])), Guess::Maybe);
}

#[test]
fn a_syn_is_answered_by_its_own_numbers() {
    let (syn, state) = (packet(0x41, 0, &[]), packet(0x21, 0, &[]));
    let syn = parse(&syn).unwrap();
    let state = Packet { ack: syn.seq, ..parse(&state).unwrap() };
    assert!(answers(&syn, &state));
    assert!(!answers(&syn, &Packet { ack: syn.seq + 1, ..state }));
    assert!(!answers(&syn, &Packet { connection: syn.connection + 1, ..state }));
    assert!(!answers(&state, &syn));
}

#[test]
fn look_alikes_are_excluded() {
    // An old STUN response: no cookie, the length says it all.
    let stun = [&[1, 1, 0, 12][..], &[7; 16], &[0, 1, 0, 8, 0, 1, 0x1a, 0xe1, 192, 0, 2, 1]].concat();
    assert_eq!(recognise(&stun), Guess::No);
    let radius = [&[1, 0, 0, 26][..], &[7; 16], &[1, 6, b'a', b'b', b'c', b'd']].concat();
    assert_eq!(recognise(&radius), Guess::No);
    let dns = b"\x01\0\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x1c\0\x01";
    assert_eq!(recognise(dns), Guess::No);
    // The same bytes with labels that overrun are no DNS.
    let mut broken = dns.to_vec();
    broken[12] = 60;
    assert_eq!(recognise(&broken), Guess::Maybe);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 0..5u8, extension in 0..4u8) {
        let _ = recognise(&bytes);
        let _ = parse_verified(&bytes, bytes.len() + 9);
        if let [a, b, ..] = &mut bytes[..] {
            (*a, *b) = (kind << 4 | 1, extension);
        }
        if let Ok(p) = parse(&bytes) {
            prop_assert_eq!(p.payload.len(), p.payload_len);
            let _ = p.extensions.sack().map(|s| s.received(p.ack).count());
        }
    }

    #[test]
    fn few_random_datagrams_pass(seed: u64) {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let passed = (0..2000)
            .filter(|_| recognise(&(0..6).flat_map(|_| next()).collect::<Vec<_>>()) != Guess::No)
            .count();
        prop_assert!(passed <= 4, "{passed} of 2,000");
    }
}
