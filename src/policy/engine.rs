//! Evaluates rules: takes news in as it comes, and at each tick says what happened to alerts.

use super::alert::{Alert, AlertAction, AlertChange, Telling, link};
use super::group::{Group, Groups, Key, Life};
use super::load::RuleSet;
use super::nets::NetTable;
use super::observation::{DhtNews, FlowNews, Observation, Sample, SensorNews, What};
use super::rule::{GroupBy, Rule, Subject};
use crate::base::{Address, Endpoint, HomeNets, InfoHash, Timestamp};
use crate::event::{DhtMessage, Direction, FlowUpdate};
use crate::ledger::Allowed;
use crate::ledger::report::Coverage;
use std::sync::Arc;
use std::time::Duration;

/// How much the engine may remember.
#[derive(Clone, Copy, Debug)]
pub struct EngineLimits {
    /// Groups of all rules together.
    pub groups: usize,
    /// Groups of one rule.
    pub groups_per_rule: usize,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self { groups: 1 << 18, groups_per_rule: 1 << 16 }
    }
}

/// What the engine did and did not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineCounters {
    /// News taken in.
    pub news: u64,
    /// Rules asked whether they look at a piece of news.
    pub asked: u64,
    /// Groups evaluated.
    pub evaluations: u64,
    /// Conditions that began to hold.
    pub pending: u64,
    /// Alerts opened.
    pub opened: u64,
    /// Alerts told again because they last.
    pub repeated: u64,
    /// Alerts that are over.
    pub resolved: u64,
    /// Alerts not opened because the rule has too many.
    pub capped: u64,
    /// Alerts not opened because one was lately.
    pub suppressed: u64,
    /// Alerts that opened in a silence.
    pub silenced: u64,
    /// News that no group had room for.
    pub groups_refused: u64,
    /// News that made a full window no fuller.
    pub windows_full: u64,
    /// News of what the operator's list allows.
    pub allowed: u64,
}

impl EngineCounters {
    /// The counters of what can happen to an alert, by their words.
    #[must_use]
    pub const fn life(&self) -> [(&'static str, u64); 7] {
        [
            ("pending", self.pending),
            ("opened", self.opened),
            ("repeated", self.repeated),
            ("resolved", self.resolved),
            ("capped", self.capped),
            ("suppressed", self.suppressed),
            ("silenced", self.silenced),
        ]
    }
}

/// Packet time between two looks at what can be forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// The engine.
#[derive(Debug)]
pub struct Engine {
    set: Arc<RuleSet>,
    pub(super) rules: Vec<Running>,
    indices: [Index; 6],
    home: HomeNets,
    networks: NetTable<Arc<str>>,
    limits: EngineLimits,
    /// Groups of all rules.
    groups: usize,
    counters: EngineCounters,
    now: Timestamp,
    swept: Timestamp,
    sensor: Option<SensorNews>,
    /// The address of the sensor's page, without a slash at its end.
    page: Option<Box<str>>,
    /// What alerts nobody.
    allowed: Arc<Allowed>,
    /// Kept for its memory.
    picked: Vec<usize>,
}

/// A rule and its groups.
#[derive(Debug)]
pub(super) struct Running {
    pub rule: Arc<Rule>,
    pub groups: Groups,
}

/// Which rules may look at news of a host.
#[derive(Debug, Default)]
struct Index {
    any: Vec<usize>,
    by_network: NetTable<Vec<usize>>,
}

impl Engine {
    /// An engine without state.
    #[must_use]
    pub fn new(set: Arc<RuleSet>, home: HomeNets, limits: EngineLimits) -> Self {
        let mut engine = Self {
            set: Arc::default(),
            rules: Vec::new(),
            indices: Default::default(),
            home,
            networks: NetTable::default(),
            limits,
            groups: 0,
            counters: EngineCounters::default(),
            now: Timestamp::MIN,
            swept: Timestamp::MIN,
            sensor: None,
            page: None,
            allowed: Arc::default(),
            picked: Vec::new(),
        };
        engine.replace(set);
        engine
    }

    /// Lets alerts lead to the sensor's page at this address, e.g. `https://sensor.example:9847`.
    #[must_use]
    pub fn with_page(mut self, address: &str) -> Self {
        self.page = Some(address.trim_end_matches('/').into());
        self
    }

    /// Puts other rules in the place of the ones so far. Rules that ask the same as before keep their alerts.
    pub fn replace(&mut self, set: Arc<RuleSet>) {
        let mut before = std::mem::take(&mut self.rules);
        self.rules = set
            .rules
            .iter()
            .map(|rule| {
                let same = before.iter_mut().find(|r| r.rule.id == rule.id && r.rule.shape == rule.shape);
                let groups = same.map(|r| std::mem::take(&mut r.groups)).unwrap_or_default();
                Running { rule: Arc::clone(rule), groups }
            })
            .collect();
        self.recount();
        self.indices = Default::default();
        for (place, rule) in set.rules.iter().enumerate() {
            if let Some(index) = self.indices.get_mut(rule.subject as usize) {
                index.insert(rule, place);
            }
        }
        self.networks = NetTable::default();
        for network in self.home.networks() {
            *self.networks.entry(*network) = network.to_string().into();
        }
        for (name, network) in &set.networks {
            *self.networks.entry(*network) = name.as_str().into();
        }
        self.set = set;
    }

    /// Takes the list of what alerts nobody.
    pub fn allow(&mut self, allowed: Arc<Allowed>) {
        self.allowed = allowed;
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.set
    }

    /// Whether any rule is about this.
    #[must_use]
    pub fn wants(&self, subject: Subject) -> bool {
        self.set.rules.iter().any(|r| r.subject == subject)
    }

    /// What it did and did not do.
    #[must_use]
    pub const fn counters(&self) -> &EngineCounters {
        &self.counters
    }

    /// Takes in news of a flow; `vlans` are those it was seen with, the outermost first.
    pub fn flow(&mut self, update: &FlowUpdate<'_>, vlans: &[u16]) {
        let record = update.record;
        let Some(grade) = record.label.grade else { return };
        let ends = [record.originator, record.responder];
        let added = update.added();
        for side in [Direction::FromOriginator, Direction::FromResponder] {
            let (host, remote) = (side.of(ends), side.reverse().of(ends));
            // A stranger's unanswered packets are not this host's doing.
            let silent = side.of(record.sent).packets == 0 && !remote.address.is_group();
            if silent || !self.home.contains(&host.address) {
                continue;
            }
            if self.allowed.flow(record, side).is_some() {
                self.counters.allowed += 1;
                continue;
            }
            let (mine, theirs) = (side.of(added), side.reverse().of(added));
            let [originator, responder] = &record.label.clients;
            let flow = FlowNews {
                kinds: record.label.kinds,
                grade,
                reasons: record.label.reasons,
                two_way: record.label.two_way,
                encryption: record.label.encryption,
                client: side.of([originator, responder]).as_ref(),
                opened: side == Direction::FromOriginator,
                new: update.is_new(),
                bytes_in: theirs.bytes,
                bytes_out: mine.bytes,
                packets: mine.packets.saturating_add(theirs.packets),
            };
            let sample = Sample {
                at: record.end,
                host: Some(host.address),
                port: Some(host.port),
                remote: Some(remote),
                transport: Some(record.transport),
                vlans,
                torrents: &record.label.info_hashes,
                what: What::Flow(flow),
            };
            self.deliver(Subject::Flow, &sample);
            self.deliver(Subject::Host, &sample);
            if !sample.torrents.is_empty() {
                self.deliver(Subject::Torrent, &sample);
            }
        }
    }

    /// Takes in a DHT message, for each end of it at home.
    pub fn dht(&mut self, at: Timestamp, sender: Endpoint, receiver: Endpoint, message: &DhtMessage<'_>) {
        for (host, remote, sent) in [(sender, receiver, true), (receiver, sender, false)] {
            if self.home.contains(&host.address) {
                let (role, method, target) = (message.role, message.method, message.target);
                self.observe(&Observation::Dht(DhtNews { at, host, remote, sent, role, method, target }));
            }
        }
    }

    /// Takes in other news.
    pub fn observe(&mut self, observation: &Observation<'_>) {
        let subject = match observation {
            Observation::Torrent(_) => Subject::Torrent,
            Observation::Dht(_) | Observation::Behaviour(_) => Subject::Dht,
            Observation::Exposure(_) => Subject::Exposure,
            Observation::HostState(_) => Subject::Host,
            Observation::Sensor(_) => Subject::Sensor,
        };
        let torrent = match observation {
            Observation::Torrent(news) => Some(&news.info_hash),
            Observation::Dht(news) => news.target.as_ref(),
            _ => None,
        };
        if torrent.is_some_and(|hash| self.allowed.torrent(hash).is_some()) {
            self.counters.allowed += 1;
            return;
        }
        let mut torrent = [InfoHash([0; 20])];
        let sample = observation.sample(&mut torrent);
        self.deliver(subject, &sample);
    }

    /// Takes in what the sensor saw and lost, as sums since its start.
    pub fn coverage(&mut self, now: Timestamp, coverage: &Coverage) {
        let lost = coverage.kernel_dropped + coverage.queue_dropped;
        let sums = SensorNews {
            at: now,
            packets: coverage.packets + lost,
            lost,
            cut: coverage.cut_frames,
            limits: coverage.limits.values().sum(),
            damage: coverage.damage.len() as u64,
            panics: coverage.panics,
        };
        let before = self.sensor.replace(sums).unwrap_or_default();
        let since = |now: u64, before: u64| now.saturating_sub(before);
        self.observe(&Observation::Sensor(SensorNews {
            at: now,
            packets: since(sums.packets, before.packets),
            lost: since(sums.lost, before.lost),
            cut: since(sums.cut, before.cut),
            limits: since(sums.limits, before.limits),
            damage: since(sums.damage, before.damage),
            panics: since(sums.panics, before.panics),
        }));
    }

    /// All news before `now` is in: says what happened to alerts, in the order of rules and groups.
    pub fn tick(&mut self, now: Timestamp) -> Vec<AlertChange> {
        let now = now.max(self.now);
        self.now = now;
        let sweep = now.since(self.swept) >= SWEEP;
        let mut changes: Vec<(Box<[Key]>, AlertChange)> = Vec::new();
        let (set, networks, page) = (&self.set, &self.networks, self.page.as_deref());
        let mut counters = self.counters;
        for Running { rule, groups } in &mut self.rules {
            let from = changes.len();
            let tell = |action, group: &Group, since, value| {
                let host = group.evidence.host;
                // That an alert is over is told in silence too.
                if action != AlertAction::Resolved
                    && set.silences.iter().any(|s| s.covers(now, &rule.name, host))
                {
                    return false;
                }
                let counter = match action {
                    AlertAction::Opened => &mut counters.opened,
                    AlertAction::Repeated => &mut counters.repeated,
                    AlertAction::Resolved => &mut counters.resolved,
                };
                *counter += 1;
                let alert = alert(rule, group, networks, page, now, since, value);
                changes.push((group.key.clone(), AlertChange { action, alert }));
                true
            };
            let held = groups.evaluate(rule, now, tell);
            counters.evaluations += held.evaluations;
            counters.pending += held.pending;
            counters.capped += held.capped;
            counters.suppressed += held.suppressed;
            counters.silenced += held.silenced;
            if let Some(new) = changes.get_mut(from..) {
                new.sort_by(|(a, _), (b, _)| a.cmp(b));
            }
            if sweep {
                groups.sweep(rule, now);
            }
        }
        self.counters = counters;
        if sweep {
            self.swept = now;
            self.recount();
        }
        changes.into_iter().map(|(_, change)| change).collect()
    }

    /// Alerts that are firing now, silenced ones left out.
    pub fn active(&self) -> impl Iterator<Item = Alert> + '_ {
        self.rules.iter().flat_map(move |Running { rule, groups }| {
            groups.iter().filter_map(move |group| match group.life {
                Life::Firing { since, told: Some(at) } => {
                    let mut group = group.clone();
                    let value = group.window.value(&rule.condition, rule.over, self.now, group.seen);
                    Some(alert(rule, &group, &self.networks, self.page.as_deref(), at, since, value))
                }
                _ => None,
            })
        })
    }

    /// How many alerts each rule has firing.
    pub fn firing(&self) -> impl Iterator<Item = (&Rule, usize)> {
        self.rules.iter().map(|r| (r.rule.as_ref(), r.groups.firing()))
    }

    pub(super) fn recount(&mut self) {
        self.groups = self.rules.iter().map(|r| r.groups.len()).sum();
    }

    fn deliver(&mut self, subject: Subject, sample: &Sample<'_>) {
        let mut picked = std::mem::take(&mut self.picked);
        picked.clear();
        if let Some(index) = self.indices.get(subject as usize) {
            index.pick(sample.host, &mut picked);
        }
        self.counters.news += 1;
        self.counters.asked += picked.len() as u64;
        for &place in &picked {
            let Some(running) = self.rules.get_mut(place) else { continue };
            if running.rule.matching.admits(sample) {
                self.take(place, sample);
            }
        }
        self.picked = picked;
    }

    /// Gives news to the groups of a rule that it belongs to.
    fn take(&mut self, place: usize, sample: &Sample<'_>) {
        let Some(Running { rule, groups }) = self.rules.get_mut(place) else { return };
        let before = groups.len();
        let mut add = |torrent: Option<InfoHash>| {
            let key = key(rule, sample, torrent, &self.networks);
            let made = groups.len() - before;
            let room = self.groups + made < self.limits.groups && groups.len() < self.limits.groups_per_rule;
            match groups.add(rule, &key, sample, torrent, self.now, room) {
                Some(full) => self.counters.windows_full += u64::from(full),
                None => self.counters.groups_refused += 1,
            }
        };
        let mut torrents = sample.torrents.iter().filter(|t| rule.matching.admits_torrent(t));
        if rule.group_by.contains(&GroupBy::Torrent) {
            torrents.for_each(|torrent| add(Some(*torrent)));
        } else {
            add(torrents.next().copied());
        }
        self.groups += groups.len() - before;
    }
}

fn alert(
    rule: &Arc<Rule>,
    group: &Group,
    networks: &NetTable<Arc<str>>,
    page: Option<&str>,
    at: Timestamp,
    since: Timestamp,
    value: f64,
) -> Alert {
    let link = page.map(|page| link(page, group.evidence.host));
    let network = group.evidence.host.and_then(|h| networks.holding(&h).next().cloned()).unwrap_or_default();
    Alert {
        rule: Arc::clone(rule),
        at,
        since,
        group: rule.group_by.iter().zip(&group.key).map(|(by, key)| (by.label(), key.text())).collect(),
        value,
        annotations: Telling {
            rule,
            key: &group.key,
            value,
            since,
            network: &network,
            link: link.as_deref(),
            evidence: &group.evidence,
        }
        .annotations(),
        evidence: group.evidence.clone(),
        link,
    }
}

fn key(
    rule: &Rule,
    sample: &Sample<'_>,
    torrent: Option<InfoHash>,
    networks: &NetTable<Arc<str>>,
) -> Vec<Key> {
    let one = |by: &GroupBy| match by {
        GroupBy::Host => sample.host.map(Key::Host),
        GroupBy::Remote => sample.remote.map(|r| Key::Remote(r.address)),
        GroupBy::Network => sample.host.and_then(|h| networks.holding(&h).next().cloned()).map(Key::Network),
        GroupBy::Torrent => torrent.map(Key::Torrent),
        GroupBy::Port => sample.port.map(Key::Port),
        GroupBy::Vlan => sample.vlans.first().map(|v| Key::Vlan(*v)),
        GroupBy::Client => match sample.what {
            What::Flow(flow) => flow.client.map(|c| Key::Client(c.name.as_str().into())),
            _ => None,
        },
    };
    rule.group_by.iter().map(|by| one(by).unwrap_or(Key::Unknown)).collect()
}

impl Index {
    fn insert(&mut self, rule: &Rule, place: usize) {
        match &rule.matching.hosts {
            None => self.any.push(place),
            Some(hosts) => hosts.networks().for_each(|network| self.by_network.entry_of(network).push(place)),
        }
    }

    /// The rules that may look at news of a host, each once.
    fn pick(&self, host: Option<Address>, picked: &mut Vec<usize>) {
        picked.extend(&self.any);
        if let Some(host) = host
            && !self.by_network.is_empty()
        {
            let before = picked.len();
            self.by_network.holding(&host).for_each(|rules| picked.extend(rules));
            if picked.len() > before {
                picked.sort_unstable();
                picked.dedup();
            }
        }
    }
}
