//! Where money goes when it leaves: bank accounts, whose numbers are sealed.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Select, sea_query::LockType,
};
use serde::{Deserialize, Serialize};

use super::{check_currency, iban};
use crate::{
    app::App,
    domain::{
        Idempotent, accounts, activity,
        actor::{Actor, Client},
        auth,
        idempotency::{Claim, Fingerprint, claim_in},
        messages::{Message, Template},
        profiles,
    },
    entity::{
        Currency, PayoutMethodId, UserId,
        activity::ActivityKind,
        payout_method::{self, Column, Entity},
    },
    error::{Error, Reason, Result, UserError, UserErrorCode},
    platform::{
        crypto::hex,
        db::{Transaction, any_id},
        text,
    },
};

/// A bank account, without its number.
pub(crate) type PayoutMethod = payout_method::Model;

/// How many one person can have.
const MOST: i64 = 20;

/// What a bank has to know to pay. Sealed wherever it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BankDetails {
    /// Whose account it is at the bank.
    pub holder: String,
    /// The number, of countries that have IBANs.
    pub iban: Option<String>,
    /// The number, of others.
    pub account_number: Option<String>,
}

impl std::fmt::Debug for BankDetails {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BankDetails").finish_non_exhaustive()
    }
}

impl BankDetails {
    fn seal(&self, app: &App, method: PayoutMethodId) -> Result<Vec<u8>> {
        app.keys.seal(&format!("payout_method {method}"), &serde_json::to_vec(self)?)
    }

    /// Of a method, or of a withdrawal to it; `None` where they were forgotten with their owner.
    pub(super) fn open(app: &App, method: PayoutMethodId, sealed: &[u8]) -> Result<Option<Self>> {
        if sealed.is_empty() {
            return Ok(None);
        }
        let bytes = app.keys.open(&format!("payout_method {method}"), sealed)?;
        Ok(Some(serde_json::from_slice(&bytes)?))
    }
}

/// Which account of a bank, as it was typed.
#[derive(Clone)]
pub(crate) enum BankAccount {
    /// By its IBAN.
    Iban(String),
    /// By its number, in countries without IBANs.
    Number(String),
}

/// A bank account that is to be added.
#[derive(Clone)]
pub(crate) struct PayoutMethodAdd {
    /// Whose account it is at the bank.
    pub holder: String,
    /// The account by its number: an IBAN, or another where the country has none.
    pub account: BankAccount,
    /// The bank's name, at most 100 characters.
    pub bank_name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Which currency it takes.
    pub currency: Currency,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

impl PayoutMethodAdd {
    /// What is compared when a key comes again. Keyed, because what is kept of it must not tell a number to whoever tries
    /// them all. It is a hash of values in their order, without names.
    fn input(&self, app: &App) -> Fingerprint {
        let parts = [&self.holder, &self.bank_name, &self.country].map(String::as_str);
        let numbers = match &self.account {
            BankAccount::Iban(iban) => [iban.as_str(), ""],
            BankAccount::Number(number) => ["", number.as_str()],
        };
        let parts = [&parts[..], &numbers[..], &[self.currency.as_str()]].concat();
        let sealed = hex(&app.keys.fingerprint("payout_method", &parts));
        Fingerprint::v1().field("details", &sealed).before_versions(sealed)
    }
}

/// What a wish to add an account comes to.
struct Checked {
    details: BankDetails,
    last_four: String,
    bank_name: String,
    country: String,
}

fn check(command: &PayoutMethodAdd) -> Result<Checked> {
    let mut errors = Vec::new();
    let mut keep = |result: Result<String, UserError>| {
        result.unwrap_or_else(|error| {
            errors.push(error);
            String::new()
        })
    };
    let line = |field, text: &str| text::line(field, text, 100).and_then(|text| text::required(field, text));
    let holder = keep(line("holder", &command.holder));
    let bank_name = keep(line("bankName", &command.bank_name));
    let country = keep(profiles::country("country", &command.country));
    let (is_iban, number) = match &command.account {
        BankAccount::Iban(text) => (true, iban::iban(text).ok_or_else(|| UserError::invalid("iban", Reason::Iban))),
        BankAccount::Number(text) => {
            let number = iban::other(text);
            match number {
                Some(number) if !iban::looks_like_one(&number) => (false, Ok(number)),
                Some(number) => {
                    let checked = iban::iban(&number);
                    (true, checked.ok_or_else(|| UserError::invalid("accountNumber", Reason::Iban)))
                }
                None => (false, Err(UserError::invalid("accountNumber", Reason::AccountNumber))),
            }
        }
    };
    let number = keep(number);
    if !errors.is_empty() {
        return Err(Error::User(errors));
    }
    let last_four = number[number.len() - 4..].to_owned();
    let (iban, account_number) = if is_iban { (Some(number), None) } else { (None, Some(number)) };
    Ok(Checked { details: BankDetails { holder, iban, account_number }, last_four, bank_name, country })
}

/// Adds a bank account of the actor's; they are told. Needs a recent authentication. Codes: BLANK, TOO_LONG,
/// INVALID_CHARACTERS, INVALID, CURRENCY_MISMATCH, TOO_MANY, IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn payout_method_add(
    app: &App,
    actor: &Actor,
    client: &Client,
    command: PayoutMethodAdd,
) -> Result<Idempotent<PayoutMethod>> {
    let user = auth::require_recent_authentication(app, actor).await?.id;
    check_currency(app, "currency", command.currency)?;
    let Checked { details, last_four, bank_name, country } = check(&command)?;
    let now = app.clock.now();
    let id = PayoutMethodId(app.ids.next(now));
    let sealed_details = details.seal(app, id)?;
    let method = PayoutMethod {
        id,
        user_id: user,
        bank_name,
        country,
        currency: command.currency,
        last_four,
        sealed_details,
        created_at: now,
        removed_at: None,
    };
    let (key, input) = (command.idempotency_key.as_deref(), command.input(app));
    app.db
        .transact(async |tx| {
            if let Claim::Replay(id) = claim_in(app, &tx, user, "payoutMethodAdd", key, &input, id.0).await? {
                let found = Entity::find_by_id(PayoutMethodId(id)).one(&tx).await?;
                return Ok(Idempotent { value: found.ok_or_else(|| Error::not_found("id"))?, replayed: true });
            }
            accounts::lock_in(&tx, &[user]).await?;
            insert_in(&tx, &method).await?;
            let what = format!("{} …{}", method.bank_name, method.last_four);
            activity::record_in(app, &tx, user, ActivityKind::PayoutMethodAdded, client, Some(&what)).await?;
            let message = Message::email("", "", Template::PayoutMethodAdded).with("what", what);
            accounts::email_in(app, &tx, user, message).await?;
            Ok(Idempotent { value: method.clone(), replayed: false })
        })
        .await
}

/// A person's bank accounts that are not removed.
fn own(user: UserId) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user)).filter(Column::RemovedAt.is_null())
}

#[derive(FromQueryResult)]
struct Counted {
    count: i64,
}

async fn insert_in(tx: &Transaction, method: &PayoutMethod) -> Result<()> {
    let count = own(method.user_id).select_only().expr_as(Column::Id.count(), "count");
    let counted = count.into_model::<Counted>().one(tx).await?;
    if counted.is_some_and(|counted| counted.count >= MOST) {
        return Err(UserError::whole(UserErrorCode::TooMany).with("max", MOST).into());
    }
    Entity::insert(method.clone().into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Removes a bank account of the actor's: its number is forgotten at once, but for withdrawals to it. Code: NOT_FOUND.
pub(crate) async fn payout_method_remove(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PayoutMethodId,
) -> Result<PayoutMethod> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            let found = own(user).filter(Column::Id.eq(id)).lock(LockType::NoKeyUpdate).one(&tx).await?;
            let method = found.ok_or_else(|| Error::not_found("id"))?;
            let now = app.clock.now();
            let removed = payout_method::ActiveModel {
                removed_at: Set(Some(now)),
                sealed_details: Set(Vec::new()),
                ..Default::default()
            };
            Entity::update_many().set(removed).filter(Column::Id.eq(id)).exec(&tx).await?;
            let what = format!("{} …{}", method.bank_name, method.last_four);
            activity::record_in(app, &tx, user, ActivityKind::PayoutMethodRemoved, client, Some(&what)).await?;
            Ok(PayoutMethod { removed_at: Some(now), ..method })
        })
        .await
}

/// The actor's bank accounts, newest first.
pub(crate) async fn payout_methods(app: &App, actor: &Actor) -> Result<Vec<PayoutMethod>> {
    let user = actor.require_user()?.id;
    app.db.read(own(user).order_by_desc(Column::CreatedAt).order_by_desc(Column::Id)).await
}

/// The actor's own bank accounts by id, removed ones included.
pub(crate) async fn payout_methods_by_id(
    app: &App,
    actor: &Actor,
    ids: &[PayoutMethodId],
) -> Result<HashMap<PayoutMethodId, PayoutMethod>> {
    let Ok(viewer) = actor.require_user() else { return Ok(HashMap::new()) };
    let found = Entity::find().filter(Column::UserId.eq(viewer.id)).filter(any_id(Column::Id, ids));
    Ok(app.db.all(found).await?.into_iter().map(|method| (method.id, method)).collect())
}

/// One of a person's bank accounts that is not removed.
pub(super) async fn find_in(tx: &Transaction, user: UserId, id: PayoutMethodId) -> Result<Option<PayoutMethod>> {
    Ok(own(user).filter(Column::Id.eq(id)).one(tx).await?)
}
