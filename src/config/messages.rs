//! The settings of messages that leave: who carries them, and as whom.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use lettre::message::Mailbox;
use secrecy::SecretString;
use url::Url;

use super::reader::Reader;

/// How the talk with the mail server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailTls {
    /// TLS from the first byte.
    Implicit,
    /// Begun by STARTTLS; a server that does not offer it is not talked to.
    StartTls,
    /// Not at all.
    None,
}

/// A mail server.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct MailServer {
    pub host: String,
    pub port: u16,
    pub tls: EmailTls,
    pub ca_file: Option<PathBuf>,
    /// User and password.
    pub sign_in: Option<(String, SecretString)>,
    pub timeout: Duration,
}

/// Who carries e-mail, and from whom it comes.
#[derive(Debug, Clone)]
pub struct Email {
    /// `None`: the outbox folder.
    pub server: Option<MailServer>,
    /// The sender: an address, with the service's name in front of it if it has one.
    pub from: Mailbox,
}

impl Email {
    /// What messages call this service.
    #[must_use]
    pub(crate) fn service_name(&self) -> &str {
        self.from.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or("Agora")
    }
}

/// An account at Twilio.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct TwilioAccount {
    pub sid: String,
    pub token: SecretString,
    pub from: String,
    pub url: Url,
}

/// An account at Amazon's Simple Notification Service.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct SnsAccount {
    pub access_key: String,
    pub secret: SecretString,
    pub region: String,
    pub url: Url,
}

/// Who carries text messages.
#[derive(Debug, Clone)]
pub enum Sms {
    /// Nobody, and nobody may read them in a folder either: they are dropped.
    Nobody,
    /// The outbox folder.
    Outbox,
    /// Twilio's Programmable Messaging.
    Twilio(TwilioAccount),
    /// Amazon's Simple Notification Service.
    Sns(SnsAccount),
}

#[derive(Clone, Copy)]
enum Provider {
    Outbox,
    Twilio,
    Sns,
}

/// Reads the settings of e-mail.
pub(super) fn email(r: &mut Reader, production: bool) -> Email {
    let tls = r.choice(
        "EMAIL_TLS",
        &[("starttls", EmailTls::StartTls), ("tls", EmailTls::Implicit), ("none", EmailTls::None)],
    );
    let port = r.optional("EMAIL_PORT", "a port from 1 to 65535").unwrap_or(match tls {
        EmailTls::StartTls => 587,
        EmailTls::Implicit => 465,
        EmailTls::None => 25,
    });
    let timeout = Duration::from_secs(r.number("EMAIL_TIMEOUT_SECONDS", 1, 25));
    let (user, password) = (r.text("EMAIL_HOST_USER"), r.text("EMAIL_HOST_PASSWORD"));
    if user.is_empty() != password.is_empty() {
        let missing = if user.is_empty() { "EMAIL_HOST_USER" } else { "EMAIL_HOST_PASSWORD" };
        r.problem(missing, "user and password are given both or neither");
    }
    let ca_file = r.optional("EMAIL_TLS_CA_FILE", "a file");
    let from = r.parse("DEFAULT_FROM_EMAIL", "an address, or Name <address>");
    let host = r.text("EMAIL_HOST");
    if host.is_empty() {
        if production && r.is_empty("OUTBOX_DIR") {
            r.problem("EMAIL_HOST", "production expects a mail server, or OUTBOX_DIR to keep messages in a folder");
        }
    } else if production {
        if tls == EmailTls::None && !is_loopback(&host) {
            r.problem("EMAIL_TLS", "production refuses none unless the mail server is on the same machine");
        }
        if r.is_empty("DEFAULT_FROM_EMAIL") {
            r.problem("DEFAULT_FROM_EMAIL", "production expects the address that messages come from");
        }
    }
    let sign_in = (!user.is_empty()).then(|| (user, password.into()));
    Email {
        server: (!host.is_empty()).then_some(MailServer { host, port, tls, ca_file, sign_in, timeout }),
        from: from.unwrap_or_else(fallback_mailbox),
    }
}

/// Reads the settings of text messages.
pub(super) fn sms(r: &mut Reader, production: bool) -> Sms {
    let provider =
        r.choice("SMS_PROVIDER", &[("outbox", Provider::Outbox), ("twilio", Provider::Twilio), ("sns", Provider::Sns)]);
    match provider {
        Provider::Outbox if production && r.is_empty("OUTBOX_DIR") => Sms::Nobody,
        Provider::Outbox => Sms::Outbox,
        Provider::Twilio => Sms::Twilio(TwilioAccount {
            sid: needed(r, "TWILIO_ACCOUNT_SID"),
            token: needed(r, "TWILIO_AUTH_TOKEN").into(),
            from: needed(r, "TWILIO_PHONE_NUMBER"),
            url: address(r, "TWILIO_API_URL", production).unwrap_or_else(super::fallback_url),
        }),
        Provider::Sns => {
            let region = needed(r, "AWS_REGION");
            if !region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
                r.problem("AWS_REGION", "expected a region such as eu-central-1");
            }
            let url = if r.is_empty("SNS_ENDPOINT_URL") {
                Url::parse(&format!("https://sns.{region}.amazonaws.com")).ok()
            } else {
                address(r, "SNS_ENDPOINT_URL", production)
            };
            Sms::Sns(SnsAccount {
                access_key: needed(r, "AWS_ACCESS_KEY_ID"),
                secret: needed(r, "AWS_SECRET_ACCESS_KEY").into(),
                region,
                url: url.unwrap_or_else(super::fallback_url),
            })
        }
    }
}

fn needed(r: &mut Reader, name: &str) -> String {
    let text = r.text(name);
    if text.is_empty() {
        r.problem(name, "needed with this SMS_PROVIDER");
    }
    text
}

/// Where a provider answers: by https, unless it is on the same machine.
pub(super) fn address(r: &mut Reader, name: &str, production: bool) -> Option<Url> {
    let url: Url = r.parse(name, "an http or https address")?;
    let plain = url.scheme() != "https" && production && !url.host_str().is_some_and(is_loopback);
    if plain || !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        r.problem(name, "expected an https address");
    }
    Some(url)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

// Only reached when DEFAULT_FROM_EMAIL is already reported as a problem; the value is never used.
fn fallback_mailbox() -> Mailbox {
    #[expect(clippy::expect_used, reason = "a constant")]
    "no-reply@localhost".parse().expect("a constant address parses")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{super::Config, *};

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let values: BTreeMap<_, _> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Config::from_values(values).map_err(|problems| problems.to_string())
    }

    const PRODUCTION: [(&str, &str); 5] = [
        ("AGORA_ENV", "production"),
        ("SECRET_KEY", "N4v!x8Qm2_pLr7Zs0Ty5Wb3Kd9Hf6Gj1Ce"),
        ("PUBLIC_URL", "https://api.example.org"),
        ("FRONTEND_URL", "https://example.org"),
        ("DEFAULT_FROM_EMAIL", "no-reply@example.org"),
    ];

    fn production(pairs: &[(&str, &str)]) -> Result<Config, String> {
        read(&[&PRODUCTION, pairs].concat())
    }

    #[test]
    fn without_settings_messages_go_to_the_folder() {
        let config = read(&[]).unwrap();
        assert!(config.email.server.is_none() && matches!(config.sms, Sms::Outbox));
        assert_eq!(config.email.service_name(), "Agora");
    }

    #[test]
    fn the_port_follows_the_mode() {
        for (tls, port) in [("starttls", 587), ("tls", 465), ("none", 25)] {
            let config = read(&[("EMAIL_HOST", "mail.example.org"), ("EMAIL_TLS", tls)]).unwrap();
            assert_eq!(config.email.server.unwrap().port, port);
        }
    }

    #[test]
    fn production_sends_without_tls_on_the_same_machine_only() {
        for host in ["localhost", "127.0.0.1", "::1", "[::1]"] {
            assert!(production(&[("EMAIL_HOST", host), ("EMAIL_TLS", "none")]).is_ok(), "{host}");
        }
        for host in ["mail.example.org", "10.0.0.1", "127.0.0.1.example.org"] {
            let problems = production(&[("EMAIL_HOST", host), ("EMAIL_TLS", "none")]).unwrap_err();
            assert!(problems.contains("EMAIL_TLS: "), "{host}: {problems}");
        }
    }

    #[test]
    fn production_writes_to_a_folder_only_when_it_is_named() {
        assert!(production(&[]).unwrap_err().contains("EMAIL_HOST: "));
        let config = production(&[("OUTBOX_DIR", "/var/lib/agora/outbox")]).unwrap();
        assert!(matches!(config.sms, Sms::Outbox));
        let config = production(&[("EMAIL_HOST", "mail.example.org")]).unwrap();
        assert!(matches!(config.sms, Sms::Nobody));
    }

    #[test]
    fn what_is_missing_or_half_given_is_told_without_the_value() {
        for (pairs, name) in [
            (&[("SMS_PROVIDER", "pigeon")][..], "SMS_PROVIDER"),
            (&[("SMS_PROVIDER", "twilio"), ("TWILIO_AUTH_TOKEN", "s3cret")], "TWILIO_ACCOUNT_SID"),
            (&[("SMS_PROVIDER", "twilio"), ("TWILIO_AUTH_TOKEN", "s3cret")], "TWILIO_PHONE_NUMBER"),
            (&[("SMS_PROVIDER", "sns"), ("AWS_SECRET_ACCESS_KEY", "s3cret")], "AWS_REGION"),
            (&[("SMS_PROVIDER", "sns"), ("AWS_REGION", "s3cret.example.org/")], "AWS_REGION"),
            (&[("EMAIL_HOST_USER", "s3cret")], "EMAIL_HOST_PASSWORD"),
            (&[("EMAIL_HOST_PASSWORD", "s3cret")], "EMAIL_HOST_USER"),
            (&[("DEFAULT_FROM_EMAIL", "s3cret")], "DEFAULT_FROM_EMAIL"),
            (&[("EMAIL_TLS", "sometimes")], "EMAIL_TLS"),
        ] {
            let problems = read(pairs).unwrap_err();
            assert!(problems.contains(&format!("  {name}: ")) && !problems.contains("s3cret"), "{name}: {problems}");
        }
        let sns = [
            ("EMAIL_HOST", "mail.example.org"),
            ("SMS_PROVIDER", "sns"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let Sms::Sns(account) = production(&sns).unwrap().sms else { panic!("not SNS") };
        assert_eq!(account.url.as_str(), "https://sns.eu-central-1.amazonaws.com/");
        let elsewhere = [&sns[..], &[("SNS_ENDPOINT_URL", "http://sns.example.org")]].concat();
        assert!(production(&elsewhere).unwrap_err().contains("SNS_ENDPOINT_URL: "));
        let here = [&sns[..], &[("SNS_ENDPOINT_URL", "http://127.0.0.1:5000")]].concat();
        assert!(production(&here).is_ok());
    }
}
