//! From text to nodes. Read first: [`template`], [`Node`].

use super::TemplateError;

/// Deepest nesting of blocks and of expressions.
const DEPTH: usize = 50;

/// One piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(Text),
    Output { call: Call, strip: Strip },
    Comment { strip: Strip },
    Block(Box<Block>),
}

/// Text, and what blank-handling has left of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Text {
    pub original: String,
    pub value: String,
    pub left_stripped: bool,
    pub right_stripped: bool,
}

/// Whether a tag eats the blanks before it and behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Strip {
    pub before: bool,
    pub behind: bool,
}

/// `{{#call as |names|}}program{{else}}inverse{{/call}}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    pub call: Call,
    pub names: Vec<String>,
    pub program: Option<Vec<Node>>,
    pub inverse: Option<Vec<Node>>,
    /// Whether the inverse is an `else if`: its only node is the block of it.
    pub chained: bool,
    pub open: Strip,
    pub middle: Strip,
    pub close: Strip,
}

/// A name with what it is applied to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub head: Expression,
    pub params: Vec<Expression>,
    pub hash: Vec<(String, Expression)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Path(Path),
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
    Undefined,
    Call(Box<Call>),
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Path {
    /// `@index`.
    pub data: bool,
    /// How many contexts up.
    pub up: usize,
    /// Whether it begins with `this`, `.` or `..`, and so names no helper.
    pub scoped: bool,
    pub parts: Vec<String>,
}

/// Reads a whole template.
pub(super) fn template(text: &str) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let (body, end) = parser.body()?;
    match end {
        End::Text => Ok(body),
        End::Close { .. } | End::Else { .. } => Err(parser.wrong("it closes what is not open")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// What ended a body.
enum End {
    Text,
    Close {
        name: Call,
        strip: Strip,
    },
    /// `{{else}}`, or `{{else if x}}` with its call.
    Else {
        chain: Option<(Call, Vec<String>)>,
        strip: Strip,
    },
}

impl<'a> Parser<'a> {
    fn wrong(&self, why: &str) -> TemplateError {
        TemplateError::Malformed { at: self.at, why: why.to_owned() }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, TemplateError>) -> Result<T, TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(TemplateError::TooLarge("its nesting"));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads nodes until something that is not part of the body.
    fn body(&mut self) -> Result<(Vec<Node>, End), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            self.plain(&mut nodes);
            if self.rest().is_empty() {
                return Ok((nodes, End::Text));
            }
            if let Some(end) = self.tag(&mut nodes)? {
                return Ok((nodes, end));
            }
        }
    }

    /// Takes text up to the next tag. A backslash before a tag makes it text; two are one backslash, and the tag stays one.
    fn plain(&mut self, nodes: &mut Vec<Node>) {
        let mut escaped = false;
        loop {
            let from = self.at;
            // The braces of an escaped tag are text.
            let skip = if escaped { 2 } else { 0 };
            let found = self.rest()[skip..].find("{{").map(|at| at + skip);
            let mut text = &self.rest()[..found.unwrap_or(self.rest().len())];
            self.at += text.len();
            let slashes = text.len() - text.trim_end_matches('\\').len();
            escaped = found.is_some() && slashes == 1;
            if found.is_some() && slashes > 0 {
                text = &self.text[from..self.at - 1];
            }
            if !text.is_empty() {
                nodes.push(Node::Text(Text { original: text.to_owned(), value: text.to_owned(), ..Text::default() }));
            }
            if !escaped {
                return;
            }
        }
    }

    fn tag(&mut self, nodes: &mut Vec<Node>) -> Result<Option<End>, TemplateError> {
        if self.rest().starts_with("{{{{") {
            return Err(TemplateError::Unsupported("raw blocks"));
        }
        if self.rest().starts_with("{{!") || self.rest().starts_with("{{~!") {
            nodes.push(self.comment()?);
            return Ok(None);
        }
        self.at += 2;
        let mut strip = Strip { before: self.eat("~"), behind: false };
        if self.eat("{") {
            let call = self.call()?;
            self.expect("}")?;
            strip.behind = self.eat("~");
            if !self.eat("}}") || self.rest().starts_with('}') {
                return Err(self.wrong("expected \"}}}\""));
            }
            nodes.push(Node::Output { call, strip });
            return Ok(None);
        }
        if self.rest().starts_with('>') || self.rest().starts_with("#>") {
            return Err(TemplateError::Unsupported("partials"));
        }
        if self.rest().starts_with('*') || self.rest().starts_with("#*") {
            return Err(TemplateError::Unsupported("decorators"));
        }
        if self.eat("#") {
            let block = self.deeper(|parser| parser.block(strip, false))?;
            nodes.push(Node::Block(Box::new(block)));
            return Ok(None);
        }
        if self.eat("/") {
            let name = self.call()?;
            self.close(&mut strip)?;
            return Ok(Some(End::Close { name, strip }));
        }
        let inverse = self.eat("^");
        self.blanks();
        let word = !inverse && self.keyword("else");
        if inverse && !matches!(self.rest().chars().next(), Some('~' | '}')) {
            let block = self.deeper(|parser| parser.block(strip, true))?;
            nodes.push(Node::Block(Box::new(block)));
            return Ok(None);
        }
        if inverse || word {
            self.blanks();
            let last = matches!(self.rest().chars().next(), Some('~' | '}'));
            if last {
                strip.behind = self.eat("~");
                self.expect("}}")?;
                return Ok(Some(End::Else { chain: None, strip }));
            }
            let chain = Some((self.call()?, self.names()?));
            self.close(&mut strip)?;
            return Ok(Some(End::Else { chain, strip }));
        }
        self.eat("&");
        let call = self.call()?;
        self.close(&mut strip)?;
        nodes.push(Node::Output { call, strip });
        Ok(None)
    }

    fn keyword(&mut self, word: &str) -> bool {
        let behind = self.rest().strip_prefix(word).and_then(|rest| rest.chars().next());
        let found = self.rest().starts_with(word) && !behind.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        found && self.eat(word)
    }

    fn comment(&mut self) -> Result<Node, TemplateError> {
        let before = self.text[self.at + 2..].starts_with('~');
        self.at += if before { 4 } else { 3 };
        let long = self.rest().starts_with("--");
        let mark = if long { "--" } else { "" };
        let rest = self.rest();
        let ends = [format!("{mark}}}}}"), format!("{mark}~}}}}")];
        let found = ends.iter().filter_map(|end| rest.find(end.as_str()).map(|at| (at, end))).min();
        let (at, end) = found.ok_or_else(|| self.wrong("a comment does not end"))?;
        self.at += at + end.len();
        Ok(Node::Comment { strip: Strip { before, behind: end.contains('~') } })
    }

    fn expect(&mut self, token: &str) -> Result<(), TemplateError> {
        self.blanks();
        if self.eat(token) { Ok(()) } else { Err(self.wrong(&format!("expected {token:?}"))) }
    }

    fn close(&mut self, strip: &mut Strip) -> Result<(), TemplateError> {
        self.blanks();
        strip.behind = self.eat("~");
        if !strip.behind && self.rest().starts_with("}}}") {
            return Err(self.wrong("one brace too many"));
        }
        self.expect("}}")
    }

    /// Reads a block behind its sign; an inverse one has only an inverse.
    fn block(&mut self, mut open: Strip, inverse: bool) -> Result<Block, TemplateError> {
        let call = self.call()?;
        let names = self.names()?;
        self.close(&mut open)?;
        self.rest_of_block(call, names, open, inverse).and_then(|(block, end)| match end {
            Some(name) if name.head != block.call.head => Err(self.wrong("a block is closed under another name")),
            _ => Ok(block),
        })
    }

    /// Reads bodies up to the closing tag, whose name is returned.
    fn rest_of_block(
        &mut self,
        call: Call,
        names: Vec<String>,
        open: Strip,
        inverted: bool,
    ) -> Result<(Block, Option<Call>), TemplateError> {
        let (first, end) = self.body()?;
        let mut block =
            Block { call, names, program: None, inverse: None, chained: false, open, middle: Strip::default(), close: Strip::default() };
        let name = match end {
            End::Text => return Err(self.wrong("a block does not end")),
            End::Close { name, strip } => {
                block.close = strip;
                if inverted {
                    block.inverse = Some(first)
                } else {
                    block.program = Some(first)
                }
                return Ok((block, Some(name)));
            }
            End::Else { chain: Some(_), .. } if inverted => return Err(self.wrong("an else if stands in an inverse block")),
            End::Else { chain: Some((call, names)), strip } => {
                let (inner, name) = self.deeper(|parser| parser.rest_of_block(call, names, strip, false))?;
                // The inner block ends where the outer one does.
                (block.middle, block.close, block.chained) = (strip, inner.close, true);
                (block.program, block.inverse) = (Some(first), Some(vec![Node::Block(Box::new(inner))]));
                name
            }
            End::Else { chain: None, strip } => {
                let (second, end) = self.body()?;
                let End::Close { name, strip: close } = end else { return Err(self.wrong("a block does not end behind its else")) };
                (block.middle, block.close) = (strip, close);
                (block.program, block.inverse) = if inverted { (Some(second), Some(first)) } else { (Some(first), Some(second)) };
                Some(name)
            }
        };
        Ok((block, name))
    }

    /// Reads `as |a b|`.
    fn names(&mut self) -> Result<Vec<String>, TemplateError> {
        self.blanks();
        let start = self.at;
        let found = self.keyword("as") && {
            self.blanks();
            self.eat("|")
        };
        if !found {
            self.at = start;
            return Ok(Vec::new());
        }
        let end = self.rest().find('|').ok_or_else(|| self.wrong("block parameters do not end"))?;
        let names = self.rest()[..end].split_whitespace().map(str::to_owned).collect();
        self.at += end + 1;
        Ok(names)
    }

    fn call(&mut self) -> Result<Call, TemplateError> {
        let head = self.expression()?.ok_or_else(|| self.wrong("expected an expression"))?;
        let mut call = Call { head, params: Vec::new(), hash: Vec::new() };
        loop {
            self.blanks();
            if let Some(name) = self.hash_name() {
                let value = self.expression()?.ok_or_else(|| self.wrong("expected a value"))?;
                call.hash.push((name, value));
            } else if self.rest().starts_with("as |") || self.rest().starts_with("as  ") {
                return Ok(call);
            } else {
                match self.expression()? {
                    Some(_) if !call.hash.is_empty() => return Err(self.wrong("a parameter behind named ones")),
                    Some(param) => call.params.push(param),
                    None => return Ok(call),
                }
            }
        }
    }

    /// Reads `name=`.
    fn hash_name(&mut self) -> Option<String> {
        let length = self.rest().find(|c: char| !identifier(c)).unwrap_or(self.rest().len());
        if length == 0 || !self.rest()[length..].starts_with('=') {
            return None;
        }
        let name = self.rest()[..length].to_owned();
        self.at += length + 1;
        Some(name)
    }

    fn expression(&mut self) -> Result<Option<Expression>, TemplateError> {
        self.blanks();
        let Some(first) = self.rest().chars().next() else { return Ok(None) };
        Ok(match first {
            '(' => Some(self.deeper(|parser| {
                parser.at += 1;
                let call = parser.call()?;
                parser.expect(")")?;
                Ok(Expression::Call(Box::new(call)))
            })?),
            '"' | '\'' => Some(Expression::Text(self.quoted(first)?)),
            '}' | '~' | ')' | '|' => None,
            _ => Some(self.word()?),
        })
    }

    /// Reads a quoted text; a backslash before the quote keeps it.
    fn quoted(&mut self, quote: char) -> Result<String, TemplateError> {
        let mut out = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' if characters.peek().is_some_and(|(_, next)| *next == quote) => {
                    out.push(quote);
                    characters.next();
                }
                c if c == quote => {
                    self.at += at + quote.len_utf8();
                    return Ok(out);
                }
                c => out.push(c),
            }
        }
        Err(self.wrong("a text does not end"))
    }

    /// Reads a path, a number, or a word with a meaning.
    fn word(&mut self) -> Result<Expression, TemplateError> {
        let length = self.rest().find(|c: char| "=~})|".contains(c) || c.is_whitespace()).unwrap_or(self.rest().len());
        let word = &self.rest()[..length];
        let number = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let fits = !digits.is_empty() && digits.split('.').count() <= 2;
            (fits && digits.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())))
                .then(|| text.parse::<f64>().ok())?
        };
        let simple = match word {
            "true" => Some(Expression::Bool(true)),
            "false" => Some(Expression::Bool(false)),
            "null" => Some(Expression::Null),
            "undefined" => Some(Expression::Undefined),
            word => number(word).map(Expression::Number),
        };
        match simple {
            Some(simple) => {
                self.at += length;
                Ok(simple)
            }
            None => self.path().map(Expression::Path),
        }
    }

    fn path(&mut self) -> Result<Path, TemplateError> {
        let mut path = Path { data: self.eat("@"), ..Path::default() };
        loop {
            if self.eat("..") {
                if !path.parts.is_empty() {
                    return Err(self.wrong("a path goes up behind a name"));
                }
                (path.up, path.scoped) = (path.up + 1, true);
            } else if self.eat(".") {
                path.scoped = true;
            } else if self.eat("[") {
                let end = self.rest().find(']').ok_or_else(|| self.wrong("a name in brackets does not end"))?;
                path.parts.push(self.rest()[..end].to_owned());
                self.at += end + 1;
            } else {
                let length = self.rest().find(|c: char| !identifier(c)).unwrap_or(self.rest().len());
                let name = &self.rest()[..length];
                match name {
                    "" => return Err(self.wrong("expected a name")),
                    "this" if path.parts.is_empty() => path.scoped = true,
                    "this" => return Err(self.wrong("a path names this behind a name")),
                    number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                        return Err(self.wrong("a number in a path stands in brackets"));
                    }
                    name => path.parts.push(name.to_owned()),
                }
                self.at += length;
            }
            if !self.eat(".") && !self.eat("/") {
                return Ok(path);
            }
        }
    }
}

/// Characters of names.
fn identifier(c: char) -> bool {
    !c.is_whitespace() && !"!\"#%&'()*+,./;<=>@[\\]^`{|}~".contains(c)
}
