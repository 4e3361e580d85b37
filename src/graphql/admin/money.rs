//! What staff sees of all money together: what there is to look into, and the trial balance.

use async_graphql::{Context, Enum, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::{
    domain::{alerts, books},
    graphql::engine::{
        context::RequestExt,
        contract::SemanticNonNull,
        error::{Nullable, nullable},
        scalars::{CurrencyCode, Money},
    },
};

/// What an account of the ledger stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::ledger_account::AccountKind")]
pub(crate) enum LedgerAccountKind {
    /// People's wallets: what is owed to them.
    Wallet,
    /// What was given to goals and not paid out.
    Escrow,
    /// What a provider, a bank or couriers hold for the platform, as a negative balance; the name is the provider's.
    Clearing,
    /// The platform's own, by name: `fees` and `unclaimed` it has; `adjustments`, `losses` and `provider_fees` it bears.
    Revenue,
    /// On its way to people's banks.
    Payout,
    /// What people owe the platform, as a negative balance.
    Debt,
}

/// What the accounts of a kind come to, in one currency.
#[derive(SimpleObject)]
pub(crate) struct LedgerLine {
    /// What they stand for.
    kind: LedgerAccountKind,
    /// Of the platform's own, which one; of clearing accounts, the provider; else empty.
    name: String,
    /// In which currency.
    currency: CurrencyCode,
    /// How many accounts they are.
    accounts: i64,
    /// What is owed to their owners; below zero, what they owe, or hold for the platform.
    balance: Money,
}

impl From<&books::TrialLine> for LedgerLine {
    fn from(line: &books::TrialLine) -> Self {
        Self {
            kind: line.kind.into(),
            name: line.name.clone(),
            currency: line.currency,
            accounts: line.accounts,
            balance: Money::from_minor(line.balance, line.currency),
        }
    }
}

/// All money there is, at one moment.
pub(crate) struct LedgerAccounts {
    at: DateTime<Utc>,
    lines: Vec<books::TrialLine>,
}

/// All money there is, at one moment: a trial balance.
#[Object]
impl LedgerAccounts {
    /// At which moment.
    async fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// What the accounts of each kind come to, by currency, then kind, then name. The lines of a currency sum to zero.
    async fn lines(&self) -> Vec<LedgerLine> {
        self.lines.iter().map(LedgerLine::from).collect()
    }

    /// The same as a CSV file (UTF-8, with a heading): currency, kind, name, accounts, balance.
    async fn csv(&self) -> String {
        let mut text = "currency,kind,name,accounts,balance\r\n".to_owned();
        for line in &self.lines {
            let balance = crate::entity::Money::new(line.balance, line.currency);
            let amount = balance.to_string().split(' ').next().unwrap_or_default().to_owned();
            text.push_str(&format!(
                "{},{},{},{},{amount}\r\n",
                line.currency,
                line.kind.as_str(),
                line.name,
                line.accounts
            ));
        }
        text
    }
}

/// What a check of all money found the last time.
#[derive(SimpleObject)]
pub(crate) struct MoneyCheck {
    /// When it ran.
    ran_at: DateTime<Utc>,
    /// How much differed: 0 is how it has to be.
    differences: i64,
    /// What differed, a line each; the first of it, where it is much.
    detail: String,
}

impl From<alerts::Check> for MoneyCheck {
    fn from(check: alerts::Check) -> Self {
        Self { ran_at: check.ran_at, differences: check.differences, detail: check.detail }
    }
}

/// What there is to look into about money.
#[derive(SimpleObject)]
pub(crate) struct MoneyOverview {
    /// The last verification of the books, which runs every night; null before the first.
    books: Option<MoneyCheck>,
    /// The last comparison with the providers, which runs every night; null before the first. What was mended by it does not
    /// count.
    providers: Option<MoneyCheck>,
    /// Disputes that wait for the bank: `adminDisputes`.
    open_disputes: i64,
    /// Refunds that wait for somebody to grant or refuse them: `adminRefunds`.
    requested_refunds: i64,
    /// Refunds that failed in the last seven days: `adminRefunds`.
    failed_refunds: i64,
    /// Withdrawals that wait for somebody to agree: `adminWithdrawals`.
    requested_withdrawals: i64,
    /// Withdrawals that wait to be paid: `adminWithdrawals`.
    approved_withdrawals: i64,
}

impl From<alerts::Overview> for MoneyOverview {
    fn from(found: alerts::Overview) -> Self {
        Self {
            books: found.books.map(MoneyCheck::from),
            providers: found.providers.map(MoneyCheck::from),
            open_disputes: found.open_disputes,
            requested_refunds: found.requested_refunds,
            failed_refunds: found.failed_refunds,
            requested_withdrawals: found.requested_withdrawals,
            approved_withdrawals: found.approved_withdrawals,
        }
    }
}

/// All money together.
#[derive(Default)]
pub(crate) struct AdminMoneyQuery;

#[Object]
impl AdminMoneyQuery {
    /// What there is to look into about money, now. Whoever may see it gets a notification and an e-mail of each, too.
    /// Needs the permission SEE_MONEY.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_money_overview(&self, ctx: &Context<'_>) -> Nullable<MoneyOverview> {
        nullable(async {
            let request = ctx.request();
            Ok(Some(alerts::overview(&request.app, &request.actor).await?.into()))
        })
        .await
    }

    /// All money there is, by what it stands for: a trial balance, now or as of a time. As of a time every entry of the ledger is
    /// read, which may take long. Needs the permission SEE_MONEY.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_ledger_accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As of when; now, when null.")] at: Option<DateTime<Utc>>,
    ) -> Nullable<LedgerAccounts> {
        Box::pin(nullable(async {
            let request = ctx.request();
            let lines = books::trial_balance(&request.app, &request.actor, at).await?;
            Ok(Some(LedgerAccounts { at: at.unwrap_or_else(|| request.app.clock.now()), lines }))
        }))
        .await
    }
}
