//! Simple JSON paths into a schema, as rules and selectable fields name fields. apiextensions-apiserver
//! `pkg/apiserver/schema/cel/validation.go` (ValidFieldPath).

use crate::Schema;

/// Checks that a path (`.spec.x`, `.spec['a-b']`) leads to a declared field; returns it in the form of messages and the field.
pub fn field_path<'a>(path: &str, schema: &'a Schema, brackets: bool) -> Result<(String, &'a Schema), String> {
    let mut tokens = tokens(path).into_iter();
    let (mut out, mut here) = (String::new(), schema);
    while let Some(token) = tokens.next() {
        let name = match token.as_str() {
            "[" if !brackets => return Err("array notation is not allowed".to_owned()),
            "[" => {
                let quoted = tokens.next().ok_or("unexpected end of JSON path")?;
                let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                let inner = inner.ok_or_else(|| format!("expected single quoted string but got {quoted}"))?;
                let name = unescaped(inner)?;
                match tokens.next().as_deref() {
                    Some("]") => name,
                    Some(other) => return Err(format!("expected ] but got {other}")),
                    None => return Err("unexpected end of JSON path".to_owned()),
                }
            }
            "." => tokens.next().ok_or("unexpected end of JSON path")?,
            other => return Err(format!("expected [ or . but got: {other}")),
        };
        let unknown = || "does not refer to a valid field".to_owned();
        if !here.properties.is_empty() {
            here = here.properties.get(&name).ok_or_else(unknown)?;
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(&name);
        } else {
            here = here.additional.as_ref().ok_or_else(unknown)?;
            out.push_str(&format!("[{name}]"));
        }
    }
    Ok((out, here))
}

fn tokens(path: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for one in path.chars() {
        let quoted = word.starts_with('\'');
        if quoted {
            word.push(one);
            if one == '\'' && before != '\\' {
                found.push(std::mem::take(&mut word));
            }
        } else if matches!(one, '.' | '[' | ']') {
            if !word.is_empty() {
                found.push(std::mem::take(&mut word));
            }
            found.push(one.to_string());
        } else {
            word.push(one);
        }
        before = one;
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        if one != '\\' {
            out.push(one);
            continue;
        }
        let Some(next) = rest.next() else { break };
        out.push(match next {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\'' => '\'',
            '\\' => '\\',
            other => return Err(format!("invalid string literal: invalid escape char \\{other}")),
        });
    }
    Ok(out)
}
