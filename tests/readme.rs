//! The README's tables tell the truth: every fixed word of the outputs is explained, with the grade and points it has.

#![allow(clippy::panic, reason = "a test may fail by panicking")]

use swarmscope::event::{Encryption, Grade, Kind, Reason};
use swarmscope::frame::Skip;
use swarmscope::ledger::{STRONG_FROM, SUSPECTED_FROM, points};

const README: &str = include_str!("../README.md");

#[test]
fn every_reason_has_its_grade_and_points() {
    for &reason in Reason::ALL {
        let word = reason.label();
        match (reason.proves(), points(reason)) {
            (Some(grade), 0) => assert_row(word, grade.label()),
            (_, points) => assert_row(word, &points.to_string()),
        }
    }
}

#[test]
fn every_word_is_explained() {
    let kinds = Kind::ALL.iter().map(|k| k.label());
    let grades = Grade::ALL.iter().map(|g| g.label());
    let encryption = Encryption::ALL.iter().map(|e| e.label());
    let skips = Skip::ALL.iter().map(|s| s.label()).chain(["fragment", "duplicate", "icmp_unreachable"]);
    for word in kinds.chain(grades).chain(encryption).chain(skips) {
        assert!(README.contains(&format!("`{word}`")), "the README does not explain `{word}`");
    }
}

#[test]
fn the_thresholds_are_those_of_the_ledger() {
    assert!(README.contains(&format!("`strong` from {STRONG_FROM} on")));
    assert!(README.contains(&format!("`suspected` from {SUSPECTED_FROM} on")));
}

/// Some row of a table explains the word in its first cell and has `value` in the second.
fn assert_row(word: &str, value: &str) {
    let found = README.lines().filter(|line| line.starts_with('|')).any(|line| {
        let mut cells = line.split('|').skip(1).map(str::trim);
        cells.next().is_some_and(|cell| cell.contains(&format!("`{word}`"))) && cells.next() == Some(value)
    });
    assert!(found, "no row of the README explains `{word}` with {value}");
}
