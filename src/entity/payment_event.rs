//! Table `payment_events`: the steps of a payment; only added to.

use sea_orm::entity::prelude::*;

use super::{PaymentEventId, PaymentId, related, stored_enum};

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
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_events")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentEventId,
    /// The payment that it is a step of.
    pub payment_id: PaymentId,
    /// What the state was after it, or what happened.
    pub kind: String,
    /// How it became known.
    pub source: EventSource,
    /// What was authorized after it, in minor units of the payment's currency.
    pub authorised: i64,
    /// What was captured after it, in minor units.
    pub captured: i64,
    /// What was refunded after it, in minor units.
    pub refunded: i64,
    /// What was pending after it, in minor units.
    pub pending: i64,
    /// The provider's words, for staff.
    pub detail: Option<String>,
    /// When it was written.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The payment that it is a step of.
    #[sea_orm(belongs_to = "super::payment::Entity", from = "Column::PaymentId", to = "super::payment::Column::Id")]
    Payment,
}

related! {
    payment by Payment,
}

impl ActiveModelBehavior for ActiveModel {}
