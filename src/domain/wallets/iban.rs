//! Numbers of bank accounts: IBAN (ISO 13616), and those of countries that have none.

/// An IBAN without its spaces, in capitals; `None` when its form or its check digits are wrong.
pub(super) fn iban(text: &str) -> Option<String> {
    let number = compact(text);
    let bytes = number.as_bytes();
    let form = (15..=34).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit);
    if !form || remainder(bytes) != 1 {
        return None;
    }
    // Kosovo's XK is none of ISO 3166, but of the register of IBANs.
    let known = &number[..2] == "XK" || rust_iso3166::from_alpha2(&number[..2]).is_some();
    known.then_some(number)
}

/// Another number, without its spaces and dashes: 4 to 34 letters and digits; `None` otherwise.
pub(super) fn other(text: &str) -> Option<String> {
    let number = compact(text);
    ((4..=34).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(number)
}

/// Whether a number is written as an IBAN is: then its check digits have to be right, whatever it is called.
pub(super) fn looks_like_one(number: &str) -> bool {
    let bytes = number.as_bytes();
    bytes.len() >= 15 && bytes[..2].iter().all(u8::is_ascii_uppercase) && bytes[2..4].iter().all(u8::is_ascii_digit)
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_ascii_uppercase()
}

/// The number with its first four characters last and its letters as 10 to 35, modulo 97 (ISO 7064).
fn remainder(bytes: &[u8]) -> u32 {
    bytes[4..].iter().chain(&bytes[..4]).fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iban_has_right_check_digits() {
        for good in [
            "GB82 WEST 1234 5698 7654 32",
            "de89370400440532013000",
            "EG38 0019 0005 0000 0000 2631 8000 2",
            "NO93 8601 1117 947",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            assert!(iban(good).is_some(), "{good}");
        }
        for bad in [
            "GB82 WEST 1234 5698 7654 33",
            "GB28 WEST 1234 5698 7654 32",
            "XX82WEST12345698765432",
            "GB82",
            "",
            "GB82 WEST 1234 5698 7654 3٢",
        ] {
            assert_eq!(iban(bad), None, "{bad}");
        }
    }

    #[test]
    fn other_numbers_are_letters_and_digits() {
        assert_eq!(other(" 1234-5678 ").as_deref(), Some("12345678"));
        for bad in ["123", "1234_5678", "=1+1", "١٢٣٤٥٦", &"1".repeat(35)] {
            assert_eq!(other(bad), None, "{bad}");
        }
        assert!(looks_like_one("GB82WEST12345698765433") && !looks_like_one("1234567890123456"));
    }
}
