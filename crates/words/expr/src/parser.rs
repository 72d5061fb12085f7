use crate::ExprError;
use crate::lexer::{Token, syntax, tokens};

/// Deepest nesting that is read.
const DEPTH: usize = 100;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Name(String),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Member { of: Box<Expr>, name: Box<Expr>, optional: bool },
    Slice { of: Box<Expr>, from: Option<Box<Expr>>, to: Option<Box<Expr>> },
    Call { function: Box<Expr>, arguments: Vec<Expr> },
    Unary(&'static str, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
}

pub(crate) fn parse(source: &str) -> Result<Expr, ExprError> {
    let mut parser = Parser { source, tokens: tokens(source)?, at: 0 };
    let expr = parser.expression(0, 0)?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.error("unexpected token")),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<(Token, usize)>,
    at: usize,
}

/// Binary operators with their binding power; right-associative where marked. Source: expr-lang/expr parser/operator.
fn binary(token: &Token) -> Option<(&'static str, u8, bool)> {
    let name = match token {
        Token::Symbol(symbol) => symbol,
        Token::Name(name) => name.as_str(),
        _ => return None,
    };
    Some(match name {
        "|" => ("|", 1, false),
        "or" | "||" => ("||", 10, false),
        "and" | "&&" => ("&&", 15, false),
        "==" => ("==", 20, false),
        "!=" => ("!=", 20, false),
        "<" => ("<", 20, false),
        ">" => (">", 20, false),
        "<=" => ("<=", 20, false),
        ">=" => (">=", 20, false),
        "in" => ("in", 20, false),
        "matches" => ("matches", 20, false),
        "contains" => ("contains", 20, false),
        "startsWith" => ("startsWith", 20, false),
        "endsWith" => ("endsWith", 20, false),
        ".." => ("..", 25, false),
        "+" => ("+", 30, false),
        "-" => ("-", 30, false),
        "*" => ("*", 60, false),
        "/" => ("/", 60, false),
        "%" => ("%", 60, false),
        "**" => ("**", 100, true),
        "??" => ("??", 120, false),
        _ => return None,
    })
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)].0
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn error(&self, text: &str) -> ExprError {
        syntax(self.source, self.tokens[self.at.min(self.tokens.len() - 1)].1, text)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(found) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, symbol: &str) -> Result<(), ExprError> {
        if self.take(symbol) { Ok(()) } else { Err(self.error(&format!("expected {symbol:?}"))) }
    }

    fn expression(&mut self, least: u8, depth: usize) -> Result<Expr, ExprError> {
        if depth > DEPTH {
            return Err(self.error("the expression is nested deeper than 100 levels"));
        }
        let mut left = self.unary(depth)?;
        loop {
            let negated = matches!(self.peek(), Token::Name(name) if name == "not");
            let operator = if negated { self.tokens.get(self.at + 1).and_then(|(token, _)| binary(token)) } else { binary(self.peek()) };
            let Some((name, power, right)) = operator.filter(|(_, power, _)| *power >= least.max(1)) else { break };
            self.at += if negated { 2 } else { 1 };
            let operand = self.expression(if right { power } else { power + 1 }, depth + 1)?;
            left = if name == "|" { self.pipe(left, operand)? } else { Expr::Binary(name, Box::new(left), Box::new(operand)) };
            if negated {
                left = Expr::Unary("!", Box::new(left));
            }
        }
        if least == 0 && self.take("?") {
            let then = self.expression(0, depth + 1)?;
            self.need(":")?;
            let otherwise = self.expression(0, depth + 1)?;
            left = Expr::Choice(Box::new(left), Box::new(then), Box::new(otherwise));
        }
        Ok(left)
    }

    /// `x | f(y)` is `f(x, y)`.
    fn pipe(&self, value: Expr, target: Expr) -> Result<Expr, ExprError> {
        match target {
            Expr::Call { function, mut arguments } => {
                arguments.insert(0, value);
                Ok(Expr::Call { function, arguments })
            }
            _ => Err(self.error("a pipe leads into a call")),
        }
    }

    fn unary(&mut self, depth: usize) -> Result<Expr, ExprError> {
        let (operator, power) = match self.peek() {
            Token::Symbol("!") => ("!", 50),
            Token::Name(name) if name == "not" => ("!", 50),
            Token::Symbol("-") => ("-", 90),
            Token::Symbol("+") => ("+", 90),
            _ => {
                let primary = self.primary(depth)?;
                return self.postfix(primary, depth);
            }
        };
        self.at += 1;
        Ok(Expr::Unary(operator, Box::new(self.expression(power, depth + 1)?)))
    }

    fn primary(&mut self, depth: usize) -> Result<Expr, ExprError> {
        let start = self.at;
        match self.next() {
            Token::Number(text) => self.number(&text),
            Token::Text(text) => Ok(Expr::Text(text)),
            Token::Name(name) => match name.as_str() {
                "true" => Ok(Expr::Bool(true)),
                "false" => Ok(Expr::Bool(false)),
                "nil" => Ok(Expr::Nil),
                "let" | "if" => {
                    self.at = start;
                    Err(self.error(&format!("{name:?} is not supported")))
                }
                _ => Ok(Expr::Name(name)),
            },
            Token::Symbol("(") => {
                let inner = self.expression(0, depth + 1)?;
                self.need(")")?;
                Ok(inner)
            }
            Token::Symbol("[") => Ok(Expr::List(self.items("]", depth)?)),
            Token::Symbol("{") => self.map(depth),
            Token::Symbol("#" | ".") => {
                self.at = start;
                Err(self.error("closures (# and a leading dot) are not supported"))
            }
            _ => {
                self.at = start;
                Err(self.error("expected a value"))
            }
        }
    }

    fn number(&self, text: &str) -> Result<Expr, ExprError> {
        let radix = match text.get(..2) {
            Some("0x" | "0X") => Some(16),
            Some("0b" | "0B") => Some(2),
            Some("0o" | "0O") => Some(8),
            _ => None,
        };
        let parsed = match radix {
            Some(radix) => i64::from_str_radix(&text[2..], radix).ok().map(Expr::Integer),
            None if text.contains(['.', 'e', 'E']) => text.parse().ok().map(Expr::Float),
            None => text.parse().ok().map(Expr::Integer),
        };
        parsed.ok_or_else(|| self.error("bad number"))
    }

    fn items(&mut self, close: &str, depth: usize) -> Result<Vec<Expr>, ExprError> {
        let mut items = Vec::new();
        while !self.take(close) {
            if !items.is_empty() {
                self.need(",")?;
                if self.take(close) {
                    break;
                }
            }
            items.push(self.expression(0, depth + 1)?);
        }
        Ok(items)
    }

    fn map(&mut self, depth: usize) -> Result<Expr, ExprError> {
        let mut pairs = Vec::new();
        while !self.take("}") {
            if !pairs.is_empty() {
                self.need(",")?;
                if self.take("}") {
                    break;
                }
            }
            let key = match self.next() {
                Token::Name(name) | Token::Text(name) | Token::Number(name) => Expr::Text(name),
                Token::Symbol("(") => {
                    let key = self.expression(0, depth + 1)?;
                    self.need(")")?;
                    key
                }
                _ => return Err(self.error("a map key must be a name, a string, a number or (an expression)")),
            };
            self.need(":")?;
            pairs.push((key, self.expression(0, depth + 1)?));
        }
        Ok(Expr::Map(pairs))
    }

    fn postfix(&mut self, mut expr: Expr, depth: usize) -> Result<Expr, ExprError> {
        let mut links = 0;
        loop {
            links += 1;
            if links > 1_000 {
                return Err(self.error("more than 1,000 members in a row"));
            }
            let optional = self.take("?.");
            if optional || self.take(".") {
                if optional && self.take("[") {
                    expr = self.index(expr, true, depth)?;
                    continue;
                }
                let Token::Name(name) = self.next() else { return Err(self.error("expected a name behind the dot")) };
                expr = Expr::Member { of: Box::new(expr), name: Box::new(Expr::Text(name)), optional };
            } else if self.take("[") {
                expr = self.index(expr, false, depth)?;
            } else if self.take("(") {
                let arguments = self.items(")", depth)?;
                expr = Expr::Call { function: Box::new(expr), arguments };
            } else {
                return Ok(expr);
            }
        }
    }

    fn index(&mut self, of: Expr, optional: bool, depth: usize) -> Result<Expr, ExprError> {
        let of = Box::new(of);
        if self.take(":") {
            let to = self.bound(depth)?;
            return Ok(Expr::Slice { of, from: None, to });
        }
        let first = Box::new(self.expression(0, depth + 1)?);
        if self.take(":") {
            let to = self.bound(depth)?;
            return Ok(Expr::Slice { of, from: Some(first), to });
        }
        self.need("]")?;
        Ok(Expr::Member { of, name: first, optional })
    }

    fn bound(&mut self, depth: usize) -> Result<Option<Box<Expr>>, ExprError> {
        if self.take("]") {
            return Ok(None);
        }
        let bound = self.expression(0, depth + 1)?;
        self.need("]")?;
        Ok(Some(Box::new(bound)))
    }
}
