//! What payments hold about a person: to take along, to forget, and for how long.

use super::{cancel, methods};
use crate::{
    app::App,
    domain::export::{
        Kind::{Id, Integer, Text, Time, Word},
        Table,
    },
    entity::UserId,
    error::Result,
    platform::db::Transaction,
};

/// What a person can take along.
pub(super) const EXPORT: &[Table] = &[
    Table {
        file: "payments.json",
        table: "payments",
        owner: "payer_id",
        key: "id",
        columns: &[
            ("id", "id", Id("payment")),
            ("provider", "provider", Text),
            ("targetKind", "target_kind", Text),
            ("currency", "currency", Text),
            ("amountMinor", "amount", Integer),
            ("capturedMinor", "captured", Integer),
            ("refundedMinor", "refunded", Integer),
            ("state", "state", Word),
            ("failure", "failure", Text),
            ("proof", "proof", Text),
            ("createdAt", "created_at", Time),
            ("completedAt", "completed_at", Time),
        ],
    },
    Table {
        file: "refunds.json",
        table: "refunds r JOIN payments p ON p.id = r.payment_id",
        owner: "p.payer_id",
        key: "r.id",
        columns: &[
            ("id", "r.id", Id("refund")),
            ("payment", "r.payment_id", Id("payment")),
            ("currency", "p.currency", Text),
            ("amountMinor", "r.amount", Integer),
            ("destination", "r.destination", Text),
            ("origin", "r.origin", Text),
            ("state", "r.state", Word),
            ("reason", "CASE r.reason WHEN 'goal_cancelled' THEN 'goal_canceled' ELSE r.reason END", Text),
            ("decisionReason", "r.decision_reason", Text),
            ("createdAt", "r.created_at", Time),
            ("endedAt", "r.ended_at", Time),
        ],
    },
    Table {
        file: "disputes.json",
        table: "payment_disputes d JOIN payments p ON p.id = d.payment_id",
        owner: "p.payer_id",
        key: "d.id",
        columns: &[
            ("id", "d.id", Id("dispute")),
            ("payment", "d.payment_id", Id("payment")),
            ("currency", "p.currency", Text),
            ("amountMinor", "d.amount", Integer),
            ("reason", "d.reason", Text),
            ("state", "d.state", Word),
            ("openedAt", "d.opened_at", Time),
            ("endedAt", "d.ended_at", Time),
        ],
    },
    Table {
        file: "payment_providers.json",
        table: "payment_customers",
        owner: "user_id",
        key: "user_id",
        columns: &[("provider", "provider", Text), ("knowsYouAs", "reference", Text)],
    },
    Table {
        file: "payment_methods.json",
        table: "payment_methods",
        owner: "user_id",
        key: "id",
        columns: &[
            ("id", "id", Id("paymentmethod")),
            ("kind", "kind", Text),
            ("provider", "provider", Text),
            ("brand", "brand", Text),
            ("lastFour", "last_four", Text),
            ("createdAt", "created_at", Time),
            ("removedAt", "removed_at", Time),
        ],
    },
];

/// Forgets a person who is about to be deleted. Their payments stay, for the books, without what tells who they were; those
/// that wait for something are called off; providers are told to forget their ways to pay.
pub(super) async fn erase_in(app: &App, tx: &Transaction, user: UserId) -> Result<()> {
    cancel::cancel_all_in(app, tx, user).await?;
    methods::erase_in(app, tx, user).await?;
    for sql in [
        "UPDATE refunds SET reason = '' WHERE cause_key IS NULL \
         AND payment_id IN (SELECT id FROM payments WHERE payer_id = $1)",
        "UPDATE refunds SET requested_by = NULL WHERE requested_by = $1",
        "UPDATE payments SET payer_email = NULL, proof = NULL, provider_answer = NULL WHERE payer_id = $1",
    ] {
        tx.execute(sql, vec![user.0.into()]).await?;
    }
    Ok(())
}

/// Deletes what providers told us, once it is past its time; gives how many. What is told again after that is asked about
/// again, and changes nothing.
pub(super) async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("webhook_events", "received_at", app.clock.now() - app.config.payments.webhook_retention).await
}
