//! What is wrong with a configuration file, and where.

use serde_saphyr::{Location, MessageFormatter as _, UserMessageFormatter};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Longest message, in characters: it may quote what stands in the file.
const MESSAGE_MAX: usize = 500;

/// What is said of a file beyond every limit.
const TOO_MUCH: &str = "more than a configuration needs: no anchors, aliases and merge keys, at most 16 levels and 10,000 values";

/// A mistake in a configuration file; displays as `FILE:LINE:COLUMN: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Line and column, each from 1; `None` when it concerns the file as a whole.
    pub place: Option<(u64, u64)>,
    /// What is wrong, for people.
    pub message: String,
    missing: bool,
}

impl ConfigError {
    pub(super) fn unreadable(file: &Path, error: &io::Error) -> Self {
        let missing = error.kind() == io::ErrorKind::NotFound;
        Self { file: file.to_owned(), place: None, message: error.to_string(), missing }
    }

    pub(super) fn whole_file(file: &Path, message: String) -> Self {
        Self { file: file.to_owned(), place: None, message, missing: false }
    }

    pub(super) fn yaml(file: &Path, error: &serde_saphyr::Error) -> Self {
        let error = error.without_snippet();
        let place = error
            .location()
            .filter(|location| *location != Location::UNKNOWN)
            .map(|location| (location.line(), location.column()));
        let mut message = match error {
            serde_saphyr::Error::Budget { .. } => TOO_MUCH.to_owned(),
            other => UserMessageFormatter.format_message(other).into_owned(),
        };
        if message == "expected mapping start" {
            message = "expected settings, each as `name: value`".to_owned();
        }
        // The names of Rust's types mean nothing to whoever writes the file.
        if ["invalid u", "invalid i"].iter().any(|start| message.starts_with(start)) {
            message = "expected a whole number".to_owned();
        }
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_MAX) {
            message.truncate(end);
            message.push_str("...");
        }
        Self { file: file.to_owned(), place, message, missing: false }
    }

    /// Whether there is no such file.
    #[must_use]
    pub fn is_missing_file(&self) -> bool {
        self.missing
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for ConfigError {}
