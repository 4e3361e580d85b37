//! Copies of everything: made while it is used, and brought back.

use std::process::Command;

use sea_orm::DatabaseBackend;
use serde_json::{Value, json};

use super::{Ended, Folder, KEY, Serving, wait};
use crate::harness::{Server, database};

const PUBLISH: &str = "mutation { postCreate(input: { body: \"x\" }) { post { id } errors { code } } }";
const POSTS: &str = "{ posts { totalCount nodes { body } } users(where: { text: \"amina\" }) { nodes { username } } }";

async fn posts(url: &str) -> i64 {
    let serving = Serving::start(&[("DATABASE_URL", url)]);
    let data = serving.ok(None, POSTS, Value::Null).await;
    assert_eq!(data["users"]["nodes"], json!([{ "username": "amina" }]));
    data["posts"]["totalCount"].as_i64().unwrap()
}

#[tokio::test]
async fn a_copy_is_made_while_everybody_writes_and_brought_back_whole() {
    let folder = Folder::new();
    let at = |name: &str| folder.0.join(name).display().to_string();
    let url = format!("sqlite://{}", at("agora.db"));
    let run = |arguments: &[&str], url: &str| -> Ended {
        folder.run(arguments, &[("DATABASE_URL", url), ("SECRET_KEY", KEY)])
    };
    let serving = Serving::start(&[("DATABASE_URL", &url)]);
    let token = serving.register("amina").await;
    let mut before = 0;
    for _ in 0..20 {
        serving.ok(Some(&token), PUBLISH, Value::Null).await;
        before += 1;
    }
    let copy = at("copy.db");
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let mut backing_up = folder.program(&["backup", copy.as_str()], &environment).spawn().unwrap();
    for _ in 0..20 {
        serving.ok(Some(&token), PUBLISH, Value::Null).await;
    }
    assert_eq!(wait(&mut backing_up), Some(0));
    // It never writes over anything.
    let again = run(&["backup", &copy], &url);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains("is there already"), "{}", again.err);

    // Not while somebody uses it, and not over it unasked.
    let unasked = run(&["restore", &copy], &url);
    assert!(unasked.code == Some(1) && unasked.err.contains("--replace"), "{unasked:?}");
    let in_use = run(&["restore", &copy, "--replace"], &url);
    assert!(in_use.code == Some(1) && in_use.err.contains("is in use"), "{in_use:?}");
    serving.ok(Some(&token), PUBLISH, Value::Null).await;
    assert_eq!(serving.terminate(), Some(0));

    for (arguments, url) in [
        (&["restore", &copy][..], format!("sqlite://{}", at("elsewhere.db"))),
        (&["restore", &copy, "--replace"][..], url.clone()),
    ] {
        let restored = run(arguments, &url);
        assert_eq!(restored.code, Some(0), "{restored:?}");
        let found = posts(&url).await;
        assert!((before..=before + 20).contains(&found), "{found}");
        let books = run(&["ledger", "verify"], &url);
        assert_eq!(books.code, Some(0), "{books:?}");
    }
    // What it was before is kept.
    let replaced = posts(&format!("sqlite://{}.replaced", at("agora.db"))).await;
    assert_eq!(replaced, before + 21);

    std::fs::write(at("nonsense"), "nonsense").unwrap();
    let refused = run(&["restore", &at("nonsense"), "--replace"], &url);
    assert!(refused.code == Some(1) && refused.err.contains("can't be restored"), "{refused:?}");
    assert!((before..=before + 20).contains(&posts(&url).await));
}

/// The procedure of docs/operating.md.
#[tokio::test]
async fn postgresql_is_copied_and_brought_back_by_its_own_programs() {
    let server = Server::start().await;
    if server.app.db.backend() != DatabaseBackend::Postgres {
        return;
    }
    if Command::new("pg_dump").arg("--version").output().is_err() {
        eprintln!("skipped: needs pg_dump and pg_restore");
        return;
    }
    let amina = server.user("amina").await;
    amina.publish("hello").await;
    let (folder, empty) = (Folder::new(), database::create_empty().await);
    let copy = folder.0.join("copy.dump").display().to_string();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("pg_dump", &["--format=custom", "--file", &copy, &server.database_url()]);
    run("pg_restore", &["--no-owner", "--exit-on-error", "--single-transaction", "--dbname", &empty.url(), &copy]);
    assert_eq!(posts(&empty.url()).await, 1);
    let url = server.database_url();
    let refused = folder.run(&["backup", "copy.db"], &[("DATABASE_URL", &url), ("SECRET_KEY", KEY)]);
    assert!(refused.code == Some(1) && refused.err.contains("pg_dump"), "{refused:?}");
}
