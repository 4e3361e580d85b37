//! One mailbox is one account's, however its address is written; and a password is the same from every keyboard.

use migration::{Migrator, MigratorTrait};
use serde_json::{Value, json};

use super::oauth::{browser::sign_in as by_provider, provider::Provider};
use crate::harness::{Client, Server, client::PASSWORD, user_error};

const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) { errors { code path } result { \
    ... on Session { accessToken user { id } } } } }";
const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
    errors { code path } } }";
const RESET: &str =
    "mutation($email: EmailAddress!) { passwordResetRequest(input: { email: $email }) { errors { code path } } }";
const CONFIRM: &str = "mutation($email: EmailAddress!, $code: String!) { passwordResetConfirm(input: { proof: { emailCode: { email: $email, \
    code: $code } }, newPassword: \"an entirely new one\" }) { errors { code path } } }";
const VERIFY: &str = "mutation($email: EmailAddress!, $code: String!) { emailVerify(input: { emailCode: { email: $email, code: $code } }) { \
    errors { code path } } }";
const CHANGE: &str =
    "mutation($email: EmailAddress!) { emailChangeRequest(input: { email: $email }) { errors { code path } } }";

/// As Zoë writes it.
const OWN: &str = "Zoë@Bücher.example";
/// The same mailbox.
const OTHERS: &[&str] = &[
    "zoë@bücher.example",
    "ZOË@BÜCHER.EXAMPLE",
    "Zoe\u{308}@Bu\u{308}cher.example",
    "zoë@xn--bcher-kva.example",
    "zoe\u{308}@XN--BCHER-KVA.example",
];

fn joining(username: &str, email: &str, password: &str) -> Value {
    json!({ "input": { "username": username, "email": email, "password": password } })
}

async fn zoe(server: &Server) -> Client {
    let data = server.anonymous().ok(REGISTER, joining("zoe", OWN, PASSWORD)).await;
    let session = &data["register"]["result"];
    server.anonymous().token(session["accessToken"].as_str().unwrap_or_else(|| panic!("{data}")))
}

#[tokio::test]
async fn one_mailbox_has_one_account_however_its_address_is_written() {
    let server = Server::start().await;
    let zoe = zoe(&server).await;
    let nobody = server.anonymous();
    for (number, other) in OTHERS.iter().enumerate() {
        let errors = nobody.user_errors(REGISTER, joining(&format!("zoe_{number}"), other, PASSWORD)).await;
        assert_eq!(errors, user_error("TAKEN", "input.email"), "{other}");
        let errors = nobody.user_errors(LOGIN, json!({ "login": other, "password": PASSWORD })).await;
        assert_eq!(errors, [], "{other}");
    }
    // What is shown is what was typed.
    assert_eq!(zoe.ok("{ me { email } }", Value::Null).await["me"]["email"], OWN);
    // A guess at one spelling is a guess at each.
    for other in OTHERS {
        nobody.ok(LOGIN, json!({ "login": other, "password": "not the password" })).await;
    }
    assert_eq!(nobody.refused(LOGIN, json!({ "login": OWN, "password": PASSWORD })).await, "RATE_LIMITED");
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
    assert_eq!(
        nobody.user_errors(REGISTER, joining("fake", "a@xn--a.example", PASSWORD)).await,
        user_error("INVALID", "input.email")
    );
}

#[tokio::test]
async fn an_address_is_proven_reset_and_kept_by_any_spelling() {
    let server = Server::start().await;
    let zoe = zoe(&server).await;
    let nobody = server.anonymous();
    nobody.ok(RESET, json!({ "email": OTHERS[3] })).await;
    // It goes to where the owner said.
    let reset = server.last_sent(OWN).await.code();
    nobody.ok(RESET, json!({ "email": OTHERS[2] })).await;
    assert_eq!(server.sent().await.len(), 1, "a mailbox is spared, not a spelling");
    let send = "mutation { emailVerificationSend(input: {}) { errors { code path } } }";
    assert_eq!(zoe.user_errors(send, Value::Null).await, []);
    let code = server.last_sent(OWN).await.code();
    assert_eq!(nobody.user_errors(VERIFY, json!({ "email": OTHERS[4], "code": code })).await, []);
    for other in OTHERS {
        assert_eq!(
            zoe.user_errors(CHANGE, json!({ "email": other })).await,
            user_error("ALREADY_VERIFIED", "input.email")
        );
    }
    // To somebody else's mailbox no code leaves.
    let badr = server.user("badr").await;
    badr.ok(CHANGE, json!({ "email": OTHERS[3] })).await;
    assert_eq!(server.last_sent(OWN).await.subject, "You have an account already");
    assert_eq!(nobody.user_errors(CONFIRM, json!({ "email": OTHERS[1], "code": reset })).await, []);
    assert_eq!(nobody.user_errors(LOGIN, json!({ "login": "zoe", "password": "an entirely new one" })).await, []);
}

#[tokio::test]
async fn a_provider_joins_the_account_of_the_mailbox_and_of_no_other() {
    let (provider, server) = Provider::start(&[]).await;
    zoe(&server).await;
    assert!(agora::domain::auth::confirm_email(&server.app, OTHERS[1]).await.unwrap());
    for (subject, email) in OTHERS.iter().enumerate() {
        provider.person(&subject.to_string(), email, true);
        let joined = by_provider(&server, "google").await;
        if subject == 0 {
            assert_eq!(joined["isNewUser"], false, "{email}: {joined}");
        } else {
            assert_eq!(joined["errors"][0]["code"], "ALREADY_LINKED", "{email}: {joined}");
        }
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
}

#[tokio::test]
async fn accounts_of_one_mailbox_from_before_are_told_apart_once() {
    let server = Server::start().await;
    for username in ["first", "second", "third", "fourth", "fifth"] {
        server.user(username).await;
    }
    // As they were: under the lower case of what was typed.
    let set = async |username: &str, email: &str, confirmed: Option<&str>| {
        let confirmed = confirmed.map_or("NULL".to_owned(), |at| format!("'{at}'"));
        let sql = format!(
            "UPDATE credentials SET email = $1, email_key = $2, email_confirmed_at = {confirmed} \
             WHERE user_id = (SELECT id FROM users WHERE username = '{username}')"
        );
        let values = vec![email.into(), email.to_lowercase().into()];
        server.write(&sql, values).await;
    };
    set("first", "ü@xn--bcher-kva.example", None).await;
    set("second", "ü@bücher.example", Some("2025-06-02 00:00:00+00:00")).await;
    set("third", "u\u{308}@bücher.example", Some("2025-06-01 00:00:00+00:00")).await;
    set("fourth", "Plain@bücher.example", None).await;
    let connection = server.app.db.migration_connection().await.unwrap();
    let steps = Migrator::migrations().iter().rev().take_while(|step| !step.name().ends_with("_mailboxes")).count() + 1;
    Migrator::down(&connection, Some(steps as u32)).await.unwrap();
    Migrator::up(&connection, None).await.unwrap();
    let sql = "SELECT u.username, c.email, c.email_key, c.email_confirmed_at IS NOT NULL FROM users u \
               JOIN credentials c ON c.user_id = u.id ORDER BY u.id";
    let rows = server.app.db.rows(sql, Vec::new()).await.unwrap();
    let found: Vec<(String, String, bool)> = rows
        .iter()
        .map(|row| {
            let key: String = row.try_get_by_index(2).unwrap();
            let key = if key.starts_with("taken ") { "none".to_owned() } else { key };
            (row.try_get_by_index(0).unwrap(), key, row.try_get_by_index(3).unwrap())
        })
        .collect();
    let expected = [
        ("first", "none", false),
        ("second", "none", false),
        ("third", "ü@xn--bcher-kva.example", true),
        ("fourth", "plain@xn--bcher-kva.example", false),
        ("fifth", "fifth@example.org", false),
    ];
    assert_eq!(found, expected.map(|(name, key, proven)| (name.to_owned(), key.to_owned(), proven)));
    // Who has no address any more comes in by their name, and proves another.
    let second = server.anonymous().login("second").await;
    assert_eq!(second.ok("{ me { email } }", Value::Null).await["me"]["email"], Value::Null);
    let errors = second.user_errors(CHANGE, json!({ "email": "another@example.org" })).await;
    assert_eq!(errors, []);
}

#[tokio::test]
async fn a_password_is_the_same_however_a_keyboard_composes_it() {
    let server = Server::start().await;
    let (composed, decomposed) = ("crème brûlée 12", "cre\u{300}me bru\u{302}le\u{301}e １２");
    server.anonymous().ok(REGISTER, joining("zoe", OWN, decomposed)).await;
    for password in [composed, decomposed] {
        let errors = server.anonymous().user_errors(LOGIN, json!({ "login": "zoe", "password": password })).await;
        assert_eq!(errors, [], "{password}");
    }
    let errors = server.anonymous().user_errors(LOGIN, json!({ "login": "zoe", "password": "creme brulee 12" })).await;
    assert_eq!(errors, user_error("INVALID_CREDENTIALS", ""));
    for (password, code) in [
        ("١٢٣٤٥٦٧٨٩٠", "PASSWORD_TOO_WEAK"),
        ("१२३४५६७८९०", "PASSWORD_TOO_WEAK"),
        ("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}", "TOO_SHORT"),
    ] {
        let errors = server.anonymous().user_errors(REGISTER, joining("badr", "badr@example.org", password)).await;
        assert_eq!(errors, user_error(code, "input.password"), "{password}");
    }
}
