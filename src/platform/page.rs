//! Keyset pages: `first`/`after`, `last`/`before`, and cursors that are opaque, tied to their sort and sealed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{ExprTrait, Value, sea_query::Expr};
use uuid::Uuid;

use super::crypto::Keys;
use crate::error::{Error, Result};

/// Most items that one page can have, whatever is asked for.
pub(crate) const MAX_PAGE: i32 = 100;
/// Page when neither `first` nor `last` is given.
pub(crate) const DEFAULT_PAGE: i32 = 20;

/// The value that a list is sorted by, before the id breaks ties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// A number, or a time in microseconds since 1970.
    Integer(i64),
    /// A point in time.
    Time(chrono::DateTime<chrono::Utc>),
    /// A text in its sortable form.
    Text(String),
}

impl Key {
    fn value(&self) -> Value {
        match self {
            Self::Integer(number) => (*number).into(),
            Self::Time(time) => (*time).into(),
            Self::Text(text) => text.clone().into(),
        }
    }
}

/// A place in a sorted list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Which list and sort it belongs to, such as `posts.newest`.
    pub sort: &'static str,
    /// Value of the sort column.
    pub key: Key,
    /// The row's id.
    pub id: Uuid,
}

impl Cursor {
    /// The opaque text. The seal keeps clients from making their own.
    #[must_use]
    pub(crate) fn seal(&self, keys: &Keys) -> String {
        let mut bytes = Vec::with_capacity(48);
        bytes.extend_from_slice(self.id.as_bytes());
        match &self.key {
            Key::Integer(number) => {
                bytes.push(0);
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Key::Time(time) => {
                bytes.push(1);
                bytes.extend_from_slice(&time.timestamp_micros().to_be_bytes());
            }
            Key::Text(text) => {
                bytes.push(2);
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        let seal = keys.cursor_seal(self.sort, &bytes);
        bytes.extend_from_slice(&seal);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor of the list and sort `sort`; anything else is BAD_REQUEST.
    pub(crate) fn open(keys: &Keys, sort: &'static str, text: &str) -> Result<Self> {
        let refuse =
            || Error::bad_request("This cursor is not one of this list in this order; start again without it.");
        let bytes = if text.len() <= 1024 { URL_SAFE_NO_PAD.decode(text).ok() } else { None }.ok_or_else(refuse)?;
        let (body, seal) = bytes.split_at_checked(bytes.len().saturating_sub(8)).ok_or_else(refuse)?;
        if body.len() < 17 || !keys.cursor_verify(sort, body, seal) {
            return Err(refuse());
        }
        let id = Uuid::from_slice(&body[..16]).map_err(|_| refuse())?;
        let number = || body[17..].try_into().map(i64::from_be_bytes).map_err(|_| refuse());
        let key = match body[16] {
            0 => Key::Integer(number()?),
            1 => Key::Time(chrono::DateTime::from_timestamp_micros(number()?).ok_or_else(refuse)?),
            _ => Key::Text(String::from_utf8(body[17..].to_vec()).map_err(|_| refuse())?),
        };
        Ok(Self { sort, key, id })
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many items, 0 to [`MAX_PAGE`].
    pub size: u64,
    /// Only what comes after this place.
    pub after: Option<Cursor>,
    /// Only what comes before this place.
    pub before: Option<Cursor>,
    /// Whether the last `size` are meant instead of the first.
    pub backwards: bool,
    /// Whether the list is asked for from its end to its beginning. A cursor is a place in it, whichever way it is read.
    pub reverse: bool,
}

/// The first items of a list, from whichever end it is read: what can be loaded of many lists at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Beginning {
    /// How many items, 0 to [`MAX_PAGE`].
    pub size: u64,
    /// Whether the list is read from its end.
    pub reverse: bool,
}

impl Beginning {
    /// The page that it is.
    #[must_use]
    pub(crate) fn page(self) -> Page {
        let Self { size, reverse } = self;
        Page { size, after: None, before: None, backwards: false, reverse }
    }
}

impl Page {
    /// From the connection arguments of a field; wrong ones are BAD_REQUEST. An empty cursor is none.
    pub(crate) fn parse(
        keys: &Keys,
        sort: &'static str,
        first: Option<i32>,
        after: Option<&str>,
        last: Option<i32>,
        before: Option<&str>,
    ) -> Result<Self> {
        let [after, before] = [after, before].map(|text| text.filter(|text| !text.is_empty()));
        let (size, backwards) = match (first, last) {
            (Some(_), Some(_)) => return Err(Error::bad_request("Give `first` or `last`, not both.")),
            (Some(size), None) => (size, false),
            (None, Some(size)) => (size, true),
            (None, None) => (DEFAULT_PAGE, before.is_some() && after.is_none()),
        };
        if !(0..=MAX_PAGE).contains(&size) {
            return Err(Error::bad_request(format!(
                "`first` and `last` go from 0 to {MAX_PAGE}; {size} was asked for."
            )));
        }
        let open = |text: Option<&str>| text.map(|text| Cursor::open(keys, sort, text)).transpose();
        let (size, after, before) = (size.cast_unsigned().into(), open(after)?, open(before)?);
        Ok(Self { size, after, before, backwards, reverse: false })
    }

    /// The same page of the list from its end to its beginning, where that is wanted.
    #[must_use]
    pub(crate) fn reversed(self, reverse: bool) -> Self {
        Self { reverse, ..self }
    }

    /// The beginning of the list, when it is asked for and nothing else.
    #[must_use]
    pub(crate) fn beginning(&self) -> Option<Beginning> {
        let is_beginning = self.after.is_none() && self.before.is_none() && !self.backwards;
        is_beginning.then_some(Beginning { size: self.size, reverse: self.reverse })
    }

    /// Conditions for `(column, id)`, and `ORDER BY … LIMIT …`; fetches one row more to learn whether there are more.
    pub(crate) fn clauses(
        &self,
        column: &str,
        id: &str,
        descending: bool,
        values: &mut Vec<Value>,
    ) -> (Vec<String>, String) {
        let mut conditions = Vec::new();
        for (cursor, forwards) in [(&self.after, true), (&self.before, false)] {
            if let Some(cursor) = cursor {
                let sign = if forwards == (descending != self.reverse) { "<" } else { ">" };
                values.push(cursor.key.value());
                values.push(cursor.id.into());
                conditions.push(format!("({column}, {id}) {sign} (${}, ${})", values.len() - 1, values.len()));
            }
        }
        (conditions, self.order(column, id, descending))
    }

    /// The conditions of this page for a list that is sorted by a column and an id: what the cursors say.
    #[must_use]
    pub(crate) fn conditions(&self, column: Expr, id: Expr, descending: bool) -> Vec<Expr> {
        let place = Expr::tuple([column, id]);
        let ends = [(&self.after, true), (&self.before, false)].into_iter();
        let condition = |(cursor, forwards): (&Option<Cursor>, bool)| {
            let cursor = cursor.as_ref()?;
            let end = Expr::tuple([Expr::val(cursor.key.value()), Expr::val(cursor.id)]);
            let is_less = forwards == (descending != self.reverse);
            Some(if is_less { place.clone().lt(end) } else { place.clone().gt(end) })
        };
        ends.filter_map(condition).collect()
    }

    /// Whether rows are read with the greatest first, of a list that has the greatest first, or the least.
    #[must_use]
    pub(crate) fn reads_descending(&self, descending: bool) -> bool {
        (descending != self.reverse) != self.backwards
    }

    /// `ORDER BY … LIMIT …` alone.
    #[must_use]
    pub(crate) fn order(&self, column: &str, id: &str, descending: bool) -> String {
        let direction = self.direction(descending);
        format!("ORDER BY {column} {direction}, {id} {direction} LIMIT {}", self.size + 1)
    }

    /// Which way rows are read of a list that has the greatest first, or the least.
    #[must_use]
    pub(crate) fn direction(&self, descending: bool) -> &'static str {
        if self.reads_descending(descending) { "DESC" } else { "ASC" }
    }

    /// Makes a slice of the rows that [`Page::clauses`] fetched.
    #[must_use]
    pub(crate) fn slice<T>(&self, mut rows: Vec<T>) -> Slice<T> {
        let more = rows.len() as u64 > self.size;
        rows.truncate(self.size as usize);
        if self.backwards {
            rows.reverse();
            Slice { items: rows, has_previous: more, has_next: self.before.is_some(), total: None }
        } else {
            Slice { items: rows, has_previous: self.after.is_some(), has_next: more, total: None }
        }
    }
}

/// Part of a list.
#[derive(Debug, Clone)]
pub(crate) struct Slice<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Whether there are items before.
    pub has_previous: bool,
    /// Whether there are items after.
    pub has_next: bool,
    /// How many there are in all; only when asked for.
    pub total: Option<Total>,
}

/// How many items a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Total {
    /// So many, at least.
    pub count: i64,
    /// Whether these are all: counting stops at a bound.
    pub is_exact: bool,
}

impl Total {
    /// So many, and no more: they were counted to their end.
    #[must_use]
    pub(crate) fn exactly(count: i64) -> Self {
        Self { count, is_exact: true }
    }
}

impl<T> Default for Slice<T> {
    fn default() -> Self {
        Self { items: Vec::new(), has_previous: false, has_next: false, total: None }
    }
}

impl<T> Slice<T> {
    /// Of a list that has nothing.
    #[must_use]
    pub(crate) fn nothing(page: &Page, with_total: bool) -> Self {
        Self { total: with_total.then_some(Total::exactly(0)), ..page.slice(Vec::new()) }
    }

    /// The same part, of something else.
    pub(crate) fn map<U>(self, convert: impl FnMut(T) -> U) -> Slice<U> {
        Slice {
            items: self.items.into_iter().map(convert).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
            total: self.total,
        }
    }
}
