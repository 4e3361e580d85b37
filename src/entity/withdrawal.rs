//! Table `withdrawals`: money on its way from a wallet to a bank.

use sea_orm::entity::prelude::*;

use super::{Currency, PayoutMethodId, TransferId, UserId, WithdrawalId, related, stored_enum};

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
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "withdrawals")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WithdrawalId,
    /// Whose money it is; stays when the account is gone.
    pub user_id: UserId,
    /// Where it goes to; stays when that is removed.
    pub payout_method_id: PayoutMethodId,
    /// Holder and number as they were, sealed.
    pub sealed_details: Vec<u8>,
    /// The bank's name as it was.
    pub bank_name: String,
    /// The last four digits of the account's number.
    pub last_four: String,
    /// In which currency.
    pub currency: Currency,
    /// How much leaves, in minor units.
    pub amount: i64,
    /// How far it has come.
    pub state: WithdrawalState,
    /// The pending transfer that holds the money.
    pub hold_id: TransferId,
    /// Who approved it.
    pub approved_by: Option<UserId>,
    /// Who approved it, too, where a second person has to.
    pub seconded_by: Option<UserId>,
    /// The bank's own reference of the payment.
    pub reference: Option<String>,
    /// Why it failed or was refused.
    pub reason: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTimeUtc,
    /// When all who have to had approved it; null before.
    pub approved_at: Option<DateTimeUtc>,
    /// When it was paid, failed, returned or cancelled; null before.
    pub ended_at: Option<DateTimeUtc>,
    /// Who said first that the bank sent it back, where a second person has to.
    pub return_proposed_by: Option<UserId>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whose money it is, while they are there: money records outlive accounts.
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::UserId", to = "super::user::Column::Id", skip_fk)]
    User,
    /// Where it goes to, while that is there.
    #[sea_orm(
        belongs_to = "super::payout_method::Entity",
        from = "Column::PayoutMethodId",
        to = "super::payout_method::Column::Id",
        skip_fk
    )]
    PayoutMethod,
    /// The transfer that holds the money.
    #[sea_orm(
        belongs_to = "super::ledger_transfer::Entity",
        from = "Column::HoldId",
        to = "super::ledger_transfer::Column::Id"
    )]
    Hold,
}

related! {
    user by User,
    payout_method by PayoutMethod,
    ledger_transfer by Hold,
}

impl ActiveModelBehavior for ActiveModel {}
