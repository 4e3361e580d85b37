//! What somebody might try: tampered, swapped and replayed parts of a flow, and id_tokens that do not hold.

use agora::domain::auth;
use serde_json::{Value, json};
use url::Url;

use super::{
    browser::{self, at_provider, begin, begin_link, codes, come_back, complete, parameter, sign_in, ticket},
    one,
    provider::{Lie, Provider},
};
use crate::harness::Server;

/// Everything but the flows themselves.
async fn everything(server: &Server) -> Vec<(&'static str, i64)> {
    server.rows().await.into_iter().filter(|(table, _)| *table != "oauth_flows").collect()
}

/// The same address with another value of a parameter.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let mut changed = url.clone();
    let others: Vec<_> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
    changed.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
    changed
}

#[tokio::test]
async fn an_id_token_that_does_not_hold_signs_nobody_in() {
    let (provider, server) = Provider::start(&[]).await;
    // The victim is there already.
    sign_in(&server, "company").await;
    let before = everything(&server).await;
    for lie in [
        Lie::AlgNone,
        Lie::HmacWithSecret,
        Lie::HmacWithPublicKey,
        Lie::WrongKey,
        Lie::UnknownKid,
        Lie::WrongAudience,
        Lie::SharedAudience,
        Lie::WrongParty,
        Lie::WrongIssuer,
        Lie::Expired,
        Lie::OfTheFuture,
        Lie::WrongNonce,
        Lie::NoNonce,
        Lie::NoIdToken,
        Lie::Huge,
        Lie::Broken,
        Lie::Redirects,
    ] {
        provider.lie(lie);
        for name in ["google", "company"] {
            let payload = sign_in(&server, name).await;
            assert_eq!(codes(&payload), one("PROVIDER_FAILED"), "{lie:?}");
            let message = payload["errors"][0]["message"].as_str().unwrap();
            assert_eq!(message, "Signing in at the provider did not work; begin again.", "nothing of the provider's");
        }
    }
    assert_eq!(everything(&server).await, before);
    provider.lie(Lie::None);
    assert_eq!(codes(&sign_in(&server, "company").await), Vec::<String>::new());
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_not_believed() {
    let (provider, server) = Provider::start(&[]).await;
    provider.lie(Lie::OtherDiscovery);
    let amina = server.user("amina").await.seen().await;
    let before = server.contents().await;
    for (client, query) in [(server.anonymous(), browser::BEGIN), (amina, browser::LINK)] {
        let errors = client.user_errors(query, json!({ "input": { "provider": "company" } })).await;
        assert_eq!(errors, [("PROVIDER_FAILED".to_owned(), String::new())], "{query}");
    }
    assert!(server.changes_since(&before).await.is_empty());
}

#[tokio::test]
async fn a_state_that_is_unknown_used_or_of_another_provider_is_refused() {
    let (provider, server) = Provider::start(&[]).await;
    let flow = begin(&server.anonymous(), "google").await;
    let back = at_provider(&flow).await;
    let mut elsewhere = back.clone();
    elsewhere.set_path("/oauth/callback/github");
    let mut nowhere = back.clone();
    nowhere.set_path("/oauth/callback/facebook");
    let mut twice = back.clone();
    twice.query_pairs_mut().append_pair("state", "another");
    let mut stateless = back.clone();
    stateless.set_query(Some("code=1"));
    for wrong in [
        with(&back, "state", "tampered"),
        with(&back, "state", ""),
        with(&back, "state", &flow.flow_token),
        elsewhere,
        nowhere,
        twice,
        stateless,
    ] {
        let onward = come_back(&server, &wrong).await;
        assert_eq!(onward.as_str(), "http://localhost:3000/?error=invalid_state", "{wrong}");
    }
    // The flow is as good as before; it works once.
    let first = come_back(&server, &back).await;
    assert!(parameter(&first, "ticket").is_some(), "{first}");
    let again = come_back(&server, &back).await;
    assert_eq!(again.as_str(), "http://localhost:3000/?error=invalid_state");
    assert_eq!(provider.asked("/token"), 0);
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_is_refused() {
    let (_, server) = Provider::start(&[]).await;
    let flow = begin(&server.anonymous(), "company").await;
    let back = at_provider(&flow).await;
    let onward = come_back(&server, &with(&back, "iss", "https://evil.example")).await;
    assert_eq!(parameter(&onward, "error").as_deref(), Some("provider_failed"));
}

#[tokio::test]
async fn a_tampered_code_and_one_of_another_flow_are_refused() {
    let (provider, server) = Provider::start(&[]).await;
    let client = server.anonymous();
    // An attacker's code in the victim's flow: the provider ties it to the attacker's challenge.
    provider.person("attacker", "attacker@example.org", true);
    let attacker = at_provider(&begin(&client, "github").await).await;
    let attacker_company = at_provider(&begin(&client, "company").await).await;
    for (name, code) in [
        ("company", parameter(&attacker_company, "code").unwrap()),
        ("company", parameter(&attacker, "code").unwrap()),
        ("company", "tampered".to_owned()),
    ] {
        let flow = begin(&client, name).await;
        let back = with(&at_provider(&flow).await, "code", &code);
        let ticket = parameter(&come_back(&server, &back).await, "ticket").unwrap();
        let payload = complete(&client, &flow.flow_token, &ticket).await;
        assert_eq!(codes(&payload), one("PROVIDER_FAILED"));
    }
    // A code that is missing, twice there, or endless is none.
    for change in ["&code=another", ""] {
        let flow = begin(&client, "company").await;
        let mut back = at_provider(&flow).await;
        let query = format!("{}{change}", back.query().unwrap());
        back.set_query(Some(&query));
        let back = if change.is_empty() { with(&back, "code", &"a".repeat(5000)) } else { back };
        assert_eq!(parameter(&come_back(&server, &back).await, "error").as_deref(), Some("provider_failed"));
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 0);
}

#[tokio::test]
async fn a_ticket_and_a_flow_token_work_once_and_only_together() {
    let (provider, server) = Provider::start(&[]).await;
    let client = server.anonymous();
    let flow = begin(&client, "google").await;
    let good = ticket(&server, &flow).await;
    // Login CSRF: the attacker's ticket in the victim's browser, which has a flow token of its own, or none.
    let victim = begin(&client, "google").await;
    let other = ticket(&server, &victim).await;
    let state = flow.parameter("state");
    for (flow_token, ticket) in [
        (victim.flow_token.as_str(), good.as_str()),
        (flow.flow_token.as_str(), other.as_str()),
        (good.as_str(), flow.flow_token.as_str()),
        (state.as_str(), good.as_str()),
        ("", good.as_str()),
        (flow.flow_token.as_str(), ""),
        (flow.flow_token.as_str(), "tampered\u{0}"),
    ] {
        assert_eq!(
            codes(&complete(&client, flow_token, ticket).await),
            one("PROVIDER_FAILED"),
            "{flow_token} {ticket}"
        );
    }
    assert_eq!((provider.asked("/token"), server.count("SELECT COUNT(*) FROM users").await), (0, 0));

    // Of many at once, one.
    let many = (0..8).map(|_| complete(&client, &flow.flow_token, &good));
    let many = futures_util::future::join_all(many).await;
    assert_eq!(many.iter().filter(|payload| codes(payload).is_empty()).count(), 1, "{many:?}");
    assert_eq!(codes(&complete(&client, &flow.flow_token, &good).await), one("PROVIDER_FAILED"));
    assert_eq!((provider.asked("/token"), server.count("SELECT COUNT(*) FROM sessions").await), (1, 1));
}

#[tokio::test]
async fn a_flow_that_failed_at_the_provider_is_over_too() {
    let (provider, server) = Provider::start(&[]).await;
    let client = server.anonymous();
    let flow = begin(&client, "google").await;
    let good = ticket(&server, &flow).await;
    provider.lie(Lie::Broken);
    assert_eq!(codes(&complete(&client, &flow.flow_token, &good).await), one("PROVIDER_FAILED"));
    provider.lie(Lie::None);
    assert_eq!(codes(&complete(&client, &flow.flow_token, &good).await), one("PROVIDER_FAILED"));
    assert_eq!(provider.asked("/token"), 1);
}

#[tokio::test]
async fn a_link_is_finished_by_whoever_began_it_and_by_nobody_else() {
    let (provider, server) = Provider::start(&[]).await;
    let amina = server.user("amina").await;
    let mallory = server.user("mallory").await;
    for name in ["amina", "mallory"] {
        auth::confirm_email(&server.app, &format!("{name}@example.org")).await.unwrap();
    }
    provider.person("mallory", "mallory@example.com", true);
    // Mallory's identity for amina's account: even with both tokens it wants mallory's session.
    let flow = begin_link(&mallory, "google").await;
    let good = ticket(&server, &flow).await;
    for client in [&amina, &server.anonymous()] {
        assert_eq!(codes(&complete(client, &flow.flow_token, &good).await), one("PROVIDER_FAILED"));
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, 0);
    assert_eq!(codes(&complete(&mallory, &flow.flow_token, &good).await), Vec::<String>::new());
    // A sign-in in amina's browser does not link to her account either.
    let flow = begin(&amina, "google").await;
    let good = ticket(&server, &flow).await;
    let payload = complete(&amina, &flow.flow_token, &good).await;
    assert_eq!(payload["result"]["user"]["id"].as_str(), Some(mallory.id.as_str()));
    let own = amina.ok("{ me { identities { provider } } }", Value::Null).await;
    assert_eq!(own["me"]["identities"], json!([]));
}

#[tokio::test]
async fn nothing_secret_of_a_flow_is_kept_readable() {
    let (_, server) = Provider::start(&[]).await;
    let flow = begin(&server.anonymous(), "google").await;
    let back = at_provider(&flow).await;
    let ticket = parameter(&come_back(&server, &back).await, "ticket").unwrap();
    let sql = "SELECT state_hash, flow_hash, ticket_hash, secrets, result FROM oauth_flows";
    let rows = server.app.db.rows(sql, Vec::new()).await.unwrap();
    let kept: Vec<Vec<u8>> = (0..5).map(|column| rows[0].try_get_by_index(column).unwrap()).collect();
    let secrets = [
        flow.parameter("state"),
        flow.flow_token.clone(),
        flow.parameter("nonce"),
        ticket,
        parameter(&back, "code").unwrap(),
    ];
    for secret in secrets {
        assert!(!kept.iter().any(|bytes| bytes.windows(secret.len()).any(|part| part == secret.as_bytes())));
    }
}
