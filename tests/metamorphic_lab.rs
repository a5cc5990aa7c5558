//! RELIABILITY 4.2, metamorphic: captures of real clients in a laboratory, in other packets that say the same (run where the
//! shared captures are: `SWARMSCOPE_SHARED` names their folder). See `scenes/metamorphic.rs` for what must hold;
//! here one flow told by shape alone may differ where the stream is cut or shuffled, or one in ten.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "scenes/reshape.rs"]
mod reshape;

use std::path::PathBuf;
use swarmscope::base::HomeNets;

/// Every transport, discovery and encryption once; the other captures are longer forms of these.
const CAPTURES: [&str; 13] = [
    "a-plain-tcp",
    "b-udp-tracker",
    "c-utp-plain",
    "d-mse-rc4-tcp",
    "e-mse-utp",
    "f-mse-plaintext",
    "g-dht",
    "h-lsd-pex",
    "i-ipv6",
    "j-magnet-v2",
    "k-webseed",
    "p-vlan",
    "t-loss",
];
/// Connections of each, the first.
const FLOWS: usize = 60;

#[test]
fn other_packets_that_say_the_same_are_read_the_same() {
    let Some(shared) = std::env::var_os("SWARMSCOPE_SHARED") else { return };
    let networks = ["192.168.50.0/24", "2001:db8:50::/64"].iter().map(|n| n.parse().unwrap());
    let home = HomeNets::new(networks.collect());
    let mut failures = Vec::new();
    for capture in CAPTURES {
        let file = PathBuf::from(&shared).join(format!("captures/lab/{capture}.pcap"));
        let packets = reshape::packets(&file, FLOWS);
        let plain = reshape::says(&packets, &home);
        assert!(!plain.flows.is_empty() && !plain.hosts.is_empty(), "{capture} says nothing");
        for (name, change) in reshape::CHANGES {
            let changed = reshape::says(&change(&packets), &home);
            for difference in plain.differences(&changed, keeps_streams(name)) {
                failures.push(format!("{capture}, {name}: {difference}"));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Whether a change leaves every stream as it was, write by write.
fn keeps_streams(name: &str) -> bool {
    !name.contains("byte") && name != "shuffled"
}
