//! A sink for the tests that run the whole program.

use swarmscope::base::Timestamp;
use swarmscope::event::FlowRecord;
use swarmscope::ledger::report::Coverage;
use swarmscope::output::{AnalysisSink, DhtEvent, EventWriter, FlowContext, HostEvent, TorrentEvent};

/// Writes every event to memory.
pub struct Events(pub EventWriter<Vec<u8>>);

impl AnalysisSink for Events {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        self.0.flow(record, context).expect("memory");
    }
    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        self.0.dht(event, context).expect("memory");
    }
    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        self.0.torrent(event).expect("memory");
    }
    fn host(&mut self, event: &HostEvent<'_>) {
        self.0.host(event).expect("memory");
    }
    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.0.stats(at, coverage).expect("memory");
    }
}
