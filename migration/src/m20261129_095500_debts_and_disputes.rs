//! What providers give or take back on their own: refunds that tell where they come from, disputes, and what people owe
//! since.

use sea_orm_migration::prelude::*;

use crate::schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: &str = "id, kind, owner_id, name, currency, balance, held, entry_seq, last_entry_at, created_at";
const KINDS: &str = "kind IN ('wallet', 'escrow', 'clearing', 'revenue', 'payout')";
const KINDS_WITH_DEBTS: &str = "kind IN ('wallet', 'escrow', 'clearing', 'revenue', 'payout', 'debt')";
const NEVER_POSITIVE: &str = "kind <> 'debt' OR (balance <= 0 AND held = 0)";

/// The table of accounts where there are kinds of them, with one more rule, or none.
fn accounts(kinds: &str, rule: &str) -> String {
    format!(
        "id {{uuid}} NOT NULL PRIMARY KEY,
         kind text NOT NULL CHECK ({kinds}),
         owner_id {{uuid}} NOT NULL,
         name {{key}} NOT NULL,
         currency text NOT NULL CHECK (length(currency) = 3),
         balance bigint NOT NULL DEFAULT 0,
         held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
         entry_seq bigint NOT NULL DEFAULT 0,
         last_entry_at {{time}},
         created_at {{time}} NOT NULL,
         UNIQUE (owner_id, kind, name, currency),
         CONSTRAINT ledger_accounts_never_negative CHECK (kind NOT IN ('wallet', 'escrow') OR balance >= held){rule}"
    )
}

async fn recheck_accounts(manager: &SchemaManager<'_>, kinds: &str, never_positive: &str) -> Result<(), DbErr> {
    let rule = match never_positive {
        "" => String::new(),
        condition => format!(", CONSTRAINT ledger_accounts_never_positive CHECK ({condition})"),
    };
    let checks = [("ledger_accounts_kind_check", kinds), ("ledger_accounts_never_positive", never_positive)];
    schema::recheck(manager, "ledger_accounts", &checks, (&accounts(kinds, &rule), COLUMNS)).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        recheck_accounts(manager, KINDS_WITH_DEBTS, NEVER_POSITIVE).await?;
        schema::run(
            manager,
            &[
                "ALTER TABLE refunds ADD COLUMN origin text NOT NULL DEFAULT 'platform'
                    CHECK (origin IN ('platform', 'provider', 'dispute'))",
                // When a provider was first asked for a refund: of those that are under way, it may have been at once.
                "ALTER TABLE refunds ADD COLUMN asked_at {time}",
                "UPDATE refunds SET asked_at = decided_at WHERE state IN ('granted', 'pending')",
                "CREATE TABLE payment_disputes (
                    id {uuid} NOT NULL PRIMARY KEY,
                    payment_id {uuid} NOT NULL REFERENCES payments (id),
                    provider_reference {key} NOT NULL CHECK (length(provider_reference) <= 255),
                    amount bigint NOT NULL CHECK (amount > 0),
                    reason text NOT NULL CHECK (length(reason) <= 100),
                    state text NOT NULL CHECK (state IN ('open', 'won', 'lost')),
                    refund_id {uuid} REFERENCES refunds (id),
                    respond_by {time},
                    opened_at {time} NOT NULL,
                    ended_at {time},
                    UNIQUE (payment_id, provider_reference),
                    CHECK ((state = 'open') = (ended_at IS NULL))
                )",
                "CREATE INDEX payment_disputes_newest ON payment_disputes (opened_at DESC, id DESC)",
                "CREATE INDEX payment_disputes_state ON payment_disputes (state, opened_at DESC, id DESC)",
                "CREATE INDEX payment_disputes_refund ON payment_disputes (refund_id) WHERE refund_id IS NOT NULL",
                // Of what was withdrawn, what its owner owes since, because it went back to who gave it.
                "ALTER TABLE goal_withdrawals ADD COLUMN reclaimed bigint NOT NULL DEFAULT 0 CHECK (reclaimed >= 0)",
                "CREATE TABLE sandbox_disputes (
                    id {uuid} NOT NULL PRIMARY KEY,
                    charge_id {uuid} NOT NULL REFERENCES sandbox_charges (id),
                    amount bigint NOT NULL,
                    state text NOT NULL,
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX sandbox_disputes_charge ON sandbox_disputes (charge_id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "DROP TABLE sandbox_disputes",
                "ALTER TABLE goal_withdrawals DROP COLUMN reclaimed",
                "DROP TABLE payment_disputes",
                "ALTER TABLE refunds DROP COLUMN asked_at",
                "ALTER TABLE refunds DROP COLUMN origin",
            ],
        )
        .await?;
        // Where somebody owes something, this is refused: it has to be settled before.
        recheck_accounts(manager, KINDS, "").await
    }
}
