//! The workers, inline or on threads, behind one face.

use super::batch::{FrameBatch, Parcel};
use super::worker::{Harvest, Keep, Worker, WorkerCounters};
use crate::base::{HashKey, Timestamp};
use crate::dissect::MetadataStore;
use crate::flow::FlowLimits;
use crate::frame::{Frame, shard};
use crate::ledger::Ledger;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Frames an inline worker takes before it tells the ledger.
const INLINE_BATCH: u32 = 256;
/// Batches that may wait for one worker.
const QUEUE_BATCHES: usize = 64;

/// What a worker thread sends back at a tick.
struct Handover {
    harvest: Harvest,
    counters: WorkerCounters,
}

struct Lane {
    to: Sender<Parcel>,
    spent: Receiver<FrameBatch>,
    back: Receiver<Handover>,
    open: FrameBatch,
    thread: JoinHandle<()>,
}

/// The pool.
pub enum Pool {
    /// One worker on the reading thread.
    Inline { worker: Box<Worker>, since_settled: u32 },
    /// One thread a worker.
    Threads { lanes: Vec<LaneHandle>, key: HashKey, counters: WorkerCounters },
}

/// A worker thread and its queues.
pub struct LaneHandle(Lane);

impl Pool {
    /// `workers` threads, or an inline worker for 0.
    pub fn new(workers: usize, ledger: &Arc<Ledger>, limits: FlowLimits, keep: Keep) -> Self {
        let key = HashKey::random();
        let metadata = Arc::new(MetadataStore::default());
        if workers == 0 {
            let worker = Box::new(Worker::new(Arc::clone(ledger), limits, key, metadata, keep));
            return Self::Inline { worker, since_settled: 0 };
        }
        let share = FlowLimits {
            flows: limits.flows.div_ceil(workers),
            states: limits.states.div_ceil(workers),
            ..limits
        };
        let lanes = (0..workers)
            .map(|n| {
                LaneHandle(lane(n, Worker::new(Arc::clone(ledger), share, key, Arc::clone(&metadata), keep)))
            })
            .collect();
        Self::Threads { lanes, key, counters: WorkerCounters::default() }
    }

    /// Gives a frame to the worker that owns its address pair. Waits when that worker's queue is full: files can.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        match self {
            Self::Inline { worker, since_settled } => {
                worker.frame(frame);
                *since_settled += 1;
                if *since_settled >= INLINE_BATCH {
                    *since_settled = 0;
                    worker.settle();
                }
            }
            Self::Threads { lanes, key, .. } => {
                let at = shard(frame, lanes.len(), key);
                if let Some(LaneHandle(lane)) = lanes.get_mut(at)
                    && lane.open.push(frame)
                {
                    lane.send();
                }
            }
        }
    }

    /// Waits until every worker has done all frames sent so far, and takes what they finished.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Harvest> {
        match self {
            Self::Inline { worker, .. } => vec![worker.tick(now)],
            Self::Threads { lanes, counters, .. } => gather(lanes, counters, || Parcel::Tick(now)),
        }
    }

    /// Ends every flow and takes the rest. Threads end.
    pub fn finish(self, now: Timestamp) -> (Vec<Harvest>, WorkerCounters) {
        match self {
            Self::Inline { mut worker, .. } => (vec![worker.finish(now)], worker.counters()),
            Self::Threads { mut lanes, mut counters, .. } => {
                let harvests = gather(&mut lanes, &mut counters, || Parcel::End(now));
                for LaneHandle(lane) in lanes {
                    drop(lane.to);
                    let _ = lane.thread.join();
                }
                (harvests, counters)
            }
        }
    }
}

fn gather(
    lanes: &mut [LaneHandle],
    counters: &mut WorkerCounters,
    parcel: impl Fn() -> Parcel,
) -> Vec<Harvest> {
    for LaneHandle(lane) in &mut *lanes {
        lane.send();
        let _ = lane.to.send(parcel());
    }
    *counters = WorkerCounters::default();
    let handovers = lanes.iter().filter_map(|LaneHandle(lane)| lane.back.recv().ok());
    handovers
        .map(|h| {
            counters.add(&h.counters);
            h.harvest
        })
        .collect()
}

impl Lane {
    fn send(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let fresh = self.spent.try_recv().unwrap_or_default();
        let full = std::mem::replace(&mut self.open, fresh);
        let _ = self.to.send(Parcel::Frames(full));
    }
}

fn lane(number: usize, mut worker: Worker) -> Lane {
    let (to, parcels) = bounded::<Parcel>(QUEUE_BATCHES);
    let (give_back, spent) = bounded::<FrameBatch>(QUEUE_BATCHES + 2);
    let (hand_over, back) = bounded::<Handover>(1);
    let work = move || {
        for parcel in parcels {
            let harvest = match parcel {
                Parcel::Frames(mut batch) => {
                    batch.frames().for_each(|frame| worker.frame(&frame));
                    worker.settle();
                    batch.clear();
                    let _ = give_back.try_send(batch);
                    continue;
                }
                Parcel::Tick(now) => worker.tick(now),
                Parcel::End(now) => worker.finish(now),
            };
            if hand_over.send(Handover { harvest, counters: worker.counters() }).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(work);
    #[expect(clippy::expect_used, reason = "without its threads the program cannot start at all")]
    let thread = thread.expect("the system refuses to start a thread");
    Lane { to, spent, back, open: FrameBatch::default(), thread }
}
