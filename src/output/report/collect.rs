//! What a report needs of an analysis while it runs: flows with their reasons, bytes over time, peers, changes of state.

use super::timeline::Timeline;
use crate::base::{Address, KeyedState, Timestamp};
use crate::event::{FlowRecord, FlowUpdate, Grade, Reason, Subject};
use crate::ledger::notice::CLOCK_SKEW;
use crate::ledger::report::Coverage;
use crate::ledger::{HostState, Ledger, Seen, Standing};
use crate::output::{AnalysisSink, Explained, FlowContext, Progress};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// Labelled flows kept of a host; those beyond are counted.
const FLOWS_MAX: usize = 2_000;
/// Peers told apart.
const PEERS_MAX: usize = 65_536;
/// Changes of state kept.
const STATES_MAX: usize = 1_000;

/// What was collected of one host.
#[derive(Debug)]
pub struct Collected {
    /// The host.
    pub host: Address,
    /// Its labelled flows, in the order in which they ended.
    pub flows: Vec<Explained>,
    /// Labelled flows beyond those.
    pub left_out: u64,
    /// Whether any packet of it was seen.
    pub seen: bool,
    /// Its bytes over time.
    pub timeline: Timeline,
    /// Flows by reason, with the time and packet of the first sight.
    pub reasons: BTreeMap<Reason, ReasonSum>,
    /// Its peers.
    pub peers: HashMap<Address, PeerSum, KeyedState>,
    /// Whether it still takes part.
    pub standing: Standing,
    /// The states before, with the time from which on each was known.
    pub states: Vec<(Timestamp, HostState)>,
    /// How well the sensor saw around a moment, where one was asked for.
    pub sight: Option<(Timestamp, Seen)>,
    progress: Progress,
}

/// What a reason was seen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasonSum {
    /// Labelled flows.
    pub flows: u64,
    /// Time of the first sight, and its packet where that is known.
    pub first: Option<(Timestamp, Option<u64>)>,
}

/// What a host had to do with a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerSum {
    /// Labelled flows of grade strong or better.
    pub flows: u64,
    /// Their wire bytes.
    pub bytes: u64,
    /// The best grade of them.
    pub grade: Option<Grade>,
    /// The last packet of them.
    pub last: Timestamp,
}

impl Collected {
    /// Collects of a host, and of the sensor's sight around `at`.
    #[must_use]
    pub fn new(host: Address, at: Option<Timestamp>, progress: Progress) -> Self {
        Self {
            host,
            flows: Vec::new(),
            left_out: 0,
            seen: false,
            timeline: Timeline::default(),
            reasons: BTreeMap::new(),
            peers: HashMap::default(),
            standing: Standing::default(),
            states: Vec::new(),
            sight: at.map(|at| (at, Seen::default())),
            progress,
        }
    }

    /// To be called when the analysis is over.
    pub fn finish(&mut self) {
        self.timeline.finish();
        self.progress.finish();
    }

    /// The peers, those with most bytes first.
    #[must_use]
    pub fn top_peers(&self) -> Vec<(Address, PeerSum)> {
        let mut peers: Vec<(Address, PeerSum)> = self.peers.iter().map(|(a, p)| (*a, *p)).collect();
        peers.sort_by_key(|(address, peer)| (std::cmp::Reverse(peer.bytes), *address));
        peers
    }

    fn add_peer(&mut self, record: &FlowRecord) {
        let [a, b] = [record.originator.address, record.responder.address];
        let other = if a == self.host { b } else { a };
        let full = self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&other);
        if full || other.is_group() {
            return;
        }
        let peer = self.peers.entry(other).or_default();
        peer.flows += 1;
        peer.bytes = record.sent.iter().fold(peer.bytes, |sum, c| sum.saturating_add(c.bytes));
        peer.grade = peer.grade.max(record.label.grade);
        peer.last = peer.last.max(record.end);
    }

    fn add_reasons(&mut self, record: &FlowRecord) {
        for reason in record.label.reasons.iter() {
            let sight = record.trace.as_ref().and_then(|t| t.get(reason)).map(|s| (s.at, s.number));
            let sum = self.reasons.entry(reason).or_default();
            sum.flows += 1;
            sum.first = match (sum.first, sight) {
                (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
                (a, b) => a.or(b),
            };
        }
    }
}

impl AnalysisSink for Collected {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        if !Subject::Host(self.host).is([record.originator, record.responder]) {
            return;
        }
        self.seen = true;
        let Some(grade) = record.label.grade else { return };
        self.add_reasons(record);
        if grade >= Grade::Strong {
            self.add_peer(record);
        }
        if self.flows.len() < FLOWS_MAX {
            self.flows.push(Explained::new(record, context));
        } else {
            self.left_out += 1;
        }
    }

    fn update(&mut self, update: &FlowUpdate<'_>, _: &FlowContext<'_>) {
        if Subject::Host(self.host).is([update.record.originator, update.record.responder]) {
            self.timeline.note(update);
        }
    }

    fn tick(&mut self, now: Timestamp, ledger: &Ledger, _: &Coverage) {
        self.standing = ledger.standing(self.host);
        let state = self.standing.state;
        if self.states.last().is_none_or(|(_, s)| *s != state) && self.states.len() < STATES_MAX {
            self.states.push((now, state));
        }
        // What is remembered of the sensor is bounded: looked at while it is fresh.
        if let Some((at, seen)) = &mut self.sight
            && now >= *at + CLOCK_SKEW
            && !seen.watched
        {
            *seen = ledger.seen(*at - CLOCK_SKEW, *at + CLOCK_SKEW);
        }
    }

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.progress.update(bytes_read, bytes_total, packets);
        ControlFlow::Continue(())
    }
}
