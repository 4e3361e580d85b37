//! Corrections of wallets by staff: small ones at once, larger ones when a second person agrees.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DerivePartialModel, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::LockType,
};
use serde_json::json;

use super::{beyond, check_currency, needs_second_person, reason, wrong_state};
use crate::{
    app::App,
    domain::{
        Idempotent, accounts,
        actor::{Actor, Client},
        audit::{self, NewEntry},
        auth,
        idempotency::{Claim, Fingerprint, check_key, claim_for_good_in},
        ledger::{self, AccountRef, NewTransfer, Origin},
        permissions::Permission,
    },
    entity::{
        AdjustmentId, Money, UserId,
        ledger_transfer::TransferKind,
        wallet_adjustment::{self, AdjustmentState, Column, Entity},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// A correction of a wallet.
pub(crate) type Adjustment = wallet_adjustment::Model;

/// A correction that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Adjust {
    /// The owner of the wallet.
    pub user: UserId,
    /// How much, above zero.
    pub amount: Money,
    /// Whether it is given, and not taken.
    pub is_credit: bool,
    /// Why; the owner sees it.
    pub reason: String,
    /// Makes a repeated call harmless, for good.
    pub idempotency_key: String,
}

/// Corrects a wallet, or, above SECOND_PERSON_ABOVE, proposes it to a second person. Needs a recent authentication. Codes:
/// NOT_FOUND, BEYOND_YOUR_RIGHTS (one's own), INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH,
/// IDEMPOTENCY_KEY_REUSED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn wallet_adjust(
    app: &App,
    actor: &Actor,
    client: &Client,
    command: Adjust,
) -> Result<Idempotent<Adjustment>> {
    let me = actor.require(Permission::ManageMoney)?.id;
    auth::require_recent_authentication(app, actor).await?;
    check_key(&command.idempotency_key)?;
    let why = reason(&command.reason)?;
    if command.is_credit {
        check_currency(app, "amount", command.amount.currency)?;
    }
    if command.user == me {
        return Err(UserError::input("userId", UserErrorCode::BeyondYourRights).into());
    }
    let id = AdjustmentId(app.ids.next(app.clock.now()));
    let Adjust { user, amount, is_credit, .. } = command;
    let signed = if is_credit { amount.minor } else { -amount.minor };
    let input = input(&command, &why);
    app.db
        .transact(async |tx| {
            accounts::lock_in(&tx, &[me, user]).await?;
            auth::authority_in(app, &tx, actor, Permission::ManageMoney).await?;
            let key = command.idempotency_key.as_str();
            if let Claim::Replay(id) = claim_for_good_in(app, &tx, me.0, "adminWalletAdjust", key, &input, id.0).await?
            {
                let found = lock_in(&tx, AdjustmentId(id)).await?;
                let value = found.ok_or_else(|| Error::internal("a key without its adjustment"))?;
                return Ok(Idempotent { value, replayed: true });
            }
            if accounts::find_in(&tx, user).await?.is_none() {
                return Err(Error::not_found("userId"));
            }
            let proposed = Adjustment {
                id,
                user_id: user,
                currency: amount.currency,
                amount: signed,
                reason: why.clone(),
                state: AdjustmentState::Proposed,
                proposed_by: me,
                decided_by: None,
                transfer_id: None,
                created_at: app.clock.now(),
                decided_at: None,
            };
            insert_in(&tx, &proposed).await?;
            let value =
                if needs_second_person(app, amount) { proposed } else { apply_in(app, &tx, proposed, None).await? };
            record_in(app, &tx, actor, client, "adminWalletAdjust", None, &value).await?;
            Ok(Idempotent { value, replayed: false })
        })
        .await
}

fn input(command: &Adjust, why: &str) -> Fingerprint {
    let Adjust { user, amount, is_credit, .. } = command;
    let signed = if *is_credit { amount.minor } else { -amount.minor };
    Fingerprint::v1()
        .field("userId", user)
        .field("amount", amount)
        .field("direction", if *is_credit { "credit" } else { "debit" })
        .field("reason", why)
        .before_versions(format!("{user} {signed} {} {why}", amount.currency))
}

/// Moves the money of an adjustment, and writes that down.
async fn apply_in(app: &App, tx: &Transaction, proposed: Adjustment, decided_by: Option<UserId>) -> Result<Adjustment> {
    let (wallet, other) = (AccountRef::Wallet(proposed.user_id), AccountRef::Adjustments);
    let (from, to) = if proposed.amount > 0 { (other, wallet) } else { (wallet, other) };
    let (key, description) = (proposed.id.to_string(), text::excerpt(&proposed.reason, 255));
    let new = NewTransfer {
        kind: TransferKind::Adjustment,
        from,
        to,
        amount: proposed.amount.abs(),
        currency: proposed.currency,
        reference: Some(&key),
        description: &description,
        origin: Origin::step("walletAdjustment", &key),
    };
    let posted = ledger::post_in(app, tx, new).await?;
    let applied = Adjustment {
        state: AdjustmentState::Applied,
        decided_by,
        transfer_id: Some(posted.id),
        decided_at: Some(app.clock.now()),
        ..proposed
    };
    update_in(tx, &applied).await?;
    Ok(applied)
}

/// Agrees to an adjustment that somebody else has proposed: it is applied. Codes: NOT_FOUND, WRONG_STATE,
/// SECOND_PERSON_NEEDED, BEYOND_YOUR_RIGHTS (one's own wallet), INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE.
pub(crate) async fn adjustment_approve(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: AdjustmentId,
) -> Result<Adjustment> {
    let me = actor.require(Permission::ManageMoney)?.id;
    app.db
        .transact(async |tx| {
            let before = meet_in(app, &tx, actor, id).await?;
            if before.proposed_by == me {
                return Err(UserError::input("id", UserErrorCode::SecondPersonNeeded).into());
            }
            // Whose account is gone has no wallet any more: what is proposed for it can only be refused.
            if accounts::find_in(&tx, before.user_id).await?.is_none() {
                return Err(Error::not_found("id"));
            }
            let after = apply_in(app, &tx, before.clone(), Some(me)).await?;
            record_in(app, &tx, actor, client, "adminWalletAdjustmentApprove", Some(&before), &after).await?;
            Ok(after)
        })
        .await
}

/// Refuses an adjustment that was proposed, one's own included: nothing moves. Codes: NOT_FOUND, WRONG_STATE,
/// BEYOND_YOUR_RIGHTS (one's own wallet), BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn adjustment_refuse(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: AdjustmentId,
    why: &str,
) -> Result<Adjustment> {
    let me = actor.require(Permission::ManageMoney)?.id;
    let why = reason(why)?;
    app.db
        .transact(async |tx| {
            let before = meet_in(app, &tx, actor, id).await?;
            let after = Adjustment {
                state: AdjustmentState::Refused,
                decided_by: Some(me),
                decided_at: Some(app.clock.now()),
                ..before.clone()
            };
            update_in(&tx, &after).await?;
            let entry = entry("adminWalletAdjustmentRefuse", Some(&before), &after);
            audit::record_in(app, &tx, actor, client, NewEntry { reason: Some(&why), ..entry }).await?;
            Ok(after)
        })
        .await
}

/// Whose wallet an adjustment is of.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Owned {
    user_id: UserId,
}

/// Locks both people, looks at the actor's rights anew, and locks an adjustment that is proposed. Codes: NOT_FOUND,
/// BEYOND_YOUR_RIGHTS, WRONG_STATE.
async fn meet_in(app: &App, tx: &Transaction, actor: &Actor, id: AdjustmentId) -> Result<Adjustment> {
    let me = actor.require(Permission::ManageMoney)?.id;
    // Whose it is never changes: it can be read before it is locked, as people are locked first.
    let owned = Entity::find_by_id(id).into_partial_model::<Owned>().one(tx).await?;
    let Owned { user_id: user } = owned.ok_or_else(|| Error::not_found("id"))?;
    accounts::lock_in(tx, &[me, user]).await?;
    auth::authority_in(app, tx, actor, Permission::ManageMoney).await?;
    let adjustment = lock_in(tx, id).await?.ok_or_else(|| Error::not_found("id"))?;
    if user == me {
        return Err(beyond());
    }
    if adjustment.state == AdjustmentState::Proposed { Ok(adjustment) } else { Err(wrong_state(adjustment.state)) }
}

fn entry<'a>(action: &'static str, before: Option<&Adjustment>, after: &'a Adjustment) -> NewEntry<'a> {
    let state = |adjustment: &Adjustment| {
        json!({
            "state": adjustment.state.as_str(),
            "user": adjustment.user_id.to_string(),
            "amount": Money::new(adjustment.amount, adjustment.currency).to_string(),
            "transfer": adjustment.transfer_id.map(|id| id.to_string()),
        })
    };
    NewEntry {
        action,
        subject_kind: AdjustmentId::PREFIX,
        subject_id: after.id.0,
        before: before.map(state),
        after: Some(state(after)),
        reason: Some(&after.reason),
    }
}

async fn record_in(
    app: &App,
    tx: &Transaction,
    actor: &Actor,
    client: &Client,
    action: &'static str,
    before: Option<&Adjustment>,
    after: &Adjustment,
) -> Result<()> {
    audit::record_in(app, tx, actor, client, entry(action, before, after)).await
}

// --------------------------------------------------------------------------------------------------------------- rows

async fn insert_in(tx: &Transaction, adjustment: &Adjustment) -> Result<()> {
    Entity::insert(adjustment.clone().into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

async fn update_in(tx: &Transaction, adjustment: &Adjustment) -> Result<()> {
    let decided = wallet_adjustment::ActiveModel {
        state: Set(adjustment.state),
        decided_by: Set(adjustment.decided_by),
        transfer_id: Set(adjustment.transfer_id),
        decided_at: Set(adjustment.decided_at),
        ..Default::default()
    };
    Entity::update_many().set(decided).filter(Column::Id.eq(adjustment.id)).exec(tx).await?;
    Ok(())
}

async fn lock_in(tx: &Transaction, id: AdjustmentId) -> Result<Option<Adjustment>> {
    Ok(Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?)
}

/// What adjustments have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AdjustmentFilter {
    /// The owners of the wallets.
    pub owners: Option<Vec<UserId>>,
    /// How far they have come.
    pub states: Option<Vec<AdjustmentState>>,
    /// When they were proposed.
    pub during: Span,
}

/// What cursors in the list are tied to.
pub(crate) const SORT: &str = "adjustments.newest";

/// An adjustment's place in the list.
#[must_use]
pub(crate) fn adjustment_cursor(adjustment: &Adjustment) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(adjustment.created_at), id: adjustment.id.0 }
}

/// Everybody's adjustments, newest first, for those who may see them.
pub(crate) async fn adjustments(
    app: &App,
    actor: &Actor,
    filter: &AdjustmentFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Adjustment>> {
    actor.require(Permission::SeeMoney)?;
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id));
    list.any_of(Column::UserId, filter.owners.as_deref(), |owner| owner.0)?;
    list.any_of(Column::State, filter.states.as_deref(), |state| state.as_str())?;
    list.during(Column::CreatedAt, filter.during)?;
    list.page(&app.db, page, with_total, |select| select).await
}

/// Adjustments by id, for those who may see them.
pub(crate) async fn adjustments_by_id(
    app: &App,
    actor: &Actor,
    ids: &[AdjustmentId],
) -> Result<HashMap<AdjustmentId, Adjustment>> {
    if !actor.may(Permission::SeeMoney) {
        return Ok(HashMap::new());
    }
    let found = app.db.all(Entity::find().filter(any_id(Column::Id, ids))).await?;
    Ok(found.into_iter().map(|adjustment| (adjustment.id, adjustment)).collect())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::entity::Currency;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        let (user, key) = (UserId(Uuid::nil()), String::new());
        let mut command = Adjust { user, amount, is_credit: true, reason: String::new(), idempotency_key: key };
        assert_eq!(
            input(&command, "a mistake").texts(),
            (
                "userId 31 user_00000000000000000000000000\n\
                 amount 9 12.50 USD\n\
                 direction 6 credit\n\
                 reason 9 a mistake\n",
                "user_00000000000000000000000000 1250 USD a mistake"
            )
        );
        command.is_credit = false;
        assert_eq!(
            input(&command, "a mistake").texts(),
            (
                "userId 31 user_00000000000000000000000000\n\
                 amount 9 12.50 USD\n\
                 direction 5 debit\n\
                 reason 9 a mistake\n",
                "user_00000000000000000000000000 -1250 USD a mistake"
            )
        );
    }
}
