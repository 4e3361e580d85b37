//! What strangers can't use up for others: neither the turns at which passwords are hashed, nor a limit, nor a secret.

use agora::platform::passwords::{Caller, Place};
use serde_json::{Value, json};

use super::authenticator::LOGIN;
use crate::harness::{Client, Server, client::PASSWORD};

const BEGIN: &str = "mutation { oauthBegin(input: { provider: \"nope\" }) { errors { code path } } }";
const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) { errors { code path } \
    result { __typename } } }";
const CHANGE: &str = "mutation($new: String!) { passwordChange(input: { oldPassword: \"correct horse battery\", \
    newPassword: $new }) { errors { code path } } }";
const REAUTHENTICATE: &str =
    "mutation { reauthenticate(input: { password: \"correct horse battery\" }) { errors { code path } } }";

fn joining(username: &str, email: &str) -> Value {
    json!({ "input": { "username": username, "email": email, "password": PASSWORD } })
}

fn error(code: &str, path: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), path.to_owned())]
}

/// What a sign-in comes to.
async fn sign_in(client: &Client, login: &str, password: &str) -> String {
    let body = client.send(LOGIN, json!({ "login": login, "password": password })).await.body;
    let code = body["errors"][0]["extensions"]["code"].as_str().or(body["data"]["login"]["errors"][0]["code"].as_str());
    code.unwrap_or("OK").to_owned()
}

/// Takes every place in the strangers' line.
fn crowd(server: &Server) -> Vec<Place> {
    std::iter::from_fn(|| server.app.passwords.enter(Caller::Stranger).ok()).take(10_000).collect()
}

#[tokio::test]
async fn forty_addresses_keep_nobody_from_signing_in() {
    let server = Server::with(&[("RATE_LIMIT_LOGIN_ADDRESS", "20/minute")]).await;
    server.user("amina").await;
    for number in 1..=40 {
        let attacker = server.anonymous().from(&format!("198.51.100.{number}"));
        for round in 0..20 {
            assert_eq!(attacker.user_errors(BEGIN, Value::Null).await, error("INVALID", "input.provider"));
            let nobody = format!("nobody_{number}_{round}");
            assert_eq!(sign_in(&attacker, &nobody, "not the password").await, "INVALID_CREDENTIALS");
        }
        assert_eq!(sign_in(&attacker, "nobody", "not the password").await, "RATE_LIMITED");
    }
    assert_eq!(sign_in(&server.anonymous().from("203.0.113.1"), "amina", PASSWORD).await, "OK");
    server.anonymous().from("203.0.113.2").register("basma").await;
}

#[tokio::test]
async fn a_line_full_of_strangers_holds_up_no_owner() {
    let server = Server::with(&[("PASSWORD_HASH_PARALLEL", "1"), ("PASSWORD_HASH_WAITING", "3")]).await;
    let home = "2001:db8:77:1::5";
    let amina = server.anonymous().from(home).register("amina").await;
    let crowd = crowd(&server);
    assert_eq!(crowd.len(), 4);
    let before = server.contents().await;
    let stranger = server.anonymous().from("198.51.100.1");
    for login in ["amina", "amina@example.org", "nobody"] {
        assert_eq!(sign_in(&stranger, login, PASSWORD).await, "UNAVAILABLE", "{login}");
    }
    assert_eq!(stranger.refused(REGISTER, joining("basma", "basma@example.org")).await, "UNAVAILABLE");
    assert_eq!(server.changes_since(&before).await, [""; 0]);
    assert_eq!(server.count("SELECT COUNT(*) FROM sign_in_failures").await, 0, "nobody had a try");

    let at_home = server.anonymous().from("2001:db8:77:1:aaaa::9");
    assert_eq!(sign_in(&at_home, "amina", PASSWORD).await, "OK");
    assert_eq!(sign_in(&at_home, "amina@example.org", PASSWORD).await, "OK");
    // Nor who is signed in, wherever they are, nor who has what was sent to their mailbox.
    let away = amina.clone().from("203.0.113.9");
    assert_eq!(away.user_errors(REAUTHENTICATE, Value::Null).await, []);
    assert_eq!(away.user_errors(CHANGE, json!({ "new": "an entirely new one" })).await, []);
    let reset = "mutation { passwordResetRequest(input: { email: \"amina@example.org\" }) { errors { code } } }";
    stranger.ok(reset, Value::Null).await;
    let code = server.last_sent("amina@example.org").await.code();
    let confirm = "mutation($code: String!) { passwordResetConfirm(input: { email: \"amina@example.org\", code: $code, \
                   newPassword: \"yet another one\" }) { errors { code path } } }";
    assert_eq!(stranger.user_errors(confirm, json!({ "code": code })).await, []);
    drop(crowd);
    assert_eq!(sign_in(&stranger, "amina", "yet another one").await, "OK");
}

#[tokio::test]
async fn what_can_t_be_right_is_charged_to_nobody() {
    let server = Server::with(&[
        ("RATE_LIMIT_LOGIN_ADDRESS", "1/hour"),
        ("RATE_LIMIT_REGISTER_ADDRESS", "1/hour"),
        ("RATE_LIMIT_SEND_ADDRESS", "1/hour"),
        ("RATE_LIMIT_PROOF_ADDRESS", "1/hour"),
    ])
    .await;
    let here = server.anonymous();
    let long = "x1y2".repeat(40);
    for _ in 0..3 {
        assert_eq!(here.user_errors(BEGIN, Value::Null).await, error("INVALID", "input.provider"));
        let hashed = server.app.passwords.hashed();
        assert_eq!(sign_in(&here, "amina", &long).await, "INVALID_CREDENTIALS");
        assert_eq!(server.app.passwords.hashed(), hashed, "a gift to whoever sends it");
        for rubbish in [
            "oauthComplete(input: { flowToken: \"x\", ticket: \"y\" })",
            "twoFactorVerify(input: { challengeToken: \"x\", method: TOTP, code: \"1\" })",
            "twoFactorCodeSend(input: { challengeToken: \"x\", method: EMAIL })",
            "passwordResetRequest(input: { email: \"nonsense\" })",
            "emailVerificationSend(input: { email: \"nonsense\" })",
            "passwordResetConfirm(input: { email: \"amina@example.org\", code: \"1\", newPassword: \"short\" })",
        ] {
            let query = format!("mutation {{ {rubbish} {{ errors {{ code path }} }} }}");
            assert_ne!(here.user_errors(&query, Value::Null).await, [], "{rubbish}");
        }
        assert_eq!(here.user_errors(REGISTER, joining("amina", "nonsense")).await, error("INVALID", "input.email"));
    }
    // Each limit is whole.
    here.clone().register("amina").await;
    assert_eq!(sign_in(&here, "amina", PASSWORD).await, "OK");
    for accepted in [
        "passwordResetRequest(input: { email: \"amina@example.org\" })",
        "emailVerify(input: { email: \"amina@example.org\", code: \"1\" })",
    ] {
        here.ok(&format!("mutation {{ {accepted} {{ errors {{ code }} }} }}"), Value::Null).await;
    }
    assert_eq!(sign_in(&here, "amina", PASSWORD).await, "RATE_LIMITED");
}
