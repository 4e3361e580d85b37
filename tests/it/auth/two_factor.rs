//! The second factor as its owner handles it: set up, switched on and off, backup codes made anew.

use std::collections::HashSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::authenticator::{
    Authenticator, DISABLE, ENABLE, LOGIN, REGENERATE, SETUP, STATUS, activity, answer, challenge, enable, verify,
};
use crate::harness::{Server, client::PASSWORD, user_error};

async fn bytes(server: &Server, sql: &str) -> Vec<Vec<u8>> {
    let rows = server.app.db.rows(sql, Vec::new()).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test]
async fn it_is_set_up_by_a_link_or_picture_and_switched_on_by_the_first_code() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let off = json!({
        "isEnabled": false, "enabledAt": null, "isRequired": false, "backupCodesLeft": 0, "methods": []
    });
    assert_eq!(amina.ok(STATUS, Value::Null).await["me"]["twoFactor"], off);

    let setup = amina.ok(SETUP, Value::Null).await["twoFactorSetup"]["setup"].clone();
    let secret = setup["secret"].as_str().unwrap();
    assert!(secret.len() * 5 >= 160, "{secret}");
    let uri = format!("otpauth://totp/Agora:amina?secret={secret}&issuer=Agora");
    assert_eq!(setup["otpauthUri"], uri);
    let picture = setup["qrCode"].as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
    assert!(STANDARD.decode(picture).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    // Nothing is asked for before the app has proven that it has the secret.
    assert_eq!(amina.ok(STATUS, Value::Null).await["me"]["twoFactor"], off);
    server.anonymous().login("amina").await;

    let app = Authenticator::set_up(&amina).await;
    let data = amina.ok(ENABLE, json!({ "code": app.code(&server) })).await;
    let codes = data["twoFactorEnable"]["backupCodes"].as_array().unwrap();
    let distinct: HashSet<_> = codes.iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(distinct.len(), 10, "{data}");
    let on = json!({
        "isEnabled": true, "enabledAt": amina.ok(STATUS, Value::Null).await["me"]["twoFactor"]["enabledAt"],
        "isRequired": false, "backupCodesLeft": 10, "methods": ["TOTP", "BACKUP_CODE"],
    });
    assert_eq!(amina.ok(STATUS, Value::Null).await["me"]["twoFactor"], on);
    assert!(on["enabledAt"].is_string());
    assert_eq!(server.last_sent("amina@example.org").await.subject, "Two-factor authentication is on");
    assert_eq!(activity(&server, "amina").await.last().unwrap(), "two_factor_enabled");
    assert_eq!(challenge(&server.anonymous(), "amina").await["methods"], json!(["TOTP", "BACKUP_CODE"]));
}

#[tokio::test]
async fn neither_the_secret_nor_a_backup_code_is_stored_as_it_is() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let setup = amina.ok(SETUP, Value::Null).await["twoFactorSetup"]["setup"].clone();
    let uri = setup["otpauthUri"].as_str().unwrap();
    let secret = totp_rs::Totp::from_url(uri).unwrap().secret().as_bytes().to_vec();
    let text = setup["secret"].as_str().unwrap().as_bytes().to_vec();
    for stored in bytes(&server, "SELECT secret FROM two_factors").await {
        assert!(!stored.windows(secret.len()).any(|part| part == secret));
        assert!(!stored.windows(text.len()).any(|part| part == text));
    }
    let (_, codes) = enable(&server, &amina).await;
    let stored = bytes(&server, "SELECT hash FROM backup_codes").await;
    assert_eq!(stored.len(), 10);
    for hash in stored {
        assert_eq!(hash.len(), 32);
        assert!(!codes.iter().any(|code| hash.starts_with(&code.as_bytes()[..5])));
    }
}

#[tokio::test]
async fn a_secret_is_good_for_its_owner_only_even_in_the_database() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let badr = server.user("badr").await;
    enable(&server, &amina).await;
    enable(&server, &badr).await;
    // Somebody who can write to the database puts their own secret in the place of the owner's.
    let swap = "UPDATE two_factors SET secret = (SELECT secret FROM two_factors t JOIN users u ON u.id = t.user_id \
                WHERE u.username = 'badr') WHERE user_id = (SELECT id FROM users WHERE username = 'amina')";
    super::authenticator::execute(&server, swap).await;
    let challenge = challenge(&server.anonymous(), "amina").await;
    let verify = super::authenticator::VERIFY;
    let data = server.anonymous().send(verify, answer(&challenge, "TOTP", "123456")).await;
    assert_eq!(data.body["errors"][0]["extensions"]["code"], "INTERNAL", "{}", data.body);
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions").await, 2);
}

#[tokio::test]
async fn it_can_be_set_up_again_until_it_is_on_and_the_newest_secret_counts() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    assert_eq!(
        amina.user_errors(ENABLE, json!({ "code": "123456" })).await,
        user_error("TWO_FACTOR_NOT_ENABLED", ""),
        "there is nothing to switch on"
    );
    let first = Authenticator::set_up(&amina).await;
    let second = Authenticator::set_up(&amina).await;
    let before = server.rows().await;
    let errors = amina.user_errors(ENABLE, json!({ "code": first.code(&server) })).await;
    assert_eq!(errors, user_error("INVALID_CODE", "input.code"));
    assert_eq!(server.rows().await, before);
    assert_eq!(amina.user_errors(ENABLE, json!({ "code": second.code(&server) })).await, []);

    let secret = bytes(&server, "SELECT secret FROM two_factors").await;
    let before = server.rows().await;
    assert_eq!(amina.user_errors(SETUP, Value::Null).await, user_error("TWO_FACTOR_ENABLED", ""));
    let errors = amina.user_errors(ENABLE, json!({ "code": second.code_in(&server, 30) })).await;
    assert_eq!(errors, user_error("TWO_FACTOR_ENABLED", ""));
    assert_eq!(bytes(&server, "SELECT secret FROM two_factors").await, secret);
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn of_many_who_switch_it_on_at_once_one_gets_the_backup_codes() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let app = Authenticator::set_up(&amina).await;
    let code = app.code(&server);
    let calls = (0..4).map(|_| amina.user_errors(ENABLE, json!({ "code": code })));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|errors| errors.is_empty()).count(), 1, "{answers:?}");
    assert_eq!(server.count("SELECT COUNT(*) FROM backup_codes").await, 10);
    let sql = "SELECT COUNT(*) FROM activities WHERE kind = 'two_factor_enabled'";
    assert_eq!(server.count(sql).await, 1);
}

#[tokio::test]
async fn codes_for_switching_it_on_are_not_to_be_guessed() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let app = Authenticator::set_up(&amina).await;
    let wrong = json!({ "code": app.wrong(&server) });
    for _ in 0..5 {
        assert_eq!(amina.user_errors(ENABLE, wrong.clone()).await, user_error("INVALID_CODE", "input.code"));
    }
    let right = json!({ "code": app.code(&server) });
    assert_eq!(amina.refused(ENABLE, right.clone()).await, "RATE_LIMITED");
    assert_eq!(amina.ok(STATUS, Value::Null).await["me"]["twoFactor"]["isEnabled"], false);
    server.advance(2);
    assert_eq!(amina.user_errors(ENABLE, right).await, []);
}

#[tokio::test]
async fn it_is_switched_off_by_a_code_of_the_app_or_a_backup_code() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for with_backup_code in [false, true] {
        let (app, codes) = enable(&server, &amina).await;
        let open = challenge(&server.anonymous(), "amina").await;
        let before = server.rows().await;
        let errors = amina.user_errors(DISABLE, json!({ "code": app.wrong(&server) })).await;
        assert_eq!(errors, user_error("INVALID_CODE", "input.code"));
        let after: Vec<_> = server.rows().await.into_iter().filter(|(table, _)| *table != "activities").collect();
        let before: Vec<_> = before.into_iter().filter(|(table, _)| *table != "activities").collect();
        assert_eq!(after, before, "but for the line that says so");
        assert_eq!(activity(&server, "amina").await.last().unwrap(), "sign_in_failed");

        let code = if with_backup_code { codes[3].clone() } else { app.code(&server) };
        let data = amina.ok(DISABLE, json!({ "code": code })).await;
        assert_eq!(data["twoFactorDisable"], json!({ "errors": [], "user": { "id": amina.id } }));
        let left = "SELECT (SELECT COUNT(*) FROM two_factors) + (SELECT COUNT(*) FROM backup_codes)";
        assert_eq!(server.count(left).await, 0);
        assert_eq!(server.last_sent("amina@example.org").await.subject, "Two-factor authentication is off");
        assert_eq!(activity(&server, "amina").await.last().unwrap(), "two_factor_disabled");
        // What waited for it is over, and the password alone is enough again.
        assert_eq!(verify(&server.anonymous(), &open, "TOTP", &app.code_in(&server, 30)).await, Value::Null);
        server.anonymous().login("amina").await;
        let errors = amina.user_errors(DISABLE, json!({ "code": app.code(&server) })).await;
        assert_eq!(errors, user_error("TWO_FACTOR_NOT_ENABLED", ""));
    }
}

#[tokio::test]
async fn new_backup_codes_void_the_old_ones() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    assert_eq!(amina.user_errors(REGENERATE, Value::Null).await, user_error("TWO_FACTOR_NOT_ENABLED", ""));
    Authenticator::set_up(&amina).await;
    assert_eq!(amina.user_errors(REGENERATE, Value::Null).await, user_error("TWO_FACTOR_NOT_ENABLED", ""));
    assert_eq!(server.count("SELECT COUNT(*) FROM backup_codes").await, 0);

    let (_, old) = enable(&server, &amina).await;
    let data = amina.ok(REGENERATE, Value::Null).await;
    let new = data["backupCodesRegenerate"]["backupCodes"].as_array().unwrap().clone();
    assert_eq!(new.len(), 10);
    assert_eq!(activity(&server, "amina").await.last().unwrap(), "backup_codes_regenerated");
    let open = challenge(&server.anonymous(), "amina").await;
    assert_eq!(verify(&server.anonymous(), &open, "BACKUP_CODE", &old[0]).await, Value::Null);
    let session = verify(&server.anonymous(), &open, "BACKUP_CODE", new[0].as_str().unwrap()).await;
    assert_eq!(session["user"]["id"], amina.id.as_str());
}

#[tokio::test]
async fn of_backup_codes_made_at_once_one_set_remains() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    enable(&server, &amina).await;
    let calls = (0..4).map(|_| amina.user_errors(REGENERATE, Value::Null));
    assert!(futures_util::future::join_all(calls).await.iter().all(Vec::is_empty));
    assert_eq!(server.count("SELECT COUNT(*) FROM backup_codes").await, 10);
}

#[tokio::test]
async fn nobody_sees_how_another_s_second_factor_stands() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    enable(&server, &amina).await;
    let query = "{ user(username: \"amina\") { twoFactor { isEnabled backupCodesLeft } } }";
    let seen = json!({ "isEnabled": true, "backupCodesLeft": 10 });
    assert_eq!(amina.ok(query, Value::Null).await["user"]["twoFactor"], seen);
    for other in [server.anonymous(), server.user("badr").await] {
        assert_eq!(other.ok(query, Value::Null).await["user"]["twoFactor"], Value::Null);
    }
    // And nobody learns at the sign-in, who has not the password.
    let wrong = json!({ "login": "amina", "password": "not the password" });
    let unknown = json!({ "login": "nobody", "password": PASSWORD });
    assert_eq!(server.anonymous().ok(LOGIN, wrong).await, server.anonymous().ok(LOGIN, unknown).await);
}

#[tokio::test]
async fn switching_it_on_ends_what_the_password_alone_has_opened() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let thief = server.anonymous().login("amina").await;
    enable(&server, &amina).await;
    assert_eq!(thief.refused("{ me { notificationUnreadCount } }", Value::Null).await, "UNAUTHENTICATED");
    amina.ok("{ me { notificationUnreadCount } }", Value::Null).await;
}
