//! Go's layouts: a time is read and written by the example of Mon Jan 2 15:04:05 MST 2006. Source: Go time/format.go.

use super::zone::offset;
use super::{Civil, DAYS, MONTHS, Moment, TimeError, YEARS, Zone};

/// A piece of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    LongMonth,
    Month,
    NumberMonth { padded: bool },
    LongDay,
    Day,
    Date { pad: Pad },
    YearDay { pad: Pad },
    Hour,
    Hour12 { padded: bool },
    Minute { padded: bool },
    Second { padded: bool },
    LongYear,
    Year,
    Noon { capital: bool },
    Name,
    Offset { z: bool, form: &'static str },
    Fraction { digits: usize, trimmed: bool, comma: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pad {
    None,
    Zero,
    Space,
}

const OFFSETS: [(&str, &str); 5] = [("070000", "hhmmss"), ("07:00:00", "hh:mm:ss"), ("0700", "hhmm"), ("07:00", "hh:mm"), ("07", "hh")];

/// Splits off the first piece of a layout that stands for something, with the text before it.
fn next(layout: &str) -> (&str, Option<(Piece<'static>, &str)>) {
    for (at, _) in layout.char_indices() {
        let rest = &layout[at..];
        if let Some((piece, length)) = piece(rest) {
            return (&layout[..at], Some((piece, &rest[length..])));
        }
    }
    (layout, None)
}

fn piece(rest: &str) -> Option<(Piece<'static>, usize)> {
    let has = |text: &str| rest.starts_with(text);
    let lower_follows = |length: usize| rest[length..].starts_with(|c: char| c.is_ascii_lowercase());
    let padded = |piece: Piece<'static>| Some((piece, 2));
    Some(match rest.as_bytes().first()? {
        b'J' if has("January") => (Piece::LongMonth, 7),
        b'J' if has("Jan") && !lower_follows(3) => (Piece::Month, 3),
        b'M' if has("Monday") => (Piece::LongDay, 6),
        b'M' if has("Mon") && !lower_follows(3) => (Piece::Day, 3),
        b'M' if has("MST") => (Piece::Name, 3),
        b'0' if has("002") => (Piece::YearDay { pad: Pad::Zero }, 3),
        b'0' => {
            return match rest.as_bytes().get(1)? {
                b'1' => padded(Piece::NumberMonth { padded: true }),
                b'2' => padded(Piece::Date { pad: Pad::Zero }),
                b'3' => padded(Piece::Hour12 { padded: true }),
                b'4' => padded(Piece::Minute { padded: true }),
                b'5' => padded(Piece::Second { padded: true }),
                b'6' => padded(Piece::Year),
                _ => None,
            };
        }
        b'1' if has("15") => (Piece::Hour, 2),
        b'1' => (Piece::NumberMonth { padded: false }, 1),
        b'2' if has("2006") => (Piece::LongYear, 4),
        b'2' => (Piece::Date { pad: Pad::None }, 1),
        // `_2006` is an underscore and a year.
        b'_' if has("_2") && !has("_2006") => (Piece::Date { pad: Pad::Space }, 2),
        b'_' if has("__2") => (Piece::YearDay { pad: Pad::Space }, 3),
        b'3' => (Piece::Hour12 { padded: false }, 1),
        b'4' => (Piece::Minute { padded: false }, 1),
        b'5' => (Piece::Second { padded: false }, 1),
        b'P' if has("PM") => (Piece::Noon { capital: true }, 2),
        b'p' if has("pm") => (Piece::Noon { capital: false }, 2),
        sign @ (b'-' | b'Z') => {
            let (text, form) = OFFSETS.iter().find(|(text, _)| rest[1..].starts_with(text))?;
            (Piece::Offset { z: *sign == b'Z', form }, 1 + text.len())
        }
        b'.' | b',' => return fraction(rest),
        _ => return None,
    })
}

fn fraction(rest: &str) -> Option<(Piece<'static>, usize)> {
    let digit = *rest.as_bytes().get(1)?;
    if digit != b'0' && digit != b'9' {
        return None;
    }
    let digits = rest.bytes().skip(1).take_while(|byte| *byte == digit).count();
    // A digit behind it makes it a literal.
    if rest.as_bytes().get(1 + digits).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((Piece::Fraction { digits, trimmed: digit == b'9', comma: rest.starts_with(',') }, 1 + digits))
}

fn pieces(mut layout: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    loop {
        let (before, found) = next(layout);
        if !before.is_empty() {
            pieces.push(Piece::Literal(before));
        }
        let Some((piece, rest)) = found else { return pieces };
        pieces.push(piece);
        layout = rest;
    }
}

pub(super) fn format(moment: &Moment, layout: &str) -> String {
    let civil = moment.civil();
    let (offset, name) = moment.zone.at(moment.seconds);
    let month = MONTHS[usize::try_from(civil.month - 1).unwrap_or(0).min(11)];
    let mut out = String::with_capacity(layout.len() + 8);
    for piece in pieces(layout) {
        out += &match piece {
            Piece::Literal(text) => text.to_owned(),
            Piece::LongMonth => month.to_owned(),
            Piece::Month => month[..3].to_owned(),
            Piece::NumberMonth { padded } => number(civil.month, if padded { Pad::Zero } else { Pad::None }, 2),
            Piece::LongDay => DAYS[moment.weekday()].to_owned(),
            Piece::Day => DAYS[moment.weekday()][..3].to_owned(),
            Piece::Date { pad } => number(civil.day, pad, 2),
            Piece::YearDay { pad } => number(moment.year_day(), pad, 3),
            Piece::Hour => number(civil.hour, Pad::Zero, 2),
            Piece::Hour12 { padded } => {
                let hour = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
                number(hour, if padded { Pad::Zero } else { Pad::None }, 2)
            }
            Piece::Minute { padded } => number(civil.minute, if padded { Pad::Zero } else { Pad::None }, 2),
            Piece::Second { padded } => number(civil.second, if padded { Pad::Zero } else { Pad::None }, 2),
            Piece::LongYear if civil.year < 0 => format!("-{:04}", -civil.year),
            Piece::LongYear => format!("{:04}", civil.year),
            Piece::Year => number(civil.year.rem_euclid(100), Pad::Zero, 2),
            Piece::Noon { capital } => match (civil.hour >= 12, capital) {
                (true, true) => "PM".to_owned(),
                (true, false) => "pm".to_owned(),
                (false, true) => "AM".to_owned(),
                (false, false) => "am".to_owned(),
            },
            Piece::Name if name.is_empty() => written_offset(offset, "hhmm"),
            Piece::Name => name.clone(),
            Piece::Offset { z: true, .. } if offset == 0 => "Z".to_owned(),
            Piece::Offset { form, .. } => written_offset(offset, form),
            Piece::Fraction { digits, trimmed, comma } => written_fraction(moment.nanoseconds, digits, trimmed, comma),
        };
    }
    out
}

fn number(value: i64, pad: Pad, width: usize) -> String {
    match pad {
        Pad::None => value.to_string(),
        Pad::Zero => format!("{value:0width$}"),
        Pad::Space => format!("{value:width$}"),
    }
}

fn written_offset(offset: i32, form: &str) -> String {
    let (sign, total) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    let (hours, minutes, seconds) = (total / 3_600, total / 60 % 60, total % 60);
    match form {
        "hhmmss" => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        "hh:mm:ss" => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
        "hhmm" => format!("{sign}{hours:02}{minutes:02}"),
        "hh:mm" => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}"),
    }
}

fn written_fraction(nanoseconds: u32, digits: usize, trimmed: bool, comma: bool) -> String {
    let all = format!("{nanoseconds:09}");
    let mut digits = &all[..digits.min(9)];
    if trimmed {
        digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            return String::new();
        }
    }
    format!("{}{digits}", if comma { ',' } else { '.' })
}

/// Reads a time by a layout; without a zone in the text it is in UTC.
pub fn parse(layout: &str, text: &str) -> Result<Moment, TimeError> {
    read(layout, text, &Zone::Utc)
}

/// Reads a time by a layout; without a zone in the text it is in the given one.
pub fn parse_in(layout: &str, text: &str, zone: &Zone) -> Result<Moment, TimeError> {
    read(layout, text, zone)
}

/// What has been read so far.
#[derive(Default)]
struct Parts {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: u32,
    afternoon: Option<bool>,
    offset: Option<i32>,
    name: Option<String>,
    utc: bool,
}

/// Why a piece was not read.
enum Failure {
    Syntax,
    Range(&'static str),
}

fn read(layout: &str, text: &str, zone: &Zone) -> Result<Moment, TimeError> {
    if layout.len() > 1_000 || text.len() > 1_000 {
        return Err(TimeError("the time or its layout is too long".to_owned()));
    }
    let quote = |text: &str| format!("{text:?}");
    let range = |what: &str| {
        let out = if what.contains("match") { "" } else { " out of range" };
        TimeError(format!("parsing time {}: {what}{out}", quote(text)))
    };
    let mut parts = Parts::default();
    let (mut rest, mut layout_rest) = (text, layout);
    loop {
        let (before, found) = next(layout_rest);
        let cannot = |rest: &str, what: &str| {
            TimeError(format!("parsing time {} as {}: cannot parse {} as {}", quote(text), quote(layout), quote(rest), quote(what)))
        };
        rest = skip(rest, before).map_err(|rest| cannot(rest, before))?;
        let Some((piece, behind)) = found else { break };
        let written = &layout_rest[before.len()..layout_rest.len() - behind.len()];
        layout_rest = behind;
        let hold = rest;
        rest = parts.read(piece, rest, behind).map_err(|failure| match failure {
            Failure::Syntax => cannot(hold, written),
            Failure::Range(what) => range(what),
        })?;
    }
    if !rest.is_empty() {
        return Err(TimeError(format!("parsing time {}: extra text: {}", quote(text), quote(rest))));
    }
    parts.finish(zone).map_err(range)
}

/// Steps over a literal; blanks stand for any number of blanks. The error is what is left where they part.
fn skip<'a>(mut text: &'a str, mut literal: &str) -> Result<&'a str, &'a str> {
    while let Some(character) = literal.chars().next() {
        if character == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return Err(text);
            }
            (literal, text) = (literal.trim_start_matches(' '), text.trim_start_matches(' '));
            continue;
        }
        text = text.strip_prefix(character).ok_or(text)?;
        literal = &literal[character.len_utf8()..];
    }
    Ok(text)
}

/// Reads one digit or two.
fn digits(text: &str, both: bool) -> Result<(i64, &str), Failure> {
    let count = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if count == 0 || (both && count < 2) {
        return Err(Failure::Syntax);
    }
    Ok((text[..count].parse().map_err(|_| Failure::Syntax)?, &text[count..]))
}

fn lookup<'a>(names: &[&str], length: Option<usize>, text: &'a str) -> Result<(usize, &'a str), Failure> {
    for (at, name) in names.iter().enumerate() {
        let name = length.map_or(*name, |length| &name[..length]);
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Ok((at, &text[name.len()..]));
        }
    }
    Err(Failure::Syntax)
}

impl Parts {
    fn read<'a>(&mut self, piece: Piece<'_>, text: &'a str, behind: &str) -> Result<&'a str, Failure> {
        let index = |at: usize| i64::try_from(at).unwrap_or(0);
        match piece {
            Piece::Literal(_) => Ok(text),
            Piece::Year => {
                let (year, rest) = digits(text, true)?;
                self.year = if year >= 69 { year + 1_900 } else { year + 2_000 };
                Ok(rest)
            }
            Piece::LongYear => {
                let year = text.get(..4).filter(|year| year.bytes().all(|b| b.is_ascii_digit())).ok_or(Failure::Syntax)?;
                self.year = year.parse().map_err(|_| Failure::Syntax)?;
                Ok(&text[4..])
            }
            Piece::Month | Piece::LongMonth => {
                let (at, rest) = lookup(&MONTHS, (piece == Piece::Month).then_some(3), text)?;
                self.month = Some(index(at) + 1);
                Ok(rest)
            }
            Piece::NumberMonth { padded } => {
                let (month, rest) = digits(text, padded)?;
                self.month = Some(month);
                if (1..=12).contains(&month) { Ok(rest) } else { Err(Failure::Range("month")) }
            }
            Piece::Day | Piece::LongDay => Ok(lookup(&DAYS, (piece == Piece::Day).then_some(3), text)?.1),
            Piece::Date { pad } => {
                let text = if pad == Pad::Space { text.strip_prefix(' ').unwrap_or(text) } else { text };
                let (day, rest) = digits(text, pad == Pad::Zero)?;
                self.day = Some(day);
                Ok(rest)
            }
            Piece::YearDay { pad } => {
                let text = if pad == Pad::Space { text.trim_start_matches(' ') } else { text };
                let count = text.bytes().take(3).take_while(u8::is_ascii_digit).count();
                if count == 0 || (pad == Pad::Zero && count < 3) {
                    return Err(Failure::Syntax);
                }
                self.year_day = text[..count].parse().ok();
                Ok(&text[count..])
            }
            Piece::Hour => {
                let (hour, rest) = digits(text, false)?;
                self.hour = hour;
                if hour < 24 { Ok(rest) } else { Err(Failure::Range("hour")) }
            }
            Piece::Hour12 { padded } => {
                let (hour, rest) = digits(text, padded)?;
                self.hour = hour;
                if hour <= 12 { Ok(rest) } else { Err(Failure::Range("hour")) }
            }
            Piece::Minute { padded } => {
                let (minute, rest) = digits(text, padded)?;
                self.minute = minute;
                if minute < 60 { Ok(rest) } else { Err(Failure::Range("minute")) }
            }
            Piece::Second { padded } => {
                let (second, rest) = digits(text, padded)?;
                self.second = second;
                if second >= 60 {
                    return Err(Failure::Range("second"));
                }
                self.trailing_fraction(rest, behind)
            }
            Piece::Noon { capital } => {
                let (am, pm) = if capital { ("AM", "PM") } else { ("am", "pm") };
                self.afternoon = Some(text.starts_with(pm));
                if text.starts_with(am) || text.starts_with(pm) { Ok(&text[2..]) } else { Err(Failure::Syntax) }
            }
            Piece::Fraction { digits, trimmed: false, .. } => {
                let rest = text.strip_prefix(['.', ',']).ok_or(Failure::Syntax)?;
                let written = rest.get(..digits).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).ok_or(Failure::Syntax)?;
                self.nanoseconds = nanoseconds(written);
                Ok(&rest[digits..])
            }
            Piece::Fraction { .. } => Ok(self.fraction(text)),
            Piece::Name => self.name(text),
            Piece::Offset { z, form } => self.offset(text, z, form),
        }
    }

    /// A fraction behind the seconds is taken although the layout has none.
    fn trailing_fraction<'a>(&mut self, text: &'a str, behind: &str) -> Result<&'a str, Failure> {
        let (before, found) = next(behind);
        if before.is_empty() && matches!(found, Some((Piece::Fraction { .. }, _))) {
            return Ok(text);
        }
        Ok(self.fraction(text))
    }

    fn fraction<'a>(&mut self, text: &'a str) -> &'a str {
        let Some(rest) = text.strip_prefix(['.', ',']) else { return text };
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return text;
        }
        self.nanoseconds = nanoseconds(&rest[..count]);
        &rest[count..]
    }

    fn name<'a>(&mut self, text: &'a str) -> Result<&'a str, Failure> {
        if let Some(rest) = text.strip_prefix("UTC") {
            self.utc = true;
            return Ok(rest);
        }
        let letters = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
        let length = match letters {
            3 => {
                // `GMT+3`.
                let behind = &text[3..];
                let hours =
                    behind.strip_prefix(['+', '-']).map_or("", |rest| &rest[..rest.bytes().take(2).take_while(u8::is_ascii_digit).count()]);
                if text.starts_with("GMT") && !hours.is_empty() { 4 + hours.len() } else { 3 }
            }
            4 if text.as_bytes()[3] == b'T' || text.starts_with("WITA") => 4,
            5 if text.as_bytes()[4] == b'T' => 5,
            _ => return Err(Failure::Syntax),
        };
        self.name = Some(text[..length].to_owned());
        Ok(&text[length..])
    }

    fn offset<'a>(&mut self, text: &'a str, z: bool, form: &str) -> Result<&'a str, Failure> {
        if z && let Some(rest) = text.strip_prefix('Z') {
            self.utc = true;
            return Ok(rest);
        }
        let written = text.get(..form.len() + 1).ok_or(Failure::Syntax)?;
        let sign = match written.as_bytes()[0] {
            b'+' => 1,
            b'-' => -1,
            _ => return Err(Failure::Syntax),
        };
        let mut numbers = [0; 3];
        let (mut at, mut digit) = (0, 0);
        for (wanted, given) in form.bytes().zip(written.bytes().skip(1)) {
            if wanted == b':' {
                if given != b':' {
                    return Err(Failure::Syntax);
                }
                continue;
            }
            if !given.is_ascii_digit() {
                return Err(Failure::Syntax);
            }
            numbers[at] = numbers[at] * 10 + i32::from(given - b'0');
            digit += 1;
            at = digit / 2;
        }
        let [hours, minutes, seconds] = numbers;
        for (bad, what) in
            [(hours > 24, "time zone offset hour"), (minutes >= 60, "time zone offset minute"), (seconds >= 60, "time zone offset second")]
        {
            if bad {
                return Err(Failure::Range(what));
            }
        }
        let total = offset(sign * (hours * 3_600 + minutes * 60 + seconds)).ok_or(Failure::Range("time zone offset"))?;
        self.offset = Some(total);
        Ok(&text[form.len() + 1..])
    }

    fn finish(self, zone: &Zone) -> Result<Moment, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let (mut month, mut day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if let Some(year_day) = self.year_day {
            if year_day < 1 || year_day > 365 + i64::from(leap) {
                return Err("day-of-year");
            }
            let first = Civil { year: self.year, month: 1, day: year_day, hour: 0, minute: 0, second: 0 };
            let date = Civil::of_seconds(first.seconds());
            if self.month.is_some_and(|month| month != date.month) {
                return Err("day-of-year does not match month");
            }
            if self.day.is_some_and(|day| day != date.day) {
                return Err("day-of-year does not match day");
            }
            (month, day) = (date.month, date.day);
        }
        let last = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if day < 1 || day > last || !YEARS.contains(&self.year) {
            return Err("day");
        }
        let civil = Civil { year: self.year, month, day, hour, minute: self.minute, second: self.second };
        let utc = civil.seconds();
        let (seconds, zone) = if self.utc {
            (utc, Zone::Utc)
        } else if let Some(offset) = self.offset {
            let zone = match (zone.of_offset(offset, utc), self.name) {
                (Zone::Fixed(..), Some(name)) => Zone::Fixed(name, offset),
                (zone, _) => zone,
            };
            (utc - i64::from(offset), zone)
        } else if let Some(name) = self.name {
            let hours = name.strip_prefix("GMT").and_then(|hours| hours.parse::<i32>().ok()).unwrap_or(0);
            match zone.named_offset(&name, utc) {
                Some(offset) => (utc - i64::from(offset), zone.clone()),
                None => (utc - i64::from(hours) * 3_600, Zone::Fixed(name, hours * 3_600)),
            }
        } else {
            (zone.seconds_of(&civil), zone.clone())
        };
        Ok(Moment::new(seconds, self.nanoseconds, zone))
    }
}

/// Reads digits behind the point; those beyond the ninth do not count.
fn nanoseconds(digits: &str) -> u32 {
    let digits = &digits[..digits.len().min(9)];
    digits.parse::<u32>().unwrap_or(0) * 10_u32.pow(9 - u32::try_from(digits.len()).unwrap_or(9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_read_and_write() {
        for (layout, text, shown) in [
            ("2006-01-02", "2023-08-14", "2023-08-14 00:00:00 +0000 UTC"),
            ("15:04:05", "23:59:01", "0000-01-01 23:59:01 +0000 UTC"),
            ("02 Jan 06 15:04 MST", "02 Jan 06 15:04 MST", "2006-01-02 15:04:00 +0000 MST"),
            ("Monday, 02-Jan-06 15:04:05 MST", "Monday, 02-Jan-06 15:04:05 UTC", "2006-01-02 15:04:05 +0000 UTC"),
            ("Mon, 02 Jan 2006 15:04:05 -0700", "Tue, 10 Nov 2009 23:00:00 -0800", "2009-11-10 23:00:00 -0800 -0800"),
            ("Jan _2 3:04PM 2006", "Feb  4 12:30AM 2024", "2024-02-04 00:30:00 +0000 UTC"),
            ("2006-002", "2024-060", "2024-02-29 00:00:00 +0000 UTC"),
            ("2006-01-02T15:04:05.000Z07:00", "2024-02-29T01:02:03.004+05:30", "2024-02-29 01:02:03.004 +0530 +0530"),
            ("15:04:05", "01:02:03.5", "0000-01-01 01:02:03.5 +0000 UTC"),
        ] {
            assert_eq!(parse(layout, text).map(|moment| moment.shown()).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_says_why() {
        for (layout, text, why) in [
            ("2006-01-02", "2023-13-01", r#"parsing time "2023-13-01": month out of range"#),
            ("2006-01-02", "2023-02-29", r#"parsing time "2023-02-29": day out of range"#),
            ("2006-01-02", "x", r#"parsing time "x" as "2006-01-02": cannot parse "x" as "2006""#),
            ("2006-01-02", "2023-01-01x", r#"parsing time "2023-01-01x": extra text: "x""#),
        ] {
            assert_eq!(parse(layout, text).map(|moment| moment.shown()).map_err(|error| error.to_string()), Err(why.to_owned()));
        }
    }

    #[test]
    fn zones_have_their_summer() {
        let zone = Zone::find("Europe/Zurich").expect("a zone");
        let moment = parse_in("2006-01-02 15:04:05", "2023-08-14 00:00:00", &zone).expect("a time");
        assert_eq!(moment.shown(), "2023-08-14 00:00:00 +0200 CEST");
        assert_eq!(moment.with_zone(Zone::Utc).shown(), "2023-08-13 22:00:00 +0000 UTC");
        assert!(Zone::find("Europe/Nowhere").is_err());
    }
}
