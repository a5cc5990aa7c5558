//! News of flows that go on adds up to what is told at their end, and changes no verdict.
#![allow(clippy::expect_used)] // what fails must stop the test

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use swarmscope::base::{HomeNets, Timestamp};
use swarmscope::event::{FlowRecord, FlowUpdate};
use swarmscope::ledger::Ledger;
use swarmscope::ledger::report::Coverage;
use swarmscope::output::{AnalysisSink, FlowContext, write_json};
use swarmscope::pipeline::{AnalyzeOptions, analyze};

/// Adds up what it is told.
#[derive(Default)]
struct Sums {
    /// Bytes of a flow by the news, times it was told new, times it was told ended.
    news: BTreeMap<u64, (u64, u32, u32)>,
    /// Bytes of a flow by its record.
    ends: BTreeMap<u64, u64>,
    updates_while_running: u64,
    ticks: Vec<Timestamp>,
}

impl AnalysisSink for Sums {
    fn flow(&mut self, record: &FlowRecord, _: &FlowContext<'_>) {
        self.ends.insert(record.id(), record.sent.iter().map(|c| c.bytes).sum());
    }
    fn update(&mut self, update: &FlowUpdate<'_>, _: &FlowContext<'_>) {
        let (bytes, new, ended) = self.news.entry(update.record.id()).or_default();
        *bytes += update.added().iter().map(|c| c.bytes).sum::<u64>();
        *new += u32::from(update.is_new());
        *ended += u32::from(update.ended);
        self.updates_while_running += u64::from(!update.ended);
    }
    fn tick(&mut self, now: Timestamp, _: &Ledger, _: &Coverage) {
        self.ticks.push(now);
    }
}

fn run(capture: &Path, news: bool, workers: usize) -> (Sums, Vec<u8>) {
    let options = AnalyzeOptions {
        inputs: vec![capture.to_owned()],
        home: HomeNets::new(
            ["192.168.50.0/24", "2001:db8:50::/64"].iter().map(|n| n.parse().expect("a network")).collect(),
        ),
        workers,
        news,
        deduplicate: true,
        ..AnalyzeOptions::default()
    };
    let mut sums = Sums::default();
    let report = analyze(&options, &mut sums).expect("the capture is there");
    let mut json = Vec::new();
    write_json(&report, &mut json).expect("memory");
    (sums, json)
}

fn own_captures() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let files = std::fs::read_dir(folder).expect("the captures ship with the project");
    files
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "pcap"))
        .collect()
}

#[test]
fn what_is_told_of_a_running_flow_adds_up_to_what_is_told_at_its_end() {
    let mut running = 0;
    for capture in own_captures() {
        for workers in [0, 2] {
            let (sums, _) = run(&capture, true, workers);
            running += sums.updates_while_running;
            assert!(sums.ticks.is_sorted());
            assert_eq!(sums.news.len(), sums.ends.len(), "{}", capture.display());
            for (flow, bytes) in &sums.ends {
                assert_eq!(
                    sums.news.get(flow),
                    Some(&(*bytes, 1, 1)),
                    "flow {flow} of {}",
                    capture.display()
                );
            }
        }
    }
    assert!(running > 100, "only {running} updates of running flows");
}

#[test]
fn news_changes_no_verdict_and_no_sum() {
    for capture in own_captures() {
        let quiet = run(&capture, false, 0).1;
        for workers in [0, 2] {
            assert!(run(&capture, true, workers).1 == quiet, "{} with news", capture.display());
        }
    }
}
