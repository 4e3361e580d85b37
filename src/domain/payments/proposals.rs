//! Money that came or went by hand, as staff says: above SECOND_PERSON_ABOVE one person proposes, and it counts when a
//! second one says the same. Owns `payment_proposals`: one for a payment or refund, the last that was made.

use std::collections::HashMap;

use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        accounts,
        actor::Actor,
        permissions::{self, Permission},
        wallets::needs_second_person,
    },
    entity::{Money, UserId},
    error::{Result, UserError, UserErrorCode},
    platform::db::{Columns, Transaction, placeholders},
};

/// What somebody says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    /// The mutation's name.
    pub action: &'static str,
    /// The payment or refund, which is locked.
    pub subject: Uuid,
    /// How much came or went.
    pub amount: Money,
    /// How much of the payment that makes altogether: many small parts are a large amount.
    pub total: Money,
    /// What the bank or courier calls it.
    pub reference: &'a str,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It counts, with the person who had said the same where it takes two.
    Agreed(Option<UserId>),
    /// It waits for a second person.
    Proposed,
}

/// Takes down what somebody says, who has been found to have the rights. Something else than was proposed replaces it. Code:
/// SECOND_PERSON_NEEDED, to who has said the same already.
pub(super) async fn agree_in(app: &App, tx: &Transaction, user: UserId, said: Said<'_>) -> Result<Outcome> {
    if !needs_second_person(app, said.total) {
        forget_in(tx, said.subject).await?;
        return Ok(Outcome::Agreed(None));
    }
    match same_in(tx, &said).await? {
        Some(first) if first == user => Err(UserError::input("id", UserErrorCode::SecondPersonNeeded).into()),
        Some(first) if may_still_in(tx, first).await? => {
            forget_in(tx, said.subject).await?;
            Ok(Outcome::Agreed(Some(first)))
        }
        _ => {
            let sql = "INSERT INTO payment_proposals (subject_id, action, amount, reference, proposed_by, created_at) \
                       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject_id) DO UPDATE \
                       SET action = $2, amount = $3, reference = $4, proposed_by = $5, created_at = $6";
            let values = vec![
                said.subject.into(),
                said.action.into(),
                said.amount.minor.into(),
                said.reference.into(),
                user.0.into(),
                app.clock.now().into(),
            ];
            tx.execute(sql, values).await?;
            Ok(Outcome::Proposed)
        }
    }
}

/// Who has said the same.
async fn same_in(tx: &Transaction, said: &Said<'_>) -> Result<Option<UserId>> {
    let sql = "SELECT proposed_by FROM payment_proposals \
               WHERE subject_id = $1 AND action = $2 AND amount = $3 AND reference = $4";
    let values = vec![said.subject.into(), said.action.into(), said.amount.minor.into(), said.reference.into()];
    tx.row(sql, values).await?.map(|row| Columns::new(&row).take()).transpose()
}

/// Whether somebody still has the rights with which they proposed.
async fn may_still_in(tx: &Transaction, user: UserId) -> Result<bool> {
    let role = accounts::find_in(tx, user).await?.and_then(|(_, role)| role);
    Ok(permissions::allows(role, Permission::ManageMoney))
}

/// What was proposed is settled in another way.
pub(super) async fn forget_in(tx: &Transaction, subject: Uuid) -> Result<()> {
    let sql = "DELETE FROM payment_proposals WHERE subject_id = $1";
    tx.execute(sql, vec![subject.into()]).await.map(drop)
}

/// The payments and refunds that wait for a second person, for those who may see that.
pub async fn awaited(app: &App, actor: &Actor, subjects: &[Uuid]) -> Result<HashMap<Uuid, bool>> {
    if !actor.may(Permission::SeeMoney) {
        return Ok(HashMap::new());
    }
    let mut values = Vec::new();
    let list = placeholders(&mut values, subjects);
    let sql = format!("SELECT subject_id FROM payment_proposals WHERE subject_id IN ({list})");
    let rows = app.db.rows(sql, values).await?;
    rows.iter().map(|row| Ok((Columns::new(row).take()?, true))).collect()
}
