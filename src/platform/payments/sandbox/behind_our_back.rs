//! What happens at the sandbox that the shop has not asked for: refunds at its pages, promises that are let go, disputes.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::QueryResult;
use uuid::Uuid;

use super::{COLUMNS, Row, Sandbox, Visible, broken, parse_reference, read, told, visible};
use crate::{
    error::Result,
    platform::{
        db::{Columns, Transaction},
        payments::{DisputeProgress, Failure, GivenBack, ListedRefund, ToldDispute},
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

impl Sandbox {
    /// Something is done to a charge behind the shop's back, by the charge's secret; what is out of place changes nothing.
    /// `None` when there is no such charge.
    pub async fn behind_our_back(&self, secret: &str, deed: Deed) -> Result<Option<Visible>> {
        self.db
            .transact(async |tx| {
                let sql = format!("SELECT {COLUMNS} FROM sandbox_charges c WHERE c.secret = $1 {}", tx.for_update());
                let Some(row) = tx.row(sql, vec![secret.into()]).await? else { return Ok(None) };
                let row = read(&row)?;
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
        tx.execute(
            "INSERT INTO sandbox_refunds (id, charge_id, idempotency_key, amount, state, created_at) \
             VALUES ($1, $2, $3, $4, 'succeeded', $5)",
            vec![id.into(), row.id.into(), format!("dashboard {}", id.simple()).into(), amount.into(), now.into()],
        )
        .await?;
        self.tell_in(tx, row, "refund.succeeded", 1).await
    }

    pub(super) async fn dispute_in(&self, tx: &Transaction, row: &Row, amount: Option<i64>) -> Result<()> {
        let now = self.clock.now();
        let amount = amount.unwrap_or(row.captured).clamp(1, row.captured.max(1));
        let sql =
            "INSERT INTO sandbox_disputes (id, charge_id, amount, state, created_at) VALUES ($1, $2, $3, 'open', $4)";
        tx.execute(sql, vec![self.ids.next(now).into(), row.id.into(), amount.into(), now.into()]).await?;
        self.tell_in(tx, row, "dispute.opened", 1).await
    }

    async fn decide_in(&self, tx: &Transaction, row: &Row, won: bool) -> Result<()> {
        let state = if won { "won" } else { "lost" };
        let sql = "UPDATE sandbox_disputes SET state = $2 WHERE charge_id = $1 AND state = 'open'";
        tx.execute(sql, vec![row.id.into(), state.into()]).await?;
        self.tell_in(tx, row, "dispute.decided", 1).await
    }

    /// What went back of a charge.
    pub(super) async fn list_given_back(&self, charge: &str) -> Result<GivenBack, Failure> {
        let id = parse_reference(charge).ok_or_else(|| Failure::Refused("no_such_charge".to_owned()))?;
        let sql = "SELECT id, state, idempotency_key, amount FROM sandbox_refunds WHERE charge_id = $1 ORDER BY id";
        let rows = self.db.rows(sql, vec![id.into()]).await.map_err(broken)?;
        let listed = |row: &QueryResult| -> Result<ListedRefund> {
            let mut columns = Columns::new(row);
            let (id, state): (Uuid, String) = (columns.take()?, columns.take()?);
            let ours = Some(columns.take::<String>()?).filter(|key| !key.starts_with("dashboard "));
            Ok(ListedRefund { refund: told(id, &state), ours, amount: columns.take()? })
        };
        rows.iter().map(listed).collect::<Result<Vec<_>>>().map(GivenBack::Each).map_err(broken)
    }

    /// The disputes of a charge.
    pub(super) async fn list_disputes(&self, charge: &str) -> Result<Vec<ToldDispute>, Failure> {
        let id = parse_reference(charge).ok_or_else(|| Failure::Refused("no_such_charge".to_owned()))?;
        let sql = "SELECT d.id, d.amount, d.state, d.created_at, c.currency FROM sandbox_disputes d \
                   JOIN sandbox_charges c ON c.id = d.charge_id WHERE d.charge_id = $1 ORDER BY d.id";
        let rows = self.db.rows(sql, vec![id.into()]).await.map_err(broken)?;
        let told = |row: &QueryResult| -> Result<ToldDispute> {
            let mut columns = Columns::new(row);
            let (id, amount, state): (Uuid, i64, String) = (columns.take()?, columns.take()?, columns.take()?);
            let opened: DateTime<Utc> = columns.take()?;
            let progress = match state.as_str() {
                "won" => DisputeProgress::Won,
                "lost" => DisputeProgress::Lost,
                _ => DisputeProgress::Open,
            };
            Ok(ToldDispute {
                reference: format!("sbxdp_{}", id.simple()),
                progress,
                amount,
                reason: "fraudulent".to_owned(),
                respond_by: Some(opened + TimeDelta::days(7)),
                fee: if progress == DisputeProgress::Lost { Some((DISPUTE_FEE, columns.take()?)) } else { None },
                is_given_back: false,
            })
        };
        rows.iter().map(told).collect::<Result<Vec<_>>>().map_err(broken)
    }
}
