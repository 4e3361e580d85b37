//! Publishing, answering, liking: inputs, payloads and the mutations themselves.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use super::{Comment, Post};
use crate::{
    domain::posts::{self, CommentCreate, CommentTarget, PostCreate, PostShare},
    error::{Reason, Result, UserError},
    graphql::{
        context::RequestExt,
        error::{Nullable, answer, nullable, payload},
        node::{argument_id, input_id},
    },
};

/// A text to be published.
#[derive(InputObject)]
pub struct PostCreateInput {
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
pub struct PostUpdateInput {
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

payload! {
    /// What came of `postDelete`.
    PostDeletePayload {
        /// The tombstone; null when `errors` is not empty.
        post: Post
    }
}

payload! {
    /// What came of `postLike`.
    PostLikePayload {
        /// The post, now liked; null when `errors` is not empty.
        post: Post
    }
}

payload! {
    /// What came of `postUnlike`.
    PostUnlikePayload {
        /// The post, no longer liked; null when `errors` is not empty.
        post: Post
    }
}

/// How a post is passed on.
#[derive(InputObject, Default)]
pub struct PostShareInput {
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
    }
}

/// An answer. Give `postId` to answer a post, or `commentId` to reply to a comment.
#[derive(InputObject)]
pub struct CommentCreateInput {
    /// The post that is answered.
    post_id: Option<ID>,
    /// The comment that is replied to.
    comment_id: Option<ID>,
    /// 1 to 2,000 characters of plain text.
    body: String,
    /// Same key and same input within 24 hours: the same answer again.
    idempotency_key: Option<String>,
}

impl CommentCreateInput {
    fn command(self) -> Result<CommentCreate> {
        let target = match (&self.post_id, &self.comment_id) {
            (Some(id), None) => CommentTarget::Post(input_id("postId", id)?),
            (None, Some(id)) => CommentTarget::Comment(input_id("commentId", id)?),
            _ => {
                return Err(UserError::invalid("postId", Reason::PostOrComment).into());
            }
        };
        Ok(CommentCreate { target, body: self.body, idempotency_key: self.idempotency_key })
    }
}

payload! {
    /// What came of `commentCreate`.
    CommentCreatePayload replayed {
        /// The comment; null when `errors` is not empty.
        comment: Comment
    }
}

/// A change of a comment. Absent leaves a field as it is.
#[derive(InputObject)]
pub struct CommentUpdateInput {
    /// The new text.
    body: MaybeUndefined<String>,
}

payload! {
    /// What came of `commentUpdate`.
    CommentUpdatePayload {
        /// The comment after the change; null when `errors` is not empty.
        comment: Comment
    }
}

payload! {
    /// What came of `commentDelete`.
    CommentDeletePayload {
        /// The tombstone; null when `errors` is not empty.
        comment: Comment
    }
}

payload! {
    /// What came of `commentLike`.
    CommentLikePayload {
        /// The comment, now liked; null when `errors` is not empty.
        comment: Comment
    }
}

payload! {
    /// What came of `commentUnlike`.
    CommentUnlikePayload {
        /// The comment, no longer liked; null when `errors` is not empty.
        comment: Comment
    }
}

/// What an update does to a text: absent leaves it, null clears it.
fn cleared(value: MaybeUndefined<String>) -> Option<String> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(String::new()),
        MaybeUndefined::Value(value) => Some(value),
    }
}

/// Runs a command on the thing with this id, and answers with its payload.
macro_rules! by_id {
    ($ctx:expr, $id:expr, $command:path $(, $argument:expr)*) => {{
        let request = $ctx.request();
        let result = match argument_id("id", &$id) {
            Ok(id) => $command(&request.app, &request.actor, id $(, $argument)*).await,
            Err(error) => Err(error),
        };
        answer(request, result)
    }};
}

/// Publishing, answering, liking.
#[derive(Default)]
pub struct PostMutation;

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
        #[graphql(desc = "The post's id.")] id: ID,
        #[graphql(desc = "What to change.")] input: PostUpdateInput,
    ) -> Nullable<PostUpdatePayload> {
        nullable(async { by_id!(ctx, id, posts::post_update, cleared(input.body)) }).await
    }

    /// Deletes one's own post: a tombstone stays, with the answers below it. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED.
    async fn post_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The post's id.")] id: ID,
    ) -> Nullable<PostDeletePayload> {
        nullable(async { by_id!(ctx, id, posts::post_delete) }).await
    }

    /// Likes a post; again changes nothing. Codes: INVALID_ID, NOT_FOUND.
    async fn post_like(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The post's id.")] id: ID,
    ) -> Nullable<PostLikePayload> {
        nullable(async { by_id!(ctx, id, posts::post_like) }).await
    }

    /// Takes a like back; again changes nothing. Codes: INVALID_ID, NOT_FOUND.
    async fn post_unlike(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The post's id.")] id: ID,
    ) -> Nullable<PostUnlikePayload> {
        nullable(async { by_id!(ctx, id, posts::post_unlike) }).await
    }

    /// Passes a post on, as a post of one's own. Sharing a share without a text of its own shares what it shares.
    /// Codes: INVALID_ID, NOT_FOUND, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED, BLANK.
    async fn post_share(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the post to pass on.")] id: ID,
        #[graphql(desc = "How; without it, just so.")] input: Option<PostShareInput>,
    ) -> Nullable<PostSharePayload> {
        nullable(async {
            let request = ctx.request();
            let input = input.unwrap_or_default();
            let result = match argument_id("id", &id) {
                Ok(post) => {
                    let command = PostShare { post, body: input.body, idempotency_key: input.idempotency_key };
                    posts::post_share(&request.app, &request.actor, command).await
                }
                Err(error) => Err(error),
            };
            answer(request, result)
        })
        .await
    }

    /// Answers a post, or replies to a comment.
    /// Codes: INVALID, INVALID_ID, NOT_FOUND, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn comment_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The answer.")] input: CommentCreateInput,
    ) -> Nullable<CommentCreatePayload> {
        nullable(async {
            let request = ctx.request();
            let result = match input.command() {
                Ok(command) => posts::comment_create(&request.app, &request.actor, command).await,
                Err(error) => Err(error),
            };
            answer(request, result)
        })
        .await
    }

    /// Changes one's own comment. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn comment_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The comment's id.")] id: ID,
        #[graphql(desc = "What to change.")] input: CommentUpdateInput,
    ) -> Nullable<CommentUpdatePayload> {
        nullable(async { by_id!(ctx, id, posts::comment_update, cleared(input.body)) }).await
    }

    /// Deletes one's own comment; while it has replies a tombstone is listed. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED.
    async fn comment_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The comment's id.")] id: ID,
    ) -> Nullable<CommentDeletePayload> {
        nullable(async { by_id!(ctx, id, posts::comment_delete) }).await
    }

    /// Likes a comment; again changes nothing. Codes: INVALID_ID, NOT_FOUND.
    async fn comment_like(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The comment's id.")] id: ID,
    ) -> Nullable<CommentLikePayload> {
        nullable(async { by_id!(ctx, id, posts::comment_like) }).await
    }

    /// Takes a like back; again changes nothing. Codes: INVALID_ID, NOT_FOUND.
    async fn comment_unlike(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The comment's id.")] id: ID,
    ) -> Nullable<CommentUnlikePayload> {
        nullable(async { by_id!(ctx, id, posts::comment_unlike) }).await
    }
}
