//! Queries before they run: a bounded look at the text, the parse, and limits that need no variables. What passes is
//! kept in a bounded cache, by the hash of its text; variables are never part of it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{
    Name, Pos, Positioned,
    parser::{
        self, parse_query,
        types::{ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet},
    },
};
use lru::LruCache;

use crate::{
    config::Limits,
    error::{Code, Refusal},
};

/// How deep braces, brackets and parentheses may nest: deeper than any allowed query, far from any stack's end.
const MAX_NESTING: u64 = 64;
/// How deep selections may nest, fragments unfolded: the executor's own bound, told with a code.
const MAX_SELECTION_NESTING: u64 = 32;
/// How many fields an operation may have, fragments unfolded: what the executor has to walk through.
const MAX_FIELDS: u64 = 5_000;
/// Depth below `__schema` and `__type`, whose standard query is deep.
const INTROSPECTION_DEPTH: u64 = 20;
/// Lists of introspection that may nest: each more multiplies the answer by the size of the graph.
const INTROSPECTION_LISTS: u64 = 2;
/// Tokens of all the documents that are kept: some 3000 ordinary ones, and at worst 50 MB.
const CACHED_TOKENS: u64 = 200_000;
/// Mutations that have to stand alone, so that a list of aliases gains nothing.
const ALONE: &[&str] = &[
    "login",
    "register",
    "tokenRefresh",
    "twoFactorEnable",
    "twoFactorDisable",
    "twoFactorVerify",
    "twoFactorCodeSend",
    "oauthBegin",
    "oauthComplete",
    "reauthenticate",
    "reauthenticationCodeSend",
    "emailVerificationSend",
    "emailVerify",
    "emailChangeRequest",
    "emailChangeConfirm",
    "phoneVerificationSend",
    "phoneVerify",
    "passwordChange",
    "passwordResetRequest",
    "passwordResetConfirm",
    "paymentCreate",
    "paymentConfirm",
    "paymentCancel",
    "paymentProofAdd",
    "paymentMethodAdd",
    "paymentRefundRequest",
    "paymentRefundGrant",
    "paymentRefundRefuse",
    "paymentRefund",
    "adminPaymentConfirm",
    "adminPaymentCollect",
    "adminPaymentRemit",
    "adminPaymentCancel",
    "adminRefundComplete",
    "adminRefundFail",
    "walletDeposit",
    "walletTransfer",
    "walletWithdraw",
    "goalContribute",
];

/// Mutations that write what others see: what each makes the server do comes after it, for all who follow.
const CONTENT: &[&str] = &[
    "postCreate",
    "postUpdate",
    "postDelete",
    "postLike",
    "postUnlike",
    "postShare",
    "commentCreate",
    "commentUpdate",
    "commentDelete",
    "commentLike",
    "commentUnlike",
    "contributionCommentCreate",
    "contributionCommentUpdate",
    "contributionCommentDelete",
    "goalCreate",
    "goalUpdate",
    "goalUpdatePublish",
];

/// A document that keeps the limits.
#[derive(Debug)]
pub struct Document {
    /// Parsed.
    pub parsed: ExecutableDocument,
    tokens: u64,
}

impl Document {
    /// Looks at the text, parses it, and checks every operation.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Refusal> {
        let tokens = scan(text, limits)?;
        let parsed = parse_query(text).map_err(|error| unreadable(&error))?;
        let mut measurer = Measurer { document: &parsed, fragments: HashMap::new() };
        for (_, operation) in parsed.operations.iter() {
            measurer.check(&operation.node, limits)?;
        }
        // What no operation uses is refused by the validation, which must not meet a circle there either.
        for name in parsed.fragments.keys() {
            measurer.fragment(name)?;
        }
        Ok(Self { parsed, tokens })
    }

    /// How many of an operation's root fields write what others see.
    #[must_use]
    pub fn content_fields(&self, operation: &OperationDefinition) -> usize {
        if operation.ty == OperationType::Mutation { self.content_of(&operation.selection_set.node) } else { 0 }
    }

    /// Circles and bombs of fragments are refused before.
    fn content_of(&self, set: &SelectionSet) -> usize {
        let count = |selection: &Positioned<Selection>| match &selection.node {
            Selection::Field(field) => usize::from(CONTENT.contains(&field.node.name.node.as_str())),
            Selection::InlineFragment(inline) => self.content_of(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let fragment = self.parsed.fragments.get(&spread.node.fragment_name.node);
                fragment.map_or(0, |fragment| self.content_of(&fragment.node.selection_set.node))
            }
        };
        set.items.iter().map(count).sum()
    }

    /// The operation that is to run.
    pub fn operation(&self, name: Option<&str>) -> Result<&OperationDefinition, Refusal> {
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
        chosen
            .map(|(_, operation)| &operation.node)
            .ok_or_else(|| Refusal::new(Code::BadRequest, "The document has no operation of this name."))
    }
}

/// The parser draws a picture of the place in its message: its last line says what is wrong.
fn unreadable(error: &parser::Error) -> Refusal {
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default().trim_start_matches([' ', '=']);
    let mut refusal = Refusal::new(Code::BadRequest, format!("Syntax error: {reason}."));
    refusal.locations = error.positions().map(|at| (at.line, at.column)).collect();
    refusal
}

/// Documents that were parsed and checked before, as many as there is room for.
#[derive(Debug)]
pub struct DocumentCache(Mutex<Cached>);

#[derive(Debug)]
struct Cached {
    documents: LruCache<[u8; 32], Arc<Document>>,
    tokens: u64,
}

impl Default for DocumentCache {
    fn default() -> Self {
        Self(Mutex::new(Cached { documents: LruCache::unbounded(), tokens: 0 }))
    }
}

impl DocumentCache {
    /// The document of a text whose SHA-256 is given.
    pub fn get(&self, hash: [u8; 32], text: &str, limits: &Limits) -> Result<Arc<Document>, Refusal> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner).documents.get(&hash).cloned();
        if let Some(document) = cached {
            return Ok(document);
        }
        let document = Arc::new(Document::parse(text, limits)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(hash, Arc::clone(&document));
        Ok(document)
    }
}

impl Cached {
    fn keep(&mut self, hash: [u8; 32], document: Arc<Document>) {
        self.tokens += document.tokens;
        let replaced = self.documents.put(hash, document);
        self.tokens -= replaced.map_or(0, |document| document.tokens);
        while self.tokens > CACHED_TOKENS
            && let Some((_, oldest)) = self.documents.pop_lru()
        {
            self.tokens -= oldest.tokens;
        }
    }
}

/// Looks at the text without building anything, before the parser, which recurses: counts tokens and nesting, and
/// finds what the parser would swallow, an input field that is given twice. Gives the number of tokens.
fn scan(text: &str, limits: &Limits) -> Result<u64, Refusal> {
    let bytes = text.as_bytes();
    within("length in bytes", limits.document_bytes as u64, bytes.len() as u64)?;
    let (mut at, mut tokens, mut deepest) = (0, 0, 0);
    let mut nesting: Vec<Nest<'_>> = Vec::new();
    let mut word = 0..0;
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => at + 1,
            b'#' => skip(bytes, at, |byte| !matches!(byte, b'\n' | b'\r')),
            _ if bytes[at..].starts_with(BYTE_ORDER_MARK) => at + BYTE_ORDER_MARK.len(),
            _ => {
                tokens += 1;
                match byte {
                    b'"' => string_end(bytes, at),
                    b'.' => skip(bytes, at, |byte| byte == b'.'),
                    _ if is_word(byte) => skip(bytes, at, is_word),
                    _ => at + 1,
                }
            }
        };
        match byte {
            b'(' | b'[' => nesting.push(Nest::Value),
            b'{' if nesting.last().is_none_or(|nest| matches!(nest, Nest::Selection)) => nesting.push(Nest::Selection),
            b'{' => nesting.push(Nest::Object(HashSet::new())),
            b'}' | b']' | b')' => drop(nesting.pop()),
            b':' => {
                if let Some(Nest::Object(fields)) = nesting.last_mut()
                    && !fields.insert(&bytes[word.clone()])
                {
                    let refusal = Refusal::new(Code::BadRequest, "An input field is given twice.");
                    return Err(located(refusal, position(&text[..word.start])));
                }
            }
            _ if is_word(byte) => word = at..end,
            _ => {}
        }
        deepest = deepest.max(nesting.len() as u64);
        at = end;
    }
    within("number of tokens", limits.tokens as u64, tokens)?;
    within("nesting", MAX_NESTING, deepest)?;
    Ok(tokens)
}

/// What a brace, bracket or parenthesis has opened.
enum Nest<'a> {
    Selection,
    /// Arguments, variables, lists: a brace in them is an object.
    Value,
    /// With its fields.
    Object(HashSet<&'a [u8]>),
}

fn located(mut refusal: Refusal, at: Pos) -> Refusal {
    refusal.locations = vec![(at.line, at.column)];
    refusal
}

/// Where the text behind this one begins.
fn position(before: &str) -> Pos {
    let line = before.rsplit(['\n', '\r']).next().unwrap_or_default();
    let ends = before.bytes().filter(|byte| *byte == b'\n').count();
    let returns = before.bytes().filter(|byte| *byte == b'\r').count();
    let both = before.matches("\r\n").count();
    Pos { line: 1 + ends + returns - both, column: 1 + line.chars().count() }
}

/// White space, to GraphQL.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+')
}

/// Behind the bytes of one kind that begin at `start`.
fn skip(bytes: &[u8], start: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[start..].iter().position(|byte| !belongs(*byte)).map_or(bytes.len(), |length| start + length)
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
            b'\n' | b'\r' if !block => return at,
            _ => at += 1,
        }
    }
    bytes.len()
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
    fn check(&mut self, operation: &'a OperationDefinition, limits: &Limits) -> Result<(), Refusal> {
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
        match operation.ty {
            OperationType::Mutation if measure.own_fields > 1 => self.check_alone(operation, measure.own_fields),
            OperationType::Subscription => check_subscription(operation),
            _ => Ok(()),
        }
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
            Selection::Field(field) => ALONE.iter().find(|name| field.node.name.node == **name).copied(),
            Selection::InlineFragment(inline) => self.first_alone(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let fragment = self.document.fragments.get(&spread.node.fragment_name.node)?;
                self.first_alone(&fragment.node.selection_set.node)
            }
        })
    }
}

/// One root field is the specification's rule; that it stands there itself is the executor's, which would take the
/// fields of a fragment for none, and end at once.
fn check_subscription(operation: &OperationDefinition) -> Result<(), Refusal> {
    match operation.selection_set.node.items.as_slice() {
        [selection] if matches!(selection.node, Selection::Field(_)) => Ok(()),
        _ => {
            let message = "A subscription has exactly one root field, outside of fragments.";
            Err(located(Refusal::new(Code::BadRequest, message), operation.selection_set.pos))
        }
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

    #[test]
    fn tokens_are_counted_as_the_specification_does() {
        for (text, tokens) in [
            ("{ a }", 3),
            ("{a:b(c:-1,d:\"x y\",e:[\"\"\"f g\"\"\",$h])}", 20),
            ("{ ...F ... on T { a } } # g h i", 10),
            ("\u{feff}{\r# x {\ra,,,}", 3),
        ] {
            assert_eq!(scan(text, &limits()).unwrap(), tokens, "{text}");
        }
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
    fn an_input_field_is_given_once() {
        for twice in [
            "{ a(b: { c: 1, d: 2, c: 3 }) }",
            "{ a(b: [{ c: { d: 1 d: 2 } }]) }",
            "query($x: I = { c: 1, c: 2 }) { a(b: $x) }",
            "{ a @b(c: { d: E d: F }) }",
        ] {
            let refusal = refusal(twice);
            assert!(refusal.code == Code::BadRequest && refusal.message.contains("twice"), "{twice}: {refusal}");
        }
        assert_eq!(refusal("{\r\n é: a(b: {\n c: 1\r  c: 2 }) }").locations, [(4, 3)]);
        for fine in ["{ a(b: [{ c: 1 }, { c: 2 }]) c: d c: d }", "{ a(b: { c: { c: c } d: \"c: c:\" }) { b: b b: b } }"]
        {
            assert!(Document::parse(fine, &limits()).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_syntax_error_says_what_and_where() {
        let refusal = refusal("{ a(b: }");
        assert_eq!((refusal.code, refusal.locations.as_slice()), (Code::BadRequest, [(1, 8)].as_slice()));
        assert!(refusal.message.starts_with("Syntax error: expected ") && !refusal.message.contains('\n'), "{refusal}");
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
    fn a_subscription_has_one_root_field() {
        assert!(Document::parse("subscription { a { b } }", &limits()).is_ok());
        assert_eq!(refusal("subscription { a { b } c { d } }").code, Code::BadRequest);
        assert_eq!(refusal("subscription { ...F } fragment F on S { a { b } }").code, Code::BadRequest);
    }

    #[test]
    fn the_cache_forgets_what_was_not_asked_for_longest() {
        let (cache, limits) = (DocumentCache::default(), limits());
        let text = |n: u64| format!("{{ a{n} {{ {} }} }}", "b ".repeat(1_900));
        let hash = |n: u64| crate::platform::crypto::sha256(text(n).as_bytes());
        for n in 0..110 {
            cache.get(hash(n), &text(n), &limits).unwrap();
            cache.get(hash(0), &text(0), &limits).unwrap();
        }
        let cached = cache.0.lock().unwrap();
        assert!(cached.tokens <= CACHED_TOKENS && cached.documents.len() > 100);
        assert!(cached.documents.contains(&hash(0)) && !cached.documents.contains(&hash(1)));
        assert_eq!(cached.tokens, cached.documents.iter().map(|(_, document)| document.tokens).sum::<u64>());
    }

    #[test]
    fn the_operation_is_chosen_by_name() {
        let document = Document::parse("query A { a } mutation B { b }", &limits()).unwrap();
        assert_eq!(document.operation(Some("B")).unwrap().ty, OperationType::Mutation);
        assert_eq!(document.operation(None).unwrap_err().code, Code::BadRequest);
        assert_eq!(document.operation(Some("C")).unwrap_err().code, Code::BadRequest);
    }
}
