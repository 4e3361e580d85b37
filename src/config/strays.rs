//! Names in `.env` that look like settings and are none: most often they are mistyped.

use super::VARIABLES;

/// The first words of our settings; other programs have variables of the same providers.
const OURS: &[&str] = &[
    "AGORA_",
    "DATABASE_",
    "JWT_",
    "LIMIT_",
    "LOG_",
    "PASSWORD_",
    "RATE_LIMIT_",
    "SECRET_KEY",
    "SMS_",
    "TWO_FACTOR_",
    "USERNAME_",
    "WALLET_",
    "WEBSOCKET_",
    "FEE_",
];

/// What is to be said of the names in `.env`, a line each.
#[must_use]
pub(crate) fn strays() -> Vec<String> {
    let Ok(entries) = dotenvy::dotenv_iter() else { return Vec::new() };
    entries.flatten().filter_map(|(name, _)| stray(&name)).collect()
}

fn stray(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase().replace('-', "_");
    if VARIABLES.iter().any(|variable| variable.name == name) {
        return None;
    }
    let nearest = VARIABLES.iter().map(|variable| (distance(&upper, variable.name), variable.name)).min()?;
    match nearest {
        (changes, meant) if changes <= 2 && upper.len() > 4 => {
            Some(format!("{name} in .env is no setting: {meant} may be meant"))
        }
        _ if OURS.iter().any(|ours| upper.starts_with(ours)) => {
            Some(format!("{name} in .env is no setting: .env.example lists them all"))
        }
        _ => None,
    }
}

/// How many letters have to be changed, left out or put in (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_names_are_told_with_what_may_be_meant_and_those_of_others_are_not() {
        for (name, meant) in [("DATABSE_URL", "DATABASE_URL"), ("PUBLIC_ULR", "PUBLIC_URL"), ("log_level", "LOG_LEVEL")]
        {
            assert!(stray(name).is_some_and(|line| line.contains(meant)), "{name}");
        }
        assert!(stray("RATE_LIMIT_EVERYTHING").is_some());
        for fine in ["PORT", "DATABASE_URL", "PATH", "HOME", "NODE_ENV", "GOOGLE_MAPS_KEY", "AWS_PROFILE", "TERM"] {
            assert_eq!(stray(fine), None, "{fine}");
        }
    }
}
