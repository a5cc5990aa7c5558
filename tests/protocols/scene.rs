//! Writes conversations between hosts, and reads them with the whole program.

use std::collections::HashMap;
use std::time::Duration;
use swarmscope::base::{Endpoint, Timestamp};
use swarmscope::capture::{LinkType, Memory, OwnedPacket};
use swarmscope::event::{FlowRecord, Grade, Kind, Reason};
use swarmscope::frame::{Tcp, build};
use swarmscope::ledger::report::{HostReport, Report, TorrentReport};
use swarmscope::output::{AnalysisSink, FlowContext, Layout, write_json, write_summary};
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, analyze_source};

/// The home host.
pub const HOME: &str = "192.168.1.10";

/// Payload bytes of a full segment.
const SEGMENT: usize = 1_400;

/// Packets to be read, in order.
#[derive(Default)]
pub struct Scene {
    packets: Vec<OwnedPacket>,
    /// The next sequence number of each sender, by (sender, receiver).
    sequence: HashMap<(Endpoint, Endpoint), u32>,
    elapsed: Duration,
}

impl Scene {
    /// A datagram.
    pub fn udp(&mut self, from: &str, to: &str, payload: &[u8]) -> &mut Self {
        let ip = build::udp(endpoint(from), endpoint(to), payload);
        self.packet(&ip)
    }

    /// Bytes on a TCP connection, which is opened by the first to speak.
    pub fn tcp(&mut self, from: &str, to: &str, payload: &[u8]) -> &mut Self {
        let (from, to) = (endpoint(from), endpoint(to));
        if !self.sequence.contains_key(&(from, to)) {
            self.segment(from, to, Tcp::SYN, &[]);
            self.segment(to, from, Tcp::SYN | Tcp::ACK, &[]);
            self.segment(from, to, Tcp::ACK, &[]);
        }
        for part in payload.chunks(SEGMENT) {
            self.segment(from, to, Tcp::ACK, part);
            self.segment(to, from, Tcp::ACK, &[]);
        }
        self
    }

    /// Bytes on a TCP connection of which neither the opening nor the other side is seen.
    pub fn tcp_unseen(&mut self, from: &str, to: &str, payload: &[u8]) -> &mut Self {
        for part in payload.chunks(SEGMENT) {
            self.segment(endpoint(from), endpoint(to), Tcp::ACK, part);
        }
        self
    }

    /// Leaves the opening of every TCP connection out, as if the capture began later.
    pub fn without_handshakes(&mut self) -> &mut Self {
        // The first three packets: Ethernet, IPv4, TCP without payload.
        self.packets.drain(..3);
        self
    }

    /// A pause.
    pub fn wait(&mut self, seconds: u64) -> &mut Self {
        self.elapsed += Duration::from_secs(seconds);
        self
    }

    /// What the program makes of it.
    pub fn read(&self) -> Seen {
        let mut flows = Flows::default();
        let options = AnalyzeOptions { all_flows: true, log_dht: true, ..AnalyzeOptions::default() };
        let mut source = Memory::new(self.packets.clone());
        let report =
            analyze_source(&mut source, &options, AnalyzeLimits::default(), &mut flows).expect("a report");
        assert_eq!(report.coverage.panics, 0);
        let (mut json, mut page) = (Vec::new(), Vec::new());
        write_json(&report, &mut json).expect("memory");
        write_summary(&report, &mut page, Layout { width: 120, color: false }).expect("memory");
        Seen {
            report,
            flows: flows.0,
            json: serde_json::from_slice(&json).expect("JSON"),
            summary: String::from_utf8(page).expect("UTF-8"),
        }
    }

    fn segment(&mut self, from: Endpoint, to: Endpoint, flags: u8, payload: &[u8]) {
        let ack = *self.sequence.entry((to, from)).or_insert(5_000);
        let seq = self.sequence.entry((from, to)).or_insert(9_000);
        let ip = build::tcp(from, to, Tcp { seq: *seq, ack, flags, urgent: 0 }, payload);
        *seq = seq.wrapping_add(payload.len() as u32 + u32::from(flags & Tcp::SYN != 0));
        self.packet(&ip);
    }

    fn packet(&mut self, ip: &[u8]) -> &mut Self {
        self.elapsed += Duration::from_millis(20);
        let at = Timestamp::from_secs(1_700_000_000) + self.elapsed;
        self.packets.push(OwnedPacket::whole(at, LinkType::ETHERNET, build::ethernet(ip)));
        self
    }
}

fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

/// What was found.
pub struct Seen {
    pub report: Report,
    pub flows: Vec<FlowRecord>,
    pub json: serde_json::Value,
    pub summary: String,
}

impl Seen {
    /// The only flow.
    pub fn flow(&self) -> &FlowRecord {
        assert_eq!(self.flows.len(), 1, "{:?}", self.flows);
        &self.flows[0]
    }

    /// The kinds of all flows of grade strong or better.
    pub fn kinds(&self) -> Vec<Kind> {
        let sure = self.flows.iter().filter(|f| f.label.grade >= Some(Grade::Strong));
        let mut kinds: Vec<Kind> = sure.flat_map(|f| f.label.kinds.iter()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    pub fn has_reason(&self, reason: Reason) -> bool {
        self.flows.iter().any(|f| f.label.reasons.contains(reason))
    }

    /// The home host, which must be listed.
    pub fn home(&self) -> &HostReport {
        let home = HOME.parse().expect("an address");
        self.report.hosts.iter().find(|h| h.address == home).expect("the home host is listed")
    }

    pub fn torrent(&self, info_hash: [u8; 20]) -> &TorrentReport {
        self.report.torrents.iter().find(|t| t.info_hash.0 == info_hash).expect("the torrent is listed")
    }
}

#[derive(Default)]
struct Flows(Vec<FlowRecord>);

impl AnalysisSink for Flows {
    fn flow(&mut self, record: &FlowRecord, _: &FlowContext<'_>) {
        self.0.push(record.clone());
    }
}
