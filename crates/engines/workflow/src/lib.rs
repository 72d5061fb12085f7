//! Workflow files as Gitea and GitHub read them: what triggers them, which jobs and steps they have, and their expressions.
//! What is not known is refused with file, line and key. Read first: [`parse`], [`Workflow::triggered_by`], [`interpolate`].

mod expression;
mod file;
mod trigger;

pub use expression::{Contexts, condition, evaluate, interpolate};
pub use file::{Job, Kind, Step, Workflow, parse};
pub use trigger::{Push, Triggers};

/// Why a workflow cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowError {
    /// The file is no YAML.
    #[error("{path}: {source}")]
    Yaml {
        /// Which file.
        path: String,
        /// Where in it and why.
        source: yaml::YamlError,
    },
    /// A key is not supported, or its value is not of the right kind.
    #[error("{path}, line {line}: {key}: {text}")]
    Key {
        /// Which file.
        path: String,
        /// Where in it.
        line: usize,
        /// Which key, from the top.
        key: String,
        /// What is wrong.
        text: String,
    },
    /// An expression has no value.
    #[error("{text} in ${{{{ {source_text} }}}}")]
    Expression {
        /// What is wrong.
        text: String,
        /// The expression.
        source_text: String,
    },
}
