//! Go's `time.Time` and `*time.Location` as values: reading and writing by layouts, arithmetic, zones by name. No clock.
//! Read first: [`Moment`], [`parse`].

mod layout;
mod zone;

pub use layout::{parse, parse_in};
pub use zone::Zone;

use std::cmp::Ordering;

/// `time.RFC3339`.
pub const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
/// `time.RFC3339Nano`.
pub const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// A text that is no time, or none in the given layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimeError(pub(crate) String);

/// A point in time, seen in a zone.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds behind them.
    pub nanoseconds: u32,
    /// In which zone it is written.
    pub zone: Zone,
}

/// Calendar and clock of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year, which may be negative.
    pub year: i64,
    /// Month, from 1.
    pub month: i64,
    /// Day of the month, from 1.
    pub day: i64,
    /// Hour.
    pub hour: i64,
    /// Minute.
    pub minute: i64,
    /// Second.
    pub second: i64,
}

/// The months' names, January first.
pub const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
/// The days' names, Sunday first.
pub const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The years that are read and written: far more than anybody means, and nothing overflows within.
pub(crate) const YEARS: std::ops::RangeInclusive<i64> = -9_999..=9_999;

impl Moment {
    /// Makes a moment of seconds and nanoseconds since 1970.
    pub fn new(seconds: i64, nanoseconds: u32, zone: Zone) -> Self {
        Self { seconds, nanoseconds, zone }
    }

    /// Returns calendar and clock in the moment's zone.
    pub fn civil(&self) -> Civil {
        Civil::of_seconds(self.seconds.saturating_add(i64::from(self.zone.at(self.seconds).0)))
    }

    /// Returns the day of the week; Sunday is 0.
    pub fn weekday(&self) -> usize {
        let civil = self.civil();
        usize::try_from((civil.days() + 4).rem_euclid(7)).unwrap_or(0)
    }

    /// Returns the day of the year, from 1.
    pub fn year_day(&self) -> i64 {
        let civil = self.civil();
        civil.days() - Civil { month: 1, day: 1, ..civil }.days() + 1
    }

    /// Writes the moment in a layout of Go.
    pub fn format(&self, layout: &str) -> String {
        layout::format(self, layout)
    }

    /// Returns the same moment in another zone.
    pub fn with_zone(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// Returns the moment so many nanoseconds later; `None` when the year would have too many digits.
    pub fn later(&self, nanoseconds: i64) -> Option<Self> {
        let total = i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds) + i128::from(nanoseconds);
        let seconds = i64::try_from(total.div_euclid(1_000_000_000)).ok()?;
        let nanoseconds = u32::try_from(total.rem_euclid(1_000_000_000)).ok()?;
        let later = Self { seconds, nanoseconds, zone: self.zone.clone() };
        YEARS.contains(&later.civil().year).then_some(later)
    }

    /// Returns the nanoseconds since another moment; as Go, the longest duration when they are too many.
    pub fn since(&self, other: &Self) -> i64 {
        let seconds = i128::from(self.seconds) - i128::from(other.seconds);
        let total = seconds * 1_000_000_000 + i128::from(self.nanoseconds) - i128::from(other.nanoseconds);
        i64::try_from(total).unwrap_or(if total < 0 { i64::MIN } else { i64::MAX })
    }

    /// Returns which of two moments is earlier, whatever their zones.
    pub fn order(&self, other: &Self) -> Ordering {
        (self.seconds, self.nanoseconds).cmp(&(other.seconds, other.nanoseconds))
    }

    /// Writes the moment as Go's `Time.String`.
    pub fn shown(&self) -> String {
        self.format("2006-01-02 15:04:05.999999999 -0700 MST")
    }

    /// Writes the moment as Kubernetes writes a `metav1.Time`: UTC, whole seconds.
    pub fn kubernetes(&self) -> String {
        self.with_zone(Zone::Utc).format(RFC3339)
    }

    /// Writes the moment as Kubernetes writes a `metav1.MicroTime`.
    pub fn kubernetes_micro(&self) -> String {
        self.with_zone(Zone::Utc).format("2006-01-02T15:04:05.000000Z07:00")
    }
}

/// Reads a time as Kubernetes reads one: RFC 3339, with or without a fraction.
pub fn parse_rfc3339(text: &str) -> Result<Moment, TimeError> {
    parse(RFC3339, text)
}

impl Civil {
    /// Returns the calendar and clock of seconds since 1970.
    pub fn of_seconds(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days from 0000-03-01, so that a leap day is the last of its year.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day, hour: rest / 3_600, minute: rest / 60 % 60, second: rest % 60 }
    }

    /// Returns the days since 1970 of this date; months and days beyond their bounds count on.
    pub fn days(&self) -> i64 {
        let months = self.year * 12 + self.month - 1;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468 + self.day - 1
    }

    /// Returns the seconds since 1970, the date being in UTC.
    pub fn seconds(&self) -> i64 {
        self.days() * 86_400 + self.hour * 3_600 + self.minute * 60 + self.second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_seconds_are_one() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00 +0000 UTC"),
            (951_782_400, "2000-02-29 00:00:00 +0000 UTC"),
            (-62_135_596_800, "0001-01-01 00:00:00 +0000 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 +0000 UTC"),
        ] {
            let moment = Moment::new(seconds, 0, Zone::Utc);
            assert_eq!(moment.shown(), shown);
            assert_eq!(moment.civil().seconds(), seconds);
        }
        assert_eq!(Moment::new(951_782_400, 0, Zone::Utc).weekday(), 2);
        assert_eq!(Moment::new(951_782_400, 0, Zone::Utc).year_day(), 60);
    }

    #[test]
    fn kubernetes_writes_utc() {
        for (text, second, micro) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
            ("2026-01-02T03:04:05.678901234+02:00", "2026-01-02T01:04:05Z", "2026-01-02T01:04:05.678901Z"),
        ] {
            let moment = parse_rfc3339(text).expect(text);
            assert_eq!((moment.kubernetes().as_str(), moment.kubernetes_micro().as_str()), (second, micro));
        }
        for bad in ["2026-01-02", "2026-01-02 03:04:05Z", "2026-02-30T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05"] {
            assert!(parse_rfc3339(bad).is_err(), "{bad}");
        }
    }
}
