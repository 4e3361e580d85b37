//! Posts, comments and likes as clients see them.

mod likes;
mod mutations;

use async_graphql::{Context, Enum, ID, InputObject, Lookahead, Object, SelectionField};
use chrono::{DateTime, Utc};

use super::{
    accounts::User,
    connection::{Connection, Listed, PageArgs, asks_for_total, requested_page, wants_total},
    context::{RequestContext, RequestExt},
    contract::SemanticNonNull,
    error::{Nullable, nullable, private},
    filters::{self, DateTimeRange, query_ids},
    goals::Goal,
    node::query_id,
};
use crate::{
    domain::posts::{
        self, AuthorPart, CommentParts, CommentView, CommentsOf, FirstComments, PostFilter, PostParts, PostView,
    },
    entity::{UserId, post},
    error::Result,
    platform::page::{DEFAULT_PAGE, MAX_PAGE, Total},
};

use likes::LikeConnection;
pub use mutations::PostMutation;
pub(super) use mutations::RULES;

/// A text that a person published.
pub struct Post(PostView);

impl From<PostView> for Post {
    fn from(view: PostView) -> Self {
        Self(view)
    }
}

impl Listed for Post {
    const LIST_NAME: &'static str = "Post";
}

/// A text that a person published, or another's post passed on.
#[Object]
impl Post {
    /// Opaque and typed: `post_01jc…`.
    pub async fn id(&self) -> ID {
        self.0.post.id.to_string().into()
    }

    /// Who wrote it; null when it was deleted, or the account erased.
    async fn author(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(async { author(ctx.request(), self.0.author.as_ref(), self.0.post.author_id).await }).await
    }

    /// Plain text with mentions and #tags, at most 10,000 characters. Empty when it was deleted, or is a share without
    /// a text of its own.
    async fn body(&self) -> &str {
        &self.0.post.body
    }

    /// How many people like it.
    async fn like_count(&self) -> i64 {
        self.0.post.like_count
    }

    /// How many comments and replies it has that are not deleted.
    async fn comment_count(&self) -> i64 {
        self.0.post.comment_count
    }

    /// How many posts pass it on.
    async fn share_count(&self) -> i64 {
        self.0.post.share_count
    }

    /// Whether the viewer likes it; null when nobody is signed in. UNAUTHENTICATED when a token came that is not good.
    async fn viewer_has_liked(&self, ctx: &Context<'_>) -> Nullable<bool> {
        private(ctx, async {
            let request = ctx.request();
            if self.0.viewer_likes.is_some() || request.actor.user_id().is_none() {
                return Ok(self.0.viewer_likes);
            }
            Ok(request.loaders.post_likes.load(self.0.post.id).await?)
        })
        .await
    }

    /// Whether the viewer may change it.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        self.0.can_change(ctx.request().actor.user_id())
    }

    /// Whether the viewer may delete it.
    async fn viewer_can_delete(&self, ctx: &Context<'_>) -> bool {
        self.0.can_change(ctx.request().actor.user_id())
    }

    /// The post that this one passes on; null when it is no share.
    async fn shared_post(&self, ctx: &Context<'_>) -> Nullable<Post> {
        nullable(async {
            let Some(id) = self.0.post.shared_post_id else { return Ok(None) };
            Ok(ctx.request().loaders.posts.load(id).await?.map(Post))
        })
        .await
    }

    /// What money is raised for by it; null when nothing is.
    async fn goal(&self, ctx: &Context<'_>) -> Nullable<Goal> {
        nullable(async { Ok(ctx.request().loaders.post_goals.load(self.0.post.id).await?.map(Goal::from)) }).await
    }

    /// Answers in time order; replies hang below their comment. A deleted one is listed while it has replies.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn comments(&self, ctx: &Context<'_>) -> Nullable<Connection<Comment>> {
        nullable(async {
            let PageArgs { first, after, last, before } = PageArgs::of(ctx)?;
            if let Some((count, slice)) = &self.0.comments
                && after.is_none()
                && last.is_none()
                && before.is_none()
                && u64::try_from(first.unwrap_or(DEFAULT_PAGE)) == Ok(*count)
                && !wants_total(ctx)
            {
                return Ok(Some(Connection::new(slice.clone(), posts::comment_cursor, Comment)));
            }
            // Boxed, as everything is that a list seldom needs: see `Batched::load`.
            Box::pin(comments_of(ctx, CommentsOf::Post(self.0.post.id))).await
        })
        .await
    }

    /// Who likes it, newest first; the edges say since when.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn likes(&self, ctx: &Context<'_>) -> Nullable<LikeConnection> {
        nullable(Box::pin(likes_of(ctx, &self.0.post))).await
    }

    /// When it was published.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.post.created_at
    }

    /// Last change by the author; null when never changed.
    async fn edited_at(&self) -> Option<DateTime<Utc>> {
        self.0.post.edited_at
    }

    /// When it was deleted; null unless it was. What hangs below it stays readable.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.0.post.deleted_at
    }
}

/// An answer to a post, or a reply to an answer.
pub struct Comment(CommentView);

impl From<CommentView> for Comment {
    fn from(view: CommentView) -> Self {
        Self(view)
    }
}

impl Listed for Comment {
    const LIST_NAME: &'static str = "Comment";
}

/// An answer to a post, or a reply to an answer.
#[Object]
impl Comment {
    /// Opaque and typed: `comment_01jc…`.
    pub async fn id(&self) -> ID {
        self.0.comment.id.to_string().into()
    }

    /// Who wrote it; null when it was deleted, or the account erased.
    async fn author(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(async { author(ctx.request(), self.0.author.as_ref(), self.0.comment.author_id).await }).await
    }

    /// Plain text, at most 2,000 characters; empty when it was deleted.
    async fn body(&self) -> &str {
        &self.0.comment.body
    }

    /// How many people like it.
    async fn like_count(&self) -> i64 {
        self.0.comment.like_count
    }

    /// How many direct replies it has that are not deleted.
    async fn reply_count(&self) -> i64 {
        self.0.comment.reply_count
    }

    /// Whether the viewer likes it; null when nobody is signed in. UNAUTHENTICATED when a token came that is not good.
    async fn viewer_has_liked(&self, ctx: &Context<'_>) -> Nullable<bool> {
        private(ctx, async {
            let request = ctx.request();
            if self.0.viewer_likes.is_some() || request.actor.user_id().is_none() {
                return Ok(self.0.viewer_likes);
            }
            Ok(request.loaders.comment_likes.load(self.0.comment.id).await?)
        })
        .await
    }

    /// Whether the viewer may change it.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        self.0.can_change(ctx.request().actor.user_id())
    }

    /// Whether the viewer may delete it.
    async fn viewer_can_delete(&self, ctx: &Context<'_>) -> bool {
        self.0.can_change(ctx.request().actor.user_id())
    }

    /// The post that it hangs below.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn post(&self, ctx: &Context<'_>) -> Nullable<Post> {
        nullable(async { Ok(ctx.request().loaders.posts.load(self.0.comment.post_id).await?.map(Post)) }).await
    }

    /// The comment that it replies to; null when it answers the post.
    async fn parent(&self, ctx: &Context<'_>) -> Nullable<Comment> {
        nullable(async {
            let Some(id) = self.0.comment.parent_id else { return Ok(None) };
            Ok(ctx.request().loaders.comments.load(id).await?.map(Comment))
        })
        .await
    }

    /// Replies in time order. A deleted one is listed while it has replies.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn replies(&self, ctx: &Context<'_>) -> Nullable<Connection<Comment>> {
        let of = CommentsOf::Comment(self.0.comment.id);
        nullable(Box::pin(comments_of(ctx, of))).await
    }

    /// When it was written.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.comment.created_at
    }

    /// Last change by the author; null when never changed.
    async fn edited_at(&self) -> Option<DateTime<Utc>> {
        self.0.comment.edited_at
    }

    /// When it was deleted; null unless it was.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.0.comment.deleted_at
    }
}

/// The author: brought along with the list, or loaded.
async fn author(
    request: &RequestContext,
    part: Option<&Option<crate::domain::accounts::User>>,
    id: Option<UserId>,
) -> async_graphql::Result<Option<User>> {
    match (part, id) {
        (Some(author), _) => Ok(author.clone().map(User::from)),
        (None, Some(id)) => Ok(request.loaders.users.load(id).await?.map(User::from)),
        (None, None) => Ok(None),
    }
}

/// What the selections of a post are going to ask for, of what can be brought along with it.
fn post_parts(posts: &[Lookahead<'_>]) -> PostParts {
    // Two selections of the comments with other arguments: one part can't be both, so each loads its own.
    let comments = match posts.iter().flat_map(|post| post.field("comments").selection_fields()).collect::<Vec<_>>() {
        fields if fields.len() == 1 => first_only(&fields[0]).map(|count| (count, comment_parts(&fields[0]))),
        _ => None,
    };
    PostParts { author: author_part(posts), viewer_likes: any(posts, "viewerHasLiked"), comments }
}

fn comment_parts(connection: &SelectionField<'_>) -> CommentParts {
    let nodes = nodes_of(Lookahead::from(*connection));
    CommentParts {
        author: author_part(&nodes),
        viewer_likes: any(&nodes, "viewerHasLiked"),
        has_next: Lookahead::from(*connection).field("pageInfo").exists(),
    }
}

/// Whether an author is wanted, and whether the few columns of a card are enough.
fn author_part(items: &[Lookahead<'_>]) -> AuthorPart {
    let selections: Vec<_> = items.iter().flat_map(|item| item.field("author").selection_fields()).collect();
    let in_card = |field: SelectionField<'_>| {
        matches!(field.name(), "id" | "username" | "displayName" | "avatarUrl" | "isViewer" | "__typename")
    };
    match selections.as_slice() {
        [] => AuthorPart::Absent,
        some if some.iter().all(|author| author.selection_set().all(in_card)) => AuthorPart::Card,
        _ => AuthorPart::Full,
    }
}

/// The items of a connection, by either of the two ways to them.
fn nodes_of(connection: Lookahead<'_>) -> [Lookahead<'_>; 2] {
    [connection.field("nodes"), connection.field("edges").field("node")]
}

fn any(nodes: &[Lookahead<'_>], field: &str) -> bool {
    nodes.iter().any(|node| node.field(field).exists())
}

/// The page size, when the field asks for nothing but the first so many.
fn first_only(field: &SelectionField<'_>) -> Option<u64> {
    let mut count = DEFAULT_PAGE;
    for (name, value) in field.arguments().ok()? {
        match (name.as_str(), value) {
            ("first", async_graphql::Value::Number(number)) => count = i32::try_from(number.as_i64()?).ok()?,
            (_, async_graphql::Value::Null) => {}
            _ => return None,
        }
    }
    let total = asks_for_total(&Lookahead::from(*field));
    (!total && (0..=MAX_PAGE).contains(&count)).then(|| count.cast_unsigned().into())
}

async fn comments_of(ctx: &Context<'_>, of: CommentsOf) -> async_graphql::Result<Option<Connection<Comment>>> {
    let request = ctx.request();
    let page = requested_page(ctx, posts::COMMENTS_SORT)?;
    let parts = comment_parts(&ctx.field());
    let total = wants_total(ctx);
    let slice = match page.first_only().filter(|_| !total) {
        Some(count) => {
            let key = FirstComments { of, count, parts };
            request.loaders.first_comments.load(key).await?.unwrap_or_default()
        }
        None => posts::comments(&request.app, &request.actor, of, &page, &parts, total).await?,
    };
    Ok(Some(Connection::new(slice, posts::comment_cursor, Comment)))
}

async fn likes_of(ctx: &Context<'_>, post: &post::Model) -> async_graphql::Result<Option<LikeConnection>> {
    let request = ctx.request();
    let page = requested_page(ctx, posts::LIKES_SORT)?;
    let mut slice = match page.first_only() {
        Some(count) => request.loaders.first_likes.load((post.id, count)).await?.unwrap_or_default(),
        None => posts::likes(&request.app, &request.actor, post.id, &page).await?,
    };
    slice.total = Some(Total::exactly(post.like_count));
    Ok(Some(LikeConnection(Connection::new(slice, posts::like_cursor, |like| like))))
}

/// A person's posts, newest first.
pub(super) async fn posts_of(ctx: &Context<'_>, author: UserId) -> async_graphql::Result<Option<Connection<Post>>> {
    let filter = PostFilter { authors: Some(vec![author]), ..PostFilter::default() };
    list(ctx, &filter, posts::PostSort::Newest, false).await
}

async fn list(
    ctx: &Context<'_>,
    filter: &PostFilter,
    sort: posts::PostSort,
    reverse: bool,
) -> async_graphql::Result<Option<Connection<Post>>> {
    let request = ctx.request();
    let page = requested_page(ctx, sort.cursor_name())?;
    let page = page.reversed(reverse);
    let (parts, total) = (post_parts(&nodes_of(ctx.look_ahead())), wants_total(ctx));
    let slice = posts::posts(&request.app, &request.actor, filter, sort, &page, &parts, total).await?;
    Ok(Some(Connection::new(slice, |view| sort.cursor(&view.post), Post)))
}

/// Conditions that all must hold. Where one names more than 10,000 of them, an order other than by time is one of the newest.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub struct PostWhere {
    /// Written by one of these people.
    author_ids: Option<Vec<ID>>,
    /// With all of these words, each from its beginning; case, accents and Arabic marks don't matter. Single letters
    /// don't count, and alone are a BAD_REQUEST. Where more than 10,000 have these words, the newest of them are looked at.
    /// Costs 100.
    text: Option<String>,
    /// With one of these tags, at most 10, given with or without the `#`. Of several, the 10,000 newest posts are looked at.
    tags: Option<Vec<String>>,
    /// Published in this span.
    created_at: Option<DateTimeRange>,
}

impl PostWhere {
    fn filter(self) -> Result<PostFilter> {
        let authors = query_ids(self.author_ids)?;
        Ok(PostFilter { authors, text: self.text, tags: self.tags, during: filters::span(self.created_at) })
    }
}

/// In which order posts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::domain::posts::PostSort")]
pub enum PostSort {
    /// Published last, first.
    Newest,
    /// Most likes first.
    MostLiked,
    /// Most comments first.
    MostDiscussed,
}

/// The root fields that read posts.
#[derive(Default)]
pub struct PostQuery;

#[Object]
impl PostQuery {
    /// A post by its id, deleted ones as tombstones; null when there is none.
    async fn post(&self, ctx: &Context<'_>, #[graphql(desc = "The post's id.")] id: ID) -> Nullable<Post> {
        nullable(async {
            let request = ctx.request();
            let parts = post_parts(&[ctx.look_ahead()]);
            Ok(posts::find(&request.app, &request.actor, query_id(&id)?, &parts).await?.map(Post))
        })
        .await
    }

    /// Posts that are not deleted, a page at a time.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn posts(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which posts.")] filter: Option<PostWhere>,
        #[graphql(default_with = "PostSort::Newest", desc = "In which order.")] sort_by: PostSort,
        #[graphql(default, desc = "Whether the order is reversed.")] reverse: bool,
    ) -> Nullable<Connection<Post>> {
        nullable(async {
            let filter = filter.unwrap_or_default().filter()?;
            list(ctx, &filter, sort_by.into(), reverse).await
        })
        .await
    }
}
