//! The books: the ledger, and what every domain has to say about its own money, recomputed at one moment.
//!
//! Owns nothing and mends nothing. It is above every domain that moves money: each hands over its rules.

use chrono::{DateTime, Utc};

use crate::{
    app::App,
    domain::{
        actor::Actor,
        ledger::{self, Difference},
        permissions::Permission,
        registration::DOMAINS,
    },
    entity::{Currency, ledger_account::AccountKind},
    error::Result,
    platform::db::Columns,
};

/// What the books come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// How many transfers there are.
    pub transfers: i64,
    /// Everything that is not as it must be, at most 1,000 for each rule.
    pub differences: Vec<Difference>,
}

/// Recomputes everything at one moment, beside whatever goes on.
pub async fn verify(app: &App) -> Result<Books> {
    app.db
        .snapshot(async |tx| {
            let row = tx.row("SELECT COUNT(*) FROM ledger_transfers", Vec::new()).await?;
            let transfers = row.map(|row| Columns::new(&row).take()).transpose()?.unwrap_or_default();
            let mut differences = Vec::new();
            for domain in DOMAINS {
                differences.extend(ledger::check(&tx, domain.rules).await?);
            }
            Ok(Books { transfers, differences })
        })
        .await
}

/// What the accounts of a kind come to, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialLine {
    /// What they stand for.
    pub kind: AccountKind,
    /// Of the platform's own, which one; of clearing accounts, the provider.
    pub name: String,
    /// In which currency.
    pub currency: Currency,
    /// How many accounts they are.
    pub accounts: i64,
    /// What is owed to their owners; below zero, what they owe, or hold for us.
    pub balance: i64,
}

/// All money there is, as it was at a time, or is now: what the accounts of each kind come to, by currency. The lines of a
/// currency sum to zero.
pub async fn trial_balance(app: &App, actor: &Actor, at: Option<DateTime<Utc>>) -> Result<Vec<TrialLine>> {
    actor.require(Permission::SeeMoney)?;
    let (from, values) = match at {
        None => (
            "(SELECT a.kind, a.name, a.currency, a.id, a.balance + COALESCE(d.sum, 0) AS amount FROM ledger_accounts a \
             LEFT JOIN (SELECT account_id, SUM(amount) AS sum FROM ledger_deltas GROUP BY account_id) d \
             ON d.account_id = a.id) l",
            Vec::new(),
        ),
        Some(at) => (
            "(SELECT a.kind, a.name, a.currency, a.id, e.amount FROM ledger_entries e \
             JOIN ledger_accounts a ON a.id = e.account_id WHERE e.created_at <= $1) l",
            vec![at.into()],
        ),
    };
    let sql = format!(
        "SELECT l.kind, l.name, l.currency, COUNT(DISTINCT l.id), CAST(SUM(l.amount) AS bigint) FROM {from} \
         GROUP BY l.kind, l.name, l.currency ORDER BY l.currency, l.kind, l.name"
    );
    app.db
        .snapshot(async |tx| {
            let read = |row| {
                let mut columns = Columns::new(row);
                Ok(TrialLine {
                    kind: columns.take()?,
                    name: columns.take()?,
                    currency: columns.take()?,
                    accounts: columns.take()?,
                    balance: columns.take()?,
                })
            };
            tx.rows(sql, values).await?.iter().map(read).collect()
        })
        .await
}
