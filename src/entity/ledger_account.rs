//! Table `ledger_accounts`: whose money is where, by currency.

use sea_orm::entity::prelude::*;

use super::{Currency, LedgerAccountId, related, stored_enum};

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
    /// In which currency its money is.
    pub currency: Currency,
    /// What is owed to its owner, in minor units; of busy accounts without the changes that wait in `ledger_deltas`.
    pub balance: i64,
    /// Of the balance, what pending transfers hold, in minor units.
    pub held: i64,
    /// How many entries were written, where they are counted.
    pub entry_seq: i64,
    /// When the last of them was written: the next is later.
    pub last_entry_at: Option<DateTimeUtc>,
    /// When it was opened.
    pub created_at: DateTimeUtc,
}

/// What belongs to a row.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// What transfers did to it.
    #[sea_orm(has_many = "super::ledger_entry::Entity")]
    Entries,
    /// Changes that are not added up yet.
    #[sea_orm(has_many = "super::ledger_delta::Entity")]
    Deltas,
    /// Transfers that hold money of it, or did.
    #[sea_orm(has_many = "super::ledger_transfer::Entity")]
    Holds,
}

related! {
    ledger_entry by Entries,
    ledger_delta by Deltas,
    ledger_transfer by Holds,
}

impl ActiveModelBehavior for ActiveModel {}
