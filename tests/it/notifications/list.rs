//! The list of notifications, and marking them as read.

use agora::entity::PostId;
use serde_json::{Value, json};

use super::{LIST, MARK_ALL, MARK_READ, time, told, with_told};
use crate::harness::user_error;

#[tokio::test]
async fn notifications_are_listed_page_by_page_and_those_unread_alone() {
    let (server, amina, basma, post) = with_told(4).await;
    // Three more at one moment.
    for number in 4..7 {
        basma.comment(&post, &format!("number {number}")).await;
    }
    let list = told(&server, &amina).await;
    let messages: Vec<_> = list.iter().map(|node| node["message"].as_str().unwrap()).collect();
    assert_eq!(messages, [6, 5, 4, 3, 2, 1, 0].map(|number| format!("number {number}")));
    let all: Vec<String> = list.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect();
    for id in [&all[1], &all[5]] {
        amina.ok(MARK_READ, json!({ "id": id })).await;
    }
    let unread: Vec<String> = [0, 2, 3, 4, 6].map(|at: usize| all[at].clone()).into();
    let read: Vec<String> = [1, 5].map(|at: usize| all[at].clone()).into();
    for (filter, expected) in [
        ("", &all),
        ("where: {}, ", &all),
        ("where: { unread: null }, ", &all),
        ("where: { unread: true }, ", &unread),
        ("where: { unread: false }, ", &read),
    ] {
        let query = format!("{{ me {{ notifications({filter}PAGE) {{ ITEMS }} }} }}");
        for size in [1, 2, 3, 100] {
            assert_eq!(amina.pages(&query, size, false).await.concat(), *expected, "{filter} first {size}");
            let mut backwards = amina.pages(&query, size, true).await;
            backwards.reverse();
            assert_eq!(backwards.concat(), *expected, "{filter} last {size}");
        }
    }
    for (filter, expected) in [
        ("{ kinds: [COMMENT] }", 7),
        ("{ kinds: [COMMENT, LIKE], unread: true }", 5),
        ("{ kinds: [COMMENT, LIKE], unread: false }", 2),
        ("{ kinds: [LIKE] }", 0),
        ("{ kinds: [] }", 0),
    ] {
        let query = format!("{{ me {{ notifications(where: {filter}) {{ totalCount }} }} }}");
        assert_eq!(amina.ok(&query, Value::Null).await["me"]["notifications"]["totalCount"], expected, "{filter}");
    }
    let data = amina.ok(LIST, json!({ "unread": true })).await;
    assert_eq!(data["me"]["notifications"]["totalCount"], 5);
    assert_eq!(data["me"]["notificationUnreadCount"], 5);
    let data = basma.ok(LIST, Value::Null).await;
    assert_eq!(
        (&data["me"]["notifications"]["totalCount"], &data["me"]["notificationUnreadCount"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn wrong_page_arguments_are_a_bad_request() {
    let (_server, amina, _, _) = with_told(1).await;
    let posts = amina.ok("{ posts { edges { cursor } } }", Value::Null).await;
    let foreign = posts["posts"]["edges"][0]["cursor"].as_str().unwrap();
    let stream = amina.ok("{ me { notifications { streamCursor } } }", Value::Null).await;
    let stream = stream["me"]["notifications"]["streamCursor"].as_str().unwrap();
    for arguments in [
        "first: 101".to_owned(),
        "last: -1".to_owned(),
        "first: 1, last: 1".to_owned(),
        format!("after: \"{foreign}\""),
        format!("before: \"{stream}\""),
    ] {
        let query = format!("{{ me {{ notifications({arguments}) {{ nodes {{ id }} }} }} }}");
        assert_eq!(amina.refused(&query, Value::Null).await, "BAD_REQUEST", "{arguments}");
    }
}

#[tokio::test]
async fn marking_as_read_keeps_the_first_time_and_touches_nobody_else_s() {
    let (server, amina, basma, _) = with_told(2).await;
    let id = told(&server, &amina).await[0]["id"].clone();
    let first = server.clock.now();
    for _ in 0..2 {
        let data = amina.ok(MARK_READ, json!({ "id": id })).await;
        assert_eq!(data["notificationMarkRead"]["errors"], json!([]));
        assert_eq!(data["notificationMarkRead"]["notification"]["id"], id);
        assert_eq!(time(&data["notificationMarkRead"]["notification"]["readAt"]), first);
        server.advance(60);
    }
    let list = told(&server, &amina).await;
    assert_eq!((time(&list[0]["readAt"]), &list[1]["readAt"]), (first, &Value::Null));
    assert_eq!(amina.ok("{ me { notificationUnreadCount } }", Value::Null).await["me"]["notificationUnreadCount"], 1);

    let other = &list[1]["id"];
    assert_eq!(basma.user_errors(MARK_READ, json!({ "id": other })).await, user_error("NOT_FOUND", "input.id"));
    assert_eq!(server.anonymous().refused(MARK_READ, json!({ "id": other })).await, "UNAUTHENTICATED");
    let never = PostId(server.app.ids.next(server.clock.now())).to_string();
    let never_told = never.replace("post_", "notification_");
    assert_eq!(amina.user_errors(MARK_READ, json!({ "id": never_told })).await, user_error("NOT_FOUND", "input.id"));
    for wrong in [never.as_str(), amina.id.as_str(), "", "nonsense"] {
        assert_eq!(
            amina.user_errors(MARK_READ, json!({ "id": wrong })).await,
            user_error("INVALID_ID", "input.id"),
            "{wrong}"
        );
    }
    assert_eq!(told(&server, &amina).await, list);
}

#[tokio::test]
async fn all_of_one_s_own_are_marked_as_read_at_once() {
    let (server, amina, basma, _) = with_told(3).await;
    let theirs = basma.publish("basma's").await;
    amina.like(&theirs).await;
    let list = told(&server, &amina).await;
    amina.ok(MARK_READ, json!({ "id": list[0]["id"] })).await;
    let already = told(&server, &amina).await[0]["readAt"].clone();
    server.advance(60);
    for count in [2, 0] {
        let data = amina.ok(MARK_ALL, Value::Null).await;
        assert_eq!(data["notificationMarkAllRead"], json!({ "markedCount": count, "errors": [] }));
    }
    let list = told(&server, &amina).await;
    assert_eq!(list[0]["readAt"], already, "what was read stays read when it was");
    assert!(list[1..].iter().all(|node| time(&node["readAt"]) == server.clock.now()), "{list:?}");
    assert_eq!(amina.ok("{ me { notificationUnreadCount } }", Value::Null).await["me"]["notificationUnreadCount"], 0);
    assert_eq!(basma.ok("{ me { notificationUnreadCount } }", Value::Null).await["me"]["notificationUnreadCount"], 1);
    assert_eq!(server.anonymous().refused(MARK_ALL, Value::Null).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn notifications_are_for_who_is_signed_in() {
    let (server, _, _, _) = with_told(1).await;
    let nobody = server.anonymous();
    for query in [
        "{ me { notifications { nodes { id } } } }",
        "{ me { notificationUnreadCount } }",
        "{ me { notifications { streamCursor } } }",
    ] {
        assert_eq!(nobody.ok(query, Value::Null).await, json!({ "me": null }), "{query}");
    }
}
