//! What providers hold for us, as they report it, compared with what the books say that they do. Nothing is mended here: somebody
//! has to find out what was not told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{DateTime, Utc};

use super::rules;
use crate::{
    app::App,
    entity::{Currency, Money, payment::ProviderKind},
    error::Result,
    platform::{
        db::Columns,
        payments::{Failure, Gateway},
    },
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
    let mut values: Vec<sea_orm::Value> =
        vec![provider.as_str().into(), uuid::Uuid::nil().into(), rules::DISPUTE_FEE.into()];
    let (mut later, mut open) = (String::new(), "o.state = 'open'");
    if let Some(at) = at {
        values.push(at.into());
        values.push(rules::SETTLEMENT.into());
        later.push_str(
            " - COALESCE((SELECT CAST(SUM(e.amount) AS bigint) FROM ledger_entries e \
             JOIN ledger_transfers t ON t.id = e.transfer_id \
             WHERE e.account_id = a.id AND e.created_at > $4 AND t.operation <> $5), 0)",
        );
        open = "(o.state = 'open' OR o.ended_at > $4)";
    }
    let sql = format!(
        "SELECT a.currency, a.balance + COALESCE((SELECT CAST(SUM(d.amount) AS bigint) FROM ledger_deltas d \
         WHERE d.account_id = a.id), 0){later}, \
         COALESCE((SELECT CAST(SUM(r.amount) AS bigint) FROM refunds r JOIN payments p ON p.id = r.payment_id \
         WHERE p.provider = $1 AND p.currency = a.currency AND r.destination = 'source' \
         AND r.origin <> 'dispute' AND r.state IN ('granted', 'pending')), 0), \
         COALESCE((SELECT CAST(SUM(o.amount) AS bigint) FROM payment_disputes o JOIN payments p ON p.id = o.payment_id \
         WHERE p.provider = $1 AND p.currency = a.currency AND {open}), 0), \
         (SELECT COUNT(*) FROM payment_disputes o JOIN payments p ON p.id = o.payment_id \
         WHERE p.provider = $1 AND p.currency = a.currency AND {open}), \
         COALESCE((SELECT MAX(e.amount) FROM ledger_transfers t JOIN ledger_entries e ON e.transfer_id = t.id \
         WHERE t.actor_id = $2 AND t.operation = $3 AND e.account_id = a.id), 0) \
         FROM ledger_accounts a WHERE a.kind = 'clearing' AND a.name = $1"
    );
    let mut books = BTreeMap::new();
    for row in &app.db.rows(sql, values).await? {
        let mut columns = Columns::new(row);
        let currency: String = columns.take()?;
        // What somebody has for us is a negative balance.
        let held = -columns.take::<i64>()?;
        let (refunding, disputed): (i64, i64) = (columns.take()?, columns.take()?);
        let (disputes, fee): (i64, i64) = (columns.take()?, columns.take()?);
        let going = refunding.saturating_add(disputed).saturating_add(disputes.saturating_mul(fee));
        books.insert(currency, Book { held, going });
    }
    Ok(books)
}
