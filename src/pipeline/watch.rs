//! Live capture: three stages that never wait for the one behind them.
//!
//! The calling thread reads, decodes and sends; the workers dissect; the keeper, a thread of its own, judges, counts and
//! tells the outputs. A full queue costs whole batches, and every frame of them is counted. Once a second a tick goes
//! through all queues; when every worker has passed it, all that came before it is counted.

use super::analyze::AnalyzeError;
use super::batch::Parcel;
use super::clock::Clock;
use super::coverage::Tally;
use super::keeper::{Keeper, Places, Tells};
use super::lane::{Handover, Lane};
use super::limits::AnalyzeLimits;
use super::pool::start_lanes;
use super::refusal;
use super::sensor::interfaces;
use super::worker::{Harvest, Keep, WorkerCounters};
use crate::base::{HashKey, HomeNets, Timestamp};
use crate::capture::{Origin, PacketSource, Read};
use crate::frame::{Decoded, Decoder, DecoderOptions, Path, shard};
use crate::ledger::memory::Memory;
use crate::ledger::report::{Coverage, Report};
use crate::ledger::{Allowed, Ledger};
use crate::output::{AnalysisSink, SensorStatus};
use crossbeam_channel::{Receiver, bounded};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// The networks whose hosts are reported on.
    pub home: HomeNets,
    /// Worker threads; at least one is started.
    pub workers: usize,
    /// Tell of flows without a label too.
    pub all_flows: bool,
    /// Tell of every DHT message.
    pub log_dht: bool,
    /// Count a packet that a span port mirrored twice once.
    pub deduplicate: bool,
    /// How much to remember.
    pub limits: AnalyzeLimits,
    /// What is counted and shown as allowed.
    pub allowed: Arc<Allowed>,
    /// What was remembered from before a restart.
    pub remembered: Option<Arc<Memory>>,
}

/// Time between two ticks.
const TICK: Duration = Duration::from_secs(1);
/// Harvests that may wait for the keeper, per worker.
const HARVESTS: usize = 4;

/// Reads the source until it ends, which for a live source is when it is asked to stop, and reports.
///
/// The sink is used by the keeper's thread alone. It is told news of flows that go on ([`AnalysisSink::update`]), the state
/// of the sensor, and a tick every second, packets or not.
///
/// # Errors
/// [`AnalyzeError::Failed`] when the source fails for good, should packets have been counted wrongly, or should the keeper
/// have died.
pub fn watch(
    source: &mut dyn PacketSource,
    options: &WatchOptions,
    sink: &mut (dyn AnalysisSink + Send),
) -> Result<Report, AnalyzeError> {
    let workers = options.workers.max(1);
    let ledger = Arc::new(Ledger::new(options.home.clone(), options.limits.ledger));
    ledger.allow(Arc::clone(&options.allowed));
    if let Some(memory) = &options.remembered {
        ledger.restore(memory);
    }
    let keep = Keep { all_flows: options.all_flows, dht: options.log_dht, subject: None, interim: TICK };
    let key = HashKey::random();
    let (hand_over, back) = bounded(workers * HARVESTS);
    let lanes = start_lanes(workers, key, &ledger, options.limits.flows, keep, &hand_over);
    drop(hand_over);
    let seen = Mutex::new(Seen::default());
    let tells = Tells { all_flows: options.all_flows, news: true };
    std::thread::scope(|scope| {
        let keeper = Keeper::new(Arc::clone(&ledger), tells, options.limits.keeper);
        let desk =
            Desk { keeper, ledger: &ledger, seen: &seen, limits: options.limits, marks: vec![None; workers] };
        let keeper =
            std::thread::Builder::new().name("keeper".into()).spawn_scoped(scope, || desk.run(&back, sink));
        let keeper = keeper.map_err(|e| AnalyzeError::Failed(format!("cannot start a thread: {e}")))?;
        let reader = Reader { options, key, lanes, ledger: &ledger, seen: &seen };
        let read = reader.run(source);
        let report = keeper.join().map_err(|_| AnalyzeError::Failed("the keeper died of a panic".into()))?;
        read.map(|()| report)
    })
}

/// What the reading thread tells the keeper besides frames.
#[derive(Debug, Default)]
struct Seen {
    /// All but what the workers count.
    coverage: Coverage,
    paths: Vec<Path>,
    origins: Vec<Origin>,
    status: SensorStatus,
    /// The time of the latest packet.
    now: Timestamp,
    /// A minute has passed.
    stats: bool,
}

/// The reading thread.
struct Reader<'a> {
    options: &'a WatchOptions,
    key: HashKey,
    lanes: Vec<Lane>,
    ledger: &'a Ledger,
    seen: &'a Mutex<Seen>,
}

impl Reader<'_> {
    fn run(mut self, source: &mut dyn PacketSource) -> Result<(), AnalyzeError> {
        let mut decoder = Decoder::new(DecoderOptions {
            suppress_duplicates: self.options.deduplicate,
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
                    continue;
                }
                Ok(Read::End) => break Ok(()),
                Err(error) => break Err(AnalyzeError::Failed(error.to_string())),
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

/// The keeper's thread.
struct Desk<'a> {
    keeper: Keeper,
    ledger: &'a Ledger,
    seen: &'a Mutex<Seen>,
    limits: AnalyzeLimits,
    /// How far each worker has come, and what it counts; nothing before its first tick.
    marks: Vec<Option<Mark>>,
}

/// How far a worker has come.
#[derive(Clone, Copy)]
struct Mark {
    now: Timestamp,
    counters: WorkerCounters,
}

impl Desk<'_> {
    fn run(mut self, back: &Receiver<Handover>, sink: &mut dyn AnalysisSink) -> Report {
        let mut harvests: Vec<Harvest> = Vec::new();
        let mut passed = Timestamp::MIN;
        for Handover { lane, now, harvest, counters, last } in back {
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
        self.with_places(|keeper, places| keeper.tick(now, harvests, places, sink));
        sink.sensor(&status);
        sink.tick(now, self.ledger, &coverage);
        if stats {
            sink.stats(now, &coverage);
        }
    }

    fn finish(mut self, harvests: Vec<Harvest>, sink: &mut dyn AnalysisSink) -> Report {
        self.with_places(|keeper, places| keeper.finish(harvests, places, sink));
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

    /// What the reading thread has told, with what the workers count.
    fn look(&self, now: Timestamp) -> (Coverage, SensorStatus, bool) {
        let mut counters = WorkerCounters::default();
        self.marks.iter().flatten().for_each(|mark| counters.add(&mark.counters));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut coverage = seen.coverage.clone();
        super::coverage::add_workers(&mut coverage, &counters);
        let mut status = seen.status.clone();
        status.watermark = now;
        status.lag = seen.now.since(now);
        let [flows, states] = counters.held.map(|n| n as u64);
        status.tables = vec![
            ("flows", flows, self.limits.flows.flows as u64),
            ("flow-states", states, self.limits.flows.states as u64),
        ];
        status.tables.extend(self.ledger.tables());
        (coverage, status, std::mem::take(&mut seen.stats))
    }

    /// Lends the keeper what flows are described by; the reading thread waits at most for a copy.
    fn with_places(&mut self, work: impl FnOnce(&mut Keeper, &Places<'_>)) {
        let (paths, origins) = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            (seen.paths.clone(), seen.origins.clone())
        };
        work(&mut self.keeper, &Places { paths: &paths, origins: &origins });
    }
}

/// How long interfaces were down so far, all together.
fn down(status: &SensorStatus) -> Duration {
    status.interfaces.iter().map(|i| i.gap).sum()
}
