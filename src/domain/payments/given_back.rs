//! What a provider gave back on its own, as when somebody refunds at its pages: found by asking what went back of a charge,
//! and written down as refunds that nobody granted here.
//!
//! It is a fact, so no rule is asked. What is not where it should be any more becomes a debt of whoever has it; refunds of
//! ours that the provider was not asked for yet make way; and what goes beyond a payment is owed by its payer, who has it
//! twice.

use sea_orm::Value;
use uuid::Uuid;

use super::{
    Payment, complete,
    drive::gateway,
    notices::TakenBack,
    refund_failures::again_in,
    refund_rows::{refunds_in, refunds_of},
    refunds::{self, NewRow, is_open, is_told},
    rows, rules, short, target,
};
use crate::{
    app::App,
    domain::{
        accounts,
        actor::Actor,
        ledger::{self, NewTransfer, Origin, Place},
        messages::{Message, Template},
        notifications::notify_in,
    },
    entity::{
        Money, PaymentId, RefundId, TransferId, UserId,
        ledger_transfer::TransferKind,
        payment_event::EventSource,
        refund::{Model as Refund, RefundDestination, RefundOrigin, RefundState},
    },
    error::Result,
    platform::{
        db::{Columns, Transaction},
        payments::{ChargeRefund, Failure, GivenBack, ListedRefund, RefundProgress},
    },
};

/// What the keys of such refunds start with; the provider's own id follows.
const BY_PROVIDER: &str = "provider:";
/// Why a refund of ours made way.
const MADE_WAY: &str = "given_back_elsewhere";

/// Looks for what went back beside what we know of, when the provider says that it gave `told` back in all. The failure is
/// the provider's: try again later.
pub(super) async fn book(app: &App, payment: &Payment, told: i64) -> Result<Result<(), Failure>> {
    let Some(gateway) = gateway(app, payment) else { return Ok(Ok(())) };
    if told == 0 || told <= known(app, payment).await? {
        return Ok(Ok(()));
    }
    let charge = payment.provider_reference.as_deref().unwrap_or_default();
    let listed = match gateway.given_back(charge).await {
        Ok(listed) => listed,
        Err(failure) => return Ok(Err(failure)),
    };
    app.steps.reach("refund.listed").await;
    match listed {
        GivenBack::Each(listed) => {
            for one in &listed {
                app.db.transact(async |tx| book_in(app, &tx, payment.id, one).await).await?;
            }
        }
        GivenBack::Total(total) => app.db.transact(async |tx| book_total_in(app, &tx, payment.id, total).await).await?,
    }
    app.steps.reach("refund.booked").await;
    Ok(Ok(()))
}

/// How much we know that the provider gives, or gave, back, beyond the payment included.
pub(super) async fn known(app: &App, payment: &Payment) -> Result<i64> {
    let refunds = refunds_of(app, &[payment.id]).await?;
    let told: i64 = refunds.iter().filter(|refund| is_told(refund)).map(|refund| refund.amount).sum();
    Ok(told + beyond(app, payment.id).await?)
}

/// What refunds beyond what a payment took come to, by the ledger, without those that came back.
const BEYOND: &str = "SELECT COALESCE(CAST(SUM(t.amount) AS bigint), 0) FROM ledger_transfers t WHERE t.actor_id = $1 \
     AND t.operation = $2 AND t.idempotency_key > $3 AND t.idempotency_key < $4 \
     AND NOT EXISTS (SELECT 1 FROM ledger_transfers b WHERE b.reverses_id = t.id)";

fn beyond_of(id: PaymentId) -> Vec<Value> {
    let from = format!("{}{BY_PROVIDER}", rules::prefix(id));
    let until = format!("{};", from.trim_end_matches(':'));
    vec![Uuid::nil().into(), rules::REFUND_BEYOND.into(), from.into(), until.into()]
}

/// How much a provider gave back beyond what a payment took; without disputes, which it does not count.
pub(super) async fn beyond(app: &App, id: PaymentId) -> Result<i64> {
    let rows = app.db.rows(BEYOND, beyond_of(id)).await?;
    rows.first().map_or(Ok(0), |row| Columns::new(row).take())
}

/// Where a provider only tells how much it gave back: what we know nothing of, once nothing of ours can be part of it.
async fn book_total_in(app: &App, tx: &Transaction, id: PaymentId, total: i64) -> Result<()> {
    rows::lock_in(tx, id).await?;
    let refunds = refunds_in(tx, id).await?;
    let beyond = tx.row(BEYOND, beyond_of(id)).await?.map_or(Ok(0), |row| Columns::new(&row).take::<i64>())?;
    let told: i64 = refunds.iter().filter(|refund| is_told(refund)).map(|refund| refund.amount).sum::<i64>() + beyond;
    // One that was asked for, and not answered, may be part of it.
    let asked = |refund: &&Refund| is_open(refund) && refund.asked_at.is_some() && !is_told(refund);
    let least = refunds.iter().filter(asked).map(|refund| refund.amount).min();
    if total <= told || least.is_some_and(|least| total - told >= least) {
        return Ok(());
    }
    let (reference, progress) = (format!("total-{total}"), RefundProgress::Succeeded);
    let refund = ChargeRefund { reference, progress, failure: None };
    book_in(app, tx, id, &ListedRefund { refund, ours: None, amount: total - told }).await
}

/// Writes down a refund as its provider lists it. Again, it changes nothing.
async fn book_in(app: &App, tx: &Transaction, id: PaymentId, listed: &ListedRefund) -> Result<()> {
    let payment = rows::lock_in(tx, id).await?;
    let refunds = refunds_in(tx, id).await?;
    let answer = &listed.refund;
    let by_reference = |refund: &&Refund| refund.provider_reference.as_ref() == Some(&answer.reference);
    let ours = listed.ours.as_deref().and_then(|ours| ours.parse::<RefundId>().ok());
    // One that was given up here, and done there all the same, is the provider's own from now on.
    let stands = |refund: &&Refund| Some(refund.id) == ours && refund.state != RefundState::Failed;
    if let Some(refund) = refunds.iter().find(by_reference).or_else(|| refunds.iter().find(stands)) {
        return refunds::answered_in(app, tx, refund, answer).await;
    }
    if answer.progress == RefundProgress::Failed || listed.amount <= 0 {
        return Ok(());
    }
    let taken = Taken {
        key: format!("{BY_PROVIDER}{}", answer.reference),
        reference: Some(&answer.reference),
        reason: "given_back_by_provider",
        amount: listed.amount,
        origin: RefundOrigin::Provider,
    };
    let Held { refund, beyond } = take_in(app, tx, &payment, &refunds, &taken).await?;
    beyond_in(app, tx, &payment, &taken.key, beyond).await?;
    let Some(refund) = refund else { return Ok(()) };
    refunds::answered_in(app, tx, &refund, answer).await?;
    tracing::warn!(payment = %id, refund = %refund.id, amount = listed.amount, "a provider gave money back on its own");
    notify_in(app, tx, &TakenBack { refund: refund.id.0 }).await
}

/// Money that somebody else took back.
pub(super) struct Taken<'a> {
    /// Unique within the payment.
    pub(super) key: String,
    /// The provider's own id of the refund, if it is one.
    pub(super) reference: Option<&'a str>,
    /// A word for why.
    pub(super) reason: &'a str,
    /// In minor units of the payment's currency.
    pub(super) amount: i64,
    /// Who did it.
    pub(super) origin: RefundOrigin,
}

/// What is held of it.
pub(super) struct Held {
    /// The refund that is under way; none, where nothing was left of the payment.
    pub(super) refund: Option<Refund>,
    /// How much goes beyond the payment.
    pub(super) beyond: i64,
}

/// Holds money that somebody else took back, as a refund that is under way, once for each key. The payment is locked.
pub(super) async fn take_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    refunds: &[Refund],
    taken: &Taken<'_>,
) -> Result<Held> {
    if refunds.iter().any(|refund| refund.cause_key.as_ref() == Some(&taken.key)) {
        return Ok(Held { refund: None, beyond: 0 });
    }
    let target = target::of(payment.target_kind)?;
    // Before anything of what the payment is for, and of the ledger.
    let mut people: Vec<UserId> = payment.payer_id.into_iter().chain(target.owner_in(tx, payment).await?).collect();
    people.sort_unstable();
    people.dedup();
    accounts::lock_in(tx, &people).await?;
    let made_way = make_way_in(app, tx, payment, refunds, taken.amount).await?;
    let payment = rows::lock_in(tx, payment.id).await?;
    let amount = taken.amount.min(payment.captured - payment.refunded - payment.refunding);
    let refund = if amount > 0 { Some(hold_in(app, tx, &payment, taken, amount).await?) } else { None };
    // What is left of those that made way, and may not stay.
    let payment = rows::lock_in(tx, payment.id).await?;
    for refund in &made_way {
        again_in(app, tx, &payment, refund).await?;
    }
    Ok(Held { refund, beyond: taken.amount - amount })
}

/// Gives up refunds of ours that their provider was not told of, the newest first, until so much of the payment is free. It
/// would refuse them, because it gave more back than would be left.
async fn make_way_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    refunds: &[Refund],
    amount: i64,
) -> Result<Vec<Refund>> {
    let mut left = payment.captured - payment.refunded - payment.refunding;
    let mut made_way = Vec::new();
    for refund in refunds.iter().rev() {
        let waits = refund.state == RefundState::Granted && refund.provider_reference.is_none();
        let Some(hold) = refund.hold_id.filter(|_| waits && left < amount) else { continue };
        let sql = "UPDATE refunds SET state = 'failed', failure = $2, check_at = NULL, ended_at = $3 WHERE id = $1";
        tx.execute(sql, vec![refund.id.0.into(), MADE_WAY.into(), app.clock.now().into()]).await?;
        refunds::fail_in(app, tx, payment, refund, hold).await?;
        let payment = rows::lock_in(tx, payment.id).await?;
        complete::note_in(app, tx, &payment, "refund_failed", EventSource::System, Some(MADE_WAY)).await?;
        left += refund.amount;
        made_way.push(refund.clone());
    }
    Ok(made_way)
}

async fn hold_in(app: &App, tx: &Transaction, payment: &Payment, taken: &Taken<'_>, amount: i64) -> Result<Refund> {
    let id = RefundId(app.ids.next(app.clock.now()));
    let (destination, reason, origin) = (RefundDestination::Source, taken.reason, taken.origin);
    let new = NewRow { id, amount, destination, reason, by: &Actor::System, origin };
    refunds::insert_in(app, tx, payment, &new, RefundState::Granted, Some(&taken.key)).await?;
    let sql = "UPDATE refunds SET provider_reference = $2 WHERE id = $1";
    tx.execute(sql, vec![id.0.into(), taken.reference.map(short_reference).into()]).await?;
    let debtor = target::of(payment.target_kind)?.secure_in(app, tx, payment, amount, id).await?;
    refunds::hold_in(app, tx, payment, (id, amount), None).await?;
    if let Some(debtor) = debtor {
        tell_debtor_in(app, tx, payment, debtor).await?;
    }
    app.steps.reach("refund.taking").await;
    super::refund_rows::lock_in(tx, id).await
}

/// A provider's own id, as long as the column takes.
fn short_reference(reference: &str) -> String {
    reference.chars().take(255).collect()
}

/// Tells somebody who came to owe something, as far as what they have here has not paid it.
async fn tell_debtor_in(app: &App, tx: &Transaction, payment: &Payment, debtor: UserId) -> Result<()> {
    let owed = ledger::owed_in(app, tx, debtor, payment.currency).await?;
    if owed == 0 {
        return Ok(());
    }
    let message = Message::email("", "", Template::DebtArose)
        .with("amount", Money::new(owed, payment.currency))
        .with("reference", payment.id);
    accounts::tell_in(app, tx, debtor, message).await
}

/// More went back than the payment took, once for each key, and anew when that came back: its payer has it twice, and owes it;
/// of a guest, nobody can be asked for it.
pub(super) async fn beyond_in(app: &App, tx: &Transaction, payment: &Payment, key: &str, amount: i64) -> Result<()> {
    if amount <= 0 {
        return Ok(());
    }
    let (key, standing) = standing_in(tx, payment.id, key).await?;
    if standing.is_some() {
        return Ok(());
    }
    let (reference, origin) = (super::reference(payment.id), Origin::step(rules::REFUND_BEYOND, &key));
    let new = NewTransfer {
        kind: TransferKind::Refund,
        from: payment.payer_id.map_or(Place::Losses, Place::Debt),
        to: Place::Clearing(payment.provider),
        amount,
        currency: payment.currency,
        reference: Some(&reference),
        description: "",
        origin,
    };
    if let Some(payer) = payment.payer_id {
        ledger::lock_in(app, tx, &[Place::Wallet(payer)], payment.currency).await?;
    }
    let posted = ledger::post_in(app, tx, new).await?;
    if posted.replayed {
        return Ok(());
    }
    tracing::error!(payment = %payment.id, amount, "a provider gave back more than the payment took");
    complete::note_in(app, tx, payment, "refund_beyond", EventSource::System, None).await?;
    match payment.payer_id {
        Some(payer) => {
            ledger::repay_in(app, tx, payer, payment.currency, (posted.id, 0)).await?;
            tell_debtor_in(app, tx, payment, payer).await
        }
        None => Ok(()),
    }
}

/// What went back beyond a payment under a key has come back, such as by a dispute that is won after all: nobody owes it any
/// more, and who has paid it has it again. Again, and where there was nothing, it changes nothing. The payment is locked.
pub(super) async fn beyond_back_in(app: &App, tx: &Transaction, payment: &Payment, key: &str) -> Result<()> {
    let (_, Some(standing)) = standing_in(tx, payment.id, key).await? else { return Ok(()) };
    // So that nobody is erased while money comes in.
    let payer = payment.payer_id;
    if let Some(payer) = payer {
        accounts::lock_in(tx, &[payer]).await?;
    }
    let to = move |place: Place| match place {
        // Whoever is gone owed nothing any more, and their wallet went with them.
        Place::Debt(_) => payer.map_or(Place::Unclaimed, Place::Wallet),
        place => place,
    };
    let key = standing.0.simple().to_string();
    ledger::reverse_to_in(app, tx, standing, to, Origin::step(rules::REFUND_BEYOND_BACK, &key), "").await?;
    tracing::warn!(payment = %payment.id, "what a provider gave back beyond a payment has come back");
    complete::note_in(app, tx, payment, "refund_beyond_back", EventSource::System, None).await
}

/// What went back beyond a payment under a key and is not taken back since; and under which key of the ledger it is, or the
/// next one would be. Each that was taken back has used up a key.
async fn standing_in(tx: &Transaction, payment: PaymentId, key: &str) -> Result<(String, Option<TransferId>)> {
    let first = format!("{}{}", rules::prefix(payment), short(key));
    let (mut key, mut taken_back) = (first.clone(), 0);
    loop {
        let Some(found) = ledger::earlier_in(tx, &Origin::step(rules::REFUND_BEYOND, &key)).await? else {
            return Ok((key, None));
        };
        let back = found.id.0.simple().to_string();
        if ledger::earlier_in(tx, &Origin::step(rules::REFUND_BEYOND_BACK, &back)).await?.is_none() {
            return Ok((key, Some(found.id)));
        }
        taken_back += 1;
        key = format!("{first}:{taken_back}");
    }
}
