//! Numbers, times and names as people read them, and how wide they stand on a terminal.

use crate::base::{Timestamp, printable};
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// Longest string of bytes that is looked at; nothing wider fits any terminal.
const STRING_BYTES_MAX: usize = 1_024;

/// `1234567` as `1,234,567`.
pub(in crate::output) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 flow`, `2 flows`, with an irregular plural where given.
pub(in crate::output) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Bytes in binary units, three digits or fewer: `0 B`, `1.5 KiB`, `300 MiB`.
pub(in crate::output) fn bytes(n: u64) -> String {
    if n < 1_000 {
        return format!("{n} B");
    }
    scaled(n as f64 / 1_024.0, 1_024.0, &["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

/// Bits a second in decimal units, as links are sold.
pub(in crate::output) fn bit_rate(bytes: u64, time: Duration) -> Option<String> {
    let secs = time.as_secs_f64();
    (secs > 0.0)
        .then(|| scaled(bytes as f64 * 8.0 / secs / 1e3, 1e3, &["kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]))
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for next in units {
        // What would round to four digits belongs to the next unit.
        if value < 999.5 {
            break;
        }
        value /= step;
        unit = next;
    }
    if value < 99.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// A share in per cent; what is not all or nothing never reads 0 % or 100 %.
pub(in crate::output) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    match share {
        _ if part == 0 => "0 %".to_owned(),
        s if s < 0.1 => "<0.1 %".to_owned(),
        s if part < whole && s > 99.9 => ">99.9 %".to_owned(),
        s if s < 10.0 => format!("{s:.1} %"),
        s if part < whole && s > 99.0 => format!("{s:.1} %"),
        s => format!("{s:.0} %"),
    }
}

/// A time span in its two largest units.
pub(in crate::output) fn duration(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3_600 => format!("{} min {} s", secs / 60, secs % 60),
        3_600..86_400 => format!("{} h {} min", secs / 3_600, secs / 60 % 60),
        _ => format!("{} d {} h", secs / 86_400, secs / 3_600 % 24),
    }
}

/// Date and time of day in UTC: `2026-03-01 12:00:09`.
pub(in crate::output) fn moment(at: Timestamp) -> String {
    let (date, time) = date_and_time(at);
    format!("{date} {time}")
}

/// From one moment to another, the second date only where it differs.
pub(in crate::output) fn span(first: Timestamp, last: Timestamp) -> String {
    let (last_date, last_time) = date_and_time(last);
    if date_and_time(first).0 == last_date {
        format!("{} – {last_time}", moment(first))
    } else {
        format!("{} – {last_date} {last_time}", moment(first))
    }
}

/// Both times of day, with the dates where they differ.
pub(in crate::output) fn short_span(first: Timestamp, last: Timestamp) -> String {
    let ((first_date, first_time), (last_date, last_time)) = (date_and_time(first), date_and_time(last));
    if first_date == last_date {
        format!("{first_time}–{last_time}")
    } else {
        let day = |date: &str| date.get(5..).unwrap_or_default().to_owned();
        let minute = |time: &str| time.get(..5).unwrap_or_default().to_owned();
        format!("{} {}–{} {}", day(&first_date), minute(&first_time), day(&last_date), minute(&last_time))
    }
}

fn date_and_time(at: Timestamp) -> (String, String) {
    let text = at.to_string();
    let (date, rest) = text.split_once('T').unwrap_or((&text, ""));
    (date.to_owned(), rest.get(..8).unwrap_or(rest).to_owned())
}

/// A string of any origin, safe on a terminal. What is escaped already stays as it is.
pub(in crate::output) fn safe(text: &str) -> String {
    printable(text.as_bytes(), STRING_BYTES_MAX)
}

/// Columns a text takes on a terminal.
pub(in crate::output) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text in at most `max` columns, ending in `…` where something is missing.
pub(in crate::output) fn fit(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept) + 1 > max {
            kept.pop();
            break;
        }
    }
    if max > 0 {
        kept.push('…');
    }
    kept
}

/// `items` joined by `separator` and broken into lines of at most `max` columns; an item longer than a line is cut.
pub(in crate::output) fn wrap(items: &[String], separator: &str, max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for item in items {
        let item = fit(item, max);
        if line.is_empty() {
            line = item;
        } else if width(&line) + width(separator) + width(&item) <= max {
            line.push_str(separator);
            line.push_str(&item);
        } else {
            line.push_str(separator.trim_end());
            lines.push(std::mem::replace(&mut line, item));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_keep_their_unit_when_they_round_up() {
        for (n, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 KiB"),
            (1_536, "1.5 KiB"),
            (102_400, "100 KiB"),
            (1_023_999, "1.0 MiB"),
            (1 << 20, "1.0 MiB"),
            (300 << 20, "300 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(n), text);
        }
        assert_eq!((count(0), count(999), count(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!(bit_rate(125_000, Duration::from_secs(1)).as_deref(), Some("1.0 Mbit/s"));
        assert_eq!(bit_rate(1, Duration::ZERO), None);
    }

    #[test]
    fn nearly_all_is_not_all_and_nearly_nothing_not_nothing() {
        let of_a_million =
            [(0, "0 %"), (1, "<0.1 %"), (12_000, "1.2 %"), (995_000, "99.5 %"), (1_000_000, "100 %")];
        for (part, text) in of_a_million.into_iter().chain([(999_999, ">99.9 %"), (123_000, "12 %")]) {
            assert_eq!(percent(part, 1_000_000), text);
        }
        assert_eq!(percent(0, 0), "–");
    }

    #[test]
    fn times_name_the_date_once_where_once_is_enough() {
        let at = |secs: i64| Timestamp::from_secs(1_772_366_409 + secs);
        assert_eq!(span(at(0), at(61)), "2026-03-01 12:00:09 – 12:01:10");
        assert_eq!(span(at(0), at(86_400)), "2026-03-01 12:00:09 – 2026-03-02 12:00:09");
        assert_eq!(short_span(at(0), at(61)), "12:00:09–12:01:10");
        assert_eq!(short_span(at(0), at(86_400)), "03-01 12:00–03-02 12:00");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("debian", 6), "debian");
        assert_eq!(fit("debian", 5), "debi…");
        assert_eq!(fit("debian", 0), "");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text: String, items: Vec<String>, max in 0usize..40) {
            prop_assert!(width(&fit(&safe(&text), max)) <= max);
            let items: Vec<String> = items.iter().map(|i| safe(i)).collect();
            // A separator at a line's end may stand out by its one visible column.
            prop_assert!(wrap(&items, ", ", max).iter().all(|line| width(line) <= max + 1));
        }
    }
}
