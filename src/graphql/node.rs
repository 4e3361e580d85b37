//! `Node`: everything with an id can be fetched by it. How, each noun says for what it has.

use std::{collections::HashMap, sync::LazyLock};

use async_graphql::{Context, ID, Interface, Object};
use futures_util::future::join_all;
use uuid::Uuid;

use super::{
    accounts::User,
    activity::Activity,
    admin::{AuditEntry, Job},
    auth::{
        identities::{Identity, SignInProvider},
        sessions::ActiveSession,
        two_factor::TwoFactor,
    },
    engine::{
        context::RequestExt,
        contract::SemanticNonNull,
        error::{Nullable, nullable},
    },
    goals::{ContributionComment, Goal, GoalContribution, GoalNews, GoalWithdrawal},
    notifications::Notification,
    payments::{Dispute, Payment, PaymentMethod, PaymentProviderInfo, Refund},
    posts::{Comment, Post},
    privacy::AccountExport,
    profiles::Profile,
    registration::{Find, index},
    wallets::{CurrencyInfo, PayoutMethod, Wallet, WalletAdjustment, WalletBalance, WalletTransaction, Withdrawal},
};
use crate::{
    entity::ids::{self, WrongId},
    error::{Error, Result, UserError, UserErrorCode},
};

/// A thing with an id that `node` can fetch.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "Opaque and typed, as in `post_01jc…`. The same object has the same id everywhere."
))]
#[allow(clippy::large_enum_variant, reason = "short-lived, and one of a kind at a time")]
pub(crate) enum Node {
    /// A person.
    User(User),
    /// What only a person themselves, and staff who may see contacts, see of their profile.
    Profile(Profile),
    /// How a person's second factor stands.
    TwoFactor(TwoFactor),
    /// A place where a person is signed in.
    ActiveSession(ActiveSession),
    /// An account elsewhere by which a person signs in.
    Identity(Identity),
    /// Everything held about a person, to take along.
    AccountExport(AccountExport),
    /// A post.
    Post(Post),
    /// A comment.
    Comment(Comment),
    /// A notification.
    Notification(Notification),
    /// A line of the activity log.
    Activity(Activity),
    /// An entry of the audit log.
    AuditEntry(AuditEntry),
    /// A background job.
    Job(Job),
    /// A payment.
    Payment(Payment),
    /// A person's money here.
    Wallet(Wallet),
    /// What a wallet holds of one currency.
    WalletBalance(WalletBalance),
    /// A currency.
    CurrencyInfo(CurrencyInfo),
    /// Something that happened to a wallet.
    WalletTransaction(WalletTransaction),
    /// A bank account that money can be paid out to.
    PayoutMethod(PayoutMethod),
    /// Money on its way to a bank.
    Withdrawal(Withdrawal),
    /// A correction of a wallet by staff.
    WalletAdjustment(WalletAdjustment),
    /// A fundraising goal.
    Goal(Goal),
    /// What somebody gave to a goal.
    GoalContribution(GoalContribution),
    /// A comment on what somebody gave.
    ContributionComment(ContributionComment),
    /// News of a goal.
    GoalNews(GoalNews),
    /// What a goal's owner took out.
    GoalWithdrawal(GoalWithdrawal),
    /// A saved way to pay.
    PaymentMethod(PaymentMethod),
    /// A way to pay that is offered here.
    PaymentProviderInfo(PaymentProviderInfo),
    /// A provider by which people can sign in here.
    SignInProvider(SignInProvider),
    /// Money that goes back to who paid.
    Refund(Refund),
    /// A payer who takes a payment back through their bank.
    Dispute(Dispute),
}

/// Fetching by id.
#[derive(Default)]
pub(crate) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its id; null when there is no such thing, you may not see it, or it is no id. UNAUTHENTICATED instead of a
    /// null when a token came that is not good (any more).
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The id of anything.")] id: ID) -> Nullable<Node> {
        nullable(find(ctx, &id)).await
    }

    /// Several things by their ids, in the same order, at most 100; null for each that is not there, not visible, or no id.
    /// One that fails is null for itself, with an error at its place: UNAUTHENTICATED, too, when a token came that is not good
    /// (any more).
    #[graphql(directive = SemanticNonNull::apply())]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Ids of anything.")] ids: Vec<ID>,
    ) -> Nullable<Vec<Nullable<Node>>> {
        nullable(async {
            if ids.len() > 100 {
                return Err(Error::bad_request(format!("At most 100 ids at once; {} were given.", ids.len())).into());
            }
            Ok(Some(join_all(ids.iter().map(|id| nullable(find(ctx, id)))).await))
        })
        .await
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> async_graphql::Result<Option<Node>> {
    let found = match ids::decode(id) {
        Some((prefix, uuid)) => find_typed(ctx, prefix, uuid).await?,
        None => None,
    };
    if found.is_none() {
        ctx.request().actor.require_certain()?;
    }
    Ok(found)
}

/// Something by the prefix of its type and its UUID, as far as the field shows it that leads to it otherwise; null for what
/// can't be fetched by its id, too, such as a transfer of the ledger, which the log of what staff did names.
pub(crate) async fn find_typed(ctx: &Context<'_>, prefix: &str, uuid: Uuid) -> async_graphql::Result<Option<Node>> {
    static FINDS: LazyLock<HashMap<&str, Find>> =
        LazyLock::new(|| index(|noun| noun.ids.iter().map(|by_id| (by_id.prefix, by_id.find)).collect()));
    match FINDS.get(prefix) {
        Some(find) => find(ctx, uuid).await,
        None => Ok(None),
    }
}

/// Parses the id in a query: a wrong one is BAD_REQUEST.
pub(crate) fn query_id<T: std::str::FromStr<Err = WrongId>>(id: &str) -> Result<T> {
    id.parse().map_err(|wrong: WrongId| Error::bad_request(format!("This is not the id of a {}.", wrong.expected)))
}

/// Parses the id in a mutation's input: a wrong one is a user error with its path.
pub(crate) fn input_id<T: std::str::FromStr<Err = WrongId>>(field: &'static str, id: &str) -> Result<T> {
    id.parse().map_err(|wrong: WrongId| {
        UserError::input(field, UserErrorCode::InvalidId).with("expected", wrong.expected).into()
    })
}

/// Defines the input of a mutation that wants an id, and perhaps a text with it.
macro_rules! id_input {
    ($(#[$doc:meta])+ $name:ident, $id:literal $(, $field:ident: $text:literal)?) => {
        $(#[$doc])+
        #[derive(async_graphql::InputObject)]
        pub(crate) struct $name {
            #[doc = $id]
            id: async_graphql::ID,
            $(
                #[doc = $text]
                $field: String,
            )?
        }
    };
}
pub(crate) use id_input;
