//! Table `profiles`: what only a person themselves and those with the permission see of their profile.

use sea_orm::entity::prelude::*;

use super::{UserId, stored_enum};

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
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "profiles")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// E.164, such as `+201001234567`.
    pub phone: Option<String>,
    /// When the number was proven theirs; of all who give a number, only one can.
    pub phone_verified_at: Option<DateTimeUtc>,
    /// ISO 3166-1 alpha-2, in capitals.
    pub country: Option<String>,
    /// At most 50 characters.
    pub state: Option<String>,
    /// At most 100 characters.
    pub city: Option<String>,
    /// At most 500 characters, several lines.
    pub address: Option<String>,
    /// `YYYY-MM-DD`.
    pub date_of_birth: Option<String>,
    /// At most 1,000 characters.
    pub skills: Option<String>,
    /// How far they have come in what they do.
    pub experience_level: ExperienceLevel,
    /// What an hour of theirs costs, in minor units of the currency.
    pub hourly_rate_minor: Option<i64>,
    /// ISO 4217.
    pub hourly_rate_currency: Option<String>,
    /// How much time they have.
    pub availability: Availability,
    /// When everything that the operator requires was there for the first time.
    pub completed_at: Option<DateTimeUtc>,
    /// Last change.
    pub updated_at: DateTimeUtc,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
