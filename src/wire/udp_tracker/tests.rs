//! Layouts and verdicts of UDP tracker datagrams.

use super::*;
use proptest::prelude::*;

fn announce(peer_id: &[u8; 20], event: u32, port: u16, options: &[u8]) -> Vec<u8> {
    let mut d = vec![0xda; 8];
    d.extend(1u32.to_be_bytes());
    d.extend(7u32.to_be_bytes());
    d.extend([0x11; 20]);
    d.extend(peer_id);
    for n in [1u64, 2, 3] {
        d.extend(n.to_be_bytes());
    }
    d.extend(event.to_be_bytes());
    d.extend([0; 4]);
    d.extend(0xdead_beef_u32.to_be_bytes());
    d.extend((-1i32).to_be_bytes());
    d.extend(port.to_be_bytes());
    d.extend(options);
    d
}

const QB: &[u8; 20] = b"-qB4520-abcdefghijkl";

#[test]
fn an_announce_is_read_field_by_field() {
    let d = announce(QB, 2, 6881, b"");
    let Ok(Request::Announce(a)) = parse_request(&d) else { panic!() };
    assert_eq!((a.transaction, a.downloaded, a.left, a.uploaded), (7, 1, 2, 3));
    assert_eq!((a.event, a.num_want, a.port, a.options), (Event::Started, -1, 6881, Options::None));
    for cut in 0..d.len() {
        assert!(parse_request(&d[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn a_passkey_in_the_options_is_noticed_but_not_kept() {
    for (options, want) in [
        (&b"\x02\x03abc\x00"[..], Options::UrlData),
        (b"\x01\x01\x00junk", Options::None),
        (b"\x02\xff/short", Options::Malformed),
        (b"\x05", Options::Malformed),
        (b"\x09\x01x\x02\x01y", Options::UrlData),
    ] {
        let d = announce(QB, 0, 1, options);
        let Ok(r @ Request::Announce(a)) = parse_request(&d) else { panic!() };
        assert_eq!(a.options, want, "{options:?}");
        let guess = if want == Options::Malformed { Guess::Maybe } else { Guess::Certain };
        assert_eq!(recognise_request(&r, false), guess);
    }
}

#[test]
fn an_unknown_peer_id_needs_a_known_connection() {
    let d = announce(&[0xee; 20], 0, 1, b"");
    let r = parse_request(&d).unwrap();
    assert_eq!(recognise_request(&r, false), Guess::Maybe);
    assert_eq!(recognise_request(&r, true), Guess::Certain);
}

#[test]
fn port_zero_without_a_stop_needs_a_known_connection() {
    for (event, alone) in [(3, Guess::Certain), (0, Guess::Maybe), (1, Guess::Maybe), (2, Guess::Maybe)] {
        let d = announce(QB, event, 0, b"\x02\x09/announce");
        let r = parse_request(&d).unwrap();
        assert_eq!(recognise_request(&r, false), alone, "{event}");
        assert_eq!(recognise_request(&r, true), Guess::Certain, "{event}");
    }
}

#[test]
fn events_are_those_of_the_beps() {
    assert!(parse_request(&announce(QB, 4, 1, b"")).is_ok());
    assert!(parse_request(&announce(QB, 5, 1, b"")).is_err());
}

#[test]
fn scrapes_pair_hashes_with_counts() {
    let mut q = vec![1; 8];
    q.extend([0, 0, 0, 2, 0, 0, 0, 9]);
    assert_eq!(parse_request(&q), Err(Malformed::Length));
    q.extend([0x22; 40]);
    let Ok(Request::Scrape { info_hashes, .. }) = parse_request(&q) else { panic!() };
    assert_eq!(info_hashes.count(), 2);
    let r = [0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    let Ok(Response::Scrape { mut entries, .. }) = parse_response(&r, false) else { panic!() };
    assert_eq!(entries.next(), Some(ScrapeEntry { seeders: 1, completed: 2, leechers: 3 }));
    assert_eq!(entries.next(), None);
}

proptest! {
    #[test]
    fn anything_is_read_without_a_panic(bytes: Vec<u8>, action in 0u8..5, ipv6: bool) {
        let mut d = bytes;
        for at in [3, 11] {
            if let Some(b) = d.get_mut(at) { *b = action; }
        }
        if let Ok(r) = parse_request(&d) {
            let _ = (recognise_request(&r, false), r.transaction(), r.connection_id());
        }
        if let Ok(Response::Announce { peers, .. }) = parse_response(&d, ipv6) {
            prop_assert!(peers.count() * 6 <= d.len());
        }
    }
}
