//! Renovate's templates: Handlebars without escaping, with its helpers and a closed list of fields. Read first: [`Template`].
//! What a template may cost is bounded: its length and nesting, the steps it takes, and what it writes.

mod fields;
mod helpers;
mod parse;
mod render;
mod value;
mod whitespace;

use serde_json::Value;

use value::Js;

/// Longest template, in bytes.
const LONGEST: usize = 64 << 10;

/// A template that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    body: Vec<parse::Node>,
}

/// Why a template gives no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is not written as templates are.
    #[error("the template is malformed at byte {at}: {why}")]
    Malformed {
        /// Where, in bytes.
        at: usize,
        /// What is wrong.
        why: String,
    },
    /// It uses what is not supported.
    #[error("{0} are not supported in templates")]
    Unsupported(&'static str),
    /// Rendering fails.
    #[error("the template fails: {0}")]
    Failed(String),
    /// It is too long, too deep, or takes too many steps.
    #[error("the template is too large: {0}")]
    TooLarge(&'static str),
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > LONGEST {
            return Err(TemplateError::TooLarge("its text"));
        }
        let mut body = parse::template(text)?;
        whitespace::control(&mut body, true);
        Ok(Self { body })
    }

    /// Writes the text for some fields; a field that templates do not know is empty.
    pub fn render(&self, input: &Value) -> Result<String, TemplateError> {
        render::render(&self.body, &fields::known(input))
    }
}

/// Reads a template and writes its text.
pub fn render(text: &str, input: &Value) -> Result<String, TemplateError> {
    Template::parse(text)?.render(input)
}

#[cfg(test)]
mod tests;
