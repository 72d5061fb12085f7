//! Tokens to a tree. Source: expr-lang/expr parser/parser.go.

use std::sync::Arc;

use crate::ast::{Binary, Each, Kind, Member, Node, Pointer, Unary};
use crate::builtins;
use crate::lexer::{Bad, Kind as TokenKind, Lexer, Token};

/// Most nodes of a tree, as upstream.
const NODES: usize = 10_000;
/// Most nodes below each other, and most brackets inside each other.
const DEPTH: u16 = 150;

type Parsed = Result<Node, Bad>;

pub(crate) struct Parser<'a> {
    lexer: Lexer<'a>,
    current: Token<'a>,
    stash: Option<Token<'a>>,
    /// Functions of the environment; they hide built-ins.
    declared: &'a dyn Fn(&str) -> bool,
    predicates: usize,
    nodes: usize,
    depth: u16,
}

/// Parses a whole expression.
pub(crate) fn parse(source: &str, declared: &dyn Fn(&str) -> bool) -> Parsed {
    let mut lexer = Lexer::new(source);
    let current = lexer.next()?;
    let mut parser = Parser { lexer, current, stash: None, declared, predicates: 0, nodes: 0, depth: 0 };
    let node = parser.sequence()?;
    if parser.current.kind == TokenKind::End { Ok(node) } else { parser.unexpected() }
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, Bad> {
        let next = match self.stash.take() {
            Some(token) => token,
            None if self.current.kind == TokenKind::End => return self.fail("unexpected end of expression"),
            None => self.lexer.next()?,
        };
        Ok(std::mem::replace(&mut self.current, next))
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Bad> {
        Err((self.current.at, message.into()))
    }

    fn unexpected<T>(&self) -> Result<T, Bad> {
        self.fail(format!("unexpected token {}", self.current))
    }

    fn expect(&mut self, kind: TokenKind, text: &str) -> Result<(), Bad> {
        if !self.current.is(kind, text) {
            return self.unexpected();
        }
        self.advance().map(drop)
    }

    fn bracket(&self, text: &str) -> bool {
        self.current.is(TokenKind::Bracket, text)
    }

    fn node(&mut self, kind: Kind, at: u32) -> Parsed {
        self.nodes += 1;
        if self.nodes > NODES {
            return self.fail("compilation failed: expression exceeds maximum allowed nodes");
        }
        let depth = 1 + deepest(&kind);
        if depth > DEPTH {
            return self.fail("compilation failed: expression is nested too deeply");
        }
        Ok(Node { kind, at, depth })
    }

    fn below<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Bad>) -> Result<T, Bad> {
        if self.depth == DEPTH {
            return self.fail("compilation failed: expression is nested too deeply");
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn sequence(&mut self) -> Parsed {
        let first = self.expression(0)?;
        if !self.current.operator(";") {
            return Ok(first);
        }
        let at = first.at;
        let mut nodes = vec![first];
        while self.current.operator(";") {
            self.advance()?;
            if self.current.kind == TokenKind::End {
                break;
            }
            nodes.push(self.expression(0)?);
        }
        if nodes.len() == 1 {
            return nodes.pop().map_or_else(|| self.unexpected(), Ok);
        }
        self.node(Kind::Sequence(nodes), at)
    }

    fn expression(&mut self, precedence: u16) -> Parsed {
        self.below(|parser| parser.expression_here(precedence))
    }

    fn expression_here(&mut self, precedence: u16) -> Parsed {
        if precedence == 0 && self.current.operator("let") {
            return self.variable();
        }
        if precedence == 0 && self.current.operator("if") {
            return self.conditional_if();
        }
        let first = self.primary()?;
        let node = self.operators(first, precedence)?;
        if precedence == 0 { self.ternary(node) } else { Ok(node) }
    }

    fn operators(&mut self, mut left: Node, precedence: u16) -> Parsed {
        let mut coalesced = false;
        while self.current.kind == TokenKind::Operator {
            let mut negated = None;
            if self.current.operator("not") {
                let not = self.advance()?;
                if !matches!(&*self.current.text, "contains" | "matches" | "startsWith" | "endsWith" | "in") {
                    return self.unexpected();
                }
                if precedence > 20 {
                    // The operator belongs to somebody further out.
                    self.stash = Some(std::mem::replace(&mut self.current, not));
                    break;
                }
                negated = Some(self.current.at);
            }
            if self.current.operator("|") && precedence == 0 {
                self.advance()?;
                let name = self.identifier()?;
                left = self.call(name, Some(left), true)?;
                coalesced = false;
                continue;
            }
            let Some((operator, power, to_the_right)) = Binary::find(&self.current.text).filter(|found| found.1 >= precedence) else {
                break;
            };
            let token = self.advance()?;
            if coalesced && operator != Binary::Coalesce {
                let message =
                    format!("Operator ({}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses.", token.text);
                return Err((token.at, message));
            }
            coalesced = operator == Binary::Coalesce;
            if operator.is_comparison() {
                left = self.comparison(left, operator, token.at)?;
                continue;
            }
            let right = self.expression(if to_the_right { power } else { power + 1 })?;
            left = self.node(Kind::Binary(operator, Box::new(left), Box::new(right)), token.at)?;
            if let Some(at) = negated {
                left = self.node(Kind::Unary(Unary::Not, Box::new(left)), at)?;
            }
        }
        Ok(left)
    }

    /// `a < b <= c` compares neighbours.
    fn comparison(&mut self, first: Node, operator: Binary, at: u32) -> Parsed {
        let mut rest = vec![(operator, at, self.expression(21)?)];
        while self.current.kind == TokenKind::Operator
            && let Some((operator, ..)) = Binary::find(&self.current.text).filter(|found| found.0.is_comparison())
        {
            let at = self.advance()?.at;
            rest.push((operator, at, self.expression(21)?));
        }
        self.node(Kind::Compare(Box::new(first), rest), at)
    }

    fn variable(&mut self) -> Parsed {
        self.advance()?;
        let (name, at) = (Arc::from(&*self.current.text), self.current.at);
        self.identifier()?;
        self.expect(TokenKind::Operator, "=")?;
        let value = Box::new(self.expression(0)?);
        self.expect(TokenKind::Operator, ";")?;
        let body = Box::new(self.sequence()?);
        self.node(Kind::Let { name, slot: 0, value, body }, at)
    }

    fn conditional_if(&mut self) -> Parsed {
        self.below(|parser| {
            parser.advance()?;
            let condition = Box::new(parser.expression(0)?);
            let then = Some(Box::new(parser.block()?));
            parser.expect(TokenKind::Operator, "else")?;
            let otherwise = if parser.current.operator("if") { parser.conditional_if()? } else { parser.block()? };
            let otherwise = Box::new(otherwise);
            parser.node(Kind::Conditional { condition, then, otherwise }, 0)
        })
    }

    fn block(&mut self) -> Parsed {
        self.expect(TokenKind::Bracket, "{")?;
        let node = self.sequence()?;
        self.expect(TokenKind::Bracket, "}")?;
        Ok(node)
    }

    fn ternary(&mut self, mut node: Node) -> Parsed {
        while self.current.operator("?") {
            self.advance()?;
            let then = if self.current.operator(":") { None } else { Some(Box::new(self.expression(0)?)) };
            self.expect(TokenKind::Operator, ":")?;
            let otherwise = Box::new(self.expression(0)?);
            let kind = Kind::Conditional { condition: Box::new(node), then, otherwise };
            node = self.node(kind, self.current.at)?;
        }
        Ok(node)
    }

    fn primary(&mut self) -> Parsed {
        let at = self.current.at;
        if self.current.kind == TokenKind::Operator {
            let unary = match &*self.current.text {
                "not" | "!" => Some((Unary::Not, 50)),
                "-" => Some((Unary::Minus, 90)),
                "+" => Some((Unary::Plus, 90)),
                _ => None,
            };
            if let Some((unary, power)) = unary {
                self.advance()?;
                let operand = Box::new(self.expression(power)?);
                let node = self.node(Kind::Unary(unary, operand), at)?;
                return self.postfix(node);
            }
            if self.predicates > 0 && matches!(&*self.current.text, "#" | ".") {
                let pointer = self.pointer()?;
                let node = self.node(Kind::Pointer(pointer), at)?;
                return self.postfix(node);
            }
            if self.current.operator("::") {
                self.advance()?;
                let name = self.identifier()?;
                let node = self.call(name, None, false)?;
                return self.postfix(node);
            }
        }
        if self.bracket("(") {
            self.advance()?;
            let node = self.sequence()?;
            self.expect(TokenKind::Bracket, ")")?;
            return self.postfix(node);
        }
        self.secondary()
    }

    fn pointer(&mut self) -> Result<Pointer, Bad> {
        if self.current.operator(".") {
            return Ok(Pointer::Item);
        }
        self.advance()?;
        if self.current.kind != TokenKind::Identifier {
            return Ok(Pointer::Item);
        }
        let name = self.advance()?;
        Ok(match &*name.text {
            "index" => Pointer::Index,
            "acc" => Pointer::Accumulator,
            other => Pointer::Other(other.to_owned()),
        })
    }

    fn secondary(&mut self) -> Parsed {
        let at = self.current.at;
        let node = match self.current.kind {
            TokenKind::Identifier => {
                let name = self.advance()?;
                match &*name.text {
                    "true" => return self.node(Kind::Bool(true), at),
                    "false" => return self.node(Kind::Bool(false), at),
                    "nil" => return self.node(Kind::Nil, at),
                    _ if self.bracket("(") => self.call(name, None, true)?,
                    text => self.node(Kind::Name(text.into()), at)?,
                }
            }
            TokenKind::Number => {
                let token = self.advance()?;
                let kind = self.number(&token.text)?;
                return self.node(kind, at);
            }
            TokenKind::Text => {
                let token = self.advance()?;
                self.node(Kind::Text(token.text.into()), at)?
            }
            TokenKind::Bytes => {
                let token = self.advance()?;
                self.node(Kind::Bytes(token.bytes.into()), at)?
            }
            TokenKind::Bracket if self.bracket("[") => {
                let items = self.items("[", "]")?;
                self.node(Kind::List(items), at)?
            }
            TokenKind::Bracket if self.bracket("{") => self.map()?,
            TokenKind::Bracket | TokenKind::Operator | TokenKind::End => return self.unexpected(),
        };
        self.postfix(node)
    }

    fn number(&self, written: &str) -> Result<Kind, Bad> {
        let text: String = written.chars().filter(|c| *c != '_').collect();
        let lower = text.to_ascii_lowercase();
        let whole = |name: &str, base: u32, digits: &str| {
            i64::from_str_radix(digits, base).map(Kind::Int).or_else(|error| {
                let why = if *error.kind() == std::num::IntErrorKind::PosOverflow { "value out of range" } else { "invalid syntax" };
                self.fail(format!("invalid {name} literal: strconv.ParseInt: parsing {}: {why}", crate::golike::quoted(&text)))
            })
        };
        if let Some(digits) = lower.strip_prefix("0x") {
            return whole("hex", 16, digits);
        }
        if lower.contains(['.', 'e']) {
            return match crate::golike::parse_float(&text) {
                Ok(value) => Ok(Kind::Float(value)),
                Err(why) => self.fail(format!("invalid float literal: {why}")),
            };
        }
        match (lower.strip_prefix("0b"), lower.strip_prefix("0o")) {
            (Some(digits), _) => whole("binary", 2, digits),
            (_, Some(digits)) => whole("octal", 8, digits),
            _ => whole("integer", 10, &text),
        }
    }

    fn identifier(&mut self) -> Result<Token<'a>, Bad> {
        if self.current.kind == TokenKind::Identifier { self.advance() } else { self.unexpected() }
    }

    /// Parses the brackets of a call. With a pipe the first argument is there already.
    fn call(&mut self, name: Token<'a>, piped: Option<Node>, may_be_declared: bool) -> Parsed {
        let declared = may_be_declared && (self.declared)(&name.text);
        if let Some(each) = Each::find(&name.text).filter(|_| !declared) {
            let arguments = self.predicate_arguments(each, piped)?;
            return self.node(Kind::Each(each, arguments), name.at);
        }
        let mut arguments: Vec<Node> = piped.into_iter().collect();
        arguments.extend(self.items("(", ")")?);
        let kind = match builtins::find(&name.text).filter(|_| !declared) {
            Some(builtin) => Kind::Builtin(builtin, arguments),
            None => Kind::Call { name: (&*name.text).into(), arguments },
        };
        self.node(kind, name.at)
    }

    fn predicate_arguments(&mut self, each: Each, piped: Option<Node>) -> Result<Vec<Node>, Bad> {
        self.expect(TokenKind::Bracket, "(")?;
        let mut arguments: Vec<Node> = piped.into_iter().collect();
        let given = arguments.len();
        let (least, most) = each.arity();
        for at in given..most {
            if self.bracket(")") {
                if at < least {
                    return self.fail(format!("expected at least {} arguments", most - given));
                }
                break;
            }
            if at > given {
                self.expect(TokenKind::Operator, ",")?;
            }
            arguments.push(if at == 1 { self.predicate()? } else { self.expression(0)? });
        }
        if self.current.operator(",") {
            self.advance()?;
        }
        self.expect(TokenKind::Bracket, ")")?;
        Ok(arguments)
    }

    fn predicate(&mut self) -> Parsed {
        self.predicates += 1;
        let node = if self.bracket("{") {
            self.advance()?;
            self.sequence()?
        } else {
            let node = self.expression(0)?;
            if self.current.operator(";") {
                return self.fail("wrap predicate with brackets { and }");
            }
            self.predicates -= 1;
            return Ok(node);
        };
        self.predicates -= 1;
        self.expect(TokenKind::Bracket, "}")?;
        Ok(node)
    }

    /// Parses a list between brackets; a comma may end it.
    fn items(&mut self, open: &str, close: &str) -> Result<Vec<Node>, Bad> {
        self.expect(TokenKind::Bracket, open)?;
        let mut items = Vec::new();
        while !self.bracket(close) {
            if !items.is_empty() {
                self.expect(TokenKind::Operator, ",")?;
                if self.bracket(close) {
                    break;
                }
            }
            items.push(self.expression(0)?);
        }
        self.expect(TokenKind::Bracket, close)?;
        Ok(items)
    }

    fn map(&mut self) -> Parsed {
        let at = self.current.at;
        self.expect(TokenKind::Bracket, "{")?;
        let mut pairs = Vec::new();
        while !self.bracket("}") {
            if !pairs.is_empty() {
                self.expect(TokenKind::Operator, ",")?;
                if self.bracket("}") {
                    break;
                }
            }
            let key = match self.current.kind {
                TokenKind::Number | TokenKind::Text | TokenKind::Identifier => {
                    let token = self.advance()?;
                    self.node(Kind::Text(token.text.into()), token.at)?
                }
                TokenKind::Bracket if self.bracket("(") => self.expression(0)?,
                _ if self.current.operator(",") && !pairs.is_empty() => return self.unexpected(),
                _ => {
                    return self.fail(format!(
                        "a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses (unexpected token {})",
                        self.current
                    ));
                }
            };
            self.expect(TokenKind::Operator, ":")?;
            let value = self.expression(0)?;
            pairs.push((key, value));
        }
        self.expect(TokenKind::Bracket, "}")?;
        self.node(Kind::Map(pairs), at)
    }

    fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            let optional = self.current.operator("?.");
            let at = self.current.at;
            if optional || self.current.operator(".") {
                self.advance()?;
                if optional && self.bracket("[") {
                    node = self.index(node, true)?;
                } else {
                    node = self.dotted(node, optional)?;
                }
            } else if self.bracket("[") {
                node = self.index(node, false)?;
            } else {
                return Ok(node);
            }
            debug_assert!(self.current.at >= at);
        }
    }

    fn dotted(&mut self, of: Node, optional: bool) -> Parsed {
        let name = self.advance()?;
        let named = name.kind == TokenKind::Identifier
            || (name.kind == TokenKind::Operator && name.text.starts_with(|c: char| c == '_' || c.is_alphabetic()));
        if !named {
            return self.fail("expected name");
        }
        let property = self.node(Kind::Text((&*name.text).into()), name.at)?;
        let (of, chained) = match of.kind {
            Kind::Chain(inner) => (*inner, true),
            kind => (Node { kind, ..of }, false),
        };
        let member = Member { of, property, optional, dotted: true, field: false };
        let kind = if self.bracket("(") {
            let arguments = self.items("(", ")")?;
            Kind::Method { callee: Box::new(member), arguments }
        } else {
            Kind::Member(Box::new(member))
        };
        let node = self.node(kind, name.at)?;
        if chained || optional { self.node(Kind::Chain(Box::new(node)), name.at) } else { Ok(node) }
    }

    fn index(&mut self, of: Node, optional: bool) -> Parsed {
        let at = self.current.at;
        self.advance()?;
        let from = if self.current.operator(":") { None } else { Some(self.expression(0)?) };
        if !self.current.operator(":") {
            let Some(property) = from else { return self.unexpected() };
            let member = Member { of, property, optional, dotted: false, field: false };
            let mut node = self.node(Kind::Member(Box::new(member)), at)?;
            if optional {
                node = self.node(Kind::Chain(Box::new(node)), at)?;
            }
            self.expect(TokenKind::Bracket, "]")?;
            return Ok(node);
        }
        self.advance()?;
        let to = if self.bracket("]") { None } else { Some(Box::new(self.expression(0)?)) };
        let node = self.node(Kind::Slice { of: Box::new(of), from: from.map(Box::new), to }, at)?;
        self.expect(TokenKind::Bracket, "]")?;
        Ok(node)
    }
}

/// Returns how deep the deepest child is.
fn deepest(kind: &Kind) -> u16 {
    let all = |nodes: &[Node]| nodes.iter().map(|node| node.depth).max().unwrap_or(0);
    match kind {
        Kind::Nil | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Text(_) | Kind::Bytes(_) => 0,
        Kind::Name(_) | Kind::Local(..) | Kind::Pointer(_) => 0,
        Kind::Unary(_, node) | Kind::Matches(node, ..) | Kind::Chain(node) => node.depth,
        Kind::Binary(_, left, right) => left.depth.max(right.depth),
        Kind::Compare(first, rest) => rest.iter().map(|(.., node)| node.depth).max().unwrap_or(0).max(first.depth),
        Kind::Member(member) => member.of.depth.max(member.property.depth),
        Kind::Slice { of, from, to } => {
            of.depth.max(from.as_ref().map_or(0, |node| node.depth)).max(to.as_ref().map_or(0, |node| node.depth))
        }
        Kind::Call { arguments: nodes, .. } | Kind::Builtin(_, nodes) | Kind::Each(_, nodes) => all(nodes),
        Kind::Sequence(nodes) | Kind::List(nodes) => all(nodes),
        Kind::Method { callee, arguments } => all(arguments).max(callee.of.depth),
        Kind::Let { value, body, .. } => value.depth.max(body.depth),
        Kind::Conditional { condition, then, otherwise } => {
            condition.depth.max(then.as_ref().map_or(0, |node| node.depth)).max(otherwise.depth)
        }
        Kind::Map(pairs) => pairs.iter().map(|(key, value)| key.depth.max(value.depth)).max().unwrap_or(0),
    }
}
