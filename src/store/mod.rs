//! Keeps what the sensor learnt on disk: sessions, intervals, states, alerts, coverage.
//!
//! One file of SQLite in a folder of its own. [`Recorder`] collects at the keeper's ticks, [`Writer`] writes in a thread of its
//! own behind a bounded queue, [`History`] reads: what a verdict needs after a restart, and what `notice` and `verify` ask.
//! The room sees no packet and judges nothing: it hands evidence back to the ledger, which does.
//!
//! Everything written can be written again without harm, since rows have keys of packet time: an analysis of the same
//! capture changes nothing. Every value is bound as a parameter, for half of them were chosen by strangers.
//! To change the schema: a new `vN.sql`, a line of `STEPS` in `schema.rs`, a test that comes from the version before.

mod entry;
mod history;
mod recall;
mod recorder;
mod retention;
mod schema;
mod sessions;
mod write;
mod writer;

pub use entry::{Batch, RunKind};
pub use history::{Covered, History};
pub use recorder::Recorder;
pub use retention::Removed;
pub use schema::{FILE, VERSION};
pub use writer::{StoreCounters, Writer};

use std::fmt;
use std::time::Duration;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// What is older is removed, in whole days, counted from the latest that is known.
    pub keep: Duration,
    /// Bytes of the file; when it is larger, the oldest day goes.
    pub size: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { keep: Duration::from_secs(90 * 86_400), size: 1 << 30 }
    }
}

/// Why a history cannot be used.
#[derive(Debug)]
pub enum StoreError {
    /// Another version of swarmscope wrote it, and this one does not know its form.
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: i64,
    },
    /// There is none.
    Missing {
        /// The file.
        file: String,
    },
    /// The folder or the file cannot be read or written.
    Io {
        /// Which.
        file: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// SQLite cannot use it.
    Sql {
        /// The file.
        file: String,
        /// What it said.
        error: rusqlite::Error,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { file, version } => write!(
                f,
                "{file}: written by a newer swarmscope (schema {version}, this one knows {VERSION}): use that one, or another folder"
            ),
            Self::Missing { file } => {
                write!(f, "{file}: no history there: watch --state or analyze --state writes one")
            }
            Self::Io { file, error } => write!(f, "{file}: {error}"),
            Self::Sql { file, error } => write!(f, "{file}: {error}"),
        }
    }
}

impl std::error::Error for StoreError {}

#[cfg(test)]
mod tests;
