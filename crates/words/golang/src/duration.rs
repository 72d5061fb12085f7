use std::time::Duration;

/// A text that Go's `time.ParseDuration` refuses, or a negative one where none may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no duration: expected a form like 1h30m, 10s or 500ms")]
pub struct DurationError {
    text: String,
    go: String,
}

impl DurationError {
    /// Returns the error as Go's `time.ParseDuration` words it.
    pub fn as_go(&self) -> String {
        self.go.clone()
    }
}

/// Parses a duration as Go's `time.ParseDuration` does (`1h30m`, `1.5s`, `300ms`, `0`), but refuses one below zero. There
/// are no days.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let nanoseconds = parse_duration_signed(text)?;
    u64::try_from(nanoseconds).map(Duration::from_nanos).map_err(|_| refuse(text, "invalid duration"))
}

/// Parses a duration as Go's `time.ParseDuration` does, into nanoseconds.
pub fn parse_duration_signed(text: &str) -> Result<i64, DurationError> {
    let invalid = || refuse(text, "invalid duration");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, tail) = split_digits(rest);
        let (fraction, tail) = tail.strip_prefix('.').map_or(("", tail), split_digits);
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok().filter(|whole| *whole <= 1 << 63).ok_or_else(invalid)? };
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        if unit.is_empty() {
            return Err(refuse(text, "missing unit in duration"));
        }
        let Some(size) = unit_size(unit) else { return Err(refuse(text, &format!("unknown unit {} in duration", quoted(unit)))) };
        let part = whole.checked_mul(size).and_then(|part| part.checked_add(fraction_of(fraction, size)));
        total = part.and_then(|part| total.checked_add(part)).filter(|total| *total <= 1 << 63).ok_or_else(invalid)?;
        rest = tail;
    }
    match (negative, i64::try_from(total)) {
        (true, Ok(total)) => Ok(-total),
        // The smallest number has no positive of its own.
        (true, Err(_)) => Ok(i64::MIN),
        (false, total) => total.map_err(|_| invalid()),
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn refuse(text: &str, why: &str) -> DurationError {
    let text: String = text.chars().take(50).collect();
    DurationError { go: format!("time: {why} {}", quoted(&text)), text }
}

/// Quotes a text as Go's package time does: what is not ASCII is shown byte by byte.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out += &format!("\\x{byte:02x}"),
        }
    }
    out.push('"');
    out
}

fn unit_size(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Returns the nanoseconds of the digits behind the point as Go counts them: in floats, as far as 63 bits hold the digits.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "Go counts so")]
fn fraction_of(digits: &str, size: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in digits.bytes() {
        let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')));
        let Some(next) = next.filter(|next| *next <= 1 << 63) else { break };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (size as f64 / scale)) as u64
}

/// Prints a duration as Go's `Duration.String` does: `1h0m0s`, `2m0s`, `1.5s`, `12ms`.
pub fn format_duration(duration: Duration) -> String {
    shown(duration.as_nanos())
}

/// Prints nanoseconds as Go's `Duration.String` does.
pub fn format_duration_signed(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    format!("{sign}{}", shown(u128::from(nanoseconds.unsigned_abs())))
}

fn shown(nanoseconds: u128) -> String {
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
        for (text, shown) in [
            ("1h30m", "1h30m0s"),
            ("2m", "2m0s"),
            ("1.5s", "1.5s"),
            ("300ms", "300ms"),
            ("0", "0s"),
            (".5s", "500ms"),
            ("90s", "1m30s"),
            ("+5s", "5s"),
            ("1.0000000000000000000000001s", "1s"),
            ("0.3333333333333333333h", "20m0s"),
            ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
            ("1µs2μs3us", "6µs"),
        ] {
            assert_eq!(parse_duration(text).map(format_duration).as_deref(), Ok(shown), "{text}");
        }
        for (bad, go) in [
            ("", "time: invalid duration \"\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("1 day", "time: unknown unit \" day\" in duration \"1 day\""),
            ("5", "time: missing unit in duration \"5\""),
            ("s", "time: invalid duration \"s\""),
            ("1.2.3s", "time: missing unit in duration \"1.2.3s\""),
            ("99999999999999h", "time: invalid duration \"99999999999999h\""),
            ("-1s", "time: invalid duration \"-1s\""),
        ] {
            assert_eq!(parse_duration(bad).map_err(|error| error.as_go()), Err(go.to_owned()), "{bad}");
        }
        assert_eq!(parse_duration_signed("-1.5h").map(format_duration_signed).as_deref(), Ok("-1h30m0s"));
        assert_eq!(parse_duration_signed("-9223372036854775808ns"), Ok(i64::MIN));
    }
}
