//! Batch loading: many `load` calls of one moment become one statement. The fallback for what a list did not bring
//! along; hot lists fetch their relations themselves.
//!
//! The first caller of a batch drives it: it lets its siblings run until none of them adds a key any more, fetches,
//! and answers all of them at once, so that what they ask for next comes together again. Nothing is cached: a cache
//! goes stale on a socket and between the fields of a mutation.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::Poll,
};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{
    app::App,
    domain::{
        accounts, activity, actor::Actor, audit, auth, goals, jobs, ledger::Account, notifications, payments, posts,
        privacy, profiles, wallets,
    },
    entity::{
        AccountExportId, ActivityId, AdjustmentId, AuditEntryId, CommentId, ContributionCommentId, ContributionId,
        DisputeId, EntryId, GoalId, GoalNewsId, GoalWithdrawalId, IdentityId, JobId, LedgerAccountId, NotificationId,
        PaymentId, PaymentMethodId, PayoutMethodId, PostId, RefundId, SessionId, UserId, WithdrawalId,
        digest_subscription::Digest, profile,
    },
    error::{Error, Result},
    platform::page::{Beginning, Slice},
};

/// What a batch gives for one key; errors are shared by the whole batch.
type Loaded<V> = std::result::Result<Option<V>, Arc<Error>>;

/// Who waits for which key.
type Waiting<K, V> = Vec<(K, oneshot::Sender<Loaded<V>>)>;

/// Loads values by key, in batches.
pub struct Batched<K, V, F> {
    fetch: F,
    waiting: Mutex<Waiting<K, V>>,
}

/// Fetches the values of many keys with a constant number of statements. Absent keys are those that are not there or
/// that the actor may not see.
pub trait Fetch<K, V>: Send + Sync {
    /// The values of those keys that have one.
    fn fetch(&self, keys: &[K]) -> impl Future<Output = Result<HashMap<K, V>>> + Send;
}

impl<K, V, F> Batched<K, V, F>
where
    K: Eq + Hash + Clone + Send + Sync,
    V: Clone + Send,
    F: Fetch<K, V>,
{
    fn new(fetch: F) -> Self {
        Self { fetch, waiting: Mutex::default() }
    }

    /// The value of a key; `None` when it is not there or not visible.
    ///
    /// Boxed, because the executor copies the future of every field, and makes room in it for the largest that any
    /// field of its type could have: what seldom runs must not make the others large.
    pub fn load(&self, key: K) -> BoxFuture<'_, Result<Option<V>>> {
        Box::pin(self.load_unboxed(key))
    }

    async fn load_unboxed(&self, key: K) -> Result<Option<V>> {
        loop {
            let (answer, answered) = oneshot::channel();
            let first = self.waiting(|waiting| {
                waiting.push((key.clone(), answer));
                waiting.len() == 1
            });
            if first {
                self.drive().await;
            }
            // Without tokio's budget, which would let only so many of a long list go on at once.
            match tokio::task::unconstrained(answered).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => {
                    return Err(match &*error {
                        Error::Refused(refusal) => refusal.clone().into(),
                        _ => Error::internal(error),
                    });
                }
                // The failure of a sibling dropped the caller that drove our batch: ask again.
                Err(_) => {}
            }
        }
    }

    async fn drive(&self) {
        // Dropped before it has taken the batch, it lets go of those who wait, who ask again.
        let abandoned = Abandon(self);
        let mut known = 0;
        loop {
            siblings_first().await;
            let now = self.waiting(|waiting| waiting.len());
            if now == known {
                break;
            }
            known = now;
        }
        let batch = self.waiting(std::mem::take);
        std::mem::forget(abandoned);
        let keys: Vec<K> = batch.iter().map(|(key, _)| key.clone()).collect::<HashSet<K>>().into_iter().collect();
        let found = self.fetch.fetch(&keys).await.map_err(Arc::new);
        for (key, answer) in batch {
            // Who no longer waits was dropped.
            let _ = answer.send(found.as_ref().map(|found| found.get(&key).cloned()).map_err(Arc::clone));
        }
    }
}

impl<K, V, F> Batched<K, V, F> {
    fn waiting<T>(&self, work: impl FnOnce(&mut Waiting<K, V>) -> T) -> T {
        work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lets go of everybody who waits.
struct Abandon<'a, K, V, F>(&'a Batched<K, V, F>);

impl<K, V, F> Drop for Abandon<'_, K, V, F> {
    fn drop(&mut self) {
        drop(self.0.waiting(std::mem::take));
    }
}

/// Lets what else is ready in this task run first. Unlike tokio's, it does not wait for other tasks.
async fn siblings_first() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl<K, V, F> fmt::Debug for Batched<K, V, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Batched")
    }
}

/// Defines the loaders: field, key, value, and the domain's function that fetches a batch.
macro_rules! loaders {
    ($($(#[$doc:meta])+ $field:ident, $fetch:ident: $key:ty => $value:ty = $function:path;)+) => {
        $(
            #[doc = concat!("Fetches for `", stringify!($field), "`.")]
            #[derive(Debug)]
            pub struct $fetch { app: App, actor: Actor }

            impl Fetch<$key, $value> for $fetch {
                async fn fetch(&self, keys: &[$key]) -> Result<HashMap<$key, $value>> {
                    $function(&self.app, &self.actor, keys).await
                }
            }
        )+

        /// The loaders of one request. Each is made when it is first asked: most requests need none of them.
        #[derive(Debug)]
        pub struct Loaders {
            app: App,
            actor: Actor,
            $($field: OnceLock<Box<Batched<$key, $value, $fetch>>>,)+
        }

        impl Loaders {
            /// Loaders that see what the actor may see.
            #[must_use]
            pub fn new(app: App, actor: Actor) -> Self {
                Self { app, actor, $($field: OnceLock::new(),)+ }
            }

            $(
                $(#[$doc])+
                #[must_use]
                pub fn $field(&self) -> &Batched<$key, $value, $fetch> {
                    self.$field.get_or_init(|| {
                        Box::new(Batched::new($fetch { app: self.app.clone(), actor: self.actor.clone() }))
                    })
                }
            )+
        }
    };
}

loaders! {
    /// People by id.
    users, FetchUsers: UserId => accounts::User = accounts::users_by_id;
    /// How the viewer's own second factor stands.
    two_factors, FetchTwoFactors: UserId => auth::TwoFactor = auth::two_factors;
    /// Whose display names look like those of others.
    lookalikes, FetchLookalikes: UserId => bool = accounts::lookalikes;
    /// The viewer's own sessions that go on.
    sessions, FetchSessions: SessionId => auth::ActiveSession = auth::sessions_by_id;
    /// The viewer's own identities elsewhere.
    identities, FetchIdentities: IdentityId => auth::oauth::LinkedIdentity = auth::oauth::identities_by_id;
    /// The viewer's own archives, as long as they are kept.
    exports, FetchExports: AccountExportId => privacy::ExportRow = privacy::exports_by_id;
    /// E-mail addresses that the viewer may see.
    emails, FetchEmails: UserId => accounts::Email = accounts::emails;
    /// Profiles that the viewer may see.
    profiles, FetchProfiles: UserId => profile::Model = profiles::by_users;
    /// How far profiles that the viewer may see have come.
    completions, FetchCompletions: UserId => profiles::Completion = profiles::completions;
    /// The viewer's own wish for a digest.
    digests, FetchDigests: UserId => Digest = accounts::digests;
    /// How many of the viewer's own notifications are unread.
    unread_counts, FetchUnreadCounts: UserId => i64 = notifications::unread_counts;
    /// Posts by id, tombstones included.
    posts, FetchPosts: PostId => posts::PostView = posts::posts_by_id;
    /// Comments by id, tombstones included.
    comments, FetchComments: CommentId => posts::CommentView = posts::comments_by_id;
    /// The beginnings of lists of comments.
    first_comments, FetchFirstComments: posts::FirstComments => Slice<posts::CommentView> = posts::first_comments;
    /// The beginnings of lists of likes.
    first_likes, FetchFirstLikes: (PostId, Beginning) => Slice<posts::Like> = posts::first_likes;
    /// Whether the viewer likes a post.
    post_likes, FetchPostLikes: PostId => bool = posts::viewer_likes_posts;
    /// Whether the viewer likes a comment.
    comment_likes, FetchCommentLikes: CommentId => bool = posts::viewer_likes_comments;
    /// The viewer's notifications by id.
    notifications, FetchNotifications: NotificationId => notifications::Notification = notifications::by_id;
    /// What is behind people, for those who may see it.
    overviews, FetchOverviews: UserId => auth::AccountOverview = auth::overviews;
    /// Lines of the activity log that the viewer may see.
    activities, FetchActivities: ActivityId => crate::entity::activity::Model = activity::by_id;
    /// Entries of the audit log, for those who may see it.
    audit_entries, FetchAuditEntries: AuditEntryId => crate::entity::audit_entry::Model = audit::by_id;
    /// Payments that the viewer may see.
    payments, FetchPayments: PaymentId => payments::Payment = payments::payments_by_id;
    /// The refunds of payments.
    refunds, FetchRefunds: PaymentId => Vec<crate::entity::refund::Model> = payments::refunds_by_payment;
    /// Goals that the viewer sees.
    goals, FetchGoals: GoalId => goals::GoalView = goals::goals_by_id;
    /// The goals that hang on posts.
    post_goals, FetchPostGoals: PostId => goals::GoalView = goals::goals_by_post;
    /// Contributions that the viewer sees.
    contributions, FetchContributions: ContributionId => goals::ContributionView = goals::contributions_by_id;
    /// Comments on contributions that the viewer sees.
    contribution_comments, FetchContributionComments: ContributionCommentId => goals::ContributionComment =
        goals::comments_by_id;
    /// News of goals that the viewer sees.
    goal_news, FetchGoalNews: GoalNewsId => goals::News = goals::news_by_id;
    /// Withdrawals of goals that the viewer may see.
    goal_withdrawals, FetchGoalWithdrawals: GoalWithdrawalId => goals::Withdrawal = goals::withdrawals_by_id;
    /// The disputes of payments.
    disputes, FetchDisputes: PaymentId => Vec<crate::entity::payment_dispute::Model> = payments::disputes_by_payment;
    /// Disputes that the viewer may see.
    disputes_by_id, FetchDisputesById: DisputeId => payments::DisputeOfPayment = payments::disputes_by_id;
    /// Refunds that the viewer may see.
    refunds_by_id, FetchRefundsById: RefundId => payments::RefundOfPayment = payments::refunds_by_id;
    /// The payments and refunds that wait for a second person, for those who may see that.
    proposals, FetchProposals: uuid::Uuid => bool = payments::awaited;
    /// The steps of payments.
    payment_events, FetchPaymentEvents: PaymentId => Vec<crate::entity::payment_event::Model> = payments::events_by_payment;
    /// The viewer's own ways to pay.
    payment_methods, FetchPaymentMethods: PaymentMethodId => crate::entity::payment_method::Model = payments::payment_methods_by_id;
    /// Background jobs, for those who may see them.
    jobs, FetchJobs: JobId => jobs::JobRow = jobs::by_id;
    /// Wallets that the viewer may see.
    wallets, FetchWallets: UserId => Vec<Account> = wallets::wallets_by_owner;
    /// What wallets that the viewer may see hold of a currency.
    balances, FetchBalances: LedgerAccountId => Account = wallets::balances_by_id;
    /// Where the stream of the viewer's own wallet stands.
    wallet_heads, FetchWalletHeads: UserId => i64 = wallets::stream_heads;
    /// Transactions of wallets that the viewer may see.
    transactions, FetchTransactions: EntryId => wallets::Transaction = wallets::transactions_by_id;
    /// The viewer's own bank accounts.
    payout_methods, FetchPayoutMethods: PayoutMethodId => wallets::PayoutMethod = wallets::payout_methods_by_id;
    /// Withdrawals that the viewer may see.
    withdrawals, FetchWithdrawals: WithdrawalId => wallets::Withdrawal = wallets::withdrawals_by_id;
    /// Corrections of wallets, for those who may see them.
    adjustments, FetchAdjustments: AdjustmentId => wallets::Adjustment = wallets::adjustments_by_id;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::{join_all, try_join_all};

    use super::*;

    /// Doubles what is even, takes its time, and counts how often it is asked; fails at the largest number.
    #[derive(Default)]
    struct Doubles(AtomicUsize);

    impl Fetch<u32, u32> for Doubles {
        async fn fetch(&self, keys: &[u32]) -> Result<HashMap<u32, u32>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if keys.contains(&u32::MAX) {
                return Err(Error::bad_request("too large"));
            }
            Ok(keys.iter().filter(|key| *key % 2 == 0).map(|key| (*key, key * 2)).collect())
        }
    }

    #[tokio::test]
    async fn a_list_of_any_length_is_one_batch_at_each_depth() {
        for length in [1_u32, 29, 31, 130, 700] {
            let [first, second] = [(); 2].map(|()| Batched::new(Doubles::default()));
            let both = |key| {
                let (first, second) = (&first, &second);
                async move {
                    let doubled = first.load(key).await.unwrap().unwrap_or(key * 2);
                    join_all([second.load(doubled), second.load(doubled + 2)]).await
                }
            };
            for (key, found) in join_all((0..length).map(both)).await.into_iter().enumerate() {
                let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
                assert_eq!(found, [Some(key as u32 * 4), Some(key as u32 * 4 + 4)]);
            }
            assert_eq!([&first, &second].map(|loader| loader.fetch.0.load(Ordering::Relaxed)), [1, 1], "{length}");
        }
    }

    #[tokio::test]
    async fn a_failure_reaches_everybody_who_waits_and_the_next_batch_is_a_new_one() {
        let loader = Batched::new(Doubles::default());
        for result in join_all([loader.load(u32::MAX), loader.load(2)]).await {
            assert!(matches!(result, Err(Error::Refused(_))), "{result:?}");
        }
        assert_eq!(loader.load(2).await.unwrap(), Some(4));
        assert_eq!(loader.load(3).await.unwrap(), None);
    }

    #[tokio::test]
    async fn who_waits_for_a_batch_whose_driver_was_dropped_asks_again() {
        // Dropped before the batch is taken, and while it is fetched.
        for yields in 0..6 {
            let loader = Batched::new(Doubles::default());
            let fails = async {
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
                Err::<Option<u32>, _>(Error::bad_request("a sibling fails"))
            };
            let dropped = try_join_all([
                Box::pin(loader.load(2)) as std::pin::Pin<Box<dyn Future<Output = _> + '_>>,
                Box::pin(fails),
            ]);
            let (dropped, other) = tokio::join!(dropped, loader.load(4));
            assert!(dropped.is_err());
            assert_eq!(other.unwrap(), Some(8), "{yields}");
        }
    }
}
