//! Wallets as clients see them. In the folder: transactions, withdrawals with where they go to, adjustments, and what is
//! done with them; here the wallet itself, currencies, and the stream of changes.

mod adjustments;
mod loaders;
mod mutations;
mod payout_methods;
mod registration;
mod staff;
mod transactions;
mod withdrawals;

use async_graphql::{Context, ID, MergedObject, Object, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use futures_util::Stream;

use super::{
    accounts::{User, user_by_id},
    engine::{
        connection::{Connection, requested_page, wants_total},
        context::{RequestContext, RequestExt},
        contract::SemanticNonNull,
        error::{Nullable, nullable},
        filters::DateTimeRange,
        part::Part,
        scalars::{CurrencyCode, Money, Url},
        stream::{self, stream_event},
    },
    node::query_id,
};
use crate::{
    domain::{
        ledger::Account,
        wallets::{self, TransactionFilter},
    },
    entity::{Currency, UserId, WalletId, event::StreamKind},
    platform::list::Span,
};

pub(crate) use adjustments::WalletAdjustment;
use loaders::{WalletHeads, WalletsByOwner};
pub(crate) use payout_methods::PayoutMethod;
pub(super) use registration::GRAPH;
pub(crate) use transactions::WalletTransaction;
use transactions::WalletTransactionWhere;
pub(crate) use withdrawals::Withdrawal;
use withdrawals::WithdrawalWhere;

/// The root fields that read wallets.
#[derive(MergedObject, Default)]
pub(crate) struct WalletQuery(CurrencyQuery, staff::WalletStaffQuery);

/// The mutations that move money.
#[derive(MergedObject, Default)]
pub(crate) struct WalletMutation(Part<mutations::OwnWalletMutation>, Part<staff::WalletStaffMutation>);

/// What a wallet holds of one currency. Seen by the wallet's owner, and by those with the permission SEE_MONEY.
#[derive(SimpleObject)]
pub(crate) struct WalletBalance {
    /// Opaque and typed: `account_01jc…`.
    #[graphql(owned)]
    pub id: ID,
    /// The currency's code of ISO 4217: a wallet has one balance of each.
    currency: CurrencyCode,
    /// All of it.
    balance: Money,
    /// Of the balance, what is spoken for: it waits for a withdrawal, say, and can't be spent.
    held: Money,
    /// What can be spent: the balance without what is held.
    available: Money,
    /// What its owner owes in this currency, because money that they had was taken back, as by a payer's bank: what comes into
    /// the wallet pays it first.
    owed: Money,
}

impl From<Account> for WalletBalance {
    fn from(account: Account) -> Self {
        (&account).into()
    }
}

impl From<&Account> for WalletBalance {
    fn from(account: &Account) -> Self {
        let money = |minor| Money::from_minor(minor, account.currency);
        Self {
            id: account.id.to_string().into(),
            currency: account.currency,
            balance: money(account.balance),
            held: money(account.held),
            available: money(account.available()),
            owed: money(account.owed),
        }
    }
}

/// Where the statement of a wallet is fetched.
#[derive(SimpleObject)]
pub(crate) struct WalletStatement {
    /// A CSV file (UTF-8), to be saved: date, transaction id, kind, description, reference, amount, balance; the first line
    /// after the heading tells the opening balance, the last one the closing balance. Whoever has this link has the statement.
    url: Url,
    /// Until when the link is good: 15 minutes.
    expires_at: DateTime<Utc>,
}

/// A person's money here.
pub(crate) struct Wallet {
    owner: UserId,
    accounts: Vec<Account>,
    /// Taken before anything was read, and only when asked for.
    stream_head: Option<i64>,
}

/// A person's money here. Seen by its owner, and by those with the permission SEE_MONEY.
#[Object]
impl Wallet {
    /// Opaque and typed: `wallet_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        WalletId(self.owner.0).to_string().into()
    }

    /// Whose it is; null when the account is erased.
    async fn owner(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(user_by_id(ctx, Some(self.owner))).await
    }

    /// What it holds: an entry for each currency that it ever held, by currency code.
    async fn balances(&self) -> Vec<WalletBalance> {
        self.accounts.iter().map(WalletBalance::from).collect()
    }

    /// What it holds of one currency; null when it never held any of it.
    async fn balance(&self, #[graphql(desc = "Which currency.")] currency: CurrencyCode) -> Option<WalletBalance> {
        self.accounts.iter().find(|account| account.currency == currency).map(WalletBalance::from)
    }

    /// What happened to it, the last first, in the exact order in which it happened in each currency.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn transactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which transactions.")] filter: Option<WalletTransactionWhere>,
        #[graphql(default, desc = "Whether the first comes first.")] reverse: bool,
    ) -> Nullable<Connection<WalletTransaction>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let page = requested_page(ctx, wallets::SORT, reverse)?;
            let filter = TransactionFilter::from(filter.unwrap_or_default());
            let slice = wallets::transactions(app, actor, self.owner, &filter, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, wallets::cursor, WalletTransaction::from)))
        })
        .await
    }

    /// Money on its way to a bank, and what became of it; asked for last, first.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn withdrawals(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which withdrawals.")] filter: Option<WithdrawalWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<Withdrawal>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let sort = wallets::WITHDRAWAL_SORT;
            let page = requested_page(ctx, sort, reverse)?;
            let filter = filter.unwrap_or_default().filter()?;
            let slice = wallets::withdrawals(app, actor, self.owner, filter, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, wallets::withdrawal_cursor, Withdrawal::from)))
        })
        .await
    }

    /// A link to the statement of one currency, as a file. BAD_REQUEST when the span ends before it begins.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which currency.")] currency: CurrencyCode,
        #[graphql(
            desc = "Over which span; from the first transaction on when `from` is null, up to the moment of fetching when `until` is null or still to come."
        )]
        during: DateTimeRange,
    ) -> Nullable<WalletStatement> {
        nullable(async {
            let request = ctx.request();
            let span = Span::from(during);
            let link = wallets::statement_link(&request.app, &request.actor, self.owner, currency, span)?;
            Ok(Some(WalletStatement { url: link.url.into(), expires_at: link.expires_at }))
        })
        .await
    }

    /// Pass it as `after` to `walletActivity`: what is read here and the stream then join without a gap. What happens in the
    /// very moment of the query may be in both; compare ids. Null to everybody but the owner.
    async fn stream_cursor(&self, ctx: &Context<'_>) -> Option<String> {
        let request = ctx.request();
        let own = request.actor.user_id() == Some(self.owner);
        own.then(|| stream::seal(request, StreamKind::Wallet, self.owner.0, self.stream_head.unwrap_or_default()))
    }
}

/// A currency of ISO 4217, and how its amounts are written.
#[derive(SimpleObject)]
pub(crate) struct CurrencyInfo {
    /// Opaque and typed: `currency_00…`.
    #[graphql(owned)]
    pub id: ID,
    /// Its ISO 4217 code.
    code: CurrencyCode,
    /// How many digits its amounts have behind the point.
    digits: i32,
    /// Whether wallets here take it.
    in_wallets: bool,
}

impl CurrencyInfo {
    /// A currency, as the operator has set it up.
    pub(super) fn new(request: &RequestContext, code: Currency) -> Self {
        Self {
            id: code.id().to_string().into(),
            code,
            digits: i32::try_from(code.digits()).unwrap_or_default(),
            in_wallets: request.app.config.wallets.takes(code),
        }
    }
}

/// What wallets may hold.
#[derive(Default)]
pub(crate) struct CurrencyQuery;

#[Object]
impl CurrencyQuery {
    /// Every currency of ISO 4217, by code.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn currencies(&self, ctx: &Context<'_>) -> Nullable<Vec<CurrencyInfo>> {
        Some(Ok(Currency::all().into_iter().map(|code| CurrencyInfo::new(ctx.request(), code)).collect()))
    }
}

/// A person of a record that outlives them.
async fn person(ctx: &Context<'_>, id: Option<UserId>) -> Nullable<User> {
    nullable(user_by_id(ctx, id)).await
}

/// The bank accounts that the viewer's money can be paid out to.
pub(super) async fn own_payout_methods(ctx: &Context<'_>) -> async_graphql::Result<Option<Vec<PayoutMethod>>> {
    let request = ctx.request();
    let methods = wallets::payout_methods(&request.app, &request.actor).await?;
    Ok(Some(methods.into_iter().map(PayoutMethod::from).collect()))
}

/// A person's wallet as it is now; null for who may not see it, and when there is nobody like that.
pub(super) async fn wallet_of(ctx: &Context<'_>, owner: UserId) -> async_graphql::Result<Option<Wallet>> {
    let loaders = &ctx.request().loaders;
    // Before anything is read: so nothing lies between the two.
    let stream_head =
        if ctx.look_ahead().field("streamCursor").exists() { loaders.load::<WalletHeads>(owner).await? } else { None };
    Ok(loaders.load::<WalletsByOwner>(owner).await?.map(|accounts| Wallet { owner, accounts, stream_head }))
}

/// The viewer's own wallet as it is now; null when nobody is signed in.
pub(super) async fn viewer_s_wallet<T: Sync>(ctx: &Context<'_>, _: &T) -> async_graphql::Result<Option<Wallet>> {
    match ctx.request().actor.user_id() {
        Some(viewer) => wallet_of(ctx, viewer).await,
        None => Ok(None),
    }
}

async fn wallet_of_withdrawal(ctx: &Context<'_>, withdrawal: &Withdrawal) -> async_graphql::Result<Option<Wallet>> {
    wallet_of(ctx, withdrawal.0.user_id).await
}

/// Somebody's wallet, for staff.
async fn somebody_s(ctx: &Context<'_>, id: &ID) -> async_graphql::Result<Option<Wallet>> {
    let request = ctx.request();
    let owner = query_id(id)?;
    let accounts = wallets::find(&request.app, &request.actor, owner).await?;
    Ok(accounts.map(|accounts| Wallet { owner, accounts, stream_head: None }))
}

/// What changed in your wallet, and how it stands.
pub(crate) struct WalletActivity(wallets::Activity);

impl From<wallets::Activity> for WalletActivity {
    fn from(activity: wallets::Activity) -> Self {
        Self(activity)
    }
}

/// What changed in your wallet, and how it stands.
#[Object]
impl WalletActivity {
    /// What happened; null when only what is held changed.
    async fn transaction(&self) -> Option<WalletTransaction> {
        self.0.transaction.clone().map(WalletTransaction::from)
    }

    /// What the wallet holds: when this was told, or later.
    async fn balances(&self) -> Vec<WalletBalance> {
        self.0.accounts.iter().map(WalletBalance::from).collect()
    }
}

stream_event! {
    /// One event of your wallet's stream.
    WalletEvent of StreamKind::Wallet => {
        /// What changed; null in an event that only tells where you stand.
        activity: WalletActivity, from wallets::Activity
    }
}

/// Watching one's wallet.
#[derive(Default)]
pub(crate) struct WalletSubscription;

#[Subscription]
impl WalletSubscription {
    /// What changes in your wallet, as it happens. With `after`, first everything since then (phase REPLAY); without, the
    /// first event is a LIVE marker with a cursor and no content. UNAUTHENTICATED when nobody is signed in.
    async fn wallet_activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last event that you saw, or the `streamCursor` of the wallet.")]
        after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<WalletEvent>> + use<>> {
        stream::events(ctx, async {
            let request = ctx.request();
            let viewer = request.actor.require_user()?.id.0;
            let after = stream::open(request, StreamKind::Wallet, viewer, after.as_deref())?;
            Ok((viewer, wallets::follow(&request.app, &request.actor, &request.client, after).await?))
        })
        .await
    }
}
