//! The flow table of one worker: an index in lines of the cache over a slab of 104-byte flows.
//!
//! One-packet flows wait in a probation queue and are the first to go when the table is full, so that a flood of SYNs
//! cannot push out a transfer; flows with more packets are protected and leave by a clock hand that spares those with
//! state. Idle flows end by packet time: exactly when their next packet comes too late, and at the latest when the sweep
//! passes them. What the room above keeps per flow (`S`) lives in a second slab, so that an ordinary flow costs nothing
//! for it.

mod leaving;

use self::leaving::{Coarse, IdleTimes, starts_anew};
use super::index::Index;
use super::key::Key;
use super::slot::{CHUNK, HAS_ISN, HAS_STATE, ORIGINATOR_HI, PROBATION, RETIRED, SYN_SEEN, Slab, Slot, USED};
use super::view::{EndCause, Ended, Flow, FlowId, FlowLimits, Sought, TableCounters, Touch};
use crate::base::{Endpoint, HashKey, Transport};
use crate::frame::{Frame, Segment, Tcp};
use std::collections::VecDeque;

/// The table.
pub struct FlowTable<S> {
    index: Index,
    slots: Slab,
    states: Vec<Option<Kept<S>>>,
    free_states: Vec<u32>,
    probation: VecDeque<u32>,
    /// Packets since the last look of the sweep.
    unswept: usize,
    sweep: u32,
    hand: u32,
    state_hand: u32,
    finished: u32,
    /// Nobody shall choose flows that collide.
    secret: HashKey,
    limits: FlowLimits,
    idle: IdleTimes,
    counters: TableCounters,
    ended: Vec<Ended<S>>,
}

/// What the room above keeps for a flow.
struct Kept<S> {
    flow: u32,
    /// No tick before this needs a look at the flow: it cannot be idle for too long by then.
    not_before: Coarse,
    state: S,
}

impl<S> FlowTable<S> {
    /// An empty table.
    #[must_use]
    pub fn new(limits: FlowLimits, secret: HashKey) -> Self {
        Self {
            index: Index::new(),
            slots: Slab::default(),
            states: Vec::new(),
            free_states: Vec::new(),
            probation: VecDeque::new(),
            unswept: 0,
            sweep: 0,
            hand: 0,
            state_hand: 0,
            finished: 0,
            secret,
            limits,
            idle: IdleTimes::of(&limits),
            counters: TableCounters::default(),
            ended: Vec::new(),
        }
    }

    /// Flows held now.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no flow is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// Flows with state held now.
    #[must_use]
    pub fn states_len(&self) -> usize {
        self.states.len() - self.free_states.len()
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> TableCounters {
        self.counters
    }

    /// Where the flow of a packet is to be looked for.
    #[inline(always)]
    #[must_use]
    pub fn seek(&self, frame: &Frame<'_>) -> Sought {
        let (key, from_lo) = Key::of(frame);
        Sought { hash: key.hash(&self.secret), key, guess: u32::MAX, from_lo }
    }

    /// Looks at what the next packets will need, so that memory answers for all of them at once: the places of the index
    /// first, then the slots. Measured: 8 % of the time of a mixed trace, a quarter of that of a flood.
    pub fn look_ahead(&self, sought: &mut [Sought]) {
        let entries = sought.iter().fold(0, |seen, sought| seen ^ self.index.glance(sought.hash));
        std::hint::black_box(entries);
        for sought in &mut *sought {
            sought.guess = self.index.guess(sought.hash);
        }
        let slots = sought.iter().fold(0, |seen, sought| seen ^ self.slots.get(sought.guess).glance());
        std::hint::black_box(slots);
    }

    /// Takes note of a packet: finds or opens its flow and counts it. `sought` is what [`Self::seek`] said of it.
    #[inline(always)]
    pub fn touch(&mut self, frame: &Frame<'_>, sought: &Sought) -> Touch {
        let Sought { hash, ref key, guess, from_lo } = *sought;
        let guessed = self.slot(guess).is(key).then_some(guess);
        if let Some(id) = guessed.or_else(|| self.index.find(hash, |id| self.slot(id).is(key))) {
            let slot = self.slots.get_mut(id);
            if !starts_anew(slot, frame, &self.idle) {
                let direction = slot.count(frame, from_lo);
                let retired = slot.flags & RETIRED != 0;
                let has_state = slot.flags & HAS_STATE != 0;
                return Touch { id: FlowId(id), direction, new: false, has_state, retired, state: slot.slot };
            }
            self.end(id, EndCause::Idle);
        }
        let id = self.open(frame, sought);
        let direction = self.slots.get_mut(id).count(frame, from_lo);
        Touch { id: FlowId(id), direction, new: true, has_state: false, retired: false, state: 0 }
    }

    /// The flow behind a handle.
    #[must_use]
    pub fn flow(&self, id: FlowId) -> Flow {
        self.slot(id.0).view()
    }

    /// Originator and responder of a flow, and its transport.
    #[inline]
    #[must_use]
    pub fn ends(&self, id: FlowId) -> ([Endpoint; 2], Transport) {
        let slot = self.slot(id.0);
        (slot.ends(), slot.transport())
    }

    /// Payload bytes that the responder has sent, this packet's included.
    #[inline]
    #[must_use]
    pub fn answered_bytes(&self, id: FlowId) -> u64 {
        self.slot(id.0).payload[1]
    }

    /// The originator's initial sequence number, for a flow without state whose SYN was seen.
    #[must_use]
    pub fn initial_sequence(&self, id: FlowId) -> Option<u32> {
        let slot = self.slot(id.0);
        (slot.flags & HAS_ISN != 0).then_some(slot.slot)
    }

    /// Whether the flow's SYN (or SYN-ACK) was seen.
    #[must_use]
    pub fn syn_seen(&self, id: FlowId) -> bool {
        self.slot(id.0).flags & SYN_SEEN != 0
    }

    /// Marks a flow as of no further interest; its packets are still counted. Its state, if any, is handed back.
    pub fn retire(&mut self, id: FlowId) -> Option<S> {
        let state = self.detach(id);
        self.slot_mut(id.0).flags |= RETIRED;
        state
    }

    /// Whether the flow was retired.
    #[must_use]
    pub fn is_retired(&self, id: FlowId) -> bool {
        self.slot(id.0).flags & RETIRED != 0
    }

    /// The state kept for a flow.
    pub fn state(&mut self, id: FlowId) -> Option<&mut S> {
        let slot = self.slot(id.0);
        if slot.flags & HAS_STATE == 0 {
            return None;
        }
        let at = slot.slot as usize;
        self.states.get_mut(at)?.as_mut().map(|kept| &mut kept.state)
    }

    /// The state kept for the flow of a packet that was just touched.
    #[inline(always)]
    pub fn state_touched(&mut self, touch: &Touch) -> Option<&mut S> {
        if !touch.has_state {
            return None;
        }
        self.states.get_mut(touch.state as usize)?.as_mut().map(|kept| &mut kept.state)
    }

    /// Keeps state for a flow. When the cap is reached, a flow with state that was not touched lately ends to make room:
    /// to refuse instead would be blindness for sale.
    pub fn attach(&mut self, id: FlowId, state: S) -> Option<&mut S> {
        if self.states_len() >= self.limits.states && !self.make_room_for_state(id.0) {
            self.counters.states_refused += 1;
            return None;
        }
        let at = self.free_states.pop().unwrap_or_else(|| {
            self.states.push(None);
            (self.states.len() - 1) as u32
        });
        let slot = self.slots.get_mut(id.0);
        slot.slot = at;
        slot.flags = (slot.flags | HAS_STATE) & !HAS_ISN;
        let kept = Kept { flow: id.0, not_before: self.idle.not_before(slot), state };
        Some(&mut self.states.get_mut(at as usize)?.insert(kept).state)
    }

    /// Every flow with state.
    pub fn with_state(&mut self) -> impl Iterator<Item = (Flow, &mut S)> {
        let slots = &self.slots;
        self.states.iter_mut().flatten().map(|kept| (slots.get(kept.flow).view(), &mut kept.state))
    }

    /// The flows without state that moved at least so many bytes.
    pub fn heavy(&self, bytes: u64) -> impl Iterator<Item = Flow> {
        let heavy = move |slot: &&Slot| {
            slot.flags & (USED | HAS_STATE) == USED && slot.bytes.iter().sum::<u64>() >= bytes
        };
        (0..self.slots.end()).map(|id| self.slot(id)).filter(heavy).map(Slot::view)
    }

    fn detach(&mut self, id: FlowId) -> Option<S> {
        let slot = self.slot_mut(id.0);
        if slot.flags & HAS_STATE == 0 {
            return None;
        }
        slot.flags &= !HAS_STATE;
        let at = slot.slot;
        let state = self.states.get_mut(at as usize).and_then(Option::take).map(|kept| kept.state);
        self.free_states.push(at);
        state
    }

    fn open(&mut self, frame: &Frame<'_>, &Sought { hash, ref key, from_lo, .. }: &Sought) -> u32 {
        if self.slots.len() >= self.limits.flows {
            self.make_room();
        }
        // A SYN-ACK comes from the responder, even when it is the first packet seen.
        let answer = matches!(frame.segment, Segment::Tcp(t) if t.has(Tcp::SYN | Tcp::ACK));
        let flags = if from_lo == answer { PROBATION | ORIGINATOR_HI } else { PROBATION };
        let id = self.slots.add(Slot::new(key, flags, frame));
        self.index.insert(hash, id);
        self.counters.opened += 1;
        self.probation.push_back(id);
        if self.probation.len() > 2 * self.slots.len() + CHUNK {
            self.compact_probation();
        }
        id
    }

    #[inline]
    fn slot(&self, id: u32) -> &Slot {
        self.slots.get(id)
    }

    #[inline]
    fn slot_mut(&mut self, id: u32) -> &mut Slot {
        self.slots.get_mut(id)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
