//! What staff does to payments: the permission, never one's own, and written down with the act.

use serde_json::Value as Json;
use uuid::Uuid;

use super::{Payment, target};
use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        audit, auth,
        permissions::Permission,
    },
    entity::{PaymentId, RefundId, UserId},
    error::{Result, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// Who acts, with the permission to manage money.
pub(super) fn require(actor: &Actor) -> Result<UserId> {
    Ok(actor.require(Permission::ManageMoney)?.id)
}

/// The same, who has proven only just now who they are.
pub(super) async fn require_recent_authentication(app: &App, actor: &Actor) -> Result<UserId> {
    let user = require(actor)?;
    auth::require_recent_authentication(app, actor).await?;
    Ok(user)
}

/// Who acts, with the permission as it is now, and until the end of the transaction: whose role was taken away in this moment,
/// or whose session ended, moves no money. Before anything else is locked.
pub(super) async fn authorise_in(app: &App, tx: &Transaction, actor: &Actor) -> Result<()> {
    auth::authorise_in(app, tx, actor, Permission::ManageMoney).await.map(drop)
}

/// Nobody decides about their own money: what they paid, or what is for them. Code: SECOND_PERSON_NEEDED.
pub(super) async fn somebody_else_s_in(tx: &Transaction, user: UserId, payment: Payment) -> Result<Payment> {
    let owner = target::of(payment.target_kind)?.owner_in(tx, &payment).await?;
    if payment.payer_id == Some(user) || owner == Some(user) {
        return Err(UserError::input("id", UserErrorCode::SecondPersonNeeded).into());
    }
    Ok(payment)
}

/// What was done.
pub(super) struct Act<'a> {
    /// The mutation's name.
    pub action: &'static str,
    /// What it was done to: what its id starts with, and the id.
    pub subject: (&'static str, Uuid),
    /// Why, in the actor's words.
    pub reason: Option<&'a str>,
    /// What there is since.
    pub after: Option<Json>,
}

impl<'a> Act<'a> {
    /// Something that was done to a payment.
    pub(super) fn on_payment(action: &'static str, id: PaymentId) -> Self {
        Self { action, subject: (PaymentId::PREFIX, id.0), reason: None, after: None }
    }

    /// Something that was done to a refund.
    pub(super) fn on_refund(action: &'static str, id: RefundId, reason: Option<&'a str>) -> Self {
        Self { action, subject: (RefundId::PREFIX, id.0), reason, after: None }
    }
}

/// Writes it down, in its transaction.
pub(super) async fn record_in(app: &App, tx: &Transaction, actor: &Actor, client: &Client, act: Act<'_>) -> Result<()> {
    let (subject_kind, subject_id) = act.subject;
    let reason = act.reason.filter(|reason| !reason.is_empty());
    let entry =
        audit::NewEntry { action: act.action, subject_kind, subject_id, before: None, after: act.after, reason };
    audit::record_in(app, tx, actor, client, entry).await
}
