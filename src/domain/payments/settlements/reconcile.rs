//! Comparing our books with the providers', both ways: every payment of ours is asked about, everything that a provider charged
//! is looked for here, and what a provider holds for us is what the books say.

use futures_util::{StreamExt, stream};
use sea_orm::{ColumnTrait, EntityTrait, Iterable, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{
    holdings::{self, Disagreement},
    movements,
};
use crate::{
    app::App,
    domain::payments::{
        Payment,
        disputes::booking,
        gateways::gateway,
        processing::complete,
        queries,
        refunds::{beyond::beyond, execution, failures, given_back, rows as refund_rows},
    },
    entity::{
        Money, PaymentId,
        payment::{Column, Entity, PaymentState, ProviderKind},
        payment_event::EventSource,
        refund::{RefundDestination, RefundOrigin, RefundState},
    },
    error::{Error, Result},
    platform::{
        list::Span,
        providers::payments::{Charge, ChargeState, Failure, Gateway},
    },
};

/// How many payments are asked about at once.
const AT_ONCE: usize = 8;
/// How many payments are read at once.
const BATCH: u64 = 500;

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// On what the two sides do not agree.
    pub disagreements: Vec<Disagreement>,
    /// Providers that can't tell what they charged: they were asked about our own payments only.
    pub one_way: Vec<ProviderKind>,
}

/// Compares the payments that began in a span with what their providers say, what providers charged in it with our payments, and
/// what they hold for us now with the books. `mend` records what a provider says, where that is how payments go on anyway, and
/// takes the steps that are ours, such as capturing what was approved; without it nothing changes anywhere.
pub async fn reconcile(app: &App, span: Span, mend: bool) -> Result<Comparison> {
    let mut found = Comparison::default();
    let mut after = Uuid::nil();
    loop {
        let payments = batch(app, span, after).await?;
        let Some(last) = payments.last().map(|payment| payment.id.0) else { break };
        after = last;
        let mut asked = stream::iter(payments).map(|payment| ours(app, payment, mend)).buffered(AT_ONCE);
        while let Some(disagreement) = asked.next().await {
            // A comparison may take long, and nothing is lost by beginning it anew.
            if app.stop.is_cancelled() {
                return Err(Error::internal("the program stops in the midst of a comparison"));
            }
            found.disagreements.extend(disagreement?);
        }
    }
    for provider in ProviderKind::iter() {
        if let Some(gateway) = app.payments.gateway(provider.as_str()) {
            theirs(app, (provider, gateway), span, mend, &mut found).await?;
            if app.config.payments.reconcile_balances {
                found.disagreements.extend(holdings::differences(app, (provider, gateway)).await?);
            }
        }
    }
    Ok(found)
}

/// The next payments of a span that a provider knows of. Ids are in the order of time.
async fn batch(app: &App, span: Span, after: Uuid) -> Result<Vec<Payment>> {
    let by_hand = [ProviderKind::Wallet, ProviderKind::CashOnDelivery, ProviderKind::BankTransfer];
    let mut next = Entity::find()
        .filter(Column::Id.gt(after))
        .filter(Column::ProviderReference.is_not_null())
        .filter(Column::Provider.is_not_in(by_hand));
    if let Some(from) = span.from {
        next = next.filter(Column::CreatedAt.gte(from));
    }
    if let Some(until) = span.until {
        next = next.filter(Column::CreatedAt.lt(until));
    }
    app.db.all(next.order_by_asc(Column::Id).limit(BATCH)).await
}

async fn ours(app: &App, payment: Payment, mend: bool) -> Result<Option<Disagreement>> {
    let told = |found: String| Disagreement { subject: payment.id.to_string(), found, is_mended: false };
    let Some(gateway) = gateway(app, &payment) else {
        return Ok(Some(told(format!("its provider {} is not configured", payment.provider.as_str()))));
    };
    let reference = payment.provider_reference.as_deref().unwrap_or_default();
    let asked = if mend {
        gateway.advance_charge(reference, &payment.id.to_string()).await
    } else {
        gateway.look_at_charge(reference).await
    };
    let charge = match asked {
        Ok(charge) => charge,
        // Refused when it began: the provider has nothing under our own id of it.
        Err(Failure::Refused(_)) if payment.state == PaymentState::Failed => return Ok(None),
        Err(Failure::Refused(cause)) => {
            return Ok(Some(told(format!("the provider does not know {reference} ({cause})"))));
        }
        Err(Failure::Unavailable(cause)) => {
            return Ok(Some(told(format!("the provider could not be asked ({cause})"))));
        }
    };
    if mend {
        movements::record(app, payment.provider, &charge.fees).await?;
    }
    let Some(found) = differs(app, payment.id, &charge).await? else { return Ok(None) };
    let mended = if mend { mend_by(app, payment.id, &charge).await? } else { None };
    Ok(Some(Disagreement { is_mended: mended == Some(true), ..told(found) }))
}

/// Records what the provider says; whether that settles it, `None` when it can't be recorded.
async fn mend_by(app: &App, id: PaymentId, charge: &Charge) -> Result<Option<bool>> {
    match complete::complete(app, id, EventSource::Poll, charge).await {
        Ok(payment) => {
            execution::refresh_pending(app, &payment).await?;
            if let Err(failure) = failures::recheck(app, &payment, EventSource::Poll, charge.refunded).await? {
                tracing::warn!(payment = %id, %failure, "the provider could not be asked about refunds that were done");
            }
            if let Err(failure) = booking::book(app, &payment, charge, EventSource::Poll).await? {
                tracing::warn!(payment = %id, %failure, "the provider could not be asked about disputes");
            }
            if let Err(failure) = given_back::book(app, &payment, charge.refunded).await? {
                tracing::warn!(payment = %id, %failure, "the provider could not be asked what it gave back");
            }
            Ok(Some(differs(app, id, charge).await?.is_none()))
        }
        Err(error) => {
            tracing::error!(payment = %id, %error, "what a provider says of a payment can't be recorded");
            Ok(None)
        }
    }
}

/// What differs, as the payment is now: it may have moved while the provider was asked.
async fn differs(app: &App, id: PaymentId, charge: &Charge) -> Result<Option<String>> {
    let payment = queries::get(app, id).await?;
    let money = |minor: i64| Money::new(minor, payment.currency);
    let mut found = Vec::new();
    if charge.amount != payment.amount || charge.currency != payment.currency.as_str() {
        let theirs = format!("{} minor units of {}", charge.amount, charge.currency);
        found.push(format!("it is of {}, the provider's of {theirs}", money(payment.amount)));
    }
    if !agree(payment.state, charge.state) {
        found.push(format!("it is {}, the provider's {}", payment.state.told(), charge.state.as_str()));
    }
    if charge.captured != payment.captured {
        found.push(format!("{} were taken, by the provider {}", money(payment.captured), money(charge.captured)));
    }
    let (mut done, mut open) = (beyond(app, id).await?, 0);
    for refund in refund_rows::refunds_of(app, &[id]).await? {
        match (refund.destination, refund.origin, refund.state) {
            // Their provider does not count them.
            (RefundDestination::Wallet, ..) | (_, RefundOrigin::Dispute, _) => {}
            (.., RefundState::Succeeded) => done += refund.amount,
            (.., RefundState::Granted | RefundState::Pending) => open += refund.amount,
            _ => {}
        }
    }
    if charge.refunded < done || charge.refunded > done + open {
        found.push(format!("{} were given back, by the provider {}", money(done), money(charge.refunded)));
    }
    found.extend(booking::differences(app, &payment, charge).await?);
    Ok((!found.is_empty()).then(|| found.join("; ")))
}

/// Whether a state of ours is what the provider's comes to.
fn agree(ours: PaymentState, theirs: ChargeState) -> bool {
    match theirs {
        ChargeState::Pending => ours == PaymentState::Pending,
        ChargeState::Processing => ours == PaymentState::Processing,
        ChargeState::Authorized => ours == PaymentState::Authorized,
        ChargeState::Completed => ours == PaymentState::Completed,
        ChargeState::Failed => ours == PaymentState::Failed,
        ChargeState::Cancelled => matches!(ours, PaymentState::Cancelled | PaymentState::Expired),
    }
}

/// Charges of a provider that we do not know, or do not know to be of a payment.
async fn theirs(
    app: &App,
    (provider, gateway): (ProviderKind, &dyn Gateway),
    span: Span,
    mend: bool,
    found: &mut Comparison,
) -> Result<()> {
    let now = app.clock.now();
    let from = span.from.unwrap_or(chrono::DateTime::UNIX_EPOCH);
    let charges = match gateway.charges(from, span.until.unwrap_or(now)).await {
        Ok(Some(charges)) => charges,
        Ok(None) => {
            found.one_way.push(provider);
            return Ok(());
        }
        Err(failure) => {
            let said = format!("what it charged could not be asked ({failure})");
            found.disagreements.push(Disagreement {
                subject: provider.as_str().to_owned(),
                found: said,
                is_mended: false,
            });
            return Ok(());
        }
    };
    for (reference, charge) in charges {
        let known = match reference.parse::<PaymentId>() {
            Ok(id) => queries::find_by_id(app, id).await?.filter(|payment| payment.provider == provider),
            Err(_) => None,
        };
        let Some(payment) = known else {
            let said = format!("{} charged it for {reference:?}, which is no payment of ours", provider.as_str());
            found.disagreements.push(Disagreement { subject: charge.reference, found: said, is_mended: false });
            continue;
        };
        if payment.provider_reference.as_ref() == Some(&charge.reference) {
            continue;
        }
        let mended = match &payment.provider_reference {
            None if mend => mend_by(app, payment.id, &charge).await?,
            _ => None,
        };
        let said = format!("{} charged {} for it, which we do not know", provider.as_str(), charge.reference);
        found.disagreements.push(Disagreement {
            subject: payment.id.to_string(),
            found: said,
            is_mended: mended == Some(true),
        });
    }
    Ok(())
}
