//! Table `payout_methods`: where money goes when it leaves.

use sea_orm::entity::prelude::*;

use super::{Currency, PayoutMethodId, UserId};

/// A row of `payout_methods`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payout_methods")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PayoutMethodId,
    /// Whose.
    pub user_id: UserId,
    /// The bank.
    pub bank_name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// In which currency it takes money.
    pub currency: Currency,
    /// The end of the account's number.
    pub last_four: String,
    /// Holder and number, as JSON, sealed.
    pub sealed_details: Vec<u8>,
    /// Added.
    pub created_at: DateTimeUtc,
    /// Removed by the person.
    pub removed_at: Option<DateTimeUtc>,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
    /// What was paid to it.
    #[sea_orm(has_many, relation_enum = "Withdrawals")]
    pub withdrawals: HasMany<super::withdrawal::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
