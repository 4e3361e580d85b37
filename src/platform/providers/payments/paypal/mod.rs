//! PayPal: charges are orders (https://developer.paypal.com/docs/api/orders/v2/), which the payer approves on PayPal's
//! pages and we capture.
//!
//! An order can't be called off there, only left alone until PayPal forgets it. Ours is marked in its `custom_id`, so that
//! whoever approves it later is not charged: nobody but [`Gateway::advance_charge`] captures, and it looks at the mark.

mod amounts;
mod disputes;
mod movements;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{json, value::RawValue};
use tokio::sync::Semaphore;
use url::Url;

use self::{
    amounts::{Money, from_paypal, to_paypal},
    disputes::{Dispute, Disputes},
    movements::{Balances, Detail, Transactions},
};
use super::{
    Charge, ChargeRefund, ChargeState, Envelope, Failure, Gateway, GivenBack, Holdings, ListedRefund, Movement,
    MovementKind, NO_SUCH_CHARGE, NewCharge, NewRefund, NextAction, Notice, RefundProgress, Rejected, Subject,
    ToldDispute,
    exchange::{Answer, Tokens, harmless, is_id},
};
use crate::{
    config::PaypalAccount,
    platform::{providers::http::Http, text::excerpt},
};

/// What stands in an order's `custom_id` once it was called off; before, our id of the charge.
const CANCELLED: &str = "cancelled";
/// PayPal sends a notice again for three days (https://developer.paypal.com/api/rest/webhooks/), under the time of the
/// first. Within them a repeated one is known by its id.
const TOLERANCE: TimeDelta = TimeDelta::days(3);

/// How far back the transaction search goes, and how long a span it takes at once.
const SEARCHED: TimeDelta = TimeDelta::days(3 * 365);
const SEARCHED_AT_ONCE: TimeDelta = TimeDelta::days(31);
/// How a time is written there.
const TIME: &str = "%Y-%m-%dT%H:%M:%SZ";

/// About how many notices PayPal is asked at once: anybody can send some.
const QUESTIONS: usize = 4;

/// Our account at PayPal: its keys, and where its API is.
#[derive(Debug, Clone)]
pub(crate) struct Paypal {
    account: PaypalAccount,
    http: Http,
    tokens: Tokens,
    /// One for each notice that PayPal may be asked about at once.
    questions: Arc<Semaphore>,
}

#[derive(Debug, Deserialize)]
struct Order {
    id: String,
    status: String,
    update_time: Option<String>,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(default)]
    purchase_units: Vec<Unit>,
}

#[derive(Debug, Deserialize)]
struct Link {
    rel: String,
    href: String,
}

#[derive(Debug, Deserialize)]
struct Unit {
    reference_id: Option<String>,
    custom_id: Option<String>,
    amount: Money,
    #[serde(default)]
    payments: Payments,
}

#[derive(Debug, Default, Deserialize)]
struct Payments {
    #[serde(default)]
    captures: Vec<Part>,
    #[serde(default)]
    refunds: Vec<Part>,
}

/// A capture or a refund.
#[derive(Debug, Deserialize)]
struct Part {
    id: String,
    status: String,
    amount: Option<Money>,
    status_details: Option<Details>,
    /// Of a refund of ours, what [`refund_mark`] made.
    custom_id: Option<String>,
    #[serde(alias = "seller_payable_breakdown")]
    seller_receivable_breakdown: Option<Breakdown>,
}

/// What PayPal keeps of a capture for its work; of a refund, what it gives back of that.
#[derive(Debug, Deserialize)]
struct Breakdown {
    paypal_fee: Option<Money>,
}

#[derive(Debug, Deserialize)]
struct Details {
    reason: Option<String>,
}

/// What is wrong (https://developer.paypal.com/api/rest/responses/).
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    name: String,
    #[serde(default)]
    details: Vec<Issue>,
}

#[derive(Debug, Deserialize)]
struct Issue {
    issue: Option<String>,
}

/// A notice, as far as it is read (https://developer.paypal.com/docs/api/webhooks/v1/#definition-event).
#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    event_type: String,
    resource: Resource,
}

#[derive(Debug, Deserialize)]
struct Resource {
    id: Option<String>,
    custom_id: Option<String>,
    #[serde(default)]
    supplementary_data: Supplement,
    /// Of a dispute.
    #[serde(default)]
    disputed_transactions: Vec<Disputed>,
}

#[derive(Debug, Deserialize)]
struct Disputed {
    /// What we had put into the order's `custom_id`.
    custom: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Supplement {
    #[serde(default)]
    related_ids: Related,
}

#[derive(Debug, Default, Deserialize)]
struct Related {
    order_id: Option<String>,
}

/// The question whether a notice is PayPal's own
/// (https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature).
#[derive(Serialize)]
struct Question<'a> {
    auth_algo: &'a str,
    cert_url: &'a str,
    transmission_id: &'a str,
    transmission_sig: &'a str,
    transmission_time: &'a str,
    webhook_id: &'a str,
    /// Byte for byte: the signature is over it.
    webhook_event: &'a RawValue,
}

#[derive(Deserialize)]
struct Verdict {
    verification_status: String,
}

fn sum(parts: &[Part], statuses: &[&str]) -> Result<i64, Failure> {
    let counted = |part: &&Part| statuses.contains(&part.status.as_str());
    let amounts = parts.iter().filter(counted).filter_map(|part| part.amount.as_ref());
    amounts.map(from_paypal).sum()
}

/// What stands in the `custom_id` of a refund of ours: our ids of the charge, which notices of it are known by, and of the
/// refund.
fn refund_mark(charge: &str, refund: &str) -> String {
    format!("{charge}.{refund}")
}

/// The two parts of such a mark.
fn read_mark(custom_id: &str) -> (&str, Option<&str>) {
    custom_id.split_once('.').map_or((custom_id, None), |(charge, refund)| (charge, Some(refund)))
}

/// The status of a capture of which nothing is left.
const GIVEN_BACK_WHOLE: &str = "REFUNDED";
/// Refunds that stand.
const GIVEN_BACK: [&str; 2] = ["COMPLETED", "PENDING"];

/// Captures whose money was taken, whatever was given back of it since.
const TAKEN: [&str; 3] = ["COMPLETED", "PARTIALLY_REFUNDED", GIVEN_BACK_WHOLE];

impl Order {
    /// Ours have one unit.
    fn unit(&self) -> Result<&Unit, Failure> {
        self.purchase_units.first().ok_or_else(|| Failure::Unavailable("an order without a unit".to_owned()))
    }

    fn charge(&self) -> Result<Charge, Failure> {
        let unit = self.unit()?;
        let captures = &unit.payments.captures;
        let captured = sum(captures, &TAKEN)?;
        let pending = sum(captures, &["PENDING"])?;
        let state = match self.status.as_str() {
            _ if pending > 0 => ChargeState::Processing,
            _ if captured > 0 => ChargeState::Completed,
            _ if !captures.is_empty() => ChargeState::Failed,
            "VOIDED" => ChargeState::Cancelled,
            _ if unit.custom_id.as_deref() == Some(CANCELLED) => ChargeState::Cancelled,
            "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" | "APPROVED" => ChargeState::Pending,
            _ => ChargeState::Processing,
        };
        let reason = captures.iter().find_map(|part| part.status_details.as_ref()?.reason.as_deref());
        let failed = state == ChargeState::Failed;
        Ok(Charge {
            reference: self.id.clone(),
            state,
            amount: from_paypal(&unit.amount)?,
            currency: unit.amount.currency_code.clone(),
            authorised: captured + pending,
            captured,
            refunded: sum(&unit.payments.refunds, &GIVEN_BACK)?.max(sum(captures, &[GIVEN_BACK_WHOLE])?),
            fees: unit.payments.fees(),
            is_disputed: None,
            failure: failed.then(|| harmless(reason.unwrap_or("capture_declined"))),
            next: if state == ChargeState::Pending { self.next() } else { NextAction::None },
            answer: self.answer(unit),
        })
    }

    /// The refunds; and of a capture that PayPal says is given back whole, what no refund tells of.
    fn given_back(&self) -> Result<Vec<ListedRefund>, Failure> {
        let Payments { captures, refunds } = &self.unit()?.payments;
        let listed = |part: &Part| {
            let ours = part.custom_id.as_deref().and_then(|mark| read_mark(mark).1).map(str::to_owned);
            let amount = part.amount.as_ref().map_or(Ok(0), from_paypal)?;
            Ok(ListedRefund { refund: part.told(), ours, amount })
        };
        let mut all = refunds.iter().map(listed).collect::<Result<Vec<_>, Failure>>()?;
        let amount = sum(captures, &[GIVEN_BACK_WHOLE])? - sum(refunds, &GIVEN_BACK)?;
        if let Some(capture) = captures.iter().find(|part| part.status == GIVEN_BACK_WHOLE)
            && amount > 0
        {
            let (reference, progress) = (format!("reversal-{}", capture.id), RefundProgress::Succeeded);
            all.push(ListedRefund { refund: ChargeRefund { reference, progress, failure: None }, ours: None, amount });
        }
        Ok(all)
    }

    fn next(&self) -> NextAction {
        let link = self.links.iter().find(|link| matches!(link.rel.as_str(), "payer-action" | "approve"));
        link.map_or(NextAction::None, |link| NextAction::Redirect { url: link.href.clone() })
    }

    /// What staff may see: nothing about the payer.
    fn answer(&self, unit: &Unit) -> String {
        let parts = |parts: &[Part]| {
            parts.iter().map(|part| json!({ "id": part.id, "status": part.status, "amount": part.amount })).collect()
        };
        let (captures, refunds): (Vec<_>, Vec<_>) = (parts(&unit.payments.captures), parts(&unit.payments.refunds));
        json!({ "id": self.id, "status": self.status, "captures": captures, "refunds": refunds }).to_string()
    }
}

impl Payments {
    /// By the ids under which the transaction search tells of them, too. What can't be read holds up no payment.
    fn fees(&self) -> Vec<Movement> {
        let taken = self.captures.iter().filter(|part| TAKEN.contains(&part.status.as_str()));
        let given_back = self.refunds.iter().filter(|part| part.status == "COMPLETED");
        let kept = taken.map(|part| part.fee(MovementKind::Fee));
        kept.chain(given_back.map(|part| part.fee(MovementKind::FeeBack))).flatten().collect()
    }
}

impl Part {
    fn fee(&self, kind: MovementKind) -> Option<Movement> {
        let fee = self.seller_receivable_breakdown.as_ref()?.paypal_fee.as_ref()?;
        let amount = from_paypal(fee).ok().filter(|amount| *amount > 0)?;
        Some(Movement { reference: self.id.clone(), kind, amount, currency: fee.currency_code.clone() })
    }

    fn told(&self) -> ChargeRefund {
        let progress = match self.status.as_str() {
            "COMPLETED" => RefundProgress::Succeeded,
            "FAILED" | "CANCELLED" => RefundProgress::Failed,
            _ => RefundProgress::Pending,
        };
        let reason = self.status_details.as_ref().and_then(|details| details.reason.as_deref());
        let failure = (progress == RefundProgress::Failed).then(|| harmless(reason.unwrap_or("refund_failed")));
        ChargeRefund { reference: self.id.clone(), progress, failure }
    }
}

fn failure(answer: &Answer) -> Failure {
    let problem: Problem = answer.read().unwrap_or_default();
    let issue = problem.details.iter().find_map(|detail| detail.issue.as_deref());
    answer.failure(issue.unwrap_or(&problem.name))
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    if answer.is_done() { answer.read() } else { Err(failure(answer)) }
}

impl Paypal {
    /// Talks to nobody yet.
    #[must_use]
    pub(crate) fn new(account: PaypalAccount, http: Http) -> Self {
        Self { account, http, tokens: Tokens::default(), questions: Arc::new(Semaphore::new(QUESTIONS)) }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.account.url)
    }

    fn order_address(&self, reference: &str, step: &str) -> Result<String, Failure> {
        if !is_id(reference) {
            return Err(Failure::Refused(NO_SUCH_CHARGE.to_owned()));
        }
        Ok(self.address(&format!("v2/checkout/orders/{reference}{step}")))
    }

    /// What asks for a token (https://developer.paypal.com/api/rest/authentication/).
    fn login(&self) -> RequestBuilder {
        let secret = self.account.client_secret.expose_secret();
        let request = self.http.post(self.address("v1/oauth2/token"));
        request.basic_auth(&self.account.client_id, Some(secret)).form(&[("grant_type", "client_credentials")])
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        self.tokens.ask(request, self.login()).await
    }

    async fn fetch(&self, reference: &str) -> Result<Order, Failure> {
        let answer = self.ask(self.http.get(self.order_address(reference, "")?)).await?;
        match answer.status {
            404 => Err(Failure::Refused(NO_SUCH_CHARGE.to_owned())),
            _ => read(&answer),
        }
    }

    /// Takes the money of an approved order. An order is captured once; the request's id holds when it last changed, so
    /// that after a refusal and another approval it is a new request.
    async fn capture(&self, order: &Order, key: &str) -> Result<Order, Failure> {
        let request = format!("{key}-capture-{}", harmless(order.update_time.as_deref().unwrap_or("")));
        let request = self
            .http
            .post(self.order_address(&order.id, "/capture")?)
            .header("paypal-request-id", request.trim_end_matches('-'))
            .header("prefer", "return=representation")
            .json(&json!({}));
        read(&self.ask(request).await?)
    }

    /// Asks PayPal whether a notice is its own. Beyond so many at once nobody is asked: it sends what is genuine again.
    async fn is_own(&self, question: &Question<'_>) -> Result<bool, Failure> {
        let permit = self.questions.try_acquire();
        let _permit = permit.map_err(|_| Failure::Unavailable("it is asked about too many at once".to_owned()))?;
        let address = self.address("v1/notifications/verify-webhook-signature");
        let answer = self.ask(self.http.post(address).json(question)).await?;
        if answer.is_refusal() {
            return Ok(false);
        }
        read::<Verdict>(&answer).map(|verdict| verdict.verification_status == "SUCCESS")
    }
}

/// What the headers of a notice say, once they are plausible: asking PayPal costs a request.
fn transmission(envelope: &Envelope, now: DateTime<Utc>) -> Result<[&str; 5], Rejected> {
    let header = |name: &str| envelope.headers.get(name).map(String::as_str).ok_or(Rejected::Signature);
    let cert_url = header("paypal-cert-url")?;
    let is_paypals = Url::parse(cert_url)
        .is_ok_and(|url| url.scheme() == "https" && url.host_str().is_some_and(|host| host.ends_with(".paypal.com")));
    if !is_paypals {
        return Err(Rejected::Signature);
    }
    let time = header("paypal-transmission-time")?;
    let at = DateTime::parse_from_rfc3339(time).map_err(|_| Rejected::Signature)?;
    if (now - at.to_utc()).abs() > TOLERANCE {
        return Err(Rejected::Old);
    }
    let (algorithm, id) = (header("paypal-auth-algo")?, header("paypal-transmission-id")?);
    Ok([algorithm, cert_url, id, header("paypal-transmission-sig")?, time])
}

#[async_trait]
impl Gateway for Paypal {
    async fn create_charge(&self, new: &NewCharge<'_>) -> Result<Charge, Failure> {
        let order = json!({
            "intent": "CAPTURE",
            "purchase_units": [{
                "reference_id": new.reference,
                "custom_id": new.reference,
                "description": excerpt(new.description, 120),
                "amount": to_paypal(&new.amount)?,
            }],
            "payment_source": { "paypal": { "experience_context": {
                "return_url": new.return_url,
                "cancel_url": new.return_url,
                "user_action": "PAY_NOW",
                "shipping_preference": "NO_SHIPPING",
            } } },
        });
        let request = self
            .http
            .post(self.address("v2/checkout/orders"))
            .header("paypal-request-id", new.reference)
            .header("prefer", "return=representation")
            .json(&order);
        read::<Order>(&self.ask(request).await?)?.charge()
    }

    async fn advance_charge(&self, reference: &str, key: &str) -> Result<Charge, Failure> {
        let order = self.fetch(reference).await?;
        let is_ours = order.unit()?.custom_id.as_deref() == Some(key);
        if order.status != "APPROVED" || !is_ours {
            return order.charge();
        }
        match self.capture(&order, key).await {
            Ok(order) => order.charge(),
            // Somebody else was first; or the payer's bank said no, and they may choose another way on the same page.
            Err(Failure::Refused(word)) => {
                let charge = self.fetch(reference).await?.charge()?;
                let failure = charge.failure.clone().or(Some(word));
                Ok(if charge.state == ChargeState::Pending { Charge { failure, ..charge } } else { charge })
            }
            Err(unavailable) => Err(unavailable),
        }
    }

    async fn look_at_charge(&self, reference: &str) -> Result<Charge, Failure> {
        self.fetch(reference).await?.charge()
    }

    async fn cancel_charge(&self, reference: &str) -> Result<Charge, Failure> {
        let order = self.fetch(reference).await?;
        let charge = order.charge()?;
        let ours = order.unit()?.reference_id.as_deref().filter(|ours| is_id(ours));
        let (ChargeState::Pending, Some(ours)) = (charge.state, ours) else { return Ok(charge) };
        // https://developer.paypal.com/docs/api/orders/v2/#orders_patch
        let path = format!("/purchase_units/@reference_id=='{ours}'/custom_id");
        let patch = json!([{ "op": "replace", "path": path, "value": CANCELLED }]);
        let answer = self.ask(self.http.patch(self.order_address(reference, "")?).json(&patch)).await?;
        if !answer.is_done() && !answer.is_refusal() {
            return Err(failure(&answer));
        }
        // Refused: its money was taken meanwhile.
        self.fetch(reference).await?.charge()
    }

    async fn create_refund(&self, new: &NewRefund<'_>) -> Result<ChargeRefund, Failure> {
        let order = self.fetch(new.charge).await?;
        let unit = order.unit()?;
        let capture = unit.payments.captures.iter().find(|part| TAKEN.contains(&part.status.as_str()));
        let capture = capture.filter(|part| is_id(&part.id));
        let capture = capture.ok_or_else(|| Failure::Refused("not_captured".to_owned()))?;
        // The notice of it is to say which charge it is about.
        let mark = refund_mark(unit.reference_id.as_deref().unwrap_or_default(), new.reference);
        let refund = json!({ "amount": to_paypal(&new.amount)?, "custom_id": mark });
        let request = self
            .http
            .post(self.address(&format!("v2/payments/captures/{}/refund", capture.id)))
            .header("paypal-request-id", new.reference)
            .header("prefer", "return=representation")
            .json(&refund);
        read::<Part>(&self.ask(request).await?).map(|part| part.told())
    }

    async fn fetch_refund(&self, reference: &str, _charge: &str) -> Result<ChargeRefund, Failure> {
        if !is_id(reference) {
            return Err(Failure::Refused("no_such_refund".to_owned()));
        }
        let request = self.http.get(self.address(&format!("v2/payments/refunds/{reference}")));
        read::<Part>(&self.ask(request).await?).map(|part| part.told())
    }

    /// What PayPal takes back itself it lists as a refund, too; where it only says so of the capture, the rest of it counts.
    async fn given_back(&self, charge: &str) -> Result<GivenBack, Failure> {
        Ok(GivenBack::Each(self.fetch(charge).await?.given_back()?))
    }

    async fn disputes(&self, charge: &str) -> Result<Vec<ToldDispute>, Failure> {
        let order = self.fetch(charge).await?;
        let mut told = Vec::new();
        for capture in order.unit()?.payments.captures.iter().filter(|part| is_id(&part.id)) {
            let query = format!("v1/customer/disputes?disputed_transaction_id={}", capture.id);

            let answer = self.ask(self.http.get(self.address(&query))).await?;
            if answer.status == 403 {
                // Nothing that trying again helps: what PayPal takes back it tells of as given back all the same.
                tracing::warn!("PayPal does not let us see disputes: the app lacks the permission for them");
                return Ok(Vec::new());
            }
            let found: Disputes = read(&answer)?;
            for item in found.items.iter().filter(|item| is_id(&item.dispute_id)) {
                let request = self.http.get(self.address(&format!("v1/customer/disputes/{}", item.dispute_id)));
                told.push(read::<Dispute>(&self.ask(request).await?)?.told()?);
            }
        }
        Ok(told)
    }

    /// By the transaction search, some hours late (https://developer.paypal.com/docs/api/transaction-search/v1/).
    async fn movements(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Option<Vec<Movement>>, Failure> {
        let mut movements = Vec::new();
        let mut start = from.max(until - SEARCHED);
        while start < until {
            let end = until.min(start + SEARCHED_AT_ONCE);
            let mut page = 1;
            loop {
                let query = format!(
                    "v1/reporting/transactions?start_date={}&end_date={}&fields=transaction_info&page_size=500&page={page}",
                    start.format(TIME),
                    end.format(TIME)
                );
                let answer = self.ask(self.http.get(self.address(&query))).await?;
                if answer.status == 403 {
                    tracing::warn!("PayPal does not let us search transactions: the app lacks the permission for it");
                    return Ok(None);
                }
                let found: Transactions = read(&answer)?;
                let is_last = page >= found.total_pages || found.transaction_details.is_empty();
                movements.extend(found.transaction_details.iter().flat_map(Detail::movements));
                if is_last {
                    break;
                }
                page += 1;
            }
            start = end;
        }
        Ok(Some(movements))
    }

    async fn holdings(&self) -> Result<Option<Holdings>, Failure> {
        let answer = self.ask(self.http.get(self.address("v1/reporting/balances?currency_code=ALL"))).await?;
        if answer.status == 403 {
            tracing::warn!("PayPal does not let us see what it holds: the app lacks the permission for it");
            return Ok(None);
        }
        read::<Balances>(&answer).map(|balances| Some(balances.holdings()))
    }

    async fn verify_webhook(&self, envelope: &Envelope, body: &[u8], now: DateTime<Utc>) -> Result<Notice, Rejected> {
        let [auth_algo, cert_url, transmission_id, transmission_sig, transmission_time] = transmission(envelope, now)?;
        let webhook_event: &RawValue = serde_json::from_slice(body).map_err(|_| Rejected::Body)?;
        let event: Event = serde_json::from_slice(body).map_err(|_| Rejected::Body)?;
        let question = Question {
            auth_algo,
            cert_url,
            transmission_id,
            transmission_sig,
            transmission_time,
            webhook_id: &self.account.webhook_id,
            webhook_event,
        };
        match self.is_own(&question).await {
            Ok(true) => {}
            Ok(false) => return Err(Rejected::Signature),
            Err(failure) => return Err(Rejected::Unavailable(failure.to_string())),
        }
        let is_order = event.event_type.starts_with("CHECKOUT.ORDER.");
        let order = if is_order { event.resource.id } else { event.resource.supplementary_data.related_ids.order_id };
        let disputed = event.resource.disputed_transactions.into_iter().find_map(|disputed| disputed.custom);
        let subject = match (order, event.resource.custom_id.or(disputed)) {
            (Some(order), _) => Subject::Charge(order),
            (None, Some(ours)) => Subject::Reference(read_mark(&ours).0.to_owned()),
            (None, None) => Subject::Nothing,
        };
        Ok(Notice { event_id: event.id, subject })
    }

    fn public_key(&self) -> Option<&str> {
        Some(&self.account.client_id)
    }

    async fn check(&self) -> Result<(), String> {
        self.tokens.get(self.login()).await.map(drop).map_err(|failure| failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_stands_as_its_order_and_captures_do() {
        let state = |status: &str, custom_id: &str, captures: &[&str]| {
            let capture = |status: &&str| json!({ "id": "C", "status": status, "amount": { "currency_code": "USD", "value": "9.00" } });
            let captures: Vec<_> = captures.iter().map(capture).collect();
            let order = json!({ "id": "O", "status": status, "purchase_units": [{
                "custom_id": custom_id,
                "amount": { "currency_code": "USD", "value": "9.00" },
                "payments": { "captures": captures },
            }] });
            serde_json::from_value::<Order>(order).unwrap().charge().unwrap().state
        };
        for (status, captures, expected) in [
            ("CREATED", &[][..], ChargeState::Pending),
            ("PAYER_ACTION_REQUIRED", &[], ChargeState::Pending),
            ("APPROVED", &[], ChargeState::Pending),
            ("VOIDED", &[], ChargeState::Cancelled),
            ("COMPLETED", &[], ChargeState::Processing),
            ("SOMETHING_NEW", &[], ChargeState::Processing),
            ("COMPLETED", &["COMPLETED"], ChargeState::Completed),
            ("COMPLETED", &["PARTIALLY_REFUNDED"], ChargeState::Completed),
            ("COMPLETED", &["REFUNDED"], ChargeState::Completed),
            ("COMPLETED", &["PENDING"], ChargeState::Processing),
            ("COMPLETED", &["DECLINED"], ChargeState::Failed),
            ("COMPLETED", &["FAILED"], ChargeState::Failed),
        ] {
            assert_eq!(state(status, "payment_1", captures), expected, "{status} {captures:?}");
        }
        assert_eq!(state("APPROVED", CANCELLED, &[]), ChargeState::Cancelled);
        // What was taken counts, called off or not.
        assert_eq!(state("COMPLETED", CANCELLED, &["COMPLETED"]), ChargeState::Completed);
    }
}
