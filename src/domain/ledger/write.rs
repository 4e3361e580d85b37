//! What a transfer writes beside its own row: entries, the accounts they are counted in, and word of it to whoever follows a
//! wallet. One statement, where the database can.

use chrono::{DateTime, Utc};
use sea_orm::{Statement, Values};
use uuid::Uuid;

use super::{NewTransfer, Place, locks::Accounts, sql};
use crate::{
    app::App,
    domain::events::{self, NewEvent},
    entity::{
        Currency, EntryId, LedgerAccountId, Money, TransferId,
        event::{EventKind, StreamKind},
        ledger_transfer::TransferKind,
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::{Chain, ColumnType, Transaction},
};

/// An entry that is to be written.
pub(super) struct Entry {
    pub id: EntryId,
    pub place: Place,
    pub account: LedgerAccountId,
    pub amount: i64,
    /// Balance and sequence after it, where entries are counted.
    pub after: Option<(i64, i64)>,
}

/// The two entries of a transfer. Code: AMOUNT_TOO_LARGE.
pub(super) fn entries(app: &App, new: &NewTransfer<'_>, accounts: &Accounts, at: DateTime<Utc>) -> Result<[Entry; 2]> {
    let too_large = || {
        let max = Money::new(i64::MAX, new.currency);
        Error::from(UserError::whole(UserErrorCode::AmountTooLarge).with("max", max))
    };
    let entry = |place: Place, amount: i64| {
        let after = match accounts.at(place) {
            None => None,
            Some(before) => Some((before.balance.checked_add(amount).ok_or_else(too_large)?, before.seq + 1)),
        };
        let account = place.account(new.currency);
        Ok::<_, Error>(Entry { id: EntryId(app.ids.next(at)), place, account, amount, after })
    };
    Ok([entry(new.from, -new.amount)?, entry(new.to, new.amount)?])
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
    pub held: Option<(Place, i64)>,
}

/// Runs a statement that writes the row of a transfer, and with it all that comes with that; nothing, and false, when the
/// statement gives no row. The accounts are locked already.
pub(super) async fn carry_out_in(
    app: &App,
    tx: &Transaction,
    first: Statement,
    movement: &Movement<'_>,
) -> Result<bool> {
    let told = told(movement);
    let values = first.values.map(|Values(values)| values).unwrap_or_default();
    let mut chain = Chain::new(values, if told.is_empty() { sql::TRANSFER } else { events::APPENDED });
    chain = chain.step(sql::TRANSFER, &[("id", ColumnType::Uuid)], first.sql);
    if !movement.entries.is_empty() {
        chain = sql::write_entries(app, chain, movement);
    }
    chain = sql::change_accounts(chain, movement);
    if !told.is_empty() {
        chain = events::append_steps(app, chain, StreamKind::Wallet, &told, sql::CARRIED_OUT);
    }
    let rows = tx.chain(&chain).await?;
    if !told.is_empty() {
        events::hint_of(tx, StreamKind::Wallet, &rows)?;
    }
    Ok(!rows.is_empty())
}

/// What those who follow a wallet are told: that something changed in it. In the order of streams.
fn told(movement: &Movement<'_>) -> Vec<(Uuid, NewEvent)> {
    let entries = movement.entries.iter().map(|entry| (entry.place, Some(entry.id.0)));
    let held = movement.held.filter(|_| movement.entries.is_empty()).map(|(place, _)| (place, None));
    let mut told: Vec<(Uuid, NewEvent)> = entries
        .chain(held)
        .filter_map(|(place, subject_id)| match place {
            Place::Wallet(user) => {
                Some((user.0, NewEvent { kind: EventKind::WalletChanged, actor_id: None, subject_id }))
            }
            _ => None,
        })
        .collect();
    told.sort_unstable_by_key(|(user, _)| *user);
    told
}
