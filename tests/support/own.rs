//! The captures that ship with the project, taken apart and put together again.
#![allow(dead_code)] // each test file uses some

use swarmscope::base::{HomeNets, Timestamp};
use swarmscope::capture::{FileOptions, LinkType, Memory, OwnedPacket, PacketSource, Read};
use swarmscope::event::{Family, FlowRecord, Grade};
use swarmscope::ledger::report::Report;
use swarmscope::output::{AnalysisSink, FlowContext};
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, analyze_source};

#[derive(Default)]
struct Flows(Vec<FlowRecord>);

impl AnalysisSink for Flows {
    fn flow(&mut self, record: &FlowRecord, _: &FlowContext<'_>) {
        self.0.push(record.clone());
    }
}

/// The packets of `tests/captures/NAME.pcap`.
pub fn packets(name: &str) -> Vec<OwnedPacket> {
    let path = format!("{}/tests/captures/{name}.pcap", env!("CARGO_MANIFEST_DIR"));
    let mut source = swarmscope::capture::open(&[path.into()], &FileOptions::default())
        .expect("the capture ships with the project");
    let mut packets = Vec::new();
    while let Read::Packet(packet) = source.next_packet().expect("a whole capture") {
        packets.push(OwnedPacket::from(packet));
    }
    packets
}

/// Analyzes packets; gives the report and every flow, labelled or not.
pub fn analyze(packets: Vec<OwnedPacket>) -> (Report, Vec<FlowRecord>) {
    let networks = ["192.168.50.0/24", "2001:db8:50::/64"].iter().map(|n| n.parse().expect("a network"));
    let options = AnalyzeOptions {
        home: HomeNets::new(networks.collect()),
        deduplicate: true,
        all_flows: true,
        ..AnalyzeOptions::default()
    };
    let mut flows = Flows::default();
    let mut source = Memory::new(packets);
    let report = analyze_source(&mut source, &options, AnalyzeLimits::default(), &mut flows)
        .expect("packets in memory");
    assert_eq!(report.coverage.panics, 0);
    (report, flows.0)
}

/// Moves packets in time so that the first stands at `start`.
pub fn starting_at(mut packets: Vec<OwnedPacket>, start: Timestamp) -> Vec<OwnedPacket> {
    let shift = start.0 - packets.first().map_or(start, |p| p.at).0;
    for packet in &mut packets {
        packet.at = Timestamp(packet.at.0 + shift);
    }
    packets
}

/// Two captures in order of time.
pub fn merge(a: Vec<OwnedPacket>, b: Vec<OwnedPacket>) -> Vec<OwnedPacket> {
    let mut all: Vec<OwnedPacket> = a.into_iter().chain(b).collect();
    all.sort_by_key(|p| p.at);
    all
}

/// Source address of an Ethernet frame with IPv4.
pub fn source_v4(packet: &OwnedPacket) -> Option<[u8; 4]> {
    let ethernet = packet.link == LinkType::ETHERNET && packet.data.get(12..14) == Some(&[8, 0]);
    packet.data.get(26..30).filter(|_| ethernet)?.try_into().ok()
}

/// The BitTorrent grade of a flow.
pub fn bittorrent(flow: &FlowRecord) -> Option<Grade> {
    flow.label.grade.filter(|_| flow.label.kinds.family() == Some(Family::Bittorrent))
}
