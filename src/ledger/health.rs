//! How well the sensor saw, over time: a host that is not seen to torrent has stopped only if it would have been seen.

use super::life::slot_of;
use super::memory::Minute;
use super::report::Coverage;
use crate::base::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Slots kept, the latest: 32 times the time it takes to call a host cleared.
const SLOTS: usize = 24 * 32;
/// Without a packet or a sign of life for longer, the sensor was blind (section "no gap > 5 min" of the promise).
const GAP: Duration = Duration::from_secs(300);
/// A gap shorter than this is none, however short the time that was asked for.
const GAP_LEAST: Duration = Duration::from_secs(15);

/// Totals since the start, as the sensor counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Packets read.
    pub packets: u64,
    /// Packets lost in the kernel or in a full queue.
    pub lost: u64,
    /// Flows or hosts that a full table pushed out or refused.
    pub evicted: u64,
    /// Panics caught, each of which cost a flow.
    pub panics: u64,
    /// Frames cut by the snap length.
    pub cut: u64,
    /// Places where the input could not be read.
    pub damage: u64,
    /// Time that interfaces were down.
    pub down: Duration,
}

impl Sample {
    /// What coverage and the time without interface tell.
    #[must_use]
    pub fn of(coverage: &Coverage, down: Duration) -> Self {
        // Tables that make a host's traffic be missed when they are full; others only make the report shorter.
        let evicted = ["hosts", "flows-judged-early"].into_iter().chain(
            coverage
                .limits
                .keys()
                .copied()
                .filter(|k| k.starts_with("flows-evicted") || k.starts_with("flow-states")),
        );
        Self {
            packets: coverage.packets,
            lost: coverage.kernel_dropped.saturating_add(coverage.queue_dropped),
            evicted: evicted.filter_map(|k| coverage.limits.get(k)).sum(),
            panics: coverage.panics,
            cut: coverage.cut_frames,
            damage: coverage.damage.len() as u64,
            down,
        }
    }

    /// What came since `before`.
    #[must_use]
    pub fn minus(self, before: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(before.packets),
            lost: self.lost.saturating_sub(before.lost),
            evicted: self.evicted.saturating_sub(before.evicted),
            panics: self.panics.saturating_sub(before.panics),
            cut: self.cut.saturating_sub(before.cut),
            damage: self.damage.saturating_sub(before.damage),
            down: self.down.saturating_sub(before.down),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            packets: self.packets.saturating_add(more.packets),
            lost: self.lost.saturating_add(more.lost),
            evicted: self.evicted.saturating_add(more.evicted),
            panics: self.panics.saturating_add(more.panics),
            cut: self.cut.saturating_add(more.cut),
            damage: self.damage.saturating_add(more.damage),
            down: self.down.saturating_add(more.down),
        }
    }
}

/// What the sensor saw in one slot of time.
#[derive(Clone, Copy, Debug)]
struct Slot {
    number: i64,
    sum: Sample,
    /// Time without a sign of life, and the longest such stretch.
    blind: Duration,
    longest: Duration,
}

/// What the sensor saw in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// All of it was watched, as far as is remembered.
    pub watched: bool,
    /// Sums, of the slots that the stretch touches.
    pub sum: Sample,
    /// The worst slot's packets lost, in thousandths.
    pub worst_loss: u64,
    /// Time without a sign of life.
    pub blind: Duration,
    /// The longest such stretch.
    pub longest: Duration,
}

impl Seen {
    /// Packets lost, in ten-thousandths of those that came.
    #[must_use]
    pub fn loss(&self) -> u64 {
        share(self.sum.lost, self.sum.lost.saturating_add(self.sum.packets), 10_000)
    }
}

/// The timeline.
#[derive(Clone, Debug)]
pub struct Health {
    slot: Duration,
    gap: Duration,
    slots: VecDeque<Slot>,
    before: Option<(Timestamp, Sample)>,
    /// The run of the latest minute that was recalled.
    run: Option<i64>,
    /// What comes next is another run's.
    interrupted: bool,
    /// The end of the minutes that were recalled.
    pub remembered: Timestamp,
    /// First tick.
    pub started: Timestamp,
    /// Latest tick.
    pub now: Timestamp,
    /// A filter hides packets from the sensor.
    pub filtered: bool,
}

impl Health {
    /// An empty timeline of slots of this length, for hosts that count as cleared after `quiet_for`.
    #[must_use]
    pub fn new(slot: Duration, quiet_for: Duration) -> Self {
        let gap = GAP.min(quiet_for / 4).max(GAP_LEAST);
        let never = Timestamp::MIN;
        Self {
            slot,
            gap,
            slots: VecDeque::new(),
            before: None,
            run: None,
            interrupted: false,
            remembered: never,
            started: never,
            now: never,
            filtered: false,
        }
    }

    /// Takes note of the totals at `now`; `first` is when the first packet came.
    pub fn note(&mut self, now: Timestamp, first: Timestamp, sample: Sample) {
        if std::mem::take(&mut self.interrupted) {
            self.filtered = false;
            // Whatever its length, the time between two runs was not watched.
            let (was, _) = self.before.unwrap_or_default();
            self.advance(first.max(was), Sample::default(), true);
            self.before = Some((first.max(was), Sample::default()));
        }
        let (_, before) = *self.before.get_or_insert_with(|| {
            self.started = first;
            (first, Sample::default())
        });
        self.advance(now, sample.minus(before), false);
        self.before = Some((self.now, sample));
    }

    /// Takes in a minute of an earlier run. What follows is another run's: see [`Self::note`].
    pub fn recall(&mut self, minute: &Minute) {
        if self.before.is_none() {
            self.started = minute.from;
            self.before = Some((minute.from, Sample::default()));
        }
        let other = self.run.replace(minute.run).is_some_and(|run| run != minute.run);
        self.advance(minute.from, Sample::default(), other);
        self.advance(minute.to, minute.sample, false);
        // What a filter hid then, the present run may see.
        self.filtered = minute.filtered;
        let unseen = match minute.filtered {
            true => minute.to.since(minute.from),
            false if minute.silence > self.gap => minute.silence,
            false => Duration::ZERO,
        };
        if let Some(slot) = self.slots.back_mut() {
            slot.blind += unseen;
            slot.longest = slot.longest.max(unseen);
        }
        self.interrupted = true;
        self.remembered = self.now;
    }

    /// Goes on to `now`, in which time `new` was added; `blind` says that nobody watched.
    fn advance(&mut self, now: Timestamp, new: Sample, blind: bool) {
        let was = self.before.map_or(now, |(was, _)| was);
        let now = now.max(was);
        let silent = now.since(was);
        let blind = if blind || silent > self.gap { silent } else { Duration::ZERO };
        let from = slot_of(was, self.slot);
        let number = slot_of(now, self.slot);
        if self.slots.back().is_none_or(|s| s.number < number) {
            let empty = |number| Slot {
                number,
                sum: Sample::default(),
                blind: Duration::ZERO,
                longest: Duration::ZERO,
            };
            // A gap that spans slots leaves them out: time that is not there was not watched.
            if blind == Duration::ZERO {
                let known = self.slots.back().map_or(from - 1, |s| s.number);
                let start = (known + 1).max(number.saturating_sub(SLOTS as i64));
                self.slots.extend((start..number).map(empty));
            }
            self.slots.push_back(empty(number));
        }
        if let Some(slot) = self.slots.back_mut() {
            slot.sum = slot.sum.plus(new);
            slot.blind += blind;
            slot.longest = slot.longest.max(blind);
        }
        while self.slots.len() > SLOTS {
            self.slots.pop_front();
        }
        self.before = Some((now, Sample::default()));
        self.now = now;
    }

    /// What was seen from one time to another.
    #[must_use]
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Seen {
        let (first, last) = (slot_of(from, self.slot), slot_of(to, self.slot));
        let remembered = self.slots.front().is_some_and(|s| s.number <= first);
        let mut seen =
            Seen { watched: self.started <= from && to <= self.now && remembered, ..Seen::default() };
        for slot in self.slots.iter().filter(|s| (first..=last).contains(&s.number)) {
            seen.sum = seen.sum.plus(slot.sum);
            seen.blind = seen.blind.saturating_add(slot.blind).saturating_add(slot.sum.down);
            seen.longest = seen.longest.max(slot.longest).max(slot.sum.down);
            let came = slot.sum.packets.saturating_add(slot.sum.lost);
            seen.worst_loss = seen.worst_loss.max(share(slot.sum.lost, came, 1_000));
        }
        seen
    }
}

fn share(part: u64, of: u64, parts: u64) -> u64 {
    part.saturating_mul(parts).checked_div(of).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    fn watched(hours: i64, change: impl Fn(i64, &mut Sample)) -> Health {
        let mut health = Health::new(Duration::from_secs(3_600), Duration::from_secs(86_400));
        let mut sample = Sample::default();
        for minute in 0..=hours * 60 {
            sample.packets += 100;
            change(minute, &mut sample);
            health.note(at(minute * 60), at(0), sample);
        }
        health
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_burst_of_loss_shows_in_its_hour_though_the_day_is_clean() {
        let health = watched(30, |minute, sample| sample.lost += u64::from(minute == 600) * 20_000);
        let day = health.between(at(6 * HOUR), at(30 * HOUR));
        assert!(day.watched && day.worst_loss > 700 && day.loss() >= 10, "{day:?}");
        let after = health.between(at(12 * HOUR), at(30 * HOUR));
        assert_eq!((after.sum.lost, after.worst_loss), (0, 0));
    }

    #[test]
    fn a_gap_and_an_interface_that_was_down_are_time_not_watched() {
        let mut health = watched(10, |_, _| ());
        let sample = Sample { packets: 70_000, ..Sample::default() };
        health.note(at(13 * HOUR), at(0), sample);
        let seen = health.between(at(5 * HOUR), at(13 * HOUR));
        assert_eq!((seen.blind, seen.longest), (Duration::from_secs(10_800), Duration::from_secs(10_800)));
        health.note(at(13 * HOUR + 60), at(0), Sample { down: Duration::from_secs(400), ..sample });
        let seen = health.between(at(13 * HOUR), at(13 * HOUR + 60));
        assert_eq!(seen.longest, Duration::from_secs(10_800));
        assert_eq!(seen.blind, Duration::from_secs(11_200));
    }

    #[test]
    fn what_was_before_the_start_or_is_forgotten_was_not_watched() {
        let health = watched(2, |_, _| ());
        assert!(health.between(at(0), at(2 * HOUR)).watched);
        assert!(!health.between(at(-1), at(HOUR)).watched && !health.between(at(0), at(3 * HOUR)).watched);
        let long = watched(SLOTS as i64 + 48, |_, _| ());
        assert!(!long.between(at(HOUR), at(50 * HOUR)).watched);
        assert!(long.slots.len() <= SLOTS);
    }
}
