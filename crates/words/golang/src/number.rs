//! Floats as Go prints them.

use std::fmt::Write as _;

/// Returns the fewest digits that mean a float, and where the point stands behind the first of them.
fn shortest(value: f64) -> (String, i32) {
    let text = format!("{:e}", value.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn scientific(value: f64) -> String {
    let (digits, exponent) = shortest(value);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let point = if digits.len() > 1 { "." } else { "" };
    let (exponent_sign, exponent) = if exponent < 0 { ('-', -exponent) } else { ('+', exponent) };
    let mut out = format!("{sign}{}{point}{}e{exponent_sign}", &digits[..1], &digits[1..]);
    let _ = write!(out, "{exponent:02}");
    out
}

/// Prints a float as Go's `%v`: `1e+06`, `0.5`, `NaN`, `+Inf`.
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let (_, exponent) = shortest(value);
    if value != 0.0 && !(-4..6).contains(&exponent) { scientific(value) } else { format!("{value}") }
}

/// Prints a float as Go's encoding/json; `None` for what JSON has no number for.
pub fn json_float(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        return Some(scientific(value).replace("e-0", "e-"));
    }
    Some(format!("{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_gos() {
        for (value, text, as_json) in [
            (1.0, "1", "1"),
            (0.1, "0.1", "0.1"),
            (1e6, "1e+06", "1000000"),
            (123_456_789.0, "1.23456789e+08", "123456789"),
            (123_456.5, "123456.5", "123456.5"),
            (1e21, "1e+21", "1e+21"),
            (1e-5, "1e-05", "0.00001"),
            (1.5e-7, "1.5e-07", "1.5e-7"),
            (-0.0, "-0", "-0"),
        ] {
            assert_eq!((format_float(value).as_str(), json_float(value).as_deref()), (text, Some(as_json)), "{value}");
        }
        assert_eq!((format_float(f64::NAN).as_str(), json_float(f64::INFINITY)), ("NaN", None));
    }
}
