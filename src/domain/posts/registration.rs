//! What posts hand over.

use super::{
    counters,
    notices::{CommentCreated, CommentLiked, CommentUnliked, PostLiked, PostShared, PostUnliked, SUBJECTS},
    privacy, refold,
};
use crate::{
    domain::{
        notifications::NoticeHandler,
        registration::{Derived, Domain},
    },
    entity::event::StreamKind,
};

pub(crate) const DOMAIN: Domain = Domain {
    tables: &["posts", "post_tags", "post_likes", "comments", "comment_likes"],
    streams: &[(StreamKind::Post, "posts")],
    notices: &[
        NoticeHandler::of::<PostLiked>(),
        NoticeHandler::of::<PostUnliked>(),
        NoticeHandler::of::<PostShared>(),
        NoticeHandler::of::<CommentCreated>(),
        NoticeHandler::of::<CommentLiked>(),
        NoticeHandler::of::<CommentUnliked>(),
    ],
    subjects: SUBJECTS,
    counters: counters::COUNTERS,
    derived: &[Derived { part: "posts", refold_in: |tx, after| Box::pin(refold::refold_in(tx, after)) }],
    exports: privacy::EXPORT,
    erase_in: |_, tx, user| Box::pin(privacy::erase_in(tx, user)),
    ..Domain::named("posts")
};
