//! What a person writes on an object that is held: who, why, since when and until when; one annotation, JSON.

use model::Timestamp;
use serde_json::{Value, json};

use crate::{annotation, text};

/// Why something is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    value: Value,
}

impl Note {
    /// Returns the annotation's value.
    pub fn write(by: &str, why: &str, at: Timestamp, until: Option<Timestamp>) -> String {
        let mut note = json!({"by": by, "why": why, "at": at.to_string()});
        if let Some(until) = until {
            note["until"] = json!(until.to_string());
        }
        note.to_string()
    }

    /// Reads an object's annotation. One that cannot be read holds all the same: somebody meant to hold.
    pub fn read(object: &Value, key: &str) -> Option<Self> {
        let note = annotation(object, key)?;
        let value = serde_json::from_str(note).ok().filter(Value::is_object);
        Some(Self { value: value.unwrap_or_else(|| json!({"why": note})) })
    }

    /// Returns the moment at which the hold ends by itself.
    pub fn until(&self) -> Option<Timestamp> {
        text(&self.value, &["until"]).parse().ok()
    }

    /// Tells whether the hold has ended by itself.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until().is_some_and(|until| until <= now)
    }
}

/// `by ann since … until … because …`, as far as it is known.
impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |word: &str, field: &str| {
            Some(text(&self.value, &[field])).filter(|text| !text.is_empty()).map(|text| format!("{word} {text}"))
        };
        let parts = [part("by", "by"), part("since", "at"), part("until", "until"), part("because", "why")];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}
