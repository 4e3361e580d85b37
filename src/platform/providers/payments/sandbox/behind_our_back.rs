//! What happens at the sandbox that the shop has not asked for: refunds at its pages, promises that are let go, disputes.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{Row, Sandbox, Visible, broken, lock_in, of_secret, parse_reference, told, visible};
use crate::{
    entity::{sandbox_charge, sandbox_dispute, sandbox_refund},
    error::Result,
    platform::{
        db::Transaction,
        providers::payments::{DisputeProgress, Failure, GivenBack, ListedRefund, ToldDispute},
    },
};

/// What somebody does at the sandbox who may use the shop's account there, or the sandbox by itself: the shop has not asked
/// for it, and is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Gives back so much, in minor units; all that is left, if `None`.
    Refund(Option<i64>),
    /// Lets go what is only promised.
    Release,
    /// The payer disputes so much, in minor units; all of it, if `None`.
    Dispute(Option<i64>),
    /// The payer's bank decides the disputes that are open: whether the shop wins.
    Decide(bool),
}

/// What the sandbox keeps for a dispute that is lost, in minor units of the charge's currency.
pub const DISPUTE_FEE: i64 = 1_500;

/// A dispute, with the currency of its charge.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "sandbox_dispute::Entity")]
struct Disputed {
    id: Uuid,
    amount: i64,
    state: String,
    created_at: DateTime<Utc>,
    #[sea_orm(from_expr = "sandbox_charge::Column::Currency")]
    currency: String,
}

impl Sandbox {
    /// Something is done to a charge behind the shop's back, by the charge's secret; what is out of place changes nothing.
    /// `None` when there is no such charge.
    pub async fn behind_our_back(&self, secret: &str, deed: Deed) -> Result<Option<Visible>> {
        self.db
            .transact(async |tx| {
                let Some(row) = lock_in(&tx, of_secret(secret)).await? else { return Ok(None) };
                match (row.state.as_str(), deed) {
                    ("completed", Deed::Refund(amount)) => self.give_back_in(&tx, &row, amount).await?,
                    ("completed", Deed::Dispute(amount)) => self.dispute_in(&tx, &row, amount).await?,
                    ("completed", Deed::Decide(won)) => self.decide_in(&tx, &row, won).await?,
                    ("authorised", Deed::Release) => self.move_in(&tx, &row, "cancelled", None, false).await?,
                    _ => {}
                }
                Ok(Some(visible(&Self::row_in(&tx, row.id).await?)))
            })
            .await
    }

    async fn give_back_in(&self, tx: &Transaction, row: &Row, amount: Option<i64>) -> Result<()> {
        let left = row.captured - row.refunded;
        let amount = amount.unwrap_or(left);
        if amount <= 0 || amount > left {
            return Ok(());
        }
        let now = self.clock.now();
        let id = self.ids.next(now);
        let refund = sandbox_refund::ActiveModel {
            id: Set(id),
            charge_id: Set(row.id),
            idempotency_key: Set(format!("dashboard {}", id.simple())),
            amount: Set(amount),
            state: Set("succeeded".to_owned()),
            due_at: Set(None),
            created_at: Set(now),
        };
        sandbox_refund::Entity::insert(refund).exec_without_returning(tx).await?;
        self.queue_webhook_in(tx, row, "refund.succeeded", 1).await
    }

    pub(super) async fn dispute_in(&self, tx: &Transaction, row: &Row, amount: Option<i64>) -> Result<()> {
        let now = self.clock.now();
        let amount = amount.unwrap_or(row.captured).clamp(1, row.captured.max(1));
        let dispute = sandbox_dispute::ActiveModel {
            id: Set(self.ids.next(now)),
            charge_id: Set(row.id),
            amount: Set(amount),
            state: Set("open".to_owned()),
            created_at: Set(now),
        };
        sandbox_dispute::Entity::insert(dispute).exec_without_returning(tx).await?;
        self.queue_webhook_in(tx, row, "dispute.opened", 1).await
    }

    async fn decide_in(&self, tx: &Transaction, row: &Row, won: bool) -> Result<()> {
        let state = if won { "won" } else { "lost" };
        let decided = sandbox_dispute::ActiveModel { state: Set(state.to_owned()), ..Default::default() };
        sandbox_dispute::Entity::update_many()
            .set(decided)
            .filter(sandbox_dispute::Column::ChargeId.eq(row.id))
            .filter(sandbox_dispute::Column::State.eq("open"))
            .exec(tx)
            .await?;
        self.queue_webhook_in(tx, row, "dispute.decided", 1).await
    }

    /// What went back of a charge.
    pub(super) async fn list_given_back(&self, charge: &str) -> Result<GivenBack, Failure> {
        let id = parse_reference(charge).ok_or_else(|| Failure::Refused("no_such_charge".to_owned()))?;
        let refunds = sandbox_refund::Entity::find().filter(sandbox_refund::Column::ChargeId.eq(id));
        let refunds = refunds.order_by_asc(sandbox_refund::Column::Id);
        let refunds = self.db.all(refunds).await.map_err(broken)?;
        let listed = |refund: sandbox_refund::Model| {
            let ours = Some(refund.idempotency_key).filter(|key| !key.starts_with("dashboard "));
            ListedRefund { refund: told(refund.id, &refund.state), ours, amount: refund.amount }
        };
        Ok(GivenBack::Each(refunds.into_iter().map(listed).collect()))
    }

    /// The disputes of a charge.
    pub(super) async fn list_disputes(&self, charge: &str) -> Result<Vec<ToldDispute>, Failure> {
        let id = parse_reference(charge).ok_or_else(|| Failure::Refused("no_such_charge".to_owned()))?;
        let disputes = sandbox_dispute::Entity::find().filter(sandbox_dispute::Column::ChargeId.eq(id));
        let disputes = disputes.inner_join(sandbox_charge::Entity).order_by_asc(sandbox_dispute::Column::Id);
        let disputes = self.db.read::<Disputed, _>(disputes).await.map_err(broken)?;
        let told = |Disputed { id, amount, state, created_at, currency }| {
            let progress = match state.as_str() {
                "won" => DisputeProgress::Won,
                "lost" => DisputeProgress::Lost,
                _ => DisputeProgress::Open,
            };
            ToldDispute {
                reference: format!("sbxdp_{}", id.simple()),
                progress,
                amount,
                reason: "fraudulent".to_owned(),
                respond_by: Some(created_at + TimeDelta::days(7)),
                fee: (progress == DisputeProgress::Lost).then_some((DISPUTE_FEE, currency)),
                is_given_back: false,
            }
        };
        Ok(disputes.into_iter().map(told).collect())
    }
}
