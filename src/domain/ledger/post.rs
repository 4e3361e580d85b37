//! Moving money.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use super::{NewTransfer, Origin, Place, Posted, Written};
use crate::{
    app::App,
    domain::events::{self, NewEvent},
    entity::{
        Currency, EntryId, GoalId, LedgerAccountId, Money, TransferId, UserId,
        event::{EventKind, StreamKind},
        ledger_account::AccountKind,
        ledger_transfer::{TransferKind, TransferState},
        payment::ProviderKind,
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        crypto::{hex, sha256},
        db::{Chain, ColumnType, Columns, Transaction, placeholders},
    },
};

/// How many deltas are added up at once.
const BATCH: u64 = 5000;

/// A counted account as it is, locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locked {
    pub balance: i64,
    pub held: i64,
    pub seq: i64,
    pub last_entry_at: Option<DateTime<Utc>>,
}

impl Locked {
    /// What may be taken.
    pub fn available(self) -> i64 {
        self.balance.saturating_sub(self.held)
    }
}

/// Locks the accounts of places that are counted until the end of the transaction, in the order of their ids; opens those
/// that are not there yet.
pub async fn lock_in(app: &App, tx: &Transaction, places: &[Place], currency: Currency) -> Result<()> {
    locked_in(app, tx, places, currency).await.map(drop)
}

/// What may be taken from a place that is counted; its account is locked until the end of the transaction.
pub async fn available_in(app: &App, tx: &Transaction, place: Place, currency: Currency) -> Result<i64> {
    let locked = locked_in(app, tx, &[place], currency).await?;
    Ok(locked.get(&place.account(currency)).map_or(0, |account| account.available()))
}

pub(super) async fn locked_in(
    app: &App,
    tx: &Transaction,
    places: &[Place],
    currency: Currency,
) -> Result<HashMap<LedgerAccountId, Locked>> {
    let mut counted: Vec<(LedgerAccountId, Place)> =
        places.iter().filter(|place| place.is_counted()).map(|place| (place.account(currency), *place)).collect();
    counted.sort_unstable_by_key(|(id, _)| *id);
    counted.dedup();
    if counted.is_empty() {
        return Ok(HashMap::new());
    }
    let found = select_in(tx, &counted).await?;
    if found.len() == counted.len() {
        return Ok(found);
    }
    for (_, place) in counted.iter().filter(|(id, _)| !found.contains_key(id)) {
        tx.execute(
            "INSERT INTO ledger_accounts (id, kind, owner_id, name, currency, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
            opening(app, *place, currency),
        )
        .await?;
    }
    select_in(tx, &counted).await
}

async fn select_in(tx: &Transaction, counted: &[(LedgerAccountId, Place)]) -> Result<HashMap<LedgerAccountId, Locked>> {
    let mut values: Vec<Value> = Vec::new();
    let list = placeholders(&mut values, &counted.iter().map(|(id, _)| id.0).collect::<Vec<_>>());
    let sql = format!(
        "SELECT id, balance, held, entry_seq, last_entry_at FROM ledger_accounts WHERE id IN ({list}) ORDER BY id {}",
        tx.for_update()
    );
    tx.rows(sql, values).await?.iter().map(read_locked).collect()
}

fn read_locked(row: &QueryResult) -> Result<(LedgerAccountId, Locked)> {
    let mut columns = Columns::new(row);
    let id = columns.take()?;
    let (balance, held, seq) = (columns.take()?, columns.take()?, columns.take()?);
    Ok((id, Locked { balance, held, seq, last_entry_at: columns.take()? }))
}

/// The time of an entry of these accounts: now, but later than their last one, whatever the clocks of several processes
/// say. So the entries of an account, and of a person's wallets together, have one order by their times.
pub(super) fn entry_time(app: &App, locked: &HashMap<LedgerAccountId, Locked>) -> DateTime<Utc> {
    let last = locked.values().filter_map(|account| account.last_entry_at).max();
    let now = app.clock.now();
    last.map_or(now, |last| now.max(last + TimeDelta::microseconds(1)))
}

/// The values of a new account's row.
fn opening(app: &App, place: Place, currency: Currency) -> Vec<Value> {
    vec![
        place.account(currency).0.into(),
        place.kind().as_str().into(),
        place.owner().into(),
        place.name().into(),
        currency.as_str().into(),
        app.clock.now().into(),
    ]
}

/// Moves money from one place to another, once. Codes: INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE, IDEMPOTENCY_KEY_REUSED.
pub async fn post_in(app: &App, tx: &Transaction, new: NewTransfer<'_>) -> Result<Posted> {
    write_in(app, tx, new, None).await
}

/// Takes a transfer back, by one the other way. Codes: INSUFFICIENT_FUNDS, when the money is no longer there;
/// ALREADY_DONE.
pub async fn reverse_in(
    app: &App,
    tx: &Transaction,
    id: TransferId,
    origin: Origin<'_>,
    description: &str,
) -> Result<Posted> {
    let sql = "SELECT t.kind, t.currency, t.reference, e.amount, a.kind, a.owner_id, a.name FROM ledger_transfers t \
               JOIN ledger_entries e ON e.transfer_id = t.id JOIN ledger_accounts a ON a.id = e.account_id \
               WHERE t.id = $1 AND t.state = 'posted' ORDER BY e.amount";
    let rows = tx.rows(sql, vec![id.0.into()]).await?;
    let [from, to] = rows.as_slice() else { return Err(Error::internal("only a posted transfer is reversed")) };
    let mut columns = Columns::new(to);
    let (kind, currency): (TransferKind, Currency) = (columns.take()?, columns.take()?);
    let reference: Option<String> = columns.take()?;
    let amount: i64 = columns.take()?;
    let taken = tx.row("SELECT 1 FROM ledger_transfers WHERE reverses_id = $1", vec![id.0.into()]).await?;
    if taken.is_some() {
        return Err(UserError::whole(UserErrorCode::AlreadyDone).into());
    }
    let new = NewTransfer {
        kind,
        from: read_place(&mut columns)?,
        to: {
            let mut columns = Columns::new(from);
            columns.skip(4);
            read_place(&mut columns)?
        },
        amount,
        currency,
        reference: reference.as_deref(),
        description,
        origin,
    };
    write_in(app, tx, new, Some(id)).await
}

/// Reads kind, owner and name of an account.
pub(super) fn read_place(columns: &mut Columns<'_>) -> Result<Place> {
    let (kind, owner, name): (AccountKind, Uuid, String) = (columns.take()?, columns.take()?, columns.take()?);
    Ok(match kind {
        AccountKind::Wallet => Place::Wallet(UserId(owner)),
        AccountKind::Escrow => Place::Escrow(GoalId(owner)),
        AccountKind::Payout => Place::Payouts,
        AccountKind::Revenue if name == "fees" => Place::Fees,
        AccountKind::Revenue if name == "unclaimed" => Place::Unclaimed,
        AccountKind::Revenue => Place::Adjustments,
        AccountKind::Clearing => Place::Clearing(
            ProviderKind::parse(&name).ok_or_else(|| Error::internal("a clearing account of an unknown provider"))?,
        ),
    })
}

async fn write_in(app: &App, tx: &Transaction, new: NewTransfer<'_>, reverses: Option<TransferId>) -> Result<Posted> {
    if new.amount <= 0 || new.from.account(new.currency) == new.to.account(new.currency) {
        return Err(Error::internal(format!("a transfer of {} from {:?} to {:?}", new.amount, new.from, new.to)));
    }
    let locked = locked_in(app, tx, &[new.from, new.to], new.currency).await?;
    let source = locked.get(&new.from.account(new.currency)).copied();
    if source.is_some_and(|source| source.available() < new.amount) {
        // A repeated call gets its answer, though the money is gone since.
        return match earlier_in(tx, &new.origin).await? {
            Some(earlier) => Ok(earlier),
            None => Err(UserError::whole(UserErrorCode::InsufficientFunds).into()),
        };
    }
    let now = entry_time(app, &locked);
    let id = TransferId(app.ids.next(now));
    let after = changed(app, &new, now, |place| locked.get(&place.account(new.currency)).copied())?;
    let mut values: Vec<Value> = vec![
        id.0.into(),
        new.kind.as_str().into(),
        TransferState::Posted.as_str().into(),
        new.currency.as_str().into(),
        new.amount.into(),
        new.reference.map(str::to_owned).into(),
        new.description.into(),
        new.origin.actor.into(),
        new.origin.operation.into(),
        new.origin.key.into(),
        input_hash(&new.origin).into(),
        reverses.map(|id| id.0).into(),
        now.into(),
    ];
    let chain_values = |values: &mut Vec<Value>| entries_sql(app, &mut *values, &new, &after, "$13");
    let (entries, accounts, deltas, openings) = chain_values(&mut values);
    let written = "WHERE EXISTS (SELECT 1 FROM transfer)";
    let told = told(&after);
    let mut chain = Chain::new(values, if told.is_empty() { "transfer" } else { events::APPENDED }).step(
        "transfer",
        &[("id", ColumnType::Uuid)],
        "INSERT INTO ledger_transfers (id, kind, state, currency, amount, reference, description, actor_id, operation, \
         idempotency_key, input_hash, reverses_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (actor_id, operation, idempotency_key) DO NOTHING RETURNING id",
    );
    chain = chain.step(
        "entries",
        &[],
        format!(
            "INSERT INTO ledger_entries (id, transfer_id, account_id, kind, amount, balance_after, seq, created_at) \
             SELECT v.column1, $1, v.column2, $2, v.column3, v.column4, v.column5, $13 FROM (VALUES {entries}) v \
             {written} RETURNING id"
        ),
    );
    for (name, update) in ["first", "second"].into_iter().zip(accounts) {
        chain = chain.step(name, &[], format!("{update} AND EXISTS (SELECT 1 FROM transfer) RETURNING id"));
    }
    if !deltas.is_empty() {
        chain = chain
            .step(
                "openings",
                &[],
                format!(
                    "INSERT INTO ledger_accounts (id, kind, owner_id, name, currency, created_at) \
                     SELECT v.column1, v.column2, v.column3, v.column4, $4, $13 FROM (VALUES {}) v {written} \
                     ON CONFLICT (id) DO NOTHING RETURNING id",
                    openings.join(", ")
                ),
            )
            .step(
                "deltas",
                &[],
                format!(
                    "INSERT INTO ledger_deltas (entry_id, account_id, amount) \
                     SELECT v.column1, v.column2, v.column3 FROM (VALUES {}) v {written} RETURNING entry_id",
                    deltas.join(", ")
                ),
            );
    }
    if !told.is_empty() {
        chain = events::append_steps(app, chain, StreamKind::Wallet, &told, "EXISTS (SELECT 1 FROM transfer)");
    }
    let rows = tx.chain(&chain).await?;
    if rows.is_empty() {
        return earlier_in(tx, &new.origin).await?.ok_or_else(|| Error::internal("a transfer's key vanished"));
    }
    if !told.is_empty() {
        events::hint_of(tx, StreamKind::Wallet, &rows)?;
    }
    let [from, _] = &after;
    let written = from.after.map(|(balance_after, _)| Written { id: from.id, balance_after, at: now });
    Ok(Posted { id, replayed: false, written })
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
pub(super) fn changed(
    app: &App,
    new: &NewTransfer<'_>,
    now: DateTime<Utc>,
    account: impl Fn(Place) -> Option<Locked>,
) -> Result<[Entry; 2]> {
    let entry = |place: Place, amount: i64| {
        let after = match account(place) {
            None => None,
            Some(before) => {
                Some((before.balance.checked_add(amount).ok_or_else(|| too_large(new.currency))?, before.seq + 1))
            }
        };
        let account = place.account(new.currency);
        Ok::<_, Error>(Entry { id: EntryId(app.ids.next(now)), place, account, amount, after })
    };
    Ok([entry(new.from, -new.amount)?, entry(new.to, new.amount)?])
}

fn too_large(currency: Currency) -> Error {
    UserError::whole(UserErrorCode::AmountTooLarge).with("max", Money::new(i64::MAX, currency)).into()
}

/// The parts of the statements that write entries: rows of entries, updates of counted accounts, rows of deltas, and rows
/// of the accounts that these belong to. `time` is the placeholder of the entries' time.
pub(super) fn entries_sql(
    app: &App,
    values: &mut Vec<Value>,
    new: &NewTransfer<'_>,
    entries: &[Entry; 2],
    time: &str,
) -> (String, Vec<String>, Vec<String>, Vec<String>) {
    let (mut rows, mut accounts, mut deltas, mut openings) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let first = values.len() + 1;
        let (balance, seq) = (entry.after.map(|(balance, _)| balance), entry.after.map(|(_, seq)| seq));
        values.extend([entry.id.0.into(), entry.account.0.into(), entry.amount.into(), balance.into(), seq.into()]);
        rows.push(format!("(${first}, ${}, ${}, ${}, ${})", first + 1, first + 2, first + 3, first + 4));
        if entry.after.is_some() {
            accounts.push(format!(
                "UPDATE ledger_accounts SET balance = ${}, entry_seq = ${}, last_entry_at = {time} WHERE id = ${}",
                first + 3,
                first + 4,
                first + 1
            ));
        } else {
            deltas.push(format!("(${first}, ${}, ${})", first + 1, first + 2));
            let opening = opening(app, entry.place, new.currency);
            let first = values.len() + 1;
            values.extend(opening.into_iter().take(4));
            openings.push(format!("(${first}, ${}, ${}, ${})", first + 1, first + 2, first + 3));
        }
    }
    (rows.join(", "), accounts, deltas, openings)
}

/// What those who follow a wallet are told: that something changed in it. In the order of streams.
pub(super) fn told(entries: &[Entry]) -> Vec<(Uuid, NewEvent)> {
    let mut told: Vec<(Uuid, NewEvent)> = entries
        .iter()
        .filter_map(|entry| match entry.place {
            Place::Wallet(user) => {
                let kind = EventKind::WalletChanged;
                Some((user.0, NewEvent { kind, actor_id: None, subject_id: Some(entry.id.0) }))
            }
            _ => None,
        })
        .collect();
    told.sort_unstable_by_key(|(user, _)| *user);
    told
}

pub(super) fn input_hash(origin: &Origin<'_>) -> String {
    hex(&sha256(origin.input.as_bytes()))
}

/// What an earlier call with this key did. Code: IDEMPOTENCY_KEY_REUSED, when it was asked something else.
pub async fn earlier_in(tx: &Transaction, origin: &Origin<'_>) -> Result<Option<Posted>> {
    let sql =
        "SELECT id, input_hash FROM ledger_transfers WHERE actor_id = $1 AND operation = $2 AND idempotency_key = $3";
    let row = tx.row(sql, vec![origin.actor.into(), origin.operation.into(), origin.key.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::new(&row);
    let id = columns.take()?;
    if columns.take::<String>()? != input_hash(origin) {
        return Err(UserError::input("idempotencyKey", UserErrorCode::IdempotencyKeyReused).into());
    }
    Ok(Some(Posted { id, replayed: true, written: None }))
}

/// Adds the deltas of busy accounts to their balances, a batch a transaction: what is deleted is what is added, so
/// nothing that commits late is lost. Gives how many were added.
pub async fn fold(app: &App) -> Result<u64> {
    let mut folded = 0;
    loop {
        let batch = app.db.transact(async |tx| fold_in(&tx).await).await?;
        folded += batch;
        if batch < BATCH {
            return Ok(folded);
        }
    }
}

async fn fold_in(tx: &Transaction) -> Result<u64> {
    // Up to an id, and not by a list of ids: where PostgreSQL takes the table for empty, as it mostly is, it would compare
    // each with each.
    let sql = format!(
        "DELETE FROM ledger_deltas WHERE entry_id <= (SELECT b.entry_id FROM (SELECT entry_id FROM ledger_deltas \
         ORDER BY entry_id LIMIT {BATCH}) b ORDER BY b.entry_id DESC LIMIT 1) RETURNING account_id, amount"
    );
    let rows = tx.rows(sql, Vec::new()).await?;
    let mut sums: std::collections::BTreeMap<Uuid, i64> = std::collections::BTreeMap::new();
    for row in &rows {
        let mut columns = Columns::new(row);
        let sum = sums.entry(columns.take()?).or_default();
        *sum = sum.checked_add(columns.take()?).ok_or_else(|| Error::internal("a balance does not fit"))?;
    }
    for (account, sum) in sums {
        let sql = "UPDATE ledger_accounts SET balance = balance + $2 WHERE id = $1";
        if tx.execute(sql, vec![account.into(), sum.into()]).await? != 1 {
            return Err(Error::internal(format!("a delta of an account that is not there: {account}")));
        }
    }
    Ok(rows.len() as u64)
}
