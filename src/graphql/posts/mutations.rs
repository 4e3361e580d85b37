//! Publishing, answering, liking: inputs, payloads and the mutations themselves.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, OneofObject};

use super::{
    Comment, Post,
    loaders::{CommentsById, PostsById},
};
use crate::{
    domain::posts::{self, CommentCreate, CommentTarget, PostCreate, PostShare},
    error::Result,
    graphql::{
        accounts::{User, viewer},
        engine::{
            context::RequestExt,
            error::{Nullable, answer, deeper, nullable, payload},
            rules::Rule,
        },
        node::{id_input, input_id},
    },
};

/// A text to be published.
#[derive(InputObject)]
pub(crate) struct PostCreateInput {
    /// 1 to 10,000 characters of plain text; #tags in it are found.
    body: String,
    /// Same key and same input within 24 hours: the same answer again.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of `postCreate`.
    PostCreatePayload replayed {
        /// The post; null when `errors` is not empty.
        post: Post
    }
}

/// A change of a post. Absent leaves a field as it is; null clears it, where it can be empty.
#[derive(InputObject)]
pub(crate) struct PostUpdateInput {
    /// The post's id.
    id: ID,
    /// The new text; only a share can do without one.
    body: MaybeUndefined<String>,
}

payload! {
    /// What came of `postUpdate`.
    PostUpdatePayload {
        /// The post after the change; null when `errors` is not empty.
        post: Post
    }
}

id_input! {
    /// Which post is to be deleted.
    PostDeleteInput, "The post's id."
}

payload! {
    /// What came of `postDelete`.
    PostDeletePayload {
        /// The tombstone; null when `errors` is not empty.
        post: Post
    } also {
        /// You, with your counts; null when `errors` is not empty.
        user: User = viewer,
        /// The post that it passed on, with its counts; null when `errors` is not empty, and when it was no share.
        shared_post: Post = shared_by,
    }
}

id_input! {
    /// Which post is liked.
    PostLikeInput, "The post's id."
}

payload! {
    /// What came of `postLike`.
    PostLikePayload {
        /// The post, now liked; null when `errors` is not empty.
        post: Post
    }
}

id_input! {
    /// Which post is no longer liked.
    PostUnlikeInput, "The post's id."
}

payload! {
    /// What came of `postUnlike`.
    PostUnlikePayload {
        /// The post, no longer liked; null when `errors` is not empty.
        post: Post
    }
}

/// How a post is passed on.
#[derive(InputObject)]
pub(crate) struct PostShareInput {
    /// The id of the post to pass on.
    id: ID,
    /// A text of one's own with it, at most 10,000 characters.
    #[graphql(default)]
    body: String,
    /// Same key and same input within 24 hours: the same answer again.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of `postShare`.
    PostSharePayload replayed {
        /// The new post, whose `sharedPost` is the original; null when `errors` is not empty.
        post: Post
    } also {
        /// The post that was passed on, with its counts; null when `errors` is not empty.
        shared_post: Post = shared_by,
    }
}

/// What is answered: one of these.
#[derive(OneofObject)]
pub(crate) enum CommentTargetInput {
    /// A post, by its id.
    PostId(ID),
    /// A comment, by its id: it is replied to.
    CommentId(ID),
}

/// An answer to a post, or a reply to a comment.
#[derive(InputObject)]
pub(crate) struct CommentCreateInput {
    /// What is answered.
    target: CommentTargetInput,
    /// 1 to 2,000 characters of plain text.
    body: String,
    /// Same key and same input within 24 hours: the same answer again.
    idempotency_key: Option<String>,
}

impl CommentCreateInput {
    fn command(self) -> Result<CommentCreate> {
        let target = match &self.target {
            CommentTargetInput::PostId(id) => CommentTarget::Post(input_id("postId", id)?),
            CommentTargetInput::CommentId(id) => CommentTarget::Comment(input_id("commentId", id)?),
        };
        Ok(CommentCreate { target, body: self.body, idempotency_key: self.idempotency_key })
    }
}

payload! {
    /// What came of `commentCreate`.
    CommentCreatePayload replayed {
        /// The comment; null when `errors` is not empty.
        comment: Comment
    } also {
        /// The post that it hangs below, with its counts; null when `errors` is not empty.
        post: Post = post_of,
        /// The comment that it replies to, with its counts; null when `errors` is not empty, and when it answers the
        /// post.
        parent: Comment = parent_of,
    }
}

/// A change of a comment. Absent leaves a field as it is.
#[derive(InputObject)]
pub(crate) struct CommentUpdateInput {
    /// The comment's id.
    id: ID,
    /// The new text.
    body: MaybeUndefined<String>,
}

payload! {
    /// What came of `commentUpdate`.
    CommentUpdatePayload {
        /// The comment after the change; null when `errors` is not empty.
        comment: Comment
    } also {
        /// The post that it hangs below, with its counts; null when `errors` is not empty.
        post: Post = post_of,
    }
}

id_input! {
    /// Which comment is to be deleted.
    CommentDeleteInput, "The comment's id."
}

payload! {
    /// What came of `commentDelete`.
    CommentDeletePayload {
        /// The tombstone; null when `errors` is not empty.
        comment: Comment
    } also {
        /// The post that it hangs below, with its counts; null when `errors` is not empty.
        post: Post = post_of,
        /// The comment that it replies to, with its counts; null when `errors` is not empty, and when it answers the
        /// post.
        parent: Comment = parent_of,
    }
}

id_input! {
    /// Which comment is liked.
    CommentLikeInput, "The comment's id."
}

payload! {
    /// What came of `commentLike`.
    CommentLikePayload {
        /// The comment, now liked; null when `errors` is not empty.
        comment: Comment
    } also {
        /// The post that it hangs below, with its counts; null when `errors` is not empty.
        post: Post = post_of,
    }
}

id_input! {
    /// Which comment is no longer liked.
    CommentUnlikeInput, "The comment's id."
}

payload! {
    /// What came of `commentUnlike`.
    CommentUnlikePayload {
        /// The comment, no longer liked; null when `errors` is not empty.
        comment: Comment
    } also {
        /// The post that it hangs below, with its counts; null when `errors` is not empty.
        post: Post = post_of,
    }
}

async fn shared_by(ctx: &Context<'_>, post: &Post) -> async_graphql::Result<Option<Post>> {
    let Some(id) = post.0.post.shared_post_id else { return Ok(None) };
    Ok(ctx.request().loaders.load::<PostsById>(id).await?.map(Post::from))
}

async fn post_of(ctx: &Context<'_>, comment: &Comment) -> async_graphql::Result<Option<Post>> {
    Ok(ctx.request().loaders.load::<PostsById>(comment.0.comment.post_id).await?.map(Post::from))
}

async fn parent_of(ctx: &Context<'_>, comment: &Comment) -> async_graphql::Result<Option<Comment>> {
    let Some(id) = comment.0.comment.parent_id else { return Ok(None) };
    Ok(ctx.request().loaders.load::<CommentsById>(id).await?.map(Comment::from))
}

/// What an update does to a text: absent leaves it, null clears it.
fn cleared(value: MaybeUndefined<String>) -> Option<String> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(String::new()),
        MaybeUndefined::Value(value) => Some(value),
    }
}

/// Runs a command on the thing whose id is in the input, and answers with its payload.
macro_rules! by_id {
    ($ctx:expr, $input:expr, $command:path $(, $argument:expr)*) => {{
        let request = $ctx.request();
        let result = async {
            let id = input_id("id", &$input.id)?;
            $command(&request.app, &request.actor, id $(, $argument)*).await
        };
        answer(request, result.await)
    }};
}

/// Publishing, answering, liking.
#[derive(Default)]
pub(crate) struct PostMutation;

/// The rules of the mutations below.
pub(super) const RULES: &[Rule] = &[
    Rule::of("postCreate").content(),
    Rule::of("postUpdate").content(),
    Rule::of("postDelete").content(),
    Rule::of("postLike").content(),
    Rule::of("postUnlike").content(),
    Rule::of("postShare").content(),
    Rule::of("commentCreate").content(),
    Rule::of("commentUpdate").content(),
    Rule::of("commentDelete").content(),
    Rule::of("commentLike").content(),
    Rule::of("commentUnlike").content(),
];

#[Object]
impl PostMutation {
    /// Publishes a post. Codes: BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn post_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The post.")] input: PostCreateInput,
    ) -> Nullable<PostCreatePayload> {
        nullable(async {
            let request = ctx.request();
            let command = PostCreate { body: input.body, idempotency_key: input.idempotency_key };
            answer(request, posts::post_create(&request.app, &request.actor, command).await)
        })
        .await
    }

    /// Changes one's own post. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn post_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PostUpdateInput,
    ) -> Nullable<PostUpdatePayload> {
        nullable(async { by_id!(ctx, input, posts::post_update, cleared(input.body)) }).await
    }

    /// Deletes one's own post: a tombstone stays, with the answers below it. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED.
    async fn post_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which post.")] input: PostDeleteInput,
    ) -> Nullable<PostDeletePayload> {
        nullable(async { by_id!(ctx, input, posts::post_delete) }).await
    }

    /// Likes a post; again changes nothing. Codes: INVALID_ID, NOT_FOUND.
    async fn post_like(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which post.")] input: PostLikeInput,
    ) -> Nullable<PostLikePayload> {
        nullable(async { by_id!(ctx, input, posts::post_like) }).await
    }

    /// Takes a like back; again changes nothing. Codes: INVALID_ID, NOT_FOUND.
    async fn post_unlike(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which post.")] input: PostUnlikeInput,
    ) -> Nullable<PostUnlikePayload> {
        nullable(async { by_id!(ctx, input, posts::post_unlike) }).await
    }

    /// Passes a post on, as a post of one's own. Sharing a share without a text of its own shares what it shares.
    /// Codes: INVALID_ID, NOT_FOUND, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED, BLANK.
    async fn post_share(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which post, and how.")] input: PostShareInput,
    ) -> Nullable<PostSharePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let post = input_id("id", &input.id)?;
                let command = PostShare { post, body: input.body, idempotency_key: input.idempotency_key };
                posts::post_share(&request.app, &request.actor, command).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Answers a post, or replies to a comment.
    /// Codes: INVALID_ID, NOT_FOUND, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn comment_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The answer.")] input: CommentCreateInput,
    ) -> Nullable<CommentCreatePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let command = input.command()?;
                posts::comment_create(&request.app, &request.actor, command).await
            };
            answer(request, result.await.map_err(|error| deeper(error, &["postId", "commentId"], &["target"])))
        })
        .await
    }

    /// Changes one's own comment. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn comment_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: CommentUpdateInput,
    ) -> Nullable<CommentUpdatePayload> {
        nullable(async { by_id!(ctx, input, posts::comment_update, cleared(input.body)) }).await
    }

    /// Deletes one's own comment; while it has replies a tombstone is listed. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED.
    async fn comment_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which comment.")] input: CommentDeleteInput,
    ) -> Nullable<CommentDeletePayload> {
        nullable(async { by_id!(ctx, input, posts::comment_delete) }).await
    }

    /// Likes a comment; again changes nothing. Codes: INVALID_ID, NOT_FOUND.
    async fn comment_like(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which comment.")] input: CommentLikeInput,
    ) -> Nullable<CommentLikePayload> {
        nullable(async { by_id!(ctx, input, posts::comment_like) }).await
    }

    /// Takes a like back; again changes nothing. Codes: INVALID_ID, NOT_FOUND.
    async fn comment_unlike(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which comment.")] input: CommentUnlikeInput,
    ) -> Nullable<CommentUnlikePayload> {
        nullable(async { by_id!(ctx, input, posts::comment_unlike) }).await
    }
}
