//! What literals mean: escapes in texts and bytes, whole numbers. cel-go `parser/unescape.go`.

use std::sync::Arc;

use crate::value::Value;

/// Returns how many characters an escape takes that begins here; `None` when it is none.
pub(crate) fn escape_length(characters: &[char]) -> Option<usize> {
    let digits = |count: usize, radix: u32| {
        (characters.len() >= 2 + count && characters[2..2 + count].iter().all(|one| one.is_digit(radix))).then_some(2 + count)
    };
    match characters.get(1)? {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '"' | '\'' | '\\' | '?' | '`' => Some(2),
        'x' | 'X' => digits(2, 16),
        'u' => digits(4, 16),
        'U' => digits(8, 16),
        '0'..='3' => digits(2, 8),
        _ => None,
    }
}

/// Reads the inside of a text or bytes literal.
pub(crate) fn text(body: &str, raw: bool, bytes: bool) -> Result<Value, String> {
    let body = body.replace("\r\n", "\n");
    let characters: Vec<char> = body.chars().collect();
    let mut out: Vec<u8> = Vec::with_capacity(body.len());
    let mut index = 0;
    while index < characters.len() {
        let one = characters[index];
        if one != '\\' || raw {
            out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
            index += 1;
            continue;
        }
        let length = escape_length(&characters[index..]).ok_or("unable to unescape string")?;
        let code = escaped(&characters[index..index + length])?;
        // In bytes, short escapes are bytes, not characters.
        if bytes && matches!(characters[index + 1], 'x' | 'X' | '0'..='3') {
            out.push(u8::try_from(code).map_err(|_| "illegal escape in bytes")?);
        } else {
            let one = char::from_u32(code).ok_or("invalid unicode code point")?;
            out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
        }
        index += length;
    }
    if bytes {
        return Ok(Value::Bytes(Arc::from(out)));
    }
    String::from_utf8(out).map(|text| Value::String(Arc::from(text))).map_err(|_| "string contains invalid utf-8".to_owned())
}

fn escaped(escape: &[char]) -> Result<u32, String> {
    let digits: String = escape[2..].iter().collect();
    Ok(match escape[1] {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        'x' | 'X' | 'u' | 'U' => u32::from_str_radix(&digits, 16).map_err(|_| "unable to unescape string")?,
        first @ '0'..='3' => {
            u32::from_str_radix(&format!("{first}{digits}"), 8).map_err(|_| "unable to unescape octal sequence in string")?
        }
        other => other as u32,
    })
}

/// Reads a whole number.
pub(crate) fn whole(digits: &str, radix: u32, unsigned: bool) -> Result<Value, String> {
    if unsigned {
        return u64::from_str_radix(digits, radix).map(Value::Uint).map_err(|_| "invalid uint literal".to_owned());
    }
    match i64::from_str_radix(digits, radix) {
        Ok(number) => Ok(Value::Int(number)),
        // The smallest number has no positive counterpart; the parser puts the sign to it.
        Err(_) if u64::from_str_radix(digits, radix) == Ok(1 << 63) => Err(SMALLEST.to_owned()),
        Err(_) => Err("invalid int literal".to_owned()),
    }
}

/// The mark of 2^63, which is a number only behind a minus.
pub(crate) const SMALLEST: &str = "\u{0}smallest";
