//! Signing in, leaving, and how often one may try.

use agora::domain::auth;
use serde_json::{Value, json};

use super::tokens::signed_in;
use crate::accounts::{LOGIN, REGISTER, accounts_made, is_accepted};
use crate::harness::{
    Client, Server,
    client::{PASSWORD, joining},
    socket::TIMEOUT,
};

#[tokio::test]
async fn one_signs_in_by_name_or_address_whatever_the_case() {
    let server = Server::start().await;
    let amina = server.user("Amina").await;
    for login in ["Amina", "amina", "AMINA", " amina ", "Amina@example.org", "AMINA@EXAMPLE.ORG"] {
        let data = server.anonymous().ok(LOGIN, json!({ "login": login, "password": PASSWORD })).await;
        assert_eq!(data["login"]["errors"], json!([]), "{login}");
        assert_eq!(data["login"]["result"]["user"]["id"], amina.id.as_str(), "{login}");
    }
    // Each sign-in is a session of its own.
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions").await, 7);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_are_told_alike_and_cost_the_same() {
    let server = Server::start().await;
    server.user("amina").await;
    let sessions = server.count("SELECT COUNT(*) FROM sessions").await;
    let mut answers = Vec::new();
    for (login, password) in [
        ("amina", "not the password"),
        ("amina@example.org", "not the password"),
        ("nobody", "not the password"),
        ("nobody@example.org", PASSWORD),
        ("", PASSWORD),
        ("amina", ""),
        ("not a name \u{0} at all", PASSWORD),
    ] {
        let (hashed, statements) = (server.app.passwords.hashed(), server.app.db.statements());
        let data = server.anonymous().ok(LOGIN, json!({ "login": login, "password": password })).await;
        let work = (server.app.passwords.hashed() - hashed, server.app.db.statements() - statements);
        answers.push((login, data, work));
    }
    let (_, first, work) = &answers[0];
    assert_eq!(first["login"]["errors"][0]["code"], "INVALID_CREDENTIALS", "{first}");
    assert_eq!(work.0, 1);
    for (login, answer, spent) in &answers {
        assert_eq!((answer, spent), (first, work), "{login:?}");
    }
    // What can't be anybody's password costs nothing, whoever's it is to be.
    for login in ["amina", "nobody"] {
        let before = (server.app.passwords.hashed(), server.app.db.statements());
        let data = server.anonymous().ok(LOGIN, json!({ "login": login, "password": "x".repeat(5000) })).await;
        assert_eq!(&data, first, "{login:?}");
        assert_eq!((server.app.passwords.hashed(), server.app.db.statements()), before, "{login:?}");
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions").await, sessions);
}

// ------------------------------------------------------------------------------------------------------- leaving

#[tokio::test]
async fn logout_ends_this_session_only() {
    let (server, amina, tokens) = signed_in().await;
    let elsewhere = server.anonymous().login("amina").await.access_token.unwrap();
    amina.ok("mutation { logout { ended } }", Value::Null).await;
    assert!(!is_accepted(&server, &tokens.access).await);
    assert!(is_accepted(&server, &elsewhere).await);
    assert_eq!(amina.refused("mutation { logout { ended } }", Value::Null).await, "UNAUTHENTICATED");
    assert_eq!(server.anonymous().refused("mutation { logout { ended } }", Value::Null).await, "UNAUTHENTICATED");
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL").await, 1);
}

#[tokio::test]
async fn logout_ends_the_session_on_another_instance_within_a_sweep() {
    let (server, amina, tokens) = signed_in().await;
    let beside = server.beside(&[]).await;
    let elsewhere = server.anonymous().login("amina").await.access_token.unwrap();
    assert!(is_accepted(&beside, &tokens.access).await);
    assert!(is_accepted(&beside, &elsewhere).await);
    amina.ok("mutation { logout { ended } }", Value::Null).await;
    auth::sweep(&beside.app).await.unwrap();
    assert!(!is_accepted(&beside, &tokens.access).await);
    assert!(is_accepted(&beside, &elsewhere).await);
    // An instance that never saw the session needs no sweep.
    let fresh = server.beside(&[]).await;
    assert!(!is_accepted(&fresh, &tokens.access).await);
}

#[tokio::test]
async fn a_serving_instance_learns_of_a_logout_by_itself() {
    let (server, amina, tokens) = signed_in().await;
    let beside = server.beside(&[]).await;
    beside.listen().await;
    assert!(is_accepted(&beside, &tokens.access).await);
    amina.ok("mutation { logout { ended } }", Value::Null).await;
    let ended = async {
        while is_accepted(&beside, &tokens.access).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, ended).await.expect("the other instance never learned of it");
}

// --------------------------------------------------------------------------------------------------- rate limits

async fn login_code(client: &Client, login: &str, password: &str) -> String {
    let answer = client.send(LOGIN, json!({ "login": login, "password": password })).await.body;
    if let Some(error) = answer["errors"].get(0) {
        let wait = error["extensions"]["retryAfter"].as_i64().unwrap_or_else(|| panic!("{answer}"));
        assert!((1..=3600).contains(&wait), "{answer}");
        return error["extensions"]["code"].as_str().unwrap().to_owned();
    }
    answer["data"]["login"]["errors"][0]["code"].as_str().unwrap_or("OK").to_owned()
}

#[tokio::test]
async fn sign_ins_from_one_address_are_limited_whatever_the_account() {
    let server = Server::with(&[("RATE_LIMIT_LOGIN_ADDRESS", "3/hour")]).await;
    server.user("amina").await;
    let here = server.anonymous().from("198.51.100.1");
    for account in ["one", "two", "three"] {
        assert_eq!(login_code(&here, account, PASSWORD).await, "INVALID_CREDENTIALS");
    }
    let hashed = server.app.passwords.hashed();
    assert_eq!(login_code(&here, "amina", PASSWORD).await, "RATE_LIMITED");
    assert_eq!(server.app.passwords.hashed(), hashed);
    assert_eq!(login_code(&server.anonymous().from("198.51.100.2"), "amina", PASSWORD).await, "OK");
    // One subscriber has a whole /64.
    for last in ["1", "2", "ffff:1"] {
        let neighbour = server.anonymous().from(&format!("2001:db8:0:7::{last}"));
        assert_eq!(login_code(&neighbour, "amina", PASSWORD).await, "OK");
    }
    assert_eq!(login_code(&server.anonymous().from("2001:db8:0:7:1::"), "amina", PASSWORD).await, "RATE_LIMITED");
    assert_eq!(login_code(&server.anonymous().from("2001:db8:0:8::1"), "amina", PASSWORD).await, "OK");
}

#[tokio::test]
async fn registrations_from_one_address_are_limited_refused_ones_included() {
    let server = Server::with(&[("RATE_LIMIT_REGISTER_ADDRESS", "2/hour")]).await;
    server.user("amina").await;
    let errors = server.anonymous().user_errors(REGISTER, joining("amina", "other@example.org")).await;
    assert_eq!(errors[0].0, "TAKEN");
    let before = accounts_made(&server).await;
    assert_eq!(server.anonymous().refused(REGISTER, joining("basma", "basma@example.org")).await, "RATE_LIMITED");
    assert_eq!(accounts_made(&server).await, before);
    server.anonymous().from("198.51.100.1").register("basma").await;
}
