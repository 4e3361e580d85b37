//! An operation's variables: known, of input types, used, and of types that fit where they stand.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Value,
    parser::types::{BaseType, OperationDefinition, Type, VariableDefinition},
};

use super::{Facts, Place, Usage, Uses, Validator, values::Spot};
use crate::graphql::engine::model::{Kind, named};

impl<'m, 'd> Validator<'m, 'd> {
    /// `uses` is what the operation and the fragments that it uses hold.
    pub(super) fn variables(&mut self, operation: &'d OperationDefinition, uses: &[&Uses<'m, 'd>]) -> Facts {
        let mut facts = Facts {
            conditional: uses.iter().any(|uses| uses.conditional),
            mistyped: uses.iter().any(|uses| uses.mistyped),
            ..Facts::default()
        };
        let mut defined = HashMap::new();
        for definition in &operation.variable_definitions {
            let name = &definition.node.name;
            if defined.insert(&name.node, &definition.node).is_some() {
                self.report([name.pos], format!("The variable \"${}\" is defined twice.", name.node));
            }
            self.definition(&definition.node);
        }
        let mut used = HashSet::new();
        for usage in uses.iter().flat_map(|uses| &uses.variables) {
            let Some(definition) = defined.get(&usage.variable) else {
                self.report([usage.at], format!("The variable \"${}\" is not defined.", usage.variable));
                continue;
            };
            used.insert(&usage.variable);
            self.usage(usage, definition);
            note(&mut facts, usage, definition);
        }
        for definition in &operation.variable_definitions {
            let name = &definition.node.name;
            if !used.contains(&name.node) {
                self.report([name.pos], format!("The variable \"${}\" is not used.", name.node));
            }
        }
        facts
    }

    fn definition(&mut self, definition: &'d VariableDefinition) {
        let VariableDefinition { name, var_type, directives, default_value } = definition;
        self.directives(directives, false, &mut Uses::default());
        let of = named(&var_type.node);
        match self.model.ty(of) {
            None => self.unknown_type(of, var_type.pos),
            Some((_, Kind::Composite { .. })) => {
                let message = format!("The variable \"${}\" can't be of type \"{}\".", name.node, var_type.node);
                self.report([var_type.pos], message);
            }
            Some(_) => {
                if let Some(default) = default_value {
                    let (at, path) = (default.pos, format!("${}", name.node));
                    let spot = Spot { at, path, default: false, whole: false, one_of: None, place: Place::Elsewhere };
                    let value = default.node.clone().into_value();
                    self.value(&value, Some(&var_type.node), &spot, &mut Uses::default());
                }
            }
        }
    }

    fn usage(&mut self, usage: &Usage<'m>, definition: &'d VariableDefinition) {
        let VariableDefinition { name, var_type, default_value, .. } = definition;
        let (Some(taken), Some(_)) = (usage.ty, self.model.ty(named(&var_type.node))) else { return };
        let filled = usage.default || default_value.as_ref().is_some_and(|default| default.node != Value::Null);
        let fits = if !taken.nullable && var_type.node.nullable {
            filled && same_base(&var_type.node, taken)
        } else {
            is_subtype(&var_type.node, taken)
        };
        if !fits {
            let types = format!("is of type \"{}\", and stands where \"{taken}\" is taken", var_type.node);
            self.report([name.pos, usage.at], format!("The variable \"${}\" {types}.", name.node));
        }
        if let (Some(one_of), true) = (usage.one_of, var_type.node.nullable) {
            let message = format!("The variable \"${}\" may be null, which \"{one_of}\" does not take.", name.node);
            self.report([name.pos, usage.at], message);
        }
    }
}

fn note(facts: &mut Facts, usage: &Usage<'_>, definition: &VariableDefinition) {
    let VariableDefinition { var_type, default_value, .. } = definition;
    let name = &usage.variable;
    if usage.whole && usage.default && var_type.node.nullable && default_value.is_none() {
        facts.optional.insert(name.clone());
    }
    if var_type.node.nullable && usage.ty.is_some_and(|taken| !taken.nullable) {
        facts.not_null.insert(name.clone());
    }
    if usage.place == Place::Elsewhere {
        facts.elsewhere.insert(name.clone());
    }
}

fn is_subtype(given: &Type, taken: &Type) -> bool {
    (taken.nullable || !given.nullable) && same_base(given, taken)
}

fn same_base(given: &Type, taken: &Type) -> bool {
    match (&given.base, &taken.base) {
        (BaseType::Named(given), BaseType::Named(taken)) => given == taken,
        (BaseType::List(given), BaseType::List(taken)) => is_subtype(given, taken),
        _ => false,
    }
}
