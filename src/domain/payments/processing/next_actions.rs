//! What the payer has to do next for a payment to go on: sealed in its row, because it may let others pay.

use crate::{
    app::App, domain::payments::Payment, entity::PaymentId, error::Result, platform::providers::payments::NextAction,
};

/// What the payer has to do for the payment to go on.
pub(crate) fn next_action(app: &App, payment: &Payment) -> Result<NextAction> {
    let next = open_next(app, payment)?;
    // The sandbox's pages are ours, wherever clients reach us.
    let ours = |url: String| if url.starts_with('/') { format!("{}{url}", app.public_url()) } else { url };
    Ok(match next {
        NextAction::Redirect { url } => NextAction::Redirect { url: ours(url) },
        NextAction::ClientSecret { secret, public_key, url } => {
            NextAction::ClientSecret { secret, public_key, url: url.map(ours) }
        }
        other => other,
    })
}

fn purpose(id: PaymentId) -> String {
    format!("next action {id}")
}

pub(super) fn seal_next(app: &App, id: PaymentId, next: &NextAction) -> Result<Vec<u8>> {
    app.keys.seal(&purpose(id), &serde_json::to_vec(next)?)
}

pub(super) fn open_next(app: &App, payment: &Payment) -> Result<NextAction> {
    match &payment.sealed_next_action {
        None => Ok(NextAction::None),
        Some(sealed) => Ok(serde_json::from_slice(&app.keys.open(&purpose(payment.id), sealed)?)?),
    }
}
