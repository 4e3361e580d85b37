//! The wallets' statements that are SQL text, each with the reason why.

use std::collections::BTreeSet;

use sea_orm::Value;

use crate::{
    domain::ledger::Rule,
    entity::{Currency, UserId, ledger_transfer::TransferKind},
    error::Result,
    platform::{
        db::{Database, placeholders},
        list::{BOUND, Span, counted_as_far},
        page::{Page, Total},
    },
};

/// Transactions of a wallet that are wanted.
///
/// Text, because the builder has no "first rows of each" that both databases know: of each account only a page is looked at.
pub(super) struct Wanted {
    values: Vec<Value>,
    /// Of which accounts.
    accounts: String,
    /// What holds for their entries.
    entries: Vec<String>,
}

impl Wanted {
    /// Those of an owner that are in one of these currencies, and of one of these kinds; where there is a list, it names
    /// something. BAD_REQUEST for times that nothing has.
    pub(crate) fn of(
        owner: UserId,
        currencies: Option<&[Currency]>,
        kinds: Option<&[TransferKind]>,
        during: Span,
    ) -> Result<Self> {
        let during = during.checked()?;
        let mut values: Vec<Value> = vec![owner.0.into()];
        let mut accounts = "a.owner_id = $1 AND a.kind = 'wallet'".to_owned();
        if let Some(currencies) = currencies {
            let currencies: BTreeSet<&str> = currencies.iter().map(|currency| currency.as_str()).collect();
            let currencies: Vec<&str> = currencies.into_iter().collect();
            accounts = format!("{accounts} AND a.currency IN ({})", placeholders(&mut values, &currencies));
        }
        let mut entries = vec!["e.account_id = a.id".to_owned(), "e.seq IS NOT NULL".to_owned()];
        if let Some(kinds) = kinds {
            let kinds: BTreeSet<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            let kinds: Vec<&str> = kinds.into_iter().collect();
            entries.push(format!("e.kind IN ({})", placeholders(&mut values, &kinds)));
        }
        for (time, sign) in [(during.from, ">="), (during.until, "<")] {
            if let Some(time) = time {
                values.push(time.into());
                entries.push(format!("e.created_at {sign} ${}", values.len()));
            }
        }
        Ok(Self { values, accounts, entries })
    }

    /// How many they are, as far as lists are counted.
    pub(crate) async fn total(&self, db: &Database) -> Result<Total> {
        let (accounts, on) = (&self.accounts, self.entries.join(" AND "));
        let sql = format!(
            "SELECT COUNT(*) AS counted FROM (SELECT 1 FROM ledger_accounts a JOIN ledger_entries e ON {on} \
             WHERE {accounts} LIMIT {}) counted",
            BOUND + 1
        );
        let rows = db.rows(sql, self.values.clone()).await?;
        let counted = rows.first().map_or(Ok(0), |row| row.try_get::<i64>("", "counted"))?;
        Ok(counted_as_far(counted))
    }

    /// A page of them, the last one first, with the names of a transaction's row.
    pub(crate) fn page(self, db: &Database, page: &Page) -> (String, Vec<Value>) {
        let Self { mut values, accounts, mut entries } = self;
        let (more, order) = page.clauses("e.created_at", "e.id", true, &mut values);
        entries.extend(more);
        let direction = page.direction(true);
        let each = db.first_of_each(
            "ledger_accounts a",
            "ledger_entries",
            "e",
            &entries.join(" AND "),
            &format!("e.created_at {direction}, e.id {direction}"),
            page.size + 1,
        );
        let sql = format!(
            "SELECT e.id, e.kind, e.amount, e.balance_after, e.created_at, a.owner_id AS account_owner_id, \
             a.currency AS account_currency, t.description AS transfer_description, t.reference AS transfer_reference, \
             c.owner_id AS counterparty FROM {each} JOIN ledger_transfers t ON t.id = e.transfer_id \
             LEFT JOIN ledger_entries o ON o.transfer_id = e.transfer_id AND o.id <> e.id \
             LEFT JOIN ledger_accounts c ON c.id = o.account_id AND c.kind = 'wallet' WHERE {accounts} {order}"
        );
        (sql, values)
    }
}

/// The entries `e` of debts `d`.
///
/// Text, because the tables of an export are: it is part of one statement for all of them.
pub(super) const ENTRIES_OF_DEBTS: &str =
    "ledger_accounts d JOIN ledger_entries e ON e.account_id = d.id AND d.kind = 'debt'";

/// The entries `e` of wallets `a`, with their transfers `t`.
///
/// Text, because the tables of an export are.
pub(super) const ENTRIES_OF_WALLETS: &str = "ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id AND a.kind = 'wallet' \
     JOIN ledger_transfers t ON t.id = e.transfer_id";

/// What holds between wallets and the ledger.
///
/// Text, because each proves whole tables, apart from whatever code wrote them, and says in words what is wrong.
pub(crate) const RULES: &[Rule] = &[
    (
        "a withdrawal under way has its money held, one that was paid has it posted, one that came back has taken it back, any \
         other has let it go",
        "SELECT ID(w.id) || ' is ' || w.state || ' with ' || w.amount || ' ' || w.currency || ', its hold is ' \
         || COALESCE(t.state || ' with ' || t.amount || ' ' || t.currency, 'not there') FROM withdrawals w \
         LEFT JOIN ledger_transfers t ON t.id = w.hold_id AND t.kind = 'withdrawal' \
         LEFT JOIN ledger_transfers b ON b.operation = 'withdrawal_returned' AND b.amount = w.amount \
         AND b.currency = w.currency AND b.idempotency_key = replace(ID(w.id), '-', '') AND b.state = 'posted' \
         WHERE t.id IS NULL OR t.amount <> w.amount OR t.currency <> w.currency OR t.state <> CASE w.state \
         WHEN 'requested' THEN 'pending' WHEN 'approved' THEN 'pending' WHEN 'paid' THEN 'posted' \
         WHEN 'returned' THEN 'posted' ELSE 'voided' END OR (b.id IS NOT NULL) <> (w.state = 'returned')",
    ),
    (
        "money that is held for a withdrawal is held at its owner's wallet, for one withdrawal",
        "SELECT ID(t.id) || ' has ' || COUNT(w.id) || ' withdrawals' FROM ledger_transfers t \
         LEFT JOIN ledger_accounts a ON a.id = t.held_account_id \
         LEFT JOIN withdrawals w ON w.hold_id = t.id AND w.user_id = a.owner_id \
         WHERE t.operation = 'walletWithdraw' GROUP BY t.id HAVING COUNT(w.id) <> 1",
    ),
    (
        "what left the platform's bank is a withdrawal's that was paid, and what came back there one's that was sent back",
        "SELECT ID(t.id) || ' of ' || t.amount || ' ' || t.currency || ' for ' || t.idempotency_key FROM ledger_transfers t \
         LEFT JOIN withdrawals w ON replace(ID(w.id), '-', '') = t.idempotency_key AND w.amount = t.amount \
         AND w.currency = t.currency AND (w.state = 'returned' OR (w.state = 'paid' AND t.operation = 'bank_payout')) \
         WHERE t.operation IN ('bank_payout', 'bank_payout_back') AND w.id IS NULL",
    ),
    (
        "an adjustment that was applied has its transfer, of its amount, at its wallet; any other has none",
        "SELECT ID(j.id) || ' is ' || j.state || ' with ' || j.amount || ' ' || j.currency || ', its transfer has ' \
         || COALESCE(CAST(e.amount AS text), 'none') FROM wallet_adjustments j \
         LEFT JOIN ledger_transfers t ON t.id = j.transfer_id AND t.state = 'posted' AND t.kind = 'adjustment' \
         LEFT JOIN ledger_accounts a ON a.owner_id = j.user_id AND a.kind = 'wallet' AND a.currency = j.currency \
         LEFT JOIN ledger_entries e ON e.transfer_id = t.id AND e.account_id = a.id \
         WHERE CASE WHEN j.state = 'applied' THEN e.amount IS NULL OR e.amount <> j.amount \
         ELSE j.transfer_id IS NOT NULL END",
    ),
];
