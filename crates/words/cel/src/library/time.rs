//! Times and spans. cel-go `common/types/{timestamp,duration}.go`.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::library::Outcome;
use crate::value::{EvalError, Value};

/// Reads a span as Go does.
pub(crate) fn duration(text: &str) -> Result<i64, EvalError> {
    golang::parse_duration_signed(text).map_err(|error| EvalError::new(error.as_go()))
}

/// Reads a point in time.
pub(crate) fn timestamp(text: &str) -> Result<Timestamp, EvalError> {
    let wrong = || {
        EvalError::new(format!("parsing time {0} as \"2006-01-02T15:04:05Z07:00\": cannot parse {0} as \"2006\"", serde_json::json!(text)))
    };
    if text.len() < 20 || !text.is_ascii() || text.as_bytes()[10] != b'T' {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// Writes a span as `string()` does: in seconds.
pub(crate) fn seconds(nanos: i64) -> String {
    format!("{}s", golang::format_float(nanos as f64 / 1e9))
}

/// Converts to a span.
pub(crate) fn to_duration(value: &Value) -> Outcome {
    match value {
        Value::Duration(_) => Ok(value.clone()),
        Value::Int(nanos) => Ok(Value::Duration(*nanos)),
        Value::String(text) => duration(text).map(Value::Duration),
        _ => Err(EvalError::new(format!("type conversion error from '{}' to 'google.protobuf.Duration'", value.type_name()))),
    }
}

/// Converts to a point in time.
pub(crate) fn to_timestamp(value: &Value) -> Outcome {
    match value {
        Value::Timestamp(_) => Ok(value.clone()),
        Value::Int(seconds) => Timestamp::from_second(*seconds).map(Value::Timestamp).map_err(|_| EvalError::new("timestamp overflow")),
        Value::String(text) => timestamp(text).map(Value::Timestamp),
        _ => Err(EvalError::new(format!("type conversion error from '{}' to 'google.protobuf.Timestamp'", value.type_name()))),
    }
}

pub(crate) fn call(function: &str, member: bool, values: &[Value]) -> Option<Outcome> {
    if !member {
        return None;
    }
    match values {
        [Value::Duration(nanos)] => {
            let by = match function {
                "getHours" => 3_600_000_000_000,
                "getMinutes" => 60_000_000_000,
                "getSeconds" => 1_000_000_000,
                "getMilliseconds" => 1_000_000,
                _ => return None,
            };
            Some(Ok(Value::Int(nanos / by)))
        }
        [Value::Timestamp(at)] => part(function, *at, &TimeZone::UTC),
        [Value::Timestamp(at), Value::String(zone)] => match zone_of(zone) {
            Ok(zone) => part(function, *at, &zone),
            Err(error) => Some(Err(error)),
        },
        _ => None,
    }
}

fn zone_of(text: &str) -> Result<TimeZone, EvalError> {
    let unknown = || EvalError::new(format!("unknown time zone {text}"));
    let Some((hours, minutes)) = text.split_once(':') else {
        return TimeZone::get(text).map_err(|_| unknown());
    };
    let sign = if hours.starts_with('-') { -1 } else { 1 };
    let hours: i32 = hours.trim_start_matches(['+', '-']).parse().map_err(|_| unknown())?;
    let minutes: i32 = minutes.parse().map_err(|_| unknown())?;
    if minutes > 59 {
        return Err(EvalError::new(format!("timezone offset minutes out of range [0, 59]: {text}")));
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map(TimeZone::fixed).map_err(|_| unknown())
}

fn part(function: &str, at: Timestamp, zone: &TimeZone) -> Option<Outcome> {
    let local = at.to_zoned(zone.clone());
    let number = match function {
        "getFullYear" => i64::from(local.year()),
        "getMonth" => i64::from(local.month()) - 1,
        "getDayOfYear" => i64::from(local.day_of_year()) - 1,
        "getDayOfMonth" => i64::from(local.day()) - 1,
        "getDate" => i64::from(local.day()),
        "getDayOfWeek" => i64::from(local.weekday().to_sunday_zero_offset()),
        "getHours" => i64::from(local.hour()),
        "getMinutes" => i64::from(local.minute()),
        "getSeconds" => i64::from(local.second()),
        "getMilliseconds" => i64::from(local.millisecond()),
        _ => return None,
    };
    Some(Ok(Value::Int(number)))
}
