//! Ids: one type per table, so that a post's id can't be taken for a comment's; shown to clients as TypeIDs
//! (https://github.com/jetify-com/typeid/tree/main/spec): `post_01jc…`, the UUID in Crockford's base 32. What has no key of
//! its own but that of a person, or a code, has an id made of that: another prefix before the same bits; what only its name
//! tells from others, one made of that.

use std::{fmt, str::FromStr};

use sea_orm::DeriveValueType;
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a text is not the id that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a {expected}")]
pub struct WrongId {
    /// The prefix that was expected.
    pub expected: &'static str,
}

/// How many characters stand for the UUID.
const DIGITS: usize = 26;
/// The longest prefix that an id may have.
const LONGEST_PREFIX: usize = 32;

fn digits(id: Uuid) -> [u8; DIGITS] {
    let mut number = id.as_u128();
    let mut digits = [0; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[number as usize & 31];
        number >>= 5;
    }
    digits
}

/// `prefix_` and 26 characters.
#[must_use]
pub fn encode(prefix: &str, id: Uuid) -> String {
    let mut text = String::with_capacity(prefix.len() + 1 + DIGITS);
    text.push_str(prefix);
    text.push('_');
    text.extend(digits(id).map(char::from));
    text
}

/// Writes the same at once and without room on the heap: a page of a list has hundreds of ids.
fn write(prefix: &str, id: Uuid, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0; LONGEST_PREFIX + 1 + DIGITS];
    let (start, end) = (prefix.len() + 1, prefix.len() + 1 + DIGITS);
    text[..start - 1].copy_from_slice(prefix.as_bytes());
    text[start - 1] = b'_';
    text[start..end].copy_from_slice(&digits(id));
    formatter.write_str(str::from_utf8(&text[..end]).map_err(|_| fmt::Error)?)
}

/// The prefix and the UUID of a TypeID; `None` when it is none.
#[must_use]
pub fn decode(text: &str) -> Option<(&str, Uuid)> {
    let (prefix, suffix) = text.rsplit_once('_')?;
    // 26 characters hold 130 bits: the first may only use three of its five.
    if suffix.len() != DIGITS || suffix.as_bytes()[0] > b'7' {
        return None;
    }
    let mut number = 0_u128;
    for byte in suffix.bytes() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        number = (number << 5) | digit as u128;
    }
    Some((prefix, Uuid::from_u128(number)))
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])+ $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What its text starts with.
            pub const PREFIX: &'static str = $prefix;
        }

        const _: () = assert!($prefix.len() <= LONGEST_PREFIX);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(Self::PREFIX, self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = WrongId;

            fn from_str(text: &str) -> Result<Self, WrongId> {
                match decode(text) {
                    Some((Self::PREFIX, id)) => Ok(Self(id)),
                    _ => Err(WrongId { expected: Self::PREFIX }),
                }
            }
        }

        // The trait asks for it; the keys are never made by the database.
        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

typed_ids! {
    /// A person.
    UserId = "user";
    /// A sign-in, from login to logout.
    SessionId = "session";
    /// A post.
    PostId = "post";
    /// A comment on a post, or a reply to one.
    CommentId = "comment";
    /// A notification.
    NotificationId = "notification";
    /// A background job.
    JobId = "job";
    /// A code that was sent.
    CodeId = "code";
    /// A sign-in that waits for its second proof.
    ChallengeId = "challenge";
    /// An identity elsewhere.
    IdentityId = "identity";
    /// A sign-in under way at a provider.
    OauthFlowId = "oauthflow";
    /// An entry of a person's activity log.
    ActivityId = "activity";
    /// An entry of the audit log.
    AuditEntryId = "audit";
    /// Everything held about a person.
    AccountExportId = "export";
    /// An account of the ledger; of a wallet's, a balance.
    LedgerAccountId = "account";
    /// A person's wallet, by the person's own UUID.
    WalletId = "wallet";
    /// A person's profile, by the person's own UUID.
    ProfileId = "profile";
    /// How a person's second factor stands, by the person's own UUID.
    TwoFactorId = "twofactor";
    /// A currency, by the letters of its code: see `Currency::id`.
    CurrencyId = "currency";
    /// A way to pay that is offered, by its name: see `platform::ids::named`.
    PaymentProviderId = "paymentprovider";
    /// A provider to sign in by, by its name: see `platform::ids::named`.
    SignInProviderId = "signinprovider";
    /// A transfer of the ledger.
    TransferId = "transfer";
    /// An entry of a transfer; of a wallet's, a transaction.
    EntryId = "transaction";
    /// Where money goes when it leaves.
    PayoutMethodId = "payoutmethod";
    /// Money on its way out.
    WithdrawalId = "withdrawal";
    /// A correction of a wallet by staff.
    AdjustmentId = "adjustment";
    /// A way to pay.
    PaymentMethodId = "paymentmethod";
    /// A payment.
    PaymentId = "payment";
    /// A step of a payment.
    PaymentEventId = "paymentevent";
    /// Money that goes back to who paid.
    RefundId = "refund";
    /// A payer who takes a payment back through their bank.
    DisputeId = "dispute";
    /// Something that a provider told us.
    WebhookEventId = "webhook";
    /// A fundraising goal.
    GoalId = "goal";
    /// What somebody gave to a goal.
    ContributionId = "contribution";
    /// A comment on what somebody gave.
    ContributionCommentId = "contributioncomment";
    /// News of a goal.
    GoalNewsId = "goalnews";
    /// Money of a goal, paid out to its owner.
    GoalWithdrawalId = "goalwithdrawal";
    /// A line of a fee.
    FeeLineId = "fee";
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_specification_s_examples_hold() {
        // From the TypeID specification's valid.json.
        let uuid: Uuid = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert_eq!(encode("prefix", uuid), "prefix_01h455vb4pex5vsknk084sn02q");
        assert_eq!(decode("prefix_01h455vb4pex5vsknk084sn02q"), Some(("prefix", uuid)));
        // And its invalid.json: overflow, upper case, ambiguous letters, length.
        for bad in [
            "p_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "p_01H455VB4PEX5VSKNK084SN02Q",
            "p_ooooooiiiiiiuuuuuuulllllll",
            "p_123",
            "p_",
            "",
            "01h455vb4pex5vsknk084sn02q",
            "p_é1h455vb4pex5vsknk084sn02",
        ] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_uuid_survives_the_round_trip(number: u128) {
            let id = PostId(Uuid::from_u128(number));
            prop_assert_eq!(id.to_string(), encode("post", id.0));
            prop_assert_eq!(id.to_string().parse::<PostId>(), Ok(id));
            prop_assert_eq!(id.to_string().parse::<UserId>(), Err(WrongId { expected: "user" }));
        }
    }
}
