//! Telephone numbers as people write or paste them, brought into the one form that compares and dials everywhere (E.164).

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType, Region};

use super::digits;

/// More than the longest number with every separator that people use.
const MAX_LENGTH: usize = 40;
/// What stands before a number that is a link (RFC 3966).
const SCHEME: &str = "tel:";

/// A number as E.164 (`+201001234567`); one without a country code is read as of `country` (ISO 3166-1 alpha-2). `None`
/// for what is no number that a person could be called at, premium-rate ones included: calls and text messages to them
/// earn money for whoever runs them.
#[must_use]
pub fn e164(text: &str, country: Option<&str>) -> Option<String> {
    let text = plain(text)?;
    // The rules of the country would be applied to a number that names another one, too.
    let region = if text.starts_with('+') { None } else { Some(Region::try_from(country?).ok()?) };
    let number = PHONE_NUMBER_UTIL.parse(&text, region).ok()?;
    let reachable = matches!(
        number.get_type(),
        PhoneNumberType::Mobile
            | PhoneNumberType::FixedLineOrMobile
            | PhoneNumberType::FixedLine
            | PhoneNumberType::PersonalNumber
            | PhoneNumberType::VoIP
    );
    if !reachable || !number.is_valid() {
        return None;
    }
    let formatted = number.format_as(PhoneNumberFormat::E164).into_owned();
    // What E.164 allows, whatever the crate makes of it.
    let digits = formatted.strip_prefix('+')?;
    (digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(formatted)
}

/// Digits, with a plus in front at most: separators and what can't be seen left out, digits of other scripts as ours. A zero
/// in brackets, `+44 (0) 20 …`, stays: where it is not dialled from abroad, the numbering plan says so. `None` when there is
/// anything else in it; an extension, too: no text message reaches one.
fn plain(text: &str) -> Option<String> {
    let text = text.trim_matches(is_left_out);
    let has_scheme = text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME));
    let text = if has_scheme { &text[SCHEME.len()..] } else { text };
    if text.len() > MAX_LENGTH * 4 {
        return None;
    }
    let mut plain = String::with_capacity(MAX_LENGTH);
    for c in text.chars() {
        match digits::ascii(c) {
            digit @ '0'..='9' => plain.push(digit),
            '+' | '\u{FF0B}' | '\u{FE62}' if plain.is_empty() => plain.push('+'),
            c if is_left_out(c) => {}
            _ => return None,
        }
    }
    (plain.len() <= MAX_LENGTH).then_some(plain)
}

/// Separators, as they are typed and as programs set them, and marks that show nothing: what is copied from a contact or a
/// page in Arabic or Hebrew is often wrapped in marks of direction.
fn is_left_out(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | '(' | ')' | '/' | '[' | ']')
        || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{30FC}' | '\u{FF0D}'..='\u{FF0F}')
        || matches!(c, '\u{FF08}' | '\u{FF09}' | '\u{FF3B}' | '\u{FF3D}')
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, country, number) in [
            ("+201001234567", None, "+201001234567"),
            (" +20 100 123-4567 ", Some("US"), "+201001234567"),
            ("0100 123 4567", Some("EG"), "+201001234567"),
            ("٠١٠٠١٢٣٤٥٦٧", Some("EG"), "+201001234567"),
            ("(415) 555-2671", Some("US"), "+14155552671"),
            ("+44 (20) 7946 0958", None, "+442079460958"),
            ("00 20 100 123 4567", Some("EG"), "+201001234567"),
            // A zero that is the number's own, and one that only the country itself dials.
            ("+39 06 6982 1234", None, "+390669821234"),
            ("06 6982 1234", Some("IT"), "+390669821234"),
            ("+39 (0)6 6982 1234", None, "+390669821234"),
            ("+225 07 12 34 56 78", None, "+2250712345678"),
            ("07 12 34 56 78", Some("CI"), "+2250712345678"),
            ("+242 06 123 4567", None, "+242061234567"),
            ("+378 0549 886377", None, "+3780549886377"),
            ("+44 (0)20 7946 0958", None, "+442079460958"),
            ("+49 (0) 30 123456", None, "+4930123456"),
            ("+33 (0) 6 12 34 56 78", None, "+33612345678"),
            ("+41 (0)44 668 18 00", None, "+41446681800"),
            // As it is pasted.
            ("tel:+201001234567", None, "+201001234567"),
            ("TEL: 0100-123-4567", Some("EG"), "+201001234567"),
            ("\u{202A}+20 100 123 4567\u{202C}", None, "+201001234567"),
            ("\u{200E}+20\u{A0}100\u{202F}123\u{2011}4567\u{200F}", None, "+201001234567"),
            ("\u{2066}tel:\u{200B}+20 1001234567\u{2069}", None, "+201001234567"),
            ("＋２０（１００）１２３－４５６７", None, "+201001234567"),
            ("+٢٠ ١٠٠ ١٢٣ ٤٥٦٧", None, "+201001234567"),
            ("+२० १०० १२३ ४५६७", None, "+201001234567"),
            ("(+20) 100/123.4567", None, "+201001234567"),
        ] {
            assert_eq!(e164(text, country).as_deref(), Some(number), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_of_a_person_is_refused() {
        for (text, country) in [
            ("", None),
            ("+", None),
            ("0100 123 4567", None),
            ("0100 123 4567", Some("XX")),
            ("+20100123456789012", None),
            ("+2010", None),
            ("+9991001234567", None),
            ("+201001234567\r\nBcc: x@y.z", None),
            ("+201001234567\n", Some("EG")),
            ("+20 100 123 4567 ext. 5", None),
            ("+20 100 123 4567 x5", None),
            ("+20 100 123 4567;ext=5", None),
            ("tel:+201001234567;ext=5", None),
            ("tel:tel:+201001234567", None),
            ("tel:", None),
            ("sip:+201001234567", None),
            ("+39 6 6982 1234", None),
            ("+20100123456a", None),
            ("++201001234567", None),
            ("112", Some("EG")),
            // Premium rate.
            ("+44 909 879 0000", None),
        ] {
            if text.ends_with('\n') {
                // White space around is no harm.
                assert!(e164(text, country).is_some());
            } else {
                assert_eq!(e164(text, country), None, "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_stops_the_program(text in "[+0-9 ()-]{0,45}", country in "[A-Z]{2}") {
            for country in [None, Some(country.as_str())] {
                if let Some(number) = e164(&text, country) {
                    prop_assert_eq!(e164(&number, None), Some(number));
                }
            }
        }

        #[test]
        fn nor_does_any_other_text(text in "\\PC{0,45}") {
            let _ = e164(&text, Some("EG"));
        }
    }
}
