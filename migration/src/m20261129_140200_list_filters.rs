//! Indexes for what lists are narrowed to: of the other filters each had one already, in the order of its list.

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
                // Staff looks for a payment or a withdrawal by the amount on somebody's statement. Amounts of different
                // currencies are not comparable, so the currency comes first; then they are read from the largest.
                "CREATE INDEX payments_amount ON payments (currency, amount, id)",
                "CREATE INDEX withdrawals_amount ON withdrawals (currency, amount, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(manager, &["DROP INDEX withdrawals_amount", "DROP INDEX payments_amount"]).await
    }
}
