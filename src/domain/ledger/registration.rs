//! What the ledger hands over.

use chrono::TimeDelta;

use super::{holds, post, sql};
use crate::{
    app::App,
    domain::registration::{Domain, Schedule},
    error::Result,
};

pub(crate) const DOMAIN: Domain = Domain {
    tables: &["ledger_accounts", "ledger_transfers", "ledger_entries", "ledger_deltas"],
    schedules: &[
        Schedule { name: "fold", every: TimeDelta::minutes(1), run: |app| Box::pin(fold(app)) },
        Schedule { name: "holds", every: TimeDelta::minutes(1), run: |app| Box::pin(expire_holds(app)) },
    ],
    rules: sql::RULES,
    ..Domain::named("ledger")
};

async fn fold(app: &App) -> Result<()> {
    post::fold(app).await.map(drop)
}

async fn expire_holds(app: &App) -> Result<()> {
    let ended = holds::expire_holds(app).await?;
    if ended > 0 {
        tracing::info!(ended, "holds whose time was over let their money go");
    }
    Ok(())
}
