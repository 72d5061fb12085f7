use serde_json::Value;

use crate::builtin::shown;
use crate::{ExprError, Scope, eval};

/// Tells whether a text holds `${{ … }}`.
pub fn has_expression(text: &str) -> bool {
    text.contains("${{")
}

/// Evaluates the `${{ … }}` of a text.
///
/// A text that is one expression and nothing else has that expression's value and type; with other text around it the
/// result is a string. Kargo instead guesses a type from the final text, so that the tag `1.10` becomes the number 1.1.
pub fn template(text: &str, scope: &dyn Scope) -> Result<Value, ExprError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        let inner = &rest[start + 3..];
        let end = closing(inner).ok_or_else(|| ExprError::Evaluation(format!("${{{{ in {text:?} is never closed by }}}}")))?;
        let value = eval(inner[..end].trim(), scope)?;
        if start == 0 && pieces.is_empty() && inner[end + 2..].trim().is_empty() {
            return Ok(value);
        }
        pieces.push(rest[..start].to_owned());
        pieces.push(if value.is_string() { shown(&value) } else { value.to_string() });
        rest = &inner[end + 2..];
    }
    pieces.push(rest.to_owned());
    Ok(Value::String(pieces.concat()))
}

/// Evaluates every string of a value, not its keys.
pub fn template_all(value: &Value, scope: &dyn Scope) -> Result<Value, ExprError> {
    Ok(match value {
        Value::String(text) if has_expression(text) => template(text, scope)?,
        Value::Array(items) => Value::Array(items.iter().map(|item| template_all(item, scope)).collect::<Result<_, _>>()?),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| Ok((key.clone(), template_all(value, scope)?)));
            Value::Object(entries.collect::<Result<_, ExprError>>()?)
        }
        other => other.clone(),
    })
}

/// Finds the `}}` that closes an expression, stepping over string literals.
fn closing(inner: &str) -> Option<usize> {
    let mut quote: Option<u8> = None;
    let bytes = inner.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(open), byte) if byte == open => quote = None,
            (Some(b'`'), _) => {}
            (Some(_), b'\\') => at += 1,
            (Some(_), _) => {}
            (None, byte @ (b'"' | b'\'' | b'`')) => quote = Some(byte),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            (None, _) => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Here;

    impl Scope for Here {
        fn name(&self, name: &str) -> Option<Value> {
            match name {
                "ctx" => Some(json!({"stage": "dev", "targetFreight": {"name": "abc"}})),
                "outputs" => Some(json!({"pr": {"pr": {"id": 7}}, "list": [1, 2, 3]})),
                "notx" => Some(json!(5)),
                _ => None,
            }
        }

        fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
            (name == "imageFrom").then(|| Ok(json!({"Tag": "1.10", "RepoURL": arguments[0]})))
        }
    }

    fn check(text: &str, expected: Value) {
        assert_eq!(template(text, &Here), Ok(expected), "{text}");
    }

    #[test]
    fn templates_have_values() {
        check("plain", json!("plain"));
        check("${{ imageFrom(\"r/x\").Tag }}", json!("1.10"));
        check("dev: myapp → ${{ imageFrom('r/x').Tag }}", json!("dev: myapp → 1.10"));
        check("kargo/prod-${{ ctx.targetFreight.name }}", json!("kargo/prod-abc"));
        check("${{ outputs.pr.pr.id }}", json!(7));
        check("${{ 'a}}b' }}", json!("a}}b"));
        check("${{ notx + 1 }}", json!(6));
        check("${{ outputs.list[-1] + len(outputs.list[1:]) }}", json!(5));
        check("${{ ctx.nothing?.deeper ?? 'd' }}", json!("d"));
        check("${{ ctx.stage == 'dev' ? 1 : 2 }}", json!(1));
        check("${{ 'x' not in ['a'] and not (1 > 2) }}", json!(true));
        check("${{ {'a': 1, 'b': [1, 2]}.b[1] }}", json!(2));
        check("${{ ctx.stage | upper() }}", json!("DEV"));
        check("${{ 7 / 2 }} ${{ 2 ** 3 }}", json!("3.5 8.0"));
        check("${{ 'abc' matches '^a.c$' && 'abc' contains 'b' }}", json!(true));
    }

    #[test]
    fn what_has_no_value_says_why() {
        for (text, why) in [
            ("${{ ctx.freight.name }}", "cannot fetch name from <nil>"),
            ("${{ nothing() }}", "unknown function nothing"),
            ("${{ filter(xs, .a == 1) }}", "closures (# and a leading dot) are not supported at character 12 of \"filter(xs, .a == 1)\""),
            ("${{ 1 + }}", "expected a value at character 4 of \"1 +\""),
            ("${{ 'x' + 1 }}", "invalid operation: string + int"),
            ("${{ a", "${{ in \"${{ a\" is never closed by }}"),
        ] {
            assert_eq!(template(text, &Here).map_err(|error| error.to_string()), Err(why.to_owned()), "{text}");
        }
        assert!(eval(&"(".repeat(10_000), &Here).is_err());
        assert!(eval(&"-".repeat(10_000), &Here).is_err());
    }
}
