//! JSON in and out, as Go's encoding/json.

use crate::{Value, golike};

/// Longest JSON text that is read.
const LENGTH: usize = 4 << 20;

/// Reads a JSON text.
pub(crate) fn from_text(text: &str) -> Result<Value, String> {
    if text.len() > LENGTH {
        return Err("the JSON text is too long".to_owned());
    }
    serde_json::from_str(text).map(|json| Value::from_json(&json)).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "unexpected end of JSON input".to_owned(),
        _ => {
            let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
            let place = line.as_bytes().get(error.column().saturating_sub(1)).map(|byte| char::from(*byte));
            match place {
                Some(character) => format!("invalid character {} {}", golike::quoted_character(character), context(&error.to_string())),
                None => error.to_string(),
            }
        }
    })
}

/// Says where in the grammar a character is wrong, in Go's words.
fn context(error: &str) -> &'static str {
    let has = |text: &str| error.starts_with(text);
    if has("expected `:`") {
        "after object key"
    } else if has("expected `,` or `}`") {
        "after object key:value pair"
    } else if has("expected `,` or `]`") {
        "after array element"
    } else if has("key must be a string") {
        "looking for beginning of object key string"
    } else if has("trailing characters") {
        "after top-level value"
    } else if has("invalid number") {
        "in numeric literal"
    } else if has("control character") {
        "in string literal"
    } else if has("invalid escape") {
        "in string escape code"
    } else {
        "looking for beginning of value"
    }
}

impl Value {
    /// Converts to JSON as `json.Marshal` and reading it again would: whole floats are whole numbers.
    pub fn to_json(&self) -> Result<serde_json::Value, String> {
        use serde_json::Value as Json;
        Ok(match self {
            Self::Nil => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) | Self::Duration(value) => Json::from(*value),
            Self::Byte(value) => Json::from(*value),
            Self::Text(text) => Json::from(&**text),
            Self::Float(value) => {
                let text = golike::json_float(*value)?;
                let whole = text.parse::<i64>().ok().map(Json::from);
                whole.unwrap_or_else(|| Json::from(*value))
            }
            other => {
                let text = golike::json(other, false)?;
                serde_json::from_str(&text).map_err(|error| error.to_string())?
            }
        })
    }

    /// Writes the value as Go's `json.Marshal`.
    pub fn json_text(&self) -> Result<String, String> {
        golike::json(self, false)
    }
}
