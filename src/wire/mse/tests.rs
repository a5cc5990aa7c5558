//! Random bursts pass, structured ones do not.

use super::*;
use proptest::prelude::*;

/// Uniform bytes from a fixed sequence (xorshift64*).
fn uniform(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
        })
        .collect()
}

#[test]
fn uniform_bursts_of_every_length_pass() {
    let failed = (KEY..=MAX_BURST)
        .flat_map(|len| (0..20).map(move |round| uniform((len * 64 + round) as u64, len)))
        .filter(|burst| first_burst(burst) != Guess::Maybe)
        .count();
    assert!(failed <= 20, "{failed} of 10,260");
}

#[test]
fn lengths_outside_of_a_first_burst_fail() {
    for len in [0, 1, 64, 95, 609, 1400] {
        assert_eq!(first_burst(&uniform(7, len)), Guess::No, "{len}");
    }
    assert!(looks_random(&uniform(7, 1400)));
}

#[test]
fn structure_fails() {
    let len = 300;
    let text: Vec<u8> = uniform(1, len).iter().map(|b| b' ' + b % 95).collect();
    let base: Vec<u8> = uniform(2, len).iter().map(|b| b & 0x7f).collect();
    let heavy: Vec<u8> = uniform(3, len).iter().map(|b| b | 0x11).collect();
    let few: Vec<u8> = uniform(4, len).iter().map(|b| (b % 32).wrapping_mul(73)).collect();
    let mut inside = uniform(5, len);
    inside[100..124].copy_from_slice(b"server.example.org:12345");
    for burst in [text, base, heavy, few, inside, vec![0; len]] {
        assert!(!looks_random(&burst), "{burst:?}");
    }
}

#[test]
fn beginnings_of_other_protocols_fail() {
    for start in [
        &b"\x16\x03\x01\x01\x27\x01\0\x01\x23\x03\x03"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"GET /announce HTTP/1.1\r\n",
        b"\x13BitTorrent protocol",
        b"\x13/multistream/1.0.0\n",
        b"\0\0\0\x45\xfeSMB@\0",
        b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0",
        b"\xf9\xbe\xb4\xd9version\0\0\0\0\0",
        b"\xe3\x27\x01\0\0\x01",
        b"\x01\x2a\x38",
        b"\0\0\x01\x28",
        b"\x1f\x8b\x08\0",
    ] {
        let mut burst = uniform(9, 300);
        burst[..start.len()].copy_from_slice(start);
        assert!(known_magic(&burst), "{start:?}");
        assert_eq!(first_burst(&burst), Guess::No);
    }
    assert!(known_magic(b"\x05\x01\0"));
    assert!(!known_magic(&uniform(9, 300)));
}

#[test]
fn lengths_of_an_exchange() {
    for (bursts, shape) in [
        ((96, 608, None, None), Shape::Turns),
        ((95, 96, None, None), Shape::No),
        ((96, 609, None, None), Shape::No),
        ((216, 99, Some(124), Some(82)), Shape::Transmission),
        ((216, 99, Some(124), Some(14)), Shape::Transmission),
        ((216, 99, Some(124), Some(300)), Shape::Exchange),
        ((329, 137, Some(141), Some(607)), Shape::Exchange),
        ((329, 137, Some(636), None), Shape::Exchange),
        ((329, 137, Some(637), None), Shape::Turns),
        ((329, 137, Some(123), None), Shape::Unusual),
        ((329, 137, Some(56), None), Shape::Unusual),
        ((329, 137, Some(55), None), Shape::No),
        ((329, 137, Some(141), Some(13)), Shape::No),
    ] {
        assert_eq!(exchange_shape(bursts.0, bursts.1, bursts.2, bursts.3), shape, "{bursts:?}");
    }
}

#[test]
fn the_clear_handshake_is_found_only_where_it_can_be() {
    for (at, found) in [(109, false), (110, true), (660, true), (1134, true), (1135, false)] {
        let mut stream = uniform(3, at);
        stream.extend(handshake::MAGIC);
        assert_eq!(find_clear_handshake(&stream), found.then_some(at));
        for n in 0..stream.len() {
            assert_eq!(find_clear_handshake(&stream[..n]), None);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700), a: usize, b: usize, c: usize) {
        let _ = (first_burst(&bytes), known_magic(&bytes), looks_random(&bytes), find_clear_handshake(&bytes));
        let _ = exchange_shape(a, b, Some(c), Some(a));
    }
}
