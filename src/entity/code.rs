//! Table `codes`: secrets that were sent to somebody, a short one and that of a link: as keyed hashes only.

use sea_orm::entity::prelude::*;

use super::{CodeId, stored_enum};

stored_enum! {
    /// What a code is good for.
    CodePurpose {
        /// Proves an e-mail address, at registration or later.
        EmailVerification = "email_verification",
        /// Proves the address that is to replace the present one.
        EmailChange = "email_change",
        /// Proves a telephone number.
        PhoneVerification = "phone_verification",
        /// Lets somebody choose a new password.
        PasswordReset = "password_reset",
        /// The second factor of a sign-in, by e-mail.
        TwoFactorEmail = "two_factor_email",
        /// The second factor of a sign-in, by text message.
        TwoFactorSms = "two_factor_sms",
        /// Proves anew who is signed in, where there is no password.
        Reauthentication = "reauthentication",
    }
}

/// A row of `codes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "codes")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CodeId,
    /// What it is good for; nothing else.
    pub purpose: CodePurpose,
    /// Whom it is for: a person's or challenge's id, or an address that has no account.
    pub subject: String,
    /// Where it was sent: an e-mail address or a number.
    pub address: String,
    /// Which mailbox or number it is, however it is written: what cool-down and daily number are counted by.
    pub address_key: String,
    /// HMAC-SHA256 over purpose, subject, address and code.
    pub hash: Vec<u8>,
    /// How often it was tried; counted before it is compared.
    pub attempts: i64,
    /// When it was sent.
    pub created_at: DateTimeUtc,
    /// The code is no good after this; its link has a time of its own.
    pub expires_at: DateTimeUtc,
    /// When it was used, replaced by a newer one, or tried too often.
    pub ended_at: Option<DateTimeUtc>,
    /// Asked for by anybody, in the name of the subject: what strangers ask for is counted apart.
    pub by_stranger: bool,
    /// HMAC-SHA256 over purpose, subject, address and the secret of the link; none where the message has no link.
    pub link_hash: Option<Vec<u8>>,
    /// The link is no good after this; always there, though the column, which was added later, does not say so.
    pub link_expires_at: Option<DateTimeUtc>,
    /// When the link was used or became void; from the beginning where there is none.
    pub link_ended_at: Option<DateTimeUtc>,
}

/// Nothing belongs to a row, and it to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
