//! `format()` and `strings.quote()`. cel-go `ext/formatting.go`, `ext/strings.go`.

use crate::library::convert;
use crate::library::time;
use crate::value::{EvalError, Value};

/// A text made by `format` is not longer than this.
const LONGEST: usize = 16 * 1024 * 1024;

/// Fills the arguments into a text.
pub(crate) fn format(text: &str, arguments: &[Value]) -> Result<String, EvalError> {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    let mut next = arguments.iter();
    let mut used = 0usize;
    while let Some(one) = rest.next() {
        if out.len() > LONGEST {
            return Err(EvalError::new("the text would be too long"));
        }
        if one != '%' {
            out.push(one);
            continue;
        }
        if rest.peek() == Some(&'%') {
            rest.next();
            out.push('%');
            continue;
        }
        let mut precision = None;
        if rest.peek() == Some(&'.') {
            rest.next();
            let mut digits = String::new();
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            precision = Some(digits.parse::<usize>().map_err(|_| EvalError::new("error while converting precision to integer"))?);
        }
        let Some(verb) = rest.next() else { return Err(EvalError::new("unexpected end of string")) };
        let value = next.next().ok_or_else(|| EvalError::new(format!("index {used} out of range")))?;
        used += 1;
        out.push_str(&clause(verb, precision.map(|precision| precision.min(100)), value)?);
    }
    Ok(out)
}

fn clause(verb: char, precision: Option<usize>, value: &Value) -> Result<String, EvalError> {
    let wrong = |what: &str| Err(EvalError::new(format!("error during formatting: {what}, was given {}", value.type_name())));
    Ok(match (verb, value) {
        ('s', value) => plain(value)?,
        ('d', Value::Int(number)) => number.to_string(),
        ('d', Value::Uint(number)) => number.to_string(),
        ('d', Value::Double(number)) if !number.is_finite() => non_finite(*number),
        ('d', _) => return wrong("decimal clause can only be used on integers"),
        ('b', Value::Int(number)) => radix(*number, |number| format!("{number:b}")),
        ('b', Value::Uint(number)) => format!("{number:b}"),
        ('b', Value::Bool(one)) => u8::from(*one).to_string(),
        ('b', _) => return wrong("only integers and bools can be formatted as binary"),
        ('o', Value::Int(number)) => radix(*number, |number| format!("{number:o}")),
        ('o', Value::Uint(number)) => format!("{number:o}"),
        ('o', _) => return wrong("octal clause can only be used on integers"),
        ('x', Value::Int(number)) => radix(*number, |number| format!("{number:x}")),
        ('X', Value::Int(number)) => radix(*number, |number| format!("{number:X}")),
        ('x', Value::Uint(number)) => format!("{number:x}"),
        ('X', Value::Uint(number)) => format!("{number:X}"),
        ('x', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('x', Value::Bytes(bytes)) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Bytes(bytes)) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        ('x' | 'X', _) => return wrong("only integers, byte buffers, and strings can be formatted as hex"),
        ('f' | 'e', _) => {
            let number = match value {
                Value::Double(number) => *number,
                Value::Int(number) => *number as f64,
                Value::Uint(number) => *number as f64,
                _ if verb == 'f' => return wrong("fixed-point clause can only be used on doubles"),
                _ => return wrong("scientific clause can only be used on doubles"),
            };
            let precision = precision.unwrap_or(6);
            if !number.is_finite() {
                non_finite(number)
            } else if verb == 'f' {
                format!("{number:.precision$}")
            } else {
                scientific(number, precision)
            }
        }
        (other, _) => return Err(EvalError::new(format!("could not parse formatting clause: unrecognized formatting clause \"{other}\""))),
    })
}

fn radix(number: i64, write: impl Fn(u64) -> String) -> String {
    let digits = write(number.unsigned_abs());
    if number < 0 { format!("-{digits}") } else { digits }
}

fn non_finite(number: f64) -> String {
    let text = if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    text.to_owned()
}

fn scientific(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn plain(value: &Value) -> Result<String, EvalError> {
    Ok(match value {
        Value::Null => "null".to_owned(),
        Value::Duration(nanos) => time::seconds(*nanos),
        Value::Double(number) if !number.is_finite() => non_finite(*number),
        Value::List(items, _) => {
            let parts: Result<Vec<String>, EvalError> = items.iter().map(plain).collect();
            format!("[{}]", parts?.join(", "))
        }
        Value::Map(map) => {
            let mut parts = Vec::with_capacity(map.len());
            for (key, value) in map.iter() {
                parts.push(format!("{}: {}", plain(&key.value())?, plain(value)?));
            }
            parts.sort();
            format!("{{{}}}", parts.join(", "))
        }
        other => match convert::string(other) {
            Ok(Value::String(text)) => text.to_string(),
            _ => {
                return Err(EvalError::new(format!(
                    "error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given {}",
                    other.type_name()
                )));
            }
        },
    })
}

/// Puts a text in quotes, with escapes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for one in text.chars() {
        match one {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
