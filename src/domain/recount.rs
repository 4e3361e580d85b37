//! Checks that counters equal what they count, and mends those that don't, a range of ids at a time. Each domain says which
//! counters its rows have.

use chrono::TimeDelta;
use uuid::Uuid;

use super::registration::{Counter, DOMAINS, Domain, Schedule};
use crate::{app::App, error::Result, platform::db::Columns};

/// What recounting hands over.
pub(crate) const DOMAIN: Domain = Domain {
    schedules: &[Schedule { name: "recount", every: TimeDelta::hours(24), run: |app| Box::pin(run(app)) }],
    ..Domain::named("recount")
};

/// How many rows are looked at in one transaction.
const BATCH: u64 = 1000;

async fn run(app: &App) -> Result<()> {
    let wrong = recount(app).await?;
    if wrong > 0 {
        tracing::error!(wrong, "counters differed from what they count and were mended");
    }
    Ok(())
}

/// Mends every counter that differs from its facts; gives how many did: always none, or there is a bug.
pub async fn recount(app: &App) -> Result<u64> {
    let mut wrong = 0;
    for domain in DOMAINS {
        for counter in domain.counters {
            wrong += mend(app, counter).await?;
        }
    }
    Ok(wrong)
}

async fn mend(app: &App, Counter { table, column, facts }: &Counter) -> Result<u64> {
    let mut wrong = 0;
    let mut after = Uuid::nil();
    while let Some(last) = last_of_batch(app, table, after).await? {
        let sql =
            format!("UPDATE {table} SET {column} = ({facts}) WHERE id > $1 AND id <= $2 AND {column} <> ({facts})");
        wrong += app
            .db
            .transact(async |tx| {
                tx.without_time_limit().await?;
                tx.execute(sql.as_str(), vec![after.into(), last.into()]).await
            })
            .await?;
        after = last;
    }
    Ok(wrong)
}

/// The highest id of the next batch; `None` behind the last.
async fn last_of_batch(app: &App, table: &str, after: Uuid) -> Result<Option<Uuid>> {
    let sql = format!(
        "SELECT id FROM (SELECT id FROM {table} WHERE id > $1 ORDER BY id LIMIT {BATCH}) b ORDER BY id DESC LIMIT 1"
    );
    app.db.rows(sql, vec![after.into()]).await?.first().map(|row| Columns::new(row).take()).transpose()
}
