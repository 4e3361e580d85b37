//! Text as people write it: cleaning, measuring, and a form that compares and searches alike on every database.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result, UserError, UserErrorCode};

/// Cleans a single line: trims, NFC, folds white space; refuses control characters and lengths outside `1..=max`
/// (user-perceived characters are not counted, code points are: the database's own measure).
pub fn line(field: &'static str, text: &str, max: usize) -> Result<String, UserError> {
    let cleaned: String = text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
    check(field, cleaned, max, false)
}

/// Cleans a text of several lines: trims, NFC, `\r\n` to `\n`; refuses other control characters.
pub fn block(field: &'static str, text: &str, max: usize) -> Result<String, UserError> {
    let cleaned: String = text.trim().replace("\r\n", "\n").nfc().collect();
    check(field, cleaned, max, true)
}

fn check(field: &'static str, text: String, max: usize, lines: bool) -> Result<String, UserError> {
    if text.chars().count() > max {
        return Err(UserError::input(field, UserErrorCode::TooLong).with("max", max));
    }
    if text.chars().any(|c| forbidden(c) && !(lines && matches!(c, '\n' | '\t'))) {
        return Err(UserError::input(field, UserErrorCode::InvalidCharacters));
    }
    Ok(text)
}

/// Control characters, noncharacters, and the marks that turn the direction of the text around them.
fn forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFE}' | '\u{FFFF}' | '\u{FFFD}')
}

/// Refuses an empty text.
pub fn required(field: &'static str, text: String) -> Result<String, UserError> {
    if text.is_empty() { Err(UserError::input(field, UserErrorCode::Blank)) } else { Ok(text) }
}

/// The form that is searched: compatibility-decomposed, without marks, lower case, words apart by one space. Words are
/// letters and digits only: about anything between (`example.com`, `don't`, `a_b`) the databases' own parsers differ.
#[must_use]
pub fn search_key(text: &str) -> String {
    let folded: String =
        text.nfkd().filter(|c| !is_combining_mark(*c) && *c != '\u{640}').collect::<String>().to_lowercase();
    let words = folded.unicode_words().flat_map(|word| word.split(|c: char| !c.is_alphanumeric()));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Most characters of a text that is searched for.
pub const MAX_SEARCH: usize = 100;
/// Most words of it.
pub const MAX_SEARCH_WORDS: usize = 8;

/// The words to search for, in search form; empty when there are none, BAD_REQUEST when there are too many, and when there
/// are single letters only: as beginnings of words they would match everything.
pub fn search_words(text: &str) -> Result<String> {
    if text.chars().count() > MAX_SEARCH {
        return Err(Error::bad_request(format!("A text to search for has at most {MAX_SEARCH} characters.")));
    }
    let key = search_key(text);
    let mut words: Vec<&str> = Vec::new();
    for word in key.split(' ').filter(|word| !word.is_empty()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let has_words = !words.is_empty();
    words.retain(|word| !is_single_letter(word));
    if has_words && words.is_empty() {
        return Err(Error::bad_request("A single letter can't be searched for: give two letters of a word at least."));
    }
    if words.len() > MAX_SEARCH_WORDS {
        return Err(Error::bad_request(format!("A text to search for has at most {MAX_SEARCH_WORDS} words.")));
    }
    Ok(words.join(" "))
}

/// One character, of a script whose words have several. From Thai on, Unicode has those that are written without spaces, or
/// by syllables and signs for words, in which one character may be one.
fn is_single_letter(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|letter| letter < '\u{E00}') && letters.next().is_none()
}

/// The first `max` code points, with an ellipsis where something was cut.
#[must_use]
pub fn excerpt(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(max.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// The `#tags` of a text: search form, without the sign, each once, in order, at most `max`.
#[must_use]
pub fn tags(text: &str, max: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut before = ' ';
    for (start, c) in text.char_indices() {
        if c == '#' && !before.is_alphanumeric() {
            let rest = &text[start + 1..];
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || is_combining_mark(c))).unwrap_or(rest.len());
            let tag = tag_key(&rest[..end]);
            if !tag.is_empty() && tag.chars().count() <= 50 && !found.contains(&tag) && found.len() < max {
                found.push(tag);
            }
        }
        before = c;
    }
    found
}

/// A text that is compared with stored ones: none of them holds a NUL, and PostgreSQL does not even take one.
#[must_use]
pub fn comparable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// A tag as it is stored: without the sign, folded like [`search_key`] but kept as one word.
#[must_use]
pub fn tag_key(tag: &str) -> String {
    comparable(tag)
        .trim_start_matches('#')
        .nfkd()
        .filter(|c| !is_combining_mark(*c) && *c != '\u{640}')
        .collect::<String>()
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_folds_case_accents_and_arabic_marks() {
        assert_eq!(search_key("  Café—OLÉ! "), "cafe ole");
        assert_eq!(search_key("مُحَمَّد"), search_key("محمد"));
        assert_eq!(search_key("don't, a_b: example.com 3.14 你好"), "don t a b example com 3 14 你 好");
    }

    #[test]
    fn a_single_letter_is_no_search_but_a_sign_for_a_word_is() {
        assert_eq!(search_words("the a cat").unwrap(), "the cat");
        for letter in ["a", "É!", "ض", "7", "a b"] {
            assert!(search_words(letter).is_err(), "{letter}");
        }
        assert_eq!(search_words("!").unwrap(), "");
        assert_eq!(search_words("水").unwrap(), "水");
        assert_eq!(search_words("ย").unwrap(), "ย");
    }

    #[test]
    fn tags_are_found_once_and_folded() {
        assert_eq!(tags("#Rust and #rust, a#b #فن_عربي (#Crème)", 10), ["rust", "فن_عربي", "creme"]);
        assert!(tags("no tags # here", 10).is_empty());
    }

    #[test]
    fn control_characters_and_direction_marks_are_refused() {
        for bad in ["a\u{0}b", "a\u{7}b", "a\u{202E}b"] {
            assert_eq!(block("body", bad, 10).unwrap_err().code, UserErrorCode::InvalidCharacters);
        }
        assert_eq!(block("body", "a\r\nb\tc", 10).unwrap(), "a\nb\tc");
        assert_eq!(line("name", " a \n b ", 10).unwrap(), "a b");
        assert_eq!(line("name", &"é".repeat(11), 10).unwrap_err().code, UserErrorCode::TooLong);
    }
}
