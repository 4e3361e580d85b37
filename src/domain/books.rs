//! The books: the ledger, and what every domain has to say about its own money, recomputed at one moment.
//!
//! Owns nothing and mends nothing. It is above every domain that moves money: each gives its rules to [`RULES`].

use crate::{
    app::App,
    domain::{
        ledger::{self, Difference, Rule},
        wallets,
    },
    error::Result,
    platform::db::Columns,
};

/// Every domain's rules beside the ledger's own.
const RULES: &[&[Rule]] = &[wallets::RULES];

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
            let mut differences = ledger::verify(&tx).await?;
            for rules in RULES {
                differences.extend(ledger::check(&tx, rules).await?);
            }
            Ok(Books { transfers, differences })
        })
        .await
}
