//! The workers, inline or on threads, behind one face.

use super::batch::Parcel;
use super::lane::{Handover, Lane};
use super::worker::{Harvest, Keep, Worker, WorkerCounters};
use crate::base::{HashKey, Timestamp};
use crate::dissect::MetadataStore;
use crate::flow::FlowLimits;
use crate::frame::{Frame, shard};
use crate::ledger::Ledger;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;

/// Frames an inline worker takes before it tells the ledger: what one host does often is told at once.
const INLINE_BATCH: usize = 2_048;

/// The pool.
pub enum Pool {
    /// One worker on the reading thread.
    Inline { worker: Box<Worker>, unsettled: usize },
    /// One thread a worker.
    Threads { lanes: Vec<Lane>, back: Receiver<Handover>, key: HashKey, counters: WorkerCounters },
}

impl Pool {
    /// `workers` threads, or an inline worker for 0.
    pub fn new(workers: usize, ledger: &Arc<Ledger>, limits: FlowLimits, keep: Keep) -> Self {
        if workers == 0 {
            let worker = Worker::new(Arc::clone(ledger), limits, HashKey::random(), Arc::default(), keep);
            return Self::Inline { worker: Box::new(worker), unsettled: 0 };
        }
        let key = HashKey::random();
        let (hand_over, back) = bounded(workers);
        let lanes = start_lanes(workers, key, ledger, limits, keep, &hand_over);
        Self::Threads { lanes, back, key, counters: WorkerCounters::default() }
    }

    /// Gives frames to the workers that own their address pairs. Waits where a worker's queue is full: files can.
    pub fn frames(&mut self, frames: &[Frame<'_>]) {
        match self {
            Self::Inline { worker, unsettled } => {
                worker.frames(frames);
                *unsettled += frames.len();
                if *unsettled >= INLINE_BATCH {
                    *unsettled = 0;
                    worker.settle();
                }
            }
            Self::Threads { lanes, key, .. } => {
                for frame in frames {
                    let at = shard(frame, lanes.len(), key);
                    if let Some(lane) = lanes.get_mut(at)
                        && lane.push(frame)
                    {
                        lane.send();
                    }
                }
            }
        }
    }

    /// Waits until every worker has done all frames sent so far, and takes what they finished.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Harvest> {
        match self {
            Self::Inline { worker, .. } => vec![worker.tick(now)],
            Self::Threads { lanes, back, counters, .. } => {
                gather(lanes, back, counters, || Parcel::Tick(now))
            }
        }
    }

    /// The sums up to the last tick.
    pub fn counters(&self) -> WorkerCounters {
        match self {
            Self::Inline { worker, .. } => worker.counters(),
            Self::Threads { counters, .. } => *counters,
        }
    }

    /// Ends every flow and takes the rest. Threads end.
    pub fn finish(self, now: Timestamp) -> (Vec<Harvest>, WorkerCounters) {
        match self {
            Self::Inline { mut worker, .. } => (vec![worker.finish(now)], worker.counters()),
            Self::Threads { mut lanes, back, mut counters, .. } => {
                let harvests = gather(&mut lanes, &back, &mut counters, || Parcel::End(now));
                lanes.into_iter().for_each(Lane::join);
                (harvests, counters)
            }
        }
    }
}

/// Starts `workers` threads that share the caps between them.
pub fn start_lanes(
    workers: usize,
    key: HashKey,
    ledger: &Arc<Ledger>,
    limits: FlowLimits,
    keep: Keep,
    hand_over: &Sender<Handover>,
) -> Vec<Lane> {
    let metadata = Arc::new(MetadataStore::default());
    let share = FlowLimits {
        flows: limits.flows.div_ceil(workers),
        states: limits.states.div_ceil(workers),
        ..limits
    };
    let start = |number| {
        let worker = Worker::new(Arc::clone(ledger), share, key, Arc::clone(&metadata), keep);
        Lane::start(number, worker, hand_over.clone())
    };
    (0..workers).map(start).collect()
}

fn gather(
    lanes: &mut [Lane],
    back: &Receiver<Handover>,
    counters: &mut WorkerCounters,
    parcel: impl Fn() -> Parcel,
) -> Vec<Harvest> {
    let alive = lanes.iter_mut().filter_map(|lane| lane.send_parcel(parcel()).then_some(())).count();
    *counters = WorkerCounters::default();
    let mut handovers: Vec<Handover> = back.iter().take(alive).collect();
    handovers.sort_by_key(|h| h.lane);
    let take = |h: Handover| {
        counters.add(&h.counters);
        h.harvest
    };
    handovers.into_iter().map(take).collect()
}
