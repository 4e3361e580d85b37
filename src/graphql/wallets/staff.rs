//! What staff sees of wallets, and does with them.

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    Wallet, Withdrawal,
    adjustments::{AdminWalletAdjustmentWhere, WalletAdjustment, WalletAdjustmentDirection},
    somebody_s, wallet_of, wallet_of_withdrawal,
    withdrawals::AdminWithdrawalWhere,
};
use crate::{
    domain::wallets::{self, Adjust},
    error::Result,
    graphql::{
        engine::{
            connection::{Connection, requested_page, wants_total},
            context::RequestExt,
            contract::SemanticNonNull,
            error::{Nullable, answer, nullable, payload},
            rules::Rule,
            scalars::MoneyInput,
        },
        node::{id_input, input_id},
    },
};

/// Reading everybody's wallets.
#[derive(Default)]
pub(crate) struct WalletStaffQuery;

#[Object]
impl WalletStaffQuery {
    /// Somebody's wallet, though their account may be erased; null when there is and was nobody like that. Needs the
    /// permission SEE_MONEY.
    async fn admin_wallet(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose: a person's id.")] user_id: ID,
    ) -> Nullable<Wallet> {
        nullable(somebody_s(ctx, &user_id)).await
    }

    /// Everybody's withdrawals, asked for last, first. Needs the permission SEE_MONEY.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_withdrawals(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which withdrawals.")] filter: Option<AdminWithdrawalWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<Withdrawal>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let sort = wallets::WITHDRAWAL_SORT;
            let page = requested_page(ctx, sort, reverse)?;
            let filter = filter.unwrap_or_default().filter()?;
            let slice = wallets::all_withdrawals(app, actor, &filter, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, wallets::withdrawal_cursor, Withdrawal::from)))
        })
        .await
    }

    /// Everybody's adjustments, proposed last, first. Needs the permission SEE_MONEY.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_wallet_adjustments(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which adjustments.")] filter: Option<AdminWalletAdjustmentWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<WalletAdjustment>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let sort = wallets::ADJUSTMENT_SORT;
            let page = requested_page(ctx, sort, reverse)?;
            let filter = filter.unwrap_or_default().filter()?;
            let slice = wallets::adjustments(app, actor, &filter, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, wallets::adjustment_cursor, WalletAdjustment::from)))
        })
        .await
    }
}

/// A correction of somebody's wallet.
#[derive(InputObject)]
pub(crate) struct AdminWalletAdjustInput {
    /// The id of the person whose wallet it is.
    user_id: ID,
    /// How much, above zero.
    amount: MoneyInput,
    /// Whether it is given or taken.
    direction: WalletAdjustmentDirection,
    /// Why, at most 500 characters; the owner sees it.
    reason: String,
    /// Same key and same input: the same adjustment again, however late.
    idempotency_key: String,
}

impl AdminWalletAdjustInput {
    fn command(self) -> Result<Adjust> {
        Ok(Adjust {
            user: input_id("userId", &self.user_id)?,
            amount: self.amount.positive("amount")?,
            is_credit: self.direction == WalletAdjustmentDirection::Credit,
            reason: self.reason,
            idempotency_key: self.idempotency_key,
        })
    }
}

async fn wallet_of_adjustment(
    ctx: &Context<'_>,
    adjustment: &WalletAdjustment,
) -> async_graphql::Result<Option<Wallet>> {
    wallet_of(ctx, adjustment.0.user_id).await
}

payload! {
    /// What came of `adminWalletAdjust`.
    AdminWalletAdjustPayload replayed {
        /// The adjustment: APPLIED, or PROPOSED to a second person; null when `errors` is not empty.
        adjustment: WalletAdjustment
    } also {
        /// The wallet that it corrects, as it is now; null when `errors` is not empty, and for those without the
        /// permission SEE_MONEY.
        wallet: Wallet = wallet_of_adjustment,
    }
}

id_input! {
    /// Which withdrawal is agreed to.
    AdminWithdrawalApproveInput, "The withdrawal's id."
}

payload! {
    /// What came of `adminWithdrawalApprove`.
    AdminWithdrawalApprovePayload {
        /// The withdrawal, agreed to; null when `errors` is not empty.
        withdrawal: Withdrawal
    }
}

id_input! {
    /// Which withdrawal is refused, and why.
    AdminWithdrawalRefuseInput, "The withdrawal's id.", reason: "Why, at most 500 characters; its owner sees it."
}

payload! {
    /// What came of `adminWithdrawalRefuse`.
    AdminWithdrawalRefusePayload {
        /// The withdrawal, refused; null when `errors` is not empty.
        withdrawal: Withdrawal
    } also {
        /// Its owner's wallet, as it is now; null when `errors` is not empty, and for those without the permission
        /// SEE_MONEY.
        wallet: Wallet = wallet_of_withdrawal,
    }
}

id_input! {
    /// Which withdrawal the bank has paid.
    AdminWithdrawalMarkPaidInput, "The withdrawal's id.", reference: "The bank's own reference, at most 100 characters."
}

payload! {
    /// What came of `adminWithdrawalMarkPaid`.
    AdminWithdrawalMarkPaidPayload {
        /// The withdrawal, now paid; null when `errors` is not empty.
        withdrawal: Withdrawal
    } also {
        /// Its owner's wallet, as it is now; null when `errors` is not empty, and for those without the permission
        /// SEE_MONEY.
        wallet: Wallet = wallet_of_withdrawal,
    }
}

id_input! {
    /// Which withdrawal could not be paid, and why.
    AdminWithdrawalMarkFailedInput, "The withdrawal's id.", reason: "Why, at most 500 characters; its owner sees it."
}

payload! {
    /// What came of `adminWithdrawalMarkFailed`.
    AdminWithdrawalMarkFailedPayload {
        /// The withdrawal, now failed; null when `errors` is not empty.
        withdrawal: Withdrawal
    } also {
        /// Its owner's wallet, as it is now; null when `errors` is not empty, and for those without the permission
        /// SEE_MONEY.
        wallet: Wallet = wallet_of_withdrawal,
    }
}

id_input! {
    /// Which adjustment is agreed to.
    AdminWalletAdjustmentApproveInput, "The adjustment's id."
}

id_input! {
    /// Which withdrawal the bank sent back, and why.
    AdminWithdrawalMarkReturnedInput, "The withdrawal's id.", reason: "Why, at most 500 characters; its owner sees it."
}

payload! {
    /// What came of `adminWithdrawalMarkReturned`.
    AdminWithdrawalMarkReturnedPayload {
        /// The withdrawal: RETURNED, or still PAID and waiting for a second person; null when `errors` is not empty.
        withdrawal: Withdrawal
    } also {
        /// Its owner's wallet, as it is now; null when `errors` is not empty, and for those without the permission
        /// SEE_MONEY.
        wallet: Wallet = wallet_of_withdrawal,
    }
}

payload! {
    /// What came of `adminWalletAdjustmentApprove`.
    AdminWalletAdjustmentApprovePayload {
        /// The adjustment, now applied; null when `errors` is not empty.
        adjustment: WalletAdjustment
    } also {
        /// The wallet that it corrects, as it is now; null when `errors` is not empty, and for those without the
        /// permission SEE_MONEY.
        wallet: Wallet = wallet_of_adjustment,
    }
}

id_input! {
    /// Which adjustment is refused, and why.
    AdminWalletAdjustmentRefuseInput, "The adjustment's id.", reason: "Why, at most 500 characters; it is in the audit log."
}

payload! {
    /// What came of `adminWalletAdjustmentRefuse`.
    AdminWalletAdjustmentRefusePayload {
        /// The adjustment, refused; null when `errors` is not empty.
        adjustment: WalletAdjustment
    }
}

/// What staff does with wallets.
#[derive(Default)]
pub(crate) struct WalletStaffMutation;

/// The rules of the mutations below.
pub(super) const RULES: &[Rule] = &[
    Rule::of("adminWithdrawalMarkReturned").recent_authentication("it says that money came back, which is spent then"),
    Rule::of("adminWalletAdjust").alone().recent_authentication("it makes money, or takes it"),
];

#[Object]
impl WalletStaffMutation {
    /// Agrees to a withdrawal; its owner is notified once all who have to have agreed. Above the amount that the operator
    /// set it takes two people. BEYOND_YOUR_RIGHTS: it is your own; SECOND_PERSON_NEEDED: you have agreed already. Needs
    /// the permission MANAGE_MONEY. Codes: INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS, WRONG_STATE, SECOND_PERSON_NEEDED.
    async fn admin_withdrawal_approve(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which withdrawal.")] input: AdminWithdrawalApproveInput,
    ) -> Nullable<AdminWithdrawalApprovePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                wallets::withdrawal_approve(&request.app, &request.actor, &request.client, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Refuses a withdrawal that is REQUESTED: its money is back in the wallet, and its owner is notified of the reason.
    /// Needs the permission MANAGE_MONEY. Codes: INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS, WRONG_STATE, BLANK, TOO_LONG,
    /// INVALID_CHARACTERS.
    async fn admin_withdrawal_refuse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which withdrawal, and why.")] input: AdminWithdrawalRefuseInput,
    ) -> Nullable<AdminWithdrawalRefusePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                wallets::withdrawal_refuse(&request.app, &request.actor, &request.client, id, &input.reason).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Writes down that the bank has the money of a withdrawal that is APPROVED; its owner is notified. Needs the
    /// permission MANAGE_MONEY. Codes: INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS, WRONG_STATE, BLANK, TOO_LONG,
    /// INVALID_CHARACTERS.
    async fn admin_withdrawal_mark_paid(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which withdrawal, and what the bank calls it.")] input: AdminWithdrawalMarkPaidInput,
    ) -> Nullable<AdminWithdrawalMarkPaidPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                wallets::withdrawal_mark_paid(&request.app, &request.actor, &request.client, id, &input.reference).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Writes down that a withdrawal that is APPROVED could not be paid: its money is back in the wallet, and its owner is
    /// notified of the reason. For one that is PAID already there is `adminWithdrawalMarkReturned`. Needs the permission
    /// MANAGE_MONEY. Codes: INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS, WRONG_STATE, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn admin_withdrawal_mark_failed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which withdrawal, and why.")] input: AdminWithdrawalMarkFailedInput,
    ) -> Nullable<AdminWithdrawalMarkFailedPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                wallets::withdrawal_mark_failed(&request.app, &request.actor, &request.client, id, &input.reason).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Writes down that the bank sent back a withdrawal that was PAID: its money is back in the wallet, and its owner is
    /// notified of the reason. Above the amount that is set for two people it stays PAID, `awaitsSecondPerson` is true, and
    /// it counts when a second person says so, too; SECOND_PERSON_NEEDED: you have said so already. Needs a recent
    /// authentication (REAUTHENTICATION_REQUIRED) and the permission MANAGE_MONEY. Codes: INVALID_ID, NOT_FOUND,
    /// BEYOND_YOUR_RIGHTS, WRONG_STATE, SECOND_PERSON_NEEDED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn admin_withdrawal_mark_returned(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which withdrawal, and why.")] input: AdminWithdrawalMarkReturnedInput,
    ) -> Nullable<AdminWithdrawalMarkReturnedPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                wallets::withdrawal_mark_returned(&request.app, &request.actor, &request.client, id, &input.reason)
                    .await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Corrects somebody's wallet; above the amount that the operator set it is only proposed, and another person has to
    /// agree. BEYOND_YOUR_RIGHTS: it is your own. Needs the permission MANAGE_MONEY, and a recent authentication.
    /// Codes: INVALID, INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS, INVALID_AMOUNT, AMOUNT_TOO_LARGE, INSUFFICIENT_FUNDS,
    /// CURRENCY_MISMATCH, IDEMPOTENCY_KEY_REUSED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn admin_wallet_adjust(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose wallet, and how.")] input: AdminWalletAdjustInput,
    ) -> Nullable<AdminWalletAdjustPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let command = input.command()?;
                wallets::wallet_adjust(&request.app, &request.actor, &request.client, command).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Agrees to an adjustment that somebody else has proposed: it is applied. BEYOND_YOUR_RIGHTS: it is your own wallet;
    /// SECOND_PERSON_NEEDED: you have proposed it. Needs the permission MANAGE_MONEY. Codes: INVALID_ID, NOT_FOUND,
    /// BEYOND_YOUR_RIGHTS, WRONG_STATE, SECOND_PERSON_NEEDED, INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE.
    async fn admin_wallet_adjustment_approve(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which adjustment.")] input: AdminWalletAdjustmentApproveInput,
    ) -> Nullable<AdminWalletAdjustmentApprovePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                wallets::adjustment_approve(&request.app, &request.actor, &request.client, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Refuses an adjustment that is PROPOSED, your own included: nothing moves. Needs the permission MANAGE_MONEY.
    /// Codes: INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS, WRONG_STATE, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn admin_wallet_adjustment_refuse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which adjustment, and why.")] input: AdminWalletAdjustmentRefuseInput,
    ) -> Nullable<AdminWalletAdjustmentRefusePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                wallets::adjustment_refuse(&request.app, &request.actor, &request.client, id, &input.reason).await
            };
            answer(request, result.await)
        })
        .await
    }
}
