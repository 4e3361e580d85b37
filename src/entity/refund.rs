//! Table `refunds`: money that goes back to who paid.

use sea_orm::entity::prelude::*;

use super::{PaymentId, RefundId, TransferId, UserId, stored_enum};

stored_enum! {
    /// Where a refund goes.
    RefundDestination {
        /// Back the way it came.
        Source = "source",
        /// Into the payer's wallet.
        Wallet = "wallet",
    }
}

stored_enum! {
    /// Who decided that money goes back.
    RefundOrigin {
        /// It was decided here.
        Platform = "platform",
        /// Its provider did it on its own, or somebody did it there.
        Provider = "provider",
        /// The payer's bank took it back.
        Dispute = "dispute",
    }
}

stored_enum! {
    /// How far a refund has come.
    RefundState {
        /// The payer asks for it.
        Requested = "requested",
        /// It was not granted.
        Refused = "refused",
        /// It is going to be done; its money is held.
        Granted = "granted",
        /// The provider is at work.
        Pending = "pending",
        /// The payer has it.
        Succeeded = "succeeded",
        /// It could not be done.
        Failed = "failed",
    }
}

/// A row of `refunds`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refunds")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RefundId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// In minor units of the payment's currency.
    pub amount: i64,
    /// Where it goes.
    pub destination: RefundDestination,
    /// How far it has come.
    pub state: RefundState,
    /// Why it is wanted; may be empty.
    pub reason: String,
    /// Why it was refused.
    pub decision_reason: Option<String>,
    /// Who asked.
    pub requested_by: Option<UserId>,
    /// Who granted or refused.
    pub decided_by: Option<UserId>,
    /// The pending transfer that holds the money.
    pub hold_id: Option<TransferId>,
    /// The provider's own id.
    pub provider_reference: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Unique within the payment for refunds that the program makes.
    pub cause_key: Option<String>,
    /// When it is gone on with.
    pub check_at: Option<DateTimeUtc>,
    /// How often that was tried.
    pub checks: i64,
    /// Asked for.
    pub created_at: DateTimeUtc,
    /// Granted or refused.
    pub decided_at: Option<DateTimeUtc>,
    /// Succeeded or failed.
    pub ended_at: Option<DateTimeUtc>,
    /// Who decided it.
    pub origin: RefundOrigin,
    /// When its provider was first asked for it.
    pub asked_at: Option<DateTimeUtc>,

    /// The payment.
    #[sea_orm(belongs_to, from = "payment_id", to = "id")]
    pub payment: BelongsTo<super::payment::Entity>,
    /// The transfer that holds the money.
    #[sea_orm(belongs_to, relation_enum = "Hold", from = "hold_id", to = "id")]
    pub hold: BelongsTo<Option<super::ledger_transfer::Entity>>,
    /// The dispute that it is of, if it is of one.
    #[sea_orm(has_many, relation_enum = "Disputes")]
    pub disputes: HasMany<super::payment_dispute::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
