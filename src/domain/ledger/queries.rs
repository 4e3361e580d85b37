//! Looking at accounts.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use super::Place;
use crate::{
    app::App,
    entity::{Currency, LedgerAccountId, ledger_account::AccountKind},
    error::Result,
    platform::db::{Columns, placeholders},
};

/// An account as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Follows from what the account is: [`super::Place::account`].
    pub id: LedgerAccountId,
    /// In which currency.
    pub currency: Currency,
    /// All of it, in minor units.
    pub balance: i64,
    /// Of it, what is held.
    pub held: i64,
    /// How many entries were written.
    pub entry_seq: i64,
    /// What its owner owes in this currency, beside it.
    pub owed: i64,
}

impl Account {
    /// What may be taken.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.balance - self.held
    }
}

const COLUMNS: &str = "a.id, a.currency, a.balance + COALESCE((SELECT CAST(SUM(d.amount) AS bigint) FROM ledger_deltas d \
                       WHERE d.account_id = a.id), 0), a.held, a.entry_seq, \
                       COALESCE((SELECT -o.balance FROM ledger_accounts o WHERE o.owner_id = a.owner_id AND o.kind = 'debt' \
                       AND o.name = '' AND o.currency = a.currency), 0)";

fn read(columns: &mut Columns<'_>) -> Result<Account> {
    Ok(Account {
        id: columns.take()?,
        currency: columns.take()?,
        balance: columns.take()?,
        held: columns.take()?,
        entry_seq: columns.take()?,
        owed: columns.take()?,
    })
}

/// The accounts of a kind that belong to somebody, by currency. No rights are asked here.
pub async fn accounts_of(app: &App, kind: AccountKind, owner: Uuid) -> Result<Vec<Account>> {
    let sql =
        format!("SELECT {COLUMNS} FROM ledger_accounts a WHERE a.owner_id = $1 AND a.kind = $2 ORDER BY a.currency");
    let rows = app.db.rows(sql, vec![owner.into(), kind.as_str().into()]).await?;
    rows.iter().map(|row| read(&mut Columns::new(row))).collect()
}

/// The accounts of a kind that belong to each of some, by currency; nothing for who has none. No rights are asked here.
pub async fn accounts_of_each(app: &App, kind: AccountKind, owners: &[Uuid]) -> Result<HashMap<Uuid, Vec<Account>>> {
    let mut values: Vec<Value> = vec![kind.as_str().into()];
    let list = placeholders(&mut values, owners);
    let sql = format!(
        "SELECT a.owner_id, {COLUMNS} FROM ledger_accounts a WHERE a.kind = $1 AND a.owner_id IN ({list}) \
         ORDER BY a.currency"
    );
    let mut found: HashMap<Uuid, Vec<Account>> = HashMap::new();
    for (owner, account) in app.db.rows(sql, values).await?.iter().map(read_owned).collect::<Result<Vec<_>>>()? {
        found.entry(owner).or_default().push(account);
    }
    Ok(found)
}

/// Accounts of a kind by id, each with whose it is. No rights are asked here.
pub async fn accounts_by_id(app: &App, kind: AccountKind, ids: &[LedgerAccountId]) -> Result<Vec<(Uuid, Account)>> {
    let mut values: Vec<Value> = vec![kind.as_str().into()];
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT a.owner_id, {COLUMNS} FROM ledger_accounts a WHERE a.kind = $1 AND a.id IN ({list})");
    app.db.rows(sql, values).await?.iter().map(read_owned).collect()
}

fn read_owned(row: &QueryResult) -> Result<(Uuid, Account)> {
    let mut columns = Columns::new(row);
    Ok((columns.take()?, read(&mut columns)?))
}

/// One account, if it was ever used. No rights are asked here.
pub async fn account(app: &App, place: Place, currency: Currency) -> Result<Option<Account>> {
    let sql = format!("SELECT {COLUMNS} FROM ledger_accounts a WHERE a.id = $1");
    let rows = app.db.rows(sql, vec![place.account(currency).0.into()]).await?;
    rows.first().map(|row| read(&mut Columns::new(row))).transpose()
}
