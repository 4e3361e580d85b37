//! The arrows between the rooms, as `src/lib.rs` draws them.

use std::{
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};

use futures_util::FutureExt;

use crate::harness::Server;

/// Each room and what it may use, beside itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("catalogue", &[]),
    ("error", &["catalogue"]),
    ("entity", &[]),
    ("config", &["entity"]),
    ("platform", &["catalogue", "config", "error"]),
    ("app", &["catalogue", "config", "error", "entity", "platform"]),
    ("domain", &["app", "catalogue", "config", "error", "entity", "platform"]),
    ("graphql", &["app", "catalogue", "config", "error", "entity", "platform", "domain"]),
    ("http", &["app", "catalogue", "config", "error", "entity", "platform", "domain", "graphql"]),
    ("worker", &["app", "catalogue", "config", "error", "entity", "platform", "domain"]),
    ("cli", &["app", "catalogue", "config", "error", "entity", "platform", "domain", "graphql", "http", "worker"]),
    ("main", &["cli"]),
];

/// The domains, lowest first: each may use those before it.
const DOMAINS: &[&str] = &[
    "permissions",
    "actor",
    "amounts",
    "states",
    "events",
    "live",
    "jobs",
    "idempotency",
    "codes",
    "messages",
    "export",
    "activity",
    "audit",
    "accounts",
    "profiles",
    "posts",
    "ledger",
    "wallets",
    "payments",
    "fees",
    "goals",
    "books",
    "notifications",
    "alerts",
    "digests",
    "refold",
    "privacy",
    "admin",
    "demo",
];

/// Every Rust source below a folder.
pub fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every `crate::…` path of a source, nested `use` lists unfolded: `app`, `domain::accounts` …
fn mentions(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join(" ")
        .split_whitespace()
        .collect();
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        unfold(&code[start + 7..], "", &mut found);
    }
    found
}

fn unfold(text: &str, prefix: &str, found: &mut Vec<String>) {
    if let Some(list) = text.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (index, character) in list.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    unfold(&list[start..index], prefix, found);
                    return;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    unfold(&list[start..index], prefix, found);
                    start = index + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let path = if prefix.is_empty() { word.to_owned() } else { format!("{prefix}::{word}") };
    match rest.strip_prefix("::") {
        Some(rest) if prefix.is_empty() => unfold(rest, &path, found),
        _ => found.push(path),
    }
}

#[test]
fn arrows_point_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "the sources were not found");
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap().to_string_lossy().replace(".rs", "");
        let mut parts = relative.split('/');
        let room = parts.next().unwrap();
        if room == "lib" {
            continue;
        }
        let domain = parts.next().filter(|_| room == "domain");
        let allowed = ROOMS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("a new room: {room}")).1;
        let source = std::fs::read_to_string(&file).unwrap();
        for mention in mentions(&source) {
            let target = mention.split("::").next().unwrap();
            if target == room {
                if let (Some(from), Some(to)) = (domain, mention.split("::").nth(1))
                    && let Some(to_rank) = DOMAINS.iter().position(|name| *name == to)
                {
                    let from_rank = DOMAINS.iter().position(|name| *name == from);
                    if from_rank.is_some_and(|from_rank| to_rank > from_rank) {
                        wrong.push(format!("{relative}: {mention}"));
                    }
                }
            } else if ROOMS.iter().any(|(name, _)| *name == target) && !allowed.contains(&target) {
                wrong.push(format!("{relative}: {mention}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that point the wrong way:\n{}", wrong.join("\n"));
}

#[test]
fn the_check_itself_sees_nested_lists() {
    let found = mentions("use crate::{app::App, domain::{accounts::User, posts}, error::Result};");
    assert_eq!(found, ["app::App", "domain::accounts", "domain::posts", "error::Result"]);
}

#[test]
fn every_module_opens_with_a_line_on_what_it_is_for() {
    let mut files = Vec::new();
    for folder in ["src", "migration/src", "tests/it"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let silent: Vec<_> =
        files.iter().filter(|file| !std::fs::read_to_string(file).unwrap().starts_with("//!")).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

/// Whoever holds one connection and waits for another waits for those who do the same. So nobody may, and is told so
/// wherever the program is built as tests are.
#[tokio::test]
async fn in_a_transaction_nobody_asks_for_another_connection() {
    let server = Server::start().await;
    let db = &server.app.db;
    let reading = db.transact(async |_| db.rows("SELECT 1", Vec::new()).await.map(drop)).boxed_local();
    let writing = db.transact(async |_| db.transact(async |_| Ok(())).await).boxed_local();
    let looking = db.snapshot(async |_| db.rows("SELECT 1", Vec::new()).await.map(drop)).boxed_local();
    for asking in [reading, writing, looking] {
        let asked = AssertUnwindSafe(asking).catch_unwind().await;
        assert_eq!(asked.is_err(), cfg!(debug_assertions));
    }
}
