//! How often somebody signs in, registers, asks for codes and tries proofs: the same limits for every operation that does.
//!
//! Always holds: nothing is charged before the input was looked at; and no limit is something that strangers use up for
//! others. So there is none of everybody together (passwords wait in a bounded line, see `platform::passwords`).

use std::net::IpAddr;

use crate::{
    app::App,
    domain::actor::Client,
    entity::UserId,
    error::Result,
    platform::rate_limit::{Limiter, Policy, address_key},
};

/// Sign-ins from an address.
const LOGIN_ADDRESS: Policy<Limiter<IpAddr>> = Policy::of_calls("login-address", |rates| rates.login_address);
/// Registrations from an address.
const REGISTER_ADDRESS: Policy<Limiter<IpAddr>> = Policy::of_calls("register-address", |rates| rates.register_address);
/// Codes asked for from an address without a sign-in.
const SEND_ADDRESS: Policy<Limiter<IpAddr>> = Policy::of_calls("send-address", |rates| rates.send_address);
/// Codes asked for by a person.
const SEND_ACCOUNT: Policy<Limiter<UserId>> = Policy::of_calls("send-account", |rates| rates.send_account);
/// Codes tried from an address without a sign-in.
const PROOF_ADDRESS: Policy<Limiter<IpAddr>> = Policy::of_calls("proof-address", |rates| rates.proof_address);
/// Codes and old passwords tried by a person.
const PROOF_ACCOUNT: Policy<Limiter<UserId>> = Policy::of_calls("proof-account", |rates| rates.proof_account);

/// One more sign-in from the client's address. RATE_LIMITED.
pub(super) fn throttle_login(app: &App, client: &Client) -> Result<()> {
    throttle_address(app.limiters.of(&LOGIN_ADDRESS), client)
}

/// One more registration from the client's address. RATE_LIMITED.
pub(super) fn throttle_register(app: &App, client: &Client) -> Result<()> {
    throttle_address(app.limiters.of(&REGISTER_ADDRESS), client)
}

fn throttle_address(limiter: &Limiter<IpAddr>, client: &Client) -> Result<()> {
    if let Some(address) = client.address {
        limiter.check(&address_key(address)).map_err(|left| left.refusal())?;
    }
    Ok(())
}

/// One more code is asked for: by the person who is signed in, or from the address of who is not. Never by what they ask
/// for, which anybody can type. RATE_LIMITED.
pub(crate) fn throttle_send(app: &App, client: &Client, user: Option<UserId>) -> Result<()> {
    throttle(app.limiters.of(&SEND_ACCOUNT), app.limiters.of(&SEND_ADDRESS), client, user)
}

/// One more proof is tried: by the person who is signed in, or from the address of who is not. Never by what they try it
/// at, which anybody can type: a code counts its own tries. RATE_LIMITED.
pub(crate) fn throttle_proof(app: &App, client: &Client, user: Option<UserId>) -> Result<()> {
    throttle(app.limiters.of(&PROOF_ACCOUNT), app.limiters.of(&PROOF_ADDRESS), client, user)
}

fn throttle(
    accounts: &Limiter<UserId>,
    addresses: &Limiter<IpAddr>,
    client: &Client,
    user: Option<UserId>,
) -> Result<()> {
    match user {
        Some(user) => accounts.check(&user).map(drop).map_err(|left| left.refusal().into()),
        None => throttle_address(addresses, client),
    }
}
