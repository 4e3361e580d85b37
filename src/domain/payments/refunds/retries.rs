//! Refunds that are granted anew after they failed. Where money can't stay, as in the escrow of a goal that was called off, it
//! goes into the giver's wallet; to a guest, who has none, the same way again, a few times, then it is for staff to look into.

use chrono::TimeDelta;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::granting::{NewRow, give_in};
use crate::{
    app::App,
    domain::{
        actor::Actor,
        payments::{Payment, gateways::gateway, target},
    },
    entity::{
        RefundId,
        refund::{Column, Entity, Model as Refund, RefundDestination, RefundOrigin, RefundState},
    },
    error::Result,
    platform::db::Transaction,
};

/// What the keys of refunds that are granted anew start with; the id of the one that failed follows.
const AGAIN: &str = "again:";
/// How long after each failure a guest's money is given back again. Shorter than providers remember what they were asked.
const PAUSES: [TimeDelta; 3] = [TimeDelta::hours(1), TimeDelta::hours(4), TimeDelta::hours(16)];

/// A refund has failed, and its money is where it was: where it can't stay, it is granted anew, once for each that failed. The
/// payment is locked.
pub(super) async fn again_in(app: &App, tx: &Transaction, payment: &Payment, failed: &Refund) -> Result<()> {
    let word = target::of(payment.target_kind)?.must_go_back_in(tx, payment).await?;
    let decided_here = failed.cause_key.as_ref().filter(|_| failed.origin == RefundOrigin::Platform);
    let cause = match (word, decided_here) {
        (Some(word), _) => word,
        // The program's own decision stands.
        (None, Some(_)) => failed.reason.as_str(),
        (None, None) => return Ok(()),
    };
    let is_guest = payment.payer_id.is_none();
    let pause = if is_guest { pause_in(app, tx, payment).await? } else { None };
    if is_guest && pause.is_none() {
        let (refund, payment) = (failed.id, payment.id);
        tracing::error!(%refund, %payment, "a guest's money could not be given back; refund it anew by hand");
        return Ok(());
    }
    let destination = if is_guest { RefundDestination::Source } else { RefundDestination::Wallet };
    let amount = failed.amount.min(payment.captured - payment.refunded - payment.refunding);
    let id = RefundId(app.ids.next(app.clock.now()));
    let origin = RefundOrigin::Platform;
    let new = NewRow { id, amount, destination, reason: cause, by: &Actor::System, origin };
    give_in(app, tx, payment, &new, &format!("{AGAIN}{}", failed.id), pause).await.map(drop)
}

/// After which time a guest's money is given back again; `None` when that was tried often enough, or is done by hand.
async fn pause_in(app: &App, tx: &Transaction, payment: &Payment) -> Result<Option<TimeDelta>> {
    if gateway(app, payment).is_none() {
        return Ok(None);
    }
    let failed = Entity::find().filter(Column::PaymentId.eq(payment.id)).filter(Column::State.eq(RefundState::Failed));
    let tried = failed.filter(Column::CauseKey.starts_with(AGAIN)).count(tx).await?;
    Ok(usize::try_from(tried).ok().and_then(|tried| PAUSES.get(tried)).copied())
}
