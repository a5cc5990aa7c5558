//! Extension messages, whole, cut and changed.

use super::*;
use proptest::prelude::*;

const HANDSHAKE: &[u8] = b"d1:ei1e4:ipv616:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x511:md11:ut_metadatai3e6:ut_pexi1e\
    7:zz_testi9ee13:metadata_sizei135e1:pi51413e4:reqqi500e11:upload_onlyi1e1:v18:Transmission 4.1.06:yourip4:\xcb\0\x71\x07e";

#[test]
fn the_extended_handshake_is_read() {
    let handshake = parse_handshake(HANDSHAKE).unwrap();
    assert_eq!(handshake.v, Some(&b"Transmission 4.1.0"[..]));
    assert_eq!(
        (handshake.port, handshake.reqq, handshake.metadata_size),
        (Some(51413), Some(500), Some(135))
    );
    assert_eq!(handshake.your_ip, Some("203.0.113.7".parse().unwrap()));
    assert_eq!(handshake.ipv6, Some("2001:db8::51".parse().unwrap()));
    assert_eq!((handshake.upload_only, handshake.prefers_encryption), (Some(true), Some(true)));
    assert_eq!(handshake.ids.get(ExtensionName::UtMetadata), Some(3));
    assert_eq!(handshake.ids.name_of(1), Some(ExtensionName::UtPex));
    assert_eq!(handshake.ids.name_of(9), None);
    assert!(handshake.canonical && handshake.names_extensions);
    for n in 0..HANDSHAKE.len() {
        assert!(parse_handshake(&HANDSHAKE[..n]).is_err(), "{n} bytes");
    }
    assert_eq!(parse_handshake(&[HANDSHAKE, b"x"].concat()), Err(Malformed::Trailing));
    assert_eq!(parse_handshake(b"le"), Err(Malformed::Type));
}

#[test]
fn wrong_types_and_sizes_are_as_good_as_absent() {
    let bytes = b"d1:m2:xx13:metadata_sizei-5e1:pi70000e1:vi7e6:yourip3:abce";
    assert_eq!(parse_handshake(bytes), Ok(ExtendedHandshake { canonical: true, ..Default::default() }));
}

#[test]
fn a_later_handshake_adds_and_turns_off() {
    let mut ids = parse_handshake(HANDSHAKE).unwrap().ids;
    ids.update(&parse_handshake(b"d1:md6:ut_pexi0eee").unwrap().ids);
    assert_eq!(ids.get(ExtensionName::UtPex), Some(0));
    assert_eq!((ids.name_of(0), ids.name_of(1)), (None, None));
    assert_eq!(ids.name_of(3), Some(ExtensionName::UtMetadata));
}

#[test]
fn metadata_is_exact_to_the_byte() {
    let data = |piece: u32, total: u32, tail: usize| {
        let mut bytes = format!("d8:msg_typei1e5:piecei{piece}e10:total_sizei{total}ee").into_bytes();
        bytes.resize(bytes.len() + tail, b'x');
        bytes
    };
    for (piece, total, tail) in [(0, 135, 135), (0, 16_384, 16_384), (0, 17_295, 16_384), (1, 17_295, 911)] {
        let bytes = data(piece, total, tail);
        assert!(
            matches!(Metadata::parse(&bytes), Ok(Metadata::Data { bytes, .. }) if bytes.len() == tail),
            "{piece} of {total}"
        );
        assert_eq!(Metadata::parse(&data(piece, total, tail - 1)), Err(Malformed::Length));
        assert_eq!(Metadata::parse(&data(piece, total, tail + 1)), Err(Malformed::Length));
    }
    assert_eq!(Metadata::parse(&data(2, 17_295, 0)), Err(Malformed::Value));
    assert_eq!(Metadata::parse(&data(u32::MAX, u32::MAX, 0)), Err(Malformed::Value));
    assert_eq!(Metadata::parse(b"d8:msg_typei0e5:piecei4ee"), Ok(Metadata::Request { piece: 4 }));
    assert_eq!(Metadata::parse(b"d8:msg_typei2e5:piecei4eex"), Err(Malformed::Trailing));
    assert_eq!(Metadata::parse(b"d8:msg_typei0e5:piecei-1ee"), Err(Malformed::Value));
}

#[test]
fn peers_come_with_their_flags() {
    let bytes = b"d5:added12:\xc6\x33\x64\x09\x1a\xe1\xc0\0\x02\x2c\xc8\xd57:added.f2:\x11\x06\
        8:dropped618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\x1a\xe1e";
    let pex = Pex::parse(bytes).unwrap();
    let added: Vec<_> = pex.added().map(|(peer, flags)| (peer.to_string(), flags.0)).collect();
    assert_eq!(added, [("198.51.100.9:6881".to_owned(), 0x11), ("192.0.2.44:51413".to_owned(), 0x06)]);
    assert_eq!(pex.dropped().map(|p| p.to_string()).collect::<Vec<_>>(), ["[2001:db8::9]:6881"]);
    assert_eq!(Pex::parse(b"de"), Err(Malformed::Key));
    assert_eq!(Pex::parse(b"d5:added6:abcdef7:added.f2:xxe"), Err(Malformed::Length));
    assert_eq!(Pex::parse(b"d5:added5:abcdee"), Err(Malformed::Length));
    assert_eq!(Pex::parse(b"d6:added66:abcdefe"), Err(Malformed::Length));
    assert!(matches!(guess(bytes), Some(Extension::Pex(_))));
    assert_eq!(
        parse(ExtensionName::UtPex, b"de"),
        Ok(Extension::Pex(Pex::default())),
        "aria2, with nobody to name"
    );
    assert_eq!(guess(b"de"), None);
}

#[test]
fn holepunch_is_read_with_and_without_its_error_field() {
    let short = [1, 0, 198, 51, 100, 77, 0x1a, 0xe1];
    let connect = Holepunch { kind: HolepunchKind::Connect, peer: "198.51.100.77:6881".parse().unwrap() };
    assert_eq!(Holepunch::parse(&short), Ok(connect));
    assert_eq!(Holepunch::parse(&[&short[..], &[0; 4]].concat()), Ok(connect));
    for n in [0, 1, 2, 7, 9, 10, 11, 13] {
        let bytes: Vec<u8> = short.iter().copied().chain(std::iter::repeat(0)).take(n).collect();
        assert_eq!(Holepunch::parse(&bytes), Err(Malformed::Length), "{n} bytes");
    }
    let mut six = vec![2, 1];
    six.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x1a, 0xe1, 0, 0, 0, 3]);
    let error = HolepunchKind::Error(HolepunchError::NoSupport);
    assert_eq!(Holepunch::parse(&six).map(|h| h.kind), Ok(error));
    assert_eq!(Holepunch::parse(&[1, 0, 198, 51, 100, 77, 0, 0]), Err(Malformed::Value));
    assert_eq!(Holepunch::parse(&[3, 0, 198, 51, 100, 77, 0, 1]), Err(Malformed::Value));
}

proptest! {
    #[test]
    fn random_and_changed_bytes_never_panic(bytes: Vec<u8>, at in 0..HANDSHAKE.len(), byte: u8) {
        let mut changed = HANDSHAKE.to_vec();
        changed[at] = byte;
        for payload in [&bytes, &changed] {
            let _ = parse_handshake(payload);
            let _ = guess(payload);
            for &name in ExtensionName::ALL {
                let _ = parse(name, payload);
            }
        }
    }
}
