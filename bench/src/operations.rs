//! What is asked of both servers, and the check that they answer and write alike.

use std::net::SocketAddr;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Result,
    database::Session,
    goals::Aim,
    http::{self, Connection},
    load::count_of,
    sockets::Person,
    typeid,
};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// One post with its author.
    Post,
    /// Twenty posts with authors, the viewer's likes, and three comments each with their authors.
    Feed,
    /// A new like: four rows written, one changed.
    Like,
}

const POST: &str = "query Post($id: ID!) { post(id: $id) { id body likeCount commentCount createdAt \
                    author { id username displayName avatarUrl } } }";

// The cursors are sealed with Agora's key and therefore not asked for.
const FEED: &str = "query Feed { posts(first: 20) { nodes { id body likeCount commentCount viewerHasLiked createdAt \
                    author { id username displayName avatarUrl } \
                    comments(first: 3) { nodes { id body createdAt author { id username displayName avatarUrl } } } } \
                    pageInfo { hasNextPage } } }";

/// How many posts the feed has, and how many comments each of them shows.
const FEED_POSTS: usize = 20;
const FEED_COMMENTS: usize = 3;

const LIKE: &str = "mutation Like($id: ID!) { postLike(input: { id: $id }) { post { id likeCount viewerHasLiked } \
                    errors { code } } }";

impl Operation {
    /// The request that Agora gets; `post` is what it is about, where it is about one.
    pub(crate) fn to_agora(self, agora: SocketAddr, token: &str, post: Uuid) -> Vec<u8> {
        let id = typeid::text("post", post);
        let body = match self {
            Self::Post => format!(r#"{{"query":"{POST}","variables":{{"id":"{id}"}}}}"#),
            Self::Feed => format!(r#"{{"query":"{FEED}"}}"#),
            Self::Like => format!(r#"{{"query":"{LIKE}","variables":{{"id":"{id}"}}}}"#),
        };
        http::post(agora, "/graphql", token, &body)
    }

    /// The same for the floor.
    pub(crate) fn to_floor(self, floor: SocketAddr, token: &str, post: Uuid) -> Vec<u8> {
        let id = typeid::text("post", post);
        match self {
            Self::Post => http::get(floor, &format!("/post/{id}"), token),
            Self::Feed => http::get(floor, "/feed", token),
            Self::Like => http::post(floor, &format!("/post/{id}/like"), token, ""),
        }
    }

    /// Whether an answer holds what is measured by it: lists that are empty cost nothing, and are equal to each other.
    pub(crate) fn holds(self, body: &[u8]) -> bool {
        let count = |text| count_of(body, text);
        match self {
            Self::Post => count("\"username\":") == 1,
            // A post has its author and three comments, each with its own.
            Self::Feed => {
                let posts = count("\"viewerHasLiked\":");
                posts == FEED_POSTS && count("\"username\":") == posts * (1 + FEED_COMMENTS)
            }
            Self::Like => count("\"viewerHasLiked\":true") == 1,
        }
    }

    /// The same, looked at closely.
    fn check_contents(self, data: &Value) -> Result<()> {
        let is_person = |person: &Value| person["username"].is_string() && person["displayName"].is_string();
        let is_told = |thing: &Value| thing["body"].as_str().is_some_and(|body| !body.is_empty());
        let is_full = match self {
            Self::Post => is_told(&data["post"]) && is_person(&data["post"]["author"]),
            Self::Feed => {
                let posts = data["posts"]["nodes"].as_array().map_or(&[][..], Vec::as_slice);
                let is_full = |post: &Value| {
                    let comments = post["comments"]["nodes"].as_array().map_or(&[][..], Vec::as_slice);
                    let are_full = comments.iter().all(|comment| is_told(comment) && is_person(&comment["author"]));
                    is_told(post) && is_person(&post["author"]) && comments.len() == FEED_COMMENTS && are_full
                };
                let liked = posts.iter().filter(|post| post["viewerHasLiked"] == true).count();
                posts.len() == FEED_POSTS && posts.iter().all(is_full) && liked > 0 && liked < posts.len()
            }
            Self::Like => data["postLike"]["post"]["viewerHasLiked"] == true,
        };
        if is_full { Ok(()) } else { Err(format!("{}: not what is to be measured: {data}", self.name()).into()) }
    }

    pub(crate) fn aim(self) -> Aim {
        match self {
            Self::Post => Aim::Post,
            Self::Feed => Aim::Feed,
            Self::Like => Aim::Like,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Post => "post by id",
            Self::Feed => "feed",
            Self::Like => "like",
        }
    }
}

/// Sends one operation to Agora; gives its `data`.
pub(crate) async fn ask(
    connection: &mut Connection,
    agora: SocketAddr,
    token: &str,
    query: &str,
    variables: Value,
) -> Result<Value> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    data(connection.send(&http::post(agora, "/graphql", token, &body)).await?)
}

fn data((status, body): (u16, &[u8])) -> Result<Value> {
    let mut answer: Value = serde_json::from_slice(body).unwrap_or_default();
    if status != 200 || answer.get("errors").is_some() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(body)).into());
    }
    Ok(answer["data"].take())
}

/// Both servers and who is looking.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) agora: SocketAddr,
    pub(crate) floor: SocketAddr,
    pub(crate) viewer: &'a Person,
}

impl Pair<'_> {
    /// Fails when the servers differ in an answer, or in the rows of a like. Uses up two posts to like.
    pub(crate) async fn check(&self, session: &Session, some: &[Uuid], to_like: [Uuid; 2]) -> Result<()> {
        let mut agora = Connection::open(self.agora).await?;
        let mut floor = Connection::open(self.floor).await?;
        let [by_agora, by_floor] = to_like;
        // Not liked before, so that the rows can be compared below; these answers differ in the post.
        data(agora.send(&Operation::Like.to_agora(self.agora, &self.viewer.token, by_agora)).await?)?;
        data(floor.send(&Operation::Like.to_floor(self.floor, &self.viewer.token, by_floor)).await?)?;
        // Liking again changes nothing: the answers are the same.
        let about = some.iter().chain(&to_like).map(|id| (Operation::Post, *id));
        let about =
            about.chain([(Operation::Feed, Uuid::nil()), (Operation::Like, by_agora), (Operation::Like, by_floor)]);
        for (operation, post) in about {
            let one = data(agora.send(&operation.to_agora(self.agora, &self.viewer.token, post)).await?)?;
            let other = data(floor.send(&operation.to_floor(self.floor, &self.viewer.token, post)).await?)?;
            operation.check_contents(&one)?;
            if one != other {
                return Err(format!("{}: the answers differ\nAgora: {one}\nfloor: {other}", operation.name()).into());
            }
        }
        let (one, other) = (
            rows_of_like(session, by_agora, self.viewer.id).await?,
            rows_of_like(session, by_floor, self.viewer.id).await?,
        );
        if one != other {
            return Err(format!("like: the rows differ\nAgora: {one}\nfloor: {other}").into());
        }
        Ok(())
    }
}

/// Every column that a person's like of a post writes, with the post's id, the job's and the times made equal.
async fn rows_of_like(session: &Session, post: Uuid, person: Uuid) -> Result<Value> {
    let sql = "SELECT json_build_object(\
                 'likes', (SELECT json_agg(to_jsonb(l) || '{\"created_at\": 0}') FROM post_likes l \
                           WHERE post_id = $1 AND user_id = $2), \
                 'counted', (SELECT like_count = (SELECT COUNT(*) FROM post_likes WHERE post_id = $1) \
                             FROM posts WHERE id = $1), \
                 'reached', (SELECT event_seq = (SELECT MAX(seq) FROM events WHERE stream_id = $1) \
                             FROM posts WHERE id = $1), \
                 'events', (SELECT json_agg(to_jsonb(e) || jsonb_build_object('seq', 0, 'created_at', e.created_at = \
                              (SELECT created_at FROM post_likes WHERE post_id = $1 AND user_id = $2))) \
                            FROM events e WHERE stream_id = $1 AND actor_id = $2), \
                 'jobs', (SELECT json_agg(to_jsonb(j) || '{\"id\": 0, \"created_at\": 0, \"run_at\": 0}') FROM jobs j \
                          WHERE payload LIKE '%' || $1::text || '%' || $2::text || '%')\
               )::text";
    let text: String = session.client.query_one(sql, &[&post, &person]).await?.get(0);
    Ok(serde_json::from_str(&text.replace(&post.to_string(), "the post"))?)
}
