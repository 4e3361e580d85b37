//! Money that somebody else took back: it is held as a refund that is under way, and no rule is asked, because it is a fact.
//!
//! What is not where it should be any more becomes a debt of whoever has it; refunds of ours that the provider was not asked
//! for yet make way.

use sea_orm::{ActiveValue::Set, EntityTrait};

use super::{
    execution::fail_in,
    granting::{self, NewRow},
    retries::again_in,
    rows::lock_in,
};
use crate::{
    app::App,
    domain::{
        accounts,
        actor::Actor,
        payments::{Payment, receipts, rows, target},
    },
    entity::{
        RefundId, UserId,
        payment_event::EventSource,
        refund::{self, Model as Refund, RefundDestination, RefundOrigin, RefundState},
    },
    error::Result,
    platform::db::Transaction,
};

/// Why a refund of ours made way.
const MADE_WAY: &str = "given_back_elsewhere";

/// Money that somebody else took back.
pub(crate) struct Taken<'a> {
    /// Unique within the payment.
    pub(crate) key: String,
    /// The provider's own id of the refund, if it is one.
    pub(crate) reference: Option<&'a str>,
    /// A word for why.
    pub(crate) reason: &'a str,
    /// In minor units of the payment's currency.
    pub(crate) amount: i64,
    /// Who did it.
    pub(crate) origin: RefundOrigin,
}

/// What is held of it.
pub(crate) struct Held {
    /// The refund that is under way; none, where nothing was left of the payment.
    pub(crate) refund: Option<Refund>,
    /// How much goes beyond the payment.
    pub(crate) beyond: i64,
}

/// Holds money that somebody else took back, as a refund that is under way, once for each key. The payment is locked.
pub(crate) async fn take_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    refunds: &[Refund],
    taken: &Taken<'_>,
) -> Result<Held> {
    if refunds.iter().any(|refund| refund.cause_key.as_ref() == Some(&taken.key)) {
        return Ok(Held { refund: None, beyond: 0 });
    }
    let target = target::of(payment.target_kind)?;
    // Before anything of what the payment is for, and of the ledger.
    let mut people: Vec<UserId> = payment.payer_id.into_iter().chain(target.owner_in(tx, payment).await?).collect();
    people.sort_unstable();
    people.dedup();
    accounts::lock_in(tx, &people).await?;
    let made_way = make_way_in(app, tx, payment, refunds, taken.amount).await?;
    let payment = rows::lock_in(tx, payment.id).await?;
    let amount = std::cmp::min(taken.amount, payment.captured - payment.refunded - payment.refunding);
    let refund = if amount > 0 { Some(hold_in(app, tx, &payment, taken, amount).await?) } else { None };
    // What is left of those that made way, and may not stay.
    let payment = rows::lock_in(tx, payment.id).await?;
    for refund in &made_way {
        again_in(app, tx, &payment, refund).await?;
    }
    Ok(Held { refund, beyond: taken.amount - amount })
}

/// Gives up refunds of ours that their provider was not told of, the newest first, until so much of the payment is free. It
/// would refuse them, because it gave more back than would be left.
async fn make_way_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    refunds: &[Refund],
    amount: i64,
) -> Result<Vec<Refund>> {
    let mut left = payment.captured - payment.refunded - payment.refunding;
    let mut made_way = Vec::new();
    for refund in refunds.iter().rev() {
        let waits = refund.state == RefundState::Granted && refund.provider_reference.is_none();
        let Some(hold) = refund.hold_id.filter(|_| waits && left < amount) else { continue };
        let failed = refund::ActiveModel {
            id: Set(refund.id),
            state: Set(RefundState::Failed),
            failure: Set(Some(MADE_WAY.to_owned())),
            check_at: Set(None),
            ended_at: Set(Some(app.clock.now())),
            ..Default::default()
        };
        refund::Entity::update(failed).exec_without_returning(tx).await?;
        fail_in(app, tx, payment, refund, hold).await?;
        let payment = rows::lock_in(tx, payment.id).await?;
        rows::note_in(app, tx, &payment, "refund_failed", EventSource::System, Some(MADE_WAY)).await?;
        left += refund.amount;
        made_way.push(refund.clone());
    }
    Ok(made_way)
}

async fn hold_in(app: &App, tx: &Transaction, payment: &Payment, taken: &Taken<'_>, amount: i64) -> Result<Refund> {
    let id = RefundId(app.ids.next(app.clock.now()));
    let (destination, reason, origin) = (RefundDestination::Source, taken.reason, taken.origin);
    let new = NewRow { id, amount, destination, reason, by: &Actor::System, origin };
    granting::insert_in(app, tx, payment, &new, RefundState::Granted, Some(&taken.key)).await?;
    let named = refund::ActiveModel {
        id: Set(id),
        provider_reference: Set(taken.reference.map(short_reference)),
        ..Default::default()
    };
    refund::Entity::update(named).exec_without_returning(tx).await?;
    let debtor = target::of(payment.target_kind)?.secure_in(app, tx, payment, amount, id).await?;
    granting::hold_in(app, tx, payment, (id, amount), None).await?;
    if let Some(debtor) = debtor {
        receipts::tell_debtor_in(app, tx, payment, debtor).await?;
    }
    app.fail_points.reach("refund.taking").await;
    lock_in(tx, id).await
}

/// A provider's own id, as long as the column takes.
fn short_reference(reference: &str) -> String {
    reference.chars().take(255).collect()
}
