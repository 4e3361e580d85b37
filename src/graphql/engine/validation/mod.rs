//! Whether a document means anything in the graph: the rules of the specification
//! (https://spec.graphql.org/draft/#sec-Validation), once for each document, before anything runs. `tests/conformance`
//! compares the verdicts with those of the reference implementation.
//!
//! The executor has rules of its own, which are left aside: they let conflicting fields pass, take a text for an enum
//! and an `ID`, and are gone through again with every request. Syntax sees to names that are given twice; the limits
//! see to fragments that contain themselves, which nothing here could walk through.

mod overlaps;
mod values;
mod variables;

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Pos, Positioned,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet, Type,
        TypeCondition,
    },
};
use async_graphql_value::Value;

use super::{
    model::{Input, Kind, Model, root_of},
    suggestions::{did_you_mean, did_you_mean_value},
};
use crate::error::{Code, Refusal};

/// How many errors are looked for: one typing mistake can make hundreds.
const SHOWN_ERRORS: usize = 50;

/// What the validation has found out about a valid operation, and what comes behind it needs to know.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Whether variables decide which fields there are.
    pub conditional: bool,
    /// Variables that may be absent and stand for an argument that then has its default.
    pub optional: HashSet<Name>,
    /// Variables that may be null by their type, and stand where null may not.
    pub not_null: HashSet<Name>,
    /// Variables that stand anywhere else than in the arguments of a mutation.
    pub elsewhere: HashSet<Name>,
    /// Whether a mutation's arguments hold a text or number in the document that its type does not take.
    pub mistyped: bool,
}

/// Checks a document without circles. Gives the facts of each operation, by its name.
pub(crate) fn validate(
    model: &Model,
    document: &ExecutableDocument,
    suggestions: bool,
) -> Result<HashMap<Option<Name>, Facts>, Refusal> {
    let mut validator = Validator { model, document, suggestions, errors: Vec::new() };
    let fragments: HashMap<&Name, Uses<'_, '_>> = document
        .fragments
        .iter()
        .map(|(name, fragment)| {
            let mut uses = Uses::default();
            let parent = validator.condition(&fragment.node.type_condition);
            validator.directives(&fragment.node.directives, false, &mut uses);
            validator.selection_set(&fragment.node.selection_set.node, parent, &mut uses);
            (name, uses)
        })
        .collect();
    let mut reached = HashSet::new();
    let mut facts = HashMap::new();
    for (name, operation) in document.operations.iter() {
        let mut uses = Uses::default();
        validator.directives(&operation.node.directives, false, &mut uses);
        let root = model.ty(root_of(operation.node.ty)).map(|(name, _)| name);
        validator.selection_set(&operation.node.selection_set.node, root, &mut uses);
        let all = reach(&uses, &fragments);
        reached.extend(all.iter().map(|(name, _)| *name));
        let all: Vec<_> = std::iter::once(&uses).chain(all.into_iter().map(|(_, uses)| uses)).collect();
        facts.insert(name.cloned(), validator.variables(&operation.node, &all));
        if operation.node.ty == OperationType::Subscription {
            validator.subscription(&operation.node);
        }
    }
    for (name, fragment) in &document.fragments {
        if !reached.contains(name) {
            validator.report([fragment.pos], format!("The fragment \"{name}\" is not used."));
        }
    }
    // Nothing else is wrong: every field has its type.
    if validator.errors.is_empty() {
        for (_, operation) in document.operations.iter() {
            validator.overlaps(&operation.node);
        }
    }
    Refusal::several(validator.errors).map_or(Ok(facts), Err)
}

/// What an operation or fragment itself uses.
#[derive(Debug, Default)]
struct Uses<'m, 'd> {
    variables: Vec<Usage<'m>>,
    spreads: Vec<&'d Name>,
    conditional: bool,
    mistyped: bool,
}

/// A variable where it stands.
#[derive(Debug)]
struct Usage<'m> {
    variable: Name,
    at: Pos,
    /// What is taken there; unknown where the argument is.
    ty: Option<&'m Type>,
    /// Whether there is a default for what is absent.
    default: bool,
    /// Whether it is an argument's whole value.
    whole: bool,
    /// The input that takes exactly one of its fields, when this is one.
    one_of: Option<&'m str>,
    place: Place,
}

/// Whose arguments these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A mutation's: whoever typed something wrong is told by its payload.
    Mutation,
    Elsewhere,
}

/// The fragments that are used, directly or by others.
fn reach<'a, 'm, 'd>(
    uses: &Uses<'m, 'd>,
    fragments: &'a HashMap<&'d Name, Uses<'m, 'd>>,
) -> Vec<(&'d Name, &'a Uses<'m, 'd>)> {
    let (mut found, mut seen, mut next) = (Vec::new(), HashSet::new(), uses.spreads.clone());
    while let Some(name) = next.pop() {
        if let Some(uses) = fragments.get(name)
            && seen.insert(name)
        {
            found.push((name, uses));
            next.extend(&uses.spreads);
        }
    }
    found
}

struct Validator<'m, 'd> {
    model: &'m Model,
    document: &'d ExecutableDocument,
    suggestions: bool,
    errors: Vec<Refusal>,
}

impl<'m, 'd> Validator<'m, 'd> {
    fn report(&mut self, at: impl IntoIterator<Item = Pos>, message: impl Into<String>) {
        if self.errors.len() < SHOWN_ERRORS {
            let mut refusal = Refusal::new(Code::BadRequest, message);
            refusal.locations = at.into_iter().map(|at| (at.line, at.column)).collect();
            self.errors.push(refusal);
        }
    }

    fn suggest<'k>(&self, name: &str, known: impl Iterator<Item = &'k str>) -> String {
        if self.suggests() { did_you_mean(name, known) } else { String::new() }
    }

    fn suggest_value<'k>(&self, given: &str, known: impl Iterator<Item = &'k str>) -> String {
        if self.suggests() { did_you_mean_value(given, known) } else { String::new() }
    }

    fn suggests(&self) -> bool {
        self.suggestions && self.errors.len() < SHOWN_ERRORS
    }

    fn selection_set(&mut self, set: &'d SelectionSet, parent: Option<&'m str>, uses: &mut Uses<'m, 'd>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => self.field(field, parent, uses),
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    let on = condition.map_or(parent, |condition| self.condition(condition));
                    self.spread(parent, on, inline.pos, "This fragment");
                    self.directives(&inline.node.directives, true, uses);
                    self.selection_set(&inline.node.selection_set.node, on, uses);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name) {
                        let on = self.model.ty(&fragment.node.type_condition.node.on.node).map(|(name, _)| name);
                        self.spread(parent, on, spread.pos, &format!("The fragment \"{name}\""));
                        uses.spreads.push(name);
                    } else {
                        let suggestion = self.suggest(name, self.document.fragments.keys().map(Name::as_str));
                        self.report([spread.pos], format!("There is no fragment \"{name}\".{suggestion}"));
                    }
                    self.directives(&spread.node.directives, true, uses);
                }
            }
        }
    }

    /// The type that a fragment is on, if it can be on it.
    fn condition(&mut self, condition: &Positioned<TypeCondition>) -> Option<&'m str> {
        let on = &condition.node.on;
        let Some((name, kind)) = self.model.ty(&on.node) else {
            self.unknown_type(&on.node, on.pos);
            return None;
        };
        if !matches!(kind, Kind::Composite { .. }) {
            let message = format!("A fragment is on an object, interface or union; \"{name}\" is none.");
            self.report([on.pos], message);
            return None;
        }
        Some(name)
    }

    fn unknown_type(&mut self, name: &str, at: Pos) {
        let suggestion = self.suggest(name, self.model.names());
        self.report([at], format!("There is no type \"{name}\".{suggestion}"));
    }

    /// A fragment has to be able to apply where it stands.
    fn spread(&mut self, parent: Option<&str>, on: Option<&str>, at: Pos, what: &str) {
        if let (Some(parent), Some(on)) = (parent, on)
            && let (Some(here), Some(there)) = (self.model.possible(parent), self.model.possible(on))
            && here.is_disjoint(there)
        {
            self.report([at], format!("{what} is on \"{on}\", which \"{parent}\" can never be."));
        }
    }

    fn field(&mut self, field: &'d Positioned<Field>, parent: Option<&'m str>, uses: &mut Uses<'m, 'd>) {
        let Field { name, arguments, directives, selection_set, .. } = &field.node;
        let known = parent.and_then(|parent| self.model.field(parent, &name.node));
        if let (Some(parent), None) = (parent, known) {
            let suggestion = self.suggest_field(&name.node, parent);
            self.report([field.pos], format!("\"{parent}\" has no field \"{}\".{suggestion}", name.node));
        }
        let place = if parent == Some(root_of(OperationType::Mutation)) { Place::Mutation } else { Place::Elsewhere };
        let taken = known.map(|known| known.arguments.as_slice());
        self.arguments(field.pos, &name.node, arguments, taken, place, uses);
        self.directives(directives, true, uses);
        let below = known.and_then(|known| self.model.ty(known.of()));
        let is_empty = selection_set.node.items.is_empty();
        match (below, known) {
            (Some((of, Kind::Composite { .. })), _) if is_empty => {
                let message = format!("\"{}\" is of type \"{of}\": say which of its fields.", name.node);
                self.report([field.pos], message);
            }
            (Some((of, Kind::Composite { .. })), _) => self.selection_set(&selection_set.node, Some(of), uses),
            (_, Some(known)) if !is_empty => {
                let message = format!("\"{}\" is of type \"{}\", which has no fields.", name.node, known.ty);
                self.report([selection_set.pos], message);
            }
            _ => self.selection_set(&selection_set.node, None, uses),
        }
    }

    fn suggest_field(&self, name: &str, parent: &str) -> String {
        match self.model.ty(parent) {
            Some((_, Kind::Composite { fields, .. })) => self.suggest(name, fields.keys().map(String::as_str)),
            _ => String::new(),
        }
    }

    fn directives(&mut self, directives: &'d [Positioned<Directive>], at_selection: bool, uses: &mut Uses<'m, 'd>) {
        let mut seen = HashSet::new();
        for directive in directives {
            let Directive { name, arguments } = &directive.node;
            if !seen.insert(&name.node) {
                self.report([directive.pos], format!("The directive \"@{}\" stands here twice.", name.node));
            }
            let known = self.model.directive(&name.node).filter(|_| at_selection);
            if known.is_none() {
                self.report([directive.pos], format!("There is no directive \"@{}\" that can stand here.", name.node));
            }
            uses.conditional |= arguments.iter().any(|(_, value)| matches!(value.node, Value::Variable(_)));
            let what = format!("@{}", name.node);
            self.arguments(directive.pos, &what, arguments, known, Place::Elsewhere, uses);
        }
    }

    /// `known` is what is taken; nothing is known where the field or directive is not.
    fn arguments(
        &mut self,
        at: Pos,
        of: &str,
        given: &'d [(Positioned<Name>, Positioned<Value>)],
        known: Option<&'m [Input]>,
        place: Place,
        uses: &mut Uses<'m, 'd>,
    ) {
        let mut seen = HashSet::new();
        for (name, value) in given {
            if !seen.insert(&name.node) {
                self.report([name.pos], format!("The argument \"{}\" is given twice.", name.node));
            }
            let input = known.and_then(|known| known.iter().find(|input| input.name == *name.node));
            if let (Some(known), None) = (known, input) {
                let suggestion = self.suggest(&name.node, known.iter().map(|input| input.name.as_str()));
                self.report([name.pos], format!("\"{of}\" has no argument \"{}\".{suggestion}", name.node));
            }
            self.argument(&name.node, value, input, place, uses);
        }
        for input in known.into_iter().flatten() {
            if input.is_required() && !given.iter().any(|(name, _)| input.name == *name.node) {
                let message = format!("\"{of}\" needs the argument \"{}\" of type \"{}\".", input.name, input.ty);
                self.report([at], message);
            }
        }
    }

    /// One root field, `__typename` no more than another; that nothing decides about it by `@skip` and `@include` is in
    /// the specification since 2025.
    fn subscription(&mut self, operation: &'d OperationDefinition) {
        let mut fields = Vec::new();
        let mut sets = vec![&operation.selection_set.node];
        let (mut seen, mut conditional) = (HashSet::new(), false);
        while let Some(set) = sets.pop() {
            for selection in &set.items {
                conditional |= !selection.node.directives().is_empty();
                match &selection.node {
                    Selection::Field(field) => fields.push(field),
                    Selection::InlineFragment(inline) => sets.push(&inline.node.selection_set.node),
                    Selection::FragmentSpread(spread) => {
                        let name = &spread.node.fragment_name.node;
                        if let Some(fragment) = self.document.fragments.get(name)
                            && seen.insert(name)
                        {
                            sets.push(&fragment.node.selection_set.node);
                        }
                    }
                }
            }
        }
        let keys: HashSet<&str> = fields.iter().map(|field| field.node.response_key().node.as_str()).collect();
        let hidden = fields.iter().any(|field| field.node.name.node.starts_with("__"));
        if keys.len() != 1 || hidden {
            let message = "A subscription has exactly one root field, which is none of introspection.";
            self.report([operation.selection_set.pos], message);
        }
        if conditional {
            let message = "The root field of a subscription is not subject to \"@skip\" and \"@include\".";
            self.report([operation.selection_set.pos], message);
        }
    }
}

#[cfg(test)]
mod tests;
