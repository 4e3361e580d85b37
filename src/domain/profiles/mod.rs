//! Profiles: the second step of joining, and a person's telephone number.
//!
//! Owns `profiles`. Always holds: a profile is seen by its owner and by who may see contacts, nobody else; a number that
//! was proven is one person's; another number has to be proven again. What the operator requires
//! (`PROFILE_REQUIRED_FIELDS`) keeps nobody out: clients are told what is missing.

mod complete;
mod phone;

use std::collections::HashMap;

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
        profile::{Availability, ExperienceLevel, Model},
    },
    error::Result,
    platform::{
        db::{Columns, Transaction, placeholders},
        mailbox,
    },
};

pub(crate) use complete::country;
pub use complete::{HourlyRate, ProfileComplete, profile_complete};
pub use phone::{phone_verification_send, phone_verify};

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
    let row = tx.row("SELECT phone FROM profiles WHERE user_id = $1", vec![user.0.into()]).await?;
    let phone: Option<String> = row.map_or(Ok(None), |row| Columns::new(&row).take())?;
    match phone {
        Some(phone) => codes::erase_address_in(tx, &mailbox::key(&phone)).await,
        None => Ok(()),
    }
}

/// A number that somebody else may have set up would lock the owner of the account out.
async fn reclaim_in(tx: &Transaction, user: UserId) -> Result<()> {
    let sql = "UPDATE profiles SET phone = NULL, phone_verified_at = NULL WHERE user_id = $1";
    tx.execute(sql, vec![user.0.into()]).await.map(drop)
}

/// Something of a profile that can be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfileField {
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
    pub const ALL: &'static [Self] = &[
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
    pub fn as_str(self) -> &'static str {
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
pub struct Completion {
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
pub async fn by_users(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, Model>> {
    let found = load(app, actor, ids).await?;
    Ok(found.into_iter().map(|(id, (profile, _))| (id, profile)).collect())
}

/// How far each has come, for who may see their profile.
pub async fn completions(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, Completion>> {
    let completion = |(id, (profile, bio)): (UserId, (Model, String))| {
        let missing = missing(app, &profile, &bio);
        (id, Completion { is_complete: missing.is_empty() && profile.completed_at.is_some(), missing })
    };
    Ok(load(app, actor, ids).await?.into_iter().map(completion).collect())
}

/// Profiles, each with the person's words about themselves.
async fn load(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, (Model, String)>> {
    let visible: Vec<_> = ids.iter().filter(|id| may_see(actor, **id)).map(|id| id.0).collect();
    if visible.is_empty() {
        return Ok(HashMap::new());
    }
    let mut values = Vec::new();
    let list = placeholders(&mut values, &visible);
    let rows = app.db.rows(sql(&format!("u.id IN ({list})")), values).await?;
    rows.iter().map(|row| read(row).map(|(profile, bio)| (profile.user_id, (profile, bio)))).collect()
}

/// A person's profile and their words about themselves, within a transaction; `None` when they are gone.
async fn load_in(tx: &Transaction, id: UserId) -> Result<Option<(Model, String)>> {
    tx.row(sql("u.id = $1"), vec![id.0.into()]).await?.as_ref().map(read).transpose()
}

fn sql(condition: &str) -> String {
    format!(
        "SELECT u.id, u.bio, u.created_at, p.phone, p.phone_verified_at, p.country, p.state, p.city, p.address, \
         p.date_of_birth, p.skills, p.experience_level, p.hourly_rate_minor, p.hourly_rate_currency, p.availability, \
         p.completed_at, p.updated_at FROM users u LEFT JOIN profiles p ON p.user_id = u.id WHERE {condition}"
    )
}

fn read(row: &sea_orm::QueryResult) -> Result<(Model, String)> {
    let mut columns = Columns::new(row);
    let (user_id, bio, joined) = (columns.take()?, columns.take()?, columns.take()?);
    let profile = Model {
        user_id,
        phone: columns.take()?,
        phone_verified_at: columns.take()?,
        country: columns.take()?,
        state: columns.take()?,
        city: columns.take()?,
        address: columns.take()?,
        date_of_birth: columns.take()?,
        skills: columns.take()?,
        experience_level: columns.take::<Option<ExperienceLevel>>()?.unwrap_or(ExperienceLevel::Entry),
        hourly_rate_minor: columns.take()?,
        hourly_rate_currency: columns.take()?,
        availability: columns.take::<Option<Availability>>()?.unwrap_or(Availability::FullTime),
        completed_at: columns.take()?,
        updated_at: columns.take::<Option<_>>()?.unwrap_or(joined),
    };
    Ok((profile, bio))
}

/// Writes a profile down, whether or not there was one.
async fn store_in(tx: &Transaction, profile: &Model) -> Result<()> {
    let sql = "INSERT INTO profiles (user_id, phone, phone_verified_at, country, state, city, address, date_of_birth, \
               skills, experience_level, hourly_rate_minor, hourly_rate_currency, availability, completed_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
               ON CONFLICT (user_id) DO UPDATE SET phone = $2, phone_verified_at = $3, country = $4, state = $5, \
               city = $6, address = $7, date_of_birth = $8, skills = $9, experience_level = $10, \
               hourly_rate_minor = $11, hourly_rate_currency = $12, availability = $13, completed_at = $14, \
               updated_at = $15";
    let values = vec![
        profile.user_id.0.into(),
        profile.phone.clone().into(),
        profile.phone_verified_at.into(),
        profile.country.clone().into(),
        profile.state.clone().into(),
        profile.city.clone().into(),
        profile.address.clone().into(),
        profile.date_of_birth.clone().into(),
        profile.skills.clone().into(),
        profile.experience_level.as_str().into(),
        profile.hourly_rate_minor.into(),
        profile.hourly_rate_currency.clone().into(),
        profile.availability.as_str().into(),
        profile.completed_at.into(),
        profile.updated_at.into(),
    ];
    tx.execute(sql, values).await.map(drop)
}

/// Locks a person's row, so that of two changes of one profile the later sees what the earlier wrote.
async fn lock_in(tx: &Transaction, id: UserId) -> Result<()> {
    let sql = format!("SELECT id FROM users WHERE id = $1 {}", tx.for_update());
    tx.row(sql, vec![id.0.into()]).await.map(drop)
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
