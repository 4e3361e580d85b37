//! Looking at wallets: balances, transactions in their order, and the stream of changes.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use futures_util::Stream;
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect,
    QueryTrait, RelationTrait, Select, sea_query::Expr,
};
use uuid::Uuid;

use super::sql::Wanted;
use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        events,
        ledger::{self, Account},
        live::{self, Content, Step},
        permissions::Permission,
    },
    entity::{
        Currency, EntryId, LedgerAccountId, Money, TransferId, UserId,
        event::{self, StreamKind},
        ledger_account::{self, AccountKind},
        ledger_entry,
        ledger_transfer::{self, TransferKind},
        user,
    },
    error::{Error, Result},
    platform::{
        db::any_id,
        list::Span,
        page::{Cursor, Key, Page, Slice},
    },
};

/// What happened to a wallet: an entry of the ledger, with what its transfer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WalletTransaction {
    /// The entry's id.
    pub id: EntryId,
    /// Whose wallet; the account may be gone.
    pub owner: Uuid,
    /// What the transfer was for.
    pub kind: TransferKind,
    /// What was added; below zero, what was taken.
    pub amount: Money,
    /// The balance after it, in minor units.
    pub balance_after: i64,
    /// In words; may be empty.
    pub description: String,
    /// The id of what it is for.
    pub reference: Option<String>,
    /// Whose wallet is on the other side, if one is.
    pub counterparty: Option<UserId>,
    /// When the money moved.
    pub created_at: DateTime<Utc>,
}

/// What is read of a transaction: of an entry, its account and its transfer, and of the account on the other side.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_entry::Entity")]
struct Row {
    id: EntryId,
    kind: TransferKind,
    amount: i64,
    balance_after: i64,
    created_at: DateTime<Utc>,
    #[sea_orm(nested)]
    account: RowAccount,
    #[sea_orm(nested)]
    transfer: RowTransfer,
    #[sea_orm(from_expr = "Expr::col((COUNTERPARTY, ledger_account::Column::OwnerId))")]
    counterparty: Option<UserId>,
}

#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_account::Entity")]
struct RowAccount {
    owner_id: Uuid,
    currency: Currency,
}

#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_transfer::Entity")]
struct RowTransfer {
    description: String,
    reference: Option<String>,
}

impl From<Row> for WalletTransaction {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            owner: row.account.owner_id,
            kind: row.kind,
            amount: Money::new(row.amount, row.account.currency),
            balance_after: row.balance_after,
            description: row.transfer.description,
            reference: row.transfer.reference,
            counterparty: row.counterparty,
            created_at: row.created_at,
        }
    }
}

/// The entry on the other side of an entry's transfer.
const OTHER_SIDE: &str = "other_side";
/// Its account, where that is a wallet.
const COUNTERPARTY: &str = "counterparty";

/// Entries, joined to what else is read of a transaction.
fn joined(entries: Select<ledger_entry::Entity>) -> Select<ledger_entry::Entity> {
    let mut joined = entries
        .join(JoinType::InnerJoin, ledger_entry::Relation::Account.def())
        .join(JoinType::InnerJoin, ledger_entry::Relation::Transfer.def());
    let other_side = |column: ledger_entry::Column| Expr::col((OTHER_SIDE, column));
    let counterparty = |column: ledger_account::Column| Expr::col((COUNTERPARTY, column));
    let is_other_side = other_side(ledger_entry::Column::TransferId)
        .eq(ledger_entry::Column::TransferId.into_expr())
        .and(other_side(ledger_entry::Column::Id).ne(ledger_entry::Column::Id.into_expr()));
    let is_counterparty = counterparty(ledger_account::Column::Id)
        .eq(other_side(ledger_entry::Column::AccountId))
        .and(counterparty(ledger_account::Column::Kind).eq(AccountKind::Wallet));
    QueryTrait::query(&mut joined)
        .join_as(JoinType::LeftJoin, ledger_entry::Entity, OTHER_SIDE, is_other_side)
        .join_as(JoinType::LeftJoin, ledger_account::Entity, COUNTERPARTY, is_counterparty);
    joined
}

/// FORBIDDEN, unless it is the actor's own wallet, or they may see everybody's.
pub(super) fn require_sight(actor: &Actor, owner: UserId) -> Result<()> {
    if actor.require_user()?.id == owner { Ok(()) } else { actor.require(Permission::SeeMoney).map(drop) }
}

/// Whether the actor sees the wallet, or transactions of it: it is their own, or they may see everybody's.
fn may_see(actor: &Actor, owner: Uuid) -> bool {
    actor.require_user().is_ok_and(|viewer| viewer.id.0 == owner) || actor.may(Permission::SeeMoney)
}

/// Somebody who is there.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct Known {
    id: Uuid,
}

/// Wallets that the actor may see, by their owners: of each the accounts, one for each currency that it ever held, by
/// code. Who has and had none, and is nobody, has no wallet.
pub(crate) async fn wallets_by_owner(
    app: &App,
    actor: &Actor,
    owners: &[UserId],
) -> Result<HashMap<UserId, Vec<Account>>> {
    let visible: Vec<Uuid> = owners.iter().map(|owner| owner.0).filter(|owner| may_see(actor, *owner)).collect();
    if visible.is_empty() {
        return Ok(HashMap::new());
    }
    let mut found = ledger::accounts_of_each(app, AccountKind::Wallet, &visible).await?;
    // Of whoever asks it is known that they are there.
    let own = actor.user_id().map(|own| own.0);
    let empty: Vec<Uuid> = visible.into_iter().filter(|owner| !found.contains_key(owner)).collect();
    let (own, unknown): (Vec<Uuid>, Vec<Uuid>) = empty.into_iter().partition(|owner| Some(*owner) == own);
    found.extend(own.into_iter().map(|owner| (owner, Vec::new())));
    if !unknown.is_empty() {
        for Known { id } in app.db.read(user::Entity::find().filter(any_id(user::Column::Id, &unknown))).await? {
            found.insert(id, Vec::new());
        }
    }
    Ok(found.into_iter().map(|(owner, accounts)| (UserId(owner), accounts)).collect())
}

/// What wallets that the actor may see hold of one currency, by the account's id.
pub(crate) async fn balances_by_id(
    app: &App,
    actor: &Actor,
    ids: &[LedgerAccountId],
) -> Result<HashMap<LedgerAccountId, Account>> {
    // Who sees nobody's has nothing looked up.
    if actor.require_user().is_err() {
        return Ok(HashMap::new());
    }
    let found = ledger::accounts_by_id(app, AccountKind::Wallet, ids).await?;
    let visible = found.into_iter().filter(|(owner, _)| may_see(actor, *owner));
    Ok(visible.map(|(_, account)| (account.id, account)).collect())
}

/// The accounts of somebody's wallet, for those who may see everybody's; `None` when there is and was nobody like that.
pub(crate) async fn find(app: &App, actor: &Actor, owner: UserId) -> Result<Option<Vec<Account>>> {
    actor.require(Permission::SeeMoney)?;
    Ok(wallets_by_owner(app, actor, &[owner]).await?.remove(&owner))
}

/// What transactions have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TransactionFilter {
    /// Of one of these kinds.
    pub kinds: Option<Vec<TransferKind>>,
    /// In one of these currencies.
    pub currencies: Option<Vec<Currency>>,
    /// The time within which they happened.
    pub during: Span,
}

/// What cursors in the list are tied to.
pub(crate) const SORT: &str = "transactions.time";

/// A transaction's place in the list. Of one account no two have the same time, and time runs as their numbers do: the
/// ledger sees to it. So this is their order in each currency, whatever the clocks said.
#[must_use]
pub(crate) fn cursor(transaction: &WalletTransaction) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(transaction.created_at), id: transaction.id.0 }
}

/// The transactions of a wallet, the last one first. However long the list is, of each currency only a page is looked at.
pub(crate) async fn transactions(
    app: &App,
    actor: &Actor,
    owner: UserId,
    filter: &TransactionFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<WalletTransaction>> {
    require_sight(actor, owner)?;
    let (currencies, kinds) = (filter.currencies.as_deref(), filter.kinds.as_deref());
    let wanted = Wanted::of(owner, currencies, kinds, filter.during)?;
    let is_hopeless = |count: Option<usize>| count == Some(0);
    if is_hopeless(kinds.map(<[_]>::len)) || is_hopeless(currencies.map(<[_]>::len)) {
        return Ok(Slice::nothing(page, with_total));
    }
    let total = if with_total { Some(wanted.total(&app.db).await?) } else { None };
    let (sql, values) = wanted.page(&app.db, page);
    let mut transactions = Vec::new();
    for row in &app.db.rows(sql, values).await? {
        transactions.push(Row::from_query_result(row, "")?.into());
    }
    Ok(Slice { total, ..page.slice(transactions) })
}

/// Transactions by id, of wallets that the actor may see.
pub(crate) async fn transactions_by_id(
    app: &App,
    actor: &Actor,
    ids: &[EntryId],
) -> Result<HashMap<EntryId, WalletTransaction>> {
    if actor.require_user().is_err() {
        return Ok(HashMap::new());
    }
    let mut found = by_id(app, ids).await?;
    found.retain(|_, transaction| may_see(actor, transaction.owner));
    Ok(found)
}

async fn by_id(app: &App, ids: &[EntryId]) -> Result<HashMap<EntryId, WalletTransaction>> {
    let entries = ledger_entry::Entity::find()
        .filter(any_id(ledger_entry::Column::Id, ids))
        .filter(ledger_account::Column::Kind.eq(AccountKind::Wallet));
    let rows: Vec<Row> = app.db.read(joined(entries)).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
}

/// What a transfer did to an account.
pub(super) async fn of_transfer(app: &App, id: TransferId, account: LedgerAccountId) -> Result<WalletTransaction> {
    let entries = ledger_entry::Entity::find()
        .filter(ledger_entry::Column::TransferId.eq(id))
        .filter(ledger_entry::Column::AccountId.eq(account));
    let row: Option<Row> = app.db.read_one(joined(entries)).await?;
    row.map(WalletTransaction::from).ok_or_else(|| Error::internal("a transfer without its entry"))
}

// ---------------------------------------------------------------------------------------------------------- following

/// What changed in a wallet, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Activity {
    /// What happened; `None` when only what is held changed.
    pub transaction: Option<WalletTransaction>,
    /// How the wallet stands now: at once when it was told, or later.
    pub accounts: Vec<Account>,
}

struct Changes;

impl Content for Changes {
    type Item = Activity;
    const KIND: StreamKind = StreamKind::Wallet;

    async fn load(app: &App, id: Uuid, events: &[event::Model]) -> Result<Vec<Option<Arc<Activity>>>> {
        let ids: Vec<EntryId> = events.iter().filter_map(|event| event.subject_id).map(EntryId).collect();
        let mut found = if ids.is_empty() { HashMap::new() } else { by_id(app, &ids).await? };
        let accounts = ledger::accounts_of(app, AccountKind::Wallet, id).await?;
        let activity = |event: &event::Model| Activity {
            transaction: event.subject_id.and_then(|id| found.remove(&EntryId(id))),
            accounts: accounts.clone(),
        };
        Ok(events.iter().map(activity).map(|activity| Some(Arc::new(activity))).collect())
    }
}

/// Where the stream of the actor's own wallet stands; nobody follows another's.
pub(crate) async fn stream_heads(app: &App, actor: &Actor, owners: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let Some(own) = actor.user_id().filter(|own| owners.contains(own)) else { return Ok(HashMap::new()) };
    Ok([(own, events::head(app, StreamKind::Wallet, own.0).await?)].into())
}

/// The actor's own wallet, as it changes.
pub(crate) async fn follow(
    app: &App,
    actor: &Actor,
    client: &Client,
    after: Option<i64>,
) -> Result<impl Stream<Item = Result<Step<Activity>>> + Send + use<>> {
    let owner = actor.require_user()?.id;
    live::follow::<Changes>(app, actor, client, owner.0, after).await
}
