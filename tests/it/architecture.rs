//! The arrows between the rooms, as `src/lib.rs` draws them.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};

use futures_util::FutureExt;

use crate::harness::Server;

/// Each room and what it may use, beside itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("entity", &[]),
    ("config", &["entity"]),
    ("platform", &["config", "error"]),
    ("app", &["config", "error", "entity", "platform"]),
    ("domain", &["app", "config", "error", "entity", "platform"]),
    ("graphql", &["app", "config", "error", "entity", "platform", "domain"]),
    ("http", &["app", "config", "error", "entity", "platform", "domain", "graphql"]),
    ("worker", &["app", "config", "error", "entity", "platform", "domain"]),
    ("cli", &["app", "config", "error", "entity", "platform", "domain", "graphql", "http", "worker"]),
    ("main", &["cli"]),
];

/// The domains, lowest first: each may use those before it.
const DOMAINS: &[&str] = &[
    "permissions",
    "actor",
    "amounts",
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
    paths(source, "crate::")
}

/// Every path of a source that begins with this.
fn paths(source: &str, beginning: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join(" ")
        .split_whitespace()
        .collect();
    let mut found = Vec::new();
    for (start, _) in code.match_indices(beginning) {
        unfold(&code[start + beginning.len()..], "", &mut found);
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

/// Folders of the domain whose files depend on each other in circles, and why they still do.
const KNOTS: &[(&str, &str)] =
    &[("payments", "a payment goes on by what its provider says, which may give it back, which may go on …")];

#[test]
fn the_files_of_a_noun_depend_on_each_other_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    let mut files = Vec::new();
    sources(&root, &mut files);
    // Of each file, by its folder and name, the files beside it that it names.
    let mut uses: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for file in &files {
        let folder = file.parent().unwrap().strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if folder.is_empty() || name == "mod" {
            continue;
        }
        let source = std::fs::read_to_string(file).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        let named = paths(source, "super::").into_iter();
        let named = named.filter_map(|path| path.split("::").next().map(str::to_owned)).collect();
        uses.insert((folder, name), named);
    }
    // Who needs nobody that is left, or whom nobody needs that is left, is in no circle.
    loop {
        let left: BTreeSet<_> = uses.keys().cloned().collect();
        let needs = |(folder, name): &(String, String)| {
            let mut needed = uses[&(folder.clone(), name.clone())].iter();
            needed.any(|other| other != name && left.contains(&(folder.clone(), other.clone())))
        };
        let is_needed = |(folder, name): &(String, String)| {
            let mut others = uses.iter().filter(|((of, other), _)| of == folder && other != name);
            others.any(|(_, named)| named.contains(name))
        };
        let free: Vec<_> = left.iter().filter(|file| !needs(file) || !is_needed(file)).cloned().collect();
        if free.is_empty() {
            break;
        }
        uses.retain(|file, _| !free.contains(file));
    }
    let circles: Vec<_> = uses.keys().filter(|(folder, _)| KNOTS.iter().all(|(knot, _)| folder != knot)).collect();
    assert!(circles.is_empty(), "files that depend on each other in circles: {circles:?}");
    for (knot, _) in KNOTS {
        assert!(uses.keys().any(|(folder, _)| folder == knot), "{knot} has no circle any more");
    }
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
