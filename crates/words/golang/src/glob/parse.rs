//! minimatch's parts: extended globs, classes, and where a leading dot is allowed.

use regex::Regex;

use super::segment::{Class, Node, Part};

/// How deep extended globs nest before their brackets are plain characters, as upstream's `maxExtglobRecursion`.
const DEEPEST: usize = 2;

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Group { kind: char, alternatives: Vec<Vec<Piece>>, empty: bool },
}

/// Reads one part of a pattern.
pub(super) fn part(text: &str, dot: bool, nocase: bool) -> Part {
    match text {
        "**" => return Part::Globstar,
        "" => return Part::Text(String::new()),
        _ => {}
    }
    let characters: Vec<char> = text.chars().collect();
    let mut pieces = Reader { text: &characters, at: 0 }.sequence();
    fill(&mut pieces, &[]);
    let mut builder = Builder { dot, never: false };
    let nodes = builder.sequence(&pieces, Place { start: true, end: true, in_not: false, dots: None });
    if builder.never {
        return Part::Never;
    }
    let plain: Option<String> = nodes.iter().map(|node| if let Node::Literal(c) = node { Some(*c) } else { None }).collect();
    match plain {
        Some(plain) if !nocase => Part::Text(plain),
        _ => Part::Nodes(nodes),
    }
}

struct Reader<'a> {
    text: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn sequence(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut scan = Scan::default();
        while let Some(&character) = self.text.get(self.at) {
            self.at += 1;
            if !scan.plain(character, self.at) && self.opens(character) && scan.free() {
                push_text(&mut pieces, &mut text);
                pieces.push(self.group(character, 1));
                continue;
            }
            text.push(character);
        }
        push_text(&mut pieces, &mut text);
        pieces
    }

    fn opens(&self, kind: char) -> bool {
        matches!(kind, '!' | '?' | '+' | '*' | '@') && self.text.get(self.at) == Some(&'(')
    }

    /// Reads a group whose letter has been read and whose bracket comes next. One that is never closed is text to the end.
    fn group(&mut self, kind: char, depth: usize) -> Piece {
        let start = self.at - 1;
        self.at += 1;
        let mut alternatives = Vec::new();
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut scan = Scan::default();
        while let Some(&character) = self.text.get(self.at) {
            self.at += 1;
            if scan.plain(character, self.at) || !scan.free() {
                text.push(character);
                continue;
            }
            if self.opens(character) && (depth <= DEEPEST || adopts(kind, character)) {
                push_text(&mut pieces, &mut text);
                let below = if adopts(kind, character) { depth } else { depth + 1 };
                // A budget of our own below the adopted kinds, which upstream does not count.
                if below <= 64 && self.at < 4_096 {
                    let group = self.group(character, below);
                    pieces.push(group);
                    continue;
                }
            }
            match character {
                '|' => {
                    push_text(&mut pieces, &mut text);
                    alternatives.push(std::mem::take(&mut pieces));
                }
                ')' => {
                    let empty = text.is_empty() && pieces.is_empty() && alternatives.is_empty();
                    push_text(&mut pieces, &mut text);
                    alternatives.push(pieces);
                    return Piece::Group { kind, alternatives, empty };
                }
                _ => text.push(character),
            }
        }
        Piece::Text(self.text[start..].iter().collect())
    }
}

/// Whether a group of one kind may take in a group of another without counting as deeper.
fn adopts(outer: char, inner: char) -> bool {
    match outer {
        '!' | '?' | '@' => matches!(inner, '?' | '@'),
        '*' => matches!(inner, '*' | '+' | '?' | '@'),
        _ => matches!(inner, '+' | '@' | '?' | '*'),
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &mut String) {
    if !text.is_empty() {
        pieces.push(Piece::Text(std::mem::take(text)));
    }
}

/// Knows whether a character stands behind a backslash or inside a class.
#[derive(Default)]
struct Scan {
    escaping: bool,
    class: Option<usize>,
    negated: bool,
}

impl Scan {
    /// Takes a character, `next` being the place behind it; tells whether it is text whatever it is.
    fn plain(&mut self, character: char, next: usize) -> bool {
        if self.escaping || character == '\\' {
            self.escaping = !self.escaping;
            return true;
        }
        match self.class {
            Some(start) if next == start + 1 => {
                self.negated |= matches!(character, '^' | '!');
                true
            }
            Some(start) => {
                if character == ']' && !(next == start + 2 && self.negated) {
                    self.class = None;
                }
                true
            }
            None if character == '[' => {
                self.class = Some(next);
                self.negated = false;
                true
            }
            None => false,
        }
    }

    fn free(&self) -> bool {
        !self.escaping && self.class.is_none()
    }
}

/// Gives each alternative of a negation all that follows the negation: it is refused only together with that.
fn fill(pieces: &mut [Piece], tail: &[Piece]) {
    for at in (0..pieces.len()).rev() {
        let (before, after) = pieces.split_at_mut(at + 1);
        let Some(Piece::Group { kind, alternatives, .. }) = before.last_mut() else { continue };
        let whole: Vec<Piece> = after.iter().chain(tail).cloned().collect();
        if size(&whole) > 4_096 {
            continue;
        }
        for alternative in alternatives.iter_mut() {
            fill(alternative, &whole);
            if *kind == '!' {
                alternative.extend(whole.iter().cloned());
            }
        }
    }
}

fn size(pieces: &[Piece]) -> usize {
    let of = |piece: &Piece| match piece {
        Piece::Text(text) => text.len(),
        Piece::Group { alternatives, .. } => 1 + alternatives.iter().map(|pieces| size(pieces)).sum::<usize>(),
    };
    pieces.iter().map(of).sum()
}

/// Where a sequence stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: bool,
    end: bool,
    /// Directly inside a negation.
    in_not: bool,
    /// Whether dots are allowed here whatever the options say.
    dots: Option<bool>,
}

struct Builder {
    dot: bool,
    never: bool,
}

impl Builder {
    fn sequence(&mut self, pieces: &[Piece], place: Place) -> Vec<Node> {
        let dot = place.dots.unwrap_or(self.dot);
        let texts = pieces.iter().all(|piece| matches!(piece, Piece::Text(_)));
        let whole = place.start && place.end && texts;
        let mut nodes = Vec::new();
        let mut only_negations = true;
        for (at, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => {
                    self.text(text, whole, &mut nodes);
                    only_negations = false;
                }
                Piece::Group { kind, alternatives, empty } => {
                    let start = place.start && (at == 0 || only_negations);
                    let end = place.end && at + 1 == pieces.len();
                    let here = Place { start, end, in_not: *kind == '!', dots: place.dots };
                    nodes.push(self.group(*kind, alternatives, *empty, here));
                    only_negations &= *kind == '!';
                }
            }
        }
        if place.start && matches!(pieces.first(), Some(Piece::Text(text)) if !(pieces.len() == 1 && (text == "." || text == ".."))) {
            let wild = |at: usize| matches!(nodes.get(at), Some(Node::Any | Node::Star { .. } | Node::Class(_)));
            let point = |at: usize| matches!(nodes.get(at), Some(Node::Literal('.')));
            if (dot && wild(0)) || (point(0) && wild(1)) || (point(0) && point(1) && wild(2)) {
                nodes.insert(0, Node::NoTraversal);
            } else if !dot && place.dots != Some(true) && wild(0) {
                nodes.insert(0, Node::NoDot);
            }
        }
        if place.end && place.in_not {
            nodes.push(Node::End);
        }
        nodes
    }

    fn group(&mut self, kind: char, alternatives: &[Vec<Piece>], empty: bool, place: Place) -> Node {
        let dot = place.dots.unwrap_or(self.dot);
        if kind == '!' && empty {
            let guard = (place.start && !self.dot).then_some(Node::NoDot);
            let nodes = guard.into_iter().chain([Node::Star { some: true }]).collect();
            return Node::Group { first: vec![nodes], more: Vec::new(), least: 1, repeats: false };
        }
        let inner = Place { start: place.start, end: kind == '!' || place.end, in_not: kind == '!', dots: Some(dot) };
        let mut first: Vec<_> = alternatives.iter().map(|pieces| self.sequence(pieces, inner)).collect();
        if place.start && place.end && kind != '!' {
            first.retain(|nodes| !nodes.is_empty());
        }
        if kind == '!' {
            return Node::Not { alternatives: first, no_dot: place.start && !dot };
        }
        let repeats = matches!(kind, '*' | '+');
        let more = if repeats {
            let inner = Place { dots: Some(true), ..inner };
            alternatives.iter().map(|pieces| self.sequence(pieces, inner)).collect()
        } else {
            Vec::new()
        };
        Node::Group { first, more, least: usize::from(matches!(kind, '@' | '+')), repeats }
    }

    fn text(&mut self, text: &str, whole: bool, nodes: &mut Vec<Node>) {
        let characters: Vec<char> = text.chars().collect();
        let some = whole && characters.iter().all(|c| *c == '*');
        let mut at = 0;
        let mut in_star = false;
        while let Some(&character) = characters.get(at) {
            at += 1;
            if character == '*' {
                if !in_star {
                    nodes.push(Node::Star { some });
                }
                in_star = true;
                continue;
            }
            in_star = false;
            match character {
                '\\' => {
                    nodes.push(Node::Literal(characters.get(at).copied().unwrap_or('\\')));
                    at += 1;
                }
                '?' => nodes.push(Node::Any),
                '[' => match class(&characters, at - 1) {
                    Some(Found::Set(class, end)) => {
                        nodes.push(Node::Class(class));
                        at = end;
                    }
                    Some(Found::One(one, end)) => {
                        nodes.push(Node::Literal(one));
                        at = end;
                    }
                    Some(Found::Never) => {
                        self.never = true;
                        return;
                    }
                    None => nodes.push(Node::Literal('[')),
                },
                other => nodes.push(Node::Literal(other)),
            }
        }
    }
}

enum Found {
    Set(Class, usize),
    /// A set of one character is that character.
    One(char, usize),
    /// A set that nothing is in poisons the whole part.
    Never,
}

const NAMED: &[(&str, &str, bool)] = &[
    ("[:alnum:]", r"^[\p{L}\p{Nl}\p{Nd}]$", false),
    ("[:alpha:]", r"^[\p{L}\p{Nl}]$", false),
    ("[:ascii:]", r"^[\x00-\x7f]$", false),
    ("[:blank:]", r"^[\p{Zs}\t]$", false),
    ("[:cntrl:]", r"^\p{Cc}$", false),
    ("[:digit:]", r"^\p{Nd}$", false),
    ("[:graph:]", r"^[\p{Z}\p{C}]$", true),
    ("[:lower:]", r"^\p{Ll}$", false),
    ("[:print:]", r"^\p{C}$", false),
    ("[:punct:]", r"^\p{P}$", false),
    ("[:space:]", r"^[\p{Z}\t\r\n\x0b\x0c]$", false),
    ("[:upper:]", r"^\p{Lu}$", false),
    ("[:word:]", r"^[\p{L}\p{Nl}\p{Nd}\p{Pc}]$", false),
    ("[:xdigit:]", r"^[A-Fa-f0-9]$", false),
];

/// Reads the class whose bracket stands at `start`; `None` when it is never closed.
fn class(text: &[char], start: usize) -> Option<Found> {
    let mut class = Class { negated: false, ranges: Vec::new(), named: Vec::new(), named_not: Vec::new() };
    let mut at = start + 1;
    if matches!(text.get(at), Some('!' | '^')) {
        class.negated = true;
        at += 1;
    }
    let (mut seen, mut escaping, mut from) = (false, false, None::<char>);
    loop {
        let &character = text.get(at)?;
        if character == ']' && seen && !escaping {
            at += 1;
            break;
        }
        seen = true;
        if character == '\\' && !escaping {
            escaping = true;
            at += 1;
            continue;
        }
        if character == '['
            && !escaping
            && let Some((name, regex, not)) = NAMED.iter().find(|(name, ..)| text[at..].iter().take(name.len()).copied().eq(name.chars()))
        {
            if from.is_some() {
                return Some(Found::Never);
            }
            at += name.len();
            let regex = Regex::new(regex).ok()?;
            if *not {
                class.named_not.push(regex)
            } else {
                class.named.push(regex)
            }
            continue;
        }
        escaping = false;
        if let Some(low) = from.take() {
            if character >= low {
                class.ranges.push((low, character));
            }
            at += 1;
        } else if text.get(at + 1) == Some(&'-') && text.get(at + 2) == Some(&']') {
            class.ranges.extend([(character, character), ('-', '-')]);
            at += 2;
        } else if text.get(at + 1) == Some(&'-') {
            from = Some(character);
            at += 2;
        } else {
            class.ranges.push((character, character));
            at += 1;
        }
    }
    match (class.ranges.as_slice(), class.named.is_empty(), class.named_not.is_empty()) {
        ([], true, true) => Some(Found::Never),
        ([(low, high)], true, true) if low == high && !class.negated => Some(Found::One(*low, at)),
        _ => Some(Found::Set(class, at)),
    }
}
