//! What goals hold about a person, and how they forget it.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::{closing::abandon_in, rows::lock_goal_in, sql};
use crate::{
    app::App,
    domain::export::{
        Kind::{Id, Integer, Text, Time, Word},
        Table,
    },
    entity::{
        GoalId, UserId,
        goal::{self, GoalState},
        goal_contribution,
    },
    error::Result,
    platform::db::Transaction,
};

/// What goals hold about a person: what they raise, what they gave, what they wrote.
pub(super) const EXPORT: &[Table] = &[
    Table {
        file: "goals.json",
        table: "goals",
        owner: "owner_id",
        key: "id",
        columns: &[
            ("id", "id", Id("goal")),
            ("postId", "post_id", Id("post")),
            ("title", "title", Text),
            ("story", "story", Text),
            ("category", "category", Text),
            ("currency", "currency", Text),
            ("targetMinor", "target", Integer),
            ("raisedMinor", "raised", Integer),
            ("withdrawnMinor", "withdrawn", Integer),
            ("funding", "funding", Text),
            ("state", "state", Word),
            ("endReason", "end_reason", Text),
            ("coverUrl", "cover_url", Text),
            ("deadline", "deadline", Time),
            ("createdAt", "created_at", Time),
            ("editedAt", "edited_at", Time),
            ("endedAt", "ended_at", Time),
        ],
    },
    Table {
        file: "goal-news.json",
        table: sql::NEWS_OF_OWNERS,
        owner: "owner_id",
        key: "id",
        columns: &[
            ("id", "id", Id("goalnews")),
            ("goalId", "goal_id", Id("goal")),
            ("title", "title", Text),
            ("body", "body", Text),
            ("createdAt", "created_at", Time),
        ],
    },
    Table {
        file: "goal-withdrawals.json",
        table: sql::WITHDRAWALS_OF_OWNERS,
        owner: "owner_id",
        key: "id",
        columns: &[
            ("id", "id", Id("goalwithdrawal")),
            ("goalId", "goal_id", Id("goal")),
            ("currency", "currency", Text),
            ("amountMinor", "amount", Integer),
            ("feeMinor", "fee", Integer),
            ("createdAt", "created_at", Time),
            ("reversedAt", "reversed_at", Time),
        ],
    },
    Table {
        file: "contributions.json",
        table: sql::GIVEN_IN_CURRENCIES,
        owner: "contributor_id",
        key: "id",
        columns: &[
            ("id", "id", Id("contribution")),
            ("goalId", "goal_id", Id("goal")),
            ("paymentId", "payment_id", Id("payment")),
            ("currency", "currency", Text),
            ("amountMinor", "amount", Integer),
            ("receivedMinor", "received", Integer),
            ("refundedMinor", "refunded", Integer),
            ("state", "state", Word),
            ("anonymous", sql::IS_ANONYMOUS, Text),
            ("hiddenFromOwner", sql::IS_HIDDEN_FROM_OWNER, Text),
            ("message", "message", Text),
            ("createdAt", "created_at", Time),
            ("receivedAt", "received_at", Time),
        ],
    },
    Table {
        file: "contribution-comments.json",
        table: "contribution_comments",
        owner: "author_id",
        key: "id",
        columns: &[
            ("id", "id", Id("contributioncomment")),
            ("contributionId", "contribution_id", Id("contribution")),
            ("body", "body", Text),
            ("createdAt", "created_at", Time),
            ("editedAt", "edited_at", Time),
            ("deletedAt", "deleted_at", Time),
        ],
    },
];

/// The ids of a person's goals.
fn own(user: UserId) -> Select<goal::Entity> {
    goal::Entity::find().select_only().column(goal::Column::Id).filter(goal::Column::OwnerId.eq(user))
}

/// Whether there is money in goals of a person: then they can't leave, or it would be nobody's.
pub(super) async fn holds_money_in(tx: &Transaction, user: UserId) -> Result<bool> {
    let has_some = goal::Column::Raised.into_expr().gt(goal::Column::Withdrawn.into_expr());
    Ok(own(user).filter(has_some).into_tuple::<GoalId>().one(tx).await?.is_some())
}

/// A person is about to be deleted: their open goals are called off. False while money is still in any of them: what has to
/// go back has not gone yet, or they have not fetched what is theirs.
pub(super) async fn leave_in(app: &App, tx: &Transaction, user: UserId) -> Result<bool> {
    let open = own(user).filter(goal::Column::State.eq(GoalState::Open)).order_by_asc(goal::Column::Id);
    for id in open.into_tuple::<GoalId>().all(tx).await? {
        if let Some(view) = lock_goal_in(tx, id).await? {
            abandon_in(app, tx, &view).await?;
        }
    }
    Ok(!holds_money_in(tx, user).await?)
}

/// Forgets a person who is about to be deleted: what they said with what they gave goes. What they gave stays, and loses
/// their name with the person's row, as their comments do.
pub(super) async fn erase_in(tx: &Transaction, user: UserId) -> Result<()> {
    let silent = goal_contribution::ActiveModel { message: Set(String::new()), ..Default::default() };
    goal_contribution::Entity::update_many()
        .set(silent)
        .filter(goal_contribution::Column::ContributorId.eq(user))
        .exec(tx)
        .await?;
    Ok(())
}
