//! Codes: short secrets that are sent to somebody, who proves by them that the address is theirs; and the long one in the
//! link of the same e-mail.
//!
//! Owns `codes`. Always holds: only a keyed hash is stored, tied to purpose, subject and address; a try at a code is
//! counted, and its count committed, before it is compared; five tries end a code, a newer one ends it, and using it is a
//! conditional update, so that of many uses at once one succeeds. Whoever asks for codes, for one subject or for one
//! address, waits for each other, so that cool-down and daily number hold for a thousand who ask at the same moment.
//!
//! What strangers can use up: the tries of a code, which anybody can type beside an address, and the codes of a day that
//! they ask for in somebody's name. Neither keeps the owner out. The secret of a link is too long to be guessed, so
//! it has no tries; neither wrong codes nor newer e-mails end it, and it is good for as long as a day's e-mails count, so
//! that whoever can't get another e-mail has one that works. And what is asked for by the owner, or from where they have
//! been before, is counted apart from what strangers ask for. (What stays: who has an account can ask for codes to an
//! address that is not theirs, and so put off for a day that its owner adds it to another account.)

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QuerySelect, UpdateMany,
    sea_query::Expr,
};
use uuid::Uuid;

use super::registration::{Domain, Retention};
use crate::{
    app::App,
    entity::{
        CodeId,
        code::{ActiveModel, CodePurpose, Column, Entity, Model},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        crypto::hex,
        db::Transaction,
        ids::{fill_random, random_digits},
        text::{digits, mailbox},
    },
};

/// What codes hand over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["codes"],
    retentions: &[Retention { what: "codes", prune: |app| Box::pin(prune(app)) }],
    ..Domain::named("codes")
};

/// How often a code may be tried.
pub const TRIES: i64 = 5;

/// How long a link is good: as long as the daily number counts.
pub(crate) const LINK: TimeDelta = TimeDelta::hours(24);

/// What holds for the codes of a purpose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// How many digits a code has.
    pub digits: u32,
    /// How long it is good.
    pub lifetime: TimeDelta,
    /// How long after one the next is refused.
    pub cool_down: TimeDelta,
    /// How many a subject, or an address, gets in 24 hours.
    pub daily: i64,
    /// Whether the e-mail has a link, too.
    pub link: bool,
}

impl CodePurpose {
    /// Whether it proves an address that its owner has just written down: one that was mistyped is corrected at once, and only
    /// the same has to wait.
    fn proves_a_new_address(self) -> bool {
        matches!(self, Self::EmailVerification | Self::EmailChange | Self::PhoneVerification)
    }

    /// What holds for its codes.
    #[must_use]
    pub(crate) fn rules(self) -> Rules {
        let rules = |digits, minutes, seconds, daily| Rules {
            digits,
            lifetime: TimeDelta::minutes(minutes),
            cool_down: TimeDelta::seconds(seconds),
            daily,
            link: matches!(self, Self::EmailVerification | Self::EmailChange | Self::PasswordReset),
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

/// Who asks for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Who is signed in as the subject, or asks from where they have had a session.
    Owner,
    /// Anybody, in the name of the subject.
    Stranger,
}

impl Asker {
    /// By whether they are where the subject has had a session.
    #[must_use]
    pub(crate) fn of(is_familiar: bool) -> Self {
        if is_familiar { Self::Owner } else { Self::Stranger }
    }
}

/// What somebody has of an e-mail.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Received<'a> {
    /// The code, as it was typed.
    Code(&'a str),
    /// The token of the link.
    Link(&'a str),
}

/// A code that is to be sent.
#[derive(Clone)]
pub struct IssuedCode {
    /// The secret: for the message, and for nothing else.
    pub code: String,
    /// The secret of the link, where the e-mail has one.
    pub token: Option<String>,
    /// No good after this.
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for IssuedCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IssuedCode").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A code, or the secret of a link, that was right, and is still to be used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCode {
    id: CodeId,
    purpose: CodePurpose,
    by_link: bool,
    /// Whom it was for.
    pub subject: String,
    /// Where it was sent: what it proves.
    pub address: String,
}

impl CheckedCode {
    /// INVALID_CODE where it was given: it was used up meanwhile, or proves nothing any more.
    #[must_use]
    pub fn refused(&self) -> Error {
        if self.by_link { invalid_link() } else { invalid() }
    }
}

/// What came of the wish for a code.
enum Issue {
    Made(IssuedCode),
    /// The subject has had one just now, or enough for a day.
    SubjectWaits(UserError),
    /// The address has, perhaps from others who ask for it.
    AddressWaits(UserError),
}

/// Makes a code for a subject, to be sent to an address; an earlier one is void, and earlier links to other addresses.
/// Codes: CODE_SENT_JUST_NOW, TOO_MANY_CODES.
pub async fn issue_in(
    app: &App,
    tx: &Transaction,
    purpose: CodePurpose,
    subject: &str,
    address: &str,
    asker: Asker,
) -> Result<IssuedCode> {
    match make_in(app, tx, purpose, subject, address, asker).await? {
        Issue::Made(code) => Ok(code),
        Issue::SubjectWaits(error) | Issue::AddressWaits(error) => Err(error.into()),
    }
}

/// The same for an address that the subject, who is signed in, only claims: that others have asked for it just now must
/// not show, so there is no code then, and no error either. Codes: CODE_SENT_JUST_NOW, TOO_MANY_CODES, of the subject's
/// own codes.
pub async fn issue_quietly_in(
    app: &App,
    tx: &Transaction,
    purpose: CodePurpose,
    subject: &str,
    address: &str,
) -> Result<Option<IssuedCode>> {
    match make_in(app, tx, purpose, subject, address, Asker::Owner).await? {
        Issue::Made(code) => Ok(Some(code)),
        Issue::SubjectWaits(error) => Err(error.into()),
        Issue::AddressWaits(_) => Ok(None),
    }
}

async fn make_in(
    app: &App,
    tx: &Transaction,
    purpose: CodePurpose,
    subject: &str,
    address: &str,
    asker: Asker,
) -> Result<Issue> {
    let (now, rules) = (app.clock.now(), purpose.rules());
    // However it is written, it is one mailbox that is spared.
    let address_key = mailbox::key(address);
    let (name, by_stranger) = (purpose.as_str(), asker == Asker::Stranger);
    // Else of many who ask at the same moment, for one address, each would count the others' codes as not there yet.
    tx.advisory_lock(&[&format!("code {name} of {subject}"), &format!("code {name} to {address_key}")]).await?;
    let sent = sent_in(tx, purpose, subject, &address_key, now - DAY, by_stranger).await?;
    if let Some(error) = waits(rules, now, sent.of_subject, sent.first_of_subject, sent.last_of_subject) {
        return Ok(Issue::SubjectWaits(error));
    }
    if let Some(error) = waits(rules, now, sent.to_address, sent.first_to_address, sent.last_to_address) {
        return Ok(Issue::AddressWaits(error));
    }
    let stays = Expr::case(Column::AddressKey.eq(address_key.as_str()), Expr::col(Column::LinkEndedAt));
    Entity::update_many()
        .col_expr(Column::EndedAt, ended(Column::EndedAt, now))
        .col_expr(Column::LinkEndedAt, stays.finally(ended(Column::LinkEndedAt, now)).into())
        .filter(Column::Purpose.eq(purpose))
        .filter(Column::Subject.eq(subject))
        .filter(is_open())
        .exec(tx)
        .await?;
    let (id, code) = (CodeId(app.ids.next(now)), random_digits(rules.digits));
    let expires_at = now + rules.lifetime;
    let hash = app.keys.fingerprint(name, &[subject, address, &code]);
    let secret = rules.link.then(new_secret);
    let link_hash = secret.as_ref().map(|secret| link_hash_of(app, purpose, subject, address, secret));
    let row = ActiveModel {
        id: Set(id),
        purpose: Set(purpose),
        subject: Set(subject.to_owned()),
        address: Set(address.to_owned()),
        address_key: Set(address_key),
        hash: Set(hash),
        attempts: Set(0),
        created_at: Set(now),
        expires_at: Set(expires_at),
        ended_at: Set(None),
        by_stranger: Set(by_stranger),
        link_hash: Set(link_hash),
        link_expires_at: Set(Some(now + LINK)),
        link_ended_at: Set(secret.is_none().then_some(now)),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(Issue::Made(IssuedCode { code, token: secret.map(|secret| link_token(id.0, &secret)), expires_at }))
}

/// How many codes were sent, and when the first and the last of them.
#[derive(Debug, FromQueryResult)]
struct Sent {
    of_subject: i64,
    first_of_subject: Option<DateTime<Utc>>,
    /// Of those to the same address, where the purpose is to prove it.
    last_of_subject: Option<DateTime<Utc>>,
    to_address: i64,
    first_to_address: Option<DateTime<Utc>>,
    last_to_address: Option<DateTime<Utc>>,
}

async fn sent_in(
    tx: &Transaction,
    purpose: CodePurpose,
    subject: &str,
    address_key: &str,
    since: DateTime<Utc>,
    by_stranger: bool,
) -> Result<Sent> {
    let (of_subject, to_address) = (Column::Subject.eq(subject), Column::AddressKey.eq(address_key));
    let same =
        if purpose.proves_a_new_address() { of_subject.clone().and(to_address.clone()) } else { of_subject.clone() };
    let when = |condition: &Expr| -> Expr { Expr::case(condition.clone(), Expr::col(Column::CreatedAt)).into() };
    let sent = Entity::find()
        .select_only()
        .expr_as(when(&of_subject).count(), "of_subject")
        .expr_as(when(&of_subject).min(), "first_of_subject")
        .expr_as(when(&same).max(), "last_of_subject")
        .expr_as(when(&to_address).count(), "to_address")
        .expr_as(when(&to_address).min(), "first_to_address")
        .expr_as(when(&to_address).max(), "last_to_address")
        .filter(Column::Purpose.eq(purpose))
        .filter(of_subject.or(to_address))
        .filter(Column::CreatedAt.gt(since))
        .filter(Column::ByStranger.eq(by_stranger));
    sent.into_model::<Sent>().one(tx).await?.ok_or_else(|| Error::internal("a count gave no row"))
}

/// The secret of a link: 256 bits.
type Secret = [u8; 32];

fn new_secret() -> Secret {
    let mut secret = Secret::default();
    fill_random(&mut secret);
    secret
}

/// What is kept of the secret of a link. It says itself that it is no code's.
fn link_parts<'a>(subject: &'a str, address: &'a str, secret: &'a str) -> [&'a str; 4] {
    ["link", subject, address, secret]
}

fn link_hash_of(app: &App, purpose: CodePurpose, subject: &str, address: &str, secret: &Secret) -> Vec<u8> {
    app.keys.fingerprint(purpose.as_str(), &link_parts(subject, address, &hex(secret)))
}

/// What stands in the link: by which row it is found, and the secret.
fn link_token(id: Uuid, secret: &Secret) -> String {
    URL_SAFE_NO_PAD.encode([id.as_bytes().as_slice(), secret].concat())
}

/// The other way round; `None` for what is no token.
fn read_link_token(token: &str) -> Option<(Uuid, Secret)> {
    let bytes = URL_SAFE_NO_PAD.decode(token.trim()).ok()?;
    let (id, secret) = bytes.split_at_checked(16)?;
    Some((Uuid::from_slice(id).ok()?, secret.try_into().ok()?))
}

/// Over how long codes are counted.
const DAY: TimeDelta = TimeDelta::hours(24);

/// Why whoever got so many codes in a day, the first and the last of them then, has to wait for the next.
fn waits(
    rules: Rules,
    now: DateTime<Utc>,
    count: i64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
) -> Option<UserError> {
    if let Some(at) = last.map(|last| last + rules.cool_down).filter(|at| *at > now) {
        let error = UserError::whole(UserErrorCode::CodeSentJustNow).retry_after(at - now);
        return Some(error.with("at", at.format("%Y-%m-%d %H:%M:%S UTC").to_string()));
    }
    if count < rules.daily {
        return None;
    }
    let error = UserError::whole(UserErrorCode::TooManyCodes);
    Some(match first {
        Some(first) => error.retry_after(first + DAY - now),
        None => error,
    })
}

/// When a code or a link has ended: now, unless it has already.
fn ended(column: Column, now: DateTime<Utc>) -> Expr {
    Expr::col(column).if_null(now)
}

/// The code or the link is still good for something.
fn is_open() -> Expr {
    Column::EndedAt.is_null().or(Column::LinkEndedAt.is_null())
}

/// Ends codes and their links.
fn end(app: &App) -> UpdateMany<Entity> {
    let now = app.clock.now();
    Entity::update_many()
        .col_expr(Column::EndedAt, ended(Column::EndedAt, now))
        .col_expr(Column::LinkEndedAt, ended(Column::LinkEndedAt, now))
}

/// Ends what codes and links for these purposes a subject still has: what they would prove is over, or was proven
/// otherwise.
pub(crate) async fn void_in(app: &App, tx: &Transaction, subject: &str, purposes: &[CodePurpose]) -> Result<()> {
    for purpose in purposes {
        let of_purpose = end(app).filter(Column::Purpose.eq(*purpose)).filter(Column::Subject.eq(subject));
        of_purpose.filter(is_open()).exec(tx).await?;
    }
    Ok(())
}

/// Ends every open code and link that went to an address: what is on its way there proves nothing any more.
pub(crate) async fn void_address_in(app: &App, tx: &Transaction, address: &str) -> Result<()> {
    end(app).filter(Column::AddressKey.eq(mailbox::key(address))).filter(is_open()).exec(tx).await?;
    Ok(())
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
            let tried = Entity::update_many()
                .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
                .filter(Column::Purpose.eq(purpose))
                .filter(Column::Subject.eq(subject))
                .filter(Column::EndedAt.is_null())
                .filter(Column::ExpiresAt.gt(app.clock.now()))
                .filter(Column::Attempts.lt(TRIES));
            Ok(tried.exec_with_returning(&tx).await?.into_iter().next())
        })
        .await?;
    let (id, address, hash) = match counted {
        Some(Model { id, address, hash, .. }) => (Some(id), address, hash),
        None => (None, String::new(), Vec::new()),
    };
    let is_right = app.keys.fingerprint_verify(purpose.as_str(), &[subject, &address, &plain(code)], &hash);
    let checked = |id| CheckedCode { id, purpose, by_link: false, subject: subject.to_owned(), address };
    id.filter(|_| is_right).map(checked).ok_or_else(invalid)
}

/// Whether the token of a link is right; it has no tries, because nobody guesses it. To be used up as a code is. Code:
/// INVALID_CODE, at `input.token`.
pub(crate) async fn check_link(app: &App, purpose: CodePurpose, token: &str) -> Result<CheckedCode> {
    let (id, secret) = read_link_token(token).ok_or_else(invalid_link)?;
    let found = Entity::find_by_id(CodeId(id))
        .filter(Column::Purpose.eq(purpose))
        .filter(Column::LinkEndedAt.is_null())
        .filter(Column::LinkExpiresAt.gt(app.clock.now()));
    let Model { subject, address, link_hash, .. } = app.db.one(found).await?.ok_or_else(invalid_link)?;
    let hash = link_hash.unwrap_or_default();
    let (name, secret) = (purpose.as_str(), hex(&secret));
    if !app.keys.fingerprint_verify(name, &link_parts(&subject, &address, &secret), &hash) {
        return Err(invalid_link());
    }
    Ok(CheckedCode { id: CodeId(id), purpose, by_link: true, subject, address })
}

/// Uses a code or a link up, once, and with it all that its subject has for the purpose. Code: INVALID_CODE.
pub async fn consume_in(app: &App, tx: &Transaction, code: &CheckedCode) -> Result<()> {
    let CheckedCode { id, purpose, by_link, subject, .. } = code;
    // Else of two e-mails at once, each would wait for the other's to end.
    tx.advisory_lock(&[&format!("code {} of {subject}", purpose.as_str())]).await?;
    let open = if *by_link { Column::LinkEndedAt } else { Column::EndedAt };
    let used = end(app).filter(Column::Id.eq(*id)).filter(open.is_null()).exec(tx).await?;
    if used.rows_affected != 1 {
        return Err(code.refused());
    }
    if purpose.rules().link { void_in(app, tx, subject, &[*purpose]).await } else { Ok(()) }
}

/// INVALID_CODE at `input.code`.
#[must_use]
pub(crate) fn invalid() -> Error {
    UserError::input("code", UserErrorCode::InvalidCode).into()
}

/// INVALID_CODE at `input.token`.
#[must_use]
pub(crate) fn invalid_link() -> Error {
    UserError::input("token", UserErrorCode::InvalidCode).into()
}

/// A code as people type or copy it: only its letters and digits, without the spaces, hyphens and invisible marks of
/// direction between, the digits of other scripts as ours.
#[must_use]
pub(crate) fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_alphanumeric()).take(64).map(|c| digits::ascii(c).to_ascii_lowercase()).collect()
}

/// Forgets the codes of a subject that is about to be deleted.
pub(crate) async fn erase_in(tx: &Transaction, subject: &str) -> Result<()> {
    Entity::delete_many().filter(Column::Subject.eq(subject)).exec(tx).await?;
    Ok(())
}

/// Forgets the codes that went to an address whose owner is about to be deleted, by what is unique of it ([`mailbox::key`]).
pub(crate) async fn erase_address_in(tx: &Transaction, address_key: &str) -> Result<()> {
    Entity::delete_many().filter(Column::AddressKey.eq(address_key)).exec(tx).await?;
    Ok(())
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

    #[test]
    fn the_token_of_a_link_is_read_back_and_nothing_else_is() {
        let (id, secret) = (Uuid::from_u128(7), new_secret());
        let token = link_token(id, &secret);
        assert_eq!(token.len(), 64);
        assert_eq!(read_link_token(&format!(" {token}\n")), Some((id, secret)));
        for bad in ["", "x", &token[1..], &format!("{token}A"), "äöü"] {
            assert_eq!(read_link_token(bad), None, "{bad}");
        }
    }
}
