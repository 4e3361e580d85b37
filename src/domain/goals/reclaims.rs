//! Money of a goal that is taken back though its owner has it already, as by a provider on its own: of their withdrawals, so
//! much counts as not withdrawn, its fee is taken back, and they owe the rest.

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter};

use super::{
    GoalRow,
    rows::save_in,
    withdrawals::{Withdrawal, standing_in},
};
use crate::{
    app::App,
    domain::{
        fees,
        ledger::{self, AccountRef, NewTransfer, Origin},
    },
    entity::{
        Money, RefundId, TransferId, UserId,
        goal_withdrawal::{Column, Entity},
        ledger_transfer::TransferKind,
    },
    error::{Error, Result},
    platform::db::Transaction,
};

/// Sees to it that so much is in a goal's escrow and not spoken for; the goal, and its owner, are locked. Gives who came to owe
/// something for it.
pub(super) async fn reclaim_in(
    app: &App,
    tx: &Transaction,
    mut goal: GoalRow,
    amount: i64,
    refund: RefundId,
) -> Result<Option<UserId>> {
    let escrow = AccountRef::Escrow(goal.id);
    let account_refs: Vec<AccountRef> = [escrow].into_iter().chain(goal.owner_id.map(AccountRef::Wallet)).collect();
    ledger::lock_in(app, tx, &account_refs, goal.currency).await?;
    let mut missing = amount - ledger::available_in(app, tx, escrow, goal.currency).await?;
    if missing <= 0 {
        return Ok(None);
    }
    let mut last = None;
    for withdrawal in standing_in(tx, goal.id).await? {
        let part = std::cmp::min(missing, withdrawal.row.amount - withdrawal.row.reclaimed);
        if part <= 0 {
            break;
        }
        last = reclaim_of_in(app, tx, &goal, &withdrawal, part, refund).await?.or(last);
        goal.withdrawn -= part;
        missing -= part;
    }
    if missing > 0 {
        return Err(Error::internal(format!("{} lacks {missing} that were never withdrawn", goal.id)));
    }
    save_in(app, tx, &goal).await?;
    let (Some(owner), Some(last)) = (goal.owner_id, last) else { return Ok(None) };
    // What they have here is taken at once.
    ledger::repay_in(app, tx, owner, goal.currency, (last, 0)).await?;
    Ok(Some(owner))
}

/// Takes a part of one withdrawal back: gives the transfer by which its owner owes it; none, where it was all fee.
async fn reclaim_of_in(
    app: &App,
    tx: &Transaction,
    goal: &GoalRow,
    withdrawal: &Withdrawal,
    part: i64,
    refund: RefundId,
) -> Result<Option<TransferId>> {
    Entity::update_many()
        .col_expr(Column::Reclaimed, Column::Reclaimed.into_expr().add(part))
        .filter(Column::Id.eq(withdrawal.row.id))
        .exec(tx)
        .await?;
    let fee = -fees::reverse_in(app, tx, withdrawal.row.fee_line_id, Some(part)).await?.fee;
    let (escrow, reference) = (AccountRef::Escrow(goal.id), withdrawal.row.id.to_string());
    let key = format!("{}:{refund}", withdrawal.row.id.0.simple());
    if fee > 0 {
        let new = NewTransfer {
            kind: TransferKind::Commission,
            from: AccountRef::Fees,
            to: escrow,
            amount: fee,
            currency: goal.currency,
            reference: Some(&reference),
            description: "",
            origin: Origin::step("goal_reclaim_fee", &key),
        };
        ledger::post_in(app, tx, new).await?;
    }
    let owed = part - fee;
    if owed == 0 {
        return Ok(None);
    }
    let origin = (reference.as_str(), Origin::step("goal_reclaim", &key));
    let lent = ledger::lend_in(app, tx, goal.owner_id, escrow, Money::new(owed, goal.currency), origin).await?;
    Ok(Some(lent.id))
}
