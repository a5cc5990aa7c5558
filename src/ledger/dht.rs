//! Sums over DHT messages (BEP 5).

use crate::event::{DhtMessage, DhtRole};
use std::collections::BTreeMap;
use std::time::Duration;

/// Methods counted by name (BEP 5, 44, 51); any other is a word of the sender's choice.
const METHODS: [&str; 7] =
    ["ping", "find_node", "get_peers", "announce_peer", "get", "put", "sample_infohashes"];

/// DHT messages and how long answers took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhtTotals {
    /// Messages by method (`other` for one outside of the BEPs, `unknown` for an answer whose query was not seen), by
    /// whether a home host sent them, and by role.
    pub messages: BTreeMap<(&'static str, bool, DhtRole), u64>,
    /// Answers by the time they took: how many took at most as long as [`DhtTotals::BOUNDS_MS`] says, and longer.
    pub round_trips: [u64; DhtTotals::BOUNDS_MS.len() + 1],
    /// The sum of these times.
    pub round_trip_time: Duration,
    /// Queries to which no answer was seen in time.
    pub unanswered: u64,
}

impl DhtTotals {
    /// Upper bounds of the classes of [`DhtTotals::round_trips`], in milliseconds.
    pub const BOUNDS_MS: [u64; 11] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

    /// Every word that may stand for a method.
    pub fn methods() -> impl Iterator<Item = &'static str> {
        METHODS.into_iter().chain(["other", "unknown"])
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.unanswered == 0
    }

    pub(super) fn count(&mut self, message: &DhtMessage<'_>, from_home: bool) {
        let method = match message.method {
            None => "unknown",
            Some(name) => METHODS.into_iter().find(|m| *m == name).unwrap_or("other"),
        };
        *self.messages.entry((method, from_home, message.role)).or_default() += 1;
        if let Some(time) = message.round_trip {
            let class = Self::BOUNDS_MS.iter().position(|&b| time <= Duration::from_millis(b));
            if let Some(n) = self.round_trips.get_mut(class.unwrap_or(Self::BOUNDS_MS.len())) {
                *n += 1;
            }
            self.round_trip_time = self.round_trip_time.saturating_add(time);
        }
    }

    pub(super) fn add(&mut self, more: Self) {
        for (key, n) in more.messages {
            *self.messages.entry(key).or_default() += n;
        }
        for (sum, n) in self.round_trips.iter_mut().zip(more.round_trips) {
            *sum += n;
        }
        self.round_trip_time = self.round_trip_time.saturating_add(more.round_trip_time);
        self.unanswered += more.unanswered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(method: Option<&str>, millis: Option<u64>) -> DhtMessage<'_> {
        DhtMessage {
            role: DhtRole::Response,
            method,
            node: None,
            target: None,
            purpose: None,
            transaction: b"aa",
            round_trip: millis.map(Duration::from_millis),
            read_only: false,
            error: None,
            listed: [0; 3],
            botnet: false,
        }
    }

    #[test]
    fn methods_are_a_closed_set_and_times_fall_into_their_class() {
        let mut totals = DhtTotals::default();
        for (method, millis) in
            [(Some("ping"), Some(5)), (Some("vote"), Some(6)), (Some("x\"y"), Some(60_000)), (None, None)]
        {
            totals.count(&message(method, millis), true);
        }
        let by_method = |m| totals.messages.get(&(m, true, DhtRole::Response)).copied();
        assert_eq!(
            [by_method("ping"), by_method("other"), by_method("unknown")],
            [Some(1), Some(2), Some(1)]
        );
        assert_eq!((totals.round_trips[0], totals.round_trips[1], totals.round_trips[11]), (1, 1, 1));
        let mut sum = totals.clone();
        sum.add(totals);
        assert_eq!((sum.round_trips.iter().sum::<u64>(), sum.round_trip_time.as_millis()), (6, 120_022));
    }
}
