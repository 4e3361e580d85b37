//! What accounts hand over.

use sea_orm::{
    ColumnTrait, ExprTrait,
    sea_query::{Expr, Query, SelectStatement},
};

use super::{
    guessing,
    jobs::{SendReset, SendVerification},
    likenesses, oauth, privacy, sessions,
};
use crate::{
    domain::{
        jobs::Handler,
        registration::{Counter, Derived, Domain, Retention},
    },
    entity::{post, user},
};

pub(crate) const DOMAIN: Domain = Domain {
    tables: &[
        "users",
        "credentials",
        "user_roles",
        "sessions",
        "challenges",
        "two_factors",
        "backup_codes",
        "identities",
        "oauth_flows",
        "sign_in_failures",
        "suspensions",
        "likenesses",
        "held_usernames",
        "digest_subscriptions",
    ],
    jobs: &[Handler::of::<SendVerification>(), Handler::of::<SendReset>()],
    sweeps: &[|app| Box::pin(sessions::sweep(app))],
    retentions: &[
        Retention { what: "sessions", prune: |app| Box::pin(sessions::prune(app)) },
        Retention { what: "failed sign-ins and challenges", prune: |app| Box::pin(guessing::prune(app)) },
        Retention { what: "sign-ins at providers", prune: |app| Box::pin(oauth::prune(app)) },
        Retention { what: "held user names", prune: |app| Box::pin(likenesses::prune(app)) },
    ],
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
