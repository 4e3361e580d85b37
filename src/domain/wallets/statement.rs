//! The statement of a wallet as CSV, by an expiring link. However long it is, only a batch of it is in memory.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::{Stream, stream};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
};
use serde::{Deserialize, Serialize};

use super::queries::require_sight;
use crate::{
    app::App,
    domain::{actor::Actor, ledger::AccountRef},
    entity::{
        Currency, EntryId, LedgerAccountId, UserId, ids,
        ledger_entry::{Column, Entity, Relation},
        ledger_transfer::{self, TransferKind},
    },
    error::{Error, Result},
    platform::{concurrency_limits::ConcurrencyLimit, list::Span},
};

/// How long a link is good.
const GOOD: TimeDelta = TimeDelta::minutes(15);
/// What tokens are sealed for.
const PURPOSE: &str = "wallet_statement";
/// How many rows are read at once.
const BATCH: usize = 1000;
/// The first line of the CSV.
const HEADER: [&str; 7] = ["date", "transaction id", "kind", "description", "reference", "amount", "balance"];

/// Where a statement is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatementLink {
    /// Whoever has it, has the statement.
    pub url: String,
    /// As long as this.
    pub expires_at: DateTime<Utc>,
}

/// What a link stands for: sealed, so that nobody reads or changes it.
#[derive(Serialize, Deserialize)]
struct Token {
    owner: uuid::Uuid,
    currency: String,
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
}

/// A link to the statement of one currency of a wallet that the actor may see; where the span is open, from the first
/// transaction on, and up to the moment when it is fetched. BAD_REQUEST when the span ends before it begins.
pub(crate) fn statement_link(
    app: &App,
    actor: &Actor,
    owner: UserId,
    currency: Currency,
    span: Span,
) -> Result<StatementLink> {
    require_sight(actor, owner)?;
    let now = app.clock.now();
    let (from, until) = (span.from.unwrap_or(DateTime::UNIX_EPOCH), span.until);
    if from < DateTime::UNIX_EPOCH || from > until.unwrap_or(now) {
        return Err(Error::bad_request("A statement begins before its end, and not before 1970."));
    }
    let expires_at = now + GOOD;
    let token = Token { owner: owner.0, currency: currency.as_str().to_owned(), from, until, expires_at };
    let token = URL_SAFE_NO_PAD.encode(app.keys.seal(PURPOSE, &serde_json::to_vec(&token)?)?);
    Ok(StatementLink { url: format!("{}/statements/{token}", app.public_url()), expires_at })
}

/// A statement that can be fetched.
#[derive(Debug)]
pub(crate) struct Download<S> {
    /// What the file is called.
    pub file_name: String,
    /// Its text, piece by piece.
    pub pieces: S,
}

/// The statement of a link's token, as long as it is good. The share is that of whoever fetches it.
pub(crate) async fn download(
    app: &App,
    concurrency_limit: ConcurrencyLimit,
    token: &str,
) -> Result<Option<Download<impl Stream<Item = Result<Vec<u8>>> + Send + use<>>>> {
    let sealed = if token.len() <= 1024 { URL_SAFE_NO_PAD.decode(token).ok() } else { None };
    let opened = sealed.and_then(|sealed| app.keys.open(PURPOSE, &sealed).ok());
    let Some(token) = opened.map(|bytes| serde_json::from_slice::<Token>(&bytes)).transpose()? else {
        return Ok(None);
    };
    let Some(currency) = Currency::parse(&token.currency).filter(|_| app.clock.now() < token.expires_at) else {
        return Ok(None);
    };
    let until = closing(app, &token);
    let file_name = format!("statement-{currency}-{}-{}.csv", token.from.format("%Y-%m-%d"), until.format("%Y-%m-%d"));
    let statement = concurrency_limit.clone().apply_to(Statement::begin(app, &token, currency)).await?;
    // The client's network decides when a piece is asked for: each is read apart from that.
    let app = app.clone();
    let pieces = stream::try_unfold(statement, move |statement| {
        let (app, concurrency_limit) = (app.clone(), concurrency_limit.clone());
        async move { app.apart(concurrency_limit.apply_to(statement.next())).await }
    });
    Ok(Some(Download { file_name, pieces }))
}

/// The end of a statement: that of its span, but not later than now.
fn closing(app: &App, token: &Token) -> DateTime<Utc> {
    let now = app.clock.now();
    token.until.map_or(now, |until| until.min(now))
}

/// A statement on its way.
struct Statement {
    app: App,
    account: LedgerAccountId,
    currency: Currency,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    /// The number of the last entry that belongs to it: what comes while it is fetched does not.
    last: i64,
    /// The number of the last entry that was given out, or of the last before the span.
    seq: i64,
    /// The balance after it.
    balance: i64,
    at: Part,
}

/// How far a statement has come.
enum Part {
    Opening,
    Middle,
    End,
}

impl Statement {
    async fn begin(app: &App, token: &Token, currency: Currency) -> Result<Self> {
        let account = AccountRef::Wallet(UserId(token.owner)).account(currency);
        // Numbers run as times do: what comes after the last entry before the span is in it, or after it.
        let (seq, balance) = last_before(app, account, Some(token.from)).await?;
        let (last, _) = last_before(app, account, token.until).await?;
        let (app, from, until) = (app.clone(), token.from, closing(app, token));
        Ok(Self { app, account, currency, from, until, last, seq, balance, at: Part::Opening })
    }

    /// The next piece, and what is left.
    async fn next(mut self) -> Result<Option<(Vec<u8>, Self)>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        match self.at {
            Part::Opening => {
                writer.write_record(HEADER).map_err(Error::internal)?;
                self.line(&mut writer, self.from, "opening")?;
                self.at = Part::Middle;
            }
            Part::Middle => {
                if self.batch(&mut writer).await? < BATCH {
                    self.line(&mut writer, self.until, "closing")?;
                    self.at = Part::End;
                }
            }
            Part::End => return Ok(None),
        }
        let piece = writer.into_inner().map_err(|error| Error::internal(error.to_string()))?;
        Ok(Some((piece, self)))
    }

    /// A line that only tells the balance.
    fn line(&self, writer: &mut csv::Writer<Vec<u8>>, at: DateTime<Utc>, kind: &str) -> Result<()> {
        let balance = self.currency.format(self.balance);
        writer.write_record([&time(at), "", kind, "", "", "", &balance]).map_err(Error::internal)
    }

    /// The lines of the next entries; gives how many.
    async fn batch(&mut self, writer: &mut csv::Writer<Vec<u8>>) -> Result<usize> {
        let next = Entity::find()
            .join(JoinType::InnerJoin, Relation::Transfer.def())
            .filter(Column::AccountId.eq(self.account))
            .filter(Column::Seq.gt(self.seq))
            .filter(Column::Seq.lte(self.last))
            .order_by_asc(Column::Seq)
            .limit(BATCH as u64);
        let lines: Vec<Line> = self.app.db.read(next).await?;
        let count = lines.len();
        for line in lines {
            (self.seq, self.balance) = (line.seq, line.balance_after);
            let record = [
                time(line.created_at),
                ids::encode(EntryId::PREFIX, line.id.0),
                line.kind.as_str().to_owned(),
                harmless(line.transfer.description),
                harmless(line.transfer.reference.unwrap_or_default()),
                self.currency.format(line.amount),
                self.currency.format(self.balance),
            ];
            writer.write_record(record).map_err(Error::internal)?;
        }
        Ok(count)
    }
}

/// What a line is made of.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Line {
    seq: i64,
    id: EntryId,
    kind: TransferKind,
    amount: i64,
    balance_after: i64,
    created_at: DateTime<Utc>,
    #[sea_orm(nested)]
    transfer: LineTransfer,
}

#[derive(DerivePartialModel)]
#[sea_orm(entity = "ledger_transfer::Entity")]
struct LineTransfer {
    description: String,
    reference: Option<String>,
}

/// An entry's number, and the balance after it.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Reached {
    seq: i64,
    balance_after: i64,
}

/// Number and balance of the last entry of an account before a time, or of all; zeros where there is none.
async fn last_before(app: &App, account: LedgerAccountId, before: Option<DateTime<Utc>>) -> Result<(i64, i64)> {
    let mut entries = Entity::find().filter(Column::AccountId.eq(account)).filter(Column::Seq.is_not_null());
    if let Some(before) = before {
        entries = entries.filter(Column::CreatedAt.lt(before));
    }
    let last: Option<Reached> =
        app.db.read_one(entries.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id)).await?;
    Ok(last.map_or((0, 0), |Reached { seq, balance_after }| (seq, balance_after)))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it.
fn harmless(text: String) -> String {
    if text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r']) {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_only_text() {
        for (text, shown) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" =1", "' =1"),
            ("\t=1", "'\t=1"),
            ("rent", "rent"),
            ("", ""),
        ] {
            assert_eq!(harmless(text.to_owned()), shown);
        }
    }
}
