//! Counts flows to their hosts and to the totals, while they run and when they end.
//!
//! A flow may be counted several times as it goes on, and found to be more than it seemed. Each time, what was counted of
//! it before is taken back, so that the sums are those of its latest verdict whenever they are read.

use super::Ledger;
use super::host::{Host, PEERS, join};
use super::report::{FlowSum, HostBytes, Totals};
use super::window::Window;
use crate::base::{Address, Transport};
use crate::event::{Counters, Direction, Family, FlowRecord, FlowUpdate, Grade, Kind, Told};
use std::time::Duration;

/// Ports kept of a host on which others reached it.
const REACHED: usize = 64;

/// Adds or takes back.
type Change = fn(u64, u64) -> u64;
const ADD: Change = u64::saturating_add;
const TAKE_BACK: Change = u64::saturating_sub;

impl Ledger {
    /// Counts what became known of a flow to its hosts and to the totals.
    pub fn count(&self, update: &FlowUpdate<'_>) {
        let record = update.record;
        let ends = [record.originator, record.responder];
        let home = ends.map(|e| self.home.contains(&e.address));
        for side in [Direction::FromOriginator, Direction::FromResponder] {
            if side.of(home) {
                let remote = side.reverse().of(ends).address;
                self.with_host(side.of(ends).address, |h| h.count(update, side, remote, self.slot));
            }
        }
        if home == [false, true] {
            self.inbound(update);
        }
        if update.ended && record.label.grade <= Some(Grade::Suspected) {
            self.look_alike(record, home);
        }
        if update.told.grade.is_none() && record.label.grade.is_none() {
            return;
        }
        let Ok(mut totals) = self.totals.lock() else { return };
        if update.told.grade.is_some() {
            totals.count(&update.told, home, TAKE_BACK);
            totals.drop_empty();
        }
        totals.count(&Told::of(record), home, ADD);
    }
}

impl Ledger {
    /// Enters an ended flow that looked like BitTorrent in some way, and was not found to be, into the register.
    fn look_alike(&self, record: &FlowRecord, home: [bool; 2]) {
        let reasons = record.opaque.reasons().union(record.label.reasons);
        if reasons.is_empty() {
            return;
        }
        let suspected = record.label.grade.is_some();
        let Ok(mut totals) = self.totals.lock() else { return };
        for reason in reasons.iter() {
            totals.look_alikes.entry((reason, suspected)).or_default().change(record.sent, home, ADD);
        }
    }
}

impl FlowSum {
    fn change(&mut self, sent: [Counters; 2], home: [bool; 2], by: Change) {
        let [out, back] = sent.map(|c| c.bytes);
        let (to_home, from_home, across) = match home {
            [true, false] => (back, out, 0),
            [false, true] => (out, back, 0),
            _ => (0, 0, out + back),
        };
        self.flows = by(self.flows, 1);
        self.bytes_in = by(self.bytes_in, to_home);
        self.bytes_out = by(self.bytes_out, from_home);
        self.bytes_across = by(self.bytes_across, across);
    }
}

impl Host {
    /// Counts a flow whose side `side` is this host.
    fn count(&mut self, update: &FlowUpdate<'_>, side: Direction, remote: Address, slot: Duration) {
        let record = update.record;
        change(&mut self.all, bytes(update.added(), side), ADD);
        join(&mut self.seen, Some(Window::between(record.start, record.end)));
        if update.told.grade.is_some() {
            self.count_claim(&update.told, record.transport, side, remote, TAKE_BACK);
            self.drop_empty();
        }
        let accused = self.count_claim(&Told::of(record), record.transport, side, remote, ADD);
        // Only what it sends itself keeps a host active: strangers go on knocking long after it stopped.
        let (first, last) = side.of(record.last_stretch).unwrap_or((record.start, record.end));
        let sent = Window::between(first, last);
        let suspected =
            record.label.kinds.family() == Some(Family::Bittorrent) && record.label.grade.is_some();
        if suspected && !accused && side.of(record.sent).packets > 0 {
            join(&mut self.suspected, Some(sent));
        }
        if accused {
            self.count_opening(update, side);
            join(&mut self.active, Some(Window::between(record.start.min(first), last)));
            self.activity.add(sent, slot);
            if self.peers.len() < PEERS && !remote.is_group() {
                self.peers.insert(remote);
            }
        }
    }

    /// Adds or takes back what was claimed of a flow; tells whether it counts as this host's BitTorrent.
    fn count_claim(
        &mut self,
        told: &Told,
        transport: Transport,
        side: Direction,
        remote: Address,
        by: Change,
    ) -> bool {
        let Some(grade) = told.grade else { return false };
        let strong = grade >= Grade::Strong;
        let bittorrent = told.kinds.family() == Some(Family::Bittorrent);
        // A stranger's unanswered packets are not this host's doing. Where the sensor does not see what the host sends, the
        // stranger's acknowledgements are its answer; they can be forged, and the host is said to be claimed only.
        let took_part = side.of(told.sent).packets > 0 || side.of(told.heard) || remote.is_group();
        if bittorrent && !took_part {
            return false;
        }
        if strong {
            for kind in told.kinds.iter() {
                let flows = self.kinds.entry(kind).or_default();
                *flows = by(*flows, 1);
            }
        }
        if !bittorrent {
            return false;
        }
        let bytes = bytes(told.sent, side);
        change(self.bytes.entry(grade).or_default(), bytes, by);
        if strong {
            change(self.transports.entry(transport_word(told, transport)).or_default(), bytes, by);
            change(self.encryption.entry(told.encryption).or_default(), bytes, by);
            self.flows = by(self.flows, 1);
            self.two_way = by(self.two_way, u64::from(told.two_way));
        }
        strong
    }

    /// Counts a flow to those that others opened or to its own.
    fn count_opening(&mut self, update: &FlowUpdate<'_>, side: Direction) {
        let record = update.record;
        if record.midstream {
            return;
        }
        let inbound = side == Direction::FromResponder;
        let counted = update.told.grade >= Some(Grade::Strong);
        let moved = bytes(if counted { update.added() } else { record.sent }, side);
        let [by_others, by_itself] = &mut self.opened;
        let (flows, sum) = if inbound { by_others } else { by_itself };
        *flows += u64::from(!counted);
        change(sum, moved, ADD);
        if inbound && side.of(record.sent).packets > 0 && self.reached.len() < REACHED {
            self.reached.insert((record.transport, record.responder.port));
        }
    }

    fn drop_empty(&mut self) {
        self.kinds.retain(|_, flows| *flows > 0);
        self.bytes.retain(|_, b| *b != HostBytes::default());
        self.transports.retain(|_, b| *b != HostBytes::default());
        self.encryption.retain(|_, b| *b != HostBytes::default());
    }
}

impl Totals {
    fn count(&mut self, told: &Told, home: [bool; 2], by: Change) {
        let (Some(family), Some(grade)) = (told.kinds.family(), told.grade) else { return };
        let sum = |s: &mut FlowSum| s.change(told.sent, home, by);
        sum(self.flows.entry((family, grade)).or_default());
        if grade >= Grade::Strong {
            for kind in told.kinds.iter() {
                sum(self.kinds.entry(kind).or_default());
            }
            if family == Family::Bittorrent {
                sum(self.encryption.entry(told.encryption).or_default());
            }
        }
    }

    fn drop_empty(&mut self) {
        self.flows.retain(|_, sum| sum.flows > 0);
        self.kinds.retain(|_, sum| sum.flows > 0);
        self.encryption.retain(|_, sum| sum.flows > 0);
    }
}

/// What the host on `side` sent and received.
fn bytes(sent: [Counters; 2], side: Direction) -> HostBytes {
    HostBytes { received: side.reverse().of(sent).bytes, sent: side.of(sent).bytes }
}

fn change(to: &mut HostBytes, more: HostBytes, by: Change) {
    to.received = by(to.received, more.received);
    to.sent = by(to.sent, more.sent);
}

/// `tcp`, `utp` or `udp`, as the output contract writes `p2p.transport`.
fn transport_word(told: &Told, transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp if told.kinds.contains(Kind::Utp) => "utp",
        Transport::Udp => "udp",
    }
}
