//! Money on its way to a bank, as its owner sees it: asked for, taken back, looked at.

use std::collections::HashMap;

use chrono::{NaiveTime, TimeDelta};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DerivePartialModel, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, Func, LockType},
};

use super::{
    payout_methods::{self, BankDetails},
    wrong_state,
};
use crate::{
    app::App,
    domain::{
        Idempotent, accounts, activity,
        actor::{Actor, Client},
        amounts::AmountRange,
        auth,
        idempotency::{Claim, Fingerprint, check_key, claim_for_good_in},
        ledger::{self, AccountRef, End, NewTransfer, Origin},
        messages::{Message, Template},
        permissions::Permission,
    },
    entity::{
        Money, PayoutMethodId, UserId, WithdrawalId,
        activity::ActivityKind,
        ledger_transfer::TransferKind,
        withdrawal::{self, Column, Entity, WithdrawalState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
    },
};

/// Money on its way to a bank.
pub(crate) type Withdrawal = withdrawal::Model;

/// Money that is to leave the actor's wallet.
#[derive(Debug, Clone)]
pub(crate) struct WalletWithdraw {
    /// The bank account that it goes to; one of the actor's own.
    pub payout_method: PayoutMethodId,
    /// How much, above zero, in the method's currency.
    pub amount: Money,
    /// Makes a repeated call harmless, for good.
    pub idempotency_key: String,
}

impl WalletWithdraw {
    fn input(&self) -> Fingerprint {
        let input = Fingerprint::v1().field("payoutMethodId", self.payout_method).field("amount", self.amount);
        input.before_versions(format!("{} {}", self.payout_method, self.amount))
    }
}

/// Asks for money of the actor's wallet to be paid out; it is held meanwhile. Needs a recent authentication. Codes:
/// NOT_FOUND, CURRENCY_MISMATCH, AMOUNT_TOO_SMALL, AMOUNT_TOO_LARGE (above what is left of the day's limit),
/// INSUFFICIENT_FUNDS, IDEMPOTENCY_KEY_REUSED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn wallet_withdraw(
    app: &App,
    actor: &Actor,
    client: &Client,
    command: WalletWithdraw,
) -> Result<Idempotent<Withdrawal>> {
    let user = auth::require_recent_authentication(app, actor).await?.id;
    check_key(&command.idempotency_key)?;
    let id = WithdrawalId(app.ids.next(app.clock.now()));
    let input = command.input();
    app.db
        .transact(async |tx| {
            accounts::lock_in(&tx, &[user]).await?;
            let key = command.idempotency_key.as_str();
            match claim_for_good_in(app, &tx, user.0, "walletWithdraw", key, &input, id.0).await? {
                Claim::Replay(id) => {
                    let found = find_in(&tx, WithdrawalId(id)).await?;
                    let value = found.ok_or_else(|| Error::internal("a key without its withdrawal"))?;
                    Ok(Idempotent { value, replayed: true })
                }
                Claim::New => {
                    let value = request_in(app, &tx, user, id, &command).await?;
                    let what = format!("{} …{}", value.bank_name, value.last_four);
                    let kind = ActivityKind::WithdrawalRequested;
                    activity::record_in(app, &tx, user, kind, client, Some(&what)).await?;
                    Ok(Idempotent { value, replayed: false })
                }
            }
        })
        .await
}

async fn request_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    id: WithdrawalId,
    command: &WalletWithdraw,
) -> Result<Withdrawal> {
    let amount = command.amount;
    let method = payout_methods::find_in(tx, user, command.payout_method).await?;
    let method = method.ok_or_else(|| Error::not_found("payoutMethodId"))?;
    if method.currency != amount.currency {
        let error = UserError::input("amount", UserErrorCode::CurrencyMismatch);
        return Err(error.with("currency", method.currency).into());
    }
    check_limits_in(app, tx, user, amount).await?;
    let key = id.to_string();
    let hold = NewTransfer {
        kind: TransferKind::Withdrawal,
        from: AccountRef::Wallet(user),
        to: AccountRef::Payouts,
        amount: amount.minor,
        currency: amount.currency,
        reference: Some(&key),
        description: "",
        origin: Origin::step("walletWithdraw", &key),
    };
    let hold = ledger::hold_in(app, tx, hold, None).await?;
    let withdrawal = Withdrawal {
        id,
        user_id: user,
        payout_method_id: method.id,
        sealed_details: method.sealed_details,
        bank_name: method.bank_name,
        last_four: method.last_four,
        currency: amount.currency,
        amount: amount.minor,
        state: WithdrawalState::Requested,
        hold_id: hold.id,
        approved_by: None,
        seconded_by: None,
        reference: None,
        reason: None,
        requested_at: app.clock.now(),
        approved_at: None,
        ended_at: None,
        return_proposed_by: None,
    };
    insert_in(tx, &withdrawal).await?;
    app.fail_points.reach("withdrawal.holding").await;
    Ok(withdrawal)
}

/// What was asked for in all.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Asked {
    /// None, where nothing was.
    #[sea_orm(from_expr = "sum_of_amounts()")]
    amount: Option<i64>,
}

fn sum_of_amounts() -> Expr {
    Func::cast_as(Column::Amount.sum(), "bigint").into()
}

/// AMOUNT_TOO_SMALL, or AMOUNT_TOO_LARGE with what is left of today. The person is locked, so that of two withdrawals at
/// once the second counts the first.
async fn check_limits_in(app: &App, tx: &Transaction, user: UserId, amount: Money) -> Result<()> {
    let settings = &app.config.wallets;
    let refuse =
        |code, name, minor| Err(UserError::input("amount", code).with(name, Money::new(minor, amount.currency)).into());
    if let Some(least) = settings.withdrawal_minimums.of(amount.currency).filter(|least| amount.minor < *least) {
        return refuse(UserErrorCode::AmountTooSmall, "min", least);
    }
    let Some(limit) = settings.withdrawal_daily_limits.of(amount.currency) else { return Ok(()) };
    let day = app.clock.now().date_naive().and_time(NaiveTime::MIN).and_utc();
    let not_paid = [WithdrawalState::Failed, WithdrawalState::Returned, WithdrawalState::Cancelled];
    let today = Entity::find()
        .filter(Column::UserId.eq(user))
        .filter(Column::Currency.eq(amount.currency))
        .filter(Column::RequestedAt.gte(day))
        .filter(Column::RequestedAt.lt(day + TimeDelta::days(1)))
        .filter(Column::State.is_not_in(not_paid));
    let asked = today.into_partial_model::<Asked>().one(tx).await?.and_then(|asked| asked.amount).unwrap_or_default();
    let left = limit.saturating_sub(asked).max(0);
    if amount.minor > left { refuse(UserErrorCode::AmountTooLarge, "max", left) } else { Ok(()) }
}

async fn insert_in(tx: &Transaction, withdrawal: &Withdrawal) -> Result<()> {
    Entity::insert(withdrawal.clone().into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Takes a withdrawal of the actor's back, as long as nobody agreed to it finally. Codes: NOT_FOUND, WRONG_STATE.
pub(crate) async fn withdrawal_cancel(app: &App, actor: &Actor, id: WithdrawalId) -> Result<Withdrawal> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            let found = lock_in(&tx, id).await?.filter(|found| found.user_id == user);
            let withdrawal = found.ok_or_else(|| Error::not_found("id"))?;
            if withdrawal.state != WithdrawalState::Requested {
                return Err(wrong_state(withdrawal.state));
            }
            let ended = Withdrawal { state: WithdrawalState::Cancelled, ended_at: Some(app.clock.now()), ..withdrawal };
            let_go_in(app, &tx, ended).await
        })
        .await
}

/// A withdrawal that nobody decided about in time.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Due {
    id: WithdrawalId,
}

/// Ends the withdrawals that nobody decided about in time: their money is free again. Gives how many. Run on a schedule.
pub(super) async fn expire_withdrawals(app: &App) -> Result<u64> {
    let due = app.clock.now() - app.config.wallets.withdrawal_request_time;
    let due = Entity::find()
        .filter(Column::State.eq(WithdrawalState::Requested))
        .filter(Column::RequestedAt.lte(due))
        .order_by_asc(Column::RequestedAt)
        .limit(1000);
    let mut ended = 0;
    for Due { id } in app.db.read(due).await? {
        ended += u64::from(app.db.transact(async |tx| expire_in(app, &tx, id).await).await?);
    }
    Ok(ended)
}

async fn expire_in(app: &App, tx: &Transaction, id: WithdrawalId) -> Result<bool> {
    let found = lock_in(tx, id).await?.filter(|found| found.state == WithdrawalState::Requested);
    let Some(withdrawal) = found else { return Ok(false) };
    let ended = Withdrawal { state: WithdrawalState::Cancelled, ended_at: Some(app.clock.now()), ..withdrawal };
    let ended = let_go_in(app, tx, ended).await?;
    email_in(app, tx, Template::WithdrawalExpired, &ended).await?;
    Ok(true)
}

/// Tells the owner of a withdrawal what became of it.
pub(super) async fn email_in(app: &App, tx: &Transaction, template: Template, withdrawal: &Withdrawal) -> Result<()> {
    let mut message = Message::email("", "", template)
        .with("amount", Money::new(withdrawal.amount, withdrawal.currency))
        .with("what", format!("{} …{}", withdrawal.bank_name, withdrawal.last_four))
        .with("reference", withdrawal.reference.clone().unwrap_or_else(|| withdrawal.id.to_string()));
    if let Some(reason) = &withdrawal.reason {
        message = message.with("reason", reason);
    }
    accounts::email_in(app, tx, withdrawal.user_id, message).await
}

/// Writes down that a withdrawal ended without being paid, and gives its money back.
pub(super) async fn let_go_in(app: &App, tx: &Transaction, ended: Withdrawal) -> Result<Withdrawal> {
    update_in(tx, &ended).await?;
    if !ledger::end_hold_in(app, tx, ended.hold_id, End::Voided).await? {
        return Err(Error::internal(format!("the money of {} was not held any more", ended.id)));
    }
    Ok(ended)
}

/// Writes down how far a withdrawal has come.
pub(super) async fn update_in(tx: &Transaction, withdrawal: &Withdrawal) -> Result<()> {
    let changed = withdrawal::ActiveModel {
        state: Set(withdrawal.state),
        approved_by: Set(withdrawal.approved_by),
        seconded_by: Set(withdrawal.seconded_by),
        reference: Set(withdrawal.reference.clone()),
        reason: Set(withdrawal.reason.clone()),
        approved_at: Set(withdrawal.approved_at),
        ended_at: Set(withdrawal.ended_at),
        return_proposed_by: Set(withdrawal.return_proposed_by),
        ..Default::default()
    };
    Entity::update_many().set(changed).filter(Column::Id.eq(withdrawal.id)).exec(tx).await?;
    Ok(())
}

// ------------------------------------------------------------------------------------------------------------ reading

async fn find_in(tx: &Transaction, id: WithdrawalId) -> Result<Option<Withdrawal>> {
    Ok(Entity::find_by_id(id).one(tx).await?)
}

/// Locks a withdrawal until the end of the transaction: before anything of the ledger.
pub(super) async fn lock_in(tx: &Transaction, id: WithdrawalId) -> Result<Option<Withdrawal>> {
    Ok(Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?)
}

/// What withdrawals have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WithdrawalFilter {
    /// Ids of those who asked for them.
    pub owners: Option<Vec<UserId>>,
    /// How far they have come.
    pub states: Option<Vec<WithdrawalState>>,
    /// Least and most, of one currency.
    pub amount: Option<AmountRange>,
    /// When they were asked for.
    pub during: Span,
}

/// What cursors in the lists are tied to.
pub(crate) const SORT: &str = "withdrawals.newest";

/// A withdrawal's place in a list.
#[must_use]
pub(crate) fn withdrawal_cursor(withdrawal: &Withdrawal) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(withdrawal.requested_at), id: withdrawal.id.0 }
}

/// The withdrawals of a wallet that the actor may see, newest first.
pub(crate) async fn withdrawals(
    app: &App,
    actor: &Actor,
    owner: UserId,
    filter: WithdrawalFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Withdrawal>> {
    if actor.require_user()?.id != owner {
        actor.require(Permission::SeeMoney)?;
    }
    list(app, &WithdrawalFilter { owners: Some(vec![owner]), ..filter }, page, with_total).await
}

/// Everybody's withdrawals, newest first, for those who may see them.
pub(crate) async fn all_withdrawals(
    app: &App,
    actor: &Actor,
    filter: &WithdrawalFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Withdrawal>> {
    actor.require(Permission::SeeMoney)?;
    list(app, filter, page, with_total).await
}

async fn list(app: &App, filter: &WithdrawalFilter, page: &Page, with_total: bool) -> Result<Slice<Withdrawal>> {
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::RequestedAt, Column::Id));
    let own = list.any_of(Column::UserId, filter.owners.as_deref(), |owner| owner.0)?;
    list.any_of(Column::State, filter.states.as_deref(), |state| state.as_str())?;
    list.during(Column::RequestedAt, filter.during)?;
    if let Some(amount) = filter.amount {
        let amount = amount.narrow(&mut list, Column::Currency, Column::Amount);
        // One person's are few; of everybody's there is an index of amounts.
        let (among, order) = match own.as_slice() {
            [one] => (one.clone(), Column::RequestedAt),
            _ => (amount, Column::Amount),
        };
        let among = Entity::find().select_only().column(Column::Id).filter(among);
        list.among(among.order_by_desc(order).order_by_desc(Column::Id).into_query());
    }
    list.page(&app.db, page, with_total, |select| select).await
}

/// Withdrawals by id that the actor may see.
pub(crate) async fn withdrawals_by_id(
    app: &App,
    actor: &Actor,
    ids: &[WithdrawalId],
) -> Result<HashMap<WithdrawalId, Withdrawal>> {
    let Ok(viewer) = actor.require_user() else { return Ok(HashMap::new()) };
    let mut found = app.db.all(Entity::find().filter(any_id(Column::Id, ids))).await?;
    found.retain(|withdrawal| withdrawal.user_id == viewer.id || actor.may(Permission::SeeMoney));
    Ok(found.into_iter().map(|withdrawal| (withdrawal.id, withdrawal)).collect())
}

/// Where a withdrawal goes, for those who pay it; `None` for everybody else, its owner included.
pub(crate) fn bank_details(app: &App, actor: &Actor, withdrawal: &Withdrawal) -> Result<Option<BankDetails>> {
    if !actor.may(Permission::ManageMoney) {
        return Ok(None);
    }
    BankDetails::open(app, withdrawal.payout_method_id, &withdrawal.sealed_details)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::entity::Currency;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        let payout_method = PayoutMethodId(Uuid::nil());
        let command = WalletWithdraw { payout_method, amount, idempotency_key: String::new() };
        assert_eq!(
            command.input().texts(),
            (
                "payoutMethodId 39 payoutmethod_00000000000000000000000000\n\
                 amount 9 12.50 USD\n",
                "payoutmethod_00000000000000000000000000 12.50 USD"
            )
        );
    }
}
