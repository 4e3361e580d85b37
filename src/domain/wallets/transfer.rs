//! From one person's wallet into another's.

use super::queries::{self, WalletTransaction};
use crate::{
    app::App,
    domain::{
        Idempotent,
        actor::Actor,
        idempotency::{Fingerprint, check_key},
        ledger::{self, AccountRef, NewTransfer, Origin},
    },
    entity::{Money, UserId, ledger_transfer::TransferKind},
    error::{Error, Result, UserError, UserErrorCode},
    platform::text,
};

/// Most characters of a note.
const MAX_NOTE: usize = 255;

/// Money for somebody else.
#[derive(Debug, Clone)]
pub(crate) struct WalletTransfer {
    /// Whose wallet gets it.
    pub to: UserId,
    /// How much, above zero.
    pub amount: Money,
    /// What both see with it; may be empty.
    pub note: String,
    /// Makes a repeated call harmless, for good.
    pub idempotency_key: String,
}

/// Moves money from the actor's wallet into another person's; gives the actor's transaction. Codes: NOT_FOUND (nobody is
/// there, or nobody who can take money), NOT_ALLOWED (oneself), INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE,
/// IDEMPOTENCY_KEY_REUSED, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn wallet_transfer(
    app: &App,
    actor: &Actor,
    command: WalletTransfer,
) -> Result<Idempotent<WalletTransaction>> {
    let payer = actor.require_user()?.id;
    check_key(&command.idempotency_key)?;
    let note = text::line("note", &command.note, MAX_NOTE)?;
    let WalletTransfer { to, amount, .. } = command;
    if to == payer {
        return Err(UserError::input("recipientId", UserErrorCode::NotAllowed).into());
    }
    let input = input(to, amount, &note);
    let key = command.idempotency_key.as_str();
    let origin = Origin { actor: payer.0, operation: "walletTransfer", key, input: Some(&input) };
    let new = NewTransfer {
        kind: TransferKind::Transfer,
        from: AccountRef::Wallet(payer),
        to: AccountRef::Wallet(to),
        amount: amount.minor,
        currency: amount.currency,
        reference: None,
        description: &note,
        origin,
    };
    let posted = app
        .db
        .transact(async |tx| {
            if let Some(posted) = ledger::post_to_active_in(app, &tx, new).await? {
                return Ok(posted);
            }
            // A repeated call gets its answer, though the person is gone since.
            let earlier = ledger::earlier_in(&tx, &origin).await?;
            earlier.ok_or_else(|| Error::not_found("recipientId"))
        })
        .await?;
    // What was written just now is known; only what an earlier call did has to be looked up.
    let value = match posted.written {
        Some(written) => WalletTransaction {
            id: written.id,
            owner: payer.0,
            kind: new.kind,
            amount: Money::new(-amount.minor, amount.currency),
            balance_after: written.balance_after,
            description: note,
            reference: None,
            counterparty: Some(to),
            created_at: written.at,
        },
        None => queries::of_transfer(app, posted.id, new.from.account(amount.currency)).await?,
    };
    Ok(Idempotent { value, replayed: posted.replayed })
}

fn input(to: UserId, amount: Money, note: &str) -> Fingerprint {
    let input = Fingerprint::v1().field("recipientId", to).field("amount", amount).field("note", note);
    input.before_versions(format!("{to} {amount} {note}"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::entity::Currency;

    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        assert_eq!(
            input(UserId(Uuid::nil()), amount, "the rent").texts(),
            (
                "recipientId 31 user_00000000000000000000000000\n\
                 amount 9 12.50 USD\n\
                 note 8 the rent\n",
                "user_00000000000000000000000000 12.50 USD the rent"
            )
        );
    }
}
