//! What staff is told of: whatever about money, or of the queue of jobs, somebody has to look into. It is looked for on a
//! schedule, so that whoever causes it need not think of it; everybody who may do something about it is told once, in the list
//! of notifications and by e-mail, and the program's log has a line with the field `alert`.
//!
//! Owns `check_runs`: when the books were last verified and compared with the providers', and what differed.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    app::App,
    catalogue::Text,
    domain::{
        accounts,
        actor::Actor,
        books,
        messages::{Message, Template},
        notifications::{self, Telling},
        payments,
        permissions::{self, Permission},
        registration::{Domain, Schedule},
    },
    entity::{
        Currency, Money, UserId,
        notification::{NotificationKind, SubjectKind},
        user_role::Role,
    },
    error::{Locale, Result},
    platform::{
        db::{Columns, Transaction},
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
const FRESH: TimeDelta = TimeDelta::days(7);
/// How long a withdrawal waits before staff is reminded of it.
const PATIENCE: TimeDelta = TimeDelta::days(3);
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
pub async fn verify_books(app: &App) -> Result<()> {
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
pub async fn compare_with_providers(app: &App) -> Result<()> {
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
    let sql = "INSERT INTO check_runs (name, ran_at, differences, detail) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (name) DO UPDATE SET ran_at = $2, differences = $3, detail = $4";
    let (count, detail) = (i64::try_from(found.len()).unwrap_or(i64::MAX), text::excerpt(&found.join("\n"), LONGEST));
    let now = app.clock.now();
    let values = || vec![name.into(), now.into(), count.into(), detail.as_str().into()];
    app.db.transact(async |tx| tx.execute(sql, values()).await.map(drop)).await
}

/// What a check found the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// When it ran.
    pub ran_at: DateTime<Utc>,
    /// How much differed.
    pub differences: i64,
    /// What, a line each; the first of it, where it is much.
    pub detail: String,
}

async fn last(app: &App, name: &str) -> Result<Option<Check>> {
    let sql = "SELECT ran_at, differences, detail FROM check_runs WHERE name = $1";
    let rows = app.db.rows(sql, vec![name.into()]).await?;
    let read = |row| {
        let mut columns = Columns::new(row);
        Ok(Check { ran_at: columns.take()?, differences: columns.take()?, detail: columns.take()? })
    };
    rows.first().map(read).transpose()
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
        told += app.db.transact(async |tx| tell_in(app, &tx, &alert).await).await?;
    }
    Ok(told)
}

async fn disputes(app: &App) -> Result<Vec<Alert>> {
    let sql = "SELECT d.id, d.payment_id, d.amount, p.currency, d.reason, d.state FROM payment_disputes d \
               JOIN payments p ON p.id = d.payment_id WHERE d.opened_at > $1 OR (d.state = 'lost' AND d.ended_at > $1)";
    let rows = app.db.rows(sql, vec![(app.clock.now() - FRESH).into()]).await?;
    let read = |row| {
        let mut columns = Columns::new(row);
        let (id, payment): (Uuid, Uuid) = (columns.take()?, columns.take()?);
        let (amount, currency, reason): (i64, Currency, String) = (columns.take()?, columns.take()?, columns.take()?);
        let kind = if columns.take::<String>()? == "lost" { Kind::DisputeLost } else { Kind::DisputeOpened };
        let detail = format!("{}: {reason}", Money::new(amount, currency));
        Ok(Alert { kind, key: id.to_string(), detail, subject: Some((SubjectKind::Payment, payment)) })
    };
    rows.iter().map(read).collect()
}

/// The refunds that a query gives: id, payment, amount, currency and a word.
async fn refunds(app: &App, kind: Kind, sql: &str, before: DateTime<Utc>) -> Result<Vec<Alert>> {
    let read = |row| {
        let mut columns = Columns::new(row);
        let (id, payment): (Uuid, Uuid) = (columns.take()?, columns.take()?);
        let (amount, currency, word): (i64, Currency, Option<String>) =
            (columns.take()?, columns.take()?, columns.take()?);
        let detail = [Money::new(amount, currency).to_string(), word.unwrap_or_default()].join(" ");
        let subject = Some((SubjectKind::Payment, payment));
        Ok(Alert { kind, key: id.to_string(), detail: detail.trim_end().to_owned(), subject })
    };
    app.db.rows(sql, vec![before.into()]).await?.iter().map(read).collect()
}

async fn failed_refunds(app: &App) -> Result<Vec<Alert>> {
    let sql = "SELECT r.id, r.payment_id, r.amount, p.currency, r.failure FROM refunds r \
               JOIN payments p ON p.id = r.payment_id WHERE r.state = 'failed' AND r.origin = 'platform' AND r.ended_at > $1 \
               AND COALESCE(r.failure, '') <> 'given_back_elsewhere' LIMIT 1000";
    refunds(app, Kind::RefundFailed, sql, app.clock.now() - FRESH).await
}

async fn stuck_refunds(app: &App) -> Result<Vec<Alert>> {
    let sql = "SELECT r.id, r.payment_id, r.amount, p.currency, r.failure FROM refunds r \
               JOIN payments p ON p.id = r.payment_id WHERE r.check_at IS NOT NULL AND r.state = 'granted' \
               AND r.provider_reference IS NULL AND r.origin = 'platform' AND r.asked_at <= $1 LIMIT 1000";
    refunds(app, Kind::RefundStuck, sql, app.clock.now() - payments::REMEMBERED).await
}

async fn beyond(app: &App) -> Result<Vec<Alert>> {
    let sql = "SELECT t.id, t.amount, t.currency, t.reference FROM ledger_transfers t \
               WHERE t.actor_id = $1 AND t.operation = 'refund_beyond' AND t.created_at > $2 \
               AND NOT EXISTS (SELECT 1 FROM ledger_transfers b WHERE b.reverses_id = t.id) LIMIT 1000";
    let rows = app.db.rows(sql, vec![Uuid::nil().into(), (app.clock.now() - FRESH).into()]).await?;
    let read = |row| {
        let mut columns = Columns::new(row);
        let (id, amount, currency): (Uuid, i64, Currency) = (columns.take()?, columns.take()?, columns.take()?);
        let detail =
            format!("{}: {}", Money::new(amount, currency), columns.take::<Option<String>>()?.unwrap_or_default());
        Ok(Alert { kind: Kind::GivenBackBeyond, key: id.to_string(), detail, subject: None })
    };
    rows.iter().map(read).collect()
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

/// Once a day while there are any.
async fn dead_jobs(app: &App) -> Result<Vec<Alert>> {
    let sql = "SELECT kind, COUNT(*) FROM jobs WHERE state = 'dead' GROUP BY kind ORDER BY kind";
    let mut kinds = Vec::new();
    for row in &app.db.rows(sql, Vec::new()).await? {
        let mut columns = Columns::new(row);
        kinds.push(format!("{}: {}", columns.take::<String>()?, columns.take::<i64>()?));
    }
    Ok(daily(app, Kind::JobsDied, &kinds.join(", ")))
}

/// Once a day while some wait for long.
async fn waiting_withdrawals(app: &App) -> Result<Vec<Alert>> {
    let sql = "SELECT COUNT(*) FROM withdrawals WHERE state = 'requested' AND requested_at <= $1";
    let rows = app.db.rows(sql, vec![(app.clock.now() - PATIENCE).into()]).await?;
    let count: i64 = rows.first().map_or(Ok(0), |row| Columns::new(row).take())?;
    Ok(if count == 0 { Vec::new() } else { daily(app, Kind::WithdrawalsWait, &count.to_string()) })
}

fn daily(app: &App, kind: Kind, detail: &str) -> Vec<Alert> {
    if detail.is_empty() {
        return Vec::new();
    }
    let key = app.clock.now().date_naive().to_string();
    vec![Alert { kind, key, detail: detail.to_owned(), subject: None }]
}

// ----------------------------------------------------------------------------------------------------------- telling

/// Tells everybody who may do something about it and was not told yet; gives how many that were.
async fn tell_in(app: &App, tx: &Transaction, alert: &Alert) -> Result<u64> {
    let roles: Vec<String> = Role::ALL
        .iter()
        .filter(|role| permissions::allows(Some(**role), alert.kind.permission()))
        .map(|role| format!("'{}'", role.as_str()))
        .collect();
    let sql = format!(
        "SELECT u.id, u.locale FROM user_roles r JOIN users u ON u.id = r.user_id WHERE r.role IN ({}) ORDER BY u.id",
        roles.join(", ")
    );
    let mut told = 0;
    for row in &tx.rows(sql, Vec::new()).await? {
        let mut columns = Columns::new(row);
        let (recipient, locale): (UserId, String) = (columns.take()?, columns.take()?);
        let locale = Locale::parse(&locale);
        let title = alert.kind.title().in_language(locale);
        let key = format!("alert:{}:{}", alert.kind.as_str(), alert.key);
        let telling = Telling {
            recipient,
            actor: None,
            kind: NotificationKind::StaffAlert,
            subject: alert.subject,
            title: notifications::short(&title),
            excerpt: notifications::excerpt(&alert.detail),
            dedupe_key: key,
        };
        if notifications::tell_one_in(app, tx, &telling).await? {
            let detail = text::excerpt(&alert.detail, 500);
            let message = Message::email("", "", Template::StaffAlert).with("what", &title).with("items", detail);
            accounts::tell_in(app, tx, recipient, message).await?;
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
pub struct Overview {
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
pub async fn overview(app: &App, actor: &Actor) -> Result<Overview> {
    actor.require(Permission::SeeMoney)?;
    figures(app).await
}

/// The same for the operator's monitoring. No rights are asked here.
pub async fn figures(app: &App) -> Result<Overview> {
    let sql = "SELECT (SELECT COUNT(*) FROM payment_disputes WHERE state = 'open'), \
               (SELECT COUNT(*) FROM refunds WHERE state = 'requested'), \
               (SELECT COUNT(*) FROM refunds WHERE state = 'failed' AND ended_at > $1), \
               (SELECT COUNT(*) FROM withdrawals WHERE state = 'requested'), \
               (SELECT COUNT(*) FROM withdrawals WHERE state = 'approved')";
    let rows = app.db.rows(sql, vec![(app.clock.now() - FRESH).into()]).await?;
    let mut counts = [0; 5];
    if let Some(row) = rows.first() {
        let mut columns = Columns::new(row);
        for count in &mut counts {
            *count = columns.take()?;
        }
    }
    let [open_disputes, requested_refunds, failed_refunds, requested_withdrawals, approved_withdrawals] = counts;
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
