//! Payments: what was to be paid, how it went, refunds, saved methods, what providers told us; and the sandbox, which is
//! a provider of its own that happens to live in the same database.

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
                "CREATE TABLE payment_methods (
                    id {uuid} NOT NULL PRIMARY KEY,
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    kind text NOT NULL CHECK (kind IN ('card', 'paypal', 'wallet', 'cash_on_delivery', 'bank_transfer')),
                    provider text NOT NULL,
                    provider_reference text CHECK (length(provider_reference) <= 255),
                    brand text CHECK (length(brand) <= 40),
                    last_four text CHECK (length(last_four) <= 4),
                    is_default boolean NOT NULL DEFAULT FALSE,
                    created_at {time} NOT NULL,
                    removed_at {time},
                    CHECK (removed_at IS NULL OR NOT is_default)
                )",
                "CREATE INDEX payment_methods_user ON payment_methods (user_id, created_at, id)",
                "CREATE UNIQUE INDEX payment_methods_default ON payment_methods (user_id) WHERE is_default",
                "CREATE TABLE payment_customers (
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    provider text NOT NULL,
                    reference text NOT NULL CHECK (length(reference) <= 255),
                    PRIMARY KEY (user_id, provider)
                )",
                "CREATE TABLE payments (
                    id {uuid} NOT NULL PRIMARY KEY,
                    provider text NOT NULL,
                    target_kind text NOT NULL CHECK (target_kind IN ('wallet_deposit', 'goal_contribution')),
                    target_id {uuid} NOT NULL,
                    payer_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
                    payer_email text CHECK (length(payer_email) <= 254),
                    payer_locale text NOT NULL,
                    method_id {uuid} REFERENCES payment_methods (id) ON DELETE SET NULL,
                    currency text NOT NULL CHECK (length(currency) = 3),
                    amount bigint NOT NULL CHECK (amount > 0),
                    state text NOT NULL CHECK (state IN
                        ('created', 'pending', 'processing', 'authorised', 'completed', 'failed', 'cancelled', 'expired')),
                    authorised bigint NOT NULL DEFAULT 0 CHECK (authorised >= 0),
                    captured bigint NOT NULL DEFAULT 0 CHECK (captured >= 0),
                    refunded bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
                    refunding bigint NOT NULL DEFAULT 0 CHECK (refunding >= 0),
                    remitted bigint NOT NULL DEFAULT 0 CHECK (remitted >= 0 AND remitted <= captured),
                    provider_reference {key} CHECK (length(provider_reference) <= 255),
                    provider_answer text,
                    sealed_next_action {bytes},
                    proof text CHECK (length(proof) <= 500),
                    failure text CHECK (length(failure) <= 100),
                    event_seq bigint NOT NULL DEFAULT 0,
                    check_at {time},
                    checks bigint NOT NULL DEFAULT 0,
                    expires_at {time},
                    created_at {time} NOT NULL,
                    updated_at {time} NOT NULL,
                    completed_at {time},
                    CONSTRAINT payments_captured CHECK (captured <= amount),
                    CONSTRAINT payments_refunded CHECK (refunded + refunding <= captured)
                )",
                "CREATE INDEX payments_payer ON payments (payer_id, created_at DESC, id DESC)",
                "CREATE INDEX payments_newest ON payments (created_at DESC, id DESC)",
                "CREATE INDEX payments_target ON payments (target_id)",
                "CREATE UNIQUE INDEX payments_reference ON payments (provider, provider_reference) WHERE provider_reference IS NOT NULL",
                "CREATE INDEX payments_check ON payments (check_at) WHERE check_at IS NOT NULL",
                "CREATE INDEX payments_method ON payments (method_id)",
                "CREATE TABLE payment_events (
                    id {uuid} NOT NULL PRIMARY KEY,
                    payment_id {uuid} NOT NULL REFERENCES payments (id),
                    kind text NOT NULL,
                    source text NOT NULL,
                    authorised bigint NOT NULL,
                    captured bigint NOT NULL,
                    refunded bigint NOT NULL,
                    pending bigint NOT NULL,
                    detail text,
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX payment_events_payment ON payment_events (payment_id, created_at, id)",
                "CREATE TABLE refunds (
                    id {uuid} NOT NULL PRIMARY KEY,
                    payment_id {uuid} NOT NULL REFERENCES payments (id),
                    amount bigint NOT NULL CHECK (amount > 0),
                    destination text NOT NULL CHECK (destination IN ('source', 'wallet')),
                    state text NOT NULL CHECK (state IN ('requested', 'refused', 'granted', 'pending', 'succeeded', 'failed')),
                    reason text NOT NULL CHECK (length(reason) <= 500),
                    decision_reason text CHECK (length(decision_reason) <= 500),
                    requested_by {uuid},
                    decided_by {uuid},
                    hold_id {uuid} REFERENCES ledger_transfers (id),
                    provider_reference text CHECK (length(provider_reference) <= 255),
                    failure text CHECK (length(failure) <= 100),
                    cause_key {key},
                    check_at {time},
                    checks bigint NOT NULL DEFAULT 0,
                    created_at {time} NOT NULL,
                    decided_at {time},
                    ended_at {time},
                    UNIQUE (payment_id, cause_key)
                )",
                "CREATE INDEX refunds_payment ON refunds (payment_id, created_at, id)",
                "CREATE INDEX refunds_newest ON refunds (created_at DESC, id DESC)",
                "CREATE INDEX refunds_check ON refunds (check_at) WHERE check_at IS NOT NULL",
                "CREATE TABLE webhook_events (
                    id {uuid} NOT NULL PRIMARY KEY,
                    provider text NOT NULL,
                    event_id {key} NOT NULL CHECK (length(event_id) <= 255),
                    body text NOT NULL,
                    outcome text CHECK (length(outcome) <= 255),
                    received_at {time} NOT NULL,
                    processed_at {time},
                    UNIQUE (provider, event_id)
                )",
                "CREATE INDEX webhook_events_received ON webhook_events (received_at)",
                "CREATE TABLE sandbox_charges (
                    id {uuid} NOT NULL PRIMARY KEY,
                    idempotency_key {key} NOT NULL UNIQUE,
                    merchant_reference {key} NOT NULL,
                    secret {key} NOT NULL UNIQUE,
                    currency text NOT NULL,
                    amount bigint NOT NULL,
                    card text,
                    state text NOT NULL,
                    captured bigint NOT NULL DEFAULT 0,
                    failure text,
                    due_at {time},
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX sandbox_charges_due ON sandbox_charges (due_at) WHERE due_at IS NOT NULL",
                "CREATE TABLE sandbox_refunds (
                    id {uuid} NOT NULL PRIMARY KEY,
                    charge_id {uuid} NOT NULL REFERENCES sandbox_charges (id),
                    idempotency_key {key} NOT NULL UNIQUE,
                    amount bigint NOT NULL,
                    state text NOT NULL,
                    due_at {time},
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX sandbox_refunds_charge ON sandbox_refunds (charge_id)",
                "CREATE INDEX sandbox_refunds_due ON sandbox_refunds (due_at) WHERE due_at IS NOT NULL",
                "CREATE TABLE sandbox_events (
                    id {uuid} NOT NULL PRIMARY KEY,
                    event_id {key} NOT NULL,
                    body text NOT NULL,
                    deliver_at {time} NOT NULL
                )",
                "CREATE INDEX sandbox_events_due ON sandbox_events (deliver_at, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "DROP TABLE sandbox_events",
                "DROP TABLE sandbox_refunds",
                "DROP TABLE sandbox_charges",
                "DROP TABLE webhook_events",
                "DROP TABLE refunds",
                "DROP TABLE payment_events",
                "DROP TABLE payments",
                "DROP TABLE payment_customers",
                "DROP TABLE payment_methods",
            ],
        )
        .await
    }
}
