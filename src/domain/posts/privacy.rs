//! What posts hold about a person, and how they forget it.

use crate::{
    domain::export::{
        Kind::{Id, Integer, Text, Time},
        Table,
    },
    entity::UserId,
    error::Result,
    platform::db::Transaction,
};

/// What posts hold about a person.
pub(super) const EXPORT: &[Table] = &[
    Table {
        file: "posts.json",
        table: "posts",
        owner: "author_id",
        key: "id",
        columns: &[
            ("id", "id", Id("post")),
            ("body", "body", Text),
            ("sharedPostId", "shared_post_id", Id("post")),
            ("likeCount", "like_count", Integer),
            ("commentCount", "comment_count", Integer),
            ("shareCount", "share_count", Integer),
            ("createdAt", "created_at", Time),
            ("editedAt", "edited_at", Time),
            ("deletedAt", "deleted_at", Time),
        ],
    },
    Table {
        file: "comments.json",
        table: "comments",
        owner: "author_id",
        key: "id",
        columns: &[
            ("id", "id", Id("comment")),
            ("postId", "post_id", Id("post")),
            ("parentId", "parent_id", Id("comment")),
            ("body", "body", Text),
            ("likeCount", "like_count", Integer),
            ("createdAt", "created_at", Time),
            ("editedAt", "edited_at", Time),
            ("deletedAt", "deleted_at", Time),
        ],
    },
    Table {
        file: "post-likes.json",
        table: "post_likes",
        owner: "user_id",
        key: "post_id",
        columns: &[("postId", "post_id", Id("post")), ("createdAt", "created_at", Time)],
    },
    Table {
        file: "comment-likes.json",
        table: "comment_likes",
        owner: "user_id",
        key: "comment_id",
        columns: &[("commentId", "comment_id", Id("comment")), ("createdAt", "created_at", Time)],
    },
];

/// Forgets a person who is about to be deleted: their likes go, and are no longer counted. Posts and comments stay, and
/// lose their author with the person's row.
pub(super) async fn erase_in(tx: &Transaction, user: UserId) -> Result<()> {
    for (table, likes, key) in [("posts", "post_likes", "post_id"), ("comments", "comment_likes", "comment_id")] {
        let counted = format!(
            "UPDATE {table} SET like_count = like_count - 1 WHERE id IN (SELECT {key} FROM {likes} WHERE user_id = $1)"
        );
        tx.execute(counted, vec![user.0.into()]).await?;
        tx.execute(format!("DELETE FROM {likes} WHERE user_id = $1"), vec![user.0.into()]).await?;
    }
    Ok(())
}
