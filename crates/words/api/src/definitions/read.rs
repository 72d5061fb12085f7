//! Reads the files of types. Read first: [`library`]; the notation is described where this module is used.

use std::collections::BTreeMap;
use std::fmt;

use super::library::{Base, Body, Column, Field, Fields, Kind, Library, Rule, Type};
use shape::shape;

mod shape;

/// A line that cannot be read.
#[derive(Debug)]
pub(super) struct ReadError {
    file: String,
    line: usize,
    why: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.why)
    }
}

impl std::error::Error for ReadError {}

/// Reads all files, each with its name.
pub(super) fn library(files: &[(&str, &str)]) -> Result<Library, ReadError> {
    let mut reader = Reader::default();
    for (file, text) in files {
        reader.close();
        for line in lines(text) {
            let number = line.number;
            reader.at = (file, number);
            reader.line(line).map_err(|why| ReadError { file: (*file).to_owned(), line: number, why })?;
        }
    }
    reader.finish().map_err(|(file, line, why)| ReadError { file: file.to_owned(), line, why })
}

/// A line with those that continue it.
struct Line {
    number: usize,
    depth: usize,
    /// Before ` -- `.
    text: String,
    /// After ` -- `.
    about: String,
}

/// Takes comments away and joins what belongs together. A rule is always a line of its own.
fn lines(text: &str) -> Vec<Line> {
    let mut joined: Vec<(usize, usize, String)> = Vec::new();
    for (at, raw) in text.lines().enumerate() {
        let content = raw.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let depth = (raw.len() - raw.trim_start().len()) / 4;
        match joined.last_mut() {
            Some((_, above, last)) if depth > (*above).max(1) && !content.starts_with("rule ") => {
                last.push(' ');
                last.push_str(content);
            }
            _ => joined.push((at + 1, depth, content.to_owned())),
        }
    }
    let split = |(number, depth, content): (usize, usize, String)| {
        let (text, about) = content.split_once(" -- ").unwrap_or((&content, ""));
        Line { number, depth, text: text.trim().to_owned(), about: about.trim().to_owned() }
    };
    joined.into_iter().map(split).collect()
}

/// What the block that is being read describes.
enum Open {
    Kind(Box<Kind>),
    Type(String),
}

/// A file's name and a line in it.
type Place<'a> = (&'a str, usize);

#[derive(Default)]
struct Reader<'a> {
    at: Place<'a>,
    open: Option<Open>,
    library: Library,
    /// Where each type is, and where each name of a type is mentioned.
    places: BTreeMap<String, Place<'a>>,
    mentions: Vec<(String, Place<'a>)>,
    /// A type, the fields before, the type whose fields it takes over there.
    spreads: Vec<(String, usize, String, Place<'a>)>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: Line) -> Result<(), String> {
        match (line.depth, line.text.split_once(' ')) {
            (0, Some(("kind", rest))) => self.kind(rest, line.about, true),
            (0, Some(("-kind", rest))) => self.kind(rest, line.about, false),
            (0, Some(("type", rest))) => self.named(rest, line.about),
            (0, _) => Err("a block starts with kind or type".to_owned()),
            (depth, Some(("rule", expression))) => self.rule(depth, Rule { expression: expression.to_owned(), message: line.about }),
            (1, _) if line.text.starts_with("...") => self.spread(&line.text[3..]),
            (1, _) => match line.text.split_once(": ") {
                Some((names, rest)) if names.split(", ").all(is_field) => self.fields(names, rest, &line.about),
                _ => self.word(&line.text),
            },
            _ => Err("indented too deep".to_owned()),
        }
    }

    fn kind(&mut self, text: &str, about: String, supported: bool) -> Result<(), String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [name, versions, scope @ ("Namespaced" | "Cluster")] = words.as_slice() else {
            return Err("a kind is: kind NAME GROUP/VERSION Namespaced|Cluster".to_owned());
        };
        let (group, versions) = versions.split_once('/').ok_or("the group and its versions are GROUP/VERSION,VERSION")?;
        self.close();
        self.open = Some(Open::Kind(Box::new(Kind {
            name: (*name).to_owned(),
            group: group.to_owned(),
            versions: versions.split(',').map(str::to_owned).collect(),
            scope: (*scope).to_owned(),
            plural: format!("{}s", name.to_lowercase()),
            short: Vec::new(),
            categories: Vec::new(),
            status: false,
            columns: Vec::new(),
            supported,
            about,
            fields: Vec::new(),
        })));
        Ok(())
    }

    fn named(&mut self, text: &str, about: String) -> Result<(), String> {
        let (head, alias) = match text.split_once(" = ") {
            Some((head, alias)) => (head, Some(alias)),
            None => (text, None),
        };
        let mut words = head.split_whitespace();
        let name = words.next().ok_or("a type has a name")?.to_owned();
        let mut fields = Fields::default();
        for word in words {
            match word {
                "atomic" => fields.atomic = true,
                "open" => fields.open = true,
                _ => return Err(format!("a type is atomic or open, not {word:?}")),
            }
        }
        let body = match alias {
            Some(alias) => Body::Shape(Box::new(self.shape(alias)?)),
            None => Body::Fields(fields),
        };
        self.close();
        if let Some((file, line)) = self.places.insert(name.clone(), self.at) {
            return Err(format!("{name} is already in {file}:{line}"));
        }
        self.library.types.insert(name.clone(), Type { about, rules: Vec::new(), body });
        self.open = Some(Open::Type(name));
        Ok(())
    }

    fn shape(&mut self, text: &str) -> Result<super::library::Shape, String> {
        let shape = shape(text)?;
        let mut base = &shape.base;
        while let Base::List(inner) | Base::Map(inner) = base {
            base = inner;
        }
        if let Base::Named(name) = base {
            self.mentions.push((name.clone(), self.at));
        }
        Ok(shape)
    }

    fn rule(&mut self, depth: usize, rule: Rule) -> Result<(), String> {
        if rule.message.is_empty() {
            return Err("a rule is: rule CEL -- MESSAGE".to_owned());
        }
        let rules = match (depth, &self.open) {
            (1, Some(Open::Type(name))) => self.library.types.get_mut(name).map(|found| &mut found.rules),
            (2, _) => self.list()?.last_mut().map(|field| &mut field.rules),
            _ => None,
        };
        rules.ok_or("a rule belongs to a type or, indented deeper, to the field above it")?.push(rule);
        Ok(())
    }

    /// Returns the fields of the block that is being read.
    fn list(&mut self) -> Result<&mut Vec<Field>, String> {
        match &mut self.open {
            Some(Open::Kind(kind)) => Ok(&mut kind.fields),
            Some(Open::Type(name)) => match self.library.types.get_mut(name).map(|found| &mut found.body) {
                Some(Body::Fields(fields)) => Ok(&mut fields.list),
                _ => Err(format!("{name} has no fields")),
            },
            None => Err("no block is open".to_owned()),
        }
    }

    fn fields(&mut self, names: &str, text: &str, about: &str) -> Result<(), String> {
        let shape = self.shape(text)?;
        for name in names.split(", ") {
            let (supported, name) = name.strip_prefix('-').map_or((true, name), |name| (false, name));
            let (required, name) = name.strip_suffix('!').map_or((false, name), |name| (true, name));
            let field =
                Field { name: name.to_owned(), required, supported, shape: shape.clone(), rules: Vec::new(), about: about.to_owned() };
            self.list()?.push(field);
        }
        Ok(())
    }

    fn spread(&mut self, other: &str) -> Result<(), String> {
        let before = self.list()?.len();
        let Some(Open::Type(name)) = &self.open else { return Err("only types take over fields".to_owned()) };
        self.spreads.push((name.clone(), before, other.to_owned(), self.at));
        self.mentions.push((other.to_owned(), self.at));
        Ok(())
    }

    /// A word about a kind.
    fn word(&mut self, text: &str) -> Result<(), String> {
        let Some(Open::Kind(kind)) = &mut self.open else { return Err(format!("no field: {text:?}; a field is NAME: TYPE")) };
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let words = || rest.split_whitespace().map(str::to_owned).collect();
        match (word, rest.splitn(3, ' ').collect::<Vec<_>>().as_slice()) {
            ("status", [""]) => kind.status = true,
            ("plural", [plural]) => kind.plural = (*plural).to_owned(),
            ("short", _) => kind.short = words(),
            ("categories", _) => kind.categories = words(),
            ("column", [of, path, name]) => {
                kind.columns.push(Column { name: (*name).to_owned(), kind: (*of).to_owned(), path: (*path).to_owned() });
            }
            _ => return Err(format!("neither a field nor plural, short, categories, column TYPE PATH NAME, status: {text:?}")),
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some(Open::Kind(kind)) = self.open.take() {
            self.library.kinds.push(*kind);
        }
    }

    /// Takes fields over and looks for names that are not there and types that contain themselves.
    fn finish(mut self) -> Result<Library, (&'a str, usize, String)> {
        self.close();
        if let Some((name, (file, line))) = self.mentions.iter().find(|(name, _)| !self.library.types.contains_key(name)) {
            return Err((file, *line, format!("no type has the name {name}")));
        }
        // From the last to the first, so that the places of a type's earlier ones stay what they are.
        for (name, before, other, (file, line)) in self.spreads.iter().rev() {
            let source = match &self.library.types[other].body {
                Body::Fields(fields) if !self.spreads.iter().any(|(name, ..)| name == other) => fields.list.clone(),
                _ => return Err((file, *line, format!("{other} has no fields of its own that could be taken over"))),
            };
            if let Some(Body::Fields(fields)) = self.library.types.get_mut(name).map(|found| &mut found.body) {
                fields.list.splice(before..before, source);
            }
        }
        for (name, (file, line)) in &self.places {
            if contains(&self.library, name, name, 0) {
                return Err((file, *line, format!("{name} contains itself")));
            }
        }
        Ok(self.library)
    }
}

fn is_field(name: &str) -> bool {
    let name = name.strip_prefix('-').unwrap_or(name);
    let name = name.strip_suffix('!').unwrap_or(name);
    !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-')
}

/// Tells whether a type contains another one, however deep. The depth ends what a third type that contains itself would not.
fn contains(library: &Library, outer: &str, wanted: &str, depth: usize) -> bool {
    let inside = |base: &Base| {
        let mut base = base;
        while let Base::List(inner) | Base::Map(inner) = base {
            base = inner;
        }
        matches!(base, Base::Named(name) if name == wanted || (depth < 20 && contains(library, name, wanted, depth + 1)))
    };
    match library.types.get(outer).map(|found| &found.body) {
        Some(Body::Fields(fields)) => fields.list.iter().any(|field| inside(&field.shape.base)),
        Some(Body::Shape(shape)) => inside(&shape.base),
        None => false,
    }
}

#[cfg(test)]
mod tests;
