//! Rows of posts and comments as hand-written SELECTs give them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{DerivePartialModel, QueryResult};

use super::{AuthorPart, CommentParts, CommentView, PostParts, PostView};
use crate::{
    domain::accounts::{Person, read_user, read_user_card, user_card_columns, user_columns},
    entity::{PostId, UserId, comment, post},
    error::Result,
    platform::db::Columns,
};

/// A post as it is read: without its search form, which is never shown.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "post::Entity")]
pub struct PostRow {
    /// The post's id.
    pub id: PostId,
    /// Who wrote it; null once erased.
    pub author_id: Option<UserId>,
    /// At most 10,000 characters; empty when deleted, or on a share without a text.
    pub body: String,
    /// The post that this one passes on.
    pub shared_post_id: Option<PostId>,
    /// Rows of `post_likes`.
    pub like_count: i64,
    /// Rows of `comments` that are not deleted.
    pub comment_count: i64,
    /// Posts that pass this one on and are not deleted.
    pub share_count: i64,
    /// Sequence of the last event on this post's stream.
    pub event_seq: i64,
    /// When it was published.
    pub created_at: DateTime<Utc>,
    /// Last change by the author.
    pub edited_at: Option<DateTime<Utc>>,
    /// Deleted; the row stays as a tombstone for its comments and shares.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl From<post::Model> for PostRow {
    fn from(model: post::Model) -> Self {
        Self {
            id: model.id,
            author_id: model.author_id,
            body: model.body,
            shared_post_id: model.shared_post_id,
            like_count: model.like_count,
            comment_count: model.comment_count,
            share_count: model.share_count,
            event_seq: model.event_seq,
            created_at: model.created_at,
            edited_at: model.edited_at,
            deleted_at: model.deleted_at,
        }
    }
}

const POST: &[&str] = &[
    "id",
    "author_id",
    "body",
    "shared_post_id",
    "like_count",
    "comment_count",
    "share_count",
    "event_seq",
    "created_at",
    "edited_at",
    "deleted_at",
];

const COMMENT: &[&str] = &[
    "id",
    "post_id",
    "parent_id",
    "author_id",
    "body",
    "like_count",
    "reply_count",
    "visible_reply_count",
    "created_at",
    "edited_at",
    "deleted_at",
];

fn columns(names: &[&str], prefix: &str) -> String {
    names.iter().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(", ")
}

/// The columns of a post, as in `RETURNING`.
pub(super) fn post_columns() -> String {
    columns(POST, "")
}

/// The columns of a comment, as in `RETURNING`.
pub(super) fn comment_columns() -> String {
    columns(COMMENT, "")
}

/// `SELECT` list and joins for posts `p` with the parts that are wanted; `viewer` is the placeholder of the viewer's id.
pub(super) fn select_posts(parts: &PostParts, viewer: Option<&str>) -> (String, String) {
    let (mut list, mut joins) = (columns(POST, "p."), String::new());
    add_parts(
        &mut list,
        &mut joins,
        "p",
        ("post_likes", "post_id"),
        parts.author,
        viewer.filter(|_| parts.viewer_likes),
    );
    (list, joins)
}

/// The same for comments `c`.
pub(super) fn select_comments(parts: &CommentParts, viewer: Option<&str>) -> (String, String) {
    let (mut list, mut joins) = (columns(COMMENT, "c."), String::new());
    let viewer = viewer.filter(|_| parts.viewer_likes);
    add_parts(&mut list, &mut joins, "c", ("comment_likes", "comment_id"), parts.author, viewer);
    (list, joins)
}

fn add_parts(
    list: &mut String,
    joins: &mut String,
    alias: &str,
    (likes, key): (&str, &str),
    author: AuthorPart,
    viewer: Option<&str>,
) {
    let author_columns = match author {
        AuthorPart::Absent => None,
        AuthorPart::Card => Some(user_card_columns("u")),
        AuthorPart::Full => Some(user_columns("u")),
    };
    if let Some(columns) = author_columns {
        *list += &format!(", {columns}");
        *joins += &format!(" LEFT JOIN users u ON u.id = {alias}.author_id");
    }
    if let Some(viewer) = viewer {
        *list += ", (l.user_id IS NOT NULL)";
        *joins += &format!(" LEFT JOIN {likes} l ON l.{key} = {alias}.id AND l.user_id = {viewer}");
    }
}

/// Reads what [`select_posts`] selected.
pub(super) fn read_post(row: &QueryResult, parts: &PostParts, signed_in: bool) -> Result<PostView> {
    let mut columns = Columns::new(row);
    let mut post = PostRow {
        id: columns.take()?,
        author_id: columns.take()?,
        body: columns.take()?,
        shared_post_id: columns.take()?,
        like_count: columns.take()?,
        comment_count: columns.take()?,
        share_count: columns.take()?,
        event_seq: columns.take()?,
        created_at: columns.take()?,
        edited_at: columns.take()?,
        deleted_at: columns.take()?,
    };
    let (mut author, viewer_likes) = read_parts(&mut columns, parts.author, parts.viewer_likes, signed_in)?;
    if post.deleted_at.is_some() {
        post.author_id = None;
        author = author.map(|_| None);
    }
    Ok(PostView { post, author, viewer_likes, comments: None })
}

/// Reads what [`select_comments`] selected.
pub(super) fn read_comment(row: &QueryResult, parts: &CommentParts, signed_in: bool) -> Result<CommentView> {
    let mut columns = Columns::new(row);
    let mut comment = comment::Model {
        id: columns.take()?,
        post_id: columns.take()?,
        parent_id: columns.take()?,
        author_id: columns.take()?,
        body: columns.take()?,
        like_count: columns.take()?,
        reply_count: columns.take()?,
        visible_reply_count: columns.take()?,
        created_at: columns.take()?,
        edited_at: columns.take()?,
        deleted_at: columns.take()?,
    };
    let (mut author, viewer_likes) = read_parts(&mut columns, parts.author, parts.viewer_likes, signed_in)?;
    if comment.deleted_at.is_some() {
        comment.author_id = None;
        author = author.map(|_| None);
    }
    Ok(CommentView { comment, author, viewer_likes })
}

fn read_parts(
    columns: &mut Columns<'_>,
    author: AuthorPart,
    likes: bool,
    signed_in: bool,
) -> Result<(Option<Option<Person>>, Option<bool>)> {
    let author = match author {
        AuthorPart::Absent => None,
        AuthorPart::Card => Some(read_user_card(columns)?.map(|card| Person::Card(Arc::new(card)))),
        AuthorPart::Full => Some(read_user(columns)?.map(Person::Whole)),
    };
    let likes = if likes && signed_in { Some(columns.take()?) } else { None };
    Ok((author, likes))
}
