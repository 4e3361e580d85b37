//! Table `payment_events`: the steps of a payment; only added to.

use sea_orm::entity::prelude::*;

use super::{PaymentEventId, PaymentId, stored_enum};

stored_enum! {
    /// How a step became known.
    EventSource {
        /// By beginning it.
        Create = "create",
        /// The payer said so, and the provider was asked.
        Confirm = "confirm",
        /// The provider told.
        Webhook = "webhook",
        /// The provider was asked in time.
        Poll = "poll",
        /// Staff said so.
        Staff = "staff",
        /// The program itself.
        System = "system",
    }
}

/// A row of `payment_events`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_events")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentEventId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// What the state was after it, or what happened.
    pub kind: String,
    /// How it became known.
    pub source: EventSource,
    /// Authorized after it.
    pub authorised: i64,
    /// Captured after it.
    pub captured: i64,
    /// Refunded after it.
    pub refunded: i64,
    /// Pending after it.
    pub pending: i64,
    /// The provider's words, for staff.
    pub detail: Option<String>,
    /// Written.
    pub created_at: DateTimeUtc,

    /// The payment.
    #[sea_orm(belongs_to, from = "payment_id", to = "id")]
    pub payment: BelongsTo<super::payment::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
