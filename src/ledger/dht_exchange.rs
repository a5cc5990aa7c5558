//! What became of a host's DHT queries (BEP 5), as counts.

use crate::base::ShortMap;
use crate::event::DhtPurpose;
use std::time::Duration;

/// What a host's DHT queries were for, and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhtExchange {
    /// Queries sent, by purpose.
    pub purposes: ShortMap<DhtPurpose, u64>,
    /// Responses and errors received to queries that were seen.
    pub answered: u64,
    /// The time from query to answer: shortest, sum of all, longest.
    pub round_trips: Option<[Duration; 3]>,
}

impl DhtExchange {
    /// Queries of the BEPs' methods to which no answer was seen, late ones included.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        let asked =
            self.purposes.iter().filter(|(p, _)| **p != DhtPurpose::Other).map(|(_, n)| n).sum::<u64>();
        asked.saturating_sub(self.answered)
    }

    /// The mean time from query to answer.
    #[must_use]
    pub fn mean_round_trip(&self) -> Option<Duration> {
        let [_, sum, _] = self.round_trips?;
        let mean = sum.as_nanos().checked_div(u128::from(self.answered))?;
        u64::try_from(mean).ok().map(Duration::from_nanos)
    }

    /// Counts an answer that came so long after its query.
    pub(super) fn count_answer(&mut self, after: Duration) {
        self.add(&Self { answered: 1, round_trips: Some([after; 3]), ..Self::default() });
    }

    pub(super) fn add(&mut self, more: &Self) {
        for (purpose, n) in &more.purposes {
            *self.purposes.entry(*purpose).or_default() += n;
        }
        self.answered += more.answered;
        self.round_trips = match (self.round_trips, more.round_trips) {
            (Some([a, sum, z]), Some([b, more, y])) => Some([a.min(b), sum.saturating_add(more), z.max(y)]),
            (one, other) => one.or(other),
        };
    }
}
