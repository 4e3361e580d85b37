//! Turns the script ([`crate::demo::people`], [`crate::demo::threads`]) into rows. Pure, and the same every time: times are counted
//! back from a fixed one, ids are made of the time and a counter.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{
    people::PEOPLE,
    rows::{Insert, PostTag, Row, Stream},
    threads::{self, POSTS},
};
use crate::{
    domain::posts::{MAX_TAGS, notice_title},
    entity::{
        CommentId, NotificationId, PostId, UserId, comment, comment_like, credential,
        event::{self, EventKind, StreamKind},
        notification::{self, NotificationKind, SubjectKind},
        post, post_like, user,
    },
    error::{Error, Locale, Result},
    platform::{db::Transaction, text},
};

/// When the story ends: 2026-11-01T09:00Z.
pub(super) const END: DateTime<Utc> = match DateTime::from_timestamp(1_793_523_600, 0) {
    Some(time) => time,
    None => DateTime::UNIX_EPOCH,
};
/// Whose notifications are told along.
const NOTIFIED: &[&str] = &["amina", "omar"];
/// What happened earlier than this before the end has been read.
const UNREAD: TimeDelta = TimeDelta::days(2);

/// All rows of the demo.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Story {
    users: Vec<user::Model>,
    credentials: Vec<credential::Model>,
    posts: Vec<post::Model>,
    tags: Vec<PostTag>,
    post_likes: Vec<post_like::Model>,
    comments: Vec<comment::Model>,
    comment_likes: Vec<comment_like::Model>,
    notifications: Vec<notification::Model>,
    events: Vec<event::Model>,
    streams: Vec<Stream>,
}

impl Story {
    /// A person of the script.
    pub(super) fn user(&self, name: &str) -> Result<UserId> {
        Ok(self.users[Teller::person(name)?].id)
    }

    /// A post of the script by its key.
    pub(super) fn post(&self, key: &str) -> Result<&post::Model> {
        let place = POSTS.iter().position(|post| post.key == key);
        let found = place.and_then(|place| self.posts.get(place));
        found.ok_or_else(|| Error::internal(format!("the demo's script has no post {key}")))
    }

    /// Writes every row, what is referred to before what refers to it.
    pub(super) async fn write_in(&self, tx: &Transaction) -> Result<()> {
        write(tx, &self.users).await?;
        write(tx, &self.credentials).await?;
        write(tx, &self.posts).await?;
        write(tx, &self.tags).await?;
        write(tx, &self.post_likes).await?;
        write(tx, &self.comments).await?;
        write(tx, &self.comment_likes).await?;
        write(tx, &self.notifications).await?;
        write(tx, &self.streams).await?;
        write(tx, &self.events).await
    }
}

async fn write<R: Row>(tx: &Transaction, rows: &[R]) -> Result<()> {
    Insert::new(tx.get_database_backend()).run(tx, rows).await
}

/// The whole story; everybody has the password of this hash.
pub(super) fn tell(password_hash: &str) -> Result<Story> {
    let mut teller = Teller::default();
    for (number, _) in PEOPLE.iter().enumerate() {
        teller.join(number, password_hash);
    }
    for script in POSTS {
        teller.publish(script)?;
    }
    for name in NOTIFIED {
        teller.notify(name)?;
    }
    Ok(teller.story)
}

/// Something that its recipient is told of.
#[derive(Debug)]
struct Fact {
    at: DateTime<Utc>,
    recipient: UserId,
    actor: UserId,
    kind: NotificationKind,
    subject: (SubjectKind, Uuid),
    text: String,
    dedupe_key: String,
}

#[derive(Debug, Default)]
struct Teller {
    story: Story,
    facts: Vec<Fact>,
    ids: u64,
}

impl Teller {
    /// A UUID v7 of the time and a counter.
    fn id(&mut self, at: DateTime<Utc>) -> Uuid {
        self.ids += 1;
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&self.ids.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(at.timestamp_millis().cast_unsigned(), &bytes).into_uuid()
    }

    /// Where a person of the script is among the rows.
    fn person(name: &str) -> Result<usize> {
        let place = PEOPLE.iter().position(|person| person.username == name);
        place.ok_or_else(|| Error::internal(format!("the demo's script names a stranger: {name}")))
    }

    fn user(&self, name: &str) -> Result<UserId> {
        self.story.user(name)
    }

    /// Adds the person with this number; they joined every third day, all before the first post.
    fn join(&mut self, number: usize, password_hash: &str) {
        let person = &PEOPLE[number];
        let at = END - TimeDelta::days(60 - 3 * number as i64);
        let id = UserId(self.id(at));
        let email = format!("{}@example.org", person.username);
        let display_name = format!("{} {}", person.first, person.last);
        self.story.users.push(user::Model {
            id,
            username: person.username.to_owned(),
            username_key: person.username.to_owned(),
            first_name: person.first.to_owned(),
            last_name: person.last.to_owned(),
            search_key: text::search_key(&format!(
                "{} {} {} {display_name}",
                person.username, person.first, person.last
            )),
            display_name,
            avatar_url: None,
            bio: person.bio.to_owned(),
            kind: person.kind,
            locale: person.locale.to_owned(),
            post_count: 0,
            username_changed_at: None,
            created_at: at,
            updated_at: at,
        });
        self.story.credentials.push(credential::Model {
            user_id: id,
            email_key: email.clone(),
            email,
            email_confirmed_at: Some(at + TimeDelta::minutes(4)),
            password_hash: Some(password_hash.to_owned()),
            password_changed_at: at,
            password_reset_at: None,
        });
    }

    /// Adds a post with everything that hangs on it.
    fn publish(&mut self, script: &threads::Post) -> Result<()> {
        let (days, hour, minute) = script.at;
        let of_day = TimeDelta::hours(i64::from(hour)) + TimeDelta::minutes(i64::from(minute));
        let at = END - TimeDelta::hours(9) - TimeDelta::days(days) + of_day;
        let id = PostId(self.id(at));
        let author_place = Self::person(script.by)?;
        let author = self.story.users[author_place].id;
        let shared_post_id = if script.shares.is_empty() { None } else { Some(self.share(script, id, author, at)?) };
        let tags = text::tags(script.body, MAX_TAGS);
        self.story.tags.extend(tags.into_iter().map(|tag| PostTag { tag, post_id: id, created_at: at }));
        self.story.posts.push(post::Model {
            id,
            author_id: Some(author),
            body: script.body.to_owned(),
            search_key: text::search_key(script.body),
            shared_post_id,
            like_count: script.likes.len() as i64,
            comment_count: 0,
            share_count: 0,
            event_seq: 0,
            created_at: at,
            edited_at: script.edited.then(|| at + TimeDelta::minutes(17)),
            deleted_at: script.deleted.then(|| at + TimeDelta::minutes(90)),
        });
        if !script.deleted {
            self.story.users[author_place].post_count += 1;
        }
        for (number, name) in script.likes.iter().enumerate() {
            let (actor, at) = (self.user(name)?, before_end(at + TimeDelta::minutes(6 + 11 * number as i64)));
            self.story.post_likes.push(post_like::Model { post_id: id, user_id: actor, created_at: at });
            self.facts.push(Fact {
                at,
                recipient: author,
                actor,
                kind: NotificationKind::Like,
                subject: (SubjectKind::Post, id.0),
                text: script.body.to_owned(),
                dedupe_key: format!("like:post:{}:{}", actor.0, id.0),
            });
        }
        let mut comment_count = 0;
        for comment in script.comments {
            comment_count += self.comment(comment, (id, author), None, at)?;
        }
        if let Some(post) = self.story.posts.last_mut() {
            post.comment_count = comment_count;
        }
        Ok(())
    }

    /// Counts a share on the original, and gives its id.
    fn share(&mut self, script: &threads::Post, share: PostId, actor: UserId, at: DateTime<Utc>) -> Result<PostId> {
        let place = POSTS.iter().position(|post| post.key == script.shares);
        let original = place.and_then(|place| self.story.posts.get_mut(place));
        let original = original
            .ok_or_else(|| Error::internal(format!("the demo's script shares what is not there: {}", script.shares)))?;
        original.share_count += i64::from(!script.deleted);
        if let Some(recipient) = original.author_id {
            self.facts.push(Fact {
                at,
                recipient,
                actor,
                kind: NotificationKind::Share,
                subject: (SubjectKind::Post, share.0),
                text: original.body.clone(),
                dedupe_key: format!("share:{}", share.0),
            });
        }
        Ok(original.id)
    }

    /// Adds a comment and its replies; gives how many of them are not deleted.
    fn comment(
        &mut self,
        script: &threads::Comment,
        (post_id, post_author): (PostId, UserId),
        parent: Option<(CommentId, Option<UserId>)>,
        after: DateTime<Utc>,
    ) -> Result<i64> {
        let at = after + TimeDelta::minutes(script.after);
        let id = CommentId(self.id(at));
        let author = self.user(script.by)?;
        self.story.comments.push(comment::Model {
            id,
            post_id,
            parent_id: parent.map(|(id, _)| id),
            author_id: Some(author),
            body: script.body.to_owned(),
            like_count: script.likes.len() as i64,
            reply_count: script.replies.iter().filter(|reply| !reply.deleted).count() as i64,
            visible_reply_count: script.replies.iter().filter(|reply| is_listed(reply)).count() as i64,
            created_at: at,
            edited_at: script.edited.then(|| at + TimeDelta::minutes(5)),
            deleted_at: script.deleted.then(|| at + TimeDelta::minutes(90)),
        });
        if !script.deleted {
            self.answered(script, (id, author, at), post_author, parent.and_then(|(_, author)| author));
        }
        for (number, name) in script.likes.iter().enumerate() {
            let (actor, at) = (self.user(name)?, before_end(at + TimeDelta::minutes(3 + 7 * number as i64)));
            self.story.comment_likes.push(comment_like::Model { comment_id: id, user_id: actor, created_at: at });
            self.facts.push(Fact {
                at,
                recipient: author,
                actor,
                kind: NotificationKind::Like,
                subject: (SubjectKind::Comment, id.0),
                text: script.body.to_owned(),
                dedupe_key: format!("like:comment:{}:{}", actor.0, id.0),
            });
        }
        let mut count = i64::from(!script.deleted);
        for reply in script.replies {
            // Whoever has deleted what was replied to is not told.
            let replied_to = (!script.deleted).then_some(author);
            count += self.comment(reply, (post_id, post_author), Some((id, replied_to)), at)?;
        }
        Ok(count)
    }

    /// The author of what was replied to is told, and the author of the post; who is both, of the reply only.
    fn answered(
        &mut self,
        script: &threads::Comment,
        (id, actor, at): (CommentId, UserId, DateTime<Utc>),
        post_author: UserId,
        replied_to: Option<UserId>,
    ) {
        let mut fact = |recipient, kind, dedupe_key| {
            let subject = (SubjectKind::Comment, id.0);
            self.facts.push(Fact { at, recipient, actor, kind, subject, text: script.body.to_owned(), dedupe_key });
        };
        if let Some(recipient) = replied_to {
            fact(recipient, NotificationKind::Reply, format!("reply:{}", id.0));
        }
        if replied_to != Some(post_author) {
            fact(post_author, NotificationKind::Comment, format!("comment:{}", id.0));
        }
    }

    /// Writes one person's notifications, and the events on their stream.
    fn notify(&mut self, name: &str) -> Result<()> {
        let place = Self::person(name)?;
        let recipient = self.story.users[place].id;
        let locale = Locale::parse(&self.story.users[place].locale);
        let (told, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.facts).into_iter().partition(|fact| fact.recipient == recipient);
        self.facts = rest;
        let mut told: Vec<_> = told.into_iter().filter(|fact| fact.actor != recipient).collect();
        told.sort_by_key(|fact| fact.at);
        let mut seq = 0;
        for fact in told {
            seq += 1;
            let id = NotificationId(self.id(fact.at));
            let actor = self.story.users.iter().find(|user| user.id == fact.actor);
            self.story.events.push(event::Model {
                stream_kind: StreamKind::Notifications,
                stream_id: recipient.0,
                seq,
                kind: EventKind::Notified,
                actor_id: Some(fact.actor),
                subject_id: Some(id.0),
                created_at: fact.at,
            });
            self.story.notifications.push(notification::Model {
                id,
                recipient_id: recipient,
                kind: fact.kind,
                title: notice_title(locale, fact.kind, fact.subject.0, actor.map_or("", |actor| &actor.display_name)),
                message: text::excerpt(&fact.text, 140),
                actor_id: Some(fact.actor),
                subject_kind: Some(fact.subject.0),
                subject_id: Some(fact.subject.1),
                dedupe_key: fact.dedupe_key,
                gone_at: None,
                read_at: (fact.at < END - UNREAD).then(|| fact.at + TimeDelta::hours(3)),
                created_at: fact.at,
            });
        }
        self.story.streams.push(Stream { kind: StreamKind::Notifications, id: recipient.0, seq });
        Ok(())
    }
}

fn before_end(at: DateTime<Utc>) -> DateTime<Utc> {
    at.min(END)
}

/// Not deleted, or a tombstone with something listed below it.
fn is_listed(comment: &threads::Comment) -> bool {
    !comment.deleted || comment.replies.iter().any(is_listed)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::domain::posts::{MAX_COMMENT, MAX_POST};

    fn every_comment(found: &mut Vec<&'static threads::Comment>, comments: &'static [threads::Comment]) {
        for comment in comments {
            found.push(comment);
            every_comment(found, comment.replies);
        }
    }

    #[test]
    fn the_story_is_the_same_every_time() {
        assert_eq!(tell("hash").unwrap(), tell("hash").unwrap());
        let story = tell("hash").unwrap();
        assert_eq!(END.to_rfc3339(), "2026-11-01T09:00:00+00:00");
        assert_eq!(story.users[0].username, "amina");
        assert_eq!(story.credentials[0].email, "amina@example.org");
    }

    #[test]
    fn names_and_texts_are_what_the_commands_would_have_let_in() {
        for person in PEOPLE {
            let name = person.username;
            assert!((3..=30).contains(&name.len()) && name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
            assert_eq!(text::block("bio", person.bio, 500).unwrap(), person.bio);
            assert!(matches!(person.locale, "en" | "ar"), "{name}");
        }
        for post in POSTS {
            assert_eq!(text::block("body", post.body, MAX_POST).unwrap(), post.body);
            assert!(!post.body.is_empty() || post.deleted || !post.shares.is_empty(), "{:?} {}", post.at, post.by);
            let mut comments = Vec::new();
            every_comment(&mut comments, post.comments);
            for comment in comments {
                assert_eq!(text::block("body", comment.body, MAX_COMMENT).unwrap(), comment.body);
                assert_eq!(comment.body.is_empty(), comment.deleted, "{}", comment.body);
                assert!(!comment.deleted || comment.likes.is_empty());
            }
        }
    }

    #[test]
    fn time_runs_forward_and_stops_at_the_end() {
        let story = tell("hash").unwrap();
        assert!(story.posts.is_sorted_by_key(|post| post.created_at), "posts stand oldest first");
        let posts: HashMap<_, _> = story.posts.iter().map(|post| (post.id, post.created_at)).collect();
        let joined = story.users.iter().map(|user| user.created_at).max().unwrap();
        assert!(joined < story.posts[0].created_at);
        for comment in &story.comments {
            assert!(comment.created_at > posts[&comment.post_id] && comment.created_at <= END, "{}", comment.body);
        }
        for time in story.posts.iter().flat_map(|post| [post.edited_at, post.deleted_at]).flatten() {
            assert!(time <= END);
        }
    }

    #[test]
    fn it_shows_both_languages_and_every_state() {
        let story = tell("hash").unwrap();
        let arabic = |text: &str| text.chars().any(|c| ('\u{600}'..='\u{6FF}').contains(&c));
        let count = story.posts.len();
        assert!((38..=50).contains(&count), "{count}");
        let in_arabic = story.posts.iter().filter(|post| arabic(&post.body)).count();
        assert!((count * 2 / 5..=count * 3 / 5).contains(&in_arabic), "{in_arabic} of {count}");
        assert!(story.tags.iter().any(|tag| arabic(&tag.tag)) && story.tags.iter().any(|tag| tag.tag == "market"));
        assert!(story.posts.iter().filter(|post| post.share_count > 0).count() >= 3);
        assert!(story.posts.iter().any(|post| post.edited_at.is_some()));
        assert!(story.posts.iter().any(|post| post.deleted_at.is_some() && post.comment_count > 0));
        assert!(story.comments.iter().any(|comment| comment.deleted_at.is_some() && comment.reply_count > 0));
    }

    #[test]
    fn nobody_likes_twice_and_nobody_is_told_twice_or_of_themselves() {
        let story = tell("hash").unwrap();
        let likes: HashSet<_> = story.post_likes.iter().map(|like| (like.post_id, like.user_id)).collect();
        assert_eq!(likes.len(), story.post_likes.len());
        let likes: HashSet<_> = story.comment_likes.iter().map(|like| (like.comment_id, like.user_id)).collect();
        assert_eq!(likes.len(), story.comment_likes.len());
        let told: HashSet<_> = story.notifications.iter().map(|told| (told.recipient_id, &told.dedupe_key)).collect();
        assert_eq!(told.len(), story.notifications.len());
        assert!(story.notifications.iter().all(|told| told.actor_id != Some(told.recipient_id)));
    }

    #[test]
    fn both_are_told_of_everything_in_their_language_and_have_read_some() {
        let story = tell("hash").unwrap();
        for (user, word) in [(&story.users[0], "your"), (&story.users[1], "منشورك")] {
            let told: Vec<_> = story.notifications.iter().filter(|told| told.recipient_id == user.id).collect();
            for kind in [NotificationKind::Like, NotificationKind::Comment, NotificationKind::Reply] {
                assert!(told.iter().any(|told| told.kind == kind), "{} {kind:?}", user.username);
            }
            assert!(told.iter().any(|told| told.title.contains(word)));
            assert!(told.iter().any(|told| told.read_at.is_some()) && told.iter().any(|told| told.read_at.is_none()));
            let seqs: Vec<_> =
                story.events.iter().filter(|event| event.stream_id == user.id.0).map(|event| event.seq).collect();
            assert_eq!(seqs, (1..=told.len() as i64).collect::<Vec<_>>());
            let stream = story.streams.iter().find(|stream| stream.id == user.id.0).unwrap();
            assert_eq!(stream.seq, told.len() as i64);
        }
        assert!(story.notifications.iter().any(|told| told.kind == NotificationKind::Share));
    }
}
