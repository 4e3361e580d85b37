//! What people are told by e-mail: that their money came in, that it went back, that they came to owe some.

use super::{Payment, jobs::SendReceipt, queries, target};
use crate::{
    app::App,
    domain::{
        accounts, jobs, ledger,
        messages::{self, Message, Template},
    },
    entity::{Money, PaymentId, UserId, job, refund},
    error::Result,
    platform::db::Transaction,
};

/// The money is there: a receipt is to be sent. What it says is looked up afterwards, outside of this transaction.
pub(super) async fn paid_in(app: &App, tx: &Transaction, payment: &Payment) -> Result<()> {
    jobs::enqueue_in(app, tx, &SendReceipt { payment: payment.id.0 }).await
}

impl jobs::Job for SendReceipt {
    const KIND: &'static str = "receipt";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        send(app, job, PaymentId(self.payment)).await
    }
}

/// Sends a receipt.
async fn send(app: &App, job: &job::Model, payment: PaymentId) -> Result<()> {
    let payment = queries::get(app, payment).await?;
    let what = target::of(payment.target_kind)?.describe(app, &payment).await?;
    app.db
        .transact(async |tx| {
            let message = Message::email("", "", Template::PaymentReceipt)
                .with("amount", Money::new(payment.captured, payment.currency))
                .with("what", &what)
                .with("reference", payment.id)
                .with("at", payment.completed_at.unwrap_or(payment.updated_at).format("%Y-%m-%d %H:%M UTC"));
            email_in(app, &tx, &payment, message).await?;
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

/// Money went back.
pub(super) async fn refunded_in(app: &App, tx: &Transaction, payment: &Payment, refund: &refund::Model) -> Result<()> {
    let message = Message::email("", "", Template::RefundReceipt)
        .with("amount", Money::new(refund.amount, payment.currency))
        .with("reference", payment.id);
    email_in(app, tx, payment, message).await
}

/// Money that was said to have gone back did not arrive.
pub(super) async fn refund_came_back_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    refund: &refund::Model,
) -> Result<()> {
    let message = Message::email("", "", Template::RefundCameBack)
        .with("amount", Money::new(refund.amount, payment.currency))
        .with("reference", payment.id);
    email_in(app, tx, payment, message).await
}

/// Tells somebody who came to owe something, as far as what they have here has not paid it.
pub(super) async fn tell_debtor_in(app: &App, tx: &Transaction, payment: &Payment, debtor: UserId) -> Result<()> {
    let owed = ledger::owed_in(app, tx, debtor, payment.currency).await?;
    if owed == 0 {
        return Ok(());
    }
    let message = Message::email("", "", Template::DebtArose)
        .with("amount", Money::new(owed, payment.currency))
        .with("reference", payment.id);
    accounts::email_in(app, tx, debtor, message).await
}

async fn email_in(app: &App, tx: &Transaction, payment: &Payment, message: Message) -> Result<()> {
    match (payment.payer_id, &payment.payer_email) {
        (Some(payer), _) => accounts::email_in(app, tx, payer, message).await,
        (None, Some(email)) => {
            // A guest's address is never proven.
            let message = Message { to: email.clone(), locale: payment.payer_locale.clone(), ..message };
            messages::send_in(app, tx, &message).await
        }
        (None, None) => Ok(()),
    }
}
