//! Packet time: nanoseconds since the Unix epoch, as stamped on the packet.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment of packet time, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// Displays as RFC 3339 in UTC with microseconds, the form of the output contract:
///
/// ```
/// use swarmscope::base::Timestamp;
/// let t = Timestamp::from_micros(1_772_366_409_120_000);
/// assert_eq!(t.to_string(), "2026-03-01T12:00:09.120000+00:00");
/// assert_eq!("2026-03-01T12:00:09.12Z".parse(), Ok(t));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// Why a text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampError;

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected RFC 3339 (2026-03-01T12:00:09Z) or seconds since the epoch")
    }
}

impl std::error::Error for TimestampError {}

impl Timestamp {
    /// The earliest time there is.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time there is.
    pub const MAX: Self = Self(i64::MAX);

    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Seconds since the epoch as a float, for plots and JSON numbers.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Time passed since `earlier`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let ns = self.0.saturating_sub(earlier.0);
        Duration::from_nanos(if ns > 0 { ns.unsigned_abs() } else { 0 })
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// Days since the epoch → (year, month, day) in the proleptic Gregorian calendar.
const fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + (month <= 2) as i64, month, day)
}

/// (year, month, day) → days since the epoch; the inverse of [`civil`].
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = year - (month <= 2) as i64;
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (month + 9) % 12;
    let doy = (153 * mp + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.secs();
        let micros = self.0.rem_euclid(1_000_000_000) / 1_000;
        let (y, m, d) = civil(secs.div_euclid(86_400));
        let s = secs.rem_euclid(86_400);
        let (hh, mm, ss) = (s / 3_600, s / 60 % 60, s % 60);
        write!(f, "{y:04}-{m:02}-{d:02}T{hh:02}:{mm:02}:{ss:02}.{micros:06}+00:00")
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        if let Ok(secs) = text.parse::<f64>() {
            let ns = secs * 1e9;
            return if ns.abs() < 9e18 { Ok(Self(ns as i64)) } else { Err(TimestampError) };
        }
        parse_rfc3339(text).ok_or(TimestampError)
    }
}

fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-');
    let mut part = |range: std::ops::RangeInclusive<i64>| -> Option<i64> {
        let n = parts.next()?.parse().ok()?;
        range.contains(&n).then_some(n)
    };
    let (year, month, day) = (part(1..=9999)?, part(1..=12)?, part(1..=31)?);
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut hms = whole.splitn(3, ':').map(|p| p.parse::<i64>().ok());
    let (h, m, s) = (hms.next()??, hms.next()??, hms.next().unwrap_or(Some(0))?);
    if !(0..24).contains(&h) || !(0..60).contains(&m) || !(0..=60).contains(&s) {
        return None;
    }
    let nanos: i64 =
        if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").get(..9)?.parse().ok()? };
    let offset = match zone.chars().next() {
        None | Some('Z' | 'z') => 0,
        Some(sign) => {
            let (oh, om) = zone.get(1..)?.split_once(':')?;
            let (hours, minutes) = (oh.parse::<u8>().ok()?, om.parse::<u8>().ok()?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let secs = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
            if sign == '-' { -secs } else { secs }
        }
    };
    let secs = days(year, month, day) * 86_400 + h * 3_600 + m * 60 + s - offset;
    Some(Timestamp(secs.checked_mul(1_000_000_000)?.checked_add(nanos)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_goes_there_and_back() {
        for d in -200 * 366..200 * 366 {
            let (y, m, day) = civil(d);
            assert_eq!(days(y, m, day), d);
        }
    }

    #[test]
    fn zones_fractions_and_plain_seconds_are_read() {
        let want = Timestamp::from_secs(1_772_366_409);
        for text in
            ["2026-03-01T12:00:09Z", "2026-03-01 14:00:09+02:00", "2026-03-01T12:00:09.000", "1772366409"]
        {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-03-01T25:00:00Z",
            "2026-03-01T12:00:00+9223372036854775807:00",
            "nan",
            "1e300",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(TimestampError), "{bad}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }
}
