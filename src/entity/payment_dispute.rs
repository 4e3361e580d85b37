//! Table `payment_disputes`: payers who take a payment back through their bank, or through the provider.

use sea_orm::entity::prelude::*;

use super::{DisputeId, PaymentId, RefundId, related, stored_enum};

stored_enum! {
    /// How a dispute stands.
    DisputeState {
        /// Nobody has decided: its money is held.
        Open = "open",
        /// The money stays.
        Won = "won",
        /// The money went back to who paid.
        Lost = "lost",
    }
}

/// A row of `payment_disputes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_disputes")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DisputeId,
    /// The payment that is disputed.
    pub payment_id: PaymentId,
    /// The provider's own id of it.
    pub provider_reference: String,
    /// How much is disputed, in minor units of the payment's currency.
    pub amount: i64,
    /// Why, in the provider's own word.
    pub reason: String,
    /// How it stands.
    pub state: DisputeState,
    /// The refund that its money is held, or moved, by; none, when nothing was left of the payment.
    pub refund_id: Option<RefundId>,
    /// Until when the provider takes evidence.
    pub respond_by: Option<DateTimeUtc>,
    /// When it became known here.
    pub opened_at: DateTimeUtc,
    /// When it was won or lost; null while it is open.
    pub ended_at: Option<DateTimeUtc>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The payment that is disputed.
    #[sea_orm(belongs_to = "super::payment::Entity", from = "Column::PaymentId", to = "super::payment::Column::Id")]
    Payment,
    /// The refund that its money is held, or moved, by.
    #[sea_orm(belongs_to = "super::refund::Entity", from = "Column::RefundId", to = "super::refund::Column::Id")]
    Refund,
}

related! {
    payment by Payment,
    refund by Refund,
}

impl ActiveModelBehavior for ActiveModel {}
