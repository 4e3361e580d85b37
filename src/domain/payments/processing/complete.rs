//! The one function that every answer about a payment goes through.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, EntityTrait};

use super::next_actions::{open_next, seal_next};
use crate::{
    app::App,
    domain::{
        ledger::{self, NewTransfer, Origin},
        payments::{Payment, receipts, reference, refunds::granting, rows, rules, short, target},
    },
    entity::{
        PaymentId,
        payment::{self, PaymentState},
        payment_event::EventSource,
    },
    error::{Error, Result},
    platform::{
        db::Transaction,
        providers::payments::{Charge, ChargeState, NextAction},
    },
};

impl PaymentState {
    /// Whether nothing more is expected of the provider.
    #[must_use]
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Expired)
    }
}

/// Records how a charge stands, and settles what it brought. Again with the same, or with what is older, it changes
/// nothing.
pub async fn complete(app: &App, id: PaymentId, source: EventSource, charge: &Charge) -> Result<Payment> {
    app.fail_points.reach("payment.answered").await;
    let payment = app.db.transact(async |tx| complete_in(app, &tx, id, source, charge).await).await?;
    app.fail_points.reach("payment.recorded").await;
    Ok(payment)
}

/// The same within a transaction.
pub(in crate::domain::payments) async fn complete_in(
    app: &App,
    tx: &Transaction,
    id: PaymentId,
    source: EventSource,
    charge: &Charge,
) -> Result<Payment> {
    let before = rows::lock_in(tx, id).await?;
    if charge.currency != before.currency.as_str() || charge.amount != before.amount || charge.captured > before.amount
    {
        return Err(Error::internal(format!(
            "the provider tells of {} {} ({} captured) for {id}, which is of {} {}",
            charge.amount, charge.currency, charge.captured, before.amount, before.currency
        )));
    }
    let captured = charge.captured.max(before.captured);
    let state = next_state(&before, charge.state, captured, app.clock.now());
    let authorised = match state {
        // Nothing more is promised.
        PaymentState::Cancelled | PaymentState::Expired | PaymentState::Failed => captured,
        _ => charge.authorised.max(before.authorised).max(captured),
    };
    let next = if state == PaymentState::Pending { charge.next.clone() } else { NextAction::None };
    let failure = match state {
        PaymentState::Pending | PaymentState::Failed => charge.failure.as_deref().map(short),
        _ => None,
    };
    let unchanged = state == before.state
        && (captured, authorised) == (before.captured, before.authorised)
        && failure == before.failure
        && before.provider_reference.is_some()
        && next == open_next(app, &before)?;
    if unchanged {
        return Ok(before);
    }
    let now = app.clock.now();
    let sealed = (next != NextAction::None).then(|| seal_next(app, id, &next)).transpose()?;
    let check_at = if state.is_final() { None } else { before.check_at };
    // What a provider says of somebody whose account is gone is no longer kept.
    let is_known = before.payer_id.is_some() || before.payer_email.is_some();
    let answer = is_known.then(|| charge.answer.clone());
    let completed_at = if state == PaymentState::Completed { before.completed_at.or(Some(now)) } else { None };
    let change = payment::ActiveModel {
        id: Set(id),
        state: Set(state),
        authorised: Set(authorised),
        captured: Set(captured),
        failure: Set(failure),
        sealed_next_action: Set(sealed),
        provider_reference: Set(before.provider_reference.clone().or_else(|| Some(charge.reference.clone()))),
        provider_answer: Set(answer),
        check_at: Set(check_at),
        updated_at: Set(now),
        completed_at: Set(completed_at),
        ..Default::default()
    };
    payment::Entity::update(change).exec_without_returning(tx).await?;
    let payment = rows::lock_in(tx, id).await?;
    if captured > before.captured {
        settle_in(app, tx, &payment, captured - before.captured).await?;
    }
    let target = target::of(payment.target_kind)?;
    if state != before.state && state.is_final() && captured == 0 {
        target.dropped_in(app, tx, &payment).await?;
    }
    if state != before.state && state == PaymentState::Completed {
        receipts::paid_in(app, tx, &payment).await?;
    }
    rows::note_in(app, tx, &payment, state.as_str(), source, charge.failure.as_deref()).await?;
    app.fail_points.reach("payment.completing").await;
    rows::lock_in(tx, id).await
}

/// What was captured decides; else the last word of the provider, until there was an end.
fn next_state(before: &Payment, told: ChargeState, captured: i64, now: DateTime<Utc>) -> PaymentState {
    if captured == before.amount || (captured > 0 && told == ChargeState::Completed) {
        return PaymentState::Completed;
    }
    if before.state.is_final() {
        return before.state;
    }
    match told {
        ChargeState::Pending => PaymentState::Pending,
        ChargeState::Processing | ChargeState::Completed => PaymentState::Processing,
        ChargeState::Authorized => PaymentState::Authorized,
        ChargeState::Failed => PaymentState::Failed,
        ChargeState::Cancelled if before.expires_at.is_some_and(|at| at <= now) => PaymentState::Expired,
        ChargeState::Cancelled => PaymentState::Cancelled,
    }
}

async fn settle_in(app: &App, tx: &Transaction, payment: &Payment, amount: i64) -> Result<()> {
    let settlement = target::of(payment.target_kind)?.settle_in(app, tx, payment, amount).await?;
    let (id, key) = (reference(payment.id), rules::step_key(payment.id, payment.captured));
    let new = NewTransfer {
        kind: settlement.kind,
        from: rules::source(payment),
        to: settlement.account_ref,
        amount,
        currency: payment.currency,
        reference: Some(&id),
        description: "",
        origin: Origin::step(rules::CAPTURE, &key),
    };
    ledger::post_in(app, tx, new).await?;
    match settlement.give_back {
        Some(cause) => {
            // Of every part that comes in too late.
            let key = format!("{cause}:{}", payment.captured);
            granting::give_back_in(app, tx, payment, amount, (cause, &key)).await
        }
        None => Ok(()),
    }
}

/// The charge of a payment that no provider speaks of: so much of it is there.
pub(in crate::domain::payments) fn by_hand(payment: &Payment, captured: i64) -> Charge {
    Charge {
        reference: payment.provider_reference.clone().unwrap_or_else(|| payment.id.to_string()),
        state: ChargeState::Completed,
        amount: payment.amount,
        currency: payment.currency.as_str().to_owned(),
        authorised: captured,
        captured,
        refunded: 0,
        fees: Vec::new(),
        is_disputed: Some(false),
        failure: None,
        next: NextAction::None,
        answer: "{}".to_owned(),
    }
}
