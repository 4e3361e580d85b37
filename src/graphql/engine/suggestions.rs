//! "Did you mean": the names that are nearest to a misspelt one. For developers: a production server tells nobody more
//! of its graph than was asked.

/// How many names are suggested at most.
const SHOWN: usize = 3;
/// Longer names are not compared: nobody misspells them, but somebody may send many.
const LONGEST: usize = 60;

/// A sentence that names what was probably meant, with a space before it; empty when nothing is near.
pub(in crate::graphql) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    sentence("", name, known)
}

/// The same for the value of an enum, which may have been given as a text.
pub(in crate::graphql) fn did_you_mean_value<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    sentence("the enum value ", given, known)
}

fn sentence<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    if name.len() > LONGEST {
        return String::new();
    }
    let allowed = name.len() * 2 / 5 + 1;
    let mut near: Vec<(usize, &str)> = known
        .map(|known| (distance(&name.to_ascii_lowercase(), &known.to_ascii_lowercase()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    near.sort_unstable();
    let names: Vec<String> = near.iter().take(SHOWN).map(|(_, name)| format!("\"{name}\"")).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!(" Did you mean {what}{one}?"),
        [first @ .., last] => format!(" Did you mean {what}{} or {last}?", first.join(", ")),
    }
}

/// How many letters have to be put in, taken out, changed, or exchanged with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    rows[0] = (0..=to.len()).collect();
    for i in 1..=from.len() {
        rows[i][0] = i;
        for j in 1..=to.len() {
            let change = usize::from(from[i - 1] != to[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first() {
        let known = ["posts", "post", "payment", "users"];
        assert_eq!(did_you_mean("psot", known.into_iter()), " Did you mean \"post\" or \"posts\"?");
        assert_eq!(did_you_mean("postz", known.into_iter()), " Did you mean \"post\" or \"posts\"?");
        assert_eq!(did_you_mean("userz", known.into_iter()), " Did you mean \"users\"?");
        assert_eq!(did_you_mean_value("userz", known.into_iter()), " Did you mean the enum value \"users\"?");
        assert_eq!(did_you_mean("quite_another_thing", known.into_iter()), "");
        assert_eq!(did_you_mean(&"x".repeat(5_000), known.into_iter()), "");
    }
}
