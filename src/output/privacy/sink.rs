//! The sink that lays a veil over all that another one is told.

use super::Veil;
use crate::base::Timestamp;
use crate::event::{DhtMessage, FlowRecord, FlowUpdate};
use crate::ledger::Ledger;
use crate::ledger::report::Coverage;
use crate::output::{AnalysisSink, DhtEvent, FlowContext, HostEvent, SensorStatus, TorrentEvent};
use crate::policy::AlertChange;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Stands before a sink. The ledger that [`AnalysisSink::tick`] hands on is told as it is: who reads it there lays the veil
/// over what it takes out, as [`LiveSink`](crate::output::live::LiveSink) does.
#[derive(Debug)]
pub struct Veiled<S> {
    veil: Arc<Veil>,
    inner: S,
}

impl<S> Veiled<S> {
    /// Before `inner`.
    pub const fn new(veil: Arc<Veil>, inner: S) -> Self {
        Self { veil, inner }
    }

    /// The sink behind it.
    pub const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The sink behind it, for good.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn record(&self, record: &FlowRecord) -> FlowRecord {
        let mut record = record.clone();
        self.veil.record(&mut record);
        record
    }
}

impl<S: AnalysisSink> AnalysisSink for Veiled<S> {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        if self.veil.is_clear() {
            return self.inner.flow(record, context);
        }
        let record = self.record(record);
        self.inner.flow(&record, context);
    }

    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        let DhtEvent { at, sender, receiver, message } = *event;
        let node = message.node.map(|id| self.veil.node(id));
        let message = DhtMessage { node, ..*message };
        let [sender, receiver] = [sender, receiver].map(|e| self.veil.endpoint(e));
        self.inner.dht(&DhtEvent { at, sender, receiver, message: &message }, context);
    }

    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        match *event {
            TorrentEvent::FirstSeen { at, info_hash, host, channel } => {
                let host = self.veil.address(host);
                self.inner.torrent(&TorrentEvent::FirstSeen { at, info_hash, host, channel });
            }
            TorrentEvent::Summary { at, torrent } => {
                let mut torrent = torrent.clone();
                self.veil.torrent(&mut torrent);
                self.inner.torrent(&TorrentEvent::Summary { at, torrent: &torrent });
            }
        }
    }

    fn host(&mut self, event: &HostEvent<'_>) {
        let HostEvent { at, address, standing, host } = *event;
        let address = self.veil.address(address);
        let mut standing = standing.clone();
        self.veil.standing(&mut standing);
        let mut host = host.cloned();
        host.iter_mut().for_each(|h| self.veil.host(h));
        self.inner.host(&HostEvent { at, address, standing: &standing, host: host.as_ref() });
    }

    fn update(&mut self, update: &FlowUpdate<'_>, context: &FlowContext<'_>) {
        if self.veil.is_clear() {
            return self.inner.update(update, context);
        }
        let record = self.record(update.record);
        self.inner.update(&FlowUpdate { record: &record, ..*update }, context);
    }

    fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage) {
        let mut coverage = coverage.clone();
        self.veil.coverage(&mut coverage);
        self.inner.tick(now, ledger, &coverage);
    }

    fn sensor(&mut self, status: &SensorStatus) {
        self.inner.sensor(status);
    }

    fn alert(&mut self, change: &AlertChange) {
        let mut change = change.clone();
        self.veil.alert(&mut change.alert);
        self.inner.alert(&change);
    }

    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        let mut coverage = coverage.clone();
        self.veil.coverage(&mut coverage);
        self.inner.stats(at, &coverage);
    }

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.inner.progress(bytes_read, bytes_total, packets)
    }
}
