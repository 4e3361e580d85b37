//! Statements about payments that stay text, each with why.

use sea_orm::{DbErr, FromQueryResult};

use super::queries::LISTED;
use crate::{app::App, entity::PaymentId, error::Result, platform::db::placeholders};

/// The rows of a table that belong to payments, oldest first, of each payment the newest [`LISTED`] by their `time`.
///
/// Text, because the first rows of each group are read by LATERAL, or by what SQLite has instead.
pub(super) async fn newest_of_each<R: FromQueryResult>(
    app: &App,
    table: &str,
    time: &str,
    ids: &[PaymentId],
) -> Result<Vec<R>> {
    let mut values = Vec::new();
    let list = placeholders(&mut values, ids);
    let newest = format!("r.{time} DESC, r.id DESC");
    let from = app.db.first_of_each("payments p", table, "r", "r.payment_id = p.id", &newest, LISTED);
    let sql = format!("SELECT r.* FROM {from} WHERE p.id IN ({list}) ORDER BY r.{time}, r.id");
    let rows = app.db.rows(sql, values).await?;
    Ok(rows.iter().map(|row| R::from_query_result(row, "")).collect::<Result<_, DbErr>>()?)
}
