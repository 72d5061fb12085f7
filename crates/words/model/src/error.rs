//! What an error says. Read first: [`chain`].

use std::error::Error;

/// Returns an error's text with those of its causes, each said once.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let told = deeper.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = deeper.source();
    }
    text
}
