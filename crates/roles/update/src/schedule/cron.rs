//! Schedules as cron: five fields, with seconds six, with a year seven. Read first: [`Cron`]. Follows croner, where a day has to fit
//! both the field of days and that of weekdays.

use jiff::civil::Date;

use super::moment::{Moment, Period};

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    /// Whether the field of minutes leaves none out, as schedules must.
    pub every_minute: bool,
    hours: Vec<bool>,
    days: Days,
    months: Vec<bool>,
    weekdays: Option<[u8; 7]>,
    years: Option<Vec<u16>>,
}

/// The field of days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Days {
    plain: Vec<bool>,
    /// Days whose nearest working day is meant.
    nearest: Vec<usize>,
    last: bool,
    last_working: bool,
}

/// Of a weekday's bits: each of the first five, and the last.
const EVERY: u8 = 63;
const LAST: u8 = 32;

impl Cron {
    /// Reads a pattern; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut fields: Vec<String> = text.split_whitespace().map(|field| field.replace('?', "*")).collect();
        if !(5..=7).contains(&fields.len()) {
            return None;
        }
        if fields.len() == 5 {
            fields.insert(0, "0".to_owned());
        }
        if fields.len() == 6 {
            fields.push("*".to_owned());
        }
        let [seconds, minutes, hours, days, months, weekdays, years]: [String; 7] = fields.try_into().ok()?;
        plain(&seconds, 0, 60)?;
        let minutes = plain(&minutes, 0, 60)?;
        let months = if months.len() >= 3 { named(&months, &MONTHS) } else { months };
        Some(Self {
            every_minute: minutes.iter().all(|minute| *minute),
            hours: plain(&hours, 0, 24)?,
            days: Days::parse(&days)?,
            months: plain(&months, 1, 12)?,
            weekdays: weekdays_of(&weekdays)?,
            years: years_of(&years)?,
        })
    }

    /// Tells whether a moment's minute is in it.
    pub(crate) fn holds(&self, moment: &Moment) -> bool {
        let value = |period| moment.value(period).0 as usize;
        let date = moment.at().date();
        self.hours[value(Period::Hour)]
            && self.months[value(Period::Month) - 1]
            && self.years.as_ref().is_none_or(|years| years.contains(&(value(Period::Year) as u16)))
            && self.days.holds(date)
            && self.weekdays.is_none_or(|weekdays| weekday_holds(&weekdays, date))
    }
}

impl Days {
    fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("lw") {
            return Some(Self { plain: vec![false; 31], last_working: true, ..Self::default() });
        }
        let last = text.contains(['L', 'l']);
        let mut days = Self { plain: vec![false; 31], last, ..Self::default() };
        for part in text.replace(['L', 'l'], "").split(',') {
            match part.strip_suffix(['W', 'w']) {
                Some(day) => days.nearest.push(day.parse().ok().filter(|day| (1..=31).contains(day))?),
                None if part.is_empty() && last => {}
                None => {
                    let found = plain(part, 1, 31)?;
                    days.plain.iter_mut().zip(found).for_each(|(all, one)| *all |= one);
                }
            }
        }
        Some(days)
    }

    fn holds(&self, date: Date) -> bool {
        let (day, days) = (date.day() as usize, date.days_in_month() as usize);
        let weekday = |day: usize| Date::new(date.year(), date.month(), day as i8).map_or(1, |date| date.weekday().to_monday_zero_offset());
        let last_working = || match weekday(days) {
            5 => days - 1,
            6 => days - 2,
            _ => days,
        };
        let nearest = |wanted: usize| match weekday(wanted) {
            5 if wanted == 1 => 3,
            5 => wanted - 1,
            6 if wanted == days => wanted - 2,
            6 => wanted + 1,
            _ => wanted,
        };
        self.plain[day - 1]
            || (self.last && day == days)
            || (self.last_working && day == last_working())
            || self.nearest.iter().any(|wanted| *wanted <= days && nearest(*wanted) == day)
    }
}

fn weekday_holds(weekdays: &[u8; 7], date: Date) -> bool {
    let bits = weekdays[date.weekday().to_sunday_zero_offset() as usize];
    let count = (date.day() - 1) / 7;
    let last = date.day() + 7 > date.days_in_month();
    bits & (1 << count) & 31 != 0 || (bits & LAST != 0 && last)
}

const MONTHS: [(&str, &str); 12] = [
    ("jan", "1"),
    ("feb", "2"),
    ("mar", "3"),
    ("apr", "4"),
    ("may", "5"),
    ("jun", "6"),
    ("jul", "7"),
    ("aug", "8"),
    ("sep", "9"),
    ("oct", "10"),
    ("nov", "11"),
    ("dec", "12"),
];

/// A week may end with a Sunday.
const WEEKDAYS: [(&str, &str); 8] =
    [("-sun", "-7"), ("sun", "0"), ("mon", "1"), ("tue", "2"), ("wed", "3"), ("thu", "4"), ("fri", "5"), ("sat", "6")];

fn named(text: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(text.to_ascii_lowercase(), |text, (name, number)| text.replace(name, number))
}

/// Returns the bits of each weekday, from Sunday on; `Some(None)` when all are meant.
fn weekdays_of(text: &str) -> Option<Option<[u8; 7]>> {
    let text = if text.len() >= 3 { named(text, &WEEKDAYS) } else { text.to_owned() };
    let text = text.strip_prefix('+').unwrap_or(&text);
    if text == "*" {
        return Some(None);
    }
    let mut all = [0; 7];
    for part in text.split(',') {
        let (body, bits) = match (part.split_once('#'), part.strip_suffix(['L', 'l'])) {
            (Some((body, count)), _) => (body, 1 << count.parse::<u8>().ok().filter(|count| (1..=5).contains(count))?.checked_sub(1)?),
            (None, Some(body)) => (body, LAST),
            (None, None) => (part, EVERY),
        };
        // The eighth is Sunday again.
        let steps = if body.contains('/') && !body.contains('-') { 7 } else { 8 };
        let found = plain(body, 0, steps)?;
        found.iter().enumerate().filter(|(_, set)| **set).for_each(|(at, _)| {
            let place = &mut all[at % 7];
            *place = if bits == EVERY { EVERY } else { *place | bits };
        });
    }
    Some(Some(all))
}

/// Returns the years; `Some(None)` when all are meant.
fn years_of(text: &str) -> Option<Option<Vec<u16>>> {
    if text == "*" {
        return Some(None);
    }
    let set = plain(text, 0, 10_000)?;
    // There is no year 0.
    let years = set.iter().enumerate().filter(|(_, set)| **set).map(|(at, _)| at as u16);
    let years: Vec<u16> = years.collect();
    (!years.contains(&0)).then_some(Some(years))
}

/// Reads a field of numbers, ranges and steps: `*`, `1,2`, `1-5`, `*/2`, `1-10/3`. `first` is the smallest number.
fn plain(text: &str, first: usize, count: usize) -> Option<Vec<bool>> {
    let mut set = vec![false; count];
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step = step.map_or(Some(1), |step| number(step).filter(|step| (1..=count).contains(step)))?;
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None if range == "*" => (first, first + count - 1),
            // A step needs a range or a star before it.
            None if part.contains('/') => return None,
            None => (number(range)?, number(range)?),
        };
        if from > to || from < first || to >= first + count {
            return None;
        }
        (from..=to).step_by(step).for_each(|at| set[at - first] = true);
    }
    Some(set)
}

fn number(text: &str) -> Option<usize> {
    (!text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}
