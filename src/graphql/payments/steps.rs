//! The steps of payments as clients see them.

use async_graphql::{Context, Enum, Object};
use chrono::{DateTime, Utc};

use crate::{
    domain::permissions::Permission,
    entity::{self, Currency, payment_event},
    graphql::engine::{context::RequestExt, scalars::Money},
};

/// How a step of a payment became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::payment_event::EventSource")]
pub(crate) enum PaymentStepSource {
    /// By beginning it.
    Create,
    /// The payer said so, and the provider was asked.
    Confirm,
    /// The provider told.
    Webhook,
    /// The provider was asked in time.
    Poll,
    /// Staff said so.
    Staff,
    /// The program itself.
    System,
}

/// A step of a payment, as it was written down then.
pub(crate) struct PaymentStep {
    step: payment_event::Model,
    currency: Currency,
}

impl PaymentStep {
    /// A step of a payment of this currency.
    pub(super) fn new(step: payment_event::Model, currency: Currency) -> Self {
        Self { step, currency }
    }
}

/// A step of a payment, as it was written down then. Steps are never changed.
#[Object]
impl PaymentStep {
    /// The payment's state after it, in small letters, such as `authorized` or `canceled`, or what else happened:
    /// `proof_added`, `remitted`, `awaits_second_person`, `refund_requested`, `refund_refused`, `refund_granted`,
    /// `refund_pending`, `refund_succeeded`, `refund_failed`, `refund_beyond` (the provider gave back more than there was),
    /// `refund_beyond_back` (that has come back), `dispute_open`, `dispute_won`, `dispute_lost`. There may be more.
    async fn kind(&self) -> &str {
        entity::told(&self.step.kind)
    }

    /// How it became known.
    async fn source(&self) -> PaymentStepSource {
        self.step.source.into()
    }

    /// Promised, after it.
    async fn authorized(&self) -> Money {
        Money::from_minor(self.step.authorised, self.currency)
    }

    /// Taken, after it.
    async fn captured(&self) -> Money {
        Money::from_minor(self.step.captured, self.currency)
    }

    /// Refunded, after it.
    async fn refunded(&self) -> Money {
        Money::from_minor(self.step.refunded, self.currency)
    }

    /// What was still to come in or to go back, after it.
    async fn pending(&self) -> Money {
        Money::from_minor(self.step.pending, self.currency)
    }

    /// The provider's, the bank's or the courier's own words, for staff with the permission SEE_MONEY; null to others, and
    /// when there are none.
    async fn detail(&self, ctx: &Context<'_>) -> Option<&str> {
        self.step.detail.as_deref().filter(|_| ctx.request().actor.may(Permission::SeeMoney))
    }

    /// When the payment went this step.
    async fn created_at(&self) -> DateTime<Utc> {
        self.step.created_at
    }
}
