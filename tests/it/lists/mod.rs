//! Lists at size: whatever is asked for, the database looks at a bounded part of its tables. Every list of the graph is asked
//! for, in every order and with every condition that the SDL names; a new one is, too, or fails here until it can be.

mod filling;
mod narrowing;

use std::collections::{BTreeMap, BTreeSet};

use agora::{entity::user_role::Role, graphql, platform::db::Database};
use async_graphql::parser::{
    parse_schema,
    types::{BaseType, InputValueDefinition, Type, TypeKind, TypeSystemDefinition},
};
use sea_orm::{DatabaseBackend, Statement};
use serde_json::Value;
use tokio::sync::OnceCell;

use self::filling::{Hot, LARGE, STATEMENTS, fill};
use crate::harness::{Client, Server, Template};

/// As many rows of a table as a statement may look at: those that are counted or chosen at most, and some to spare.
const LOOKED_AT: f64 = 12_500.0;

/// What the SDL says of lists.
struct Lists {
    fields: BTreeMap<String, Vec<(String, Vec<InputValueDefinition>, String)>>,
    inputs: BTreeMap<String, Vec<InputValueDefinition>>,
    enums: BTreeMap<String, Vec<String>>,
}

impl Lists {
    fn read() -> Self {
        let mut lists = Self { fields: BTreeMap::new(), inputs: BTreeMap::new(), enums: BTreeMap::new() };
        for definition in parse_schema(graphql::sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Object(object) => {
                    let fields = object.fields.into_iter().map(|field| {
                        let arguments = field.node.arguments.into_iter().map(|argument| argument.node).collect();
                        (field.node.name.node.to_string(), arguments, base(&field.node.ty.node))
                    });
                    lists.fields.insert(name, fields.collect());
                }
                TypeKind::InputObject(input) => {
                    lists.inputs.insert(name, input.fields.into_iter().map(|field| field.node).collect());
                }
                TypeKind::Enum(kind) => {
                    let values = kind.values.into_iter().map(|value| value.node.value.node.to_string());
                    lists.enums.insert(name, values.collect());
                }
                _ => {}
            }
        }
        lists
    }

    /// Every list with every way to ask for it.
    fn queries(&self, hot: &Hot) -> Vec<String> {
        let mut queries = Vec::new();
        for (parent, fields) in &self.fields {
            for (field, arguments, ty) in fields.iter().filter(|(.., ty)| ty.ends_with("Connection")) {
                let has_total = self.fields[ty].iter().any(|(name, ..)| name == "totalCount");
                assert!(has_total, "{ty} has no total");
                let (.., item) = self.fields[ty].iter().find(|(name, ..)| name == "nodes").unwrap();
                let node = if self.fields[item].iter().any(|(name, ..)| name == "id") {
                    "nodes { id }"
                } else {
                    "nodes { __typename }"
                };
                for arguments in self.ways(arguments, hot) {
                    let sizes: &[&str] =
                        if arguments.contains("where") { &["first: 20"] } else { &["first: 20", "last: 20"] };
                    for size in sizes {
                        let list = format!("{field}({size}{arguments}) {{ totalCount totalCountIsExact {node} }}");
                        queries.push(inside(parent, &list, hot));
                    }
                }
            }
        }
        queries
    }

    /// Each order with each condition alone, and with none.
    fn ways(&self, arguments: &[InputValueDefinition], hot: &Hot) -> Vec<String> {
        let (mut orders, mut filters) = (vec![String::new()], vec![String::new()]);
        for argument in arguments {
            let (name, ty) = (argument.name.node.as_str(), base(&argument.ty.node));
            match name {
                "first" | "last" | "after" | "before" => {}
                "sortBy" => orders = self.enums[&ty].iter().map(|value| format!(", sortBy: {value}")).collect(),
                "where" => {
                    for field in &self.inputs[&ty] {
                        let values = self.values(&base(&field.ty.node), &field.name.node, hot);
                        let is_list = matches!(field.ty.node.base, BaseType::List(_));
                        // Of a list each value alone, and all of them.
                        let mut given: Vec<String> = values.clone();
                        if is_list {
                            given = values.iter().map(|value| format!("[{value}]")).collect();
                            given.push(format!("[{}]", values.join(", ")));
                        }
                        let name = &field.name.node;
                        filters.extend(given.into_iter().map(|value| format!(", where: {{ {name}: {value} }}")));
                    }
                }
                _ => {
                    let values = self.values(&ty, name, hot);
                    filters.extend(values.into_iter().map(|value| format!(", {name}: {value}")));
                }
            }
        }
        orders.iter().flat_map(|order| filters.iter().map(move |filter| format!("{order}{filter}"))).collect()
    }

    /// Values of which all rows have one, and none another.
    fn values(&self, ty: &str, name: &str, hot: &Hot) -> Vec<String> {
        if let Some(values) = self.enums.get(ty) {
            // Of very many a few: all of them are in one index.
            let enough = if values.len() > 10 { 4 } else { values.len() };
            return values[..enough].to_vec();
        }
        let texts = |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| format!("\"{text}\"")).collect() };
        match (ty, name) {
            ("Boolean", _) => vec!["true".to_owned(), "false".to_owned()],
            ("IntRange", "progressPercent") => {
                vec!["{ min: 50 }".to_owned(), "{ max: 10 }".to_owned(), "{ min: 5000, max: 5001 }".to_owned()]
            }
            ("MoneyRange", "amount") => vec![
                "{ currency: \"EUR\", min: \"0.01\", max: \"1.00\" }".to_owned(),
                "{ currency: \"EUR\", max: \"0.00\" }".to_owned(),
                "{ currency: \"JPY\", min: \"1\" }".to_owned(),
            ],
            ("CurrencyCode", _) => texts(&["EUR", "JPY"]),
            ("DateTime", _) => texts(&["2025-01-02T00:00:00Z", "2090-01-01T00:00:00Z"]),
            ("DateTimeRange", _) => vec![
                "{ from: \"2025-01-01T10:00:00Z\", until: \"2025-01-01T10:05:00Z\" }".to_owned(),
                "{ from: \"2024-01-01T00:00:00Z\" }".to_owned(),
                "{ from: \"2040-01-01T00:00:00Z\" }".to_owned(),
            ],
            ("String", "text") => texts(&["everybody", "nobody", "everybody 17"]),
            ("String", "tags") => texts(&["all", "none", "every"]),
            ("String", "email") => texts(&["person", "zz"]),
            ("String", "actions") => texts(&["adminUserSuspend", "nothing"]),
            ("String", "categories") => texts(&["big", "none"]),
            ("String", "kinds") => texts(&["notify", "none"]),
            ("ID", "goalIds") => vec![format!("\"{}\"", hot.goal), format!("\"{}\"", hot.no_goal)],
            ("ID", "authorIds" | "ownerIds" | "userIds" | "payerIds" | "actorIds" | "subjectIds") => {
                vec![format!("\"{}\"", hot.person), format!("\"{}\"", hot.nobody)]
            }
            _ => panic!("say what values `{name}: {ty}` is to be asked for with"),
        }
    }
}

fn base(ty: &Type) -> String {
    match &ty.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => base(inner),
    }
}

/// Lists of a person that only they themselves see.
const OWN: &[&str] = &["activity(", "contributions(", "notifications(", "payments("];

/// How a list of a type is reached.
fn inside(parent: &str, list: &str, hot: &Hot) -> String {
    let id = match parent {
        "Query" => return format!("{{ {list} }}"),
        "Wallet" => return format!("{{ adminWallet(userId: \"{}\") {{ {list} }} }}", hot.person),
        "User" if OWN.iter().any(|own| list.starts_with(own)) => return format!("{{ me {{ {list} }} }}"),
        "User" => &hot.person,
        "Post" => &hot.post,
        "Comment" => &hot.comment,
        "Goal" => &hot.goal,
        "GoalContribution" => &hot.contribution,
        _ => panic!("say how a {parent} is reached"),
    };
    format!("{{ node(id: \"{id}\") {{ ... on {parent} {{ {list} }} }} }}")
}

/// What is wrong with the way in which the database answers.
async fn faults(server: &Server, statement: &Statement, is_filtered: bool) -> Vec<String> {
    let values = statement.values.clone().map(|values| values.0).unwrap_or_default();
    let explain = match server.app.db.backend() {
        DatabaseBackend::Postgres => "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF)",
        _ => "EXPLAIN QUERY PLAN",
    };
    let rows = server.app.db.rows(format!("{explain} {}", statement.sql), values).await.unwrap();
    let column = |number| rows.iter().map(|row| row.try_get_by_index(number).unwrap()).collect::<Vec<String>>();
    if server.app.db.backend() == DatabaseBackend::Postgres {
        looked_at(&column(0))
    } else {
        scans(&column(3), &statement.sql, is_filtered)
    }
}

/// PostgreSQL tells how many rows of each table it looked at: those that it passed on, and those that a filter refused.
fn looked_at(plan: &[String]) -> Vec<String> {
    let number = |text: &str, after: &str| {
        let rest = &text[text.find(after)? + after.len()..];
        rest[..rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len())].parse::<f64>().ok()
    };
    let mut faults = Vec::new();
    let mut lines = plan.iter().peekable();
    while let Some(line) = lines.next() {
        let Some(table) = LARGE.iter().find(|table| line.contains(&format!(" on {table} "))) else { continue };
        let Some((_, actual)) = line.split_once("(actual ") else { continue };
        let (rows, loops) = (number(actual, "rows=").unwrap(), number(actual, "loops=").unwrap());
        let mut refused = 0.0;
        while let Some(detail) = lines.peek().filter(|line| !line.contains("(cost=")) {
            refused += number(detail, "Rows Removed by Filter: ").unwrap_or_default();
            refused += number(detail, "Rows Removed by Index Recheck: ").unwrap_or_default();
            lines.next();
        }
        let seen = (rows + refused) * loops;
        if seen > LOOKED_AT {
            faults.push(format!("{seen} rows of {table}: {}", line.trim()));
        }
    }
    faults
}

/// Indexes of which every row has what is asked for.
const FILTERS: &[&str] = &["goals_reached", "goals_not_reached", "jobs_dead"];

/// SQLite tells how it would go: through a whole table or by an index, and whether it would sort.
fn scans(plan: &[String], sql: &str, is_filtered: bool) -> Vec<String> {
    // Names may be quoted, and blanks doubled.
    let sql = sql.replace('"', "").replace("  ", " ");
    let table_of = |alias: &str| {
        LARGE.iter().find(|table| **table == alias || sql.contains(&format!(" {table} {alias} "))).copied()
    };
    // What is sorted is bounded where it was chosen first, or is the first of each of a few.
    let is_chosen = sql.contains("found AS MATERIALIZED") || sql.contains("ledger_accounts a");
    // The parts of a page that are merged are each read in order; it is only the page that is sorted, once more.
    let mut sorts = usize::from(sql.contains("WITH page AS MATERIALIZED"));
    let mut fault = |line: &String| {
        let mut words = line.split(' ');
        match (words.next(), words.next()) {
            (Some("SCAN"), Some(alias)) if table_of(alias).is_some() => {
                let is_the_filter = FILTERS.iter().any(|index| line.ends_with(index));
                !line.contains("USING") || (is_filtered && !is_chosen && !is_the_filter)
            }
            (Some("USE"), _) if line.contains("ORDER BY") && !is_chosen => {
                let is_of_the_page = sorts > 0;
                sorts = sorts.saturating_sub(1);
                !is_of_the_page
            }
            _ => false,
        }
    };
    plan.iter().filter(|line| fault(line)).cloned().collect()
}

/// Asks, and says what is wrong with the statements that ran for it.
async fn examine(server: &Server, client: &Client, query: &str, known: &mut BTreeSet<String>) -> Vec<String> {
    let (answer, statements) = Database::recorded(client.send(query, Value::Null)).await;
    assert!(answer.body["errors"].is_null(), "{query}: {}", answer.body);
    // Most rows have what these ask for, so going along the list is right.
    let is_filtered =
        query.contains("where: ") && !["isSuspended: false", "roles: [USER"].iter().any(|dense| query.contains(dense));
    let mut found = Vec::new();
    for statement in statements.iter().filter(|statement| known.insert(statement.to_string())) {
        for fault in faults(server, statement, is_filtered).await {
            found.push(format!("{query}\n    {fault}\n    {}", statement.sql));
        }
    }
    found
}

/// Full tables, which are made once for all that only read them, and somebody who sees every list.
async fn with_many() -> (Server, Client, &'static Hot) {
    static MANY: OnceCell<(Template, Hot)> = OnceCell::const_new();
    let filling = async || {
        let server = Server::start().await;
        let staff = server.staff("olivia", Role::Owner).await;
        let hot = fill(&server, &staff, STATEMENTS).await;
        (Template::of(server, &[]).await, hot)
    };
    let (template, hot) = MANY.get_or_init(filling).await;
    let server = template.share().await;
    let staff = server.anonymous().login("olivia").await;
    (server, staff, hot)
}

/// Whatever is asked for, its statements are bounded.
async fn assert_bounded(server: &Server, client: &Client, queries: &[String]) {
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    for query in queries {
        found.extend(examine(server, client, query, &mut known).await);
    }
    assert!(known.len() > queries.len() / 4, "{} of {}", known.len(), queries.len());
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), known.len(), found.join("\n"));
}

/// What the lists are asked for by, in three parts that share the time: those for staff, those for everybody, and those
/// below something.
fn parts(hot: &Hot) -> [Vec<String>; 3] {
    let queries = Lists::read().queries(hot);
    assert!(queries.len() > 150, "{}", queries.len());
    let mut parts: [Vec<String>; 3] = Default::default();
    for query in queries {
        let is_for_staff = query.starts_with("{ admin");
        let is_below = ["{ node(", "{ me {"].iter().any(|start| query.starts_with(start));
        parts[if is_for_staff { 0 } else { 1 + usize::from(is_below) }].push(query);
    }
    assert!(parts.iter().all(|part| part.len() > 10), "{:?}", parts.each_ref().map(Vec::len));
    parts
}

#[tokio::test]
async fn no_list_for_staff_looks_at_more_than_a_bounded_part_of_a_table() {
    let (server, staff, hot) = with_many().await;
    let [queries, ..] = parts(hot);
    assert_bounded(&server, &staff, &queries).await;
}

#[tokio::test]
async fn no_list_for_everybody_looks_at_more_than_a_bounded_part_of_a_table() {
    let (server, staff, hot) = with_many().await;
    let [_, queries, _] = parts(hot);
    assert_bounded(&server, &staff, &queries).await;
    // What is visible to everybody is filtered otherwise than for staff.
    let is_otherwise = |query: &&String| query.starts_with("{ goals(") || query.starts_with("{ posts(");
    let queries: Vec<_> = queries.iter().filter(is_otherwise).cloned().collect();
    assert!(!queries.is_empty());
    assert_bounded(&server, &server.anonymous(), &queries).await;
}

#[tokio::test]
async fn no_list_below_something_looks_at_more_than_a_bounded_part_of_a_table() {
    let (server, staff, hot) = with_many().await;
    let [.., mut queries] = parts(hot);
    for way in ["first: 3", "first: 3, reverse: true"] {
        let talk = format!("comments({way}) {{ nodes {{ id replies({way}) {{ nodes {{ id }} }} }} }}");
        queries.push(format!(
            "{{ posts(sortBy: MOST_DISCUSSED) {{ nodes {{ {talk} likes({way}) {{ nodes {{ id }} }} }} }} }}"
        ));
        queries.push(format!("{{ post(id: \"{}\") {{ {talk} }} }}", hot.post));
    }
    assert_bounded(&server, &staff, &queries).await;
}

#[tokio::test]
async fn what_is_counted_and_chosen_stops_at_a_bound_and_says_so() {
    let (server, _, hot) = with_many().await;
    let nobody = server.anonymous();
    let list = "nodes { body } totalCount totalCountIsExact";
    for (filter, count, is_exact) in [
        ("", 10_000, false),
        ("where: { text: \"everybody\" }", 10_000, false),
        ("where: { text: \"nobody\" }", 0, true),
        // Rare, though it begins with a word that all have: 17, 170 to 179, 1700 to 1799 and 17000 to 17999.
        ("where: { text: \"everybody 17\" }", 1_111, true),
        ("where: { tags: \"all\" }", 10_000, false),
        ("where: { tags: \"none\" }", 0, true),
        // All have both, and each counts once.
        ("where: { tags: [\"all\", \"every\", \"none\"] }", 10_000, false),
        ("where: { text: \"everybody 17\", tags: [\"all\", \"every\"] }", 1_111, true),
        ("where: { text: \"wrote 24999\" }", 1, true),
        ("sortBy: MOST_LIKED, where: { text: \"everybody 17\", tags: \"all\" }", 1_111, true),
        ("sortBy: MOST_LIKED, where: { tags: \"all\" }", 10_000, false),
    ] {
        let data = nobody.ok(&format!("{{ posts(first: 3, {filter}) {{ {list} }} }}"), Value::Null).await;
        assert_eq!(data["posts"]["totalCount"], count, "{filter}");
        assert_eq!(data["posts"]["totalCountIsExact"], is_exact, "{filter}");
        assert_eq!(data["posts"]["nodes"].as_array().unwrap().len() as i64, count.min(3), "{filter}");
    }
    // A word that everybody wrote: the newest of all come first, in the order of time; in another, the best of the newest.
    let (newest, searched) =
        ("{ posts { nodes { id } } }", "{ posts(where: { text: \"everybody\" }) { nodes { id } } }");
    let newest = nobody.ok(newest, Value::Null).await["posts"].clone();
    assert_eq!(nobody.ok(searched, Value::Null).await["posts"], newest);
    let query = "{ posts(first: 100, sortBy: MOST_LIKED, where: { text: \"everybody\" }) { nodes { likeCount } } }";
    let liked = nobody.ok(query, Value::Null).await;
    assert!(liked["posts"]["nodes"].as_array().unwrap().iter().all(|post| post["likeCount"] == 96), "{liked}");
    // A person's own posts are searched among them, and not among all that have the word.
    let query = format!(
        "{{ posts(where: {{ text: \"everybody 17\", authorIds: \"{}\" }}) {{ totalCount totalCountIsExact }} }}",
        hot.person
    );
    let own = nobody.ok(&query, Value::Null).await;
    assert_eq!(own["posts"]["totalCountIsExact"], false, "{own}");
}
