//! The same packets give the same bytes out, whatever the number of workers and in every run.
#![allow(clippy::expect_used, clippy::indexing_slicing)] // what fails must stop the test

mod support;

use std::path::PathBuf;
use support::Events;
use swarmscope::base::HomeNets;
use swarmscope::output::{Color, EventWriter, Layout, write_json, write_summary};
use swarmscope::pipeline::{AnalyzeOptions, analyze};

/// Events, JSON and summary of all captures that ship with the project, read as one input.
fn everything(inputs: &[PathBuf], workers: usize) -> [Vec<u8>; 3] {
    let options = AnalyzeOptions {
        inputs: inputs.to_vec(),
        home: HomeNets::new(
            ["192.168.50.0/24", "2001:db8:50::/64"].iter().map(|n| n.parse().expect("a network")).collect(),
        ),
        workers,
        all_flows: true,
        log_dht: true,
        deduplicate: true,
        ..AnalyzeOptions::default()
    };
    let mut events = Events(EventWriter::new(Vec::new()));
    let report = analyze(&options, &mut events).expect("the captures are there");
    assert_eq!(report.coverage.panics, 0);
    let (mut json, mut summary) = (Vec::new(), Vec::new());
    write_json(&report, &mut json).expect("memory");
    write_summary(&report, &mut summary, Layout::of_stdout(Color::Never)).expect("memory");
    [events.0.into_inner(), json, summary]
}

fn own_captures() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let mut captures: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the captures ship with the project")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "pcap"))
        .collect();
    captures.sort();
    assert!(captures.len() >= 5);
    captures
}

#[test]
fn the_number_of_workers_changes_nothing() {
    for capture in own_captures() {
        let inputs = [capture];
        let inline = everything(&inputs, 0);
        assert!(inline.iter().all(|output| !output.is_empty()));
        for workers in [1, 2, 5] {
            let threaded = everything(&inputs, workers);
            for (name, (a, b)) in ["events", "JSON", "summary"].iter().zip(inline.iter().zip(&threaded)) {
                assert!(a == b, "{name} of {} differ with {workers} workers", inputs[0].display());
            }
        }
    }
}

#[test]
fn a_second_run_says_the_same_although_its_hash_keys_differ() {
    let captures = own_captures();
    assert!(everything(&captures, 0) == everything(&captures, 0));
}
