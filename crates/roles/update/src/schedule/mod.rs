//! Renovate's schedules: entries in words, `before 5am on monday`, or as cron, `* 0-4 * * 1`; one of them has to hold.
//! Read first: [`Schedule`], [`Zone`]. Pure: the moment and the zone are arguments, and zones come from the database in this program.

mod cron;
mod moment;
mod words;

use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::Timestamp;

use cron::Cron;
use moment::Moment;
use words::Words;

/// Longest entry, and most entries.
const LONGEST: usize = 500;
const ENTRIES: usize = 100;
/// How far ahead an opening is looked for, and how much may be looked at for it.
const DAYS: i64 = 400;
const LOOKS: usize = 500_000;

/// When something may be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Cron(Cron),
    Words(Words),
}

/// An entry that says nothing that can be kept to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It is neither words nor cron.
    #[error("{0:?} is no schedule")]
    Unreadable(String),
    /// Updates are not timed to the minute.
    #[error("{0:?} names minutes, and a schedule may not")]
    Minutes(String),
    /// It names no month, day or time.
    #[error("{0:?} names no month, day or span of time")]
    Unlimited(String),
    /// There is too much of it.
    #[error("a schedule has at most {ENTRIES} entries of {LONGEST} bytes")]
    TooLong,
}

impl Schedule {
    /// Reads the entries of the option `schedule`. None at all, or `at any time` in front, is always.
    pub fn parse(entries: &[String]) -> Result<Self, ScheduleError> {
        if entries.first().is_none_or(|first| first.is_empty() || first == "at any time") {
            return Ok(Self::default());
        }
        if entries.len() > ENTRIES || entries.iter().any(|entry| entry.len() > LONGEST) {
            return Err(ScheduleError::TooLong);
        }
        entries.iter().map(|entry| Entry::parse(entry)).collect::<Result<_, _>>().map(Self)
    }

    /// Tells whether it is always.
    pub fn is_always(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether a moment is in it.
    pub fn is_open(&self, now: Timestamp, zone: &Zone) -> bool {
        self.holds(zone.0.to_datetime(now))
    }

    /// Returns when it opens next; `None` when it does not within a year, is always open, or takes too much looking.
    pub fn opens(&self, now: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let today = zone.0.to_datetime(now);
        let times = self.times();
        let days = (0..DAYS).map_while(|ahead| today.date().checked_add(jiff::Span::new().days(ahead)).ok());
        let moments = days.flat_map(|day| times.iter().map(move |time| day.to_datetime(*time)));
        let open = moments.take(LOOKS / self.0.len().max(1)).filter(|moment| *moment > today && self.holds(*moment));
        // What a zone skips is no moment.
        open.filter_map(|moment| zone.0.to_timestamp(moment).ok()).find(|moment| *moment > now && self.is_open(*moment, zone))
    }

    fn holds(&self, moment: civil::DateTime) -> bool {
        let moment = Moment::of(moment);
        self.0.is_empty()
            || self.0.iter().any(|entry| match entry {
                Entry::Cron(cron) => cron.holds(&moment),
                Entry::Words(words) => words.holds(&moment),
            })
    }

    /// Times of a day at which something may open: the hours, and what is named.
    fn times(&self) -> Vec<civil::Time> {
        let named = self.0.iter().flat_map(|entry| match entry {
            Entry::Cron(_) => Vec::new(),
            Entry::Words(words) => words.times(),
        });
        let mut seconds: Vec<i64> = (0..24).map(|hour| hour * 3_600).chain(named).collect();
        seconds.sort_unstable();
        seconds.dedup();
        let time = |second: i64| civil::Time::new((second / 3_600) as i8, (second / 60 % 60) as i8, (second % 60) as i8, 0).ok();
        seconds.into_iter().filter(|second| (0..86_400).contains(second)).filter_map(time).collect()
    }
}

/// Returns the times, in seconds since midnight, after and before which an entry holds.
pub(crate) fn span(entry: &str) -> Option<(i64, i64)> {
    if entry.len() > LONGEST || !entry.contains(" and ") {
        return None;
    }
    Words::parse(entry)?.span()
}

impl Entry {
    fn parse(text: &str) -> Result<Self, ScheduleError> {
        if let Some(cron) = Cron::parse(text) {
            return if cron.every_minute && text.starts_with('*') {
                Ok(Self::Cron(cron))
            } else {
                Err(ScheduleError::Minutes(text.to_owned()))
            };
        }
        let meant = match text {
            "every month" | "monthly" => "before 5am on the first day of the month",
            text => text,
        };
        let words = Words::parse(meant).ok_or_else(|| ScheduleError::Unreadable(text.to_owned()))?;
        if words.names_minutes() {
            return Err(ScheduleError::Minutes(text.to_owned()));
        }
        if words.is_unlimited() {
            return Err(ScheduleError::Unlimited(text.to_owned()));
        }
        Ok(Self::Words(words))
    }
}

/// A time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// Finds a zone by its name, `Europe/Berlin`, or by its distance from UTC, `utc+3`; capitals do not count.
    pub fn parse(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        if lower == "utc" || lower == "gmt" {
            return Some(Self::default());
        }
        if let Some(offset) = lower.strip_prefix("utc").or_else(|| lower.starts_with(['+', '-']).then_some(lower.as_str())) {
            return fixed(offset).map(Self);
        }
        TimeZoneDatabase::bundled().get(name).ok().map(Self)
    }
}

/// Reads `+3`, `-03:30`.
fn fixed(text: &str) -> Option<TimeZone> {
    let (sign, rest) = text.strip_prefix('+').map(|rest| (1, rest)).or_else(|| text.strip_prefix('-').map(|rest| (-1, rest)))?;
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "00"));
    let fits = |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !fits(hours, 2) || !fits(minutes, 2) || minutes.len() != 2 {
        return None;
    }
    let seconds = sign * (hours.parse::<i32>().ok()? * 3_600 + minutes.parse::<i32>().ok()? * 60);
    jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}

#[cfg(test)]
mod tests;
