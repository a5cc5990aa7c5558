//! What a home host did in the DHT (BEP 5), ten minutes at a time: the counters behind the rules of `dht_rules`.
//!
//! All updates commute. The two latest stretches of ten minutes are kept, so that workers may differ by a tick; an older one is
//! held against the rules and forgotten.

use super::dht_rules::{Behaviour, DhtFinding, STEP, STRETCH, is_lookup, weigh};
use super::life::slot_of;
use crate::base::{Address, Endpoint, InfoHash, KeyedState, ShortMap, ShortSet, Timestamp};
use crate::event::{DhtMessage, DhtPurpose, DhtRole};
use std::collections::HashMap;

/// Members kept of each list of a stretch. Above every threshold.
const LIST: usize = 4_096;
/// Node ids kept of a stretch.
const IDS: usize = 128;
/// Answers with as many peers or more are looked at for addresses that repeat.
const MANY_VALUES: usize = 10;
/// Queries of one address within a step that count as a flood.
const FLOOD: u32 = 50;
/// Remotes whose pace is followed, a worker.
const PACES: usize = 8_192;

/// Ten minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    pub queries: u64,
    pub announces: u64,
    pub samplings: u64,
    /// Answers given whose peers are all at one address.
    pub one_address: u64,
    /// Marks of a botnet.
    pub botnet: u64,
    /// The most queries of one address within a step.
    pub floods: u32,
    /// Nodes asked.
    pub nodes: ShortSet<Address>,
    /// Info-hashes looked up, by their first 64 bits, like those below.
    pub lookups: ShortSet<u64>,
    /// Info-hashes announced.
    pub announced: ShortSet<u64>,
    /// Info-hashes announced at ports below 1024.
    pub low: ShortSet<u64>,
    /// Ports announced.
    pub ports: ShortSet<u16>,
    /// Ports of the host, and node ids used there.
    pub ids: ShortSet<(u16, u64)>,
    /// Queries sent, and answers that nobody asked for, by step.
    pub paces: ShortMap<i64, [u32; 2]>,
}

/// What a host did; also the shape of what one batch adds.
#[derive(Clone, Debug, Default)]
pub struct Conduct {
    /// Queries that say that the host is read-only (BEP 43).
    pub read_only: u64,
    stretches: ShortMap<i64, Stretch>,
    found: ShortMap<Behaviour, DhtFinding>,
}

impl Conduct {
    fn at(&mut self, at: Timestamp) -> &mut Stretch {
        self.stretches.entry(slot_of(at, STRETCH)).or_default()
    }

    /// It sent a message to `to`.
    pub fn sent(&mut self, at: Timestamp, from: Endpoint, to: Address, message: &DhtMessage<'_>) {
        self.read_only += u64::from(message.read_only && message.role == DhtRole::Query);
        let stretch = self.at(at);
        if let Some(id) = message.node {
            insert(&mut stretch.ids, (from.port, first_bits(&id.0)), IDS);
        }
        stretch.botnet += u64::from(message.botnet);
        if message.role != DhtRole::Query {
            return;
        }
        stretch.queries += 1;
        insert(&mut stretch.nodes, to, LIST);
        stretch.paces.entry(slot_of(at, STEP)).or_default()[0] += 1;
        stretch.samplings += u64::from(message.purpose == Some(DhtPurpose::Sampling));
        if let (Some(hash), true) = (message.target, message.purpose.is_some_and(is_lookup)) {
            insert(&mut stretch.lookups, first_bits(&hash.0), LIST);
        }
    }

    /// An answer came that belongs to no query.
    pub fn unasked(&mut self, at: Timestamp) {
        self.at(at).paces.entry(slot_of(at, STEP)).or_default()[1] += 1;
    }

    /// It announced itself for a torrent.
    pub fn announced(&mut self, at: Timestamp, hash: &InfoHash, port: Option<u16>) {
        let stretch = self.at(at);
        stretch.announces += 1;
        insert(&mut stretch.announced, first_bits(&hash.0), LIST);
        if let Some(port) = port {
            insert(&mut stretch.ports, port, LIST);
            if port < 1_024 {
                insert(&mut stretch.low, first_bits(&hash.0), LIST);
            }
        }
    }

    /// It answered with these peers.
    pub fn listed(&mut self, at: Timestamp, peers: &[Endpoint]) {
        let one = peers.first().is_some_and(|first| peers.iter().all(|p| p.address == first.address));
        if peers.len() >= MANY_VALUES && one {
            self.at(at).one_address += 1;
        }
    }

    /// One address asked so many times within a step, and was answered.
    pub fn flooded(&mut self, at: Timestamp, queries: u32) {
        let stretch = self.at(at);
        stretch.floods = stretch.floods.max(queries);
    }

    /// Joins what another knows; `peers` are the host's flows with peers so far.
    pub fn add(&mut self, more: Self, peers: u64) {
        self.read_only += more.read_only;
        for (number, stretch) in more.stretches {
            self.stretches.entry(number).or_default().add(stretch);
        }
        while self.stretches.len() > 2 {
            let Some((number, stretch)) = self.stretches.pop_first() else { break };
            note(&mut self.found, number, &stretch, peers);
        }
    }

    /// The rules that held so far.
    pub fn findings(&self, peers: u64) -> Vec<DhtFinding> {
        let mut found = self.found.clone();
        self.stretches.iter().for_each(|(&number, stretch)| note(&mut found, number, stretch, peers));
        found.into_iter().map(|(_, finding)| finding).collect()
    }
}

/// Writes down which rules hold in a stretch.
fn note(found: &mut ShortMap<Behaviour, DhtFinding>, number: i64, stretch: &Stretch, peers: u64) {
    let first = Timestamp::from_secs(number.saturating_mul(STRETCH.as_secs().cast_signed()));
    let last = first + STRETCH;
    weigh(stretch, peers, |behaviour, count| {
        let known = found.entry(behaviour).or_insert(DhtFinding { behaviour, count, first, last });
        known.count = known.count.max(count);
        known.first = known.first.min(first);
        known.last = known.last.max(last);
    });
}

impl Stretch {
    fn add(&mut self, more: Self) {
        self.queries += more.queries;
        self.announces += more.announces;
        self.samplings += more.samplings;
        self.one_address += more.one_address;
        self.botnet += more.botnet;
        self.floods = self.floods.max(more.floods);
        more.nodes.into_iter().for_each(|n| insert(&mut self.nodes, n, LIST));
        more.lookups.into_iter().for_each(|n| insert(&mut self.lookups, n, LIST));
        more.announced.into_iter().for_each(|n| insert(&mut self.announced, n, LIST));
        more.low.into_iter().for_each(|n| insert(&mut self.low, n, LIST));
        more.ports.into_iter().for_each(|n| insert(&mut self.ports, n, LIST));
        more.ids.into_iter().for_each(|n| insert(&mut self.ids, n, IDS));
        for (step, [queries, unasked]) in more.paces {
            let [q, u] = self.paces.entry(step).or_default();
            (*q, *u) = (q.saturating_add(queries), u.saturating_add(unasked));
        }
    }
}

fn insert<T: Ord>(set: &mut ShortSet<T>, new: T, cap: usize) {
    if set.len() < cap {
        set.insert(new);
    }
}

/// The first 64 bits of an id.
fn first_bits(id: &[u8; 20]) -> u64 {
    id.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// How fast remotes ask home hosts, in the step that runs: all packets of a pair of hosts come to one worker.
#[derive(Debug, Default)]
pub struct Paces {
    step: i64,
    /// (home host, remote) → queries, answers.
    known: HashMap<(Address, Address), [u32; 2], KeyedState>,
    refused: u64,
}

impl Paces {
    /// How many messages found no room since the last call.
    pub const fn take_refused(&mut self) -> u64 {
        std::mem::replace(&mut self.refused, 0)
    }

    /// A query came, or (`answer`) was answered; gives the number of queries once they are a flood that is answered.
    pub fn count(&mut self, at: Timestamp, home: Address, remote: Address, answer: bool) -> Option<u32> {
        let step = slot_of(at, STEP);
        if step > self.step {
            self.step = step;
            self.known.clear();
        }
        if self.known.len() >= PACES && !self.known.contains_key(&(home, remote)) {
            self.refused += 1;
            return None;
        }
        let [queries, answers] = self.known.entry((home, remote)).or_default();
        if answer {
            *answers += 1
        } else {
            *queries += 1
        }
        let (queries, answers) = (*queries, *answers);
        (answer && queries >= FLOOD && answers.saturating_mul(2) >= queries).then_some(queries)
    }
}

#[cfg(test)]
#[path = "conduct_tests.rs"]
mod tests;
