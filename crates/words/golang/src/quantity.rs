//! Kubernetes quantities: `500m`, `1.5Gi`, `2e3`, exact. Source: kubernetes apimachinery pkg/api/resource/quantity.go.

use std::cmp::Ordering;
use std::fmt;

/// A text that is no quantity, in upstream's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The form is wrong.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The number is none.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// The suffix is none.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// How a quantity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `12e6`.
    DecimalExponent,
    /// `12Mi`.
    BinarySi,
    /// `12M`.
    DecimalSi,
}

/// A quantity, in nanos; upstream rounds finer ones up as well.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    nanos: i128,
    /// How it was written.
    pub format: Format,
}

const NANO: i128 = 1_000_000_000;
/// The largest number that is kept, 2^63-1; larger ones are cut to it as upstream does.
const LARGEST: i128 = i64::MAX as i128;

impl Quantity {
    /// Parses a quantity.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
        let negative = text.starts_with('-');
        let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
        let (number, suffix) = bare.split_at(end);
        let letters = suffix.find(|c: char| !"eEinumkKMGTP".contains(c)).unwrap_or(suffix.len());
        let digits = suffix[letters..].strip_prefix(['+', '-']).unwrap_or(&suffix[letters..]);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if text.is_empty() || fraction.contains('.') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        let (base, exponent, format) = suffix_of(suffix).ok_or(QuantityError::Suffix)?;
        // Upstream takes a suffix alone for nothing.
        if whole.is_empty() && fraction.is_empty() {
            return Err(QuantityError::Numeric);
        }
        let nanos = scaled(whole, fraction, base, exponent);
        Ok(Self { nanos: if negative { -nanos } else { nanos }, format })
    }

    /// Returns a quantity of so many billionths, written like this.
    pub fn of_nanos(nanos: i128, format: Format) -> Self {
        Self { nanos, format }
    }

    /// Returns the value in billionths.
    pub fn nanos(&self) -> i128 {
        self.nanos
    }

    /// Returns the value in thousandths, rounded up.
    pub fn milli(&self) -> i128 {
        ceiling(self.nanos, 1_000_000)
    }

    /// Returns the value as a whole number, rounded up.
    pub fn value(&self) -> i128 {
        ceiling(self.nanos, NANO)
    }
}

/// Divides and rounds away from zero, as upstream does.
fn ceiling(value: i128, by: i128) -> i128 {
    let whole = value / by;
    if value % by == 0 { whole } else { whole + value.signum() }
}

fn suffix_of(suffix: &str) -> Option<(i128, i32, Format)> {
    let binary = |power: u32| Some((1_i128 << (10 * power), 0, Format::BinarySi));
    let decimal = |exponent: i32| Some((1, exponent, Format::DecimalSi));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let fits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            let exponent = fits.then(|| exponent.parse::<i32>().unwrap_or(if exponent.starts_with('-') { -9_999 } else { 9_999 }))?;
            Some((1, exponent.clamp(-9_999, 9_999), Format::DecimalExponent))
        }
    }
}

/// Returns nanos of a decimal number times a base and a power of ten: rounded up, cut at the largest.
fn scaled(whole: &str, fraction: &str, base: i128, exponent: i32) -> i128 {
    let digits: String = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return 0;
    }
    let shift = exponent + 9 - i32::try_from(fraction.len()).unwrap_or(i32::MAX);
    // Forty digits are more than the largest has, whatever the base.
    if i32::try_from(digits.len()).unwrap_or(i32::MAX).saturating_add(shift) > 40 {
        return LARGEST * NANO;
    }
    let kept = &digits[..digits.len().min(19)];
    let dropped = i32::try_from(digits.len() - kept.len()).unwrap_or(0);
    let rest = digits[kept.len()..].bytes().any(|b| b != b'0');
    let mut value = kept.parse::<i128>().unwrap_or(0) + i128::from(rest);
    let mut shift = shift + dropped;
    value = match value.checked_mul(base) {
        Some(value) => value,
        None => return LARGEST * NANO,
    };
    while shift > 0 {
        value = match value.checked_mul(10) {
            Some(value) => value,
            None => return LARGEST * NANO,
        };
        shift -= 1;
    }
    let mut inexact = false;
    while shift < 0 && value != 0 {
        inexact |= value % 10 != 0;
        value /= 10;
        shift += 1;
    }
    (value + i128::from(inexact)).min(LARGEST * NANO)
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// Prints the quantity in Kubernetes' one form: the largest suffix that leaves a whole number.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let small = self.nanos.abs() < 1_024 * NANO;
        if self.format == Format::BinarySi && !small && self.nanos % NANO == 0 {
            let mut value = self.nanos / NANO;
            let mut power = 0;
            while value % 1_024 == 0 && power < 6 {
                value /= 1_024;
                power += 1;
            }
            return write!(f, "{value}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power]);
        }
        let (mut value, mut exponent) = (self.nanos, -9);
        while value % 1_000 == 0 && exponent < 18 {
            value /= 1_000;
            exponent += 3;
        }
        match self.format {
            Format::DecimalExponent if exponent == 0 => write!(f, "{value}"),
            Format::DecimalExponent => write!(f, "{value}e{exponent}"),
            Format::BinarySi | Format::DecimalSi => {
                let suffix = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][usize::try_from(exponent / 3 + 3).unwrap_or(3)];
                write!(f, "{value}{suffix}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_one_form() {
        for (text, shown, milli) in [
            ("500m", "500m", 500),
            ("0.5", "500m", 500),
            ("1.5Gi", "1536Mi", 1_610_612_736_000),
            ("1024Mi", "1Gi", 1_073_741_824_000),
            ("1000k", "1M", 1_000_000_000),
            ("2e3", "2e3", 2_000_000),
            ("2E3", "2e3", 2_000_000),
            ("12e6", "12e6", 12_000_000_000),
            ("1E", "1E", 1_000_000_000_000_000_000_000),
            ("0.1n", "1n", 1),
            ("-1.1", "-1100m", -1_100),
            ("+3", "3", 3_000),
            ("100.0Ki", "100Ki", 102_400_000),
            ("0.5Ki", "512", 512_000),
            ("0", "0", 0),
            ("9223372036854775808", "9223372036854775807", 9_223_372_036_854_775_807_000),
        ] {
            let quantity = Quantity::parse(text).expect(text);
            assert_eq!((quantity.to_string().as_str(), quantity.milli()), (shown, milli), "{text}");
        }
        for (bad, why) in [
            ("", QuantityError::Format),
            ("1x", QuantityError::Format),
            ("1 Gi", QuantityError::Format),
            ("1.2.3", QuantityError::Format),
            (".", QuantityError::Numeric),
            ("1Kim", QuantityError::Suffix),
            ("1e", QuantityError::Suffix),
            ("1ki", QuantityError::Suffix),
        ] {
            assert_eq!(Quantity::parse(bad), Err(why), "{bad}");
        }
        assert!(Quantity::parse("1Gi").expect("a quantity") > Quantity::parse("1G").expect("a quantity"));
    }
}
