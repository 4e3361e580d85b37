//! What staff is told of: whatever about money, or of the queue of jobs, somebody has to look into. It is looked for on a
//! schedule, so that whoever causes it need not think of it; everybody who may do something about it is told once, in the list
//! of notifications and by e-mail, and the program's log has a line with the field `alert`.
//!
//! Owns `check_runs`: when the books were last verified and compared with the providers', and what differed.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    sea_query::{Expr, OnConflict, Query, SelectStatement},
};
use uuid::Uuid;

use crate::{
    app::App,
    catalogue::Text,
    domain::{
        accounts,
        actor::Actor,
        books,
        messages::{Message, Template},
        notifications::{self, NewNotification},
        payments,
        permissions::{self, Permission},
        registration::{Domain, Schedule},
    },
    entity::{
        Currency, DisputeId, Money, PaymentId, RefundId, TransferId, UserId, check_run,
        job::{self, JobState},
        ledger_transfer,
        notification::{NotificationKind, SubjectKind},
        payment,
        payment_dispute::{self, DisputeState},
        refund::{self, RefundOrigin, RefundState},
        user,
        user_role::{self, Role},
        withdrawal::{self, WithdrawalState},
    },
    error::{Locale, Result},
    platform::{
        db::{Transaction, is_literally},
        list::Span,
        text,
    },
};

/// What alerts hand over. What is found is told after it was looked for.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["check_runs"],
    schedules: &[
        Schedule { name: "verify", every: TimeDelta::hours(24), run: |app| Box::pin(verify_books(app)) },
        Schedule { name: "compare", every: TimeDelta::hours(24), run: |app| Box::pin(compare_with_providers(app)) },
        Schedule { name: "watch", every: TimeDelta::minutes(5), run: |app| Box::pin(tell(app)) },
    ],
    ..Domain::named("alerts")
};

async fn tell(app: &App) -> Result<()> {
    let told = watch(app).await?;
    tracing::debug!(told, "staff was told of what somebody has to look into");
    Ok(())
}

/// How long after it happened somebody is still told of something: longer than any worker is away.
const RECENT: TimeDelta = TimeDelta::days(7);
/// How long a withdrawal waits before staff is reminded of it.
const OVERDUE_AFTER: TimeDelta = TimeDelta::days(3);
/// How much of what differs is kept.
const LONGEST: usize = 2000;

/// What somebody has to look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    DisputeOpened,
    DisputeLost,
    RefundFailed,
    RefundStuck,
    GivenBackBeyond,
    BooksDiffer,
    ProvidersDiffer,
    JobsDied,
    WithdrawalsWait,
}

impl Kind {
    /// Its word in the log, and in the keys that tell what was told already.
    fn as_str(self) -> &'static str {
        match self {
            Self::DisputeOpened => "dispute_opened",
            Self::DisputeLost => "dispute_lost",
            Self::RefundFailed => "refund_failed",
            Self::RefundStuck => "refund_stuck",
            Self::GivenBackBeyond => "given_back_beyond",
            Self::BooksDiffer => "books_differ",
            Self::ProvidersDiffer => "providers_differ",
            Self::JobsDied => "jobs_died",
            Self::WithdrawalsWait => "withdrawals_wait",
        }
    }

    /// Who can do something about it.
    fn permission(self) -> Permission {
        if self == Self::JobsDied { Permission::ManageJobs } else { Permission::SeeMoney }
    }

    fn title(self) -> Text<'static> {
        match self {
            Self::DisputeOpened => Text::AlertDisputeOpened,
            Self::DisputeLost => Text::AlertDisputeLost,
            Self::RefundFailed => Text::AlertRefundFailed,
            Self::RefundStuck => Text::AlertRefundStuck,
            Self::GivenBackBeyond => Text::AlertGivenBackBeyond,
            Self::BooksDiffer => Text::AlertBooksDiffer,
            Self::ProvidersDiffer => Text::AlertProvidersDiffer,
            Self::JobsDied => Text::AlertJobsDied,
            Self::WithdrawalsWait => Text::AlertWithdrawalsWait,
        }
    }
}

/// Something that somebody has to look into.
struct Alert {
    kind: Kind,
    /// With the kind, what it is told once for.
    key: String,
    /// What there is to say, in figures and words of the program's.
    detail: String,
    subject: Option<(SubjectKind, Uuid)>,
}

// ---------------------------------------------------------------------------------------------------------- checking

/// The check of the books.
const BOOKS: &str = "books";
/// The comparison with the providers.
const PROVIDERS: &str = "providers";

/// Verifies the books, and keeps what it found. Run on a schedule.
pub(crate) async fn verify_books(app: &App) -> Result<()> {
    let books = books::verify(app).await?;
    for difference in &books.differences {
        tracing::error!(rule = difference.rule, found = difference.found, "the books do not balance");
    }
    if books.transfers > 0 {
        tracing::info!(transfers = books.transfers, differences = books.differences.len(), "the books were verified");
    }
    keep(app, BOOKS, &books.differences.iter().map(ToString::to_string).collect::<Vec<_>>()).await
}

/// Compares the payments of the last RECONCILE_DAYS with what their providers say, mends what is mended by going on with them,
/// and keeps what differs still. Run on a schedule.
pub(crate) async fn compare_with_providers(app: &App) -> Result<()> {
    let Some(days) = app.config.payments.reconcile_time else { return Ok(()) };
    let span = Span { from: Some(app.clock.now() - days), until: None };
    let settled = payments::settle(app, span).await?;
    tracing::info!(settled, "what providers kept and paid out is written down");
    let found = payments::reconcile(app, span, true).await?;
    let (mended, left): (Vec<_>, Vec<_>) = found.disagreements.iter().partition(|found| found.is_mended);
    for disagreement in &found.disagreements {
        tracing::error!(
            subject = disagreement.subject,
            found = disagreement.found,
            mended = disagreement.is_mended,
            "a provider tells otherwise"
        );
    }
    tracing::info!(differences = left.len(), mended = mended.len(), "the books were compared with the providers'");
    keep(app, PROVIDERS, &left.iter().map(ToString::to_string).collect::<Vec<_>>()).await
}

async fn keep(app: &App, name: &str, found: &[String]) -> Result<()> {
    let (count, detail) = (i64::try_from(found.len()).unwrap_or(i64::MAX), text::excerpt(&found.join("\n"), LONGEST));
    let run = check_run::ActiveModel {
        name: Set(name.to_owned()),
        ran_at: Set(app.clock.now()),
        differences: Set(count),
        detail: Set(detail),
    };
    let found = [check_run::Column::RanAt, check_run::Column::Differences, check_run::Column::Detail];
    let anew = OnConflict::column(check_run::Column::Name).update_columns(found).to_owned();
    app.db
        .transact(async |tx| {
            check_run::Entity::insert(run.clone()).on_conflict(anew.clone()).exec_without_returning(&tx).await?;
            Ok(())
        })
        .await
}

/// What a check found the last time.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "check_run::Entity")]
pub(crate) struct Check {
    /// When it ran.
    pub ran_at: DateTime<Utc>,
    /// How much differed.
    pub differences: i64,
    /// What, a line each; the first of it, where it is much.
    pub detail: String,
}

async fn last(app: &App, name: &str) -> Result<Option<Check>> {
    app.db.read_one(check_run::Entity::find_by_id(name)).await
}

// ----------------------------------------------------------------------------------------------------------- looking

/// Tells staff of whatever somebody has to look into, each once. Run on a schedule.
pub async fn watch(app: &App) -> Result<u64> {
    let mut told = 0;
    for alert in [
        disputes(app).await?,
        failed_refunds(app).await?,
        stuck_refunds(app).await?,
        beyond(app).await?,
        checks(app).await?,
        dead_jobs(app).await?,
        waiting_withdrawals(app).await?,
    ]
    .into_iter()
    .flatten()
    {
        told += app.db.transact(async |tx| notify_staff_in(app, &tx, &alert).await).await?;
    }
    Ok(told)
}

/// What is read of the payment that something is about.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "payment::Entity")]
struct Paid {
    currency: Currency,
}

#[derive(DerivePartialModel)]
#[sea_orm(entity = "payment_dispute::Entity")]
struct Dispute {
    id: DisputeId,
    payment_id: PaymentId,
    amount: i64,
    reason: String,
    state: DisputeState,
    #[sea_orm(nested)]
    payment: Paid,
}

async fn disputes(app: &App) -> Result<Vec<Alert>> {
    let since = app.clock.now() - RECENT;
    let is_lost = payment_dispute::Column::State.eq(DisputeState::Lost).and(payment_dispute::Column::EndedAt.gt(since));
    let disputes = payment_dispute::Entity::find()
        .inner_join(payment::Entity)
        .filter(payment_dispute::Column::OpenedAt.gt(since).or(is_lost));
    let disputes: Vec<Dispute> = app.db.read(disputes).await?;
    let alert = |Dispute { id, payment_id, amount, reason, state, payment }| {
        let kind = if state == DisputeState::Lost { Kind::DisputeLost } else { Kind::DisputeOpened };
        let detail = format!("{}: {reason}", Money::new(amount, payment.currency));
        Alert { kind, key: id.0.to_string(), detail, subject: Some((SubjectKind::Payment, payment_id.0)) }
    };
    Ok(disputes.into_iter().map(alert).collect())
}

#[derive(DerivePartialModel)]
#[sea_orm(entity = "refund::Entity")]
struct Refund {
    id: RefundId,
    payment_id: PaymentId,
    amount: i64,
    failure: Option<String>,
    #[sea_orm(nested)]
    payment: Paid,
}

/// Some of the refunds that the platform gives.
async fn refunds(app: &App, kind: Kind, some: Select<refund::Entity>) -> Result<Vec<Alert>> {
    let some = some.inner_join(payment::Entity).filter(refund::Column::Origin.eq(RefundOrigin::Platform)).limit(1000);
    let refunds: Vec<Refund> = app.db.read(some).await?;
    let alert = |Refund { id, payment_id, amount, failure, payment }| {
        let detail = [Money::new(amount, payment.currency).to_string(), failure.unwrap_or_default()].join(" ");
        let subject = Some((SubjectKind::Payment, payment_id.0));
        Alert { kind, key: id.0.to_string(), detail: detail.trim_end().to_owned(), subject }
    };
    Ok(refunds.into_iter().map(alert).collect())
}

async fn failed_refunds(app: &App) -> Result<Vec<Alert>> {
    let failed = refund::Entity::find()
        .filter(is_literally(refund::Column::State, RefundState::Failed))
        .filter(refund::Column::EndedAt.gt(app.clock.now() - RECENT))
        .filter(refund::Column::Failure.is_null().or(refund::Column::Failure.ne("given_back_elsewhere")));
    refunds(app, Kind::RefundFailed, failed).await
}

async fn stuck_refunds(app: &App) -> Result<Vec<Alert>> {
    let stuck = refund::Entity::find()
        .filter(refund::Column::CheckAt.is_not_null())
        .filter(refund::Column::State.eq(RefundState::Granted))
        .filter(refund::Column::ProviderReference.is_null())
        .filter(refund::Column::AskedAt.lte(app.clock.now() - payments::REMEMBERED));
    refunds(app, Kind::RefundStuck, stuck).await
}

#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_transfer::Entity")]
struct Beyond {
    id: TransferId,
    amount: i64,
    currency: Currency,
    reference: Option<String>,
}

async fn beyond(app: &App) -> Result<Vec<Alert>> {
    let reversal = |column: ledger_transfer::Column| Expr::col(("reversal", column));
    let taken_back = Query::select()
        .expr(reversal(ledger_transfer::Column::Id))
        .from_as(ledger_transfer::Entity, "reversal")
        .and_where(reversal(ledger_transfer::Column::ReversesId).eq(ledger_transfer::Column::Id.into_expr()))
        .take();
    let beyond = ledger_transfer::Entity::find()
        .filter(ledger_transfer::Column::ActorId.eq(Uuid::nil()))
        .filter(ledger_transfer::Column::Operation.eq("refund_beyond"))
        .filter(ledger_transfer::Column::CreatedAt.gt(app.clock.now() - RECENT))
        .filter(Expr::not_exists(taken_back))
        .limit(1000);
    let beyond: Vec<Beyond> = app.db.read(beyond).await?;
    let alert = |Beyond { id, amount, currency, reference }| {
        let detail = format!("{}: {}", Money::new(amount, currency), reference.unwrap_or_default());
        Alert { kind: Kind::GivenBackBeyond, key: id.0.to_string(), detail, subject: None }
    };
    Ok(beyond.into_iter().map(alert).collect())
}

async fn checks(app: &App) -> Result<Vec<Alert>> {
    let mut alerts = Vec::new();
    for (name, kind) in [(BOOKS, Kind::BooksDiffer), (PROVIDERS, Kind::ProvidersDiffer)] {
        if let Some(check) = last(app, name).await?.filter(|check| check.differences > 0) {
            let detail = format!("{}: {}", check.differences, check.detail);
            alerts.push(Alert { kind, key: check.ran_at.to_rfc3339(), detail, subject: None });
        }
    }
    Ok(alerts)
}

/// How many jobs of a kind have failed for good.
#[derive(FromQueryResult)]
struct DeadJobs {
    kind: String,
    count: i64,
}

/// Once a day while there are any.
async fn dead_jobs(app: &App) -> Result<Vec<Alert>> {
    let dead = job::Entity::find()
        .select_only()
        .column(job::Column::Kind)
        .expr_as(job::Column::Id.count(), "count")
        .filter(is_literally(job::Column::State, JobState::Dead))
        .group_by(job::Column::Kind)
        .order_by_asc(job::Column::Kind);
    let dead: Vec<DeadJobs> = app.db.select(&dead.into_query()).await?;
    let kinds: Vec<String> = dead.iter().map(|DeadJobs { kind, count }| format!("{kind}: {count}")).collect();
    Ok(daily(app, Kind::JobsDied, &kinds.join(", ")))
}

/// How many rows there are, as `count`.
fn count_of<E: EntityTrait>(rows: Select<E>) -> SelectStatement {
    rows.select_only().expr_as(Expr::cust("COUNT(*)"), "count").into_query()
}

#[derive(FromQueryResult)]
struct Counted {
    count: i64,
}

/// Once a day while some wait for long.
async fn waiting_withdrawals(app: &App) -> Result<Vec<Alert>> {
    let waiting = withdrawal::Entity::find()
        .filter(withdrawal::Column::State.eq(WithdrawalState::Requested))
        .filter(withdrawal::Column::RequestedAt.lte(app.clock.now() - OVERDUE_AFTER));
    let counted: Vec<Counted> = app.db.select(&count_of(waiting)).await?;
    let count = counted.first().map_or(0, |counted| counted.count);
    Ok(if count == 0 { Vec::new() } else { daily(app, Kind::WithdrawalsWait, &count.to_string()) })
}

fn daily(app: &App, kind: Kind, detail: &str) -> Vec<Alert> {
    if detail.is_empty() {
        return Vec::new();
    }
    let key = app.clock.now().date_naive().to_string();
    vec![Alert { kind, key, detail: detail.to_owned(), subject: None }]
}

// ----------------------------------------------------------------------------------------------------------- notifying

/// Somebody of the staff.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct Recipient {
    id: UserId,
    locale: String,
}

/// Tells everybody who may do something about it and was not told yet; gives how many that were.
async fn notify_staff_in(app: &App, tx: &Transaction, alert: &Alert) -> Result<u64> {
    let roles = Role::ALL.iter().filter(|role| permissions::allows(Some(**role), alert.kind.permission()));
    let recipients = user_role::Entity::find()
        .inner_join(user::Entity)
        .filter(user_role::Column::Role.is_in(roles.copied()))
        .order_by_asc(user::Column::Id);
    let mut told = 0;
    for Recipient { id: recipient, locale } in recipients.into_partial_model::<Recipient>().all(tx).await? {
        let locale = Locale::parse(&locale);
        let title = alert.kind.title().in_language(locale);
        let key = format!("alert:{}:{}", alert.kind.as_str(), alert.key);
        let one = NewNotification {
            recipient,
            actor: None,
            kind: NotificationKind::StaffAlert,
            subject: alert.subject,
            title: notifications::short(&title),
            excerpt: notifications::excerpt(&alert.detail),
            dedupe_key: key,
        };
        if notifications::deliver_one_in(app, tx, &one).await? {
            let detail = text::excerpt(&alert.detail, 500);
            let message = Message::email("", "", Template::StaffAlert).with("what", &title).with("items", detail);
            accounts::email_in(app, tx, recipient, message).await?;
            told += 1;
        }
    }
    if told > 0 {
        tracing::error!(
            alert = alert.kind.as_str(),
            key = alert.key,
            detail = alert.detail,
            "somebody has to look into it"
        );
    }
    Ok(told)
}

// ---------------------------------------------------------------------------------------------------------- overview

/// What there is to look into about money, now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overview {
    /// The last verification of the books.
    pub books: Option<Check>,
    /// The last comparison with the providers.
    pub providers: Option<Check>,
    /// Disputes that nobody has decided.
    pub open_disputes: i64,
    /// Refunds that wait for somebody to grant or refuse them.
    pub requested_refunds: i64,
    /// Refunds that failed in the last days.
    pub failed_refunds: i64,
    /// Withdrawals that wait for somebody to decide.
    pub requested_withdrawals: i64,
    /// Withdrawals that wait to be paid.
    pub approved_withdrawals: i64,
}

/// What there is to look into about money, for those who may see it.
pub(crate) async fn overview(app: &App, actor: &Actor) -> Result<Overview> {
    actor.require(Permission::SeeMoney)?;
    figures(app).await
}

#[derive(Default, FromQueryResult)]
struct Figures {
    open_disputes: i64,
    requested_refunds: i64,
    failed_refunds: i64,
    requested_withdrawals: i64,
    approved_withdrawals: i64,
}

/// The same for the operator's monitoring. No rights are asked here.
pub(crate) async fn figures(app: &App) -> Result<Overview> {
    let disputes =
        |state: DisputeState| payment_dispute::Entity::find().filter(payment_dispute::Column::State.eq(state));
    let withdrawals = |state: WithdrawalState| withdrawal::Entity::find().filter(withdrawal::Column::State.eq(state));
    let requested = refund::Entity::find().filter(refund::Column::State.eq(RefundState::Requested));
    let failed = refund::Entity::find()
        .filter(is_literally(refund::Column::State, RefundState::Failed))
        .filter(refund::Column::EndedAt.gt(app.clock.now() - RECENT));
    let figures = Query::select()
        .expr_as(count_of(disputes(DisputeState::Open)), "open_disputes")
        .expr_as(count_of(requested), "requested_refunds")
        .expr_as(count_of(failed), "failed_refunds")
        .expr_as(count_of(withdrawals(WithdrawalState::Requested)), "requested_withdrawals")
        .expr_as(count_of(withdrawals(WithdrawalState::Approved)), "approved_withdrawals")
        .take();
    let counted = app.db.select::<Figures>(&figures).await?.pop().unwrap_or_default();
    let Figures { open_disputes, requested_refunds, failed_refunds, requested_withdrawals, approved_withdrawals } =
        counted;
    Ok(Overview {
        books: last(app, BOOKS).await?,
        providers: last(app, PROVIDERS).await?,
        open_disputes,
        requested_refunds,
        failed_refunds,
        requested_withdrawals,
        approved_withdrawals,
    })
}
