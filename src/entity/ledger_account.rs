//! Table `ledger_accounts`: whose money is where, by currency.

use sea_orm::entity::prelude::*;

use super::{Currency, LedgerAccountId, stored_enum};

stored_enum! {
    /// What an account stands for. A positive balance is owed to its owner.
    AccountKind {
        /// A person's money with us; never below zero.
        Wallet = "wallet",
        /// Given to a goal and not paid out; never below zero.
        Escrow = "escrow",
        /// What a provider holds for us, as a negative balance; the account's name is the provider's.
        Clearing = "clearing",
        /// The platform's own.
        Revenue = "revenue",
        /// On its way to people's banks.
        Payout = "payout",
        /// What a person owes the platform, as a negative balance; never above zero.
        Debt = "debt",
    }
}

/// A row of `ledger_accounts`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_accounts")]
pub struct Model {
    /// Primary key, derived from what is unique below.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LedgerAccountId,
    /// What it stands for.
    pub kind: AccountKind,
    /// The person or goal; nil for the platform's own.
    pub owner_id: Uuid,
    /// Tells the platform's own apart; else empty.
    pub name: String,
    /// In which currency.
    pub currency: Currency,
    /// In minor units; of busy accounts without the changes that wait in `ledger_deltas`.
    pub balance: i64,
    /// Of the balance, what pending transfers hold.
    pub held: i64,
    /// How many entries were written, where they are counted.
    pub entry_seq: i64,
    /// When the last of them was written: the next is later.
    pub last_entry_at: Option<DateTimeUtc>,
    /// Opened.
    pub created_at: DateTimeUtc,

    /// What was done to it.
    #[sea_orm(has_many, relation_enum = "Entries")]
    pub entries: HasMany<super::ledger_entry::Entity>,
    /// Changes that are not added up yet.
    #[sea_orm(has_many, relation_enum = "Deltas")]
    pub deltas: HasMany<super::ledger_delta::Entity>,
    /// Transfers that hold money of it, or did.
    #[sea_orm(has_many, relation_enum = "Holds")]
    pub holds: HasMany<super::ledger_transfer::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
