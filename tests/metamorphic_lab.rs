//! RELIABILITY 4.2, metamorphic: captures of real clients in a laboratory, in other packets that say the same (run where the
//! shared captures are: `SWARMSCOPE_SHARED` names their folder). See `scenes/metamorphic.rs` for what must hold.
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
    let mut failures = Vec::new();
    for capture in CAPTURES {
        let file = PathBuf::from(&shared).join(format!("captures/lab/{capture}.pcap"));
        let packets = reshape::packets(&file, FLOWS);
        let plain = reshape::says(&packets, &HomeNets::default());
        assert!(!plain.flows.is_empty() && !plain.hosts.is_empty(), "{capture} says nothing");
        for (name, change) in reshape::CHANGES {
            let changed = reshape::says(&change(&packets), &HomeNets::default());
            for difference in plain.differences(&changed, !name.contains("byte")) {
                failures.push(format!("{capture}, {name}: {difference}"));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
