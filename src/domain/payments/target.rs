//! What a payment is for: the port that wallets, goals and later orders implement, so that their totals change in the
//! transaction that records the money.

use crate::{
    app::App,
    domain::ledger::AccountRef,
    entity::{
        RefundId, UserId,
        ledger_transfer::TransferKind,
        payment::{self, ProviderKind, TargetKind},
    },
    error::{Error, Result},
    platform::db::Transaction,
};

/// Where the money of a payment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// Which account gets it.
    pub account_ref: AccountRef,
    /// What the ledger calls it.
    pub kind: TransferKind,
    /// The money is taken and can't be kept, as when a goal was closed meanwhile: it is given back at once. The word tells
    /// such refunds apart, and says why.
    pub give_back: Option<&'static str>,
}

/// Something that payments are for. Functions that end in `_in` run in the transaction that records the money, with the
/// payment's row locked; they lock their own rows, then the ledger locks accounts.
#[async_trait::async_trait]
pub trait Target: Send + Sync + std::fmt::Debug {
    /// Under which kind payments name it.
    fn kind(&self) -> TargetKind;

    /// Whether it can be paid for by this provider.
    fn accepts(&self, provider: ProviderKind) -> bool;

    /// What the payer reads at the provider and in the receipt, such as a goal's title; in plain text. Called outside of
    /// transactions.
    async fn describe(&self, app: &App, payment: &payment::Model) -> Result<String>;

    /// So much money more has come in: changes the totals, and says where it goes.
    async fn settle_in(&self, app: &App, tx: &Transaction, payment: &payment::Model, amount: i64)
    -> Result<Settlement>;

    /// Where the payment's money is, when some of it is to go back.
    async fn account_ref_in(&self, tx: &Transaction, payment: &payment::Model) -> Result<AccountRef>;

    /// Whether so much may be promised to go back. Codes: those of the target's own rules.
    async fn check_refund_in(
        &self,
        _app: &App,
        _tx: &Transaction,
        _payment: &payment::Model,
        _amount: i64,
    ) -> Result<()> {
        Ok(())
    }

    /// So much of the payment's money is going to be taken, whatever the rules: what is not there any more is put there, at the
    /// expense of who has it. Gives who came to owe it. `refund` is whom it is for. Those whom it may concern are locked.
    async fn secure_in(
        &self,
        app: &App,
        tx: &Transaction,
        payment: &payment::Model,
        amount: i64,
        refund: RefundId,
    ) -> Result<Option<UserId>>;

    /// So much of the money has gone back: changes the totals.
    async fn unsettle_in(&self, app: &App, tx: &Transaction, payment: &payment::Model, amount: i64) -> Result<()>;

    /// So much that had gone back has come again: changes the totals, and says where it is to be.
    async fn restore_in(
        &self,
        app: &App,
        tx: &Transaction,
        payment: &payment::Model,
        amount: i64,
    ) -> Result<AccountRef>;

    /// The word for why nothing of the payment may stay where it is, as when a goal was called off; `None` where it may.
    async fn must_go_back_in(&self, tx: &Transaction, payment: &payment::Model) -> Result<Option<&'static str>>;

    /// The payment came to nothing.
    async fn dropped_in(&self, app: &App, tx: &Transaction, payment: &payment::Model) -> Result<()>;

    /// Whom the money is for, who may grant refunds beside staff; nobody, if `None`.
    async fn owner_in(&self, tx: &Transaction, payment: &payment::Model) -> Result<Option<UserId>>;
}

/// What payments can be for. Payments are lower than most of those who settle them: they only know the port.
pub(crate) fn all() -> impl Iterator<Item = &'static dyn Target> {
    crate::domain::DOMAINS.iter().flat_map(|domain| domain.targets.iter().copied())
}

/// The target of a kind.
pub(crate) fn of(kind: TargetKind) -> Result<&'static dyn Target> {
    all()
        .find(|target| target.kind() == kind)
        .ok_or_else(|| Error::internal(format!("nothing settles payments for {}", kind.as_str())))
}
