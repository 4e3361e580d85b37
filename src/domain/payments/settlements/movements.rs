//! What becomes of our money with a provider beside charges and what went back of them: what it keeps for its work, and what
//! it pays out to our bank. Each is written down once, by the provider's own id of it, so that what we think it holds for us is
//! what it holds. Where a provider does not tell, staff says it.

use std::collections::HashMap;

use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, Iterable, JoinType, QueryFilter, QuerySelect, RelationTrait,
    SelectExt,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        Idempotent,
        actor::{Actor, Client},
        idempotency::{Claim, Fingerprint, claim_for_good_in, debug_name},
        ledger::{self, AccountRef, NewTransfer, Origin, Posted},
        payments::{
            rules,
            staff::{self, Act},
        },
    },
    entity::{
        Currency, Money, TransferId,
        ledger_account::{self, AccountKind},
        ledger_entry,
        ledger_transfer::{self, TransferKind},
        payment::ProviderKind,
    },
    error::{Result, UserError, UserErrorCode},
    platform::{
        db::{Transaction, any_id},
        list::Span,
        providers::payments::{Failure, Movement, MovementKind},
        text,
    },
};

/// The mutation by which staff says what a provider does not tell.
const RECORD: &str = "adminProviderSettlementRecord";
/// Most characters of a provider's own reference.
const LONGEST_REFERENCE: usize = 100;

/// How many are looked up at once.
const BATCH: usize = 500;
/// Of which time a provider is asked, to see whether it tells at all.
const A_MOMENT: TimeDelta = TimeDelta::minutes(1);

/// Writes down what providers kept and paid out in a span, as far as they can tell; gives how many that were that were not
/// known. One that can't be reached is asked again the next time.
pub async fn settle(app: &App, span: Span) -> Result<u64> {
    let from = span.from.unwrap_or(chrono::DateTime::UNIX_EPOCH);
    let until = span.until.unwrap_or_else(|| app.clock.now());
    let mut written = 0;
    for provider in ProviderKind::iter() {
        let Some(gateway) = app.payments.gateway(provider.as_str()) else { continue };
        match gateway.movements(from, until).await {
            Ok(Some(movements)) => {
                for batch in movements.chunks(BATCH) {
                    written += record(app, provider, batch).await?;
                }
            }
            Ok(None) => {}
            Err(Failure::Refused(cause) | Failure::Unavailable(cause)) => {
                tracing::warn!(
                    provider = provider.as_str(),
                    cause,
                    "a provider could not be asked what it kept and paid out"
                );
            }
        }
    }
    Ok(written)
}

fn key(provider: ProviderKind, reference: &str) -> String {
    format!("{}:{reference}", provider.as_str())
}

/// What a movement is in the ledger: why, and what it adds to the provider's account.
const fn entry(kind: MovementKind, amount: i64) -> (TransferKind, i64) {
    match kind {
        MovementKind::Fee => (TransferKind::ProviderFee, amount),
        MovementKind::FeeBack => (TransferKind::ProviderFee, -amount),
        MovementKind::Payout => (TransferKind::Settlement, amount),
        MovementKind::PayoutBack => (TransferKind::Settlement, -amount),
    }
}

/// Writes down those that are not known yet; gives how many that were. One that is known as something else stays, and is for
/// somebody to look into.
pub(super) async fn record(app: &App, provider: ProviderKind, batch: &[Movement]) -> Result<u64> {
    if batch.is_empty() {
        return Ok(0);
    }
    let keys: Vec<String> = batch.iter().map(|movement| key(provider, &movement.reference)).collect();
    let known = booked(app, provider, &keys).await?;
    let mut written = 0;
    for (movement, key) in batch.iter().zip(&keys) {
        let Some(currency) = Currency::parse(&movement.currency).filter(|_| movement.amount > 0) else { continue };
        let (kind, amount) = (movement.kind, Money::new(movement.amount, currency));
        if let Some(before) = known.get(key) {
            let (why, at_provider) = entry(kind, movement.amount);
            if *before != (currency, why, at_provider) {
                let (provider, reference, kind) = (provider.as_str(), &movement.reference, kind.as_str());
                tracing::error!(provider, reference, kind, %amount, "what is booked by a provider's reference is not that");
            }
            continue;
        }
        let posted =
            app.db.transact(async |tx| book_in(app, &tx, (provider, kind), amount, &movement.reference).await).await?;
        written += u64::from(!posted.replayed);
    }
    Ok(written)
}

/// What a transfer did to a provider's account.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "ledger_transfer::Entity")]
struct Booked {
    idempotency_key: String,
    currency: Currency,
    kind: TransferKind,
    #[sea_orm(from_expr = "ledger_entry::Column::Amount")]
    amount: i64,
}

/// What is booked under keys: in which currency, why, and what it added to the provider's account.
async fn booked(
    app: &App,
    provider: ProviderKind,
    keys: &[String],
) -> Result<HashMap<String, (Currency, TransferKind, i64)>> {
    let booked = ledger_transfer::Entity::find()
        .join_rev(JoinType::InnerJoin, ledger_entry::Relation::Transfer.def())
        .join(JoinType::InnerJoin, ledger_entry::Relation::Account.def())
        .filter(ledger_transfer::Column::ActorId.eq(Uuid::nil()))
        .filter(ledger_transfer::Column::Operation.eq(rules::SETTLEMENT))
        .filter(ledger_account::Column::Kind.eq(AccountKind::Clearing))
        .filter(ledger_account::Column::Name.eq(provider.as_str()))
        .filter(any_id(ledger_transfer::Column::IdempotencyKey, keys));
    let booked: Vec<Booked> = app.db.read(booked).await?;
    let what = |booked: Booked| (booked.idempotency_key, (booked.currency, booked.kind, booked.amount));
    Ok(booked.into_iter().map(what).collect())
}

/// Books what a provider kept or paid out, once for each reference.
async fn book_in(
    app: &App,
    tx: &Transaction,
    (provider, kind): (ProviderKind, MovementKind),
    amount: Money,
    reference: &str,
) -> Result<Posted> {
    let (clearing, bank) = (AccountRef::Clearing(provider), AccountRef::Clearing(ProviderKind::BankTransfer));
    // What somebody has for us is a negative balance: so money goes to whom it leaves.
    let (kind, from, to) = match kind {
        MovementKind::Fee => (TransferKind::ProviderFee, AccountRef::ProviderFees, clearing),
        MovementKind::FeeBack => (TransferKind::ProviderFee, clearing, AccountRef::ProviderFees),
        MovementKind::Payout => (TransferKind::Settlement, bank, clearing),
        MovementKind::PayoutBack => (TransferKind::Settlement, clearing, bank),
    };
    let key = key(provider, reference);
    let new = NewTransfer {
        kind,
        from,
        to,
        amount: amount.minor,
        currency: amount.currency,
        reference: Some(reference),
        description: "",
        origin: Origin::step(rules::SETTLEMENT, &key),
    };
    ledger::post_in(app, tx, new).await
}

// ------------------------------------------------------------------------------------------------------- as staff says

/// What a provider kept or paid out, as staff says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderSettlement {
    /// The provider that kept it or paid it out.
    pub provider: ProviderKind,
    /// What it was.
    pub kind: MovementKind,
    /// How much, above zero.
    pub amount: Money,
    /// What the provider calls it.
    pub reference: String,
}

impl ProviderSettlement {
    fn input(&self) -> Fingerprint {
        let before = format!(
            "ProviderSettlement {{ provider: {}, kind: {}, amount: Money {{ minor: {}, currency: {} }}, reference: {:?} }}",
            debug_name(self.provider.as_str()),
            debug_name(self.kind.as_str()),
            self.amount.minor,
            self.amount.currency,
            self.reference,
        );
        Fingerprint::v1()
            .field("provider", self.provider.as_str())
            .field("kind", self.kind.as_str())
            .field("amount", self.amount)
            .field("reference", &self.reference)
            .before_versions(before)
    }
}

/// Books what a provider kept for its work, or paid out to our bank, where it does not tell by itself. The same reference of a
/// provider is booked once, whoever tells it. Needs a recent authentication. Codes: PROVIDER_NOT_AVAILABLE (it is not used here,
/// holds no money for us, or tells by itself), ALREADY_EXISTS (the reference, with something else), BLANK, TOO_LONG,
/// INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn provider_settlement_record(
    app: &App,
    actor: &Actor,
    client: &Client,
    settlement: ProviderSettlement,
    idempotency_key: &str,
) -> Result<Idempotent<ProviderSettlement>> {
    let user = staff::require_recent_authentication(app, actor).await?;
    let reference = text::line("reference", &settlement.reference, LONGEST_REFERENCE)?;
    let settlement = ProviderSettlement { reference: text::required("reference", reference)?, ..settlement };
    let ProviderSettlement { provider, kind, amount, reference } = &settlement;
    check_is_silent(app, *provider).await?;
    let input = settlement.input();
    let id = TransferId(app.ids.next(app.clock.now()));
    let replayed = app
        .db
        .transact(async |tx| {
            staff::authorise_in(app, &tx, actor).await?;
            if claim_for_good_in(app, &tx, user.0, RECORD, idempotency_key, &input, id.0).await? != Claim::New {
                return Ok(true);
            }
            let posted = book_in(app, &tx, (*provider, *kind), *amount, reference).await?;
            if posted.replayed {
                check_same_in(&tx, posted.id, (*provider, *kind), *amount).await?;
                return Ok(true);
            }
            let after = json!({
                "provider": provider.as_str(),
                "kind": kind.as_str(),
                "amount": amount.to_string(),
                "reference": reference,
            });
            let subject = (TransferId::PREFIX, posted.id.0);
            let act = Act { action: RECORD, subject, reason: None, after: Some(after) };
            staff::record_in(app, &tx, actor, client, act).await?;
            Ok(false)
        })
        .await?;
    Ok(Idempotent { value: settlement, replayed })
}

/// Staff says only what a provider that is used here does not tell: else somebody could have the books say what it does not, or
/// book something else under a reference that is still to be told. Code: PROVIDER_NOT_AVAILABLE.
async fn check_is_silent(app: &App, provider: ProviderKind) -> Result<()> {
    let refused = || UserError::input("provider", UserErrorCode::ProviderNotAvailable);
    let gateway = app.payments.gateway(provider.as_str()).ok_or_else(refused)?;
    let now = app.clock.now();
    // PayPal tells, or not, as its account may see.
    match gateway.movements(now - A_MOMENT, now).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(refused().into()),
        Err(failure) => {
            tracing::warn!(provider = provider.as_str(), %failure, "a provider could not be asked what it kept");
            Err(refused().into())
        }
    }
}

/// What is booked under a reference has to be what is said of it. Code: ALREADY_EXISTS.
async fn check_same_in(
    tx: &Transaction,
    id: TransferId,
    (provider, kind): (ProviderKind, MovementKind),
    amount: Money,
) -> Result<()> {
    let (kind, at_provider) = entry(kind, amount.minor);
    let account = AccountRef::Clearing(provider).account(amount.currency);
    let same = ledger_entry::Entity::find()
        .join(JoinType::InnerJoin, ledger_entry::Relation::Transfer.def())
        .filter(ledger_entry::Column::TransferId.eq(id))
        .filter(ledger_entry::Column::AccountId.eq(account))
        .filter(ledger_entry::Column::Amount.eq(at_provider))
        .filter(ledger_transfer::Column::Kind.eq(kind));
    if same.exists(tx).await? {
        Ok(())
    } else {
        Err(UserError::input("reference", UserErrorCode::AlreadyExists).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        let (provider, kind, reference) = (ProviderKind::Paymob, MovementKind::FeeBack, "INV-1".to_owned());
        let settlement = ProviderSettlement { provider, kind, amount, reference };
        assert_eq!(
            settlement.input().texts(),
            (
                "provider 6 paymob\n\
                 kind 8 fee_back\n\
                 amount 9 12.50 USD\n\
                 reference 5 INV-1\n",
                "ProviderSettlement { provider: Paymob, kind: FeeBack, amount: Money { minor: 1250, \
                 currency: USD }, reference: \"INV-1\" }"
            )
        );
    }
}
