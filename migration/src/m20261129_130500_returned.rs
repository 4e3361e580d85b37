//! Withdrawals that a bank sent back after they were paid have a state of their own, and tell who said so first.

use sea_orm_migration::prelude::*;

use crate::schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: &str = "id, user_id, payout_method_id, sealed_details, bank_name, last_four, currency, amount, state, hold_id, \
     approved_by, seconded_by, reference, reason, requested_at, approved_at, ended_at";
const STATES: &str = "state IN ('requested', 'approved', 'paid', 'failed', 'cancelled')";
const STATES_WITH_RETURNED: &str = "state IN ('requested', 'approved', 'paid', 'failed', 'returned', 'cancelled')";

async fn recheck(manager: &SchemaManager<'_>, states: &str) -> Result<(), DbErr> {
    let definition = format!(
        "id {{uuid}} NOT NULL PRIMARY KEY,
         user_id {{uuid}} NOT NULL,
         payout_method_id {{uuid}} NOT NULL,
         sealed_details {{bytes}} NOT NULL,
         bank_name text NOT NULL,
         last_four text NOT NULL,
         currency text NOT NULL CHECK (length(currency) = 3),
         amount bigint NOT NULL CHECK (amount > 0),
         state text NOT NULL CHECK ({states}),
         hold_id {{uuid}} NOT NULL REFERENCES ledger_transfers (id),
         approved_by {{uuid}},
         seconded_by {{uuid}},
         reference text CHECK (length(reference) <= 100),
         reason text CHECK (length(reason) <= 500),
         requested_at {{time}} NOT NULL,
         approved_at {{time}},
         ended_at {{time}}"
    );
    schema::recheck(manager, "withdrawals", &[("withdrawals_state_check", states)], (&definition, COLUMNS)).await?;
    // They went with the table, where that was made anew.
    let indices = [
        "CREATE INDEX IF NOT EXISTS withdrawals_user ON withdrawals (user_id, requested_at DESC, id DESC)",
        "CREATE INDEX IF NOT EXISTS withdrawals_newest ON withdrawals (requested_at DESC, id DESC)",
        "CREATE INDEX IF NOT EXISTS withdrawals_state ON withdrawals (state, requested_at DESC, id DESC)",
    ];
    schema::run(manager, &indices).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Former versions don't know the state, and could not read what has it.
        schema::breaking(manager, self).await?;
        recheck(manager, STATES_WITH_RETURNED).await?;
        schema::run(
            manager,
            &[
                "ALTER TABLE withdrawals ADD COLUMN return_proposed_by {uuid}",
                // What failed after it was paid was sent back.
                "UPDATE withdrawals SET state = 'returned' WHERE state = 'failed' \
                 AND hold_id IN (SELECT id FROM ledger_transfers WHERE state = 'posted')",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::harmless(manager, self).await?;
        schema::run(
            manager,
            &[
                "UPDATE withdrawals SET state = 'failed' WHERE state = 'returned'",
                "ALTER TABLE withdrawals DROP COLUMN return_proposed_by",
            ],
        )
        .await?;
        recheck(manager, STATES).await
    }
}
