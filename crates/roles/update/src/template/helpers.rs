//! The helpers of templates. Read first: [`HELPERS`], [`call`]. One helper is one line in the list.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::Captures;

use super::value::{Js, put};
use crate::expression::{expression, places};

/// What a helper is called with.
pub(super) struct Arguments<'a>(pub &'a [Js]);

type Helper = fn(&Arguments<'_>) -> Result<Js, String>;

const HELPERS: [(&str, Helper); 20] = [
    ("add", add),
    ("and", |arguments| Ok(Js::Bool(arguments.0.iter().all(Js::truthy)))),
    ("containsString", contains_string),
    ("decodeBase64", decode_base64),
    ("decodeURIComponent", decode_uri),
    ("distinct", distinct),
    ("encodeBase64", encode_base64),
    ("encodeURIComponent", encode_uri),
    ("equals", equals),
    ("includes", includes),
    ("lookupArray", lookup_array),
    ("lowercase", |arguments| change_case(arguments, str::to_lowercase)),
    ("or", |arguments| Ok(Js::Bool(arguments.0.iter().any(Js::truthy)))),
    ("replace", replace),
    ("split", split),
    ("stringToPrettyJSON", pretty),
    ("toArray", |arguments| Ok(Js::List(arguments.0.to_vec()))),
    ("toJSON", |arguments| Ok(arguments.get(0)?.json(None).map_or(Js::Undefined, Js::Text))),
    ("toObject", to_object),
    ("uppercase", |arguments| change_case(arguments, str::to_uppercase)),
];

/// Tells whether there is such a helper.
pub(super) fn known(name: &str) -> bool {
    HELPERS.iter().any(|(known, _)| *known == name)
}

/// Says how much a call will take, in bytes that are gone through: each place of an expression may look at each byte.
pub(super) fn cost(name: &str, arguments: &Arguments<'_>) -> usize {
    match (name, arguments.0) {
        ("replace", [Js::Text(expression), _, Js::Text(text), ..]) => {
            let places = usize::try_from(places(expression)).unwrap_or(usize::MAX);
            text.len().saturating_mul(1 + places / 25)
        }
        _ => 0,
    }
}

/// Calls a helper.
pub(super) fn call(name: &str, arguments: &Arguments<'_>) -> Result<Js, String> {
    let (_, helper) = HELPERS.iter().find(|(known, _)| *known == name).ok_or("there is no such helper")?;
    helper(arguments)
}

impl Arguments<'_> {
    fn get(&self, at: usize) -> Result<&Js, String> {
        self.0.get(at).ok_or_else(|| format!("it needs {} parameters", at + 1))
    }

    fn text(&self, at: usize) -> Result<&str, String> {
        match self.get(at)? {
            Js::Text(text) => Ok(text),
            _ => Err(format!("parameter {} is no text", at + 1)),
        }
    }

    /// Nothing counts as an empty text.
    fn text_or_nothing(&self, at: usize) -> Result<&str, String> {
        match self.get(at)? {
            Js::Undefined | Js::Null => Ok(""),
            _ => self.text(at),
        }
    }
}

fn add(arguments: &Arguments<'_>) -> Result<Js, String> {
    match (arguments.get(0)?, arguments.get(1)?) {
        (Js::Number(a), Js::Number(b)) => Ok(Js::Number(a + b)),
        _ => Err("the parameters are no numbers".to_owned()),
    }
}

fn contains_string(arguments: &Arguments<'_>) -> Result<Js, String> {
    match arguments.get(0)? {
        Js::Undefined | Js::Null => Ok(Js::Undefined),
        Js::List(items) => Ok(Js::Bool(items.contains(arguments.get(1)?))),
        _ => {
            let part = match arguments.get(1)? {
                Js::Undefined => "undefined".to_owned(),
                Js::Null => "null".to_owned(),
                part => part.text(),
            };
            Ok(Js::Bool(arguments.text(0)?.contains(&part)))
        }
    }
}

fn change_case(arguments: &Arguments<'_>, change: fn(&str) -> String) -> Result<Js, String> {
    match arguments.get(0)? {
        Js::Undefined | Js::Null => Ok(Js::Undefined),
        _ => arguments.text(0).map(|text| Js::Text(change(text))),
    }
}

fn encode_base64(arguments: &Arguments<'_>) -> Result<Js, String> {
    Ok(Js::Text(base64::engine::general_purpose::STANDARD.encode(arguments.text_or_nothing(0)?)))
}

/// Other characters are passed over, both alphabets are read, and the first `=` is the end.
fn decode_base64(arguments: &Arguments<'_>) -> Result<Js, String> {
    let text = arguments.text_or_nothing(0)?;
    let mut plain: String = text
        .chars()
        .take_while(|c| *c != '=')
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .filter(|c| c.is_ascii_alphanumeric() || "+/".contains(*c))
        .collect();
    // Six bits alone are no byte.
    if plain.len() % 4 == 1 {
        plain.pop();
    }
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
    let bytes = GeneralPurpose::new(&STANDARD, lenient).decode(plain).map_err(|error| error.to_string())?;
    Ok(Js::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

fn encode_uri(arguments: &Arguments<'_>) -> Result<Js, String> {
    let text = match arguments.get(0)? {
        Js::Undefined => "undefined".to_owned(),
        Js::Null => "null".to_owned(),
        value => value.text(),
    };
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(Js::Text(out))
}

fn decode_uri(arguments: &Arguments<'_>) -> Result<Js, String> {
    let text = match arguments.get(0)? {
        Js::Undefined => "undefined".to_owned(),
        Js::Null => "null".to_owned(),
        value => value.text(),
    };
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err("a % stands before no number".to_owned()) };
        out.push((high * 16 + low) as u8);
    }
    String::from_utf8(out).map(Js::Text).map_err(|_| "it is no UTF-8".to_owned())
}

fn equals(arguments: &Arguments<'_>) -> Result<Js, String> {
    Ok(Js::Bool(match (arguments.get(0)?, arguments.get(1)?) {
        // Two lists or maps are never the same one.
        (Js::List(_) | Js::Map(_), _) => false,
        (a, b) => a == b,
    }))
}

fn includes(arguments: &Arguments<'_>) -> Result<Js, String> {
    Ok(Js::Bool(match (arguments.get(0)?, arguments.get(1)?) {
        (Js::List(items), wanted @ Js::Text(_)) => items.iter().all(|item| matches!(item, Js::Text(_))) && items.contains(wanted),
        _ => false,
    }))
}

fn split(arguments: &Arguments<'_>) -> Result<Js, String> {
    let parts = match (arguments.get(0)?, arguments.get(1)?) {
        (Js::Text(text), Js::Text(separator)) if separator.is_empty() => text.chars().map(|c| Js::Text(c.to_string())).collect(),
        (Js::Text(text), Js::Text(separator)) => text.split(separator.as_str()).map(|part| Js::Text(part.to_owned())).collect(),
        _ => Vec::new(),
    };
    Ok(Js::List(parts))
}

fn to_object(arguments: &Arguments<'_>) -> Result<Js, String> {
    if !arguments.0.len().is_multiple_of(2) {
        return Err("it needs a value for each name".to_owned());
    }
    let mut fields = Vec::new();
    for pair in arguments.0.chunks(2) {
        put(&mut fields, pair[0].text(), pair[1].clone());
    }
    Ok(Js::Map(fields))
}

fn as_list(value: &Js) -> Vec<Js> {
    match value {
        Js::List(items) => items.clone(),
        value => vec![value.clone()],
    }
}

fn lookup_array(arguments: &Arguments<'_>) -> Result<Js, String> {
    let key = arguments.get(1)?.text();
    let items = as_list(arguments.get(0)?).into_iter().filter(|item| !item.is_empty()).map(|item| item.get(&key));
    Ok(Js::List(items.filter(|item| *item != Js::Undefined).collect()))
}

fn distinct(arguments: &Arguments<'_>) -> Result<Js, String> {
    let mut seen = std::collections::BTreeSet::new();
    Ok(Js::List(as_list(arguments.get(0)?).into_iter().filter(|item| seen.insert(item.json(None))).collect()))
}

fn pretty(arguments: &Arguments<'_>) -> Result<Js, String> {
    let value: Js = serde_json::from_str(arguments.text(0)?).map_err(|error| error.to_string())?;
    Ok(value.json(Some(0)).map_or(Js::Undefined, Js::Text))
}

/// Longest text that is searched, and longest one that may come of it.
const SEARCHED: usize = 16 << 10;
const REPLACED: usize = 1 << 20;

fn replace(arguments: &Arguments<'_>) -> Result<Js, String> {
    let expression = expression(arguments.text(0)?)?;
    let (by, text) = (arguments.text(1)?, arguments.text_or_nothing(2)?);
    if text.len() > SEARCHED {
        return Err(format!("the text is longer than {SEARCHED} bytes"));
    }
    let (mut out, mut end) = (String::new(), 0);
    for found in expression.captures_iter(text) {
        let whole = found.get(0).expect("a match is the whole match");
        out.push_str(&text[end..whole.start()]);
        expand(by, &found, text, &mut out)?;
        end = whole.end();
    }
    out.push_str(&text[end..]);
    Ok(Js::Text(out))
}

/// Writes a replacement, with `$1`, `$&`, `$<name>` and the like filled in.
fn expand(by: &str, found: &Captures<'_>, text: &str, out: &mut String) -> Result<(), String> {
    let whole = found.get(0).expect("a match is the whole match");
    let group = |at: usize| found.get(at).map_or("", |group| group.as_str());
    let mut rest = by;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
        // Two digits where there are so many groups, else one.
        let numbers = (1..=digits).rev().filter_map(|count| Some((count, rest[..count].parse::<usize>().ok()?)));
        let number = numbers.into_iter().find(|(_, number)| *number > 0 && *number < found.len());
        let (filled, length) = match (rest.chars().next(), number) {
            (Some('$'), _) => ("$", 1),
            (Some('&'), _) => (whole.as_str(), 1),
            (Some('`'), _) => (&text[..whole.start()], 1),
            (Some('\''), _) => (&text[whole.end()..], 1),
            (_, Some((length, number))) => (group(number), length),
            (Some('<'), _) if rest.contains('>') => {
                let end = rest.find('>').unwrap_or(0);
                (found.name(&rest[1..end]).map_or("", |group| group.as_str()), end + 1)
            }
            _ => ("$", 0),
        };
        out.push_str(filled);
        if out.len() > REPLACED {
            return Err(format!("what comes of it is longer than {REPLACED} bytes"));
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    if out.len() > REPLACED { Err(format!("what comes of it is longer than {REPLACED} bytes")) } else { Ok(()) }
}
