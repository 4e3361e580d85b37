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
    platform::rate_limit::{Limiter, address_key},
};

/// One more sign-in from the client's address. RATE_LIMITED.
pub(super) fn throttle_login(app: &App, client: &Client) -> Result<()> {
    throttle_address(&app.limiters.login_address, client)
}

/// One more registration from the client's address. RATE_LIMITED.
pub(super) fn throttle_register(app: &App, client: &Client) -> Result<()> {
    throttle_address(&app.limiters.register_address, client)
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
    throttle(&app.limiters.send_account, &app.limiters.send_address, client, user)
}

/// One more proof is tried: by the person who is signed in, or from the address of who is not. Never by what they try it
/// at, which anybody can type: a code counts its own tries. RATE_LIMITED.
pub(crate) fn throttle_proof(app: &App, client: &Client, user: Option<UserId>) -> Result<()> {
    throttle(&app.limiters.proof_account, &app.limiters.proof_address, client, user)
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
