//! What else strangers try on a port that BitTorrent listens on, and whether the host talks back.

use super::peer;
use super::scene::{Scene, alice, end};
use super::tcp_talk::{A, B, Talk};
use swarmscope::base::Transport;
use swarmscope::event::Opens;
use swarmscope::frame::Tcp;
use swarmscope::ledger::report::{PortReport, Report};

const RDP: &[u8] = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0";
const HELLO: &[u8] = b"\x16\x03\x01\0\x05\x01\0\0\x01\x03";

/// A stranger's connection to the port: what it says, and what the host says back.
fn visit(n: u8, says: &[u8], back: &[u8]) -> Scene {
    let mut talk = Talk::opened(end(&format!("198.51.100.{n}:4{n:04}")), alice());
    if !says.is_empty() {
        talk.say(A, says);
    }
    if !back.is_empty() {
        talk.say(B, back);
    }
    talk.close();
    talk.scene()
}

/// A peer that comes in and is served.
fn peer_comes_in() -> Scene {
    let mut talk = Talk::opened(end("203.0.113.9:50001"), alice());
    peer::converse(&mut talk);
    talk.close();
    talk.scene()
}

fn port(report: &Report, transport: Transport) -> &PortReport {
    let it = |p: &&PortReport| p.port == alice().port && p.transport == transport;
    report.exposure.iter().find(it).expect("the port was tried")
}

fn told(port: &PortReport) -> Vec<(Opens, u64, u64, u64)> {
    port.visits.iter().map(|v| (v.opens, v.flows, v.answered, v.sources)).collect()
}

#[test]
fn strangers_of_every_sort_are_told_apart_from_peers() {
    let mut scene = peer_comes_in();
    let random: Vec<u8> = (0..200u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let visits: [(&[u8], &[u8]); 11] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (b"GET /robots.txt HTTP/1.0\r\n\r\n", b""),
        (HELLO, b""),
        (b"SSH-2.0-Go\r\n", b""),
        (b"\0\0\0\x9c\xfeSMB\x40\0\0\0\0\0\0\0", b""),
        (RDP, b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0"),
        (b"\x05\x01\0", b""),
        (b"EHLO scanner.example\r\n", b""),
        (b"\x13/multistream/1.0.0\n", b""),
        (&random, b""),
        (b"", b""),
    ];
    for (n, (says, back)) in visits.iter().enumerate() {
        scene.then(&visit(n as u8 + 1, says, back));
    }
    // One more who leaves at once, from the same address as before.
    scene.then(&visit(11, b"", b""));
    let report = scene.play().report;
    let port = port(&report, Transport::Tcp);
    let expected = [
        (Opens::Nothing, 2, 0, 1),
        (Opens::Http, 2, 1, 2),
        (Opens::Tls, 1, 0, 1),
        (Opens::Ssh, 1, 0, 1),
        (Opens::Smb, 1, 0, 1),
        (Opens::Rdp, 1, 1, 1),
        (Opens::Socks, 1, 0, 1),
        (Opens::Text, 1, 0, 1),
        (Opens::OtherP2p, 1, 0, 1),
        (Opens::Unknown, 1, 0, 1),
    ];
    assert_eq!(told(port), expected);
    assert!(port.p2p && port.callers == 1 && port.sources == 12, "{port:?}");
}

#[test]
fn peers_and_refused_strangers_are_no_visits() {
    let mut scene = peer_comes_in();
    let mut refused = Talk::new(end("198.51.100.7:4000"), alice());
    refused.send(A, Tcp::SYN, &[]).send(B, Tcp::RST | Tcp::ACK, &[]);
    scene.then(&refused.scene());
    let report = scene.play().report;
    assert_eq!(told(port(&report, Transport::Tcp)), []);
}

#[test]
fn datagrams_to_a_bittorrent_port_count_and_to_others_do_not() {
    let mut scene = peer_comes_in();
    let ping = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
    let pong = b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re";
    let dns = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03";
    scene.udp(end("203.0.113.9:6881"), alice(), ping).udp(alice(), end("203.0.113.9:6881"), pong);
    scene.udp(end("198.51.100.20:53"), alice(), dns);
    scene.udp(end("198.51.100.20:53"), end("10.0.0.5:53"), dns);
    scene.udp(end("198.51.100.21:1000"), alice(), &[0xff; 40]);
    scene.udp(alice(), end("198.51.100.21:1000"), &[0xfe; 40]);
    let report = scene.play().report;
    let port = port(&report, Transport::Udp);
    assert_eq!(told(port), [(Opens::Dns, 1, 0, 1), (Opens::Unknown, 1, 1, 1)]);
    assert_eq!(port.callers, 1);
    assert!(!report.exposure.iter().any(|p| p.port == 53));
}

#[test]
fn a_peer_that_tries_the_ports_it_was_told_is_no_scanner() {
    // Six clients behind one address told their ports; a peer tries them all, a scanner tries others.
    let shut = |source: &str, port: u16| {
        let mut talk = Talk::new(end(source), end(&format!("{}:{port}", alice().address)));
        talk.send(A, Tcp::SYN, &[]).send(B, Tcp::RST | Tcp::ACK, &[]);
        talk.scene()
    };
    let mut scene = peer_comes_in();
    for n in 0..6u16 {
        let mut announce =
            Talk::opened(end(&format!("{}:{}", alice().address, 41_000 + n)), end("203.0.113.69:80"));
        let request = format!(
            "GET /announce?info_hash=%aa%bbabcdefghijklmnopqr&peer_id=-TR3000-abcdefghijkl&port={}&left=0 HTTP/1.1\r\n\r\n",
            30_000 + n
        );
        announce.say(A, request.as_bytes());
        scene.then(&announce.scene());
    }
    for n in 0..6u16 {
        scene.then(&shut(&format!("198.51.100.20:{}", 42_000 + n), 30_000 + n));
        scene.then(&shut(&format!("198.51.100.21:{}", 43_000 + n), 31_000 + n));
    }
    let report = scene.play().report;
    let scans: Vec<(String, u64)> = report.scans.iter().map(|s| (s.source.to_string(), s.ports)).collect();
    assert_eq!(scans, [("198.51.100.21".to_owned(), 6)]);
}
