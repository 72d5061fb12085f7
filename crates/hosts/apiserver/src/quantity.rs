//! Amounts of resources (`500m`, `1Gi`, `1e3`): numbers are taken too, and each is kept in the one way in which Kubernetes
//! writes it, so that the same amount is the same text. Follows apimachinery `pkg/api/resource/quantity.go`.

/// The format by which the schemas of Kubernetes' own kinds mark an amount.
pub(crate) const FORMAT: &str = "quantity";
const NANO: i128 = 1_000_000_000;
const DECIMAL: &[(&str, u32)] = &[("n", 0), ("u", 3), ("m", 6), ("", 9), ("k", 12), ("M", 15), ("G", 18), ("T", 21), ("P", 24), ("E", 27)];
const BINARY: &[&str] = &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// Returns an amount in billionths; `None` when it is none or beyond all measure.
pub(crate) fn nanos(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let exponent = suffix.strip_prefix(['e', 'E']).and_then(|power| power.parse::<i32>().ok());
    let decimal = DECIMAL.iter().find(|(name, _)| *name == suffix).map(|(_, power)| *power);
    let binary = BINARY.iter().position(|name| *name == suffix).filter(|power| *power > 0);
    let found = match (exponent, decimal, binary) {
        (_, Some(power), _) => scaled(whole, fraction, i32::try_from(power).ok()?, 1),
        (_, _, Some(power)) => scaled(whole, fraction, 9, 1024_i128.checked_pow(u32::try_from(power).ok()?)?),
        (Some(power), _, _) => scaled(whole, fraction, power.checked_add(9)?, 1),
        (None, None, None) => None,
    }?;
    Some(if text.starts_with('-') { -found } else { found })
}

/// Returns the one way of writing an amount; `None` when it is none. Amounts beyond all measure stay as they are.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let exponent = suffix.strip_prefix(['e', 'E']).and_then(|power| power.parse::<i32>().ok());
    let decimal = DECIMAL.iter().find(|(name, _)| *name == suffix).map(|(_, power)| *power);
    let binary = BINARY.iter().position(|name| *name == suffix).filter(|power| *power > 0);
    let nanos = match (exponent, decimal, binary) {
        (_, Some(power), _) => scaled(whole, fraction, i32::try_from(power).ok()?, 1),
        (_, _, Some(power)) => scaled(whole, fraction, 9, 1024_i128.pow(u32::try_from(power).ok()?)),
        (Some(power), _, _) => scaled(whole, fraction, power.checked_add(9)?, 1),
        (None, None, None) => return None,
    };
    let Some(nanos) = nanos else { return Some(text.to_owned()) };
    let sign = if text.starts_with('-') && nanos != 0 { "-" } else { "" };
    let body = match binary {
        Some(_) if nanos >= 1024 * NANO => in_binary((nanos + NANO - 1) / NANO),
        _ if exponent.is_some() && decimal.is_none() => {
            in_decimal(nanos, |power| if power == 9 { String::new() } else { format!("e{}", i64::from(power) - 9) })
        }
        _ => in_decimal(nanos, |power| {
            DECIMAL.iter().find(|(_, other)| *other == power).map_or_else(String::new, |(name, _)| (*name).to_owned())
        }),
    };
    Some(format!("{sign}{body}"))
}

/// Returns a number as billionths, what is smaller rounded up; `None` when it is too large.
fn scaled(whole: &str, fraction: &str, power: i32, factor: i128) -> Option<i128> {
    let all: String = format!("{whole}{fraction}");
    let mantissa: i128 = if all.len() > 30 { return None } else { all.parse().ok()? };
    let mantissa = mantissa.checked_mul(factor)?;
    let power = power.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let shift = 10_i128.checked_pow(power.unsigned_abs());
    match (power >= 0, shift) {
        (true, Some(shift)) => mantissa.checked_mul(shift),
        (true, None) if mantissa == 0 => Some(0),
        (true, None) => None,
        (false, Some(shift)) => Some(mantissa / shift + i128::from(mantissa % shift != 0)),
        (false, None) => Some(i128::from(mantissa != 0)),
    }
}

fn in_decimal(nanos: i128, suffix: impl Fn(u32) -> String) -> String {
    if nanos == 0 {
        return "0".to_owned();
    }
    let power = DECIMAL.iter().rev().map(|(_, power)| *power).find(|power| nanos % 10_i128.pow(*power) == 0).unwrap_or(0);
    format!("{}{}", nanos / 10_i128.pow(power), suffix(power))
}

fn in_binary(mut number: i128) -> String {
    let mut power = 0;
    while number % 1024 == 0 && power + 1 < BINARY.len() {
        number /= 1024;
        power += 1;
    }
    format!("{number}{}", BINARY[power])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_is_one_text() {
        let cases = [
            ("1", "1"),
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1500m", "1500m"),
            ("1000k", "1M"),
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("1Ki", "1Ki"),
            ("0.5Ki", "512"),
            ("1e3", "1e3"),
            ("1500e0", "1500"),
            ("12e6", "12e6"),
            ("0", "0"),
            ("-1000m", "-1"),
            ("0.0000000001", "1n"),
            ("100000000000000000000000000000000000E", "100000000000000000000000000000000000E"),
        ];
        for (text, wanted) in cases {
            assert_eq!(canonical(text).as_deref(), Some(wanted), "{text}");
        }
        for text in ["", "x", "1x", "1.2.3", "1e", ".", "1 Gi", "--1", "1e99999999999"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
