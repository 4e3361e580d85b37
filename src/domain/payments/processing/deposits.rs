//! Paying into one's own wallet.

use super::{
    charges::{Started, started},
    open::{NewPayment, open_in, pay_at_once_in},
};
use crate::{
    app::App,
    catalogue::Text,
    domain::{
        Idempotent, accounts,
        actor::{Actor, Client},
        idempotency::{Claim, Fingerprint, claim_for_good_in},
        ledger::{self, AccountRef, Origin},
        payments::{
            self,
            payers::Payer,
            target::{Settlement, Target},
        },
        wallets,
    },
    entity::{
        Money, PaymentId, PaymentMethodId, RefundId, UserId,
        ledger_transfer::TransferKind,
        payment::{self, ProviderKind, TargetKind},
    },
    error::{Locale, Result},
    platform::db::Transaction,
};

/// Money that is to come into the actor's wallet.
#[derive(Debug, Clone)]
pub(crate) struct WalletDeposit {
    /// What is to come in, above zero.
    pub amount: Money,
    /// Who moves it.
    pub provider: ProviderKind,
    /// By which saved way to pay.
    pub method: Option<PaymentMethodId>,
    /// Makes a repeated call harmless.
    pub idempotency_key: String,
}

impl WalletDeposit {
    fn input(&self) -> Fingerprint {
        let (amount, provider) = (self.amount, self.provider.as_str());
        let method = self.method.map_or_else(|| "None".to_owned(), |id| format!("Some({id})"));
        Fingerprint::v1()
            .field("amount", amount)
            .field("provider", provider)
            .optional("methodId", self.method)
            .before_versions(format!("{amount} {provider} {method}"))
    }
}

/// Begins a payment into the actor's wallet. Codes: CURRENCY_MISMATCH, PROVIDER_NOT_AVAILABLE, NOT_FOUND, IDEMPOTENCY_KEY_REUSED, BLANK,
/// TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn wallet_deposit(
    app: &App,
    actor: &Actor,
    client: &Client,
    command: WalletDeposit,
) -> Result<Idempotent<Started>> {
    let user = actor.require_user()?.id;
    wallets::check_currency(app, "amount", command.amount.currency)?;
    let id = PaymentId(app.ids.next(app.clock.now()));
    let input = command.input();
    let new = NewPayment {
        id,
        target: TargetKind::WalletDeposit,
        target_id: user.0,
        payer: Payer::User(user),
        locale: client.locale.as_str(),
        provider: command.provider,
        method: command.method,
        amount: command.amount,
    };
    let outcome = app
        .db
        .transact(async |tx| {
            let key = command.idempotency_key.as_str();
            match claim_for_good_in(app, &tx, user.0, "walletDeposit", key, &input, id.0).await? {
                Claim::Replay(id) => Ok(Idempotent { value: PaymentId(id), replayed: true }),
                Claim::New => {
                    let payment = open_in(app, &tx, &new).await?;
                    pay_at_once_in(app, &tx, payment).await?;
                    Ok(Idempotent { value: id, replayed: false })
                }
            }
        })
        .await?;
    started(app, actor, outcome).await
}

/// The target of deposits: the payer's wallet.
#[derive(Debug)]
pub(crate) struct Deposits;

fn wallet(payment: &payment::Model) -> AccountRef {
    AccountRef::Wallet(UserId(payment.target_id))
}

#[async_trait::async_trait]
impl Target for Deposits {
    fn kind(&self) -> TargetKind {
        TargetKind::WalletDeposit
    }

    fn accepts(&self, provider: ProviderKind) -> bool {
        !matches!(provider, ProviderKind::Wallet | ProviderKind::CashOnDelivery)
    }

    async fn describe(&self, app: &App, payment: &payment::Model) -> Result<String> {
        let text = Text::WalletDeposit { service: app.config.email.service_name().into() };
        Ok(text.in_language(Locale::parse(&payment.payer_locale)).into_owned())
    }

    async fn settle_in(&self, _: &App, tx: &Transaction, payment: &payment::Model, _: i64) -> Result<Settlement> {
        // So that nobody is erased while money comes in.
        if let Some(payer) = payment.payer_id {
            accounts::lock_in(tx, &[payer]).await?;
        }
        // Somebody whose account is gone has no use for it: it goes back.
        let give_back = payment.payer_id.is_none().then_some("account_closed");
        Ok(Settlement { account_ref: wallet(payment), kind: TransferKind::Deposit, give_back })
    }

    async fn account_ref_in(&self, _: &Transaction, payment: &payment::Model) -> Result<AccountRef> {
        Ok(wallet(payment))
    }

    async fn secure_in(
        &self,
        app: &App,
        tx: &Transaction,
        payment: &payment::Model,
        amount: i64,
        refund: RefundId,
    ) -> Result<Option<UserId>> {
        let (account_ref, currency) = (wallet(payment), payment.currency);
        let missing = amount - ledger::available_in(app, tx, account_ref, currency).await?;
        if missing <= 0 {
            return Ok(None);
        }
        let (key, reference) = (refund.to_string(), payments::reference(payment.id));
        let origin = (reference.as_str(), Origin::step("refund_lent", &key));
        ledger::lend_in(app, tx, payment.payer_id, account_ref, Money::new(missing, currency), origin).await?;
        Ok(payment.payer_id)
    }

    async fn unsettle_in(&self, _: &App, _: &Transaction, _: &payment::Model, _: i64) -> Result<()> {
        Ok(())
    }

    async fn restore_in(&self, _: &App, _: &Transaction, payment: &payment::Model, _: i64) -> Result<AccountRef> {
        // Their wallet went with their account.
        Ok(if payment.payer_id.is_some() { wallet(payment) } else { AccountRef::Unclaimed })
    }

    async fn must_go_back_in(&self, _: &Transaction, _: &payment::Model) -> Result<Option<&'static str>> {
        Ok(None)
    }

    async fn dropped_in(&self, _: &App, _: &Transaction, _: &payment::Model) -> Result<()> {
        Ok(())
    }

    async fn owner_in(&self, _: &Transaction, _: &payment::Model) -> Result<Option<UserId>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::entity::Currency;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        let (provider, key) = (ProviderKind::Stripe, String::new());
        let mut command = WalletDeposit { amount, provider, method: None, idempotency_key: key };
        assert_eq!(
            command.input().texts(),
            (
                "amount 9 12.50 USD\n\
                 provider 6 stripe\n",
                "12.50 USD stripe None"
            )
        );
        command.method = Some(PaymentMethodId(Uuid::nil()));
        assert_eq!(
            command.input().texts(),
            (
                "amount 9 12.50 USD\n\
                 provider 6 stripe\n\
                 methodId 40 paymentmethod_00000000000000000000000000\n",
                "12.50 USD stripe Some(paymentmethod_00000000000000000000000000)"
            )
        );
    }
}
