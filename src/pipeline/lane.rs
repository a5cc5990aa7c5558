//! One worker thread and its queues.

use super::batch::{FrameBatch, Parcel};
use super::worker::{Harvest, Worker, WorkerCounters};
use crate::base::Timestamp;
use crate::frame::Frame;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::thread::JoinHandle;

/// Batches that may wait for one worker.
pub const QUEUE_BATCHES: usize = 64;

/// What a worker thread sends back at a tick.
pub struct Handover {
    /// Whose it is.
    pub lane: usize,
    /// The time of the tick.
    pub now: Timestamp,
    pub harvest: Harvest,
    pub counters: WorkerCounters,
    /// The worker is done.
    pub last: bool,
}

/// Says goodbye for a worker that dies of a panic outside of any flow, so that nobody waits for it.
struct Farewell {
    lane: usize,
    hand_over: Sender<Handover>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let counters = WorkerCounters { panics: 1, ..WorkerCounters::default() };
            let (now, harvest) = (Timestamp::MAX, Harvest::default());
            let _ = self.hand_over.send(Handover { lane: self.lane, now, harvest, counters, last: true });
        }
    }
}

/// A worker thread, the queue to it, and the batch that is being filled for it.
pub struct Lane {
    to: Sender<Parcel>,
    spent: Receiver<FrameBatch>,
    open: FrameBatch,
    /// A tick that found the queue full.
    owed: Option<Timestamp>,
    thread: JoinHandle<()>,
}

impl Lane {
    /// Starts the thread. What it finishes goes to `hand_over`.
    pub fn start(number: usize, mut worker: Worker, hand_over: Sender<Handover>) -> Self {
        let (to, parcels) = bounded::<Parcel>(QUEUE_BATCHES);
        let (give_back, spent) = bounded::<FrameBatch>(QUEUE_BATCHES + 2);
        let work = move || {
            let farewell = Farewell { lane: number, hand_over };
            for parcel in parcels {
                let (now, harvest, last) = match parcel {
                    Parcel::Frames(mut batch) => {
                        batch.runs().for_each(|frames| worker.frames(&frames));
                        worker.settle();
                        batch.clear();
                        let _ = give_back.try_send(batch);
                        continue;
                    }
                    Parcel::Tick(now) => (now, worker.tick(now), false),
                    Parcel::End(now) => (now, worker.finish(now), true),
                };
                let counters = worker.counters();
                if farewell.hand_over.send(Handover { lane: number, now, harvest, counters, last }).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(work);
        #[expect(clippy::expect_used, reason = "without its threads the program cannot start at all")]
        let thread = thread.expect("the system refuses to start a thread");
        Self { to, spent, open: FrameBatch::default(), owed: None, thread }
    }

    /// Copies a frame into the open batch; tells whether it is full now and must be sent.
    pub fn push(&mut self, frame: &Frame<'_>) -> bool {
        self.open.push(frame)
    }

    /// Sends the open batch, if it holds a frame, and waits until there is room for it: files can.
    pub fn send(&mut self) {
        if let Some(full) = self.close() {
            let _ = self.to.send(Parcel::Frames(full));
        }
    }

    /// Sends a tick or the end behind the open batch, and waits until there is room. Tells whether the worker lives, that
    /// is, whether it will hand something over.
    pub fn send_parcel(&mut self, parcel: Parcel) -> bool {
        self.send();
        self.to.send(parcel).is_ok()
    }

    /// Sends the open batch if there is room for it, and drops it otherwise: live capture never waits. Gives the number of
    /// frames dropped.
    pub fn offer(&mut self) -> u64 {
        self.pay();
        let Some(full) = self.close() else { return 0 };
        match self.to.try_send(Parcel::Frames(full)) {
            Ok(()) => 0,
            Err(TrySendError::Full(parcel) | TrySendError::Disconnected(parcel)) => {
                let Parcel::Frames(mut batch) = parcel else { return 0 };
                let dropped = batch.len() as u64;
                batch.clear();
                self.open = batch;
                dropped
            }
        }
    }

    /// Sends the open batch and a tick behind it; a tick that finds no room is sent later. Gives the number of frames
    /// dropped.
    pub fn offer_tick(&mut self, now: Timestamp) -> u64 {
        let dropped = self.offer();
        self.owed = Some(now);
        self.pay();
        dropped
    }

    /// How full the queue is, from 0 to 1.
    pub fn fill(&self) -> f64 {
        self.to.len() as f64 / QUEUE_BATCHES as f64
    }

    /// Waits for the thread to end.
    pub fn join(self) {
        drop(self.to);
        let _ = self.thread.join();
    }

    fn pay(&mut self) {
        if let Some(now) = self.owed
            && self.to.try_send(Parcel::Tick(now)).is_ok()
        {
            self.owed = None;
        }
    }

    fn close(&mut self) -> Option<FrameBatch> {
        if self.open.is_empty() {
            return None;
        }
        let fresh = self.spent.try_recv().unwrap_or_default();
        Some(std::mem::replace(&mut self.open, fresh))
    }
}
