//! Liking. Idempotent by nature; the like, its counter, its event and the job that tells the author are one round trip.

use sea_orm::QueryResult;

use super::{
    CommentParts, CommentView, PostParts, PostView,
    notices::{CommentLiked, CommentUnliked, PostLiked, PostUnliked},
    queries::{comments_by_id, posts_by_id},
    rows::{read_comment, read_post},
    sql::{self, Liking},
};
use crate::{
    app::App,
    domain::{
        actor::Actor,
        events,
        notifications::{self, Notice},
    },
    entity::{CommentId, PostId, UserId, event::StreamKind},
    error::{Error, Result},
    platform::{bus::Hint, db::is_unique_violation},
};

/// A like that is given or taken back now, and what is told of it.
fn liking(app: &App, user: UserId, notice: &impl Notice) -> Result<Liking> {
    let now = app.clock.now();
    Ok(Liking { user, now, job: app.ids.next(now), payload: notifications::payload(notice)? })
}

/// Likes a post. Code: NOT_FOUND.
pub(crate) async fn post_like(app: &App, actor: &Actor, id: PostId) -> Result<PostView> {
    let user = actor.require_user()?.id;
    let chain = sql::like_post(id, liking(app, user, &PostLiked { post: id.0, actor: user.0 })?);
    changed_post(app, actor, id, unless_liked(app.db.chain(&chain).await)?, true).await
}

/// Takes a like back. Code: NOT_FOUND.
pub(crate) async fn post_unlike(app: &App, actor: &Actor, id: PostId) -> Result<PostView> {
    let user = actor.require_user()?.id;
    let chain = sql::unlike_post(&app.db, id, liking(app, user, &PostUnliked { post: id.0, actor: user.0 })?);
    changed_post(app, actor, id, app.db.chain(&chain).await?, false).await
}

/// Of two equal likes at the same moment, both see that there was none, and the second finds the first one's row: it
/// changes nothing, as if it had come later.
fn unless_liked(rows: Result<Vec<QueryResult>>) -> Result<Vec<QueryResult>> {
    match rows {
        Err(error) if is_unique_violation(&error) => Ok(Vec::new()),
        rows => rows,
    }
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
        None => posts_by_id(app, actor, &[id]).await?.remove(&id).ok_or_else(|| Error::not_found("id"))?,
    };
    if view.post.deleted_at.is_some() {
        return Err(Error::not_found("id"));
    }
    view.viewer_likes = Some(likes);
    Ok(view)
}

/// Likes a comment. Code: NOT_FOUND.
pub(crate) async fn comment_like(app: &App, actor: &Actor, id: CommentId) -> Result<CommentView> {
    let user = actor.require_user()?.id;
    let chain = sql::like_comment(id, liking(app, user, &CommentLiked { comment: id.0, actor: user.0 })?);
    changed_comment(app, actor, id, unless_liked(app.db.chain(&chain).await)?, true).await
}

/// Takes a like back. Code: NOT_FOUND.
pub(crate) async fn comment_unlike(app: &App, actor: &Actor, id: CommentId) -> Result<CommentView> {
    let user = actor.require_user()?.id;
    let chain = sql::unlike_comment(&app.db, id, liking(app, user, &CommentUnliked { comment: id.0, actor: user.0 })?);
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
        None => comments_by_id(app, actor, &[id]).await?.remove(&id).ok_or_else(|| Error::not_found("id"))?,
    };
    if view.comment.deleted_at.is_some() {
        return Err(Error::not_found("id"));
    }
    view.viewer_likes = Some(likes);
    Ok(view)
}
