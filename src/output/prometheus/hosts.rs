//! Home hosts and torrents, counted.

use super::declare::{Declare, gauge_value, raise};
use crate::ledger::HostState;
use crate::ledger::report::{HostReport, NatStatus, PortState, Report};
use prometheus::{IntCounter, IntGauge, IntGaugeVec, Result};
use std::collections::BTreeMap;

/// States of a port.
const PORT_STATES: [PortState; 5] = [
    PortState::Open,
    PortState::Closed,
    PortState::Stealth,
    PortState::ForwardedRefused,
    PortState::NotTested,
];
/// NAT statuses of a host.
const NAT_STATUSES: [NatStatus; 4] =
    [NatStatus::Green, NatStatus::Yellow, NatStatus::Red, NatStatus::Unknown];

/// The families.
#[derive(Debug)]
pub struct Hosts {
    hosts: IntGaugeVec,
    ports: IntGaugeVec,
    nat: IntGaugeVec,
    torrents: IntGauge,
    torrents_seen: IntCounter,
}

impl Hosts {
    pub fn register(declare: &Declare<'_>) -> Result<Self> {
        let nat = "Home hosts by whether they can be reached from outside.";
        let hosts = Self {
            hosts: declare.gauges("hosts", "Home hosts with peer-to-peer traffic, by state.", &["state"])?,
            ports: declare.gauges("exposed_ports", "Ports of home hosts, by state.", &["state"])?,
            nat: declare.gauges("nat_hosts", nat, &["transport", "status"])?,
            torrents: declare.gauge("torrents", "Torrents that home hosts take part in.")?,
            torrents_seen: declare
                .counter("torrents_seen_total", "Torrents that home hosts were seen with.")?,
        };
        hosts.observe(&Report::default());
        Ok(hosts)
    }

    pub fn observe(&self, report: &Report) {
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        for host in &report.hosts {
            *states.entry(host.standing.state.label()).or_default() += 1;
        }
        for (state, _) in HostState::WORDS {
            self.hosts.with_label_values(&[state]).set(of(&states, &state));
        }
        for state in PORT_STATES {
            let n = report.exposure.iter().filter(|p| p.state == state).count();
            self.ports.with_label_values(&[state.label()]).set(gauge_value(n as u64));
        }
        for (n, transport) in ["tcp", "udp"].into_iter().enumerate() {
            for status in NAT_STATUSES {
                let has = |h: &&HostReport| h.nat.get(n) == Some(&status);
                let hosts = report.hosts.iter().filter(has).count();
                self.nat.with_label_values(&[transport, status.label()]).set(gauge_value(hosts as u64));
            }
        }
        self.torrents.set(gauge_value(report.torrents.len() as u64));
        raise(&self.torrents_seen, report.torrents.len() as u64);
    }
}

fn of<K: Ord>(counts: &BTreeMap<K, u64>, key: &K) -> i64 {
    gauge_value(counts.get(key).copied().unwrap_or_default())
}
