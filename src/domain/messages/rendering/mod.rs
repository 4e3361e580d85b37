//! Renders a message: its template filled in, in one layout for text and one for HTML.
//!
//! Always holds: only the program's own words are templates. What a person chose, such as their name, is a value in
//! them: it is never read as a template, and in HTML every character of it is escaped. At an address that is not proven
//! there are no such values (`Message::values`).

use std::{collections::BTreeMap, sync::LazyLock};

use minijinja::{AutoEscape, Environment, Value};

use super::{
    Channel, Message,
    template_text::{self, TemplateText},
};
use crate::{
    catalogue::Text,
    error::{Error, Locale, Result},
    platform::{providers::outgoing_message::OutgoingMessage, text},
};

const HTML: &str = "mail.html";

/// Most characters of a value; addresses of links are left whole.
const LONGEST: usize = 500;

static ENGLISH: LazyLock<Environment<'static>> = LazyLock::new(|| templates(Locale::English));
static ARABIC: LazyLock<Environment<'static>> = LazyLock::new(|| templates(Locale::Arabic));

fn templates(locale: Locale) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|name| if name == HTML { AutoEscape::Html } else { AutoEscape::None });
    let layout = (HTML, include_str!("../../../../locales/mail.html"));
    for (name, template) in template_text::parts(locale).into_iter().chain([layout]) {
        // The test of every template would see it; what does not need it still leaves.
        if let Err(error) = environment.add_template(name, template) {
            tracing::error!(%error, name, "a template of e-mails is broken");
        }
    }
    environment
}

fn templates_of(locale: Locale) -> &'static Environment<'static> {
    match locale {
        Locale::English => &ENGLISH,
        Locale::Arabic => &ARABIC,
    }
}

/// A message rendered in its receiver's language.
pub(super) fn compose(message: &Message, service: &str) -> Result<OutgoingMessage> {
    let locale = Locale::parse(&message.locale);
    let template_text = TemplateText::of(message.template, locale);
    let told = message.values();
    let values = Values::of(&told, locale, service);
    let subject = one_line(&values.fill(template_text.subject)?);
    let code = told.get("code").map(|code| one_line(code)).filter(|code| !code.is_empty());
    let link = told.get("link").copied().filter(|link| is_address(link));
    if message.channel == Channel::Sms {
        let said = if template_text.sms.is_empty() {
            format!("{service}: {subject}")
        } else {
            values.fill(template_text.sms)?
        };
        let lines = [Some(said), code, link.map(str::to_owned), Some(template_text.sms_ending.to_owned())];
        let text = lines.into_iter().flatten().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        return Ok(OutgoingMessage { to: message.to.clone(), subject, text, html: None, unsubscribe: None });
    }
    let unsubscribe = told.get("unsubscribe").copied().filter(|link| is_address(link));
    let mut paragraphs = Vec::new();
    for &paragraph in &template_text.paragraphs {
        paragraphs.push(values.fill(paragraph)?);
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    let first = if paragraphs.is_empty() { String::new() } else { paragraphs.remove(0) };
    let greeting = values.part("greeting.txt")?;
    let footer = values.part("footer.txt")?;
    let unsubscribe_action = Text::Unsubscribe.in_language(locale);
    let items: Vec<String> = told.get("items").map_or_else(Vec::new, |items| {
        items.lines().map(one_line).filter(|item| !item.is_empty()).map(|item| text::excerpt(&item, LONGEST)).collect()
    });

    let mut blocks = vec![greeting.clone(), first.clone()];
    if !items.is_empty() {
        blocks.push(items.iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n"));
    }
    blocks.extend(code.clone());
    blocks.extend(link.map(str::to_owned));
    blocks.extend(paragraphs.iter().cloned());
    blocks.extend(unsubscribe.map(|link| format!("{unsubscribe_action}:\n{link}")));
    blocks.push(format!("-- \n{footer}"));
    blocks.retain(|block| !block.is_empty());

    let html = templates_of(locale).get_template(HTML).and_then(|template| {
        template.render(Value::from_pairs([
            ("language", Value::from(locale.as_str())),
            ("direction", Value::from(locale.direction())),
            ("subject", Value::from(subject.as_str())),
            ("service", Value::from(service)),
            ("greeting", Value::from(greeting)),
            ("first", Value::from(first)),
            ("items", Value::from_iter(items)),
            ("code", Value::from(code)),
            ("link", Value::from(link)),
            ("action", Value::from(template_text.action)),
            ("paragraphs", Value::from_iter(paragraphs)),
            ("footer", Value::from(footer)),
            ("unsubscribe", Value::from(unsubscribe)),
            ("unsubscribe_action", Value::from(&*unsubscribe_action)),
        ]))
    });
    Ok(OutgoingMessage {
        to: message.to.clone(),
        subject,
        text: blocks.join("\n\n"),
        html: Some(html.map_err(Error::internal)?),
        unsubscribe: unsubscribe.map(str::to_owned),
    })
}

/// What the words are filled with, and the templates of their language.
struct Values {
    values: Value,
    templates: &'static Environment<'static>,
}

impl Values {
    fn of(told: &BTreeMap<&str, &str>, locale: Locale, service: &str) -> Self {
        let mut values: BTreeMap<&str, String> = BTreeMap::new();
        for (&name, value) in told {
            let value = text::excerpt(&one_line(value), LONGEST);
            if value.is_empty() || (name == "name" && looks_like_an_address(&value)) {
                continue;
            }
            values.insert(name, isolated(value, locale));
        }
        values.insert("service", isolated(service.to_owned(), locale));
        Self { values: Value::from_pairs(values), templates: templates_of(locale) }
    }

    /// Fills in words of ours; what is missing is left out.
    fn fill(&self, template_text: &'static str) -> Result<String> {
        let filled = self.templates.render_named_str("words.txt", template_text, self.values.clone());
        Ok(filled.map_err(Error::internal)?.trim().to_owned())
    }

    /// Fills in what stands in every message.
    fn part(&self, name: &str) -> Result<String> {
        let filled = self.templates.get_template(name).and_then(|part| part.render(self.values.clone()));
        Ok(filled.map_err(Error::internal)?.trim().to_owned())
    }
}

/// On one line, without control characters and marks that turn the direction of what is around them.
fn one_line(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_control() || is_turning(c) { ' ' } else { c }).collect::<String>();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_turning(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// In Arabic a value may run the other way: it must not pull the words around it along (Unicode's FSI and PDI).
fn isolated(value: String, locale: Locale) -> String {
    match locale {
        Locale::English => value,
        Locale::Arabic => format!("\u{2068}{value}\u{2069}"),
    }
}

/// Whether a program that shows the message might make a link of it. Whoever registers somebody else's address would
/// have us send them to a place of their choice otherwise; such a name is left out.
fn looks_like_an_address(name: &str) -> bool {
    let characters: Vec<char> = name.chars().collect();
    name.contains("//")
        || name.contains('@')
        || characters
            .windows(3)
            .any(|three| three[1] == '.' && three[0].is_alphanumeric() && three[2].is_alphanumeric())
}

/// Whether it is a link: nothing but a web address on one line is made a button of.
fn is_address(link: &str) -> bool {
    (link.starts_with("https://") || link.starts_with("http://"))
        && !link.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests;
