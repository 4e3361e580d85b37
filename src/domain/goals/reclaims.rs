//! Money of a goal that is taken back though its owner has it already, as by a provider on its own: of their withdrawals, so
//! much counts as not withdrawn, its fee is taken back, and they owe the rest.

use super::{
    rows::save_in,
    withdrawals::{Withdrawal, standing_in},
};
use crate::{
    app::App,
    domain::{
        fees,
        ledger::{self, NewTransfer, Origin, Place},
    },
    entity::{Money, RefundId, UserId, goal, ledger_transfer::TransferKind},
    error::{Error, Result},
    platform::db::Transaction,
};

/// Sees to it that so much is in a goal's escrow and not spoken for; the goal, and its owner, are locked. Gives who owes how
/// much since.
pub(super) async fn reclaim_in(
    app: &App,
    tx: &Transaction,
    mut goal: goal::Model,
    amount: i64,
    refund: RefundId,
) -> Result<Option<(UserId, i64)>> {
    let escrow = Place::Escrow(goal.id);
    let mut places = vec![escrow];
    places.extend(goal.owner_id.into_iter().flat_map(|owner| [Place::Wallet(owner), Place::Debt(owner)]));
    ledger::lock_in(app, tx, &places, goal.currency).await?;
    let mut missing = amount - ledger::available_in(app, tx, escrow, goal.currency).await?;
    if missing <= 0 {
        return Ok(None);
    }
    let (mut owed, mut last) = (0, None);
    for withdrawal in standing_in(tx, goal.id).await? {
        let part = missing.min(withdrawal.row.amount - withdrawal.row.reclaimed);
        if part <= 0 {
            break;
        }
        let (lent, transfer) = reclaim_of_in(app, tx, &goal, &withdrawal, part, refund).await?;
        goal.withdrawn -= part;
        missing -= part;
        owed += lent;
        last = transfer.or(last);
    }
    if missing > 0 {
        return Err(Error::internal(format!("{} lacks {missing} that were never withdrawn", goal.id)));
    }
    save_in(app, tx, &goal).await?;
    let Some(owner) = goal.owner_id else { return Ok(None) };
    if let Some(last) = last {
        // What they have here is taken at once.
        ledger::repay_in(app, tx, owner, goal.currency, (last, 0)).await?;
    }
    Ok((owed > 0).then_some((owner, owed)))
}

/// Takes a part of one withdrawal back: gives what its owner owes for it, by which transfer.
async fn reclaim_of_in(
    app: &App,
    tx: &Transaction,
    goal: &goal::Model,
    withdrawal: &Withdrawal,
    part: i64,
    refund: RefundId,
) -> Result<(i64, Option<crate::entity::TransferId>)> {
    let sql = "UPDATE goal_withdrawals SET reclaimed = reclaimed + $2 WHERE id = $1";
    tx.execute(sql, vec![withdrawal.row.id.0.into(), part.into()]).await?;
    let fee = -fees::reverse_in(app, tx, withdrawal.row.fee_line_id, Some(part)).await?.fee;
    let (escrow, reference) = (Place::Escrow(goal.id), withdrawal.row.id.to_string());
    let key = format!("{}:{refund}", withdrawal.row.id.0.simple());
    if fee > 0 {
        let new = NewTransfer {
            kind: TransferKind::Commission,
            from: Place::Fees,
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
        return Ok((0, None));
    }
    let origin = (reference.as_str(), Origin::step("goal_reclaim", &key));
    let lent = ledger::lend_in(app, tx, goal.owner_id, escrow, Money::new(owed, goal.currency), origin).await?;
    Ok((owed, Some(lent.id)))
}
