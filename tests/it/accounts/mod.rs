//! Accounts: joining. In the folder: one's profile, names that pass for
//! others', finding people.

mod names;
mod people;
mod profile;

use agora::{
    domain::auth,
    error::{Locale, UserError, UserErrorCode},
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{
    Server,
    client::{PASSWORD, joining},
    time,
};

pub(crate) const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) { errors { code message path } \
    result { __typename ... on EmailConfirmationPending { email } ... on Session { accessToken accessTokenExpiresAt \
    refreshToken refreshTokenExpiresAt user { id username email locale } } } } }";

pub(crate) const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
    errors { code message path } result { __typename ... on Session { accessToken refreshToken user { id } } } } }";

pub(crate) const REFRESH: &str = "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code path } \
    session { accessToken refreshToken refreshTokenExpiresAt user { id } } } }";

const PROFILE: &str = "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { errors { code message path } \
    user { username firstName lastName displayName avatarUrl bio locale } } }";

/// Rows that a registration makes.
pub(crate) async fn accounts_made(server: &Server) -> [i64; 3] {
    [
        server.count("SELECT COUNT(*) FROM users").await,
        server.count("SELECT COUNT(*) FROM credentials").await,
        server.count("SELECT COUNT(*) FROM sessions").await,
    ]
}

/// Whether an access token is accepted.
pub(crate) async fn is_accepted(server: &Server, token: &str) -> bool {
    let answer = server.anonymous().token(token).send("{ me { id } }", Value::Null).await;
    if answer.body.get("errors").is_none() {
        assert!(answer.body["data"]["me"]["id"].is_string(), "{}", answer.body);
        return true;
    }
    assert_eq!(answer.body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{}", answer.body);
    false
}

#[tokio::test]
async fn who_registers_is_signed_in_and_finds_themselves() {
    let server = Server::start().await;
    let input = json!({ "input": {
        "username": "Amina_1", "email": "Amina@Example.org", "password": PASSWORD,
        "firstName": "  Amina ", "lastName": "El  Sayed",
    } });
    let data = server.anonymous().ok(REGISTER, input).await;
    let session = &data["register"]["result"];
    assert_eq!(session["__typename"], "Session", "{data}");
    assert_eq!(time(&session["accessTokenExpiresAt"]), server.clock.now() + TimeDelta::minutes(15));
    assert_eq!(time(&session["refreshTokenExpiresAt"]), server.clock.now() + TimeDelta::days(7));

    let amina = server.anonymous().token(session["accessToken"].as_str().unwrap());
    let query = "{ me { id username firstName lastName displayName avatarUrl bio kind locale postCount email isViewer \
                 createdAt } }";
    let me = amina.ok(query, Value::Null).await["me"].clone();
    let expected = json!({
        "id": session["user"]["id"], "username": "Amina_1", "firstName": "Amina", "lastName": "El Sayed",
        "displayName": "Amina El Sayed", "avatarUrl": null, "bio": "", "kind": "CUSTOMER", "locale": "EN",
        "postCount": 0, "email": "Amina@Example.org", "isViewer": true, "createdAt": me["createdAt"],
    });
    assert_eq!(me, expected);
    assert_eq!(time(&me["createdAt"]), server.clock.now());

    let found = server.anonymous().ok("{ user(username: \"AMINA_1\") { id isViewer email } }", Value::Null).await;
    assert_eq!(found["user"], json!({ "id": me["id"], "isViewer": false, "email": null }));
    let nobody = server.anonymous().ok("{ me { id } user(username: \"nobody_here\") { id } }", Value::Null).await;
    assert_eq!(nobody, json!({ "me": null, "user": null }));
}

#[tokio::test]
async fn an_account_that_has_to_be_confirmed_gets_no_session() {
    let server = Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let nobody = server.anonymous();
    let data = nobody.ok(REGISTER, joining("amina", "amina@example.org")).await;
    let pending = json!({ "__typename": "EmailConfirmationPending", "email": "amina@example.org" });
    assert_eq!(data["register"], json!({ "errors": [], "result": pending }));
    assert_eq!(accounts_made(&server).await, [1, 1, 0]);

    let login = json!({ "login": "amina", "password": PASSWORD });
    assert_eq!(nobody.user_errors(LOGIN, login).await, [("EMAIL_NOT_CONFIRMED".to_owned(), String::new())]);
    // Only who knows the password learns that the account is there.
    let login = json!({ "login": "amina", "password": "not the password" });
    assert_eq!(nobody.user_errors(LOGIN, login).await, [("INVALID_CREDENTIALS".to_owned(), String::new())]);
    assert_eq!(accounts_made(&server).await, [1, 1, 0]);
}

#[tokio::test]
async fn a_confirmed_account_signs_in() {
    let server = Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    server.anonymous().ok(REGISTER, joining("amina", "amina@example.org")).await;
    server.anonymous().ok(REGISTER, joining("intruder", "amina@example.org")).await;
    assert!(!auth::confirm_email(&server.app, "nobody@example.org").await.unwrap());
    assert!(auth::confirm_email(&server.app, " Amina@Example.ORG").await.unwrap());
    assert!(!auth::confirm_email(&server.app, "amina@example.org").await.unwrap(), "once is enough");
    assert!(server.anonymous().login("amina").await.id.starts_with("user_"));
    let errors = server.anonymous().user_errors(LOGIN, json!({ "login": "intruder", "password": PASSWORD })).await;
    assert_eq!(errors, [("EMAIL_NOT_CONFIRMED".to_owned(), String::new())]);
}

#[tokio::test]
async fn while_addresses_are_confirmed_a_taken_one_is_not_given_away() {
    let server = Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let nobody = server.anonymous();
    let register = async |username: &str, email: &str, password: &str| {
        let (hashed, statements) = (server.app.passwords.hashed(), server.app.db.statements());
        let input = json!({ "username": username, "email": email, "password": password });
        let data = nobody.ok(REGISTER, json!({ "input": input })).await;
        let pending = json!({ "__typename": "EmailConfirmationPending", "email": email });
        assert_eq!(data["register"], json!({ "errors": [], "result": pending }), "{username}");
        (server.app.passwords.hashed() - hashed, server.app.db.statements() - statements)
    };
    let work = register("amina", "amina@example.org", PASSWORD).await;
    assert_eq!(register("intruder", "AMINA@example.org", "the intruder's own").await, work);
    assert_eq!(register("other", "other@example.org", PASSWORD).await, work);

    // Whatever is asked of it afterwards, it looks like every other that waits.
    for name in ["intruder", "other"] {
        let query = format!("{{ user(username: \"{name}\") {{ username }} }}");
        assert_eq!(nobody.ok(&query, Value::Null).await["user"]["username"], name);
        let input = json!({ "username": name, "email": "new@example.org", "password": "a guess of somebody's" });
        let errors = nobody.user_errors(REGISTER, json!({ "input": input })).await;
        assert_eq!(errors, [("TAKEN".to_owned(), "input.username".to_owned())]);
    }
    let refused = |code: &str| vec![(code.to_owned(), String::new())];
    for (login, password, code) in [
        ("intruder", "the intruder's own", "EMAIL_NOT_CONFIRMED"),
        ("intruder", PASSWORD, "INVALID_CREDENTIALS"),
        // The address remains that of who had it first.
        ("amina@example.org", "the intruder's own", "INVALID_CREDENTIALS"),
        // By an address, waiting is told to nobody: it would tell whether the address was free.
        ("amina@example.org", PASSWORD, "INVALID_CREDENTIALS"),
        ("other@example.org", PASSWORD, "INVALID_CREDENTIALS"),
        ("other", PASSWORD, "EMAIL_NOT_CONFIRMED"),
    ] {
        let login = json!({ "login": login, "password": password });
        assert_eq!(nobody.user_errors(LOGIN, login.clone()).await, refused(code), "{login}");
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions").await, 0);
}

#[tokio::test]
async fn a_name_or_an_address_is_taken_whatever_its_case() {
    let server = Server::start().await;
    server.user("amina").await;
    let before = accounts_made(&server).await;
    for (username, email, path) in [
        ("AMINA", "other@example.org", "input.username"),
        (" Amina ", "other@example.org", "input.username"),
        ("other", "Amina@EXAMPLE.org", "input.email"),
        ("other", " amina@example.org ", "input.email"),
    ] {
        let errors = server.anonymous().user_errors(REGISTER, joining(username, email)).await;
        assert_eq!(errors, [("TAKEN".to_owned(), path.to_owned())], "{username} {email}");
        assert_eq!(accounts_made(&server).await, before, "{username} {email}");
    }
    // What was refused is still free.
    server.user("other").await;
}

#[tokio::test]
async fn each_field_of_a_registration_has_its_rules() {
    let server = Server::start().await;
    let before = accounts_made(&server).await;
    let (long_name, long_local, long_password) = ("a".repeat(31), "a".repeat(65), "a1b2".repeat(33));
    let long_email = format!("a@{}.org", ["x".repeat(62).as_str(); 5].join("."));
    let fifty_one = "é".repeat(51);
    let bad_local = format!("{long_local}@example.org");
    for (field, value, code) in [
        ("username", "", "BLANK"),
        ("username", " \t ", "BLANK"),
        ("username", "ab", "TOO_SHORT"),
        ("username", long_name.as_str(), "TOO_LONG"),
        ("username", "1abc", "INVALID"),
        ("username", "_abc", "INVALID"),
        ("username", "a-bc", "INVALID"),
        ("username", "a bc", "INVALID"),
        ("username", "amína", "INVALID"),
        ("username", "أمينة", "INVALID"),
        ("username", "ab\u{0}c", "INVALID_CHARACTERS"),
        ("username", "ab\u{202e}c", "INVALID_CHARACTERS"),
        ("username", "admin", "RESERVED"),
        ("username", "GraphQL", "RESERVED"),
        ("email", "", "BLANK"),
        ("email", "amina", "INVALID"),
        ("email", "amina@localhost", "INVALID"),
        ("email", "@example.org", "INVALID"),
        ("email", "a b@example.org", "INVALID"),
        ("email", "a@example.org\u{0}", "INVALID_CHARACTERS"),
        ("email", bad_local.as_str(), "INVALID"),
        ("email", long_email.as_str(), "TOO_LONG"),
        ("password", "", "BLANK"),
        ("password", "nine char", "TOO_SHORT"),
        ("password", long_password.as_str(), "TOO_LONG"),
        ("password", "Password1234", "PASSWORD_TOO_WEAK"),
        ("password", "aaaaaaaaaaaaaaa", "PASSWORD_TOO_WEAK"),
        ("password", "Newcomer_12345", "PASSWORD_TOO_WEAK"),
        ("password", "myaddress2026", "PASSWORD_TOO_WEAK"),
        ("firstName", fifty_one.as_str(), "TOO_LONG"),
        ("firstName", "a\u{7}", "INVALID_CHARACTERS"),
        ("lastName", fifty_one.as_str(), "TOO_LONG"),
        ("lastName", "a\u{202d}b", "INVALID_CHARACTERS"),
    ] {
        let mut variables = joining("newcomer_1", "myaddress@example.org");
        variables["input"][field] = value.into();
        let errors = server.anonymous().user_errors(REGISTER, variables).await;
        assert_eq!(errors, [(code.to_owned(), format!("input.{field}"))], "{field}: {value:?}");
    }
    assert_eq!(accounts_made(&server).await, before);
}

#[tokio::test]
async fn every_problem_of_a_registration_is_told_at_once() {
    let server = Server::start().await;
    let hashed = server.app.passwords.hashed();
    let input = json!({ "input": {
        "username": "1", "email": "nowhere", "password": "short", "firstName": "x".repeat(51), "lastName": "a\u{7}b",
    } });
    let errors = server.anonymous().user_errors(REGISTER, input).await;
    let expected = [
        ("TOO_SHORT", "input.username"),
        ("INVALID", "input.email"),
        ("TOO_LONG", "input.firstName"),
        ("INVALID_CHARACTERS", "input.lastName"),
        ("TOO_SHORT", "input.password"),
    ];
    let mut errors: Vec<_> = errors.iter().map(|(code, path)| (code.as_str(), path.as_str())).collect();
    errors.sort_by_key(|(_, path)| expected.iter().position(|(_, other)| other == path));
    assert_eq!(errors, expected);
    assert_eq!(accounts_made(&server).await, [0, 0, 0]);
    assert_eq!(server.app.passwords.hashed(), hashed, "a refused registration must not cost a hash");
}

#[tokio::test]
async fn the_longest_and_the_shortest_that_are_allowed_are_accepted() {
    let server = Server::start().await;
    for (number, (username, password)) in [
        ("abc".to_owned(), "ten char! ".trim_end().to_owned() + "x"),
        ("a".repeat(30), "a1b2".repeat(32)),
        ("Z_9".to_owned(), "كلمة سر طويلة جدًّا".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("{number}@example.org");
        let input = json!({ "username": username, "email": email, "password": password, "firstName": "é".repeat(50) });
        let data = server.anonymous().ok(REGISTER, json!({ "input": input })).await;
        assert_eq!(data["register"]["errors"], json!([]), "{username}");
        let login = json!({ "login": username, "password": password });
        let data = server.anonymous().ok(LOGIN, login).await;
        assert_eq!(data["login"]["errors"], json!([]), "{username}");
    }
}

#[tokio::test]
async fn messages_come_in_the_language_that_was_asked_for() {
    let server = Server::start().await;
    let input = joining("admin", "a@example.org");
    for (language, message) in [
        (None, "This name is reserved."),
        (Some("en-GB,en;q=0.9"), "This name is reserved."),
        (Some("fr"), "This name is reserved."),
        (Some("ar-EG,ar;q=0.9,en;q=0.8"), "هذا الاسم محجوز."),
        (Some("en;q=0.5, ar"), "هذا الاسم محجوز."),
    ] {
        let nobody = server.anonymous();
        let client = language.map_or(nobody.clone(), |language| nobody.header("accept-language", language));
        let data = client.ok(REGISTER, input.clone()).await;
        let expected = json!([{ "code": "RESERVED", "message": message, "path": ["input", "username"] }]);
        assert_eq!(data["register"]["errors"], expected, "{language:?}");
    }
    // The placeholders of a message are filled in, in every language.
    let arabic = server.anonymous().header("accept-language", "ar");
    let data = arabic.ok(REGISTER, joining("ab", "a@example.org")).await;
    let message = data["register"]["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains('3') && !message.contains('{'), "{message}");
    // And it becomes the language of the account.
    let data = arabic.ok(REGISTER, joining("amina", "amina@example.org")).await;
    assert_eq!(data["register"]["result"]["user"]["locale"], "AR");
}

#[tokio::test]
async fn a_storm_of_registrations_with_one_name_makes_one_account() {
    let server = Server::start().await;
    let storm = (0..12).map(|number| {
        let client = server.anonymous();
        async move { client.user_errors(REGISTER, joining("amina", &format!("amina{number}@example.org"))).await }
    });
    let answers = futures_util::future::join_all(storm).await;
    assert_eq!(answers.iter().filter(|errors| errors.is_empty()).count(), 1, "{answers:?}");
    let taken = [("TAKEN".to_owned(), "input.username".to_owned())];
    assert_eq!(answers.iter().filter(|errors| errors.as_slice() == taken).count(), 11, "{answers:?}");
    assert_eq!(accounts_made(&server).await, [1, 1, 1]);
}

#[tokio::test]
async fn a_storm_of_registrations_with_one_address_makes_one_account() {
    let server = Server::start().await;
    let storm = (0..12).map(|number| {
        let client = server.anonymous();
        async move { client.user_errors(REGISTER, joining(&format!("amina_{number}"), "amina@example.org")).await }
    });
    let answers = futures_util::future::join_all(storm).await;
    assert_eq!(answers.iter().filter(|errors| errors.is_empty()).count(), 1, "{answers:?}");
    let taken = [("TAKEN".to_owned(), "input.email".to_owned())];
    assert_eq!(answers.iter().filter(|errors| errors.as_slice() == taken).count(), 11, "{answers:?}");
    assert_eq!(accounts_made(&server).await, [1, 1, 1]);
}

#[test]
fn every_message_exists_in_both_languages() {
    for code in UserErrorCode::ALL {
        let error = UserError::whole(*code);
        let (english, arabic) = (error.message(Locale::English), error.message(Locale::Arabic));
        assert!(english.is_ascii() && !arabic.is_ascii(), "{code:?}: {english} / {arabic}");
    }
}
