//! Tokens: what is accepted and what is not, and how refresh tokens follow each other.

use agora::{entity::SessionId, platform::crypto::Keys};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::harness::{Client, Server};
use crate::{
    accounts::{REFRESH, is_accepted},
    harness::time,
};

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
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
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
pub(super) async fn signed_in() -> (Server, Client, Tokens) {
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
