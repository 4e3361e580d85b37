//! What accounts hand over.

use sea_orm::{
    ColumnTrait, ExprTrait,
    sea_query::{Expr, Query, SelectStatement},
};

use super::{likenesses, privacy};
use crate::{
    domain::registration::{Counter, Derived, Domain, Retention},
    entity::{post, user},
};

pub(crate) const DOMAIN: Domain = Domain {
    tables: &["users", "credentials", "likenesses", "held_usernames", "digest_subscriptions"],
    retentions: &[Retention { what: "held user names", prune: |app| Box::pin(likenesses::prune(app)) }],
    counters: &[Counter { table: "users", column: "post_count", facts: posts_of_person }],
    derived: &[Derived { part: "users", refold_in: |tx, after| Box::pin(likenesses::refold_in(tx, after)) }],
    exports: privacy::EXPORT,
    ..Domain::named("accounts")
};

/// What a person's number of posts counts.
fn posts_of_person() -> SelectStatement {
    Query::select()
        .expr(Expr::cust("COUNT(*)"))
        .from(post::Entity)
        .and_where(post::Column::AuthorId.into_expr().eq(user::Column::Id.into_expr()))
        .and_where(post::Column::DeletedAt.is_null())
        .take()
}
