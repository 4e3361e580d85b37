//! Providers of payments: who takes money from people for us. One interface; what differs stays behind it.
//!
//! A provider is told of a charge once (its own idempotency key is our id), and asked how it stands as often as need be:
//! what a webhook says is never believed for more than that asking is worth it. So the order in which things arrive does
//! not matter.

mod exchange;
pub(crate) mod paymob;
pub(crate) mod paypal;
pub mod sandbox;
pub mod signature;
pub(crate) mod stripe;

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use url::Url;

use super::http::Http;
use crate::{
    config,
    error::Result,
    platform::{clock::Clock, crypto::Keys, db::Database, ids::Ids},
};

/// An amount as providers are told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// In minor units.
    pub minor: i64,
    /// ISO 4217, in capitals.
    pub currency: &'static str,
    /// Digits behind the point.
    pub digits: usize,
}

/// A charge that a provider is to begin.
#[derive(Debug, Clone)]
pub struct NewCharge<'a> {
    /// Our id of it: the idempotency key at the provider, and what it is found by there.
    pub reference: &'a str,
    /// What the payer is to be charged.
    pub amount: Amount,
    /// What the payer reads.
    pub description: &'a str,
    /// The payer as the provider knows them.
    pub customer: Option<&'a str>,
    /// A saved way to pay, as the provider knows it: then the charge is confirmed at once.
    pub method: Option<&'a str>,
    /// The payer's e-mail address, where a provider wants one.
    pub email: Option<&'a str>,
    /// Where the payer's browser comes back to.
    pub return_url: &'a str,
}

/// How a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeState {
    /// It waits for the payer, who may try again after a failure.
    Pending,
    /// The provider is at work.
    Processing,
    /// The money is promised and not taken yet.
    Authorized,
    /// The money was taken.
    Completed,
    /// It did not work, and won't.
    Failed,
    /// It was called off.
    Cancelled,
}

impl ChargeState {
    /// As people are told it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Authorized => "authorized",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "canceled",
        }
    }
}

/// A charge, as a provider tells it.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The provider's own id.
    pub reference: String,
    /// How it stands.
    pub state: ChargeState,
    /// What it is of.
    pub amount: i64,
    /// In which currency, in capitals.
    pub currency: String,
    /// Promised so far.
    pub authorised: i64,
    /// Taken so far.
    pub captured: i64,
    /// Given back so far.
    pub refunded: i64,
    /// What the provider kept of it for its work, and gave back of that, where it tells so with the charge.
    pub fees: Vec<Movement>,
    /// Whether somebody disputes it, or did; `None` where that has to be asked.
    pub is_disputed: Option<bool>,
    /// Why it failed, or why the last try did: the provider's own word, short.
    pub failure: Option<String>,
    /// What the payer has to do now.
    pub next: NextAction,
    /// The provider's answer as JSON, for staff; without secrets.
    pub answer: String,
}

/// What the payer has to do for a charge to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NextAction {
    /// Nothing: it goes on by itself, or is over.
    #[default]
    None,
    /// Go to this address.
    Redirect {
        /// Of the provider's page.
        url: String,
    },
    /// Hand this secret to the provider's own program in the browser.
    ClientSecret {
        /// Good for this charge only.
        secret: String,
        /// The provider's public key, which that program wants.
        public_key: String,
        /// A page of the provider's that does the same, where there is one.
        url: Option<String>,
    },
    /// Pay by this reference, as the instructions say.
    Reference {
        /// What has to be named.
        reference: String,
        /// Where and how, in plain text.
        instructions: String,
    },
}

/// Money that a provider is to give back.
#[derive(Debug, Clone)]
pub struct NewRefund<'a> {
    /// Our id of it: the idempotency key at the provider.
    pub reference: &'a str,
    /// The provider's own id of the charge.
    pub charge: &'a str,
    /// How much of it.
    pub amount: Amount,
    /// What else the provider has told us that it gave, or gives, back of the charge, in minor units: one that has no
    /// idempotency keys is compared with it.
    pub others: i64,
}

/// How a refund stands at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundProgress {
    /// The provider is at work.
    Pending,
    /// The payer has it.
    Succeeded,
    /// It could not be done.
    Failed,
}

/// A refund, as a provider tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRefund {
    /// The provider's own id.
    pub reference: String,
    /// How it stands.
    pub progress: RefundProgress,
    /// Why it failed.
    pub failure: Option<String>,
}

/// What went back of a charge, whoever asked for it, as far as its provider can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenBack {
    /// Each refund, where the provider lists them.
    Each(Vec<ListedRefund>),
    /// Only how much that is altogether, in minor units.
    Total(i64),
}

/// Money that went back, as a provider lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRefund {
    /// How it stands.
    pub refund: ChargeRefund,
    /// Our id of it, if we have asked for it.
    pub ours: Option<String>,
    /// How much, in minor units.
    pub amount: i64,
}

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeProgress {
    /// Nobody has decided.
    Open,
    /// The money stays with us.
    Won,
    /// The payer has it.
    Lost,
}

/// A payer who takes a charge back through their bank, or through the provider, as the provider tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldDispute {
    /// The provider's own id.
    pub reference: String,
    /// How it stands.
    pub progress: DisputeProgress,
    /// How much is disputed, in minor units.
    pub amount: i64,
    /// Why: the provider's own word, short.
    pub reason: String,
    /// Until when evidence is taken.
    pub respond_by: Option<DateTime<Utc>>,
    /// What the provider keeps for it, in minor units of a currency, in capitals.
    pub fee: Option<(i64, String)>,
    /// When it is lost, its money is told of among what was given back, too.
    pub is_given_back: bool,
}

/// Something that changed what a provider holds for us, beside charges and what went back of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The provider's own id of it, at most 100 characters.
    pub reference: String,
    /// What it was.
    pub kind: MovementKind,
    /// How much, in minor units, above zero.
    pub amount: i64,
    /// In which currency, in capitals.
    pub currency: String,
}

/// What changed what a provider holds for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementKind {
    /// It kept something for its work.
    Fee,
    /// It gave such a fee back.
    FeeBack,
    /// It paid out to our bank.
    Payout,
    /// What it had paid out came back to it.
    PayoutBack,
}

impl MovementKind {
    /// As it stands in keys and in the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fee => "fee",
            Self::FeeBack => "fee_back",
            Self::Payout => "payout",
            Self::PayoutBack => "payout_back",
        }
    }
}

/// What a provider holds for us, as it reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// As of when; now, if `None`.
    pub at: Option<DateTime<Utc>>,
    /// In minor units of currencies, in capitals: what is available, and what is on its way to us. A currency may come twice.
    pub amounts: Vec<(String, i64)>,
}

/// A payer as a provider is told of them.
#[derive(Debug, Clone)]
pub struct NewCustomer<'a> {
    /// Our id of them.
    pub reference: &'a str,
    /// Their e-mail address, if it is known.
    pub email: Option<&'a str>,
}

/// A saved way to pay, as a provider knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMethod {
    /// The provider's own id.
    pub reference: String,
    /// Such as `visa`.
    pub brand: Option<String>,
    /// The end of the number.
    pub last_four: Option<String>,
}

/// The word for a charge that the provider does not know, or no longer.
pub const NO_SUCH_CHARGE: &str = "no_such_charge";
/// The word for what a provider does not do.
pub const NOT_SUPPORTED: &str = "not_supported";

/// Why a provider did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It said no, and will say so again: its own word, short.
    Refused(String),
    /// It could not be reached, or did not know: what became of it has to be asked. For the log.
    Unavailable(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(cause) => write!(formatter, "refused: {cause}"),
            Self::Unavailable(cause) => write!(formatter, "unavailable: {cause}"),
        }
    }
}

/// What a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A charge, by the provider's own id.
    Charge(String),
    /// A charge, by our id of it.
    Reference(String),
    /// Nothing that concerns us.
    Nothing,
}

/// A webhook that is really the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The provider's own id of it: the same notice comes more than once.
    pub event_id: String,
    /// What it is about.
    pub subject: Subject,
}

/// The parts of a webhook's request that its signature may be in: headers by lower-case name, and the query's pairs.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Pairs of the query.
    pub query: BTreeMap<String, String>,
}

/// A webhook that is not the provider's, or too old to be believed; for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The signature is missing, or wrong.
    #[error("the signature is missing or wrong")]
    Signature,
    /// It was signed too long ago: it may be repeated by somebody else.
    #[error("the signature is too old")]
    Old,
    /// Signed, but not to be understood.
    #[error("the body is not what this provider sends")]
    Body,
    /// The provider could not be asked whether it is its own; it sends it again.
    #[error("the provider could not be asked whether this is its own: {0}")]
    Unavailable(String),
}

/// A provider of payments.
#[async_trait::async_trait]
pub trait Gateway: Send + Sync + fmt::Debug {
    /// Begins a charge; repeated with the same reference, it gives the same charge.
    async fn create_charge(&self, new: &NewCharge<'_>) -> Result<Charge, Failure>;

    /// Asks how a charge stands, and takes the step that is ours, such as capturing what the payer approved. `reference` is
    /// the provider's own id, `key` our id of it.
    async fn advance_charge(&self, reference: &str, key: &str) -> Result<Charge, Failure>;

    /// Asks how a charge stands, and does nothing about it.
    async fn look_at_charge(&self, reference: &str) -> Result<Charge, Failure>;

    /// Calls a charge off, unless its money was taken; gives how it stands then.
    async fn cancel_charge(&self, reference: &str) -> Result<Charge, Failure>;

    /// Gives money back; repeated with the same reference, it gives the same refund.
    async fn create_refund(&self, new: &NewRefund<'_>) -> Result<ChargeRefund, Failure>;

    /// Asks how a refund stands. `charge` is the provider's own id of the charge.
    async fn fetch_refund(&self, reference: &str, charge: &str) -> Result<ChargeRefund, Failure>;

    /// What went back of a charge, whoever asked for it: somebody may do so at the provider's own pages.
    async fn given_back(&self, charge: &str) -> Result<GivenBack, Failure>;

    /// The disputes of a charge; none where the provider can't tell of any, as Paymob.
    async fn disputes(&self, _charge: &str) -> Result<Vec<ToldDispute>, Failure> {
        Ok(Vec::new())
    }

    /// Whether it can tell of disputes at all; where not, staff says it.
    fn tells_of_disputes(&self) -> bool {
        true
    }

    /// What a provider kept and paid out in a span, without what it kept for disputes; `None` where it can't tell.
    async fn movements(&self, _from: DateTime<Utc>, _until: DateTime<Utc>) -> Result<Option<Vec<Movement>>, Failure> {
        Ok(None)
    }

    /// What a provider holds for us; `None` where it can't tell: Paymob reports it on its pages only.
    async fn holdings(&self) -> Result<Option<Holdings>, Failure> {
        Ok(None)
    }

    /// Makes a payer known; repeated, it gives the same one. Gives the provider's own id.
    async fn create_customer(&self, _new: &NewCustomer<'_>) -> Result<String, Failure> {
        Err(Failure::Refused(NOT_SUPPORTED.to_owned()))
    }

    /// Saves a way to pay, that the provider's own program in the browser made a token of.
    async fn save_method(&self, _customer: &str, _token: &str) -> Result<SavedMethod, Failure> {
        Err(Failure::Refused(NOT_SUPPORTED.to_owned()))
    }

    /// Forgets a saved way to pay.
    async fn forget_method(&self, _reference: &str) -> Result<(), Failure> {
        Err(Failure::Refused(NOT_SUPPORTED.to_owned()))
    }

    /// Everything that was charged in a span, as (our reference, charge); `None` where the provider can't tell: Paymob has no
    /// list, and PayPal's are hours late and want a permission of their own.
    async fn charges(
        &self,
        _from: DateTime<Utc>,
        _until: DateTime<Utc>,
    ) -> Result<Option<Vec<(String, Charge)>>, Failure> {
        Ok(None)
    }

    /// Whether a webhook is the provider's own, and what it is about. The body is as it came.
    async fn verify_webhook(&self, envelope: &Envelope, body: &[u8], now: DateTime<Utc>) -> Result<Notice, Rejected>;

    /// What a payer's browser needs to choose this provider, such as its public key; nothing secret.
    fn public_key(&self) -> Option<&str>;

    /// Whether ways to pay can be saved with it, and payers made known to it for that.
    fn saves_methods(&self) -> bool {
        false
    }

    /// Whether the provider answers and knows us.
    async fn check(&self) -> Result<(), String>;
}

/// The providers that are configured.
#[derive(Debug, Default)]
pub struct Providers {
    gateways: BTreeMap<&'static str, Box<dyn Gateway>>,
    sandbox: Option<sandbox::Sandbox>,
}

impl Providers {
    /// As configured. Talks to nobody yet.
    pub fn new(
        config: &config::Payments,
        public_url: Option<&Url>,
        http: &Http,
        db: &Database,
        clock: &Clock,
        ids: &Ids,
        keys: &Keys,
    ) -> Result<Self> {
        let mut providers = Self::default();
        if config.sandbox {
            let sandbox = sandbox::Sandbox::new(db.clone(), clock.clone(), ids.clone(), keys)?;
            providers.add("sandbox", sandbox.clone());
            providers.sandbox = Some(sandbox);
        }
        if let Some(account) = &config.stripe {
            providers.add("stripe", stripe::Stripe::new(account.clone(), http.clone()));
        }
        if let Some(account) = &config.paypal {
            providers.add("paypal", paypal::Paypal::new(account.clone(), http.clone()));
        }
        if let Some(account) = &config.paymob {
            let webhook = public_url.map(|url| format!("{}/webhooks/paymob", url.as_str().trim_end_matches('/')));
            let paymob = paymob::Paymob::new(account.clone(), http.clone(), webhook, config.payment_time);
            providers.add("paymob", paymob);
        }
        Ok(providers)
    }

    fn add(&mut self, name: &'static str, gateway: impl Gateway + 'static) {
        self.gateways.insert(name, Box::new(gateway));
    }

    /// A provider by its name, if it is configured.
    #[must_use]
    pub fn gateway(&self, name: &str) -> Option<&dyn Gateway> {
        self.gateways.get(name).map(AsRef::as_ref)
    }

    /// Every provider that is configured, with its name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &dyn Gateway)> {
        self.gateways.iter().map(|(name, gateway)| (*name, gateway.as_ref()))
    }

    /// The sandbox, where it is on.
    #[must_use]
    pub fn sandbox(&self) -> Option<&sandbox::Sandbox> {
        self.sandbox.as_ref()
    }
}
