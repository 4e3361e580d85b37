//! What was asked for, as it is kept beside an idempotency key: a hash over named fields, with a version in front.
//!
//! The names and the order are written out by hand where the command is and never change, whatever becomes of the names in
//! the program: a repeated call would be refused as another one. What comes new is optional and stands at the end, so that
//! calls without it keep their hash.

use std::fmt::{self, Display};

use crate::platform::crypto::{hex, sha256};

/// In front of the hash of named fields. What is stored without it is of before there were versions.
const V1: &str = "1:";

/// What was asked for.
#[derive(Clone, Default)]
pub struct Fingerprint {
    /// A line for each field: name, length and value.
    fields: String,
    /// The text whose hash was stored before there were versions.
    before: Option<String>,
}

impl Fingerprint {
    /// Of nothing yet.
    #[must_use]
    pub fn v1() -> Self {
        Self::default()
    }

    /// With a field. Its value stands behind its length, so that nothing can move from one field to the next.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Display) -> Self {
        let value = value.to_string();
        self.fields.extend([name, " ", value.len().to_string().as_str(), " ", value.as_str(), "\n"]);
        self
    }

    /// With a field that may be absent, and then leaves no trace.
    #[must_use]
    pub fn optional(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// With each value of a list, in its order.
    #[must_use]
    pub(crate) fn list(self, name: &'static str, values: impl IntoIterator<Item = impl Display>) -> Self {
        values.into_iter().fold(self, |all, value| all.field(name, value))
    }

    /// With the text that the same command was hashed as before there were versions. It is frozen: where it was the `Debug`
    /// text of a command, it is written out, with the names of that time.
    #[must_use]
    pub(crate) fn before_versions(self, text: impl Into<String>) -> Self {
        Self { before: Some(text.into()), ..self }
    }

    /// As it is stored.
    #[must_use]
    pub(crate) fn stored(&self) -> String {
        format!("{V1}{}", hex(&sha256(self.fields.as_bytes())))
    }

    /// Whether it is what was stored, in whichever version.
    #[must_use]
    pub(crate) fn is(&self, stored: &str) -> bool {
        if stored.starts_with(V1) {
            return stored == self.stored();
        }
        self.before.as_ref().is_some_and(|text| stored == hex(&sha256(text.as_bytes())))
    }

    /// What is hashed, for tests that pin it: now, and before there were versions.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> (&str, &str) {
        (&self.fields, self.before.as_deref().unwrap_or_default())
    }
}

/// Without what it is made of: secrets are among it.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Fingerprint").field(&self.stored()).finish()
    }
}

/// The name of an enum's value in Rust, as `Debug` wrote it, from the word that is stored: `cash_on_delivery` was
/// `CashOnDelivery`. Only for what was hashed before there were versions.
#[must_use]
pub(crate) fn debug_name(word: &str) -> String {
    word.split('_')
        .flat_map(|part| {
            let mut letters = part.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer() -> Fingerprint {
        Fingerprint::v1().field("recipientId", "user_1").field("amount", "7.00 USD").optional("note", Some("the rent"))
    }

    #[test]
    fn what_is_stored_never_changes() {
        let fields = "recipientId 6 user_1\namount 8 7.00 USD\nnote 8 the rent\n";
        assert_eq!(transfer().texts(), (fields, ""));
        assert_eq!(transfer().stored(), "1:49cc73c31f1d1afe3a67fe47f7c438d9cbe69ec6d8aab7127b351e95bfd8f00d");
        assert!(transfer().is("1:49cc73c31f1d1afe3a67fe47f7c438d9cbe69ec6d8aab7127b351e95bfd8f00d"));
    }

    #[test]
    fn what_was_stored_before_there_were_versions_is_known() {
        let before = hex(&sha256(b"user_1 7.00 USD the rent"));
        assert_eq!(before, "8436eb1dca7c46abdffb57009c2dc3baaaf5a8bd49862f77da1604c5f08bdfc7");
        assert!(transfer().before_versions("user_1 7.00 USD the rent").is(&before));
        assert!(!transfer().before_versions("user_1 7.01 USD the rent").is(&before));
        assert!(!transfer().is(&before));
        // The hash alone is none of the version.
        assert!(!transfer().is(transfer().stored().trim_start_matches(V1)));
    }

    #[test]
    fn fields_are_told_apart() {
        let of = |first: &str, second: &str| Fingerprint::v1().field("a", first).field("b", second).stored();
        let all = [
            of("x", "y"),
            of("x\nb 1 y", ""),
            of("", "x\nb 1 y"),
            of("xy", ""),
            Fingerprint::v1().field("b", "x").field("a", "y").stored(),
            Fingerprint::v1().list("a", ["x", "y"]).stored(),
            Fingerprint::v1().list("a", ["y", "x"]).stored(),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one), "{index}");
        }
        // What is absent leaves no trace, so that a field can be added.
        let absent = transfer().optional("later", None::<&str>).list("those", [""; 0]);
        assert_eq!(absent.stored(), transfer().stored());
    }

    #[test]
    fn secrets_are_not_shown() {
        assert!(!format!("{:?}", Fingerprint::v1().field("secret", "hush").before_versions("hush")).contains("hush"));
    }

    #[test]
    fn stored_words_give_the_names_of_before() {
        for (word, name) in [("stripe", "Stripe"), ("cash_on_delivery", "CashOnDelivery"), ("fee_back", "FeeBack")] {
            assert_eq!(debug_name(word), name);
        }
    }
}
