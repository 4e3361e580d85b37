//! Publishing, changing, passing on and deleting posts.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QuerySelect, QueryTrait,
    sea_query::{Expr, LockType, Query},
};

use super::{
    MAX_POST, MAX_TAGS, PostRow, PostView, jobs::PostDeleted, not_allowed, notices::PostShared, queries::posts_by_id,
};
use crate::{
    app::App,
    domain::{
        Idempotent, accounts,
        actor::Actor,
        events::{self, NewEvent},
        idempotency::{Claim, Fingerprint, claim_in},
        jobs,
        notifications::{Deleted, Edited, notify_in},
    },
    entity::{
        PostId, UserId,
        event::{EventKind, StreamKind},
        post, post_tag,
    },
    error::{Error, Result},
    platform::{db::Transaction, text},
};

/// A text to be published.
#[derive(Debug, Clone)]
pub(crate) struct PostCreate {
    /// 1 to [`MAX_POST`] characters.
    pub body: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

/// Publishes a post. Codes: BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn post_create(app: &App, actor: &Actor, command: PostCreate) -> Result<Idempotent<PostView>> {
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
    idempotent(app, actor, new, id).await
}

fn create_input(body: &str) -> Fingerprint {
    Fingerprint::v1().field("body", body).before_versions(body)
}

/// A post to be passed on.
#[derive(Debug, Clone)]
pub(crate) struct PostShare {
    /// The post that is passed on; it may be a share itself.
    pub post: PostId,
    /// An own text with it; may be empty.
    pub body: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

/// Passes a post on, as a post of one's own; counted on the original. A share without a text of its own stands for
/// what it shares. Codes: NOT_FOUND, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn post_share(app: &App, actor: &Actor, command: PostShare) -> Result<Idempotent<PostView>> {
    let author = actor.require_user()?.id;
    let body = text::block("body", &command.body, MAX_POST)?;
    let shared = posts_by_id(app, actor, &[command.post]).await?.remove(&command.post);
    let shared = shared.ok_or_else(|| Error::not_found("id"))?.post;
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
                return Err(Error::not_found("id"));
            }
            insert_in(&tx, &new).await?;
            let counted = share_counted_in(&tx, original).await?;
            let Shared { event_seq: seq, author_id: owner } = counted.ok_or_else(|| Error::not_found("id"))?;
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
    idempotent(app, actor, new, id).await
}

fn share_input(post: PostId, body: &str) -> Fingerprint {
    Fingerprint::v1().field("postId", post).field("body", body).before_versions(format!("{post} {body}"))
}

/// A post that was passed on.
#[derive(Debug, FromQueryResult)]
struct Shared {
    event_seq: i64,
    author_id: Option<UserId>,
}

/// Counts a share on the original and takes the next sequence of its stream.
async fn share_counted_in(tx: &Transaction, original: PostId) -> Result<Option<Shared>> {
    let mut counting = post::Entity::update_many()
        .col_expr(post::Column::ShareCount, Expr::col(post::Column::ShareCount).add(1))
        .col_expr(post::Column::EventSeq, Expr::col(post::Column::EventSeq).add(1))
        .filter(post::Column::Id.eq(original))
        .filter(post::Column::DeletedAt.is_null());
    let counting = QueryTrait::query(&mut counting)
        .returning(Query::returning().columns([post::Column::EventSeq, post::Column::AuthorId]));
    Ok(tx.read(counting).await?.pop())
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
    post::Entity::insert(post.clone().into_active_model()).exec_without_returning(tx).await?;
    tag_in(tx, post.id, &post.body, post.created_at).await
}

/// Writes the tags of a post that has none.
pub(super) async fn tag_in(tx: &Transaction, id: PostId, body: &str, published: DateTime<Utc>) -> Result<()> {
    let tags = text::tags(body, MAX_TAGS).into_iter();
    let rows = tags.map(|tag| post_tag::ActiveModel { tag: Set(tag), post_id: Set(id), created_at: Set(published) });
    post_tag::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// Takes the tags of a post away.
pub(super) async fn untag_in(tx: &Transaction, id: PostId) -> Result<()> {
    post_tag::Entity::delete_many().filter(post_tag::Column::PostId.eq(id)).exec(tx).await?;
    Ok(())
}

/// The new post, or the one that the key made earlier, as it is now.
async fn idempotent(
    app: &App,
    actor: &Actor,
    new: post::Model,
    earlier: Option<PostId>,
) -> Result<Idempotent<PostView>> {
    match earlier {
        None => Ok(Idempotent { value: PostView::bare(new.into()), replayed: false }),
        Some(id) => {
            let value = posts_by_id(app, actor, &[id]).await?.remove(&id).ok_or_else(|| Error::not_found("id"))?;
            Ok(Idempotent { value, replayed: true })
        }
    }
}

/// Changes one's own post; without a text it stays as it is, and only a share may do without one. Codes: NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn post_update(app: &App, actor: &Actor, id: PostId, body: Option<String>) -> Result<PostView> {
    let user = actor.require_user()?.id;
    let body = body.map(|body| text::block("body", &body, MAX_POST)).transpose()?;
    app.db
        .transact(async |tx| {
            let view = own_in(&tx, id, user).await?;
            let Some(body) = body.as_ref().filter(|body| **body != view.post.body) else { return Ok(view) };
            if view.post.shared_post_id.is_none() {
                text::required("body", body.clone())?;
            }
            let changed = post::ActiveModel {
                body: Set(body.clone()),
                search_key: Set(text::search_key(body)),
                edited_at: Set(Some(app.clock.now())),
                ..Default::default()
            };
            let post = changed_in(&tx, id, changed).await?;
            untag_in(&tx, id).await?;
            tag_in(&tx, id, body, view.post.created_at).await?;
            notify_in(app, &tx, &Edited { subject: id.0 }).await?;
            Ok(post)
        })
        .await
}

/// Changes a post that is there.
async fn changed_in(tx: &Transaction, id: PostId, change: post::ActiveModel) -> Result<PostView> {
    let changing = post::Entity::update_many().set(change).filter(post::Column::Id.eq(id));
    let post = changing.exec_with_returning(tx).await?.pop().ok_or_else(|| Error::not_found("id"))?;
    Ok(PostView::bare(post.into()))
}

/// Deletes one's own post: a tombstone stays, with the answers below it. Codes: NOT_FOUND, NOT_ALLOWED.
pub(crate) async fn post_delete(app: &App, actor: &Actor, id: PostId) -> Result<PostView> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            let view = own_in(&tx, id, user).await?;
            let deleted = post::ActiveModel {
                body: Set(String::new()),
                search_key: Set(String::new()),
                deleted_at: Set(Some(app.clock.now())),
                ..Default::default()
            };
            let post = changed_in(&tx, id, deleted).await?;
            untag_in(&tx, id).await?;
            if let Some(original) = view.post.shared_post_id {
                post::Entity::update_many()
                    .col_expr(post::Column::ShareCount, Expr::col(post::Column::ShareCount).sub(1))
                    .filter(post::Column::Id.eq(original))
                    .exec(&tx)
                    .await?;
            }
            accounts::count_post_in(&tx, user, -1).await?;
            notify_in(app, &tx, &Deleted { subject: id.0 }).await?;
            jobs::enqueue_in(app, &tx, &PostDeleted { post: id.0 }).await?;
            Ok(post)
        })
        .await
}

/// Who wrote a post.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "post::Entity")]
struct Written {
    author_id: Option<UserId>,
}

/// Locks a post that is not deleted, for what hangs on it; gives its author. `None` when there is none.
pub(crate) async fn lock_in(tx: &Transaction, id: PostId) -> Result<Option<Option<UserId>>> {
    let post = post::Entity::find_by_id(id).filter(post::Column::DeletedAt.is_null()).lock(LockType::NoKeyUpdate);
    Ok(post.into_partial_model::<Written>().one(tx).await?.map(|post| post.author_id))
}

/// Locks a post that has to be there, not deleted, and the actor's own; nobody is being told of it meanwhile.
async fn own_in(tx: &Transaction, id: PostId, user: UserId) -> Result<PostView> {
    let post = post::Entity::find_by_id(id).lock(LockType::Update).into_partial_model::<PostRow>().one(tx).await?;
    let post = post.filter(|post| post.deleted_at.is_none()).ok_or_else(|| Error::not_found("id"))?;
    let view = PostView::bare(post);
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
