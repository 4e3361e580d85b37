//! Paying, confirming, giving back: inputs, payloads and the mutations themselves.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, SimpleObject};

use super::{Payment, PaymentProvider, Refund, RefundDestination, contribution_of, wallet_of_payer};
use crate::{
    domain::{
        Idempotent, goals,
        payments::{self, Access, RefundAsk, Started, WalletDeposit},
    },
    entity::{Currency, refund},
    error::{Error, Result},
    graphql::{
        engine::{
            context::{RequestContext, RequestExt},
            error::{Nullable, Payload, UserError, also, answer, nullable, payload},
            rules::Rule,
            scalars::MoneyInput,
        },
        goals::{GoalContributeInput, GoalContribution, GuestInput},
        node::{id_input, input_id},
        wallets::Wallet,
    },
};

/// What is paid for: one of these.
#[derive(OneofObject)]
pub(crate) enum PaymentTargetInput {
    /// So much into your own wallet.
    WalletDeposit(MoneyInput),
    /// So much to a fundraising goal.
    GoalContribution(GoalContributionTargetInput),
}

/// Where in the input of `paymentCreate` a target's fields are.
struct TargetPlace {
    /// The target's field in the input, such as `walletDeposit`.
    target: &'static str,
    /// Its fields; where the target itself is the value of one, that is the target.
    fields: &'static [&'static str],
    is_value: bool,
}

impl PaymentTargetInput {
    fn place(&self) -> TargetPlace {
        match self {
            Self::WalletDeposit(_) => TargetPlace { target: "walletDeposit", fields: &["amount"], is_value: true },
            Self::GoalContribution(_) => TargetPlace {
                target: "goalContribution",
                fields: &["goalId", "amount", "isAnonymous", "hideFromOwner", "message", "guest"],
                is_value: false,
            },
        }
    }
}

impl TargetPlace {
    /// An error of the mutation that is for this target alone, as one of `paymentCreate`: there the target's fields are deeper.
    fn of(&self, error: Error) -> Error {
        let Error::User(mut errors) = error else { return error };
        for error in &mut errors {
            if error.path.get(1).is_some_and(|field| self.fields.contains(field)) {
                let rest = usize::from(self.is_value) + 1;
                let fields = error.path.split_off(rest);
                error.path.truncate(1);
                error.path.extend(["target", self.target]);
                error.path.extend(fields);
            }
        }
        Error::User(errors)
    }
}

/// What is given to a goal.
#[derive(InputObject)]
pub(crate) struct GoalContributionTargetInput {
    /// The goal's id.
    goal_id: ID,
    /// How much, in the goal's currency.
    amount: MoneyInput,
    /// Hide your name: from everybody but staff and the goal's owner.
    #[graphql(default)]
    is_anonymous: bool,
    /// Hide your name from the goal's owner, too; only together with `isAnonymous`.
    #[graphql(default)]
    hide_from_owner: bool,
    /// A few words for everybody to read, at most 1,000 characters.
    #[graphql(default)]
    message: String,
    /// Who gives: needed when nobody is signed in, and without meaning otherwise.
    guest: Option<GuestInput>,
}

/// A payment that is to begin.
#[derive(InputObject)]
pub(crate) struct PaymentCreateInput {
    /// What is paid for.
    target: PaymentTargetInput,
    /// Who moves the money; see `paymentProviders`.
    provider: PaymentProvider,
    /// A saved way to pay of this provider, of yours; it is charged at once. Null: `nextAction` says how to pay.
    method_id: Option<ID>,
    /// Same key and same input: the same payment again, however late.
    idempotency_key: String,
}

/// Money that is to come into your wallet.
#[derive(InputObject)]
pub(crate) struct WalletDepositInput {
    /// What is to come in, above zero.
    amount: MoneyInput,
    /// Who moves the money; see `paymentProviders`.
    provider: PaymentProvider,
    /// A saved way to pay of this provider, of yours; it is charged at once. Null: `nextAction` says how to pay.
    method_id: Option<ID>,
    /// Same key and same input: the same payment again, however late.
    idempotency_key: String,
}

impl WalletDepositInput {
    fn command(self) -> Result<WalletDeposit> {
        Ok(WalletDeposit {
            amount: self.amount.positive("amount")?,
            provider: self.provider.into(),
            method: self.method_id.map(|id| input_id("methodId", &id)).transpose()?,
            idempotency_key: self.idempotency_key,
        })
    }
}

/// Defines the payload of a mutation that begins a payment; `guest_token` stands after its name where guests can do so.
macro_rules! started_payload {
    ($(#[$doc:meta])+ $name:ident $($guest_token:ident)? { $($also:tt)+ }) => {
        $(#[$doc])+
        #[derive(SimpleObject)]
        #[graphql(complex)]
        pub(crate) struct $name {
            /// The payment; its `nextAction` says what the payer has to do. Null when `errors` is not empty.
            payment: Option<Payment>,
            $(
                /// For somebody without an account: shows the payment again. Null for others. Keep it.
                $guest_token: Option<String>,
            )?
            /// Why it was refused; empty when it was done.
            errors: Vec<UserError>,
            /// True when an earlier call with this idempotency key did the work.
            replayed: bool,
        }

        impl Payload<Idempotent<Started>> for $name {
            fn done(outcome: Idempotent<Started>) -> Self {
                let started = outcome.value;
                Self {
                    payment: Some(started.payment.into()),
                    $($guest_token: started.$guest_token,)?
                    errors: Vec::new(),
                    replayed: outcome.replayed,
                }
            }

            fn refused(errors: Vec<UserError>) -> Self {
                Self { payment: None, $($guest_token: None,)? errors, replayed: false }
            }
        }

        also! {
            $name of payment { $($also)+ }
        }
    };
}
started_payload! {
    /// What came of `paymentCreate`.
    PaymentCreatePayload guest_token {
        /// What is given to a goal by it, as it is now; null when `errors` is not empty, when it is for something else,
        /// and for guests.
        contribution: GoalContribution = contribution_of,
        /// Your wallet, as it is now; null when `errors` is not empty, and for guests.
        wallet: Wallet = wallet_of_payer,
    }
}

started_payload! {
    /// What came of `walletDeposit`.
    WalletDepositPayload {
        /// Your wallet, as it is now: it has the money once the payment is completed; null when `errors` is not empty.
        wallet: Wallet = wallet_of_payer,
    }
}

/// Which payment its provider is to be asked about.
#[derive(InputObject)]
pub(crate) struct PaymentConfirmInput {
    /// The payment's id.
    id: ID,
    /// For a guest: the token of the payload that began it.
    guest_token: Option<String>,
}

payload! {
    /// What came of `paymentConfirm`.
    PaymentConfirmPayload {
        /// The payment as the provider tells it now; null when `errors` is not empty.
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

/// Which payment is to be canceled.
#[derive(InputObject)]
pub(crate) struct PaymentCancelInput {
    /// The payment's id.
    id: ID,
    /// For a guest: the token of the payload that began it.
    guest_token: Option<String>,
}

payload! {
    /// What came of `paymentCancel`.
    PaymentCancelPayload {
        /// The payment, which is over; null when `errors` is not empty.
        payment: Payment
    } also {
        /// What is given to a goal by it, as it is now; null when `errors` is not empty, and when it is for something
        /// else, or not yours to see.
        contribution: GoalContribution = contribution_of,
    }
}

payload! {
    /// What came of `paymentProofAdd`.
    PaymentProofAddPayload {
        /// The payment with its proof; null when `errors` is not empty.
        payment: Payment
    }
}

/// How a bank transfer is to be found.
#[derive(InputObject)]
pub(crate) struct PaymentProofAddInput {
    /// The payment's id.
    id: ID,
    /// The bank's reference, or a link to a slip, for staff to look at; 1 to 500 characters.
    note: String,
    /// For a guest: the token of the payload that began it.
    guest_token: Option<String>,
}

/// Defines the input of a mutation that gives money back.
macro_rules! refund_input {
    ($(#[$doc:meta])+ $name:ident { $($(#[$field_doc:meta])+ $field:ident: $type:ty,)* }) => {
        $(#[$doc])+
        #[derive(InputObject)]
        pub(crate) struct $name {
            /// The payment's id.
            id: ID,
            /// How much; null: all that is left.
            amount: Option<MoneyInput>,
            /// Where it is to go.
            #[graphql(default_with = "RefundDestination::Source")]
            destination: RefundDestination,
            /// Why; 1 to 500 characters.
            reason: String,
            /// Same key and same input: the same refund again, however late.
            idempotency_key: String,
            $($(#[$field_doc])+ $field: $type,)*
        }

        impl $name {
            fn ask(self) -> Result<RefundAsk> {
                Ok(RefundAsk {
                    amount: self.amount.map(|amount| amount.positive("amount")).transpose()?,
                    destination: self.destination.into(),
                    reason: self.reason,
                    idempotency_key: self.idempotency_key,
                })
            }
        }
    };
}

refund_input! {
    /// Money that you want back.
    PaymentRefundRequestInput {
        /// For a guest: the token of the payload that began it.
        guest_token: Option<String>,
    }
}

refund_input! {
    /// Money that is to go back.
    PaymentRefundInput {}
}

/// A refund with its payment, for the payloads.
pub(crate) struct Refunded {
    refund: refund::Model,
    currency: Currency,
    /// As far as the actor may see it: whom the payment was for may decide, and not see who paid.
    payment: Option<payments::Payment>,
}

/// Defines the payload of a mutation about a refund; `replayed` stands after its name where the input has an idempotency key.
macro_rules! refund_payload {
    ($(#[$doc:meta])+ $name:ident $($replayed:ident)?) => {
        $(#[$doc])+
        #[derive(SimpleObject)]
        #[graphql(complex)]
        pub(crate) struct $name {
            /// The refund; null when `errors` is not empty.
            refund: Option<Refund>,
            /// The payment that it is of, as it is now; null when `errors` is not empty, and when it is not yours to see.
            payment: Option<Payment>,
            /// Why it was refused; empty when it was done.
            errors: Vec<UserError>,
            $(
                /// True when an earlier call with this idempotency key did the work.
                $replayed: bool,
            )?
        }

        impl Payload<Idempotent<Refunded>> for $name {
            fn done(outcome: Idempotent<Refunded>) -> Self {
                let Refunded { refund, currency, payment } = outcome.value;
                let (refund, payment) = (Some(Refund::new(refund, currency)), payment.map(Payment::from));
                Self { refund, payment, errors: Vec::new() $(, $replayed: outcome.replayed)? }
            }

            fn refused(errors: Vec<UserError>) -> Self {
                Self { refund: None, payment: None, errors $(, $replayed: false)? }
            }
        }

        also! {
            $name of payment {
                /// What was given to a goal by the payment, as it is now; null when `errors` is not empty, and when it
                /// was for something else, or not yours to see.
                contribution: GoalContribution = contribution_of,
                /// The payer's wallet, as it is now; null when `errors` is not empty, for guests, and when it is not
                /// yours to see.
                wallet: Wallet = wallet_of_payer,
            }
        }
    };
}

refund_payload! {
    /// What came of `paymentRefundRequest`.
    PaymentRefundRequestPayload replayed
}

id_input! {
    /// Which refund is granted.
    PaymentRefundGrantInput, "The refund's id."
}

refund_payload! {
    /// What came of `paymentRefundGrant`.
    PaymentRefundGrantPayload
}

id_input! {
    /// Which refund is refused, and why.
    PaymentRefundRefuseInput, "The refund's id.", reason: "Why, for the payer to read; at most 500 characters."
}

refund_payload! {
    /// What came of `paymentRefundRefuse`.
    PaymentRefundRefusePayload
}

refund_payload! {
    /// What came of `paymentRefund`.
    PaymentRefundPayload replayed
}

async fn with_payment(
    request: &RequestContext,
    access: &Access,
    result: Result<Idempotent<refund::Model>>,
) -> Result<Idempotent<Refunded>> {
    let Idempotent { value: refund, replayed } = result?;
    let currency = payments::get(&request.app, refund.payment_id).await?.currency;
    let payment = payments::find(&request.app, &request.actor, refund.payment_id, access).await?;
    Ok(Idempotent { value: Refunded { refund, currency, payment }, replayed })
}

async fn decide(
    request: &RequestContext,
    id: &ID,
    granted: bool,
    reason: Option<&str>,
) -> Result<Idempotent<Refunded>> {
    let id = input_id("id", id)?;
    let refund = payments::refund_decide(&request.app, &request.actor, &request.client, id, granted, reason).await;
    with_payment(request, &Access::default(), refund.map(|value| Idempotent { value, replayed: false })).await
}

/// Paying, and giving back.
#[derive(Default)]
pub(crate) struct PayerMutation;

/// The rules of the mutations below.
pub(super) const RULES: &[Rule] = &[
    Rule::of("paymentCreate").alone(),
    Rule::of("walletDeposit").alone(),
    Rule::of("paymentConfirm").alone(),
    Rule::of("paymentCancel").alone(),
    Rule::of("paymentProofAdd").alone(),
    Rule::of("paymentRefundRequest").alone(),
    Rule::of("paymentRefundGrant").alone(),
    Rule::of("paymentRefundRefuse").alone(),
    Rule::of("paymentRefund").alone(),
];

#[Object]
impl PayerMutation {
    /// Begins a payment. What the payer has to do next is in the payment's `nextAction`; afterwards call `paymentConfirm`, or
    /// follow `paymentUpdated`: the payment goes on without either. Codes: INVALID_AMOUNT, AMOUNT_TOO_LARGE, INVALID_ID,
    /// CURRENCY_MISMATCH, PROVIDER_NOT_AVAILABLE, NOT_FOUND, GOAL_CLOSED, INSUFFICIENT_FUNDS, INVALID, BLANK, TOO_SHORT,
    /// TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn payment_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is paid for, and how.")] input: PaymentCreateInput,
    ) -> Nullable<PaymentCreatePayload> {
        nullable(async {
            let request = ctx.request();
            let PaymentCreateInput { target, provider, method_id, idempotency_key } = input;
            let place = target.place();
            let result = match target {
                PaymentTargetInput::WalletDeposit(amount) => {
                    deposit(request, WalletDepositInput { amount, provider, method_id, idempotency_key }).await
                }
                PaymentTargetInput::GoalContribution(target) => {
                    let given = GoalContributeInput {
                        goal_id: target.goal_id,
                        amount: target.amount,
                        provider,
                        method_id,
                        is_anonymous: target.is_anonymous,
                        hide_from_owner: target.hide_from_owner,
                        message: target.message,
                        guest: target.guest,
                        idempotency_key,
                    };
                    give(request, given).await
                }
            };
            answer(request, result.map_err(|error| place.of(error)))
        })
        .await
    }

    /// Begins a payment into your wallet; the same as `paymentCreate` with this target. Codes: INVALID, INVALID_AMOUNT,
    /// AMOUNT_TOO_LARGE, INVALID_ID, CURRENCY_MISMATCH, PROVIDER_NOT_AVAILABLE, NOT_FOUND, BLANK, TOO_LONG,
    /// INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn wallet_deposit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How much, and how.")] input: WalletDepositInput,
    ) -> Nullable<WalletDepositPayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, deposit(request, input).await)
        })
        .await
    }

    /// Asks the provider at once how the payment stands. Call it when the payer comes back from paying; without it, the
    /// answer comes by itself a little later. Codes: INVALID_ID, NOT_FOUND.
    async fn payment_confirm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which payment.")] input: PaymentConfirmInput,
    ) -> Nullable<PaymentConfirmPayload> {
        nullable(async {
            let request = ctx.request();
            let access = Access { guest_token: input.guest_token };
            let result = async {
                let id = input_id("id", &input.id)?;
                payments::confirm(&request.app, &request.actor, id, &access).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Cancels a payment of yours, as long as nothing was taken; the provider is told first. UNAVAILABLE when it can't be
    /// reached. Codes: INVALID_ID, NOT_FOUND, WRONG_STATE.
    async fn payment_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which payment.")] input: PaymentCancelInput,
    ) -> Nullable<PaymentCancelPayload> {
        nullable(async {
            let request = ctx.request();
            let access = Access { guest_token: input.guest_token };
            let result = async {
                let id = input_id("id", &input.id)?;
                payments::payment_cancel(&request.app, &request.actor, id, &access).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Says how your bank transfer is to be found; said again, it replaces what was said. Codes: INVALID_ID, NOT_FOUND,
    /// WRONG_STATE, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn payment_proof_add(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How it is to be found.")] input: PaymentProofAddInput,
    ) -> Nullable<PaymentProofAddPayload> {
        nullable(async {
            let request = ctx.request();
            let access = Access { guest_token: input.guest_token };
            let result = async {
                let id = input_id("id", &input.id)?;
                payments::payment_proof_add(&request.app, &request.actor, &access, id, &input.note).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Asks for your money back. Staff grants or refuses it, or whom it was for (a goal's owner, who is notified).
    /// Codes: INVALID, INVALID_ID, NOT_FOUND, WRONG_STATE, INVALID_AMOUNT, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH,
    /// ALREADY_EXISTS, PROVIDER_NOT_AVAILABLE, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn payment_refund_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How much, where to, and why.")] input: PaymentRefundRequestInput,
    ) -> Nullable<PaymentRefundRequestPayload> {
        nullable(async {
            let request = ctx.request();
            let access = Access { guest_token: input.guest_token.clone() };
            let result = async {
                let id = input_id("id", &input.id)?;
                let ask = input.ask()?;
                payments::refund_request(&request.app, &request.actor, &access, id, ask).await
            };
            answer(request, with_payment(request, &access, result.await).await)
        })
        .await
    }

    /// Grants a refund that was asked for: its money is held, then given back. For whom the payment was (a goal's owner), and
    /// for staff with the permission MANAGE_MONEY. Codes: INVALID_ID, NOT_FOUND, WRONG_STATE, AMOUNT_TOO_LARGE,
    /// INSUFFICIENT_FUNDS.
    async fn payment_refund_grant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which refund.")] input: PaymentRefundGrantInput,
    ) -> Nullable<PaymentRefundGrantPayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, decide(request, &input.id, true, None).await)
        })
        .await
    }

    /// Refuses a refund that was asked for. For whom the payment was (a goal's owner), and for staff with the permission
    /// MANAGE_MONEY. Codes: INVALID_ID, NOT_FOUND, WRONG_STATE, TOO_LONG, INVALID_CHARACTERS.
    async fn payment_refund_refuse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which refund, and why.")] input: PaymentRefundRefuseInput,
    ) -> Nullable<PaymentRefundRefusePayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, decide(request, &input.id, false, Some(&input.reason)).await)
        })
        .await
    }

    /// Gives money back, all or part of it, several times up to what was taken. The refund is granted at once, and done
    /// afterwards. Needs the permission MANAGE_MONEY; not for one's own payments. Codes: INVALID, INVALID_ID,
    /// NOT_FOUND, WRONG_STATE, INVALID_AMOUNT, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH, INSUFFICIENT_FUNDS,
    /// PROVIDER_NOT_AVAILABLE, SECOND_PERSON_NEEDED, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn payment_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How much, where to, and why.")] input: PaymentRefundInput,
    ) -> Nullable<PaymentRefundPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                let ask = input.ask()?;
                payments::payment_refund(&request.app, &request.actor, &request.client, id, ask).await
            };
            answer(request, with_payment(request, &Access::default(), result.await).await)
        })
        .await
    }
}

async fn give(request: &RequestContext, given: GoalContributeInput) -> Result<Idempotent<Started>> {
    let outcome = goals::goal_contribute(&request.app, &request.actor, &request.client, given.command()?).await?;
    Ok(Idempotent { value: outcome.value.1, replayed: outcome.replayed })
}

async fn deposit(request: &RequestContext, given: WalletDepositInput) -> Result<Idempotent<Started>> {
    payments::wallet_deposit(&request.app, &request.actor, &request.client, given.command()?).await
}
