//! Fees: what the platform keeps of what is sold or paid out here.
//!
//! Owns `fee_lines`. Always holds: a line says what it was reckoned of, by which rate, and what came of it, as it was when
//! it was taken, whatever the settings say since; it is never changed. What is taken back is a line of its own, and all
//! that was taken back of a line is never more than the line.
//!
//! A fee is rounded half up, once for each stored line; what has to be divided is divided by largest remainder. So parts
//! always sum to the whole.

use std::cmp::Reverse;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, Func, LockType},
};

use super::registration::Domain;
use crate::{
    app::App,
    entity::{
        Currency, FeeLineId, Money,
        fee_line::{self, FeeKind},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// What fees hand over.
pub(crate) const DOMAIN: Domain = Domain { tables: &["fee_lines"], ..Domain::named("fees") };

/// What rates are parts of.
const WHOLE: i128 = 1_000_000;

/// The rate of a kind by the present settings, in millionths.
#[must_use]
pub(crate) fn rate(app: &App, kind: FeeKind) -> i64 {
    let payments = &app.config.payments;
    match kind {
        FeeKind::Marketplace => payments.fee_marketplace,
        FeeKind::Digital => payments.fee_digital,
        FeeKind::Goal => payments.fee_goal,
    }
}

/// The fee of an amount, by a rate of 0 to 1,000,000 millionths: half a minor unit is rounded up, away from zero, so that
/// the fee of what is taken back is the fee that was taken.
#[must_use]
pub(crate) fn fee(amount: i64, rate: i64) -> i64 {
    let rate = i128::from(rate).clamp(0, WHOLE);
    let magnitude = (i128::from(amount.unsigned_abs()) * rate + WHOLE / 2) / WHOLE;
    // At most the amount itself, which fits.
    i64::try_from(if amount < 0 { -magnitude } else { magnitude }).unwrap_or(amount)
}

/// Divides an amount by weights: each part is the exact one, rounded down or up, and all sum to the whole. Larger
/// remainders come first, then earlier parts; a weight of 0 gets nothing, unless all are 0: then they are equal.
#[cfg_attr(not(test), expect(dead_code, reason = "orders of several sellers divide their fees and discounts by it"))]
pub(crate) fn split(whole: i64, weights: &[u64]) -> Vec<i64> {
    let equal = weights.iter().all(|weight| *weight == 0);
    let weights: Vec<i128> = weights.iter().map(|weight| if equal { 1 } else { i128::from(*weight) }).collect();
    let sum: i128 = weights.iter().sum();
    let magnitude = i128::from(whole.unsigned_abs());
    let mut parts: Vec<i128> = weights.iter().map(|weight| magnitude * weight / sum).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|index| Reverse(magnitude * weights[*index] % sum));
    let mut left = magnitude - parts.iter().sum::<i128>();
    for index in order {
        if left == 0 {
            break;
        }
        parts[index] += 1;
        left -= 1;
    }
    let signed = |part: i128| i64::try_from(if whole < 0 { -part } else { part }).unwrap_or(whole);
    parts.into_iter().map(signed).collect()
}

/// A fee that is to be taken.
#[derive(Debug, Clone, Copy)]
pub struct NewFee<'a> {
    /// What it is taken of: goods, digital goods, or what a goal pays out.
    pub kind: FeeKind,
    /// The id of what it is taken of, at most 100 characters.
    pub reference: &'a str,
    /// What it is reckoned of.
    pub base: Money,
    /// In millionths of the base: 7.5 % is 75,000.
    pub rate: i64,
}

/// A line that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The id of the row of `fee_lines`.
    pub id: FeeLineId,
    /// The fee, in minor units of the base's currency.
    pub fee: i64,
}

/// Writes down a fee as it is now. The caller moves the money.
pub async fn charge_in(app: &App, tx: &Transaction, new: NewFee<'_>) -> Result<Line> {
    let line = Row {
        kind: new.kind,
        reference: new.reference.to_owned(),
        currency: new.base.currency,
        base: new.base.minor,
        rate: new.rate,
        fee: fee(new.base.minor, new.rate),
    };
    line.insert_in(app, tx, None).await
}

/// Takes a fee back, for the whole line or for a part of what it was reckoned of; gives the new line, below zero. Parts are
/// rounded so that those of the whole line sum to its fee. The caller moves the money. Code: AMOUNT_TOO_LARGE, when that is
/// more than is left of the line.
pub async fn reverse_in(app: &App, tx: &Transaction, id: FeeLineId, base: Option<i64>) -> Result<Line> {
    let line = fee_line::Entity::find_by_id(id)
        .filter(fee_line::Column::ReversesId.is_null())
        .lock(LockType::NoKeyUpdate)
        .into_partial_model::<Row>();
    let line = line.one(tx).await?.ok_or_else(|| Error::internal("there is no such line of a fee"))?;
    let reversals = fee_line::Entity::find().filter(fee_line::Column::ReversesId.eq(id));
    let reversals = reversals.into_partial_model::<Reversals>().one(tx).await?;
    let before = -reversals.and_then(|reversals| reversals.base).unwrap_or_default();
    let left = line.base - before;
    let part = base.unwrap_or(left);
    if part <= 0 || part > left {
        let max = Money::new(left, line.currency);
        return Err(UserError::whole(UserErrorCode::AmountTooLarge).with("max", max).into());
    }
    let taken_back = fee(before + part, line.rate) - fee(before, line.rate);
    Row { base: -part, fee: -taken_back, ..line }.insert_in(app, tx, Some(id)).await
}

/// What was taken back of a line.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "fee_line::Entity")]
struct Reversals {
    /// None, where nothing was.
    #[sea_orm(from_expr = "sum_of_bases()")]
    base: Option<i64>,
}

fn sum_of_bases() -> Expr {
    Func::cast_as(fee_line::Column::Base.sum(), "bigint").into()
}

/// What a line holds.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "fee_line::Entity")]
struct Row {
    kind: FeeKind,
    reference: String,
    currency: Currency,
    base: i64,
    rate: i64,
    fee: i64,
}

impl Row {
    async fn insert_in(self, app: &App, tx: &Transaction, reverses: Option<FeeLineId>) -> Result<Line> {
        let now = app.clock.now();
        let id = FeeLineId(app.ids.next(now));
        let line = fee_line::ActiveModel {
            id: Set(id),
            kind: Set(self.kind),
            reference: Set(self.reference),
            currency: Set(self.currency),
            base: Set(self.base),
            rate: Set(self.rate),
            fee: Set(self.fee),
            reverses_id: Set(reverses),
            created_at: Set(now),
        };
        fee_line::Entity::insert(line).exec_without_returning(tx).await?;
        Ok(Line { id, fee: self.fee })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fees_are_rounded_half_up() {
        for (amount, rate, expected) in [
            (10_000, 75_000, 750),
            (10, 50_000, 1),
            (9, 50_000, 0),
            (1, 500_000, 1),
            (-1, 500_000, -1),
            (0, 75_000, 0),
            (i64::MAX, 1_000_000, i64::MAX),
            (i64::MIN, 1_000_000, i64::MIN),
            (i64::MAX, 0, 0),
        ] {
            assert_eq!(fee(amount, rate), expected, "{amount} at {rate}");
        }
    }

    #[test]
    fn the_larger_remainder_gets_what_is_left() {
        assert_eq!(split(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(split(-100, &[1, 1, 1]), [-34, -33, -33]);
        assert_eq!(split(10, &[1, 0, 5]), [2, 0, 8]);
        assert_eq!(split(5, &[0, 0]), [3, 2]);
        assert_eq!(split(5, &[]), Vec::<i64>::new());
    }

    proptest! {
        #[test]
        fn a_fee_is_within_half_a_unit_of_the_exact_one(amount: i64, rate in 0..=1_000_000_i64) {
            let exact = i128::from(amount) * i128::from(rate);
            let off = i128::from(fee(amount, rate)) * WHOLE - exact;
            prop_assert!(off.abs() * 2 <= WHOLE, "{}", off);
        }

        /// What `goals::RULES` reckons in the database, without an overflow there.
        #[test]
        fn the_fee_is_also_what_the_proof_in_the_database_reckons(amount in 0..=i64::MAX, rate in 0..=1_000_000_i64) {
            let reckoned = (amount / 1_000_000) * rate + ((amount % 1_000_000) * rate + 500_000) / 1_000_000;
            prop_assert_eq!(fee(amount, rate), reckoned);
        }

        #[test]
        fn parts_sum_to_the_whole_and_are_near_the_exact_ones(whole: i64, weights in prop::collection::vec(any::<u64>(), 1..20)) {
            let parts = split(whole, &weights);
            prop_assert_eq!(parts.iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(whole));
            let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (part, weight) in parts.iter().zip(&weights).filter(|_| sum > 0) {
                prop_assert!(*weight > 0 || *part == 0);
                let exact = (whole as f64) * (*weight as f64 / sum as f64);
                prop_assert!((*part as f64 - exact).abs() <= 1.0 + exact.abs() * 1e-12, "{part} for {exact}");
            }
        }

        /// What is taken back in parts is never more than the line, and in the end all of it.
        #[test]
        fn parts_taken_back_sum_to_the_fee(base in 1..i64::MAX, rate in 0..=1_000_000_i64, weights in prop::collection::vec(1..u64::MAX, 1..20)) {
            let (mut before, mut taken_back) = (0, 0);
            for part in split(base, &weights) {
                let now = fee(before + part, rate) - fee(before, rate);
                prop_assert!(now >= 0);
                (before, taken_back) = (before + part, taken_back + now);
                prop_assert!(taken_back <= fee(base, rate));
            }
            prop_assert_eq!(taken_back, fee(base, rate));
        }
    }
}
