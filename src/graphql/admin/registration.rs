//! What the pages of staff hand over.

use super::{
    AuditEntry, Job,
    loaders::{AuditEntriesById, JobsById},
    users,
};
use crate::{
    entity::{AuditEntryId, JobId},
    graphql::registration::{ById, Noun},
};

/// What the pages of staff hand over.
pub(in crate::graphql) const GRAPH: Noun = Noun {
    rules: &[users::RULES],
    ids: &[
        ById::loaded::<AuditEntriesById, AuditEntry>(AuditEntryId::PREFIX),
        ById::loaded::<JobsById, Job>(JobId::PREFIX),
    ],
    texts: &[
        ("AuditChange", "after", 1_000),
        ("AuditChange", "before", 1_000),
        ("AuditEntry", "reason", 500),
        ("Job", "lastError", 1_000),
        ("LedgerAccounts", "csv", 20_000),
        ("MoneyCheck", "detail", 2_000),
        ("Suspension", "reason", 500),
    ],
    short_texts: &["AuditChange.property", "AuditEntry.action", "AuditEntry.address", "Job.kind", "LedgerLine.name"],
    lists: &[("AuditEntry", "changes", 5), ("LedgerAccounts", "lines", 50)],
    ..Noun::EMPTY
};
