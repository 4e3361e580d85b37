//! Stripe: charges are PaymentIntents (https://docs.stripe.com/api/payment_intents), which the payer confirms in the browser
//! by Stripe's own program.
//!
//! Requests are built by async-stripe. They are sent by our own client, which bounds time and length, and of the answers
//! only what is used here is read: the library's own types demand every field of every way to pay there is, and a payment
//! must not stand still because of one that nobody looks at.

mod amounts;
mod lists;

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::{
    balance_transaction::ListBalanceTransaction,
    customer::CreateCustomer,
    dispute::ListDispute,
    payment_intent::{
        CancelPaymentIntent, CapturePaymentIntent, CreatePaymentIntent, CreatePaymentIntentAutomaticPaymentMethods,
        ListPaymentIntent, RetrievePaymentIntent, SearchPaymentIntent,
    },
    refund::{CreateRefund, ListRefund, RetrieveRefund},
};
use stripe_payment::payment_method::{AttachPaymentMethod, DetachPaymentMethod};
use stripe_types::{Currency, RangeBoundsTs, RangeQueryTs};

use self::{
    amounts::{from_stripe, to_stripe},
    lists::{Balance, BalancePage, BalanceTransaction, Dispute, Disputes, RefundOfIntent, Refunds},
};
use super::{
    Charge, ChargeRefund, ChargeState, Envelope, Failure, Gateway, GivenBack, Holdings, Movement, NO_SUCH_CHARGE,
    NewCharge, NewCustomer, NewRefund, NextAction, Notice, RefundProgress, Rejected, SavedMethod, Subject, ToldDispute,
    exchange::{self, Answer, harmless, is_id},
    signature,
};
use crate::{config::StripeAccount, platform::providers::http::Http};

/// Where our own id is kept at Stripe.
const REFERENCE: &str = "reference";
/// So that what was given back comes with a charge.
const EXPAND: &str = "latest_charge";

/// Our account at Stripe: its keys, and where its API is.
#[derive(Debug, Clone)]
pub(crate) struct Stripe {
    account: StripeAccount,
    http: Http,
}

/// A PaymentIntent, as far as it is read.
#[derive(Debug, Deserialize)]
struct Intent {
    id: String,
    status: String,
    amount: i64,
    #[serde(default)]
    amount_capturable: i64,
    #[serde(default)]
    amount_received: i64,
    currency: String,
    client_secret: Option<String>,
    cancellation_reason: Option<String>,
    last_payment_error: Option<Problem>,
    next_action: Option<Step>,
    /// An id, or the charge itself.
    latest_charge: Option<Value>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// What the payer has to do, as far as it is read.
#[derive(Debug, Deserialize)]
struct Step {
    redirect_to_url: Option<Redirect>,
}

#[derive(Debug, Deserialize)]
struct Redirect {
    url: Option<String>,
}

/// What is wrong (https://docs.stripe.com/api/errors), as far as it is read.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(rename = "type", default)]
    kind: String,
    code: Option<String>,
    decline_code: Option<String>,
    payment_intent: Option<Box<Intent>>,
}

impl Problem {
    fn word(&self) -> &str {
        self.decline_code.as_deref().or(self.code.as_deref()).unwrap_or(&self.kind)
    }
}

#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Problem,
}

#[derive(Debug, Deserialize)]
struct Page {
    data: Vec<Intent>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Debug, Deserialize)]
struct Refund {
    id: String,
    status: Option<String>,
    failure_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Customer {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Method {
    id: String,
    card: Option<Card>,
}

#[derive(Debug, Deserialize)]
struct Card {
    brand: Option<String>,
    last4: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: EventData,
}

#[derive(Debug, Deserialize)]
struct EventData {
    object: Value,
}

impl Intent {
    fn charge(&self, public_key: &str) -> Charge {
        let currency = self.currency.to_ascii_uppercase();
        let minor = |amount| from_stripe(amount, &currency);
        let state = match self.status.as_str() {
            "requires_payment_method" | "requires_confirmation" | "requires_action" => ChargeState::Pending,
            "requires_capture" => ChargeState::Authorized,
            "succeeded" => ChargeState::Completed,
            "canceled" => ChargeState::Cancelled,
            _ => ChargeState::Processing,
        };
        let failure = self.last_payment_error.as_ref().map(|problem| harmless(problem.word()));
        let given_back = self.latest_charge.as_ref().and_then(|charge| charge["amount_refunded"].as_i64());
        Charge {
            reference: self.id.clone(),
            state,
            amount: minor(self.amount),
            authorised: minor(self.amount_capturable + self.amount_received),
            captured: minor(self.amount_received),
            refunded: minor(given_back.unwrap_or(0)),
            // Told with all else that changed our balance.
            fees: Vec::new(),
            is_disputed: self.latest_charge.as_ref().map(|charge| charge["disputed"] == true),
            failure,
            next: if state == ChargeState::Pending { self.next(public_key) } else { NextAction::None },
            answer: self.answer(),
            currency,
        }
    }

    fn next(&self, public_key: &str) -> NextAction {
        let redirect = self.next_action.as_ref().and_then(|step| step.redirect_to_url.as_ref()?.url.clone());
        match (redirect, &self.client_secret) {
            (Some(url), _) => NextAction::Redirect { url },
            (None, Some(secret)) => {
                NextAction::ClientSecret { secret: secret.clone(), public_key: public_key.to_owned(), url: None }
            }
            (None, None) => NextAction::None,
        }
    }

    /// What staff may see: not the secret, and nothing about the payer.
    fn answer(&self) -> String {
        let charge = self.latest_charge.as_ref().map(|charge| if charge.is_string() { charge } else { &charge["id"] });
        let problem = self.last_payment_error.as_ref();
        json!({
            "id": self.id,
            "status": self.status,
            "amount": self.amount,
            "amountCapturable": self.amount_capturable,
            "amountReceived": self.amount_received,
            "currency": self.currency,
            "charge": charge,
            "code": problem.and_then(|problem| problem.code.as_deref()),
            "declineCode": problem.and_then(|problem| problem.decline_code.as_deref()),
            "cancellationReason": self.cancellation_reason,
        })
        .to_string()
    }
}

impl Refund {
    fn told(self) -> ChargeRefund {
        let progress = match self.status.as_deref() {
            Some("succeeded") => RefundProgress::Succeeded,
            Some("failed" | "canceled") => RefundProgress::Failed,
            _ => RefundProgress::Pending,
        };
        ChargeRefund { reference: self.id, progress, failure: self.failure_reason.as_deref().map(harmless) }
    }
}

/// An id that was given to us, as it may stand in an address.
fn id<'a>(text: &'a str, word: &str) -> Result<&'a str, Failure> {
    if is_id(text) { Ok(text) } else { Err(Failure::Refused(word.to_owned())) }
}

fn reference(ours: &str) -> std::collections::HashMap<String, String> {
    [(REFERENCE.to_owned(), ours.to_owned())].into()
}

impl Stripe {
    /// Talks to nobody yet.
    #[must_use]
    pub(crate) fn new(account: StripeAccount, http: Http) -> Self {
        Self { account, http }
    }

    async fn send(&self, request: RequestBuilder, key: Option<&str>) -> Result<Answer, Failure> {
        let query = request.query.map(|query| format!("?{query}")).unwrap_or_default();
        // Idempotency keys live for a day at least (https://docs.stripe.com/api/idempotent_requests), which is longer than we
        // go on repeating.
        let url = format!("{}v1{}{query}", self.account.url, request.path);
        let mut sent = match request.method {
            StripeMethod::Get => self.http.get(url),
            StripeMethod::Post => self.http.post(url),
            StripeMethod::Delete => self.http.delete(url),
        };
        sent = sent
            .bearer_auth(self.account.secret_key.expose_secret())
            .header("stripe-version", stripe_client_core::VERSION.as_str());
        if let Some(key) = key {
            sent = sent.header("idempotency-key", key);
        }
        if let Some(body) = request.body {
            sent = sent.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        exchange::ask(sent).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: &impl StripeRequest, key: Option<&str>) -> Result<T, Failure> {
        let answer = self.send(request.build(), key).await?;
        if answer.is_done() { answer.read() } else { Err(failure(&answer, &problem(&answer))) }
    }

    async fn fetch(&self, reference: &str) -> Result<Intent, Failure> {
        let request = RetrievePaymentIntent::new(id(reference, NO_SUCH_CHARGE)?).expand([EXPAND.to_owned()]);
        self.ask(&request, None).await.map_err(|failure| match failure {
            Failure::Refused(word) if word == "resource_missing" => Failure::Refused(NO_SUCH_CHARGE.to_owned()),
            other => other,
        })
    }

    /// The charge that was begun under a reference by a request that differed, such as in its description.
    async fn find(&self, ours: &str) -> Result<Intent, Failure> {
        let request = SearchPaymentIntent::new(format!("metadata['{REFERENCE}']:'{ours}'"));
        let page: Page = self.ask(&request, None).await?;
        let missing = || Failure::Unavailable("a charge was begun and can't be found yet".to_owned());
        page.data.into_iter().next().ok_or_else(missing)
    }

    fn told(&self, intent: &Intent) -> Charge {
        intent.charge(&self.account.public_key)
    }
}

fn problem(answer: &Answer) -> Problem {
    answer.read::<Refusal>().unwrap_or_default().error
}

fn failure(answer: &Answer, problem: &Problem) -> Failure {
    answer.failure(problem.word())
}

#[async_trait]
impl Gateway for Stripe {
    async fn create_charge(&self, new: &NewCharge<'_>) -> Result<Charge, Failure> {
        let currency: Currency =
            new.amount.currency.to_ascii_lowercase().parse().unwrap_or_else(|never| match never {});
        let mut request = CreatePaymentIntent::new(to_stripe(&new.amount)?, currency)
            .description(new.description)
            .metadata(reference(new.reference))
            .expand([EXPAND.to_owned()])
            .automatic_payment_methods(CreatePaymentIntentAutomaticPaymentMethods::new(true));
        if let Some(customer) = new.customer {
            request = request.customer(customer);
        }
        if let Some(method) = new.method {
            // The payer is there: where the bank wants to ask them, they are sent to it and come back.
            request = request.payment_method(method).confirm(true).return_url(new.return_url);
        }
        let answer = self.send(request.build(), Some(new.reference)).await?;
        if answer.is_done() {
            return Ok(self.told(&answer.read()?));
        }
        let problem = problem(&answer);
        match &problem.payment_intent {
            // Begun, and refused when it was confirmed: the payer may try something else.
            Some(intent) if answer.status == 402 => Ok(self.told(intent)),
            _ if problem.kind == "idempotency_error" => self.find(new.reference).await.map(|intent| self.told(&intent)),
            _ => Err(failure(&answer, &problem)),
        }
    }

    async fn advance_charge(&self, reference: &str, _key: &str) -> Result<Charge, Failure> {
        let intent = self.fetch(reference).await?;
        if intent.status != "requires_capture" {
            return Ok(self.told(&intent));
        }
        let request = CapturePaymentIntent::new(reference).expand([EXPAND.to_owned()]);
        match self.ask::<Intent>(&request, None).await {
            Ok(intent) => Ok(self.told(&intent)),
            // Somebody else was first.
            Err(Failure::Refused(_)) => self.fetch(reference).await.map(|intent| self.told(&intent)),
            Err(unavailable) => Err(unavailable),
        }
    }

    async fn look_at_charge(&self, reference: &str) -> Result<Charge, Failure> {
        self.fetch(reference).await.map(|intent| self.told(&intent))
    }

    async fn cancel_charge(&self, reference: &str) -> Result<Charge, Failure> {
        let request = CancelPaymentIntent::new(id(reference, NO_SUCH_CHARGE)?);
        match self.ask::<Intent>(&request, None).await {
            Ok(intent) => Ok(self.told(&intent)),
            // It is over already, or its money is on its way.
            Err(Failure::Refused(_)) => self.fetch(reference).await.map(|intent| self.told(&intent)),
            Err(unavailable) => Err(unavailable),
        }
    }

    async fn create_refund(&self, new: &NewRefund<'_>) -> Result<ChargeRefund, Failure> {
        let request = CreateRefund::new()
            .payment_intent(id(new.charge, NO_SUCH_CHARGE)?)
            .amount(to_stripe(&new.amount)?)
            .metadata(reference(new.reference));
        self.ask(&request, Some(new.reference)).await.map(Refund::told)
    }

    async fn fetch_refund(&self, reference: &str, _charge: &str) -> Result<ChargeRefund, Failure> {
        self.ask(&RetrieveRefund::new(id(reference, "no_such_refund")?), None).await.map(Refund::told)
    }

    async fn given_back(&self, charge: &str) -> Result<GivenBack, Failure> {
        let first = ListRefund::new().payment_intent(id(charge, NO_SUCH_CHARGE)?).limit(100);
        let (mut request, mut listed) = (first.clone(), Vec::new());
        loop {
            let page: Refunds = self.ask(&request, None).await?;
            let last = page.data.last().map(|refund| refund.refund.id.clone());
            listed.extend(page.data.into_iter().map(RefundOfIntent::listed));
            match last {
                Some(last) if page.has_more => request = first.clone().starting_after(last),
                _ => return Ok(GivenBack::Each(listed)),
            }
        }
    }

    async fn disputes(&self, charge: &str) -> Result<Vec<ToldDispute>, Failure> {
        let request = ListDispute::new().payment_intent(id(charge, NO_SUCH_CHARGE)?).limit(100);
        let found: Disputes = self.ask(&request, None).await?;
        Ok(found.data.into_iter().map(Dispute::told).collect())
    }

    async fn movements(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Option<Vec<Movement>>, Failure> {
        let span = RangeBoundsTs { gte: Some(from.timestamp()), lt: Some(until.timestamp()), gt: None, lte: None };
        let first = ListBalanceTransaction::new().created(RangeQueryTs::Bounds(span)).limit(100);
        let (mut request, mut movements) = (first.clone(), Vec::new());
        loop {
            let page: BalancePage = self.ask(&request, None).await?;
            let last = page.data.last().map(|transaction| transaction.id.clone());
            movements.extend(page.data.into_iter().filter_map(BalanceTransaction::movement));
            match last {
                Some(last) if page.has_more => request = first.clone().starting_after(last),
                _ => return Ok(Some(movements)),
            }
        }
    }

    /// What is available, and what is pending (https://docs.stripe.com/api/balance).
    async fn holdings(&self) -> Result<Option<Holdings>, Failure> {
        let answer = self.send(RequestBuilder::new(StripeMethod::Get, "/balance"), None).await?;
        if !answer.is_done() {
            return Err(failure(&answer, &problem(&answer)));
        }
        Ok(Some(Holdings { at: None, amounts: answer.read::<Balance>()?.amounts() }))
    }

    async fn create_customer(&self, new: &NewCustomer<'_>) -> Result<String, Failure> {
        let mut request = CreateCustomer::new().metadata(reference(new.reference));
        if let Some(email) = new.email {
            request = request.email(email);
        }
        self.ask::<Customer>(&request, Some(new.reference)).await.map(|customer| customer.id)
    }

    async fn save_method(&self, customer: &str, token: &str) -> Result<SavedMethod, Failure> {
        let token = token.strip_prefix("pm_").filter(|rest| is_id(rest)).map(|_| token);
        let token = token.ok_or_else(|| Failure::Refused("no_such_token".to_owned()))?;
        let method: Method = self.ask(&AttachPaymentMethod::new(token).customer(customer), None).await?;
        let (brand, last_four) = method.card.map(|card| (card.brand, card.last4)).unwrap_or_default();
        Ok(SavedMethod { reference: method.id, brand, last_four })
    }

    async fn forget_method(&self, reference: &str) -> Result<(), Failure> {
        match self.ask::<Method>(&DetachPaymentMethod::new(id(reference, "no_such_method")?), None).await {
            // Forgotten already.
            Ok(_) | Err(Failure::Refused(_)) => Ok(()),
            Err(unavailable) => Err(unavailable),
        }
    }

    async fn charges(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Vec<(String, Charge)>>, Failure> {
        let span = RangeBoundsTs { gte: Some(from.timestamp()), lt: Some(until.timestamp()), gt: None, lte: None };
        let first =
            ListPaymentIntent::new().created(RangeQueryTs::Bounds(span)).limit(100).expand([format!("data.{EXPAND}")]);
        let (mut request, mut charges) = (first.clone(), Vec::new());
        loop {
            let page: Page = self.ask(&request, None).await?;
            let last = page.data.last().map(|intent| intent.id.clone());
            for intent in page.data {
                // Others may use the account, too.
                if let Some(ours) = intent.metadata.get(REFERENCE) {
                    charges.push((ours.clone(), self.told(&intent)));
                }
            }
            match last {
                Some(last) if page.has_more => request = first.clone().starting_after(last),
                _ => return Ok(Some(charges)),
            }
        }
    }

    async fn verify_webhook(&self, envelope: &Envelope, body: &[u8], now: DateTime<Utc>) -> Result<Notice, Rejected> {
        let secret = self.account.webhook_secret.expose_secret().as_bytes();
        signature::verify(secret, envelope.headers.get("stripe-signature").map(String::as_str), body, now)?;
        let event: Event = serde_json::from_slice(body).map_err(|_| Rejected::Body)?;
        let field = if event.kind.starts_with("payment_intent.") { "id" } else { "payment_intent" };
        let subject = match event.data.object[field].as_str() {
            Some(intent) => Subject::Charge(intent.to_owned()),
            None => Subject::Nothing,
        };
        Ok(Notice { event_id: event.id, subject })
    }

    fn public_key(&self) -> Option<&str> {
        Some(&self.account.public_key)
    }

    fn saves_methods(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), String> {
        self.ask::<Page>(&ListPaymentIntent::new().limit(1), None)
            .await
            .map(drop)
            .map_err(|failure| failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(fields: Value) -> Charge {
        let mut intent =
            json!({ "id": "pi_1", "status": "", "amount": 900, "currency": "usd", "client_secret": "s3cret" });
        intent.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value::<Intent>(intent).unwrap().charge("pk_1")
    }

    #[test]
    fn a_charge_stands_as_its_intent_does() {
        for (status, state) in [
            ("requires_payment_method", ChargeState::Pending),
            ("requires_confirmation", ChargeState::Pending),
            ("requires_action", ChargeState::Pending),
            ("processing", ChargeState::Processing),
            ("requires_capture", ChargeState::Authorized),
            ("succeeded", ChargeState::Completed),
            ("canceled", ChargeState::Cancelled),
            ("something_new", ChargeState::Processing),
        ] {
            let charge = intent(json!({ "status": status }));
            assert_eq!(charge.state, state, "{status}");
            assert_eq!(charge.next != NextAction::None, state == ChargeState::Pending, "{status}");
            assert!(!charge.answer.contains("s3cret"));
        }
        let promised = intent(json!({ "status": "requires_capture", "amount_capturable": 900 }));
        assert_eq!((promised.authorised, promised.captured), (900, 0));
        let taken = json!({ "status": "succeeded", "amount_received": 900, "latest_charge": { "id": "ch_1", "amount_refunded": 300 } });
        let taken = intent(taken);
        assert_eq!((taken.authorised, taken.captured, taken.refunded), (900, 900, 300));
        let asked = intent(json!({
            "status": "requires_action",
            "next_action": { "type": "redirect_to_url", "redirect_to_url": { "url": "https://bank.example" } },
            "last_payment_error": { "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds" },
        }));
        assert_eq!(asked.next, NextAction::Redirect { url: "https://bank.example".to_owned() });
        assert_eq!(asked.failure.as_deref(), Some("insufficient_funds"));
    }
}
