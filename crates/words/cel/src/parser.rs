//! From tokens to a tree. Errors are ANTLR's for the same grammar, as far as a descent can foresee them: a missing operand,
//! one token too many, something behind the end. cel-go `parser/parser.go`.

use crate::ast::{Entry, Expr, Kind as Node, Parsed};
use crate::issues::Issues;
use crate::lexer::{Kind, Token, tokens};
use crate::literal::SMALLEST;
use crate::macros;
use crate::value::Value;

/// How deep an expression may nest. cel-go's default is 250; ours keeps the stack small.
const DEEPEST: usize = 200;
/// What may begin an operand.
const OPERAND: &str = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
const ENTRY: &str =
    "{'[', '{', '}', '(', '.', ',', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
const ARGUMENT: &str =
    "{'[', '{', '(', ')', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
const ITEM: &str =
    "{'[', ']', '{', '(', '.', ',', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
/// Words that are kept for later. cel-go `parser/parser.go` (reservedIds).
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "null",
    "return",
    "true",
    "var",
    "void",
    "while",
];

pub(crate) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    pub places: Vec<usize>,
    pub issues: Issues,
    depth: usize,
}

/// Parses an expression.
pub(crate) fn parse(text: &str) -> Result<Parsed, Issues> {
    let mut issues = Issues::new(text);
    let tokens = tokens(text, &mut issues);
    let mut parser = Parser { tokens, at: 0, places: Vec::new(), issues, depth: 0 };
    let root = parser.expression();
    if !matches!(parser.here().kind, Kind::End) && parser.at_most_lexical() {
        let last = matches!(parser.ahead(1).kind, Kind::End);
        let what = if last { "extraneous" } else { "mismatched" };
        let message = format!("Syntax error: {what} input '{}' expecting <EOF>", parser.here().text);
        parser.issues.add(parser.here().at, message);
    }
    if parser.issues.is_empty() { Ok(Parsed { root, places: parser.places }) } else { Err(parser.issues) }
}

impl Parser {
    fn here(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn ahead(&self, count: usize) -> &Token {
        &self.tokens[(self.at + count).min(self.tokens.len() - 1)]
    }

    /// Whether nothing was wrong so far but characters that are no tokens.
    fn at_most_lexical(&self) -> bool {
        !self.issues.has_other_than("Syntax error: token recognition error")
    }

    fn take(&mut self, symbol: &str) -> Option<usize> {
        let at = self.here().at;
        if !self.here().is(symbol) {
            return None;
        }
        self.at += 1;
        Some(at)
    }

    /// Makes a node that stands at a place.
    pub fn node(&mut self, at: usize, kind: Node) -> Expr {
        self.places.push(at);
        Expr { id: self.places.len() - 1, kind }
    }

    pub fn call(&mut self, at: usize, function: &str, arguments: Vec<Expr>) -> Expr {
        self.node(at, Node::Call { function: function.to_owned(), target: None, arguments })
    }

    fn nothing(&mut self) -> Expr {
        let at = self.here().at;
        self.node(at, Node::Nothing)
    }

    fn expect(&mut self, symbol: &str) {
        if self.take(symbol).is_some() || !self.at_most_lexical() {
            return;
        }
        let found = self.here().clone();
        let what = if self.ahead(1).is(symbol) { "extraneous" } else { "mismatched" };
        self.issues.add(found.at, format!("Syntax error: {what} input '{}' expecting '{symbol}'", found.text));
        if self.ahead(1).is(symbol) {
            self.at += 2;
        }
    }

    /// `condition ? a : b`
    fn expression(&mut self) -> Expr {
        self.depth += 1;
        if self.depth > DEEPEST {
            let at = self.here().at;
            if self.at_most_lexical() {
                self.issues.add(at, "expression recursion limit exceeded: 250".to_owned());
            }
            self.at = self.tokens.len() - 1;
            self.depth -= 1;
            return self.nothing();
        }
        let condition = self.chain("||", "_||_");
        let result = match self.take("?") {
            Some(at) => {
                let yes = self.chain("||", "_||_");
                self.expect(":");
                let no = self.expression();
                self.call(at, "_?_:_", vec![condition, yes, no])
            }
            None => condition,
        };
        self.depth -= 1;
        result
    }

    /// Operands between `&&` or `||`, put together as a balanced tree.
    fn chain(&mut self, symbol: &str, function: &str) -> Expr {
        let operand = |parser: &mut Self| if symbol == "||" { parser.chain("&&", "_&&_") } else { parser.relation() };
        let mut terms = vec![operand(self)];
        let mut places = Vec::new();
        while let Some(at) = self.take(symbol) {
            places.push(at);
            terms.push(operand(self));
        }
        let count = places.len();
        if count == 0 {
            return terms.remove(0);
        }
        let mut terms: Vec<Option<Expr>> = terms.into_iter().map(Some).collect();
        self.balanced(function, &mut terms, &places, 0, count - 1)
    }

    fn balanced(&mut self, function: &str, terms: &mut [Option<Expr>], places: &[usize], low: usize, high: usize) -> Expr {
        let middle = (low + high).div_ceil(2);
        let left = if middle == low { terms[middle].take() } else { Some(self.balanced(function, terms, places, low, middle - 1)) };
        let right = if middle == high { terms[middle + 1].take() } else { Some(self.balanced(function, terms, places, middle + 1, high)) };
        let arguments = left.into_iter().chain(right).collect();
        self.call(places[middle], function, arguments)
    }

    fn relation(&mut self) -> Expr {
        let mut left = self.sum();
        loop {
            let function = match self.here().text.as_str() {
                "<" | "<=" | ">" | ">=" | "==" | "!=" if matches!(self.here().kind, Kind::Symbol) => format!("_{}_", self.here().text),
                "in" if matches!(self.here().kind, Kind::Symbol) => "@in".to_owned(),
                _ => return left,
            };
            let at = self.here().at;
            self.at += 1;
            let right = self.sum();
            left = self.call(at, &function, vec![left, right]);
        }
    }

    fn sum(&mut self) -> Expr {
        let mut left = self.product();
        while self.here().is("+") || self.here().is("-") {
            let (at, function) = (self.here().at, format!("_{}_", self.here().text));
            self.at += 1;
            let right = self.product();
            left = self.call(at, &function, vec![left, right]);
        }
        left
    }

    fn product(&mut self) -> Expr {
        let mut left = self.unary();
        while self.here().is("*") || self.here().is("/") || self.here().is("%") {
            let (at, function) = (self.here().at, format!("_{}_", self.here().text));
            self.at += 1;
            let right = self.unary();
            left = self.call(at, &function, vec![left, right]);
        }
        left
    }

    fn unary(&mut self) -> Expr {
        let at = self.here().at;
        for (symbol, function) in [("!", "!_"), ("-", "-_")] {
            let mut count = 0;
            while self.here().is(symbol) {
                let number = symbol == "-" && matches!(self.ahead(1).kind, Kind::Literal(_)) && count == 0;
                if number && let Some(negative) = self.negative() {
                    return self.member_of(negative);
                }
                self.at += 1;
                count += 1;
            }
            if count > 0 {
                let operand = self.member();
                return if count % 2 == 0 { operand } else { self.call(at, function, vec![operand]) };
            }
        }
        self.member()
    }

    /// A number with its sign is one literal.
    fn negative(&mut self) -> Option<Expr> {
        let Kind::Literal(value) = &self.ahead(1).kind else { return None };
        let value = match value {
            Ok(Value::Int(number)) => Value::Int(-*number),
            Ok(Value::Double(number)) => Value::Double(-*number),
            Err(mark) if mark == SMALLEST => Value::Int(i64::MIN),
            _ => return None,
        };
        let at = self.here().at;
        self.at += 2;
        Some(self.node(at, Node::Literal(value)))
    }

    fn member(&mut self) -> Expr {
        let primary = self.primary();
        self.member_of(primary)
    }

    fn member_of(&mut self, mut operand: Expr) -> Expr {
        loop {
            if let Some(at) = self.take(".") {
                let start = self.at - 1;
                let optional = self.take("?").is_some();
                let name = self.here().clone();
                match name.kind {
                    Kind::Identifier => self.at += 1,
                    Kind::Escaped if !self.ahead(1).is("(") => self.at += 1,
                    _ => {
                        self.no_alternative(start);
                        return operand;
                    }
                }
                if let (false, true) = (optional, self.here().is("(")) {
                    let open = self.here().at;
                    self.at += 1;
                    let arguments = self.arguments(")");
                    self.expect(")");
                    operand = macros::member(self, open, operand, &name.text, arguments);
                    continue;
                }
                let field = name.text.trim_matches('`').to_owned();
                operand = if optional {
                    let literal = self.node(name.at, Node::Literal(Value::text(&field)));
                    self.call(at, "_?._", vec![operand, literal])
                } else {
                    self.node(at, Node::Select { operand: Box::new(operand), field, test: false })
                };
            } else if let Some(at) = self.take("[") {
                let function = if self.take("?").is_some() { "_[?_]" } else { "_[_]" };
                let index = self.expression();
                self.expect("]");
                operand = self.call(at, function, vec![operand, index]);
            } else if self.here().is("{") && operand.qualified().is_some() {
                operand = self.structure(operand);
            } else {
                return operand;
            }
        }
    }

    fn no_alternative(&mut self, start: usize) {
        if !self.at_most_lexical() {
            return;
        }
        let found = self.here().clone();
        let between = found.at - self.tokens[start].at;
        let shown = self.issues.excerpt(self.tokens[start].at, between);
        let tail = if matches!(found.kind, Kind::End) { "" } else { &found.text };
        self.issues.add(found.at, format!("Syntax error: no viable alternative at input '{shown}{tail}'"));
    }

    fn arguments(&mut self, end: &str) -> Vec<Expr> {
        let mut found = Vec::new();
        if self.here().is(end) {
            return found;
        }
        if matches!(self.here().kind, Kind::End) {
            self.no_operand(ARGUMENT);
            return found;
        }
        loop {
            found.push(self.expression());
            if self.take(",").is_none() {
                return found;
            }
        }
    }

    fn primary(&mut self) -> Expr {
        let token = self.here().clone();
        match &token.kind {
            Kind::Literal(value) => {
                self.at += 1;
                match value {
                    Ok(value) => self.node(token.at, Node::Literal(value.clone())),
                    Err(message) => {
                        let message = if message == SMALLEST { "invalid int literal" } else { message };
                        self.issues.add(token.at, message.to_owned());
                        self.node(token.at, Node::Nothing)
                    }
                }
            }
            Kind::Identifier => self.name(),
            Kind::Symbol => match token.text.as_str() {
                "." if matches!(self.ahead(1).kind, Kind::Identifier) => {
                    self.at += 1;
                    self.name()
                }
                "(" => {
                    self.at += 1;
                    let inner = self.expression();
                    self.expect(")");
                    inner
                }
                "[" => self.list(),
                "{" => self.map(),
                _ => self.no_operand(OPERAND),
            },
            Kind::Escaped | Kind::End => self.no_operand(OPERAND),
        }
    }

    /// Says that an operand is missing; one token too many is passed over.
    fn no_operand(&mut self, expected: &str) -> Expr {
        let token = self.here().clone();
        let begins = |token: &Token| match token.kind {
            Kind::Literal(_) | Kind::Identifier => true,
            Kind::Symbol => matches!(token.text.as_str(), "[" | "{" | "(" | "." | "-" | "!"),
            Kind::Escaped | Kind::End => false,
        };
        let extra = !matches!(token.kind, Kind::End) && begins(self.ahead(1));
        let said = self.issues.says("mismatched input '<EOF>'") || self.issues.says("Syntax error: mismatched");
        let after_member = self.issues.says("no viable alternative");
        if self.at_most_lexical() || (after_member && matches!(token.kind, Kind::End) && !said) {
            let what = if extra { "extraneous" } else { "mismatched" };
            self.issues.add(token.at, format!("Syntax error: {what} input '{}' expecting {expected}", token.text));
            let closing = matches!(token.text.as_str(), ")" | "]" | "}" | ",");
            if !extra && !closing && matches!(token.kind, Kind::Symbol) && matches!(self.ahead(1).kind, Kind::End) {
                // Recovery passes over the operator and stands at the end, where an operand is missing again.
                let end = self.ahead(1).at;
                self.issues.add(end, format!("Syntax error: mismatched input '<EOF>' expecting {OPERAND}"));
            }
        }
        if extra {
            self.at += 1;
            return self.member();
        }
        self.nothing()
    }

    fn name(&mut self) -> Expr {
        let token = self.here().clone();
        self.at += 1;
        if self.here().is("(") {
            let open = self.here().at;
            self.at += 1;
            let arguments = self.arguments(")");
            self.expect(")");
            return macros::global(self, open, &token.text, arguments);
        }
        if RESERVED.contains(&token.text.as_str()) {
            self.issues.add(token.at, format!("reserved identifier: {}", token.text));
            return self.node(token.at, Node::Nothing);
        }
        self.node(token.at, Node::Ident(token.text))
    }

    fn list(&mut self) -> Expr {
        let at = self.here().at;
        self.at += 1;
        let (mut items, mut optional) = (Vec::new(), Vec::new());
        if matches!(self.here().kind, Kind::End) {
            return self.no_operand(ITEM);
        }
        while !self.here().is("]") && !matches!(self.here().kind, Kind::End) {
            if self.take("?").is_some() {
                optional.push(items.len());
            }
            items.push(self.expression());
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("]");
        self.node(at, Node::List { items, optional })
    }

    fn map(&mut self) -> Expr {
        let at = self.here().at;
        self.at += 1;
        let mut entries = Vec::new();
        if matches!(self.here().kind, Kind::End) {
            return self.no_operand(ENTRY);
        }
        while !self.here().is("}") && !matches!(self.here().kind, Kind::End) {
            let optional = self.take("?").is_some();
            let key = self.expression();
            self.expect(":");
            let value = self.expression();
            entries.push(Entry { key, value, optional });
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("}");
        self.node(at, Node::Map(entries))
    }

    fn structure(&mut self, name: Expr) -> Expr {
        let at = self.here().at;
        self.at += 1;
        let mut fields = Vec::new();
        while !self.here().is("}") && !matches!(self.here().kind, Kind::End) {
            let optional = self.take("?").is_some();
            let field = self.here().clone();
            if !matches!(field.kind, Kind::Identifier | Kind::Escaped) {
                let expected = "{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}";
                self.issues.add(field.at, format!("Syntax error: extraneous input '{}' expecting {expected}", field.text));
                break;
            }
            self.at += 1;
            let colon = self.here().at;
            self.expect(":");
            let value = self.expression();
            let place = self.node(colon, Node::Nothing).id;
            fields.push((place, field.text.trim_matches('`').to_owned(), value, optional));
            if self.take(",").is_none() {
                break;
            }
        }
        self.expect("}");
        self.node(at, Node::Struct { name: name.qualified().unwrap_or_default(), fields })
    }
}
