//! Events: facts in order, on the stream of what they are about.
//!
//! Owns `events` and `streams`. Always holds: a stream's sequence has no gaps, and its order is the order of commits,
//! because the counter is raised inside the fact's transaction and its row stays locked until the commit.
//! Streams of a kind with a row of its own keep the counter there (`posts.event_seq`); the others in `streams`.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use super::registration::{DOMAINS, Domain, Retention};
use crate::{
    app::App,
    entity::{
        UserId,
        event::{EventKind, Model, StreamKind},
    },
    error::{Error, Result},
    platform::{
        bus::{Hint, StreamKey},
        db::{Chain, ColumnType, Columns, Database, Transaction, placeholders},
    },
};

/// What events hand over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["events", "streams"],
    sweeps: &[|app| Box::pin(sweep(&app.db))],
    retentions: &[Retention { what: "events", prune: |app| Box::pin(prune(app)) }],
    ..Domain::named("events")
};

/// A fact to be written.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What kind of thing happened.
    pub kind: EventKind,
    /// Who did it.
    pub actor_id: Option<UserId>,
    /// What it happened to, beside the stream's own subject.
    pub subject_id: Option<Uuid>,
}

/// The key of a stream.
#[must_use]
pub fn stream(kind: StreamKind, id: Uuid) -> StreamKey {
    StreamKey { kind: kind.as_str(), id }
}

/// Raises the counter of a stream that has no row of its own, and writes the event. Call it last in a transaction,
/// streams in the order of their keys, so that transactions can't lock each other out.
pub async fn append_in(app: &App, tx: &Transaction, kind: StreamKind, id: Uuid, event: NewEvent) -> Result<i64> {
    let row = tx
        .row(
            "INSERT INTO streams (kind, id, seq) VALUES ($1, $2, 1) \
             ON CONFLICT (kind, id) DO UPDATE SET seq = streams.seq + 1 RETURNING seq",
            vec![kind.as_str().into(), id.into()],
        )
        .await?
        .ok_or_else(|| Error::internal("a stream gave no sequence"))?;
    let seq = Columns::new(&row).take()?;
    write_in(app, tx, kind, id, seq, event).await?;
    Ok(seq)
}

/// The same for several facts on one stream, by two statements however many they are.
pub async fn append_several_in(
    app: &App,
    tx: &Transaction,
    kind: StreamKind,
    id: Uuid,
    events: &[NewEvent],
) -> Result<()> {
    let count = i64::try_from(events.len()).map_err(Error::internal)?;
    if count == 0 {
        return Ok(());
    }
    let sql = "INSERT INTO streams (kind, id, seq) VALUES ($1, $2, $3) \
               ON CONFLICT (kind, id) DO UPDATE SET seq = streams.seq + $3 RETURNING seq";
    let row = tx.row(sql, vec![kind.as_str().into(), id.into(), count.into()]).await?;
    let reached: i64 = Columns::new(&row.ok_or_else(|| Error::internal("a stream gave no sequence"))?).take()?;
    let mut values: Vec<Value> = vec![kind.as_str().into(), id.into(), app.clock.now().into()];
    let mut rows = Vec::with_capacity(events.len());
    for (seq, event) in (reached - count + 1..=reached).zip(events) {
        let at = values.len();
        values.extend([
            seq.into(),
            event.kind.as_str().into(),
            event.actor_id.map(|user| user.0).into(),
            event.subject_id.into(),
        ]);
        rows.push(format!("($1, $2, ${}, ${}, ${}, ${}, $3)", at + 1, at + 2, at + 3, at + 4));
    }
    let sql = format!(
        "INSERT INTO events (stream_kind, stream_id, seq, kind, actor_id, subject_id, created_at) VALUES {}",
        rows.join(", ")
    );
    tx.execute(sql, values).await?;
    tx.hint(Hint::Stream(stream(kind, id), reached));
    Ok(())
}

/// The same for many streams of a kind in one round trip, where the database can; an event each. The caller gives the
/// streams in the order of their ids, each once.
pub async fn append_all_in(app: &App, tx: &Transaction, kind: StreamKind, events: &[(Uuid, NewEvent)]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let chain = append_steps(app, Chain::new(Vec::new(), APPENDED), kind, events, "1 = 1");
    hint_of(tx, kind, &tx.chain(&chain).await?)
}

/// The step of [`append_steps`] whose rows [`hint_of`] reads.
pub const APPENDED: &str = "seqs";

/// The same as the last steps of a longer chain, if a condition holds.
#[must_use]
pub fn append_steps(
    app: &App,
    mut chain: Chain,
    kind: StreamKind,
    events: &[(Uuid, NewEvent)],
    condition: &str,
) -> Chain {
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

/// Tells those who follow these streams, once it is committed.
pub fn hint_of(tx: &Transaction, kind: StreamKind, appended: &[QueryResult]) -> Result<()> {
    for row in appended {
        let mut columns = Columns::new(row);
        tx.hint(Hint::Stream(stream(kind, columns.take()?), columns.take()?));
    }
    Ok(())
}

/// Writes the event whose sequence the caller has just taken from the aggregate's own row.
pub async fn write_in(
    app: &App,
    tx: &Transaction,
    kind: StreamKind,
    id: Uuid,
    seq: i64,
    event: NewEvent,
) -> Result<()> {
    tx.execute(
        "INSERT INTO events (stream_kind, stream_id, seq, kind, actor_id, subject_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vec![
            kind.as_str().into(),
            id.into(),
            seq.into(),
            event.kind.as_str().into(),
            event.actor_id.map(|user| user.0).into(),
            event.subject_id.into(),
            app.clock.now().into(),
        ],
    )
    .await?;
    tx.hint(Hint::Stream(stream(kind, id), seq));
    Ok(())
}

/// The same as the step of a chain, for each row that the step `rows` returned with its `event_seq`: a statement, of which actor,
/// subject and time are the placeholders.
#[must_use]
pub fn write_step(kind: StreamKind, rows: &str, event: EventKind, [actor, subject, now]: [&str; 3]) -> String {
    format!(
        "INSERT INTO events (stream_kind, stream_id, seq, kind, actor_id, subject_id, created_at) \
         SELECT '{}', id, event_seq, '{}', {actor}, {subject}, {now} FROM {rows} WHERE 1 = 1 RETURNING seq",
        kind.as_str(),
        event.as_str()
    )
}

/// The counter of a kind of stream, and where it stands: in the rows that a domain names, or in `streams`.
fn counters(kind: StreamKind) -> (&'static str, String) {
    match DOMAINS.iter().flat_map(|domain| domain.streams).find(|(of, _)| *of == kind) {
        Some((_, table)) => ("event_seq", format!("{table} WHERE")),
        None => ("seq", format!("streams WHERE kind = '{}' AND", kind.as_str())),
    }
}

/// The sequence that a stream has reached; 0 when nothing ever happened.
pub async fn head(app: &App, kind: StreamKind, id: Uuid) -> Result<i64> {
    let (counter, rows) = counters(kind);
    let rows = app.db.rows(format!("SELECT {counter} FROM {rows} id = $1"), vec![id.into()]).await?;
    rows.first().map_or(Ok(0), |row| Columns::new(row).take())
}

/// The events after a sequence, oldest first, at most `limit`. A first one that does not follow `after` directly says
/// that what lay between is no longer kept.
pub async fn after(app: &App, kind: StreamKind, id: Uuid, after: i64, limit: u64) -> Result<Vec<Model>> {
    let sql = format!(
        "SELECT seq, kind, actor_id, subject_id, created_at FROM events \
         WHERE stream_kind = $1 AND stream_id = $2 AND seq > $3 ORDER BY seq LIMIT {limit}"
    );
    let rows = app.db.rows(sql, vec![kind.as_str().into(), id.into(), after.into()]).await?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            Ok(Model {
                stream_kind: kind,
                stream_id: id,
                seq: columns.take()?,
                kind: columns.take()?,
                actor_id: columns.take()?,
                subject_id: columns.take()?,
                created_at: columns.take()?,
            })
        })
        .collect()
}

/// Looks how far every stream that is followed here has come, and says so on the bus: what a lost hint would have said.
pub async fn sweep(db: &Database) -> Result<()> {
    let mut followed: HashMap<&'static str, Vec<Uuid>> = HashMap::new();
    for (key, _) in db.bus().followed() {
        followed.entry(key.kind).or_default().push(key.id);
    }
    for (kind, ids) in followed {
        let Some((counter, rows)) = StreamKind::parse(kind).map(counters) else { continue };
        for ids in ids.chunks(512) {
            let mut values = Vec::new();
            let list = placeholders(&mut values, ids);
            for row in db.rows(format!("SELECT id, {counter} FROM {rows} id IN ({list})"), values).await? {
                let mut columns = Columns::new(&row);
                let id = columns.take()?;
                db.bus().deliver(Hint::Stream(StreamKey { kind, id }, columns.take()?));
            }
        }
    }
    Ok(())
}

/// Forgets a stream whose subject is gone.
pub async fn erase_in(tx: &Transaction, kind: StreamKind, id: Uuid) -> Result<()> {
    let values = || vec![kind.as_str().into(), id.into()];
    tx.execute("DELETE FROM events WHERE stream_kind = $1 AND stream_id = $2", values()).await?;
    tx.execute("DELETE FROM streams WHERE kind = $1 AND id = $2", values()).await.map(drop)
}

/// Deletes what is older than the retention, a batch at a time; gives how many went.
pub async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("events", "created_at", app.clock.now() - app.config.event_retention).await
}
