//! Posts, comments, likes and tags.

use sea_orm_migration::prelude::*;

use crate::schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "CREATE TABLE posts (
                    {searched_id},
                    author_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
                    body text NOT NULL CHECK (length(body) <= 10000),
                    search_key text NOT NULL,
                    shared_post_id {uuid} REFERENCES posts (id) ON DELETE SET NULL,
                    like_count bigint NOT NULL DEFAULT 0 CHECK (like_count >= 0),
                    comment_count bigint NOT NULL DEFAULT 0 CHECK (comment_count >= 0),
                    share_count bigint NOT NULL DEFAULT 0 CHECK (share_count >= 0),
                    event_seq bigint NOT NULL DEFAULT 0 CHECK (event_seq >= 0),
                    created_at {time} NOT NULL,
                    edited_at {time},
                    deleted_at {time}
                )",
                "CREATE INDEX posts_newest ON posts (created_at DESC, id DESC) WHERE deleted_at IS NULL",
                "CREATE INDEX posts_most_liked ON posts (like_count DESC, id DESC) WHERE deleted_at IS NULL",
                "CREATE INDEX posts_most_discussed ON posts (comment_count DESC, id DESC) WHERE deleted_at IS NULL",
                "CREATE INDEX posts_author ON posts (author_id, created_at DESC, id DESC)",
                "CREATE INDEX posts_shared ON posts (shared_post_id) WHERE shared_post_id IS NOT NULL",
                "CREATE TABLE post_tags (
                    tag {key} NOT NULL CHECK (length(tag) BETWEEN 1 AND 50),
                    post_id {uuid} NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
                    PRIMARY KEY (tag, post_id)
                )",
                "CREATE INDEX post_tags_post ON post_tags (post_id)",
                "CREATE TABLE post_likes (
                    post_id {uuid} NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    created_at {time} NOT NULL,
                    PRIMARY KEY (post_id, user_id)
                )",
                "CREATE INDEX post_likes_newest ON post_likes (post_id, created_at DESC, user_id DESC)",
                "CREATE INDEX post_likes_user ON post_likes (user_id)",
                "CREATE TABLE comments (
                    id {uuid} NOT NULL PRIMARY KEY,
                    post_id {uuid} NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
                    parent_id {uuid} REFERENCES comments (id) ON DELETE CASCADE,
                    author_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
                    body text NOT NULL CHECK (length(body) <= 2000),
                    like_count bigint NOT NULL DEFAULT 0 CHECK (like_count >= 0),
                    reply_count bigint NOT NULL DEFAULT 0 CHECK (reply_count >= 0),
                    visible_reply_count bigint NOT NULL DEFAULT 0 CHECK (visible_reply_count >= reply_count),
                    created_at {time} NOT NULL,
                    edited_at {time},
                    deleted_at {time}
                )",
                "CREATE INDEX comments_of_post ON comments (post_id, parent_id, created_at, id)",
                "CREATE INDEX comments_of_comment ON comments (parent_id, created_at, id) WHERE parent_id IS NOT NULL",
                "CREATE INDEX comments_author ON comments (author_id)",
                "CREATE TABLE comment_likes (
                    comment_id {uuid} NOT NULL REFERENCES comments (id) ON DELETE CASCADE,
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    created_at {time} NOT NULL,
                    PRIMARY KEY (comment_id, user_id)
                )",
                "CREATE INDEX comment_likes_user ON comment_likes (user_id)",
            ],
        )
        .await?;
        schema::searchable(manager, "posts").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::unsearchable(manager, "posts").await?;
        schema::run(
            manager,
            &[
                "DROP TABLE comment_likes",
                "DROP TABLE comments",
                "DROP TABLE post_likes",
                "DROP TABLE post_tags",
                "DROP TABLE posts",
            ],
        )
        .await
    }
}
