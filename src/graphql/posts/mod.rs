//! Posts, comments and likes as clients see them.

mod likes;
mod loaders;
mod mutations;
mod registration;

use async_graphql::{Context, Enum, ID, InputObject, Lookahead, Object, SelectionField};
use chrono::{DateTime, Utc};

use super::{
    accounts::{User, user_by_id},
    engine::{
        connection::{Connection, Listed, PageArgs, asks_for_total, requested_page, wants_total},
        context::RequestExt,
        contract::SemanticNonNull,
        error::{Nullable, nullable, private},
        filters::{self, DateTimeRange, query_ids},
    },
    goals::{Goal, GoalsByPost},
    node::query_id,
};
use crate::{
    domain::posts::{
        self, AuthorPart, CommentParts, CommentView, CommentsOf, FirstComments, PostFilter, PostParts, PostRow,
        PostView,
    },
    entity::UserId,
    error::Result,
    platform::page::{Beginning, DEFAULT_PAGE, MAX_PAGE, Total},
};

use likes::LikeConnection;
pub(super) use loaders::PostsById;
use loaders::{CommentBeginnings, CommentsById, LikeBeginnings, LikedComments, LikedPosts};
pub(crate) use mutations::PostMutation;
pub(super) use registration::GRAPH;

/// A text that a person published.
pub(crate) struct Post(PostView);

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
    pub(crate) async fn id(&self) -> ID {
        self.0.post.id.to_string().into()
    }

    /// Who wrote it; null when it was deleted, or the account erased.
    async fn author(&self, ctx: &Context<'_>) -> Nullable<User> {
        // What a list has brought along is given at once: only what waits for something needs the heap.
        if let Some(author) = &self.0.author {
            return author.clone().map(User::from).map(Ok);
        }
        nullable(user_by_id(ctx, self.0.post.author_id)).await
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
        if let Some(liked) = self.0.viewer_likes {
            return Some(Ok(liked));
        }
        private(ctx, async {
            let request = ctx.request();
            if request.actor.user_id().is_none() {
                return Ok(None);
            }
            Ok(request.loaders.load::<LikedPosts>(self.0.post.id).await?)
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
    async fn shared_post(&self, ctx: &Context<'_>) -> Nullable<Box<Post>> {
        nullable(async {
            let Some(id) = self.0.post.shared_post_id else { return Ok(None) };
            Ok(ctx.request().loaders.load::<PostsById>(id).await?.map(|view| Box::new(Post(view))))
        })
        .await
    }

    /// What money is raised for by it; null when nothing is.
    async fn goal(&self, ctx: &Context<'_>) -> Nullable<Box<Goal>> {
        nullable(async {
            Ok(ctx.request().loaders.load::<GoalsByPost>(self.0.post.id).await?.map(|view| Box::new(Goal::from(view))))
        })
        .await
    }

    /// Answers in time order; replies hang below their comment. A deleted one is listed while it has replies.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn comments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Whether the newest come first.")] reverse: bool,
    ) -> Nullable<Connection<Comment>> {
        if let Some((beginning, slice)) = &self.0.comments
            && let Ok(PageArgs { first, after: None, last: None, before: None }) = PageArgs::of(ctx)
            && beginning.reverse == reverse
            && u64::try_from(first.unwrap_or(DEFAULT_PAGE)) == Ok(beginning.size)
            && !wants_total(ctx)
        {
            return Some(Ok(Connection::new(slice.clone(), posts::comment_cursor, Comment)));
        }
        let of = CommentsOf::Post(self.0.post.id);
        nullable(Box::pin(comments_of(ctx, of, reverse))).await
    }

    /// Who likes it, newest first; the edges say since when.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn likes(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<LikeConnection> {
        nullable(Box::pin(likes_of(ctx, &self.0.post, reverse))).await
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
pub(crate) struct Comment(CommentView);

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
    pub(crate) async fn id(&self) -> ID {
        self.0.comment.id.to_string().into()
    }

    /// Who wrote it; null when it was deleted, or the account erased.
    async fn author(&self, ctx: &Context<'_>) -> Nullable<User> {
        if let Some(author) = &self.0.author {
            return author.clone().map(User::from).map(Ok);
        }
        nullable(user_by_id(ctx, self.0.comment.author_id)).await
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
        if let Some(liked) = self.0.viewer_likes {
            return Some(Ok(liked));
        }
        private(ctx, async {
            let request = ctx.request();
            if request.actor.user_id().is_none() {
                return Ok(None);
            }
            Ok(request.loaders.load::<LikedComments>(self.0.comment.id).await?)
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
    async fn post(&self, ctx: &Context<'_>) -> Nullable<Box<Post>> {
        nullable(async {
            Ok(ctx.request().loaders.load::<PostsById>(self.0.comment.post_id).await?.map(|view| Box::new(Post(view))))
        })
        .await
    }

    /// The comment that it replies to; null when it answers the post.
    async fn parent(&self, ctx: &Context<'_>) -> Nullable<Box<Comment>> {
        nullable(async {
            let Some(id) = self.0.comment.parent_id else { return Ok(None) };
            Ok(ctx.request().loaders.load::<CommentsById>(id).await?.map(|view| Box::new(Comment(view))))
        })
        .await
    }

    /// Replies in time order. A deleted one is listed while it has replies.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn replies(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Whether the newest come first.")] reverse: bool,
    ) -> Nullable<Connection<Comment>> {
        let of = CommentsOf::Comment(self.0.comment.id);
        nullable(Box::pin(comments_of(ctx, of, reverse))).await
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

/// What the selections of a post are going to ask for, of what can be brought along with it.
fn post_parts(posts: &[Lookahead<'_>]) -> PostParts {
    // Two selections of the comments with other arguments: one part can't be both, so each loads its own.
    let comments = match posts.iter().flat_map(|post| post.field("comments").selection_fields()).collect::<Vec<_>>() {
        fields if fields.len() == 1 => beginning(&fields[0]).map(|beginning| (beginning, comment_parts(&fields[0]))),
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

/// The beginning of the list, when the field asks for nothing else.
fn beginning(field: &SelectionField<'_>) -> Option<Beginning> {
    let (mut count, mut reverse) = (DEFAULT_PAGE, false);
    for (name, value) in field.arguments().ok()? {
        match (name.as_str(), value) {
            ("first", async_graphql::Value::Number(number)) => count = i32::try_from(number.as_i64()?).ok()?,
            ("reverse", async_graphql::Value::Boolean(given)) => reverse = given,
            (_, async_graphql::Value::Null) => {}
            _ => return None,
        }
    }
    let total = asks_for_total(&Lookahead::from(*field));
    (!total && (0..=MAX_PAGE).contains(&count)).then(|| Beginning { size: count.cast_unsigned().into(), reverse })
}

async fn comments_of(
    ctx: &Context<'_>,
    of: CommentsOf,
    reverse: bool,
) -> async_graphql::Result<Option<Connection<Comment>>> {
    let request = ctx.request();
    let page = requested_page(ctx, posts::COMMENTS_SORT, reverse)?;
    let parts = comment_parts(&ctx.field());
    let total = wants_total(ctx);
    let slice = match page.beginning().filter(|_| !total) {
        Some(beginning) => {
            let key = FirstComments { of, beginning, parts };
            request.loaders.load::<CommentBeginnings>(key).await?.unwrap_or_default()
        }
        None => posts::comments(&request.app, &request.actor, of, &page, &parts, total).await?,
    };
    Ok(Some(Connection::new(slice, posts::comment_cursor, Comment)))
}

async fn likes_of(ctx: &Context<'_>, post: &PostRow, reverse: bool) -> async_graphql::Result<Option<LikeConnection>> {
    let request = ctx.request();
    let page = requested_page(ctx, posts::LIKES_SORT, reverse)?;
    let mut slice = match page.beginning() {
        Some(beginning) => request.loaders.load::<LikeBeginnings>((post.id, beginning)).await?.unwrap_or_default(),
        None => posts::likes(&request.app, &request.actor, post.id, &page).await?,
    };
    slice.total = Some(Total::exactly(post.like_count));
    Ok(Some(LikeConnection(Connection::new(slice, posts::like_cursor, |like| like))))
}

/// A person's posts, newest first, or reversed.
pub(super) async fn posts_of(
    ctx: &Context<'_>,
    author: UserId,
    reverse: bool,
) -> async_graphql::Result<Option<Connection<Post>>> {
    let filter = PostFilter { authors: Some(vec![author]), ..PostFilter::default() };
    list(ctx, &filter, posts::PostSort::Newest, reverse).await
}

async fn list(
    ctx: &Context<'_>,
    filter: &PostFilter,
    sort: posts::PostSort,
    reverse: bool,
) -> async_graphql::Result<Option<Connection<Post>>> {
    let request = ctx.request();
    let page = requested_page(ctx, sort.cursor_name(), reverse)?;
    let (parts, total) = (post_parts(&nodes_of(ctx.look_ahead())), wants_total(ctx));
    let slice = posts::posts(&request.app, &request.actor, filter, sort, &page, &parts, total).await?;
    Ok(Some(Connection::new(slice, |view| sort.cursor(&view.post), Post)))
}

/// Conditions that all must hold. Where one names more than 10,000 of them, an order other than by time is one of the newest.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct PostWhere {
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
pub(crate) enum PostSort {
    /// Published last, first.
    Newest,
    /// Most likes first.
    MostLiked,
    /// Most comments first.
    MostDiscussed,
}

/// The root fields that read posts.
#[derive(Default)]
pub(crate) struct PostQuery;

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
