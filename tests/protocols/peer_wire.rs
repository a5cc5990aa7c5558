//! The peer wire and what is spoken on it in place of the usual messages.

use crate::scene::{Scene, Seen};
use sha1::Digest;
use swarmscope::base::InfoHashV2;
use swarmscope::event::{Channel, Encryption, Family, Grade, Kind, NameTrust, Reason};
use swarmscope::ledger::report::Role;

const A: &str = "192.168.1.10:51413";
const B: &str = "198.51.100.7:6881";
const V1: [u8; 20] = [0x11; 20];
const V2: [u8; 20] = [0x22; 20];

/// Reserved bytes of BiglyBT, of libtorrent, of libtorrent on a hybrid torrent.
const AZUREUS: [u8; 8] = [0x80, 0, 0, 0, 0, 0x13, 0, 4];
const USUAL: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 5];
const HYBRID: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0x15];

pub fn handshake(reserved: [u8; 8], info_hash: [u8; 20], peer_id: &[u8; 20]) -> Vec<u8> {
    [&b"\x13BitTorrent protocol"[..], &reserved, &info_hash, peer_id].concat()
}

fn message(id: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 1).to_be_bytes()[..], &[id], body].concat()
}

fn extended(id: u8, payload: &[u8]) -> Vec<u8> {
    message(20, &[&[id], payload].concat())
}

fn azureus(name: &str, payload: &[u8]) -> Vec<u8> {
    // Version 2 with three bytes of padding, as the reference client sends it.
    let head = [&(name.len() as u32).to_be_bytes()[..], name.as_bytes(), &[0x12, 0, 3, 7, 7, 7]].concat();
    [&((head.len() + payload.len()) as u32).to_be_bytes()[..], &head, payload].concat()
}

fn piece(index: u32, length: usize) -> Vec<u8> {
    [&index.to_be_bytes()[..], &[0; 4], &vec![0x55; length]].concat()
}

fn downloaded(seen: &Seen, info_hash: [u8; 20]) -> u64 {
    seen.torrent(info_hash).hosts[0].downloaded
}

#[test]
fn azureus_messages_are_read_like_peer_messages() {
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(AZUREUS, V1, b"-BI3500-abcdefghijkl"));
    scene.tcp(B, A, &handshake(AZUREUS, V1, b"-AZ5760-abcdefghijkl"));
    let hello = b"d6:client7:BiglyBT8:tcp_porti51413e8:udp_porti51413e7:version7:3.5.0.0e";
    scene.tcp(A, B, &azureus("AZ_HANDSHAKE", hello));
    scene.tcp(B, A, &azureus("BT_BITFIELD", &[0xff, 0xf0]));
    scene.tcp(A, B, &azureus("AZ_HAVE", b"d6:piecesli0ei3eee"));
    scene.tcp(A, B, &azureus("BT_REQUEST", &[0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0x40, 0]));
    let pex = [&b"d5:addedl6:\xcb\x00\x71\x09\x1a\xe1e8:infohash20:"[..], &V1, b"e"].concat();
    for index in 5..8 {
        scene.tcp(B, A, &azureus("BT_PIECE", &piece(index, 16_384)));
        scene.tcp(B, A, &azureus("AZ_PEER_EXCHANGE", &pex));
    }
    let seen = scene.read();
    assert_eq!((seen.kinds(), seen.flow().label.grade), (vec![Kind::PeerWire], Some(Grade::Confirmed)));
    assert_eq!(seen.flow().label.pieces, [0, 3 * 16_384]);
    assert_eq!(seen.report.totals.malformed.len(), 0, "framing is never lost");
    assert_eq!(downloaded(&seen, V1), 3 * 16_384);
    assert_eq!(seen.torrent(V1).hosts[0].measured, Some((2, 0)), "two pieces, of an unknown number");
    // The handshake's address and the one learnt by peer exchange.
    assert_eq!(seen.torrent(V1).peers, 2);
    assert!(seen.home().clients.iter().any(|c| c.name == "BiglyBT 3.5.0.0"), "{:?}", seen.home().clients);
    assert!(seen.home().listens.iter().any(|l| (l.0, l.1) == (51_413, Channel::PeerWire)));
}

#[test]
fn azureus_messages_are_found_in_the_middle_of_a_stream() {
    let mut scene = Scene::default();
    scene.tcp(A, B, &azureus("BT_REQUEST", &[0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0x40, 0]));
    scene.tcp(B, A, &azureus("BT_PIECE", &piece(5, 16_384)));
    let seen = scene.without_handshakes().read();
    assert_eq!(seen.kinds(), [Kind::PeerWire]);
    assert!(seen.has_reason(Reason::MessageChain));
    assert_eq!(seen.flow().label.pieces, [0, 16_384]);
}

#[test]
fn azureus_messages_need_the_reserved_bit() {
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
    scene.tcp(A, B, &azureus("BT_PIECE", &piece(5, 100)));
    let seen = scene.read();
    assert_eq!(seen.flow().label.pieces, [0, 0]);
    assert_eq!(seen.report.totals.malformed.get(&(Kind::PeerWire, "framing")), Some(&1));
}

#[test]
fn an_upgraded_handshake_links_both_halves_of_a_hybrid_torrent() {
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(HYBRID, V1, b"-qB4520-abcdefghijkl"));
    scene.tcp(B, A, &handshake(HYBRID, V2, b"-lt20A0-abcdefghijkl"));
    // The other half is met on its own too.
    scene.tcp("192.168.1.10:51414", B, &handshake(USUAL, V2, b"-qB4520-abcdefghijkl"));
    let seen = scene.read();
    assert_eq!(seen.torrent(V1).also.map(|h| h.0), Some(V2));
    assert_eq!(seen.torrent(V2).also.map(|h| h.0), Some(V1));
    // Without the bit two hashes are two torrents.
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
    scene.tcp(B, A, &handshake(USUAL, V2, b"-lt20A0-abcdefghijkl"));
    assert_eq!(scene.read().torrent(V1).also, None);
}

#[test]
fn the_whole_v2_hash_is_told_once_metadata_is_verified() {
    let info = [
        &b"d9:file treed5:a.txtd0:d6:lengthi20000e11:pieces root32:"[..],
        &[9; 32],
        b"eee6:lengthi20000e12:meta versioni2e4:name5:a.txt12:piece lengthi16384e6:pieces40:",
        &[8; 40],
        b"e",
    ]
    .concat();
    let v1: [u8; 20] = sha1::Sha1::digest(&info).into();
    let whole = InfoHashV2(sha2::Sha256::digest(&info).into());
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(HYBRID, v1, b"-qB4520-abcdefghijkl"));
    scene.tcp(A, B, &extended(0, b"d1:md11:ut_metadatai2eee"));
    scene.tcp(B, A, &handshake(HYBRID, v1, b"-lt20A0-abcdefghijkl"));
    let data = format!("d8:msg_typei1e5:piecei0e10:total_sizei{}ee", info.len());
    scene.tcp(B, A, &extended(2, &[data.as_bytes(), &info].concat()));
    // The v2 swarm of the same torrent, of which no metadata is seen.
    let v2 = whole.truncated().0;
    scene.tcp("192.168.1.10:51414", B, &handshake(USUAL, v2, b"-qB4520-abcdefghijkl"));
    let seen = scene.read();
    for (key, other) in [(v1, v2), (v2, v1)] {
        let torrent = seen.torrent(key);
        assert_eq!((torrent.also.map(|h| h.0), torrent.v2), (Some(other), Some(whole)));
        let name = torrent.name.as_ref().map(|(name, _, trust)| (name.as_str(), *trust));
        assert_eq!((name, torrent.pieces), (Some(("a.txt", NameTrust::Verified)), Some(2)));
    }
    assert!(seen.summary.contains(&whole.to_string()), "{}", seen.summary);
    assert_eq!(seen.json["torrents"][0]["info_hash_v2"], whole.to_string());
}

#[test]
fn the_extended_handshake_tells_port_address_and_client() {
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
    scene.tcp(
        A,
        B,
        &extended(0, b"d1:md11:lt_donthavei7e6:ut_pexi1ee1:pi40000e4:reqqi500e1:v17:qBittorrent/4.5.2e"),
    );
    scene.tcp(B, A, &handshake(USUAL, V1, b"-lt20A0-abcdefghijkl"));
    let hello =
        b"d1:md11:lt_donthavei9e6:ut_pexi1ee1:pi6882e11:upload_onlyi1e1:v10:Deluge 2.16:yourip4:\xcb\x00\x71\x05e";
    scene.tcp(B, A, &extended(0, hello));
    let seen = scene.read();
    let host = seen.home();
    assert!(host.listens.iter().any(|l| (l.0, l.1) == (40_000, Channel::PeerWire)), "{:?}", host.listens);
    assert_eq!(host.external, [("203.0.113.5".parse().expect("an address"), 1)]);
    assert!(host.clients.iter().all(|c| c.name == "qBittorrent 4.5.2"), "{:?}", host.clients);
    assert!(!host.client_conflict);
}

#[test]
fn an_answer_in_small_pieces_is_put_together() {
    for size in [1, 7, 19, 20, 48, 67] {
        let mut scene = Scene::default();
        scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
        for part in handshake(USUAL, V1, b"-lt20A0-abcdefghijkl").chunks(size) {
            scene.tcp(B, A, part);
        }
        scene.tcp(B, A, &message(7, &piece(1, 16_384)));
        let seen = scene.read();
        let named =
            seen.flow().label.clients.each_ref().map(|c| c.as_ref().is_some_and(|c| !c.name.is_empty()));
        assert_eq!((named, downloaded(&seen, V1)), ([true, true], 16_384), "{size} bytes at a time");
    }
}

#[test]
fn progress_follows_what_a_peer_has_and_drops() {
    let measured = |messages: &[Vec<u8>]| {
        let mut scene = Scene::default();
        scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
        scene.tcp(B, A, &handshake(USUAL, V1, b"-lt20A0-abcdefghijkl"));
        scene.tcp(B, A, &extended(0, b"d1:md11:lt_donthavei7eee"));
        for m in messages {
            scene.tcp(A, B, m);
        }
        scene.read().torrent(V1).hosts[0].measured
    };
    let have = |piece: u8| message(4, &[0, 0, 0, piece]);
    let drop_piece = |piece: u8| extended(7, &[0, 0, 0, piece]);
    assert_eq!(measured(&[message(5, &[0xe0])]), Some((3, 0)));
    assert_eq!(measured(&[message(15, &[]), have(1)]), Some((1, 0)), "have-none, then one");
    assert_eq!(measured(&[message(14, &[])]), Some((0, 0)), "all of an unknown number");
    assert_eq!(
        measured(&[have(1), have(2), drop_piece(1), have(1)]),
        Some((2, 0)),
        "a piece that was dropped and fetched again is one piece"
    );
}

#[test]
fn a_partial_seed_is_a_seeder_by_what_it_tells_its_peers() {
    let told = |messages: &[Vec<u8>]| {
        let mut scene = Scene::default();
        scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
        scene.tcp(B, A, &handshake(USUAL, V1, b"-lt20A0-abcdefghijkl"));
        scene.tcp(B, A, &extended(0, b"d1:md11:upload_onlyi3eee"));
        for m in messages {
            scene.tcp(A, B, m);
        }
        scene.tcp(A, B, &message(7, &piece(1, 16_384)));
        scene.read()
    };
    let hello = |upload_only: &str| extended(0, format!("d1:mde{upload_only}e").as_bytes());
    let of = |seen: &Seen| (seen.torrent(V1).hosts[0].upload_only, seen.torrent(V1).hosts[0].role);
    let half = message(5, &[0xf0]);
    let seen = told(&[hello("11:upload_onlyi1e"), half.clone()]);
    assert_eq!(of(&seen), (Some(true), Role::Seeder));
    assert_eq!(seen.torrent(V1).hosts[0].measured, Some((4, 0)), "what it has is not what it wants");
    assert!(seen.summary.contains("all wanted (upload-only)"), "{}", seen.summary);
    assert_eq!(seen.json["torrents"][0]["hosts"][0]["upload_only"], true);
    // The message of the extension says the same, by the number that the receiver gave it, and takes it back.
    assert_eq!(of(&told(&[half.clone(), extended(3, &[1])])), (Some(true), Role::Seeder));
    assert_eq!(
        of(&told(&[hello("11:upload_onlyi1e"), half.clone(), extended(3, &[0])])),
        (Some(false), Role::Leecher)
    );
    // Another number, another length and another value say nothing.
    let nothing = [extended(4, &[1]), extended(3, &[1, 1]), extended(3, &[2]), hello("")];
    assert_eq!(of(&told(&[&[half], &nothing[..]].concat())), (None, Role::Leecher));
    let all = told(&[hello("11:upload_onlyi1e"), message(14, &[])]);
    assert!(all.summary.contains("all (measured)"), "a seed is known by what it has: {}", all.summary);
}

#[test]
fn peers_that_tell_home_hosts_that_they_seed_are_counted() {
    let seeding = |told: &[Vec<u8>]| {
        let mut scene = Scene::default();
        scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
        scene.tcp(B, A, &handshake(USUAL, V1, b"-lt20A0-abcdefghijkl"));
        for m in told {
            scene.tcp(B, A, m);
        }
        let seen = scene.read();
        assert_eq!(seen.torrent(V1).hosts.len(), 1, "a remote is no home host");
        assert_eq!(seen.summary.contains("1 peer seen (1 seeding)"), seen.torrent(V1).peers_seeding == 1);
        seen.json["torrents"][0]["peers_seeding"].clone()
    };
    let hello = extended(0, b"d1:mde11:upload_onlyi1ee");
    assert_eq!(seeding(&[message(14, &[])]), 1);
    assert_eq!(seeding(std::slice::from_ref(&hello)), 1);
    assert_eq!(seeding(&[message(14, &[]), hello]), 1, "a peer is counted once");
    assert_eq!(seeding(&[message(5, &[0xf0]), extended(0, b"d1:mde11:upload_onlyi0ee")]), 0);
}

#[test]
fn fast_and_hash_messages_keep_the_framing() {
    let block = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x40, 0];
    let span = [&[7; 32][..], &[0; 8], &[0, 0, 0, 2], &[0; 4]].concat();
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
    scene.tcp(B, A, &handshake(USUAL, V1, b"-lt20A0-abcdefghijkl"));
    for m in [
        message(13, &block[..4]),
        message(16, &block),
        message(17, &block[..4]),
        message(21, &span),
        message(22, &[&span[..], &[5; 64]].concat()),
        message(23, &span),
        extended(200, b"\x01"),
        message(7, &piece(1, 16_384)),
    ] {
        scene.tcp(B, A, &m);
    }
    let seen = scene.read();
    assert_eq!(seen.report.totals.malformed.len(), 0);
    assert_eq!(downloaded(&seen, V1), 16_384);
}

#[test]
fn messages_about_hashes_show_a_torrent_of_version_2() {
    let span = [&[7; 32][..], &[0; 8], &[0, 0, 0, 2], &[0; 4]].concat();
    let told = |messages: &[Vec<u8>]| {
        let mut scene = Scene::default();
        scene.tcp(A, B, &handshake(HYBRID, V1, b"-qB4520-abcdefghijkl"));
        scene.tcp(B, A, &handshake(HYBRID, V1, b"-lt20A0-abcdefghijkl"));
        for m in messages {
            scene.tcp(B, A, m);
        }
        let seen = scene.read();
        let version = seen.json["torrents"][0]["meta_version"].clone();
        assert_eq!(seen.summary.contains("version 2 or hybrid"), version == 2, "{}", seen.summary);
        version
    };
    for (id, rest) in [(21, 0), (22, 64), (23, 0)] {
        assert_eq!(told(&[message(id, &[&span[..], &vec![5; rest]].concat())]), 2, "message {id}");
        assert!(told(&[message(id, &[&span[..], &vec![5; rest + 1]].concat())]).is_null(), "too long: {id}");
    }
    assert!(told(&[message(14, &[])]).is_null());
}

#[test]
fn pieces_that_peers_propose_are_pieces_that_there_are() {
    let pieces = |messages: &[Vec<u8>]| {
        let mut scene = Scene::default();
        scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
        scene.tcp(B, A, &handshake(USUAL, V1, b"-lt20A0-abcdefghijkl"));
        // Room for 1,008 pieces, and the first of them.
        scene.tcp(B, A, &message(5, &[&[0x80][..], &[0; 125]].concat()));
        for m in messages {
            scene.tcp(B, A, m);
        }
        scene.read().torrent(V1).pieces
    };
    let proposed = 1_004u32.to_be_bytes();
    assert_eq!((pieces(&[]), pieces(&[message(4, &proposed)])), (None, Some(1_005)));
    assert_eq!(pieces(&[message(13, &proposed)]), Some(1_005), "suggest");
    assert_eq!(pieces(&[message(17, &proposed)]), Some(1_005), "allowed fast");
}

#[test]
fn holepunch_names_peers_unless_it_failed() {
    let endpoint = [198, 51, 100, 77, 0x1a, 0xe1];
    let peers = |kind: u8, error: u8| {
        let mut scene = Scene::default();
        scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
        scene.tcp(A, B, &extended(0, b"d1:md12:ut_holepunchi4eee"));
        scene.tcp(B, A, &handshake(USUAL, V1, b"-lt20A0-abcdefghijkl"));
        scene.tcp(B, A, &extended(4, &[&[kind, 0][..], &endpoint, &[0, 0, 0, error]].concat()));
        scene.read().torrent(V1).peers
    };
    assert_eq!((peers(0, 0), peers(1, 0)), (2, 2), "the relay and the peer");
    assert_eq!((peers(2, 1), peers(2, 3)), (1, 1), "no peer is where none was found");
}

#[test]
fn extended_messages_that_cannot_be_read_are_counted() {
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
    scene.tcp(A, B, &extended(0, b"d1:md11:lt_donthavei7e6:ut_pexi1e11:upload_onlyi3eee"));
    scene.tcp(B, A, &handshake(USUAL, V1, b"-lt20A0-abcdefghijkl"));
    // A piece of three bytes, a list that divides into no peers, a switch that is neither on nor off, and an unknown number.
    for (id, payload) in [(7, &b"\0\0\0"[..]), (1, b"d5:added5:abcdee"), (3, b"\x07"), (9, b"what")] {
        scene.tcp(B, A, &extended(id, payload));
    }
    let seen = scene.read();
    let malformed = |reason| seen.report.totals.malformed.get(&(Kind::PeerWire, reason)).copied();
    assert_eq!((malformed("length"), malformed("value")), (Some(2), Some(1)));
    assert_eq!(malformed("framing"), None, "the messages after it are read");
}

#[test]
fn blizzards_downloader_is_no_bittorrent_unless_the_other_side_is() {
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(USUAL, V1, b"BLZ\0abcdefghijklmnop"));
    scene.tcp(B, A, &handshake(USUAL, V1, b"BLZ\0bcdefghijklmnopq"));
    scene.tcp(B, A, &message(7, &piece(1, 16_384)));
    let seen = scene.read();
    assert_eq!((seen.kinds(), seen.report.hosts.len()), (vec![Kind::Blizzard], 0));
    assert_eq!(seen.flow().label.kinds.family(), Some(Family::LookAlike));
    assert!(seen.report.torrents.is_empty());
    // A peer id is soon forged: the answer of an ordinary client uncovers it.
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake(USUAL, V1, b"BLZ\0abcdefghijklmnop"));
    scene.tcp(B, A, &handshake(USUAL, V1, b"-qB4520-abcdefghijkl"));
    scene.tcp(B, A, &message(7, &piece(1, 16_384)));
    let seen = scene.read();
    assert_eq!(seen.kinds(), [Kind::PeerWire, Kind::Blizzard]);
    assert_eq!(downloaded(&seen, V1), 16_384);
}

/// Bytes that look random.
fn random(length: usize) -> Vec<u8> {
    (0u32..).flat_map(|n| sha1::Sha1::digest(n.to_be_bytes())).take(length).collect()
}

#[test]
fn clear_messages_behind_one_side_of_a_key_exchange_are_read() {
    let request = |n: u32| message(6, &[n, 0, 16_384].map(u32::to_be_bytes).concat());
    let asks = |count: u32| (0..count).map(request).collect::<Vec<_>>();
    // Long enough to be judged at once, and only when the flow has ended; the exchange in one segment and in several.
    for (count, bursts) in [(60, &[432, 186, 68][..]), (60, &[686]), (8, &[150, 68])] {
        let mut scene = Scene::default();
        for &burst in bursts {
            scene.tcp(A, B, &random(burst));
        }
        scene.tcp(A, B, &extended(0, b"d1:md11:ut_metadatai2ee1:v5:Testse"));
        for ask in asks(count) {
            scene.tcp(A, B, &ask);
        }
        let seen = scene.read();
        let label = &seen.flow().label;
        assert_eq!((seen.kinds(), label.grade), (vec![Kind::PeerWire], Some(Grade::Confirmed)), "{count}");
        assert!(label.reasons.contains(Reason::MessageChain));
        assert_eq!(label.encryption, Encryption::MsePlaintext);
    }
    // Whatever else is random from one side has no messages in it; a text is no key.
    for (opening, rest) in [(random(432), random(60_000)), (b"hello ".repeat(80), asks(2).concat())] {
        let mut scene = Scene::default();
        scene.tcp(A, B, &opening).tcp(A, B, &rest);
        assert!(scene.read().kinds().is_empty());
    }
}
