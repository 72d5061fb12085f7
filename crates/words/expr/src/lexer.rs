//! Text to tokens. Source: expr-lang/expr parser/lexer.

use std::fmt;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Identifier,
    Number,
    Text,
    Bytes,
    Operator,
    Bracket,
    End,
}

/// A token, and the character at which it begins.
#[derive(Debug, Clone)]
pub(crate) struct Token<'a> {
    pub kind: Kind,
    pub text: std::borrow::Cow<'a, str>,
    /// What a bytes literal stands for.
    pub bytes: Vec<u8>,
    pub at: u32,
}

impl Token<'_> {
    pub fn is(&self, kind: Kind, text: &str) -> bool {
        self.kind == kind && self.text == text
    }

    pub fn operator(&self, text: &str) -> bool {
        self.is(Kind::Operator, text)
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Identifier => "Identifier",
            Kind::Number => "Number",
            Kind::Text => "String",
            Kind::Bytes => "Bytes",
            Kind::Operator => "Operator",
            Kind::Bracket => "Bracket",
            Kind::End => return f.write_str("EOF"),
        };
        if self.text.is_empty() { f.write_str(kind) } else { write!(f, "{kind}({})", crate::golike::quoted(&self.text)) }
    }
}

/// A place where no token begins or one does not end.
pub(crate) type Bad = (u32, String);

/// Reads tokens one by one.
pub(crate) struct Lexer<'a> {
    source: &'a str,
    /// Where the next character stands, in bytes and in characters.
    byte: usize,
    at: u32,
}

impl<'a> Lexer<'a> {
    pub fn new(source: &'a str) -> Self {
        Self { source, byte: 0, at: 0 }
    }

    /// Returns the next token; `End` at the end, as often as it is asked.
    pub fn next(&mut self) -> Result<Token<'a>, Bad> {
        self.skip()?;
        let (start, at) = (self.byte, self.at);
        let Some(first) = self.bump() else {
            return Ok(Token { kind: Kind::End, text: "".into(), bytes: Vec::new(), at: at.saturating_sub(1) });
        };
        let kind = match first {
            '\'' | '"' => return self.string(first, at),
            '`' => return self.raw(at),
            'b' | 'B' if matches!(self.peek(), Some('\'' | '"')) => return self.bytes(at),
            '0'..='9' => return self.number(start, at),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => return self.number(start, at),
            '?' => self.accept(".?", Kind::Operator),
            '#' => self.accept("#", Kind::Operator),
            '|' => self.accept("|", Kind::Operator),
            ':' => self.accept(":", Kind::Operator),
            '.' => self.accept(".", Kind::Operator),
            '(' | '[' | '{' | ')' | ']' | '}' => Kind::Bracket,
            ',' | ';' | '%' | '+' | '-' | '^' | '/' => Kind::Operator,
            '&' | '!' | '=' | '*' | '<' | '>' => self.accept("&=*", Kind::Operator),
            letter if is_word(letter) => return Ok(self.word(start, at)),
            other => return Err((self.at - 1, format!("unrecognized character: {}", unicode(other)))),
        };
        Ok(self.token(kind, start, at))
    }

    fn token(&self, kind: Kind, start: usize, at: u32) -> Token<'a> {
        Token { kind, text: self.source[start..self.byte].into(), bytes: Vec::new(), at }
    }

    fn peek(&self) -> Option<char> {
        let byte = *self.source.as_bytes().get(self.byte)?;
        if byte < 128 { Some(char::from(byte)) } else { self.source[self.byte..].chars().next() }
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.byte += character.len_utf8();
        self.at += 1;
        Some(character)
    }

    fn accept(&mut self, set: &str, kind: Kind) -> Kind {
        if self.peek().is_some_and(|c| set.contains(c)) {
            self.bump();
        }
        kind
    }

    fn take(&mut self, fits: impl Fn(char) -> bool) -> bool {
        let hit = self.peek().is_some_and(fits);
        if hit {
            self.bump();
        }
        hit
    }

    fn take_all(&mut self, fits: impl Fn(char) -> bool) {
        while self.take(&fits) {}
    }

    /// Steps over white space and comments.
    fn skip(&mut self) -> Result<(), Bad> {
        loop {
            self.take_all(char::is_whitespace);
            let rest = &self.source.as_bytes()[self.byte..];
            if rest.starts_with(b"//") {
                self.take_all(|c| c != '\n');
            } else if rest.starts_with(b"/*") {
                self.bump();
                self.bump();
                while !self.source[self.byte..].starts_with("*/") {
                    if self.bump().is_none() {
                        return Err((self.at, "unclosed comment".to_owned()));
                    }
                }
                self.bump();
                self.bump();
            } else {
                return Ok(());
            }
        }
    }

    fn word(&mut self, start: usize, at: u32) -> Token<'a> {
        self.take_all(is_word);
        let kind = match &self.source[start..self.byte] {
            "not" | "in" | "or" | "and" | "matches" | "contains" | "startsWith" | "endsWith" | "let" | "if" | "else" => Kind::Operator,
            _ => Kind::Identifier,
        };
        self.token(kind, start, at)
    }

    fn number(&mut self, start: usize, at: u32) -> Result<Token<'a>, Bad> {
        (self.byte, self.at) = (start, at);
        let mut digits: fn(char) -> bool = |c| c.is_ascii_digit() || c == '_';
        if self.take(|c| c == '0') {
            if self.take(|c| matches!(c, 'x' | 'X')) {
                digits = |c| c.is_ascii_hexdigit() || c == '_';
            } else if self.take(|c| matches!(c, 'o' | 'O')) {
                digits = |c| matches!(c, '0'..='7' | '_');
            } else if self.take(|c| matches!(c, 'b' | 'B')) {
                digits = |c| matches!(c, '0' | '1' | '_');
            }
        }
        self.take_all(digits);
        if self.peek() == Some('.') {
            // `1..2` is a range.
            if self.source[self.byte..].starts_with("..") {
                return Ok(self.token(Kind::Number, start, at));
            }
            self.bump();
            self.take_all(digits);
        }
        if self.take(|c| matches!(c, 'e' | 'E')) {
            self.take(|c| matches!(c, '+' | '-'));
            self.take_all(digits);
        }
        if self.take(is_word) {
            let word = crate::golike::quoted(&self.source[start..self.byte]);
            return Err((self.at - 1, format!("bad number syntax: {word}")));
        }
        Ok(self.token(Kind::Number, start, at))
    }

    fn string(&mut self, quote: char, at: u32) -> Result<Token<'a>, Bad> {
        let start = self.byte;
        // Most strings have nothing to decode.
        let rest = &self.source.as_bytes()[start..];
        let end = rest.iter().position(|b| matches!(b, b'\\' | b'\n' | b'\r') || char::from(*b) == quote);
        if let Some(end) = end
            && char::from(rest[end]) == quote
        {
            let text = &self.source[start..start + end];
            self.at += u32::try_from(text.chars().count()).unwrap_or(u32::MAX) + 1;
            self.byte = start + end + 1;
            return Ok(Token { kind: Kind::Text, text: text.into(), bytes: Vec::new(), at });
        }
        let mut text = String::new();
        while let Some(piece) = self.piece(quote)? {
            // A surrogate has no text of its own.
            text.push(char::from_u32(piece).unwrap_or('\u{fffd}'));
        }
        Ok(Token { kind: Kind::Text, text: text.into(), bytes: Vec::new(), at })
    }

    fn bytes(&mut self, at: u32) -> Result<Token<'a>, Bad> {
        let quote = self.bump().unwrap_or('"');
        let mut bytes = Vec::new();
        loop {
            let escaped = self.peek() == Some('\\');
            let unicode = self.source[self.byte..].starts_with("\\u") || self.source[self.byte..].starts_with("\\U");
            let Some(piece) = self.piece(quote)? else { break };
            if unicode || (escaped && piece > 255) {
                return Err((self.at - 1, "unable to unescape string".to_owned()));
            }
            match char::from_u32(piece) {
                Some(character) if !escaped => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
                _ => bytes.push(u8::try_from(piece).unwrap_or(b'?')),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Token { kind: Kind::Bytes, text: text.into(), bytes, at })
    }

    /// Reads one character of a string, decoded; `None` behind the closing quote.
    fn piece(&mut self, quote: char) -> Result<Option<u32>, Bad> {
        match self.bump() {
            None => Err((self.at, "literal not terminated".to_owned())),
            Some('\n') => Err((self.at - 1, "literal not terminated".to_owned())),
            Some('\r') => {
                self.take(|c| c == '\n');
                Ok(Some('\n'.into()))
            }
            Some(character) if character == quote => Ok(None),
            Some('\\') => self.escape(quote).map(Some),
            Some(character) => Ok(Some(character.into())),
        }
    }

    fn escape(&mut self, quote: char) -> Result<u32, Bad> {
        let character = self.bump();
        let simple = match character {
            Some('a') => Some(7),
            Some('b') => Some(8),
            Some('f') => Some(12),
            Some('n') => Some(10),
            Some('r') => Some(13),
            Some('t') => Some(9),
            Some('v') => Some(11),
            Some('\\') => Some(92),
            Some(character) if character == quote => Some(character.into()),
            _ => None,
        };
        if let Some(simple) = simple {
            return Ok(simple);
        }
        match character {
            Some(first @ '0'..='7') => {
                let value = first.to_digit(8).unwrap_or(0) * 64 + self.digits(8, 2)?;
                if value > 255 { Err((self.at - 1, "unable to unescape string".to_owned())) } else { Ok(value) }
            }
            Some('x') => self.digits(16, 2),
            Some('u') if self.peek() == Some('{') => {
                self.bump();
                let mut value = 0;
                let mut count = 0;
                while let Some(digit) = self.peek().and_then(|c| c.to_digit(16)).filter(|_| count < 6) {
                    self.bump();
                    value = value * 16 + digit;
                    count += 1;
                }
                if count == 0 || !self.take(|c| c == '}') {
                    return Err((self.at.saturating_sub(1), "invalid char escape".to_owned()));
                }
                self.rune(value)
            }
            Some('u') => self.digits(16, 4),
            Some('U') => {
                let value = self.digits(16, 8)?;
                self.rune(value)
            }
            _ => Err((self.at.saturating_sub(u32::from(character.is_some())), "invalid char escape".to_owned())),
        }
    }

    fn rune(&self, value: u32) -> Result<u32, Bad> {
        if value > 0x10_ffff { Err((self.at - 1, "unable to unescape string".to_owned())) } else { Ok(value) }
    }

    fn digits(&mut self, base: u32, count: u32) -> Result<u32, Bad> {
        let mut value: u32 = 0;
        for _ in 0..count {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(base)) else {
                self.bump();
                return Err((self.at - 1, "invalid char escape".to_owned()));
            };
            self.bump();
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        Ok(value)
    }

    /// A string between backticks, in which a doubled backtick is one.
    fn raw(&mut self, at: u32) -> Result<Token<'a>, Bad> {
        let start = self.byte;
        let mut text = String::new();
        let mut doubled = false;
        loop {
            match self.bump() {
                None => return Err((self.at, "literal not terminated".to_owned())),
                Some('`') if self.peek() == Some('`') => {
                    self.bump();
                    text.push('`');
                    doubled = true;
                }
                Some('`') => break,
                Some(character) => text.push(character),
            }
        }
        let text = if doubled { text.into() } else { self.source[start..self.byte - 1].into() };
        Ok(Token { kind: Kind::Text, text, bytes: Vec::new(), at })
    }
}

/// Prints a character as Go's `%#U`.
fn unicode(character: char) -> String {
    let code = u32::from(character);
    if character.is_control() { format!("U+{code:04X}") } else { format!("U+{code:04X} '{character}'") }
}

/// Tells whether a character may stand in a name.
pub(crate) fn is_word(character: char) -> bool {
    character == '_' || character == '$' || character.is_alphanumeric()
}
