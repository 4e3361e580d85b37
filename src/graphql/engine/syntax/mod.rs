//! Documents, read as the specification's grammar has it (https://spec.graphql.org/draft/#sec-Document-Syntax).
//!
//! The executor brings a parser of its own, which is left aside: it takes `queryA { a }` for a query with a name, and
//! `query() { a }` and `[00]` for well-formed; it refuses `[ID !]`, `\u{1F600}`, pairs of surrogates and a comment
//! behind `on`; and it swallows an input field that is given twice. What is built here are its types.

mod lexer;
mod strings;

use std::collections::{HashMap, hash_map::Entry};

use async_graphql::{
    Name, Pos, Positioned,
    indexmap::IndexMap,
    parser::types::{
        BaseType, Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, FragmentSpread,
        InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeCondition,
        VariableDefinition,
    },
};
use async_graphql_value::{Number, Value};

use self::lexer::{Kind, Token, error};
use crate::{config::Limits, error::Refusal};

type Result<T> = std::result::Result<T, Refusal>;

/// How deep braces, brackets and parentheses may nest: deeper than any allowed query, far from any stack's end.
const MAX_NESTING: u64 = 64;

/// Reads a document that keeps the limits of a text; gives how many tokens it has, too.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<(ExecutableDocument, u64)> {
    let tokens = lexer::tokens(text, limits, MAX_NESTING)?;
    let count = tokens.len() as u64 - 1;
    let document = Parser { text, tokens, next: 0 }.document()?;
    Ok((document, count))
}

struct Parser<'a> {
    text: &'a str,
    /// The last one is the end.
    tokens: Vec<Token>,
    next: usize,
}

impl<'a> Parser<'a> {
    fn document(mut self) -> Result<ExecutableDocument> {
        let mut anonymous: Option<Positioned<OperationDefinition>> = None;
        let mut named = HashMap::new();
        let mut fragments = HashMap::new();
        while self.peek().kind != Kind::End || self.next == 0 {
            let at = self.peek().at;
            if self.at_word("fragment") {
                let (name, fragment) = self.fragment()?;
                once(&mut fragments, name, Positioned::new(fragment, at), "fragment")?;
                continue;
            }
            let (name, operation) = self.operation()?;
            let operation = Positioned::new(operation, at);
            match name {
                Some(name) => once(&mut named, name, operation, "operation")?,
                None if anonymous.is_some() => return Err(alone(at)),
                None => anonymous = Some(operation),
            }
        }
        let operations = match anonymous {
            Some(operation) if named.is_empty() => DocumentOperations::Single(operation),
            Some(operation) => return Err(alone(operation.pos)),
            None if named.is_empty() => return Err(error(self.peek().at, "expected an operation, found the end")),
            None => DocumentOperations::Multiple(named),
        };
        Ok(ExecutableDocument { operations, fragments })
    }

    fn operation(&mut self) -> Result<(Option<Positioned<Name>>, OperationDefinition)> {
        let ty = match self.peek().kind {
            Kind::Punctuator(b'{') => None,
            _ if self.at_word("query") => Some(OperationType::Query),
            _ if self.at_word("mutation") => Some(OperationType::Mutation),
            _ if self.at_word("subscription") => Some(OperationType::Subscription),
            _ => return Err(self.unexpected("an operation or a fragment")),
        };
        let mut name = None;
        let (mut variable_definitions, mut directives) = (Vec::new(), Vec::new());
        if ty.is_some() {
            self.advance();
            if self.peek().kind == Kind::Name {
                name = Some(self.name("a name")?);
            }
            if self.peek().kind == Kind::Punctuator(b'(') {
                variable_definitions = self.some(b'(', b')', Self::variable_definition)?;
            }
            directives = self.directives()?;
        }
        let (ty, selection_set) = (ty.unwrap_or(OperationType::Query), self.selection_set()?);
        Ok((name, OperationDefinition { ty, variable_definitions, directives, selection_set }))
    }

    fn fragment(&mut self) -> Result<(Positioned<Name>, FragmentDefinition)> {
        self.advance();
        if self.at_word("on") {
            return Err(self.unexpected("the fragment's name"));
        }
        let name = self.name("the fragment's name")?;
        let type_condition = self.type_condition()?;
        let directives = self.directives()?;
        let selection_set = self.selection_set()?;
        Ok((name, FragmentDefinition { type_condition, directives, selection_set }))
    }

    fn type_condition(&mut self) -> Result<Positioned<TypeCondition>> {
        let at = self.peek().at;
        if !self.at_word("on") {
            return Err(self.unexpected("\"on\" and a type"));
        }
        self.advance();
        Ok(Positioned::new(TypeCondition { on: self.name("a type")? }, at))
    }

    fn variable_definition(&mut self) -> Result<Positioned<VariableDefinition>> {
        let at = self.peek().at;
        self.expect(b'$')?;
        let name = self.name("the variable's name")?;
        self.expect(b':')?;
        let var_type = self.ty()?;
        let mut default_value = None;
        if self.take(b'=') {
            let value = self.value()?;
            let constant = value.node.into_const().ok_or_else(|| error(value.pos, "a default is without variables"))?;
            default_value = Some(Positioned::new(constant, value.pos));
        }
        let directives = self.directives()?;
        Ok(Positioned::new(VariableDefinition { name, var_type, directives, default_value }, at))
    }

    fn ty(&mut self) -> Result<Positioned<Type>> {
        let at = self.peek().at;
        let base = if self.take(b'[') {
            let inner = self.ty()?;
            self.expect(b']')?;
            BaseType::List(Box::new(inner.node))
        } else {
            BaseType::Named(self.name("a type")?.node)
        };
        let nullable = !self.take(b'!');
        Ok(Positioned::new(Type { base, nullable }, at))
    }

    fn selection_set(&mut self) -> Result<Positioned<SelectionSet>> {
        let at = self.peek().at;
        Ok(Positioned::new(SelectionSet { items: self.some(b'{', b'}', Self::selection)? }, at))
    }

    fn selection(&mut self) -> Result<Positioned<Selection>> {
        let at = self.peek().at;
        if self.peek().kind != Kind::Spread {
            return Ok(Positioned::new(Selection::Field(self.field()?), at));
        }
        self.advance();
        let condition = self.at_word("on");
        let selection = if self.peek().kind == Kind::Name && !condition {
            let fragment_name = self.name("a fragment")?;
            let directives = self.directives()?;
            Selection::FragmentSpread(Positioned::new(FragmentSpread { fragment_name, directives }, at))
        } else {
            let type_condition = if condition { Some(self.type_condition()?) } else { None };
            let directives = self.directives()?;
            let selection_set = self.selection_set()?;
            Selection::InlineFragment(Positioned::new(InlineFragment { type_condition, directives, selection_set }, at))
        };
        Ok(Positioned::new(selection, at))
    }

    fn field(&mut self) -> Result<Positioned<Field>> {
        let at = self.peek().at;
        let mut name = self.name("a field")?;
        let mut alias = None;
        if self.take(b':') {
            alias = Some(std::mem::replace(&mut name, self.name("a field")?));
        }
        let arguments = self.arguments()?;
        let directives = self.directives()?;
        let is_leaf = self.peek().kind != Kind::Punctuator(b'{');
        let selection_set = if is_leaf { Positioned::default() } else { self.selection_set()? };
        Ok(Positioned::new(Field { alias, name, arguments, directives, selection_set }, at))
    }

    fn arguments(&mut self) -> Result<Vec<(Positioned<Name>, Positioned<Value>)>> {
        if self.peek().kind != Kind::Punctuator(b'(') {
            return Ok(Vec::new());
        }
        self.some(b'(', b')', |parser| {
            let name = parser.name("an argument")?;
            parser.expect(b':')?;
            Ok((name, parser.value()?))
        })
    }

    fn directives(&mut self) -> Result<Vec<Positioned<Directive>>> {
        let mut directives = Vec::new();
        while self.peek().kind == Kind::Punctuator(b'@') {
            let at = self.advance().at;
            let (name, arguments) = (self.name("a directive")?, self.arguments()?);
            directives.push(Positioned::new(Directive { name, arguments }, at));
        }
        Ok(directives)
    }

    fn value(&mut self) -> Result<Positioned<Value>> {
        let token = self.peek();
        let text = self.text_of(token);
        let value = match token.kind {
            Kind::Punctuator(b'$') => {
                self.advance();
                Value::Variable(self.name("the variable's name")?.node)
            }
            Kind::Punctuator(b'[') => {
                self.advance();
                let mut items = Vec::new();
                while !self.take(b']') {
                    items.push(self.value()?.node);
                }
                Value::List(items)
            }
            Kind::Punctuator(b'{') => self.object()?,
            Kind::Int | Kind::Float => {
                self.advance();
                Value::Number(number(token.kind, text).ok_or_else(|| error(token.at, "the number is too large"))?)
            }
            Kind::String => {
                self.advance();
                Value::String(strings::value(&text[1..text.len() - 1]).map_err(|why| error(token.at, why))?)
            }
            Kind::BlockString => {
                self.advance();
                Value::String(strings::block_value(&text[3..text.len() - 3]))
            }
            Kind::Name => {
                self.advance();
                match text {
                    "true" => Value::Boolean(true),
                    "false" => Value::Boolean(false),
                    "null" => Value::Null,
                    _ => Value::Enum(Name::new(text)),
                }
            }
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Positioned::new(value, token.at))
    }

    fn object(&mut self) -> Result<Value> {
        self.advance();
        let mut fields = IndexMap::new();
        while !self.take(b'}') {
            let name = self.name("an input field")?;
            self.expect(b':')?;
            let value = self.value()?.node;
            if fields.insert(name.node, value).is_some() {
                return Err(error(name.pos, "an input field is given twice"));
            }
        }
        Ok(Value::Object(fields))
    }

    /// One or more of something between two marks.
    fn some<T>(&mut self, open: u8, close: u8, mut one: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect(open)?;
        let mut all = vec![one(self)?];
        while !self.take(close) {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn name(&mut self, what: &str) -> Result<Positioned<Name>> {
        let token = self.peek();
        if token.kind != Kind::Name {
            return Err(self.unexpected(what));
        }
        self.advance();
        Ok(Positioned::new(Name::new(self.text_of(token)), token.at))
    }

    fn expect(&mut self, mark: u8) -> Result<()> {
        if self.take(mark) { Ok(()) } else { Err(self.unexpected(&format!("\"{}\"", char::from(mark)))) }
    }

    fn take(&mut self, mark: u8) -> bool {
        let found = self.peek().kind == Kind::Punctuator(mark);
        if found {
            self.advance();
        }
        found
    }

    fn at_word(&self, word: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Name && self.text_of(token) == word
    }

    fn peek(&self) -> Token {
        self.tokens[self.next]
    }

    /// Steps over a token; never over the end.
    fn advance(&mut self) -> Token {
        let token = self.peek();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn text_of(&self, token: Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    fn unexpected(&self, expected: &str) -> Refusal {
        let token = self.peek();
        let found = match token.kind {
            Kind::End => "the end".to_owned(),
            Kind::String | Kind::BlockString => "a string".to_owned(),
            _ => format!("\"{}\"", self.text_of(token).chars().take(40).collect::<String>()),
        };
        error(token.at, format!("expected {expected}, found {found}"))
    }
}

fn once<T>(
    all: &mut HashMap<Name, Positioned<T>>,
    name: Positioned<Name>,
    definition: Positioned<T>,
    what: &str,
) -> Result<()> {
    match all.entry(name.node) {
        Entry::Occupied(before) => {
            let mut refusal = error(name.pos, format!("there are two of the {what} `{}`", before.key()));
            refusal.locations.insert(0, (before.get().pos.line, before.get().pos.column));
            Err(refusal)
        }
        Entry::Vacant(place) => {
            place.insert(definition);
            Ok(())
        }
    }
}

fn alone(at: Pos) -> Refusal {
    error(at, "an operation without a name is the only one of its document")
}

/// A whole number that is larger than any machine's stays a number, so that its type can refuse it.
fn number(kind: Kind, text: &str) -> Option<Number> {
    let whole = || text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok();
    let float = || text.parse::<f64>().ok().and_then(Number::from_f64);
    if kind == Kind::Int { whole().or_else(float) } else { float() }
}

#[cfg(test)]
mod tests;
