//! What people are told of posts: that theirs was liked, answered or passed on.
//!
//! What is told is there, and stays there until it is told: whatever ends it comes later, and finds the notification.

use std::borrow::Cow;

use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    catalogue::Text,
    domain::notifications::{self, Concerned, Notice, Subject, Telling, notify_in},
    entity::{
        UserId,
        notification::{NotificationKind, SubjectKind},
    },
    error::{Locale, Result},
    platform::db::{Columns, Transaction},
};

/// What of posts notifications tell of: what was said to a post or comment, and who passed it on, was told because of it;
/// that it was passed on quotes it.
pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        text: "SELECT body FROM posts WHERE id = $1 AND deleted_at IS NULL",
        because: &[
            "comments c JOIN notifications n ON n.subject_id = c.id AND n.kind = 'comment' WHERE c.post_id = $1",
            "posts s JOIN notifications n ON n.subject_id = s.id AND n.kind = 'share' WHERE s.shared_post_id = $1",
        ],
        quoting: &[
            "posts s JOIN notifications n ON n.subject_id = s.id AND n.kind = 'share' WHERE s.shared_post_id = $1",
        ],
    },
    Subject {
        text: "SELECT body FROM comments WHERE id = $1 AND deleted_at IS NULL",
        because: &[
            "comments c JOIN notifications n ON n.subject_id = c.id AND n.kind = 'reply' WHERE c.parent_id = $1",
        ],
        quoting: &[],
    },
];

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

fn telling(
    row: &QueryResult,
    kind: NotificationKind,
    subject: (SubjectKind, Uuid),
    dedupe_key: String,
) -> Result<Telling> {
    let concerned = Concerned::read(row)?;
    Ok(Telling {
        recipient: concerned.recipient,
        actor: concerned.actor,
        kind,
        subject: Some(subject),
        title: title(concerned.locale, kind, subject.0, &concerned.actor_name),
        excerpt: notifications::excerpt(&concerned.text),
        dedupe_key,
    })
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
pub struct PostLiked {
    pub post: Uuid,
    pub actor: Uuid,
}

impl Notice for PostLiked {
    const EVENT: &'static str = "post_liked";

    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { post, actor } = *self;
        // A like that was taken back meanwhile is not told.
        let sql = format!(
            "SELECT p.author_id, r.locale, a.id, a.display_name, p.body FROM post_likes l \
             JOIN posts p ON p.id = l.post_id JOIN users r ON r.id = p.author_id JOIN users a ON a.id = l.user_id \
             WHERE l.post_id = $1 AND l.user_id = $2 AND p.deleted_at IS NULL {}",
            tx.while_there("l, p")
        );
        let rows = tx.rows(sql, vec![post.into(), actor.into()]).await?;
        let (kind, subject, key) = (NotificationKind::Like, (SubjectKind::Post, post), post_like_key(post, actor));
        let tellings = rows.iter().map(|row| telling(row, kind, subject, key.clone())).collect::<Result<Vec<_>>>()?;
        notifications::tell_in(app, tx, tellings).await
    }
}

/// Somebody likes a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "ids of what the type says")]
pub struct CommentLiked {
    pub comment: Uuid,
    pub actor: Uuid,
}

impl Notice for CommentLiked {
    const EVENT: &'static str = "comment_liked";

    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { comment, actor } = *self;
        let sql = format!(
            "SELECT c.author_id, r.locale, a.id, a.display_name, c.body FROM comment_likes l \
             JOIN comments c ON c.id = l.comment_id JOIN users r ON r.id = c.author_id JOIN users a ON a.id = l.user_id \
             WHERE l.comment_id = $1 AND l.user_id = $2 AND c.deleted_at IS NULL {}",
            tx.while_there("l, c")
        );
        let rows = tx.rows(sql, vec![comment.into(), actor.into()]).await?;
        let (kind, subject) = (NotificationKind::Like, (SubjectKind::Comment, comment));
        let key = comment_like_key(comment, actor);
        let tellings = rows.iter().map(|row| telling(row, kind, subject, key.clone())).collect::<Result<Vec<_>>>()?;
        notifications::tell_in(app, tx, tellings).await
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
    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let comment = self.comment;
        let subject = (SubjectKind::Comment, comment);
        let sql = format!(
            "SELECT r.id, r.locale, a.id, a.display_name, c.body FROM comments c JOIN users a ON a.id = c.author_id \
             JOIN comments p ON p.id = c.parent_id JOIN users r ON r.id = p.author_id \
             WHERE c.id = $1 AND c.deleted_at IS NULL AND p.deleted_at IS NULL {}",
            tx.while_there("c, p")
        );
        let rows = tx.rows(sql, vec![comment.into()]).await?;
        let reply = |row: &QueryResult| telling(row, NotificationKind::Reply, subject, format!("reply:{comment}"));
        let mut tellings = rows.iter().map(reply).collect::<Result<Vec<_>>>()?;
        let sql = format!(
            "SELECT r.id, r.locale, a.id, a.display_name, c.body FROM comments c JOIN users a ON a.id = c.author_id \
             JOIN posts p ON p.id = c.post_id JOIN users r ON r.id = p.author_id \
             WHERE c.id = $1 AND c.deleted_at IS NULL AND p.deleted_at IS NULL {}",
            tx.while_there("c, p")
        );
        for row in &tx.rows(sql, vec![comment.into()]).await? {
            let telling = telling(row, NotificationKind::Comment, subject, format!("comment:{comment}"))?;
            if tellings.iter().all(|other| other.recipient != telling.recipient) {
                tellings.push(telling);
            }
        }
        notifications::tell_in(app, tx, tellings).await
    }
}

/// A post was passed on, by this post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the id of what the type says")]
pub struct PostShared {
    pub share: Uuid,
}

impl Notice for PostShared {
    const EVENT: &'static str = "post_shared";

    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let share = self.share;
        let sql = format!(
            "SELECT o.author_id, r.locale, a.id, a.display_name, o.body FROM posts s \
             JOIN posts o ON o.id = s.shared_post_id JOIN users r ON r.id = o.author_id \
             JOIN users a ON a.id = s.author_id WHERE s.id = $1 AND s.deleted_at IS NULL AND o.deleted_at IS NULL {}",
            tx.while_there("s, o")
        );
        let rows = tx.rows(sql, vec![share.into()]).await?;
        let (kind, subject, key) = (NotificationKind::Share, (SubjectKind::Post, share), format!("share:{share}"));
        let tellings = rows.iter().map(|row| telling(row, kind, subject, key.clone())).collect::<Result<Vec<_>>>()?;
        notifications::tell_in(app, tx, tellings).await
    }
}

/// A like of a post was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "ids of what the type says")]
pub struct PostUnliked {
    pub post: Uuid,
    pub actor: Uuid,
}

impl Notice for PostUnliked {
    const EVENT: &'static str = "post_unliked";

    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { post, actor } = *self;
        let holds = "SELECT 1 FROM post_likes WHERE post_id = $3 AND user_id = $4";
        let is_done = unliked_in(app, tx, ("posts", post), actor, &post_like_key(post, actor), holds).await?;
        if is_done { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

/// A like of a comment was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "ids of what the type says")]
pub struct CommentUnliked {
    pub comment: Uuid,
    pub actor: Uuid,
}

impl Notice for CommentUnliked {
    const EVENT: &'static str = "comment_unliked";

    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { comment, actor } = *self;
        let holds = "SELECT 1 FROM comment_likes WHERE comment_id = $3 AND user_id = $4";
        let key = comment_like_key(comment, actor);
        let is_done = unliked_in(app, tx, ("comments", comment), actor, &key, holds).await?;
        if is_done { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

/// A like that was given again meanwhile is told still: nobody gives it while this looks.
async fn unliked_in(
    app: &App,
    tx: &Transaction,
    (table, id): (&str, Uuid),
    actor: Uuid,
    key: &str,
    holds: &str,
) -> Result<bool> {
    let sql = format!("SELECT author_id FROM {table} WHERE id = $1 {}", tx.for_update());
    let Some(row) = tx.row(sql, vec![id.into()]).await? else { return Ok(true) };
    let author: Option<UserId> = Columns::new(&row).take()?;
    let Some(author) = author else { return Ok(true) };
    let which = notifications::of_fact(holds);
    notifications::go_in(app, tx, &which, vec![author.0.into(), key.into(), id.into(), actor.into()]).await
}
