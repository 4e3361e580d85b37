//! What the conditions of lists are made of: lists of values of which any is meant, and ranges.

use async_graphql::{ID, InputObject};
use chrono::{DateTime, Utc};

use super::scalars::{CurrencyCode, Decimal};
use crate::{
    domain::amounts::AmountRange,
    entity::ids::WrongId,
    error::{Error, Result},
    graphql::node::query_id,
    platform::list::{Range, Span},
};

/// A span of time; either end may be open.
#[derive(InputObject)]
pub(crate) struct DateTimeRange {
    /// At this time or later.
    from: Option<DateTime<Utc>>,
    /// Before this time.
    until: Option<DateTime<Utc>>,
}

impl From<DateTimeRange> for Span {
    fn from(range: DateTimeRange) -> Self {
        Self { from: range.from, until: range.until }
    }
}

/// A range of whole numbers; either end may be open.
#[derive(InputObject)]
pub(crate) struct IntRange {
    /// This number or more.
    min: Option<i32>,
    /// This number or less.
    max: Option<i32>,
}

impl From<IntRange> for Range {
    fn from(range: IntRange) -> Self {
        Self { min: range.min.map(i64::from), max: range.max.map(i64::from) }
    }
}

/// A range of amounts of one currency; either end may be open.
#[derive(InputObject)]
pub(crate) struct MoneyRange {
    /// Which currency: others don't match.
    currency: CurrencyCode,
    /// This amount or more.
    min: Option<Decimal>,
    /// This amount or less.
    max: Option<Decimal>,
}

impl MoneyRange {
    /// In minor units; an amount with more digits than the currency has is BAD_REQUEST.
    pub(crate) fn amounts(&self) -> Result<AmountRange> {
        let minor = |amount: &Decimal| {
            amount
                .to_minor(self.currency.digits())
                .ok_or_else(|| Error::bad_request(format!("{amount} is no amount of {}.", self.currency.as_str())))
        };
        let range =
            Range { min: self.min.as_ref().map(minor).transpose()?, max: self.max.as_ref().map(minor).transpose()? };
        Ok(AmountRange { currency: self.currency, range })
    }
}

/// Ids of which any is meant; a wrong one is BAD_REQUEST.
pub(crate) fn query_ids<T: std::str::FromStr<Err = WrongId>>(ids: Option<Vec<ID>>) -> Result<Option<Vec<T>>> {
    ids.map(|ids| ids.iter().map(|id| query_id(id)).collect::<Result<Vec<_>>>()).transpose()
}

/// Values of an enum of which any is meant, as they are stored.
pub(crate) fn values<S, T: Into<S>>(values: Option<Vec<T>>) -> Option<Vec<S>> {
    values.map(|values| values.into_iter().map(Into::into).collect())
}

/// A span that may not be given: all of time.
pub(crate) fn span(range: Option<DateTimeRange>) -> Span {
    range.map(Span::from).unwrap_or_default()
}
