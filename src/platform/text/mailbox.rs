//! Which mailbox an e-mail address means: however somebody writes it, one mailbox is one account's.
//!
//! - A domain has one name in the DNS, whether it is written in letters or in the ASCII form of IDNA.
//! - Composed and decomposed letters look alike and are the same (NFC); what only resembles another letter is not, because
//!   it may be another mailbox.
//! - Case does not matter: a standard lets servers tell cases apart, and none does.

use std::borrow::Cow;

use idna::AsciiDenyList;
use unicode_normalization::UnicodeNormalization;

/// What is unique of an address; of a text that is none, what is unique of a name.
#[must_use]
pub(crate) fn key(address: &str) -> String {
    let folded = |text: &str| text.nfc().collect::<String>().to_lowercase().nfc().collect::<String>();
    let address = address.trim();
    match address.rsplit_once('@') {
        Some((local, domain)) => {
            let domain = ascii_domain(domain).map_or_else(|| folded(domain), Cow::into_owned);
            format!("{}@{domain}", folded(local))
        }
        None => folded(address),
    }
}

/// The address as every mail server takes it: its domain as the DNS has it, the rest as it was written.
#[must_use]
pub(crate) fn deliverable(address: &str) -> Cow<'_, str> {
    let domain = address.rsplit_once('@').and_then(|(local, domain)| Some((local, ascii_domain(domain)?)));
    domain.map_or(Cow::Borrowed(address), |(local, domain)| Cow::Owned(format!("{local}@{domain}")))
}

/// A domain as the DNS has it (UTS #46); `None` for what can't be one.
#[must_use]
pub(crate) fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::STD3).ok()?;
    let is_label = |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    (ascii.len() <= 253 && ascii.split('.').all(is_label)).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_has_one_key_however_it_is_written() {
        for (spellings, expected) in [
            (&["amina@example.org", " Amina@Example.ORG "][..], "amina@example.org"),
            (
                &["ü@bücher.example", "u\u{308}@bu\u{308}cher.example", "Ü@BÜCHER.example", "ü@xn--bcher-kva.example"],
                "ü@xn--bcher-kva.example",
            ),
            (&["a@موقع.مثال", "A@xn--4gbrim.xn--mgbh0fb"], "a@xn--4gbrim.xn--mgbh0fb"),
            (&["Amina", "amina "], "amina"),
            // What can't be a domain is only folded.
            (&["a@XN--A.example", "a@xn--a.example"], "a@xn--a.example"),
        ] {
            for spelling in spellings {
                assert_eq!(key(spelling), expected, "{spelling}");
                assert_eq!(key(&key(spelling)), expected, "{spelling}");
            }
        }
        // Another letter is another mailbox.
        assert_ne!(key("ａ@example.org"), key("a@example.org"));
        assert_ne!(key("а@example.org"), key("a@example.org"));
        assert_ne!(key("a@straße.example"), key("a@strasse.example"));
    }

    #[test]
    fn letters_leave_for_the_domain_that_the_dns_has() {
        assert_eq!(deliverable("Ü@Bücher.example"), "Ü@xn--bcher-kva.example");
        assert_eq!(deliverable("Amina@example.org"), "Amina@example.org");
        assert_eq!(deliverable("nonsense"), "nonsense");
        for bad in ["", "a..b", "-a.example", "a-.example", "a b.example", "xn--a.example", &"a".repeat(64)] {
            assert_eq!(ascii_domain(bad), None, "{bad}");
        }
    }
}
