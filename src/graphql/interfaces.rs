//! The interfaces beside `Node`: what is alike, for components that show any of it (a heart, a thread, a comment) and ask for
//! it by one fragment.
//!
//! Only the contract has them: no field gives one, and what an operation asks of one is written out for its objects before it
//! runs (`normal`). So they are declared here, of the fields that their objects have, and not by the library's derive, which
//! wants resolvers that nothing would call. Which objects have one, each noun says.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::Field,
    registry::{MetaType, Registry},
};

use super::{NOUNS, engine::connection::PageArgs};

/// What several objects have in common.
struct Common {
    name: &'static str,
    description: &'static str,
    /// Fields that all of its objects have; with a type where theirs differ, and are of an interface in common.
    fields: &'static [(&'static str, &'static str, Option<&'static str>)],
}

const COMMON: &[Common] = &[
    Common {
        name: "Likeable",
        description: "Something that people like: for a button that shows how many do, and whether you do.",
        fields: &[
            ("id", "Opaque and typed, as in `post_01jc…`.", None),
            ("likeCount", "How many people like it.", None),
            (
                "viewerHasLiked",
                "Whether the viewer likes it; null when nobody is signed in. UNAUTHENTICATED when a token came that is not good.",
                None,
            ),
        ],
    },
    Common {
        name: "Commentable",
        description: "Something that people comment on: for a thread below it.",
        fields: &[
            ("id", "Opaque and typed, as in `post_01jc…`.", None),
            ("commentCount", "How many comments it has.", None),
            ("comments", "What people say to it, in time order.", Some("Discussion")),
        ],
    },
    Common {
        name: "Discussion",
        description: "Part of what people say to something, whatever that is: a connection of comments.",
        fields: &[
            ("edges", "The comments with their places.", Some("[DiscussionEdge!]!")),
            ("nodes", "The comments alone.", Some("[DiscussionComment!]!")),
            ("pageInfo", "Where this part stands in the whole.", None),
            (
                "totalCount",
                "How many comments there are in the whole list, up to 10,000: `totalCountIsExact` says whether these are all.",
                None,
            ),
            ("totalCountIsExact", "Whether the whole list has as many comments as `totalCount` says.", None),
        ],
    },
    Common {
        name: "DiscussionEdge",
        description: "A comment and its place.",
        fields: &[
            ("node", "The comment.", Some("DiscussionComment!")),
            ("cursor", "Its place: pass it as `after` or `before`.", None),
        ],
    },
    Common {
        name: "DiscussionComment",
        description: "What somebody says to something, whatever that is.",
        fields: &[
            ("id", "Opaque and typed, as in `comment_01jc…`.", None),
            (
                "author",
                "Who wrote it; null when they are hidden from you, when it was deleted, or the account erased.",
                None,
            ),
            ("body", "Plain text, at most 2,000 characters; empty when it was deleted.", None),
            ("viewerCanUpdate", "Whether the viewer may change it.", None),
            ("viewerCanDelete", "Whether the viewer may delete it.", None),
            ("createdAt", "When it was written.", None),
            ("editedAt", "Last change by the author; null when never changed.", None),
            ("deletedAt", "When it was deleted; null unless it was.", None),
        ],
    },
];

impl Common {
    /// The objects that have it.
    fn objects(&self) -> impl Iterator<Item = &'static str> {
        let all = NOUNS.iter().flat_map(|noun| noun.interfaces);
        all.filter(|(interface, _)| *interface == self.name).flat_map(|(_, objects)| objects.iter().copied())
    }

    /// Adds the interface, and says of its objects that they have it. A test sees to it that each has all fields.
    fn declare(&self, registry: &mut Registry) {
        let first = self.objects().next().and_then(|object| registry.types.get(object));
        let Some(MetaType::Object { fields: known, .. }) = first else { return };
        let mut fields = IndexMap::new();
        for (name, description, ty) in self.fields {
            let Some(mut field) = known.get(*name).cloned() else { continue };
            field.description = Some((*description).to_owned());
            if let Some(ty) = ty {
                (*ty).clone_into(&mut field.ty);
            }
            fields.insert((*name).to_owned(), field);
        }
        let interface = MetaType::Interface {
            name: self.name.to_owned(),
            description: Some(self.description.to_owned()),
            fields,
            possible_types: self.objects().map(str::to_owned).collect(),
            extends: false,
            keys: None,
            visible: None,
            inaccessible: false,
            tags: Vec::new(),
            rust_typename: None,
            directive_invocations: Vec::new(),
            requires_scopes: Vec::new(),
        };
        registry.types.insert(self.name.to_owned(), interface);
        for object in self.objects() {
            registry.add_implements(object, self.name);
        }
    }
}

/// All of them, to be registered with the graph. It has no value: there is nothing to resolve.
#[derive(Debug)]
pub(crate) enum Interfaces {}

impl OutputType for Interfaces {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("Interfaces")
    }

    fn create_type_info(registry: &mut Registry) -> String {
        // First, so that the interfaces have the arguments of their objects.
        PageArgs::declare(registry);
        for common in COMMON {
            common.declare(registry);
        }
        Self::qualified_type_name()
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::graphql::engine::model::Model;

    #[test]
    fn every_field_that_is_declared_is_there() {
        let model = Model::of_graph(false).unwrap();
        for common in COMMON {
            let objects: BTreeSet<String> = common.objects().map(str::to_owned).collect();
            assert_eq!(model.possible(common.name), Some(&objects), "{}", common.name);
            for (field, ..) in common.fields {
                assert!(model.field(common.name, field).is_some(), "{}.{field}", common.name);
            }
        }
        for (name, _) in NOUNS.iter().flat_map(|noun| noun.interfaces) {
            assert!(COMMON.iter().any(|common| common.name == *name), "there is no interface {name}");
        }
    }
}
