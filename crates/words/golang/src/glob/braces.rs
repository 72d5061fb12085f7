//! Braces as the npm package brace-expansion has them: sets, sequences, Bash's oddities, all within bounds.

/// Most patterns that one may become.
const MOST: usize = 10_000;
/// Most characters of all of them.
const CHARACTERS: usize = 1 << 20;
/// Deepest nesting.
const DEEPEST: usize = 64;

/// A character, and whether it was written behind a backslash (braces, commas, dots and backslashes only).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Plain(char),
    Escaped(char),
}

/// Returns what a pattern with braces stands for.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, &'static str> {
    if !has_set(pattern) {
        return Ok(vec![pattern.to_owned()]);
    }
    let mut pieces = pieces(pattern);
    // Bash keeps braces with nothing in them at the very start.
    if pieces.starts_with(&[Piece::Plain('{'), Piece::Plain('}')]) {
        pieces[0] = Piece::Escaped('{');
        pieces[1] = Piece::Escaped('}');
    }
    let expanded = set(pieces, 0, true)?;
    let character = |piece: Piece| match piece {
        Piece::Plain(character) | Piece::Escaped(character) => character,
    };
    Ok(expanded.into_iter().map(|pieces| pieces.into_iter().map(character).collect()).collect())
}

/// Tells whether a `{` has a `}` behind it with no other `{` between.
fn has_set(pattern: &str) -> bool {
    let mut open = false;
    for character in pattern.chars() {
        match character {
            '{' => open = true,
            '}' if open => return true,
            '\n' => open = false,
            _ => {}
        }
    }
    false
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(&next @ ('\\' | '{' | '}' | ',' | '.')) if character == '\\' => {
                characters.next();
                pieces.push(Piece::Escaped(next));
            }
            _ => pieces.push(Piece::Plain(character)),
        }
    }
    pieces
}

/// Returns the partner of each matched `{`, in order of the `{`.
fn first_pair(pieces: &[Piece]) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    let mut first: Option<(usize, usize)> = None;
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Plain('{') => open.push(at),
            Piece::Plain('}') => {
                if let Some(start) = open.pop()
                    && first.is_none_or(|(earlier, _)| start < earlier)
                {
                    first = Some((start, at));
                }
                if open.is_empty() && first.is_some() {
                    return first;
                }
            }
            _ => {}
        }
    }
    first
}

fn set(mut rest: Vec<Piece>, depth: usize, mut top: bool) -> Result<Vec<Vec<Piece>>, &'static str> {
    if depth > DEEPEST {
        return Err("its braces nest too deeply");
    }
    let mut so_far = vec![Vec::new()];
    let mut drop_empty = false;
    let mut first = true;
    let mut rewrites = 0;
    loop {
        let Some((start, end)) = first_pair(&rest) else { return combine(so_far, &rest, vec![Vec::new()], drop_empty) };
        let (before, body, behind) = (rest[..start].to_vec(), rest[start + 1..end].to_vec(), rest[end + 1..].to_vec());
        let last = behind.is_empty();
        if before.last() == Some(&Piece::Plain('$')) {
            so_far = combine(so_far, &rest[..=end], vec![Vec::new()], drop_empty && last)?;
            first = false;
        } else {
            let sequence = sequence(&body)?;
            let options = body.contains(&Piece::Plain(','));
            if sequence.is_none() && !options {
                // `{a},b}` is a set of `a}` and `b`.
                if !comma_set_follows(&behind) {
                    return combine(so_far, &rest, vec![Vec::new()], drop_empty);
                }
                rewrites += 1;
                if rewrites > DEEPEST {
                    return Err("it has too many braces without a partner");
                }
                rest[end] = Piece::Escaped('}');
                top = true;
                continue;
            }
            if first {
                drop_empty = top && sequence.is_none();
                first = false;
            }
            let values = match sequence {
                Some(values) => values,
                None => members(&body, depth)?,
            };
            so_far = combine(so_far, &before, values, drop_empty && last)?;
        }
        if last {
            return Ok(so_far);
        }
        rest = behind;
    }
}

fn members(body: &[Piece], depth: usize) -> Result<Vec<Vec<Piece>>, &'static str> {
    let mut parts = split(body);
    if let [part] = parts.as_mut_slice() {
        let inner = set(std::mem::take(part), depth + 1, false)?;
        let embrace = |inner: Vec<Piece>| [vec![Piece::Plain('{')], inner, vec![Piece::Plain('}')]].concat();
        parts = inner.into_iter().map(embrace).collect();
        if parts.len() == 1 {
            return Ok(parts);
        }
    }
    let mut values = Vec::new();
    for part in parts {
        values.extend(set(part, depth + 1, false)?);
        if values.len() > MOST {
            return Err("its braces stand for too many patterns");
        }
    }
    Ok(values)
}

/// Splits at the commas outside nested braces.
fn split(body: &[Piece]) -> Vec<Vec<Piece>> {
    let mut parts = vec![Vec::new()];
    let mut depth = 0_usize;
    for piece in body {
        match piece {
            Piece::Plain('{') => depth += 1,
            Piece::Plain('}') => depth = depth.saturating_sub(1),
            Piece::Plain(',') if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(*piece);
        }
    }
    parts
}

fn comma_set_follows(behind: &[Piece]) -> bool {
    let mut close = false;
    for (at, piece) in behind.iter().enumerate().rev() {
        match piece {
            Piece::Plain('}') => close = true,
            Piece::Plain('\n' | '\r') => close = false,
            Piece::Plain(',') if close && behind.get(at + 1) != Some(&Piece::Plain(',')) => return true,
            _ => {}
        }
    }
    false
}

fn combine(so_far: Vec<Vec<Piece>>, before: &[Piece], values: Vec<Vec<Piece>>, drop_empty: bool) -> Result<Vec<Vec<Piece>>, &'static str> {
    let mut out = Vec::new();
    let mut characters = 0;
    for prefix in &so_far {
        for value in &values {
            let made = [prefix.as_slice(), before, value].concat();
            if drop_empty && made.is_empty() {
                continue;
            }
            characters += made.len();
            out.push(made);
            if out.len() > MOST || characters > CHARACTERS {
                return Err("its braces stand for too many patterns");
            }
        }
    }
    Ok(out)
}

/// Returns the values of `1..5`, `01..10..2` or `a..e`; `None` when the body is no sequence.
fn sequence(body: &[Piece]) -> Result<Option<Vec<Vec<Piece>>>, &'static str> {
    let text: Option<String> = body.iter().map(|piece| if let Piece::Plain(c) = piece { Some(*c) } else { None }).collect();
    let Some(text) = text else { return Ok(None) };
    let parts: Vec<&str> = text.split("..").collect();
    let ([from, to] | [from, to, _]) = parts[..] else { return Ok(None) };
    let whole = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    };
    let letter = |text: &str| text.len() == 1 && text.bytes().all(|b| b.is_ascii_alphabetic());
    let step = match parts.get(2) {
        Some(step) if !whole(step) => return Ok(None),
        Some(step) => step.parse::<i64>().map_err(|_| "a number of its sequence is too large")?.saturating_abs().max(1),
        None => 1,
    };
    let (start, end) = if whole(from) && whole(to) {
        let number = |text: &str| text.parse::<i64>().map_err(|_| "a number of its sequence is too large");
        (number(from)?, number(to)?)
    } else if letter(from) && letter(to) {
        (i64::from(from.as_bytes()[0]), i64::from(to.as_bytes()[0]))
    } else {
        return Ok(None);
    };
    if end.abs_diff(start) / step.unsigned_abs() >= MOST as u64 {
        return Err("its braces stand for too many patterns");
    }
    let padded = parts.iter().any(|part| {
        let digits = part.strip_prefix('-').unwrap_or(part);
        digits.len() > 1 && digits.starts_with('0')
    });
    let width = if padded { from.len().max(to.len()) } else { 0 };
    if width > 1_000 {
        return Err("a number of its sequence is too large");
    }
    let count = i64::try_from(end.abs_diff(start) / step.unsigned_abs()).unwrap_or(0);
    let shown = |at: i64| {
        let value = if end < start { start - at * step } else { start + at * step };
        let text = if whole(from) {
            format!("{value:0width$}")
        } else {
            // Between `Z` and `a` lies the backslash, which stands for nothing.
            u8::try_from(value).map(char::from).ok().filter(|c| *c != '\\').map(String::from).unwrap_or_default()
        };
        text.chars().map(Piece::Plain).collect()
    };
    Ok(Some((0..=count).map(shown).collect()))
}
