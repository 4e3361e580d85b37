//! Disputes: payers who take a payment back through their bank, or through the provider. While one is open its money is held,
//! as by a refund that is under way; when it is won the money is let go, when it is lost it has gone back.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, sea_query::Expr};

use super::rows as dispute_rows;
use crate::{
    app::App,
    domain::{
        ledger::{self, AccountRef, NewTransfer, Origin},
        notifications::notify_in,
        payments::{
            self, Payment,
            gateways::gateway,
            notices::Disputed,
            refunds::{
                beyond::{beyond_back_in, beyond_in},
                execution::answered_in,
                failures::come_back_in,
                rows as refund_rows,
                taken_back::{Taken, take_in},
            },
            rows, rules, short,
        },
    },
    entity::{
        Currency, DisputeId, Money, PaymentId,
        ledger_transfer::TransferKind,
        payment::{self, PaymentState},
        payment_dispute::{ActiveModel, Column, DisputeState, Entity, Model as Dispute},
        payment_event::EventSource,
        refund::{self, Model as Refund, RefundOrigin, RefundState},
    },
    error::Result,
    platform::{
        db::Transaction,
        providers::payments::{Charge, ChargeRefund, DisputeProgress, Failure, RefundProgress, ToldDispute},
    },
};

/// What the keys of a dispute's refund start with; the provider's own id follows.
const BY_DISPUTE: &str = "dispute:";
/// Why a refund is let go though its dispute was lost: its provider tells of the money as given back.
const GIVEN_BACK: &str = "given_back_by_provider";
/// How long after each question the next one comes, while a dispute is open.
const PAUSE: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// Looks for disputes of a payment, where its provider says that there are any, can't tell and has something to say, or has
/// told of one that is open. The failure is the provider's: try again later.
pub(crate) async fn book(
    app: &App,
    payment: &Payment,
    charge: &Charge,
    source: EventSource,
) -> Result<Result<(), Failure>> {
    let Some(gateway) = gateway(app, payment).filter(|_| payment.captured > 0) else { return Ok(Ok(())) };
    let told = charge.is_disputed.unwrap_or(source == EventSource::Webhook);
    if !told && !dispute_rows::has_open(app, payment.id).await? {
        return Ok(Ok(()));
    }
    let told = match gateway.disputes(payment.provider_reference.as_deref().unwrap_or_default()).await {
        Ok(told) => told,
        Err(failure) => return Ok(Err(failure)),
    };
    app.fail_points.reach("dispute.listed").await;
    for one in &told {
        app.db.transact(async |tx| book_in(app, &tx, payment.id, one).await).await?;
    }
    Ok(Ok(()))
}

/// Writes down how a dispute stands. Again, it changes nothing.
async fn book_in(app: &App, tx: &Transaction, id: PaymentId, told: &ToldDispute) -> Result<()> {
    let payment = rows::lock_in(tx, id).await?;
    match stand_in(app, tx, &payment, told).await? {
        Some(dispute) => ask_again_in(app, tx, &dispute, told).await,
        None => Ok(()),
    }
}

/// The same of a payment that is locked. Gives the dispute where it stands as it did, or became known just now.
pub(super) async fn stand_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    told: &ToldDispute,
) -> Result<Option<Dispute>> {
    let dispute = match dispute_rows::find_in(tx, payment.id, &told.reference).await? {
        Some(dispute) => dispute,
        None if told.amount > 0 => open_in(app, tx, payment, told).await?,
        None => return Ok(None),
    };
    let state = match told.progress {
        // Nobody opens again what was decided: this answer is older than that.
        DisputeProgress::Open => dispute.state,
        DisputeProgress::Won => DisputeState::Won,
        DisputeProgress::Lost => DisputeState::Lost,
    };
    if state == dispute.state {
        return Ok(Some(dispute));
    }
    end_in(app, tx, &dispute, state, told).await?;
    Ok(None)
}

/// Holds the money of a dispute that became known.
async fn open_in(app: &App, tx: &Transaction, payment: &Payment, told: &ToldDispute) -> Result<Dispute> {
    let refund = hold_in(app, tx, payment, told, &told.reference).await?;
    let now = app.clock.now();
    let dispute = Dispute {
        id: DisputeId(app.ids.next(now)),
        payment_id: payment.id,
        provider_reference: told.reference.clone(),
        amount: told.amount,
        reason: short(&told.reason),
        state: DisputeState::Open,
        refund_id: refund.map(|refund| refund.id),
        respond_by: told.respond_by,
        opened_at: now,
        ended_at: None,
    };
    Entity::insert(ActiveModel::from(dispute.clone())).exec_without_returning(tx).await?;
    tracing::warn!(payment = %payment.id, dispute = %dispute.id, amount = told.amount, "a payment is disputed");
    notify_concerned_in(app, tx, &dispute).await?;
    Ok(dispute)
}

/// Holds what a dispute is about, as far as the payment has it.
async fn hold_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    told: &ToldDispute,
    key: &str,
) -> Result<Option<Refund>> {
    let refunds = refund_rows::refunds_in(tx, payment.id).await?;
    let taken = Taken {
        key: format!("{BY_DISPUTE}{key}"),
        reference: None,
        reason: "disputed",
        amount: told.amount,
        origin: RefundOrigin::Dispute,
    };
    let refund = take_in(app, tx, payment, &refunds, &taken).await?.refund;
    if let Some(refund) = &refund {
        let pending =
            refund::ActiveModel { id: Set(refund.id), state: Set(RefundState::Pending), ..Default::default() };
        refund::Entity::update(pending).exec_without_returning(tx).await?;
    }
    Ok(refund)
}

/// One that is still open is asked about again, should nobody tell of its end.
async fn ask_again_in(app: &App, tx: &Transaction, dispute: &Dispute, told: &ToldDispute) -> Result<()> {
    if dispute.state != DisputeState::Open {
        return Ok(());
    }
    if told.respond_by != dispute.respond_by {
        let change = ActiveModel { id: Set(dispute.id), respond_by: Set(told.respond_by), ..Default::default() };
        Entity::update(change).exec_without_returning(tx).await?;
    }
    let check_at = Set(Some(app.clock.now() + PAUSE));
    let asked = payment::ActiveModel { id: Set(dispute.payment_id), check_at, ..Default::default() };
    payment::Entity::update(asked).exec_without_returning(tx).await?;
    Ok(())
}

/// A dispute was decided, or decided otherwise.
async fn end_in(app: &App, tx: &Transaction, dispute: &Dispute, state: DisputeState, told: &ToldDispute) -> Result<()> {
    let (id, now) = (dispute.payment_id, app.clock.now());
    let mut refund = match dispute.refund_id {
        Some(refund) => Some(refund_rows::lock_in(tx, refund).await?),
        None => None,
    };
    let keeps = state == DisputeState::Won || told.is_given_back;
    if let Some(former) = refund.as_ref().filter(|refund| !keeps && refund.state == RefundState::Failed) {
        // Won, and lost after all.
        refund =
            hold_in(app, tx, &rows::lock_in(tx, id).await?, told, &format!("{}:{}", told.reference, former.id)).await?;
        let refund_id = Set(refund.as_ref().map(|refund| refund.id));
        let change = ActiveModel { id: Set(dispute.id), refund_id, ..Default::default() };
        Entity::update(change).exec_without_returning(tx).await?;
    }
    if let Some(refund) = &refund {
        let word = if state == DisputeState::Won { "dispute_won" } else { GIVEN_BACK };
        let answer = |progress, failure: Option<&str>| {
            let failure = failure.map(str::to_owned);
            ChargeRefund { reference: String::new(), progress, failure }
        };
        match refund.state {
            RefundState::Succeeded if keeps => come_back_in(app, tx, refund, Some(word)).await?,
            _ if keeps => {
                answered_in(app, tx, refund, &answer(RefundProgress::Failed, Some(word))).await?;
            }
            _ => answered_in(app, tx, refund, &answer(RefundProgress::Succeeded, None)).await?,
        }
    }
    let payment = rows::lock_in(tx, id).await?;
    let key = format!("{BY_DISPUTE}{}", dispute.provider_reference);
    if keeps {
        // Lost before, and more than the payment had.
        beyond_back_in(app, tx, &payment, &key).await?;
    } else {
        let covered = refund.as_ref().map_or(0, |refund| refund.amount);
        beyond_in(app, tx, &payment, &key, dispute.amount - covered).await?;
    }
    if let Some((fee, currency)) = &told.fee {
        fee_in(app, tx, &payment, dispute, (*fee, currency.as_str())).await?;
    }
    let ended = ActiveModel { id: Set(dispute.id), state: Set(state), ended_at: Set(Some(now)), ..Default::default() };
    Entity::update(ended).exec_without_returning(tx).await?;
    let open = Entity::find().filter(Column::PaymentId.eq(id)).filter(Column::State.eq(DisputeState::Open));
    payment::Entity::update_many()
        .set(payment::ActiveModel { check_at: Set(None), ..Default::default() })
        .filter(payment::Column::Id.eq(id))
        .filter(payment::Column::State.eq(PaymentState::Completed))
        .filter(Expr::not_exists(open.select_only().column(Column::Id).into_query()))
        .exec(tx)
        .await?;
    notify_concerned_in(app, tx, &Dispute { state, ..dispute.clone() }).await?;
    app.fail_points.reach("dispute.ending").await;
    Ok(())
}

/// What the provider keeps for a dispute is the platform's loss: whoever it is about has not asked for it.
async fn fee_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    dispute: &Dispute,
    (fee, currency): (i64, &str),
) -> Result<()> {
    let Some(currency) = Currency::parse(currency).filter(|_| fee > 0) else { return Ok(()) };
    let key = format!("{}{}", rules::prefix(payment.id), short(&dispute.provider_reference));
    let reference = payments::reference(payment.id);
    let new = NewTransfer {
        kind: TransferKind::ProviderFee,
        from: AccountRef::ProviderFees,
        to: AccountRef::Clearing(payment.provider),
        amount: fee,
        currency,
        reference: Some(&reference),
        description: "",
        origin: Origin::step(rules::DISPUTE_FEE, &key),
    };
    ledger::post_in(app, tx, new).await.map(drop)
}

/// Writes the step down, and has those told whom it concerns.
async fn notify_concerned_in(app: &App, tx: &Transaction, dispute: &Dispute) -> Result<()> {
    let payment = rows::lock_in(tx, dispute.payment_id).await?;
    let kind = format!("dispute_{}", dispute.state.as_str());
    rows::note_in(app, tx, &payment, &kind, EventSource::System, Some(&dispute.reason)).await?;
    notify_in(app, tx, &Disputed { dispute: dispute.id.0, state: dispute.state.as_str().into() }).await
}

/// On what we and the provider do not agree about the disputes of a payment.
pub(crate) async fn differences(app: &App, payment: &Payment, charge: &Charge) -> Result<Vec<String>> {
    let Some(gateway) = gateway(app, payment).filter(|_| payment.captured > 0) else { return Ok(Vec::new()) };
    if !charge.is_disputed.unwrap_or(true) && !dispute_rows::has_open(app, payment.id).await? {
        return Ok(Vec::new());
    }
    let told = match gateway.disputes(payment.provider_reference.as_deref().unwrap_or_default()).await {
        Ok(told) => told,
        Err(failure) => return Ok(vec![format!("its disputes could not be asked about ({failure})")]),
    };
    let known = dispute_rows::all_of(app, payment.id).await?;
    let mut found = Vec::new();
    for told in told.iter().filter(|told| told.amount > 0) {
        let theirs = match told.progress {
            DisputeProgress::Open => DisputeState::Open,
            DisputeProgress::Won => DisputeState::Won,
            DisputeProgress::Lost => DisputeState::Lost,
        };
        let amount = Money::new(told.amount, payment.currency);
        match known.iter().find(|dispute| dispute.provider_reference == told.reference) {
            None => found.push(format!("a dispute of {amount} is {}, which we do not know", theirs.as_str())),
            Some(ours) if ours.state != theirs => {
                let (ours, theirs) = (ours.state.as_str(), theirs.as_str());
                found.push(format!("a dispute of {amount} is {ours}, the provider's {theirs}"));
            }
            Some(_) => {}
        }
    }
    Ok(found)
}
