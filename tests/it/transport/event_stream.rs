//! Operations answered as server-sent events: what is sent, how it goes on after a cut, and what ends it.

use axum::{
    body::{Body, BodyDataStream},
    http::{Request, Response, StatusCode, request},
};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{PUBLISH, by_url, empty, signed};
use crate::{
    goals,
    harness::{Client, Server, TIMEOUT, client::check_error, eventually},
    websocket::{
        notify,
        unread::{LONG, beginning, changed},
    },
};

const RECEIVED: &str = "subscription($after: String) { notificationReceived(after: $after) { phase cursor \
    notification { kind } } }";
const WATCH: &str = "subscription($id: ID!) { goalProgress(id: $id) { phase } }";

/// What comes of a stream.
#[derive(Debug, PartialEq)]
enum Event {
    Next(Value),
    Complete,
    Comment,
    /// The end of the answer itself.
    End,
}

impl Event {
    fn parse(block: &str) -> Self {
        if block.starts_with(':') {
            return Self::Comment;
        }
        match block.split_once('\n') {
            Some(("event: next", data)) => {
                Self::Next(serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap())
            }
            Some(("event: complete", "data:")) => Self::Complete,
            _ => panic!("no event of the protocol: {block}"),
        }
    }
}

/// A stream that is read.
struct Events {
    body: BodyDataStream,
    read: String,
}

impl Events {
    fn of(response: Response<Body>) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body().into_data_stream(), read: String::new() }
    }

    async fn open(server: &Server, client: &Client, query: &str, variables: Value) -> Self {
        Self::of(ask(server, client, query, variables).await)
    }

    /// Follows somebody's notifications, and is told that the stream is live.
    async fn follow(server: &Server, client: &Client) -> Self {
        let mut events = Self::open(server, client, RECEIVED, Value::Null).await;
        assert_eq!(events.next().await["notificationReceived"]["phase"], "LIVE");
        events
    }

    async fn event(&mut self) -> Event {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (Event::parse(block), rest.to_owned());
                self.read = rest;
                return event;
            }
            let chunk = tokio::time::timeout(TIMEOUT, self.body.next()).await.expect("nothing came in time");
            let Some(chunk) = chunk else {
                assert_eq!(self.read, "");
                return Event::End;
            };
            self.read.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    /// The next one that is no comment.
    async fn told(&mut self) -> Event {
        loop {
            match self.event().await {
                Event::Comment => {}
                event => return event,
            }
        }
    }

    /// The data of the next answer.
    async fn next(&mut self) -> Value {
        let Event::Next(answer) = self.told().await else { panic!("no answer") };
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    /// It is complete, and nothing more comes.
    async fn completed(&mut self) {
        assert_eq!(self.told().await, Event::Complete);
        assert_eq!(self.event().await, Event::End);
    }

    /// The code of a refusal, which is the last that comes.
    async fn refused(&mut self) -> String {
        let Event::Next(answer) = self.told().await else { panic!("no answer") };
        let errors = answer["errors"].as_array().unwrap();
        errors.iter().for_each(check_error);
        self.completed().await;
        errors[0]["extensions"]["code"].as_str().unwrap().to_owned()
    }
}

fn wanted(request: request::Builder) -> request::Builder {
    request.header("accept", "text/event-stream")
}

async fn ask(server: &Server, client: &Client, query: &str, variables: Value) -> Response<Body> {
    let mut request = wanted(Request::post("/graphql")).header("content-type", "application/json");
    if client.access_token.is_some() {
        request = signed(request, client);
    }
    let body = json!({ "query": query, "variables": variables }).to_string();
    server.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn what_happens_arrives_and_after_a_cut_what_was_missed_comes_first() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let mut events = Events::follow(&server, &amina).await;
    notify(&server, &amina, "badr").await;
    let seen = events.next().await["notificationReceived"].clone();
    assert_eq!((&seen["phase"], &seen["notification"]["kind"]), (&json!("LIVE"), &json!("LIKE")));

    drop(events);
    notify(&server, &amina, "chadi").await;
    let mut events = Events::open(&server, &amina, RECEIVED, json!({ "after": seen["cursor"] })).await;
    let missed = events.next().await["notificationReceived"].clone();
    assert_eq!((&missed["phase"], &missed["notification"]["kind"]), (&json!("REPLAY"), &json!("LIKE")));
    let marker = events.next().await["notificationReceived"].clone();
    assert_eq!((&marker["phase"], &marker["notification"]), (&json!("LIVE"), &Value::Null));
    notify(&server, &amina, "dina").await;
    let next = events.next().await["notificationReceived"].clone();
    assert_eq!((&next["phase"], &next["notification"]["kind"]), (&json!("LIVE"), &json!("LIKE")));
}

#[tokio::test]
async fn a_subscription_goes_by_url_too_and_a_mutation_still_does_not() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let parameters = [("query", RECEIVED), ("variables", "{}")];
    let response = server.send(empty(wanted(signed(by_url(&parameters), &amina)))).await;
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut events = Events::of(response);
    assert_eq!(events.next().await["notificationReceived"]["phase"], "LIVE");
    let before = server.rows().await;
    let answer = amina.request(empty(wanted(signed(by_url(&[("query", PUBLISH)]), &amina)))).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn anything_else_is_one_answer_and_complete() {
    let server = Server::with(&[("COMPRESSION_MIN_BYTES", "0")]).await;
    let amina = server.user("amina").await;
    let mut events = Events::open(&server, &amina, "{ me { username } }", Value::Null).await;
    assert_eq!(events.next().await, json!({ "me": { "username": "amina" } }));
    events.completed().await;
    let mut events = Events::open(&server, &amina, PUBLISH, Value::Null).await;
    assert_eq!(events.next().await["postCreate"]["errors"], json!([]));
    events.completed().await;
    // It is not packed, however small that would make it.
    let request = wanted(by_url(&[("query", "{ __typename }")])).header("accept-encoding", "gzip, br");
    let response = server.send(empty(request)).await;
    assert!(response.headers().get("content-encoding").is_none());
    assert_eq!(Events::of(response).next().await["__typename"], "Query");
}

#[tokio::test]
async fn an_operation_that_may_not_run_is_told_by_an_event() {
    let server = Server::start().await;
    let (amina, nobody) = (server.user("amina").await, server.anonymous());
    for (query, code) in [
        ("{", "BAD_REQUEST"),
        ("{ nothing }", "BAD_REQUEST"),
        ("subscription { nothing }", "BAD_REQUEST"),
        ("subscription { notificationReceived(after: \"x\") { phase } }", "BAD_REQUEST"),
        ("subscription($id: ID!) { goalProgress(id: $id) { phase } }", "BAD_REQUEST"),
    ] {
        assert_eq!(Events::open(&server, &amina, query, Value::Null).await.refused().await, code, "{query}");
    }
    assert_eq!(Events::open(&server, &nobody, RECEIVED, Value::Null).await.refused().await, "UNAUTHENTICATED");
    // What anybody may follow is not followed as nobody by somebody whose token is over.
    let goal = json!({ "id": goals::begin(&amina, &json!({})).await });
    let mut events = Events::open(&server, &nobody, WATCH, goal.clone()).await;
    assert_eq!(events.next().await["goalProgress"]["phase"], "LIVE");
    let response = ask(&server, &amina.clone().token("nonsense"), WATCH, goal).await;
    assert_eq!(response.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    assert_eq!(Events::of(response).refused().await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn what_is_no_operation_or_finds_no_room_is_told_by_the_status() {
    let settings = [("RATE_LIMIT_USER", "1/hour"), ("CORS_ALLOWED_ORIGINS", "https://app.example.org")];
    let server = Server::with(&settings).await;
    let amina = server.user("amina").await;
    let body = json!({ "query": RECEIVED }).to_string();
    let request = wanted(Request::post("/graphql")).header("content-type", "text/plain");
    let answer = amina.request(request.body(Body::from(body.clone())).unwrap()).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_REQUEST"));
    let request = wanted(Request::post("/graphql")).header("content-type", "application/json");
    let answer = amina.request(request.body(Body::from("{")).unwrap()).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"));
    let request = wanted(by_url(&[("query", RECEIVED)])).header("origin", "https://evil.example");
    let answer = amina.request(empty(request)).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "FORBIDDEN"));
    let _events = Events::follow(&server, &amina).await;
    let request = wanted(signed(by_url(&[("query", RECEIVED)]), &amina));
    let answer = amina.request(empty(request)).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"));
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn whoever_accepts_nothing_of_ours_is_told_what_there_is() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    for accept in ["text/html", "text/*", "text/event-stream;q=0", "text/event-stream; charset=utf-16"] {
        let request = by_url(&[("query", "{ __typename }")]).header("accept", accept);
        let answer = nobody.request(empty(request)).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_ACCEPTABLE, "BAD_REQUEST"), "{accept}");
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        for media in ["application/graphql-response+json", "application/json", "text/event-stream"] {
            assert!(message.contains(media), "{message}");
        }
    }
    // Who would rather have JSON gets that.
    let request = by_url(&[("query", "{ __typename }")]).header("accept", "application/json, text/event-stream");
    assert_eq!(nobody.request(empty(request)).await.body["data"]["__typename"], "Query");
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_is_kept_alive() {
    let server = Server::with(&[("WEBSOCKET_PING_SECONDS", "1")]).await;
    let amina = server.user("amina").await;
    let mut events = Events::follow(&server, &amina).await;
    for _ in 0..3 {
        assert_eq!(events.event().await, Event::Comment);
    }
    notify(&server, &amina, "badr").await;
    assert_eq!(events.next().await["notificationReceived"]["notification"]["kind"], "LIKE");
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_streams_and_no_others() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let again = server.anonymous().login("amina").await;
    let mut first = Events::follow(&server, &amina).await;
    let mut second = Events::follow(&server, &amina).await;
    let mut other = Events::follow(&server, &again).await;
    amina.ok("mutation { logout { ended } }", Value::Null).await;
    assert_eq!(first.refused().await, "UNAUTHENTICATED");
    assert_eq!(second.refused().await, "UNAUTHENTICATED");
    notify(&server, &again, "badr").await;
    assert_eq!(other.next().await["notificationReceived"]["notification"]["kind"], "LIKE");
}

#[tokio::test]
async fn there_is_room_for_so_many_streams_and_it_is_given_back() {
    let server = Server::with(&[("WEBSOCKET_MAX_PER_ADDRESS", "2")]).await;
    let amina = server.user("amina").await;
    let first = Events::follow(&server, &amina).await;
    let _second = Events::follow(&server, &amina).await;
    let answer = amina.request(empty(wanted(signed(by_url(&[("query", RECEIVED)]), &amina)))).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
    assert!(!answer.header("retry-after").is_empty());
    // What is over in a moment needs no permit.
    let mut query = Events::open(&server, &amina, "{ __typename }", Value::Null).await;
    assert_eq!(query.next().await["__typename"], "Query");
    drop(first);
    eventually("its place", async || ask(&server, &amina, RECEIVED, Value::Null).await.status() == StatusCode::OK)
        .await;
}

#[tokio::test]
async fn who_does_not_read_a_stream_for_too_long_is_cut_off_and_who_reads_gets_all_of_it() {
    const TIMES: usize = 60;
    let settings = [
        ("WEBSOCKET_WRITE_TIMEOUT_SECONDS", "2"),
        ("WEBSOCKET_MAX_CONNECTIONS", "2"),
        ("ANSWERS_IN_FLIGHT_BYTES", "1000000000"),
    ];
    let server = Server::with(&settings).await;
    let olivia = server.user("olivia").await;
    let goal = changed(&server, &olivia, TIMES).await;
    let variables = json!({ "id": goal.to_string(), "after": beginning(&server, goal) });
    let mut unread = Events::open(&server, &olivia, LONG, variables.clone()).await;
    let mut reader = Events::open(&server, &olivia, LONG, variables).await;
    for _ in 0..TIMES {
        assert_eq!(reader.next().await["goalProgress"]["phase"], "REPLAY");
    }
    assert_eq!(reader.next().await["goalProgress"]["phase"], "LIVE");
    eventually("its place", async || ask(&server, &olivia, RECEIVED, Value::Null).await.status() == StatusCode::OK)
        .await;
    // Without `complete`, it was cut: what it has got is a beginning.
    let mut taken = 0;
    loop {
        match unread.told().await {
            Event::Next(_) => taken += 1,
            Event::End => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(taken > 0 && taken < TIMES, "{taken} were taken");
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams_and_waits_for_nobody() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let mut events = Events::follow(&server, &amina).await;
    let _unread = Events::follow(&server, &amina).await;
    server.app.stop.cancel();
    // Not complete: whoever reads it comes again, to another server.
    assert_eq!(events.told().await, Event::End);
    server.app.tasks.close();
    tokio::time::timeout(TIMEOUT, server.app.tasks.wait()).await.expect("a task did not end");
}
