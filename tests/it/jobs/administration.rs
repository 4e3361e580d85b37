//! The queue of background jobs, as those see it who manage it.

use agora::entity::user_role::Role;
use serde_json::{Value, json};

use crate::harness::{Client, Server};

const JOBS: &str = "query($where: AdminJobWhere) { adminJobs(where: $where, first: 100) { totalCount counts { queued due dead } \
    nodes { id kind state attempts runAt lastError createdAt } } }";
const RETRY: &str =
    "mutation($id: ID!) { adminJobRetry(input: { id: $id }) { errors { code path } job { id state attempts } } }";

async fn jobs(client: &Client, filter: Value) -> Value {
    let data = client.ok(JOBS, json!({ "where": filter })).await["adminJobs"].clone();
    assert_eq!(data["totalCount"], data["nodes"].as_array().unwrap().len());
    data
}

/// Two jobs, the older of them dead.
async fn with_jobs() -> (Server, Client, String) {
    let server = Server::start().await;
    let (admin, amina) = (server.staff("keeper", Role::Administrator).await, server.user("amina").await);
    for body in ["one", "two"] {
        let post = amina.publish(body).await;
        admin.like(&post).await;
        server.advance(1);
    }
    let sql = "UPDATE jobs SET state = 'dead', attempts = 10, last_error = 'it is broken' \
               WHERE id IN (SELECT id FROM jobs ORDER BY created_at, id LIMIT 1)";
    server.write(sql, Vec::new()).await;
    let dead = jobs(&admin, json!({ "states": "DEAD" })).await["nodes"][0]["id"].as_str().unwrap().to_owned();
    (server, admin, dead)
}

#[tokio::test]
async fn the_queue_is_shown_without_what_it_works_on() {
    let (server, admin, dead) = with_jobs().await;
    let list = jobs(&admin, Value::Null).await;
    assert_eq!(list["counts"], json!({ "queued": 1, "due": 1, "dead": 1 }));
    let expected = json!({
        "id": dead, "kind": "notify", "state": "DEAD", "attempts": 10, "runAt": "2026-01-01T12:00:00+00:00",
        "lastError": "it is broken", "createdAt": "2026-01-01T12:00:00+00:00",
    });
    assert_eq!(list["nodes"][1], expected);
    let queued = jobs(&admin, json!({ "states": "QUEUED" })).await;
    assert_eq!((&queued["totalCount"], &queued["nodes"][0]["state"]), (&json!(1), &json!("QUEUED")));
    assert_eq!(queued["nodes"][0]["lastError"], Value::Null);
    for (filter, expected) in [
        (json!({ "states": ["QUEUED", "DEAD"] }), 2),
        (json!({ "states": [] }), 0),
        (json!({ "states": ["DEAD"], "kinds": ["notify", "message"] }), 1),
        (json!({ "kinds": ["message"] }), 0),
        (json!({ "createdAt": { "from": "2026-01-01T12:00:01Z" } }), 1),
        (json!({ "createdAt": { "until": "2026-01-01T12:00:01Z" }, "states": ["DEAD"] }), 1),
    ] {
        assert_eq!(jobs(&admin, filter.clone()).await["totalCount"], expected, "{filter}");
    }
    let pages = admin.pages("{ adminJobs(PAGE) { ITEMS } }", 1, false).await;
    assert_eq!(pages[1], std::slice::from_ref(&dead));
    let query = "{ adminJobs { nodes { payload } } }";
    assert_eq!(admin.refused(query, Value::Null).await, "BAD_REQUEST", "what a job works on is nobody's to see");
    // By id, too, for those who may see it.
    let node = "query($id: ID!) { node(id: $id) { __typename } }";
    assert_eq!(admin.ok(node, json!({ "id": dead })).await["node"]["__typename"], "Job");
    let moderator = server.staff("mod", Role::Moderator).await;
    assert_eq!(moderator.ok(node, json!({ "id": dead })).await["node"], Value::Null);
    assert_eq!(moderator.refused(JOBS, json!({ "where": null })).await, "FORBIDDEN");
}

#[tokio::test]
async fn a_dead_job_is_queued_again_once_and_that_is_written_down() {
    let (server, admin, dead) = with_jobs().await;
    server.advance(60);
    let data = admin.ok(RETRY, json!({ "id": dead })).await["adminJobRetry"].clone();
    assert_eq!(data, json!({ "errors": [], "job": { "id": dead, "state": "QUEUED", "attempts": 0 } }));
    let before = server.rows().await;
    let at_id = |code: &str| vec![(code.to_owned(), "input.id".to_owned())];
    assert_eq!(admin.user_errors(RETRY, json!({ "id": dead })).await, at_id("ALREADY_DONE"));
    let nobody = "job_01jc0000000000000000000000";
    assert_eq!(admin.user_errors(RETRY, json!({ "id": nobody })).await, at_id("NOT_FOUND"));
    assert_eq!(admin.user_errors(RETRY, json!({ "id": admin.id })).await, at_id("INVALID_ID"));
    assert_eq!(server.rows().await, before);
    let query = "query($id: [ID!]) { adminAudit(where: { subjectIds: $id }) { nodes { action actor { username } subject { id } \
                 changes { property before after } } } }";
    let entries = admin.ok(query, json!({ "id": dead })).await["adminAudit"]["nodes"].clone();
    let changes = json!([{ "property": "state", "before": "dead", "after": "queued" }]);
    let expected = json!([{
        "action": "adminJobRetry", "actor": { "username": "keeper" }, "subject": { "id": dead }, "changes": changes,
    }]);
    assert_eq!(entries, expected);
    // It runs, and is gone; what was written down of it stays.
    assert_eq!(server.run_jobs().await, 2);
    assert_eq!(jobs(&admin, Value::Null).await["counts"], json!({ "queued": 0, "due": 0, "dead": 0 }));
    let entries = admin.ok(query, json!({ "id": dead })).await["adminAudit"]["nodes"].clone();
    assert_eq!((entries.as_array().unwrap().len(), &entries[0]["subject"]), (1, &Value::Null));
}
