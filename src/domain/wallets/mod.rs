//! Wallets: a person's money here, what happened to it, and how it leaves.
//!
//! Owns `payout_methods`, `withdrawals` and `wallet_adjustments`, and the streams of kind `wallet`; the money itself is the
//! ledger's. Always holds, and its rules check it: a withdrawal that is under way has its money held, one that was paid has
//! it posted, one that the bank sent back has taken it back, any other has let it go; an adjustment that was applied has its transfer. Nobody decides about their own
//! money; above SECOND_PERSON_ABOVE two people have to.
//!
//! Whoever gives money to a person, or takes it out, locks the person's row before anything of the ledger, so that nobody
//! is erased with money in their wallet.

mod adjustments;
mod iban;
mod payout_methods;
mod privacy;
mod queries;
mod registration;
mod sql;
mod statement;
mod transfer;
mod withdrawals;
mod withdrawals_staff;

use crate::{
    app::App,
    domain::states::told,
    entity::{Currency, Money, wallet_adjustment::AdjustmentState, withdrawal::WithdrawalState},
    error::{Error, Parameter, Result, State, UserError, UserErrorCode},
    platform::text,
};

pub(crate) use adjustments::{
    Adjust, Adjustment, AdjustmentFilter, SORT as ADJUSTMENT_SORT, adjustment_approve, adjustment_cursor,
    adjustment_refuse, adjustments, adjustments_by_id, wallet_adjust,
};
pub(crate) use payout_methods::{
    BankAccount, PayoutMethod, PayoutMethodAdd, payout_method_add, payout_method_remove, payout_methods,
    payout_methods_by_id,
};
pub use privacy::is_empty_in;
pub(crate) use queries::{
    Activity, SORT, TransactionFilter, WalletTransaction, balances_by_id, cursor, find, follow, stream_heads,
    transactions, transactions_by_id, wallets_by_owner,
};
pub(crate) use registration::DOMAIN;
pub(crate) use statement::{download, statement_link};
pub(crate) use transfer::{WalletTransfer, wallet_transfer};
pub(crate) use withdrawals::{
    SORT as WITHDRAWAL_SORT, WalletWithdraw, Withdrawal, WithdrawalFilter, all_withdrawals, bank_details,
    wallet_withdraw, withdrawal_cancel, withdrawal_cursor, withdrawals, withdrawals_by_id,
};
pub(crate) use withdrawals_staff::{
    withdrawal_approve, withdrawal_mark_failed, withdrawal_mark_paid, withdrawal_mark_returned, withdrawal_refuse,
};

told! {
    WithdrawalState {
        Requested => Requested,
        Approved => Approved,
        Paid => Paid,
        Failed => Failed,
        Returned => Returned,
        Cancelled => Canceled,
    }
    AdjustmentState {
        Proposed => Proposed,
        Applied => Applied,
        Refused => Refused,
    }
}

/// The longest reason that staff gives.
const MAX_REASON: usize = 500;

fn wrong_state(state: impl Into<State>) -> Error {
    UserError::input("id", UserErrorCode::WrongState).with("state", state.into()).into()
}

/// Nobody decides about their own money.
fn beyond() -> Error {
    UserError::input("id", UserErrorCode::BeyondYourRights).into()
}

/// Why staff does something. Codes: BLANK, TOO_LONG, INVALID_CHARACTERS.
fn reason(text: &str) -> Result<String> {
    Ok(text::block("reason", text, MAX_REASON).and_then(|text| text::required("reason", text))?)
}

/// Whether two people have to agree to an amount: above the one that is set for its currency, and always where none is.
#[must_use]
pub(crate) fn needs_second_person(app: &App, amount: Money) -> bool {
    app.config.wallets.second_person_above.of(amount.currency).is_none_or(|above| amount.minor > above)
}

/// CURRENCY_MISMATCH, when wallets here don't take this currency.
pub(crate) fn check_currency(app: &App, field: &'static str, currency: Currency) -> Result<()> {
    let wallets = &app.config.wallets;
    if wallets.takes(currency) {
        return Ok(());
    }
    let taken = Parameter::Currencies(wallets.currencies.iter().map(|currency| currency.as_str()).collect());
    Err(UserError::input(field, UserErrorCode::CurrencyMismatch).with("currency", taken).into())
}
