//! What a sensor tells while it runs: events, the log, the service manager.

use super::super::exit::Failure;
use super::WatchArguments;
use super::spool::{Spool, Target};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use swarmscope::base::Timestamp;
use swarmscope::config::Config;
use swarmscope::event::FlowRecord;
use swarmscope::ledger::Ledger;
use swarmscope::ledger::report::Coverage;
use swarmscope::output::{
    AnalysisSink, DhtEvent, EventWriter, FlowContext, HostEvent, InterfaceStatus, SensorStatus, TorrentEvent,
};
use swarmscope::system::{Service, Signals};
use tracing::{error, info, warn};

/// What the sensor was started with.
pub(super) struct Running {
    pub(super) arguments: WatchArguments,
    /// The configuration in use.
    pub(super) config: Config,
    /// The file it was read from.
    pub(super) file: Option<PathBuf>,
    pub(super) signals: Signals,
    pub(super) service: Service,
}

/// The outputs of a running sensor, all on the keeper's thread.
pub(super) struct Outputs {
    running: Running,
    events: Option<EventWriter<Spool>>,
    /// Whether the events could be written at the last tick.
    events_fail: bool,
    interfaces: Vec<InterfaceStatus>,
}

impl Outputs {
    /// Opens the event file, with the rights that are left.
    pub(super) fn open(running: Running) -> Result<Self, Failure> {
        let target = match running.config.events.path.as_deref() {
            None => None,
            Some(path) if path == Path::new("-") => Some(Target::Stream(Box::new(io::stdout()))),
            Some(path) => Some(Target::file(path).map_err(|error| {
                Failure::usage(format!("cannot write events to {}: {error}", path.display()))
            })?),
        };
        let events = target.map(|target| EventWriter::new(Spool::new(target)));
        Ok(Self { running, events, events_fail: false, interfaces: Vec::new() })
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let Some(events) = &mut self.events else { return Ok(()) };
        let spool = events.inner_mut();
        spool.drain();
        match spool.failing {
            None => Ok(()),
            Some(kind) => Err(Failure::writing("events", &kind.into())),
        }
    }

    fn write(&mut self, write: impl FnOnce(&mut EventWriter<Spool>) -> io::Result<()>) {
        if let Some(events) = &mut self.events
            && let Err(error) = write(events)
        {
            // A spool takes everything.
            error!(%error, "an event could not be written");
        }
    }

    fn drain(&mut self) {
        let Some(spool) = self.events.as_mut().map(EventWriter::inner_mut) else { return };
        spool.drain();
        match (spool.failing, self.events_fail) {
            (Some(io::ErrorKind::BrokenPipe), _) => {
                self.running.signals.stop().store(true, Ordering::Relaxed);
            }
            (Some(kind), false) => {
                error!(error = %io::Error::from(kind), "events cannot be written: they wait in memory")
            }
            (None, true) => info!(dropped = spool.dropped, "events are written again"),
            _ => {}
        }
        self.events_fail = spool.failing.is_some();
    }

    /// Opens the event file anew, and reads the configuration again. One that is wrong changes nothing.
    fn reload(&mut self) {
        self.running.service.reloading();
        if let Some(Err(error)) = self.events.as_mut().map(|events| events.inner_mut().reopen()) {
            error!(%error, "the event file cannot be opened anew: the old one goes on");
        }
        match Config::load(self.running.arguments.config.as_deref().or(self.running.file.as_deref())) {
            Err(error) => error!(%error, "the configuration is not taken: the one in use goes on"),
            Ok((mut config, _)) => {
                self.running.arguments.over(&mut config);
                if config == self.running.config {
                    info!("reloaded");
                } else {
                    warn!("the configuration has changed: what is new takes effect with a restart");
                }
            }
        }
        self.running.service.ready("reloaded");
    }

    /// Logs what has changed at the interfaces.
    fn compare(&mut self, interfaces: &[InterfaceStatus]) {
        for now in interfaces {
            let before = self.interfaces.iter().find(|before| before.name == now.name);
            let reason = now.problem.as_deref().unwrap_or_default();
            // One that is down when first looked at is lost, too.
            match (before.is_none_or(|before| before.up), now.up) {
                (true, false) => warn!(interface = now.name, reason, "interface lost"),
                (false, true) => {
                    info!(interface = now.name, gap_seconds = now.gap.as_secs(), "interface is back");
                }
                (true, true) if before.is_some_and(|before| before.problem != now.problem) => {
                    warn!(interface = now.name, reason, "interface has changed");
                }
                _ => {}
            }
            if now.kernel_dropped > 0 && before.is_none_or(|before| before.kernel_dropped == 0) {
                let dropped = now.kernel_dropped;
                warn!(interface = now.name, dropped, "the kernel drops packets: a larger --buffer may help");
            }
        }
        self.interfaces = interfaces.to_vec();
    }
}

impl AnalysisSink for Outputs {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        self.write(|events| events.flow(record, context));
    }

    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        self.write(|events| events.dht(event, context));
    }

    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        self.write(|events| events.torrent(event));
    }

    fn host(&mut self, event: &HostEvent<'_>) {
        self.write(|events| events.host(event));
    }

    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.write(|events| events.stats(at, coverage));
    }

    fn sensor(&mut self, status: &SensorStatus) {
        self.compare(&status.interfaces);
    }

    /// What comes through here went the packets' way: the watchdog hears of nothing else.
    fn tick(&mut self, _now: Timestamp, _ledger: &Ledger, coverage: &Coverage) {
        self.drain();
        self.running.service.alive();
        if self.running.signals.take_reload() {
            self.reload();
        }
        if self.running.signals.take_report() {
            let Coverage { packets, decoded, kernel_dropped, queue_dropped, flows, .. } = coverage;
            info!(packets, decoded, kernel_dropped, queue_dropped, flows, "so far");
        }
    }

    fn progress(&mut self, _: u64, _: Option<u64>, _: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
