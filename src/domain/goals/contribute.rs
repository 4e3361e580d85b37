//! Giving: what begins a payment to a goal.

use sea_orm::{EntityTrait, IntoActiveModel};

use super::{ContributionView, MAX_MESSAGE, MAX_NAME, at_goal_id, contributions::of_payment, rows::lock_visible_in};
use crate::{
    app::App,
    domain::{
        Once, accounts,
        actor::{Actor, Client},
        idempotency::{Claim, check_guest, claim_for_good_in},
        payments::{self, NewPayment, Payer, Started},
    },
    entity::{
        ContributionId, GoalId, Money, PaymentId, PaymentMethodId,
        goal_contribution::{ContributionState, Entity, Model},
        payment::{ProviderKind, TargetKind},
    },
    error::{Result, UserError, UserErrorCode},
    platform::{db::Transaction, mailbox, text},
};

/// Somebody who gives without an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Where the receipt goes.
    pub email: String,
    /// What they want to be called; at most [`MAX_NAME`] characters.
    pub name: Option<String>,
    /// What only they know: proves that a repeated call is theirs.
    pub secret: String,
}

/// Something that is to be given.
#[derive(Debug, Clone)]
pub struct GoalContribute {
    /// To which goal.
    pub goal: GoalId,
    /// How much, in the goal's currency.
    pub amount: Money,
    /// Who moves it.
    pub provider: ProviderKind,
    /// By which saved way to pay.
    pub method: Option<PaymentMethodId>,
    /// Hide the name from everybody.
    pub is_anonymous: bool,
    /// And from the goal's owner.
    pub hide_from_owner: bool,
    /// A few words, at most [`MAX_MESSAGE`] characters; may be empty.
    pub message: String,
    /// Who gives, when nobody is signed in.
    pub guest: Option<Guest>,
    /// Makes a repeated call harmless.
    pub idempotency_key: String,
}

/// Begins a payment to a goal: what is given, and the payment. Whoever is not signed in gives as a guest. Codes: NOT_FOUND,
/// GOAL_CLOSED, CURRENCY_MISMATCH, PROVIDER_NOT_AVAILABLE, INSUFFICIENT_FUNDS, BLANK, TOO_LONG, INVALID_CHARACTERS, INVALID,
/// IDEMPOTENCY_KEY_REUSED. RATE_LIMITED for guests.
pub async fn goal_contribute(
    app: &App,
    actor: &Actor,
    client: &Client,
    command: GoalContribute,
) -> Result<Once<(ContributionView, Started)>> {
    let (payer, guest) = payer(app, actor, client, &command)?;
    let message = text::block("message", &command.message, MAX_MESSAGE)?;
    let now = app.clock.now();
    let (id, payment) = (ContributionId(app.ids.next(now)), PaymentId(app.ids.next(now)));
    // With a guest's secret: whoever repeats a call without it is not told what it has begun.
    let input = format!("{:?}", GoalContribute { idempotency_key: String::new(), ..command.clone() });
    let new = NewPayment {
        id: payment,
        target: TargetKind::GoalContribution,
        target_id: id.0,
        payer: payer.clone(),
        locale: client.locale.as_str(),
        provider: command.provider,
        method: command.method,
        amount: command.amount,
    };
    let once = app
        .db
        .transact(async |tx| {
            let (claimant, key) = (payments::claimant(&payer), command.idempotency_key.as_str());
            let claim = claim_for_good_in(app, &tx, claimant, "goalContribute", key, &input, payment.0).await?;
            if let Claim::Replay(id) = claim {
                return Ok(Once { value: PaymentId(id), replayed: true });
            }
            let goal = lock_visible_in(&tx, actor, command.goal, at_goal_id).await?;
            if !goal.is_open(now) {
                return Err(at_goal_id(UserErrorCode::GoalClosed).into());
            }
            let currency = goal.goal.currency;
            if command.amount.currency != currency {
                let mismatch = UserError::input("amount", UserErrorCode::CurrencyMismatch);
                return Err(mismatch.with("currency", currency).into());
            }
            give_in(app, &tx, (id, &new), &command, guest.as_ref(), &message).await?;
            Ok(Once { value: payment, replayed: false })
        })
        .await?;
    let Once { value: started, replayed } = payments::started(app, actor, once).await?;
    let given = of_payment(app, started.payment.id).await?;
    Ok(Once { value: (given, started), replayed })
}

/// Who pays; of a guest, address and name as they are kept.
fn payer(app: &App, actor: &Actor, client: &Client, command: &GoalContribute) -> Result<(Payer, Option<Guest>)> {
    // Whose session is over is not made a guest of without being asked.
    actor.require_certain()?;
    if actor.user_id().is_some() {
        return Ok((Payer::User(actor.require_user()?.id), None));
    }
    let guest = command.guest.as_ref().ok_or_else(|| UserError::input("guest", UserErrorCode::Blank))?;
    let email = accounts::email_address("guest", &guest.email)?;
    check_guest(&command.idempotency_key, "guest", &guest.secret)?;
    accounts::throttle_send(app, client, None)?;
    let name = guest.name.as_deref().map(|name| text::name("guest", name, MAX_NAME)).transpose()?;
    let name = name.filter(|name| !name.is_empty());
    Ok((Payer::Guest(email.clone()), Some(Guest { email, name, secret: guest.secret.clone() })))
}

/// Writes down what is given to a goal, which is locked and open, with its payment, and pays it where no provider has to be
/// waited for.
pub async fn give_in(
    app: &App,
    tx: &Transaction,
    (id, payment): (ContributionId, &NewPayment),
    command: &GoalContribute,
    guest: Option<&Guest>,
    message: &str,
) -> Result<()> {
    let opened = payments::open_in(app, tx, payment).await?;
    insert_in(app, tx, (id, payment), command, guest, message).await?;
    payments::pay_at_once_in(app, tx, opened).await.map(drop)
}

async fn insert_in(
    app: &App,
    tx: &Transaction,
    (id, payment): (ContributionId, &NewPayment),
    command: &GoalContribute,
    guest: Option<&Guest>,
    message: &str,
) -> Result<()> {
    let contributor = match &payment.payer {
        Payer::User(user) => Some(*user),
        Payer::Guest(_) => None,
    };
    let given = Model {
        id,
        goal_id: command.goal,
        payment_id: payment.id,
        contributor_id: contributor,
        guest_name: guest.and_then(|guest| guest.name.clone()),
        guest_email: guest.map(|guest| guest.email.clone()),
        guest_key: guest.map(|guest| mailbox::key(&guest.email)),
        amount: command.amount.minor,
        received: 0,
        refunded: 0,
        state: ContributionState::Pending,
        is_anonymous: command.is_anonymous,
        is_hidden_from_owner: command.is_anonymous && command.hide_from_owner,
        message: message.to_owned(),
        comment_count: 0,
        created_at: app.clock.now(),
        received_at: None,
        news_stopped_at: None,
    };
    Entity::insert(given.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}
