//! Batch loading: many `load` calls of one moment become one statement. The fallback for what a list did not bring
//! along; hot lists fetch their relations themselves.
//!
//! The crate `dataloader` is used here and nowhere else. It batches by yielding once; it does not cache, because a
//! cache goes stale on a socket and between the fields of a mutation.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use dataloader::{BatchFn, non_cached::Loader};

use crate::{
    app::App,
    domain::{accounts, actor::Actor, notifications, posts},
    entity::{CommentId, NotificationId, PostId, UserId},
    error::{Error, Result},
    platform::page::Slice,
};

/// What a batch gives for one key; errors are shared by the whole batch.
type Loaded<V> = std::result::Result<Option<V>, Arc<Error>>;

/// Loads values by key, in batches.
pub struct Batched<K, V, F>
where
    K: Eq + Hash + Clone + Send + Sync + std::fmt::Debug,
    V: Clone + Send,
    F: Fetch<K, V>,
{
    loader: Loader<K, Loaded<V>, Batch<F>>,
}

/// Fetches the values of many keys with a constant number of statements. Absent keys are those that are not there or
/// that the actor may not see.
pub trait Fetch<K, V>: Send + Sync {
    /// Fetches.
    fn fetch(&self, keys: &[K]) -> impl Future<Output = Result<HashMap<K, V>>> + Send;
}

/// Adapts [`Fetch`] to the crate: every key gets an answer.
#[derive(Debug)]
pub struct Batch<F>(F);

impl<K, V, F> BatchFn<K, Loaded<V>> for Batch<F>
where
    K: Eq + Hash + Clone + Send + Sync,
    V: Clone + Send,
    F: Fetch<K, V>,
{
    async fn load(&mut self, keys: &[K]) -> HashMap<K, Loaded<V>> {
        match self.0.fetch(keys).await {
            Ok(mut found) => keys.iter().map(|key| (key.clone(), Ok(found.remove(key)))).collect(),
            Err(error) => {
                let error = Arc::new(error);
                keys.iter().map(|key| (key.clone(), Err(Arc::clone(&error)))).collect()
            }
        }
    }
}

impl<K, V, F> Batched<K, V, F>
where
    K: Eq + Hash + Clone + Send + Sync + std::fmt::Debug,
    V: Clone + Send,
    F: Fetch<K, V>,
{
    fn new(fetch: F) -> Self {
        Self { loader: Loader::new(Batch(fetch)).with_yield_count(1) }
    }

    /// The value of a key; `None` when it is not there or not visible.
    pub async fn load(&self, key: K) -> Result<Option<V>> {
        // A sibling's failure may drop the future that drove our batch: then our key was not found, and we ask again.
        for _ in 0..2 {
            match self.loader.try_load(key.clone()).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => return Err(Error::internal(error)),
                Err(_) => {}
            }
        }
        Err(Error::internal("a batch was dropped twice"))
    }
}

impl<K, V, F> std::fmt::Debug for Batched<K, V, F>
where
    K: Eq + Hash + Clone + Send + Sync + std::fmt::Debug,
    V: Clone + Send,
    F: Fetch<K, V>,
{
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Batched")
    }
}

/// Defines the loaders: field, key, value, and the domain's function that fetches a batch.
macro_rules! loaders {
    ($($(#[$doc:meta])+ $field:ident, $fetch:ident: $key:ty => $value:ty = $function:path;)+) => {
        $(
            #[doc = concat!("Fetches for `", stringify!($field), "`.")]
            #[derive(Debug)]
            pub struct $fetch { app: App, actor: Actor }

            impl Fetch<$key, $value> for $fetch {
                async fn fetch(&self, keys: &[$key]) -> Result<HashMap<$key, $value>> {
                    $function(&self.app, &self.actor, keys).await
                }
            }
        )+

        /// The loaders of one request.
        #[derive(Debug)]
        pub struct Loaders { $($(#[$doc])+ pub $field: Batched<$key, $value, $fetch>,)+ }

        impl Loaders {
            /// Loaders that see what the actor may see.
            #[must_use]
            pub fn new(app: &App, actor: &Actor) -> Self {
                Self { $($field: Batched::new($fetch { app: app.clone(), actor: actor.clone() }),)+ }
            }
        }
    };
}

loaders! {
    /// People by id.
    users, FetchUsers: UserId => accounts::User = accounts::users_by_id;
    /// The viewer's own e-mail address.
    emails, FetchEmails: UserId => String = accounts::emails;
    /// Posts by id, tombstones included.
    posts, FetchPosts: PostId => posts::PostView = posts::posts_by_id;
    /// Comments by id, tombstones included.
    comments, FetchComments: CommentId => posts::CommentView = posts::comments_by_id;
    /// The beginnings of lists of comments.
    first_comments, FetchFirstComments: posts::FirstComments => Slice<posts::CommentView> = posts::first_comments;
    /// The newest likes of posts.
    first_likes, FetchFirstLikes: (PostId, u64) => Slice<posts::Like> = posts::first_likes;
    /// Whether the viewer likes a post.
    post_likes, FetchPostLikes: PostId => bool = posts::viewer_likes_posts;
    /// Whether the viewer likes a comment.
    comment_likes, FetchCommentLikes: CommentId => bool = posts::viewer_likes_comments;
    /// The viewer's notifications by id.
    notifications, FetchNotifications: NotificationId => notifications::Notification = notifications::by_id;
}
