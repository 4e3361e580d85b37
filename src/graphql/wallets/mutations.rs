//! What people do with their own money.

use async_graphql::{Context, ID, InputObject, Object, OneofObject};

use super::{
    PayoutMethod, Wallet, WalletBalance, WalletTransaction, Withdrawal, loaders::WalletsByOwner, viewer_s_wallet,
};
use crate::{
    domain::wallets::{self, BankAccount, WalletTransfer, WalletWithdraw},
    entity::UserId,
    error::Result,
    graphql::{
        accounts::{User, viewer},
        engine::{
            context::RequestExt,
            error::{Nullable, answer, deeper, nullable, payload},
            rules::Rule,
            scalars::{CountryCode, CurrencyCode, MoneyInput},
        },
        node::{id_input, input_id},
    },
};

/// Money for somebody else.
#[derive(InputObject)]
pub(crate) struct WalletTransferInput {
    /// Whose wallet gets it: a person's id.
    recipient_id: ID,
    /// How much, of what is available in your wallet.
    amount: MoneyInput,
    /// What both of you see with it: one line, at most 255 characters.
    note: Option<String>,
    /// Same key and same input: the same transfer again, however late.
    idempotency_key: String,
}

impl WalletTransferInput {
    fn command(self) -> Result<WalletTransfer> {
        Ok(WalletTransfer {
            to: input_id("recipientId", &self.recipient_id)?,
            amount: self.amount.positive("amount")?,
            note: self.note.unwrap_or_default(),
            idempotency_key: self.idempotency_key,
        })
    }
}

/// Which account of a bank: one of these.
#[derive(OneofObject)]
pub(crate) enum BankAccountInput {
    /// The IBAN, with or without spaces.
    Iban(String),
    /// The number, in countries without IBANs: 4 to 34 letters and digits.
    AccountNumber(String),
}

impl From<BankAccountInput> for BankAccount {
    fn from(account: BankAccountInput) -> Self {
        match account {
            BankAccountInput::Iban(iban) => Self::Iban(iban),
            BankAccountInput::AccountNumber(number) => Self::Number(number),
        }
    }
}

/// A bank account that your money can be paid out to.
#[derive(InputObject)]
pub(crate) struct PayoutMethodAddInput {
    /// Whose account it is at the bank, at most 100 characters.
    holder: String,
    /// Which account it is.
    account: BankAccountInput,
    /// The bank, at most 100 characters.
    bank_name: String,
    /// The bank's country.
    country: CountryCode,
    /// The currency that the account takes: only money of this currency can be paid out to it.
    currency: CurrencyCode,
    /// Same key and same input within 24 hours: the same answer again.
    idempotency_key: Option<String>,
}

/// Money that is to leave your wallet.
#[derive(InputObject)]
pub(crate) struct WalletWithdrawInput {
    /// Where to: one of your `User.payoutMethods`.
    payout_method_id: ID,
    /// How much, in the currency of the payout method.
    amount: MoneyInput,
    /// Same key and same input: the same withdrawal again, however late.
    idempotency_key: String,
}

impl WalletWithdrawInput {
    fn command(self) -> Result<WalletWithdraw> {
        Ok(WalletWithdraw {
            payout_method: input_id("payoutMethodId", &self.payout_method_id)?,
            amount: self.amount.positive("amount")?,
            idempotency_key: self.idempotency_key,
        })
    }
}

payload! {
    /// What came of `walletTransfer`.
    WalletTransferPayload replayed {
        /// What happened to your wallet; null when `errors` is not empty.
        transaction: WalletTransaction
    } also {
        /// Your wallet, as it is now; null when `errors` is not empty.
        wallet: Wallet = viewer_s_wallet,
        /// Of it, what it holds of this currency; null when `errors` is not empty.
        balance: WalletBalance = balance_after,
    }
}

async fn balance_after(
    ctx: &Context<'_>,
    transaction: &WalletTransaction,
) -> async_graphql::Result<Option<WalletBalance>> {
    let accounts = ctx.request().loaders.load::<WalletsByOwner>(UserId(transaction.0.owner)).await?.unwrap_or_default();
    let currency = transaction.0.amount.currency;
    Ok(accounts.iter().find(|account| account.currency == currency).map(WalletBalance::from))
}

payload! {
    /// What came of `payoutMethodAdd`.
    PayoutMethodAddPayload replayed {
        /// The bank account; null when `errors` is not empty.
        payout_method: PayoutMethod
    } also {
        /// You, with all of your bank accounts; null when `errors` is not empty.
        user: User = viewer,
    }
}

id_input! {
    /// Which bank account is to go.
    PayoutMethodRemoveInput, "The bank account's id."
}

payload! {
    /// What came of `payoutMethodRemove`.
    PayoutMethodRemovePayload {
        /// The bank account, now removed; null when `errors` is not empty.
        payout_method: PayoutMethod
    } also {
        /// You, with the bank accounts that are left; null when `errors` is not empty.
        user: User = viewer,
    }
}

payload! {
    /// What came of `walletWithdraw`.
    WalletWithdrawPayload replayed {
        /// The withdrawal; null when `errors` is not empty.
        withdrawal: Withdrawal
    } also {
        /// Your wallet, as it is now; null when `errors` is not empty.
        wallet: Wallet = viewer_s_wallet,
    }
}

id_input! {
    /// Which withdrawal is taken back.
    WithdrawalCancelInput, "The withdrawal's id."
}

payload! {
    /// What came of `withdrawalCancel`.
    WithdrawalCancelPayload {
        /// The withdrawal, now canceled; null when `errors` is not empty.
        withdrawal: Withdrawal
    } also {
        /// Your wallet, as it is now; null when `errors` is not empty.
        wallet: Wallet = viewer_s_wallet,
    }
}

/// What people do with their own money.
#[derive(Default)]
pub(crate) struct OwnWalletMutation;

/// The rules of the mutations below.
pub(super) const RULES: &[Rule] = &[
    Rule::of("walletTransfer").alone(),
    Rule::of("payoutMethodAdd").recent_authentication("it is where money goes when it leaves"),
    Rule::of("walletWithdraw").alone().recent_authentication("money leaves"),
];

#[Object]
impl OwnWalletMutation {
    /// Moves money from your wallet into another person's, at once and for good. NOT_FOUND: nobody is there, or nobody who
    /// can take money now; NOT_ALLOWED: yourself. Codes: INVALID, INVALID_ID, NOT_FOUND, NOT_ALLOWED, INVALID_AMOUNT,
    /// AMOUNT_TOO_LARGE, INSUFFICIENT_FUNDS, IDEMPOTENCY_KEY_REUSED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn wallet_transfer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "To whom, and how much.")] input: WalletTransferInput,
    ) -> Nullable<WalletTransferPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let command = input.command()?;
                wallets::wallet_transfer(&request.app, &request.actor, command).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Adds a bank account that your money can be paid out to; you are notified by e-mail. Needs a recent authentication.
    /// TOO_MANY: there are 20 already. Codes: BLANK, TOO_LONG, INVALID_CHARACTERS, INVALID, CURRENCY_MISMATCH, TOO_MANY,
    /// IDEMPOTENCY_KEY_REUSED.
    async fn payout_method_add(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The bank account.")] input: PayoutMethodAddInput,
    ) -> Nullable<PayoutMethodAddPayload> {
        nullable(async {
            let request = ctx.request();
            let command = wallets::PayoutMethodAdd {
                holder: input.holder,
                account: input.account.into(),
                bank_name: input.bank_name,
                country: input.country.into(),
                currency: input.currency,
                idempotency_key: input.idempotency_key,
            };
            let added = wallets::payout_method_add(&request.app, &request.actor, &request.client, command).await;
            answer(request, added.map_err(|error| deeper(error, &["iban", "accountNumber"], &["account"])))
        })
        .await
    }

    /// Removes a bank account of yours. Withdrawals to it that are under way go on. Codes: INVALID_ID, NOT_FOUND.
    async fn payout_method_remove(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which bank account.")] input: PayoutMethodRemoveInput,
    ) -> Nullable<PayoutMethodRemovePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                wallets::payout_method_remove(&request.app, &request.actor, &request.client, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Asks for money of your wallet to be paid out. It is held until staff has decided; you are notified by e-mail. Needs
    /// a recent authentication. AMOUNT_TOO_LARGE: more than one day allows; `parameters.maxAmount` is what is left of it.
    /// Codes: INVALID, INVALID_ID, NOT_FOUND, INVALID_AMOUNT, CURRENCY_MISMATCH, AMOUNT_TOO_SMALL, AMOUNT_TOO_LARGE,
    /// INSUFFICIENT_FUNDS, IDEMPOTENCY_KEY_REUSED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn wallet_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where to, and how much.")] input: WalletWithdrawInput,
    ) -> Nullable<WalletWithdrawPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let command = input.command()?;
                wallets::wallet_withdraw(&request.app, &request.actor, &request.client, command).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Takes a withdrawal of yours back while it is REQUESTED: its money can be spent again. Codes: INVALID_ID, NOT_FOUND,
    /// WRONG_STATE.
    async fn withdrawal_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which withdrawal.")] input: WithdrawalCancelInput,
    ) -> Nullable<WithdrawalCancelPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                wallets::withdrawal_cancel(&request.app, &request.actor, id).await
            };
            answer(request, result.await)
        })
        .await
    }
}
