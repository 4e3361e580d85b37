//! Table `activities`: what happened to a person's account, for themselves to look at.

use sea_orm::entity::prelude::*;

use super::{ActivityId, UserId, related, stored_enum};

stored_enum! {
    /// What happened to an account.
    ActivityKind {
        /// It was made.
        Registered = "registered",
        /// Somebody signed in.
        SignedIn = "signed_in",
        /// Somebody signed in from a device that was not seen before.
        SignedInFromNewDevice = "signed_in_from_new_device",
        /// A sign-in failed: wrong password or second factor.
        SignInFailed = "sign_in_failed",
        /// Signed out.
        SignedOut = "signed_out",
        /// A session was ended from another one, or by the service.
        SessionRevoked = "session_revoked",
        /// Proved anew who they are.
        Reauthenticated = "reauthenticated",
        /// The e-mail address was proven.
        EmailVerified = "email_verified",
        /// The e-mail address was replaced.
        EmailChanged = "email_changed",
        /// The telephone number was proven.
        PhoneVerified = "phone_verified",
        /// The password was changed.
        PasswordChanged = "password_changed",
        /// A new password was asked for.
        PasswordResetRequested = "password_reset_requested",
        /// A new password was chosen by a code.
        PasswordReset = "password_reset",
        /// The second factor was switched on.
        TwoFactorEnabled = "two_factor_enabled",
        /// The second factor was switched off.
        TwoFactorDisabled = "two_factor_disabled",
        /// New backup codes were made.
        BackupCodesRegenerated = "backup_codes_regenerated",
        /// A backup code was used.
        BackupCodeUsed = "backup_code_used",
        /// An identity elsewhere was linked.
        IdentityLinked = "identity_linked",
        /// An identity elsewhere was unlinked.
        IdentityUnlinked = "identity_unlinked",
        /// The profile was completed.
        ProfileCompleted = "profile_completed",
        /// The user name was changed.
        UsernameChanged = "username_changed",
        /// The role was changed by an administrator.
        RoleChanged = "role_changed",
        /// Suspended by an administrator.
        Suspended = "suspended",
        /// Reinstated by an administrator.
        Reinstated = "reinstated",
        /// Everything held about the person was asked for.
        ExportRequested = "export_requested",
        /// The account is to be deleted.
        DeletionRequested = "deletion_requested",
        /// It is not to be deleted after all.
        DeletionCancelled = "deletion_cancelled",
        /// A bank account was added to the wallet.
        PayoutMethodAdded = "payout_method_added",
        /// A bank account was removed from the wallet.
        PayoutMethodRemoved = "payout_method_removed",
        /// Money of the wallet is to be paid out.
        WithdrawalRequested = "withdrawal_requested",
    }
}

/// A row of `activities`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "activities")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ActivityId,
    /// Whose account it happened to.
    pub user_id: UserId,
    /// What happened.
    pub kind: ActivityKind,
    /// What of it, such as a provider's name; never a secret, at most 255 characters.
    pub detail: Option<String>,
    /// The client's address.
    pub address: Option<String>,
    /// The client's `User-Agent`, cut to 255 characters.
    pub user_agent: Option<String>,
    /// When it happened.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whose account it happened to.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    User,
}

related! {
    user by User,
}

impl ActiveModelBehavior for ActiveModel {}
