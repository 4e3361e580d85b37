//! A client, as a frontend would be one.

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, Response, StatusCode},
};
use serde_json::{Value, json};

/// The password of everybody in the tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody who calls the server.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    pub access_token: Option<String>,
    pub refresh_token: Option<String>,
    pub id: String,
    pub username: String,
    headers: Vec<(String, String)>,
    peer: SocketAddr,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// Reads a response, which has to be JSON.
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", parts.status, String::from_utf8_lossy(&bytes)));
        Self { status: parts.status, headers: parts.headers, body }
    }

    /// A header's text; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The extensions of the first error. Every error is checked to have a code, the request's id, and words that
    /// show nothing of the inside.
    pub(crate) fn refusal(&self) -> &Value {
        let errors = self.body["errors"].as_array().unwrap_or_else(|| panic!("not refused: {}", self.body));
        for error in errors {
            check_error(error);
            assert_eq!(error["extensions"]["requestId"], self.header("x-request-id"), "{error}");
        }
        &errors[0]["extensions"]
    }

    /// The first error's code, checked as in [`Answer::refusal`].
    pub(crate) fn code(&self) -> &str {
        self.refusal()["code"].as_str().unwrap()
    }
}

/// A top-level error has a code of the closed list, a request id, and shows nothing of the inside.
pub(crate) fn check_error(error: &Value) {
    const CODES: &[&str] = &[
        "BAD_REQUEST",
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "REAUTHENTICATION_REQUIRED",
        "TWO_FACTOR_SETUP_REQUIRED",
        "RATE_LIMITED",
        "COST_EXCEEDED",
        "TIMEOUT",
        "UNAVAILABLE",
        "PERSISTED_QUERY_NOT_FOUND",
    ];
    let code = error["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no code: {error}"));
    assert!(CODES.contains(&code), "{error}");
    assert!(error["extensions"]["requestId"].as_str().is_some_and(|id| !id.is_empty()), "no request id: {error}");
    let message = error["message"].as_str().unwrap();
    assert!(!message.is_empty(), "{error}");
    let inside = ["Err(", "Ok(", "Some(", "None", "panicked", "src/", ".rs", "::", "SELECT", "sqlx"];
    for word in inside {
        assert!(!message.contains(word), "`{word}` is of the inside: {message}");
    }
}

/// The variables of a registration, whose `input` is `$input`.
pub(crate) fn joining(username: &str, email: &str) -> Value {
    json!({ "input": { "username": username, "email": email, "password": PASSWORD } })
}

/// What [`Client::user_errors`] gives where there is one.
pub(crate) fn user_error(code: &str, path: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), path.to_owned())]
}

impl Client {
    pub(crate) fn new(router: Router) -> Self {
        Self {
            router,
            access_token: None,
            refresh_token: None,
            id: String::new(),
            username: String::new(),
            headers: Vec::new(),
            peer: SocketAddr::from(([192, 0, 2, 1], 1234)),
        }
    }

    /// Calls from another address.
    pub(crate) fn from(mut self, address: &str) -> Self {
        self.peer = SocketAddr::new(address.parse().unwrap(), 1234);
        self
    }

    /// With one more header on every request.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another access token.
    pub(crate) fn token(mut self, token: &str) -> Self {
        self.access_token = Some(token.to_owned());
        self
    }

    /// Asks through another server.
    pub(crate) fn through(mut self, router: Router) -> Self {
        self.router = router;
        self
    }

    /// Sends an operation and gives whatever comes back.
    pub(crate) async fn send(&self, query: &str, variables: Value) -> Answer {
        let answer = self.post(json!({ "query": query, "variables": variables }).to_string()).await;
        super::contract::check(query, &answer.body);
        answer
    }

    /// Sends a body as it is.
    pub(crate) async fn post(&self, body: impl Into<Body>) -> Answer {
        let mut request = Request::post("/graphql").header("content-type", "application/json");
        if let Some(token) = &self.access_token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.request(request.body(body.into()).unwrap()).await
    }

    /// Sends a request as it is, from this client's address; nothing is added to it.
    pub(crate) async fn request(&self, request: Request<Body>) -> Answer {
        Answer::read(super::send(self.router.clone(), request, self.peer).await).await
    }

    /// Sends an operation that has to go well; gives `data`.
    pub(crate) async fn ok(&self, query: &str, variables: Value) -> Value {
        let answer = self.send(query, variables).await;
        assert!(answer.body.get("errors").is_none(), "{query}: {}", answer.body);
        answer.body["data"].clone()
    }

    /// Sends an operation that has to be refused at the top; gives the first error's code.
    pub(crate) async fn refused(&self, query: &str, variables: Value) -> String {
        let answer = self.send(query, variables).await;
        let code = answer.body["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or_else(|| panic!("not refused: {}", answer.body)).to_owned()
    }

    /// Sends a mutation whose only field has to be refused with user errors; gives `(code, path)` of each.
    pub(crate) async fn user_errors(&self, query: &str, variables: Value) -> Vec<(String, String)> {
        let data = self.ok(query, variables).await;
        let payload = data.as_object().unwrap().values().next().unwrap();
        let errors = payload["errors"].as_array().unwrap_or_else(|| panic!("no errors selected: {payload}"));
        errors
            .iter()
            .map(|error| {
                let path = error["path"].as_array().unwrap().iter().map(|part| part.as_str().unwrap());
                (error["code"].as_str().unwrap().to_owned(), path.collect::<Vec<_>>().join("."))
            })
            .collect()
    }

    /// Joins, and is signed in.
    pub(crate) async fn register(mut self, username: &str) -> Self {
        let input = json!({
            "username": username,
            "email": format!("{username}@example.org"),
            "password": PASSWORD,
            "firstName": username,
        });
        let query = "mutation($input: RegisterInput!) { register(input: $input) { errors { code path message } result { \
                     ... on Session { accessToken refreshToken user { id } } } } }";
        let data = self.ok(query, json!({ "input": input })).await;
        self.adopt(&data["register"]["result"]);
        self.username = username.to_owned();
        self
    }

    /// Signs in.
    pub(crate) async fn login(mut self, username: &str) -> Self {
        let query = "mutation($input: LoginInput!) { login(input: $input) { errors { code } result { \
                     ... on Session { accessToken refreshToken user { id } } } } }";
        let data = self.ok(query, json!({ "input": { "login": username, "password": PASSWORD } })).await;
        self.adopt(&data["login"]["result"]);
        self.username = username.to_owned();
        self
    }

    /// Has used its token: the first use is written down, which is not what is to wait for somebody's transaction.
    pub(crate) async fn seen(self) -> Self {
        self.ok("{ me { id } }", Value::Null).await;
        self
    }

    fn adopt(&mut self, session: &Value) {
        self.access_token = Some(session["accessToken"].as_str().unwrap_or_else(|| panic!("{session}")).to_owned());
        self.refresh_token = Some(session["refreshToken"].as_str().unwrap().to_owned());
        session["user"]["id"].as_str().unwrap().clone_into(&mut self.id);
    }

    /// Publishes a post; gives its id.
    pub(crate) async fn publish(&self, body: &str) -> String {
        let query = "mutation($body: String!) { postCreate(input: { body: $body }) { post { id } errors { code } } }";
        let data = self.ok(query, json!({ "body": body })).await;
        data["postCreate"]["post"]["id"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
    }

    /// Answers a post; gives the comment's id.
    pub(crate) async fn comment(&self, post: &str, body: &str) -> String {
        self.answer("postId", post, body).await
    }

    /// Replies to a comment; gives the reply's id.
    pub(crate) async fn reply(&self, comment: &str, body: &str) -> String {
        self.answer("commentId", comment, body).await
    }

    async fn answer(&self, field: &str, id: &str, body: &str) -> String {
        let query =
            "mutation($input: CommentCreateInput!) { commentCreate(input: $input) { comment { id } errors { code } } }";
        let data = self.ok(query, json!({ "input": { "target": { field: id }, "body": body } })).await;
        data["commentCreate"]["comment"]["id"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
    }

    /// Likes a post.
    pub(crate) async fn like(&self, post: &str) {
        let query = "mutation($id: ID!) { postLike(input: { id: $id }) { errors { code } post { viewerHasLiked } } }";
        let data = self.ok(query, json!({ "id": post })).await;
        assert_eq!(data["postLike"]["post"]["viewerHasLiked"], true, "{data}");
    }

    /// The ids of a list, page by page, from its start or (`backwards`) from its end; a page's ids are in list order.
    ///
    /// `query` has `PAGE` where the list's page arguments belong and `ITEMS` for its selection:
    /// `{ users(sortBy: NEWEST, PAGE) { ITEMS } }`.
    pub(crate) async fn pages(&self, query: &str, size: i64, backwards: bool) -> Vec<Vec<String>> {
        let page = if backwards { "last: $size, before: $cursor" } else { "first: $size, after: $cursor" };
        let items = "nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
        let query = query.replace("PAGE", page).replace("ITEMS", items);
        let query = format!("query($size: Int, $cursor: String) {query}");
        let (mut pages, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let data = self.ok(&query, json!({ "size": size, "cursor": cursor })).await;
            let list = find_connection(&data).unwrap_or_else(|| panic!("no list: {data}"));
            let ids: Vec<String> =
                list["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect();
            let info = &list["pageInfo"];
            let (more, behind, next) = if backwards {
                (&info["hasPreviousPage"], &info["hasNextPage"], &info["startCursor"])
            } else {
                (&info["hasNextPage"], &info["hasPreviousPage"], &info["endCursor"])
            };
            assert_eq!(*behind, !cursor.is_null(), "{data}");
            assert!(
                *more == false || ids.len() as i64 == size,
                "a page that is not full, though there are more: {data}"
            );
            cursor = next.clone();
            pages.push(ids);
            assert!(pages.len() < 1000, "the list does not end: {query}: {data}");
            if *more == false {
                return pages;
            }
        }
    }
}

/// The first object of an answer that is a list.
fn find_connection(value: &Value) -> Option<&Value> {
    if value.get("pageInfo").is_some() {
        return Some(value);
    }
    value.as_object()?.values().find_map(find_connection)
}
