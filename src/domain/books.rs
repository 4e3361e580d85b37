//! The books: the ledger, and what every domain has to say about its own money, recomputed at one moment.
//!
//! Owns nothing and mends nothing. It is above every domain that moves money: each hands over its rules.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    RelationTrait, Select,
    sea_query::{Expr, Func},
};

use crate::{
    app::App,
    domain::{
        actor::Actor,
        ledger::{self, Difference},
        permissions::Permission,
        registration::DOMAINS,
    },
    entity::{
        Currency,
        ledger_account::{self, AccountKind},
        ledger_delta, ledger_entry, ledger_transfer,
    },
    error::Result,
};

/// What the books come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// How many transfers there are.
    pub transfers: i64,
    /// Everything that is not as it must be, at most 1,000 for each rule.
    pub differences: Vec<Difference>,
}

#[derive(FromQueryResult)]
struct Counted {
    transfers: i64,
}

/// Recomputes everything at one moment, beside whatever goes on.
pub async fn verify(app: &App) -> Result<Books> {
    app.db
        .snapshot(async |tx| {
            let transfers = ledger_transfer::Entity::find().select_only();
            let transfers = transfers.expr_as(ledger_transfer::Column::Id.count(), "transfers");
            let counted = transfers.into_model::<Counted>().one(&tx).await?;
            let transfers = counted.map_or(0, |counted| counted.transfers);
            let mut differences = Vec::new();
            for domain in DOMAINS {
                differences.extend(ledger::check(&tx, domain.rules).await?);
            }
            Ok(Books { transfers, differences })
        })
        .await
}

/// What the accounts of a kind come to, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct TrialLine {
    /// What they stand for.
    pub kind: AccountKind,
    /// Of the platform's own, which one; of clearing accounts, the provider.
    pub name: String,
    /// In which currency.
    pub currency: Currency,
    /// How many accounts they are.
    pub accounts: i64,
    /// What is owed to their owners; below zero, what they owe, or hold for us.
    pub balance: i64,
}

/// All money there is, as it was at a time, or is now: what the accounts of each kind come to, by currency. The lines of a
/// currency sum to zero.
pub(crate) async fn trial_balance(app: &App, actor: &Actor, at: Option<DateTime<Utc>>) -> Result<Vec<TrialLine>> {
    actor.require(Permission::SeeMoney)?;
    app.db
        .snapshot(async |tx| {
            let lines = match at {
                None => now().into_model::<TrialLine>().all(&tx).await?,
                Some(at) => then(at).into_model::<TrialLine>().all(&tx).await?,
            };
            Ok(lines)
        })
        .await
}

/// The name of what waits to be added, by account.
const WAITING: &str = "waiting";

/// The lines as they are: each account has its balance, with what waits to be added.
fn now() -> Select<ledger_account::Entity> {
    let waiting = ledger_delta::Entity::find()
        .select_only()
        .column(ledger_delta::Column::AccountId)
        .expr_as(ledger_delta::Column::Amount.sum(), "amount")
        .group_by(ledger_delta::Column::AccountId);
    let id = Expr::col((ledger_account::Entity, ledger_account::Column::Id));
    let is_its_own = Expr::col((WAITING, ledger_delta::Column::AccountId)).eq(id);
    let mut accounts = ledger_account::Entity::find();
    QueryTrait::query(&mut accounts).join_subquery(JoinType::LeftJoin, waiting.into_query(), WAITING, is_its_own);
    let added = Func::coalesce([Expr::col((WAITING, "amount")), Expr::val(0_i64)]);
    lines(accounts, Expr::col((ledger_account::Entity, ledger_account::Column::Balance)).add(added))
}

/// The lines as they were at a time: each account has the sum of its entries until then.
fn then(at: DateTime<Utc>) -> Select<ledger_entry::Entity> {
    let entries = ledger_entry::Entity::find()
        .join(JoinType::InnerJoin, ledger_entry::Relation::Account.def())
        .filter(ledger_entry::Column::CreatedAt.lte(at));
    lines(entries, Expr::col((ledger_entry::Entity, ledger_entry::Column::Amount)))
}

/// Amounts of accounts, added up by what the accounts stand for.
fn lines<E: EntityTrait>(amounts: Select<E>, amount: Expr) -> Select<E> {
    let (kind, name, currency) =
        (ledger_account::Column::Kind, ledger_account::Column::Name, ledger_account::Column::Currency);
    let accounts = Expr::col((ledger_account::Entity, ledger_account::Column::Id)).count_distinct();
    amounts
        .select_only()
        .columns([kind, name, currency])
        .expr_as(accounts, "accounts")
        .expr_as(amount.sum().cast_as("bigint"), "balance")
        .group_by(kind)
        .group_by(name)
        .group_by(currency)
        .order_by_asc(currency)
        .order_by_asc(kind)
        .order_by_asc(name)
}
