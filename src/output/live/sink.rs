//! The keeper's end: takes what an analysis tells to counters, rates, listeners and the snapshot.

use super::{Live, Moved, Snapshot, locked};
use crate::base::{Direction, HomeNets, Timestamp};
use crate::event::{FlowRecord, FlowUpdate};
use crate::ledger::Ledger;
use crate::ledger::report::{Coverage, Report};
use crate::output::privacy::Veil;
use crate::output::prometheus::{HomeHosts, Tick, directions};
use crate::output::{
    AnalysisSink, DhtEvent, EventWriter, FlowContext, HostEvent, SensorStatus, TorrentEvent,
};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Hosts and torrents that can be read from the ledger at every tick; with more of them they are read less often.
const READ_EACH_TICK: u64 = 4_096;

/// Tells [`Live`] what an analysis tells.
pub struct LiveSink {
    live: Arc<Live>,
    home: HomeNets,
    veil: Arc<Veil>,
    home_hosts: HomeHosts,
    complete: fn(&mut Report),
    sensor: SensorStatus,
    report: Arc<Report>,
    /// The last tick.
    now: Timestamp,
    /// Ticks until hosts and torrents are read again.
    rest: u64,
    /// Bytes of all packets at the last tick.
    bytes: u64,
}

impl LiveSink {
    pub(super) fn new(
        live: Arc<Live>,
        home: HomeNets,
        veil: Arc<Veil>,
        home_hosts: HomeHosts,
        complete: fn(&mut Report),
    ) -> Self {
        Self {
            live,
            home,
            veil,
            home_hosts,
            complete,
            sensor: SensorStatus::default(),
            report: Arc::default(),
            now: Timestamp::MIN,
            rest: 0,
            bytes: 0,
        }
    }

    /// Adds what a flow moved to the rates. What it moved before it was first told of is spread over that time.
    fn count_rates(&self, update: &FlowUpdate<'_>, home: [bool; 2]) {
        let record = update.record;
        let added = update.added().map(|c| c.bytes);
        let from = if update.is_new() { record.start } else { record.end.max(self.now) };
        let to = record.end.max(from);
        let mut rates = locked(&self.live.rates);
        let [p2p_in, p2p_out, _] = directions(added, home);
        rates.add_over(from, to, Moved { p2p_in, p2p_out, all: 0 });
        for side in [Direction::FromOriginator, Direction::FromResponder] {
            if side.of(home) {
                let host = side.of([record.originator, record.responder]).address;
                let moved = Moved { p2p_in: side.reverse().of(added), p2p_out: side.of(added), all: 0 };
                rates.add_host(host, from, to, moved);
            }
        }
    }

    /// Tells the listeners an event, where there are any.
    fn tell(&self, kind: &str, write: impl FnOnce(&mut EventWriter<&mut Vec<u8>>) -> io::Result<()>) {
        if self.live.listeners.is_empty() {
            return;
        }
        let mut line = Vec::new();
        if write(&mut EventWriter::new(&mut line)).is_ok() {
            self.live.listeners.tell(kind, &line);
        }
    }

    /// Reads hosts and torrents from the ledger: the more there are, the less often.
    fn read(&mut self, ledger: &Ledger) {
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        let mut report = ledger.report();
        (self.complete)(&mut report);
        self.veil.report(&mut report);
        self.rest = (report.hosts.len() + report.torrents.len()) as u64 / READ_EACH_TICK;
        self.report = Arc::new(report);
    }
}

impl AnalysisSink for LiveSink {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        if record.label.grade.is_some() {
            locked(&self.live.flows).put(record, false, context);
            self.tell("flow", |w| w.flow(record, context));
        }
    }

    fn dht(&mut self, _: &DhtEvent<'_>, _: &FlowContext<'_>) {}

    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        self.tell("torrent", |w| w.torrent(event));
    }

    fn host(&mut self, event: &HostEvent<'_>) {
        self.tell("host", |w| w.host(event));
    }

    fn update(&mut self, update: &FlowUpdate<'_>, context: &FlowContext<'_>) {
        let record = update.record;
        let home = [record.originator, record.responder].map(|e| self.home.contains(&e.address));
        self.live.metrics.flow(update, home);
        self.home_hosts.flow(update, home);
        self.count_rates(update, home);
        if !update.ended {
            locked(&self.live.flows).put(record, true, context);
            if update.is_new() {
                self.tell("flow", |w| w.flow(record, context));
            }
        }
    }

    fn sensor(&mut self, status: &SensorStatus) {
        self.sensor.clone_from(status);
    }

    fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage) {
        let all = coverage.bytes.saturating_sub(self.bytes);
        self.bytes = coverage.bytes.max(self.bytes);
        locked(&self.live.rates).add(now, Moved { all, ..Moved::default() });
        self.now = now;
        self.read(ledger);
        let totals = ledger.totals();
        let duty = self.live.duty();
        let tick = Tick {
            now,
            coverage,
            totals: &totals,
            report: &self.report,
            sensor: &self.sensor,
            duty: &duty,
            told_dropped: self.live.listeners.dropped(),
        };
        self.live.metrics.publish(&tick, &mut self.home_hosts);
        self.live.publish(Snapshot {
            now,
            coverage: coverage.clone(),
            totals,
            report: Arc::clone(&self.report),
            sensor: self.sensor.clone(),
        });
    }

    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.tell("stats", |w| w.stats(at, coverage));
    }

    fn progress(&mut self, _: u64, _: Option<u64>, _: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
