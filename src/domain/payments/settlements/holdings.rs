//! What providers hold for us, as they report it, compared with what the books say that they do. Nothing is mended here: somebody
//! has to find out what was not told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect, QueryTrait,
    RelationTrait,
    sea_query::{Expr, Func},
};
use uuid::Uuid;

use crate::{
    app::App,
    domain::payments::{rules, sums::Sum},
    entity::{
        Currency, Money,
        ledger_account::{self, AccountKind},
        ledger_delta,
        ledger_entry::{self, Column, Entity},
        ledger_transfer,
        payment::{self, ProviderKind},
        payment_dispute::{self, DisputeState},
        refund::{self, RefundDestination, RefundOrigin, RefundState},
    },
    error::Result,
    platform::providers::payments::{Failure, Gateway},
};

/// Something on which the two sides do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The payment, by our id of it; or the charge, by the provider's, where we know no payment.
    pub subject: String,
    /// What each side says, in words.
    pub found: String,
    /// Whether it was mended.
    pub is_mended: bool,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mended = if self.is_mended { " (mended)" } else { "" };
        write!(formatter, "{}: {}{mended}", self.subject, self.found)
    }
}

/// What a provider holds in one currency, by the books.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Book {
    held: i64,
    /// Of it, what goes back to payers, or is disputed, with what is kept for that: the provider may have taken it off already.
    going: i64,
}

/// What differs in one currency, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Difference {
    ours: i64,
    theirs: i64,
}

/// On what a provider and the books do not agree, a line for each currency.
pub(super) async fn differences(
    app: &App,
    (provider, gateway): (ProviderKind, &dyn Gateway),
) -> Result<Vec<Disagreement>> {
    let told = |found: String| Disagreement { subject: provider.as_str().to_owned(), found, is_mended: false };
    let first = match compare(app, (provider, gateway)).await? {
        Ok(found) => found,
        Err(Failure::Refused(cause)) => {
            tracing::warn!(provider = provider.as_str(), cause, "a provider does not tell what it holds");
            return Ok(Vec::new());
        }
        Err(failure) => return Ok(vec![told(format!("what it holds could not be asked ({failure})"))]),
    };
    if first.is_empty() {
        return Ok(Vec::new());
    }
    // What happens in this moment is at one side before it is at the other; what differs twice alike, stays.
    let mut found = compare(app, (provider, gateway)).await?.unwrap_or_default();
    found.retain(|currency, now| {
        first.get(currency).is_some_and(|before| before.theirs - before.ours == now.theirs - now.ours)
    });
    let line = |(code, Difference { ours, theirs }): (String, Difference)| {
        let money = |minor: i64| match Currency::parse(&code) {
            Some(currency) => Money::new(minor, currency).to_string(),
            None => format!("{minor} minor units of {code}"),
        };
        told(format!("it holds {}, by the books {}", money(theirs), money(ours)))
    };
    Ok(found.into_iter().map(line).collect())
}

/// What differs now, by currency.
async fn compare(
    app: &App,
    (provider, gateway): (ProviderKind, &dyn Gateway),
) -> Result<Result<BTreeMap<String, Difference>, Failure>> {
    // Where nothing ever went, nothing is asked.
    if books(app, provider, None).await?.is_empty() {
        return Ok(Ok(BTreeMap::new()));
    }
    let holdings = match gateway.holdings().await {
        Ok(Some(holdings)) => holdings,
        Ok(None) => return Ok(Ok(BTreeMap::new())),
        Err(failure) => return Ok(Err(failure)),
    };
    let books = books(app, provider, holdings.at).await?;
    let mut held: BTreeMap<String, i64> = BTreeMap::new();
    for (currency, amount) in holdings.amounts {
        let sum = held.entry(currency).or_default();
        *sum = sum.saturating_add(amount);
    }
    let currencies: BTreeSet<&String> = books.keys().chain(held.keys()).collect();
    let mut found = BTreeMap::new();
    for currency in currencies {
        let book = books.get(currency).copied().unwrap_or_default();
        let theirs = held.get(currency).copied().unwrap_or_default();
        if !(book.held.saturating_sub(book.going)..=book.held).contains(&theirs) {
            found.insert(currency.clone(), Difference { ours: book.held, theirs });
        }
    }
    Ok(Ok(found))
}

/// What a provider holds by the books, by currency: now, or as of a time. What it kept and paid out counts whenever it was told,
/// which is always later than it happened. Of a dispute nobody knows when the provider takes its money off, nor what it keeps for
/// it, before it is over: the most that it kept for one so far is reckoned with.
async fn books(app: &App, provider: ProviderKind, at: Option<DateTime<Utc>>) -> Result<BTreeMap<String, Book>> {
    let is_of_account = Column::AccountId.into_expr().equals((ledger_account::Entity, ledger_account::Column::Id));
    let is_paid_here = payment::Column::Provider
        .eq(provider)
        .and(payment::Column::Currency.into_expr().equals((ledger_account::Entity, ledger_account::Column::Currency)));
    let entries =
        Entity::find().join(JoinType::InnerJoin, ledger_entry::Relation::Transfer.def()).filter(is_of_account);
    let waiting = ledger_delta::Entity::find().filter(
        ledger_delta::Column::AccountId.into_expr().equals((ledger_account::Entity, ledger_account::Column::Id)),
    );
    let mut balance =
        ledger_account::Column::Balance.into_expr().add(Sum::of(waiting, ledger_delta::Column::Amount).into_expr());
    let mut is_open = payment_dispute::Column::State.eq(DisputeState::Open);
    if let Some(at) = at {
        let later = entries
            .clone()
            .filter(Column::CreatedAt.gt(at))
            .filter(ledger_transfer::Column::Operation.ne(rules::SETTLEMENT));
        balance = balance.sub(Sum::of(later, Column::Amount).into_expr());
        is_open = is_open.or(payment_dispute::Column::EndedAt.gt(at));
    }
    let refunding = refund::Entity::find()
        .inner_join(payment::Entity)
        .filter(is_paid_here.clone())
        .filter(refund::Column::Destination.eq(RefundDestination::Source))
        .filter(refund::Column::Origin.ne(RefundOrigin::Dispute))
        .filter(refund::Column::State.is_in([RefundState::Granted, RefundState::Pending]));
    let disputes = payment_dispute::Entity::find().inner_join(payment::Entity).filter(is_paid_here).filter(is_open);
    let how_many = disputes.clone().select_only().expr(payment_dispute::Column::Id.count()).into_query();
    let fees = entries
        .filter(ledger_transfer::Column::ActorId.eq(Uuid::nil()))
        .filter(ledger_transfer::Column::Operation.eq(rules::DISPUTE_FEE));
    let most = fees.select_only().expr(Func::coalesce([Column::Amount.max(), Expr::val(0_i64)])).into_query();
    let accounts = ledger_account::Entity::find()
        .select_only()
        .column(ledger_account::Column::Currency)
        .expr_as(balance, "balance")
        .expr_as(Sum::of(refunding, refund::Column::Amount).into_expr(), "refunding")
        .expr_as(Sum::of(disputes, payment_dispute::Column::Amount).into_expr(), "disputed")
        .expr_as(Expr::from(how_many), "disputes")
        .expr_as(Expr::from(most), "fee")
        .filter(ledger_account::Column::Kind.eq(AccountKind::Clearing))
        .filter(ledger_account::Column::Name.eq(provider.as_str()));
    let accounts: Vec<Account> = app.db.select(&accounts.into_query()).await?;
    let book = |account: Account| {
        let disputed = account.disputed.saturating_add(account.disputes.saturating_mul(account.fee));
        // What somebody has for us is a negative balance.
        let book = Book { held: -account.balance, going: account.refunding.saturating_add(disputed) };
        (account.currency, book)
    };
    Ok(accounts.into_iter().map(book).collect())
}

/// An account of a provider's, in minor units.
#[derive(Debug, FromQueryResult)]
struct Account {
    currency: String,
    /// With what waits to be added up; where it is of an earlier time, without what came later.
    balance: i64,
    /// What goes back to payers.
    refunding: i64,
    /// What open disputes are about.
    disputed: i64,
    /// How many these are.
    disputes: i64,
    /// The most that was kept for a dispute so far.
    fee: i64,
}
