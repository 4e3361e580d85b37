//! Recomputes the whole ledger from its entries, and names what differs. Nothing is tolerated, and nothing is mended.

use std::fmt;

use crate::{
    error::Result,
    platform::db::{Columns, Transaction},
};

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

/// A rule, and a query that gives a line of text for everything that breaks it; `ID(column)` is an id as text.
pub type Rule = (&'static str, &'static str);

pub(super) const RULES: &[Rule] = &[
    (
        "a posted transfer has two entries that sum to zero, each as large as the transfer",
        "SELECT ID(t.id) || ' ' || COUNT(e.id) || ' entries, sum ' || COALESCE(SUM(e.amount), 0) \
         FROM ledger_transfers t LEFT JOIN ledger_entries e ON e.transfer_id = t.id WHERE t.state = 'posted' \
         GROUP BY t.id, t.amount \
         HAVING COUNT(e.id) <> 2 OR SUM(e.amount) <> 0 OR MAX(e.amount) <> t.amount OR MIN(e.amount) <> -t.amount",
    ),
    (
        "a transfer that is not posted has no entries",
        "SELECT ID(t.id) || ' is ' || t.state FROM ledger_transfers t \
         JOIN ledger_entries e ON e.transfer_id = t.id WHERE t.state <> 'posted'",
    ),
    (
        "an entry has an account, of the transfer's currency",
        "SELECT ID(e.id) || ' of ' || ID(e.account_id) FROM ledger_entries e \
         JOIN ledger_transfers t ON t.id = e.transfer_id LEFT JOIN ledger_accounts a ON a.id = e.account_id \
         WHERE a.id IS NULL OR a.currency <> t.currency",
    ),
    (
        "an account's balance, with what waits to be added, is the sum of its entries",
        "SELECT a.kind || ' ' || a.name || ' ' || ID(a.id) || ' ' || a.currency || ' has ' \
         || (a.balance + COALESCE(d.sum, 0)) || ' instead of ' || COALESCE(e.sum, 0) FROM ledger_accounts a \
         LEFT JOIN (SELECT account_id, SUM(amount) AS sum FROM ledger_deltas GROUP BY account_id) d ON d.account_id = a.id \
         LEFT JOIN (SELECT account_id, SUM(amount) AS sum FROM ledger_entries GROUP BY account_id) e ON e.account_id = a.id \
         WHERE a.balance + COALESCE(d.sum, 0) <> COALESCE(e.sum, 0)",
    ),
    (
        "what waits to be added is an entry's amount",
        "SELECT ID(d.entry_id) || ' has ' || d.amount FROM ledger_deltas d \
         LEFT JOIN ledger_entries e ON e.id = d.entry_id AND e.account_id = d.account_id AND e.amount = d.amount \
         WHERE e.id IS NULL",
    ),
    (
        "what an account holds is the sum of its pending transfers",
        "SELECT a.kind || ' ' || ID(a.id) || ' ' || a.currency || ' holds ' || a.held || ' instead of ' \
         || COALESCE(t.sum, 0) FROM ledger_accounts a LEFT JOIN (SELECT held_account_id, SUM(amount) AS sum \
         FROM ledger_transfers WHERE state = 'pending' GROUP BY held_account_id) t ON t.held_account_id = a.id \
         WHERE a.held <> COALESCE(t.sum, 0)",
    ),
    (
        "no wallet and no escrow is below what it holds",
        "SELECT a.kind || ' ' || ID(a.id) || ' has ' || a.balance || ' and holds ' || a.held \
         FROM ledger_accounts a WHERE a.kind IN ('wallet', 'escrow') AND (a.balance < a.held OR a.held < 0)",
    ),
    (
        "nobody is owed what they owe",
        "SELECT ID(a.id) || ' of ' || ID(a.owner_id) || ' has ' || a.balance || ' and holds ' || a.held \
         FROM ledger_accounts a WHERE a.kind = 'debt' AND (a.balance > 0 OR a.held <> 0)",
    ),
    (
        "nobody owes something and has money that is not spoken for",
        "SELECT ID(d.owner_id) || ' owes ' || -d.balance || ' ' || d.currency || ' and has ' || (w.balance - w.held) \
         FROM ledger_accounts d JOIN ledger_accounts w ON w.owner_id = d.owner_id AND w.kind = 'wallet' AND w.name = '' \
         AND w.currency = d.currency WHERE d.kind = 'debt' AND d.balance < 0 AND w.balance > w.held",
    ),
    (
        "the entries of a wallet and of an escrow are counted without a gap, each with the balance after it",
        "SELECT ID(e.id) || ' is number ' || e.seq || ' with ' || e.balance_after || ' instead of ' || e.place \
         || ' with ' || e.running FROM (SELECT id, seq, balance_after, \
         ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY seq) AS place, \
         SUM(amount) OVER (PARTITION BY account_id ORDER BY seq) AS running \
         FROM ledger_entries WHERE seq IS NOT NULL) e WHERE e.seq <> e.place OR e.balance_after <> e.running",
    ),
    (
        "an account has counted as many entries as it has",
        "SELECT a.kind || ' ' || ID(a.id) || ' counted ' || a.entry_seq || ' of ' || COALESCE(e.count, 0) \
         FROM ledger_accounts a LEFT JOIN (SELECT account_id, COUNT(*) AS count FROM ledger_entries WHERE seq IS NOT NULL \
         GROUP BY account_id) e ON e.account_id = a.id WHERE a.entry_seq <> COALESCE(e.count, 0)",
    ),
    (
        "all money of a currency sums to zero",
        "SELECT t.currency || ' sums to ' || SUM(e.amount) FROM ledger_entries e \
         JOIN ledger_transfers t ON t.id = e.transfer_id GROUP BY t.currency HAVING SUM(e.amount) <> 0",
    ),
];

/// Everything that is not as it must be, at most 1,000 for each rule. Run it in a snapshot.
pub async fn verify(tx: &Transaction) -> Result<Vec<Difference>> {
    check(tx, RULES).await
}

/// The same for the rules of another domain, which look at its tables and at the ledger's.
pub async fn check(tx: &Transaction, rules: &[Rule]) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    for (rule, sql) in rules {
        for row in tx.rows(format!("{} LIMIT 1000", with_ids(tx, sql)), Vec::new()).await? {
            differences.push(Difference { rule, found: Columns::new(&row).take()? });
        }
    }
    Ok(differences)
}

/// Ids are bytes on SQLite, which no cast makes readable.
fn with_ids(tx: &Transaction, sql: &str) -> String {
    let mut parts = sql.split("ID(");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (column, rest) = part.split_once(')').unwrap_or((part, ""));
        text.push_str(&tx.id_as_text(column));
        text.push_str(rest);
    }
    text
}
