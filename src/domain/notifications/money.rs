//! What people are told of money of theirs that others took back.

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{EXCERPT, Telling};
use crate::{
    catalogue::Text,
    entity::{
        Currency, Money, UserId,
        notification::{NotificationKind, SubjectKind},
        payment_dispute::DisputeState,
    },
    error::{Locale, Result},
    platform::{
        db::{Columns, Transaction},
        text,
    },
};

/// Whose money it was, of `refunds f` or `payment_disputes f`: the goal's owner, or who paid it into their wallet; what it is
/// about, and what they owe.
const WHOSE: &str = "r.id, r.locale, f.amount, p.currency, g.title, c.id, p.id, \
     COALESCE((SELECT -d.balance FROM ledger_accounts d WHERE d.owner_id = r.id AND d.kind = 'debt' AND d.name = '' \
     AND d.currency = p.currency), 0)";
const PAID_FOR: &str = "JOIN payments p ON p.id = f.payment_id LEFT JOIN goal_contributions c ON c.payment_id = p.id \
     LEFT JOIN goals g ON g.id = c.goal_id \
     JOIN users r ON r.id = CASE WHEN c.id IS NULL THEN p.payer_id ELSE g.owner_id END";

/// Somebody whose money it was.
struct Whose {
    recipient: UserId,
    locale: Locale,
    amount: Money,
    goal: Option<String>,
    subject: (SubjectKind, Uuid),
    owed: Money,
}

impl Whose {
    fn read(row: &QueryResult) -> Result<Self> {
        let mut columns = Columns::new(row);
        let (recipient, locale) = (columns.take()?, Locale::parse(&columns.take::<String>()?));
        let (amount, currency): (i64, Currency) = (columns.take()?, columns.take()?);
        let goal = columns.take()?;
        let (contribution, payment): (Option<Uuid>, Uuid) = (columns.take()?, columns.take()?);
        let subject = contribution.map_or((SubjectKind::Payment, payment), |given| (SubjectKind::Contribution, given));
        let owed = Money::new(columns.take()?, currency);
        Ok(Self { recipient, locale, amount: Money::new(amount, currency), goal, subject, owed })
    }

    /// What it is about, and what they owe.
    fn excerpt(&self) -> String {
        let owed = if self.owed.minor == 0 {
            String::new()
        } else {
            Text::YouOwe { amount: self.owed.to_string().into() }.in_language(self.locale).into_owned()
        };
        let parts = [self.goal.clone().unwrap_or_default(), owed];
        text::excerpt(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". "), EXCERPT)
    }
}

/// Whose money it was: a provider gave it back on its own.
pub(super) async fn taken_back_in(tx: &Transaction, refund: Uuid) -> Result<Vec<Telling>> {
    let sql = format!("SELECT {WHOSE} FROM refunds f {PAID_FOR} WHERE f.id = $1");
    let Some(row) = tx.row(sql, vec![refund.into()]).await? else { return Ok(Vec::new()) };
    let whose = Whose::read(&row)?;
    Ok(vec![Telling {
        recipient: whose.recipient,
        locale: whose.locale,
        actor: None,
        actor_name: whose.amount.to_string(),
        kind: NotificationKind::MoneyTakenBack,
        subject: Some(whose.subject),
        excerpt: whose.excerpt(),
        dedupe_key: format!("taken_back:{refund}"),
    }])
}

/// Whose money it is: somebody disputes it, or that was decided.
pub(super) async fn dispute_in(tx: &Transaction, dispute: Uuid, state: &str) -> Result<Vec<Telling>> {
    let sql = format!("SELECT {WHOSE} FROM payment_disputes f {PAID_FOR} WHERE f.id = $1");
    let Some(row) = tx.row(sql, vec![dispute.into()]).await? else { return Ok(Vec::new()) };
    let whose = Whose::read(&row)?;
    let amount = whose.amount.to_string().into();
    let title = match DisputeState::parse(state) {
        Some(DisputeState::Won) => Text::DisputeWon { amount },
        Some(DisputeState::Lost) => Text::DisputeLost { amount },
        _ => Text::DisputeOpened { amount },
    };
    Ok(vec![Telling {
        recipient: whose.recipient,
        locale: whose.locale,
        actor: None,
        actor_name: title.in_language(whose.locale).into_owned(),
        kind: NotificationKind::Dispute,
        subject: Some(whose.subject),
        excerpt: whose.excerpt(),
        dedupe_key: format!("dispute:{dispute}:{state}"),
    }])
}
