//! Puts flows together to sessions: what a host did by one protocol, in one torrent where that is known, without a pause
//! of half an hour.
//!
//! All of it by packet time, so that the same capture makes the same sessions, whatever the machine does meanwhile.

use super::entry::Session;
use crate::base::{Address, Direction, HomeNets, InfoHash, KeyedState, Timestamp, Transport};
use crate::event::{Counters, Family, FlowUpdate, Grade, Kind, Kinds};
use crate::ledger::report::HostBytes;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// A session without news for so long is over.
const PAUSE: Duration = Duration::from_secs(1_800);
/// Sessions that go on, at most.
pub(super) const OPEN_MAX: usize = 16_384;
/// Peers counted in a session, at most.
const PEERS: usize = 256;
/// Flows whose session is remembered, at most.
const FLOWS: usize = 131_072;

/// Kinds by how much they say of what a host does, the most telling first.
const TELLING: [Kind; 9] = [
    Kind::PeerWire,
    Kind::Webseed,
    Kind::Webrtc,
    Kind::Utp,
    Kind::HttpTracker,
    Kind::UdpTracker,
    Kind::WsTracker,
    Kind::Dht,
    Kind::Lsd,
];

type Key = (Address, Option<InfoHash>, Kind);

/// The sessions that go on.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: HashMap<Key, Open, KeyedState>,
    /// Where the bytes of a flow were counted, by the flow's number and side.
    flows: HashMap<(u64, bool), (Key, Timestamp), KeyedState>,
    /// Sessions that ended since they were last taken.
    over: Vec<Session>,
    /// News that no session had room for.
    pub refused: u64,
}

#[derive(Debug)]
struct Open {
    session: Session,
    peers: HashSet<Address, KeyedState>,
    dirty: bool,
}

impl Sessions {
    /// Takes in news of a flow.
    pub fn update(&mut self, update: &FlowUpdate<'_>, home: &HomeNets) {
        let record = update.record;
        let (Some(grade), Some(kind)) = (record.label.grade, kind(record.label.kinds)) else { return };
        let ends = [record.originator, record.responder];
        for side in [Direction::FromOriginator, Direction::FromResponder] {
            let (host, remote) = (side.of(ends), side.reverse().of(ends));
            // What a stranger sends without answer is not this host's doing.
            let took_part = side.of(record.sent).packets > 0 || side.of(record.label.heard);
            if !took_part || !home.contains(&host.address) {
                continue;
            }
            // On a DHT socket others name torrents, too.
            let hash = (kind != Kind::Dht).then(|| record.label.info_hashes.first().copied()).flatten();
            let key = (host.address, hash, kind);
            let flow = (record.id(), side == Direction::FromOriginator);
            let moved = self.move_flow(flow, key, update, side);
            let first = if moved.is_some() { record.start } else { record.end };
            let Some(open) = self.session(key, first, record.end) else {
                self.refused += 1;
                continue;
            };
            open.dirty = true;
            let session = &mut open.session;
            session.flows += u64::from(moved.is_some());
            let added = bytes(moved.unwrap_or_else(|| update.added()), side);
            if let Some(before) = update.told.grade.filter(|before| moved.is_none() && *before != grade) {
                take(session, before, bytes(update.told.sent, side));
                add(session, grade, bytes(update.told.sent, side));
            }
            add(session, grade, added);
            session.pieces = pieces(session.pieces, update, side);
            if open.peers.len() < PEERS && !remote.address.is_group() {
                open.peers.insert(remote.address);
            }
            session.peers = open.peers.len() as u64;
            // A TCP port that it called from says nothing; one that it was called on does.
            if side == Direction::FromResponder || record.transport == Transport::Udp {
                session.local_port = Some(host.port);
            }
            let [originator, responder] = &record.label.clients;
            if let Some(client) = side.of([originator, responder]) {
                session.client = Some(client.name.clone());
            }
            self.remember(flow, key, update);
        }
    }

    /// What is to be counted of a flow that is new to its session; nothing of one that was counted there before. Bytes that
    /// were counted to another session are taken back there.
    fn move_flow(
        &mut self,
        flow: (u64, bool),
        key: Key,
        update: &FlowUpdate<'_>,
        side: Direction,
    ) -> Option<[Counters; 2]> {
        let Some((before, first)) = self.flows.get(&flow).copied() else { return Some(update.record.sent) };
        let open = self.open.get_mut(&before).filter(|open| open.session.first == first);
        if before == key && open.is_some() {
            return None;
        }
        let Some((open, grade)) = open.zip(update.told.grade) else { return Some(update.added()) };
        take(&mut open.session, grade, bytes(update.told.sent, side));
        open.session.flows = open.session.flows.saturating_sub(1);
        open.dirty = true;
        Some(update.record.sent)
    }

    fn remember(&mut self, flow: (u64, bool), key: Key, update: &FlowUpdate<'_>) {
        if update.ended {
            self.flows.remove(&flow);
        } else if let Some(open) = self.open.get(&key)
            && (self.flows.len() < FLOWS || self.flows.contains_key(&flow))
        {
            self.flows.insert(flow, (key, open.session.first));
        }
    }

    /// The session that a flow belongs to; none where there are too many.
    fn session(&mut self, key: Key, first: Timestamp, last: Timestamp) -> Option<&mut Open> {
        if let Some(old) = self.open.get(&key)
            && (first.since(old.session.last) > PAUSE)
        {
            self.close(&key);
        }
        if !self.open.contains_key(&key) && self.open.len() >= OPEN_MAX {
            return None;
        }
        let (host, info_hash, kind) = key;
        let open = self.open.entry(key).or_insert_with(|| Open {
            session: Session {
                host,
                info_hash,
                kind,
                first,
                last,
                local_port: None,
                external: None,
                external_port: None,
                flows: 0,
                peers: 0,
                bytes: Default::default(),
                pieces: HostBytes::default(),
                client: None,
            },
            peers: HashSet::default(),
            dirty: true,
        });
        open.session.last = open.session.last.max(last);
        Some(open)
    }

    fn close(&mut self, key: &Key) {
        if let Some(open) = self.open.remove(key)
            && open.dirty
        {
            self.over.push(open.session);
        }
    }

    /// Ends the sessions without news for too long: at every tick, so that it happens at the same packet in every run.
    pub fn tick(&mut self, now: Timestamp) {
        // News of a flow may come half an hour after it ended.
        let oldest = now - 2 * PAUSE;
        let over: Vec<Key> =
            self.open.iter().filter(|(_, open)| open.session.last < oldest).map(|(key, _)| *key).collect();
        over.iter().for_each(|key| self.close(key));
        if self.flows.len() >= FLOWS / 2 {
            let open = &self.open;
            self.flows.retain(|_, (key, first)| open.get(key).is_some_and(|o| o.session.first == *first));
        }
    }

    /// What changed since the last call.
    pub fn take(&mut self) -> Vec<Session> {
        let mut taken = std::mem::take(&mut self.over);
        for open in self.open.values_mut().filter(|open| open.dirty) {
            open.dirty = false;
            taken.push(open.session.clone());
        }
        taken
    }
}

/// The kind that tells most.
fn kind(kinds: Kinds) -> Option<Kind> {
    if kinds.family() != Some(Family::Bittorrent) {
        return None;
    }
    let telling = TELLING.into_iter().find(|kind| kinds.contains(*kind));
    telling.or_else(|| kinds.iter().find(|kind| kind.family() == Family::Bittorrent))
}

fn bytes(sent: [Counters; 2], side: Direction) -> HostBytes {
    HostBytes { received: side.reverse().of(sent).bytes, sent: side.of(sent).bytes }
}

fn pieces(so_far: HostBytes, update: &FlowUpdate<'_>, side: Direction) -> HostBytes {
    // Told once: while a flow goes on its pieces are in the totals of its torrent.
    if !update.ended {
        return so_far;
    }
    let all = update.record.label.pieces;
    so_far.plus(HostBytes { received: side.reverse().of(all), sent: side.of(all) })
}

fn place(grade: Grade) -> usize {
    Grade::ALL.iter().position(|g| *g == grade).unwrap_or(0)
}

fn add(session: &mut Session, grade: Grade, more: HostBytes) {
    if let Some(sum) = session.bytes.get_mut(place(grade)) {
        *sum = sum.plus(more);
    }
}

fn take(session: &mut Session, grade: Grade, back: HostBytes) {
    if let Some(sum) = session.bytes.get_mut(place(grade)) {
        sum.received = sum.received.saturating_sub(back.received);
        sum.sent = sum.sent.saturating_sub(back.sent);
    }
}
