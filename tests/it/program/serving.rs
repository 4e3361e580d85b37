//! Serving and working, from the start to an asked-for or a sudden end.

use std::{
    net::SocketAddr,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{Folder, KEY, Serving, wait};
use crate::harness::{Server, Socket, database, eventually};

#[tokio::test]
async fn a_newcomer_starts_it_signs_in_with_what_it_prints_and_stops_it() {
    let database = database::create_empty().await;
    let url = database.url();
    let serving = Serving::start(&[("DATABASE_URL", &url), ("DEMO_DATA", ""), ("SECRET_KEY", "")]);
    assert!(serving.base.starts_with("http://127.0.0.1:") && !serving.base.ends_with(":0"), "{}", serving.base);
    assert_eq!(serving.line(), format!("GraphiQL:    {}/", serving.base));
    let line = serving.line();
    let demo = line.strip_prefix("Demo:        sign in as ").unwrap_or_else(|| panic!("{line}"));
    let (username, password) = demo.split_once(" with the password ").unwrap();
    let query = "mutation($l: String!, $p: String!) { login(input: { login: $l, password: $p }) { errors { code } result { ... on Session { accessToken } } } }";
    let data = serving.ok(None, query, json!({ "l": username, "p": password })).await;
    let token = data["login"]["result"]["accessToken"].as_str().unwrap();
    assert_eq!(serving.ok(Some(token), "{ me { username } }", Value::Null).await["me"]["username"], username);
    let ready = serving.http.get(format!("{}/health/ready", serving.base)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let page = serving.http.get(format!("{}/", serving.base)).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("GraphiQL"));

    // With somebody connected it stops as well, and says goodbye.
    let address = serving.base.trim_start_matches("http://").parse().unwrap();
    let mut socket = Socket::open(address, Some(token)).await;
    let stopped = tokio::task::spawn_blocking(|| serving.terminate());
    assert_eq!(socket.closed().await.0, 1001);
    assert_eq!(stopped.await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_process_with_few_descriptors_keeps_some_for_its_work() {
    let database = database::create().await;
    let serving = Serving::start_with_descriptors(256, &[("DATABASE_URL", &database.url())]);
    let address: SocketAddr = serving.base.trim_start_matches("http://").parse().unwrap();
    let mut held = Vec::new();
    for n in 0..300 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 10 + n as u8 % 100], 0))).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let _ = stream.write_all(b"POST /webhooks/none HTTP/1.1\r\n").await;
        held.push(stream);
    }
    let live = serving.http.get(format!("{}/health/live", serving.base)).send().await.unwrap();
    assert_eq!(live.status(), 200);
    let refused = serving.send(None, "{ __typename }", Value::Null).await.unwrap();
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{refused}");
    drop(held);
    eventually("room", async || {
        serving.send(None, "{ __typename }", Value::Null).await.is_some_and(|answer| answer.get("errors").is_none())
    })
    .await;
    serving.register("amina").await;
    assert_eq!(serving.terminate(), Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_ends_with_1() {
    let database = database::create_empty().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let environment = [
        ("DATABASE_URL", database.url()),
        ("DEMO_DATA", "false".to_owned()),
        ("PORT", port.clone()),
        ("SECRET_KEY", KEY.to_owned()),
    ];
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ended = Folder::new().run(&["serve"], &environment);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(&format!("127.0.0.1:{port} cannot be listened on")), "{}", ended.err);
    assert!(!ended.err.contains("internal error") && !ended.err.contains("panicked"), "{}", ended.err);
    // Nothing was migrated or loaded for it.
    let pending = Folder::new().run(&["migrate", "status"], &environment);
    assert!(!pending.out.is_empty() && pending.out.lines().all(|line| line.starts_with("pending")), "{}", pending.out);
}

#[tokio::test]
async fn what_it_prints_comes_last_and_logs_say_only_what_happened() {
    let database = database::create_empty().await;
    let url = database.url();
    let folder = Folder::new();
    let log = std::fs::File::create(folder.0.join("log")).unwrap();
    let serving = Serving::spawn_logging(&[("DATABASE_URL", &url), ("LOG_LEVEL", "info")], log.into()).ready();
    eventually("the schedules", async || {
        let text = std::fs::read_to_string(folder.0.join("log")).unwrap();
        text.contains("listening")
    })
    .await;
    assert_eq!(serving.terminate(), Some(0));
    let text = std::fs::read_to_string(folder.0.join("log")).unwrap();
    assert_eq!(text.matches("the database is up to date").count(), 1, "{text}");
    assert!(!text.contains("Applying") && !text.contains("old rows are gone"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn a_worker_does_the_jobs_of_a_server_that_does_none() {
    let server = Server::start().await;
    let url = server.database_url();
    let serving = Serving::start(&[("DATABASE_URL", &url), ("WORKER", "false")]);
    let (amina, badr) = (serving.register("amina").await, serving.register("badr").await);
    let query = "mutation { postCreate(input: { body: \"x\" }) { post { id } } }";
    let post = serving.ok(Some(&amina), query, Value::Null).await["postCreate"]["post"]["id"].clone();
    serving
        .ok(
            Some(&badr),
            "mutation($id: ID!) { postLike(input: { id: $id }) { errors { code } } }",
            json!({ "id": post }),
        )
        .await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 1);

    let folder = Folder::new();
    let mut worker = folder.program(&["worker"], &[("DATABASE_URL", &url), ("SECRET_KEY", KEY)]).spawn().unwrap();
    eventually("the notification", async || server.count("SELECT COUNT(*) FROM notifications").await == 1).await;
    assert!(Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap().success());
    assert_eq!(wait(&mut worker), Some(0));
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    assert_eq!(serving.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sudden_end_loses_no_like_and_tells_of_each_exactly_once() {
    const POSTS: usize = 20;
    const FANS: usize = 10;
    let server = Server::start().await;
    let url = server.database_url();
    let settings = [("DATABASE_URL", url.as_str()), ("WORKER", "true")];
    let serving = Serving::start(&settings);
    let author = serving.register("author").await;
    let mut fans = Vec::new();
    for fan in 0..FANS {
        fans.push(serving.register(&format!("fan_{fan}")).await);
    }
    let mut posts = Vec::new();
    for _ in 0..POSTS {
        let query = "mutation { postCreate(input: { body: \"x\" }) { post { id } } }";
        posts.push(serving.ok(Some(&author), query, Value::Null).await["postCreate"]["post"]["id"].clone());
    }

    // Each fan likes post after post, until nobody answers; in the midst of it the program is killed.
    let told = AtomicUsize::new(0);
    let like = "mutation($id: ID!) { postLike(input: { id: $id }) { errors { code } post { viewerHasLiked } } }";
    let liking = futures_util::future::join_all(fans.iter().map(async |fan| {
        for post in &posts {
            let Some(answer) = serving.send(Some(fan), like, json!({ "id": post })).await else { return };
            assert_eq!(answer["data"]["postLike"]["post"]["viewerHasLiked"], true, "{answer}");
            told.fetch_add(1, Ordering::SeqCst);
        }
    }));
    let pid = serving.child.id().to_string();
    let killing = async {
        eventually("a third of the likes", async || told.load(Ordering::SeqCst) >= POSTS * FANS / 3).await;
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    };
    tokio::join!(liking, killing);
    serving.kill();
    let told = told.load(Ordering::SeqCst) as i64;
    assert!(told < (POSTS * FANS) as i64, "it was killed too late");
    let likes = server.count("SELECT COUNT(*) FROM post_likes").await;
    assert!(likes >= told, "{likes} likes are there, {told} were told");

    // Jobs that were being done are taken again when their lease is over; here it is over at once.
    let sql = "UPDATE jobs SET run_at = created_at";
    server.write(sql, Vec::new()).await;
    let serving = Serving::start(&settings);
    eventually("the last job", async || server.count("SELECT COUNT(*) FROM jobs").await == 0).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM post_likes").await, likes);
    assert_eq!(server.count("SELECT CAST(SUM(like_count) AS bigint) FROM posts").await, likes);
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, likes);
    assert_eq!(server.count("SELECT COUNT(DISTINCT dedupe_key) FROM notifications").await, likes);
    assert_eq!(server.count("SELECT COUNT(*) FROM events WHERE stream_kind = 'notifications'").await, likes);
    // The author sees each of them; tokens from before are still good.
    let data = serving.ok(
        Some(&author),
        "{ me { notifications(first: 1) { totalCount } notificationUnreadCount } }",
        Value::Null,
    );
    let data = data.await;
    assert_eq!(data["me"]["notifications"]["totalCount"], likes);
    assert_eq!(data["me"]["notificationUnreadCount"], likes);
    assert_eq!(serving.terminate(), Some(0));
}
