//! What posts hand over.

use super::{
    notices::{CommentCreated, CommentLiked, CommentUnliked, PostLiked, PostShared, PostUnliked, SUBJECTS},
    privacy, refold,
};
use crate::{
    domain::{
        notifications::Teller,
        registration::{Counter, Derived, Domain},
    },
    entity::event::StreamKind,
};

pub(crate) const DOMAIN: Domain = Domain {
    tables: &["posts", "post_tags", "post_likes", "comments", "comment_likes"],
    streams: &[(StreamKind::Post, "posts")],
    notices: &[
        Teller::of::<PostLiked>(),
        Teller::of::<PostUnliked>(),
        Teller::of::<PostShared>(),
        Teller::of::<CommentCreated>(),
        Teller::of::<CommentLiked>(),
        Teller::of::<CommentUnliked>(),
    ],
    subjects: SUBJECTS,
    counters: &[
        Counter {
            table: "posts",
            column: "like_count",
            facts: "SELECT COUNT(*) FROM post_likes f WHERE f.post_id = posts.id",
        },
        Counter {
            table: "posts",
            column: "comment_count",
            facts: "SELECT COUNT(*) FROM comments f WHERE f.post_id = posts.id AND f.deleted_at IS NULL",
        },
        Counter {
            table: "posts",
            column: "share_count",
            facts: "SELECT COUNT(*) FROM posts f WHERE f.shared_post_id = posts.id AND f.deleted_at IS NULL",
        },
        Counter {
            table: "comments",
            column: "like_count",
            facts: "SELECT COUNT(*) FROM comment_likes f WHERE f.comment_id = comments.id",
        },
        Counter {
            table: "comments",
            column: "reply_count",
            facts: "SELECT COUNT(*) FROM comments f WHERE f.parent_id = comments.id AND f.deleted_at IS NULL",
        },
    ],
    derived: &[Derived { part: "posts", refold_in: |tx, after| Box::pin(refold::refold_in(tx, after)) }],
    exports: privacy::EXPORT,
    erase_in: |_, tx, user| Box::pin(privacy::erase_in(tx, user)),
    ..Domain::named("posts")
};
