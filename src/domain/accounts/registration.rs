//! What accounts hand over.

use super::{
    guessing,
    jobs::{SendReset, SendVerification},
    likenesses, oauth, privacy, sessions,
};
use crate::domain::{
    jobs::Handler,
    registration::{Counter, Derived, Domain, Retention},
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
    counters: &[Counter {
        table: "users",
        column: "post_count",
        facts: "SELECT COUNT(*) FROM posts f WHERE f.author_id = users.id AND f.deleted_at IS NULL",
    }],
    derived: &[Derived { part: "users", refold_in: |tx, after| Box::pin(likenesses::refold_in(tx, after)) }],
    exports: privacy::EXPORT,
    ..Domain::named("accounts")
};
