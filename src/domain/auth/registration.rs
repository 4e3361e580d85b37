//! What auth hands over.

use super::{
    brute_force,
    jobs::{SendReset, SendVerification},
    oauth, privacy, sessions,
};
use crate::domain::{
    jobs::Handler,
    registration::{Domain, Retention},
};

pub(crate) const DOMAIN: Domain = Domain {
    tables: &[
        "user_roles",
        "sessions",
        "challenges",
        "two_factors",
        "backup_codes",
        "identities",
        "oauth_flows",
        "sign_in_failures",
        "suspensions",
    ],
    jobs: &[Handler::of::<SendVerification>(), Handler::of::<SendReset>()],
    sweeps: &[|app| Box::pin(sessions::sweep(app))],
    retentions: &[
        Retention { what: "sessions", prune: |app| Box::pin(sessions::prune(app)) },
        Retention { what: "failed sign-ins and challenges", prune: |app| Box::pin(brute_force::prune(app)) },
        Retention { what: "sign-ins at providers", prune: |app| Box::pin(oauth::prune(app)) },
    ],
    exports: privacy::EXPORT,
    ..Domain::named("auth")
};
