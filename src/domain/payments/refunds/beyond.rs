//! What went back beyond what a payment took: its payer has it twice, and owes it.

use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        accounts,
        ledger::{self, AccountRef, NewTransfer, Origin},
        payments::{self, Payment, receipts, rows, rules, short, sums::Sum},
    },
    entity::{
        PaymentId, TransferId,
        ledger_transfer::{self, TransferKind},
        payment_event::EventSource,
    },
    error::Result,
    platform::db::Transaction,
};

/// What the keys of what a provider did on its own start with; the provider's own id follows.
pub(super) const BY_PROVIDER: &str = "provider:";

/// What refunds beyond what a payment took come to, by the ledger, without those that came back.
pub(super) fn beyond_of(id: PaymentId) -> Sum {
    use ledger_transfer::{Column, Entity};
    let from = format!("{}{BY_PROVIDER}", rules::prefix(id));
    let until = format!("{};", from.trim_end_matches(':'));
    let mut back = Query::select();
    let reverses = Expr::col(("back", Column::ReversesId)).equals((Entity, Column::Id));
    back.column(("back", Column::Id)).from_as(Entity, "back").and_where(reverses);
    let beyond = Entity::find()
        .filter(Column::ActorId.eq(Uuid::nil()))
        .filter(Column::Operation.eq(rules::REFUND_BEYOND))
        .filter(Column::IdempotencyKey.gt(from))
        .filter(Column::IdempotencyKey.lt(until))
        .filter(Expr::not_exists(back));
    Sum::of(beyond, Column::Amount)
}

/// How much a provider gave back beyond what a payment took; without disputes, which it does not count.
pub(crate) async fn beyond(app: &App, id: PaymentId) -> Result<i64> {
    beyond_of(id).read(app).await
}

/// More went back than the payment took, once for each key, and anew when that came back: its payer has it twice, and owes it;
/// of a guest, nobody can be asked for it.
pub(crate) async fn beyond_in(app: &App, tx: &Transaction, payment: &Payment, key: &str, amount: i64) -> Result<()> {
    if amount <= 0 {
        return Ok(());
    }
    let (key, standing) = standing_in(tx, payment.id, key).await?;
    if standing.is_some() {
        return Ok(());
    }
    let (reference, origin) = (payments::reference(payment.id), Origin::step(rules::REFUND_BEYOND, &key));
    let new = NewTransfer {
        kind: TransferKind::Refund,
        from: payment.payer_id.map_or(AccountRef::Losses, AccountRef::Debt),
        to: AccountRef::Clearing(payment.provider),
        amount,
        currency: payment.currency,
        reference: Some(&reference),
        description: "",
        origin,
    };
    if let Some(payer) = payment.payer_id {
        ledger::lock_in(app, tx, &[AccountRef::Wallet(payer)], payment.currency).await?;
    }
    let posted = ledger::post_in(app, tx, new).await?;
    if posted.replayed {
        return Ok(());
    }
    tracing::error!(payment = %payment.id, amount, "a provider gave back more than the payment took");
    rows::note_in(app, tx, payment, "refund_beyond", EventSource::System, None).await?;
    match payment.payer_id {
        Some(payer) => {
            ledger::repay_in(app, tx, payer, payment.currency, (posted.id, 0)).await?;
            receipts::tell_debtor_in(app, tx, payment, payer).await
        }
        None => Ok(()),
    }
}

/// What went back beyond a payment under a key has come back, such as by a dispute that is won after all: nobody owes it any
/// more, and who has paid it has it again. Again, and where there was nothing, it changes nothing. The payment is locked.
pub(crate) async fn beyond_back_in(app: &App, tx: &Transaction, payment: &Payment, key: &str) -> Result<()> {
    let (_, Some(standing)) = standing_in(tx, payment.id, key).await? else { return Ok(()) };
    // So that nobody is erased while money comes in.
    let payer = payment.payer_id;
    if let Some(payer) = payer {
        accounts::lock_in(tx, &[payer]).await?;
    }
    let to = move |account_ref: AccountRef| match account_ref {
        // Whoever is gone owed nothing any more, and their wallet went with them.
        AccountRef::Debt(_) => payer.map_or(AccountRef::Unclaimed, AccountRef::Wallet),
        account_ref => account_ref,
    };
    let key = standing.0.simple().to_string();
    ledger::reverse_to_in(app, tx, standing, to, Origin::step(rules::REFUND_BEYOND_BACK, &key), "").await?;
    tracing::warn!(payment = %payment.id, "what a provider gave back beyond a payment has come back");
    rows::note_in(app, tx, payment, "refund_beyond_back", EventSource::System, None).await
}

/// What went back beyond a payment under a key and is not taken back since; and under which key of the ledger it is, or the
/// next one would be. Each that was taken back has used up a key.
async fn standing_in(tx: &Transaction, payment: PaymentId, key: &str) -> Result<(String, Option<TransferId>)> {
    let first = format!("{}{}", rules::prefix(payment), short(key));
    let (mut key, mut taken_back) = (first.clone(), 0);
    loop {
        let Some(found) = ledger::earlier_in(tx, &Origin::step(rules::REFUND_BEYOND, &key)).await? else {
            return Ok((key, None));
        };
        let back = found.id.0.simple().to_string();
        if ledger::earlier_in(tx, &Origin::step(rules::REFUND_BEYOND_BACK, &back)).await?.is_none() {
            return Ok((key, Some(found.id)));
        }
        taken_back += 1;
        key = format!("{first}:{taken_back}");
    }
}
