//! What a list is narrowed to, and its order reversed: the same of every list that the SDL names.

use std::collections::BTreeSet;

use agora::entity::{UserId, user_role::Role};
use async_graphql::parser::types::BaseType;
use serde_json::Value;
use uuid::Uuid;

use super::{
    Lists, base,
    filling::{FEW, Hot, STATEMENTS, fill},
    inside,
};
use crate::harness::{Client, Server};

/// How statements begin that make people.
const PEOPLE: &[&str] = &["INSERT INTO users ", "INSERT INTO credentials "];
/// More than a page of each.
const SEVERAL_PAGES: i64 = 101;
/// Most of what others are about, and less than a page.
const ONE_PAGE: i64 = 97;

/// Few rows of each table, and of people as many as others are about.
async fn with_few(most: i64) -> (Server, Client, Hot) {
    let server = Server::start().await;
    let staff = server.staff("olivia", Role::Owner).await;
    let most = |text: &str| if PEOPLE.iter().any(|table| text.starts_with(table)) { SEVERAL_PAGES } else { most };
    let few: Vec<_> =
        STATEMENTS.iter().map(|(rows, text)| (if *rows == FEW { FEW } else { most(text) }, *text)).collect();
    let hot = fill(&server, &staff, &few).await;
    (server, staff, hot)
}

/// The ids of a list, all of them, in its order.
async fn whole(client: &Client, parent: &str, field: &str, arguments: &str, hot: &Hot) -> Vec<String> {
    client.pages(&inside(parent, &format!("{field}({arguments}PAGE) {{ ITEMS }}"), hot), 100, false).await.concat()
}

/// A condition as the SDL has it: the list, the name, whether it takes several values, and values.
struct Condition {
    parent: String,
    field: String,
    name: String,
    is_list: bool,
    values: Vec<String>,
}

impl Condition {
    fn of(&self, values: &[String]) -> String {
        if self.is_list {
            format!("{}: [{}]", self.name, values.join(", "))
        } else {
            format!("{}: {}", self.name, values[0])
        }
    }
}

/// Every condition of every list.
fn conditions(lists: &Lists, hot: &Hot) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (parent, fields) in &lists.fields {
        for (field, arguments, _) in fields.iter().filter(|(.., ty)| ty.ends_with("Connection")) {
            let Some(filter) = arguments.iter().find(|argument| argument.name.node == "where") else { continue };
            for input in &lists.inputs[&base(&filter.ty.node)] {
                let name = input.name.node.to_string();
                conditions.push(Condition {
                    parent: parent.clone(),
                    field: field.clone(),
                    is_list: matches!(input.ty.node.base, BaseType::List(_)),
                    values: lists.values(&base(&input.ty.node), &name, hot),
                    name,
                });
            }
        }
    }
    conditions
}

#[tokio::test]
async fn all_conditions_hold_together_and_a_list_means_any_of_its_values() {
    let (_server, staff, hot) = with_few(ONE_PAGE).await;
    let lists = Lists::read();
    let conditions = conditions(&lists, &hot);
    assert!(conditions.len() > 40, "{}", conditions.len());
    let found = async |condition: &Condition, filter: &str| -> BTreeSet<String> {
        let arguments = format!("where: {{ {filter} }}, ");
        let ids = whole(&staff, &condition.parent, &condition.field, &arguments, &hot).await;
        let count = ids.len();
        let ids: BTreeSet<String> = ids.into_iter().collect();
        assert_eq!(ids.len(), count, "twice the same: {} {filter}", condition.field);
        ids
    };
    // Each alone, by two of its values, is asked for once.
    let mut answers = Vec::new();
    for one in &conditions {
        let mut alone = Vec::new();
        for value in one.values.iter().take(2) {
            let filter = one.of(std::slice::from_ref(value));
            alone.push((found(one, &filter).await, filter));
        }
        answers.push((one, alone));
    }
    for (at, (one, alone)) in answers.iter().enumerate() {
        if one.is_list {
            let any: BTreeSet<String> = alone.iter().flat_map(|(ids, _)| ids.iter().cloned()).collect();
            let both = one.of(&one.values[..one.values.len().min(2)]);
            assert_eq!(found(one, &both).await, any, "{} {both}", one.field);
            let none = one.of(&[]);
            assert_eq!(found(one, &none).await, BTreeSet::new(), "{} {none}", one.field);
        }
        for (other, others) in &answers[at + 1..] {
            if (&other.parent, &other.field) != (&one.parent, &one.field) {
                continue;
            }
            for (of_second, second) in others {
                for (of_first, first) in alone {
                    let both = format!("{first}, {second}");
                    let expected: BTreeSet<String> = of_first.intersection(of_second).cloned().collect();
                    assert_eq!(found(one, &both).await, expected, "{} {both}", one.field);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_list_names_at_most_fifty_values_and_says_so() {
    let (_server, staff, hot) = with_few(SEVERAL_PAGES).await;
    let ids =
        |count: u128| (1..=count).map(|n| format!("\"{}\"", UserId(Uuid::from_u128(n)))).collect::<Vec<_>>().join(", ");
    let mut tried = 0;
    for condition in conditions(&Lists::read(), &hot) {
        let is_of_people = ["authorIds", "ownerIds", "userIds", "payerIds", "actorIds", "subjectIds"];
        if !is_of_people.contains(&condition.name.as_str()) {
            continue;
        }
        let query = |ids: &str| {
            let list = format!(
                "{}(where: {{ {}: [{ids}] }}) {{ totalCount nodes {{ id }} }}",
                condition.field, condition.name
            );
            inside(&condition.parent, &list, &hot)
        };
        let found = staff.ok(&query(&ids(50)), Value::Null).await;
        assert_eq!(found[&condition.field]["totalCount"], 0, "{found}");
        assert_eq!(staff.refused(&query(&ids(51)), Value::Null).await, "BAD_REQUEST", "{}", condition.field);
        // The same value again is no other.
        staff.ok(&query(&format!("{}, {}", ids(50), ids(1))), Value::Null).await;
        tried += 1;
    }
    assert!(tried > 6, "{tried}");
}

#[tokio::test]
async fn a_reversed_list_is_the_same_from_its_end_in_pages_of_any_size() {
    let (_server, staff, hot) = with_few(SEVERAL_PAGES).await;
    let lists = Lists::read();
    let mut tried = 0;
    for (parent, fields) in &lists.fields {
        for (field, arguments, _) in fields.iter().filter(|(.., ty)| ty.ends_with("Connection")) {
            let is_reversible = arguments.iter().any(|argument| argument.name.node == "reverse");
            assert!(is_reversible, "{parent}.{field} can't be reversed");
            let sort = arguments.iter().find(|argument| argument.name.node == "sortBy");
            let orders = sort.map_or(vec![String::new()], |argument| {
                lists.enums[&base(&argument.ty.node)].iter().map(|value| format!("sortBy: {value}, ")).collect()
            });
            for order in orders {
                let mut expected = whole(&staff, parent, field, &order, &hot).await;
                expected.reverse();
                assert!(expected.len() < 2 || expected.first() != expected.last(), "{field} {order}");
                let query = inside(parent, &format!("{field}(reverse: true, {order}PAGE) {{ ITEMS }}"), &hot);
                for size in [7, 100] {
                    assert_eq!(
                        staff.pages(&query, size, false).await.concat(),
                        expected,
                        "{field} {order}first {size}"
                    );
                    let mut pages = staff.pages(&query, size, true).await;
                    pages.reverse();
                    assert_eq!(pages.concat(), expected, "{field} {order}last {size}");
                }
                tried += usize::from(expected.len() > 40);
            }
        }
    }
    // Most lists have several pages.
    assert!(tried > 20, "{tried}");
}

#[tokio::test]
async fn an_empty_cursor_is_none_on_either_side() {
    let (_server, staff, _hot) = with_few(SEVERAL_PAGES).await;
    let first = staff.ok("{ posts(first: 3) { nodes { id } } }", Value::Null).await;
    assert_eq!(staff.ok("{ posts(first: 3, after: \"\", before: \"\") { nodes { id } } }", Value::Null).await, first);
    let last = staff.ok("{ posts(last: 3) { nodes { id } } }", Value::Null).await;
    assert_eq!(staff.ok("{ posts(last: 3, before: \"\", after: \"\") { nodes { id } } }", Value::Null).await, last);
    assert_eq!(
        staff.ok("{ posts(before: \"\") { nodes { id } } }", Value::Null).await,
        staff.ok("{ posts { nodes { id } } }", Value::Null).await
    );
    assert_ne!(first, last);
}
