//! Who pays: somebody with an account, or a guest, who comes back to a payment by a token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::Payment;
use crate::{
    app::App,
    domain::actor::Actor,
    entity::{PaymentId, UserId},
    platform::{crypto::sha256, text::mailbox},
};

/// Who pays, with an account or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payer {
    /// Somebody who has an account.
    User(UserId),
    /// Somebody without an account, by their e-mail address.
    Guest(String),
}

/// What stands for who pays, where keys are kept.
#[must_use]
pub(crate) fn claimant(payer: &Payer) -> Uuid {
    match payer {
        Payer::User(user) => user.0,
        Payer::Guest(email) => {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&sha256(format!("guest\n{}", mailbox::key(email)).as_bytes())[..16]);
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        }
    }
}

/// By which a guest comes back to a payment.
#[must_use]
pub(crate) fn guest_token(app: &App, id: PaymentId) -> String {
    URL_SAFE_NO_PAD.encode(app.keys.fingerprint("payment guest", &[&id.to_string()]))
}

/// Whether the actor paid it: a guest has shown their token.
pub(super) fn is_payer(actor: &Actor, payment: &Payment) -> bool {
    match payment.payer_id {
        Some(payer) => actor.user_id() == Some(payer),
        None => actor.user_id().is_none(),
    }
}
