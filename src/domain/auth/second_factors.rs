//! What a second factor is made of: the secret that an authenticator app has, and the codes on paper.
//!
//! Always holds: a secret is sealed for its owner and for nothing else; of a backup code only a keyed hash is kept; a
//! time step and a backup code are each accepted once, by a conditional update, however many ask at once. Whoever calls
//! has counted the try before: see [`brute_force`](super::brute_force).

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::Expr,
};
use secrecy::{ExposeSecret, SecretSlice};
use totp_rs::{Builder, Totp};

use crate::{
    app::App,
    domain::{
        accounts, activity,
        actor::Client,
        codes,
        messages::{Message, Template},
    },
    entity::{UserId, activity::ActivityKind, backup_code, challenge, two_factor},
    error::{Error, Result},
    platform::{
        db::{Transaction, any_id},
        ids::{fill_random, random_of},
    },
};

/// Under which name an authenticator app shows the account.
const ISSUER: &str = "Agora";
/// Bytes of a secret: 160 bits, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// How many backup codes somebody gets at once.
pub(super) const BACKUP_CODES: usize = 10;
/// Digits and letters without those that look alike (Crockford's): ten of them are 50 bits.
const ALPHABET: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BACKUP_CODE_LENGTH: u32 = 10;
const BACKUP_CODE: &str = "backup_code";

/// A new secret for an authenticator app.
pub(super) fn new_secret() -> SecretSlice<u8> {
    let mut bytes = vec![0; SECRET_BYTES];
    fill_random(&mut bytes);
    bytes.into()
}

/// What makes codes of a secret: six digits, SHA-1, 30 seconds, which every app knows; one step to either side is
/// accepted.
pub(super) fn authenticator(secret: &SecretSlice<u8>, account: &str) -> Result<Totp> {
    Builder::new()
        .with_secret(secret.expose_secret())
        .with_issuer(Some(ISSUER))
        .with_account_name(account)
        .build()
        .map_err(Error::internal)
}

/// The time step whose code this is: now, or one to either side.
fn step(secret: &SecretSlice<u8>, code: &str, now: DateTime<Utc>) -> Result<Option<i64>> {
    let seconds = u64::try_from(now.timestamp()).map_err(Error::internal)?;
    Ok(authenticator(secret, "")?.check(&codes::plain(code), seconds).map(u64::cast_signed))
}

fn purpose(user: UserId) -> String {
    format!("two_factor {user}")
}

/// The secret as it is stored.
pub(super) fn seal(app: &App, user: UserId, secret: &SecretSlice<u8>) -> Result<Vec<u8>> {
    app.keys.seal(&purpose(user), secret.expose_secret())
}

/// The step of a code, of the secret as it is stored; INVALID_CODE where it is of none.
pub(super) fn check(app: &App, user: UserId, sealed: &[u8], code: &str) -> Result<i64> {
    step(&open(app, user, sealed)?, code, app.clock.now())?.ok_or_else(codes::invalid)
}

fn open(app: &App, user: UserId, sealed: &[u8]) -> Result<SecretSlice<u8>> {
    Ok(app.keys.open(&purpose(user), sealed)?.into())
}

/// That a second factor is on: of the person whom a column of a statement names.
pub(super) fn is_on(person: impl ColumnTrait) -> Expr {
    let on = two_factor::Entity::find()
        .select_only()
        .column(two_factor::Column::UserId)
        .filter(Expr::col((two_factor::Entity, two_factor::Column::UserId)).equals(person.as_column_ref()))
        .filter(two_factor::Column::EnabledAt.is_not_null());
    Expr::exists(on.into_query())
}

/// Accepts a code of somebody's authenticator app; its step, and those before, are no good any more. INVALID_CODE, also
/// when the second factor is not on.
pub(super) async fn accept_totp_in(app: &App, tx: &Transaction, user: UserId, code: &str) -> Result<()> {
    let on = two_factor::Entity::find_by_id(user).filter(two_factor::Column::EnabledAt.is_not_null());
    let sealed = on.one(tx).await?.ok_or_else(codes::invalid)?.secret;
    let secret = open(app, user, &sealed)?;
    let step = step(&secret, code, app.clock.now())?.ok_or_else(codes::invalid)?;
    // Sealed anew, so that whoever uses it outlives a change of SECRET_KEY.
    let accepted = two_factor::Entity::update_many()
        .col_expr(two_factor::Column::LastStep, Expr::val(step))
        .col_expr(two_factor::Column::Secret, Expr::val(seal(app, user, &secret)?))
        .filter(two_factor::Column::UserId.eq(user))
        .filter(two_factor::Column::Secret.eq(sealed))
        .filter(two_factor::Column::EnabledAt.is_not_null())
        .filter(two_factor::Column::LastStep.lt(step))
        .exec(tx)
        .await?;
    if accepted.rows_affected == 1 { Ok(()) } else { Err(codes::invalid()) }
}

/// Uses up one of somebody's backup codes; gives how many are left. INVALID_CODE.
pub(super) async fn accept_backup_code_in(app: &App, tx: &Transaction, user: UserId, code: &str) -> Result<i64> {
    let code = read_backup_code(code);
    let hashes: Vec<Vec<u8>> = app.keys.fingerprints(BACKUP_CODE, &[&user.to_string(), &code]).collect();
    let used = backup_code::Entity::update_many()
        .col_expr(backup_code::Column::UsedAt, Expr::val(app.clock.now()))
        .filter(backup_code::Column::UserId.eq(user))
        .filter(backup_code::Column::UsedAt.is_null())
        .filter(any_id(backup_code::Column::Hash, &hashes))
        .filter(is_on(backup_code::Column::UserId))
        .exec(tx)
        .await?;
    if used.rows_affected != 1 {
        return Err(codes::invalid());
    }
    let left = backup_code::Entity::find()
        .filter(backup_code::Column::UserId.eq(user))
        .filter(backup_code::Column::UsedAt.is_null());
    Ok(left.count(tx).await?.cast_signed())
}

/// The same, written down, and told to the owner.
pub(super) async fn use_backup_code_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    user: UserId,
    code: &str,
) -> Result<()> {
    let left = accept_backup_code_in(app, tx, user, code).await?;
    activity::record_in(app, tx, user, ActivityKind::BackupCodeUsed, client, Some(&left.to_string())).await?;
    accounts::email_in(app, tx, user, Message::email("", "", Template::BackupCodeUsed).with("left", left)).await
}

/// New backup codes, to be shown once.
pub(super) fn new_backup_codes() -> Vec<String> {
    let half = BACKUP_CODE_LENGTH / 2;
    let code = |_| format!("{}-{}", random_of(ALPHABET, half), random_of(ALPHABET, BACKUP_CODE_LENGTH - half));
    (0..BACKUP_CODES).map(code).collect()
}

/// Puts these backup codes in the place of somebody's former ones.
pub(super) async fn replace_backup_codes_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    backup_codes: &[String],
) -> Result<()> {
    backup_code::Entity::delete_many().filter(backup_code::Column::UserId.eq(user)).exec(tx).await?;
    let now = app.clock.now();
    let rows = backup_codes.iter().map(|code| backup_code::ActiveModel {
        user_id: Set(user),
        hash: Set(app.keys.fingerprint(BACKUP_CODE, &[&user.to_string(), &read_backup_code(code)])),
        created_at: Set(now),
        used_at: Set(None),
    });
    backup_code::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// Ends the sign-ins that wait for somebody's second proof.
pub(super) async fn end_challenges_in(app: &App, tx: &Transaction, user: UserId) -> Result<()> {
    challenge::Entity::update_many()
        .col_expr(challenge::Column::EndedAt, Expr::val(app.clock.now()))
        .filter(challenge::Column::UserId.eq(user))
        .filter(challenge::Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Takes somebody's second factor away, with its backup codes; [`end_challenges_in`] comes first.
pub(super) async fn remove_in(tx: &Transaction, user: UserId) -> Result<()> {
    two_factor::Entity::delete_by_id(user).exec(tx).await?;
    backup_code::Entity::delete_many().filter(backup_code::Column::UserId.eq(user)).exec(tx).await?;
    Ok(())
}

/// Whether this looks like a backup code, and not like the six digits of an app.
pub(super) fn is_backup_code(code: &str) -> bool {
    codes::plain(code).len() == BACKUP_CODE_LENGTH as usize
}

/// A backup code as people type it: what looks alike is the same.
fn read_backup_code(code: &str) -> String {
    let alike = |c| match c {
        'o' => '0',
        'i' | 'l' => '1',
        c => c,
    };
    codes::plain(code).chars().map(alike).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, in six digits.
        let secret = SecretSlice::from(b"12345678901234567890".to_vec());
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(step(&secret, code, at(seconds)).unwrap(), Some(seconds / 30), "{code}");
            for near in [-30, 30] {
                assert_eq!(step(&secret, code, at(seconds + near)).unwrap(), Some(seconds / 30), "{code}");
            }
            for far in [-60, 60] {
                let found = if seconds + far < 0 { None } else { step(&secret, code, at(seconds + far)).unwrap() };
                assert_eq!(found, None, "{code}");
            }
        }
        assert_eq!(step(&secret, " 287 082 ", at(59)).unwrap(), Some(1));
        for bad in ["", "28708", "2870820", "+87082", "abcdef"] {
            assert_eq!(step(&secret, bad, at(59)).unwrap(), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_has_160_bits_and_is_another_each_time() {
        let secrets: HashSet<Vec<u8>> = (0..100).map(|_| new_secret().expose_secret().to_vec()).collect();
        assert_eq!(secrets.len(), 100);
        assert!(secrets.iter().all(|secret| secret.len() * 8 >= 160));
    }

    #[test]
    fn backup_codes_can_be_told_apart_and_read_back_as_they_are_typed() {
        let made = new_backup_codes();
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), BACKUP_CODES);
        assert!(f64::from(BACKUP_CODE_LENGTH) * (ALPHABET.len() as f64).log2() >= 50.0);
        for code in &made {
            assert_eq!((code.len(), code.as_bytes()[5]), (11, b'-'), "{code}");
            let plain = code.replace('-', "");
            for typed in [code.to_uppercase(), plain.clone(), format!(" {} ", code.replace('-', " - "))] {
                assert_eq!(read_backup_code(&typed), plain);
                assert!(is_backup_code(&typed));
            }
        }
        assert_eq!(read_backup_code("O1Il0-abcde"), "01110abcde");
        assert!(!is_backup_code("123 456"));
    }
}
