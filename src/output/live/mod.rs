//! What the keeper's thread and the HTTP thread share of a running sensor.
//!
//! The keeper tells a [`LiveSink`]; the HTTP thread reads a [`Live`]. Counters are atomic; hosts and torrents are published
//! as a whole, and whoever reads them keeps what was published; the rest is behind locks that are held for a copy only.

mod duty;
mod flows;
mod listeners;
mod rates;
mod sink;

pub use duty::{AlertItem, Duty, OutputStatus, PolicyStatus};
pub use flows::{FlowEntry, FlowStore};
pub use listeners::{Listeners, Told};
pub use rates::{Moved, Rates, STEP_SECS, Series};
pub use sink::LiveSink;

use super::SensorStatus;
use super::privacy::Veil;
use super::prometheus::{BuildInfo, Metrics};
use crate::base::{Address, HomeNets, Timestamp};
use crate::ledger::report::{Coverage, Report, Totals};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What to serve, and how much of it.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// The home networks.
    pub home: HomeNets,
    /// What is kept back of the report that is read at ticks; all else comes veiled.
    pub veil: Arc<Veil>,
    /// Home hosts with metrics of their own, at most; 0 for none.
    pub hosts_max: usize,
    /// What runs.
    pub build: BuildInfo,
    /// When the sensor was started, by the wall clock.
    pub started: Timestamp,
    /// How packets are taken from interfaces, such as `promiscuous`.
    pub capture_mode: String,
    /// The words for packets that become no frame.
    pub skip_reasons: Vec<&'static str>,
    /// Puts into a report what the ledger alone does not know.
    pub complete: fn(&mut Report),
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            home: HomeNets::default(),
            veil: Arc::default(),
            hosts_max: 500,
            build: BuildInfo::default(),
            started: Timestamp::default(),
            capture_mode: String::new(),
            skip_reasons: Vec::new(),
            complete: |_| {},
        }
    }
}

/// A running sensor as it is served.
#[derive(Debug)]
pub struct Live {
    /// The metrics.
    pub metrics: Metrics,
    /// Who listens to events.
    pub listeners: Listeners,
    /// When the sensor was started, by the wall clock.
    pub started: Timestamp,
    snapshot: Mutex<Arc<Snapshot>>,
    duty: Mutex<Arc<Duty>>,
    rates: Mutex<Rates>,
    flows: Mutex<FlowStore>,
    ready: AtomicBool,
}

/// What is known at a tick.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Packet time.
    pub now: Timestamp,
    /// What was seen.
    pub coverage: Coverage,
    /// Sums over flows and messages.
    pub totals: Totals,
    /// Hosts, torrents and what belongs to them, some ticks old where there are many. Its coverage and totals are not to be
    /// used.
    pub report: Arc<Report>,
    /// The sensor.
    pub sensor: SensorStatus,
}

impl Live {
    /// The two ends: what the pipeline tells, and what is served.
    ///
    /// # Errors
    /// A metric that is declared twice: a bug of ours.
    pub fn start(options: LiveOptions) -> prometheus::Result<(LiveSink, Arc<Self>)> {
        let LiveOptions { home, veil, hosts_max, build, started, capture_mode, skip_reasons, complete } =
            options;
        let (metrics, home_hosts) = Metrics::new(&build, started, hosts_max, &skip_reasons)?;
        let live = Arc::new(Self {
            metrics,
            listeners: Listeners::default(),
            started,
            snapshot: Mutex::default(),
            duty: Mutex::new(Arc::new(Duty { capture_mode, ..Duty::default() })),
            rates: Mutex::default(),
            flows: Mutex::default(),
            ready: AtomicBool::new(false),
        });
        Ok((LiveSink::new(Arc::clone(&live), home, veil, home_hosts, complete), live))
    }

    /// What was published last.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&locked(&self.snapshot))
    }

    /// How the program around the sensor fares.
    #[must_use]
    pub fn duty(&self) -> Arc<Duty> {
        Arc::clone(&locked(&self.duty))
    }

    /// Changes what is known of the program around the sensor.
    pub fn update_duty(&self, change: impl FnOnce(&mut Duty)) {
        change(Arc::make_mut(&mut locked(&self.duty)));
    }

    /// Whether a tick was told: captures are open and packets are being counted.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// The flows last heard of, newest first.
    #[must_use]
    pub fn flows(&self) -> Vec<Arc<FlowEntry>> {
        locked(&self.flows).newest_first()
    }

    /// The network's rates, or a host's.
    #[must_use]
    pub fn rates(&self, host: Option<&Address>, now: Timestamp) -> Series {
        let rates = locked(&self.rates);
        host.map_or_else(|| rates.network(now), |host| rates.host(host, now))
    }

    fn publish(&self, snapshot: Snapshot) {
        *locked(&self.snapshot) = Arc::new(snapshot);
        self.ready.store(true, Ordering::Relaxed);
    }
}

/// A thread that panicked while it held the lock left whole values behind: each is replaced or added to in one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
