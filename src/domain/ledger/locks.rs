//! Accounts that are counted, locked: what there is, and what may be taken.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveValue::Set, DerivePartialModel, EntityTrait, FromQueryResult, QueryResult, Value};
use uuid::Uuid;

use super::{AccountRef, sql};
use crate::{
    app::App,
    domain::auth,
    entity::{
        Currency, GoalId, LedgerAccountId, UserId,
        ledger_account::{self, AccountKind},
        payment::ProviderKind,
    },
    error::{Error, Result},
    platform::db::{ColumnType, CteChain, Transaction},
};

/// A counted account as it is, locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromQueryResult)]
pub(super) struct Locked {
    pub balance: i64,
    pub held: i64,
    #[sea_orm(from_alias = "entry_seq")]
    pub seq: i64,
    pub last_entry_at: Option<DateTime<Utc>>,
}

impl Locked {
    /// What may be taken.
    pub(crate) fn available(self) -> i64 {
        self.balance.saturating_sub(self.held)
    }
}

/// Several of them, in one currency.
#[derive(Debug)]
pub(super) struct Accounts {
    currency: Currency,
    locked: HashMap<LedgerAccountId, Locked>,
}

impl Accounts {
    /// In which currency.
    pub(crate) fn currency(&self) -> Currency {
        self.currency
    }

    /// What is on this account; `None` where nothing is counted.
    pub(crate) fn at(&self, account_ref: AccountRef) -> Option<Locked> {
        self.locked.get(&account_ref.account(self.currency)).copied()
    }

    /// What somebody owes, as far as it is known here: where their wallet is locked, so are their debts.
    pub(crate) fn owed_by(&self, user: UserId) -> i64 {
        self.at(AccountRef::Debt(user)).map_or(0, |account| account.balance.saturating_neg())
    }

    /// The time of an entry of these accounts: now, but later than their last one, whatever the clocks of several
    /// processes say. So the entries of an account, and of a person's wallets together, have one order by their times.
    pub(crate) fn entry_time(&self, app: &App) -> DateTime<Utc> {
        let last = self.locked.values().filter_map(|account| account.last_entry_at).max();
        let now = app.clock.now();
        last.map_or(now, |last| now.max(last + TimeDelta::microseconds(1)))
    }
}

/// Locks the accounts that are counted until the end of the transaction, in the order of their ids; opens those
/// that are not there yet.
pub(crate) async fn lock_in(
    app: &App,
    tx: &Transaction,
    account_refs: &[AccountRef],
    currency: Currency,
) -> Result<()> {
    locked_in(app, tx, account_refs, currency).await.map(drop)
}

/// What may be taken from an account that is counted; it is locked until the end of the transaction.
pub(crate) async fn available_in(
    app: &App,
    tx: &Transaction,
    account_ref: AccountRef,
    currency: Currency,
) -> Result<i64> {
    let accounts = locked_in(app, tx, &[account_ref], currency).await?;
    Ok(accounts.at(account_ref).map_or(0, Locked::available))
}

/// What somebody owes; their wallet is locked until the end of the transaction, and so is that.
pub(crate) async fn owed_in(app: &App, tx: &Transaction, debtor: UserId, currency: Currency) -> Result<i64> {
    let accounts = locked_in(app, tx, &[AccountRef::Wallet(debtor)], currency).await?;
    Ok(accounts.owed_by(debtor))
}

/// The same, with all that is known of them.
pub(super) async fn locked_in(
    app: &App,
    tx: &Transaction,
    account_refs: &[AccountRef],
    currency: Currency,
) -> Result<Accounts> {
    let counted = counted(account_refs, currency);
    let mut locked = if counted.is_empty() { HashMap::new() } else { select_in(tx, &counted, currency).await? };
    if !are_all(&counted, &locked) {
        for (_, account_ref) in counted.iter().filter(|(id, _)| !locked.contains_key(id)) {
            open_in(app, tx, *account_ref, currency).await?;
        }
        locked = select_in(tx, &counted, currency).await?;
    }
    Ok(Accounts { currency, locked })
}

/// The same, after locking somebody who has to be there and not suspended; `None` where there is nobody like that. One
/// round trip where the accounts are open.
pub(super) async fn locked_with_in(
    app: &App,
    tx: &Transaction,
    person: UserId,
    account_refs: &[AccountRef],
    currency: Currency,
) -> Result<Option<Accounts>> {
    let counted = counted(account_refs, currency);
    let (person_sql, mut values) = auth::lock_active_sql(app, tx, person);
    let ids = locked_together(&counted, currency);
    let accounts_sql = sql::lock_accounts(tx, &mut values, &ids, sql::SOMEBODY_IS_THERE);
    let chain = CteChain::new(values, "accounts").step(sql::PERSON, &[("id", ColumnType::Uuid)], person_sql);
    let locked = read_all(&tx.chain(&chain.step("accounts", &[], accounts_sql)).await?)?;
    if are_all(&counted, &locked) {
        return Ok(Some(Accounts { currency, locked }));
    }
    // Either nobody is there, or an account isn't yet.
    if !auth::lock_active_in(app, tx, person).await? {
        return Ok(None);
    }
    locked_in(app, tx, account_refs, currency).await.map(Some)
}

/// The accounts that have a row to lock, in the order in which it is locked.
fn counted(account_refs: &[AccountRef], currency: Currency) -> Vec<(LedgerAccountId, AccountRef)> {
    let mut counted: Vec<(LedgerAccountId, AccountRef)> = account_refs
        .iter()
        .filter(|account_ref| account_ref.is_counted())
        .map(|account_ref| (account_ref.account(currency), *account_ref))
        .collect();
    counted.sort_unstable_by_key(|(id, _)| *id);
    counted.dedup();
    counted
}

/// Whether every account is there.
fn are_all(counted: &[(LedgerAccountId, AccountRef)], locked: &HashMap<LedgerAccountId, Locked>) -> bool {
    counted.iter().all(|(id, _)| locked.contains_key(id))
}

/// Opens an account, unless it is there.
async fn open_in(app: &App, tx: &Transaction, account_ref: AccountRef, currency: Currency) -> Result<()> {
    let account = ledger_account::ActiveModel {
        id: Set(account_ref.account(currency)),
        kind: Set(account_ref.kind()),
        owner_id: Set(account_ref.owner()),
        name: Set(account_ref.name().to_owned()),
        currency: Set(currency),
        created_at: Set(app.clock.now()),
        ..Default::default()
    };
    let opening = ledger_account::Entity::insert(account).on_conflict_do_nothing_on([ledger_account::Column::Id]);
    opening.exec_without_returning(tx).await?;
    Ok(())
}

/// What is locked with these accounts, in order: with a wallet the debts of its owner, where there ever were any, for what
/// comes in pays them.
fn locked_together(counted: &[(LedgerAccountId, AccountRef)], currency: Currency) -> Vec<Uuid> {
    let debts = counted.iter().filter_map(|(_, account_ref)| match account_ref {
        AccountRef::Wallet(user) => Some(AccountRef::Debt(*user).account(currency)),
        _ => None,
    });
    let mut ids: Vec<Uuid> = counted.iter().map(|(id, _)| *id).chain(debts).map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

async fn select_in(
    tx: &Transaction,
    counted: &[(LedgerAccountId, AccountRef)],
    currency: Currency,
) -> Result<HashMap<LedgerAccountId, Locked>> {
    let mut values: Vec<Value> = Vec::new();
    let sql = sql::lock_accounts(tx, &mut values, &locked_together(counted, currency), "");
    read_all(&tx.rows(sql, values).await?)
}

/// A row of what is locked.
#[derive(FromQueryResult)]
struct Row {
    id: LedgerAccountId,
    #[sea_orm(nested)]
    account: Locked,
}

fn read_all(rows: &[QueryResult]) -> Result<HashMap<LedgerAccountId, Locked>> {
    let read = |row| {
        let Row { id, account } = Row::from_query_result(row, "")?;
        Ok((id, account))
    };
    rows.iter().map(read).collect()
}

/// What tells which account it is.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "ledger_account::Entity")]
pub(super) struct Named {
    pub kind: AccountKind,
    pub owner_id: Uuid,
    pub name: String,
}

impl Named {
    /// The place that the account is.
    pub(crate) fn account_ref(&self) -> Result<AccountRef> {
        let (owner, name) = (self.owner_id, self.name.as_str());
        Ok(match self.kind {
            AccountKind::Wallet => AccountRef::Wallet(UserId(owner)),
            AccountKind::Escrow => AccountRef::Escrow(GoalId(owner)),
            AccountKind::Payout => AccountRef::Payouts,
            AccountKind::Debt => AccountRef::Debt(UserId(owner)),
            AccountKind::Revenue if name == "fees" => AccountRef::Fees,
            AccountKind::Revenue if name == "unclaimed" => AccountRef::Unclaimed,
            AccountKind::Revenue if name == "losses" => AccountRef::Losses,
            AccountKind::Revenue if name == "provider_fees" => AccountRef::ProviderFees,
            AccountKind::Revenue => AccountRef::Adjustments,
            AccountKind::Clearing => AccountRef::Clearing(
                ProviderKind::parse(name)
                    .ok_or_else(|| Error::internal("a clearing account of an unknown provider"))?,
            ),
        })
    }
}
