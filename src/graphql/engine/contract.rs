//! What the graph says of itself beside its types, as directives of the SDL: which nulls mean only that something failed,
//! and which codes a mutation's `errors` can have. Tools read them; to people the descriptions say the same.

use std::borrow::Cow;

use async_graphql::{
    Name, TypeDirective, Value,
    indexmap::IndexMap,
    registry::{
        __DirectiveLocation, MetaDirective, MetaDirectiveInvocation, MetaInputValue, MetaType, Registry,
        location_traits::Directive_At_FIELD_DEFINITION,
    },
};

const SEMANTIC_NON_NULL: &str = "semanticNonNull";
const USER_ERRORS: &str = "userErrors";
/// What the description of a mutation says that has to be the only field of its operation.
const ALONE: &str = "Stands alone in its operation.";

/// `@semanticNonNull`, to be applied to each field whose null says nothing but that it failed. All others say in their
/// description what their null means.
#[derive(Debug)]
pub(crate) struct SemanticNonNull;

impl SemanticNonNull {
    /// The directive without arguments: the field itself is meant, not the items of its list.
    #[must_use]
    pub(crate) fn apply() -> MetaDirectiveInvocation {
        MetaDirectiveInvocation { name: SEMANTIC_NON_NULL.to_owned(), args: IndexMap::new() }
    }
}

// By hand, and not by the library's attribute: that would print `levels` at every field, though it is the default.
impl TypeDirective for SemanticNonNull {
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(SEMANTIC_NON_NULL)
    }

    fn register(&self, registry: &mut Registry) {
        let description = "Null only because it failed, with an error at its path: clients that throw on errors may read the field as \
                           non-null (`agora schema --nullability strict` prints the graph for them). `levels` says where: 0 is the \
                           field itself, 1 the items of its list.";
        let mut levels = MetaInputValue::new("levels", "[Int!]!");
        levels.default_value = Some("[0]".to_owned());
        define(registry, SEMANTIC_NON_NULL, description, levels);
    }
}

impl Directive_At_FIELD_DEFINITION for SemanticNonNull {}

fn define(registry: &mut Registry, name: &str, description: &str, argument: MetaInputValue) {
    registry.add_directive(MetaDirective {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        locations: vec![__DirectiveLocation::FIELD_DEFINITION],
        args: IndexMap::from([(argument.name.clone(), argument)]),
        is_repeatable: false,
        visible: None,
        composable: None,
    });
}

/// Marks the fields of a part of `Mutation`: each is null only when it failed, and its codes are those of its description, which
/// says whether it stands alone.
pub(crate) fn mark_mutations(registry: &mut Registry, part: &str, is_alone: impl Fn(&str) -> bool) {
    SemanticNonNull.register(registry);
    let description =
        "The codes that the `errors` of the mutation's payload can have: those that its description lists, for tools.";
    define(registry, USER_ERRORS, description, MetaInputValue::new("codes", "[UserErrorCode!]!"));
    let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(part) else { return };
    for field in fields.values_mut() {
        let has = |name: &str| field.directive_invocations.iter().any(|invocation| invocation.name == name);
        let mut missing = Vec::new();
        if !has(SEMANTIC_NON_NULL) {
            missing.push(SemanticNonNull::apply());
        }
        if !has(USER_ERRORS) {
            let codes = codes(field.description.as_deref().unwrap_or_default());
            let codes = codes.into_iter().map(|code| Value::Enum(Name::new(code))).collect();
            let args = IndexMap::from([("codes".to_owned(), Value::List(codes))]);
            missing.push(MetaDirectiveInvocation { name: USER_ERRORS.to_owned(), args });
        }
        field.directive_invocations.extend(missing);
        if is_alone(&field.name) {
            say(field.description.get_or_insert_default(), ALONE);
        }
    }
}

/// Adds a sentence to a description that does not have it.
fn say(description: &mut String, sentence: &str) {
    let words = description.split_whitespace().collect::<Vec<_>>().join(" ");
    if !words.contains(sentence) {
        *description = format!("{} {sentence}", description.trim_end());
    }
}

/// The codes that a mutation's description lists: `Codes: BLANK, TOO_LONG.`, or `Code: BLANK.`; none without such a list.
#[must_use]
pub(crate) fn codes(description: &str) -> Vec<&str> {
    let list = description.split_once("Codes:").or_else(|| description.split_once("Code:"));
    let list = list.and_then(|(_, list)| list.split('.').next()).unwrap_or_default();
    list.split(',').map(str::trim).filter(|code| !code.is_empty()).collect()
}

/// An SDL for generators whose clients throw on errors: what is null only because it failed is non-null. The directive is
/// gone from these fields, as it has nothing more to say there.
#[must_use]
pub fn strict(sdl: &str) -> String {
    const MARK: &str = " @semanticNonNull";
    let mut strict = String::with_capacity(sdl.len());
    let mut in_description = false;
    for line in sdl.lines() {
        if line.trim() == "\"\"\"" {
            in_description = !in_description;
        }
        match line.split_once(MARK).filter(|_| !in_description && line.starts_with('\t')) {
            Some((typed, rest)) => {
                // Other directives may stand between the type and this one.
                let (typed, between) = typed.split_at(typed.find(" @").unwrap_or(typed.len()));
                strict.extend([typed, "!", between, rest]);
            }
            None => strict.push_str(line),
        }
        strict.push('\n');
    }
    strict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_a_mutation_are_read_from_its_description() {
        assert_eq!(codes("Likes it. Codes: INVALID_ID,\nNOT_FOUND. Stands alone."), ["INVALID_ID", "NOT_FOUND"]);
        assert_eq!(codes("Sets it up. Code: TWO_FACTOR_ENABLED."), ["TWO_FACTOR_ENABLED"]);
        assert_eq!(codes("Ends all others. No codes."), Vec::<&str>::new());
    }

    #[test]
    fn what_is_null_only_because_it_failed_is_non_null_for_those_who_throw() {
        let sdl = "type Query {\n\t\"\"\"\n\tAs with @semanticNonNull.\n\t\"\"\"\n\tposts(\n\t\tfirst: Int\n\t): [Post] @semanticNonNull\n\
                   \told: Int @deprecated(reason: \"x\") @semanticNonNull\n\tme: User\n}\n";
        let strict = strict(sdl);
        for line in [
            "\tAs with @semanticNonNull.\n",
            "\t): [Post]!\n",
            "\told: Int! @deprecated(reason: \"x\")\n",
            "\tme: User\n",
        ] {
            assert!(strict.contains(line), "{strict}");
        }
    }
}
