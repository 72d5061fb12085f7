//! A moment, taken apart as schedules look at it. Read first: [`Moment`], [`Period`].

use jiff::civil::{Date, DateTime};

/// What a schedule can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Period {
    Second,
    Minute,
    Hour,
    /// Seconds since midnight.
    Time,
    Day,
    DayOfWeek,
    /// The how-manieth Monday of the month, and so on.
    DayOfWeekCount,
    DayOfYear,
    WeekOfMonth,
    WeekOfYear,
    Month,
    Year,
}

/// A moment of a wall clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    at: DateTime,
}

/// Counts from Sunday, which is 1.
fn weekday(day: Date) -> i64 {
    i64::from(day.weekday().to_sunday_one_offset())
}

impl Moment {
    pub(crate) fn of(at: DateTime) -> Self {
        Self { at }
    }

    pub(crate) fn at(&self) -> DateTime {
        self.at
    }

    /// Returns the value of a period, and the greatest one that it could have now.
    pub(crate) fn value(&self, period: Period) -> (i64, i64) {
        let (day, date) = (i64::from(self.at.day()), self.at.date());
        let days = i64::from(date.days_in_month());
        // How far the first week of the month has gone when the month begins.
        let lead = weekday(date.first_of_month()) - 1;
        match period {
            Period::Second => (i64::from(self.at.second()), 59),
            Period::Minute => (i64::from(self.at.minute()), 59),
            Period::Hour => (i64::from(self.at.hour()), 23),
            Period::Time => (i64::from(self.at.hour()) * 3_600 + i64::from(self.at.minute()) * 60 + i64::from(self.at.second()), 86_399),
            Period::Day => (day, days),
            Period::DayOfWeek => (weekday(date), 7),
            Period::DayOfWeekCount => ((day - 1) / 7 + 1, (days + 6) / 7),
            Period::DayOfYear => (i64::from(date.day_of_year()), i64::from(date.days_in_year())),
            Period::WeekOfMonth => ((day + lead + 7 - weekday(date)) / 7, (days + lead + 7 - weekday(date.last_of_month())) / 7),
            Period::WeekOfYear => (i64::from(date.iso_week_date().week()), i64::from(date.iso_week_date().weeks_in_year())),
            Period::Month => (i64::from(self.at.month()), 12),
            Period::Year => (i64::from(self.at.year()), 2_450),
        }
    }
}

impl Period {
    /// Tells whether a value stands for the moment; 0 stands for the last one, where there is no 0.
    pub(crate) fn is(self, value: i64, moment: &Moment) -> bool {
        let (now, last) = moment.value(self);
        match self {
            Self::Second | Self::Minute | Self::Hour | Self::Time | Self::Year => now == value,
            // The last Monday is among the last seven days, whichever count it has.
            Self::DayOfWeekCount if value == 0 => {
                let (day, days) = moment.value(Self::Day);
                day > days - 7
            }
            _ => now == if value == 0 { last } else { value },
        }
    }
}
