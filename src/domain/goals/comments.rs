//! The talk about what was given.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, IntoActiveModel, JoinType, QueryFilter, QuerySelect,
    QueryTrait, RelationTrait, Select, UpdateMany,
    sea_query::{Expr, LockType},
};

use super::{MAX_COMMENT, contributions::contributions_by_id, notices::ContributionCommented};
use crate::{
    app::App,
    domain::{
        Idempotent,
        actor::Actor,
        idempotency::{Claim, Fingerprint, claim_in},
        notifications::{Deleted, Edited, notify_in},
        permissions::Permission,
    },
    entity::{
        ContributionCommentId, ContributionId, UserId,
        contribution_comment::{ActiveModel, Column, Entity, Model, Relation},
        goal,
        goal_contribution::{self, ContributionState},
    },
    error::{Error, Result, UserErrorCode},
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// A comment on what somebody gave, with whose goal it was given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContributionComment {
    /// The row of `contribution_comments`; without its author once it is deleted.
    pub comment: Model,
    /// Whose goal it is.
    pub owner_id: Option<UserId>,
    /// Its author gave what it is about, and is anonymous there.
    is_anonymous: bool,
    /// To the goal's owner, too.
    is_hidden_from_owner: bool,
}

impl ContributionComment {
    /// Who wrote it, where the actor may know: who gave and is anonymous there is not shown by a comment either.
    #[must_use]
    pub(crate) fn author_for(&self, actor: &Actor) -> Option<UserId> {
        let viewer = actor.user_id();
        let is_owner = self.owner_id.is_some() && self.owner_id == viewer;
        let shown = !self.is_anonymous
            || self.comment.author_id == viewer
            || actor.may(Permission::SeeMoney)
            || (is_owner && !self.is_hidden_from_owner);
        self.comment.author_id.filter(|_| shown)
    }

    /// Whether this person may change it: its author.
    #[must_use]
    pub(crate) fn can_change(&self, viewer: Option<UserId>) -> bool {
        viewer.is_some() && self.comment.author_id == viewer && self.comment.deleted_at.is_none()
    }

    /// Whether this person may delete it: its author, and whose goal it is.
    #[must_use]
    pub(crate) fn can_delete(&self, viewer: Option<UserId>) -> bool {
        let owner = viewer.is_some() && self.owner_id == viewer && self.comment.deleted_at.is_none();
        self.can_change(viewer) || owner
    }
}

/// What is read of a comment, its contribution and its goal.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Row {
    #[sea_orm(nested)]
    comment: Model,
    #[sea_orm(from_expr = "goal::Column::OwnerId")]
    owner_id: Option<UserId>,
    /// None where either account was erased: then there is nobody to show.
    #[sea_orm(from_expr = "is_by_anonymous_giver()")]
    is_anonymous: Option<bool>,
    #[sea_orm(from_expr = "goal_contribution::Column::IsHiddenFromOwner")]
    is_hidden_from_owner: bool,
}

impl From<Row> for ContributionComment {
    fn from(row: Row) -> Self {
        let Row { mut comment, owner_id, is_anonymous, is_hidden_from_owner } = row;
        if comment.deleted_at.is_some() {
            comment.author_id = None;
        }
        Self { comment, owner_id, is_anonymous: is_anonymous.unwrap_or(false), is_hidden_from_owner }
    }
}

fn is_by_anonymous_giver() -> Expr {
    let is_giver = Column::AuthorId.into_expr().eq(goal_contribution::Column::ContributorId.into_expr());
    is_giver.and(goal_contribution::Column::IsAnonymous.into_expr())
}

/// Comments, joined to what else is read of one.
fn joined(comments: Select<Entity>) -> Select<Entity> {
    comments
        .join(JoinType::InnerJoin, Relation::Contribution.def())
        .join(JoinType::InnerJoin, goal_contribution::Relation::Goal.def())
}

/// Counts so many comments more on a contribution.
fn count(contribution: ContributionId, more: i64) -> UpdateMany<goal_contribution::Entity> {
    let counted = goal_contribution::Column::CommentCount.into_expr().add(more);
    goal_contribution::Entity::update_many()
        .col_expr(goal_contribution::Column::CommentCount, counted)
        .filter(goal_contribution::Column::Id.eq(contribution))
}

/// Comments on a contribution that the actor sees. Codes: NOT_FOUND, BLANK, TOO_LONG, INVALID_CHARACTERS,
/// IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn comment_create(
    app: &App,
    actor: &Actor,
    contribution: ContributionId,
    body: &str,
    key: Option<&str>,
) -> Result<Idempotent<ContributionComment>> {
    let author = actor.require_user()?.id;
    let body = text::required("body", text::block("body", body, MAX_COMMENT)?)?;
    let missing = || Error::not_found("contributionId");
    if contributions_by_id(app, actor, &[contribution]).await?.is_empty() {
        return Err(missing());
    }
    let now = app.clock.now();
    let id = ContributionCommentId(app.ids.next(now));
    let input = input(contribution, &body);
    let comment = Model {
        id,
        contribution_id: contribution,
        author_id: Some(author),
        body,
        created_at: now,
        edited_at: None,
        deleted_at: None,
    };
    let outcome = app
        .db
        .transact(async |tx| {
            let operation = "contributionCommentCreate";
            if let Claim::Replay(id) = claim_in(app, &tx, author, operation, key, &input, id.0).await? {
                return Ok(Idempotent { value: ContributionCommentId(id), replayed: true });
            }
            if !say_in(app, &tx, &comment).await? {
                return Err(missing());
            }
            Ok(Idempotent { value: id, replayed: false })
        })
        .await?;
    Ok(Idempotent { value: get(app, outcome.value).await?, replayed: outcome.replayed })
}

fn input(contribution: ContributionId, body: &str) -> Fingerprint {
    let input = Fingerprint::v1().field("contributionId", contribution).field("body", body);
    input.before_versions(format!("{contribution} {body}"))
}

/// Writes a comment; false when the goal does not have any more what it is about.
pub(crate) async fn say_in(app: &App, tx: &Transaction, comment: &Model) -> Result<bool> {
    let is_there = goal_contribution::Column::State.eq(ContributionState::Received);
    if count(comment.contribution_id, 1).filter(is_there).exec(tx).await?.rows_affected == 0 {
        return Ok(false);
    }
    Entity::insert(comment.clone().into_active_model()).exec_without_returning(tx).await?;
    notify_in(app, tx, &ContributionCommented { comment: comment.id.0 }).await?;
    Ok(true)
}

/// Changes one's own comment; without a text it stays as it is. Codes: NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG,
/// INVALID_CHARACTERS.
pub(crate) async fn comment_update(
    app: &App,
    actor: &Actor,
    id: ContributionCommentId,
    body: Option<String>,
) -> Result<ContributionComment> {
    let user = actor.require_user()?.id;
    let body = body
        .map(|body| text::block("body", &body, MAX_COMMENT).and_then(|body| text::required("body", body)))
        .transpose()?;
    visible(app, actor, id).await?;
    app.db
        .transact(async |tx| {
            let found = lock_in(&tx, id).await?;
            if !found.can_change(Some(user)) {
                return Err(super::at_id(UserErrorCode::NotAllowed).into());
            }
            let Some(body) = body.as_ref().filter(|body| **body != found.comment.body) else { return Ok(()) };
            let edited =
                ActiveModel { body: Set(body.clone()), edited_at: Set(Some(app.clock.now())), ..Default::default() };
            Entity::update_many().set(edited).filter(Column::Id.eq(id)).exec(&tx).await?;
            notify_in(app, &tx, &Edited { subject: id.0 }).await
        })
        .await?;
    get(app, id).await
}

/// Deletes one's own comment, or one about what was given to one's own goal. Codes: NOT_FOUND, NOT_ALLOWED.
pub(crate) async fn comment_delete(app: &App, actor: &Actor, id: ContributionCommentId) -> Result<ContributionComment> {
    let user = actor.require_user()?.id;
    visible(app, actor, id).await?;
    app.db
        .transact(async |tx| {
            let found = lock_in(&tx, id).await?;
            if !found.can_delete(Some(user)) {
                return Err(super::at_id(UserErrorCode::NotAllowed).into());
            }
            let deleted =
                ActiveModel { body: Set(String::new()), deleted_at: Set(Some(app.clock.now())), ..Default::default() };
            Entity::update_many().set(deleted).filter(Column::Id.eq(id)).exec(&tx).await?;
            count(found.comment.contribution_id, -1).exec(&tx).await?;
            notify_in(app, &tx, &Deleted { subject: id.0 }).await
        })
        .await?;
    get(app, id).await
}

/// Refuses what the actor does not see. Code: NOT_FOUND.
async fn visible(app: &App, actor: &Actor, id: ContributionCommentId) -> Result<()> {
    let found = comments_by_id(app, actor, &[id]).await?;
    if found.is_empty() { Err(Error::not_found("id")) } else { Ok(()) }
}

/// Locks a comment that is not deleted, after what it is about, as whoever writes one does. Code: NOT_FOUND.
async fn lock_in(tx: &Transaction, id: ContributionCommentId) -> Result<ContributionComment> {
    let contribution = Entity::find_by_id(id).select_only().column(Column::ContributionId).into_query();
    let about = goal_contribution::Entity::find()
        .select_only()
        .column(goal_contribution::Column::Id)
        .filter(goal_contribution::Column::Id.into_expr().eq(contribution))
        .lock(LockType::NoKeyUpdate);
    about.into_tuple::<ContributionId>().one(tx).await?.ok_or_else(|| Error::not_found("id"))?;
    let found = joined(Entity::find_by_id(id)).into_partial_model::<Row>().one(tx).await?;
    let found = found.map(ContributionComment::from).filter(|found| found.comment.deleted_at.is_none());
    found.ok_or_else(|| Error::not_found("id"))
}

async fn get(app: &App, id: ContributionCommentId) -> Result<ContributionComment> {
    let found: Option<Row> = app.db.read_one(joined(Entity::find_by_id(id))).await?;
    found.map(ContributionComment::from).ok_or_else(|| Error::not_found("id"))
}

/// Comments by id that are not deleted, on contributions that the actor sees.
pub(crate) async fn comments_by_id(
    app: &App,
    actor: &Actor,
    ids: &[ContributionCommentId],
) -> Result<HashMap<ContributionCommentId, ContributionComment>> {
    let found = Entity::find().filter(any_id(Column::Id, ids)).filter(Column::DeletedAt.is_null());
    let found: Vec<Row> = app.db.read(joined(found)).await?;
    let found: Vec<ContributionComment> = found.into_iter().map(Into::into).collect();
    let about: Vec<_> = found.iter().map(|found| found.comment.contribution_id).collect();
    let seen = contributions_by_id(app, actor, &about).await?;
    let found = found.into_iter().filter(|found| seen.contains_key(&found.comment.contribution_id));
    Ok(found.map(|found| (found.comment.id, found)).collect())
}

/// What cursors in the list are tied to.
pub(crate) const COMMENTS_SORT: &str = "contribution_comments.oldest";

/// A comment's place in the list.
#[must_use]
pub(crate) fn comment_cursor(found: &ContributionComment) -> Cursor {
    Cursor { sort: COMMENTS_SORT, key: Key::Time(found.comment.created_at), id: found.comment.id.0 }
}

/// Comments on a contribution, which the actor sees, in time order.
pub(crate) async fn comments(
    app: &App,
    _actor: &Actor,
    contribution: ContributionId,
    page: &Page,
    with_total: bool,
) -> Result<Slice<ContributionComment>> {
    let mut list = List::<Entity>::sorted(Sorting::ascending(Column::CreatedAt, Column::Id));
    list.filter(Column::ContributionId.eq(contribution));
    list.filter(Column::DeletedAt.is_null());
    let found: Slice<Row> = list.page(&app.db, page, with_total, joined).await?;
    Ok(found.map(Into::into))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let id = ContributionId(Uuid::nil());
        let fields = format!("contributionId {} {id}\nbody 6 thanks\n", id.to_string().len());
        assert_eq!(input(id, "thanks").texts(), (fields.as_str(), format!("{id} thanks").as_str()));
    }
}
