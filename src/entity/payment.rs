//! Table `payments`: what was to be paid, and how it went.

use sea_orm::entity::prelude::*;

use super::{Currency, PaymentId, PaymentMethodId, UserId, stored_enum};

stored_enum! {
    /// Who moves the money of a payment.
    ProviderKind {
        /// Stripe.
        Stripe = "stripe",
        /// PayPal.
        Paypal = "paypal",
        /// Paymob.
        Paymob = "paymob",
        /// The embedded provider for trying out; refused in production.
        Sandbox = "sandbox",
        /// The payer's wallet.
        Wallet = "wallet",
        /// Cash, collected at the door.
        CashOnDelivery = "cash_on_delivery",
        /// A transfer to the platform's bank account.
        BankTransfer = "bank_transfer",
    }
}

stored_enum! {
    /// What a payment is for.
    TargetKind {
        /// Into the payer's wallet; the target's id is the payer's.
        WalletDeposit = "wallet_deposit",
        /// To a goal; the target's id is the contribution's.
        GoalContribution = "goal_contribution",
    }
}

stored_enum! {
    /// How far a payment has come. Refunds are an axis of their own.
    PaymentState {
        /// The provider does not know of it yet.
        Created = "created",
        /// It waits for the payer.
        Pending = "pending",
        /// The provider is at work.
        Processing = "processing",
        /// The money is promised and not taken yet.
        Authorized = "authorised",
        /// The money is there.
        Completed = "completed",
        /// It did not work.
        Failed = "failed",
        /// It was called off.
        Cancelled = "cancelled",
        /// Nobody paid in time.
        Expired = "expired",
    }
}

/// A row of `payments`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    /// Primary key; what providers know it by.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentId,
    /// Who moves the money.
    pub provider: ProviderKind,
    /// What it is for.
    pub target_kind: TargetKind,
    /// Which.
    pub target_id: Uuid,
    /// Who pays, if they are known.
    pub payer_id: Option<UserId>,
    /// The address of a guest.
    pub payer_email: Option<String>,
    /// The language for what is written to them.
    pub payer_locale: String,
    /// By which saved method.
    pub method_id: Option<PaymentMethodId>,
    /// In which currency.
    pub currency: Currency,
    /// What is to be paid, in minor units.
    pub amount: i64,
    /// How far it has come.
    pub state: PaymentState,
    /// Promised.
    pub authorised: i64,
    /// Taken.
    pub captured: i64,
    /// Given back.
    pub refunded: i64,
    /// Granted to be given back, and not done yet.
    pub refunding: i64,
    /// Of cash, what reached the bank.
    pub remitted: i64,
    /// The provider's own id.
    pub provider_reference: Option<String>,
    /// The provider's last answer, as JSON.
    pub provider_answer: Option<String>,
    /// What the payer has to do, as JSON, sealed.
    pub sealed_next_action: Option<Vec<u8>>,
    /// What the payer says of a bank transfer.
    pub proof: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Sequence of the last event on its stream.
    pub event_seq: i64,
    /// When the provider is asked next.
    pub check_at: Option<DateTimeUtc>,
    /// How often it was asked.
    pub checks: i64,
    /// When it is over, if nobody paid.
    pub expires_at: Option<DateTimeUtc>,
    /// Begun.
    pub created_at: DateTimeUtc,
    /// Changed.
    pub updated_at: DateTimeUtc,
    /// The money was there.
    pub completed_at: Option<DateTimeUtc>,

    /// Who pays.
    #[sea_orm(belongs_to, relation_enum = "Payer", from = "payer_id", to = "id", on_delete = "SetNull")]
    pub payer: BelongsTo<Option<super::user::Entity>>,
    /// The saved method.
    #[sea_orm(belongs_to, relation_enum = "Method", from = "method_id", to = "id", on_delete = "SetNull")]
    pub method: BelongsTo<Option<super::payment_method::Entity>>,
    /// Its steps.
    #[sea_orm(has_many, relation_enum = "Events")]
    pub events: HasMany<super::payment_event::Entity>,
    /// What goes back of it.
    #[sea_orm(has_many, relation_enum = "Refunds")]
    pub refunds: HasMany<super::refund::Entity>,
    /// Its disputes.
    #[sea_orm(has_many, relation_enum = "Disputes")]
    pub disputes: HasMany<super::payment_dispute::Entity>,
    /// The contribution that it pays, if it pays one.
    #[sea_orm(has_one, relation_enum = "Contribution")]
    pub contribution: HasOne<super::goal_contribution::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
