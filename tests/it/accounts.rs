//! Accounts: joining, signing in, staying in, leaving; one's profile; finding people.

use agora::{domain::accounts, entity::SessionId, error::Locale, platform::crypto::Keys};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::harness::{Client, Server, client::PASSWORD, socket::PATIENCE};

const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) { errors { code message path } \
    result { __typename ... on EmailConfirmationPending { email } ... on Session { accessToken accessTokenExpiresAt \
    refreshToken refreshTokenExpiresAt user { id username email locale } } } } }";

const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
    errors { code message path } result { __typename ... on Session { accessToken refreshToken user { id } } } } }";

const REFRESH: &str = "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code path } \
    session { accessToken refreshToken refreshTokenExpiresAt user { id } } } }";

const PROFILE: &str = "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { errors { code message path } \
    user { username firstName lastName displayName avatarUrl bio locale } } }";

fn joining(username: &str, email: &str) -> Value {
    json!({ "input": { "username": username, "email": email, "password": PASSWORD } })
}

fn time(text: &Value) -> DateTime<Utc> {
    text.as_str().unwrap().parse().unwrap()
}

/// Rows that a registration makes.
async fn accounts_made(server: &Server) -> [i64; 3] {
    [
        server.count("SELECT COUNT(*) FROM users").await,
        server.count("SELECT COUNT(*) FROM credentials").await,
        server.count("SELECT COUNT(*) FROM sessions").await,
    ]
}

// ------------------------------------------------------------------------------------------------------- joining

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
        "displayName": "Amina El Sayed", "avatarUrl": null, "bio": "", "kind": "CUSTOMER", "locale": "ENGLISH",
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
async fn while_addresses_are_confirmed_a_taken_one_is_not_given_away() {
    let server = Server::with(&[("REGISTRATION_CONFIRM_EMAIL", "true")]).await;
    let nobody = server.anonymous();
    let hashed = server.app.passwords.hashed();
    nobody.ok(REGISTER, joining("amina", "amina@example.org")).await;
    let work = server.app.passwords.hashed() - hashed;

    let data = nobody.ok(REGISTER, joining("somebody", "AMINA@example.org")).await;
    let pending = json!({ "__typename": "EmailConfirmationPending", "email": "AMINA@example.org" });
    assert_eq!(data["register"], json!({ "errors": [], "result": pending }));
    assert_eq!(server.app.passwords.hashed() - hashed, 2 * work);
    // Neither a look at the name nor a sign-in tells this one from one whose address was free.
    nobody.ok(REGISTER, joining("another", "another@example.org")).await;
    for username in ["somebody", "another"] {
        let found = nobody.ok("query($u: String!) { user(username: $u) { username } }", json!({ "u": username })).await;
        assert_eq!(found["user"]["username"], username);
        let login = json!({ "login": username, "password": PASSWORD });
        assert_eq!(nobody.user_errors(LOGIN, login).await, [("EMAIL_NOT_CONFIRMED".to_owned(), String::new())]);
        let errors = nobody.user_errors(REGISTER, joining(username, "third@example.org")).await;
        assert_eq!(errors, [("TAKEN".to_owned(), "input.username".to_owned())]);
    }
    // The address stays its owner's: confirmed, only they come in.
    assert!(agora::domain::accounts::confirm_email(&server.app, "amina@example.org").await.unwrap());
    assert!(!agora::domain::accounts::confirm_email(&server.app, "amina@example.org").await.unwrap());
    nobody.clone().login("amina").await;
    let login = json!({ "login": "somebody", "password": PASSWORD });
    assert_eq!(nobody.user_errors(LOGIN, login).await, [("EMAIL_NOT_CONFIRMED".to_owned(), String::new())]);
    // User names are public anyway.
    let errors = nobody.user_errors(REGISTER, joining("AMINA", "other@example.org")).await;
    assert_eq!(errors, [("TAKEN".to_owned(), "input.username".to_owned())]);
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
        ("lastName", "a\u{2067}b", "INVALID_CHARACTERS"),
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
    assert_eq!(data["register"]["result"]["user"]["locale"], "ARABIC");
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

// ---------------------------------------------------------------------------------------------------- signing in

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
        ("amina", &"x".repeat(5000)),
        ("not a name \u{0} at all", PASSWORD),
    ] {
        let (hashed, statements) = (server.app.passwords.hashed(), server.app.db.statements());
        let data = server.anonymous().ok(LOGIN, json!({ "login": login, "password": password })).await;
        let work = (server.app.passwords.hashed() - hashed, server.app.db.statements() - statements);
        answers.push((login, data, work));
    }
    let (_, first, work) = &answers[0];
    assert_eq!(first["login"]["errors"][0]["code"], "INVALID_CREDENTIALS", "{first}");
    assert_eq!(*work, (1, 1));
    for (login, answer, spent) in &answers {
        assert_eq!((answer, spent), (first, work), "{login:?}");
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions").await, sessions);
}

// --------------------------------------------------------------------------------------------------- access tokens

/// Whether an access token is accepted.
async fn is_accepted(server: &Server, token: &str) -> bool {
    let answer = server.anonymous().token(token).send("{ me { id } }", Value::Null).await;
    if answer.body.get("errors").is_none() {
        assert!(answer.body["data"]["me"]["id"].is_string(), "{}", answer.body);
        return true;
    }
    assert_eq!(answer.body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{}", answer.body);
    false
}

#[tokio::test]
async fn an_access_token_ends_after_a_quarter_of_an_hour() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let token = amina.access_token.clone().unwrap();
    server.advance(15 * 60 - 1);
    assert!(is_accepted(&server, &token).await);
    server.advance(1);
    assert!(!is_accepted(&server, &token).await);
    let code =
        amina.refused("mutation { postCreate(input: { body: \"late\" }) { errors { code } } }", Value::Null).await;
    assert_eq!(code, "UNAUTHENTICATED");
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 0);
}

/// A token with these claims, made with the server's own key unless another is given.
fn make_token(keys: &Keys, kid: Option<&str>, key: Option<&[u8]>, algorithm: Algorithm, claims: &Value) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(key.unwrap_or(keys.signing().1))).unwrap()
}

fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[tokio::test]
async fn a_forged_access_token_is_refused() {
    let server = Server::start().await;
    let (amina, victim) = (server.user("amina").await, server.user("victim").await);
    let genuine = amina.access_token.clone().unwrap();
    let parts: Vec<&str> = genuine.split('.').collect();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let keys = &server.app.keys;
    let kid = Some(keys.signing().0);
    let make = |kid, key, algorithm, claims: &Value| make_token(keys, kid, key, algorithm, claims);
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        changed
    };
    let without = |name: &str| {
        let mut changed = claims.clone();
        changed.as_object_mut().unwrap().remove(name);
        changed
    };
    // What is forged below differs from a good one in one thing only.
    assert!(is_accepted(&server, &make(kid, None, Algorithm::HS256, &claims)).await);

    let now = server.clock.now().timestamp();
    let as_victim = with("sub", victim.id.as_str().into());
    let unsigned = json!({ "alg": "none", "typ": "JWT", "kid": keys.signing().0 });
    let confused = json!({ "alg": "RS256", "typ": "JWT", "kid": keys.signing().0 });
    let confused = format!("{}.{}", part(&confused), part(&claims));
    let key = EncodingKey::from_secret(keys.signing().1);
    let confused_signature = jsonwebtoken::crypto::sign(confused.as_bytes(), &key, Algorithm::HS256).unwrap();
    for (what, token) in [
        ("no algorithm", format!("{}.{}.", part(&unsigned), parts[1])),
        ("no algorithm, the old signature", format!("{}.{}.{}", part(&unsigned), parts[1], parts[2])),
        ("another key", make(kid, Some(b"another key of thirty-two bytes!"), Algorithm::HS256, &claims)),
        ("an empty key", make(kid, Some(b""), Algorithm::HS256, &claims)),
        ("key confusion", format!("{confused}.{confused_signature}")),
        ("another algorithm of the family", make(kid, None, Algorithm::HS512, &claims)),
        ("an unknown kid", make(Some("0123456789ab"), None, Algorithm::HS256, &claims)),
        ("no kid", make(None, None, Algorithm::HS256, &claims)),
        ("another's payload", format!("{}.{}.{}", parts[0], part(&as_victim), parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("another issuer", make(kid, None, Algorithm::HS256, &with("iss", "somebody".into()))),
        ("no issuer", make(kid, None, Algorithm::HS256, &without("iss"))),
        ("ended", make(kid, None, Algorithm::HS256, &with("exp", now.into()))),
        ("no end", make(kid, None, Algorithm::HS256, &without("exp"))),
        ("from the future", make(kid, None, Algorithm::HS256, &with("iat", (now + 3600).into()))),
        ("no session", make(kid, None, Algorithm::HS256, &without("sid"))),
        ("a session that is none", make(kid, None, Algorithm::HS256, &with("sid", victim.id.as_str().into()))),
        ("an unknown session", {
            let unknown = SessionId(server.app.ids.next(server.clock.now())).to_string();
            make(kid, None, Algorithm::HS256, &with("sid", unknown.into()))
        }),
        ("a person that is none", make(kid, None, Algorithm::HS256, &with("sub", "amina".into()))),
        ("a refresh token", amina.refresh_token.clone().unwrap()),
        ("nothing", String::new()),
        ("nonsense", "nonsense".to_owned()),
    ] {
        assert!(!is_accepted(&server, &token).await, "{what}: {token}");
    }
    assert!(is_accepted(&server, &genuine).await);
}

#[tokio::test]
async fn tokens_of_a_former_secret_are_accepted_until_it_is_struck_off_the_list() {
    const OLD: &str = "only for tests: 0123456789 abcdefghijkl";
    const NEW: &str = "the next one: 9876543210 zyxwvutsrqponmlk";
    let before = Server::with(&[("SECRET_KEY", OLD)]).await;
    let amina = before.user("amina").await;
    let (access, refresh) = (amina.access_token.unwrap(), amina.refresh_token.unwrap());

    let rotated = before.beside(&[("SECRET_KEY", NEW), ("SECRET_KEYS_OLD", OLD)]).await;
    assert!(is_accepted(&rotated, &access).await);
    let next = refreshed(&rotated, &refresh).await.expect("a refresh token of the former secret");
    assert!(is_accepted(&rotated, &next.access).await);

    let struck_off = before.beside(&[("SECRET_KEY", NEW)]).await;
    assert!(!is_accepted(&struck_off, &access).await);
    assert!(is_accepted(&struck_off, &next.access).await, "new tokens are made with the new secret");
    assert!(!is_accepted(&before, &next.access).await);
    assert!(refreshed(&struck_off, &refresh).await.is_none());
    assert!(refreshed(&struck_off, &next.refresh).await.is_some());
}

// -------------------------------------------------------------------------------------------------- refresh tokens

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tokens {
    access: String,
    refresh: String,
}

/// The next tokens; `None` when the token was refused as it has to be.
async fn refreshed(server: &Server, token: &str) -> Option<Tokens> {
    let data = server.anonymous().ok(REFRESH, json!({ "token": token })).await;
    let payload = &data["tokenRefresh"];
    if payload["session"].is_null() {
        let expected = json!([{ "code": "INVALID_REFRESH_TOKEN", "path": ["input", "refreshToken"] }]);
        assert_eq!(payload["errors"], expected);
        return None;
    }
    assert_eq!(payload["errors"], json!([]));
    let text = |name: &str| payload["session"][name].as_str().unwrap().to_owned();
    Some(Tokens { access: text("accessToken"), refresh: text("refreshToken") })
}

async fn generation(server: &Server) -> i64 {
    server.count("SELECT MAX(generation) FROM sessions").await
}

/// A server and somebody who has just signed in and not used the access token yet.
async fn signed_in() -> (Server, Client, Tokens) {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let tokens = Tokens { access: amina.access_token.clone().unwrap(), refresh: amina.refresh_token.clone().unwrap() };
    (server, amina, tokens)
}

#[tokio::test]
async fn each_refresh_gives_the_next_tokens_and_keeps_the_session_alive() {
    let (server, amina, mut tokens) = signed_in().await;
    for round in 1..=5 {
        server.advance(6 * 86_400);
        let data = server.anonymous().ok(REFRESH, json!({ "token": tokens.refresh })).await;
        let session = &data["tokenRefresh"]["session"];
        assert_eq!(session["user"]["id"], amina.id.as_str(), "{data}");
        assert_eq!(time(&session["refreshTokenExpiresAt"]), server.clock.now() + TimeDelta::days(7));
        let next = Tokens {
            access: session["accessToken"].as_str().unwrap().to_owned(),
            refresh: session["refreshToken"].as_str().unwrap().to_owned(),
        };
        assert_ne!(next.refresh, tokens.refresh);
        assert!(is_accepted(&server, &next.access).await);
        assert_eq!(generation(&server).await, round + 1);
        tokens = next;
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again_even_after_an_hour() {
    let (server, _, first) = signed_in().await;
    let lost = refreshed(&server, &first.refresh).await.unwrap();
    server.advance(3600);
    let again = refreshed(&server, &first.refresh).await.unwrap();
    assert_eq!(again.refresh, lost.refresh);
    assert_eq!(generation(&server).await, 2, "asking again must not rotate");
    assert!(is_accepted(&server, &again.access).await);
    // The same in the middle of a chain, where the refresh token is all that was used.
    let lost = refreshed(&server, &again.refresh).await.unwrap();
    server.advance(3600);
    assert_eq!(refreshed(&server, &again.refresh).await.unwrap().refresh, lost.refresh);
}

#[tokio::test]
async fn once_the_next_token_was_used_the_one_before_is_forgiven_for_ten_seconds() {
    let (server, _, first) = signed_in().await;
    let next = refreshed(&server, &first.refresh).await.unwrap();
    assert!(is_accepted(&server, &next.access).await);
    server.advance(10);
    assert_eq!(refreshed(&server, &first.refresh).await.unwrap().refresh, next.refresh);
    server.advance(1);
    assert_eq!(refreshed(&server, &first.refresh).await, None);
    assert_eq!(refreshed(&server, &next.refresh).await, None, "the session has to be over");
    assert!(!is_accepted(&server, &next.access).await);
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_session() {
    let (server, amina, first) = signed_in().await;
    let elsewhere = server.anonymous().login("amina").await;
    let second = refreshed(&server, &first.refresh).await.unwrap();
    let third = refreshed(&server, &second.refresh).await.unwrap();
    assert!(is_accepted(&server, &third.access).await);
    // Two steps behind: even at once it is no lost answer.
    assert_eq!(refreshed(&server, &first.refresh).await, None);
    for token in [&third.refresh, &second.refresh, &first.refresh] {
        assert_eq!(refreshed(&server, token).await, None);
    }
    for token in [&third.access, &second.access, &first.access] {
        assert!(!is_accepted(&server, token).await);
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions WHERE end_reason = 'token_reused'").await, 1);
    // The other session is another matter, and the owner comes in again.
    assert!(is_accepted(&server, elsewhere.access_token.as_deref().unwrap()).await);
    assert!(refreshed(&server, elsewhere.refresh_token.as_deref().unwrap()).await.is_some());
    assert_eq!(server.anonymous().login("amina").await.id, amina.id);
}

#[tokio::test]
async fn a_forged_refresh_token_is_refused_and_harms_nobody() {
    let (server, _, tokens) = signed_in().await;
    let bytes = URL_SAFE_NO_PAD.decode(&tokens.refresh).unwrap();
    let mut forged = vec![
        String::new(),
        "nonsense".to_owned(),
        tokens.access.clone(),
        format!("{}=", tokens.refresh),
        URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() - 1]),
        URL_SAFE_NO_PAD.encode([bytes.as_slice(), &[0]].concat()),
        "x".repeat(100_000),
    ];
    for at in [0, 15, 16, 23, 24, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        forged.push(URL_SAFE_NO_PAD.encode(changed));
    }
    for token in &forged {
        assert_eq!(refreshed(&server, token).await, None, "{token:.80}");
    }
    assert!(refreshed(&server, &tokens.refresh).await.is_some());
}

#[tokio::test]
async fn a_refresh_token_is_no_good_after_logout_or_seven_days_without_use() {
    let (server, amina, tokens) = signed_in().await;
    let idle = server.anonymous().login("amina").await.refresh_token.unwrap();
    let data = amina.ok("mutation { logout { ended errors { code } } }", Value::Null).await;
    assert_eq!(data["logout"], json!({ "ended": true, "errors": [] }));
    assert_eq!(refreshed(&server, &tokens.refresh).await, None);

    server.advance(7 * 86_400 - 1);
    let next = refreshed(&server, &idle).await.expect("a second before it ends").refresh;
    server.advance(7 * 86_400);
    assert_eq!(refreshed(&server, &next).await, None);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_get_the_same_tokens() {
    let (server, _, tokens) = signed_in().await;
    let beside = server.beside(&[]).await;
    for _ in 0..5 {
        let before = generation(&server).await;
        let newest = if before == 1 { tokens.refresh.clone() } else { newest_refresh_token(&server).await };
        let (one, other) = tokio::join!(refreshed(&server, &newest), refreshed(&beside, &newest));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.refresh, other.refresh);
        assert_eq!(generation(&server).await, before + 1, "one rotation for both");
        assert!(is_accepted(&server, &one.access).await && is_accepted(&beside, &other.access).await);
        server.advance(60);
    }
}

/// The token that the only session would accept next, as its owner has it.
async fn newest_refresh_token(server: &Server) -> String {
    let rows = server.app.db.rows("SELECT id, generation FROM sessions", Vec::new()).await.unwrap();
    let id: SessionId = rows[0].try_get_by_index(0).unwrap();
    let generation: i64 = rows[0].try_get_by_index(1).unwrap();
    let body = [id.0.as_bytes().as_slice(), &generation.to_be_bytes()].concat();
    URL_SAFE_NO_PAD.encode([body.clone(), server.app.keys.refresh_seal(&body)].concat())
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
    accounts::sweep(&beside.app).await.unwrap();
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
    tokio::time::timeout(PATIENCE, ended).await.expect("the other instance never learned of it");
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
async fn sign_ins_at_one_account_are_limited_whether_it_exists_or_not() {
    let server = Server::with(&[("RATE_LIMIT_LOGIN_ACCOUNT", "3/hour")]).await;
    server.user("amina").await;
    server.user("basma").await;
    for account in ["amina", "nobody"] {
        for (number, login) in [account.to_owned(), account.to_uppercase(), format!(" {account} ")].iter().enumerate() {
            // From everywhere: the account counts, not the address.
            let client = server.anonymous().from(&format!("198.51.100.{}", number + 1));
            assert_eq!(login_code(&client, login, "not the password").await, "INVALID_CREDENTIALS");
        }
        let (hashed, sessions) = (server.app.passwords.hashed(), server.count("SELECT COUNT(*) FROM sessions").await);
        let client = server.anonymous().from("198.51.100.9");
        assert_eq!(login_code(&client, account, PASSWORD).await, "RATE_LIMITED", "{account}");
        assert_eq!(server.app.passwords.hashed(), hashed, "what is refused must not cost a hash");
        assert_eq!(server.count("SELECT COUNT(*) FROM sessions").await, sessions);
    }
    assert_eq!(login_code(&server.anonymous(), "basma", PASSWORD).await, "OK");
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

#[tokio::test]
async fn sign_ins_and_registrations_of_everybody_have_a_limit_together() {
    let server = Server::with(&[("RATE_LIMIT_SENSITIVE_GLOBAL", "2/hour")]).await;
    server.user("amina").await;
    assert_eq!(login_code(&server.anonymous().from("198.51.100.1"), "amina", PASSWORD).await, "OK");
    assert_eq!(login_code(&server.anonymous().from("198.51.100.2"), "amina", PASSWORD).await, "RATE_LIMITED");
    let elsewhere = server.anonymous().from("198.51.100.3");
    assert_eq!(elsewhere.refused(REGISTER, joining("basma", "basma@example.org")).await, "RATE_LIMITED");
}

#[tokio::test]
async fn aliases_buy_no_further_tries() {
    let server = Server::with(&[("RATE_LIMIT_LOGIN_ACCOUNT", "2/hour")]).await;
    server.user("amina").await;
    let hashed = server.app.passwords.hashed();
    let field = |alias: usize| {
        format!(
            "a{alias}: login(input: {{ login: \"amina\", password: \"guess number {alias}\" }}) {{ errors {{ code }} }}"
        )
    };
    let query = format!("mutation {{ {} }}", (0..5).map(field).collect::<Vec<_>>().join(" "));
    assert_eq!(server.anonymous().refused(&query, Value::Null).await, "COST_EXCEEDED");
    let hidden = format!(
        "mutation {{ ...F b: login(input: {{ login: \"amina\", password: \"x\" }}) {{ errors {{ code }} }} }} \
                          fragment F on Mutation {{ {} }}",
        field(1)
    );
    assert_eq!(server.anonymous().refused(&hidden, Value::Null).await, "COST_EXCEEDED");
    assert_eq!(server.app.passwords.hashed(), hashed);
    // Nothing of it was counted either.
    assert_eq!(login_code(&server.anonymous(), "amina", PASSWORD).await, "OK");
}

// ------------------------------------------------------------------------------------------------------- profiles

#[tokio::test]
async fn a_profile_field_that_is_absent_stays_and_one_that_is_null_is_cleared() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let full = json!({
        "firstName": "Amina", "lastName": "El Sayed", "displayName": "Mina ✨", "avatarUrl": "https://example.org/a.png",
        "bio": "Two lines\nof text", "locale": "ARABIC",
    });
    let data = amina.ok(PROFILE, json!({ "input": full })).await;
    let mut expected = full.clone();
    expected["username"] = "amina".into();
    assert_eq!(data["profileUpdate"], json!({ "errors": [], "user": expected }));

    // Nothing asked for: nothing changes.
    let data = amina.ok(PROFILE, json!({ "input": {} })).await;
    assert_eq!(data["profileUpdate"]["user"], expected);
    let data = amina.ok(PROFILE, json!({ "input": { "bio": "new" } })).await;
    expected["bio"] = "new".into();
    assert_eq!(data["profileUpdate"]["user"], expected);

    let nothing = json!({ "displayName": null, "avatarUrl": null, "bio": null, "locale": null });
    let data = amina.ok(PROFILE, json!({ "input": nothing })).await;
    let cleared = json!({
        "username": "amina", "firstName": "Amina", "lastName": "El Sayed", "displayName": "Amina El Sayed",
        "avatarUrl": null, "bio": "", "locale": "ENGLISH",
    });
    assert_eq!(data["profileUpdate"]["user"], cleared);

    // A name to show there always is.
    let nameless = json!({ "firstName": null, "lastName": "", "displayName": "   " });
    let data = amina.ok(PROFILE, json!({ "input": nameless })).await;
    let user = &data["profileUpdate"]["user"];
    assert_eq!(
        (&user["firstName"], &user["lastName"], &user["displayName"]),
        (&json!(""), &json!(""), &json!("amina"))
    );

    let query = "{ me { username firstName lastName displayName avatarUrl bio locale } }";
    assert_eq!(amina.ok(query, Value::Null).await["me"], *user, "what is answered is what is stored");
}

#[tokio::test]
async fn every_problem_of_a_profile_is_told_at_once_and_nothing_is_changed() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let query = "{ me { username firstName lastName displayName avatarUrl bio locale } }";
    let before = amina.ok(query, Value::Null).await;
    let input = json!({
        "username": null, "firstName": "x".repeat(51), "lastName": "a\u{0}b", "displayName": "x".repeat(101),
        "avatarUrl": "http://example.org/a.png", "bio": "x".repeat(501), "locale": "ARABIC",
    });
    let mut errors = amina.user_errors(PROFILE, json!({ "input": input })).await;
    errors.sort_by(|a, b| a.1.cmp(&b.1));
    let expected = [
        ("INVALID", "input.avatarUrl"),
        ("TOO_LONG", "input.bio"),
        ("TOO_LONG", "input.displayName"),
        ("TOO_LONG", "input.firstName"),
        ("INVALID_CHARACTERS", "input.lastName"),
        ("BLANK", "input.username"),
    ];
    assert_eq!(errors.iter().map(|(code, path)| (code.as_str(), path.as_str())).collect::<Vec<_>>(), expected);
    assert_eq!(amina.ok(query, Value::Null).await, before);

    for (field, value, code) in [
        ("avatarUrl", "javascript:alert(1)".to_owned(), "INVALID"),
        ("avatarUrl", "not an address".to_owned(), "INVALID"),
        ("avatarUrl", format!("https://example.org/{}", "x".repeat(500)), "TOO_LONG"),
        ("username", "ab".to_owned(), "TOO_SHORT"),
        ("username", "a".repeat(31), "TOO_LONG"),
        ("username", "a b c".to_owned(), "INVALID"),
        ("username", "a\u{7}bc".to_owned(), "INVALID_CHARACTERS"),
        ("username", "root".to_owned(), "RESERVED"),
    ] {
        let errors = amina.user_errors(PROFILE, json!({ "input": { field: value, "lastName": "changed" } })).await;
        assert_eq!(errors, [(code.to_owned(), format!("input.{field}"))], "{value}");
        assert_eq!(amina.ok(query, Value::Null).await, before, "{value}");
    }
    let code = server.anonymous().refused(PROFILE, json!({ "input": { "bio": "changed" } })).await;
    assert_eq!(code, "UNAUTHENTICATED");
    assert_eq!(amina.ok(query, Value::Null).await, before);
}

#[tokio::test]
async fn a_user_name_changes_once_in_thirty_days() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let rename = |username: &str| json!({ "input": { "username": username, "bio": username } });
    assert_eq!(amina.user_errors(PROFILE, rename("Amina_Two")).await, []);
    let found =
        amina.ok("{ new: user(username: \"amina_two\") { id } old: user(username: \"amina\") { id } }", Value::Null);
    assert_eq!(found.await, json!({ "new": { "id": amina.id }, "old": null }));
    assert_eq!(server.anonymous().login("amina_two").await.id, amina.id);

    // The same name again is no change.
    assert_eq!(amina.user_errors(PROFILE, rename("Amina_Two")).await, []);
    server.advance(30 * 86_400 - 1);
    let amina = server.anonymous().login("amina_two").await;
    let data = amina.ok(PROFILE, rename("amina_three")).await;
    let error = &data["profileUpdate"]["errors"][0];
    assert_eq!((&error["code"], &error["path"]), (&json!("TOO_SOON"), &json!(["input", "username"])));
    assert!(error["message"].as_str().unwrap().contains("2026-01-31 12:00 UTC"), "{error}");
    let me = amina.ok("{ me { username bio } }", Value::Null).await;
    assert_eq!(me["me"], json!({ "username": "Amina_Two", "bio": "Amina_Two" }));

    server.advance(1);
    assert_eq!(amina.user_errors(PROFILE, rename("amina_three")).await, []);
    // The name that was given up is free.
    server.user("amina_two").await;
}

#[tokio::test]
async fn a_user_name_that_somebody_has_cannot_be_taken_over() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.user("basma").await;
    let errors = amina.user_errors(PROFILE, json!({ "input": { "username": "BASMA", "bio": "changed" } })).await;
    assert_eq!(errors, [("TAKEN".to_owned(), "input.username".to_owned())]);
    assert_eq!(amina.ok("{ me { username bio } }", Value::Null).await["me"], json!({ "username": "amina", "bio": "" }));
    // A refusal starts no cool-down; and one's own name may be written otherwise.
    assert_eq!(amina.user_errors(PROFILE, json!({ "input": { "username": "AMINA" } })).await, []);
    assert_eq!(amina.ok("{ me { username } }", Value::Null).await["me"]["username"], "AMINA");
}

#[tokio::test]
async fn of_many_who_want_one_name_at_once_one_gets_it() {
    let server = Server::start().await;
    let mut people = Vec::new();
    for number in 0..8 {
        people.push(server.user(&format!("person_{number}")).await);
    }
    let storm = people.iter().map(|person| person.user_errors(PROFILE, json!({ "input": { "username": "prize" } })));
    let answers = futures_util::future::join_all(storm).await;
    assert_eq!(answers.iter().filter(|errors| errors.is_empty()).count(), 1, "{answers:?}");
    let taken = [("TAKEN".to_owned(), "input.username".to_owned())];
    assert_eq!(answers.iter().filter(|errors| errors.as_slice() == taken).count(), 7, "{answers:?}");
}

// -------------------------------------------------------------------------------------------------- finding people

async fn named(server: &Server, username: &str, first_name: &str, last_name: &str) -> Client {
    let person = server.user(username).await;
    person
        .ok(PROFILE, json!({ "input": { "firstName": first_name, "lastName": last_name, "displayName": null } }))
        .await;
    person
}

async fn search(client: &Client, text: &str) -> Vec<String> {
    let query = "query($text: String) { users(where: { text: $text }) { nodes { username } totalCount } }";
    let data = client.ok(query, json!({ "text": text })).await;
    let names: Vec<String> = data["users"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["username"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(data["users"]["totalCount"], names.len(), "{text:?}");
    names
}

#[tokio::test]
async fn people_are_found_by_the_beginnings_of_their_names() {
    let server = Server::start().await;
    named(&server, "jose_m", "José", "Müller").await;
    named(&server, "mona", "مُنى", "عبد الله").await;
    named(&server, "muhammad", "محمد", "علي").await;
    named(&server, "oneill", "Shaun", "O'Neill").await;
    named(&server, "plain", "", "").await;
    let nobody = server.anonymous();
    for (text, expected) in [
        ("jose", vec!["jose_m"]),
        ("JOSÉ", vec!["jose_m"]),
        ("mull", vec!["jose_m"]),
        ("muller jo", vec!["jose_m"]),
        ("jose_m", vec!["jose_m"]),
        ("ose", vec![]),
        ("jose mona", vec![]),
        ("m", vec!["jose_m", "mona", "muhammad"]),
        ("محمد", vec!["muhammad"]),
        ("مُحَمَّد", vec!["muhammad"]),
        ("محـــمد عل", vec!["muhammad"]),
        ("منى", vec!["mona"]),
        ("O'Neill", vec!["oneill"]),
        ("o’neill", vec!["oneill"]),
        ("neill", vec!["oneill"]),
        ("plai", vec!["plain"]),
        ("", vec![]),
        (" ?! ", vec![]),
    ] {
        assert_eq!(search(&nobody, text).await, expected, "{text:?}");
    }
}

#[tokio::test]
async fn a_search_takes_any_text_for_words_and_nothing_more() {
    let server = Server::start().await;
    named(&server, "amina", "Amina", "And Or Not").await;
    let nobody = server.anonymous();
    for (text, expected) in [
        ("\"amina\"", vec!["amina"]),
        ("ami*", vec!["amina"]),
        ("amina:*", vec!["amina"]),
        ("-amina", vec!["amina"]),
        ("(amina", vec!["amina"]),
        ("amina & or", vec!["amina"]),
        ("'amina' | nobody", vec![]),
        ("NEAR(amina nobody)", vec![]),
        ("amina' OR '1'='1", vec![]),
        ("username:amina", vec![]),
        ("{amina}", vec!["amina"]),
        ("am%", vec!["amina"]),
        ("a\\", vec!["amina"]),
        ("amina\u{0}", vec!["amina"]),
        ("ami\u{0}na", vec![]),
    ] {
        assert_eq!(search(&nobody, text).await, expected, "{text:?}");
    }
    // However long it is.
    assert_eq!(search(&nobody, &"amina ".repeat(3000)).await, ["amina"]);
    assert_eq!(search(&nobody, &"a".repeat(20_000)).await, Vec::<String>::new());
    let found =
        nobody.ok("query($name: String!) { user(username: $name) { id } }", json!({ "name": "ami\u{0}na" })).await;
    assert_eq!(found["user"], Value::Null);
}

#[tokio::test]
async fn the_search_follows_a_change_of_name() {
    let server = Server::start().await;
    let amina = named(&server, "amina", "Amina", "First").await;
    assert_eq!(search(&amina, "first").await, ["amina"]);
    amina.ok(PROFILE, json!({ "input": { "lastName": "Second", "displayName": null } })).await;
    assert_eq!(search(&amina, "first").await, Vec::<String>::new());
    assert_eq!(search(&amina, "second").await, ["amina"]);
    amina.ok(PROFILE, json!({ "input": { "username": "renamed", "firstName": "", "displayName": null } })).await;
    assert_eq!(search(&amina, "amina").await, Vec::<String>::new());
    assert_eq!(search(&amina, "renamed").await, ["renamed"]);
}

#[tokio::test]
async fn people_are_listed_completely_page_by_page_in_both_directions() {
    let server = Server::start().await;
    // All at the same moment, so that only the ids tell them apart when sorted by it.
    let mut ids = Vec::new();
    for name in ["delta", "Alpha", "echo", "bravo", "Golf", "charlie", "foxtrot"] {
        ids.push(server.user(name).await.id);
    }
    let nobody = server.anonymous();
    let by_name: Vec<String> = [1, 3, 5, 0, 2, 6, 4].map(|at: usize| ids[at].clone()).into();
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    for (sort, expected) in [("USERNAME", by_name), ("NEWEST", newest)] {
        let query = format!("{{ users(sortBy: {sort}, PAGE) {{ ITEMS }} }}");
        for size in [1, 2, 3, 7, 100] {
            let forwards = nobody.pages(&query, size, false).await;
            assert_eq!(forwards.concat(), expected, "{sort}, first {size}");
            let mut backwards = nobody.pages(&query, size, true).await;
            backwards.reverse();
            assert_eq!(backwards.concat(), expected, "{sort}, last {size}");
        }
    }
    let found = nobody.pages("{ users(where: { text: \"a\" }, PAGE) { ITEMS } }", 1, false).await;
    assert_eq!(found.concat(), [ids[1].clone()]);
}

#[tokio::test]
async fn a_part_between_two_places_holds_what_lies_between() {
    let server = Server::start().await;
    for name in ["alpha", "bravo", "charlie", "delta", "echo"] {
        server.user(name).await;
    }
    let nobody = server.anonymous();
    let all = nobody.ok("{ users { edges { cursor node { username } } totalCount } }", Value::Null).await;
    let cursor = |at: usize| all["users"]["edges"][at]["cursor"].clone();
    let query = "query($after: String, $before: String, $first: Int, $last: Int) { \
                 users(after: $after, before: $before, first: $first, last: $last) { nodes { username } } }";
    for (variables, expected) in [
        (json!({ "after": cursor(0), "before": cursor(4) }), vec!["bravo", "charlie", "delta"]),
        (json!({ "after": cursor(0), "before": cursor(4), "first": 1 }), vec!["bravo"]),
        (json!({ "after": cursor(0), "before": cursor(4), "last": 1 }), vec!["delta"]),
        (json!({ "before": cursor(2) }), vec!["alpha", "bravo"]),
        (json!({ "after": cursor(4) }), vec![]),
        (json!({ "before": cursor(0) }), vec![]),
        (json!({ "after": cursor(3), "before": cursor(1) }), vec![]),
        (json!({ "first": 0 }), vec![]),
        (json!({ "last": 0 }), vec![]),
    ] {
        let data = nobody.ok(query, variables.clone()).await;
        let names: Vec<&str> =
            data["users"]["nodes"].as_array().unwrap().iter().map(|node| node["username"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{variables}");
    }
}

#[tokio::test]
async fn wrong_page_arguments_are_a_bad_request() {
    let server = Server::start().await;
    server.user("alpha").await;
    server.user("bravo").await;
    let nobody = server.anonymous();
    let edges = nobody.ok("{ users(sortBy: NEWEST) { edges { cursor } } }", Value::Null).await;
    let of_another_order = edges["users"]["edges"][0]["cursor"].as_str().unwrap().to_owned();
    let edges = nobody.ok("{ users { edges { cursor } } }", Value::Null).await;
    let good = edges["users"]["edges"][0]["cursor"].as_str().unwrap().to_owned();
    let mut tampered = URL_SAFE_NO_PAD.decode(&good).unwrap();
    tampered[17] ^= 1;
    let query = "query($after: String, $before: String, $first: Int, $last: Int) { \
                 users(after: $after, before: $before, first: $first, last: $last) { nodes { id } } }";
    nobody.ok(query, json!({ "after": good })).await;
    for variables in [
        json!({ "first": 101 }),
        json!({ "first": -1 }),
        json!({ "last": 101 }),
        json!({ "last": -1 }),
        json!({ "first": 1, "last": 1 }),
        json!({ "after": of_another_order }),
        json!({ "before": of_another_order }),
        json!({ "after": URL_SAFE_NO_PAD.encode(&tampered) }),
        json!({ "after": &good[1..] }),
        json!({ "after": "" }),
        json!({ "after": "nonsense" }),
        json!({ "before": "x".repeat(5000) }),
    ] {
        assert_eq!(nobody.refused(query, variables.clone()).await, "BAD_REQUEST", "{variables}");
    }
}

#[tokio::test]
async fn the_whole_is_counted_only_when_asked() {
    let server = Server::start().await;
    for name in ["alpha", "bravo", "amber"] {
        server.user(name).await;
    }
    let nobody = server.anonymous();
    let statements = async |query: &str| {
        let before = server.app.db.statements();
        let data = nobody.ok(query, Value::Null).await;
        (server.app.db.statements() - before, data)
    };
    let (without, _) = statements("{ users(first: 1) { nodes { id } } }").await;
    let (with, data) = statements("{ users(first: 1) { nodes { id } totalCount } }").await;
    assert_eq!((without, with), (1, 2));
    assert_eq!(data["users"]["totalCount"], 3);
    let (_, data) =
        statements("{ users(first: 1, where: { text: \"a\" }) { ...F } } fragment F on UserConnection { totalCount }")
            .await;
    assert_eq!(data["users"]["totalCount"], 2);
}

#[tokio::test]
async fn an_email_address_is_shown_to_its_owner_only() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("by amina").await;
    let query = format!(
        "{{ user(username: \"amina\") {{ email }} node(id: \"{}\") {{ ... on User {{ email }} }} \
         users {{ nodes {{ username email }} }} post(id: \"{post}\") {{ author {{ email }} }} }}",
        amina.id
    );
    let own = json!("amina@example.org");
    for (client, expected, of_basma) in [
        (&amina, &own, &Value::Null),
        (&basma, &Value::Null, &json!("basma@example.org")),
        (&server.anonymous(), &Value::Null, &Value::Null),
    ] {
        let data = client.ok(&query, Value::Null).await;
        assert_eq!(data["user"]["email"], *expected, "{data}");
        assert_eq!(data["node"]["email"], *expected, "{data}");
        assert_eq!(data["post"]["author"]["email"], *expected, "{data}");
        let people = json!([{ "username": "amina", "email": expected }, { "username": "basma", "email": of_basma }]);
        assert_eq!(data["users"]["nodes"], people);
    }
}

#[test]
fn every_message_exists_in_both_languages() {
    for code in agora::error::UserErrorCode::ALL {
        let error = agora::error::UserError::whole(*code);
        let (english, arabic) = (error.message(Locale::English), error.message(Locale::Arabic));
        assert!(english.is_ascii() && !arabic.is_ascii(), "{code:?}: {english} / {arabic}");
    }
}
