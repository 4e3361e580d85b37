//! Publishing, changing, passing on and deleting posts.

use chrono::{DateTime, Utc};
use sea_orm::Value;

use super::{
    MAX_POST, MAX_TAGS, PostView,
    jobs::PostDeleted,
    not_allowed, not_found,
    notices::PostShared,
    queries::posts_by_id,
    rows::{post_columns, read_post},
};
use crate::{
    app::App,
    domain::{
        Once, accounts,
        actor::Actor,
        events::{self, NewEvent},
        idempotency::{Claim, Fingerprint, claim_in},
        jobs,
        notifications::{Deleted, Edited, notify_in},
    },
    entity::{
        PostId, UserId,
        event::{EventKind, StreamKind},
        post,
    },
    error::Result,
    platform::{
        db::{Columns, Transaction},
        text,
    },
};

/// A text to be published.
#[derive(Debug, Clone)]
pub struct PostCreate {
    /// 1 to [`MAX_POST`] characters.
    pub body: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

/// Publishes a post. Codes: BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub async fn post_create(app: &App, actor: &Actor, command: PostCreate) -> Result<Once<PostView>> {
    let author = actor.require_user()?.id;
    let body = text::required("body", text::block("body", &command.body, MAX_POST)?)?;
    let new = new_post(app, author, body, None);
    let (key, input) = (command.idempotency_key.as_deref(), create_input(&new.body));
    let id = app
        .db
        .transact(async |tx| match claim_in(app, &tx, author, "postCreate", key, &input, new.id.0).await? {
            Claim::Replay(id) => Ok(Some(PostId(id))),
            Claim::New => {
                insert_in(&tx, &new).await?;
                accounts::count_post_in(&tx, author, 1).await?;
                Ok(None)
            }
        })
        .await?;
    once(app, actor, new, id).await
}

fn create_input(body: &str) -> Fingerprint {
    Fingerprint::v1().field("body", body).before_versions(body)
}

/// A post to be passed on.
#[derive(Debug, Clone)]
pub struct PostShare {
    /// The post that is passed on; it may be a share itself.
    pub post: PostId,
    /// An own text with it; may be empty.
    pub body: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

/// Passes a post on, as a post of one's own; counted on the original. A share without a text of its own stands for
/// what it shares. Codes: NOT_FOUND, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub async fn post_share(app: &App, actor: &Actor, command: PostShare) -> Result<Once<PostView>> {
    let author = actor.require_user()?.id;
    let body = text::block("body", &command.body, MAX_POST)?;
    let shared = posts_by_id(app, actor, &[command.post]).await?.remove(&command.post);
    let shared = shared.ok_or_else(|| not_found("id"))?.post;
    let original = match shared.shared_post_id {
        Some(original) if shared.body.is_empty() => original,
        _ => shared.id,
    };
    // The input as it was given: what it stands for may be another original when the call is repeated.
    let input = share_input(command.post, &body);
    let new = new_post(app, author, body, Some(original));
    let key = command.idempotency_key.as_deref();
    let id = app
        .db
        .transact(async |tx| {
            if let Claim::Replay(id) = claim_in(app, &tx, author, "postShare", key, &input, new.id.0).await? {
                return Ok(Some(PostId(id)));
            }
            if shared.deleted_at.is_some() {
                return Err(not_found("id"));
            }
            insert_in(&tx, &new).await?;
            let Some((seq, owner)) = share_counted_in(&tx, original).await? else { return Err(not_found("id")) };
            // People after posts, as everywhere, so that two transactions can't wait for each other.
            accounts::count_post_in(&tx, author, 1).await?;
            if owner != Some(author) {
                notify_in(app, &tx, &PostShared { share: new.id.0 }).await?;
            }
            let event = NewEvent { kind: EventKind::PostShared, actor_id: Some(author), subject_id: Some(new.id.0) };
            events::write_in(app, &tx, StreamKind::Post, original.0, seq, event).await?;
            Ok(None)
        })
        .await?;
    once(app, actor, new, id).await
}

fn share_input(post: PostId, body: &str) -> Fingerprint {
    Fingerprint::v1().field("postId", post).field("body", body).before_versions(format!("{post} {body}"))
}

/// Counts a share on the original and takes the next sequence of its stream.
async fn share_counted_in(tx: &Transaction, original: PostId) -> Result<Option<(i64, Option<UserId>)>> {
    let row = tx
        .row(
            "UPDATE posts SET share_count = share_count + 1, event_seq = event_seq + 1 \
             WHERE id = $1 AND deleted_at IS NULL RETURNING event_seq, author_id",
            vec![original.0.into()],
        )
        .await?;
    row.map(|row| {
        let mut columns = Columns::new(&row);
        Ok((columns.take()?, columns.take()?))
    })
    .transpose()
}

fn new_post(app: &App, author: UserId, body: String, shared_post_id: Option<PostId>) -> post::Model {
    let now = app.clock.now();
    post::Model {
        id: PostId(app.ids.next(now)),
        author_id: Some(author),
        search_key: text::search_key(&body),
        body,
        shared_post_id,
        like_count: 0,
        comment_count: 0,
        share_count: 0,
        event_seq: 0,
        created_at: now,
        edited_at: None,
        deleted_at: None,
    }
}

async fn insert_in(tx: &Transaction, post: &post::Model) -> Result<()> {
    tx.execute(
        "INSERT INTO posts (id, author_id, body, search_key, shared_post_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        vec![
            post.id.0.into(),
            post.author_id.map(|id| id.0).into(),
            post.body.as_str().into(),
            post.search_key.as_str().into(),
            post.shared_post_id.map(|id| id.0).into(),
            post.created_at.into(),
        ],
    )
    .await?;
    tag_in(tx, post.id, &post.body, post.created_at).await
}

pub(super) async fn tag_in(tx: &Transaction, id: PostId, body: &str, published: DateTime<Utc>) -> Result<()> {
    let tags = text::tags(body, MAX_TAGS);
    if tags.is_empty() {
        return Ok(());
    }
    let mut values: Vec<Value> = vec![id.0.into(), published.into()];
    let mut rows = Vec::with_capacity(tags.len());
    for tag in tags {
        values.push(tag.into());
        rows.push(format!("(${}, $1, $2)", values.len()));
    }
    let sql = format!("INSERT INTO post_tags (tag, post_id, created_at) VALUES {}", rows.join(", "));
    tx.execute(sql, values).await.map(drop)
}

/// The new post, or the one that the key made earlier, as it is now.
async fn once(app: &App, actor: &Actor, new: post::Model, earlier: Option<PostId>) -> Result<Once<PostView>> {
    match earlier {
        None => Ok(Once { value: PostView::bare(new.into()), replayed: false }),
        Some(id) => {
            let value = posts_by_id(app, actor, &[id]).await?.remove(&id).ok_or_else(|| not_found("id"))?;
            Ok(Once { value, replayed: true })
        }
    }
}

/// Changes one's own post; without a text it stays as it is, and only a share may do without one. Codes: NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub async fn post_update(app: &App, actor: &Actor, id: PostId, body: Option<String>) -> Result<PostView> {
    let user = actor.require_user()?.id;
    let body = body.map(|body| text::block("body", &body, MAX_POST)).transpose()?;
    app.db
        .transact(async |tx| {
            let view = own_in(&tx, id, user).await?;
            let Some(body) = body.as_ref().filter(|body| **body != view.post.body) else { return Ok(view) };
            if view.post.shared_post_id.is_none() {
                text::required("body", body.clone())?;
            }
            let sql = format!(
                "UPDATE posts SET body = $2, search_key = $3, edited_at = $4 WHERE id = $1 RETURNING {}",
                post_columns()
            );
            let values = vec![id.0.into(), body.as_str().into(), text::search_key(body).into(), app.clock.now().into()];
            let row = tx.row(sql, values).await?.ok_or_else(|| not_found("id"))?;
            tx.execute("DELETE FROM post_tags WHERE post_id = $1", vec![id.0.into()]).await?;
            tag_in(&tx, id, body, view.post.created_at).await?;
            notify_in(app, &tx, &Edited { subject: id.0 }).await?;
            read_post(&row, &super::PostParts::default(), false)
        })
        .await
}

/// Deletes one's own post: a tombstone stays, with the answers below it. Codes: NOT_FOUND, NOT_ALLOWED.
pub async fn post_delete(app: &App, actor: &Actor, id: PostId) -> Result<PostView> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            let view = own_in(&tx, id, user).await?;
            let sql = format!(
                "UPDATE posts SET body = '', search_key = '', deleted_at = $2 WHERE id = $1 RETURNING {}",
                post_columns()
            );
            let row = tx.row(sql, vec![id.0.into(), app.clock.now().into()]).await?.ok_or_else(|| not_found("id"))?;
            tx.execute("DELETE FROM post_tags WHERE post_id = $1", vec![id.0.into()]).await?;
            if let Some(original) = view.post.shared_post_id {
                tx.execute("UPDATE posts SET share_count = share_count - 1 WHERE id = $1", vec![original.0.into()])
                    .await?;
            }
            accounts::count_post_in(&tx, user, -1).await?;
            notify_in(app, &tx, &Deleted { subject: id.0 }).await?;
            jobs::enqueue_in(app, &tx, &PostDeleted { post: id.0 }).await?;
            read_post(&row, &super::PostParts::default(), false)
        })
        .await
}

/// Locks a post that is not deleted, for what hangs on it; gives its author. `None` when there is none.
pub(crate) async fn lock_in(tx: &Transaction, id: PostId) -> Result<Option<Option<UserId>>> {
    let sql = format!("SELECT author_id FROM posts WHERE id = $1 AND deleted_at IS NULL {}", tx.for_update());
    tx.row(sql, vec![id.0.into()]).await?.map(|row| Columns::new(&row).take()).transpose()
}

/// Locks a post that has to be there, not deleted, and the actor's own; nobody is being told of it meanwhile.
async fn own_in(tx: &Transaction, id: PostId, user: UserId) -> Result<PostView> {
    let sql = format!("SELECT {} FROM posts WHERE id = $1 {}", post_columns(), tx.for_removal());
    let row = tx.row(sql, vec![id.0.into()]).await?;
    let view = row.map(|row| read_post(&row, &super::PostParts::default(), false)).transpose()?;
    let view = view.filter(|view| view.post.deleted_at.is_none()).ok_or_else(|| not_found("id"))?;
    if view.can_change(Some(user)) { Ok(view) } else { Err(not_allowed()) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        assert_eq!(create_input("hello").texts(), ("body 5 hello\n", "hello"));
        assert_eq!(
            share_input(PostId(Uuid::nil()), "look").texts(),
            ("postId 31 post_00000000000000000000000000\nbody 4 look\n", "post_00000000000000000000000000 look")
        );
    }
}
