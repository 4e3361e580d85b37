//! Proving an e-mail address, at registration and later, and replacing it; and that nobody learns by it whose address is
//! known here.

use std::collections::HashMap;

use futures_util::{StreamExt, future::join_all, stream};
use serde_json::{Value, json};

use crate::harness::{Client, SEVERAL_CONNECTIONS, Sent, Server, client::joining, dice::multitude, user_error};

const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) { errors { code path } \
    result { __typename } } }";
const LOGIN: &str = "mutation($login: String!) { login(input: { login: $login, password: \"correct horse battery\" }) { \
    errors { code path } result { __typename } } }";
const SEND: &str = "mutation($email: EmailAddress) { emailVerificationSend(input: { email: $email }) { accepted \
    errors { code path } } }";
const VERIFY: &str = "mutation($email: EmailAddress, $code: String!) { emailVerify(input: { emailCode: { email: $email, code: $code } }) { \
    user { username email emailVerified } errors { code path } } }";
const CHANGE: &str = "mutation($email: EmailAddress!) { emailChangeRequest(input: { email: $email }) { accepted \
    errors { code path } } }";
const CONFIRM: &str = "mutation($code: String!) { emailChangeConfirm(input: { code: $code }) { \
    user { email emailVerified } errors { code path } } }";
const ME: &str = "{ me { email emailVerified } }";

async fn confirming() -> Server {
    Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await
}

fn has_code(sent: &Sent) -> bool {
    sent.text.lines().map(str::trim).any(|line| line.len() >= 6 && line.chars().all(|c| c.is_ascii_digit()))
}

fn query_of(link: &str) -> (String, HashMap<String, String>) {
    let url = url::Url::parse(link).unwrap();
    let pairs = url.query_pairs().into_owned().collect();
    (url.path().to_owned(), pairs)
}

/// Proves the address of somebody who is signed in.
async fn prove(server: &Server, client: &Client) {
    client.ok(SEND, json!({})).await;
    let code = server.last_sent(&format!("{}@example.org", client.username)).await.code();
    let data = client.ok(VERIFY, json!({ "code": code })).await;
    assert_eq!(data["emailVerify"]["user"]["emailVerified"], true, "{data}");
}

async fn activities(server: &Server, kind: &str) -> i64 {
    server.count(&format!("SELECT COUNT(*) FROM activities WHERE kind = '{kind}'")).await
}

#[tokio::test]
async fn a_registration_is_completed_by_the_code_signed_out() {
    let server = confirming().await;
    let nobody = server.anonymous();
    nobody.ok(REGISTER, joining("amina", "Amina@Example.org")).await;
    let sent = server.last_sent("Amina@Example.org").await;
    let (path, query) = query_of(&sent.link());
    assert_eq!(path, "/verify-email");
    assert_eq!(query, HashMap::from([("token".to_owned(), sent.token())]));

    assert_eq!(nobody.user_errors(LOGIN, json!({ "login": "amina" })).await, user_error("EMAIL_NOT_CONFIRMED", ""));
    let right = json!({ "email": "amina@example.org", "code": sent.code() });
    let data = nobody.ok(VERIFY, right.clone()).await;
    // Signed out, even who has the code is shown only what everybody sees.
    let user = json!({ "username": "amina", "email": null, "emailVerified": null });
    assert_eq!(data["emailVerify"], json!({ "user": user, "errors": [] }));
    assert_eq!(activities(&server, "email_verified").await, 1);
    let amina = server.anonymous().login("amina").await;
    let me = amina.ok(ME, Value::Null).await;
    assert_eq!(me["me"], json!({ "email": "Amina@Example.org", "emailVerified": true }));
    assert_eq!(nobody.user_errors(VERIFY, right).await, user_error("INVALID_CODE", "input.emailCode.code"));
}

#[tokio::test]
async fn a_link_leads_to_the_frontend_whatever_is_in_the_address() {
    let server = Server::with(&[
        ("REGISTRATION_CONFIRM_EMAIL", "true"),
        ("FRONTEND_URL", "https://shop.example.org/app/?old=1#top"),
    ])
    .await;
    let email = "a+b&code=1#ü@example.org";
    server.anonymous().ok(REGISTER, joining("amina", email)).await;
    let sent = server.last_sent(email).await;
    assert_eq!(sent.link(), format!("https://shop.example.org/app/verify-email?token={}", sent.token()));
}

#[tokio::test]
async fn who_registers_with_a_known_address_is_answered_alike_and_its_owner_is_told() {
    let server = confirming().await;
    let nobody = server.anonymous();
    let (first, cost) = server.cost_of(nobody.ok(REGISTER, joining("amina", "amina@example.org"))).await;
    let code = server.last_sent("amina@example.org").await.code();
    nobody.ok(VERIFY, json!({ "email": "amina@example.org", "code": code })).await;
    server.advance(60);

    let (second, same) = server.cost_of(nobody.ok(REGISTER, joining("intruder", "AMINA@example.org"))).await;
    assert_eq!((second, same), (first, cost));
    let sent = server.sent().await;
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(sent[1].to, "amina@example.org");
    assert!(!has_code(&sent[1]), "{sent:?}");
    // Not more often than codes would be sent.
    nobody.ok(REGISTER, joining("intruder_2", "amina@example.org")).await;
    assert_eq!(server.sent().await.len(), 2);
    // The intruder's account is not to be woken by any code.
    server.advance(60);
    let (asked, _) = server.cost_of(nobody.ok(SEND, json!({ "email": "amina@example.org" }))).await;
    assert_eq!(asked["emailVerificationSend"]["accepted"], true);
    assert_eq!(server.sent().await.len(), 2);
    assert_eq!(nobody.user_errors(LOGIN, json!({ "login": "intruder" })).await, user_error("EMAIL_NOT_CONFIRMED", ""));
}

#[tokio::test]
async fn a_storm_of_registrations_with_one_address_is_answered_alike_and_sends_one_message() {
    let server = confirming().await;
    let storm = (0..12).map(|number| {
        let client = server.anonymous();
        async move { client.user_errors(REGISTER, joining(&format!("amina_{number}"), "amina@example.org")).await }
    });
    for errors in join_all(storm).await {
        assert_eq!(errors, []);
    }
    assert_eq!(server.sent().await.len(), 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM credentials WHERE email_key = 'amina@example.org'").await, 1);
}

#[tokio::test]
async fn asking_by_address_gives_nothing_away() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.user("badr").await;
    prove(&server, &amina).await;
    let before = server.sent().await.len();
    let nobody = server.anonymous();
    let (expected, cost) = server.cost_of(nobody.ok(SEND, json!({ "email": "nobody@example.org" }))).await;
    assert_eq!(expected["emailVerificationSend"], json!({ "accepted": true, "errors": [] }));
    // Proven, waiting, waiting but asked just now.
    for email in ["amina@example.org", "Badr@example.org", "badr@example.org"] {
        let found = server.cost_of(nobody.ok(SEND, json!({ "email": email }))).await;
        assert_eq!(found, (expected.clone(), cost), "{email}");
        server.run_jobs().await;
    }
    let sent = server.sent().await;
    assert_eq!(sent[before..].iter().map(|sent| sent.to.as_str()).collect::<Vec<_>>(), ["badr@example.org"]);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
}

#[tokio::test]
async fn a_wrong_code_costs_the_same_whether_or_not_the_address_is_known() {
    let server = confirming().await;
    let nobody = server.anonymous();
    nobody.ok(REGISTER, joining("amina", "amina@example.org")).await;
    let code = server.last_sent("amina@example.org").await.code();
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let mut answers = Vec::new();
    for email in ["nobody@example.org", "amina@example.org", "not an address", ""] {
        answers.push(server.cost_of(nobody.ok(VERIFY, json!({ "email": email, "code": wrong }))).await);
    }
    let refused =
        json!({ "user": null, "errors": [{ "code": "INVALID_CODE", "path": ["input", "emailCode", "code"] }] });
    for (data, cost) in &answers {
        assert_eq!((&data["emailVerify"], cost), (&refused, &answers[0].1));
    }
}

#[tokio::test]
async fn a_multitude_of_guesses_at_once_spends_five_tries() {
    let server = confirming().await;
    server.anonymous().ok(REGISTER, joining("amina", "amina@example.org")).await;
    let code = server.last_sent("amina@example.org").await.code();
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let guesses = stream::iter(0..multitude()).map(|_| {
        let client = server.anonymous();
        async move { client.user_errors(VERIFY, json!({ "email": "amina@example.org", "code": wrong })).await }
    });
    let refused = guesses.buffer_unordered(32).collect::<Vec<_>>().await;
    assert!(refused.iter().all(|errors| *errors == user_error("INVALID_CODE", "input.emailCode.code")));
    assert_eq!(server.count("SELECT attempts FROM codes").await, 5);
    let right = json!({ "email": "amina@example.org", "code": code });
    let errors = server.anonymous().user_errors(VERIFY, right.clone()).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.emailCode.code"));
    // The owner asks for another one.
    server.advance(60);
    server.anonymous().ok(SEND, json!({ "email": "amina@example.org" })).await;
    let code = server.last_sent("amina@example.org").await.code();
    let data = server.anonymous().ok(VERIFY, json!({ "email": "amina@example.org", "code": code })).await;
    assert_eq!(data["emailVerify"]["errors"], json!([]));
}

#[tokio::test]
async fn one_s_own_address_is_proven_any_time_and_once() {
    let server = Server::with(&[SEVERAL_CONNECTIONS]).await;
    let amina = server.user("amina").await;
    assert_eq!(server.sent().await, [], "nobody has to prove anything");
    assert_eq!(amina.ok(ME, Value::Null).await["me"]["emailVerified"], false);
    assert_eq!(amina.user_errors(SEND, json!({})).await, []);
    assert_eq!(amina.user_errors(SEND, json!({})).await, user_error("CODE_SENT_JUST_NOW", ""));
    let code = server.last_sent("amina@example.org").await.code();
    // Of somebody else it is no good, even signed in.
    let badr = server.user("badr").await;
    assert_eq!(
        badr.user_errors(VERIFY, json!({ "code": code })).await,
        user_error("INVALID_CODE", "input.emailCode.code")
    );
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let data = amina.ok(VERIFY, json!({ "code": spaced })).await;
    let user = json!({ "username": "amina", "email": "amina@example.org", "emailVerified": true });
    assert_eq!(data["emailVerify"], json!({ "user": user, "errors": [] }));
    assert_eq!(amina.user_errors(VERIFY, json!({ "code": code })).await, user_error("ALREADY_VERIFIED", ""));
    assert_eq!(amina.user_errors(SEND, json!({})).await, user_error("ALREADY_VERIFIED", ""));
    assert_eq!(activities(&server, "email_verified").await, 1);
    assert_eq!(server.anonymous().refused(SEND, json!({})).await, "UNAUTHENTICATED");
    assert_eq!(server.anonymous().refused(VERIFY, json!({ "code": "1" })).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_day_has_its_number_of_codes() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for _ in 0..10 {
        assert_eq!(amina.user_errors(SEND, json!({})).await, []);
        server.advance(60);
    }
    let before = server.rows().await;
    assert_eq!(amina.user_errors(SEND, json!({})).await, user_error("TOO_MANY_CODES", ""));
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn line_breaks_and_other_nonsense_are_no_address() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    let reset =
        "mutation($email: EmailAddress!) { passwordResetRequest(input: { email: $email }) { errors { code path } } }";
    for query in [SEND, CHANGE, reset] {
        for (email, code) in [
            ("amina@example.org\r\nBcc: victim@example.org", "INVALID"),
            ("amina@example.org\nBcc:victim@example.org", "INVALID"),
            ("a\r\n@example.org", "INVALID"),
            ("amina@example.org%0d%0aBcc:x", "INVALID"),
            ("<amina@example.org>", "INVALID"),
            ("amina@example.org, victim@example.org", "INVALID"),
            ("amina@example.org\u{0}", "INVALID_CHARACTERS"),
            ("amina@example.org\u{85}x", "INVALID"),
            ("", "BLANK"),
            ("\r\n", "BLANK"),
        ] {
            let errors = amina.user_errors(query, json!({ "email": email })).await;
            assert_eq!(errors, user_error(code, "input.email"), "{email:?}");
        }
        let long = format!("{}@example.org", "a".repeat(300));
        assert_eq!(amina.user_errors(query, json!({ "email": long })).await, user_error("TOO_LONG", "input.email"));
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn an_address_is_replaced_when_the_new_one_is_proven() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    prove(&server, &amina).await;
    amina.ok(CHANGE, json!({ "email": "New.Amina@Example.net" })).await;
    assert_eq!(amina.ok(ME, Value::Null).await["me"]["email"], "amina@example.org");
    let sent = server.last_sent("New.Amina@Example.net").await;
    let (path, query) = query_of(&sent.link());
    assert_eq!((path.as_str(), query), ("/change-email", HashMap::from([("token".to_owned(), sent.token())])));
    // It proves nothing else.
    let other = json!({ "email": "amina@example.org", "code": sent.code() });
    assert_ne!(server.anonymous().user_errors(VERIFY, other).await, []);

    let data = amina.ok(CONFIRM, json!({ "code": sent.code() })).await;
    let user = json!({ "email": "New.Amina@Example.net", "emailVerified": true });
    assert_eq!(data["emailChangeConfirm"], json!({ "user": user, "errors": [] }));
    let told = server.last_sent("amina@example.org").await;
    assert!(told.text.contains("N***@Example.net") && !told.text.contains("New.Amina"), "{told:?}");
    assert_eq!(activities(&server, "email_changed").await, 1);
    assert_eq!(server.anonymous().user_errors(LOGIN, json!({ "login": "new.amina@example.net" })).await, []);
    let errors = server.anonymous().user_errors(LOGIN, json!({ "login": "amina@example.org" })).await;
    assert_eq!(errors, user_error("INVALID_CREDENTIALS", ""));
    assert_eq!(
        amina.user_errors(CONFIRM, json!({ "code": sent.code() })).await,
        user_error("INVALID_CODE", "input.code"),
        "once"
    );
    // The former address is free.
    server.advance(3600);
    server.anonymous().ok(REGISTER, joining("other", "amina@example.org")).await;
}

#[tokio::test]
async fn another_address_needs_a_recent_authentication() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.advance(300);
    let before = server.rows().await;
    let refused = amina.refused(CHANGE, json!({ "email": "thief@example.net" })).await;
    assert_eq!(refused, "REAUTHENTICATION_REQUIRED");
    assert_eq!(server.anonymous().refused(CHANGE, json!({ "email": "a@example.net" })).await, "UNAUTHENTICATED");
    assert_eq!(server.rows().await, before);
    assert_eq!(server.sent().await, []);
}

#[tokio::test]
async fn asking_for_an_address_that_is_another_s_looks_like_any_other() {
    let server = Server::start().await;
    let (amina, badr) = (server.user("amina").await, server.user("badr").await);
    let chris = server.user("chris").await;
    prove(&server, &amina).await;
    let before = server.sent().await.len();
    let free = server.cost_of(badr.ok(CHANGE, json!({ "email": "free@example.net" }))).await;
    let taken = server.cost_of(chris.ok(CHANGE, json!({ "email": "Amina@example.org" }))).await;
    assert_eq!(free, taken);
    let sent = server.sent().await;
    assert_eq!(sent.len(), before + 2);
    assert_eq!(sent[before + 1].to, "amina@example.org");
    assert!(!has_code(&sent[before + 1]), "the owner is told, and gets no code to hand on");
    let own = amina.user_errors(CHANGE, json!({ "email": "AMINA@example.org" })).await;
    assert_eq!(own, user_error("ALREADY_VERIFIED", "input.email"));
}

#[tokio::test]
async fn who_proves_an_address_takes_it_from_who_only_claimed_it() {
    let server = Server::start().await;
    let squatter = server.user("squatter").await;
    let owner = server.user("amina").await;
    // The stranger made an account with the owner's address, and can't have it proven.
    owner.ok(CHANGE, json!({ "email": "Squatter@example.org" })).await;
    let code = server.last_sent("Squatter@example.org").await.code();
    let data = owner.ok(CONFIRM, json!({ "code": code })).await;
    assert_eq!(data["emailChangeConfirm"]["user"]["email"], "Squatter@example.org");

    let me = squatter.ok(ME, Value::Null).await;
    assert_eq!(me["me"], json!({ "email": null, "emailVerified": false }));
    let before = server.sent().await.len();
    let reset = "mutation { passwordResetRequest(input: { email: \"squatter@example.org\" }) { errors { code } } }";
    server.anonymous().ok(reset, Value::Null).await;
    let sent = server.sent().await;
    assert_eq!(sent.len(), before + 1);
    // The code in it is for the owner's account: the squatter's stays as it was.
    let confirm = "mutation($code: String!) { passwordResetConfirm(input: { proof: { emailCode: { email: \"squatter@example.org\", \
                   code: $code } }, newPassword: \"the owner's own one\" }) { changed errors { code } } }";
    server.anonymous().ok(confirm, json!({ "code": sent[before].code() })).await;
    assert_eq!(owner.refused("{ me { id notificationUnreadCount } }", Value::Null).await, "UNAUTHENTICATED");
    assert_eq!(squatter.ok("{ me { username } }", Value::Null).await["me"]["username"], "squatter");
    // Nothing about the squatter's account is sent there any more, a code least of all.
    server.advance(60);
    let before = server.sent().await.len();
    assert_eq!(squatter.user_errors(SEND, json!({})).await, []);
    server.anonymous().header("user-agent", "Another/1").ok(LOGIN, json!({ "login": "squatter" })).await;
    assert_eq!(server.sent().await.len(), before);
}

#[tokio::test]
async fn of_two_who_prove_one_address_at_once_one_has_it() {
    let server = Server::start().await;
    let both = [server.user("amina").await, server.user("badr").await];
    let mut codes = Vec::new();
    for client in &both {
        client.ok(CHANGE, json!({ "email": "shared@example.net" })).await;
        codes.push(server.last_sent("shared@example.net").await.code());
        server.advance(60);
    }
    let confirmed = both.iter().zip(&codes).map(|(client, code)| client.user_errors(CONFIRM, json!({ "code": code })));
    let mut results = join_all(confirmed).await;
    results.sort();
    assert_eq!(results, [vec![], user_error("TAKEN", "input.code")]);
    assert_eq!(server.count("SELECT COUNT(*) FROM credentials WHERE email_key = 'shared@example.net'").await, 1);
}

#[tokio::test]
async fn what_was_sent_to_the_former_address_is_void() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let nobody = server.anonymous();
    let reset = "mutation { passwordResetRequest(input: { email: \"amina@example.org\" }) { errors { code } } }";
    nobody.ok(reset, Value::Null).await;
    let code = server.last_sent("amina@example.org").await.code();
    amina.ok(CHANGE, json!({ "email": "new@example.net" })).await;
    let change = server.last_sent("new@example.net").await.code();
    amina.ok(CONFIRM, json!({ "code": change })).await;
    let confirm = "mutation($email: EmailAddress!, $code: String!) { passwordResetConfirm(input: { proof: { emailCode: { email: $email, code: $code } }, \
                   newPassword: \"a thief's password\" }) { changed errors { code path } } }";
    for email in ["amina@example.org", "new@example.net"] {
        let errors = nobody.user_errors(confirm, json!({ "email": email, "code": code })).await;
        assert_eq!(errors, user_error("INVALID_CODE", "input.proof.emailCode.code"), "{email}");
    }
    assert_eq!(nobody.user_errors(LOGIN, json!({ "login": "amina" })).await, []);
}

#[tokio::test]
async fn codes_are_asked_for_and_tried_only_so_often() {
    for (limit, query, variables) in [
        ("RATE_LIMIT_SEND_ADDRESS", SEND, json!({ "email": "ADDRESS" })),
        ("RATE_LIMIT_SEND_ACCOUNT", CHANGE, json!({ "email": "ADDRESS" })),
        ("RATE_LIMIT_PROOF_ADDRESS", VERIFY, json!({ "email": "ADDRESS", "code": "1" })),
        ("RATE_LIMIT_PROOF_ACCOUNT", VERIFY, json!({ "code": "1" })),
    ] {
        let server = Server::with(&[(limit, "2/hour")]).await;
        let by_account = limit.ends_with("ACCOUNT");
        let client = if by_account { server.user("amina").await } else { server.anonymous() };
        let call = |number: u8| {
            let from = if by_account { format!("192.0.2.{number}") } else { "192.0.2.1".to_owned() };
            let variables = variables.to_string().replace("ADDRESS", &format!("{number}@example.org"));
            let client = client.clone().from(&from);
            async move { client.send(query, serde_json::from_str(&variables).unwrap()).await }
        };
        for number in 1..=2 {
            assert!(call(number).await.body.get("errors").is_none(), "{limit}");
        }
        let before = server.rows().await;
        assert_eq!(call(3).await.code(), "RATE_LIMITED", "{limit}");
        assert_eq!(server.rows().await, before, "{limit}");
    }
}

#[tokio::test]
async fn what_sends_or_takes_a_code_stands_alone() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for field in [
        "emailVerificationSend(input: {}) { accepted }",
        "emailVerify(input: { emailCode: { code: \"1\" } }) { errors { code } }",
        "emailChangeRequest(input: { email: \"a@example.net\" }) { accepted }",
        "emailChangeConfirm(input: { code: \"1\" }) { errors { code } }",
        "phoneVerificationSend(input: {}) { accepted }",
        "phoneVerify(input: { code: \"1\" }) { errors { code } }",
        "passwordChange(input: { oldPassword: \"a\", newPassword: \"b\" }) { changed }",
        "passwordResetRequest(input: { email: \"a@example.org\" }) { accepted }",
        "passwordResetConfirm(input: { proof: { emailCode: { email: \"a@example.org\", code: \"1\" } }, newPassword: \"b\" }) { changed }",
    ] {
        let query = format!("mutation {{ a: {field} b: {field} }}");
        assert_eq!(amina.refused(&query, Value::Null).await, "COST_EXCEEDED", "{field}");
    }
}

#[tokio::test]
async fn an_address_that_nobody_has_proven_gets_no_words_of_a_stranger() {
    let server = Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let mut joining = joining("stranger", "victim@example.org");
    joining["input"]["firstName"] = "You won! Call 555 0100".into();
    server.anonymous().ok(REGISTER, joining).await;
    let sent = server.last_sent("victim@example.org").await;
    assert!(sent.text.starts_with("Hello,") && !sent.text.contains("won"), "{}", sent.text);
    let reset = "mutation { passwordResetRequest(input: { email: \"victim@example.org\" }) { errors { code } } }";
    server.anonymous().ok(reset, Value::Null).await;
    let sent = server.last_sent("victim@example.org").await;
    assert!(sent.text.starts_with("Hello,") && !sent.text.contains("won"), "{}", sent.text);
    // Once it is proven, people are greeted by their names.
    assert!(agora::domain::auth::confirm_email(&server.app, "victim@example.org").await.unwrap());
    server.advance(3600);
    server.anonymous().ok(reset, Value::Null).await;
    let sent = server.last_sent("victim@example.org").await;
    assert!(sent.text.starts_with("Hello You won! Call 555 0100,"), "{}", sent.text);
}

#[tokio::test]
async fn a_mistyped_new_address_is_corrected_at_once() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    prove(&server, &amina).await;
    amina.ok(CHANGE, json!({ "email": "amnia@example.net" })).await;
    assert_eq!(amina.user_errors(CHANGE, json!({ "email": "amina@example.net" })).await, []);
    let wrong = server.last_sent("amnia@example.net").await.code();
    let right = server.last_sent("amina@example.net").await.code();
    assert_eq!(amina.user_errors(CONFIRM, json!({ "code": wrong })).await, user_error("INVALID_CODE", "input.code"));
    assert_eq!(amina.user_errors(CONFIRM, json!({ "code": right })).await, []);
    // The same again has to wait, and nobody asks for many.
    amina.ok(CHANGE, json!({ "email": "third@example.net" })).await;
    let errors = amina.user_errors(CHANGE, json!({ "email": "third@example.net" })).await;
    assert_eq!(errors[0].0, "CODE_SENT_JUST_NOW");
    for number in 0..7 {
        amina.ok(CHANGE, json!({ "email": format!("{number}@example.net") })).await;
    }
    let errors = amina.user_errors(CHANGE, json!({ "email": "last@example.net" })).await;
    assert_eq!(errors[0].0, "TOO_MANY_CODES");
}

/// Registers, and expects to be asked for the confirmation of the address.
async fn register(server: &Server, username: &str, email: &str) {
    let data = server.anonymous().ok(REGISTER, joining(username, email)).await;
    let pending = json!({ "errors": [], "result": { "__typename": "EmailConfirmationPending" } });
    assert_eq!(data["register"], pending, "{username} {email}");
}

#[tokio::test]
async fn an_address_that_was_mistyped_at_registration_is_corrected_by_registering_again() {
    let server = confirming().await;
    let nobody = server.anonymous();
    register(&server, "amina", "amnia@example.org").await;
    let wrong = server.last_sent("amnia@example.org").await;
    register(&server, "Amina", "amina@example.org").await;
    let right = server.last_sent("amina@example.org").await;
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
    // The wrong address is free, and what went there proves nothing.
    for email in ["amnia@example.org", "amina@example.org"] {
        let code = json!({ "email": email, "code": wrong.code() });
        assert_eq!(nobody.user_errors(VERIFY, code).await, user_error("INVALID_CODE", "input.emailCode.code"));
    }
    let by_link = "mutation($token: String!) { emailVerify(input: { token: $token }) { errors { code path } } }";
    let errors = nobody.user_errors(by_link, json!({ "token": wrong.token() })).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.token"));
    register(&server, "badr", "amnia@example.org").await;
    // Again the same is harmless: the e-mail that is there is good.
    register(&server, "amina", "AMINA@example.org").await;
    let sent = server.sent().await;
    assert_eq!(sent.iter().filter(|sent| sent.to.eq_ignore_ascii_case("amina@example.org")).count(), 1, "{sent:?}");
    let code = json!({ "email": "amina@example.org", "code": right.code() });
    assert_eq!(nobody.user_errors(VERIFY, code).await, []);
    let amina = server.anonymous().login("amina").await;
    assert_eq!(amina.ok(ME, Value::Null).await["me"]["emailVerified"], true);
    // From now on the name is taken, also for who knows the password.
    let again = joining("amina", "other@example.org");
    assert_eq!(nobody.user_errors(REGISTER, again).await, user_error("TAKEN", "input.username"));
    assert_eq!(amina.ok(ME, Value::Null).await["me"]["email"], "amina@example.org");
}

#[tokio::test]
async fn nobody_corrects_what_is_another_s_or_has_been_used() {
    let server = confirming().await;
    let nobody = server.anonymous();
    register(&server, "amina", "amina@example.org").await;
    register(&server, "badr", "badr@example.org").await;
    assert!(agora::domain::auth::confirm_email(&server.app, "badr@example.org").await.unwrap());
    // Without the password, who waits and who does not are the same, in the work, too.
    let mut costs = Vec::new();
    for username in ["amina", "badr"] {
        let mut guess = joining(username, "guess@example.org");
        guess["input"]["password"] = "not the password".into();
        let (data, cost) = server.cost_of(nobody.ok(REGISTER, guess)).await;
        assert_eq!(data["register"]["errors"][0], json!({ "code": "TAKEN", "path": ["input", "username"] }));
        costs.push(cost);
    }
    assert_eq!(costs[0], costs[1]);
    // An address that somebody has proven does not show, and is not taken from them.
    register(&server, "amina", "badr@example.org").await;
    assert!(!has_code(&server.last_sent("badr@example.org").await));
    register(&server, "amina", "amina@example.net").await;
    assert!(has_code(&server.last_sent("amina@example.net").await));
    // After a day it is over.
    server.advance(24 * 3600);
    let late = joining("amina", "late@example.org");
    assert_eq!(nobody.user_errors(REGISTER, late).await, user_error("TAKEN", "input.username"));
    // Nor by who registered and was signed in at once, before addresses were confirmed here.
    let server = Server::start().await;
    server.user("dina").await;
    let confirming = server.beside(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let used = joining("dina", "dina@example.net");
    assert_eq!(confirming.anonymous().user_errors(REGISTER, used).await, user_error("TAKEN", "input.username"));
}

#[tokio::test]
async fn a_password_is_guessed_by_registering_no_faster_than_by_signing_in_and_without_holding_that_up() {
    let server = confirming().await;
    let nobody = server.anonymous();
    register(&server, "amina", "amina@example.org").await;
    register(&server, "badr", "badr@example.org").await;
    let mut guess = joining("amina", "guess@example.org");
    guess["input"]["password"] = "not the password".into();
    for _ in 0..5 {
        assert_eq!(nobody.user_errors(REGISTER, guess.clone()).await, user_error("TAKEN", "input.username"));
    }
    assert_eq!(nobody.refused(REGISTER, joining("amina", "guess@example.org")).await, "RATE_LIMITED");
    // Whoever's name it is signs in as ever, from the same address, too.
    assert!(agora::domain::auth::confirm_email(&server.app, "badr@example.org").await.unwrap());
    guess["input"]["username"] = "badr".into();
    for _ in 0..5 {
        assert_eq!(nobody.user_errors(REGISTER, guess.clone()).await, user_error("TAKEN", "input.username"));
    }
    assert_eq!(nobody.refused(REGISTER, guess).await, "RATE_LIMITED");
    server.anonymous().login("badr").await;
    server.advance(2);
    register(&server, "amina", "amina@example.net").await;
}
