//! One mailbox is one account's, however its address is written: domains by their name in the DNS, letters composed.
//!
//! Of several accounts that have turned out to be one mailbox's, the one keeps it that proved it first, or if none has, the
//! oldest; the others stay without an address, as if it had been proven by somebody else, and sign in by their user names.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{QueryResult, Statement, Value, prelude::Uuid},
};
use unicode_normalization::UnicodeNormalization;

use crate::schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What is unique of an address, as it was when this step was written.
fn key(address: &str) -> String {
    let folded = |text: &str| text.nfc().collect::<String>().to_lowercase().nfc().collect::<String>();
    let Some((local, domain)) = address.trim().rsplit_once('@') else { return folded(address.trim()) };
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::STD3);
    format!("{}@{}", folded(local), ascii.map_or_else(|_| folded(domain), String::from))
}

async fn rows(manager: &SchemaManager<'_>, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, DbErr> {
    let statement = Statement::from_sql_and_values(manager.get_database_backend(), sql, values);
    manager.get_connection().query_all_raw(statement).await
}

async fn execute(manager: &SchemaManager<'_>, sql: &str, values: Vec<Value>) -> Result<(), DbErr> {
    let statement = Statement::from_sql_and_values(manager.get_database_backend(), sql, values);
    manager.get_connection().execute_raw(statement).await.map(drop)
}

/// Only other than ASCII letters change: what is not of one byte a letter.
async fn accounts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let sql = "SELECT user_id, email, email_key FROM credentials WHERE octet_length(email_key) <> length(email_key) \
               ORDER BY CASE WHEN email_confirmed_at IS NULL THEN 1 ELSE 0 END, email_confirmed_at, user_id";
    for row in rows(manager, sql, Vec::new()).await? {
        let (user, email, old): (Uuid, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let new = key(&email);
        if new == old {
            continue;
        }
        let give_up = "UPDATE credentials SET email_key = $2, email_confirmed_at = NULL WHERE user_id = $1";
        let without = |user: Uuid| vec![Value::from(user), format!("taken {user}").into()];
        // Whoever has the key already keeps it, unless only this one has proven it.
        let sql = "SELECT h.user_id, CASE WHEN h.email_confirmed_at IS NULL AND c.email_confirmed_at IS NOT NULL THEN 1 \
                   ELSE 0 END FROM credentials h JOIN credentials c ON c.user_id = $2 \
                   WHERE h.email_key = $1 AND h.user_id <> $2";
        if let Some(holder) = rows(manager, sql, vec![new.clone().into(), user.into()]).await?.first() {
            if holder.try_get_by_index::<i32>(1)? == 0 {
                execute(manager, give_up, without(user)).await?;
                continue;
            }
            execute(manager, give_up, without(holder.try_get_by_index(0)?)).await?;
        }
        let sql = "UPDATE credentials SET email_key = $2 WHERE user_id = $1";
        execute(manager, sql, vec![user.into(), new.into()]).await?;
    }
    Ok(())
}

async fn guests(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let sql = "SELECT DISTINCT guest_email FROM goal_contributions WHERE guest_email IS NOT NULL \
               AND octet_length(guest_email) <> length(guest_email)";
    for row in rows(manager, sql, Vec::new()).await? {
        let email: String = row.try_get_by_index(0)?;
        let sql = "UPDATE goal_contributions SET guest_key = $2 WHERE guest_email = $1";
        execute(manager, sql, vec![email.as_str().into(), key(&email).into()]).await?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        accounts(manager).await?;
        schema::run(
            manager,
            &[
                // What was sent to addresses that are counted otherwise from now on is asked for anew.
                "UPDATE codes SET ended_at = COALESCE(ended_at, created_at), \
                 link_ended_at = COALESCE(link_ended_at, created_at) WHERE octet_length(address_key) <> length(address_key)",
                "ALTER TABLE goal_contributions ADD COLUMN guest_key {key}",
                "UPDATE goal_contributions SET guest_key = lower(guest_email) WHERE guest_email IS NOT NULL",
                "CREATE INDEX goal_contributions_guest_keys ON goal_contributions (goal_id, guest_key) \
                 WHERE guest_key IS NOT NULL",
                "DROP INDEX goal_contributions_guests",
            ],
        )
        .await?;
        guests(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "CREATE INDEX goal_contributions_guests ON goal_contributions (goal_id, guest_email) \
                 WHERE guest_email IS NOT NULL",
                "DROP INDEX goal_contributions_guest_keys",
                "ALTER TABLE goal_contributions DROP COLUMN guest_key",
            ],
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn two_forms_of_one_address_have_one_key() {
        assert_eq!(key("Ü@Bücher.example"), key("u\u{308}@xn--bcher-kva.example"));
        assert_eq!(key(" A@Example.org"), "a@example.org");
    }
}
