//! What clients do over HTTP, WebSocket and TLS around a torrent.

use crate::scene::{Scene, Seen};
use swarmscope::base::hex;
use swarmscope::event::{Channel, Grade, Kind, NameTrust, Reason};
use swarmscope::ledger::report::Role;

const A: &str = "192.168.1.10:50123";
const SERVER: &str = "203.0.113.80:80";

const INFO: &[u8] = b"d6:lengthi20000e4:name8:song.ogg12:piece lengthi16384e6:pieces40:aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbe";

fn info_hash() -> [u8; 20] {
    <sha1::Sha1 as sha1::Digest>::digest(INFO).into()
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("%{b:02X}")).collect()
}

#[test]
fn a_torrent_file_over_http_names_its_torrent_and_accuses_nobody() {
    let torrent = [b"d8:announce20:http://tracker.test/4:info", INFO, b"e"].concat();
    let head = |kind: &str, length| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n")
    };
    for kind in ["application/x-bittorrent", "application/octet-stream"] {
        let mut scene = Scene::default();
        scene.tcp(
            A,
            SERVER,
            b"GET /song.torrent HTTP/1.1\r\nHost: music.test\r\nUser-Agent: Mozilla/5.0\r\n\r\n",
        );
        scene.tcp(SERVER, A, &[head(kind, torrent.len()).as_bytes(), &torrent].concat());
        let seen = scene.read();
        let label = &seen.flow().label;
        assert_eq!((label.grade, label.info_hashes[0].0), (Some(Grade::Suspected), info_hash()), "{kind}");
        assert!(label.reasons.contains(Reason::Metainfo));
        assert!(seen.report.hosts.is_empty(), "a file that was fetched need not be used");
        // Once the host takes part, the torrent has its name.
        scene.tcp(
            A,
            "198.51.100.7:6881",
            &crate::peer_wire::handshake([0; 8], info_hash(), b"-qB4520-abcdefghijkl"),
        );
        let seen = scene.read();
        let name = seen.torrent(info_hash()).name.as_ref().map(|(n, by, trust)| (n.as_str(), *by, *trust));
        assert_eq!(name, Some(("song.ogg", Channel::Metainfo, NameTrust::Verified)));
    }
}

#[test]
fn what_follows_a_page_on_the_same_connection_is_read_wherever_it_begins() {
    let announce = format!(
        "GET /announce?info_hash={}&peer_id=-qB4520-abcdefghijkl&port=51413&left=0&uploaded=0&downloaded=0 HTTP/1.1\r\nHost: tracker.example\r\n\r\n",
        percent(&info_hash())
    );
    let head = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n")
    };
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 62\r\n\r\nd8:completei7e10:incompletei3e8:intervali1800e5:peers6:\xcb\x00\x71\x09\x1a\xe1e";
    // The page ends with a segment of 1,400 bytes, just behind its beginning, and just before its end.
    let whole = 6 * 1_400 - head(8_000).len();
    for length in [whole, whole + 1, whole - 1] {
        let page = [head(length).as_bytes(), &vec![b'd'; length]].concat();
        let mut scene = Scene::default();
        for _ in 0..2 {
            scene.tcp(
                A,
                SERVER,
                b"GET /a/page/of/some/length/indeed.html HTTP/1.1\r\nHost: www.example.net\r\n\r\n",
            );
            scene.tcp(SERVER, A, &page);
        }
        scene.tcp(A, SERVER, announce.as_bytes()).tcp(SERVER, A, reply);
        let seen = scene.read();
        assert_eq!(
            (seen.kinds(), seen.flow().label.grade),
            (vec![Kind::HttpTracker], Some(Grade::Confirmed)),
            "{length}"
        );
        assert_eq!(seen.torrent(info_hash()).reported, Some((7, 3, None)), "{length}");
    }
}

#[test]
fn piece_requests_to_a_web_seed_name_the_torrent() {
    let target = format!("/seed?info_hash={}&piece=3&ranges=0-16383", percent(&info_hash()));
    let mut scene = Scene::default();
    scene.tcp(A, SERVER, format!("GET {target} HTTP/1.1\r\nHost: seed.test\r\n\r\n").as_bytes());
    let seen = scene.read();
    assert_eq!((seen.kinds(), seen.flow().label.grade), (vec![Kind::Webseed], Some(Grade::Confirmed)));
    assert_eq!(seen.torrent(info_hash()).channels, [Channel::Webseed]);
}

#[test]
fn ranges_of_a_client_are_a_web_seed_from_the_third_on() {
    let ask = |first: u64| {
        format!(
            "GET /song.ogg HTTP/1.1\r\nHost: mirror.test\r\nUser-Agent: qBittorrent/4.5.2\r\nRange: bytes={first}-{}\r\n\r\n",
            first + 16_383
        )
    };
    let answer =
        [&b"HTTP/1.1 206 Partial Content\r\nContent-Length: 16384\r\n\r\n"[..], &[7; 16_384]].concat();
    let fetch = |times: u64| -> Seen {
        let mut scene = Scene::default();
        for n in 0..times {
            scene.tcp(A, SERVER, ask(n * 16_384).as_bytes()).tcp(SERVER, A, &answer);
        }
        scene.read()
    };
    assert!(fetch(2).kinds().is_empty());
    assert_eq!(fetch(3).kinds(), [Kind::Webseed]);
}

#[test]
fn a_server_name_that_is_an_info_hash_is_an_ssl_torrent() {
    let v2 = [0xab; 32];
    for (name, key, whole) in [(hex(&info_hash()), info_hash(), None), (hex(&v2), [0xab; 20], Some(v2))] {
        let mut scene = Scene::default();
        scene.tcp(A, "198.51.100.7:6881", &client_hello(&name));
        let seen = scene.read();
        assert_eq!((seen.kinds(), seen.flow().label.grade), (vec![Kind::PeerWire], Some(Grade::Confirmed)));
        assert!(seen.has_reason(Reason::TorrentSni));
        let torrent = seen.torrent(key);
        assert_eq!((torrent.v2.map(|h| h.0), &torrent.channels[..]), (whole, &[Channel::Tls][..]));
    }
    let mut scene = Scene::default();
    scene.tcp(A, "198.51.100.7:443", &client_hello("www.example.org"));
    assert!(scene.read().kinds().is_empty());
}

/// A TLS ClientHello (RFC 8446) with a server name (RFC 6066).
pub fn client_hello(name: &str) -> Vec<u8> {
    let u16 = |n: usize| u16::try_from(n).expect("short").to_be_bytes();
    let sni = [&u16(name.len() + 3)[..], &[0], &u16(name.len()), name.as_bytes()].concat();
    let list = [&[0, 0][..], &u16(sni.len()), &sni].concat();
    let hello = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0], &u16(list.len()), &list].concat();
    [&[22, 3, 1][..], &u16(hello.len() + 4), &[1, 0], &u16(hello.len()), &hello].concat()
}

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: tracker.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn a_tracker_over_websocket_is_read_in_both_directions() {
    // Twenty bytes as twenty code points, some of them above ASCII.
    let key: Vec<u8> = (0..20).map(|n| if n % 2 == 0 { b'a' + n } else { 0xe0 + n }).collect();
    let text: String = key.iter().map(|&b| char::from(b)).collect();
    let announce = serde_json::json!({
        "action": "announce", "info_hash": text, "peer_id": "-WW0102-abcdefghijkl",
        "numwant": 5, "uploaded": 0, "downloaded": 0, "left": 1000, "event": "started",
    });
    let reply = serde_json::json!({
        "action": "announce", "info_hash": text, "interval": 120, "complete": 4, "incomplete": 2,
    });
    let mut scene = Scene::default();
    scene.tcp(A, SERVER, UPGRADE.as_bytes()).tcp(SERVER, A, AGREED.as_bytes());
    scene.tcp(A, SERVER, &frame(announce.to_string().as_bytes(), true));
    scene.tcp(SERVER, A, &frame(reply.to_string().as_bytes(), false));
    let seen = scene.read();
    assert_eq!(seen.kinds(), [Kind::WsTracker]);
    let torrent = seen.torrent(key.try_into().expect("twenty bytes"));
    assert_eq!((torrent.reported, torrent.hosts[0].role), (Some((4, 2, None)), Role::Member));
    assert!(seen.flow().label.two_way);
    assert!(
        seen.home().clients.iter().any(|c| c.name.starts_with("WebTorrent")),
        "{:?}",
        seen.home().clients
    );
}

#[test]
fn the_sockets_of_webrtc_offers_are_no_open_ports() {
    let offers: Vec<_> = (0..10)
        .map(|n| {
            let candidate = format!("a=candidate:1 1 udp 2122260223 192.168.1.10 {} typ host", 40_000 + n);
            serde_json::json!({ "offer_id": n.to_string(), "offer": { "type": "offer", "sdp": candidate } })
        })
        .collect();
    let announce = serde_json::json!({
        "action": "announce", "info_hash": "abcdefghijklmnopqrst", "peer_id": "-WW0102-abcdefghijkl",
        "numwant": 10, "uploaded": 0, "downloaded": 0, "left": 1000, "offers": offers,
    });
    let mut scene = Scene::default();
    scene.tcp(A, SERVER, UPGRADE.as_bytes()).tcp(SERVER, A, AGREED.as_bytes());
    scene.tcp(A, SERVER, &frame(announce.to_string().as_bytes(), true));
    // The connection through one of them is still known by it.
    let (socket, peer) = ("192.168.1.10:40003", "203.0.113.8:50000");
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[5; 12]].concat();
    let hello = [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 48][..], &[0; 56]].concat();
    for _ in 0..3 {
        scene.udp(socket, peer, &stun).udp(peer, socket, &stun).udp(socket, peer, &hello);
    }
    let seen = scene.read();
    assert!(seen.home().listens.is_empty(), "{:?}", seen.home().listens);
    assert!(seen.report.exposure.is_empty(), "{:?}", seen.report.exposure);
    assert!(seen.has_reason(Reason::OwnPort), "{:?}", seen.flows);
}

#[test]
fn a_tracker_over_websocket_is_read_from_one_side_and_from_the_middle() {
    let announce = serde_json::json!({
        "action": "announce", "info_hash": "abcdefghijklmnopqrst", "peer_id": "-WW0102-abcdefghijkl",
        "numwant": 5, "uploaded": 0, "downloaded": 0, "left": 1000,
    });
    let reply = serde_json::json!({
        "action": "announce", "info_hash": "abcdefghijklmnopqrst", "interval": 120, "complete": 4, "incomplete": 2,
    });
    let (asks, says) =
        (frame(announce.to_string().as_bytes(), true), frame(reply.to_string().as_bytes(), false));
    let mut client = Scene::default();
    client.tcp_unseen(A, SERVER, UPGRADE.as_bytes()).tcp_unseen(A, SERVER, &asks);
    let mut middle = Scene::default();
    middle.tcp_unseen(A, SERVER, &asks).tcp_unseen(SERVER, A, &says);
    for (scene, both) in [(client, false), (middle, true)] {
        let seen = scene.read();
        assert_eq!(seen.kinds(), [Kind::WsTracker], "{:?}", seen.flows);
        assert_eq!(seen.flow().label.grade, Some(Grade::Confirmed));
        let torrent = seen.torrent(*b"abcdefghijklmnopqrst");
        assert_eq!(torrent.reported, both.then_some((4, 2, None)));
    }
    // Another service that speaks JSON in the same frames.
    let other = serde_json::json!({ "action": "announce", "channel": "news" });
    let mut scene = Scene::default();
    scene.tcp_unseen(A, SERVER, UPGRADE.as_bytes()).tcp_unseen(
        A,
        SERVER,
        &frame(other.to_string().as_bytes(), true),
    );
    assert!(scene.read().kinds().is_empty());
}

/// A text frame (RFC 6455), its length in the shortest form; clients mask theirs.
fn frame(text: &[u8], masked: bool) -> Vec<u8> {
    let bit = if masked { 0x80 } else { 0 };
    let head = match u8::try_from(text.len()) {
        Ok(short) if short < 126 => vec![0x81, bit | short],
        _ => [&[0x81, bit | 126][..], &u16::try_from(text.len()).expect("short").to_be_bytes()].concat(),
    };
    let mask = if masked { [1, 2, 3, 4] } else { [0; 4] };
    let hidden: Vec<u8> = text.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
    [&head[..], if masked { &mask } else { &[] }, &hidden].concat()
}

#[test]
fn answers_of_a_udp_tracker_tell_it_where_no_request_is_seen() {
    const HOME: &str = "192.168.1.10:6881";
    const TRACKER: &str = "203.0.113.69:6969";
    let granted = |id: &[u8; 8]| [&[0, 0, 0, 0, 0xa5, 0x73, 0x89, 0x6f][..], id].concat();
    let listed = |interval: u32, seeders: u32, port: u16| {
        let peer = [&[203, 0, 113, 9][..], &port.to_be_bytes()].concat();
        let sums = [interval, 0, seeders].map(u32::to_be_bytes).concat();
        [&[0, 0, 0, 1, 0x5b, 0x0d, 0xf3, 0x61][..], &sums, &peer, &peer].concat()
    };
    let kinds = |datagrams: &[Vec<u8>], pause: u64| {
        let mut scene = Scene::default();
        for datagram in datagrams {
            scene.udp(TRACKER, HOME, datagram).wait(pause);
        }
        let seen = scene.read();
        assert!(seen.report.hosts.is_empty(), "answers alone accuse nobody");
        seen.kinds()
    };
    let id = b"\x4c\x7e\x91\x57\x3a\xf2\xee\x5f";
    assert_eq!(kinds(&[granted(id), listed(1_867, 2, 6_881)], 1), [Kind::UdpTracker]);
    let none: [(&str, [Vec<u8>; 2], u64); 6] = [
        ("the wrong order", [listed(1_867, 2, 6_881), granted(id)], 1),
        ("a counter for an id", [granted(&[0, 0, 0, 0, 0, 0, 0, 7]), listed(1_867, 2, 6_881)], 1),
        ("more peers than there are", [granted(id), listed(1_867, 1, 6_881)], 1),
        ("no such interval", [granted(id), listed(7, 2, 6_881)], 1),
        ("peers nobody can reach", [granted(id), listed(1_867, 2, 0)], 1),
        ("long after", [granted(id), listed(1_867, 2, 6_881)], 61),
    ];
    for (what, datagrams, pause) in none {
        assert_eq!(kinds(&datagrams, pause), [], "{what}");
    }
}
