//! Agora's database schema: one reversible step per file, the same text for SQLite and PostgreSQL.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, SchemaManager, prelude::*, sea_orm, seaql_migrations};

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
mod m20261129_094900_notifications_gone;
mod m20261129_095500_debts_and_disputes;
mod m20261129_095500_links;
mod m20261129_095500_search;
mod m20261129_095600_lists;
mod m20261129_100500_mailboxes;
mod m20261129_101700_lanes;
mod m20261129_101900_checks;
mod m20261129_102600_likenesses;
mod m20261129_104200_breaking_steps;
mod m20261129_130500_returned;
mod m20261129_140200_list_filters;
mod m20261129_163000_largest_contributions;
mod schema;

/// Every step, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
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
            Box::new(m20261129_094900_notifications_gone::Migration),
            Box::new(m20261129_102600_likenesses::Migration),
            Box::new(m20261129_104200_breaking_steps::Migration),
            Box::new(m20261129_130500_returned::Migration),
            Box::new(m20261129_140200_list_filters::Migration),
            Box::new(m20261129_163000_largest_contributions::Migration),
        ]
    }

    /// Without the steps of newer versions: sea-orm-migration refuses to do anything where it finds one that it does not
    /// know, so that a former version could not be started again after an upgrade. Whether it may is said by [`standing`].
    async fn get_migration_models<C>(db: &C) -> Result<Vec<seaql_migrations::Model>, DbErr>
    where
        C: ConnectionTrait,
    {
        Self::install(db).await?;
        let mut applied = applied(db).await?;
        let known = names();
        applied.retain(|model| known.contains(&model.version));
        Ok(applied)
    }
}

/// How a database stands to this version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Steps that are not applied yet.
    pub pending: Vec<String>,
    /// Steps of newer versions that are applied.
    pub unknown: Vec<String>,
    /// Those of them on which this version can't run: they took away or changed what it uses. Each has noted itself in
    /// `breaking_steps` (see `schema::breaking`); all others only add.
    pub breaking: Vec<String>,
}

/// How a database stands to this version. Changes nothing.
pub async fn standing(db: &sea_orm::DatabaseConnection) -> Result<Standing, DbErr> {
    let manager = SchemaManager::new(db);
    let known = names();
    let mut standing = Standing::default();
    let mut applied_names = Vec::new();
    if manager.has_table("seaql_migrations").await? {
        applied_names.extend(applied(db).await?.into_iter().map(|model| model.version));
    }
    if manager.has_table("breaking_steps").await? {
        let sql = "SELECT step FROM breaking_steps ORDER BY step";
        for row in db.query_all_raw(sea_orm::Statement::from_string(db.get_database_backend(), sql)).await? {
            standing.breaking.push(row.try_get_by_index(0)?);
        }
    }
    standing.breaking.retain(|step| !known.contains(step));
    standing.pending.extend(known.iter().filter(|step| !applied_names.contains(step)).cloned());
    standing.unknown.extend(applied_names.into_iter().filter(|step| !known.contains(step)));
    Ok(standing)
}

fn names() -> Vec<String> {
    Migrator::migrations().iter().map(|step| step.name().to_owned()).collect()
}

async fn applied<C: ConnectionTrait>(db: &C) -> Result<Vec<seaql_migrations::Model>, DbErr> {
    use sea_orm::{EntityTrait, QueryOrder};
    seaql_migrations::Entity::find().order_by_asc(seaql_migrations::Column::Version).all(db).await
}
