//! What the measurements are to reach: said once, here. The table in `bench/README.md` is this one, and a run that misses one of
//! them ends with an error.

use crate::Result;

/// What is measured against a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    Post,
    Feed,
    Like,
    Transfers,
    OneAccount,
    MessageCpu,
    MessageDelay,
    IdleSocket,
}

/// A goal: no more than so much of something.
struct Goal {
    aim: Aim,
    what: &'static str,
    unit: &'static str,
    most: f64,
    /// With a writer of our own in place of the general executor.
    later: Option<f64>,
}

const fn goal(aim: Aim, what: &'static str, unit: &'static str, most: f64, later: Option<f64>) -> Goal {
    Goal { aim, what, unit, most, later }
}

const GOALS: &[Goal] = &[
    goal(Aim::Post, "post by id, 32 at once: CPU", "× the floor's", 4.0, Some(2.0)),
    goal(Aim::Feed, "feed, 32 at once: CPU", "× the floor's", 2.5, Some(1.3)),
    goal(Aim::Like, "like, 32 at once: CPU", "× the floor's", 2.0, Some(1.4)),
    goal(Aim::Transfers, "transfers among all wallets: CPU", "× the floor's", 2.0, None),
    goal(Aim::OneAccount, "transfers that all touch one account: fewer a second by", "%", 20.0, None),
    goal(Aim::MessageCpu, "a message to each of 1,000 sockets, 100 events/s: CPU", "µs", 5.0, None),
    goal(Aim::MessageDelay, "the same: 99 % arrive within", "ms", 15.0, None),
    goal(Aim::IdleSocket, "an idle subscribed socket: memory", "KiB", 16.0, None),
];

/// The goals, as `bench/README.md` shows them.
#[cfg_attr(not(test), expect(dead_code, reason = "the README is compared with it"))]
pub(crate) fn table() -> String {
    let mut text =
        String::from("| | at most | with a writer of our own in place of the general executor |\n|---|--:|--:|\n");
    for Goal { what, unit, most, later, .. } in GOALS {
        let later = later.map(|later| format!("{later} {unit}")).unwrap_or_default();
        text += &format!("| {what} | {most} {unit} | {later} |\n");
    }
    text
}

/// What was reached.
#[derive(Debug, Default)]
pub(crate) struct Reached(Vec<(Aim, f64)>);

impl Reached {
    /// One more measurement; of several the worst counts.
    pub(crate) fn note(&mut self, aim: Aim, value: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == aim) {
            Some((_, worst)) => *worst = worst.max(value),
            None => self.0.push((aim, value)),
        }
    }

    /// Prints what was reached of what was measured; an error where a goal was missed, if the figures mean something.
    pub(crate) fn judge(&self, is_serious: bool) -> Result<()> {
        let measured = |goal: &Goal| self.0.iter().find(|(aim, _)| *aim == goal.aim).map(|(_, value)| *value);
        let measured: Vec<_> = GOALS.iter().filter_map(|goal| measured(goal).map(|value| (goal, value))).collect();
        if measured.is_empty() {
            return Ok(());
        }
        println!("\n| goal | at most | reached | |\n|---|--:|--:|---|");
        for (Goal { what, unit, most, .. }, value) in &measured {
            let word = if value <= most { "met" } else { "missed" };
            println!("| {what} | {most} {unit} | {value:.2} {unit} | {word} |");
        }
        let missed: Vec<_> =
            measured.iter().filter(|(goal, value)| *value > goal.most).map(|(goal, _)| goal.what).collect();
        if is_serious && !missed.is_empty() {
            return Err(format!("missed: {}", missed.join("; ")).into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_states_these_goals() {
        assert!(include_str!("../README.md").contains(&table()), "bench/README.md has to show:\n{}", table());
    }

    #[test]
    fn a_run_that_misses_a_goal_fails_unless_its_figures_mean_nothing() {
        let mut reached = Reached::default();
        assert!(reached.judge(true).is_ok());
        reached.note(Aim::Like, 1.9);
        assert!(reached.judge(true).is_ok());
        reached.note(Aim::Like, 2.1);
        reached.note(Aim::Like, 1.5);
        assert!(reached.judge(false).is_ok());
        assert!(reached.judge(true).unwrap_err().to_string().contains("like"));
    }
}
