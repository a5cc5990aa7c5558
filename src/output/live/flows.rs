//! The flows last heard of, running and ended, as the API lists them.

use crate::base::{KeyedState, Timestamp};
use crate::event::FlowRecord;
use crate::output::FlowContext;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Flows that are kept.
const FLOWS_MAX: usize = 10_000;

/// A flow as it was last told.
#[derive(Debug)]
pub struct FlowEntry {
    /// The flow.
    pub record: FlowRecord,
    /// Whether it goes on.
    pub running: bool,
    file: Option<String>,
    interface: Option<String>,
    vlans: Vec<u16>,
    tunnels: Vec<String>,
}

impl FlowEntry {
    /// Lends the circumstances of the flow.
    pub fn with_context<T>(&self, work: impl FnOnce(&FlowContext<'_>) -> T) -> T {
        let tunnels: Vec<&str> = self.tunnels.iter().map(String::as_str).collect();
        work(&FlowContext {
            file: self.file.as_deref(),
            interface: self.interface.as_deref(),
            vlans: &self.vlans,
            tunnels: &tunnels,
        })
    }
}

/// A bounded store: the flow that was heard of longest ago makes room.
#[derive(Debug, Default)]
pub struct FlowStore {
    flows: BTreeMap<Place, Arc<FlowEntry>>,
    /// The place of each flow, by id.
    places: HashMap<u64, Place, KeyedState>,
}

/// Time of the last packet, then id.
type Place = (Timestamp, u64);

impl FlowStore {
    /// Puts a flow in, in place of what was known of it before.
    pub fn put(&mut self, record: &FlowRecord, running: bool, context: &FlowContext<'_>) {
        let id = record.id();
        let place = (record.end, id);
        if let Some(before) = self.places.insert(id, place) {
            self.flows.remove(&before);
        }
        let entry = FlowEntry {
            record: record.clone(),
            running,
            file: context.file.map(str::to_owned),
            interface: context.interface.map(str::to_owned),
            vlans: context.vlans.to_vec(),
            tunnels: context.tunnels.iter().map(|&t| t.to_owned()).collect(),
        };
        self.flows.insert(place, Arc::new(entry));
        if self.flows.len() > FLOWS_MAX
            && let Some(((_, oldest), _)) = self.flows.pop_first()
        {
            self.places.remove(&oldest);
        }
    }

    /// All flows, newest first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<Arc<FlowEntry>> {
        self.flows.values().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Address, Endpoint, Transport};
    use crate::event::{Counters, EndReason, FlowState, Label, Opaque};

    fn record(n: u32, end: i64) -> FlowRecord {
        let [_, a, b, c] = n.to_be_bytes();
        FlowRecord {
            originator: Endpoint::new(Address::v4([10, a, b, c]), 1),
            responder: Endpoint::new(Address::v4([203, 0, 113, 7]), 2),
            transport: Transport::Udp,
            path: 0,
            sent: [Counters::default(); 2],
            start: Timestamp::from_secs(0),
            end: Timestamp::from_secs(end),
            last_stretch: [None; 2],
            state: FlowState::New,
            reason: EndReason::Running,
            midstream: false,
            one_way: true,
            label: Label::default(),
            opaque: Opaque::default(),
            trace: None,
        }
    }

    #[test]
    fn a_flow_stands_where_it_was_last_heard_of_and_once() {
        let mut store = FlowStore::default();
        let context = FlowContext { vlans: &[7], tunnels: &["gre"], ..FlowContext::default() };
        for (n, end, running) in [(1, 10, true), (2, 11, true), (1, 12, true), (1, 12, false)] {
            store.put(&record(n, end), running, &context);
        }
        let flows = store.newest_first();
        let seen: Vec<(i64, bool)> = flows.iter().map(|f| (f.record.end.secs(), f.running)).collect();
        assert_eq!(seen, [(12, false), (11, true)]);
        assert_eq!(
            flows[0].with_context(|c| (c.vlans.to_vec(), c.tunnels.join(","))),
            (vec![7], "gre".into())
        );
    }

    #[test]
    fn the_oldest_make_room() {
        let mut store = FlowStore::default();
        for n in 0..30_000 {
            store.put(&record(n, n.into()), true, &FlowContext::default());
        }
        assert_eq!((store.flows.len(), store.places.len()), (FLOWS_MAX, FLOWS_MAX));
        assert_eq!(store.newest_first()[0].record.end.secs(), 29_999);
    }
}
