//! Table `oauth_flows`: sign-ins that are under way at a provider.

use sea_orm::entity::prelude::*;

use super::{OauthFlowId, UserId};

/// A row of `oauth_flows`.
#[sea_orm::model]
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
    /// Begun.
    pub created_at: DateTimeUtc,
    /// No good after this.
    pub expires_at: DateTimeUtc,
    /// When it was completed or failed.
    pub ended_at: Option<DateTimeUtc>,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<Option<super::user::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
