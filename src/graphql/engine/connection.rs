//! Relay connections (https://relay.dev/graphql/connections.htm), one generic type for every list. A list whose edges say
//! something of their own (likes: since when) wraps it.

use std::borrow::Cow;

use async_graphql::{
    Context, InputType, Lookahead, Object, OutputType, SimpleObject, TypeName,
    registry::{MetaInputValue, MetaType, Registry},
};

use super::{context::RequestExt, contract::SemanticNonNull};
use crate::{
    error::{Error, Result},
    platform::page::{Cursor, Page, Slice, Total},
};

/// Something that stands in a list: knows its place in it.
pub(crate) trait Listed: OutputType {
    /// The word in the names of its connection and edge types, where it is not the type's own name.
    const LIST_NAME: &'static str;
    /// What its connection's name ends in; another word where the connection is part of a larger type of that name.
    const CONNECTION: &'static str = "Connection";
}

/// The arguments by which a part of a list is asked for: name, type, description.
const ARGUMENTS: [(&str, &str, &str); 4] = [
    ("first", "Int", "The first so many, at most 100; 20 when neither this nor `last` is given."),
    ("after", "String", "Only what comes after this cursor."),
    ("last", "Int", "The last so many, at most 100."),
    ("before", "String", "Only what comes before this cursor."),
];

/// Which part of a list is asked for. Every field that gives a connection takes these four, and no resolver names them: the
/// library knows no arguments in common, so [`PageArgs::declare`] adds them to the schema, and the resolver reads them by
/// [`requested_page`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageArgs {
    /// So many from the beginning.
    pub first: Option<i32>,
    /// A cursor: only what comes after it.
    pub after: Option<String>,
    /// So many from the end.
    pub last: Option<i32>,
    /// A cursor: only what comes before it.
    pub before: Option<String>,
}

impl PageArgs {
    /// Adds the arguments, behind its own, to each field that gives a connection.
    pub(crate) fn declare(registry: &mut Registry) {
        for ty in registry.types.values_mut() {
            let MetaType::Object { fields, .. } = ty else { continue };
            for field in fields.values_mut().filter(|field| field.ty.trim_end_matches('!').ends_with("Connection")) {
                for (name, ty, description) in ARGUMENTS {
                    let mut argument = MetaInputValue::new(name, ty);
                    argument.description = Some(description.to_owned());
                    field.args.insert(name.to_owned(), argument);
                }
            }
        }
    }

    /// As the field has them that is being resolved.
    pub(crate) fn of(ctx: &Context<'_>) -> Result<Self> {
        Ok(Self {
            first: argument(ctx, "first")?,
            after: argument(ctx, "after")?,
            last: argument(ctx, "last")?,
            before: argument(ctx, "before")?,
        })
    }
}

fn argument<T: InputType>(ctx: &Context<'_>, name: &str) -> Result<Option<T>> {
    let found = ctx.param_value::<Option<T>>(name, None);
    found.map(|(_, value)| value).map_err(|error| Error::bad_request(error.message))
}

/// The part of a list that the field asks for which is being resolved, of the list from its end where `reverse` is wanted; `sort`
/// is what the list's cursors are tied to. Wrong arguments are BAD_REQUEST.
pub(crate) fn requested_page(ctx: &Context<'_>, sort: &'static str, reverse: bool) -> Result<Page> {
    let PageArgs { first, after, last, before } = PageArgs::of(ctx)?;
    let page = Page::parse(&ctx.request().app.keys, sort, first, after.as_deref(), last, before.as_deref())?;
    Ok(page.reversed(reverse))
}

/// Part of a list, with what is needed to go on.
pub(crate) struct Connection<T> {
    edges: Vec<Edge<T>>,
    has_previous: bool,
    has_next: bool,
    total: Option<Total>,
}

/// An item and its place in the list.
pub(crate) struct Edge<T> {
    node: T,
    cursor: Cursor,
}

/// Where a part of a list stands in the whole.
#[derive(Debug, SimpleObject)]
pub(crate) struct PageInfo {
    /// Whether there are items after this part.
    has_next_page: bool,
    /// Whether there are items before this part.
    has_previous_page: bool,
    /// Pass it as `before` to get what precedes; null when the part is empty.
    start_cursor: Option<String>,
    /// Pass it as `after` to get what follows; null when the part is empty.
    end_cursor: Option<String>,
}

impl<T> Connection<T> {
    /// From a slice of rows and each row's place.
    pub(crate) fn new<R>(slice: Slice<R>, cursor: impl Fn(&R) -> Cursor, node: impl Fn(R) -> T) -> Self {
        let edges = slice.items.into_iter().map(|row| Edge { cursor: cursor(&row), node: node(row) }).collect();
        Self { edges, has_previous: slice.has_previous, has_next: slice.has_next, total: slice.total }
    }

    /// The items alone.
    pub(crate) fn items(&self) -> impl Iterator<Item = &T> {
        self.edges.iter().map(|edge| &edge.node)
    }

    /// Where this part stands in the whole, as far as it is asked for.
    #[must_use]
    pub(crate) fn place(&self, ctx: &Context<'_>) -> PageInfo {
        let keys = &ctx.request().app.keys;
        let look = ctx.look_ahead();
        let seal = |name: &str, edge: Option<&Edge<T>>| {
            edge.filter(|_| look.field(name).exists()).map(|edge| edge.cursor.seal(keys))
        };
        PageInfo {
            has_next_page: self.has_next,
            has_previous_page: self.has_previous,
            start_cursor: seal("startCursor", self.edges.first()),
            end_cursor: seal("endCursor", self.edges.last()),
        }
    }

    /// How many items the whole list has, if they were counted.
    #[must_use]
    pub(crate) fn total(&self) -> Option<Total> {
        self.total
    }
}

impl<T: Listed> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        Cow::Owned(format!("{}{}", T::LIST_NAME, T::CONNECTION))
    }
}

impl<T: Listed> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Edge", T::LIST_NAME))
    }
}

/// Part of a list: the items, and what is needed to go on.
#[Object(name_type)]
impl<T: Listed> Connection<T> {
    /// The items with their places.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The items alone.
    async fn nodes(&self) -> Vec<&T> {
        self.items().collect()
    }

    /// Where this part stands in the whole.
    async fn page_info(&self, ctx: &Context<'_>) -> PageInfo {
        self.place(ctx)
    }

    /// How many items there are in the whole list, up to 10,000: `totalCountIsExact` says whether these are all. Counted only
    /// when asked for, and charged for in the cost.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn total_count(&self) -> Option<i64> {
        self.total.map(|total| total.count)
    }

    /// Whether the whole list has as many items as `totalCount` says; false when there are more. Counted and charged for as
    /// that is.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn total_count_is_exact(&self) -> Option<bool> {
        self.total.map(|total| total.is_exact)
    }
}

/// An item of a list and its place.
#[Object(name_type)]
impl<T: Listed> Edge<T> {
    /// The item at this place of the list.
    async fn node(&self) -> &T {
        &self.node
    }

    /// Its place: pass it as `after` or `before`. Opaque, and good for this list in this order only, reversed or
    /// not.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        self.cursor.seal(&ctx.request().app.keys)
    }
}

/// Whether the client asked how many items the whole list has.
#[must_use]
pub(crate) fn wants_total(ctx: &Context<'_>) -> bool {
    asks_for_total(&ctx.look_ahead())
}

/// The same of a connection's selection.
#[must_use]
pub(crate) fn asks_for_total(selection: &Lookahead<'_>) -> bool {
    ["totalCount", "totalCountIsExact"].iter().any(|name| selection.field(name).exists())
}
