//! The sandbox's own pages, where payers give a card's number, as they would at a real provider: none of it passes through
//! the graph. Only there where the sandbox is on.

use axum::{
    Json,
    body::Body,
    extract::{Extension, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    entity::{Currency, Money, told},
    error::Result,
    http::{
        Shared, body,
        client::as_refusal,
        respond::{self, Media, escaped, refuse, refuse_with},
        stranger::Stranger,
    },
    platform::providers::payments::sandbox::{Act, CARDS, Deed, Outcome, Visible},
};

/// Which charge a page is about.
#[derive(Deserialize)]
pub(in crate::http) struct Secret {
    secret: String,
}

/// Most bytes of a form.
const LONGEST: usize = 4096;

/// What a payer does.
#[derive(Default)]
struct Given {
    secret: String,
    /// The card's number.
    card: Option<String>,
    /// Whether the payer passes their bank's question.
    authenticate: Option<String>,
    /// What is done behind the shop's back, one of [`DEEDS`].
    deed: Option<String>,
}

/// What can be done behind the shop's back: its word, the state of a charge in which it can be done, what is done, and how
/// that reads.
const DEEDS: &[(&str, &str, Deed, &str)] = &[
    ("refund", "completed", Deed::Refund(None), "give back what is left, as somebody may at a provider's own pages"),
    ("dispute", "completed", Deed::Dispute(None), "the payer disputes the payment at their bank"),
    ("win", "completed", Deed::Decide(true), "the bank decides disputes that are open for the shop"),
    ("lose", "completed", Deed::Decide(false), "the bank decides disputes that are open for the payer"),
    ("release", "authorised", Deed::Release, "let go what is only promised, as a provider may"),
];

impl Given {
    /// From the fields of the form.
    fn read(form: &[u8]) -> Self {
        let mut given = Self::default();
        for (name, value) in url::form_urlencoded::parse(form) {
            match &*name {
                "secret" => given.secret = value.into_owned(),
                "card" => given.card = Some(value.into_owned()),
                "deed" => given.deed = Some(value.into_owned()),
                "authenticate" => given.authenticate = Some(value.into_owned()),
                _ => {}
            }
        }
        given
    }
}

/// The page: what is to be paid, and the cards that there are.
pub(in crate::http) async fn page(
    State(shared): State<Shared>,
    Stranger(identity): Stranger,
    Query(secret): Query<Secret>,
) -> Response {
    let found = match shared.app.payments.sandbox() {
        Some(sandbox) => sandbox.look(&secret.secret).await,
        None => Ok(None),
    };
    match found {
        Ok(Some(charge)) => respond::page(html(&secret.secret, &charge)),
        Ok(None) => respond::not_found(Extension(identity)).await,
        Err(error) => refuse(&as_refusal(error, &identity), Media::Json, &identity),
    }
}

/// A payer's card or answer, from the page's form.
pub(in crate::http) async fn pay(
    State(shared): State<Shared>,
    Stranger(identity): Stranger,
    headers: HeaderMap,
    sent: Body,
) -> Response {
    let given = match body::read(&shared.app, &headers, sent, LONGEST).await {
        Ok(form) => Given::read(&form),
        Err((status, refusal)) => return refuse_with(status, &refusal, Media::Json, &identity),
    };
    let secret = given.secret.clone();
    match done(&shared, &given).await {
        Ok(Some(charge)) => {
            let wants_page = headers
                .get(header::ACCEPT)
                .is_some_and(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
            if wants_page {
                let location = format!("/sandbox/pay?{}", encoded(&secret));
                return (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
            }
            Json(json!({ "state": told(&charge.state), "failure": charge.failure })).into_response()
        }
        Ok(None) => respond::not_found(Extension(identity)).await,
        Err(error) => refuse(&as_refusal(error, &identity), Media::Json, &identity),
    }
}

async fn done(shared: &Shared, given: &Given) -> Result<Option<Visible>> {
    let Some(sandbox) = shared.app.payments.sandbox() else { return Ok(None) };
    if let Some(word) = &given.deed {
        return match DEEDS.iter().find(|(known, ..)| known == word) {
            Some((_, _, deed, _)) => sandbox.behind_our_back(&given.secret, *deed).await,
            None => sandbox.look(&given.secret).await,
        };
    }
    let act = match (&given.card, &given.authenticate) {
        (_, Some(answer)) => Act::Authenticate(answer == "pass"),
        (Some(card), None) => Act::card(card),
        (None, None) => return sandbox.look(&given.secret).await,
    };
    sandbox.act(&given.secret, &act).await
}

fn encoded(secret: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("secret", secret).finish()
}

fn html(secret: &str, charge: &Visible) -> String {
    let amount = Currency::parse(&charge.currency)
        .map_or_else(String::new, |currency| Money::new(charge.amount, currency).to_string());
    let form = |fields: String| {
        format!(
            "<form method=\"post\" action=\"/sandbox/pay\"><input type=\"hidden\" name=\"secret\" value=\"{}\">{fields}</form>",
            escaped(secret)
        )
    };
    let action = match charge.state.as_str() {
        "waiting" => CARDS
            .iter()
            .map(|(number, outcome, brand)| {
                form(format!(
                    "<button name=\"card\" value=\"{number}\">{number}</button> {brand}: {}",
                    meaning(*outcome)
                ))
            })
            .collect::<String>(),
        "challenged" => form(
            "<p>Your bank asks whether it is you.</p><button name=\"authenticate\" value=\"pass\">It is me</button> \
             <button name=\"authenticate\" value=\"fail\">It is not</button>"
                .to_owned(),
        ),
        _ => "<p>You can go back now.</p>".to_owned(),
    };
    let deeds: String = DEEDS
        .iter()
        .filter(|(_, state, ..)| *state == charge.state)
        .map(|(word, _, _, words)| form(format!("<button name=\"deed\" value=\"{word}\">{word}</button> {words}")))
        .collect();
    let deeds = if deeds.is_empty() { deeds } else { format!("<h2>Behind the shop's back</h2>{deeds}") };
    let failure = charge.failure.as_deref().map_or_else(String::new, |failure| format!("<p>{}</p>", escaped(failure)));
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sandbox payment</title>\
         <style>body{{font:16px sans-serif;max-width:40em;margin:3em auto}}form{{margin:.5em 0}}</style>\
         <h1>Sandbox: {} ({})</h1><p>No real money. Choose a card.</p>{failure}{action}{deeds}</html>",
        escaped(&amount),
        escaped(told(&charge.state))
    )
}

fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "pays",
        Outcome::Declined(reason) | Outcome::Failure(reason) => reason,
        Outcome::Challenge => "the bank asks (3-D Secure)",
        Outcome::Slow => "pays after some seconds",
        Outcome::SlowFailure => "fails after some seconds",
        Outcome::LateCapture => "is authorized, then pays after some seconds",
        Outcome::RefundsFail => "pays; refunds of it fail",
        Outcome::Disputed => "pays; disputed after some seconds",
        Outcome::RefundsComeBack => "pays; refunds of it are done, then come back",
    }
}
