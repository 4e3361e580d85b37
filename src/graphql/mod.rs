//! What clients see: types, inputs, payloads and the three roots, a module per noun.
//!
//! A resolver parses ids, turns the input into a command, calls the domain and wraps what comes back: no SQL, no
//! role check, no business rule. `schema.graphql` is the contract; a test compares it with the code.

pub(crate) mod accounts;
pub(crate) mod activity;
pub(crate) mod admin;
pub(crate) mod auth;
pub mod engine;
pub(crate) mod goals;
pub(crate) mod interfaces;
pub(crate) mod node;
pub(crate) mod notifications;
pub(crate) mod payments;
pub(crate) mod posts;
pub(crate) mod privacy;
pub(crate) mod profiles;
pub(crate) mod registration;
pub(crate) mod wallets;

use std::sync::{LazyLock, OnceLock};

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, Schema, ValidationMode};
use chrono::{DateTime, Utc};

use self::{engine::part::Part, registration::Noun};

/// What each noun hands over to what works for all of them.
pub(crate) static NOUNS: &[Noun] = &[
    registration::COMMON,
    auth::sign_in::GRAPH,
    accounts::GRAPH,
    auth::sessions::GRAPH,
    auth::verification::GRAPH,
    auth::passwords::GRAPH,
    profiles::GRAPH,
    auth::two_factor::GRAPH,
    auth::identities::GRAPH,
    privacy::GRAPH,
    activity::GRAPH,
    posts::GRAPH,
    notifications::GRAPH,
    payments::GRAPH,
    wallets::GRAPH,
    goals::GRAPH,
    admin::GRAPH,
];

/// What can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    node::NodeQuery,
    accounts::AccountQuery,
    auth::identities::IdentityQuery,
    posts::PostQuery,
    payments::PaymentQuery,
    wallets::WalletQuery,
    goals::GoalQuery,
    admin::AdminQuery,
);

/// What can be done. The fields of one operation run one after the other.
#[derive(MergedObject, Default)]
pub struct Mutation(
    Part<auth::sign_in::SignInMutation>,
    Part<accounts::AccountMutation>,
    Part<auth::sessions::SessionMutation>,
    Part<auth::verification::VerificationMutation>,
    Part<auth::passwords::PasswordMutation>,
    Part<profiles::ProfileMutation>,
    Part<auth::two_factor::TwoFactorMutation>,
    Part<auth::identities::IdentityMutation>,
    Part<privacy::PrivacyMutation>,
    Part<posts::PostMutation>,
    Part<notifications::NotificationMutation>,
    Part<payments::PaymentMutation>,
    Part<wallets::WalletMutation>,
    Part<goals::GoalMutation>,
    Part<admin::AdminMutation>,
);

/// What can be watched, on the same path: over a WebSocket (`graphql-transport-ws`), or as server-sent events
/// (`accept: text/event-stream`).
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    notifications::NotificationSubscription,
    payments::PaymentSubscription,
    wallets::WalletSubscription,
    goals::GoalSubscription,
);

/// The whole graph.
pub(crate) type Graph = Schema<Query, Mutation, Subscription>;

/// Builds the graph. Limits and rules are not here: `pipeline` goes through them before execution, once for each
/// document, and `Fast` is what the executor calls leaving them to others.
#[must_use]
pub fn build(introspection: bool) -> Graph {
    static GRAPHS: [OnceLock<Graph>; 2] = [const { OnceLock::new() }; 2];
    let make = || {
        let mut builder = Schema::build(Query::default(), Mutation::default(), Subscription::default())
            .register_output_type::<interfaces::Interfaces>()
            .override_output_type_description::<DateTime<Utc>>(engine::scalars::DATE_TIME)
            .validation_mode(ValidationMode::Fast)
            .disable_suggestions();
        if !introspection {
            builder = builder.disable_introspection();
        }
        builder.finish()
    };
    GRAPHS[usize::from(introspection)].get_or_init(make).clone()
}

/// The graph in the schema definition language, with descriptions. It is the same for every server of a process, and so
/// is what is read from it: both are made once.
#[must_use]
pub fn sdl() -> &'static str {
    static SDL: LazyLock<String> = LazyLock::new(|| {
        let options = SDLExportOptions::new().include_specified_by();
        format!("{}\n", build(true).sdl_with_options(options).trim_end())
    });
    &SDL
}
