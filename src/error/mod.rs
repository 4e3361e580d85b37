//! What can go wrong, typed and coded. Knows neither GraphQL nor axum: `graphql::error` turns these into answers.
//!
//! Three kinds, by who can do something about it:
//! - [`UserError`]s: the caller can mend the input. They travel in a payload's `errors`; nothing was changed.
//! - [`Refusal`]s: the caller can't get this answer at all (not signed in, over a limit …). Top-level errors.
//! - causes: the operator's business. The caller sees `INTERNAL`, the log has the chain.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, TimeDelta, Utc};
use fluent_bundle::{FluentArgs, FluentValue};

use crate::catalogue::{self, Text};

mod database;
mod state;

pub use crate::catalogue::Locale;
pub(crate) use database::DatabaseFailure;
pub use state::State;
pub(crate) use state::for_each_state;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of a domain or platform function.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Input that the caller can mend; at least one.
    #[error("{}", .0.first().map_or_else(|| "refused".to_owned(), ToString::to_string))]
    User(Vec<UserError>),
    /// Something the caller can't mend by changing the input.
    #[error("{0}")]
    Refused(Refusal),
    /// A failure inside; the message is for the log only.
    #[error("internal error: {0}")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A failure inside, with a text for the operator.
    pub(crate) fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// `BAD_REQUEST` with a message.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(Code::BadRequest, message))
    }

    /// `UNAUTHENTICATED`: nobody is signed in, or no longer.
    #[must_use]
    pub(crate) fn unauthenticated() -> Self {
        Self::Refused(Refusal::of(Code::Unauthenticated, Text::Unauthenticated))
    }

    /// `FORBIDDEN`: signed in, but not allowed.
    #[must_use]
    pub(crate) fn forbidden() -> Self {
        Self::Refused(Refusal::of(Code::Forbidden, Text::Forbidden))
    }

    /// `NOT_FOUND` at `input.<field>`: there is nothing with this id that the actor may see.
    #[must_use]
    pub(crate) fn not_found(field: &'static str) -> Self {
        UserError::input(field, UserErrorCode::NotFound).into()
    }
}

impl From<serde_json::Error> for Error {
    fn from(cause: serde_json::Error) -> Self {
        Self::Internal(Box::new(cause))
    }
}

impl From<std::io::Error> for Error {
    fn from(cause: std::io::Error) -> Self {
        Self::Internal(Box::new(cause))
    }
}

impl From<UserError> for Error {
    fn from(error: UserError) -> Self {
        Self::User(vec![error])
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The closed list of codes of top-level errors (`extensions.code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is not well-formed: syntax, validation, variables, ids, cursors, page sizes.
    BadRequest,
    /// Nobody is signed in, or the token is expired, forged or of an ended session.
    Unauthenticated,
    /// Signed in, but without the permission.
    Forbidden,
    /// Needs a recent authentication; `methods` says how.
    ReauthenticationRequired,
    /// The account's role demands a second factor that is not set up yet.
    TwoFactorSetupRequired,
    /// Too many requests; `retryAfter` says when to come back, in seconds.
    RateLimited,
    /// The operation is over a limit; `limit` and `requested` say which.
    CostExceeded,
    /// Took too long. On a mutation the outcome is unknown: retry with the same idempotency key.
    Timeout,
    /// Not at the moment (starting, stopping, a dependency is down).
    Unavailable,
    /// A failure inside; the cause is in the operator's log under the request id.
    Internal,
    /// Apollo's automatic persisted queries: send the query's text along.
    PersistedQueryNotFound,
}

impl Code {
    /// The text that clients see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::ReauthenticationRequired => "REAUTHENTICATION_REQUIRED",
            Self::TwoFactorSetupRequired => "TWO_FACTOR_SETUP_REQUIRED",
            Self::RateLimited => "RATE_LIMITED",
            Self::CostExceeded => "COST_EXCEEDED",
            Self::Timeout => "TIMEOUT",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
        }
    }
}

impl Code {
    /// What a person is told in general; none where the words are for developers, whose language is English.
    fn text(self) -> Option<Text<'static>> {
        Some(match self {
            Self::BadRequest | Self::PersistedQueryNotFound => return None,
            Self::Unauthenticated => Text::Unauthenticated,
            Self::Forbidden => Text::Forbidden,
            Self::ReauthenticationRequired => Text::ReauthenticationRequired,
            Self::TwoFactorSetupRequired => Text::TwoFactorSetupRequired,
            Self::RateLimited => Text::RateLimited,
            Self::CostExceeded => Text::CostExceeded,
            Self::Timeout => Text::Timeout,
            Self::Unavailable => Text::Unavailable,
            Self::Internal => Text::Internal,
        })
    }
}

/// A top-level refusal: a code, a message, and facts that a client can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the closed list.
    pub code: Code,
    /// In English: for the log, for developers, and as a fallback for people.
    pub message: String,
    /// The same for people, in their language; `None`: what the code says in general. Boxed, it keeps every result small.
    text: Option<Box<Text<'static>>>,
    /// Further members of `extensions`, such as `limit`, `requested`, `retryAfter`.
    pub details: Vec<(&'static str, serde_json::Value)>,
    /// Where in the query's text: line and column, from 1.
    pub locations: Vec<(usize, usize)>,
    /// What else is wrong with the same document.
    pub others: Vec<Self>,
}

impl Refusal {
    /// A refusal without details, in words for developers. Whoever reads another language is told what the code says in
    /// general.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message, text: None, details: Vec::new(), locations: Vec::new(), others: Vec::new() }
    }

    /// A refusal without details, in words for people.
    #[must_use]
    pub(crate) fn of(code: Code, text: Text<'static>) -> Self {
        let message = text.in_language(Locale::English);
        Self { text: Some(Box::new(text)), ..Self::new(code, message) }
    }

    /// A failure inside, as callers see it: the log has the cause.
    #[must_use]
    pub(crate) fn internal() -> Self {
        Self::of(Code::Internal, Text::Internal)
    }

    /// Adds a member of `extensions`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// The first of several, with the others; `None` when there is none.
    #[must_use]
    pub(crate) fn several(refusals: Vec<Self>) -> Option<Self> {
        let mut refusals = refusals.into_iter();
        let first = refusals.next()?;
        Some(Self { others: refusals.collect(), ..first })
    }

    /// The same with another message, in words for developers.
    #[must_use]
    pub(crate) fn saying(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), text: None, ..self }
    }

    /// The message in a language.
    #[must_use]
    pub fn text(&self, locale: Locale) -> Cow<'_, str> {
        if locale == Locale::English {
            return Cow::from(&self.message);
        }
        match (&self.text, self.code.text()) {
            (Some(text), _) => text.in_language(locale),
            (None, Some(general)) => general.in_language(locale),
            (None, None) => Cow::from(&self.message),
        }
    }

    /// A limit was passed: says which, what it allows and what was asked.
    pub(crate) fn over_limit(what: &'static str, limit: u64, requested: u64) -> Self {
        Self::of(Code::CostExceeded, Text::OverLimit { what: what.into(), limit, requested })
            .with("what", what)
            .with("limit", limit)
            .with("requested", requested)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.as_str(), self.message)
    }
}

/// Something in the input that the caller can mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserError {
    /// Stable; clients act on it.
    pub code: UserErrorCode,
    /// Where in the arguments, as in `["input", "body"]`; empty when it concerns the whole.
    pub path: Vec<&'static str>,
    /// What the message is filled in with.
    pub parameters: Vec<(&'static str, Parameter)>,
    /// What `INVALID` expects instead.
    pub reason: Option<Reason>,
    /// In how many seconds it is possible again, where waiting helps.
    pub retry_after: Option<i64>,
}

/// A value in a message: what a client can act on as what it is, the rest as words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// How many: characters, or things.
    Count(i64),
    /// An amount of money.
    Amount {
        /// As people read it: `12.50 USD`.
        text: String,
        /// In the currency's smallest unit.
        minor: i64,
        /// The currency's code.
        currency: &'static str,
    },
    /// The codes of one or several currencies.
    Currencies(Vec<&'static str>),
    /// How something stands.
    State(State),
    /// Until when; without an end, if `None`.
    Until(Option<DateTime<Utc>>),
    /// What somebody wrote, or what is for people only.
    Written(String),
}

impl Parameter {
    /// As people read it, in a language.
    #[must_use]
    pub fn text(&self, locale: Locale) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Amount { text, .. } | Self::Written(text) => text.clone(),
            Self::Currencies(codes) => codes.join(", "),
            Self::State(state) => state.text(locale).into_owned(),
            Self::Until(Some(until)) => until.format("%Y-%m-%d %H:%M UTC").to_string(),
            Self::Until(None) => Text::FurtherNotice.in_language(locale).into_owned(),
        }
    }
}

impl From<State> for Parameter {
    fn from(state: State) -> Self {
        Self::State(state)
    }
}

impl Parameter {
    /// A number where a message may bend its words to it.
    fn value(&self, locale: Locale) -> FluentValue<'static> {
        match self {
            Self::Count(count) => catalogue::number(*count),
            words => FluentValue::from(words.text(locale)),
        }
    }
}

impl From<i32> for Parameter {
    fn from(count: i32) -> Self {
        Self::Count(count.into())
    }
}

impl From<i64> for Parameter {
    fn from(count: i64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Parameter {
    fn from(count: usize) -> Self {
        Self::Count(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Parameter {
    fn from(words: &str) -> Self {
        Self::Written(words.to_owned())
    }
}

impl From<String> for Parameter {
    fn from(words: String) -> Self {
        Self::Written(words)
    }
}

macro_rules! define_reasons {
    ($($name:ident = $id:literal,)+) => {
        /// What is expected where something is [`UserErrorCode::Invalid`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the texts say it")]
        pub enum Reason { $($name,)+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in the message catalogue.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }
        }
    };
}

define_reasons! {
    Username = "expected-username",
    OneScript = "expected-one-script",
    Email = "expected-email",
    HttpsAddress = "expected-https-address",
    Phone = "expected-phone",
    Country = "expected-country",
    BirthDate = "expected-birth-date",
    Currency = "expected-currency",
    Provider = "expected-provider",
    RelativePath = "expected-relative-path",
    Future = "expected-future",
    Iban = "expected-iban",
    AccountNumber = "expected-account-number",
    Deadline = "expected-deadline",
    SuggestedAmounts = "expected-suggested-amounts",
    Time = "expected-time",
    Day = "expected-day",
    DecimalNumber = "expected-decimal-number",
    CurrencyCode = "expected-currency-code",
    Integer = "expected-integer",
    GuestKey = "expected-guest-key",
}

impl Reason {
    /// What is expected, in a language.
    #[must_use]
    pub fn text(self, locale: Locale) -> Cow<'static, str> {
        catalogue::message(locale, self.id(), &FluentArgs::new())
    }
}

impl UserError {
    /// An error at `input.<field>`.
    #[must_use]
    pub(crate) fn input(field: &'static str, code: UserErrorCode) -> Self {
        Self { path: vec!["input", field], ..Self::whole(code) }
    }

    /// An error that concerns the whole call.
    #[must_use]
    pub fn whole(code: UserErrorCode) -> Self {
        Self { code, path: Vec::new(), parameters: Vec::new(), reason: None, retry_after: None }
    }

    /// Fills in a parameter of the message.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Parameter>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }

    /// Says in how long it is possible again, in whole seconds, rounded up.
    #[must_use]
    pub(crate) fn retry_after(mut self, wait: TimeDelta) -> Self {
        self.retry_after = Some((wait.as_seconds_f64().ceil() as i64).max(1));
        self
    }

    /// `INVALID` at `input.<field>`, with what is expected.
    #[must_use]
    pub(crate) fn invalid(field: &'static str, reason: Reason) -> Self {
        Self { reason: Some(reason), ..Self::input(field, UserErrorCode::Invalid) }
    }

    /// The message in a language, its parameters filled in.
    #[must_use]
    pub fn message(&self, locale: Locale) -> String {
        let mut arguments = FluentArgs::new();
        if let Some(reason) = self.reason {
            arguments.set("reason", reason.text(locale));
        }
        for (name, value) in &self.parameters {
            arguments.set(*name, value.value(locale));
        }
        catalogue::message(locale, self.code.id(), &arguments).into_owned()
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} at {:?}", self.code, self.path)
    }
}

/// Calls `$callback!` with every user error code: description, name, the parameters of its message, and the name of that in the
/// message catalogue.
/// The one list behind [`UserErrorCode`] and its mirror in the graph.
macro_rules! for_each_user_error_code {
    ($callback:ident) => {
        $callback! {
            #[doc = "Required, and empty or only white space."]
            Blank = "error-blank";
            #[doc = "Longer than allowed."]
            TooLong { max } = "error-too-long";
            #[doc = "Shorter than required."]
            TooShort { min } = "error-too-short";
            #[doc = "Not of the form that is expected here."]
            Invalid { reason } = "error-invalid";
            #[doc = "Holds characters that are not allowed, such as control characters."]
            InvalidCharacters = "error-invalid-characters";
            #[doc = "Not an id, or an id of something else."]
            InvalidId { expected } = "error-invalid-id";
            #[doc = "There is nothing with this id that you may see."]
            NotFound = "error-not-found";
            #[doc = "You may see it, but not change it."]
            NotAllowed = "error-not-allowed";
            #[doc = "Somebody has it already."]
            Taken = "error-taken";
            #[doc = "Kept for the service itself."]
            Reserved = "error-reserved";
            #[doc = "Done too recently; possible again in `retryAfter` seconds."]
            TooSoon { at } = "error-too-soon";
            #[doc = "Too easy to guess: common, or made of the user's own name or address."]
            PasswordTooWeak = "error-password-too-weak";
            #[doc = "The login or the password is wrong; which of them is not told."]
            InvalidCredentials = "error-invalid-credentials";
            #[doc = "The e-mail address has to be confirmed before signing in."]
            EmailNotConfirmed = "error-email-not-confirmed";
            #[doc = "The refresh token is unknown, expired, used before or of an ended session: sign in again."]
            InvalidRefreshToken = "error-invalid-refresh-token";
            #[doc = "The code or link is wrong, used, replaced by a newer one, expired, or was tried too often: ask for a new one."]
            InvalidCode = "error-invalid-code";
            #[doc = "A code was sent only just now; another can be sent in `retryAfter` seconds."]
            CodeSentJustNow { at } = "error-code-sent-just-now";
            #[doc = "As many codes as one day allows were sent."]
            TooManyCodes = "error-too-many-codes";
            #[doc = "There is nothing to prove: it is proven already."]
            AlreadyVerified = "error-already-verified";
            #[doc = "The password is wrong."]
            WrongPassword = "error-wrong-password";
            #[doc = "The account has no password: it is signed in to by a provider. Set one by `passwordResetRequest`."]
            NoPassword = "error-no-password";
            #[doc = "The person may not sign in at present; `parameters` say why and until when."]
            AccountSuspended { until, reason } = "error-account-suspended";
            #[doc = "The challenge is unknown, over, used, or was tried too often: sign in again."]
            InvalidChallenge = "error-invalid-challenge";
            #[doc = "The second factor is switched on already."]
            TwoFactorEnabled = "error-two-factor-enabled";
            #[doc = "The second factor is not switched on, or not set up."]
            TwoFactorNotEnabled = "error-two-factor-not-enabled";
            #[doc = "The person's role demands a second factor."]
            TwoFactorRequired = "error-two-factor-required";
            #[doc = "This way to prove who one is, is not set up for this account."]
            MethodNotAvailable = "error-method-not-available";
            #[doc = "The sign-in at the provider failed, was refused, took too long, or was not begun here."]
            ProviderFailed = "error-provider-failed";
            #[doc = "The provider gave no e-mail address that it has verified: verify one there, or sign in here in another way and link it."]
            ProviderEmailUnverified = "error-provider-email-unverified";
            #[doc = "An account with this e-mail address exists: sign in to it, then link the identity."]
            LinkRequired = "error-link-required";
            #[doc = "This identity, or another one of the same provider, is linked already."]
            AlreadyLinked = "error-already-linked";
            #[doc = "Without it, nobody could sign in to the account any more."]
            LastWayIn = "error-last-way-in";
            #[doc = "There has to be an owner."]
            LastOwner = "error-last-owner";
            #[doc = "Nobody gives or takes rights that they don't have, or acts on themselves here."]
            BeyondYourRights = "error-beyond-your-rights";
            #[doc = "There is one already, or it was done already."]
            AlreadyDone = "error-already-done";
            #[doc = "There is not enough money: what is held does not count."]
            InsufficientFunds = "error-insufficient-funds";
            #[doc = "Not an amount that is possible here: it has to be above zero, with no more decimals than the currency has."]
            InvalidAmount { currency } = "error-invalid-amount";
            #[doc = "Less than is allowed here."]
            AmountTooSmall { min } = "error-amount-too-small";
            #[doc = "More than is allowed here, or than is left."]
            AmountTooLarge { max } = "error-amount-too-large";
            #[doc = "Another currency than the one that is used here."]
            CurrencyMismatch { currency } = "error-currency-mismatch";
            #[doc = "This way to pay is not offered here, or not for this."]
            ProviderNotAvailable = "error-provider-not-available";
            #[doc = "Its state does not allow it (any more); `parameters` say which."]
            WrongState { state } = "error-wrong-state";
            #[doc = "The provider of payments refused; `parameters` say why."]
            PaymentRefused { reason } = "error-payment-refused";
            #[doc = "The same person can't do both steps: somebody else has to approve."]
            SecondPersonNeeded = "error-second-person-needed";
            #[doc = "The goal takes no contributions (any more)."]
            GoalClosed = "error-goal-closed";
            #[doc = "There are as many as are allowed."]
            TooMany { max } = "error-too-many";
            #[doc = "There is one already."]
            AlreadyExists = "error-already-exists";
            #[doc = "The account still has money, or money on its way: take it out first."]
            WalletNotEmpty = "error-wallet-not-empty";
            #[doc = "The key was used before with another input."]
            IdempotencyKeyReused = "error-idempotency-key-reused";
        }
    };
}
pub(crate) use for_each_user_error_code;

macro_rules! define_codes {
    ($(#[doc = $doc:literal] $name:ident $({ $($parameter:ident),+ })? = $id:literal;)+) => {
        /// Why an input was refused. Stable: codes are added, never changed in meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum UserErrorCode { $(#[doc = $doc] $name,)+ }

        impl UserErrorCode {
            /// Every code, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name of its message in the message catalogue.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }

            /// The parameters of its message.
            #[must_use]
            pub fn parameters(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($(stringify!($parameter)),+)?],)+
                }
            }
        }
    };
}
for_each_user_error_code!(define_codes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_parameters_filled_in_in_both_languages() {
        let error = UserError::input("body", UserErrorCode::TooLong).with("max", 10);
        assert_eq!(error.message(Locale::English), "At most 10 characters are allowed.");
        assert!(error.message(Locale::Arabic).contains("10"));
    }

    #[test]
    fn a_state_is_told_in_the_language_of_the_caller() {
        let error = UserError::input("id", UserErrorCode::WrongState).with("state", State::Canceled);
        assert_eq!(error.message(Locale::English), "This is no longer possible: it is canceled.");
        assert_eq!(error.message(Locale::Arabic), "لم يعد هذا ممكنًا: الحالة «ملغى».");
        for state in State::ALL {
            assert!(state.text(Locale::English).is_ascii(), "{state:?}");
            assert!(!state.text(Locale::Arabic).contains(|letter: char| letter.is_ascii_alphabetic()), "{state:?}");
        }
    }

    #[test]
    fn people_are_refused_in_their_language_and_developers_in_english() {
        for code in [Code::Unauthenticated, Code::Forbidden, Code::RateLimited, Code::Unavailable, Code::Internal] {
            let refusal = Refusal::new(code, "English.");
            assert_eq!(refusal.text(Locale::English), "English.");
            assert!(!refusal.text(Locale::Arabic).is_ascii(), "{refusal}");
        }
        assert_eq!(Refusal::new(Code::BadRequest, "Syntax error.").text(Locale::Arabic), "Syntax error.");
        let refusal = Refusal::of(Code::RateLimited, Text::TooManyRequests { seconds: 7 });
        for locale in [Locale::English, Locale::Arabic] {
            assert_eq!(refusal.text(locale), Text::TooManyRequests { seconds: 7 }.in_language(locale));
        }
        assert_eq!(refusal.saying("English.").text(Locale::Arabic), Text::RateLimited.in_language(Locale::Arabic));
    }

    #[test]
    fn whoever_has_to_wait_waits_whole_seconds() {
        let waits =
            |milliseconds| UserError::whole(UserErrorCode::TooSoon).retry_after(TimeDelta::milliseconds(milliseconds));
        for (milliseconds, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (60_000, 60)] {
            assert_eq!(waits(milliseconds).retry_after, Some(seconds), "{milliseconds}");
        }
    }
}
