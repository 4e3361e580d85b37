//! Rows on their way into tables, many at a time.
//!
//! The demo is the one place that writes other modules' tables by itself: it makes up a past, which no command of
//! theirs can. Always holds: a statement's text depends on its table and its number of rows only, and there are few
//! numbers (powers of two), so every text is built once and its prepared statement is used again and again.

use std::{marker::PhantomData, sync::OnceLock};

use chrono::{DateTime, Utc};
use sea_orm::{
    DbBackend, Value,
    sea_query::{Alias, Query, SimpleExpr},
};
use uuid::Uuid;

use crate::{
    entity::{PostId, UserId, comment, comment_like, credential, event, notification, post, post_like, user},
    error::Result,
    platform::db::Transaction,
};

/// At most so many variables in one statement: well below what either database allows. Eight times fewer or more
/// change the time by less than it varies anyway (measured).
const VARIABLES: usize = 4096;

/// What can be written into a table.
pub(super) trait Row {
    const TABLE: &'static str;
    /// Its columns, in the order of [`Row::values`].
    const COLUMNS: &'static [&'static str];

    /// Adds the row's values.
    fn values(&self, into: &mut Vec<Value>);
}

/// Writes rows of one table.
#[derive(Debug)]
pub(super) struct Insert<R> {
    backend: DbBackend,
    /// A text for 1, 2, 4 … rows, built when it is first needed.
    texts: Vec<OnceLock<String>>,
    rows: PhantomData<fn(&R)>,
}

impl<R: Row> Insert<R> {
    /// For this database.
    pub(super) fn new(backend: DbBackend) -> Self {
        let most = VARIABLES / R::COLUMNS.len();
        let texts = (0..=most.ilog2()).map(|_| OnceLock::new()).collect();
        Self { backend, texts, rows: PhantomData }
    }

    /// Writes them all: as many as possible by the longest text, the rest by shorter ones.
    pub(super) async fn run(&self, tx: &Transaction, mut rows: &[R]) -> Result<()> {
        for (power, text) in self.texts.iter().enumerate().rev() {
            let count = 1_usize << power;
            if rows.len() < count {
                continue;
            }
            let text = text.get_or_init(|| text_of(self.backend, R::TABLE, R::COLUMNS, count));
            while rows.len() >= count {
                let (now, later) = rows.split_at(count);
                let mut values = Vec::with_capacity(count * R::COLUMNS.len());
                for row in now {
                    row.values(&mut values);
                }
                tx.execute(text.as_str(), values).await?;
                rows = later;
            }
        }
        Ok(())
    }
}

/// An INSERT with a placeholder for every value, as the database writes them.
fn text_of(backend: DbBackend, table: &str, columns: &[&str], rows: usize) -> String {
    let mut insert = Query::insert();
    insert.into_table(Alias::new(table)).columns(columns.iter().map(|column| Alias::new(*column)));
    for _ in 0..rows {
        insert.values_panic(columns.iter().map(|_| SimpleExpr::from(0)));
    }
    backend.build(&insert).sql
}

/// A tag of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostTag {
    /// In its search form.
    pub(super) tag: String,
    pub(super) post_id: PostId,
    /// When its post was published.
    pub(super) created_at: DateTime<Utc>,
}

/// How far a stream has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    /// The kind of stream.
    pub(super) kind: event::StreamKind,
    /// The id of its subject.
    pub(super) id: Uuid,
    /// The sequence of its last event.
    pub(super) seq: i64,
}

/// Describes how a type's fields fill a table's columns.
macro_rules! rows {
    ($($type:ty => $table:literal { $($column:ident: $value:expr,)+ })+) => {$(
        impl Row for $type {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

            fn values(&self, into: &mut Vec<Value>) {
                $(
                    let value: fn(&Self) -> Value = $value;
                    into.push(value(self));
                )+
            }
        }
    )+};
}

fn user_id(id: Option<UserId>) -> Value {
    id.map(|id| id.0).into()
}

rows! {
    user::Model => "users" {
        id: |row| row.id.0.into(),
        username: |row| row.username.clone().into(),
        username_key: |row| row.username_key.clone().into(),
        first_name: |row| row.first_name.clone().into(),
        last_name: |row| row.last_name.clone().into(),
        display_name: |row| row.display_name.clone().into(),
        avatar_url: |row| row.avatar_url.clone().into(),
        bio: |row| row.bio.clone().into(),
        kind: |row| row.kind.as_str().into(),
        locale: |row| row.locale.clone().into(),
        search_key: |row| row.search_key.clone().into(),
        post_count: |row| row.post_count.into(),
        username_changed_at: |row| row.username_changed_at.into(),
        created_at: |row| row.created_at.into(),
        updated_at: |row| row.updated_at.into(),
    }
    credential::Model => "credentials" {
        user_id: |row| row.user_id.0.into(),
        email: |row| row.email.clone().into(),
        email_key: |row| row.email_key.clone().into(),
        email_confirmed_at: |row| row.email_confirmed_at.into(),
        password_hash: |row| row.password_hash.clone().into(),
        password_changed_at: |row| row.password_changed_at.into(),
    }
    post::Model => "posts" {
        id: |row| row.id.0.into(),
        author_id: |row| user_id(row.author_id),
        body: |row| row.body.clone().into(),
        search_key: |row| row.search_key.clone().into(),
        shared_post_id: |row| row.shared_post_id.map(|id| id.0).into(),
        like_count: |row| row.like_count.into(),
        comment_count: |row| row.comment_count.into(),
        share_count: |row| row.share_count.into(),
        event_seq: |row| row.event_seq.into(),
        created_at: |row| row.created_at.into(),
        edited_at: |row| row.edited_at.into(),
        deleted_at: |row| row.deleted_at.into(),
    }
    PostTag => "post_tags" {
        tag: |row| row.tag.clone().into(),
        post_id: |row| row.post_id.0.into(),
        created_at: |row| row.created_at.into(),
    }
    post_like::Model => "post_likes" {
        post_id: |row| row.post_id.0.into(),
        user_id: |row| row.user_id.0.into(),
        created_at: |row| row.created_at.into(),
    }
    comment::Model => "comments" {
        id: |row| row.id.0.into(),
        post_id: |row| row.post_id.0.into(),
        parent_id: |row| row.parent_id.map(|id| id.0).into(),
        author_id: |row| user_id(row.author_id),
        body: |row| row.body.clone().into(),
        like_count: |row| row.like_count.into(),
        reply_count: |row| row.reply_count.into(),
        visible_reply_count: |row| row.visible_reply_count.into(),
        created_at: |row| row.created_at.into(),
        edited_at: |row| row.edited_at.into(),
        deleted_at: |row| row.deleted_at.into(),
    }
    comment_like::Model => "comment_likes" {
        comment_id: |row| row.comment_id.0.into(),
        user_id: |row| row.user_id.0.into(),
        created_at: |row| row.created_at.into(),
    }
    notification::Model => "notifications" {
        id: |row| row.id.0.into(),
        recipient_id: |row| row.recipient_id.0.into(),
        kind: |row| row.kind.as_str().into(),
        title: |row| row.title.clone().into(),
        message: |row| row.message.clone().into(),
        actor_id: |row| user_id(row.actor_id),
        subject_kind: |row| row.subject_kind.map(notification::SubjectKind::as_str).into(),
        subject_id: |row| row.subject_id.into(),
        dedupe_key: |row| row.dedupe_key.clone().into(),
        read_at: |row| row.read_at.into(),
        created_at: |row| row.created_at.into(),
    }
    event::Model => "events" {
        stream_kind: |row| row.stream_kind.as_str().into(),
        stream_id: |row| row.stream_id.into(),
        seq: |row| row.seq.into(),
        kind: |row| row.kind.as_str().into(),
        actor_id: |row| user_id(row.actor_id),
        subject_id: |row| row.subject_id.into(),
        created_at: |row| row.created_at.into(),
    }
    Stream => "streams" {
        kind: |row| row.kind.as_str().into(),
        id: |row| row.id.into(),
        seq: |row| row.seq.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_a_placeholder_for_every_value() {
        assert_eq!(
            text_of(DbBackend::Postgres, "t", &["a", "b"], 2),
            r#"INSERT INTO "t" ("a", "b") VALUES ($1, $2), ($3, $4)"#
        );
        assert_eq!(text_of(DbBackend::Sqlite, "t", &["a"], 2), r#"INSERT INTO "t" ("a") VALUES (?), (?)"#);
    }

    #[test]
    fn no_statement_has_too_many_variables() {
        let insert = Insert::<user::Model>::new(DbBackend::Sqlite);
        let longest = (1 << (insert.texts.len() - 1)) * user::Model::COLUMNS.len();
        assert!(longest <= VARIABLES && longest > VARIABLES / 4, "{longest}");
    }
}
