//! What of the pages of staff is loaded in batches.

use crate::{
    domain::{audit, auth, jobs},
    entity::{AuditEntryId, JobId, UserId, audit_entry},
    graphql::engine::loaders::loaders,
};

loaders! {
    /// What is behind people, for those who may see it.
    Overviews: UserId => auth::AccountOverview = auth::overviews;
    /// Entries of the audit log, for those who may see it.
    AuditEntriesById: AuditEntryId => audit_entry::Model = audit::by_id;
    /// Background jobs, for those who may see them.
    JobsById: JobId => jobs::JobRow = jobs::by_id;
}
