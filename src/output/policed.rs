//! Holds an analysis against rules: a sink that hears everything first, and tells another one which alerts come of it.

use super::{AnalysisSink, DhtEvent, FlowContext, HostEvent, SensorStatus, TorrentEvent};
use crate::base::{Address, InfoHash, KeyedState, Timestamp};
use crate::event::{Channel, FlowRecord, FlowUpdate};
use crate::ledger::Ledger;
use crate::ledger::report::Coverage;
use crate::policy::{Engine, Observation, Subject, TorrentNews};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

/// Packet time between two looks at what hosts moved in torrents.
const STANDINGS: Duration = Duration::from_secs(10);
/// Standings remembered, at most; beyond, a host's past in a torrent counts as new.
const STANDINGS_MAX: usize = 262_144;

/// The sink. It needs news of flows that go on, and DHT messages where a rule is about them ([`Engine::wants`]).
pub struct Policed<'a, S: ?Sized> {
    engine: &'a mut Engine,
    inner: &'a mut S,
    /// The inner sink asked for DHT messages itself.
    dht_too: bool,
    /// What was told of a host in a torrent.
    told: HashMap<(InfoHash, Address), (u64, u64, bool), KeyedState>,
    looked: Timestamp,
}

impl<'a, S: AnalysisSink + ?Sized> Policed<'a, S> {
    /// A sink between an analysis and `inner`, which is told of DHT messages only when it asked for them (`dht_too`).
    pub fn new(engine: &'a mut Engine, inner: &'a mut S, dht_too: bool) -> Self {
        Self { engine, inner, dht_too, told: HashMap::default(), looked: Timestamp::MIN }
    }

    fn torrents(&mut self, now: Timestamp, ledger: &Ledger) {
        let since = std::mem::replace(&mut self.looked, now);
        for standing in ledger.standings(since) {
            let key = (standing.info_hash, standing.host);
            let (uploaded, downloaded, complete) = self.told.get(&key).copied().unwrap_or_default();
            let sums = (standing.uploaded, standing.downloaded, standing.complete);
            if sums == (uploaded, downloaded, complete) {
                continue;
            }
            if self.told.len() >= STANDINGS_MAX {
                self.told.clear();
            }
            self.told.insert(key, sums);
            self.engine.observe(&Observation::Torrent(TorrentNews {
                at: now,
                host: standing.host,
                info_hash: standing.info_hash,
                uploaded: standing.uploaded.saturating_sub(uploaded),
                downloaded: standing.downloaded.saturating_sub(downloaded),
                complete: standing.complete,
                // Pieces are read from a stream that both sides acknowledged.
                two_way: standing.uploaded > uploaded || standing.downloaded > downloaded,
            }));
        }
    }
}

impl<S: AnalysisSink + ?Sized> AnalysisSink for Policed<'_, S> {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        self.inner.flow(record, context);
    }

    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        self.engine.dht(event.at, event.sender, event.receiver, event.message);
        if self.dht_too {
            self.inner.dht(event, context);
        }
    }

    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        if let TorrentEvent::FirstSeen { at, info_hash, host, channel } = *event {
            self.engine.observe(&Observation::Torrent(TorrentNews {
                at,
                host,
                info_hash,
                uploaded: 0,
                downloaded: 0,
                complete: false,
                // A lookup counts once somebody answered it; by other ways the flow itself has to show it.
                two_way: channel == Channel::Dht,
            }));
        }
        self.inner.torrent(event);
    }

    fn host(&mut self, event: &HostEvent<'_>) {
        self.inner.host(event);
    }

    fn update(&mut self, update: &FlowUpdate<'_>, context: &FlowContext<'_>) {
        self.engine.flow(update, context.vlans);
        self.inner.update(update, context);
    }

    fn sensor(&mut self, status: &SensorStatus) {
        self.inner.sensor(status);
    }

    fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage) {
        if self.engine.wants(Subject::Torrent) && now.since(self.looked) >= STANDINGS {
            self.torrents(now, ledger);
        }
        self.engine.coverage(now, coverage);
        for change in self.engine.tick(now) {
            self.inner.alert(&change);
        }
        self.inner.tick(now, ledger, coverage);
    }

    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.inner.stats(at, coverage);
    }

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.inner.progress(bytes_read, bytes_total, packets)
    }
}
