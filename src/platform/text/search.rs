//! The form of a text that is searched, and its tags: folded here, so that every database finds the same.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

use super::{comparable, invisible::is_ignorable};
use crate::error::{Error, Result};

/// Letters as people search for them: without marks and case, and one for those that are written for one another.
fn folded(text: &str) -> String {
    // Small letters are made first and decomposed again: of İ, a mark is left.
    let small = text.nfkd().collect::<String>().to_lowercase();
    let letters = small.nfkd().filter(|c| !is_combining_mark(*c) && *c != '\u{640}' && !is_ignorable(*c));
    letters.fold(String::with_capacity(text.len()), |mut folded, c| {
        match c {
            'ß' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            'ı' => folded.push('i'),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            // Alef with a hamza or madda has lost it as a mark; this one is a letter of its own.
            'ٱ' => folded.push('ا'),
            'ة' | 'ہ' | 'ھ' => folded.push('ه'),
            'ى' | 'ی' => folded.push('ي'),
            'ک' => folded.push('ك'),
            '٠'..='٩' => folded.extend(char::from_digit(u32::from(c) - u32::from('٠'), 10)),
            '۰'..='۹' => folded.extend(char::from_digit(u32::from(c) - u32::from('۰'), 10)),
            c => folded.push(c),
        }
        folded
    })
}

/// The form that is searched: folded, words apart by one space. Words are letters and digits only: about anything between
/// (`example.com`, `don't`, `a_b`) the databases' own parsers differ.
#[must_use]
pub(crate) fn search_key(text: &str) -> String {
    // Where a line may be broken, a word may end.
    let folded = folded(&text.replace('\u{200B}', " "));
    let words = folded.unicode_words().flat_map(|word| word.split(|c: char| !c.is_alphanumeric()));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Most characters of a text that is searched for.
pub(crate) const MAX_SEARCH: usize = 100;
/// Most words of it.
pub(crate) const MAX_SEARCH_WORDS: usize = 8;

/// The words to search for, in search form; empty when there are none, BAD_REQUEST when there are too many, and when there
/// are single letters only: as beginnings of words they would match everything.
pub(crate) fn search_words(text: &str) -> Result<String> {
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

/// Signs before a tag: on many keyboards the wide one is nearer.
const SIGNS: [char; 3] = ['#', '\u{FF03}', '\u{FE5F}'];

/// The `#tags` of a text: search form, without the sign, each once, in order, at most `max`.
#[must_use]
pub(crate) fn tags(text: &str, max: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut before, mut taken) = (' ', 0);
    for (start, c) in text.char_indices() {
        if start >= taken && SIGNS.contains(&c) && !before.is_alphanumeric() {
            let rest = &text[start + c.len_utf8()..];
            let written = &rest[..length(rest)];
            taken = start + c.len_utf8() + written.len();
            let tag = tag_key(written);
            if !tag.is_empty() && tag.chars().count() <= 50 && !found.contains(&tag) && found.len() < max {
                found.push(tag);
            }
        }
        before = c;
    }
    found
}

/// How many bytes at the beginning of a text are a tag: letters, digits and underscores with what belongs to them, and
/// behind them the signs of `C++` and `C#`, where the word ends there.
fn length(text: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || is_combining_mark(c) || is_ignorable(c);
    let word = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    let rest = &text[word..];
    let signs = ["++", "#", "\u{FF03}"].into_iter().find(|signs| rest.starts_with(signs)).map_or(0, str::len);
    let goes_on = rest[signs..].starts_with(|c: char| is_part(c) || c == '+' || SIGNS.contains(&c));
    let is_word = text[..word].chars().any(char::is_alphanumeric);
    if is_word && signs > 0 && !goes_on { word + signs } else { word }
}

/// A tag as it is stored: without the sign, folded like [`search_key`] but kept as one word.
#[must_use]
pub(crate) fn tag_key(tag: &str) -> String {
    folded(comparable(tag).trim().trim_start_matches(SIGNS))
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
    fn what_is_written_for_one_another_is_found_alike() {
        for (one, other) in [
            ("Straße STRASSE", "strasse strasse"),
            ("ΟΔΟΣ οδός", "οδοσ οδοσ"),
            ("مدرسة مكتبة", "مدرسه مكتبه"),
            ("على مستشفى", "علي مستشفي"),
            ("أحمد إبراهيم آمنة ٱلله", "احمد ابراهيم امنه الله"),
            ("مسؤول شيء قائمة", "مسوول شيء قايمه"),
            ("عـــربي", "عربي"),
            ("می\u{200C}خواهم", "ميخواهم"),
            ("کتاب", "كتاب"),
            ("١٢٣ ۱۲۳ １２３", "123 123 123"),
            ("İstanbul ISPARTA ılık", "istanbul isparta ilik"),
            ("Łódź Ærø naïve", "lodz aero naive"),
            ("co\u{AD}op", "coop"),
        ] {
            assert_eq!(search_key(one), other, "{one}");
            assert_eq!(search_key(other), other, "once is enough: {other}");
        }
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
    fn tags_are_what_people_write() {
        for (text, expected) in [
            ("＃日本 ﹟wide", vec!["日本", "wide"]),
            ("#می\u{200C}خواهم #میخواهم", vec!["ميخواهم"]),
            ("#C++ #c# #F#. #c++, #C", vec!["c++", "c#", "f#", "c"]),
            ("#a#b #a+b #a++b #c+ #+ ## #++", vec!["a", "c"]),
            ("#مدرسة #مدرسه", vec!["مدرسه"]),
            ("#Straße #STRASSE", vec!["strasse"]),
            ("\u{200B}#a\u{200B} x", vec!["a"]),
        ] {
            assert_eq!(tags(text, 10), expected, "{text}");
        }
        for (asked, stored) in [("#C++", "c++"), ("C#", "c#"), ("＃日本", "日本"), (" #a ", "a")] {
            assert_eq!(tag_key(asked), stored);
        }
    }
}
