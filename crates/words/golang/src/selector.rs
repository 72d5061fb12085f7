//! Label and field selectors of Kubernetes. Source: kubernetes apimachinery pkg/labels, pkg/fields.

use std::fmt;

use serde_json::Value as Json;

/// Most requirements of one selector.
const MOST: usize = 1_000;

/// A text or object that is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

type Result<T> = std::result::Result<T, SelectorError>;

fn fail<T>(why: impl Into<String>) -> Result<T> {
    Err(SelectorError(why.into()))
}

/// A selector over labels: all requirements must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    DoubleEquals,
    NotEquals,
    In,
    NotIn,
    Exists,
    NotExists,
    Greater,
    Less,
}

impl LabelSelector {
    /// Parses the text form: `a=b,c!=d,e in (x,y),f notin (z),g,!h,n>1`.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser { rest: text };
        let mut requirements = Vec::new();
        parser.blanks();
        while !parser.rest.is_empty() {
            if requirements.len() == MOST {
                return fail("the selector has too many requirements");
            }
            requirements.push(parser.requirement()?);
            parser.blanks();
            if parser.rest.is_empty() {
                break;
            }
            if !parser.take(",") {
                return fail(format!("found '{}', expected: ',' or 'end of string'", parser.word()));
            }
            parser.blanks();
            if parser.rest.is_empty() || !(parser.rest.starts_with('!') || parser.rest.starts_with(|c: char| !"=<>(),".contains(c))) {
                return fail(format!("found '{}', expected: identifier after ','", parser.word()));
            }
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Self { requirements })
    }

    /// Reads the object form: `matchLabels` and `matchExpressions`. No object selects nothing, an empty one everything.
    pub fn of(selector: &Json) -> Result<Option<Self>> {
        if selector.is_null() {
            return Ok(None);
        }
        let Some(map) = selector.as_object() else { return fail("a label selector is an object") };
        if let Some(key) = map.keys().find(|key| !matches!(key.as_str(), "matchLabels" | "matchExpressions")) {
            return fail(format!("unknown field {key:?} of a label selector"));
        }
        let mut requirements = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            let Some(value) = value.as_str() else { return fail(format!("matchLabels.{key} is no text")) };
            requirements.push(Requirement::checked(key, Operator::Equals, vec![value.to_owned()])?);
        }
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            let operator = match expression["operator"].as_str().unwrap_or_default() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::NotExists,
                other => return fail(format!("{other:?} is not a valid label selector operator")),
            };
            let values = expression["values"].as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned);
            requirements.push(Requirement::checked(expression["key"].as_str().unwrap_or_default(), operator, values.collect())?);
        }
        if requirements.len() > MOST {
            return fail("the selector has too many requirements");
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Some(Self { requirements }))
    }

    /// Tells whether labels fulfil all requirements.
    pub fn matches(&self, label: impl Fn(&str) -> Option<String>) -> bool {
        self.requirements.iter().all(|requirement| requirement.matches(label(&requirement.key).as_deref()))
    }

    /// Tells whether the labels of an object (`metadata.labels`) fulfil all requirements.
    pub fn matches_object(&self, object: &Json) -> bool {
        let labels = &object["metadata"]["labels"];
        self.requirements.iter().all(|requirement| requirement.matches(labels[requirement.key.as_str()].as_str()))
    }
}

impl Requirement {
    fn checked(key: &str, operator: Operator, mut values: Vec<String>) -> Result<Self> {
        if !is_key(key) {
            return fail(format!("{key:?} is no label key"));
        }
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => return fail("for 'in', 'notin' operators, values set can't be empty"),
            Operator::Exists | Operator::NotExists if !values.is_empty() => {
                return fail("values set must be empty for exists and does not exist");
            }
            Operator::Greater | Operator::Less if !values.iter().all(|value| value.parse::<i64>().is_ok()) => {
                return fail("for 'Gt', 'Lt' operators, the value must be an integer");
            }
            _ => {}
        }
        if let Some(bad) = values.iter().find(|value| !is_value(value)) {
            return fail(format!("{bad:?} is no label value"));
        }
        values.sort();
        values.dedup();
        Ok(Self { key: key.to_owned(), operator, values })
    }

    fn matches(&self, label: Option<&str>) -> bool {
        let among = |label: &str| self.values.iter().any(|value| value == label);
        let number = |text: &str| text.parse::<i64>().ok();
        let compared = |fits: fn(&i64, &i64) -> bool| match (label.and_then(number), self.values.first().and_then(|value| number(value))) {
            (Some(label), Some(value)) => fits(&label, &value),
            _ => false,
        };
        match self.operator {
            Operator::Equals | Operator::DoubleEquals | Operator::In => label.is_some_and(among),
            Operator::NotEquals | Operator::NotIn => !label.is_some_and(among),
            Operator::Exists => label.is_some(),
            Operator::NotExists => label.is_none(),
            Operator::Greater => compared(i64::gt),
            Operator::Less => compared(i64::lt),
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            let (key, values) = (&requirement.key, requirement.values.join(","));
            f.write_str(if at > 0 { "," } else { "" })?;
            match requirement.operator {
                Operator::Equals => write!(f, "{key}={values}")?,
                Operator::DoubleEquals => write!(f, "{key}=={values}")?,
                Operator::NotEquals => write!(f, "{key}!={values}")?,
                Operator::In => write!(f, "{key} in ({values})")?,
                Operator::NotIn => write!(f, "{key} notin ({values})")?,
                Operator::Exists => f.write_str(key)?,
                Operator::NotExists => write!(f, "!{key}")?,
                Operator::Greater => write!(f, "{key}>{values}")?,
                Operator::Less => write!(f, "{key}<{values}")?,
            }
        }
        Ok(())
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, symbol: &str) -> bool {
        let rest = self.rest.strip_prefix(symbol);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads a name or value, which may be empty.
    fn word(&mut self) -> &'a str {
        self.blanks();
        let end = self.rest.find(|c: char| "=!(),><".contains(c) || c.is_ascii_whitespace()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn requirement(&mut self) -> Result<Requirement> {
        let absent = self.take("!");
        let key = self.word();
        if key.is_empty() {
            return fail("found no label key where one is expected");
        }
        self.blanks();
        if absent {
            return Requirement::checked(key, Operator::NotExists, Vec::new());
        }
        if self.rest.is_empty() || self.rest.starts_with(',') {
            return Requirement::checked(key, Operator::Exists, Vec::new());
        }
        let symbols = [
            ("==", Operator::DoubleEquals),
            ("=", Operator::Equals),
            ("!=", Operator::NotEquals),
            (">", Operator::Greater),
            ("<", Operator::Less),
        ];
        if let Some((_, operator)) = symbols.into_iter().find(|(symbol, _)| self.take(symbol)) {
            let value = self.word();
            if value.is_empty() && matches!(operator, Operator::Greater | Operator::Less) {
                return fail("for 'Gt', 'Lt' operators, the value must be an integer");
            }
            self.blanks();
            if !self.rest.is_empty() && !self.rest.starts_with(',') {
                return fail(format!("found '{}', expected: ',' or 'end of string'", self.rest));
            }
            return Requirement::checked(key, operator, vec![value.to_owned()]);
        }
        let operator = match self.word() {
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            other => return fail(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        Requirement::checked(key, operator, self.values()?)
    }

    fn values(&mut self) -> Result<Vec<String>> {
        self.blanks();
        if !self.take("(") {
            return fail("expected: '('");
        }
        let mut values = Vec::new();
        loop {
            values.push(self.word().to_owned());
            self.blanks();
            if self.take(")") {
                return Ok(values);
            }
            if !self.take(",") || values.len() > MOST {
                return fail(format!("found '{}', expected: ',' or ')'", self.rest.chars().take(20).collect::<String>()));
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    let ends = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    text.len() <= 63 && ends(text) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Tells whether a text is a label value.
fn is_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

/// Tells whether a text is a label key: a name, with a domain before it or without.
fn is_key(text: &str) -> bool {
    let Some((domain, name)) = text.split_once('/') else { return is_name(text) };
    let label = |part: &str| {
        let inside = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        inside && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
    };
    is_name(name) && domain.len() <= 253 && domain.split('.').all(label)
}

/// A selector over fields: `metadata.name=x,status.phase!=Running`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector {
    /// Field, whether it must be equal, value.
    terms: Vec<(String, bool, String)>,
}

impl FieldSelector {
    /// Parses the text form; `\,`, `\=` and `\\` are plain characters.
    pub fn parse(text: &str) -> Result<Self> {
        let mut terms = Vec::new();
        let mut parts = split(text);
        parts.sort_unstable();
        for part in parts {
            // Upstream passes over terms of nothing.
            if matches!(part, "" | "=" | "==" | "!=") {
                continue;
            }
            let Some((field, equal, value)) = term(part) else {
                return fail(format!("invalid selector: '{text}'; can't understand '{part}'"));
            };
            terms.push((field.to_owned(), equal, unescaped(value)?));
            if terms.len() > MOST {
                return fail("the selector has too many terms");
            }
        }
        Ok(Self { terms })
    }

    /// Tells whether the fields have the values; a field that is not there is empty.
    pub fn matches(&self, field: impl Fn(&str) -> Option<String>) -> bool {
        self.terms.iter().all(|(name, equal, value)| (field(name).unwrap_or_default() == *value) == *equal)
    }

    /// Returns the fields that are asked for.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|(field, ..)| field.as_str())
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (field, equal, value)) in self.terms.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            write!(f, "{}{field}{}{value}", if at > 0 { "," } else { "" }, if *equal { "=" } else { "!=" })?;
        }
        Ok(())
    }
}

/// Splits at commas that no backslash stands before.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == ',' {
            parts.push(&text[start..at]);
            start = at + 1;
        }
    }
    parts.push(&text[start..]);
    parts
}

fn term(part: &str) -> Option<(&str, bool, &str)> {
    for (at, _) in part.char_indices() {
        for (symbol, equal) in [("!=", false), ("==", true), ("=", true)] {
            if let Some(value) = part[at..].strip_prefix(symbol) {
                return Some((&part[..at], equal, value));
            }
        }
    }
    None
}

fn unescaped(value: &str) -> Result<String> {
    let mut out = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                Some(other) => return fail(format!("invalid field selector: invalid escape sequence: \\{other}")),
                None => return fail("invalid field selector: invalid escape sequence: \\"),
            },
            ',' | '=' => return fail(format!("invalid field selector: unescaped character in value: {character}")),
            other => out.push(other),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn label(key: &str) -> Option<String> {
        let value = match key {
            "app" => "web",
            "tier" => "1",
            "x.io/env" => "prod",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn labels_are_selected() {
        for (text, wanted, shown) in [
            ("", true, ""),
            ("app=web,tier==1", true, "app=web,tier==1"),
            ("app!=web", false, "app!=web"),
            ("none!=x", true, "none!=x"),
            ("app in (api, web)", true, "app in (api,web)"),
            ("app notin (api),none notin (x)", true, "app notin (api),none notin (x)"),
            ("app,!none", true, "app,!none"),
            ("!app", false, "!app"),
            ("tier>0,tier<2", true, "tier>0,tier<2"),
            ("x.io/env = prod", true, "x.io/env=prod"),
            ("app=", false, "app="),
        ] {
            let selector = LabelSelector::parse(text).expect(text);
            assert_eq!((selector.matches(label), selector.to_string().as_str()), (wanted, shown), "{text}");
        }
        for bad in ["a b", "=a", "a=b=c", "a in x", "a in ()x", "a,", "-a=b", "a=-b", "a>x", ",a", "a in (x", "!", "A/b=c"] {
            assert!(LabelSelector::parse(bad).is_err(), "{bad}");
        }
        let object = json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["1", "2"]}, {"key": "none", "operator": "DoesNotExist"}]});
        let selector = LabelSelector::of(&object).expect("a selector").expect("there");
        assert!(selector.matches(label) && !selector.matches(|_| None));
        assert!(selector.matches_object(&json!({"metadata": {"labels": {"app": "web", "tier": "2"}}})));
        for bad in [
            json!({"x": 1}),
            json!({"matchExpressions": [{"key": "a", "operator": "Is"}]}),
            json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
        ] {
            assert!(LabelSelector::of(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fields_are_selected() {
        let field = |name: &str| (name == "metadata.name").then(|| "a,b=c".to_owned());
        for (text, wanted, shown) in [
            ("", true, ""),
            (r"metadata.name=a\,b\=c", true, r"metadata.name=a\,b\=c"),
            ("metadata.name!=x,status.phase=", true, "metadata.name!=x,status.phase="),
            ("status.phase==Running", false, "status.phase=Running"),
        ] {
            let selector = FieldSelector::parse(text).expect(text);
            assert_eq!((selector.matches(field), selector.to_string().as_str()), (wanted, shown), "{text}");
        }
        for bad in ["a", "a=b=c", r"a=\x", r"a=b\"] {
            assert!(FieldSelector::parse(bad).is_err(), "{bad}");
        }
    }
}
