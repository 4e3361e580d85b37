//! What wallets hold about a person, how they forget them, and what must always hold.

use crate::{
    domain::{
        events,
        export::{
            Kind::{Id, Integer, Text, Time, Word},
            Table,
        },
        ledger::Rule,
    },
    entity::{UserId, event::StreamKind},
    error::Result,
    platform::db::Transaction,
};

/// What wallets hold about a person. Amounts are in minor units; numbers of bank accounts stay sealed.
pub(super) const EXPORT: &[Table] = &[
    Table {
        file: "payout_methods.json",
        table: "payout_methods",
        owner: "user_id",
        key: "id",
        columns: &[
            ("id", "id", Id("payoutmethod")),
            ("bankName", "bank_name", Text),
            ("country", "country", Text),
            ("currency", "currency", Text),
            ("lastFour", "last_four", Text),
            ("createdAt", "created_at", Time),
            ("removedAt", "removed_at", Time),
        ],
    },
    Table {
        file: "withdrawals.json",
        table: "withdrawals",
        owner: "user_id",
        key: "id",
        columns: &[
            ("id", "id", Id("withdrawal")),
            ("payoutMethodId", "payout_method_id", Id("payoutmethod")),
            ("bankName", "bank_name", Text),
            ("lastFour", "last_four", Text),
            ("currency", "currency", Text),
            ("amount", "amount", Integer),
            ("state", "state", Word),
            ("reference", "reference", Text),
            ("reason", "reason", Text),
            ("requestedAt", "requested_at", Time),
            ("approvedAt", "approved_at", Time),
            ("endedAt", "ended_at", Time),
        ],
    },
    Table {
        file: "adjustments.json",
        table: "wallet_adjustments",
        owner: "user_id",
        key: "id",
        columns: &[
            ("id", "id", Id("adjustment")),
            ("currency", "currency", Text),
            ("amount", "amount", Integer),
            ("reason", "reason", Text),
            ("state", "state", Word),
            ("createdAt", "created_at", Time),
            ("decidedAt", "decided_at", Time),
        ],
    },
    Table {
        file: "debts.json",
        table: "ledger_accounts d JOIN ledger_entries e ON e.account_id = d.id AND d.kind = 'debt'",
        owner: "d.owner_id",
        key: "e.id",
        columns: &[
            ("currency", "d.currency", Text),
            ("amount", "e.amount", Integer),
            ("balanceAfter", "e.balance_after", Integer),
            ("createdAt", "e.created_at", Time),
        ],
    },
    Table {
        file: "transactions.json",
        table: "ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id AND a.kind = 'wallet' JOIN ledger_transfers t ON t.id = e.transfer_id",
        owner: "a.owner_id",
        key: "e.id",
        columns: &[
            ("id", "e.id", Id("transaction")),
            ("kind", "e.kind", Text),
            ("currency", "a.currency", Text),
            ("amount", "e.amount", Integer),
            ("balanceAfter", "e.balance_after", Integer),
            ("description", "t.description", Text),
            ("reference", "t.reference", Text),
            ("createdAt", "e.created_at", Time),
        ],
    },
];

/// Whether there is no money in a person's wallet, none on its way out of it, and nothing that they owe. The person is locked by the caller, and
/// their accounts here: nothing comes in before the end of the transaction.
pub async fn is_empty_in(tx: &Transaction, user: UserId) -> Result<bool> {
    let sql = format!(
        "SELECT a.id FROM ledger_accounts a WHERE a.owner_id = $1 AND a.kind IN ('wallet', 'debt') ORDER BY a.id {}",
        tx.for_update()
    );
    tx.rows(sql, vec![user.0.into()]).await?;
    let sql = "SELECT 1 FROM ledger_accounts a WHERE a.owner_id = $1 AND a.kind IN ('wallet', 'debt') \
               AND (a.balance <> 0 OR a.held <> 0) \
               UNION ALL SELECT 1 FROM withdrawals w WHERE w.user_id = $1 AND w.state IN ('requested', 'approved') LIMIT 1";
    Ok(tx.row(sql, vec![user.0.into()]).await?.is_none())
}

/// Forgets a person who is about to be deleted, whose wallet is empty. What the books need stays, without a name.
pub(super) async fn erase_in(tx: &Transaction, user: UserId) -> Result<()> {
    tx.execute("DELETE FROM payout_methods WHERE user_id = $1", vec![user.0.into()]).await?;
    let sql = "UPDATE withdrawals SET sealed_details = $2, bank_name = '', last_four = '', reason = NULL, reference = NULL \
               WHERE user_id = $1";
    tx.execute(sql, vec![user.0.into(), Vec::<u8>::new().into()]).await?;
    tx.execute("UPDATE wallet_adjustments SET reason = '-' WHERE user_id = $1", vec![user.0.into()]).await?;
    events::erase_in(tx, StreamKind::Wallet, user.0).await
}

/// What holds between wallets and the ledger.
pub(super) const RULES: &[Rule] = &[
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
