//! How often events are executed: once for all who see the same, within everybody's allowance, and none is lost.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::{listening, notify, open};
use crate::{
    goals,
    harness::{Client, Server, Socket},
};

const WATCH: &str = "subscription($id: ID!, $after: String, $first: Int) { goalProgress(id: $id, after: $after) { \
    cursor phase goal { title contributions(first: $first) { nodes { id } } } } }";

fn executions(server: &Server) -> u64 {
    server.app.executions.load(Ordering::SeqCst)
}

/// Changes a goal's title to `1`, `2` … in one operation, and so the goal so many times.
async fn retitle(owner: &Client, goal: &str, times: usize) {
    let change = |n: usize| format!("c{n}: goalUpdate(input: {{ id: $id, title: \"{n}\" }}) {{ errors {{ code }} }}");
    let changes: Vec<_> = (1..=times).map(change).collect();
    owner.ok(&format!("mutation($id: ID!) {{ {} }}", changes.join(" ")), json!({ "id": goal })).await;
}

/// The ids of subscriptions and the titles that each was told of next, so many of all.
async fn told(socket: &mut Socket, count: usize) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for _ in 0..count {
        let message = socket.next().await;
        assert_eq!(message["type"], "next", "{message}");
        let event = &message["payload"]["data"]["goalProgress"];
        assert_eq!(event["phase"], "LIVE", "{message}");
        let title = event["goal"]["title"].as_str().unwrap_or_default();
        told.push((message["id"].as_str().unwrap().to_owned(), title.to_owned()));
    }
    told
}

#[tokio::test]
async fn an_event_is_executed_once_for_all_who_see_the_same() {
    let (server, address, olivia) = listening(&[]).await;
    let goal = goals::begin(&olivia, &json!({})).await;
    let head = olivia.ok("query($id: ID!) { goal(id: $id) { streamCursor } }", json!({ "id": goal })).await;
    let mut sockets = [Socket::open(address, None).await, Socket::open(address, None).await];
    for number in 0..90 {
        // Where they begin in the stream is not what they see.
        let after = if number % 3 == 0 { head["goal"]["streamCursor"].clone() } else { Value::Null };
        let variables = json!({ "id": goal, "after": after, "first": 2 });
        sockets[number % 2].subscribe(&number.to_string(), WATCH, variables).await;
    }
    for socket in &mut sockets {
        told(socket, 45).await;
    }
    let before = executions(&server);
    retitle(&olivia, &goal, 10).await;
    for socket in &mut sockets {
        let mut told = told(socket, 450).await;
        assert_eq!(told.iter().filter(|(_, title)| title == "10").count() % 45, 0, "{told:?}");
        told.sort();
        told.dedup_by(|(one, _), (other, _)| one == other);
        assert_eq!(told.len(), 45);
    }
    assert_eq!(executions(&server) - before, 10);
}

#[tokio::test]
async fn who_sees_something_else_has_executions_of_their_own() {
    let (server, address, olivia) = listening(&[]).await;
    let badr = server.user("badr").await;
    let goal = goals::begin(&olivia, &json!({})).await;
    let mut sockets = [
        Socket::open(address, None).await,
        open(address, &olivia).await,
        open(address, &badr).await,
        open(address, &badr).await,
    ];
    for socket in &mut sockets {
        socket.subscribe("1", WATCH, json!({ "id": goal, "first": 2 })).await;
        // Another selection; another value below the root.
        socket.subscribe("2", &WATCH.replace("title", "title state"), json!({ "id": goal, "first": 2 })).await;
        socket.subscribe("3", WATCH, json!({ "id": goal, "first": 3 })).await;
        told(socket, 3).await;
    }
    let before = executions(&server);
    retitle(&olivia, &goal, 1).await;
    for socket in &mut sockets {
        assert!(told(socket, 3).await.iter().all(|(_, title)| title == "1"));
    }
    // Nobody, olivia, and badr, who is there twice; each with three operations.
    assert_eq!(executions(&server) - before, 9);
}

#[tokio::test]
async fn who_is_over_their_allowance_gets_the_newest_of_a_state_later() {
    let (server, address, olivia) = listening(&[("RATE_LIMIT_LIVE", "20/second")]).await;
    let goal = goals::begin(&olivia, &json!({})).await;
    let mut socket = Socket::open(address, None).await;
    for number in 0..20 {
        // Each is another operation.
        let query = WATCH.replace("cursor phase", &format!("cursor phase n{number}: phase"));
        socket.subscribe(&number.to_string(), &query, json!({ "id": goal, "first": 1 })).await;
    }
    told(&mut socket, 20).await;
    let before = executions(&server);
    retitle(&olivia, &goal, 10).await;
    let mut newest = [0; 20];
    while newest.iter().any(|title| *title < 10) {
        let (id, title) = told(&mut socket, 1).await.remove(0);
        let (id, title): (usize, i32) = (id.parse().unwrap(), title.parse().unwrap());
        assert!(title >= newest[id], "{id}: {title} came after {}", newest[id]);
        newest[id] = title;
    }
    let made = executions(&server) - before;
    assert!((20..200).contains(&made), "{made}");
}

#[tokio::test]
async fn what_is_not_a_state_comes_whole_however_long_it_takes() {
    let (server, address, amina) = listening(&[("RATE_LIMIT_LIVE", "10/second")]).await;
    let mut socket = open(address, &amina).await;
    let watch = "subscription { notificationReceived { phase notification { title } } }";
    for id in ["1", "2"] {
        socket.subscribe(id, watch, Value::Null).await;
        assert_eq!(socket.event().await["notificationReceived"]["phase"], "LIVE");
    }
    let names: Vec<_> = (0..15).map(|number| format!("friend{number:02}")).collect();
    for name in &names {
        notify(&server, &amina, name).await;
    }
    let mut titles = [Vec::new(), Vec::new()];
    for _ in 0..30 {
        let message = socket.next().await;
        let title = message["payload"]["data"]["notificationReceived"]["notification"]["title"].clone();
        titles[usize::from(message["id"] == "2")].push(title.as_str().unwrap().to_owned());
    }
    for titles in titles {
        let expected: Vec<_> = names.iter().map(|name| format!("{name} likes your post")).collect();
        assert_eq!(titles, expected);
    }
}
