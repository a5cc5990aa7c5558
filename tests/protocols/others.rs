//! Other peer-to-peer networks and look-alikes: named as what they are, and no host is listed for them.

use crate::scene::Scene;
use swarmscope::event::{Family, Kind};

const A: &str = "192.168.1.10:50123";
const B: &str = "198.51.100.7:45678";

/// Streams by their first bytes. Those of the vectors are replayed in `vectors`.
#[test]
fn streams_of_other_networks_keep_their_names() {
    let swarm = [&b"\x0eSwarm protocol"[..], &[0; 8], &[7; 32], b"-WUDO01-abcdefghijkl"].concat();
    for (port, bytes, kind) in [
        ("7680", &swarm[..], Kind::DeliveryOptimization),
        ("50000", &swarm, Kind::DeliveryOptimization),
        ("3838", b"BSYNC\0d1:m4:ping4:peer20:aaaaaaaaaaaaaaaaaaaae", Kind::Resilio),
        ("4001", b"\x13/multistream/1.0.0\n\x07/noise\n", Kind::Libp2p),
        ("6346", b"GNUTELLA CONNECT/0.6\r\nUser-Agent: gtk-gnutella/1.2\r\n\r\n", Kind::Gnutella),
        ("2234", b"\x11\0\0\0\x01\x03\0\0\0abc\x01\0\0\0P\x01\0\0\0", Kind::Soulseek),
        ("4662", b"\xe3\x05\0\0\0\x01\x10abc", Kind::Edonkey),
        ("8333", b"\xf9\xbe\xb4\xd9version\0\0\0\0\0\0\0\0\0\x5d\xf6\xe0\xe2", Kind::Bitcoin),
        ("18080", b"\x01\x21\x01\x01\x01\x01\x01\x01\xe2\0\0\0\0\0\0\0", Kind::Monero),
        ("22067", b"\x9e\x79\xbc\x40\0\0\0\0\0\0\0\0", Kind::Syncthing),
        ("15441", b"\x83\xa3cmd\xa9handshake", Kind::Zeronet),
        ("411", b"$Lock EXTENDEDPROTOCOLABC Pk=x|", Kind::DirectConnect),
    ] {
        let mut scene = Scene::default();
        scene.tcp(A, &format!("198.51.100.7:{port}"), bytes);
        none_of_ours(&scene, kind);
    }
}

#[test]
fn datagrams_of_other_networks_keep_their_names() {
    let lbry = [b"di0ei0ei1e20:".as_slice(), &[7; 20], b"i2e48:", &[8; 48], b"i3e4:pinge"].concat();
    for (bytes, kind) in [
        (&b"BSYNC\0d1:m4:pinge"[..], Kind::Resilio),
        (&lbry, Kind::LbryDht),
        (b"\x2e\xa7\xd9\x0b\x0a\x20abc", Kind::Syncthing),
    ] {
        let mut scene = Scene::default();
        scene.udp(A, B, bytes).udp(B, A, bytes);
        none_of_ours(&scene, kind);
    }
    // Weak signatures need an answer of the same network.
    let [ask, answer] = [[&b"\xe4\x21"[..], &[5; 33]].concat(), [&b"\xe4\x28"[..], &[6; 30]].concat()];
    let mut scene = Scene::default();
    scene.udp(A, B, &ask);
    assert!(scene.read().kinds().is_empty());
    scene.udp(B, A, &answer);
    none_of_ours(&scene, Kind::Kad);
}

#[test]
fn nothing_on_the_port_of_delivery_optimization_is_named_by_the_port_alone() {
    let mut scene = Scene::default();
    scene.tcp(A, "198.51.100.7:7680", b"\x0eSwarm protoco");
    scene.tcp(A, "198.51.100.8:7680", b"hello, is this the printer?");
    assert!(scene.read().kinds().is_empty());
}

fn none_of_ours(scene: &Scene, kind: Kind) {
    let seen = scene.read();
    assert_eq!(seen.kinds(), [kind]);
    assert_ne!(kind.family(), Family::Bittorrent);
    assert!(seen.report.hosts.is_empty() && seen.report.torrents.is_empty(), "{kind:?}");
    let flows = seen.json["totals"]["flows"].as_array().expect("a list");
    assert!(flows.iter().all(|f| f["family"] != "bittorrent"), "{kind:?}: {flows:?}");
}
