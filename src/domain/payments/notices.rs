//! What people are told of money of theirs that others took back; and what those who raise money are told of refunds, whose
//! goals know whom that concerns.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sql;
use crate::{
    app::App,
    catalogue::Text,
    domain::notifications::{self, NewNotification, Notice},
    entity::{
        Money, UserId,
        notification::{NotificationKind, SubjectKind},
        payment_dispute::DisputeState,
    },
    error::{Locale, Result},
    platform::db::Transaction,
};

/// Somebody asks for money back, maybe of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundRequested {
    /// The id of the refund.
    pub refund: Uuid,
}

/// Nobody has to decide any more about a refund that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundDecided {
    /// The id of the refund.
    pub refund: Uuid,
}

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
    fn of(row: sql::Whose) -> Self {
        let payment = (SubjectKind::Payment, row.payment);
        Self {
            recipient: row.recipient,
            locale: Locale::parse(&row.locale),
            amount: Money::new(row.amount, row.currency),
            goal: row.goal,
            subject: row.contribution.map_or(payment, |given| (SubjectKind::Contribution, given)),
            owed: Money::new(row.owed, row.currency),
        }
    }

    fn new_notification(&self, kind: NotificationKind, title: &Text<'_>, dedupe_key: String) -> NewNotification {
        NewNotification {
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
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let refund = self.refund;
        let Some(row) = sql::whose_refund(tx, refund).await? else { return Ok(()) };
        let whose = Whose::of(row);
        let title = Text::MoneyTakenBack { amount: whose.amount.to_string().into() };
        let key = format!("taken_back:{refund}");
        notifications::deliver_in(app, tx, vec![whose.new_notification(NotificationKind::MoneyTakenBack, &title, key)])
            .await
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
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { dispute, state } = self;
        let Some(row) = sql::whose_dispute(tx, *dispute).await? else { return Ok(()) };
        let whose = Whose::of(row);
        let amount = whose.amount.to_string().into();
        let title = match DisputeState::parse(state) {
            Some(DisputeState::Won) => Text::DisputeWon { amount },
            Some(DisputeState::Lost) => Text::DisputeLost { amount },
            _ => Text::DisputeOpened { amount },
        };
        let key = format!("dispute:{dispute}:{state}");
        notifications::deliver_in(app, tx, vec![whose.new_notification(NotificationKind::Dispute, &title, key)]).await
    }
}
