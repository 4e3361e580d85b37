//! The floor's statements: prepared once on each of a few connections, over which requests are pipelined.

use std::{
    cell::Cell,
    error::Error,
    hash::{BuildHasher, Hasher, RandomState},
    sync::atomic::{AtomicUsize, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::task::JoinSet;
use tokio_postgres::{
    Client, NoTls, Row, Statement,
    error::SqlState,
    types::{FromSql, Type},
};
use uuid::Uuid;

use super::json::Json;

/// Microseconds since 1970: as PostgreSQL sends a time, shifted by thirty years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Micros(pub(super) i64);

impl<'a> FromSql<'a> for Micros {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        const BETWEEN_1970_AND_2000: i64 = 946_684_800_000_000;
        Ok(Self(i64::from_be_bytes(raw.try_into()?) + BETWEEN_1970_AND_2000))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}

const POST: &str = "SELECT p.body, p.like_count, p.comment_count, p.created_at, \
                    u.id, u.username, u.display_name, u.avatar_url \
                    FROM posts p LEFT JOIN users u ON u.id = p.author_id AND p.deleted_at IS NULL WHERE p.id = $1";

const FEED: &str = "SELECT p.id, p.body, p.like_count, p.comment_count, l.user_id IS NOT NULL, p.created_at, \
                    u.id, u.username, u.display_name, u.avatar_url \
                    FROM posts p LEFT JOIN users u ON u.id = p.author_id \
                    LEFT JOIN post_likes l ON l.post_id = p.id AND l.user_id = $1 \
                    WHERE p.deleted_at IS NULL ORDER BY p.created_at DESC, p.id DESC LIMIT 21";

/// The first three comments of each post, in no order among the posts.
const COMMENTS: &str = "SELECT c.post_id, c.id, c.body, c.created_at, \
                        u.id, u.username, u.display_name, u.avatar_url \
                        FROM unnest($1::uuid[]) AS p(id) CROSS JOIN LATERAL (\
                        SELECT * FROM comments c WHERE c.post_id = p.id AND c.parent_id IS NULL \
                        AND (c.deleted_at IS NULL OR c.visible_reply_count > 0) ORDER BY c.created_at, c.id LIMIT 3) c \
                        LEFT JOIN users u ON u.id = c.author_id AND c.deleted_at IS NULL";

/// Counting comes first: it locks the post, so that it can't be deleted meanwhile. Of two equal likes at the same moment
/// the second fails by the primary key, and takes back what it has counted.
const LIKE: &str = "WITH post AS (\
                    UPDATE posts SET like_count = like_count + 1, event_seq = event_seq + 1 \
                    WHERE id = $1 AND deleted_at IS NULL \
                    AND NOT EXISTS (SELECT FROM post_likes WHERE post_id = $1 AND user_id = $2) \
                    RETURNING id, author_id, like_count, event_seq\
                    ), liked AS (\
                    INSERT INTO post_likes (post_id, user_id, created_at) SELECT id, $2, $3 FROM post\
                    ), event AS (\
                    INSERT INTO events (stream_kind, stream_id, seq, kind, actor_id, subject_id, created_at) \
                    SELECT 'post', id, event_seq, 'post_liked', $2, NULL, $3 FROM post\
                    ), job AS (\
                    INSERT INTO jobs (id, kind, payload, state, attempts, run_at, created_at) \
                    SELECT $4, 'notify', $5, 'queued', 0, $3, $3 FROM post WHERE author_id <> $2\
                    ) SELECT like_count FROM post";

const LIKED_BEFORE: &str = "SELECT like_count FROM posts WHERE id = $1 AND deleted_at IS NULL";

/// All connections.
pub(super) struct Connections {
    all: Vec<Connection>,
    next: AtomicUsize,
    // Ends the connections' tasks with us.
    _tasks: JoinSet<Result<(), tokio_postgres::Error>>,
}

impl Connections {
    pub(super) async fn open(url: &str, count: usize) -> crate::Result<Self> {
        let (mut all, mut tasks) = (Vec::new(), JoinSet::new());
        for _ in 0..count.max(1) {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tasks.spawn(connection);
            all.push(Connection {
                post: client.prepare(POST).await?,
                feed: client.prepare(FEED).await?,
                comments: client.prepare(COMMENTS).await?,
                like: client.prepare(LIKE).await?,
                liked_before: client.prepare(LIKED_BEFORE).await?,
                client,
            });
        }
        Ok(Self { all, next: AtomicUsize::new(0), _tasks: tasks })
    }

    /// Each in turn: a busy one answers several requests one after the other, without a queue on our side.
    pub(super) fn next(&self) -> &Connection {
        &self.all[self.next.fetch_add(1, Ordering::Relaxed) % self.all.len()]
    }
}

/// A connection with everything prepared.
pub(super) struct Connection {
    client: Client,
    post: Statement,
    feed: Statement,
    comments: Statement,
    like: Statement,
    liked_before: Statement,
}

impl Connection {
    pub(super) async fn post(&self, id: Uuid) -> Result<Vec<u8>, tokio_postgres::Error> {
        let mut json = Json::new(1024);
        match self.client.query_opt(&self.post, &[&id]).await? {
            None => drop(json.raw(r#"{"data":{"post":null}}"#)),
            Some(row) => {
                json.raw(r#"{"data":{"post":{"id":"#).id("post", id);
                json.raw(r#","body":"#).text(row.get(0));
                json.raw(r#","likeCount":"#).integer(row.get(1));
                json.raw(r#","commentCount":"#).integer(row.get(2));
                json.raw(r#","createdAt":"#).time(row.get(3));
                json.raw(r#","author":"#);
                author(&mut json, &row, 4);
                json.raw("}}}");
            }
        }
        Ok(json.finish())
    }

    pub(super) async fn feed(&self, viewer: Uuid) -> Result<Vec<u8>, tokio_postgres::Error> {
        let posts = self.client.query(&self.feed, &[&viewer]).await?;
        let shown = &posts[..posts.len().min(20)];
        let ids: Vec<Uuid> = shown.iter().map(|row| row.get(0)).collect();
        let mut comments: Vec<Vec<Row>> = ids.iter().map(|_| Vec::with_capacity(3)).collect();
        for row in self.client.query(&self.comments, &[&ids]).await? {
            let post: Uuid = row.get(0);
            if let Some(place) = ids.iter().position(|id| *id == post) {
                comments[place].push(row);
            }
        }
        let mut json = Json::new(24 * 1024);
        json.raw(r#"{"data":{"posts":{"nodes":["#);
        for (place, (row, comments)) in shown.iter().zip(&mut comments).enumerate() {
            json.raw(if place == 0 { r#"{"id":"# } else { r#",{"id":"# }).id("post", ids[place]);
            json.raw(r#","body":"#).text(row.get(1));
            json.raw(r#","likeCount":"#).integer(row.get(2));
            json.raw(r#","commentCount":"#).integer(row.get(3));
            json.raw(r#","viewerHasLiked":"#).boolean(row.get(4));
            json.raw(r#","createdAt":"#).time(row.get(5));
            json.raw(r#","author":"#);
            author(&mut json, row, 6);
            json.raw(r#","comments":{"nodes":["#);
            comments.sort_unstable_by_key(|row| (row.get::<_, Micros>(3), row.get::<_, Uuid>(1)));
            for (place, row) in comments.iter().enumerate() {
                json.raw(if place == 0 { r#"{"id":"# } else { r#",{"id":"# }).id("comment", row.get(1));
                json.raw(r#","body":"#).text(row.get(2));
                json.raw(r#","createdAt":"#).time(row.get(3));
                json.raw(r#","author":"#);
                author(&mut json, row, 4);
                json.raw("}");
            }
            json.raw("]}}");
        }
        json.raw(r#"],"pageInfo":{"hasNextPage":"#).boolean(posts.len() > 20).raw("}}}}");
        Ok(json.finish())
    }

    /// `None` when there is no such post.
    pub(super) async fn like(&self, viewer: Uuid, post: Uuid) -> Result<Option<Vec<u8>>, tokio_postgres::Error> {
        let now = now();
        let mut job = Json::new(128);
        job.raw(r#"{"event":"post_liked","post":""#).raw(post.hyphenated().encode_lower(&mut [0; 36]));
        job.raw(r#"","actor":""#).raw(viewer.hyphenated().encode_lower(&mut [0; 36])).raw("\"}");
        let job = job.finish();
        let job = std::str::from_utf8(&job).unwrap_or_default();
        let row = match self.client.query_opt(&self.like, &[&post, &viewer, &now, &new_id(now), &job]).await {
            Ok(Some(row)) => Some(row),
            Err(error) if error.code() != Some(&SqlState::UNIQUE_VIOLATION) => return Err(error),
            _ => self.client.query_opt(&self.liked_before, &[&post]).await?,
        };
        Ok(row.map(|row| {
            let mut json = Json::new(160);
            json.raw(r#"{"data":{"postLike":{"post":{"id":"#).id("post", post);
            json.raw(r#","likeCount":"#).integer(row.get(0));
            json.raw(r#","viewerHasLiked":true},"errors":[]}}}"#);
            json.finish()
        }))
    }
}

/// Four columns from `first` on.
fn author(json: &mut Json, row: &Row, first: usize) {
    match row.get::<_, Option<Uuid>>(first) {
        None => drop(json.raw("null")),
        Some(id) => {
            json.raw(r#"{"id":"#).id("user", id);
            json.raw(r#","username":"#).text(row.get(first + 1));
            json.raw(r#","displayName":"#).text(row.get(first + 2));
            json.raw(r#","avatarUrl":"#).optional(row.get(first + 3)).raw("}");
        }
    }
}

fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "the floor is no part of Agora and has no clock to ask")]
    SystemTime::now()
}

thread_local! {
    /// Seeded by the standard library's random hash keys.
    static DICE: Cell<u64> = Cell::new(RandomState::new().build_hasher().finish());
}

/// A UUID v7 whose random part comes from a cheap generator: good for a key, not for a secret.
fn new_id(now: SystemTime) -> Uuid {
    let millis = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let mut bytes = [0; 10];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&random().to_le_bytes()[..chunk.len()]);
    }
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

/// SplitMix64.
fn random() -> u64 {
    let state = DICE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    DICE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
