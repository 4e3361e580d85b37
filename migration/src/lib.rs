//! Agora's database schema: one reversible step per file, the same text for SQLite and PostgreSQL.

use sea_orm_migration::MigrationTrait;
pub use sea_orm_migration::MigratorTrait;

mod m20261121_000001_accounts;
mod m20261121_000002_posts;
mod m20261121_000003_events;
mod m20261124_000001_identity;
mod m20261124_000002_oversight;
mod m20261124_000003_ledger;
mod m20261124_000004_wallets;
mod m20261124_000005_payments;
mod m20261124_000006_goals;
mod m20261124_000007_second_person;
mod m20261124_000008_history;
mod m20261124_000009_goal_news;
mod m20261129_095500_debts_and_disputes;
mod m20261129_095500_links;
mod m20261129_095500_search;
mod m20261129_095600_lists;
mod m20261129_100500_mailboxes;
mod m20261129_101700_lanes;
mod m20261129_101900_checks;
mod schema;

/// Every step, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_accounts::Migration),
            Box::new(m20261121_000002_posts::Migration),
            Box::new(m20261121_000003_events::Migration),
            Box::new(m20261124_000001_identity::Migration),
            Box::new(m20261124_000002_oversight::Migration),
            Box::new(m20261124_000003_ledger::Migration),
            Box::new(m20261124_000004_wallets::Migration),
            Box::new(m20261124_000005_payments::Migration),
            Box::new(m20261124_000006_goals::Migration),
            Box::new(m20261124_000007_second_person::Migration),
            Box::new(m20261124_000008_history::Migration),
            Box::new(m20261124_000009_goal_news::Migration),
            Box::new(m20261129_101700_lanes::Migration),
            Box::new(m20261129_095500_debts_and_disputes::Migration),
            Box::new(m20261129_101900_checks::Migration),
            Box::new(m20261129_095500_search::Migration),
            Box::new(m20261129_095600_lists::Migration),
            Box::new(m20261129_095500_links::Migration),
            Box::new(m20261129_100500_mailboxes::Migration),
        ]
    }
}
