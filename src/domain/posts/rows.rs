//! Posts and comments as they are read: their own columns by a shape, and beside them whatever parts a request wants, all by
//! name.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{
    DerivePartialModel, EntityTrait, ExprTrait, FromQueryResult, JoinType, PartialModelTrait, QueryResult, QuerySelect,
    RelationDef, RelationTrait, Select,
    sea_query::{Expr, IntoCondition},
};

use super::{AuthorPart, CommentParts, CommentView, PostParts, PostView};
use crate::{
    domain::accounts::{Person, UserCard, UserRow},
    entity::{PostId, UserId, comment, comment_like, post, post_like},
    error::Result,
};

/// What the names of an author's columns begin with.
pub(super) const AUTHOR: &str = "writer_";
/// The name of whether the viewer likes it.
pub(super) const VIEWER_LIKES: &str = "viewer_likes";

/// A post as it is read: without its search form, which is never shown.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "post::Entity")]
pub(crate) struct PostRow {
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

/// Reads of posts what is wanted; `viewer` is given where it is wanted whether they like it.
pub(super) fn select_posts<E: EntityTrait>(posts: Select<E>, parts: &PostParts, viewer: Option<UserId>) -> Select<E> {
    let posts = with_author(PostRow::select_cols(posts), post::Relation::Author.def(), parts.author);
    let Some(viewer) = viewer else { return posts };
    let theirs = post::Relation::Likes
        .def()
        .on_condition(move |_, likes| Expr::col((likes, post_like::Column::UserId)).eq(viewer).into_condition());
    let likes = Expr::col((post_like::Entity, post_like::Column::UserId)).is_not_null();
    posts.join(JoinType::LeftJoin, theirs).expr_as(likes, VIEWER_LIKES)
}

/// The same of comments.
pub(super) fn select_comments(
    comments: Select<comment::Entity>,
    parts: &CommentParts,
    viewer: Option<UserId>,
) -> Select<comment::Entity> {
    let comments = comment::Model::select_cols(comments);
    let comments = with_author(comments, comment::Relation::Author.def(), parts.author);
    let Some(viewer) = viewer else { return comments };
    let theirs = comment::Relation::Likes
        .def()
        .on_condition(move |_, likes| Expr::col((likes, comment_like::Column::UserId)).eq(viewer).into_condition());
    let likes = Expr::col((comment_like::Entity, comment_like::Column::UserId)).is_not_null();
    comments.join(JoinType::LeftJoin, theirs).expr_as(likes, VIEWER_LIKES)
}

fn with_author<E: EntityTrait>(select: Select<E>, author: RelationDef, part: AuthorPart) -> Select<E> {
    match part {
        AuthorPart::Absent => select,
        AuthorPart::Card => UserCard::select_cols_nested(select.join(JoinType::LeftJoin, author), Some(AUTHOR), None),
        AuthorPart::Full => UserRow::select_cols_nested(select.join(JoinType::LeftJoin, author), Some(AUTHOR), None),
    }
}

/// Reads a post with its parts; `signed_in` where there is a viewer.
pub(super) fn read_post(row: &QueryResult, parts: &PostParts, signed_in: bool) -> Result<PostView> {
    let post = PostRow::from_query_result(row, "")?;
    let author = read_author(row, parts.author)?;
    let viewer_likes = read_likes(row, parts.viewer_likes && signed_in)?;
    Ok(PostView { post, author, viewer_likes, comments: None }.shown())
}

/// The same of a comment.
pub(super) fn read_comment(row: &QueryResult, parts: &CommentParts, signed_in: bool) -> Result<CommentView> {
    let comment = comment::Model::from_query_result(row, "")?;
    let author = read_author(row, parts.author)?;
    let viewer_likes = read_likes(row, parts.viewer_likes && signed_in)?;
    Ok(CommentView { comment, author, viewer_likes }.shown())
}

fn read_author(row: &QueryResult, part: AuthorPart) -> Result<Option<Option<Person>>> {
    Ok(match part {
        AuthorPart::Absent => None,
        AuthorPart::Card => {
            let card = Option::<UserCard>::from_query_result(row, AUTHOR)?;
            Some(card.map(|card| Person::Card(Arc::new(card))))
        }
        AuthorPart::Full => {
            let user = Option::<UserRow>::from_query_result(row, AUTHOR)?;
            Some(user.map(|user| Person::Whole(Arc::new(user))))
        }
    })
}

fn read_likes(row: &QueryResult, is_read: bool) -> Result<Option<bool>> {
    Ok(if is_read { Some(row.try_get("", VIEWER_LIKES)?) } else { None })
}
