//! What a host looks up and tries again says something of its other connections, and never of itself alone.

use crate::peer_wire::handshake;
use crate::scene::{Scene, Seen};
use crate::web::client_hello;
use sha1::{Digest, Sha1};
use swarmscope::event::{Grade, Reason};

const A: &str = "192.168.1.10:51413";
const B: &str = "198.51.100.7:6881";
const RESOLVER: &str = "9.9.9.9:53";

fn lookup(name: &str) -> Vec<u8> {
    let labels: Vec<u8> = name.split('.').flat_map(|l| [&[l.len() as u8], l.as_bytes()].concat()).collect();
    [&b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0"[..], &labels, b"\0\0\x01\0\x01"].concat()
}

/// A uTP SYN, which a stranger's packet may look like.
const SYN: &[u8] = b"\x41\0\x12\x34\0\x01\0\x02\0\0\0\0\0\x10\0\0\0\x01\0\0";

fn grade_of_syn(seen: &Seen) -> (Option<Grade>, bool) {
    let flow = seen.flows.iter().find(|f| f.responder.to_string() == B).expect("the flow");
    (flow.label.grade, flow.label.reasons.contains(Reason::NameHint))
}

#[test]
fn a_looked_up_name_makes_a_weak_sign_suspected_and_nobody_listed() {
    let after = |name: &str, minutes: u64| {
        let mut scene = Scene::default();
        scene.udp("192.168.1.10:40000", RESOLVER, &lookup(name)).wait(minutes * 60).udp(A, B, SYN);
        let seen = scene.read();
        assert!(seen.report.hosts.is_empty() && seen.kinds().is_empty());
        assert!(seen.flows.iter().all(|f| f.responder.to_string() != RESOLVER || f.label.grade.is_none()));
        grade_of_syn(&seen)
    };
    assert_eq!(after("Router.BitTorrent.com", 1), (Some(Grade::Suspected), true));
    assert_eq!(after("www.example.org", 1), (None, false));
    assert_eq!(after("router.bittorrent.com", 11), (None, false), "too long ago");
}

#[test]
fn the_answer_and_a_tls_server_name_hint_as_well() {
    let mut answer = lookup("tracker.opentrackr.org");
    answer[2] = 0x81;
    let mut scene = Scene::default();
    scene.udp(RESOLVER, "192.168.1.10:40000", &answer).udp(A, B, SYN);
    assert_eq!(grade_of_syn(&scene.read()), (Some(Grade::Suspected), true));
    let mut scene = Scene::default();
    scene.tcp("192.168.1.10:40000", "203.0.113.80:443", &client_hello("tracker.openwebtorrent.com"));
    scene.udp(A, B, SYN);
    let seen = scene.read();
    assert_eq!((grade_of_syn(&seen), seen.report.hosts.len()), ((Some(Grade::Suspected), true), 0));
}

/// Bytes that look random.
fn random(length: usize) -> Vec<u8> {
    (0u32..).flat_map(|n| Sha1::digest(n.to_be_bytes())).take(length).collect()
}

#[test]
fn a_retry_in_clear_tells_what_the_first_attempt_was() {
    let attempt = |second: &str| {
        let mut scene = Scene::default();
        scene.tcp("192.168.1.10:40001", B, &random(300));
        scene.tcp("192.168.1.10:40002", second, &handshake([0; 8], [7; 20], b"-qB4520-abcdefghijkl"));
        scene.tcp(second, "192.168.1.10:40002", &handshake([0; 8], [7; 20], b"-lt20A0-abcdefghijkl"));
        let seen = scene.read();
        let first = seen.flows.iter().find(|f| f.originator.port == 40_001).expect("the flow");
        (first.label.grade, first.label.reasons.contains(Reason::RetryInClear))
    };
    assert_eq!(attempt(B), (Some(Grade::Strong), true));
    assert_eq!(attempt("198.51.100.7:6882"), (None, false), "another program of that host");
    assert_eq!(attempt("203.0.113.9:6881"), (None, false), "another host");
}

#[test]
fn clear_first_and_encrypted_later_is_no_retry_and_a_name_makes_it_no_proof() {
    let mut scene = Scene::default();
    scene.udp("192.168.1.10:40000", RESOLVER, &lookup("router.utorrent.com"));
    scene.tcp("192.168.1.10:40002", B, &handshake([0; 8], [7; 20], b"-qB4520-abcdefghijkl"));
    scene.tcp(B, "192.168.1.10:40002", &handshake([0; 8], [7; 20], b"-lt20A0-abcdefghijkl"));
    scene.wait(5).tcp("192.168.1.10:40001", B, &random(300));
    let seen = scene.read();
    let second = seen.flows.iter().find(|f| f.originator.port == 40_001).expect("the flow");
    let reasons: Vec<Reason> = second.label.reasons.iter().collect();
    // 8 + 40 + 10 + 10 points: with those of the name they would be enough.
    assert_eq!(reasons, [Reason::MseOneSide, Reason::KnownPeer, Reason::Participant, Reason::NameHint]);
    assert_eq!(second.label.grade, Some(Grade::Suspected));
}
