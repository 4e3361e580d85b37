//! What a transfer writes: its row, once for each key, entries, the accounts they are counted in, and word of it to whoever
//! follows a wallet. One statement, where the database can.

use chrono::{DateTime, Utc};
use sea_orm::Value;
use uuid::Uuid;

use super::{
    NewTransfer, Origin, Place, Posted, Written,
    locks::{Accounts, opening},
};
use crate::{
    app::App,
    domain::{
        events::{self, NewEvent},
        idempotency::Fingerprint,
    },
    entity::{
        Currency, EntryId, LedgerAccountId, Money, TransferId,
        event::{EventKind, StreamKind},
        ledger_transfer::{TransferKind, TransferState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        crypto::{hex, sha256},
        db::{Chain, ColumnType, Columns, Transaction},
    },
};

/// Holds for every step after the first, which is named for it.
const CARRIED_OUT: &str = "EXISTS (SELECT 1 FROM transfer)";

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
    let is_lent = matches!(new.from, Place::Debt(_));
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
    let held = movement.held.map(|(place, _)| place.account(new.currency));
    let state = if held.is_some() { TransferState::Pending } else { TransferState::Posted };
    let sql = "INSERT INTO ledger_transfers (id, kind, state, currency, amount, reference, description, actor_id, \
               operation, idempotency_key, input_hash, reverses_id, held_account_id, expires_at, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
               ON CONFLICT (actor_id, operation, idempotency_key) DO NOTHING RETURNING id";
    let values: Vec<Value> = vec![
        movement.transfer.0.into(),
        new.kind.as_str().into(),
        state.as_str().into(),
        new.currency.as_str().into(),
        new.amount.into(),
        new.reference.map(str::to_owned).into(),
        new.description.into(),
        new.origin.actor.into(),
        new.origin.operation.into(),
        new.origin.key.into(),
        stored(new.origin.input).into(),
        reverses.map(|id| id.0).into(),
        held.map(|id| id.0).into(),
        expires_at.into(),
        movement.at.into(),
    ];
    if carry_out_in(app, tx, (sql, values), movement).await? {
        return Ok(None);
    }
    earlier_in(tx, &new.origin).await?.map(Some).ok_or_else(|| Error::internal("a transfer's key vanished"))
}

/// What is kept of what was asked; where nothing was, the hash of nothing.
fn stored(input: Option<&Fingerprint>) -> String {
    input.map_or_else(|| hex(&sha256(b"")), Fingerprint::stored)
}

/// What an earlier call with this key did. Code: IDEMPOTENCY_KEY_REUSED, when it was asked something else.
pub async fn earlier_in(tx: &Transaction, origin: &Origin<'_>) -> Result<Option<Posted>> {
    let sql =
        "SELECT id, input_hash FROM ledger_transfers WHERE actor_id = $1 AND operation = $2 AND idempotency_key = $3";
    let row = tx.row(sql, vec![origin.actor.into(), origin.operation.into(), origin.key.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::new(&row);
    let id = columns.take()?;
    let hash: String = columns.take()?;
    if !origin.input.map_or_else(|| hash == stored(None), |input| input.is(&hash)) {
        return Err(UserError::input("idempotencyKey", UserErrorCode::IdempotencyKeyReused).into());
    }
    Ok(Some(Posted { id, replayed: true, written: None }))
}

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
    (sql, values): (&str, Vec<Value>),
    movement: &Movement<'_>,
) -> Result<bool> {
    let told = told(movement);
    let mut chain = Chain::new(values, if told.is_empty() { "transfer" } else { events::APPENDED });
    chain = chain.step("transfer", &[("id", ColumnType::Uuid)], sql);
    if !movement.entries.is_empty() {
        chain = entry_steps(app, chain, movement);
    }
    chain = account_step(chain, movement);
    if !told.is_empty() {
        chain = events::append_steps(app, chain, StreamKind::Wallet, &told, CARRIED_OUT);
    }
    let rows = tx.chain(&chain).await?;
    if !told.is_empty() {
        events::hint_of(tx, StreamKind::Wallet, &rows)?;
    }
    Ok(!rows.is_empty())
}

/// Writes the entries; for accounts that are not counted, deltas, and the account where it is not there yet.
fn entry_steps(app: &App, mut chain: Chain, movement: &Movement<'_>) -> Chain {
    let (transfer, kind) = (chain.value(movement.transfer.0), chain.value(movement.kind.as_str()));
    let at = chain.value(movement.at);
    let (mut rows, mut openings, mut deltas) = (Vec::new(), Vec::new(), Vec::new());
    for entry in movement.entries {
        let (id, account, amount) = (chain.value(entry.id.0), chain.value(entry.account.0), chain.value(entry.amount));
        let balance = chain.value(entry.after.map(|(balance, _)| balance));
        let seq = chain.value(entry.after.map(|(_, seq)| seq));
        rows.push(format!("({id}, {account}, {amount}, {balance}, {seq})"));
        if entry.after.is_none() {
            deltas.push(format!("({id}, {account}, {amount})"));
            let values: Vec<String> =
                opening(app, entry.place, movement.currency).into_iter().map(|value| chain.value(value)).collect();
            openings.push(format!("({})", values.join(", ")));
        }
    }
    let rows = rows.join(", ");
    chain = chain.step(
        "entries",
        &[],
        format!(
            "INSERT INTO ledger_entries (id, transfer_id, account_id, kind, amount, balance_after, seq, created_at) \
             SELECT v.column1, {transfer}, v.column2, {kind}, v.column3, v.column4, v.column5, {at} \
             FROM (VALUES {rows}) v WHERE {CARRIED_OUT} RETURNING id"
        ),
    );
    if deltas.is_empty() {
        return chain;
    }
    let (openings, deltas) = (openings.join(", "), deltas.join(", "));
    chain
        .step(
            "openings",
            &[],
            format!(
                "INSERT INTO ledger_accounts (id, kind, owner_id, name, currency, created_at) \
                 SELECT v.column1, v.column2, v.column3, v.column4, v.column5, v.column6 FROM (VALUES {openings}) v \
                 WHERE {CARRIED_OUT} ON CONFLICT (id) DO NOTHING RETURNING id"
            ),
        )
        .step(
            "deltas",
            &[],
            format!(
                "INSERT INTO ledger_deltas (entry_id, account_id, amount) \
                 SELECT v.column1, v.column2, v.column3 FROM (VALUES {deltas}) v WHERE {CARRIED_OUT} RETURNING entry_id"
            ),
        )
}

/// Changes the counted accounts: by entries, and by what is held.
fn account_step(mut chain: Chain, movement: &Movement<'_>) -> Chain {
    // Account, amount, what is held more, entries.
    let mut changes: Vec<(LedgerAccountId, i64, i64, i64)> = Vec::new();
    for entry in movement.entries.iter().filter(|entry| entry.after.is_some()) {
        changes.push((entry.account, entry.amount, 0, 1));
    }
    if let Some((place, held)) = movement.held {
        let account = place.account(movement.currency);
        match changes.iter_mut().find(|change| change.0 == account) {
            Some(change) => change.2 = held,
            None => changes.push((account, 0, held, 0)),
        }
    }
    if changes.is_empty() {
        return chain;
    }
    let at = chain.value(movement.at);
    let rows: Vec<String> = changes
        .into_iter()
        .map(|(account, amount, held, entries)| {
            let (account, amount) = (chain.value(account.0), chain.value(amount));
            format!("({account}, {amount}, {}, {})", chain.value(held), chain.value(entries))
        })
        .collect();
    chain.step(
        "accounts",
        &[],
        format!(
            "UPDATE ledger_accounts SET balance = balance + v.column2, held = held + v.column3, \
             entry_seq = entry_seq + v.column4, \
             last_entry_at = CASE WHEN v.column4 = 0 THEN last_entry_at ELSE {at} END \
             FROM (VALUES {}) v WHERE id = v.column1 AND {CARRIED_OUT} RETURNING id",
            rows.join(", ")
        ),
    )
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
