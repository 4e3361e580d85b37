//! Posts: what people publish, pass on, answer and like.
//!
//! Owns `posts`, `post_tags`, `post_likes`, `comments` and `comment_likes`. Always holds: a counter in a row equals the
//! facts it counts, because both change in one transaction; what is deleted stays as a tombstone, without text and
//! author, so that answers keep their place. A post's row carries the counter of its event stream.

mod commands;
mod comments;
mod counters;
mod jobs;
mod likes;
mod notices;
mod privacy;
mod queries;
mod refold;
mod registration;
mod rows;
mod sql;

use crate::{
    domain::accounts::Person,
    entity::{UserId, comment},
    error::{Error, UserError, UserErrorCode},
    platform::page::{Beginning, Slice},
};

pub(crate) use commands::lock_in;
pub(crate) use commands::{PostCreate, PostShare, post_create, post_delete, post_share, post_update};
pub(crate) use comments::{CommentCreate, CommentTarget, comment_create, comment_delete, comment_update};
pub(crate) use jobs::PostDeleted;
pub(crate) use likes::{comment_like, comment_unlike, post_like, post_unlike};
pub use notices::CommentCreated;
pub(crate) use notices::title as notice_title;
pub(crate) use queries::{
    COMMENTS_SORT, CommentsOf, FirstComments, LIKES_SORT, Like, PostFilter, PostSort, comment_cursor, comments,
    comments_by_id, find, first_comments, first_likes, like_cursor, likes, posts, posts_by_id, viewer_likes_comments,
    viewer_likes_posts,
};
pub(crate) use registration::DOMAIN;
pub(crate) use rows::PostRow;

/// Most characters of a post.
pub(crate) const MAX_POST: usize = 10_000;
/// Most characters of a comment.
pub(crate) const MAX_COMMENT: usize = 2_000;
/// Most tags that are taken from a post.
pub(crate) const MAX_TAGS: usize = 10;

/// How much of an author is fetched along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum AuthorPart {
    /// Nothing: nobody is going to ask for the author.
    #[default]
    Absent,
    /// Id, user name, display name and picture.
    Card,
    /// The whole row of `users`.
    Full,
}

/// What a list of posts fetches along with each post, because the client is going to ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PostParts {
    /// The author, as far as it is going to be asked for.
    pub author: AuthorPart,
    /// Whether the viewer likes it.
    pub viewer_likes: bool,
    /// The beginning of its comments, and what of each.
    pub comments: Option<(Beginning, CommentParts)>,
}

/// What a list of comments fetches along with each comment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct CommentParts {
    /// The author, as far as it is going to be asked for.
    pub author: AuthorPart,
    /// Whether the viewer likes it.
    pub viewer_likes: bool,
    /// Whether there are more behind a list's beginning.
    pub has_next: bool,
}

/// A post, with the parts that were fetched along; `None` in a part means "not fetched".
#[derive(Debug, Clone)]
pub(crate) struct PostView {
    /// The row; a tombstone's text and author are blanked.
    pub post: PostRow,
    /// The author, if there still is one.
    pub author: Option<Option<Person>>,
    /// Whether the viewer likes it.
    pub viewer_likes: Option<bool>,
    /// The beginning of its comments.
    pub comments: Option<(Beginning, Slice<CommentView>)>,
}

/// A comment, with the parts that were fetched along.
#[derive(Debug, Clone)]
pub(crate) struct CommentView {
    /// The row; a tombstone's text and author are blanked.
    pub comment: comment::Model,
    /// The author, if there still is one.
    pub author: Option<Option<Person>>,
    /// Whether the viewer likes it.
    pub viewer_likes: Option<bool>,
}

impl PostView {
    fn bare(post: PostRow) -> Self {
        Self { post, author: None, viewer_likes: None, comments: None }.shown()
    }

    /// As it is shown: a tombstone without its author.
    fn shown(mut self) -> Self {
        if self.post.deleted_at.is_some() {
            self.post.author_id = None;
            self.author = self.author.map(|_| None);
        }
        self
    }

    /// Whether this person may change or delete it: its author, while it is not deleted.
    #[must_use]
    pub(crate) fn can_change(&self, viewer: Option<UserId>) -> bool {
        viewer.is_some() && self.post.author_id == viewer && self.post.deleted_at.is_none()
    }
}

impl CommentView {
    fn bare(comment: comment::Model) -> Self {
        Self { comment, author: None, viewer_likes: None }.shown()
    }

    /// As it is shown: a tombstone without its author.
    fn shown(mut self) -> Self {
        if self.comment.deleted_at.is_some() {
            self.comment.author_id = None;
            self.author = self.author.map(|_| None);
        }
        self
    }

    /// Whether this person may change or delete it: its author, while it is not deleted.
    #[must_use]
    pub(crate) fn can_change(&self, viewer: Option<UserId>) -> bool {
        viewer.is_some() && self.comment.author_id == viewer && self.comment.deleted_at.is_none()
    }
}

/// The actor sees it, but it is somebody else's.
fn not_allowed() -> Error {
    UserError::input("id", UserErrorCode::NotAllowed).into()
}
