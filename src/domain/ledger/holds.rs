//! Money that is spoken for: held as a pending transfer, then posted, voided or expired.

use chrono::{DateTime, Utc};

use super::{
    NewTransfer, Origin, Place, Posted,
    debts::repay_in,
    locks::{Accounts, locked_in, read_place},
    write::{Entry, Movement, carry_out_in, create_in, earlier_in, entries},
};
use crate::{
    app::App,
    entity::{
        Currency, TransferId,
        ledger_transfer::{TransferKind, TransferState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::{Columns, Transaction},
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
    expires_at: Option<DateTime<Utc>>,
) -> Result<Posted> {
    let accounts = locked_in(app, tx, &[new.from], new.currency).await?;
    let before = accounts.at(new.from).filter(|_| new.amount > 0);
    let before = before.ok_or_else(|| Error::internal(format!("{} can't be held at {:?}", new.amount, new.from)))?;
    if let Some(earlier) = earlier_in(tx, &new.origin).await? {
        return Ok(earlier);
    }
    if before.available() < new.amount {
        return Err(UserError::whole(UserErrorCode::InsufficientFunds).into());
    }
    let at = app.clock.now();
    let id = TransferId(app.ids.next(at));
    let held = Some((new.from, new.amount));
    let movement = Movement { transfer: id, kind: new.kind, currency: new.currency, at, entries: &[], held };
    let earlier = create_in(app, tx, &new, None, expires_at, &movement).await?;
    Ok(earlier.unwrap_or(Posted { id, replayed: false, written: None }))
}

/// A pending transfer.
struct Pending {
    kind: TransferKind,
    currency: Currency,
    amount: i64,
    place: Place,
}

impl Pending {
    async fn find_in(tx: &Transaction, id: TransferId) -> Result<Self> {
        let sql = "SELECT t.kind, t.currency, t.amount, a.kind, a.owner_id, a.name FROM ledger_transfers t \
                   JOIN ledger_accounts a ON a.id = t.held_account_id WHERE t.id = $1";
        let row = tx.row(sql, vec![id.0.into()]).await?.ok_or_else(|| Error::internal("there is no such hold"))?;
        let mut columns = Columns::new(&row);
        let (kind, currency, amount) = (columns.take()?, columns.take()?, columns.take()?);
        Ok(Self { kind, currency, amount, place: read_place(&mut columns)? })
    }

    /// Ends it, if it is still pending. Its accounts are locked already.
    async fn end_in(
        &self,
        app: &App,
        tx: &Transaction,
        id: TransferId,
        state: TransferState,
        entries: &[Entry],
        at: DateTime<Utc>,
    ) -> Result<bool> {
        let sql =
            "UPDATE ledger_transfers SET state = $2, ended_at = $3 WHERE id = $1 AND state = 'pending' RETURNING id";
        let values = vec![id.0.into(), state.as_str().into(), app.clock.now().into()];
        let held = Some((self.place, -self.amount));
        let movement = Movement { transfer: id, kind: self.kind, currency: self.currency, at, entries, held };
        carry_out_in(app, tx, (sql, values), &movement).await
    }
}

/// The held money moves to where it was held for. False when the hold had ended before; then nothing happens.
pub async fn post_hold_in(app: &App, tx: &Transaction, id: TransferId, to: Place) -> Result<bool> {
    let pending = Pending::find_in(tx, id).await?;
    let accounts = locked_in(app, tx, &[pending.place, to], pending.currency).await?;
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
    let at = accounts.entry_time(app);
    let ended = pending.end_in(app, tx, id, TransferState::Posted, &entries(app, &new, &accounts, at)?, at).await?;
    if ended {
        pay_debts_in(app, tx, id, to, &accounts).await?;
    }
    Ok(ended)
}

/// What came into a wallet, or is no longer held there, pays what its owner owes.
async fn pay_debts_in(app: &App, tx: &Transaction, id: TransferId, at: Place, accounts: &Accounts) -> Result<()> {
    match at {
        Place::Wallet(user) if accounts.owed_by(user) > 0 => {
            repay_in(app, tx, user, accounts.currency(), (id, 0)).await
        }
        _ => Ok(()),
    }
}

/// The held money stays where it is. False when the hold had ended before; then nothing happens.
pub async fn end_hold_in(app: &App, tx: &Transaction, id: TransferId, end: End) -> Result<bool> {
    let pending = Pending::find_in(tx, id).await?;
    let accounts = locked_in(app, tx, &[pending.place], pending.currency).await?;
    let state = match end {
        End::Voided => TransferState::Voided,
        End::Expired => TransferState::Expired,
    };
    let ended = pending.end_in(app, tx, id, state, &[], app.clock.now()).await?;
    if ended {
        pay_debts_in(app, tx, id, pending.place, &accounts).await?;
    }
    Ok(ended)
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
