//! Messages that leave: e-mail and text messages.
//!
//! Owns no table: a message is a job, born in the transaction of its cause, its content sealed because it may hold a
//! code. So nobody's request fails because of a mail server that is down, and the message leaves when it is back.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::jobs;
use crate::{
    app::App,
    entity::job,
    error::{Error, Locale, Result},
    platform::{db::Transaction, outbox::Letter},
};

/// The kind of the job that sends a message.
pub const MESSAGE: &str = "message";

/// By which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// To an e-mail address.
    Email,
    /// To a telephone number, in E.164.
    Sms,
}

/// What a message says. In brackets the parameters that it needs; `name` is the person's display name, which they chose
/// themselves and which may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Prove that this address is yours (name, code, link, minutes).
    EmailVerification,
    /// Prove the address that is to replace yours (name, code, link, minutes).
    EmailChange,
    /// To the address that was replaced (name, email: the new one, partly hidden).
    EmailChanged,
    /// To the owner of an address by which somebody tried to register (name).
    AlreadyRegistered,
    /// Prove that this number is yours (code, minutes).
    PhoneVerification,
    /// Choose a new password (name, code, link, minutes).
    PasswordReset,
    /// Your password was changed (name, at, address).
    PasswordChanged,
    /// The second factor of a sign-in (code, minutes).
    TwoFactorCode,
    /// Proves anew who you are (code, minutes).
    ReauthenticationCode,
    /// Two-factor authentication is on (name).
    TwoFactorEnabled,
    /// Two-factor authentication is off (name).
    TwoFactorDisabled,
    /// A backup code was used (name, left: how many there still are).
    BackupCodeUsed,
    /// Somebody signed in from a new device (name, device, address, at).
    NewDevice,
    /// An identity elsewhere was linked (name, provider).
    IdentityLinked,
    /// An identity elsewhere was unlinked (name, provider).
    IdentityUnlinked,
    /// The account is suspended (name, reason, until: a time, or empty).
    AccountSuspended,
    /// The account is reinstated (name).
    AccountReinstated,
    /// The account is going to be deleted (name, at).
    DeletionScheduled,
    /// It is not going to be deleted after all (name).
    DeletionCancelled,
    /// The account was deleted (name).
    AccountDeleted,
    /// Everything held about you is ready to be fetched (name, link, at: when it goes).
    ExportReady,
}

/// A message to one person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// By which way.
    pub channel: Channel,
    /// Address or number.
    pub to: String,
    /// The receiver's language, as stored.
    pub locale: String,
    /// What it says.
    pub template: Template,
    /// What its words are filled with.
    pub parameters: BTreeMap<String, String>,
    /// After this it is of no use, and is not sent any more.
    #[serde(default)]
    pub good_until: Option<DateTime<Utc>>,
}

impl Message {
    /// An e-mail.
    #[must_use]
    pub fn email(to: &str, locale: &str, template: Template) -> Self {
        Self::new(Channel::Email, to, locale, template)
    }

    /// A text message.
    #[must_use]
    pub fn sms(to: &str, locale: &str, template: Template) -> Self {
        Self::new(Channel::Sms, to, locale, template)
    }

    fn new(channel: Channel, to: &str, locale: &str, template: Template) -> Self {
        let (to, locale) = (to.to_owned(), locale.to_owned());
        Self { channel, to, locale, template, parameters: BTreeMap::new(), good_until: None }
    }

    /// Fills a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.parameters.insert(name.to_owned(), value.to_string());
        self
    }

    /// Fills `code` and `minutes`: the message is of use as long as the code.
    #[must_use]
    pub fn with_code(mut self, app: &App, code: &super::codes::IssuedCode) -> Self {
        self.good_until = Some(code.expires_at);
        let minutes = (code.expires_at - app.clock.now()).num_minutes();
        self.with("code", &code.code).with("minutes", minutes)
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    sealed: String,
}

/// Queues a message within the transaction of its cause.
pub async fn send_in(app: &App, tx: &Transaction, message: &Message) -> Result<()> {
    let sealed = app.keys.seal(MESSAGE, &serde_json::to_vec(message)?)?;
    jobs::enqueue_in(app, tx, MESSAGE, &Sealed { sealed: STANDARD.encode(sealed) }).await
}

/// Sends the message of a job.
pub async fn deliver(app: &App, job: &job::Model) -> Result<()> {
    let Sealed { sealed } = serde_json::from_str(&job.payload)?;
    let bytes = app.keys.open(MESSAGE, &STANDARD.decode(sealed).map_err(Error::internal)?)?;
    let message: Message = serde_json::from_slice(&bytes)?;
    if message.good_until.is_none_or(|until| until > app.clock.now()) {
        let letter = render(&message, Locale::parse(&message.locale));
        app.outbox.put(app.clock.now(), &job.id.to_string(), &letter).await?;
    } else {
        tracing::warn!(job = %job.id, template = ?message.template, "a message came too late to be of use");
    }
    app.db.transact(async |tx| jobs::finish_in(&tx, job.id).await).await
}

fn render(message: &Message, _locale: Locale) -> Letter {
    let mut text = format!("{:?}\n", message.template);
    for (name, value) in &message.parameters {
        text += &if name == "code" { format!("\n{value}\n") } else { format!("{name}: {value}\n") };
    }
    Letter { to: message.to.clone(), subject: format!("{:?}", message.template), text, html: None }
}
