//! What is stored: one file per table. No rules here beyond what a column may hold.

#![allow(clippy::disallowed_methods, reason = "the code that sea_orm::model makes begins transactions of its own")]

pub mod account_deletion;
pub mod account_export;
pub mod activity;
pub mod audit_entry;
pub mod backup_code;
pub mod challenge;
pub mod code;
pub mod comment;
pub mod comment_like;
pub mod contribution_comment;
pub mod credential;
pub mod digest_subscription;
pub mod event;
pub mod fee_line;
pub mod goal;
pub mod goal_contribution;
pub mod goal_news;
pub mod goal_withdrawal;
pub mod held_username;
pub mod identity;
pub mod ids;
pub mod job;
pub mod ledger_account;
pub mod ledger_entry;
pub mod ledger_transfer;
pub mod likeness;
pub mod money;
pub mod notification;
pub mod oauth_flow;
pub mod payment;
pub mod payment_dispute;
pub mod payment_event;
pub mod payment_method;
pub mod payout_method;
pub mod post;
pub mod post_like;
pub mod profile;
pub mod refund;
pub mod session;
pub mod suspension;
pub mod two_factor;
pub mod user;
pub mod user_role;
pub mod wallet_adjustment;
pub mod webhook_event;
pub mod withdrawal;

pub use ids::{
    AccountExportId, ActivityId, AdjustmentId, AuditEntryId, ChallengeId, CodeId, CommentId, ContributionCommentId,
    ContributionId, CurrencyId, DisputeId, EntryId, FeeLineId, GoalId, GoalNewsId, GoalWithdrawalId, IdentityId, JobId,
    LedgerAccountId, NotificationId, OauthFlowId, PaymentEventId, PaymentId, PaymentMethodId, PaymentProviderId,
    PayoutMethodId, PostId, ProfileId, RefundId, SessionId, SignInProviderId, TransferId, TwoFactorId, UserId,
    WalletId, WebhookEventId, WithdrawalId,
};
pub use money::{Currency, Money};

/// An enum stored as text: its variants, the text of each, and both directions.
macro_rules! stored_enum {
    ($(#[$doc:meta])+ $name:ident { $($(#[$variant_doc:meta])+ $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        pub enum $name { $($(#[$variant_doc])+ #[sea_orm(string_value = $text)] $variant,)+ }

        impl $name {
            /// As it is stored.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// As programs and people are told it.
            #[must_use]
            pub fn told(self) -> &'static str {
                $crate::entity::told(self.as_str())
            }

            /// From what is stored.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use stored_enum;

/// A stored word as programs and people are told it: some are stored in the other spelling than the graph's.
#[must_use]
pub fn told(stored: &str) -> &str {
    match stored {
        "authorised" => "authorized",
        "cancelled" => "canceled",
        "deletion_cancelled" => "deletion_canceled",
        other => other,
    }
}
