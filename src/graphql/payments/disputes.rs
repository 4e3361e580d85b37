//! Disputes as clients see them.

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};

use super::{OfPayment, Payment, Refund, loaders::RefundsById, payment_of};
use crate::{
    domain::{payments::DisputeOfPayment, permissions::Permission},
    entity::{Currency, PaymentId, payment_dispute},
    graphql::engine::{
        connection::Listed,
        context::RequestExt,
        error::{Nullable, nullable},
        scalars::Money,
    },
};

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::payment_dispute::DisputeState")]
pub(crate) enum DisputeState {
    /// The bank, or the provider, has not decided; the money is held.
    Open,
    /// It was decided against the payer: the money stays where it is.
    Won,
    /// It was decided for the payer: the money went back.
    Lost,
}

/// A payer who takes a payment back through their bank, or through the provider.
#[derive(Clone)]
pub(crate) struct Dispute {
    dispute: payment_dispute::Model,
    currency: Currency,
}

impl From<DisputeOfPayment> for Dispute {
    fn from(found: DisputeOfPayment) -> Self {
        Self { dispute: found.dispute, currency: found.currency }
    }
}

impl Listed for Dispute {
    const LIST_NAME: &'static str = "Dispute";
}

impl OfPayment for Dispute {
    fn payment_id(&self) -> PaymentId {
        self.dispute.payment_id
    }
}

impl Dispute {
    /// A dispute of a payment of this currency.
    pub(in crate::graphql) fn new(dispute: payment_dispute::Model, currency: Currency) -> Self {
        Self { dispute, currency }
    }
}

/// A payer who takes a payment back through their bank, or through the provider. Whoever sees the payment sees it. It is
/// answered at the provider's own pages.
#[Object]
impl Dispute {
    /// Opaque and typed: `dispute_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.dispute.id.to_string().into()
    }

    /// What it is about; null to a guest, who came by it.
    async fn payment(&self, ctx: &Context<'_>) -> Nullable<Payment> {
        nullable(payment_of(ctx, self)).await
    }

    /// How much of it.
    async fn amount(&self) -> Money {
        Money::from_minor(self.dispute.amount, self.currency)
    }

    /// How it stands.
    async fn state(&self) -> DisputeState {
        self.dispute.state.into()
    }

    /// Why, in the provider's own word such as `fraudulent`, for staff with the permission SEE_MONEY; null to others.
    async fn reason(&self, ctx: &Context<'_>) -> Option<&str> {
        Some(self.dispute.reason.as_str()).filter(|_| ctx.request().actor.may(Permission::SeeMoney))
    }

    /// The provider's own id, for staff with the permission SEE_MONEY; null to others.
    async fn provider_reference(&self, ctx: &Context<'_>) -> Option<&str> {
        Some(self.dispute.provider_reference.as_str()).filter(|_| ctx.request().actor.may(Permission::SeeMoney))
    }

    /// Until when the provider takes evidence, for staff with the permission SEE_MONEY; null to others, and where the
    /// provider does not say.
    async fn respond_by(&self, ctx: &Context<'_>) -> Option<DateTime<Utc>> {
        self.dispute.respond_by.filter(|_| ctx.request().actor.may(Permission::SeeMoney))
    }

    /// The refund by which its money is held while it is open, and has gone back when it was lost; null when nothing was left
    /// of the payment.
    async fn refund(&self, ctx: &Context<'_>) -> Nullable<Refund> {
        nullable(async {
            let Some(id) = self.dispute.refund_id else { return Ok(None) };
            Ok(ctx.request().loaders.load::<RefundsById>(id).await?.map(Refund::from))
        })
        .await
    }

    /// When it became known here.
    async fn opened_at(&self) -> DateTime<Utc> {
        self.dispute.opened_at
    }

    /// When it was won or lost; null while it is open.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.dispute.ended_at
    }
}
