//! Info dictionaries, whole and broken.

use super::*;
use proptest::prelude::*;

fn v1(inner: &str) -> Vec<u8> {
    format!("d{inner}4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae").into_bytes()
}

#[test]
fn files_are_added_up_without_padding() {
    let info =
        v1("5:filesld6:lengthi10e4:pathl1:aeed4:attr1:p6:lengthi6e4:pathl1:.eed6:lengthi7e4:pathl1:beee");
    let info = parse_info(&info).unwrap();
    assert_eq!((info.size, info.files, info.pieces, info.version), (Some(17), 2, 1, Version::V1));
}

#[test]
fn a_tree_of_files_is_added_up() {
    // a/b (20,000 bytes), a/pad, c (1 byte); the odd members are passed over.
    let tree = "1:ad1:bd0:d6:lengthi20000e11:pieces root32:rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrreee\
                1:cd0:d6:lengthi1eee1:lld0:d6:lengthi5eeee3:padd0:d4:attr1:p6:lengthi9eee";
    // "pad" stands beside "a", which is closed after "b".
    let text = format!("d9:file treed{tree}e12:meta versioni2e4:name1:x12:piece lengthi16384ee");
    let info = parse_info(text.as_bytes()).unwrap();
    assert_eq!((info.size, info.files, info.pieces, info.version), (Some(20_001), 2, 3, Version::V2));
    assert_eq!(info.v1(), None);
    assert_eq!(info.wire_hashes(), (truncate(&info_hash_v2(text.as_bytes())), None));
}

#[test]
fn a_deep_tree_is_walked_once() {
    let levels = 95;
    let tree = format!("{}0:d6:lengthi1ee{}", "1:ad".repeat(levels), "e".repeat(levels));
    let text = format!("d9:file treed{tree}e12:meta versioni2e12:piece lengthi16384ee");
    assert_eq!(parse_info(text.as_bytes()).unwrap().size, Some(1));
}

#[test]
fn sizes_that_do_not_fit_are_not_told() {
    let most = i64::MAX;
    let files = format!("5:filesld6:lengthi{most}eed6:lengthi{most}eed6:lengthi{most}eee");
    assert_eq!(parse_info(&v1(&files)).unwrap().size, None);
    assert_eq!(parse_info(&v1("6:lengthi-1e")).unwrap().size, None);
    assert_eq!(parse_info(&v1("")).unwrap().size, None);
}

#[test]
fn what_an_info_dictionary_lacks_is_named() {
    let read = |text: &str| parse_info(text.as_bytes()).map(|_| ());
    assert_eq!(read("l1:xe"), Err(Malformed::Type));
    assert_eq!(read("d4:name1:xe"), Err(Malformed::Key));
    assert_eq!(read("d12:piece lengthi16384ee"), Err(Malformed::Key));
    assert_eq!(read("d12:piece lengthi0e6:pieces0:e"), Err(Malformed::Value));
    assert_eq!(read("d12:piece lengthi16384e6:pieces3:abce"), Err(Malformed::Length));
    assert_eq!(read("d12:piece lengthi16384e9:file treei1ee"), Err(Malformed::Type));
    let huge = "d9:file treed0:d6:lengthi9223372036854775807eee12:piece lengthi1ee";
    assert_eq!(read(huge), Err(Malformed::Value));
}

#[test]
fn a_torrent_is_a_dictionary_with_an_info_dictionary() {
    let info = v1("6:lengthi9e");
    let whole = [b"d8:announce9:udp://t:110:created by1:q4:info".as_slice(), &info, b"e", b"\r\n"].concat();
    let torrent = parse_torrent(&whole).unwrap();
    assert_eq!((torrent.announce, torrent.created_by), (Some(&b"udp://t:1"[..]), Some(&b"q"[..])));
    assert_eq!((torrent.info.raw, torrent.used), (&info[..], whole.len() - 2));
    assert_eq!(recognise(&whole), Guess::Certain);
    for cut in 0..torrent.used {
        assert_eq!(recognise(&whole[..cut]), Guess::No, "{cut}");
    }
    assert_eq!(parse_torrent(b"<html>"), Err(Malformed::Magic));
    assert_eq!(parse_torrent(b"d4:spam4:eggse"), Err(Malformed::Key));
    let info = parse_info(&info).unwrap();
    assert!(info.verifies(&info_hash_v1(info.raw)) && info.verifies(&truncate(&info_hash_v2(info.raw))));
    assert!(!info.verifies(&InfoHash([0; 20])));
}

#[test]
fn magnets_are_decoded() {
    let hash = "0c618d5e892178f1c73403c2460cf596f32a413f";
    let magnet =
        parse_magnet(format!("MAGNET:?xt.1=urn%3Abtih%3A{hash}&dn=a%20b+%zz&tr=x&tr=y&q").as_bytes());
    let magnet = magnet.unwrap();
    assert_eq!(magnet.v1.unwrap().to_string(), hash);
    assert_eq!((magnet.name.unwrap(), magnet.trackers.len()), (b"a b %zz".to_vec(), 2));
    assert_eq!(parse_magnet(b"http://x"), Err(Malformed::Magic));
    assert_eq!(parse_magnet(b"magnet:?dn=x"), Err(Malformed::Value));
}

proptest! {
    #[test]
    fn noise_and_mutants_never_panic(noise: Vec<u8>, at in any::<prop::sample::Index>(), byte: u8) {
        let mut mutant = b"d9:file treed1:ad0:d6:lengthi20000eeee5:filesld6:lengthi1eee12:piece lengthi16384e6:pieces0:e".to_vec();
        let at = at.index(mutant.len());
        mutant[at] = byte;
        for input in [mutant, noise.clone(), [b"magnet:?", noise.as_slice()].concat()] {
            let _ = parse_info(&input).map(|i| i.wire_hashes());
            let _ = parse_torrent(&input);
            let _ = parse_magnet(&input);
        }
    }
}
