use std::fmt;

use crate::Question;

/// What is wrong with an expression, where, and the line with a caret below the place, as expr-lang prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    message: String,
    place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    snippet: String,
}

impl ExprError {
    /// Makes an error that has no place in a source.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None }
    }

    /// Makes an error at a character of a source.
    pub(crate) fn at(source: &str, character: usize, message: impl Into<String>) -> Self {
        let (mut line, mut column, mut start) = (1, 0, 0);
        for (seen, (offset, letter)) in source.char_indices().enumerate() {
            if seen == character {
                break;
            }
            if letter == '\n' {
                (line, column, start) = (line + 1, 0, offset + 1);
            } else {
                column += 1;
            }
        }
        let text = source[start..].split('\n').next().unwrap_or_default();
        let place = (!text.is_empty()).then(|| {
            let text: String = text.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
            Place { line, column: column + 1, snippet: format!("\n | {text}\n | {}^", ".".repeat(column)) }
        });
        Self { message: message.into(), place }
    }

    /// Returns what is wrong, without the place. Argo Rollouts shows only this.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns line and column, both counted from one.
    pub fn place(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{} ({}:{}){}", self.message, place.line, place.column, place.snippet),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ExprError {}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// The expression is wrong, or does not fit the values it meets.
    #[error(transparent)]
    Error(#[from] ExprError),
    /// Something must be fetched first; evaluate again when it is there.
    #[error("{0} has not been fetched yet")]
    Need(Question),
}

/// Why a function of the environment has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It failed; the evaluation adds the place.
    Failed(String),
    /// Something must be fetched first.
    Need(Question),
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

impl From<&str> for Refusal {
    fn from(text: &str) -> Self {
        Self::Failed(text.to_owned())
    }
}
