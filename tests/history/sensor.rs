//! A sensor in memory: packets, rules and a history, put together as `watch` does.

use super::day::{HOST, QUIET};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use swarmscope::base::{HomeNets, Timestamp};
use swarmscope::capture::{Memory, OwnedPacket};
use swarmscope::event::{FlowRecord, FlowUpdate};
use swarmscope::ledger::report::{Coverage, Report};
use swarmscope::ledger::{HostState, Ledger, Standing};
use swarmscope::output::{AnalysisSink, DhtEvent, FlowContext, HostEvent, Policed, TorrentEvent};
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, analyze_source};
use swarmscope::policy::{AlertAction, AlertChange, Engine, EngineLimits, RuleSet};
use swarmscope::store::{History, Recorder, RunKind, StoreLimits};

/// Keeps all in a history, and remembers what came of the host.
struct Kept {
    recorder: Recorder,
    standing: Standing,
    told: Vec<HostState>,
    alerts: Vec<(AlertAction, String)>,
}

impl AnalysisSink for Kept {
    fn host(&mut self, event: &HostEvent<'_>) {
        if event.host.is_none() {
            self.recorder.state(event.at, event.address, event.standing);
            if event.address == HOST.parse().expect("an address") {
                self.told.push(event.standing.state);
            }
        }
    }
    fn update(&mut self, update: &FlowUpdate<'_>, _: &FlowContext<'_>) {
        self.recorder.update(update);
    }
    fn alert(&mut self, change: &AlertChange) {
        self.recorder.alert(change);
        let alert = &change.alert;
        self.alerts.push((change.action, format!("{} {:?}", alert.rule.name, alert.group)));
    }
    fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage) {
        self.recorder.tick(now, ledger, coverage, Duration::ZERO);
        self.standing = ledger.standing(HOST.parse().expect("an address"));
    }
}

/// As `watch` puts them together.
struct Watched<'a>(Policed<'a, Kept>);

impl AnalysisSink for Watched<'_> {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        self.0.flow(record, context);
    }
    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        self.0.dht(event, context);
    }
    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        self.0.torrent(event);
    }
    fn host(&mut self, event: &HostEvent<'_>) {
        self.0.host(event);
    }
    fn update(&mut self, update: &FlowUpdate<'_>, context: &FlowContext<'_>) {
        self.0.update(update, context);
    }
    fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage) {
        self.0.tick(now, ledger, coverage);
        let (engine, kept) = self.0.parts();
        kept.recorder.write(ledger, Some(engine));
    }
    fn end(&mut self, ledger: &Ledger) {
        let (engine, kept) = self.0.parts();
        kept.recorder.end(ledger, Some(engine));
    }
}

/// What came of it.
pub struct Ran {
    pub report: Report,
    /// Of the host that stops, at the end.
    pub standing: Standing,
    /// Its states, as they were told.
    pub told: Vec<HostState>,
    /// All alerts.
    pub alerts: Vec<(AlertAction, String)>,
}

fn home() -> HomeNets {
    HomeNets::new(vec!["192.168.50.0/24".parse().expect("a network")])
}

/// Runs a sensor until the packets end.
pub fn run(state: &Path, packets: Vec<OwnedPacket>, kind: RunKind) -> Ran {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/policy");
    let rules = RuleSet::load(&[rules]).expect("the rules that ship");
    let mut engine = Engine::new(Arc::new(rules), home(), EngineLimits::default());
    let history = History::open(state).expect("a history");
    let memory = history.memory(QUIET * 32).expect("memory");
    history.restore(&mut engine).expect("rows");
    let writer = history.into_writer(StoreLimits::default()).expect("a thread");
    let recorder = Recorder::new(writer, kind, "eth0".to_owned(), home(), false);
    let mut kept = Kept { recorder, standing: Standing::default(), told: Vec::new(), alerts: Vec::new() };
    let options = AnalyzeOptions {
        home: home(),
        quiet_for: Some(QUIET),
        news: true,
        remembered: Some(Arc::new(memory)),
        ..AnalyzeOptions::default()
    };
    let mut source = Memory::new(packets);
    let mut watched = Watched(Policed::new(&mut engine, &mut kept, false));
    let report = analyze_source(&mut source, &options, AnalyzeLimits::default(), &mut watched);
    let counters = kept.recorder.finish();
    assert_eq!((counters.dropped, counters.errors), (0, 0));
    Ran { report: report.expect("packets"), standing: kept.standing, told: kept.told, alerts: kept.alerts }
}
