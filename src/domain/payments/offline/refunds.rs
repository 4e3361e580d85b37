//! Refunds that no provider does: people say that they gave the money back, or could not.

use super::proposals::{self, AWAITED, LONGEST_REFERENCE, Outcome, Said};
use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        payments::{
            Payment,
            gateways::gateway,
            refunds::{
                execution,
                requests::MAX_REASON,
                rows::{self as refund_rows, RefundOfPayment},
            },
            rows,
            staff::{self, Act, somebody_else_s_in},
            wrong_state,
        },
    },
    entity::{
        Money, PaymentId, RefundId, UserId,
        payment::ProviderKind,
        payment_event::EventSource,
        refund::{Model as Refund, RefundDestination, RefundState},
    },
    error::{Result, UserError, UserErrorCode},
    platform::{
        db::Transaction,
        providers::payments::{ChargeRefund, RefundProgress},
        text,
    },
};

/// Staff gave the money of a refund back by hand. Two people and a recent authentication as with
/// [`super::payments::admin_payment_confirm`]. Codes: NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED, BLANK, TOO_LONG,
/// INVALID_CHARACTERS.
pub(crate) async fn admin_refund_complete(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: RefundId,
    reference: &str,
) -> Result<RefundOfPayment> {
    let action = "adminRefundComplete";
    let user = staff::require_recent_authentication(app, actor).await?;
    let reference = text::line("reference", reference, LONGEST_REFERENCE)?;
    if reference.is_empty() {
        return Err(UserError::input("reference", UserErrorCode::Blank).into());
    }
    let payment = refund_rows::get(app, id).await?.payment_id;
    app.db
        .transact(async |tx| {
            let (payment, refund) = meet_in(app, &tx, (actor, user), payment, id).await?;
            let money = |minor| Money::new(minor, payment.currency);
            let said = Said {
                action,
                subject: id.0,
                amount: money(refund.amount),
                total: money(payment.refunded + refund.amount),
                reference: &reference,
            };
            let outcome = proposals::agree_in(app, &tx, user, said).await?;
            if outcome == Outcome::Proposed {
                rows::note_in(app, &tx, &payment, AWAITED, EventSource::Staff, Some(&reference)).await?;
            } else {
                let (reference, progress) = (reference.clone(), RefundProgress::Succeeded);
                let answer = ChargeRefund { reference, progress, failure: None };
                execution::answered_in(app, &tx, &refund, &answer).await?;
            }
            let act = Act { after: Some(said.after(outcome)), ..Act::on_refund(action, id, None) };
            staff::record_in(app, &tx, actor, client, act).await
        })
        .await?;
    refund_rows::get_with_currency(app, id).await
}

/// Staff could not give the money of a refund back by hand: it stays where it is. Codes: NOT_FOUND, WRONG_STATE,
/// SECOND_PERSON_NEEDED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn admin_refund_fail(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: RefundId,
    reason: &str,
) -> Result<RefundOfPayment> {
    let user = staff::require(actor)?;
    let reason = text::block("reason", reason, MAX_REASON)?;
    if reason.is_empty() {
        return Err(UserError::input("reason", UserErrorCode::Blank).into());
    }
    let payment = refund_rows::get(app, id).await?.payment_id;
    let failure = Some(reason.clone());
    let answer = ChargeRefund { reference: String::new(), progress: RefundProgress::Failed, failure };
    app.db
        .transact(async |tx| {
            let (_, refund) = meet_in(app, &tx, (actor, user), payment, id).await?;
            proposals::forget_in(&tx, id.0).await?;
            execution::answered_in(app, &tx, &refund, &answer).await?;
            staff::record_in(app, &tx, actor, client, Act::on_refund("adminRefundFail", id, Some(&reason))).await
        })
        .await?;
    refund_rows::get_with_currency(app, id).await
}

/// Looks at the actor's rights anew, and locks a refund of somebody else's that is staff's to end, with its payment: beside
/// what no provider does, what one could not be asked for in time. Codes: SECOND_PERSON_NEEDED, WRONG_STATE.
async fn meet_in(
    app: &App,
    tx: &Transaction,
    (actor, user): (&Actor, UserId),
    payment: PaymentId,
    id: RefundId,
) -> Result<(Payment, Refund)> {
    staff::authorise_in(app, tx, actor).await?;
    let payment = somebody_else_s_in(tx, user, rows::lock_in(tx, payment).await?).await?;
    let refund = refund_rows::lock_in(tx, id).await?;
    let by_hand = refund.destination == RefundDestination::Source
        && payment.provider != ProviderKind::Wallet
        && (gateway(app, &payment).is_none() || execution::is_asked_too_late(app, &refund));
    if !by_hand || !matches!(refund.state, RefundState::Granted | RefundState::Pending) {
        return Err(wrong_state(refund.state));
    }
    Ok((payment, refund))
}
