//! What names, addresses and passwords have to be like. Pure.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{
    entity::UserId,
    error::{Reason, UserError, UserErrorCode},
    platform::{
        passwords,
        text::{self, digits, mailbox},
    },
};

/// Fewest characters of a password.
pub(crate) const MIN_PASSWORD: usize = 10;
/// Most characters of a password: more would only cost time.
pub(crate) const MAX_PASSWORD: usize = 128;

/// Names that would mislead, or that routes and addresses may need.
const RESERVED: &[&str] = &[
    "about",
    "account",
    "accounts",
    "admin",
    "administrator",
    "agora",
    "all",
    "anonymous",
    "api",
    "app",
    "assets",
    "auth",
    "billing",
    "blog",
    "bot",
    "contact",
    "dashboard",
    "deleted",
    "everyone",
    "explore",
    "feed",
    "graphiql",
    "graphql",
    "guest",
    "health",
    "help",
    "home",
    "info",
    "legal",
    "login",
    "logout",
    "mail",
    "me",
    "moderator",
    "news",
    "nobody",
    "null",
    "official",
    "owner",
    "postmaster",
    "privacy",
    "register",
    "root",
    "search",
    "security",
    "settings",
    "shop",
    "signup",
    "staff",
    "static",
    "status",
    "store",
    "support",
    "system",
    "team",
    "terms",
    "undefined",
    "user",
    "users",
    "wallet",
    "webmaster",
    "www",
];

/// What those who run a service are called: nobody else's whole display name is made of these, or of the service's own name.
pub(super) const RESERVED_TITLES: &[&str] = &[
    "admin",
    "administrator",
    "moderator",
    "official",
    "owner",
    "root",
    "security",
    "staff",
    "support",
    "system",
    "team",
    "webmaster",
    "إدارة",
    "الإدارة",
    "دعم",
    "الدعم",
    "مشرف",
    "المشرف",
];

/// Passwords that are tried first by everybody who guesses, in lower case, of the allowed length.
const COMMON: &[&str] = &[
    "1234567890",
    "12345678910",
    "0123456789",
    "0987654321",
    "9876543210",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "qwertyuiop",
    "qwerty12345",
    "qwerty123456",
    "asdfghjkl1",
    "zxcvbnm123",
    "password12",
    "password123",
    "password1234",
    "passw0rd123",
    "p@ssw0rd123",
    "iloveyou123",
    "letmein123",
    "welcome123",
    "administrator",
    "changeme123",
    "football123",
    "baseball123",
    "superman123",
    "princess123",
    "sunshine123",
    "trustno1234",
    "abcdefghij",
    "abcd123456",
    "abc1234567",
    "a123456789",
    "123456789a",
    "1234567890a",
    "secret12345",
    "qazwsxedcrfv",
    "mypassword",
    "mypassword1",
    "monkey12345",
    "dragon12345",
    "master12345",
    "google12345",
];

/// A user name: 3 to 30 letters, digits and underscores of ASCII, starting with a letter.
pub(crate) fn username(field: &'static str, value: &str) -> Result<String, UserError> {
    let name = text::required(field, text::line(field, value, 30)?)?;
    if name.chars().count() < 3 {
        return Err(UserError::input(field, UserErrorCode::TooShort).with("min", 3));
    }
    let valid = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    if !valid {
        return Err(UserError::invalid(field, Reason::Username));
    }
    let looks = text::username_likeness(&name);
    if RESERVED.iter().any(|reserved| text::username_likeness(reserved) == looks) {
        return Err(UserError::input(field, UserErrorCode::Reserved));
    }
    Ok(name)
}

/// What of a user name is unique; of an e-mail address it is [`mailbox::key`].
pub(crate) fn key(value: &str) -> String {
    value.trim().to_lowercase()
}

/// The same for a text that somebody gave to look a person up: by user name, or where it has an @, by address.
pub(crate) fn lookup_key(value: &str) -> String {
    let value = text::comparable(value);
    if value.contains('@') { mailbox::key(&value) } else { key(&value) }
}

/// An e-mail address: the form `local@domain.tld`, at most 254 characters; whether it exists, a message will tell.
pub(crate) fn email(field: &'static str, value: &str) -> Result<String, UserError> {
    let address = text::required(field, text::line(field, value, 254)?)?;
    let invalid = || UserError::invalid(field, Reason::Email);
    let (local, domain) = address.rsplit_once('@').ok_or_else(invalid)?;
    let local_is_good = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let domain_is_good = domain.contains('.')
        && domain.nfc().all(|c| c.is_alphanumeric() || is_combining_mark(c) || c == '-' || c == '.')
        && mailbox::ascii_domain(domain).is_some();
    if local_is_good && domain_is_good { Ok(address) } else { Err(invalid()) }
}

/// What stands in place of an address that an account does not have: no address looks like this, so it is never proven,
/// and nobody signs in by it.
pub(crate) fn no_address(id: UserId) -> String {
    format!("taken {id}")
}

/// Whether a key is that of an address.
pub(super) fn is_address(email_key: &str) -> bool {
    email_key.contains('@')
}

/// What stands before the `@` of an address: nobody's password should be made of it.
pub(crate) fn local_part(email: &str) -> &str {
    email.trim().split('@').next().unwrap_or_default()
}

/// What a password is compared with others by: whatever its case, width and script of its digits.
fn folded(password: &str) -> String {
    passwords::normalised(password).to_lowercase().chars().map(digits::ascii).collect()
}

/// A new password: long enough, counted by characters as it is hashed (NIST SP 800-63B), not one that everybody tries, not
/// made of the user's own name or address.
pub(crate) fn password(field: &'static str, value: &str, own: &[&str]) -> Result<(), UserError> {
    let length = passwords::length(value);
    if length == 0 {
        return Err(UserError::input(field, UserErrorCode::Blank));
    }
    if length < MIN_PASSWORD {
        return Err(UserError::input(field, UserErrorCode::TooShort).with("min", MIN_PASSWORD));
    }
    if length > MAX_PASSWORD {
        return Err(UserError::input(field, UserErrorCode::TooLong).with("max", MAX_PASSWORD));
    }
    let folded = folded(value);
    let mut distinct: Vec<char> = folded.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let made_of_own = own.iter().any(|own| {
        let own = self::folded(own);
        own.chars().count() >= 3 && folded.replace(&own, "").chars().count() < 5
    });
    if COMMON.contains(&folded.as_str()) || distinct.len() < 4 || made_of_own {
        return Err(UserError::input(field, UserErrorCode::PasswordTooWeak));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T>(result: Result<T, UserError>) -> Option<UserErrorCode> {
        result.err().map(|error| error.code)
    }

    #[test]
    fn user_names_are_plain_and_not_reserved() {
        assert_eq!(username("username", " Amina_1 ").unwrap(), "Amina_1");
        assert_eq!(code(username("username", "")), Some(UserErrorCode::Blank));
        assert_eq!(code(username("username", "ab")), Some(UserErrorCode::TooShort));
        assert_eq!(code(username("username", &"a".repeat(31))), Some(UserErrorCode::TooLong));
        for bad in ["Admin", "Adrnin", "Officia1", "heIp"] {
            assert_eq!(code(username("username", bad)), Some(UserErrorCode::Reserved), "{bad}");
        }
        for bad in ["1abc", "a b c", "a-b-c", "аmina", "a\u{0}bc"] {
            assert!(username("username", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_have_the_form_of_addresses() {
        for good in ["a@b.co", "first.last+tag@sub.example.org", "ü@exämple.de"] {
            assert!(email("email", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "@b.co",
            "a@",
            "a b@c.de",
            "a@b..co",
            ".a@b.co",
            "a@-b.co",
            "a@b.co\nBcc: x@y.z",
            "a@xn--a.co",
            "a@b。co",
            "ａ＠b.co",
        ] {
            assert!(email("email", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn guessable_passwords_are_refused() {
        for bad in ["short", "1234567890", "Password123", "aaaaaaaaaaaa", "abababababab", "Amina_12024"] {
            assert!(password("password", bad, &["amina_1"]).is_err(), "{bad}");
        }
        assert!(password("password", "correct horse battery", &["amina_1"]).is_ok());
        assert!(password("password", "كلمة سر طويلة", &["amina_1"]).is_ok());
        // The same in other letters.
        for bad in [
            "١٢٣٤٥٦٧٨٩٠",
            "۱۲۳۴۵۶۷۸۹۰",
            "１２３４５６７８９０",
            "ｐａｓｓｗｏｒｄ１２３",
            "Password१२३",
            "ａｍｉｎａ＿１２３",
        ] {
            assert!(password("password", bad, &["amina_1"]).is_err(), "{bad}");
        }
        // Characters are counted as they are hashed.
        let marks = "e\u{301}".repeat(9);
        assert_eq!(code(password("password", &marks, &[])), Some(UserErrorCode::TooShort));
        let long: String = "é\u{323}abcdefg".repeat(16).chars().take(128).collect();
        assert_eq!(code(password("password", &long, &[])), None);
    }
}
