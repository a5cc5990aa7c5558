//! The target over everything: packets in, report and events out, in very little memory.

use super::script::{Record, Script, Stage};
use swarmscope::base::Timestamp;
use swarmscope::capture::{Memory, OwnedPacket};
use swarmscope::event::FlowRecord;
use swarmscope::flow::FlowLimits;
use swarmscope::ledger::LedgerLimits;
use swarmscope::ledger::report::{Coverage, Report};
use swarmscope::output::{
    AnalysisSink, DhtEvent, EventWriter, FlowContext, HostEvent, Layout, TorrentEvent, write_json,
    write_summary,
};
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, analyze_source};

const PACKETS_MAX: usize = 2_048;

/// Every packet is counted once, nothing panics, caps hold, all output is what it claims to be, and two workers find
/// and tell what one does.
pub fn pipeline(bytes: &[u8]) {
    let mut script = Script(bytes);
    let settings = script.u8();
    let options = AnalyzeOptions {
        deduplicate: settings & 1 != 0,
        all_flows: settings & 2 != 0,
        log_dht: settings & 4 != 0,
        ..AnalyzeOptions::default()
    };
    let limits = if settings & 8 == 0 { tiny() } else { AnalyzeLimits::default() };
    let mut stage = Stage::default();
    let mut packets = Vec::new();
    while !script.is_over() && packets.len() < PACKETS_MAX {
        packets.extend(stage.perform(&Record::read(&mut script)));
    }
    let told = run(&packets, &options, limits);
    // Each worker has its share of the caps, so that small ones are reached sooner.
    if settings & 0b1_1000 == 0b1_1000 {
        assert_eq!(told, run(&packets, &AnalyzeOptions { workers: 2, ..options }, limits), "two workers");
    }
}

/// The report of an analysis as JSON, and its events. When an idle flow is told depends on the packets that its worker
/// gets after it, so that events may come in another order: they are given sorted.
fn run(packets: &[OwnedPacket], options: &AnalyzeOptions, limits: AnalyzeLimits) -> (String, Vec<String>) {
    let sent = packets.len() as u64;
    let mut source = Memory::new(packets.to_vec());
    let mut sink = Checked::default();
    let report = analyze_source(&mut source, options, limits, &mut sink).unwrap();
    let Coverage { packets, decoded, skipped, panics, .. } = &report.coverage;
    assert_eq!(*packets, sent);
    assert_eq!(*packets, decoded + skipped.values().sum::<u64>());
    assert_eq!(*panics, 0);
    assert!(report.hosts.len() <= limits.ledger.hosts);
    assert!(report.torrents.len() <= limits.ledger.swarms);
    assert!(report.mappings.len() <= limits.ledger.mappings);
    (check_report(&report), check_lines(&sink.events))
}

fn tiny() -> AnalyzeLimits {
    AnalyzeLimits {
        flows: FlowLimits { flows: 16, states: 8, ..FlowLimits::default() },
        ledger: LedgerLimits {
            hosts: 4,
            swarms: 4,
            endpoints: 16,
            endpoints_per_source: 4,
            ports: 8,
            tried: 4,
            scanners: 4,
            mappings: 2,
            ..LedgerLimits::default()
        },
        ..AnalyzeLimits::default()
    }
}

fn check_lines(events: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(events).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["timestamp"].is_string() && event["event_type"].is_string(), "{line}");
    }
    assert_harmless(text);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn check_report(report: &Report) -> String {
    let mut json = Vec::new();
    write_json(report, &mut json).unwrap();
    serde_json::from_slice::<serde_json::Value>(&json).unwrap();
    let json = String::from_utf8(json).unwrap();
    assert_harmless(&json);
    let mut page = Vec::new();
    write_summary(report, &mut page, Layout { width: 80, color: false }).unwrap();
    assert_harmless(std::str::from_utf8(&page).unwrap());
    json
}

/// Nothing that steers a terminal, turns text around or ends a line.
fn assert_harmless(text: &str) {
    let steers = |c: char| {
        c != '\n' && c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(steers), "{text:?}");
}

/// The events as a file would hold them.
#[derive(Default)]
struct Checked {
    events: Vec<u8>,
}

impl Checked {
    fn write(&mut self, write: impl FnOnce(&mut EventWriter<&mut Vec<u8>>) -> std::io::Result<()>) {
        write(&mut EventWriter::new(&mut self.events)).unwrap();
    }
}

impl AnalysisSink for Checked {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        assert!(record.start <= record.end);
        self.write(|events| events.flow(record, context));
    }

    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        self.write(|events| events.dht(event, context));
    }

    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        self.write(|events| events.torrent(event));
    }

    fn host(&mut self, event: &HostEvent<'_>) {
        self.write(|events| events.host(event));
    }

    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.write(|events| events.stats(at, coverage));
    }
}
