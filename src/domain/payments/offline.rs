//! Payments and refunds that no provider speaks of: people say what banks and couriers did.

use serde_json::json;

use super::{
    Access, Payment, complete,
    drive::gateway,
    queries,
    refund_requests::{MAX_REASON, is_payer},
    refund_rows::{self, RefundOfPayment},
    refunds, rows, rules,
    staff::{self, Act, somebody_else_s},
};
use crate::{
    app::App,
    domain::{
        Once,
        actor::{Actor, Client},
        idempotency::{Claim, claim_for_good_in},
        ledger::{self, NewTransfer, Origin, Place},
    },
    entity::{
        Money, PaymentId, RefundId,
        ledger_transfer::TransferKind,
        payment::{PaymentState, ProviderKind},
        payment_event::EventSource,
        refund::{RefundDestination, RefundState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::Transaction,
        payments::{ChargeRefund, RefundProgress},
        text,
    },
};

/// Most characters of a payer's note about a bank transfer.
const LONGEST_NOTE: usize = 500;
/// Most characters of a bank's or courier's own reference.
const LONGEST_REFERENCE: usize = 100;

fn wrong_state(state: &str) -> Error {
    UserError::argument("id", UserErrorCode::WrongState).with("state", state).into()
}

/// The payer of a bank transfer says how to find it: the bank's reference, a link to a slip. Codes: NOT_FOUND, WRONG_STATE,
/// BLANK, TOO_LONG, INVALID_CHARACTERS.
pub async fn payment_proof_add(
    app: &App,
    actor: &Actor,
    access: &Access,
    id: PaymentId,
    note: &str,
) -> Result<Payment> {
    let payment = queries::find(app, actor, id, access).await?.filter(|payment| is_payer(actor, payment));
    payment.ok_or_else(super::not_found)?;
    let note = text::required("note", text::block("note", note, LONGEST_NOTE)?)?;
    app.db
        .transact(async |tx| {
            let payment = rows::lock_in(&tx, id).await?;
            // One that comes late can still be found by it.
            let waits = matches!(payment.state, PaymentState::Pending | PaymentState::Expired);
            if payment.provider != ProviderKind::BankTransfer || !waits {
                return Err(wrong_state(payment.state.as_str()));
            }
            if payment.proof.as_deref() == Some(note.as_str()) {
                return Ok(());
            }
            let sql = "UPDATE payments SET proof = $2, updated_at = $3 WHERE id = $1";
            tx.execute(sql, vec![id.0.into(), note.as_str().into(), app.clock.now().into()]).await?;
            complete::note_in(app, &tx, &payment, "proof_added", EventSource::Confirm, None).await
        })
        .await?;
    queries::get(app, id).await
}

/// Money that a bank has.
#[derive(Debug, Clone)]
pub struct MoneyReceived {
    /// How much; all that is left, if `None`.
    pub amount: Option<Money>,
    /// What the bank calls it.
    pub reference: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: String,
}

impl MoneyReceived {
    fn input(&self, payment: PaymentId) -> String {
        let amount = self.amount.map_or_else(|| "all".to_owned(), |amount| amount.to_string());
        format!("{payment} {amount} {}", self.reference)
    }

    fn reference(&self) -> Result<String> {
        let reference = text::line("reference", &self.reference, LONGEST_REFERENCE)?;
        Ok(text::required("reference", reference)?)
    }

    /// How much that is of what is `left`. Codes: CURRENCY_MISMATCH, AMOUNT_TOO_LARGE, WRONG_STATE.
    fn amount_of(&self, payment: &Payment, left: i64) -> Result<i64> {
        let currency = payment.currency;
        match self.amount {
            _ if left == 0 => Err(wrong_state(payment.state.as_str())),
            None => Ok(left),
            Some(amount) if amount.currency != currency => {
                Err(UserError::input("amount", UserErrorCode::CurrencyMismatch).with("currency", currency).into())
            }
            Some(amount) if amount.minor > left => Err(UserError::input("amount", UserErrorCode::AmountTooLarge)
                .with("max", Money::new(left, currency))
                .into()),
            Some(amount) => Ok(amount.minor),
        }
    }
}

/// Staff found a bank transfer at the bank: so much of the payment is there, and it is completed by it, though it be less
/// than was to be paid, or late. What comes afterwards is confirmed alike. Codes: NOT_FOUND, WRONG_STATE,
/// SECOND_PERSON_NEEDED, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub async fn admin_payment_confirm(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    received: MoneyReceived,
) -> Result<Once<Payment>> {
    let user = staff::require(actor)?;
    let reference = received.reference()?;
    let replayed = app
        .db
        .transact(async |tx| {
            let key = received.idempotency_key.as_str();
            let input = received.input(id);
            let claim = claim_for_good_in(app, &tx, user.0, "adminPaymentConfirm", key, &input, id.0).await?;
            if claim != Claim::New {
                return Ok(true);
            }
            let payment = somebody_else_s(app, user, rows::lock_in(&tx, id).await?).await?;
            if payment.provider != ProviderKind::BankTransfer {
                return Err(wrong_state(payment.provider.as_str()));
            }
            let amount = received.amount_of(&payment, payment.amount - payment.captured)?;
            take_in(app, &tx, &payment, amount, &reference).await?;
            let after = json!({ "amount": Money::new(amount, payment.currency).to_string(), "reference": reference });
            let act = Act { after: Some(after), ..Act::on_payment("adminPaymentConfirm", id) };
            staff::record_in(app, &tx, actor, client, act).await?;
            Ok(false)
        })
        .await?;
    Ok(Once { value: queries::get(app, id).await?, replayed })
}

/// Completes a locked payment by so much more.
async fn take_in(app: &App, tx: &Transaction, payment: &Payment, amount: i64, said: &str) -> Result<Payment> {
    let mut charge = complete::by_hand(payment, payment.captured + amount);
    charge.answer = json!({ "reference": said }).to_string();
    complete::complete_in(app, tx, payment.id, EventSource::Staff, &charge).await
}

/// The courier has the cash of a payment. Codes: NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED.
pub async fn admin_payment_collect(app: &App, actor: &Actor, client: &Client, id: PaymentId) -> Result<Payment> {
    let user = staff::require(actor)?;
    app.db
        .transact(async |tx| {
            let payment = somebody_else_s(app, user, rows::lock_in(&tx, id).await?).await?;
            if payment.provider != ProviderKind::CashOnDelivery || payment.captured > 0 {
                return Err(wrong_state(payment.state.as_str()));
            }
            take_in(app, &tx, &payment, payment.amount, "collected").await?;
            staff::record_in(app, &tx, actor, client, Act::on_payment("adminPaymentCollect", id)).await
        })
        .await?;
    queries::get(app, id).await
}

/// The courier brought the cash of a payment to the bank, all or part of it. Codes: NOT_FOUND, WRONG_STATE,
/// SECOND_PERSON_NEEDED, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub async fn admin_payment_remit(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    received: MoneyReceived,
) -> Result<Once<Payment>> {
    let user = staff::require(actor)?;
    let reference = received.reference()?;
    let replayed = app
        .db
        .transact(async |tx| {
            let key = received.idempotency_key.as_str();
            let input = received.input(id);
            let claim = claim_for_good_in(app, &tx, user.0, "adminPaymentRemit", key, &input, id.0).await?;
            if claim != Claim::New {
                return Ok(true);
            }
            let payment = somebody_else_s(app, user, rows::lock_in(&tx, id).await?).await?;
            if payment.provider != ProviderKind::CashOnDelivery {
                return Err(wrong_state(payment.provider.as_str()));
            }
            let amount = received.amount_of(&payment, payment.captured - payment.remitted)?;
            remit_in(app, &tx, &payment, amount, &reference).await?;
            let after = json!({ "amount": Money::new(amount, payment.currency).to_string(), "reference": reference });
            let act = Act { after: Some(after), ..Act::on_payment("adminPaymentRemit", id) };
            staff::record_in(app, &tx, actor, client, act).await?;
            Ok(false)
        })
        .await?;
    Ok(Once { value: queries::get(app, id).await?, replayed })
}

async fn remit_in(app: &App, tx: &Transaction, payment: &Payment, amount: i64, said: &str) -> Result<()> {
    let remitted = payment.remitted + amount;
    let sql = "UPDATE payments SET remitted = $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, vec![payment.id.0.into(), remitted.into(), app.clock.now().into()]).await?;
    let (reference, key) = (super::reference(payment.id), rules::step_key(payment.id, remitted));
    // What somebody has for us is a negative balance: the couriers' goes up, the bank's goes down.
    let new = NewTransfer {
        kind: TransferKind::Settlement,
        from: Place::Clearing(ProviderKind::BankTransfer),
        to: Place::Clearing(ProviderKind::CashOnDelivery),
        amount,
        currency: payment.currency,
        reference: Some(&reference),
        description: said,
        origin: Origin::step(rules::REMITTANCE, &key),
    };
    ledger::post_in(app, tx, new).await?;
    let payment = rows::lock_in(tx, payment.id).await?;
    complete::note_in(app, tx, &payment, "remitted", EventSource::Staff, Some(said)).await
}

// ---------------------------------------------------------------------------------------------------------- refunds

/// Staff gave the money of a refund back by hand. Codes: NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED, BLANK, TOO_LONG,
/// INVALID_CHARACTERS.
pub async fn admin_refund_complete(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: RefundId,
    reference: &str,
) -> Result<RefundOfPayment> {
    let reference = text::line("reference", reference, LONGEST_REFERENCE)?;
    if reference.is_empty() {
        return Err(UserError::argument("reference", UserErrorCode::Blank).into());
    }
    let answer = ChargeRefund { reference, progress: RefundProgress::Succeeded, failure: None };
    end(app, actor, client, id, ("adminRefundComplete", None), answer).await
}

/// Staff could not give the money of a refund back by hand: it stays where it is. Codes: NOT_FOUND, WRONG_STATE,
/// SECOND_PERSON_NEEDED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub async fn admin_refund_fail(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: RefundId,
    reason: &str,
) -> Result<RefundOfPayment> {
    let reason = text::block("reason", reason, MAX_REASON)?;
    if reason.is_empty() {
        return Err(UserError::argument("reason", UserErrorCode::Blank).into());
    }
    let failure = Some(reason.clone());
    let answer = ChargeRefund { reference: String::new(), progress: RefundProgress::Failed, failure };
    end(app, actor, client, id, ("adminRefundFail", Some(&reason)), answer).await
}

async fn end(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: RefundId,
    (action, reason): (&'static str, Option<&str>),
    answer: ChargeRefund,
) -> Result<RefundOfPayment> {
    let user = staff::require(actor)?;
    let payment = refund_rows::get(app, id).await?.payment_id;
    let currency = app
        .db
        .transact(async |tx| {
            let payment = somebody_else_s(app, user, rows::lock_in(&tx, payment).await?).await?;
            let refund = refund_rows::lock_in(&tx, id).await?;
            // Beside what no provider does: what one could not be asked for in time.
            let by_hand = refund.destination == RefundDestination::Source
                && payment.provider != ProviderKind::Wallet
                && (gateway(app, &payment).is_none() || refunds::is_asked_too_late(app, &refund));
            if !by_hand || !matches!(refund.state, RefundState::Granted | RefundState::Pending) {
                return Err(wrong_state(refund.state.as_str()));
            }
            refunds::answered_in(app, &tx, &refund, &answer).await?;
            staff::record_in(app, &tx, actor, client, Act::on_refund(action, id, reason)).await?;
            Ok(payment.currency)
        })
        .await?;
    Ok(RefundOfPayment { refund: refund_rows::get(app, id).await?, currency })
}
