//! The README's tables tell the truth: every fixed word of the outputs is explained, with the grade and points it has.

#![allow(clippy::panic, reason = "a test may fail by panicking")]

use swarmscope::event::{Encryption, Grade, Kind, Reason};
use swarmscope::frame::Skip;
use swarmscope::ledger::{HostState, Missing, STRONG_FROM, SUSPECTED_FROM, points};

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
fn every_reason_with_points_names_its_look_alike() {
    for reason in Reason::ALL.iter().filter(|r| points(**r) > 0) {
        let word = format!("`{}`", reason.label());
        let cells = README
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.split('|').skip(1).map(str::trim).collect::<Vec<_>>())
            .find(|cells| cells.len() == 5 && cells.first().is_some_and(|c| c.contains(&word)))
            .unwrap_or_else(|| panic!("no row of four cells for {word}"));
        assert!(cells.get(3).is_some_and(|look_alike| !look_alike.is_empty()), "{word}");
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
fn every_state_and_what_an_all_clear_lacks_is_explained() {
    let states = HostState::WORDS.iter().map(|(word, _)| *word);
    for word in states.chain(Missing::ALL.iter().map(|m| m.label())) {
        let explained = README.lines().any(|line| line.starts_with(&format!("| `{word}` |")));
        assert!(explained, "the README has no row for `{word}`");
    }
}

#[test]
fn what_cannot_be_known_is_said_in_the_same_words() {
    for sentence in swarmscope::output::report::CANNOT_KNOW {
        assert!(README.contains(&format!("- {sentence}\n")), "{sentence}");
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
