//! Text as people write it: the one door that every text comes in by ([`line`], [`block`], [`name`]), and forms of it that
//! compare and search alike on every database.

pub(crate) mod digits;
mod invisible;
mod likeness;
pub(crate) mod mailbox;
pub mod phone;
mod search;
pub(crate) mod web_address;

use unicode_normalization::UnicodeNormalization;

pub(crate) use likeness::{is_mixed, likeness, username_likeness};
pub(crate) use search::{search_key, search_words, tag_key, tags};

use crate::error::{Reason, UserError, UserErrorCode};

/// Cleans a single line: trims, NFC, folds white space, leaves out what nobody sees; refuses control characters and lengths
/// outside `1..=max` (user-perceived characters are not counted, code points are: the database's own measure). Where
/// nothing is left that can be seen, it is empty.
pub(crate) fn line(field: &'static str, text: &str, max: usize) -> Result<String, UserError> {
    let one = text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect::<String>();
    check(field, &one, false)?;
    let tidied = invisible::tidy(&one, false);
    bounded(field, tidied.split_whitespace().collect::<Vec<_>>().join(" "), max)
}

/// Cleans a text of several lines: trims, NFC, line ends to `\n`, leaves out what nobody sees, closes marks of direction
/// that are left open; refuses other control characters. Where nothing is left that can be seen, it is empty.
pub(crate) fn block(field: &'static str, text: &str, max: usize) -> Result<String, UserError> {
    let lines = text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n");
    let lines: String = lines.trim().nfc().collect();
    check(field, &lines, true)?;
    bounded(field, invisible::tidy(&lines, true).trim().to_owned(), max)
}

/// A person's name on one line: no word of it mixes letters of different scripts, as names do that are to look like
/// somebody else's.
pub(crate) fn name(field: &'static str, text: &str, max: usize) -> Result<String, UserError> {
    let name = line(field, text, max)?;
    if is_mixed(&name) { Err(UserError::invalid(field, Reason::OneScript)) } else { Ok(name) }
}

fn bounded(field: &'static str, text: String, max: usize) -> Result<String, UserError> {
    if text.chars().count() > max {
        return Err(UserError::input(field, UserErrorCode::TooLong).with("max", max));
    }
    Ok(if text.chars().any(invisible::is_seen) { text } else { String::new() })
}

fn check(field: &'static str, text: &str, lines: bool) -> Result<(), UserError> {
    let is_bad = |c: char| forbidden(c) && !(lines && matches!(c, '\n' | '\t'));
    if text.chars().any(is_bad) { Err(UserError::input(field, UserErrorCode::InvalidCharacters)) } else { Ok(()) }
}

/// Control characters, noncharacters, and the marks that make a text read against its own direction.
fn forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202D}' | '\u{202E}' | '\u{FFFD}' | '\u{FDD0}'..='\u{FDEF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// Refuses an empty text.
pub(crate) fn required(field: &'static str, text: String) -> Result<String, UserError> {
    if text.is_empty() { Err(UserError::input(field, UserErrorCode::Blank)) } else { Ok(text) }
}

/// The first `max` code points, with an ellipsis where something was cut.
#[must_use]
pub(crate) fn excerpt(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(max.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// A text that is compared with stored ones: none of them holds a NUL, and PostgreSQL does not even take one.
#[must_use]
pub(crate) fn comparable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        block("body", text, 1000).unwrap()
    }

    #[test]
    fn control_characters_and_overrides_are_refused() {
        for bad in ["a\u{0}b", "a\u{7}b", "a\u{202E}b", "a\u{202D}b", "a\u{FDD0}b", "a\u{1FFFF}b", "a\u{FFFD}b"] {
            assert_eq!(block("body", bad, 10).unwrap_err().code, UserErrorCode::InvalidCharacters, "{bad:?}");
            assert_eq!(line("name", bad, 10).unwrap_err().code, UserErrorCode::InvalidCharacters, "{bad:?}");
        }
        assert_eq!(read("a\r\nb\tc\rd\u{2028}e"), "a\nb\tc\nd\ne");
        assert_eq!(line("name", " a \n b ", 10).unwrap(), "a b");
        assert_eq!(line("name", &"é".repeat(11), 10).unwrap_err().code, UserErrorCode::TooLong);
    }

    #[test]
    fn a_text_of_which_nothing_is_seen_is_empty() {
        for empty in [
            "\u{200B}",
            "\u{3164}",
            "\u{FFA0}\u{115F}\u{1160}",
            "\u{2800}\u{2800}",
            "\u{AD}",
            "\u{301}",
            " \u{301}\u{327} ",
            "\u{200F}\u{200E}",
            "\u{2066}\u{2069}",
            "\u{FEFF}\u{2060}\u{180E}",
            "\u{E0041}",
            "\u{FE0F}",
            "\u{200D}",
            "\u{A0}\u{3000}",
        ] {
            assert_eq!(read(empty), "", "{empty:?}");
            assert_eq!(line("name", empty, 10).unwrap(), "", "{empty:?}");
        }
    }

    #[test]
    fn what_nobody_sees_is_left_out_and_what_shapes_a_text_stays() {
        for same in [
            "می\u{200C}خواهم",
            "ක්\u{200D}ෂ",
            "ന്\u{200D}",
            "👩🏽\u{200D}🚀 ❤\u{FE0F}\u{200D}🔥 🏳\u{FE0F}\u{200D}🌈 1\u{FE0F}\u{20E3}",
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            "葛\u{E0100}城市",
            "บริษัท ที่นี่",
            "הַמֶּֽלֶךְ",
            "مُحَمَّدٌ",
            "नमस्ते",
            "Việt Nam",
            "a — b",
        ] {
            let same: String = same.nfc().collect();
            assert_eq!(read(&same), same, "{same:?}");
            assert_eq!(line("name", &same, 100).unwrap(), same, "{same:?}");
        }
        for (given, kept) in [
            ("ad\u{200B}min", "admin"),
            ("ad\u{AD}min", "admin"),
            ("ad\u{200D}min", "admin"),
            ("\u{301}a", "a"),
            ("a \u{301}b", "a b"),
            ("me\u{FE0F}\u{FE0F}", "me\u{FE0F}"),
            ("a\u{3164}b", "ab"),
            ("a\u{E0041}b", "ab"),
            ("\u{2067}a\u{2069}", "a"),
            ("\u{202B}a\u{202C}", "a"),
            ("a \u{200B} b", "a b"),
        ] {
            assert_eq!(line("name", given, 100).unwrap(), kept, "{given:?}");
        }
        let stack = format!("Z{}o", "\u{335}\u{33F}".repeat(40));
        let kept = read(&stack);
        assert!(kept.starts_with('Z') && kept.ends_with('o') && kept.chars().count() <= 2 + 6, "{kept:?}");
        assert_eq!(read(&kept), kept, "once is enough");
    }

    #[test]
    fn marks_of_direction_are_closed_where_they_are_opened() {
        for (given, kept) in [
            ("call \u{2066}+20 100\u{2069} now", "call \u{2066}+20 100\u{2069} now"),
            ("a \u{2067}b\nc", "a \u{2067}b\u{2069}\nc"),
            ("a\u{2069} b\u{202C}", "a b"),
            ("\u{2067}a \u{202B}b", "\u{2067}a \u{202B}b\u{202C}\u{2069}"),
            ("\u{2067}a\u{202C}b\u{2069}", "\u{2067}ab\u{2069}"),
        ] {
            assert_eq!(read(given), kept, "{given:?}");
        }
        let deep = read(&"\u{2067}a".repeat(100));
        assert_eq!(deep.matches('\u{2067}').count(), deep.matches('\u{2069}').count());
        assert!(deep.matches('\u{2067}').count() <= 8);
    }

    #[test]
    fn a_name_has_words_of_one_script() {
        for good in ["Ahmed أحمد", "東京タワー", "T\u{30B7}ャツ", "Ольга Müller", "O’Brien-Łaska", "김Lee", "محمد ٢"]
        {
            assert!(name("displayName", good, 100).is_ok(), "{good}");
        }
        for bad in ["Аmina", "Olivіa", "Ωmega", "раypal"] {
            assert_eq!(name("displayName", bad, 100).unwrap_err().code, UserErrorCode::Invalid, "{bad}");
        }
    }
}
