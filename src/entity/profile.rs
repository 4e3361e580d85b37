//! Table `profiles`: what only a person themselves and those with the permission see of their profile.

use sea_orm::entity::prelude::*;

use super::{UserId, related, stored_enum};

stored_enum! {
    /// How far somebody has come in what they do.
    ExperienceLevel {
        /// At the beginning.
        Entry = "entry",
        /// Works without help.
        Intermediate = "intermediate",
        /// Helps others.
        Senior = "senior",
        /// Known for it.
        Expert = "expert",
    }
}

stored_enum! {
    /// How much time somebody has.
    Availability {
        /// Whole days.
        FullTime = "full-time",
        /// Part of the day or week.
        PartTime = "part-time",
        /// For the time of a contract.
        Contract = "contract",
        /// Job by job.
        Freelance = "freelance",
        /// None at present.
        Unavailable = "unavailable",
    }
}

/// A row of `profiles`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "profiles")]
pub struct Model {
    /// Whose profile it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// E.164, such as `+201001234567`.
    pub phone: Option<String>,
    /// When the number was proven theirs; of all who give a number, only one can.
    pub phone_verified_at: Option<DateTimeUtc>,
    /// The country of the address: ISO 3166-1 alpha-2, in capitals.
    pub country: Option<String>,
    /// The state or province; at most 50 characters.
    pub state: Option<String>,
    /// The town; at most 100 characters.
    pub city: Option<String>,
    /// Street and house; at most 500 characters, several lines.
    pub address: Option<String>,
    /// As `YYYY-MM-DD`.
    pub date_of_birth: Option<String>,
    /// What they can do, in their words; at most 1,000 characters.
    pub skills: Option<String>,
    /// How far they have come in what they do.
    pub experience_level: ExperienceLevel,
    /// What an hour of theirs costs, in minor units of the currency.
    pub hourly_rate_minor: Option<i64>,
    /// In which currency: ISO 4217.
    pub hourly_rate_currency: Option<String>,
    /// How much time they have.
    pub availability: Availability,
    /// When everything that the operator requires was there for the first time.
    pub completed_at: Option<DateTimeUtc>,
    /// When any of it last changed.
    pub updated_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whose profile it is.
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
