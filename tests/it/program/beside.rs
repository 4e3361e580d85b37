//! Programs beside one another on one database: servers, workers, sockets.

use std::process::Child;

use serde_json::{Value, json};

use super::{Command, Folder, KEY, Serving, wait};
use crate::harness::{Server, Socket, eventually};

/// A program that works, until it is asked to stop.
struct Working {
    child: Child,
    folder: Folder,
}

impl Working {
    fn start(url: &str) -> Self {
        let folder = Folder::new();
        let environment = [("DATABASE_URL", url), ("SECRET_KEY", KEY), ("LOG_LEVEL", "warn")];
        let mut command = folder.program(&["worker"], &environment);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::inherit());
        Self { child: command.spawn().unwrap(), folder }
    }

    fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        wait(&mut self.child)
    }

    /// How many messages it has put into its outbox.
    fn sent(&self) -> usize {
        let files = std::fs::read_dir(self.folder.0.join("outbox")).into_iter().flatten().flatten();
        files.filter(|file| file.path().extension().is_some_and(|extension| extension == "txt")).count()
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A post of somebody's, and a like of somebody else's.
async fn like(serving: &Serving, author: &str, fan: &str) {
    let query = "mutation { postCreate(input: { body: \"x\" }) { post { id } } }";
    let post = serving.ok(Some(author), query, Value::Null).await["postCreate"]["post"]["id"].clone();
    let query = "mutation($id: ID!) { postLike(input: { id: $id }) { errors { code } } }";
    serving.ok(Some(fan), query, json!({ "id": post })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_writes_reaches_the_sockets_of_a_server() {
    let server = Server::start().await;
    let url = server.database_url();
    let serving = Serving::start(&[("DATABASE_URL", &url), ("WORKER", "false")]);
    let (amina, badr) = (serving.register("amina").await, serving.register("badr").await);
    let address = serving.base.trim_start_matches("http://").parse().unwrap();
    let mut socket = Socket::open(address, Some(&amina)).await;
    let query = "subscription { notificationReceived { phase notification { title } } }";
    socket.subscribe("1", query, Value::Null).await;
    assert_eq!(socket.event().await["notificationReceived"]["phase"], "LIVE");
    like(&serving, &amina, &badr).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 1);

    let worker = Working::start(&url);
    let told = socket.event().await["notificationReceived"].clone();
    assert_eq!(told, json!({ "phase": "LIVE", "notification": { "title": "badr likes your post" } }));
    // And what is queued while it runs.
    like(&serving, &amina, &badr).await;
    assert_eq!(socket.event().await["notificationReceived"]["notification"]["title"], "badr likes your post");
    assert_eq!((worker.terminate(), serving.terminate()), (Some(0), Some(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_workers_share_the_work_and_the_schedules_of_one_postgresql() {
    const FANS: i64 = 12;
    let server = Server::start().await;
    let url = server.database_url();
    if !url.starts_with("postgres") {
        return;
    }
    // Somebody waits for a digest, and there is something in it.
    let author = server.user("author").await;
    let wish = "mutation { profileUpdate(input: { digest: DAILY }) { errors { code } } }";
    author.ok(wish, Value::Null).await;
    agora::domain::auth::confirm_email(&server.app, "author@example.org").await.unwrap();
    let post = author.publish("x").await;
    server.user("first_fan").await.like(&post).await;
    // Written by the machine's clock, as the programs have it.
    server.run_jobs().await;
    #[expect(clippy::disallowed_methods, reason = "the programs have no other")]
    let now = chrono::Utc::now();
    let sql = "UPDATE notifications SET created_at = $1";
    server.write(sql, vec![now.into()]).await;

    let serving = Serving::start(&[("DATABASE_URL", &url), ("WORKER", "false")]);
    let workers = [Working::start(&url), Working::start(&url), Working::start(&url)];
    let token = serving.register("other_author").await;
    for number in 0..FANS {
        like(&serving, &token, &serving.register(&format!("fan_{number}")).await).await;
    }
    eventually("every notification", async || {
        server.count("SELECT COUNT(*) FROM notifications").await == FANS + 1
            && server.count("SELECT COUNT(*) FROM jobs").await == 0
    })
    .await;
    let sent = || workers.iter().map(Working::sent).sum::<usize>();
    // A message is there before the job that wrote it is done.
    eventually("the digest", async || sent() > 0 && server.count("SELECT COUNT(*) FROM jobs").await == 0).await;
    assert_eq!(sent(), 1);
    assert_eq!(server.count("SELECT COUNT(DISTINCT dedupe_key) FROM notifications").await, FANS + 1);
    for worker in workers {
        assert_eq!(worker.terminate(), Some(0));
    }
    assert_eq!(serving.terminate(), Some(0));
}
