//! Table `users`: a person as others may see them. What only they may see is in `credentials`.

use sea_orm::entity::prelude::*;

use super::{UserId, related, stored_enum};

stored_enum! {
    /// What a person mainly does here.
    UserKind {
        /// Gathers, gives and buys.
        Customer = "customer",
        /// Sells what they make.
        Artist = "artist",
        /// Sells as a shop.
        Store = "store",
    }
}

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// As the person writes it, 3 to 30 characters.
    pub username: String,
    /// The user name in lower case: what is unique and searched.
    #[sea_orm(unique)]
    pub username_key: String,
    /// Given name; at most 50 characters, may be empty.
    pub first_name: String,
    /// Family name; at most 50 characters, may be empty.
    pub last_name: String,
    /// What others see; at most 100 characters.
    pub display_name: String,
    /// The address of a picture.
    pub avatar_url: Option<String>,
    /// What they say of themselves; at most 500 characters, may be empty.
    pub bio: String,
    /// What they mainly do here.
    pub kind: UserKind,
    /// Language of messages to them: `en` or `ar`.
    pub locale: String,
    /// Search form of user name and names.
    pub search_key: String,
    /// Posts of theirs that are not deleted.
    pub post_count: i64,
    /// Last change of the user name; null before the first.
    pub username_changed_at: Option<DateTimeUtc>,
    /// When they joined.
    pub created_at: DateTimeUtc,
    /// Last change of the profile.
    pub updated_at: DateTimeUtc,
}

/// What belongs to a row.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// How they prove who they are.
    #[sea_orm(has_one = "super::credential::Entity")]
    Credential,
    /// What only they see of their profile.
    #[sea_orm(has_one = "super::profile::Entity")]
    Profile,
    /// What they may do beyond their own affairs.
    #[sea_orm(has_one = "super::user_role::Entity")]
    Role,
    /// Why they may not sign in, if they may not.
    #[sea_orm(has_one = "super::suspension::Entity")]
    Suspension,
    /// When they leave, if they want to.
    #[sea_orm(has_one = "super::account_deletion::Entity")]
    Deletion,
    /// What their names look like.
    #[sea_orm(has_one = "super::likeness::Entity")]
    Likeness,
    /// Their authenticator app.
    #[sea_orm(has_one = "super::two_factor::Entity")]
    TwoFactor,
    /// Whether they want to be told by e-mail.
    #[sea_orm(has_one = "super::digest_subscription::Entity")]
    DigestSubscription,
    /// Their codes on paper.
    #[sea_orm(has_many = "super::backup_code::Entity")]
    BackupCodes,
    /// Their sign-ins that wait for a second proof.
    #[sea_orm(has_many = "super::challenge::Entity")]
    Challenges,
    /// Their accounts elsewhere.
    #[sea_orm(has_many = "super::identity::Entity")]
    Identities,
    /// Identities that they are about to link.
    #[sea_orm(has_many = "super::oauth_flow::Entity")]
    OauthFlows,
    /// Their sign-ins.
    #[sea_orm(has_many = "super::session::Entity")]
    Sessions,
    /// Their former user names.
    #[sea_orm(has_many = "super::held_username::Entity")]
    HeldUsernames,
    /// What happened to their account.
    #[sea_orm(has_many = "super::activity::Entity")]
    Activities,
    /// What was gathered for them to take along.
    #[sea_orm(has_many = "super::account_export::Entity")]
    Exports,
    /// Keys that they sent.
    #[sea_orm(has_many = "super::idempotency_key::Entity")]
    IdempotencyKeys,
    /// What they were told.
    #[sea_orm(has_many = "super::notification::Entity", via_rel = "Relation::Recipient")]
    Notifications,
    /// What they published.
    #[sea_orm(has_many = "super::post::Entity")]
    Posts,
    /// The posts that they like.
    #[sea_orm(has_many = "super::post_like::Entity")]
    PostLikes,
    /// Their comments.
    #[sea_orm(has_many = "super::comment::Entity")]
    Comments,
    /// The comments that they like.
    #[sea_orm(has_many = "super::comment_like::Entity")]
    CommentLikes,
    /// What they raise for.
    #[sea_orm(has_many = "super::goal::Entity")]
    Goals,
    /// What they gave to goals.
    #[sea_orm(has_many = "super::goal_contribution::Entity")]
    Contributions,
    /// Their comments on what was given.
    #[sea_orm(has_many = "super::contribution_comment::Entity")]
    ContributionComments,
    /// What they paid.
    #[sea_orm(has_many = "super::payment::Entity")]
    Payments,
    /// Their ways to pay.
    #[sea_orm(has_many = "super::payment_method::Entity")]
    PaymentMethods,
    /// What providers call them.
    #[sea_orm(has_many = "super::payment_customer::Entity")]
    PaymentCustomers,
    /// Where their money goes.
    #[sea_orm(has_many = "super::payout_method::Entity")]
    PayoutMethods,
    /// Their money on its way to a bank.
    #[sea_orm(has_many = "super::withdrawal::Entity")]
    Withdrawals,
    /// Corrections of their wallets.
    #[sea_orm(has_many = "super::wallet_adjustment::Entity")]
    WalletAdjustments,
}

related! {
    credential by Credential,
    profile by Profile,
    user_role by Role,
    suspension by Suspension,
    account_deletion by Deletion,
    likeness by Likeness,
    two_factor by TwoFactor,
    digest_subscription by DigestSubscription,
    backup_code by BackupCodes,
    challenge by Challenges,
    identity by Identities,
    oauth_flow by OauthFlows,
    session by Sessions,
    held_username by HeldUsernames,
    activity by Activities,
    account_export by Exports,
    idempotency_key by IdempotencyKeys,
    notification by Notifications,
    post by Posts,
    post_like by PostLikes,
    comment by Comments,
    comment_like by CommentLikes,
    goal by Goals,
    goal_contribution by Contributions,
    contribution_comment by ContributionComments,
    payment by Payments,
    payment_method by PaymentMethods,
    payment_customer by PaymentCustomers,
    payout_method by PayoutMethods,
    withdrawal by Withdrawals,
    wallet_adjustment by WalletAdjustments,
}

impl ActiveModelBehavior for ActiveModel {}
