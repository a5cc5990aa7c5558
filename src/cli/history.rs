//! The history on disk: opened for `watch` and `analyze`, asked by `verify` and `notice`.

use super::exit::Failure;
use std::path::Path;
use std::time::{Duration, SystemTime};
use swarmscope::base::{Address, HomeNets, Network, Timestamp};
use swarmscope::ledger::memory::Memory;
use swarmscope::ledger::report::Coverage;
use swarmscope::ledger::{HostState, Ledger, LedgerLimits, Seen, Standing};
use swarmscope::policy::Engine;
use swarmscope::store::{Covered, History, RunKind, StoreError, StoreLimits};

pub(super) use swarmscope::store::Recorder;

/// How far back a verdict looks, in times of how long a host must be quiet.
const LOOK_BACK: u32 = 32;
/// Changes of state that are told at most.
const STATES: u32 = 1_000;
/// A sensor that gave a sign of life this long ago still runs.
const RUNS: Duration = Duration::from_secs(15);

/// A history to go on with, and what it remembers.
pub(super) struct Opened {
    history: History,
    pub(super) memory: Memory,
}

/// A history keeps real addresses, so that a sensor can go on from it: it is nothing for those who keep them back.
pub(super) fn check_veil(state: Option<&Path>, key: Option<&Path>) -> Result<(), Failure> {
    match (state, key) {
        (Some(_), Some(_)) => {
            Err(Failure::usage("a history keeps real addresses: leave either --state or --anonymize out"))
        }
        _ => Ok(()),
    }
}

/// Opens the history of a sensor, and reads what it needs to go on.
pub(super) fn open(dir: &Path, quiet_for: Duration) -> Result<Opened, Failure> {
    let history = History::open(dir).map_err(cannot)?;
    let memory = history.memory(quiet_for.saturating_mul(LOOK_BACK)).map_err(cannot)?;
    Ok(Opened { history, memory })
}

impl Opened {
    /// Gives the rules their state back: how many groups of alerts, and how many were left out.
    pub(super) fn restore(&self, engine: &mut Engine) -> Result<(usize, usize), Failure> {
        self.history.restore(engine).map_err(cannot)
    }

    /// Starts to write.
    pub(super) fn record(
        self,
        kind: RunKind,
        source: String,
        home: HomeNets,
        filtered: bool,
        limits: StoreLimits,
    ) -> Result<Recorder, Failure> {
        let writer = self.history.into_writer(limits).map_err(cannot)?;
        Ok(Recorder::new(writer, kind, source, home, filtered))
    }
}

/// Opens the history that an analysis is added to.
pub(super) fn record_analysis(
    dir: &Path,
    source: String,
    home: HomeNets,
    filtered: bool,
) -> Result<Recorder, Failure> {
    let writer = History::open(dir).and_then(|history| history.into_writer(StoreLimits::default()));
    let writer = writer.map_err(cannot)?;
    Ok(Recorder::new(writer, RunKind::Analyze, source, home, filtered))
}

fn cannot(error: StoreError) -> Failure {
    Failure::usage(format!("cannot use the history: {error}"))
}

/// What a history says of a host.
pub(super) struct Past {
    pub(super) standing: Standing,
    pub(super) states: Vec<(Timestamp, HostState)>,
    pub(super) coverage: Coverage,
}

/// The state of a host by a history: now where a sensor writes it, at its end where captures were read.
pub(super) fn verify(dir: &Path, host: Address, quiet_for: Duration) -> Result<Past, Failure> {
    let history = History::open_to_read(dir).map_err(cannot)?;
    let covered = history.covered().map_err(cannot)?;
    let covered = covered.ok_or_else(|| Failure::Run("the history holds nothing yet".to_owned()))?;
    let memory = history.memory(quiet_for.saturating_mul(LOOK_BACK)).map_err(cannot)?;
    let home: Vec<Network> = host.to_string().parse().into_iter().collect();
    let ledger = Ledger::new(HomeNets::new(home), LedgerLimits { quiet_for, ..LedgerLimits::default() });
    ledger.restore(&memory);
    let now = now();
    let gone = covered.live && now.since(covered.last) > RUNS;
    if gone {
        ledger.note_not_watched(now);
    }
    let mut standing = ledger.standing(host);
    if !memory.hosts.iter().any(|known| known.address == host) {
        standing = unknown(standing);
    }
    let mut states = history.states(host, STATES).map_err(cannot)?;
    if states.last().is_some_and(|(_, state)| *state != standing.state) {
        states.push((if gone { now } else { covered.last }, standing.state));
    }
    Ok(Past { standing, states, coverage: coverage(&covered) })
}

/// Nothing is kept of when other hosts were alive, so that nothing can be said of one of them.
fn unknown(standing: Standing) -> Standing {
    let none = "no peer-to-peer traffic of this host is in the history, which keeps of other hosts nothing, not even that \
                they were alive";
    let faults = standing.evidence.into_iter().filter(|sentence| sentence.starts_with("the sensor "));
    Standing {
        state: HostState::CannotTell,
        evidence: std::iter::once(none.to_owned()).chain(faults).collect(),
        ..standing
    }
}

/// What a history knows about the time of a notice.
pub(super) struct Then {
    pub(super) report: swarmscope::ledger::report::Report,
    pub(super) seen: Seen,
}

/// Looks around a time.
pub(super) fn near(dir: &Path, at: Timestamp, skew: Duration, quiet_for: Duration) -> Result<Then, Failure> {
    let history = History::open_to_read(dir).map_err(cannot)?;
    let mut report = history.report_near(at, skew).map_err(cannot)?;
    let (from, to) = (at - skew, at + skew);
    if let Some(covered) = history.covered_between(from, to).map_err(cannot)? {
        report.coverage = coverage(&covered);
    }
    // A gap before or after is one that lasts until the next sign of life.
    let around = quiet_for;
    let minutes = history.minutes(from - around, to + around).map_err(cannot)?;
    let ledger = Ledger::new(HomeNets::default(), LedgerLimits { quiet_for, ..LedgerLimits::default() });
    ledger.restore(&Memory { minutes, ..Memory::default() });
    Ok(Then { report, seen: ledger.seen(from, to) })
}

fn coverage(covered: &Covered) -> Coverage {
    Coverage {
        packets: covered.sample.packets,
        kernel_dropped: covered.sample.lost,
        cut_frames: covered.sample.cut,
        panics: covered.sample.panics,
        first: Some(covered.first),
        last: Some(covered.last),
        flows: covered.flows,
        one_way_flows: covered.one_way,
        ..Coverage::default()
    }
}

#[allow(clippy::disallowed_methods, reason = "whether a sensor still runs is asked of the machine's clock")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
