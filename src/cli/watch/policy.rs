//! The rules of a running sensor: what they find goes to the outputs, and others take their place without a restart.

use super::super::exit::Failure;
use super::super::rules;
use super::outputs::Outputs;
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use swarmscope::base::Timestamp;
use swarmscope::event::{FlowRecord, FlowUpdate};
use swarmscope::ledger::Ledger;
use swarmscope::ledger::report::Coverage;
use swarmscope::output::live::{AlertItem, PolicyStatus};
use swarmscope::output::privacy::{Veil, Veiled};
use swarmscope::output::{
    AlertRecord, AnalysisSink, DhtEvent, FlowContext, HostEvent, Policed, SensorStatus, TorrentEvent,
};
use swarmscope::policy::{Alert, AlertAction, AlertChange, Engine, RuleSet};

/// Alerts that are shown, at most, and how many of them may be over.
const SHOWN_MAX: usize = 1_000;
const OVER_MAX: usize = 200;
/// Ticks after which alerts are written anew though none has changed: their values do.
const ANEW: u32 = 10;

/// The rules of a folder; none without one.
pub(super) fn load(folder: Option<&Path>) -> Result<Arc<RuleSet>, Failure> {
    match folder {
        None => Ok(Arc::default()),
        Some(folder) => rules::load(&[folder.to_owned()]).map(Arc::new),
    }
}

/// Outputs that are held against rules.
pub(super) struct Watched<'a>(pub(super) Policed<'a, Veiled<Outputs>>);

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

    fn sensor(&mut self, status: &SensorStatus) {
        self.0.sensor(status);
    }

    fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage) {
        self.0.tick(now, ledger, coverage);
        let spent = self.0.spent();
        let (engine, veiled) = self.0.parts();
        let outputs = veiled.inner_mut();
        if let Some(rules) = outputs.take_rules() {
            engine.replace(rules);
        }
        outputs.publish(|board| board.status(engine, spent));
    }

    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.0.stats(at, coverage);
    }

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.0.progress(bytes_read, bytes_total, packets)
    }
}

/// The alerts that are shown.
#[derive(Default)]
pub(super) struct Board {
    over: VecDeque<AlertRecord>,
    changed: bool,
    ticks: u32,
    /// What is kept back of the alerts that the engine holds; those told come veiled.
    veil: Arc<Veil>,
}

impl Board {
    pub(super) fn new(veil: Arc<Veil>) -> Self {
        Self { veil, ..Self::default() }
    }

    /// Takes note of a change.
    pub(super) fn note(&mut self, change: &AlertChange) {
        self.changed = true;
        if change.action == AlertAction::Resolved {
            self.over.truncate(OVER_MAX - 1);
            let resolved = Some(change.alert.at);
            // It opened when its condition had begun to hold; when that was told is forgotten.
            let alert = Alert { at: change.alert.since, ..change.alert.clone() };
            self.over.push_front(AlertRecord { alert, resolved });
        }
    }

    /// What the policy says now.
    fn status(&mut self, engine: &Engine, spent: Duration) -> PolicyNow {
        self.ticks += 1;
        let anew = std::mem::take(&mut self.changed) || self.ticks.is_multiple_of(ANEW);
        let mut firing = BTreeMap::new();
        for (rule, n) in engine.firing() {
            *firing.entry((rule.name.clone(), rule.severity.label().to_owned())).or_default() += n as u64;
        }
        let evaluations = engine.counters().evaluations;
        let alerts = anew.then(|| self.alerts(engine));
        PolicyNow { firing, evaluations, spent, alerts }
    }

    fn alerts(&self, engine: &Engine) -> Vec<AlertItem> {
        let mut firing: Vec<AlertRecord> =
            engine.active().take(SHOWN_MAX).map(|alert| AlertRecord { alert, resolved: None }).collect();
        firing.iter_mut().for_each(|record| self.veil.alert(&mut record.alert));
        firing.sort_by_key(|record| std::cmp::Reverse(record.alert.at));
        let room = SHOWN_MAX.saturating_sub(firing.len());
        let item = |r: &AlertRecord| AlertItem { host: r.alert.host(), json: r.json() };
        firing.iter().chain(self.over.iter().take(room)).map(item).collect()
    }
}

/// What the policy says at a tick.
pub(super) struct PolicyNow {
    firing: BTreeMap<(String, String), u64>,
    evaluations: u64,
    spent: Duration,
    /// `None` where they are as they were.
    alerts: Option<Vec<AlertItem>>,
}

impl PolicyNow {
    /// Puts it over what was said before.
    pub(super) fn over(self, status: &mut PolicyStatus) {
        status.firing = self.firing;
        status.evaluations = self.evaluations;
        status.evaluation_time = self.spent;
        if let Some(alerts) = self.alerts {
            status.alerts = alerts;
        }
    }
}
