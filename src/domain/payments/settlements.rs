//! What becomes of our money with a provider beside charges and what went back of them: what it keeps for its work, and what
//! it pays out to our bank. Each is written down once, by the provider's own id of it, so that what we think it holds for us is
//! what it holds.

use sea_orm::Iterable;

use super::rules;
use crate::{
    app::App,
    domain::ledger::{self, NewTransfer, Origin, Place},
    entity::{Currency, ledger_transfer::TransferKind, payment::ProviderKind},
    error::Result,
    platform::{
        db::{Columns, placeholders},
        list::Span,
        payments::{Failure, Movement, MovementKind},
    },
};

/// How many are looked up at once.
const BATCH: usize = 500;

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

fn key(provider: ProviderKind, movement: &Movement) -> String {
    format!("{}:{}", provider.as_str(), movement.reference)
}

/// Writes down those that are not known yet.
async fn record(app: &App, provider: ProviderKind, batch: &[Movement]) -> Result<u64> {
    let keys: Vec<String> = batch.iter().map(|movement| key(provider, movement)).collect();
    let mut values = vec![uuid::Uuid::nil().into(), rules::SETTLEMENT.into()];
    let list = placeholders(&mut values, &keys);
    let sql = format!(
        "SELECT idempotency_key FROM ledger_transfers WHERE actor_id = $1 AND operation = $2 AND idempotency_key IN ({list})"
    );
    let known = app.db.rows(sql, values).await?;
    let known = known.iter().map(|row| Columns::new(row).take::<String>()).collect::<Result<Vec<_>>>()?;
    let mut written = 0;
    for (movement, key) in batch.iter().zip(&keys).filter(|(_, key)| !known.contains(key)) {
        let Some(currency) = Currency::parse(&movement.currency).filter(|_| movement.amount > 0) else { continue };
        let (clearing, bank) = (Place::Clearing(provider), Place::Clearing(ProviderKind::BankTransfer));
        // What somebody has for us is a negative balance: so money goes to whom it leaves.
        let (kind, from, to) = match movement.kind {
            MovementKind::Fee => (TransferKind::ProviderFee, Place::ProviderFees, clearing),
            MovementKind::FeeBack => (TransferKind::ProviderFee, clearing, Place::ProviderFees),
            MovementKind::Payout => (TransferKind::Settlement, bank, clearing),
            MovementKind::PayoutBack => (TransferKind::Settlement, clearing, bank),
        };
        let new = NewTransfer {
            kind,
            from,
            to,
            amount: movement.amount,
            currency,
            reference: Some(&movement.reference),
            description: "",
            origin: Origin::step(rules::SETTLEMENT, key),
        };
        app.db.transact(async |tx| ledger::post_in(app, &tx, new).await.map(drop)).await?;
        written += 1;
    }
    Ok(written)
}
