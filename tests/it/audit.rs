//! The audit log: who did what to whom, what was there before and since, from where and when; and nothing that was refused.

use agora::{
    domain::{
        actor::{Actor, Client as Caller},
        admin, audit, auth,
    },
    entity::user_role::Role,
};
use serde_json::{Value, json};

use crate::harness::{Client, Server};

const AUDIT: &str = "query($where: AdminAuditWhere) { adminAudit(where: $where, first: 50) { totalCount nodes { id action \
    isOperator actor { username } subjectId subject { __typename id } changes { property before after } reason address \
    createdAt } } }";

async fn log(client: &Client, filter: Value) -> Vec<Value> {
    let data = client.ok(AUDIT, json!({ "where": filter })).await;
    let list = data["adminAudit"]["nodes"].as_array().unwrap().clone();
    assert_eq!(data["adminAudit"]["totalCount"], list.len());
    list
}

fn actions(list: &[Value]) -> Vec<&str> {
    list.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

/// An administrator sets a role, suspends, reinstates and signs out, a minute apart.
async fn with_acts() -> (Server, Client, Client) {
    let server = Server::start().await;
    let (admin, amina) = (server.staff("keeper", Role::Administrator).await, server.user("amina").await);
    let here = admin.clone().from("198.51.100.7");
    for act in [
        "adminUserSetRole(input: { id: $id, role: SELLER }) { errors { code } }",
        "adminUserSuspend(input: { id: $id, reason: \"spam\", until: \"2026-02-01T00:00:00+00:00\" }) { errors { code } }",
        "adminUserReinstate(input: { id: $id }) { errors { code } }",
        "adminUserSignOutEverywhere(input: { id: $id }) { errors { code } }",
    ] {
        let errors = here.user_errors(&format!("mutation($id: ID!) {{ {act} }}"), json!({ "id": amina.id })).await;
        assert_eq!(errors, [], "{act}");
        server.advance(60);
    }
    (server, admin, amina)
}

#[tokio::test]
async fn each_act_is_written_down_with_what_it_changed() {
    let (_server, admin, amina) = with_acts().await;
    let list = log(&admin, Value::Null).await;
    let entry = |action: &str, changes: Value, reason: Value, minute: usize| {
        json!({
            "action": action, "isOperator": false, "actor": { "username": "keeper" }, "subjectId": amina.id,
            "subject": { "__typename": "User", "id": amina.id }, "changes": changes, "reason": reason,
            "address": "198.51.100.7", "createdAt": format!("2026-01-01T12:0{minute}:00+00:00"),
        })
    };
    let change =
        |property: &str, before: Value, after: Value| json!({ "property": property, "before": before, "after": after });
    let (none, spam, until) = (Value::Null, json!("spam"), json!("2026-02-01T00:00:00+00:00"));
    let expected = [
        entry("adminUserSignOutEverywhere", json!([]), none.clone(), 3),
        entry(
            "adminUserReinstate",
            json!([
                change("reason", spam.clone(), none.clone()),
                change("suspended", json!("true"), json!("false")),
                change("until", until.clone(), none.clone()),
            ]),
            none.clone(),
            2,
        ),
        entry(
            "adminUserSuspend",
            json!([
                change("reason", none.clone(), spam.clone()),
                change("suspended", json!("false"), json!("true")),
                change("until", none.clone(), until),
            ]),
            spam,
            1,
        ),
        entry("adminUserSetRole", json!([change("role", json!("user"), json!("seller"))]), none, 0),
    ];
    for (mut found, expected) in list.clone().into_iter().zip(expected) {
        let id = found.as_object_mut().unwrap().remove("id").unwrap();
        assert!(id.as_str().unwrap().starts_with("audit_"));
        assert_eq!(found, expected);
    }
    assert_eq!(list.len(), 4);
}

#[tokio::test]
async fn entries_are_found_by_who_whom_what_and_when() {
    let (server, admin, amina) = with_acts().await;
    let basma = server.user("basma").await;
    let query = "mutation($id: ID!) { adminUserSignOutEverywhere(input: { id: $id }) { errors { code } } }";
    let owner = server.staff("the_owner", Role::Owner).await;
    owner.ok(query, json!({ "id": basma.id })).await;
    for (filter, expected) in [
        (json!({ "actorIds": owner.id }), 1),
        (json!({ "actorIds": admin.id }), 4),
        (json!({ "actorIds": amina.id }), 0),
        (json!({ "subjectIds": amina.id }), 4),
        (json!({ "subjectIds": basma.id, "actorIds": admin.id }), 0),
        (json!({ "actions": "adminUserSignOutEverywhere" }), 2),
        (json!({ "actions": "adminUser\u{0}" }), 0),
        (json!({ "actions": ["adminUserSuspend", "adminUserReinstate"], "actorIds": [admin.id, owner.id] }), 2),
        (json!({ "subjectIds": [amina.id, basma.id], "actorIds": [owner.id] }), 1),
        (json!({ "subjectIds": [] }), 0),
        (json!({ "createdAt": { "from": "2026-01-01T12:01:00+00:00", "until": "2026-01-01T12:03:00+00:00" } }), 2),
    ] {
        assert_eq!(log(&admin, filter.clone()).await.len(), expected, "{filter}");
    }
    let whole: Vec<String> =
        log(&admin, json!({})).await.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
    for (size, backwards) in [(1, false), (2, false), (2, true), (100, true)] {
        let mut pages = admin.pages("{ adminAudit(PAGE) { ITEMS } }", size, backwards).await;
        if backwards {
            pages.reverse();
        }
        assert_eq!(pages.concat(), whole);
    }
    let query = "query($first: Int) { adminAudit(first: $first) { nodes { actor { username } subject { id } } } }";
    let mut spent = Vec::new();
    for first in [2, 5] {
        let before = server.app.db.statements();
        admin.ok(query, json!({ "first": first })).await;
        spent.push(server.app.db.statements() - before);
    }
    assert_eq!(spent[0], spent[1]);
}

#[tokio::test]
async fn only_those_with_the_permission_read_it_even_by_id() {
    let (server, admin, amina) = with_acts().await;
    let id = log(&admin, json!({})).await[0]["id"].clone();
    let node = "query($id: ID!) { node(id: $id) { __typename id } }";
    assert_eq!(admin.ok(node, json!({ "id": id })).await["node"]["__typename"], "AuditEntry");
    let amina = server.anonymous().login(&amina.username).await;
    let (agent, moderator) =
        (server.staff("agent", Role::SupportAgent).await, server.staff("mod", Role::Moderator).await);
    for client in [&amina, &agent, &moderator] {
        assert_eq!(client.refused(AUDIT, json!({ "where": null })).await, "FORBIDDEN");
        assert_eq!(client.ok(node, json!({ "id": id })).await["node"], Value::Null);
    }
    assert_eq!(server.anonymous().refused(AUDIT, json!({ "where": null })).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn what_was_refused_is_not_in_it() {
    let server = Server::start().await;
    let (admin, owner) =
        (server.staff("keeper", Role::Administrator).await, server.staff("the_owner", Role::Owner).await);
    let moderator = server.staff("mod", Role::Moderator).await;
    let act = format!(
        "mutation {{ adminUserSuspend(input: {{ id: \"{}\", reason: \"mine\" }}) {{ errors {{ code path }} }} }}",
        owner.id
    );
    for client in [&admin, &moderator] {
        assert_eq!(client.user_errors(&act, Value::Null).await[0].0, "BEYOND_YOUR_RIGHTS");
    }
    assert_eq!(log(&admin, json!({})).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_the_operator_does_has_nobody_s_name() {
    let server = Server::start().await;
    let (owner, amina) = (server.staff("the_owner", Role::Owner).await, server.user("amina").await);
    let (id, role) = (amina.id.parse().unwrap(), Some(Role::Moderator));
    admin::user_set_role(&server.app, &Actor::System, &Caller::default(), id, role).await.unwrap();
    assert!(auth::confirm_email(&server.app, "amina@example.org").await.unwrap());
    assert!(!auth::confirm_email(&server.app, "amina@example.org").await.unwrap(), "it is confirmed already");
    let list = log(&owner, json!({})).await;
    assert_eq!(actions(&list), ["admin confirm", "admin grant"]);
    assert_eq!(list[0]["changes"], json!([{ "property": "emailVerified", "before": "false", "after": "true" }]));
    assert_eq!(
        (&list[0]["actor"], &list[0]["isOperator"], &list[0]["address"]),
        (&json!(null), &json!(true), &json!(null))
    );
}

#[tokio::test]
async fn entries_are_kept_for_ever_or_as_long_as_the_operator_says() {
    let (server, ..) = with_acts().await;
    server.advance(86_400 * 4000);
    assert_eq!(audit::prune(&server.app).await.unwrap(), 0);
    let beside = server.beside(&[("AUDIT_RETENTION_DAYS", "4000")]).await;
    // The acts lie up to four minutes back of the time that has gone by.
    assert_eq!(audit::prune(&beside.app).await.unwrap(), 4);
    assert_eq!(server.count("SELECT COUNT(*) FROM audit_entries").await, 0);
}
