//! Table `money_keys`: which calls moved money already, for good.

use sea_orm::entity::prelude::*;

/// A row of `money_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "money_keys")]
pub struct Model {
    /// The person, or what stands for somebody without an account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub claimant_id: Uuid,
    /// What they called: the mutation's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    /// The key they sent with it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 over what was asked, in hexadecimal.
    pub input_hash: String,
    /// The id of what came of it.
    pub result_id: Uuid,
    /// When it was first sent.
    pub created_at: DateTimeUtc,
}

/// Nothing belongs to a row, and it to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
