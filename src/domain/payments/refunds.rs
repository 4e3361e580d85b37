//! Refunds: asked for, granted, done. Granted money is held where it is, so that nobody else takes it; the provider is
//! called afterwards, under the refund's id, and the money moves when it says so, or is let go.

use std::collections::HashMap;

use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Access, Payment, claimant, complete,
    drive::{self, gateway},
    open::Payer,
    queries, receipts, rows, short, sweep, target,
};
use crate::{
    app::App,
    domain::{
        Once,
        actor::{Actor, Client},
        audit,
        idempotency::{Claim, claim_for_good_in},
        jobs,
        ledger::{self, End, NewTransfer, Origin, Place},
        permissions::Permission,
    },
    entity::{
        Money, PaymentId, RefundId, TransferId, job,
        ledger_transfer::TransferKind,
        payment::ProviderKind,
        payment_event::EventSource,
        refund::{Model as Refund, RefundDestination, RefundState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::{Columns, Transaction},
        payments::{ChargeRefund, Failure, NewRefund, RefundProgress},
        text,
    },
};

/// The kind of the job that does a granted refund.
pub const REFUND: &str = "refund";
/// How long a provider that is down is tried.
const PATIENCE: chrono::TimeDelta = chrono::TimeDelta::days(14);

/// Most characters of a reason.
pub const MAX_REASON: usize = 500;

#[derive(Serialize, Deserialize)]
struct Job {
    refund: Uuid,
}

/// A refund that somebody wants.
#[derive(Debug, Clone)]
pub struct RefundAsk {
    /// How much; all that is left, if `None`.
    pub amount: Option<Money>,
    /// Where it is to go.
    pub destination: RefundDestination,
    /// Why; at most [`MAX_REASON`] characters.
    pub reason: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: String,
}

impl RefundAsk {
    fn input(&self, payment: PaymentId) -> String {
        let amount = self.amount.map_or_else(|| "all".to_owned(), |amount| amount.to_string());
        format!("{payment} {amount} {} {}", self.destination.as_str(), self.reason)
    }

    /// How much that is of a payment. Codes: CURRENCY_MISMATCH, AMOUNT_TOO_LARGE, WRONG_STATE.
    fn amount_of(&self, payment: &Payment) -> Result<i64> {
        let left = payment.captured - payment.refunded - payment.refunding;
        let currency = payment.currency;
        match self.amount {
            Some(amount) if amount.currency != currency => {
                Err(UserError::input("amount", UserErrorCode::CurrencyMismatch).with("currency", currency).into())
            }
            Some(amount) if amount.minor > left => Err(UserError::input("amount", UserErrorCode::AmountTooLarge)
                .with("max", Money::new(left, currency))
                .into()),
            Some(amount) => Ok(amount.minor),
            None if left == 0 => {
                Err(UserError::argument("id", UserErrorCode::WrongState).with("state", "nothing left").into())
            }
            None => Ok(left),
        }
    }
}

const COLUMNS: &str = "r.id, r.payment_id, r.amount, r.destination, r.state, r.reason, r.decision_reason, r.requested_by, \
     r.decided_by, r.hold_id, r.provider_reference, r.failure, r.cause_key, r.check_at, r.checks, r.created_at, r.decided_at, \
     r.ended_at";

fn read(row: &QueryResult) -> Result<Refund> {
    let mut columns = Columns::new(row);
    Ok(Refund {
        id: columns.take()?,
        payment_id: columns.take()?,
        amount: columns.take()?,
        destination: columns.take()?,
        state: columns.take()?,
        reason: columns.take()?,
        decision_reason: columns.take()?,
        requested_by: columns.take()?,
        decided_by: columns.take()?,
        hold_id: columns.take()?,
        provider_reference: columns.take()?,
        failure: columns.take()?,
        cause_key: columns.take()?,
        check_at: columns.take()?,
        checks: columns.take()?,
        created_at: columns.take()?,
        decided_at: columns.take()?,
        ended_at: columns.take()?,
    })
}

/// A refund by its id. No rights are asked here.
pub(super) async fn get(app: &App, id: RefundId) -> Result<Refund> {
    let rows = app.db.rows(format!("SELECT {COLUMNS} FROM refunds r WHERE r.id = $1"), vec![id.0.into()]).await?;
    read(rows.first().ok_or_else(super::not_found)?)
}

async fn lock_in(tx: &Transaction, id: RefundId) -> Result<Refund> {
    let sql = format!("SELECT {COLUMNS} FROM refunds r WHERE r.id = $1 {}", tx.for_update());
    read(&tx.row(sql, vec![id.0.into()]).await?.ok_or_else(super::not_found)?)
}

/// The refunds of payments, by payment, oldest first: whoever sees a payment sees them.
pub async fn refunds_by_payment(
    app: &App,
    _actor: &Actor,
    ids: &[PaymentId],
) -> Result<HashMap<PaymentId, Vec<Refund>>> {
    let mut found: HashMap<PaymentId, Vec<Refund>> = HashMap::new();
    for refund in refunds_of(app, ids).await? {
        found.entry(refund.payment_id).or_default().push(refund);
    }
    Ok(found)
}

async fn refunds_of(app: &App, ids: &[PaymentId]) -> Result<Vec<Refund>> {
    let mut values = Vec::new();
    let list = crate::platform::db::placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {COLUMNS} FROM refunds r WHERE r.payment_id IN ({list}) ORDER BY r.created_at, r.id");
    app.db.rows(sql, values).await?.iter().map(read).collect()
}

// ----------------------------------------------------------------------------------------------------------- asking

/// The payer asks for their money back. Codes: NOT_FOUND, WRONG_STATE, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH,
/// ALREADY_EXISTS, TOO_LONG, INVALID_CHARACTERS, PROVIDER_NOT_AVAILABLE, IDEMPOTENCY_KEY_REUSED, BLANK.
pub async fn refund_request(
    app: &App,
    actor: &Actor,
    access: &Access,
    id: PaymentId,
    ask: RefundAsk,
) -> Result<Once<Refund>> {
    let payment = queries::find(app, actor, id, access).await?.filter(|payment| is_payer(actor, payment));
    let payment = payment.ok_or_else(super::not_found)?;
    let payer = match (payment.payer_id, &payment.payer_email) {
        (Some(user), _) => Payer::User(user),
        (None, Some(email)) => Payer::Guest(email.clone()),
        (None, None) => return Err(super::not_found()),
    };
    let reason = text::required("reason", text::block("reason", &ask.reason, MAX_REASON)?)?;
    let refund = RefundId(app.ids.next(app.clock.now()));
    let once = app
        .db
        .transact(async |tx| {
            let (key, input) = (ask.idempotency_key.as_str(), ask.input(id));
            let claim =
                claim_for_good_in(app, &tx, claimant(&payer), "paymentRefundRequest", key, &input, refund.0).await?;
            if let Claim::Replay(id) = claim {
                return Ok(Once { value: RefundId(id), replayed: true });
            }
            let payment = rows::lock_in(&tx, id).await?;
            let amount = ask.amount_of(&payment)?;
            destination(&payment, ask.destination)?;
            let open = "SELECT 1 FROM refunds WHERE payment_id = $1 AND state = 'requested'";
            if tx.row(open, vec![id.0.into()]).await?.is_some() {
                return Err(UserError::argument("id", UserErrorCode::AlreadyExists).into());
            }
            let new = NewRow { id: refund, amount, destination: ask.destination, reason: &reason, by: actor };
            insert_in(app, &tx, &payment, &new, RefundState::Requested, None).await?;
            complete::note_in(app, &tx, &payment, "refund_requested", EventSource::System, None).await?;
            Ok(Once { value: refund, replayed: false })
        })
        .await?;
    Ok(Once { value: get(app, once.value).await?, replayed: once.replayed })
}

/// Whether the actor paid it: a guest has shown their token.
fn is_payer(actor: &Actor, payment: &Payment) -> bool {
    match payment.payer_id {
        Some(payer) => actor.user_id() == Some(payer),
        None => actor.user_id().is_none(),
    }
}

/// Whether a refund can go there. Code: PROVIDER_NOT_AVAILABLE.
fn destination(payment: &Payment, destination: RefundDestination) -> Result<()> {
    if destination == RefundDestination::Wallet && payment.payer_id.is_none() {
        return Err(UserError::input("destination", UserErrorCode::ProviderNotAvailable).into());
    }
    Ok(())
}

/// Staff, or whom the money was for, grants or refuses what was asked for. Codes: NOT_FOUND, WRONG_STATE,
/// INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE, TOO_LONG, INVALID_CHARACTERS.
pub async fn refund_decide(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: RefundId,
    granted: bool,
    reason: Option<&str>,
) -> Result<Refund> {
    let user = actor.require_user()?.id;
    let found = get(app, id).await?;
    let payment = queries::get(app, found.payment_id).await?;
    let owner = target::of(payment.target_kind)?.owner(app, &payment).await?;
    let staff = actor.may(Permission::ManageMoney);
    // Nobody grants themselves money that others watch over.
    if !staff && owner != Some(user) || (staff && payment.payer_id == Some(user) && owner != Some(user)) {
        return Err(super::not_found());
    }
    let reason = reason.map(|reason| text::block("reason", reason, MAX_REASON)).transpose()?;
    app.db
        .transact(async |tx| {
            let payment = rows::lock_in(&tx, payment.id).await?;
            let refund = lock_in(&tx, id).await?;
            if refund.state != RefundState::Requested {
                let state = refund.state.as_str();
                return Err(UserError::argument("id", UserErrorCode::WrongState).with("state", state).into());
            }
            let sql =
                "UPDATE refunds SET decided_by = $2, decided_at = $3, decision_reason = $4, state = $5 WHERE id = $1";
            let state = if granted { RefundState::Granted } else { RefundState::Refused };
            let values =
                vec![id.0.into(), user.0.into(), app.clock.now().into(), reason.clone().into(), state.as_str().into()];
            tx.execute(sql, values).await?;
            if granted {
                reserve_in(app, &tx, &payment, id, refund.amount).await?;
            } else {
                complete::note_in(app, &tx, &payment, "refund_refused", EventSource::Staff, None).await?;
            }
            let action = if granted { "paymentRefundGrant" } else { "paymentRefundRefuse" };
            record_in(app, &tx, actor, client, (action, id), reason.as_deref()).await
        })
        .await?;
    get(app, id).await
}

async fn record_in(
    app: &App,
    tx: &Transaction,
    actor: &Actor,
    client: &Client,
    (action, id): (&'static str, RefundId),
    reason: Option<&str>,
) -> Result<()> {
    let entry = audit::NewEntry {
        action,
        subject_kind: RefundId::PREFIX,
        subject_id: id.0,
        before: None,
        after: None,
        reason: reason.filter(|reason| !reason.is_empty()),
    };
    audit::record_in(app, tx, actor, client, entry).await
}

/// Staff gives money back, all or part of it. Codes: NOT_FOUND, WRONG_STATE, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH,
/// INSUFFICIENT_FUNDS, PROVIDER_NOT_AVAILABLE, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
pub async fn payment_refund(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    ask: RefundAsk,
) -> Result<Once<Refund>> {
    let user = actor.require(Permission::ManageMoney)?.id;
    let reason = text::required("reason", text::block("reason", &ask.reason, MAX_REASON)?)?;
    let refund = RefundId(app.ids.next(app.clock.now()));
    let once = app
        .db
        .transact(async |tx| {
            let (key, input) = (ask.idempotency_key.as_str(), ask.input(id));
            if let Claim::Replay(id) =
                claim_for_good_in(app, &tx, user.0, "paymentRefund", key, &input, refund.0).await?
            {
                return Ok(Once { value: RefundId(id), replayed: true });
            }
            let payment = rows::lock_in(&tx, id).await?;
            if payment.payer_id == Some(user) {
                return Err(UserError::argument("id", UserErrorCode::SecondPersonNeeded).into());
            }
            let amount = ask.amount_of(&payment)?;
            destination(&payment, ask.destination)?;
            let new = NewRow { id: refund, amount, destination: ask.destination, reason: &reason, by: actor };
            insert_in(app, &tx, &payment, &new, RefundState::Granted, None).await?;
            reserve_in(app, &tx, &payment, refund, amount).await?;
            record_in(app, &tx, actor, client, ("paymentRefund", refund), Some(&reason)).await?;
            Ok(Once { value: refund, replayed: false })
        })
        .await?;
    Ok(Once { value: get(app, once.value).await?, replayed: once.replayed })
}

// --------------------------------------------------------------------------------------------------------- granting

struct NewRow<'a> {
    id: RefundId,
    amount: i64,
    destination: RefundDestination,
    reason: &'a str,
    by: &'a Actor,
}

/// False when there is one with this cause already.
async fn insert_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    new: &NewRow<'_>,
    state: RefundState,
    cause: Option<&str>,
) -> Result<bool> {
    let now = app.clock.now();
    let decided = state == RefundState::Granted;
    let by = new.by.user_id().map(|user| user.0);
    let inserted = tx
        .execute(
            "INSERT INTO refunds (id, payment_id, amount, destination, state, reason, requested_by, decided_by, decided_at, \
             cause_key, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (payment_id, cause_key) DO NOTHING",
            vec![
                new.id.0.into(),
                payment.id.0.into(),
                new.amount.into(),
                new.destination.as_str().into(),
                state.as_str().into(),
                new.reason.into(),
                by.into(),
                by.filter(|_| decided).into(),
                decided.then_some(now).into(),
                cause.map(str::to_owned).into(),
                now.into(),
            ],
        )
        .await?;
    Ok(inserted == 1)
}

/// Holds the money of a granted refund, and has it done. Codes: INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE.
async fn reserve_in(app: &App, tx: &Transaction, payment: &Payment, id: RefundId, amount: i64) -> Result<()> {
    let left = payment.captured - payment.refunded - payment.refunding;
    if amount > left {
        let max = Money::new(left, payment.currency);
        return Err(UserError::input("amount", UserErrorCode::AmountTooLarge).with("max", max).into());
    }
    let (key, reference) = (id.to_string(), super::reference(payment.id));
    let from = target::of(payment.target_kind)?.place_in(tx, payment).await?;
    let hold = NewTransfer {
        kind: TransferKind::Refund,
        from,
        to: Place::Clearing(payment.provider),
        amount,
        currency: payment.currency,
        reference: Some(&reference),
        description: "",
        origin: Origin::step("refund", &key),
    };
    let hold = ledger::hold_in(app, tx, hold, None).await?;
    let sql = "UPDATE refunds SET hold_id = $2, check_at = $3 WHERE id = $1";
    let check_at = app.clock.now() + chrono::TimeDelta::minutes(10);
    tx.execute(sql, vec![id.0.into(), hold.id.0.into(), check_at.into()]).await?;
    let sql = "UPDATE payments SET refunding = refunding + $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, vec![payment.id.0.into(), amount.into(), app.clock.now().into()]).await?;
    jobs::enqueue_in(app, tx, REFUND, &Job { refund: id.0 }).await?;
    let payment = rows::lock_in(tx, payment.id).await?;
    complete::note_in(app, tx, &payment, "refund_granted", EventSource::System, None).await
}

/// Gives back all that is left of a payment, because of something that happens once, such as `goal_cancelled`: the program's
/// own decision. Locks the payment. `None` when nothing is left, or it was done before.
pub async fn grant_in(app: &App, tx: &Transaction, id: PaymentId, cause: &'static str) -> Result<Option<RefundId>> {
    let payment = rows::lock_in(tx, id).await?;
    let left = payment.captured - payment.refunded - payment.refunding;
    give_back_in(app, tx, &payment, left, cause).await
}

/// The same for a part of it; the payment is locked.
pub(super) async fn give_back_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    amount: i64,
    cause: &'static str,
) -> Result<Option<RefundId>> {
    if amount <= 0 {
        return Ok(None);
    }
    let id = RefundId(app.ids.next(app.clock.now()));
    let by_hand = matches!(payment.provider, ProviderKind::CashOnDelivery | ProviderKind::BankTransfer);
    let destination = match payment.payer_id {
        Some(_) if by_hand => RefundDestination::Wallet,
        _ => RefundDestination::Source,
    };
    let new = NewRow { id, amount, destination, reason: cause, by: &Actor::System };
    if !insert_in(app, tx, payment, &new, RefundState::Granted, Some(cause)).await? {
        return Ok(None);
    }
    reserve_in(app, tx, payment, id, amount).await?;
    Ok(Some(id))
}

// ------------------------------------------------------------------------------------------------------------ doing

/// Runs a job of kind [`REFUND`]. Harmless when repeated.
pub async fn refund(app: &App, job: &job::Model) -> Result<()> {
    let Job { refund } = serde_json::from_str(&job.payload)?;
    match execute(app, RefundId(refund)).await? {
        Ok(()) => app.db.transact(async |tx| jobs::finish_in(&tx, job.id).await).await,
        Err(cause) => jobs::put_off(app, job, &cause, PATIENCE).await,
    }
}

/// Goes on with a refund as far as it goes now. The failure is the provider's: try again later.
async fn execute(app: &App, id: RefundId) -> Result<Result<(), String>> {
    app.steps.reach("refund.reserved").await;
    let refund = get(app, id).await?;
    if !matches!(refund.state, RefundState::Granted | RefundState::Pending) {
        return Ok(Ok(()));
    }
    let payment = queries::get(app, refund.payment_id).await?;
    let to_wallet = refund.destination == RefundDestination::Wallet || payment.provider == ProviderKind::Wallet;
    let done = |reference: String, progress| ChargeRefund { reference, progress, failure: None };
    let answer = match gateway(app, &payment) {
        // Their wallet went with their account.
        _ if to_wallet && payment.payer_id.is_none() => {
            let failure = Some("account_closed".to_owned());
            ChargeRefund { failure, ..done(id.to_string(), RefundProgress::Failed) }
        }
        _ if to_wallet => done(id.to_string(), RefundProgress::Succeeded),
        // Staff gives it back by hand, and says so.
        None => done(id.to_string(), RefundProgress::Pending),
        Some(gateway) => {
            let charge = payment.provider_reference.as_deref().unwrap_or_default();
            let asked = if let Some(reference) = &refund.provider_reference {
                gateway.fetch_refund(reference, charge).await
            } else {
                let amount = drive::amount(&payment, refund.amount);
                gateway.create_refund(&NewRefund { reference: &id.to_string(), charge, amount }).await
            };
            match asked {
                Ok(answer) => answer,
                Err(Failure::Unavailable(cause)) => return Ok(Err(cause)),
                Err(Failure::Refused(cause)) => {
                    tracing::error!(refund = %id, cause, "the provider refused a refund");
                    let reference = refund.provider_reference.clone().unwrap_or_default();
                    ChargeRefund { reference, progress: RefundProgress::Failed, failure: Some(cause) }
                }
            }
        }
    };
    app.steps.reach("refund.answered").await;
    app.db.transact(async |tx| answered_in(app, &tx, &refund, &answer).await).await?;
    app.steps.reach("refund.recorded").await;
    Ok(Ok(()))
}

/// Records how a refund stands; again with the same, it changes nothing.
pub(super) async fn answered_in(app: &App, tx: &Transaction, refund: &Refund, answer: &ChargeRefund) -> Result<()> {
    let payment = rows::lock_in(tx, refund.payment_id).await?;
    let refund = lock_in(tx, refund.id).await?;
    if !matches!(refund.state, RefundState::Granted | RefundState::Pending) {
        return Ok(());
    }
    let hold = refund.hold_id.ok_or_else(|| Error::internal("a granted refund holds nothing"))?;
    let now = app.clock.now();
    let (state, check_at, ended_at) = match answer.progress {
        RefundProgress::Pending => (RefundState::Pending, Some(now + sweep::wait(app, 0)), None),
        RefundProgress::Succeeded => (RefundState::Succeeded, None, Some(now)),
        RefundProgress::Failed => (RefundState::Failed, None, Some(now)),
    };
    if state == refund.state {
        return Ok(());
    }
    tx.execute(
        "UPDATE refunds SET state = $2, provider_reference = COALESCE(provider_reference, $3), failure = $4, check_at = $5, \
         ended_at = $6 WHERE id = $1",
        vec![
            refund.id.0.into(),
            state.as_str().into(),
            Some(answer.reference.clone()).filter(|text| !text.is_empty()).into(),
            answer.failure.as_deref().map(short).into(),
            check_at.into(),
            ended_at.into(),
        ],
    )
    .await?;
    match answer.progress {
        RefundProgress::Pending => {}
        RefundProgress::Succeeded => succeed_in(app, tx, &payment, &refund, hold).await?,
        RefundProgress::Failed => fail_in(app, tx, &payment, &refund, hold).await?,
    }
    let payment = rows::lock_in(tx, payment.id).await?;
    let kind = format!("refund_{}", state.as_str());
    complete::note_in(app, tx, &payment, &kind, EventSource::System, answer.failure.as_deref()).await
}

async fn succeed_in(app: &App, tx: &Transaction, payment: &Payment, refund: &Refund, hold: TransferId) -> Result<()> {
    let sql = "UPDATE payments SET refunding = refunding - $2, refunded = refunded + $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, vec![payment.id.0.into(), refund.amount.into(), app.clock.now().into()]).await?;
    let payment = rows::lock_in(tx, payment.id).await?;
    target::of(payment.target_kind)?.unsettle_in(app, tx, &payment, refund.amount).await?;
    let to = match (refund.destination, payment.payer_id) {
        (RefundDestination::Wallet, Some(payer)) => Place::Wallet(payer),
        (RefundDestination::Wallet, None) => return Err(Error::internal("the payer's wallet went with their account")),
        (RefundDestination::Source, _) => complete::source(&payment)?,
    };
    // Into the very wallet that it is held at: nothing moves.
    let at = target::of(payment.target_kind)?.place_in(tx, &payment).await?;
    let ended = if at == to {
        ledger::end_hold_in(app, tx, hold, End::Voided).await?
    } else {
        ledger::post_hold_in(app, tx, hold, to).await?
    };
    if !ended {
        return Err(Error::internal(format!("the money of {} was no longer held", refund.id)));
    }
    receipts::refunded_in(app, tx, &payment, refund).await
}

async fn fail_in(app: &App, tx: &Transaction, payment: &Payment, refund: &Refund, hold: TransferId) -> Result<()> {
    let sql = "UPDATE payments SET refunding = refunding - $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, vec![payment.id.0.into(), refund.amount.into(), app.clock.now().into()]).await?;
    ledger::end_hold_in(app, tx, hold, End::Voided).await.map(drop)
}

/// Asks about the refunds of a payment that are under way.
pub(super) async fn refresh_pending(app: &App, payment: &Payment) -> Result<()> {
    for refund in refunds_of(app, &[payment.id]).await? {
        if refund.state == RefundState::Pending
            && let Err(cause) = execute(app, refund.id).await?
        {
            tracing::warn!(refund = %refund.id, cause, "the provider could not be asked about a refund");
        }
    }
    Ok(())
}

/// Goes on with refunds whose time has come; gives how many. Several processes may do it at once.
pub(super) async fn tend(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let sql = format!(
        "SELECT id, checks FROM refunds WHERE check_at <= $1 ORDER BY check_at LIMIT 50 {}",
        app.db.skip_locked()
    );
    let due = app
        .db
        .transact(async |tx| {
            let mut due: Vec<RefundId> = Vec::new();
            for row in tx.rows(sql.as_str(), vec![now.into()]).await? {
                let mut columns = Columns::new(&row);
                let (id, checks): (RefundId, i64) = (columns.take()?, columns.take()?);
                let sql = "UPDATE refunds SET check_at = $2, checks = checks + 1 WHERE id = $1";
                tx.execute(sql, vec![id.0.into(), (now + sweep::wait(app, checks)).into()]).await?;
                due.push(id);
            }
            Ok(due)
        })
        .await?;
    for id in &due {
        match execute(app, *id).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::warn!(refund = %id, cause, "the provider could not be asked about a refund"),
            Err(error) => tracing::error!(refund = %id, %error, "a refund could not be gone on with"),
        }
    }
    Ok(due.len() as u64)
}
