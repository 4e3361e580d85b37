//! Codes: short secrets that are sent to somebody, who proves by them that the address is theirs.
//!
//! Owns `codes`. Always holds: only a keyed hash is stored, tied to purpose, subject and address; a try is counted, and
//! its count committed, before it is compared; five tries end a code, a newer one ends it, and using it is a
//! conditional update, so that of many uses at once one succeeds.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    app::App,
    entity::{CodeId, code::CodePurpose},
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::{Columns, Transaction},
        ids::random_digits,
    },
};

/// How often a code may be tried.
pub const TRIES: i64 = 5;

/// What holds for the codes of a purpose.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How many digits a code has.
    pub digits: u32,
    /// How long it is good.
    pub lifetime: TimeDelta,
    /// How long after one the next is refused.
    pub cool_down: TimeDelta,
    /// How many a subject, or an address, gets in 24 hours.
    pub daily: i64,
}

impl CodePurpose {
    /// What holds for its codes.
    #[must_use]
    pub fn rules(self) -> Rules {
        let rules = |digits, minutes, seconds, daily| Rules {
            digits,
            lifetime: TimeDelta::minutes(minutes),
            cool_down: TimeDelta::seconds(seconds),
            daily,
        };
        match self {
            Self::EmailVerification | Self::EmailChange => rules(6, 60, 60, 10),
            Self::PhoneVerification => rules(6, 10, 60, 5),
            // Longer, because whoever attacks many accounts at once has five tries at each.
            Self::PasswordReset => rules(8, 30, 60, 5),
            Self::TwoFactorEmail => rules(6, 10, 30, 20),
            Self::TwoFactorSms | Self::Reauthentication => rules(6, 10, 60, 10),
        }
    }
}

/// A code that is to be sent.
#[derive(Clone)]
pub struct IssuedCode {
    /// The secret: for the message, and for nothing else.
    pub code: String,
    /// No good after this.
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for IssuedCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IssuedCode").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A code that was right, and is still to be used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCode {
    id: CodeId,
    /// Where it was sent: what it proves.
    pub address: String,
}

/// Makes a code for a subject, to be sent to an address; an earlier one is void. Codes: CODE_SENT_JUST_NOW, TOO_MANY_CODES.
pub async fn issue_in(
    app: &App,
    tx: &Transaction,
    purpose: CodePurpose,
    subject: &str,
    address: &str,
) -> Result<IssuedCode> {
    let (now, rules) = (app.clock.now(), purpose.rules());
    let just_now = |at: DateTime<Utc>| {
        let at = (at + rules.cool_down).format("%Y-%m-%d %H:%M:%S UTC");
        Error::from(UserError::whole(UserErrorCode::CodeSentJustNow).with("at", at))
    };
    let sql = "SELECT COUNT(*), MAX(created_at) FROM codes \
               WHERE purpose = $1 AND (subject = $2 OR address = $3) AND created_at > $4";
    let day = now - TimeDelta::hours(24);
    let values = vec![purpose.as_str().into(), subject.into(), address.into(), day.into()];
    let row = tx.row(sql, values).await?.ok_or_else(|| Error::internal("a count gave no row"))?;
    let mut columns = Columns::new(&row);
    let (count, last): (i64, Option<DateTime<Utc>>) = (columns.take()?, columns.take()?);
    if let Some(last) = last.filter(|last| *last + rules.cool_down > now) {
        return Err(just_now(last));
    }
    if count >= rules.daily {
        return Err(UserError::whole(UserErrorCode::TooManyCodes).into());
    }
    tx.execute(
        "UPDATE codes SET ended_at = $3 WHERE purpose = $1 AND subject = $2 AND ended_at IS NULL",
        vec![purpose.as_str().into(), subject.into(), now.into()],
    )
    .await?;
    let code = random_digits(rules.digits);
    let expires_at = now + rules.lifetime;
    let hash = app.keys.fingerprint(purpose.as_str(), &[subject, address, &code]);
    let inserted = tx
        .execute(
            "INSERT INTO codes (id, purpose, subject, address, hash, attempts, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, 0, $6, $7) ON CONFLICT (purpose, subject) WHERE ended_at IS NULL DO NOTHING",
            vec![
                app.ids.next(now).into(),
                purpose.as_str().into(),
                subject.into(),
                address.into(),
                hash.into(),
                now.into(),
                expires_at.into(),
            ],
        )
        .await?;
    // Another call was faster by a moment: its code is the one that counts.
    if inserted == 1 { Ok(IssuedCode { code, expires_at }) } else { Err(just_now(now)) }
}

/// Whether a code is right: counts the try, then compares. Use it up by [`consume_in`], in the transaction of what it
/// is good for. Code: INVALID_CODE, at `input.code`.
pub async fn check(app: &App, purpose: CodePurpose, subject: &str, code: &str) -> Result<CheckedCode> {
    let counted = app
        .db
        .transact(async |tx| {
            let sql = format!(
                "UPDATE codes SET attempts = attempts + 1 WHERE purpose = $1 AND subject = $2 AND ended_at IS NULL \
                 AND expires_at > $3 AND attempts < {TRIES} RETURNING id, address, hash"
            );
            tx.row(sql, vec![purpose.as_str().into(), subject.into(), app.clock.now().into()]).await
        })
        .await?;
    let row = counted.ok_or_else(invalid)?;
    let mut columns = Columns::new(&row);
    let (id, address, hash): (CodeId, String, Vec<u8>) = (columns.take()?, columns.take()?, columns.take()?);
    if app.keys.fingerprint_verify(purpose.as_str(), &[subject, &address, &plain(code)], &hash) {
        Ok(CheckedCode { id, address })
    } else {
        Err(invalid())
    }
}

/// Uses a code up, once. Code: INVALID_CODE, at `input.code`.
pub async fn consume_in(app: &App, tx: &Transaction, code: &CheckedCode) -> Result<()> {
    let sql = "UPDATE codes SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    let used = tx.execute(sql, vec![code.id.0.into(), app.clock.now().into()]).await?;
    if used == 1 { Ok(()) } else { Err(invalid()) }
}

/// INVALID_CODE at `input.code`.
#[must_use]
pub fn invalid() -> Error {
    UserError::input("code", UserErrorCode::InvalidCode).into()
}

/// A code as people type it: spaces and hyphens left out, the digits of Arabic keyboards as others.
#[must_use]
pub fn plain(code: &str) -> String {
    let digit = |c: char| match c {
        '٠'..='٩' => char::from_digit(c as u32 - '٠' as u32, 10).unwrap_or(c),
        '۰'..='۹' => char::from_digit(c as u32 - '۰' as u32, 10).unwrap_or(c),
        c => c.to_ascii_lowercase(),
    };
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(64).map(digit).collect()
}

/// Deletes codes that count for nothing any more, not even for the daily number; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    let before = app.clock.now() - TimeDelta::hours(48);
    app.db
        .transact(async |tx| {
            tx.without_time_limit().await?;
            tx.execute("DELETE FROM codes WHERE created_at < $1", vec![before.into()]).await
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        assert_eq!(plain(" 123 456 "), "123456");
        assert_eq!(plain("١٢٣-٤٥٦"), "123456");
        assert_eq!(plain("ABCD-efgh"), "abcdefgh");
        assert_eq!(plain(&"1".repeat(1000)).len(), 64);
    }
}
