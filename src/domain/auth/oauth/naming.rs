//! What a new account is called: from what the provider tells, by our own rules. Pure but for random digits.

use unicode_normalization::UnicodeNormalization;

use super::person::Person;
use crate::{
    domain::accounts::policy,
    platform::{
        ids::random_digits,
        text::{self, web_address},
    },
};

/// How many user names are tried for a new account.
const TRIES: u32 = 8;

/// What a new account is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// User names to try, one after the other; the last ones are as good as free.
    pub usernames: Vec<String>,
    pub first_name: String,
    pub last_name: String,
    /// Empty: the user name.
    pub display_name: String,
    pub avatar_url: Option<String>,
}

/// Names for a person. What breaks our rules is left out: nobody is kept from joining by how a provider writes names.
pub(super) fn names(person: &Person) -> Names {
    let line = |value: &Option<String>, max: usize| {
        let cut: String = value.as_deref().unwrap_or_default().trim().chars().take(max).collect();
        text::name("", &cut, max).unwrap_or_default()
    };
    let (first_name, last_name) = (line(&person.given_name, 50), line(&person.family_name, 50));
    let own = line(&person.name, 100);
    let display_name = if own.is_empty() { format!("{first_name} {last_name}").trim().to_owned() } else { own };
    let avatar_url = person.picture.as_deref().filter(|address| address.starts_with("https://"));
    Names {
        // The address comes last: a user name is public, an address is not.
        usernames: usernames([&person.username, &Some(display_name.clone()), &person.email]),
        avatar_url: avatar_url.and_then(|address| web_address::picture("", address).ok()),
        first_name,
        last_name,
        display_name,
    }
}

fn usernames(sources: [&Option<String>; 3]) -> Vec<String> {
    let base = sources.into_iter().flatten().map(|source| plain(source)).find(|name| name.len() >= 3);
    let base = base.unwrap_or_else(|| "member".to_owned());
    let numbered = (1..TRIES).map(|attempt| format!("{base}_{}", random_digits(3 + attempt.min(5))));
    let all = std::iter::once(base.clone()).chain(numbered);
    all.filter_map(|name| policy::username("username", &name).ok()).collect()
}

/// The letters, digits and underscores of a name, without accents, starting with a letter, at most 21.
fn plain(source: &str) -> String {
    let local = source.split('@').next().unwrap_or_default();
    let folded = local.nfkd().filter_map(|c| match c {
        c if c.is_ascii_alphanumeric() => Some(c),
        '_' | '.' | '-' | ' ' | '+' => Some('_'),
        _ => None,
    });
    let mut name = String::new();
    for c in folded.skip_while(|c| !c.is_ascii_alphabetic()) {
        if name.len() < 21 && !(c == '_' && name.ends_with('_')) {
            name.push(c);
        }
    }
    name.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(username: Option<&str>, name: Option<&str>, email: Option<&str>) -> String {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let person =
            Person { username: owned(username), name: owned(name), email: owned(email), ..Person::new("1").unwrap() };
        let names = names(&person);
        assert!(names.usernames.len() >= 7, "{names:?}");
        assert!(names.usernames.iter().all(|name| policy::username("username", name).is_ok()), "{names:?}");
        names.usernames[0].clone()
    }

    #[test]
    fn a_user_name_is_made_of_what_the_provider_tells() {
        assert_eq!(first(Some("octo-cat"), Some("Mona"), Some("m@example.org")), "octo_cat");
        assert_eq!(first(None, Some("Amína El  Sayed"), Some("m@example.org")), "Amina_El_Sayed");
        assert_eq!(first(None, Some("أمينة"), Some("amina.s+x@example.org")), "amina_s_x");
        assert_eq!(first(Some("99_problems"), None, None), "problems");
        assert_eq!(first(Some(&"a".repeat(80)), None, None), "a".repeat(21));
    }

    #[test]
    fn where_nothing_serves_a_neutral_name_does_and_reserved_ones_get_a_number() {
        assert_eq!(first(None, None, None), "member");
        assert_eq!(first(Some("أمينة"), None, Some("1@example.org")), "member");
        assert!(first(Some("admin"), None, None).starts_with("admin_"));
    }

    #[test]
    fn names_that_break_our_rules_are_left_out_or_cut() {
        let person = Person {
            name: Some("x".repeat(300)),
            given_name: Some("a\u{202E}b".to_owned()),
            picture: Some("http://127.0.0.1/me.png".to_owned()),
            ..Person::new("1").unwrap()
        };
        let names = names(&person);
        assert_eq!((names.display_name.len(), names.first_name.as_str(), names.avatar_url), (100, "", None));
    }
}
