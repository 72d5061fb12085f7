//! Values as go.yaml.in/yaml/v3 writes them, for `asYAML`: four blanks, sorted keys, quotes where the text would be read as
//! something else.

use crate::golike::{parse_float, put, quoted, shown_float};
use crate::{Map, Value};

/// Deepest value that is written.
const DEPTH: usize = 100;

pub(crate) fn write(value: &Value) -> Result<String, String> {
    crate::golike::bounded(value)?;
    let mut out = String::new();
    match value {
        Value::Map(map) if !map.entries.is_empty() => mapping(map, 0, &mut out)?,
        Value::List(items) if !items.is_empty() => sequence(items, 0, &mut out)?,
        other => {
            scalar(other, 0, &mut out)?;
            out.push('\n');
        }
    }
    Ok(out)
}

fn mapping(map: &Map, indent: usize, out: &mut String) -> Result<(), String> {
    let mut first = true;
    let mut keys: Vec<_> = map.entries.iter().collect();
    keys.sort_by(|(a, _), (b, _)| natural(a, b));
    for (key, value) in keys {
        // The first key of a map inside a list stands behind the dash.
        if !first || out.ends_with('\n') || out.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        first = false;
        out.push_str(&text(key, indent + 4));
        out.push(':');
        below(value, indent, out, false)?;
    }
    Ok(())
}

fn sequence(items: &[Value], indent: usize, out: &mut String) -> Result<(), String> {
    let mut first = true;
    for item in items {
        if !first || out.ends_with('\n') || out.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        first = false;
        out.push('-');
        below(item, indent, out, true)?;
    }
    Ok(())
}

fn below(value: &Value, indent: usize, out: &mut String, in_list: bool) -> Result<(), String> {
    if indent > 4 * DEPTH {
        return Err("the value is nested too deeply".to_owned());
    }
    // What stands behind a dash goes on two columns further.
    let inside = if in_list { indent + 2 } else { (indent + 4) / 4 * 4 };
    match value {
        Value::Map(map) if !map.entries.is_empty() => {
            out.push(if in_list { ' ' } else { '\n' });
            mapping(map, inside, out)
        }
        Value::List(items) if !items.is_empty() => {
            out.push(if in_list { ' ' } else { '\n' });
            sequence(items, inside, out)
        }
        other => {
            out.push(' ');
            scalar(other, inside, out)?;
            if !out.ends_with('\n') {
                out.push('\n');
            }
            Ok(())
        }
    }
}

fn scalar(value: &Value, indent: usize, out: &mut String) -> Result<(), String> {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(value) => put(out, format_args!("{value}")),
        Value::Int(value) => put(out, format_args!("{value}")),
        Value::Byte(value) => put(out, format_args!("{value}")),
        Value::Float(value) => out.push_str(&float(*value)),
        Value::Text(content) => out.push_str(&text(content, indent)),
        Value::Map(_) | Value::Pairs(_) => out.push_str("{}"),
        Value::List(_) => out.push_str("[]"),
        other => {
            return Err(format!("cannot marshal type: {}", other.type_name()));
        }
    }
    Ok(())
}

fn float(value: f64) -> String {
    match shown_float(value).as_str() {
        "+Inf" => ".inf".to_owned(),
        "-Inf" => "-.inf".to_owned(),
        "NaN" => ".nan".to_owned(),
        other => other.to_owned(),
    }
}

/// Writes a text in the plainest form that is read as the same text.
fn text(content: &str, indent: usize) -> String {
    if content.contains('\n') && content.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{feff}')) {
        return block(content, indent);
    }
    if resolves(content) || content.chars().any(|c| c.is_control() || c == '\u{feff}') {
        return double(content);
    }
    if plain(content) { content.to_owned() } else { format!("'{}'", content.replace('\'', "''")) }
}

fn double(content: &str) -> String {
    let quoted = quoted(content);
    quoted.replace("\\u00a0", "\\_")
}

fn block(content: &str, indent: usize) -> String {
    let chomp = match content {
        _ if !content.ends_with('\n') => "-",
        _ if content.ends_with("\n\n") || content == "\n" => "+",
        _ => "",
    };
    let hint = if content.starts_with([' ', '\n']) { "4" } else { "" };
    let mut out = format!("|{hint}{chomp}");
    for line in content.strip_suffix('\n').unwrap_or(content).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent.max(4)));
            out.push_str(line);
        }
    }
    if content.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Tells whether a plain scalar would be read as something other than text.
fn resolves(content: &str) -> bool {
    let number = content.replace('_', "");
    let radix =
        |prefix: &str| number.strip_prefix(['-', '+']).unwrap_or(&number).strip_prefix(prefix).is_some_and(|digits| !digits.is_empty());
    matches!(
        content,
        "" | "~" | "null" | "Null" | "NULL" | "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "<<" | ".nan" | ".NaN" | ".NAN"
    ) || matches!(content.to_ascii_lowercase().trim_start_matches(['+', '-']), ".inf")
        // Booleans and numbers of YAML 1.1, which others still read as such.
        || matches!(content, "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF")
        || (content.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) && parse_float(&number).is_ok())
        || radix("0x") || radix("0o") || radix("0b")
        || sexagesimal(content)
        || date(content)
}

fn sexagesimal(content: &str) -> bool {
    let digits = content.strip_prefix(['-', '+']).unwrap_or(content);
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    number(first) && !rest.is_empty() && rest.iter().all(|part| number(part.split('.').next().unwrap_or_default()) && part.len() < 12)
}

fn date(content: &str) -> bool {
    ["2006-1-2", "2006-1-2T15:4:5.999999999Z07:00", "2006-1-2t15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999"]
        .iter()
        .any(|layout| content.starts_with(|c: char| c.is_ascii_digit()) && golang::time::parse(layout, content).is_ok())
}

/// Tells whether a text may stand without quotes.
fn plain(content: &str) -> bool {
    let first = content.chars().next().unwrap_or(' ');
    let second = content.chars().nth(1);
    let indicator = match first {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => true,
        '-' | '?' | ':' => second.is_none_or(|c| c == ' '),
        _ => false,
    };
    !(indicator
        || content.starts_with(' ')
        || content.ends_with(' ')
        || content.starts_with("---")
        || content.starts_with("...")
        || content.contains(": ")
        || content.ends_with(':')
        || content.contains(" #"))
}

/// The order of keys: letters by themselves, runs of digits by their value.
fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut digits = false;
    for at in 0..a.len().min(b.len()) {
        if a[at] == b[at] {
            digits = a[at].is_ascii_digit();
            continue;
        }
        let (letter_a, letter_b) = (a[at].is_alphabetic(), b[at].is_alphabetic());
        if letter_a && letter_b {
            return a[at].cmp(&b[at]);
        }
        if letter_a || letter_b {
            return if digits { letter_a.cmp(&letter_b).reverse() } else { letter_a.cmp(&letter_b) };
        }
        let number = |text: &[char]| {
            let run: String = text[at..].iter().take_while(|c| c.is_ascii_digit()).collect();
            (run.len(), run)
        };
        let ((long_a, run_a), (long_b, run_b)) = (number(&a), number(&b));
        if long_a > 0 && long_b > 0 {
            let (trimmed_a, trimmed_b) = (run_a.trim_start_matches('0'), run_b.trim_start_matches('0'));
            let order = trimmed_a.len().cmp(&trimmed_b.len()).then(trimmed_a.cmp(trimmed_b)).then(long_a.cmp(&long_b));
            if order.is_ne() {
                return order;
            }
        }
        return a[at].cmp(&b[at]);
    }
    a.len().cmp(&b.len())
}
