//! What else was tried on ports of home hosts, and whether the host answered; and which peers came in.
//!
//! A BitTorrent port that stands open to the Internet is open to everybody: web crawlers, password guessers and scanners find
//! it too. What they opened with is kept by port, with counts, so that an admin sees whether the host talked back.

use super::Ledger;
use super::report::VisitReport;
use super::window::Window;
use crate::base::{Address, Endpoint, KeyedState, Timestamp, Transport};
use crate::event::{Answer, Family, FlowRecord, FlowUpdate, Grade, Knock, Opens, Visit};
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// Sources counted of one sort of visit to one port.
const SOURCES: usize = 256;
/// Peers remembered of a port.
const CALLERS: usize = 1_024;
/// Flows of a worker whose opening is remembered until they end.
const OPENINGS: usize = 16_384;

/// What the flows that go on opened with, where a rule names it: the flow table has no room for it, and most flows none.
#[derive(Debug, Default)]
pub struct Openings {
    known: HashMap<([Endpoint; 2], Transport), Opens, KeyedState>,
    refused: u64,
}

impl Openings {
    /// Remembers what a flow opened with; the first word counts.
    pub fn note(&mut self, ends: [Endpoint; 2], transport: Transport, opens: Opens) {
        if self.known.len() < OPENINGS || self.known.contains_key(&(ends, transport)) {
            self.known.entry((ends, transport)).or_insert(opens);
        } else {
            self.refused += 1;
        }
    }

    /// What a flow opened with, if that was named.
    pub fn of(&self, ends: [Endpoint; 2], transport: Transport) -> Option<Opens> {
        self.known.get(&(ends, transport)).copied()
    }

    /// The same of a flow that has ended, and forgets it.
    pub fn take(&mut self, ends: [Endpoint; 2], transport: Transport) -> Option<Opens> {
        if self.known.is_empty() { None } else { self.known.remove(&(ends, transport)) }
    }

    /// How many found no room since the last call.
    pub const fn take_refused(&mut self) -> u64 {
        std::mem::replace(&mut self.refused, 0)
    }
}

/// A visit, to which port and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub port: Endpoint,
    pub transport: Transport,
    pub source: Address,
    pub visit: Visit,
    pub window: Window,
}

/// Visits of one sort to one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visits {
    pub opens: Opens,
    pub flows: u64,
    /// Those on which the host sent payload.
    pub answered: u64,
    /// In order.
    pub sources: Vec<Address>,
    pub window: Window,
}

impl Visits {
    /// As the report tells them.
    pub fn report(&self) -> VisitReport {
        let Self { opens, flows, answered, ref sources, window } = *self;
        let sources = sources.len() as u64;
        VisitReport { opens, flows, answered, sources, first: window.first, last: window.last }
    }
}

/// Who came to one port, and what for.
#[derive(Clone, Debug, Default)]
pub struct Guests {
    /// In the order of the vocabulary.
    pub visits: Vec<Visits>,
    /// Peers of BitTorrent flows of grade strong or better that the host answered, in order, with when.
    pub callers: Vec<(Address, Window)>,
}

impl Guests {
    /// Takes note of a visit that was not BitTorrent.
    pub fn visit(&mut self, source: Address, visit: Visit, window: Window) {
        let at = match self.visits.binary_search_by_key(&visit.opens, |v| v.opens) {
            Ok(at) => at,
            Err(at) => {
                let new = Visits { opens: visit.opens, flows: 0, answered: 0, sources: Vec::new(), window };
                self.visits.insert(at, new);
                at
            }
        };
        if let Some(known) = self.visits.get_mut(at) {
            known.flows += 1;
            known.answered += u64::from(visit.answered);
            known.window.join(window);
            if let Err(at) = known.sources.binary_search(&source)
                && known.sources.len() < SOURCES
            {
                known.sources.insert(at, source);
            }
        }
    }

    /// Takes note of a peer that the host let in.
    fn call(&mut self, source: Address, window: Window) {
        match self.callers.binary_search_by_key(&source, |(a, _)| *a) {
            Ok(at) => {
                if let Some((_, known)) = self.callers.get_mut(at) {
                    known.join(window);
                }
            }
            Err(at) if self.callers.len() < CALLERS => self.callers.insert(at, (source, window)),
            Err(_) => {}
        }
    }

    /// How many peers were let in from one time to another.
    pub fn callers_between(&self, from: Timestamp, to: Timestamp) -> u64 {
        self.callers.iter().filter(|(_, w)| w.last >= from && w.first <= to).count() as u64
    }
}

impl Ledger {
    /// What became known of a flow that a stranger opened to a home host.
    pub(super) fn inbound(&self, update: &FlowUpdate<'_>) {
        let record = update.record;
        if record.midstream {
            return;
        }
        let label = &record.label;
        // What is merely suspected may as well be a prober's random bytes.
        let bittorrent =
            label.grade >= Some(Grade::Strong) && label.kinds.family() == Some(Family::Bittorrent);
        let [_, back] = record.sent;
        if bittorrent {
            if record.transport == Transport::Udp {
                self.datagram_knock(update);
            }
            // Once as soon as it is known, and again when it is over: how long it lasted.
            let news = update.ended || update.told.grade < Some(Grade::Strong);
            if back.payload > 0 && news {
                self.call(record);
            }
        } else if let (true, Some(opens)) = (update.ended, label.opens) {
            let (port, transport) = (record.responder, record.transport);
            let named = label.grade.is_some() && label.kinds.family() == Some(Family::OtherP2p);
            let opens = if named { Opens::OtherP2p } else { opens };
            let visit = Visit { opens, answered: back.payload > 0 };
            let window = Window::between(record.start, record.end);
            self.visit(&Arrival { port, transport, source: record.originator.address, visit, window });
        }
    }

    /// Takes note of a peer that a home host let in.
    fn call(&self, record: &FlowRecord) {
        let key = (record.responder, record.transport);
        let window = Window::between(record.start, record.end);
        if let Some(mut tried) = self.tried.get_mut(&key) {
            tried.guests.call(record.originator.address, window);
        } else if self.tried.len() < self.limits.tried {
            // News of a flow can come before news of the attempt that it was.
            self.tried.entry(key).or_default().guests.call(record.originator.address, window);
        } else {
            self.attempts_refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A stranger's datagram of a BitTorrent protocol is an attempt to reach the port: answered or not (a TCP attempt
    /// shows without looking inside).
    fn datagram_knock(&self, update: &FlowUpdate<'_>) {
        let record = update.record;
        let answered = record.sent[1].packets > 0;
        if record.label.grade < Some(Grade::Strong) || !(update.ended || (answered && update.is_new())) {
            return;
        }
        self.knock(&Knock {
            target: record.responder,
            transport: record.transport,
            source: record.originator.address,
            answer: if answered { Answer::Accepted } else { Answer::Silence },
            attempts: u64::from(update.ended),
            first: record.start,
            last: if answered { record.start } else { record.end },
        });
    }

    /// Takes note of a visit to a port that is known already: a datagram to any other port of a home host is the noise of the
    /// Internet, and would fill the table.
    pub(super) fn visit(&self, arrival: &Arrival) {
        let Arrival { port, transport, source, visit, window } = *arrival;
        let key = (port, transport);
        if let Some(mut tried) = self.tried.get_mut(&key) {
            tried.guests.visit(source, visit, window);
            tried.fresh = [true; 2];
        } else if self.ports.get(&key).is_some_and(|p| p.told.is_some() || !p.spoke.is_empty())
            && self.tried.len() < self.limits.tried
        {
            let mut tried = self.tried.entry(key).or_default();
            tried.guests.visit(source, visit, window);
            tried.fresh = [true; 2];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u32) -> Address {
        Address::v4((0xc633_6400 + n).to_be_bytes())
    }

    #[test]
    fn visits_add_up_in_any_order() {
        let visits: Vec<(Address, Visit, Window)> = (0..40)
            .map(|n| {
                let opens = [Opens::Ssh, Opens::Http, Opens::Nothing][n as usize % 3];
                let visit = Visit { opens, answered: n % 4 == 0 };
                (source(n % 7), visit, Window::at(Timestamp::from_secs(n.into())))
            })
            .collect();
        let (mut forward, mut backward) = (Guests::default(), Guests::default());
        visits.iter().for_each(|(s, v, w)| forward.visit(*s, *v, *w));
        visits.iter().rev().for_each(|(s, v, w)| backward.visit(*s, *v, *w));
        assert_eq!(forward.visits, backward.visits);
        let told: Vec<_> = forward.visits.iter().map(|v| (v.opens, v.flows, v.sources.len())).collect();
        assert_eq!(told, [(Opens::Nothing, 13, 7), (Opens::Http, 13, 7), (Opens::Ssh, 14, 7)]);
    }

    #[test]
    fn sources_are_counted_up_to_a_cap_and_flows_beyond() {
        let mut guests = Guests::default();
        let http = Visit { opens: Opens::Http, answered: false };
        (0..1_000).for_each(|n| guests.visit(source(n), http, Window::at(Timestamp::from_secs(1))));
        assert_eq!((guests.visits[0].flows, guests.visits[0].sources.len()), (1_000, SOURCES));
    }

    #[test]
    fn a_full_table_refuses_and_counts_and_an_end_makes_room() {
        let mut openings = Openings::default();
        let ends = |n: u16| [Endpoint::new(source(n.into()), n), Endpoint::new(source(0), 80)];
        (0..=OPENINGS as u16).for_each(|n| openings.note(ends(n), Transport::Tcp, Opens::Ssh));
        assert_eq!((openings.take_refused(), openings.take_refused()), (1, 0));
        assert_eq!(openings.take(ends(0), Transport::Tcp), Some(Opens::Ssh));
        openings.note(ends(OPENINGS as u16), Transport::Tcp, Opens::Http);
        assert_eq!(openings.of(ends(OPENINGS as u16), Transport::Tcp), Some(Opens::Http));
    }
}
