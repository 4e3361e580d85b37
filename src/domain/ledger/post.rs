//! Moving money.

use uuid::Uuid;

use super::{
    NewTransfer, Origin, Place, Posted,
    debts::repay_in,
    locks::{Accounts, locked_in, locked_with_in, read_place},
    write::write_in,
};
use crate::{
    app::App,
    entity::{Currency, TransferId, ledger_transfer::TransferKind},
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::{Columns, Transaction},
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
    reverse_to_in(app, tx, id, |place| place, origin, description).await
}

/// The same, where the money may go elsewhere than where it came from: `to` says where. What somebody owed may be paid by then,
/// and goes into their wallet, where it pays first what they still owe. Codes: as [`reverse_in`].
pub async fn reverse_to_in(
    app: &App,
    tx: &Transaction,
    id: TransferId,
    to: impl FnOnce(Place) -> Place + Send,
    origin: Origin<'_>,
    description: &str,
) -> Result<Posted> {
    let sql = "SELECT t.kind, t.currency, t.reference, e.amount, a.kind, a.owner_id, a.name FROM ledger_transfers t \
               JOIN ledger_entries e ON e.transfer_id = t.id JOIN ledger_accounts a ON a.id = e.account_id \
               WHERE t.id = $1 AND t.state = 'posted' ORDER BY e.amount";
    let rows = tx.rows(sql, vec![id.0.into()]).await?;
    let [lost, gained] = rows.as_slice() else { return Err(Error::internal("only a posted transfer is reversed")) };
    let mut columns = Columns::new(gained);
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
            let mut columns = Columns::new(lost);
            columns.skip(4);
            to(read_place(&mut columns)?)
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
