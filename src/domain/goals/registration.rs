//! What goals hand over.

use chrono::TimeDelta;

use super::{
    Contributions, closing, commands,
    jobs::{RefundAll, SendNews},
    notices::{Contributed, ContributionCommented, ContributionReturned, GoalEnded, NewsPublished, SUBJECTS},
    privacy, sql,
};
use crate::{
    app::App,
    domain::{
        jobs::Handler,
        notifications::NoticeHandler,
        payments::{RefundDecided, RefundRequested},
        posts::PostDeleted,
        registration::{Derived, Domain, Schedule},
    },
    entity::event::StreamKind,
    error::Result,
};

pub(crate) const DOMAIN: Domain = Domain {
    tables: &["goals", "goal_contributions", "contribution_comments", "goal_updates", "goal_withdrawals"],
    streams: &[(StreamKind::Goal, "goals")],
    jobs: &[Handler::of::<PostDeleted>(), Handler::of::<RefundAll>(), Handler::of::<SendNews>()],
    notices: &[
        NoticeHandler::of::<Contributed>(),
        NoticeHandler::of::<ContributionCommented>(),
        NoticeHandler::of::<ContributionReturned>(),
        NoticeHandler::of::<RefundRequested>(),
        NoticeHandler::of::<RefundDecided>(),
        NoticeHandler::of::<NewsPublished>(),
        NoticeHandler::of::<GoalEnded>(),
    ],
    subjects: SUBJECTS,
    schedules: &[Schedule { name: "goals", every: TimeDelta::minutes(1), run: |app| Box::pin(close_overdue(app)) }],
    derived: &[Derived { part: "goals", refold_in: |tx, after| Box::pin(commands::refold_in(tx, after)) }],
    exports: privacy::EXPORT,
    holds_money_in: |_, tx, user| Box::pin(privacy::holds_money_in(tx, user)),
    leave_in: |app, tx, user| Box::pin(privacy::leave_in(app, tx, user)),
    erase_in: |_, tx, user| Box::pin(privacy::erase_in(tx, user)),
    rules: sql::RULES,
    targets: &[&Contributions],
    ..Domain::named("goals")
};

async fn close_overdue(app: &App) -> Result<()> {
    let closed = closing::close_overdue(app).await?;
    tracing::debug!(closed, "goals whose time is over are closed");
    Ok(())
}
