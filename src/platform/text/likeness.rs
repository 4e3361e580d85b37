//! Names that look alike, by the rules of Unicode's UTS #39.

use unicode_script::{Script, ScriptExtension, UnicodeScript};
use unicode_security::{MixedScript, skeleton};

/// What a user name looks like: two names with the same likeness can be taken for each other, whatever their case.
#[must_use]
pub(crate) fn username_likeness(name: &str) -> String {
    // Capitals look like other letters than their small ones do: I like l, and not like i. So first as it is written.
    let folded = skeleton(name).collect::<String>().to_lowercase();
    skeleton(&folded).collect::<String>().to_lowercase()
}

/// What a display name looks like. Other than with user names, `rn` is not taken for `m`: both are in many people's names.
#[must_use]
pub(crate) fn likeness(name: &str) -> String {
    let words =
        name.split_whitespace().map(|word| word.split('m').map(username_likeness).collect::<Vec<_>>().join("m"));
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a word of a text mixes letters of scripts that are not written together, such as Latin and Cyrillic.
#[must_use]
pub(crate) fn is_mixed(text: &str) -> bool {
    !text.is_ascii() && text.split(|c: char| !c.is_alphanumeric()).any(|word| !is_of_one_script(word))
}

/// "Highly restrictive" of UTS #39, 5.2: one script; or Latin beside those of Chinese, Japanese or Korean.
fn is_of_one_script(word: &str) -> bool {
    if word.is_single_script() {
        return true;
    }
    let others: String = word.chars().filter(|c| c.script() != Script::Latin).collect();
    let set = others.as_str().resolve_script_set();
    let is_all =
        set.base == ScriptExtension::from(Script::Common) || set.base == ScriptExtension::from(Script::Inherited);
    !is_all && (set.hanb || set.jpan || set.kore)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_that_can_be_taken_for_each_other_look_alike() {
        for (one, other) in [
            ("alice", "aIice"),
            ("alice", "a1ice"),
            ("Amina", "amina"),
            ("amina", "arnina"),
            ("bob0", "bobO"),
            ("paypal", "paypaI"),
        ] {
            assert_eq!(username_likeness(one), username_likeness(other), "{one} {other}");
        }
        for (one, other) in [("amina", "amira"), ("user_1", "user_2"), ("alice", "alicia"), ("ali", "a_li")] {
            assert_ne!(username_likeness(one), username_likeness(other), "{one} {other}");
        }
    }

    #[test]
    fn display_names_look_alike_across_scripts_and_honest_ones_do_not() {
        for (one, other) in [("Acme", "Асme"), ("Ali Baba", "AIi Baba"), ("Olga", "0lga")] {
            assert_eq!(likeness(one), likeness(other), "{one} {other}");
        }
        for (one, other) in [("Tom", "Torn"), ("Ahmed", "Ahmad"), ("أحمد", "احمد علي")] {
            assert_ne!(likeness(one), likeness(other), "{one} {other}");
        }
    }
}
