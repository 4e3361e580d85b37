//! Giving: what begins a payment to a goal.

use sea_orm::{EntityTrait, IntoActiveModel};

use super::{ContributionView, MAX_MESSAGE, MAX_NAME, at_goal_id, contributions::of_payment, rows::lock_visible_in};
use crate::{
    app::App,
    domain::{
        Idempotent, accounts,
        actor::{Actor, Client},
        auth,
        idempotency::{Claim, Fingerprint, check_guest, claim_for_good_in, debug_name},
        payments::{self, NewPayment, Payer, Started},
    },
    entity::{
        ContributionId, GoalId, Money, PaymentId, PaymentMethodId,
        goal_contribution::{ContributionState, Entity, Model},
        payment::{ProviderKind, TargetKind},
    },
    error::{Result, UserError, UserErrorCode},
    platform::{
        db::Transaction,
        text::{self, mailbox},
    },
};

/// Somebody who gives without an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guest {
    /// Where the receipt goes.
    pub email: String,
    /// What they want to be called; at most [`MAX_NAME`] characters.
    pub name: Option<String>,
    /// What only they know: proves that a repeated call is theirs.
    pub secret: String,
}

/// Something that is to be given.
#[derive(Debug, Clone)]
pub(crate) struct GoalContribute {
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

impl GoalContribute {
    /// With a guest's secret: whoever repeats a call without it is not told what it has begun.
    fn input(&self) -> Fingerprint {
        let guest = self.guest.as_ref();
        let before = format!(
            "GoalContribute {{ goal: {}, amount: Money {{ minor: {}, currency: {} }}, provider: {}, method: {}, \
             is_anonymous: {}, hide_from_owner: {}, message: {:?}, guest: {}, idempotency_key: \"\" }}",
            self.goal,
            self.amount.minor,
            self.amount.currency,
            debug_name(self.provider.as_str()),
            self.method.map_or_else(|| "None".to_owned(), |id| format!("Some({id})")),
            self.is_anonymous,
            self.hide_from_owner,
            self.message,
            guest.map_or_else(|| "None".to_owned(), |guest| format!("Some({})", guest.debug_before())),
        );
        Fingerprint::v1()
            .field("goalId", self.goal)
            .field("amount", self.amount)
            .field("provider", self.provider.as_str())
            .optional("methodId", self.method)
            .field("isAnonymous", self.is_anonymous)
            .field("hideFromOwner", self.hide_from_owner)
            .field("message", &self.message)
            .optional("guest.email", guest.map(|guest| &guest.email))
            .optional("guest.name", guest.and_then(|guest| guest.name.as_ref()))
            .optional("guest.secret", guest.map(|guest| &guest.secret))
            .before_versions(before)
    }
}

impl Guest {
    fn debug_before(&self) -> String {
        format!("Guest {{ email: {:?}, name: {:?}, secret: {:?} }}", self.email, self.name, self.secret)
    }
}

/// Begins a payment to a goal: what is given, and the payment. Whoever is not signed in gives as a guest. Codes: NOT_FOUND,
/// GOAL_CLOSED, CURRENCY_MISMATCH, PROVIDER_NOT_AVAILABLE, INSUFFICIENT_FUNDS, BLANK, TOO_LONG, INVALID_CHARACTERS, INVALID,
/// IDEMPOTENCY_KEY_REUSED. RATE_LIMITED for guests.
pub(crate) async fn goal_contribute(
    app: &App,
    actor: &Actor,
    client: &Client,
    command: GoalContribute,
) -> Result<Idempotent<(ContributionView, Started)>> {
    let (payer, guest) = payer(app, actor, client, &command)?;
    let message = text::block("message", &command.message, MAX_MESSAGE)?;
    let now = app.clock.now();
    let (id, payment) = (ContributionId(app.ids.next(now)), PaymentId(app.ids.next(now)));
    let input = command.input();
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
    let outcome = app
        .db
        .transact(async |tx| {
            let (claimant, key) = (payments::claimant(&payer), command.idempotency_key.as_str());
            let claim = claim_for_good_in(app, &tx, claimant, "goalContribute", key, &input, payment.0).await?;
            if let Claim::Replay(id) = claim {
                return Ok(Idempotent { value: PaymentId(id), replayed: true });
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
            Ok(Idempotent { value: payment, replayed: false })
        })
        .await?;
    let Idempotent { value: started, replayed } = payments::started(app, actor, outcome).await?;
    let given = of_payment(app, started.payment.id).await?;
    Ok(Idempotent { value: (given, started), replayed })
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
    auth::throttle_send(app, client, None)?;
    let name = guest.name.as_deref().map(|name| text::name("guest", name, MAX_NAME)).transpose()?;
    let name = name.filter(|name| !name.is_empty());
    Ok((Payer::Guest(email.clone()), Some(Guest { email, name, secret: guest.secret.clone() })))
}

/// Writes down what is given to a goal, which is locked and open, with its payment, and pays it where no provider has to be
/// waited for.
pub(crate) async fn give_in(
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::entity::Currency;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        let mut command = GoalContribute {
            goal: GoalId(Uuid::nil()),
            amount,
            provider: ProviderKind::CashOnDelivery,
            method: None,
            is_anonymous: false,
            hide_from_owner: true,
            message: "good luck".to_owned(),
            guest: None,
            idempotency_key: "k".to_owned(),
        };
        assert_eq!(
            command.input().texts(),
            (
                "goalId 31 goal_00000000000000000000000000\n\
                 amount 9 12.50 USD\n\
                 provider 16 cash_on_delivery\n\
                 isAnonymous 5 false\n\
                 hideFromOwner 4 true\n\
                 message 9 good luck\n",
                "GoalContribute { goal: goal_00000000000000000000000000, amount: Money { minor: 1250, \
                 currency: USD }, provider: CashOnDelivery, method: None, is_anonymous: false, \
                 hide_from_owner: true, message: \"good luck\", guest: None, idempotency_key: \"\" }"
            )
        );
        command.method = Some(PaymentMethodId(Uuid::nil()));
        let (email, secret) = ("a@example.org".to_owned(), "hush".to_owned());
        command.guest = Some(Guest { email, name: Some("A friend".to_owned()), secret });
        assert_eq!(
            command.input().texts(),
            (
                "goalId 31 goal_00000000000000000000000000\n\
                 amount 9 12.50 USD\n\
                 provider 16 cash_on_delivery\n\
                 methodId 40 paymentmethod_00000000000000000000000000\n\
                 isAnonymous 5 false\n\
                 hideFromOwner 4 true\n\
                 message 9 good luck\n\
                 guest.email 13 a@example.org\n\
                 guest.name 8 A friend\n\
                 guest.secret 4 hush\n",
                "GoalContribute { goal: goal_00000000000000000000000000, amount: Money { minor: 1250, \
                 currency: USD }, provider: CashOnDelivery, \
                 method: Some(paymentmethod_00000000000000000000000000), is_anonymous: false, \
                 hide_from_owner: true, message: \"good luck\", \
                 guest: Some(Guest { email: \"a@example.org\", name: Some(\"A friend\"), \
                 secret: \"hush\" }), idempotency_key: \"\" }"
            )
        );
    }
}
