//! Saved ways to pay: what a provider calls a card that its own program in the browser took, never the card itself; and
//! ways without a provider, as a mere preference.
//!
//! A card is saved in three steps: a row is reserved, which nobody can use; the provider is told; its answer is written
//! into the row. Whoever dies in between leaves a row that is removed already, and the same key goes on with it.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder, Select, SelectExt,
    sea_query::{Expr, Query},
};

use super::{gateways, jobs::ForgetMethod, short};
use crate::{
    app::App,
    catalogue::Text,
    domain::{
        Idempotent, accounts,
        actor::Actor,
        idempotency::{self, Claim, Fingerprint, claim_in},
        jobs::{self, Lane},
    },
    entity::{
        PaymentMethodId, UserId, job,
        payment::ProviderKind,
        payment_method::{ActiveModel, Column, Entity, MethodKind, Model as Method},
    },
    error::{Code, Error, Refusal, Result, UserError, UserErrorCode},
    platform::{
        db::{Transaction, any_id},
        providers::payments::{Failure, Gateway, SavedMethod},
        text,
    },
};

/// How long a provider that is down is asked to forget.
const GIVE_UP_AFTER: chrono::TimeDelta = chrono::TimeDelta::days(14);
/// How many ways to pay somebody may have saved.
const MOST: i64 = 20;
/// Most characters of a token.
const LONGEST_TOKEN: usize = 255;
const ADD: &str = "paymentMethodAdd";

/// A way to pay that is to be saved.
#[derive(Debug, Clone)]
pub(crate) struct MethodAdd {
    /// Who moves the money.
    pub provider: ProviderKind,
    /// What it is.
    pub kind: MethodKind,
    /// What the provider's own program in the browser made; for ways that a provider knows.
    pub token: Option<String>,
    /// Whether it is to be offered first; the first one always is.
    pub is_default: bool,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

async fn find(app: &App, id: PaymentMethodId) -> Result<Option<Method>> {
    app.db.one(Entity::find_by_id(id)).await
}

/// A person's own, those that they removed included.
fn of(user: UserId) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user))
}

/// Those of them that are not removed.
fn kept(user: UserId) -> Select<Entity> {
    of(user).filter(Column::RemovedAt.is_null())
}

/// The actor's saved ways to pay, the default first, then the newest.
pub(crate) async fn payment_methods(app: &App, actor: &Actor) -> Result<Vec<Method>> {
    let user = actor.require_user()?.id;
    let default_first = kept(user).order_by_desc(Column::IsDefault);
    app.db.all(default_first.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id)).await
}

/// The actor's own ways to pay by id, those that they removed included.
pub(crate) async fn payment_methods_by_id(
    app: &App,
    actor: &Actor,
    ids: &[PaymentMethodId],
) -> Result<HashMap<PaymentMethodId, Method>> {
    let Some(user) = actor.user_id() else { return Ok(HashMap::new()) };
    let found = app.db.all(of(user).filter(any_id(Column::Id, ids))).await?;
    Ok(found.into_iter().map(|method| (method.id, method)).collect())
}

// ----------------------------------------------------------------------------------------------------------- saving

/// Saves a way to pay of the actor's. Codes: PROVIDER_NOT_AVAILABLE, PAYMENT_REFUSED, ALREADY_EXISTS, TOO_MANY, BLANK,
/// TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED. UNAVAILABLE when the provider can't be reached.
pub(crate) async fn payment_method_add(app: &App, actor: &Actor, command: MethodAdd) -> Result<Idempotent<Method>> {
    let user = actor.require_user()?.id;
    let unavailable = || UserError::input("provider", UserErrorCode::ProviderNotAvailable);
    let gateway = app.payments.gateway(command.provider.as_str());
    let fits = match command.provider {
        ProviderKind::Wallet => command.kind == MethodKind::Wallet,
        ProviderKind::CashOnDelivery => command.kind == MethodKind::CashOnDelivery,
        ProviderKind::BankTransfer => command.kind == MethodKind::BankTransfer,
        ProviderKind::Paypal => command.kind == MethodKind::Paypal && gateway.is_some_and(Gateway::saves_methods),
        _ => command.kind == MethodKind::Card && gateway.is_some_and(Gateway::saves_methods),
    };
    if !fits || !gateways::is_offered(app, command.provider) {
        return Err(unavailable().into());
    }
    let token = text::line("token", command.token.as_deref().unwrap_or_default(), LONGEST_TOKEN)?;
    if gateway.is_some() {
        text::required("token", token.clone())?;
    }
    let reserved = reserve(app, user, &command, &token, gateway.is_none()).await?;
    app.fail_points.reach("method.reserved").await;
    let method = find(app, reserved.value).await?.filter(|method| method.user_id == user);
    let method = method.ok_or_else(super::not_found)?;
    let is_reserved = method.provider_reference.is_none() && method.removed_at.is_some();
    let Some(gateway) = gateway.filter(|_| is_reserved) else {
        return Ok(Idempotent { value: method, replayed: reserved.replayed });
    };
    let saved = match save(app, gateway, command.provider, user, &token).await {
        Ok(saved) => saved,
        Err(Failure::Unavailable(cause)) => {
            tracing::warn!(method = %method.id, cause, "the provider could not be told of a way to pay");
            let refusal = Refusal::of(Code::Unavailable, Text::PaymentProviderUnavailableWithKey);
            return Err(Error::Refused(refusal));
        }
        Err(Failure::Refused(cause)) => {
            forget_reserved(app, user, &command, method.id).await?;
            return Err(UserError::input("token", UserErrorCode::PaymentRefused).with("reason", short(&cause)).into());
        }
    };
    app.fail_points.reach("method.answered").await;
    let recorded = app.db.transact(async |tx| record_in(app, &tx, &command, &method, &saved).await).await?;
    if !recorded {
        return Err(too_many());
    }
    let method = find(app, method.id).await?.ok_or_else(super::not_found)?;
    Ok(Idempotent { value: method, replayed: reserved.replayed })
}

fn too_many() -> Error {
    UserError::whole(UserErrorCode::TooMany).with("max", MOST).into()
}

async fn count_in(tx: &Transaction, user: UserId) -> Result<i64> {
    Ok(kept(user).count(tx).await?.cast_signed())
}

/// Writes the row of a way to pay: at once usable where no provider knows it, else as removed until the provider has it.
async fn reserve(
    app: &App,
    user: UserId,
    command: &MethodAdd,
    token: &str,
    at_once: bool,
) -> Result<Idempotent<PaymentMethodId>> {
    let id = PaymentMethodId(app.ids.next(app.clock.now()));
    let input = input(command, token);
    app.db
        .transact(async |tx| {
            accounts::lock_in(&tx, &[user]).await?;
            let claim = claim_in(app, &tx, user, ADD, command.idempotency_key.as_deref(), &input, id.0).await?;
            if let Claim::Replay(earlier) = claim {
                return Ok(Idempotent { value: PaymentMethodId(earlier), replayed: true });
            }
            if count_in(&tx, user).await? >= MOST {
                return Err(too_many());
            }
            let same = kept(user).filter(Column::Provider.eq(command.provider));
            if at_once && same.exists(&tx).await? {
                return Err(UserError::input("provider", UserErrorCode::AlreadyExists).into());
            }
            let now = app.clock.now();
            let row = ActiveModel {
                id: Set(id),
                user_id: Set(user),
                kind: Set(command.kind),
                provider: Set(command.provider),
                created_at: Set(now),
                removed_at: Set((!at_once).then_some(now)),
                ..Default::default()
            };
            Entity::insert(row).exec_without_returning(&tx).await?;
            if at_once {
                choose_in(&tx, user, id, command.is_default).await?;
            }
            Ok(Idempotent { value: id, replayed: false })
        })
        .await
}

/// With the token as it is used.
fn input(command: &MethodAdd, token: &str) -> Fingerprint {
    let (provider, kind, is_default) = (command.provider.as_str(), command.kind.as_str(), command.is_default);
    Fingerprint::v1()
        .field("provider", provider)
        .field("kind", kind)
        .field("token", token)
        .field("isDefault", is_default)
        .before_versions(format!("{provider} {kind} {token} {is_default}"))
}

async fn save(
    app: &App,
    gateway: &dyn Gateway,
    provider: ProviderKind,
    user: UserId,
    token: &str,
) -> Result<SavedMethod, Failure> {
    let customer = gateways::customer(app, gateway, provider, user).await?;
    gateway.save_method(&customer, token).await
}

/// What the provider refused leaves nothing behind: not even its key.
async fn forget_reserved(app: &App, user: UserId, command: &MethodAdd, id: PaymentMethodId) -> Result<()> {
    app.db
        .transact(async |tx| {
            Entity::delete_many().filter(Column::Id.eq(id)).filter(is_reserved()).exec(&tx).await?;
            idempotency::release_in(&tx, user, ADD, command.idempotency_key.as_deref()).await
        })
        .await
}

/// That a row is reserved: no provider has it yet, and nobody can use it.
fn is_reserved() -> Expr {
    Column::ProviderReference.is_null().and(Column::RemovedAt.is_not_null())
}

/// Makes a reserved row usable. False when there are too many meanwhile; then the provider is to forget it.
async fn record_in(
    app: &App,
    tx: &Transaction,
    command: &MethodAdd,
    method: &Method,
    saved: &SavedMethod,
) -> Result<bool> {
    accounts::lock_in(tx, &[method.user_id]).await?;
    if count_in(tx, method.user_id).await? >= MOST {
        forget_in(app, tx, method.provider, &saved.reference).await?;
        return Ok(false);
    }
    let cut =
        |text: &Option<String>, most: usize| text.as_ref().map(|text| text.chars().take(most).collect::<String>());
    let usable = ActiveModel {
        provider_reference: Set(Some(saved.reference.clone())),
        brand: Set(cut(&saved.brand, 40)),
        last_four: Set(cut(&saved.last_four, 4)),
        removed_at: Set(None),
        ..Default::default()
    };
    let changed =
        Entity::update_many().set(usable).filter(Column::Id.eq(method.id)).filter(is_reserved()).exec(tx).await?;
    // Else a call with the same key was faster.
    if changed.rows_affected == 1 {
        choose_in(tx, method.user_id, method.id, command.is_default).await?;
    }
    Ok(true)
}

/// Makes a way to pay the default, if that is wanted or there is none. The person is locked.
async fn choose_in(tx: &Transaction, user: UserId, id: PaymentMethodId, is_wanted: bool) -> Result<()> {
    if is_wanted {
        Entity::update_many()
            .set(ActiveModel { is_default: Set(false), ..Default::default() })
            .filter(Column::UserId.eq(user))
            .filter(Expr::col(Column::IsDefault))
            .filter(Column::Id.ne(id))
            .exec(tx)
            .await?;
    }
    let mut default = Query::select();
    default.column(("other", Column::Id)).from_as(Entity, "other");
    default.and_where(Expr::col(("other", Column::UserId)).eq(user)).and_where(Expr::col(("other", Column::IsDefault)));
    Entity::update_many()
        .set(ActiveModel { is_default: Set(true), ..Default::default() })
        .filter(Column::Id.eq(id))
        .filter(Column::RemovedAt.is_null())
        .filter(Expr::not_exists(default))
        .exec(tx)
        .await?;
    Ok(())
}

// --------------------------------------------------------------------------------------------------------- changing

/// Locks the actor and finds a way to pay of theirs that is not removed. Code: NOT_FOUND.
async fn own_in(tx: &Transaction, user: UserId, id: PaymentMethodId) -> Result<Method> {
    accounts::lock_in(tx, &[user]).await?;
    kept(user).filter(Column::Id.eq(id)).one(tx).await?.ok_or_else(super::not_found)
}

/// A way to pay of the actor's is to be offered first. Code: NOT_FOUND.
pub(crate) async fn payment_method_set_default(app: &App, actor: &Actor, id: PaymentMethodId) -> Result<Method> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            own_in(&tx, user, id).await?;
            choose_in(&tx, user, id, true).await
        })
        .await?;
    find(app, id).await?.ok_or_else(super::not_found)
}

/// A way to pay of the actor's goes; of the others, the newest becomes the default if this one was. Code: NOT_FOUND.
pub(crate) async fn payment_method_remove(app: &App, actor: &Actor, id: PaymentMethodId) -> Result<Method> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            let method = own_in(&tx, user, id).await?;
            let removed_at = Set(Some(app.clock.now()));
            let removed = ActiveModel { id: Set(id), removed_at, is_default: Set(false), ..Default::default() };
            Entity::update(removed).exec_without_returning(&tx).await?;
            let newest = kept(user).order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
            if method.is_default
                && let Some(newest) = newest.one(&tx).await?
            {
                choose_in(&tx, user, newest.id, true).await?;
            }
            match &method.provider_reference {
                Some(reference) => forget_in(app, &tx, method.provider, reference).await,
                None => Ok(()),
            }
        })
        .await?;
    find(app, id).await?.ok_or_else(super::not_found)
}

// ------------------------------------------------------------------------------------------------------- forgetting

/// The provider is to forget a way to pay.
async fn forget_in(app: &App, tx: &Transaction, provider: ProviderKind, reference: &str) -> Result<()> {
    let job = ForgetMethod { provider: provider.as_str().to_owned(), reference: reference.to_owned() };
    jobs::enqueue_in_lane(app, tx, Lane::Provider(provider), &job).await
}

/// The providers of a person who is about to be deleted are to forget their ways to pay; the rows go.
pub(super) async fn erase_in(app: &App, tx: &Transaction, user: UserId) -> Result<()> {
    for method in Entity::delete_many().filter(Column::UserId.eq(user)).exec_with_returning(tx).await? {
        // The provider was told already of those that were removed.
        if let Some(reference) = method.provider_reference.filter(|_| method.removed_at.is_none()) {
            forget_in(app, tx, method.provider, &reference).await?;
        }
    }
    Ok(())
}

impl jobs::Job for ForgetMethod {
    const KIND: &'static str = "forget_method";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        forget(app, job, self).await
    }
}

/// Has a provider forget a way to pay. Harmless when repeated.
async fn forget(app: &App, job: &job::Model, told: ForgetMethod) -> Result<()> {
    let ForgetMethod { provider, reference } = told;
    // The same card, saved again, may have the same name.
    let same = Entity::find()
        .filter(Column::Provider.eq(provider.as_str()))
        .filter(Column::ProviderReference.eq(reference.as_str()))
        .filter(Column::RemovedAt.is_null());
    let used = app.db.one(same).await?;
    if used.is_none()
        && let Some(gateway) = app.payments.gateway(&provider)
    {
        match gateway.forget_method(&reference).await {
            Ok(()) => {}
            Err(Failure::Refused(cause)) => {
                tracing::warn!(provider, cause, "the provider would not forget a way to pay");
            }
            Err(Failure::Unavailable(cause)) => return jobs::put_off(app, job, &cause, GIVE_UP_AFTER).await,
        }
    }
    app.db.transact(async |tx| jobs::finish_in(&tx, job.id).await).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let (provider, kind) = (ProviderKind::Stripe, MethodKind::Card);
        let command = MethodAdd { provider, kind, token: None, is_default: true, idempotency_key: None };
        assert_eq!(
            input(&command, "tok_1").texts(),
            (
                "provider 6 stripe\n\
                 kind 4 card\n\
                 token 5 tok_1\n\
                 isDefault 4 true\n",
                "stripe card tok_1 true"
            )
        );
    }
}
