//! Variables in texts as fluxcd/pkg/envsubst replaces them: `${name}` and what bash can do to one, traps included.

/// Deepest that variables stand in the arguments of others.
const DEPTH: usize = 50;
/// Longest text that comes out.
const LONGEST: usize = 64 << 20;

/// Why a text cannot be substituted, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvsubstError {
    /// A function is written as none is.
    #[error("bad substitution")]
    BadSubstitution,
    /// A variable is never closed, or something stands behind its name.
    #[error("missing closing brace")]
    MissingBrace,
    /// There is no name.
    #[error("unable to parse variable name")]
    Name,
    /// An argument is missing.
    #[error("unable to parse substitution within function")]
    Argument,
    /// A default is written as none is.
    #[error("unable to parse default function")]
    Default,
    /// The variable is not there.
    #[error("variable not set (strict mode): {0:?}")]
    NotSet(String),
    /// What upstream crashes at, or what is more than we do.
    #[error("{0}")]
    Refused(&'static str),
}

type Parsed<T> = Result<T, EnvsubstError>;

/// Replaces the variables of a text.
///
/// `value` gives a variable's value. In strict mode a plain `${name}` that is not there is an error; a function of one is not.
/// `$$` is a dollar. `$name` stays.
pub fn envsubst(text: &str, value: &dyn Fn(&str) -> Option<String>, strict: bool) -> Parsed<String> {
    let mut parser = Parser { rest: text, depth: 0 };
    let nodes = parser.whole()?;
    let mut out = String::with_capacity(text.len());
    Evaluator { value, strict }.all(&nodes, &mut out)?;
    Ok(out)
}

#[derive(Debug)]
enum Node {
    Text(String),
    Variable { name: String, function: String, arguments: Vec<Node> },
}

/// Which escapes count in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Dollar,
    All,
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn whole(&mut self) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        while !self.rest.is_empty() {
            if self.open() {
                nodes.push(self.variable()?);
            } else {
                nodes.push(Node::Text(self.run(Escapes::Dollar, true, &|_, _| true)));
            }
        }
        Ok(nodes)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn open(&mut self) -> bool {
        let rest = self.rest.strip_prefix("${");
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads characters as long as they are accepted, each with its place from 1; a variable ends the run where one may begin.
    fn run(&mut self, escapes: Escapes, variables: bool, accept: &dyn Fn(char, usize) -> bool) -> String {
        let mut out = String::new();
        let mut place = 0;
        while let Some(character) = self.peek() {
            place += 1;
            if variables && self.rest.starts_with("${") {
                break;
            }
            let escaped = (escapes != Escapes::None && self.rest.starts_with("$$"))
                || (escapes == Escapes::All && (self.rest.starts_with("\\/") || self.rest.starts_with("\\\\")));
            if escaped {
                self.rest = &self.rest[1..];
                out.extend(self.peek());
                self.rest = &self.rest[1..];
                continue;
            }
            if !accept(character, place) {
                break;
            }
            out.push(character);
            self.rest = &self.rest[character.len_utf8()..];
        }
        out
    }

    fn close(&mut self) -> Parsed<()> {
        if self.take('}') { Ok(()) } else { Err(EnvsubstError::BadSubstitution) }
    }

    /// Reads what stands behind `${`.
    fn variable(&mut self) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(EnvsubstError::Refused("the variables are nested too deeply"));
        }
        let node = self.variable_here();
        self.depth -= 1;
        node
    }

    fn name(&mut self) -> String {
        self.run(Escapes::None, false, &|c, _| c.is_alphabetic() || c.is_numeric() || c == '_')
    }

    fn variable_here(&mut self) -> Parsed<Node> {
        if self.take('#') {
            let name = self.name();
            if name.is_empty() {
                return Err(EnvsubstError::BadSubstitution);
            }
            self.close()?;
            return Ok(Node::Variable { name, function: "#".into(), arguments: Vec::new() });
        }
        let name = self.name();
        if name.is_empty() {
            return Err(EnvsubstError::Name);
        }
        let (function, arguments) = match self.peek() {
            // Upstream loses its place at the end of the text.
            Some(':') if self.rest.len() == 1 => return Err(EnvsubstError::BadSubstitution),
            Some(':') if !self.rest[1..].starts_with(['=', '-', '?', '+']) => self.slice()?,
            Some(':' | '=') => self.default()?,
            Some(',' | '^') => {
                let function = self.run(Escapes::None, false, &|c, at| matches!(c, ',' | '^') && at < 3);
                self.close()?;
                (function, Vec::new())
            }
            Some('/') => self.replacement()?,
            Some(sign @ ('#' | '%')) => {
                let function = self.run(Escapes::None, false, &|c, at| c == sign && at < 3);
                let pattern = self.argument(Escapes::None, &|c| c != '}')?;
                self.close()?;
                (function, vec![pattern])
            }
            Some('}') => {
                self.rest = &self.rest[1..];
                (String::new(), Vec::new())
            }
            _ => return Err(EnvsubstError::MissingBrace),
        };
        Ok(Node::Variable { name, function, arguments })
    }

    /// Reads one argument: a variable, or text.
    fn argument(&mut self, escapes: Escapes, accept: &dyn Fn(char) -> bool) -> Parsed<Node> {
        if self.open() {
            return self.variable();
        }
        let text = self.run(escapes, true, &|c, _| accept(c));
        if text.is_empty() { Err(EnvsubstError::Argument) } else { Ok(Node::Text(text)) }
    }

    fn default(&mut self) -> Parsed<(String, Vec<Node>)> {
        let length = if self.rest.starts_with('=') { 1 } else { 2 };
        let function = self.rest.get(..length).ok_or(EnvsubstError::Default)?.to_owned();
        self.rest = &self.rest[length..];
        let mut arguments = Vec::new();
        while !self.take('}') {
            arguments.push(self.argument(Escapes::None, &|c| c != '}')?);
        }
        Ok((function, arguments))
    }

    fn slice(&mut self) -> Parsed<(String, Vec<Node>)> {
        self.take(':');
        let mut arguments = vec![self.argument(Escapes::None, &|c| c != ':' && c != '}')?];
        if self.take('}') {
            return Ok((":".into(), arguments));
        }
        if self.run(Escapes::None, false, &|c, _| c == ':').is_empty() {
            return Err(EnvsubstError::BadSubstitution);
        }
        arguments.push(self.argument(Escapes::None, &|c| c != '}')?);
        self.close()?;
        Ok((":".into(), arguments))
    }

    fn replacement(&mut self) -> Parsed<(String, Vec<Node>)> {
        let fits = |c: char, at: usize| (at == 1 && c == '/') || (at == 2 && matches!(c, '/' | '#' | '%'));
        let function = self.run(Escapes::None, false, &fits);
        let mut arguments = vec![self.argument(Escapes::All, &|c| c != '/')?];
        if self.run(Escapes::None, false, &|c, _| c == '/').is_empty() {
            return Err(EnvsubstError::BadSubstitution);
        }
        if self.peek() != Some('}') {
            arguments.push(self.argument(Escapes::All, &|c| c != '}')?);
        }
        self.close()?;
        Ok((function, arguments))
    }
}

struct Evaluator<'a> {
    value: &'a dyn Fn(&str) -> Option<String>,
    strict: bool,
}

impl Evaluator<'_> {
    fn all(&self, nodes: &[Node], out: &mut String) -> Parsed<()> {
        for node in nodes {
            self.one(node, out)?;
            if out.len() > LONGEST {
                return Err(EnvsubstError::Refused("the text is too long"));
            }
        }
        Ok(())
    }

    fn one(&self, node: &Node, out: &mut String) -> Parsed<()> {
        let (name, function, arguments) = match node {
            Node::Text(text) => {
                out.push_str(text);
                return Ok(());
            }
            Node::Variable { name, function, arguments } => (name, function, arguments),
        };
        let mut given = Vec::new();
        for argument in arguments {
            let mut text = String::new();
            self.one(argument, &mut text)?;
            given.push(text);
        }
        let value = (self.value)(name);
        if function.is_empty() && value.is_none() && self.strict {
            return Err(EnvsubstError::NotSet(name.clone()));
        }
        out.push_str(&apply(function, value.unwrap_or_default(), &given)?);
        Ok(())
    }
}

fn apply(function: &str, value: String, arguments: &[String]) -> Parsed<String> {
    let first = arguments.first().map_or("", String::as_str);
    let second = arguments.get(1).map_or("", String::as_str);
    let bounded = |hits: usize| match value.len().checked_add(hits.saturating_mul(second.len())) {
        Some(length) if length <= LONGEST => Ok(()),
        _ => Err(EnvsubstError::Refused("the text is too long")),
    };
    Ok(match function {
        "," => first_changed(&value, |c| c.to_lowercase().collect()),
        ",," => value.to_lowercase(),
        "^" => first_changed(&value, |c| c.to_uppercase().collect()),
        "^^" => value.to_uppercase(),
        "#" if arguments.is_empty() => value.len().to_string(),
        "#" => trimmed(&value, first, false),
        "##" => trimmed(&value, first, true),
        "%" => reversed(&trimmed(&reversed(&value), &reversed(first), false)),
        "%%" => reversed(&trimmed(&reversed(&value), &reversed(first), true)),
        ":" => return slice(&value, arguments),
        "/" => value.replacen(first, second, 1),
        "//" => {
            bounded(value.matches(first).count())?;
            value.replace(first, second)
        }
        "/#" if arguments.len() == 2 && value.starts_with(first) => value.replacen(first, second, 1),
        "/%" if arguments.len() == 2 => value.strip_suffix(first).map_or(value.clone(), |start| format!("{start}{second}")),
        "/#" => value,
        // Upstream takes every other function for the default: `:?` and `:+` too.
        _ if value.is_empty() => arguments.concat(),
        _ => value,
    })
}

fn first_changed(value: &str, change: fn(char) -> String) -> String {
    let mut characters = value.chars();
    characters.next().map_or(String::new(), |first| change(first) + characters.as_str())
}

/// Cuts by bytes; a place that is no number leaves the value.
fn slice(value: &str, arguments: &[String]) -> Parsed<String> {
    let number = |text: &String| text.strip_prefix('+').unwrap_or(text).parse::<i64>().ok();
    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let Some(at) = arguments.first().and_then(number) else { return Ok(value.to_owned()) };
    let from = if at < 0 { (length.saturating_add(at)).max(0) } else { at };
    let to = match arguments.get(1).map(number) {
        None => length,
        Some(None) => return Ok(value.to_owned()),
        Some(Some(count)) => from.saturating_add(count).min(length),
    };
    if from >= length && to >= length {
        return Ok(String::new());
    }
    let (Ok(start), Ok(end)) = (usize::try_from(from), usize::try_from(to)) else {
        return Err(EnvsubstError::Refused("slice bounds out of range"));
    };
    if end < start {
        return Err(EnvsubstError::Refused("slice bounds out of range"));
    }
    value.get(start..end).map(str::to_owned).ok_or(EnvsubstError::Refused("the slice cuts through a character: places count bytes"))
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// Removes the shortest or longest start that a shell pattern matches.
fn trimmed(value: &str, pattern: &str, longest: bool) -> String {
    let Some(tokens) = tokens(pattern) else { return value.to_owned() };
    let characters: Vec<char> = value.chars().collect();
    let mut places = vec![false; characters.len() + 1];
    places[0] = true;
    for token in &tokens {
        let mut next = vec![false; characters.len() + 1];
        if matches!(token, Token::Star) {
            let first = places.iter().position(|place| *place).unwrap_or(characters.len() + 1);
            next.iter_mut().skip(first).for_each(|place| *place = true);
        } else {
            for (at, character) in characters.iter().enumerate() {
                next[at + 1] = places[at] && token.fits(*character);
            }
        }
        places = next;
    }
    let mut ends = (1..=characters.len()).filter(|at| places[*at]);
    let end = if longest { ends.next_back() } else { ends.next() };
    end.map_or_else(|| value.to_owned(), |end| characters[end..].iter().collect())
}

enum Token {
    Star,
    Any,
    One(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Token {
    fn fits(&self, character: char) -> bool {
        match self {
            Self::Star | Self::Any => true,
            Self::One(wanted) => *wanted == character,
            Self::Class { negated, ranges } => ranges.iter().any(|(from, to)| (*from..=*to).contains(&character)) != *negated,
        }
    }
}

/// Reads a pattern of Go's path.Match without its care for slashes; `None` when it is malformed.
fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' if matches!(tokens.last(), Some(Token::Star)) => continue,
            '*' => Token::Star,
            '?' => Token::Any,
            '\\' => Token::One(characters.next()?),
            '[' => {
                let negated = characters.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    let from = match characters.next()? {
                        ']' if !ranges.is_empty() => break,
                        '-' | ']' => return None,
                        '\\' => characters.next()?,
                        other => other,
                    };
                    let mut to = from;
                    if characters.next_if_eq(&'-').is_some() {
                        to = match characters.next()? {
                            '-' | ']' => return None,
                            '\\' => characters.next()?,
                            other => other,
                        };
                    }
                    ranges.push((from, to));
                }
                Token::Class { negated, ranges }
            }
            other => Token::One(other),
        });
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        let value = match name {
            "v" => "hello/World.tar.gz",
            "n" => "3",
            "empty" => "",
            "a1_" => "x",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn variables_are_replaced_as_flux_does() {
        for (text, wanted) in [
            ("a ${n} $n $$ $${n} ${a1_}", "a 3 $n $ ${n} x"),
            ("${#v} ${v^} ${v^^} ${v,} ${v,,}", "18 Hello/World.tar.gz HELLO/WORLD.TAR.GZ hello/World.tar.gz hello/world.tar.gz"),
            ("${v:6} ${v:6:5} ${v:-2} ${v:99}", "World.tar.gz World hello/World.tar.gz "),
            ("${v:-x} ${u:-x} ${u:=y} ${u=z} ${empty:-e} ${empty=e}", "hello/World.tar.gz x y z e e"),
            ("${u:?no} ${v:+yes} ${u:+yes}", "no hello/World.tar.gz yes"),
            (
                "${v#*/} ${v##*l} ${v%.*} ${v%%.*} ${v#hell?} ${v#[a-h]}",
                "World.tar.gz d.tar.gz hello/World.tar hello/World /World.tar.gz ello/World.tar.gz",
            ),
            (
                "${v/l/L} ${v//l/L} ${v/#hello/bye} ${v/%gz/xz} ${v//l/}",
                "heLlo/World.tar.gz heLLo/WorLd.tar.gz bye/World.tar.gz hello/World.tar.xz heo/Word.tar.gz",
            ),
            (r"${v/\//-} ${v/o\/W/\\}", r"hello-World.tar.gz hell\orld.tar.gz"),
            ("${u:=${w:-deep}} ${u:-a${n}b} ${v:${n}}", "deep a3b lo/World.tar.gz"),
            ("${u,,}${u}", ""),
        ] {
            assert_eq!(envsubst(text, &value, false).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_says_why() {
        for (text, why) in [
            ("${u}", "variable not set (strict mode): \"u\""),
            ("${v-default}", "missing closing brace"),
            ("${v", "missing closing brace"),
            ("${arr[@]}", "missing closing brace"),
            ("${}", "unable to parse variable name"),
            ("${-}", "unable to parse variable name"),
            ("${v:}", "unable to parse substitution within function"),
            ("${v/}", "bad substitution"),
            ("${v/a}", "bad substitution"),
            ("${#}", "bad substitution"),
            ("${v^x}", "bad substitution"),
            ("${v:=a", "unable to parse substitution within function"),
            ("${v:2:-1}", "slice bounds out of range"),
        ] {
            assert_eq!(envsubst(text, &value, true).map_err(|error| error.to_string()), Err(why.to_owned()), "{text}");
        }
        assert_eq!(envsubst("${u:-x} ${#u} ${u^}", &value, true).as_deref(), Ok("x 0 "));
        assert!(envsubst(&"${a:=".repeat(10_000), &value, true).is_err());
    }
}
