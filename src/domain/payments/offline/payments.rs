//! Payments that no provider speaks of: people say what came to the bank, and what couriers collected and brought there.

use sea_orm::{ActiveValue::Set, EntityTrait};
use serde_json::json;

use super::proposals::{self, AWAITED, LONGEST_REFERENCE, Outcome, Said};
use crate::{
    app::App,
    domain::{
        Idempotent,
        actor::{Actor, Client},
        idempotency::{Claim, Fingerprint, claim_for_good_in},
        ledger::{self, AccountRef, NewTransfer, Origin},
        payments::{
            self, Access, Payment,
            payers::is_payer,
            processing::complete,
            queries, rows, rules,
            staff::{self, Act, somebody_else_s_in},
            wrong_state,
        },
    },
    entity::{
        Money, PaymentId, UserId,
        ledger_transfer::TransferKind,
        payment::{self, PaymentState, ProviderKind},
        payment_event::EventSource,
    },
    error::{Result, State, UserError, UserErrorCode},
    platform::{db::Transaction, text},
};

/// Most characters of a payer's note about a bank transfer.
const LONGEST_NOTE: usize = 500;

/// The payer of a bank transfer says how to find it: the bank's reference, a link to a slip. Codes: NOT_FOUND, WRONG_STATE,
/// BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn payment_proof_add(
    app: &App,
    actor: &Actor,
    access: &Access,
    id: PaymentId,
    note: &str,
) -> Result<Payment> {
    let payment = queries::find(app, actor, id, access).await?.filter(|payment| is_payer(actor, payment));
    payment.ok_or_else(payments::not_found)?;
    let note = text::required("note", text::block("note", note, LONGEST_NOTE)?)?;
    app.db
        .transact(async |tx| {
            let payment = rows::lock_in(&tx, id).await?;
            // One that comes late can still be found by it.
            let waits = matches!(payment.state, PaymentState::Pending | PaymentState::Expired);
            if payment.provider != ProviderKind::BankTransfer || !waits {
                return Err(wrong_state(payment.state));
            }
            if payment.proof.as_deref() == Some(note.as_str()) {
                return Ok(());
            }
            let change = payment::ActiveModel {
                id: Set(id),
                proof: Set(Some(note.clone())),
                updated_at: Set(app.clock.now()),
                ..Default::default()
            };
            payment::Entity::update(change).exec_without_returning(&tx).await?;
            rows::note_in(app, &tx, &payment, "proof_added", EventSource::Confirm, None).await
        })
        .await?;
    queries::get(app, id).await
}

/// Money that a bank has.
#[derive(Debug, Clone)]
pub(crate) struct MoneyReceived {
    /// How much; all that is left, if `None`.
    pub amount: Option<Money>,
    /// What the bank calls it.
    pub reference: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: String,
}

impl MoneyReceived {
    fn input(&self, payment: PaymentId) -> Fingerprint {
        let before = self.amount.map_or_else(|| "all".to_owned(), |amount| amount.to_string());
        Fingerprint::v1()
            .field("id", payment)
            .optional("amount", self.amount)
            .field("reference", &self.reference)
            .before_versions(format!("{payment} {before} {}", self.reference))
    }

    fn reference(&self) -> Result<String> {
        let reference = text::line("reference", &self.reference, LONGEST_REFERENCE)?;
        Ok(text::required("reference", reference)?)
    }

    /// How much that is of what is `left`. Codes: CURRENCY_MISMATCH, AMOUNT_TOO_LARGE, WRONG_STATE.
    fn amount_of(&self, payment: &Payment, left: i64) -> Result<i64> {
        let currency = payment.currency;
        match self.amount {
            _ if left == 0 => Err(wrong_state(payment.state)),
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

/// What staff says of money that no provider speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// A transfer is at the bank.
    Confirmed,
    /// The courier has the cash.
    Collected,
    /// The courier brought the cash to the bank.
    Remitted,
}

impl Word {
    /// The mutation by which it is said.
    fn action(self) -> &'static str {
        match self {
            Self::Confirmed => "adminPaymentConfirm",
            Self::Collected => "adminPaymentCollect",
            Self::Remitted => "adminPaymentRemit",
        }
    }

    /// Of which payments.
    fn provider(self) -> ProviderKind {
        match self {
            Self::Confirmed => ProviderKind::BankTransfer,
            Self::Collected | Self::Remitted => ProviderKind::CashOnDelivery,
        }
    }

    /// How much of a payment it was said of, and how much it can be said of yet.
    fn done_and_left(self, payment: &Payment) -> (i64, i64) {
        match self {
            Self::Confirmed => (payment.captured, payment.amount - payment.captured),
            Self::Collected if payment.captured > 0 => (payment.captured, 0),
            Self::Collected => (0, payment.amount),
            Self::Remitted => (payment.remitted, payment.captured - payment.remitted),
        }
    }
}

/// Staff found a bank transfer at the bank: so much of the payment is there, and it is completed by it, though it be less
/// than was to be paid, or late. What comes afterwards is confirmed alike. Above SECOND_PERSON_ABOVE, with what came before,
/// it is only proposed to a second person, who says the same. Needs a recent authentication. Codes: NOT_FOUND, WRONG_STATE,
/// SECOND_PERSON_NEEDED, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn admin_payment_confirm(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    received: MoneyReceived,
) -> Result<Idempotent<Payment>> {
    receive(app, actor, client, id, (Word::Confirmed, received)).await
}

/// The courier brought the cash of a payment to the bank, all or part of it. Two people and a recent authentication as with
/// [`admin_payment_confirm`]. Codes: the same.
pub(crate) async fn admin_payment_remit(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    received: MoneyReceived,
) -> Result<Idempotent<Payment>> {
    receive(app, actor, client, id, (Word::Remitted, received)).await
}

async fn receive(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    (word, received): (Word, MoneyReceived),
) -> Result<Idempotent<Payment>> {
    let user = staff::require_recent_authentication(app, actor).await?;
    let reference = received.reference()?;
    let replayed = app
        .db
        .transact(async |tx| {
            staff::authorise_in(app, &tx, actor).await?;
            let (key, input) = (received.idempotency_key.as_str(), received.input(id));
            if claim_for_good_in(app, &tx, user.0, word.action(), key, &input, id.0).await? != Claim::New {
                return Ok(true);
            }
            let payment = somebody_else_s_in(&tx, user, rows::lock_in(&tx, id).await?).await?;
            if payment.provider != word.provider() {
                return Err(wrong_state(State::PaidOtherwise));
            }
            let amount = received.amount_of(&payment, word.done_and_left(&payment).1)?;
            say_in(app, &tx, (actor, client, user), &payment, (word, amount, &reference)).await?;
            Ok(false)
        })
        .await?;
    Ok(Idempotent { value: queries::get(app, id).await?, replayed })
}

/// The courier has the cash of a payment. Two people and a recent authentication as with [`admin_payment_confirm`]. Codes:
/// NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED.
pub(crate) async fn admin_payment_collect(app: &App, actor: &Actor, client: &Client, id: PaymentId) -> Result<Payment> {
    let word = Word::Collected;
    let user = staff::require_recent_authentication(app, actor).await?;
    app.db
        .transact(async |tx| {
            staff::authorise_in(app, &tx, actor).await?;
            let payment = somebody_else_s_in(&tx, user, rows::lock_in(&tx, id).await?).await?;
            let (_, left) = word.done_and_left(&payment);
            if payment.provider != word.provider() || left == 0 {
                return Err(wrong_state(payment.state));
            }
            say_in(app, &tx, (actor, client, user), &payment, (word, left, "collected")).await
        })
        .await?;
    queries::get(app, id).await
}

/// Records what is said of a locked payment, or proposes it to a second person, and writes the act down.
async fn say_in(
    app: &App,
    tx: &Transaction,
    (actor, client, user): (&Actor, &Client, UserId),
    payment: &Payment,
    (word, amount, reference): (Word, i64, &str),
) -> Result<()> {
    let money = |minor| Money::new(minor, payment.currency);
    let (done, _) = word.done_and_left(payment);
    let said = Said {
        action: word.action(),
        subject: payment.id.0,
        amount: money(amount),
        total: money(done + amount),
        reference,
    };
    let outcome = proposals::agree_in(app, tx, user, said).await?;
    match (outcome, word) {
        (Outcome::Proposed, _) => {
            rows::note_in(app, tx, payment, AWAITED, EventSource::Staff, Some(reference)).await?;
        }
        (Outcome::Agreed(_), Word::Confirmed | Word::Collected) => {
            let mut charge = complete::by_hand(payment, payment.captured + amount);
            charge.answer = json!({ "reference": reference }).to_string();
            complete::complete_in(app, tx, payment.id, EventSource::Staff, &charge).await?;
        }
        (Outcome::Agreed(_), Word::Remitted) => remit_in(app, tx, payment, amount, reference).await?,
    }
    let act = Act { after: Some(said.after(outcome)), ..Act::on_payment(word.action(), payment.id) };
    staff::record_in(app, tx, actor, client, act).await
}

async fn remit_in(app: &App, tx: &Transaction, payment: &Payment, amount: i64, said: &str) -> Result<()> {
    let remitted = payment.remitted + amount;
    rows::add_in(app, tx, payment.id, &[(payment::Column::Remitted, amount)]).await?;
    let (reference, key) = (payments::reference(payment.id), rules::step_key(payment.id, remitted));
    // What somebody has for us is a negative balance: the couriers' goes up, the bank's goes down.
    let new = NewTransfer {
        kind: TransferKind::Settlement,
        from: AccountRef::Clearing(ProviderKind::BankTransfer),
        to: AccountRef::Clearing(ProviderKind::CashOnDelivery),
        amount,
        currency: payment.currency,
        reference: Some(&reference),
        description: said,
        origin: Origin::step(rules::REMITTANCE, &key),
    };
    ledger::post_in(app, tx, new).await?;
    let payment = rows::lock_in(tx, payment.id).await?;
    rows::note_in(app, tx, &payment, "remitted", EventSource::Staff, Some(said)).await
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::entity::Currency;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        let reference = "TRX 1".to_owned();
        let mut received = MoneyReceived { amount: None, reference, idempotency_key: String::new() };
        assert_eq!(
            received.input(PaymentId(Uuid::nil())).texts(),
            (
                "id 34 payment_00000000000000000000000000\n\
                 reference 5 TRX 1\n",
                "payment_00000000000000000000000000 all TRX 1"
            )
        );
        received.amount = Some(amount);
        assert_eq!(
            received.input(PaymentId(Uuid::nil())).texts(),
            (
                "id 34 payment_00000000000000000000000000\n\
                 amount 9 12.50 USD\n\
                 reference 5 TRX 1\n",
                "payment_00000000000000000000000000 12.50 USD TRX 1"
            )
        );
    }
}
