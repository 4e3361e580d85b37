//! Table `webhook_events`: what providers told us, each once.

use sea_orm::entity::prelude::*;

use super::WebhookEventId;

/// A row of `webhook_events`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_events")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookEventId,
    /// Who told.
    pub provider: super::payment::ProviderKind,
    /// The provider's own id; unique with it.
    pub event_id: String,
    /// As it came, verified.
    pub body: String,
    /// What came of it.
    pub outcome: Option<String>,
    /// Came.
    pub received_at: DateTimeUtc,
    /// Acted on.
    pub processed_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
