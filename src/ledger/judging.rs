//! Collects the evidence for verdicts on home hosts from the tables.

use super::health::{Health, Sample, Seen};
use super::host::Host;
use super::life::Life;
use super::report::{Coverage, PortReport};
use super::verdict::{Evidence, verdict};
use super::{Ledger, Standing};
use crate::base::{Address, Timestamp};
use crate::event::Grade;
use std::collections::BTreeSet;
use std::time::Duration;

/// The sensor and the network as they are now, against which hosts are judged.
pub struct Bench {
    health: Health,
    network: Life,
}

impl Ledger {
    /// Length of the slots in which it is remembered when hosts were alive.
    #[must_use]
    pub const fn slot(&self) -> Duration {
        self.slot
    }

    /// Takes note of how well the sensor saw up to `now`: at every tick. `down` is the time that interfaces were down so
    /// far; `filtered` says that a filter hides packets.
    pub fn note_sensor(&self, now: Timestamp, coverage: &Coverage, down: Duration, filtered: bool) {
        let Some(first) = coverage.first else { return };
        if let Ok(mut health) = self.health.lock() {
            health.note(now, first, Sample::of(coverage, down));
            health.filtered |= filtered;
        }
    }

    /// Takes note that nobody watched from the last that was remembered until `now`.
    pub fn note_not_watched(&self, now: Timestamp) {
        if let Ok(mut health) = self.health.lock() {
            let filtered = health.filtered;
            health.note(now, now, Sample::default());
            health.filtered = filtered;
        }
    }

    /// The state of a home host, of which nothing need be known.
    #[must_use]
    pub fn standing(&self, address: Address) -> Standing {
        let mut standing = Standing::default();
        let bench = self.bench();
        self.attempts(&BTreeSet::from([address]), |address, tried| {
            let unknown = Host::default();
            let known = self.hosts.get(&address);
            let host = known.as_deref().map_or(&unknown, |host| host);
            standing = self.judge_host(&bench, host, &self.ports_of(address, host, tried));
        });
        standing
    }

    /// The states of all hosts with peer-to-peer traffic, in order of addresses.
    #[must_use]
    pub fn host_standings(&self) -> Vec<(Address, Standing)> {
        let active: BTreeSet<Address> =
            self.hosts.iter().filter(|h| h.active.is_some()).map(|h| *h.key()).collect();
        let bench = self.bench();
        let mut standings = Vec::new();
        self.attempts(&active, |address, tried| {
            if let Some(host) = self.hosts.get(&address) {
                let ports = self.ports_of(address, &host, tried);
                standings.push((address, self.judge_host(&bench, &host, &ports)));
            }
        });
        standings
    }

    /// How well the sensor saw from one time to another.
    #[must_use]
    pub fn seen(&self, from: Timestamp, to: Timestamp) -> Seen {
        self.health.lock().map(|health| health.between(from, to)).unwrap_or_default()
    }

    pub(super) fn bench(&self) -> Bench {
        let health = self.health.lock().map(|h| h.clone());
        let network = self.network.lock().map(|n| n.clone()).unwrap_or_default();
        let health = health.unwrap_or_else(|_| Health::new(self.slot, self.limits.quiet_for));
        Bench { health, network }
    }

    pub(super) fn judge_host(&self, bench: &Bench, host: &Host, ports: &[PortReport]) -> Standing {
        let ports: Vec<PortReport> = ports.iter().filter(|p| p.p2p || p.mapped).cloned().collect();
        let strong = host.bytes.iter().filter(|(grade, _)| **grade >= Grade::Strong);
        let moved = strong.fold(host.moved_before, |sum, (_, b)| sum.plus(*b));
        let evidence = Evidence {
            quiet_for: self.limits.quiet_for,
            activity: &host.activity,
            cleared: host.cleared,
            suspected: host.suspected,
            moved,
            life: &host.life,
            network: &bench.network,
            ports: &ports,
            health: &bench.health,
            slot: self.slot,
        };
        verdict(&evidence, bench.health.now)
    }
}
