//! Liking. Idempotent by nature; the like, its counter, its event and the job that tells the author are one round trip.

use sea_orm::QueryResult;

use super::{
    CommentParts, CommentView, PostParts, PostView, not_found,
    notices::{CommentLiked, CommentUnliked, PostLiked, PostUnliked},
    queries::{comments_by_id, posts_by_id},
    rows::{comment_columns, post_columns, read_comment, read_post},
};
use crate::{
    app::App,
    domain::{actor::Actor, events, notifications},
    entity::{
        CommentId, PostId,
        event::{EventKind, StreamKind},
    },
    error::Result,
    platform::{
        bus::Hint,
        db::{Chain, ColumnType, is_unique_violation},
    },
};

const COMMENT_ROW: &[(&str, ColumnType)] =
    &[("id", ColumnType::Uuid), ("post_id", ColumnType::Uuid), ("author_id", ColumnType::Uuid)];
const POST_ROW: &[(&str, ColumnType)] =
    &[("id", ColumnType::Uuid), ("author_id", ColumnType::Uuid), ("event_seq", ColumnType::Integer)];

/// Likes a post. Code: NOT_FOUND.
pub async fn post_like(app: &App, actor: &Actor, id: PostId) -> Result<PostView> {
    let user = actor.require_user()?.id;
    let now = app.clock.now();
    let job = notifications::payload(&PostLiked { post: id.0, actor: user.0 })?;
    let values = vec![id.0.into(), user.0.into(), now.into(), app.ids.next(now).into(), job.into()];
    let chain = Chain::new(values, "post")
        .step(
            "post",
            POST_ROW,
            format!(
                "UPDATE posts SET like_count = like_count + 1, event_seq = event_seq + 1 WHERE {} RETURNING {}",
                not_liked_yet("posts", "post_likes", "post_id"),
                post_columns()
            ),
        )
        .step(
            "liked",
            &[],
            "INSERT INTO post_likes (post_id, user_id, created_at) SELECT id, $2, $3 FROM post WHERE 1 = 1 \
             RETURNING post_id",
        )
        .step("event", &[], event_step(EventKind::PostLiked, "NULL"))
        .step("job", &[], job_step("post"));
    changed_post(app, actor, id, unless_liked(app.db.chain(&chain).await)?, true).await
}

/// Takes a like back. Code: NOT_FOUND.
pub async fn post_unlike(app: &App, actor: &Actor, id: PostId) -> Result<PostView> {
    let user = actor.require_user()?.id;
    let now = app.clock.now();
    let job = notifications::payload(&PostUnliked { post: id.0, actor: user.0 })?;
    let values = vec![id.0.into(), user.0.into(), now.into(), app.ids.next(now).into(), job.into()];
    let chain = Chain::new(values, "post")
        .step("target", TARGET, target_step(app, "posts"))
        .step(
            "unliked",
            &[("post_id", ColumnType::Uuid)],
            "DELETE FROM post_likes WHERE post_id IN (SELECT id FROM target) AND user_id = $2 RETURNING post_id",
        )
        .step(
            "post",
            POST_ROW,
            format!(
                "UPDATE posts SET like_count = like_count - 1 WHERE id IN (SELECT post_id FROM unliked) \
                 RETURNING {}",
                post_columns()
            ),
        )
        .step("job", &[], job_step("post"));
    changed_post(app, actor, id, app.db.chain(&chain).await?, false).await
}

const TARGET: &[(&str, ColumnType)] = &[("id", ColumnType::Uuid)];

/// What is to be liked: not deleted, and not liked yet. Counting it comes first, and locks it, so that it can't be
/// deleted meanwhile.
fn not_liked_yet(table: &str, likes: &str, key: &str) -> String {
    format!(
        "{table}.id = $1 AND deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM {likes} WHERE {key} = $1 AND user_id = $2)"
    )
}

/// Of two equal likes at the same moment, both see that there was none, and the second finds the first one's row: it
/// changes nothing, as if it had come later.
fn unless_liked(rows: Result<Vec<QueryResult>>) -> Result<Vec<QueryResult>> {
    match rows {
        Err(error) if is_unique_violation(&error) => Ok(Vec::new()),
        rows => rows,
    }
}

/// What a like is taken back from, as long as it is not deleted: locked, so that it stays so until that is counted.
fn target_step(app: &App, table: &str) -> String {
    format!("SELECT id FROM {table} WHERE id = $1 AND deleted_at IS NULL {}", app.db.for_update())
}

/// The event on the stream of the row that the step `post` returned.
fn event_step(event: EventKind, subject: &str) -> String {
    events::write_step(StreamKind::Post, "post", event, ["$2", subject, "$3"])
}

/// The job that tells the author of what the step `liked_row` returned, or forgets that, unless they did it themselves.
fn job_step(liked_row: &str) -> String {
    notifications::notify_step(&format!("{liked_row} WHERE author_id <> $2"), ["$4", "$5", "$3"])
}

/// The post after the chain; where the chain changed nothing, as it is.
async fn changed_post(app: &App, actor: &Actor, id: PostId, rows: Vec<QueryResult>, likes: bool) -> Result<PostView> {
    let changed = rows.first().map(|row| read_post(row, &PostParts::default(), false)).transpose()?;
    let mut view = match changed {
        Some(view) => {
            if likes {
                app.db.bus().send(Hint::Stream(events::stream(StreamKind::Post, id.0), view.post.event_seq));
            }
            app.db.bus().send(Hint::Jobs);
            view
        }
        None => posts_by_id(app, actor, &[id]).await?.remove(&id).ok_or_else(|| not_found("id"))?,
    };
    if view.post.deleted_at.is_some() {
        return Err(not_found("id"));
    }
    view.viewer_likes = Some(likes);
    Ok(view)
}

/// Likes a comment. Code: NOT_FOUND.
pub async fn comment_like(app: &App, actor: &Actor, id: CommentId) -> Result<CommentView> {
    let user = actor.require_user()?.id;
    let now = app.clock.now();
    let job = notifications::payload(&CommentLiked { comment: id.0, actor: user.0 })?;
    let values = vec![id.0.into(), user.0.into(), now.into(), app.ids.next(now).into(), job.into()];
    let chain = Chain::new(values, "comment")
        .step(
            "comment",
            COMMENT_ROW,
            format!(
                "UPDATE comments SET like_count = like_count + 1 WHERE {} RETURNING {}",
                not_liked_yet("comments", "comment_likes", "comment_id"),
                comment_columns()
            ),
        )
        .step(
            "liked",
            &[],
            "INSERT INTO comment_likes (comment_id, user_id, created_at) SELECT id, $2, $3 FROM comment WHERE 1 = 1 \
             RETURNING comment_id",
        )
        .step(
            "post",
            POST_ROW,
            "UPDATE posts SET event_seq = event_seq + 1 WHERE id IN (SELECT post_id FROM comment) \
             RETURNING id, author_id, event_seq",
        )
        .step("event", &[], event_step(EventKind::CommentLiked, "$1"))
        .step("job", &[], job_step("comment"));
    changed_comment(app, actor, id, unless_liked(app.db.chain(&chain).await)?, true).await
}

/// Takes a like back. Code: NOT_FOUND.
pub async fn comment_unlike(app: &App, actor: &Actor, id: CommentId) -> Result<CommentView> {
    let user = actor.require_user()?.id;
    let now = app.clock.now();
    let job = notifications::payload(&CommentUnliked { comment: id.0, actor: user.0 })?;
    let values = vec![id.0.into(), user.0.into(), now.into(), app.ids.next(now).into(), job.into()];
    let chain = Chain::new(values, "comment")
        .step("target", TARGET, target_step(app, "comments"))
        .step(
            "unliked",
            &[("comment_id", ColumnType::Uuid)],
            "DELETE FROM comment_likes WHERE comment_id IN (SELECT id FROM target) AND user_id = $2 \
             RETURNING comment_id",
        )
        .step(
            "comment",
            COMMENT_ROW,
            format!(
                "UPDATE comments SET like_count = like_count - 1 WHERE id IN (SELECT comment_id FROM unliked) RETURNING {}",
                comment_columns()
            ),
        )
        .step("job", &[], job_step("comment"));
    changed_comment(app, actor, id, app.db.chain(&chain).await?, false).await
}

async fn changed_comment(
    app: &App,
    actor: &Actor,
    id: CommentId,
    rows: Vec<QueryResult>,
    likes: bool,
) -> Result<CommentView> {
    let changed = rows.first().map(|row| read_comment(row, &CommentParts::default(), false)).transpose()?;
    let mut view = match changed {
        Some(view) => {
            // The post's sequence is not among the comment's columns; the sweep tells its followers.
            app.db.bus().send(Hint::Jobs);
            view
        }
        None => comments_by_id(app, actor, &[id]).await?.remove(&id).ok_or_else(|| not_found("id"))?,
    };
    if view.comment.deleted_at.is_some() {
        return Err(not_found("id"));
    }
    view.viewer_likes = Some(likes);
    Ok(view)
}
