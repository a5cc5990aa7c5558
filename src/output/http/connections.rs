//! The few connections there may be, and who makes room.

use crate::output::live::Told;
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

/// Connections at a time.
pub const CONNECTIONS_MAX: usize = 16;
/// Connections of one address; programs on this machine share one.
pub const PER_ADDRESS_MAX: usize = 4;
/// How long an exchange may take, from the connection to the last byte of the answer.
pub const EXCHANGE: Duration = Duration::from_secs(10);
/// How long a listener who was let go has to take what was told before.
const FAREWELL: Duration = Duration::from_secs(2);

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// No whole request came yet.
    Waiting,
    /// It listens to events, without an end.
    Listening,
    /// It is being answered.
    Answering,
}

/// A connection.
#[derive(Debug)]
pub struct Slot {
    id: u64,
    peer: IpAddr,
    phase: Cell<Phase>,
    due: Cell<Instant>,
    queue: RefCell<Option<Rc<RefCell<Receiver<Told>>>>>,
    /// Wakes the connection's task to end it.
    pub evicted: Notify,
}

/// All connections, the oldest first.
#[derive(Debug, Default)]
pub struct Connections {
    slots: RefCell<Vec<Rc<Slot>>>,
    next: Cell<u64>,
}

impl Slot {
    /// A whole request came.
    pub fn answering(&self) {
        self.phase.set(Phase::Answering);
    }

    /// The answer is a stream of events, fed from a queue.
    pub fn listening(&self, queue: Rc<RefCell<Receiver<Told>>>) {
        self.phase.set(Phase::Listening);
        *self.queue.borrow_mut() = Some(queue);
    }

    /// Whether the connection's time is over at `now`.
    pub fn is_over(&self, now: Instant) -> bool {
        if self.phase.get() == Phase::Listening {
            let let_go = self.queue.borrow().as_ref().is_some_and(|q| q.borrow().is_closed());
            if !let_go {
                return false;
            }
            // What is still in the queue may go, if the listener takes it.
            self.phase.set(Phase::Answering);
            self.due.set(now + FAREWELL);
        }
        now >= self.due.get()
    }
}

impl Connections {
    /// Takes a new connection in, and ends another where there are too many; `None` where its address has too many.
    pub fn admit(&self, peer: IpAddr, now: Instant) -> Option<Rc<Slot>> {
        let mut slots = self.slots.borrow_mut();
        let of_peer = slots.iter().filter(|s| s.peer == peer).count();
        let victim = if of_peer >= PER_ADDRESS_MAX && !peer.is_loopback() {
            let waiting = |s: &Rc<Slot>| s.peer == peer && s.phase.get() == Phase::Waiting;
            Some(slots.iter().position(waiting)?)
        } else if slots.len() >= CONNECTIONS_MAX {
            // The first of the least phase is the oldest of those who lose least.
            (0..slots.len()).min_by_key(|&n| slots.get(n).map(|s| s.phase.get()))
        } else {
            None
        };
        if let Some(victim) = victim.filter(|&n| n < slots.len()) {
            slots.remove(victim).evicted.notify_one();
        }
        let id = self.next.get();
        self.next.set(id.wrapping_add(1));
        let slot = Rc::new(Slot {
            id,
            peer,
            phase: Cell::new(Phase::Waiting),
            due: Cell::new(now + EXCHANGE),
            queue: RefCell::new(None),
            evicted: Notify::new(),
        });
        slots.push(Rc::clone(&slot));
        Some(slot)
    }

    /// Forgets a connection that has ended.
    pub fn remove(&self, slot: &Slot) {
        self.slots.borrow_mut().retain(|s| s.id != slot.id);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.borrow().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const REMOTE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn is_evicted(slot: &Slot) -> bool {
        use std::future::Future;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(slot.evicted.notified()).poll(&mut context).is_ready()
    }

    #[test]
    fn the_oldest_that_has_not_asked_makes_room() {
        let all = Connections::default();
        let now = Instant::now();
        let slots: Vec<_> = (0..CONNECTIONS_MAX).filter_map(|_| all.admit(LOCAL, now)).collect();
        slots[0].answering();
        let (_feed, queue) = tokio::sync::mpsc::channel(1);
        slots[1].listening(Rc::new(RefCell::new(queue)));
        assert!(all.admit(LOCAL, now).is_some());
        let evicted: Vec<usize> = (0..slots.len()).filter(|&n| is_evicted(&slots[n])).collect();
        assert_eq!((evicted, all.len()), (vec![2], CONNECTIONS_MAX));
    }

    #[test]
    fn those_who_listen_go_before_those_who_are_answered() {
        let all = Connections::default();
        let now = Instant::now();
        let slots: Vec<_> = (0..CONNECTIONS_MAX).filter_map(|_| all.admit(LOCAL, now)).collect();
        slots.iter().for_each(|s| s.answering());
        let (_feed, queue) = tokio::sync::mpsc::channel(1);
        slots[5].listening(Rc::new(RefCell::new(queue)));
        assert!(all.admit(LOCAL, now).is_some());
        assert!(is_evicted(&slots[5]) && !is_evicted(&slots[0]));
    }

    #[test]
    fn one_address_has_few_and_takes_from_itself() {
        let all = Connections::default();
        let now = Instant::now();
        let slots: Vec<_> = (0..PER_ADDRESS_MAX).filter_map(|_| all.admit(REMOTE, now)).collect();
        let local = all.admit(LOCAL, now).unwrap();
        assert!(all.admit(REMOTE, now).is_some());
        assert!(is_evicted(&slots[0]) && !is_evicted(&local));
        all.slots.borrow().iter().for_each(|s| s.answering());
        assert!(all.admit(REMOTE, now).is_none());
        slots.iter().for_each(|s| all.remove(s));
        assert!(all.admit(REMOTE, now).is_some());
    }

    #[test]
    fn an_exchange_ends_in_time_and_listening_ends_when_let_go() {
        let all = Connections::default();
        let start = Instant::now();
        let slot = all.admit(LOCAL, start).unwrap();
        assert!(!slot.is_over(start) && slot.is_over(start + EXCHANGE));
        let (feed, queue) = tokio::sync::mpsc::channel(1);
        slot.listening(Rc::new(RefCell::new(queue)));
        let later = start + Duration::from_secs(86_400);
        assert!(!slot.is_over(later));
        drop(feed);
        assert!(!slot.is_over(later) && slot.is_over(later + FAREWELL));
    }
}
