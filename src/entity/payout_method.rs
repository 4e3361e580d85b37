//! Table `payout_methods`: where money goes when it leaves.

use sea_orm::entity::prelude::*;

use super::{Currency, PayoutMethodId, UserId, related};

/// A row of `payout_methods`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payout_methods")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PayoutMethodId,
    /// Whose account at the bank it is.
    pub user_id: UserId,
    /// The bank's name.
    pub bank_name: String,
    /// Where the bank is: ISO 3166-1 alpha-2.
    pub country: String,
    /// In which currency it takes money.
    pub currency: Currency,
    /// The last four digits of the account's number.
    pub last_four: String,
    /// Holder and number, as JSON, sealed.
    pub sealed_details: Vec<u8>,
    /// When it was added.
    pub created_at: DateTimeUtc,
    /// When the person removed it; null while it is theirs.
    pub removed_at: Option<DateTimeUtc>,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whose account at the bank it is.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    User,
    /// What was paid to it.
    #[sea_orm(has_many = "super::withdrawal::Entity")]
    Withdrawals,
}

related! {
    user by User,
    withdrawal by Withdrawals,
}

impl ActiveModelBehavior for ActiveModel {}
