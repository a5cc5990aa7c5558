//! Analysis of capture files, from the first packet to the report.

use super::coverage::Tally;
use super::keeper::{Keeper, Places};
use super::pool::Pool;
use super::worker::{Keep, WorkerCounters};
use crate::base::{Address, HomeNets, Timestamp};
use crate::capture::{self, CaptureError, FileOptions, PacketSource, Read};
use crate::event::Subject;
use crate::flow::FlowLimits;
use crate::frame::{Decoded, Decoder, DecoderOptions};
use crate::ledger::report::Report;
use crate::ledger::{Ledger, LedgerLimits};
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
    /// Tell of all flows near this one, with a trace of those that are meant.
    pub subject: Option<Subject>,
    /// Count a packet that a span port mirrored twice once.
    pub deduplicate: bool,
}

/// How much an analysis may remember. The default suits a large network.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnalyzeLimits {
    /// Caps and idle times of the flows.
    pub flows: FlowLimits,
    /// Caps on hosts, torrents and endpoints.
    pub ledger: LedgerLimits,
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

/// Packet time between two ticks.
const TICK: Duration = Duration::from_secs(10);
/// Packet time between two coverage events.
const STATS: Duration = Duration::from_secs(60);
/// Packets between two calls of [`AnalysisSink::progress`].
const PROGRESS_PACKETS: u64 = 4_096;
/// A jump of the packet clock by more than this is believed when a second packet confirms it.
const JUMP: Duration = Duration::from_secs(3_600);

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
    analyze_source(&mut source, options, AnalyzeLimits::default(), sink)
}

/// The same for any source of packets, in memory of the caller's choice. `inputs`, `filter`, `since` and `until` of the
/// options are the source's business and not looked at.
///
/// # Errors
/// [`AnalyzeError::Usage`] when the source fails; [`AnalyzeError::Failed`] should packets have been counted wrongly.
pub fn analyze_source(
    source: &mut dyn PacketSource,
    options: &AnalyzeOptions,
    limits: AnalyzeLimits,
    sink: &mut dyn AnalysisSink,
) -> Result<Report, AnalyzeError> {
    let ledger = Arc::new(Ledger::new(options.home.clone(), limits.ledger));
    let keep = Keep { all_flows: options.all_flows, dht: options.log_dht, subject: options.subject };
    let mut pool = Pool::new(options.workers, &ledger, limits.flows, keep);
    let mut decoder = Decoder::new(DecoderOptions {
        suppress_duplicates: options.deduplicate,
        ..DecoderOptions::default()
    });
    let mut keeper = Keeper::new(Arc::clone(&ledger), options.all_flows || options.subject.is_some());
    let mut tally = Tally::default();
    let mut clock = Clock::default();
    loop {
        let packet = match source.next_packet()? {
            Read::Packet(packet) => packet,
            Read::Idle(_) => continue,
            Read::End => break,
        };
        tally.packet(&packet);
        let due = clock.advance(packet.at);
        let wire_len = packet.wire_len;
        let decoded = decoder.decode(&packet, tally.packets);
        tally.outcome(&decoded, wire_len);
        if let Decoded::Frame(frame) = decoded {
            pool.frame(&frame);
        }
        if let Some(now) = due.tick {
            tracing::trace!(%now, packets = tally.packets, "tick");
            let harvests = pool.tick(now);
            let places = Places { paths: decoder.paths(), origins: &source.status().origins };
            keeper.tick(now, harvests, &places, sink);
            ledger.expire(now);
        }
        if due.stats {
            let coverage = tally.coverage(
                source.status(),
                &decoder,
                &WorkerCounters::default(),
                ledger.home(),
                ledger.limits_hit(),
            );
            sink.stats(clock.now, &coverage);
        }
        if tally.packets % PROGRESS_PACKETS == 0 {
            let status = source.status();
            if sink.progress(status.bytes_read, status.bytes_total, tally.packets).is_break() {
                break;
            }
        }
    }
    let (harvests, counters) = pool.finish(tally.last().unwrap_or_default());
    let places = Places { paths: decoder.paths(), origins: &source.status().origins };
    keeper.finish(harvests, &places, sink);
    if !tally.adds_up() {
        return Err(AnalyzeError::Failed(format!(
            "the outcomes of {} packets do not add up: please report this as a bug",
            tally.packets
        )));
    }
    let mut limits = ledger.limits_hit();
    if keeper.judged_early() > 0 {
        limits.insert("flows-judged-early", keeper.judged_early());
    }
    let mut report = ledger.report();
    verify_node_ids(&mut report);
    report.coverage = tally.coverage(source.status(), &decoder, &counters, ledger.home(), limits);
    keeper.tell_ends(&report, sink);
    sink.stats(tally.last().unwrap_or_default(), &report.coverage);
    Ok(report)
}

/// Says of each DHT node id of a home host whether it is made from an address of the host (BEP 42): its own, or the one
/// that others say they see. Unknown where neither is public, for then the BEP asks nothing.
fn verify_node_ids(report: &mut Report) {
    for host in &mut report.hosts {
        let outside = host.external.iter().map(|(address, _)| *address);
        let addresses: Vec<Address> =
            std::iter::once(host.address).chain(outside).filter(|a| !node_id::is_exempt(a)).collect();
        for (id, valid) in &mut host.node_ids {
            *valid = (!addresses.is_empty()).then(|| addresses.iter().any(|a| node_id::is_valid_for(id, a)));
        }
    }
}

/// The clock of the packets: it never runs backwards, and a lone packet from the far future does not move it.
#[derive(Debug, Default)]
struct Clock {
    now: Timestamp,
    started: bool,
    doubted: Option<Timestamp>,
    next_tick: Timestamp,
    next_stats: Timestamp,
}

/// What a packet's time makes due.
#[derive(Debug, Default)]
struct Due {
    tick: Option<Timestamp>,
    stats: bool,
}

impl Clock {
    fn advance(&mut self, at: Timestamp) -> Due {
        if !self.started {
            self.started = true;
            self.now = at;
            self.next_tick = at + TICK;
            self.next_stats = at + STATS;
            return Due::default();
        }
        if at <= self.now {
            return Due::default();
        }
        if at.since(self.now) > JUMP {
            let confirmed =
                self.doubted.is_some_and(|d| at.since(d).max(d.since(at)) <= Duration::from_secs(60));
            if !confirmed {
                self.doubted = Some(at);
                return Due::default();
            }
        }
        self.doubted = None;
        self.now = at;
        let mut due = Due::default();
        if at >= self.next_tick {
            due.tick = Some(at);
            self.next_tick = at + TICK;
        }
        if at >= self.next_stats {
            due.stats = true;
            self.next_stats = at + STATS;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_packet_from_the_future_does_not_move_the_clock_and_two_do() {
        let mut clock = Clock::default();
        clock.advance(Timestamp::from_secs(1_000));
        assert!(clock.advance(Timestamp::from_secs(2_000_000_000)).tick.is_none());
        assert!(clock.advance(Timestamp::from_secs(1_011)).tick.is_some());
        clock.advance(Timestamp::from_secs(90_000));
        assert!(clock.advance(Timestamp::from_secs(90_001)).tick.is_some());
        assert!(clock.advance(Timestamp::from_secs(5)).tick.is_none());
    }
}
