//! Money that came or went by hand, as staff says: above SECOND_PERSON_ABOVE one person proposes, and it counts when a
//! second one says the same. Owns `payment_proposals`: one for a payment or refund, the last that was made.

use std::collections::HashMap;

use sea_orm::{ActiveValue::Set, ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, sea_query::OnConflict};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        actor::Actor,
        auth,
        permissions::{self, Permission},
        wallets::needs_second_person,
    },
    entity::{
        Money, UserId,
        payment_proposal::{ActiveModel, Column, Entity},
    },
    error::{Result, UserError, UserErrorCode},
    platform::db::{Transaction, any_id},
};

/// Most characters of a bank's or courier's own reference.
pub(super) const LONGEST_REFERENCE: usize = 100;
/// The step of a payment of which one person said something that a second one has to say, too.
pub(super) const AWAITED: &str = "awaits_second_person";

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

impl Said<'_> {
    /// What the audit log says of it.
    pub(super) fn after(self, outcome: Outcome) -> Json {
        let first = match outcome {
            Outcome::Agreed(first) => first.map(|first| first.to_string()),
            Outcome::Proposed => None,
        };
        json!({
            "amount": self.amount.to_string(),
            "reference": self.reference,
            "awaitsSecondPerson": (outcome == Outcome::Proposed).then_some("true"),
            "proposedBy": first,
        })
    }
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
            let proposal = ActiveModel {
                subject_id: Set(said.subject),
                action: Set(said.action.to_owned()),
                amount: Set(said.amount.minor),
                reference: Set(said.reference.to_owned()),
                proposed_by: Set(user),
                created_at: Set(app.clock.now()),
            };
            let all = [Column::Action, Column::Amount, Column::Reference, Column::ProposedBy, Column::CreatedAt];
            let last = OnConflict::column(Column::SubjectId).update_columns(all).to_owned();
            Entity::insert(proposal).on_conflict(last).exec_without_returning(tx).await?;
            Ok(Outcome::Proposed)
        }
    }
}

/// Who has said the same.
async fn same_in(tx: &Transaction, said: &Said<'_>) -> Result<Option<UserId>> {
    let same = Entity::find_by_id(said.subject)
        .filter(Column::Action.eq(said.action))
        .filter(Column::Amount.eq(said.amount.minor))
        .filter(Column::Reference.eq(said.reference));
    Ok(same.one(tx).await?.map(|proposal| proposal.proposed_by))
}

/// Whether somebody still has the rights with which they proposed.
async fn may_still_in(tx: &Transaction, user: UserId) -> Result<bool> {
    let role = auth::role_in(tx, user).await?;
    Ok(permissions::allows(role, Permission::ManageMoney))
}

/// What was proposed is settled in another way.
pub(super) async fn forget_in(tx: &Transaction, subject: Uuid) -> Result<()> {
    Entity::delete_by_id(subject).exec(tx).await?;
    Ok(())
}

/// The payments and refunds that wait for a second person, for those who may see that.
pub(crate) async fn awaited(app: &App, actor: &Actor, subjects: &[Uuid]) -> Result<HashMap<Uuid, bool>> {
    if !actor.may(Permission::SeeMoney) {
        return Ok(HashMap::new());
    }
    let proposed: Vec<Proposed> = app.db.read(Entity::find().filter(any_id(Column::SubjectId, subjects))).await?;
    Ok(proposed.into_iter().map(|proposed| (proposed.subject_id, true)).collect())
}

/// What a proposal is of.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Proposed {
    subject_id: Uuid,
}
