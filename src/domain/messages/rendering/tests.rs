//! Every template in both languages, and what a name must not do to them.

use std::{collections::BTreeSet, fs, path::Path};

use super::*;
use crate::domain::messages::Template;

const LOCALES: [&str; 2] = ["en", "ar"];

/// A message with every parameter that any template knows, to an address that is proven.
fn full(channel: Channel, locale: &str, template: Template) -> Message {
    let message = match channel {
        Channel::Email => Message::email("amina@example.org", locale, template),
        Channel::Sms => Message::sms("+201001234567", locale, template),
    };
    [
        ("name", "Amina Said"),
        ("code", "123456"),
        ("link", "https://example.org/verify?code=123456&kind=email"),
        ("minutes", "10"),
        ("email", "b…@example.org"),
        ("at", "2026-01-01 12:00 UTC"),
        ("address", "192.0.2.1"),
        ("left", "9"),
        ("device", "Firefox"),
        ("provider", "GitHub"),
        ("reason", "spam"),
        ("until", "2026-02-01 12:00 UTC"),
        ("count", "2"),
        ("amount", "12.50 USD"),
        ("what", "A new roof"),
        ("reference", "payment_1"),
        ("items", "Badr likes your post\nDina replied to your comment"),
    ]
    .into_iter()
    .fold(Message { is_proven: true, ..message }, |message, (name, value)| message.with(name, value))
}

/// An e-mail with somebody's name, to an address that they have proven.
fn greeting(locale: &str, template: Template, name: &str) -> Message {
    Message { is_proven: true, ..Message::email("a@example.org", locale, template) }.with("name", name)
}

fn outgoing(message: &Message) -> OutgoingMessage {
    compose(message, "Agora").unwrap()
}

fn codes(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.len() >= 6 && line.chars().all(|c| c.is_ascii_digit())).collect()
}

#[test]
fn every_template_says_something_in_both_languages_with_its_code_and_link() {
    let mut subjects = std::collections::HashSet::new();
    for template in Template::ALL {
        for locale in LOCALES {
            let outgoing = outgoing(&full(Channel::Email, locale, *template));
            let html = outgoing.html.unwrap();
            assert!(
                subjects.insert(outgoing.subject.clone()),
                "{template:?} {locale}: said twice: {}",
                outgoing.subject
            );
            assert_eq!(codes(&outgoing.text), ["123456"], "{template:?} {locale}");
            let link = "https://example.org/verify?code=123456&kind=email";
            assert!(outgoing.text.lines().any(|line| line == link), "{template:?} {locale}: {}", outgoing.text);
            assert!(
                html.contains("href=\"https:&#x2f;&#x2f;example.org&#x2f;verify?code=123456&amp;kind=email\""),
                "{html}"
            );
            assert!(outgoing.text.contains("Amina Said") && html.contains("Amina Said"), "{template:?} {locale}");
            for broken in ["{{", "}}", "{%", "%}", "None", "none", "undefined", "  "] {
                assert!(!outgoing.text.contains(broken), "{template:?} {locale}: {broken}: {}", outgoing.text);
            }
            let arabic = outgoing.text.chars().filter(|c| ('\u{600}'..='\u{6ff}').contains(c)).count();
            assert_eq!(locale == "ar", arabic > 60, "{template:?} {locale}: {}", outgoing.text);
            assert_eq!(html.contains("<html lang=\"ar\" dir=\"rtl\">"), locale == "ar");
            assert_eq!(html.contains("<html lang=\"en\" dir=\"ltr\">"), locale == "en");
        }
    }
}

#[test]
fn a_missing_parameter_leaves_a_message_that_can_be_read() {
    for template in Template::ALL {
        for locale in LOCALES {
            for message in
                [Message::email("a@example.org", locale, *template), Message::sms("+201001234567", locale, *template)]
            {
                let outgoing = outgoing(&message);
                assert!(!outgoing.subject.is_empty() && !outgoing.text.is_empty(), "{template:?}");
                for broken in ["{", "}", "  ", " .", " ,", "\u{2068}\u{2069}", ": .", "undefined"] {
                    // A signature begins with "-- ".
                    let text = outgoing.text.replace("-- \n", "");
                    assert!(!text.contains(broken), "{template:?} {locale}: {broken:?}: {text}");
                }
            }
        }
    }
}

#[test]
fn the_values_of_every_template_arrive() {
    for (template, values) in [
        (Template::EmailChanged, &["b…@example.org"][..]),
        (Template::PasswordChanged, &["2026-01-01 12:00 UTC", "192.0.2.1"]),
        (Template::TwoFactorCode, &["10"]),
        (Template::BackupCodeUsed, &["9"]),
        (Template::NewDevice, &["Firefox", "192.0.2.1", "2026-01-01 12:00 UTC"]),
        (Template::IdentityLinked, &["GitHub"]),
        (Template::IdentityUnlinked, &["GitHub"]),
        (Template::AccountSuspended, &["spam", "2026-02-01 12:00 UTC"]),
        (Template::DeletionScheduled, &["2026-01-01 12:00 UTC"]),
        (Template::ExportReady, &["2026-01-01 12:00 UTC"]),
        (Template::Digest, &["2", "Badr likes your post", "Dina replied to your comment"]),
    ] {
        for locale in LOCALES {
            let outgoing = outgoing(&full(Channel::Email, locale, template));
            let html = outgoing.html.unwrap();
            for value in values {
                assert!(outgoing.text.contains(value) && html.contains(value), "{template:?} {locale}: {value}");
            }
        }
    }
}

#[test]
fn news_can_be_stopped_by_a_link_that_stands_whole() {
    let link = format!("https://example.org/unsubscribe/{}", "Ab-_9".repeat(120));
    for (locale, word) in [("en", "Unsubscribe"), ("ar", "إلغاء الاشتراك")] {
        let message = full(Channel::Email, locale, Template::GoalNews).with("unsubscribe", &link);
        let outgoing = outgoing(&message);
        let html = outgoing.html.unwrap();
        assert!(outgoing.text.lines().any(|line| line == link) && outgoing.text.contains(word), "{}", outgoing.text);
        assert!(html.contains(&link.replace('/', "&#x2f;")) && html.contains(word), "{html}");
        assert_eq!(outgoing.unsubscribe.as_deref(), Some(link.as_str()));
    }
    for wrong in ["javascript:alert(1)", "https://example.org/a b", "https://example.org/\r\nBcc: x@example.org", ""] {
        let message = full(Channel::Email, "en", Template::GoalNews).with("unsubscribe", wrong);
        assert_eq!(outgoing(&message).unsubscribe, None, "{wrong}");
    }
}

#[test]
fn a_text_message_is_short_and_has_its_code_on_a_line_of_its_own() {
    for template in [Template::PhoneVerification, Template::TwoFactorCode, Template::ReauthenticationCode] {
        for (locale, longest) in [("en", 160), ("ar", 140)] {
            let message = Message::sms("+201001234567", locale, template).with("code", "123456").with("minutes", 10);
            let outgoing = outgoing(&message);
            assert_eq!(codes(&outgoing.text), ["123456"]);
            assert!(outgoing.html.is_none() && outgoing.text.chars().count() <= longest, "{}", outgoing.text);
            assert!(outgoing.text.contains("10") && outgoing.text.starts_with(|c| c != ' '), "{}", outgoing.text);
        }
    }
}

#[test]
fn a_name_is_never_a_template() {
    for name in ["{{ 7 * 7 }}", "{% for x in [1,2,3] %}x{% endfor %}", "{{ code }}", "{# gone #}", "{{ service"] {
        for locale in LOCALES {
            let outgoing = outgoing(&greeting(locale, Template::PasswordReset, name).with("code", "123456"));
            assert!(outgoing.text.contains(name), "{name}: {}", outgoing.text);
            assert!(!outgoing.text.contains("49") && codes(&outgoing.text).len() == 1, "{name}: {}", outgoing.text);
            let html = outgoing.html.unwrap();
            assert_eq!(html.matches("123456").count(), 1, "{name}: {html}");
            assert!(!html.contains("49") && !html.contains("xxx"), "{name}: {html}");
        }
    }
}

#[test]
fn an_address_that_nobody_has_proven_is_told_nothing_that_somebody_chose() {
    let mark = "zzmark";
    let chosen = ["name", "what", "reason", "items", "email", "device", "title", "body", "whatever comes next"];
    for template in Template::ALL {
        for channel in [Channel::Email, Channel::Sms] {
            for locale in LOCALES {
                let marked = full(channel, locale, *template);
                let marked = chosen.iter().fold(marked, |message, name| message.with(name, mark));
                let outgoing = outgoing(&Message { is_proven: false, ..marked });
                let html = outgoing.html.unwrap_or_default();
                let said = [outgoing.subject.as_str(), outgoing.text.as_str(), html.as_str()];
                assert!(said.iter().all(|text| !text.contains(mark)), "{template:?} {locale}: {said:?}");
                // What is ours is said there, too.
                assert!(
                    channel == Channel::Sms || codes(&outgoing.text) == ["123456"],
                    "{template:?} {locale}: {said:?}"
                );
            }
        }
    }
}

#[test]
fn nothing_that_a_person_chose_is_html() {
    let attack = "<img src=x onerror=alert(1)>\"'</p><script>alert(1)</script>&amp;";
    for template in Template::ALL {
        for parameter in ["name", "device", "reason", "provider", "address", "items", "code", "email", "at", "until"] {
            for locale in LOCALES {
                let message = full(Channel::Email, locale, *template).with(parameter, attack);
                let html = outgoing(&message).html.unwrap();
                for tag in ["<img", "<script", "onerror=alert(1)>", "</p><"] {
                    let harmless = outgoing(&full(Channel::Email, locale, *template)).html.unwrap();
                    assert_eq!(
                        html.matches(tag).count(),
                        harmless.matches(tag).count(),
                        "{template:?} {parameter}: {html}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_link_is_a_web_address_or_nothing() {
    for bad in
        ["javascript:alert(1)", "https://a.example\" onclick=\"x", "https://a.example\nBcc: x", "data:text/html,x", ""]
    {
        let outgoing = outgoing(&Message::email("a@example.org", "en", Template::ExportReady).with("link", bad));
        assert!(!outgoing.html.unwrap().contains("<a "), "{bad}");
    }
}

#[test]
fn lines_and_turning_marks_in_a_value_stay_within_it() {
    let name = "Amina\r\nBcc: victim\u{202e}\u{2068}\n\n999999\n\u{2028}";
    for locale in LOCALES {
        let outgoing = outgoing(&greeting(locale, Template::TwoFactorCode, name).with("code", "123456"));
        assert_eq!(codes(&outgoing.text), ["123456"], "{}", outgoing.text);
        assert!(!outgoing.text.contains('\r') && !outgoing.text.contains('\u{202e}'));
        assert!(!outgoing.text.lines().any(|line| line.starts_with("Bcc")), "{}", outgoing.text);
        assert!(!outgoing.subject.contains(char::is_control));
    }
}

#[test]
fn a_name_that_would_become_a_link_is_left_out() {
    for name in ["You won http://evil.example", "www.evil.example", "evil.example", "me@evil.example", "//evil"] {
        let outgoing = outgoing(&greeting("en", Template::EmailVerification, name));
        assert!(outgoing.text.starts_with("Hello,\n"), "{}", outgoing.text);
        assert!(!outgoing.html.unwrap().contains("evil"), "{name}");
    }
    for name in ["Amina S.", "Dr. Amina", "St. John", "أ. أمينة"] {
        let outgoing = outgoing(&greeting("en", Template::EmailVerification, name));
        assert!(outgoing.text.starts_with(&format!("Hello {name},\n")), "{}", outgoing.text);
    }
}

/// The names of the files in a folder of a language's.
fn files(locale: Locale, folder: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(locale.as_str()).join(folder);
    let paths = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// What a template asks for: parameters, and what it includes.
fn asked_for(template: &str) -> BTreeSet<&str> {
    let starts = ["{{ ", "{% if ", "{% include \""];
    let asked = starts.into_iter().flat_map(|start| template.split(start).skip(1));
    asked.map(|rest| rest.split([' ', '"']).next().unwrap()).collect()
}

#[test]
fn every_language_has_every_file_and_none_is_left_over() {
    let [messages, parts] = [template_text::FILES, &template_text::parts(Locale::English).map(|(name, _)| name)[..]]
        .map(|names| names.iter().copied().map(str::to_owned).collect::<BTreeSet<_>>());
    for locale in Locale::ALL {
        assert_eq!(files(*locale, "mail"), messages, "{locale:?}");
        assert_eq!(files(*locale, "mail/parts"), parts, "{locale:?}");
        let included = ["greeting.txt", "footer.txt"].into_iter().chain(Template::ALL.iter().flat_map(|template| {
            TemplateText::of(*template, *locale)
                .paragraphs
                .into_iter()
                .flat_map(asked_for)
                .filter(|name| name.contains('.'))
        }));
        assert_eq!(included.map(str::to_owned).collect::<BTreeSet<_>>(), parts, "{locale:?}");
    }
}

#[test]
fn a_message_asks_for_the_same_in_every_language() {
    for template in Template::ALL {
        let [english, arabic] = [Locale::English, Locale::Arabic].map(|locale| TemplateText::of(*template, locale));
        assert!(!english.subject.is_empty() && !arabic.subject.is_empty(), "{template:?}");
        assert_eq!(english.paragraphs.len(), arabic.paragraphs.len(), "{template:?}");
        let fixed = |template_text: &TemplateText| {
            [template_text.subject, template_text.action, template_text.sms, template_text.sms_ending]
        };
        let [english_lines, arabic_lines] = [&english, &arabic].map(|template_text| {
            fixed(template_text).into_iter().chain(template_text.paragraphs.iter().copied()).collect::<Vec<_>>()
        });
        for (english, arabic) in english_lines.into_iter().zip(arabic_lines) {
            assert_eq!(english.is_empty(), arabic.is_empty(), "{template:?}: {english} {arabic}");
            assert_eq!(asked_for(english), asked_for(arabic), "{template:?}");
        }
    }
    for ((name, english), (_, arabic)) in
        template_text::parts(Locale::English).into_iter().zip(template_text::parts(Locale::Arabic))
    {
        assert_eq!(asked_for(english), asked_for(arabic), "{name}");
    }
}
