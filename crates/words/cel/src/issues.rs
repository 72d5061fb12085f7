/// Why an expression does not compile, in the form of cel-go (`common/errors.go`, `common/error.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issues {
    text: String,
    found: Vec<(usize, String)>,
}

/// So many are told; the rest is counted.
const MOST: usize = 100;

impl Issues {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), found: Vec::new() }
    }

    pub(crate) fn one(text: &str, at: usize, message: String) -> Self {
        let mut issues = Self::new(text);
        issues.add(at, message);
        issues
    }

    pub(crate) fn add(&mut self, at: usize, message: String) {
        self.found.push((at, message));
    }

    /// Tells whether anything was found that does not begin so.
    pub(crate) fn has_other_than(&self, beginning: &str) -> bool {
        self.found.iter().any(|(_, message)| !message.starts_with(beginning))
    }

    /// Tells whether a message with these words was found.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.found.iter().any(|(_, message)| message.contains(words))
    }

    /// Returns a piece of the text, counted in characters.
    pub(crate) fn excerpt(&self, at: usize, length: usize) -> String {
        self.text.chars().skip(at).take(length).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

impl std::fmt::Display for Issues {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.found.clone();
        sorted.sort_by_key(|(at, _)| *at);
        let told: Vec<String> = sorted.iter().take(MOST).map(|(at, message)| snippet(&self.text, *at, message)).collect();
        out.write_str(&told.join("\n"))?;
        if sorted.len() > MOST {
            write!(out, "\n{} more errors were truncated", sorted.len() - MOST)?;
        }
        Ok(())
    }
}

impl std::error::Error for Issues {}

fn snippet(text: &str, at: usize, message: &str) -> String {
    let before: Vec<char> = text.chars().take(at).collect();
    let line = before.iter().filter(|one| **one == '\n').count();
    let column = before.iter().rev().take_while(|one| **one != '\n').count();
    let mut out = format!("ERROR: <input>:{}:{}: {message}", line + 1, column + 1);
    let Some(shown) = text.split('\n').nth(line) else { return out };
    out.push_str("\n | ");
    out.push_str(&shown.replace('\t', " "));
    out.push_str("\n | ");
    // Wide characters get wide dots, so that the arrow stands below its place.
    let mut characters = shown.chars();
    for one in characters.by_ref().take(column) {
        out.push(if one.len_utf8() > 1 { '．' } else { '.' });
    }
    out.push(if characters.next().is_some_and(|one| one.len_utf8() > 1) { '＾' } else { '^' });
    out
}
