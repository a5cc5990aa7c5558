//! The keeping side of live capture: takes what the workers hand over, once all of them have come as far.

use super::coverage;
use super::keeper::{Keeper, Places};
use super::lane::Handover;
use super::limits::AnalyzeLimits;
use super::numbering::Numbering;
use super::reader::Seen;
use super::sensor;
use super::worker::{Harvest, WorkerCounters};
use crate::base::Timestamp;
use crate::capture::Origin;
use crate::ledger::Ledger;
use crate::ledger::report::{Coverage, Report};
use crate::output::{AnalysisSink, SensorStatus};
use crossbeam_channel::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The keeper's thread.
pub struct Desk<'a> {
    keeper: Keeper,
    ledger: &'a Ledger,
    /// What each reader tells.
    seen: &'a [Mutex<Seen>],
    limits: AnalyzeLimits,
    numbering: Numbering,
    origins: Vec<Origin>,
    /// How far each worker has come, and what it counts; nothing before its first tick.
    marks: Vec<Option<Mark>>,
}

/// How far a worker has come.
#[derive(Clone, Copy)]
struct Mark {
    now: Timestamp,
    counters: WorkerCounters,
}

impl<'a> Desk<'a> {
    /// As many workers belong to each reader.
    pub fn new(
        keeper: Keeper,
        ledger: &'a Ledger,
        seen: &'a [Mutex<Seen>],
        limits: AnalyzeLimits,
        workers: usize,
    ) -> Self {
        let numbering = Numbering::new(seen.len());
        Self { keeper, ledger, seen, limits, numbering, origins: Vec::new(), marks: vec![None; workers] }
    }

    /// Works until the last worker is done.
    pub fn run(mut self, back: &Receiver<Handover>, sink: &mut dyn AnalysisSink) -> Report {
        let mut harvests: Vec<Harvest> = Vec::new();
        let mut passed = Timestamp::MIN;
        for Handover { lane, now, mut harvest, counters, last } in back {
            self.place(lane, &mut harvest);
            harvests.push(harvest);
            if let Some(mark) = self.marks.get_mut(lane) {
                let now = if last { Timestamp::MAX } else { now };
                *mark = Some(Mark { now, counters });
            }
            // Where one worker is late, the others' news is told, but no time is called past.
            let watermark = self.marks.iter().map(|m| m.map_or(Timestamp::MIN, |m| m.now)).min();
            let Some(watermark) = watermark.filter(|&w| w > passed && w < Timestamp::MAX) else { continue };
            passed = watermark;
            self.tick(watermark, std::mem::take(&mut harvests), sink);
        }
        self.finish(harvests, sink)
    }

    fn tick(&mut self, now: Timestamp, harvests: Vec<Harvest>, sink: &mut dyn AnalysisSink) {
        let (coverage, status, stats) = self.look(now);
        self.ledger.note_sensor(now, &coverage, down(&status), false);
        let places = Places { paths: self.numbering.paths(), origins: &self.origins };
        self.keeper.tick(now, harvests, &places, sink);
        sink.sensor(&status);
        sink.tick(now, self.ledger, &coverage);
        if stats {
            sink.stats(now, &coverage);
        }
    }

    fn finish(mut self, harvests: Vec<Harvest>, sink: &mut dyn AnalysisSink) -> Report {
        let places = Places { paths: self.numbering.paths(), origins: &self.origins };
        self.keeper.finish(harvests, &places, sink);
        let (coverage, status, _) = self.look(Timestamp::MAX);
        let last = coverage.last.unwrap_or_default();
        self.ledger.note_sensor(last, &coverage, down(&status), false);
        let mut report = self.ledger.report();
        super::analyze::verify_node_ids(&mut report);
        report.coverage = coverage;
        self.keeper.tell_ends(&report, sink);
        let last = report.coverage.last.unwrap_or_default();
        sink.tick(last, self.ledger, &report.coverage);
        sink.end(self.ledger);
        sink.stats(last, &report.coverage);
        report
    }

    /// Numbers the paths of what a worker handed over as they are numbered here.
    fn place(&mut self, lane: usize, harvest: &mut Harvest) {
        let number = lane * self.seen.len() / self.marks.len().max(1);
        let Some(reader) = self.seen.get(number) else { return };
        let seen = lock(reader);
        self.numbering.learn(number, &seen.paths);
        let known = self.origins.len();
        self.origins.extend_from_slice(seen.origins.get(known..).unwrap_or_default());
        drop(seen);
        harvest.paths().for_each(|path| *path = self.numbering.of(number, *path));
    }

    /// What the readers have told, with what the workers count.
    fn look(&self, now: Timestamp) -> (Coverage, SensorStatus, bool) {
        let mut counters = WorkerCounters::default();
        self.marks.iter().flatten().for_each(|mark| counters.add(&mark.counters));
        let mut readers = self.seen.iter();
        let Some(first) = readers.next() else { return Default::default() };
        // The minutes of one reader are everyone's.
        let mut seen = lock(first);
        let stats = std::mem::take(&mut seen.stats);
        let (mut coverage, mut status, mut latest) = (seen.coverage.clone(), seen.status.clone(), seen.now);
        drop(seen);
        for reader in readers {
            let seen = lock(reader);
            coverage::join(&mut coverage, &seen.coverage);
            sensor::join(&mut status, &seen.status);
            latest = latest.max(seen.now);
        }
        if self.seen.len() > 1 {
            coverage.tunnels = coverage::tunnels(self.numbering.paths());
        }
        coverage::add_workers(&mut coverage, &counters);
        status.watermark = now;
        status.lag = latest.since(now);
        let [flows, states] = counters.held.map(|n| n as u64);
        status.tables = vec![
            ("flows", flows, self.limits.flows.flows as u64),
            ("flow-states", states, self.limits.flows.states as u64),
        ];
        status.tables.extend(self.ledger.tables());
        (coverage, status, stats)
    }
}

fn lock(reader: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long interfaces were down so far, all together.
fn down(status: &SensorStatus) -> Duration {
    status.interfaces.iter().map(|i| i.gap).sum()
}
