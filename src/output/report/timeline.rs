//! Bytes over time by grade, in steps that grow with the time that is covered.

use crate::base::{KeyedState, Timestamp};
use crate::event::{Family, FlowUpdate, Grade};
use std::collections::{BTreeMap, HashMap};

/// Steps of a timeline, at most.
const STEPS_MAX: i64 = 480;
/// Flows whose grade may still rise, and what is remembered of each.
const OPEN_MAX: usize = 16_384;
const STRETCHES_MAX: usize = 64;

/// Wire bytes of peer-to-peer flows by the grade that each flow came to in the end.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Seconds a step.
    step: i64,
    /// Bytes by the step's number since the epoch, in the order of [`Grade::ALL`].
    steps: BTreeMap<i64, [u64; 3]>,
    /// What flows moved that are not confirmed yet.
    open: HashMap<u64, Open, KeyedState>,
}

#[derive(Clone, Debug, Default)]
struct Open {
    grade: Option<Grade>,
    stretches: Vec<(Timestamp, Timestamp, u64)>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { step: 1, steps: BTreeMap::new(), open: HashMap::default() }
    }
}

impl Timeline {
    /// Adds what a flow moved since it was last told.
    pub fn note(&mut self, update: &FlowUpdate<'_>) {
        let (record, label) = (update.record, &update.record.label);
        let Some(grade) = label.grade.filter(|_| label.kinds.family() != Some(Family::LookAlike)) else {
            return;
        };
        let bytes = update.added().iter().map(|c| c.bytes).fold(0, u64::saturating_add);
        // News is told every second: what is new moved within it, except when a flow is told for the first time.
        let from = if update.is_new() { record.start } else { record.end };
        let id = record.id();
        if grade == Grade::Confirmed || (self.open.len() >= OPEN_MAX && !self.open.contains_key(&id)) {
            self.settle(id, grade);
            self.add(from, record.end, bytes, grade);
            return;
        }
        let open = self.open.entry(id).or_default();
        open.grade = open.grade.max(Some(grade));
        let full = open.stretches.len() >= STRETCHES_MAX;
        match open.stretches.last_mut() {
            Some((_, to, sum)) if full => {
                *to = record.end.max(*to);
                *sum = sum.saturating_add(bytes);
            }
            _ => open.stretches.push((from, record.end, bytes)),
        }
        if update.ended {
            self.settle(id, grade);
        }
    }

    /// Takes the grades as they are now for the last word.
    pub fn finish(&mut self) {
        let mut ids: Vec<u64> = self.open.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.settle(id, Grade::Suspected);
        }
    }

    /// Seconds a step.
    #[must_use]
    pub const fn step_secs(&self) -> i64 {
        self.step
    }

    /// Every step from the first to the last with its start and its bytes in the order of [`Grade::ALL`].
    pub fn steps(&self) -> impl Iterator<Item = (Timestamp, [u64; 3])> + '_ {
        let first = self.steps.keys().next().copied().unwrap_or(0);
        let last = self.steps.keys().next_back().copied().unwrap_or(-1);
        (first..=last).map(|n| {
            let at = Timestamp::from_secs(n.saturating_mul(self.step));
            (at, self.steps.get(&n).copied().unwrap_or_default())
        })
    }

    /// The bytes of all steps, in the order of [`Grade::ALL`].
    #[must_use]
    pub fn sums(&self) -> [u64; 3] {
        self.steps.values().fold([0; 3], |mut sums, step| {
            sums.iter_mut().zip(step).for_each(|(sum, n)| *sum = sum.saturating_add(*n));
            sums
        })
    }

    fn settle(&mut self, id: u64, grade: Grade) {
        let Some(open) = self.open.remove(&id) else { return };
        let grade = open.grade.max(Some(grade)).unwrap_or(grade);
        for (from, to, bytes) in open.stretches {
            self.add(from, to, bytes, grade);
        }
    }

    /// Spreads bytes evenly over the steps of a time.
    fn add(&mut self, from: Timestamp, to: Timestamp, bytes: u64, grade: Grade) {
        if bytes == 0 {
            return;
        }
        let (from, to) = (from.min(to).secs(), to.secs());
        let number = |secs: i64, step: i64| secs.div_euclid(step);
        let mut first = self.steps.keys().next().copied().unwrap_or(i64::MAX).min(number(from, self.step));
        let mut last = self.steps.keys().next_back().copied().unwrap_or(i64::MIN).max(number(to, self.step));
        while last.saturating_sub(first) >= STEPS_MAX {
            self.coarsen();
            (first, last) = (first.div_euclid(2), last.div_euclid(2));
        }
        let (from, to) = (number(from, self.step), number(to, self.step));
        let steps = to.saturating_sub(from).saturating_add(1).unsigned_abs().max(1);
        let place = Grade::ALL.iter().position(|g| *g == grade).unwrap_or_default();
        for (n, step) in (0u64..).zip(from..=to) {
            // The rest of the division goes to the last step, so that nothing is lost.
            let share = if n + 1 == steps { bytes - bytes / steps * n } else { bytes / steps };
            if let Some(sum) = self.steps.entry(step).or_default().get_mut(place) {
                *sum = sum.saturating_add(share);
            }
        }
    }

    fn coarsen(&mut self) {
        self.step = self.step.saturating_mul(2);
        let mut steps: BTreeMap<i64, [u64; 3]> = BTreeMap::new();
        for (n, sums) in std::mem::take(&mut self.steps) {
            let into = steps.entry(n.div_euclid(2)).or_default();
            into.iter_mut().zip(sums).for_each(|(sum, n)| *sum = sum.saturating_add(n));
        }
        self.steps = steps;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_steps_stay_few(
            parts in prop::collection::vec((-90_000i64..900_000, 0i64..90_000, 0u64..1_000_000, 0usize..3), 1..60),
        ) {
            let mut timeline = Timeline::default();
            let mut sums = [0; 3];
            for (from, long, bytes, grade) in parts {
                sums[grade] += bytes;
                timeline.add(Timestamp::from_secs(from), Timestamp::from_secs(from + long), bytes, Grade::ALL[grade]);
            }
            prop_assert_eq!(timeline.sums(), sums);
            prop_assert!(timeline.steps().count() <= STEPS_MAX as usize);
        }

        #[test]
        fn no_time_is_too_strange(from: i64, to: i64, bytes: u64) {
            let mut timeline = Timeline::default();
            timeline.add(Timestamp(from), Timestamp(to), bytes, Grade::Strong);
            timeline.add(Timestamp(to), Timestamp(from), bytes, Grade::Strong);
            prop_assert!(timeline.steps().count() <= STEPS_MAX as usize);
        }
    }
}
