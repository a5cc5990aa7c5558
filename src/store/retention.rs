//! Removes what is too old or too much, in whole days, the oldest first.

use super::StoreLimits;
use super::write::{DAY, MINUTE, day_of};
use crate::base::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Each table with the column that says when a row was last true.
const TABLES: [(&str, &str); 12] = [
    ("coverage", "minute"),
    ("sessions", "last"),
    ("exposure", "last"),
    ("host_states", "at"),
    ("alerts", "last"),
    ("mappings", "at"),
    ("members", "last"),
    ("activity", "last"),
    ("life", "slot"),
    ("carried", "last"),
    ("listens", "last"),
    ("externals", "last"),
];

/// Days removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Because they were too old.
    pub too_old: u64,
    /// Because the file was too large.
    pub too_much: u64,
}

/// Keeps the file within its limits.
pub(super) fn tidy(connection: &mut Connection, limits: &StoreLimits) -> rusqlite::Result<Removed> {
    let mut removed = Removed::default();
    // Packet time is the only clock: old is what is long before the latest.
    let latest: Option<i64> =
        connection.query_row("SELECT max(heartbeat) FROM runs", [], |row| row.get(0))?;
    let Some(latest) = latest else { return Ok(removed) };
    let today = day_of(Timestamp(latest));
    let keep = i64::try_from(limits.keep.as_nanos()).unwrap_or(i64::MAX);
    let oldest_kept = day_of(Timestamp(latest.saturating_sub(keep)));
    while let Some(day) = oldest_day(connection)?.filter(|day| *day < oldest_kept) {
        remove(connection, day)?;
        removed.too_old += 1;
    }
    // The latest day stays, whatever its size: a limit that small is the operator's mistake.
    while used(connection)? > limits.size {
        let Some(day) = oldest_day(connection)?.filter(|day| *day < today) else { break };
        remove(connection, day)?;
        removed.too_much += 1;
    }
    if removed != Removed::default() {
        // Each row of its answer is a page given back.
        let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
    }
    Ok(removed)
}

/// Bytes of the pages in use.
pub(super) fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    Ok(u64::try_from(pages.saturating_mul(pragma("page_size")?)).unwrap_or(0))
}

/// The oldest day of which anything is kept.
fn oldest_day(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let mut oldest: Option<i64> = None;
    for (table, column) in TABLES {
        let first: Option<Option<i64>> = connection
            .prepare_cached(&format!("SELECT min({column}) FROM {table}"))?
            .query_row([], |row| row.get(0))
            .optional()?;
        if let Some(first) = first.flatten() {
            oldest = Some(oldest.map_or(first, |o| o.min(first)));
        }
    }
    Ok(oldest.map(|at| day_of(Timestamp(at))))
}

/// Removes a day, and all before it.
fn remove(connection: &mut Connection, day: i64) -> rusqlite::Result<()> {
    let end = day.saturating_add(DAY);
    let to = connection.transaction()?;
    for (table, column) in TABLES {
        to.prepare_cached(&format!("DELETE FROM {table} WHERE {column} < ?1"))?.execute(params![end])?;
    }
    to.execute("DELETE FROM hosts WHERE last < ?1", params![end])?;
    // A run without minutes says nothing any more; one that has just begun has none yet.
    to.execute(
        "DELETE FROM runs WHERE heartbeat < ?1 AND NOT EXISTS (SELECT 1 FROM coverage WHERE run = runs.id)",
        params![end.saturating_sub(MINUTE)],
    )?;
    to.commit()
}
