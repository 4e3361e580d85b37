//! Table `withdrawals`: money on its way from a wallet to a bank.

use sea_orm::entity::prelude::*;

use super::{Currency, PayoutMethodId, TransferId, UserId, WithdrawalId, stored_enum};

stored_enum! {
    /// How far a withdrawal has come.
    WithdrawalState {
        /// It waits for staff.
        Requested = "requested",
        /// It is going to be paid.
        Approved = "approved",
        /// The bank has it.
        Paid = "paid",
        /// It could not be paid; the money is back.
        Failed = "failed",
        /// It was paid, and the bank sent it back; the money is back.
        Returned = "returned",
        /// Taken back by the person, or refused; the money is back.
        Cancelled = "cancelled",
    }
}

/// A row of `withdrawals`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "withdrawals")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WithdrawalId,
    /// Whose; stays when the account is gone.
    pub user_id: UserId,
    /// Where to; stays when it is removed.
    pub payout_method_id: PayoutMethodId,
    /// Holder and number as they were, sealed.
    pub sealed_details: Vec<u8>,
    /// The bank.
    pub bank_name: String,
    /// The end of the number.
    pub last_four: String,
    /// In which currency.
    pub currency: Currency,
    /// In minor units.
    pub amount: i64,
    /// How far it has come.
    pub state: WithdrawalState,
    /// The pending transfer that holds the money.
    pub hold_id: TransferId,
    /// Who approved it.
    pub approved_by: Option<UserId>,
    /// Who approved it, too, where a second person has to.
    pub seconded_by: Option<UserId>,
    /// The bank's own reference.
    pub reference: Option<String>,
    /// Why it failed or was refused.
    pub reason: Option<String>,
    /// Asked for.
    pub requested_at: DateTimeUtc,
    /// Approved by all who have to.
    pub approved_at: Option<DateTimeUtc>,
    /// Paid, failed, returned or cancelled.
    pub ended_at: Option<DateTimeUtc>,
    /// Who said first that the bank sent it back, where a second person has to.
    pub return_proposed_by: Option<UserId>,

    /// The person, while they are there: money records outlive accounts.
    #[sea_orm(belongs_to, from = "user_id", to = "id", skip_fk)]
    pub user: BelongsTo<super::user::Entity>,
    /// Where to, while it is there.
    #[sea_orm(belongs_to, from = "payout_method_id", to = "id", skip_fk)]
    pub payout_method: BelongsTo<super::payout_method::Entity>,
    /// The transfer that holds the money.
    #[sea_orm(belongs_to, relation_enum = "Hold", from = "hold_id", to = "id")]
    pub hold: BelongsTo<super::ledger_transfer::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
