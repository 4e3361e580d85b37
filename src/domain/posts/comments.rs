//! Answering posts, and replying to answers.

use super::{
    CommentParts, CommentView, MAX_COMMENT, not_allowed, not_found,
    notices::CommentCreated,
    queries::comments_by_id,
    rows::{comment_columns, read_comment},
};
use crate::{
    app::App,
    domain::{
        Once,
        actor::Actor,
        events::{self, NewEvent},
        idempotency::{Claim, Fingerprint, claim_in},
        notifications::{Deleted, Edited, notify_in},
    },
    entity::{
        CommentId, PostId, UserId, comment,
        event::{EventKind, StreamKind},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::{Columns, Transaction},
        text,
    },
};

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentTarget {
    /// A post is answered.
    Post(PostId),
    /// Another comment is replied to.
    Comment(CommentId),
}

/// An answer that is to be written.
#[derive(Debug, Clone)]
pub struct CommentCreate {
    /// What is answered.
    pub target: CommentTarget,
    /// 1 to [`MAX_COMMENT`] characters.
    pub body: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

/// Answers a post or replies to a comment. Codes: BLANK, TOO_LONG, INVALID_CHARACTERS, NOT_FOUND, IDEMPOTENCY_KEY_REUSED.
pub async fn comment_create(app: &App, actor: &Actor, command: CommentCreate) -> Result<Once<CommentView>> {
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
        Ok(comment) => Ok(Once { value: CommentView::bare(comment), replayed: false }),
        Err(id) => {
            let value = comments_by_id(app, actor, &[id]).await?.remove(&id).ok_or_else(|| not_found("id"))?;
            Ok(Once { value, replayed: true })
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

/// The post, and the parent whose replies are counted up; both have to be there and not deleted.
async fn target_in(tx: &Transaction, target: CommentTarget) -> Result<(PostId, Option<CommentId>)> {
    let missing = |field| Error::from(UserError::input(field, UserErrorCode::NotFound));
    match target {
        CommentTarget::Post(id) => Ok((id, None)),
        CommentTarget::Comment(id) => {
            let sql = "UPDATE comments SET reply_count = reply_count + 1, visible_reply_count = visible_reply_count + 1 \
                       WHERE id = $1 AND deleted_at IS NULL RETURNING post_id";
            let row = tx.row(sql, vec![id.0.into()]).await?.ok_or_else(|| missing("commentId"))?;
            Ok((Columns::new(&row).take()?, Some(id)))
        }
    }
}

async fn insert_in(app: &App, tx: &Transaction, comment: &comment::Model) -> Result<()> {
    // The post first: the new row's foreign key would otherwise hold a share of the lock that the update needs whole.
    let row = tx
        .row(
            "UPDATE posts SET comment_count = comment_count + 1, event_seq = event_seq + 1 \
             WHERE id = $1 AND deleted_at IS NULL RETURNING event_seq",
            vec![comment.post_id.0.into()],
        )
        .await?
        .ok_or_else(|| {
            let field = if comment.parent_id.is_some() { "commentId" } else { "postId" };
            Error::from(UserError::input(field, UserErrorCode::NotFound))
        })?;
    let seq = Columns::new(&row).take()?;
    tx.execute(
        "INSERT INTO comments (id, post_id, parent_id, author_id, body, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        vec![
            comment.id.0.into(),
            comment.post_id.0.into(),
            comment.parent_id.map(|id| id.0).into(),
            comment.author_id.map(|id| id.0).into(),
            comment.body.as_str().into(),
            comment.created_at.into(),
        ],
    )
    .await?;
    notify_in(app, tx, &CommentCreated { comment: comment.id.0 }).await?;
    let event =
        NewEvent { kind: EventKind::CommentCreated, actor_id: comment.author_id, subject_id: Some(comment.id.0) };
    events::write_in(app, tx, StreamKind::Post, comment.post_id.0, seq, event).await
}

/// Changes one's own comment; without a text it stays as it is. Codes: NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub async fn comment_update(app: &App, actor: &Actor, id: CommentId, body: Option<String>) -> Result<CommentView> {
    let user = actor.require_user()?.id;
    let body = body
        .map(|body| text::block("body", &body, MAX_COMMENT).and_then(|body| text::required("body", body)))
        .transpose()?;
    app.db
        .transact(async |tx| {
            let view = own_in(&tx, id, user).await?;
            let Some(body) = body.as_ref().filter(|body| **body != view.comment.body) else { return Ok(view) };
            let sql =
                format!("UPDATE comments SET body = $2, edited_at = $3 WHERE id = $1 RETURNING {}", comment_columns());
            let values = vec![id.0.into(), body.as_str().into(), app.clock.now().into()];
            let row = tx.row(sql, values).await?.ok_or_else(|| not_found("id"))?;
            notify_in(app, &tx, &Edited { subject: id.0 }).await?;
            read_comment(&row, &CommentParts::default(), false)
        })
        .await
}

/// Deletes one's own comment; while it has replies a tombstone is shown. Codes: NOT_FOUND, NOT_ALLOWED.
pub async fn comment_delete(app: &App, actor: &Actor, id: CommentId) -> Result<CommentView> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            let view = own_in(&tx, id, user).await?;
            let sql =
                format!("UPDATE comments SET body = '', deleted_at = $2 WHERE id = $1 RETURNING {}", comment_columns());
            let row = tx.row(sql, vec![id.0.into(), app.clock.now().into()]).await?.ok_or_else(|| not_found("id"))?;
            if let Some(parent) = view.comment.parent_id {
                let sql = "UPDATE comments SET reply_count = reply_count - 1 WHERE id = $1";
                tx.execute(sql, vec![parent.0.into()]).await?;
                if view.comment.visible_reply_count == 0 {
                    vanish_in(&tx, parent).await?;
                }
            }
            let sql = "UPDATE posts SET comment_count = comment_count - 1 WHERE id = $1";
            tx.execute(sql, vec![view.comment.post_id.0.into()]).await?;
            notify_in(app, &tx, &Deleted { subject: id.0 }).await?;
            read_comment(&row, &CommentParts::default(), false)
        })
        .await
}

/// A listed reply of this comment is gone. Where that was a tombstone's last, the tombstone goes too, and so on upwards.
async fn vanish_in(tx: &Transaction, parent: CommentId) -> Result<()> {
    let mut parent = Some(parent);
    while let Some(id) = parent {
        let row = tx
            .row(
                "UPDATE comments SET visible_reply_count = visible_reply_count - 1 WHERE id = $1 \
                 RETURNING parent_id, visible_reply_count, deleted_at IS NOT NULL",
                vec![id.0.into()],
            )
            .await?
            .ok_or_else(|| not_found("id"))?;
        let mut columns = Columns::new(&row);
        let (above, left, deleted): (Option<CommentId>, i64, bool) =
            (columns.take()?, columns.take()?, columns.take()?);
        parent = above.filter(|_| deleted && left == 0);
    }
    Ok(())
}

/// Locks a comment that has to be there, not deleted, and the actor's own; nobody is being told of it meanwhile.
async fn own_in(tx: &Transaction, id: CommentId, user: UserId) -> Result<CommentView> {
    let sql = format!("SELECT {} FROM comments WHERE id = $1 {}", comment_columns(), tx.for_removal());
    let row = tx.row(sql, vec![id.0.into()]).await?;
    let view = row.map(|row| read_comment(&row, &CommentParts::default(), false)).transpose()?;
    let view = view.filter(|view| view.comment.deleted_at.is_none()).ok_or_else(|| not_found("id"))?;
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
