//! Table `payment_customers`: what providers call a person.

use sea_orm::entity::prelude::*;

use super::{UserId, payment::ProviderKind};

/// A row of `payment_customers`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_customers")]
pub struct Model {
    /// Whom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Who calls them so.
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: ProviderKind,
    /// The provider's own id of them.
    pub reference: String,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
