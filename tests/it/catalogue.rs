//! The message catalogue: every language has every message and fills in every parameter, no message is there that nobody asks
//! for, and no text for people stands in the code.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use agora::{
    catalogue::{self, Locale, Text},
    error::{Reason, State, UserErrorCode},
};
use fluent_bundle::FluentArgs;

use crate::architecture::sources;

/// What a language does not fill in: English words, and figures beside them, where it says something more general.
const LEFT_OUT: &[(Locale, &str, &[&str])] = &[
    (Locale::Arabic, "answer-too-large", &["limit"]),
    (Locale::Arabic, "done-but-answer-too-large", &["limit"]),
    (Locale::Arabic, "error-invalid-id", &["expected"]),
    (Locale::Arabic, "operation-not-trusted", &["document"]),
    (Locale::Arabic, "over-limit", &["what", "limit", "requested"]),
];

/// Where letters of Arabic are not texts: demo data, the rules of texts, and names that nobody may have.
const NOT_TEXTS: &[&str] = &["demo/", "platform/text", "domain/accounts/policy.rs"];

const NONE: &[&str] = &[];

/// Every message that can be asked for: how the code calls it, its name, its parameters.
fn messages() -> Vec<(String, &'static str, &'static [&'static str])> {
    let texts = Text::ALL.iter().map(|(name, id, parameters)| (format!("Text::{name}"), *id, *parameters));
    let codes =
        UserErrorCode::ALL.iter().map(|code| (format!("UserErrorCode::{code:?}"), code.id(), code.parameters()));
    let reasons = Reason::ALL.iter().map(|reason| (format!("Reason::{reason:?}"), reason.id(), NONE));
    let states = State::ALL.iter().map(|state| (format!("State::{state:?}"), state.id(), NONE));
    texts.chain(codes).chain(reasons).chain(states).collect()
}

/// The names of the messages in a language's files.
fn written(locale: Locale) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(locale.as_str());
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "ftl"));
    let text = files.map(|path| std::fs::read_to_string(path).unwrap()).collect::<Vec<_>>().join("\n");
    let names = text.lines().filter_map(|line| Some(line.split_once(" =")?.0));
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    names.filter(is_name).map(str::to_owned).collect()
}

/// The sources, by their path below `src`.
fn code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let read = |file: &PathBuf| {
        let path = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        (path, std::fs::read_to_string(file).unwrap())
    };
    files.iter().map(read).collect()
}

#[test]
fn every_language_has_every_message_and_none_that_nobody_can_ask_for() {
    let messages = messages();
    let asked: BTreeSet<_> = messages.iter().map(|(_, id, _)| (*id).to_owned()).collect();
    assert_eq!(asked.len(), messages.len(), "two messages have one name");
    for locale in Locale::ALL {
        assert_eq!(written(*locale), asked, "{locale:?}");
    }
}

#[test]
fn every_language_fills_in_every_parameter() {
    for locale in Locale::ALL {
        for (_, id, parameters) in messages() {
            let arguments: FluentArgs<'_> = parameters.iter().map(|name| (*name, format!("<{name}>"))).collect();
            let text = catalogue::message(*locale, id, &arguments);
            assert!(!text.contains("{$") && text != id && text == text.trim(), "{locale:?}: {id}: {text}");
            let is_left_out = |name: &str| {
                LEFT_OUT.iter().any(|(left, message, names)| left == locale && *message == id && names.contains(&name))
            };
            for name in parameters {
                let is_said = text.contains(&format!("<{name}>"));
                assert_eq!(is_said, !is_left_out(name), "{locale:?}: {id}: {name}: {text}");
            }
        }
    }
}

#[test]
fn every_message_is_asked_for() {
    let code: String = code().into_iter().filter(|(path, _)| path != "catalogue.rs").map(|(_, text)| text).collect();
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let is_asked = |call: &str| code.match_indices(call).any(|(at, _)| is_end(&code[at + call.len()..]));
    let unasked: Vec<_> = messages().into_iter().map(|(call, ..)| call).filter(|call| !is_asked(call)).collect();
    assert!(unasked.is_empty(), "nobody asks for {unasked:?}");
}

#[test]
fn no_text_for_people_stands_in_the_code() {
    let is_arabic = |line: &str| line.chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c));
    let mut found = Vec::new();
    for (path, text) in code() {
        if NOT_TEXTS.iter().any(|place| path.starts_with(place)) || path.ends_with("tests.rs") {
            continue;
        }
        let tested = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
        found.extend(text[..tested].lines().filter(|line| is_arabic(line)).map(|line| format!("{path}: {line}")));
    }
    assert!(found.is_empty(), "these belong into locales:\n{}", found.join("\n"));
}
