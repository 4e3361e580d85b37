//! What staff sees of payments, and does to them: everybody's payments and refunds, what banks and couriers brought.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    Dispute, DisputeState, Payment, PaymentProvider, PaymentState, PaymentTargetKind, Refund, RefundState,
    contribution_behind, contribution_of, list, payment_of, wallet_behind, wallet_of_payer,
};
use crate::{
    domain::payments::{
        self, DisputeFilter, DisputeSaid, MoneyReceived, PaymentFilter, ProviderSettlement, RefundFilter,
    },
    error::Result,
    graphql::{
        engine::{
            connection::{Connection, requested_page, wants_total},
            context::RequestExt,
            contract::SemanticNonNull,
            error::{Nullable, answer, nullable, payload},
            filters::{self, DateTimeRange, MoneyRange, query_ids},
            rules::Rule,
            scalars::{Money, MoneyInput},
        },
        goals::GoalContribution,
        node::{id_input, input_id},
        wallets::Wallet,
    },
};

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct AdminPaymentWhere {
    /// Ids of those who pay.
    payer_ids: Option<Vec<ID>>,
    /// How far they have come.
    states: Option<Vec<PaymentState>>,
    /// Who moves the money.
    providers: Option<Vec<PaymentProvider>>,
    /// What they are for.
    target_kinds: Option<Vec<PaymentTargetKind>>,
    /// How much was to be paid. Of more than 10,000 the largest are looked at.
    amount: Option<MoneyRange>,
    /// When they began.
    created_at: Option<DateTimeRange>,
}

impl AdminPaymentWhere {
    fn filter(self) -> Result<PaymentFilter> {
        Ok(PaymentFilter {
            payers: query_ids(self.payer_ids)?,
            everybodys: true,
            states: filters::values(self.states),
            providers: filters::values(self.providers),
            targets: filters::values(self.target_kinds),
            amount: self.amount.as_ref().map(MoneyRange::amounts).transpose()?,
            during: filters::span(self.created_at),
        })
    }
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct AdminRefundWhere {
    /// How far they have come.
    states: Option<Vec<RefundState>>,
    /// When they were asked for.
    created_at: Option<DateTimeRange>,
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct AdminDisputeWhere {
    /// How they stand.
    states: Option<Vec<DisputeState>>,
    /// When they became known.
    opened_at: Option<DateTimeRange>,
}

/// Everybody's payments, refunds and disputes.
#[derive(Default)]
pub(crate) struct PaymentStaffQuery;

#[Object]
impl PaymentStaffQuery {
    /// Everybody's payments, newest first. Needs the permission SEE_MONEY.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which payments.")] filter: Option<AdminPaymentWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<Payment>> {
        let filter = filter.unwrap_or_default().filter();
        nullable(list(ctx, filter, reverse)).await
    }

    /// Everybody's refunds, newest first: those that were asked for wait in the state REQUESTED, those that staff has to do
    /// by hand in PENDING. Needs the permission SEE_MONEY.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_refunds(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which refunds.")] filter: Option<AdminRefundWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<Refund>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let filter = filter.unwrap_or_default();
            let filter =
                RefundFilter { states: filters::values(filter.states), during: filters::span(filter.created_at) };
            let sort = payments::REFUND_SORT;
            let page = requested_page(ctx, sort, reverse)?;
            let slice = payments::refunds(app, actor, &filter, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, payments::refund_cursor, Refund::from)))
        })
        .await
    }

    /// Everybody's disputes, newest first: those in the state OPEN are to be answered at the provider's pages. Needs the
    /// permission SEE_MONEY.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_disputes(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which disputes.")] filter: Option<AdminDisputeWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<Dispute>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let filter = filter.unwrap_or_default();
            let filter =
                DisputeFilter { states: filters::values(filter.states), during: filters::span(filter.opened_at) };
            let sort = payments::DISPUTE_SORT;
            let page = requested_page(ctx, sort, reverse)?;
            let slice = payments::disputes(app, actor, &filter, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, payments::dispute_cursor, Dispute::from)))
        })
        .await
    }
}

/// Defines the input of a mutation about money that a bank has.
macro_rules! money_input {
    ($(#[$doc:meta])+ $name:ident) => {
        $(#[$doc])+
        #[derive(InputObject)]
        pub(crate) struct $name {
            /// The payment's id.
            id: ID,
            /// How much; null: all that is left.
            amount: Option<MoneyInput>,
            /// What the bank calls it; 1 to 100 characters.
            reference: String,
            /// Same key and same input: nothing more happens, however late.
            idempotency_key: String,
        }

        impl $name {
            fn received(self) -> Result<MoneyReceived> {
                Ok(MoneyReceived {
                    amount: self.amount.map(|amount| amount.positive("amount")).transpose()?,
                    reference: self.reference,
                    idempotency_key: self.idempotency_key,
                })
            }
        }
    };
}

money_input! {
    /// A bank transfer that has come in.
    AdminPaymentConfirmInput
}

money_input! {
    /// Cash that the courier brought to the bank.
    AdminPaymentRemitInput
}

/// How a dispute stands, as the provider's pages or letters say.
#[derive(InputObject)]
pub(crate) struct AdminDisputeRecordInput {
    /// The payment's id.
    id: ID,
    /// How it stands: OPEN first, which holds its money, then what was decided; or that at once.
    state: DisputeState,
    /// How much is disputed, in the payment's currency; the same each time. With what else of the payment is disputed, or was
    /// given back by its provider, at most what was taken.
    amount: MoneyInput,
    /// What the provider calls it; 1 to 100 characters. A dispute is known by it.
    reference: String,
    /// Why, in the provider's words; 1 to 100 characters.
    reason: String,
    /// Until when the provider takes evidence; kept of the first call.
    respond_by: Option<DateTime<Utc>>,
    /// What the provider keeps for it: told when it is WON or LOST, and borne by the platform. In the payment's currency, at
    /// most what is disputed; what is more than that, book by `adminProviderSettlementRecord`.
    fee: Option<MoneyInput>,
}

impl AdminDisputeRecordInput {
    /// What is said. Codes: INVALID_AMOUNT, AMOUNT_TOO_LARGE.
    fn said(self) -> Result<DisputeSaid> {
        Ok(DisputeSaid {
            state: self.state.into(),
            amount: self.amount.positive("amount")?,
            reference: self.reference,
            reason: self.reason,
            respond_by: self.respond_by,
            fee: self.fee.map(|fee| fee.positive("fee")).transpose()?,
        })
    }
}

payload! {
    /// What came of `adminDisputeRecord`.
    AdminDisputeRecordPayload {
        /// The dispute, as it stands now; null when `errors` is not empty.
        dispute: Dispute
    } also {
        /// The payment that it is about, as it is now; null when `errors` is not empty.
        payment: Payment = payment_of,
        /// What is given to a goal by the payment, as it is now; null when `errors` is not empty, and when it is for something
        /// else, or not yours to see.
        contribution: GoalContribution = contribution_behind,
        /// The payer's wallet, as it is now; null when `errors` is not empty, for guests, and when it is not yours to
        /// see.
        wallet: Wallet = wallet_behind,
    }
}

/// What became of the platform's money with a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::platform::providers::payments::MovementKind")]
pub(crate) enum AdminProviderSettlementKind {
    /// The provider kept it for its work.
    Fee,
    /// The provider gave back what it had kept.
    FeeBack,
    /// The provider paid it out to the platform's bank.
    Payout,
    /// What the provider had paid out came back to it; also what the platform paid in there.
    PayoutBack,
}

/// What a provider kept, or paid out to the bank.
#[derive(InputObject)]
pub(crate) struct AdminProviderSettlementRecordInput {
    /// Which provider: one that holds money for the platform, and does not tell of this by itself.
    provider: PaymentProvider,
    /// What it was.
    kind: AdminProviderSettlementKind,
    /// How much, above zero.
    amount: MoneyInput,
    /// What the provider calls it, as its statement says; 1 to 100 characters. The same one is booked once.
    reference: String,
    /// Same key and same input: nothing more happens, however late.
    idempotency_key: String,
}

/// What a provider kept, or paid out to the bank.
#[derive(SimpleObject)]
pub(crate) struct AdminProviderSettlement {
    /// The provider that kept it or paid it out.
    provider: PaymentProvider,
    /// What it was.
    kind: AdminProviderSettlementKind,
    /// How much it was, above zero.
    amount: Money,
    /// What the provider calls it.
    reference: String,
}

impl From<ProviderSettlement> for AdminProviderSettlement {
    fn from(settlement: ProviderSettlement) -> Self {
        Self {
            provider: settlement.provider.into(),
            kind: settlement.kind.into(),
            amount: Money::from_minor(settlement.amount.minor, settlement.amount.currency),
            reference: settlement.reference,
        }
    }
}

payload! {
    /// What came of `adminProviderSettlementRecord`.
    AdminProviderSettlementRecordPayload replayed {
        /// What is booked; null when `errors` is not empty.
        settlement: AdminProviderSettlement
    }
}

payload! {
    /// What came of `adminPaymentConfirm`.
    AdminPaymentConfirmPayload replayed {
        /// The payment; null when `errors` is not empty.
        payment: Payment
    } also {
        /// What is given to a goal by it, as it is now; null when `errors` is not empty, and when it is for something
        /// else, or not yours to see.
        contribution: GoalContribution = contribution_of,
        /// The payer's wallet, as it is now; null when `errors` is not empty, for guests, and when it is not yours to
        /// see.
        wallet: Wallet = wallet_of_payer,
    }
}

id_input! {
    /// Which payment the courier has the cash of.
    AdminPaymentCollectInput, "The payment's id."
}

payload! {
    /// What came of `adminPaymentCollect`.
    AdminPaymentCollectPayload {
        /// The payment; null when `errors` is not empty.
        payment: Payment
    } also {
        /// What is given to a goal by it, as it is now; null when `errors` is not empty, and when it is for something
        /// else, or not yours to see.
        contribution: GoalContribution = contribution_of,
        /// The payer's wallet, as it is now; null when `errors` is not empty, for guests, and when it is not yours to
        /// see.
        wallet: Wallet = wallet_of_payer,
    }
}

payload! {
    /// What came of `adminPaymentRemit`.
    AdminPaymentRemitPayload replayed {
        /// The payment; null when `errors` is not empty.
        payment: Payment
    }
}

id_input! {
    /// Which payment is to be canceled, and why.
    AdminPaymentCancelInput, "The payment's id.", reason: "Why, for the audit log; 1 to 500 characters."
}

payload! {
    /// What came of `adminPaymentCancel`.
    AdminPaymentCancelPayload {
        /// The payment; null when `errors` is not empty.
        payment: Payment
    } also {
        /// What is given to a goal by it, as it is now; null when `errors` is not empty, and when it is for something
        /// else, or not yours to see.
        contribution: GoalContribution = contribution_of,
    }
}

id_input! {
    /// Which refund was given back by hand.
    AdminRefundCompleteInput, "The refund's id.", reference: "What the bank or courier calls it; 1 to 100 characters."
}

payload! {
    /// What came of `adminRefundComplete`.
    AdminRefundCompletePayload {
        /// The refund; null when `errors` is not empty.
        refund: Refund
    } also {
        /// The payment that it is of, as it is now; null when `errors` is not empty.
        payment: Payment = payment_of,
        /// What is given to a goal by the payment, as it is now; null when `errors` is not empty, and when it is for something
        /// else, or not yours to see.
        contribution: GoalContribution = contribution_behind,
        /// The payer's wallet, as it is now; null when `errors` is not empty, for guests, and when it is not yours to
        /// see.
        wallet: Wallet = wallet_behind,
    }
}

id_input! {
    /// Which refund could not be given back, and why.
    AdminRefundFailInput, "The refund's id.", reason: "Why; 1 to 500 characters."
}

payload! {
    /// What came of `adminRefundFail`.
    AdminRefundFailPayload {
        /// The refund; null when `errors` is not empty.
        refund: Refund
    } also {
        /// The payment that it is of, as it is now; null when `errors` is not empty.
        payment: Payment = payment_of,
        /// What is given to a goal by the payment, as it is now; null when `errors` is not empty, and when it is for something
        /// else, or not yours to see.
        contribution: GoalContribution = contribution_behind,
        /// The payer's wallet, as it is now; null when `errors` is not empty, for guests, and when it is not yours to
        /// see.
        wallet: Wallet = wallet_behind,
    }
}

/// What staff does to payments. Nobody does it to their own.
#[derive(Default)]
pub(crate) struct PaymentStaffMutation;

/// The rules of the mutations below.
pub(super) const RULES: &[Rule] = &[
    Rule::of("adminPaymentConfirm").alone().recent_authentication("it says that money came, which is spent then"),
    Rule::of("adminPaymentCollect").alone().recent_authentication("it says that money came"),
    Rule::of("adminPaymentRemit").alone().recent_authentication("it says that the bank has money"),
    Rule::of("adminPaymentCancel").alone(),
    Rule::of("adminRefundComplete").alone().recent_authentication("it says that money went back"),
    Rule::of("adminRefundFail").alone(),
    Rule::of("adminDisputeRecord")
        .alone()
        .recent_authentication("it says that a bank took money back, or that it came back"),
    Rule::of("adminProviderSettlementRecord").alone().recent_authentication("it says where the platform's money is"),
];

#[Object]
impl PaymentStaffMutation {
    /// A bank transfer has come in: so much of the payment is there, and the payment is completed by it, though it be less
    /// than was to be paid, or late; what comes afterwards is confirmed alike. Above the amount that is set for two people,
    /// with what came of the payment before, it is only proposed, and `awaitsSecondPerson` is true: it counts when a second
    /// person says the same amount and reference; anything else replaces it. Needs a recent authentication
    /// (REAUTHENTICATION_REQUIRED) and the permission MANAGE_MONEY; not for one's own payments. Codes: INVALID,
    /// INVALID_ID, NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED, INVALID_AMOUNT, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH,
    /// BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn admin_payment_confirm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How much came, and what the bank calls it.")] input: AdminPaymentConfirmInput,
    ) -> Nullable<AdminPaymentConfirmPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                let received = input.received()?;
                payments::admin_payment_confirm(&request.app, &request.actor, &request.client, id, received).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// The courier has the cash of a payment: it is completed. Takes two people above the amount that is set for that, and a
    /// recent authentication, as `adminPaymentConfirm`. Needs the permission MANAGE_MONEY; not for one's own payments. Codes: INVALID_ID, NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED.
    async fn admin_payment_collect(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which payment.")] input: AdminPaymentCollectInput,
    ) -> Nullable<AdminPaymentCollectPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                payments::admin_payment_collect(&request.app, &request.actor, &request.client, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// The courier brought the cash of a payment to the bank, all or part of it. Takes two people above the amount that is set
    /// for that, and a recent authentication, as `adminPaymentConfirm`. Needs the permission MANAGE_MONEY; not for one's own
    /// payments. Codes: INVALID, INVALID_ID, NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED, INVALID_AMOUNT,
    /// AMOUNT_TOO_LARGE, CURRENCY_MISMATCH, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn admin_payment_remit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How much was brought, and what the bank calls it.")] input: AdminPaymentRemitInput,
    ) -> Nullable<AdminPaymentRemitPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                let received = input.received()?;
                payments::admin_payment_remit(&request.app, &request.actor, &request.client, id, received).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Cancels a payment of which nothing was taken; its provider is told first. Needs the permission MANAGE_MONEY; not
    /// for one's own payments. UNAVAILABLE when the provider can't be reached. Codes: INVALID_ID, NOT_FOUND, WRONG_STATE,
    /// SECOND_PERSON_NEEDED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn admin_payment_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which payment, and why.")] input: AdminPaymentCancelInput,
    ) -> Nullable<AdminPaymentCancelPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                payments::admin_payment_cancel(&request.app, &request.actor, &request.client, id, &input.reason).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// The money of a refund was given back by hand, as with bank transfers and cash. Takes two people above the amount that
    /// is set for that, and a recent authentication, as `adminPaymentConfirm`. Needs the permission MANAGE_MONEY; not for one's
    /// own payments. Codes: INVALID_ID, NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED, BLANK, TOO_LONG,
    /// INVALID_CHARACTERS.
    async fn admin_refund_complete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which refund, and what the bank or courier calls it.")] input: AdminRefundCompleteInput,
    ) -> Nullable<AdminRefundCompletePayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = async {
                let id = input_id("id", &input.id)?;
                payments::admin_refund_complete(app, actor, client, id, &input.reference).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// The money of a refund could not be given back by hand: it stays where it is, and can be refunded in another way.
    /// Needs the permission MANAGE_MONEY; not for one's own payments. Codes: INVALID_ID, NOT_FOUND, WRONG_STATE,
    /// SECOND_PERSON_NEEDED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn admin_refund_fail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which refund, and why.")] input: AdminRefundFailInput,
    ) -> Nullable<AdminRefundFailPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = async {
                let id = input_id("id", &input.id)?;
                payments::admin_refund_fail(app, actor, client, id, &input.reason).await
            };
            answer(request, result.await)
        })
        .await
    }
    /// Writes down that a payer takes a payment back through their bank, and what became of it, where the provider does not tell
    /// (Paymob): while it is OPEN its money is held, when it is WON that is let go, when it is LOST it has gone back, and what is no
    /// longer there is owed by who had it. Said again, it changes nothing. WRONG_STATE: nothing was taken, the provider tells by
    /// itself, or it was decided otherwise; ALREADY_EXISTS: it is of another amount. Needs a recent authentication
    /// (REAUTHENTICATION_REQUIRED) and the permission MANAGE_MONEY; not for one's own payments. Stands alone in its operation.
    /// Codes: INVALID, INVALID_ID, NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED, INVALID_AMOUNT, AMOUNT_TOO_LARGE,
    /// CURRENCY_MISMATCH, ALREADY_EXISTS, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn admin_dispute_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How the dispute stands.")] input: AdminDisputeRecordInput,
    ) -> Nullable<AdminDisputeRecordPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = async {
                let id = input_id("id", &input.id)?;
                let said = input.said()?;
                payments::admin_dispute_record(app, actor, client, id, said).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Books what a provider kept for its work, or paid out to the platform's bank, where it does not tell by itself (Paymob; PayPal
    /// without the permission to search transactions): so that its account in the books is what it holds. PROVIDER_NOT_AVAILABLE: it
    /// is not used here, holds no money for us, tells by itself, or can't be asked now whether it does. The same reference of a
    /// provider is booked once, whoever tells it: then `replayed` is true; with something else it is ALREADY_EXISTS. Needs a
    /// recent authentication (REAUTHENTICATION_REQUIRED) and the permission MANAGE_MONEY. Stands alone in its operation. Codes:
    /// INVALID, INVALID_AMOUNT, AMOUNT_TOO_LARGE, PROVIDER_NOT_AVAILABLE, ALREADY_EXISTS, BLANK, TOO_LONG,
    /// INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn admin_provider_settlement_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it was, and how much.")] input: AdminProviderSettlementRecordInput,
    ) -> Nullable<AdminProviderSettlementRecordPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = async {
                let amount = input.amount.positive("amount")?;
                let (provider, kind) = (input.provider.into(), input.kind.into());
                let settlement = ProviderSettlement { provider, kind, amount, reference: input.reference };
                payments::provider_settlement_record(app, actor, client, settlement, &input.idempotency_key).await
            };
            answer(request, result.await)
        })
        .await
    }
}
