//! Peer messages, framed and found midway.

use super::*;
use crate::wire::Guess;
use proptest::prelude::*;

fn frame(id: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).unwrap();
    [&length.to_be_bytes()[..], &[id], body].concat()
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn request(piece: u32, begin: u32) -> Vec<u8> {
    frame(6, &words(&[piece, begin, BLOCK]))
}

fn span_body(count: u32, proof: u32) -> Vec<u8> {
    [vec![9; 32], words(&[0, 0, count, proof])].concat()
}

/// One message of every kind, and what it means.
fn samples() -> Vec<(Vec<u8>, Message<'static>)> {
    let block = Block { piece: 2, begin: 16_384, length: 16_384 };
    let body = words(&[2, 16_384, 16_384]);
    let span = HashSpan { root: [9; 32], base_layer: 0, index: 0, count: 4, proof_layers: 1 };
    vec![
        (vec![0; 4], Message::KeepAlive),
        (frame(0, &[]), Message::Choke),
        (frame(1, &[]), Message::Unchoke),
        (frame(2, &[]), Message::Interested),
        (frame(3, &[]), Message::NotInterested),
        (frame(4, &words(&[1337])), Message::Have { piece: 1337 }),
        (frame(5, b"\xff\xfe"), Message::Bitfield(b"\xff\xfe")),
        (frame(6, &body), Message::Request(block)),
        (frame(7, b"\0\0\0\x02\0\0\x40\0data"), Message::Piece { piece: 2, begin: 16_384, length: 4 }),
        (frame(8, &body), Message::Cancel(block)),
        (frame(9, b"\x1a\xe1"), Message::Port(6881)),
        (frame(13, &words(&[7])), Message::Suggest { piece: 7 }),
        (frame(14, &[]), Message::HaveAll),
        (frame(15, &[]), Message::HaveNone),
        (frame(16, &body), Message::Reject(block)),
        (frame(17, &words(&[7])), Message::AllowedFast { piece: 7 }),
        (frame(20, b"\x03de"), Message::Extended { id: 3, payload: b"de" }),
        (frame(21, &span_body(4, 1)), Message::HashRequest(span)),
        (frame(22, &[span_body(4, 1), vec![1; 128]].concat()), Message::Hashes { span, hashes: 4 }),
        (frame(23, &span_body(4, 1)), Message::HashReject(span)),
    ]
}

#[test]
fn every_kind_is_read_and_every_prefix_waits() {
    for (bytes, message) in samples() {
        let used = bytes.len();
        assert_eq!(parse(&bytes), Parsed::Done { message, used });
        let needed = match header(&bytes) {
            Parsed::Done { message, .. } => message.needed(),
            other => panic!("{other:?}"),
        };
        for n in 0..bytes.len() {
            match parse(&bytes[..n]) {
                Parsed::NeedMore { at_least } => assert!(n < needed && (n + 1..=needed).contains(&at_least)),
                Parsed::Done { message: early, used: same } => {
                    assert!(n >= needed && early == message && same == used);
                }
                Parsed::Bad(reason) => panic!("{message:?} cut at {n}: {reason:?}"),
            }
        }
    }
}

#[test]
fn lengths_are_exact() {
    for (bytes, message) in samples() {
        let Some(&id) = bytes.get(4) else { continue };
        let free = matches!(message, Message::Bitfield(_) | Message::Piece { .. } | Message::Extended { .. });
        for change in [-1i64, 1] {
            let length = u32::try_from(bytes.len() as i64 - 4 + change).unwrap();
            let mut other = [&length.to_be_bytes()[..], &[id]].concat();
            other.resize(4 + length as usize, 0);
            if length != 0 && !free {
                let judged = parse(&other);
                assert!(matches!(judged, Parsed::Bad(_)), "{message:?} of {length}: {judged:?}");
            }
        }
    }
}

#[test]
fn block_sizes_have_limits() {
    let judge = |length: u32| parse(&frame(6, &words(&[0, 0, length]))) == Parsed::Bad(Malformed::Value);
    assert!(judge(0) && judge(MAX_REQUEST + 1) && judge(u32::MAX));
    assert!(!judge(1) && !judge(BLOCK) && !judge(MAX_REQUEST));
    assert!(Block { piece: 0, begin: 0, length: BLOCK + 1 }.is_oversized());
    assert_eq!(header(b"\0\0\x40\x0a\x07"), Parsed::Bad(Malformed::Length));
    assert_eq!(header(b"\0\0\0\x09\x07"), Parsed::Bad(Malformed::Length));
}

#[test]
fn nothing_larger_than_the_buffer_is_asked_for() {
    for id in 0..=255 {
        for length in [1, 2, 3, 5, 13, 49, 81, 1 << 14, MAX_EXTENDED + 3, 1 + MAX_BITFIELD, MAX_LENGTH] {
            let head = [&length.to_be_bytes()[..], &[id]].concat();
            if let Parsed::Done { message, .. } = header(&head) {
                assert!(message.needed() <= MAX_BUFFER, "{message:?}");
            }
        }
    }
    let message = Header { length: MAX_LENGTH, id: Id::Extended };
    let used = message.wire_len();
    assert_eq!(parse(b"\0\x10\0\0\x14"), Parsed::Done { message: Message::Skipped(message), used });
}

#[test]
fn a_chain_of_three_is_proof_and_less_is_not() {
    let have = |piece| frame(4, &words(&[piece]));
    let three = [have(10), have(811), have(42)].concat();
    assert_eq!(chain(&three), Chain { messages: 3, consistent: true, verdict: Guess::Certain });
    for n in 0..three.len() {
        let expected = if n < 9 { Guess::No } else { Guess::Maybe };
        assert_eq!(chain(&three[..n]).verdict, expected, "{n} bytes");
    }
    assert_eq!(chain(&[three, vec![1]].concat()).verdict, Guess::Maybe);
    assert_eq!(chain(&[have(1), vec![0xff; 5]].concat()).verdict, Guess::No);
    assert_eq!(chain(&[0; 64]).verdict, Guess::No);
    // Three small numbers and zero bytes are a table, not a conversation.
    assert_eq!(chain(b"\0\0\0\x01\x02\0\0\0\x01\x01\0\0\0\x01\x00").verdict, Guess::Maybe);
}

#[test]
fn two_blocks_in_a_row_are_proof() {
    let verdict = |second: Vec<u8>| chain(&[request(77, 16_384), second].concat()).verdict;
    assert_eq!(verdict(request(77, 32_768)), Guess::Certain);
    assert_eq!(verdict(request(78, 0)), Guess::Certain);
    assert_eq!(verdict(request(90, 0)), Guess::Maybe);
    assert_eq!(verdict(request(77, 32_769)), Guess::No);
    assert_eq!(verdict(request(1 << 24, 0)), Guess::No);
}

#[test]
fn one_extension_dictionary_is_proof() {
    for (id, payload, verdict) in [
        (0, &b"d1:md6:ut_pexi1eee"[..], Guess::Certain),
        (2, b"d8:msg_typei0e5:piecei0ee", Guess::Certain),
        (1, b"d5:added6:\xc6\x33\x64\x09\x1a\xe1e", Guess::Certain),
        (0, b"de", Guess::Maybe),
        (0, b"xx", Guess::No),
    ] {
        let bytes = frame(20, &[&[id], payload].concat());
        assert_eq!(chain(&bytes).verdict, verdict, "{payload:?}");
    }
}

#[test]
fn a_boundary_is_found_wherever_it_is() {
    let piece = [&b"\0\0\x40\x09\x07\0\0\0\x09\0\0\x40\0"[..], &[0x55; 40]].concat();
    for at in 0..70 {
        let bytes = [vec![0xaa; at], piece.clone()].concat();
        assert_eq!(find_boundary(&bytes), Some(at));
        assert_eq!(segment(&bytes).chain.verdict, Guess::Maybe);
        let bytes = [vec![0xaa; at], request(5, 0), request(5, 16_384)].concat();
        assert_eq!(find_boundary(&bytes), Some(at));
        assert_eq!(
            segment(&bytes),
            Segment { at, chain: Chain { messages: 2, consistent: true, verdict: Guess::Certain } }
        );
    }
    assert_eq!(find_boundary(&[vec![1], frame(6, &words(&[1, 7, BLOCK]))].concat()), None);
    assert_eq!(find_boundary(b"\0\0\x40\x09\x07\0\0\0"), None);
}

proptest! {
    #[test]
    fn random_bytes_never_panic_and_never_chain(bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
        let _ = parse(&bytes);
        prop_assert!(segment(&bytes).chain.verdict <= Guess::Maybe);
    }

    #[test]
    fn changed_messages_never_panic(which in 0..20usize, at: usize, byte: u8, cut: usize) {
        let (mut bytes, _) = samples().swap_remove(which);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = parse(&bytes[..cut % (bytes.len() + 1)]);
        let _ = segment(&bytes);
    }

    /// However the stream is cut, the messages are the same.
    #[test]
    fn messages_do_not_depend_on_how_they_arrive(cuts in proptest::collection::vec(1..40usize, 1..200)) {
        let stream: Vec<u8> = samples().into_iter().flat_map(|(bytes, _)| bytes).collect();
        let (mut have, mut at, mut seen) = (0, 0, Vec::new());
        for cut in cuts.into_iter().cycle() {
            have = (have + cut).min(stream.len());
            while let Parsed::Done { message, used } = parse(stream.get(at..have).unwrap_or_default()) {
                seen.push(message);
                at += used;
            }
            if have == stream.len() {
                break;
            }
        }
        let expected: Vec<_> = samples().into_iter().map(|(_, message)| message).collect();
        prop_assert_eq!(seen, expected);
    }
}
