//! What a transfer writes: its row, once for each key, entries, the accounts they are counted in, and word of it to whoever
//! follows a wallet. One statement, where the database can.

use chrono::{DateTime, Utc};
use sea_orm::{FromQueryResult, Statement, Values};
use uuid::Uuid;

use super::{
    AccountRef, NewTransfer, Origin, Posted, Written,
    locks::Accounts,
    movement::{Entry, Movement},
    sql::{self, Earlier},
};
use crate::{
    app::App,
    domain::{
        events::{self, NewEvent},
        idempotency::Fingerprint,
    },
    entity::{
        EntryId, Money, TransferId,
        event::{EventKind, StreamKind},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        crypto::{hex, sha256},
        db::{ColumnType, CteChain, Transaction},
    },
};

/// Writes a transfer between accounts that are locked, unless an earlier call with its key did. Codes: INSUFFICIENT_FUNDS,
/// AMOUNT_TOO_LARGE, IDEMPOTENCY_KEY_REUSED.
pub(super) async fn write_in(
    app: &App,
    tx: &Transaction,
    new: NewTransfer<'_>,
    accounts: &Accounts,
    reverses: Option<TransferId>,
) -> Result<Posted> {
    if new.amount <= 0 || new.from.account(new.currency) == new.to.account(new.currency) {
        return Err(Error::internal(format!("a transfer of {} from {:?} to {:?}", new.amount, new.from, new.to)));
    }
    let is_lent = matches!(new.from, AccountRef::Debt(_));
    if !is_lent && accounts.at(new.from).is_some_and(|source| source.available() < new.amount) {
        // A repeated call gets its answer, though the money is gone since.
        return match earlier_in(tx, &new.origin).await? {
            Some(earlier) => Ok(earlier),
            None => Err(UserError::whole(UserErrorCode::InsufficientFunds).into()),
        };
    }
    let at = accounts.entry_time(app);
    let id = TransferId(app.ids.next(at));
    let entries = entries(app, &new, accounts, at)?;
    let movement = Movement { transfer: id, kind: new.kind, currency: new.currency, at, entries: &entries, held: None };
    if let Some(earlier) = create_in(app, tx, &new, reverses, None, &movement).await? {
        return Ok(earlier);
    }
    let [from, _] = &entries;
    let written = from.after.map(|(balance_after, _)| Written { id: from.id, balance_after, at });
    Ok(Posted { id, replayed: false, written })
}

/// Writes a transfer with what it brings: pending, when it holds something. Gives what an earlier call with this key did, and
/// then writes nothing. Code: IDEMPOTENCY_KEY_REUSED.
pub(super) async fn create_in(
    app: &App,
    tx: &Transaction,
    new: &NewTransfer<'_>,
    reverses: Option<TransferId>,
    expires_at: Option<DateTime<Utc>>,
    movement: &Movement<'_>,
) -> Result<Option<Posted>> {
    let first = sql::write_transfer(new, movement, reverses, expires_at, &stored(new.origin.input));
    if carry_out_in(app, tx, first, movement).await? {
        return Ok(None);
    }
    earlier_in(tx, &new.origin).await?.map(Some).ok_or_else(|| Error::internal("a transfer's key vanished"))
}

/// What is kept of what was asked; where nothing was, the hash of nothing.
fn stored(input: Option<&Fingerprint>) -> String {
    input.map_or_else(|| hex(&sha256(b"")), Fingerprint::stored)
}

/// What an earlier call with this key did. Code: IDEMPOTENCY_KEY_REUSED, when it was asked something else.
pub(crate) async fn earlier_in(tx: &Transaction, origin: &Origin<'_>) -> Result<Option<Posted>> {
    let found = Earlier::find_by_statement(sql::find_earlier(origin)).one(tx).await?;
    let Some(Earlier { id, input_hash: hash }) = found else { return Ok(None) };
    if !origin.input.map_or_else(|| hash == stored(None), |input| input.is(&hash)) {
        return Err(UserError::input("idempotencyKey", UserErrorCode::IdempotencyKeyReused).into());
    }
    Ok(Some(Posted { id, replayed: true, written: None }))
}

/// The two entries of a transfer. Code: AMOUNT_TOO_LARGE.
pub(super) fn entries(app: &App, new: &NewTransfer<'_>, accounts: &Accounts, at: DateTime<Utc>) -> Result<[Entry; 2]> {
    let too_large = || {
        let max = Money::new(i64::MAX, new.currency);
        Error::from(UserError::whole(UserErrorCode::AmountTooLarge).with("max", max))
    };
    let entry = |account_ref: AccountRef, amount: i64| {
        let after = match accounts.at(account_ref) {
            None => None,
            Some(before) => Some((before.balance.checked_add(amount).ok_or_else(too_large)?, before.seq + 1)),
        };
        let account = account_ref.account(new.currency);
        Ok::<_, Error>(Entry { id: EntryId(app.ids.next(at)), account_ref, account, amount, after })
    };
    Ok([entry(new.from, -new.amount)?, entry(new.to, new.amount)?])
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
    let mut chain = CteChain::new(values, if told.is_empty() { sql::TRANSFER } else { events::APPENDED });
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
    let entries = movement.entries.iter().map(|entry| (entry.account_ref, Some(entry.id.0)));
    let held = movement.held.filter(|_| movement.entries.is_empty()).map(|(account_ref, _)| (account_ref, None));
    let mut told: Vec<(Uuid, NewEvent)> = entries
        .chain(held)
        .filter_map(|(account_ref, subject_id)| match account_ref {
            AccountRef::Wallet(user) => {
                Some((user.0, NewEvent { kind: EventKind::WalletChanged, actor_id: None, subject_id }))
            }
            _ => None,
        })
        .collect();
    told.sort_unstable_by_key(|(user, _)| *user);
    told
}
