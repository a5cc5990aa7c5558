//! Reads a history: what a sensor needs after a restart, and what a verdict or a notice asks for.

use super::recall::{self, Near};
use super::{StoreError, StoreLimits, Writer, schema};
use crate::base::{Address, Timestamp};
use crate::ledger::memory::{Memory, Minute};
use crate::ledger::report::Report;
use crate::ledger::{HostState, Sample};
use crate::policy::Engine;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::Path;
use std::time::Duration;

/// A history on disk.
#[derive(Debug)]
pub struct History {
    pub(super) connection: Connection,
    file: String,
}

/// What a history covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// First and last sign of life.
    pub first: Timestamp,
    /// See `first`.
    pub last: Timestamp,
    /// Whether the latest run is a sensor's, so that it should go on to the present.
    pub live: bool,
    /// What came in all of it.
    pub sample: Sample,
    /// Flows, and those of them with packets of one side only.
    pub flows: u64,
    /// See `flows`.
    pub one_way: u64,
}

impl History {
    /// Opens the history of a folder to write, and makes it where it is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let file = dir.join(schema::FILE).display().to_string();
        Ok(Self { connection: schema::open(dir)?, file })
    }

    /// Opens one to read.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Missing`] where there is none.
    pub fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        let file = dir.join(schema::FILE).display().to_string();
        Ok(Self { connection: schema::open_to_read(dir)?, file })
    }

    /// Goes on to write, in a thread of its own.
    ///
    /// # Errors
    /// [`StoreError::Io`] where no thread can be started.
    pub fn into_writer(self, limits: StoreLimits) -> Result<Writer, StoreError> {
        let file = self.file;
        Writer::start(self.connection, limits).map_err(|error| StoreError::Io { file, error })
    }

    /// What the ledger has to know from before: of the latest `back`, which is as far as a verdict looks.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn memory(&self, back: Duration) -> Result<Memory, StoreError> {
        let Some(covered) = self.covered()? else { return Ok(Memory::default()) };
        recall::memory(&self.connection, covered.last - back).map_err(|error| self.failed(error))
    }

    /// Gives the rules their state back, where it was saved and they still ask the same: how many groups, and how many were
    /// left out.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn restore(&self, engine: &mut Engine) -> Result<(usize, usize), StoreError> {
        let text: Option<String> = self
            .connection
            .query_row("SELECT state FROM engine", [], |row| row.get(0))
            .optional()
            .map_err(|error| self.failed(error))?;
        let state = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(state.map(|state| engine.restore(&state)).unwrap_or_default())
    }

    /// What it covers; nothing where it is empty.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn covered(&self) -> Result<Option<Covered>, StoreError> {
        recall::covered(&self.connection).map_err(|error| self.failed(error))
    }

    /// How well the sensor saw from one time to another: packets, losses, flows.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn covered_between(&self, from: Timestamp, to: Timestamp) -> Result<Option<Covered>, StoreError> {
        recall::covered_between(&self.connection, from, to).map_err(|error| self.failed(error))
    }

    /// How well the sensor saw from one time to another, minute by minute.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn minutes(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Minute>, StoreError> {
        recall::minutes(&self.connection, from, to).map_err(|error| self.failed(error))
    }

    /// Hosts and torrents as they were around a time, for a notice; sums are those of that time.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn report_near(&self, at: Timestamp, skew: Duration) -> Result<Report, StoreError> {
        Near { at, skew }.report(&self.connection).map_err(|error| self.failed(error))
    }

    /// The states of a host, the latest last.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn states(&self, host: Address, most: u32) -> Result<Vec<(Timestamp, HostState)>, StoreError> {
        let read = || {
            let mut select = self.connection.prepare(
                "SELECT at, state FROM (SELECT at, state FROM host_states WHERE host = ?1 ORDER BY at DESC LIMIT ?2)
                 ORDER BY at",
            )?;
            let rows = select.query_map(params![host.to_string(), most], |row| {
                Ok((Timestamp(row.get(0)?), row.get::<_, String>(1)?))
            })?;
            let known = |(at, word): (Timestamp, String)| Some((at, recall::state(&word)?));
            rows.filter_map(|row| row.map(known).transpose()).collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Sql { file: self.file.clone(), error }
    }
}
