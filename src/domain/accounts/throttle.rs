//! How often somebody signs in, registers, asks for codes and tries proofs: the same limits for every operation that does.
//!
//! Always holds: nothing is charged before the input was looked at; and no limit is something that strangers use up for
//! others. So there is none of everybody together (passwords wait in a bounded line, see `platform::passwords`).

use std::net::IpAddr;

use super::policy;
use crate::{
    app::App,
    domain::actor::Client,
    error::Result,
    platform::{
        rate_limit::{Limiter, address_key},
        text,
    },
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

/// One more code is asked for, for an account: its id, or an e-mail address as it was given. RATE_LIMITED.
pub(crate) fn throttle_send(app: &App, client: &Client, account: &str) -> Result<()> {
    throttle_address(&app.limiters.send_address, client)?;
    app.limiters.send_account.check(&account_key(account)).map_err(|left| left.refusal())?;
    Ok(())
}

/// One more proof is tried at an account: its id, or an e-mail address as it was given. RATE_LIMITED.
pub(crate) fn throttle_proof(app: &App, client: &Client, account: &str) -> Result<()> {
    throttle_address(&app.limiters.proof_address, client)?;
    app.limiters.proof_account.check(&account_key(account)).map_err(|left| left.refusal())?;
    Ok(())
}

/// Bounded, because it is kept in memory, and folded, or every spelling would have its own allowance.
fn account_key(account: &str) -> String {
    text::excerpt(&policy::lookup_key(account), 254)
}
