//! The ledger: whose money is where, and every movement of it, in double entry.
//!
//! Owns `ledger_accounts`, `ledger_transfers`, `ledger_entries` and `ledger_deltas`. Always holds, and [`verify`]
//! recomputes all of it: a transfer's entries sum to zero; an account's balance is the sum of its entries; what it holds is
//! the sum of its pending transfers; a wallet or an escrow never goes below zero. What was written is not changed (the
//! database refuses it): a mistake is taken back by a transfer of its own, [`reverse_in`].
//!
//! What has to go back and is no longer there is lent: its owner's account of debts goes below zero, [`lend_in`]. Whatever
//! comes into their wallet afterwards, or is let go there, pays it first, in the same transaction; whoever moves money
//! can't forget it.
//!
//! Amounts are whole minor units in an `i64`; what would not fit is an error. A positive balance is what we owe the
//! account's owner; so what a provider holds for us is a negative balance of its clearing account.
//!
//! Wallets and escrows are rows that a transfer locks, in the order of their ids. The platform's own accounts, which
//! every transfer touches, are not locked: each transfer adds a row to `ledger_deltas`, and [`fold`] adds those up. A
//! goal's escrow serialises what is given to that goal, and a wallet what its owner does: a stated ceiling.
//!
//! A transaction that posts several transfers takes all of its accounts by [`lock_in`] first.

mod debts;
mod holds;
mod locks;
mod movement;
mod post;
mod queries;
mod registration;
mod sql;
mod verify;
mod write;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    domain::idempotency::Fingerprint,
    entity::{
        Currency, EntryId, GoalId, LedgerAccountId, TransferId, UserId, ledger_account::AccountKind,
        ledger_transfer::TransferKind, payment::ProviderKind,
    },
    platform::crypto::sha256,
};

pub(crate) use debts::{lend_in, repay_in};
pub use holds::{End, end_hold_in, hold_in, post_hold_in};
pub(crate) use locks::{available_in, lock_in, owed_in};
pub use post::{fold, post_in, reverse_in};
pub(crate) use post::{post_keeping_in, post_to_active_in, reverse_to_in};
pub use queries::{Account, account};
pub(crate) use queries::{accounts_by_id, accounts_of, accounts_of_each};
pub(crate) use registration::DOMAIN;
pub use verify::{Difference, check, verify};
pub(crate) use write::earlier_in;

/// A rule, and a query that gives a line of text for everything that breaks it; `ID(column)` is an id as text.
pub(crate) type Rule = (&'static str, &'static str);

/// A reference to an account, before it is looked up: where money can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountRef {
    /// A person's wallet.
    Wallet(UserId),
    /// What was given to a goal and is not paid out.
    Escrow(GoalId),
    /// With a provider of payments, for us.
    Clearing(ProviderKind),
    /// Fees that were taken.
    Fees,
    /// Given back to somebody whose account, and wallet, is gone.
    Unclaimed,
    /// The other side of adjustments by staff.
    Adjustments,
    /// What went back that nobody can be asked for: the platform bears it.
    Losses,
    /// What providers kept for their work.
    ProviderFees,
    /// What a person owes.
    Debt(UserId),
    /// On its way to people's banks.
    Payouts,
}

impl AccountRef {
    /// What the account stands for.
    #[must_use]
    pub fn kind(self) -> AccountKind {
        match self {
            Self::Wallet(_) => AccountKind::Wallet,
            Self::Escrow(_) => AccountKind::Escrow,
            Self::Clearing(_) => AccountKind::Clearing,
            Self::Fees | Self::Unclaimed | Self::Adjustments | Self::Losses | Self::ProviderFees => {
                AccountKind::Revenue
            }
            Self::Payouts => AccountKind::Payout,
            Self::Debt(_) => AccountKind::Debt,
        }
    }

    /// Whose it is; nil for the platform's own.
    #[must_use]
    pub(crate) fn owner(self) -> Uuid {
        match self {
            Self::Wallet(user) | Self::Debt(user) => user.0,
            Self::Escrow(goal) => goal.0,
            _ => Uuid::nil(),
        }
    }

    /// Tells the platform's own accounts of a kind apart.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Clearing(provider) => provider.as_str(),
            Self::Fees => "fees",
            Self::Unclaimed => "unclaimed",
            Self::Adjustments => "adjustments",
            Self::Losses => "losses",
            Self::ProviderFees => "provider_fees",
            Self::Wallet(_) | Self::Escrow(_) | Self::Payouts | Self::Debt(_) => "",
        }
    }

    /// Whether its row is locked and its entries counted: wallets and escrows never go below zero, debts never above.
    #[must_use]
    pub(crate) fn is_counted(self) -> bool {
        matches!(self, Self::Wallet(_) | Self::Escrow(_) | Self::Debt(_))
    }

    /// The account's id: it follows from what it is, so that nobody has to look it up.
    #[must_use]
    pub fn account(self, currency: Currency) -> LedgerAccountId {
        let parts = [self.kind().as_str(), &self.owner().to_string(), self.name(), currency.as_str()];
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&sha256(parts.join("\n").as_bytes())[..16]);
        LedgerAccountId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// What makes a transfer happen once: for good unique in (actor, operation, key), never by a client's key alone.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Who caused it; nil for the program.
    pub actor: Uuid,
    /// The mutation, or the program's own step.
    pub operation: &'static str,
    /// The client's key, or the id of what it belongs to.
    pub key: &'a str,
    /// What was asked: the same key with something else is refused. A step of the program's own is asked nothing.
    pub input: Option<&'a Fingerprint>,
}

impl<'a> Origin<'a> {
    /// A step of the program's own, for something that has an id.
    #[must_use]
    pub fn step(operation: &'static str, key: &'a str) -> Self {
        Self { actor: Uuid::nil(), operation, key, input: None }
    }
}

/// Money that is to move.
#[derive(Debug, Clone, Copy)]
pub struct NewTransfer<'a> {
    /// What it is for; the same on both entries.
    pub kind: TransferKind,
    /// The account that gets less.
    pub from: AccountRef,
    /// The account that gets more.
    pub to: AccountRef,
    /// How much, in minor units; more than 0.
    pub amount: i64,
    /// In which currency.
    pub currency: Currency,
    /// The id of what it is for, at most 100 characters.
    pub reference: Option<&'a str>,
    /// In words, at most 255 characters; may be empty.
    pub description: &'a str,
    /// What makes it happen once.
    pub origin: Origin<'a>,
}

/// Money that moved, or was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// The transfer's id; of a repeated call, that of the first.
    pub id: TransferId,
    /// Whether an earlier call with this key did it.
    pub replayed: bool,
    /// The entry where the money came from, if that account is counted; not of a hold, nor of a repeated call.
    pub written: Option<Written>,
}

/// An entry that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The entry's id.
    pub id: EntryId,
    /// The account's balance after it.
    pub balance_after: i64,
    /// The time that the entry carries.
    pub at: DateTime<Utc>,
}
