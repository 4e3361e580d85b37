//! Statements about payments that stay text, each with why.

use sea_orm::{DbErr, EntityTrait, FromQueryResult, IdenStatic, Iterable};
use uuid::Uuid;

use crate::{
    app::App,
    domain::ledger::Rule,
    entity::{Currency, PaymentId, UserId},
    error::Result,
    platform::db::{Transaction, placeholders},
};

/// How many steps, refunds and disputes of a payment are shown, of each.
const LISTED: u64 = 100;

/// The rows of a table that belong to payments, oldest first, of each payment the newest [`LISTED`] by their `time`.
///
/// Text, because the first rows of each group are read by LATERAL, or by what SQLite has instead.
pub(super) async fn newest_of_each<E: EntityTrait>(
    app: &App,
    time: E::Column,
    ids: &[PaymentId],
) -> Result<Vec<E::Model>> {
    let (table, time) = (E::default().table_name(), IdenStatic::as_str(&time));
    let columns = <E::Column as Iterable>::iter().map(|column| format!("r.{}", IdenStatic::as_str(&column)));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let mut values = Vec::new();
    let list = placeholders(&mut values, ids);
    let newest = format!("r.{time} DESC, r.id DESC");
    let from = app.db.first_of_each("payments p", table, "r", "r.payment_id = p.id", &newest, LISTED);
    let sql = format!("SELECT {columns} FROM {from} WHERE p.id IN ({list}) ORDER BY r.{time}, r.id");
    let rows = app.db.rows(sql, values).await?;
    Ok(rows.iter().map(|row| E::Model::from_query_result(row, "")).collect::<Result<_, DbErr>>()?)
}

/// Whose money a refund or a dispute is about: the goal's owner, or who paid it into their wallet; what it is about, and what
/// they owe.
#[derive(FromQueryResult)]
pub(super) struct Whose {
    pub recipient: UserId,
    pub locale: String,
    pub amount: i64,
    pub currency: Currency,
    /// The goal's title.
    pub goal: Option<String>,
    pub contribution: Option<Uuid>,
    pub payment: Uuid,
    /// In minor units.
    pub owed: i64,
}

/// Whose money went back by a refund.
pub(super) async fn whose_refund(tx: &Transaction, refund: Uuid) -> Result<Option<Whose>> {
    whose(tx, "refunds", refund).await
}

/// Whose money a dispute is about.
pub(super) async fn whose_dispute(tx: &Transaction, dispute: Uuid) -> Result<Option<Whose>> {
    whose(tx, "payment_disputes", dispute).await
}

/// Text, because somebody is joined by the payment or by its goal, whichever there is.
async fn whose(tx: &Transaction, table: &str, id: Uuid) -> Result<Option<Whose>> {
    let sql = format!(
        "SELECT r.id AS recipient, r.locale, f.amount, p.currency, g.title AS goal, c.id AS contribution, p.id AS payment, \
         COALESCE((SELECT -d.balance FROM ledger_accounts d WHERE d.owner_id = r.id AND d.kind = 'debt' AND d.name = '' \
         AND d.currency = p.currency), 0) AS owed FROM {table} f JOIN payments p ON p.id = f.payment_id \
         LEFT JOIN goal_contributions c ON c.payment_id = p.id LEFT JOIN goals g ON g.id = c.goal_id \
         JOIN users r ON r.id = CASE WHEN c.id IS NULL THEN p.payer_id ELSE g.owner_id END WHERE f.id = $1"
    );
    let row = tx.row(sql, vec![id.into()]).await?;
    Ok(row.map(|row| Whose::from_query_result(&row, "")).transpose()?)
}

/// Refunds `r`, each with its payment `p`.
///
/// Text, because the tables of an export are: it is part of one statement for all of them.
pub(super) const REFUNDS_OF_PAYMENTS: &str = "refunds r JOIN payments p ON p.id = r.payment_id";

/// Disputes `d`, each with its payment `p`.
///
/// Text, because the tables of an export are.
pub(super) const DISPUTES_OF_PAYMENTS: &str = "payment_disputes d JOIN payments p ON p.id = d.payment_id";

/// Why there was a refund `r`, as it is spelled for people.
///
/// Text, because the columns of an export are.
pub(super) const REASON_OF_REFUND: &str = "CASE r.reason WHEN 'goal_cancelled' THEN 'goal_canceled' ELSE r.reason END";

/// What must hold, for `ledger::check` in a snapshot: each gives a line for whatever breaks it.
///
/// Text, because each is run as it stands, with a line for people made of several tables' columns; only checks of the books ask
/// them.
pub(crate) const RULES: &[Rule] = &[
    (
        "what was taken of a payment is what the ledger posted for it, in its currency",
        "SELECT 'payment ' || ID(p.id) || ' took ' || p.captured || ' ' || p.currency || ', the ledger ' \
         || COALESCE(t.sum, 0) FROM payments p LEFT JOIN (SELECT substr(idempotency_key, 1, 32) AS payment, currency, \
         SUM(amount) AS sum FROM ledger_transfers WHERE operation = 'payment' AND state = 'posted' \
         GROUP BY substr(idempotency_key, 1, 32), currency) t \
         ON t.payment = replace(ID(p.id), '-', '') AND t.currency = p.currency WHERE p.captured <> COALESCE(t.sum, 0)",
    ),
    (
        "what the ledger posted for a payment belongs to one of the same currency",
        "SELECT 'transfer ' || ID(t.id) || ' of ' || t.amount || ' ' || t.currency || ' for ' || t.idempotency_key \
         FROM ledger_transfers t LEFT JOIN payments p \
         ON replace(ID(p.id), '-', '') = substr(t.idempotency_key, 1, 32) AND p.currency = t.currency \
         WHERE t.operation IN ('payment', 'remittance', 'refund_beyond') AND p.id IS NULL",
    ),
    (
        "what was taken of a payment came from its provider, or from a wallet",
        "SELECT 'payment ' || ID(p.id) || ' of ' || p.provider || ' came from ' || a.kind || ' ' || a.name \
         FROM ledger_transfers t JOIN payments p ON replace(ID(p.id), '-', '') = substr(t.idempotency_key, 1, 32) \
         JOIN ledger_entries e ON e.transfer_id = t.id AND e.amount < 0 JOIN ledger_accounts a ON a.id = e.account_id \
         WHERE t.operation = 'payment' AND NOT (p.provider = 'wallet' AND a.kind = 'wallet' \
         OR p.provider <> 'wallet' AND a.kind = 'clearing' AND a.name = p.provider)",
    ),
    (
        "what was brought to the bank of a payment is what the ledger posted for it",
        "SELECT 'payment ' || ID(p.id) || ' remitted ' || p.remitted || ', the ledger ' || COALESCE(t.sum, 0) \
         FROM payments p LEFT JOIN (SELECT substr(idempotency_key, 1, 32) AS payment, currency, SUM(amount) AS sum \
         FROM ledger_transfers WHERE operation = 'remittance' AND state = 'posted' \
         GROUP BY substr(idempotency_key, 1, 32), currency) t \
         ON t.payment = replace(ID(p.id), '-', '') AND t.currency = p.currency WHERE p.remitted <> COALESCE(t.sum, 0)",
    ),
    (
        "what a payment gave back, and is giving back, is the sum of its refunds",
        "SELECT 'payment ' || ID(p.id) || ' gave back ' || p.refunded || ' and gives ' || p.refunding || ', its refunds ' \
         || COALESCE(r.done, 0) || ' and ' || COALESCE(r.open, 0) FROM payments p LEFT JOIN (SELECT payment_id, \
         SUM(CASE WHEN state = 'succeeded' THEN amount ELSE 0 END) AS done, \
         SUM(CASE WHEN state IN ('granted', 'pending') THEN amount ELSE 0 END) AS open \
         FROM refunds GROUP BY payment_id) r ON r.payment_id = p.id \
         WHERE p.refunded <> COALESCE(r.done, 0) OR p.refunding <> COALESCE(r.open, 0)",
    ),
    (
        "a refund holds its money while it is open, has moved it when it succeeded, and let it go, or taken it back, when it \
         failed",
        "SELECT 'refund ' || ID(r.id) || ' is ' || r.state || ', its transfer ' || COALESCE(t.state, 'not there') \
         FROM refunds r JOIN payments p ON p.id = r.payment_id LEFT JOIN ledger_transfers t ON t.id = r.hold_id \
         AND t.amount = r.amount AND t.currency = p.currency AND t.operation = 'refund' \
         LEFT JOIN ledger_transfers b ON b.operation = 'refund_back' AND b.idempotency_key = replace(ID(r.id), '-', '') \
         AND b.amount = r.amount AND b.currency = p.currency AND b.state = 'posted' \
         WHERE NOT CASE r.state WHEN 'granted' THEN COALESCE(t.state, '') = 'pending' \
         WHEN 'pending' THEN COALESCE(t.state, '') = 'pending' \
         WHEN 'failed' THEN COALESCE(t.state, '') = CASE WHEN b.id IS NULL THEN 'voided' ELSE 'posted' END \
         WHEN 'succeeded' THEN COALESCE(t.state, '') = 'posted' OR (COALESCE(t.state, '') = 'voided' \
         AND r.destination = 'wallet' AND p.target_kind = 'wallet_deposit') ELSE r.hold_id IS NULL END",
    ),
    (
        "what a dispute is about is held while it is open, has gone back when it was lost, and stays when it was won",
        "SELECT 'dispute ' || ID(d.id) || ' is ' || d.state || ', its refund ' || COALESCE(r.state, 'not there') \
         FROM payment_disputes d LEFT JOIN refunds r ON r.id = d.refund_id AND r.payment_id = d.payment_id \
         AND r.origin = 'dispute' AND r.amount <= d.amount WHERE d.refund_id IS NOT NULL AND (r.id IS NULL \
         OR r.state <> CASE d.state WHEN 'open' THEN 'pending' WHEN 'won' THEN 'failed' ELSE 'succeeded' END) \
         AND NOT (d.state = 'lost' AND r.state = 'failed' AND r.failure = 'given_back_by_provider')",
    ),
    (
        "a refund by a dispute that is not let go belongs to one",
        "SELECT 'refund ' || ID(r.id) || ' is ' || r.state FROM refunds r LEFT JOIN payment_disputes d ON d.refund_id = r.id \
         WHERE r.origin = 'dispute' AND r.state <> 'failed' AND d.id IS NULL",
    ),
    (
        "money that is held for a refund belongs to one",
        "SELECT 'transfer ' || ID(t.id) || ' holds ' || t.amount || ' ' || t.currency || ' for ' || t.idempotency_key \
         FROM ledger_transfers t LEFT JOIN refunds r ON r.hold_id = t.id WHERE t.operation = 'refund' AND r.id IS NULL",
    ),
    (
        "a transfer that takes a refund back belongs to one that failed",
        "SELECT 'transfer ' || ID(t.id) || ' takes ' || t.amount || ' ' || t.currency || ' back for ' || t.idempotency_key \
         FROM ledger_transfers t LEFT JOIN refunds r ON replace(ID(r.id), '-', '') = t.idempotency_key \
         AND r.state = 'failed' AND r.amount = t.amount WHERE t.operation = 'refund_back' AND r.id IS NULL",
    ),
    (
        "a payment that is completed took something, and what took all of it is completed",
        "SELECT 'payment ' || ID(p.id) || ' is ' || p.state || ' and took ' || p.captured || ' of ' || p.amount \
         FROM payments p WHERE (p.state = 'completed') <> (p.captured > 0) AND (p.state = 'completed' OR p.captured = p.amount)",
    ),
];
