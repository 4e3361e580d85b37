//! Some money for the people of the demo, by the ledger's own functions: the books balance from the first moment.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    app::App,
    domain::ledger::{AccountRef, NewTransfer, Origin, post_in},
    entity::{Currency, UserId, ledger_transfer::TransferKind, payment::ProviderKind, user},
    error::{Error, Result},
    platform::db::Transaction,
};

/// Who pays in how much, in minor units.
const DEPOSITS: &[(&str, i64, &str)] = &[
    ("amina", 25_000, "USD"),
    ("amina", 120_000, "EGP"),
    ("omar", 50_000, "USD"),
    ("omar", 20_000, "EGP"),
    ("layla", 12_000, "USD"),
    ("sofia", 30_000, "USD"),
    ("grace", 40_000, "USD"),
    ("khalid_books", 25_000, "USD"),
    ("tomas", 20_000, "USD"),
    ("mariam", 20_000, "USD"),
    ("mariam", 50_000, "EGP"),
    ("yusuf", 60_000, "USD"),
    ("noura", 50_000, "USD"),
    ("noura", 150_000, "EGP"),
    ("dar_alward", 50_000, "USD"),
    ("dar_alward", 100_000, "EGP"),
    ("ben_oakley", 20_000, "USD"),
];

/// Who gives whom how much, and what for.
const TRANSFERS: &[(&str, &str, i64, &str, &str)] = &[
    ("omar", "amina", 4_500, "USD", "Two bowls"),
    ("amina", "layla", 2_000, "USD", "The embroidered bag"),
    ("sofia", "amina", 3_750, "USD", "Cups for the market"),
    ("amina", "omar", 35_000, "EGP", "Clay, half a ton"),
    ("layla", "sofia", 1_500, "USD", "My table on Harbour Street"),
];

/// Gives the people of the demo, who are there already, their money.
pub(super) async fn give_in(app: &App, tx: &Transaction) -> Result<()> {
    for (number, (username, amount, currency)) in DEPOSITS.iter().enumerate() {
        let to = AccountRef::Wallet(find_in(tx, username).await?);
        let from = AccountRef::Clearing(ProviderKind::Sandbox);
        move_in(app, tx, TransferKind::Deposit, (from, to), (*amount, currency), ("", &format!("deposit {number}")))
            .await?;
    }
    for (number, (payer, payee, amount, currency, note)) in TRANSFERS.iter().enumerate() {
        let account_refs =
            (AccountRef::Wallet(find_in(tx, payer).await?), AccountRef::Wallet(find_in(tx, payee).await?));
        let words = (*note, &*format!("transfer {number}"));
        move_in(app, tx, TransferKind::Transfer, account_refs, (*amount, currency), words).await?;
    }
    Ok(())
}

async fn find_in(tx: &Transaction, username: &str) -> Result<UserId> {
    let named = user::Entity::find().filter(user::Column::Username.eq(username)).select_only();
    let found = named.column(user::Column::Id).into_tuple::<UserId>().one(tx).await?;
    found.ok_or_else(|| Error::internal(format!("{username} is not in the demo")))
}

async fn move_in(
    app: &App,
    tx: &Transaction,
    kind: TransferKind,
    (from, to): (AccountRef, AccountRef),
    (amount, currency): (i64, &str),
    (description, key): (&str, &str),
) -> Result<()> {
    let currency = Currency::parse(currency).ok_or_else(|| Error::internal("the demo has no such currency"))?;
    let origin = Origin::step("demo", key);
    let new = NewTransfer { kind, from, to, amount, currency, reference: None, description, origin };
    post_in(app, tx, new).await.map(drop)
}
