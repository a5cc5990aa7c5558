//! Carries alerts to other programs: each sink has a queue and a thread of its own, and none of them can hold up a capture.
//!
//! A queue is bounded; when it is full the oldest alert goes, and is counted. A delivery that fails is tried again, with
//! pauses that double up to a minute; one that the receiver refuses for good is counted and left. Secrets come from files or
//! the environment, and are never printed. To add a sink, write a [`Courier`].

mod alertmanager;
mod file;
mod http;
mod secret;
mod syslog;
mod webhook;

pub use alertmanager::Alertmanager;
pub use file::RotatingFile;
pub use http::{HttpTarget, TargetError};
pub use secret::Secret;
pub use syslog::{Syslog, SyslogTransport};
pub use webhook::Webhook;

use crate::policy::AlertChange;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// First and longest pause before a delivery is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(60)];

/// Delivers alerts one by one.
pub trait Courier: Send {
    /// Delivers a change of an alert.
    ///
    /// # Errors
    /// Whether it is worth another try, and why not now.
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered>;

    /// How often [`refresh`](Self::refresh) is to be called.
    fn every(&self) -> Option<Duration> {
        None
    }

    /// Tells again what goes on.
    ///
    /// # Errors
    /// Those of [`deliver`](Self::deliver).
    fn refresh(&mut self) -> Result<(), Undelivered> {
        Ok(())
    }
}

impl Courier for Box<dyn Courier> {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        (**self).deliver(change)
    }

    fn every(&self) -> Option<Duration> {
        (**self).every()
    }

    fn refresh(&mut self) -> Result<(), Undelivered> {
        (**self).refresh()
    }
}

/// Why an alert was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The receiver cannot be reached or is busy.
    Later(String),
    /// It will not take this one.
    Never(String),
}

/// What a sink did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkCounters {
    /// Delivered.
    pub sent: u64,
    /// Left out: pushed out of a full queue, or still there at the end.
    pub dropped: u64,
    /// Refused by the receiver for good.
    pub refused: u64,
    /// Deliveries that failed and were, or will be, tried again.
    pub errors: u64,
}

/// A sink: a queue and the thread that empties it.
#[derive(Debug)]
pub struct Outbox {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    room: usize,
    queue: Mutex<Queue>,
    wake: Condvar,
    sent: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    errors: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    /// With their numbers, so that what was delivered is told from what came to its place.
    changes: VecDeque<(u64, AlertChange)>,
    next: u64,
    closing: bool,
}

impl Outbox {
    /// Starts a sink whose queue has room for so many alerts.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn start(name: &str, room: usize, courier: impl Courier + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            room: room.max(1),
            queue: Mutex::default(),
            wake: Condvar::new(),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name(format!("sink-{name}")).spawn(move || theirs.run(courier))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Puts a change into the queue; never waits.
    pub fn send(&self, change: &AlertChange) {
        let mut queue = self.shared.lock();
        if queue.changes.len() >= self.shared.room {
            queue.changes.pop_front();
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        let number = queue.next;
        queue.next += 1;
        queue.changes.push_back((number, change.clone()));
        self.shared.wake.notify_one();
    }

    /// The name that it was started with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What it did so far.
    #[must_use]
    pub fn counters(&self) -> SinkCounters {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let Shared { sent, dropped, refused, errors, .. } = &*self.shared;
        SinkCounters {
            sent: read(sent),
            dropped: read(dropped),
            refused: read(refused),
            errors: read(errors),
        }
    }

    /// Delivers what is left, as long as the receiver takes it, and ends.
    pub fn close(mut self) -> SinkCounters {
        self.end();
        self.counters()
    }

    fn end(&mut self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A courier that panicked has told so on stderr.
            let _ = thread.join();
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut courier: impl Courier) {
        let mut pause = None;
        loop {
            let (front, closing) = self.wait(pause, courier.every());
            let result = match &front {
                Some((_, change)) => courier.deliver(change),
                None if closing => return,
                None => courier.refresh(),
            };
            match result {
                Ok(()) => {
                    pause = None;
                    self.sent.fetch_add(u64::from(front.is_some()), Ordering::Relaxed);
                    self.done(front);
                }
                Err(Undelivered::Never(why)) => {
                    pause = None;
                    tracing::warn!(sink = %self.name, %why, "alert refused");
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    self.done(front);
                }
                Err(Undelivered::Later(why)) => {
                    tracing::warn!(sink = %self.name, %why, "alert not delivered yet");
                    self.errors.fetch_add(1, Ordering::Relaxed);
                    if closing {
                        let left = self.lock().changes.drain(..).count();
                        self.dropped.fetch_add(left as u64, Ordering::Relaxed);
                        return;
                    }
                    let [first, longest] = PAUSES;
                    pause = Some(pause.map_or(first, |p: Duration| (p * 2).min(longest)));
                }
            }
        }
    }

    /// Waits for something to do: the oldest change, which stays in the queue until it is delivered, or nothing when it is
    /// time to refresh or to end.
    fn wait(&self, pause: Option<Duration>, every: Option<Duration>) -> (Option<(u64, AlertChange)>, bool) {
        let mut queue = self.lock();
        if let Some(pause) = pause {
            let waited = self.wake.wait_timeout_while(queue, pause, |q| !q.closing);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        } else {
            let idle = |q: &mut Queue| q.changes.is_empty() && !q.closing;
            queue = match every {
                Some(every) => {
                    self.wake.wait_timeout_while(queue, every, idle).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner),
            };
        }
        (queue.changes.front().cloned(), queue.closing)
    }

    /// Takes the oldest change out, unless a full queue pushed it out meanwhile.
    fn done(&self, delivered: Option<(u64, AlertChange)>) {
        let mut queue = self.lock();
        if let (Some((number, _)), Some((front, _))) = (delivered, queue.changes.front())
            && number == *front
        {
            queue.changes.pop_front();
        }
    }
}
