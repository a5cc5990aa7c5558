//! How a home host behaves in the DHT (BEP 5): the rules, all thresholds in one table, and what each must not catch.
//!
//! A rule looks at ten minutes of one host. It names behaviour, not intent: researchers crawl, and a house behind one address
//! has many nodes. Nothing here accuses a host of sharing files; `mozi` is never more than suspected.

use super::Ledger;
use super::conduct::{Conduct, Stretch};
use super::host::Host;
use crate::base::{Address, Timestamp};
use crate::event::{DhtPurpose, Kind};
use std::collections::BTreeMap;
use std::time::Duration;

/// What rules look at, in one piece.
pub const STRETCH: Duration = Duration::from_secs(600);
/// Steps within it, for floods.
pub const STEP: Duration = Duration::from_secs(10);

/// What a host does in the DHT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Behaviour {
    /// It asks many nodes and gives nothing to the DHT.
    Crawler,
    /// It samples what others store (BEP 51), as indexers do.
    Indexer,
    /// It looks many torrents up and announces hardly any.
    Lookups,
    /// It has many node ids.
    Sybil,
    /// One port of it answers under many node ids.
    SybilPort,
    /// It announces many torrents and serves none.
    Poisoner,
    /// It announces peers at ports where no client listens, or at ever another.
    PoisonerPorts,
    /// Its answers list one address again and again.
    PoisonerAnswers,
    /// Somebody has it answer a flood of queries, perhaps in another's name.
    Reflector,
    /// A flood of answers reaches it that it never asked for.
    ReflectionVictim,
    /// Marks of the Mozi botnet (R-BOT-1): suspected.
    Mozi,
}

/// A rule: from how many on, of what, and what looks alike.
#[derive(Clone, Copy, Debug)]
pub struct DhtRule {
    /// What it names.
    pub behaviour: Behaviour,
    /// The fixed word of the output.
    pub word: &'static str,
    /// From how many on, within ten minutes.
    pub threshold: u64,
    /// Of what.
    pub counts: &'static str,
    /// What looks alike and must not be caught.
    pub look_alike: &'static str,
}

const fn rule(
    behaviour: Behaviour,
    word: &'static str,
    threshold: u64,
    counts: &'static str,
    look_alike: &'static str,
) -> DhtRule {
    DhtRule { behaviour, word, threshold, counts, look_alike }
}

/// The table.
pub const DHT_RULES: [DhtRule; 11] = [
    rule(
        Behaviour::Crawler,
        "crawler",
        2_000,
        "distinct nodes asked, with less than one announce in a hundred queries",
        "a client that just started: it asks a few hundred nodes, or announces what it has",
    ),
    rule(
        Behaviour::Indexer,
        "indexer",
        50,
        "`sample_infohashes` queries sent",
        "a node that tries BEP 51 once in a while",
    ),
    rule(
        Behaviour::Lookups,
        "many-lookups",
        500,
        "distinct info-hashes looked up, fewer than one in ten of them announced",
        "a client with many torrents: it announces what it looks up",
    ),
    rule(
        Behaviour::Sybil,
        "sybil",
        16,
        "distinct node ids used",
        "several people behind one address, clients with a node for each interface",
    ),
    rule(
        Behaviour::SybilPort,
        "sybil-port",
        5,
        "distinct node ids used on one port",
        "a client that was restarted and took a new id",
    ),
    rule(
        Behaviour::Poisoner,
        "index-poisoner",
        500,
        "distinct info-hashes announced, with less than one peer connection for twenty of them",
        "a busy seeder: it announces as many, and peers come",
    ),
    rule(
        Behaviour::PoisonerPorts,
        "index-poisoner-ports",
        32,
        "distinct ports announced, or info-hashes announced at ports below 1024",
        "a client behind changing port mappings, several people behind one address",
    ),
    rule(
        Behaviour::PoisonerAnswers,
        "index-poisoner-answers",
        10,
        "answers given that list ten peers or more, all of one address",
        "a node that stores peers of one busy address",
    ),
    rule(
        Behaviour::Reflector,
        "reflector",
        50,
        "queries of one address within ten seconds, half of them answered",
        "neighbours in the routing table, which ask a few times a minute",
    ),
    rule(
        Behaviour::ReflectionVictim,
        "reflection-victim",
        100,
        "answers nobody asked for within ten seconds, five times as many as queries sent",
        "answers that come late, or whose queries were before the capture",
    ),
    rule(
        Behaviour::Mozi,
        "mozi",
        1,
        "node ids `88888888…`, or answers with a sealed configuration",
        "imitation",
    ),
];

impl Behaviour {
    /// Its rule.
    #[must_use]
    pub fn rule(self) -> &'static DhtRule {
        // Every behaviour has its row: tested below.
        DHT_RULES.iter().find(|r| r.behaviour == self).unwrap_or(&DHT_RULES[0])
    }

    /// The fixed word of the output.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.rule().word
    }
}

/// What a host is to the DHT as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DhtPart {
    /// It sent no DHT message.
    #[default]
    None,
    /// It asks, and says of itself that it answers nobody (BEP 43), or was asked and never answered.
    ReadOnly,
    /// It asks; whether it answers was not tried.
    Client,
    /// It asks and answers.
    Participant,
}

impl DhtPart {
    /// The fixed word of the output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ReadOnly => "read-only",
            Self::Client => "client",
            Self::Participant => "participant",
        }
    }
}

/// That a rule held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhtFinding {
    /// Which.
    pub behaviour: Behaviour,
    /// The largest count of any ten minutes; lists are counted up to 4,096.
    pub count: u64,
    /// The beginning of the first ten minutes in which it held.
    pub first: Timestamp,
    /// The end of the last.
    pub last: Timestamp,
}

/// What is said of a host's DHT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhtConduct {
    /// Its part.
    pub part: DhtPart,
    /// Rules that held, in the order of the table.
    pub findings: Vec<DhtFinding>,
}

/// How many of what a rule counts there were in ten minutes, if the rule's condition holds beside the number. `peers`: flows
/// of the host on which peers exchange data.
fn counted(behaviour: Behaviour, s: &Stretch, peers: u64) -> Option<u64> {
    let len = |n: usize| n as u64;
    let announces = s.announces;
    let fits = match behaviour {
        Behaviour::Crawler => announces.saturating_mul(100) < s.queries,
        Behaviour::Lookups => len(s.announced.len()).saturating_mul(10) < len(s.lookups.len()),
        Behaviour::Poisoner => peers.saturating_mul(20) < len(s.announced.len()),
        _ => true,
    };
    let count = match behaviour {
        Behaviour::Crawler => len(s.nodes.len()),
        Behaviour::Indexer => s.samplings,
        Behaviour::Lookups => len(s.lookups.len()),
        Behaviour::Sybil => {
            let mut ids: Vec<u64> = s.ids.iter().map(|(_, id)| *id).collect();
            ids.sort_unstable();
            ids.dedup();
            len(ids.len())
        }
        Behaviour::SybilPort => {
            let mut ports: BTreeMap<u16, u64> = BTreeMap::new();
            s.ids.iter().for_each(|(port, _)| *ports.entry(*port).or_default() += 1);
            ports.into_values().max().unwrap_or(0)
        }
        Behaviour::Poisoner => len(s.announced.len()),
        Behaviour::PoisonerPorts => len(s.ports.len().max(s.low.len())),
        Behaviour::PoisonerAnswers => s.one_address,
        Behaviour::Reflector => s.floods.into(),
        Behaviour::ReflectionVictim => {
            let flood = |p: &&[u32; 2]| u64::from(p[1]) >= u64::from(p[0]).saturating_mul(5);
            s.paces.values().filter(flood).map(|p| u64::from(p[1])).max().unwrap_or(0)
        }
        Behaviour::Mozi => s.botnet,
    };
    fits.then_some(count)
}

/// Holds ten minutes against the table; `told` is called for each rule that held, with its count.
pub fn weigh(stretch: &Stretch, peers: u64, mut told: impl FnMut(Behaviour, u64)) {
    for rule in &DHT_RULES {
        if let Some(count) = counted(rule.behaviour, stretch, peers).filter(|&n| n >= rule.threshold) {
            told(rule.behaviour, count);
        }
    }
}

/// What is said of a host.
pub fn conduct(host: &Host) -> DhtConduct {
    let [queries, responses, errors, asked] = host.facts.dht;
    let c: &Conduct = &host.facts.conduct;
    let part = match (queries, responses + errors) {
        (0, 0) => DhtPart::None,
        (_, 0) if c.read_only == queries || asked > 0 => DhtPart::ReadOnly,
        (_, 0) => DhtPart::Client,
        _ => DhtPart::Participant,
    };
    let mut findings = c.findings(peer_flows(host));
    // Where a sensor sees nothing that the host sends, every answer seems to be unasked for.
    if host.life.own.is_none() && host.facts.dht.iter().take(3).all(|&n| n == 0) {
        findings.retain(|f| f.behaviour != Behaviour::ReflectionVictim);
    }
    DhtConduct { part, findings }
}

impl Ledger {
    /// The behaviour in the DHT of every home host that has some, in the order of addresses and of the table.
    #[must_use]
    pub fn dht_findings(&self) -> Vec<(Address, DhtFinding)> {
        let mut found = Vec::new();
        for host in &self.hosts {
            // Most hosts know no DHT.
            if host.facts.dht != [0; 4] {
                found.extend(conduct(&host).findings.into_iter().map(|finding| (*host.key(), finding)));
            }
        }
        found.sort_by_key(|(host, finding)| (*host, finding.behaviour));
        found
    }
}

/// Flows on which the host exchanged data with peers.
pub fn peer_flows(host: &Host) -> u64 {
    [Kind::PeerWire, Kind::Utp].iter().filter_map(|kind| host.kinds.get(kind)).sum()
}

/// Whether a query looks a torrent up.
pub const fn is_lookup(purpose: DhtPurpose) -> bool {
    matches!(purpose, DhtPurpose::Lookup)
}
