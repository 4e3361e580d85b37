//! Money that is spoken for: held as a pending transfer, then posted, voided or expired.

use std::collections::HashMap;

use sea_orm::Value;

use super::{
    NewTransfer, Origin, Place, Posted,
    post::{self, Locked, earlier_in, input_hash, locked_in, read_place},
};
use crate::{
    app::App,
    domain::events::{self, NewEvent},
    entity::{
        Currency, LedgerAccountId, TransferId,
        event::{EventKind, StreamKind},
        ledger_transfer::{TransferKind, TransferState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::{Chain, Columns, Transaction},
};

/// How a hold ends without its money moving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was let go.
    Voided,
    /// Its time was over.
    Expired,
}

/// Holds money at `new.from`, which has to be counted, as a pending transfer; `new.to` is only its intention: it is said
/// when the hold is posted. Codes: INSUFFICIENT_FUNDS, IDEMPOTENCY_KEY_REUSED.
pub async fn hold_in(
    app: &App,
    tx: &Transaction,
    new: NewTransfer<'_>,
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
) -> Result<Posted> {
    let account = new.from.account(new.currency);
    let locked = locked_in(app, tx, &[new.from], new.currency).await?;
    let before = locked.get(&account).filter(|_| new.amount > 0);
    let before = before.ok_or_else(|| Error::internal(format!("{} can't be held at {:?}", new.amount, new.from)))?;
    if let Some(earlier) = earlier_in(tx, &new.origin).await? {
        return Ok(earlier);
    }
    if before.available() < new.amount {
        return Err(UserError::whole(UserErrorCode::InsufficientFunds).into());
    }
    let now = app.clock.now();
    let id = TransferId(app.ids.next(now));
    tx.execute(
        "INSERT INTO ledger_transfers (id, kind, state, currency, amount, reference, description, actor_id, operation, \
         idempotency_key, input_hash, held_account_id, expires_at, created_at) \
         VALUES ($1, $2, 'pending', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        vec![
            id.0.into(),
            new.kind.as_str().into(),
            new.currency.as_str().into(),
            new.amount.into(),
            new.reference.map(str::to_owned).into(),
            new.description.into(),
            new.origin.actor.into(),
            new.origin.operation.into(),
            new.origin.key.into(),
            input_hash(&new.origin).into(),
            account.0.into(),
            expires_at.into(),
            now.into(),
        ],
    )
    .await?;
    tx.execute("UPDATE ledger_accounts SET held = held + $2 WHERE id = $1", vec![account.0.into(), new.amount.into()])
        .await?;
    tell_in(app, tx, new.from).await?;
    Ok(Posted { id, replayed: false, written: None })
}

/// A pending transfer, with its account, both locked.
struct Pending {
    kind: TransferKind,
    currency: Currency,
    amount: i64,
    account: LedgerAccountId,
    place: Place,
}

/// Locks the account, with the one that the money is to go to, then looks whether the transfer is still pending; `None`
/// when it ended before.
async fn pending_in(
    app: &App,
    tx: &Transaction,
    id: TransferId,
    to: Option<Place>,
) -> Result<Option<(Pending, HashMap<LedgerAccountId, Locked>)>> {
    let sql = "SELECT t.kind, t.currency, t.amount, a.id, a.kind, a.owner_id, a.name FROM ledger_transfers t \
               JOIN ledger_accounts a ON a.id = t.held_account_id WHERE t.id = $1";
    let row = tx.row(sql, vec![id.0.into()]).await?.ok_or_else(|| Error::internal("there is no such hold"))?;
    let mut columns = Columns::new(&row);
    let pending = Pending {
        kind: columns.take()?,
        currency: columns.take()?,
        amount: columns.take()?,
        account: columns.take()?,
        place: read_place(&mut columns)?,
    };
    let places: Vec<Place> = std::iter::once(pending.place).chain(to).collect();
    let locked = locked_in(app, tx, &places, pending.currency).await?;
    let still = tx.row("SELECT 1 FROM ledger_transfers WHERE id = $1 AND state = 'pending'", vec![id.0.into()]).await?;
    Ok(still.map(|_| (pending, locked)))
}

async fn end_in(app: &App, tx: &Transaction, id: TransferId, state: TransferState, pending: &Pending) -> Result<()> {
    let sql = "UPDATE ledger_transfers SET state = $2, ended_at = $3 WHERE id = $1";
    tx.execute(sql, vec![id.0.into(), state.as_str().into(), app.clock.now().into()]).await?;
    let sql = "UPDATE ledger_accounts SET held = held - $2 WHERE id = $1";
    tx.execute(sql, vec![pending.account.0.into(), pending.amount.into()]).await.map(drop)
}

/// The held money moves to where it was held for. False when the hold had ended before; then nothing happens.
pub async fn post_hold_in(app: &App, tx: &Transaction, id: TransferId, to: Place) -> Result<bool> {
    let Some((pending, locked)) = pending_in(app, tx, id, Some(to)).await? else { return Ok(false) };
    end_in(app, tx, id, TransferState::Posted, &pending).await?;
    let new = NewTransfer {
        kind: pending.kind,
        from: pending.place,
        to,
        amount: pending.amount,
        currency: pending.currency,
        reference: None,
        description: "",
        origin: Origin::step("", ""),
    };
    let now = post::entry_time(app, &locked);
    let entries = post::changed(app, &new, now, |place| locked.get(&place.account(new.currency)).copied())?;
    let mut values: Vec<Value> = vec![id.0.into(), new.kind.as_str().into(), now.into()];
    values.push(new.currency.as_str().into());
    let (rows, accounts, deltas, openings) = post::entries_sql(app, &mut values, &new, &entries, "$3");
    let mut chain = Chain::new(values, "entries").step(
        "entries",
        &[],
        format!(
            "INSERT INTO ledger_entries (id, transfer_id, account_id, kind, amount, balance_after, seq, created_at) \
             SELECT v.column1, $1, v.column2, $2, v.column3, v.column4, v.column5, $3 FROM (VALUES {rows}) v \
             WHERE 1 = 1 RETURNING id"
        ),
    );
    for (name, update) in ["first", "second"].into_iter().zip(accounts) {
        chain = chain.step(name, &[], format!("{update} RETURNING id"));
    }
    if !deltas.is_empty() {
        chain = chain
            .step(
                "openings",
                &[],
                format!(
                    "INSERT INTO ledger_accounts (id, kind, owner_id, name, currency, created_at) \
                     SELECT v.column1, v.column2, v.column3, v.column4, $4, $3 FROM (VALUES {}) v WHERE 1 = 1 \
                     ON CONFLICT (id) DO NOTHING RETURNING id",
                    openings.join(", ")
                ),
            )
            .step(
                "deltas",
                &[],
                format!(
                    "INSERT INTO ledger_deltas (entry_id, account_id, amount) VALUES {} RETURNING entry_id",
                    deltas.join(", ")
                ),
            );
    }
    tx.chain(&chain).await?;
    events::append_all_in(app, tx, StreamKind::Wallet, &post::told(&entries)).await?;
    Ok(true)
}

/// The held money stays where it is. False when the hold had ended before; then nothing happens.
pub async fn end_hold_in(app: &App, tx: &Transaction, id: TransferId, end: End) -> Result<bool> {
    let Some((pending, _)) = pending_in(app, tx, id, None).await? else { return Ok(false) };
    let state = match end {
        End::Voided => TransferState::Voided,
        End::Expired => TransferState::Expired,
    };
    end_in(app, tx, id, state, &pending).await?;
    tell_in(app, tx, pending.place).await?;
    Ok(true)
}

/// Ends the holds whose time is over; gives how many. Run on a schedule.
pub async fn expire_holds(app: &App) -> Result<u64> {
    let sql =
        "SELECT id FROM ledger_transfers WHERE state = 'pending' AND expires_at <= $1 ORDER BY expires_at LIMIT 1000";
    let mut ended = 0;
    for row in app.db.rows(sql, vec![app.clock.now().into()]).await? {
        let id: TransferId = Columns::new(&row).take()?;
        ended += u64::from(app.db.transact(async |tx| end_hold_in(app, &tx, id, End::Expired).await).await?);
    }
    Ok(ended)
}

async fn tell_in(app: &App, tx: &Transaction, place: Place) -> Result<()> {
    let Place::Wallet(user) = place else { return Ok(()) };
    let event = NewEvent { kind: EventKind::WalletChanged, actor_id: None, subject_id: None };
    events::append_all_in(app, tx, StreamKind::Wallet, &[(user.0, event)]).await
}
