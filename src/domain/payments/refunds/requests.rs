//! Refunds as people ask for them, grant them and refuse them. What follows is done by [`super::execution`].

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, SelectExt};

use super::{
    granting::{NewRow, insert_in, reserve_in},
    rows::{get, lock_in},
};
use crate::{
    app::App,
    domain::{
        Idempotent,
        actor::{Actor, Client},
        idempotency::{Claim, Fingerprint, claim_for_good_in},
        notifications::notify_in,
        payments::{
            self, Access, Payment,
            notices::{RefundDecided, RefundRequested},
            payers::{Payer, claimant, is_payer},
            queries, rows,
            staff::{self, Act, somebody_else_s_in},
            target,
        },
        permissions::Permission,
    },
    entity::{
        Money, PaymentId, RefundId,
        payment::TargetKind,
        payment_event::EventSource,
        refund::{ActiveModel, Column, Entity, Model as Refund, RefundDestination, RefundOrigin, RefundState},
    },
    error::{Result, State, UserError, UserErrorCode},
    platform::text,
};

/// Most characters of a reason.
pub(crate) const MAX_REASON: usize = 500;

/// A refund that somebody wants.
#[derive(Debug, Clone)]
pub(crate) struct RefundAsk {
    /// How much; all that is left, if `None`.
    pub amount: Option<Money>,
    /// Where it is to go.
    pub destination: RefundDestination,
    /// Why; at most [`MAX_REASON`] characters.
    pub reason: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: String,
}

impl RefundAsk {
    fn input(&self, payment: PaymentId) -> Fingerprint {
        let (destination, reason) = (self.destination.as_str(), self.reason.as_str());
        let before = self.amount.map_or_else(|| "all".to_owned(), |amount| amount.to_string());
        Fingerprint::v1()
            .field("id", payment)
            .optional("amount", self.amount)
            .field("destination", destination)
            .field("reason", reason)
            .before_versions(format!("{payment} {before} {destination} {reason}"))
    }

    /// How much that is of a payment. Codes: CURRENCY_MISMATCH, AMOUNT_TOO_LARGE, WRONG_STATE.
    fn amount_of(&self, payment: &Payment) -> Result<i64> {
        let left = payment.captured - payment.refunded - payment.refunding;
        let currency = payment.currency;
        match self.amount {
            Some(amount) if amount.currency != currency => {
                Err(UserError::input("amount", UserErrorCode::CurrencyMismatch).with("currency", currency).into())
            }
            Some(amount) if amount.minor > left => Err(UserError::input("amount", UserErrorCode::AmountTooLarge)
                .with("max", Money::new(left, currency))
                .into()),
            Some(amount) => Ok(amount.minor),
            None if left == 0 => {
                let state = if payment.captured > 0 { State::GivenBack } else { payment.state.into() };
                Err(UserError::input("id", UserErrorCode::WrongState).with("state", state).into())
            }
            None => Ok(left),
        }
    }
}

/// The payer asks for their money back. Codes: NOT_FOUND, WRONG_STATE, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH,
/// ALREADY_EXISTS, TOO_LONG, INVALID_CHARACTERS, PROVIDER_NOT_AVAILABLE, IDEMPOTENCY_KEY_REUSED, BLANK.
pub(crate) async fn refund_request(
    app: &App,
    actor: &Actor,
    access: &Access,
    id: PaymentId,
    ask: RefundAsk,
) -> Result<Idempotent<Refund>> {
    let payment = queries::find(app, actor, id, access).await?.filter(|payment| is_payer(actor, payment));
    let payment = payment.ok_or_else(payments::not_found)?;
    let payer = match (payment.payer_id, &payment.payer_email) {
        (Some(user), _) => Payer::User(user),
        (None, Some(email)) => Payer::Guest(email.clone()),
        (None, None) => return Err(payments::not_found()),
    };
    let reason = text::required("reason", text::block("reason", &ask.reason, MAX_REASON)?)?;
    let refund = RefundId(app.ids.next(app.clock.now()));
    let outcome = app
        .db
        .transact(async |tx| {
            let (key, input) = (ask.idempotency_key.as_str(), ask.input(id));
            let claim =
                claim_for_good_in(app, &tx, claimant(&payer), "paymentRefundRequest", key, &input, refund.0).await?;
            if let Claim::Replay(id) = claim {
                return Ok(Idempotent { value: RefundId(id), replayed: true });
            }
            let payment = rows::lock_in(&tx, id).await?;
            let amount = ask.amount_of(&payment)?;
            destination(&payment, ask.destination)?;
            let open = Entity::find().filter(Column::PaymentId.eq(id)).filter(Column::State.eq(RefundState::Requested));
            if open.exists(&tx).await? {
                return Err(UserError::input("id", UserErrorCode::AlreadyExists).into());
            }
            let origin = RefundOrigin::Platform;
            let new = NewRow { id: refund, amount, destination: ask.destination, reason: &reason, by: actor, origin };
            insert_in(app, &tx, &payment, &new, RefundState::Requested, None).await?;
            notify_in(app, &tx, &RefundRequested { refund: refund.0 }).await?;
            rows::note_in(app, &tx, &payment, "refund_requested", EventSource::System, None).await?;
            Ok(Idempotent { value: refund, replayed: false })
        })
        .await?;
    Ok(Idempotent { value: get(app, outcome.value).await?, replayed: outcome.replayed })
}

/// Whether a refund can go there: a guest has no wallet, and what was paid into one lies there. Code: PROVIDER_NOT_AVAILABLE.
fn destination(payment: &Payment, destination: RefundDestination) -> Result<()> {
    if is_possible(payment, destination) {
        return Ok(());
    }
    Err(UserError::input("destination", UserErrorCode::ProviderNotAvailable).into())
}

fn is_possible(payment: &Payment, destination: RefundDestination) -> bool {
    destination == RefundDestination::Source
        || (payment.payer_id.is_some() && payment.target_kind != TargetKind::WalletDeposit)
}

/// Staff, or whom the money was for, grants or refuses what was asked for. Codes: NOT_FOUND, WRONG_STATE,
/// INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn refund_decide(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: RefundId,
    granted: bool,
    reason: Option<&str>,
) -> Result<Refund> {
    let user = actor.require_user()?.id;
    let found = get(app, id).await?;
    let payment = queries::get(app, found.payment_id).await?;
    app.db
        .transact(async |tx| {
            let owner = target::of(payment.target_kind)?.owner_in(&tx, &payment).await?;
            let is_owner = owner == Some(user);
            // Nobody grants themselves money that others watch over.
            if !is_owner && (!actor.may(Permission::ManageMoney) || payment.payer_id == Some(user)) {
                return Err(payments::not_found());
            }
            let reason = reason.map(|reason| text::block("reason", reason, MAX_REASON)).transpose()?;
            if !is_owner {
                staff::authorise_in(app, &tx, actor).await?;
            }
            let payment = rows::lock_in(&tx, payment.id).await?;
            let refund = lock_in(&tx, id).await?;
            if granted && !is_possible(&payment, refund.destination) {
                return Err(UserError::input("id", UserErrorCode::WrongState).with("state", State::NotPossible).into());
            }
            if refund.state != RefundState::Requested {
                let state = State::from(refund.state);
                return Err(UserError::input("id", UserErrorCode::WrongState).with("state", state).into());
            }
            let decided = ActiveModel {
                id: Set(id),
                decided_by: Set(Some(user)),
                decided_at: Set(Some(app.clock.now())),
                decision_reason: Set(reason.clone()),
                state: Set(if granted { RefundState::Granted } else { RefundState::Refused }),
                ..Default::default()
            };
            Entity::update(decided).exec_without_returning(&tx).await?;
            notify_in(app, &tx, &RefundDecided { refund: id.0 }).await?;
            if granted {
                reserve_in(app, &tx, &payment, (id, refund.amount), None).await?;
            } else {
                rows::note_in(app, &tx, &payment, "refund_refused", EventSource::Staff, None).await?;
            }
            let action = if granted { "paymentRefundGrant" } else { "paymentRefundRefuse" };
            staff::record_in(app, &tx, actor, client, Act::on_refund(action, id, reason.as_deref())).await
        })
        .await?;
    get(app, id).await
}

/// Staff gives money back, all or part of it. Codes: NOT_FOUND, WRONG_STATE, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH,
/// INSUFFICIENT_FUNDS, PROVIDER_NOT_AVAILABLE, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn payment_refund(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    ask: RefundAsk,
) -> Result<Idempotent<Refund>> {
    let user = staff::require(actor)?;
    let reason = text::required("reason", text::block("reason", &ask.reason, MAX_REASON)?)?;
    let refund = RefundId(app.ids.next(app.clock.now()));
    let outcome = app
        .db
        .transact(async |tx| {
            staff::authorise_in(app, &tx, actor).await?;
            let (key, input) = (ask.idempotency_key.as_str(), ask.input(id));
            if let Claim::Replay(id) =
                claim_for_good_in(app, &tx, user.0, "paymentRefund", key, &input, refund.0).await?
            {
                return Ok(Idempotent { value: RefundId(id), replayed: true });
            }
            let payment = somebody_else_s_in(&tx, user, rows::lock_in(&tx, id).await?).await?;
            let amount = ask.amount_of(&payment)?;
            destination(&payment, ask.destination)?;
            let origin = RefundOrigin::Platform;
            let new = NewRow { id: refund, amount, destination: ask.destination, reason: &reason, by: actor, origin };
            insert_in(app, &tx, &payment, &new, RefundState::Granted, None).await?;
            reserve_in(app, &tx, &payment, (refund, amount), None).await?;
            staff::record_in(app, &tx, actor, client, Act::on_refund("paymentRefund", refund, Some(&reason))).await?;
            Ok(Idempotent { value: refund, replayed: false })
        })
        .await?;
    Ok(Idempotent { value: get(app, outcome.value).await?, replayed: outcome.replayed })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::entity::Currency;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        let (destination, reason) = (RefundDestination::Source, "broken".to_owned());
        let mut ask = RefundAsk { amount: None, destination, reason, idempotency_key: String::new() };
        assert_eq!(
            ask.input(PaymentId(Uuid::nil())).texts(),
            (
                "id 34 payment_00000000000000000000000000\n\
                 destination 6 source\n\
                 reason 6 broken\n",
                "payment_00000000000000000000000000 all source broken"
            )
        );
        ask.amount = Some(amount);
        assert_eq!(
            ask.input(PaymentId(Uuid::nil())).texts(),
            (
                "id 34 payment_00000000000000000000000000\n\
                 amount 9 12.50 USD\n\
                 destination 6 source\n\
                 reason 6 broken\n",
                "payment_00000000000000000000000000 12.50 USD source broken"
            )
        );
    }
}
