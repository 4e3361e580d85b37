//! Goals as something that payments are for.

use super::{
    closing::must_go_back,
    notices::{Contributed, ContributionCommented, ContributionReturned},
    reclaims::reclaim_in,
    rows::{lock_given_in, save_given_in, save_in},
};
use crate::{
    app::App,
    domain::{
        ledger::Place,
        notifications::{notify_all_in, notify_in},
        payments::{Settlement, Target},
    },
    entity::{
        ContributionId, GoalId, RefundId, UserId,
        goal::{Funding, GoalState},
        goal_contribution::ContributionState,
        ledger_transfer::TransferKind,
        payment::{self, ProviderKind, TargetKind},
    },
    error::{Error, Result, State, UserError, UserErrorCode},
    platform::db::{Columns, Transaction},
};

/// The target of contributions: the goal's escrow.
#[derive(Debug)]
pub struct Contributions;

/// Of a payment's goal, by the words of a column.
const GOAL_OF: &str = "FROM goal_contributions c JOIN goals g ON g.id = c.goal_id WHERE c.payment_id = $1";

/// What the goal's owner was told of a contribution, and of what was said about it, holds again.
async fn told_again_in(app: &App, tx: &Transaction, given: ContributionId) -> Result<()> {
    let sql = "SELECT id FROM contribution_comments WHERE contribution_id = $1 AND deleted_at IS NULL";
    notify_in(app, tx, &Contributed { contribution: given.0 }).await?;
    let rows = tx.rows(sql, vec![given.0.into()]).await?;
    let said = rows.iter().map(|row| Ok(ContributionCommented { comment: Columns::new(row).take()? }));
    notify_all_in(app, tx, &said.collect::<Result<Vec<_>>>()?).await
}

fn missing(payment: &payment::Model) -> Error {
    Error::internal(format!("{} is for a contribution that is not there", payment.id))
}

#[async_trait::async_trait]
impl Target for Contributions {
    fn kind(&self) -> TargetKind {
        TargetKind::GoalContribution
    }

    fn accepts(&self, _: ProviderKind) -> bool {
        // Cash, too, where it is offered: charities collect at the door.
        true
    }

    async fn describe(&self, app: &App, payment: &payment::Model) -> Result<String> {
        let rows = app.db.rows(format!("SELECT g.title {GOAL_OF}"), vec![payment.id.0.into()]).await?;
        rows.first().map_or_else(|| Ok(app.config.email.service_name().to_owned()), |row| Columns::new(row).take())
    }

    async fn settle_in(
        &self,
        app: &App,
        tx: &Transaction,
        payment: &payment::Model,
        amount: i64,
    ) -> Result<Settlement> {
        let (view, given) = lock_given_in(tx, payment.id).await?;
        let (mut goal, mut given) = (view.goal, given.contribution);
        let now = app.clock.now();
        // Of a goal that is over, too: the money is in its escrow until it has gone back.
        let give_back = (!super::is_open(&goal, now)).then_some("goal_closed");
        let is_first = given.received == given.refunded;
        goal.raised = goal.raised.checked_add(amount).ok_or_else(|| Error::internal("what was raised does not fit"))?;
        goal.contribution_count += i64::from(is_first);
        given.received += amount;
        given.received_at = given.received_at.or(Some(now));
        given.state = ContributionState::Received;
        save_given_in(tx, &given).await?;
        save_in(app, tx, &goal).await?;
        if give_back.is_none() && is_first {
            notify_in(app, tx, &Contributed { contribution: given.id.0 }).await?;
        }
        Ok(Settlement { place: Place::Escrow(goal.id), kind: TransferKind::Contribution, give_back })
    }

    async fn place_in(&self, tx: &Transaction, payment: &payment::Model) -> Result<Place> {
        let row = tx.row(format!("SELECT g.id {GOAL_OF}"), vec![payment.id.0.into()]).await?;
        let goal: GoalId = Columns::new(&row.ok_or_else(|| missing(payment))?).take()?;
        Ok(Place::Escrow(goal))
    }

    async fn check_refund_in(&self, app: &App, tx: &Transaction, payment: &payment::Model, amount: i64) -> Result<()> {
        let (view, _) = lock_given_in(tx, payment.id).await?;
        let goal = &view.goal;
        // Else whoever raises could reach a fixed target by their own money, withdraw, and take it back.
        let is_kept = goal.funding != Funding::Fixed
            || goal.withdrawn == 0
            || super::kept_in(app, tx, goal).await? - amount >= goal.target;
        if is_kept {
            return Ok(());
        }
        Err(UserError::input("id", UserErrorCode::WrongState).with("state", State::Withdrawn).into())
    }

    async fn secure_in(
        &self,
        app: &App,
        tx: &Transaction,
        payment: &payment::Model,
        amount: i64,
        refund: RefundId,
    ) -> Result<Option<UserId>> {
        let (view, _) = lock_given_in(tx, payment.id).await?;
        reclaim_in(app, tx, view.goal, amount, refund).await
    }

    async fn unsettle_in(&self, app: &App, tx: &Transaction, payment: &payment::Model, amount: i64) -> Result<()> {
        let (view, given) = lock_given_in(tx, payment.id).await?;
        let (mut goal, mut given) = (view.goal, given.contribution);
        goal.raised -= amount;
        given.refunded += amount;
        if given.refunded == given.received {
            given.state = ContributionState::Refunded;
            goal.contribution_count -= 1;
            notify_in(app, tx, &ContributionReturned { contribution: given.id.0 }).await?;
        }
        save_given_in(tx, &given).await?;
        save_in(app, tx, &goal).await
    }

    async fn restore_in(&self, app: &App, tx: &Transaction, payment: &payment::Model, amount: i64) -> Result<Place> {
        let (view, given) = lock_given_in(tx, payment.id).await?;
        let (mut goal, mut given) = (view.goal, given.contribution);
        goal.raised = goal.raised.checked_add(amount).ok_or_else(|| Error::internal("what was raised does not fit"))?;
        if given.received == given.refunded {
            goal.contribution_count += 1;
            told_again_in(app, tx, given.id).await?;
        }
        given.refunded -= amount;
        given.state = ContributionState::Received;
        save_given_in(tx, &given).await?;
        save_in(app, tx, &goal).await?;
        Ok(Place::Escrow(goal.id))
    }

    async fn must_go_back_in(&self, tx: &Transaction, payment: &payment::Model) -> Result<Option<&'static str>> {
        let row = tx.row(format!("SELECT g.state {GOAL_OF}"), vec![payment.id.0.into()]).await?;
        let state: GoalState = Columns::new(&row.ok_or_else(|| missing(payment))?).take()?;
        Ok(must_go_back(state))
    }

    async fn dropped_in(&self, _: &App, tx: &Transaction, payment: &payment::Model) -> Result<()> {
        let sql = "UPDATE goal_contributions SET state = 'dropped' WHERE payment_id = $1 AND received = 0";
        tx.execute(sql, vec![payment.id.0.into()]).await.map(drop)
    }

    async fn owner_in(&self, tx: &Transaction, payment: &payment::Model) -> Result<Option<UserId>> {
        let row = tx.row(format!("SELECT g.owner_id {GOAL_OF}"), vec![payment.id.0.into()]).await?;
        row.map_or(Ok(None), |row| Columns::new(&row).take())
    }
}
