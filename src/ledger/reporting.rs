//! Turns the ledger's tables into a [`Report`].

use super::dht_rules;
use super::host::Host;
use super::place;
use super::reach;
use super::report::{ClientReport, HostReport, Report, Role, TorrentHost, TorrentReport, TorrentStanding};
use super::swarm::{Member, Name, Swarm};
use super::{Behaviour, DHT_RULES, Ledger, Standing};
use crate::base::{Address, InfoHash, InfoHashV2, Timestamp, Transport};
use crate::event::AnnounceEvent;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

impl Ledger {
    /// What home hosts did so far in the torrents that something happened in since `since`, in the order of torrents and hosts.
    #[must_use]
    pub fn standings(&self, since: Timestamp) -> Vec<TorrentStanding> {
        let mut standings: Vec<TorrentStanding> = self
            .swarms
            .iter()
            .filter(|swarm| swarm.window.is_some_and(|w| w.last >= since))
            .flat_map(|swarm| {
                let (pieces, size) = swarm.name.as_ref().map_or((None, None), |n| (n.pieces, n.size));
                let pieces = pieces.or_else(|| swarm.counted_pieces());
                let size = size.or_else(|| swarm.claimed_size(pieces?));
                let standing = |(address, member): (&Address, &Member)| {
                    let host = torrent_host(*address, member, pieces, size);
                    TorrentStanding {
                        info_hash: *swarm.key(),
                        host: *address,
                        uploaded: host.uploaded,
                        downloaded: host.downloaded,
                        complete: host.is_complete(),
                        first: host.first,
                        last: host.last,
                        role: host.role,
                    }
                };
                swarm.hosts.iter().map(standing).collect::<Vec<_>>()
            })
            .collect();
        standings.sort_unstable_by_key(|s| (s.info_hash, s.host));
        standings
    }

    /// What is known now. Coverage is the caller's to fill in.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = Report::default();
        if let Ok(totals) = self.totals.lock() {
            report.totals = totals.clone();
        }
        if let Ok(mappings) = self.mappings.lock() {
            report.mappings.clone_from(&mappings);
        }
        for mapping in &mut report.mappings {
            mapping.used_by = self.used_by(mapping);
        }
        report.mappings.sort_by_key(|m| (m.at, m.host, m.mapping.internal_port, m.mapping.transport));
        report.hosts = self.hosts.iter().filter_map(|h| host_report(*h.key(), h.value())).collect();
        report.hosts.sort_by_key(|h| (Reverse(p2p_bytes(h)), h.address));
        let halves = self.halves();
        let torrent = |key: InfoHash, swarm: &Swarm| torrent_report(key, swarm, halves.get(&key));
        report.torrents = self.swarms.iter().filter_map(|s| torrent(*s.key(), s.value())).collect();
        report.torrents.sort_by_key(|t| (Reverse(moved(t)), Reverse(t.hosts.len()), t.info_hash));
        self.report_ports(&mut report);
        report.place = place::place(&report.hosts, &report.exposure, &report.mappings);
        if let Some(allowed) = self.allowed.get() {
            allowed.mark(&mut report);
        }
        report.oddities = oddities(&report);
        report
    }

    /// What one half of each hybrid torrent says of the other, under the key of the other: they have peers of their own, but
    /// share name, size and pieces.
    fn halves(&self) -> BTreeMap<InfoHash, Half> {
        let mut halves: BTreeMap<InfoHash, Half> = BTreeMap::new();
        for swarm in &self.swarms {
            let (info_hash, swarm) = swarm.pair();
            let Some(other) = other_key(swarm) else { continue };
            // Of several that claim the same half the smallest counts, in every run the same.
            if halves.get(&other).is_none_or(|known| *info_hash < known.info_hash) {
                let (info_hash, name, v2) = (*info_hash, swarm.name.clone(), swarm.v2);
                halves.insert(other, Half { info_hash, name, v2 });
            }
        }
        halves
    }
}

/// One half of a hybrid torrent.
struct Half {
    info_hash: InfoHash,
    name: Option<Name>,
    v2: Option<InfoHashV2>,
}

fn other_key(swarm: &Swarm) -> Option<InfoHash> {
    swarm.name.as_ref().and_then(|n| n.also).or(swarm.also)
}

impl Ledger {
    fn report_ports(&self, report: &mut Report) {
        let hosts: BTreeSet<Address> = report.hosts.iter().map(|h| h.address).collect();
        let mut nat = BTreeMap::new();
        let bench = self.bench();
        self.attempts(&hosts, |address, tried| {
            let Some(host) = self.hosts.get(&address) else { return };
            let ports = self.ports_of(address, &host, tried);
            let colours = [Transport::Tcp, Transport::Udp].map(|t| reach::nat_status(&ports, t));
            nat.insert(address, (colours, self.judge_host(&bench, &host, &ports)));
            report.exposure.extend(ports);
        });
        for host in &mut report.hosts {
            (host.nat, host.standing) = nat.remove(&host.address).unwrap_or_default();
        }
        report.scans = self.scans(&hosts);
    }
}

fn p2p_bytes(host: &HostReport) -> u64 {
    host.bytes.values().map(|b| b.received + b.sent).sum()
}

fn moved(torrent: &TorrentReport) -> u64 {
    torrent.hosts.iter().map(|h| h.downloaded + h.uploaded).sum()
}

fn host_report(address: Address, host: &Host) -> Option<HostReport> {
    let active = host.active?;
    let external: Vec<(Address, u64)> = host.facts.external.iter().map(|(a, n)| (*a, *n)).collect();
    let clients: Vec<ClientReport> = host
        .facts
        .clients
        .iter()
        .map(|(client, w)| ClientReport {
            name: client.name.clone(),
            source: client.source,
            engine: client.engine,
            first: w.first,
            last: w.last,
        })
        .collect();
    Some(HostReport {
        address,
        first: active.first,
        last: active.last,
        bytes: host.bytes.clone(),
        transports: host.transports.clone(),
        encryption: host.encryption.clone(),
        all: host.all,
        kinds: host.kinds.clone(),
        flows: host.flows,
        peers: host.peers.len() as u64,
        // Of a host that is known from before a restart nothing was seen yet.
        claimed_only: host.two_way == 0 && host.flows > 0,
        client_conflict: conflicting(&clients),
        clients,
        listens: host
            .facts
            .listens
            .iter()
            .map(|(&(port, channel), w)| (port, channel, w.first, w.last))
            .collect(),
        node_ids: host.facts.node_ids.keys().map(|id| (*id, None)).collect(),
        external,
        external_ports: host.facts.external_ports.iter().copied().collect(),
        torrents: host.facts.torrents.iter().copied().collect(),
        dht: host.facts.dht,
        dht_exchange: host.facts.dht_exchange.clone(),
        dht_conduct: dht_rules::conduct(host),
        nat: Default::default(),
        opened: host.opened,
        standing: Standing::default(),
        allowed: None,
    })
}

/// Whether peer id, extended handshake, DHT, user agent and UPnP name programs of different engines at the same host at the
/// same time. A program that no table lists contradicts nothing.
fn conflicting(clients: &[ClientReport]) -> bool {
    let conflict = |a: &ClientReport, b: &ClientReport| {
        let differ = a.engine.zip(b.engine).is_some_and(|(a, b)| a != b);
        differ && a.source != b.source && a.first <= b.last && b.first <= a.last
    };
    clients.iter().enumerate().any(|(i, a)| clients.iter().skip(i + 1).any(|b| conflict(a, b)))
}

fn torrent_report(info_hash: InfoHash, swarm: &Swarm, half: Option<&Half>) -> Option<TorrentReport> {
    let window = swarm.window?;
    if swarm.hosts.is_empty() {
        return None;
    }
    let own = other_key(swarm);
    // What a torrent says of itself goes before what another says of it.
    let half = half.filter(|half| own.is_none_or(|own| own == half.info_hash));
    let names = [swarm.name.as_ref(), half.and_then(|h| h.name.as_ref())];
    let name = names.into_iter().flatten().rev().max_by_key(|n| n.trust);
    let (pieces, size) = (name.and_then(|n| n.pieces), name.and_then(|n| n.size));
    let pieces = pieces.or_else(|| swarm.counted_pieces());
    // Good for a share, not to be told as the torrent's size.
    let whole = size.or_else(|| swarm.claimed_size(pieces?));
    let v2 = swarm.v2.or(half.and_then(|h| h.v2));
    Some(TorrentReport {
        info_hash,
        also: own.or(half.map(|h| h.info_hash)),
        v2,
        is_v2: swarm.merkle || v2.is_some(),
        name: name.map(|n| (n.text.clone(), n.channel, n.trust)),
        size,
        pieces,
        private: name.and_then(|n| n.private),
        first: window.first,
        last: window.last,
        hosts: swarm.hosts.iter().map(|(address, m)| torrent_host(*address, m, pieces, whole)).collect(),
        peers: swarm.peers.len() as u64,
        peers_seeding: swarm.seeds.len() as u64,
        reported: swarm.reported.map(|(_, size)| size),
        scrape: swarm.scrape.as_ref().map(|scrape| scrape.report()),
        channels: swarm.channels.iter().copied().collect(),
        trackers: swarm.trackers.iter().copied().collect(),
        allowed: None,
    })
}

fn torrent_host(address: Address, member: &Member, pieces: Option<u32>, size: Option<u64>) -> TorrentHost {
    let window = member.window;
    let of = pieces.unwrap_or(0);
    // Clients do not tell a peer of pieces that it has already: what was received counts as well.
    let received = size
        .filter(|&s| s > 0)
        .map_or(0, |s| (u128::from(member.downloaded) * u128::from(of) / u128::from(s)) as u64);
    let have = u64::from(member.have).max(received.min(u64::from(of)));
    let have = if of > 0 { have.min(u64::from(of)) as u32 } else { member.have };
    let complete = member.complete || (of > 0 && have == of);
    let measured = match (complete, have, of) {
        (true, _, of) => Some((of, of)),
        // Nothing seen of its pieces is no measurement of none.
        (false, 0, _) => None,
        (false, have, of) => Some((have, of)),
    };
    let upload_only = member.upload_only.map(|(_, on)| on);
    let claims = member.claimed.is_some_and(|(_, (_, _, _, left))| left == 0);
    let complete = complete || claims || upload_only == Some(true);
    let role = if member.uploaded > 0 && complete && member.downloaded == 0 {
        Role::Seeder
    } else if member.downloaded > 0 || member.uploaded > 0 {
        if complete && member.uploaded > member.downloaded { Role::Seeder } else { Role::Leecher }
    } else if member.announced || !member.peers.is_empty() {
        Role::Member
    } else {
        Role::Lookup
    };
    TorrentHost {
        address,
        first: window.map_or(Timestamp::MIN, |w| w.first),
        last: window.map_or(Timestamp::MIN, |w| w.last),
        claimed: member
            .claimed
            .map(|(_, (event, up, down, left)): (_, (AnnounceEvent, u64, u64, u64))| (event, up, down, left)),
        measured,
        upload_only,
        downloaded: member.downloaded,
        uploaded: member.uploaded,
        peers: member.peers.len() as u64,
        across: member.across,
        role,
    }
}

fn oddities(report: &Report) -> BTreeMap<&'static str, u64> {
    let count = |n: usize| n as u64;
    [
        ("hosts-with-conflicting-clients", count(report.hosts.iter().filter(|h| h.client_conflict).count())),
        ("hosts-with-one-way-evidence-only", count(report.hosts.iter().filter(|h| h.claimed_only).count())),
        ("malformed-messages", report.totals.malformed.values().sum()),
    ]
    .into_iter()
    .chain(DHT_RULES.iter().map(|rule| (rule.word, dht_findings(report, rule.behaviour))))
    .filter(|&(_, n)| n > 0)
    .collect()
}

/// How many home hosts showed a behaviour in the DHT.
fn dht_findings(report: &Report, behaviour: Behaviour) -> u64 {
    let shows = |h: &&HostReport| h.dht_conduct.findings.iter().any(|f| f.behaviour == behaviour);
    report.hosts.iter().filter(shows).count() as u64
}
