//! HTTP and UDP trackers: requests cut and spelled oddly, answers of all forms, sessions joined late.

use super::load::{self, Verdict};
use super::peer::{ALICE, HASH};
use super::scene::{Expect, Scene, Suite, alice, confirmed, end, nothing, suspected_at_most};
use super::tcp_talk::{A, B, Talk};
use swarmscope::base::Endpoint;
use swarmscope::event::{Kind, Reason};
use swarmscope::frame::Tcp;

fn tracker() -> Endpoint {
    end("203.0.113.7:6969")
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("%{b:02x}")).collect()
}

fn query() -> String {
    format!(
        "info_hash={}&peer_id={}&port=6881&uploaded=0&downloaded=0&left=100&compact=1&event=started",
        percent(&HASH),
        percent(&ALICE)
    )
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: t.example:6969\r\nUser-Agent: qBittorrent/4.5.2\r\n\r\n")
        .into_bytes()
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

const COMPACT: &[u8] =
    b"d8:completei3e10:incompletei2e8:intervali1800e5:peers12:\xcb\0\x71\x0a\x1a\xe1\xcb\0\x71\x0b\x1a\xe1e";
const LISTED: &[u8] =
    b"d8:intervali1800e5:peersld2:ip12:203.0.113.107:peer id20:-TR4110-0a1b2c3d4e5f4:porti6881eeee";

fn exchange(request: &[u8], answer: &[u8]) -> Talk {
    let mut talk = Talk::opened(alice(), tracker());
    talk.say(A, request).say(B, answer).close();
    talk
}

fn announced() -> Expect {
    confirmed(Kind::HttpTracker).reason(Reason::HttpTracker).between(alice(), tracker()).hash(HASH)
}

#[test]
fn http_announces() {
    let mut suite = Suite::default();
    let plain = get(&format!("/announce?{}", query()));
    let odd_key = query().replace("info_hash", "%69nfo_hash");
    let odder_key = query().replace("info_hash", "%69%6e%66%6f%5f%68%61%73%68");
    let cases: [(&str, Vec<u8>); 9] = [
        ("plain", plain.clone()),
        ("absolute URI", get(&format!("http://t.example:6969/announce?{}", query()))),
        ("percent-encoded key", get(&format!("/announce?{odd_key}"))),
        ("wholly percent-encoded key", get(&format!("/announce?{odder_key}"))),
        ("upper-case escapes", get(&format!("/announce?{}", query().replace("%0c%61", "%0C%61")))),
        ("passkey in the path", get(&format!("/0123456789abcdef0123456789abcdef/announce?{}", query()))),
        ("php", get(&format!("/announce.php?passkey=secret&{}", query()))),
        ("HTTP/1.0", [format!("GET /announce?{} HTTP/1.0\r\n\r\n", query()).into_bytes()].concat()),
        (
            "info_hash last",
            get(&format!("/announce?peer_id={}&port=6881&info_hash={}", percent(&ALICE), percent(&HASH))),
        ),
    ];
    for (name, request) in &cases {
        let talk = exchange(request, &ok(COMPACT));
        suite.check(name, "a tracker answers it", &talk.scene(), &announced());
        for size in [1, 7] {
            suite.check(
                &format!("{name} in pieces of {size}"),
                "writes may be cut",
                &talk.clone().in_pieces(size).scene(),
                &announced(),
            );
        }
    }
    let one_way = exchange(&plain, &ok(COMPACT)).only(|s| s.from == A).scene();
    suite.check("request only", "asymmetric routing", &one_way, &announced());
    let reply_only = exchange(&plain, &ok(COMPACT)).only(|s| s.from == B).scene();
    let tracker_only = confirmed(Kind::HttpTracker).between(alice(), tracker());
    suite.check("answer only", "asymmetric routing", &reply_only, &tracker_only);
    let late = exchange(&plain, &ok(COMPACT)).only(|s| s.header.flags & Tcp::SYN == 0).scene();
    suite.check("joined late", "keep-alive connections repeat whole requests", &late, &announced());
    let mut second = Talk::opened(alice(), tracker());
    second
        .say(A, &get("/index.html"))
        .say(B, &ok(b"<html>tracker</html>"))
        .say(A, &plain)
        .say(B, &ok(COMPACT));
    suite.check("second request", "keep-alive", &second.scene(), &announced());
    let mut proxied = Talk::opened(alice(), tracker());
    proxied.say(A, b"CONNECT t.example:6969 HTTP/1.1\r\n\r\n").say(B, b"HTTP/1.1 200 OK\r\n\r\n");
    proxied.say(A, &plain).say(B, &ok(COMPACT));
    suite.check("inside CONNECT", "a proxy in clear hides nothing", &proxied.scene(), &announced());
    suite.finish();
}

#[test]
fn http_answers() {
    let mut suite = Suite::default();
    let plain = get(&format!("/announce?{}", query()));
    let chunked = {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in COMPACT.chunks(9) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        bytes
    };
    let until_close = [&b"HTTP/1.0 200 OK\r\n\r\n"[..], COMPACT].concat();
    for (name, answer) in [
        ("compact", ok(COMPACT)),
        ("list of dictionaries", ok(LISTED)),
        ("chunked", chunked),
        ("until close", until_close),
        ("failure", ok(b"d14:failure reason17:not authorized, oke")),
        ("empty", ok(b"")),
        ("404", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()),
    ] {
        let talk = exchange(&plain, &answer);
        suite.check(name, "the request decides", &talk.scene(), &announced());
        suite.check(
            &format!("{name} in pieces of 1"),
            "the same",
            &talk.clone().in_pieces(1).scene(),
            &announced(),
        );
        if name.len() > 5 && name != "failure" && name != "until close" || name == "compact" {
            let mut next = talk.clone();
            next.segments.retain(|s| s.header.flags & Tcp::FIN == 0);
            let alone = next.only(|s| s.from == B).scene();
            let expect = confirmed(Kind::HttpTracker).between(alice(), tracker());
            suite.check(&format!("{name}, answer only"), "asymmetric routing", &alone, &expect);
        }
    }
    let scrape = get(&format!("/scrape?info_hash={}", percent(&HASH)));
    let files =
        [&b"d5:filesd20:"[..], &HASH, b"d8:completei5e10:downloadedi50e10:incompletei10eeee"].concat();
    suite.check("scrape", "BEP 48", &exchange(&scrape, &ok(&files)).scene(), &announced());
    suite.check(
        "scrape in pieces of 1",
        "BEP 48",
        &exchange(&scrape, &ok(&files)).in_pieces(1).scene(),
        &announced(),
    );
    suite.finish();
}

#[test]
fn pages_about_torrents() {
    let mut suite = Suite::default();
    let hex: String = HASH.iter().map(|b| format!("{b:02x}")).collect();
    for (name, target) in [
        ("40 hex digits", format!("/torrent?info_hash={hex}&peer_id=x&port=1")),
        ("no torrent", "/announce?peer_id=abc&port=6881".to_owned()),
        (
            "19 bytes",
            format!("/announce?info_hash={}&peer_id={}&port=6881", percent(&HASH[1..]), percent(&ALICE)),
        ),
        ("a page called announce", "/announce".to_owned()),
        ("a page called scrape", "/scrape".to_owned()),
    ] {
        let talk = exchange(&get(&target), &ok(b"<html>d8:intervali1800e</html>"));
        suite.check(name, "a web page, not a tracker", &talk.scene(), &nothing());
    }
    suite.finish();
}

/// A UDP tracker session in the order of BEP 15, between two endpoints.
fn session(a: Endpoint, b: Endpoint, six: bool) -> Scene {
    let connection = *b"\x11\x22\x33\x44\x55\x66\x77\x88";
    let peers: &[u8] =
        if six { b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\x1a\xe1" } else { b"\xcb\0\x71\x09\x1a\xe1" };
    let announce = [
        &connection[..],
        b"\0\0\0\x01\xaa\xbb\xcc\x02",
        &HASH,
        &ALICE,
        &[0; 24],
        b"\0\0\0\x02\0\0\0\0\x01\x02\x03\x04\xff\xff\xff\xff\x1a\xe1",
    ]
    .concat();
    let mut scene = Scene::default();
    scene
        .udp(a, b, b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\xaa\xbb\xcc\x01")
        .udp(b, a, &[&b"\0\0\0\0\xaa\xbb\xcc\x01"[..], &connection].concat())
        .udp(a, b, &announce)
        .udp(b, a, &[&b"\0\0\0\x01\xaa\xbb\xcc\x02\0\0\x07\x08\0\0\0\x02\0\0\0\x03"[..], peers].concat())
        .udp(a, b, &[&connection[..], b"\0\0\0\x02\xaa\xbb\xcc\x03", &HASH].concat())
        .udp(b, a, b"\0\0\0\x02\xaa\xbb\xcc\x03\0\0\0\x03\0\0\0\x32\0\0\0\x02");
    scene
}

#[test]
fn udp_sessions() {
    let mut suite = Suite::default();
    let six = (end("[fd00::5]:6881"), end("[2001:db8::7]:6969"));
    let four = (alice(), tracker());
    for (name, (a, b), is_six) in
        [("IPv4", four, false), ("IPv6", six, true), ("port 53", (alice(), end("203.0.113.7:53")), false)]
    {
        let whole = session(a, b, is_six);
        let expect = confirmed(Kind::UdpTracker).between(a, b);
        let some =
            |range: std::ops::Range<usize>| Scene { packets: whole.packets[range].to_vec(), ..whole.clone() };
        let odd = |keep: usize| Scene {
            packets: whole
                .packets
                .iter()
                .enumerate()
                .filter(|(i, _)| i % 2 == keep)
                .map(|(_, p)| p.clone())
                .collect(),
            ..whole.clone()
        };
        suite.check(&format!("{name}, whole"), "BEP 15", &whole, &expect.clone().hash(HASH).two_way(true));
        suite.check(
            &format!("{name}, connect only"),
            "its magic is 64 bits",
            &some(0..1),
            &expect.clone().two_way(false),
        );
        suite.check(
            &format!("{name}, announce only"),
            "a known client's peer id",
            &some(2..3),
            &expect.clone().hash(HASH),
        );
        suite.check(
            &format!("{name}, from the announce on"),
            "joined late",
            &some(2..6),
            &expect.clone().hash(HASH).two_way(true),
        );
        suite.check(
            &format!("{name}, announce answered"),
            "joined late",
            &some(2..4),
            &expect.clone().two_way(true),
        );
        let mut stranger = some(2..4);
        let at = if is_six { 62 } else { 42 } + 36;
        stranger.packets[0].1[at..at + 20].copy_from_slice(&super::tcp_talk::Dice(9).bytes(20));
        suite.check(
            &format!("{name}, random peer id"),
            "the answer proves it",
            &stranger,
            &expect.clone().hash(HASH),
        );
        suite.check(
            &format!("{name}, scrape answered"),
            "joined late",
            &some(4..6),
            &expect.clone().hash(HASH),
        );
        suite.check(
            &format!("{name}, requests only"),
            "asymmetric routing",
            &odd(0),
            &expect.clone().hash(HASH).two_way(false),
        );
        suite.check(
            &format!("{name}, one answer only"),
            "small integers are common",
            &some(5..6),
            &suspected_at_most(),
        );
        let mut error = some(2..3);
        error.udp(b, a, b"\0\0\0\x03\xaa\xbb\xcc\x02Connection ID missmatch.");
        suite.check(&format!("{name}, error"), "BEP 15", &error, &expect.clone().two_way(true));
    }
    for vector in load::packets_of("bt.tracker.udp") {
        let expect = match vector.expect.verdict {
            Verdict::Match => confirmed(Kind::UdpTracker).between(alice(), tracker()),
            Verdict::Candidate => suspected_at_most(),
            Verdict::Reject => nothing(),
        };
        let (from, to) = if vector.dir == "s2c" { (tracker(), alice()) } else { (alice(), tracker()) };
        let mut scene = Scene::default();
        scene.udp(from, to, &vector.bytes);
        suite.check(vector.id, "the vectors", &scene, &expect);
    }
    for vector in load::flows().filter(|f| f.expect.class == "bt.tracker.udp") {
        let mut scene = Scene::default();
        for (dir, bytes, _) in &vector.packets {
            let (from, to) = if *dir == "a2b" { (alice(), tracker()) } else { (tracker(), alice()) };
            scene.udp(from, to, bytes);
        }
        suite.check(
            vector.id,
            "the vectors",
            &scene,
            &confirmed(Kind::UdpTracker).between(alice(), tracker()),
        );
    }
    suite.finish();
}
