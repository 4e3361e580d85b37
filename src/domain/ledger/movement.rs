//! What a transfer brings beside its own row: what the statements that write it are told.

use chrono::{DateTime, Utc};

use super::AccountRef;
use crate::entity::{Currency, EntryId, LedgerAccountId, TransferId, ledger_transfer::TransferKind};

/// An entry that is to be written.
pub(super) struct Entry {
    pub id: EntryId,
    pub account_ref: AccountRef,
    pub account: LedgerAccountId,
    pub amount: i64,
    /// Balance and sequence after it, where entries are counted.
    pub after: Option<(i64, i64)>,
}

/// What comes with the row of a transfer.
pub(super) struct Movement<'a> {
    pub transfer: TransferId,
    pub kind: TransferKind,
    pub currency: Currency,
    pub at: DateTime<Utc>,
    /// None, when no money moves.
    pub entries: &'a [Entry],
    /// By how much more is held, and where.
    pub held: Option<(AccountRef, i64)>,
}
