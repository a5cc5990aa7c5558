//! How flows leave the table: idle, pushed out, or because the input is over.

use super::super::slot::{FIN_SEEN, HAS_STATE, IS_UDP, PROBATION, RECENT, RST_SEEN, Slot, USED};
use super::super::view::{EndCause, Ended, FlowId, FlowLimits};
use super::FlowTable;
use crate::base::Timestamp;
use crate::frame::{Frame, Segment, Tcp};
use std::collections::VecDeque;
use std::time::Duration;

/// Packets for each slot that the sweep looks at.
const SWEEP_PACKETS: usize = 4;
/// Slots that it looks at in a row at least: side by side in memory they come faster than one by one.
const SWEEP_SLOTS: usize = 64;
/// Flows that end at once when the input is over: as many as stay in the second cache until they are taken.
const FINISHED_AT_ONCE: u32 = 256;

impl<S> FlowTable<S> {
    /// Whether flows ended that were not taken yet.
    #[inline]
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// One of the flows that ended and were not taken yet.
    #[inline]
    pub fn take_ended(&mut self) -> Option<Ended<S>> {
        self.ended.pop()
    }

    /// Ends every flow with state that is idle at `now`, exactly, and with `all` every other too; otherwise those are left
    /// to the sweep.
    pub fn expire(&mut self, now: Timestamp, all: bool) {
        if all {
            for id in 0..self.slots.end() {
                self.expire_one(id, USED, now);
            }
        } else {
            let coarse = coarse(now);
            for state in 0..self.states.len() {
                let Some(Some(kept)) = self.states.get_mut(state) else { continue };
                if coarse >= kept.not_before {
                    let id = kept.flow;
                    kept.not_before = self.idle.not_before(self.slots.get(id));
                    self.expire_one(id, USED | HAS_STATE, now);
                }
            }
        }
    }

    fn expire_one(&mut self, id: u32, wanted: u16, now: Timestamp) {
        let slot = self.slot(id);
        if slot.flags & wanted == wanted && self.idle.over(slot, now) {
            self.end(id, EndCause::Idle);
        }
    }

    /// Ends some of the flows, a few hundred, as the input is over; tells whether there are more. In steps, because what
    /// ended waits in memory until it is taken. `now` is the last packet time of the input, which tells idle flows.
    pub fn finish_some(&mut self, now: Timestamp) -> bool {
        let slots = self.slots.end();
        let from = self.finished;
        let to = from.saturating_add(FINISHED_AT_ONCE).min(slots);
        for id in from..to {
            if self.slot(id).flags & USED != 0 {
                let cause =
                    if self.idle.over(self.slot(id), now) { EndCause::Idle } else { EndCause::Finished };
                // Nothing is looked for in the index any more.
                self.close(id, cause);
            }
        }
        self.finished = to;
        to < slots
    }

    /// Looks at one slot for every few packets, so that idle flows leave at a cost that no capture can raise: to be called
    /// before so many packets, of which the first is of this time.
    #[inline]
    pub fn sweep_for(&mut self, packets: usize, now: Timestamp) {
        self.unswept += packets;
        if self.unswept >= SWEEP_PACKETS * SWEEP_SLOTS {
            self.sweep(self.unswept / SWEEP_PACKETS, now);
            self.unswept %= SWEEP_PACKETS;
        }
    }

    /// Looks at the next so many slots, and ends the idle flows among them that have no state.
    pub fn sweep(&mut self, slots: usize, now: Timestamp) {
        for _ in 0..slots {
            let id = self.sweep;
            self.sweep = if id < self.slots.end() { id + 1 } else { 0 };
            let slot = self.slot(id);
            if slot.flags & (USED | HAS_STATE) == USED && self.idle.over(slot, now) {
                self.end(id, EndCause::Idle);
            }
        }
    }

    pub(super) fn make_room(&mut self) {
        while let Some(id) = self.probation.pop_front() {
            if self.slot(id).flags & (USED | PROBATION | HAS_STATE) == USED | PROBATION {
                self.counters.evicted_probation += 1;
                self.end(id, EndCause::Evicted);
                return;
            }
        }
        let slots = self.slots.end();
        // Two rounds at most: the first clears the marks of all recent flows, the second finds one without; flows with
        // state are taken only when there is nothing else.
        for round in 0..3 * slots {
            self.hand = if self.hand + 1 < slots { self.hand + 1 } else { 0 };
            let id = self.hand;
            let slot = self.slot_mut(id);
            if slot.flags & USED == 0 {
                continue;
            }
            if slot.flags & RECENT == 0 && (slot.flags & HAS_STATE == 0 || round > 2 * slots) {
                self.counters.evicted_protected += 1;
                self.end(id, EndCause::Evicted);
                return;
            }
            slot.flags &= !RECENT;
        }
    }

    /// Ends one flow with state other than `asking`: the first that the hand finds not touched since it last passed.
    pub(super) fn make_room_for_state(&mut self, asking: u32) -> bool {
        let states = self.states.len() as u32;
        for _ in 0..2 * states {
            self.state_hand = if self.state_hand + 1 < states { self.state_hand + 1 } else { 0 };
            let Some(Some(kept)) = self.states.get(self.state_hand as usize) else { continue };
            let owner = kept.flow;
            let slot = self.slot_mut(owner);
            if owner == asking || slot.flags & RECENT != 0 {
                slot.flags &= !RECENT;
                continue;
            }
            self.counters.evicted_states += 1;
            self.end(owner, EndCause::Evicted);
            return true;
        }
        false
    }

    pub(super) fn compact_probation(&mut self) {
        let queue = std::mem::take(&mut self.probation);
        let mut seen = std::collections::HashSet::with_hasher(crate::base::KeyedState::default());
        // The newest entry of a reused slot is the true one.
        let mut kept: VecDeque<u32> = queue
            .into_iter()
            .rev()
            .filter(|&id| self.slot(id).flags & (USED | PROBATION) == USED | PROBATION && seen.insert(id))
            .collect();
        kept.make_contiguous().reverse();
        self.probation = kept;
    }

    pub(super) fn end(&mut self, id: u32, cause: EndCause) {
        self.index.remove(self.slot(id).key().hash(&self.secret), id);
        self.close(id, cause);
    }

    fn close(&mut self, id: u32, cause: EndCause) {
        let flow = self.slot(id).view();
        let state = self.detach(FlowId(id));
        self.slots.remove(id);
        self.ended.push(Ended { flow, state, cause });
    }
}

/// Packet time in steps of 2³² nanoseconds, some four seconds, rounded down: half the size, where that is fine enough.
pub(super) type Coarse = i32;

const fn coarse(time: Timestamp) -> Coarse {
    (time.0 >> 32) as i32
}

/// How long flows may be idle, in nanoseconds.
#[derive(Debug)]
pub(super) struct IdleTimes {
    tcp: i64,
    tcp_brief: i64,
    udp: i64,
    /// The shortest of them.
    least: i64,
}

impl IdleTimes {
    pub(super) fn of(limits: &FlowLimits) -> Self {
        let ns = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let [tcp, tcp_brief, udp] = [limits.tcp_idle, limits.tcp_brief, limits.udp_idle].map(ns);
        Self { tcp, tcp_brief, udp, least: tcp.min(tcp_brief).min(udp) }
    }

    /// When a flow that gets no further packet may have been idle for too long at the earliest.
    pub(super) const fn not_before(&self, slot: &Slot) -> Coarse {
        coarse(Timestamp(slot.last.saturating_add(self.least)))
    }

    /// Whether a flow has been idle for too long.
    #[inline]
    fn over(&self, slot: &Slot, now: Timestamp) -> bool {
        let idle = now.0.saturating_sub(slot.last);
        if idle <= self.least {
            return false;
        }
        let limit = if slot.flags & IS_UDP != 0 {
            self.udp
        } else if slot.flags & (FIN_SEEN | RST_SEEN) != 0 || slot.is_one_way() {
            self.tcp_brief
        } else {
            self.tcp
        };
        idle > limit
    }
}

/// Whether this packet belongs to a later flow of the same endpoints.
#[inline]
pub(super) fn starts_anew(slot: &Slot, frame: &Frame<'_>, idle: &IdleTimes) -> bool {
    if idle.over(slot, frame.at) {
        return true;
    }
    match frame.segment {
        // A SYN after FIN or RST reuses the ports (RFC 9293 section 3.10.7.4).
        Segment::Tcp(tcp) => {
            tcp.flags & (Tcp::SYN | Tcp::ACK) == Tcp::SYN && slot.flags & (FIN_SEEN | RST_SEEN) != 0
        }
        Segment::Udp => false,
    }
}
