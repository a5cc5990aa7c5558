//! One worker: owns its flows and dissectors outright, tells the ledger what it learnt once per batch.

use super::followed::Followed;
use super::recorder::{LoggedDht, Recorder};
use super::story::{end_reason, knock, opened_with, plain, record};
use crate::base::{Direction, HashKey, Timestamp, Transport};
use crate::capture::RUN;
use crate::dissect::{Conversation, Datagram, Dissector, MetadataStore, Packet, TcpSegment, Verdict};
use crate::event::{Answer, Clients, EndReason, FlowRecord, Knock, Opaque, Subject};
use crate::flow::{Ended, FlowId, FlowLimits, FlowTable, Sought, TableCounters, Touch};
use crate::frame::{Frame, Segment, Tcp};
use crate::ledger::{Deltas, HEAVY, Ledger, PlainFlow, Scene};
use arrayvec::ArrayVec;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Home hosts whose ordinary flows are summed before the ledger is told: they change nothing until a report.
const PLAIN_HOSTS: usize = 4_096;

/// After this long a SYN was sent again (RFC 6298 section 2.1: one second), rounding aside.
const RETRY: Duration = Duration::from_millis(900);

/// Slots that the sweep looks at in a tick of live capture: on a quiet link packets are too few to sweep by.
const TICK_SWEEP: usize = 4_096;

/// Attempts of strangers that are collected before the ledger is told.
const KNOCKED: usize = 4_096;

/// Packet time between two looks at how far big flows have come, which takes a walk through the table.
const HEAVY_EVERY: Duration = Duration::from_secs(60);

/// What a worker hands over at a tick.
#[derive(Debug, Default)]
#[allow(
    clippy::vec_box,
    reason = "records are sorted and wait: to move them was 11 % of the instructions on a trace of short flows"
)]
pub struct Harvest {
    /// Flows that ended.
    pub records: Vec<Box<FlowRecord>>,
    /// Flows that go on, of which something is claimed or could be.
    pub running: Vec<Box<FlowRecord>>,
    pub dht: Vec<LoggedDht>,
}

impl Harvest {
    /// Where everything in it was seen.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut u16> {
        let records = self.records.iter_mut().chain(&mut self.running).map(|record| &mut record.path);
        records.chain(self.dht.iter_mut().map(|message| &mut message.path))
    }
}

/// Sums a worker keeps for the coverage report.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkerCounters {
    pub table: TableCounters,
    pub flows: u64,
    pub one_way_flows: u64,
    pub panics: u64,
    /// Flows held now, and how many of them with state.
    pub held: [usize; 2],
}

impl WorkerCounters {
    pub fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.one_way_flows += other.one_way_flows;
        self.panics += other.panics;
        self.held[0] += other.held[0];
        self.held[1] += other.held[1];
        self.table.opened += other.table.opened;
        self.table.evicted_probation += other.table.evicted_probation;
        self.table.evicted_protected += other.table.evicted_protected;
        self.table.evicted_states += other.table.evicted_states;
        self.table.states_refused += other.table.states_refused;
    }
}

/// What to keep beyond labelled flows.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Records of flows without a label too.
    pub all_flows: bool,
    /// DHT messages, for the event log.
    pub dht: bool,
    /// Packet time between two records of a flow that goes on.
    pub interim: Duration,
    /// Somebody looks while flows are open: a flow tells that its host is alive when it opens, and not only when it ends.
    pub live: bool,
    /// Records of the flows near this one, and a trace of those that are meant.
    pub subject: Option<Subject>,
}

/// A worker.
pub struct Worker {
    flows: FlowTable<Box<Followed>>,
    dissector: Dissector,
    ledger: Arc<Ledger>,
    deltas: Deltas,
    /// What flows named as clients.
    clients: Clients,
    harvest: Harvest,
    keep: Keep,
    /// When flows that go on were last told of.
    told: Timestamp,
    /// When big flows were last looked at.
    weighed: Timestamp,
    counters: WorkerCounters,
}

impl Worker {
    pub fn new(
        ledger: Arc<Ledger>,
        limits: FlowLimits,
        key: HashKey,
        metadata: Arc<MetadataStore>,
        keep: Keep,
    ) -> Self {
        Self {
            flows: FlowTable::new(limits, key),
            dissector: Dissector::new(key, metadata),
            ledger,
            deltas: Deltas::default(),
            clients: Clients::default(),
            harvest: Harvest::default(),
            keep,
            told: Timestamp::MIN,
            weighed: Timestamp::MIN,
            counters: WorkerCounters::default(),
        }
    }

    /// Takes frames, in the order they came.
    pub fn frames(&mut self, frames: &[Frame<'_>]) {
        for run in frames.chunks(RUN) {
            let mut sought = ArrayVec::<Sought, RUN>::new();
            run.iter().for_each(|frame| sought.push(self.flows.seek(frame)));
            self.flows.look_ahead(&mut sought);
            self.flows.sweep_for(run.len(), run.first().map_or(Timestamp::MIN, |frame| frame.at));
            run.iter().zip(&sought).for_each(|(frame, sought)| self.frame(frame, sought));
        }
    }

    #[inline(always)]
    fn frame(&mut self, frame: &Frame<'_>, sought: &Sought) {
        let touch = self.flows.touch(frame, sought);
        if self.flows.has_ended() {
            self.settle_ended();
        }
        if touch.new {
            if self.keep.live {
                self.deltas.opened(&self.ledger, frame.src.address, frame.at);
            }
            if frame.segment == Segment::Udp {
                self.opens(frame);
            }
        }
        if let Some(followed) = self.flows.state_touched(&touch) {
            followed.sent(frame, touch.direction);
            if followed.passes_over(frame, touch.direction) {
                return;
            }
        }
        // Without payload only an acknowledgement on a followed stream says anything.
        match frame.segment {
            Segment::Udp if frame.payload_len > 0 => self.datagram(frame, &touch),
            Segment::Tcp(_) if touch.retired => {}
            Segment::Tcp(tcp) if frame.payload_len > 0 || touch.has_state => {
                self.segment(frame, &tcp, &touch)
            }
            _ => {}
        }
    }

    /// Tells the ledger what was learnt: to be called once per batch.
    pub fn settle(&mut self) {
        self.deltas.dht_unanswered(self.dissector.take_unanswered());
        if !self.deltas.is_empty() {
            self.ledger.merge(&mut self.deltas);
        }
        if self.deltas.plain_len() >= PLAIN_HOSTS {
            self.ledger.merge_plain(&mut self.deltas);
        }
    }

    /// Hands over what is finished by `now`.
    pub fn tick(&mut self, now: Timestamp) -> Harvest {
        self.flows.expire(now, self.keep.all_flows || self.keep.subject.is_some());
        if self.keep.live {
            self.flows.sweep(TICK_SWEEP, now);
        }
        self.settle_ended();
        self.dissector.expire(now);
        self.settle();
        if now.since(self.weighed) >= HEAVY_EVERY {
            self.weighed = now;
            self.flows.heavy(HEAVY).for_each(|flow| self.deltas.heavy_flow(&self.ledger, &plain(&flow)));
            for (flow, _) in self.flows.with_state().filter(|(_, followed)| followed.label.grade.is_none()) {
                self.deltas.heavy_flow(&self.ledger, &plain(&flow));
            }
        }
        if now.since(self.told) >= self.keep.interim {
            self.ledger.merge_plain(&mut self.deltas);
            self.tell_running();
            self.told = now;
        }
        std::mem::take(&mut self.harvest)
    }

    /// Takes a record of every flow of interest that moved since the last time.
    fn tell_running(&mut self) {
        let told = self.told;
        for (flow, followed) in self.flows.with_state().filter(|(flow, _)| flow.last >= told) {
            if let Some(knock) = knock(&flow).filter(|k| k.answer == Answer::Accepted) {
                self.deltas.knock(self.ledger.home(), &Knock { attempts: 0, ..knock });
            }
            let opaque = followed.conversation.opaque();
            if followed.label.grade.is_none() && opaque == Opaque::default() {
                continue;
            }
            let mut record = Box::new(record(&flow, EndReason::Running));
            record.last_stretch = followed.last_stretch(&flow);
            record.label = followed.label.label();
            record.opaque = opaque;
            self.harvest.running.push(record);
        }
    }

    /// Ends every flow and hands over the rest; `now` is the last packet time of the input.
    pub fn finish(&mut self, now: Timestamp) -> Harvest {
        self.dissector.expire(now);
        loop {
            let more = self.flows.finish_some(now);
            self.settle_ended();
            self.settle();
            if !more {
                break;
            }
        }
        self.ledger.merge_plain(&mut self.deltas);
        std::mem::take(&mut self.harvest)
    }

    /// The sums so far.
    pub fn counters(&self) -> WorkerCounters {
        let held = [self.flows.len(), self.flows.states_len()];
        WorkerCounters { table: self.flows.counters(), held, ..self.counters }
    }

    /// Takes note of what a flow of datagrams opens with: a stranger's to a home host, or a tunnel.
    fn opens(&mut self, frame: &Frame<'_>) {
        let [from_home, to_home] = [frame.src, frame.dst].map(|e| self.ledger.home().contains(&e.address));
        let ports = [frame.src.port, frame.dst.port];
        if (from_home || to_home)
            && let Some(opens) = Dissector::opens(frame.payload, frame.payload_len, ports, from_home)
        {
            self.deltas.openings.note([frame.src, frame.dst], Transport::Udp, opens);
        }
    }

    #[inline(never)]
    fn datagram(&mut self, frame: &Frame<'_>, touch: &Touch) {
        if !touch.has_state && !Dissector::may_interest(frame.payload, frame.src.port, frame.dst.port) {
            return;
        }
        let datagram = Datagram { bytes: frame.payload, wire_len: frame.payload_len };
        self.dissect(frame, touch.id, touch.direction, |dissector, packet, conversation, sink| {
            dissector.datagram(packet, &datagram, conversation, sink)
        });
    }

    #[inline(never)]
    fn segment(&mut self, frame: &Frame<'_>, tcp: &Tcp, &Touch { id, direction, .. }: &Touch) {
        let before = self.flows.answered_bytes(id);
        let own = if direction == Direction::FromResponder { u64::from(frame.payload_len) } else { 0 };
        let segment = TcpSegment {
            seq: tcp.seq,
            ack: tcp.has(Tcp::ACK).then_some(tcp.ack),
            syn: tcp.has(Tcp::SYN),
            payload: frame.payload,
            wire_len: frame.payload_len,
            originator_isn: self.flows.initial_sequence(id),
            syn_seen: self.flows.syn_seen(id),
            answered: before > own,
            urgent: tcp.has(Tcp::URG).then_some(tcp.urgent),
        };
        self.dissect(frame, id, direction, |dissector, packet, conversation, sink| {
            dissector.segment(packet, &segment, conversation, sink)
        });
    }

    /// Runs a dissector over a packet of a flow. A panic costs that flow only (RELIABILITY G4).
    fn dissect(
        &mut self,
        frame: &Frame<'_>,
        id: FlowId,
        direction: Direction,
        run: impl FnOnce(&mut Dissector, &Packet, &mut Conversation, &mut Recorder<'_>) -> Verdict,
    ) {
        let (ends, transport) = self.flows.ends(id);
        let mut fresh = None;
        let followed = match self.flows.state(id) {
            Some(followed) => followed,
            None => {
                let new = fresh.insert(Followed::new(frame.at));
                new.sent(frame, direction);
                new
            }
        };
        if followed.trace.is_none() && self.keep.subject.is_some_and(|s| s.is(ends)) {
            followed.trace = Some(Box::default());
        }
        let packet = Packet { at: frame.at, ends, direction };
        let mut recorder = Recorder {
            scene: Scene { at: frame.at, number: frame.number, ends, transport, sender: direction },
            home: self.ledger.home(),
            label: &mut followed.label,
            clients: &mut self.clients,
            trace: followed.trace.as_deref_mut(),
            deltas: &mut self.deltas,
            dht: self.keep.dht.then_some(&mut self.harvest.dht),
            path: frame.path.0,
        };
        let dissector = &mut self.dissector;
        let conversation = &mut followed.conversation;
        let verdict = catch_unwind(AssertUnwindSafe(|| run(dissector, &packet, conversation, &mut recorder)));
        let verdict = verdict.unwrap_or_else(|_| {
            self.counters.panics += 1;
            Verdict::Poisoned
        });
        if let Some(trace) = &mut followed.trace {
            for reason in followed.conversation.opaque().reasons().iter() {
                trace.note(reason, frame.at, Some(frame.number));
            }
        }
        let labelled = followed.label.grade.is_some();
        match (verdict, fresh) {
            (Verdict::Follow, None) => {}
            (Verdict::Follow, Some(state)) => {
                self.flows.attach(id, Box::new(state));
            }
            (Verdict::Done, None) if labelled => {}
            (Verdict::Done, Some(state)) if labelled => {
                self.flows.attach(id, Box::new(state));
            }
            (Verdict::Nothing, Some(state)) if labelled => {
                self.flows.attach(id, Box::new(state));
            }
            (Verdict::Nothing, _) => {}
            (Verdict::Done | Verdict::Poisoned, _) => {
                self.flows.retire(id);
            }
        }
    }

    fn settle_ended(&mut self) {
        while let Some(ended) = self.flows.take_ended() {
            self.counters.flows += 1;
            self.counters.one_way_flows += u64::from(ended.flow.packets.contains(&0));
            self.end(ended);
        }
    }

    fn end(&mut self, ended: Ended<Box<Followed>>) {
        let Ended { flow, state, cause } = ended;
        let ends = [flow.originator, flow.responder];
        let attempt = knock(&flow);
        let accepted = attempt.is_some_and(|knock| knock.answer == Answer::Accepted);
        let opens = opened_with(&flow, accepted, self.deltas.openings.take(ends, flow.transport));
        if let Some(knock) = attempt {
            self.deltas.knock(self.ledger.home(), &knock);
            // Accepted in the end, but not at first: an admin may have opened the port in between.
            if knock.answer == Answer::Accepted && knock.first.since(flow.first) >= RETRY {
                let (answer, first) = (Answer::Silence, flow.first);
                self.deltas.knock(self.ledger.home(), &Knock { answer, first, last: first, ..knock });
            }
            if self.deltas.knocked_len() >= KNOCKED {
                self.settle();
            }
        }
        let keep_all = self.keep.all_flows || self.keep.subject.is_some_and(|s| s.is_near(ends));
        // Most flows are of no interest: for those no record is made.
        let unnamed = || Box::new(record(&flow, end_reason(&flow, cause)));
        if let Some(mut followed) = state {
            // Bytes that waited for a gap to close are told now.
            let scene = Scene {
                at: flow.last,
                number: u64::MAX,
                ends,
                transport: flow.transport,
                sender: Direction::FromOriginator,
            };
            let packet = Packet { at: flow.last, ends, direction: Direction::FromOriginator };
            let Followed { label, conversation, trace, .. } = &mut *followed;
            let mut recorder = Recorder {
                scene,
                home: self.ledger.home(),
                label,
                clients: &mut self.clients,
                trace: trace.as_deref_mut(),
                deltas: &mut self.deltas,
                dht: None,
                path: flow.path,
            };
            let dissector = &mut self.dissector;
            let finished =
                catch_unwind(AssertUnwindSafe(|| dissector.finish(&packet, conversation, &mut recorder)));
            self.counters.panics += u64::from(finished.is_err());
            let opaque = followed.conversation.opaque();
            if followed.label.grade.is_some() || opaque != Opaque::default() || keep_all {
                let mut record = unnamed();
                record.opaque = opaque;
                record.last_stretch = followed.last_stretch(&flow);
                record.label = followed.label.label();
                record.label.opens = opens;
                record.trace = followed.trace;
                if let Some(trace) = &mut record.trace {
                    for reason in record.opaque.reasons().iter() {
                        trace.note(reason, flow.last, None);
                    }
                }
                if record.label.grade.is_none() {
                    self.deltas.unclaimed_flow(&self.ledger, &PlainFlow { opens, ..plain(&flow) });
                } else if !self.keep.live {
                    let opener = if flow.packets[0] > 0 { flow.originator } else { flow.responder };
                    self.deltas.opened(&self.ledger, opener.address, flow.first);
                }
                self.harvest.records.push(record);
                return;
            }
        }
        if keep_all {
            let mut record = unnamed();
            record.label.opens = opens;
            if self.keep.subject.is_some_and(|s| s.is(ends)) {
                record.trace.get_or_insert_default();
            }
            self.deltas.unclaimed_flow(&self.ledger, &PlainFlow { opens, ..plain(&flow) });
            self.harvest.records.push(record);
            return;
        }
        let flow = PlainFlow { opens, ..plain(&flow) };
        self.deltas.plain_flow(&self.ledger, &flow);
        if let Some(opens) = opens {
            self.deltas.visited(self.ledger.home(), &flow, opens);
        }
    }
}

#[cfg(test)]
#[path = "worker_memory.rs"]
mod memory;
