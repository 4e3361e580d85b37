//! Open files and connections: how many descriptors this process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Left to the database, logs, messages that leave, and connections that only hear that there are too many.
const RESERVE: usize = 192;
/// More connections than one process should serve, however many descriptors there are.
const MOST: usize = 16_384;

/// Asks for as many descriptors as the operator allows at all: the usual limit (1024) is of an age when programs could
/// not have more, and is lower than what the system lets everybody have.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// How many connections the process can have beside everything else.
#[must_use]
pub(crate) fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).map_or(MOST, |limit| beside_the_rest(limit).min(MOST))
}

/// With few descriptors at least a quarter of them.
fn beside_the_rest(limit: usize) -> usize {
    limit.saturating_sub(RESERVE).max(limit / 4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_something_left_beside_the_connections() {
        assert_eq!(beside_the_rest(1024), 832);
        assert_eq!(beside_the_rest(256), 64);
        assert_eq!(beside_the_rest(0), 1);
        assert!((1..=MOST).contains(&connections()));
    }
}
