use regex::{Regex, RegexBuilder};

/// A pattern that Go's regexp package or ours refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no regular expression: {text}")]
pub struct RegexpError {
    pattern: String,
    text: String,
}

impl RegexpError {
    /// Returns the error as Go's `regexp.Compile` words it.
    pub fn as_go(&self) -> String {
        format!("error parsing regexp: {}", self.text)
    }
}

/// Compiles a pattern with the meaning of Go's regexp package: `\d`, `\w`, `\s` and `\b` are ASCII, `\Q…\E` quotes, a `[`
/// inside a class is a plain character. Matching stays unanchored, as `MatchString` is.
pub fn regexp(pattern: &str) -> Result<Regex, RegexpError> {
    let refuse = |text: String| RegexpError { pattern: pattern.chars().take(200).collect(), text };
    let translated = translate(pattern).map_err(refuse)?;
    RegexBuilder::new(&translated).size_limit(4 << 20).build().map_err(|error| {
        let text = error.to_string();
        refuse(text.lines().last().unwrap_or("it does not compile").trim_start_matches("error: ").to_owned())
    })
}

fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.chars().peekable();
    let mut class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('Q') => quote(&mut characters, &mut out),
                Some('C') => return Err("\\C is not supported".to_owned()),
                Some(letter @ ('d' | 'w' | 's')) => out.push_str(ascii_class(letter, class)),
                Some(letter @ ('D' | 'W' | 'S')) => out.push_str(negated_class(letter, class)),
                Some('b') if !class => out.push_str("(?-u:\\b)"),
                Some('B') if !class => out.push_str("(?-u:\\B)"),
                Some(other) => out.extend(['\\', other]),
                None => return Err("trailing backslash".to_owned()),
            },
            '[' if class => {
                // `[:alpha:]` is a class of its own, any other bracket a plain character.
                if characters.peek() == Some(&':') { out.push('[') } else { out.push_str("\\[") }
            }
            '[' => {
                class = true;
                out.push('[');
                if characters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if characters.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            ':' if class && characters.peek() == Some(&']') && out.rfind("[:").is_some_and(|at| !out[at..].contains(']')) => {
                characters.next();
                out.push_str(":]");
            }
            ']' if class => {
                class = false;
                out.push(']');
            }
            '&' | '~' if class => out.extend(['\\', character]),
            other => out.push(other),
        }
    }
    Ok(out)
}

fn quote(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    let mut text = String::new();
    for character in characters.by_ref() {
        text.push(character);
        if text.ends_with("\\E") {
            text.truncate(text.len() - 2);
            break;
        }
    }
    out.push_str(&regex::escape(&text));
}

fn ascii_class(letter: char, class: bool) -> &'static str {
    match (letter, class) {
        ('d', true) => "0-9",
        ('d', false) => "[0-9]",
        ('w', true) => "0-9A-Za-z_",
        ('w', false) => "[0-9A-Za-z_]",
        (_, true) => "\\t\\n\\x0C\\r ",
        (_, false) => "[\\t\\n\\x0C\\r ]",
    }
}

fn negated_class(letter: char, class: bool) -> &'static str {
    match (letter, class) {
        ('D', true) => "[^0-9]",
        ('D', false) => "[^0-9]",
        ('W', _) => "[^0-9A-Za-z_]",
        _ => "[^\\t\\n\\x0C\\r ]",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ascii_and_brackets_plain() {
        for (pattern, text, expected) in [
            (r"^\d+$", "١٢", false),
            (r"^\d+$", "12", true),
            (r"^[[a]+$", "[a", true),
            (r"^[a&&b]+$", "&ab", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"^[\w-]+$", "a-b_1", true),
            (r"^[[:alpha:]]+$", "abc", true),
            (r"^[]a]+$", "]a", true),
            (r"b", "abc", true),
            (
                r"^https://gitea\.internal/org/deployment/.*build-deployment-artifact\.yml.*",
                "https://gitea.internal/org/deployment/.gitea/workflows/build-deployment-artifact.yml@refs/heads/main",
                true,
            ),
        ] {
            assert_eq!(regexp(pattern).expect(pattern).is_match(text), expected, "{pattern} {text}");
        }
        for bad in [r"(?=x)", r"\1", "a{1,1001}{1001}{1001}", "(", r"\"] {
            assert!(regexp(bad).is_err(), "{bad}");
        }
    }
}
