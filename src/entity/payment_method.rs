//! Table `payment_methods`: saved ways to pay; no card data, only what a provider calls it.

use sea_orm::entity::prelude::*;

use super::{PaymentMethodId, UserId, stored_enum};

stored_enum! {
    /// What a way to pay is.
    MethodKind {
        /// A credit or debit card.
        Card = "card",
        /// A PayPal account.
        Paypal = "paypal",
        /// The wallet here.
        Wallet = "wallet",
        /// Cash at the door.
        CashOnDelivery = "cash_on_delivery",
        /// A transfer from a bank.
        BankTransfer = "bank_transfer",
    }
}

/// A row of `payment_methods`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_methods")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentMethodId,
    /// Whose.
    pub user_id: UserId,
    /// What it is.
    pub kind: MethodKind,
    /// Who knows it.
    pub provider: super::payment::ProviderKind,
    /// The provider's own id of it.
    pub provider_reference: Option<String>,
    /// Of a card, such as visa.
    pub brand: Option<String>,
    /// Of a card, the end of its number.
    pub last_four: Option<String>,
    /// What is offered first.
    pub is_default: bool,
    /// Saved.
    pub created_at: DateTimeUtc,
    /// Removed.
    pub removed_at: Option<DateTimeUtc>,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
    /// What was paid by it.
    #[sea_orm(has_many, relation_enum = "Payments")]
    pub payments: HasMany<super::payment::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
