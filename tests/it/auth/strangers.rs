//! What strangers can't use up for others: neither the turns at which passwords are hashed, nor a limit, nor a secret.

use agora::{
    domain::auth,
    platform::passwords::{Caller, QueueSlot},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::authenticator::{self, LOGIN};
use crate::harness::{
    Client, Sent, Server,
    client::{PASSWORD, joining},
    user_error,
};

const BEGIN: &str = "mutation { oauthBegin(input: { provider: \"nope\" }) { errors { code path } } }";
const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) { errors { code path } \
    result { __typename } } }";
const CHANGE: &str = "mutation($new: String!) { passwordChange(input: { oldPassword: \"correct horse battery\", \
    newPassword: $new }) { errors { code path } } }";
const REAUTHENTICATE: &str =
    "mutation { reauthenticate(input: { password: \"correct horse battery\" }) { errors { code path } } }";

const RESET: &str =
    "mutation($email: EmailAddress!) { passwordResetRequest(input: { email: $email }) { errors { code } } }";
const CONFIRM: &str = "mutation($input: PasswordResetConfirmInput!) { passwordResetConfirm(input: $input) { \
    errors { code path } } }";
const VERIFY: &str = "mutation($input: EmailVerifyInput!) { emailVerify(input: $input) { errors { code path } } }";
const MOVE: &str =
    "mutation($email: EmailAddress!) { emailChangeRequest(input: { email: $email }) { errors { code path } } }";
const MOVED: &str = "mutation($input: EmailChangeConfirmInput!) { emailChangeConfirm(input: $input) { \
    errors { code path } } }";
const AMINA: &str = "amina@example.org";
const NEW: &str = "an entirely new one";

/// What a sign-in comes to.
async fn sign_in(client: &Client, login: &str, password: &str) -> String {
    let body = client.send(LOGIN, json!({ "login": login, "password": password })).await.body;
    let code = body["errors"][0]["extensions"]["code"].as_str().or(body["data"]["login"]["errors"][0]["code"].as_str());
    code.unwrap_or("OK").to_owned()
}

/// Takes every place in the strangers' line.
fn crowd(server: &Server) -> Vec<QueueSlot> {
    std::iter::from_fn(|| server.app.passwords.enter(Caller::Stranger).ok()).take(10_000).collect()
}

#[tokio::test]
async fn forty_addresses_keep_nobody_from_signing_in() {
    let server = Server::with(&[("RATE_LIMIT_LOGIN_ADDRESS", "10/minute")]).await;
    server.user("amina").await;
    for number in 1..=40 {
        let attacker = server.anonymous().from(&format!("198.51.100.{number}"));
        for round in 0..10 {
            assert_eq!(attacker.user_errors(BEGIN, Value::Null).await, user_error("INVALID", "input.provider"));
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
    let confirm = "mutation($code: String!) { passwordResetConfirm(input: { proof: { emailCode: { email: \"amina@example.org\", code: $code } }, \
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
        assert_eq!(here.user_errors(BEGIN, Value::Null).await, user_error("INVALID", "input.provider"));
        let hashed = server.app.passwords.hashed();
        assert_eq!(sign_in(&here, "amina", &long).await, "INVALID_CREDENTIALS");
        assert_eq!(server.app.passwords.hashed(), hashed, "a gift to whoever sends it");
        for rubbish in [
            "oauthComplete(input: { flowToken: \"x\", ticket: \"y\" })",
            "twoFactorVerify(input: { challengeToken: \"x\", method: TOTP, code: \"1\" })",
            "twoFactorCodeSend(input: { challengeToken: \"x\", method: EMAIL })",
            "passwordResetRequest(input: { email: \"nonsense\" })",
            "emailVerificationSend(input: { email: \"nonsense\" })",
            "passwordResetConfirm(input: { proof: { emailCode: { email: \"amina@example.org\", code: \"1\" } }, newPassword: \"short\" })",
        ] {
            let query = format!("mutation {{ {rubbish} {{ errors {{ code path }} }} }}");
            assert_ne!(here.user_errors(&query, Value::Null).await, [], "{rubbish}");
        }
        assert_eq!(
            here.user_errors(REGISTER, joining("amina", "nonsense")).await,
            user_error("INVALID", "input.email")
        );
    }
    // Each limit is whole.
    here.clone().register("amina").await;
    assert_eq!(sign_in(&here, "amina", PASSWORD).await, "OK");
    for accepted in [
        "passwordResetRequest(input: { email: \"amina@example.org\" })",
        "emailVerify(input: { emailCode: { email: \"amina@example.org\", code: \"1\" } })",
    ] {
        here.ok(&format!("mutation {{ {accepted} {{ errors {{ code }} }} }}"), Value::Null).await;
    }
    assert_eq!(sign_in(&here, "amina", PASSWORD).await, "RATE_LIMITED");
}

/// Asks for a reset in amina's name; gives the e-mails of it that have left so far.
async fn ask(server: &Server, from: &str) -> Vec<Sent> {
    server.anonymous().from(from).ok(RESET, json!({ "email": AMINA })).await;
    server.sent().await.into_iter().filter(|sent| sent.subject == "Choose a new password").collect()
}

/// Chooses a new password by the link of an e-mail.
async fn by_link(server: &Server, token: &str) -> Vec<(String, String)> {
    server
        .anonymous()
        .user_errors(CONFIRM, json!({ "input": { "proof": { "token": token }, "newPassword": NEW } }))
        .await
}

/// What proves by a code that was sent to amina.
fn proof(code: &str) -> Value {
    json!({ "emailCode": { "email": AMINA, "code": code } })
}

/// Tries five codes, none of them right, at amina's address: with what the input is then, and where in it the code stands.
async fn use_up(server: &Server, query: &str, code: &str, (input, path): (fn(Value) -> Value, &str)) {
    let wrong: String = code.chars().map(|c| if c == '0' { '1' } else { '0' }).collect();
    for code in [wrong.as_str(); 5].into_iter().chain([code]) {
        let input = json!({ "input": input(proof(code)) });
        let refused = server.anonymous().from("198.51.100.1").user_errors(query, input).await;
        assert_eq!(refused, user_error("INVALID_CODE", path));
    }
}

#[tokio::test]
async fn five_wrong_codes_don_t_keep_the_owner_from_a_reset() {
    let server = Server::start().await;
    server.user("amina").await;
    let message = ask(&server, "192.0.2.1").await.remove(0);
    let input = |proof: Value| json!({ "proof": proof, "newPassword": NEW });
    use_up(&server, CONFIRM, &message.code(), (input, "input.proof.emailCode.code")).await;
    // Long after the code is over.
    server.advance(24 * 3600 - 1);
    let token = message.token();
    let mut tampered = token.clone();
    tampered.replace_range(40..41, if &token[40..41] == "A" { "B" } else { "A" });
    for wrong in ["", "x", &token[..63], &tampered] {
        assert_eq!(by_link(&server, wrong).await, user_error("INVALID_CODE", "input.proof.token"), "{wrong}");
    }
    let code = json!({ "email": AMINA, "code": "12345678" });
    for proof in [
        json!({}),
        json!({ "token": null }),
        json!({ "token": token, "emailCode": code }),
        json!({ "emailCode": { "code": "12345678" } }),
    ] {
        let input = json!({ "proof": proof, "newPassword": NEW });
        assert_eq!(server.anonymous().refused(CONFIRM, json!({ "input": input })).await, "BAD_REQUEST", "{proof}");
    }
    let weak = json!({ "input": { "proof": { "token": token }, "newPassword": "amina_amina" } });
    assert_eq!(
        server.anonymous().user_errors(CONFIRM, weak).await,
        user_error("PASSWORD_TOO_WEAK", "input.newPassword")
    );
    // It is no other proof.
    let other = json!({ "input": { "token": token } });
    assert_eq!(server.anonymous().user_errors(VERIFY, other).await, user_error("INVALID_CODE", "input.token"));

    assert_eq!(by_link(&server, &token).await, []);
    assert_eq!(sign_in(&server.anonymous(), "amina", NEW).await, "OK");
    assert_eq!(by_link(&server, &token).await, user_error("INVALID_CODE", "input.proof.token"), "once");
}

#[tokio::test]
async fn a_link_has_its_time() {
    let server = Server::start().await;
    server.user("amina").await;
    let message = ask(&server, "192.0.2.1").await.remove(0);
    server.advance(24 * 3600);
    assert_eq!(by_link(&server, &message.token()).await, user_error("INVALID_CODE", "input.proof.token"));
}

#[tokio::test]
async fn of_many_uses_of_links_at_once_one_succeeds() {
    let server = Server::start().await;
    server.user("amina").await;
    let first = ask(&server, "192.0.2.1").await.remove(0).token();
    server.advance(60);
    let second = ask(&server, "192.0.2.1").await.remove(1).token();
    let uses = (0..6).map(|number| by_link(&server, if number % 2 == 0 { &first } else { &second }));
    let results = join_all(uses).await;
    assert_eq!(results.iter().filter(|errors| errors.is_empty()).count(), 1, "{results:?}");
    assert_eq!(server.count("SELECT COUNT(*) FROM activities WHERE kind = 'password_reset'").await, 1);
}

#[tokio::test]
async fn the_e_mails_that_strangers_ask_for_use_up_none_of_the_owner_s() {
    let server = Server::start().await;
    let home = "2001:db8:77:1::5";
    server.anonymous().from(home).register("amina").await;
    for number in 1..=7 {
        assert_eq!(ask(&server, "198.51.100.1").await.len(), number.min(5), "as many as a day has");
        server.advance(60);
    }
    // At home, at once, and with a number of their own.
    for number in 6..=12 {
        assert_eq!(ask(&server, "2001:db8:77:1:aaaa::9").await.len(), number.min(10));
        server.advance(60);
    }
    let emails = ask(&server, "203.0.113.1").await;
    assert_eq!(emails.len(), 10);
    // Whichever e-mail the owner opens.
    assert_eq!(by_link(&server, &emails[2].token()).await, []);
    for message in &emails {
        assert_eq!(by_link(&server, &message.token()).await, user_error("INVALID_CODE", "input.proof.token"));
    }
}

#[tokio::test]
async fn a_registration_and_a_new_address_are_confirmed_by_link_whatever_strangers_tried() {
    let server = Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let nobody = server.anonymous();
    nobody.ok(REGISTER, joining("amina", AMINA)).await;
    let message = server.last_sent(AMINA).await;
    use_up(&server, VERIFY, &message.code(), (|proof| proof, "input.emailCode.code")).await;
    for both_or_none in [json!({}), json!({ "token": message.token(), "emailCode": { "code": message.code() } })] {
        assert_eq!(nobody.refused(VERIFY, json!({ "input": both_or_none })).await, "BAD_REQUEST");
    }
    assert_eq!(nobody.user_errors(VERIFY, json!({ "input": { "token": message.token() } })).await, []);
    let again = nobody.user_errors(VERIFY, json!({ "input": { "token": message.token() } })).await;
    assert_eq!(again, user_error("INVALID_CODE", "input.token"));

    let amina = nobody.clone().login("amina").await;
    let thief = {
        nobody.ok(REGISTER, joining("badr", "badr@example.org")).await;
        let token = server.last_sent("badr@example.org").await.token();
        assert_eq!(nobody.user_errors(VERIFY, json!({ "input": { "token": token } })).await, []);
        nobody.clone().login("badr").await.seen().await
    };
    amina.ok(MOVE, json!({ "email": "mistyped@example.net" })).await;
    let mistyped = server.last_sent("mistyped@example.net").await.token();
    server.advance(60);
    amina.ok(MOVE, json!({ "email": "new@example.net" })).await;
    let new = server.last_sent("new@example.net").await.token();
    let before = server.contents().await;
    for (client, token) in [(&amina, &mistyped), (&thief, &new)] {
        let refused = client.user_errors(MOVED, json!({ "input": { "token": token } })).await;
        assert_eq!(refused, user_error("INVALID_CODE", "input.token"));
    }
    assert_eq!(nobody.refused(MOVED, json!({ "input": { "token": new } })).await, "UNAUTHENTICATED");
    assert_eq!(server.changes_since(&before).await, [""; 0]);
    assert_eq!(amina.user_errors(MOVED, json!({ "input": { "token": new } })).await, []);
    let me = amina.ok("{ me { email emailVerified } }", Value::Null).await;
    assert_eq!(me["me"], json!({ "email": "new@example.net", "emailVerified": true }));
}

#[tokio::test]
async fn what_went_to_a_former_address_is_void_links_included() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let message = ask(&server, "192.0.2.1").await.remove(0);
    amina.ok(MOVE, json!({ "email": "new@example.net" })).await;
    let new = server.last_sent("new@example.net").await.token();
    assert_eq!(amina.user_errors(MOVED, json!({ "input": { "token": new } })).await, []);
    assert_eq!(by_link(&server, &message.token()).await, user_error("INVALID_CODE", "input.proof.token"));
    // Nor does a link outlive a changed password.
    server.anonymous().ok(RESET, json!({ "email": "new@example.net" })).await;
    let token = server.last_sent("new@example.net").await.token();
    amina.ok(CHANGE, json!({ "new": "another one of mine" })).await;
    assert_eq!(by_link(&server, &token).await, user_error("INVALID_CODE", "input.proof.token"));
}

#[tokio::test]
async fn nothing_that_anybody_can_type_is_a_limit_of_somebody_else_s() {
    let server = Server::with(&[("RATE_LIMIT_PROOF_ACCOUNT", "3/hour"), ("RATE_LIMIT_SEND_ACCOUNT", "3/hour")]).await;
    let amina = server.user("amina").await;
    let stranger = server.anonymous().from("198.51.100.1");
    for typed in [amina.id.as_str(), AMINA, "amina"] {
        for _ in 0..10 {
            let variables = json!({ "input": { "emailCode": { "email": typed, "code": "000000" } } });
            assert_eq!(
                stranger.user_errors(VERIFY, variables).await,
                user_error("INVALID_CODE", "input.emailCode.code")
            );
            let proof = json!({ "emailCode": { "email": typed, "code": "00000000" } });
            let input = json!({ "proof": proof, "newPassword": NEW });
            assert_ne!(stranger.user_errors(CONFIRM, json!({ "input": input })).await, []);
        }
    }
    for _ in 0..10 {
        stranger.ok(RESET, json!({ "email": AMINA })).await;
        let send =
            "mutation($email: EmailAddress!) { emailVerificationSend(input: { email: $email }) { errors { code } } }";
        stranger.ok(send, json!({ "email": AMINA })).await;
    }
    assert_eq!(amina.user_errors(REAUTHENTICATE, Value::Null).await, []);
    assert_eq!(amina.user_errors(MOVE, json!({ "email": "new@example.net" })).await, []);
    assert_eq!(amina.user_errors(CHANGE, json!({ "new": NEW })).await, []);
    server.anonymous().from("203.0.113.1").ok(RESET, json!({ "email": AMINA })).await;
}

#[tokio::test]
async fn who_has_stolen_a_password_uses_up_no_code_of_the_owner_s_second_factor() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    auth::confirm_email(&server.app, AMINA).await.unwrap();
    authenticator::enable(&server, &amina).await;
    let send = async |from: &str| {
        let client = server.anonymous().from(from);
        let challenge = authenticator::challenge(&client, "amina").await;
        let variables = json!({ "token": challenge["challengeToken"], "method": "EMAIL" });
        let errors = client.ok(authenticator::SEND, variables).await["twoFactorCodeSend"]["errors"].clone();
        server.advance(30);
        errors.get(0).map_or_else(String::new, |error| error["code"].as_str().unwrap().to_owned())
    };
    for _ in 0..20 {
        assert_eq!(send("198.51.100.1").await, "");
    }
    assert_eq!(send("198.51.100.1").await, "TOO_MANY_CODES");
    assert_eq!(send("192.0.2.1").await, "");
}
