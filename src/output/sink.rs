//! What an analysis tells while it runs.

use super::{DhtEvent, FlowContext, HostEvent, SensorStatus, TorrentEvent};
use crate::base::Timestamp;
use crate::event::{FlowRecord, FlowUpdate};
use crate::ledger::Ledger;
use crate::ledger::report::Coverage;
use crate::policy::AlertChange;
use std::ops::ControlFlow;

/// Listens to an analysis. Which flows and messages are told is the pipeline's choice; a sink does something about what it
/// implements, and lets the rest pass.
pub trait AnalysisSink {
    /// A flow ended.
    fn flow(&mut self, _record: &FlowRecord, _context: &FlowContext<'_>) {}

    /// A DHT message.
    fn dht(&mut self, _event: &DhtEvent<'_>, _context: &FlowContext<'_>) {}

    /// News of a torrent.
    fn torrent(&mut self, _event: &TorrentEvent<'_>) {}

    /// A change at a home host.
    fn host(&mut self, _event: &HostEvent<'_>) {}

    /// News of a flow of which something is claimed: at every tick in which it moved, and when it ends. Told only where the
    /// pipeline was asked for running news.
    fn update(&mut self, _update: &FlowUpdate<'_>, _context: &FlowContext<'_>) {}

    /// All packets before `now` are counted: the time to evaluate, to publish, to write down. Told only where the pipeline
    /// was asked for running news.
    fn tick(&mut self, _now: Timestamp, _ledger: &Ledger, _coverage: &Coverage) {}

    /// How the sensor fares: before every tick, live only.
    fn sensor(&mut self, _status: &SensorStatus) {}

    /// An alert opened, repeated or resolved. Told only where rules are in force.
    fn alert(&mut self, _change: &AlertChange) {}

    /// The coverage up to `at`: every minute of packet time and at the end.
    fn stats(&mut self, _at: Timestamp, _coverage: &Coverage) {}

    /// How far the input was read, in bytes and packets; to be called once per batch. `Break` asks to stop, because
    /// nobody reads the output any more or it cannot be written; the analysis then ends with what it has.
    fn progress(&mut self, _bytes_read: u64, _bytes_total: Option<u64>, _packets: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
