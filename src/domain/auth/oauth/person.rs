//! Talking to providers: where to send somebody, and who it was that came back.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use url::Url;

use crate::{
    app::App,
    config::{OauthProtocol, OauthProvider},
    domain::accounts::policy,
    platform::providers::{
        oauth::{self, Answered, Exchange, Failure},
        oidc::{self, Claims, Expected},
    },
};

/// Who somebody is at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// The provider's own id of them; never changes, unlike their address.
    pub subject: String,
    /// Of the form of an address.
    pub email: Option<String>,
    /// The provider vouches that the address is theirs.
    pub email_verified: bool,
    pub username: Option<String>,
    pub name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub picture: Option<String>,
}

impl Person {
    /// Somebody of whom only this is known.
    pub(super) fn new(subject: impl Into<String>) -> Answered<Self> {
        let subject: String = subject.into();
        if subject.is_empty() || subject.chars().count() > 255 || subject.contains('\0') {
            return Err(Failure::new("somebody without a usable subject"));
        }
        let (email, username, name, given_name, family_name, picture) = (None, None, None, None, None, None);
        Ok(Self { subject, email, email_verified: false, username, name, given_name, family_name, picture })
    }

    /// With an address, if it has the form of one. One that becomes another when it is cleaned (the Kelvin sign is a K
    /// then) is not the one that the provider has verified; one whose letters are composed is.
    fn with_email(mut self, email: Option<&str>, verified: bool) -> Self {
        self.email = email.and_then(|email| policy::email("email", email).ok());
        let is_same = |cleaned: &str, told: &str| cleaned == told || cleaned.nfd().eq(told.chars());
        let same = self.email.as_deref().zip(email).is_some_and(|(cleaned, told)| is_same(cleaned, told.trim()));
        self.email_verified = verified && same;
        self
    }

    /// The address, where the provider vouches for it.
    pub(super) fn verified_email(&self) -> Option<&str> {
        self.email.as_deref().filter(|_| self.email_verified)
    }
}

/// What a flow keeps secret until its end.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Secrets {
    /// The code verifier of PKCE (RFC 7636).
    pub verifier: String,
    /// Ties the id_token to the flow.
    pub nonce: String,
}

/// Where a provider sends people back to.
pub(super) fn redirect_uri(app: &App, provider: &OauthProvider) -> String {
    format!("{}/oauth/callback/{}", app.public_url(), provider.name)
}

/// Where to send somebody to sign in.
pub(super) async fn authorization_url(
    app: &App,
    provider: &OauthProvider,
    state: &str,
    secrets: &Secrets,
) -> Answered<Url> {
    let (endpoint, scope) = match &provider.protocol {
        OauthProtocol::Oidc { issuer, .. } => {
            let issuer = app.issuers.get(&app.http, issuer, app.clock.now()).await?;
            (issuer.discovery.authorization_endpoint.clone(), "openid email profile")
        }
        OauthProtocol::Github { url, .. } => (join(url, "/login/oauth/authorize"), "read:user user:email"),
        OauthProtocol::Discord { url } => (join(url, "/oauth2/authorize"), "identify email"),
    };
    let mut url = Url::parse(&endpoint).map_err(|error| Failure::new(error.to_string()))?;
    let challenge = oauth::challenge(&secrets.verifier);
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", &redirect_uri(app, provider))
        .append_pair("scope", scope)
        .append_pair("state", state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    if matches!(provider.protocol, OauthProtocol::Oidc { .. }) {
        url.query_pairs_mut().append_pair("nonce", &secrets.nonce);
    }
    Ok(url)
}

fn join(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim_end_matches('/'))
}

/// Exchanges the code, and asks who it was.
pub(super) async fn identify(app: &App, provider: &OauthProvider, code: &str, secrets: &Secrets) -> Answered<Person> {
    let redirect_uri = redirect_uri(app, provider);
    let exchange = |endpoint: String, secret_in_body: bool| {
        let redirect_uri = redirect_uri.as_str();
        async move {
            let exchange = Exchange {
                endpoint: &endpoint,
                client_id: &provider.client_id,
                client_secret: &provider.client_secret,
                secret_in_body,
                code,
                redirect_uri,
                code_verifier: &secrets.verifier,
            };
            oauth::exchange(&app.http, &exchange).await
        }
    };
    match &provider.protocol {
        OauthProtocol::Oidc { issuer, secret_in_body, trusts_addresses } => {
            let known = app.issuers.get(&app.http, issuer, app.clock.now()).await?;
            let tokens = exchange(known.discovery.token_endpoint.clone(), *secret_in_body).await?;
            let token = tokens.id_token.ok_or_else(|| Failure::new("no id_token"))?;
            let now = app.clock.now();
            let expected = Expected { client_id: &provider.client_id, nonce: &secrets.nonce, now };
            let (known, mut claims) = app.issuers.verify(&app.http, issuer, &token, expected).await?;
            if let Some(endpoint) = &known.discovery.userinfo_endpoint
                && oidc::text(&claims, "email").is_none()
            {
                add_user_info(app, endpoint, &tokens.access_token, &mut claims).await?;
            }
            of_claims(&claims, *trusts_addresses)
        }
        OauthProtocol::Github { url, api_url } => {
            let tokens = exchange(join(url, "/login/oauth/access_token"), true).await?;
            github(app, api_url, &tokens.access_token).await
        }
        OauthProtocol::Discord { url } => {
            let tokens = exchange(join(url, "/api/oauth2/token"), true).await?;
            discord(app, url, &tokens.access_token).await
        }
    }
}

async fn ask<T: serde::de::DeserializeOwned>(app: &App, address: String, token: &SecretString) -> Answered<T> {
    oauth::json(app.http.get(address).bearer_auth(token.expose_secret())).await
}

/// Adds what the token does not tell; it has to be of the same person (OpenID Connect Core 1.0, 5.3.2).
async fn add_user_info(app: &App, endpoint: &str, token: &SecretString, claims: &mut Claims) -> Answered<()> {
    let info: Claims = ask(app, endpoint.to_owned(), token).await?;
    if info.get("sub") != claims.get("sub") {
        return Err(Failure::new("the user info is of somebody else"));
    }
    for (name, value) in info {
        claims.entry(name).or_insert(value);
    }
    Ok(())
}

fn of_claims(claims: &Claims, trusts_addresses: bool) -> Answered<Person> {
    let text = |name: &str| oidc::text(claims, name).map(str::to_owned);
    let verified = match claims.get("email_verified") {
        Some(serde_json::Value::Bool(verified)) => *verified,
        Some(serde_json::Value::String(word)) => word == "true",
        _ => trusts_addresses,
    };
    let person = Person::new(text("sub").unwrap_or_default())?.with_email(oidc::text(claims, "email"), verified);
    Ok(Person {
        username: text("preferred_username"),
        name: text("name"),
        given_name: text("given_name"),
        family_name: text("family_name"),
        picture: text("picture"),
        ..person
    })
}

/// GitHub's own API: only the primary address counts, and only where it is verified.
async fn github(app: &App, api: &str, token: &SecretString) -> Answered<Person> {
    #[derive(Deserialize)]
    struct Account {
        id: u64,
        login: Option<String>,
        name: Option<String>,
        avatar_url: Option<String>,
    }
    #[derive(Deserialize)]
    struct Address {
        email: String,
        primary: bool,
        verified: bool,
    }
    let account: Account = ask(app, join(api, "/user"), token).await?;
    let addresses: Vec<Address> = ask(app, join(api, "/user/emails?per_page=100"), token).await?;
    let primary = addresses.iter().find(|address| address.primary && address.verified);
    let person = Person::new(account.id.to_string())?.with_email(primary.map(|address| address.email.as_str()), true);
    Ok(Person { username: account.login, name: account.name, picture: account.avatar_url, ..person })
}

/// Discord's own API.
async fn discord(app: &App, url: &str, token: &SecretString) -> Answered<Person> {
    #[derive(Deserialize)]
    struct Account {
        id: String,
        username: Option<String>,
        global_name: Option<String>,
        avatar: Option<String>,
        email: Option<String>,
        verified: Option<bool>,
    }
    let account: Account = ask(app, join(url, "/api/users/@me"), token).await?;
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let avatar = account.avatar.filter(|avatar| is_plain(avatar) && is_plain(&account.id));
    let picture = avatar.map(|avatar| format!("https://cdn.discordapp.com/avatars/{}/{avatar}.png", account.id));
    let person = Person::new(account.id)?.with_email(account.email.as_deref(), account.verified == Some(true));
    Ok(Person { username: account.username, name: account.global_name, picture, ..person })
}
