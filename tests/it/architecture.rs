//! The arrows between the rooms, as `ARCHITECTURE.md` draws them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
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
    ("platform", &["catalogue", "config", "entity", "error"]),
    ("app", &["catalogue", "config", "error", "entity", "platform"]),
    ("domain", &["app", "catalogue", "config", "error", "entity", "platform"]),
    ("demo", &["app", "catalogue", "config", "error", "entity", "platform", "domain"]),
    ("graphql", &["app", "catalogue", "config", "error", "entity", "platform", "domain"]),
    ("http", &["app", "catalogue", "config", "error", "entity", "platform", "domain", "demo", "graphql"]),
    ("worker", &["app", "catalogue", "config", "error", "entity", "platform", "domain"]),
    (
        "cli",
        &["app", "catalogue", "config", "error", "entity", "platform", "domain", "demo", "graphql", "http", "worker"],
    ),
    ("main", &["cli"]),
];

/// Where a domain stands in the list: it may use those before it.
fn rank(name: &str) -> Option<usize> {
    DOMAINS.iter().position(|domain| domain.name == name)
}

/// Every Rust source below a folder.
pub(crate) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
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
    paths(source, "crate::", 2)
}

/// A source without the lines that are comments.
fn uncommented(source: &str) -> String {
    source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The same without spaces, and with things under the names that they have elsewhere.
fn code(source: &str) -> String {
    let (mut code, mut is_name) = (String::new(), false);
    for word in uncommented(source).split_whitespace() {
        if word == "as" {
            is_name = true;
            continue;
        }
        let is_of_name = |c: char| is_name && (c.is_alphanumeric() || c == '_');
        code.push_str(word.trim_start_matches(is_of_name));
        is_name = false;
    }
    code
}

/// Every path of a source that begins with this, and goes on: at most so many names of it.
fn paths(source: &str, beginning: &str, most: usize) -> Vec<String> {
    let code = code(source);
    let mut found = Vec::new();
    for (start, _) in code.match_indices(beginning) {
        // `super::super::` is one beginning.
        if !code[..start].ends_with("super::") {
            unfold(&code[start + beginning.len()..], "", most, &mut found);
        }
    }
    found
}

fn unfold(text: &str, prefix: &str, most: usize, found: &mut Vec<String>) {
    if let Some(list) = text.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (index, character) in list.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    unfold(&list[start..index], prefix, most, found);
                    return;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    unfold(&list[start..index], prefix, most, found);
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
        Some(rest) if most > 1 => unfold(rest, &path, most - 1, found),
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
        // Of a noun's head, which is a file or in a folder.
        if room == "domain" && relative.trim_end_matches("/mod").matches('/').count() == 1 {
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
const WRITE_ELSEWHERE: &[(&str, &str)] = &[("demo/", "it makes up a past that no command can")];

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

/// Files with SQL text beside the `sql.rs` of the nouns and `platform/db…`, which tells the databases apart; and why.
const SQL_ELSEWHERE: &[(&str, &str)] = &[
    (
        "domain/export",
        "it reads whatever tables the nouns hand over, which may be joined and have expressions for columns",
    ),
    ("platform/bus", "LISTEN and NOTIFY, which only PostgreSQL has, on connections of their own"),
    ("platform/page", "the order of lists that are text: the feed, and the transactions of a wallet"),
];

/// Statements that are text, at most: what is hot, and what the builder can't say. The rules of the books are no part of it:
/// each proves whole tables, apart from whatever code wrote them.
const MOST_STATEMENTS: usize = 40;

/// How statements begin.
const STATEMENTS: &[&str] = &["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH "];

/// How parts of statements begin.
const PARTS: &[&str] = &[
    "AND ",
    "CASE ",
    "COALESCE(",
    "CROSS JOIN ",
    "EXISTS (",
    "FOR KEY SHARE",
    "FOR NO KEY",
    "FOR UPDATE",
    "FROM ",
    "GROUP BY ",
    "JOIN ",
    "LEFT JOIN ",
    "LIMIT ",
    "NOT EXISTS",
    "ON CONFLICT",
    "ORDER BY ",
    "RETURNING ",
    "SET ",
    "UNION ",
    "VALUES ",
    "WHERE ",
];

/// What only they contain.
const WITHIN: &[&str] = &["(SELECT ", " SELECT ", " FROM ", " JOIN ", " WHERE ", " ORDER BY ", " CASE WHEN "];

/// The string literals of a source, each with where it stands, and with one space where there are more and where it is
/// continued.
fn literals(source: &str) -> Vec<(usize, String)> {
    let bytes = source.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let hashes = rest.iter().skip(1).take_while(|byte| **byte == b'#').count();
        let (begin, end) = if rest.starts_with(b"//") {
            at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            continue;
        } else if rest.starts_with(b"'\"'") {
            at += 3;
            continue;
        } else if rest.starts_with(b"'\\") {
            // The quote may be what is escaped.
            at += 4 + rest[3..].iter().position(|byte| *byte == b'\'').unwrap();
            continue;
        } else if rest[0] == b'r' && rest.get(hashes + 1) == Some(&b'"') {
            let begin = at + hashes + 2;
            let end = format!("\"{}", "#".repeat(hashes));
            (begin, begin + source[begin..].find(&end).unwrap())
        } else if rest[0] == b'"' {
            let mut length = 1;
            while rest[length] != b'"' {
                length += if rest[length] == b'\\' { 2 } else { 1 };
            }
            (at + 1, at + length)
        } else {
            at += 1;
            continue;
        };
        let text = source[begin..end].replace("\\\n", " ");
        found.push((begin, text.split_whitespace().collect::<Vec<_>>().join(" ")));
        at = end + 1;
    }
    found
}

fn is_statement(text: &str) -> bool {
    STATEMENTS.iter().any(|begin| text.starts_with(begin))
}

fn is_sql(text: &str) -> bool {
    is_statement(text)
        || PARTS.iter().any(|begin| text.starts_with(begin))
        || WITHIN.iter().any(|words| text.contains(words))
}

/// Where the rules of the books stand in a source.
fn rules(source: &str) -> Range<usize> {
    let Some(begin) = source.find("const RULES:") else { return 0..0 };
    begin..begin + source[begin..].find("\n];").unwrap()
}

#[test]
fn sql_text_stands_where_it_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (mut statements, mut proofs) = (Vec::new(), 0);
    let (mut wrong, mut needed) = (Vec::new(), BTreeSet::new());
    for file in files {
        let relative = file.strip_prefix(&root).unwrap().to_string_lossy().replace(".rs", "");
        let source = std::fs::read_to_string(&file).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        let texts = literals(source).into_iter().filter(|(_, text)| is_sql(text));
        let texts = texts.map(|(at, text)| (at, is_statement(&text), format!("{relative}: {text}")));
        if relative.starts_with("domain/") && relative.ends_with("/sql") {
            let rules = rules(source);
            for (at, _, text) in texts.filter(|(_, is_statement, _)| *is_statement) {
                if rules.contains(&at) {
                    proofs += 1;
                } else {
                    statements.push(text);
                }
            }
        } else if !relative.starts_with("platform/db") {
            let texts: Vec<_> = texts.map(|(_, _, text)| text).collect();
            match SQL_ELSEWHERE.iter().find(|(file, _)| *file == relative) {
                Some((file, _)) => needed.extend((!texts.is_empty()).then_some(*file)),
                None => wrong.extend(texts),
            }
        }
    }
    assert!(wrong.is_empty(), "by entities, or in the noun's sql.rs with why it is text:\n{}", wrong.join("\n"));
    let listed: BTreeSet<_> = SQL_ELSEWHERE.iter().map(|(file, _)| *file).collect();
    assert_eq!(needed, listed, "files in the list that have no SQL text");
    assert!(proofs > 30, "the rules of the books were not found");
    let count = statements.len();
    assert!(count > 20, "the statements were not found");
    assert!(count <= MOST_STATEMENTS, "{count} statements are text:\n{}", statements.join("\n"));
}

#[test]
fn the_check_itself_sees_sql_text() {
    let source = "// \"SELECT 1\"\nlet quote = ['\"', '\\'', '\\\\']; let life: &'a str = \"With \\\"SELECT\\\" FROM\";\n\
                  tx.execute(\"INSERT INTO \\\n  posts\", r#\"(SELECT \"id\")\"#, \"WHERE\", \" AND x\", \"a JOIN b\")";
    let found: Vec<_> = literals(source).into_iter().map(|(_, text)| text).filter(|text| is_sql(text)).collect();
    assert_eq!(found, ["INSERT INTO posts", "(SELECT \"id\")", "AND x", "a JOIN b"]);
    assert_eq!(found.iter().filter(|text| is_statement(text)).count(), 1);
}

/// A module of the domain, by the names on the way to it: `payments`, `refunds`, `rows`.
type Module = Vec<String>;

/// What is in a folder, and what beside it each needs.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The modules of a folder, each with its source, without its tests. The head of a folder is its `mod.rs`, or the file beside it.
fn modules(root: &Path) -> BTreeMap<Module, String> {
    let mut files = Vec::new();
    sources(root, &mut files);
    let module = |file: &PathBuf| {
        let path = file.strip_prefix(root).unwrap().with_extension("");
        let mut module: Module = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if path.ends_with("mod") {
            module.pop();
        }
        let source = std::fs::read_to_string(file).unwrap();
        (module, source.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned())
    };
    files.iter().map(module).collect()
}

/// The names of a path, without those that name nothing.
fn words(path: &str) -> Module {
    path.split("::").filter(|word| !word.is_empty() && *word != "self").map(str::to_owned).collect()
}

/// What heads of folders hand on, by its path there, and where it is: `payments::start` is `payments::processing::drive::start`.
fn handed_on(modules: &BTreeMap<Module, String>) -> BTreeMap<Module, Module> {
    let mut found = BTreeMap::new();
    for (head, source) in modules {
        for statement in uncommented(source).split(';') {
            let statement = statement.trim();
            let seen = ["pub ", "pub(crate) ", "pub(super) "].into_iter().find_map(|seen| statement.strip_prefix(seen));
            let Some(list) = seen.unwrap_or(statement).strip_prefix("use ") else { continue };
            let mut paths = Vec::new();
            unfold(&code(list), "", usize::MAX, &mut paths);
            for path in paths {
                let path = [head.as_slice(), &words(&path)].concat();
                let is_below = path.len() > head.len() && modules.contains_key(&path[..=head.len()]);
                if let Some(name) = path.last().filter(|_| is_below) {
                    found.insert([head.as_slice(), std::slice::from_ref(name)].concat(), path);
                }
            }
        }
    }
    found
}

/// The paths in the domain that a module names.
fn named(module: &[String], source: &str) -> Vec<Module> {
    let from_root = paths(source, "crate::", usize::MAX).into_iter();
    let from_root = from_root.filter_map(|path| path.strip_prefix("domain::").map(words));
    let from_here = paths(source, "super::", usize::MAX).into_iter().map(|path| {
        let path = words(&path);
        let up = path.iter().take_while(|word| *word == "super").count();
        [&module[..module.len().saturating_sub(up + 1)], &path[up..]].concat()
    });
    from_root.chain(from_here).collect()
}

/// The module to which a path leads, whoever hands on what is in it.
fn leads_to(mut path: Module, modules: &BTreeMap<Module, String>, handed_on: &BTreeMap<Module, Module>) -> Module {
    loop {
        let known = (1..=path.len()).rev().find(|length| modules.contains_key(&path[..*length])).unwrap_or(0);
        let Some(place) = path.get(..=known).and_then(|name| handed_on.get(name)) else {
            path.truncate(known);
            return path;
        };
        path = [place.as_slice(), &path[known + 1..]].concat();
    }
}

/// The files and folders of the nouns that depend on others in their folder that depend on them. A head is in no circle: it hands
/// on what is below it, and has what all of them share.
fn circles(modules: &BTreeMap<Module, String>) -> Vec<String> {
    let handed_on = handed_on(modules);
    let mut uses: BTreeMap<&[String], Uses> = BTreeMap::new();
    for (from, source) in modules {
        for path in named(from, source) {
            let to = leads_to(path, modules, &handed_on);
            let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
            // What one noun needs of another is in the order of the list.
            if shared > 0 && shared < from.len() && shared < to.len() {
                let beside = uses.entry(&from[..shared]).or_default();
                beside.entry(from[shared].clone()).or_default().insert(to[shared].clone());
            }
        }
    }
    let mut found = Vec::new();
    for (folder, uses) in &uses {
        found.extend(in_circles(uses).into_iter().map(|name| format!("{}/{name}", folder.join("/"))));
    }
    found
}

/// Who needs nobody that is left, or whom nobody needs that is left, is in no circle.
fn in_circles(uses: &Uses) -> BTreeSet<&str> {
    let mut left: BTreeSet<&str> = uses.keys().map(String::as_str).collect();
    loop {
        let needs = |name: &str| uses[name].iter().any(|other| left.contains(other.as_str()));
        let is_needed = |name: &str| left.iter().any(|other| uses[*other].contains(name));
        let free: Vec<&str> = left.iter().copied().filter(|&name| !needs(name) || !is_needed(name)).collect();
        if free.is_empty() {
            return left;
        }
        left.retain(|name| !free.contains(name));
    }
}

#[test]
fn the_files_of_a_noun_depend_on_each_other_one_way() {
    let modules = modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain"));
    assert!(modules.len() > 100, "the modules were not found");
    let circles = circles(&modules);
    assert!(circles.is_empty(), "files and folders that depend on each other in circles:\n{}", circles.join("\n"));
}

#[test]
fn the_check_itself_sees_circles() {
    let circles = |sources: &[(&str, &str)]| {
        let module = |path: &str| path.split('/').map(str::to_owned).collect::<Module>();
        circles(&sources.iter().map(|(path, source)| (module(path), (*source).to_owned())).collect())
    };
    let one_way = [("a", "mod x;\npub use y::f;"), ("a/x", "super::y::f(super::g)"), ("a/y", "use super::g as x;")];
    assert!(circles(&one_way).is_empty());
    let by_files = [("a/x", "use super::{y::f as g};"), ("a/y", "use crate::{domain::{a::x as z, b}};")];
    assert_eq!(circles(&by_files), ["a/x", "a/y"]);
    let by_head = [("a", "mod x;\npub use x::{f};"), ("a/x", "use super::y;"), ("a/y", "super::f()")];
    assert_eq!(circles(&by_head), ["a/x", "a/y"]);
    // None of their files is in a circle of its own.
    let by_folders = [("a/b/x", "super::super::c::y::f()"), ("a/c/y", ""), ("a/c/z", "use crate::domain::a::b::x;")];
    assert_eq!(circles(&by_folders), ["a/b", "a/c"]);
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
