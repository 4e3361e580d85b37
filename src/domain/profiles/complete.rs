//! The second step of joining, and every later change of what it asked for.

use chrono::NaiveDate;

use super::{ProfileField, load_in, missing, store_in};
use crate::{
    app::App,
    domain::{
        accounts::{self, User},
        activity,
        actor::{Actor, Client},
    },
    entity::{
        UserId,
        activity::ActivityKind,
        profile::{Availability, ExperienceLevel, Model},
    },
    error::{Error, Reason, Result, UserError, UserErrorCode},
    platform::{
        db::Transaction,
        text::{self, phone},
    },
};

/// The highest hourly rate, in minor units.
const MAX_RATE_MINOR: i64 = 9_999_999_999;

/// What to write down. `None` leaves a field as it is, `Some(None)` clears it; levels go back to their default then.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfileComplete {
    /// With its country code, or as written in the country of the profile. Another number is not verified.
    pub phone: Option<Option<String>>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<Option<String>>,
    /// At most 50 characters.
    pub state: Option<Option<String>>,
    /// At most 100 characters.
    pub city: Option<Option<String>>,
    /// At most 500 characters, several lines.
    pub address: Option<Option<String>>,
    /// In the past, not before 1900.
    pub date_of_birth: Option<Option<NaiveDate>>,
    /// At most 1,000 characters.
    pub skills: Option<Option<String>>,
    /// How far they have come in what they do.
    pub experience_level: Option<Option<ExperienceLevel>>,
    /// What an hour of theirs costs.
    pub hourly_rate: Option<Option<HourlyRate>>,
    /// How much time they have.
    pub availability: Option<Option<Availability>>,
    /// At most 500 characters.
    pub bio: Option<Option<String>>,
}

/// What an hour costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HourlyRate {
    /// In minor units; `None` when the amount that was given has more digits than the currency.
    pub minor: Option<i64>,
    /// The currency's code of ISO 4217, as it was given.
    pub currency: String,
}

/// Writes a profile down; everything that is wrong or missing is told at once, and then nothing is kept. Codes: BLANK,
/// TOO_LONG, INVALID, INVALID_CHARACTERS.
pub(crate) async fn profile_complete(
    app: &App,
    actor: &Actor,
    client: &Client,
    command: ProfileComplete,
) -> Result<User> {
    let id = actor.require_user()?.id;
    let phone = read_number(app, actor, id, &command).await?;
    app.db.transact(async |tx| complete_in(app, &tx, id, client, &command, phone.as_ref()).await).await?;
    accounts::get(app, id).await
}

/// What becomes of the number: a text, or nothing, or why not.
type Number = Result<Option<String>, UserError>;

/// Reads the number that was given, before the transaction: the rules of every country are much to look at.
async fn read_number(app: &App, actor: &Actor, id: UserId, command: &ProfileComplete) -> Result<Option<Number>> {
    let Some(phone) = &command.phone else { return Ok(None) };
    let Some(phone) = phone.as_deref().filter(|phone| !phone.trim().is_empty()) else { return Ok(Some(Ok(None))) };
    let home = match &command.country {
        Some(given) => given.as_deref().and_then(|given| country("country", given).ok()),
        None => super::by_users(app, actor, &[id]).await?.remove(&id).and_then(|profile| profile.country),
    };
    Ok(Some(number("phone", phone, home.as_deref()).map(Some)))
}

async fn complete_in(
    app: &App,
    tx: &Transaction,
    id: UserId,
    client: &Client,
    command: &ProfileComplete,
    phone: Option<&Number>,
) -> Result<()> {
    // Of two changes of one profile the later sees what the earlier wrote.
    accounts::lock_in(tx, &[id]).await?;
    let (mut profile, mut bio) = load_in(tx, id).await?.ok_or_else(Error::unauthenticated)?;
    let bio_before = bio.clone();
    let mut errors = apply(app, command, phone, &mut profile, &mut bio);
    for field in missing(app, &profile, &bio) {
        // What is wrong is not missing, too.
        if !errors.iter().any(|error| error.path.last() == Some(&field.input())) {
            errors.push(UserError::input(field.input(), UserErrorCode::Blank));
        }
    }
    if !errors.is_empty() {
        return Err(Error::User(errors));
    }
    let now = app.clock.now();
    profile.updated_at = now;
    if profile.completed_at.is_none() {
        profile.completed_at = Some(now);
        activity::record_in(app, tx, id, ActivityKind::ProfileCompleted, client, None).await?;
    }
    if bio != bio_before {
        accounts::bio_set_in(app, tx, id, &bio).await?;
    }
    store_in(tx, &profile).await
}

/// Puts what was given into a profile; what is wrong stays as it was, and is told.
fn apply(
    app: &App,
    command: &ProfileComplete,
    phone: Option<&Number>,
    profile: &mut Model,
    bio: &mut String,
) -> Vec<UserError> {
    let mut errors = Vec::new();
    set(&mut errors, &mut profile.country, command.country.as_ref(), |value| country("country", value));
    set(&mut errors, &mut profile.state, command.state.as_ref(), |value| text::line("state", value, 50));
    set(&mut errors, &mut profile.city, command.city.as_ref(), |value| text::line("city", value, 100));
    set(&mut errors, &mut profile.address, command.address.as_ref(), |value| text::block("address", value, 500));
    set(&mut errors, &mut profile.skills, command.skills.as_ref(), |value| text::block("skills", value, 1000));
    match phone {
        None => {}
        Some(Err(error)) => errors.push(error.clone()),
        Some(Ok(phone)) if *phone == profile.phone => {}
        Some(Ok(phone)) => (profile.phone, profile.phone_verified_at) = (phone.clone(), None),
    }
    let mut own_words = Some(std::mem::take(bio));
    set(&mut errors, &mut own_words, command.bio.as_ref(), |value| text::block("bio", value, 500));
    *bio = own_words.unwrap_or_default();
    if let Some(date) = command.date_of_birth {
        let today = app.clock.now().date_naive();
        let earliest = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or(NaiveDate::MIN);
        match date {
            Some(date) if date < earliest || date >= today => {
                errors.push(UserError::invalid(ProfileField::DateOfBirth.input(), Reason::BirthDate));
            }
            date => profile.date_of_birth = date.map(|date| date.format("%Y-%m-%d").to_string()),
        }
    }
    match &command.hourly_rate {
        None => {}
        Some(None) => (profile.hourly_rate_minor, profile.hourly_rate_currency) = (None, None),
        Some(Some(rate)) => match rate.minor.filter(|minor| (0..=MAX_RATE_MINOR).contains(minor)) {
            None => errors.push(UserError::invalid(ProfileField::HourlyRate.input(), Reason::Currency)),
            minor => (profile.hourly_rate_minor, profile.hourly_rate_currency) = (minor, Some(rate.currency.clone())),
        },
    }
    if let Some(level) = command.experience_level {
        profile.experience_level = level.unwrap_or(ExperienceLevel::Entry);
    }
    if let Some(availability) = command.availability {
        profile.availability = availability.unwrap_or(Availability::FullTime);
    }
    errors
}

/// Sets, clears or leaves a text. An empty one is none.
fn set(
    errors: &mut Vec<UserError>,
    target: &mut Option<String>,
    value: Option<&Option<String>>,
    clean: impl Fn(&str) -> Result<String, UserError>,
) {
    let Some(value) = value else { return };
    match value.as_deref().filter(|value| !value.trim().is_empty()).map(clean).transpose() {
        Ok(value) => *target = value,
        Err(error) => errors.push(error),
    }
}

/// A country by its two letters, whatever their case. Kosovo has none of ISO 3166-1 yet; everybody writes XK.
pub(crate) fn country(field: &'static str, value: &str) -> Result<String, UserError> {
    let code = value.trim().to_ascii_uppercase();
    let known = code == "XK" || (code.len() == 2 && rust_iso3166::from_alpha2(&code).is_some());
    if known { Ok(code) } else { Err(UserError::invalid(field, Reason::Country)) }
}

/// A telephone number as E.164.
pub(super) fn number(field: &'static str, value: &str, country: Option<&str>) -> Result<String, UserError> {
    phone::e164(value, country).ok_or_else(|| UserError::invalid(field, Reason::Phone))
}
