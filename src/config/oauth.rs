//! Providers of sign-in: which are configured, and where they are.

use secrecy::SecretString;
use url::Url;

use super::reader::Reader;

/// A provider of sign-in.
#[derive(Debug, Clone)]
pub struct OauthProvider {
    /// In addresses, in the database and in the graph.
    pub name: String,
    /// What people read on the button.
    pub title: String,
    /// Who we are there.
    pub client_id: String,
    /// What proves it.
    pub client_secret: SecretString,
    /// How it speaks.
    pub protocol: OauthProtocol,
}

/// How a provider speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OauthProtocol {
    /// OpenID Connect: everything else is in the issuer's discovery document.
    Oidc {
        /// Where the document is, and who signs.
        issuer: String,
        /// The client's secret goes into the body, not into the header `Authorization`.
        secret_in_body: bool,
        /// Addresses count as verified though the issuer does not say so.
        trusts_addresses: bool,
    },
    /// GitHub's own form of OAuth 2.0: no id_token, so the API is asked who it is.
    Github {
        /// Where people sign in.
        url: String,
        /// Where it is asked.
        api_url: String,
    },
    /// Discord's own form of OAuth 2.0: no id_token, so the API is asked who it is.
    Discord {
        /// Where people sign in, and where it is asked.
        url: String,
    },
}

/// The providers that are configured.
pub(super) fn providers(r: &mut Reader, production: bool) -> Vec<OauthProvider> {
    let oidc =
        |issuer, secret_in_body, trusts_addresses| OauthProtocol::Oidc { issuer, secret_in_body, trusts_addresses };
    let mut found = Vec::new();
    if let Some((client_id, client_secret)) = credentials(r, "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET") {
        let protocol = oidc(address(r, "GOOGLE_ISSUER", production), true, false);
        found.push(provider("google", "Google", client_id, client_secret, protocol));
    }
    if let Some((client_id, client_secret)) = credentials(r, "GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET") {
        let url = address(r, "GITHUB_URL", production);
        let api_url = address(r, "GITHUB_API_URL", production);
        found.push(provider("github", "GitHub", client_id, client_secret, OauthProtocol::Github { url, api_url }));
    }
    if let Some((client_id, client_secret)) = credentials(r, "DISCORD_CLIENT_ID", "DISCORD_CLIENT_SECRET") {
        let url = address(r, "DISCORD_URL", production);
        found.push(provider("discord", "Discord", client_id, client_secret, OauthProtocol::Discord { url }));
    }
    if let Some((client_id, client_secret)) = credentials(r, "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET") {
        let name = r.text("OIDC_NAME");
        if !is_slug(&name) || found.iter().any(|known| known.name == name) || name == "password" {
            r.problem("OIDC_NAME", "expected a name of its own: 2 to 30 lower-case letters, digits and hyphens");
        }
        let title = Some(r.text("OIDC_TITLE")).filter(|title| !title.is_empty()).unwrap_or_else(|| name.clone());
        let in_body = r.choice("OIDC_CLIENT_AUTH", &[("basic", false), ("post", true)]);
        let trusts_addresses = r.flag("OIDC_TRUST_EMAIL", "false");
        let protocol = oidc(address(r, "OIDC_ISSUER", production), in_body, trusts_addresses);
        found.push(provider(&name, &title, client_id, client_secret, protocol));
    } else {
        for name in ["OIDC_NAME", "OIDC_ISSUER"] {
            if !r.is_empty(name) {
                r.problem("OIDC_CLIENT_ID", &format!("expected together with {name}"));
            }
        }
    }
    found
}

fn provider(
    name: &str,
    title: &str,
    client_id: String,
    client_secret: SecretString,
    protocol: OauthProtocol,
) -> OauthProvider {
    OauthProvider { name: name.to_owned(), title: title.to_owned(), client_id, client_secret, protocol }
}

/// Both, or neither; one alone is a problem.
fn credentials(r: &mut Reader, id: &'static str, secret: &'static str) -> Option<(String, SecretString)> {
    match (r.is_empty(id), r.is_empty(secret)) {
        (true, true) => return None,
        (true, false) => r.problem(id, &format!("expected together with {secret}")),
        (false, true) => r.problem(secret, &format!("expected together with {id}")),
        (false, false) => {}
    }
    Some((r.text(id), r.text(secret).into()))
}

/// An address as it was written, because an issuer's is compared letter by letter.
fn address(r: &mut Reader, name: &'static str, production: bool) -> String {
    let text = r.text(name);
    let good = Url::parse(&text).is_ok_and(|url| {
        (url.scheme() == "https" || (url.scheme() == "http" && !production))
            && url.host_str().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if !good {
        r.problem(name, if production { "expected an https address" } else { "expected an http or https address" });
    }
    text
}

fn is_slug(name: &str) -> bool {
    (2..=30).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Problems};

    fn config(pairs: &[(&str, &str)]) -> Result<Config, Problems> {
        Config::from_values(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_provider_is_there_when_it_is_configured() {
        assert!(config(&[]).unwrap().oauth_providers.is_empty());
        let all = config(&[
            ("GOOGLE_CLIENT_ID", "g"),
            ("GOOGLE_CLIENT_SECRET", "s"),
            ("GITHUB_CLIENT_ID", "h"),
            ("GITHUB_CLIENT_SECRET", "s"),
            ("DISCORD_CLIENT_ID", "d"),
            ("DISCORD_CLIENT_SECRET", "s"),
            ("OIDC_NAME", "company"),
            ("OIDC_TITLE", "The Company"),
            ("OIDC_ISSUER", "https://id.example.org/realm"),
            ("OIDC_CLIENT_ID", "o"),
            ("OIDC_CLIENT_SECRET", "s"),
        ]);
        let names: Vec<_> = all.unwrap().oauth_providers.into_iter().map(|one| (one.name, one.title)).collect();
        let expected = [("google", "Google"), ("github", "GitHub"), ("discord", "Discord"), ("company", "The Company")];
        assert_eq!(names, expected.map(|(name, title)| (name.to_owned(), title.to_owned())));
    }

    #[test]
    fn what_is_configured_by_half_is_a_problem() {
        let oidc = |name: &'static str, value: &'static str| {
            let mut pairs = vec![
                ("OIDC_NAME", "company"),
                ("OIDC_ISSUER", "https://id.example.org"),
                ("OIDC_CLIENT_ID", "o"),
                ("OIDC_CLIENT_SECRET", "s"),
            ];
            pairs.retain(|(known, _)| *known != name);
            pairs.push((name, value));
            (name, config(&pairs))
        };
        for (name, result) in vec![
            ("GOOGLE_CLIENT_SECRET", config(&[("GOOGLE_CLIENT_ID", "g")])),
            ("GITHUB_CLIENT_ID", config(&[("GITHUB_CLIENT_SECRET", "s")])),
            (
                "GITHUB_URL",
                config(&[("GITHUB_CLIENT_ID", "g"), ("GITHUB_CLIENT_SECRET", "s"), ("GITHUB_URL", "ftp://x")]),
            ),
            oidc("OIDC_NAME", ""),
            oidc("OIDC_NAME", "../google"),
            oidc("OIDC_ISSUER", ""),
            oidc("OIDC_ISSUER", "https://id.example.org?tenant=1"),
            oidc("OIDC_CLIENT_ID", ""),
            oidc("OIDC_CLIENT_SECRET", ""),
            oidc("OIDC_CLIENT_AUTH", "none"),
            ("OIDC_CLIENT_ID", config(&[("OIDC_ISSUER", "https://id.example.org")])),
            ("OIDC_CLIENT_ID", config(&[("OIDC_NAME", "company")])),
        ] {
            let problems = result.unwrap_err();
            assert!(problems.0.iter().any(|line| line.starts_with(name)), "{name}: {problems}");
        }
    }

    #[test]
    fn production_refuses_providers_without_encryption() {
        let problems = config(&[
            ("AGORA_ENV", "production"),
            ("GOOGLE_CLIENT_ID", "g"),
            ("GOOGLE_CLIENT_SECRET", "s"),
            ("GOOGLE_ISSUER", "http://127.0.0.1:1"),
        ])
        .unwrap_err();
        assert!(problems.0.iter().any(|line| line.starts_with("GOOGLE_ISSUER")), "{problems}");
    }
}
