//! Table `sessions`: a sign-in from login to logout. Tokens are derived from it, never stored.

use sea_orm::entity::prelude::*;

use super::{SessionId, UserId, related, stored_enum};

stored_enum! {
    /// Why a session ended.
    SessionEnd {
        /// The person logged out.
        Logout = "logout",
        /// A refresh token was used that had been used before: somebody else has it too.
        TokenReused = "token_reused",
        /// The person ended it from another session.
        Revoked = "revoked",
        /// The password was changed in another session, or by a code.
        PasswordChanged = "password_changed",
        /// An administrator suspended the person.
        Suspended = "suspended",
        /// An administrator ended all of the person's sessions.
        SignedOut = "signed_out",
        /// An administrator gave the person another role.
        RoleChanged = "role_changed",
        /// The second factor was taken away by an administrator.
        TwoFactorChanged = "two_factor_changed",
        /// The account was deleted.
        AccountDeleted = "account_deleted",
    }
}

/// A row of `sessions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// Which refresh token is the current one; each use raises it.
    pub generation: i64,
    /// The newest generation that was seen in use, by its access or its refresh token.
    pub seen_generation: i64,
    /// When the generation was last raised.
    pub rotated_at: DateTimeUtc,
    /// When they signed in.
    pub created_at: DateTimeUtc,
    /// When the person last proved who they are: by signing in, or by `reauthenticate`.
    pub authenticated_at: DateTimeUtc,
    /// After this the refresh token is no good; each use moves it.
    pub expires_at: DateTimeUtc,
    /// When it ended; null while it lives.
    pub ended_at: Option<DateTimeUtc>,
    /// Why it ended.
    pub end_reason: Option<SessionEnd>,
    /// The client's address at sign-in.
    pub address: Option<String>,
    /// The client's `User-Agent` at sign-in, cut to 255 characters.
    pub user_agent: Option<String>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who signed in.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    User,
}

related! {
    user by User,
}

impl ActiveModelBehavior for ActiveModel {}
