//! RELIABILITY 4.2, negative controls: traffic of every day accuses nobody, whatever its ports.

use super::scene::{Scene, Suite, bob, end, nothing, suspected_at_most};
use super::tcp_talk::{A, B, Dice, Talk};
use std::time::Duration;
use swarmscope::base::Endpoint;

/// A conversation of two endpoints.
pub type Script = fn(Endpoint, Endpoint, &mut Dice) -> Scene;

/// What hosts say all day.
pub const SCRIPTS: [(&str, Script); 14] = [
    ("TLS 1.3", tls),
    ("SSH", ssh),
    ("HTTP", http),
    ("SMTP with STARTTLS", smtp),
    ("random bytes over TCP", random_tcp),
    ("random bytes over TCP, one way", |a, b, dice| {
        let mut talk = Talk::opened(a, b);
        talk.say(A, &dice.bytes(40_000));
        talk.scene()
    }),
    ("DNS", dns),
    ("QUIC", |a, b, dice| quic(a, b, dice, *b"\xc7\x31\x5e\x09abcd")),
    ("QUIC, connection id of zeros", |a, b, dice| quic(a, b, dice, [0; 8])),
    ("random bytes over UDP", |a, b, dice| {
        both_ways(a, b, 200, |_| {
            let n = 20 + dice.below(1_200);
            dice.bytes(n)
        })
    }),
    ("NTP", |a, b, dice| {
        both_ways(a, b, 8, |n| {
            [&[if n % 2 == 0 { 0x23 } else { 0x24 }, 2, 6, 0xe9][..], &dice.bytes(44)].concat()
        })
    }),
    ("SIP", sip),
    ("RTP", rtp),
    ("a game", game),
];

pub fn tls(a: Endpoint, b: Endpoint, dice: &mut Dice) -> Scene {
    let record =
        |kind: u8, body: &[u8]| [&[kind, 3, 3][..], &(body.len() as u16).to_be_bytes(), body].concat();
    let hello = |kind: u8, dice: &mut Dice, rest: &[u8]| {
        let body = [&[3, 3][..], &dice.bytes(32), &[32], &dice.bytes(32), rest].concat();
        let length = &(body.len() as u32).to_be_bytes()[1..];
        record(22, &[&[kind][..], length, &body].concat())
    };
    let name = b"\0\0\0\x10\0\x0e\0\0\x0bwww.example";
    let extensions = [&(name.len() as u16).to_be_bytes()[..], name].concat();
    let client = hello(1, dice, &[&b"\0\x04\x13\x01\x13\x02\x01\0"[..], &extensions].concat());
    let server = hello(2, dice, b"\x13\x01\0\0\x06\0\x2b\0\x02\x03\x04");
    let mut talk = Talk::opened(a, b);
    talk.say(A, &client).say(B, &[server, record(20, &[1]), record(23, &dice.bytes(2_400))].concat());
    talk.say(A, &[record(20, &[1]), record(23, &dice.bytes(53))].concat());
    for _ in 0..20 {
        talk.say(A, &record(23, &dice.bytes(90))).say(B, &record(23, &dice.bytes(16_000)));
    }
    talk.close();
    talk.scene()
}

pub fn ssh(a: Endpoint, b: Endpoint, dice: &mut Dice) -> Scene {
    let mut talk = Talk::opened(a, b);
    talk.say(A, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n").say(B, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
    let init = [&b"\0\0\x02\x1c\x06\x14"[..], &dice.bytes(16), &[b'x'; 520]].concat();
    talk.say(A, &init).say(B, &init);
    for _ in 0..30 {
        talk.say(A, &dice.bytes(36)).say(B, &dice.bytes(116));
    }
    talk.scene()
}

fn http(a: Endpoint, b: Endpoint, dice: &mut Dice) -> Scene {
    let mut talk = Talk::opened(a, b);
    for _ in 0..6 {
        talk.say(A, b"GET /picture HTTP/1.1\r\nHost: www.example\r\nUser-Agent: Mozilla/5.0\r\n\r\n");
        talk.say(B, b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 16393\r\n\r\n")
            .say(B, &dice.bytes(16_393));
    }
    talk.scene()
}

fn smtp(a: Endpoint, b: Endpoint, dice: &mut Dice) -> Scene {
    let mut talk = Talk::opened(a, b);
    talk.say(B, b"220 mail.example ESMTP\r\n").say(A, b"EHLO pc.example\r\n").say(B, b"250 STARTTLS\r\n");
    talk.say(A, b"STARTTLS\r\n")
        .say(B, b"220 go ahead\r\n")
        .say(A, &dice.bytes(300))
        .say(B, &dice.bytes(300));
    talk.scene()
}

/// Encrypted without a shape: no lengths of a key exchange.
pub fn random_tcp(a: Endpoint, b: Endpoint, dice: &mut Dice) -> Scene {
    let mut talk = Talk::opened(a, b);
    talk.say(A, &dice.bytes(1_200)).say(B, &dice.bytes(900));
    for _ in 0..20 {
        let (n, m) = (1 + dice.below(900), 1 + dice.below(4_000));
        talk.say(A, &dice.bytes(n)).say(B, &dice.bytes(m));
    }
    talk.scene()
}

fn both_ways(a: Endpoint, b: Endpoint, count: u32, mut datagram: impl FnMut(u32) -> Vec<u8>) -> Scene {
    let mut scene = Scene { step: Duration::from_millis(20), ..Scene::default() };
    for n in 0..count {
        let (from, to) = if n % 2 == 0 { (a, b) } else { (b, a) };
        scene.udp(from, to, &datagram(n));
    }
    scene
}

pub fn dns(a: Endpoint, b: Endpoint, _: &mut Dice) -> Scene {
    let name = b"\x03www\x07example\x03com\0\0\x01\0\x01";
    let ids = [0x0100u16, 0x1100, 0x2100, 0x3100, 0x4100, 0x0101, 0x2101, 0x4102, 0xbeef];
    both_ways(a, b, 18, |n| {
        let id = ids[n as usize / 2].to_be_bytes();
        if n % 2 == 0 {
            [&id[..], b"\x01\0\0\x01\0\0\0\0\0\0", name].concat()
        } else {
            [
                &id[..],
                b"\x81\x80\0\x01\0\x01\0\0\0\0",
                name,
                b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xcb\0\x71\x09",
            ]
            .concat()
        }
    })
}

/// RFC 9000: long headers, then short ones, whose connection id follows a first byte of `01xxxxxx`.
pub fn quic(a: Endpoint, b: Endpoint, dice: &mut Dice, id: [u8; 8]) -> Scene {
    both_ways(a, b, 400, |n| {
        let rest = dice.bytes(if n < 4 { 1_180 } else { 60 + n as usize });
        if n < 4 {
            [&[0xc0 | dice.below(16) as u8, 0, 0, 0, 1, 8][..], &id, &[8], &id, &rest].concat()
        } else {
            [&[0x40 | dice.below(64) as u8][..], &id, &rest].concat()
        }
    })
}

fn sip(a: Endpoint, b: Endpoint, _: &mut Dice) -> Scene {
    both_ways(a, b, 6, |n| {
        let line = if n % 2 == 0 { "OPTIONS sip:pbx.example SIP/2.0" } else { "SIP/2.0 200 OK" };
        format!("{line}\r\nVia: SIP/2.0/UDP 10.0.0.5\r\nCall-ID: {n}\r\nCSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n").into_bytes()
    })
}

fn rtp(a: Endpoint, b: Endpoint, dice: &mut Dice) -> Scene {
    both_ways(a, b, 300, |n| {
        let stamp = (n * 160).to_be_bytes();
        [&[0x80, 0][..], &(n as u16 / 2).to_be_bytes(), &stamp, b"ssrc", &dice.bytes(160)].concat()
    })
}

/// Small packets that begin with a type, a flag and a counter, as many games have them: 0x01, 0x11, 0x21 begin uTP too.
fn game(a: Endpoint, b: Endpoint, dice: &mut Dice) -> Scene {
    both_ways(a, b, 300, |n| {
        let kind = [0x01, 0x11, 0x21, 0x41, 0x02][n as usize % 5];
        let size = 30 + dice.below(60);
        [&[kind, 0][..], &n.to_le_bytes(), &dice.bytes(size)].concat()
    })
}

#[test]
fn everyday_traffic_accuses_nobody() {
    let mut suite = Suite::default();
    let mut dice = Dice(21);
    for (name, script) in SCRIPTS {
        for port in [443, 53, 22, 5060, 6881, 6969, 51_413] {
            let remote = Endpoint::new(bob().address, port);
            let scene = script(end("10.0.0.5:40754"), remote, &mut dice);
            // Encrypted streams may be suspected of anything; nobody is accused of it.
            let expect = if name.contains("random") || name.contains("QUIC") || name.contains("game") {
                suspected_at_most()
            } else {
                nothing()
            };
            let seen = suite.check(&format!("{name} to port {port}"), "it is innocent", &scene, &expect);
            suite.require(
                &format!("{name} to port {port}"),
                "no host is reported",
                seen.report.hosts.is_empty(),
            );
        }
    }
    suite.finish();
}

/// The same from and to the ports that clients like, many flows of one host: no number of them adds up to an accusation.
#[test]
fn a_busy_host_stays_innocent() {
    let mut suite = Suite::default();
    let mut dice = Dice(22);
    let mut scene = Scene::default();
    for n in 0..6u16 {
        for (i, (_, script)) in SCRIPTS.iter().enumerate() {
            let a = Endpoint::new(end("10.0.0.5:1").address, 6_881 + n * 20 + i as u16);
            let b = end(&format!("203.0.113.{}:{}", 10 + n, 51_413 + i as u16));
            scene.then(&script(a, b, &mut dice));
        }
    }
    let seen = suite.check("84 flows", "they are innocent", &scene, &suspected_at_most());
    suite.require("84 flows", "no host is reported", seen.report.hosts.is_empty());
    suite.finish();
}
