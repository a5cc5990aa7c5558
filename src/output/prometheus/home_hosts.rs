//! Series of single home hosts, for as many as the page can bear.
//!
//! Whoever comes first is admitted while there is room; later, who moves much more displaces who moves little. What a host
//! moves is counted in its own series if it has some, else under `host="other"`, at that moment: so every counter only grows,
//! and their sum is the total. A host that comes back starts at zero, which Prometheus takes for a restart.

use super::declare::{Declare, gauge_value};
use super::sketch::SpaceSaving;
use crate::base::{Address, KeyedState, Timestamp};
use crate::event::{Direction, Family, FlowUpdate, Grade, Told};
use crate::ledger::report::Report;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Result};
use std::collections::HashMap;
use std::time::Duration;

/// Hosts with series of their own, at most, whatever was asked for: six series each stay well below the page's limit.
const HOSTS_MAX: usize = 1_000;
/// A host of which nothing is heard for so long leaves the page.
const IDLE: Duration = Duration::from_secs(3_600);
/// A host stays at least so long, twice what Prometheus needs to forget a series.
const STAY: Duration = Duration::from_secs(600);
/// A host is displaced by one that certainly moved this many times as much.
const HYSTERESIS: u64 = 2;
/// Hosts displaced in one tick, at most.
const DISPLACED_MAX: usize = 16;
/// How often what was moved counts half.
const HALF_LIFE: Duration = Duration::from_secs(3_600);
/// The label value of all hosts that are not admitted.
const OTHER: &str = "other";

/// The families and who has series.
#[derive(Debug)]
pub struct HomeHosts {
    bytes: IntCounterVec,
    flows: IntCounterVec,
    peers: IntGaugeVec,
    torrents: IntGaugeVec,
    state: IntGaugeVec,
    series: IntGauge,
    evictions: IntCounter,
    limit: usize,
    admitted: HashMap<Address, Admitted, KeyedState>,
    other: Counters,
    candidates: SpaceSaving<Address>,
    now: Timestamp,
    halved: Timestamp,
}

#[derive(Debug)]
struct Admitted {
    counters: Counters,
    /// Bytes, the older the less.
    weight: u64,
    since: Timestamp,
    last: Timestamp,
    state: Option<&'static str>,
}

#[derive(Debug)]
struct Counters {
    received: IntCounter,
    sent: IntCounter,
    flows: IntCounter,
}

impl HomeHosts {
    pub(super) fn register(declare: &Declare<'_>, limit: usize) -> Result<Self> {
        let limit = limit.min(HOSTS_MAX);
        let bytes = "Wire bytes of a home host's BitTorrent flows of grade strong or better.";
        let state = "The state of a home host; always 1.";
        let bytes = declare.counters("host_bytes_total", bytes, &["host", "direction"])?;
        let flows = declare.counters(
            "host_flows_total",
            "BitTorrent flows of a home host, of grade strong or better.",
            &["host"],
        )?;
        let most = declare.gauge("host_series_limit", "Home hosts with series of their own, at most.")?;
        most.set(gauge_value(limit as u64));
        Ok(Self {
            other: Counters::new(&bytes, &flows, OTHER),
            bytes,
            flows,
            peers: declare.gauges("host_peers", "Distinct remote addresses of a home host.", &["host"])?,
            torrents: declare.gauges("host_torrents", "Torrents of a home host.", &["host"])?,
            state: declare.gauges("host_state", state, &["host", "state"])?,
            series: declare.gauge("host_series", "Home hosts with series of their own.")?,
            evictions: declare.counter(
                "host_series_evictions_total",
                "Home hosts whose series were given up, idle or displaced.",
            )?,
            limit,
            admitted: HashMap::default(),
            candidates: SpaceSaving::new(limit.saturating_mul(2)),
            now: Timestamp::MIN,
            halved: Timestamp::MIN,
        })
    }

    /// Counts what became known of a flow to its home hosts, by the ledger's rules: a stranger's unanswered packets are not
    /// the host's doing, and what was moved before a flow was strong counts once it is.
    pub fn flow(&mut self, update: &FlowUpdate<'_>, home: [bool; 2]) {
        let record = update.record;
        self.now = self.now.max(record.end);
        for side in [Direction::FromOriginator, Direction::FromResponder] {
            if !side.of(home) {
                continue;
            }
            let ends = [record.originator, record.responder];
            let to_group = side.reverse().of(ends).address.is_group();
            let now = claim(&Told::of(record), side, to_group);
            let before = claim(&update.told, side, to_group);
            let Some([received, sent]) = now else { continue };
            let [was_received, was_sent] = before.unwrap_or_default();
            let new = [received.saturating_sub(was_received), sent.saturating_sub(was_sent)];
            self.count(side.of(ends).address, new, before.is_none());
        }
    }

    /// Counts bytes received and sent by a home host, and whether they are a flow's first.
    fn count(&mut self, host: Address, [received, sent]: [u64; 2], first: bool) {
        let weight = received.saturating_add(sent);
        if !self.admitted.contains_key(&host) && self.admitted.len() < self.limit {
            self.admit(host);
        }
        let counters = if let Some(known) = self.admitted.get_mut(&host) {
            known.weight = known.weight.saturating_add(weight);
            known.last = self.now;
            &known.counters
        } else {
            if self.limit > 0 {
                self.candidates.add(host, weight);
            }
            &self.other
        };
        counters.received.inc_by(received);
        counters.sent.inc_by(sent);
        counters.flows.inc_by(u64::from(first));
    }

    /// Gives up the idle, lets the heavy displace the light, and takes over what is known of those who stay.
    pub fn observe(&mut self, now: Timestamp, report: &Report) {
        self.now = self.now.max(now);
        let idle = |a: &Admitted| now.since(a.last) > IDLE;
        let gone: Vec<Address> = self.admitted.iter().filter(|(_, a)| idle(a)).map(|(k, _)| *k).collect();
        gone.into_iter().for_each(|host| self.evict(host));
        self.displace();
        if self.halved == Timestamp::MIN {
            self.halved = now;
        } else if now.since(self.halved) > HALF_LIFE {
            self.halved = now;
            self.candidates.halve();
            self.admitted.values_mut().for_each(|a| a.weight /= 2);
        }
        for host in &report.hosts {
            let Some(known) = self.admitted.get_mut(&host.address) else { continue };
            let label = host.address.to_string();
            self.peers.with_label_values(&[&label]).set(gauge_value(host.peers));
            self.torrents.with_label_values(&[&label]).set(gauge_value(host.torrents.len() as u64));
            let state = host.standing.state.label();
            if known.state != Some(state) {
                if let Some(was) = known.state.replace(state) {
                    forget(self.state.remove_label_values(&[label.as_str(), was]));
                }
                self.state.with_label_values(&[label.as_str(), state]).set(1);
            }
        }
        self.series.set(gauge_value(self.admitted.len() as u64));
    }

    fn displace(&mut self) {
        if self.admitted.len() < self.limit {
            return;
        }
        let mut heavy = self.candidates.heaviest();
        heavy.truncate(DISPLACED_MAX);
        let settled = self.admitted.iter().filter(|(_, a)| self.now.since(a.since) > STAY);
        let mut light: Vec<(u64, Address)> = settled.map(|(host, a)| (a.weight, *host)).collect();
        light.sort_unstable();
        for ((candidate, certain), (weight, host)) in heavy.into_iter().zip(light) {
            if certain / HYSTERESIS <= weight {
                break;
            }
            self.evict(host);
            self.admit(candidate);
            if let Some(new) = self.admitted.get_mut(&candidate) {
                new.weight = certain;
            }
        }
    }

    fn admit(&mut self, host: Address) {
        self.candidates.remove(host);
        let counters = Counters::new(&self.bytes, &self.flows, &host.to_string());
        let new = Admitted { counters, weight: 0, since: self.now, last: self.now, state: None };
        self.admitted.insert(host, new);
    }

    fn evict(&mut self, host: Address) {
        let Some(gone) = self.admitted.remove(&host) else { return };
        let label = host.to_string();
        let label = label.as_str();
        for direction in ["in", "out"] {
            forget(self.bytes.remove_label_values(&[label, direction]));
        }
        for family in [&self.peers, &self.torrents] {
            forget(family.remove_label_values(&[label]));
        }
        forget(self.flows.remove_label_values(&[label]));
        if let Some(state) = gone.state {
            forget(self.state.remove_label_values(&[label, state]));
        }
        self.evictions.inc();
    }
}

impl Counters {
    fn new(bytes: &IntCounterVec, flows: &IntCounterVec, host: &str) -> Self {
        Self {
            received: bytes.with_label_values(&[host, "in"]),
            sent: bytes.with_label_values(&[host, "out"]),
            flows: flows.with_label_values(&[host]),
        }
    }
}

/// Bytes received and sent that count as BitTorrent of the host on `side`.
fn claim(told: &Told, side: Direction, to_group: bool) -> Option<[u64; 2]> {
    let claimed = told.grade >= Some(Grade::Strong) && told.kinds.family() == Some(Family::Bittorrent);
    let acted = side.of(told.sent).packets > 0 || to_group;
    (claimed && acted).then(|| [side.reverse().of(told.sent).bytes, side.of(told.sent).bytes])
}

/// A series that was never made need not be removed.
fn forget(_: Result<()>) {}

#[cfg(test)]
#[path = "home_hosts_tests.rs"]
mod tests;
