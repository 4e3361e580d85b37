//! Goals as something that payments are for.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait,
    Select,
};
use uuid::Uuid;

use super::{
    closing::must_go_back,
    notices::{Contributed, ContributionCommented, ContributionReturned},
    reclaims::reclaim_in,
    rows::{lock_given_in, save_given_in, save_in},
};
use crate::{
    app::App,
    domain::{
        ledger::AccountRef,
        notifications::{notify_all_in, notify_in},
        payments::{Settlement, Target},
    },
    entity::{
        ContributionId, GoalId, PaymentId, RefundId, UserId, contribution_comment,
        goal::{self, Funding, GoalState},
        goal_contribution::{self, ContributionState},
        ledger_transfer::TransferKind,
        payment::{self, ProviderKind, TargetKind},
    },
    error::{Error, Result, State, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// The target of contributions: the goal's escrow.
#[derive(Debug)]
pub(crate) struct Contributions;

/// A payment's goal.
fn goal_of(payment: PaymentId) -> Select<goal::Entity> {
    goal::Entity::find()
        .join(JoinType::InnerJoin, goal::Relation::Contributions.def())
        .filter(goal_contribution::Column::PaymentId.eq(payment))
}

/// What a payer is told that they give to.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "goal::Entity")]
struct Titled {
    title: String,
}

/// What the goal's owner was told of a contribution, and of what was said about it, holds again.
async fn told_again_in(app: &App, tx: &Transaction, given: ContributionId) -> Result<()> {
    notify_in(app, tx, &Contributed { contribution: given.0 }).await?;
    let said = contribution_comment::Entity::find()
        .select_only()
        .column(contribution_comment::Column::Id)
        .filter(contribution_comment::Column::ContributionId.eq(given))
        .filter(contribution_comment::Column::DeletedAt.is_null());
    let said = said.into_tuple::<Uuid>().all(tx).await?;
    let said: Vec<_> = said.into_iter().map(|comment| ContributionCommented { comment }).collect();
    notify_all_in(app, tx, &said).await
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
        let goal: Option<Titled> = app.db.read_one(goal_of(payment.id)).await?;
        Ok(goal.map_or_else(|| app.config.email.service_name().to_owned(), |goal| goal.title))
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
        Ok(Settlement { account_ref: AccountRef::Escrow(goal.id), kind: TransferKind::Contribution, give_back })
    }

    async fn account_ref_in(&self, tx: &Transaction, payment: &payment::Model) -> Result<AccountRef> {
        let goal = goal_of(payment.id).select_only().column(goal::Column::Id).into_tuple::<GoalId>().one(tx).await?;
        goal.map(AccountRef::Escrow).ok_or_else(|| missing(payment))
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

    async fn restore_in(
        &self,
        app: &App,
        tx: &Transaction,
        payment: &payment::Model,
        amount: i64,
    ) -> Result<AccountRef> {
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
        Ok(AccountRef::Escrow(goal.id))
    }

    async fn must_go_back_in(&self, tx: &Transaction, payment: &payment::Model) -> Result<Option<&'static str>> {
        let state = goal_of(payment.id).select_only().column(goal::Column::State);
        let state = state.into_tuple::<GoalState>().one(tx).await?;
        state.map(must_go_back).ok_or_else(|| missing(payment))
    }

    async fn dropped_in(&self, _: &App, tx: &Transaction, payment: &payment::Model) -> Result<()> {
        let dropped = goal_contribution::ActiveModel { state: Set(ContributionState::Dropped), ..Default::default() };
        goal_contribution::Entity::update_many()
            .set(dropped)
            .filter(goal_contribution::Column::PaymentId.eq(payment.id))
            .filter(goal_contribution::Column::Received.eq(0_i64))
            .exec(tx)
            .await?;
        Ok(())
    }

    async fn owner_in(&self, tx: &Transaction, payment: &payment::Model) -> Result<Option<UserId>> {
        let owner = goal_of(payment.id).select_only().column(goal::Column::OwnerId);
        Ok(owner.into_tuple::<Option<UserId>>().one(tx).await?.flatten())
    }
}
