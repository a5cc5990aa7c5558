//! What is known of one home host, and what changes it.

use super::report::{DhtExchange, HostBytes};
use super::window::Window;
use crate::base::{Address, InfoHash, NodeId, Timestamp};
use crate::event::{Channel, Client, Direction, Encryption, Family, FlowRecord, Grade, Kind, Kinds};
use std::collections::{BTreeMap, BTreeSet};

/// Caps of the lists inside one host.
const CLIENTS: usize = 64;
const LISTENS: usize = 64;
const NODE_IDS: usize = 64;
const EXTERNAL: usize = 16;
const TORRENTS: usize = 1_024;
const PEERS: usize = 8_192;
const SHAPED: usize = 64;

/// A home host.
#[derive(Debug, Default)]
pub struct Host {
    /// When bytes proved that it takes part.
    pub confirmed: Option<Window>,
    pub clients: BTreeMap<Client, Window>,
    pub listens: BTreeMap<(u16, Channel), Window>,
    pub node_ids: BTreeMap<NodeId, Window>,
    pub external: BTreeMap<Address, u64>,
    pub torrents: BTreeSet<InfoHash>,
    pub dht: [u64; 4],
    pub dht_exchange: DhtExchange,
    /// From flows of grade strong or better (all P2P families).
    pub active: Option<Window>,
    pub bytes: BTreeMap<Grade, HostBytes>,
    pub transports: BTreeMap<&'static str, HostBytes>,
    pub encryption: BTreeMap<Encryption, HostBytes>,
    pub all: HostBytes,
    pub seen: Option<Window>,
    pub kinds: BTreeMap<Kind, u64>,
    pub flows: u64,
    pub two_way: u64,
    pub peers: BTreeSet<Address>,
    /// Remotes whose unreadable flows fit the length arithmetic.
    pub shaped: BTreeMap<Address, Window>,
}

/// What one batch adds to a host.
#[derive(Debug, Default)]
pub struct HostDelta {
    pub confirmed: Option<Window>,
    pub clients: BTreeMap<Client, Window>,
    pub listens: BTreeMap<(u16, Channel), Window>,
    pub node_ids: BTreeMap<NodeId, Window>,
    pub external: BTreeMap<Address, u64>,
    pub torrents: BTreeSet<InfoHash>,
    pub dht: [u64; 4],
    pub dht_exchange: DhtExchange,
}

/// A local UDP or TCP port of a home host.
#[derive(Debug, Default)]
pub struct LocalPort {
    /// The host told others to reach it here.
    pub told: Option<Window>,
    /// Protocols proven on it, by bytes.
    pub spoke: Kinds,
    /// When.
    pub window: Option<Window>,
}

impl LocalPort {
    pub fn add(&mut self, delta: Self) {
        join(&mut self.told, delta.told);
        join(&mut self.window, delta.window);
        self.spoke = self.spoke.union(delta.spoke);
    }
}

pub fn join(to: &mut Option<Window>, more: Option<Window>) {
    if let Some(w) = more {
        to.get_or_insert(w).join(w);
    }
}

/// Joins windows by key; a new key is refused once the map holds `cap`.
fn merge<K: Ord>(to: &mut BTreeMap<K, Window>, from: BTreeMap<K, Window>, cap: usize) {
    for (key, window) in from {
        if let Some(known) = to.get_mut(&key) {
            known.join(window);
        } else if to.len() < cap {
            to.insert(key, window);
        }
    }
}

impl Host {
    pub fn add(&mut self, delta: HostDelta) {
        join(&mut self.confirmed, delta.confirmed);
        merge(&mut self.clients, delta.clients, CLIENTS);
        merge(&mut self.listens, delta.listens, LISTENS);
        merge(&mut self.node_ids, delta.node_ids, NODE_IDS);
        for (address, votes) in delta.external {
            if self.external.len() < EXTERNAL || self.external.contains_key(&address) {
                *self.external.entry(address).or_default() += votes;
            }
        }
        for info_hash in delta.torrents {
            if self.torrents.len() < TORRENTS {
                self.torrents.insert(info_hash);
            }
        }
        for (sum, n) in self.dht.iter_mut().zip(delta.dht) {
            *sum += n;
        }
        self.dht_exchange.add(&delta.dht_exchange);
    }

    pub fn lengths_fit(&mut self, remote: Address, window: Window) {
        merge(&mut self.shaped, BTreeMap::from([(remote, window)]), SHAPED);
    }

    pub fn count_plain(&mut self, bytes: HostBytes, last: Timestamp) {
        add(&mut self.all, bytes);
        join(&mut self.seen, Some(Window::at(last)));
    }

    /// Counts a flow whose side `direction` is this host.
    pub fn count_flow(&mut self, record: &FlowRecord, direction: Direction, remote: Address) {
        let [mine, theirs] = if direction == Direction::FromOriginator {
            record.sent
        } else {
            [record.sent[1], record.sent[0]]
        };
        let bytes = HostBytes { received: theirs.bytes, sent: mine.bytes };
        add(&mut self.all, bytes);
        join(&mut self.seen, Some(Window { first: record.start, last: record.end }));
        let Some(grade) = record.label.grade else { return };
        if record.label.kinds.family() != Some(Family::Bittorrent) {
            if grade >= Grade::Strong {
                for kind in record.label.kinds.iter() {
                    *self.kinds.entry(kind).or_default() += 1;
                }
            }
            return;
        }
        // A stranger's unanswered packets are not this host's doing.
        if mine.packets == 0 && !remote.is_group() {
            return;
        }
        add(self.bytes.entry(grade).or_default(), bytes);
        if grade < Grade::Strong {
            return;
        }
        join(&mut self.active, Some(Window { first: record.start, last: record.end }));
        add(self.transports.entry(transport_word(record)).or_default(), bytes);
        add(self.encryption.entry(record.label.encryption).or_default(), bytes);
        for kind in record.label.kinds.iter() {
            *self.kinds.entry(kind).or_default() += 1;
        }
        self.flows += 1;
        self.two_way += u64::from(record.label.two_way);
        if self.peers.len() < PEERS && !remote.is_group() {
            self.peers.insert(remote);
        }
    }
}

fn add(to: &mut HostBytes, more: HostBytes) {
    to.received += more.received;
    to.sent += more.sent;
}

/// `tcp`, `utp` or `udp`, as the output contract writes `p2p.transport`.
fn transport_word(record: &FlowRecord) -> &'static str {
    use crate::base::Transport;
    match record.transport {
        Transport::Tcp => "tcp",
        Transport::Udp if record.label.kinds.contains(Kind::Utp) => "utp",
        Transport::Udp => "udp",
    }
}
