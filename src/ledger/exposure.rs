//! Which ports of home hosts strangers tried, and what came of it: the raw material of the exposure report.
//!
//! What is kept commutes: attempts of the same outcome that lie close together are one span, whoever reports them first.

use super::Ledger;
use super::report::Interval;
use super::visits::Guests;
use super::window::Window;
use crate::base::{Address, Timestamp, Transport};
use crate::event::{Answer, Knock};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Spans kept for a port; when there are more, the oldest go.
const SPANS: usize = 256;
/// Sources counted for a port.
const SOURCES: usize = 1_024;
/// Ports remembered of a source that tries one host.
const SCANNED: usize = 64;
/// Attempts of the same outcome less than this apart are one span.
const GAP: Duration = Duration::from_secs(1);

/// Attempts with the same outcome, close together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub answer: Answer,
    pub window: Window,
    pub attempts: u64,
}

/// Who is told of new attempts, each for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearer {
    /// The rules.
    Rules,
    /// The history.
    History,
}

/// What was tried on one port.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// In order of time.
    pub spans: Vec<Span>,
    /// In order. A list: most ports are tried by one or two.
    pub sources: Vec<Address>,
    /// Who was let in, and what for.
    pub guests: Guests,
    /// Something came that [`Ledger::ports_with_news`] has not told this [`Hearer`].
    pub fresh: [bool; 2],
}

impl Tried {
    pub fn knock(&mut self, knock: &Knock) {
        let window = Window::between(knock.first, knock.last);
        self.span(Span { answer: knock.answer, window, attempts: knock.attempts });
        insert(&mut self.sources, knock.source, SOURCES);
        self.fresh = [true; 2];
    }

    /// When something of it was seen last.
    pub fn last(&self) -> Option<Timestamp> {
        let spans = self.spans.iter().map(|span| span.window.last);
        spans.chain(self.guests.visits.iter().map(|visits| visits.window.last)).max()
    }

    /// Takes in what was remembered.
    pub fn restore(&mut self, intervals: &[Interval]) {
        for i in intervals {
            let window = Window::between(i.first, i.last);
            self.span(Span { answer: i.answer, window, attempts: i.attempts });
        }
    }

    /// Joins a span with all of the same outcome that it touches.
    fn span(&mut self, mut new: Span) {
        self.spans.retain(|old| {
            let touches = old.answer == new.answer && old.window.near(new.window.first, new.window.last, GAP);
            if touches {
                new.window.join(old.window);
                new.attempts += old.attempts;
            }
            !touches
        });
        let at = self.spans.partition_point(|s| (s.window.first, s.answer) < (new.window.first, new.answer));
        self.spans.insert(at, new);
        if self.spans.len() > SPANS {
            self.spans.remove(0);
        }
    }
}

/// The ports of one host that one source found shut.
#[derive(Debug)]
pub struct Scan {
    /// In order.
    pub ports: Vec<(Transport, u16)>,
    pub window: Window,
}

impl Scan {
    /// How many of the ports nobody was asked to try. Behind one public address many clients tell others many ports, and a
    /// peer that tries them all is no scanner.
    pub fn unasked(&self, told: &BTreeSet<u16>) -> usize {
        self.ports.iter().filter(|(_, port)| !told.contains(port)).count()
    }

    fn knock(&mut self, knock: &Knock) {
        self.window.join(Window::between(knock.first, knock.last));
        insert(&mut self.ports, (knock.transport, knock.target.port), SCANNED);
    }
}

/// Keeps a short list in order and without repetitions.
fn insert<T: Ord>(list: &mut Vec<T>, new: T, cap: usize) {
    if let Err(at) = list.binary_search(&new)
        && list.len() < cap
    {
        list.insert(at, new);
    }
}

impl Ledger {
    /// Takes note of a stranger's attempt to reach a home host; others are not looked at.
    pub fn knock(&self, knock: &Knock) {
        if !self.home.contains(&knock.target.address) || self.home.contains(&knock.source) {
            return;
        }
        // Who refuses is alive, though it has no program to answer.
        if knock.answer == Answer::Refused
            && let Some(mut host) = self.hosts.get_mut(&knock.target.address)
        {
            host.life.refused(knock.last, self.slot);
        }
        let key = (knock.target, knock.transport);
        if let Some(mut known) = self.tried.get_mut(&key) {
            known.knock(knock);
        } else if self.tried.len() < self.limits.tried {
            self.tried.entry(key).or_default().knock(knock);
        } else {
            self.attempts_refused.fetch_add(1, Ordering::Relaxed);
        }
        if knock.answer == Answer::Accepted {
            return;
        }
        let key = (knock.target.address, knock.source);
        if let Some(mut known) = self.scans.get_mut(&key) {
            known.knock(knock);
        } else if self.scans.len() < self.limits.scanners {
            let window = Window::between(knock.first, knock.last);
            self.scans.entry(key).or_insert(Scan { ports: Vec::new(), window }).knock(knock);
        } else {
            self.attempts_refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets sources that found fewer ports shut than a scan does, and have not tried since `oldest`.
    pub(super) fn expire_scans(&self, oldest: Timestamp) {
        self.scans
            .retain(|_, scan| scan.window.last >= oldest || scan.ports.len() >= super::reach::SCAN_PORTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Endpoint;

    fn knock(at: i64, answer: Answer) -> Knock {
        let target = Endpoint::new(Address::v4([10, 0, 0, 5]), 6_881);
        let (first, last) = (Timestamp::from_secs(at), Timestamp::from_secs(at));
        Knock {
            target,
            transport: Transport::Tcp,
            source: Address::v4([198, 51, 100, 9]),
            answer,
            attempts: 1,
            first,
            last,
        }
    }

    #[test]
    fn the_order_of_attempts_changes_nothing() {
        let knocks: Vec<Knock> = [
            (10, Answer::Silence),
            (12, Answer::Silence),
            (11, Answer::Silence),
            (11, Answer::Accepted),
            (50, Answer::Silence),
        ]
        .map(|(at, answer)| knock(at, answer))
        .to_vec();
        let (mut forward, mut backward) = (Tried::default(), Tried::default());
        knocks.iter().for_each(|k| forward.knock(k));
        knocks.iter().rev().for_each(|k| backward.knock(k));
        assert_eq!(forward.spans, backward.spans);
        let spans: Vec<(Answer, i64, i64, u64)> = forward
            .spans
            .iter()
            .map(|s| {
                (s.answer, s.window.first.0 / 1_000_000_000, s.window.last.0 / 1_000_000_000, s.attempts)
            })
            .collect();
        assert_eq!(
            spans,
            [(Answer::Silence, 10, 12, 3), (Answer::Accepted, 11, 11, 1), (Answer::Silence, 50, 50, 1)]
        );
    }

    #[test]
    fn a_port_that_is_tried_for_ever_keeps_the_latest() {
        let mut tried = Tried::default();
        (0..1_000).for_each(|n| tried.knock(&knock(n * 10, Answer::Silence)));
        assert_eq!(tried.spans.len(), SPANS);
        assert_eq!(tried.spans.last().map(|s| s.window.last), Some(Timestamp::from_secs(9_990)));
    }
}
