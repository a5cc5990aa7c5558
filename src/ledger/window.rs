//! A span of packet time that grows by joining.

use crate::base::Timestamp;
use std::time::Duration;

/// First and last time something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub first: Timestamp,
    pub last: Timestamp,
    /// The packet of `first`; [`Window::UNKNOWN`] where it is not known.
    pub number: u64,
}

impl Window {
    /// No packet number.
    pub const UNKNOWN: u64 = u64::MAX;

    /// A packet.
    pub const fn of(at: Timestamp, number: u64) -> Self {
        Self { first: at, last: at, number }
    }

    /// A span whose first packet is not known.
    pub const fn between(first: Timestamp, last: Timestamp) -> Self {
        Self { first, last, number: Self::UNKNOWN }
    }

    pub const fn at(time: Timestamp) -> Self {
        Self::of(time, Self::UNKNOWN)
    }

    pub fn join(&mut self, other: Self) {
        (self.first, self.number) = (self.first, self.number).min((other.first, other.number));
        self.last = self.last.max(other.last);
    }

    /// Whether this span, widened by `slack` on both sides, meets the span from `start` to `end`.
    pub fn near(&self, start: Timestamp, end: Timestamp, slack: Duration) -> bool {
        self.first - slack <= end && self.last + slack >= start
    }
}
