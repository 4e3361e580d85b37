//! Messages that leave: e-mail and text messages.
//!
//! Owns no table: a message is a job, born in the transaction of its cause, its content sealed because it may hold a
//! code. So nobody's request fails because of a mail server that is down, and the message leaves when it is back.
//! What they say stands in `locales/<language>/mail` and is read by `template_text`; `rendering` renders it.
//!
//! Always holds: where nobody has proven that an address is theirs, no message says anything that somebody chose, be it a
//! name, a title or a reason. Whoever wrote the address down could have words of theirs sent to strangers otherwise.

mod rendering;
mod template_text;

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::jobs::{self, Lane};
use crate::{
    app::App,
    entity::job,
    error::{Error, Result},
    platform::{db::Transaction, providers::outgoing_message::Undelivered},
};

/// The kind of the job that sends a message.
pub(crate) const MESSAGE: &str = "message";
/// How long a message waits for a server that is down, as mail servers do among themselves.
pub(crate) const GIVE_UP_AFTER: TimeDelta = TimeDelta::days(3);
/// How long one sending may take, however many steps it has: less than a job may run.
const LONGEST: Duration = Duration::from_secs(25);

/// A way by which messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// To an e-mail address.
    Email,
    /// To a telephone number, in E.164.
    Sms,
}

impl Channel {
    fn lane(self) -> Lane {
        match self {
            Self::Email => Lane::Email,
            Self::Sms => Lane::Sms,
        }
    }
}

/// What a message says. In brackets the parameters that it needs. What people chose is left out where the address is not
/// proven, such as `name`, their display name, which may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Prove that this address is yours (name, code, link, minutes, hours).
    EmailVerification,
    /// Prove the address that is to replace yours (name, code, link, minutes, hours).
    EmailChange,
    /// To the address that was replaced (name, email: the new one, partly hidden).
    EmailChanged,
    /// To the owner of an address by which somebody tried to register (name).
    AlreadyRegistered,
    /// Prove that this number is yours (code, minutes).
    PhoneVerification,
    /// Choose a new password (name, code, link, minutes, hours).
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
    /// Money of yours came in (name, amount, what, reference, at).
    PaymentReceipt,
    /// Money went back to you (name, amount, reference).
    RefundReceipt,
    /// Money that went back to you did not arrive (name, amount, reference).
    RefundCameBack,
    /// Money that you have had was taken back, and you owe it (name, amount, reference).
    DebtArose,
    /// Money can be paid out to a new account (name, what: the bank and the end of the number).
    PayoutMethodAdded,
    /// A withdrawal is going to be paid (name, amount, what, reference).
    WithdrawalApproved,
    /// A withdrawal was paid (name, amount, what, reference).
    WithdrawalPaid,
    /// A withdrawal could not be paid (name, amount, what, reason, reference).
    WithdrawalFailed,
    /// A withdrawal that was paid came back from the bank (name, amount, what, reason, reference).
    WithdrawalReturned,
    /// A withdrawal was refused (name, amount, what, reason, reference).
    WithdrawalRefused,
    /// Nobody decided about a withdrawal in time (name, amount, what, reference).
    WithdrawalExpired,
    /// A goal that a guest gave to has news (link, unsubscribe: a link).
    GoalNews,
    /// To staff: something that somebody has to look into (name, what, items).
    StaffAlert,
    /// What you have not read, once a day (name, count, items: the newest ones, a line each, link).
    Digest,
}

impl Template {
    /// Every template.
    #[cfg(test)]
    const ALL: &'static [Self] = &[
        Self::EmailVerification,
        Self::EmailChange,
        Self::EmailChanged,
        Self::AlreadyRegistered,
        Self::PhoneVerification,
        Self::PasswordReset,
        Self::PasswordChanged,
        Self::TwoFactorCode,
        Self::ReauthenticationCode,
        Self::TwoFactorEnabled,
        Self::TwoFactorDisabled,
        Self::BackupCodeUsed,
        Self::NewDevice,
        Self::IdentityLinked,
        Self::IdentityUnlinked,
        Self::AccountSuspended,
        Self::AccountReinstated,
        Self::DeletionScheduled,
        Self::DeletionCancelled,
        Self::AccountDeleted,
        Self::ExportReady,
        Self::PaymentReceipt,
        Self::RefundReceipt,
        Self::RefundCameBack,
        Self::DebtArose,
        Self::PayoutMethodAdded,
        Self::WithdrawalApproved,
        Self::WithdrawalPaid,
        Self::WithdrawalFailed,
        Self::WithdrawalReturned,
        Self::WithdrawalRefused,
        Self::WithdrawalExpired,
        Self::StaffAlert,
        Self::GoalNews,
        Self::Digest,
    ];
}

/// Parameters whose values the program makes, or the operator's settings. Every other one may hold what somebody wrote: a
/// name, a bank's, a reason, the name of a browser, the domain of an address.
const OURS: &[&str] = &[
    "address",
    "amount",
    "at",
    "code",
    "count",
    "hours",
    "left",
    "link",
    "minutes",
    "provider",
    "reference",
    "unsubscribe",
    "until",
];

/// A message to one person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// By which way.
    pub channel: Channel,
    /// Address or number.
    pub to: String,
    /// Whether the receiver has proven that it is theirs. Where not, the message says nothing that people wrote.
    #[serde(default)]
    pub is_proven: bool,
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
    /// An e-mail, to an address that may be anybody's: see [`Message::is_proven`].
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
        Self { channel, to, is_proven: false, locale, template, parameters: BTreeMap::new(), good_until: None }
    }

    /// Fills a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.parameters.insert(name.to_owned(), value.to_string());
        self
    }

    /// What its words are filled with at this address.
    fn values(&self) -> BTreeMap<&str, &str> {
        let told = self.parameters.iter().filter(|(name, _)| self.is_proven || OURS.contains(&name.as_str()));
        told.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Fills `code` and `minutes`: the message is of use as long as the code.
    #[must_use]
    pub(crate) fn with_code(mut self, app: &App, code: &super::codes::IssuedCode) -> Self {
        self.good_until = Some(code.expires_at);
        let minutes = ((code.expires_at - app.clock.now()).num_seconds() + 59) / 60;
        self.with("code", &code.code).with("minutes", minutes)
    }

    /// The same, and `link` and `hours`: a link to a page of the frontend that takes the secret beside the code.
    #[must_use]
    pub(crate) fn with_code_and_link(self, app: &App, code: &super::codes::IssuedCode, page: &str) -> Self {
        let message = self.with_code(app, code);
        let Some(token) = &code.token else { return message };
        let hours = super::codes::LINK.num_hours();
        message.with("link", app.frontend_link(page, &[("token", token)])).with("hours", hours)
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    sealed: String,
}

/// Queues a message within the transaction of its cause.
pub async fn send_in(app: &App, tx: &Transaction, message: &Message) -> Result<()> {
    jobs::enqueue_on(app, tx, message.channel.lane(), MESSAGE, &seal(app, message)?).await
}

/// Queues many messages by one statement.
pub async fn send_all_in(app: &App, tx: &Transaction, messages: &[Message]) -> Result<()> {
    let seal = |message: &Message| Ok((message.channel.lane(), seal(app, message)?));
    let sealed = messages.iter().map(seal).collect::<Result<Vec<_>>>()?;
    jobs::enqueue_all_on(app, tx, MESSAGE, &sealed).await
}

fn seal(app: &App, message: &Message) -> Result<Sealed> {
    let sealed = app.keys.seal(MESSAGE, &serde_json::to_vec(message)?)?;
    Ok(Sealed { sealed: STANDARD.encode(sealed) })
}

/// Sends the message of a job. What can't leave now waits, and what nobody will ever take is given up at once; the log
/// tells of both, and holds neither the message nor its receiver.
pub async fn deliver(app: &App, job: &job::Model) -> Result<()> {
    let Sealed { sealed } = serde_json::from_str(&job.payload)?;
    let bytes = app.keys.open(MESSAGE, &STANDARD.decode(sealed).map_err(Error::internal)?)?;
    dispatch(app, job, &serde_json::from_slice(&bytes)?).await
}

/// Sends the message that a job has written, as [`deliver`] does.
pub(crate) async fn dispatch(app: &App, job: &job::Model, message: &Message) -> Result<()> {
    let (template, now) = (message.template, app.clock.now());
    if message.good_until.is_some_and(|until| until <= now) {
        tracing::warn!(job = %job.id, ?template, "a message came too late to be of use");
        return finish(app, job).await;
    }
    let outgoing = rendering::compose(message, app.config.email.service_name())?;
    let id = job.id.to_string();
    let sending = async {
        match message.channel {
            Channel::Email => app.mail.send(&id, now, &outgoing).await,
            Channel::Sms => app.sms.send(&id, now, &outgoing).await,
        }
    };
    let slow = |_| Err(Undelivered::Unavailable("sending took too long".to_owned()));
    match tokio::time::timeout(LONGEST, sending).await.unwrap_or_else(slow) {
        Ok(()) => tracing::debug!(job = %job.id, ?template, "a message left"),
        Err(Undelivered::Refused(cause)) => {
            tracing::error!(job = %job.id, ?template, cause, "a message was refused for good");
        }
        Err(Undelivered::Unavailable(cause)) => {
            tracing::warn!(job = %job.id, ?template, attempt = job.attempts, cause, "a message has to wait");
            return jobs::put_off(app, job, &cause, GIVE_UP_AFTER).await;
        }
    }
    finish(app, job).await
}

async fn finish(app: &App, job: &job::Model) -> Result<()> {
    app.db.transact(async |tx| jobs::finish_in(&tx, job.id).await).await
}
