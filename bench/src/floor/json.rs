//! JSON, written by hand into a buffer.

use uuid::Uuid;

use super::queries::Micros;
use crate::typeid;

/// A buffer and the few things that go into it.
pub(super) struct Json(Vec<u8>);

impl Json {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Text that is JSON already.
    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(super) fn id(&mut self, prefix: &str, id: Uuid) -> &mut Self {
        self.0.push(b'"');
        typeid::write(&mut self.0, prefix, id);
        self.0.push(b'"');
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.value(text)
    }

    pub(super) fn optional(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.value(text),
            None => self.raw("null"),
        }
    }

    pub(super) fn integer(&mut self, number: i64) -> &mut Self {
        self.value(&number)
    }

    pub(super) fn boolean(&mut self, value: bool) -> &mut Self {
        self.raw(if value { "true" } else { "false" })
    }

    fn value<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> &mut Self {
        // Neither texts nor numbers can fail, nor can a Vec.
        let _ = serde_json::to_writer(&mut self.0, value);
        self
    }

    /// RFC 3339 in UTC, with no, three or six digits of a second's fraction.
    pub(super) fn time(&mut self, time: Micros) -> &mut Self {
        let (seconds, fraction) = (time.0.div_euclid(1_000_000), time.0.rem_euclid(1_000_000) as u32);
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) as u32);
        let (year, month, day) = date(days);
        let out = &mut self.0;
        out.push(b'"');
        digits(out, year, 4);
        for (sign, number) in
            [(b'-', month), (b'-', day), (b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)]
        {
            out.push(sign);
            digits(out, number, 2);
        }
        if fraction != 0 {
            out.push(b'.');
            if fraction.is_multiple_of(1000) { digits(out, fraction / 1000, 3) } else { digits(out, fraction, 6) }
        }
        self.raw("+00:00\"")
    }
}

fn digits(out: &mut Vec<u8>, number: u32, count: u32) {
    for place in (0..count).rev() {
        out.push(b'0' + (number / 10_u32.pow(place) % 10) as u8);
    }
}

/// Year, month and day of a day since 1970 in the Gregorian calendar, for years from 0 to 9999. Counting in eras of
/// 400 years that begin in March puts the leap day at the end of everything.
fn date(days: i64) -> (u32, u32, u32) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(micros: i64) -> String {
        let mut json = Json::new(40);
        json.time(Micros(micros));
        String::from_utf8(json.finish()).unwrap()
    }

    #[test]
    fn times_are_written_with_as_many_digits_as_they_need() {
        assert_eq!(time(0), "\"1970-01-01T00:00:00+00:00\"");
        assert_eq!(time(951_782_400_123_000), "\"2000-02-29T00:00:00.123+00:00\"");
        assert_eq!(time(1_795_256_999_000_042), "\"2026-11-21T10:29:59.000042+00:00\"");
        assert_eq!(time(-1), "\"1969-12-31T23:59:59.999999+00:00\"");
        assert_eq!(time(4_107_542_400_000_000), "\"2100-03-01T00:00:00+00:00\"");
    }
}
