//! Answering posts, and replying to answers.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, LockType, Query},
};

use super::{CommentView, MAX_COMMENT, not_allowed, notices::CommentCreated, queries::comments_by_id};
use crate::{
    app::App,
    domain::{
        Idempotent,
        actor::Actor,
        events::{self, NewEvent},
        idempotency::{Claim, Fingerprint, claim_in},
        notifications::{Deleted, Edited, notify_in},
    },
    entity::{
        CommentId, PostId, UserId, comment,
        event::{EventKind, StreamKind},
        post,
    },
    error::{Error, Result},
    platform::{db::Transaction, text},
};

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommentTarget {
    /// A post is answered.
    Post(PostId),
    /// Another comment is replied to.
    Comment(CommentId),
}

/// An answer that is to be written.
#[derive(Debug, Clone)]
pub(crate) struct CommentCreate {
    /// What is answered.
    pub target: CommentTarget,
    /// 1 to [`MAX_COMMENT`] characters.
    pub body: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

/// Answers a post or replies to a comment. Codes: BLANK, TOO_LONG, INVALID_CHARACTERS, NOT_FOUND, IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn comment_create(
    app: &App,
    actor: &Actor,
    command: CommentCreate,
) -> Result<Idempotent<CommentView>> {
    let author = actor.require_user()?.id;
    let body = text::required("body", text::block("body", &command.body, MAX_COMMENT)?)?;
    let input = input(command.target, &body);
    let now = app.clock.now();
    let id = CommentId(app.ids.next(now));
    let key = command.idempotency_key.as_deref();
    let result = app
        .db
        .transact(async |tx| {
            if let Claim::Replay(id) = claim_in(app, &tx, author, "commentCreate", key, &input, id.0).await? {
                return Ok(Err(CommentId(id)));
            }
            let (post_id, parent_id) = target_in(&tx, command.target).await?;
            let comment = comment::Model {
                id,
                post_id,
                parent_id,
                author_id: Some(author),
                body: body.clone(),
                like_count: 0,
                reply_count: 0,
                visible_reply_count: 0,
                created_at: now,
                edited_at: None,
                deleted_at: None,
            };
            insert_in(app, &tx, &comment).await?;
            Ok(Ok(comment))
        })
        .await?;
    match result {
        Ok(comment) => Ok(Idempotent { value: CommentView::bare(comment), replayed: false }),
        Err(id) => {
            let value = comments_by_id(app, actor, &[id]).await?.remove(&id).ok_or_else(|| Error::not_found("id"))?;
            Ok(Idempotent { value, replayed: true })
        }
    }
}

fn input(target: CommentTarget, body: &str) -> Fingerprint {
    let (post, comment, before) = match target {
        CommentTarget::Post(id) => (Some(id), None, format!("Post({id}) {body}")),
        CommentTarget::Comment(id) => (None, Some(id), format!("Comment({id}) {body}")),
    };
    let input = Fingerprint::v1().optional("postId", post).optional("commentId", comment);
    input.field("body", body).before_versions(before)
}

/// A comment that is replied to.
#[derive(Debug, FromQueryResult)]
struct Parent {
    post_id: PostId,
}

/// A post that is answered.
#[derive(Debug, FromQueryResult)]
struct Answered {
    event_seq: i64,
}

/// The post, and the parent whose replies are counted up; both have to be there and not deleted.
async fn target_in(tx: &Transaction, target: CommentTarget) -> Result<(PostId, Option<CommentId>)> {
    match target {
        CommentTarget::Post(id) => Ok((id, None)),
        CommentTarget::Comment(id) => {
            let replies = |column: comment::Column| Expr::col(column).add(1);
            let mut counting = comment::Entity::update_many()
                .col_expr(comment::Column::ReplyCount, replies(comment::Column::ReplyCount))
                .col_expr(comment::Column::VisibleReplyCount, replies(comment::Column::VisibleReplyCount))
                .filter(comment::Column::Id.eq(id))
                .filter(comment::Column::DeletedAt.is_null());
            let counting =
                QueryTrait::query(&mut counting).returning(Query::returning().column(comment::Column::PostId));
            let Parent { post_id } = tx.read(counting).await?.pop().ok_or_else(|| Error::not_found("commentId"))?;
            Ok((post_id, Some(id)))
        }
    }
}

async fn insert_in(app: &App, tx: &Transaction, comment: &comment::Model) -> Result<()> {
    // The post first: the new row's foreign key would otherwise hold a share of the lock that the update needs whole.
    let mut counting = post::Entity::update_many()
        .col_expr(post::Column::CommentCount, Expr::col(post::Column::CommentCount).add(1))
        .col_expr(post::Column::EventSeq, Expr::col(post::Column::EventSeq).add(1))
        .filter(post::Column::Id.eq(comment.post_id))
        .filter(post::Column::DeletedAt.is_null());
    let counting = QueryTrait::query(&mut counting).returning(Query::returning().column(post::Column::EventSeq));
    let answered = if comment.parent_id.is_some() { "commentId" } else { "postId" };
    let counted = tx.read(counting).await?.pop();
    let Answered { event_seq: seq } = counted.ok_or_else(|| Error::not_found(answered))?;
    comment::Entity::insert(comment.clone().into_active_model()).exec_without_returning(tx).await?;
    notify_in(app, tx, &CommentCreated { comment: comment.id.0 }).await?;
    let event =
        NewEvent { kind: EventKind::CommentCreated, actor_id: comment.author_id, subject_id: Some(comment.id.0) };
    events::write_in(app, tx, StreamKind::Post, comment.post_id.0, seq, event).await
}

/// Changes one's own comment; without a text it stays as it is. Codes: NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn comment_update(
    app: &App,
    actor: &Actor,
    id: CommentId,
    body: Option<String>,
) -> Result<CommentView> {
    let user = actor.require_user()?.id;
    let body = body
        .map(|body| text::block("body", &body, MAX_COMMENT).and_then(|body| text::required("body", body)))
        .transpose()?;
    app.db
        .transact(async |tx| {
            let view = own_in(&tx, id, user).await?;
            let Some(body) = body.as_ref().filter(|body| **body != view.comment.body) else { return Ok(view) };
            let changed = comment::ActiveModel {
                body: Set(body.clone()),
                edited_at: Set(Some(app.clock.now())),
                ..Default::default()
            };
            let comment = changed_in(&tx, id, changed).await?;
            notify_in(app, &tx, &Edited { subject: id.0 }).await?;
            Ok(comment)
        })
        .await
}

/// Changes a comment that is there.
async fn changed_in(tx: &Transaction, id: CommentId, change: comment::ActiveModel) -> Result<CommentView> {
    let changing = comment::Entity::update_many().set(change).filter(comment::Column::Id.eq(id));
    let comment = changing.exec_with_returning(tx).await?.pop().ok_or_else(|| Error::not_found("id"))?;
    Ok(CommentView::bare(comment))
}

/// Deletes one's own comment; while it has replies a tombstone is shown. Codes: NOT_FOUND, NOT_ALLOWED.
pub(crate) async fn comment_delete(app: &App, actor: &Actor, id: CommentId) -> Result<CommentView> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            let view = own_in(&tx, id, user).await?;
            let deleted = comment::ActiveModel {
                body: Set(String::new()),
                deleted_at: Set(Some(app.clock.now())),
                ..Default::default()
            };
            let comment = changed_in(&tx, id, deleted).await?;
            if let Some(parent) = view.comment.parent_id {
                comment::Entity::update_many()
                    .col_expr(comment::Column::ReplyCount, Expr::col(comment::Column::ReplyCount).sub(1))
                    .filter(comment::Column::Id.eq(parent))
                    .exec(&tx)
                    .await?;
                if view.comment.visible_reply_count == 0 {
                    vanish_in(&tx, parent).await?;
                }
            }
            post::Entity::update_many()
                .col_expr(post::Column::CommentCount, Expr::col(post::Column::CommentCount).sub(1))
                .filter(post::Column::Id.eq(view.comment.post_id))
                .exec(&tx)
                .await?;
            notify_in(app, &tx, &Deleted { subject: id.0 }).await?;
            Ok(comment)
        })
        .await
}

/// A listed reply of this comment is gone. Where that was a tombstone's last, the tombstone goes too, and so on upwards.
async fn vanish_in(tx: &Transaction, parent: CommentId) -> Result<()> {
    let mut parent = Some(parent);
    while let Some(id) = parent {
        let fewer = Expr::col(comment::Column::VisibleReplyCount).sub(1);
        let counting = comment::Entity::update_many()
            .col_expr(comment::Column::VisibleReplyCount, fewer)
            .filter(comment::Column::Id.eq(id));
        let comment = counting.exec_with_returning(tx).await?.pop().ok_or_else(|| Error::not_found("id"))?;
        let is_hidden = comment.deleted_at.is_some() && comment.visible_reply_count == 0;
        parent = comment.parent_id.filter(|_| is_hidden);
    }
    Ok(())
}

/// Locks a comment that has to be there, not deleted, and the actor's own; nobody is being told of it meanwhile.
async fn own_in(tx: &Transaction, id: CommentId, user: UserId) -> Result<CommentView> {
    let comment = comment::Entity::find_by_id(id).lock(LockType::Update).one(tx).await?;
    let comment = comment.filter(|comment| comment.deleted_at.is_none()).ok_or_else(|| Error::not_found("id"))?;
    let view = CommentView::bare(comment);
    if view.can_change(Some(user)) { Ok(view) } else { Err(not_allowed()) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        assert_eq!(
            input(CommentTarget::Post(PostId(Uuid::nil())), "hello").texts(),
            (
                "postId 31 post_00000000000000000000000000\nbody 5 hello\n",
                "Post(post_00000000000000000000000000) hello"
            )
        );
        assert_eq!(
            input(CommentTarget::Comment(CommentId(Uuid::nil())), "hello").texts(),
            (
                "commentId 34 comment_00000000000000000000000000\nbody 5 hello\n",
                "Comment(comment_00000000000000000000000000) hello"
            )
        );
    }
}
