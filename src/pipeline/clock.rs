//! The clock of the packets, which is the only one left of the outputs.

use crate::base::Timestamp;
use std::time::Duration;

/// Packet time between two coverage events.
const STATS: Duration = Duration::from_secs(60);
/// A jump of the packet clock by more than this is believed when a second packet confirms it.
const JUMP: Duration = Duration::from_secs(3_600);

/// It never runs backwards, and a lone packet from the far future does not move it.
#[derive(Debug)]
pub struct Clock {
    tick: Duration,
    /// The time of the latest packet.
    pub now: Timestamp,
    started: bool,
    doubted: Option<Timestamp>,
    next_tick: Timestamp,
    next_stats: Timestamp,
}

/// What a packet's time makes due.
#[derive(Debug, Default)]
pub struct Due {
    /// All packets before this time were counted.
    pub tick: Option<Timestamp>,
    /// The coverage is to be told.
    pub stats: bool,
}

impl Due {
    /// Both.
    #[inline]
    pub fn or(self, later: Self) -> Self {
        Self { tick: later.tick.or(self.tick), stats: later.stats || self.stats }
    }
}

impl Clock {
    /// A clock that ticks at this interval.
    pub const fn new(tick: Duration) -> Self {
        let start = Timestamp::MIN;
        Self { tick, now: start, started: false, doubted: None, next_tick: start, next_stats: start }
    }

    /// Before this time nothing is due.
    pub const fn next_due(&self) -> Timestamp {
        if self.next_tick.0 < self.next_stats.0 { self.next_tick } else { self.next_stats }
    }

    /// Takes the time of the next packet.
    #[inline]
    pub fn advance(&mut self, at: Timestamp) -> Due {
        // Nearly every packet. No jump is as short as the time to what is due next.
        if at < self.next_due() {
            if at > self.now {
                self.doubted = None;
                self.now = at;
            }
            return Due::default();
        }
        self.advance_to_due(at)
    }

    fn advance_to_due(&mut self, at: Timestamp) -> Due {
        if !self.started {
            self.started = true;
            self.now = at;
            self.next_tick = at + self.tick;
            self.next_stats = at + STATS;
            return Due::default();
        }
        if at <= self.now {
            return Due::default();
        }
        if at.since(self.now) > JUMP {
            let confirmed =
                self.doubted.is_some_and(|d| at.since(d).max(d.since(at)) <= Duration::from_secs(60));
            if !confirmed {
                self.doubted = Some(at);
                return Due::default();
            }
        }
        self.doubted = None;
        self.now = at;
        let mut due = Due::default();
        if at >= self.next_tick {
            due.tick = Some(at);
            self.next_tick = at + self.tick;
        }
        if at >= self.next_stats {
            due.stats = true;
            self.next_stats = at + STATS;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_packet_from_the_future_does_not_move_the_clock_and_two_do() {
        let mut clock = Clock::new(Duration::from_secs(10));
        clock.advance(Timestamp::from_secs(1_000));
        assert!(clock.advance(Timestamp::from_secs(2_000_000_000)).tick.is_none());
        assert!(clock.advance(Timestamp::from_secs(1_011)).tick.is_some());
        clock.advance(Timestamp::from_secs(90_000));
        assert!(clock.advance(Timestamp::from_secs(90_001)).tick.is_some());
        assert!(clock.advance(Timestamp::from_secs(5)).tick.is_none());
    }
}
