//! A folder in place of a mail server and a text message service: what would leave, for a newcomer to read.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::outgoing_message::OutgoingMessage;
use crate::error::Result;

/// A folder where messages are written as files instead of being sent.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// In this folder, which is made when it is needed.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes a message, under a name that sorts by time; the same `id` again replaces it.
    pub(crate) async fn put(&self, at: DateTime<Utc>, id: &str, outgoing: &OutgoingMessage) -> Result<()> {
        let mut builder = tokio::fs::DirBuilder::new();
        // Codes are readable in it: by its owner only.
        #[cfg(unix)]
        builder.mode(0o700);
        builder.recursive(true).create(&self.folder).await?;
        let to: String =
            outgoing.to.chars().map(|c| if c.is_alphanumeric() || "@.+-_".contains(c) { c } else { '_' }).collect();
        let name = format!("{} {to} {id}", at.format("%Y%m%d-%H%M%S"));
        let file = self.folder.join(&name).with_added_extension("txt");
        // A line each, whatever the address holds.
        let to_line = outgoing.to.replace(char::is_control, " ");
        let text = format!("To: {to_line}\nSubject: {}\n\n{}\n", outgoing.subject, outgoing.text.trim_end());
        tokio::fs::write(&file, text).await?;
        if let Some(html) = &outgoing.html {
            tokio::fs::write(self.folder.join(name).with_added_extension("html"), html).await?;
        }
        tracing::info!(to = to_line, subject = outgoing.subject, file = %file.display(), "a message is in the outbox");
        Ok(())
    }
}
