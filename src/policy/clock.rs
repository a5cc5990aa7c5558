//! Times of day and days of the week, in a zone.

use super::problem::{Problems, shown};
use super::read::Fields;
use super::yaml::Node;
use crate::base::Timestamp;
use jiff::tz::TimeZone;

/// A zone by its name in the machine's time zone database, `UTC`, or an offset such as `+01:00`.
#[derive(Clone, Debug)]
pub(super) enum Zone {
    Fixed(i64),
    Named(TimeZone),
}

impl Default for Zone {
    fn default() -> Self {
        Self::Fixed(0)
    }
}

/// What a zone looks like, for messages.
const ZONE: &str = "a time zone; write UTC, an offset such as +01:00, or a name such as Europe/Berlin that this machine's \
                    time zone database knows";

impl Zone {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "UTC" || text == "Z" {
            return Some(Self::Fixed(0));
        }
        if let Some(sign) = text.strip_prefix('+').map(|r| (1, r)).or(text.strip_prefix('-').map(|r| (-1, r)))
        {
            let minutes = minute_of_day(sign.1).filter(|m| *m <= 14 * 60)?;
            return Some(Self::Fixed(sign.0 * i64::from(minutes) * 60));
        }
        TimeZone::get(text).ok().map(Self::Named)
    }

    fn offset(&self, at: Timestamp) -> i64 {
        match self {
            Self::Fixed(seconds) => *seconds,
            Self::Named(zone) => jiff::Timestamp::from_second(at.secs())
                .map_or(0, |at| i64::from(zone.to_offset(at).seconds())),
        }
    }
}

/// When a rule holds: days of the week and a span of the day. A span past midnight belongs to the day it begins on.
#[derive(Clone, Debug)]
pub(super) struct When {
    /// One bit a day, Monday first.
    days: u8,
    from: u16,
    to: u16,
    zone: Zone,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: i64 = 86_400;

impl When {
    pub(super) const FIELDS: [&'static str; 4] = ["days", "from", "to", "zone"];

    pub(super) fn read(node: &Node, zone: &Zone, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, "a time", &Self::FIELDS, problems)?;
        let clock = "a time of day, e.g. 08:00";
        let from = fields.parse("from", clock, minute_of_day, problems);
        let to = fields.parse("to", clock, minute_of_day, problems);
        let own = fields.parse("zone", ZONE, Zone::parse, problems);
        let mut days = 0;
        for (node, text) in fields.texts("days", problems).unwrap_or_default() {
            match days_of(text) {
                Some(bits) => days |= bits,
                None => problems.unknown(node.at, "day", text, &DAYS),
            }
        }
        let days = if days == 0 { 0x7f } else { days };
        Some(Self {
            days,
            from: from.unwrap_or(0),
            to: to.unwrap_or(24 * 60),
            zone: own.unwrap_or_else(|| zone.clone()),
        })
    }

    pub(super) fn holds(&self, at: Timestamp) -> bool {
        let local = at.secs().saturating_add(self.zone.offset(at));
        let minute = local.rem_euclid(DAY) / 60;
        // 1970-01-01 was a Thursday.
        let day = (local.div_euclid(DAY) + 3).rem_euclid(7);
        let on = |day: i64| self.days & (1 << day.rem_euclid(7)) != 0;
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        if from < to {
            on(day) && (from..to).contains(&minute)
        } else {
            (minute >= from && on(day)) || (minute < to && on(day - 1))
        }
    }
}

/// Reads the zone of a file.
pub(super) fn zone(fields: &Fields<'_>, problems: &mut Problems) -> Zone {
    fields.parse("zone", ZONE, Zone::parse, problems).unwrap_or_default()
}

/// `hh:mm` as minutes; 24:00 is the end of the day.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let sum = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && sum <= 24 * 60).then_some(sum)
}

/// `mon`, or a span such as `mon-fri` or `sat-mon`.
fn days_of(text: &str) -> Option<u8> {
    let day = |name: &str| DAYS.iter().position(|d| *d == name);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let mut bits = 0;
    for step in 0..7 {
        let day = (first + step) % 7;
        bits |= 1 << day;
        if day == last {
            break;
        }
    }
    Some(bits)
}

/// A time of a silence, for messages.
pub(super) fn wrong_time(text: &str) -> String {
    format!("'{}' is not a time: {}", shown(text), crate::base::TimestampError)
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    fn when(text: &str) -> When {
        let mut problems = Problems::new("f");
        let node = yaml::read(text, &mut problems).unwrap();
        let when = When::read(&node, &Zone::default(), &mut problems).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        when
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn office_hours_follow_the_zone_through_the_year() {
        let w = when("{days: mon-fri, from: '08:00', to: '18:00', zone: Europe/Berlin}");
        for (time, holds) in [
            ("2026-03-02T07:00:00Z", true),  // Monday 08:00 CET
            ("2026-03-02T06:59:59Z", false), // Monday 07:59 CET
            ("2026-07-06T06:00:00Z", true),  // Monday 08:00 CEST
            ("2026-07-06T16:00:00Z", false), // Monday 18:00 CEST
            ("2026-03-01T10:00:00Z", false), // Sunday
        ] {
            assert_eq!(w.holds(at(time)), holds, "{time}");
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on() {
        let w = when("{days: [fri], from: '22:00', to: '06:00', zone: '-05:00'}");
        for (time, holds) in [
            ("2026-03-07T03:30:00Z", true),  // Friday 22:30
            ("2026-03-07T10:59:00Z", true),  // Saturday 05:59
            ("2026-03-07T11:00:00Z", false), // Saturday 06:00
            ("2026-03-06T08:00:00Z", false), // Friday 03:00, Thursday's night
        ] {
            assert_eq!(w.holds(at(time)), holds, "{time}");
        }
        assert!(when("{days: sat-mon}").holds(at("2026-03-02T00:00:00Z")));
    }

    #[test]
    fn wrong_times_zones_and_days_are_told() {
        for text in
            ["{from: '25:00'}", "{to: '8:00'}", "{zone: Europe/Berlim}", "{days: [monday]}", "{hour: 8}"]
        {
            let mut problems = Problems::new("f");
            let node = yaml::read(text, &mut problems).unwrap();
            let _ = When::read(&node, &Zone::default(), &mut problems);
            assert_eq!(problems.into_list().len(), 1, "{text}");
        }
    }
}
