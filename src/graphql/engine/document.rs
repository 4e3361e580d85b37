//! Queries before they run: read, within limits that need no variables, valid in the graph. What passes is kept in a
//! bounded cache, by the hash of its text; variables are never part of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use async_graphql::{
    Name, Pos, Positioned, Variables,
    parser::types::{ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet},
};
use lru::LruCache;

use super::{
    cost::Cost,
    model::Model,
    normal::normalize,
    rules, syntax,
    validation::{Facts, validate},
};
use crate::{
    config::Limits,
    error::{Code, Refusal},
};

/// How deep selections may nest, fragments unfolded: the executor's own bound, told with a code.
const MAX_SELECTION_NESTING: u64 = 32;
/// How many fields the operations may have, fragments unfolded: what has to be walked through.
const MAX_FIELDS: u64 = 5_000;
/// Depth below `__schema` and `__type`, whose standard query is deep.
const INTROSPECTION_DEPTH: u64 = 20;
/// Lists of introspection that may nest: each more multiplies the answer by the size of the graph.
const INTROSPECTION_LISTS: u64 = 2;
/// Tokens and unfolded fields of all the documents that are kept: some 3000 ordinary ones, and at worst 100 MB.
const CACHED_SIZE: u64 = 300_000;

/// A document that keeps the limits.
#[derive(Debug)]
pub(crate) struct Document {
    parsed: ExecutableDocument,
    /// Tokens and unfolded fields.
    size: u64,
}

impl Document {
    /// Reads the text and checks every operation.
    pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Self, Refusal> {
        let (parsed, tokens) = syntax::parse(text, limits)?;
        let mut measurer = Measurer { document: &parsed, fragments: HashMap::new() };
        let mut fields = 0;
        for (_, operation) in parsed.operations.iter() {
            fields += measurer.check(&operation.node, limits)?;
            within("number of fields", MAX_FIELDS, fields)?;
        }
        // What no operation uses is refused by the validation, which must not meet a circle there either.
        for name in parsed.fragments.keys() {
            measurer.fragment(name)?;
        }
        Ok(Self { parsed, size: tokens + fields })
    }

    /// The operation that is to run, with its name.
    fn operation(&self, name: Option<&str>) -> Result<(Option<&Name>, &Positioned<OperationDefinition>), Refusal> {
        let mut operations = self.parsed.operations.iter();
        let chosen = if let Some(wanted) = name.filter(|name| !name.is_empty()) {
            operations.find(|(name, _)| name.is_some_and(|name| name == wanted))
        } else {
            let first = operations.next();
            if operations.next().is_some() {
                let message = "The document has several operations; say which by `operationName`.";
                return Err(Refusal::new(Code::BadRequest, message));
            }
            first
        };
        chosen.ok_or_else(|| Refusal::new(Code::BadRequest, "The document has no operation of this name."))
    }
}

/// How many of the root fields of an operation in its normal form write what others see.
#[must_use]
pub(crate) fn content_fields(normal: &ExecutableDocument) -> usize {
    let is_content = |selection: &&Positioned<Selection>| match &selection.node {
        Selection::Field(field) => rules::of(field.node.name.node.as_str()).is_content,
        _ => false,
    };
    let mutations = normal.operations.iter().filter(|(_, operation)| operation.node.ty == OperationType::Mutation);
    mutations.map(|(_, operation)| operation.node.selection_set.node.items.iter().filter(is_content).count()).sum()
}

/// A document that means something in the graph.
#[derive(Debug)]
pub(crate) struct Valid {
    document: Document,
    operations: HashMap<Option<Name>, Known>,
}

/// What is known of an operation before its variables are.
#[derive(Debug)]
struct Known {
    facts: Facts,
    /// What it is where the variables don't decide it.
    normal: OnceLock<Arc<ExecutableDocument>>,
    /// What that costs, where they don't decide this either.
    cost: OnceLock<Cost>,
}

impl Known {
    fn new(facts: Facts) -> Self {
        Self { facts, normal: OnceLock::new(), cost: OnceLock::new() }
    }
}

/// An operation that may be asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<'a> {
    document: &'a ExecutableDocument,
    positioned: &'a Positioned<OperationDefinition>,
    known: &'a Known,
}

impl Valid {
    fn new(document: Document, model: &Model, suggestions: bool) -> Result<Self, Refusal> {
        let facts = validate(model, &document.parsed, suggestions)?;
        let known = facts.into_iter().map(|(name, facts)| (name, Known::new(facts)));
        Ok(Self { document, operations: known.collect() })
    }

    /// The operation of this name, or the only one.
    pub(crate) fn operation(&self, name: Option<&str>) -> Result<Operation<'_>, Refusal> {
        let (name, positioned) = self.document.operation(name)?;
        let known = self.operations.get(&name.cloned());
        let known =
            known.ok_or_else(|| Refusal::new(Code::BadRequest, "The document has no operation of this name."))?;
        Ok(Operation { document: &self.document.parsed, positioned, known })
    }
}

impl<'a> Operation<'a> {
    /// As it is written.
    #[must_use]
    pub(crate) fn definition(&self) -> &'a OperationDefinition {
        &self.positioned.node
    }

    /// What the validation found out about it.
    #[must_use]
    pub(crate) fn facts(&self) -> &'a Facts {
        &self.known.facts
    }

    /// In its normal form. Most operations have one for all variables, which is kept.
    pub(crate) fn normal(&self, model: &Model, variables: &Variables) -> Result<Arc<ExecutableDocument>, Refusal> {
        let Known { facts, normal, .. } = self.known;
        let of_these = || normalize(model, self.document, self.positioned, variables).map(Arc::new);
        if facts.conditional || facts.optional.iter().any(|name| !variables.contains_key(name)) {
            return of_these();
        }
        if let Some(normal) = normal.get() {
            return Ok(Arc::clone(normal));
        }
        let new = of_these()?;
        Ok(Arc::clone(normal.get_or_init(|| new)))
    }

    /// What this form of it costs: weighed, which also tells whether it is so with all variables, or known from before.
    #[must_use]
    pub(crate) fn cost(&self, normal: &Arc<ExecutableDocument>, weigh: impl FnOnce() -> (Cost, bool)) -> Cost {
        let is_kept = self.known.normal.get().is_some_and(|kept| Arc::ptr_eq(kept, normal));
        if !is_kept {
            return weigh().0;
        }
        if let Some(cost) = self.known.cost.get() {
            return *cost;
        }
        let (cost, is_certain) = weigh();
        if is_certain { *self.known.cost.get_or_init(|| cost) } else { cost }
    }
}

/// Documents that were parsed and checked before, as many as there is room for.
#[derive(Debug)]
pub(crate) struct DocumentCache(Mutex<Cached>);

#[derive(Debug)]
struct Cached {
    documents: LruCache<[u8; 32], Arc<Valid>>,
    size: u64,
}

impl Default for DocumentCache {
    fn default() -> Self {
        Self(Mutex::new(Cached { documents: LruCache::unbounded(), size: 0 }))
    }
}

impl DocumentCache {
    /// The document of a text whose SHA-256 is given.
    pub(crate) fn get(
        &self,
        hash: [u8; 32],
        text: &str,
        limits: &Limits,
        (model, suggestions): (&Model, bool),
    ) -> Result<Arc<Valid>, Refusal> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner).documents.get(&hash).cloned();
        if let Some(document) = cached {
            return Ok(document);
        }
        let document = Arc::new(Valid::new(Document::parse(text, limits)?, model, suggestions)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(hash, Arc::clone(&document));
        Ok(document)
    }
}

impl Cached {
    fn keep(&mut self, hash: [u8; 32], document: Arc<Valid>) {
        self.size += document.document.size;
        let replaced = self.documents.put(hash, document);
        self.size -= replaced.map_or(0, |replaced| replaced.document.size);
        while self.size > CACHED_SIZE
            && let Some((_, oldest)) = self.documents.pop_lru()
        {
            self.size -= oldest.document.size;
        }
    }
}

fn located(mut refusal: Refusal, at: Pos) -> Refusal {
    refusal.locations = vec![(at.line, at.column)];
    refusal
}

fn within(what: &'static str, limit: u64, requested: u64) -> Result<(), Refusal> {
    if requested > limit { Err(Refusal::over_limit(what, limit, requested)) } else { Ok(()) }
}

/// What is counted of a selection, fragments unfolded. Each fragment is measured once, however often it is spread.
#[derive(Debug, Clone, Copy, Default)]
struct Measure {
    depth: u64,
    introspection_depth: u64,
    /// Lists of `__Type` that nest; they count only below `__schema` and `__type`.
    lists: u64,
    introspection_lists: u64,
    nesting: u64,
    /// Fields of the selection set itself.
    own_fields: u64,
    /// With those below.
    fields: u64,
    aliases: u64,
    directives: u64,
}

impl Measure {
    /// Both, side by side.
    fn and(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            introspection_depth: self.introspection_depth.max(other.introspection_depth),
            lists: self.lists.max(other.lists),
            introspection_lists: self.introspection_lists.max(other.introspection_lists),
            nesting: self.nesting.max(other.nesting),
            own_fields: self.own_fields.saturating_add(other.own_fields),
            fields: self.fields.saturating_add(other.fields),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
        }
    }
}

struct Measurer<'a> {
    document: &'a ExecutableDocument,
    /// `None` while a fragment is being measured: meeting it again then is a circle.
    fragments: HashMap<&'a Name, Option<Measure>>,
}

impl<'a> Measurer<'a> {
    /// Gives how many fields it has.
    fn check(&mut self, operation: &'a OperationDefinition, limits: &Limits) -> Result<u64, Refusal> {
        let measure = self.selection_set(&operation.selection_set.node)?;
        let on_variables: usize =
            operation.variable_definitions.iter().map(|definition| definition.node.directives.len()).sum();
        let directives = measure.directives.saturating_add((operation.directives.len() + on_variables) as u64);
        within("depth", limits.depth as u64, measure.depth)?;
        within("introspection depth", INTROSPECTION_DEPTH, measure.introspection_depth)?;
        within("nesting of introspection lists", INTROSPECTION_LISTS, measure.introspection_lists)?;
        within("number of aliases", limits.aliases as u64, measure.aliases)?;
        within("number of directives", limits.directives as u64, directives)?;
        within("number of root fields", limits.root_fields as u64, measure.own_fields)?;
        within("number of fields", MAX_FIELDS, measure.fields)?;
        within("nesting of selections", MAX_SELECTION_NESTING, measure.nesting)?;
        if operation.ty == OperationType::Mutation && measure.own_fields > 1 {
            self.check_alone(operation, measure.own_fields)?;
        }
        Ok(measure.fields)
    }

    fn check_alone(&self, operation: &'a OperationDefinition, fields: u64) -> Result<(), Refusal> {
        self.first_alone(&operation.selection_set.node).map_or(Ok(()), |name| {
            let message = format!("`{name}` has to be the only field of its operation.");
            Err(Refusal::over_limit("number of root fields", 1, fields).with("field", name).saying(message))
        })
    }

    fn selection_set(&mut self, set: &'a SelectionSet) -> Result<Measure, Refusal> {
        let mut total = Measure::default();
        for selection in &set.items {
            let mut measure = match &selection.node {
                Selection::Field(field) => self.field(&field.node)?,
                Selection::InlineFragment(inline) => deeper(self.selection_set(&inline.node.selection_set.node)?),
                Selection::FragmentSpread(spread) => deeper(self.fragment(&spread.node.fragment_name.node)?),
            };
            measure.directives = measure.directives.saturating_add(selection.node.directives().len() as u64);
            total = total.and(measure);
        }
        Ok(total)
    }

    fn field(&mut self, field: &'a Field) -> Result<Measure, Refusal> {
        let below = self.selection_set(&field.selection_set.node)?;
        let name = field.name.node.as_str();
        let list = u64::from(matches!(name, "fields" | "interfaces" | "possibleTypes" | "inputFields"));
        let mut measure = Measure {
            depth: below.depth + 1,
            lists: below.lists + list,
            own_fields: 1,
            fields: below.fields.saturating_add(1),
            aliases: below.aliases.saturating_add(field.alias.is_some().into()),
            ..below
        };
        if !field.selection_set.node.items.is_empty() {
            measure = deeper(measure);
        }
        if matches!(name, "__schema" | "__type") {
            measure.introspection_depth = below.introspection_depth.max(below.depth) + 1;
            measure.introspection_lists = below.introspection_lists.max(below.lists);
            (measure.depth, measure.lists) = (1, 0);
        }
        Ok(measure)
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Measure, Refusal> {
        // An unknown fragment is for the validation to name; so that no selection is without a field, it counts as one.
        let unknown = Measure { fields: 1, ..Measure::default() };
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(unknown) };
        match self.fragments.get(name) {
            Some(Some(measure)) => return Ok(*measure),
            Some(None) => {
                let message = format!("The fragment `{name}` contains itself.");
                return Err(located(Refusal::new(Code::BadRequest, message), fragment.pos));
            }
            None => {}
        }
        self.fragments.insert(name, None);
        let mut measure = self.selection_set(&fragment.node.selection_set.node)?;
        measure.directives = measure.directives.saturating_add(fragment.node.directives.len() as u64);
        self.fragments.insert(name, Some(measure));
        Ok(measure)
    }

    /// The first mutation of this selection that has to stand alone. Fragments are known to have no circles by now,
    /// and root fields to be few.
    fn first_alone(&self, set: &'a SelectionSet) -> Option<&'static str> {
        set.items.iter().find_map(|selection| match &selection.node {
            Selection::Field(field) => {
                let rule = rules::of(field.node.name.node.as_str());
                rule.is_alone.then_some(rule.name)
            }
            Selection::InlineFragment(inline) => self.first_alone(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let fragment = self.document.fragments.get(&spread.node.fragment_name.node)?;
                self.first_alone(&fragment.node.selection_set.node)
            }
        })
    }
}

fn deeper(measure: Measure) -> Measure {
    Measure { nesting: measure.nesting + 1, ..measure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        crate::config::Config::from_values(std::collections::BTreeMap::new()).unwrap().limits
    }

    fn refusal(text: &str) -> Refusal {
        Document::parse(text, &limits()).unwrap_err()
    }

    fn over(text: &str) -> String {
        let refusal = refusal(text);
        assert_eq!(refusal.code, Code::CostExceeded, "{refusal}");
        refusal.details[0].1.as_str().unwrap().to_owned()
    }

    #[test]
    fn each_limit_is_named() {
        assert_eq!(over(&format!("{{ a{} }}", " ".repeat(20_000))), "length in bytes");
        assert_eq!(over(&format!("{{ {} }}", "a ".repeat(3000))), "number of tokens");
        assert_eq!(over(&format!("{}{}", "{a".repeat(500), "}".repeat(500))), "nesting");
        assert_eq!(over(&format!("{}{}", "{a".repeat(13), "}".repeat(13))), "depth");
        assert_eq!(
            over(&format!("{{ a {{ {} }} }}", (0..31).map(|n| format!("b{n}: b")).collect::<Vec<_>>().join(" "))),
            "number of aliases"
        );
        assert_eq!(over("{ a b c d e f g h i j k }"), "number of root fields");
        assert_eq!(over(&format!("{{ a {} }}", "@x ".repeat(51))), "number of directives");
        assert_eq!(over("mutation { login { a } x: login { a } }"), "number of root fields");
        assert_eq!(over("mutation { a ...F } fragment F on Mutation { register { a } }"), "number of root fields");
        assert_eq!(over(&format!("{{ __schema {} {} }}", "{a".repeat(20), "}".repeat(20))), "introspection depth");
    }

    #[test]
    fn the_query_of_graphiql_and_ordinary_ones_pass() {
        let introspection = "query IntrospectionQuery { __schema { queryType { name } mutationType { name } types { ...FullType } \
            directives { name locations args { ...InputValue } } } } \
            fragment FullType on __Type { kind name fields(includeDeprecated: true) { name args { ...InputValue } \
            type { ...TypeRef } isDeprecated } inputFields { ...InputValue } interfaces { ...TypeRef } \
            enumValues(includeDeprecated: true) { name } possibleTypes { ...TypeRef } } \
            fragment InputValue on __InputValue { name type { ...TypeRef } defaultValue } \
            fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { \
            kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { name } } } \
            } } } } } } }";
        assert!(Document::parse(introspection, &limits()).is_ok());
        assert!(Document::parse("{ a(text: \"{{{{ \\\" #\") # comment {{{\n }", &limits()).is_ok());
        assert!(Document::parse("{ a(text: \"\"\"{{{ \\\"\"\" \" \"\"\") }", &limits()).is_ok());
        assert!(Document::parse("\u{feff}{ a }", &limits()).is_ok());
    }

    /// Every line end ends a comment: what the parser sees, the look at the text has to see.
    #[test]
    fn nesting_can_t_be_hidden_from_the_scan() {
        let deep = "{a".repeat(7_000);
        for hidden in [format!("{{ # x\r{deep}"), format!("{{ # x\n{deep}"), format!("{{ a(b: \"\\\"\") # \"\r {deep}")]
        {
            let limits = Limits { tokens: 100_000, ..limits() };
            let refusal = Document::parse(&hidden, &limits).unwrap_err();
            assert_eq!(refusal.details[0].1, "nesting", "{refusal}");
        }
    }

    #[test]
    fn circles_are_refused_used_or_not() {
        for text in
            ["{ ...A } fragment A on Q { b { ...B } } fragment B on Q { ...A }", "{ a } fragment A on Q { ...A }"]
        {
            let refusal = refusal(text);
            assert!(refusal.code == Code::BadRequest && refusal.message.contains("contains itself"), "{refusal}");
        }
    }

    /// Unfolded, each of these has more fields than could ever be walked through.
    #[test]
    fn a_bomb_of_fragments_costs_no_time() {
        for (start, end) in [
            ("{ ...F0 }", "a: b"),
            ("{ ...F0 }", "a"),
            ("{ a { ...F0 } }", "a"),
            ("{ a { ...F0 } }", "...Unknown"),
            ("{ a { ...F0 } }", "... { ... { a } }"),
            ("{ a { ...F0 } }", "a @b"),
        ] {
            let mut bomb = start.to_owned();
            for n in 0..25 {
                let next = n + 1;
                bomb += &format!(" fragment F{n} on Q {{ ...F{next} ...F{next} ...F{next} }}");
            }
            bomb += &format!(" fragment F25 on Q {{ {end} }}");
            over(&bomb);
        }
        let chain: Vec<_> = (0..100).map(|n| format!(" fragment F{n} on Q {{ ...F{} }}", n + 1)).collect();
        let chain = chain.concat();
        assert_eq!(over(&format!("{{ ...F0 }} {chain} fragment F100 on Q {{ a }}")), "nesting of selections");
    }

    #[test]
    fn introspection_can_t_be_multiplied() {
        let nested = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
        assert_eq!(over(nested), "nesting of introspection lists");
        let split = "{ __type(name: \"Q\") { ...A } } fragment A on __Type { fields { type { ...B } } } \
                     fragment B on __Type { interfaces { possibleTypes { name } } }";
        assert_eq!(over(split), "nesting of introspection lists");
        assert!(Document::parse("{ fields { fields { fields { a } } } }", &limits()).is_ok());
    }

    #[test]
    fn the_cache_forgets_what_was_not_asked_for_longest() {
        let (cache, limits) = (DocumentCache::default(), limits());
        let model = Model::of_graph(true).unwrap();
        let text = |n: u64| format!("query A{n} {{ me {{ {} }} }}", "id ".repeat(1_400));
        let hash = |n: u64| crate::platform::crypto::sha256(text(n).as_bytes());
        for n in 0..110 {
            cache.get(hash(n), &text(n), &limits, (model, false)).unwrap();
            cache.get(hash(0), &text(0), &limits, (model, false)).unwrap();
        }
        let cached = cache.0.lock().unwrap();
        assert!(cached.size <= CACHED_SIZE && cached.documents.len() > 100);
        assert!(cached.documents.contains(&hash(0)) && !cached.documents.contains(&hash(1)));
        assert_eq!(cached.size, cached.documents.iter().map(|(_, valid)| valid.document.size).sum::<u64>());
    }

    #[test]
    fn the_operation_is_chosen_by_name() {
        let document = Document::parse("query A { a } mutation B { b }", &limits()).unwrap();
        assert_eq!(document.operation(Some("B")).unwrap().1.node.ty, OperationType::Mutation);
        assert_eq!(document.operation(None).unwrap_err().code, Code::BadRequest);
        assert_eq!(document.operation(Some("C")).unwrap_err().code, Code::BadRequest);
    }

    /// Each operation may be small where all of them are not.
    #[test]
    fn the_fields_of_all_operations_are_bounded() {
        let operations = (0..30).map(|n| format!("query A{n} {{ ...F }}")).collect::<Vec<_>>().join(" ");
        let fragment = format!("fragment F on Query {{ me {{ {} }} }}", "id ".repeat(400));
        assert_eq!(over(&format!("{operations} {fragment}")), "number of fields");
    }

    #[test]
    fn the_normal_form_is_made_once_unless_variables_decide_it() {
        let model = Model::of_graph(true).unwrap();
        let valid = |text: &str| Valid::new(Document::parse(text, &limits()).unwrap(), model, false).unwrap();
        let given = |json| Variables::from_json(json);
        let normal = |valid: &Valid, variables| valid.operation(None).unwrap().normal(model, &variables).unwrap();
        let plain = valid("query($n: Int) { posts(first: $n) { nodes { id } } }");
        let (none, one) = (given(serde_json::json!({})), given(serde_json::json!({ "n": 1 })));
        assert!(Arc::ptr_eq(&normal(&plain, none.clone()), &normal(&plain, one.clone())));
        // What was absent at first is looked at where it comes.
        let written = format!("{:?}", normal(&plain, one));
        assert!(written.contains("Variable(Name(\"n\"))"), "{written}");
        let optional = valid("query($n: PostSort) { posts(sortBy: $n) { nodes { id } } }");
        let sorted = normal(&optional, given(serde_json::json!({ "n": "NEWEST" })));
        assert!(!Arc::ptr_eq(&sorted, &normal(&optional, none.clone())));
        let conditional = valid("query($n: Boolean!) { me { id @skip(if: $n) username } }");
        let conditions = [true, false].map(|n| normal(&conditional, given(serde_json::json!({ "n": n }))));
        assert!(!Arc::ptr_eq(&conditions[0], &conditions[1]));
    }
}
