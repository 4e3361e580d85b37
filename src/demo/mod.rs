//! Made-up people and texts: a small story to look at, and any number of rows to measure with.
//!
//! Owns nothing; it is above every other module and writes their tables directly, because it makes up a past that no
//! command can; only money moves by the functions of the ledger and of goals. Always holds: counters, search forms, tags
//! and notifications are what the commands would have written.
//! It must not be reachable from the graph: everybody in it has the same published password.

mod bulk;
mod fundraising;
mod goals;
mod money;
mod people;
mod rows;
mod story;
mod threads;
mod words;

use sea_orm::EntityTrait;

use crate::{
    app::App,
    entity::user,
    error::Result,
    platform::{db::is_unique_violation, passwords::Caller},
};

pub use bulk::{Bulk, seed};

/// The password of everybody who comes from here.
pub const PASSWORD: &str = "agora-demo-2026";

/// Loads the demo into a database that has no people yet, in one transaction; false when somebody is there already.
pub async fn load(app: &App) -> Result<bool> {
    // Looked at twice: here to spare the hash, below to be sure.
    if app.db.one(user::Entity::find()).await?.is_some() {
        return Ok(false);
    }
    let password_hash = app.passwords.enter(Caller::Known)?.hash(PASSWORD.to_owned()).await?;
    let story = story::tell(&password_hash)?;
    let loaded = app
        .db
        .transact(async |tx| {
            if user::Entity::find().one(&tx).await?.is_some() {
                return Ok(false);
            }
            story.write_in(&tx).await?;
            money::give_in(app, &tx).await?;
            goals::raise_in(app, &tx, &story).await?;
            Ok(true)
        })
        .await;
    match loaded {
        // Another process was faster.
        Err(error) if is_unique_violation(&error) => Ok(false),
        result => result,
    }
}
