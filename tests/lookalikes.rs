//! Programs that are not BitTorrent, and look like it (tests/captures/lookalikes/README.md): nobody is accused, be the
//! capture whole, joined in the middle, or of a host that does run BitTorrent beside.
#![allow(clippy::expect_used)] // what fails must stop the test

#[path = "support/own.rs"]
mod own;

use own::{analyze, bittorrent, merge, packets, starting_at};
use std::collections::BTreeSet;
use swarmscope::base::{Endpoint, Transport};
use swarmscope::capture::OwnedPacket;
use swarmscope::event::{FlowRecord, Grade};

/// Captures with flows that are suspected, which accuses nobody, and how many at most. Those of `random-turns` open with
/// the lengths of MSE on purpose; an NTCP2 exchange of I2P does by chance.
const SUSPECTED: [(&str, usize); 2] = [("random-turns", 4), ("i2pd", 1)];

fn names() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/lookalikes");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the captures ship with the project")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| file.strip_suffix(".pcap").map(|name| format!("lookalikes/{name}")))
        .collect();
    names.sort();
    assert!(names.len() >= 19, "{names:?}");
    names
}

fn of_grade(flows: &[FlowRecord], grade: Grade) -> Vec<&FlowRecord> {
    flows.iter().filter(|f| bittorrent(f) >= Some(grade)).collect()
}

/// Nobody is accused by these packets; gives the flows.
fn innocent(name: &str, what: &str, packets: Vec<OwnedPacket>) -> Vec<FlowRecord> {
    let (report, flows) = analyze(packets);
    let accused = of_grade(&flows, Grade::Strong);
    assert!(accused.is_empty() && report.hosts.is_empty(), "{name}, {what}: {accused:#?}");
    flows
}

#[test]
fn nobody_is_accused() {
    for name in names() {
        let flows = innocent(&name, "whole", packets(&name));
        assert!(!flows.is_empty(), "{name}");
        let suspected = of_grade(&flows, Grade::Suspected);
        let allowed = SUSPECTED.iter().find(|(n, _)| name.ends_with(n)).map_or(0, |(_, n)| *n);
        assert!(suspected.len() <= allowed, "{name}: {suspected:#?}");
    }
}

#[test]
fn nobody_is_accused_by_what_is_joined_in_the_middle() {
    for name in names() {
        for skip in [20, 60, 120, 240] {
            let flows = innocent(&name, "joined", packets(&name).into_iter().skip(skip).collect::<Vec<_>>());
            let suspected: Vec<_> =
                of_grade(&flows, Grade::Suspected).into_iter().filter(|f| f.midstream).collect();
            assert!(suspected.is_empty(), "{name} from packet {skip} on: {suspected:#?}");
        }
    }
}

#[test]
fn nobody_is_accused_by_one_direction() {
    for name in names() {
        for inside in [true, false] {
            let of_host = |p: &OwnedPacket| own::source_v4(p) == Some([192, 168, 50, 34]);
            let part: Vec<_> = packets(&name).into_iter().filter(|p| of_host(p) == inside).collect();
            innocent(&name, "one direction", part);
        }
    }
}

/// The host of these captures is 192.168.50.34, which runs Transmission in `office`: it is a participant, its port is known,
/// peers were named to it. None of that makes its other connections BitTorrent.
#[test]
fn other_programs_of_a_participant_are_not_accused() {
    type Key = (Endpoint, Endpoint, Transport);
    let key = |f: &FlowRecord| -> Key {
        (f.originator.min(f.responder), f.originator.max(f.responder), f.transport)
    };
    let office = packets("office");
    let start = office.first().expect("packets").at;
    for name in names() {
        let other = starting_at(packets(&name), start);
        let (_, alone) = analyze(other.clone());
        let theirs: BTreeSet<Key> = alone.iter().map(key).collect();
        let (report, flows) = analyze(merge(office.clone(), other));
        assert!(report.hosts.iter().any(|h| h.address.to_string() == "192.168.50.34"), "{name}");
        let accused: Vec<_> =
            of_grade(&flows, Grade::Strong).into_iter().filter(|f| theirs.contains(&key(f))).collect();
        assert!(accused.is_empty(), "{name}: {accused:#?}");
    }
}
