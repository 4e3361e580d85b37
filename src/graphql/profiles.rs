//! The second step of joining, as clients see it.

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object};
use chrono::{DateTime, Utc};

use super::{
    accounts::User,
    engine::{
        context::RequestExt,
        error::{Nullable, answer, nullable, payload},
        loaders::loaders,
        scalars::{CountryCode, CurrencyCode, Date, Money, MoneyInput, PhoneNumber},
    },
    registration::{ById, Noun},
};
use crate::{
    domain::profiles::{self, HourlyRate, ProfileComplete},
    entity::{ProfileId, UserId, profile},
};

/// What profiles hand over.
pub(super) const GRAPH: Noun = Noun {
    ids: &[ById::loaded::<ProfilesByUser, Profile>(ProfileId::PREFIX)],
    texts: &[("Profile", "skills", 1_000)],
    short_texts: &["Profile.address", "Profile.city", "Profile.country", "Profile.phone", "Profile.state"],
    ..Noun::EMPTY
};

loaders! {
    /// Profiles that the viewer may see.
    ProfilesByUser: UserId => profile::Model = profiles::by_users;
    /// How far profiles that the viewer may see have come.
    Completions: UserId => profiles::Completion = profiles::completions;
}

/// How far somebody has come in what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::profile::ExperienceLevel")]
pub(crate) enum ExperienceLevel {
    /// At the beginning.
    Entry,
    /// Works without help.
    Intermediate,
    /// Works without help, and helps others.
    Senior,
    /// Known for it.
    Expert,
}

/// How much time somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::profile::Availability")]
pub(crate) enum Availability {
    /// Whole working days.
    FullTime,
    /// Part of the day or week.
    PartTime,
    /// For the time of a contract.
    Contract,
    /// Job by job.
    Freelance,
    /// None at present.
    Unavailable,
}

/// Something of a profile that can be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::domain::profiles::ProfileField")]
pub(crate) enum ProfileField {
    /// The telephone number: `Profile.phone`.
    Phone,
    /// The country: `Profile.country`.
    Country,
    /// State or province: `Profile.state`.
    State,
    /// The city: `Profile.city`.
    City,
    /// Street and house: `Profile.address`.
    Address,
    /// The date of birth: `Profile.dateOfBirth`.
    DateOfBirth,
    /// What the person can do: `Profile.skills`.
    Skills,
    /// What an hour of theirs costs: `Profile.hourlyRate`.
    HourlyRate,
    /// What they say about themselves: `User.bio`.
    Bio,
}

/// What only a person themselves, and staff who may see contacts, see of their profile.
pub(crate) struct Profile(profile::Model);

impl From<profile::Model> for Profile {
    fn from(profile: profile::Model) -> Self {
        Self(profile)
    }
}

/// What only a person themselves, and staff who may see contacts, see of their profile.
#[Object]
impl Profile {
    /// Opaque and typed: `profile_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        ProfileId(self.0.user_id.0).to_string().into()
    }

    /// The telephone number; null when none is given.
    async fn phone(&self) -> Option<PhoneNumber> {
        self.0.phone.as_deref().map(PhoneNumber::from)
    }

    /// Whether the number is proven theirs, by `phoneVerify`. Another number has to be proven again.
    async fn phone_verified(&self) -> bool {
        self.0.phone_verified_at.is_some()
    }

    /// The country; null when none is given.
    async fn country(&self) -> Option<CountryCode> {
        self.0.country.as_deref().map(CountryCode::from)
    }

    /// State or province, at most 50 characters; null when none is given.
    async fn state(&self) -> Option<&str> {
        self.0.state.as_deref()
    }

    /// City, at most 100 characters; null when none is given.
    async fn city(&self) -> Option<&str> {
        self.0.city.as_deref()
    }

    /// Street and house, at most 500 characters in several lines; null when none is given.
    async fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// The date of birth; null when none is given.
    async fn date_of_birth(&self) -> Option<Date> {
        self.0.date_of_birth.as_deref().and_then(Date::parse)
    }

    /// What they can do, at most 1,000 characters; null when none is given.
    async fn skills(&self) -> Option<&str> {
        self.0.skills.as_deref()
    }

    /// How far they have come in what they do.
    async fn experience_level(&self) -> ExperienceLevel {
        self.0.experience_level.into()
    }

    /// What an hour of theirs costs; null when none is given.
    async fn hourly_rate(&self) -> Option<Money> {
        let currency = CurrencyCode::parse(self.0.hourly_rate_currency.as_deref()?)?;
        Some(Money::from_minor(self.0.hourly_rate_minor?, currency))
    }

    /// How much time they have.
    async fn availability(&self) -> Availability {
        self.0.availability.into()
    }

    /// When `profileComplete` first went well; null before.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }
}

/// The second step of joining, or a later change of it. Absent leaves a field as it is; null clears it. What the operator
/// requires (`missingProfileFields`) has to be there afterwards.
#[derive(InputObject)]
pub(crate) struct ProfileCompleteInput {
    /// With its country code (`+20…`), or as it is written in the country of the profile. A number that was verified is
    /// not any more when it changes.
    phone: MaybeUndefined<PhoneNumber>,
    /// Where they live, by its code of ISO 3166-1.
    country: MaybeUndefined<CountryCode>,
    /// At most 50 characters.
    state: MaybeUndefined<String>,
    /// At most 100 characters.
    city: MaybeUndefined<String>,
    /// At most 500 characters, several lines.
    address: MaybeUndefined<String>,
    /// In the past, not before 1900.
    date_of_birth: MaybeUndefined<Date>,
    /// At most 1,000 characters.
    skills: MaybeUndefined<String>,
    /// Absent the first time, or null: `ENTRY`.
    experience_level: MaybeUndefined<ExperienceLevel>,
    /// Not negative, at most ten digits, no more behind the point than the currency has.
    hourly_rate: MaybeUndefined<MoneyInput>,
    /// Absent the first time, or null: `FULL_TIME`.
    availability: MaybeUndefined<Availability>,
    /// At most 500 characters; the same as `User.bio`.
    bio: MaybeUndefined<String>,
}

impl ProfileCompleteInput {
    fn command(self) -> ProfileComplete {
        let rate = |money: MoneyInput| HourlyRate {
            minor: money.amount.to_minor(money.currency.digits()),
            currency: money.currency.as_str().to_owned(),
        };
        ProfileComplete {
            phone: change(self.phone, String::from),
            country: change(self.country, String::from),
            state: change(self.state, |value| value),
            city: change(self.city, |value| value),
            address: change(self.address, |value| value),
            date_of_birth: change(self.date_of_birth, Date::day),
            skills: change(self.skills, |value| value),
            experience_level: change(self.experience_level, Into::into),
            hourly_rate: change(self.hourly_rate, rate),
            availability: change(self.availability, Into::into),
            bio: change(self.bio, |value| value),
        }
    }
}

/// `None` for absent, `Some(None)` for null.
fn change<T, U>(value: MaybeUndefined<T>, map: impl FnOnce(T) -> U) -> Option<Option<U>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(map(value))),
    }
}

payload! {
    /// What came of `profileComplete`.
    ProfileCompletePayload {
        /// The person, with the profile as it is now; null when `errors` is not empty.
        user: User
    }
}

/// The second step of joining.
#[derive(Default)]
pub(crate) struct ProfileMutation;

#[Object]
impl ProfileMutation {
    /// Completes one's own profile, or changes it later. Everything that is wrong, and everything that is required and
    /// missing (BLANK), is told at once, and then nothing is stored. Codes: BLANK, TOO_LONG, INVALID, INVALID_CHARACTERS.
    async fn profile_complete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to write down.")] input: ProfileCompleteInput,
    ) -> Nullable<ProfileCompletePayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            answer(request, profiles::profile_complete(app, actor, client, input.command()).await)
        })
        .await
    }
}
