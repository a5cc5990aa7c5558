//! When a home host was alive, and with whom it moved much: what tells a host that stopped from one that is not seen.
//!
//! Time is kept in slots, so that a host takes bounded room however long it is watched. All updates commute.

use super::report::HostBytes;
use super::window::Window;
use crate::base::{Address, Endpoint, ShortMap, Timestamp, Transport};
use crate::event::Opens;
use std::time::Duration;

/// Slots kept of a host, the latest: 32 times the time it takes to call a host cleared.
const SLOTS: usize = 24 * 32;
/// The same of a host that was never seen with peer-to-peer traffic.
const SLOTS_PLAIN: usize = 50;
/// Stretches of activity kept of a host, the latest.
const STRETCHES: usize = 512;
/// Big flows kept of a host, the biggest.
const CARRIED: usize = 16;
/// Wire bytes from which on an ordinary flow is worth remembering: it could be a tunnel.
pub const HEAVY: u64 = 1 << 20;

/// How long a slot is, for a host that counts as cleared after `quiet_for`.
pub fn slot_length(quiet_for: Duration) -> Duration {
    (quiet_for / 24).max(Duration::from_secs(1))
}

/// The slot of a time.
pub fn slot_of(at: Timestamp, length: Duration) -> i64 {
    // Not `as_nanos`: its 128 bits cost more than the division.
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    let ns = seconds.saturating_mul(1_000_000_000).saturating_add(length.subsec_nanos().into());
    at.0.div_euclid(ns.max(1))
}

/// What was seen of a host's ordinary traffic in one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// It sent something.
    pub own: bool,
    /// Flows with packets of both sides.
    pub two_way: u16,
    /// TCP flows with payload of one side and no packet at all of the other: nobody sends payload before the other side has
    /// answered (RFC 9293 section 3.5), so the answers took a way that the sensor does not see.
    pub one_way: u16,
}

impl Marks {
    fn join(&mut self, other: Self) {
        self.own |= other.own;
        self.two_way = self.two_way.saturating_add(other.two_way);
        self.one_way = self.one_way.saturating_add(other.one_way);
    }

    /// Whether the sensor saw one direction only. Two flows: one may have lost its answer to chance.
    pub const fn is_one_way(self) -> bool {
        self.one_way >= 2 && self.one_way > self.two_way
    }
}

/// An ordinary flow, as far as it tells that a host lives.
#[derive(Clone, Copy, Debug)]
pub struct PlainFlow {
    /// Originator and responder.
    pub ends: [Endpoint; 2],
    /// TCP or UDP.
    pub transport: Transport,
    /// Packets by side.
    pub packets: [u32; 2],
    /// Wire bytes by side.
    pub bytes: [u64; 2],
    /// Payload bytes by side.
    pub payload: [u64; 2],
    /// What it opened with, of a flow that has ended.
    pub opens: Option<Opens>,
    /// First packet.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
}

/// A big ordinary flow of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The other side.
    pub remote: Address,
    /// The tunnel that it opened as, by its first bytes.
    pub tunnel: Option<Opens>,
    /// What the host moved.
    pub bytes: HostBytes,
    pub(super) window: Window,
}

impl Carried {
    /// A flow that came so far.
    #[must_use]
    pub const fn of(remote: Address, bytes: HostBytes, (first, last): (Timestamp, Timestamp)) -> Self {
        Self { remote, tunnel: None, bytes, window: Window::between(first, last) }
    }

    /// First and last packet.
    #[must_use]
    pub const fn span(&self) -> (Timestamp, Timestamp) {
        (self.window.first, self.window.last)
    }
}

/// Which flow: the remote, the host's own port, the transport, the start.
pub type FlowKey = (Endpoint, u16, Transport, Timestamp);

/// What is known of a host's ordinary traffic.
#[derive(Clone, Debug, Default)]
pub struct Life {
    pub slots: ShortMap<i64, Marks>,
    /// First and last time it was certainly alive.
    pub own: Option<Window>,
    carried: ShortMap<FlowKey, Carried>,
    /// The slot marked last, kept out of `slots` in what a worker collects: most marks fall into the same one, and most
    /// hosts then need no map (4 % of the time of a mixed trace).
    now: Option<(i64, Marks)>,
    /// The earliest slot that changed since it was last written down.
    pub touched: Option<i64>,
}

impl Life {
    /// It sent a packet.
    pub fn sent(&mut self, at: Timestamp, slot: Duration) {
        self.note(slot_of(at, slot), Marks { own: true, ..Marks::default() });
        super::host::join(&mut self.own, Some(Window::at(at)));
    }

    /// It refused a stranger: the attempt and the refusal are two directions.
    pub fn refused(&mut self, at: Timestamp, slot: Duration) {
        super::host::join(&mut self.own, Some(Window::at(at)));
        self.mark(slot_of(at, slot), Marks { own: true, two_way: 1, one_way: 0 });
    }

    /// Takes note of a flow whose side `side` (0 or 1) is the host. When exactly it sent its packets is known of the first
    /// only, and of a TCP flow in which it kept answering.
    pub fn flow(&mut self, flow: &PlainFlow, side: usize, slot: Duration) {
        let other = 1 - side;
        let of = |both: [u32; 2], i: usize| both.get(i).copied().unwrap_or_default();
        let (own, back) = (of(flow.packets, side), of(flow.packets, other));
        let first = slot_of(flow.first, slot);
        let tcp = flow.transport == Transport::Tcp;
        let payload = |i: usize| flow.payload.get(i).copied().unwrap_or_default();
        let cut_in_half = tcp && ((own == 0 && payload(other) > 0) || (back == 0 && payload(side) > 0));
        let marks =
            Marks { own: own > 0, two_way: u16::from(own > 0 && back > 0), one_way: u16::from(cut_in_half) };
        self.note(first, marks);
        if own == 0 {
            return;
        }
        super::host::join(&mut self.own, Some(Window::at(flow.first)));
        // Acknowledged as it went: at least one packet for four (RFC 5681 section 4.2 asks for one for two).
        let last = if tcp && own.saturating_mul(4) >= back { slot_of(flow.last, slot) } else { first };
        if last > first {
            let from = first.max(last.saturating_sub(SLOTS as i64));
            (from..=last).for_each(|at| self.slots.entry(at).or_default().own = true);
            super::host::join(&mut self.own, Some(Window::at(flow.last)));
        }
    }

    /// Marks a slot, in what a worker collects.
    fn note(&mut self, slot: i64, marks: Marks) {
        match &mut self.now {
            Some((known, now)) if *known == slot => now.join(marks),
            now => {
                if let Some((known, before)) = now.replace((slot, marks)) {
                    self.slots.entry(known).or_default().join(before);
                }
            }
        }
    }

    /// Takes note of how far a big flow has come; told again, the latest counts.
    pub fn carry(&mut self, flow: &PlainFlow, side: usize, tunnel: Option<Opens>) {
        let (Some(&own), Some(&remote)) = (flow.ends.get(side), flow.ends.get(1 - side)) else { return };
        let of = |i: usize| flow.bytes.get(i).copied().unwrap_or_default();
        let bytes = HostBytes { received: of(1 - side), sent: of(side) };
        let window = Window::between(flow.first, flow.last);
        let new = Carried { remote: remote.address, tunnel, bytes, window };
        self.take_carried((remote, own.port, flow.transport, flow.first), new);
    }

    /// Joins what is known of a slot.
    pub fn mark(&mut self, slot: i64, marks: Marks) {
        self.slots.entry(slot).or_default().join(marks);
        self.touched = Some(self.touched.map_or(slot, |t| t.min(slot)));
    }

    pub fn take_carried(&mut self, key: FlowKey, new: Carried) {
        let known = self.carried.entry(key).or_insert(new);
        if new.window.last >= known.window.last {
            *known = new;
        }
        if self.carried.len() > CARRIED {
            let size = |c: &Carried| c.bytes.received.saturating_add(c.bytes.sent);
            let least = self.carried.iter().min_by_key(|(key, c)| (size(c), **key)).map(|(key, _)| *key);
            if let Some(least) = least {
                self.carried.remove(&least);
            }
        }
    }

    /// The big flows, and which they are.
    pub fn carried_flows(&self) -> impl Iterator<Item = (&FlowKey, &Carried)> {
        self.carried.iter()
    }

    /// The big flows.
    pub fn carried(&self) -> impl Iterator<Item = &Carried> {
        self.carried.values()
    }

    /// Joins what another knows; `peer_to_peer` hosts are remembered for longer.
    pub fn add(&mut self, other: &Self, peer_to_peer: bool) {
        let now = other.now.iter().map(|(slot, marks)| (slot, marks));
        for (&slot, &marks) in other.slots.iter().chain(now) {
            self.mark(slot, marks);
        }
        let cap = if peer_to_peer { SLOTS } else { SLOTS_PLAIN };
        while self.slots.len() > cap {
            self.slots.pop_first();
        }
        super::host::join(&mut self.own, other.own);
        for (&key, &carried) in &other.carried {
            self.take_carried(key, carried);
        }
    }
}

/// Stretches of time in which a host sent peer-to-peer traffic, in order; those closer than `slack` are one.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    stretches: Vec<Window>,
    /// The earliest time that changed since it was last written down.
    pub touched: Option<Timestamp>,
}

impl Activity {
    /// Takes note of a stretch.
    pub fn add(&mut self, mut new: Window, slack: Duration) {
        self.stretches.retain(|old| {
            let near = old.near(new.first, new.last, slack);
            if near {
                new.join(*old);
            }
            !near
        });
        self.touched = Some(self.touched.map_or(new.first, |t| t.min(new.first)));
        let at = self.stretches.partition_point(|w| w.first < new.first);
        if self.stretches.is_empty() {
            // Of most hosts the only one.
            self.stretches.reserve_exact(1);
        }
        self.stretches.insert(at, new);
        if self.stretches.len() > STRETCHES {
            self.stretches.remove(0);
        }
    }

    /// The stretches, in order.
    pub fn stretches(&self) -> &[Window] {
        &self.stretches
    }
}
