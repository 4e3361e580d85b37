//! Signing in by a provider: OAuth 2.0 with PKCE, and OpenID Connect where the provider speaks it.
//!
//! Owns `oauth_flows` and `identities`. A flow has three steps. *Begin* keeps hashes of the `state` and of a flow token
//! that only the program that begins ever has. The *callback* ([`come_back`]) takes the browser back from the provider,
//! keeps the provider's code, sealed, and hands out a ticket. *Complete* wants both, ticket and flow token, so that
//! nobody finishes what another browser began (RFC 6749, 10.12: login CSRF); it uses both up before it asks the
//! provider, outside of any transaction, who it was. Each step works once, within five minutes, by conditional updates.
//!
//! # Who it is
//!
//! An identity is known by provider and subject, nothing else: addresses change hands. One that is not known yet gets:
//!
//! - the account whose **confirmed** address the provider calls **verified**: both sides have seen proof of the same
//!   mailbox. Where that account has a second factor, the sign-in goes on to it, and nothing is linked: half a proof
//!   must not leave a door of its own behind.
//! - where the provider vouches for no address: no account at all. LINK_REQUIRED says that an account with it exists
//!   (`register` would tell the same by TAKEN); where REGISTRATION_CONFIRM_EMAIL is on, and `register` hides it, the
//!   answer is PROVIDER_EMAIL_UNVERIFIED for both. Accounts want an address, so GitHub without a primary verified one,
//!   or a provider that tells none, gets that answer too.
//! - otherwise a new account, its address confirmed on the provider's word.
//!
//! # Accounts that wait for somebody (pre-hijacking)
//!
//! Anybody can register with an address that isn't theirs, and wait for its owner. So the owner, when a provider vouches
//! for them, never lands in an account whose address was not confirmed: it may have a stranger's password. Nor may the
//! stranger keep the owner out. The address is taken from that account (its key becomes `taken <id>`, as in a hidden
//! registration): nobody signs in by it there or resets a password through it, nothing is sent to it any more, and the
//! new account has it, confirmed. What the stranger wrote stays theirs; their sessions live on, with an account that
//! has no confirmed address. Should it have been the owner, who only never confirmed: they still have their user name
//! and password, and can link the provider while signed in, before using it, which confirms the address.
//!
//! The other direction, an identity that waits: a stranger who registers with the owner's address and links an identity
//! of their own would still be in after the owner has proven the address, by a reset say, and made the account theirs.
//! So an identity is linked only to an account whose address is confirmed, or is confirmed by this very identity
//! (EMAIL_NOT_CONFIRMED otherwise). It always holds: who has an identity has proven their address.
//!
//! With REGISTRATION_CONFIRM_EMAIL the unconfirmed account could not even be signed in to; the rules are the same. A
//! confirmation that is still under way there comes too late: it can no longer make the address its own, because the
//! unique key is elsewhere.

mod flow;
mod identities;
mod join;
mod naming;
mod person;

use crate::{
    app::App,
    config::OauthProvider,
    entity::SignInProviderId,
    error::{Error, Reason, Result, UserError, UserErrorCode},
    platform::{ids, providers::oauth::Failure},
};

pub use flow::prune;
pub(crate) use flow::{Begin, Begun, ComeBack, Complete, begin, come_back, complete, identity_link};
pub(crate) use identities::{LinkedIdentity, identities, identities_by_id, identity_unlink};
pub(crate) use join::Completed;

/// A provider by which people can sign in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignInProvider {
    /// Made of its name.
    pub id: SignInProviderId,
    /// In addresses, and in the graph.
    pub name: String,
    /// For people.
    pub title: String,
}

/// The providers by which people can sign in here, in the order of the configuration.
#[must_use]
pub(crate) fn sign_in_providers(app: &App) -> Vec<SignInProvider> {
    let all = app.config.oauth_providers.iter().map(|provider| SignInProvider {
        id: SignInProviderId(ids::named(&provider.name)),
        name: provider.name.clone(),
        title: provider.title.clone(),
    });
    all.collect()
}

fn find<'a>(app: &'a App, name: &str) -> Option<&'a OauthProvider> {
    app.config.oauth_providers.iter().find(|provider| provider.name == name)
}

/// A configured provider; INVALID at `input.provider` otherwise.
fn get<'a>(app: &'a App, name: &str) -> Result<&'a OauthProvider> {
    find(app, name).ok_or_else(|| UserError::invalid("provider", Reason::Provider).into())
}

/// For people, also where the provider is no longer configured.
fn title<'a>(app: &'a App, name: &'a str) -> &'a str {
    find(app, name).map_or(name, |provider| &provider.title)
}

/// PROVIDER_FAILED; the log says why.
fn failed(provider: &str, failure: &Failure) -> Error {
    tracing::warn!(provider, %failure, "a sign-in at a provider did not work");
    refused()
}

/// What somebody gets to know where the provider, or what it says, is at fault: PROVIDER_FAILED.
fn refused() -> Error {
    UserError::whole(UserErrorCode::ProviderFailed).into()
}
