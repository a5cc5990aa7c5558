//! Who listens to the stream of events, each with a queue of its own. Who does not keep up is let go: telling waits for nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Listeners at a time, at most.
pub const LISTENERS_MAX: usize = 8;
/// Events that may wait for a listener.
const QUEUE: usize = 512;

/// An event as the stream carries it: the bytes of one server-sent event (HTML Living Standard, section 9.2).
pub type Told = Arc<[u8]>;

/// The listeners.
#[derive(Debug, Default)]
pub struct Listeners {
    queues: Mutex<Vec<Sender<Told>>>,
    dropped: AtomicU64,
}

impl Listeners {
    /// A new listener's queue; `None` where there are too many. The queue ends when the listener was too slow.
    #[must_use]
    pub fn listen(&self) -> Option<Receiver<Told>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|queue| !queue.is_closed());
        if queues.len() >= LISTENERS_MAX {
            return None;
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        queues.push(sender);
        Some(receiver)
    }

    /// Whether nobody listens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Tells everybody an event: its type, and one line of JSON that ends with a line feed.
    pub fn tell(&self, kind: &str, line: &[u8]) {
        let mut event = format!("event: {kind}\ndata: ").into_bytes();
        event.extend_from_slice(line);
        event.push(b'\n');
        let event: Told = event.into();
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|queue| match queue.try_send(Arc::clone(&event)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                false
            }
        });
    }

    /// Events that found a full queue, each the last that its listener was told.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_too_slow_is_let_go_and_counted() {
        let listeners = Listeners::default();
        let mut slow = listeners.listen().unwrap();
        let gone = listeners.listen().unwrap();
        drop(gone);
        for _ in 0..=QUEUE {
            listeners.tell("flow", b"{}\n");
        }
        assert!(listeners.is_empty());
        assert_eq!(listeners.dropped(), 1);
        let first = slow.try_recv().unwrap();
        assert_eq!(&*first, b"event: flow\ndata: {}\n\n");
        let rest = std::iter::from_fn(|| slow.try_recv().ok()).count();
        assert_eq!(rest, QUEUE - 1, "what was told before is not lost");
    }

    #[test]
    fn places_are_few_and_free_again() {
        let listeners = Listeners::default();
        let mut all: Vec<_> = std::iter::from_fn(|| listeners.listen()).collect();
        assert_eq!(all.len(), LISTENERS_MAX);
        all.pop();
        assert!(listeners.listen().is_some());
    }
}
