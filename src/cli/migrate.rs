//! Bringing the database up to date, back, or telling where it stands. Nothing is lost unasked, and no money unless it is
//! said so in as many words.

use std::io::{BufRead, IsTerminal};

use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use super::Direction;
use crate::{
    app::App,
    error::{Error, Result},
    platform::db::tables::{self, Tables},
};

/// Beginnings of the names of tables that money is in.
const MONEY: &[&str] =
    &["ledger_", "money_", "payment", "payout_", "refunds", "withdrawals", "wallet_", "goal_", "goals", "fee_"];

pub(super) async fn migrate(app: &App, direction: Direction) -> Result<()> {
    let connection = app.db.migration_connection().await?;
    let done = match direction {
        Direction::Up => app.migrate_on(&connection).await,
        Direction::Down { steps, yes, destroy_data } => down(&connection, steps, yes, destroy_data).await,
        Direction::Status => Ok(()),
    };
    let told = match done {
        Ok(()) => status(&connection).await,
        Err(error) => Err(error),
    };
    connection.close().await?;
    told
}

async fn status(connection: &DatabaseConnection) -> Result<()> {
    for step in migration::Migrator::get_migration_with_status(connection).await? {
        say!("{:<10} {}", step.status().to_string().to_lowercase(), step.name());
    }
    for step in migration::standing(connection).await?.unknown {
        say!("{:<10} {step}", "unknown");
    }
    Ok(())
}

async fn down(connection: &DatabaseConnection, steps: u32, yes: bool, destroy_data: bool) -> Result<()> {
    let unknown = migration::standing(connection).await?.unknown;
    if !unknown.is_empty() {
        return Err(Error::internal(format!(
            "steps of a newer version are applied ({}): undo them by that version, then these by this one",
            unknown.join(", ")
        )));
    }
    let losses = losses(connection, steps).await?;
    if !losses.is_empty() {
        say!("Undoing {steps} step(s) destroys:");
        for loss in &losses {
            say!("  {}", loss.text);
        }
        if losses.iter().any(|loss| loss.is_money) && !destroy_data {
            return Err(Error::internal("money is among it: make a backup, then say --destroy-data"));
        }
        if !yes && !agreed()? {
            return Err(Error::internal("nothing was undone: say --yes to go on without being asked"));
        }
    }
    Ok(migration::Migrator::down(connection, Some(steps)).await?)
}

/// Asks whoever sits there; nobody does, where the input is no terminal.
fn agreed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    say!("Type yes to go on:");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

/// Something that is not there any more afterwards.
struct Loss {
    text: String,
    is_money: bool,
}

/// What the steps would take away: they are undone for a moment, and looked at, in a transaction that is rolled back.
async fn losses(connection: &DatabaseConnection, steps: u32) -> Result<Vec<Loss>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "on the connection of migrations, which nobody shares, and rolled back"
    )]
    let transaction = connection.begin().await?;
    let before = tables::read(&transaction).await?;
    let undone = migration::Migrator::down(&transaction, Some(steps)).await;
    let after = match undone {
        Ok(()) => tables::read(&transaction).await,
        Err(error) => Err(error.into()),
    };
    transaction.rollback().await?;
    Ok(compare(&before, &after?))
}

fn compare(before: &Tables, after: &Tables) -> Vec<Loss> {
    let mut losses = Vec::new();
    for (name, table) in before.iter().filter(|(_, table)| table.rows > 0) {
        let is_money = MONEY.iter().any(|beginning| name.starts_with(beginning));
        let mut lose = |what: String| losses.push(Loss { text: format!("{name}: {what}"), is_money });
        let Some(left) = after.get(name) else {
            lose(format!("the whole table, {} row(s)", table.rows));
            continue;
        };
        if left.rows < table.rows {
            lose(format!("{} of {} row(s)", table.rows - left.rows, table.rows));
        }
        let columns: Vec<_> = table.columns.difference(&left.columns).map(String::as_str).collect();
        if !columns.is_empty() {
            lose(format!("{} of {} row(s)", columns.join(", "), table.rows));
        }
    }
    losses
}
