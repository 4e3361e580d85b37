//! Idempotency: the same key and input give the same answer again, within 24 hours; for good where money moves.
//!
//! Owns `idempotency_keys` and `money_keys`. The key is stored in the transaction that does the work, so a refusal, which rolls back,
//! is not remembered, and of two calls at the same time one waits for the other.

mod fingerprint;

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, sea_query::OnConflict};
use uuid::Uuid;

pub use fingerprint::Fingerprint;
pub(crate) use fingerprint::debug_name;

use super::registration::{Domain, Retention};
use crate::{
    app::App,
    entity::{UserId, idempotency_key, money_key},
    error::{Error, Reason, Result, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// What idempotency hands over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["idempotency_keys", "money_keys"],
    retentions: &[Retention { what: "idempotency keys", prune: |app| Box::pin(prune(app)) }],
    ..Domain::named("idempotency")
};

/// Fewest characters of what nobody may guess; half as many have to be different ones.
const UNGUESSABLE: usize = 16;
/// Most characters of a guest's secret.
const LONGEST_SECRET: usize = 200;

/// How long a key is remembered.
pub(crate) const REMEMBERED: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// What a key turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Not seen before: do the work, its result has the id that was claimed.
    New,
    /// The work is done already: its result has this id.
    Replay(Uuid),
}

/// Claims a key for the result that is about to get `result_id`. Without a key every call is new.
/// `input` is what was asked for.
pub(crate) async fn claim_in(
    app: &App,
    tx: &Transaction,
    actor: UserId,
    operation: &'static str,
    key: Option<&str>,
    input: &Fingerprint,
    result_id: Uuid,
) -> Result<Claim> {
    let Some(key) = key else { return Ok(Claim::New) };
    check_key(key)?;
    let now = app.clock.now();
    let claimed = idempotency_key::ActiveModel {
        actor_id: Set(actor),
        operation: Set(operation.to_owned()),
        key: Set(key.to_owned()),
        input_hash: Set(input.stored()),
        result_id: Set(result_id),
        created_at: Set(now),
    };
    // A key past its time is free again; taking it over is one statement with the insert.
    let known = [idempotency_key::Column::ActorId, idempotency_key::Column::Operation, idempotency_key::Column::Key];
    let taken_over =
        [idempotency_key::Column::InputHash, idempotency_key::Column::ResultId, idempotency_key::Column::CreatedAt];
    let if_free = OnConflict::columns(known)
        .update_columns(taken_over)
        .action_and_where(idempotency_key::Column::CreatedAt.lt(now - REMEMBERED))
        .to_owned();
    if idempotency_key::Entity::insert(claimed).on_conflict(if_free).exec_without_returning(tx).await? == 1 {
        return Ok(Claim::New);
    }
    let earlier = idempotency_key::Entity::find_by_id((actor, operation.to_owned(), key.to_owned()));
    let earlier = earlier.one(tx).await?.map(|earlier| (earlier.input_hash, earlier.result_id));
    replay(earlier, input)
}

/// The same where money moves: the key has to be there, and is remembered for good. `claimant` is the person, or what
/// stands for somebody without an account.
pub(crate) async fn claim_for_good_in(
    app: &App,
    tx: &Transaction,
    claimant: Uuid,
    operation: &'static str,
    key: &str,
    input: &Fingerprint,
    result_id: Uuid,
) -> Result<Claim> {
    check_key(key)?;
    let claimed = money_key::ActiveModel {
        claimant_id: Set(claimant),
        operation: Set(operation.to_owned()),
        key: Set(key.to_owned()),
        input_hash: Set(input.stored()),
        result_id: Set(result_id),
        created_at: Set(app.clock.now()),
    };
    let known = [money_key::Column::ClaimantId, money_key::Column::Operation, money_key::Column::Key];
    let once = OnConflict::columns(known).do_nothing().to_owned();
    if money_key::Entity::insert(claimed).on_conflict(once).exec_without_returning(tx).await? == 1 {
        return Ok(Claim::New);
    }
    let earlier = money_key::Entity::find_by_id((claimant, operation.to_owned(), key.to_owned()));
    let earlier = earlier.one(tx).await?.map(|earlier| (earlier.input_hash, earlier.result_id));
    replay(earlier, input)
}

/// Forgets a key whose work was refused after its transaction, by a server of somebody else's: like other refusals, that
/// is not remembered.
pub(crate) async fn release_in(
    tx: &Transaction,
    actor: UserId,
    operation: &'static str,
    key: Option<&str>,
) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    idempotency_key::Entity::delete_by_id((actor, operation.to_owned(), key.to_owned())).exec(tx).await?;
    Ok(())
}

/// Whether a key can be one. Codes: BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) fn check_key(key: &str) -> Result<()> {
    let refuse = |code| Err(UserError::input("idempotencyKey", code).into());
    if key.trim().is_empty() {
        return refuse(UserErrorCode::Blank);
    }
    if key.chars().count() > 255 {
        return Err(UserError::input("idempotencyKey", UserErrorCode::TooLong).with("max", 255).into());
    }
    if key.chars().any(char::is_control) {
        return refuse(UserErrorCode::InvalidCharacters);
    }
    Ok(())
}

/// Whether key and secret can be a guest's. Whoever repeats a guest's call gets the token of the payment. A key is in logs and in
/// the hands of programs between; that the caller is the first one is proven by the secret, which is part of the input that is
/// compared (and kept as its hash only): a repeat with another one is a key that was used with another input. `guest` is where
/// the secret was given. Codes: TOO_SHORT, TOO_LONG, INVALID.
pub(crate) fn check_guest(key: &str, guest: &'static str, secret: &str) -> Result<()> {
    check_unguessable("idempotencyKey", key)?;
    check_unguessable(guest, secret)?;
    if secret.chars().count() > LONGEST_SECRET {
        return Err(UserError::input(guest, UserErrorCode::TooLong).with("max", LONGEST_SECRET).into());
    }
    if secret == key {
        return Err(UserError::invalid(guest, Reason::GuestKey).into());
    }
    Ok(())
}

fn check_unguessable(field: &'static str, text: &str) -> Result<()> {
    if text.chars().count() < UNGUESSABLE {
        return Err(UserError::input(field, UserErrorCode::TooShort).with("min", UNGUESSABLE).into());
    }
    let mut distinct: Vec<char> = text.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < UNGUESSABLE / 2 {
        return Err(UserError::invalid(field, Reason::GuestKey).into());
    }
    Ok(())
}

/// What the key stands for already; refused when it was used with another input.
fn replay(earlier: Option<(String, Uuid)>, input: &Fingerprint) -> Result<Claim> {
    let (input_hash, result_id) = earlier.ok_or_else(|| Error::internal("an idempotency key vanished"))?;
    if !input.is(&input_hash) {
        return Err(UserError::input("idempotencyKey", UserErrorCode::IdempotencyKeyReused).into());
    }
    Ok(Claim::Replay(result_id))
}

/// Forgets the keys that are past their time; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("idempotency_keys", "created_at", app.clock.now() - REMEMBERED).await
}
