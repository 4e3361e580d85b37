//! Table `ledger_transfers`: money that moves from accounts to accounts; immutable but for the end of a pending one.

use sea_orm::entity::prelude::*;

use super::{Currency, LedgerAccountId, TransferId, stored_enum};

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
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_transfers")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TransferId,
    /// Why.
    pub kind: TransferKind,
    /// How far it has come.
    pub state: TransferState,
    /// In which currency.
    pub currency: Currency,
    /// How much moves, in minor units.
    pub amount: i64,
    /// The id of what it is for.
    pub reference: Option<String>,
    /// In words; may be empty.
    pub description: String,
    /// Who caused it; nil for the program.
    pub actor_id: Uuid,
    /// What caused it.
    pub operation: String,
    /// Unique with actor and operation, for good.
    pub idempotency_key: String,
    /// Of what was asked.
    pub input_hash: String,
    /// The transfer that it takes back.
    #[sea_orm(unique)]
    pub reverses_id: Option<TransferId>,
    /// While pending, where its money is held.
    pub held_account_id: Option<LedgerAccountId>,
    /// When a pending one is over.
    pub expires_at: Option<DateTimeUtc>,
    /// Written.
    pub created_at: DateTimeUtc,
    /// When a pending one was posted, voided or expired.
    pub ended_at: Option<DateTimeUtc>,

    /// The transfer that it takes back.
    #[sea_orm(self_ref, relation_enum = "Reverses", relation_reverse = "Reversals", from = "reverses_id", to = "id")]
    pub reverses: BelongsTo<Option<Entity>>,
    /// The transfer that takes it back, if there is one.
    #[sea_orm(self_ref, relation_enum = "Reversals", relation_reverse = "Reverses")]
    pub reversals: HasMany<Entity>,
    /// The account whose money it holds.
    #[sea_orm(belongs_to, relation_enum = "HeldAccount", from = "held_account_id", to = "id", skip_fk)]
    pub held_account: BelongsTo<Option<super::ledger_account::Entity>>,
    /// What it does to accounts.
    #[sea_orm(has_many, relation_enum = "Entries")]
    pub entries: HasMany<super::ledger_entry::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
