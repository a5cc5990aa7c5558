//! The reading side of live capture: reads, decodes, and sends frames to the workers without ever waiting for them.

use super::analyze::AnalyzeError;
use super::batch::Parcel;
use super::intake::Intake;
use super::lane::Lane;
use super::sensor::interfaces;
use super::worker::WorkerCounters;
use crate::base::{HashKey, Timestamp};
use crate::capture::{Origin, PacketSource, Run};
use crate::frame::{Path, shard};
use crate::ledger::Ledger;
use crate::ledger::report::Coverage;
use crate::output::SensorStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Time between two ticks.
pub const TICK: Duration = Duration::from_secs(1);

/// What a reading thread tells the keeper besides frames.
#[derive(Debug, Default)]
pub struct Seen {
    /// All but what the workers count.
    pub coverage: Coverage,
    pub paths: Vec<Path>,
    pub origins: Vec<Origin>,
    pub status: SensorStatus,
    /// The time of the latest packet.
    pub now: Timestamp,
    /// A minute has passed.
    pub stats: bool,
}

/// A reading thread.
pub struct Reader<'a> {
    pub deduplicate: bool,
    pub key: HashKey,
    /// The workers it feeds.
    pub lanes: Vec<Lane>,
    pub ledger: &'a Ledger,
    pub seen: &'a Mutex<Seen>,
    /// Set where a reader fails: the others end too, for half a sensor must not pass for a whole one.
    pub halt: &'a AtomicBool,
}

/// Tells the other readers of a panic.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Reader<'_> {
    /// Reads the source to its end, and ends the workers.
    ///
    /// # Errors
    /// [`AnalyzeError::Failed`] when the source fails for good, or should packets have been counted wrongly.
    pub fn run(mut self, source: &mut impl PacketSource) -> Result<(), AnalyzeError> {
        let _alarm = Alarm(self.halt);
        let mut intake = Intake::new(self.deduplicate, TICK, self.ledger);
        let ended = loop {
            let due = match source.next_run(intake.until()) {
                Ok(Run::Packets(packets)) => {
                    let mut dropped = 0;
                    let due = intake.take(packets, |frames| {
                        for frame in frames {
                            let owner = shard(frame, self.lanes.len(), &self.key);
                            if let Some(lane) = self.lanes.get_mut(owner)
                                && lane.push(frame)
                            {
                                dropped += lane.offer();
                            }
                        }
                    });
                    intake.tally.queue_dropped += dropped;
                    due
                }
                Ok(Run::Idle(now)) => {
                    for lane in &mut self.lanes {
                        intake.tally.queue_dropped += lane.offer();
                    }
                    let due = intake.clock.advance(now);
                    if due.tick.is_none() && self.halt.load(Ordering::Relaxed) {
                        break Ok(());
                    }
                    due
                }
                Ok(Run::End) => break Ok(()),
                Err(error) => {
                    self.halt.store(true, Ordering::Relaxed);
                    break Err(AnalyzeError::Failed(error.to_string()));
                }
            };
            if let Some(now) = due.tick {
                self.publish(now, due.stats, &intake, source);
                for lane in &mut self.lanes {
                    intake.tally.queue_dropped += lane.offer_tick(now);
                }
                if self.halt.load(Ordering::Relaxed) {
                    break Ok(());
                }
            }
        };
        self.publish(intake.clock.now, false, &intake, source);
        // Flows end when their packets ended, not at the clock of an idle link.
        let last = intake.tally.last().unwrap_or_default();
        for lane in &mut self.lanes {
            lane.send_parcel(Parcel::End(last));
        }
        self.lanes.into_iter().for_each(Lane::join);
        ended.and_then(|()| intake.check())
    }

    fn publish(&self, now: Timestamp, stats: bool, intake: &Intake<'_>, source: &dyn PacketSource) {
        let Intake { tally, decoder, .. } = intake;
        let none = WorkerCounters::default();
        let coverage =
            tally.coverage(source.status(), decoder, &none, self.ledger.home(), self.ledger.limits_hit());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.coverage = coverage;
        seen.status.interfaces = interfaces(source.status());
        seen.status.queues = self.lanes.iter().map(Lane::fill).collect();
        seen.now = now;
        seen.stats |= stats;
        let known = seen.paths.len();
        seen.paths.extend_from_slice(decoder.paths().as_slice().get(known..).unwrap_or_default());
        let known = seen.origins.len();
        seen.origins.extend_from_slice(source.status().origins.get(known..).unwrap_or_default());
    }
}
