//! The posts' statements that are SQL text, each with the reason why.
//!
//! What is read of posts `p`, comments `c` and people `u` has the names by which [`PostRow`](super::PostRow), the comment's row
//! and the shapes of people are read.

use chrono::{DateTime, Utc};
use sea_orm::Value;
use uuid::Uuid;

use super::{
    AuthorPart, CommentParts, PostParts,
    rows::{AUTHOR, VIEWER_LIKES},
};
use crate::{
    domain::{events, notifications},
    entity::{
        CommentId, PostId, UserId,
        event::{EventKind, StreamKind},
    },
    platform::{
        db::{ColumnType, CteChain, Database, placeholders},
        page::{Beginning, Cursor, Key, Page},
    },
};

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

const CARD: &[&str] = &["id", "username", "display_name", "avatar_url"];

const PERSON: &[&str] = &[
    "id",
    "username",
    "first_name",
    "last_name",
    "display_name",
    "avatar_url",
    "bio",
    "kind",
    "locale",
    "post_count",
    "username_changed_at",
    "created_at",
    "updated_at",
];

fn columns(names: &[&str], alias: &str) -> String {
    names.iter().map(|name| format!("{alias}{name}")).collect::<Vec<_>>().join(", ")
}

fn person(names: &[&str], prefix: &str) -> String {
    names.iter().map(|name| format!("u.{name} AS {prefix}{name}")).collect::<Vec<_>>().join(", ")
}

/// What is read of posts or comments with an alias, and the joins for it; `viewer` is the placeholder of the viewer's id.
fn parts(author: AuthorPart, alias: &str, (likes, key): (&str, &str), viewer: Option<&str>) -> (String, String) {
    let (mut list, mut joins) = (String::new(), String::new());
    let names = match author {
        AuthorPart::Absent => None,
        AuthorPart::Card => Some(CARD),
        AuthorPart::Full => Some(PERSON),
    };
    if let Some(names) = names {
        list += &format!(", {}", person(names, AUTHOR));
        joins += &format!(" LEFT JOIN users u ON u.id = {alias}.author_id");
    }
    if let Some(viewer) = viewer {
        list += &format!(", (l.user_id IS NOT NULL) AS {VIEWER_LIKES}");
        joins += &format!(" LEFT JOIN {likes} l ON l.{key} = {alias}.id AND l.user_id = {viewer}");
    }
    (list, joins)
}

fn posts(parts: &PostParts, viewer: Option<UserId>, values: &mut Vec<Value>) -> (String, String) {
    let viewer = viewer.map(|viewer| push(values, viewer.0));
    let (more, joins) = self::parts(parts.author, "p", ("post_likes", "post_id"), viewer.as_deref());
    (format!("{}{more}", columns(POST, "p.")), joins)
}

fn push(values: &mut Vec<Value>, value: impl Into<Value>) -> String {
    values.push(value.into());
    format!("${}", values.len())
}

/// A statement with its values.
type Text = (String, Vec<Value>);

/// Posts by id, with the parts that are wanted.
///
/// Text, because it answers most of all requests.
pub(super) fn by_id(ids: &[PostId], parts: &PostParts, viewer: Option<UserId>) -> Text {
    let mut values = Vec::new();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let list = placeholders(&mut values, &ids);
    let (columns, joins) = posts(parts, viewer, &mut values);
    (format!("SELECT {columns} FROM posts p{joins} WHERE p.id IN ({list})"), values)
}

/// A page of everybody's posts, the newest first, with the parts that are wanted.
///
/// Text, because it is what most people begin with.
pub(super) fn feed(page: &Page, parts: &PostParts, viewer: Option<UserId>) -> Text {
    let mut values = Vec::new();
    let mut wanted = "p.deleted_at IS NULL".to_owned();
    for (cursor, forwards) in [(&page.after, true), (&page.before, false)] {
        // A cursor of this order says a time.
        if let Some(Cursor { key: Key::Time(time), id, .. }) = cursor {
            let sign = if forwards == page.reverse { ">" } else { "<" };
            let (time, id) = (push(&mut values, *time), push(&mut values, *id));
            wanted += &format!(" AND (p.created_at, p.id) {sign} ({time}, {id})");
        }
    }
    let (columns, joins) = posts(parts, viewer, &mut values);
    let order = page.order("p.created_at", "p.id", true);
    (format!("SELECT {columns} FROM posts p{joins} WHERE {wanted} {order}"), values)
}

/// The first comments of each post, and one more where that is of interest; of each comment, its replies.
///
/// Text, because the builder has no "first rows of each" that both databases know, and because it is half of the feed.
pub(super) fn first_comments(
    db: &Database,
    replies: bool,
    ids: &[Uuid],
    beginning: Beginning,
    parts: &CommentParts,
    viewer: Option<UserId>,
) -> Text {
    let below = if replies { "c.parent_id = p.id" } else { "c.post_id = p.id AND c.parent_id IS NULL" };
    // As `queries::is_shown`.
    let filter = format!("{below} AND (c.deleted_at IS NULL OR c.visible_reply_count > 0)");
    let mut values = Vec::new();
    let list = placeholders(&mut values, ids);
    let viewer = viewer.map(|viewer| push(&mut values, viewer.0));
    let (more, joins) = self::parts(parts.author, "c", ("comment_likes", "comment_id"), viewer.as_deref());
    let direction = beginning.page().direction(false);
    let order = format!("c.created_at {direction}, c.id {direction}");
    let count = beginning.size + u64::from(parts.has_next);
    let outer = if replies { "comments p" } else { "posts p" };
    let from = db.first_of_each(outer, "comments", "c", &filter, &order, count);
    let columns = columns(COMMENT, "c.");
    (format!("SELECT {columns}{more} FROM {from}{joins} WHERE p.id IN ({list})"), values)
}

/// The first likes of each post, and one more.
///
/// Text, because the builder has no "first rows of each" that both databases know.
pub(super) fn first_likes(db: &Database, ids: &[Uuid], beginning: Beginning) -> Text {
    let mut values = Vec::new();
    let list = placeholders(&mut values, ids);
    let direction = beginning.page().direction(true);
    let from = db.first_rows_of_each(
        "posts p",
        ("post_likes", "l", "post_id, user_id"),
        "l.post_id = p.id",
        &format!("l.created_at {direction}, l.user_id {direction}"),
        beginning.size + 1,
    );
    let person = person(PERSON, "user_");
    let sql = format!(
        "SELECT l.post_id, l.created_at, {person} FROM {from} JOIN users u ON u.id = l.user_id WHERE p.id IN ({list})"
    );
    (sql, values)
}

// -------------------------------------------------------------------------------------------------------------- likes

const COMMENT_ROW: &[(&str, ColumnType)] =
    &[("id", ColumnType::Uuid), ("post_id", ColumnType::Uuid), ("author_id", ColumnType::Uuid)];
const POST_ROW: &[(&str, ColumnType)] =
    &[("id", ColumnType::Uuid), ("author_id", ColumnType::Uuid), ("event_seq", ColumnType::Integer)];
const TARGET: &[(&str, ColumnType)] = &[("id", ColumnType::Uuid)];

/// A like that is given or taken back: by whom, when, and the job that tells of it.
pub(super) struct Liking {
    pub user: UserId,
    pub now: DateTime<Utc>,
    pub job: Uuid,
    pub payload: String,
}

impl Liking {
    /// What is liked is `$1`, by whom `$2`, when `$3`, and `$4` and `$5` are the job's id and payload.
    fn chain(self, target: Uuid, result: &'static str) -> CteChain {
        let Self { user, now, job, payload } = self;
        CteChain::new(vec![target.into(), user.0.into(), now.into(), job.into(), payload.into()], result)
    }
}

/// Likes a post; gives its row, where that changes something.
///
/// Text, as a chain of writes in one round trip, of which each depends on the one before.
pub(super) fn like_post(id: PostId, liking: Liking) -> CteChain {
    let (not_liked_yet, post) = (not_liked_yet("posts", "post_likes", "post_id"), columns(POST, ""));
    liking
        .chain(id.0, "post")
        .step(
            "post",
            POST_ROW,
            format!(
                "UPDATE posts SET like_count = like_count + 1, event_seq = event_seq + 1 WHERE {not_liked_yet} \
                 RETURNING {post}"
            ),
        )
        .step(
            "liked",
            &[],
            "INSERT INTO post_likes (post_id, user_id, created_at) SELECT id, $2, $3 FROM post WHERE 1 = 1 \
             RETURNING post_id",
        )
        .step("event", &[], event_step(EventKind::PostLiked, "NULL"))
        .step("job", &[], job_step("post"))
}

/// Takes a like of a post back; gives its row, where that changes something.
///
/// Text, as a chain of writes in one round trip.
pub(super) fn unlike_post(db: &Database, id: PostId, liking: Liking) -> CteChain {
    let post = columns(POST, "");
    liking
        .chain(id.0, "post")
        .step("target", TARGET, target_step(db, "posts"))
        .step(
            "unliked",
            &[("post_id", ColumnType::Uuid)],
            "DELETE FROM post_likes WHERE post_id IN (SELECT id FROM target) AND user_id = $2 RETURNING post_id",
        )
        .step(
            "post",
            POST_ROW,
            format!(
                "UPDATE posts SET like_count = like_count - 1 WHERE id IN (SELECT post_id FROM unliked) RETURNING {post}"
            ),
        )
        .step("job", &[], job_step("post"))
}

/// Likes a comment; gives its row, where that changes something.
///
/// Text, as a chain of writes in one round trip.
pub(super) fn like_comment(id: CommentId, liking: Liking) -> CteChain {
    let (not_liked_yet, comment) = (not_liked_yet("comments", "comment_likes", "comment_id"), columns(COMMENT, ""));
    liking
        .chain(id.0, "comment")
        .step(
            "comment",
            COMMENT_ROW,
            format!("UPDATE comments SET like_count = like_count + 1 WHERE {not_liked_yet} RETURNING {comment}"),
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
        .step("job", &[], job_step("comment"))
}

/// Takes a like of a comment back; gives its row, where that changes something.
///
/// Text, as a chain of writes in one round trip.
pub(super) fn unlike_comment(db: &Database, id: CommentId, liking: Liking) -> CteChain {
    let comment = columns(COMMENT, "");
    liking
        .chain(id.0, "comment")
        .step("target", TARGET, target_step(db, "comments"))
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
                "UPDATE comments SET like_count = like_count - 1 WHERE id IN (SELECT comment_id FROM unliked) \
                 RETURNING {comment}"
            ),
        )
        .step("job", &[], job_step("comment"))
}

/// What is to be liked: not deleted, and not liked yet. Counting it comes first, and locks it, so that it can't be
/// deleted meanwhile.
fn not_liked_yet(table: &str, likes: &str, key: &str) -> String {
    format!(
        "{table}.id = $1 AND deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM {likes} WHERE {key} = $1 AND user_id = $2)"
    )
}

/// What a like is taken back from, as long as it is not deleted: locked, so that it stays so until that is counted.
fn target_step(db: &Database, table: &str) -> String {
    format!("SELECT id FROM {table} WHERE id = $1 AND deleted_at IS NULL {}", db.for_update())
}

/// The event on the stream of the row that the step `post` returned.
fn event_step(event: EventKind, subject: &str) -> String {
    events::write_step(StreamKind::Post, "post", event, ["$2", subject, "$3"])
}

/// The job that tells the author of what the step `liked_row` returned, or forgets that, unless they did it themselves.
fn job_step(liked_row: &str) -> String {
    notifications::notify_step(&format!("{liked_row} WHERE author_id <> $2"), ["$4", "$5", "$3"])
}
