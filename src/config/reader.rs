//! Reads typed settings out of texts.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use super::{Rate, VARIABLES};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Reads settings and gathers what is wrong with them.
pub(super) struct Reader {
    pub values: BTreeMap<String, String>,
    pub problems: Vec<String>,
}

impl Reader {
    pub(crate) fn is_empty(&self, name: &str) -> bool {
        self.values.get(name).is_none_or(|value| value.trim().is_empty())
    }

    pub(crate) fn text(&self, name: &str) -> String {
        match self.values.get(name).map(|value| value.trim()) {
            Some(value) if !value.is_empty() => value.to_owned(),
            _ => VARIABLES.iter().find(|v| v.name == name).map(|v| v.default.to_owned()).unwrap_or_default(),
        }
    }

    // The value itself is never part of a message: it may be a secret.
    pub(crate) fn problem(&mut self, name: &str, expected: &str) {
        self.problems.push(format!("{name}: {expected}"));
    }

    pub(crate) fn parse<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let parsed = self.text(name).parse().ok();
        if parsed.is_none() {
            self.problem(name, &format!("expected {expected}"));
        }
        parsed
    }

    pub(crate) fn optional<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        if self.text(name).is_empty() { None } else { self.parse(name, expected) }
    }

    pub(crate) fn number<T: FromStr + PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        name: &str,
        low: T,
        high: T,
    ) -> T {
        match self.text(name).parse::<T>() {
            Ok(number) if number >= low && number <= high => number,
            _ => {
                self.problem(name, &format!("expected a whole number from {low} to {high}"));
                low
            }
        }
    }

    pub(crate) fn seconds(&mut self, name: &str) -> Duration {
        Duration::from_secs(self.number(name, 1, DAY))
    }

    pub(crate) fn days(&mut self, name: &str, low: u64, high: u64) -> Duration {
        Duration::from_secs(DAY * self.number(name, low, high))
    }

    /// A number of days; `None` for 0, which stands for ever.
    pub(crate) fn retention(&mut self, name: &str) -> Option<Duration> {
        Some(self.days(name, 0, 36_500)).filter(|time| !time.is_zero())
    }

    pub(crate) fn flag(&mut self, name: &str, default: &str) -> bool {
        let text = self.text(name);
        match if text.is_empty() { default } else { &text } {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                self.problem(name, "expected true or false");
                false
            }
        }
    }

    pub(crate) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let text = self.text(name);
        choices.iter().find(|(word, _)| *word == text).map_or_else(
            || {
                let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                self.problem(name, &format!("expected {}", words.join(" or ")));
                choices[0].1
            },
            |(_, value)| *value,
        )
    }

    pub(crate) fn rate(&mut self, name: &str) -> Rate {
        self.parse(name, "a rate such as 100/minute (second, minute or hour)")
            .unwrap_or(Rate { count: NonZeroU32::MIN, period: Duration::from_secs(60) })
    }

    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.text(name).split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// Names of files. What names none at all is a mistake: somebody meant something by it.
    pub(crate) fn files(&mut self, name: &str) -> Vec<PathBuf> {
        let files: Vec<_> = self.list(name).into_iter().map(PathBuf::from).collect();
        if files.is_empty() && !self.is_empty(name) {
            self.problem(name, "expected files");
        }
        files
    }

    /// Names of roles; `none` for an empty list, because an empty text stands for the default.
    pub(crate) fn roles(&mut self, name: &str) -> Vec<String> {
        const ROLES: &[&str] = &["seller", "support_agent", "moderator", "administrator", "owner"];
        let roles: Vec<_> = self.list(name).into_iter().filter(|role| role != "none").collect();
        if roles.iter().any(|role| !ROLES.contains(&role.as_str())) {
            self.problem(name, &format!("expected none, or a list of {}", ROLES.join(", ")));
        }
        roles
    }

    /// Names of fields of a profile that can be absent; `none` for an empty list.
    pub(crate) fn profile_fields(&mut self, name: &str) -> Vec<String> {
        const FIELDS: &[&str] =
            &["phone", "country", "state", "city", "address", "date_of_birth", "skills", "hourly_rate", "bio"];
        let fields: Vec<_> = self.list(name).into_iter().filter(|field| field != "none").collect();
        if fields.iter().any(|field| !FIELDS.contains(&field.as_str())) {
            self.problem(name, &format!("expected none, or a list of {}", FIELDS.join(", ")));
        }
        fields
    }

    pub(crate) fn parsed_list<T: FromStr>(&mut self, name: &str, expected: &str) -> Vec<T> {
        let mut parsed = Vec::new();
        for item in self.list(name) {
            match item.parse() {
                Ok(value) => parsed.push(value),
                Err(_) => self.problem(name, &format!("expected {expected}")),
            }
        }
        parsed
    }
}
