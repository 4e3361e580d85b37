//! Saved ways to pay as clients see them.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::PaymentProvider;
use crate::{
    domain::payments::{self, MethodAdd},
    entity::payment_method::Model,
    graphql::{
        accounts::{User, viewer},
        engine::{
            context::RequestExt,
            error::{Nullable, answer, nullable, payload},
            rules::Rule,
        },
        node::{id_input, input_id},
    },
};

/// What a way to pay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::payment_method::MethodKind")]
pub(crate) enum PaymentMethodKind {
    /// A credit or debit card.
    Card,
    /// A PayPal account.
    Paypal,
    /// The wallet here.
    Wallet,
    /// Cash at the door.
    CashOnDelivery,
    /// A transfer from a bank.
    BankTransfer,
}

/// A saved way to pay.
#[derive(Clone)]
pub(crate) struct PaymentMethod(Model);

impl From<Model> for PaymentMethod {
    fn from(method: Model) -> Self {
        Self(method)
    }
}

/// A saved way to pay, which only its owner sees. No card's number is kept here: only its brand and its end.
#[Object]
impl PaymentMethod {
    /// Opaque and typed: `paymentmethod_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it is.
    async fn kind(&self) -> PaymentMethodKind {
        self.0.kind.into()
    }

    /// Who moves the money.
    async fn provider(&self) -> PaymentProvider {
        self.0.provider.into()
    }

    /// Of a card, in the provider's word, such as `visa`; null with other kinds.
    async fn brand(&self) -> Option<&str> {
        self.0.brand.as_deref()
    }

    /// Of a card, the last four digits of its number; null with other kinds.
    async fn last_four(&self) -> Option<&str> {
        self.0.last_four.as_deref()
    }

    /// Whether it is offered first; exactly one is, of those that are saved.
    async fn is_default(&self) -> bool {
        self.0.is_default
    }

    /// When it was saved.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was removed, since when nothing can be paid by it; null while it is saved.
    async fn removed_at(&self) -> Option<DateTime<Utc>> {
        self.0.removed_at
    }
}

/// A way to pay that is to be saved.
#[derive(InputObject)]
pub(crate) struct PaymentMethodAddInput {
    /// Who moves the money; see `paymentProviders`.
    provider: PaymentProvider,
    /// What it is: a card with Stripe, Paymob and the sandbox, else the same as the provider.
    kind: PaymentMethodKind,
    /// What the provider's own program in the browser made of the card, such as Stripe's `pm_…`, or `tok_<number>` of a
    /// test card with the sandbox; never a card's number. Null with the wallet, cash and bank transfers, which are saved as
    /// a mere preference.
    token: Option<String>,
    /// Whether it is to be offered first. The first one that is saved always is.
    #[graphql(default)]
    is_default: bool,
    /// Same key and same input within 24 hours: the same way to pay again.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of `paymentMethodAdd`.
    PaymentMethodAddPayload replayed {
        /// The way to pay; null when `errors` is not empty.
        payment_method: PaymentMethod
    } also {
        /// You, with all of your saved ways to pay: another one may be the default now; null when `errors` is not empty.
        user: User = viewer,
    }
}

id_input! {
    /// Which way to pay is to go.
    PaymentMethodRemoveInput, "The id of a saved way to pay."
}

payload! {
    /// What came of `paymentMethodRemove`.
    PaymentMethodRemovePayload {
        /// The way to pay that was removed; null when `errors` is not empty.
        payment_method: PaymentMethod
    } also {
        /// You, with all of your saved ways to pay: another one may be the default now; null when `errors` is not empty.
        user: User = viewer,
    }
}

id_input! {
    /// Which way to pay is to be offered first.
    PaymentMethodSetDefaultInput, "The id of a saved way to pay."
}

payload! {
    /// What came of `paymentMethodSetDefault`.
    PaymentMethodSetDefaultPayload {
        /// The way to pay that is the default now; null when `errors` is not empty.
        payment_method: PaymentMethod
    } also {
        /// You, with all of your saved ways to pay: another one may be the default now; null when `errors` is not empty.
        user: User = viewer,
    }
}

/// The viewer's own saved ways to pay.
pub(in crate::graphql) async fn own_payment_methods(
    ctx: &Context<'_>,
) -> async_graphql::Result<Option<Vec<PaymentMethod>>> {
    let request = ctx.request();
    let methods = payments::payment_methods(&request.app, &request.actor).await?;
    Ok(Some(methods.into_iter().map(PaymentMethod).collect()))
}

/// Saving ways to pay.
#[derive(Default)]
pub(crate) struct PaymentMethodMutation;

/// The rules of the mutations below.
pub(super) const RULES: &[Rule] = &[Rule::of("paymentMethodAdd").alone()];

#[Object]
impl PaymentMethodMutation {
    /// Saves a way to pay. UNAVAILABLE when the provider can't be reached. Codes: PROVIDER_NOT_AVAILABLE, PAYMENT_REFUSED,
    /// ALREADY_EXISTS, TOO_MANY, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn payment_method_add(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is saved.")] input: PaymentMethodAddInput,
    ) -> Nullable<PaymentMethodAddPayload> {
        nullable(async {
            let request = ctx.request();
            let command = MethodAdd {
                provider: input.provider.into(),
                kind: input.kind.into(),
                token: input.token,
                is_default: input.is_default,
                idempotency_key: input.idempotency_key,
            };
            answer(request, payments::payment_method_add(&request.app, &request.actor, command).await)
        })
        .await
    }

    /// Removes a saved way to pay of yours; the provider is told to forget it. If it was the default, the newest of the
    /// others is from now on. Codes: INVALID_ID, NOT_FOUND.
    async fn payment_method_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which way to pay.")] input: PaymentMethodRemoveInput,
    ) -> Nullable<PaymentMethodRemovePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                payments::payment_method_remove(&request.app, &request.actor, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Has a saved way to pay of yours offered first. Codes: INVALID_ID, NOT_FOUND.
    async fn payment_method_set_default(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which way to pay.")] input: PaymentMethodSetDefaultInput,
    ) -> Nullable<PaymentMethodSetDefaultPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                payments::payment_method_set_default(&request.app, &request.actor, id).await
            };
            answer(request, result.await)
        })
        .await
    }
}
