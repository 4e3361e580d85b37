//! Disputes that no provider tells of: staff says that a payer takes a payment back through their bank, and what became of it.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::{
    booking,
    rows::{self as dispute_rows, DisputeOfPayment},
};
use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        payments::{
            Payment,
            gateways::gateway,
            rows,
            staff::{self, Act, somebody_else_s_in},
            sums::Sum,
            wrong_state,
        },
    },
    entity::{
        DisputeId, Money, PaymentId,
        payment_dispute::{Column, DisputeState, Entity, Model as Dispute},
        refund::{self, RefundDestination, RefundOrigin, RefundState},
    },
    error::{Error, Result, State, UserError, UserErrorCode},
    platform::{
        db::Transaction,
        providers::payments::{DisputeProgress, Gateway, ToldDispute},
        text,
    },
};

/// The mutation by which staff says what a provider does not tell.
const RECORD: &str = "adminDisputeRecord";
/// Most characters of a provider's own reference, and of why.
const LONGEST: usize = 100;

/// How a dispute stands, as the provider's pages or letters say.
#[derive(Debug, Clone)]
pub(crate) struct DisputeSaid {
    /// How it stands.
    pub state: DisputeState,
    /// How much is disputed.
    pub amount: Money,
    /// What the provider calls it.
    pub reference: String,
    /// Why, in the provider's words.
    pub reason: String,
    /// Until when the provider takes evidence.
    pub respond_by: Option<DateTime<Utc>>,
    /// What the provider keeps for it, once it is decided.
    pub fee: Option<Money>,
}

impl DisputeSaid {
    fn told(self) -> Result<ToldDispute> {
        let reference = text::required("reference", text::line("reference", &self.reference, LONGEST)?)?;
        Ok(ToldDispute {
            reference,
            progress: match self.state {
                DisputeState::Open => DisputeProgress::Open,
                DisputeState::Won => DisputeProgress::Won,
                DisputeState::Lost => DisputeProgress::Lost,
            },
            amount: self.amount.minor,
            reason: text::required("reason", text::line("reason", &self.reason, LONGEST)?)?,
            respond_by: self.respond_by,
            fee: self.fee.map(|fee| (fee.minor, fee.currency.as_str().to_owned())),
            is_given_back: false,
        })
    }
}

/// Writes down how a dispute of a payment stands whose provider tells of none. Again, it changes nothing. Needs a recent
/// authentication. Codes: NOT_FOUND, WRONG_STATE (nothing was taken, the provider tells by itself, or the dispute was decided
/// otherwise), SECOND_PERSON_NEEDED (one's own), CURRENCY_MISMATCH, AMOUNT_TOO_LARGE (together with what is disputed, or went
/// back, already; or the fee is more than the dispute), ALREADY_EXISTS (of another amount), BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn admin_dispute_record(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    said: DisputeSaid,
) -> Result<DisputeOfPayment> {
    let user = staff::require_recent_authentication(app, actor).await?;
    let (state, amount, fee) = (said.state, said.amount, said.fee);
    let told = said.told()?;
    app.db
        .transact(async |tx| {
            staff::authorise_in(app, &tx, actor).await?;
            let payment = somebody_else_s_in(&tx, user, rows::lock_in(&tx, id).await?).await?;
            check(app, &payment, amount, fee)?;
            let before = dispute_rows::find_in(&tx, id, &told.reference).await?;
            match &before {
                Some(before) => check_same(before, state, amount)?,
                None => check_room_in(&tx, &payment, amount).await?,
            }
            booking::stand_in(app, &tx, &payment, &told).await?;
            let missing = || Error::internal("a dispute that was written down is not there");
            let dispute = dispute_rows::find_in(&tx, id, &told.reference).await?.ok_or_else(missing)?;
            if before.is_none_or(|before| before.state != dispute.state) {
                let after = json!({
                    "state": dispute.state.as_str(),
                    "amount": amount.to_string(),
                    "reference": told.reference,
                    "fee": fee.map(|fee| fee.to_string()),
                });
                let subject = (DisputeId::PREFIX, dispute.id.0);
                let act = Act { action: RECORD, subject, reason: Some(&told.reason), after: Some(after) };
                staff::record_in(app, &tx, actor, client, act).await?;
            }
            Ok(DisputeOfPayment { dispute, currency: payment.currency })
        })
        .await
}

/// Whether a payment can be disputed at such a fee, and staff is who says so.
fn check(app: &App, payment: &Payment, amount: Money, fee: Option<Money>) -> Result<()> {
    if payment.captured == 0 {
        return Err(wrong_state(payment.state));
    }
    if gateway(app, payment).is_none_or(Gateway::tells_of_disputes) {
        return Err(wrong_state(State::PaidOtherwise));
    }
    for (field, money) in [("amount", Some(amount)), ("fee", fee)] {
        if money.is_some_and(|money| money.currency != payment.currency) {
            let error = UserError::input(field, UserErrorCode::CurrencyMismatch);
            return Err(error.with("currency", payment.currency).into());
        }
    }
    if fee.is_some_and(|fee| fee.minor > amount.minor) {
        return Err(UserError::input("fee", UserErrorCode::AmountTooLarge).with("max", amount).into());
    }
    Ok(())
}

/// Whether so much of a payment can be disputed beside what is, or was lost, and what its provider gave back: the same dispute
/// under a reference that is typed otherwise would count twice. What went into a wallet can be disputed still.
async fn check_room_in(tx: &Transaction, payment: &Payment, amount: Money) -> Result<()> {
    let disputed = Entity::find().filter(Column::PaymentId.eq(payment.id)).filter(Column::State.ne(DisputeState::Won));
    let given_back = refund::Entity::find()
        .filter(refund::Column::PaymentId.eq(payment.id))
        .filter(refund::Column::State.eq(RefundState::Succeeded))
        .filter(refund::Column::Destination.eq(RefundDestination::Source))
        .filter(refund::Column::Origin.ne(RefundOrigin::Dispute));
    let gone = Sum::of(disputed, Column::Amount).plus(Sum::of(given_back, refund::Column::Amount)).read_in(tx).await?;
    let left = (payment.captured - gone).max(0);
    if amount.minor > left {
        let error = UserError::input("amount", UserErrorCode::AmountTooLarge);
        return Err(error.with("max", Money::new(left, payment.currency)).into());
    }
    Ok(())
}

/// Whether what is said of a dispute that is known goes with what was said before.
fn check_same(before: &Dispute, state: DisputeState, amount: Money) -> Result<()> {
    if before.amount != amount.minor {
        return Err(UserError::input("reference", UserErrorCode::AlreadyExists).into());
    }
    if before.state != DisputeState::Open && before.state != state {
        return Err(wrong_state(before.state));
    }
    Ok(())
}
