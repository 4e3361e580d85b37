//! Money that is spoken for: held as a pending transfer, then posted, voided or expired.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
};

use super::{
    AccountRef, NewTransfer, Origin, Posted,
    debts::repay_in,
    locks::{Accounts, Named, locked_in},
    movement::{Entry, Movement},
    sql,
    write::{carry_out_in, create_in, earlier_in, entries},
};
use crate::{
    app::App,
    entity::{
        Currency, TransferId,
        ledger_transfer::{self, TransferKind, TransferState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::{Transaction, is_literally},
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

/// A transfer that holds money, and where.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_transfer::Entity")]
struct Hold {
    kind: TransferKind,
    currency: Currency,
    amount: i64,
    #[sea_orm(nested)]
    account: Named,
}

/// A pending transfer.
struct Pending {
    kind: TransferKind,
    currency: Currency,
    amount: i64,
    account_ref: AccountRef,
}

impl Pending {
    async fn find_in(tx: &Transaction, id: TransferId) -> Result<Self> {
        let found = ledger_transfer::Entity::find_by_id(id)
            .join(JoinType::InnerJoin, ledger_transfer::Relation::HeldAccount.def());
        let missing = || Error::internal("there is no such hold");
        let Hold { kind, currency, amount, account } =
            found.into_partial_model::<Hold>().one(tx).await?.ok_or_else(missing)?;
        Ok(Self { kind, currency, amount, account_ref: account.account_ref()? })
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
        let held = Some((self.account_ref, -self.amount));
        let movement = Movement { transfer: id, kind: self.kind, currency: self.currency, at, entries, held };
        carry_out_in(app, tx, sql::end_pending(id, state, app.clock.now()), &movement).await
    }
}

/// The held money moves to where it was held for. False when the hold had ended before; then nothing happens.
pub async fn post_hold_in(app: &App, tx: &Transaction, id: TransferId, to: AccountRef) -> Result<bool> {
    let pending = Pending::find_in(tx, id).await?;
    let accounts = locked_in(app, tx, &[pending.account_ref, to], pending.currency).await?;
    let new = NewTransfer {
        kind: pending.kind,
        from: pending.account_ref,
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
async fn pay_debts_in(app: &App, tx: &Transaction, id: TransferId, at: AccountRef, accounts: &Accounts) -> Result<()> {
    match at {
        AccountRef::Wallet(user) if accounts.owed_by(user) > 0 => {
            repay_in(app, tx, user, accounts.currency(), (id, 0)).await
        }
        _ => Ok(()),
    }
}

/// The held money stays where it is. False when the hold had ended before; then nothing happens.
pub async fn end_hold_in(app: &App, tx: &Transaction, id: TransferId, end: End) -> Result<bool> {
    let pending = Pending::find_in(tx, id).await?;
    let accounts = locked_in(app, tx, &[pending.account_ref], pending.currency).await?;
    let state = match end {
        End::Voided => TransferState::Voided,
        End::Expired => TransferState::Expired,
    };
    let ended = pending.end_in(app, tx, id, state, &[], app.clock.now()).await?;
    if ended {
        pay_debts_in(app, tx, id, pending.account_ref, &accounts).await?;
    }
    Ok(ended)
}

/// A hold whose time is over.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_transfer::Entity")]
struct Due {
    id: TransferId,
}

/// Ends the holds whose time is over; gives how many. Run on a schedule.
pub(crate) async fn expire_holds(app: &App) -> Result<u64> {
    let due = ledger_transfer::Entity::find()
        .filter(is_literally(ledger_transfer::Column::State, TransferState::Pending))
        .filter(ledger_transfer::Column::ExpiresAt.lte(app.clock.now()))
        .order_by_asc(ledger_transfer::Column::ExpiresAt)
        .limit(1000);
    let mut ended = 0;
    for Due { id } in app.db.read(due).await? {
        ended += u64::from(app.db.transact(async |tx| end_hold_in(app, &tx, id, End::Expired).await).await?);
    }
    Ok(ended)
}
