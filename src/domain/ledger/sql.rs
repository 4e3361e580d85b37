//! The ledger's statements that are SQL text, each with the reason why.
//!
//! Posting a transfer is the write that everything about money waits for: on PostgreSQL it is one statement of several writes
//! ([`CteChain`]), each of which happens only if the first one did. No builder says that, nor `INSERT … SELECT … FROM (VALUES …)`.

use chrono::{DateTime, Utc};
use sea_orm::{FromQueryResult, Statement, Value, raw_sql};
use uuid::Uuid;

use super::{
    AccountRef, NewTransfer, Origin, Rule,
    movement::{Entry, Movement},
};
use crate::{
    app::App,
    entity::{Currency, LedgerAccountId, TransferId, ledger_transfer::TransferState},
    platform::db::{CteChain, Transaction, placeholders},
};

/// The step that writes the row of a transfer: the first one.
pub(super) const TRANSFER: &str = "transfer";
/// The step that locks the person whom money goes to.
pub(super) const PERSON: &str = "person";
/// Holds for every step after the first, if that one wrote its row.
pub(super) const CARRIED_OUT: &str = "EXISTS (SELECT 1 FROM transfer)";
/// Holds where [`PERSON`] gave somebody.
pub(super) const SOMEBODY_IS_THERE: &str = "AND EXISTS (SELECT 1 FROM person)";

/// Locks accounts, in the order of their ids, so that nobody waits in a circle.
///
/// Text, because it is run for every transfer, and is a step of a chain where the payee is locked before.
pub(super) fn lock_accounts(tx: &Transaction, values: &mut Vec<Value>, ids: &[Uuid], condition: &str) -> String {
    let list = placeholders(values, ids);
    format!(
        "SELECT id, balance, held, entry_seq, last_entry_at FROM ledger_accounts WHERE id IN ({list}) {condition} \
         ORDER BY id {}",
        tx.for_update()
    )
}

/// Writes the row of a transfer, unless one with its key is there.
///
/// Text, because it is the first step of the chain of every transfer.
pub(super) fn write_transfer(
    new: &NewTransfer<'_>,
    movement: &Movement<'_>,
    reverses: Option<TransferId>,
    expires_at: Option<DateTime<Utc>>,
    input_hash: &str,
) -> Statement {
    let (id, created_at) = (movement.transfer.0, movement.at);
    let held = movement.held.map(|(account_ref, _)| account_ref.account(new.currency).0);
    let state = if held.is_some() { TransferState::Pending } else { TransferState::Posted }.as_str();
    let (kind, currency, amount) = (new.kind.as_str(), new.currency.as_str(), new.amount);
    let (reference, description) = (new.reference.map(str::to_owned), new.description);
    let Origin { actor, operation, key, .. } = new.origin;
    let reverses = reverses.map(|id| id.0);
    raw_sql!(
        Postgres,
        "INSERT INTO ledger_transfers (id, kind, state, currency, amount, reference, description, actor_id, operation, \
         idempotency_key, input_hash, reverses_id, held_account_id, expires_at, created_at) \
         VALUES ({id}, {kind}, {state}, {currency}, {amount}, {reference}, {description}, {actor}, {operation}, {key}, \
         {input_hash}, {reverses}, {held}, {expires_at}, {created_at}) \
         ON CONFLICT (actor_id, operation, idempotency_key) DO NOTHING RETURNING id"
    )
}

/// Ends a pending transfer, if it is still pending.
///
/// Text, because it is the first step of a chain.
pub(super) fn end_pending(id: TransferId, state: TransferState, ended_at: DateTime<Utc>) -> Statement {
    let (id, state) = (id.0, state.as_str());
    raw_sql!(
        Postgres,
        "UPDATE ledger_transfers SET state = {state}, ended_at = {ended_at} \
         WHERE id = {id} AND state = 'pending' RETURNING id"
    )
}

/// A transfer that an earlier call with the same key wrote.
#[derive(FromQueryResult)]
pub(super) struct Earlier {
    pub id: TransferId,
    /// Of what was asked then.
    pub input_hash: String,
}

/// Looks for the transfer of a key: an [`Earlier`].
///
/// Text, because it answers every repeated transfer, and every one that there is too little money for.
pub(super) fn find_earlier(origin: &Origin<'_>) -> Statement {
    let Origin { actor, operation, key, .. } = *origin;
    raw_sql!(
        Postgres,
        "SELECT id, input_hash FROM ledger_transfers \
         WHERE actor_id = {actor} AND operation = {operation} AND idempotency_key = {key}"
    )
}

/// Writes the entries of a transfer; for accounts that are not counted, deltas, and the account where it is not there yet.
///
/// Text, because they are steps of the chain of every transfer.
pub(super) fn write_entries(app: &App, mut chain: CteChain, movement: &Movement<'_>) -> CteChain {
    let (transfer, kind) = (chain.value(movement.transfer.0), chain.value(movement.kind.as_str()));
    let at = chain.value(movement.at);
    let (mut rows, mut openings, mut deltas) = (Vec::new(), Vec::new(), Vec::new());
    for entry in movement.entries {
        let Entry { id, account_ref, account, amount, after } = entry;
        let (id, account, amount) = (chain.value(id.0), chain.value(account.0), chain.value(*amount));
        let balance = chain.value(after.map(|(balance, _)| balance));
        let seq = chain.value(after.map(|(_, seq)| seq));
        rows.push(format!("({id}, {account}, {amount}, {balance}, {seq})"));
        if after.is_none() {
            deltas.push(format!("({id}, {account}, {amount})"));
            let values: Vec<String> =
                opening(app, *account_ref, movement.currency).into_iter().map(|value| chain.value(value)).collect();
            openings.push(format!("({})", values.join(", ")));
        }
    }
    let rows = rows.join(", ");
    chain = chain.step(
        "entries",
        &[],
        format!(
            "INSERT INTO ledger_entries (id, transfer_id, account_id, kind, amount, balance_after, seq, created_at) \
             SELECT v.column1, {transfer}, v.column2, {kind}, v.column3, v.column4, v.column5, {at} \
             FROM (VALUES {rows}) v WHERE {CARRIED_OUT} RETURNING id"
        ),
    );
    if deltas.is_empty() {
        return chain;
    }
    let (openings, deltas) = (openings.join(", "), deltas.join(", "));
    chain
        .step(
            "openings",
            &[],
            format!(
                "INSERT INTO ledger_accounts (id, kind, owner_id, name, currency, created_at) \
                 SELECT v.column1, v.column2, v.column3, v.column4, v.column5, v.column6 FROM (VALUES {openings}) v \
                 WHERE {CARRIED_OUT} ON CONFLICT (id) DO NOTHING RETURNING id"
            ),
        )
        .step(
            "deltas",
            &[],
            format!(
                "INSERT INTO ledger_deltas (entry_id, account_id, amount) \
                 SELECT v.column1, v.column2, v.column3 FROM (VALUES {deltas}) v WHERE {CARRIED_OUT} RETURNING entry_id"
            ),
        )
}

/// The values of a new account's row.
fn opening(app: &App, account_ref: AccountRef, currency: Currency) -> [Value; 6] {
    [
        account_ref.account(currency).0.into(),
        account_ref.kind().as_str().into(),
        account_ref.owner().into(),
        account_ref.name().into(),
        currency.as_str().into(),
        app.clock.now().into(),
    ]
}

/// Changes the counted accounts: by entries, and by what is held.
///
/// Text, because it is a step of the chain of every transfer.
pub(super) fn change_accounts(mut chain: CteChain, movement: &Movement<'_>) -> CteChain {
    // Account, amount, what is held more, entries.
    let mut changes: Vec<(LedgerAccountId, i64, i64, i64)> = Vec::new();
    for entry in movement.entries.iter().filter(|entry| entry.after.is_some()) {
        changes.push((entry.account, entry.amount, 0, 1));
    }
    if let Some((account_ref, held)) = movement.held {
        let account = account_ref.account(movement.currency);
        match changes.iter_mut().find(|change| change.0 == account) {
            Some(change) => change.2 = held,
            None => changes.push((account, 0, held, 0)),
        }
    }
    if changes.is_empty() {
        return chain;
    }
    let at = chain.value(movement.at);
    let rows: Vec<String> = changes
        .into_iter()
        .map(|(account, amount, held, entries)| {
            let (account, amount) = (chain.value(account.0), chain.value(amount));
            format!("({account}, {amount}, {}, {})", chain.value(held), chain.value(entries))
        })
        .collect();
    chain.step(
        "accounts",
        &[],
        format!(
            "UPDATE ledger_accounts SET balance = balance + v.column2, held = held + v.column3, \
             entry_seq = entry_seq + v.column4, \
             last_entry_at = CASE WHEN v.column4 = 0 THEN last_entry_at ELSE {at} END \
             FROM (VALUES {}) v WHERE id = v.column1 AND {CARRIED_OUT} RETURNING id",
            rows.join(", ")
        ),
    )
}

/// What waits to be added to an account.
#[derive(FromQueryResult)]
pub(super) struct Delta {
    pub account_id: Uuid,
    pub amount: i64,
}

/// Takes the oldest deltas, so many at most: [`Delta`]s.
///
/// Text for its plan: up to an id, and not by a list of ids, because where PostgreSQL takes the table for empty, as it mostly
/// is, it would compare each with each.
pub(super) fn take_deltas(limit: u64) -> String {
    format!(
        "DELETE FROM ledger_deltas WHERE entry_id <= (SELECT b.entry_id FROM (SELECT entry_id FROM ledger_deltas \
         ORDER BY entry_id LIMIT {limit}) b ORDER BY b.entry_id DESC LIMIT 1) RETURNING account_id, amount"
    )
}

/// What breaks a rule, at most 1,000 lines of it, each as `found`.
///
/// Text, because rules are.
pub(super) fn broken(tx: &Transaction, rule: &str) -> String {
    format!("WITH broken(found) AS ({}) SELECT found FROM broken LIMIT 1000", with_ids(tx, rule))
}

/// Ids are bytes on SQLite, which no cast makes readable.
fn with_ids(tx: &Transaction, sql: &str) -> String {
    let mut parts = sql.split("ID(");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (column, rest) = part.split_once(')').unwrap_or((part, ""));
        text.push_str(&tx.id_as_text(column));
        text.push_str(rest);
    }
    text
}

/// What must always hold in the ledger.
///
/// Text, because each proves a whole table by windows and sums of its own, apart from whatever code wrote it, and says in
/// words what is wrong.
pub(super) const RULES: &[Rule] = &[
    (
        "a posted transfer has two entries that sum to zero, each as large as the transfer",
        "SELECT ID(t.id) || ' ' || COUNT(e.id) || ' entries, sum ' || COALESCE(SUM(e.amount), 0) \
         FROM ledger_transfers t LEFT JOIN ledger_entries e ON e.transfer_id = t.id WHERE t.state = 'posted' \
         GROUP BY t.id, t.amount \
         HAVING COUNT(e.id) <> 2 OR SUM(e.amount) <> 0 OR MAX(e.amount) <> t.amount OR MIN(e.amount) <> -t.amount",
    ),
    (
        "a transfer that is not posted has no entries",
        "SELECT ID(t.id) || ' is ' || t.state FROM ledger_transfers t \
         JOIN ledger_entries e ON e.transfer_id = t.id WHERE t.state <> 'posted'",
    ),
    (
        "an entry has an account, of the transfer's currency",
        "SELECT ID(e.id) || ' of ' || ID(e.account_id) FROM ledger_entries e \
         JOIN ledger_transfers t ON t.id = e.transfer_id LEFT JOIN ledger_accounts a ON a.id = e.account_id \
         WHERE a.id IS NULL OR a.currency <> t.currency",
    ),
    (
        "an account's balance, with what waits to be added, is the sum of its entries",
        "SELECT a.kind || ' ' || a.name || ' ' || ID(a.id) || ' ' || a.currency || ' has ' \
         || (a.balance + COALESCE(d.sum, 0)) || ' instead of ' || COALESCE(e.sum, 0) FROM ledger_accounts a \
         LEFT JOIN (SELECT account_id, SUM(amount) AS sum FROM ledger_deltas GROUP BY account_id) d ON d.account_id = a.id \
         LEFT JOIN (SELECT account_id, SUM(amount) AS sum FROM ledger_entries GROUP BY account_id) e ON e.account_id = a.id \
         WHERE a.balance + COALESCE(d.sum, 0) <> COALESCE(e.sum, 0)",
    ),
    (
        "what waits to be added is an entry's amount",
        "SELECT ID(d.entry_id) || ' has ' || d.amount FROM ledger_deltas d \
         LEFT JOIN ledger_entries e ON e.id = d.entry_id AND e.account_id = d.account_id AND e.amount = d.amount \
         WHERE e.id IS NULL",
    ),
    (
        "what an account holds is the sum of its pending transfers",
        "SELECT a.kind || ' ' || ID(a.id) || ' ' || a.currency || ' holds ' || a.held || ' instead of ' \
         || COALESCE(t.sum, 0) FROM ledger_accounts a LEFT JOIN (SELECT held_account_id, SUM(amount) AS sum \
         FROM ledger_transfers WHERE state = 'pending' GROUP BY held_account_id) t ON t.held_account_id = a.id \
         WHERE a.held <> COALESCE(t.sum, 0)",
    ),
    (
        "no wallet and no escrow is below what it holds",
        "SELECT a.kind || ' ' || ID(a.id) || ' has ' || a.balance || ' and holds ' || a.held \
         FROM ledger_accounts a WHERE a.kind IN ('wallet', 'escrow') AND (a.balance < a.held OR a.held < 0)",
    ),
    (
        "nobody is owed what they owe",
        "SELECT ID(a.id) || ' of ' || ID(a.owner_id) || ' has ' || a.balance || ' and holds ' || a.held \
         FROM ledger_accounts a WHERE a.kind = 'debt' AND (a.balance > 0 OR a.held <> 0)",
    ),
    (
        "nobody owes something and has money that is not spoken for",
        "SELECT ID(d.owner_id) || ' owes ' || -d.balance || ' ' || d.currency || ' and has ' || (w.balance - w.held) \
         FROM ledger_accounts d JOIN ledger_accounts w ON w.owner_id = d.owner_id AND w.kind = 'wallet' AND w.name = '' \
         AND w.currency = d.currency WHERE d.kind = 'debt' AND d.balance < 0 AND w.balance > w.held",
    ),
    (
        "the entries of a wallet and of an escrow are counted without a gap, each with the balance after it",
        "SELECT ID(e.id) || ' is number ' || e.seq || ' with ' || e.balance_after || ' instead of ' || e.place \
         || ' with ' || e.running FROM (SELECT id, seq, balance_after, \
         ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY seq) AS place, \
         SUM(amount) OVER (PARTITION BY account_id ORDER BY seq) AS running \
         FROM ledger_entries WHERE seq IS NOT NULL) e WHERE e.seq <> e.place OR e.balance_after <> e.running",
    ),
    (
        "an account has counted as many entries as it has",
        "SELECT a.kind || ' ' || ID(a.id) || ' counted ' || a.entry_seq || ' of ' || COALESCE(e.count, 0) \
         FROM ledger_accounts a LEFT JOIN (SELECT account_id, COUNT(*) AS count FROM ledger_entries WHERE seq IS NOT NULL \
         GROUP BY account_id) e ON e.account_id = a.id WHERE a.entry_seq <> COALESCE(e.count, 0)",
    ),
    (
        "all money of a currency sums to zero",
        "SELECT t.currency || ' sums to ' || SUM(e.amount) FROM ledger_entries e \
         JOIN ledger_transfers t ON t.id = e.transfer_id GROUP BY t.currency HAVING SUM(e.amount) <> 0",
    ),
];
