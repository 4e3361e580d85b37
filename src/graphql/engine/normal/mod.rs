//! One form for all the ways to write an operation: fragments unfolded, fields of one response key merged, `@skip` and
//! `@include` decided, arguments left to their defaults. It is what the specification executes (`CollectFields`,
//! `CollectSubfields`): the executor would run a field as often as it is written and zip the answers by position, so
//! that a mutation in two fragments is done twice, and two lists that differ meanwhile are mixed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use async_graphql::{
    Name, Pos, Positioned, Variables,
    indexmap::IndexMap,
    parser::types::{
        Directive, DocumentOperations, ExecutableDocument, Field, InlineFragment, OperationDefinition, Selection,
        SelectionSet, TypeCondition,
    },
};
use async_graphql_value::Value;

use super::model::{Model, root_of};
use crate::{error::Refusal, platform::crypto::sha256};

/// How many fields the form may have: more than a document, because what differs between objects is written out for
/// each of them, and bounded, because that multiplies where interfaces nest.
const MOST: u64 = 10_000;

/// An operation of a valid document, alone in a document without fragments.
pub(crate) fn normalize(
    model: &Model,
    document: &ExecutableDocument,
    operation: &Positioned<OperationDefinition>,
    variables: &Variables,
) -> Result<ExecutableDocument, Refusal> {
    let mut writer = Writer { model, document, variables, fields: 0 };
    let OperationDefinition { ty, variable_definitions, selection_set, .. } = &operation.node;
    let set = writer.selection_set(&[&selection_set.node], root_of(*ty))?;
    let normal = OperationDefinition {
        ty: *ty,
        variable_definitions: variable_definitions.clone(),
        directives: Vec::new(),
        selection_set: Positioned::new(set, selection_set.pos),
    };
    let operations = DocumentOperations::Single(Positioned::new(normal, operation.pos));
    Ok(ExecutableDocument { operations, fragments: HashMap::new() })
}

/// Objects by their names; most sets of fields share one.
type Objects<'m> = Rc<BTreeSet<&'m str>>;

/// A field that is asked for, and of which objects.
struct Asked<'m, 'd> {
    of: Objects<'m>,
    field: &'d Positioned<Field>,
}

/// Fields of one response key that become one.
struct Merged<'m, 'd> {
    of: Objects<'m>,
    fields: Vec<&'d Positioned<Field>>,
}

struct Writer<'m, 'd> {
    model: &'m Model,
    document: &'d ExecutableDocument,
    variables: &'d Variables,
    fields: u64,
}

impl<'m, 'd> Writer<'m, 'd> {
    /// Several sets of one object, interface or union as one.
    fn selection_set(&mut self, sets: &[&'d SelectionSet], parent: &str) -> Result<SelectionSet, Refusal> {
        let all: BTreeSet<&str> = self.model.possible(parent).into_iter().flatten().map(String::as_str).collect();
        let all = Rc::new(all);
        let mut asked = Vec::new();
        for set in sets {
            self.unfold(set, &all, &mut asked)?;
        }
        let mut items: Vec<Positioned<Selection>> = Vec::new();
        // For each object, the fragment that its next field joins, as long as none of all objects stands between.
        let mut open: HashMap<&str, usize> = HashMap::new();
        for merged in merge(&asked) {
            let for_all = merged.of == all && self.model.field(parent, &merged.fields[0].node.name.node).is_some();
            if for_all {
                open.clear();
                items.push(self.field(&merged.fields, parent)?);
                continue;
            }
            for object in merged.of.iter().copied() {
                let field = self.field(&merged.fields, object)?;
                let place = *open.entry(object).or_insert(items.len());
                match items.get_mut(place).map(|item| &mut item.node) {
                    Some(Selection::InlineFragment(fragment)) => fragment.node.selection_set.node.items.push(field),
                    _ => items.push(on_object(object, field)),
                }
            }
        }
        Ok(SelectionSet { items })
    }

    fn unfold(
        &mut self,
        set: &'d SelectionSet,
        of: &Objects<'m>,
        asked: &mut Vec<Asked<'m, 'd>>,
    ) -> Result<(), Refusal> {
        for selection in &set.items {
            if self.is_skipped(selection.node.directives()) {
                continue;
            }
            let (on, set) = match &selection.node {
                Selection::Field(field) => {
                    self.count()?;
                    asked.push(Asked { of: Rc::clone(of), field });
                    continue;
                }
                Selection::InlineFragment(inline) => {
                    (inline.node.type_condition.as_ref(), &inline.node.selection_set.node)
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) else { continue };
                    (Some(&fragment.node.type_condition), &fragment.node.selection_set.node)
                }
            };
            match on.and_then(|on| self.model.possible(&on.node.on.node)) {
                Some(possible) if !of.iter().all(|object| possible.contains(*object)) => {
                    let some: BTreeSet<_> = of.iter().copied().filter(|object| possible.contains(*object)).collect();
                    if !some.is_empty() {
                        self.unfold(set, &Rc::new(some), asked)?;
                    }
                }
                _ => self.unfold(set, of, asked)?,
            }
        }
        Ok(())
    }

    /// One field for several of one name and with the same arguments, which the validation has seen to.
    fn field(&mut self, fields: &[&'d Positioned<Field>], parent: &str) -> Result<Positioned<Selection>, Refusal> {
        self.count()?;
        let first = fields[0];
        let sets: Vec<&SelectionSet> = fields.iter().map(|field| &field.node.selection_set.node).collect();
        let known = self.model.field(parent, &first.node.name.node);
        let below = known.map_or("", |known| known.of());
        let set = if sets[0].items.is_empty() { SelectionSet::default() } else { self.selection_set(&sets, below)? };
        // The executor takes an absent variable for an absent argument, but forgets the argument's default. Whatever else
        // is absent stays, so that the form is one for all variables.
        let defaults = |name: &Name| {
            let mut arguments = known.into_iter().flat_map(|known| &known.arguments);
            arguments.any(|argument| argument.name == **name && argument.default.is_some())
        };
        let is_there = |(name, value): &&(Positioned<Name>, Positioned<Value>)| match &value.node {
            Value::Variable(variable) => self.variables.contains_key(variable) || !defaults(&name.node),
            _ => true,
        };
        let field = Field {
            alias: first.node.alias.clone(),
            name: first.node.name.clone(),
            arguments: first.node.arguments.iter().filter(is_there).cloned().collect(),
            directives: Vec::new(),
            selection_set: Positioned::new(set, first.node.selection_set.pos),
        };
        Ok(Positioned::new(Selection::Field(Positioned::new(field, first.pos)), first.pos))
    }

    fn is_skipped(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().any(|directive| {
            let condition = match directive.node.get_argument("if").map(|value| &value.node) {
                Some(Value::Boolean(condition)) => *condition,
                Some(Value::Variable(variable)) => {
                    matches!(self.variables.get(variable), Some(async_graphql::Value::Boolean(true)))
                }
                _ => return false,
            };
            condition == (directive.node.name.node == "skip")
        })
    }

    fn count(&mut self) -> Result<(), Refusal> {
        self.fields += 1;
        if self.fields > 2 * MOST {
            return Err(Refusal::over_limit("number of fields", MOST, self.fields / 2));
        }
        Ok(())
    }
}

/// Puts what is asked for under one response key together, in the order in which the keys come up. Where some objects
/// are asked for more under a key than others, they are told apart.
fn merge<'m, 'd>(asked: &[Asked<'m, 'd>]) -> Vec<Merged<'m, 'd>> {
    let mut keys: IndexMap<&str, Vec<usize>> = IndexMap::new();
    for (number, asked) in asked.iter().enumerate() {
        keys.entry(asked.field.node.response_key().node.as_str()).or_default().push(number);
    }
    let mut merged = Vec::new();
    for mut numbers in keys.into_values() {
        leave_out_repeated_leaves(&mut numbers, asked);
        let of = &asked[numbers[0]].of;
        if numbers.iter().all(|number| asked[*number].of == *of) {
            merged.push((numbers, Rc::clone(of)));
            continue;
        }
        let mut objects: IndexMap<Vec<usize>, BTreeSet<&str>> = IndexMap::new();
        for object in numbers.iter().flat_map(|number| asked[*number].of.iter().copied()).collect::<BTreeSet<_>>() {
            let of_object = numbers.iter().copied().filter(|number| asked[*number].of.contains(object)).collect();
            objects.entry(of_object).or_default().insert(object);
        }
        merged.extend(objects.into_iter().map(|(numbers, of)| (numbers, Rc::new(of))));
    }
    merged.sort_by_key(|(numbers, _)| numbers[0]);
    let one = |(numbers, of): (Vec<usize>, Objects<'m>)| {
        let fields = numbers.into_iter().map(|number| asked[number].field).collect();
        Merged { of, fields }
    };
    merged.into_iter().map(one).collect()
}

/// A leaf that was asked of all of the same objects before is not asked for again: clients add `id` and `__typename`
/// to every fragment.
fn leave_out_repeated_leaves(numbers: &mut Vec<usize>, asked: &[Asked<'_, '_>]) {
    let mut kept: Vec<usize> = Vec::new();
    numbers.retain(|number| {
        let Asked { of, field } = &asked[*number];
        let is_leaf = field.node.selection_set.node.items.is_empty();
        let is_new = !is_leaf || !kept.iter().any(|before| asked[*before].of.is_superset(of));
        if is_new {
            kept.push(*number);
        }
        is_new
    });
}

/// A fragment for one kind of object.
fn on_object(object: &str, field: Positioned<Selection>) -> Positioned<Selection> {
    let at: Pos = field.pos;
    let on = Positioned::new(Name::new(object), at);
    let fragment = InlineFragment {
        type_condition: Some(Positioned::new(TypeCondition { on }, at)),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet { items: vec![field] }, at),
    };
    Positioned::new(Selection::InlineFragment(Positioned::new(fragment, at)), at)
}

/// A value with its variables filled in, as the executor does it; nothing where the variable is absent.
#[must_use]
pub(crate) fn filled_in(value: &Value, variables: &Variables) -> Option<async_graphql::Value> {
    use async_graphql::Value as Constant;
    Some(match value {
        Value::Variable(name) => return variables.get(name).cloned(),
        Value::List(items) => {
            Constant::List(items.iter().map(|item| filled_in(item, variables).unwrap_or_default()).collect())
        }
        Value::Object(fields) => {
            let there = |(name, value): (&Name, &Value)| Some((name.clone(), filled_in(value, variables)?));
            Constant::Object(fields.iter().filter_map(there).collect())
        }
        other => other.clone().into_const().unwrap_or_default(),
    })
}

/// Tells what subscriptions ask of their events: equal for equal selections and arguments, whatever the variables and
/// fragments are called that they were written with. The arguments of the root field choose the events, and don't count.
#[must_use]
pub(crate) fn fingerprint(normal: &ExecutableDocument, variables: &Variables) -> [u8; 32] {
    let mut text = String::new();
    for (_, operation) in normal.operations.iter() {
        text.push_str(&operation.node.ty.to_string());
        write_set(&mut text, &operation.node.selection_set.node, variables, true);
    }
    sha256(text.as_bytes())
}

fn write_set(text: &mut String, set: &SelectionSet, variables: &Variables, at_root: bool) {
    text.push('{');
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let Field { name, arguments, selection_set, .. } = &field.node;
                text.push_str(&format!("{}:{}(", field.node.response_key().node, name.node));
                let arguments: BTreeMap<_, _> = arguments.iter().map(|(name, value)| (&name.node, value)).collect();
                for (name, value) in arguments.into_iter().filter(|_| !at_root) {
                    if let Some(value) = filled_in(&value.node, variables) {
                        text.push_str(&format!("{name}:{value},"));
                    }
                }
                text.push(')');
                if !selection_set.node.items.is_empty() {
                    write_set(text, &selection_set.node, variables, false);
                }
            }
            Selection::InlineFragment(inline) => {
                let on = inline.node.type_condition.as_ref().map_or("", |on| on.node.on.node.as_str());
                text.push_str(&format!("...{on}"));
                write_set(text, &inline.node.selection_set.node, variables, false);
            }
            Selection::FragmentSpread(_) => {}
        }
        text.push(' ');
    }
    text.push('}');
}

#[cfg(test)]
mod tests;
