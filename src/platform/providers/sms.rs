//! Text messages: by Twilio, by Amazon's SNS, or into the outbox folder.

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{
    http::{self, Http},
    outbox::Outbox,
    outgoing_message::{OutgoingMessage, Undelivered},
    sigv4,
};
use crate::config::{self, SnsAccount, TwilioAccount};

/// Most of an answer that is read.
const ANSWER: usize = 64 * 1024;

/// Carries text messages.
pub struct Sms {
    http: Http,
    carrier: Carrier,
}

enum Carrier {
    Nobody,
    Outbox(Outbox),
    Twilio(TwilioAccount),
    Sns(SnsAccount),
}

impl fmt::Debug for Sms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sms").field("carrier", &self.carrier_name()).finish_non_exhaustive()
    }
}

/// What a provider answered: its status, and its own code for what is wrong.
#[derive(Debug, Default)]
struct Answer {
    status: u16,
    code: String,
}

impl Answer {
    fn describe(&self, provider: &str) -> String {
        format!("{provider} answered {} {}", self.status, self.code).trim_end().to_owned()
    }
}

impl Sms {
    /// As configured. Talks to nobody yet.
    #[must_use]
    pub fn new(config: &config::Sms, http: Http, outbox: Outbox) -> Self {
        let carrier = match config {
            config::Sms::Nobody => Carrier::Nobody,
            config::Sms::Outbox => Carrier::Outbox(outbox),
            config::Sms::Twilio(account) => Carrier::Twilio(account.clone()),
            config::Sms::Sns(account) => Carrier::Sns(account.clone()),
        };
        Self { http, carrier }
    }

    /// Whether text messages go anywhere at all: false in a production where nobody is configured to carry them.
    #[must_use]
    pub fn is_carried(&self) -> bool {
        !matches!(self.carrier, Carrier::Nobody)
    }

    /// Who carries them, for an operator.
    #[must_use]
    pub(crate) fn carrier_name(&self) -> &'static str {
        match self.carrier {
            Carrier::Nobody => "nobody",
            Carrier::Outbox(_) => "outbox",
            Carrier::Twilio(_) => "Twilio",
            Carrier::Sns(_) => "SNS",
        }
    }

    /// Sends a message. A provider has no way to recognise a repeat: after an answer that was lost it arrives twice.
    pub async fn send(&self, id: &str, at: DateTime<Utc>, outgoing: &OutgoingMessage) -> Result<(), Undelivered> {
        if !is_number(&outgoing.to) {
            return Err(Undelivered::Refused("the receiver's number is none".to_owned()));
        }
        match &self.carrier {
            Carrier::Nobody => Err(Undelivered::Refused("SMS_PROVIDER is not set: nobody carries texts".to_owned())),
            Carrier::Outbox(outbox) => outbox.put(at, id, outgoing).await.map_err(|error| {
                tracing::warn!(%error, "the outbox can't be written to");
                Undelivered::Unavailable("the outbox can't be written to".to_owned())
            }),
            Carrier::Twilio(account) => self.send_by_twilio(account, outgoing).await,
            Carrier::Sns(account) => self.send_by_sns(account, at, outgoing).await,
        }
    }

    /// Whether the provider answers and knows us; `None` where there is none.
    pub async fn check(&self, at: DateTime<Utc>) -> Option<Result<(), String>> {
        let answer = match &self.carrier {
            Carrier::Nobody | Carrier::Outbox(_) => return None,
            Carrier::Twilio(account) => {
                let url = format!("{}2010-04-01/Accounts/{}.json", account.url, account.sid);
                let request = self.http.get(url).basic_auth(&account.sid, Some(account.token.expose_secret()));
                twilio_answer(request).await
            }
            Carrier::Sns(account) => self.ask_sns(account, at, &[("Action", "GetSMSAttributes")]).await,
        };
        Some(match answer {
            Ok(answer) if answer.status < 300 => Ok(()),
            // Known, but allowed nothing but to publish.
            Ok(answer) if matches!(answer.code.as_str(), "AuthorizationError" | "AccessDenied") => Ok(()),
            Ok(answer) => Err(answer.describe(self.carrier_name())),
            Err(cause) => Err(cause),
        })
    }

    async fn send_by_twilio(&self, account: &TwilioAccount, outgoing: &OutgoingMessage) -> Result<(), Undelivered> {
        let url = format!("{}2010-04-01/Accounts/{}/Messages.json", account.url, account.sid);
        let form = [("From", account.from.as_str()), ("To", &outgoing.to), ("Body", &outgoing.text)];
        let request = self.http.post(url).basic_auth(&account.sid, Some(account.token.expose_secret())).form(&form);
        let answer = twilio_answer(request).await.map_err(Undelivered::Unavailable)?;
        if answer.status < 300 {
            return Ok(());
        }
        // What is wrong with the receiver's number: none, unreachable, on no mobile network, of a country that the
        // account does not send to, or of somebody who asked to be left alone.
        let number_is_bad = [
            "21201", "21211", "21214", "21217", "21265", "21401", "21407", "21408", "21421", "21610", "21612", "21614",
            "21635",
        ]
        .contains(&answer.code.as_str());
        let cause = answer.describe("Twilio");
        if number_is_bad { Err(Undelivered::Refused(cause)) } else { Err(Undelivered::Unavailable(cause)) }
    }

    async fn send_by_sns(
        &self,
        account: &SnsAccount,
        at: DateTime<Utc>,
        outgoing: &OutgoingMessage,
    ) -> Result<(), Undelivered> {
        let form = [
            ("Action", "Publish"),
            ("PhoneNumber", outgoing.to.as_str()),
            ("Message", &outgoing.text),
            // Codes are not advertisements: they are sent with the higher reliability.
            ("MessageAttributes.entry.1.Name", "AWS.SNS.SMS.SMSType"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", "Transactional"),
        ];
        let answer = self.ask_sns(account, at, &form).await.map_err(Undelivered::Unavailable)?;
        let cause = answer.describe("SNS");
        match answer.code.as_str() {
            _ if answer.status < 300 => Ok(()),
            "InvalidParameter" | "InvalidParameterValue" | "OptedOut" => Err(Undelivered::Refused(cause)),
            _ => Err(Undelivered::Unavailable(cause)),
        }
    }

    async fn ask_sns(&self, account: &SnsAccount, at: DateTime<Utc>, form: &[(&str, &str)]) -> Result<Answer, String> {
        const FORM: &str = "application/x-www-form-urlencoded";
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Version", "2010-03-31")
            .extend_pairs(form)
            .finish();
        let host = &account.url[url::Position::BeforeHost..url::Position::AfterPort];
        let date = sigv4::amz_date(at);
        let scope = sigv4::Scope {
            access_key: &account.access_key,
            secret: account.secret.expose_secret(),
            region: &account.region,
            service: "sns",
        };
        let headers = [("content-type", FORM), ("host", host), ("x-amz-date", date.as_str())];
        let authorization = sigv4::authorization(scope, at, &headers, body.as_bytes());
        let mut url = account.url.clone();
        url.set_path("/");
        let request = self
            .http
            .post(url)
            .header("content-type", FORM)
            .header("x-amz-date", date)
            .header("authorization", authorization)
            .body(body);
        let response = request.send().await.map_err(http::cause)?;
        let status = response.status().as_u16();
        let text = http::text(response, ANSWER).await.map_err(http::cause)?;
        let code =
            text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
        Ok(Answer { status, code: harmless(code) })
    }
}

async fn twilio_answer(request: reqwest::RequestBuilder) -> Result<Answer, String> {
    #[derive(Deserialize)]
    struct Problem {
        code: Option<i64>,
    }
    let response = request.send().await.map_err(http::cause)?;
    let status = response.status().as_u16();
    let text = http::text(response, ANSWER).await.map_err(http::cause)?;
    let problem: Option<Problem> = serde_json::from_str(&text).ok();
    let code = problem.and_then(|problem| problem.code).map_or_else(String::new, |code| code.to_string());
    Ok(Answer { status, code })
}

/// A code as it is fit for a log: short, letters and digits only.
fn harmless(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').take(60).collect()
}

/// E.164: a plus and up to 15 digits.
fn is_number(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (4..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}
