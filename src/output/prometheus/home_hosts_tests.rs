//! Who gets series of their own, who loses them, and that nothing is lost on the way.

use super::*;
use crate::base::{Endpoint, Transport};
use crate::event::{Counters as Sent, EndReason, FlowRecord, FlowState, Kind, Label, Opaque, Reason};
use crate::ledger::report::Report;
use prometheus::Registry;

fn address(n: u32) -> Address {
    Address::v4([10, (n >> 16) as u8, (n >> 8) as u8, n as u8])
}

/// A flow on which home host `n` sent and received so many bytes up to `at`.
fn record(n: u32, sent: u64, received: u64, at: i64) -> FlowRecord {
    let counters = |bytes| Sent { packets: u64::from(bytes > 0), bytes, payload: bytes };
    let label = Label {
        kinds: [Kind::PeerWire].into_iter().collect(),
        grade: Some(Grade::Confirmed),
        reasons: [Reason::Handshake].into_iter().collect(),
        ..Label::default()
    };
    FlowRecord {
        originator: Endpoint::new(address(n), 6_881),
        responder: Endpoint::new(Address::v4([203, 0, 113, 7]), 6_881),
        transport: Transport::Tcp,
        path: 0,
        sent: [counters(sent), counters(received)],
        start: Timestamp::from_secs(0),
        end: Timestamp::from_secs(at),
        last_stretch: [None; 2],
        state: FlowState::Established,
        reason: EndReason::Running,
        midstream: false,
        one_way: false,
        label,
        opaque: Opaque::default(),
        trace: None,
    }
}

fn hosts(limit: usize) -> (Registry, HomeHosts) {
    let registry = Registry::new();
    let hosts = HomeHosts::register(&Declare::new(&registry), limit).unwrap();
    (registry, hosts)
}

fn moves(hosts: &mut HomeHosts, n: u32, bytes: u64, at: i64) {
    let record = record(n, bytes, 0, at);
    hosts.flow(&FlowUpdate { record: &record, told: Told::default(), ended: true }, [true, false]);
}

fn tick(hosts: &mut HomeHosts, at: i64) {
    hosts.observe(Timestamp::from_secs(at), &Report::default());
}

/// Bytes sent, by host label.
fn sent(registry: &Registry) -> HashMap<String, u64> {
    let families = registry.gather();
    let bytes = families.iter().find(|f| f.name() == "swarmscope_host_bytes_total").unwrap();
    let out = bytes.get_metric().iter().filter(|m| m.get_label().iter().any(|l| l.value() == "out"));
    out.map(|m| {
        let host = m.get_label().iter().find(|l| l.name() == "host").unwrap();
        (host.value().to_owned(), m.get_counter().get_value() as u64)
    })
    .collect()
}

#[test]
fn who_finds_no_room_is_counted_with_the_others() {
    let (registry, mut hosts) = hosts(2);
    for n in 1..=5 {
        moves(&mut hosts, n, 100, 1);
    }
    let sums = sent(&registry);
    assert_eq!((sums.len(), sums["10.0.0.1"], sums["10.0.0.2"], sums["other"]), (3, 100, 100, 300));
}

#[test]
fn the_heavy_displace_the_light_once_these_have_stayed_and_no_counter_goes_down() {
    let (registry, mut hosts) = hosts(2);
    for (n, bytes) in [(1, 1_000), (2, 10), (3, 500), (4, 15)] {
        moves(&mut hosts, n, bytes, 1);
    }
    let other = sent(&registry)["other"];
    tick(&mut hosts, 2);
    assert_eq!(sent(&registry).len(), 3, "too early");
    tick(&mut hosts, 602);
    let sums = sent(&registry);
    assert!(!sums.contains_key("10.0.0.2") && sums["10.0.0.3"] == 0, "{sums:?}");
    assert_eq!((sums["other"], hosts.evictions.get()), (other, 1));
    moves(&mut hosts, 3, 7, 603);
    assert_eq!((sent(&registry)["10.0.0.3"], sent(&registry)["other"]), (7, other));
    for at in 0..10 {
        tick(&mut hosts, 1_300 + at);
    }
    assert_eq!(hosts.evictions.get(), 1, "15 is not twice as much as anybody has");
}

#[test]
fn the_idle_leave() {
    let (registry, mut hosts) = hosts(2);
    moves(&mut hosts, 1, 100, 1);
    moves(&mut hosts, 2, 100, 3_000);
    tick(&mut hosts, 3_700);
    let sums = sent(&registry);
    assert!(!sums.contains_key("10.0.0.1") && sums.contains_key("10.0.0.2"));
    assert_eq!((hosts.series.get(), hosts.evictions.get()), (1, 1));
}

#[test]
fn none_is_admitted_where_the_limit_is_zero() {
    let (registry, mut hosts) = hosts(0);
    moves(&mut hosts, 1, 100, 1);
    tick(&mut hosts, 5_000);
    assert_eq!(sent(&registry), HashMap::from([("other".to_owned(), 100)]));
}

#[test]
fn bytes_count_once_and_only_where_the_host_took_part() {
    let (registry, mut hosts) = hosts(2);
    let mut flow = record(1, 0, 50, 1);
    let mut told = Told::default();
    // A stranger knocks; the host answers later; then nothing new; then more.
    for (sent, received) in [(0, 50), (30, 60), (30, 60), (40, 60)] {
        flow.sent = record(1, sent, received, 1).sent;
        hosts.flow(&FlowUpdate { record: &flow, told, ended: false }, [true, false]);
        told = Told::of(&flow);
    }
    let read = |name: &str| -> f64 {
        let families = registry.gather();
        let family = families.iter().find(|f| f.name() == name).unwrap();
        family.get_metric().iter().map(|m| m.get_counter().get_value()).sum()
    };
    assert_eq!(sent(&registry)["10.0.0.1"], 40);
    assert!((read("swarmscope_host_bytes_total") - 100.0).abs() < 0.5);
    assert!((read("swarmscope_host_flows_total") - 1.0).abs() < 0.5);
    // A suspicion that becomes certain brings what was moved before.
    let mut flow = record(2, 10, 10, 1);
    flow.label.grade = Some(Grade::Suspected);
    hosts.flow(&FlowUpdate { record: &flow, told: Told::default(), ended: false }, [true, false]);
    assert!(!sent(&registry).contains_key("10.0.0.2"));
    let told = Told::of(&flow);
    flow.label.grade = Some(Grade::Strong);
    hosts.flow(&FlowUpdate { record: &flow, told, ended: true }, [true, false]);
    assert_eq!(sent(&registry)["10.0.0.2"], 10);
}
