//! Puts what the workers finished in order, judges it, counts it, and tells the outputs.

use super::worker::{Harvest, LoggedDht};
use crate::base::Timestamp;
use crate::capture::Origin;
use crate::event::{DhtMessage, FlowRecord, Grade};
use crate::frame::Paths;
use crate::ledger::report::Report;
use crate::ledger::{EVIDENCE_WINDOW, Ledger, NewTorrent};
use crate::output::{AnalysisSink, DhtEvent, FlowContext, HostEvent, TorrentEvent};
use std::collections::VecDeque;
use std::sync::Arc;

/// Ended flows that still wait for evidence, at most.
const WAITING_MAX: usize = 65_536;

/// The keeper.
pub struct Keeper {
    ledger: Arc<Ledger>,
    /// Ended flows whose bytes prove nothing, in the order they are to be told.
    waiting: VecDeque<FlowRecord>,
    all_flows: bool,
    judged_early: u64,
}

/// Where a flow came from, resolved for output.
pub struct Places<'a> {
    pub paths: &'a Paths,
    pub origins: &'a [Origin],
}

impl Keeper {
    pub fn new(ledger: Arc<Ledger>, all_flows: bool) -> Self {
        Self { ledger, waiting: VecDeque::new(), all_flows, judged_early: 0 }
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
        dht.sort_by_key(|d| d.number);
        for logged in &dht {
            tell_dht(logged, places, sink);
        }
        self.tell_new_torrents(sink);
        let mut records: Vec<FlowRecord> = harvests.into_iter().flat_map(|h| h.records).collect();
        records.sort_by_key(|r| (r.end, r.start, r.originator, r.responder, r.transport));
        for record in records {
            if record.label.grade == Some(Grade::Confirmed) {
                self.judge_and_tell(record, places, sink);
            } else {
                self.ledger.note_opaque(&record);
                self.waiting.push_back(record);
            }
        }
        while self.waiting.front().is_some_and(|r| r.end + EVIDENCE_WINDOW < now)
            || self.waiting.len() > WAITING_MAX
        {
            let Some(record) = self.waiting.pop_front() else { break };
            self.judged_early += u64::from(record.end + EVIDENCE_WINDOW >= now);
            self.judge_and_tell(record, places, sink);
        }
    }

    /// Judges and tells everything that still waits: the input is over.
    pub fn finish(&mut self, harvests: Vec<Harvest>, places: &Places<'_>, sink: &mut dyn AnalysisSink) {
        self.tick(Timestamp::MIN, harvests, places, sink);
        for record in std::mem::take(&mut self.waiting) {
            self.judge_and_tell(record, places, sink);
        }
    }

    /// Tells what is known of torrents and hosts at the end.
    pub fn tell_ends(&self, report: &Report, sink: &mut dyn AnalysisSink) {
        let at = report.coverage.last.unwrap_or_default();
        for torrent in &report.torrents {
            sink.torrent(&TorrentEvent::Summary { at, torrent });
        }
        for host in &report.hosts {
            sink.host(&HostEvent { at: host.last, address: host.address, state: "active", host: Some(host) });
        }
    }

    /// Tells of torrents that a home host was seen with for the first time since the last call.
    fn tell_new_torrents(&self, sink: &mut dyn AnalysisSink) {
        for new in self.ledger.take_new_torrents() {
            let NewTorrent { at, info_hash, host, channel } = new;
            sink.torrent(&TorrentEvent::FirstSeen { at, info_hash, host, channel });
        }
    }

    fn judge_and_tell(&mut self, mut record: FlowRecord, places: &Places<'_>, sink: &mut dyn AnalysisSink) {
        self.ledger.judge(&mut record);
        self.tell(record, places, sink);
    }

    fn tell(&mut self, record: FlowRecord, places: &Places<'_>, sink: &mut dyn AnalysisSink) {
        self.ledger.count_flow(&record);
        if record.label.grade.is_some() || self.all_flows {
            with_context(record.path, places, |context| sink.flow(&record, context));
        }
    }
}

fn tell_dht(logged: &LoggedDht, places: &Places<'_>, sink: &mut dyn AnalysisSink) {
    let message =
        DhtMessage { method: logged.method.as_deref(), transaction: &logged.transaction, ..logged.message };
    let event =
        DhtEvent { at: logged.at, sender: logged.sender, receiver: logged.receiver, message: &message };
    with_context(logged.path, places, |context| sink.dht(&event, context));
}

fn with_context(path: u16, places: &Places<'_>, tell: impl FnOnce(&FlowContext<'_>)) {
    let path = places.paths.get(crate::frame::PathId(path));
    let origin = path.and_then(|p| places.origins.get(usize::from(p.origin)));
    let tunnels: Vec<&str> = path.map(|p| p.tunnels.iter().map(|t| t.label()).collect()).unwrap_or_default();
    tell(&FlowContext {
        file: origin.and_then(|o| o.file.as_deref()),
        interface: origin.and_then(|o| o.interface.as_deref()),
        vlans: path.map(|p| p.vlans.as_slice()).unwrap_or_default(),
        tunnels: &tunnels,
    });
}
