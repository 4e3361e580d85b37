//! Taking one's data along, and leaving, as clients see it.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    accounts::{User, viewer},
    engine::{
        context::RequestExt,
        error::{Nullable, Payload, UserError, also, answer, nullable, payload},
        loaders::loaders,
        rules::Rule,
        scalars::Url,
    },
    registration::{ById, Noun},
};
use crate::{
    domain::{
        auth,
        privacy::{self, ExportRow},
    },
    entity::AccountExportId,
};

/// What exports and deletions of accounts hand over.
pub(super) const GRAPH: Noun = Noun {
    rules: &[RULES],
    ids: &[ById::loaded::<ExportsById, AccountExport>(AccountExportId::PREFIX)],
    short_texts: &["AccountExport.downloadUrl"],
    ..Noun::EMPTY
};

loaders! {
    /// The viewer's own archives, as long as they are kept.
    ExportsById: AccountExportId => ExportRow = privacy::exports_by_id;
}

/// Everything held about you, to take along.
pub(crate) struct AccountExport(ExportRow);

impl From<ExportRow> for AccountExport {
    fn from(export: ExportRow) -> Self {
        Self(export)
    }
}

/// Everything held about you, to take along. Only you see it.
#[Object]
impl AccountExport {
    /// Opaque and typed: `export_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// When you asked for it.
    async fn requested_at(&self) -> DateTime<Utc> {
        self.0.requested_at
    }

    /// When it was ready; null until then. A message tells you, too.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }

    /// When it goes.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// Where to fetch it: a ZIP of JSON files. Whoever has this link has the archive, until it goes. Null until it is
    /// ready, and for a session without a recent authentication: `reauthenticate`, or take the link of the message.
    async fn download_url(&self, ctx: &Context<'_>) -> Nullable<Url> {
        nullable(async {
            let request = ctx.request();
            if self.0.completed_at.is_none() || !auth::is_recently_authenticated(&request.app, &request.actor).await? {
                return Ok(None);
            }
            Ok(Some(privacy::download_link(&request.app, self.0.id).into()))
        })
        .await
    }
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
pub(crate) struct AccountDeleteCancelPayload {
    /// Whether a deletion was canceled; false when there was none.
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
pub(crate) struct PrivacyMutation;

/// The rules of the mutations below.
const RULES: &[Rule] = &[
    Rule::of("accountExport").recent_authentication("it hands everything over"),
    Rule::of("accountDelete").recent_authentication("it takes everything away"),
];

#[Object]
impl PrivacyMutation {
    /// Asks for an archive of everything held about you; a message tells when it can be fetched. Once in 24 hours. Needs a
    /// recent authentication. Code: TOO_SOON.
    async fn account_export(&self, ctx: &Context<'_>) -> Nullable<AccountExportPayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, privacy::account_export(&request.app, &request.actor, &request.client).await)
        })
        .await
    }

    /// Deletes your account, after 14 days (or what the operator set) in which `accountDeleteCancel` calls it off. Then
    /// what is only yours is gone; your posts and comments stay without an author. Needs a recent authentication.
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
