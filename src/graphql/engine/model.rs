//! The graph as a document sees it: types, fields, arguments, input fields, read once from its own SDL. What checks,
//! rewrites or weighs documents asks here.

use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use async_graphql::{
    Value,
    parser::{
        parse_schema,
        types::{
            BaseType, DirectiveDefinition, DirectiveLocation, FieldDefinition, InputValueDefinition, OperationType,
            Type, TypeDefinition, TypeKind, TypeSystemDefinition,
        },
    },
};

use crate::error::{Error, Result};

/// The scalars that the specification itself defines, as far as the graph uses them.
const BUILT_IN: &[&str] = &["Boolean", "ID", "Int", "String"];

/// What introspection serves: it is part of no SDL. A test compares it with what the executor has.
const INTROSPECTION: &str = r"
    type __Root { __schema: __Schema! __type(name: String!): __Type }
    type __Schema {
        description: String! types: [__Type!]! queryType: __Type! mutationType: __Type subscriptionType: __Type
        directives: [__Directive!]!
    }
    type __Type {
        kind: __TypeKind! name: String description: String fields(includeDeprecated: Boolean! = false): [__Field!]
        interfaces: [__Type!] possibleTypes: [__Type!]
        enumValues(includeDeprecated: Boolean! = false): [__EnumValue!]
        inputFields(includeDeprecated: Boolean! = false): [__InputValue!] ofType: __Type specifiedByURL: String
        isOneOf: Boolean
    }
    type __Field {
        name: String! description: String args(includeDeprecated: Boolean! = false): [__InputValue!]! type: __Type!
        isDeprecated: Boolean! deprecationReason: String
    }
    type __InputValue {
        name: String! description: String type: __Type! defaultValue: String isDeprecated: Boolean!
        deprecationReason: String
    }
    type __EnumValue { name: String! description: String isDeprecated: Boolean! deprecationReason: String }
    type __Directive {
        name: String! description: String locations: [__DirectiveLocation!]!
        args(includeDeprecated: Boolean! = false): [__InputValue!]! isRepeatable: Boolean!
    }
    enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
    enum __DirectiveLocation {
        QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION FRAGMENT_SPREAD INLINE_FRAGMENT VARIABLE_DEFINITION SCHEMA
        SCALAR OBJECT FIELD_DEFINITION ARGUMENT_DEFINITION INTERFACE UNION ENUM ENUM_VALUE INPUT_OBJECT
        INPUT_FIELD_DEFINITION
    }
";

/// Something that takes a value: an argument, or a field of an input.
#[derive(Debug)]
pub struct Input {
    /// What it is called.
    pub name: String,
    /// What it takes.
    pub ty: Type,
    /// What it has when it is left out.
    pub default: Option<Value>,
}

impl Input {
    /// Whether it can't be left out.
    #[must_use]
    pub(crate) fn is_required(&self) -> bool {
        !self.ty.nullable && self.default.is_none()
    }
}

/// A field of an object or interface.
#[derive(Debug)]
pub struct Field {
    /// What it gives.
    pub ty: Type,
    /// What it takes.
    pub arguments: Vec<Input>,
}

impl Field {
    /// The type that it gives, lists and `!` taken off.
    #[must_use]
    pub fn of(&self) -> &str {
        named(&self.ty)
    }
}

/// What a type is.
#[derive(Debug)]
pub enum Kind {
    /// A leaf whose values its name tells.
    Scalar,
    /// A leaf with these values.
    Enum(BTreeSet<String>),
    /// What arguments are made of.
    Input {
        /// Its fields, as they are declared.
        fields: Vec<Input>,
        /// Whether exactly one of them is given.
        one_of: bool,
    },
    /// An object, interface or union.
    Composite {
        /// Its fields; a union has none.
        fields: HashMap<String, Field>,
        /// The objects that it can be: of an object, itself alone.
        possible: BTreeSet<String>,
    },
}

/// The whole graph.
#[derive(Debug)]
pub struct Model {
    types: HashMap<String, Kind>,
    directives: HashMap<String, Vec<Input>>,
    typename: Field,
}

impl Model {
    /// That of our own graph.
    pub fn of_graph(introspection: bool) -> Result<&'static Self> {
        static MODELS: [OnceLock<Model>; 2] = [const { OnceLock::new() }; 2];
        let model = &MODELS[usize::from(introspection)];
        if let Some(model) = model.get() {
            return Ok(model);
        }
        let read = Self::new(crate::graphql::sdl(), introspection)?;
        Ok(model.get_or_init(|| read))
    }

    /// Reads an SDL. Without introspection, a document can't ask for `__schema` and `__type`.
    pub fn new(sdl: &str, introspection: bool) -> Result<Self> {
        let mut model = Self {
            types: BUILT_IN.iter().map(|name| ((*name).to_owned(), Kind::Scalar)).collect(),
            directives: HashMap::new(),
            typename: Field {
                ty: Type { base: BaseType::Named(async_graphql::Name::new("String")), nullable: false },
                arguments: Vec::new(),
            },
        };
        let mut implementations = Vec::new();
        let mut definitions = parse_schema(sdl).map_err(Error::internal)?.definitions;
        definitions.extend(parse_schema(INTROSPECTION).map_err(Error::internal)?.definitions);
        for definition in definitions {
            match definition {
                TypeSystemDefinition::Type(definition) => model.add(definition.node, &mut implementations),
                TypeSystemDefinition::Directive(definition) => {
                    let DirectiveDefinition { name, arguments, locations, .. } = definition.node;
                    if locations.iter().any(|location| location.node == DirectiveLocation::Field) {
                        let arguments = arguments.into_iter().map(|argument| input(argument.node)).collect();
                        model.directives.insert(name.node.to_string(), arguments);
                    }
                }
                TypeSystemDefinition::Schema(_) => {}
            }
        }
        for (interface, object) in implementations {
            if let Some(Kind::Composite { possible, .. }) = model.types.get_mut(&interface) {
                possible.insert(object);
            }
        }
        let root = model.types.remove("__Root");
        if let (true, Some(Kind::Composite { fields: hidden, .. })) = (introspection, root)
            && let Some(Kind::Composite { fields, .. }) = model.types.get_mut(root_of(OperationType::Query))
        {
            fields.extend(hidden);
        }
        Ok(model)
    }

    fn add(&mut self, definition: TypeDefinition, implementations: &mut Vec<(String, String)>) {
        let name = definition.name.node.to_string();
        let kind = match definition.kind {
            TypeKind::Scalar => Kind::Scalar,
            TypeKind::Enum(it) => Kind::Enum(it.values.into_iter().map(|it| it.node.value.node.to_string()).collect()),
            TypeKind::InputObject(it) => Kind::Input {
                fields: it.fields.into_iter().map(|it| input(it.node)).collect(),
                one_of: definition.directives.iter().any(|directive| directive.node.name.node == "oneOf"),
            },
            TypeKind::Object(it) => {
                let interfaces = it.implements.into_iter().map(|interface| (interface.node.to_string(), name.clone()));
                implementations.extend(interfaces);
                let possible = BTreeSet::from([name.clone()]);
                Kind::Composite { fields: it.fields.into_iter().map(|it| field(it.node)).collect(), possible }
            }
            TypeKind::Interface(it) => Kind::Composite {
                fields: it.fields.into_iter().map(|it| field(it.node)).collect(),
                possible: BTreeSet::new(),
            },
            TypeKind::Union(it) => Kind::Composite {
                fields: HashMap::new(),
                possible: it.members.into_iter().map(|member| member.node.to_string()).collect(),
            },
        };
        self.types.insert(name, kind);
    }

    /// What the type of this name is, with the name as the graph has it.
    #[must_use]
    pub fn ty(&self, name: &str) -> Option<(&str, &Kind)> {
        self.types.get_key_value(name).map(|(name, kind)| (name.as_str(), kind))
    }

    /// All names of types.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    /// A field of a type; every object, interface and union has `__typename`.
    #[must_use]
    pub fn field(&self, parent: &str, name: &str) -> Option<&Field> {
        match self.types.get(parent)? {
            Kind::Composite { .. } if name == "__typename" => Some(&self.typename),
            Kind::Composite { fields, .. } => fields.get(name),
            _ => None,
        }
    }

    /// The objects that an object, interface or union can be.
    #[must_use]
    pub fn possible(&self, name: &str) -> Option<&BTreeSet<String>> {
        match self.types.get(name)? {
            Kind::Composite { possible, .. } => Some(possible),
            _ => None,
        }
    }

    /// What a directive takes that may stand at selections; no other one may stand anywhere in a document.
    #[must_use]
    pub(crate) fn directive(&self, name: &str) -> Option<&[Input]> {
        self.directives.get(name).map(Vec::as_slice)
    }
}

/// The type at which an operation begins.
#[must_use]
pub(crate) fn root_of(operation: OperationType) -> &'static str {
    match operation {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    }
}

/// The name of a type, lists and `!` taken off.
#[must_use]
pub fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn field(definition: FieldDefinition) -> (String, Field) {
    let arguments = definition.arguments.into_iter().map(|argument| input(argument.node)).collect();
    (definition.name.node.to_string(), Field { ty: definition.ty.node, arguments })
}

fn input(definition: InputValueDefinition) -> Input {
    Input {
        name: definition.name.node.to_string(),
        ty: definition.ty.node,
        default: definition.default_value.map(|default| default.node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graph_is_read_from_its_own_sdl() {
        let model = Model::of_graph(true).unwrap();
        assert_eq!(model.field("Query", "posts").unwrap().of(), "PostConnection");
        assert!(model.possible("Node").unwrap().contains("Post"));
        assert!(matches!(model.ty("PaymentTargetInput"), Some((_, Kind::Input { one_of: true, .. }))));
        assert!(model.field("LoginResult", "__typename").is_some() && model.field("LoginResult", "id").is_none());
        assert!(model.field("Query", "__schema").is_some() && model.directive("skip").is_some());
        let hidden = Model::of_graph(false).unwrap();
        assert!(hidden.field("Query", "__schema").is_none());
        assert!(Model::new("type {", true).is_err());
    }

    /// A type as introspection describes it, such as `[Post!]!`.
    fn described(ty: &serde_json::Value) -> String {
        match ty["kind"].as_str() {
            Some("NON_NULL") => format!("{}!", described(&ty["ofType"])),
            Some("LIST") => format!("[{}]", described(&ty["ofType"])),
            _ => ty["name"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// What a document may ask of introspection is what the executor answers.
    #[tokio::test]
    async fn introspection_is_what_the_executor_has() {
        const TYPE: &str = "type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
        let model = Model::of_graph(true).unwrap();
        let graph = crate::graphql::build(true);
        let mut compared = 0;
        for name in model.names().filter(|name| name.starts_with("__")) {
            let query = format!(
                "{{ __type(name: \"{name}\") {{ enumValues {{ name }} fields {{ name {TYPE} args {{ name defaultValue {TYPE} }} }} }} }}"
            );
            let data = graph.execute(query).await.data.into_json().unwrap();
            let list = |of: &serde_json::Value| of.as_array().cloned().unwrap_or_default();
            match model.ty(name).unwrap().1 {
                Kind::Composite { fields, .. } => {
                    let answered = list(&data["__type"]["fields"]);
                    assert_eq!(answered.len(), fields.len(), "{name}: {data}");
                    for field in answered {
                        let known = &fields[field["name"].as_str().unwrap()];
                        assert_eq!(known.ty.to_string(), described(&field["type"]), "{name}: {field}");
                        let arguments = list(&field["args"]);
                        assert_eq!(arguments.len(), known.arguments.len(), "{name}: {field}");
                        for (argument, known) in arguments.iter().zip(&known.arguments) {
                            assert_eq!(argument["name"], known.name);
                            assert_eq!(described(&argument["type"]), known.ty.to_string(), "{name}: {field}");
                            assert_eq!(
                                argument["defaultValue"].as_str(),
                                known.default.as_ref().map(ToString::to_string).as_deref()
                            );
                        }
                    }
                }
                Kind::Enum(values) => {
                    let answered = list(&data["__type"]["enumValues"]);
                    let answered = answered.iter().map(|value| value["name"].as_str().unwrap().to_owned());
                    assert_eq!(&answered.collect::<BTreeSet<_>>(), values, "{name}");
                }
                _ => panic!("{name}"),
            }
            compared += 1;
        }
        assert_eq!(compared, 8);
    }

    /// A scalar that the list of built-in ones lacks would be unknown to every document.
    #[test]
    fn every_type_that_the_graph_names_is_known() {
        let model = Model::of_graph(true).unwrap();
        for kind in model.types.values() {
            let used: Vec<&str> = match kind {
                Kind::Composite { fields, .. } => {
                    let of = |field: &'_ Field| {
                        let arguments = field.arguments.iter().map(|argument| named(&argument.ty).to_owned());
                        arguments.chain([field.of().to_owned()]).collect::<Vec<_>>()
                    };
                    assert!(fields.values().flat_map(of).all(|name| model.ty(&name).is_some()));
                    continue;
                }
                Kind::Input { fields, .. } => fields.iter().map(|field| named(&field.ty)).collect(),
                _ => continue,
            };
            assert!(used.iter().all(|name| model.ty(name).is_some()), "{used:?}");
        }
    }
}
