//! Table `refunds`: money that goes back to who paid.

use sea_orm::entity::prelude::*;

use super::{PaymentId, RefundId, TransferId, UserId, related, stored_enum};

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
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refunds")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RefundId,
    /// The payment that it goes back of.
    pub payment_id: PaymentId,
    /// How much goes back, in minor units of the payment's currency.
    pub amount: i64,
    /// Where it goes.
    pub destination: RefundDestination,
    /// How far it has come.
    pub state: RefundState,
    /// Why it is wanted; may be empty.
    pub reason: String,
    /// Why it was refused.
    pub decision_reason: Option<String>,
    /// Who asked for it; null where nobody here did, and once their account is erased.
    pub requested_by: Option<UserId>,
    /// Who granted or refused it; null before, and where nobody here did.
    pub decided_by: Option<UserId>,
    /// The pending transfer that holds the money.
    pub hold_id: Option<TransferId>,
    /// The provider's own id of it.
    pub provider_reference: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Unique within the payment for refunds that the program makes.
    pub cause_key: Option<String>,
    /// When it is gone on with.
    pub check_at: Option<DateTimeUtc>,
    /// How often it was gone on with.
    pub checks: i64,
    /// When it was asked for.
    pub created_at: DateTimeUtc,
    /// When it was granted or refused; null before.
    pub decided_at: Option<DateTimeUtc>,
    /// When it succeeded or failed; null before.
    pub ended_at: Option<DateTimeUtc>,
    /// Who decided it.
    pub origin: RefundOrigin,
    /// When its provider was first asked for it.
    pub asked_at: Option<DateTimeUtc>,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The payment that it goes back of.
    #[sea_orm(belongs_to = "super::payment::Entity", from = "Column::PaymentId", to = "super::payment::Column::Id")]
    Payment,
    /// The transfer that holds the money.
    #[sea_orm(
        belongs_to = "super::ledger_transfer::Entity",
        from = "Column::HoldId",
        to = "super::ledger_transfer::Column::Id"
    )]
    Hold,
    /// The dispute that it is of, if it is of one.
    #[sea_orm(has_many = "super::payment_dispute::Entity")]
    Disputes,
}

related! {
    payment by Payment,
    ledger_transfer by Hold,
    payment_dispute by Disputes,
}

impl ActiveModelBehavior for ActiveModel {}
