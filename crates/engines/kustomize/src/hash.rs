//! The suffix that names the content of a ConfigMap or Secret. Source: kustomize `api/hasher/hasher.go`.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::error::Result;
use crate::list::List;
use crate::value::{is_scalar, settle, text};

/// Renames what asked for a hash.
pub(crate) fn transform(list: &mut List) -> Result<()> {
    for resource in list.items.iter_mut().filter(|resource| resource.notes.needs_hash) {
        let hash = hash(&resource.value);
        resource.remember_id();
        let name = format!("{}-{hash}", resource.name());
        resource.set_name(&name);
    }
    Ok(())
}

fn hash(object: &Value) -> String {
    let mut object = object.clone();
    settle(&mut object);
    let field = |name: &str| match object.get(name) {
        None => json!(""),
        Some(value) if is_scalar(value) => json!(text(value)),
        Some(value) => value.clone(),
    };
    // The name is always empty: upstream looks for a field called `metadata/name`.
    let encoded = match object["kind"].as_str() {
        Some("ConfigMap") => {
            let mut content = json!({"kind": "ConfigMap", "name": "", "data": field("data")});
            if object["binaryData"].is_object() {
                content["binaryData"] = field("binaryData");
            }
            content
        }
        Some("Secret") => {
            let mut content = json!({"kind": "Secret", "type": field("type"), "name": "", "data": field("data")});
            if object["stringData"].is_object() {
                content["stringData"] = field("stringData");
            }
            content
        }
        _ => object.clone(),
    };
    let digest = hex::encode(Sha256::digest(go_json(&encoded)));
    let letter = |character| match character {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    };
    digest.chars().take(10).map(letter).collect()
}

/// JSON as Go writes it: safe inside HTML, floats with an exponent only below 1e-6 and from 1e21 on.
fn go_json(value: &Value) -> String {
    let text = written(value);
    let text = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn written(value: &Value) -> String {
    match value {
        Value::Number(number) => {
            // Upstream reads every number as a float here.
            let float = number.as_f64().unwrap_or_default();
            let size = float.abs();
            if size != 0.0 && !(1e-6..1e21).contains(&size) {
                let text = format!("{float:e}");
                return if size >= 1.0 { text.replace('e', "e+") } else { text };
            }
            yaml::plain_digits(float)
        }
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| format!("{}:{}", json!(key), written(value));
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
