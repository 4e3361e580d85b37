//! Telephone numbers as people write them, brought into the one form that compares and dials everywhere (E.164).

use phonenumber::{Mode, Type, country, metadata::DATABASE};

/// More than the longest number with every separator that people use.
const MAX_LENGTH: usize = 40;

/// A number as E.164 (`+201001234567`); one without a country code is read as of `country` (ISO 3166-1 alpha-2). `None`
/// for what is no number that a person could be called at, premium-rate ones included: calls and text messages to them
/// earn money for whoever runs them.
#[must_use]
pub fn e164(text: &str, country: Option<&str>) -> Option<String> {
    let text = plain(text)?;
    // The rules of the country would be applied to a number that names another one, too.
    let country = if text.starts_with('+') { None } else { Some(country?.parse::<country::Id>().ok()?) };
    let number = phonenumber::parse(country, &text).ok()?;
    let reachable = matches!(
        number.number_type(&DATABASE),
        Type::Mobile | Type::FixedLineOrMobile | Type::FixedLine | Type::PersonalNumber | Type::Voip
    );
    let has_more = number.extension().is_some() || number.carrier().is_some();
    if !reachable || has_more || !number.is_valid() {
        return None;
    }
    let formatted = number.format().mode(Mode::E164).to_string();
    // What E.164 allows, whatever the crate makes of it.
    let digits = formatted.strip_prefix('+')?;
    (digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(formatted)
}

/// Digits, with a plus in front at most: separators left out, the digits of Arabic keyboards as others. `None` when there
/// is anything else in it.
fn plain(text: &str) -> Option<String> {
    if text.len() > MAX_LENGTH * 2 {
        return None;
    }
    let mut plain = String::with_capacity(MAX_LENGTH);
    for c in text.trim().chars() {
        match c {
            '0'..='9' => plain.push(c),
            '٠'..='٩' => plain.push(char::from_digit(c as u32 - '٠' as u32, 10)?),
            '۰'..='۹' => plain.push(char::from_digit(c as u32 - '۰' as u32, 10)?),
            '+' if plain.is_empty() => plain.push(c),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{200e}' | '\u{200f}' => {}
            _ => return None,
        }
    }
    (plain.len() <= MAX_LENGTH).then_some(plain)
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
            ("tel:+201001234567", None),
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
