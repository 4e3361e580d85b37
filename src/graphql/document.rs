//! Queries before they run: a bounded look at the text, the parse, and limits that need no variables. What passes is
//! kept in a bounded cache, by the hash of its text; variables are never part of it.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{
    Name,
    parser::{
        parse_query,
        types::{ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet},
    },
};
use lru::LruCache;

use crate::{
    config::Limits,
    error::{Code, Refusal},
};

/// How deep braces, brackets and parentheses may nest: deeper than any allowed query, far from any stack's end.
const MAX_NESTING: usize = 64;
/// Depth below `__schema` and `__type`, whose standard query is deep.
const INTROSPECTION_DEPTH: u64 = 20;
/// Documents that are kept.
const CACHED: usize = 1000;
/// Mutations that have to stand alone, so that a list of aliases gains nothing.
const ALONE: &[&str] = &["login", "register", "tokenRefresh"];

/// A document that keeps the limits.
#[derive(Debug)]
pub struct Document {
    /// Parsed.
    pub parsed: ExecutableDocument,
}

impl Document {
    /// Looks at the text, parses it, and checks every operation.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Refusal> {
        scan(text, limits)?;
        let parsed = parse_query(text).map_err(|error| {
            let mut refusal = Refusal::new(Code::BadRequest, format!("The query can't be parsed: {error}"));
            refusal.locations = error.positions().map(|at| (at.line, at.column)).collect();
            refusal
        })?;
        for (_, operation) in parsed.operations.iter() {
            check(&parsed, &operation.node, limits)?;
        }
        Ok(Self { parsed })
    }

    /// The operation that is to run.
    pub fn operation(&self, name: Option<&str>) -> Result<&OperationDefinition, Refusal> {
        let mut operations = self.parsed.operations.iter();
        let chosen = match name.filter(|name| !name.is_empty()) {
            Some(wanted) => operations.find(|(name, _)| name.is_some_and(|name| name == wanted)),
            None => {
                let first = operations.next();
                if operations.next().is_some() {
                    let message = "The document has several operations; say which by `operationName`.";
                    return Err(Refusal::new(Code::BadRequest, message));
                }
                first
            }
        };
        chosen.map(|(_, operation)| &operation.node).ok_or_else(|| {
            Refusal::new(Code::BadRequest, "The document has no operation of this name.")
        })
    }
}

/// Documents that were parsed and checked before.
#[derive(Debug)]
pub struct DocumentCache(Mutex<LruCache<[u8; 32], Arc<Document>>>);

impl Default for DocumentCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(CACHED).unwrap_or(NonZeroUsize::MIN))))
    }
}

impl DocumentCache {
    /// The document of a text whose SHA-256 is given.
    pub fn get(&self, hash: [u8; 32], text: &str, limits: &Limits) -> Result<Arc<Document>, Refusal> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        if let Some(document) = cached {
            return Ok(document);
        }
        let document = Arc::new(Document::parse(text, limits)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(hash, Arc::clone(&document));
        Ok(document)
    }
}

/// Counts tokens and nesting without building anything, before the parser, which recurses.
fn scan(text: &str, limits: &Limits) -> Result<(), Refusal> {
    if text.len() > limits.document_bytes {
        return Err(Refusal::over_limit("length in bytes", limits.document_bytes as u64, text.len() as u64));
    }
    let bytes = text.as_bytes();
    let (mut at, mut tokens, mut nesting) = (0, 0_usize, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'"' => at = string_end(bytes, at),
            b'{' | b'[' | b'(' => {
                nesting += 1;
                at += 1;
            }
            b'}' | b']' | b')' => {
                nesting = nesting.saturating_sub(1);
                at += 1;
            }
            b if is_word(b) => at += bytes[at..].iter().position(|b| !is_word(*b)).unwrap_or(bytes.len() - at),
            _ => at += 1,
        }
        tokens += 1;
        if tokens > limits.tokens {
            let counted = tokens + bytes[at..].iter().filter(|b| matches!(b, b'{' | b'}' | b':')).count();
            return Err(Refusal::over_limit("number of tokens", limits.tokens as u64, counted as u64));
        }
        if nesting > MAX_NESTING {
            return Err(Refusal::over_limit("nesting", MAX_NESTING as u64, nesting as u64));
        }
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+')
}

/// Behind a string or block string that begins at `start`; an open one ends with the text, and the parser complains.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let block = bytes[start..].starts_with(b"\"\"\"");
    let mut at = start + if block { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if block && bytes[at..].starts_with(b"\\\"\"\"") => at += 4,
            b'\\' if !block => at += 2,
            b'"' if block && bytes[at..].starts_with(b"\"\"\"") => return at + 3,
            b'"' if !block => return at + 1,
            b'\n' if !block => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// What is counted of a selection, fragments unfolded. Each fragment is measured once, however often it is spread.
#[derive(Debug, Clone, Copy, Default)]
struct Measure {
    depth: u64,
    introspection_depth: u64,
    aliases: u64,
    directives: u64,
    fields: u64,
}

struct Measurer<'a> {
    document: &'a ExecutableDocument,
    /// `None` while a fragment is being measured: meeting it again then is a circle.
    fragments: HashMap<&'a Name, Option<Measure>>,
}

fn check(document: &ExecutableDocument, operation: &OperationDefinition, limits: &Limits) -> Result<(), Refusal> {
    let mut measurer = Measurer { document, fragments: HashMap::new() };
    let measure = measurer.selection_set(&operation.selection_set.node)?;
    let directives = measure.directives.saturating_add(operation.directives.len() as u64);
    for (what, limit, requested) in [
        ("depth", limits.depth as u64, measure.depth),
        ("introspection depth", INTROSPECTION_DEPTH, measure.introspection_depth),
        ("number of aliases", limits.aliases as u64, measure.aliases),
        ("number of directives", limits.directives as u64, directives),
        ("number of root fields", limits.root_fields as u64, measure.fields),
    ] {
        if requested > limit {
            return Err(Refusal::over_limit(what, limit, requested));
        }
    }
    if operation.ty == OperationType::Mutation
        && measure.fields > 1
        && let Some(name) = measurer.first_alone(&operation.selection_set.node)
    {
        let message = format!("`{name}` has to be the only field of its operation.");
        return Err(Refusal::over_limit("number of root fields", 1, measure.fields).with("field", name).saying(message));
    }
    Ok(())
}

impl<'a> Measurer<'a> {
    fn selection_set(&mut self, set: &'a SelectionSet) -> Result<Measure, Refusal> {
        let mut total = Measure::default();
        for selection in &set.items {
            let (below, directives) = match &selection.node {
                Selection::Field(field) => (self.field(&field.node)?, field.node.directives.len()),
                Selection::InlineFragment(inline) => {
                    (self.selection_set(&inline.node.selection_set.node)?, inline.node.directives.len())
                }
                Selection::FragmentSpread(spread) => {
                    (self.fragment(&spread.node.fragment_name.node)?, spread.node.directives.len())
                }
            };
            total.depth = total.depth.max(below.depth);
            total.introspection_depth = total.introspection_depth.max(below.introspection_depth);
            total.aliases = total.aliases.saturating_add(below.aliases);
            total.directives = total.directives.saturating_add(below.directives).saturating_add(directives as u64);
            total.fields = total.fields.saturating_add(below.fields);
        }
        Ok(total)
    }

    fn field(&mut self, field: &'a Field) -> Result<Measure, Refusal> {
        let below = self.selection_set(&field.selection_set.node)?;
        let aliases = below.aliases.saturating_add(field.alias.is_some().into());
        let (depth, introspection_depth) = if matches!(field.name.node.as_str(), "__schema" | "__type") {
            (1, below.depth.max(below.introspection_depth) + 1)
        } else {
            (below.depth + 1, below.introspection_depth)
        };
        Ok(Measure { depth, introspection_depth, aliases, directives: below.directives, fields: 1 })
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Measure, Refusal> {
        match self.fragments.get(name) {
            Some(Some(measure)) => return Ok(*measure),
            Some(None) => {
                let message = format!("The fragment `{name}` contains itself.");
                return Err(Refusal::new(Code::BadRequest, message));
            }
            None => {}
        }
        // An unknown fragment is for the validation to name.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Measure::default()) };
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
            Selection::Field(field) => ALONE.iter().find(|name| field.node.name.node == **name).copied(),
            Selection::InlineFragment(inline) => self.first_alone(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let fragment = self.document.fragments.get(&spread.node.fragment_name.node)?;
                self.first_alone(&fragment.node.selection_set.node)
            }
        })
    }
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
        assert_eq!(over(&format!("{{ a {{ {} }} }}", (0..31).map(|n| format!("b{n}: b ")).collect::<String>())), "number of aliases");
        assert_eq!(over("{ a b c d e f g h i j k }"), "number of root fields");
        assert_eq!(over(&format!("{{ a {} }}", "@x ".repeat(51))), "number of directives");
        assert_eq!(over("mutation { login { a } x: login { a } }"), "number of root fields");
        assert_eq!(over("mutation { a ...F } fragment F on Mutation { register { a } }"), "number of root fields");
        assert_eq!(over(&format!("{{ __schema {} {} }}", "{a".repeat(20), "}".repeat(20))), "introspection depth");
    }

    #[test]
    fn the_query_of_graphiql_and_ordinary_ones_pass() {
        let introspection = "{ __schema { types { fields { type { ofType { ofType { ofType { ofType { ofType { ofType { \
                             ofType { ofType { ofType { name } } } } } } } } } } } } } }";
        assert!(Document::parse(introspection, &limits()).is_ok());
        assert!(Document::parse("{ a(text: \"{{{{ \\\" #\") # comment {{{\n }", &limits()).is_ok());
        assert!(Document::parse("{ a(text: \"\"\"{{{ \\\"\"\" \" \"\"\") }", &limits()).is_ok());
    }

    #[test]
    fn circles_are_refused_and_a_bomb_of_fragments_costs_no_time() {
        assert_eq!(refusal("{ ...A } fragment A on Q { b { ...B } } fragment B on Q { ...A }").code, Code::BadRequest);
        let mut bomb = "{ ...F0 }".to_owned();
        for n in 0..60 {
            let next = n + 1;
            bomb += &format!(" fragment F{n} on Q {{ ...F{next} ...F{next} ...F{next} }}");
        }
        bomb += " fragment F60 on Q { a: b }";
        let what = over(&bomb);
        assert!(what == "number of aliases", "{what}");
    }

    #[test]
    fn the_operation_is_chosen_by_name() {
        let document = Document::parse("query A { a } mutation B { b }", &limits()).unwrap();
        assert_eq!(document.operation(Some("B")).unwrap().ty, OperationType::Mutation);
        assert_eq!(document.operation(None).unwrap_err().code, Code::BadRequest);
        assert_eq!(document.operation(Some("C")).unwrap_err().code, Code::BadRequest);
    }
}
