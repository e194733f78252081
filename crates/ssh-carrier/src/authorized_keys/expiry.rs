//! `expiry-time=`: `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, local time, or UTC with `Z` or `UTC` behind.

use std::time::SystemTime;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What is wrong with an expiry time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpiryError {
    /// The length or a character is wrong.
    #[error("expected YYYYMMDD[HHMM[SS]][Z], found `{0}`")]
    Form(String),
    /// There is no such day or time.
    #[error("`{0}` is no date and time")]
    Range(String),
}

pub(super) fn parse(text: &str) -> Result<SystemTime, ExpiryError> {
    parse_in(text, TimeZone::system)
}

fn parse_in(text: &str, local: impl FnOnce() -> TimeZone) -> Result<SystemTime, ExpiryError> {
    let form = || ExpiryError::Form(text.to_owned());
    let upper = text.to_ascii_uppercase();
    let (digits, zone) = match upper.strip_suffix("UTC").or_else(|| upper.strip_suffix('Z')) {
        Some(digits) => (digits, TimeZone::UTC),
        None => (&*upper, local()),
    };
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(form());
    }
    let two = |at: usize| match digits.get(at..at + 2) {
        Some(pair) => pair.parse::<i8>().map_err(|_| form()),
        None => Ok(0),
    };
    let year = digits[..4].parse().map_err(|_| form())?;
    let range = |_| ExpiryError::Range(text.to_owned());
    let civil = DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?, 0).map_err(range)?;
    Ok(civil.to_zoned(zone).map_err(range)?.timestamp().into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seconds(text: &str, zone: &TimeZone) -> u64 {
        let moment = parse_in(text, || zone.clone()).unwrap();
        moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
    }

    #[test]
    fn times_are_local_unless_they_end_in_z() {
        let east = TimeZone::fixed(jiff::tz::offset(2));
        // `date -u -d '2026-01-02 03:04:05' +%s` says 1767323045.
        assert_eq!(seconds("20260102030405Z", &east), 1_767_323_045);
        assert_eq!(seconds("20260102030405", &east), 1_767_323_045 - 2 * 3600);
        assert_eq!(seconds("202601020304Z", &east), 1_767_323_040);
        assert_eq!(seconds("20260102Z", &east), 1_767_312_000);
        assert_eq!(seconds("20260102utc", &east), 1_767_312_000);
        assert_eq!(seconds("20260102", &east), 1_767_312_000 - 2 * 3600);
    }

    #[test]
    fn malformed_times_are_refused() {
        for bad in [
            "",
            "Z",
            "2026010",
            "202601020",
            "2026-01-02",
            "2026010203",
            "20260102ZZ",
            "20260102+1",
            "２０２６",
        ] {
            assert_eq!(parse(bad), Err(ExpiryError::Form(bad.into())), "{bad}");
        }
        for bad in ["20261301", "20260230Z", "202601022460", "20260102030499Z"] {
            assert_eq!(parse(bad), Err(ExpiryError::Range(bad.into())), "{bad}");
        }
    }
}
