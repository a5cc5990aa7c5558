//! Live capture: three stages that never wait for the one behind them.
//!
//! A `Reader` reads, decodes and sends; the workers dissect; the keeper, a thread of its own behind a `Desk`, judges, counts
//! and tells the outputs. A full queue costs whole batches, and every frame of them is counted. Once a second a tick goes
//! through all queues; when every worker has passed it, all that came before it is counted.

use super::analyze::AnalyzeError;
use super::desk::Desk;
use super::keeper::{Keeper, Tells};
use super::limits::AnalyzeLimits;
use super::pool::start_lanes;
use super::reader::{Reader, Seen, TICK};
use super::worker::Keep;
use crate::base::{HashKey, HomeNets};
use crate::capture::PacketSource;
use crate::ledger::memory::Memory;
use crate::ledger::report::Report;
use crate::ledger::{Allowed, Ledger};
use crate::output::AnalysisSink;
use crossbeam_channel::bounded;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// The networks whose hosts are reported on.
    pub home: HomeNets,
    /// Worker threads for one source; at least one is started.
    pub workers: usize,
    /// Tell of flows without a label too.
    pub all_flows: bool,
    /// Tell of every DHT message.
    pub log_dht: bool,
    /// Count a packet that a span port mirrored twice once.
    pub deduplicate: bool,
    /// How much to remember.
    pub limits: AnalyzeLimits,
    /// What is counted and shown as allowed.
    pub allowed: Arc<Allowed>,
    /// What was remembered from before a restart.
    pub remembered: Option<Arc<Memory>>,
}

/// Harvests that may wait for the keeper, per worker.
const HARVESTS: usize = 4;

/// Reads the sources until they end, which for live ones is when they are asked to stop, and reports.
///
/// One source is read on the calling thread, and its frames are shared out to the workers. Several are shares of the same
/// traffic that never tear an address pair apart, as [`Live::open_shares`](crate::capture::Live::open_shares) gives them: each
/// has a thread and a worker of its own, and [`WatchOptions::workers`] is not looked at.
///
/// The sink is used by the keeper's thread alone. It is told news of flows that go on ([`AnalysisSink::update`]), the state
/// of the sensor, and a tick every second, packets or not.
///
/// # Errors
/// [`AnalyzeError::Failed`] when a source fails for good, should packets have been counted wrongly, or should a reader or the
/// keeper have died.
pub fn watch<S: PacketSource>(
    sources: &mut [S],
    options: &WatchOptions,
    sink: &mut (dyn AnalysisSink + Send),
) -> Result<Report, AnalyzeError> {
    let readers = sources.len();
    let workers = if readers > 1 { readers } else { options.workers.max(1) };
    let ledger = Arc::new(Ledger::new(options.home.clone(), options.limits.ledger));
    ledger.allow(Arc::clone(&options.allowed));
    if let Some(memory) = &options.remembered {
        ledger.restore(memory);
    }
    let keep =
        Keep { all_flows: options.all_flows, dht: options.log_dht, subject: None, interim: TICK, live: true };
    let key = HashKey::random();
    let (hand_over, back) = bounded(workers * HARVESTS);
    let mut lanes = start_lanes(workers, key, &ledger, options.limits.flows, keep, &hand_over).into_iter();
    drop(hand_over);
    let seen: Vec<Mutex<Seen>> = (0..readers).map(|_| Mutex::default()).collect();
    let halt = AtomicBool::new(false);
    let mut shares: Vec<_> = sources
        .iter_mut()
        .zip(&seen)
        .map(|(source, seen)| {
            let lanes = lanes.by_ref().take(workers / readers).collect();
            let deduplicate = options.deduplicate;
            (source, Reader { deduplicate, key, lanes, ledger: &ledger, seen, halt: &halt })
        })
        .collect();
    let failed = |what: &str| AnalyzeError::Failed(what.to_owned());
    let cannot_start = |e: std::io::Error| AnalyzeError::Failed(format!("cannot start a thread: {e}"));
    std::thread::scope(|scope| {
        let tells = Tells { all_flows: options.all_flows, news: true };
        let keeper = Keeper::new(Arc::clone(&ledger), tells, options.limits.keeper);
        let desk = Desk::new(keeper, &ledger, &seen, options.limits, workers);
        let keeper = Builder::new().name("keeper".into()).spawn_scoped(scope, || desk.run(&back, sink));
        let keeper = keeper.map_err(cannot_start)?;
        let own = (!shares.is_empty()).then(|| shares.remove(0));
        let others = shares.into_iter().enumerate().map(|(number, (source, reader))| {
            let name = format!("reader-{}", number + 1);
            Builder::new().name(name).spawn_scoped(scope, || reader.run(source)).map_err(cannot_start)
        });
        // All of them run before the first is waited for.
        let others: Vec<_> = others.collect();
        if others.iter().any(Result::is_err) {
            halt.store(true, Ordering::Relaxed);
        }
        let mut read = own.map_or(Ok(()), |(source, reader)| reader.run(source));
        for other in others {
            let ended =
                other.and_then(|thread| thread.join().map_err(|_| failed("a reader died of a panic"))?);
            read = read.and(ended);
        }
        let report = keeper.join().map_err(|_| failed("the keeper died of a panic"))?;
        read.map(|()| report)
    })
}
