//! What an operation may cost at most, before it runs: objects that it may make the server build, and bytes that it may
//! make it write.
//!
//! An object costs 1 for each of its parents; a connection multiplies what is below its items by its page size, a list
//! without one by the length that is assumed for it; `totalCount` costs 10, a list that a text
//! is searched for in 100 more, each value of a filter beyond its first 10, a mutation as much more than its payload
//! as its rule says, 10 where it has none. A leaf costs its bytes: as many as its text can have, 10,000 for 1. All sums
//! saturate. The feed of 20 posts with authors and three comments with authors each costs 181, and 130 more with the texts
//! of both.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use async_graphql::{
    Name, Value, Variables,
    parser::types::{ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet},
};

use super::{
    model::{Model, root_of},
    rules, scalars,
};
use crate::{
    graphql::registration::{Length, Noun, index},
    platform::page::{DEFAULT_PAGE, MAX_PAGE},
};

const TOTAL_COUNT: u64 = 10;
const SEARCH: u64 = 100;
/// For each value of a condition beyond the first: the list is read once for each of them.
const VALUE: u64 = SEARCH / 10;

/// How many bytes of an answer cost as much as an object.
const BYTES_PER_POINT: u64 = 10_000;

/// What an operation may cost at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// What its objects cost, in points.
    pub cost: u64,
    /// How many objects it may ask for.
    pub nodes: u64,
    /// How many fields it may make the server write, leaves included, each as often as it is asked for: the work of the
    /// executor.
    pub fields: u64,
    /// How many bytes the answer may have.
    pub bytes: u64,
}

impl Cost {
    /// The most that an operation may cost with these variables. `@skip` and `@include` don't make it cheaper.
    #[cfg(test)]
    fn of(
        model: &Model,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> Self {
        Self::weigh(model, document, operation, variables).0
    }

    /// The same, and whether it is so with all variables.
    #[must_use]
    pub(crate) fn weigh(
        model: &Model,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> (Self, bool) {
        let (fragments, has_asked) = (HashMap::new(), Cell::new(false));
        let mut walk = Walk { model, document, operation, variables, has_asked, fragments };
        let cost = walk.selection_set(&operation.selection_set.node, root_of(operation.ty), 1);
        (cost, !walk.has_asked.get())
    }

    fn add(self, other: Self) -> Self {
        Self {
            cost: self.cost.saturating_add(other.cost),
            nodes: self.nodes.saturating_add(other.nodes),
            fields: self.fields.saturating_add(other.fields),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// As much as the larger of the two, in everything.
    fn or(self, other: Self) -> Self {
        Self {
            cost: self.cost.max(other.cost),
            nodes: self.nodes.max(other.nodes),
            fields: self.fields.max(other.fields),
            bytes: self.bytes.max(other.bytes),
        }
    }

    fn times(self, factor: u64) -> Self {
        Self {
            cost: self.cost.saturating_mul(factor),
            nodes: self.nodes.saturating_mul(factor),
            fields: self.fields.saturating_mul(factor),
            bytes: self.bytes.saturating_mul(factor),
        }
    }

    const fn leaf(bytes: u64) -> Self {
        Self { cost: 0, nodes: 0, fields: 1, bytes }
    }

    /// In points: what the limit is for.
    #[must_use]
    pub(crate) fn points(self) -> u64 {
        self.cost.saturating_add(self.bytes / BYTES_PER_POINT)
    }
}

/// Most bytes of a character: more than JSON takes to escape one of those that a text may have.
const CHARACTER: u64 = 4;
/// Most characters of a text of which no noun says that it may be longer.
const SHORT: u64 = 255;

/// Most bytes of a leaf. The name of a type is as long as that of an enum's value.
fn longest(parent: &str, name: &str, ty: &str) -> u64 {
    static TEXTS: LazyLock<Lengths> = LazyLock::new(|| lengths(|noun| noun.texts));
    if !is_text(ty) || name == "__typename" {
        return SCALAR;
    }
    TEXTS.get(&(parent, name)).copied().unwrap_or(SHORT) * CHARACTER
}

/// Whether a leaf of this type is as long as somebody made it.
fn is_text(ty: &str) -> bool {
    ty == "String" || scalars::TEXTS.contains(&ty)
}

/// Most bytes of ids, numbers, times, names of enums.
const SCALAR: u64 = 64;
/// What stands around a member of an object: quotation marks, colon, comma, and the object's own braces.
const PUNCTUATION: u64 = 8;
/// How long descriptions and names of introspection are, about.
const DESCRIPTION: u64 = 30;

/// A list without a page size of which no noun says how long it is has one item: a payload's errors.
fn assumed_length(parent: &str, name: &str) -> u64 {
    static LISTS: LazyLock<Lengths> = LazyLock::new(|| lengths(|noun| noun.lists));
    LISTS.get(&(parent, name)).copied().unwrap_or(1)
}

/// Lengths by the object and its field.
type Lengths = HashMap<(&'static str, &'static str), u64>;

fn lengths(of: fn(&'static Noun) -> &'static [Length]) -> Lengths {
    index(|noun| of(noun).iter().map(|(object, field, length)| ((*object, *field), *length)).collect())
}

/// What a field of an object may have at most; of an interface, the most that one of its objects may have.
fn most(model: &Model, parent: &str, of: impl Fn(&str) -> u64) -> u64 {
    model.possible(parent).into_iter().flatten().map(|object| of(object)).max().unwrap_or(1)
}

/// Whether this is a connection, or what connections have in common.
fn is_connection(model: &Model, ty: &str) -> bool {
    model.possible(ty).into_iter().flatten().any(|object| object.ends_with("Connection"))
}

/// What stands for the types of introspection, which are not in the SDL.
const INTROSPECTION: &str = "__Introspection";

/// How many items a list of introspection has, about.
fn introspection_items(name: &str) -> u64 {
    match name {
        "types" => 80,
        "fields" | "directives" => 5,
        "inputFields" | "enumValues" => 3,
        "args" | "interfaces" | "possibleTypes" => 2,
        _ => 1,
    }
}

struct Walk<'a> {
    model: &'a Model,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    /// Whether a variable was asked for its value.
    has_asked: Cell<bool>,
    /// Each fragment once for each page size that it stands under. Documents with circles are refused before.
    fragments: HashMap<(&'a Name, u64), Cost>,
}

impl<'a> Walk<'a> {
    /// `page` is the page size of the connection whose own selection this is; 1 anywhere else. What is asked of one object or
    /// another costs as much as the dearest of them: it is only one.
    fn selection_set(&mut self, set: &'a SelectionSet, parent: &str, page: u64) -> Cost {
        let mut total = Cost::default();
        let mut of_objects: BTreeMap<&'a str, Cost> = BTreeMap::new();
        for selection in &set.items {
            let (condition, cost) = match &selection.node {
                Selection::Field(field) => (None, self.field(&field.node, parent, page)),
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                    let set = &inline.node.selection_set.node;
                    (condition, self.selection_set(set, condition.unwrap_or(parent), page))
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, page),
            };
            match condition.filter(|condition| *condition != parent && self.is_object(condition)) {
                Some(object) => {
                    let known = of_objects.entry(object).or_default();
                    *known = known.add(cost);
                }
                None => total = total.add(cost),
            }
        }
        total.add(of_objects.into_values().fold(Cost::default(), Cost::or))
    }

    fn is_object(&self, name: &str) -> bool {
        self.model.possible(name).is_some_and(|possible| possible.contains(name))
    }

    fn fragment(&mut self, name: &'a Name, page: u64) -> (Option<&'a str>, Cost) {
        let Some(fragment) = self.document.fragments.get(name) else { return (None, Cost::default()) };
        let condition = fragment.node.type_condition.node.on.node.as_str();
        if let Some(cost) = self.fragments.get(&(name, page)) {
            return (Some(condition), *cost);
        }
        let cost = self.selection_set(&fragment.node.selection_set.node, condition, page);
        self.fragments.insert((name, page), cost);
        (Some(condition), cost)
    }

    fn field(&mut self, field: &'a Field, parent: &str, page: u64) -> Cost {
        let name = field.name.node.as_str();
        let set = &field.selection_set.node;
        if parent == INTROSPECTION || matches!(name, "__schema" | "__type") {
            let below = self.selection_set(set, INTROSPECTION, 1);
            return Cost::leaf(DESCRIPTION).add(below).times(introspection_items(name));
        }
        let written = field.response_key().node.len() as u64 + PUNCTUATION;
        let model = self.model;
        let Some(known) = model.field(parent, name) else { return Cost::leaf(SCALAR + written) };
        let ty = known.of();
        if model.possible(ty).is_none() {
            let cost = if matches!(name, "totalCount" | "totalCountIsExact") { TOTAL_COUNT } else { 0 };
            let bytes = most(model, parent, |object| longest(object, name, ty));
            return Cost { cost, ..Cost::leaf(bytes + written) };
        }
        let plain = Cost::leaf(written);
        let one = Cost { cost: 1, nodes: 1, ..plain };
        match name {
            // The connection itself, and what it multiplies; edges and page information cost nothing of their own.
            _ if is_connection(model, ty) => {
                let below = self.selection_set(set, ty, self.page_size(field));
                Cost { cost: 1 + self.filter(field), nodes: 0, ..plain }.add(below)
            }
            "edges" if is_connection(model, parent) => plain.add(self.selection_set(set, ty, 1)).times(page),
            "nodes" if is_connection(model, parent) => one.add(self.selection_set(set, ty, 1)).times(page),
            "pageInfo" => plain.add(self.selection_set(set, ty, 1)),
            "nodes" => one.add(self.selection_set(set, ty, 1)).times(self.length(field, "ids")),
            _ if parent == root_of(OperationType::Mutation) => {
                Cost { cost: 1 + rules::of(name).weight, ..one }.add(self.selection_set(set, ty, 1))
            }
            _ => {
                let length = most(model, parent, |object| assumed_length(object, name));
                one.add(self.selection_set(set, ty, 1)).times(length)
            }
        }
    }

    /// The larger one, where both are given: which of them is wrong is not ours to say.
    fn page_size(&self, field: &Field) -> u64 {
        let number = |name| match self.argument(field, name) {
            Some(Value::Number(number)) => number.as_i64(),
            _ => None,
        };
        let given = number("first").max(number("last"));
        given.unwrap_or(DEFAULT_PAGE.into()).clamp(1, MAX_PAGE.into()).cast_unsigned()
    }

    /// What a list's filter costs: a text that is searched for, and the values of its conditions.
    fn filter(&self, field: &Field) -> u64 {
        let Some((_, given)) = field.arguments.iter().find(|(argument, _)| argument.node == "where") else {
            return 0;
        };
        // What is not given is left out of the filter.
        let known = |variable: Name| Ok::<_, ()>(self.variable(&variable).unwrap_or(Value::Null));
        let filter = given.node.clone().into_const_with(known);
        let Ok(Value::Object(filter)) = filter else { return 0 };
        let condition = |(name, given): (&Name, &Value)| match given {
            Value::List(values) => (values.len() as u64).saturating_sub(1).saturating_mul(VALUE),
            _ if name == "text" && *given != Value::Null => SEARCH,
            _ => 0,
        };
        filter.iter().map(condition).sum()
    }

    fn length(&self, field: &Field, argument: &str) -> u64 {
        match self.argument(field, argument) {
            Some(Value::List(items)) => (items.len() as u64).max(1),
            _ => 1,
        }
    }

    /// An argument's value, a variable replaced by what was given for it or by its default.
    fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        let value = field.arguments.iter().find(|(argument, _)| argument.node == name)?.1.node.clone();
        value.into_const_with(|variable| self.variable(&variable).ok_or(())).ok()
    }

    fn variable(&self, variable: &Name) -> Option<Value> {
        self.has_asked.set(true);
        let given = self.variables.get(variable).cloned();
        given.or_else(|| {
            let definitions = &self.operation.variable_definitions;
            let definition = definitions.iter().find(|definition| definition.node.name.node == *variable)?;
            definition.node.default_value.as_ref().map(|value| value.node.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use async_graphql::parser::{parse_query, types::BaseType};
    use serde_json::json;

    use super::*;
    use crate::{
        domain::posts,
        graphql::{
            NOUNS,
            engine::model::{Field as Known, Kind},
        },
    };

    /// Without the bytes.
    fn cost(query: &str, variables: serde_json::Value) -> Cost {
        Cost { bytes: 0, ..whole(query, variables) }
    }

    fn whole(query: &str, variables: serde_json::Value) -> Cost {
        let document = parse_query(query).unwrap();
        let operation = document.operations.iter().next().unwrap().1.node.clone();
        Cost::of(Model::of_graph(true).unwrap(), &document, &operation, &Variables::from_json(variables))
    }

    const FEED: &str = "query($n: Int = 20) { posts(first: $n) { nodes { id author { username } comments(first: 3) { \
                        nodes { body author { username } } } } } }";

    #[test]
    fn lists_multiply_what_is_below_them() {
        assert_eq!(cost("{ post(id: 1) { id body } }", json!({})), Cost { cost: 1, nodes: 1, fields: 3, bytes: 0 });
        assert_eq!(cost("{ posts { nodes { id } } }", json!({})), Cost { cost: 21, nodes: 20, fields: 41, bytes: 0 });
        let edges = cost("{ posts(first: 5) { edges { node { id } } } }", json!({}));
        assert_eq!(edges, Cost { cost: 6, nodes: 5, fields: 16, bytes: 0 });
        // 1 + 20 × (post + author + connection + 3 × (comment + author))
        assert_eq!(cost(FEED, json!({})).cost, 1 + 20 * (1 + 1 + 1 + 3 * 2));
        assert_eq!(cost(FEED, json!({ "n": 100 })).cost, 1 + 100 * 9);
        assert_eq!(cost("{ posts(first: 5) { totalCount pageInfo { endCursor } nodes { id } } }", json!({})).cost, 16);
        assert_eq!(cost("{ nodes(ids: [1, 2, 3]) { id } }", json!({})).cost, 3);
    }

    #[test]
    fn it_is_known_whether_variables_decide() {
        let decide = |query: &str| {
            let document = parse_query(query).unwrap();
            let operation = document.operations.iter().next().unwrap().1.node.clone();
            !Cost::weigh(Model::of_graph(true).unwrap(), &document, &operation, &Variables::default()).1
        };
        assert!(!decide("{ posts(first: 3) { nodes { id } } }"));
        assert!(!decide("query($id: ID!) { post(id: $id) { id body } }"));
        for by in ["first: $n", "last: $n", "where: { authorIds: [$n] }", "where: $n"] {
            assert!(decide(&format!("query($n: Int) {{ posts({by}) {{ nodes {{ id }} }} }}")), "{by}");
            let fragment = format!("fragment F on Query {{ posts({by}) {{ nodes {{ id }} }} }}");
            assert!(decide(&format!("query($n: Int) {{ ...F }} {fragment}")), "{by}");
        }
        assert!(decide("query($ids: [ID!]!) { nodes(ids: $ids) { id } }"));
    }

    #[test]
    fn every_mutation_has_its_price_wherever_it_stands() {
        let payload = "{ post { id } errors { code } }";
        let plain = cost(
            &format!(
                "mutation {{ a: postLike(input: {{ id: 1 }}) {payload} b: postLike(input: {{ id: 2 }}) {payload} }}"
            ),
            json!({}),
        );
        assert_eq!(plain.cost, 2 * (10 + 3));
        let spread = format!(
            "mutation {{ ...F }} fragment F on Mutation {{ a: postLike(input: {{ id: 1 }}) {payload} ... {{ b: postLike(input: {{ id: 2 }}) {payload} }} }}"
        );
        assert_eq!(cost(&spread, json!({})), plain);
    }

    /// The fields of the graph's own objects: parent, name, field.
    fn fields_of_objects() -> impl Iterator<Item = (&'static str, &'static str, &'static Known)> {
        let model = Model::of_graph(false).unwrap();
        model.names().filter(|name| !name.starts_with("__")).flat_map(move |name| {
            let fields = match model.ty(name) {
                Some((name, Kind::Composite { fields, possible })) if possible.contains(name) => Some(fields),
                _ => None,
            };
            fields.into_iter().flatten().map(move |(field, known)| (name, field.as_str(), known))
        })
    }

    fn is_list(field: &Known) -> bool {
        matches!(field.ty.base, BaseType::List(_))
    }

    /// A list that nobody thought of would cost as much as one object.
    #[test]
    fn every_list_of_objects_has_a_page_size_or_a_length_that_is_assumed() {
        let model = Model::of_graph(false).unwrap();
        // Errors are as many as the fields of an input, at most.
        let is_counted =
            |parent: &str, name: &str| parent.ends_with("Connection") || name == "errors" || name == "nodes";
        let mut lists: Vec<_> = fields_of_objects()
            .filter(|(parent, name, field)| is_list(field) && !is_counted(parent, name))
            .filter(|(.., field)| model.possible(field.of()).is_some())
            .map(|(parent, name, _)| (parent, name))
            .collect();
        lists.sort_unstable();
        let mut known: Vec<_> = NOUNS.iter().flat_map(|noun| noun.lists).map(|(of, list, _)| (*of, *list)).collect();
        known.sort_unstable();
        assert_eq!(lists, known);
    }

    #[test]
    fn lists_without_a_page_size_cost_their_assumed_length() {
        let steps = "{ me { payments(first: 20) { nodes { events { captured { amount } } refunds { id } } } } }";
        assert_eq!(cost(steps, json!({})).cost, 2 + 20 * (1 + 10 * 2 + 5));
        assert_eq!(cost("{ me { wallet { balances { balance { amount } } } } }", json!({})).nodes, 2 + 10 * 2);
    }

    #[test]
    fn a_search_has_a_cost_of_its_own_however_the_text_is_given() {
        let plain = cost("{ posts(where: { tags: \"a\" }) { nodes { id } } }", json!({})).cost;
        for (query, variables) in [
            ("{ posts(where: { text: \"cat\" }) { nodes { id } } }", json!({})),
            ("query($t: String) { posts(where: { text: $t, tags: $u }) { nodes { id } } }", json!({ "t": "cat" })),
            ("query($w: PostWhere) { posts(where: $w) { nodes { id } } }", json!({ "w": { "text": "cat" } })),
        ] {
            assert_eq!(cost(query, variables).cost, plain + 100, "{query}");
        }
        assert_eq!(cost("{ posts(where: { text: null }) { nodes { id } } }", json!({})).cost, plain);
        let aliases: Vec<_> = (0..10)
            .map(|n| format!("a{n}: posts(where: {{ text: \"cat\" }}) {{ totalCount nodes {{ id }} }}"))
            .collect();
        assert!(cost(&format!("{{ {} }}", aliases.join(" ")), json!({})).cost > 1_000);
    }

    #[test]
    fn each_value_of_a_filter_beyond_the_first_has_its_cost_however_it_is_given() {
        let plain = cost("{ posts { nodes { id } } }", json!({})).cost;
        let three = json!(["a", "b", "c"]);
        for (query, variables, more) in [
            ("{ posts(where: { tags: \"a\" }) { nodes { id } } }", json!({}), 0),
            ("{ posts(where: { tags: [] }) { nodes { id } } }", json!({}), 0),
            ("{ posts(where: { tags: null }) { nodes { id } } }", json!({}), 0),
            ("{ posts(where: { tags: [\"a\"] }) { nodes { id } } }", json!({}), 0),
            ("{ posts(where: { tags: [\"a\", \"b\", \"c\"] }) { nodes { id } } }", json!({}), 20),
            ("query($a: String!) { posts(where: { tags: [$a, $a] }) { nodes { id } } }", json!({ "a": "a" }), 10),
            ("query($t: [String!]) { posts(where: { tags: $t }) { nodes { id } } }", json!({ "t": three }), 20),
            ("query($w: PostWhere) { posts(where: $w) { nodes { id } } }", json!({ "w": { "tags": three } }), 20),
            ("query($t: [String!] = [\"a\", \"b\"]) { posts(where: { tags: $t }) { nodes { id } } }", json!({}), 10),
            (
                "{ posts(where: { tags: [\"a\", \"b\"], authorIds: [1, 2], text: \"cat\" }) { nodes { id } } }",
                json!({}),
                120,
            ),
        ] {
            assert_eq!(cost(query, variables).cost, plain + more, "{query}");
        }
    }

    #[test]
    fn fragments_and_interfaces_count() {
        let plain = cost("{ posts { nodes { author { id } } } }", json!({}));
        assert_eq!(cost("{ posts { nodes { ...F } } } fragment F on Post { author { id } }", json!({})), plain);
        assert_eq!(
            cost("{ node(id: 1) { ... on Post { comments(first: 10) { nodes { id } } } } }", json!({})).cost,
            12
        );
        // It is one object or the other, whose costs are not added; what is asked of both is.
        let either =
            "{ nodes(ids: [1, 2]) { id ... on Post { author { id } goal { id } } ... on Comment { author { id } } } }";
        assert_eq!(cost(either, json!({})).cost, 2 * (1 + 2));
        let both = "{ node(id: 1) { ... on Node { ... on Post { author { id } } } ... on Post { goal { id } } } }";
        assert_eq!(cost(both, json!({})).cost, 3);
        let twice = "{ node(id: 1) { ... on Post { author { id } } ...F } } fragment F on Post { goal { id } }";
        assert_eq!(cost(twice, json!({})).cost, 3);
        // Of an interface, what the dearest of its objects may have.
        let thread = |on: &str| {
            whole(
                &format!("{{ node(id: 1) {{ ... on {on} {{ comments(first: 50) {{ nodes {{ body }} }} }} }} }}"),
                json!({}),
            )
        };
        assert_eq!(thread("Commentable"), thread("Post"));
        assert!(thread("Commentable").bytes > 50 * 4 * posts::MAX_COMMENT as u64);
    }

    #[test]
    fn the_dearest_saturates_instead_of_wrapping() {
        let mut query = "id".to_owned();
        for _ in 0..15 {
            query = format!("posts(first: 100) {{ nodes {{ author {{ {query} }} }} }}");
        }
        assert_eq!(cost(&format!("{{ {query} }}"), json!({})).cost, u64::MAX);
    }

    #[test]
    fn leaves_count_as_often_as_they_are_written() {
        let leaves: Vec<_> = (0..30).map(|n| format!("b{n}: body")).collect();
        let bodies = format!("{{ posts(first: 100) {{ nodes {{ {} }} }} }}", leaves.join(" "));
        assert_eq!(cost(&bodies, json!({})).fields, 1 + 100 * (1 + 30));
        assert!(cost("{ __schema { types { fields { type { fields { name } } } } } }", json!({})).fields > 4_000);
    }

    #[test]
    fn bytes_cost_as_often_as_a_long_text_is_written() {
        let body = 4 * posts::MAX_POST as u64;
        let bytes = whole("{ posts(first: 100) { nodes { body } } }", json!({})).bytes;
        assert!((100 * body..101 * body).contains(&bytes), "{bytes}");
        let nine: Vec<_> = (0..9).map(|n| format!("a{n}: body")).collect();
        let nine = whole(&format!("{{ posts(first: 100) {{ nodes {{ {} }} }} }}", nine.join(" ")), json!({}));
        assert!(nine.points() > 3_600, "{nine:?}");
        assert!(whole(&FEED.replace("id author", "id body author"), json!({})).points() < 350);
        // A long alias is written as often as its field.
        let long = format!("{{ posts(first: 100) {{ nodes {{ {}: id }} }} }}", "a".repeat(10_000));
        assert!(whole(&long, json!({})).bytes > 1_000_000);
    }

    /// A text that nobody thought of would count as a short one.
    #[test]
    fn every_text_is_known_to_be_long_or_short() {
        let mut long: HashSet<_> = NOUNS.iter().flat_map(|noun| noun.texts).map(|(of, text, _)| (*of, *text)).collect();
        let mut short = Vec::new();
        for (parent, name, field) in fields_of_objects().filter(|(.., field)| is_text(field.of())) {
            if !long.remove(&(parent, name)) && name != "cursor" {
                assert!(!is_list(field), "{parent}.{name} is a list");
                short.push(format!("{parent}.{name}"));
            }
        }
        assert!(long.is_empty(), "these are not in the graph: {long:?}");
        short.sort_unstable();
        let mut known: Vec<_> = NOUNS.iter().flat_map(|noun| noun.short_texts).copied().collect();
        known.sort_unstable();
        assert_eq!(short, known);
    }

    #[test]
    fn page_sizes_can_t_be_hidden() {
        assert_eq!(cost("{ posts(first: 1000000) { nodes { id } } }", json!({})).cost, 101);
        assert_eq!(cost("{ posts(first: -5) { nodes { id } } }", json!({})).cost, 2);
        assert_eq!(cost("query($n: Int!) { posts(last: $n) { nodes { id } } }", json!({ "n": 50 })).cost, 51);
        assert_eq!(cost("{ posts(first: 1, last: 50) { nodes { id } } }", json!({})).cost, 51);
        let ids: Vec<u32> = (0..70).collect();
        assert_eq!(cost("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ids })).cost, 70);
        let fragment = "{ a: posts(first: 1) { ...F } b: posts(first: 100) { ...F } } \
                        fragment F on PostConnection { nodes { author { id } } }";
        assert_eq!(cost(fragment, json!({})).cost, (1 + 2) + (1 + 200));
    }
}
