//! What wallets hand over.

use chrono::TimeDelta;

use super::{privacy, withdrawals};
use crate::{
    app::App,
    domain::registration::{Domain, Schedule},
    entity::UserId,
    error::Result,
    platform::db::Transaction,
};

pub(crate) const DOMAIN: Domain = Domain {
    tables: &["payout_methods", "withdrawals", "wallet_adjustments"],
    schedules: &[Schedule { name: "withdrawals", every: TimeDelta::hours(1), run: |app| Box::pin(expire(app)) }],
    exports: privacy::EXPORT,
    holds_money_in: |_, tx, user| Box::pin(holds_money_in(tx, user)),
    leave_in: |_, tx, user| Box::pin(privacy::is_empty_in(tx, user)),
    erase_in: |_, tx, user| Box::pin(privacy::erase_in(tx, user)),
    rules: privacy::RULES,
    ..Domain::named("wallets")
};

async fn holds_money_in(tx: &Transaction, user: UserId) -> Result<bool> {
    Ok(!privacy::is_empty_in(tx, user).await?)
}

async fn expire(app: &App) -> Result<()> {
    let ended = withdrawals::expire_withdrawals(app).await?;
    if ended > 0 {
        tracing::warn!(ended, "withdrawals that nobody decided about in time are over");
    }
    Ok(())
}
