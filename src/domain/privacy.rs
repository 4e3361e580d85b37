//! Privacy: everything held about a person, to take along; and leaving for good.
//!
//! Owns `account_exports` and `account_deletions`. Each domain hands over what it holds and how it forgets; this one
//! goes through them. Leaving takes effect after a time in which one may change one's mind. Then likes,
//! notifications, credentials, sessions and everything else that is only the person's own is gone; posts and comments
//! stay, without an author, because others have answered them.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder, Select,
    sea_query::Expr,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        accounts, activity,
        actor::{Actor, Client},
        auth,
        jobs::{self, Handler, Job, Lane},
        messages::{Message, Template},
        registration::{DOMAINS, Domain, Retention, Schedule},
    },
    entity::{AccountExportId, UserId, account_deletion, account_export, activity::ActivityKind, job},
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        archive::Archive,
        db::{Transaction, any_id},
    },
};

/// What privacy hands over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["account_exports", "account_deletions"],
    jobs: &[Handler::of::<MakeExport>()],
    schedules: &[Schedule { name: "erase", every: TimeDelta::hours(1), run: |app| Box::pin(run(app)) }],
    retentions: &[Retention { what: "exports", prune: |app| Box::pin(prune(app)) }],
    ..Domain::named("privacy")
};

async fn run(app: &App) -> Result<()> {
    let accounts = erase_due(app).await?;
    if accounts > 0 {
        tracing::info!(accounts, "accounts whose owners left are gone");
    }
    Ok(())
}

/// How long an archive can be fetched.
const KEPT: TimeDelta = TimeDelta::days(3);
/// How long after one the next archive can be asked for.
const COOL_DOWN: TimeDelta = TimeDelta::hours(24);
const LINK: &str = "account_export";

// ------------------------------------------------------------------------------------------------------- taking along

/// An archive as it is told of: without its bytes, which only who has its link fetches.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "account_export::Entity")]
pub(crate) struct ExportRow {
    /// The archive's id.
    pub id: AccountExportId,
    /// When they asked.
    pub requested_at: DateTime<Utc>,
    /// When it was made.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it goes.
    pub expires_at: DateTime<Utc>,
}

/// Makes an archive.
#[derive(Serialize, Deserialize)]
struct MakeExport {
    export: Uuid,
}

impl Job for MakeExport {
    const KIND: &'static str = "account_export";
    const LANE: Lane = Lane::Bulk;

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        make_export(app, job, AccountExportId(self.export)).await
    }
}

/// Asks for an archive of everything held about the actor; a message tells when it is there. Needs a recent
/// authentication. Code: TOO_SOON.
pub(crate) async fn account_export(app: &App, actor: &Actor, client: &Client) -> Result<ExportRow> {
    let user = auth::require_recent_authentication(app, actor).await?.id;
    app.db
        .transact(async |tx| {
            let now = app.clock.now();
            accounts::lock_in(&tx, &[user]).await?;
            let last = account_export::Entity::find()
                .filter(account_export::Column::UserId.eq(user))
                .order_by_desc(account_export::Column::RequestedAt)
                .one(&tx)
                .await?;
            if let Some(again) = last.map(|last| last.requested_at + COOL_DOWN).filter(|again| *again > now) {
                let at = again.format("%Y-%m-%d %H:%M UTC").to_string();
                return Err(UserError::whole(UserErrorCode::TooSoon).with("at", at).retry_after(again - now).into());
            }
            let export = account_export::ActiveModel {
                id: Set(AccountExportId(app.ids.next(now))),
                user_id: Set(user),
                archive: Set(None),
                requested_at: Set(now),
                completed_at: Set(None),
                expires_at: Set(now + KEPT),
            };
            let export = export.insert(&tx).await?;
            activity::record_in(app, &tx, user, ActivityKind::ExportRequested, client, None).await?;
            jobs::enqueue_in(app, &tx, &MakeExport { export: export.id.0 }).await?;
            let account_export::Model { id, requested_at, completed_at, expires_at, .. } = export;
            Ok(ExportRow { id, requested_at, completed_at, expires_at })
        })
        .await
}

/// Gathers an archive and tells its owner. Harmless when repeated.
async fn make_export(app: &App, job: &job::Model, id: AccountExportId) -> Result<()> {
    let found = app.db.one(account_export::Entity::find_by_id(id)).await?;
    let Some(export) = found.filter(|export| export.completed_at.is_none()) else {
        // Made before, or its owner is gone.
        return app.db.transact(async |tx| jobs::finish_in(&tx, job.id).await).await;
    };
    let mut archive = Archive::default();
    for domain in DOMAINS {
        for table in domain.exports {
            table.write(app, export.user_id, &mut archive).await?;
        }
    }
    let bytes = archive.finish()?;
    app.db
        .transact(async |tx| {
            let now = app.clock.now();
            let made = account_export::Entity::update_many()
                .col_expr(account_export::Column::Archive, Expr::val(bytes.clone()))
                .col_expr(account_export::Column::CompletedAt, Expr::val(now))
                .col_expr(account_export::Column::ExpiresAt, Expr::val(now + KEPT))
                .filter(account_export::Column::Id.eq(id))
                .filter(account_export::Column::CompletedAt.is_null())
                .exec(&tx)
                .await?;
            if made.rows_affected == 1 {
                let message = Message::email("", "", Template::ExportReady)
                    .with("link", download_link(app, id))
                    .with("at", (now + KEPT).format("%Y-%m-%d %H:%M UTC"));
                accounts::email_in(app, &tx, export.user_id, message).await?;
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

/// The actor's newest archive, as long as it is kept.
pub(crate) async fn latest_export(app: &App, actor: &Actor) -> Result<Option<ExportRow>> {
    let user = actor.require_user()?.id;
    app.db.read_one(kept(app, user).order_by_desc(account_export::Column::RequestedAt)).await
}

/// The actor's archives by id, as long as they are kept.
pub(crate) async fn exports_by_id(
    app: &App,
    actor: &Actor,
    ids: &[AccountExportId],
) -> Result<HashMap<AccountExportId, ExportRow>> {
    let Ok(user) = actor.require_user().map(|user| user.id) else { return Ok(HashMap::new()) };
    let named = kept(app, user).filter(any_id(account_export::Column::Id, ids));
    let found: Vec<ExportRow> = app.db.read(named).await?;
    Ok(found.into_iter().map(|export| (export.id, export)).collect())
}

/// A person's archives, as long as they are kept.
fn kept(app: &App, user: UserId) -> Select<account_export::Entity> {
    account_export::Entity::find()
        .filter(account_export::Column::UserId.eq(user))
        .filter(account_export::Column::ExpiresAt.gt(app.clock.now()))
}

/// Where an archive is fetched: whoever has the link, has the archive, until it goes.
#[must_use]
pub(crate) fn download_link(app: &App, id: AccountExportId) -> String {
    let seal = app.keys.fingerprint(LINK, &[&id.to_string()]);
    let token = URL_SAFE_NO_PAD.encode([id.0.as_bytes().as_slice(), &seal].concat());
    format!("{}/exports/{token}", app.config.base_url())
}

/// The archive of a link's token, as long as it is kept.
pub(crate) async fn download(app: &App, token: &str) -> Result<Option<Vec<u8>>> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == 16 + 32);
    let Some((id, seal)) = bytes.as_deref().map(|bytes| bytes.split_at(16)) else { return Ok(None) };
    let Ok(id) = Uuid::from_slice(id).map(AccountExportId) else { return Ok(None) };
    if !app.keys.fingerprint_verify(LINK, &[&id.to_string()], seal) {
        return Ok(None);
    }
    let found = app.db.one(account_export::Entity::find_by_id(id)).await?;
    Ok(found.filter(|export| export.expires_at > app.clock.now()).and_then(|export| export.archive))
}

// ------------------------------------------------------------------------------------------------------------ leaving

/// The actor wants to leave: it happens after the time to change one's mind; asking again changes nothing. Needs a recent
/// authentication. Codes: LAST_OWNER, WALLET_NOT_EMPTY.
pub(crate) async fn account_delete(app: &App, actor: &Actor, client: &Client) -> Result<DateTime<Utc>> {
    let user = auth::require_recent_authentication(app, actor).await?.id;
    app.db
        .transact(async |tx| {
            let now = app.clock.now();
            accounts::lock_in(&tx, &[user]).await?;
            if let Some(earlier) = account_deletion::Entity::find_by_id(user).one(&tx).await? {
                return Ok(earlier.due_at);
            }
            if auth::is_last_owner_in(&tx, user).await? {
                return Err(UserError::whole(UserErrorCode::LastOwner).into());
            }
            if has_money_in(app, &tx, user).await? {
                return Err(UserError::whole(UserErrorCode::WalletNotEmpty).into());
            }
            let due_at = now + app.config.account_deletion_delay;
            let row = account_deletion::ActiveModel { user_id: Set(user), requested_at: Set(now), due_at: Set(due_at) };
            row.insert(&tx).await?;
            activity::record_in(app, &tx, user, ActivityKind::DeletionRequested, client, None).await?;
            let at = due_at.format("%Y-%m-%d %H:%M UTC");
            accounts::email_in(app, &tx, user, Message::email("", "", Template::DeletionScheduled).with("at", at))
                .await?;
            Ok(due_at)
        })
        .await
}

/// The actor stays after all; false when they had not wanted to leave.
pub(crate) async fn account_delete_cancel(app: &App, actor: &Actor, client: &Client) -> Result<bool> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            // Not while the account is being erased.
            accounts::lock_in(&tx, &[user]).await?;
            if account_deletion::Entity::delete_by_id(user).exec(&tx).await?.rows_affected == 0 {
                return Ok(false);
            }
            activity::record_in(app, &tx, user, ActivityKind::DeletionCancelled, client, None).await?;
            accounts::email_in(app, &tx, user, Message::email("", "", Template::DeletionCancelled)).await?;
            Ok(true)
        })
        .await
}

/// When the actor's account is going to be deleted.
pub(crate) async fn deletion_due(app: &App, actor: &Actor) -> Result<Option<DateTime<Utc>>> {
    let user = actor.require_user()?.id;
    Ok(app.db.one(account_deletion::Entity::find_by_id(user)).await?.map(|row| row.due_at))
}

/// Deletes the accounts whose time has come, each in a transaction of its own; gives how many went. Run on a schedule.
pub async fn erase_due(app: &App) -> Result<u64> {
    let due = account_deletion::Entity::find()
        .filter(account_deletion::Column::DueAt.lte(app.clock.now()))
        .order_by_asc(account_deletion::Column::DueAt);
    let mut erased = 0;
    for row in app.db.all(due).await? {
        match erase(app, row.user_id).await {
            Ok(true) => erased += 1,
            Ok(false) => {}
            // One that fails keeps nobody else's promise from being kept.
            Err(error) => tracing::error!(user = %row.user_id, %error, "an account could not be erased"),
        }
    }
    Ok(erased)
}

/// Whether there is money of a person's anywhere.
async fn has_money_in(app: &App, tx: &Transaction, user: UserId) -> Result<bool> {
    for domain in DOMAINS {
        if (domain.holds_money_in)(app, tx, user).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends what can't go on without a person; false as soon as one domain finds that they have to stay.
async fn leave_in(app: &App, tx: &Transaction, user: UserId) -> Result<bool> {
    for domain in DOMAINS {
        if !(domain.leave_in)(app, tx, user).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Everything about one person goes, or, where others depend on it, loses its owner. False when they changed their mind,
/// or there is money of theirs.
async fn erase(app: &App, user: UserId) -> Result<bool> {
    let ended = app
        .db
        .transact(async |tx| {
            tx.without_time_limit().await?;
            accounts::lock_in(&tx, &[user]).await?;
            let due = account_deletion::Column::DueAt.lte(app.clock.now());
            if account_deletion::Entity::find_by_id(user).filter(due).one(&tx).await?.is_none() {
                return Ok(None);
            }
            if auth::is_last_owner_in(&tx, user).await? {
                return Err(Error::internal("the last owner can't be erased: somebody has to follow"));
            }
            if !leave_in(app, &tx, user).await? {
                tracing::warn!(%user, "an account that is to be erased has money: it stays until that is out");
                return Ok(None);
            }
            accounts::email_in(app, &tx, user, Message::email("", "", Template::AccountDeleted)).await?;
            for domain in DOMAINS.iter().rev() {
                (domain.erase_in)(app, &tx, user).await?;
            }
            let ended = auth::erase_in(app, &tx, user).await?;
            // The person's own row last: everything about them hangs on it.
            accounts::erase_in(app, &tx, user).await?;
            Ok(Some(ended))
        })
        .await?;
    let Some(ended) = ended else { return Ok(false) };
    auth::sessions_ended(app, &ended);
    tracing::info!(%user, "an account was erased");
    Ok(true)
}

/// Deletes archives that are past their time; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("account_exports", "expires_at", app.clock.now()).await
}
