//! What hosts do in the DHT, from packets to findings: each abuse beside the client that looks like it.

use super::peer;
use super::scene::{Scene, alice, end};
use super::tcp_talk::{B, Talk};
use std::time::Duration;
use swarmscope::base::{Address, Endpoint};
use swarmscope::ledger::report::{HostReport, Report};
use swarmscope::ledger::{Behaviour, DhtPart, Side};

fn id(n: u32) -> [u8; 20] {
    let mut id = *b"abcdefghij0123456789";
    id[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
    id
}

fn query(from: [u8; 20], method: &str, arguments: &[u8], n: u32) -> Vec<u8> {
    let name = format!("{}:{method}", method.len());
    let transaction = (n as u16).to_be_bytes();
    [b"d1:ad2:id20:", &from[..], arguments, b"e1:q", name.as_bytes(), b"1:t2:", &transaction, b"1:y1:qe"]
        .concat()
}

fn response(from: [u8; 20], values: &[u8], n: u32) -> Vec<u8> {
    let transaction = (n as u16).to_be_bytes();
    [b"d1:rd2:id20:", &from[..], values, b"e1:t2:", &transaction, b"1:y1:re"].concat()
}

fn node(n: u32) -> Endpoint {
    Endpoint::new(Address::v4((0xcb00_0000 + n).to_be_bytes()), 6_881)
}

fn target(n: u32) -> Vec<u8> {
    [&b"6:target20:"[..], &id(n)].concat()
}

fn announce(hash: u32, port: u16) -> Vec<u8> {
    let port = format!("4:porti{port}e5:token8:aoeusnth");
    [&b"9:info_hash20:"[..], &id(hash), port.as_bytes()].concat()
}

fn host(report: &Report) -> &HostReport {
    report.hosts.iter().find(|h| h.address == alice().address).expect("it takes part")
}

fn found(scene: &Scene) -> Vec<Behaviour> {
    host(&scene.play().report).dht_conduct.findings.iter().map(|f| f.behaviour).collect()
}

fn asked(scene: &mut Scene, nodes: std::ops::Range<u32>, method: &str) {
    for n in nodes {
        scene.udp(alice(), node(n), &query(id(1), method, &target(n * 7), n));
    }
}

#[test]
fn a_crawler_is_told_from_a_client_that_just_started() {
    let mut crawler = Scene::default();
    asked(&mut crawler, 0..2_100, "find_node");
    assert_eq!(found(&crawler), [Behaviour::Crawler]);
    let mut client = Scene::default();
    asked(&mut client, 0..800, "find_node");
    assert_eq!(found(&client), []);
    let mut indexer = Scene::default();
    asked(&mut indexer, 0..60, "sample_infohashes");
    assert_eq!(found(&indexer), [Behaviour::Indexer]);
}

#[test]
fn a_poisoner_is_told_from_a_busy_seeder() {
    let mut poisoner = Scene::default();
    for n in 0..600 {
        poisoner.udp(alice(), node(n % 50), &query(id(1), "announce_peer", &announce(n, 40_754), n));
    }
    assert_eq!(found(&poisoner), [Behaviour::Poisoner]);
    let mut seeder = poisoner.clone();
    for n in 0..40 {
        let mut talk = Talk::opened(Endpoint::new(node(1_000 + n).address, 50_000), alice());
        peer::converse(&mut talk);
        seeder.then(&talk.scene());
    }
    assert_eq!(found(&seeder), []);
    let mut servers = Scene::default();
    for n in 0..40 {
        servers.udp(alice(), node(n), &query(id(1), "announce_peer", &announce(n, 80), n));
    }
    assert_eq!(found(&servers), [Behaviour::PoisonerPorts]);
    let mut answers = Scene::default();
    let values =
        [&b"5:token8:aoeusnth6:valuesl"[..], &b"6:\xcb\x00\x71\x0a\x1a\xe1".repeat(12), b"e"].concat();
    for n in 0..12 {
        let ask = [&b"9:info_hash20:"[..], &id(n)].concat();
        answers.udp(node(n), alice(), &query(id(n), "get_peers", &ask, n));
        answers.udp(alice(), node(n), &response(id(1), &values, n));
    }
    assert_eq!(found(&answers), [Behaviour::PoisonerAnswers]);
}

#[test]
fn many_ids_on_one_port_are_told_from_a_restart() {
    let ids = |ids: u32| {
        let mut scene = Scene::default();
        for n in 0..60 {
            scene.udp(alice(), node(n), &query(id(n % ids), "ping", b"", n));
        }
        found(&scene)
    };
    assert_eq!(
        (ids(2), ids(5), ids(20)),
        (vec![], vec![Behaviour::SybilPort], vec![Behaviour::Sybil, Behaviour::SybilPort])
    );
}

#[test]
fn floods_and_reflections_are_told_from_neighbours() {
    let flood = |step: Duration| {
        let mut scene = Scene { step, ..Scene::default() };
        for n in 0..120 {
            scene.udp(node(1), alice(), &query(id(9), "find_node", &target(n), n));
            scene.udp(alice(), node(1), &response(id(1), b"5:nodes0:", n));
        }
        found(&scene)
    };
    assert_eq!(flood(Duration::from_millis(1)), [Behaviour::Reflector]);
    assert_eq!(flood(Duration::from_millis(500)), []);
    let mut victim = Scene::default();
    victim.udp(alice(), node(5), &query(id(1), "ping", b"", 1));
    for n in 0..150 {
        victim.udp(node(n), alice(), &response(id(n), b"5:nodes0:", n));
    }
    assert_eq!(found(&victim), [Behaviour::ReflectionVictim]);
}

#[test]
fn marks_of_the_botnet_are_suspected_and_the_part_is_told() {
    let mut bot = Scene::default();
    bot.udp(alice(), node(1), &query(*b"88888888ij0123456789", "ping", b"", 1));
    let report = bot.play().report;
    let conduct = &host(&report).dht_conduct;
    assert_eq!(conduct.findings.iter().map(|f| f.behaviour).collect::<Vec<_>>(), [Behaviour::Mozi]);
    assert_eq!(conduct.part, DhtPart::Client);
    let mut config: Vec<u8> = b"[ss]botv2[/ss]".to_vec();
    config.resize(624, 0);
    let key = b"\x4e\x66\x5a\x8f\x80\xc8\xac\x23\x8d\xac\x47\x06\xd5\x4f\x6f\x7e";
    let sealed: Vec<u8> = config.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
    let mut server = Scene::default();
    server.udp(node(1), alice(), &query(id(2), "find_node", &target(1), 7));
    server.udp(alice(), node(1), &response(id(1), &[&b"5:nodes624:"[..], &sealed].concat(), 7));
    let report = server.play().report;
    let conduct = &host(&report).dht_conduct;
    assert_eq!(conduct.findings.iter().map(|f| f.behaviour).collect::<Vec<_>>(), [Behaviour::Mozi]);
    assert_eq!(conduct.part, DhtPart::Participant);
    let mut quiet = Scene::default();
    let read_only = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi1e1:t2:aa1:y1:qe";
    quiet.udp(alice(), node(1), read_only);
    assert_eq!(host(&quiet.play().report).dht_conduct.part, DhtPart::ReadOnly);
}

#[test]
fn the_sensor_s_place_is_told_by_addresses() {
    let mut inside = Scene::default();
    inside.udp(alice(), node(1), &query(id(1), "ping", b"", 1));
    let told = [&b"d2:ip6:\xc6\x33\x64\x02\x1a\xe11:rd2:id20:"[..], &id(5), b"e1:t2:\0\x011:y1:re"].concat();
    inside.udp(node(1), alice(), &told);
    let place = inside.play().report.place;
    assert_eq!(place.side, Side::Inside, "{place:?}");
    assert!(place.evidence.iter().any(|e| e.contains("seen at a public address")), "{place:?}");
    assert_eq!(
        Scene::default().udp(end("1.1.1.1:5"), end("2.2.2.2:5"), b"x").play().report.place.side,
        Side::Unknown
    );
}

#[test]
fn pieces_between_two_home_hosts_are_told_apart() {
    let mut talk = Talk::opened(end("10.0.0.9:50000"), alice());
    peer::converse(&mut talk);
    talk.close();
    let report = talk.scene().play().report;
    let torrent = report.torrents.first().expect("its handshake named it");
    assert_eq!(torrent.hosts.len(), 2);
    let sent: u64 = torrent.hosts.iter().map(|h| h.uploaded).sum();
    assert!(sent > 0 && torrent.across() == sent, "{torrent:?}");
    let mut outside = Talk::opened(end("203.0.113.9:50000"), alice());
    peer::converse(&mut outside);
    outside.say(B, b"");
    assert_eq!(outside.scene().play().report.torrents[0].across(), 0);
}
