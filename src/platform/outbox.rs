//! A folder in place of a mail server and a text message service: what would leave, for a newcomer to read.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::error::Result;

/// A message in its final words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Address or number.
    pub to: String,
    /// Its title; text messages have none to show.
    pub subject: String,
    /// In plain text; a code stands on a line of its own.
    pub text: String,
    /// The same with marks; text messages have none.
    pub html: Option<String>,
}

/// The folder.
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
    pub async fn put(&self, at: DateTime<Utc>, id: &str, letter: &Letter) -> Result<()> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let to: String =
            letter.to.chars().map(|c| if c.is_alphanumeric() || "@.+-_".contains(c) { c } else { '_' }).collect();
        let name = format!("{} {to} {id}", at.format("%Y%m%d-%H%M%S"));
        let file = self.folder.join(&name).with_added_extension("txt");
        let text = format!("To: {}\nSubject: {}\n\n{}\n", letter.to, letter.subject, letter.text.trim_end());
        tokio::fs::write(&file, text).await?;
        if let Some(html) = &letter.html {
            tokio::fs::write(self.folder.join(name).with_added_extension("html"), html).await?;
        }
        tracing::info!(to = letter.to, subject = letter.subject, file = %file.display(), "a message is in the outbox");
        Ok(())
    }
}
