//! Refunds as clients see them.

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};

use super::{OfPayment, Payment, loaders::Proposals, payment_of};
use crate::{
    domain::{payments::RefundOfPayment, permissions::Permission},
    entity::{Currency, PaymentId, refund},
    graphql::engine::{
        connection::Listed,
        context::RequestExt,
        error::{Nullable, nullable},
        scalars::Money,
    },
};

/// Where a refund goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::refund::RefundDestination")]
pub(crate) enum RefundDestination {
    /// Back the way the money came.
    Source,
    /// Into the payer's wallet here; not possible for guests.
    Wallet,
}

/// How far a refund has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::refund::RefundState")]
pub(crate) enum RefundState {
    /// The payer asks for it.
    Requested,
    /// It was not granted.
    Refused,
    /// It is going to be done; its money is held.
    Granted,
    /// The provider is at work.
    Pending,
    /// The payer has it.
    Succeeded,
    /// It could not be done; the money stays where it is.
    Failed,
}

/// Who decided that money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::refund::RefundOrigin")]
pub(crate) enum RefundOrigin {
    /// It was decided here: asked for and granted, done by staff, or by the program.
    Platform,
    /// The provider did it on its own, or somebody did it at the provider's pages.
    Provider,
    /// The payer disputes the payment at their bank: PENDING while it is open, SUCCEEDED when the dispute is lost, FAILED when
    /// it is won.
    Dispute,
}

/// Money that goes back to who paid.
#[derive(Clone)]
pub(crate) struct Refund {
    refund: refund::Model,
    currency: Currency,
}

impl From<RefundOfPayment> for Refund {
    fn from(found: RefundOfPayment) -> Self {
        Self { refund: found.refund, currency: found.currency }
    }
}

impl Listed for Refund {
    const LIST_NAME: &'static str = "Refund";
}

impl OfPayment for Refund {
    fn payment_id(&self) -> PaymentId {
        self.refund.payment_id
    }
}

impl Refund {
    /// A refund of a payment of this currency.
    pub(in crate::graphql) fn new(refund: refund::Model, currency: Currency) -> Self {
        Self { refund, currency }
    }
}

/// Money that goes back to who paid. Whoever sees the payment sees it.
#[Object]
impl Refund {
    /// Opaque and typed: `refund_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.refund.id.to_string().into()
    }

    /// What it is of; null to who sees the refund but not the payment: a goal's owner, and a guest, who came by it.
    async fn payment(&self, ctx: &Context<'_>) -> Nullable<Payment> {
        nullable(payment_of(ctx, self)).await
    }

    /// What goes back of the payment.
    async fn amount(&self) -> Money {
        Money::from_minor(self.refund.amount, self.currency)
    }

    /// Where it goes.
    async fn destination(&self) -> RefundDestination {
        self.refund.destination.into()
    }

    /// Who decided it.
    async fn origin(&self) -> RefundOrigin {
        self.refund.origin.into()
    }

    /// How far it has come.
    async fn state(&self) -> RefundState {
        self.refund.state.into()
    }

    /// Why it is wanted, in the asker's words. Where the program decided, a word to be compared: `goal_canceled`, `goal_failed`,
    /// and others; `given_back_by_provider` where the provider did.
    async fn reason(&self) -> &str {
        // The column has the other spelling.
        if self.refund.reason == "goal_cancelled" { "goal_canceled" } else { &self.refund.reason }
    }

    /// Why it was refused; null when no reason was given.
    async fn decision_reason(&self) -> Option<&str> {
        self.refund.decision_reason.as_deref()
    }

    /// Why it failed, in the provider's own word, for staff with the permission SEE_MONEY; null to others.
    async fn failure(&self, ctx: &Context<'_>) -> Option<&str> {
        self.refund.failure.as_deref().filter(|_| ctx.request().actor.may(Permission::SeeMoney))
    }

    /// Whether one person of staff said that its money went back, and a second one has to say the same; for staff with the
    /// permission SEE_MONEY, null to others.
    async fn awaits_second_person(&self, ctx: &Context<'_>) -> Nullable<bool> {
        nullable(async {
            let request = ctx.request();
            if !request.actor.may(Permission::SeeMoney) {
                return Ok(None);
            }
            Ok(Some(request.loaders.load::<Proposals>(self.refund.id.0).await?.unwrap_or(false)))
        })
        .await
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime<Utc> {
        self.refund.created_at
    }

    /// When it was granted or refused; null before.
    async fn decided_at(&self) -> Option<DateTime<Utc>> {
        self.refund.decided_at
    }

    /// When it succeeded or failed; null before.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.refund.ended_at
    }
}
