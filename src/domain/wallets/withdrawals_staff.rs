//! What staff does with withdrawals: agree, refuse, write down what became of them at the bank. Each act is one transaction
//! with its entry of the audit log; the owner is told by e-mail.

use serde_json::json;

use super::{
    Withdrawal, beyond, needs_second_person, reason,
    withdrawals::{email_in, let_go_in, lock_in, update_in},
    wrong_state,
};
use crate::{
    app::App,
    domain::{
        accounts,
        actor::{Actor, Client},
        audit::{self, NewEntry},
        auth,
        ledger::{self, AccountRef, NewTransfer, Origin},
        messages::Template,
        permissions::Permission,
    },
    entity::{
        Money, UserId, WithdrawalId, ledger_transfer::TransferKind, payment::ProviderKind, withdrawal::WithdrawalState,
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{db::Transaction, text},
};

/// The mutation by which what a bank had paid is brought back.
const MARK_RETURNED: &str = "adminWithdrawalMarkReturned";
/// The operation of transfers that bring back what a bank had paid; the key is the withdrawal's id.
const RETURNED: &str = "withdrawal_returned";
/// The operation of transfers that record that a payout left the platform's bank; the key is the withdrawal's id.
const BANK_PAYOUT: &str = "bank_payout";
/// The same of one that came back there.
const BANK_PAYOUT_BACK: &str = "bank_payout_back";
/// The longest reference of a bank.
const MAX_REFERENCE: usize = 100;

/// Agrees to a withdrawal; above SECOND_PERSON_ABOVE it takes two. Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS (one's own),
/// WRONG_STATE, SECOND_PERSON_NEEDED.
pub(crate) async fn withdrawal_approve(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: WithdrawalId,
) -> Result<Withdrawal> {
    let me = actor.require(Permission::ManageMoney)?.id;
    app.db
        .transact(async |tx| {
            let before = meet_in(app, &tx, actor, id, WithdrawalState::Requested).await?;
            let amount = Money::new(before.amount, before.currency);
            let mut after = before.clone();
            match before.approved_by {
                Some(first) if first == me => {
                    return Err(UserError::input("id", UserErrorCode::SecondPersonNeeded).into());
                }
                Some(_) => after.seconded_by = Some(me),
                None => after.approved_by = Some(me),
            }
            let is_final = after.seconded_by.is_some() || !needs_second_person(app, amount);
            if is_final {
                after.state = WithdrawalState::Approved;
                after.approved_at = Some(app.clock.now());
            }
            update_in(&tx, &after).await?;
            record_in(app, &tx, actor, client, "adminWithdrawalApprove", &before, &after).await?;
            if is_final {
                email_in(app, &tx, Template::WithdrawalApproved, &after).await?;
            }
            Ok(after)
        })
        .await
}

/// Refuses a withdrawal: its money is back. The owner is told why. Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS (one's own),
/// WRONG_STATE, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn withdrawal_refuse(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: WithdrawalId,
    why: &str,
) -> Result<Withdrawal> {
    give_back(app, actor, client, id, why, Unpaid::Refused).await
}

/// Writes down that the bank has paid, or is going to for certain. Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS (one's own),
/// WRONG_STATE, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn withdrawal_mark_paid(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: WithdrawalId,
    reference: &str,
) -> Result<Withdrawal> {
    actor.require(Permission::ManageMoney)?;
    let reference =
        text::line("reference", reference, MAX_REFERENCE).and_then(|text| text::required("reference", text))?;
    app.db
        .transact(async |tx| {
            let before = meet_in(app, &tx, actor, id, WithdrawalState::Approved).await?;
            let after = Withdrawal {
                state: WithdrawalState::Paid,
                reference: Some(reference.clone()),
                ended_at: Some(app.clock.now()),
                ..before.clone()
            };
            update_in(&tx, &after).await?;
            if !ledger::post_hold_in(app, &tx, after.hold_id, AccountRef::Payouts).await? {
                return Err(Error::internal(format!("the money of {id} was not held any more")));
            }
            at_bank_in(app, &tx, &after, BankMove::Out).await?;
            record_in(app, &tx, actor, client, "adminWithdrawalMarkPaid", &before, &after).await?;
            email_in(app, &tx, Template::WithdrawalPaid, &after).await?;
            Ok(after)
        })
        .await
}

/// Writes down that the bank did not pay: the money is back. Not of one that was paid, so that two who write down at once what
/// became of it can't pay it and give it back. The owner is told why. Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS (one's own),
/// WRONG_STATE, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn withdrawal_mark_failed(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: WithdrawalId,
    why: &str,
) -> Result<Withdrawal> {
    give_back(app, actor, client, id, why, Unpaid::Failed).await
}

/// How a withdrawal ends without being paid.
#[derive(Debug, Clone, Copy)]
enum Unpaid {
    Refused,
    Failed,
}

async fn give_back(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: WithdrawalId,
    why: &str,
    unpaid: Unpaid,
) -> Result<Withdrawal> {
    let (from, to, action, template) = match unpaid {
        Unpaid::Refused => (
            WithdrawalState::Requested,
            WithdrawalState::Cancelled,
            "adminWithdrawalRefuse",
            Template::WithdrawalRefused,
        ),
        Unpaid::Failed => (
            WithdrawalState::Approved,
            WithdrawalState::Failed,
            "adminWithdrawalMarkFailed",
            Template::WithdrawalFailed,
        ),
    };
    actor.require(Permission::ManageMoney)?;
    let why = reason(why)?;
    app.db
        .transact(async |tx| {
            let before = meet_in(app, &tx, actor, id, from).await?;
            let after =
                Withdrawal { state: to, reason: Some(why.clone()), ended_at: Some(app.clock.now()), ..before.clone() };
            let after = let_go_in(app, &tx, after).await?;
            record_in(app, &tx, actor, client, action, &before, &after).await?;
            email_in(app, &tx, template, &after).await?;
            Ok(after)
        })
        .await
}

/// Writes down that the bank has sent back what it had paid: the money is in the wallet again. It makes money there, so it needs
/// a recent authentication, and above SECOND_PERSON_ABOVE two people: then it stays PAID until the second one says so, too. The
/// owner is told why. Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS (one's own), WRONG_STATE, SECOND_PERSON_NEEDED, BLANK, TOO_LONG,
/// INVALID_CHARACTERS.
pub(crate) async fn withdrawal_mark_returned(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: WithdrawalId,
    why: &str,
) -> Result<Withdrawal> {
    actor.require(Permission::ManageMoney)?;
    let me = auth::require_recent_authentication(app, actor).await?.id;
    let why = reason(why)?;
    app.db
        .transact(async |tx| {
            let before = meet_in(app, &tx, actor, id, WithdrawalState::Paid).await?;
            let mut after = Withdrawal { reason: Some(why.clone()), ..before.clone() };
            match before.return_proposed_by {
                Some(first) if first == me => {
                    return Err(UserError::input("id", UserErrorCode::SecondPersonNeeded).into());
                }
                None if needs_second_person(app, Money::new(before.amount, before.currency)) => {
                    after.return_proposed_by = Some(me);
                    // The owner reads a reason when it counts.
                    update_in(&tx, &Withdrawal { reason: None, ..after.clone() }).await?;
                    record_in(app, &tx, actor, client, MARK_RETURNED, &before, &after).await?;
                    return Ok(Withdrawal { reason: None, ..after });
                }
                _ => {}
            }
            after.state = WithdrawalState::Returned;
            after.ended_at = Some(app.clock.now());
            let after = return_in(app, &tx, after).await?;
            record_in(app, &tx, actor, client, MARK_RETURNED, &before, &after).await?;
            email_in(app, &tx, Template::WithdrawalReturned, &after).await?;
            Ok(after)
        })
        .await
}

/// Which way money went at the platform's bank.
#[derive(Debug, Clone, Copy)]
enum BankMove {
    Out,
    Back,
}

/// What was paid out has left the platform's bank account, or is there again: so what we think it holds is what it holds.
async fn at_bank_in(app: &App, tx: &Transaction, withdrawal: &Withdrawal, way: BankMove) -> Result<()> {
    let (key, reference) = (withdrawal.id.0.simple().to_string(), withdrawal.id.to_string());
    let bank = AccountRef::Clearing(ProviderKind::BankTransfer);
    let (from, to, operation) = match way {
        BankMove::Out => (AccountRef::Payouts, bank, BANK_PAYOUT),
        BankMove::Back => (bank, AccountRef::Payouts, BANK_PAYOUT_BACK),
    };
    let new = NewTransfer {
        kind: TransferKind::Settlement,
        from,
        to,
        amount: withdrawal.amount,
        currency: withdrawal.currency,
        reference: Some(&reference),
        description: "",
        origin: Origin::step(operation, &key),
    };
    ledger::post_in(app, tx, new).await.map(drop)
}

/// Whether the bank's part of a payout is written down: it is not of those that were paid before it was.
async fn has_left_bank_in(tx: &Transaction, withdrawal: &Withdrawal) -> Result<bool> {
    let key = withdrawal.id.0.simple().to_string();
    Ok(ledger::earlier_in(tx, &Origin::step(BANK_PAYOUT, &key)).await?.is_some())
}

/// What was paid has come back from the bank: it is in the wallet again; unclaimed, where that is gone.
async fn return_in(app: &App, tx: &Transaction, after: Withdrawal) -> Result<Withdrawal> {
    let owner = after.user_id;
    // So that nobody is erased while money comes in.
    accounts::lock_in(tx, &[owner]).await?;
    update_in(tx, &after).await?;
    if has_left_bank_in(tx, &after).await? {
        at_bank_in(app, tx, &after, BankMove::Back).await?;
    }
    let key = after.id.0.simple().to_string();
    let origin = Origin::step(RETURNED, &key);
    if accounts::find_in(tx, owner).await?.is_some() {
        ledger::reverse_in(app, tx, after.hold_id, origin, "").await?;
        return Ok(after);
    }
    let reference = after.id.to_string();
    let new = NewTransfer {
        kind: TransferKind::Withdrawal,
        from: AccountRef::Payouts,
        to: AccountRef::Unclaimed,
        amount: after.amount,
        currency: after.currency,
        reference: Some(&reference),
        description: "",
        origin,
    };
    ledger::post_in(app, tx, new).await?;
    Ok(after)
}

/// Locks the actor, looks at their rights anew, then locks the withdrawal, which has to be somebody else's and in a state.
/// Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS, WRONG_STATE.
async fn meet_in(
    app: &App,
    tx: &Transaction,
    actor: &Actor,
    id: WithdrawalId,
    state: WithdrawalState,
) -> Result<Withdrawal> {
    let me = actor.require(Permission::ManageMoney)?.id;
    auth::authorise_in(app, tx, actor, Permission::ManageMoney).await?;
    let withdrawal = lock_in(tx, id).await?.ok_or_else(|| Error::not_found("id"))?;
    if withdrawal.user_id == me {
        return Err(beyond());
    }
    if withdrawal.state == state { Ok(withdrawal) } else { Err(wrong_state(withdrawal.state)) }
}

async fn record_in(
    app: &App,
    tx: &Transaction,
    actor: &Actor,
    client: &Client,
    action: &'static str,
    before: &Withdrawal,
    after: &Withdrawal,
) -> Result<()> {
    let person = |id: Option<UserId>| id.map(|id| id.to_string());
    let state = |withdrawal: &Withdrawal| {
        Some(json!({
            "state": withdrawal.state.as_str(),
            "approvedBy": person(withdrawal.approved_by),
            "secondedBy": person(withdrawal.seconded_by),
            "returnProposedBy": person(withdrawal.return_proposed_by),
            "reference": withdrawal.reference,
            "amount": Money::new(withdrawal.amount, withdrawal.currency).to_string(),
        }))
    };
    let entry = NewEntry {
        action,
        subject_kind: WithdrawalId::PREFIX,
        subject_id: after.id.0,
        before: state(before),
        after: state(after),
        reason: after.reason.as_deref(),
    };
    audit::record_in(app, tx, actor, client, entry).await
}
