//! Taking one's data along, and leaving, as clients see it.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    accounts::{User, viewer},
    context::{RequestContext, RequestExt},
    error::{Nullable, Payload, UserError, also, answer, nullable, payload},
    scalars::Url,
};
use crate::{
    domain::{accounts, privacy},
    entity::account_export,
};

/// Everything held about you, to take along.
#[derive(SimpleObject)]
pub struct AccountExport {
    /// When you asked for it.
    requested_at: DateTime<Utc>,
    /// When it was ready; null until then. A message tells you, too.
    completed_at: Option<DateTime<Utc>>,
    /// When it goes.
    expires_at: DateTime<Utc>,
    /// Where to fetch it: a ZIP of JSON files. Whoever has this link has the archive, until it goes. Null until it is
    /// ready, and for a session that is not fresh: `reauthenticate`, or take the link of the message.
    download_url: Option<Url>,
}

impl AccountExport {
    fn new(request: &RequestContext, export: &account_export::Model) -> Self {
        Self {
            requested_at: export.requested_at,
            completed_at: export.completed_at,
            expires_at: export.expires_at,
            download_url: export.completed_at.map(|_| privacy::download_link(&request.app, export.id).into()),
        }
    }

    /// Without the link, for a session that has to prove itself anew.
    fn without_link(self) -> Self {
        Self { download_url: None, ..self }
    }
}

/// A person's newest archive, for themselves only.
pub(super) async fn latest_export(request: &RequestContext) -> async_graphql::Result<Option<AccountExport>> {
    let export = privacy::latest_export(&request.app, &request.actor).await?;
    let Some(export) = export.map(|export| AccountExport::new(request, &export)) else { return Ok(None) };
    let fresh = accounts::is_fresh(&request.app, &request.actor).await?;
    Ok(Some(if fresh { export } else { export.without_link() }))
}

payload! {
    /// What came of `accountExport`.
    AccountExportPayload {
        /// The archive to come; null when `errors` is not empty.
        export: AccountExport
    } also {
        /// You, with your `latestExport`; null when `errors` is not empty.
        user: User = viewer,
    }
}

payload! {
    /// What came of `accountDelete`.
    AccountDeletePayload {
        /// When the account is going to be deleted; null when `errors` is not empty.
        due_at: DateTime<Utc>
    } also {
        /// You, with your `deletionDueAt`; null when `errors` is not empty.
        user: User = viewer,
    }
}

/// What came of `accountDeleteCancel`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct AccountDeleteCancelPayload {
    /// Whether a deletion was called off; false when there was none.
    canceled: bool,
    /// Why it was refused; empty when it was done.
    errors: Vec<UserError>,
}

also! {
    AccountDeleteCancelPayload {
        /// You, with your `deletionDueAt`; null when `errors` is not empty.
        user: User = viewer,
    }
}

impl Payload<bool> for AccountDeleteCancelPayload {
    fn done(canceled: bool) -> Self {
        Self { canceled, errors: Vec::new() }
    }

    fn refused(errors: Vec<UserError>) -> Self {
        Self { canceled: false, errors }
    }
}

/// Taking along, and leaving.
#[derive(Default)]
pub struct PrivacyMutation;

#[Object]
impl PrivacyMutation {
    /// Asks for an archive of everything held about you; a message tells when it can be fetched. Once in 24 hours. Needs a
    /// fresh authentication. Code: TOO_SOON.
    async fn account_export(&self, ctx: &Context<'_>) -> Nullable<AccountExportPayload> {
        nullable(async {
            let request = ctx.request();
            let export = privacy::account_export(&request.app, &request.actor, &request.client).await;
            answer(request, export.map(|export| AccountExport::new(request, &export)))
        })
        .await
    }

    /// Deletes your account, after 14 days (or what the operator set) in which `accountDeleteCancel` calls it off. Then
    /// what is only yours is gone; your posts and comments stay without an author. Needs a fresh authentication.
    /// Codes: LAST_OWNER, WALLET_NOT_EMPTY.
    async fn account_delete(&self, ctx: &Context<'_>) -> Nullable<AccountDeletePayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, privacy::account_delete(&request.app, &request.actor, &request.client).await)
        })
        .await
    }

    /// Calls the deletion of your account off. No codes.
    async fn account_delete_cancel(&self, ctx: &Context<'_>) -> Nullable<AccountDeleteCancelPayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, privacy::account_delete_cancel(&request.app, &request.actor, &request.client).await)
        })
        .await
    }
}
