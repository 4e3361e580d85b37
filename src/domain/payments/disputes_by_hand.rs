//! Disputes that no provider tells of: staff says that a payer takes a payment back through their bank, and what became of it.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    Payment,
    dispute_rows::{self, DisputeOfPayment},
    disputes,
    drive::gateway,
    offline::wrong_state,
    rows,
    staff::{self, Act, somebody_else_s_in},
};
use crate::{
    app::App,
    domain::actor::{Actor, Client},
    entity::{
        DisputeId, Money, PaymentId,
        payment_dispute::{DisputeState, Model as Dispute},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        payments::{DisputeProgress, Gateway, ToldDispute},
        text,
    },
};

/// Most characters of a provider's own reference, and of why.
const LONGEST: usize = 100;

/// How a dispute stands, as the provider's pages or letters say.
#[derive(Debug, Clone)]
pub struct DisputeSaid {
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

/// Writes down how a dispute of a payment stands whose provider tells of none. Again, it changes nothing. Codes: NOT_FOUND,
/// WRONG_STATE (nothing was taken, the provider tells by itself, or the dispute was decided), SECOND_PERSON_NEEDED (one's
/// own), CURRENCY_MISMATCH, AMOUNT_TOO_LARGE, ALREADY_EXISTS (of another amount), BLANK, TOO_LONG, INVALID_CHARACTERS.
pub async fn admin_dispute_record(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    said: DisputeSaid,
) -> Result<DisputeOfPayment> {
    let user = staff::require(actor)?;
    let (state, amount, fee) = (said.state, said.amount, said.fee.map(|fee| fee.to_string()));
    let told = said.told()?;
    app.db
        .transact(async |tx| {
            staff::authorise_in(app, &tx, actor).await?;
            let payment = somebody_else_s_in(&tx, user, rows::lock_in(&tx, id).await?).await?;
            check(app, &payment, amount)?;
            let before = dispute_rows::find_in(&tx, id, &told.reference).await?;
            if let Some(before) = &before {
                check_same(before, state, amount)?;
            }
            disputes::stand_in(app, &tx, &payment, &told).await?;
            let missing = || Error::internal("a dispute that was written down is not there");
            let dispute = dispute_rows::find_in(&tx, id, &told.reference).await?.ok_or_else(missing)?;
            if before.is_none_or(|before| before.state != dispute.state) {
                let after = json!({
                    "state": dispute.state.as_str(),
                    "amount": amount.to_string(),
                    "reference": told.reference,
                    "fee": fee,
                });
                let action = "adminDisputeRecord";
                let subject = (DisputeId::PREFIX, dispute.id.0);
                let act = Act { action, subject, reason: Some(&told.reason), after: Some(after) };
                staff::record_in(app, &tx, actor, client, act).await?;
            }
            Ok(DisputeOfPayment { dispute, currency: payment.currency })
        })
        .await
}

/// Whether so much of a payment can be disputed, and staff is who says so.
fn check(app: &App, payment: &Payment, amount: Money) -> Result<()> {
    if payment.captured == 0 {
        return Err(wrong_state(payment.state.as_str()));
    }
    if gateway(app, payment).is_none_or(Gateway::tells_of_disputes) {
        return Err(wrong_state(payment.provider.as_str()));
    }
    if amount.currency != payment.currency {
        let error = UserError::input("amount", UserErrorCode::CurrencyMismatch);
        return Err(error.with("currency", payment.currency).into());
    }
    if amount.minor > payment.captured {
        let error = UserError::input("amount", UserErrorCode::AmountTooLarge);
        return Err(error.with("max", Money::new(payment.captured, payment.currency)).into());
    }
    Ok(())
}

/// Whether what is said of a dispute that is known goes with what was said before.
fn check_same(before: &Dispute, state: DisputeState, amount: Money) -> Result<()> {
    if before.amount != amount.minor {
        return Err(UserError::input("reference", UserErrorCode::AlreadyExists).into());
    }
    if state == DisputeState::Open && before.state != DisputeState::Open {
        return Err(wrong_state(before.state.as_str()));
    }
    Ok(())
}
