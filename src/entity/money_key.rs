//! Table `money_keys`: which calls moved money already, for good.

use sea_orm::entity::prelude::*;

/// A row of `money_keys`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "money_keys")]
pub struct Model {
    /// The person, or what stands for somebody without an account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub claimant_id: Uuid,
    /// What they called.
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    /// The key they sent with it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 over what was asked, in hexadecimal.
    pub input_hash: String,
    /// The id of what came of it.
    pub result_id: Uuid,
    /// Sent.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
