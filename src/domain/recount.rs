//! Checks that counters equal what they count, and mends those that don't, a range of ids at a time. Each domain says which
//! counters its rows have.

use chrono::TimeDelta;
use sea_orm::{
    ConnectionTrait, ExprTrait, FromQueryResult,
    sea_query::{Expr, Order, Query},
};
use uuid::Uuid;

use super::registration::{Counter, DOMAINS, Domain, Schedule};
use crate::{app::App, error::Result};

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

async fn mend(app: &App, counter: &Counter) -> Result<u64> {
    let Counter { table, column, facts } = *counter;
    let mut wrong = 0;
    let mut after = Uuid::nil();
    while let Some(last) = last_of_batch(app, table, after).await? {
        let mending = Query::update()
            .table(table)
            .value(column, facts())
            .and_where(Expr::col("id").gt(after))
            .and_where(Expr::col("id").lte(last))
            .and_where(Expr::col(column).ne(facts()))
            .take();
        wrong += app
            .db
            .transact(async |tx| {
                tx.without_time_limit().await?;
                Ok(ConnectionTrait::execute(&tx, &mending).await?.rows_affected())
            })
            .await?;
        after = last;
    }
    Ok(wrong)
}

#[derive(Debug, FromQueryResult)]
struct Last {
    id: Uuid,
}

/// The highest id of the next batch; `None` behind the last.
async fn last_of_batch(app: &App, table: &'static str, after: Uuid) -> Result<Option<Uuid>> {
    let batch = Query::select()
        .column("id")
        .from(table)
        .and_where(Expr::col("id").gt(after))
        .order_by("id", Order::Asc)
        .limit(BATCH)
        .take();
    let last = Query::select().column("id").from_subquery(batch, "batch").order_by("id", Order::Desc).limit(1).take();
    Ok(app.db.select::<Last>(&last).await?.pop().map(|last| last.id))
}
