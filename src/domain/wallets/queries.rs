//! Looking at wallets: balances, transactions in their order, and the stream of changes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use futures_util::Stream;
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

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
        ledger_account::AccountKind,
        ledger_transfer::TransferKind,
    },
    error::{Error, Result},
    platform::{
        db::{Columns, placeholders},
        list::{Span, count},
        page::{Cursor, Key, Page, Slice},
    },
};

/// What happened to a wallet: an entry of the ledger, with what its transfer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
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

/// The transfer, the entry on its other side, and that one's account join the entry `e` of the account `a`.
const JOINS: &str = "JOIN ledger_transfers t ON t.id = e.transfer_id \
     LEFT JOIN ledger_entries o ON o.transfer_id = e.transfer_id AND o.id <> e.id \
     LEFT JOIN ledger_accounts c ON c.id = o.account_id AND c.kind = 'wallet'";

const COLUMNS: &str = "e.id, a.owner_id, e.kind, e.amount, a.currency, e.balance_after, t.description, t.reference, \
     c.owner_id, e.created_at";

fn read(row: &QueryResult) -> Result<Transaction> {
    let mut columns = Columns::new(row);
    let (id, owner, kind) = (columns.take()?, columns.take()?, columns.take()?);
    Ok(Transaction {
        id,
        owner,
        kind,
        amount: Money::new(columns.take()?, columns.take()?),
        balance_after: columns.take()?,
        description: columns.take()?,
        reference: columns.take()?,
        counterparty: columns.take::<Option<Uuid>>()?.map(UserId),
        created_at: columns.take()?,
    })
}

/// FORBIDDEN, unless it is the actor's own wallet, or they may see everybody's.
pub(super) fn require_sight(actor: &Actor, owner: UserId) -> Result<()> {
    if actor.require_user()?.id == owner { Ok(()) } else { actor.require(Permission::SeeMoney).map(drop) }
}

/// Whether the actor sees the wallet, or transactions of it: it is their own, or they may see everybody's.
fn may_see(actor: &Actor, owner: Uuid) -> bool {
    actor.require_user().is_ok_and(|viewer| viewer.id.0 == owner) || actor.may(Permission::SeeMoney)
}

/// Wallets that the actor may see, by their owners: of each the accounts, one for each currency that it ever held, by
/// code. Who has and had none, and is nobody, has no wallet.
pub async fn wallets_by_owner(app: &App, actor: &Actor, owners: &[UserId]) -> Result<HashMap<UserId, Vec<Account>>> {
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
        let mut values = Vec::new();
        let list = placeholders(&mut values, &unknown);
        for row in &app.db.rows(format!("SELECT id FROM users WHERE id IN ({list})"), values).await? {
            found.insert(Columns::new(row).take()?, Vec::new());
        }
    }
    Ok(found.into_iter().map(|(owner, accounts)| (UserId(owner), accounts)).collect())
}

/// What wallets that the actor may see hold of one currency, by the account's id.
pub async fn balances_by_id(
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
pub async fn find(app: &App, actor: &Actor, owner: UserId) -> Result<Option<Vec<Account>>> {
    actor.require(Permission::SeeMoney)?;
    Ok(wallets_by_owner(app, actor, &[owner]).await?.remove(&owner))
}

/// What transactions have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// Of one of these kinds.
    pub kinds: Option<Vec<TransferKind>>,
    /// In one of these currencies.
    pub currencies: Option<Vec<Currency>>,
    /// The time within which they happened.
    pub during: Span,
}

/// What cursors in the list are tied to.
pub const SORT: &str = "transactions.time";

/// A transaction's place in the list. Of one account no two have the same time, and time runs as their numbers do: the
/// ledger sees to it. So this is their order in each currency, whatever the clocks said.
#[must_use]
pub fn cursor(transaction: &Transaction) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(transaction.created_at), id: transaction.id.0 }
}

/// The transactions of a wallet, the last one first. However long the list is, of each currency only a page is looked at.
pub async fn transactions(
    app: &App,
    actor: &Actor,
    owner: UserId,
    filter: &TransactionFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Transaction>> {
    require_sight(actor, owner)?;
    let mut values: Vec<Value> = vec![owner.0.into()];
    let mut accounts = "a.owner_id = $1 AND a.kind = 'wallet'".to_owned();
    let during = filter.during.checked()?;
    let is_hopeless = |count: Option<usize>| count == Some(0);
    if is_hopeless(filter.kinds.as_ref().map(Vec::len)) || is_hopeless(filter.currencies.as_ref().map(Vec::len)) {
        return Ok(Slice::nothing(page, with_total));
    }
    if let Some(currencies) = &filter.currencies {
        let currencies: BTreeSet<&str> = currencies.iter().map(|currency| currency.as_str()).collect();
        let currencies: Vec<&str> = currencies.into_iter().collect();
        accounts = format!("{accounts} AND a.currency IN ({})", placeholders(&mut values, &currencies));
    }
    let mut conditions = vec!["e.account_id = a.id".to_owned(), "e.seq IS NOT NULL".to_owned()];
    if let Some(kinds) = &filter.kinds {
        let kinds: BTreeSet<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        conditions.push(format!("e.kind IN ({})", placeholders(&mut values, &kinds)));
    }
    for (time, sign) in [(during.from, ">="), (during.until, "<")] {
        if let Some(time) = time {
            values.push(time.into());
            conditions.push(format!("e.created_at {sign} ${}", values.len()));
        }
    }
    let total = if with_total {
        let on = conditions.join(" AND ");
        let rows = format!("FROM ledger_accounts a JOIN ledger_entries e ON {on} WHERE {accounts}");
        Some(count(&app.db, &rows, values.clone()).await?)
    } else {
        None
    };
    let (more, order) = page.clauses("e.created_at", "e.id", true, &mut values);
    conditions.extend(more);
    let direction = page.direction(true);
    let each = app.db.first_of_each(
        "ledger_accounts a",
        "ledger_entries",
        "e",
        &conditions.join(" AND "),
        &format!("e.created_at {direction}, e.id {direction}"),
        page.size + 1,
    );
    let sql = format!("SELECT {COLUMNS} FROM {each} {JOINS} WHERE {accounts} {order}");
    let rows = app.db.rows(sql, values).await?.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(Slice { total, ..page.slice(rows) })
}

/// Transactions by id, of wallets that the actor may see.
pub async fn transactions_by_id(app: &App, actor: &Actor, ids: &[EntryId]) -> Result<HashMap<EntryId, Transaction>> {
    if actor.require_user().is_err() {
        return Ok(HashMap::new());
    }
    let mut found = by_id(app, ids).await?;
    found.retain(|_, transaction| may_see(actor, transaction.owner));
    Ok(found)
}

async fn by_id(app: &App, ids: &[EntryId]) -> Result<HashMap<EntryId, Transaction>> {
    let mut values = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!(
        "SELECT {COLUMNS} FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id {JOINS} \
         WHERE e.id IN ({list}) AND a.kind = 'wallet'"
    );
    app.db.rows(sql, values).await?.iter().map(|row| read(row).map(|found| (found.id, found))).collect()
}

/// What a transfer did to an account.
pub(super) async fn of_transfer(app: &App, id: TransferId, account: LedgerAccountId) -> Result<Transaction> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id {JOINS} \
         WHERE e.transfer_id = $1 AND e.account_id = $2"
    );
    let rows = app.db.rows(sql, vec![id.0.into(), account.0.into()]).await?;
    read(rows.first().ok_or_else(|| Error::internal("a transfer without its entry"))?)
}

// ---------------------------------------------------------------------------------------------------------- following

/// What changed in a wallet, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// What happened; `None` when only what is held changed.
    pub transaction: Option<Transaction>,
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
pub async fn stream_heads(app: &App, actor: &Actor, owners: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let Some(own) = actor.user_id().filter(|own| owners.contains(own)) else { return Ok(HashMap::new()) };
    Ok([(own, events::head(app, StreamKind::Wallet, own.0).await?)].into())
}

/// The actor's own wallet, as it changes.
pub async fn follow(
    app: &App,
    actor: &Actor,
    client: &Client,
    after: Option<i64>,
) -> Result<impl Stream<Item = Result<Step<Activity>>> + Send + use<>> {
    let owner = actor.require_user()?.id;
    live::follow::<Changes>(app, actor, client, owner.0, after).await
}
