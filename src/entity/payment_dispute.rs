//! Table `payment_disputes`: payers who take a payment back through their bank, or through the provider.

use sea_orm::entity::prelude::*;

use super::{DisputeId, PaymentId, RefundId, stored_enum};

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
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_disputes")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DisputeId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// The provider's own id.
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
    /// Became known.
    pub opened_at: DateTimeUtc,
    /// Won or lost.
    pub ended_at: Option<DateTimeUtc>,

    /// The payment.
    #[sea_orm(belongs_to, from = "payment_id", to = "id")]
    pub payment: BelongsTo<super::payment::Entity>,
    /// The refund.
    #[sea_orm(belongs_to, from = "refund_id", to = "id")]
    pub refund: BelongsTo<Option<super::refund::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
