//! The metrics of a running sensor, for Prometheus.
//!
//! One file a group of families: it declares, registers and observes them. [`Metrics::new`] registers all groups and is the
//! only place that does. Labels come from closed sets, except the home hosts that [`HomeHosts`] admits; so the page has an
//! upper limit, [`SERIES_MAX`] and [`PAGE_MAX`]. Counters only grow: what is a total elsewhere is raised to, never set.

mod build;
mod declare;
mod dht;
mod home_hosts;
mod hosts;
mod openmetrics;
mod p2p;
mod page;
mod policy;
mod process;
mod sensor;
mod serving;
mod sketch;
mod traffic;

pub use build::BuildInfo;
pub use home_hosts::HomeHosts;
pub use p2p::directions;
pub use page::{Format, Page, accepts_gzip, compressed};

use super::SensorStatus;
use super::live::Duty;
use crate::base::Timestamp;
use crate::event::FlowUpdate;
use crate::ledger::report::{Coverage, Report, Totals};
use declare::Declare;
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntGaugeVec, Registry};
use std::sync::{Mutex, PoisonError};

/// Series on the page, at most.
pub const SERIES_MAX: usize = 10_000;
/// Bytes of the page, at most.
pub const PAGE_MAX: usize = 2 << 20;

/// All families but those of single hosts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    traffic: traffic::Traffic,
    p2p: p2p::P2p,
    dht: dht::Dht,
    hosts: hosts::Hosts,
    policy: policy::Policy,
    sensor: sensor::Sensor,
    process: process::Process,
    /// What the HTTP server counts of itself.
    pub serving: serving::Serving,
    scrape_duration: GaugeVec,
    scrape_success: IntGaugeVec,
    /// Held while totals are taken over and while they are read, so that a page never shows half a tick.
    gate: Mutex<()>,
}

/// Everything that is known at a tick.
#[derive(Clone, Copy)]
pub struct Tick<'a> {
    /// Packet time.
    pub now: Timestamp,
    /// What was seen.
    pub coverage: &'a Coverage,
    /// Sums over flows and messages.
    pub totals: &'a Totals,
    /// Hosts and torrents, which may be some ticks old.
    pub report: &'a Report,
    /// The sensor.
    pub sensor: &'a SensorStatus,
    /// The program around it.
    pub duty: &'a Duty,
    /// Events that listeners did not take in time.
    pub told_dropped: u64,
}

impl Metrics {
    /// Registers all families; `hosts_max` limits the home hosts with series of their own, `skip_reasons` are the words
    /// that [`Coverage::skipped`] may hold.
    ///
    /// # Errors
    /// A family that is declared twice: a bug of ours.
    pub fn new(
        build: &BuildInfo,
        started: Timestamp,
        hosts_max: usize,
        skip_reasons: &[&'static str],
    ) -> prometheus::Result<(Self, HomeHosts)> {
        let registry = Registry::new();
        let declare = Declare::new(&registry);
        build::register(&declare, build, started)?;
        // Their values are those of the page they stand on, so they are gathered after all others.
        let apart = Registry::new();
        let last = Declare::new(&apart);
        let metrics = Self {
            traffic: traffic::Traffic::register(&declare, skip_reasons)?,
            p2p: p2p::P2p::register(&declare)?,
            dht: dht::Dht::register(&declare)?,
            hosts: hosts::Hosts::register(&declare)?,
            policy: policy::Policy::register(&declare)?,
            sensor: sensor::Sensor::register(&declare)?,
            process: process::Process::register(&declare)?,
            serving: serving::Serving::register(&declare)?,
            scrape_duration: last.float_gauges(
                "scrape_collector_duration_seconds",
                "Time that collecting for this page took.",
                &["collector"],
            )?,
            scrape_success: last.gauges(
                "scrape_collector_success",
                "Whether collecting for this page succeeded.",
                &["collector"],
            )?,
            gate: Mutex::new(()),
            registry: registry.clone(),
        };
        Ok((metrics, HomeHosts::register(&declare, hosts_max)?))
    }

    /// Counts what became known of a flow; `home` says which of originator and responder are home hosts.
    pub fn flow(&self, update: &FlowUpdate<'_>, home: [bool; 2]) {
        self.p2p.observe(update, home);
    }

    /// Takes over the totals of a tick. While a page is being read they are left for the next tick: whoever counts packets
    /// does not wait for a reader.
    pub fn publish(&self, tick: &Tick<'_>, home_hosts: &mut HomeHosts) {
        let Ok(_held) = self.gate.try_lock() else { return };
        self.traffic.observe(tick);
        self.dht.observe(&tick.totals.dht);
        self.hosts.observe(tick.report);
        self.policy.observe(&tick.duty.policy);
        self.sensor.observe(tick);
        home_hosts.observe(tick.now, tick.report);
    }

    /// All families as they are now, by name.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        let (ok, spent) = timed(|| self.process.observe());
        self.collected("process", ok, spent);
        let held = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut families, spent) = timed(|| self.registry.gather());
        drop(held);
        self.collected("sensor", true, spent);
        families.extend(self.scrape_duration.collect());
        families.extend(self.scrape_success.collect());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        families
    }

    fn collected(&self, collector: &str, ok: bool, seconds: f64) {
        self.scrape_duration.with_label_values(&[collector]).set(seconds);
        self.scrape_success.with_label_values(&[collector]).set(i64::from(ok));
    }
}

/// What `work` gives, and the seconds it took.
#[allow(clippy::disallowed_methods, reason = "how long a page takes is no matter of packet time")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = std::time::Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}
