//! When a cron job is due: five fields, or a word with `@`. Follows robfig/cron v3 `parser.go`, `spec.go` and `constantdelay.go`,
//! which Kubernetes uses.

use crate::time::{Civil, Moment, Zone};

/// The years that are searched for a time that fits.
const YEARS: i64 = 5;
/// A field and its bounds.
const FIELDS: [(&str, u32, u32); 5] = [("minute", 0, 59), ("hour", 0, 23), ("dom", 1, 31), ("month", 1, 12), ("dow", 0, 6)];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A schedule in its zone. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule(Due);

#[derive(Debug, Clone, PartialEq)]
enum Due {
    /// So many seconds after the last time.
    Every(i64),
    /// When the clock shows this.
    Clock { zone: Zone, fields: [Field; 5] },
}

/// The values that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    bits: u64,
    /// Whether all fit, which makes the other of the two kinds of days decide.
    star: bool,
}

impl Field {
    fn has(self, value: i64) -> bool {
        u32::try_from(value).is_ok_and(|value| value < 64 && self.bits & (1 << value) != 0)
    }
}

impl Schedule {
    /// Reads a schedule; a zone that the text itself names wins over the given one. Errors are in cron's own words.
    pub fn parse(text: &str, zone: Zone) -> Result<Self, String> {
        let named = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ="));
        let (zone, text) = match named {
            None => (zone, text),
            Some(rest) => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                (Zone::find(name).map_err(|error| format!("provided bad location {name}: {error}"))?, rest.trim())
            }
        };
        let words = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        if let Some(every) = words.strip_prefix("@every ") {
            let nanoseconds =
                crate::parse_duration_signed(every).map_err(|error| format!("failed to parse duration {words}: {}", error.as_go()))?;
            return Ok(Self(Due::Every((nanoseconds / 1_000_000_000).max(1))));
        }
        if words.starts_with('@') {
            return Err(format!("unrecognized descriptor: {words}"));
        }
        let parts: Vec<&str> = words.split_whitespace().collect();
        let Ok(parts) = <[&str; 5]>::try_from(parts.as_slice()) else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", parts.len(), parts.join(" ")));
        };
        let mut fields = [Field { bits: 0, star: false }; 5];
        for ((field, text), bounds) in fields.iter_mut().zip(parts).zip(FIELDS) {
            for part in text.split(',').filter(|part| !part.is_empty()) {
                let found = range(part, bounds)?;
                *field = Field { bits: field.bits | found.bits, star: field.star || found.star };
            }
        }
        Ok(Self(Due::Clock { zone, fields }))
    }

    /// Returns the first time after another; `None` when none comes in years.
    pub fn next(&self, after: i64) -> Option<i64> {
        match &self.0 {
            Due::Every(seconds) => after.checked_add(*seconds),
            Due::Clock { zone, fields } => next(zone, fields, after.checked_add(1)?),
        }
    }
}

fn range(text: &str, (field, least, most): (&str, u32, u32)) -> Result<Field, String> {
    let number = |text: &str| {
        let named = match field {
            "month" => MONTHS.iter().position(|name| text.eq_ignore_ascii_case(name)).map(|at| at + 1),
            "dow" => DAYS.iter().position(|name| text.eq_ignore_ascii_case(name)),
            _ => None,
        };
        match named.and_then(|at| u32::try_from(at).ok()) {
            Some(number) => Ok(number),
            None => {
                text.parse::<u32>().map_err(|_| format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax"))
            }
        }
    };
    let mut pieces = text.split('/');
    let (span, step) = (pieces.next().unwrap_or_default(), pieces.next());
    if pieces.next().is_some() {
        return Err(format!("too many slashes: {text}"));
    }
    let mut star = matches!(span, "*" | "?");
    let mut ends = span.split('-');
    let (first, second) = (ends.next().unwrap_or_default(), ends.next());
    if ends.next().is_some() {
        return Err(format!("too many hyphens: {text}"));
    }
    let (start, mut end) = match (star, second) {
        (true, _) => (least, most),
        (false, None) => (number(first)?, number(first)?),
        (false, Some(last)) => (number(first)?, number(last)?),
    };
    let step = match step {
        None => 1,
        Some(step) => {
            let step = step
                .parse::<u32>()
                .map_err(|_| format!("failed to parse int from {step}: strconv.Atoi: parsing {step:?}: invalid syntax"))?;
            if second.is_none() {
                // `N/step` means from N to the last.
                end = most;
            }
            star = star && step <= 1;
            step
        }
    };
    if start < least {
        return Err(format!("beginning of range ({start}) below minimum ({least}): {text}"));
    }
    if end > most {
        return Err(format!("end of range ({end}) above maximum ({most}): {text}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    let values = (start..=end).step_by(usize::try_from(step).unwrap_or(usize::MAX));
    Ok(Field { bits: values.fold(0, |bits, value| bits | (1 << value)), star })
}

fn civil(zone: &Zone, at: i64) -> Civil {
    Moment::new(at, 0, zone.clone()).civil()
}

/// The seconds since 1970 of a date and clock in a zone; of one that there is twice or not at all Go's choice.
fn seconds(zone: &Zone, civil: Civil) -> i64 {
    let local = civil.seconds();
    let distance = |at: i64| self::civil(zone, at).seconds() - at;
    local - distance(local - distance(local))
}

fn next(zone: &Zone, [minutes, hours, days, months, weekdays]: &[Field; 5], from: i64) -> Option<i64> {
    let last_year = civil(zone, from).year + YEARS;
    let mut at = from;
    // Whether the smaller parts of the clock have been set back already.
    let mut cut = false;
    'wrap: loop {
        if civil(zone, at).year > last_year {
            return None;
        }
        while !months.has(civil(zone, at).month) {
            let now = civil(zone, at);
            let begin = if cut { now } else { Civil { day: 1, hour: 0, minute: 0, second: 0, ..now } };
            cut = true;
            at = seconds(zone, Civil { month: begin.month + 1, ..begin });
            if civil(zone, at).month == 1 {
                continue 'wrap;
            }
        }
        while !is_day(*days, *weekdays, civil(zone, at)) {
            let now = civil(zone, at);
            let begin = if cut { now } else { Civil { hour: 0, minute: 0, second: 0, ..now } };
            cut = true;
            at = seconds(zone, Civil { day: begin.day + 1, ..begin });
            // A clock that was changed at midnight shows another hour.
            let hour = civil(zone, at).hour;
            at += if hour > 12 { (24 - hour) * 3_600 } else { -hour * 3_600 };
            if civil(zone, at).day == 1 {
                continue 'wrap;
            }
        }
        while !hours.has(civil(zone, at).hour) {
            if !cut {
                cut = true;
                at = seconds(zone, Civil { minute: 0, second: 0, ..civil(zone, at) });
            }
            at += 3_600;
            if civil(zone, at).hour == 0 {
                continue 'wrap;
            }
        }
        while !minutes.has(civil(zone, at).minute) {
            if !cut {
                cut = true;
                at -= at.rem_euclid(60);
            }
            at += 60;
            if civil(zone, at).minute == 0 {
                continue 'wrap;
            }
        }
        while civil(zone, at).second != 0 {
            cut = true;
            at += 1;
            if civil(zone, at).second == 0 {
                continue 'wrap;
            }
        }
        return Some(at);
    }
}

/// A day has to fit one of the two fields if both say something, else both.
fn is_day(days: Field, weekdays: Field, civil: Civil) -> bool {
    let weekday = (civil.days() + 4).rem_euclid(7);
    let (by_date, by_weekday) = (days.has(civil.day), weekdays.has(weekday));
    if days.star || weekdays.star { by_date && by_weekday } else { by_date || by_weekday }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn schedules_have_a_next_time() {
        for (schedule, zone, after, expected) in [
            ("*/5 * * * *", "", "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"),
            ("*/5 * * * *", "", "2026-01-01T00:04:59Z", "2026-01-01T00:05:00Z"),
            ("0 0 * * *", "", "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"),
            ("30 6-16/4 * * 1-5", "", "2026-01-02T14:31:00Z", "2026-01-05T06:30:00Z"),
            ("0 9 1,15 * mon", "", "2026-01-01T09:00:00Z", "2026-01-05T09:00:00Z"),
            ("0 9 1,15 * *", "", "2026-01-01T09:00:00Z", "2026-01-15T09:00:00Z"),
            ("0 0 29 FEB ?", "", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("59 23 31 2 *", "", "2026-01-01T00:00:00Z", "never"),
            ("@hourly", "", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"),
            ("@weekly", "", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
            ("@yearly", "", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("@every 90m", "", "2026-01-01T00:10:00Z", "2026-01-01T01:40:00Z"),
            ("@every 1ms", "", "2026-01-01T00:10:00Z", "2026-01-01T00:10:01Z"),
            ("0 9 * * *", "Europe/Berlin", "2026-07-01T00:00:00Z", "2026-07-01T07:00:00Z"),
            ("TZ=Asia/Kolkata 0 9 * * *", "Europe/Berlin", "2026-07-01T00:00:00Z", "2026-07-01T03:30:00Z"),
            // The clock that is left out in spring is left out here, too, and the one that comes twice in autumn rings once.
            ("30 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", "2026-03-30T00:30:00Z"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"),
            // A day that begins at one o'clock.
            ("0 1 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"),
        ] {
            let schedule_of = Schedule::parse(schedule, Zone::find(zone).expect("a zone")).expect(schedule);
            let after: Timestamp = after.parse().expect("a time");
            let found = schedule_of.next(after.as_second()).map(|at| Timestamp::from_second(at).expect("a time").to_string());
            assert_eq!(found.as_deref().unwrap_or("never"), expected, "{schedule} {zone}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_told() {
        for (text, why) in [
            ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("1/2/3 * * * *", "too many slashes: 1/2/3"),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"),
            ("@often", "unrecognized descriptor: @often"),
            ("TZ=No/Where * * * * *", "provided bad location No/Where: unknown time zone No/Where"),
        ] {
            assert_eq!(Schedule::parse(text, Zone::Utc).expect_err(text), why);
        }
    }
}
