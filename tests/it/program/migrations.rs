//! The schema of the database, which the program brings up and down, alone and beside others.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement};
use serde_json::Value;

use super::{Folder, KEY, Serving, Starting};
use crate::harness::database;

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
        assert!(now != before && tables(&now).is_subset(&tables(&before)), "{now:?}");
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
