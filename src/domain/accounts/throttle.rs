//! How often codes are asked for and proofs are tried: the same limits for every operation that does either. They don't
//! share the limit of all sign-ins together, or a flood of cheap tries would keep everybody from signing in.

use super::policy;
use crate::{
    app::App,
    domain::actor::Client,
    error::Result,
    platform::{rate_limit::address_key, text},
};

/// One more code is asked for, for an account: its id, or an e-mail address as it was given. RATE_LIMITED.
pub(crate) fn throttle_send(app: &App, client: &Client, account: &str) -> Result<()> {
    if let Some(address) = client.address {
        app.limiters.send_address.check(&address_key(address)).map_err(|left| left.refusal())?;
    }
    app.limiters.send_account.check(&account_key(account)).map_err(|left| left.refusal())?;
    Ok(())
}

/// One more proof is tried at an account: its id, or an e-mail address as it was given. RATE_LIMITED.
pub(crate) fn throttle_proof(app: &App, client: &Client, account: &str) -> Result<()> {
    if let Some(address) = client.address {
        app.limiters.proof_address.check(&address_key(address)).map_err(|left| left.refusal())?;
    }
    app.limiters.proof_account.check(&account_key(account)).map_err(|left| left.refusal())?;
    Ok(())
}

/// Bounded, because it is kept in memory, and folded, or every spelling would have its own allowance.
fn account_key(account: &str) -> String {
    text::excerpt(&policy::lookup_key(account), 254)
}
