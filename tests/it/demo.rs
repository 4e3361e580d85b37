//! Demo data and bulk data: what comes out is what the commands would have written.

use std::collections::BTreeSet;

use agora::{
    app::App,
    demo::{self, Bulk},
    domain::{
        books,
        jobs::{self, Lane},
    },
    entity::post,
};
use sea_orm::{EntityTrait, QueryFilter, QueryResult, TryGetable};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::harness::{Server, Template};

/// A server with the demo, which is loaded once for all who don't look at the loading.
async fn with_demo() -> Server {
    static DEMO: OnceCell<Template> = OnceCell::const_new();
    let load = async || {
        let server = Server::start().await;
        assert!(demo::load(&server.app).await.unwrap());
        Template::of(server, &[]).await
    };
    DEMO.get_or_init(load).await.start().await
}

/// Counters of posts, comments, people and streams that differ from the facts they count.
async fn wrong_counters(server: &Server) -> Vec<(&'static str, i64)> {
    let wrong = |table: &str, counter: &str, facts: &str| {
        format!(
            "SELECT COUNT(*) FROM {table} t LEFT JOIN ({facts} GROUP BY 1) facts ON facts.id = t.id \
             WHERE t.{counter} <> COALESCE(facts.n, 0)"
        )
    };
    let checks = [
        ("posts.like_count", wrong("posts", "like_count", "SELECT post_id AS id, COUNT(*) AS n FROM post_likes")),
        (
            "posts.comment_count",
            wrong(
                "posts",
                "comment_count",
                "SELECT post_id AS id, COUNT(*) AS n FROM comments WHERE deleted_at IS NULL",
            ),
        ),
        (
            "posts.share_count",
            wrong(
                "posts",
                "share_count",
                "SELECT shared_post_id AS id, COUNT(*) AS n FROM posts WHERE deleted_at IS NULL",
            ),
        ),
        (
            "posts.event_seq",
            wrong("posts", "event_seq", "SELECT stream_id AS id, COUNT(*) AS n FROM events WHERE stream_kind = 'post'"),
        ),
        (
            "goals.event_seq",
            wrong("goals", "event_seq", "SELECT stream_id AS id, COUNT(*) AS n FROM events WHERE stream_kind = 'goal'"),
        ),
        (
            "goal_contributions.comment_count",
            wrong(
                "goal_contributions",
                "comment_count",
                "SELECT contribution_id AS id, COUNT(*) AS n FROM contribution_comments WHERE deleted_at IS NULL",
            ),
        ),
        (
            "users.post_count",
            wrong("users", "post_count", "SELECT author_id AS id, COUNT(*) AS n FROM posts WHERE deleted_at IS NULL"),
        ),
        (
            "comments.like_count",
            wrong("comments", "like_count", "SELECT comment_id AS id, COUNT(*) AS n FROM comment_likes"),
        ),
        (
            "comments.reply_count",
            wrong(
                "comments",
                "reply_count",
                "SELECT parent_id AS id, COUNT(*) AS n FROM comments WHERE deleted_at IS NULL",
            ),
        ),
        (
            "streams.seq",
            wrong(
                "(SELECT * FROM streams WHERE kind = 'notifications')",
                "seq",
                "SELECT stream_id AS id, MAX(seq) AS n FROM events WHERE stream_kind = 'notifications'",
            ),
        ),
    ];
    let mut found = Vec::new();
    for (name, sql) in checks {
        let count = server.count(&sql).await;
        if count > 0 {
            found.push((name, count));
        }
    }
    found
}

/// How many rows each table has.
async fn sizes(server: &Server) -> Vec<i64> {
    let mut sizes = Vec::new();
    for table in [
        "users",
        "credentials",
        "posts",
        "post_tags",
        "post_likes",
        "comments",
        "comment_likes",
        "notifications",
        "events",
        "streams",
        "goals",
        "goal_contributions",
        "goal_updates",
        "contribution_comments",
        "payments",
        "ledger_transfers",
        "jobs",
    ] {
        sizes.push(server.count(&format!("SELECT COUNT(*) FROM {table}")).await);
    }
    sizes
}

/// The columns of every row, in the order of the rows' own ids.
async fn pairs<A: TryGetable, B: TryGetable>(app: &App, sql: &str) -> Vec<(A, B)> {
    let rows = app.db.rows(sql, Vec::new()).await.unwrap();
    let pair = |row: &QueryResult| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
    rows.iter().map(pair).collect()
}

#[tokio::test]
async fn the_demo_is_loaded_once_and_its_counters_are_right() {
    let server = Server::start().await;
    assert!(demo::load(&server.app).await.unwrap());
    let loaded = sizes(&server).await;
    assert!(loaded.iter().all(|size| *size > 0), "{loaded:?}");
    assert_eq!(wrong_counters(&server).await, []);
    assert_eq!(books::verify(&server.app).await.unwrap().differences, []);

    assert!(!demo::load(&server.app).await.unwrap());
    assert_eq!(sizes(&server).await, loaded);
}

#[tokio::test]
async fn a_database_with_people_is_left_alone() {
    let server = Server::start().await;
    server.user("somebody").await;
    let before = sizes(&server).await;
    assert!(!demo::load(&server.app).await.unwrap());
    assert_eq!(sizes(&server).await, before);
}

#[tokio::test]
async fn two_databases_get_the_same_demo() {
    let sql = "SELECT id, body FROM posts ORDER BY id";
    let mut both = Vec::new();
    for _ in 0..2 {
        let server = Server::start().await;
        // The ids and the time of the place must not matter.
        server.advance(3600 * i64::try_from(both.len()).unwrap());
        demo::load(&server.app).await.unwrap();
        both.push(pairs::<uuid::Uuid, String>(&server.app, sql).await);
    }
    assert_eq!(both[0], both[1]);
}

#[tokio::test]
async fn everybody_of_the_demo_signs_in_with_its_password() {
    let server = with_demo().await;
    let query = "mutation($input: LoginInput!) { login(input: $input) { errors { code } result { \
                 ... on Session { user { username postCount } } } } }";
    for login in ["amina@example.org", "Amina", "omar"] {
        let input = json!({ "input": { "login": login, "password": demo::PASSWORD } });
        let data = server.anonymous().ok(query, input).await;
        assert_eq!(data["login"]["errors"], json!([]), "{login}");
        assert!(data["login"]["result"]["user"]["postCount"].as_i64().unwrap() > 0, "{login}");
    }
}

/// The story's notifications are made without the job that makes notifications, and yet have to be the same: so they
/// are made again, by the job, of the story's facts.
#[tokio::test]
async fn the_demo_s_notifications_are_those_that_the_job_would_have_made() {
    let server = with_demo().await;
    let app = &server.app;
    let told = |column: &str| {
        format!(
            "SELECT n.recipient_id, n.kind || '|' || n.title || '|' || n.message || '|' || n.subject_kind || '|' || {column} \
             FROM notifications n JOIN users u ON u.id = n.recipient_id WHERE u.username IN ('amina', 'omar')"
        )
    };
    let sql = told("n.dedupe_key");
    // What is told of goals is told by the job anyway: it waits for its worker.
    let wait = "SELECT COUNT(*) FROM jobs WHERE kind NOT IN ('notify', 'goal_refund_all')";
    assert_eq!(server.count(wait).await, 0, "no e-mails, above all");
    server.write("DELETE FROM jobs", Vec::new()).await;
    let before: BTreeSet<(uuid::Uuid, String)> = pairs(app, &sql).await.into_iter().collect();
    assert!(before.len() > 40, "{}", before.len());

    let mut facts = Vec::new();
    for (post, actor) in pairs::<uuid::Uuid, uuid::Uuid>(app, "SELECT post_id, user_id FROM post_likes").await {
        facts.push(json!({ "event": "post_liked", "post": post, "actor": actor }));
    }
    for (comment, actor) in pairs::<uuid::Uuid, uuid::Uuid>(app, "SELECT comment_id, user_id FROM comment_likes").await
    {
        facts.push(json!({ "event": "comment_liked", "comment": comment, "actor": actor }));
    }
    for (comment, _) in pairs::<uuid::Uuid, uuid::Uuid>(app, "SELECT id, post_id FROM comments").await {
        facts.push(json!({ "event": "comment_created", "comment": comment }));
    }
    let shares = "SELECT id, shared_post_id FROM posts WHERE shared_post_id IS NOT NULL";
    for (share, _) in pairs::<uuid::Uuid, uuid::Uuid>(app, shares).await {
        facts.push(json!({ "event": "post_shared", "share": share }));
    }
    let enqueue = async |facts: &[&Value]| {
        app.db
            .transact(async |tx| {
                for fact in facts {
                    jobs::enqueue_on(app, &tx, Lane::Database, "notify", fact).await?;
                }
                Ok(())
            })
            .await
            .unwrap();
        while server.run_jobs().await > 0 {}
        assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    };

    let own = "SELECT COUNT(*) FROM notifications n JOIN users u ON u.id = n.recipient_id \
               WHERE u.username IN ('amina', 'omar')";
    let count = server.count(own).await;
    // Of each kind some, the last ones first: that all have the same keys is seen below.
    enqueue(&facts.iter().rev().step_by(5).collect::<Vec<_>>()).await;
    assert_eq!(server.count(own).await, count, "what was told already is not told again");

    let clear = async |sql: &'static str| server.write(sql, Vec::new()).await;
    clear("DELETE FROM notifications").await;
    enqueue(&facts.iter().collect::<Vec<_>>()).await;
    let after: BTreeSet<(uuid::Uuid, String)> = pairs(app, &sql).await.into_iter().collect();
    assert_eq!(after, before);
}

#[tokio::test]
async fn the_demo_s_goals_are_full_of_life_and_their_books_balance() {
    let server = with_demo().await;
    // Whatever waits has nothing more to do with money.
    while server.run_jobs().await > 0 {}
    agora::worker::run_schedules(&server.app).await.unwrap();
    while server.run_jobs().await > 0 {}
    assert_eq!(books::verify(&server.app).await.unwrap().differences, []);
    assert_eq!(wrong_counters(&server).await, []);
    assert!(server.sent().await.is_empty(), "nobody is written to");

    let query = "{ goals(first: 10) { nodes { title state isReached funding raised { amount currency } progressPercent \
                 availableActions suggestedAmounts { amount } news { totalCount } contributions(first: 10) { totalCount nodes { \
                 name isAnonymous message commentCount comments(first: 2) { nodes { author { username } } } } } } } }";
    let data = server.anonymous().ok(query, json!(null)).await;
    let goals = data["goals"]["nodes"].as_array().unwrap();
    let named = |word: &str| goals.iter().find(|goal| goal["title"].as_str().unwrap().contains(word)).unwrap();
    assert_eq!(goals.len(), 7);
    for (word, raised, percent, state) in [
        ("market", "1240.00 USD", 103, "ENDED"),
        ("tasting", "0.00 USD", 0, "CANCELED"),
        ("soldering", "600.00 USD", 100, "ENDED"),
        ("ماكينة", "800.00 USD", 100, "OPEN"),
        ("القراءة", "2700.00 EGP", 45, "OPEN"),
        ("kiln", "310.00 USD", 68, "OPEN"),
        ("weekend", "90.00 USD", 50, "OPEN"),
    ] {
        let goal = named(word);
        let money =
            format!("{} {}", goal["raised"]["amount"].as_str().unwrap(), goal["raised"]["currency"].as_str().unwrap());
        assert_eq!(
            (money.as_str(), &goal["progressPercent"], &goal["state"]),
            (raised, &json!(percent), &json!(state))
        );
        let open = goal["availableActions"].to_string().contains("CONTRIBUTE");
        assert_eq!(open, state == "OPEN", "{goal}");
    }
    let given = named("kiln")["contributions"]["nodes"].as_array().unwrap();
    assert!(given.iter().any(|one| one["isAnonymous"] == true && one["name"].is_null() && one["message"] != ""));
    assert!(given.iter().any(|one| one["comments"]["nodes"][0]["author"]["username"] == "amina"));
    assert_eq!(named("kiln")["news"]["totalCount"], 1);

    let gifts = "SELECT COUNT(*) FROM notifications WHERE kind = 'contribution'";
    assert!(server.count(gifts).await > 30);
}

#[tokio::test]
async fn bulk_rows_have_right_counters_every_time() {
    let server = with_demo().await;
    let before = sizes(&server).await;
    let bulk = Bulk { users: 70, posts: 300, comments: 900, likes: 2_500 };
    for round in 1..=2_i64 {
        let told = std::sync::atomic::AtomicU64::new(0);
        let progress = |rows| {
            told.fetch_add(rows, std::sync::atomic::Ordering::SeqCst);
        };
        assert_eq!(demo::seed(&server.app, &bulk, &progress).await.unwrap(), 3_770);
        assert_eq!(told.load(std::sync::atomic::Ordering::SeqCst), 3_770);
        let now = sizes(&server).await;
        let more: Vec<_> = now.iter().zip(&before).map(|(now, before)| now - before).collect();
        assert_eq!((more[0], more[1], more[2], more[5]), (70 * round, 70 * round, 300 * round, 900 * round));
        assert_eq!(more[4] + more[6], 2_500 * round);
        assert_eq!(wrong_counters(&server).await, []);
    }
    let top = server.count("SELECT MAX(like_count) FROM posts").await;
    assert!(top > 25, "some posts are popular: {top}");

    // Those who are there already take part when nobody joins.
    let bulk = Bulk { users: 0, posts: 20, comments: 30, likes: 60 };
    assert_eq!(demo::seed(&server.app, &bulk, &|_| ()).await.unwrap(), 110);
    assert_eq!(wrong_counters(&server).await, []);
}

#[tokio::test]
async fn bulk_rows_lie_in_the_past_are_found_by_search_and_can_sign_in() {
    let server = Server::start().await;
    let bulk = Bulk { users: 40, posts: 200, comments: 300, likes: 500 };
    demo::seed(&server.app, &bulk, &|_| ()).await.unwrap();
    let app = &server.app;
    let now = app.clock.now();
    for table in ["users", "posts", "comments", "post_likes", "comment_likes"] {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE created_at > $1 OR created_at < $2");
        let rows = app.db.rows(sql, vec![now.into(), (now - chrono::TimeDelta::days(365)).into()]).await.unwrap();
        assert_eq!(rows[0].try_get_by_index::<i64>(0).unwrap(), 0, "{table}");
    }
    for word in ["walnut", "الزيتون"] {
        let like = format!("SELECT COUNT(*) FROM posts WHERE search_key LIKE '%{word}%'");
        let found = post::Entity::find().filter(app.db.has_words::<post::Entity>(word));
        let found = i64::try_from(app.db.all(found).await.unwrap().len()).unwrap();
        assert!(found > 0, "{word}");
        assert_eq!(found, server.count(&like).await, "{word}");
    }
    let query = "mutation($input: LoginInput!) { login(input: $input) { errors { code } } }";
    let input = json!({ "input": { "login": "user_000001", "password": demo::PASSWORD } });
    assert_eq!(server.anonymous().ok(query, input).await["login"]["errors"], json!([]));
}

#[tokio::test]
async fn bulk_that_cannot_be_is_refused_before_anything_is_written() {
    let server = Server::start().await;
    for bulk in [
        Bulk { users: 0, posts: 5, comments: 0, likes: 0 },
        Bulk { users: 0, posts: 0, comments: 5, likes: 0 },
        Bulk { users: 2, posts: 2, comments: 2, likes: 1000 },
    ] {
        assert!(demo::seed(&server.app, &bulk, &|_| ()).await.is_err(), "{bulk:?}");
        assert_eq!(sizes(&server).await, [0; 17], "{bulk:?}");
    }
}
