//! What is wrong with a rule file, said to the person who wrote it: where, which word, and which words are allowed.

use std::fmt;

/// Problems told of one run, at most: a hostile file must not become a hostile log.
const PROBLEMS_MAX: usize = 50;
/// Bytes of a wrong word that are repeated.
const WORD_MAX: usize = 64;

/// A place in a file, both counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// One thing that is wrong. Displays as `file:line:column: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// Where in it; `None` for the file as a whole.
    pub at: Option<Position>,
    /// What, as a sentence.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(Position { line, column }) => write!(f, "{}:{line}:{column}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for Problem {}

/// Collects what is wrong with one file, so that a run tells of more than the first mistake.
#[derive(Debug)]
pub(super) struct Problems {
    file: String,
    list: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    /// Something is wrong at a place.
    pub(super) fn say(&mut self, at: Position, what: impl Into<String>) {
        self.push(Some(at), what.into());
    }

    /// Something is wrong with the whole file.
    pub(super) fn say_of_file(&mut self, what: impl Into<String>) {
        self.push(None, what.into());
    }

    /// A word that is none of the allowed ones.
    pub(super) fn unknown(&mut self, at: Position, sort: &str, word: &str, allowed: &[&str]) {
        let near =
            nearest(word, allowed).map_or_else(|| ".".to_owned(), |n| format!("; did you mean '{n}'?"));
        self.say(at, format!("unknown {sort} '{}'{near} Allowed: {}", shown(word), allowed.join(", ")));
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.list.len()
    }

    #[cfg(test)]
    pub(super) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn into_list(self) -> Vec<Problem> {
        self.list
    }

    fn push(&mut self, at: Option<Position>, what: String) {
        if self.list.len() < PROBLEMS_MAX {
            self.list.push(Problem { file: self.file.clone(), at, what });
        }
    }
}

/// A word of the file as it is repeated to the user.
pub(super) fn shown(word: &str) -> String {
    crate::base::printable(word.as_bytes(), WORD_MAX)
}

/// The allowed word that was probably meant.
fn nearest<'a>(word: &str, allowed: &[&'a str]) -> Option<&'a str> {
    if word.len() > WORD_MAX {
        return None;
    }
    let close = |candidate: &&'a str| {
        let distance = distance(word, candidate);
        (distance <= 1 + candidate.len() / 4).then_some((distance, *candidate))
    };
    allowed.iter().filter_map(close).min().map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, by rows.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_place_word_and_choice() {
        let mut problems = Problems::new("a.yaml");
        problems.unknown(Position { line: 3, column: 7 }, "field", "matc", &["id", "match"]);
        problems.unknown(Position { line: 4, column: 1 }, "field", "zzzzzzzz", &["id", "match"]);
        let text: Vec<String> = problems.into_list().iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "a.yaml:3:7: unknown field 'matc'; did you mean 'match'? Allowed: id, match",
                "a.yaml:4:1: unknown field 'zzzzzzzz'. Allowed: id, match",
            ]
        );
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (a, b, d) in [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("same", "same", 0)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }
}
