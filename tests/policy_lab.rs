//! The shipped rules on the lab's mixed capture fire on the hosts with P2P and on nobody else, whatever the number of workers.
//! Runs where SWARMSCOPE_SHARED names the shared material.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use swarmscope::output::{AnalysisSink, Policed};
use swarmscope::pipeline::{AnalyzeOptions, analyze};
use swarmscope::policy::{AlertChange, Engine, EngineLimits, RuleSet, Subject};

#[derive(Default)]
struct Lines(Vec<String>, BTreeSet<String>);

impl AnalysisSink for Lines {
    fn alert(&mut self, change: &AlertChange) {
        let alert = &change.alert;
        let (action, rule) = (change.action.label(), &alert.rule.name);
        self.0.push(format!("{} {action} {rule} {:?} {}", alert.at, alert.group, alert.summary()));
        self.1.extend(alert.host().map(|h| h.to_string()));
    }
}

fn run(capture: PathBuf, workers: usize) -> Lines {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/policy");
    let rules = Arc::new(RuleSet::load(&[folder]).unwrap_or_else(|p| panic!("{p:#?}")));
    let mut options =
        AnalyzeOptions { inputs: vec![capture], workers, news: true, ..AnalyzeOptions::default() };
    let mut engine = Engine::new(rules, options.home.clone(), EngineLimits::default());
    options.log_dht = engine.wants(Subject::Dht);
    let mut lines = Lines::default();
    analyze(&options, &mut Policed::new(&mut engine, &mut lines, false)).unwrap();
    lines
}

#[test]
fn alerts_do_not_depend_on_the_number_of_workers() {
    for name in ["office.pcap", "dht.pcap"] {
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name);
        let alone = run(capture.clone(), 0);
        assert!(!alone.0.is_empty());
        assert_eq!(alone.0, run(capture, 3).0);
    }
}

#[test]
fn the_mixed_capture_accuses_two_hosts_and_nobody_else() {
    let Some(shared) = std::env::var_os("SWARMSCOPE_SHARED") else { return };
    let lines = run(Path::new(&shared).join("captures/lab/n-mixed.pcap"), 0);
    let hosts: Vec<&str> = lines.1.iter().map(String::as_str).collect();
    assert_eq!(hosts, ["192.168.50.77", "192.168.50.78"], "{:#?}", lines.0);
}
