//! E-mail: by SMTP to the configured server, or into the outbox folder.
//!
//! Always holds: no text of a person reaches a header other than through an address that was parsed; a message carries
//! the same Message-ID however often it is sent.

use std::fmt;

use chrono::{DateTime, Utc};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use secrecy::ExposeSecret;

use super::{
    outbox::Outbox,
    outgoing_message::{OutgoingMessage, Undelivered},
};
use crate::{
    config::{Email, EmailTls, MailServer},
    error::{Error, Result},
    platform::text::mailbox,
};

/// Carries e-mail: by SMTP, or into the outbox folder.
pub struct Mail {
    from: Mailbox,
    carrier: Carrier,
}

enum Carrier {
    Outbox(Outbox),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

impl fmt::Debug for Mail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Mail {
    /// As configured. Talks to nobody yet.
    pub fn new(config: &Email, outbox: Outbox) -> Result<Self> {
        let carrier = match &config.server {
            Some(server) => Carrier::Smtp(transport(server)?),
            None => Carrier::Outbox(outbox),
        };
        Ok(Self { from: config.from.clone(), carrier })
    }

    /// Sends a message. `id` is the same whenever it is sent again, and part of its Message-ID.
    pub async fn send(&self, id: &str, at: DateTime<Utc>, outgoing: &OutgoingMessage) -> Result<(), Undelivered> {
        // Also where it is only written down: an address that can't be written to is refused everywhere.
        let message = self.compose(id, at, outgoing)?;
        match &self.carrier {
            Carrier::Outbox(outbox) => outbox.put(at, id, outgoing).await.map_err(|error| {
                tracing::warn!(%error, "the outbox can't be written to");
                Undelivered::Unavailable("the outbox can't be written to".to_owned())
            }),
            Carrier::Smtp(transport) => match transport.send(message).await {
                Ok(_) => Ok(()),
                Err(error) => Err(judge(&error)),
            },
        }
    }

    /// Whether the mail server answers and lets us in; `None` where there is none.
    pub async fn check(&self) -> Option<Result<(), String>> {
        let Carrier::Smtp(transport) = &self.carrier else { return None };
        Some(match transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the mail server hung up".to_owned()),
            Err(error) => Err(describe(&error)),
        })
    }

    fn compose(&self, id: &str, at: DateTime<Utc>, outgoing: &OutgoingMessage) -> Result<Message, Undelivered> {
        let refused = |what: &str| Undelivered::Refused(what.to_owned());
        // By the domain's name in the DNS, which servers without SMTPUTF8 take, too.
        let to: Address =
            mailbox::deliverable(&outgoing.to).parse().map_err(|_| refused("the receiver's address is none"))?;
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(outgoing.subject.replace(char::is_control, " "))
            .date(at.into())
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())));
        // RFC 3834: no answers of absence, please.
        let mut headers = vec![("Auto-Submitted", "auto-generated".to_owned())];
        // RFC 2369, and RFC 8058: mail programs have a button for it, which calls the address by POST.
        if let Some(link) =
            outgoing.unsubscribe.as_deref().filter(|link| link.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            headers.push(("List-Unsubscribe", format!("<{link}>")));
            headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        for (name, value) in headers {
            if let Ok(name) = HeaderName::new_from_ascii(name.to_owned()) {
                builder = builder.raw_header(HeaderValue::new(name, value));
            }
        }
        let composed = match &outgoing.html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(outgoing.text.clone(), html.clone())),
            None => builder.body(outgoing.text.clone()),
        };
        composed.map_err(|_| refused("the message could not be composed"))
    }
}

fn transport(server: &MailServer) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
    let mut parameters = TlsParameters::builder(server.host.clone());
    if let Some(file) = &server.ca_file {
        let unreadable = |error: &dyn fmt::Display| Error::internal(format!("EMAIL_TLS_CA_FILE: {error}"));
        let pem = std::fs::read(file).map_err(|error| unreadable(&error))?;
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| unreadable(&error))?);
    }
    let parameters = parameters.build().map_err(Error::internal)?;
    let tls = match server.tls {
        EmailTls::Implicit => Tls::Wrapper(parameters),
        EmailTls::StartTls => Tls::Required(parameters),
        EmailTls::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.as_str())
        .port(server.port)
        .tls(tls)
        .timeout(Some(server.timeout));
    if let Some((user, password)) = &server.sign_in {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
    }
    Ok(builder.build())
}

/// What a failure means for the message. A 5xx is not always the receiver's: being let in, being allowed to send from
/// this address and the like are the operator's to mend, and the message waits for it.
fn judge(error: &lettre::transport::smtp::Error) -> Undelivered {
    let cause = describe(error);
    let code = error.status().map(u16::from);
    let extended = extended(error);
    // RFC 3463: X.1.x is about an address (but X.1.7 and X.1.8 about the sender's), X.2.x about a mailbox,
    // X.7.x about being allowed.
    let about_sender = extended.as_deref().is_some_and(|e| matches!(e, "5.1.7" | "5.1.8") || e.starts_with("5.7."));
    match code {
        Some(550..=553 | 556) if !about_sender => Undelivered::Refused(cause),
        Some(554)
            if extended.as_deref().is_some_and(|e| e.starts_with("5.1.") || e.starts_with("5.2.")) && !about_sender =>
        {
            Undelivered::Refused(cause)
        }
        _ => Undelivered::Unavailable(cause),
    }
}

/// The failure without the server's own words, which may quote the message.
fn describe(error: &lettre::transport::smtp::Error) -> String {
    if let Some(code) = error.status() {
        let extended = extended(error).map_or_else(String::new, |extended| format!(" {extended}"));
        return format!("the mail server answered {}{extended}", u16::from(code));
    }
    if error.is_response() {
        return "the mail server's answer was not understood".to_owned();
    }
    if error.is_timeout() {
        return "the mail server took too long".to_owned();
    }
    // Of our own side: it can't be reached, its certificate is not trusted, it offers no TLS …
    error.to_string()
}

/// The enhanced status code (RFC 3463) at the beginning of an answer: `5.1.1`.
fn extended(error: &lettre::transport::smtp::Error) -> Option<String> {
    error.status()?;
    let words = std::error::Error::source(error)?.to_string();
    let word = words.split_whitespace().next()?;
    let mut parts = word.split('.');
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    (is_number(parts.next()) && is_number(parts.next()) && is_number(parts.next()) && parts.next().is_none())
        .then(|| word.to_owned())
}
