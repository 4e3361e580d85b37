//! Who likes something: a list of people, whose edges say since when.

use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};

use crate::{
    domain::posts::{self, Like},
    graphql::{
        accounts::User,
        engine::{
            connection::{Connection, PageInfo},
            context::RequestExt,
            contract::SemanticNonNull,
        },
    },
};

/// Part of the list of those who like something.
pub(crate) struct LikeConnection(pub(super) Connection<Like>);

/// Part of the list of those who like something.
#[Object]
impl LikeConnection {
    /// The people with their places, and since when they like it.
    async fn edges(&self) -> Vec<LikeEdge> {
        self.0.items().cloned().map(LikeEdge).collect()
    }

    /// The people alone.
    async fn nodes(&self) -> Vec<User> {
        self.0.items().map(|like| like.user.clone().into()).collect()
    }

    /// Where this part stands in the whole.
    async fn page_info(&self, ctx: &Context<'_>) -> PageInfo {
        self.0.place(ctx)
    }

    /// How many people there are in the whole list.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn total_count(&self) -> Option<i64> {
        self.0.total().map(|total| total.count)
    }

    /// Whether the whole list has as many people as `totalCount` says; of likes it always has.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn total_count_is_exact(&self) -> Option<bool> {
        self.0.total().map(|total| total.is_exact)
    }
}

/// Somebody who likes something, and their place in the list.
pub(crate) struct LikeEdge(Like);

/// Somebody who likes something, and their place in the list.
#[Object]
impl LikeEdge {
    /// Who likes it.
    async fn node(&self) -> User {
        self.0.user.clone().into()
    }

    /// Since when they like it.
    async fn liked_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Their place: pass it as `after` or `before`. Opaque, and good for this list in this order only, reversed or
    /// not.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        posts::like_cursor(&self.0).seal(&ctx.request().app.keys)
    }
}
