//! Moving money.

use chrono::{DateTime, Utc};
use sea_orm::Value;
use uuid::Uuid;

use super::{
    NewTransfer, Origin, Place, Posted, Written,
    debts::repay_in,
    locks::{Accounts, locked_in, locked_with_in, read_place},
    write::{Movement, carry_out_in, entries},
};
use crate::{
    app::App,
    domain::idempotency::Fingerprint,
    entity::{
        Currency, TransferId,
        ledger_transfer::{TransferKind, TransferState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        crypto::{hex, sha256},
        db::{Columns, Transaction},
    },
};

/// How many deltas are added up at once.
const BATCH: u64 = 5000;

/// Moves money from one place to another, once. Codes: INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE, IDEMPOTENCY_KEY_REUSED.
pub async fn post_in(app: &App, tx: &Transaction, new: NewTransfer<'_>) -> Result<Posted> {
    post_keeping_in(app, tx, new, 0).await
}

/// The same, where so much of what comes into a wallet leaves it in the same transaction, such as the fee of a payout: it
/// pays no debts. Codes: as [`post_in`].
pub async fn post_keeping_in(app: &App, tx: &Transaction, new: NewTransfer<'_>, kept: i64) -> Result<Posted> {
    let accounts = locked_in(app, tx, &[new.from, new.to], new.currency).await?;
    let posted = write_in(app, tx, new, &accounts, None).await?;
    settle_debts_in(app, tx, &new, &accounts, posted, kept).await?;
    Ok(posted)
}

/// What came into a wallet pays what its owner owes.
async fn settle_debts_in(
    app: &App,
    tx: &Transaction,
    new: &NewTransfer<'_>,
    accounts: &Accounts,
    posted: Posted,
    kept: i64,
) -> Result<()> {
    match new.to {
        Place::Wallet(user) if accounts.owed_by(user) > 0 && !posted.replayed && new.from != Place::Debt(user) => {
            repay_in(app, tx, user, new.currency, (posted.id, kept)).await
        }
        _ => Ok(()),
    }
}

/// The same into a person's wallet, if they are there and not suspended, and stay so until the end of the transaction;
/// `None`, and nothing happens, where there is nobody like that. Codes: as [`post_in`].
pub async fn post_to_active_in(app: &App, tx: &Transaction, new: NewTransfer<'_>) -> Result<Option<Posted>> {
    let Place::Wallet(payee) = new.to else { return Err(Error::internal("only a wallet is somebody's")) };
    match locked_with_in(app, tx, payee, &[new.from, new.to], new.currency).await? {
        Some(accounts) => {
            let posted = write_in(app, tx, new, &accounts, None).await?;
            settle_debts_in(app, tx, &new, &accounts, posted, 0).await?;
            Ok(Some(posted))
        }
        None => Ok(None),
    }
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
    let accounts = locked_in(app, tx, &[new.from, new.to], new.currency).await?;
    let posted = write_in(app, tx, new, &accounts, Some(id)).await?;
    settle_debts_in(app, tx, &new, &accounts, posted, 0).await?;
    Ok(posted)
}

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
        let sql = format!("SELECT balance FROM ledger_accounts WHERE id = $1 {}", tx.for_update());
        let missing = || Error::internal(format!("a delta of an account that is not there: {account}"));
        let row = tx.row(sql, vec![account.into()]).await?.ok_or_else(missing)?;
        // Not by the database: SQLite would go on with a number of floating point where a sum does not fit.
        let balance = Columns::new(&row).take::<i64>()?.checked_add(sum);
        let balance = balance.ok_or_else(|| Error::internal(format!("the balance of {account} does not fit")))?;
        let sql = "UPDATE ledger_accounts SET balance = $2 WHERE id = $1";
        tx.execute(sql, vec![account.into(), balance.into()]).await?;
    }
    Ok(rows.len() as u64)
}
