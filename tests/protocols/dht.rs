//! The DHT: what a host does in it, how it is answered, and what others say of it.

use crate::scene::{Scene, Seen};
use swarmscope::event::{Channel, DhtPurpose, Kind};
use swarmscope::ledger::report::Role;

const A: &str = "192.168.1.10:51413";
const NODE: &str = "198.51.100.7:6881";
const ANOTHER: &str = "203.0.113.9:6881";
const TORRENT: [u8; 20] = [0x77; 20];

fn text(bytes: &[u8]) -> Vec<u8> {
    [bytes.len().to_string().as_bytes(), b":", bytes].concat()
}

/// A query of the home host: arguments after its id, method, transaction.
fn query(id: [u8; 20], arguments: &[u8], method: &str, transaction: &[u8]) -> Vec<u8> {
    [&b"d1:ad2:id20:"[..], &id, arguments, b"e1:q", &text(method.as_bytes()), b"1:t", &text(transaction)]
        .into_iter()
        .chain([&b"1:y1:qe"[..]])
        .collect::<Vec<_>>()
        .concat()
}

fn response(ip: &[u8], rest: &[u8], transaction: &[u8]) -> Vec<u8> {
    let ip = if ip.is_empty() { Vec::new() } else { [b"2:ip", &text(ip)[..]].concat() };
    [b"d", &ip[..], b"1:rd2:id20:", &[0x99; 20], rest, b"e1:t", &text(transaction), b"1:y1:re"].concat()
}

fn get_peers(info_hash: [u8; 20]) -> Vec<u8> {
    [&b"9:info_hash20:"[..], &info_hash].concat()
}

fn announce(token: &[u8]) -> Vec<u8> {
    [&get_peers(TORRENT)[..], b"4:porti51413e5:token", &text(token)].concat()
}

const ID: [u8; 20] = [0x41; 20];

fn purposes(seen: &Seen) -> Vec<(DhtPurpose, u64)> {
    seen.home().dht_exchange.purposes.iter().map(|(p, n)| (*p, *n)).collect()
}

#[test]
fn announces_with_an_answered_token_are_told_from_lookups_and_maintenance() {
    let mut scene = Scene::default();
    scene.udp(A, NODE, &query(ID, b"", "ping", b"p1"));
    scene.udp(A, NODE, &query(ID, &[&b"6:target20:"[..], &[5; 20]].concat(), "find_node", b"f1"));
    // A lookup of an id near its own fills the routing table.
    scene.udp(A, NODE, &query(ID, &get_peers([0x41; 20]), "get_peers", b"g0"));
    scene.udp(A, NODE, &query(ID, &get_peers(TORRENT), "get_peers", b"g1"));
    scene.udp(NODE, A, &response(&[], b"5:token4:abcd6:valuesl6:\xcb\x00\x71\x09\x1a\xe1e", b"g1"));
    scene.udp(A, NODE, &query(ID, &announce(b"abcd"), "announce_peer", b"a1"));
    // The same token at another node, and one that nobody gave.
    scene.udp(A, ANOTHER, &query(ID, &announce(b"abcd"), "announce_peer", b"a2"));
    scene.udp(A, NODE, &query(ID, &announce(b"wxyz"), "announce_peer", b"a3"));
    scene.wait(700).udp(A, NODE, &query(ID, &announce(b"abcd"), "announce_peer", b"a4"));
    let seen = scene.read();
    use DhtPurpose::{Announce, AnnounceUnproven, Lookup, Maintenance};
    assert_eq!(purposes(&seen), [(Maintenance, 3), (Lookup, 1), (Announce, 1), (AnnounceUnproven, 3)]);
    assert_eq!(seen.json["hosts"][0]["dht_exchange"]["purposes"]["announce"], 1);
    assert_eq!(seen.torrent(TORRENT).hosts[0].role, Role::Member);
    assert_eq!(seen.report.torrents.len(), 1, "maintenance is no torrent");
    assert!(seen.home().listens.iter().any(|l| (l.0, l.1) == (51_413, Channel::Dht)));
}

#[test]
fn answers_are_counted_and_timed() {
    let mut scene = Scene::default();
    for n in 0..4u8 {
        scene.udp(A, NODE, &query(ID, b"", "ping", &[b'p', n]));
        if n < 2 {
            // 20 milliseconds later, as every packet; the second a second later still.
            scene.wait(u64::from(n)).udp(NODE, A, &response(&[], b"", &[b'p', n]));
        }
    }
    let seen = scene.read();
    let exchange = &seen.home().dht_exchange;
    assert_eq!((exchange.answered, exchange.unanswered()), (2, 2));
    let json = &seen.json["hosts"][0]["dht_exchange"];
    assert_eq!((&json["answered"], &json["unanswered"]), (&2.into(), &2.into()));
    assert_eq!(json["round_trip_ms"], serde_json::json!({ "min": 20.0, "mean": 520.0, "max": 1020.0 }));
    assert!(seen.summary.contains("2 without answer, 520 ms to an answer"), "{}", seen.summary);
}

#[test]
fn nodes_tell_the_outside_address_and_node_ids_are_held_against_it() {
    // BEP 42: the example of an address, with the id that is made from it.
    let outside = [124, 31, 75, 21];
    let id: [u8; 20] = [
        0x5f, 0xbf, 0xbf, 0xf1, 0x0c, 0x5d, 0x6a, 0x4e, 0xc8, 0xa8, 0x8e, 0x4c, 0x6a, 0xb4, 0xc2, 0x8b, 0x95,
        0xee, 0xe4, 0x01,
    ];
    for (id, valid) in [(id, true), (ID, false)] {
        let mut scene = Scene::default();
        scene.udp(A, NODE, &query(id, b"", "ping", b"p1"));
        scene.udp(NODE, A, &response(&[&outside[..], &[0xc8, 0xd5]].concat(), b"", b"p1"));
        let seen = scene.read();
        assert_eq!(seen.home().external, [("124.31.75.21".parse().expect("an address"), 1)]);
        assert_eq!(seen.json["hosts"][0]["node_ids"][0]["valid"], valid);
        let word = if valid { "(valid, BEP 42)" } else { "(invalid, BEP 42)" };
        assert!(seen.summary.contains(word), "{}", seen.summary);
    }
    // A private address asks nothing of an id.
    let mut scene = Scene::default();
    scene.udp(A, NODE, &query(ID, b"", "ping", b"p1"));
    assert!(scene.read().json["hosts"][0]["node_ids"][0]["valid"].is_null());
}

#[test]
fn stored_items_and_samples_are_counted_and_not_kept() {
    let target: [u8; 20] =
        sha1::Digest::finalize(<sha1::Sha1 as sha1::Digest>::new_with_prefix(b"5:hello")).into();
    let get = [&b"6:target20:"[..], &target].concat();
    let samples = [&b"8:intervali60e3:numi9e7:samples"[..], &text(&[7; 20 * 40])].concat();
    let mut scene = Scene::default();
    scene.udp(A, NODE, &query(ID, &get, "get", b"g1"));
    scene.udp(NODE, A, &response(&[], b"5:token2:ab1:v5:hello", b"g1"));
    scene.udp(A, NODE, &query(ID, b"5:token2:ab1:v5:hello", "put", b"u1"));
    scene.udp(A, NODE, &query(ID, &[&b"6:target20:"[..], &[5; 20]].concat(), "sample_infohashes", b"s1"));
    scene.udp(NODE, A, &response(&[], &samples, b"s1"));
    let seen = scene.read();
    assert_eq!(purposes(&seen), [(DhtPurpose::Storage, 2), (DhtPurpose::Sampling, 1)]);
    assert!(seen.report.torrents.is_empty(), "what a node stores for others is no torrent of the host");
    assert!(seen.report.totals.malformed.is_empty());
    // An answer that does not hash to what was asked for (R-DHT-7).
    scene.udp(A, NODE, &query(ID, &get, "get", b"g2"));
    scene.udp(NODE, A, &response(&[], b"5:token2:ab1:v5:jello", b"g2"));
    assert_eq!(scene.read().report.totals.malformed.get(&(Kind::Dht, "item-target")), Some(&1));
}

#[test]
fn a_salted_item_is_not_taken_for_a_wrong_answer() {
    // Key and salt make the target (BEP 44), and the answer leaves the salt out.
    let key = [0x77; 32];
    let salted = [&key[..], b"foobar"].concat();
    let target: [u8; 20] =
        sha1::Digest::finalize(<sha1::Sha1 as sha1::Digest>::new_with_prefix(salted)).into();
    let get = [&b"6:target"[..], &text(&target)].concat();
    let item =
        [&b"1:k"[..], &text(&key), b"3:seqi1e3:sig", &text(&[9; 64]), b"5:token2:ab1:v5:hello"].concat();
    let mut scene = Scene::default();
    scene.udp(A, NODE, &query(ID, &get, "get", b"g1"));
    scene.udp(NODE, A, &response(&[], &item, b"g1"));
    let seen = scene.read();
    assert_eq!(purposes(&seen), [(DhtPurpose::Storage, 1)]);
    assert!(seen.report.totals.malformed.is_empty(), "{:?}", seen.report.totals.malformed);
}

#[test]
fn scrapes_tell_how_large_a_swarm_is() {
    let scrape = [&get_peers(TORRENT)[..], b"6:scrapei1e"].concat();
    // Each sets two bits of its own: one address, about.
    let filter = |at: usize| {
        let mut filter = [0; 256];
        filter[at] = 0x81;
        filter
    };
    let key = |name: &[u8], filter: &[u8]| [name, &text(filter)].concat();
    let answered = |answers: &[Vec<u8>]| {
        let mut scene = Scene::default();
        for (n, answer) in answers.iter().enumerate() {
            let transaction = [b's', n as u8];
            scene.udp(A, NODE, &query(ID, &scrape, "get_peers", &transaction));
            scene.udp(NODE, A, &response(&[], answer, &transaction));
        }
        scene.read()
    };
    let both = |sd: usize, pe: usize| [key(b"4:BFpe", &filter(pe)), key(b"4:BFsd", &filter(sd))].concat();
    let seen = answered(&[both(1, 2), both(1, 3), both(1, 4)]);
    let json = &seen.json["torrents"][0];
    assert_eq!(json["dht_scrape"], serde_json::json!({ "seeders": 1, "leechers": 3, "answers": 3 }));
    assert!(seen.summary.contains("the DHT says about 1 seeding and 3 not"), "{}", seen.summary);
    assert_eq!(seen.torrent(TORRENT).hosts[0].role, Role::Lookup, "who asks takes no part");
    assert_eq!(seen.torrent(TORRENT).peers, 0, "a filter names no endpoint");
    // Filters of another length are none; one alone says nothing of the other sort.
    let seen = answered(&[key(b"4:BFpe", &[0xff; 255]), key(b"4:BFsd", &filter(7))].map(|k| k.to_vec()));
    assert_eq!(seen.json["torrents"][0]["dht_scrape"]["leechers"], serde_json::Value::Null);
    assert_eq!(seen.json["torrents"][0]["dht_scrape"]["answers"], 1);
    // Nobody knows the torrent: a node asked for an id that is none.
    assert!(
        answered(&[[key(b"4:BFpe", &[0; 256]), key(b"4:BFsd", &[0; 256])].concat()])
            .report
            .torrents
            .is_empty()
    );
    // An answer to nothing that was asked says nothing of any torrent.
    let mut scene = Scene::default();
    scene.udp(A, NODE, &query(ID, &scrape, "get_peers", b"s1"));
    scene.udp(NODE, A, &response(&[], &both(1, 2), b"zz"));
    assert!(scene.read().report.torrents.is_empty());
}
