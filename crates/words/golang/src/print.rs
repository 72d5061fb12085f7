use serde_json::Value;

/// Prints a value as Go's `%+v` does: keys in order, texts without quotes.
pub fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let mut fields: Vec<(&String, &Value)> = map.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            let fields: Vec<String> = fields.into_iter().map(|(name, inner)| format!("{name}:{}", printed(inner))).collect();
            format!("map[{}]", fields.join(" "))
        }
        Value::Number(number) if number.is_f64() => float(number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}

/// Returns the type that Go's JSON reader gives a value, as Go's `%T` names it.
pub fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A float as Go's `%v` prints it: the fewest digits that tell it, with an exponent where it is very large or very small.
fn float(number: f64) -> String {
    let spelled = format!("{number:e}");
    match spelled.split_once('e').map(|(digits, exponent)| (digits, exponent.parse::<i32>().unwrap_or(0))) {
        Some((digits, exponent)) if number != 0.0 && !(-4..21).contains(&exponent) => {
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_printed_as_go_does() {
        assert_eq!(printed(&json!({"b": [1, "x", null], "a": {"c": true}})), "map[a:map[c:true] b:[1 x <nil>]]");
        assert_eq!(printed(&json!([2.0, 0.25, 1e30, 1e-7, 1e20, -1.5])), "[2 0.25 1e+30 1e-07 100000000000000000000 -1.5]");
    }
}
