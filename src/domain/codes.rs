//! Codes: short secrets that are sent to somebody, who proves by them that the address is theirs.
//!
//! Owns `codes`. Always holds: only a keyed hash is stored, tied to purpose, subject and address; a try is counted, and
//! its count committed, before it is compared; five tries end a code, a newer one ends it, and using it is a
//! conditional update, so that of many uses at once one succeeds. Whoever asks for codes, for one subject or for one
//! address, waits for each other, so that cool-down and daily number hold for a thousand who ask at the same moment.
//!
//! What the limits cost: who knows somebody's address can use up the five tries of a code, and the codes of a day, that
//! the owner asks for or he himself asks for in their name. Nothing is given away by it, and the limits per client
//! address slow it down; a secret that nobody could guess would need no tries, but nobody could type it either.

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
    /// Whether it proves an address that its owner has just written down: one that was mistyped is corrected at once, and only
    /// the same has to wait.
    fn proves_a_new_address(self) -> bool {
        matches!(self, Self::EmailChange | Self::PhoneVerification)
    }

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

/// What came of the wish for a code.
enum Issue {
    Made(IssuedCode),
    /// The subject has had one just now, or enough for a day.
    SubjectWaits(UserError),
    /// The address has, perhaps from others who ask for it.
    AddressWaits(UserError),
}

/// Makes a code for a subject, to be sent to an address; an earlier one is void. Codes: CODE_SENT_JUST_NOW, TOO_MANY_CODES.
pub async fn issue_in(
    app: &App,
    tx: &Transaction,
    purpose: CodePurpose,
    subject: &str,
    address: &str,
) -> Result<IssuedCode> {
    match make_in(app, tx, purpose, subject, address).await? {
        Issue::Made(code) => Ok(code),
        Issue::SubjectWaits(error) | Issue::AddressWaits(error) => Err(error.into()),
    }
}

/// The same for an address that the subject only claims: that others have asked for it just now must not show, so there
/// is no code then, and no error either. Codes: CODE_SENT_JUST_NOW, TOO_MANY_CODES, of the subject's own codes.
pub async fn issue_quietly_in(
    app: &App,
    tx: &Transaction,
    purpose: CodePurpose,
    subject: &str,
    address: &str,
) -> Result<Option<IssuedCode>> {
    match make_in(app, tx, purpose, subject, address).await? {
        Issue::Made(code) => Ok(Some(code)),
        Issue::SubjectWaits(error) => Err(error.into()),
        Issue::AddressWaits(_) => Ok(None),
    }
}

async fn make_in(app: &App, tx: &Transaction, purpose: CodePurpose, subject: &str, address: &str) -> Result<Issue> {
    let (now, rules) = (app.clock.now(), purpose.rules());
    // Whatever its case, it is one mailbox that is spared.
    let address_key = address.to_lowercase();
    let name = purpose.as_str();
    // Else of many who ask at the same moment, for one address, each would count the others' codes as not there yet.
    tx.take_turns(&[&format!("code {name} of {subject}"), &format!("code {name} to {address_key}")]).await?;
    let same = if purpose.proves_a_new_address() { "AND address_key = $3" } else { "" };
    let sql = format!(
        "SELECT COUNT(CASE WHEN subject = $2 THEN 1 END), MAX(CASE WHEN subject = $2 {same} THEN created_at END), \
         COUNT(CASE WHEN address_key = $3 THEN 1 END), MAX(CASE WHEN address_key = $3 THEN created_at END) \
         FROM codes WHERE purpose = $1 AND (subject = $2 OR address_key = $3) AND created_at > $4"
    );
    let day = now - TimeDelta::hours(24);
    let values = vec![name.into(), subject.into(), address_key.as_str().into(), day.into()];
    let row = tx.row(sql, values).await?.ok_or_else(|| Error::internal("a count gave no row"))?;
    let mut columns = Columns::new(&row);
    if let Some(error) = waits(rules, now, columns.take()?, columns.take()?) {
        return Ok(Issue::SubjectWaits(error));
    }
    if let Some(error) = waits(rules, now, columns.take()?, columns.take()?) {
        return Ok(Issue::AddressWaits(error));
    }
    void_in(app, tx, subject, &[purpose]).await?;
    let code = random_digits(rules.digits);
    let expires_at = now + rules.lifetime;
    let hash = app.keys.fingerprint(name, &[subject, address, &code]);
    let values = vec![
        app.ids.next(now).into(),
        name.into(),
        subject.into(),
        address.into(),
        address_key.into(),
        hash.into(),
        now.into(),
        expires_at.into(),
    ];
    tx.execute(
        "INSERT INTO codes (id, purpose, subject, address, address_key, hash, attempts, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)",
        values,
    )
    .await?;
    Ok(Issue::Made(IssuedCode { code, expires_at }))
}

/// Why whoever got so many codes in a day, the last of them then, has to wait for the next.
fn waits(rules: Rules, now: DateTime<Utc>, count: i64, last: Option<DateTime<Utc>>) -> Option<UserError> {
    if let Some(at) = last.map(|last| last + rules.cool_down).filter(|at| *at > now) {
        let at = at.format("%Y-%m-%d %H:%M:%S UTC");
        return Some(UserError::whole(UserErrorCode::CodeSentJustNow).with("at", at));
    }
    (count >= rules.daily).then(|| UserError::whole(UserErrorCode::TooManyCodes))
}

/// Ends what codes for these purposes a subject still has: what they would prove is over, or was proven otherwise.
pub async fn void_in(app: &App, tx: &Transaction, subject: &str, purposes: &[CodePurpose]) -> Result<()> {
    for purpose in purposes {
        tx.execute(
            "UPDATE codes SET ended_at = $3 WHERE purpose = $1 AND subject = $2 AND ended_at IS NULL",
            vec![purpose.as_str().into(), subject.into(), app.clock.now().into()],
        )
        .await?;
    }
    Ok(())
}

/// Ends every open code that went to an address: what is on its way there proves nothing any more.
pub async fn void_address_in(app: &App, tx: &Transaction, address: &str) -> Result<()> {
    let sql = "UPDATE codes SET ended_at = $2 WHERE address_key = $1 AND ended_at IS NULL";
    tx.execute(sql, vec![address.to_lowercase().into(), app.clock.now().into()]).await.map(drop)
}

/// The subject of a code when there is nobody of the name that was given: the work is the same, and no code is right.
pub const NOBODY: &str = "";

/// Whether a code is right: counts the try, then compares. Use it up by [`consume_in`], in the transaction of what it
/// is good for, which has to look whether the address is still the one to be proven. Code: INVALID_CODE, at
/// `input.code`.
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
    let (id, address, hash) = match &counted {
        Some(row) => {
            let mut columns = Columns::new(row);
            (Some(columns.take::<CodeId>()?), columns.take::<String>()?, columns.take::<Vec<u8>>()?)
        }
        None => (None, String::new(), Vec::new()),
    };
    let is_right = app.keys.fingerprint_verify(purpose.as_str(), &[subject, &address, &plain(code)], &hash);
    id.filter(|_| is_right).map(|id| CheckedCode { id, address }).ok_or_else(invalid)
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

/// A code as people type or copy it: only its letters and digits, without the spaces, hyphens and invisible marks of
/// direction between, the digits of Arabic keyboards as others.
#[must_use]
pub fn plain(code: &str) -> String {
    let digit = |c: char| match c {
        '٠'..='٩' => char::from_digit(c as u32 - '٠' as u32, 10).unwrap_or(c),
        '۰'..='۹' => char::from_digit(c as u32 - '۰' as u32, 10).unwrap_or(c),
        c => c.to_ascii_lowercase(),
    };
    code.chars().filter(|c| c.is_alphanumeric()).take(64).map(digit).collect()
}

/// Deletes codes that count for nothing any more, not even for the daily number; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("codes", "created_at", app.clock.now() - TimeDelta::hours(48)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        assert_eq!(plain(" 123 456 "), "123456");
        assert_eq!(plain("١٢٣-٤٥٦"), "123456");
        assert_eq!(plain("ABCD-efgh"), "abcdefgh");
        assert_eq!(plain("\u{200f}123456\u{200e}"), "123456");
        assert_eq!(plain(&"1".repeat(1000)).len(), 64);
    }
}
