//! Table `users`: a person as others may see them. What only they may see is in `credentials`.

use sea_orm::entity::prelude::*;

use super::{UserId, stored_enum};

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
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// As the person writes it, 3 to 30 characters.
    pub username: String,
    /// Lower case: what is unique and searched.
    #[sea_orm(unique)]
    pub username_key: String,
    /// At most 50 characters, may be empty.
    pub first_name: String,
    /// At most 50 characters, may be empty.
    pub last_name: String,
    /// What others see; at most 100 characters.
    pub display_name: String,
    /// Address of a picture.
    pub avatar_url: Option<String>,
    /// At most 500 characters, may be empty.
    pub bio: String,
    /// What they mainly do here.
    pub kind: UserKind,
    /// Language of messages to them: `en` or `ar`.
    pub locale: String,
    /// Search form of user name and names.
    pub search_key: String,
    /// Posts that are not deleted.
    pub post_count: i64,
    /// Last change of the user name.
    pub username_changed_at: Option<DateTimeUtc>,
    /// Joined.
    pub created_at: DateTimeUtc,
    /// Last change of the profile.
    pub updated_at: DateTimeUtc,

    /// How they prove who they are.
    #[sea_orm(has_one, relation_enum = "Credential")]
    pub credential: HasOne<super::credential::Entity>,
    /// What only they see of their profile.
    #[sea_orm(has_one, relation_enum = "Profile")]
    pub profile: HasOne<super::profile::Entity>,
    /// What they may do beyond their own affairs.
    #[sea_orm(has_one, relation_enum = "Role")]
    pub role: HasOne<super::user_role::Entity>,
    /// Why they may not sign in, if they may not.
    #[sea_orm(has_one, relation_enum = "Suspension")]
    pub suspension: HasOne<super::suspension::Entity>,
    /// When they leave, if they want to.
    #[sea_orm(has_one, relation_enum = "Deletion")]
    pub deletion: HasOne<super::account_deletion::Entity>,
    /// What their names look like.
    #[sea_orm(has_one, relation_enum = "Likeness")]
    pub likeness: HasOne<super::likeness::Entity>,
    /// Their authenticator app.
    #[sea_orm(has_one, relation_enum = "TwoFactor")]
    pub two_factor: HasOne<super::two_factor::Entity>,
    /// Whether they want to be told by e-mail.
    #[sea_orm(has_one, relation_enum = "DigestSubscription")]
    pub digest_subscription: HasOne<super::digest_subscription::Entity>,
    /// Their codes on paper.
    #[sea_orm(has_many, relation_enum = "BackupCodes")]
    pub backup_codes: HasMany<super::backup_code::Entity>,
    /// Their sign-ins that wait for a second proof.
    #[sea_orm(has_many, relation_enum = "Challenges")]
    pub challenges: HasMany<super::challenge::Entity>,
    /// Their accounts elsewhere.
    #[sea_orm(has_many, relation_enum = "Identities")]
    pub identities: HasMany<super::identity::Entity>,
    /// Identities that they are about to link.
    #[sea_orm(has_many, relation_enum = "OauthFlows")]
    pub oauth_flows: HasMany<super::oauth_flow::Entity>,
    /// Their sign-ins.
    #[sea_orm(has_many, relation_enum = "Sessions")]
    pub sessions: HasMany<super::session::Entity>,
    /// Their former user names.
    #[sea_orm(has_many, relation_enum = "HeldUsernames")]
    pub held_usernames: HasMany<super::held_username::Entity>,
    /// What happened to their account.
    #[sea_orm(has_many, relation_enum = "Activities")]
    pub activities: HasMany<super::activity::Entity>,
    /// What was gathered for them to take along.
    #[sea_orm(has_many, relation_enum = "Exports")]
    pub exports: HasMany<super::account_export::Entity>,
    /// Keys that they sent.
    #[sea_orm(has_many, relation_enum = "IdempotencyKeys")]
    pub idempotency_keys: HasMany<super::idempotency_key::Entity>,
    /// What they were told.
    #[sea_orm(has_many, relation_enum = "Notifications", via_rel = "Recipient")]
    pub notifications: HasMany<super::notification::Entity>,
    /// What they published.
    #[sea_orm(has_many, relation_enum = "Posts")]
    pub posts: HasMany<super::post::Entity>,
    /// The posts that they like.
    #[sea_orm(has_many, relation_enum = "PostLikes")]
    pub post_likes: HasMany<super::post_like::Entity>,
    /// Their comments.
    #[sea_orm(has_many, relation_enum = "Comments")]
    pub comments: HasMany<super::comment::Entity>,
    /// The comments that they like.
    #[sea_orm(has_many, relation_enum = "CommentLikes")]
    pub comment_likes: HasMany<super::comment_like::Entity>,
    /// What they raise for.
    #[sea_orm(has_many, relation_enum = "Goals")]
    pub goals: HasMany<super::goal::Entity>,
    /// What they gave to goals.
    #[sea_orm(has_many, relation_enum = "Contributions")]
    pub contributions: HasMany<super::goal_contribution::Entity>,
    /// Their comments on what was given.
    #[sea_orm(has_many, relation_enum = "ContributionComments")]
    pub contribution_comments: HasMany<super::contribution_comment::Entity>,
    /// What they paid.
    #[sea_orm(has_many, relation_enum = "Payments")]
    pub payments: HasMany<super::payment::Entity>,
    /// Their ways to pay.
    #[sea_orm(has_many, relation_enum = "PaymentMethods")]
    pub payment_methods: HasMany<super::payment_method::Entity>,
    /// What providers call them.
    #[sea_orm(has_many, relation_enum = "PaymentCustomers")]
    pub payment_customers: HasMany<super::payment_customer::Entity>,
    /// Where their money goes.
    #[sea_orm(has_many, relation_enum = "PayoutMethods")]
    pub payout_methods: HasMany<super::payout_method::Entity>,
    /// Their money on its way to a bank.
    #[sea_orm(has_many, relation_enum = "Withdrawals")]
    pub withdrawals: HasMany<super::withdrawal::Entity>,
    /// Corrections of their wallets.
    #[sea_orm(has_many, relation_enum = "WalletAdjustments")]
    pub wallet_adjustments: HasMany<super::wallet_adjustment::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
