//! What messages say: the files in `locales/<language>/mail`, one for each message, which are templates.
//!
//! A file begins with lines of the form `Subject: …`, then comes an empty line, then a paragraph per line: the first stands before
//! the code and the link, if there are any, the others after them. `{{ name }}` and the like are filled with the message's
//! parameters; one that is missing must leave a sentence that can be read. What many say stands in `parts` and is included.
//! Numbers stand after a colon, because Arabic bends the noun to them.

use super::Template;
use crate::catalogue::Locale;

/// The template of one message.
#[derive(Debug)]
pub(super) struct TemplateText {
    pub subject: &'static str,
    /// On the button that the link is made; may be empty.
    pub action: &'static str,
    /// As a text message, before the code; empty: the subject.
    pub sms: &'static str,
    /// As a text message, after the code; may be empty.
    pub sms_ending: &'static str,
    pub paragraphs: Vec<&'static str>,
}

impl TemplateText {
    /// The template of a message in a language.
    pub(super) fn of(template: Template, locale: Locale) -> Self {
        Self::read(file(template, locale))
    }

    fn read(file: &'static str) -> Self {
        let (head, body) = file.split_once("\n\n").unwrap_or((file, ""));
        let line = |name: &str| {
            let found = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.unwrap_or_default()
        };
        Self {
            subject: line("Subject"),
            action: line("Action"),
            sms: line("SMS"),
            sms_ending: line("SMS-Ending"),
            paragraphs: body.lines().filter(|line| !line.is_empty()).collect(),
        }
    }
}

/// What is included: its name, and the template in a language.
pub(super) fn parts(locale: Locale) -> [(&'static str, &'static str); 6] {
    macro_rules! parts {
        ($language:literal) => {
            [
                ("greeting.txt", include_str!(concat!("../../../locales/", $language, "/mail/parts/greeting.txt"))),
                ("footer.txt", include_str!(concat!("../../../locales/", $language, "/mail/parts/footer.txt"))),
                ("minutes.txt", include_str!(concat!("../../../locales/", $language, "/mail/parts/minutes.txt"))),
                ("good-for.txt", include_str!(concat!("../../../locales/", $language, "/mail/parts/good-for.txt"))),
                ("not-you.txt", include_str!(concat!("../../../locales/", $language, "/mail/parts/not-you.txt"))),
                ("ignore.txt", include_str!(concat!("../../../locales/", $language, "/mail/parts/ignore.txt"))),
            ]
        };
    }
    match locale {
        Locale::English => parts!("en"),
        Locale::Arabic => parts!("ar"),
    }
}

macro_rules! files {
    ($($template:ident: $name:literal,)+) => {
        /// The file of a message in a language.
        fn file(template: Template, locale: Locale) -> &'static str {
            match (template, locale) {
                $(
                    (Template::$template, Locale::English) => {
                        include_str!(concat!("../../../locales/en/mail/", $name))
                    }
                    (Template::$template, Locale::Arabic) => {
                        include_str!(concat!("../../../locales/ar/mail/", $name))
                    }
                )+
            }
        }

        /// The names of the files.
        #[cfg(test)]
        pub(super) const FILES: &[&str] = &[$($name,)+];
    };
}

files! {
    EmailVerification: "email-verification.txt",
    EmailChange: "email-change.txt",
    EmailChanged: "email-changed.txt",
    AlreadyRegistered: "already-registered.txt",
    PhoneVerification: "phone-verification.txt",
    PasswordReset: "password-reset.txt",
    PasswordChanged: "password-changed.txt",
    TwoFactorCode: "two-factor-code.txt",
    ReauthenticationCode: "reauthentication-code.txt",
    TwoFactorEnabled: "two-factor-enabled.txt",
    TwoFactorDisabled: "two-factor-disabled.txt",
    BackupCodeUsed: "backup-code-used.txt",
    NewDevice: "new-device.txt",
    IdentityLinked: "identity-linked.txt",
    IdentityUnlinked: "identity-unlinked.txt",
    AccountSuspended: "account-suspended.txt",
    AccountReinstated: "account-reinstated.txt",
    DeletionScheduled: "deletion-scheduled.txt",
    DeletionCancelled: "deletion-cancelled.txt",
    AccountDeleted: "account-deleted.txt",
    ExportReady: "export-ready.txt",
    PaymentReceipt: "payment-receipt.txt",
    RefundReceipt: "refund-receipt.txt",
    RefundCameBack: "refund-came-back.txt",
    DebtArose: "debt-arose.txt",
    PayoutMethodAdded: "payout-method-added.txt",
    WithdrawalApproved: "withdrawal-approved.txt",
    WithdrawalPaid: "withdrawal-paid.txt",
    WithdrawalFailed: "withdrawal-failed.txt",
    WithdrawalReturned: "withdrawal-returned.txt",
    WithdrawalRefused: "withdrawal-refused.txt",
    WithdrawalExpired: "withdrawal-expired.txt",
    StaffAlert: "staff-alert.txt",
    GoalNews: "goal-news.txt",
    Digest: "digest.txt",
}
