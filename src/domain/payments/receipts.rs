//! What payers are told by e-mail: that their money came in, that it went back.

use super::Payment;
use crate::{
    app::App,
    domain::{
        accounts,
        messages::{self, Message, Template},
    },
    entity::{Money, refund},
    error::Result,
    platform::db::Transaction,
};

/// The money is there: a receipt.
pub(super) async fn paid_in(app: &App, tx: &Transaction, payment: &Payment, what: &str) -> Result<()> {
    let message = Message::email("", "", Template::PaymentReceipt)
        .with("amount", Money::new(payment.captured, payment.currency))
        .with("what", what)
        .with("reference", payment.id)
        .with("at", app.clock.now().format("%Y-%m-%d %H:%M UTC"));
    tell_in(app, tx, payment, message).await
}

/// Money went back.
pub(super) async fn refunded_in(app: &App, tx: &Transaction, payment: &Payment, refund: &refund::Model) -> Result<()> {
    let message = Message::email("", "", Template::RefundReceipt)
        .with("amount", Money::new(refund.amount, payment.currency))
        .with("reference", payment.id);
    tell_in(app, tx, payment, message).await
}

async fn tell_in(app: &App, tx: &Transaction, payment: &Payment, message: Message) -> Result<()> {
    match (payment.payer_id, &payment.payer_email) {
        (Some(payer), _) => accounts::tell_in(app, tx, payer, message).await,
        (None, Some(email)) => {
            let message = Message { to: email.clone(), locale: payment.payer_locale.clone(), ..message };
            messages::send_in(app, tx, &message).await
        }
        (None, None) => Ok(()),
    }
}
