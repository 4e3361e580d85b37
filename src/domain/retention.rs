//! What is kept for a time only goes when that is over: each domain says what of its is.

use chrono::TimeDelta;

use super::registration::{DOMAINS, Domain, Schedule};
use crate::{app::App, error::Result};

/// What retention hands over.
pub(crate) const DOMAIN: Domain = Domain {
    schedules: &[Schedule { name: "prune", every: TimeDelta::hours(1), run: |app| Box::pin(prune(app)) }],
    ..Domain::named("retention")
};

/// Deletes what is past its time.
async fn prune(app: &App) -> Result<()> {
    for domain in DOMAINS {
        for retention in domain.retentions {
            let rows = (retention.prune)(app).await?;
            if rows > 0 {
                tracing::info!(what = retention.what, rows, "old rows are gone");
            }
        }
    }
    Ok(())
}
