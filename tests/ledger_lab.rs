//! Progress in torrents, port mappings, the sensor's place and behaviour in the DHT held against what the laboratory's clients
//! reported of themselves (run where the shared captures are: `SWARMSCOPE_SHARED` names their folder).
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // what fails must stop the test

use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

fn lab() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("SWARMSCOPE_SHARED")?).join("captures/lab"))
}

fn analyzed(name: &str, more: &[&str]) -> Option<Value> {
    let capture = lab()?.join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmscope"));
    command.args(["-q", "analyze", "--json"]).args(more);
    let output = command.arg(capture).output().expect("the program runs");
    Some(serde_json::from_slice(&output.stdout).expect("a report"))
}

fn truth(name: &str) -> Value {
    let file = lab().expect("a folder").join(name.replace(".pcap", ".truth.json"));
    serde_json::from_slice(&std::fs::read(file).expect("the truth")).expect("JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// What the report says a host has of a torrent.
fn completion(report: &Value, address: &Value, hash: &Value) -> Option<f64> {
    let torrent = list(report, "torrents").iter().find(|t| t["info_hash"] == *hash || t["also"] == *hash)?;
    let host = list(torrent, "hosts").iter().find(|h| h["address"] == *address)?;
    host["measured"]["completion"].as_f64()
}

/// Captures in clear, read from their beginning and without loss: whose whole download was seen.
const WHOLE: [&str; 8] = [
    "a-plain-tcp.pcap",
    "b-udp-tracker.pcap",
    "c-utp-plain.pcap",
    "f-mse-plaintext.pcap",
    "j-magnet-v2.pcap",
    "h-lsd-pex.pcap",
    "l1-lan.pcap",
    "p-vlan.pcap",
];

#[test]
fn progress_is_within_one_percent_of_what_the_clients_reported() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for name in WHOLE {
        let Some(report) = analyzed(name, &[]) else { return };
        let truth = truth(name);
        for host in list(&truth, "hosts").iter().filter(|h| h["side"] == "lan") {
            for torrent in list(host, "torrents") {
                let Some(fraction) = torrent["end_fraction"].as_f64() else { continue };
                let Some(found) = completion(&report, &host["ip"], &torrent["infohash"]) else {
                    continue;
                };
                compared += 1;
                if (found - fraction).abs() > 0.01 {
                    wrong.push(format!("{name} {} {}: {found} for {fraction}", host["ip"], torrent["id"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared}: {wrong:#?}", wrong.len());
    assert!(compared >= 15, "only {compared} were comparable");
}

#[test]
fn the_sensor_stands_inside_and_says_why() {
    for name in ["l1-lan.pcap", "l2-lan.pcap", "l3-lan.pcap", "l4-story-lan.pcap", "l5-natpmp-lan.pcap"] {
        let Some(report) = analyzed(name, &[]) else { return };
        let place = &report["sensor_place"];
        assert_eq!(place["side"], "inside", "{name}");
        assert!(!list(place, "evidence").is_empty(), "{name}");
    }
    // As if the hosts on the other side were ours: they show with the addresses that the Internet sees.
    let outside = analyzed("l1-lan.pcap", &["--home-net", "203.0.113.0/24,198.51.100.0/24,192.0.2.0/24"]);
    assert_eq!(outside.expect("captures")["sensor_place"]["side"], "outside");
}

#[test]
fn the_mapping_is_shown_with_its_lifetime_and_the_peers_that_used_it() {
    let Some(report) = analyzed("l5-natpmp-lan.pcap", &[]) else { return };
    let granted = list(&report, "port_mappings").iter().find(|m| m["proto"] == "tcp" && m["result"] == 0);
    let granted = granted.expect("the router granted it");
    assert_eq!(granted["internal_port"], 23849);
    assert!(granted["lifetime_seconds"].as_u64().is_some_and(|s| s > 0), "{granted}");
    assert!(granted["until"].as_str() > granted["last"].as_str(), "{granted}");
    // The router let three of the peers outside in, and a scanner.
    assert_eq!(granted["bittorrent_peers"], 3, "{granted}");
    let port = list(&report, "exposure").iter().find(|p| p["port"] == 23849 && p["proto"] == "tcp");
    let port = port.expect("it was tried");
    let others: Vec<&str> = list(port, "visits").iter().filter_map(|v| v["protocol"].as_str()).collect();
    assert_eq!(others, ["connect-only"], "{port}");
    assert!(list(port, "other_protocols").is_empty() && port["answered_other"] == false, "{port}");
    assert_eq!(port["bittorrent_peers"], 3, "{port}");
}

#[test]
fn clients_of_the_laboratory_break_no_rule_of_the_dht() {
    for name in ["g-dht.pcap", "n-mixed.pcap", "i-ipv6.pcap", "q-stopped.pcap"] {
        let Some(report) = analyzed(name, &[]) else { return };
        for host in list(&report, "hosts") {
            assert_eq!(list(&host["dht"], "findings"), [] as [Value; 0], "{name} {}", host["address"]);
        }
    }
}
