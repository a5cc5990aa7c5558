//! The file: where it is, who may read it, and the versions of its form (SQLite's `user_version`).

use super::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

/// Name of the file in its folder.
pub const FILE: &str = "history.sqlite";

/// The steps from an empty file to the present form; each raises the version by one.
const STEPS: [&str; 2] = [include_str!("v1.sql"), include_str!("v2.sql")];

/// The version of the present form.
pub const VERSION: i64 = STEPS.len() as i64;

/// How long a writer waits for another.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the history of a folder to write, and makes both where they are missing.
pub(super) fn open(dir: &Path) -> Result<Connection, StoreError> {
    let path = dir.join(FILE);
    let name = path.display().to_string();
    let io = |file: &Path, error| StoreError::Io { file: file.display().to_string(), error };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| io(dir, error))?;
    // SQLite gives its companion files the mode of this one.
    let made = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
    made.map_err(|error| io(&path, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    prepare(&path, flags).map_err(|error| StoreError::Sql { file: name.clone(), error }).and_then(|mut c| {
        migrate(&mut c, &name)?;
        Ok(c)
    })
}

/// Opens the history of a folder to read.
pub(super) fn open_to_read(dir: &Path) -> Result<Connection, StoreError> {
    let path = dir.join(FILE);
    let file = path.display().to_string();
    match path.metadata() {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing { file }),
        Err(error) => return Err(StoreError::Io { file, error }),
    }
    let sql = |error| StoreError::Sql { file: file.clone(), error };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(sql)?;
    connection.busy_timeout(BUSY).map_err(sql)?;
    match version(&connection).map_err(sql)? {
        VERSION => Ok(connection),
        newer if newer > VERSION => Err(StoreError::Newer { file, version: newer }),
        // An older one is brought to the present form first.
        _ => {
            drop(connection);
            open(dir)
        }
    }
}

fn prepare(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // Takes effect in an empty file only, so it comes first.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A killed process loses nothing that was committed; a power cut at most the last transactions, and corrupts nothing.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the file to the present form, each step in a transaction of its own.
fn migrate(connection: &mut Connection, file: &str) -> Result<(), StoreError> {
    let sql = |error| StoreError::Sql { file: file.to_owned(), error };
    let known = version(connection).map_err(sql)?;
    if known > VERSION {
        return Err(StoreError::Newer { file: file.to_owned(), version: known });
    }
    let done = usize::try_from(known).unwrap_or(0);
    for (step, text) in STEPS.iter().enumerate().skip(done) {
        let transaction = connection.transaction().map_err(sql)?;
        transaction.execute_batch(text).map_err(sql)?;
        transaction.pragma_update(None, "user_version", step as i64 + 1).map_err(sql)?;
        transaction.commit().map_err(sql)?;
    }
    Ok(())
}
