//! A provider in this process, on a port of its own: OpenID Connect, and GitHub's and Discord's own ways. It is strict
//! about what it is asked, and lies on demand about what it answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use agora::platform::{crypto::sha256, ids::random_token};
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::form_urlencoded;

use crate::harness::Server;

/// Where the clients of the tests reach the server.
pub(crate) const PUBLIC: &str = "https://agora.example";
/// The secret of every client at the provider.
pub(crate) const SECRET: &str = "a client's secret: +/=&";

/// How an answer is made wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// It is not.
    None,
    AlgNone,
    HmacWithSecret,
    HmacWithPublicKey,
    WrongKey,
    UnknownKid,
    WrongAudience,
    SharedAudience,
    WrongParty,
    WrongIssuer,
    Expired,
    OfTheFuture,
    WrongNonce,
    NoNonce,
    OtherUserInfo,
    NoIdToken,
    Huge,
    Broken,
    Redirects,
    OtherDiscovery,
}

struct Grant {
    client_id: String,
    redirect_uri: String,
    challenge: String,
    nonce: Option<String>,
}

struct Inner {
    url: String,
    /// Who is signed in there: OpenID Connect's claims.
    claims: Mutex<Value>,
    /// Claims that only the user info has.
    user_info: Mutex<Value>,
    github: Mutex<(Value, Value)>,
    discord: Mutex<Value>,
    lie: Mutex<Lie>,
    elliptic: Mutex<bool>,
    kid: Mutex<String>,
    grants: Mutex<HashMap<String, Grant>>,
    /// What was asked for, by path.
    asked: Mutex<Vec<String>>,
    now: Mutex<i64>,
}

/// The provider.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Inner>);

struct Keys {
    rsa: EncodingKey,
    other_rsa: EncodingKey,
    elliptic: EncodingKey,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    fn rsa() -> EncodingKey {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'static> = pair.as_der().unwrap();
        // The RSAPrivateKey stands in it behind a head of always the same length.
        EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..])
    }
    KEYS.get_or_init(|| {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        Keys { rsa: rsa(), other_rsa: rsa(), elliptic: EncodingKey::from_ec_der(pkcs8.as_ref()) }
    })
}

impl Provider {
    /// Starts one, and a server by which people can sign in at it in four ways.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> (Self, Server) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut all = vec![
            ("PUBLIC_URL", PUBLIC),
            ("GOOGLE_CLIENT_ID", "google-client"),
            ("GOOGLE_CLIENT_SECRET", SECRET),
            ("GOOGLE_ISSUER", &url),
            ("GITHUB_CLIENT_ID", "github-client"),
            ("GITHUB_CLIENT_SECRET", SECRET),
            ("GITHUB_URL", &url),
            ("GITHUB_API_URL", &url),
            ("DISCORD_CLIENT_ID", "discord-client"),
            ("DISCORD_CLIENT_SECRET", SECRET),
            ("DISCORD_URL", &url),
            ("OIDC_NAME", "company"),
            ("OIDC_TITLE", "The Company"),
            ("OIDC_ISSUER", &url),
            ("OIDC_CLIENT_ID", "company-client"),
            ("OIDC_CLIENT_SECRET", SECRET),
        ];
        all.extend_from_slice(settings);
        let server = Server::with(&all).await;
        let provider = Self(Arc::new(Inner {
            url: url.clone(),
            claims: Mutex::new(Value::Null),
            user_info: Mutex::new(json!({})),
            github: Mutex::new((Value::Null, json!([]))),
            discord: Mutex::new(Value::Null),
            lie: Mutex::new(Lie::None),
            elliptic: Mutex::new(false),
            kid: Mutex::new("key-1".to_owned()),
            grants: Mutex::default(),
            asked: Mutex::default(),
            now: Mutex::new(server.clock.now().timestamp()),
        }));
        provider.person("amina-1", "amina@example.org", true);
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(signing_keys))
            .route("/authorize", get(authorize))
            .route("/login/oauth/authorize", get(authorize))
            .route("/oauth2/authorize", get(authorize))
            .route("/token", post(token))
            .route("/login/oauth/access_token", post(token))
            .route("/api/oauth2/token", post(token))
            .route("/me", get(user_info))
            .route("/user", get(github_user))
            .route("/user/emails", get(github_emails))
            .route("/api/users/@me", get(discord_user))
            .with_state(provider.clone());
        let stop = server.app.stop.clone();
        server.app.spawn(async move {
            axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await.unwrap();
        });
        (provider, server)
    }

    /// Who is signed in there from now on.
    pub(crate) fn person(&self, subject: &str, email: &str, verified: bool) {
        self.claims(json!({ "sub": subject, "email": email, "email_verified": verified, "name": "Amina El Sayed" }));
    }

    /// The same, claim by claim.
    pub(crate) fn claims(&self, claims: Value) {
        *self.0.claims.lock().unwrap() = claims;
    }

    /// What only the user info tells.
    pub(crate) fn user_info(&self, claims: Value) {
        *self.0.user_info.lock().unwrap() = claims;
    }

    /// Who is signed in at GitHub.
    pub(crate) fn github(&self, user: Value, emails: Value) {
        *self.0.github.lock().unwrap() = (user, emails);
    }

    /// Who is signed in at Discord.
    pub(crate) fn discord(&self, user: Value) {
        *self.0.discord.lock().unwrap() = user;
    }

    /// Lies from now on.
    pub(crate) fn lie(&self, lie: Lie) {
        *self.0.lie.lock().unwrap() = lie;
    }

    /// Signs with ES256 from now on.
    pub(crate) fn elliptic(&self) {
        *self.0.elliptic.lock().unwrap() = true;
    }

    /// Names its key anew from now on.
    pub(crate) fn rotate(&self, kid: &str) {
        kid.clone_into(&mut self.0.kid.lock().unwrap());
    }

    /// What it takes the time to be.
    pub(crate) fn at(&self, seconds: i64) {
        *self.0.now.lock().unwrap() = seconds;
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.0.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    fn note(&self, path: &str) -> Lie {
        self.0.asked.lock().unwrap().push(path.to_owned());
        *self.0.lie.lock().unwrap()
    }

    fn jwk(&self) -> Value {
        let elliptic = *self.0.elliptic.lock().unwrap();
        let (key, algorithm) =
            if elliptic { (&keys().elliptic, Algorithm::ES256) } else { (&keys().rsa, Algorithm::RS256) };
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
        jwk["kid"] = self.0.kid.lock().unwrap().as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }

    fn id_token(&self, client_id: &str, nonce: Option<&str>, lie: Lie) -> String {
        let now = *self.0.now.lock().unwrap();
        let mut claims = self.0.claims.lock().unwrap().clone();
        claims["iss"] = self.0.url.as_str().into();
        claims["aud"] = client_id.into();
        claims["iat"] = now.into();
        claims["exp"] = (now + 600).into();
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        match lie {
            Lie::WrongAudience => claims["aud"] = "another-client".into(),
            Lie::SharedAudience => claims["aud"] = json!([client_id, "another-client"]),
            Lie::WrongParty => claims["azp"] = "another-client".into(),
            Lie::WrongIssuer => claims["iss"] = "https://accounts.google.com".into(),
            Lie::Expired => claims["exp"] = (now - 61).into(),
            Lie::OfTheFuture => claims["iat"] = (now + 600).into(),
            Lie::WrongNonce => claims["nonce"] = random_token().into(),
            Lie::NoNonce => drop(claims.as_object_mut().unwrap().remove("nonce")),
            _ => {}
        }
        let elliptic = *self.0.elliptic.lock().unwrap();
        let algorithm = if elliptic { Algorithm::ES256 } else { Algorithm::RS256 };
        let kid = Some(self.0.kid.lock().unwrap().clone());
        let sign = |algorithm, kid: Option<String>, key: &EncodingKey| {
            jsonwebtoken::encode(&Header { kid, ..Header::new(algorithm) }, &claims, key).unwrap()
        };
        match lie {
            Lie::AlgNone => {
                let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
                format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT", "kid": kid })), part(&claims))
            }
            Lie::HmacWithSecret => sign(Algorithm::HS256, kid, &EncodingKey::from_secret(SECRET.as_bytes())),
            Lie::HmacWithPublicKey => {
                let modulus = URL_SAFE_NO_PAD.decode(self.jwk()["n"].as_str().unwrap()).unwrap();
                sign(Algorithm::HS256, kid, &EncodingKey::from_secret(&modulus))
            }
            Lie::WrongKey => sign(Algorithm::RS256, kid, &keys().other_rsa),
            Lie::UnknownKid => sign(Algorithm::RS256, Some("key-of-nobody".to_owned()), &keys().other_rsa),
            _ => sign(algorithm, kid, if elliptic { &keys().elliptic } else { &keys().rsa }),
        }
    }
}

async fn discovery(State(provider): State<Provider>) -> Json<Value> {
    let lie = provider.note("/.well-known/openid-configuration");
    let url = &provider.0.url;
    let issuer = if lie == Lie::OtherDiscovery { "https://accounts.google.com" } else { url.as_str() };
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"), "userinfo_endpoint": format!("{url}/me"),
        "jwks_uri": format!("{url}/keys"),
    }))
}

async fn signing_keys(State(provider): State<Provider>) -> Json<Value> {
    provider.note("/keys");
    // Beside it keys that nobody may take for it.
    let odd = json!({ "kty": "unheard-of", "kid": "odd" });
    let secret = json!({ "kty": "oct", "kid": "secret", "k": "c2VjcmV0" });
    Json(json!({ "keys": [odd, secret, provider.jwk()] }))
}

/// Signs in whoever is there, and sends them back at once.
async fn authorize(State(provider): State<Provider>, Query(asked): Query<HashMap<String, String>>) -> Response {
    let value = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let back = value("redirect_uri");
    let name = back.strip_prefix(&format!("{PUBLIC}/oauth/callback/")).unwrap_or_default().to_owned();
    let good = value("client_id") == format!("{name}-client")
        && value("response_type") == "code"
        && value("code_challenge_method") == "S256"
        && value("code_challenge").len() == 43
        && value("state").len() >= 43
        && !value("scope").is_empty();
    if !good {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    }
    let code = random_token();
    let grant = Grant {
        client_id: value("client_id"),
        redirect_uri: back.clone(),
        challenge: value("code_challenge"),
        nonce: asked.get("nonce").cloned(),
    };
    provider.0.grants.lock().unwrap().insert(code.clone(), grant);
    let mut url = url::Url::parse(&back).unwrap();
    url.query_pairs_mut().append_pair("code", &code).append_pair("state", &value("state"));
    Redirect::to(url.as_str()).into_response()
}

async fn token(State(provider): State<Provider>, headers: HeaderMap, body: String) -> Response {
    let lie = provider.note("/token");
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let value = |name: &str| form.get(name).cloned().unwrap_or_default();
    let (client_id, secret) = credentials(&headers).unwrap_or_else(|| (value("client_id"), value("client_secret")));
    let grant = provider.0.grants.lock().unwrap().remove(&value("code"));
    let refuse = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    if secret != SECRET {
        return refuse("invalid_client");
    }
    let Some(grant) = grant else { return refuse("invalid_grant") };
    let challenge = URL_SAFE_NO_PAD.encode(sha256(value("code_verifier").as_bytes()));
    let good = grant.client_id == client_id
        && grant.redirect_uri == value("redirect_uri")
        && grant.challenge == challenge
        && value("grant_type") == "authorization_code";
    if !good {
        return refuse("invalid_grant");
    }
    match lie {
        Lie::Huge => return vec![b' '; 1 << 20].into_response(),
        Lie::Broken => return "<html>".into_response(),
        Lie::Redirects => return Redirect::temporary("/keys").into_response(),
        _ => {}
    }
    let mut answer = json!({ "access_token": "opens everything", "token_type": "Bearer" });
    if ["google-client", "company-client"].contains(&client_id.as_str()) && lie != Lie::NoIdToken {
        answer["id_token"] = provider.id_token(&client_id, grant.nonce.as_deref(), lie).into();
    }
    Json(answer).into_response()
}

/// RFC 6749, 2.3.1: both parts are encoded as in a form.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap();
    let pair = String::from_utf8(STANDARD.decode(value.strip_prefix("Basic ").unwrap()).unwrap()).unwrap();
    let (id, secret) = pair.split_once(':').unwrap();
    let plain = |text: &str| {
        let form = format!("x={text}");
        form_urlencoded::parse(form.as_bytes()).next().unwrap().1.into_owned()
    };
    Some((plain(id), plain(secret)))
}

fn is_known(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer opens everything")
}

async fn user_info(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    let lie = provider.note("/me");
    if !is_known(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut info = provider.0.user_info.lock().unwrap().clone();
    let subject = provider.0.claims.lock().unwrap()["sub"].clone();
    info["sub"] = if lie == Lie::OtherUserInfo { "somebody else".into() } else { subject };
    Json(info).into_response()
}

async fn github_user(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    let user = provider.0.github.lock().unwrap().0.clone();
    if is_known(&headers) { Json(user).into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
}

async fn github_emails(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    let emails = provider.0.github.lock().unwrap().1.clone();
    if is_known(&headers) { Json(emails).into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
}

async fn discord_user(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    let user = provider.0.discord.lock().unwrap().clone();
    if is_known(&headers) { Json(user).into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
}
