//! An outgoing e-mail or text message, rendered, and what can become of it on its way.

/// An outgoing e-mail or text message, rendered.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Address or number.
    pub to: String,
    /// Its title; text messages have none to show.
    pub subject: String,
    /// In plain text; a code stands on a line of its own.
    pub text: String,
    /// The same with marks; text messages have none.
    pub html: Option<String>,
    /// The address by which the receiver wants no more of its kind; of messages that are not of a necessity.
    pub unsubscribe: Option<String>,
}

// Never its content: it may hold a code.
impl std::fmt::Debug for OutgoingMessage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OutgoingMessage").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why a message did not leave. The cause is for the log: it never holds the message, its receiver, or what a server
/// said in its own words, because servers quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// Nobody will ever take it: trying again is of no use.
    Refused(String),
    /// It can't leave at the moment: a server is down, unwilling, or wrongly set up.
    Unavailable(String),
}

impl Undelivered {
    /// What the server or the network said, for the log and the job.
    #[must_use]
    pub fn cause(&self) -> &str {
        match self {
            Self::Refused(cause) | Self::Unavailable(cause) => cause,
        }
    }
}
