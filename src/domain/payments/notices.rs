//! What people are told of money of theirs that others took back; and what those who raise money are told of refunds, whose
//! goals know whom that concerns.

use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    catalogue::Text,
    domain::notifications::{self, Notice, Telling},
    entity::{
        Currency, Money, UserId,
        notification::{NotificationKind, SubjectKind},
        payment_dispute::DisputeState,
    },
    error::{Locale, Result},
    platform::db::{Columns, Transaction},
};

/// Somebody asks for money back, maybe of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequested {
    /// The id of the refund.
    pub refund: Uuid,
}

/// Nobody has to decide any more about a refund that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundDecided {
    /// The id of the refund.
    pub refund: Uuid,
}

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

    fn telling(&self, kind: NotificationKind, title: &Text<'_>, dedupe_key: String) -> Telling {
        Telling {
            recipient: self.recipient,
            actor: None,
            kind,
            subject: Some(self.subject),
            title: notifications::short(&title.in_language(self.locale)),
            excerpt: self.excerpt(),
            dedupe_key,
        }
    }

    /// What it is about, and what they owe.
    fn excerpt(&self) -> String {
        let owed = if self.owed.minor == 0 {
            String::new()
        } else {
            Text::YouOwe { amount: self.owed.to_string().into() }.in_language(self.locale).into_owned()
        };
        let parts = [self.goal.clone().unwrap_or_default(), owed];
        notifications::excerpt(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". "))
    }
}

/// Money went back to who paid it, and nobody here decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TakenBack {
    pub(super) refund: Uuid,
}

impl Notice for TakenBack {
    const EVENT: &'static str = "taken_back";

    /// Whose money it was.
    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let refund = self.refund;
        let sql = format!("SELECT {WHOSE} FROM refunds f {PAID_FOR} WHERE f.id = $1");
        let Some(row) = tx.row(sql, vec![refund.into()]).await? else { return Ok(()) };
        let whose = Whose::read(&row)?;
        let title = Text::MoneyTakenBack { amount: whose.amount.to_string().into() };
        let key = format!("taken_back:{refund}");
        notifications::tell_in(app, tx, vec![whose.telling(NotificationKind::MoneyTakenBack, &title, key)]).await
    }
}

/// A payment is disputed, or a dispute came to this state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Disputed {
    pub(super) dispute: Uuid,
    pub(super) state: String,
}

impl Notice for Disputed {
    const EVENT: &'static str = "dispute";

    /// Whose money it is.
    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { dispute, state } = self;
        let sql = format!("SELECT {WHOSE} FROM payment_disputes f {PAID_FOR} WHERE f.id = $1");
        let Some(row) = tx.row(sql, vec![(*dispute).into()]).await? else { return Ok(()) };
        let whose = Whose::read(&row)?;
        let amount = whose.amount.to_string().into();
        let title = match DisputeState::parse(state) {
            Some(DisputeState::Won) => Text::DisputeWon { amount },
            Some(DisputeState::Lost) => Text::DisputeLost { amount },
            _ => Text::DisputeOpened { amount },
        };
        let key = format!("dispute:{dispute}:{state}");
        notifications::tell_in(app, tx, vec![whose.telling(NotificationKind::Dispute, &title, key)]).await
    }
}
