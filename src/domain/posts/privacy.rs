//! What posts hold about a person, and how they forget it.

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, QueryTrait, sea_query::Expr};

use crate::{
    domain::export::{
        Kind::{Id, Integer, Text, Time},
        Table,
    },
    entity::{UserId, comment, comment_like, post, post_like},
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
    let posts = post_like::Entity::find()
        .select_only()
        .column(post_like::Column::PostId)
        .filter(post_like::Column::UserId.eq(user));
    post::Entity::update_many()
        .col_expr(post::Column::LikeCount, Expr::col(post::Column::LikeCount).sub(1))
        .filter(post::Column::Id.in_subquery(posts.into_query()))
        .exec(tx)
        .await?;
    post_like::Entity::delete_many().filter(post_like::Column::UserId.eq(user)).exec(tx).await?;
    let comments = comment_like::Entity::find()
        .select_only()
        .column(comment_like::Column::CommentId)
        .filter(comment_like::Column::UserId.eq(user));
    comment::Entity::update_many()
        .col_expr(comment::Column::LikeCount, Expr::col(comment::Column::LikeCount).sub(1))
        .filter(comment::Column::Id.in_subquery(comments.into_query()))
        .exec(tx)
        .await?;
    comment_like::Entity::delete_many().filter(comment_like::Column::UserId.eq(user)).exec(tx).await?;
    Ok(())
}
