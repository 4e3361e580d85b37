//! The ledger: accounts, transfers, their entries, and the changes of busy accounts that wait to be added up.

use sea_orm_migration::prelude::*;

use crate::schema::{self, Refusal};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What was written stays: entries for ever, transfers but for the end of one that is pending.
const IMMUTABLE: &[Refusal] = &[
    ("ledger_entries", "UPDATE", "TRUE"),
    ("ledger_entries", "DELETE", "TRUE"),
    ("ledger_transfers", "DELETE", "TRUE"),
    (
        "ledger_transfers",
        "UPDATE",
        "OLD.state <> 'pending' OR NEW.state = 'pending' OR NEW.id <> OLD.id OR NEW.amount <> OLD.amount \
         OR NEW.currency <> OLD.currency OR NEW.kind <> OLD.kind OR NEW.actor_id <> OLD.actor_id \
         OR NEW.operation <> OLD.operation OR NEW.idempotency_key <> OLD.idempotency_key \
         OR NEW.description <> OLD.description OR NEW.input_hash <> OLD.input_hash \
         OR NEW.held_account_id <> OLD.held_account_id",
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                // Whose an account is stays readable when they are gone: an id without a foreign key.
                "CREATE TABLE ledger_accounts (
                    id {uuid} NOT NULL PRIMARY KEY,
                    kind text NOT NULL CHECK (kind IN ('wallet', 'escrow', 'clearing', 'revenue', 'payout')),
                    owner_id {uuid} NOT NULL,
                    name {key} NOT NULL,
                    currency text NOT NULL CHECK (length(currency) = 3),
                    balance bigint NOT NULL DEFAULT 0,
                    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
                    entry_seq bigint NOT NULL DEFAULT 0,
                    last_entry_at {time},
                    created_at {time} NOT NULL,
                    UNIQUE (owner_id, kind, name, currency),
                    CONSTRAINT ledger_accounts_never_negative CHECK (kind NOT IN ('wallet', 'escrow') OR balance >= held)
                )",
                "CREATE TABLE ledger_transfers (
                    id {uuid} NOT NULL PRIMARY KEY,
                    kind text NOT NULL,
                    state text NOT NULL CHECK (state IN ('pending', 'posted', 'voided', 'expired')),
                    currency text NOT NULL CHECK (length(currency) = 3),
                    amount bigint NOT NULL CHECK (amount > 0),
                    reference {key} CHECK (length(reference) <= 100),
                    description text NOT NULL CHECK (length(description) <= 255),
                    actor_id {uuid} NOT NULL,
                    operation text NOT NULL,
                    idempotency_key {key} NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
                    input_hash {key} NOT NULL,
                    reverses_id {uuid} UNIQUE REFERENCES ledger_transfers (id),
                    held_account_id {uuid},
                    expires_at {time},
                    created_at {time} NOT NULL,
                    ended_at {time},
                    UNIQUE (actor_id, operation, idempotency_key),
                    CHECK (state = 'posted' OR held_account_id IS NOT NULL)
                )",
                "CREATE INDEX ledger_transfers_reference ON ledger_transfers (reference) WHERE reference IS NOT NULL",
                "CREATE INDEX ledger_transfers_expires ON ledger_transfers (expires_at) WHERE state = 'pending'",
                // No foreign key to the account: it would lock the row of an account that every transfer touches.
                // `agora ledger verify` looks for entries without an account.
                "CREATE TABLE ledger_entries (
                    id {uuid} NOT NULL PRIMARY KEY,
                    transfer_id {uuid} NOT NULL REFERENCES ledger_transfers (id),
                    account_id {uuid} NOT NULL,
                    kind text NOT NULL,
                    amount bigint NOT NULL CHECK (amount <> 0),
                    balance_after bigint,
                    seq bigint,
                    created_at {time} NOT NULL,
                    CHECK ((balance_after IS NULL) = (seq IS NULL))
                )",
                "CREATE INDEX ledger_entries_transfer ON ledger_entries (transfer_id)",
                "CREATE UNIQUE INDEX ledger_entries_account ON ledger_entries (account_id, seq) WHERE seq IS NOT NULL",
                "CREATE TABLE ledger_deltas (
                    entry_id {uuid} NOT NULL PRIMARY KEY,
                    account_id {uuid} NOT NULL,
                    amount bigint NOT NULL
                )",
                // Keys of what moves money are kept for good, and of people without an account, too.
                "CREATE TABLE money_keys (
                    claimant_id {uuid} NOT NULL,
                    operation text NOT NULL,
                    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
                    input_hash {key} NOT NULL,
                    result_id {uuid} NOT NULL,
                    created_at {time} NOT NULL,
                    PRIMARY KEY (claimant_id, operation, key)
                )",
            ],
        )
        .await?;
        schema::immutable(manager, "ledger", IMMUTABLE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::mutable(manager, "ledger", IMMUTABLE).await?;
        schema::run(
            manager,
            &[
                "DROP TABLE money_keys",
                "DROP TABLE ledger_deltas",
                "DROP TABLE ledger_entries",
                "DROP TABLE ledger_transfers",
                "DROP TABLE ledger_accounts",
            ],
        )
        .await
    }
}
