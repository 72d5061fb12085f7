//! Regular expressions that people write into configurations. Read first: [`expression`].

use golang::regexp;
use regex::Regex;

/// Longest expression, in bytes.
const LONGEST: usize = 2_000;
/// Most places in an expression: `(a{1,100}){1,100}` has ten thousand, and each step of a search may look at all of them.
const PLACES: u64 = 1_000;

/// Compiles an expression in RE2's syntax, if searching with it will be cheap. JavaScript's `\/` is a plain slash.
pub(crate) fn expression(text: &str) -> Result<Regex, String> {
    let short = || text.chars().take(100).collect::<String>();
    if text.len() > LONGEST {
        return Err(format!("{:?}… is longer than {LONGEST} bytes", short()));
    }
    if places(text) > PLACES {
        return Err(format!("{:?} repeats too much: it has more than {PLACES} places", short()));
    }
    regexp(&text.replace("\\/", "/")).map_err(|error| error.to_string())
}

/// Counts the places of an expression, about: letters and classes, each as often as it is repeated by a number.
pub(crate) fn places(text: &str) -> u64 {
    // For each open group what it has so far, and what the next number repeats.
    let mut groups = vec![(0_u64, 0_u64)];
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let last = match character {
            '(' => {
                groups.push((0, 0));
                continue;
            }
            ')' if groups.len() > 1 => groups.pop().map_or(0, |(sum, last)| sum.saturating_add(last)),
            '{' => {
                let braces = rest.as_str().split('}').next().unwrap_or_default();
                let most = braces.split(',').filter_map(|number| number.trim().parse::<u64>().ok()).max();
                if let (Some(most), Some(group)) = (most, groups.last_mut()) {
                    group.1 = group.1.saturating_mul(most.max(1));
                }
                continue;
            }
            '\\' => {
                rest.next();
                1
            }
            '*' | '+' | '?' | '|' => continue,
            _ => 1,
        };
        if let Some(group) = groups.last_mut() {
            *group = (group.0.saturating_add(group.1), last);
        }
    }
    groups.iter().fold(0, |sum, (group, last)| sum.saturating_add(*group).saturating_add(*last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_costly_is_refused() {
        for (text, expected) in [
            ("^[a-f0-9]{7,40}$", true),
            (r"\d{4}-\d{2}-\d{2}", true),
            (r"^a\/b$", true),
            ("(a*)*", true),
            ("([0-9]{14}-){3}[a-f0-9]{12}", true),
            ("a{500}b{400}", true),
            ("a{1000}{1000}", false),
            ("(a{1,100}){1,100}", false),
            ("(((a{10}){10}){10}){10}", false),
            ("(?=x)", false),
            ("[", false),
            (&"a".repeat(1_001), false),
        ] {
            assert_eq!(expression(text).is_ok(), expected, "{}", &text[..text.len().min(40)]);
        }
    }
}
