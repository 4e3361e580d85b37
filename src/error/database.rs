//! What a database's error means for whoever asked: what may run again, what is the machine's fault, and what is a bug.

use std::io::ErrorKind;

use sea_orm::{DbErr, RuntimeErr};

use super::{Code, Error, Refusal};
use crate::catalogue::Text;

/// Why the database did not do what it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseFailure {
    /// It lost a race with another transaction, and may run again: serialization failure, deadlock, busy file.
    LostRace,
    /// Its time limit ended it.
    TimeLimit,
    /// There was no connection to be had: nothing ran.
    NoConnection,
    /// The connection broke, or the server is going down.
    ConnectionLost,
    /// The server is no longer the one that may write, as after a failover: another one answers at its address.
    Standby,
    /// Nothing was heard for longer than the server itself would have let it take.
    Silence,
    /// The machine can't: disk full or broken, no memory, too many connections.
    Machine,
    /// Whatever else: a constraint, or a bug.
    Statement,
}

impl DatabaseFailure {
    /// What kind of failure an error is.
    #[must_use]
    pub(crate) fn of(error: &DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(_) => Self::NoConnection,
            DbErr::Conn(cause) => match of_runtime(cause) {
                Self::Statement | Self::ConnectionLost => Self::NoConnection,
                known => known,
            },
            DbErr::Exec(cause) | DbErr::Query(cause) => of_runtime(cause),
            _ => Self::Statement,
        }
    }

    /// What the caller is told, if it is not a bug.
    #[must_use]
    pub(crate) fn refusal(self) -> Option<Refusal> {
        Some(match self {
            Self::TimeLimit => Refusal::of(Code::Timeout, Text::DatabaseSlow),
            Self::LostRace | Self::NoConnection => Refusal::of(Code::Unavailable, Text::DatabaseBusy),
            Self::ConnectionLost | Self::Standby | Self::Silence | Self::Machine => {
                Refusal::of(Code::Unavailable, Text::DatabaseUnavailable)
            }
            Self::Statement => return None,
        })
    }

    /// Whether the connection that it happened on is not to be trusted any more: it broke, or what it is in the midst of
    /// is uncertain. SQLite ends a transaction by itself when its disk is full, a file can't be read or written, or memory
    /// is short (<https://www.sqlite.org/lang_transaction.html>, 2.3).
    #[must_use]
    pub(crate) fn spoils_connection(self) -> bool {
        matches!(self, Self::ConnectionLost | Self::Standby | Self::Silence | Self::Machine)
    }

    /// What the caller is told when a commit failed: it may have been carried out, though its answer was lost.
    #[must_use]
    pub(crate) fn unknown_outcome() -> Refusal {
        Refusal::of(Code::Unavailable, Text::OutcomeUnknown).with("outcome", "unknown")
    }
}

fn of_runtime(cause: &RuntimeErr) -> DatabaseFailure {
    match cause {
        RuntimeErr::SqlxError(error) => of_sqlx(error),
        RuntimeErr::Internal(_) => DatabaseFailure::Statement,
    }
}

fn of_sqlx(error: &sqlx::Error) -> DatabaseFailure {
    match error {
        sqlx::Error::Io(cause) if cause.kind() == ErrorKind::TimedOut => DatabaseFailure::Silence,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => {
            DatabaseFailure::ConnectionLost
        }
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => DatabaseFailure::NoConnection,
        // A transaction that the database has ended, of which the driver does not know.
        sqlx::Error::InvalidSavePointStatement => DatabaseFailure::ConnectionLost,
        sqlx::Error::Database(error) => error.code().map_or(DatabaseFailure::Statement, |code| of_code(&code)),
        _ => DatabaseFailure::Statement,
    }
}

/// PostgreSQL's codes have five characters, SQLite's are numbers whose lowest byte is the kind.
fn of_code(code: &str) -> DatabaseFailure {
    if code.len() == 5 {
        return match code {
            "40001" | "40P01" => DatabaseFailure::LostRace,
            "57014" => DatabaseFailure::TimeLimit,
            // Going down, starting, or ended by an administrator; ended while idle.
            "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" => DatabaseFailure::ConnectionLost,
            "25006" => DatabaseFailure::Standby,
            _ => match &code[..2] {
                "08" => DatabaseFailure::ConnectionLost,
                // Insufficient resources, and errors of the system below.
                "53" | "58" => DatabaseFailure::Machine,
                _ => DatabaseFailure::Statement,
            },
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => DatabaseFailure::LostRace,
        Ok(9) => DatabaseFailure::TimeLimit,
        // NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
        Ok(7 | 8 | 10 | 13 | 14 | 15) => DatabaseFailure::Machine,
        _ => DatabaseFailure::Statement,
    }
}

impl From<DbErr> for Error {
    fn from(cause: DbErr) -> Self {
        let failure = DatabaseFailure::of(&cause);
        let Some(refusal) = failure.refusal() else { return Self::Internal(Box::new(cause)) };
        if failure == DatabaseFailure::LostRace {
            tracing::debug!(%cause, "somebody else was faster");
        } else {
            tracing::warn!(%cause, ?failure, "the database could not answer");
        }
        Self::Refused(refusal)
    }
}

impl From<sqlx::Error> for Error {
    fn from(cause: sqlx::Error) -> Self {
        DbErr::Query(RuntimeErr::SqlxError(cause.into())).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_the_same_on_both_databases() {
        for (codes, failure) in [
            (&["40001", "40P01", "5", "6", "261", "517"][..], DatabaseFailure::LostRace),
            (&["57014", "9"], DatabaseFailure::TimeLimit),
            (&["57P01", "57P02", "57P03", "08006", "08001"], DatabaseFailure::ConnectionLost),
            (&["25006"], DatabaseFailure::Standby),
            (&["53100", "53200", "53300", "58030", "13", "10", "778", "7", "8", "14"], DatabaseFailure::Machine),
            (&["23505", "42P01", "XX000", "1", "19", "2067", "11", "nonsense"], DatabaseFailure::Statement),
        ] {
            for code in codes {
                assert_eq!(of_code(code), failure, "{code}");
            }
        }
    }

    #[test]
    fn whoever_can_t_be_answered_because_of_the_machine_is_told_so() {
        let gone = || sqlx::Error::Io(std::io::Error::from(ErrorKind::ConnectionReset));
        for cause in [gone(), sqlx::Error::PoolTimedOut, sqlx::Error::WorkerCrashed] {
            let Error::Refused(refusal) = Error::from(cause) else { panic!("taken for a bug") };
            assert_eq!(refusal.code, Code::Unavailable);
        }
        assert!(matches!(Error::from(sqlx::Error::RowNotFound), Error::Internal(_)));
        let unreachable = DbErr::Conn(RuntimeErr::SqlxError(gone().into()));
        assert_eq!(DatabaseFailure::of(&unreachable), DatabaseFailure::NoConnection);
    }
}
