//! The schema of the database, which the program brings up and down, alone and beside others.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement};
use serde_json::Value;

use super::{Folder, KEY, Serving, Starting};
use crate::harness::{Server, database};

/// Everything that a schema consists of, one line each.
async fn schema(url: &str) -> Vec<String> {
    let connection = Database::connect(url).await.unwrap();
    let backend = connection.get_database_backend();
    let sql = if backend == DatabaseBackend::Postgres {
        "SELECT c.relkind::text || ' ' || c.relname || ' ' || COALESCE((SELECT string_agg(a.attname, ',' ORDER BY a.attname) \
         FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' UNION ALL SELECT 'f ' || proname FROM \
         pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' ORDER BY 1"
    } else {
        "SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_master ORDER BY 1"
    };
    let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
    let lines = rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap());
    // What the database notes of its own accord is no part of it.
    let lines = lines.filter(|line| !line.contains("seaql_migrations") && !line.contains("sqlite_stat")).collect();
    connection.close().await.unwrap();
    lines
}

/// For a program on a database without a schema.
fn writable(url: &str) -> String {
    if url.starts_with("sqlite:") { format!("{url}?mode=rwc") } else { url.to_owned() }
}

#[tokio::test]
async fn migrations_go_up_and_down_and_up_again_and_leave_nothing_behind() {
    let folder = Folder::new();
    let database = database::create_empty().await;
    let url = database.url();
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let migrate = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["migrate"].iter().chain(arguments).copied().collect();
        let ended = folder.run(&arguments, &environment);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.out.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let steps = migrate(&["status"]).len();
    assert!(steps >= 3);
    assert_eq!(migrate(&["status"]), vec!["pending"; steps]);
    assert_eq!(schema(&writable(&url)).await, Vec::<String>::new());
    assert_eq!(migrate(&["up"]), vec!["applied"; steps]);
    let full = schema(&url).await;
    assert!(full.len() > 20, "{full:?}");
    assert_eq!(migrate(&["up"]), vec!["applied"; steps]);

    // A step that changes a table leaves it there, in an earlier form; one that replaced an index brings it back.
    let tables = |lines: &[String]| -> BTreeSet<String> {
        let names = lines.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
        names.filter(|name| !name.starts_with("i ") && !name.starts_with("index ")).collect()
    };
    let mut before = full.clone();
    for undone in 1..=steps {
        let status = migrate(&["down"]);
        assert_eq!(status.iter().filter(|word| *word == "pending").count(), undone);
        let now = schema(&url).await;
        // A step may be for the other database only.
        assert!(tables(&now).is_subset(&tables(&before)), "{now:?}");
        before = now;
    }
    assert_eq!(before, Vec::<String>::new());
    assert_eq!(migrate(&["up"]), vec!["applied"; steps]);
    assert_eq!(schema(&url).await, full);
    assert_eq!(migrate(&["down", "--steps", &steps.to_string()]), vec!["pending"; steps]);
    assert_eq!(schema(&url).await, Vec::<String>::new());
    // There is nothing left to undo.
    migrate(&["down"]);
    assert_eq!(migrate(&["up"]), vec!["applied"; steps]);
    assert_eq!(schema(&url).await, full);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_programs_may_start_at_once_on_one_empty_postgresql() {
    let database = database::create_empty().await;
    let Some(url) = database.postgres_url() else { return };
    let settings = [("DATABASE_URL", url.as_str()), ("DEMO_DATA", "true")];
    let starting = [Serving::spawn(&settings), Serving::spawn(&settings), Serving::spawn(&settings)];
    let serving = starting.map(Starting::ready);
    let mut users = Vec::new();
    for program in &serving {
        let ready = program.http.get(format!("{}/health/ready", program.base)).send().await.unwrap();
        assert_eq!(ready.status(), 200);
        let data =
            program.ok(None, "{ users(first: 1) { totalCount } user(username: \"amina\") { id } }", Value::Null).await;
        assert!(data["user"]["id"].is_string(), "{data}");
        users.push(data);
    }
    assert!(users.iter().all(|data| *data == users[0]), "{users:?}");
    for program in serving {
        assert_eq!(program.terminate(), Some(0));
    }
}

/// What a newer version would have left behind.
async fn note(url: &str, statements: &[&str]) {
    let connection = Database::connect(url).await.unwrap();
    for statement in statements {
        connection.execute_unprepared(statement).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_former_version_starts_after_an_upgrade_that_only_added_and_says_why_not_after_another() {
    let server = Server::start().await;
    let (url, folder) = (server.database_url(), Folder::new());
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20991231_000001_more', 1)";
    note(&url, &[newer]).await;
    let serving = Serving::start(&[("DATABASE_URL", &url)]);
    serving.register("amina").await;
    assert_eq!(serving.terminate(), Some(0));
    let status = folder.run(&["migrate", "status"], &environment);
    assert_eq!(status.code, Some(0), "{status:?}");
    assert!(status.out.lines().any(|line| line == "unknown    m20991231_000001_more"), "{}", status.out);
    // Its steps are not undone below another's.
    let down = folder.run(&["migrate", "down", "--yes", "--destroy-data"], &environment);
    assert_eq!(down.code, Some(1), "{down:?}");
    assert!(down.err.contains("m20991231_000001_more"), "{}", down.err);

    note(&url, &["INSERT INTO breaking_steps (step) VALUES ('m20991231_000001_more')"]).await;
    for arguments in [&["serve"][..], &["worker"], &["migrate", "up"], &["jobs", "list"]] {
        let environment = [environment.as_slice(), &[("PORT", "0"), ("DEMO_DATA", "false")]].concat();
        let ended = folder.run(arguments, &environment);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{arguments:?}: {ended:?}");
        let said = ended.err.lines().last().unwrap();
        assert!(said.contains("m20991231_000001_more") && said.contains("migrate down"), "{arguments:?}: {said}");
        assert!(!ended.err.contains("internal error"), "{}", ended.err);
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
}

#[tokio::test]
async fn nothing_is_lost_unasked_and_no_money_unless_it_is_said() {
    let server = Server::start().await;
    let (url, folder) = (server.database_url(), Folder::new());
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let down = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["migrate", "down", "--steps", "99"].iter().chain(arguments).copied().collect();
        folder.run(&arguments, &environment)
    };
    server.user("amina").await;
    let before = schema(&url).await;
    let refused = down(&[]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.out.contains("  users: the whole table, 1 row(s)\n"), "{}", refused.out);
    assert!(!refused.out.contains("posts") && refused.err.contains("--yes"), "{refused:?}");
    assert_eq!(schema(&url).await, before);
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);

    let insert = "INSERT INTO money_keys (claimant_id, operation, key, input_hash, result_id, created_at) \
                  SELECT id, 'x', 'x', 'x', id, created_at FROM users";
    note(&url, &[insert]).await;
    for arguments in [&[][..], &["--yes"]] {
        let refused = down(arguments);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.out.contains("money_keys") && refused.err.contains("--destroy-data"), "{refused:?}");
        assert_eq!(schema(&url).await, before);
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM money_keys").await, 1);
    assert_eq!(down(&["--destroy-data"]).code, Some(1), "it is asked, still");
    assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
    let done = down(&["--yes", "--destroy-data"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(schema(&url).await, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_is_behind_the_database_or_before_it_says_what_to_do() {
    let database = database::create_empty().await;
    let (url, folder) = (database.url(), Folder::new());
    let environment =
        [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY), ("PORT", "0"), ("MIGRATE_ON_START", "false")];
    for arguments in [&["serve"][..], &["worker"], &["jobs", "list"], &["ledger", "verify"]] {
        let ended = folder.run(arguments, &environment);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{arguments:?}: {ended:?}");
        assert!(ended.err.contains("run agora migrate up"), "{arguments:?}: {}", ended.err);
    }
}
