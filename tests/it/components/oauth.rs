//! Signing in at a strict issuer (npm `oidc-provider`), and at Google and GitHub as npm `emulate` plays them. Discord has
//! no such component: tests/it/auth/oauth/mod.rs plays it, after its documentation.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use agora::{domain::auth, platform::providers::http::Http};
use serde_json::{Value, json};
use url::Url;

use super::needs;
use crate::{
    auth::oauth::browser::{Flow, begin, begin_link, codes, come_back, complete, parameter, signed_in},
    harness::Server,
};

const PUBLIC: &str = "https://agora.example";
const OIDC_SECRET: &str = "a client's secret: +/=&%";

/// A server by the clock of the services, which is the machine's.
async fn server(settings: &[(&str, &str)]) -> Server {
    let mut all = vec![("PUBLIC_URL", PUBLIC)];
    all.extend_from_slice(settings);
    let server = Server::with(&all).await;
    #[expect(clippy::disallowed_methods, reason = "the services have no other clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    server.advance(now as i64 - server.clock.now().timestamp());
    server
}

async fn with_issuer(issuer: &str, name: &str, auth: &str, secret: &str) -> Server {
    let client = format!("{name}-client");
    server(&[
        ("OIDC_NAME", name),
        ("OIDC_ISSUER", issuer),
        ("OIDC_CLIENT_ID", &client),
        ("OIDC_CLIENT_SECRET", secret),
        ("OIDC_CLIENT_AUTH", auth),
    ])
    .await
}

/// A browser without a page: it keeps cookies and goes where it is sent, until that is us.
async fn follow(mut url: Url) -> Url {
    let browser = Http::new().unwrap();
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..10 {
        let cookie: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = browser.get(url.clone()).header("cookie", cookie.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let Some(location) = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned()) else {
            panic!("{} at {url}: {}", answer.status(), answer.text().await.unwrap());
        };
        url = url.join(&location).unwrap();
        if url.as_str().starts_with(PUBLIC) {
            return url;
        }
    }
    panic!("sent around in circles: {url}");
}

async fn at_issuer(flow: &Flow, who: &str) -> Url {
    let mut url = flow.authorization_url.clone();
    url.query_pairs_mut().append_pair("login_hint", who);
    follow(url).await
}

/// Chooses a person on the page of a provider that `emulate` plays: sends the form that the page has for them.
async fn choose(flow: &Flow, path: &str, field: &str, who: &str) -> Url {
    let browser = Http::new().unwrap();
    let page = browser.get(flow.authorization_url.clone()).send().await.unwrap();
    assert_eq!(page.status(), 200, "{}", page.text().await.unwrap());
    let mut form: Vec<(String, String)> = flow.authorization_url.query_pairs().into_owned().collect();
    form.push((field.to_owned(), who.to_owned()));
    let answer = browser.post(flow.authorization_url.join(path).unwrap()).form(&form).send().await.unwrap();
    answer.headers()["location"].to_str().unwrap().parse().unwrap()
}

async fn finish(server: &Server, flow: &Flow, back: &Url) -> Value {
    let onward = come_back(server, back).await;
    let ticket = parameter(&onward, "ticket").unwrap_or_else(|| panic!("no ticket: {onward}"));
    complete(&server.anonymous(), &flow.flow_token, &ticket).await
}

#[tokio::test]
async fn a_strict_issuer_signs_people_in() {
    let Some([issuer]) = needs(["COMPONENT_OIDC_ISSUER"]) else { return };
    // The secret in the header and RS256; in the body and ES256.
    for (name, auth) in [("company", "basic"), ("posting", "post")] {
        let server = with_issuer(&issuer, name, auth, OIDC_SECRET).await;
        let flow = begin(&server.anonymous(), name).await;
        let payload = finish(&server, &flow, &at_issuer(&flow, "amina").await).await;
        assert_eq!(payload["isNewUser"], true, "{payload}");
        assert_eq!(payload["result"]["user"]["displayName"], "Amina El Sayed");
        let amina = signed_in(&server, &payload);
        let me = amina.ok("{ me { email identities { provider email } } }", Value::Null).await;
        let identity = json!([{ "provider": name, "email": "amina@example.org" }]);
        assert_eq!(me["me"], json!({ "email": "amina@example.org", "identities": identity }));

        let flow = begin(&server.anonymous(), name).await;
        let again = finish(&server, &flow, &at_issuer(&flow, "amina").await).await;
        assert_eq!(
            (&again["isNewUser"], again["result"]["user"]["id"].as_str()),
            (&json!(false), Some(amina.id.as_str()))
        );

        let flow = begin(&server.anonymous(), name).await;
        let unverified = finish(&server, &flow, &at_issuer(&flow, "bilal").await).await;
        assert_eq!(codes(&unverified), ["PROVIDER_EMAIL_UNVERIFIED"]);
    }
}

#[tokio::test]
async fn a_strict_issuer_s_refusals_are_coded_and_its_codes_are_tied_to_their_flow() {
    let Some([issuer]) = needs(["COMPONENT_OIDC_ISSUER"]) else { return };
    let server = with_issuer(&issuer, "company", "basic", OIDC_SECRET).await;
    let flow = begin(&server.anonymous(), "company").await;
    let onward = come_back(&server, &at_issuer(&flow, "nobody").await).await;
    assert_eq!(parameter(&onward, "error").as_deref(), Some("access_denied"), "{onward}");

    // A code of another flow: the issuer compares the challenge.
    let stolen = at_issuer(&begin(&server.anonymous(), "company").await, "amina").await;
    let flow = begin(&server.anonymous(), "company").await;
    let mut back = Url::parse(&format!("{PUBLIC}/oauth/callback/company")).unwrap();
    back.query_pairs_mut()
        .append_pair("state", &flow.parameter("state"))
        .append_pair("code", &parameter(&stolen, "code").unwrap());
    assert_eq!(codes(&finish(&server, &flow, &back).await), ["PROVIDER_FAILED"]);

    // A wrong secret.
    let wrong = with_issuer(&issuer, "company", "basic", "another secret").await;
    let flow = begin(&wrong.anonymous(), "company").await;
    let back = at_issuer(&flow, "amina").await;
    assert_eq!(codes(&finish(&wrong, &flow, &back).await), ["PROVIDER_FAILED"]);
}

#[tokio::test]
async fn google_signs_people_in_and_joins_what_both_have_verified() {
    let Some([google]) = needs(["COMPONENT_GOOGLE_URL"]) else { return };
    let server = server(&[
        ("GOOGLE_CLIENT_ID", "google-client"),
        ("GOOGLE_CLIENT_SECRET", "only for tests"),
        ("GOOGLE_ISSUER", &google),
    ])
    .await;
    let go = async |who: &str| {
        let flow = begin(&server.anonymous(), "google").await;
        let back = choose(&flow, "/o/oauth2/v2/auth/callback", "email", who).await;
        finish(&server, &flow, &back).await
    };
    let amina = server.user("amina").await;
    auth::confirm_email(&server.app, "amina@example.org").await.unwrap();
    let joined = go("amina@example.org").await;
    assert_eq!(
        (&joined["isNewUser"], joined["result"]["user"]["id"].as_str()),
        (&json!(false), Some(amina.id.as_str()))
    );
    assert_eq!(codes(&go("bilal@example.org").await), ["PROVIDER_EMAIL_UNVERIFIED"]);
}

#[tokio::test]
async fn github_signs_people_in_and_is_linked() {
    let Some([github]) = needs(["COMPONENT_GITHUB_URL"]) else { return };
    let server = server(&[
        ("GITHUB_CLIENT_ID", "github-client"),
        ("GITHUB_CLIENT_SECRET", "only for tests"),
        ("GITHUB_URL", &github),
        ("GITHUB_API_URL", &github),
    ])
    .await;
    let choose = async |flow: &Flow| choose(flow, "/login/oauth/callback", "login", "octo-amina").await;
    let flow = begin(&server.anonymous(), "github").await;
    let payload = finish(&server, &flow, &choose(&flow).await).await;
    assert_eq!(payload["isNewUser"], true, "{payload}");
    assert_eq!(payload["result"]["user"]["username"], "octo_amina");

    let bilal = server.user("bilal").await;
    auth::confirm_email(&server.app, "bilal@example.org").await.unwrap();
    let flow = begin_link(&bilal, "github").await;
    let onward = come_back(&server, &choose(&flow).await).await;
    let payload = complete(&bilal, &flow.flow_token, &parameter(&onward, "ticket").unwrap()).await;
    assert_eq!(codes(&payload), ["ALREADY_LINKED"]);
}
