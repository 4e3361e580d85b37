//! Payments as clients see them: what was to be paid, how it goes, what the payer has to do, and what went back.

mod disputes;
mod loaders;
mod methods;
mod mutations;
mod refunds;
mod registration;
mod staff;
mod steps;

use async_graphql::{Context, Enum, ID, InputObject, MergedObject, Object, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use futures_util::Stream;

pub(crate) use disputes::{Dispute, DisputeState};
use loaders::{DisputesByPayment, PaymentMethodsById, Proposals, StepsByPayment};
pub(super) use loaders::{PaymentsById, RefundsByPayment};
pub(crate) use methods::PaymentMethod;
pub(super) use methods::own_payment_methods;
pub(crate) use refunds::{Refund, RefundDestination, RefundState};
pub(super) use registration::GRAPH;
pub(crate) use steps::PaymentStep;

use super::{
    accounts::{User, user_by_id},
    engine::{
        connection::{Connection, Listed, requested_page, wants_total},
        context::{RequestContext, RequestExt},
        contract::SemanticNonNull,
        error::{Nullable, nullable},
        filters::{self, DateTimeRange, MoneyRange},
        part::Part,
        scalars::{Money, Url},
        stream::{self, stream_event},
    },
    goals::{ContributionsById, GoalContribution},
    node::query_id,
    wallets::{Wallet, wallet_of},
};
use crate::{
    domain::{
        payments::{self, Access, PaymentFilter},
        permissions::Permission,
    },
    entity::{
        ContributionId, PaymentId,
        event::StreamKind,
        payment::{ProviderKind, TargetKind},
    },
    error::Result,
    platform::providers::payments::NextAction,
};

/// Who moves the money of a payment. `paymentProviders` tells which of them are offered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::payment::ProviderKind")]
pub(crate) enum PaymentProvider {
    /// Cards and more, by Stripe.
    Stripe,
    /// PayPal: the payer agrees at its page.
    Paypal,
    /// Cards and wallets in the Middle East, by Paymob.
    Paymob,
    /// For trying out: test cards, no real money; the `url` of `nextAction` is a page to choose one. Never in production.
    Sandbox,
    /// The payer's wallet here.
    Wallet,
    /// Cash, collected at the door.
    CashOnDelivery,
    /// A transfer to the platform's bank account.
    BankTransfer,
}

/// What a payment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::payment::TargetKind")]
pub(crate) enum PaymentTargetKind {
    /// Into the payer's wallet.
    WalletDeposit,
    /// To a fundraising goal.
    GoalContribution,
}

/// How far a payment has come. What went back is told by `refundState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::payment::PaymentState")]
pub(crate) enum PaymentState {
    /// The provider does not know of it yet; it is told within seconds.
    Created,
    /// It waits for the payer: see `nextAction`. After a failure another try is possible.
    Pending,
    /// The provider is at work.
    Processing,
    /// The money is promised and not taken yet.
    Authorized,
    /// The money is there.
    Completed,
    /// It did not work: see `failure`.
    Failed,
    /// It was canceled.
    #[graphql(name = "CANCELED")]
    Cancelled,
    /// Nobody paid in time.
    Expired,
}

/// How much of a payment went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum PaymentRefundState {
    /// Nothing of it.
    None,
    /// Part of it.
    Partial,
    /// All of it.
    Full,
}

/// What the payer has to do for a payment to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum PaymentNextActionKind {
    /// Nothing: it is over, or goes on by itself.
    None,
    /// Go to `url`.
    Redirect,
    /// Hand `clientSecret` and `publicKey` to the provider's own program in the browser, or go to `url` where there is one.
    ClientSecret,
    /// Pay by `reference`, as `instructions` say.
    Reference,
}

/// What the payer has to do for a payment to go on. Only the payer sees it.
#[derive(Debug, SimpleObject)]
pub(crate) struct PaymentNextAction {
    /// What it is; says which of the other fields are there.
    kind: PaymentNextActionKind,
    /// Where to go; null when there is nowhere.
    url: Option<Url>,
    /// For the provider's own program: good for this payment only. Null with other kinds.
    client_secret: Option<String>,
    /// The provider's public key, which that program wants. Null with other kinds.
    public_key: Option<String>,
    /// What has to be named in a bank transfer, or to the courier. Null with other kinds.
    reference: Option<String>,
    /// Where and how to pay, in plain text of several lines. Null with other kinds.
    instructions: Option<String>,
}

impl From<NextAction> for PaymentNextAction {
    fn from(next: NextAction) -> Self {
        let none =
            |kind| Self { kind, url: None, client_secret: None, public_key: None, reference: None, instructions: None };
        match next {
            NextAction::None => none(PaymentNextActionKind::None),
            NextAction::Redirect { url } => Self { url: Some(url.into()), ..none(PaymentNextActionKind::Redirect) },
            NextAction::ClientSecret { secret, public_key, url } => Self {
                client_secret: Some(secret),
                public_key: Some(public_key),
                url: url.map(Url::from),
                ..none(PaymentNextActionKind::ClientSecret)
            },
            NextAction::Reference { reference, instructions } => Self {
                reference: Some(reference),
                instructions: Some(instructions).filter(|text| !text.is_empty()),
                ..none(PaymentNextActionKind::Reference)
            },
        }
    }
}

/// Money that somebody pays for something here.
#[derive(Clone)]
pub(crate) struct Payment(payments::Payment);

impl From<payments::Payment> for Payment {
    fn from(payment: payments::Payment) -> Self {
        Self(payment)
    }
}

impl Listed for Payment {
    const LIST_NAME: &'static str = "Payment";
}

impl Payment {
    fn money(&self, minor: i64) -> Money {
        Money::from_minor(minor, self.0.currency)
    }

    fn is_payer(&self, request: &RequestContext) -> bool {
        self.0.payer_id == request.actor.user_id()
    }
}

/// Money that somebody pays for something here. The payer sees it, and staff with the permission SEE_MONEY; a guest by the
/// token that they were given when it began.
#[Object]
impl Payment {
    /// Opaque and typed: `payment_01jc…`. The provider knows the payment by it, too.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Who moves the money.
    async fn provider(&self) -> PaymentProvider {
        self.0.provider.into()
    }

    /// What it is for.
    async fn target_kind(&self) -> PaymentTargetKind {
        self.0.target_kind.into()
    }

    /// Who pays; null for a guest, and once the account is erased.
    async fn payer(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(user_by_id(ctx, self.0.payer_id)).await
    }

    /// What is to be paid.
    async fn amount(&self) -> Money {
        self.money(self.0.amount)
    }

    /// How far it has come.
    async fn state(&self) -> PaymentState {
        self.0.state.into()
    }

    /// How much of it went back.
    async fn refund_state(&self) -> PaymentRefundState {
        match self.0.refunded {
            0 => PaymentRefundState::None,
            refunded if refunded < self.0.captured => PaymentRefundState::Partial,
            _ => PaymentRefundState::Full,
        }
    }

    /// Reserved at the provider so far, what was captured included.
    async fn authorized(&self) -> Money {
        self.money(self.0.authorised)
    }

    /// Taken from the payer so far.
    async fn captured(&self) -> Money {
        self.money(self.0.captured)
    }

    /// Refunded so far.
    async fn refunded(&self) -> Money {
        self.money(self.0.refunded)
    }

    /// Granted to be refunded, and on its way.
    async fn refunding(&self) -> Money {
        self.money(self.0.refunding)
    }

    /// Why it failed, or why the last try did, in the provider's own word such as `card_declined`; null when nothing did.
    async fn failure(&self) -> Option<&str> {
        self.0.failure.as_deref()
    }

    /// What the payer has to do for it to go on; null to everybody but the payer.
    async fn next_action(&self, ctx: &Context<'_>) -> Nullable<PaymentNextAction> {
        nullable(async {
            let request = ctx.request();
            if !self.is_payer(request) {
                return Ok(None);
            }
            Ok(Some(payments::next_action(&request.app, &self.0)?.into()))
        })
        .await
    }

    /// The provider's own id, for staff with the permission SEE_MONEY; null to others, and before there is one.
    async fn provider_reference(&self, ctx: &Context<'_>) -> Option<&str> {
        self.0.provider_reference.as_deref().filter(|_| ctx.request().actor.may(Permission::SeeMoney))
    }

    /// The provider's last answer as JSON, for staff with the permission SEE_MONEY; null to others.
    async fn provider_answer(&self, ctx: &Context<'_>) -> Option<&str> {
        self.0.provider_answer.as_deref().filter(|_| ctx.request().actor.may(Permission::SeeMoney))
    }

    /// The refunds of it, oldest first, those that were only asked for or refused included; the newest 100.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn refunds(&self, ctx: &Context<'_>) -> Nullable<Vec<Refund>> {
        nullable(async {
            let found = ctx.request().loaders.load::<RefundsByPayment>(self.0.id).await?.unwrap_or_default();
            Ok(Some(found.into_iter().map(|refund| Refund::new(refund, self.0.currency)).collect()))
        })
        .await
    }

    /// The disputes of it, oldest first; the newest 100.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn disputes(&self, ctx: &Context<'_>) -> Nullable<Vec<Dispute>> {
        nullable(async {
            let found = ctx.request().loaders.load::<DisputesByPayment>(self.0.id).await?.unwrap_or_default();
            Ok(Some(found.into_iter().map(|dispute| Dispute::new(dispute, self.0.currency)).collect()))
        })
        .await
    }

    /// What happened, step by step, oldest first; the newest 100.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn events(&self, ctx: &Context<'_>) -> Nullable<Vec<PaymentStep>> {
        nullable(async {
            let found = ctx.request().loaders.load::<StepsByPayment>(self.0.id).await?.unwrap_or_default();
            let step = |step| PaymentStep::new(step, self.0.currency);
            Ok(Some(found.into_iter().map(step).collect()))
        })
        .await
    }

    /// The saved way to pay that it was begun with, for the payer; null to others, and when there was none.
    async fn method(&self, ctx: &Context<'_>) -> Nullable<PaymentMethod> {
        nullable(async {
            let Some(id) = self.0.method_id else { return Ok(None) };
            Ok(ctx.request().loaders.load::<PaymentMethodsById>(id).await?.map(PaymentMethod::from))
        })
        .await
    }

    /// What the payer of a bank transfer says of it, such as the bank's reference; null before.
    async fn proof(&self) -> Option<&str> {
        self.0.proof.as_deref()
    }

    /// Of cash, what the courier brought to the bank so far; for staff with the permission SEE_MONEY, null to others.
    async fn remitted(&self, ctx: &Context<'_>) -> Option<Money> {
        let is_cash = self.0.provider == ProviderKind::CashOnDelivery;
        (is_cash && ctx.request().actor.may(Permission::SeeMoney)).then(|| self.money(self.0.remitted))
    }

    /// Whether one person of staff said that its money came, and a second one has to say the same; for staff with the
    /// permission SEE_MONEY, null to others.
    async fn awaits_second_person(&self, ctx: &Context<'_>) -> Nullable<bool> {
        nullable(async {
            let request = ctx.request();
            if !request.actor.may(Permission::SeeMoney) {
                return Ok(None);
            }
            Ok(Some(request.loaders.load::<Proposals>(self.0.id.0).await?.unwrap_or(false)))
        })
        .await
    }

    /// When it expires unless somebody pays; null once nothing more is expected of it.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at.filter(|_| !self.0.state.is_final())
    }

    /// When it began.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the money was there; null before.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }

    /// Pass it as `after` to `paymentUpdated`: query and stream join without a gap.
    async fn stream_cursor(&self, ctx: &Context<'_>) -> String {
        stream::seal(ctx.request(), StreamKind::Payment, self.0.id.0, self.0.event_seq)
    }
}

stream_event! {
    /// One event of a payment's stream.
    PaymentEvent of StreamKind::Payment => {
        /// The payment as it is now; null in an event that only tells where you stand.
        payment: Payment, from payments::Payment
    }
}

/// A way to pay that is offered here.
#[derive(Debug, SimpleObject)]
pub(crate) struct PaymentProviderInfo {
    /// Opaque and typed: `paymentprovider_…`.
    #[graphql(owned)]
    pub id: ID,
    /// The provider, as it is passed to `paymentCreate`.
    provider: PaymentProvider,
    /// The key that the provider's own program in the browser wants, such as Stripe's publishable key; null where none
    /// does.
    public_key: Option<String>,
    /// Whether ways to pay can be saved with it, by `paymentMethodAdd`.
    saves_methods: bool,
    /// What can be paid by it.
    targets: Vec<PaymentTargetKind>,
}

impl From<payments::Offer> for PaymentProviderInfo {
    fn from(offer: payments::Offer) -> Self {
        Self {
            id: offer.id.to_string().into(),
            provider: offer.provider.into(),
            public_key: offer.public_key,
            saves_methods: offer.saves_methods,
            targets: offer.targets.into_iter().map(Into::into).collect(),
        }
    }
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct PaymentWhere {
    /// How far they have come.
    states: Option<Vec<PaymentState>>,
    /// Who moves the money.
    providers: Option<Vec<PaymentProvider>>,
    /// What they are for.
    target_kinds: Option<Vec<PaymentTargetKind>>,
    /// How much was to be paid. Your 10,000 newest payments are looked at.
    amount: Option<MoneyRange>,
    /// When they began.
    created_at: Option<DateTimeRange>,
}

impl PaymentWhere {
    fn filter(self) -> Result<PaymentFilter> {
        Ok(PaymentFilter {
            payers: None,
            everybodys: false,
            states: filters::values(self.states),
            providers: filters::values(self.providers),
            targets: filters::values(self.target_kinds),
            amount: self.amount.as_ref().map(MoneyRange::amounts).transpose()?,
            during: filters::span(self.created_at),
        })
    }
}

async fn list(
    ctx: &Context<'_>,
    filter: Result<PaymentFilter>,
    reverse: bool,
) -> async_graphql::Result<Option<Connection<Payment>>> {
    let request = ctx.request();
    let (app, actor) = (&request.app, &request.actor);
    let page = requested_page(ctx, payments::SORT, reverse)?;
    let slice = payments::payments(app, actor, &filter?, &page, wants_total(ctx)).await?;
    Ok(Some(Connection::new(slice, payments::cursor, Payment)))
}

/// The viewer's own payments.
pub(super) async fn own_payments(
    ctx: &Context<'_>,
    filter: Option<PaymentWhere>,
    reverse: bool,
) -> async_graphql::Result<Option<Connection<Payment>>> {
    list(ctx, filter.unwrap_or_default().filter(), reverse).await
}

/// What is given to a goal by a payment; null when it is for something else, and for who may not see it.
async fn contribution_of(ctx: &Context<'_>, payment: &Payment) -> async_graphql::Result<Option<GoalContribution>> {
    if payment.0.target_kind != TargetKind::GoalContribution {
        return Ok(None);
    }
    let id = ContributionId(payment.0.target_id);
    Ok(ctx.request().loaders.load::<ContributionsById>(id).await?.map(GoalContribution::from))
}

/// The payer's wallet; null when they have none, and for who may not see it.
async fn wallet_of_payer(ctx: &Context<'_>, payment: &Payment) -> async_graphql::Result<Option<Wallet>> {
    match payment.0.payer_id {
        Some(payer) => wallet_of(ctx, payer).await,
        None => Ok(None),
    }
}

/// Something that belongs to a payment, and by whose change the payment changes, too.
trait OfPayment: Sync {
    /// Of which one.
    fn payment_id(&self) -> PaymentId;
}

/// The payment, as it is now; null for who may not see it.
async fn payment_of(ctx: &Context<'_>, part: &impl OfPayment) -> async_graphql::Result<Option<Payment>> {
    Ok(ctx.request().loaders.load::<PaymentsById>(part.payment_id()).await?.map(Payment::from))
}

/// What was given to a goal by the payment; null when it was for something else, and for who may not see it.
async fn contribution_behind(
    ctx: &Context<'_>,
    part: &impl OfPayment,
) -> async_graphql::Result<Option<GoalContribution>> {
    match payment_of(ctx, part).await? {
        Some(payment) => contribution_of(ctx, &payment).await,
        None => Ok(None),
    }
}

/// The wallet of who paid; null when they have none, and for who may not see it.
async fn wallet_behind(ctx: &Context<'_>, part: &impl OfPayment) -> async_graphql::Result<Option<Wallet>> {
    match payment_of(ctx, part).await? {
        Some(payment) => wallet_of_payer(ctx, &payment).await,
        None => Ok(None),
    }
}

/// The root fields that read payments.
#[derive(MergedObject, Default)]
pub(crate) struct PaymentQuery(PayerQuery, staff::PaymentStaffQuery);

/// Paying, and what belongs to it.
#[derive(MergedObject, Default)]
pub(crate) struct PaymentMutation(
    Part<mutations::PayerMutation>,
    Part<methods::PaymentMethodMutation>,
    Part<staff::PaymentStaffMutation>,
);

/// Reading payments, and how one can pay.
#[derive(Default)]
pub(crate) struct PayerQuery;

#[Object]
impl PayerQuery {
    /// The ways to pay that are offered here.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn payment_providers(&self, ctx: &Context<'_>) -> Nullable<Vec<PaymentProviderInfo>> {
        let offers = payments::offers(&ctx.request().app);
        Some(Ok(offers.into_iter().map(PaymentProviderInfo::from).collect()))
    }

    /// A payment by its id; null when it is not there, or not yours to see. UNAUTHENTICATED instead of a null when a token came
    /// that is not good (any more).
    async fn payment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The payment's id.")] id: ID,
        #[graphql(desc = "For a guest: the token of the payload that began it.")] guest_token: Option<String>,
    ) -> Nullable<Payment> {
        nullable(async {
            let request = ctx.request();
            let access = Access { guest_token };
            Ok(payments::find(&request.app, &request.actor, query_id(&id)?, &access).await?.map(Payment))
        })
        .await
    }
}

/// The subscription to a payment.
#[derive(Default)]
pub(crate) struct PaymentSubscription;

#[Subscription]
impl PaymentSubscription {
    /// A payment as it comes further. With `after`, first everything since then (phase REPLAY); without, the first event is
    /// a LIVE marker with a cursor and no content. Events that come faster than they are executed for you are merged into
    /// one, the newest. A payment that you may not see is BAD_REQUEST.
    async fn payment_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The payment's id.")] id: ID,
        #[graphql(desc = "The cursor of the last event that you saw, or the payment's `streamCursor`.")] after: Option<
            String,
        >,
        #[graphql(desc = "For a guest: the token of the payload that began it.")] guest_token: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<PaymentEvent>> + use<>> {
        stream::events(ctx, async {
            let request = ctx.request();
            let id: PaymentId = query_id(&id)?;
            let after = stream::open(request, StreamKind::Payment, id.0, after.as_deref())?;
            let access = Access { guest_token };
            Ok((id.0, payments::follow(&request.app, &request.actor, &request.client, id, &access, after).await?))
        })
        .await
    }
}
