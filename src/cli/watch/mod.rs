//! `swarmscope watch`: listens on interfaces until it is told to stop.
//!
//! The order of the start is the order of trust: what can be wrong is found out first, then what needs rights is opened, the
//! rights are given up, and only then is a packet looked at, a file written or a thread started.

mod arguments;
mod carriers;
mod outputs;
mod policy;
mod spool;
mod web;

pub(crate) use arguments::WatchArguments;

use super::exit::{Exit, Failure};
use super::history;
use super::log;
use super::privacy;
use outputs::{Outputs, Running};
use policy::Watched;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use swarmscope::base::HomeNets;
use swarmscope::capture::{CaptureError, Live, LiveOptions};
use swarmscope::config::Config;
use swarmscope::ledger::report::Report;
use swarmscope::ledger::{Allowed, LedgerLimits};
use swarmscope::output::privacy::Veiled;
use swarmscope::output::{Color, Layout, Policed, write_json, write_summary};
use swarmscope::pipeline::{AnalyzeError, AnalyzeLimits, WatchOptions, watch};
use swarmscope::policy::{Engine, EngineLimits, Subject};
use swarmscope::store::{RunKind, StoreLimits};
use swarmscope::system::{Identity, KeepNetRaw, Service, Signals, give_up_privileges};
use tracing::info;

/// Runs the command.
pub(crate) fn run(arguments: &WatchArguments, verbose: u8, quiet: bool) -> Result<Exit, Failure> {
    let (config, file) = configure(arguments)?;
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => config.log.level.name(),
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    log::start_sensor(level, config.log.format)?;
    let identity = config.user.as_deref().map(Identity::named).transpose().map_err(Failure::usage)?;
    let rules = policy::load(config.rules.dir.as_deref())?;
    let allowed = super::rules::allowed(config.rules.allow.as_deref())?;
    let carriers = carriers::Prepared::from(&config.sinks)?;
    history::check_veil(config.state.dir.as_deref(), config.privacy.anonymize_key_file.as_deref())?;
    let veil = privacy::configured(&config.privacy)?;
    let signals = Signals::install().map_err(|e| Failure::Run(format!("cannot listen to signals: {e}")))?;
    let service = Service::from_environment();

    let mut sources = open(&config, &live_options(&config, &signals)).map_err(Failure::usage)?;
    let server = web::bind(&config, &signals)?;

    let keep = if arguments.drop_net_raw { KeepNetRaw::No } else { KeepNetRaw::Yes };
    give_up_privileges(identity.as_ref(), keep)
        .map_err(|e| Failure::Run(format!("cannot give up rights: {e}")))?;

    let past = config.state.dir.as_deref().map(|dir| history::open(dir, config.quiet_for.0)).transpose()?;
    let stop = signals.stop();
    let running = Running { arguments: arguments.clone(), config, file, signals, service: service.clone() };
    let mut engine =
        Engine::new(rules, HomeNets::new(running.config.home_networks.clone()), EngineLimits::default());
    if let Some(page) = &running.config.web.external_url {
        engine = engine.with_page(page);
    }
    engine.allow(Arc::clone(&allowed));
    let mut options = watch_options(&running, allowed);
    let history = past.map(|past| go_on(past, &running.config, &mut engine, &mut options)).transpose()?;
    let dht_too = options.log_dht;
    options.log_dht |= engine.wants(Subject::Dht);
    let interfaces = running.config.interfaces.join(", ");
    let (live, shown) = server.as_ref().map(|_| web::live(&running.config, &veil)).transpose()?.unzip();
    let outputs = Outputs::open(
        running,
        live.zip(shown.clone()),
        carriers,
        options.log_dht,
        history,
        Arc::clone(&veil),
    )?;
    let mut outputs = Veiled::new(Arc::clone(&veil), outputs);
    let served = server.zip(shown).map(|(server, live)| server.start(live)).transpose();
    let served = served.map_err(|error| Failure::Run(error.to_string()))?;
    info!(interfaces, "listening");
    for address in served.iter().flat_map(|served| served.addresses()) {
        info!(%address, "serving the page, the API and the metrics");
    }
    service.ready(&format!("listening on {interfaces}"));
    // What fired before a restart.
    outputs.inner_mut().resume(engine.active().map(|mut alert| {
        veil.alert(&mut alert);
        alert
    }));
    let mut sink = Watched(Policed::new(&mut engine, &mut outputs, dht_too));
    let result = watch(&mut sources, &options, &mut sink);
    service.stopping();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    drop(served);
    outputs.into_inner().finish()?;
    let mut report = result.map_err(|error| match error {
        AnalyzeError::Usage(text) => Failure::Usage(text),
        AnalyzeError::Failed(text) => Failure::Run(text),
    })?;
    veil.report(&mut report);
    print(&report, arguments).map_err(|error| Failure::writing("the summary", &error))?;
    Ok(Exit::Done)
}

/// Goes on where the history ends, and writes it from here on.
fn go_on(
    past: history::Opened,
    config: &Config,
    engine: &mut Engine,
    options: &mut WatchOptions,
) -> Result<history::Recorder, Failure> {
    let (taken, left) = past.restore(engine)?;
    info!(
        hosts = past.memory.hosts.len(),
        alert_groups = taken,
        left_out = left,
        "going on from the history"
    );
    let keep = Duration::from_secs(u64::from(config.state.keep_days) * 86_400);
    let limits = StoreLimits { keep, size: config.state.max_size.0 };
    let memory = Arc::new(past.memory.clone());
    options.remembered = Some(memory);
    past.record(RunKind::Watch, config.interfaces.join(", "), options.home.clone(), false, limits)
}

/// The configuration, flags over file over default, and the file.
pub(super) fn configure(arguments: &WatchArguments) -> Result<(Config, Option<PathBuf>), Failure> {
    let (mut config, file) = Config::load(arguments.config.as_deref()).map_err(Failure::usage)?;
    arguments.over(&mut config);
    if config.interfaces.is_empty() {
        return Err(Failure::usage(
            "no interface was named: name one with --interface, or any for all of them",
        ));
    }
    Ok((config, file))
}

/// One capture, or with fanout one for each worker.
fn open(config: &Config, options: &LiveOptions) -> Result<Vec<Live>, CaptureError> {
    if config.fanout {
        Live::open_shares(options, usize::from(config.workers))
    } else {
        Live::open(options).map(|live| vec![live])
    }
}

fn live_options(config: &Config, signals: &Signals) -> LiveOptions {
    LiveOptions {
        interfaces: config.interfaces.clone(),
        buffer_bytes: u32::try_from(config.buffer.0).unwrap_or(u32::MAX),
        snaplen: config.snaplen,
        promiscuous: config.promiscuous,
        filter: config.filter.clone(),
        stop: signals.stop(),
    }
}

fn watch_options(running: &Running, allowed: Arc<Allowed>) -> WatchOptions {
    let Running { arguments, config, .. } = running;
    let caps = AnalyzeLimits::within(config.memory.0);
    WatchOptions {
        home: HomeNets::new(config.home_networks.clone()),
        workers: usize::from(config.workers),
        all_flows: config.events.all_flows,
        log_dht: config.events.dht,
        deduplicate: !arguments.no_dedup,
        limits: AnalyzeLimits {
            ledger: LedgerLimits { quiet_for: config.quiet_for.0, ..caps.ledger },
            ..caps
        },
        allowed,
        remembered: None,
    }
}

/// The summary: as JSON where asked for, for people where one looks.
fn print(report: &Report, arguments: &WatchArguments) -> io::Result<()> {
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let mut out = BufWriter::new(stdout.lock());
    if arguments.json {
        write_json(report, &mut out)?;
    } else if terminal {
        write_summary(report, &mut out, Layout::of_stdout(Color::Auto))?;
    }
    out.flush()
}
