//! Table `payments`: what was to be paid, and how it went.

use sea_orm::entity::prelude::*;

use super::{Currency, PaymentId, PaymentMethodId, UserId, related, stored_enum};

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
    /// The id of what it is for, which the kind tells the table of.
    pub target_id: Uuid,
    /// Who pays; null for a guest, and once their account is erased.
    pub payer_id: Option<UserId>,
    /// The address of a guest.
    pub payer_email: Option<String>,
    /// The language for what is written to them.
    pub payer_locale: String,
    /// The saved method that it is paid by; null for any other, and once it is gone.
    pub method_id: Option<PaymentMethodId>,
    /// In which currency.
    pub currency: Currency,
    /// What is to be paid, in minor units.
    pub amount: i64,
    /// How far it has come.
    pub state: PaymentState,
    /// What is promised and can be taken, in minor units.
    pub authorised: i64,
    /// What was taken, in minor units.
    pub captured: i64,
    /// What was given back, in minor units.
    pub refunded: i64,
    /// What is granted to be given back and not done yet, in minor units.
    pub refunding: i64,
    /// Of cash, what reached the platform's bank, in minor units.
    pub remitted: i64,
    /// The provider's own id of it.
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
    /// When it was begun.
    pub created_at: DateTimeUtc,
    /// When it last came further.
    pub updated_at: DateTimeUtc,
    /// When the money was there; null before.
    pub completed_at: Option<DateTimeUtc>,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Who pays, while they have an account.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::PayerId",
        to = "super::user::Column::Id",
        on_delete = "SetNull"
    )]
    Payer,
    /// The saved method that it is paid by, while it is there.
    #[sea_orm(
        belongs_to = "super::payment_method::Entity",
        from = "Column::MethodId",
        to = "super::payment_method::Column::Id",
        on_delete = "SetNull"
    )]
    Method,
    /// The steps that it took.
    #[sea_orm(has_many = "super::payment_event::Entity")]
    Events,
    /// What goes back of it, or is asked for.
    #[sea_orm(has_many = "super::refund::Entity")]
    Refunds,
    /// What its payer takes back through their bank, or through the provider.
    #[sea_orm(has_many = "super::payment_dispute::Entity")]
    Disputes,
    /// The contribution that it pays, if it pays one.
    #[sea_orm(has_one = "super::goal_contribution::Entity")]
    Contribution,
}

related! {
    user by Payer,
    payment_method by Method,
    payment_event by Events,
    refund by Refunds,
    payment_dispute by Disputes,
    goal_contribution by Contribution,
}

impl ActiveModelBehavior for ActiveModel {}
