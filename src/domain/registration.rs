//! What each domain hands over, and the one list of them. Whoever does something for every domain (the worker, privacy,
//! events, notifications, payments, the books, the tests) reads it from here, and names none.
//!
//! A new domain writes one `DOMAIN`, with what it has, and adds it to [`DOMAINS`].

use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use sea_orm::sea_query::SelectStatement;
use uuid::Uuid;

use super::{
    accounts, activity, alerts, audit, auth, codes, digests, events, export, fees, goals, idempotency, jobs, ledger,
    messages, notifications, payments, posts, privacy, profiles, recount, refold, retention, wallets,
};
use crate::{
    app::App,
    entity::{UserId, event::StreamKind, payment::ProviderKind},
    error::Result,
    platform::db::Transaction,
};

/// The domains, lowest first: each may use those before it.
pub static DOMAINS: &[Domain] = &[
    Domain::named("permissions"),
    Domain::named("actor"),
    Domain::named("amounts"),
    Domain::named("states"),
    events::DOMAIN,
    Domain::named("live"),
    jobs::DOMAIN,
    idempotency::DOMAIN,
    codes::DOMAIN,
    MESSAGES,
    Domain::named("export"),
    activity::DOMAIN,
    audit::DOMAIN,
    accounts::DOMAIN,
    auth::DOMAIN,
    profiles::DOMAIN,
    notifications::DOMAIN,
    posts::DOMAIN,
    ledger::DOMAIN,
    wallets::DOMAIN,
    payments::DOMAIN,
    fees::DOMAIN,
    goals::DOMAIN,
    Domain::named("books"),
    alerts::DOMAIN,
    digests::DOMAIN,
    refold::DOMAIN,
    recount::DOMAIN,
    retention::DOMAIN,
    privacy::DOMAIN,
    Domain::named("admin"),
];

const MESSAGES: Domain = Domain {
    jobs: &[jobs::Handler { kind: messages::MESSAGE, run: |app, job| Box::pin(messages::deliver(app, job)) }],
    ..Domain::named("messages")
};

/// Work that needs nothing but the program.
pub(crate) type Run<T> = fn(&App) -> BoxFuture<'_, Result<T>>;

/// Work at a provider of payments; gives how much was done.
pub(crate) type Poll = fn(&App, ProviderKind) -> BoxFuture<'_, Result<u64>>;

/// Work about a person, within a transaction in which their row is locked.
pub(crate) type OfPerson<T> = for<'a> fn(&'a App, &'a Transaction, UserId) -> BoxFuture<'a, Result<T>>;

/// What a domain hands over. Of what it has none, it says nothing: see [`Domain::named`].
#[derive(Debug)]
pub struct Domain {
    /// What it is called: as its module in `domain`.
    pub name: &'static str,
    /// The tables that it owns: nobody else writes them.
    pub tables: &'static [&'static str],
    /// The streams whose counter stands in a row of its own (`event_seq`), each with the table; of others it stands in
    /// `streams`.
    pub streams: &'static [(StreamKind, &'static str)],
    /// The jobs that it does.
    pub jobs: &'static [jobs::Handler],
    /// What it has people notified of.
    pub notices: &'static [notifications::NoticeHandler],
    /// What of it notifications tell of and quote.
    pub subjects: &'static [notifications::Subject],
    /// What runs now and then, once however many processes there are.
    pub schedules: &'static [Schedule],
    /// What every process that serves does all the time, some times a second, so that nothing is missed that other processes
    /// did.
    pub sweeps: &'static [Run<()>],
    /// What is polled about once a second for each provider of payments.
    pub polls: &'static [Poll],
    /// What it keeps for a time only.
    pub retentions: &'static [Retention],
    /// The counters in its tables.
    pub counters: &'static [Counter],
    /// What in its tables is derived from texts.
    pub derived: &'static [Derived],
    /// What it holds about a person, to take along.
    pub exports: &'static [export::Table],
    /// Whoever made an account may not have been the owner of its address, who has just proven it: takes away what they may
    /// have set up to keep the owner out.
    pub reclaim_in: OfPerson<()>,
    /// Whether there is money of a person's, so that they can't ask to leave.
    pub holds_money_in: OfPerson<bool>,
    /// A person is about to be deleted: ends what can't go on without them. False while they have to stay, because there is
    /// money of theirs.
    pub leave_in: OfPerson<bool>,
    /// Forgets a person who is about to be deleted. Those who build upon others forget before them.
    pub erase_in: OfPerson<()>,
    /// What must hold between its tables and the ledger.
    pub rules: &'static [ledger::Rule],
    /// What payments can be for, that it settles.
    pub targets: &'static [&'static dyn payments::Target],
}

impl Domain {
    /// A domain that hands nothing over but its name.
    #[must_use]
    pub(crate) const fn named(name: &'static str) -> Self {
        Self {
            name,
            tables: &[],
            streams: &[],
            jobs: &[],
            notices: &[],
            subjects: &[],
            schedules: &[],
            sweeps: &[],
            polls: &[],
            retentions: &[],
            counters: &[],
            derived: &[],
            exports: &[],
            reclaim_in: |_, _, _| Box::pin(async { Ok(()) }),
            holds_money_in: |_, _, _| Box::pin(async { Ok(false) }),
            leave_in: |_, _, _| Box::pin(async { Ok(true) }),
            erase_in: |_, _, _| Box::pin(async { Ok(()) }),
            rules: &[],
            targets: &[],
        }
    }
}

/// Something that runs now and then.
#[derive(Debug)]
pub struct Schedule {
    /// By which the next time is stored.
    pub name: &'static str,
    /// How long after one run the next one is due.
    pub every: TimeDelta,
    /// What is done.
    pub run: Run<()>,
}

/// Something that is kept for a time only.
#[derive(Debug)]
pub struct Retention {
    /// What, for the log.
    pub what: &'static str,
    /// Deletes what is past its time; gives how many rows went.
    pub prune: Run<u64>,
}

/// A counter in a row, and the facts that it counts.
#[derive(Debug)]
pub struct Counter {
    /// Whose rows have it.
    pub table: &'static str,
    /// Where it stands.
    pub column: &'static str,
    /// The query that counts, of a row of `table`.
    pub facts: fn() -> SelectStatement,
}

/// Something that is derived from texts, and written anew when a version derives it otherwise.
#[derive(Debug)]
pub struct Derived {
    /// Its name in stored jobs.
    pub part: &'static str,
    /// Deals with the next rows after an id; gives the last of them, nothing at the end.
    pub refold_in: for<'a> fn(&'a Transaction, Uuid) -> BoxFuture<'a, Result<Option<Uuid>>>,
}
