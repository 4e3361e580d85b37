//! Fields under one response key: what is asked for under it can be one answer only
//! (https://spec.graphql.org/draft/#sec-Field-Selection-Merging).
//!
//! Fields of one key are compared with the first of them, not each with each, so that the work is in proportion to the
//! fields (the method is that of Simon Adameit: "is the same" carries over from one to the next). Where the objects
//! can never be the same, names and arguments may differ, and only the shapes of the answers have to agree.

use std::collections::{BTreeMap, HashSet};

use async_graphql::{
    Positioned,
    indexmap::IndexMap,
    parser::types::{BaseType, Field, OperationDefinition, Selection, SelectionSet, Type},
};

use super::Validator;
use crate::{
    error::Refusal,
    graphql::engine::model::{Kind, root_of},
};

/// How many fields are looked at: an ordinary document has some dozens, and each a few times.
const MOST: u64 = 100_000;

/// A field where it stands.
#[derive(Debug, Clone, Copy)]
struct Selected<'m, 'd> {
    parent: &'m str,
    field: &'d Positioned<Field>,
    ty: &'m Type,
    /// The object, interface or union that it gives.
    below: Option<&'m str>,
}

type Keys<'m, 'd> = IndexMap<&'d str, Vec<Selected<'m, 'd>>>;

impl<'m, 'd> Validator<'m, 'd> {
    pub(super) fn overlaps(&mut self, operation: &'d OperationDefinition) {
        let Some((root, _)) = self.model.ty(root_of(operation.ty)) else { return };
        let sets = [(root, &operation.selection_set.node)];
        let mut work = 0;
        self.names(&sets, &mut work);
        if self.errors.is_empty() {
            self.shapes(&sets, &mut work);
        }
        if work > MOST {
            self.errors.push(Refusal::over_limit("number of fields under equal keys", MOST, work));
        }
    }

    /// Whatever object is met, the answers are of one shape.
    fn shapes(&mut self, sets: &[(&'m str, &'d SelectionSet)], work: &mut u64) {
        for (key, fields) in self.collect(sets, work) {
            let first = fields[0];
            if let Some(other) = fields.iter().find(|other| !self.same_shape(first.ty, other.ty)) {
                let types = format!("of types \"{}\" and \"{}\"", first.ty, other.ty);
                self.conflict(key, first, *other, &format!("are {types}"));
            }
            self.shapes(&below(&fields), work);
        }
    }

    /// Where the object can be the same, it is one field, asked for in one way.
    fn names(&mut self, sets: &[(&'m str, &'d SelectionSet)], work: &mut u64) {
        for (key, fields) in self.collect(sets, work) {
            for group in self.groups(fields) {
                let first = group[0];
                for other in &group[1..] {
                    if first.field.node.name.node != other.field.node.name.node {
                        let names = (&first.field.node.name.node, &other.field.node.name.node);
                        self.conflict(key, first, *other, &format!("are \"{}\" and \"{}\"", names.0, names.1));
                    } else if !same_arguments(&first.field.node, &other.field.node) {
                        self.conflict(key, first, *other, "have different arguments");
                    }
                }
                self.names(&below(&group), work);
            }
        }
    }

    /// Fields that may be asked of one object: those of an interface or union go with those of every object.
    fn groups(&self, fields: Vec<Selected<'m, 'd>>) -> Vec<Vec<Selected<'m, 'd>>> {
        let is_object = |parent: &str| {
            self.model.possible(parent).is_some_and(|possible| possible.len() == 1 && possible.contains(parent))
        };
        let mut objects: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let mut abstracts = Vec::new();
        for field in fields {
            if is_object(field.parent) {
                objects.entry(field.parent).or_default().push(field);
            } else {
                abstracts.push(field);
            }
        }
        if objects.is_empty() {
            return vec![abstracts];
        }
        objects.into_values().map(|of_object| abstracts.iter().copied().chain(of_object).collect()).collect()
    }

    /// The fields of selection sets, fragments unfolded, by response key.
    fn collect(&self, sets: &[(&'m str, &'d SelectionSet)], work: &mut u64) -> Keys<'m, 'd> {
        let mut keys = IndexMap::new();
        let mut seen = HashSet::new();
        for (parent, set) in sets {
            self.unfold(parent, set, &mut keys, &mut seen, work);
        }
        keys
    }

    fn unfold(
        &self,
        parent: &'m str,
        set: &'d SelectionSet,
        keys: &mut Keys<'m, 'd>,
        seen: &mut HashSet<&'d str>,
        work: &mut u64,
    ) {
        for selection in &set.items {
            *work += 1;
            if *work > MOST {
                return;
            }
            match &selection.node {
                Selection::Field(field) => {
                    let Some(known) = self.model.field(parent, &field.node.name.node) else { continue };
                    let below = self.model.ty(known.of()).filter(|(_, kind)| matches!(kind, Kind::Composite { .. }));
                    let selected = Selected { parent, field, ty: &known.ty, below: below.map(|(name, _)| name) };
                    keys.entry(&field.node.response_key().node).or_default().push(selected);
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref().map(|condition| &condition.node.on.node);
                    let on = condition.and_then(|on| self.model.ty(on)).map_or(parent, |(name, _)| name);
                    self.unfold(on, &inline.node.selection_set.node, keys, seen, work);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && seen.insert(name)
                        && let Some((on, _)) = self.model.ty(&fragment.node.type_condition.node.on.node)
                    {
                        self.unfold(on, &fragment.node.selection_set.node, keys, seen, work);
                    }
                }
            }
        }
    }

    fn same_shape(&self, one: &Type, other: &Type) -> bool {
        if one.nullable != other.nullable {
            return false;
        }
        match (&one.base, &other.base) {
            (BaseType::List(one), BaseType::List(other)) => self.same_shape(one, other),
            (BaseType::Named(one), BaseType::Named(other)) => {
                let is_composite = |name: &str| self.model.possible(name).is_some();
                one == other || is_composite(one) && is_composite(other)
            }
            _ => false,
        }
    }

    fn conflict(&mut self, key: &str, one: Selected<'_, '_>, other: Selected<'_, '_>, why: &str) {
        let message = format!("The fields under \"{key}\" {why}: give one of them another name by an alias.");
        self.report([one.field.pos, other.field.pos], message);
    }
}

fn below<'m, 'd>(fields: &[Selected<'m, 'd>]) -> Vec<(&'m str, &'d SelectionSet)> {
    fields.iter().filter_map(|field| Some((field.below?, &field.field.node.selection_set.node))).collect()
}

fn same_arguments(one: &Field, other: &Field) -> bool {
    one.arguments.len() == other.arguments.len()
        && one
            .arguments
            .iter()
            .all(|(name, value)| other.get_argument(&name.node).is_some_and(|other| other.node == value.node))
}
