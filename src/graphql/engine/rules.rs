//! What holds of a mutation beside what its resolver does. It is declared beside the resolver, in its module's `RULES`, which
//! its noun hands over, and looked up here by its name; a mutation without a rule of its own is an ordinary one.

use std::{collections::HashMap, sync::LazyLock};

use crate::graphql::NOUNS;

/// What an ordinary mutation costs beyond its payload, in points.
const WEIGHT: u64 = 10;

/// What holds of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The mutation's name in the graph.
    pub name: &'static str,
    /// Whether it has to be the only field of its operation, so that a list of aliases gains nothing.
    pub is_alone: bool,
    /// Whether it writes what others see. What it makes the server do comes after it, for all who follow; so it has limits of
    /// its own, `LIMIT_CONTENT` and `RATE_LIMIT_CONTENT`.
    pub is_content: bool,
    /// What it costs beyond its payload, in points.
    pub weight: u64,
    /// Why it needs a recent authentication, if it does. The domain asks for it; this says so to operators.
    pub recent_authentication: Option<&'static str>,
}

impl Rule {
    /// An ordinary mutation.
    #[must_use]
    pub(crate) const fn of(name: &'static str) -> Self {
        Self { name, is_alone: false, is_content: false, weight: WEIGHT, recent_authentication: None }
    }

    /// The only field of its operation. Whatever takes an idempotency key in any case is.
    #[must_use]
    pub(crate) const fn alone(self) -> Self {
        Self { is_alone: true, ..self }
    }

    /// Writes what others see.
    #[must_use]
    pub(crate) const fn content(self) -> Self {
        Self { is_content: true, ..self }
    }

    /// Needs a recent authentication, for this reason.
    #[must_use]
    pub(crate) const fn recent_authentication(self, why: &'static str) -> Self {
        Self { recent_authentication: Some(why), ..self }
    }
}

/// The rule of a mutation, by its name in the graph.
#[must_use]
pub fn of(name: &str) -> Rule {
    static RULES: LazyLock<HashMap<&str, Rule>> = LazyLock::new(|| all().map(|rule| (rule.name, *rule)).collect());
    RULES.get(name).copied().unwrap_or(Rule::of(""))
}

/// Every rule that is declared.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    NOUNS.iter().flat_map(|noun| noun.rules.iter().copied().flatten())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use async_graphql::parser::{
        parse_schema,
        types::{InputObjectType, ObjectType, TypeKind, TypeSystemDefinition},
    };

    use super::*;

    /// Mutations with a required `idempotencyKey` that may stand beside others, and why.
    const TOGETHER: &[(&str, &str)] = &[];

    /// The mutations, and the inputs by their names.
    fn schema() -> (ObjectType, HashMap<String, InputObjectType>) {
        let (mut mutations, mut inputs) = (None, HashMap::new());
        for definition in parse_schema(crate::graphql::sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Object(object) if name == "Mutation" => mutations = Some(object),
                TypeKind::InputObject(input) => drop(inputs.insert(name, input)),
                _ => {}
            }
        }
        (mutations.unwrap(), inputs)
    }

    #[test]
    fn every_rule_is_of_one_mutation() {
        let (mutations, _) = schema();
        let served: HashSet<_> = mutations.fields.iter().map(|field| field.node.name.node.to_string()).collect();
        let mut known = HashSet::new();
        for rule in all() {
            assert!(served.contains(rule.name), "there is no mutation {}", rule.name);
            assert!(known.insert(rule.name), "{} is declared twice", rule.name);
            assert_ne!(*rule, Rule::of(rule.name), "{} says nothing", rule.name);
        }
    }

    #[test]
    fn whatever_takes_a_key_in_any_case_stands_alone() {
        let (mutations, inputs) = schema();
        let mut with_key = 0;
        for field in &mutations.fields {
            let name = field.node.name.node.as_str();
            let takes_key = field.node.arguments.iter().any(|argument| {
                let ty = argument.node.ty.node.to_string();
                let input = inputs.get(ty.trim_end_matches('!'));
                input
                    .into_iter()
                    .flat_map(|input| &input.fields)
                    .any(|field| field.node.name.node == "idempotencyKey" && !field.node.ty.node.nullable)
            });
            if takes_key {
                with_key += 1;
                let is_together = TOGETHER.iter().any(|(together, _)| *together == name);
                assert_ne!(of(name).is_alone, is_together, "{name}: declare it `alone`, or say in TOGETHER why not");
            }
        }
        assert!(with_key > 10, "the inputs were not found");
    }

    #[test]
    fn the_graph_says_what_stands_alone() {
        for field in &schema().0.fields {
            let name = field.node.name.node.as_str();
            let description = field.node.description.as_ref().map(|text| text.node.as_str()).unwrap_or_default();
            let description = description.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(
                description.contains("Stands alone in its operation."),
                of(name).is_alone,
                "{name}: {description}"
            );
        }
    }
}
