//! Access and refresh tokens: made from a session, checked against our clock.
//!
//! - Access: a JWT (RFC 7519), HS256 and nothing else, with the `kid` of the secret that made it.
//! - Refresh: session, generation and an HMAC over both, so nothing of it has to be stored.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sea_orm::{EntityTrait, FromQueryResult, QuerySelect, QueryTrait};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::second_factors;
use crate::{
    app::App,
    domain::actor::SignedIn,
    entity::{
        ChallengeId, SessionId, UserId, session,
        user_role::{self, Role},
    },
    error::{Error, Result},
    platform::crypto::Keys,
};

const ISSUER: &str = "agora";
const CHALLENGE: &str = "challenge";
/// How far another instance's clock may be ahead of ours.
const CLOCK_DRIFT_SECONDS: i64 = 60;

/// What the library looks at; times are compared with our own clock.
static VALIDATION: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.set_issuer(&[ISSUER]);
    validation
});

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    sid: String,
    #[serde(rename = "gen")]
    generation: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// The second factor has to be set up before anything else.
    #[serde(rename = "2fa", default, skip_serializing_if = "std::ops::Not::not")]
    needs_two_factor: bool,
    iat: i64,
    exp: i64,
}

/// What an access token says of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// What they may do beyond their own affairs.
    pub role: Option<Role>,
    /// Their role demands a second factor that they have not set up.
    pub needs_two_factor: bool,
}

#[derive(Debug, FromQueryResult)]
struct Rights {
    role: Role,
    has_two_factor: bool,
}

/// What an access token is to say of a person.
pub(super) async fn standing(app: &App, id: UserId) -> Result<Standing> {
    let select = user_role::Entity::find_by_id(id)
        .select_only()
        .column(user_role::Column::Role)
        .expr_as(second_factors::is_on(user_role::Column::UserId), "has_two_factor");
    let Some(rights) = app.db.select::<Rights>(&select.into_query()).await?.pop() else {
        return Ok(Standing { role: None, needs_two_factor: false });
    };
    let demanded = app.config.two_factor_required_roles.iter().any(|name| name == rights.role.as_str());
    Ok(Standing { role: Some(rights.role), needs_two_factor: demanded && !rights.has_two_factor })
}

/// A signed access token for the session's current generation, and when it ends.
pub(super) fn access_token(app: &App, session: &session::Model, standing: Standing) -> Result<(String, DateTime<Utc>)> {
    let now = app.clock.now();
    let expires = now + app.config.access_token_lifetime;
    let (kid, key) = app.keys.signing();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        sub: session.user_id.to_string(),
        sid: session.id.to_string(),
        generation: session.generation,
        role: standing.role.map(|role| role.as_str().to_owned()),
        needs_two_factor: standing.needs_two_factor,
        iat: now.timestamp(),
        exp: expires.timestamp(),
    };
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key)).map_err(Error::internal)?;
    Ok((token, expires))
}

/// Who an access token is of; `None` when it is malformed, forged or expired. Whether its session goes on is for
/// [`super::authenticate`] to see.
pub(super) fn open_access_token(app: &App, token: &str) -> Option<SignedIn> {
    // The header chooses among our own keys only; the algorithm is fixed, so `none` and key confusion find nothing.
    let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
    let key = DecodingKey::from_secret(app.keys.verifying(&kid)?);
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &VALIDATION).ok()?.claims;
    let now = app.clock.now().timestamp();
    if claims.exp <= now || claims.iat > now + CLOCK_DRIFT_SECONDS {
        return None;
    }
    Some(SignedIn {
        id: claims.sub.parse().ok()?,
        session_id: claims.sid.parse().ok()?,
        generation: claims.generation,
        role: claims.role.as_deref().and_then(Role::parse),
        needs_two_factor: claims.needs_two_factor,
    })
}

/// The refresh token of a session's generation.
pub(super) fn refresh_token(keys: &Keys, session: SessionId, generation: i64) -> String {
    let mut bytes = message(session, generation);
    let seal = keys.refresh_seal(&bytes);
    bytes.extend_from_slice(&seal);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The session and generation of a refresh token that we made; `None` for anything else.
pub(super) fn open_refresh_token(keys: &Keys, token: &str) -> Option<(SessionId, i64)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == 24 + 32)?;
    let (body, seal) = bytes.split_at(24);
    if !keys.refresh_verify(body, seal) {
        return None;
    }
    let session = Uuid::from_slice(&body[..16]).ok()?;
    Some((SessionId(session), i64::from_be_bytes(body[16..].try_into().ok()?)))
}

/// What proves that a challenge is the one that we gave: its id, sealed for this purpose.
pub(super) fn challenge_token(keys: &Keys, id: ChallengeId) -> String {
    let seal = keys.fingerprint(CHALLENGE, &[&id.to_string()]);
    URL_SAFE_NO_PAD.encode([id.0.as_bytes().as_slice(), seal.as_slice()].concat())
}

/// The challenge of a token that we made; `None` for anything else.
pub(super) fn open_challenge_token(keys: &Keys, token: &str) -> Option<ChallengeId> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == 16 + 32)?;
    let (id, seal) = bytes.split_at(16);
    let id = ChallengeId(Uuid::from_slice(id).ok()?);
    keys.fingerprint_verify(CHALLENGE, &[&id.to_string()], seal).then_some(id)
}

fn message(session: SessionId, generation: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(56);
    bytes.extend_from_slice(session.0.as_bytes());
    bytes.extend_from_slice(&generation.to_be_bytes());
    bytes
}
