//! Adds facts up: hosts, swarms, learnt endpoints, and the attribution of flows that cannot be read.
//!
//! Workers collect what they learn in [`Deltas`] of their own and merge them once per batch; every update commutes, so the
//! order and the number of workers change nothing. The maps are sharded locks (`DashMap`): no guard leaves a method, and no
//! second entry of the same map is touched while one is held. The ledger knows no packet and no protocol beyond the
//! vocabulary of `event`.

mod allowed;
mod attribution;
mod conduct;
mod counting;
mod deltas;
mod dht;
mod dht_exchange;
mod dht_rules;
mod exposure;
mod health;
mod host;
mod judging;
mod life;
pub mod memory;
pub mod notice;
mod place;
mod reach;
pub mod report;
mod reporting;
mod scrape;
mod standing;
mod swarm;
mod verdict;
mod visits;
mod window;

pub use allowed::{Allowance, Allowed};
pub use attribution::{EVIDENCE_WINDOW, STRONG_FROM, SUSPECTED_FROM, points};
pub use deltas::{Deltas, Scene};
pub use dht::DhtTotals;
pub use dht_rules::{Behaviour, DHT_RULES, DhtConduct, DhtFinding, DhtPart, DhtRule};
pub use health::{Sample, Seen};
pub use life::{Carried, HEAVY, Marks, PlainFlow};
pub use place::{Place, Side};
pub use standing::{HostState, Missing, Standing};
pub use verdict::QUIET_FOR;

use crate::base::{Address, Endpoint, HomeNets, InfoHash, KeyedState, Timestamp, Transport};
use crate::event::{Channel, Family, FlowRecord, Kind};
use dashmap::DashMap;
pub use exposure::Hearer;
use exposure::{Scan, Tried};
use health::Health;
use host::{Host, LocalPort};
use life::Life;
use report::{MappingReport, Totals};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use swarm::Swarm;
use window::Window;

/// Caps of the ledger's tables.
#[derive(Clone, Copy, Debug)]
pub struct LedgerLimits {
    /// Home hosts.
    pub hosts: usize,
    /// Torrents.
    pub swarms: usize,
    /// Endpoints learnt.
    pub endpoints: usize,
    /// Endpoints that one remote may teach one home host within the evidence window.
    pub endpoints_per_source: u32,
    /// Local ports of home hosts.
    pub ports: usize,
    /// Ports of home hosts that strangers tried.
    pub tried: usize,
    /// Strangers that tried ports of a home host and found them shut.
    pub scanners: usize,
    /// Port mappings.
    pub mappings: usize,
    /// How long a host must be quiet to be called cleared.
    pub quiet_for: Duration,
}

impl Default for LedgerLimits {
    fn default() -> Self {
        Self {
            hosts: 65_536,
            swarms: 65_536,
            endpoints: 262_144,
            endpoints_per_source: 4_096,
            ports: 131_072,
            tried: 65_536,
            scanners: 16_384,
            mappings: 4_096,
            quiet_for: QUIET_FOR,
        }
    }
}

/// What is known of a remote endpoint, per home host that learnt it.
#[derive(Debug, Default)]
struct Learnt {
    /// What home hosts were told, at most [`Learnt::HOSTS`].
    told: Vec<Lesson>,
    /// When the endpoint itself spoke BitTorrent in clear.
    spoke: Option<Window>,
    /// (home host, when it shook hands here in clear), at most [`Learnt::HOSTS`].
    reached: Vec<(Address, Window)>,
}

/// That a home host was told of an endpoint.
#[derive(Clone, Copy, Debug)]
struct Lesson {
    home: Address,
    /// Who told it first, and by which way.
    source: Address,
    channel: Channel,
    window: Window,
}

impl Lesson {
    /// The first to tell is kept.
    fn join(&mut self, other: Self) {
        let rank = |l: &Self| (l.window.first, l.window.number, l.source, l.channel);
        if rank(&other) < rank(self) {
            (self.source, self.channel) = (other.source, other.channel);
        }
        self.window.join(other.window);
    }
}

impl Learnt {
    const HOSTS: usize = 8;
}

/// Notes a time for a home host, while there is room for it.
fn note(hosts: &mut Vec<(Address, Window)>, home: Address, window: Window) {
    if let Some((_, known)) = hosts.iter_mut().find(|(h, _)| *h == home) {
        known.join(window);
    } else if hosts.len() < Learnt::HOSTS {
        hosts.reserve_exact(1);
        hosts.push((home, window));
    }
}

/// A torrent that a home host was seen with for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewTorrent {
    /// Packet time.
    pub at: Timestamp,
    /// The torrent.
    pub info_hash: InfoHash,
    /// The home host.
    pub host: Address,
    /// By which way.
    pub channel: Channel,
}

/// The shared totals.
pub struct Ledger {
    home: HomeNets,
    limits: LedgerLimits,
    /// Boxed, like the torrents: a table that grows holds its entries twice, and has up to half of its places empty.
    hosts: DashMap<Address, Box<Host>, KeyedState>,
    swarms: DashMap<InfoHash, Box<Swarm>, KeyedState>,
    endpoints: DashMap<Endpoint, Learnt, KeyedState>,
    /// (who taught, which home host) → how many endpoints, and when last.
    sources: DashMap<(Address, Address), (u32, Timestamp), KeyedState>,
    ports: DashMap<(Endpoint, Transport), LocalPort, KeyedState>,
    /// What strangers tried on ports of home hosts.
    tried: DashMap<(Endpoint, Transport), Tried, KeyedState>,
    /// (home host, who tried) → the ports that were found shut.
    scans: DashMap<(Address, Address), Scan, KeyedState>,
    mappings: Mutex<Vec<MappingReport>>,
    /// How well the sensor saw.
    health: Mutex<Health>,
    /// The ordinary traffic of all home hosts together.
    network: Mutex<Life>,
    slot: Duration,
    totals: Mutex<Totals>,
    new_torrents: Mutex<Vec<(InfoHash, Address)>>,
    /// What the operator allows.
    allowed: OnceLock<Arc<Allowed>>,
    hosts_refused: AtomicU64,
    swarms_refused: AtomicU64,
    endpoints_refused: AtomicU64,
    ports_refused: AtomicU64,
    attempts_refused: AtomicU64,
    openings_refused: AtomicU64,
    paces_refused: AtomicU64,
}

impl Ledger {
    /// An empty ledger for these home networks.
    #[must_use]
    pub fn new(home: HomeNets, limits: LedgerLimits) -> Self {
        let slot = life::slot_length(limits.quiet_for);
        Self {
            health: Mutex::new(Health::new(slot, limits.quiet_for)),
            network: Mutex::default(),
            slot,
            home,
            limits,
            hosts: DashMap::default(),
            swarms: DashMap::default(),
            endpoints: DashMap::default(),
            sources: DashMap::default(),
            ports: DashMap::default(),
            tried: DashMap::default(),
            scans: DashMap::default(),
            mappings: Mutex::default(),
            totals: Mutex::default(),
            new_torrents: Mutex::default(),
            allowed: OnceLock::new(),
            hosts_refused: AtomicU64::new(0),
            swarms_refused: AtomicU64::new(0),
            endpoints_refused: AtomicU64::new(0),
            ports_refused: AtomicU64::new(0),
            attempts_refused: AtomicU64::new(0),
            openings_refused: AtomicU64::new(0),
            paces_refused: AtomicU64::new(0),
        }
    }

    /// Takes the list of what is allowed, once: what is on it is marked in reports.
    pub fn allow(&self, allowed: Arc<Allowed>) {
        let _ = self.allowed.set(allowed);
    }

    /// The home networks.
    #[must_use]
    pub const fn home(&self) -> &HomeNets {
        &self.home
    }

    /// Adds what a worker learnt since its last call, and empties it.
    pub fn merge(&self, deltas: &mut Deltas) {
        for (address, delta) in deltas.hosts.drain() {
            self.with_host(address, |host| host.add(delta));
        }
        for (info_hash, delta) in deltas.swarms.drain() {
            let new = if let Some(mut swarm) = self.swarms.get_mut(&info_hash) {
                swarm.add(delta)
            } else if self.swarms.len() < self.limits.swarms {
                self.swarms.entry(info_hash).or_default().add(delta)
            } else {
                self.swarms_refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            if let (false, Ok(mut list)) = (new.is_empty(), self.new_torrents.lock()) {
                list.extend(new.into_iter().map(|host| (info_hash, host)));
            }
        }
        for ((endpoint, _), lesson) in deltas.told.drain() {
            self.tell(endpoint, lesson);
        }
        for (endpoint, window) in deltas.spoke.drain() {
            if self.room_for(&endpoint) {
                self.endpoints.entry(endpoint).or_default().spoke.get_or_insert(window).join(window);
            }
        }
        for ((endpoint, home), window) in deltas.reached.drain() {
            if self.room_for(&endpoint) {
                note(&mut self.endpoints.entry(endpoint).or_default().reached, home, window);
            }
        }
        for (port, delta) in deltas.ports.drain() {
            if self.ports.contains_key(&port) || self.ports.len() < self.limits.ports {
                self.ports.entry(port).or_default().add(delta);
            } else {
                self.ports_refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.openings_refused.fetch_add(deltas.openings.take_refused(), Ordering::Relaxed);
        self.paces_refused.fetch_add(deltas.paces.take_refused(), Ordering::Relaxed);
        deltas.knocks.drain(..).for_each(|knock| self.knock(&knock));
        // Behind the attempts: a visit is kept only of a port that is known.
        deltas.arrivals.drain(..).for_each(|arrival| self.visit(&arrival));
        if !deltas.mappings.is_empty()
            && let Ok(mut mappings) = self.mappings.lock()
        {
            for new in deltas.mappings.drain(..) {
                let same = |m: &&mut MappingReport| {
                    (m.host, m.router, m.mapping) == (new.host, new.router, new.mapping)
                };
                if let Some(known) = mappings.iter_mut().find(same) {
                    // Asked again, as clients do every few seconds: the first time counts.
                    known.at = known.at.min(new.at);
                    known.last = known.last.max(new.last);
                } else if mappings.len() < self.limits.mappings {
                    mappings.push(new);
                }
            }
        }
        if !deltas.malformed.is_empty()
            && let Ok(mut totals) = self.totals.lock()
        {
            for (key, n) in deltas.malformed.drain() {
                *totals.malformed.entry(key).or_default() += n;
            }
        }
        if !deltas.dht_totals.is_empty()
            && let Ok(mut totals) = self.totals.lock()
        {
            totals.dht.add(std::mem::take(&mut deltas.dht_totals));
        }
    }

    /// Adds the sums of ordinary flows, and empties them.
    pub fn merge_plain(&self, deltas: &mut Deltas) {
        if let Ok(mut network) = self.network.lock() {
            deltas.plain.values().for_each(|delta| network.add(&delta.life, true));
        }
        for (address, delta) in deltas.plain.drain() {
            self.with_host(address, |host| host.count_plain(delta));
        }
    }

    /// The torrents seen for the first time since the last call, in order of time.
    #[must_use]
    pub fn take_new_torrents(&self) -> Vec<NewTorrent> {
        // Looked up now, when all workers have passed the tick: which of them came first changes nothing.
        let keys = self.new_torrents.lock().map(|mut list| std::mem::take(&mut *list)).unwrap_or_default();
        let describe = |(info_hash, host): (InfoHash, Address)| {
            let swarm = self.swarms.get(&info_hash)?;
            let at = swarm.hosts.get(&host)?.window?.first;
            Some(NewTorrent { at, info_hash, host, channel: *swarm.channels.first()? })
        };
        let mut new: Vec<NewTorrent> = keys.into_iter().filter_map(describe).collect();
        new.sort_unstable();
        new
    }

    fn tell(&self, endpoint: Endpoint, lesson: Lesson) {
        let Lesson { home, source, window, .. } = lesson;
        let over = {
            let mut taught = self.sources.entry((source, home)).or_insert((0, window.last));
            if window.last.since(taught.1) > EVIDENCE_WINDOW {
                taught.0 = 0;
            }
            *taught = (taught.0.saturating_add(1), taught.1.max(window.last));
            taught.0 > self.limits.endpoints_per_source
        };
        if over || !self.room_for(&endpoint) {
            self.endpoints_refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut learnt = self.endpoints.entry(endpoint).or_default();
        if let Some(known) = learnt.told.iter_mut().find(|l| l.home == home) {
            known.join(lesson);
        } else if learnt.told.len() < Learnt::HOSTS {
            // Nearly always the only one.
            learnt.told.reserve_exact(1);
            learnt.told.push(lesson);
        }
    }

    fn room_for(&self, endpoint: &Endpoint) -> bool {
        self.endpoints.contains_key(endpoint) || self.endpoints.len() < self.limits.endpoints
    }

    fn with_host(&self, address: Address, change: impl FnOnce(&mut Host)) {
        if let Some(mut host) = self.hosts.get_mut(&address) {
            change(&mut host);
        } else if self.hosts.len() < self.limits.hosts {
            change(&mut self.hosts.entry(address).or_default());
        } else {
            self.hosts_refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets endpoints and sources that can no longer serve as evidence at `now`.
    pub fn expire(&self, now: Timestamp) {
        let oldest = now - 2 * EVIDENCE_WINDOW;
        self.endpoints.retain(|_, learnt| {
            learnt.told.retain(|l| l.window.last >= oldest);
            learnt.reached.retain(|(_, w)| w.last >= oldest);
            learnt.spoke.is_some_and(|w| w.last >= oldest)
                || !(learnt.told.is_empty() && learnt.reached.is_empty())
        });
        self.sources.retain(|_, (_, last)| *last >= oldest);
        self.expire_scans(oldest);
    }

    /// Remembers an ended flow whose lengths fit, before any is judged: several remotes make a pattern.
    pub fn note_opaque(&self, record: &FlowRecord) {
        if !record.opaque.lengths_fit {
            return;
        }
        let window = Window::between(record.start, record.end);
        for (host, remote) in [(record.originator, record.responder), (record.responder, record.originator)] {
            if self.home.contains(&host.address)
                && !self.home.contains(&remote.address)
                && remote.port >= 1_024
            {
                self.with_host(host.address, |h| h.lengths_fit(remote.address, window));
            }
        }
    }

    fn lengths_fan_out(&self, host: Address, near: impl Fn(Option<Window>) -> bool) -> usize {
        let host = self.hosts.get(&host);
        host.map_or(0, |h| h.shaped.values().filter(|w| near(Some(**w))).count())
    }

    /// The sums over flows and messages, without hosts and torrents.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals.lock().map(|totals| totals.clone()).unwrap_or_default()
    }

    /// Limits that were hit, by fixed words, with how often.
    #[must_use]
    pub fn limits_hit(&self) -> BTreeMap<&'static str, u64> {
        [
            ("hosts", &self.hosts_refused),
            ("torrents", &self.swarms_refused),
            ("learnt-endpoints", &self.endpoints_refused),
            ("local-ports", &self.ports_refused),
            ("attempts", &self.attempts_refused),
            ("flow-openings", &self.openings_refused),
            ("dht-paces", &self.paces_refused),
        ]
        .into_iter()
        .map(|(name, n)| (name, n.load(Ordering::Relaxed)))
        .filter(|&(_, n)| n > 0)
        .collect()
    }

    /// Entries and cap of each table, by fixed words.
    #[must_use]
    pub fn tables(&self) -> [(&'static str, u64, u64); 4] {
        [
            ("hosts", self.hosts.len(), self.limits.hosts),
            ("torrents", self.swarms.len(), self.limits.swarms),
            ("learnt-endpoints", self.endpoints.len(), self.limits.endpoints),
            ("local-ports", self.ports.len(), self.limits.ports),
        ]
        .map(|(name, held, cap)| (name, held as u64, cap as u64))
    }

    /// Whether this kind proves on its own that the host takes part in BitTorrent.
    #[must_use]
    pub const fn is_participation(kind: Kind) -> bool {
        !matches!(kind, Kind::PortMapping | Kind::Metainfo) && matches!(kind.family(), Family::Bittorrent)
    }
}

#[cfg(test)]
mod size_tests;
