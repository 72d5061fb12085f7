//! Words as the Dockerfile format has them: quotes, escapes, variables. Read first: [`fill`], [`split`].

use std::collections::BTreeMap;

use super::DockerfileError;

/// Longest value that variables may grow to.
const LONGEST: usize = 64 << 10;

/// Takes quotes away and fills in `$NAME`, `${NAME}`, `${NAME:-otherwise}` and `${NAME:+instead}`.
pub(super) fn fill(word: &str, env: &BTreeMap<String, String>, line: usize) -> Result<String, DockerfileError> {
    let mut filler = Filler { rest: word.chars().collect(), at: 0, env, line };
    filler.text(None, 0)
}

/// Splits at white space outside quotes; quotes and escapes stay in the words.
pub(super) fn split(text: &str, line: usize) -> Result<Vec<String>, DockerfileError> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (' ' | '\t', None) => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            ('\\', None | Some('"')) => {
                word.push(character);
                word.extend(characters.next());
                continue;
            }
            ('"' | '\'', None) => quote = Some(character),
            (same, Some(open)) if same == open => quote = None,
            _ => {}
        }
        word.push(character);
    }
    if let Some(open) = quote {
        return Err(DockerfileError::malformed(line, format!("unexpected end of statement while looking for matching {open}")));
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

struct Filler<'a> {
    rest: Vec<char>,
    at: usize,
    env: &'a BTreeMap<String, String>,
    line: usize,
}

impl Filler<'_> {
    fn next(&mut self) -> Option<char> {
        let character = self.rest.get(self.at).copied();
        self.at += 1;
        character
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn refuse<T>(&self, text: impl Into<String>) -> Result<T, DockerfileError> {
        Err(DockerfileError::malformed(self.line, text))
    }

    /// Reads up to an unquoted `end`, or to the end of the word.
    fn text(&mut self, end: Option<char>, depth: usize) -> Result<String, DockerfileError> {
        let mut out = String::new();
        loop {
            match self.next() {
                None if end.is_none() => return Ok(out),
                None => return self.refuse("a variable's closing brace is missing"),
                character if character == end => return Ok(out),
                Some('\'') => self.single(&mut out)?,
                Some('"') => self.double(&mut out, depth)?,
                Some('\\') => out.extend(self.next()),
                Some('$') => out.push_str(&self.variable(depth)?),
                Some(other) => out.push(other),
            }
            if out.len() > LONGEST {
                return Err(DockerfileError::Limit("64 KiB in one value"));
            }
        }
    }

    fn single(&mut self, out: &mut String) -> Result<(), DockerfileError> {
        loop {
            match self.next() {
                None => return self.refuse("unexpected end of statement while looking for matching single-quote"),
                Some('\'') => return Ok(()),
                Some(other) => out.push(other),
            }
        }
    }

    fn double(&mut self, out: &mut String, depth: usize) -> Result<(), DockerfileError> {
        loop {
            match self.next() {
                None => return self.refuse("unexpected end of statement while looking for matching double-quote"),
                Some('"') => return Ok(()),
                Some('$') => out.push_str(&self.variable(depth)?),
                Some('\\') => match self.next() {
                    Some(escaped @ ('"' | '$' | '\\')) => out.push(escaped),
                    other => {
                        out.push('\\');
                        out.extend(other);
                    }
                },
                Some(other) => out.push(other),
            }
            if out.len() > LONGEST {
                return Err(DockerfileError::Limit("64 KiB in one value"));
            }
        }
    }

    fn variable(&mut self, depth: usize) -> Result<String, DockerfileError> {
        if depth > 20 {
            return Err(DockerfileError::Limit("20 nested variables"));
        }
        let braced = self.peek() == Some('{');
        if braced {
            self.at += 1;
        }
        let mut name = String::new();
        while let Some(character) = self.peek().filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(character);
            self.at += 1;
        }
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(DockerfileError::unsupported(self.line, format!("the variable ${name}")));
        }
        if !braced {
            // A lonely dollar sign is a plain character.
            return Ok(if name.is_empty() { "$".to_owned() } else { self.env.get(&name).cloned().unwrap_or_default() });
        }
        let value = self.env.get(&name).cloned().unwrap_or_default();
        match (self.next(), name.is_empty()) {
            (Some('}'), false) => Ok(value),
            (Some(':'), false) => match self.next() {
                Some('-') => {
                    let otherwise = self.text(Some('}'), depth + 1)?;
                    Ok(if value.is_empty() { otherwise } else { value })
                }
                Some('+') => {
                    let instead = self.text(Some('}'), depth + 1)?;
                    Ok(if value.is_empty() { String::new() } else { instead })
                }
                _ => Err(DockerfileError::unsupported(self.line, format!("this modifier of ${{{name}}}"))),
            },
            (None, _) => self.refuse("a variable's closing brace is missing"),
            _ => Err(DockerfileError::unsupported(self.line, format!("this form of ${{{name}}}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_as_docker_does() {
        let env = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("E".to_owned(), String::new())]);
        for (word, expected) in [
            ("$A/$B/x", Some("1//x")),
            ("${A}b", Some("1b")),
            ("'$A'\"$A\"", Some("$A1")),
            (r"\$A", Some("$A")),
            (r#""\$A\n""#, Some(r"$A\n")),
            ("${E:-x${A}}", Some("x1")),
            ("${A:+y}${E:+z}", Some("y")),
            ("a$", Some("a$")),
            ("${A", None),
            ("${A:?no}", None),
            ("${A%x}", None),
            ("$1", None),
            ("'a", None),
        ] {
            assert_eq!(fill(word, &env, 1).ok().as_deref(), expected, "{word}");
        }
        assert_eq!(split(r#"a="b c" d\ e 'f "g'"#, 1).expect("splits"), [r#"a="b c""#, r"d\ e", r#"'f "g'"#]);
        assert!(split("a \"b", 1).is_err());
    }

    #[test]
    fn growth_is_bounded() {
        let env = BTreeMap::from([("A".to_owned(), "x".repeat(LONGEST / 2))]);
        assert!(fill("$A$A$A", &env, 1).is_err());
        assert!(fill(&"${A:-".repeat(100), &env, 1).is_err());
    }
}
