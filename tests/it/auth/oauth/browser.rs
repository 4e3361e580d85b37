//! A browser that goes to a provider and comes back.

use agora::platform::providers::http::Http;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use url::Url;

use crate::harness::{Client, Server};

pub(crate) const BEGIN: &str = "mutation($input: OauthBeginInput!) { oauthBegin(input: $input) { errors { code path message } \
    flow { authorizationUrl flowToken expiresAt } } }";

pub(crate) const LINK: &str = "mutation($input: IdentityLinkInput!) { identityLink(input: $input) { errors { code path } \
    flow { authorizationUrl flowToken expiresAt } } }";

pub(crate) const COMPLETE: &str = "mutation($input: OauthCompleteInput!) { oauthComplete(input: $input) { \
    errors { code path message } isNewUser user { id identities { id provider } } result { __typename \
    ... on Session { accessToken refreshToken user { id username displayName firstName lastName avatarUrl email \
    identities { provider title email linkedAt lastUsedAt } } } \
    ... on TwoFactorChallenge { challengeToken methods } ... on Identity { id provider email linkedAt } } } }";

/// A flow that has begun in a browser.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub authorization_url: Url,
    pub flow_token: String,
}

impl Flow {
    fn of(payload: &Value) -> Self {
        assert_eq!(payload["errors"], json!([]), "{payload}");
        Self {
            authorization_url: payload["flow"]["authorizationUrl"].as_str().unwrap().parse().unwrap(),
            flow_token: payload["flow"]["flowToken"].as_str().unwrap().to_owned(),
        }
    }

    /// A parameter of the address that the browser was sent to.
    pub(crate) fn parameter(&self, name: &str) -> String {
        parameter(&self.authorization_url, name).unwrap_or_else(|| panic!("no {name}: {}", self.authorization_url))
    }
}

/// A parameter of an address.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Begins a sign-in.
pub(crate) async fn begin(client: &Client, provider: &str) -> Flow {
    let input = json!({ "input": { "provider": provider, "returnPath": "/welcome?tab=1" } });
    Flow::of(&client.ok(BEGIN, input).await["oauthBegin"])
}

/// Begins to link.
pub(crate) async fn begin_link(client: &Client, provider: &str) -> Flow {
    Flow::of(&client.ok(LINK, json!({ "input": { "provider": provider } })).await["identityLink"])
}

/// Goes to the provider, which signs in whoever is there; gives where it sends the browser back to.
pub(crate) async fn at_provider(flow: &Flow) -> Url {
    let client = Http::new().unwrap();
    let answer = client.get(flow.authorization_url.clone()).send().await.unwrap();
    let status = answer.status();
    let location = answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
    match location {
        Some(location) => location.parse().unwrap(),
        None => panic!("{status}: {}", answer.text().await.unwrap()),
    }
}

/// Comes back; gives where in the frontend the browser goes on.
pub(crate) async fn come_back(server: &Server, back: &Url) -> Url {
    let address = &back[url::Position::BeforePath..];
    let answer = server.send(Request::get(address).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{address}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    answer.headers()["location"].to_str().unwrap().parse().unwrap()
}

/// To the provider and back; gives the ticket.
pub(crate) async fn ticket(server: &Server, flow: &Flow) -> String {
    let onward = come_back(server, &at_provider(flow).await).await;
    parameter(&onward, "ticket").unwrap_or_else(|| panic!("no ticket: {onward}"))
}

/// Ends a flow; gives the payload.
pub(crate) async fn complete(client: &Client, flow_token: &str, ticket: &str) -> Value {
    let input = json!({ "input": { "flowToken": flow_token, "ticket": ticket } });
    client.ok(COMPLETE, input).await["oauthComplete"].clone()
}

/// The whole way; gives the payload.
pub(crate) async fn sign_in(server: &Server, provider: &str) -> Value {
    let client = server.anonymous();
    let flow = begin(&client, provider).await;
    let ticket = ticket(server, &flow).await;
    complete(&client, &flow.flow_token, &ticket).await
}

/// The whole way for somebody who is signed in and links; gives the payload.
pub(crate) async fn link(server: &Server, client: &Client, provider: &str) -> Value {
    let flow = begin_link(client, provider).await;
    let ticket = ticket(server, &flow).await;
    complete(client, &flow.flow_token, &ticket).await
}

/// The codes of a payload's errors; it has nothing else then.
pub(crate) fn codes(payload: &Value) -> Vec<String> {
    let errors = payload["errors"].as_array().unwrap();
    assert!(errors.is_empty() || payload["result"].is_null() && payload["user"].is_null(), "{payload}");
    errors.iter().map(|error| error["code"].as_str().unwrap().to_owned()).collect()
}

/// Somebody who came in by a provider.
pub(crate) fn signed_in(server: &Server, payload: &Value) -> Client {
    assert_eq!(payload["errors"], json!([]), "{payload}");
    let mut client = server.anonymous().token(payload["result"]["accessToken"].as_str().unwrap());
    payload["result"]["user"]["id"].as_str().unwrap().clone_into(&mut client.id);
    client
}
