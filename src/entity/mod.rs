//! What is stored: one file per table, with its columns and its relations, and [`visit`] to look at all of them. No rules
//! here beyond what a column may hold.
//!
//! Entities are in sea-orm's compact format. Its dense one (`#[sea_orm::model]`) makes for each of them a second model
//! with all that belongs to it, and loaders for that: nothing here would use them, and with as many relations as these,
//! a build would wait minutes for them.
//!
//! A relation names its columns where the foreign key is (`belongs_to`); what is asked for from the other side leans on
//! that (`has_one`, `has_many`). With `skip_fk` there is no foreign key: rows of the ledger outlive those they are
//! about, and would lock those that every transfer touches. `related!` says which relation is meant where only the
//! other entity is named, as in a join, or from the other side. Where a row belongs to several of one table, as a
//! notification to a recipient and an actor, none is: joins name the relation, and so does the other side (`via_rel`).
//! A test compares all of it with the tables (`tests/it/entities.rs`).

use sea_orm::EntityTrait;

pub mod account_deletion;
pub mod account_export;
pub mod activity;
pub mod audit_entry;
pub mod backup_code;
pub mod challenge;
pub mod check_run;
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
pub mod idempotency_key;
pub mod identity;
pub mod ids;
pub mod job;
pub mod ledger_account;
pub mod ledger_delta;
pub mod ledger_entry;
pub mod ledger_transfer;
pub mod likeness;
pub mod money;
pub mod money_key;
pub mod notification;
pub mod oauth_flow;
pub mod payment;
pub mod payment_customer;
pub mod payment_dispute;
pub mod payment_event;
pub mod payment_method;
pub mod payment_proposal;
pub mod payout_method;
pub mod post;
pub mod post_like;
pub mod post_tag;
pub mod profile;
pub mod refund;
pub mod sandbox_charge;
pub mod sandbox_dispute;
pub mod sandbox_event;
pub mod sandbox_refund;
pub mod schedule;
pub mod session;
pub mod sign_in_failure;
pub mod stream;
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

/// Something that looks at entities, whatever their types.
pub trait Visitor {
    /// Looks at one.
    fn see<E: EntityTrait>(&mut self, entity: E);
}

/// The one list of entities; the test that compares them with the tables notices one that is missing.
macro_rules! entities {
    ($($name:ident)+) => {
        /// Shows every entity to a visitor.
        pub fn visit(visitor: &mut impl Visitor) {
            $(visitor.see($name::Entity);)+
        }
    };
}

entities! {
    account_deletion
    account_export
    activity
    audit_entry
    backup_code
    challenge
    check_run
    code
    comment
    comment_like
    contribution_comment
    credential
    digest_subscription
    event
    fee_line
    goal
    goal_contribution
    goal_news
    goal_withdrawal
    held_username
    idempotency_key
    identity
    job
    ledger_account
    ledger_delta
    ledger_entry
    ledger_transfer
    likeness
    money_key
    notification
    oauth_flow
    payment
    payment_customer
    payment_dispute
    payment_event
    payment_method
    payment_proposal
    payout_method
    post
    post_like
    post_tag
    profile
    refund
    sandbox_charge
    sandbox_dispute
    sandbox_event
    sandbox_refund
    schedule
    session
    sign_in_failure
    stream
    suspension
    two_factor
    user
    user_role
    wallet_adjustment
    webhook_event
    withdrawal
}

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

/// Which relation of an entity is meant where only the other entity is named.
macro_rules! related {
    ($($module:ident by $relation:ident,)+) => {
        $(impl sea_orm::Related<super::$module::Entity> for Entity {
            fn to() -> sea_orm::RelationDef {
                sea_orm::RelationTrait::def(&Relation::$relation)
            }
        })+
    };
}
pub(crate) use related;

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
