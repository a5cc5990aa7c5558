//! Captures that see less than all: one direction only, one packet in fifty lost, joined in the middle. The verdict on each
//! host stays, no flow gains by what is missing, and the flows say what they lack.
#![allow(clippy::expect_used, clippy::indexing_slicing)] // what fails must stop the test

#[path = "support/own.rs"]
mod own;

use own::{analyze, bittorrent, packets, source_v4};
use std::collections::{BTreeMap, BTreeSet};
use swarmscope::base::{Endpoint, Transport};
use swarmscope::capture::OwnedPacket;
use swarmscope::event::{Encryption, FlowRecord, Grade};
use swarmscope::ledger::report::Report;

/// Captures with encrypted peer connections over IPv4: over TCP, and over uTP among others.
const CAPTURES: [&str; 2] = ["mse-rc4", "office"];

type Key = (Endpoint, Endpoint, Transport);

fn key(flow: &FlowRecord) -> Key {
    let (a, b) = (flow.originator, flow.responder);
    (a.min(b), a.max(b), flow.transport)
}

fn grades(flows: &[FlowRecord]) -> BTreeMap<Key, Option<Grade>> {
    let mut grades = BTreeMap::new();
    for flow in flows {
        let grade = grades.entry(key(flow)).or_insert(None);
        *grade = (*grade).max(bittorrent(flow));
    }
    grades
}

fn hosts(report: &Report) -> BTreeSet<String> {
    report.hosts.iter().map(|h| h.address.to_string()).collect()
}

/// Analyzes all packets and those that `keep` lets through, and checks that no flow gained; gives what is left.
fn blinded(
    name: &str,
    keep: impl Fn(usize, &OwnedPacket) -> bool,
) -> (BTreeSet<String>, Report, Vec<FlowRecord>) {
    let all = packets(name);
    let part = all.iter().enumerate().filter(|(i, p)| keep(*i, p)).map(|(_, p)| p.clone()).collect();
    let (whole, whole_flows) = analyze(all);
    let (report, flows) = analyze(part);
    let before = grades(&whole_flows);
    for (key, grade) in grades(&flows) {
        assert!(grade <= before[&key], "{name}: {key:?} became {grade:?} from {:?}", before[&key]);
    }
    (hosts(&whole), report, flows)
}

/// Encrypted flows with data of grade strong or better.
fn encrypted(flows: &[FlowRecord]) -> usize {
    let found = |f: &&FlowRecord| {
        bittorrent(f) >= Some(Grade::Strong)
            && f.label.encryption > Encryption::None
            && f.sent[0].payload + f.sent[1].payload > 1_000
    };
    flows.iter().filter(found).count()
}

#[test]
fn either_direction_is_enough_for_the_hosts() {
    let inside = |p: &OwnedPacket| source_v4(p).is_some_and(|s| s.starts_with(&[192, 168, 50]));
    for name in CAPTURES {
        let (whole, report, flows) = blinded(name, |_, p| inside(p));
        assert_eq!(hosts(&report), whole, "{name}");
        // What hosts of the LAN sent one another is there in both directions.
        let outward = |f: &&FlowRecord| f.originator.address.to_string().starts_with("192.168.50.");
        let one_way: Vec<_> = flows.iter().filter(outward).filter(|f| f.one_way).collect();
        assert!(one_way.len() * 2 > flows.iter().filter(outward).count(), "{name}: {}", one_way.len());
        assert!(one_way.iter().any(|f| bittorrent(f) >= Some(Grade::Strong)), "{name}");
        // What strangers sent may be forged: hosts whose answers they acknowledge on readable streams are named with that
        // reserve. Datagrams to a host name nobody (it may be the victim of reflected ones), and without a host that is
        // named nothing unreadable is attributed.
        let (whole, report, _) = blinded(name, |_, p| !inside(p));
        let readable = name == "office";
        assert!(hosts(&report).is_subset(&whole), "{name}");
        assert_eq!(hosts(&report) == whole, readable, "{name}: {:?}", hosts(&report));
        assert!(report.hosts.iter().all(|h| h.claimed_only), "{name}");
    }
}

#[test]
fn a_packet_in_fifty_lost_changes_no_host() {
    for (name, least) in CAPTURES.into_iter().zip([4, 4]) {
        for first in [0, 7, 23, 41] {
            let (whole, report, flows) = blinded(name, |i, _| i % 50 != first);
            assert_eq!(hosts(&report), whole, "{name} {first}");
            assert!(encrypted(&flows) >= least, "{name} {first}: {}", encrypted(&flows));
        }
    }
}

#[test]
fn joined_in_the_middle_the_hosts_stay_and_the_flows_say_so() {
    for name in CAPTURES {
        for skip in [100, 200] {
            let (whole, report, flows) = blinded(name, |i, _| i >= skip);
            assert_eq!(hosts(&report), whole, "{name} {skip}");
            assert!(flows.iter().any(|f| f.midstream), "{name} {skip}");
        }
    }
}
