//! What is known of one home host, and what changes it.

use super::conduct::Conduct;
use super::life::{Activity, Life};
use super::report::{DhtExchange, HostBytes};
use super::standing::HostState;
use super::window::Window;
use crate::base::{Address, Endpoint, InfoHash, NodeId, ShortMap, ShortSet, Timestamp, Transport};
use crate::event::{Channel, Client, Encryption, Grade, Kind, Kinds};

/// Caps of the lists inside one host.
const CLIENTS: usize = 64;
const LISTENS: usize = 64;
const NODE_IDS: usize = 64;
const EXTERNAL: usize = 16;
const TORRENTS: usize = 1_024;
pub const PEERS: usize = 8_192;
const SHAPED: usize = 64;
const SIZES: usize = 256;

/// What facts say of a home host: of all time, or of one batch.
#[derive(Debug, Default)]
pub struct HostFacts {
    /// When bytes proved that it takes part.
    pub confirmed: Option<Window>,
    /// When it looked up the name of a tracker or bootstrap node.
    pub hinted: Option<Window>,
    pub clients: ShortMap<Client, Window>,
    pub listens: ShortMap<(u16, Channel), Window>,
    pub node_ids: ShortMap<NodeId, Window>,
    pub external: ShortMap<Address, u64>,
    /// The same with the port, where it was told.
    pub external_ports: ShortSet<Endpoint>,
    pub torrents: ShortSet<InfoHash>,
    pub dht: [u64; 4],
    /// Sizes of torrents: what it told trackers that it still needs.
    pub sizes: ShortMap<u64, Window>,
    pub dht_exchange: DhtExchange,
    /// What it did in the DHT.
    pub conduct: Conduct,
}

/// A home host.
#[derive(Debug, Default)]
pub struct Host {
    pub facts: HostFacts,
    /// From flows of grade strong or better (all P2P families).
    pub active: Option<Window>,
    pub bytes: ShortMap<Grade, HostBytes>,
    pub transports: ShortMap<&'static str, HostBytes>,
    pub encryption: ShortMap<Encryption, HostBytes>,
    pub all: HostBytes,
    pub seen: Option<Window>,
    /// When it sent peer-to-peer traffic of grade strong or better.
    pub activity: Activity,
    /// When it sent BitTorrent traffic that is merely suspected.
    pub suspected: Option<Window>,
    /// Its ordinary traffic.
    pub life: Life,
    pub kinds: ShortMap<Kind, u64>,
    pub flows: u64,
    pub two_way: u64,
    pub peers: ShortSet<Address>,
    /// Ports on which strangers reached its BitTorrent.
    pub reached: ShortSet<(Transport, u16)>,
    /// Flows and bytes of connections that others opened, and that it opened itself; those whose opening was not seen
    /// count to neither.
    pub opened: [(u64, HostBytes); 2],
    /// Remotes whose unreadable flows fit the length arithmetic.
    pub shaped: ShortMap<Address, Window>,
    /// Peer-to-peer bytes of grade strong or better before the sensor was restarted.
    pub moved_before: HostBytes,
    /// The state told before the sensor was restarted.
    pub remembered: Option<HostState>,
    /// When it was found to be cleared the last time before the sensor was restarted.
    pub cleared: Option<Timestamp>,
}

/// What ordinary flows add to a host.
#[derive(Debug, Default)]
pub struct PlainDelta {
    pub bytes: HostBytes,
    pub seen: Option<Window>,
    pub life: Life,
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
fn merge<K: Ord>(to: &mut ShortMap<K, Window>, from: ShortMap<K, Window>, cap: usize) {
    for (key, window) in from {
        if let Some(known) = to.get_mut(&key) {
            known.join(window);
        } else if to.len() < cap {
            to.insert(key, window);
        }
    }
}

impl HostFacts {
    /// Adds those of a batch. `peers` are the host's flows with peers so far.
    fn add(&mut self, batch: Self, peers: u64) {
        join(&mut self.confirmed, batch.confirmed);
        join(&mut self.hinted, batch.hinted);
        merge(&mut self.clients, batch.clients, CLIENTS);
        merge(&mut self.listens, batch.listens, LISTENS);
        merge(&mut self.node_ids, batch.node_ids, NODE_IDS);
        merge(&mut self.sizes, batch.sizes, SIZES);
        for (address, votes) in batch.external {
            if self.external.len() < EXTERNAL || self.external.contains_key(&address) {
                *self.external.entry(address).or_default() += votes;
            }
        }
        for endpoint in batch.external_ports {
            self.external_ports.insert_below(endpoint, LISTENS);
        }
        for info_hash in batch.torrents {
            self.torrents.insert_below(info_hash, TORRENTS);
        }
        for (sum, n) in self.dht.iter_mut().zip(batch.dht) {
            *sum += n;
        }
        self.dht_exchange.add(&batch.dht_exchange);
        self.conduct.add(batch.conduct, peers);
    }
}

impl Host {
    pub fn add(&mut self, batch: HostFacts) {
        let peers = super::dht_rules::peer_flows(self);
        self.facts.add(batch, peers);
    }

    pub fn lengths_fit(&mut self, remote: Address, window: Window) {
        merge(&mut self.shaped, ShortMap::from([(remote, window)]), SHAPED);
    }

    pub fn count_plain(&mut self, delta: PlainDelta) {
        self.all.received += delta.bytes.received;
        self.all.sent += delta.bytes.sent;
        join(&mut self.seen, delta.seen);
        self.life.add(&delta.life, self.active.is_some());
    }
}
