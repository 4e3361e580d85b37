//! Protection against brute force: guessing at what proves who somebody is is slowed for whoever guesses, without letting
//! them lock the owner out.
//!
//! Owns `sign_in_failures`, which all instances share. Always holds: a try is counted, and its count committed, before
//! anything is compared; a try that has to wait is not compared, and changes nothing.
//!
//! - The pair of account and address: after five failures it waits, 2, 4, 8 … seconds, at most 15 minutes. A success
//!   clears it.
//! - The account over all addresses: beyond `RATE_LIMIT_LOGIN_ACCOUNT` within an hour, those from which the person has
//!   had a session go on as before, and all others share one slow allowance. So a multitude of addresses is slow, and
//!   the owner at home does not notice.
//!
//! An account that does not exist is counted by the same statements, so that nothing is learnt about it; and what it was
//! called is kept only as a keyed hash, for people type passwords where the name belongs.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{Method, sessions};
use crate::{
    app::App,
    catalogue::Text,
    domain::{accounts::policy, activity, actor::Client},
    entity::{
        UserId,
        activity::ActivityKind,
        sign_in_failure::{ActiveModel, Column, Entity},
    },
    error::{Code, Error, Refusal, Result, UserErrorCode},
    platform::{crypto::hex, db::Transaction, rate_limit::address_key},
};

/// From this failure on, the next has to wait.
const FREE: i64 = 5;
/// The longest wait of one account and address.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);
/// An account and address without a failure for so long begin anew.
const PAIR_FORGOTTEN: TimeDelta = TimeDelta::hours(24);
/// An account without a failure from anywhere for so long begins anew.
const ACCOUNT_FORGOTTEN: TimeDelta = TimeDelta::hours(1);
/// What stands for all addresses together.
const EVERYWHERE: &str = "*";

/// What is guessed at. Each is counted by itself: whoever has only the password can't slow down whoever is signed in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// A password at sign-in, by the login as it was given. User name and address of one account count apart, so that
    /// nobody learns by a wait that they belong together.
    Password(&'a str),
    /// A password at a registration again, by the user name as it was given: who registers by somebody's name does not
    /// hold up their sign-in.
    Registration(&'a str),
    /// The second proof of a sign-in.
    SecondFactor(UserId),
    /// A proof that somebody who is signed in is asked for: each kind by itself, or the password, which a thief may know,
    /// would clear the count of what is guessed.
    SignedIn(UserId, Method),
}

impl Target<'_> {
    fn account(self, app: &App) -> String {
        let (kind, who) = match self {
            Self::Password(login) => ("password", policy::lookup_key(login)),
            Self::Registration(username) => ("registration", policy::lookup_key(username)),
            Self::SecondFactor(user) => ("second_factor", user.to_string()),
            Self::SignedIn(user, method) => ("signed_in", format!("{user} {}", method.as_str())),
        };
        hex(&app.keys.fingerprint("sign_in_failures", &[kind, &who]))
    }
}

/// A try that was counted: to be cleared when it was right.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    account: String,
    address: String,
    /// It was counted for all addresses together, too.
    everywhere: bool,
}

/// Counts a try of somebody who is signed in, in a transaction of its own. RATE_LIMITED.
pub(super) async fn attempt(app: &App, client: &Client, user: UserId, method: Method) -> Result<Attempt> {
    app.db
        .transact(async |tx| {
            let is_familiar = sessions::has_been_at_in(&tx, user, client).await?;
            attempt_in(app, &tx, client, Target::SignedIn(user, method), is_familiar).await
        })
        .await
}

/// Counts a try at an account; `is_familiar` where its owner has had a session. To be committed before anything is
/// compared. RATE_LIMITED.
pub(super) async fn attempt_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    target: Target<'_>,
    is_familiar: bool,
) -> Result<Attempt> {
    let now = app.clock.now();
    let mut attempt = Attempt {
        account: target.account(app),
        address: client.address.map_or_else(String::new, |address| address_key(address).to_string()),
        everywhere: true,
    };
    match count_in(tx, &attempt.account, &attempt.address, now, PAIR_FORGOTTEN).await? {
        Counted::Failures(failures) => {
            if let Some(wait) = wait(failures) {
                block_in(tx, &attempt.account, &attempt.address, now + wait).await?;
            }
        }
        Counted::Blocked(until) => return Err(refusal(now, until)),
    }
    let rate = app.config.rates.login_account;
    match count_in(tx, &attempt.account, EVERYWHERE, now, ACCOUNT_FORGOTTEN).await? {
        Counted::Failures(failures) => {
            if failures >= i64::from(rate.count.get()) {
                let pace = TimeDelta::from_std(rate.period / rate.count.get()).unwrap_or(LONGEST_WAIT);
                block_in(tx, &attempt.account, EVERYWHERE, now + pace).await?;
            }
        }
        Counted::Blocked(until) if !is_familiar => return Err(refusal(now, until)),
        Counted::Blocked(_) => attempt.everywhere = false,
    }
    Ok(attempt)
}

enum Counted {
    Failures(i64),
    Blocked(DateTime<Utc>),
}

/// Counts a try, unless it has to wait. The row stays locked until the end of the transaction.
async fn count_in(
    tx: &Transaction,
    account: &str,
    address: &str,
    now: DateTime<Utc>,
    forgotten: TimeDelta,
) -> Result<Counted> {
    let row = ActiveModel {
        account: Set(account.to_owned()),
        address: Set(address.to_owned()),
        failures: Set(1),
        last_failed_at: Set(now),
        blocked_until: Set(None),
    };
    let is_forgotten = Column::LastFailedAt.lt(now - forgotten);
    let one_more = Expr::col((Entity, Column::Failures)).add(1);
    let again = OnConflict::columns([Column::Account, Column::Address])
        .update_columns([Column::LastFailedAt, Column::BlockedUntil])
        .value(Column::Failures, Expr::case(is_forgotten, 1).finally(one_more))
        .action_and_where(Column::BlockedUntil.is_null().or(Column::BlockedUntil.lte(now)))
        .to_owned();
    let counted = Entity::insert(row).on_conflict(again).exec_with_returning_many(tx).await?;
    if let Some(row) = counted.first() {
        return Ok(Counted::Failures(row.failures));
    }
    let blocked = Entity::find_by_id((account.to_owned(), address.to_owned())).one(tx).await?;
    Ok(Counted::Blocked(blocked.and_then(|row| row.blocked_until).unwrap_or(now)))
}

async fn block_in(tx: &Transaction, account: &str, address: &str, until: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::BlockedUntil, Expr::val(until))
        .filter(is_of(account, address))
        .exec(tx)
        .await?;
    Ok(())
}

/// That a row is of this account and address.
fn is_of(account: &str, address: &str) -> Expr {
    Column::Account.eq(account).and(Column::Address.eq(address))
}

/// How long the next try has to wait after so many failures.
fn wait(failures: i64) -> Option<TimeDelta> {
    let exponent = std::cmp::min(failures.checked_sub(FREE)?, 20);
    (exponent >= 0).then(|| TimeDelta::seconds(2 << exponent).min(LONGEST_WAIT))
}

fn refusal(now: DateTime<Utc>, until: DateTime<Utc>) -> Error {
    let seconds = f64::max((until - now).as_seconds_f64().ceil(), 1.0) as u64;
    Refusal::of(Code::RateLimited, Text::TooManyTries { seconds })
        .with("retryAfter", seconds)
        .with("policy", "guessing")
        .into()
}

/// The try was right, in a transaction of its own: see [`succeeded_in`].
pub(super) async fn succeeded(app: &App, attempt: &Attempt) -> Result<()> {
    app.db.transact(async |tx| succeeded_in(&tx, attempt).await).await
}

/// The try was right: its account and address begin anew. For all addresses only this try is taken back, for what others
/// failed at remains.
pub(super) async fn succeeded_in(tx: &Transaction, attempt: &Attempt) -> Result<()> {
    let account = attempt.account.as_str();
    Entity::delete_many().filter(is_of(account, &attempt.address)).exec(tx).await?;
    if !attempt.everywhere {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::Failures, Expr::col(Column::Failures).sub(1))
        .filter(is_of(account, EVERYWHERE))
        .filter(Column::Failures.gt(0))
        .exec(tx)
        .await?;
    Ok(())
}

/// The try was wrong: the owner finds it in their log. `proof` is what was wrong, such as `password`. The same statement
/// when there is no owner.
pub(super) async fn failed(app: &App, client: &Client, user: Option<UserId>, proof: &str) -> Result<()> {
    let user = user.unwrap_or(UserId(Uuid::nil()));
    app.db
        .transact(async |tx| {
            activity::record_if_exists_in(app, &tx, user, ActivityKind::SignInFailed, client, Some(proof)).await
        })
        .await
}

/// Whether a proof was wrong, rather than refused for another reason.
pub(super) fn was_wrong<T>(result: &Result<T>) -> bool {
    let Err(Error::User(errors)) = result else { return false };
    errors.iter().any(|error| matches!(error.code, UserErrorCode::InvalidCode | UserErrorCode::WrongPassword))
}

/// Deletes what counts for nothing any more: failures of yesterday, and challenges that are over; gives how many rows.
pub async fn prune(app: &App) -> Result<u64> {
    let before = app.clock.now() - PAIR_FORGOTTEN;
    let failures = app
        .db
        .transact(async |tx| {
            tx.without_time_limit().await?;
            let is_free = Column::BlockedUntil.is_null().or(Column::BlockedUntil.lt(before));
            let over = Entity::delete_many().filter(Column::LastFailedAt.lt(before)).filter(is_free);
            Ok(over.exec(&tx).await?.rows_affected)
        })
        .await?;
    Ok(failures + app.db.delete_before("challenges", "expires_at", before).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_quarter_of_an_hour() {
        let seconds = |failures| wait(failures).map(|wait| wait.num_seconds());
        assert_eq!([0, 1, 4].map(seconds), [None; 3]);
        let waits: Vec<_> = (5..16).filter_map(seconds).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(seconds(i64::MAX), Some(900));
    }
}
