//! Recomputes the whole ledger from its entries, and names what differs. Nothing is tolerated, and nothing is mended.

use std::fmt;

use sea_orm::FromQueryResult;

use super::{
    Rule,
    sql::{self, RULES},
};
use crate::{error::Result, platform::db::Transaction};

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The rule that does not hold.
    pub rule: &'static str,
    /// Where, and how it is instead.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.found)
    }
}

/// Everything that is not as it must be, at most 1,000 for each rule. Run it in a snapshot.
pub async fn verify(tx: &Transaction) -> Result<Vec<Difference>> {
    check(tx, RULES).await
}

/// A line of what breaks a rule.
#[derive(FromQueryResult)]
struct Line {
    found: String,
}

/// The same for the rules of another domain, which look at its tables and at the ledger's.
pub async fn check(tx: &Transaction, rules: &[Rule]) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    for (rule, query) in rules {
        for row in tx.rows(sql::broken(tx, query), Vec::new()).await? {
            let Line { found } = Line::from_query_result(&row, "")?;
            differences.push(Difference { rule, found });
        }
    }
    Ok(differences)
}
