//! Table `webhook_events`: what providers told us, each once.

use sea_orm::entity::prelude::*;

use super::WebhookEventId;

/// A row of `webhook_events`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_events")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookEventId,
    /// The provider that told it.
    pub provider: super::payment::ProviderKind,
    /// The provider's own id of it; unique with the provider.
    pub event_id: String,
    /// What it told, as it came, verified.
    pub body: String,
    /// What came of it.
    pub outcome: Option<String>,
    /// When it came.
    pub received_at: DateTimeUtc,
    /// When it was acted on; null before.
    pub processed_at: Option<DateTimeUtc>,
}

/// Nothing belongs to a row, and it to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
