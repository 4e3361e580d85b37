//! The queue's statements that are SQL text, each with the reason why.

use super::{ATTEMPTS, LOST, Lane};

/// The lanes in which something is due now (`$1`), each as `lane`: one look at the head of each, however many jobs there are.
///
/// Text, because every process asks it all the time.
#[must_use]
pub fn looking() -> String {
    let head = |lane: Lane| {
        let lane = lane.as_str();
        format!(
            "SELECT '{lane}' AS lane WHERE EXISTS \
             (SELECT 1 FROM jobs WHERE lane = '{lane}' AND state = 'queued' AND run_at <= $1)"
        )
    };
    Lane::all().map(head).collect::<Vec<_>>().join(" UNION ALL ")
}

/// Takes jobs, of one lane or of any, now (`$1`) and until (`$2`): their rows.
///
/// Text, because every process asks it all the time.
#[must_use]
pub fn taking(lane: Option<Lane>, limit: u64, skip_locked: &str) -> String {
    let condition = lane.map(|lane| format!("AND lane = '{}'", lane.as_str())).unwrap_or_default();
    format!(
        "UPDATE jobs SET attempts = attempts + 1, run_at = $2, begun_at = $1, \
         last_error = CASE WHEN begun_at IS NULL THEN last_error ELSE '{LOST}' END, \
         state = CASE WHEN attempts >= {ATTEMPTS} THEN 'dead' ELSE 'queued' END WHERE id IN (\
         SELECT id FROM jobs WHERE state = 'queued' AND run_at <= $1 {condition} ORDER BY run_at, id LIMIT {limit} \
         {skip_locked}) \
         RETURNING id, kind, lane, payload, state, attempts, run_at, begun_at, last_error, created_at"
    )
}

/// Queues a job for each of `rows`, which is what follows `FROM`: a statement, of which id, payload and time are the
/// placeholders. The caller hints at it.
///
/// Text, as the step of a chain: that of every like.
#[must_use]
pub(crate) fn enqueue_step(kind: &str, rows: &str, [id, payload, now]: [&str; 3]) -> String {
    format!(
        "INSERT INTO jobs (id, kind, payload, state, attempts, run_at, created_at) \
         SELECT {id}, '{kind}', {payload}, 'queued', 0, {now}, {now} FROM {rows} RETURNING id"
    )
}

/// Writes a row beside the schedules, which nobody reads.
///
/// Text, because it is run only to see whether it can be.
pub(super) const STORE: &str = "INSERT INTO schedules (name, next_run_at) VALUES ('health', $1) \
                                ON CONFLICT (name) DO UPDATE SET next_run_at = $1";
