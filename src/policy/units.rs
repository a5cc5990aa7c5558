//! Durations and amounts as people write them, and back.

use std::time::Duration;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Bits a second.
    Rate,
    /// A part of a whole; 1 is all of it.
    Share,
}

impl Unit {
    /// What a number of this unit looks like, for messages.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Count => "a number, e.g. 2000",
            Self::Bytes => "an amount of bytes, e.g. 500MB, 5GiB or 1500",
            Self::Rate => "a rate, e.g. 20Mbit/s or 2MiB/s",
            Self::Share => "a share, e.g. 1% or 2.5",
        }
    }

    /// Reads a number of this unit, not negative.
    pub(super) fn parse(self, text: &str) -> Option<f64> {
        let (number, unit) = split(text)?;
        let factor = match self {
            Self::Count => [("", 1.0), ("k", 1e3), ("M", 1e6)].iter().find(|(u, _)| *u == unit)?.1,
            Self::Share => [("", 1.0), ("%", 0.01)].iter().find(|(u, _)| *u == unit)?.1,
            Self::Bytes => bytes_factor(unit)?,
            Self::Rate => match unit.strip_suffix("/s")? {
                "bit" => 1.0,
                "kbit" => 1e3,
                "Mbit" => 1e6,
                "Gbit" => 1e9,
                bytes => 8.0 * bytes_factor(bytes)?,
            },
        };
        let value = number * factor;
        (value.is_finite() && value <= 9e15).then_some(value)
    }

    /// The number for people.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Count => format!("{value:.0}"),
            Self::Bytes => scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"]),
            Self::Rate => scaled(value, 1000.0, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]),
            Self::Share => format!("{:.1}%", value * 100.0),
        }
    }
}

/// Reads a duration: a number and one of ms, s, m, h, d, w; a plain 0 too. At most ten years.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        "" if number == 0.0 => 0.0,
        _ => return None,
    } * number;
    (seconds <= 10.0 * 366.0 * 86_400.0).then(|| Duration::from_secs_f64(seconds))
}

/// What a duration looks like, for messages.
pub(super) const DURATION: &str = "a duration, e.g. 30s, 5m, 24h or 7d";

/// A duration for people.
pub(super) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds >= length && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    match duration.subsec_millis() {
        0 => format!("{seconds}s"),
        millis => format!("{seconds}.{millis:03}s"),
    }
}

fn bytes_factor(unit: &str) -> Option<f64> {
    Some(match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    })
}

/// A plain decimal number, and what follows it.
fn split(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = units.first().copied().unwrap_or_default();
    for larger in units.iter().skip(1) {
        if value < step {
            break;
        }
        value /= step;
        unit = larger;
    }
    if unit == units.first().copied().unwrap_or_default() {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown_as_people_write_them() {
        for (unit, text, value, shown) in [
            (Unit::Bytes, "5GiB", 5.0 * 1024f64.powi(3), "5.0 GiB"),
            (Unit::Bytes, "500 MB", 5e8, "476.8 MiB"),
            (Unit::Bytes, "1500", 1500.0, "1.5 KiB"),
            (Unit::Rate, "20Mbit/s", 2e7, "20.0 Mbit/s"),
            (Unit::Rate, "1MiB/s", 8.0 * 1024.0 * 1024.0, "8.4 Mbit/s"),
            (Unit::Share, "1%", 0.01, "1.0%"),
            (Unit::Share, "2.5", 2.5, "250.0%"),
            (Unit::Count, "2k", 2000.0, "2000"),
        ] {
            assert_eq!(unit.parse(text), Some(value), "{text}");
            assert_eq!(unit.show(value), shown);
        }
        for (unit, text) in [
            (Unit::Bytes, "5Gib"),
            (Unit::Bytes, "-5"),
            (Unit::Bytes, "many"),
            (Unit::Rate, "20"),
            (Unit::Count, "1e9"),
            (Unit::Count, ""),
            (Unit::Bytes, "99999999999999999999TiB"),
        ] {
            assert_eq!(unit.parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_go_there_and_back() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("24h", 86_400), ("0", 0), ("1w", 604_800)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(show_duration(Duration::from_secs(86_400)), "1d");
        assert_eq!(show_duration(Duration::from_secs(90)), "90s");
        for bad in ["", "5", "s", "5 years", "-1s", "1000000d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
