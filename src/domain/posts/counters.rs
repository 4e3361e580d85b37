//! What the counters of posts and comments count.

use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait,
    sea_query::{Expr, Query, SelectStatement},
};

use crate::{
    domain::registration::Counter,
    entity::{comment, comment_like, post, post_like},
};

/// The counters, each with its facts.
pub(super) const COUNTERS: &[Counter] = &[
    Counter { table: "posts", column: "like_count", facts: likes_of_post },
    Counter { table: "posts", column: "comment_count", facts: comments_of_post },
    Counter { table: "posts", column: "share_count", facts: shares_of_post },
    Counter { table: "comments", column: "like_count", facts: likes_of_comment },
    Counter { table: "comments", column: "reply_count", facts: replies_of_comment },
];

/// The name of the rows that are counted.
const FACT: &str = "fact";

/// How many rows of `E` have this column equal to the id of the row that counts them.
fn count<E: EntityTrait>(column: E::Column, counting: impl ColumnTrait) -> SelectStatement {
    Query::select()
        .expr(Expr::cust("COUNT(*)"))
        .from_as(E::default().table_ref(), FACT)
        .and_where(Expr::col((FACT, column)).eq(counting.into_expr()))
        .take()
}

fn likes_of_post() -> SelectStatement {
    count::<post_like::Entity>(post_like::Column::PostId, post::Column::Id)
}

fn comments_of_post() -> SelectStatement {
    let comments = count::<comment::Entity>(comment::Column::PostId, post::Column::Id);
    there(comments, comment::Column::DeletedAt)
}

fn shares_of_post() -> SelectStatement {
    let shares = count::<post::Entity>(post::Column::SharedPostId, post::Column::Id);
    there(shares, post::Column::DeletedAt)
}

fn likes_of_comment() -> SelectStatement {
    count::<comment_like::Entity>(comment_like::Column::CommentId, comment::Column::Id)
}

fn replies_of_comment() -> SelectStatement {
    let replies = count::<comment::Entity>(comment::Column::ParentId, comment::Column::Id);
    there(replies, comment::Column::DeletedAt)
}

/// Of what is counted, only what is not deleted.
fn there(mut facts: SelectStatement, deleted_at: impl ColumnTrait) -> SelectStatement {
    facts.and_where(Expr::col((FACT, deleted_at)).is_null()).take()
}
