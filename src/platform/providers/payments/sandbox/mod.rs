//! The sandbox: a provider for trying out, which needs no account and behaves as a real one does. Refused in production.
//!
//! It keeps its own books in `sandbox_charges`, `sandbox_refunds`, `sandbox_disputes` and `sandbox_events`, as if they were elsewhere: we only
//! talk to it through [`Gateway`], payers only through its pages (`http::sandbox`), and it tells us by signed webhooks,
//! which come late, twice and out of order.
//!
//! What becomes of a charge follows from the card's number, see [`CARDS`].

mod behind_our_back;

use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, Func, LockType, OnConflict},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Charge, ChargeRefund, ChargeState, Envelope, Failure, Gateway, GivenBack, NewCharge, NewCustomer, NewRefund,
    NextAction, Notice, RefundProgress, Rejected, SavedMethod, Subject, ToldDispute, signature,
};
use crate::{
    entity::{sandbox_charge, sandbox_dispute, sandbox_event, sandbox_refund},
    error::{Error, Result},
    platform::{
        clock::Clock,
        crypto::Keys,
        db::{Database, Transaction},
        ids::{Ids, random_token},
    },
};

pub use behind_our_back::{DISPUTE_FEE, Deed};

/// The header that its webhooks are signed in.
pub const SIGNATURE: &str = "sandbox-signature";

/// What a card does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The money is taken at once.
    Success,
    /// Refused, for this reason; the payer may try another card.
    Declined(&'static str),
    /// Refused for good.
    Failure(&'static str),
    /// The bank asks the payer (3-D Secure).
    Challenge,
    /// Under way for some seconds, then taken.
    Slow,
    /// Under way for some seconds, then refused for good.
    SlowFailure,
    /// Promised at once, taken some seconds later.
    LateCapture,
    /// The money is taken at once; what goes back is refused after some seconds.
    RefundsFail,
    /// The money is taken at once; some seconds later the payer's bank disputes it.
    Disputed,
    /// The money is taken at once; what goes back is done, and comes back some seconds later.
    RefundsComeBack,
}

/// The cards that there are: number, what it does, brand.
pub const CARDS: &[(&str, Outcome, &str)] = &[
    ("4242424242424242", Outcome::Success, "visa"),
    ("5555555555554444", Outcome::Success, "mastercard"),
    ("4000000000000002", Outcome::Declined("card_declined"), "visa"),
    ("4000000000009995", Outcome::Declined("insufficient_funds"), "visa"),
    ("4000000000000119", Outcome::Failure("processing_error"), "visa"),
    ("4000000000003220", Outcome::Challenge, "visa"),
    ("4000000000000077", Outcome::Slow, "visa"),
    ("4000000000000093", Outcome::SlowFailure, "visa"),
    ("4000000000000044", Outcome::LateCapture, "visa"),
    ("4000000000007726", Outcome::RefundsFail, "visa"),
    ("4000000000005126", Outcome::RefundsComeBack, "visa"),
    ("4000000000000259", Outcome::Disputed, "visa"),
];

/// What a payer does at the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Gives a card's number.
    Card(String),
    /// Passes their bank's question, or fails at it.
    Authenticate(bool),
}

impl Act {
    /// A card's number, however it is spaced.
    #[must_use]
    pub fn card(number: &str) -> Self {
        Self::Card(number.chars().filter(char::is_ascii_digit).take(19).collect())
    }
}

/// How long a slow charge takes, and a refund.
const SLOW: TimeDelta = TimeDelta::seconds(5);

/// A provider that is part of this program: its charges are rows of our database.
#[derive(Debug, Clone)]
pub struct Sandbox {
    db: Database,
    clock: Clock,
    ids: Ids,
    secret: Vec<u8>,
}

/// A charge, and what became of it.
#[derive(Debug, Clone, DerivePartialModel)]
#[sea_orm(entity = "sandbox_charge::Entity")]
struct Row {
    id: Uuid,
    merchant_reference: String,
    secret: String,
    currency: String,
    amount: i64,
    card: Option<String>,
    state: String,
    captured: i64,
    failure: Option<String>,
    #[sea_orm(from_expr = "refunded()")]
    refunded: i64,
    #[sea_orm(from_expr = "is_disputed()")]
    is_disputed: bool,
}

/// That a column names the charge that is read.
fn is_of_charge(column: impl ColumnTrait) -> Expr {
    sea_orm::ExprTrait::eq(column.into_expr(), sandbox_charge::Column::Id.into_expr())
}

/// What goes back of a charge that is read.
fn refunded() -> Expr {
    let refunds = sandbox_refund::Entity::find()
        .select_only()
        .expr(Func::cast_as(sandbox_refund::Column::Amount.sum(), "bigint"))
        .filter(is_of_charge(sandbox_refund::Column::ChargeId))
        .filter(sandbox_refund::Column::State.ne("failed"));
    Func::coalesce([Expr::from(refunds.into_query()), Expr::val(0_i64)]).into()
}

/// Whether a charge that is read was ever disputed.
fn is_disputed() -> Expr {
    let disputes = sandbox_dispute::Entity::find().select_only().column(sandbox_dispute::Column::Id);
    Expr::exists(disputes.filter(is_of_charge(sandbox_dispute::Column::ChargeId)).into_query())
}

fn of_secret(secret: &str) -> Select<sandbox_charge::Entity> {
    sandbox_charge::Entity::find().filter(sandbox_charge::Column::Secret.eq(secret))
}

/// A charge, locked until the end of the transaction.
async fn lock_in(tx: &Transaction, charge: Select<sandbox_charge::Entity>) -> Result<Option<Row>> {
    Ok(charge.lock(LockType::NoKeyUpdate).into_partial_model::<Row>().one(tx).await?)
}

/// Changes what is set of a charge.
async fn change_in(tx: &Transaction, charge: Uuid, changed: sandbox_charge::ActiveModel) -> Result<()> {
    let changing = sandbox_charge::Entity::update_many().set(changed);
    changing.filter(sandbox_charge::Column::Id.eq(charge)).exec(tx).await?;
    Ok(())
}

/// What a payer's program may know of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible {
    /// How it stands: `waiting`, `challenged`, `processing`, `authorised`, `completed`, `failed` or `cancelled`.
    pub state: String,
    /// In minor units.
    pub amount: i64,
    /// The currency's code of ISO 4217, in capitals.
    pub currency: String,
    /// Why the last try failed.
    pub failure: Option<String>,
}

fn visible(row: &Row) -> Visible {
    let (state, currency, failure) = (row.state.clone(), row.currency.clone(), row.failure.clone());
    Visible { state, amount: row.amount, currency, failure }
}

fn reference(id: Uuid) -> String {
    format!("sbx_{}", id.simple())
}

fn parse_reference(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text.strip_prefix("sbx_")?).ok()
}

fn broken(error: Error) -> Failure {
    Failure::Unavailable(error.to_string())
}

/// A refund as it is told.
fn told(id: Uuid, state: &str) -> ChargeRefund {
    let (progress, failure) = match state {
        "succeeded" => (RefundProgress::Succeeded, None),
        "failed" => (RefundProgress::Failed, Some("refund_failed".to_owned())),
        _ => (RefundProgress::Pending, None),
    };
    ChargeRefund { reference: id.simple().to_string(), progress, failure }
}

fn outcome(card: &str) -> Option<(Outcome, &'static str)> {
    CARDS.iter().find(|(number, ..)| *number == card).map(|(_, outcome, brand)| (*outcome, *brand))
}

/// A webhook that is due.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// By which the sandbox is told that it came.
    pub id: Uuid,
    /// The body, as JSON.
    pub body: String,
    /// Its signature, for the header [`SIGNATURE`].
    pub signature: String,
}

impl Sandbox {
    /// On the same database as everything else.
    pub fn new(db: Database, clock: Clock, ids: Ids, keys: &Keys) -> Result<Self> {
        let (_, key) = keys.signing();
        let secret = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"sandbox webhooks").as_ref().to_vec();
        Ok(Self { db, clock, ids, secret })
    }

    async fn row_in(tx: &Transaction, id: Uuid) -> Result<Row> {
        let row = lock_in(tx, sandbox_charge::Entity::find_by_id(id)).await?;
        row.ok_or_else(|| Error::bad_request("no such charge"))
    }

    async fn find(&self, id: Uuid) -> Result<Option<Row>> {
        self.db.read_one(sandbox_charge::Entity::find_by_id(id)).await
    }

    fn charge(row: &Row) -> Charge {
        let state = match row.state.as_str() {
            "processing" => ChargeState::Processing,
            "authorised" => ChargeState::Authorized,
            "completed" => ChargeState::Completed,
            "failed" => ChargeState::Failed,
            "cancelled" => ChargeState::Cancelled,
            _ => ChargeState::Pending,
        };
        let page = format!("/sandbox/pay?secret={}", row.secret);
        let next = match row.state.as_str() {
            "waiting" => NextAction::ClientSecret {
                secret: row.secret.clone(),
                public_key: "sandbox".to_owned(),
                url: Some(page),
            },
            "challenged" => NextAction::Redirect { url: page },
            _ => NextAction::None,
        };
        Charge {
            reference: reference(row.id),
            state,
            amount: row.amount,
            currency: row.currency.clone(),
            authorised: if matches!(state, ChargeState::Authorized | ChargeState::Completed) { row.amount } else { 0 },
            captured: row.captured,
            refunded: row.refunded,
            fees: Vec::new(),
            is_disputed: Some(row.is_disputed),
            failure: row.failure.clone(),
            next,
            answer: json!({ "id": reference(row.id), "state": row.state, "failure": row.failure }).to_string(),
        }
    }

    /// Moves a charge on, and has its webhooks sent: those of steps on the way come after those of the end, and every one
    /// comes twice.
    async fn move_in(&self, tx: &Transaction, row: &Row, to: &str, failure: Option<&str>, due: bool) -> Result<()> {
        let now = self.clock.now();
        let captured = if to == "completed" { row.amount } else { 0 };
        let moved = sandbox_charge::ActiveModel {
            state: Set(to.to_owned()),
            failure: Set(failure.map(str::to_owned)),
            due_at: Set(due.then_some(now + SLOW)),
            captured: Set(captured),
            card: Set(row.card.clone()),
            ..Default::default()
        };
        change_in(tx, row.id, moved).await?;
        let on_the_way = matches!(to, "processing" | "authorised" | "challenged");
        self.queue_webhook_in(tx, row, &format!("charge.{to}"), if on_the_way { 7 } else { 1 }).await
    }

    async fn queue_webhook_in(&self, tx: &Transaction, row: &Row, kind: &str, after: i64) -> Result<()> {
        let now = self.clock.now();
        let event_id = format!("sbxevt_{}", self.ids.next(now).simple());
        let body = json!({
            "id": event_id,
            "type": kind,
            "data": { "id": reference(row.id), "reference": row.merchant_reference },
        });
        for delay in [after, after + 2] {
            let event = sandbox_event::ActiveModel {
                id: Set(self.ids.next(now)),
                event_id: Set(event_id.clone()),
                body: Set(body.to_string()),
                deliver_at: Set(now + TimeDelta::seconds(delay)),
            };
            sandbox_event::Entity::insert(event).exec_without_returning(tx).await?;
        }
        Ok(())
    }

    async fn try_card_in(&self, tx: &Transaction, row: &Row, card: &str) -> Result<()> {
        let row = Row { card: Some(card.to_owned()), ..row.clone() };
        match outcome(card).map_or(Outcome::Declined("incorrect_number"), |(outcome, _)| outcome) {
            Outcome::Success | Outcome::RefundsFail | Outcome::RefundsComeBack => {
                self.move_in(tx, &row, "completed", None, false).await
            }
            Outcome::Disputed => self.move_in(tx, &row, "completed", None, true).await,
            Outcome::Declined(reason) => self.move_in(tx, &row, "waiting", Some(reason), false).await,
            Outcome::Failure(reason) => self.move_in(tx, &row, "failed", Some(reason), false).await,
            Outcome::Challenge => self.move_in(tx, &row, "challenged", None, false).await,
            Outcome::Slow | Outcome::SlowFailure => self.move_in(tx, &row, "processing", None, true).await,
            Outcome::LateCapture => self.move_in(tx, &row, "authorised", None, true).await,
        }
    }

    /// What a payer's program may know, by the charge's secret.
    pub(crate) async fn look(&self, secret: &str) -> Result<Option<Visible>> {
        let row = self.db.read_one::<Row, _>(of_secret(secret)).await?;
        Ok(row.map(|row| visible(&row)))
    }

    /// A payer acts, by the charge's secret; what is out of place changes nothing. `None` when there is no such charge.
    pub async fn act(&self, secret: &str, act: &Act) -> Result<Option<Visible>> {
        self.db
            .transact(async |tx| {
                let Some(row) = lock_in(&tx, of_secret(secret)).await? else { return Ok(None) };
                match (row.state.as_str(), act) {
                    ("waiting", Act::Card(card)) => self.try_card_in(&tx, &row, card).await?,
                    ("challenged", Act::Authenticate(true)) => {
                        self.move_in(&tx, &row, "completed", None, false).await?;
                    }
                    ("challenged", Act::Authenticate(false)) => {
                        self.move_in(&tx, &row, "waiting", Some("authentication_failed"), false).await?;
                    }
                    _ => {}
                }
                Ok(Some(visible(&Self::row_in(&tx, row.id).await?)))
            })
            .await
    }

    /// Time goes by at the sandbox: charges and refunds that are due come to their end. Gives how many.
    pub async fn settle_due(&self) -> Result<u64> {
        let now = self.clock.now();
        self.db
            .transact(async |tx| {
                let due = sandbox_charge::Entity::find().filter(sandbox_charge::Column::DueAt.lte(now));
                let due = due.order_by_asc(sandbox_charge::Column::Id).limit(100).lock(LockType::NoKeyUpdate);
                let charges = due.into_partial_model::<Row>().all(&tx).await?;
                for row in &charges {
                    match row.card.as_deref().and_then(outcome) {
                        Some((Outcome::Disputed, _)) => {
                            let settled = sandbox_charge::ActiveModel { due_at: Set(None), ..Default::default() };
                            change_in(&tx, row.id, settled).await?;
                            self.dispute_in(&tx, row, None).await?;
                        }
                        Some((Outcome::SlowFailure, _)) => {
                            self.move_in(&tx, row, "failed", Some("processing_error"), false).await?;
                        }
                        _ => self.move_in(&tx, row, "completed", None, false).await?,
                    }
                }
                Ok(charges.len() as u64 + self.settle_refunds_in(&tx).await?)
            })
            .await
    }

    async fn settle_refunds_in(&self, tx: &Transaction) -> Result<u64> {
        let now = self.clock.now();
        let due = sandbox_refund::Entity::find().filter(sandbox_refund::Column::DueAt.lte(now));
        let due = due.order_by_asc(sandbox_refund::Column::Id).limit(100).lock(LockType::NoKeyUpdate).all(tx).await?;
        for refund in &due {
            let is_pending = refund.state == "pending";
            let charge = Self::row_in(tx, refund.charge_id).await?;
            let (state, comes_back) = match charge.card.as_deref().and_then(outcome) {
                Some((Outcome::RefundsFail, _)) => ("failed", false),
                Some((Outcome::RefundsComeBack, _)) if !is_pending => ("failed", false),
                Some((Outcome::RefundsComeBack, _)) => ("succeeded", true),
                _ => ("succeeded", false),
            };
            let settled = sandbox_refund::ActiveModel {
                state: Set(state.to_owned()),
                due_at: Set(comes_back.then_some(now + SLOW)),
                ..Default::default()
            };
            let settling = sandbox_refund::Entity::update_many().set(settled);
            settling.filter(sandbox_refund::Column::Id.eq(refund.id)).exec(tx).await?;
            self.queue_webhook_in(tx, &charge, &format!("refund.{state}"), 1).await?;
        }
        Ok(due.len() as u64)
    }

    /// The webhooks that are due, signed, the oldest first. Each is sent again until it is [`Self::delivered`], as providers
    /// do until they are answered.
    pub async fn deliveries(&self) -> Result<Vec<Delivery>> {
        let now = self.clock.now();
        let due = sandbox_event::Entity::find().filter(sandbox_event::Column::DeliverAt.lte(now)).limit(100);
        let due = due.order_by_asc(sandbox_event::Column::DeliverAt).order_by_asc(sandbox_event::Column::Id);
        let signed = |event: sandbox_event::Model| {
            let signature = signature::sign(&self.secret, event.body.as_bytes(), now);
            Delivery { id: event.id, body: event.body, signature }
        };
        let due: Vec<sandbox_event::Model> = self.db.select(&due.into_query()).await?;
        Ok(due.into_iter().map(signed).collect())
    }

    /// A webhook was answered: it is not sent again.
    pub async fn delivered(&self, id: Uuid) -> Result<()> {
        self.db
            .transact(async |tx| {
                sandbox_event::Entity::delete_by_id(id).exec(&tx).await?;
                Ok(())
            })
            .await
    }
}

#[async_trait::async_trait]
impl Gateway for Sandbox {
    async fn create_charge(&self, new: &NewCharge<'_>) -> Result<Charge, Failure> {
        let now = self.clock.now();
        let (id, secret) = (self.ids.next(now), random_token());
        let row = self.db.transact(async |tx| {
            let key = sandbox_charge::Column::IdempotencyKey;
            let charge = sandbox_charge::ActiveModel {
                id: Set(id),
                idempotency_key: Set(new.reference.to_owned()),
                merchant_reference: Set(new.reference.to_owned()),
                secret: Set(secret.clone()),
                currency: Set(new.amount.currency.to_owned()),
                amount: Set(new.amount.minor),
                state: Set("waiting".to_owned()),
                created_at: Set(now),
                ..Default::default()
            };
            let once = OnConflict::column(key).do_nothing().to_owned();
            let inserting = sandbox_charge::Entity::insert(charge).on_conflict(once);
            let inserted = inserting.exec_without_returning(&tx).await?;
            let row = lock_in(&tx, sandbox_charge::Entity::find().filter(key.eq(new.reference))).await?;
            let row = row.ok_or_else(|| Error::internal("a charge vanished"))?;
            match new.method.filter(|_| inserted == 1) {
                None => Ok(row),
                Some(method) => {
                    // Nobody is there to answer the bank's question, or to try another card.
                    let card = method.strip_prefix("sbxcard_").unwrap_or_default();
                    match outcome(card).map(|(outcome, _)| outcome) {
                        Some(Outcome::Declined(reason)) => {
                            self.move_in(&tx, &row, "failed", Some(reason), false).await?;
                        }
                        None => self.move_in(&tx, &row, "failed", Some("no_such_method"), false).await?,
                        Some(_) => self.try_card_in(&tx, &row, card).await?,
                    }
                    Self::row_in(&tx, row.id).await
                }
            }
        });
        row.await.map(|row| Self::charge(&row)).map_err(broken)
    }

    async fn advance_charge(&self, reference: &str, _key: &str) -> Result<Charge, Failure> {
        self.look_at_charge(reference).await
    }

    async fn look_at_charge(&self, reference: &str) -> Result<Charge, Failure> {
        let Some(id) = parse_reference(reference) else { return Err(Failure::Refused("no_such_charge".to_owned())) };
        let row = self.find(id).await.map_err(broken)?;
        row.map(|row| Self::charge(&row)).ok_or_else(|| Failure::Refused("no_such_charge".to_owned()))
    }

    async fn cancel_charge(&self, reference: &str) -> Result<Charge, Failure> {
        let Some(id) = parse_reference(reference) else { return Err(Failure::Refused("no_such_charge".to_owned())) };
        let work = self.db.transact(async |tx| {
            let row = Self::row_in(&tx, id).await?;
            if matches!(row.state.as_str(), "waiting" | "challenged" | "authorised") {
                self.move_in(&tx, &row, "cancelled", None, false).await?;
            }
            Self::row_in(&tx, id).await
        });
        work.await.map(|row| Self::charge(&row)).map_err(broken)
    }

    async fn create_refund(&self, new: &NewRefund<'_>) -> Result<ChargeRefund, Failure> {
        let refuse = |word: &str| Failure::Refused(word.to_owned());
        let charge = parse_reference(new.charge).ok_or_else(|| refuse("no_such_charge"))?;
        let now = self.clock.now();
        let id = self.ids.next(now);
        let work = self.db.transact(async |tx| {
            let row = Self::row_in(&tx, charge).await?;
            let known = sandbox_refund::Column::IdempotencyKey.eq(new.reference);
            if let Some(earlier) = sandbox_refund::Entity::find().filter(known).one(&tx).await? {
                return Ok(Some(earlier.id));
            }
            if row.refunded + new.amount.minor > row.captured {
                return Ok(None);
            }
            let refund = sandbox_refund::ActiveModel {
                id: Set(id),
                charge_id: Set(charge),
                idempotency_key: Set(new.reference.to_owned()),
                amount: Set(new.amount.minor),
                state: Set("pending".to_owned()),
                due_at: Set(Some(now + SLOW)),
                created_at: Set(now),
            };
            sandbox_refund::Entity::insert(refund).exec_without_returning(&tx).await?;
            Ok(Some(id))
        });
        let id = work.await.map_err(broken)?.ok_or_else(|| refuse("charge_already_refunded"))?;
        self.fetch_refund(&id.simple().to_string(), new.charge).await
    }

    async fn fetch_refund(&self, reference: &str, _charge: &str) -> Result<ChargeRefund, Failure> {
        let refuse = || Failure::Refused("no_such_refund".to_owned());
        let id = Uuid::parse_str(reference).map_err(|_| refuse())?;
        let refund = self.db.one(sandbox_refund::Entity::find_by_id(id)).await.map_err(broken)?;
        Ok(told(id, &refund.ok_or_else(refuse)?.state))
    }

    async fn given_back(&self, charge: &str) -> Result<GivenBack, Failure> {
        self.list_given_back(charge).await
    }

    async fn disputes(&self, charge: &str) -> Result<Vec<ToldDispute>, Failure> {
        self.list_disputes(charge).await
    }

    async fn create_customer(&self, new: &NewCustomer<'_>) -> Result<String, Failure> {
        Ok(format!("sbxcus_{}", new.reference))
    }

    async fn save_method(&self, _customer: &str, token: &str) -> Result<SavedMethod, Failure> {
        let card = token.strip_prefix("tok_").and_then(|card| outcome(card).map(|(_, brand)| (card, brand)));
        let (card, brand) = card.ok_or_else(|| Failure::Refused("no_such_token".to_owned()))?;
        Ok(SavedMethod {
            reference: format!("sbxcard_{card}"),
            brand: Some(brand.to_owned()),
            last_four: card.get(card.len() - 4..).map(str::to_owned),
        })
    }

    async fn forget_method(&self, _reference: &str) -> Result<(), Failure> {
        Ok(())
    }

    async fn charges(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Vec<(String, Charge)>>, Failure> {
        let created = sandbox_charge::Column::CreatedAt;
        let charges = sandbox_charge::Entity::find().filter(created.gte(from)).filter(created.lt(until));
        let rows = self.db.read::<Row, _>(charges).await.map_err(broken)?;
        Ok(Some(rows.iter().map(|row| (row.merchant_reference.clone(), Self::charge(row))).collect()))
    }

    async fn verify_webhook(&self, envelope: &Envelope, body: &[u8], now: DateTime<Utc>) -> Result<Notice, Rejected> {
        signature::verify(&self.secret, envelope.headers.get(SIGNATURE).map(String::as_str), body, now)?;
        let body: serde_json::Value = serde_json::from_slice(body).map_err(|_| Rejected::Body)?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).ok_or(Rejected::Body);
        Ok(Notice { event_id: text(&body["id"])?, subject: Subject::Charge(text(&body["data"]["id"])?) })
    }

    fn public_key(&self) -> Option<&str> {
        None
    }

    fn saves_methods(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
