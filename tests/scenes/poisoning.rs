//! RELIABILITY 3.1 and 4.4, poisoning: innocent endpoints put into DHT, tracker and peer-exchange answers to a host that
//! does take part. Learnt endpoints only raise suspicion: they expire after 30 minutes of packet time, are capped, never
//! count below port 1024, and only for the confirmed host that learnt them.

use super::innocent::{self, SCRIPTS};
use super::peer::{self, ALICE, BOB, HASH, handshake};
use super::scene::{Scene, Seen, SeenFlow, Suite, alice, end, play};
use super::tcp_talk::{A, B, Dice, Talk};
use std::time::Duration;
use swarmscope::base::Endpoint;
use swarmscope::event::{Grade, Reason};
use swarmscope::ledger::LedgerLimits;
use swarmscope::pipeline::AnalyzeLimits;

/// What the attacker names: resolvers, the company's web server, a mail server.
const INNOCENT: [&str; 6] = [
    "8.8.8.8:53",
    "203.0.113.80:443",
    "203.0.113.80:8443",
    "203.0.113.80:22",
    "203.0.113.80:993",
    "198.51.100.9:5060",
];

fn compact(endpoints: &[Endpoint]) -> Vec<Vec<u8>> {
    endpoints.iter().map(|e| [&e.address.as_v4().unwrap()[..], &e.port.to_be_bytes()].concat()).collect()
}

/// `get_peers` and an answer that names these (BEP 5).
fn dht(scene: &mut Scene, host: Endpoint, node: Endpoint, named: &[Endpoint]) {
    let ask =
        [&b"d1:ad2:id20:abcdefghij01234567899:info_hash20:"[..], &HASH, b"e1:q9:get_peers1:t2:aa1:y1:qe"]
            .concat();
    for some in named.chunks(100) {
        let values: Vec<u8> = compact(some).iter().flat_map(|c| [b"6:", &c[..]].concat()).collect();
        scene.udp(host, node, &ask);
        scene.udp(
            node,
            host,
            &[&b"d1:rd2:id20:mnopqrstuvwxyz1234565:token1:x6:valuesl"[..], &values, b"ee1:t2:aa1:y1:re"]
                .concat(),
        );
    }
}

/// An announce and its answer (BEP 23).
fn tracker(scene: &mut Scene, host: Endpoint, named: &[Endpoint]) {
    let hash: String = HASH.iter().map(|b| format!("%{b:02x}")).collect();
    let get = format!(
        "GET /announce?info_hash={hash}&peer_id=-TR4110-0a1b2c3d4e5f&port=51413&compact=1 HTTP/1.1\r\nHost: t\r\n\r\n"
    );
    let peers = compact(named).concat();
    let body = [format!("d8:intervali1800e5:peers{}:", peers.len()).as_bytes(), &peers, b"e"].concat();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut talk = Talk::opened(host, end("203.0.113.66:6969"));
    talk.say(A, get.as_bytes()).say(B, &[head.as_bytes(), &body].concat()).close();
    scene.then(&talk.scene());
}

/// A peer that sends `ut_pex` (BEP 11).
fn exchange(scene: &mut Scene, host: Endpoint, named: &[Endpoint]) {
    let added = compact(named).concat();
    let flags = vec![0; named.len()];
    let pex = [
        format!("d5:added{}:", added.len()).as_bytes(),
        &added,
        format!("7:added.f{}:", flags.len()).as_bytes(),
        &flags,
        b"e",
    ]
    .concat();
    let mut talk = Talk::opened(host, end("203.0.113.67:51413"));
    talk.say(A, &handshake(&ALICE)).say(B, &handshake(&BOB));
    talk.say(A, &peer::message(20, &[&[0][..], b"d1:md6:ut_pexi1eee"].concat()));
    talk.say(B, &peer::message(20, &[&[0][..], b"d1:md6:ut_pexi1eee"].concat()));
    talk.say(B, &peer::message(20, &[&[1][..], &pex].concat()));
    scene.then(&talk.scene());
}

/// A host that takes part, from these ports, told of these endpoints in every way.
fn poisoned(host: &str, named: &[Endpoint]) -> Scene {
    let mut scene = Scene::default();
    dht(&mut scene, end(&format!("{host}:6881")), end("203.0.113.65:6881"), named);
    tracker(&mut scene, end(&format!("{host}:40001")), named);
    exchange(&mut scene, end(&format!("{host}:40002")), named);
    scene
}

/// Random bytes in the lengths of a key exchange (MSE): what alone is suspected, and strong with a learnt endpoint.
fn shaped(a: Endpoint, b: Endpoint) -> Scene {
    let mut dice = Dice(u64::from(b.port) + 5);
    let mut talk = Talk::opened(a, b);
    talk.say(A, &dice.bytes(300)).say(B, &dice.bytes(250)).say(A, &dice.bytes(150)).say(B, &dice.bytes(120));
    for _ in 0..3 {
        talk.say(A, &dice.bytes(60)).say(B, &dice.bytes(3_000));
    }
    talk.close();
    talk.scene()
}

fn flow(seen: &Seen, a: Endpoint, b: Endpoint) -> Option<&SeenFlow> {
    seen.flows.iter().find(|f| (f.record.originator, f.record.responder) == (a, b))
}

fn grade(seen: &Seen, a: Endpoint, b: Endpoint) -> Option<Grade> {
    flow(seen, a, b).and_then(|f| f.record.label.grade)
}

fn innocents() -> Vec<Endpoint> {
    INNOCENT.map(end).to_vec()
}

const GUILTY: &str = "10.0.0.5";
const OTHER: &str = "10.0.0.9";

/// The control of the scenes below: within 30 minutes, a learnt endpoint and the whole shape make a flow strong.
#[test]
fn a_learnt_endpoint_and_the_shape_are_strong() {
    for teach in [
        |s: &mut Scene, n: &[Endpoint]| dht(s, alice(), end("203.0.113.65:6881"), n),
        |s: &mut Scene, n: &[Endpoint]| tracker(s, alice(), n),
        |s: &mut Scene, n: &[Endpoint]| exchange(s, alice(), n),
    ] {
        let mut scene = Scene::default();
        teach(&mut scene, &[end("203.0.113.80:8443")]);
        scene.then(&shaped(end("10.0.0.5:40100"), end("203.0.113.80:8443")));
        let seen = scene.play();
        let flow = flow(&seen, end("10.0.0.5:40100"), end("203.0.113.80:8443")).unwrap();
        assert_eq!(flow.record.label.grade, Some(Grade::Strong));
        assert!(flow.record.label.reasons.contains(Reason::LearntEndpoint));
    }
}

/// Technique: the answers name innocent servers. Both the host that was told and another one use them.
#[test]
fn what_hosts_say_to_named_servers_is_not_held_against_them() {
    let mut suite = Suite::default();
    let mut dice = Dice(31);
    for (name, script) in SCRIPTS {
        for host in [GUILTY, OTHER] {
            let mut scene = poisoned(GUILTY, &innocents());
            for (n, server) in innocents().into_iter().enumerate() {
                scene.then(&script(end(&format!("{host}:{}", 41_000 + n)), server, &mut dice));
            }
            let seen = scene.play();
            for flow in &seen.flows {
                let ours = innocents().contains(&flow.record.responder)
                    || innocents().contains(&flow.record.originator);
                let wrong = ours && flow.record.label.grade >= Some(Grade::Strong);
                suite.require(&format!("{name} of {host}: {:?}", flow.record), "falsely accused", !wrong);
            }
            let hosts: Vec<String> = seen.report.hosts.iter().map(|h| h.address.to_string()).collect();
            suite.require(
                &format!("{name} of {host}, hosts {hosts:?}"),
                "only one takes part",
                hosts == [GUILTY],
            );
        }
    }
    suite.finish();
}

/// TLS and a learnt endpoint are nothing at all; the shape below port 1024, or of a host that was told nothing, is
/// suspected at most.
#[test]
fn a_learnt_endpoint_alone_is_nothing() {
    let mut dice = Dice(32);
    let server = end("203.0.113.80:8443");
    for script in [innocent::tls, innocent::ssh] {
        let mut scene = poisoned(GUILTY, &innocents());
        scene.then(&script(end("10.0.0.5:41000"), server, &mut dice));
        assert_eq!(grade(&scene.play(), end("10.0.0.5:41000"), server), None);
    }
    for (host, server) in [
        (GUILTY, "203.0.113.80:443"),
        (GUILTY, "8.8.8.8:53"),
        (GUILTY, "203.0.113.80:22"),
        (GUILTY, "198.51.100.77:8443"),
        (OTHER, "203.0.113.80:8443"),
    ] {
        let mut scene = poisoned(GUILTY, &innocents());
        let (a, b) = (end(&format!("{host}:41000")), end(server));
        scene.then(&shaped(a, b));
        let seen = scene.play();
        assert!(grade(&seen, a, b) < Some(Grade::Strong), "{host} to {server}: {:?}", flow(&seen, a, b));
    }
}

/// Learnt endpoints expire after 30 minutes of packet time, even for a host that went on taking part.
#[test]
fn evidence_of_half_an_hour_ago_is_none() {
    let (a, server) = (end("10.0.0.5:41000"), end("203.0.113.80:8443"));
    for (minutes, strong) in [(1, true), (29, true), (31, false), (180, false)] {
        let mut scene = poisoned(GUILTY, &innocents());
        for _ in 0..minutes {
            scene.wait(Duration::from_secs(60));
            dht(&mut scene, end("10.0.0.5:6881"), end("203.0.113.65:6881"), &[]);
        }
        scene.then(&shaped(a, server));
        assert_eq!(grade(&scene.play(), a, server) >= Some(Grade::Strong), strong, "after {minutes} minutes");
    }
}

/// Only the answers count that a participant got: endpoints told to a host that never said anything are none.
#[test]
fn a_host_that_never_spoke_has_learnt_nothing() {
    let (a, server) = (end("10.0.0.9:41000"), end("203.0.113.80:8443"));
    let mut scene = Scene::default();
    let mut answers = Scene::default();
    dht(&mut answers, end("10.0.0.9:6881"), end("203.0.113.65:6881"), &innocents());
    // The attacker sends answers to questions that nobody asked.
    for (n, (_, frame)) in answers.packets.iter().enumerate() {
        if n % 2 == 1 {
            scene.frame(frame.clone());
        }
    }
    scene.then(&shaped(a, server));
    assert!(grade(&scene.play(), a, server) < Some(Grade::Strong));
}

/// Technique: one source names thousands, to fill the table or to name everybody. Its share is capped, and so is the whole.
#[test]
fn thousands_from_one_source_are_capped() {
    let many: Vec<Endpoint> =
        (0..6_000u16).map(|n| end(&format!("198.18.{}.{}:8443", n >> 8, n & 0xff))).collect();
    let mut scene = Scene::default();
    for some in many.chunks(1_000) {
        dht(&mut scene, end("10.0.0.5:6881"), end("203.0.113.65:6881"), some);
        scene.wait(Duration::from_secs(15));
    }
    let (first, last) = (many[10], many[5_990]);
    scene.then(&shaped(end("10.0.0.5:41000"), first));
    scene.then(&shaped(end("10.0.0.5:41001"), last));
    let seen = scene.play();
    assert_eq!(grade(&seen, end("10.0.0.5:41000"), first), Some(Grade::Strong), "the control");
    assert!(
        grade(&seen, end("10.0.0.5:41001"), last) < Some(Grade::Strong),
        "beyond the share of one source"
    );
    assert!(seen.report.coverage.limits.get("learnt-endpoints").is_some_and(|&n| n >= 1_900));
    let ledger = LedgerLimits { endpoints: 100, ..LedgerLimits::default() };
    let seen = play(scene.source(), AnalyzeLimits { ledger, ..AnalyzeLimits::default() });
    let second = many[200];
    assert!(grade(&seen, end("10.0.0.5:41000"), second) < Some(Grade::Strong));
    assert!(seen.report.coverage.limits.get("learnt-endpoints").is_some_and(|&n| n >= 5_800));
}

/// Technique: the attacker makes an innocent server seem to speak BitTorrent itself, with its address as the source.
#[test]
fn a_server_in_whose_name_others_spoke_is_innocent() {
    let mut suite = Suite::default();
    let mut dice = Dice(33);
    let server = end("203.0.113.80:8443");
    for (name, script) in SCRIPTS {
        let mut scene = poisoned(GUILTY, &innocents());
        scene.udp(server, end("10.0.0.5:6881"), b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:zz1:y1:qe");
        scene.then(&script(end("10.0.0.5:41000"), server, &mut dice));
        let seen = scene.play();
        let found = grade(&seen, end("10.0.0.5:41000"), server);
        suite.require(name, "falsely accused", found < Some(Grade::Strong));
    }
    suite.finish();
}

/// A participant that calls and browses in the meantime, without any poison: its other flows stay its own business.
#[test]
fn a_participant_has_a_life_besides() {
    let mut suite = Suite::default();
    let mut dice = Dice(34);
    for (name, script) in SCRIPTS {
        let mut scene = poisoned(GUILTY, &[end("203.0.113.20:51413")]);
        for n in 0..4u16 {
            let remote = Endpoint::new(end(&format!("198.51.100.{}:1", 20 + n)).address, 8_000 + n);
            scene.then(&script(end(&format!("10.0.0.5:{}", 42_000 + n)), remote, &mut dice));
        }
        let seen = scene.play();
        let accused = seen.flows.iter().any(|f| {
            f.record.responder.address.to_string().starts_with("198.51.100.")
                && f.record.label.grade >= Some(Grade::Strong)
        });
        suite.require(name, "falsely accused", !accused);
    }

    suite.finish();
}
