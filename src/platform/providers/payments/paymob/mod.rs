//! Paymob: charges are intentions, which the payer pays on Paymob's page
//! (https://developers.paymob.com/egypt/api-reference-guide/create-intention-payment-api). Every try of theirs is a
//! transaction of the intention's order; how a charge stands is how the last one does.
//!
//! Paymob has no idempotency keys, and tells nothing of an intention that nobody has tried to pay. So what is needed later
//! stands in the charge's reference, see [`Handle`]; an intention is unique by our own reference in it; and before money is
//! given back, what was given back already is looked at.

mod hmac;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};

use self::hmac::is_signed;
use super::{
    Charge, ChargeRefund, ChargeState, Envelope, Failure, Gateway, GivenBack, NO_SUCH_CHARGE, NewCharge, NewRefund,
    NextAction, Notice, RefundProgress, Rejected, Subject,
    exchange::{self, Answer, Tokens, harmless, is_id},
};
use crate::{
    config::PaymobAccount,
    platform::{providers::http::Http, text::excerpt},
};

/// Currencies of the countries that Paymob serves; amounts are in minor units, for Oman too.
const CURRENCIES: [&str; 8] = ["EGP", "SAR", "AED", "OMR", "PKR", "USD", "EUR", "GBP"];
/// How often an intention is begun anew whose answer was lost.
const TRIES: u32 = 5;

/// Our account at Paymob: its keys, and where its API is.
#[derive(Debug, Clone)]
pub(crate) struct Paymob {
    account: PaymobAccount,
    http: Http,
    /// Where notices are to go; `None`: where the account says.
    webhook: Option<String>,
    /// How long the payer may take.
    payment_time: Duration,
    tokens: Tokens,
}

/// What we call Paymob's own id of a charge: `<order>:<amount>:<currency>:<client secret>`. The secret is good for nothing
/// but paying, and empty where it was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Handle<'a> {
    order: i64,
    amount: i64,
    currency: &'a str,
    secret: &'a str,
}

impl<'a> Handle<'a> {
    fn parse(reference: &'a str) -> Result<Self, Failure> {
        let mut parts = reference.splitn(4, ':');
        let mut next = || parts.next();
        let handle = (|| {
            Some(Self {
                order: next()?.parse().ok()?,
                amount: next()?.parse().ok()?,
                currency: next()?,
                secret: next()?,
            })
        })();
        handle.ok_or_else(|| Failure::Refused(NO_SUCH_CHARGE.to_owned()))
    }
}

impl fmt::Display for Handle<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}:{}", self.order, self.amount, self.currency, self.secret)
    }
}

#[derive(Debug, Deserialize)]
struct Intention {
    client_secret: String,
    #[serde(deserialize_with = "number")]
    intention_order_id: i64,
}

/// A transaction, as far as it is read (https://docs.paymob.com/docs/retrieve-a-transaction).
#[derive(Debug, Deserialize)]
struct Transaction {
    id: i64,
    #[serde(default, deserialize_with = "flag")]
    pending: bool,
    #[serde(default, deserialize_with = "flag")]
    success: bool,
    #[serde(default, deserialize_with = "flag")]
    is_auth: bool,
    #[serde(default, deserialize_with = "flag")]
    is_voided: bool,
    amount_cents: i64,
    currency: String,
    refunded_amount_cents: Option<i64>,
    captured_amount: Option<i64>,
    /// What it gives back, or captures.
    parent_transaction: Option<i64>,
    order: Option<OrderOf>,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct OrderOf {
    id: i64,
}

#[derive(Debug, Deserialize)]
struct Data {
    txn_response_code: Option<Value>,
    message: Option<String>,
}

/// The documents show flags as texts, the answers have them as such.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value == true || value == "true")
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| serde::de::Error::custom("expected a number"))
}

/// A notice (https://developers.paymob.com/egypt/manage-callback/hmac).
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    obj: Value,
}

impl Transaction {
    fn state(&self) -> ChargeState {
        match self {
            Self { pending: true, .. } => ChargeState::Processing,
            // The payer may try again on the same page.
            Self { success: false, .. } => ChargeState::Pending,
            // Only promised, and let go. What was taken and voided on the same day was taken, and given back.
            Self { is_voided: true, is_auth: true, .. } if self.captured_amount.unwrap_or(0) == 0 => {
                ChargeState::Cancelled
            }
            Self { is_auth: true, .. } if self.captured_amount.unwrap_or(0) == 0 => ChargeState::Authorized,
            _ => ChargeState::Completed,
        }
    }

    fn captured(&self) -> i64 {
        match self.state() {
            ChargeState::Completed if self.is_auth => self.captured_amount.unwrap_or(0),
            ChargeState::Completed => self.amount_cents,
            _ => 0,
        }
    }

    /// What went back of it.
    fn given_back(&self) -> i64 {
        if self.is_voided { self.captured() } else { self.refunded_amount_cents.unwrap_or(0) }
    }

    fn failure(&self) -> Option<String> {
        let data = self.data.as_ref()?;
        let code = data.txn_response_code.as_ref().and_then(|code| code.as_str().map(str::to_owned));
        let word = code.or_else(|| data.message.as_ref().map(|message| message.replace(' ', "_")));
        word.map(|word| harmless(&word)).filter(|word| !word.is_empty() && !self.success && !self.pending)
    }

    fn refund(&self) -> ChargeRefund {
        let progress = match (self.pending, self.success) {
            (true, _) => RefundProgress::Pending,
            (false, true) => RefundProgress::Succeeded,
            (false, false) => RefundProgress::Failed,
        };
        let failure =
            (progress == RefundProgress::Failed).then(|| self.failure().unwrap_or("refund_failed".to_owned()));
        ChargeRefund { reference: self.id.to_string(), progress, failure }
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    if answer.is_done() { answer.read() } else { Err(answer.failure("")) }
}

impl Paymob {
    /// Talks to nobody yet. Notices go to `webhook`; nobody can pay after `payment_time`.
    #[must_use]
    pub(crate) fn new(account: PaymobAccount, http: Http, webhook: Option<String>, payment_time: Duration) -> Self {
        Self { account, http, webhook, payment_time, tokens: Tokens::default() }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.account.url)
    }

    fn with_secret(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("authorization", format!("Token {}", self.account.secret_key.expose_secret()))
    }

    /// Asks about transactions. By the documents that wants a token of the account's API key
    /// (https://developers.paymob.com/paymob-docs/developers/transaction-inquiry-apis/by-transaction-id); where none is
    /// configured, the secret key is tried.
    async fn inquire(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let Some(key) = &self.account.api_key else { return exchange::ask(self.with_secret(request)).await };
        let login = self.http.post(self.address("api/auth/tokens")).json(&json!({ "api_key": key.expose_secret() }));
        self.tokens.ask(request, login).await
    }

    /// The last transaction of an order, by Paymob's id of it or ours. `None`: nobody has tried to pay.
    async fn last(&self, order: Value) -> Result<Option<Transaction>, Failure> {
        let address = self.address("api/ecommerce/orders/transaction_inquiry");
        let answer = self.inquire(self.http.post(address).json(&order)).await?;
        if matches!(answer.status, 400 | 404) { Ok(None) } else { read(&answer).map(Some) }
    }

    async fn transaction(&self, id: i64) -> Result<Transaction, Failure> {
        read(&self.inquire(self.http.get(self.address(&format!("api/acceptance/transactions/{id}")))).await?)
    }

    /// The transaction that a payer paid, or tried to pay, an order by; what gave money back, or captured it, is a
    /// transaction of its own.
    async fn payment(&self, order: Value) -> Result<Option<Transaction>, Failure> {
        match self.last(order).await? {
            Some(Transaction { parent_transaction: Some(parent), .. }) => self.transaction(parent).await.map(Some),
            other => Ok(other),
        }
    }

    fn charge(&self, handle: &Handle<'_>, transaction: Option<&Transaction>) -> Result<Charge, Failure> {
        let state = transaction.map_or(ChargeState::Pending, Transaction::state);
        let is_same = |transaction: &Transaction| {
            (transaction.amount_cents, transaction.currency.as_str()) == (handle.amount, handle.currency)
        };
        if !transaction.is_none_or(is_same) {
            return Err(Failure::Unavailable("a transaction that is not of the charge's amount".to_owned()));
        }
        let captured = transaction.map_or(0, Transaction::captured);
        Ok(Charge {
            reference: handle.to_string(),
            state,
            amount: handle.amount,
            currency: handle.currency.to_owned(),
            authorised: if state == ChargeState::Authorized { handle.amount } else { captured },
            captured,
            refunded: transaction.map_or(0, Transaction::given_back),
            fees: Vec::new(),
            is_disputed: Some(false),
            failure: transaction.and_then(Transaction::failure),
            next: if state == ChargeState::Pending { self.next(handle.secret)? } else { NextAction::None },
            answer: json!({
                "order": handle.order,
                "transaction": transaction.map(|transaction| transaction.id),
                "pending": transaction.map(|transaction| transaction.pending),
                "success": transaction.map(|transaction| transaction.success),
                "isVoided": transaction.map(|transaction| transaction.is_voided),
                "refundedAmountCents": transaction.and_then(|transaction| transaction.refunded_amount_cents),
            })
            .to_string(),
        })
    }

    /// The page where the payer pays (https://developers.paymob.com/egypt/checkout-api).
    fn next(&self, secret: &str) -> Result<NextAction, Failure> {
        if secret.is_empty() {
            return Ok(NextAction::None);
        }
        let strange = |_| Failure::Unavailable("PAYMOB_API_URL can't be gone on from".to_owned());
        let mut url = self.account.url.join("unifiedcheckout/").map_err(strange)?;
        url.query_pairs_mut().append_pair("publicKey", &self.account.public_key).append_pair("clientSecret", secret);
        Ok(NextAction::Redirect { url: url.into() })
    }

    async fn begin(&self, new: &NewCharge<'_>, reference: &str) -> Result<Answer, Failure> {
        let item = json!({
            "name": excerpt(new.description, 45),
            "description": excerpt(new.description, 200),
            "amount": new.amount.minor,
            "quantity": 1,
        });
        let mut intention = json!({
            "amount": new.amount.minor,
            "currency": new.amount.currency,
            "payment_methods": self.account.integration_ids,
            "items": [item],
            // Who pays is asked on Paymob's page; the fields have to be there.
            "billing_data": {
                "first_name": "NA",
                "last_name": "NA",
                "phone_number": "NA",
                "email": new.email.unwrap_or("NA"),
            },
            "special_reference": reference,
            "expiration": self.payment_time.as_secs(),
            "redirection_url": new.return_url,
        });
        if let Some(webhook) = &self.webhook {
            intention["notification_url"] = webhook.as_str().into();
        }
        exchange::ask(self.with_secret(self.http.post(self.address("v1/intention/")).json(&intention))).await
    }
}

#[async_trait]
impl Gateway for Paymob {
    async fn create_charge(&self, new: &NewCharge<'_>) -> Result<Charge, Failure> {
        let (amount, currency) = (new.amount.minor, new.amount.currency);
        if !CURRENCIES.contains(&currency) {
            return Err(Failure::Refused("currency_not_supported".to_owned()));
        }
        for count in 1..=TRIES {
            let reference = if count == 1 { new.reference.to_owned() } else { format!("{}.{count}", new.reference) };
            let answer = self.begin(new, &reference).await?;
            if answer.is_done() {
                let Intention { client_secret, intention_order_id } = answer.read()?;
                let handle = Handle { order: intention_order_id, amount, currency, secret: &client_secret };
                return self.charge(&handle, None);
            }
            if !answer.is_refusal() || !answer.mentions("special_reference") {
                return Err(answer.failure("intention_refused"));
            }
            // Begun before, and the answer was lost. Nobody can have paid it without the secret that was in it; if somebody
            // has, that counts, else another one is begun.
            if let Some(transaction) = self.payment(json!({ "merchant_order_id": reference })).await? {
                let order = transaction.order.as_ref().map_or(0, |order| order.id);
                return self.charge(&Handle { order, amount, currency, secret: "" }, Some(&transaction));
            }
        }
        Err(Failure::Refused("begun_too_often".to_owned()))
    }

    /// No step is ours.
    async fn advance_charge(&self, reference: &str, _key: &str) -> Result<Charge, Failure> {
        self.look_at_charge(reference).await
    }

    async fn look_at_charge(&self, reference: &str) -> Result<Charge, Failure> {
        let handle = Handle::parse(reference)?;
        let transaction = self.payment(json!({ "order_id": handle.order })).await?;
        self.charge(&handle, transaction.as_ref())
    }

    /// There is no calling off: an intention ends by itself. What is paid until then arrives as a notice, and counts.
    async fn cancel_charge(&self, reference: &str) -> Result<Charge, Failure> {
        let charge = self.advance_charge(reference, "").await?;
        Ok(match charge.state {
            ChargeState::Pending => Charge { state: ChargeState::Cancelled, next: NextAction::None, ..charge },
            _ => charge,
        })
    }

    async fn create_refund(&self, new: &NewRefund<'_>) -> Result<ChargeRefund, Failure> {
        let order = json!({ "order_id": Handle::parse(new.charge)?.order });
        let last = self.last(order.clone()).await?;
        let paid = self.payment(order).await?.filter(|transaction| transaction.captured() > 0);
        let paid = paid.ok_or_else(|| Failure::Refused("not_captured".to_owned()))?;
        let given_back = paid.given_back();
        if given_back == new.others + new.amount.minor {
            // Done before, and the answer was lost.
            return Ok(last.unwrap_or(paid).refund());
        }
        if given_back != new.others {
            let cause =
                format!("{given_back} were given back, and we know of {}: look at Paymob's own list", new.others);
            return Err(Failure::Unavailable(cause));
        }
        let refund = json!({ "transaction_id": paid.id, "amount_cents": new.amount.minor });
        let request = self.http.post(self.address("api/acceptance/void_refund/refund")).json(&refund);
        let answer = exchange::ask(self.with_secret(request)).await?;
        if answer.is_done() {
            answer.read::<Transaction>().map(|told| told.refund())
        } else {
            Err(answer.failure("refund_refused"))
        }
    }

    async fn fetch_refund(&self, reference: &str, _charge: &str) -> Result<ChargeRefund, Failure> {
        let id = reference.parse().map_err(|_| Failure::Refused("no_such_refund".to_owned()))?;
        self.transaction(id).await.map(|transaction| transaction.refund())
    }

    async fn given_back(&self, charge: &str) -> Result<GivenBack, Failure> {
        self.advance_charge(charge, "").await.map(|charge| GivenBack::Total(charge.refunded))
    }

    /// There is no time of the notice in what is signed: a repeated one is known by its id. Which charge it is about is not
    /// signed either; but it is only asked about.
    async fn verify_webhook(&self, envelope: &Envelope, body: &[u8], _now: DateTime<Utc>) -> Result<Notice, Rejected> {
        let tag = envelope.query.get("hmac").ok_or(Rejected::Signature)?;
        let Event { kind, obj } = serde_json::from_slice(body).map_err(|_| Rejected::Body)?;
        if !is_signed(self.account.hmac_secret.expose_secret().as_bytes(), &obj, tag) {
            return Err(Rejected::Signature);
        }
        let transaction: Transaction = serde_json::from_value(obj.clone()).map_err(|_| Rejected::Body)?;
        let ours = obj["order"]["merchant_order_id"].as_str().filter(|_| kind == "TRANSACTION");
        let ours = ours.map(|ours| ours.split('.').next().unwrap_or(ours)).filter(|ours| is_id(ours));
        // The same transaction is told of again when it stands otherwise. Only of what is signed: else one notice could be
        // made into many.
        let event_id = format!(
            "{}:{}{}{}{}",
            transaction.id,
            u8::from(transaction.pending),
            u8::from(transaction.success),
            u8::from(transaction.is_voided),
            u8::from(obj["is_refunded"] == true),
        );
        let subject = ours.map_or(Subject::Nothing, |ours| Subject::Reference(ours.to_owned()));
        Ok(Notice { event_id, subject })
    }

    fn tells_of_disputes(&self) -> bool {
        false
    }

    fn public_key(&self) -> Option<&str> {
        Some(&self.account.public_key)
    }

    async fn check(&self) -> Result<(), String> {
        self.last(json!({ "merchant_order_id": "check" })).await.map(drop).map_err(|failure| failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{hmac::tests::notice, *};

    #[test]
    fn a_charge_stands_as_its_last_transaction_does() {
        let stands = |fields: Value| {
            let mut transaction = notice();
            transaction.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let transaction: Transaction = serde_json::from_value(transaction).unwrap();
            (transaction.state(), transaction.captured())
        };
        assert_eq!(stands(json!({})), (ChargeState::Completed, 100_000));
        assert_eq!(stands(json!({ "success": "true", "pending": "false" })), (ChargeState::Completed, 100_000));
        assert_eq!(stands(json!({ "is_refunded": true })), (ChargeState::Completed, 100_000));
        assert_eq!(stands(json!({ "pending": true, "success": false })), (ChargeState::Processing, 0));
        assert_eq!(stands(json!({ "success": false })), (ChargeState::Pending, 0));
        assert_eq!(stands(json!({ "is_voided": true })), (ChargeState::Completed, 100_000));
        assert_eq!(stands(json!({ "is_voided": true, "is_auth": true })), (ChargeState::Cancelled, 0));
        assert_eq!(stands(json!({ "is_auth": true })), (ChargeState::Authorized, 0));
        assert_eq!(stands(json!({ "is_auth": true, "captured_amount": 100_000 })), (ChargeState::Completed, 100_000));
    }

    #[test]
    fn a_reference_is_read_as_it_was_written() {
        let handle = Handle { order: 217, amount: 900, currency: "EGP", secret: "egy_csk_1" };
        assert_eq!(Handle::parse(&handle.to_string()), Ok(handle));
        assert!(Handle::parse("217:900:EGP").is_err() && Handle::parse("x:900:EGP:s").is_err());
    }
}
