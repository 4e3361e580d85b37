//! The arrows between the rooms, as `ARCHITECTURE.md` draws them.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
};

use agora::domain::DOMAINS;
use futures_util::FutureExt;
use sea_orm::DatabaseBackend;

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

/// Where a domain stands in the list: it may use those before it.
fn rank(name: &str) -> Option<usize> {
    DOMAINS.iter().position(|domain| domain.name == name)
}

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
        let mut source = std::fs::read_to_string(&file).unwrap();
        if room == "domain" && (relative.matches('/').count() == 1 || relative.ends_with("/mod")) {
            source = source.replace("super::", "crate::domain::");
        }
        for mention in mentions(&source) {
            let target = mention.split("::").next().unwrap();
            if target == room {
                if let (Some(from), Some(to)) = (domain, mention.split("::").nth(1))
                    && let (Some(from), Some(to)) = (rank(from), rank(to))
                    && to > from
                {
                    wrong.push(format!("{relative}: {mention}"));
                }
            } else if ROOMS.iter().any(|(name, _)| *name == target) && !allowed.contains(&target) {
                wrong.push(format!("{relative}: {mention}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that point the wrong way:\n{}", wrong.join("\n"));
}

/// What stands beside the domains in their folder: the list of them, which names all.
const LISTS: &[&str] = &["mod", "registration"];

#[test]
fn every_domain_is_in_the_list_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    let modules = std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        path.file_stem().unwrap().to_string_lossy().into_owned()
    });
    // A module that is a file and a folder is one.
    let modules: BTreeSet<_> = modules.filter(|name| !LISTS.contains(&name.as_str())).collect();
    let mut listed: Vec<_> = DOMAINS.iter().map(|domain| domain.name.to_owned()).collect();
    listed.sort_unstable();
    assert_eq!(listed, modules.into_iter().collect::<Vec<_>>());
}

/// Tables that are no domain's, and whose they are.
const TABLES_OF_OTHERS: &[(&str, &str)] = &[
    ("breaking_steps", "the migrations'"),
    ("seaql_migrations", "the migrations'"),
    ("sandbox_charges", "the sandbox's, which stands for a provider"),
    ("sandbox_disputes", "the sandbox's"),
    ("sandbox_events", "the sandbox's"),
    ("sandbox_refunds", "the sandbox's"),
];

#[tokio::test]
async fn every_table_has_one_owner() {
    let server = Server::start().await;
    let sql = match server.app.db.backend() {
        DatabaseBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        _ => "SELECT CAST(table_name AS text) FROM information_schema.tables WHERE table_schema = 'public'",
    };
    let rows = server.app.db.rows(sql, Vec::new()).await.unwrap();
    let mut there: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    // Kept by the database itself, for those whose words they are.
    there.retain(|table| !table.contains("_search"));
    there.sort_unstable();
    let owned = DOMAINS.iter().flat_map(|domain| domain.tables).copied();
    let mut claimed: Vec<_> = owned.chain(TABLES_OF_OTHERS.iter().map(|(table, _)| *table)).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, there);
    for domain in DOMAINS {
        let named = domain.counters.iter().map(|counter| counter.table);
        for table in named.chain(domain.streams.iter().map(|(_, table)| *table)) {
            assert!(domain.tables.contains(&table), "{} names {table}, which is another's", domain.name);
        }
    }
}

/// What is stored goes by these words: a job or schedule of before, or of a version that is gone back to, is found by them.
#[test]
fn no_word_that_is_stored_is_lost_or_said_twice() {
    let sorted = |mut words: Vec<&'static str>| {
        words.sort_unstable();
        words
    };
    let jobs = sorted(DOMAINS.iter().flat_map(|domain| domain.jobs).map(|handler| handler.kind).collect());
    let known = [
        "account_export",
        "digest",
        "email_verification",
        "forget_method",
        "goal_news",
        "goal_refund_all",
        "message",
        "notify",
        "password_reset",
        "payment_cancel",
        "post_deleted",
        "receipt",
        "refold",
        "refund",
        "webhook",
    ];
    assert_eq!(jobs, known);
    let schedules = sorted(DOMAINS.iter().flat_map(|domain| domain.schedules).map(|schedule| schedule.name).collect());
    let known =
        ["compare", "digest", "erase", "fold", "goals", "holds", "prune", "recount", "verify", "watch", "withdrawals"];
    assert_eq!(schedules, known);
    let derived: Vec<_> = DOMAINS.iter().flat_map(|domain| domain.derived).map(|derived| derived.part).collect();
    assert_eq!(derived, ["users", "posts", "goals"]);
}

/// Who writes tables of others by their own statements, and why; the beginning of the file's path.
const WRITE_ELSEWHERE: &[(&str, &str)] = &[("domain/demo/", "it makes up a past that no command can")];

/// Each table that has an entity, and the entity's module.
fn entities(root: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    sources(&root.join("entity"), &mut files);
    let entity = |file: PathBuf| {
        let source = std::fs::read_to_string(&file).unwrap();
        let (_, rest) = source.split_once("table_name = \"")?;
        let module = file.file_stem().unwrap().to_string_lossy().into_owned();
        Some((rest.split_once('"')?.0.to_owned(), module))
    };
    files.into_iter().filter_map(entity).collect()
}

/// The tables that a source writes: by the text of a statement, or by an entity.
fn written(source: &str, entities: &[(String, String)]) -> BTreeSet<String> {
    let code: Vec<_> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut tables = BTreeSet::new();
    for word in ["INSERT INTO ", "UPDATE ", "DELETE FROM ", "delete_before(\""] {
        for (at, _) in code.match_indices(word) {
            let rest = &code[at + word.len()..];
            let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(rest.len());
            tables.insert(rest[..end].to_owned());
        }
    }
    for (table, module) in entities {
        for write in ["ActiveModel", "Entity::insert", "Entity::update", "Entity::delete"] {
            let path = format!("{module}::{write}");
            let is_whole = |(at, _): (usize, &str)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if code.match_indices(&path).any(is_whole) {
                tables.insert(table.clone());
            }
        }
    }
    tables
}

#[test]
fn nobody_writes_the_tables_of_another() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entities = entities(&root);
    assert!(entities.len() > 30, "the entities were not found");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap().to_string_lossy().replace(".rs", "");
        if relative.starts_with("entity/") || WRITE_ELSEWHERE.iter().any(|(begin, _)| relative.starts_with(begin)) {
            continue;
        }
        let writer = relative.strip_prefix("domain/").and_then(|path| path.split('/').next());
        for table in written(&std::fs::read_to_string(&file).unwrap(), &entities) {
            let owner = DOMAINS.iter().find(|domain| domain.tables.contains(&table.as_str()));
            if let Some(owner) = owner.filter(|owner| Some(owner.name) != writer) {
                wrong.push(format!("{relative} writes {table}, which is of {}", owner.name));
            }
        }
    }
    assert!(wrong.is_empty(), "go through a function of the owner's:\n{}", wrong.join("\n"));
}

#[test]
fn the_check_itself_sees_who_writes_what() {
    let entities = [("posts".to_owned(), "post".to_owned()), ("jobs".to_owned(), "job".to_owned())];
    let source = "// UPDATE users\nlet sql = \"INSERT INTO events (id) \\\n ON CONFLICT DO UPDATE SET id = 1 FOR UPDATE OF l\";\n\
                  repost::ActiveModel { x: 1 }; job::Entity::insert(row)";
    let found: Vec<_> = written(source, &entities).into_iter().filter(|table| !table.is_empty()).collect();
    assert_eq!(found, ["events", "jobs"]);
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
