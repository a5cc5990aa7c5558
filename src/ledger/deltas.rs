//! What one worker learnt since it last told the ledger.

use super::conduct::Paces;
use super::dht::DhtTotals;
use super::host::{HostFacts, LocalPort, PlainDelta, join};
use super::life::{HEAVY, PlainFlow};
use super::report::MappingReport;
use super::swarm::{Member, Name, Swarm};
use super::visits::{Arrival, Openings};
use super::window::Window;
use super::{Ledger, Lesson};
use crate::base::{Address, Endpoint, HomeNets, InfoHash, KeyedState, Timestamp, Transport, printable};
use crate::event::{
    Announce, AnnounceEvent, Channel, DhtMessage, DhtRole, Direction, Fact, Have, Kind, Knock, Opens,
    TorrentName, Visit,
};
use std::collections::HashMap;

type Map<K, V> = HashMap<K, V, KeyedState>;

/// The circumstances of a fact.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Packet time.
    pub at: Timestamp,
    /// Packet number.
    pub number: u64,
    /// Originator and responder of the flow.
    pub ends: [Endpoint; 2],
    /// TCP or UDP.
    pub transport: Transport,
    /// Which side sent the packet.
    pub sender: Direction,
}

impl Scene {
    fn sender(&self) -> Endpoint {
        self.sender.of(self.ends)
    }

    fn receiver(&self) -> Endpoint {
        self.sender.reverse().of(self.ends)
    }
}

/// Collected updates, keyed by what they change.
#[derive(Debug, Default)]
pub struct Deltas {
    pub(super) hosts: Map<Address, HostFacts>,
    pub(super) swarms: Map<InfoHash, Swarm>,
    /// (endpoint, home host told) → who told first, and when.
    pub(super) told: Map<(Endpoint, Address), Lesson>,
    pub(super) spoke: Map<Endpoint, Window>,
    /// (endpoint, home host that shook hands with it in clear) → when.
    pub(super) reached: Map<(Endpoint, Address), Window>,
    pub(super) ports: Map<(Endpoint, Transport), LocalPort>,
    pub(super) plain: Map<Address, PlainDelta>,
    pub(super) knocks: Vec<Knock>,
    pub(super) arrivals: Vec<Arrival>,
    /// What flows that go on opened with.
    pub openings: Openings,
    pub(super) mappings: Vec<MappingReport>,
    pub(super) malformed: Map<(Kind, &'static str), u64>,
    pub(super) dht_totals: DhtTotals,
    /// How fast strangers ask.
    pub(super) paces: Paces,
}

impl Deltas {
    /// Home hosts with sums of ordinary flows, see [`Ledger::merge_plain`].
    #[must_use]
    pub fn plain_len(&self) -> usize {
        self.plain.len()
    }

    /// Attempts of strangers.
    #[must_use]
    pub fn knocked_len(&self) -> usize {
        self.knocks.len() + self.arrivals.len()
    }

    /// Whether there is nothing to merge but sums of ordinary flows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
            && self.swarms.is_empty()
            && self.told.is_empty()
            && self.spoke.is_empty()
            && self.reached.is_empty()
            && self.ports.is_empty()
            && self.knocks.is_empty()
            && self.arrivals.is_empty()
            && self.mappings.is_empty()
            && self.malformed.is_empty()
            && self.dht_totals.is_empty()
    }

    /// Takes note of a host that opened a flow: it is alive.
    pub fn opened(&mut self, ledger: &Ledger, host: Address, at: Timestamp) {
        if ledger.home().contains(&host) {
            self.plain.entry(host).or_default().life.sent(at, ledger.slot());
        }
    }

    /// Takes note of an ended flow of no interest: its home hosts were alive.
    pub fn plain_flow(&mut self, ledger: &Ledger, flow: &PlainFlow) {
        for side in [Direction::FromOriginator, Direction::FromResponder] {
            let host = side.of(flow.ends).address;
            if ledger.home().contains(&host) {
                let delta = self.plain.entry(host).or_default();
                delta.bytes.sent += side.of(flow.bytes);
                delta.bytes.received += side.reverse().of(flow.bytes);
                join(&mut delta.seen, Some(Window::at(flow.last)));
                delta.life.flow(flow, side.index(), ledger.slot());
            }
        }
        self.heavy_flow(ledger, flow);
    }

    /// Takes note of an ended flow of which nothing is claimed, and whose bytes are counted elsewhere.
    pub fn unclaimed_flow(&mut self, ledger: &Ledger, flow: &PlainFlow) {
        for side in [Direction::FromOriginator, Direction::FromResponder] {
            let host = side.of(flow.ends).address;
            if ledger.home().contains(&host) {
                self.plain.entry(host).or_default().life.flow(flow, side.index(), ledger.slot());
            }
        }
        self.heavy_flow(ledger, flow);
    }

    /// Takes note of how far an ordinary flow has come, if it is big.
    pub fn heavy_flow(&mut self, ledger: &Ledger, flow: &PlainFlow) {
        if flow.bytes.iter().sum::<u64>() < HEAVY {
            return;
        }
        let named = flow.opens.or_else(|| self.openings.of(flow.ends, flow.transport));
        let tunnel = named.filter(|opens| opens.is_tunnel());
        for side in [Direction::FromOriginator, Direction::FromResponder] {
            let host = side.of(flow.ends).address;
            if ledger.home().contains(&host) {
                self.plain.entry(host).or_default().life.carry(flow, side.index(), tunnel);
            }
        }
    }

    /// Takes note of DHT queries to which no answer came.
    pub const fn dht_unanswered(&mut self, queries: u64) {
        self.dht_totals.unanswered += queries;
    }

    /// Takes note of a stranger's attempt to reach a home host; others are not looked at.
    pub fn knock(&mut self, home: &HomeNets, knock: &Knock) {
        if home.contains(&knock.target.address) && !home.contains(&knock.source) {
            self.knocks.push(*knock);
        }
    }

    /// Takes note of an ended flow that was not BitTorrent and of which there is no record: a visit, if a stranger opened it.
    pub fn visited(&mut self, home: &HomeNets, flow: &PlainFlow, opens: Opens) {
        let [source, port] = flow.ends;
        if home.contains(&port.address) && !home.contains(&source.address) {
            let [_, back] = flow.payload;
            let visit = Visit { opens, answered: back > 0 };
            let (transport, window) = (flow.transport, Window::between(flow.first, flow.last));
            self.arrivals.push(Arrival { port, transport, source: source.address, visit, window });
        }
    }

    /// Takes note of a fact.
    pub fn fact(&mut self, home: &HomeNets, scene: &Scene, fact: &Fact<'_>) {
        let (sender, receiver) = (scene.sender(), scene.receiver());
        let (from_home, to_home) = (home.contains(&sender.address), home.contains(&receiver.address));
        let window = Window::of(scene.at, scene.number);
        match fact {
            Fact::Identified { kind, .. } => {
                if from_home && Ledger::is_participation(*kind) {
                    join(&mut self.host(sender.address).confirmed, Some(window));
                    self.port_spoke(sender, scene, *kind);
                }
                if !from_home && Ledger::is_participation(*kind) {
                    self.spoke.entry(sender).or_insert(window).join(window);
                }
            }
            Fact::Hint(_) => {
                if from_home {
                    join(&mut self.host(sender.address).hinted, Some(window));
                }
            }
            Fact::Opens(opens) => {
                let inbound = to_home && !from_home;
                let of_interest = inbound || opens.is_tunnel() && from_home;
                if of_interest && scene.transport == Transport::Tcp {
                    self.openings.note(scene.ends, scene.transport, *opens);
                }
            }
            Fact::TwoWay | Fact::Hears | Fact::Encrypted(_) => {}
            Fact::Handshake { info_hash, .. } => {
                if from_home {
                    // Its own handshake: the port on which it was reached is its listen port.
                    if scene.sender == Direction::FromResponder {
                        self.told_port(sender.address, sender.port, Channel::PeerWire, scene);
                    }
                    if scene.sender == Direction::FromOriginator {
                        let reached = self.reached.entry((receiver, sender.address)).or_insert(window);
                        reached.join(window);
                    }
                    self.member(*info_hash, sender.address, Channel::PeerWire, scene).peers.insert(receiver);
                }
                if to_home {
                    self.swarm(*info_hash, scene, Channel::PeerWire).peers.insert(sender);
                }
            }
            Fact::Torrent { info_hash, channel } => {
                if from_home {
                    self.member(*info_hash, sender.address, *channel, scene);
                }
            }
            Fact::Client(client) => {
                if from_home {
                    let clients = &mut self.host(sender.address).clients;
                    clients.entry((*client).clone()).or_insert(window).join(window);
                }
            }
            Fact::Announce(announce) => {
                if from_home {
                    self.announce(announce, sender, scene);
                } else if to_home || receiver.address.is_group() {
                    // A remote that announces itself to a home host is a peer that may be contacted later.
                    if let Some(port) = announce.port {
                        let endpoint = Endpoint::new(sender.address, port);
                        self.learn(endpoint, receiver.address, announce.channel, scene);
                    }
                }
            }
            Fact::Listens { port, channel } => {
                if from_home {
                    self.told_port(sender.address, *port, *channel, scene);
                } else if to_home {
                    let endpoint = Endpoint::new(sender.address, *port);
                    self.learn(endpoint, receiver.address, *channel, scene);
                }
            }
            Fact::ExternalAddress { address, port, .. } => {
                if to_home {
                    let host = self.host(receiver.address);
                    *host.external.entry(*address).or_default() += 1;
                    // Port 0 is the address alone.
                    let port = port.filter(|port| *port > 0);
                    host.external_ports.extend(port.map(|port| Endpoint::new(*address, port)));
                }
            }
            Fact::Peers { info_hash, channel, endpoints } => {
                if from_home && *channel == Channel::Dht {
                    self.host(sender.address).conduct.listed(scene.at, endpoints);
                }
                if to_home {
                    for endpoint in *endpoints {
                        self.learn(*endpoint, receiver.address, *channel, scene);
                    }
                    if let Some(info_hash) = info_hash {
                        self.swarm_peers(*info_hash, endpoints);
                        // A DHT lookup counts as one of a torrent once somebody answers with peers: clients refresh their
                        // routing tables with lookups of made-up hashes (R-DHT-6).
                        if *channel == Channel::Dht {
                            self.member(*info_hash, receiver.address, Channel::Dht, scene);
                        }
                    }
                }
            }
            Fact::SwarmSize(size) => {
                if to_home {
                    let at = (scene.at, scene.number);
                    let swarm = self.swarms.entry(size.info_hash).or_default();
                    swarm.reported = Some((at, (size.seeders, size.leechers, size.completed)));
                }
            }
            Fact::Scrape { info_hash, seeds, peers } => {
                if to_home {
                    let swarm = self.swarms.entry(*info_hash).or_default();
                    swarm.scrape.get_or_insert_default().answer(*seeds, *peers);
                    // As with peers: a lookup counts once somebody knows the torrent.
                    if [seeds, peers].into_iter().flatten().any(|filter| **filter != [0; 256]) {
                        self.member(*info_hash, receiver.address, Channel::Dht, scene);
                    }
                }
            }
            Fact::Name(name) => self.name(name, scene),
            Fact::OtherKey { info_hash, key } => {
                self.swarms.entry(*info_hash).or_default().offer_key(*key);
            }
            Fact::Dht(message) => self.dht(message, sender, receiver, from_home, to_home, window),
            Fact::Progress { info_hash: Some(info_hash), have } if from_home => {
                let member = self.member(*info_hash, sender.address, Channel::PeerWire, scene);
                match have {
                    Have::Pieces(n) => member.have = member.have.max(*n),
                    Have::All => member.complete = true,
                }
            }
            Fact::UploadOnly { info_hash: Some(info_hash), on } if from_home => {
                let member = self.member(*info_hash, sender.address, Channel::PeerWire, scene);
                member.upload_only = Some(((scene.at, scene.number), *on));
            }
            Fact::Progress { info_hash: Some(info_hash), have: Have::All }
            | Fact::UploadOnly { info_hash: Some(info_hash), on: true }
                if to_home && !from_home =>
            {
                self.swarm(*info_hash, scene, Channel::PeerWire).seeds.insert(sender);
            }
            Fact::Pieces { info_hash: Some(info_hash), bytes } => {
                let across = if from_home && to_home { *bytes } else { 0 };
                if from_home {
                    let member = self.member(*info_hash, sender.address, Channel::PeerWire, scene);
                    member.uploaded += bytes;
                    member.across[1] += across;
                }
                if to_home {
                    let member = self.member(*info_hash, receiver.address, Channel::PeerWire, scene);
                    member.downloaded += bytes;
                    member.across[0] += across;
                }
            }
            Fact::Extent { info_hash, at_least, at_most } => {
                self.swarms.entry(*info_hash).or_default().extends(*at_least, *at_most);
            }
            Fact::MerkleHashes { info_hash } => {
                self.swarms.entry(*info_hash).or_default().merkle = true;
            }
            Fact::Progress { .. } | Fact::UploadOnly { .. } | Fact::Pieces { .. } => {}
            Fact::Mapping(mapping) => {
                let host = if mapping.answer.is_none() { sender.address } else { receiver.address };
                let router = if mapping.answer.is_none() { receiver } else { sender };
                let host = mapping.host.filter(|h| home.contains(h)).unwrap_or(host);
                if home.contains(&host) {
                    let (mapping, at) = (*mapping, scene.at);
                    self.mappings.push(MappingReport { host, router, mapping, at, last: at, used_by: 0 });
                }
            }
            Fact::Malformed { kind, reason } => *self.malformed.entry((*kind, reason)).or_default() += 1,
        }
    }

    fn host(&mut self, address: Address) -> &mut HostFacts {
        self.hosts.entry(address).or_default()
    }

    fn swarm(&mut self, info_hash: InfoHash, scene: &Scene, channel: Channel) -> &mut Swarm {
        let swarm = self.swarms.entry(info_hash).or_default();
        join(&mut swarm.window, Some(Window::of(scene.at, scene.number)));
        swarm.channels.insert(channel);
        swarm
    }

    fn member(&mut self, info_hash: InfoHash, host: Address, channel: Channel, scene: &Scene) -> &mut Member {
        self.host(host).torrents.insert(info_hash);
        let member = self.swarm(info_hash, scene, channel).hosts.entry(host).or_default();
        join(&mut member.window, Some(Window::of(scene.at, scene.number)));
        member
    }

    fn announce(&mut self, announce: &Announce, sender: Endpoint, scene: &Scene) {
        let at = (scene.at, scene.number);
        let member = self.member(announce.info_hash, sender.address, announce.channel, scene);
        member.announced |= announce.event != AnnounceEvent::Stopped;
        if let Some([uploaded, downloaded, left]) = announce.claimed {
            member.claimed = Some((at, (announce.event, uploaded, downloaded, left)));
            member.most_left = member.most_left.max(left);
            let window = Window::of(scene.at, scene.number);
            self.host(sender.address).sizes.entry(left).or_insert(window).join(window);
        }
        if matches!(announce.channel, Channel::HttpTracker | Channel::UdpTracker | Channel::WsTracker) {
            self.swarm(announce.info_hash, scene, announce.channel).trackers.insert(scene.receiver());
        }
        if announce.channel == Channel::Dht {
            let conduct = &mut self.host(sender.address).conduct;
            conduct.announced(scene.at, &announce.info_hash, announce.port);
        }
        if let Some(port) = announce.port {
            self.told_port(sender.address, port, announce.channel, scene);
        }
    }

    fn told_port(&mut self, host: Address, port: u16, channel: Channel, scene: &Scene) {
        let window = Window::of(scene.at, scene.number);
        // One number for TCP, uTP and DHT (R-X-1): clients bind the same port on both transports.
        let mut transports = &[Transport::Tcp, Transport::Udp][..];
        if channel == Channel::WsTracker {
            // A candidate is a socket of one offered WebRTC connection (RFC 8839): nothing listens there for others.
            transports = &[Transport::Udp];
        } else {
            self.host(host).listens.entry((port, channel)).or_insert(window).join(window);
        }
        for &transport in transports {
            let local = self.ports.entry((Endpoint::new(host, port), transport)).or_default();
            join(&mut local.told, Some(window));
        }
    }

    fn port_spoke(&mut self, local: Endpoint, scene: &Scene, kind: Kind) {
        if scene.transport == Transport::Udp {
            let port = self.ports.entry((local, scene.transport)).or_default();
            port.spoke.insert(kind);
            join(&mut port.window, Some(Window::of(scene.at, scene.number)));
        }
    }

    /// Remembers that the sender named `endpoint` as a peer to a home host. Ports below 1024 and group addresses are never
    /// learnt: the lists are attacker-controlled, and well-known services live there.
    fn learn(&mut self, endpoint: Endpoint, home: Address, channel: Channel, scene: &Scene) {
        if endpoint.port < 1_024 || endpoint.address.is_group() {
            return;
        }
        let window = Window::of(scene.at, scene.number);
        let lesson = Lesson { home, source: scene.sender().address, channel, window };
        self.told.entry((endpoint, home)).or_insert(lesson).join(lesson);
    }

    fn swarm_peers(&mut self, info_hash: InfoHash, endpoints: &[Endpoint]) {
        let swarm = self.swarms.entry(info_hash).or_default();
        swarm.peers.extend(endpoints.iter().take(256));
    }

    fn name(&mut self, name: &TorrentName<'_>, scene: &Scene) {
        let swarm = self.swarms.entry(name.info_hash).or_default();
        swarm.offer_name(Name {
            trust: name.trust,
            at: (scene.at, scene.number),
            text: printable(name.name, 256),
            channel: name.channel,
            also: name.also,
            size: name.size,
            pieces: name.pieces,
            private: (name.trust == crate::event::NameTrust::Verified).then_some(name.private),
        });
        swarm.channels.insert(name.channel);
    }

    fn dht(
        &mut self,
        message: &DhtMessage<'_>,
        sender: Endpoint,
        receiver: Endpoint,
        from_home: bool,
        to_home: bool,
        window: Window,
    ) {
        self.dht_totals.count(message, from_home);
        let column = match message.role {
            DhtRole::Query => 0,
            DhtRole::Response => 1,
            DhtRole::Error => 2,
        };
        if from_home {
            let host = self.host(sender.address);
            if let Some(n) = host.dht.get_mut(column) {
                *n += 1;
            }
            if let Some(purpose) = message.purpose {
                *host.dht_exchange.purposes.entry(purpose).or_default() += 1;
            }
            host.conduct.sent(window.first, sender, receiver.address, message);
            if let Some(node) = message.node {
                host.node_ids.entry(node).or_insert(window).join(window);
            }
        }
        if to_home {
            match (message.role, message.round_trip) {
                (DhtRole::Query, _) => self.host(receiver.address).dht[3] += 1,
                (_, Some(after)) => self.host(receiver.address).dht_exchange.count_answer(after),
                (DhtRole::Response | DhtRole::Error, None) => {
                    self.host(receiver.address).conduct.unasked(window.first);
                }
            }
        }
        if from_home == to_home {
            return;
        }
        let (home, remote, answer) = match message.role {
            DhtRole::Query if to_home => (receiver.address, sender.address, false),
            DhtRole::Response if from_home => (sender.address, receiver.address, true),
            _ => return,
        };
        if let Some(queries) = self.paces.count(window.first, home, remote, answer) {
            self.host(home).conduct.flooded(window.first, queries);
        }
    }
}
