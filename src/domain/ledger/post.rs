//! Moving money: transfers, their reversal, and the sums of what they add to accounts that everybody touches.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DerivePartialModel, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait, SelectExt, sea_query::LockType,
};
use uuid::Uuid;

use super::{
    AccountRef, NewTransfer, Origin, Posted,
    debts::repay_in,
    locks::{Accounts, Named, locked_in, locked_with_in},
    sql::{self, Delta},
    write::write_in,
};
use crate::{
    app::App,
    entity::{
        Currency, LedgerAccountId, TransferId, ledger_account, ledger_entry,
        ledger_transfer::{self, TransferKind, TransferState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// How many deltas are added up at once.
const BATCH: u64 = 5000;

/// Moves money from one account to another, once. Codes: INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE, IDEMPOTENCY_KEY_REUSED.
pub async fn post_in(app: &App, tx: &Transaction, new: NewTransfer<'_>) -> Result<Posted> {
    post_keeping_in(app, tx, new, 0).await
}

/// The same, where so much of what comes into a wallet leaves it in the same transaction, such as the fee of a payout: it
/// pays no debts. Codes: as [`post_in`].
pub(crate) async fn post_keeping_in(app: &App, tx: &Transaction, new: NewTransfer<'_>, kept: i64) -> Result<Posted> {
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
        AccountRef::Wallet(user)
            if accounts.owed_by(user) > 0 && !posted.replayed && new.from != AccountRef::Debt(user) =>
        {
            repay_in(app, tx, user, new.currency, (posted.id, kept)).await
        }
        _ => Ok(()),
    }
}

/// The same into a person's wallet, if they are there and not suspended, and stay so until the end of the transaction;
/// `None`, and nothing happens, where there is nobody like that. Codes: as [`post_in`].
pub(crate) async fn post_to_active_in(app: &App, tx: &Transaction, new: NewTransfer<'_>) -> Result<Option<Posted>> {
    let AccountRef::Wallet(payee) = new.to else { return Err(Error::internal("only a wallet is somebody's")) };
    match locked_with_in(app, tx, payee, &[new.from, new.to], new.currency).await? {
        Some(accounts) => {
            let posted = write_in(app, tx, new, &accounts, None).await?;
            settle_debts_in(app, tx, &new, &accounts, posted, 0).await?;
            Ok(Some(posted))
        }
        None => Ok(None),
    }
}

/// What a transfer that is taken back did to one of its accounts.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_entry::Entity")]
struct Side {
    amount: i64,
    #[sea_orm(nested)]
    transfer: Taken,
    #[sea_orm(nested)]
    account: Named,
}

/// What of such a transfer is said by the other one, too.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_transfer::Entity")]
struct Taken {
    kind: TransferKind,
    currency: Currency,
    reference: Option<String>,
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
    reverse_to_in(app, tx, id, |account_ref| account_ref, origin, description).await
}

/// The same, where the money may go elsewhere than where it came from: `to` says where. What somebody owed may be paid by then,
/// and goes into their wallet, where it pays first what they still owe. Codes: as [`reverse_in`].
pub(crate) async fn reverse_to_in(
    app: &App,
    tx: &Transaction,
    id: TransferId,
    to: impl FnOnce(AccountRef) -> AccountRef + Send,
    origin: Origin<'_>,
    description: &str,
) -> Result<Posted> {
    let sides = ledger_entry::Entity::find()
        .join(JoinType::InnerJoin, ledger_entry::Relation::Transfer.def())
        .join(JoinType::InnerJoin, ledger_entry::Relation::Account.def())
        .filter(ledger_entry::Column::TransferId.eq(id))
        .filter(ledger_transfer::Column::State.eq(TransferState::Posted))
        .order_by_asc(ledger_entry::Column::Amount);
    let sides = sides.into_partial_model::<Side>().all(tx).await?;
    let [lost, gained] = sides.as_slice() else { return Err(Error::internal("only a posted transfer is reversed")) };
    if ledger_transfer::Entity::find().filter(ledger_transfer::Column::ReversesId.eq(id)).exists(tx).await? {
        return Err(UserError::whole(UserErrorCode::AlreadyDone).into());
    }
    let new = NewTransfer {
        kind: gained.transfer.kind,
        from: gained.account.account_ref()?,
        to: to(lost.account.account_ref()?),
        amount: gained.amount,
        currency: gained.transfer.currency,
        reference: gained.transfer.reference.as_deref(),
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

/// What an account has.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_account::Entity")]
struct Balance {
    balance: i64,
}

async fn fold_in(tx: &Transaction) -> Result<u64> {
    let rows = tx.rows(sql::take_deltas(BATCH), Vec::new()).await?;
    let mut sums: BTreeMap<Uuid, i64> = BTreeMap::new();
    for row in &rows {
        let Delta { account_id, amount } = Delta::from_query_result(row, "")?;
        let sum = sums.entry(account_id).or_default();
        *sum = sum.checked_add(amount).ok_or_else(|| Error::internal("a balance does not fit"))?;
    }
    for (account, sum) in sums {
        let found = ledger_account::Entity::find_by_id(LedgerAccountId(account)).lock(LockType::NoKeyUpdate);
        let missing = || Error::internal(format!("a delta of an account that is not there: {account}"));
        let Balance { balance } = found.into_partial_model::<Balance>().one(tx).await?.ok_or_else(missing)?;
        // Not by the database: SQLite would go on with a number of floating point where a sum does not fit.
        let balance = balance.checked_add(sum);
        let balance = balance.ok_or_else(|| Error::internal(format!("the balance of {account} does not fit")))?;
        ledger_account::Entity::update_many()
            .set(ledger_account::ActiveModel { balance: Set(balance), ..Default::default() })
            .filter(ledger_account::Column::Id.eq(account))
            .exec(tx)
            .await?;
    }
    Ok(rows.len() as u64)
}
