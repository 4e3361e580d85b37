//! Bugs that were found by attacking the server, each by the smallest thing that shows it.

use agora::{
    domain::{admin, auth, jobs, live::Phase, notifications},
    platform::bus::Hint,
};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::harness::{Client, Server};

fn actor(client: &Client) -> agora::domain::actor::Actor {
    agora::domain::actor::Actor::User(agora::domain::actor::SignedIn {
        id: client.id.parse().unwrap(),
        session_id: agora::entity::SessionId(uuid::Uuid::nil()),
        generation: 1,
        role: None,
        needs_two_factor: false,
    })
}

#[tokio::test]
async fn leaves_count_so_that_a_cheap_operation_can_t_make_a_huge_answer() {
    let server = Server::start().await;
    let leaves: Vec<_> = (0..30).map(|n| format!("b{n}: body")).collect();
    let query = format!("{{ posts(first: 100) {{ nodes {{ {} }} }} }}", leaves.join(" "));
    let answer = server.anonymous().send(&query, Value::Null).await;
    let extensions = &answer.body["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "COST_EXCEEDED", "{}", answer.body);
    assert_eq!(extensions["what"], "cost");

    // What is written again is one field, and answered once.
    let names = |count| format!("{{ __type(name: \"Post\") {{ fields {{ type {{ {} }} }} }} }}", "name ".repeat(count));
    let anonymous = server.anonymous();
    assert_eq!(anonymous.ok(&names(800), Value::Null).await, anonymous.ok(&names(1), Value::Null).await);
}

#[tokio::test]
async fn one_s_own_address_is_read_once_however_often_it_is_asked_for() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    olivia.ok("{ me { email } }", Value::Null).await;
    let before = server.app.db.statements();
    let many: Vec<_> = (0..25).map(|n| format!("e{n}: email")).collect();
    let data = olivia.ok(&format!("{{ me {{ {} }} }}", many.join(" ")), Value::Null).await;
    assert_eq!(data["me"]["e24"], "olivia@example.org");
    assert_eq!(server.app.db.statements() - before, 2);
}

#[tokio::test]
async fn lists_below_a_list_take_a_constant_number_of_statements() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    for number in 0..12 {
        let post = olivia.publish(&format!("post {number}")).await;
        let comment = olivia.comment(&post, "a comment").await;
        olivia.reply(&comment, "a reply").await;
        olivia.like(&post).await;
    }
    let query = "query($n: Int!) { posts(first: $n) { nodes { likes(first: 2) { nodes { username } } \
                 c: comments(first: 1) { nodes { body replies(first: 1) { nodes { body author { username } } } } } \
                 d: comments(first: 2) { nodes { body } } } } }";
    let mut counts = Vec::new();
    for size in [2, 12] {
        let before = server.app.db.statements();
        let data = olivia.ok(query, json!({ "n": size })).await;
        counts.push(server.app.db.statements() - before);
        for post in data["posts"]["nodes"].as_array().unwrap() {
            assert_eq!(post["likes"]["nodes"][0]["username"], "olivia");
            assert_eq!(post["c"]["nodes"][0]["replies"]["nodes"][0]["body"], "a reply");
            assert_eq!(post["d"]["nodes"][0]["body"], "a comment");
        }
    }
    assert_eq!(counts[0], counts[1], "{counts:?}");
    assert!(counts[0] <= 6, "{counts:?}");
}

#[tokio::test]
async fn a_search_has_few_words_and_no_single_letters() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    olivia.publish("woven baskets").await;
    let search = "query($t: String!) { posts(where: { text: $t }) { totalCount } }";
    let many = "ab ac ad ae af ag ah ai aj";
    assert_eq!(olivia.refused(search, json!({ "t": many })).await, "BAD_REQUEST");
    assert_eq!(olivia.refused(search, json!({ "t": "x".repeat(101) })).await, "BAD_REQUEST");
    assert_eq!(olivia.refused(search, json!({ "t": "b" })).await, "BAD_REQUEST");
    for (text, count) in [("woven b z", 1), ("wo", 1), ("!!", 0)] {
        let data = olivia.ok(search, json!({ "t": text })).await;
        assert_eq!(data["posts"]["totalCount"], count, "{text}");
    }
}

#[tokio::test]
async fn times_far_off_are_refused_on_every_database_alike() {
    let server = Server::start().await;
    let query = "query($t: DateTime!) { posts(where: { createdAt: { from: $t } }) { nodes { id } } }";
    for time in ["+10000-01-01T00:00:00Z", "-5000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"] {
        assert_eq!(server.anonymous().refused(query, json!({ "t": time })).await, "BAD_REQUEST", "{time}");
    }
}

#[tokio::test]
async fn one_field_that_fails_leaves_its_neighbours() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let query = "mutation { postCreate(input: { body: \"kept\" }) { post { body } } logout { ended } \
                 second: postCreate(input: { body: \"kept too\" }) { post { body } } }";
    let answer = olivia.send(query, Value::Null).await;
    assert_eq!(answer.body["data"]["postCreate"]["post"]["body"], "kept", "{}", answer.body);
    let answer = server.anonymous().send("{ adminUsers { nodes { id } } posts { nodes { id } } }", Value::Null).await;
    assert_eq!(answer.body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(answer.body["data"]["adminUsers"], Value::Null);
    assert_eq!(answer.body["data"]["posts"]["nodes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_told_of_a_comment_forgets_its_text_when_it_is_deleted() {
    let server = Server::start().await;
    let (olivia, omar) = (server.user("olivia").await, server.user("omar").await);
    let post = olivia.publish("a post").await;
    let comment = omar.comment(&post, "my number is 555").await;
    server.run_jobs().await;
    let list = "{ me { notifications { nodes { message subject { id } } } } }";
    let told = olivia.ok(list, Value::Null).await;
    assert_eq!(told["me"]["notifications"]["nodes"][0]["message"], "my number is 555");
    omar.ok("mutation($id: ID!) { commentDelete(input: { id: $id }) { errors { code } } }", json!({ "id": comment }))
        .await;
    server.run_jobs().await;
    let told = olivia.ok(list, Value::Null).await;
    assert_eq!(told["me"]["notifications"]["nodes"], json!([]));
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications WHERE message <> ''").await, 0);
}

#[tokio::test]
async fn a_job_that_takes_its_process_down_every_time_ends_dead() {
    let server = Server::start().await;
    let (olivia, omar) = (server.user("olivia").await, server.user("omar").await);
    let post = olivia.publish("a post").await;
    omar.like(&post).await;
    for _ in 0..jobs::ATTEMPTS {
        assert_eq!(jobs::take(&server.app, 10).await.unwrap().len(), 1);
        server.advance(jobs::LEASE.num_seconds() + 1);
    }
    assert!(jobs::take(&server.app, 10).await.unwrap().is_empty());
    assert_eq!(jobs::list(&server.app, true, 10).await.unwrap().len(), 1);
    assert_eq!(admin::jobs_retry(&server.app, None).await.unwrap(), 1);
    assert_eq!(server.run_jobs().await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, 1);
}

#[tokio::test]
async fn a_failure_reported_late_does_not_touch_who_has_the_job_now() {
    let server = Server::start().await;
    let (olivia, omar) = (server.user("olivia").await, server.user("omar").await);
    omar.like(&olivia.publish("a post").await).await;
    let first = jobs::take(&server.app, 1).await.unwrap().remove(0);
    server.advance(jobs::LEASE.num_seconds() + 1);
    let second = jobs::take(&server.app, 1).await.unwrap().remove(0);
    jobs::fail(&server.app, &first, "late").await.unwrap();
    let now = jobs::list(&server.app, false, 1).await.unwrap().remove(0);
    assert_eq!((now.run_at, now.last_error), (second.run_at, second.last_error));
}

#[tokio::test]
async fn a_session_that_expires_closes_its_sockets() {
    let server = Server::start().await;
    server.user("olivia").await;
    let mut ended = server.app.db.bus().ended_sessions();
    auth::sweep(&server.app).await.unwrap();
    assert!(ended.try_recv().is_err());
    server.advance(7 * 24 * 3600 + 1);
    auth::sweep(&server.app).await.unwrap();
    assert!(ended.try_recv().is_ok());
}

#[tokio::test]
async fn a_sweep_makes_up_for_all_the_time_in_which_there_was_none() {
    let server = Server::start().await;
    let beside = server.beside(&[]).await;
    let olivia = server.user("olivia").await;
    auth::sweep(&beside.app).await.unwrap();
    olivia.ok("mutation { logout { ended } }", Value::Null).await;
    server.advance(600);
    beside.advance(600);
    auth::sweep(&beside.app).await.unwrap();
    let there = olivia.through(beside.router.clone());
    assert_eq!(there.refused("{ me { id } }", Value::Null).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_cursor_of_a_database_that_was_put_back_begins_anew() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let mut steps = Box::pin(
        notifications::follow(&server.app, &actor(&olivia), &agora::domain::actor::Client::default(), Some(41))
            .await
            .unwrap(),
    );
    let step = steps.next().await.unwrap().unwrap();
    assert_eq!((step.phase, step.seq), (Phase::Reset, 0));
}

#[tokio::test]
async fn a_stream_whose_hints_all_got_lost_is_not_taken_for_cut_off() {
    let server = Server::start().await;
    let beside = server.beside(&[]).await;
    let (olivia, omar) = (server.user("olivia").await, server.user("omar").await);
    // The tail is made here, and what follows is written there: no hint comes.
    let mut first = Box::pin(
        notifications::follow(&beside.app, &actor(&olivia), &agora::domain::actor::Client::default(), None)
            .await
            .unwrap(),
    );
    assert_eq!(first.next().await.unwrap().unwrap().phase, Phase::Live);
    for number in 0..3 {
        omar.like(&olivia.publish(&format!("post {number}")).await).await;
    }
    server.run_jobs().await;
    let mut second = Box::pin(
        notifications::follow(&beside.app, &actor(&olivia), &agora::domain::actor::Client::default(), Some(0))
            .await
            .unwrap(),
    );
    for seq in 1..=3 {
        let step = second.next().await.unwrap().unwrap();
        assert_eq!((step.phase, step.seq), (Phase::Replay, seq));
    }
    assert_eq!(second.next().await.unwrap().unwrap().phase, Phase::Live);
    let key = agora::domain::events::stream(
        agora::entity::event::StreamKind::Notifications,
        olivia.id.parse::<agora::entity::UserId>().unwrap().0,
    );
    beside.app.db.bus().deliver(Hint::Stream(key, 3));
    assert_eq!(first.next().await.unwrap().unwrap().seq, 1);
}
