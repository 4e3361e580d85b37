//! What people are told of posts: that theirs was liked, answered or passed on.
//!
//! What is told is there, and stays there until it is told: whatever ends it comes later, and finds the notification.

use std::borrow::Cow;

use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, FromQueryResult, JoinType, PartialModelTrait, QueryFilter,
    QuerySelect, QueryTrait, RelationTrait, Select,
    sea_query::{Expr, LockType, SelectStatement},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    catalogue::Text,
    domain::notifications::{self, NewNotification, Notice, Subject, about, notify_in},
    entity::{
        CommentId, PostId, UserId, comment, comment_like,
        notification::{self, NotificationKind, SubjectKind},
        post, post_like, user,
    },
    error::{Locale, Result},
    platform::db::Transaction,
};

/// What of posts notifications tell of: what was said to a post or comment, and who passed it on, was told because of it;
/// that it was passed on quotes it.
pub(super) const SUBJECTS: &[Subject] = &[
    Subject { text: text_of_post, because: &[told_of_answers, told_of_shares], quoting: &[told_of_shares] },
    Subject { text: text_of_comment, because: &[told_of_replies], quoting: &[] },
];

fn text_of_post(id: Uuid) -> SelectStatement {
    let post = post::Entity::find_by_id(PostId(id)).filter(post::Column::DeletedAt.is_null());
    post.select_only().column_as(post::Column::Body, "body").into_query()
}

fn text_of_comment(id: Uuid) -> SelectStatement {
    let comment = comment::Entity::find_by_id(CommentId(id)).filter(comment::Column::DeletedAt.is_null());
    comment.select_only().column_as(comment::Column::Body, "body").into_query()
}

fn told_of_answers(post: Uuid) -> SelectStatement {
    let is_told = notification::Column::Kind.eq(NotificationKind::Comment);
    about::<comment::Entity>(comment::Column::Id, comment::Column::PostId.eq(post).and(is_told))
}

fn told_of_replies(comment: Uuid) -> SelectStatement {
    let is_told = notification::Column::Kind.eq(NotificationKind::Reply);
    about::<comment::Entity>(comment::Column::Id, comment::Column::ParentId.eq(comment).and(is_told))
}

fn told_of_shares(post: Uuid) -> SelectStatement {
    let is_told = notification::Column::Kind.eq(NotificationKind::Share);
    about::<post::Entity>(post::Column::Id, post::Column::SharedPostId.eq(post).and(is_told))
}

/// The headline in the recipient's language. A like is of a post or of a comment.
pub(crate) fn title(locale: Locale, kind: NotificationKind, about: SubjectKind, actor_name: &str) -> String {
    let name = Cow::from(notifications::short(actor_name));
    let said = match kind {
        NotificationKind::Like if about == SubjectKind::Post => Text::LikesYourPost { name },
        NotificationKind::Like => Text::LikesYourComment { name },
        NotificationKind::Comment => Text::CommentedOnYourPost { name },
        NotificationKind::Reply => Text::RepliedToYourComment { name },
        NotificationKind::Share => Text::SharedYourPost { name },
        _ => return name.into_owned(),
    };
    said.in_language(locale).into_owned()
}

/// Who wrote what others did something with.
const RECIPIENT: &str = "recipient";
/// Who did it.
const DOER: &str = "doer";
/// What a comment replies to.
const PARENT: &str = "parent";
/// The post that was passed on.
const ORIGINAL: &str = "original";

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct Recipient {
    id: UserId,
    locale: String,
}

#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct Doer {
    id: UserId,
    display_name: String,
}

/// Whom it concerns that somebody did something, and who that is.
#[derive(Debug, DerivePartialModel)]
struct Between {
    #[sea_orm(nested, alias = "recipient")]
    recipient: Recipient,
    #[sea_orm(nested, alias = "doer")]
    doer: Doer,
}

/// The same, with the text that it is about.
#[derive(Debug, FromQueryResult)]
struct Concerned {
    #[sea_orm(nested)]
    between: Between,
    body: String,
}

/// Reads whom something concerns, by rows that are joined to the text, its author as [`RECIPIENT`], and a [`DOER`]. The
/// `tables` stay as they are until it is told.
async fn concerned_in<E: EntityTrait>(
    tx: &Transaction,
    facts: Select<E>,
    body: Expr,
    tables: [&'static str; 2],
) -> Result<Vec<Concerned>> {
    let mut select = Between::select_cols(facts.select_only()).expr_as(body, "body");
    QueryTrait::query(&mut select).lock_with_tables(LockType::KeyShare, tables);
    tx.read(&select.into_query()).await
}

fn new_notification(
    Concerned { between: Between { recipient, doer }, body }: Concerned,
    kind: NotificationKind,
    subject: (SubjectKind, Uuid),
    dedupe_key: String,
) -> NewNotification {
    NewNotification {
        recipient: recipient.id,
        actor: Some(doer.id),
        kind,
        subject: Some(subject),
        title: title(Locale::parse(&recipient.locale), kind, subject.0, &doer.display_name),
        excerpt: notifications::excerpt(&body),
        dedupe_key,
    }
}

fn post_like_key(post: Uuid, actor: Uuid) -> String {
    format!("like:post:{actor}:{post}")
}

fn comment_like_key(comment: Uuid, actor: Uuid) -> String {
    format!("like:comment:{actor}:{comment}")
}

/// Somebody likes a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "ids of what the type says")]
pub(crate) struct PostLiked {
    pub post: Uuid,
    pub actor: Uuid,
}

impl Notice for PostLiked {
    const EVENT: &'static str = "post_liked";

    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { post, actor } = *self;
        // A like that was taken back meanwhile is not told.
        let liked = post_like::Entity::find_by_id((PostId(post), UserId(actor)))
            .join(JoinType::InnerJoin, post_like::Relation::Post.def())
            .join_as(JoinType::InnerJoin, post::Relation::Author.def(), RECIPIENT)
            .join_as(JoinType::InnerJoin, post_like::Relation::User.def(), DOER)
            .filter(post::Column::DeletedAt.is_null());
        let concerned = concerned_in(tx, liked, post::Column::Body.into_expr(), ["post_likes", "posts"]).await?;
        let (kind, subject, key) = (NotificationKind::Like, (SubjectKind::Post, post), post_like_key(post, actor));
        let new = concerned.into_iter().map(|concerned| new_notification(concerned, kind, subject, key.clone()));
        notifications::deliver_in(app, tx, new.collect()).await
    }
}

/// Somebody likes a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "ids of what the type says")]
pub(crate) struct CommentLiked {
    pub comment: Uuid,
    pub actor: Uuid,
}

impl Notice for CommentLiked {
    const EVENT: &'static str = "comment_liked";

    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { comment, actor } = *self;
        let liked = comment_like::Entity::find_by_id((CommentId(comment), UserId(actor)))
            .join(JoinType::InnerJoin, comment_like::Relation::Comment.def())
            .join_as(JoinType::InnerJoin, comment::Relation::Author.def(), RECIPIENT)
            .join_as(JoinType::InnerJoin, comment_like::Relation::User.def(), DOER)
            .filter(comment::Column::DeletedAt.is_null());
        let body = comment::Column::Body.into_expr();
        let concerned = concerned_in(tx, liked, body, ["comment_likes", "comments"]).await?;
        let (kind, subject) = (NotificationKind::Like, (SubjectKind::Comment, comment));
        let key = comment_like_key(comment, actor);
        let new = concerned.into_iter().map(|concerned| new_notification(concerned, kind, subject, key.clone()));
        notifications::deliver_in(app, tx, new.collect()).await
    }
}

/// A post was answered, or a comment replied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the id of what the type says")]
pub struct CommentCreated {
    pub comment: Uuid,
}

impl Notice for CommentCreated {
    const EVENT: &'static str = "comment_created";

    /// The author of the comment that was replied to, and the author of the post; who is both is told of the reply only.
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let comment = self.comment;
        let subject = (SubjectKind::Comment, comment);
        let written = || {
            comment::Entity::find_by_id(CommentId(comment))
                .join_as(JoinType::InnerJoin, comment::Relation::Author.def(), DOER)
                .filter(comment::Column::DeletedAt.is_null())
        };
        let body = || comment::Column::Body.into_expr();
        let reply = written()
            .join_as(JoinType::InnerJoin, comment::Relation::Parent.def(), PARENT)
            .join_as(JoinType::InnerJoin, comment::Relation::Author.def().from_alias(PARENT), RECIPIENT)
            .filter(Expr::col((PARENT, comment::Column::DeletedAt)).is_null());
        let replied_to = concerned_in(tx, reply, body(), ["comments", PARENT]).await?.into_iter();
        let mut new: Vec<NewNotification> = replied_to
            .map(|concerned| new_notification(concerned, NotificationKind::Reply, subject, format!("reply:{comment}")))
            .collect();
        let answer = written()
            .join(JoinType::InnerJoin, comment::Relation::Post.def())
            .join_as(JoinType::InnerJoin, post::Relation::Author.def(), RECIPIENT)
            .filter(post::Column::DeletedAt.is_null());
        for concerned in concerned_in(tx, answer, body(), ["comments", "posts"]).await? {
            let one = new_notification(concerned, NotificationKind::Comment, subject, format!("comment:{comment}"));
            if new.iter().all(|other| other.recipient != one.recipient) {
                new.push(one);
            }
        }
        notifications::deliver_in(app, tx, new).await
    }
}

/// A post was passed on, by this post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the id of what the type says")]
pub(crate) struct PostShared {
    pub share: Uuid,
}

impl Notice for PostShared {
    const EVENT: &'static str = "post_shared";

    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let share = self.share;
        let original = |column: post::Column| Expr::col((ORIGINAL, column));
        let shared = post::Entity::find_by_id(PostId(share))
            .join_as(JoinType::InnerJoin, post::Relation::SharedPost.def(), ORIGINAL)
            .join_as(JoinType::InnerJoin, post::Relation::Author.def().from_alias(ORIGINAL), RECIPIENT)
            .join_as(JoinType::InnerJoin, post::Relation::Author.def(), DOER)
            .filter(post::Column::DeletedAt.is_null())
            .filter(original(post::Column::DeletedAt).is_null());
        let concerned = concerned_in(tx, shared, original(post::Column::Body), ["posts", ORIGINAL]).await?;
        let (kind, subject, key) = (NotificationKind::Share, (SubjectKind::Post, share), format!("share:{share}"));
        let new = concerned.into_iter().map(|concerned| new_notification(concerned, kind, subject, key.clone()));
        notifications::deliver_in(app, tx, new.collect()).await
    }
}

/// A like of a post was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "ids of what the type says")]
pub(crate) struct PostUnliked {
    pub post: Uuid,
    pub actor: Uuid,
}

impl Notice for PostUnliked {
    const EVENT: &'static str = "post_unliked";

    /// A like that was given again meanwhile is told still: nobody gives it while this looks.
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { post, actor } = *self;
        let locked = post::Entity::find_by_id(PostId(post)).lock(LockType::NoKeyUpdate).one(tx).await?;
        let Some(author) = locked.and_then(|post| post.author_id) else { return Ok(()) };
        let holds = post_like::Entity::find_by_id((PostId(post), UserId(actor)));
        let holds = holds.select_only().column(post_like::Column::PostId).into_query();
        let which = notifications::of_fact(author, &post_like_key(post, actor), holds);
        if notifications::go_in(app, tx, which).await? { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

/// A like of a comment was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "ids of what the type says")]
pub(crate) struct CommentUnliked {
    pub comment: Uuid,
    pub actor: Uuid,
}

impl Notice for CommentUnliked {
    const EVENT: &'static str = "comment_unliked";

    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { comment, actor } = *self;
        let locked = comment::Entity::find_by_id(CommentId(comment)).lock(LockType::NoKeyUpdate).one(tx).await?;
        let Some(author) = locked.and_then(|comment| comment.author_id) else { return Ok(()) };
        let holds = comment_like::Entity::find_by_id((CommentId(comment), UserId(actor)));
        let holds = holds.select_only().column(comment_like::Column::CommentId).into_query();
        let which = notifications::of_fact(author, &comment_like_key(comment, actor), holds);
        if notifications::go_in(app, tx, which).await? { Ok(()) } else { notify_in(app, tx, self).await }
    }
}
