//! Values with a form or a range of their own.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Most worker threads.
const WORKERS_MAX: u16 = 256;
/// Smallest and largest ring of packets: libpcap takes its size as a positive number of 31 bits.
const BUFFER: RangeInclusive<u64> = 1 << 16..=(1 << 31) - 1;
/// Least memory, which the program itself and its buffers need, and the most that the caps are meant for.
const MEMORY: RangeInclusive<u64> = 32 << 20..=64 << 30;
/// Fewest bytes of a packet that hold the headers of most, and the most that libpcap captures.
const SNAPLEN: RangeInclusive<u32> = 64..=262_144;
/// A history of at least a day, and of at most ten years.
const DAYS: RangeInclusive<u32> = 1..=3_650;
/// Least size of a history: a day must fit.
const STORE: RangeInclusive<u64> = 1 << 20..=1 << 40;
/// Most hosts with series of their own: a page of metrics has a ceiling.
const HOSTS_MAX: u32 = 1_000;

/// A number of bytes, written as `64MiB`, `512KiB`, `1GiB`, `2MB` or `65536`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Powers of 1,024 first: the largest that divides a size evenly is the one it is written with.
const UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a size; expected e.g. 64MiB, 512KiB or 65536");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit = unit.trim_start();
        let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?;
        number.checked_mul(*factor).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        let (unit, factor) = whole.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SizeVisitor)
    }
}

/// A length of time of whole seconds, written as `30s`, `15m`, `24h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(pub Duration);

/// Longest first: the largest that divides a time evenly is the one it is written with.
const SPANS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
/// Ten years.
const SPAN_MAX: u64 = 3_650 * 86_400;

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is not a time; expected a whole number and s, m, h or d, such as 24h");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (_, seconds) = SPANS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        match number.checked_mul(*seconds) {
            Some(seconds @ 1..=SPAN_MAX) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(format!("'{text}' is not a time from 1s to 3650d")),
        }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let whole = SPANS.iter().find(|(_, length)| seconds != 0 && seconds.is_multiple_of(*length));
        let (unit, length) = whole.unwrap_or(&("s", 1));
        write!(f, "{}{unit}", seconds / length)
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// From which weight on something is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What stops it.
    Error,
    /// What someone should look at.
    Warn,
    /// What changed.
    #[default]
    Info,
    /// What it does.
    Debug,
    /// All.
    Trace,
}

impl LogLevel {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How names of torrents are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Names {
    /// As they are.
    #[default]
    Shown,
    /// As digits that stand for them.
    Hashed,
    /// Not at all.
    Off,
}

pub(super) fn workers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let workers = u16::deserialize(deserializer)?;
    within(workers, &(1..=WORKERS_MAX))
}

pub(super) fn snaplen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let snaplen = u32::deserialize(deserializer)?;
    within(snaplen, &SNAPLEN)
}

pub(super) fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let hosts = u32::deserialize(deserializer)?;
    within(hosts, &(0..=HOSTS_MAX))
}

pub(super) fn buffer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    let size = ByteSize::deserialize(deserializer)?;
    within(size, &(ByteSize(*BUFFER.start())..=ByteSize(*BUFFER.end())))
}

pub(super) fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let days = u32::deserialize(deserializer)?;
    within(days, &DAYS)
}

pub(super) fn store<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    let size = ByteSize::deserialize(deserializer)?;
    within(size, &(ByteSize(*STORE.start())..=ByteSize(*STORE.end())))
}

/// Reads the size of memory that the tables may take, as a flag and the file give it.
///
/// # Errors
/// For a text that is no size, and for one out of range.
pub fn memory_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if MEMORY.contains(&size.0) {
        return Ok(size);
    }
    Err(format!(
        "{size} is out of range; expected {} to {}",
        ByteSize(*MEMORY.start()),
        ByteSize(*MEMORY.end())
    ))
}

pub(super) fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    memory_size(&ByteSize::deserialize(deserializer)?.to_string()).map_err(D::Error::custom)
}

pub(super) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    let fine = path.len() > 1
        && path.starts_with('/')
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#');
    if fine {
        Ok(path)
    } else {
        Err(D::Error::invalid_value(Unexpected::Str(&path), &"a path such as /metrics"))
    }
}

/// The address of a page: `http` or `https`, without a question or a fragment behind it.
///
/// # Errors
/// What was expected instead.
pub fn page_address(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or(text.strip_prefix("https://"));
    let fine = |rest: &str| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.bytes().all(|b| b.is_ascii_graphic() && !b"?#@\"<>".contains(&b))
    };
    match rest {
        Some(rest) if fine(rest) => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(format!("'{text}' is not the address of a page; expected e.g. https://sensor.example:9847")),
    }
}

pub(super) fn address_of_page<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| page_address(&text).map_err(D::Error::custom)).transpose()
}

fn within<T: PartialOrd + fmt::Display, E: Error>(value: T, range: &RangeInclusive<T>) -> Result<T, E> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(E::custom(format!("{value} is out of range; expected {} to {}", range.start(), range.end())))
}

/// Takes `65536` and `64MiB` alike.
struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as 64MiB")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, written) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("64 mib", 64 << 20, "64MiB"),
            ("65536", 65_536, "64KiB"),
            ("2MB", 2_000_000, "2000000B"),
            ("1000", 1_000, "1000B"),
            ("1536KiB", 1_536 << 10, "1536KiB"),
            ("0", 0, "0B"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, written), "{text}");
            assert_eq!(size.to_string().parse(), Ok(size));
        }
        for bad in ["", "MiB", "-1", "64 M", "1.5GiB", "99999999999GiB", "64MiBs", "²"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }
}
