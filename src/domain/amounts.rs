//! Amounts as people give them: checked, and turned into minor units; and what lists are narrowed to by them.

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, sea_query::Expr};

use crate::{
    entity::{Currency, Money},
    error::{Parameter, Result, UserError, UserErrorCode},
    platform::list::{List, Range},
};

impl From<Money> for Parameter {
    fn from(money: Money) -> Self {
        Self::Amount { text: money.to_string(), minor: money.minor, currency: money.currency.as_str() }
    }
}

impl From<Currency> for Parameter {
    fn from(currency: Currency) -> Self {
        Self::Currencies(vec![currency.as_str()])
    }
}

/// The largest amount of one call, in minor units: a thousand million millions. Sums of many still fit an `i64`.
pub(crate) const LARGEST: i64 = 1_000_000_000_000_000;

/// An amount above zero at `input.<field>`; `minor` is what the text came to, `None` when it is no amount of this currency.
/// Codes: INVALID_AMOUNT, AMOUNT_TOO_LARGE.
pub(crate) fn positive(field: &'static str, minor: Option<i64>, currency: Currency) -> Result<Money> {
    match minor {
        Some(minor) if minor > LARGEST => Err(UserError::input(field, UserErrorCode::AmountTooLarge)
            .with("max", Money::new(LARGEST, currency))
            .into()),
        Some(minor) if minor > 0 => Ok(Money::new(minor, currency)),
        _ => Err(UserError::input(field, UserErrorCode::InvalidAmount).with("currency", currency).into()),
    }
}

/// Amounts of one currency, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AmountRange {
    /// Of this one.
    pub currency: Currency,
    /// From the least to the most.
    pub range: Range,
}

impl AmountRange {
    /// Narrows a list to rows whose amount is one of these; gives the condition, behind which an index of currencies and amounts
    /// may stand.
    pub(crate) fn narrow<E: EntityTrait>(self, list: &mut List<E>, currency: E::Column, amount: E::Column) -> Expr
    where
        E::Column: Copy,
    {
        let same = currency.eq(self.currency);
        list.filter(same.clone());
        match list.within(amount, self.range) {
            Some(within) => same.and(within),
            None => same,
        }
    }
}
