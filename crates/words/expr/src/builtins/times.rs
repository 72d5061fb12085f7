use std::cmp::Ordering;
use std::sync::Arc;

use golang::time::{Civil, DAYS, MONTHS, Moment, Zone, parse, parse_in};
use golang::{Version, parse_duration_signed};

use super::signatures::{overloads, refused};
use super::{Builtin, Input};
use crate::golike::shown;
use crate::types::Type;
use crate::{Refusal, Value};

const TEXT: fn() -> Type = || Type::Text;

/// What `date` reads without a layout.
const LAYOUTS: [&str; 7] = [
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
];

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "now",
        check: |_, given| match given {
            [] | [Type::Zone] => Ok(Type::Time),
            _ => refused(format!("invalid number of arguments (expected 0, got {})", given.len())),
        },
        run: |input| {
            let now = input.scope.now().ok_or("now() is not known here")?;
            match input.arguments {
                [Value::Zone(zone)] => Ok(time(now.with_zone((**zone).clone()))),
                _ => Ok(time(now)),
            }
        },
    },
    Builtin {
        name: "duration",
        check: |name, given| overloads(name, &[(&[TEXT], || Type::Duration)], given),
        run: |input| parse_duration_signed(input.text(0)?).map(Value::Duration).map_err(|error| error.as_go()),
    },
    Builtin {
        name: "date",
        check: |_, given| {
            if given.is_empty() {
                return refused("invalid number of arguments (expected at least 1, got 0)".to_owned());
            }
            let rest = if given[0] == Type::Zone { given.len() - 1 } else { given.len() };
            if rest > 3 {
                return refused(format!("invalid number of arguments (expected at most 3, got {rest})"));
            }
            Ok(Type::Time)
        },
        run: date,
    },
    Builtin {
        name: "timezone",
        check: |name, given| overloads(name, &[(&[TEXT], || Type::Zone)], given),
        run: |input| Zone::find(input.text(0)?).map(|zone| Value::Zone(Arc::new(zone))).map_err(|error| error.to_string()),
    },
];

fn time(moment: Moment) -> Value {
    Value::Time(Arc::new(moment))
}

fn date(input: &mut Input<'_>) -> Result<Value, String> {
    let (zone, skip) = match input.arguments {
        [Value::Zone(zone), ..] => (Some(zone.clone()), 1),
        _ => (None, 0),
    };
    let text = input.text(skip)?;
    let read = |layout: &str| match &zone {
        Some(zone) => parse_in(layout, text, zone),
        None => parse(layout, text),
    };
    match input.arguments.len() - skip {
        1 => {
            let found = LAYOUTS.iter().find_map(|layout| read(layout).ok());
            found.map(time).ok_or_else(|| format!("invalid date {text}"))
        }
        2 => read(input.text(skip + 1)?).map(time).map_err(|error| error.to_string()),
        _ => {
            let zone = Zone::find(input.text(skip + 2)?).map_err(|error| error.to_string())?;
            parse_in(input.text(skip + 1)?, text, &zone).map(time).map_err(|error| error.to_string())
        }
    }
}

/// What the methods give, for the checker: the type they belong to, their names, their type.
pub(crate) fn method(of: &Type, name: &str) -> Option<Type> {
    Some(match (of, name) {
        (Type::Time, "Year" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "YearDay") => Type::Int,
        (Type::Time, "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano") => Type::Int,
        (Type::Time, "Month") => Type::Named("time.Month"),
        (Type::Time, "Weekday") => Type::Named("time.Weekday"),
        (Type::Time, "Add" | "AddDate" | "In" | "UTC" | "Truncate" | "Round") => Type::Time,
        (Type::Time, "Location") => Type::Zone,
        (Type::Time, "Sub") => Type::Duration,
        (Type::Time, "Before" | "After" | "Equal" | "IsZero") => Type::Bool,
        (Type::Time | Type::Duration | Type::Zone | Type::Named(_) | Type::Version, "String") => Type::Text,
        (Type::Time, "Format") => Type::Text,
        (Type::Duration, "Hours" | "Minutes" | "Seconds") => Type::Float,
        (Type::Duration, "Milliseconds" | "Microseconds" | "Nanoseconds") => Type::Int,
        (Type::Duration, "Abs" | "Round" | "Truncate") => Type::Duration,
        (Type::Version, "Major" | "Minor" | "Patch") => Type::Int,
        (Type::Version, "Prerelease" | "Metadata" | "Original") => Type::Text,
        (Type::Version, "IncMajor" | "IncMinor" | "IncPatch") => Type::Version,
        (Type::Version, "Compare") => Type::Int,
        (Type::Version, "Equal" | "LessThan" | "GreaterThan" | "LessThanEqual" | "GreaterThanEqual") => Type::Bool,
        _ => return None,
    })
}

/// Calls a method of a value; `None` when it has none of that name.
pub(crate) fn call(of: &Value, name: &str, arguments: &[Value]) -> Option<Result<Value, Refusal>> {
    method(&Type::of(of), name)?;
    let result = match of {
        Value::Time(moment) => time_method(moment, name, arguments),
        Value::Duration(nanoseconds) => duration_method(*nanoseconds, name, arguments),
        Value::Version(version) => version_method(version, name, arguments),
        other => none(arguments).map(|()| Value::from(shown(other))),
    };
    Some(result.map_err(Refusal::Failed))
}

fn none(arguments: &[Value]) -> Result<(), String> {
    if arguments.is_empty() { Ok(()) } else { Err(format!("invalid number of arguments: expected 0, got {}", arguments.len())) }
}

fn wrong(given: &[Value], wanted: usize) -> String {
    if given.len() == wanted {
        let given = given.iter().map(Value::type_name).collect::<Vec<_>>().join(", ");
        format!("reflect: Call using {given} as another type")
    } else {
        format!("invalid number of arguments: expected {wanted}, got {}", given.len())
    }
}

fn time_method(moment: &Moment, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let too_far = || "the time is too far away".to_owned();
    match (name, arguments) {
        ("Add", [Value::Duration(by)]) => return moment.later(*by).map(time).ok_or_else(too_far),
        ("AddDate", [Value::Int(years), Value::Int(months), Value::Int(days)]) => {
            let small = |value: &i64| (-1_000_000..=1_000_000).contains(value);
            if !(small(years) && small(months) && small(days)) {
                return Err(too_far());
            }
            let civil = moment.civil();
            let moved = Civil { year: civil.year + years, month: civil.month + months, day: civil.day + days, ..civil };
            let days = moved.days() - civil.days();
            return moment.later(0).and_then(|moment| add_days(&moment, days)).map(time).ok_or_else(too_far);
        }
        ("In", [Value::Zone(zone)]) => return Ok(time(moment.with_zone((**zone).clone()))),
        ("Sub", [Value::Time(other)]) => return Ok(Value::Duration(moment.since(other))),
        ("Before", [Value::Time(other)]) => return Ok(Value::Bool(moment.order(other) == Ordering::Less)),
        ("After", [Value::Time(other)]) => return Ok(Value::Bool(moment.order(other) == Ordering::Greater)),
        ("Equal", [Value::Time(other)]) => return Ok(Value::Bool(moment.order(other) == Ordering::Equal)),
        ("Format", [Value::Text(layout)]) if layout.len() <= 1_000 => return Ok(Value::from(moment.format(layout))),
        ("Truncate" | "Round", [Value::Duration(by)]) => {
            // Counted from the year 1, as Go's zero time.
            let since = (i128::from(moment.seconds) + 62_135_596_800) * 1_000_000_000 + i128::from(moment.nanoseconds);
            let by = i128::from(*by);
            let rest = if by <= 0 { 0 } else { since.rem_euclid(by) };
            let move_by = if name == "Round" && by > 0 && rest * 2 >= by { by - rest } else { -rest };
            let move_by = i64::try_from(move_by).map_err(|_| too_far())?;
            return moment.later(move_by).map(time).ok_or_else(too_far);
        }
        ("Add" | "In" | "Sub" | "Before" | "After" | "Equal" | "Format" | "Truncate" | "Round", _) => return Err(wrong(arguments, 1)),
        ("AddDate", _) => return Err(wrong(arguments, 3)),
        _ => none(arguments)?,
    }
    let civil = moment.civil();
    let nanoseconds = || i128::from(moment.seconds) * 1_000_000_000 + i128::from(moment.nanoseconds);
    #[expect(clippy::cast_possible_truncation, reason = "Go wraps as well")]
    let since = |unit: i128| Value::Int(nanoseconds().div_euclid(unit) as i64);
    let index = |at: i64| usize::try_from(at).unwrap_or(0);
    Ok(match name {
        "Year" => Value::Int(civil.year),
        "Month" => Value::Named("time.Month", civil.month, MONTHS[index(civil.month - 1).min(11)]),
        "Day" => Value::Int(civil.day),
        "Hour" => Value::Int(civil.hour),
        "Minute" => Value::Int(civil.minute),
        "Second" => Value::Int(civil.second),
        "Nanosecond" => Value::Int(i64::from(moment.nanoseconds)),
        "YearDay" => Value::Int(moment.year_day()),
        "Weekday" => {
            let day = moment.weekday();
            Value::Named("time.Weekday", i64::try_from(day).unwrap_or(0), DAYS[day])
        }
        "Unix" => Value::Int(moment.seconds),
        "UnixMilli" => since(1_000_000),
        "UnixMicro" => since(1_000),
        "UnixNano" => since(1),
        "UTC" => time(moment.with_zone(Zone::Utc)),
        "Location" => Value::Zone(Arc::new(moment.zone.clone())),
        "IsZero" => Value::Bool(moment.seconds == -62_135_596_800 && moment.nanoseconds == 0),
        _ => Value::from(moment.shown()),
    })
}

/// Moves a moment by whole days, a year at a time, so that no count of nanoseconds is too large.
fn add_days(moment: &Moment, mut days: i64) -> Option<Moment> {
    let mut moment = moment.clone();
    while days != 0 {
        let step = days.clamp(-365, 365);
        moment = moment.later(step * 86_400_000_000_000)?;
        days -= step;
    }
    Some(moment)
}

fn duration_method(nanoseconds: i64, name: &str, arguments: &[Value]) -> Result<Value, String> {
    if let ("Round" | "Truncate", [Value::Duration(by)]) = (name, arguments) {
        let rest = if *by <= 0 { 0 } else { nanoseconds % by };
        let down = nanoseconds - rest;
        let up =
            if name == "Round" && rest.unsigned_abs().saturating_mul(2) >= by.unsigned_abs() && *by > 0 { rest.signum() * by } else { 0 };
        return Ok(Value::Duration(down.saturating_add(up)));
    }
    if matches!(name, "Round" | "Truncate") {
        return Err(wrong(arguments, 1));
    }
    none(arguments)?;
    #[expect(clippy::cast_precision_loss, reason = "Go counts in floats as well")]
    let per = |unit: i64| Value::Float((nanoseconds / unit) as f64 + (nanoseconds % unit) as f64 / unit as f64);
    Ok(match name {
        "Hours" => per(3_600_000_000_000),
        "Minutes" => per(60_000_000_000),
        "Seconds" => per(1_000_000_000),
        "Milliseconds" => Value::Int(nanoseconds / 1_000_000),
        "Microseconds" => Value::Int(nanoseconds / 1_000),
        "Nanoseconds" => Value::Int(nanoseconds),
        "Abs" => Value::Duration(nanoseconds.saturating_abs()),
        _ => Value::from(shown(&Value::Duration(nanoseconds))),
    })
}

fn version_method(version: &Version, name: &str, arguments: &[Value]) -> Result<Value, String> {
    if let ("Compare" | "Equal" | "LessThan" | "GreaterThan" | "LessThanEqual" | "GreaterThanEqual", [Value::Version(other)]) =
        (name, arguments)
    {
        let order = version.cmp(other);
        return Ok(match name {
            "Compare" => Value::Int(order as i64),
            "Equal" => Value::Bool(order == Ordering::Equal),
            "LessThan" => Value::Bool(order == Ordering::Less),
            "GreaterThan" => Value::Bool(order == Ordering::Greater),
            "LessThanEqual" => Value::Bool(order != Ordering::Greater),
            _ => Value::Bool(order != Ordering::Less),
        });
    }
    if matches!(name, "Compare" | "Equal" | "LessThan" | "GreaterThan" | "LessThanEqual" | "GreaterThanEqual") {
        return Err(wrong(arguments, 1));
    }
    none(arguments)?;
    let number = |value: u64| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
    let next = |version: Version| Value::Version(Arc::new(version));
    Ok(match name {
        "Major" => number(version.major),
        "Minor" => number(version.minor),
        "Patch" => number(version.patch),
        "Prerelease" => Value::from(version.pre.as_str()),
        "Metadata" => Value::from(version.metadata.as_str()),
        "Original" => Value::from(version.original()),
        "IncMajor" => next(version.next_major()),
        "IncMinor" => next(version.next_minor()),
        "IncPatch" => next(version.next_patch()),
        _ => Value::from(version.to_string()),
    })
}
