//! A span of packet time that grows by joining.

use crate::base::Timestamp;
use std::time::Duration;

/// First and last time something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Window {
    pub const fn at(time: Timestamp) -> Self {
        Self { first: time, last: time }
    }

    pub fn join(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// Whether this span, widened by `slack` on both sides, meets the span from `start` to `end`.
    pub fn near(&self, start: Timestamp, end: Timestamp, slack: Duration) -> bool {
        self.first - slack <= end && self.last + slack >= start
    }
}
