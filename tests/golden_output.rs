//! The summaries as people and scripts get them, held against `tests/golden/`. `UPDATE_GOLDEN=1` writes them anew: then
//! look at the difference before committing it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::path::Path;
use std::time::Duration;
use swarmscope::base::{Address, InfoHash, InfoHashV2, NodeId, Timestamp, Transport};
use swarmscope::event::{
    AnnounceEvent, Answer, Channel, ClientSource, DhtPurpose, Encryption, Family, Grade, Kind, Mapping,
    NameTrust, Opens, Reason,
};
use swarmscope::ledger::report::{
    ClientReport, Coverage, DhtExchange, FlowSum, HostBytes, HostReport, Interval, MappingReport, NatStatus,
    PortReport, PortState, Report, Role, ScanReport, ScrapeReport, TorrentHost, TorrentReport, Totals,
    VisitReport,
};
use swarmscope::ledger::{Allowance, Behaviour, DhtConduct, DhtFinding, DhtPart, Place, Side, Standing};
use swarmscope::output::{Layout, write_json, write_summary};

const MIB: u64 = 1 << 20;

#[test]
fn a_busy_network_at_80_columns() {
    check("busy-80.txt", &summary(&busy(), 80, false));
}

#[test]
fn a_busy_network_at_140_columns() {
    check("busy-140.txt", &summary(&busy(), 140, false));
}

#[test]
fn a_busy_network_in_colour() {
    check("busy-color.txt", &summary(&busy(), 100, true));
}

#[test]
fn a_busy_network_as_json() {
    let mut out = Vec::new();
    write_json(&busy(), &mut out).unwrap();
    serde_json::from_slice::<serde_json::Value>(&out).unwrap();
    check("busy.json", &String::from_utf8(out).unwrap());
}

#[test]
fn nothing_found_says_what_could_not_be_seen() {
    let coverage = Coverage { one_way_flows: 40, flows: 50, cut_frames: 12, ..busy().coverage };
    check("nothing-80.txt", &summary(&Report { coverage, ..Report::default() }, 80, false));
}

#[test]
fn traffic_without_home_hosts_points_at_the_home_networks() {
    let report = Report { coverage: busy().coverage, totals: busy().totals, ..Report::default() };
    check("no-home-80.txt", &summary(&report, 80, false));
}

#[test]
fn an_empty_input_is_said_to_be_empty() {
    let coverage = Coverage { files: vec!["empty.pcap".into()], ..Coverage::default() };
    check("empty-80.txt", &summary(&Report { coverage, ..Report::default() }, 80, false));
}

#[test]
fn no_line_is_wider_than_the_terminal_or_ends_in_a_space() {
    for width in 60..200 {
        for line in summary(&busy(), width, false).lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{width}: {line}");
            assert_eq!(line.trim_end(), line);
        }
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    let mut plain = String::new();
    let mut colored = summary(&busy(), 100, true);
    while let Some((before, after)) = colored.split_once("\x1b[") {
        plain.push_str(before);
        colored = after.split_once('m').unwrap().1.to_owned();
    }
    assert_eq!(plain + &colored, summary(&busy(), 100, false));
}

#[test]
fn hostile_names_reach_no_terminal() {
    let mut report = busy();
    let hostile = "\x1b]0;owned\x07\u{202e}gpj.exe\n\r\u{9b}2J".to_owned();
    report.coverage.files = vec![hostile.clone()];
    report.coverage.damage = vec![(hostile.clone(), 1, hostile.clone())];
    report.coverage.home_nets = vec![hostile.clone()];
    report.hosts[0].clients[0].name = hostile.clone();
    report.torrents[0].name = Some((hostile, Channel::Metainfo, NameTrust::Claimed));
    let text = summary(&report, 140, false);
    assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
    let mut json = Vec::new();
    write_json(&report, &mut json).unwrap();
    let json = String::from_utf8(json).unwrap();
    assert!(!json.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')));
    serde_json::from_str::<serde_json::Value>(&json).unwrap();
}

fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let version = |v: &str| format!("\"swarmscope\": \"{v}\"");
    let actual = actual.replace(&version(env!("CARGO_PKG_VERSION")), &version("VERSION"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(actual, expected, "{name} differs");
}

fn summary(report: &Report, width: usize, color: bool) -> String {
    let mut out = Vec::new();
    write_summary(report, &mut out, Layout { width, color }).unwrap();
    String::from_utf8(out).unwrap()
}

fn busy() -> Report {
    Report {
        coverage: coverage(),
        totals: totals(),
        hosts: vec![busy_host(), quiet_host(), v6_host()],
        torrents: vec![busy_torrent(), unnamed_torrent()],
        mappings: mappings(),
        exposure: exposure(),
        scans: scans(),
        place: Place {
            side: Side::Inside,
            evidence: vec![
                "2 home hosts talk to the Internet from private addresses".to_owned(),
                "1 of them is told that it is seen at a public address".to_owned(),
            ],
        },
        oddities: [("overlapping TCP data that differs", 3), ("port 0", 1)].into(),
    }
}

fn port(host: &str, port: u16, state: PortState, intervals: Vec<Interval>) -> PortReport {
    PortReport {
        host: address(host),
        transport: Transport::Tcp,
        port,
        state,
        open_for: Duration::from_secs(if state == PortState::Open { 5_400 } else { 0 }),
        sources: 12,
        attempts: intervals.iter().map(|i| i.attempts).sum(),
        p2p: port != 22,
        mapped: state == PortState::Open,
        forwarded: true,
        intervals,
        scanners: u64::from(state == PortState::Open),
        callers: if state == PortState::Open { 31 } else { 0 },
        visits: if state == PortState::Open { visits() } else { vec![] },
    }
}

fn visits() -> Vec<VisitReport> {
    let visit = |opens, flows, answered, sources| VisitReport {
        opens,
        flows,
        answered,
        sources,
        first: at(200),
        last: at(500),
    };
    vec![
        visit(Opens::Nothing, 12, 0, 9),
        visit(Opens::Http, 3, 1, 3),
        visit(Opens::Ssh, 1, 1, 1),
        visit(Opens::Unknown, 5, 0, 2),
    ]
}

fn exposure() -> Vec<PortReport> {
    let seen = |answer, from, to, attempts| Interval { answer, first: at(from), last: at(to), attempts };
    vec![
        port("10.0.0.5", 22, PortState::Closed, vec![seen(Answer::Refused, 50, 50, 1)]),
        port(
            "10.0.0.5",
            51_413,
            PortState::Open,
            vec![seen(Answer::Silence, 20, 60, 9), seen(Answer::Accepted, 100, 5_500, 40)],
        ),
        port("10.0.0.5", 6_881, PortState::ForwardedRefused, vec![seen(Answer::Silence, 20, 60, 9)]),
        port("10.0.0.5", 6_882, PortState::NotTested, vec![]),
    ]
}

fn scans() -> Vec<ScanReport> {
    let (host, source) = (address("10.0.0.5"), address("198.51.100.9"));
    vec![ScanReport { host, source, ports: 9, first: at(20), last: at(60) }]
}

fn coverage() -> Coverage {
    Coverage {
        files: vec!["office-monday.pcapng.zst".into(), "office-tuesday.pcapng.zst".into()],
        packets: 1_234_567,
        bytes: 1_180 * MIB,
        first: Some(at(0)),
        last: Some(at(601)),
        decoded: 1_200_000,
        skipped: [("arp", 4_000), ("icmp", 29_367), ("truncated-header", 1_200)].into(),
        unsupported_links: [("USB_LINUX".to_owned(), 1_200)].into(),
        flows: 10_482,
        one_way_flows: 1_101,
        tunnels: [("gre", 20), ("vxlan", 12_000)].into(),
        damage: vec![(
            "office-tuesday.pcapng.zst".into(),
            73_400_320,
            "a block ends behind the end of the file".into(),
        )],
        home_nets: [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ]
        .map(str::to_owned)
        .to_vec(),
        home_nets_default: true,
        ..Coverage::default()
    }
}

fn totals() -> Totals {
    let sum = |flows, mib_in: u64, mib_out: u64| FlowSum {
        flows,
        bytes_in: mib_in * MIB,
        bytes_out: mib_out * MIB,
        bytes_across: 0,
    };
    Totals {
        flows: [
            ((Family::Bittorrent, Grade::Confirmed), sum(612, 700, 90)),
            ((Family::Bittorrent, Grade::Strong), sum(31, 120, 14)),
            ((Family::Bittorrent, Grade::Suspected), sum(4, 1, 1)),
            ((Family::LookAlike, Grade::Confirmed), sum(2, 30, 1)),
        ]
        .into(),
        kinds: [
            (Kind::PeerWire, sum(60, 810, 100)),
            (Kind::Utp, sum(40, 500, 60)),
            (Kind::Dht, sum(570, 3, 2)),
            (Kind::UdpTracker, sum(4, 0, 0)),
            (Kind::DeliveryOptimization, sum(2, 30, 1)),
        ]
        .into(),
        encryption: [
            (Encryption::None, sum(600, 500, 60)),
            (Encryption::Mse, sum(30, 120, 14)),
            (Encryption::MseRc4, sum(13, 200, 30)),
        ]
        .into(),
        look_alikes: [((Reason::MseShape, false), sum(3, 4, 5)), ((Reason::MseShape, true), sum(4, 1, 1))]
            .into(),
        malformed: [((Kind::Dht, "trailing-bytes"), 7), ((Kind::UdpTracker, "short"), 1)].into(),
        ..Totals::default()
    }
}

fn busy_host() -> HostReport {
    let client = |name: &str, source| ClientReport {
        name: name.into(),
        source,
        engine: None,
        first: at(9),
        last: at(590),
    };
    HostReport {
        address: address("10.0.0.5"),
        first: at(9),
        last: at(599),
        bytes: [
            (Grade::Confirmed, traffic(700, 90)),
            (Grade::Strong, traffic(120, 14)),
            (Grade::Suspected, traffic(1, 1)),
        ]
        .into(),
        transports: [("tcp", traffic(317, 42)), ("udp", traffic(3, 2)), ("utp", traffic(500, 60))].into(),
        encryption: [(Encryption::None, traffic(500, 60)), (Encryption::MseRc4, traffic(320, 44))].into(),
        all: traffic(900, 150),
        kinds: [
            (Kind::PeerWire, 58),
            (Kind::Utp, 40),
            (Kind::Dht, 540),
            (Kind::UdpTracker, 4),
            (Kind::Lsd, 1),
        ]
        .into(),
        flows: 643,
        peers: 412,
        clients: vec![
            client("qBittorrent 4.5.2", ClientSource::PeerId),
            client("qBittorrent 4.5.2", ClientSource::Extended),
            client("libtorrent 2.0.8", ClientSource::Krpc),
        ],
        listens: vec![
            (51_413, Channel::Dht, at(9), at(590)),
            (51_413, Channel::UdpTracker, at(10), at(500)),
            (51_413, Channel::Lsd, at(11), at(11)),
        ],
        node_ids: vec![(NodeId([0xa5; 20]), Some(true)), (NodeId([0x3c; 20]), Some(false))],
        external: vec![(address("203.0.113.7"), 58), (address("198.51.100.200"), 1)],
        torrents: vec![InfoHash([0x0c; 20]), InfoHash([0xee; 20])],
        dht: [1_204, 388, 2, 401],
        dht_exchange: exchange(),
        dht_conduct: conduct(),
        ..host("10.0.0.5")
    }
}

fn conduct() -> DhtConduct {
    let finding = |behaviour, count| DhtFinding { behaviour, count, first: at(0), last: at(600) };
    DhtConduct {
        part: DhtPart::Participant,
        findings: vec![finding(Behaviour::Crawler, 2_481), finding(Behaviour::Mozi, 3)],
    }
}

fn quiet_host() -> HostReport {
    HostReport {
        bytes: [(Grade::Confirmed, HostBytes { received: 18_220, sent: 9_400 })].into(),
        transports: [("udp", HostBytes { received: 18_220, sent: 9_400 })].into(),
        encryption: [(Encryption::None, HostBytes { received: 18_220, sent: 9_400 })].into(),
        kinds: [(Kind::Dht, 30)].into(),
        claimed_only: true,
        dht: [30, 0, 0, 0],
        ..host("192.168.178.23")
    }
}

fn v6_host() -> HostReport {
    let client = |name: &str| ClientReport {
        name: name.into(),
        source: ClientSource::PeerId,
        engine: Some("libtorrent"),
        first: at(100),
        last: at(200),
    };
    HostReport {
        bytes: [(Grade::Strong, traffic(2, 1))].into(),
        encryption: [(Encryption::Mse, traffic(2, 1))].into(),
        kinds: [(Kind::PeerWire, 2)].into(),
        clients: vec![client("Transmission 3.00"), client("μTorrent 3.5.5 日本語版")],
        client_conflict: true,
        torrents: vec![InfoHash([0x0c; 20])],
        ..host("fd00:1234:5678:9abc:def0:1234:5678:9abc")
    }
}

fn host(text: &str) -> HostReport {
    HostReport {
        address: address(text),
        first: at(100),
        last: at(200),
        bytes: Default::default(),
        transports: Default::default(),
        encryption: Default::default(),
        all: traffic(10, 10),
        kinds: Default::default(),
        flows: 30,
        peers: 28,
        claimed_only: false,
        clients: vec![],
        client_conflict: false,
        listens: vec![],
        node_ids: vec![],
        external: vec![],
        external_ports: vec![],
        torrents: vec![],
        dht: [0; 4],
        dht_exchange: DhtExchange::default(),
        dht_conduct: DhtConduct::default(),
        nat: [NatStatus::Green, NatStatus::Yellow],
        opened: [(3, traffic(5, 5)), (27, traffic(5, 5))],
        standing: Standing::default(),
        allowed: None,
    }
}

fn exchange() -> DhtExchange {
    use DhtPurpose::{Announce, Lookup, Maintenance};
    DhtExchange {
        purposes: [(Maintenance, 1_000), (Lookup, 190), (Announce, 14)].into(),
        answered: 1_150,
        round_trips: Some([4, 80_500, 2_900].map(Duration::from_millis)),
    }
}

fn busy_torrent() -> TorrentReport {
    TorrentReport {
        info_hash: InfoHash([0x0c; 20]),
        also: Some(InfoHash([0xd2; 20])),
        v2: Some(InfoHashV2([0xd2; 32])),
        is_v2: true,
        name: Some((
            "An uncommonly long name of a freely distributable recording of a concert in 2026 (FLAC, 24 bit)"
                .into(),
            Channel::Metainfo,
            NameTrust::Verified,
        )),
        size: Some(1_400 * MIB),
        pieces: Some(1_400),
        private: Some(true),
        first: at(9),
        last: at(599),
        hosts: vec![
            TorrentHost {
                claimed: Some((AnnounceEvent::Started, 0, 0, 700 * MIB)),
                measured: Some((980, 1_400)),
                downloaded: 640 * MIB,
                across: [MIB, 0],
                uploaded: 70 * MIB,
                peers: 55,
                role: Role::Leecher,
                ..torrent_host("10.0.0.5")
            },
            TorrentHost {
                claimed: Some((AnnounceEvent::Completed, 0, 0, 0)),
                upload_only: Some(true),
                uploaded: MIB,
                across: [0, MIB],
                role: Role::Seeder,
                ..torrent_host("fd00:1234:5678:9abc:def0:1234:5678:9abc")
            },
        ],
        peers: 431,
        peers_seeding: 17,
        reported: Some((1_204, 88, Some(9_000))),
        scrape: Some(ScrapeReport { seeders: Some(1_225), leechers: Some(91), answers: 8 }),
        channels: vec![Channel::PeerWire, Channel::Dht, Channel::UdpTracker],
        trackers: vec!["203.0.113.69:6969".parse().unwrap()],
        allowed: Some(Allowance::InfoHash),
    }
}

fn unnamed_torrent() -> TorrentReport {
    TorrentReport {
        info_hash: InfoHash([0xee; 20]),
        also: None,
        v2: None,
        is_v2: false,
        name: None,
        size: None,
        pieces: None,
        private: None,
        hosts: vec![torrent_host("10.0.0.5")],
        peers: 1,
        peers_seeding: 0,
        reported: None,
        scrape: None,
        channels: vec![Channel::Dht],
        trackers: vec![],
        allowed: None,
        ..busy_torrent()
    }
}

fn torrent_host(text: &str) -> TorrentHost {
    TorrentHost {
        address: address(text),
        first: at(9),
        last: at(599),
        claimed: None,
        measured: None,
        upload_only: None,
        downloaded: 0,
        uploaded: 0,
        peers: 0,
        across: [0, 0],
        role: Role::Lookup,
    }
}

fn mappings() -> Vec<MappingReport> {
    let mapping = |transport, answer| MappingReport {
        host: address("10.0.0.5"),
        router: "10.0.0.1:5351".parse().unwrap(),
        mapping: Mapping {
            transport,
            internal_port: 51_413,
            external_port: 51_413,
            lifetime: 3_600,
            host: None,
            answer,
            protocol: "nat-pmp",
        },
        at: at(8),
        last: at(1_808),
        used_by: if transport == Transport::Tcp { 31 } else { 0 },
    };
    vec![mapping(Transport::Tcp, Some(0)), mapping(Transport::Udp, Some(3)), mapping(Transport::Udp, None)]
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_772_366_400) + Duration::from_secs(secs)
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn traffic(mib_received: u64, mib_sent: u64) -> HostBytes {
    HostBytes { received: mib_received * MIB, sent: mib_sent * MIB }
}
