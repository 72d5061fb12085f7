use std::time::Duration;

/// A text that Go's `time.ParseDuration` refuses, or a negative one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: expected a form like 1h30m, 10s or 500ms")]
pub struct DurationError(String);

/// Parses a duration as Go's `time.ParseDuration` does (`1h30m`, `1.5s`, `300ms`, `0`). There are no days.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let refuse = || DurationError(text.chars().take(50).collect());
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(refuse());
    }
    let mut nanoseconds: u128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refuse)?;
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let unit: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(refuse()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || fraction.len() > 18 || whole.len() > 18 {
            return Err(refuse());
        }
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| refuse())? };
        nanoseconds += whole * unit;
        if !fraction.is_empty() {
            let digits: u128 = fraction.parse().map_err(|_| refuse())?;
            nanoseconds += digits * unit / 10u128.pow(u32::try_from(fraction.len()).map_err(|_| refuse())?);
        }
        rest = tail;
    }
    // Go counts nanoseconds in 63 bits.
    match u64::try_from(nanoseconds) {
        Ok(nanoseconds) if nanoseconds <= i64::MAX.unsigned_abs() => Ok(Duration::from_nanos(nanoseconds)),
        _ => Err(refuse()),
    }
}

/// Prints a duration as Go's `Duration.String` does: `1h0m0s`, `2m0s`, `1.5s`, `12ms`.
pub fn format_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let decimal = |value: u128, unit: u128, name: &str| {
        let fraction = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() { format!("{}{name}", value / unit) } else { format!("{}.{fraction}{name}", value / unit) }
    };
    match nanoseconds {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => decimal(nanoseconds, 1_000, "µs"),
        1_000_000..1_000_000_000 => decimal(nanoseconds, 1_000_000, "ms"),
        _ => {
            let seconds = decimal(nanoseconds % 60_000_000_000, 1_000_000_000, "s");
            let minutes = nanoseconds / 60_000_000_000;
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, shown) in
            [("1h30m", "1h30m0s"), ("2m", "2m0s"), ("1.5s", "1.5s"), ("300ms", "300ms"), ("0", "0s"), (".5s", "500ms"), ("90s", "1m30s")]
        {
            assert_eq!(parse_duration(text).map(format_duration).as_deref(), Ok(shown), "{text}");
        }
        for bad in ["", "1d", "1 day", "5", "s", "1.2.3s", "99999999999999h", "-1s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
