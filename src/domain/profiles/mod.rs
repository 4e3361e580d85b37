//! Profiles: the second step of joining, and a person's telephone number.
//!
//! Owns `profiles`. Always holds: a profile is seen by its owner and by who may see contacts, nobody else; a number that
//! was proven is one person's; another number has to be proven again. What the operator requires
//! (`PROFILE_REQUIRED_FIELDS`) keeps nobody out: clients are told what is missing.

mod complete;
mod phone;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, IntoActiveModel, Iterable, JoinType, QueryFilter, QuerySelect,
    RelationTrait, Select,
    sea_query::{Expr, OnConflict},
};

use crate::{
    app::App,
    domain::{
        actor::Actor,
        codes,
        export::{
            Kind::{Integer, Text, Time},
            Table,
        },
        permissions::Permission,
        registration::Domain,
    },
    entity::{
        UserId,
        profile::{Availability, Column, Entity, ExperienceLevel, Model},
        user,
    },
    error::Result,
    platform::{
        db::{Transaction, any_id},
        text::mailbox,
    },
};

pub(crate) use complete::country;
pub(crate) use complete::{HourlyRate, ProfileComplete, profile_complete};
pub(crate) use phone::{phone_verification_send, phone_verify};

/// What profiles hand over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["profiles"],
    exports: EXPORT,
    reclaim_in: |_, tx, user| Box::pin(reclaim_in(tx, user)),
    erase_in: |_, tx, user| Box::pin(erase_in(tx, user)),
    ..Domain::named("profiles")
};

/// What profiles hold about a person.
const EXPORT: &[Table] = &[Table {
    file: "profile.json",
    table: "profiles",
    owner: "user_id",
    key: "user_id",
    columns: &[
        ("phone", "phone", Text),
        ("phoneVerifiedAt", "phone_verified_at", Time),
        ("country", "country", Text),
        ("state", "state", Text),
        ("city", "city", Text),
        ("address", "address", Text),
        ("dateOfBirth", "date_of_birth", Text),
        ("skills", "skills", Text),
        ("experienceLevel", "experience_level", Text),
        ("hourlyRateMinor", "hourly_rate_minor", Integer),
        ("hourlyRateCurrency", "hourly_rate_currency", Text),
        ("availability", "availability", Text),
        ("completedAt", "completed_at", Time),
        ("updatedAt", "updated_at", Time),
    ],
}];

/// Forgets a person who is about to be deleted, and whose profile goes with them: the codes that went to their number.
async fn erase_in(tx: &Transaction, user: UserId) -> Result<()> {
    match Entity::find_by_id(user).one(tx).await?.and_then(|profile| profile.phone) {
        Some(phone) => codes::erase_address_in(tx, &mailbox::key(&phone)).await,
        None => Ok(()),
    }
}

/// A number that somebody else may have set up would lock the owner of the account out.
async fn reclaim_in(tx: &Transaction, user: UserId) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Phone, Expr::val(None::<String>))
        .col_expr(Column::PhoneVerifiedAt, Expr::val(None::<DateTime<Utc>>))
        .filter(Column::UserId.eq(user))
        .exec(tx)
        .await?;
    Ok(())
}

/// Something of a profile that can be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ProfileField {
    /// The telephone number.
    Phone,
    /// The country that they live in.
    Country,
    /// State or province.
    State,
    /// Town or city.
    City,
    /// Street and house.
    Address,
    /// The date of birth.
    DateOfBirth,
    /// What the person can do.
    Skills,
    /// What an hour of theirs costs.
    HourlyRate,
    /// What they say about themselves.
    Bio,
}

impl ProfileField {
    /// Every field, in the order of a form.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Phone,
        Self::Country,
        Self::State,
        Self::City,
        Self::Address,
        Self::DateOfBirth,
        Self::Skills,
        Self::HourlyRate,
        Self::Bio,
    ];

    /// As operators name it.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Country => "country",
            Self::State => "state",
            Self::City => "city",
            Self::Address => "address",
            Self::DateOfBirth => "date_of_birth",
            Self::Skills => "skills",
            Self::HourlyRate => "hourly_rate",
            Self::Bio => "bio",
        }
    }

    /// As clients name it in an input.
    fn input(self) -> &'static str {
        match self {
            Self::DateOfBirth => "dateOfBirth",
            Self::HourlyRate => "hourlyRate",
            other => other.as_str(),
        }
    }

    fn is_absent(self, profile: &Model, bio: &str) -> bool {
        match self {
            Self::Phone => profile.phone.is_none(),
            Self::Country => profile.country.is_none(),
            Self::State => profile.state.is_none(),
            Self::City => profile.city.is_none(),
            Self::Address => profile.address.is_none(),
            Self::DateOfBirth => profile.date_of_birth.is_none(),
            Self::Skills => profile.skills.is_none(),
            Self::HourlyRate => profile.hourly_rate_minor.is_none(),
            Self::Bio => bio.is_empty(),
        }
    }
}

/// How far the second step of joining has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Completion {
    /// The person has been through it, and nothing that is required is missing.
    pub is_complete: bool,
    /// What is required and missing.
    pub missing: Vec<ProfileField>,
}

fn missing(app: &App, profile: &Model, bio: &str) -> Vec<ProfileField> {
    let required = &app.config.profile_required_fields;
    let is_required = |field: &ProfileField| required.iter().any(|name| name == field.as_str());
    ProfileField::ALL.iter().copied().filter(|field| is_required(field) && field.is_absent(profile, bio)).collect()
}

fn may_see(actor: &Actor, whose: UserId) -> bool {
    actor.user_id() == Some(whose) || actor.may(Permission::SeeContacts)
}

/// The profiles that the actor may see: their own, and those of others for who may see contacts. Who has not written
/// anything down has an empty one.
pub(crate) async fn by_users(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, Model>> {
    let found = load(app, actor, ids).await?;
    Ok(found.into_iter().map(|(id, (profile, _))| (id, profile)).collect())
}

/// How far each has come, for who may see their profile.
pub(crate) async fn completions(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, Completion>> {
    let completion = |(id, (profile, bio)): (UserId, (Model, String))| {
        let missing = missing(app, &profile, &bio);
        (id, Completion { is_complete: missing.is_empty() && profile.completed_at.is_some(), missing })
    };
    Ok(load(app, actor, ids).await?.into_iter().map(completion).collect())
}

/// Profiles, each with the person's words about themselves.
async fn load(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, (Model, String)>> {
    let visible: Vec<UserId> = ids.iter().copied().filter(|id| may_see(actor, *id)).collect();
    if visible.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<ProfileRow> = app.db.read(people().filter(any_id(user::Column::Id, &visible))).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.profile())).collect())
}

/// A person's profile and their words about themselves, within a transaction; `None` when they are gone.
async fn load_in(tx: &Transaction, id: UserId) -> Result<Option<(Model, String)>> {
    let person = people().filter(any_id(user::Column::Id, &[id])).into_partial_model::<ProfileRow>();
    Ok(person.one(tx).await?.map(ProfileRow::profile))
}

/// People, each with the profile that they have written down.
fn people() -> Select<user::Entity> {
    user::Entity::find().join(JoinType::LeftJoin, user::Relation::Profile.def())
}

/// A person with their profile, as it is read.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct ProfileRow {
    id: UserId,
    bio: String,
    created_at: DateTime<Utc>,
    #[sea_orm(nested)]
    profile: Option<Model>,
}

impl ProfileRow {
    /// The profile, an empty one where there is none, and the person's words about themselves.
    fn profile(self) -> (Model, String) {
        let profile = self.profile.unwrap_or(Model {
            user_id: self.id,
            phone: None,
            phone_verified_at: None,
            country: None,
            state: None,
            city: None,
            address: None,
            date_of_birth: None,
            skills: None,
            experience_level: ExperienceLevel::Entry,
            hourly_rate_minor: None,
            hourly_rate_currency: None,
            availability: Availability::FullTime,
            completed_at: None,
            updated_at: self.created_at,
        });
        (profile, self.bio)
    }
}

/// Writes a profile down, whether or not there was one.
async fn store_in(tx: &Transaction, profile: &Model) -> Result<()> {
    let others = Column::iter().filter(|column| !matches!(column, Column::UserId));
    let again = OnConflict::column(Column::UserId).update_columns(others).to_owned();
    Entity::insert(profile.clone().into_active_model()).on_conflict(again).exec_without_returning(tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn every_field_can_be_required_and_none_by_none() {
        let required = |fields: &str| {
            let values = [("PROFILE_REQUIRED_FIELDS".to_owned(), fields.to_owned())].into();
            Config::from_values(values).map(|config| config.profile_required_fields)
        };
        let all: Vec<_> = ProfileField::ALL.iter().map(|field| field.as_str().to_owned()).collect();
        assert_eq!(required(&all.join(",")).unwrap(), all);
        assert_eq!(required("none").unwrap(), Vec::<String>::new());
        assert_eq!(required("").unwrap(), ["phone", "country", "city"]);
        assert!(required("phone,shoe_size").is_err());
    }
}
