//! What of posts is loaded in batches.

use crate::{
    domain::posts,
    entity::{CommentId, PostId},
    graphql::engine::loaders::loaders,
    platform::page::{Beginning, Slice},
};

loaders! {
    /// Posts by id, tombstones included.
    PostsById: PostId => posts::PostView = posts::posts_by_id;
    /// Comments by id, tombstones included.
    CommentsById: CommentId => posts::CommentView = posts::comments_by_id;
    /// The beginnings of lists of comments.
    CommentBeginnings: posts::FirstComments => Slice<posts::CommentView> = posts::first_comments;
    /// The beginnings of lists of likes.
    LikeBeginnings: (PostId, Beginning) => Slice<posts::Like> = posts::first_likes;
    /// Whether the viewer likes a post.
    LikedPosts: PostId => bool = posts::viewer_likes_posts;
    /// Whether the viewer likes a comment.
    LikedComments: CommentId => bool = posts::viewer_likes_comments;
}
