//! The thread that writes, behind a bounded queue. A disk that fails holds up neither the sensor nor what comes after it.

use super::entry::Batch;
use super::{Removed, StoreLimits, retention, write};
use rusqlite::{Connection, ErrorCode};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Batches that may wait.
const WAITING: usize = 8;
/// First and longest pause before a batch that failed is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];
/// Time of the machine between two looks at what is too old or too much.
const TIDY: Duration = Duration::from_secs(600);

/// What was done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreCounters {
    /// Rows written, about.
    pub written: u64,
    /// Rows that could not be taken, about.
    pub dropped: u64,
    /// Transactions that failed.
    pub errors: u64,
    /// Whether the last one succeeded.
    pub up: bool,
    /// Days removed because they were too old, and because the file was too large.
    pub removed: Removed,
}

/// Writes in a thread of its own.
#[derive(Debug)]
pub struct Writer {
    queue: Option<SyncSender<Batch>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    written: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
    down: AtomicBool,
    /// Batches handed over and not yet written.
    waiting: AtomicU64,
    closing: AtomicBool,
    /// What the last failure said.
    problem: Mutex<Option<String>>,
    too_old: AtomicU64,
    too_much: AtomicU64,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub(super) fn start(connection: Connection, limits: StoreLimits) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            down: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            problem: Mutex::default(),
            too_old: AtomicU64::new(0),
            too_much: AtomicU64::new(0),
        });
        let (queue, batches) = sync_channel(WAITING);
        let desk = Desk { connection, limits, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("history".into()).spawn(move || desk.run(&batches))?;
        Ok(Self { queue: Some(queue), shared, thread: Some(thread) })
    }

    /// Whether there is room for a batch. What is collected later is not lost, so it is better not to collect without room.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed) < WAITING as u64
    }

    /// Hands a batch over and does not wait; without room it is counted as dropped.
    pub fn send(&self, batch: Batch) {
        self.hand_over(batch, |queue, batch| {
            queue.try_send(batch).map_err(|error| match error {
                TrySendError::Full(batch) | TrySendError::Disconnected(batch) => batch.rows(),
            })
        });
    }

    /// Hands a batch over, and waits for room while the disk takes what comes before.
    pub fn send_patiently(&self, batch: Batch) {
        if self.shared.down.load(Ordering::Relaxed) {
            return self.send(batch);
        }
        self.hand_over(batch, |queue, batch| queue.send(batch).map_err(|error| error.0.rows()));
    }

    fn hand_over(&self, batch: Batch, send: impl FnOnce(&SyncSender<Batch>, Batch) -> Result<(), u64>) {
        let Some(queue) = &self.queue else { return };
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(rows) = send(queue, batch) {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            self.count_dropped(rows);
        }
    }

    /// Counts what was not even collected.
    pub fn count_dropped(&self, rows: u64) {
        self.shared.dropped.fetch_add(rows, Ordering::Relaxed);
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> StoreCounters {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        StoreCounters {
            written: read(&self.shared.written),
            dropped: read(&self.shared.dropped),
            errors: read(&self.shared.errors),
            up: !self.shared.down.load(Ordering::Relaxed),
            removed: Removed { too_old: read(&self.shared.too_old), too_much: read(&self.shared.too_much) },
        }
    }

    /// What the last failure said.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes what waits, once, and ends.
    pub fn close(mut self) -> StoreCounters {
        self.stop();
        self.counters()
    }

    fn stop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A writer that died has counted nothing, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn failed(&self, error: &rusqlite::Error) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The thread's side.
struct Desk {
    connection: Connection,
    limits: StoreLimits,
    shared: Arc<Shared>,
}

impl Desk {
    #[allow(clippy::disallowed_methods, reason = "how often a disk is tidied is no matter of packet time")]
    fn run(mut self, batches: &Receiver<Batch>) {
        self.tidy();
        let mut tidied = Instant::now();
        loop {
            match batches.recv_timeout(TIDY) {
                Ok(batch) => self.take(&batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if tidied.elapsed() >= TIDY {
                self.tidy();
                tidied = Instant::now();
            }
        }
        self.tidy();
        // Puts all into one file, for whoever copies it; what fails here stays in the other, where it is as safe.
        let _ = self.connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
    }

    /// Writes a batch; one that fails for want of disk is tried again until it succeeds, or all is to end.
    fn take(&mut self, batch: &Batch) {
        let mut pause = PAUSES[0];
        loop {
            let result = write::write(&mut self.connection, batch);
            let Err(error) = result else {
                self.shared.written.fetch_add(batch.rows(), Ordering::Relaxed);
                self.shared.down.store(false, Ordering::Relaxed);
                break;
            };
            self.shared.failed(&error);
            self.shared.down.store(true, Ordering::Relaxed);
            if !may_pass(&error) || self.shared.closing.load(Ordering::Relaxed) {
                self.shared.dropped.fetch_add(batch.rows(), Ordering::Relaxed);
                break;
            }
            self.wait(pause);
            pause = (pause * 2).min(PAUSES[1]);
        }
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits, but not when all is to end.
    fn wait(&self, mut pause: Duration) {
        let step = Duration::from_millis(100);
        while !pause.is_zero() && !self.shared.closing.load(Ordering::Relaxed) {
            std::thread::sleep(step.min(pause));
            pause = pause.saturating_sub(step);
        }
    }

    fn tidy(&mut self) {
        match retention::tidy(&mut self.connection, &self.limits) {
            Ok(removed) => {
                self.shared.too_old.fetch_add(removed.too_old, Ordering::Relaxed);
                self.shared.too_much.fetch_add(removed.too_much, Ordering::Relaxed);
            }
            Err(error) => self.shared.failed(&error),
        }
    }
}

/// Whether the same transaction may succeed later: a disk can be made room on, a wrong row stays wrong.
fn may_pass(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
        )
    )
}
