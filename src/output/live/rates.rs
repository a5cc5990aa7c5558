//! Rates over time: bytes in steps of ten seconds over the last day, for the network and for some hosts.

use crate::base::{Address, KeyedState, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Seconds of a step.
pub const STEP_SECS: i64 = 10;
/// Steps that are kept: a day.
const STEPS: usize = 8_640;
/// Hosts with a series of their own, at most: a day of one takes 200 kB.
const HOSTS_MAX: usize = 128;
/// A host with a series yields it to another after so long without traffic.
const IDLE: Duration = Duration::from_secs(600);

/// Bytes moved in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Peer-to-peer bytes into the home networks, or to the host.
    pub p2p_in: u64,
    /// The same outwards.
    pub p2p_out: u64,
    /// Bytes of all traffic; of the network only.
    pub all: u64,
}

/// One series: consecutive steps, the last of which may still grow.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The number of the first step since the epoch.
    first: i64,
    steps: VecDeque<Moved>,
}

/// The series of a network and of its hosts.
#[derive(Debug, Default)]
pub struct Rates {
    network: Series,
    hosts: HashMap<Address, (Series, Timestamp), KeyedState>,
    /// Until then no host is idle, so that a flood of hosts need not be compared with all that are there.
    all_busy_until: Timestamp,
}

impl Rates {
    /// Adds to the network's series what was moved at a time.
    pub fn add(&mut self, at: Timestamp, moved: Moved) {
        self.network.add(at, moved);
    }

    /// Adds to the network's series what was moved evenly over a time.
    pub fn add_over(&mut self, from: Timestamp, to: Timestamp, moved: Moved) {
        self.network.add_over(from, to, moved);
    }

    /// The same for a host, where there is room for it.
    pub fn add_host(&mut self, host: Address, from: Timestamp, to: Timestamp, moved: Moved) {
        if !self.hosts.contains_key(&host) && self.hosts.len() >= HOSTS_MAX {
            if to <= self.all_busy_until {
                return;
            }
            let idlest = self.hosts.iter().map(|(host, (_, last))| (*last, *host)).min();
            let Some((last, idlest)) = idlest else { return };
            if to.since(last) <= IDLE {
                self.all_busy_until = last + IDLE;
                return;
            }
            self.hosts.remove(&idlest);
        }
        let (series, last) = self.hosts.entry(host).or_default();
        series.add_over(from, to, moved);
        *last = to.max(*last);
    }

    /// The network's series, with steps of nothing up to `now`.
    #[must_use]
    pub fn network(&self, now: Timestamp) -> Series {
        self.network.until(now)
    }

    /// A host's series, empty where it has none.
    #[must_use]
    pub fn host(&self, host: &Address, now: Timestamp) -> Series {
        self.hosts.get(host).map(|(series, _)| series.until(now)).unwrap_or_default()
    }
}

impl Series {
    /// The last steps, at most so many, with their starts. The step that still grows is left out.
    pub fn last(&self, most: usize) -> impl Iterator<Item = (Timestamp, Moved)> {
        let whole = self.steps.len().saturating_sub(1);
        let skipped = whole.saturating_sub(most);
        let first = self.first;
        let numbered = (first..).zip(self.steps.iter().copied()).take(whole).skip(skipped);
        numbered.map(|(step, moved)| (Timestamp::from_secs(step.saturating_mul(STEP_SECS)), moved))
    }

    fn add(&mut self, at: Timestamp, moved: Moved) {
        self.add_over(at, at, moved);
    }

    /// Spreads what was moved over the steps between two times. What lies before the first step that is kept goes there.
    fn add_over(&mut self, from: Timestamp, to: Timestamp, moved: Moved) {
        self.reach(step_of(to));
        let last = step_of(to).max(self.first);
        let first = step_of(from).clamp(self.first, last);
        let steps = (last - first + 1).unsigned_abs();
        let start = usize::try_from(first - self.first).unwrap_or_default();
        let wanted = self.steps.iter_mut().skip(start).take(usize::try_from(steps).unwrap_or(STEPS));
        for (n, step) in (0u64..).zip(wanted) {
            // The rest of the division goes to the last step, so that nothing is lost.
            let share = |total: u64| if n + 1 == steps { total - total / steps * n } else { total / steps };
            step.p2p_in = step.p2p_in.saturating_add(share(moved.p2p_in));
            step.p2p_out = step.p2p_out.saturating_add(share(moved.p2p_out));
            step.all = step.all.saturating_add(share(moved.all));
        }
    }

    /// Makes the steps up to `step` there, and forgets those of more than a day before it.
    fn reach(&mut self, step: i64) {
        let end = self.first.saturating_add(self.steps.len() as i64);
        if self.steps.is_empty() || step.saturating_sub(end) > STEPS as i64 {
            self.steps.clear();
            // A flow that is told for the first time began some time ago.
            self.first = step.saturating_sub(BEFORE);
        }
        let end = self.first.saturating_add(self.steps.len() as i64);
        for _ in end..=step {
            self.steps.push_back(Moved::default());
        }
        while self.steps.len() > STEPS {
            self.steps.pop_front();
            self.first += 1;
        }
    }

    fn until(&self, now: Timestamp) -> Self {
        let mut series = self.clone();
        if !series.steps.is_empty() {
            series.reach(step_of(now));
        }
        series
    }
}

/// Steps before the first traffic in which a series starts.
const BEFORE: i64 = 6;

const fn step_of(at: Timestamp) -> i64 {
    at.secs().div_euclid(STEP_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moved(n: u64) -> Moved {
        Moved { p2p_in: n, p2p_out: 2 * n, all: 3 * n }
    }

    fn sum(series: &Series) -> Moved {
        series.steps.iter().fold(Moved::default(), |a, b| Moved {
            p2p_in: a.p2p_in + b.p2p_in,
            p2p_out: a.p2p_out + b.p2p_out,
            all: a.all + b.all,
        })
    }

    #[test]
    fn what_was_moved_over_a_time_is_spread_over_it() {
        let mut series = Series::default();
        let at = |secs: i64| Timestamp::from_secs(1_000_000 + secs);
        series.add_over(at(0), at(29), moved(10));
        series.add(at(40), moved(1));
        let last: Vec<u64> = series.last(4).map(|(_, m)| m.p2p_in).collect();
        assert_eq!(last, [3, 3, 4, 0], "the step of the last packet still grows");
        assert_eq!(series.last(1).next().unwrap().0, at(30));
    }

    #[test]
    fn a_day_is_kept_and_a_jump_forgets_it() {
        let mut rates = Rates::default();
        for hour in 0..30 {
            rates.add(Timestamp::from_secs(hour * 3_600), moved(1));
        }
        assert_eq!(rates.network.steps.len(), STEPS);
        assert_eq!(sum(&rates.network).p2p_in, 24);
        rates.add(Timestamp::from_secs(10_000_000), moved(1));
        assert_eq!(sum(&rates.network).p2p_in, 1);
        assert!(rates.network(Timestamp::MAX).steps.len() <= STEPS);
    }

    #[test]
    fn hosts_are_bounded_and_the_idle_make_room() {
        let mut rates = Rates::default();
        let host = |n: u16| Address::v4([10, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]]);
        let at = Timestamp::from_secs(1_000);
        for n in 0..1_000 {
            rates.add_host(host(n), at, at, moved(1));
        }
        assert_eq!(rates.hosts.len(), HOSTS_MAX);
        assert!(!rates.hosts.contains_key(&host(999)));
        let later = at + IDLE + Duration::from_secs(1);
        rates.add_host(host(999), later, later, moved(1));
        assert!(rates.hosts.contains_key(&host(999)) && rates.hosts.len() == HOSTS_MAX);
    }

    proptest! {
        #[test]
        fn nothing_recent_is_lost(parts in prop::collection::vec((0i64..600, 0i64..600, 0u64..10_000), 1..40)) {
            let mut series = Series::default();
            let mut total = 0;
            for (start, length, bytes) in parts {
                let from = Timestamp::from_secs(1_000_000 + start);
                series.add_over(from, from + Duration::from_secs(length.unsigned_abs()), moved(bytes));
                total += bytes;
            }
            prop_assert_eq!(sum(&series), moved(total));
        }

        #[test]
        fn no_time_is_too_strange(from: i64, to: i64, bytes: u64) {
            let mut series = Series::default();
            series.add_over(Timestamp(from), Timestamp(to), Moved { p2p_in: bytes, ..Moved::default() });
            series.add_over(Timestamp(to), Timestamp(from), Moved { p2p_in: bytes, ..Moved::default() });
            prop_assert!(series.steps.len() <= STEPS);
        }
    }
}
