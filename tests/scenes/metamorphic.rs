//! RELIABILITY 4.2, metamorphic: the project's own captures of real clients in other packets that say the same.
//!
//! What must hold: every flow that is `strong` or better keeps its kinds, its info-hashes and whether it is confirmed, and
//! every home host its torrents and clients. MSE is told by the lengths of turns, which are those of the streams: they
//! outlive any segmentation, and here they do so exactly. (How random the first bytes look is judged on those that came at
//! once: among the many flows of `metamorphic_lab.rs` a few may differ when they are cut anew or shuffled.)

use super::reshape::{self, CHANGES};
use std::path::Path;
use swarmscope::base::HomeNets;

fn check(capture: &str, flows: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let networks = ["192.168.50.0/24", "2001:db8:50::/64"].iter().map(|n| n.parse().unwrap());
    let home = HomeNets::new(networks.collect());
    let packets = reshape::packets(&folder.join(capture), flows);
    let plain = reshape::says(&packets, &home);
    assert!(!plain.flows.is_empty() && !plain.hosts.is_empty(), "{capture} says nothing");
    for (name, change) in CHANGES {
        let changed = change(&packets);
        // Datagrams are not cut anew.
        let same = name.contains("byte") && plain.flows.keys().all(|(_, _, transport)| *transport == "UDP");
        assert_eq!(changed == packets, same, "{capture}, {name}");
        let differences = plain.differences(&reshape::says(&changed, &home), true);
        assert!(differences.is_empty(), "{capture}, {name}:\n  {}", differences.join("\n  "));
    }
}

#[test]
fn peer_wire_and_http_tracker() {
    check("tcp-http-tracker.pcap", 40);
}

#[test]
fn peer_wire_and_udp_tracker() {
    check("udp-tracker.pcap", 40);
}

#[test]
fn utp() {
    check("utp.pcap", 40);
}

#[test]
fn mse() {
    check("mse-rc4.pcap", 40);
}

#[test]
fn dht() {
    check("dht.pcap", 80);
}

#[test]
fn local_discovery() {
    check("lsd.pcap", 40);
}

#[test]
fn ipv6() {
    check("ipv6.pcap", 60);
}
