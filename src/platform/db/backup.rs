//! Copies of an SQLite database: made while it is in use, and put into its place.
//!
//! PostgreSQL has its own programs for both; see docs/operating.md.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseBackend};
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteLockingMode},
};

use super::{Database, dialect::statement};
use crate::error::{Error, Result};

/// What is said where the database is not SQLite.
pub(crate) const POSTGRES: &str = "this is for SQLite; PostgreSQL has pg_dump and pg_restore, see docs/operating.md";

impl Database {
    /// Writes everything, as it is at one moment, into a new file, while others go on reading and writing. The file is there
    /// when all of it is.
    pub(crate) async fn back_up(&self, to: &Path) -> Result<()> {
        if self.backend() != DatabaseBackend::Sqlite {
            return Err(Error::bad_request(POSTGRES));
        }
        if to.exists() {
            return Err(Error::bad_request(format!("{} is there already", to.display())));
        }
        let partial = beside(to, "partial");
        remove(&partial)?;
        let place = partial.to_str().ok_or_else(|| Error::bad_request("the file's name is no text"))?;
        let pool = self.long_reads().await?;
        pool.execute_raw(statement(pool, "VACUUM INTO $1", vec![place.into()])).await?;
        tokio::fs::File::open(&partial).await?.sync_all().await?;
        put(&partial, to)
    }
}

/// Puts a copy into the place of the database. One that is there is kept beside it, and only replaced when that is wanted and
/// nobody uses it.
pub(crate) async fn restore(from: &Path, to: &Path, replace: bool) -> Result<()> {
    check(from).await?;
    if to.exists() {
        if !replace {
            return Err(Error::bad_request(format!("{} is there already; --replace puts it aside", to.display())));
        }
        put_aside(to).await?;
    }
    // What is left of another database would be taken for this one's.
    for ending in ["-wal", "-shm"] {
        remove(&PathBuf::from(format!("{}{ending}", to.display())))?;
    }
    let partial = beside(to, "partial");
    tokio::fs::copy(from, &partial).await?;
    tokio::fs::File::open(&partial).await?.sync_all().await?;
    put(&partial, to)
}

/// It is whole, and ours.
async fn check(copy: &Path) -> Result<()> {
    let damaged = |cause: sqlx::Error| Error::bad_request(format!("{} can't be restored: {cause}", copy.display()));
    let options = SqliteConnectOptions::new().filename(copy).read_only(true).immutable(true);
    let mut connection = options.connect().await.map_err(damaged)?;
    let found = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await.map_err(damaged)?;
    let found: String = found.try_get(0).map_err(damaged)?;
    if found != "ok" {
        return Err(Error::bad_request(format!("{} is damaged: {found}", copy.display())));
    }
    sqlx::query("SELECT COUNT(*) FROM seaql_migrations").fetch_one(&mut connection).await.map_err(damaged)?;
    connection.close().await.map_err(damaged)
}

/// Takes a database out of its place, whole, if nobody uses it.
async fn put_aside(file: &Path) -> Result<()> {
    let used = |_| Error::bad_request(format!("{} is in use: stop everything that uses it first", file.display()));
    let options = SqliteConnectOptions::new()
        .filename(file)
        .locking_mode(SqliteLockingMode::Exclusive)
        .busy_timeout(Duration::ZERO);
    let mut connection: SqliteConnection = options.connect().await.map_err(used)?;
    sqlx::raw_sql("BEGIN EXCLUSIVE; COMMIT").execute(&mut connection).await.map_err(used)?;
    // The last one who closes it writes what is beside it into it.
    connection.close().await.map_err(used)?;
    Ok(fs::rename(file, beside(file, "replaced"))?)
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}.{ending}", file.display()))
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Gives a finished file its name, so that it is there after a loss of power, too.
fn put(partial: &Path, to: &Path) -> Result<()> {
    fs::rename(partial, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}
