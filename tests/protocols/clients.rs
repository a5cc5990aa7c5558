//! Clients as different fields name them, and what they say against each other.

use crate::peer_wire::handshake;
use crate::scene::Scene;

const A: &str = "192.168.1.10:51413";
const B: &str = "198.51.100.7:6881";
const NODE: &str = "203.0.113.9:6881";

/// A peer id, the `v` of a DHT query, and a user agent, of one host within a minute.
fn host(peer_id: &[u8; 20], version: &[u8; 4], agent: &str) -> Scene {
    let mut scene = Scene::default();
    scene.tcp(A, B, &handshake([0, 0, 0, 0, 0, 0x10, 0, 5], [7; 20], peer_id));
    let ping = [&b"d1:ad2:id20:"[..], &[0x33; 20], b"e1:q4:ping1:t2:aa1:v4:", version, b"1:y1:qe"].concat();
    for _ in 0..3 {
        scene.udp(A, NODE, &ping);
        let announce = format!(
            "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-qB4520-abcdefghijkl&port=51413&left=0&uploaded=0&downloaded=0 HTTP/1.1\r\nHost: tracker.example\r\nUser-Agent: {agent}\r\n\r\n"
        );
        // A connection each, for a client is named once a flow.
        scene.tcp("192.168.1.10:40001", "203.0.113.9:80", announce.as_bytes());
    }
    // Named again, so that the times of the names overlap.
    scene.tcp("192.168.1.10:51414", B, &handshake([0, 0, 0, 0, 0, 0x10, 0, 5], [7; 20], peer_id));
    scene
}

#[test]
fn names_of_one_engine_agree_across_all_fields() {
    let seen = host(b"-qB4520-abcdefghijkl", b"LT\x02\x00", "qBittorrent/4.5.2").read();
    let names: Vec<_> = seen.home().clients.iter().map(|c| (c.name.as_str(), c.engine)).collect();
    assert!(names.contains(&("libtorrent 2.0.0", Some("libtorrent"))), "{names:?}");
    assert!(names.iter().all(|(_, engine)| *engine == Some("libtorrent")), "{names:?}");
    assert!(!seen.home().client_conflict);
    assert_eq!(seen.json["hosts"][0]["clients"][0]["engine"], "libtorrent");
}

#[test]
fn the_dht_and_the_user_agent_can_contradict_the_peer_id() {
    for (version, agent) in [(b"UT\xb4\x15", "qBittorrent/4.5.2"), (b"LT\x02\x00", "Transmission/3.00")] {
        let seen = host(b"-qB4520-abcdefghijkl", version, agent).read();
        assert!(seen.home().client_conflict, "{agent}: {:?}", seen.home().clients);
        assert_eq!(seen.json["hosts"][0]["client_conflict"], true);
        assert_eq!(seen.json["oddities"]["hosts-with-conflicting-clients"], 1);
        assert!(seen.summary.contains("contradict one another"), "{}", seen.summary);
    }
}

#[test]
fn a_program_in_no_table_contradicts_nothing() {
    let seen = host(b"-zz1234-abcdefghijkl", b"ZZ\x00\x01", "qBittorrent/4.5.2").read();
    let odd = seen.home().clients.iter().find(|c| c.name.starts_with("code zz")).expect("named");
    assert_eq!(odd.engine, None);
    assert!(!seen.home().client_conflict, "{:?}", seen.home().clients);
}
