//! Errors as clients see them: `UserError` in payloads, coded top-level errors, and nothing of the inside.

use async_graphql::{Context, Enum, Pos, Response, ServerError, SimpleObject, Value};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::{
    context::{RequestContext, RequestExt},
    scalars::{CurrencyCode, Money},
};
use crate::{
    catalogue::Text,
    error::{self, Code, Error, Locale, Parameter, Refusal, for_each_state, for_each_user_error_code},
};

macro_rules! mirror_codes {
    ($(#[doc = $doc:literal] $name:ident $({ $($parameter:ident),+ })? = $id:literal;)+) => {
        /// Why an input was refused. Stable: codes are added, never changed in meaning. Treat one that you don't know
        /// as a general refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        #[graphql(remote = "crate::error::UserErrorCode")]
        pub(crate) enum UserErrorCode { $(#[doc = $doc] $name,)+ }
    };
}
for_each_user_error_code!(mirror_codes);

macro_rules! mirror_states {
    ($(#[doc = $doc:literal] $name:ident = $id:literal;)+) => {
        /// How something stands that can't be changed any more: most are states of payments, refunds, withdrawals, adjustments,
        /// disputes and goals. More may come: treat one that you don't know by the error's message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        #[graphql(remote = "crate::error::State")]
        pub(crate) enum CurrentState { $(#[doc = $doc] $name,)+ }
    };
}
for_each_state!(mirror_states);

/// Something in the input that the caller can mend. Nothing was changed.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct UserError {
    /// Stable; act on this, show your own words.
    code: UserErrorCode,
    /// For developers and as a fallback for people, in the language of the request (`Accept-Language`).
    message: String,
    /// Where in the arguments, as in `["input", "body"]`, an item of a list by its number from 0; empty when it concerns
    /// the whole.
    path: Vec<&'static str>,
    /// In how many seconds it is possible again, with TOO_SOON, CODE_SENT_JUST_NOW and TOO_MANY_CODES; null where waiting does
    /// not help.
    retry_after: Option<i64>,
    /// What the message speaks of: the limit that was not kept, the state that it is in, until when; null with codes that speak
    /// of nothing.
    parameters: Option<UserErrorParameters>,
}

/// What an error's message speaks of, such as a limit, as data for one's own words.
#[derive(Debug, Clone, Default, SimpleObject)]
pub(crate) struct UserErrorParameters {
    /// The least that is needed: characters, with TOO_SHORT; null with other codes.
    min: Option<i64>,
    /// The most that is possible: characters, with TOO_LONG, or things, with TOO_MANY, and with INVALID where there are too many
    /// of them; null with other codes.
    max: Option<i64>,
    /// The least amount, with AMOUNT_TOO_SMALL; null with other codes.
    min_amount: Option<Money>,
    /// The largest amount, with AMOUNT_TOO_LARGE; null with other codes.
    max_amount: Option<Money>,
    /// The currencies that are possible, with CURRENCY_MISMATCH, and the one whose digits an amount has to have, with
    /// INVALID_AMOUNT; null with other codes.
    currencies: Option<Vec<CurrencyCode>>,
    /// How it stands, with WRONG_STATE; null with other codes.
    state: Option<CurrentState>,
    /// Until when, with ACCOUNT_SUSPENDED; null when that has no end, and with other codes.
    until: Option<DateTime<Utc>>,
    /// Why: in the words of staff, with ACCOUNT_SUSPENDED, or a word of the provider's, with PAYMENT_REFUSED; null with other
    /// codes.
    reason: Option<String>,
}

impl UserErrorParameters {
    /// What is in an error, if it speaks of anything.
    fn of(error: &error::UserError) -> Option<Self> {
        let (mut found, mut speaks) = (Self::default(), false);
        for (name, value) in &error.parameters {
            match (*name, value) {
                ("min", Parameter::Count(count)) => found.min = Some(*count),
                ("max", Parameter::Count(count)) => found.max = Some(*count),
                ("min", Parameter::Amount { minor, currency, .. }) => found.min_amount = amount(*minor, currency),
                ("max", Parameter::Amount { minor, currency, .. }) => found.max_amount = amount(*minor, currency),
                (_, Parameter::Currencies(codes)) => {
                    found.currencies = Some(codes.iter().filter_map(|code| CurrencyCode::parse(code)).collect());
                }
                (_, Parameter::State(state)) => found.state = Some((*state).into()),
                (_, Parameter::Until(until)) => found.until = *until,
                ("reason", Parameter::Written(reason)) => found.reason = Some(reason.clone()),
                _ => continue,
            }
            speaks = true;
        }
        speaks.then_some(found)
    }
}

fn amount(minor: i64, currency: &str) -> Option<Money> {
    CurrencyCode::parse(currency).map(|currency| Money::from_minor(minor, currency))
}

impl UserError {
    fn new(error: &error::UserError, locale: Locale) -> Self {
        Self {
            code: error.code.into(),
            message: error.message(locale),
            path: error.path.clone(),
            retry_after: error.retry_after,
            parameters: UserErrorParameters::of(error),
        }
    }
}

/// What a nullable field gives. The executor turns `Some(Err(_))` into null and an error, where an `Err` alone would take
/// the whole parent with it, and so the neighbours' committed work.
pub(crate) type Nullable<T> = Option<async_graphql::Result<T>>;

/// Runs the body of a nullable field, on the heap: so that it can go from thread to thread is then proven once, where it is
/// written, and not again by all that contain it, which took the compiler a minute.
pub(crate) fn nullable<'a, T>(
    body: impl Future<Output = async_graphql::Result<Option<T>>> + Send + 'a,
) -> BoxFuture<'a, Nullable<T>> {
    Box::pin(async { body.await.transpose() })
}

/// The same, for a field that is null to those who may not see it: UNAUTHENTICATED when a token came that was refused, whose owner
/// may be the one who sees it, and would keep the null for what is there.
pub(crate) fn private<'a, T>(
    ctx: &'a Context<'_>,
    body: impl Future<Output = async_graphql::Result<Option<T>>> + Send + 'a,
) -> BoxFuture<'a, Nullable<T>> {
    let actor = &ctx.request().actor;
    nullable(async move {
        actor.require_certain()?;
        body.await
    })
}

/// The result object of a mutation: filled from what the domain gave, or holding only errors.
pub(crate) trait Payload<T> {
    /// It was done.
    fn done(value: T) -> Self;
    /// It was refused; nothing was changed.
    fn refused(errors: Vec<UserError>) -> Self;
}

/// Turns a domain's result into a payload; what the caller can't mend becomes a top-level error.
pub(crate) fn answer<T, P: Payload<T>>(
    request: &RequestContext,
    result: error::Result<T>,
) -> async_graphql::Result<Option<P>> {
    match result {
        Ok(value) => Ok(Some(P::done(value))),
        Err(Error::User(errors)) => {
            let locale = request.client.locale;
            Ok(Some(P::refused(errors.iter().map(|error| UserError::new(error, locale)).collect())))
        }
        Err(error) => Err(error.into()),
    }
}

/// An error of what takes these fields at the top of its input, as one of a mutation that takes them deeper: at `place`.
#[must_use]
pub(crate) fn deeper(error: Error, fields: &[&str], place: &[&'static str]) -> Error {
    let Error::User(mut errors) = error else { return error };
    for error in &mut errors {
        if error.path.get(1).is_some_and(|field| fields.contains(field)) {
            drop(error.path.splice(1..1, place.iter().copied()));
        }
    }
    Error::User(errors)
}

/// Defines a mutation's payload: a nullable field for what was done, and `errors`. After `also` stands what else has changed
/// by it; see `also!`.
macro_rules! payload {
    (@object $(#[$doc:meta])+ $name:ident ($($complex:ident)?) { $(#[$field_doc:meta])+ $field:ident: $type:ty }) => {
        $(#[$doc])+
        #[derive(async_graphql::SimpleObject)]
        $(#[graphql($complex)])?
        pub(crate) struct $name {
            $(#[$field_doc])+
            $field: Option<$type>,
            /// Why it was refused; empty when it was done.
            errors: Vec<$crate::graphql::engine::error::UserError>,
        }

        impl<T: Into<$type>> $crate::graphql::engine::error::Payload<T> for $name {
            fn done(value: T) -> Self {
                Self { $field: Some(value.into()), errors: Vec::new() }
            }

            fn refused(errors: Vec<$crate::graphql::engine::error::UserError>) -> Self {
                Self { $field: None, errors }
            }
        }
    };
    (@replayed $(#[$doc:meta])+ $name:ident ($($complex:ident)?) { $(#[$field_doc:meta])+ $field:ident: $type:ty }) => {
        $(#[$doc])+
        #[derive(async_graphql::SimpleObject)]
        $(#[graphql($complex)])?
        pub(crate) struct $name {
            $(#[$field_doc])+
            $field: Option<$type>,
            /// Why it was refused; empty when it was done.
            errors: Vec<$crate::graphql::engine::error::UserError>,
            /// True when an earlier call with this idempotency key did the work.
            replayed: bool,
        }

        impl<T: Into<$type>> $crate::graphql::engine::error::Payload<$crate::domain::Idempotent<T>> for $name {
            fn done(outcome: $crate::domain::Idempotent<T>) -> Self {
                Self { $field: Some(outcome.value.into()), errors: Vec::new(), replayed: outcome.replayed }
            }

            fn refused(errors: Vec<$crate::graphql::engine::error::UserError>) -> Self {
                Self { $field: None, errors, replayed: false }
            }
        }
    };
    ($(#[$doc:meta])+ $name:ident { $($field:tt)+ }) => {
        $crate::graphql::engine::error::payload! { @object $(#[$doc])+ $name () { $($field)+ } }
    };
    ($(#[$doc:meta])+ $name:ident replayed { $($field:tt)+ }) => {
        $crate::graphql::engine::error::payload! { @replayed $(#[$doc])+ $name () { $($field)+ } }
    };
    ($(#[$doc:meta])+ $name:ident { $(#[$field_doc:meta])+ $field:ident: $type:ty } also { $($also:tt)+ }) => {
        $crate::graphql::engine::error::payload! {
            @object $(#[$doc])+ $name (complex) { $(#[$field_doc])+ $field: $type }
        }
        $crate::graphql::engine::error::also! { $name of $field { $($also)+ } }
    };
    ($(#[$doc:meta])+ $name:ident replayed { $(#[$field_doc:meta])+ $field:ident: $type:ty } also { $($also:tt)+ }) => {
        $crate::graphql::engine::error::payload! {
            @replayed $(#[$doc])+ $name (complex) { $(#[$field_doc])+ $field: $type }
        }
        $crate::graphql::engine::error::also! { $name of $field { $($also)+ } }
    };
}
pub(crate) use payload;

/// Gives a payload what else has changed by its mutation, so that a client need not fetch it anew: each by a function of what
/// was done (or of the payload, where that says only that it was), which runs only when it is asked for. Null when nothing was
/// done.
macro_rules! also {
    ($name:ident of $field:ident { $($(#[$doc:meta])+ $also:ident: $type:ty = $load:path,)+ }) => {
        #[async_graphql::ComplexObject]
        impl $name {
            $(
                $(#[$doc])+
                async fn $also(&self, ctx: &async_graphql::Context<'_>) -> $crate::graphql::engine::error::Nullable<$type> {
                    $crate::graphql::engine::error::nullable(async {
                        match &self.$field {
                            Some(done) => $load(ctx, done).await,
                            None => Ok(None),
                        }
                    })
                    .await
                }
            )+
        }
    };
    ($name:ident { $($(#[$doc:meta])+ $also:ident: $type:ty = $load:path,)+ }) => {
        #[async_graphql::ComplexObject]
        impl $name {
            $(
                $(#[$doc])+
                async fn $also(&self, ctx: &async_graphql::Context<'_>) -> $crate::graphql::engine::error::Nullable<$type> {
                    $crate::graphql::engine::error::nullable(async {
                        if self.errors.is_empty() { $load(ctx, self).await } else { Ok(None) }
                    })
                    .await
                }
            )+
        }
    };
}
pub(crate) use also;

/// Defines the payload of a mutation that has nothing to show but that it was done.
macro_rules! flag_payload {
    (@flag $(#[$doc:meta])+ $name:ident ($($complex:ident)?) { $(#[$field_doc:meta])+ $field:ident }) => {
        $(#[$doc])+
        #[derive(async_graphql::SimpleObject)]
        $(#[graphql($complex)])?
        pub(crate) struct $name {
            $(#[$field_doc])+
            $field: bool,
            /// Why it was refused; empty when it was done.
            errors: Vec<$crate::graphql::engine::error::UserError>,
        }

        impl $crate::graphql::engine::error::Payload<()> for $name {
            fn done((): ()) -> Self {
                Self { $field: true, errors: Vec::new() }
            }

            fn refused(errors: Vec<$crate::graphql::engine::error::UserError>) -> Self {
                Self { $field: false, errors }
            }
        }
    };
    ($(#[$doc:meta])+ $name:ident { $($field:tt)+ }) => {
        $crate::graphql::engine::error::flag_payload! { @flag $(#[$doc])+ $name () { $($field)+ } }
    };
    ($(#[$doc:meta])+ $name:ident { $($field:tt)+ } also { $($also:tt)+ }) => {
        $crate::graphql::engine::error::flag_payload! { @flag $(#[$doc])+ $name (complex) { $($field)+ } }
        $crate::graphql::engine::error::also! { $name { $($also)+ } }
    };
}
pub(crate) use flag_payload;

/// Gives every error of a response its code, its words in the caller's language and the request's id, logs the causes, and
/// shows none of them.
pub(crate) fn finish(response: &mut Response, request_id: &str, locale: Locale) {
    for error in &mut response.errors {
        let refusal = classify(error, locale);
        if refusal.code == Code::Internal {
            tracing::error!(
                request_id,
                cause = error.source::<Error>().map(tracing::field::debug),
                message = error.message,
                path = ?error.path,
                "a resolver failed"
            );
        }
        error.message = refusal.text(locale).into_owned();
        error.source = None;
        error.extensions = Some(extensions(refusal.code, &refusal.details, request_id));
    }
}

/// What kind of error this is. Those of the executor itself (syntax, validation, variables) have no source of ours.
fn classify(error: &ServerError, locale: Locale) -> Refusal {
    match error.source::<Error>() {
        Some(Error::Refused(refusal)) => refusal.clone(),
        Some(Error::User(errors)) => {
            Refusal::new(Code::BadRequest, errors.first().map_or_else(String::new, |first| first.message(locale)))
        }
        Some(Error::Internal(_)) => Refusal::internal(),
        None => Refusal::new(Code::BadRequest, error.message.clone()),
    }
}

/// The `extensions` of an error.
#[must_use]
pub(crate) fn extensions(
    code: Code,
    details: &[(&'static str, serde_json::Value)],
    request_id: &str,
) -> async_graphql::ErrorExtensionValues {
    let mut values = async_graphql::ErrorExtensionValues::default();
    values.set("code", code.as_str());
    values.set("requestId", request_id);
    for (name, value) in details {
        values.set(name, Value::from_json(value.clone()).unwrap_or_default());
    }
    values
}

/// An answer that is larger than `LIMIT_ANSWER_BYTES`. What a mutation has done stays done, and it says so.
#[must_use]
pub(crate) fn too_large(limit: usize, executed: bool) -> Refusal {
    let bytes = limit as u64;
    let text =
        if executed { Text::DoneButAnswerTooLarge { limit: bytes } } else { Text::AnswerTooLarge { limit: bytes } };
    let refusal = Refusal::of(Code::CostExceeded, text).with("what", "answer in bytes").with("limit", limit);
    if executed { refusal.with("executed", true) } else { refusal }
}

/// A response that consists of a refusal, and what else was wrong.
#[must_use]
pub(crate) fn refused(refusal: &Refusal, request_id: &str, locale: Locale) -> Response {
    let refusals = std::iter::once(refusal).chain(&refusal.others);
    Response::from_errors(refusals.map(|refusal| refused_error(refusal, request_id, locale)).collect())
}

fn refused_error(refusal: &Refusal, request_id: &str, locale: Locale) -> ServerError {
    let mut error = ServerError::new(refusal.text(locale), None);
    error.locations = refusal.locations.iter().map(|(line, column)| Pos { line: *line, column: *column }).collect();
    // The source tells `finish`, should the response still go through it, what this is.
    error.source = Some(std::sync::Arc::new(Error::Refused(refusal.clone())));
    error.extensions = Some(extensions(refusal.code, &refusal.details, request_id));
    error
}
