//! What wallets need beside the ledger: where money goes when it leaves, withdrawals, and adjustments by staff.

use sea_orm_migration::prelude::*;

use crate::schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                // A wallet's transactions by time; the ledger sees to it that of one account no two have the same.
                "CREATE INDEX ledger_entries_newest ON ledger_entries (account_id, created_at, id) WHERE seq IS NOT NULL",
                "CREATE TABLE payout_methods (
                    id {uuid} NOT NULL PRIMARY KEY,
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    bank_name text NOT NULL CHECK (length(bank_name) <= 100),
                    country text NOT NULL CHECK (length(country) = 2),
                    currency text NOT NULL CHECK (length(currency) = 3),
                    last_four text NOT NULL CHECK (length(last_four) <= 4),
                    sealed_details {bytes} NOT NULL,
                    created_at {time} NOT NULL,
                    removed_at {time}
                )",
                "CREATE INDEX payout_methods_user ON payout_methods (user_id, created_at, id)",
                // Money records outlive accounts: ids without a foreign key.
                "CREATE TABLE withdrawals (
                    id {uuid} NOT NULL PRIMARY KEY,
                    user_id {uuid} NOT NULL,
                    payout_method_id {uuid} NOT NULL,
                    sealed_details {bytes} NOT NULL,
                    bank_name text NOT NULL,
                    last_four text NOT NULL,
                    currency text NOT NULL CHECK (length(currency) = 3),
                    amount bigint NOT NULL CHECK (amount > 0),
                    state text NOT NULL CHECK (state IN ('requested', 'approved', 'paid', 'failed', 'cancelled')),
                    hold_id {uuid} NOT NULL REFERENCES ledger_transfers (id),
                    approved_by {uuid},
                    seconded_by {uuid},
                    reference text CHECK (length(reference) <= 100),
                    reason text CHECK (length(reason) <= 500),
                    requested_at {time} NOT NULL,
                    approved_at {time},
                    ended_at {time}
                )",
                "CREATE INDEX withdrawals_user ON withdrawals (user_id, requested_at DESC, id DESC)",
                "CREATE INDEX withdrawals_newest ON withdrawals (requested_at DESC, id DESC)",
                "CREATE INDEX withdrawals_state ON withdrawals (state, requested_at DESC, id DESC)",
                "CREATE TABLE wallet_adjustments (
                    id {uuid} NOT NULL PRIMARY KEY,
                    user_id {uuid} NOT NULL,
                    currency text NOT NULL CHECK (length(currency) = 3),
                    amount bigint NOT NULL CHECK (amount <> 0),
                    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
                    state text NOT NULL CHECK (state IN ('proposed', 'applied', 'refused')),
                    proposed_by {uuid} NOT NULL,
                    decided_by {uuid},
                    transfer_id {uuid} REFERENCES ledger_transfers (id),
                    created_at {time} NOT NULL,
                    decided_at {time}
                )",
                "CREATE INDEX wallet_adjustments_newest ON wallet_adjustments (created_at DESC, id DESC)",
                "CREATE INDEX wallet_adjustments_state ON wallet_adjustments (state, created_at DESC, id DESC)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "DROP TABLE wallet_adjustments",
                "DROP TABLE withdrawals",
                "DROP TABLE payout_methods",
                "DROP INDEX ledger_entries_newest",
            ],
        )
        .await
    }
}
