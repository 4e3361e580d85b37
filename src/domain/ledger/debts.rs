//! What people owe: money that has to go back, such as by a refund that a provider makes on its own, and is no longer there.

use super::{
    AccountRef, NewTransfer, Origin, Posted,
    locks::{Locked, locked_in},
    write::write_in,
};
use crate::{
    app::App,
    entity::{Currency, Money, TransferId, UserId, ledger_transfer::TransferKind},
    error::Result,
    platform::db::Transaction,
};

/// Puts what is missing where it has to be, once for each `origin`: lent to its owner, who owes it since; where nobody can be
/// asked for it any more, the platform bears it. The accounts are locked by the caller; a caller who lends to somebody
/// whose wallet is elsewhere calls [`repay_in`] then.
pub(crate) async fn lend_in(
    app: &App,
    tx: &Transaction,
    debtor: Option<UserId>,
    to: AccountRef,
    amount: Money,
    (reference, origin): (&str, Origin<'_>),
) -> Result<Posted> {
    let new = NewTransfer {
        kind: TransferKind::Debt,
        from: debtor.map_or(AccountRef::Losses, AccountRef::Debt),
        to,
        amount: amount.minor,
        currency: amount.currency,
        reference: Some(reference),
        description: "",
        origin,
    };
    let accounts = locked_in(app, tx, &[new.from, new.to], new.currency).await?;
    write_in(app, tx, new, &accounts, None).await
}

/// Pays what somebody owes out of what there is in their wallet beside what is `kept`. `because` is the transfer that it
/// follows: once for each.
pub(crate) async fn repay_in(
    app: &App,
    tx: &Transaction,
    debtor: UserId,
    currency: Currency,
    (because, kept): (TransferId, i64),
) -> Result<()> {
    let (wallet, debt) = (AccountRef::Wallet(debtor), AccountRef::Debt(debtor));
    let accounts = locked_in(app, tx, &[wallet, debt], currency).await?;
    let available = accounts.at(wallet).map_or(0, Locked::available) - kept;
    let amount = available.min(accounts.owed_by(debtor));
    if amount <= 0 {
        return Ok(());
    }
    let key = because.to_string();
    let new = NewTransfer {
        kind: TransferKind::Debt,
        from: wallet,
        to: debt,
        amount,
        currency,
        reference: Some(&key),
        description: "",
        origin: Origin::step("debt_repayment", &key),
    };
    write_in(app, tx, new, &accounts, None).await.map(drop)
}
