//! What can go wrong, typed and coded. Knows neither GraphQL nor axum: `graphql::error` turns these into answers.
//!
//! Three kinds, by who can do something about it:
//! - [`UserError`]s: the caller can mend the input. They travel in a payload's `errors`; nothing was changed.
//! - [`Refusal`]s: the caller can't get this answer at all (not signed in, over a limit …). Top-level errors.
//! - causes: the operator's business. The caller sees `INTERNAL`, the log has the chain.

use std::fmt;

use chrono::TimeDelta;

mod database;

pub use database::DatabaseFailure;

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
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// `BAD_REQUEST` with a message.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(Code::BadRequest, message))
    }

    /// `UNAUTHENTICATED`: nobody is signed in, or no longer.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::Refused(Refusal::new(Code::Unauthenticated, "Sign in first: this needs a valid access token."))
    }

    /// `FORBIDDEN`: signed in, but not allowed.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::Refused(Refusal::new(Code::Forbidden, "You are not allowed to do this."))
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
    /// Needs a fresh authentication; `methods` says how.
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
    /// What a person is told in Arabic, in general; none where the words are for developers, whose language is English.
    fn arabic(self) -> Option<&'static str> {
        Some(match self {
            Self::BadRequest | Self::PersistedQueryNotFound => return None,
            Self::Unauthenticated => "سجّل الدخول أولًا: هذا يتطلب رمز دخول صالحًا.",
            Self::Forbidden => "لا يُسمح لك بهذا.",
            Self::ReauthenticationRequired => "أثبت هويتك من جديد عبر `reauthenticate`، ثم أعد المحاولة.",
            Self::TwoFactorSetupRequired => "دورك يتطلب المصادقة الثنائية: فعّلها، ثم جدّد الجلسة.",
            Self::RateLimited => "طلبات كثيرة جدًا؛ حاول مرة أخرى بعد قليل.",
            Self::CostExceeded => "هذا الطلب أكبر مما هو مسموح به؛ اطلب أقل في المرة الواحدة.",
            Self::Timeout => "استغرق هذا وقتًا أطول من اللازم.",
            Self::Unavailable => "الخدمة غير متاحة الآن؛ حاول مرة أخرى بعد قليل.",
            Self::Internal => "حدث خطأ من جانبنا؛ رقم الطلب يساعد على معرفة السبب.",
        })
    }
}

/// A top-level refusal: a code, a message, and facts that a client can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the closed list.
    pub code: Code,
    /// For developers, and as a fallback for people; in English.
    pub message: String,
    /// The same in Arabic, where it says more than the code's own words.
    translation: Option<Box<Translation>>,
    /// Further members of `extensions`, such as `limit`, `requested`, `retryAfter`.
    pub details: Vec<(&'static str, serde_json::Value)>,
    /// Where in the query's text: line and column, from 1.
    pub locations: Vec<(usize, usize)>,
    /// What else is wrong with the same document.
    pub others: Vec<Self>,
}

/// A message in what is not English. Few have one: boxed, it keeps every result small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Translation {
    arabic: String,
}

impl Refusal {
    /// A refusal without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message, translation: None, details: Vec::new(), locations: Vec::new(), others: Vec::new() }
    }

    /// A failure inside, as callers see it: the log has the cause.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Code::Internal, "Something went wrong on our side; the request id helps to find out what.")
    }

    /// Adds a member of `extensions`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// The first of several, with the others; `None` when there is none.
    #[must_use]
    pub fn several(refusals: Vec<Self>) -> Option<Self> {
        let mut refusals = refusals.into_iter();
        let first = refusals.next()?;
        Some(Self { others: refusals.collect(), ..first })
    }

    /// The same with another message.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The message in Arabic, where it says more than the code alone.
    #[must_use]
    pub fn in_arabic(mut self, message: impl Into<String>) -> Self {
        self.translation = Some(Box::new(Translation { arabic: message.into() }));
        self
    }

    /// The message in a language.
    #[must_use]
    pub fn text(&self, locale: Locale) -> &str {
        match locale {
            Locale::English => &self.message,
            Locale::Arabic => {
                let own = self.translation.as_deref().map(|translation| translation.arabic.as_str());
                own.or_else(|| self.code.arabic()).unwrap_or(&self.message)
            }
        }
    }

    /// A limit was passed: says which, what it allows and what was asked.
    pub fn over_limit(what: &'static str, limit: u64, requested: u64) -> Self {
        Self::new(Code::CostExceeded, format!("The operation's {what} is {requested}; the limit is {limit}."))
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
    /// The language tag, as stored and as in `Accept-Language`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Arabic => "ar",
        }
    }

    /// The best language for an `Accept-Language` header or a stored tag (RFC 9110, 12.5.4; equal weights: first wins).
    #[must_use]
    pub fn parse(header: &str) -> Self {
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
}

/// Something in the input that the caller can mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserError {
    /// Stable; clients act on it.
    pub code: UserErrorCode,
    /// Where in the arguments, as in `["input", "body"]`; empty when it concerns the whole.
    pub path: Vec<&'static str>,
    /// Values for the placeholders of the message.
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
    /// For people only.
    Words(String),
}

impl fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Amount { text, .. } | Self::Words(text) => formatter.write_str(text),
            Self::Currencies(codes) => formatter.write_str(&codes.join(", ")),
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
        Self::Words(words.to_owned())
    }
}

impl From<String> for Parameter {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

/// What is expected where something is [`UserErrorCode::Invalid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum Reason {
    Username,
    OneScript,
    Email,
    HttpsAddress,
    PostOrComment,
    Phone,
    Country,
    BirthDate,
    Currency,
    Provider,
    RelativePath,
    Future,
    Iban,
    AccountNumber,
    BankAccount,
    Deadline,
    SuggestedAmounts,
    Time,
    Day,
    DecimalNumber,
    CurrencyCode,
    Integer,
    CodeOrToken,
    GuestKey,
}

impl Reason {
    /// What is expected, in a language.
    #[must_use]
    pub fn text(self, locale: Locale) -> &'static str {
        match (self, locale) {
            (Self::Username, Locale::English) => "letters, digits and underscores, starting with a letter.",
            (Self::Username, Locale::Arabic) => "حروف لاتينية وأرقام وشرطات سفلية، تبدأ بحرف.",
            (Self::OneScript, Locale::English) => "letters of one script in each word are expected.",
            (Self::OneScript, Locale::Arabic) => "المطلوب أن تكون حروف كل كلمة من أبجدية واحدة.",
            (Self::Email, Locale::English) => "an e-mail address is expected.",
            (Self::Email, Locale::Arabic) => "المطلوب عنوان بريد إلكتروني.",
            (Self::HttpsAddress, Locale::English) => "an https address of a public host is expected.",
            (Self::HttpsAddress, Locale::Arabic) => "المطلوب عنوان عام يبدأ بـ https.",
            (Self::Phone, Locale::English) => {
                "a telephone number with its country code is expected, such as +201001234567."
            }
            (Self::Phone, Locale::Arabic) => "المطلوب رقم هاتف مع رمز الدولة، مثل ‎+201001234567.",
            (Self::Country, Locale::English) => "a country's two letters of ISO 3166-1 are expected, such as EG.",
            (Self::Country, Locale::Arabic) => "المطلوب رمز الدولة من حرفين حسب ISO 3166-1، مثل EG.",
            (Self::BirthDate, Locale::English) => "a date in the past, not before 1900, is expected.",
            (Self::BirthDate, Locale::Arabic) => "المطلوب تاريخ في الماضي لا يسبق عام 1900.",
            (Self::Currency, Locale::English) => {
                "an amount of 0 or more is expected, of at most ten digits, with no more decimals than the currency has."
            }
            (Self::Currency, Locale::Arabic) => {
                "المطلوب مبلغ لا يقل عن 0، من عشرة أرقام على الأكثر، ولا تزيد خاناته العشرية على ما للعملة."
            }
            (Self::RelativePath, Locale::English) => "a path within the frontend is expected, such as /settings.",
            (Self::RelativePath, Locale::Arabic) => "المطلوب مسار داخل الواجهة، مثل ‎/settings.",
            (Self::Provider, Locale::English) => "this provider is not configured here.",
            (Self::Provider, Locale::Arabic) => "مزوّد تسجيل الدخول هذا غير مُعَدّ هنا.",
            (Self::Future, Locale::English) => "a time in the future is expected.",
            (Self::Future, Locale::Arabic) => "المطلوب وقت في المستقبل.",
            (Self::Iban, Locale::English) => "an IBAN with its country and right check digits is expected.",
            (Self::Iban, Locale::Arabic) => "المطلوب رقم آيبان مع رمز الدولة وأرقام تحقق صحيحة.",
            (Self::AccountNumber, Locale::English) => "4 to 34 letters and digits are expected.",
            (Self::AccountNumber, Locale::Arabic) => "المطلوب من 4 إلى 34 حرفًا لاتينيًا أو رقمًا.",
            (Self::BankAccount, Locale::English) => "give either `iban` or `accountNumber`.",
            (Self::BankAccount, Locale::Arabic) => "حدّد إمّا `iban` أو `accountNumber`.",
            (Self::Deadline, Locale::English) => "a time in the future, at most a year ahead, is expected.",
            (Self::Deadline, Locale::Arabic) => "المطلوب وقت في المستقبل، خلال سنة على الأكثر.",
            (Self::SuggestedAmounts, Locale::English) => "at most six amounts are expected.",
            (Self::SuggestedAmounts, Locale::Arabic) => "المطلوب ستة مبالغ على الأكثر.",
            (Self::Time, Locale::English) => "a time with its offset is expected, such as 2030-12-31T18:00:00Z.",
            (Self::Time, Locale::Arabic) => "المطلوب وقت مع فارق التوقيت، مثل ‎2030-12-31T18:00:00Z.",
            (Self::Day, Locale::English) => "a day is expected, such as 2001-12-31.",
            (Self::Day, Locale::Arabic) => "المطلوب تاريخ، مثل ‎2001-12-31.",
            (Self::DecimalNumber, Locale::English) => "a decimal number is expected, such as 12.50.",
            (Self::DecimalNumber, Locale::Arabic) => "المطلوب عدد عشري، مثل ‎12.50.",
            (Self::CurrencyCode, Locale::English) => "a currency's code of ISO 4217 is expected, such as USD.",
            (Self::CurrencyCode, Locale::Arabic) => "المطلوب رمز عملة حسب ISO 4217، مثل USD.",
            (Self::Integer, Locale::English) => "a whole number between -2147483648 and 2147483647 is expected.",
            (Self::Integer, Locale::Arabic) => "المطلوب عدد صحيح بين ‎-2147483648 و‎2147483647.",
            (Self::GuestKey, Locale::English) => {
                "a guest's key and secret have to be such as nobody guesses, and not the same, such as two random UUIDs."
            }
            (Self::GuestKey, Locale::Arabic) => {
                "يجب أن يكون مفتاح الضيف وسرّه مما لا يمكن تخمينه وأن يختلفا، مثل UUID عشوائي لكل منهما."
            }
            (Self::CodeOrToken, Locale::English) => "give either `token`, of the link, or `code`.",
            (Self::CodeOrToken, Locale::Arabic) => "حدّد إمّا `token` من الرابط أو `code`.",
            (Self::PostOrComment, Locale::English) => "give either `postId` or `commentId`.",
            (Self::PostOrComment, Locale::Arabic) => "حدّد إمّا `postId` أو `commentId`.",
        }
    }
}

impl UserError {
    /// An error at `input.<field>`.
    #[must_use]
    pub fn input(field: &'static str, code: UserErrorCode) -> Self {
        Self { path: vec!["input", field], ..Self::whole(code) }
    }

    /// An error that concerns the whole call.
    #[must_use]
    pub fn whole(code: UserErrorCode) -> Self {
        Self { code, path: Vec::new(), parameters: Vec::new(), reason: None, retry_after: None }
    }

    /// Fills the message's placeholder `{name}`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Parameter>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }

    /// Says in how long it is possible again, in whole seconds, rounded up.
    #[must_use]
    pub fn retry_after(mut self, wait: TimeDelta) -> Self {
        self.retry_after = Some((wait.as_seconds_f64().ceil() as i64).max(1));
        self
    }

    /// `INVALID` at `input.<field>`, with what is expected.
    #[must_use]
    pub fn invalid(field: &'static str, reason: Reason) -> Self {
        Self { reason: Some(reason), ..Self::input(field, UserErrorCode::Invalid) }
    }

    /// The message in a language, placeholders filled.
    #[must_use]
    pub fn message(&self, locale: Locale) -> String {
        let mut text = self.code.template(locale).to_owned();
        for (name, value) in &self.parameters {
            text = text.replace(&format!("{{{name}}}"), &value.to_string());
        }
        if let Some(reason) = self.reason {
            text = text.replace("{reason}", reason.text(locale));
        }
        text
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} at {:?}", self.code, self.path)
    }
}

/// Calls `$callback!` with every user error code: description, name, English and Arabic message.
/// The one list behind [`UserErrorCode`] and its mirror in the graph.
macro_rules! for_each_user_error_code {
    ($callback:ident) => {
        $callback! {
            #[doc = "Required, and empty or only white space."]
            Blank, "This must not be empty.", "لا يمكن أن يكون هذا الحقل فارغًا.";
            #[doc = "Longer than allowed."]
            TooLong, "At most {max} characters are allowed.", "الحد الأقصى هو {max} حرفًا.";
            #[doc = "Shorter than required."]
            TooShort, "At least {min} characters are needed.", "مطلوب {min} أحرف على الأقل.";
            #[doc = "Not of the form that is expected here."]
            Invalid, "This is not valid: {reason}", "قيمة غير صالحة: {reason}";
            #[doc = "Holds characters that are not allowed, such as control characters."]
            InvalidCharacters, "This contains characters that are not allowed.", "يحتوي هذا على أحرف غير مسموح بها.";
            #[doc = "Not an id, or an id of something else."]
            InvalidId, "This is not the id of a {expected}.", "هذا ليس معرّفًا صحيحًا.";
            #[doc = "There is nothing with this id that you may see."]
            NotFound, "There is no such thing, or you may not see it.", "غير موجود أو لا يمكنك رؤيته.";
            #[doc = "You may see it, but not change it."]
            NotAllowed, "You may not change this.", "لا يمكنك تغيير هذا.";
            #[doc = "Somebody has it already."]
            Taken, "This is already taken.", "هذا مستخدَم من قبل.";
            #[doc = "Kept for the service itself."]
            Reserved, "This name is reserved.", "هذا الاسم محجوز.";
            #[doc = "Done too recently; possible again in `retryAfter` seconds."]
            TooSoon, "This is possible again at {at}.", "هذا ممكن مرة أخرى في {at}.";
            #[doc = "Too easy to guess: common, or made of the user's own name or address."]
            PasswordTooWeak, "This password is too easy to guess; choose a longer or less common one.", "كلمة المرور سهلة التخمين؛ اختر كلمة أطول أو أقل شيوعًا.";
            #[doc = "The login or the password is wrong; which of them is not told."]
            InvalidCredentials, "The login or the password is wrong.", "اسم الدخول أو كلمة المرور غير صحيحة.";
            #[doc = "The e-mail address has to be confirmed before signing in."]
            EmailNotConfirmed, "Confirm your e-mail address first.", "أكّد عنوان بريدك الإلكتروني أولًا.";
            #[doc = "The refresh token is unknown, expired, used before or of an ended session: sign in again."]
            InvalidRefreshToken, "The session has ended; sign in again.", "انتهت الجلسة؛ سجّل الدخول من جديد.";
            #[doc = "The code or link is wrong, used, replaced by a newer one, expired, or was tried too often: ask for a new one."]
            InvalidCode, "This code is wrong or no longer valid.", "هذا الرمز غير صحيح أو لم يعد صالحًا.";
            #[doc = "A code was sent only just now; another can be sent in `retryAfter` seconds."]
            CodeSentJustNow, "A code was sent just now; another can be sent at {at}.", "أُرسل رمز للتو؛ يمكن إرسال رمز آخر في {at}.";
            #[doc = "As many codes as one day allows were sent."]
            TooManyCodes, "Too many codes were sent today; try again tomorrow.", "أُرسلت رموز كثيرة اليوم؛ حاول غدًا.";
            #[doc = "There is nothing to prove: it is proven already."]
            AlreadyVerified, "This is verified already.", "تم التحقق من هذا من قبل.";
            #[doc = "The password is wrong."]
            WrongPassword, "The password is wrong.", "كلمة المرور غير صحيحة.";
            #[doc = "The account has no password: it is signed in to by a provider. Set one by `passwordResetRequest`."]
            NoPassword, "This account has no password; set one by a reset.", "لا توجد كلمة مرور لهذا الحساب؛ أنشئ واحدة عبر إعادة التعيين.";
            #[doc = "The person may not sign in at present; the message says why and until when."]
            AccountSuspended, "This account is suspended until {until}: {reason}", "هذا الحساب موقوف حتى {until}: {reason}";
            #[doc = "The challenge is unknown, over, used, or was tried too often: sign in again."]
            InvalidChallenge, "This sign-in took too long or was tried too often; sign in again.", "استغرق تسجيل الدخول وقتًا أطول من اللازم أو تكررت المحاولات؛ سجّل الدخول من جديد.";
            #[doc = "The second factor is switched on already."]
            TwoFactorEnabled, "Two-factor authentication is on already.", "المصادقة الثنائية مفعّلة من قبل.";
            #[doc = "The second factor is not switched on, or not set up."]
            TwoFactorNotEnabled, "Two-factor authentication is not set up.", "المصادقة الثنائية غير مُعدّة.";
            #[doc = "The person's role demands a second factor."]
            TwoFactorRequired, "Your role requires two-factor authentication.", "دورك يتطلب المصادقة الثنائية.";
            #[doc = "This way to prove who one is, is not set up for this account."]
            MethodNotAvailable, "This method is not available for this account.", "هذه الطريقة غير متاحة لهذا الحساب.";
            #[doc = "The sign-in at the provider failed, was refused, took too long, or was not begun here."]
            ProviderFailed, "Signing in at the provider did not work; begin again.", "لم ينجح تسجيل الدخول لدى المزوّد؛ ابدأ من جديد.";
            #[doc = "The provider gave no e-mail address that it has verified: verify one there, or sign in here in another way and link it."]
            ProviderEmailUnverified, "The provider gave no verified e-mail address; verify one there, or sign in here and link the provider.", "لم يقدّم المزوّد بريدًا إلكترونيًا مؤكَّدًا؛ أكّده لديه، أو سجّل الدخول هنا ثم اربط المزوّد.";
            #[doc = "An account with this e-mail address exists: sign in to it, then link the identity."]
            LinkRequired, "An account with this address exists; sign in to it and link the provider there.", "يوجد حساب بهذا العنوان؛ سجّل الدخول إليه ثم اربط المزوّد.";
            #[doc = "This identity, or another one of the same provider, is linked already."]
            AlreadyLinked, "This identity is linked already.", "هذه الهوية مرتبطة من قبل.";
            #[doc = "Without it, nobody could sign in to the account any more."]
            LastWayIn, "This is the last way to sign in; set a password or link another provider first.", "هذه آخر طريقة لتسجيل الدخول؛ أنشئ كلمة مرور أو اربط مزوّدًا آخر أولًا.";
            #[doc = "There has to be an owner."]
            LastOwner, "The last owner can't be removed.", "لا يمكن إزالة المالك الأخير.";
            #[doc = "Nobody gives or takes rights that they don't have, or acts on themselves here."]
            BeyondYourRights, "This takes rights that you don't have.", "هذا يتطلب صلاحيات لا تملكها.";
            #[doc = "There is one already, or it was done already."]
            AlreadyDone, "This was done already.", "تم هذا من قبل.";
            #[doc = "There is not enough money: what is held does not count."]
            InsufficientFunds, "There is not enough money for this.", "الرصيد غير كافٍ لهذا.";
            #[doc = "Not an amount that is possible here: it has to be above zero, with no more decimals than the currency has."]
            InvalidAmount, "This is not a possible amount: it has to be above zero, with no more decimals than {currency} has.", "مبلغ غير ممكن: يجب أن يكون أكبر من الصفر، ولا تزيد خاناته العشرية على ما لعملة {currency}.";
            #[doc = "Less than is allowed here."]
            AmountTooSmall, "At least {min} is needed.", "الحد الأدنى هو {min}.";
            #[doc = "More than is allowed here, or than is left."]
            AmountTooLarge, "At most {max} is possible.", "الحد الأقصى هو {max}.";
            #[doc = "Another currency than the one that is used here."]
            CurrencyMismatch, "The currency here is {currency}.", "العملة هنا هي {currency}.";
            #[doc = "This way to pay is not offered here, or not for this."]
            ProviderNotAvailable, "This way to pay is not available for this.", "طريقة الدفع هذه غير متاحة لهذا.";
            #[doc = "Its state does not allow it (any more)."]
            WrongState, "This is no longer possible: it is {state}.", "لم يعد هذا ممكنًا: الحالة {state}.";
            #[doc = "The provider of payments refused; the message says why."]
            PaymentRefused, "The payment was refused: {reason}", "رُفض الدفع: {reason}";
            #[doc = "The same person can't do both steps: somebody else has to approve."]
            SecondPersonNeeded, "Somebody else has to approve this.", "يجب أن يوافق شخص آخر على هذا.";
            #[doc = "The goal takes no contributions (any more)."]
            GoalClosed, "This goal takes no contributions any more.", "لم يعد هذا الهدف يقبل المساهمات.";
            #[doc = "There are as many as are allowed."]
            TooMany, "At most {max} are possible.", "الحد الأقصى هو {max}.";
            #[doc = "There is one already."]
            AlreadyExists, "There is one already.", "يوجد واحد من قبل.";
            #[doc = "The account still has money, or money on its way: take it out first."]
            WalletNotEmpty, "There is still money in the wallet, or on its way; take it out first.", "لا يزال في المحفظة مال أو في الطريق منها؛ اسحبه أولًا.";
            #[doc = "The key was used before with another input."]
            IdempotencyKeyReused, "This idempotency key was already used with another input.", "استُخدم مفتاح التكرار هذا مع مدخلات أخرى.";
        }
    };
}
pub(crate) use for_each_user_error_code;

macro_rules! define_codes {
    ($(#[doc = $doc:literal] $name:ident, $english:literal, $arabic:literal;)+) => {
        /// Why an input was refused. Stable: codes are added, never changed in meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum UserErrorCode { $(#[doc = $doc] $name,)+ }

        impl UserErrorCode {
            /// Every code, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            fn template(self, locale: Locale) -> &'static str {
                match (self, locale) {
                    $((Self::$name, Locale::English) => $english,
                      (Self::$name, Locale::Arabic) => $arabic,)+
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
    fn the_best_language_of_a_header_is_chosen() {
        assert_eq!(Locale::parse("ar-EG,ar;q=0.9,en;q=0.8"), Locale::Arabic);
        assert_eq!(Locale::parse("en-GB, ar;q=0.9"), Locale::English);
        assert_eq!(Locale::parse("fr, ar;q=0.5, en;q=0.4"), Locale::Arabic);
        assert_eq!(Locale::parse("fr"), Locale::English);
        assert_eq!(Locale::parse("ar;q=nonsense"), Locale::English);
    }

    #[test]
    fn a_message_has_its_placeholders_filled_in_both_languages() {
        let error = UserError::input("body", UserErrorCode::TooLong).with("max", 10);
        assert_eq!(error.message(Locale::English), "At most 10 characters are allowed.");
        assert!(error.message(Locale::Arabic).contains("10"));
    }

    #[test]
    fn people_are_refused_in_their_language_and_developers_in_english() {
        for code in [Code::Unauthenticated, Code::Forbidden, Code::RateLimited, Code::Unavailable, Code::Internal] {
            let refusal = Refusal::new(code, "English.");
            assert_eq!(refusal.text(Locale::English), "English.");
            assert!(!refusal.text(Locale::Arabic).is_ascii(), "{refusal}");
        }
        assert_eq!(Refusal::new(Code::BadRequest, "Syntax error.").text(Locale::Arabic), "Syntax error.");
        assert_eq!(Refusal::internal().in_arabic("قل").text(Locale::Arabic), "قل");
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
