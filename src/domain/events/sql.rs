//! The statements about events that are SQL text, each with the reason why.

use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use super::NewEvent;
use crate::{
    app::App,
    domain::registration::DOMAINS,
    entity::event::{EventKind, StreamKind},
    platform::db::{ColumnType, CteChain, placeholders},
};

/// How far a stream has come.
#[derive(Debug, FromQueryResult)]
pub(super) struct Head {
    pub id: Uuid,
    pub seq: i64,
}

/// How far streams of a kind have come: a [`Head`] of each that has begun. Their counters stand in the rows that a domain
/// names, or in `streams`.
///
/// Text, because every process that has followers asks it some times a second.
pub(super) fn heads(kind: StreamKind, ids: &[Uuid]) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    let list = placeholders(&mut values, ids);
    let sql = match DOMAINS.iter().flat_map(|domain| domain.streams).find(|(of, _)| *of == kind) {
        Some((_, table)) => format!("SELECT id, event_seq AS seq FROM {table} WHERE id IN ({list})"),
        None => format!("SELECT id, seq FROM streams WHERE kind = '{}' AND id IN ({list})", kind.as_str()),
    };
    (sql, values)
}

/// The step of [`append_steps`] whose rows [`hint_of`](super::hint_of) reads.
pub(crate) const APPENDED: &str = "seqs";

/// Raises the counters of streams of a kind and writes an event on each, if a condition holds, as the last steps of a chain.
/// The caller gives the streams in the order of their ids, each once.
///
/// Text, as steps of a chain: that of every transfer ends with them.
#[must_use]
pub(crate) fn append_steps(
    app: &App,
    mut chain: CteChain,
    kind: StreamKind,
    events: &[(Uuid, NewEvent)],
    condition: &str,
) -> CteChain {
    let (kind, now) = (chain.value(kind.as_str()), chain.value(app.clock.now()));
    let (mut streams, mut facts) = (Vec::new(), Vec::new());
    for (id, event) in events {
        let id = chain.value(*id);
        let (fact, actor) = (chain.value(event.kind.as_str()), chain.value(event.actor_id.map(|user| user.0)));
        let subject = chain.value(event.subject_id);
        streams.push(format!("({id})"));
        facts.push(format!("({id}, {fact}, {actor}, {subject})"));
    }
    chain
        .step(
            APPENDED,
            &[("id", ColumnType::Uuid), ("seq", ColumnType::Integer)],
            format!(
                "INSERT INTO streams (kind, id, seq) SELECT {kind}, v.column1, 1 FROM (VALUES {}) v WHERE {condition} \
                 ON CONFLICT (kind, id) DO UPDATE SET seq = streams.seq + 1 RETURNING id, seq",
                streams.join(", ")
            ),
        )
        .step(
            "appended",
            &[],
            format!(
                "INSERT INTO events (stream_kind, stream_id, seq, kind, actor_id, subject_id, created_at) \
                 SELECT {kind}, s.id, s.seq, f.column2, f.column3, f.column4, {now} FROM {APPENDED} s \
                 JOIN (VALUES {}) f ON f.column1 = s.id RETURNING seq",
                facts.join(", ")
            ),
        )
}

/// Writes an event for each row that the step `rows` of a chain returned with its `event_seq`: a statement, of which actor,
/// subject and time are the placeholders.
///
/// Text, as the step of a chain: that of every like.
#[must_use]
pub(crate) fn write_step(kind: StreamKind, rows: &str, event: EventKind, [actor, subject, now]: [&str; 3]) -> String {
    format!(
        "INSERT INTO events (stream_kind, stream_id, seq, kind, actor_id, subject_id, created_at) \
         SELECT '{}', id, event_seq, '{}', {actor}, {subject}, {now} FROM {rows} WHERE 1 = 1 RETURNING seq",
        kind.as_str(),
        event.as_str()
    )
}
