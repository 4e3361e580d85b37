//! What posts hand over.

use super::{
    Comment, Post,
    loaders::{CommentsById, PostsById},
    mutations,
};
use crate::{
    domain::posts,
    entity::{CommentId, PostId},
    graphql::registration::{ById, Noun},
};

/// What posts hand over.
pub(in crate::graphql) const GRAPH: Noun = Noun {
    rules: &[mutations::RULES],
    ids: &[ById::loaded::<PostsById, Post>(PostId::PREFIX), ById::loaded::<CommentsById, Comment>(CommentId::PREFIX)],
    texts: &[("Comment", "body", posts::MAX_COMMENT as u64), ("Post", "body", posts::MAX_POST as u64)],
    interfaces: &[
        ("Likeable", &["Post", "Comment"]),
        ("Commentable", &["Post"]),
        ("Discussion", &["CommentConnection"]),
        ("DiscussionEdge", &["CommentEdge"]),
        ("DiscussionComment", &["Comment"]),
    ],
    ..Noun::EMPTY
};
