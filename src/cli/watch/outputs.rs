//! What a sensor tells while it runs: events, what is served, alerts to others, the log, the service manager.

use super::super::exit::Failure;
use super::WatchArguments;
use super::carriers::{Carriers, Prepared};
use super::policy::{self, Board, PolicyNow};
use super::spool::{Spool, Target};
use super::web;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use swarmscope::base::Timestamp;
use swarmscope::config::{Config, Events};
use swarmscope::event::{FlowRecord, FlowUpdate};
use swarmscope::ledger::Ledger;
use swarmscope::ledger::report::Coverage;
use swarmscope::output::live::{Live, LiveSink, OutputStatus};
use swarmscope::output::privacy::Veil;
use swarmscope::output::sinks::RotatingFile;
use swarmscope::output::{
    AnalysisSink, DhtEvent, EventWriter, FlowContext, HostEvent, InterfaceStatus, SensorStatus, TorrentEvent,
};
use swarmscope::policy::{AlertChange, RuleSet, Subject};
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
    /// Whether the events could be written at the last tick, and how often not.
    events_fail: bool,
    events_errors: u64,
    interfaces: Vec<InterfaceStatus>,
    /// What is served, where something is.
    live: Option<(LiveSink, Arc<Live>)>,
    carriers: Carriers,
    board: Board,
    /// Whether DHT messages are told at all.
    dht: bool,
    /// Rules that a reload read, until they are taken.
    rules: Option<Arc<RuleSet>>,
}

impl Outputs {
    /// Opens the event file, with the rights that are left, and starts the carriers.
    pub(super) fn open(
        running: Running,
        live: Option<(LiveSink, Arc<Live>)>,
        carriers: Prepared,
        dht: bool,
        veil: Arc<Veil>,
    ) -> Result<Self, Failure> {
        let events = target(&running.config.events)?.map(|target| EventWriter::new(Spool::new(target)));
        Ok(Self {
            running,
            events,
            events_fail: false,
            events_errors: 0,
            interfaces: Vec::new(),
            live,
            carriers: carriers.start()?,
            board: Board::new(veil),
            dht,
            rules: None,
        })
    }

    /// Rules to put in the place of those in force, where a reload has read some.
    pub(super) fn take_rules(&mut self) -> Option<Arc<RuleSet>> {
        self.rules.take()
    }

    /// Serves what the policy says.
    pub(super) fn publish(&mut self, say: impl FnOnce(&mut Board) -> PolicyNow) {
        if let Some((_, live)) = &self.live {
            let now = say(&mut self.board);
            live.update_duty(|duty| now.over(&mut duty.policy));
        }
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

    fn show(&mut self, show: impl FnOnce(&mut LiveSink)) {
        if let Some((live, _)) = &mut self.live {
            show(live);
        }
    }

    fn drain(&mut self, now: Timestamp) {
        let Some(spool) = self.events.as_mut().map(EventWriter::inner_mut) else { return };
        spool.tick(now);
        self.events_errors += u64::from(spool.failing.is_some());
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
        let taken = match self.read_again() {
            Ok(()) => true,
            Err(error) => {
                error!(error, "the configuration is not taken: the one in use goes on");
                false
            }
        };
        if let Some((_, live)) = &self.live {
            live.update_duty(|duty| duty.reload = Some((taken, web::now())));
        }
        self.running.service.ready("reloaded");
    }

    /// Reads configuration and rules; takes the rules only when both are right.
    fn read_again(&mut self) -> Result<(), String> {
        let file = self.running.arguments.config.as_deref().or(self.running.file.as_deref());
        let (mut config, _) = Config::load(file).map_err(|error| error.to_string())?;
        self.running.arguments.over(&mut config);
        let rules = policy::load(config.rules.dir.as_deref()).map_err(|failure| match failure {
            Failure::Usage(text) | Failure::Run(text) => text,
            Failure::ClosedPipe => String::new(),
        })?;
        if !self.dht && rules.rules.iter().any(|rule| rule.subject == Subject::Dht) {
            warn!("rules about DHT messages take effect with a restart: none were about them at the start");
        }
        self.running.config.rules = config.rules.clone();
        if config == self.running.config {
            info!(rules = rules.rules.len(), "reloaded");
        } else {
            warn!("the configuration has changed beyond its rules: what is new takes effect with a restart");
        }
        self.rules = Some(rules);
        Ok(())
    }

    /// Tells what is served how the outputs fare.
    fn report_outputs(&mut self) {
        let Some((_, live)) = &self.live else { return };
        let mut outputs: Vec<OutputStatus> = self.carriers.status().collect();
        if let Some(spool) = self.events.as_mut().map(EventWriter::inner_mut) {
            let (up, errors) = (spool.failing.is_none(), self.events_errors);
            outputs.push(OutputStatus { sink: "events", up, errors, dropped: spool.dropped });
        }
        live.update_duty(|duty| duty.outputs = outputs);
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
        self.show(|live| live.flow(record, context));
    }

    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        self.write(|events| events.dht(event, context));
        self.show(|live| live.dht(event, context));
    }

    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        self.write(|events| events.torrent(event));
        self.show(|live| live.torrent(event));
    }

    fn host(&mut self, event: &HostEvent<'_>) {
        self.write(|events| events.host(event));
        self.show(|live| live.host(event));
    }

    fn update(&mut self, update: &FlowUpdate<'_>, context: &FlowContext<'_>) {
        self.show(|live| live.update(update, context));
    }

    fn alert(&mut self, change: &AlertChange) {
        self.write(|events| events.alert(change));
        self.carriers.send(change);
        self.board.note(change);
        let Some((_, live)) = &self.live else { return };
        let mut line = Vec::new();
        if EventWriter::new(&mut line).alert(change).is_ok() {
            live.listeners.tell("alert", &line);
        }
    }

    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.write(|events| events.stats(at, coverage));
        self.show(|live| live.stats(at, coverage));
    }

    fn sensor(&mut self, status: &SensorStatus) {
        self.compare(&status.interfaces);
        self.show(|live| live.sensor(status));
    }

    /// What comes through here went the packets' way: the watchdog hears of nothing else.
    fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage) {
        self.drain(now);
        self.report_outputs();
        self.show(|live| live.tick(now, ledger, coverage));
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

/// Where events go.
fn target(events: &Events) -> Result<Option<Target>, Failure> {
    let Some(path) = events.path.as_deref() else { return Ok(None) };
    if path == Path::new("-") {
        return Ok(Some(Target::Stream(Box::new(io::stdout()))));
    }
    let age = events.rotate_hours.map(|hours| Duration::from_secs(u64::from(hours.get()) * 3_600));
    let size = events.rotate_size.map(|size| size.0);
    let target = if age.is_some() || size.is_some() {
        RotatingFile::open(path, size, age, events.compress).map(|file| Target::Rotating(Box::new(file)))
    } else {
        Target::file(path)
    };
    let cannot = |error| Failure::usage(format!("cannot write events to {}: {error}", path.display()));
    target.map(Some).map_err(cannot)
}
