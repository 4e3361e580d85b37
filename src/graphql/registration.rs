//! What each noun of the graph hands over to what works for all of them: `node(id:)`, the rules of mutations, the cost of
//! documents. A new noun writes one `GRAPH`, with what it has, and adds it to [`NOUNS`](super::NOUNS).

use std::{collections::HashMap, hash::Hash};

use async_graphql::Context;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    NOUNS,
    engine::{context::RequestExt, loaders::Loader, rules::Rule},
    node::Node,
};

/// What a noun of the graph hands over. Of what it has none, it says nothing: see [`Noun::EMPTY`].
#[derive(Debug)]
pub(crate) struct Noun {
    /// What holds of its mutations, a list for each file that has some.
    pub rules: &'static [&'static [Rule]],
    /// What of it is fetched by its id.
    pub ids: &'static [ById],
    /// Its texts that may be longer than a short one, and its lists of texts: their characters at most, of those that come
    /// from outside about.
    pub texts: &'static [Length],
    /// Its texts of 255 characters at most, each as `Object.field`. They are named so that a test finds a text that nobody
    /// thought of.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test looks that no longer text is forgotten"))]
    pub short_texts: &'static [&'static str],
    /// The interfaces beside `Node` that it has, each with its objects. The first object of all gives the interface its fields.
    pub interfaces: &'static [(&'static str, &'static [&'static str])],
    /// How many objects its lists without a page size have, about: more than most, though not as many as there can be.
    pub lists: &'static [Length],
}

impl Noun {
    /// One that hands nothing over.
    pub(crate) const EMPTY: Self =
        Self { rules: &[], ids: &[], texts: &[], short_texts: &[], interfaces: &[], lists: &[] };
}

/// How long something is that a field has: of which object, which field, how long.
pub(crate) type Length = (&'static str, &'static str, u64);

/// What all of them have: errors, and pages of lists.
pub(super) const COMMON: Noun = Noun {
    texts: &[("UserError", "message", 500), ("UserError", "path", 200), ("UserErrorParameters", "reason", 500)],
    short_texts: &["PageInfo.endCursor", "PageInfo.startCursor"],
    ..Noun::EMPTY
};

/// What `node` fetches by an id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ById {
    /// What ids of this kind start with.
    pub prefix: &'static str,
    /// Fetches it, as far as the field shows it that leads to it otherwise.
    pub find: Find,
}

/// Fetches something by the UUID of its id.
pub(crate) type Find = for<'a> fn(&'a Context<'a>, Uuid) -> BoxFuture<'a, async_graphql::Result<Option<Node>>>;

impl ById {
    /// What a loader finds, as an object of the graph.
    #[must_use]
    pub(crate) const fn loaded<L, T>(prefix: &'static str) -> Self
    where
        L: Loader<Key: From<Uuid>>,
        T: From<L::Value> + 'static,
        Node: From<T>,
    {
        Self { prefix, find: |ctx, uuid| Box::pin(load::<L, T>(ctx, uuid)) }
    }
}

async fn load<L, T>(ctx: &Context<'_>, uuid: Uuid) -> async_graphql::Result<Option<Node>>
where
    L: Loader<Key: From<Uuid>>,
    T: From<L::Value> + 'static,
    Node: From<T>,
{
    Ok(ctx.request().loaders.load::<L>(uuid.into()).await?.map(|value| T::from(value).into()))
}

/// By a key, what all nouns hand over of one kind: what is looked up at every request is found by its hash.
pub(super) fn index<K: Hash + Eq, V>(entries: impl Fn(&'static Noun) -> Vec<(K, V)>) -> HashMap<K, V> {
    NOUNS.iter().flat_map(entries).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sea_orm::Iterable;

    use super::*;
    use crate::entity::notification::SubjectKind;

    #[test]
    fn what_a_notification_is_about_is_fetched_by_its_id() {
        let prefixes: HashSet<_> = NOUNS.iter().flat_map(|noun| noun.ids).map(|by_id| by_id.prefix).collect();
        for kind in SubjectKind::iter() {
            assert!(prefixes.contains(kind.as_str()), "no noun fetches a {}", kind.as_str());
        }
    }

    #[test]
    fn nothing_is_handed_over_twice() {
        let mut known = HashSet::new();
        for by_id in NOUNS.iter().flat_map(|noun| noun.ids) {
            assert!(known.insert(by_id.prefix.to_owned()), "two fetch what has an id of {}", by_id.prefix);
        }
        for (object, field, _) in NOUNS.iter().flat_map(|noun| noun.texts) {
            assert!(known.insert(format!("{object}.{field}")), "{object}.{field} has two lengths");
        }
        for text in NOUNS.iter().flat_map(|noun| noun.short_texts) {
            assert!(known.insert((*text).to_owned()), "{text} is named twice");
        }
        for (object, field, _) in NOUNS.iter().flat_map(|noun| noun.lists) {
            assert!(known.insert(format!("{object}.{field}")), "{object}.{field} has two lengths");
        }
    }
}
