//! Signing in by two proofs, and what is tried against the second.

use agora::domain::auth;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::authenticator::{
    DISABLE, LOGIN, REAUTHENTICATE, SEND, STATUS, VERIFY, activity, answer, challenge, enable, execute, verify,
};
use crate::harness::{SEVERAL_CONNECTIONS, Server, client::PASSWORD, dice::multitude, user_error};

const SESSIONS: &str = "SELECT COUNT(*) FROM sessions";

#[tokio::test]
async fn the_password_gives_a_challenge_and_the_app_s_code_the_session() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    let open = challenge(&server.anonymous(), "amina").await;
    assert_eq!(open["methods"], json!(["TOTP", "BACKUP_CODE"]));
    assert_eq!(open["expiresAt"], "2026-01-01T12:10:30+00:00");
    assert_eq!(server.count(SESSIONS).await, 1, "a challenge is no session");
    assert_eq!(verify(&server.anonymous(), &open, "TOTP", &app.wrong(&server)).await, Value::Null);
    assert_eq!(activity(&server, "amina").await.last().unwrap(), "sign_in_failed");
    let session = verify(&server.anonymous(), &open, "TOTP", &app.code(&server)).await;
    let again = server.anonymous().token(session["accessToken"].as_str().unwrap());
    assert_eq!(again.ok("{ me { id } }", Value::Null).await["me"]["id"], amina.id.as_str());
    assert_eq!(activity(&server, "amina").await.last().unwrap(), "signed_in");
    assert_eq!(server.count(SESSIONS).await, 2);
}

#[tokio::test]
async fn a_code_of_one_step_before_or_after_is_accepted_and_no_other() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    for (seconds, accepted) in [(-60, false), (60, false), (-30, true), (0, true), (30, true)] {
        server.advance(90);
        let open = challenge(&server.anonymous(), "amina").await;
        let session = verify(&server.anonymous(), &open, "TOTP", &app.code_in(&server, seconds)).await;
        assert_eq!(session.is_object(), accepted, "{seconds}");
    }
}

#[tokio::test]
async fn a_code_of_the_app_is_accepted_once_wherever_it_is_used() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    let code = app.code(&server);
    let open = challenge(&server.anonymous(), "amina").await;
    let first = app.code_in(&server, -30);
    assert_eq!(verify(&server.anonymous(), &open, "TOTP", &first).await, Value::Null, "it has switched it on");
    assert!(verify(&server.anonymous(), &open, "TOTP", &code).await.is_object());
    // The same step again, and one before it.
    for used in [code.clone(), app.code_in(&server, -30)] {
        let open = challenge(&server.anonymous(), "amina").await;
        let errors = server.anonymous().user_errors(VERIFY, answer(&open, "TOTP", &used)).await;
        assert_eq!(errors, user_error("INVALID_CODE", "input.code"));
        let proof = json!({ "input": { "totp": used } });
        assert_eq!(amina.user_errors(REAUTHENTICATE, proof).await, user_error("INVALID_CODE", "input.totp"));
        let errors = amina.user_errors(DISABLE, json!({ "code": used })).await;
        assert_eq!(errors, user_error("INVALID_CODE", "input.code"));
    }
    assert_eq!(server.count(SESSIONS).await, 2);
    assert_eq!(amina.ok(STATUS, Value::Null).await["me"]["twoFactor"]["isEnabled"], true);
    // Used to prove anew who one is, it is no good at the sign-in.
    server.advance(30);
    let code = app.code(&server);
    assert_eq!(amina.user_errors(REAUTHENTICATE, json!({ "input": { "totp": code } })).await, []);
    let open = challenge(&server.anonymous(), "amina").await;
    assert_eq!(verify(&server.anonymous(), &open, "TOTP", &code).await, Value::Null);
}

#[tokio::test]
async fn of_many_who_use_one_code_at_once_one_comes_in() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, backup_codes) = enable(&server, &amina).await;
    for (method, code) in [("TOTP", app.code(&server)), ("BACKUP_CODE", backup_codes[0].clone())] {
        let mut open = Vec::new();
        for _ in 0..4 {
            open.push(challenge(&server.anonymous(), "amina").await);
        }
        let before = server.count(SESSIONS).await;
        let calls = open.iter().enumerate().map(|(number, open)| {
            let client = server.anonymous().from(&format!("198.51.100.{number}"));
            let code = &code;
            async move { verify(&client, open, method, code).await }
        });
        let sessions = join_all(calls).await;
        assert_eq!(sessions.iter().filter(|session| session.is_object()).count(), 1, "{method}");
        assert_eq!(server.count(SESSIONS).await, before + 1);
    }
}

#[tokio::test]
async fn a_challenge_becomes_a_session_once() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, backup_codes) = enable(&server, &amina).await;
    let open = challenge(&server.anonymous(), "amina").await;
    // Two right answers at once, by different proofs, so that only the challenge itself can stop one of them.
    let (here, code) = (server.anonymous(), app.code(&server));
    let (first, second) =
        tokio::join!(verify(&here, &open, "TOTP", &code), verify(&here, &open, "BACKUP_CODE", &backup_codes[0]));
    assert!(first.is_object() != second.is_object(), "{first} {second}");
    assert_eq!(server.count(SESSIONS).await, 2);
    // What the loser gave is not spent.
    server.advance(60);
    let left = amina.ok(STATUS, Value::Null).await["me"]["twoFactor"]["backupCodesLeft"].as_i64().unwrap();
    assert_eq!(left, if second.is_object() { 9 } else { 10 });
    let errors = here.user_errors(VERIFY, answer(&open, "TOTP", &app.code(&server))).await;
    assert_eq!(errors, user_error("INVALID_CHALLENGE", "input.challengeToken"));
}

#[tokio::test]
async fn a_backup_code_is_used_up_alone_and_its_owner_is_told() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (_, codes) = enable(&server, &amina).await;
    let typed = codes[4].to_uppercase().replace('-', " ");
    let open = challenge(&server.anonymous(), "amina").await;
    assert!(verify(&server.anonymous(), &open, "BACKUP_CODE", &typed).await.is_object());
    let message = server.last_sent("amina@example.org").await;
    assert_eq!(message.subject, "A backup code was used");
    assert!(message.text.contains("left: 9"), "{message:?}");
    assert!(activity(&server, "amina").await.contains(&"backup_code_used".to_owned()));
    assert_eq!(amina.ok(STATUS, Value::Null).await["me"]["twoFactor"]["backupCodesLeft"], 9);
    // Used up, for a sign-in and for everything else.
    let open = challenge(&server.anonymous(), "amina").await;
    assert_eq!(verify(&server.anonymous(), &open, "BACKUP_CODE", &codes[4]).await, Value::Null);
    let errors = amina.user_errors(DISABLE, json!({ "code": codes[4] })).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.code"));
    assert!(verify(&server.anonymous(), &open, "BACKUP_CODE", &codes[5]).await.is_object());
    assert_eq!(amina.ok(STATUS, Value::Null).await["me"]["twoFactor"]["backupCodesLeft"], 8);
}

#[tokio::test]
async fn when_the_last_backup_code_is_gone_the_method_is_too() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (_, codes) = enable(&server, &amina).await;
    for code in &codes {
        let open = challenge(&server.anonymous(), "amina").await;
        assert!(verify(&server.anonymous(), &open, "BACKUP_CODE", code).await.is_object());
    }
    let open = challenge(&server.anonymous(), "amina").await;
    assert_eq!(open["methods"], json!(["TOTP"]));
    let errors = server.anonymous().user_errors(VERIFY, answer(&open, "BACKUP_CODE", &codes[0])).await;
    assert_eq!(errors, user_error("METHOD_NOT_AVAILABLE", "input.method"));
}

#[tokio::test]
async fn second_factors_outlive_a_change_of_the_secret_key() {
    const NEW: &str = "another one for tests: 9876543210 zyxwvu";
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, codes) = enable(&server, &amina).await;
    let old = "only for tests: 0123456789 abcdefghijkl";
    let beside = server.beside(&[("SECRET_KEY", NEW), ("SECRET_KEYS_OLD", old)]).await;
    for (method, code) in [("TOTP", app.code(&server)), ("BACKUP_CODE", codes[0].clone())] {
        let open = challenge(&beside.anonymous(), "amina").await;
        assert!(verify(&beside.anonymous(), &open, method, &code).await.is_object(), "{method}");
    }
    // Whoever used their app since does not need the former key any more; the codes on paper do.
    let alone = server.beside(&[("SECRET_KEY", NEW)]).await;
    server.advance(30);
    let open = challenge(&alone.anonymous(), "amina").await;
    assert_eq!(verify(&alone.anonymous(), &open, "BACKUP_CODE", &codes[1]).await, Value::Null);
    assert!(verify(&alone.anonymous(), &open, "TOTP", &app.code(&server)).await.is_object());
}

#[tokio::test]
async fn another_s_codes_are_no_good() {
    let server = Server::start().await;
    let (amina, badr) = (server.user("amina").await, server.user("badr").await);
    enable(&server, &amina).await;
    let (app, codes) = enable(&server, &badr).await;
    let open = challenge(&server.anonymous(), "amina").await;
    for (method, code) in [("TOTP", app.code(&server)), ("BACKUP_CODE", codes[0].clone())] {
        assert_eq!(verify(&server.anonymous(), &open, method, &code).await, Value::Null);
    }
    assert_eq!(badr.ok(STATUS, Value::Null).await["me"]["twoFactor"]["backupCodesLeft"], 10);
}

// ---------------------------------------------------------------------------------------------- codes that are sent

#[tokio::test]
async fn a_code_by_e_mail_or_text_message_does_as_well() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    enable(&server, &amina).await;
    auth::confirm_email(&server.app, "amina@example.org").await.unwrap();
    let sql = "INSERT INTO profiles (user_id, phone, phone_verified_at, updated_at) \
               SELECT id, '+201001234567', created_at, created_at FROM users WHERE username = 'amina'";
    execute(&server, sql).await;
    for (method, to) in [("EMAIL", "amina@example.org"), ("SMS", "+201001234567")] {
        let open = challenge(&server.anonymous(), "amina").await;
        assert_eq!(open["methods"], json!(["TOTP", "SMS", "EMAIL", "BACKUP_CODE"]));
        let send = json!({ "token": open["challengeToken"], "method": method });
        let nobody = server.anonymous();
        // Before anything was sent, nothing is right.
        assert_eq!(verify(&nobody, &open, method, "000000").await, Value::Null);
        let data = nobody.ok(SEND, send.clone()).await;
        assert_eq!(data["twoFactorCodeSend"]["errors"], json!([]), "{data}");
        assert!(data["twoFactorCodeSend"]["expiresAt"].is_string());
        let first = server.last_sent(to).await.code();
        assert_eq!(nobody.user_errors(SEND, send.clone()).await, user_error("CODE_SENT_JUST_NOW", ""));
        server.advance(60);
        assert_eq!(nobody.user_errors(SEND, send).await, []);
        let second = server.last_sent(to).await.code();
        // The newer one voids the older, and each is good by its own way only.
        let other = if method == "EMAIL" { "SMS" } else { "EMAIL" };
        if first != second {
            assert_eq!(verify(&nobody, &open, method, &first).await, Value::Null);
        }
        assert_eq!(verify(&nobody, &open, other, &second).await, Value::Null);
        let session = verify(&nobody, &open, method, &second).await;
        assert_eq!(session["user"]["id"], amina.id.as_str(), "{method}");
        let again = challenge(&nobody, "amina").await;
        assert_eq!(verify(&nobody, &again, method, &second).await, Value::Null, "good for one challenge only");
        server.advance(3600);
    }
}

#[tokio::test]
async fn nothing_is_sent_by_a_way_that_the_challenge_does_not_list() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    enable(&server, &amina).await;
    let open = challenge(&server.anonymous(), "amina").await;
    let before = server.rows().await;
    for method in ["EMAIL", "SMS", "TOTP", "BACKUP_CODE"] {
        let send = json!({ "token": open["challengeToken"], "method": method });
        let errors = server.anonymous().user_errors(SEND, send).await;
        assert_eq!(errors, user_error("METHOD_NOT_AVAILABLE", "input.method"), "{method}");
    }
    for method in ["EMAIL", "SMS"] {
        let errors = server.anonymous().user_errors(VERIFY, answer(&open, method, "123456")).await;
        assert_eq!(errors, user_error("METHOD_NOT_AVAILABLE", "input.method"), "{method}");
    }
    assert_eq!(server.rows().await, before);
    assert_eq!(server.count("SELECT attempts FROM challenges").await, 0, "it was no guess");
}

// -------------------------------------------------------------------------------------------------------- attacks

#[tokio::test]
async fn a_multitude_of_guesses_at_once_spends_five() {
    let server = Server::with(&[SEVERAL_CONNECTIONS]).await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    let open = challenge(&server.anonymous(), "amina").await;
    let wrong = app.wrong(&server);
    let calls = (0..multitude()).map(|number| {
        // From as many addresses.
        let client = server.anonymous().from(&format!("203.0.{}.{}", number / 250, number % 250));
        let variables = answer(&open, "TOTP", &wrong);
        async move { client.user_errors(VERIFY, variables).await[0].0.clone() }
    });
    let answers = join_all(calls).await;
    let count = |code: &str| answers.iter().filter(|answer| *answer == code).count();
    assert_eq!((count("INVALID_CODE"), count("INVALID_CHALLENGE")), (5, answers.len() - 5));
    assert_eq!(server.count("SELECT attempts FROM challenges").await, 5);
    let sql = "SELECT COUNT(*) FROM activities WHERE kind = 'sign_in_failed'";
    assert_eq!(server.count(sql).await, 5);
    // The right one comes too late.
    let errors = server.anonymous().user_errors(VERIFY, answer(&open, "TOTP", &app.code(&server))).await;
    assert_eq!(errors, user_error("INVALID_CHALLENGE", "input.challengeToken"));
    assert_eq!(server.count(SESSIONS).await, 1);
}

#[tokio::test]
async fn new_challenges_buy_no_further_guesses() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    let wrong = app.wrong(&server);
    for _ in 0..5 {
        let open = challenge(&server.anonymous(), "amina").await;
        assert_eq!(verify(&server.anonymous(), &open, "TOTP", &wrong).await, Value::Null);
    }
    let open = challenge(&server.anonymous(), "amina").await;
    let variables = answer(&open, "TOTP", &app.code(&server));
    assert_eq!(server.anonymous().refused(VERIFY, variables.clone()).await, "RATE_LIMITED");
    let sql = "SELECT attempts FROM challenges ORDER BY created_at DESC, id DESC LIMIT 1";
    assert_eq!(server.count(sql).await, 0, "what was refused is not counted");
    server.advance(2);
    assert_eq!(server.anonymous().user_errors(VERIFY, variables).await, []);
}

#[tokio::test]
async fn a_challenge_token_is_good_for_nothing_else_and_nothing_else_for_it() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    let open = challenge(&server.anonymous(), "amina").await;
    let token = open["challengeToken"].as_str().unwrap().to_owned();
    let before = server.rows().await;
    for query in ["{ me { id } }", "{ me { notificationUnreadCount } }"] {
        assert_eq!(server.anonymous().token(&token).refused(query, Value::Null).await, "UNAUTHENTICATED");
    }
    let refresh =
        "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code path } } }";
    let errors = server.anonymous().user_errors(refresh, json!({ "token": token })).await;
    assert_eq!(errors, user_error("INVALID_REFRESH_TOKEN", "input.refreshToken"));

    let tampered = |at: usize| {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let code = app.code(&server);
    for other in [
        String::new(),
        "x".to_owned(),
        amina.access_token.clone().unwrap(),
        amina.refresh_token.clone().unwrap(),
        amina.id.clone(),
        tampered(3),
        tampered(40),
        format!("{token}A"),
        token[..token.len() - 2].to_owned(),
    ] {
        let open = json!({ "challengeToken": other });
        let errors = server.anonymous().user_errors(VERIFY, answer(&open, "TOTP", &code)).await;
        assert_eq!(errors, user_error("INVALID_CHALLENGE", "input.challengeToken"), "{other}");
        let send = json!({ "token": other, "method": "EMAIL" });
        let errors = server.anonymous().user_errors(SEND, send).await;
        assert_eq!(errors, user_error("INVALID_CHALLENGE", "input.challengeToken"), "{other}");
    }
    assert_eq!(server.rows().await, before);
    assert!(verify(&server.anonymous(), &open, "TOTP", &code).await.is_object());
}

#[tokio::test]
async fn a_challenge_ends_after_ten_minutes() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    let open = challenge(&server.anonymous(), "amina").await;
    server.advance(600);
    let errors = server.anonymous().user_errors(VERIFY, answer(&open, "TOTP", &app.code(&server))).await;
    assert_eq!(errors, user_error("INVALID_CHALLENGE", "input.challengeToken"));
    assert_eq!(server.count(SESSIONS).await, 1);
}

#[tokio::test]
async fn who_was_suspended_between_the_proofs_does_not_come_in() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    let open = challenge(&server.anonymous(), "amina").await;
    let sql = "INSERT INTO suspensions (user_id, reason, created_at) \
               SELECT id, 'spam', created_at FROM users WHERE username = 'amina'";
    execute(&server, sql).await;
    let code = app.code(&server);
    let errors = server.anonymous().user_errors(VERIFY, answer(&open, "TOTP", &code)).await;
    assert_eq!(errors, user_error("ACCOUNT_SUSPENDED", ""));
    assert_eq!(server.count(SESSIONS).await, 1);
    // Nothing was used up: reinstated, the person comes in.
    execute(&server, "DELETE FROM suspensions").await;
    assert!(verify(&server.anonymous(), &open, "TOTP", &code).await.is_object());
}

#[tokio::test]
async fn second_proofs_stand_alone_and_count_as_sign_ins_of_their_address() {
    let server = Server::with(&[("RATE_LIMIT_LOGIN_ADDRESS", "3/hour")]).await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    let open = challenge(&server.anonymous(), "amina").await;
    let token = open["challengeToken"].as_str().unwrap();
    for field in [
        format!("twoFactorVerify(input: {{ challengeToken: \"{token}\", method: TOTP, code: \"1\" }})"),
        format!("twoFactorCodeSend(input: {{ challengeToken: \"{token}\", method: EMAIL }})"),
        "twoFactorEnable(input: { code: \"1\" })".to_owned(),
        "twoFactorDisable(input: { code: \"1\" })".to_owned(),
        "reauthenticate(input: { totp: \"1\" })".to_owned(),
        "reauthenticationCodeSend".to_owned(),
    ] {
        let query = format!("mutation {{ a: {field} {{ errors {{ code }} }} b: {field} {{ errors {{ code }} }} }}");
        assert_eq!(amina.refused(&query, Value::Null).await, "COST_EXCEEDED", "{field}");
    }
    let nobody = server.anonymous();
    for _ in 0..2 {
        assert_eq!(verify(&nobody, &open, "TOTP", &app.wrong(&server)).await, Value::Null);
    }
    assert_eq!(nobody.refused(VERIFY, answer(&open, "TOTP", &app.code(&server))).await, "RATE_LIMITED");
    let send = json!({ "token": token, "method": "EMAIL" });
    assert_eq!(nobody.refused(SEND, send).await, "RATE_LIMITED");
    assert_eq!(nobody.refused(LOGIN, json!({ "login": "amina", "password": PASSWORD })).await, "RATE_LIMITED");
    assert!(verify(&nobody.from("198.51.100.7"), &open, "TOTP", &app.code(&server)).await.is_object());
}

#[tokio::test]
async fn a_replayed_refresh_token_of_a_verified_session_ends_it() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (app, _) = enable(&server, &amina).await;
    let open = challenge(&server.anonymous(), "amina").await;
    let session = verify(&server.anonymous(), &open, "TOTP", &app.code(&server)).await;
    let refresh = "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code path } \
                   session { accessToken refreshToken } } }";
    let stolen = json!({ "token": session["refreshToken"] });
    let next = server.anonymous().ok(refresh, stolen.clone()).await["tokenRefresh"]["session"].clone();
    let owner = server.anonymous().token(next["accessToken"].as_str().unwrap());
    owner.ok("{ me { id } }", Value::Null).await;
    server.advance(11);
    let errors = server.anonymous().user_errors(refresh, stolen).await;
    assert_eq!(errors, user_error("INVALID_REFRESH_TOKEN", "input.refreshToken"));
    assert_eq!(owner.refused("{ me { id } }", Value::Null).await, "UNAUTHENTICATED");
}
