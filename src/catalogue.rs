//! The message catalogue: whatever people read, in their language, out of `locales/<language>/*.ftl`, in the syntax of
//! Project Fluent. E-mails and text messages are files of their own, see `domain::messages`; texts for developers only, such as
//! those about a document's syntax, stand in the code, in English.
//!
//! Always holds (`tests/it/catalogue.rs`): every language has every message and fills in every parameter, and no message is
//! there that nobody asks for.
//!
//! Parameters are not put between marks that isolate their direction (`set_use_isolating`): many of these texts are compared,
//! stored, cut to a length or put into HTML, where the marks would be characters of the text. Letters, which are read only, isolate
//! what they fill in.

use std::{borrow::Cow, sync::LazyLock};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

/// Languages that messages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Locale {
    /// English, also for every language that is not listed.
    #[default]
    English,
    /// Arabic, for every tag that begins with `ar`.
    Arabic,
}

impl Locale {
    /// Every language.
    pub const ALL: &'static [Self] = &[Self::English, Self::Arabic];

    /// The language tag, as stored and as in `Accept-Language`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Arabic => "ar",
        }
    }

    /// Which way it runs, as HTML's `dir` says it.
    #[must_use]
    pub(crate) fn direction(self) -> &'static str {
        match self {
            Self::English => "ltr",
            Self::Arabic => "rtl",
        }
    }

    /// The best language for an `Accept-Language` header or a stored tag (RFC 9110, 12.5.4; equal weights: first wins).
    #[must_use]
    pub(crate) fn parse(header: &str) -> Self {
        let mut best = (Self::English, 0_u16);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1000, |text| text.parse::<f32>().map_or(0, |q| (q.clamp(0.0, 1.0) * 1000.0) as u16));
            let language = match tag.split('-').next() {
                Some("ar") => Self::Arabic,
                Some("en" | "*") => Self::English,
                _ => continue,
            };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    fn sources(self) -> [&'static str; 4] {
        match self {
            Self::English => [
                include_str!("../locales/en/errors.ftl"),
                include_str!("../locales/en/notifications.ftl"),
                include_str!("../locales/en/pages.ftl"),
                include_str!("../locales/en/payments.ftl"),
            ],
            Self::Arabic => [
                include_str!("../locales/ar/errors.ftl"),
                include_str!("../locales/ar/notifications.ftl"),
                include_str!("../locales/ar/pages.ftl"),
                include_str!("../locales/ar/payments.ftl"),
            ],
        }
    }

    fn bundle(self) -> &'static Bundle {
        match self {
            Self::English => &ENGLISH,
            Self::Arabic => &ARABIC,
        }
    }
}

type Bundle = fluent_bundle::concurrent::FluentBundle<FluentResource>;

static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| read(Locale::English));
static ARABIC: LazyLock<Bundle> = LazyLock::new(|| read(Locale::Arabic));

fn read(locale: Locale) -> Bundle {
    let mut bundle = Bundle::new_concurrent(vec![locale.as_str().parse().unwrap_or_default()]);
    bundle.set_use_isolating(false);
    for source in locale.sources() {
        // The tests would see it; what can be read is said all the same.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, errors)| {
            tracing::error!(?locale, ?errors, "a file of messages is broken");
            resource
        });
        if let Err(errors) = bundle.add_resource(resource) {
            tracing::error!(?locale, ?errors, "a message is there twice");
        }
    }
    bundle
}

/// The message of a name in a language, its parameters filled in. For what is known when it is written, [`Text`] is safer.
#[must_use]
pub fn message(locale: Locale, id: &'static str, arguments: &FluentArgs<'_>) -> Cow<'static, str> {
    let bundle = locale.bundle();
    let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) else {
        tracing::error!(?locale, id, "a message is missing");
        return id.into();
    };
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(arguments), &mut errors);
    if !errors.is_empty() {
        tracing::warn!(?locale, id, ?errors, "a message could not be filled in");
    }
    text
}

/// What can be filled in: words as they are, numbers so that a language can choose a plural form by them.
trait Value {
    fn value(&self) -> FluentValue<'_>;
}

impl Value for Cow<'_, str> {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::from(&**self)
    }
}

impl Value for u64 {
    fn value(&self) -> FluentValue<'_> {
        i64::try_from(*self).map_or_else(|_| FluentValue::from(self.to_string()), number)
    }
}

/// A number, which Fluent keeps as a float: what is too large to be exact there is words.
#[must_use]
pub(crate) fn number(number: i64) -> FluentValue<'static> {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    if number.unsigned_abs() > EXACT { FluentValue::from(number.to_string()) } else { FluentValue::from(number) }
}

/// Defines [`Text`]: each with its parameters and its name in the files.
macro_rules! texts {
    ($lifetime:lifetime; $($name:ident $({ $($parameter:ident: $type:ty),+ })? = $id:literal,)+) => {
        /// What people are told.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the texts say it")]
        pub enum Text<$lifetime> { $($name $({ $($parameter: $type),+ })?,)+ }

        impl Text<'_> {
            /// Every text: as it is called here, its name in the files, its parameters.
            pub const ALL: &'static [(&'static str, &'static str, &'static [&'static str])] =
                &[$((stringify!($name), $id, &[$($(stringify!($parameter)),+)?]),)+];

            fn id(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $id,)+
                }
            }

            fn arguments(&self) -> FluentArgs<'_> {
                let mut arguments = FluentArgs::new();
                match self {
                    $(Self::$name $({ $($parameter),+ })? => {
                        $($(arguments.set(stringify!($parameter), $parameter.value());)+)?
                    })+
                }
                arguments
            }
        }
    };
}

impl Text<'_> {
    /// In a language.
    #[must_use]
    pub(crate) fn in_language(&self, locale: Locale) -> Cow<'static, str> {
        message(locale, self.id(), &self.arguments())
    }
}

texts! {
    'a;

    // Refusals: in general, then more precise ones.
    Unauthenticated = "unauthenticated",
    Forbidden = "forbidden",
    ReauthenticationRequired = "reauthentication-required",
    TwoFactorSetupRequired = "two-factor-setup-required",
    RateLimited = "rate-limited",
    CostExceeded = "cost-exceeded",
    Timeout = "timeout",
    Unavailable = "unavailable",
    Internal = "internal",
    FurtherNotice = "further-notice",

    TokenRefused = "token-refused",
    SessionOver = "session-over",
    OperationNotTrusted { document: Cow<'a, str> } = "operation-not-trusted",
    OriginNotAllowed = "origin-not-allowed",
    TooManyRequests { seconds: u64 } = "too-many-requests",
    TooManyTries { seconds: u64 } = "too-many-tries",
    TooMuchAtOnce = "too-much-at-once",
    OverLimit { what: Cow<'a, str>, limit: u64, requested: u64 } = "over-limit",
    AnswerTooLarge { limit: u64 } = "answer-too-large",
    DoneButAnswerTooLarge { limit: u64 } = "done-but-answer-too-large",
    NotDoneInTime { seconds: u64 } = "not-done-in-time",
    PerhapsDoneLater { seconds: u64 } = "perhaps-done-later",
    DatabaseSlow = "database-slow",
    DatabaseBusy = "database-busy",
    DatabaseUnavailable = "database-unavailable",
    OutcomeUnknown = "outcome-unknown",
    TooManyConnections = "too-many-connections",
    SignInBusy = "sign-in-busy",
    CatchingUpBusy = "catching-up-busy",
    EventsBusy = "events-busy",
    PaymentProviderUnavailable = "payment-provider-unavailable",
    PaymentProviderUnavailableWithKey = "payment-provider-unavailable-with-key",

    // Notifications.
    LikesYourPost { name: Cow<'a, str> } = "likes-your-post",
    LikesYourComment { name: Cow<'a, str> } = "likes-your-comment",
    CommentedOnYourPost { name: Cow<'a, str> } = "commented-on-your-post",
    RepliedToYourComment { name: Cow<'a, str> } = "replied-to-your-comment",
    SharedYourPost { name: Cow<'a, str> } = "shared-your-post",
    GaveToYourGoal { name: Cow<'a, str> } = "gave-to-your-goal",
    CommentedOnContribution { name: Cow<'a, str> } = "commented-on-contribution",
    AsksForRefund { name: Cow<'a, str> } = "asks-for-refund",
    GoalHasNews { goal: Cow<'a, str> } = "goal-has-news",
    GoalIsOver { goal: Cow<'a, str> } = "goal-is-over",
    MoneyTakenBack { amount: Cow<'a, str> } = "money-taken-back",
    DisputeWon { amount: Cow<'a, str> } = "dispute-won",
    DisputeLost { amount: Cow<'a, str> } = "dispute-lost",
    DisputeOpened { amount: Cow<'a, str> } = "dispute-opened",
    YouOwe { amount: Cow<'a, str> } = "you-owe",
    Somebody = "somebody",
    GoalMissedItsTarget = "goal-missed-its-target",
    GoalWasCalledOff = "goal-was-called-off",
    GoalClosed = "goal-closed",

    // What staff has to look into.
    AlertDisputeOpened = "alert-dispute-opened",
    AlertDisputeLost = "alert-dispute-lost",
    AlertRefundFailed = "alert-refund-failed",
    AlertRefundStuck = "alert-refund-stuck",
    AlertGivenBackBeyond = "alert-given-back-beyond",
    AlertBooksDiffer = "alert-books-differ",
    AlertProvidersDiffer = "alert-providers-differ",
    AlertJobsDied = "alert-jobs-died",
    AlertWithdrawalsWait = "alert-withdrawals-wait",

    // The page behind the link under news, and that link. The title of the goal is escaped HTML.
    NewsByEmail = "news-by-email",
    Unsubscribe = "unsubscribe",
    NewsIsOn { goal: Cow<'a, str> } = "news-is-on",
    NewsIsOff { goal: Cow<'a, str> } = "news-is-off",

    // What payers read at the provider and in the receipt.
    WalletDeposit { service: Cow<'a, str> } = "wallet-deposit",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_of_a_header_is_chosen() {
        assert_eq!(Locale::parse("ar-EG,ar;q=0.9,en;q=0.8"), Locale::Arabic);
        assert_eq!(Locale::parse("en-GB, ar;q=0.9"), Locale::English);
        assert_eq!(Locale::parse("fr, ar;q=0.5, en;q=0.4"), Locale::Arabic);
        assert_eq!(Locale::parse("fr"), Locale::English);
        assert_eq!(Locale::parse("ar;q=nonsense"), Locale::English);
    }

    #[test]
    fn every_file_can_be_read_and_no_message_is_there_twice() {
        for locale in Locale::ALL {
            let mut bundle = Bundle::new_concurrent(vec![locale.as_str().parse().unwrap()]);
            for source in locale.sources() {
                let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| errors).unwrap();
                bundle.add_resource(resource).unwrap();
            }
        }
    }

    #[test]
    fn what_is_filled_in_is_said_as_it_is_with_no_mark_around_it() {
        let said = |name: &'static str, locale| Text::LikesYourPost { name: name.into() }.in_language(locale);
        assert_eq!(said("Amina", Locale::English), "Amina likes your post");
        assert_eq!(said("{ $name } { unavailable }", Locale::English), "{ $name } { unavailable } likes your post");
        assert!(said("Amina", Locale::Arabic).ends_with(" Amina"));
        for seconds in [0, 7, 1_000_000, 1 << 53, (1 << 53) + 1, u64::MAX] {
            let text = Text::TooManyRequests { seconds }.in_language(Locale::English);
            assert_eq!(text, format!("Too many requests; try again in {seconds} s."));
        }
    }

    #[test]
    fn what_has_no_words_of_its_own_in_a_language_says_the_general_ones() {
        let general = Text::Unavailable.in_language(Locale::Arabic);
        assert_eq!(Text::DatabaseBusy.in_language(Locale::Arabic), general);
        assert_ne!(Text::DatabaseBusy.in_language(Locale::English), Text::Unavailable.in_language(Locale::English));
    }
}
