//! What payments hold about a person: to take along, to forget, and for how long.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::{methods, processing::cancel, sql};
use crate::{
    app::App,
    domain::export::{
        Kind::{Id, Integer, Text, Time, Word},
        Table,
    },
    entity::{UserId, payment, refund},
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
        table: sql::REFUNDS_OF_PAYMENTS,
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
            ("reason", sql::REASON_OF_REFUND, Text),
            ("decisionReason", "r.decision_reason", Text),
            ("createdAt", "r.created_at", Time),
            ("endedAt", "r.ended_at", Time),
        ],
    },
    Table {
        file: "disputes.json",
        table: sql::DISPUTES_OF_PAYMENTS,
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
    let paid = payment::Entity::find().select_only().column(payment::Column::Id);
    refund::Entity::update_many()
        .set(refund::ActiveModel { reason: Set(String::new()), ..Default::default() })
        .filter(refund::Column::CauseKey.is_null())
        .filter(refund::Column::PaymentId.in_subquery(paid.filter(payment::Column::PayerId.eq(user)).into_query()))
        .exec(tx)
        .await?;
    refund::Entity::update_many()
        .set(refund::ActiveModel { requested_by: Set(None), ..Default::default() })
        .filter(refund::Column::RequestedBy.eq(user))
        .exec(tx)
        .await?;
    let forgotten = payment::ActiveModel {
        payer_email: Set(None),
        proof: Set(None),
        provider_answer: Set(None),
        ..Default::default()
    };
    payment::Entity::update_many().set(forgotten).filter(payment::Column::PayerId.eq(user)).exec(tx).await?;
    Ok(())
}

/// Deletes what providers told us, once it is past its time; gives how many. What is told again after that is asked about
/// again, and changes nothing.
pub(super) async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("webhook_events", "received_at", app.clock.now() - app.config.payments.webhook_retention).await
}
