//! Analysis of capture files, from the first packet to the report.

use super::coverage::Tally;
use super::intake::Intake;
use super::keeper::{Keeper, Places, Tells};
use super::limits::AnalyzeLimits;
use super::pool::Pool;
use super::worker::{Keep, WorkerCounters};
use crate::base::{Address, HomeNets, Timestamp};
use crate::capture::{self, CaptureError, FileOptions, PacketSource, Run, SourceStatus};
use crate::event::Subject;
use crate::frame::Decoder;
use crate::ledger::memory::Memory;
use crate::ledger::report::{Coverage, Report};
use crate::ledger::{Allowed, Ledger, LedgerLimits};
use crate::output::AnalysisSink;
use crate::wire::node_id;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What to analyze, and how.
#[derive(Clone, Debug, Default)]
pub struct AnalyzeOptions {
    /// Files, folders or `-`.
    pub inputs: Vec<PathBuf>,
    /// The networks whose hosts are reported on.
    pub home: HomeNets,
    /// A BPF filter in libpcap's language.
    pub filter: Option<String>,
    /// Leave out packets before this time.
    pub since: Option<Timestamp>,
    /// Leave out packets from this time on.
    pub until: Option<Timestamp>,
    /// Worker threads; 0 works on the reading thread, which is cheapest for files.
    pub workers: usize,
    /// Tell of flows without a label too.
    pub all_flows: bool,
    /// Tell of every DHT message.
    pub log_dht: bool,
    /// Tell news of flows that go on, every second of packet time: see [`AnalysisSink::update`] and
    /// [`AnalysisSink::tick`].
    pub news: bool,
    /// Tell of all flows near this one, with a trace of those that are meant.
    pub subject: Option<Subject>,
    /// Count a packet that a span port mirrored twice once.
    pub deduplicate: bool,
    /// How long a host must be quiet to be called cleared, where the default does not suit.
    pub quiet_for: Option<Duration>,
    /// What is counted and shown as allowed.
    pub allowed: Arc<Allowed>,
    /// What was remembered from before a restart.
    pub remembered: Option<Arc<Memory>>,
    /// Memory to stay within, in bytes, where the default does not suit: see [`AnalyzeLimits::within`].
    pub memory: Option<u64>,
}

/// Why an analysis could not be done.
#[derive(Debug)]
pub enum AnalyzeError {
    /// What was asked for cannot be done: an input that does not exist, a filter that does not compile.
    Usage(String),
    /// It went wrong on the way.
    Failed(String),
}

impl std::fmt::Display for AnalyzeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(what) | Self::Failed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for AnalyzeError {}

impl From<CaptureError> for AnalyzeError {
    fn from(e: CaptureError) -> Self {
        Self::Usage(e.to_string())
    }
}

/// Packet time between two ticks where news of flows that go on is told.
const NEWS_TICK: Duration = Duration::from_secs(1);
/// Packet time between two judgements of a flow that goes on, where no news is told: half the time that evidence lasts.
const INTERIM: Duration = Duration::from_secs(900);
/// Packets between two calls of [`AnalysisSink::progress`].
const PROGRESS_PACKETS: u64 = 4_096;

/// Reads the inputs to their end and reports.
///
/// # Errors
/// [`AnalyzeError::Usage`] when an input does not exist or the filter does not compile. Damaged input is no error: it is
/// listed in the report's coverage.
pub fn analyze(options: &AnalyzeOptions, sink: &mut dyn AnalysisSink) -> Result<Report, AnalyzeError> {
    let file_options = FileOptions {
        filter: options.filter.clone(),
        since: options.since,
        until: options.until,
        ..FileOptions::default()
    };
    let mut source = capture::open(&options.inputs, &file_options)?;
    tracing::debug!(inputs = options.inputs.len(), workers = options.workers, "reading");
    let limits = options.memory.map_or_else(AnalyzeLimits::default, AnalyzeLimits::within);
    analyze_source(&mut source, options, limits, sink)
}

/// The same for any source of packets, in memory of the caller's choice. `inputs`, `filter`, `since`, `until` and `memory` of
/// the options are the source's or the caller's business and not looked at.
///
/// # Errors
/// [`AnalyzeError::Usage`] when the source fails; [`AnalyzeError::Failed`] should packets have been counted wrongly.
pub fn analyze_source<S: PacketSource + ?Sized>(
    source: &mut S,
    options: &AnalyzeOptions,
    limits: AnalyzeLimits,
    sink: &mut dyn AnalysisSink,
) -> Result<Report, AnalyzeError> {
    let quiet_for = options.quiet_for.unwrap_or(limits.ledger.quiet_for);
    let ledger = Arc::new(Ledger::new(options.home.clone(), LedgerLimits { quiet_for, ..limits.ledger }));
    ledger.allow(Arc::clone(&options.allowed));
    let filtered = options.filter.is_some();
    if let Some(memory) = &options.remembered {
        ledger.restore(memory);
    }
    let interim = if options.news { NEWS_TICK } else { INTERIM };
    let keep = Keep {
        all_flows: options.all_flows,
        dht: options.log_dht,
        subject: options.subject,
        interim,
        live: options.news,
    };
    let mut pool = Pool::new(options.workers, &ledger, limits.flows, keep);
    let tick = if options.news { NEWS_TICK } else { limits.tick };
    let mut intake = Intake::new(options.deduplicate, tick, &ledger);
    let mut keeper = Keeper::new(
        Arc::clone(&ledger),
        Tells { all_flows: options.all_flows || options.subject.is_some(), news: options.news },
        limits.keeper,
    );
    loop {
        let packets = match source.next_run(intake.until())? {
            Run::Packets(packets) => packets,
            Run::Idle(_) => continue,
            Run::End => break,
        };
        let before = intake.tally.packets;
        let due = intake.take(packets, |frames| pool.frames(frames));
        let Intake { decoder, tally, clock, .. } = &intake;
        if let Some(now) = due.tick {
            tracing::trace!(%now, packets = tally.packets, "tick");
            let harvests = pool.tick(now);
            let places = Places { paths: decoder.paths().as_slice(), origins: &source.status().origins };
            let mut health = coverage(tally, source.status(), decoder, &ledger);
            super::coverage::add_workers(&mut health, &pool.counters());
            ledger.note_sensor(now, &health, Duration::ZERO, filtered);
            keeper.tick(now, harvests, &places, sink);
            if options.news {
                sink.tick(now, &ledger, &health);
            }
        }
        if due.stats {
            sink.stats(clock.now, &coverage(tally, source.status(), decoder, &ledger));
        }
        if tally.packets / PROGRESS_PACKETS > before / PROGRESS_PACKETS {
            let status = source.status();
            if sink.progress(status.bytes_read, status.bytes_total, tally.packets).is_break() {
                break;
            }
        }
    }
    let Intake { decoder, tally, .. } = &intake;
    let (harvests, counters) = pool.finish(tally.last().unwrap_or_default());
    let places = Places { paths: decoder.paths().as_slice(), origins: &source.status().origins };
    keeper.finish(harvests, &places, sink);
    intake.check()?;
    let mut limits_hit = ledger.limits_hit();
    if keeper.judged_early() > 0 {
        limits_hit.insert("flows-judged-early", keeper.judged_early());
    }
    let coverage = tally.coverage(source.status(), decoder, &counters, ledger.home(), limits_hit);
    ledger.note_sensor(tally.last().unwrap_or_default(), &coverage, Duration::ZERO, filtered);
    let mut report = ledger.report();
    verify_node_ids(&mut report);
    report.coverage = coverage;
    keeper.tell_ends(&report, sink);
    let last = tally.last().unwrap_or_default();
    if options.news {
        sink.tick(last, &ledger, &report.coverage);
        sink.end(&ledger);
    }
    sink.stats(last, &report.coverage);
    Ok(report)
}

/// What could be seen so far; what the workers count is known only at the end.
fn coverage(tally: &Tally, status: &SourceStatus, decoder: &Decoder, ledger: &Ledger) -> Coverage {
    tally.coverage(status, decoder, &WorkerCounters::default(), ledger.home(), ledger.limits_hit())
}

/// Says of each DHT node id of a home host whether it is made from an address of the host (BEP 42): its own, or the one
/// that others say they see. Unknown where neither is public, for then the BEP asks nothing.
pub fn verify_node_ids(report: &mut Report) {
    for host in &mut report.hosts {
        let outside = host.external.iter().map(|(address, _)| *address);
        let addresses: Vec<Address> =
            std::iter::once(host.address).chain(outside).filter(|a| !node_id::is_exempt(a)).collect();
        for (id, valid) in &mut host.node_ids {
            *valid = (!addresses.is_empty()).then(|| addresses.iter().any(|a| node_id::is_valid_for(id, a)));
        }
    }
}
