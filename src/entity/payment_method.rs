//! Table `payment_methods`: saved ways to pay; no card data, only what a provider calls it.

use sea_orm::entity::prelude::*;

use super::{PaymentMethodId, UserId, related, stored_enum};

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
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_methods")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentMethodId,
    /// Who pays by it.
    pub user_id: UserId,
    /// What it is.
    pub kind: MethodKind,
    /// The provider that knows it.
    pub provider: super::payment::ProviderKind,
    /// The provider's own id of it.
    pub provider_reference: Option<String>,
    /// The brand of a card, such as `visa`.
    pub brand: Option<String>,
    /// The last four digits of a card's number.
    pub last_four: Option<String>,
    /// Whether it is offered first.
    pub is_default: bool,
    /// When it was saved.
    pub created_at: DateTimeUtc,
    /// When the person removed it; null while it is theirs.
    pub removed_at: Option<DateTimeUtc>,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who pays by it.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    User,
    /// What was paid by it.
    #[sea_orm(has_many = "super::payment::Entity")]
    Payments,
}

related! {
    user by User,
    payment by Payments,
}

impl ActiveModelBehavior for ActiveModel {}
