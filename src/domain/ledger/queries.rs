//! Looking at accounts.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, Func, Query},
};
use uuid::Uuid;

use super::AccountRef;
use crate::{
    app::App,
    entity::{
        Currency, LedgerAccountId,
        ledger_account::{AccountKind, Column, Entity},
        ledger_delta,
    },
    error::Result,
    platform::db::any_id,
};

/// An account as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub struct Account {
    /// Follows from what the account is: [`super::AccountRef::account`].
    pub id: LedgerAccountId,
    /// In which currency.
    pub currency: Currency,
    /// All of it, in minor units.
    #[sea_orm(from_expr = "balance()")]
    pub balance: i64,
    /// Of it, what is held.
    pub held: i64,
    /// How many entries were written.
    pub entry_seq: i64,
    /// What its owner owes in this currency, beside it.
    #[sea_orm(from_expr = "owed()")]
    pub owed: i64,
}

impl Account {
    /// What may be taken.
    #[must_use]
    pub(crate) fn available(&self) -> i64 {
        self.balance - self.held
    }
}

/// An account, and whose it is.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Owned {
    owner_id: Uuid,
    #[sea_orm(nested)]
    account: Account,
}

/// What an account has, with what waits to be added.
fn balance() -> Expr {
    let own = |column: Column| Expr::col((Entity, column));
    let waiting = ledger_delta::Entity::find()
        .select_only()
        .expr(ledger_delta::Column::Amount.sum().cast_as("bigint"))
        .filter(Expr::col((ledger_delta::Entity, ledger_delta::Column::AccountId)).eq(own(Column::Id)));
    own(Column::Balance).add(or_nothing(waiting.into_query().into()))
}

/// What the account of debts has, of the same owner and in the same currency.
fn owed() -> Expr {
    let own = |column: Column| Expr::col((Entity, column));
    let debt = |column: Column| Expr::col(("debt", column));
    let owed = Query::select()
        .expr(debt(Column::Balance).mul(-1_i64))
        .from_as(Entity, "debt")
        .and_where(debt(Column::OwnerId).eq(own(Column::OwnerId)))
        .and_where(debt(Column::Kind).eq(AccountKind::Debt))
        .and_where(debt(Column::Name).eq(""))
        .and_where(debt(Column::Currency).eq(own(Column::Currency)))
        .take();
    or_nothing(owed.into())
}

/// The same, or zero where there is none.
fn or_nothing(amount: Expr) -> Expr {
    Func::coalesce([amount, Expr::val(0_i64)]).into()
}

/// The accounts of a kind that belong to somebody, by currency. No rights are asked here.
pub(crate) async fn accounts_of(app: &App, kind: AccountKind, owner: Uuid) -> Result<Vec<Account>> {
    let own = Entity::find().filter(Column::OwnerId.eq(owner)).filter(Column::Kind.eq(kind));
    app.db.read(own.order_by_asc(Column::Currency)).await
}

/// The accounts of a kind that belong to each of some, by currency; nothing for who has none. No rights are asked here.
pub(crate) async fn accounts_of_each(
    app: &App,
    kind: AccountKind,
    owners: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Account>>> {
    let theirs = Entity::find().filter(Column::Kind.eq(kind)).filter(any_id(Column::OwnerId, owners));
    let mut found: HashMap<Uuid, Vec<Account>> = HashMap::new();
    for Owned { owner_id, account } in app.db.read(theirs).await? {
        found.entry(owner_id).or_default().push(account);
    }
    // Each has but a few: they are put in order here, not all of them together in the database.
    for accounts in found.values_mut() {
        accounts.sort_unstable_by_key(|account| account.currency.as_str());
    }
    Ok(found)
}

/// Accounts of a kind by id, each with whose it is. No rights are asked here.
pub(crate) async fn accounts_by_id(
    app: &App,
    kind: AccountKind,
    ids: &[LedgerAccountId],
) -> Result<Vec<(Uuid, Account)>> {
    let found = Entity::find().filter(Column::Kind.eq(kind)).filter(any_id(Column::Id, ids));
    let found: Vec<Owned> = app.db.read(found).await?;
    Ok(found.into_iter().map(|Owned { owner_id, account }| (owner_id, account)).collect())
}

/// One account, if it was ever used. No rights are asked here.
pub async fn account(app: &App, account_ref: AccountRef, currency: Currency) -> Result<Option<Account>> {
    app.db.read_one(Entity::find_by_id(account_ref.account(currency))).await
}
