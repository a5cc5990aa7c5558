//! The captures that ship with the project, against what their makers know of them (tests/captures/README.md).
#![allow(clippy::expect_used)] // what fails must stop the test

use std::collections::BTreeSet;
use swarmscope::base::HomeNets;
use swarmscope::event::{Encryption, Family, FlowRecord, Grade, Kind};
use swarmscope::ledger::Side;
use swarmscope::ledger::report::{Report, TorrentReport};
use swarmscope::output::{AnalysisSink, FlowContext};
use swarmscope::pipeline::{AnalyzeOptions, analyze};

#[derive(Default)]
struct Flows(Vec<FlowRecord>);

impl AnalysisSink for Flows {
    fn flow(&mut self, record: &FlowRecord, _: &FlowContext<'_>) {
        self.0.push(record.clone());
    }
}

fn read(name: &str) -> (Report, Vec<FlowRecord>) {
    let networks = ["192.168.50.0/24", "2001:db8:50::/64"].iter().map(|n| n.parse().expect("a network"));
    let options = AnalyzeOptions {
        inputs: vec![format!("{}/tests/captures/{name}.pcap", env!("CARGO_MANIFEST_DIR")).into()],
        home: HomeNets::new(networks.collect()),
        deduplicate: true,
        ..AnalyzeOptions::default()
    };
    let mut flows = Flows::default();
    let report = analyze(&options, &mut flows).expect("the capture ships with the project");
    let coverage = &report.coverage;
    assert_eq!(coverage.packets, coverage.decoded + coverage.skipped.values().sum::<u64>());
    assert_eq!((coverage.panics, coverage.damage.len()), (0, 0));
    (report, flows.0)
}

fn hosts(report: &Report) -> BTreeSet<String> {
    report.hosts.iter().map(|h| h.address.to_string()).collect()
}

fn kinds(flows: &[FlowRecord]) -> BTreeSet<Kind> {
    let sure = flows.iter().filter(|f| f.label.grade >= Some(Grade::Strong));
    sure.flat_map(|f| f.label.kinds.iter()).collect()
}

fn names<const N: usize>(last: [&str; N]) -> BTreeSet<String> {
    last.iter().map(|l| format!("192.168.50.{l}")).collect()
}

#[test]
fn the_office_has_five_hosts_with_their_clients_and_two_torrents() {
    let (report, flows) = read("office");
    assert_eq!(hosts(&report), names(["21", "34", "47", "58", "66"]));
    for (host, client) in [
        ("21", "qBittorrent 4.5.2"),
        ("34", "Transmission 3.00"),
        ("47", "aria2 1.36.0"),
        ("66", "Deluge 2.0.3"),
    ] {
        let address = format!("192.168.50.{host}");
        let found = report.hosts.iter().find(|h| h.address.to_string() == address).expect("listed");
        assert!(found.clients.iter().any(|c| c.name == client), "{address}: {:?}", found.clients);
    }
    let torrents: BTreeSet<_> = report.torrents.iter().map(|t| t.info_hash.to_string()).collect();
    assert_eq!(torrents.len(), 2, "{torrents:?}");
    for kind in [Kind::PeerWire, Kind::Utp, Kind::Dht, Kind::HttpTracker, Kind::UdpTracker, Kind::Lsd] {
        assert!(kinds(&flows).contains(&kind), "{kind:?}");
    }
}

#[test]
fn background_traffic_accuses_nobody() {
    let (report, flows) = read("background");
    assert!(hosts(&report).is_empty());
    let accused: Vec<_> = flows
        .iter()
        .filter(|f| {
            f.label.grade >= Some(Grade::Strong) && f.label.kinds.family() == Some(Family::Bittorrent)
        })
        .collect();
    assert!(accused.is_empty(), "{accused:#?}");
}

#[test]
fn forced_encryption_is_found_and_named() {
    let (report, flows) = read("mse-rc4");
    assert_eq!(hosts(&report).len(), 2);
    let encrypted = flows.iter().filter(|f| f.label.encryption == Encryption::MseRc4);
    let bytes: u64 = encrypted
        .filter(|f| f.label.grade >= Some(Grade::Strong))
        .map(|f| f.sent[0].payload + f.sent[1].payload)
        .sum();
    assert!(bytes > 200_000, "{bytes} payload bytes in encrypted flows of grade strong");
}

#[test]
fn each_protocol_is_found_where_it_was_spoken() {
    for (name, wanted, unwanted) in [
        (
            "tcp-http-tracker",
            &[Kind::PeerWire, Kind::HttpTracker][..],
            &[Kind::Dht, Kind::Utp, Kind::UdpTracker][..],
        ),
        ("udp-tracker", &[Kind::PeerWire, Kind::UdpTracker], &[Kind::Dht, Kind::HttpTracker]),
        ("utp", &[Kind::Utp, Kind::PeerWire, Kind::UdpTracker], &[Kind::Dht, Kind::HttpTracker]),
        ("dht", &[Kind::Dht, Kind::PeerWire], &[Kind::HttpTracker, Kind::UdpTracker, Kind::Lsd]),
        ("lsd", &[Kind::Lsd, Kind::PeerWire], &[Kind::Dht, Kind::HttpTracker, Kind::UdpTracker]),
        ("ipv6", &[Kind::PeerWire, Kind::Utp, Kind::Dht], &[Kind::HttpTracker, Kind::Lsd]),
    ] {
        let (report, flows) = read(name);
        let found = kinds(&flows);
        assert!(!report.hosts.is_empty(), "{name}");
        assert!(wanted.iter().all(|k| found.contains(k)), "{name}: {found:?}");
        assert!(!unwanted.iter().any(|k| found.contains(k)), "{name}: {found:?}");
    }
}

#[test]
fn whole_downloads_show_as_complete_without_any_metadata() {
    for (name, pieces, bytes) in [("tcp-http-tracker", 10, 150_000), ("utp", 10, 150_000)] {
        let (report, _) = read(name);
        let torrent = report.torrents.first().expect("a torrent");
        assert_eq!((torrent.pieces, torrent.size), (Some(pieces), None), "{name}");
        assert_eq!(torrent.hosts.len(), 2, "{name}");
        for host in &torrent.hosts {
            assert_eq!((host.measured, host.downloaded), (Some((pieces, pieces)), bytes), "{name}: {host:?}");
        }
    }
    let (office, _) = read("office");
    assert_eq!(office.place.side, Side::Inside);
    let across = |report: &Report| report.torrents.iter().map(TorrentReport::across).sum::<u64>();
    assert_eq!(across(&office), 0);
}
