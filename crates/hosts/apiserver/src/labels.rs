//! Label selectors as text: what Kubernetes reads, and what it says of what it cannot read.
//! Follows AM `pkg/labels/selector.go`: a lexer of words and signs, and a parser over its tokens.

use crate::names;

/// One condition on labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    Greater(String, i64),
    Less(String, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Error,
    End,
    Open,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Word,
    In,
    Less,
    NotEquals,
    NotIn,
}

fn sign(text: &str) -> Option<Token> {
    Some(match text {
        ")" => Token::Close,
        "," => Token::Comma,
        "!" => Token::Not,
        "==" => Token::DoubleEquals,
        "=" => Token::Equals,
        ">" => Token::Greater,
        "<" => Token::Less,
        "!=" => Token::NotEquals,
        "(" => Token::Open,
        _ => return None,
    })
}

fn is_sign(one: char) -> bool {
    matches!(one, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn is_space(one: char) -> bool {
    matches!(one, ' ' | '\t' | '\r' | '\n')
}

fn scan(text: &str) -> Vec<(Token, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(is_space);
        let Some(first) = rest.chars().next() else {
            found.push((Token::End, String::new()));
            return found;
        };
        if !is_sign(first) {
            let end = rest.find(|one| is_sign(one) || is_space(one)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            rest = after;
            let token = match word {
                "in" => Token::In,
                "notin" => Token::NotIn,
                _ => Token::Word,
            };
            found.push((token, word.to_owned()));
            continue;
        }
        // Each sign means something, and some mean something together with the next.
        let length = if rest.get(..2).is_some_and(|two| sign(two).is_some()) { 2 } else { 1 };
        let (word, after) = rest.split_at(length);
        found.push((sign(word).unwrap_or(Token::Error), word.to_owned()));
        rest = after;
    }
}

struct Parser {
    tokens: Vec<(Token, String)>,
    at: usize,
}

/// Where a token stands decides whether `in` is a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Operator,
    Values,
}

impl Parser {
    fn peek(&self, context: Context) -> (Token, String) {
        let (token, text) = self.tokens.get(self.at).cloned().unwrap_or((Token::End, String::new()));
        let word = context == Context::Values && matches!(token, Token::In | Token::NotIn);
        (if word { Token::Word } else { token }, text)
    }

    fn take(&mut self, context: Context) -> (Token, String) {
        let found = self.peek(context);
        self.at += 1;
        found
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut text) = self.take(Context::Values);
        let absent = token == Token::Not;
        if absent {
            (token, text) = self.take(Context::Values);
        }
        if token != Token::Word {
            return Err(format!("found '{text}', expected: identifier"));
        }
        let key = checked_key(&text)?;
        let ends = matches!(self.peek(Context::Values).0, Token::End | Token::Comma);
        if absent {
            return Ok(Requirement::Absent(key));
        }
        if ends {
            return Ok(Requirement::Exists(key));
        }
        let (operator, text) = self.take(Context::Operator);
        match operator {
            Token::In | Token::NotIn => {
                let values = self.values()?;
                let values = values.iter().enumerate().map(|(at, value)| checked_value(&key, at, value)).collect::<Result<_, _>>()?;
                Ok(if operator == Token::In { Requirement::In(key, values) } else { Requirement::NotIn(key, values) })
            }
            Token::Equals | Token::DoubleEquals | Token::NotEquals => {
                let value = checked_value(&key, 0, &self.exact()?)?;
                Ok(if operator == Token::NotEquals { Requirement::NotIn(key, vec![value]) } else { Requirement::In(key, vec![value]) })
            }
            Token::Greater | Token::Less => {
                let value = self.exact()?;
                let bound = value
                    .parse()
                    .map_err(|_| format!("values[0]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"))?;
                Ok(if operator == Token::Greater { Requirement::Greater(key, bound) } else { Requirement::Less(key, bound) })
            }
            _ => Err(format!("found '{text}', expected: in, notin, =, ==, !=, gt, lt")),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let (token, text) = self.take(Context::Values);
        if token != Token::Open {
            return Err(format!("found '{text}' expected: '('"));
        }
        let (token, text) = self.peek(Context::Values);
        match token {
            Token::Word | Token::Comma => {
                let values = self.list()?;
                if self.take(Context::Values).0 != Token::Close {
                    return Err(format!("found '{text}', expected: ')'"));
                }
                Ok(values)
            }
            Token::Close => {
                self.at += 1;
                Ok(vec![String::new()])
            }
            _ => Err(format!("found '{text}', expected: ',', ')' or identifier")),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        let mut found: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
        loop {
            let (token, text) = self.take(Context::Values);
            match token {
                Token::Word => {
                    found.insert(text);
                    match self.peek(Context::Values) {
                        (Token::Comma, _) => {}
                        (Token::Close, _) => return Ok(found.into_iter().collect()),
                        (_, text) => return Err(format!("found '{text}', expected: ',' or ')'")),
                    }
                }
                Token::Comma => {
                    if found.is_empty() {
                        found.insert(String::new());
                    }
                    match self.peek(Context::Values).0 {
                        Token::Close => {
                            found.insert(String::new());
                            return Ok(found.into_iter().collect());
                        }
                        Token::Comma => {
                            self.at += 1;
                            found.insert(String::new());
                        }
                        _ => {}
                    }
                }
                _ => return Err(format!("found '{text}', expected: ',', or identifier")),
            }
        }
    }

    fn exact(&mut self) -> Result<String, String> {
        if matches!(self.peek(Context::Values).0, Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.take(Context::Values) {
            (Token::Word, text) => Ok(text),
            (_, text) => Err(format!("found '{text}', expected: identifier")),
        }
    }
}

/// Reads a selector; the error is Kubernetes' sentence.
pub(crate) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser { tokens: scan(text), at: 0 };
    let mut found = Vec::new();
    loop {
        match parser.peek(Context::Values) {
            (Token::Word | Token::Not, _) => {
                found.push(parser.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?);
                match parser.take(Context::Values) {
                    (Token::End, _) => return Ok(found),
                    (Token::Comma, _) => match parser.peek(Context::Values) {
                        (Token::Word | Token::Not, _) => {}
                        (_, text) => return Err(format!("found '{text}', expected: identifier after ','")),
                    },
                    (_, text) => return Err(format!("found '{text}', expected: ',' or 'end of string'")),
                }
            }
            (Token::End, _) => return Ok(found),
            (_, text) => return Err(format!("found '{text}', expected: !, identifier, or 'end of string'")),
        }
    }
}

fn checked_key(key: &str) -> Result<String, String> {
    match names::key_faults(key).first() {
        None => Ok(key.to_owned()),
        Some(fault) => Err(format!("<nil>: Invalid value: {key:?}: {fault}")),
    }
}

fn checked_value(key: &str, at: usize, value: &str) -> Result<String, String> {
    match names::value_faults(value).first() {
        None => Ok(value.to_owned()),
        Some(fault) => Err(format!("values[{at}][{key}]: Invalid value: {value:?}: {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read() {
        let text = |text: &str| text.to_owned();
        for (selector, wanted) in [
            ("", vec![]),
            (" a = b ", vec![Requirement::In(text("a"), vec![text("b")])]),
            ("a==b,c!=d", vec![Requirement::In(text("a"), vec![text("b")]), Requirement::NotIn(text("c"), vec![text("d")])]),
            ("in in (in,notin)", vec![Requirement::In(text("in"), vec![text("in"), text("notin")])]),
            ("!a, b", vec![Requirement::Absent(text("a")), Requirement::Exists(text("b"))]),
            ("a=", vec![Requirement::In(text("a"), vec![text("")])]),
            ("a in (,b)", vec![Requirement::In(text("a"), vec![text(""), text("b")])]),
            ("a>1,b<2", vec![Requirement::Greater(text("a"), 1), Requirement::Less(text("b"), 2)]),
        ] {
            assert_eq!(parse(selector), Ok(wanted), "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_told_in_kubernetes_words() {
        for (selector, wanted) in [
            ("x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt"),
            ("x=y z", "found 'z', expected: ',' or 'end of string'"),
            ("x,", "found '', expected: identifier after ','"),
            ("x in y", "unable to parse requirement: found 'y' expected: '('"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            ("x=(", "unable to parse requirement: found '(', expected: identifier"),
            ("x>y", "unable to parse requirement: values[0]: Invalid value: \"y\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ] {
            assert_eq!(parse(selector).expect_err(selector), wanted);
        }
    }
}
