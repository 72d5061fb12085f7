use crate::ExprError;

/// Longest expression that is read, in bytes.
const LENGTH: usize = 64 << 10;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Number(String),
    Text(String),
    Name(String),
    Symbol(&'static str),
    End,
}

const SYMBOLS: [&str; 35] = [
    "??", "?.", "==", "!=", "<=", ">=", "&&", "||", "**", "..", "(", ")", "[", "]", "{", "}", ",", ":", "?", ".", "+", "-", "*", "/", "%",
    "<", ">", "!", "|", "#", ";", "=", "^", "$", "@",
];

/// Splits a text into tokens with the character each starts at.
pub(crate) fn tokens(source: &str) -> Result<Vec<(Token, usize)>, ExprError> {
    if source.len() > LENGTH {
        return Err(syntax(&source[..0], 0, "the expression is longer than 64 KiB"));
    }
    let mut found = Vec::new();
    let mut rest = source;
    loop {
        rest = rest.trim_start();
        let at = source.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            found.push((Token::End, at));
            return Ok(found);
        };
        let (token, length) = match first {
            '"' | '\'' => quoted(rest, first).ok_or_else(|| syntax(source, at, "unterminated string"))?,
            '`' => {
                let end = rest[1..].find('`').ok_or_else(|| syntax(source, at, "unterminated string"))?;
                (Token::Text(rest[1..=end].to_owned()), end + 2)
            }
            c if c.is_ascii_digit() => number(rest),
            c if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                (Token::Name(rest[..end].to_owned()), end)
            }
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
                let symbol = symbol.ok_or_else(|| syntax(source, at, &format!("unrecognized character {first:?}")))?;
                (Token::Symbol(symbol), symbol.len())
            }
        };
        found.push((token, at));
        rest = &rest[length..];
    }
}

fn number(rest: &str) -> (Token, usize) {
    let mut end = 0;
    let bytes = rest.as_bytes();
    while end < bytes.len() {
        let exponent_sign =
            matches!(bytes[end], b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E') && !rest.starts_with("0x");
        let range = bytes[end] == b'.' && bytes.get(end + 1) == Some(&b'.');
        if range || !(bytes[end].is_ascii_alphanumeric() || matches!(bytes[end], b'.' | b'_') || exponent_sign) {
            break;
        }
        end += 1;
    }
    (Token::Number(rest[..end].replace('_', "")), end)
}

fn quoted(rest: &str, quote: char) -> Option<(Token, usize)> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            c if c == quote => return Some((Token::Text(text), at + 1)),
            '\\' => match characters.next()?.1 {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'a' => text.push('\u{7}'),
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'v' => text.push('\u{b}'),
                'x' => text.push(code(&mut characters, 2)?),
                'u' => text.push(code(&mut characters, 4)?),
                'U' => text.push(code(&mut characters, 8)?),
                other @ ('\\' | '\'' | '"' | '`') => text.push(other),
                _ => return None,
            },
            '\n' => return None,
            other => text.push(other),
        }
    }
    None
}

fn code(characters: &mut impl Iterator<Item = (usize, char)>, digits: usize) -> Option<char> {
    let hex: String = characters.take(digits).map(|(_, c)| c).collect();
    (hex.len() == digits).then(|| u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32)).flatten()
}

pub(crate) fn syntax(source: &str, at: usize, text: &str) -> ExprError {
    let shown: String = source.chars().take(100).collect();
    ExprError::Syntax { text: text.to_owned(), at: at + 1, source_text: shown }
}
