//! Table `ledger_transfers`: money that moves from accounts to accounts; immutable but for the end of a pending one.

use sea_orm::entity::prelude::*;

use super::{Currency, LedgerAccountId, TransferId, related, stored_enum};

stored_enum! {
    /// Why money moves.
    TransferKind {
        /// A person pays into their wallet.
        Deposit = "deposit",
        /// A person's money leaves to their bank.
        Withdrawal = "withdrawal",
        /// Something is paid for.
        Payment = "payment",
        /// Money goes back to who paid.
        Refund = "refund",
        /// A fee of the platform's.
        Commission = "commission",
        /// Something is given to a goal.
        Contribution = "contribution",
        /// Staff corrects a wallet.
        Adjustment = "adjustment",
        /// What was raised or earned comes into its owner's wallet.
        Payout = "payout",
        /// From one person's wallet into another's.
        Transfer = "transfer",
        /// A person comes to owe what has to go back and is no longer there, or pays it.
        Debt = "debt",
        /// What a provider keeps for its work.
        ProviderFee = "provider_fee",
        /// Between accounts of the platform.
        Settlement = "settlement",
    }
}

stored_enum! {
    /// How far it has come.
    TransferState {
        /// Its money is held.
        Pending = "pending",
        /// It moved.
        Posted = "posted",
        /// It was let go.
        Voided = "voided",
        /// Its time was over.
        Expired = "expired",
    }
}

/// A row of `ledger_transfers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_transfers")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TransferId,
    /// Why the money moves.
    pub kind: TransferKind,
    /// How far it has come.
    pub state: TransferState,
    /// In which currency.
    pub currency: Currency,
    /// How much moves, in minor units.
    pub amount: i64,
    /// The id of what it is for.
    pub reference: Option<String>,
    /// What it is for, in words; may be empty.
    pub description: String,
    /// Who caused it; nil for the program.
    pub actor_id: Uuid,
    /// What caused it: the mutation's name, or that of the program's own step.
    pub operation: String,
    /// Unique with actor and operation, for good.
    pub idempotency_key: String,
    /// A hash of what was asked: the same key with something else is refused.
    pub input_hash: String,
    /// The transfer that it takes back; null in any other.
    #[sea_orm(unique)]
    pub reverses_id: Option<TransferId>,
    /// While pending, where its money is held.
    pub held_account_id: Option<LedgerAccountId>,
    /// When a pending one is over.
    pub expires_at: Option<DateTimeUtc>,
    /// When it was written.
    pub created_at: DateTimeUtc,
    /// When a pending one was posted, voided or expired.
    pub ended_at: Option<DateTimeUtc>,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The transfer that it takes back.
    #[sea_orm(belongs_to = "Entity", from = "Column::ReversesId", to = "Column::Id")]
    Reverses,
    /// The transfer that takes it back, if there is one.
    #[sea_orm(has_many = "Entity", via_rel = "Relation::Reverses")]
    Reversals,
    /// The account whose money it holds.
    #[sea_orm(
        belongs_to = "super::ledger_account::Entity",
        from = "Column::HeldAccountId",
        to = "super::ledger_account::Column::Id",
        skip_fk
    )]
    HeldAccount,
    /// What it does to accounts.
    #[sea_orm(has_many = "super::ledger_entry::Entity")]
    Entries,
}

related! {
    ledger_account by HeldAccount,
    ledger_entry by Entries,
}

impl ActiveModelBehavior for ActiveModel {}
