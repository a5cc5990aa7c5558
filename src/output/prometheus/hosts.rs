//! Home hosts and torrents, counted.

use super::declare::{Declare, gauge_value, raise};
use crate::base::Transport;
use crate::ledger::report::Report;
use crate::output::live::PolicyStatus;
use crate::output::words;
use prometheus::{IntCounter, IntGauge, IntGaugeVec, Result};
use std::collections::BTreeMap;

/// States of a home host, words of the output contract.
const HOST_STATES: [&str; 7] =
    ["active", "quiet", "cleared", "changed", "not-seen", "cannot-tell", "recurred"];
/// States of a port.
const PORT_STATES: [&str; 5] = ["open", "closed", "stealth", "forwarded-refused", "not-tested"];
/// NAT statuses of a host.
const NAT_STATUSES: [&str; 4] = ["green", "yellow", "red", "unknown"];

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
        hosts.observe(&Report::default(), &PolicyStatus::default());
        Ok(hosts)
    }

    pub fn observe(&self, report: &Report, policy: &PolicyStatus) {
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        for host in &report.hosts {
            *states.entry(policy.states.get(&host.address).copied().unwrap_or("active")).or_default() += 1;
        }
        for state in HOST_STATES {
            self.hosts.with_label_values(&[state]).set(of(&states, &state));
        }
        for state in PORT_STATES {
            self.ports.with_label_values(&[state]).set(0);
        }
        for transport in [Transport::Tcp, Transport::Udp] {
            for status in NAT_STATUSES {
                self.nat.with_label_values(&[words::port_protocol(transport), status]).set(0);
            }
        }
        self.torrents.set(gauge_value(report.torrents.len() as u64));
        raise(&self.torrents_seen, report.torrents.len() as u64);
    }
}

fn of<K: Ord>(counts: &BTreeMap<K, u64>, key: &K) -> i64 {
    gauge_value(counts.get(key).copied().unwrap_or_default())
}
