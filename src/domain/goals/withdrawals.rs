//! What was raised comes into its owner's wallet; and staff takes it back.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, IntoActiveModel, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait, Select, sea_query::Expr,
};

use super::{
    at_goal_id,
    closing::reason_of,
    kept_in,
    rows::{lock_goal_in, lock_own_in, save_in},
    wrong_state,
};
use crate::{
    app::App,
    domain::{
        Idempotent, accounts,
        actor::{Actor, Client},
        audit, auth,
        fees::{self, NewFee},
        idempotency::{Claim, Fingerprint, claim_for_good_in},
        ledger::{self, AccountRef, NewTransfer, Origin},
        permissions::Permission,
    },
    entity::{
        Currency, GoalId, GoalWithdrawalId, Money, UserId,
        fee_line::FeeKind,
        goal::{self, Funding, GoalState},
        goal_withdrawal::{Column, Entity, Model, Relation},
        ledger_transfer::TransferKind,
    },
    error::{Error, Result, State, UserError, UserErrorCode},
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting},
        page::{Cursor, Key, Page, Slice},
    },
};

/// A withdrawal of a goal, with what it is counted in.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub(crate) struct Withdrawal {
    /// The row of `goal_withdrawals`.
    #[sea_orm(nested)]
    pub row: Model,
    /// In which currency.
    #[sea_orm(from_expr = "goal::Column::Currency")]
    pub currency: Currency,
    /// Whose goal it is.
    #[sea_orm(from_expr = "goal::Column::OwnerId")]
    pub owner_id: Option<UserId>,
}

/// Withdrawals, joined to what else is read of one.
fn with_goal(withdrawals: Select<Entity>) -> Select<Entity> {
    withdrawals.join(JoinType::InnerJoin, Relation::Goal.def())
}

async fn get(app: &App, id: GoalWithdrawalId) -> Result<Withdrawal> {
    app.db.read_one(with_goal(Entity::find_by_id(id))).await?.ok_or_else(|| Error::not_found("id"))
}

/// Money of a goal that its owner takes out.
#[derive(Debug, Clone)]
pub(crate) struct GoalWithdraw {
    /// Of which goal.
    pub goal: GoalId,
    /// How much, fees included; all that is available, if `None`.
    pub amount: Option<Money>,
    /// Makes a repeated call harmless.
    pub idempotency_key: String,
}

impl GoalWithdraw {
    fn input(&self) -> Fingerprint {
        let before = self.amount.map_or_else(|| "all".to_owned(), |amount| amount.to_string());
        let input = Fingerprint::v1().field("goalId", self.goal).optional("amount", self.amount);
        input.before_versions(format!("{} {before}", self.goal))
    }
}

/// Takes what was raised into the owner's wallet, and the fee out of it, in one transaction. Needs a recent authentication.
/// What is held for refunds is not available. Codes: NOT_FOUND, NOT_ALLOWED, WRONG_STATE, CURRENCY_MISMATCH,
/// INSUFFICIENT_FUNDS, IDEMPOTENCY_KEY_REUSED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn goal_withdraw(app: &App, actor: &Actor, command: GoalWithdraw) -> Result<Idempotent<Withdrawal>> {
    let owner = auth::require_recent_authentication(app, actor).await?.id;
    let input = command.input();
    let id = GoalWithdrawalId(app.ids.next(app.clock.now()));
    let outcome = app
        .db
        .transact(async |tx| {
            let key = command.idempotency_key.as_str();
            if let Claim::Replay(id) = claim_for_good_in(app, &tx, owner.0, "goalWithdraw", key, &input, id.0).await? {
                return Ok(Idempotent { value: GoalWithdrawalId(id), replayed: true });
            }
            withdraw_in(app, &tx, actor, owner, id, &command).await?;
            Ok(Idempotent { value: id, replayed: false })
        })
        .await?;
    Ok(Idempotent { value: get(app, outcome.value).await?, replayed: outcome.replayed })
}

async fn withdraw_in(
    app: &App,
    tx: &Transaction,
    actor: &Actor,
    owner: UserId,
    id: GoalWithdrawalId,
    command: &GoalWithdraw,
) -> Result<()> {
    // Before anything of the ledger, so that nobody is erased while money comes in.
    accounts::lock_in(tx, &[owner]).await?;
    let view = lock_own_in(tx, actor, command.goal, at_goal_id).await?;
    let is_open_fixed = view.goal.state == GoalState::Open && view.goal.funding == Funding::Fixed;
    let is_short = is_open_fixed && kept_in(app, tx, &view.goal).await? < view.goal.target;
    if is_short || !view.may_withdraw() {
        let state = if view.goal.state == GoalState::Open { State::NotReached } else { view.goal.state.into() };
        return Err(wrong_state(at_goal_id, state));
    }
    let currency = view.goal.currency;
    if command.amount.is_some_and(|amount| amount.currency != currency) {
        return Err(UserError::input("amount", UserErrorCode::CurrencyMismatch).with("currency", currency).into());
    }
    let (escrow, wallet) = (AccountRef::Escrow(command.goal), AccountRef::Wallet(owner));
    ledger::lock_in(app, tx, &[escrow, wallet], currency).await?;
    let available = ledger::available_in(app, tx, escrow, currency).await?;
    let amount = command.amount.map_or(available, |amount| amount.minor);
    if amount <= 0 || amount > available {
        return Err(UserError::whole(UserErrorCode::InsufficientFunds).into());
    }
    pay_out_in(app, tx, id, command.goal, owner, Money::new(amount, currency)).await?;
    let mut goal = view.goal;
    goal.withdrawn += amount;
    save_in(app, tx, &goal).await?;
    app.fail_points.reach("goal.withdrawing").await;
    Ok(())
}

/// Moves the money and its fee, and writes both down. The accounts are locked.
async fn pay_out_in(
    app: &App,
    tx: &Transaction,
    id: GoalWithdrawalId,
    goal: GoalId,
    owner: UserId,
    amount: Money,
) -> Result<()> {
    let reference = id.to_string();
    let transfer = |kind, from, to, minor, operation| NewTransfer {
        kind,
        from,
        to,
        amount: minor,
        currency: amount.currency,
        reference: Some(&reference),
        description: "",
        origin: Origin::step(operation, &reference),
    };
    let (escrow, wallet) = (AccountRef::Escrow(goal), AccountRef::Wallet(owner));
    let payout = transfer(TransferKind::Payout, escrow, wallet, amount.minor, "goal_payout");
    // The fee is taken of it whatever its owner owes.
    let kept = fees::fee(amount.minor, fees::rate(app, FeeKind::Goal));
    let payout = ledger::post_keeping_in(app, tx, payout, kept).await?.id;
    let new = NewFee { kind: FeeKind::Goal, reference: &reference, base: amount, rate: fees::rate(app, FeeKind::Goal) };
    let line = fees::charge_in(app, tx, new).await?;
    let commission = if line.fee > 0 {
        let commission = transfer(TransferKind::Commission, wallet, AccountRef::Fees, line.fee, "goal_commission");
        Some(ledger::post_in(app, tx, commission).await?.id)
    } else {
        None
    };
    let withdrawal = Model {
        id,
        goal_id: goal,
        amount: amount.minor,
        fee_rate: new.rate,
        fee: line.fee,
        payout_id: payout,
        commission_id: commission,
        fee_line_id: line.id,
        created_at: app.clock.now(),
        reversed_at: None,
        reclaimed: 0,
    };
    Entity::insert(withdrawal.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Staff takes a withdrawal back, fee and all, so that those who gave can be refunded; where a part of it was reclaimed, the
/// rest. Nobody does it for themselves. Codes: NOT_FOUND, ALREADY_DONE, SECOND_PERSON_NEEDED, INSUFFICIENT_FUNDS, BLANK,
/// TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn withdrawal_reverse(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: GoalWithdrawalId,
    reason: &str,
) -> Result<Withdrawal> {
    let staff = actor.require(Permission::ManageMoney)?.id;
    let reason = reason_of(reason)?;
    app.db
        .transact(async |tx| {
            auth::authorise_in(app, &tx, actor, Permission::ManageMoney).await?;
            let goal = Entity::find_by_id(id).select_only().column(Column::GoalId);
            let goal = goal.into_tuple::<GoalId>().one(&tx).await?.ok_or_else(|| Error::not_found("id"))?;
            let view = lock_goal_in(&tx, goal).await?.ok_or_else(|| Error::not_found("id"))?;
            let found = with_goal(Entity::find_by_id(id)).into_partial_model::<Withdrawal>().one(&tx).await?;
            let found = found.ok_or_else(|| Error::not_found("id"))?;
            if found.owner_id == Some(staff) {
                return Err(UserError::input("id", UserErrorCode::SecondPersonNeeded).into());
            }
            reverse_in(app, &tx, &found, &reason).await?;
            let mut goal = view.goal;
            goal.withdrawn -= found.row.amount - found.row.reclaimed;
            save_in(app, &tx, &goal).await?;
            let entry = audit::NewEntry {
                action: "adminGoalWithdrawalReverse",
                subject_kind: GoalWithdrawalId::PREFIX,
                subject_id: id.0,
                before: None,
                after: None,
                reason: Some(&reason),
            };
            audit::record_in(app, &tx, actor, client, entry).await
        })
        .await?;
    get(app, id).await
}

/// The withdrawals of a goal of which something is still with its owner, newest first. The goal is locked by the caller.
pub(super) async fn standing_in(tx: &Transaction, goal: GoalId) -> Result<Vec<Withdrawal>> {
    let standing = Entity::find()
        .filter(Column::GoalId.eq(goal))
        .filter(stands())
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id);
    Ok(with_goal(standing).into_partial_model::<Withdrawal>().all(tx).await?)
}

/// That something of a withdrawal is still with the goal's owner.
fn stands() -> Expr {
    Column::ReversedAt.is_null().and(Column::Reclaimed.into_expr().lt(Column::Amount.into_expr()))
}

/// The goal is locked, and so what happens to its withdrawals.
async fn reverse_in(app: &App, tx: &Transaction, found: &Withdrawal, reason: &str) -> Result<()> {
    let row = &found.row;
    let reversed = Entity::update_many()
        .col_expr(Column::ReversedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(row.id))
        .filter(stands())
        .exec(tx)
        .await?;
    if reversed.rows_affected == 0 {
        return Err(UserError::input("id", UserErrorCode::AlreadyDone).into());
    }
    let owner = found.owner_id.ok_or_else(|| Error::from(UserError::whole(UserErrorCode::InsufficientFunds)))?;
    ledger::lock_in(app, tx, &[AccountRef::Escrow(row.goal_id), AccountRef::Wallet(owner)], found.currency).await?;
    let key = row.id.to_string();
    let description: String = reason.chars().take(255).collect();
    if row.reclaimed > 0 {
        return rest_back_in(app, tx, found, owner, &description).await;
    }
    // The fee first, or the wallet might lack it.
    if let Some(commission) = row.commission_id {
        ledger::reverse_in(app, tx, commission, Origin::step("goal_commission_back", &key), &description).await?;
    }
    ledger::reverse_in(app, tx, row.payout_id, Origin::step("goal_payout_back", &key), &description).await?;
    fees::reverse_in(app, tx, row.fee_line_id, None).await.map(drop)
}

/// Gives back what is left of a withdrawal of which a part was reclaimed: its fee out of the fees, all else out of the wallet, as
/// it was with that part. The accounts are locked. Code: INSUFFICIENT_FUNDS.
async fn rest_back_in(app: &App, tx: &Transaction, found: &Withdrawal, owner: UserId, description: &str) -> Result<()> {
    let row = &found.row;
    let fee = -fees::reverse_in(app, tx, row.fee_line_id, None).await?.fee;
    let (reference, key) = (row.id.to_string(), row.id.0.simple().to_string());
    let rest = row.amount - row.reclaimed - fee;
    for (kind, from, amount, operation) in [
        (TransferKind::Payout, AccountRef::Wallet(owner), rest, "goal_rest_back"),
        (TransferKind::Commission, AccountRef::Fees, fee, "goal_rest_fee_back"),
    ] {
        if amount > 0 {
            let new = NewTransfer {
                kind,
                from,
                to: AccountRef::Escrow(row.goal_id),
                amount,
                currency: found.currency,
                reference: Some(&reference),
                description,
                origin: Origin::step(operation, &key),
            };
            ledger::post_in(app, tx, new).await?;
        }
    }
    Ok(())
}

/// What cursors in the list are tied to.
pub(crate) const WITHDRAWALS_SORT: &str = "goal_withdrawals.newest";

/// A withdrawal's place in the list.
#[must_use]
pub(crate) fn withdrawal_cursor(found: &Withdrawal) -> Cursor {
    Cursor { sort: WITHDRAWALS_SORT, key: Key::Time(found.row.created_at), id: found.row.id.0 }
}

fn may_see(actor: &Actor, owner: Option<UserId>) -> bool {
    (owner.is_some() && owner == actor.user_id()) || actor.may(Permission::SeeMoney)
}

/// What was withdrawn of a goal, newest first; nothing for those who are neither its owner nor may see money.
pub(crate) async fn withdrawals(
    app: &App,
    actor: &Actor,
    view: &super::GoalView,
    page: &Page,
    with_total: bool,
) -> Result<Option<Slice<Withdrawal>>> {
    if !may_see(actor, view.goal.owner_id) {
        return Ok(None);
    }
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id));
    list.filter(Column::GoalId.eq(view.goal.id));
    list.page(&app.db, page, with_total, with_goal).await.map(Some)
}

/// Withdrawals by id that the actor may see.
pub(crate) async fn withdrawals_by_id(
    app: &App,
    actor: &Actor,
    ids: &[GoalWithdrawalId],
) -> Result<HashMap<GoalWithdrawalId, Withdrawal>> {
    let mut found: Vec<Withdrawal> = app.db.read(with_goal(Entity::find().filter(any_id(Column::Id, ids)))).await?;
    found.retain(|found| may_see(actor, found.owner_id));
    Ok(found.into_iter().map(|found| (found.row.id, found)).collect())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        let mut command = GoalWithdraw { goal: GoalId(Uuid::nil()), amount: None, idempotency_key: String::new() };
        assert_eq!(
            command.input().texts(),
            ("goalId 31 goal_00000000000000000000000000\n", "goal_00000000000000000000000000 all")
        );
        command.amount = Some(amount);
        assert_eq!(
            command.input().texts(),
            (
                "goalId 31 goal_00000000000000000000000000\n\
                 amount 9 12.50 USD\n",
                "goal_00000000000000000000000000 12.50 USD"
            )
        );
    }
}
