//! Table `oauth_flows`: sign-ins that are under way at a provider.

use sea_orm::entity::prelude::*;

use super::{OauthFlowId, UserId, related};

/// A row of `oauth_flows`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_flows")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OauthFlowId,
    /// The provider's name in the configuration.
    pub provider: String,
    /// Who wants to link an identity; null when somebody signs in.
    pub user_id: Option<UserId>,
    /// SHA-256 of the `state` that comes back from the provider.
    #[sea_orm(unique)]
    pub state_hash: Vec<u8>,
    /// SHA-256 of the token that only the program that began it has.
    pub flow_hash: Vec<u8>,
    /// SHA-256 of the ticket that the callback gave; null before it.
    #[sea_orm(unique)]
    pub ticket_hash: Option<Vec<u8>>,
    /// PKCE verifier and nonce, sealed.
    pub secrets: Vec<u8>,
    /// Where in the frontend to go on.
    pub return_path: Option<String>,
    /// What the provider said, sealed; null before the callback.
    pub result: Option<Vec<u8>>,
    /// When it was begun.
    pub created_at: DateTimeUtc,
    /// It cannot be completed after this.
    pub expires_at: DateTimeUtc,
    /// When it was completed or failed.
    pub ended_at: Option<DateTimeUtc>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who wants to link an identity.
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
