//! What a group of news adds up to within a window of time.
//!
//! A window is counted in [`STEPS`] steps: what it holds is between its length and one step more. That keeps a day of sums
//! in sixty numbers.

use super::condition::{Condition, Distinct};
use super::observation::{Sample, What};
use crate::base::{Address, InfoHash, KeyedState, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Steps of a window.
const STEPS: u32 = 60;
/// Different things remembered for a group, at most; more than twice the bound are not needed to pass it.
const DISTINCT_MIN: usize = 1_024;
const DISTINCT_MAX: usize = 65_536;

/// The length of one step.
pub(super) fn step(over: Duration) -> i64 {
    i64::try_from(over.as_nanos() / u128::from(STEPS)).unwrap_or(i64::MAX).max(1_000_000)
}

/// What is remembered of a group.
#[derive(Clone, Debug)]
pub(super) enum Window {
    /// Of a presence, or of what was never there before.
    Seen,
    Sum(Sums),
    Shares([Sums; 2]),
    Distinct(Things),
}

/// Sums by step, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub steps: VecDeque<(i64, u64)>,
    total: u64,
}

/// Different things, each with the step it was last seen in.
#[derive(Clone, Debug, Default)]
pub(super) struct Things {
    pub seen: HashMap<Thing, i64, KeyedState>,
    /// Up to which step those that left the window are gone.
    swept: i64,
}

/// What is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Thing {
    Address(Address),
    Torrent(InfoHash),
    Port(u16),
}

impl Window {
    pub(super) fn of(condition: &Condition) -> Self {
        match condition {
            Condition::Present | Condition::First { .. } => Self::Seen,
            Condition::Sum(..) | Condition::Rate(..) => Self::Sum(Sums::default()),
            Condition::Share { .. } => Self::Shares(<[Sums; 2]>::default()),
            Condition::Distinct(..) => Self::Distinct(Things::default()),
        }
    }

    /// Takes a sample in; tells whether something was turned away because the window is full.
    pub(super) fn add(
        &mut self,
        condition: &Condition,
        sample: &Sample<'_>,
        step: i64,
        torrent: Option<InfoHash>,
    ) -> bool {
        let at = sample.at.0.div_euclid(step);
        match (self, condition) {
            (Self::Sum(sums), Condition::Sum(measure, _) | Condition::Rate(measure, _)) => {
                sums.add(at, measure.amount(sample));
                false
            }
            (Self::Shares([part, whole]), Condition::Share { part: p, whole: w, .. }) => {
                part.add(at, p.amount(sample));
                whole.add(at, w.amount(sample));
                false
            }
            (Self::Distinct(things), Condition::Distinct(what, limit)) => {
                let room = (limit.value as usize).saturating_mul(2).clamp(DISTINCT_MIN, DISTINCT_MAX);
                match torrent {
                    Some(torrent) if *what == Distinct::Torrents => {
                        things.add(at, Thing::Torrent(torrent), room)
                    }
                    _ => {
                        let mut full = false;
                        things_of(*what, sample).for_each(|thing| full |= things.add(at, thing, room));
                        full
                    }
                }
            }
            _ => false,
        }
    }

    /// The value at `now`, after what left the window is forgotten. `seen` is when the group was last heard of.
    pub(super) fn value(
        &mut self,
        condition: &Condition,
        over: Duration,
        now: Timestamp,
        seen: Timestamp,
    ) -> f64 {
        let step = step(over);
        let oldest =
            now.0.saturating_sub(i64::try_from(over.as_nanos()).unwrap_or(i64::MAX)).div_euclid(step);
        match (self, condition) {
            (Self::Sum(sums), Condition::Rate(..)) => sums.value(oldest) * 8.0 / over.as_secs_f64(),
            (Self::Sum(sums), _) => sums.value(oldest),
            (Self::Shares([part, whole]), Condition::Share { min, .. }) => {
                let (part, whole) = (part.value(oldest), whole.value(oldest));
                if part < *min { 0.0 } else { part / whole.max(1.0) }
            }
            (Self::Distinct(things), _) => things.value(oldest),
            _ => f64::from(u8::from(now.since(seen) < over)),
        }
    }

    /// Whether nothing is left in it.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Seen => true,
            Self::Sum(sums) => sums.steps.is_empty(),
            Self::Shares([part, whole]) => part.steps.is_empty() && whole.steps.is_empty(),
            Self::Distinct(things) => things.seen.is_empty(),
        }
    }
}

impl Sums {
    pub(super) fn add(&mut self, at: i64, amount: u64) {
        if amount == 0 {
            return;
        }
        self.total = self.total.saturating_add(amount);
        // News of a flow that had to wait for evidence comes late, so the place is not always the last.
        let place = self.steps.partition_point(|(s, _)| *s < at);
        match self.steps.get_mut(place) {
            Some((s, sum)) if *s == at => *sum = sum.saturating_add(amount),
            _ => self.steps.insert(place, (at, amount)),
        }
    }

    fn value(&mut self, oldest: i64) -> f64 {
        while let Some((_, sum)) = self.steps.front().copied().filter(|(s, _)| *s < oldest) {
            self.steps.pop_front();
            self.total = self.total.saturating_sub(sum);
        }
        self.total as f64
    }
}

impl Things {
    pub(super) fn add(&mut self, at: i64, thing: Thing, room: usize) -> bool {
        if let Some(last) = self.seen.get_mut(&thing) {
            *last = at.max(*last);
            return false;
        }
        if self.seen.len() >= room {
            return true;
        }
        self.seen.insert(thing, at);
        false
    }

    fn value(&mut self, oldest: i64) -> f64 {
        if self.swept < oldest {
            self.swept = oldest;
            self.seen.retain(|_, last| *last >= oldest);
        }
        self.seen.len() as f64
    }
}

fn things_of<'a>(what: Distinct, sample: &'a Sample<'_>) -> Box<dyn Iterator<Item = Thing> + 'a> {
    let one = |thing: Option<Thing>| -> Box<dyn Iterator<Item = Thing>> { Box::new(thing.into_iter()) };
    match (what, &sample.what) {
        (Distinct::Peers, _) => {
            let remote = sample.remote.map(|r| r.address).filter(|a| !a.is_group());
            one(remote.map(Thing::Address))
        }
        (Distinct::Hosts, _) => one(sample.host.map(Thing::Address)),
        (Distinct::Ports, _) => one(sample.port.map(Thing::Port)),
        (Distinct::RemotePorts, _) => one(sample.remote.map(|r| Thing::Port(r.port))),
        (Distinct::Torrents, _) => Box::new(sample.torrents.iter().map(|t| Thing::Torrent(*t))),
        (Distinct::Lookups, What::Dht { sent: true, target, .. }) => one(target.map(Thing::Torrent)),
        (Distinct::Lookups, _) => one(None),
    }
}
