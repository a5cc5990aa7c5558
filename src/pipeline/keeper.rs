//! Puts what the workers finished in order, judges it, counts it, and tells the outputs.

use super::limits::KeeperLimits;
use super::recorder::LoggedDht;
use super::worker::Harvest;
use crate::base::{Address, Endpoint, KeyedState, Timestamp, Transport};
use crate::capture::Origin;
use crate::event::{DhtMessage, FlowRecord, FlowUpdate, Grade, Told};
use crate::frame::Path;
use crate::ledger::report::Report;
use crate::ledger::{EVIDENCE_WINDOW, HostState, Ledger, NewTorrent};
use crate::output::{AnalysisSink, DhtEvent, FlowContext, HostEvent, TorrentEvent};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// A flow not told of for so long has ended without a word.
const STALE: Duration = Duration::from_secs(2 * 3_600);
/// Packet time between two looks at what has expired, and at the flows that wait, where news is told.
const TIDY: Duration = Duration::from_secs(60);

/// The keeper.
pub struct Keeper {
    ledger: Arc<Ledger>,
    /// Ended flows whose bytes prove nothing, in the order they are to be told, with what was told of them already.
    waiting: VecDeque<(Box<FlowRecord>, Told)>,
    /// What was told of flows that go on, and when.
    running: HashMap<FlowKey, (Told, Timestamp), KeyedState>,
    tidied: Timestamp,
    tells: Tells,
    limits: KeeperLimits,
    judged_early: u64,
    /// The states of home hosts that were told.
    states: HashMap<Address, HostState, KeyedState>,
}

/// What the outputs want to hear.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tells {
    /// Flows without a label too.
    pub all_flows: bool,
    /// News of flows that go on.
    pub news: bool,
}

/// Which flow, of all times.
type FlowKey = (Endpoint, Endpoint, Transport, Timestamp);

const fn key(record: &FlowRecord) -> FlowKey {
    (record.originator, record.responder, record.transport, record.start)
}

/// Where a flow came from, resolved for output.
pub struct Places<'a> {
    pub paths: &'a [Path],
    pub origins: &'a [Origin],
}

impl Keeper {
    pub fn new(ledger: Arc<Ledger>, tells: Tells, limits: KeeperLimits) -> Self {
        // A state that was told before a restart is no news.
        let states = ledger.remembered_states().collect();
        Self {
            ledger,
            waiting: VecDeque::new(),
            running: HashMap::default(),
            tidied: Timestamp::MIN,
            tells,
            limits,
            judged_early: 0,
            states,
        }
    }

    /// How often a flow had to be judged before its evidence window was over, because too many waited.
    pub const fn judged_early(&self) -> u64 {
        self.judged_early
    }

    /// Takes what the workers handed over at a tick.
    pub fn tick(
        &mut self,
        now: Timestamp,
        mut harvests: Vec<Harvest>,
        places: &Places<'_>,
        sink: &mut dyn AnalysisSink,
    ) {
        let mut dht: Vec<LoggedDht> = harvests.iter_mut().flat_map(|h| h.dht.drain(..)).collect();
        // Of several readers each numbers its own packets.
        dht.sort_by_key(|d| (d.at, d.number));
        for logged in &dht {
            tell_dht(logged, places, sink);
        }
        self.tell_new_torrents(sink);
        let running = in_order(harvests.iter_mut().flat_map(|h| h.running.drain(..)));
        running.iter().for_each(|record| self.ledger.note_opaque(record));
        for record in running {
            let (key, end) = (key(&record), record.end);
            let told = self.running.get(&key).map_or_else(Told::default, |(told, _)| *told);
            let told = self.tell_interim(record, told, places, sink);
            if told.grade.is_some() {
                self.running.insert(key, (told, end));
            }
        }
        for record in in_order(harvests.into_iter().flat_map(|h| h.records)) {
            let told = self.running.remove(&key(&record)).unwrap_or_default().0;
            if record.label.grade == Some(Grade::Confirmed) {
                self.judge_and_tell(record, told, places, sink);
                continue;
            }
            self.ledger.note_opaque(&record);
            let told =
                if self.tells.news { self.tell_interim(record.clone(), told, places, sink) } else { told };
            self.waiting.push_back((record, told));
        }
        while self.waiting.front().is_some_and(|(r, _)| r.end + EVIDENCE_WINDOW < now)
            || self.waiting.len() > self.limits.waiting
        {
            let Some((record, told)) = self.waiting.pop_front() else { break };
            self.judged_early += u64::from(record.end + EVIDENCE_WINDOW >= now);
            self.judge_and_tell(record, told, places, sink);
        }
        if now.since(self.tidied) >= TIDY {
            self.tidied = now;
            self.ledger.expire(now);
            if self.tells.news {
                self.rejudge(places, sink);
                self.tell_states(now, sink);
            }
        }
        if self.running.len() > self.limits.running {
            self.running.retain(|_, (_, last)| *last + STALE >= now);
        }
    }

    /// Judges the flows that wait again: evidence may have come.
    fn rejudge(&mut self, places: &Places<'_>, sink: &mut dyn AnalysisSink) {
        let mut waiting = std::mem::take(&mut self.waiting);
        for (record, told) in &mut waiting {
            *told = self.tell_interim(record.clone(), *told, places, sink);
        }
        self.waiting = waiting;
    }

    /// Judges and tells everything that still waits: the input is over.
    pub fn finish(&mut self, harvests: Vec<Harvest>, places: &Places<'_>, sink: &mut dyn AnalysisSink) {
        self.tick(Timestamp::MIN, harvests, places, sink);
        for (record, told) in std::mem::take(&mut self.waiting) {
            self.judge_and_tell(record, told, places, sink);
        }
    }

    /// Tells what is known of torrents and hosts at the end.
    pub fn tell_ends(&mut self, report: &Report, sink: &mut dyn AnalysisSink) {
        let at = report.coverage.last.unwrap_or_default();
        for torrent in &report.torrents {
            sink.torrent(&TorrentEvent::Summary { at, torrent });
        }
        if self.tells.news {
            self.tell_states(at, sink);
        }
        for host in &report.hosts {
            let (address, standing) = (host.address, &host.standing);
            sink.host(&HostEvent { at: host.last, address, standing, host: Some(host) });
        }
    }

    /// Tells of home hosts whose state is another than before.
    fn tell_states(&mut self, at: Timestamp, sink: &mut dyn AnalysisSink) {
        for (address, standing) in self.ledger.host_standings() {
            if self.states.insert(address, standing.state) != Some(standing.state) {
                sink.host(&HostEvent { at, address, standing: &standing, host: None });
            }
        }
    }

    /// Tells of torrents that a home host was seen with for the first time since the last call.
    fn tell_new_torrents(&self, sink: &mut dyn AnalysisSink) {
        for new in self.ledger.take_new_torrents() {
            let NewTorrent { at, info_hash, host, channel } = new;
            sink.torrent(&TorrentEvent::FirstSeen { at, info_hash, host, channel });
        }
    }

    /// Judges and counts a flow of which more may be learnt; gives what is told of it now.
    fn tell_interim(
        &self,
        mut record: Box<FlowRecord>,
        told: Told,
        places: &Places<'_>,
        sink: &mut dyn AnalysisSink,
    ) -> Told {
        self.ledger.judge(&mut record);
        told.hold(&mut record.label);
        let now = Told::of(&record);
        if now.grade.is_none() || now == told {
            return told;
        }
        self.count_and_tell_news(&record, told, false, places, sink);
        now
    }

    /// Judges a flow for the last time, counts it and tells of it.
    fn judge_and_tell(
        &self,
        mut record: Box<FlowRecord>,
        told: Told,
        places: &Places<'_>,
        sink: &mut dyn AnalysisSink,
    ) {
        self.ledger.judge(&mut record);
        told.hold(&mut record.label);
        self.count_and_tell_news(&record, told, true, places, sink);
        if record.label.grade.is_some() || self.tells.all_flows {
            with_context(record.path, places, |context| sink.flow(&record, context));
        }
    }

    fn count_and_tell_news(
        &self,
        record: &FlowRecord,
        told: Told,
        ended: bool,
        places: &Places<'_>,
        sink: &mut dyn AnalysisSink,
    ) {
        let update = FlowUpdate { record, told, ended };
        self.ledger.count(&update);
        if self.tells.news && record.label.grade.is_some() {
            with_context(record.path, places, |context| sink.update(&update, context));
        }
    }
}

/// The order of time, whatever worker a flow came from.
#[allow(clippy::vec_box, reason = "the records are boxed already: see `Harvest`")]
fn in_order(records: impl Iterator<Item = Box<FlowRecord>>) -> Vec<Box<FlowRecord>> {
    let mut records: Vec<_> = records.collect();
    // The keys side by side: a look into each record for each comparison misses the cache (15 % of a trace of tiny flows).
    records.sort_by_cached_key(|r| (r.end, r.start, r.originator, r.responder, r.transport));
    records
}

fn tell_dht(logged: &LoggedDht, places: &Places<'_>, sink: &mut dyn AnalysisSink) {
    let message =
        DhtMessage { method: logged.method.as_deref(), transaction: &logged.transaction, ..logged.message };
    let event =
        DhtEvent { at: logged.at, sender: logged.sender, receiver: logged.receiver, message: &message };
    with_context(logged.path, places, |context| sink.dht(&event, context));
}

fn with_context(path: u16, places: &Places<'_>, tell: impl FnOnce(&FlowContext<'_>)) {
    let path = places.paths.get(usize::from(path));
    let origin = path.and_then(|p| places.origins.get(usize::from(p.origin)));
    let tunnels: Vec<&str> = path.map(|p| p.tunnels.iter().map(|t| t.label()).collect()).unwrap_or_default();
    tell(&FlowContext {
        file: origin.and_then(|o| o.file.as_deref()),
        interface: origin.and_then(|o| o.interface.as_deref()),
        vlans: path.map(|p| p.vlans.as_slice()).unwrap_or_default(),
        tunnels: &tunnels,
    });
}
