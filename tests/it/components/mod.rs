//! Tests with real services beside them, which `tests/components/run` starts; without, each says what it needs.

mod messages;
mod oauth;
mod payments;

/// What a service has said of itself, or a line on what is missing.
pub(crate) fn needs<const N: usize>(names: [&str; N]) -> Option<[String; N]> {
    let mut values = names.map(|_| String::new());
    for (value, name) in values.iter_mut().zip(names) {
        #[expect(clippy::disallowed_methods, reason = "how the runner tells")]
        match std::env::var(name) {
            Ok(given) if !given.is_empty() => *value = given,
            _ => {
                eprintln!("skipped: needs {name}");
                return None;
            }
        }
    }
    Some(values)
}
