//! The decimal digits of the world's scripts, as the ones that programs read.

/// The zeros of the scripts whose digits people type or paste; the nine other digits of each come behind.
const ZEROS: &[char] = &[
    '\u{660}',
    '\u{6F0}',
    '\u{7C0}',
    '\u{966}',
    '\u{9E6}',
    '\u{A66}',
    '\u{AE6}',
    '\u{B66}',
    '\u{BE6}',
    '\u{C66}',
    '\u{CE6}',
    '\u{D66}',
    '\u{DE6}',
    '\u{E50}',
    '\u{ED0}',
    '\u{F20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17E0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19D0}',
    '\u{1A80}',
    '\u{1A90}',
    '\u{1B50}',
    '\u{1BB0}',
    '\u{1C40}',
    '\u{1C50}',
    '\u{A620}',
    '\u{A8D0}',
    '\u{A900}',
    '\u{A9D0}',
    '\u{A9F0}',
    '\u{AA50}',
    '\u{ABF0}',
    '\u{FF10}',
    '\u{104A0}',
    '\u{10D30}',
    '\u{11066}',
    '\u{11136}',
    '\u{16A60}',
    '\u{16B50}',
    '\u{1E140}',
    '\u{1E950}',
];

/// A digit of any of these scripts as `0` to `9`, anything else as it is.
#[must_use]
pub(crate) fn ascii(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let value = ZEROS.iter().find_map(|zero| (c as u32).checked_sub(*zero as u32).filter(|value| *value < 10));
    value.and_then(|value| char::from_digit(value, 10)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_are_digits_and_nothing_else_is() {
        for text in
            ["٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯", "๐๑๒๓๔๕๖๗๘๙", "０１２３４５６７８９", "၀၁၂၃၄၅၆၇၈၉"]
        {
            assert_eq!(text.chars().map(ascii).collect::<String>(), "0123456789", "{text}");
        }
        for c in ['a', '½', '五', '²', '\u{65F}', '\u{66A}'] {
            assert_eq!(ascii(c), c);
        }
        assert!(ZEROS.is_sorted());
    }
}
