//! Schedules in words: `after 10pm and before 5am every weekday`. Read first: [`Words`]. Follows later.js: what is named first may be
//! named again, each kind of thing has to hold, and of the values of one kind one has to.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::moment::{Moment, Period};

/// Most values of one kind.
const VALUES: usize = 3_000;

/// Alternatives of conditions, and exceptions from them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Words {
    schedules: Vec<Conditions>,
    exceptions: Vec<Conditions>,
}

type Conditions = BTreeMap<(Period, Side), Vec<i64>>;

/// How a value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    At,
    After,
    Before,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Rank,
    Time,
    DayName,
    MonthName,
    Year,
    Every,
    After,
    Before,
    Period(Period),
    Weekday,
    Weekend,
    Between,
    Start,
    At,
    And,
    Except,
    Also,
    First,
    Last,
    In,
    Of,
    OnThe,
    On,
    Through,
}

/// The words of each token. Of those that are wanted the longest counts, and of equally long ones the first.
static TOKENS: LazyLock<Vec<(Token, Regex)>> = LazyLock::new(|| {
    let table = [
        (Token::Rank, r"\d+(?:st|nd|rd|th)?\b"),
        (Token::Time, r"(?:(?:0?[1-9]|1[0-2]):[0-5]\d\s?(?:am|pm)|(?:0?\d|1\d|2[0-3]):[0-5]\d)\b"),
        (Token::DayName, r"(?:sun|mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?)(?:day)?\b"),
        (
            Token::MonthName,
            r"(?:jan(?:uary)?|feb(?:ruary)?|ma(?:r(?:ch)?|y)?|apr(?:il)?|ju(?:ly|ne)|aug(?:ust)?|oct(?:ober)?|(?:sept|nov|dec)(?:ember)?)\b",
        ),
        (Token::Year, r"\d{4}\b"),
        (Token::Every, r"every\b"),
        (Token::After, r"after\b"),
        (Token::Before, r"before\b"),
        (Token::Period(Period::Second), r"(?:s|sec(?:ond)?s?)\b"),
        (Token::Period(Period::Minute), r"(?:m|min(?:ute)?s?)\b"),
        (Token::Period(Period::Hour), r"(?:h|hours?)\b"),
        (Token::Period(Period::DayOfYear), r"days? of the year\b"),
        (Token::Period(Period::DayOfWeek), r"days? of the week\b"),
        (Token::Period(Period::DayOfWeekCount), r"day instance\b"),
        (Token::Period(Period::Day), r"days?(?: of the month)?\b"),
        (Token::Period(Period::Month), r"months?\b"),
        (Token::Period(Period::Year), r"years?\b"),
        (Token::Period(Period::WeekOfMonth), r"weeks? of the month\b"),
        (Token::Period(Period::WeekOfYear), r"weeks?(?: of the year)?\b"),
        (Token::Weekday, r"weekday\b"),
        (Token::Weekend, r"weekend\b"),
        (Token::Between, r"between (?:the)?\b"),
        (Token::Start, r"start(?:ing)? (?:at|on(?: the)?)?\b"),
        (Token::At, r"(?:at|@)\b"),
        (Token::And, r"(?:,|and\b)"),
        (Token::Except, r"except\b"),
        (Token::Also, r"also\b"),
        (Token::First, r"first\b"),
        (Token::Last, r"last\b"),
        (Token::In, r"in\b"),
        (Token::Of, r"of\b"),
        (Token::OnThe, r"on the\b"),
        (Token::On, r"on\b"),
        (Token::Through, r"(?:-|(?:to|through)\b)"),
    ];
    table.into_iter().map(|(token, text)| (token, Regex::new(&format!("^(?-u:{text})")).expect("the pattern is fixed"))).collect()
});

/// A time is given to the minute: `5am` is written out.
static SHORT_HOUR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"( [0-9]?[0-9])([ap]m)").expect("the pattern is fixed"));

const PERIODS: [Period; 11] = [
    Period::Second,
    Period::Minute,
    Period::Hour,
    Period::DayOfYear,
    Period::DayOfWeek,
    Period::DayOfWeekCount,
    Period::Day,
    Period::Month,
    Period::Year,
    Period::WeekOfMonth,
    Period::WeekOfYear,
];

/// Returns the smallest value of a period, the greatest, and the one that stands for the last.
fn span(period: Period) -> (i64, i64, i64) {
    match period {
        Period::Second | Period::Minute => (0, 59, 59),
        Period::Hour => (0, 23, 23),
        Period::Time => (0, 86_399, 86_399),
        Period::Day => (1, 31, 0),
        Period::DayOfWeek => (1, 7, 7),
        Period::DayOfWeekCount | Period::WeekOfMonth => (1, 5, 0),
        Period::DayOfYear => (1, 366, 0),
        Period::WeekOfYear => (1, 53, 0),
        Period::Month => (1, 12, 12),
        Period::Year => (1_970, 2_450, 2_450),
    }
}

impl Words {
    /// Reads a text; `None` when it is not understood.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = SHORT_HOUR.replace_all(text, "${1}:00${2}").to_lowercase();
        let mut parser = Parser { rest: &text, words: Self::default(), excepting: false, current: None, last: None };
        while !parser.rest.is_empty() {
            parser.expression()?;
        }
        let words = parser.words;
        // An alternative without a condition would always hold.
        let empty = words.schedules.is_empty() || words.schedules.iter().chain(&words.exceptions).any(Conditions::is_empty);
        (!empty).then_some(words)
    }

    pub(crate) fn names_minutes(&self) -> bool {
        self.schedules.iter().any(|conditions| conditions.contains_key(&(Period::Minute, Side::At)))
    }

    /// Tells whether it names no month, no day and no span of time.
    pub(crate) fn is_unlimited(&self) -> bool {
        let limits = [
            (Period::Month, Side::At),
            (Period::DayOfWeek, Side::At),
            (Period::Day, Side::At),
            (Period::Time, Side::After),
            (Period::Time, Side::Before),
        ];
        !self.schedules.iter().any(|conditions| limits.iter().any(|limit| conditions.contains_key(limit)))
    }

    /// Returns the times after and before which its first alternative holds.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let time = |side| self.schedules.first()?.get(&(Period::Time, side))?.first().copied();
        time(Side::After).zip(time(Side::Before))
    }

    /// Tells whether a moment is in it.
    pub(crate) fn holds(&self, moment: &Moment) -> bool {
        let holds = |conditions: &Conditions| conditions.iter().all(|(key, values)| condition_holds(*key, values, moment));
        self.schedules.iter().any(holds) && !self.exceptions.iter().any(holds)
    }

    /// Returns the times of a day that it names, in seconds.
    pub(crate) fn times(&self) -> Vec<i64> {
        let all = self.schedules.iter().chain(&self.exceptions);
        all.flatten().filter(|((period, _), _)| *period == Period::Time).flat_map(|(_, values)| values.clone()).collect()
    }
}

fn condition_holds((period, side): (Period, Side), values: &[i64], moment: &Moment) -> bool {
    let (now, last) = moment.value(period);
    match side {
        Side::After => values.first().is_some_and(|value| now >= *value),
        Side::Before => values.last().is_some_and(|value| now < *value),
        Side::At => next(now, values, span(period).0, last).is_some_and(|value| period.is(value, moment)),
    }
}

/// Finds the value that comes at or after now. Values are looked at from behind, as if they were in order.
fn next(now: i64, values: &[i64], smallest: i64, last: i64) -> Option<i64> {
    let mut found = 0;
    for (at, value) in values.iter().enumerate().rev() {
        if *value == now {
            return Some(now);
        }
        if *value > now || (*value == 0 && smallest != 0 && last > now) {
            found = at;
            continue;
        }
        break;
    }
    values.get(found).copied()
}

struct Parser<'a> {
    rest: &'a str,
    words: Words,
    excepting: bool,
    /// Which alternative is written to.
    current: Option<usize>,
    /// What `every` was last said about: the kind, how often, and how many values it had before.
    last: Option<(Period, i64, usize)>,
}

impl<'a> Parser<'a> {
    fn expression(&mut self) -> Option<()> {
        let wanted = [
            Token::Every,
            Token::After,
            Token::Before,
            Token::OnThe,
            Token::On,
            Token::Of,
            Token::In,
            Token::At,
            Token::And,
            Token::Except,
            Token::Also,
        ];
        match self.take(&wanted)?.0 {
            Token::Every => self.every(),
            Token::After => self.limit(Side::After),
            Token::Before => self.limit(Side::Before),
            Token::OnThe => self.on_the(),
            Token::On => {
                let values = self.ranges(Token::DayName)?;
                self.add(Period::DayOfWeek, Side::At, values)
            }
            Token::Of => {
                let values = self.ranges(Token::MonthName)?;
                self.add(Period::Month, Side::At, values)
            }
            Token::In => {
                let values = self.ranges(Token::Year)?;
                self.add(Period::Year, Side::At, values)
            }
            Token::At => loop {
                let time = self.number(Token::Time)?;
                self.add(Period::Time, Side::At, vec![time])?;
                if self.take(&[Token::And]).is_none() {
                    return Some(());
                }
            },
            Token::Except => {
                (self.excepting, self.current) = (true, None);
                Some(())
            }
            Token::Also => {
                let list = if self.excepting { &mut self.words.exceptions } else { &mut self.words.schedules };
                list.push(Conditions::new());
                self.current = Some(list.len() - 1);
                Some(())
            }
            _ => Some(()),
        }
    }

    fn every(&mut self) -> Option<()> {
        if self.take(&[Token::Weekend]).is_some() {
            return self.add(Period::DayOfWeek, Side::At, vec![1, 7]);
        }
        if self.take(&[Token::Weekday]).is_some() {
            return self.add(Period::DayOfWeek, Side::At, (2..=6).collect());
        }
        let step = self.number(Token::Rank)?.max(1);
        let period = self.period()?;
        let (from, to, _) = span(period);
        self.add_every(period, step, from, to)?;
        if self.take(&[Token::Start]).is_some() {
            let from = self.number(Token::Rank)?;
            self.again(from, to)?;
            return (self.period_of(&[period])? == period).then_some(());
        }
        if self.take(&[Token::Between]).is_some() {
            let from = self.number(Token::Rank)?;
            if self.take(&[Token::And]).is_some() {
                let to = self.number(Token::Rank)?;
                return self.again(from, to);
            }
        }
        Some(())
    }

    fn limit(&mut self, side: Side) -> Option<()> {
        match self.take(&[Token::Time]) {
            Some((_, text)) => {
                let time = seconds(text)?;
                self.add(Period::Time, side, vec![time])
            }
            None => {
                let value = self.number(Token::Rank)?;
                let period = self.period()?;
                self.add(period, side, vec![value])
            }
        }
    }

    fn on_the(&mut self) -> Option<()> {
        if self.take(&[Token::First]).is_some() {
            let period = self.period()?;
            return self.add(period, Side::At, vec![span(period).0]);
        }
        if self.take(&[Token::Last]).is_some() {
            let period = self.period()?;
            return self.add(period, Side::At, vec![span(period).2]);
        }
        let values = self.ranges(Token::Rank)?;
        let period = self.period()?;
        self.add(period, Side::At, values)
    }

    fn ranges(&mut self, token: Token) -> Option<Vec<i64>> {
        let mut all = Vec::new();
        loop {
            let from = self.number(token)?;
            let to = if self.take(&[Token::Through]).is_some() { self.number(token)? } else { from };
            // A range that falls would mean nothing.
            if from > to || to.saturating_sub(from) > VALUES as i64 || all.len() > VALUES {
                return None;
            }
            all.extend(from..=to);
            if self.take(&[Token::And]).is_none() {
                return Some(all);
            }
        }
    }

    fn period(&mut self) -> Option<Period> {
        self.period_of(&PERIODS)
    }

    fn period_of(&mut self, periods: &[Period]) -> Option<Period> {
        let wanted: Vec<Token> = periods.iter().map(|period| Token::Period(*period)).collect();
        match self.take(&wanted)?.0 {
            Token::Period(period) => Some(period),
            _ => None,
        }
    }

    fn number(&mut self, token: Token) -> Option<i64> {
        let (_, text) = self.take(&[token])?;
        let digits = || text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok();
        let place = |names: [&str; 12]| names.iter().position(|name| text.starts_with(name)).map(|at| at as i64 + 1);
        match token {
            Token::Time => seconds(text),
            Token::DayName => place(["sun", "mon", "tue", "wed", "thu", "fri", "sat", "-", "-", "-", "-", "-"]),
            Token::MonthName => place(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
            _ => digits(),
        }
    }

    /// Takes the longest of some tokens, if one is next.
    fn take(&mut self, wanted: &[Token]) -> Option<(Token, &'a str)> {
        let rest = self.rest.trim_start();
        let mut best: Option<(Token, usize)> = None;
        for token in wanted {
            let length = TOKENS.iter().find(|(known, _)| known == token).and_then(|(_, words)| words.find(rest)).map(|found| found.end());
            if let Some(length) = length.filter(|length| best.is_none_or(|(_, longest)| *length > longest)) {
                best = Some((*token, length));
            }
        }
        let (token, length) = best?;
        self.rest = &rest[length..];
        Some((token, &rest[..length]))
    }

    fn list(&mut self, period: Period, side: Side) -> &mut Vec<i64> {
        let list = if self.excepting { &mut self.words.exceptions } else { &mut self.words.schedules };
        let at = *self.current.get_or_insert_with(|| {
            if list.is_empty() {
                list.push(Conditions::new());
            }
            0
        });
        list[at].entry((period, side)).or_default()
    }

    fn add(&mut self, period: Period, side: Side, values: Vec<i64>) -> Option<()> {
        let list = self.list(period, side);
        for value in values {
            if !list.contains(&value) {
                list.push(value);
            }
        }
        (list.len() <= VALUES).then_some(())
    }

    fn add_every(&mut self, period: Period, step: i64, from: i64, to: i64) -> Option<()> {
        self.last = Some((period, step, self.list(period, Side::At).len()));
        let count = (to.saturating_sub(from) / step).max(0) as usize;
        let values = (0..=count).map(|at| from.saturating_add(at as i64 * step)).filter(|value| *value <= to);
        if count > VALUES { None } else { self.add(period, Side::At, values.collect()) }
    }

    /// Says anew from where to where `every` goes.
    fn again(&mut self, from: i64, to: i64) -> Option<()> {
        let (period, step, before) = self.last?;
        self.list(period, Side::At).truncate(before);
        self.add_every(period, step, from, to)
    }
}

/// Reads `5:00am`, `17:30`.
fn seconds(text: &str) -> Option<i64> {
    let (hour, rest) = text.split_once(':')?;
    let (hour, minute) = (hour.parse::<i64>().ok()?, rest.get(..2)?.parse::<i64>().ok()?);
    let hour = match (rest.ends_with("pm"), rest.ends_with("am"), hour) {
        (true, _, 1..12) => hour + 12,
        (_, true, 12) => 0,
        _ => hour,
    };
    Some(hour * 3_600 + minute * 60)
}
