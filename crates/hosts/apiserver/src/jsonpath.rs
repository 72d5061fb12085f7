//! The part of JSONPath that printer columns use: `.spec.a`, `.status.conditions[?(@.type=="Ready")].status`, `[0]`, `[*]`.

use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    Every,
    Where { path: Vec<String>, value: Value, equal: bool },
}

impl Path {
    /// Parses a path; `None` when it is not of a form that is understood.
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text.trim().trim_start_matches('{').trim_end_matches('}');
        rest = rest.strip_prefix('$').unwrap_or(rest);
        while !rest.is_empty() {
            if let Some(tail) = rest.strip_prefix('.') {
                let (name, tail) = field(tail);
                if !name.is_empty() {
                    steps.push(if name == "*" { Step::Every } else { Step::Field(name) });
                } else if !tail.starts_with('[') && !tail.is_empty() {
                    return None;
                }
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix('[') {
                let end = closing(tail)?;
                steps.push(bracket(&tail[..end])?);
                rest = &tail[end + 1..];
            } else {
                return None;
            }
        }
        Some(Self(steps))
    }

    /// Returns everything that the path leads to.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.follow(value)).collect();
        }
        found
    }
}

/// A field name, with `\.` for a dot in it.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, next)| next)),
            '.' | '[' => return (name, &text[index..]),
            other => name.push(other),
        }
    }
    (name, "")
}

fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), other) if open == other => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[' | '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, ']') if depth == 0 => return Some(index),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn unquoted(text: &str) -> Option<&str> {
    ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

fn bracket(text: &str) -> Option<Step> {
    let text = text.trim();
    if text == "*" {
        return Some(Step::Every);
    }
    if let Some(name) = unquoted(text) {
        return Some(Step::Field(name.to_owned()));
    }
    if let Ok(index) = text.parse() {
        return Some(Step::Index(index));
    }
    let inside = text.strip_prefix("?(")?.strip_suffix(')')?.trim();
    let (left, right, equal) = match (inside.split_once("=="), inside.split_once("!=")) {
        (Some((left, right)), _) => (left, right, true),
        (None, Some((left, right))) => (left, right, false),
        (None, None) => return None,
    };
    let path = left.trim().strip_prefix('@')?.trim_start_matches('.').split('.').map(str::to_owned).collect();
    let right = right.trim();
    let value = unquoted(right).map_or_else(|| serde_json::from_str(right).ok(), |text| Some(Value::String(text.to_owned())))?;
    Some(Step::Where { path, value, equal })
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Field(name), _) => value.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(list)) => {
                let at = usize::try_from(*index).ok().or_else(|| list.len().checked_sub(usize::try_from(-index).ok()?));
                at.and_then(|at| list.get(at)).into_iter().collect()
            }
            (Self::Every, Value::Array(list)) => list.iter().collect(),
            (Self::Every, Value::Object(map)) => map.values().collect(),
            (Self::Where { path, value: wanted, equal }, Value::Array(list)) => list
                .iter()
                .filter(|one| {
                    let found = path.iter().filter(|name| !name.is_empty()).try_fold(*one, |place, name| place.get(name));
                    found.is_some_and(|found| (found == wanted) == *equal)
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(path: &str, wanted: &[Value]) {
        let value = json!({"a": {"b.c": 1, "list": [{"type": "X", "s": "x"}, {"type": "Y", "s": "y"}]}});
        let path = Path::parse(path).expect("parses");
        assert_eq!(path.find(&value).into_iter().cloned().collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn paths_lead_to_values() {
        check(r".a.b\.c", &[json!(1)]);
        check(".a['b.c']", &[json!(1)]);
        check(".a.list[?(@.type==\"Y\")].s", &[json!("y")]);
        check(".a.list[*].s", &[json!("x"), json!("y")]);
        check(".a.list[-1].s", &[json!("y")]);
        check(".a.none.x", &[]);
        assert_eq!(Path::parse("spec"), None);
        assert_eq!(Path::parse(".a[?(x)]"), None);
    }
}
