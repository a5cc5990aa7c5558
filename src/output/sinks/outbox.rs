//! A sink: a queue and the thread that empties it through a [`Courier`].

use super::connection::now;
use super::{Courier, Undelivered};
use crate::policy::AlertChange;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// First and longest pause before a delivery is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(60)];
/// Time for what is left at the end. A service manager gives the program twenty seconds.
const LINGER: Duration = Duration::from_secs(5);

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
pub struct Outbox {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

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

#[derive(Default)]
struct Queue {
    /// With their numbers, so that what was delivered is told from what came to its place.
    changes: VecDeque<(u64, AlertChange)>,
    next: u64,
    /// Until when what is left may still be delivered, once the end has come.
    closing: Option<Instant>,
    /// The courier to go on with.
    successor: Option<Box<dyn Courier>>,
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
        let thread = std::thread::Builder::new()
            .name(format!("sink-{name}"))
            .spawn(move || theirs.run(Box::new(courier)))?;
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

    /// Goes on with another courier, and the same queue.
    pub fn replace(&self, courier: impl Courier + 'static) {
        self.shared.lock().successor = Some(Box::new(courier));
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

    /// Says that the end has come, and does not wait for it: several sinks end at the same time.
    pub fn closing(&self) {
        let mut queue = self.shared.lock();
        queue.closing.get_or_insert_with(|| now() + LINGER);
        self.shared.wake.notify_one();
    }

    /// Delivers what is left, as long as the receiver takes it, for five seconds at most, and ends.
    pub fn close(mut self) -> SinkCounters {
        self.end();
        self.counters()
    }

    fn end(&mut self) {
        self.closing();
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

    fn run(&self, mut courier: Box<dyn Courier>) {
        let mut pause = None;
        loop {
            let (front, closing) = self.wait(pause, courier.every());
            if let Some(mut successor) = self.lock().successor.take() {
                successor.take_over(courier.firing());
                courier = successor;
                pause = None;
            }
            let result = match &front {
                Some((_, change)) => courier.deliver(change),
                None if closing.is_some() => return,
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
                    if closing.is_some() {
                        return self.give_up();
                    }
                    let [first, longest] = PAUSES;
                    pause = Some(pause.map_or(first, |p: Duration| (p * 2).min(longest)));
                }
            }
            if closing.is_some_and(|until| now() >= until) {
                return self.give_up();
            }
        }
    }

    /// Drops what is left.
    fn give_up(&self) {
        let left = self.lock().changes.drain(..).count();
        self.dropped.fetch_add(left as u64, Ordering::Relaxed);
    }

    /// Waits for something to do: the oldest change, which stays in the queue until it is delivered, or nothing when it is
    /// time to refresh, to go on with another courier, or to end. A pause lasts, unless one of the latter two comes.
    fn wait(
        &self,
        pause: Option<Duration>,
        every: Option<Duration>,
    ) -> (Option<(u64, AlertChange)>, Option<Instant>) {
        let idle = |q: &mut Queue| {
            (pause.is_some() || q.changes.is_empty()) && q.closing.is_none() && q.successor.is_none()
        };
        let queue = self.lock();
        let queue = match pause.or(every) {
            Some(time) => {
                self.wake.wait_timeout_while(queue, time, idle).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.wake.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner),
        };
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
