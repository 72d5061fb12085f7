//! From text to tokens; what is no token is told in ANTLR's words and passed over. cel-go `parser/gen/CEL.g4`.

use crate::issues::Issues;
use crate::literal;
use crate::value::Value;

/// One token with its place, counted in characters.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub kind: Kind,
    pub at: usize,
    pub text: String,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Identifier,
    /// A name between backticks.
    Escaped,
    Literal(Result<Value, String>),
    /// Operators, brackets and the words `in`, `true`, `false`, `null`.
    Symbol,
    End,
}

impl Token {
    pub fn is(&self, symbol: &str) -> bool {
        matches!(self.kind, Kind::Symbol) && self.text == symbol
    }
}

const SYMBOLS: &[&str] =
    &["==", "!=", "<=", ">=", "&&", "||", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*", "/", "%"];

struct Lexer<'a> {
    characters: Vec<char>,
    at: usize,
    tokens: Vec<Token>,
    issues: &'a mut Issues,
}

/// Returns the tokens, the end as last.
pub(crate) fn tokens(text: &str, issues: &mut Issues) -> Vec<Token> {
    let mut lexer = Lexer { characters: text.chars().collect(), at: 0, tokens: Vec::new(), issues };
    while lexer.at < lexer.characters.len() {
        lexer.next();
    }
    let at = lexer.characters.len();
    lexer.tokens.push(Token { kind: Kind::End, at, text: "<EOF>".to_owned() });
    lexer.tokens
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> char {
        self.characters.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let text: String = self.characters[self.at..self.at + length].iter().collect();
        self.tokens.push(Token { kind, at: self.at, text });
        self.at += length;
    }

    fn unknown(&mut self, length: usize) {
        let end = (self.at + length).min(self.characters.len());
        let text: String = self.characters[self.at..end].iter().collect();
        let shown = text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
        self.issues.add(self.at, format!("Syntax error: token recognition error at: '{shown}'"));
        self.at = end.max(self.at + 1);
    }

    fn next(&mut self) {
        let first = self.peek(0);
        if matches!(first, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
            self.at += 1;
            return;
        }
        if first == '/' && self.peek(1) == '/' {
            while self.at < self.characters.len() && self.peek(0) != '\n' {
                self.at += 1;
            }
            return;
        }
        if let Some(prefix) = self.string_prefix() {
            return self.string(prefix);
        }
        if first.is_ascii_digit() || (first == '.' && self.peek(1).is_ascii_digit()) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let length = self.characters[self.at..].iter().take_while(|one| one.is_ascii_alphanumeric() || **one == '_').count();
            let word: String = self.characters[self.at..self.at + length].iter().collect();
            let kind = match word.as_str() {
                "true" => Kind::Literal(Ok(Value::Bool(true))),
                "false" => Kind::Literal(Ok(Value::Bool(false))),
                "null" => Kind::Literal(Ok(Value::Null)),
                "in" => Kind::Symbol,
                _ => Kind::Identifier,
            };
            return self.push(kind, length);
        }
        if first == '`' {
            let inner = self.characters[self.at + 1..]
                .iter()
                .take_while(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | '-' | '/' | ' '))
                .count();
            if inner > 0 && self.peek(inner + 1) == '`' {
                return self.push(Kind::Escaped, inner + 2);
            }
            return self.unknown(1);
        }
        for symbol in SYMBOLS {
            if symbol.chars().enumerate().all(|(index, one)| self.peek(index) == one) {
                return self.push(Kind::Symbol, symbol.len());
            }
        }
        // A half operator takes the character behind it along.
        self.unknown(if matches!(first, '|' | '&' | '=') { 2 } else { 1 });
    }

    /// Returns how many letters stand in front of a quote here.
    fn string_prefix(&self) -> Option<usize> {
        let letters = (0..3).take_while(|index| matches!(self.peek(*index), 'b' | 'B' | 'r' | 'R')).count();
        let valid = match letters {
            0 => true,
            1 => true,
            2 => {
                let pair = [self.peek(0).to_ascii_lowercase(), self.peek(1).to_ascii_lowercase()];
                pair == ['b', 'r'] || pair == ['r', 'b']
            }
            _ => false,
        };
        (valid && matches!(self.peek(letters), '"' | '\'')).then_some(letters)
    }

    fn string(&mut self, prefix: usize) {
        let flags: Vec<char> = (0..prefix).map(|index| self.peek(index).to_ascii_lowercase()).collect();
        let (bytes, raw) = (flags.contains(&'b'), flags.contains(&'r'));
        let quote = self.peek(prefix);
        let triple = self.peek(prefix + 1) == quote && self.peek(prefix + 2) == quote;
        let width = if triple { 3 } else { 1 };
        let mut end = prefix + width;
        loop {
            let here = self.peek(end);
            if self.at + end >= self.characters.len() || (!triple && matches!(here, '\n' | '\r')) {
                return self.unknown(end);
            }
            if here == '\\' && !raw {
                let length = literal::escape_length(&self.characters[self.at + end..]);
                let Some(length) = length else { return self.unknown(end + 2) };
                end += length;
                continue;
            }
            if here == quote && (!triple || (self.peek(end + 1) == quote && self.peek(end + 2) == quote)) {
                break;
            }
            end += 1;
        }
        let body: String = self.characters[self.at + prefix + width..self.at + end].iter().collect();
        let value = literal::text(&body, raw, bytes);
        self.push(Kind::Literal(value), end + width);
    }

    fn number(&mut self) {
        let rest = &self.characters[self.at..];
        if rest.first() == Some(&'0') && matches!(rest.get(1), Some('x' | 'X')) && rest.get(2).is_some_and(char::is_ascii_hexdigit) {
            let digits = rest[2..].iter().take_while(|one| one.is_ascii_hexdigit()).count();
            let unsigned = matches!(rest.get(2 + digits), Some('u' | 'U'));
            let text: String = rest[2..2 + digits].iter().collect();
            return self.push(Kind::Literal(literal::whole(&text, 16, unsigned)), 2 + digits + usize::from(unsigned));
        }
        let count = |from: usize| rest[from.min(rest.len())..].iter().take_while(|one| one.is_ascii_digit()).count();
        let whole = count(0);
        let mut length = whole;
        let fraction = if rest.get(whole) == Some(&'.') { count(whole + 1) } else { 0 };
        if fraction > 0 {
            length += 1 + fraction;
        }
        let mut float = fraction > 0;
        if matches!(rest.get(length), Some('e' | 'E')) {
            let sign = usize::from(matches!(rest.get(length + 1), Some('+' | '-')));
            let digits = count(length + 1 + sign);
            if digits > 0 {
                length += 1 + sign + digits;
                float = true;
            }
        }
        let text: String = rest[..length].iter().collect();
        if float {
            let value = text.parse::<f64>().ok().filter(|float| float.is_finite());
            return self.push(Kind::Literal(value.map(Value::Double).ok_or_else(|| "invalid double literal".to_owned())), length);
        }
        let unsigned = matches!(rest.get(length), Some('u' | 'U'));
        self.push(Kind::Literal(literal::whole(&text, 10, unsigned)), length + usize::from(unsigned));
    }
}
