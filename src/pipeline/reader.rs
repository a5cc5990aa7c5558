//! The reading side of live capture: reads, decodes, and sends frames to the workers without ever waiting for them.

use super::analyze::AnalyzeError;
use super::batch::Parcel;
use super::clock::Clock;
use super::coverage::Tally;
use super::lane::Lane;
use super::refusal;
use super::sensor::interfaces;
use super::worker::WorkerCounters;
use crate::base::{HashKey, Timestamp};
use crate::capture::{Origin, PacketSource, Read};
use crate::frame::{Decoded, Decoder, DecoderOptions, Path, shard};
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
        let mut decoder = Decoder::new(DecoderOptions {
            suppress_duplicates: self.deduplicate,
            ..DecoderOptions::default()
        });
        let (mut tally, mut clock) = (Tally::default(), Clock::new(TICK));
        let ended = loop {
            let packet = match source.next_packet() {
                Ok(Read::Packet(packet)) => packet,
                Ok(Read::Idle(now)) => {
                    for lane in &mut self.lanes {
                        tally.queue_dropped += lane.offer();
                    }
                    let due = clock.advance(now);
                    if let Some(now) = due.tick {
                        self.tick(now, due.stats, &mut tally, &decoder, source);
                    }
                    if self.halt.load(Ordering::Relaxed) {
                        break Ok(());
                    }
                    continue;
                }
                Ok(Read::End) => break Ok(()),
                Err(error) => {
                    self.halt.store(true, Ordering::Relaxed);
                    break Err(AnalyzeError::Failed(error.to_string()));
                }
            };
            tally.packet(&packet);
            let due = clock.advance(packet.at);
            let wire_len = packet.wire_len;
            let decoded = decoder.decode(&packet, tally.packets);
            tally.outcome(&decoded, wire_len);
            match decoded {
                Decoded::Frame(frame) => {
                    let owner = shard(&frame, self.lanes.len(), &self.key);
                    if let Some(lane) = self.lanes.get_mut(owner)
                        && lane.push(&frame)
                    {
                        tally.queue_dropped += lane.offer();
                    }
                }
                Decoded::Unreachable(message) => {
                    refusal::knock(&message).iter().for_each(|knock| self.ledger.knock(knock));
                }
                Decoded::Held | Decoded::Duplicate | Decoded::Skip(_) => {}
            }
            if let Some(now) = due.tick {
                self.tick(now, due.stats, &mut tally, &decoder, source);
                if self.halt.load(Ordering::Relaxed) {
                    break Ok(());
                }
            }
        };
        self.publish(clock.now, false, &tally, &decoder, source);
        // Flows end when their packets ended, not at the clock of an idle link.
        let last = tally.last().unwrap_or_default();
        for lane in &mut self.lanes {
            lane.send_parcel(Parcel::End(last));
        }
        self.lanes.into_iter().for_each(Lane::join);
        if ended.is_ok() && !tally.adds_up() {
            return Err(AnalyzeError::Failed(format!(
                "the outcomes of {} packets do not add up: please report this as a bug",
                tally.packets
            )));
        }
        ended
    }

    fn tick(
        &mut self,
        now: Timestamp,
        stats: bool,
        tally: &mut Tally,
        decoder: &Decoder,
        source: &dyn PacketSource,
    ) {
        self.publish(now, stats, tally, decoder, source);
        for lane in &mut self.lanes {
            tally.queue_dropped += lane.offer_tick(now);
        }
    }

    fn publish(
        &self,
        now: Timestamp,
        stats: bool,
        tally: &Tally,
        decoder: &Decoder,
        source: &dyn PacketSource,
    ) {
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
